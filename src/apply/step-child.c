/* step-child.c - the setup child: born into the container's namespaces, mapped by the monitor, and its own program until exec. */
#include "apply/ops.h"
#include "apply/shared.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/path.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int step_idmap(struct apply *a, const struct step *st, struct err *e)
{
	struct ns_map m = {(uint32_t)st->number[0], (uint32_t)st->number[1], (uint32_t)st->number[2]};

	if (a->uid_maps >= APPLY_MAX_MAPS || a->gid_maps >= APPLY_MAX_MAPS)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d id map lines", APPLY_MAX_MAPS);
	if (st->number[3] & PLAN_MAP_UID) {
		a->uid_map[a->uid_maps++] = m;
		if (m.inside == 0)
			a->root_uid = m.host;
	}
	if (st->number[3] & PLAN_MAP_GID) {
		a->gid_map[a->gid_maps++] = m;
		if (m.inside == 0)
			a->root_gid = m.host;
	}
	return 0;
}

/* unshare(CLONE_NEWTIME) is for children, and for ourselves at the next exec: a monitor that restarts its container by running itself again would
 * live by the container's clock, where deadlines and the start times that identify processes mean something else. */
static int leave_container_time(struct apply *a, struct err *e)
{
	int r = a->host_time < 0 ? 0 : ns_enter(a->host_time, CLONE_NEWTIME);

	fd_close(&a->host_time);
	return r < 0 ? err_sys(e, r, "return to the host's clocks") : 0;
}

/* The monitor's half of the first rendezvous. */
static int receive_birth(struct apply *a, bool mapped, struct err *e)
{
	struct msg m;
	int r = msg_recv(a->sock, a->deadline, &m, NULL, 0);

	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	if (r != 1 || m.type != MSG_BORN)
		return err_set(e, ERR_SYSTEM, ECHILD, "the setup process did not come up");
	if (!a->facts->clone_into_cgroup) {
		r = cgroup_move_v2(&a->cgroup, a->child);
		if (r < 0)
			return err_sys(e, r, "move the setup process into its cgroup");
	}
	if (a->shared[SPEC_NS_USER] >= 0)
		return shared_take_ids(a, e);
	if (!mapped)
		return 0;
	r = ns_write_maps(a->procfs, a->child, a->uid_map, a->uid_maps, a->gid_map, a->gid_maps);
	if (r < 0)
		return err_sys(e, r, "write the id maps");
	a->userns = ns_open(a->procfs, a->child, "user");
	return a->userns < 0 ? err_sys(e, a->userns, "open the user namespace") : 0;
}

int step_proc(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int dir = FD_NONE;
	autoclose int file = FD_NONE;
	char pid[16];
	int r;

	(void)snprintf(pid, sizeof(pid), "%d", (int)a->child);
	dir = path_open_nolinks(a->procfs, pid, O_PATH | O_DIRECTORY, 0);
	file = dir < 0 ? dir : path_open_nolinks(dir, st->text[0], O_WRONLY | O_NOCTTY, 0);
	r = file < 0 ? file : fd_write_all(file, st->text[1], strlen(st->text[1]));
	return r < 0 ? err_sys(e, r, "write '%s' to /proc/PID/%s of init (lxc.proc.%s)", st->text[1], st->text[0], st->text[0]) : 0;
}

/* In a process that ends with the errno: entering the namespaces of the container is not for the monitor. */
static NORETURN void write_sysctl(struct apply *a, const struct step *st)
{
	char path[256];
	autoclose int fd = FD_NONE;
	int r = ns_enter(a->child_pidfd, CLONE_NEWUTS | CLONE_NEWIPC);

	if (r == 0 && !apply_sysctl_path(st->text[0], path, sizeof(path)))
		r = -ENAMETOOLONG;
	if (r == 0)
		fd = path_open_nolinks(a->procfs, path, O_WRONLY | O_NOCTTY, 0);
	/* those of IPC the container's root owns, since Linux 6.0 */
	if (r == 0 && fd == -EACCES && setresgid(a->root_gid, a->root_gid, a->root_gid) == 0 && setresuid(a->root_uid, a->root_uid, a->root_uid) == 0)
		fd = path_open_nolinks(a->procfs, path, O_WRONLY | O_NOCTTY, 0);
	if (r == 0)
		r = fd < 0 ? fd : fd_write_all(fd, st->text[1], strlen(st->text[1]));
	_exit(r < 0 ? -r : 0);
}

int step_sysctl_outside(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int pidfd = FD_NONE;
	int status = 0, r;
	pid_t pid = ns_clone(0, FD_NONE, false, &pidfd);

	if (pid == 0)
		write_sysctl(a, st);
	r = pid < 0 ? (int)pid : proc_reap(pid, pidfd, a->deadline, &status);
	if (r == 0 && status != 0)
		r = status < 128 ? -status : -EIO;
	return r < 0 ? err_sys(e, r, "set kernel parameter '%s' to '%s'", st->text[0], st->text[1]) : 0;
}

/* kill(0, ...) of a real init must not reach the monitor, and the leader of a process group can make no session, which such an init wants to: so it gets the group of a process that
 * has ended, which stays as long as somebody is in it. One of ours, outside: a pid namespace does not end while its init keeps another number of it in use. */
static int part_group(struct apply *a, struct err *e)
{
	int status, r;
	pid_t pid = vfork();

	if (pid == 0) {
		(void)setpgid(0, 0);
		_exit(0);
	}
	r = pid < 0 || setpgid(a->child, pid) < 0 ? -errno : 0; /* before that one is reaped */
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? err_sys(e, r, "give the setup process a process group") : 0;
}

