/* shared.c - namespaces of another container or process that a container is born into.
 *
 * A helper process enters them and then makes the setup child as its sibling, so that the monitor is the parent all the same. The monitor itself enters nothing: from a user
 * namespace below its own it could not come back. That one is entered last, as it takes away the rights that the others want; what the child gets of its own is made
 * behind it and belongs to it. */
#include "apply/shared.h"

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
#include <sys/prctl.h>
#include <unistd.h>

#define LEAVE_MS 3000u /* what has ended with the last run is told to its monitor, which lets go */

static const int ns_flags[] = {
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP, [SPEC_NS_IPC] = CLONE_NEWIPC,   [SPEC_NS_MNT] = CLONE_NEWNS,    [SPEC_NS_NET] = CLONE_NEWNET,
	[SPEC_NS_PID] = CLONE_NEWPID,	    [SPEC_NS_TIME] = CLONE_NEWTIME, [SPEC_NS_USER] = CLONE_NEWUSER, [SPEC_NS_UTS] = CLONE_NEWUTS,
};
_Static_assert(ARRAY_LEN(ns_flags) == SPEC_NS_COUNT, "every namespace has its flag");

/* ---- opened ---- */

/* Through a container's record; the process that it names must still be there when the namespace is open, or its pid may have been another's by then. */
static int open_of_container(const struct state *state, const char *kind, const char *name, struct err *e)
{
	struct record record;
	char path[64];
	int r = record_read(state, name, &record);
	int fd = r;

	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", record.init.pid, kind);
		fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	}
	if (r == 0 && proc_alive(&record.init))
		return fd < 0 ? err_sys(e, fd, "open the %s namespace of container '%s'", kind, name) : fd;
	fd_close(&fd);
	(void)err_set(e, ERR_STATE, ESRCH, "container '%s', whose %s namespace shall be shared, does not run", name, kind);
	return err_hint(e, "coppice start %s", name);
}

static int open_of_process(const char *kind, uint32_t pid, struct err *e)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, kind);
	fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return err_set(e, ERR_STATE, ESRCH, "process %u, whose %s namespace shall be shared, does not exist", pid, kind);
	return fd < 0 ? err_sys(e, fd, "open the %s namespace of process %u", kind, pid) : fd;
}

/* The namespace of users that we are in ourselves is no wall: it would be the host's. */
static int refuse_own_users(int fd, const char *target, struct err *e)
{
	autoclose int own = fd_open(AT_FDCWD, "/proc/self/ns/user", O_RDONLY, 0);

	if (own < 0)
		return err_sys(e, own, "open our user namespace");
	if (!ns_same(own, fd))
		return 0;
	(void)err_set(e, ERR_INPUT, EINVAL, "'%s', whose user namespace shall be shared, has the host's", target);
	return err_hint(e, "say coppice.privileged = 1 instead of lxc.namespace.share.user, if root in this container may be root on this host");
}

int apply_open_shared(const struct state *state, enum spec_ns ns, const char *target, struct err *e)
{
	const char *kind = spec_ns_name(ns);
	autoclose int fd = FD_NONE;
	uint32_t pid;
	int r;

	if (target[0] == '/')
		fd = fd_open(AT_FDCWD, target, O_RDONLY | O_NONBLOCK, 0);
	else
		fd = parse_u32(target, &pid) == 0 ? open_of_process(kind, pid, e) : open_of_container(state, kind, target, e);
	if (fd < 0)
		return target[0] == '/' ? err_sys(e, fd, "open the %s namespace '%s'", kind, target) : fd;
	if (ns_kind(fd) != ns_flags[ns])
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no %s namespace", target, kind);
	r = ns == SPEC_NS_USER ? refuse_own_users(fd, target, e) : 0;
	return r < 0 ? r : take_fd(fd);
}

/* In a process of the other namespace, which has our descriptors: a procfs shows the namespace of whoever makes it. */
static NORETURN void make_proc(int answer)
{
	int fd = mnt_new("proc", NULL, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);

	(void)!write(answer, &fd, sizeof(fd));
	_exit(0);
}

