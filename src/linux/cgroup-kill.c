/* cgroup-kill.c - ends every process beneath a node: by cgroup.kill (Linux 5.14), which no fork can outrun, or one by one.
 *
 * One by one means: freeze, so that nothing forks; signal each by a pidfd that is known to belong to the group; thaw, so that
 * they can be waited for; wait for the kernel to say that the group is empty; and again, until the deadline. */
#include "linux/cgroup-internal.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AGAIN_MS 200  /* before the kill is repeated: processes may have been moved in meanwhile */
#define FREEZE_MS 100 /* how long the freeze may take that makes a round complete */
#define PROCS_MAX (8u << 20)

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int kill_by_file(const struct cgroup *cg, uint64_t deadline)
{
	int r;

	if (cg->v2 < 0)
		return -ENOENT;
	(void)!cgroup_freeze(cg, false, 0); /* no waiting for the thaw: dying thaws too */
	do {
		r = fd_write_file(cg->v2, "cgroup.kill", "1");
		if (r < 0)
			return r == -ENODEV ? 0 : r;
		r = cg_wait_event(cg->v2, "populated", 0, earlier(deadline, clock_deadline(AGAIN_MS)));
	} while (r == -ETIMEDOUT && clock_left_ms(deadline) > 0);
	return r;
}

/* ---- one by one ---- */

int cg_read_procs(int node, struct buf *b)
{
	autoclose int fd = fd_open(node, "cgroup.procs", O_RDONLY, 0);

	buf_clear(b);
	if (fd < 0)
		return fd;
	return fd_read_all(fd, b, PROCS_MAX);
}

/* Is @line (digits without newline) one of the lines of @text? */
static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n == len && memcmp(text, line, n) == 0)
			return true;
		text += n + (text[n] == '\n');
	}
	return false;
}

/* @line names a process of @node; by the time we hold its pidfd the number may belong to a stranger. If the number is in the group
 * still, then the pidfd is either that process or a dead one. */
static void kill_line(int node, const char *line)
{
	autodone(buf_done) struct buf again = BUF_INIT;
	autoclose int pidfd = FD_NONE;
	uint32_t pid;

	if (parse_u32(line, &pid) < 0 || pid == 0 || pid > INT32_MAX) /* 0: lives outside of our pid namespace */
		return;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pidfd < 0 || cg_read_procs(node, &again) < 0 || !has_line(buf_str(&again), line))
		return;
	(void)!proc_kill(pidfd, SIGKILL);
}

static int kill_members(int node)
{
	autodone(buf_done) struct buf procs = BUF_INIT;
	int r = cg_read_procs(node, &procs);

	if (r == -EOPNOTSUPP || r == -ENODEV) /* a threaded node has no processes of its own; a removed one has none at all */
		return 0;
	if (r < 0)
		return r;
	for (char *line = procs.data; line && *line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		kill_line(node, line);
		line = end ? end + 1 : line + strlen(line);
	}
	return 0;
}

/* Recursion is as deep as a guest may nest: the kernel enforces CG_GUEST_DEPTH on the limits node. */
static int kill_tree(int node, unsigned depth)
{
	autoclosedir DIR *d = fd_open_dir(node, ".", 0);
	const struct dirent *e;
	int r;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	if (depth > CG_GUEST_DEPTH + 1)
		return -ELOOP;
	r = kill_members(node);
	while (r == 0 && (e = cg_dir_next(d))) {
		autoclose int child = FD_NONE;

		child = path_open_beneath(node, e->d_name, O_PATH | O_DIRECTORY, 0);
		r = child >= 0 ? kill_tree(child, depth + 1) : child == -ENOENT ? 0 : child;
	}
	return r;
}

static int kill_by_pid(const struct cgroup *cg, uint64_t deadline)
{
	int r;

	if (cg->v2 < 0)
		return -ENOENT;
	do {
		(void)!cgroup_freeze(cg, true, earlier(deadline, clock_deadline(FREEZE_MS)));
		r = kill_tree(cg->v2, 0);
		(void)!cgroup_freeze(cg, false, 0);
		if (r == 0)
			r = cg_wait_event(cg->v2, "populated", 0, earlier(deadline, clock_deadline(AGAIN_MS)));
	} while (r == -ETIMEDOUT && clock_left_ms(deadline) > 0);
	return r;
}

/* A guest with a v1 freezer of its own may have frozen itself there, and what is frozen there does not die. Its nodes may nest as deep as it likes: what is below
 * is thawed by the kernel with its parent, unless it was frozen for itself. */
static void thaw_v1(int node, unsigned depth) /* NOLINT(misc-no-recursion) */
{
	autoclosedir DIR *d = depth < CG_GUEST_DEPTH ? fd_open_dir(node, ".", 0) : NULL;
	const struct dirent *e;

	(void)!fd_write_file(node, "freezer.state", "THAWED");
	while (d && (e = cg_dir_next(d))) {
		autoclose int child = path_open_beneath(node, e->d_name, O_PATH | O_DIRECTORY, 0);

		if (child >= 0)
			thaw_v1(child, depth + 1);
	}
}

int cgroup_kill(const struct cgroup *cg, uint64_t deadline)
{
	if (cg->v1[CG_FREEZER] >= 0)
		thaw_v1(cg->v1[CG_FREEZER], 0);
	int r = cg->no_kill_file ? -ENOENT : kill_by_file(cg, deadline);

	return r == -ENOENT ? kill_by_pid(cg, deadline) : r;
}
