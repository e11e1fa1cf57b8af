/* build-label.c - which security module's label the container's program gets.
 *
 * What a config asks of a module that this kernel has not is told and left out, where LXC would not start: the other fences stand without it. What the kernel has
 * and cannot give as asked is refused: the container would be less confined than its config says. */
#include "plan/build-impl.h"

#include <errno.h>
#include <string.h>

static int add_apparmor(struct builder *b, struct err *e)
{
	const struct spec *s = b->s;
	const char *profile = s->apparmor_profile;

	if (!profile || strcmp(profile, "unchanged") == 0)
		return 0;
	if (!b->c->lsm.apparmor) {
		if (strcmp(profile, "generated") == 0)
			buf_puts(b->notes, "lxc.apparmor.profile: no AppArmor in this kernel: no profile is generated, the other fences stand without it\n");
		else if (strcmp(profile, "unconfined") != 0)
			buf_printf(b->notes, "lxc.apparmor.profile: no AppArmor in this kernel: it runs without profile '%s'\n", profile);
		return 0;
	}
	if (strcmp(profile, "unconfined") != 0 && !b->c->lsm.apparmor_mounts && !s->apparmor_incomplete) {
		(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "lxc.apparmor.profile: this kernel's AppArmor does not confine mounts");
		return err_hint(e, "coppice config set %s lxc.apparmor.allow_incomplete=1", s->name);
	}
	if (strcmp(profile, "generated") == 0) {
		profile = b->c->apparmor_generated;
		if (!profile) {
			buf_puts(b->notes, "lxc.apparmor.profile: no profile is generated, apparmor_parser is not installed: the other fences stand without it\n");
			return 0;
		}
	}
	build_add(b, STEP_LABEL, "apparmor/exec", arena_printf(&b->p->arena, "exec %s", profile), NULL, 0, 0, 0);
	return 0;
}

/* "unconfined_t" is LXC's word for none. */
static bool says_context(const char *context)
{
	return context && strcmp(context, "unconfined_t") != 0;
}

void build_keyring_label(struct builder *b)
{
	const struct spec *s = b->s;
	const char *keyring = s->selinux_keyring ? s->selinux_keyring : s->selinux_context;

	if (b->c->lsm.selinux && says_context(keyring))
		build_add(b, STEP_LABEL, "keycreate", keyring, NULL, 0, 0, 0);
}

static void add_selinux(struct builder *b)
{
	const struct spec *s = b->s;

	if (!b->c->lsm.selinux && says_context(s->selinux_context))
		buf_puts(b->notes, "lxc.selinux.context: no SELinux in this kernel: it runs without a context\n");
	else if (!b->c->lsm.selinux && says_context(s->selinux_keyring))
		buf_puts(b->notes, "lxc.selinux.context.keyring: no SELinux in this kernel: its keyring has no context\n");
	else if (b->c->lsm.selinux && says_context(s->selinux_context))
		build_add(b, STEP_LABEL, "exec", s->selinux_context, NULL, 0, 0, 0);
}

int build_labels(struct builder *b, struct err *e)
{
	add_selinux(b);
	return add_apparmor(b, e);
}