/* The container itself, mapped, may not mount the procfs of a pid namespace that is not its own. */
static int open_shared_proc(struct apply *a, struct err *e)
{
	autoclose int own = fd_open(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY, 0);
	autoclose int pidfd = FD_NONE;
	int pipe_fds[2], fd = -EIO, status, r = own < 0 ? own : ns_enter(a->shared[SPEC_NS_PID], CLONE_NEWPID);
	pid_t pid;

	if (r < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, r < 0 ? r : errno, "enter the pid namespace that shall be shared");
	pid = ns_clone(CLONE_FILES, FD_NONE, false, &pidfd);
	if (pid == 0)
		make_proc(pipe_fds[1]);
	r = pid < 0 ? (int)pid : proc_reap(pid, pidfd, a->deadline, &status);
	if (r == 0 && read(pipe_fds[0], &fd, sizeof(fd)) != (ssize_t)sizeof(fd))
		r = -EIO;
	fd_close(&pipe_fds[0]);
	fd_close(&pipe_fds[1]);
	if (ns_enter(own, CLONE_NEWPID) < 0 && r == 0)
		r = -errno;
	if (r == 0 && fd < 0)
		r = fd;
	if (r < 0)
		return err_sys(e, r, "make a proc mount of the pid namespace that shall be shared");
	a->shared_proc = fd;
	return 0;
}

static const char *target_of(const struct apply *a, enum spec_ns ns)
{
	plan_each(st, a->plan, STEP_OPEN_NS)
		if (strcmp(st->text[0], spec_ns_name(ns)) == 0)
			return st->text[1];
	return "?";
}

int apply_hold_mounts(struct apply *a, struct err *e)
{
	const char *target = target_of(a, SPEC_NS_MNT);
	uint32_t pid;

	if (!parse_is_name(target) || parse_u32(target, &pid) == 0)
		return 0;
	a->mounts_lock = state_mounts_lock(a->state, target, false, 0);
	return a->mounts_lock < 0 ? err_sys(e, a->mounts_lock, "lock the mounts of container '%s'", target) : 0;
}

int shared_none_left(struct apply *a, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	autoclose int lock = state_mounts_lock(a->state, who->text[0], true, clock_deadline(LEAVE_MS));

	if (lock != -EBUSY)
		return lock >= 0 || lock == -ENOENT ? 0 : err_sys(e, lock, "lock the mounts of '%s'", who->text[0]);
	(void)err_set(e, ERR_BUSY, EBUSY, "another container still lives among the mounts of its last run (lxc.namespace.share.mnt = %s)", who->text[0]);
	return err_hint(e, "coppice list status=running, and stop that one first");
}

int step_open_ns(struct apply *a, const struct step *st, struct err *e)
{
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++) {
		if (strcmp(st->text[0], spec_ns_name((enum spec_ns)i)) != 0)
			continue;
		fd_close(&a->shared[i]);
		a->shared[i] = apply_open_shared(a->state, (enum spec_ns)i, st->text[1], e);
		if (a->shared[i] < 0)
			return a->shared[i];
		if (i == SPEC_NS_MNT)
			return apply_hold_mounts(a, e);
		return i == SPEC_NS_PID && a->shared[SPEC_NS_MNT] < 0 ? open_shared_proc(a, e) : 0;
	}
	return err_set(e, ERR_INTERNAL, EINVAL, "no kind of namespace is called '%s'", st->text[0]);
}

/* ---- checked ---- */

bool shared_any(const struct apply *a)
{
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++)
		if (a->shared[i] >= 0)
			return true;
	return false;
}

