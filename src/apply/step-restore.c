/* step-restore.c - a checkpoint takes the place of the program's start.
 *
 * The child was made as for any start and waits for its exec: its mounts, its network namespace and its terminals are what the restored processes get. criu runs beside it, in a
 * copy of the host's mounts in which the child's tree hangs, and takes from there what the checkpoint says is not its own. What it brings to life is a child of the monitor's and
 * takes the place of the one that waits, which is killed. A start after that one, by a reboot or the restart policy, is an ordinary one. */
#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TREE "root"
#define PID_FILE "pid"

struct restore {
	struct arena arena;
	const char **argv;
	size_t argc;
	int keep[2 + APPLY_MAX_TTYS]; /* what criu inherits */
	size_t keep_count;
	const char *place; /* where the tree hangs, and criu writes the pid */
	int fs;            /* the file system at the place: seen by criu's process there, by us by this descriptor */
	bool oom;
};

static void restore_done(struct restore *r)
{
	for (size_t i = 0; i < r->keep_count; i++)
		fd_close(&r->keep[i]);
	fd_close(&r->fs);
	arena_done(&r->arena);
}

static void word(struct restore *r, const char *text)
{
	const char **at = text ? arena_push(&r->arena, &r->argv, &r->argc, sizeof(*at)) : NULL;

	if (at)
		*at = text;
	r->oom |= !at;
}

static void inherit(struct restore *r, int fd, const char *key)
{
	r->keep[r->keep_count++] = fd;
	word(r, "--inherit-fd");
	word(r, arena_printf(&r->arena, "fd[%d]:%s", fd, key));
}

/* The terminal side of what the child has laid out. */
static int inherit_terminals(struct apply *a, struct restore *r, struct err *e)
{
	plan_each(st, a->plan, STEP_RESTORE_TTY) {
		int fd;

		if (r->keep_count + 1 >= ARRAY_LEN(r->keep))
			break;
		if (st->number[0] >= a->master_count)
			return err_set(e, ERR_INPUT, ENXIO, "the checkpoint has a terminal %u, which the container's config does not give it any more (lxc.tty.max)", (unsigned)st->number[0]);
		fd = ioctl(a->master[st->number[0]], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open terminal %u", (unsigned)st->number[0]);
		inherit(r, fd, st->text[0]);
	}
	return 0;
}

static int inherit_network(struct apply *a, struct restore *r, struct err *e)
{
	const struct step *child = plan_find(a->plan, STEP_CHILD, 0);
	int fd;

	if (!child || !(child->number[0] & CLONE_NEWNET))
		return 0;
	fd = ns_open(a->procfs, a->child, "net");
	if (fd < 0)
		return err_sys(e, fd, "open the container's network namespace");
	inherit(r, fd, APPLY_CRIU_NET);
	return 0;
}

static void mounts(struct apply *a, struct restore *r)
{
	plan_each(st, a->plan, STEP_RESTORE_MOUNT) {
		word(r, "--external");
		word(r, arena_printf(&r->arena, "mnt[%s]:%s/" TREE "%s", st->text[0], r->place, st->text[0]));
	}
}

static int command(struct apply *a, const struct step *st, struct restore *r, struct err *e)
{
	/* "soft": criu makes and sets what control groups the container had made for itself; its own are ours, and have their limits */
	static const char *const fixed[] = {"restore", "--restore-detached", "--restore-sibling", "-o", APPLY_CRIU_LOG, "--tcp-established", "--file-locks", "--link-remap", "--manage-cgroups=soft"};
	int rc;

	word(r, st->text[1]);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		word(r, fixed[i]);
	word(r, "-D");
	word(r, st->text[0]);
	word(r, "--root");
	word(r, arena_printf(&r->arena, "%s/" TREE, r->place));
	word(r, "--pidfile");
	word(r, arena_printf(&r->arena, "%s/" PID_FILE, r->place));
	if (st->text[2]) {
		word(r, "--action-script");
		word(r, st->text[2]);
	}
	if (st->number[0])
		word(r, "-v4");
	mounts(a, r);
	rc = inherit_terminals(a, r, e);
	if (rc == 0)
		rc = inherit_network(a, r, e);
	if (rc == 0 && (r->oom || !arena_push(&r->arena, &r->argv, &r->argc, sizeof(*r->argv))))
		rc = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	return rc;
}

/* ---- criu's process, until it is criu ---- */

/* The child's mounts in a copy of the host's. Shared, because what was the monitor's slave at the checkpoint becomes a slave of this. */
static int lay_out(struct apply *a, const struct restore *r, struct err *e)
{
	autoclose int tree = FD_NONE;
	autoclose int place = FD_NONE;
	autoclose int target = FD_NONE;
	int rc = ns_enter(a->child_pidfd, CLONE_NEWNS);

	if (rc < 0)
		return err_sys(e, rc, "enter the container's mounts");
	tree = mnt_clone(AT_FDCWD, "/", true);
	rc = tree < 0 ? tree : mnt_attr(tree, true, 0, 0, MNT_SHARED, FD_NONE);
	if (rc < 0)
		return err_sys(e, rc, "clone the container's mounts");
	rc = apply_to_host(a);
	if (rc < 0)
		return err_sys(e, rc, "return to the host's mounts");
	rc = apply_private_mounts(e);
	if (rc < 0)
		return rc;
	place = fd_open(AT_FDCWD, r->place, O_PATH | O_DIRECTORY, 0);
	rc = place < 0 ? place : mnt_attach(r->fs, place);
	if (rc == 0) {
		target = fd_open(r->fs, TREE, O_PATH | O_DIRECTORY, 0);
		rc = target < 0 ? target : mnt_attach(tree, target);
	}
	return rc < 0 ? err_sys(e, rc, "show the container's tree to criu at '%s/" TREE "'", r->place) : 0;
}

static NORETURN void criu_process(struct apply *a, const struct restore *r, int sock)
{
	static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/", NULL};
	struct err e = {0};
	int rc = lay_out(a, r, &e);

	(void)umask(022);
	for (size_t i = 0; rc == 0 && i < r->keep_count; i++)
		if (fcntl(r->keep[i], F_SETFD, 0) < 0)
			rc = err_sys(&e, errno, "hand descriptors to criu");
	if (rc == 0) {
		(void)execve(r->argv[0], (char *const *)(uintptr_t)r->argv, (char *const *)(uintptr_t)env);
		(void)err_sys(&e, errno, "run '%s'", r->argv[0]);
	}
	msg_send_fail(sock, &e);
	_exit(125);
}

/* ---- the monitor's half ---- */

/* A criu that was killed leaves its half-made processes behind, which are children of ours and wait for it for ever. Whoever else we have is about to be ended too. */
static void end_children(struct apply *a)
{
	char path[48], list[1024], *save = NULL;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "self/task/%d/children", (int)getpid());
	n = fd_read_file(a->procfs, path, list, sizeof(list));
	for (char *text = n > 0 ? strtok_r(list, " \n", &save) : NULL; text; text = strtok_r(NULL, " \n", &save)) {
		uint32_t pid = 0;
		int status;

		if (parse_u32(text, &pid) < 0 || (pid_t)pid == a->child)
			continue;
		(void)kill((pid_t)pid, SIGKILL); /* ours until we reap it */
		(void)waitpid((pid_t)pid, &status, __WALL);
	}
}

