/* keeper.c - the process that keeps a user's namespace: how it is started, found, and when it ends.
 *
 * It sleeps. It ends when its file is gone or names another, when the run-time directory goes (the user has logged out), and when nobody
 * has come for a while and nothing else lives in the namespace. Killed, it is no loss: containers hold the namespace too, and the next
 * command lets a new keeper in. */
#include "engine/user.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/path.h"
#include "base/slim.h"
#include "coppice/coppice.h"
#include "linux/ns.h"
#include "state/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPAWN_MS 10000u
#define LOOK_MS 60000 /* how often it looks around by itself */
#define IDLE_S 600    /* since a command came */

/* ---- the file ---- */

static const struct field mark_fields[] = {FIELD(keeper_mark, boot_id, FIELD_TEXT, true), FIELD(keeper_mark, id, FIELD_PROC, true)};

int keeper_read(int rundir, struct keeper_mark *ret)
{
	char boot_id[40];
	int r = fields_load(rundir, KEEPER_FILE, mark_fields, ARRAY_LEN(mark_fields), true, ret, sizeof(*ret));

	if (r == 0)
		r = proc_boot_id(boot_id);
	return r == 0 && strcmp(boot_id, ret->boot_id) != 0 ? -ESTALE : r;
}

int keeper_write(int rundir, const struct proc_id *id)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct keeper_mark m = {.id = *id};
	int r = proc_boot_id(m.boot_id);

	if (r < 0)
		return r;
	fields_format(mark_fields, ARRAY_LEN(mark_fields), true, &m, &text);
	return buf_failed(&text) ? -ENOMEM : path_swap_file(rundir, KEEPER_FILE, buf_str(&text), text.len, 0600);
}

/* ---- its start ---- */

/* In the new process: waits for its maps, then the same program in the keeper's role. */
static NORETURN void become_keeper(const struct keeper_start *s, int sock)
{
	const char *argv[] = {"[coppice] keeper", KEEPER_ROLE, s->path, NULL};
	const char *envp[] = {NULL};
	struct err e = {0};
	struct msg m;
	int r = s->joins >= 0 ? ns_enter(s->joins, CLONE_NEWUSER) : 0;

	if (r < 0) {
		(void)err_sys(&e, r, "enter the user namespace that your containers run in");
		msg_send_fail(sock, &e);
		_exit(125);
	}
	if (msg_send(sock, MSG_BORN, 0, 0, NULL, 0) < 0 || msg_recv(sock, clock_deadline(SPAWN_MS), &m, NULL, 0) != 1 || m.type != MSG_GO)
		_exit(125);
	(void)execve("/proc/self/exe", (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	(void)err_sys(&e, errno, "start the keeper of your namespace");
	msg_send_fail(sock, &e);
	_exit(125);
}

/* It says nothing once it executes: the socket closes. */
static int await_exec(int sock, struct err *e)
{
	struct msg m;
	int r = msg_recv(sock, clock_deadline(SPAWN_MS), &m, NULL, 0);

	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	return r == 0 ? 0 : err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the keeper of your namespace did not start");
}

static int prepare_keeper(const struct keeper_start *s, int sock, pid_t pid, struct err *e)
{
	struct proc_id id;
	struct msg m;
	int r = msg_recv(sock, clock_deadline(SPAWN_MS), &m, NULL, 0);

	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	if (r != 1 || m.type != MSG_BORN)
		return err_set(e, ERR_SYSTEM, ECHILD, "the keeper of your namespace did not come up");
	r = s->joins >= 0 ? 0 : s->map_ids(s->data, pid, e);
	if (r < 0)
		return r;
	r = proc_identify(pid, &id);
	if (r == 0)
		r = keeper_write(s->rundir, &id);
	if (r == 0)
		r = msg_send(sock, MSG_GO, 0, 0, NULL, 0);
	return r < 0 ? err_sys(e, r, "write '%s/" KEEPER_FILE "'", s->path) : await_exec(sock, e);
}

int keeper_spawn(const struct keeper_start *s, struct err *e)
{
	autoclose int sock = FD_NONE;
	autoclose int pidfd = FD_NONE;
	int pair[2], status, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket");
	sock = pair[0];
	pid = ns_clone(s->joins >= 0 ? 0 : CLONE_NEWUSER, FD_NONE, false, &pidfd);
	if (pid == 0)
		become_keeper(s, pair[1]);
	fd_close(&pair[1]);
	if (pid < 0) {
		(void)err_sys(e, pid, "make a user namespace");
		e->kind = ERR_DENIED;
		return err_hint(e, "as root: sysctl user.max_user_namespaces=100000 kernel.unprivileged_userns_clone=1 "
				   "kernel.apparmor_restrict_unprivileged_userns=0");
	}
	r = prepare_keeper(s, sock, pid, e);
	if (r < 0) {
		(void)!proc_kill(pidfd, SIGKILL);
		(void)!proc_reap(pid, pidfd, clock_deadline(5000), &status);
	}
	return r;
}

/* ---- its life ---- */

static bool is_companion(void *data, pid_t pid)
{
	const struct stat *own = data;
	struct stat st;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	return pid != getpid() && fstatat(AT_FDCWD, path, &st, 0) == 0 && st.st_ino == own->st_ino;
}

/* Does nothing else live in our user namespace? What is in those beneath has a monitor, which is in ours. */
static bool is_alone(void)
{
	struct stat own;

	return fstatat(AT_FDCWD, "/proc/self/ns/user", &own, 0) == 0 && user_find_process(is_companion, &own) == 0;
}

static bool is_idle(int64_t came)
{
	return clock_unix() - came > IDLE_S && is_alone();
}

/* Is the file there and ours? When a command came last is the time it was touched. */
static bool is_wanted(const char *path)
{
	autoclose int dir = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	struct keeper_mark m;
	struct stat st;

	if (dir < 0 || keeper_read(dir, &m) < 0 || m.id.pid != getpid() || fstatat(dir, KEEPER_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return !is_idle((int64_t)st.st_mtime);
}

int coppice_keeper_main(int argc, char **argv)
{
	int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0), changes;
	char events[4096];

	if (argc != 3)
		return 2;
	for (int i = 0; null >= 0 && i < 3; i++)
		(void)dup2(null, i);
	fd_close_range(3, ~0U);
	(void)setsid();
	(void)!chdir("/");
	(void)prctl(PR_SET_NAME, "coppice", 0, 0, 0);
	/* no descriptor stays open in the directory: its file system can be unmounted, which is told here */
	changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (changes < 0 ||
	    inotify_add_watch(changes, argv[2], IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0)
		return 1;
	slim_process();
	while (is_wanted(argv[2])) {
		struct pollfd p = {.fd = changes, .events = POLLIN};

		(void)poll(&p, 1, LOOK_MS);
		while (read(changes, events, sizeof(events)) > 0)
			continue;
	}
	return 0;
}
