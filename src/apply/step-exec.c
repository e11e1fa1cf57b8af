/* step-exec.c - the last walls and the program itself. */
#include "apply/ops.h"

#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/caps.h"
#include "linux/lsm.h"
#include "linux/scfilter.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

int step_caps(struct apply *a, const struct step *st, struct err *e)
{
	int r = caps_bound(st->number[0]);

	(void)a;
	if (r == 0)
		r = caps_clear_inherited();
	return r < 0 ? err_sys(e, r, "drop capabilities") : 0;
}

int step_seccomp(struct apply *a, const struct step *st, struct err *e)
{
	int r = 0;

	if (st->number[0] && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "set no_new_privs");
	if (st->number[1] == 1)
		r = notify_load(&a->notify, buf_str(&a->seccomp), a->seccomp.len);
	return r < 0 ? err_sys(e, r, "load the system call filter") : 0;
}

/* "27,1000", or NULL for none. */
static int parse_groups(const char *text, gid_t *ret, size_t max, size_t *ret_count)
{
	for (*ret_count = 0; text && *text;) {
		size_t len = strcspn(text, ",");
		char one[16];
		uint32_t gid;
		int r;

		if (len >= sizeof(one) || *ret_count == max)
			return -E2BIG;
		memcpy(one, text, len);
		one[len] = '\0';
		r = parse_u32(one, &gid);
		if (r < 0)
			return r;
		ret[(*ret_count)++] = gid;
		text += len + (text[len] == ',');
	}
	return 0;
}

/* The session keyring of whoever starts the container came along; a fresh one takes its place. Nothing is lost where the kernel has no keyrings. */
int step_keyring(struct apply *a, const struct step *st, struct err *e)
{
	(void)a;
	(void)st;
	(void)e;
	(void)syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
	return 0;
}

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#endif

/* A cookie for us and what comes from us. ENODEV: no two threads share a core here, so there is nobody to be kept away from. */
int step_sched_core(struct apply *a, const struct step *st, struct err *e)
{
	(void)a;
	(void)st;
	if (prctl(PR_SCHED_CORE, 1 /* CREATE */, 0, 1 /* thread group */, 0) < 0 && errno != ENODEV)
		return err_sys(e, errno, "take a scheduling cookie (lxc.sched.core)");
	return 0;
}

int step_pdeath(struct apply *a, const struct step *st, struct err *e)
{
	(void)a;
	if (prctl(PR_SET_PDEATHSIG, (unsigned long)st->number[0], 0, 0, 0) < 0)
		return err_sys(e, errno, "ask for signal %u at the monitor's death", (unsigned)st->number[0]);
	return 0;
}

/* What the program gets at its exec. Our own procfs knows us, whatever the container has made of its own. */
int step_label(struct apply *a, const struct step *st, struct err *e)
{
	int r = lsm_label(a->procfs, st->text[0], st->text[1]);

	if (r == 0)
		return 0;
	(void)err_sys(e, r, "take the label '%s'", st->text[1]);
	return r == -ENOENT || r == -EINVAL ? err_hint(e, "load the profile or policy that it belongs to") : r;
}

