/* unshare.c - a program in namespaces of its own, without a container: what lxc-unshare and lxc-usernsexec do.
 *
 * The child is born in the namespaces and waits; we write its ids and give it its interfaces; then it sets up the rest and executes. Its failure comes back over the same
 * socket, which closes when the program runs. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/proc.h"
#include "coppice/coppice.h"
#include "linux/mnt.h"
#include "linux/netdev.h"
#include "linux/ns.h"
#include "linux/subids.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define MAPS_MAX 340 /* as many as the kernel takes */
#define SETUP_MS 20000u

struct maps {
	struct ns_map uids[MAPS_MAX], gids[MAPS_MAX];
	size_t uid_count, gid_count;
};

/* ---- ids ---- */

static int range_of(const char *path, const char *name, struct ns_map *ret, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	autodone(buf_done) struct buf text = BUF_INIT;
	struct subids ids;

	if (fd < 0 || fd_read_all(fd, &text, (size_t)16 << 20) < 0 || !subids_parse(buf_str(&text), name, geteuid(), &ids)) {
		(void)err_set(e, ERR_DENIED, EPERM, "%s gives no range of ids to user '%s'", path, name[0] ? name : "without a name");
		return err_hint(e, "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s (any free range)", name[0] ? name : "NAME");
	}
	*ret = (struct ns_map){0, ids.first, ids.count};
	return 0;
}

static int subordinate(struct maps *m, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	autodone(buf_done) struct buf passwd = BUF_INIT;
	char name[64] = "";
	int r;

	if (fd < 0 || fd_read_all(fd, &passwd, (size_t)16 << 20) < 0 || !subids_user(buf_str(&passwd), geteuid(), name))
		name[0] = '\0';
	r = range_of("/etc/subuid", name, &m->uids[0], e);
	if (r == 0)
		r = range_of("/etc/subgid", name, &m->gids[0], e);
	m->uid_count = m->gid_count = 1;
	return r;
}

/* The first id that none of them maps, for our own. */
static void add_own(struct ns_map *list, size_t *count, uint32_t own)
{
	uint32_t free = 0;

	for (size_t pass = 0; pass < *count; pass++) /* it may lie in one that was passed */
		for (size_t i = 0; i < *count; i++)
			if (free >= list[i].inside && free - list[i].inside < list[i].count)
				free = list[i].inside + list[i].count;
	list[(*count)++] = (struct ns_map){free, own, 1};
}

static int choose_maps(const struct coppice_unshare *o, struct maps *m, struct err *e)
{
	if (o->subordinate)
		return subordinate(m, e);
	if (o->own_id) {
		m->uids[m->uid_count++] = (struct ns_map){o->uid < 0 ? 0 : (uint32_t)o->uid, geteuid(), 1};
		m->gids[m->gid_count++] = (struct ns_map){0, getegid(), 1};
	}
	for (size_t i = 0; i < o->map_count; i++) {
		const struct coppice_id_map *map = &o->maps[i];

		if (m->uid_count == MAPS_MAX || m->gid_count == MAPS_MAX)
			return err_set(e, ERR_INPUT, E2BIG, "more than %d ranges of ids", MAPS_MAX);
		if (map->users)
			m->uids[m->uid_count++] = (struct ns_map){map->inside, map->host, map->count};
		if (map->groups)
			m->gids[m->gid_count++] = (struct ns_map){map->inside, map->host, map->count};
	}
	return 0;
}

static int choose_all_maps(const struct coppice_unshare *o, struct maps *m, struct err *e)
{
	int r = choose_maps(o, m, e);

	if (r < 0 || !o->own_after)
		return r;
	if (m->uid_count == MAPS_MAX || m->gid_count == MAPS_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d ranges of ids", MAPS_MAX);
	add_own(m->uids, &m->uid_count, geteuid());
	add_own(m->gids, &m->gid_count, getegid());
	return 0;
}

static int run_tool(const char *tool, pid_t pid, const struct ns_map *maps, size_t count, struct err *e)
{
	autodone(buf_done) struct buf log = BUF_INIT;
	autofree const char **argv = calloc(3 + 3 * count, sizeof(*argv));
	autofree char(*numbers)[16] = calloc(1 + 3 * count, sizeof(*numbers));
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(10000)};
	int status = 0, r;

	if (!count)
		return 0;
	if (!argv || !numbers)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	(void)snprintf(numbers[0], 16, "%d", (int)pid);
	argv[0] = tool;
	argv[1] = numbers[0];
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < 3; k++) {
			(void)snprintf(numbers[1 + 3 * i + k], 16, "%u", k == 0 ? maps[i].inside : k == 1 ? maps[i].host : maps[i].count);
			argv[2 + 3 * i + k] = numbers[1 + 3 * i + k];
		}
	r = proc_run(&run, &status);
	if (r < 0) {
		(void)err_sys(e, r, "run '%s'", tool);
		return err_hint(e, "as root: apt-get install uidmap");
	}
	return status == 0 ? 0 : err_set(e, ERR_DENIED, EPERM, "'%s' refuses: %.200s", tool, log.len ? buf_str(&log) : "it does not say why");
}

