/* keys-hook.c - setters for hooks, system call filters and security modules: programs and policies of the administrator's own. */
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <string.h>

#define HOOKS_MAX 256
#define RAW_MAX 1024
#define PROXY_MAX (5 + 108) /* "unix:" and what a socket address has room for */
#define COOKIE_MAX 4096

static const char *const hook_names[] = {
	[SPEC_HOOK_PRE_START] = "pre-start", [SPEC_HOOK_PRE_MOUNT] = "pre-mount",   [SPEC_HOOK_MOUNT] = "mount", [SPEC_HOOK_AUTODEV] = "autodev",
	[SPEC_HOOK_START_HOST] = "start-host", [SPEC_HOOK_START] = "start",	    [SPEC_HOOK_STOP] = "stop",	 [SPEC_HOOK_POST_STOP] = "post-stop",
	[SPEC_HOOK_CLONE] = "clone",	     [SPEC_HOOK_DESTROY] = "destroy",
};
_Static_assert(ARRAY_LEN(hook_names) == SPEC_HOOK_COUNT, "every hook has a name");

const char *spec_hook_name(enum spec_hook_kind k)
{
	return k < SPEC_HOOK_COUNT ? hook_names[k] : "unset";
}

enum spec_hook_kind spec_hook_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(hook_names); i++)
		if (strcmp(name, hook_names[i]) == 0)
			return (enum spec_hook_kind)i;
	return SPEC_HOOK_COUNT;
}

bool spec_has_hook(const struct spec *s, enum spec_hook_kind k)
{
	for (size_t i = 0; i < s->hook_count; i++)
		if (s->hooks[i].kind == k)
			return true;
	return false;
}

static void drop_hooks(struct spec *s, enum spec_hook_kind kind)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->hook_count; i++)
		if (s->hooks[i].kind != kind)
			s->hooks[kept++] = s->hooks[i];
	s->hook_count = kept;
}

/* lxc.hook.KIND; with an empty value that kind is cleared, and lxc.hook with one clears them all. */
SETTER(set_hook)
{
	const char *name = key_suffix(key, "lxc.hook.");
	enum spec_hook_kind kind = spec_hook_parse(name);
	struct spec_hook *slot;

	if (*name && kind == SPEC_HOOK_COUNT)
		return value_unknown(e, "hook", name, hook_names, ARRAY_LEN(hook_names));
	if (!*name && *value)
		return err_set(e, ERR_INPUT, EINVAL, "says not which hook: lxc.hook.pre-start, lxc.hook.mount, ...");
	if (!*name)
		s->hook_count = 0;
	else if (!*value)
		drop_hooks(s, kind);
	if (!*value)
		return 0;
	if (!value_printable(value) || strlen(value) > 4000)
		return err_set(e, ERR_INPUT, EINVAL, "not one line of text");
	if (s->hook_count >= HOOKS_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d hooks", HOOKS_MAX);
	slot = arena_push(&s->arena, &s->hooks, &s->hook_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = (struct spec_hook){.kind = kind, .command = arena_strdup(&s->arena, value), .where = s->where};
	return slot->command ? 0 : value_oom(e);
}

SETTER(set_hook_version)
{
	(void)key;
	return value_u32(value, 0, 1, 0, &s->hook_version, e);
}

/* ---- system call filters ---- */

SETTER(set_seccomp_profile)
{
	bool off = strcmp(value, "none") == 0 || strcmp(value, "unconfined") == 0;
	const char *path = NULL;
	int r = 0;

	(void)key;
	if (*value && !off && strcmp(value, "default") != 0)
		r = *value == '/' ? value_path(&s->arena, value, true, &path, e) : value_bad(e, -EINVAL, "a profile");
	if (r < 0)
		return r;
	s->seccomp_off = off;
	s->seccomp_profile = path;
	return 0;
}

SETTER(set_seccomp_nesting)
{
	(void)key;
	return value_bool(value, false, &s->seccomp_nesting, e);
}

static int keep_line(struct spec *s, const char *value, const char **ret, struct err *e)
{
	if (!value_printable(value))
		return err_set(e, ERR_INPUT, EINVAL, "not one line of text");
	*ret = *value ? arena_strdup(&s->arena, value) : NULL;
	return *value && !*ret ? value_oom(e) : 0;
}

SETTER(set_seccomp_proxy)
{
	(void)key;
	if (*value && strncmp(value, "unix:/", 6) != 0 && strncmp(value, "unix:@", 6) != 0)
		return value_bad(e, -EINVAL, "a socket");
	if (strlen(value) >= PROXY_MAX || strcmp(value, "unix:/") == 0 || strcmp(value, "unix:@") == 0)
		return value_bad(e, -ERANGE, "a socket");
	return keep_line(s, value, &s->seccomp_proxy, e);
}

SETTER(set_seccomp_cookie)
{
	(void)key;
	if (strlen(value) > COOKIE_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "longer than %d bytes", COOKIE_MAX);
	return keep_line(s, value, &s->seccomp_cookie, e);
}

/* ---- security modules ---- */

static int set_word(struct spec *s, const char *value, const char *what, const char **ret, struct err *e)
{
	const char *copy = NULL;

	for (const char *p = value; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return value_bad(e, -EINVAL, what);
	if (strlen(value) > 512)
		return value_bad(e, -EINVAL, what);
	if (*value && !(copy = arena_strdup(&s->arena, value)))
		return value_oom(e);
	*ret = copy;
	return 0;
}

SETTER(set_apparmor_profile)
{
	(void)key;
	return set_word(s, value, "a profile's name", &s->apparmor_profile, e);
}

SETTER(set_apparmor_incomplete)
{
	(void)key;
	return value_bool(value, false, &s->apparmor_incomplete, e);
}

SETTER(set_apparmor_nesting)
{
	(void)key;
	return value_bool(value, false, &s->apparmor_nesting, e);
}

SETTER(set_apparmor_raw)
{
	const char **slot;

	(void)key;
	if (!*value) {
		s->apparmor_raw_count = 0;
		return 0;
	}
	if (!value_printable(value) || strlen(value) > 4000)
		return err_set(e, ERR_INPUT, EINVAL, "not one line of text");
	if (s->apparmor_raw_count >= RAW_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d lines", RAW_MAX);
	slot = arena_push(&s->arena, &s->apparmor_raw, &s->apparmor_raw_count, sizeof(*slot));
	if (!slot || !(*slot = arena_strdup(&s->arena, value)))
		return value_oom(e);
	return 0;
}

SETTER(set_selinux_context)
{
	(void)key;
	return set_word(s, value, "a context", &s->selinux_context, e);
}

SETTER(set_selinux_keyring)
{
	(void)key;
	return set_word(s, value, "a context", &s->selinux_keyring, e);
}