int step_user(struct apply *a, const struct step *st, struct err *e)
{
	gid_t gid = (gid_t)st->number[1];
	uid_t uid = (uid_t)st->number[0];
	const char *cwd = st->text[0] ?: "/";

	gid_t groups[64];
	size_t count = 0;
	int r = parse_groups(st->text[1], groups, ARRAY_LEN(groups), &count);

	if (r < 0)
		return err_sys(e, r, "read the groups '%s'", st->text[1]);
	a->user_flags = st->number[2];
	if (chdir(cwd) < 0)
		return err_sys(e, errno, "enter the working directory '%s'", cwd);
	if (uid == 0 && gid == 0 && count == 0)
		return 0;
	if ((a->user_flags & PLAN_SMALL_INIT))
		return 0; /* the small init stays root to reap and drops for its program */
	if (setgroups(count, groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_sys(e, errno, "become user %u, group %u", uid, gid);
	return 0;
}

int step_arg(struct apply *a, const struct step *st, struct err *e)
{
	const char **bigger = realloc(a->argv, (a->argv_count + 2) * sizeof(*bigger)); /* as in step_env */

	if (!bigger)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	a->argv = bigger;
	a->argv[a->argv_count++] = st->text[0];
	a->argv[a->argv_count] = NULL;
	return 0;
}

/* A real init starts as the kernel starts one: no session leader, but it can become one, as each does in its own time. sysvinit opens /dev/console before anything else, and a leader
 * would get the terminal by that, for good: inside a user namespace no getty can take it away, and a login on the console has no job control. (The kernel's own console is exempt from
 * that rule, a pty is not.) The monitor has given it a process group. */
static int take_session(struct apply *a, struct err *e)
{
	if (!(a->user_flags & PLAN_SESSION))
		return 0;
	return setsid() < 0 && errno != EPERM ? err_sys(e, errno, "start a session") : 0;
}

static int take_stdio(struct apply *a, struct err *e)
{
	int r = take_session(a, e);

	if (r < 0)
		return r;
	for (int i = 0; i < 3; i++) {
		int fd = (a->user_flags & PLAN_STDIO) && a->stdio[i] >= 0 ? a->stdio[i] : a->console;

		if (dup2(fd, i) < 0)
			return err_sys(e, errno, "set up standard descriptor %d", i);
	}
	if ((a->user_flags & PLAN_CTTY) && !(a->user_flags & PLAN_SMALL_INIT) && ioctl(a->console, TIOCSCTTY, 0) < 0)
		return err_sys(e, errno, "make the console the controlling terminal");
	return 0;
}

static void default_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s <= 64; s++)
		(void)sigaction(s, &dfl, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* coppice-init [-s] [-r FD] [-t] [-k FD]... [-u UID -g GID [-G GIDS]] -- PROGRAM ARGS... */
static int exec_small_init(struct apply *a, struct err *e)
{
	char report[16], uid[16], gid[16], kept[ARRAY_LEN(a->kept)][16];
	const char *argv[64 + 20 + 2 * ARRAY_LEN(a->kept)];
	const struct step *user = plan_find(a->plan, STEP_USER, 0), *child = plan_find(a->plan, STEP_CHILD, 0);
	size_t n = 0;

	if (a->argv_count > 64)
		return err_set(e, ERR_INPUT, E2BIG, "more than 64 arguments");
	argv[n++] = "coppice-init";
	(void)snprintf(report, sizeof(report), "%d", a->report_write);
	argv[n++] = "-r";
	argv[n++] = report;
	if (child && !(child->number[0] & CLONE_NEWPID))
		argv[n++] = "-s"; /* it is not the pid 1 of what it is born into */
	if (a->user_flags & PLAN_CTTY)
		argv[n++] = "-t";
	for (size_t i = 0; i < a->kept_count; i++) {
		if (fcntl(a->kept[i], F_SETFD, 0) < 0)
			return err_sys(e, errno, "keep the terminals");
		(void)snprintf(kept[i], sizeof(kept[i]), "%d", a->kept[i]);
		argv[n++] = "-k";
		argv[n++] = kept[i];
	}
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)user->number[0]);
	(void)snprintf(gid, sizeof(gid), "%u", (unsigned)user->number[1]);
	argv[n++] = "-u";
	argv[n++] = uid;
	argv[n++] = "-g";
	argv[n++] = gid;
	if (user->text[1]) {
		argv[n++] = "-G";
		argv[n++] = user->text[1];
	}
	argv[n++] = "--";
	for (size_t i = 0; i < a->argv_count; i++)
		argv[n++] = a->argv[i];
	argv[n] = NULL;
	if (fcntl(a->report_write, F_SETFD, 0) < 0)
		return err_sys(e, errno, "keep the report pipe");
	(void)syscall(SYS_execveat, a->init_helper, "", argv, a->env, AT_EMPTY_PATH);
	return err_sys(e, errno, "start the small init");
}

int step_exec(struct apply *a, const struct step *st, struct err *e)
{
	const struct step *filter = plan_find(a->plan, STEP_SECCOMP, 0);
	int r = take_stdio(a, e);

	(void)st;
	if (r < 0)
		return r;
	/* everything but 0, 1, 2 ends at the exec, whoever opened it */
	if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_sys(e, errno, "mark descriptors");
	default_signals();
	(void)umask(022);
	if (filter && filter->number[1] == 2) {
		r = notify_load(&a->notify, buf_str(&a->seccomp), a->seccomp.len);
		if (r < 0)
			return err_sys(e, r, "load the system call filter");
	}
	if (a->user_flags & PLAN_SMALL_INIT)
		return exec_small_init(a, e);
	r = proc_exec(a->argv, a->env);
	(void)err_sys(e, r, "run init '%s'", a->argv[0]);
	if (r == -ENOENT)
		(void)err_hint(e, "the container has no such program: install an init system in the base, or name another program: --init PROGRAM, lxc.init.cmd");
	return r;
}