/* Of one's own ids a user may write the map himself, once he gives up to drop groups. */
static int write_own(pid_t pid, const struct maps *m, struct err *e)
{
	char path[48], text[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	r = fd_write_file(AT_FDCWD, path, "deny");
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", m->gids[0].inside, m->gids[0].host);
	if (r == 0 || r == -ENOENT)
		r = fd_write_file(AT_FDCWD, path, text);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", m->uids[0].inside, m->uids[0].host);
	if (r == 0)
		r = fd_write_file(AT_FDCWD, path, text);
	return r < 0 ? err_sys(e, r, "map your ids") : 0;
}

static int write_maps(const struct coppice_unshare *o, pid_t pid, const struct maps *m, struct err *e)
{
	autoclose int proc = FD_NONE;
	int r;

	if (!m->uid_count && !m->gid_count)
		return 0;
	if (o->own_id)
		return write_own(pid, m, e);
	if (geteuid() == 0) {
		proc = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
		r = proc < 0 ? proc : ns_write_maps(proc, pid, m->uids, m->uid_count, m->gids, m->gid_count);
		return r < 0 ? err_sys(e, r, "map the ids") : 0;
	}
	r = run_tool("/usr/bin/newuidmap", pid, m->uids, m->uid_count, e);
	return r < 0 ? r : run_tool("/usr/bin/newgidmap", pid, m->gids, m->gid_count, e);
}

/* ---- the child ---- */

static int mount_fresh(const char *type, const char *path, struct err *e)
{
	autoclose int target = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	autoclose int fs = FD_NONE;
	int r;

	if (target == -ENOENT)
		return 0;
	fs = mnt_new(type, NULL, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
	r = target < 0 ? target : fs < 0 ? fs : mnt_attach(fs, target);
	return r < 0 ? err_sys(e, r, "mount %s on '%s'", type, path) : 0;
}

static int set_mounts(const struct coppice_unshare *o, struct err *e)
{
	autoclose int root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	int r = root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_SLAVE, FD_NONE);

	if (r == -EINVAL) /* "/" is no mount point, as after a chroot: nothing can be passed on from here */
		r = 0;
	if (r < 0)
		return err_sys(e, r, "keep the mounts to ourselves");
	if (!o->remount)
		return 0;
	r = mount_fresh("proc", "/proc", e);
	if (r == 0)
		r = mount_fresh("tmpfs", "/dev/shm", e);
	return r == 0 ? mount_fresh("mqueue", "/dev/mqueue", e) : r;
}

static int set_ids(const struct coppice_unshare *o, struct err *e)
{
	uid_t uid = (uid_t)o->uid;

	if (o->uid < 0)
		return 0;
	if (o->uid == 0 && (o->namespaces & COPPICE_NS_USER)) {
		if (setgroups(0, NULL) < 0 && !o->own_id)
			return err_sys(e, errno, "drop the groups");
		if (setresgid(0, 0, 0) < 0)
			return err_sys(e, errno, "become group 0");
	}
	return setresuid(uid, uid, uid) < 0 ? err_sys(e, errno, "become user %u", uid) : 0;
}

static NORETURN void child(const struct coppice_unshare *o, int sock)
{
	struct err e = {0};
	struct msg m;
	int r = msg_recv(sock, clock_deadline(SETUP_MS), &m, NULL, 0);

	if (r != 1 || m.type != MSG_GO)
		_exit(125);
	r = o->namespaces & COPPICE_NS_MOUNT && !(o->namespaces & COPPICE_NS_USER) ? set_mounts(o, &e) : 0;
	if (r == 0)
		r = set_ids(o, &e);
	/* with a user namespace the mounts are changed by its root */
	if (r == 0 && (o->namespaces & COPPICE_NS_MOUNT) && (o->namespaces & COPPICE_NS_USER))
		r = set_mounts(o, &e);
	if (r == 0 && o->hostname && sethostname(o->hostname, strlen(o->hostname)) < 0)
		r = err_sys(&e, errno, "set the host name '%s'", o->hostname);
	if (r == 0) {
		(void)execvp(o->argv[0], (char *const *)(uintptr_t)o->argv);
		(void)err_sys(&e, errno, "run '%s'", o->argv[0]);
		e.step = errno == ENOENT || errno == ENOTDIR ? 127 : 126; /* the status it gives */
	}
	msg_send_fail(sock, &e);
	_exit(125);
}

/* ---- the parent ---- */

static int give_interfaces(const struct coppice_unshare *o, pid_t pid, struct err *e)
{
	autoclose int netns = FD_NONE;
	char path[48];

	if (!o->interfaces || !o->interfaces[0])
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	netns = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	for (size_t i = 0; o->interfaces[i]; i++) {
		int r = netns < 0 ? netns : netdev_move(o->interfaces[i], netns);

		if (r < 0)
			return err_sys(e, r, "move interface '%s'", o->interfaces[i]);
	}
	return 0;
}

static uint64_t clone_flags(unsigned namespaces)
{
	static const struct {
		unsigned ns;
		uint64_t flag;
	} flags[] = {{COPPICE_NS_MOUNT, CLONE_NEWNS}, {COPPICE_NS_PID, CLONE_NEWPID},	{COPPICE_NS_UTS, CLONE_NEWUTS},	      {COPPICE_NS_IPC, CLONE_NEWIPC},
		     {COPPICE_NS_USER, CLONE_NEWUSER}, {COPPICE_NS_NET, CLONE_NEWNET}, {COPPICE_NS_CGROUP, CLONE_NEWCGROUP}, {COPPICE_NS_TIME, CLONE_NEWTIME}};
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (namespaces & flags[i].ns)
			all |= flags[i].flag;
	return all;
}

/* What the child says before its program runs; the end of the stream is its silence: it runs. */
static int await_exec(int sock, int *ret_status, struct err *e)
{
	struct msg m;
	int r = msg_recv(sock, clock_deadline(SETUP_MS), &m, NULL, 0);

	if (r == 0)
		return 0;
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		*ret_status = e->step ? (int)e->step : 125;
		e->step = 0;
		return e->code ? -e->code : -EIO;
	}
	return err_sys(e, r < 0 ? r : -EPROTO, "set up the namespaces");
}