int step_child(struct apply *a, const struct step *st, struct err *e)
{
	uint64_t flags = st->number[0];
	const struct step *user = plan_find(a->plan, STEP_USER, 0);
	int pair[2], report[2] = {FD_NONE, FD_NONE}, cgroup = FD_NONE, left, r = shared_check(a, e);
	pid_t pid;

	if (r < 0)
		return r;
	a->task_count = cgroup_open_tasks(&a->cgroup, a->tasks);
	if (a->task_count < 0)
		return err_sys(e, a->task_count, "open the task lists of cgroup '%s'", a->cgroup.group);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make the rendezvous socket");
	a->sock = pair[0];
	a->child_sock = pair[1];
	if (user && (user->number[2] & PLAN_SMALL_INIT)) {
		if (pipe2(report, O_CLOEXEC) < 0)
			return err_sys(e, errno, "make the report pipe");
		a->report = report[0];
		a->report_write = report[1];
	}
	if (a->facts->clone_into_cgroup)
		cgroup = a->cgroup.v2_payload;
	left = clock_left_ms(a->deadline);
	if (shared_any(a)) {
		pid = shared_clone(a, flags, cgroup, e);
	} else {
		pid = ns_clone(flags, cgroup, false, &a->child_pidfd);
		if (pid < 0)
			(void)err_sys(e, pid, "clone into the container's namespaces");
	}
	if (pid < 0)
		return pid;
	if (pid == 0) {
		a->deadline = left < 0 ? CLOCK_NEVER : clock_deadline((uint64_t)left); /* its clock may be another one */
		child_main(a);
	}
	a->child = pid;
	fd_close(&a->child_sock);
	fd_close(&a->report_write);
	for (size_t i = 0; i < 3; i++)
		fd_close(&a->stdio[i]);
	r = leave_container_time(a, e);
	if (r == 0 && user && !(user->number[2] & PLAN_SESSION))
		r = part_group(a, e);
	return r < 0 ? r : receive_birth(a, flags & CLONE_NEWUSER, e);
}

int step_rlimit(struct apply *a, const struct step *st, struct err *e)
{
	struct rlimit64 lim = {
		.rlim_cur = st->number[1] >= SPEC_MAX ? RLIM64_INFINITY : st->number[1],
		.rlim_max = st->number[2] >= SPEC_MAX ? RLIM64_INFINITY : st->number[2],
	};

	/* from outside: inside the user namespace nobody may raise a hard limit */
	if (prlimit64(a->child, (__rlimit_resource_t)st->number[0], &lim, NULL) < 0)
		return err_sys(e, errno, "set resource limit %u", (unsigned)st->number[0]);
	return 0;
}

/* ---- the child's own program ---- */

static NORETURN void child_fail(struct apply *a, const struct err *e)
{
	msg_send_fail(a->child_sock, e);
	_exit(125);
}

static void wait_for(struct apply *a, enum msg_type want, struct err *e)
{
	struct msg m;
	int r = msg_recv(a->child_sock, a->deadline, &m, NULL, 0);

	if (r == 1 && m.type == (uint32_t)want)
		return;
	/* the monitor gave up or died: nobody is left to tell */
	(void)e;
	_exit(125);
}

/* Of the program that is about to start: what comes back from a checkpoint has been through it, or brings its own. */
static bool is_for_program(enum step_kind k)
{
	return k == STEP_IDENTITY || k == STEP_HOOKS_INSIDE || k == STEP_SECCOMP;
}

static int run_child_steps(struct apply *a, struct err *e)
{
	for (size_t i = 0; i < a->plan->count; i++) {
		const struct step *st = &a->plan->steps[i];
		int r;

		if (step_side_of(st->kind) != SIDE_CHILD || st->kind == STEP_EXEC || (a->restores && is_for_program(st->kind)))
			continue;
		r = ops_run(a, i, e);
		if (r < 0)
			return r;
	}
	return 0;
}

NORETURN void child_main(struct apply *a)
{
	struct err e = {0};
	const struct step *exec = plan_find(a->plan, STEP_EXEC, 0);
	int r;

	fd_close(&a->sock);
	fd_close(&a->report);
	a->root_uid = 0; /* from here on we are the container's root ourselves */
	a->root_gid = 0;
	/* until exec nobody inside may look at our memory or descriptors */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		(void)err_sys(&e, errno, "hide from ptrace");
	/* self-join of v1 hierarchies, while single-threaded and before the cgroup namespace is made */
	if (!e.code && (r = cgroup_join_tasks(a->tasks, (size_t)a->task_count)) < 0)
		(void)err_sys(&e, r, "join the cgroups");
	if (e.code)
		child_fail(a, &e);
	if (msg_send(a->child_sock, MSG_BORN, 0, 0, NULL, 0) < 0)
		_exit(125);
	wait_for(a, MSG_GO, &e);
	if (run_child_steps(a, &e) < 0)
		child_fail(a, &e);
	if (msg_send(a->child_sock, MSG_READY, 0, 0, a->master, a->master_count) < 0)
		_exit(125);
	/* the small init keeps a copy, so that the terminals outlive a killed monitor; everybody else's go */
	for (size_t i = 0; i < a->master_count; i++) {
		if (apply_has_small_init(a->plan))
			a->kept[a->kept_count++] = take_fd(a->master[i]);
		fd_close(&a->master[i]);
	}
	wait_for(a, MSG_EXEC, &e);
	(void)!ops_run(a, (size_t)(exec - a->plan->steps), &e);
	child_fail(a, &e);
}
