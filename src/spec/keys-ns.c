/* keys-ns.c - setters for what a container's processes have for themselves and what they share: namespaces, the session keyring, the
 * scheduler's cookie, files of init in /proc, and what becomes of init when its monitor dies. */
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *const ns_names[] = {
    [SPEC_NS_CGROUP] = "cgroup", [SPEC_NS_IPC] = "ipc", [SPEC_NS_MNT] = "mnt",	 [SPEC_NS_NET] = "net",
    [SPEC_NS_PID] = "pid",	 [SPEC_NS_TIME] = "time", [SPEC_NS_USER] = "user", [SPEC_NS_UTS] = "uts",
};
_Static_assert(ARRAY_LEN(ns_names) == SPEC_NS_COUNT, "every namespace has a name");

const char *spec_ns_name(enum spec_ns ns)
{
	return ns < SPEC_NS_COUNT ? ns_names[ns] : "?";
}

/* As in /proc/PID/ns, in capitals or not; and the words of lxc-attach -s, of which LXC's manual uses one for this key too. */
static int find_ns(const char *name, size_t len, enum spec_ns *ret, struct err *e)
{
	static const struct {
		const char *word;
		enum spec_ns ns;
	} others[] = {{"mount", SPEC_NS_MNT}, {"network", SPEC_NS_NET}, {"utsname", SPEC_NS_UTS}};
	char word[16];

	if (!value_copy(name, len, word, sizeof(word)))
		return err_set(e, ERR_INPUT, EINVAL, "not a namespace");
	for (size_t i = 0; i < ARRAY_LEN(ns_names); i++) {
		if (strcasecmp(word, ns_names[i]) != 0)
			continue;
		*ret = (enum spec_ns)i;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (strcasecmp(word, others[i].word) != 0)
			continue;
		*ret = others[i].ns;
		return 0;
	}
	return value_unknown(e, "namespace", word, ns_names, ARRAY_LEN(ns_names));
}

/* A bit for each namespace named. */
static int parse_list(const char *value, uint32_t *ret, struct err *e)
{
	const char *word;
	size_t len;

	*ret = 0;
	while ((word = value_word(&value, &len))) {
		enum spec_ns ns = SPEC_NS_COUNT;
		int r = find_ns(word, len, &ns, e);

		if (r < 0)
			return r;
		*ret |= 1u << ns;
	}
	return 0;
}

SETTER(set_ns_clone)
{
	uint32_t list;
	int r = parse_list(value, &list, e);

	(void)key;
	if (r == 0)
		s->ns_clone = list;
	return r;
}

SETTER(set_ns_keep)
{
	uint32_t list;
	int r = parse_list(value, &list, e);

	(void)key;
	if (r == 0)
		s->ns_keep = list;
	return r;
}

/* A pid, a path, or a container, whose init is looked for at the start. */
SETTER(set_ns_share)
{
	const char *name = key_suffix(key, "lxc.namespace.share.");
	enum spec_ns ns = SPEC_NS_COUNT;
	uint32_t pid;
	int r;

	if (!*name) {
		memset(s->ns_share, 0, sizeof(s->ns_share));
		return 0;
	}
	r = find_ns(name, strlen(name), &ns, e);
	if (r < 0)
		return r;
	s->ns_share[ns] = NULL;
	if (!*value)
		return 0;
	if (*value == '/')
		return value_path(&s->arena, value, true, &s->ns_share[ns], e);
	if (!parse_is_container(value) || (parse_u32(value, &pid) == 0 && (pid == 0 || pid > INT32_MAX)))
		return err_set(e, ERR_INPUT, EINVAL, "neither a container's name, nor the id of a process, nor a path");
	s->ns_share[ns] = arena_strdup(&s->arena, value);
	return s->ns_share[ns] ? 0 : value_oom(e);
}

/* Files that would take away a wall, or that are written by us. */
static bool is_guarded(const char *file)
{
	static const char *const guarded[] = {"mem", "uid_map", "gid_map", "projid_map", "setgroups"};

	return value_one_of(file, guarded, ARRAY_LEN(guarded)) || strncmp(file, "attr/", 5) == 0 || strncmp(file, "task/", 5) == 0;
}

static bool is_proc_file(const char *name)
{
	if (*name == '/' || *name == '.')
		return false;
	for (const char *p = name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_' || (*p == '/' && p[1] && p[1] != '/')))
			return false;
	return strlen(name) < 64;
}

SETTER(set_proc)
{
	const char *name = key_suffix(key, "lxc.proc.");

	if (!*name) {
		s->procs = NULL;
		s->proc_count = 0;
		return 0;
	}
	if (!is_proc_file(name))
		return err_set(e, ERR_INPUT, EINVAL, "not a file of a process in /proc");
	if (is_guarded(name))
		return err_set(e, ERR_INPUT, EPERM, "this file is not for settings: what it says is decided by other keys");
	if (!value_printable(value) || strlen(value) > 4000)
		return err_set(e, ERR_INPUT, EINVAL, "not one line of text");
	return key_set_pair(s, &s->procs, &s->proc_count, name, value, e);
}

SETTER(set_keyring_session)
{
	bool own;
	int r = value_bool(value, true, &own, e);

	(void)key;
	if (r == 0)
		s->keyring_shared = !own;
	return r;
}

SETTER(set_sched_core)
{
	(void)key;
	return value_bool(value, false, &s->sched_core, e);
}

SETTER(set_pdeath)
{
	(void)key;
	if (strcmp(value, "0") == 0) {
		s->signal_pdeath = 0;
		return 0;
	}
	return value_signal(value, &s->signal_pdeath, e);
}