static int run_criu(struct apply *a, const struct restore *r, const char *dir, struct err *e)
{
	autoclose int sock = FD_NONE;
	autoclose int pidfd = FD_NONE;
	int status = 0, rc;
	struct msg m;
	pid_t pid = ns_clone_talking(FD_NONE, &sock, &pidfd);

	if (pid == 0)
		criu_process(a, r, sock);
	if (pid < 0)
		return err_sys(e, (int)pid, "fork");
	rc = msg_recv(sock, a->deadline, &m, NULL, 0); /* its end is the exec's */
	if (rc == 1 && m.type == MSG_FAIL)
		*e = m.err;
	if (rc == 0)
		rc = proc_reap(pid, pidfd, a->deadline, &status);
	else
		rc = rc < 0 ? rc : -EIO;
	if (rc < 0) {
		(void)!proc_kill(pidfd, SIGKILL);
		(void)!proc_reap(pid, pidfd, clock_deadline(5000), &status);
		end_children(a);
		return err_is(e) ? -e->code : err_sys(e, rc, "wait for criu");
	}
	if (status > 128) { /* as a shell says it */
		end_children(a);
		(void)err_set(e, ERR_SYSTEM, EIO, "criu was ended by signal %d", status - 128);
		return err_hint(e, "less %s/" APPLY_CRIU_LOG, dir);
	}
	/* whoever asked for it knows where its log is, which says why */
	return status ? err_set(e, ERR_SYSTEM, APPLY_CRIU_FAILED, "criu ended with status %d", status) : 0;
}

/* What criu has brought to life is our child, and the container's init from here on. */
static int take_over(struct apply *a, const struct restore *r, struct err *e)
{
	autoclose int fd = fd_open(r->fs, PID_FILE, O_RDONLY | O_NOFOLLOW, 0);
	autoclose int pidfd = FD_NONE;
	siginfo_t info = {0};
	char text[24] = "";
	uint32_t pid = 0;
	int rc = fd < 0 ? fd : 0, status;

	if (rc == 0 && read(fd, text, sizeof(text) - 1) <= 0)
		rc = -EIO;
	text[strcspn(text, "\n")] = '\0';
	if (rc == 0)
		rc = parse_u32(text, &pid);
	if (rc < 0)
		return err_sys(e, rc, "read the process id that criu wrote");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return err_sys(e, errno, "open the restored process %u", pid);
	if (waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		return err_sys(e, errno, "wait for the restored process %u", pid);
	(void)!proc_kill(a->child_pidfd, SIGKILL);
	(void)!proc_reap(a->child, a->child_pidfd, clock_deadline(10000), &status);
	fd_close(&a->child_pidfd);
	fd_close(&a->sock);
	a->child = (pid_t)pid;
	a->child_pidfd = take_fd(pidfd);
	apply_keep_namespaces(a, a->procfs);
	return 0;
}

int step_restore(struct apply *a, const struct step *st, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	const char *const opts[] = {"mode", "0700", "size", "64k", NULL};
	autodone(restore_done) struct restore r = {.arena = ARENA_INIT, .fs = FD_NONE};
	int rc;

	if (!a->restores)
		return 0;
	r.place = arena_printf(&r.arena, "%s/%s", a->state->rundir, who->text[0]);
	r.fs = mnt_new("tmpfs", opts, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
	if (r.fs < 0 || mkdirat(r.fs, TREE, 0700) < 0)
		return err_sys(e, r.fs < 0 ? r.fs : errno, "make a place for criu");
	rc = command(a, st, &r, e);
	if (rc == 0)
		rc = run_criu(a, &r, st->text[0], e);
	return rc < 0 ? rc : take_over(a, &r, e);
}