int shared_check(const struct apply *a, struct err *e)
{
	const char *target = target_of(a, SPEC_NS_MNT);
	autoclose int own = FD_NONE;
	autoclose int owner = FD_NONE;

	if (a->shared[SPEC_NS_MNT] < 0)
		return 0;
	own = ns_open(a->procfs, getpid(), "user");
	owner = ns_owner(a->shared[SPEC_NS_MNT]);
	if (own < 0 || owner < 0)
		return err_sys(e, own < 0 ? own : owner, "find out whose the mounts of '%s' are", target);
	if (ns_same(owner, a->shared[SPEC_NS_USER] >= 0 ? a->shared[SPEC_NS_USER] : own))
		return 0;
	(void)err_set(e, ERR_INPUT, EPERM, "the mounts of '%s' belong to another user namespace than the container: it could not use them, or would have more rights there than who made them", target);
	if (ns_same(owner, own))
		return err_hint(e, "say coppice.privileged = 1 instead of lxc.namespace.share.user, if root in this container may be root on this host");
	return err_hint(e, "lxc.namespace.share.user = %s", target);
}

int shared_take_ids(struct apply *a, struct err *e)
{
	struct ns_maps maps;
	int r = ns_read_maps(a->procfs, a->child, &maps);

	if (r < 0)
		return err_sys(e, r, "read the id maps of the user namespace that is shared");
	if (maps.uid_count != a->uid_maps || memcmp(maps.uid, a->uid_map, a->uid_maps * sizeof(maps.uid[0])) != 0 || maps.gid_count != a->gid_maps ||
	    memcmp(maps.gid, a->gid_map, a->gid_maps * sizeof(maps.gid[0])) != 0) {
		(void)err_set(e, ERR_STATE, ESTALE, "the ids of '%s', whose user namespace is shared, have changed since this start was planned", target_of(a, SPEC_NS_USER));
		return err_hint(e, "start it again");
	}
	a->userns = take_fd(a->shared[SPEC_NS_USER]);
	return 0;
}

/* ---- entered ---- */

static int enter_one(const struct apply *a, unsigned ns, struct err *e)
{
	int r = a->shared[ns] < 0 ? 0 : ns_enter(a->shared[ns], ns_flags[ns]);

	return r < 0 ? err_sys(e, r, "enter the %s namespace of '%s', which shall be shared", spec_ns_name((enum spec_ns)ns), target_of(a, (enum spec_ns)ns)) : 0;
}

static int enter_all(const struct apply *a, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < SPEC_NS_COUNT && r == 0; i++)
		if (i != SPEC_NS_USER)
			r = enter_one(a, i, e);
	return r < 0 ? r : enter_one(a, SPEC_NS_USER, e);
}

/* The helper's program; returns 0 in the child that it makes. */
static pid_t bear(struct apply *a, uint64_t flags, int answer)
{
	struct err e = {0};
	int pidfd = FD_NONE, r;
	pid_t pid = -1;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = err_sys(&e, errno, "hide from ptrace");
	else
		r = enter_all(a, &e);
	if (r == 0) {
		pid = ns_clone(flags, FD_NONE, true, &pidfd);
		if (pid < 0)
			(void)err_sys(&e, pid, "clone into the container's namespaces");
	}
	if (pid == 0)
		return 0;
	if (pid < 0)
		msg_send_fail(answer, &e);
	else
		(void)!msg_send(answer, MSG_BORN, pid, 0, &pidfd, 1);
	_exit(0);
}

pid_t shared_clone(struct apply *a, uint64_t flags, int cgroup_fd, struct err *e)
{
	autoclose int sock = FD_NONE;
	autoclose int helper_fd = FD_NONE;
	struct msg m;
	int status, r;
	pid_t helper = ns_clone_talking(cgroup_fd, &sock, &helper_fd); /* the child is born where this one is */

	if (helper == 0)
		return bear(a, flags, sock);
	if (helper < 0)
		return err_sys(e, helper, "fork");
	r = msg_recv(sock, a->deadline, &m, &a->child_pidfd, 1);
	(void)!proc_kill(helper_fd, SIGKILL);
	(void)!proc_reap(helper, helper_fd, a->deadline, &status);
	if (r == 1 && m.type == MSG_BORN && a->child_pidfd >= 0)
		return (pid_t)m.value;
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	return err_set(e, ERR_SYSTEM, ECHILD, "the process that enters the shared namespaces ended too early");
}