int coppice_unshare(const struct coppice_unshare *o, int *ret_status, struct err *e)
{
	autofree struct maps *maps = calloc(1, sizeof(*maps));
	autoclose int ours = FD_NONE, pidfd = FD_NONE;
	int pair[2], r = maps ? choose_all_maps(o, maps, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	pid_t pid = 0;

	*ret_status = 125;
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = err_sys(e, errno, "make a socket");
	if (r < 0)
		return err_what(e, "cannot run '%s'", o->argv[0]);
	ours = pair[0];
	pid = ns_clone(clone_flags(o->namespaces), FD_NONE, false, &pidfd);
	if (pid == 0) {
		fd_close(&ours);
		child(o, pair[1]);
	}
	fd_close(&pair[1]);
	r = pid < 0 ? err_sys(e, pid, "make the namespaces") : write_maps(o, pid, maps, e);
	if (r == 0)
		r = give_interfaces(o, pid, e);
	if (r == 0 && msg_send(ours, MSG_GO, 0, 0, NULL, 0) < 0)
		r = err_set(e, ERR_SYSTEM, ECHILD, "the process in the namespaces ended too early");
	if (r == 0)
		r = await_exec(ours, ret_status, e);
	fd_close(&ours);
	if (r == 0 && o->leave) {
		*ret_status = 0;
		return 0;
	}
	if (pid > 0) {
		int status = 125;

		/* what the terminal sends is for the program */
		(void)signal(SIGINT, SIG_IGN);
		(void)signal(SIGQUIT, SIG_IGN);
		(void)!proc_reap(pid, pidfd, r < 0 ? clock_deadline(SETUP_MS) : CLOCK_NEVER, &status);
		if (r == 0)
			*ret_status = status;
	}
	return r < 0 ? err_what(e, "cannot run '%s'", o->argv[0]) : 0;
}
