/* label.c - what has to be known and made for labels of security modules before a plan can name them.
 *
 * A generated AppArmor profile is made by apparmor_parser, the only program that knows the kernel's format. It is loaded under a name of its own at every start, so that a changed config
 * counts, and stays loaded until the container is deleted or the host restarts; nothing runs under it meanwhile. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/lsm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const parsers[] = {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser", "/usr/bin/apparmor_parser"};

static const char *find_parser(void)
{
	for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
		if (access(parsers[i], X_OK) == 0)
			return parsers[i];
	return NULL;
}

/* Names and capabilities are confined by namespaces and bounding set; what the profile adds is a second wall around the files of the kernel that no namespace covers. */
void engine_apparmor_text(const struct spec *s, const char *profile, struct buf *out)
{
	static const char base[] = "\tnetwork,\n\tcapability,\n\tfile,\n\tumount,\n\tdbus,\n\tpivot_root,\n\tptrace,\n\tsignal,\n\tunix,\n\tmount,\n"
				   "\tdeny @{PROC}/sysrq-trigger rwklx,\n\tdeny @{PROC}/mem rwklx,\n\tdeny @{PROC}/kmem rwklx,\n\tdeny @{PROC}/kcore rwklx,\n"
				   "\tdeny @{PROC}/sys/kernel/core_pattern w,\n\tdeny @{PROC}/sys/kernel/modprobe w,\n\tdeny @{PROC}/sys/kernel/kexec_load_disabled w,\n"
				   "\tdeny /sys/firmware/** rwklx,\n\tdeny /sys/kernel/debug/** rwklx,\n\tdeny /sys/kernel/security/** rwklx,\n";

	buf_printf(out, "profile \"%s\" flags=(attach_disconnected,mediate_deleted) {\n%s", profile, base);
	if (!s->apparmor_nesting && !s->nesting)
		buf_puts(out, "\tdeny mount fstype=debugfs,\n\tdeny mount fstype=securityfs,\n\tdeny mount fstype=tracefs,\n");
	for (size_t i = 0; i < s->apparmor_raw_count; i++)
		buf_printf(out, "\t%s\n", s->apparmor_raw[i]);
	buf_puts(out, "}\n");
}

static int load_generated(const struct spec *s, const char *parser, const char *profile, struct err *e)
{
	const char *argv[] = {parser, "--replace", "--quiet", "--skip-cache", NULL};
	autodone(buf_done) struct buf text = BUF_INIT, log = BUF_INIT;
	autoclose int in = FD_NONE;
	struct proc_run run = {.argv = argv, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(30000)};
	char said[256] = "";
	int r, status = 0;

	engine_apparmor_text(s, profile, &text);
	in = fd_sealed("profile", buf_str(&text), text.len);
	if (in < 0)
		return err_sys(e, in, "hand over the AppArmor profile");
	run.in_fd = in;
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", parser);
	if (log.len)
		format_safe(log.data, said, sizeof(said));
	return status ? err_set(e, ERR_INPUT, EINVAL, "the generated AppArmor profile is not accepted (lxc.apparmor.raw?): %s", said) : 0;
}

int engine_label(struct coppice *c, const struct spec *s, bool look, struct arena *a, struct plan_choices *ret, struct err *e)
{
	const char *parser, *profile;

	(void)c;
	if (!s->apparmor_profile && !s->selinux_context && !s->selinux_keyring)
		return 0;
	lsm_probe(FD_NONE, &ret->lsm);
	if (!ret->lsm.apparmor || !s->apparmor_profile || strcmp(s->apparmor_profile, "generated") != 0)
		return 0;
	parser = find_parser();
	if (!parser)
		return 0;
	profile = arena_printf(a, "coppice-%s", s->name);
	if (!profile)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	ret->apparmor_generated = profile;
	return look ? 0 : load_generated(s, parser, profile, e);
}
