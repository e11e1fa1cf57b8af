/* user.c - a caller without root enters his own user namespace: coppice_user_enter().
 *
 * Found in this order: the keeper that the file names; the namespace of a monitor of his that lives (its keeper was killed); a new one,
 * whose ids newuidmap(1) and newgidmap(1) write as /etc/subuid and /etc/subgid say. A lock lets one command at a time look. The mount
 * namespace is made anew by every command, from the host's: what the user mounts and where he stands stays as it is. */
#include "engine/user.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "coppice/coppice.h"
#include "engine/engine.h"
#include "linux/mnt.h"
#include "linux/ns.h"
#include "linux/subids.h"
#include "state/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTER_MS 20000u
#define ENTER_TRIES 8 /* a keeper may end between our look and our step */

/* ---- places ---- */

/* Our id on the host, also from within the namespace: "         0       1000          1". */
uid_t engine_host_uid(void)
{
	char text[256], *save = NULL, *inside, *outside;
	uint32_t id = 0;

	if (geteuid() != 0 || fd_read_file(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text)) <= 0)
		return geteuid();
	inside = strtok_r(text, " \n", &save);
	outside = inside ? strtok_r(NULL, " \n", &save) : NULL;
	return outside && parse_u32(outside, &id) == 0 ? id : geteuid();
}

static const char *absolute(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] == '/' ? value : NULL;
}

static bool is_own_dir(const char *path)
{
	struct stat st;

	return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int user_places(struct user_places *ret, struct err *e)
{
	const char *data = absolute("XDG_DATA_HOME"), *home = absolute("HOME"), *run = absolute("XDG_RUNTIME_DIR");
	unsigned uid = (unsigned)engine_host_uid();
	char usual[64];
	int n, m;

	if (!data && !home) {
		(void)err_set(e, ERR_INPUT, ENOENT, "neither HOME nor XDG_DATA_HOME says where your containers are");
		return err_hint(e, "export HOME=...");
	}
	/* the same place whether a login has set the variable or not */
	(void)snprintf(usual, sizeof(usual), "/run/user/%u", uid);
	if (!run && is_own_dir(usual))
		run = usual;
	m = home ? snprintf(ret->lxcpath, sizeof(ret->lxcpath), "%s/.local/share/lxc", home) : 0;
	if (m <= 0 || (size_t)m >= sizeof(ret->lxcpath) || !is_own_dir(ret->lxcpath))
		ret->lxcpath[0] = '\0';
	n = data ? snprintf(ret->root, sizeof(ret->root), "%s/coppice", data)
		 : snprintf(ret->root, sizeof(ret->root), "%s/.local/share/coppice", home);
	m = run ? snprintf(ret->rundir, sizeof(ret->rundir), "%s/coppice", run)
		: snprintf(ret->rundir, sizeof(ret->rundir), "/tmp/coppice-%u", uid);
	if (n < 0 || m < 0 || (size_t)n >= sizeof(ret->root) || (size_t)m >= sizeof(ret->rundir))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "HOME, XDG_DATA_HOME or XDG_RUNTIME_DIR is too long");
	return 0;
}

/* In /tmp anybody could have made it first. */
static int open_rundir(const char *path, struct err *e)
{
	autoclose int fd = FD_NONE;
	struct stat st;

	if (mkdirat(AT_FDCWD, path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '%s'", path);
	fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, fd < 0 ? fd : errno, "open '%s'", path);
	if (st.st_uid != geteuid() || (st.st_mode & 077)) {
		(void)err_set(e, ERR_DENIED, EPERM, "'%s' %s", path,
			      st.st_uid != geteuid() ? "belongs to another user" : "is open to other users");
		return err_hint(e, "ls -ld %s", path);
	}
	return take_fd(fd);
}

/* ---- a new namespace ---- */

struct mapping {
	uid_t uid;
	gid_t gid;
	char name[64]; /* "" = the user has no line in passwd */
	char uid_tool[64], gid_tool[64];
	struct subids uids, gids;
};

static void read_text(const char *path, struct buf *out)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);

	if (fd < 0 || fd_read_all(fd, out, (size_t)16 << 20) < 0)
		buf_clear(out);
}

static int find_tool(const char *name, char ret[64], struct err *e)
{
	static const char *const dirs[] = {"/usr/bin", "/usr/local/bin", "/bin"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(ret, 64, "%s/%s", dirs[i], name);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	(void)err_set(e, ERR_DENIED, ENOENT, "without root a container needs %s, which is not installed", name);
	return err_hint(e, "as root: apt-get install uidmap");
}

static int find_range(const struct mapping *m, const char *path, struct subids *ret, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	bool found;

	read_text(path, &text);
	found = subids_parse(buf_str(&text), m->name, m->uid, ret);
	if (found && ret->count >= USER_IDS - 1)
		return 0;
	if (found)
		(void)err_set(e, ERR_DENIED, EPERM, "without root a container needs %u ids, %s gives user %u only %u", USER_IDS - 1, path,
			      m->uid, ret->count);
	else
		(void)err_set(e, ERR_DENIED, EPERM, "without root a container needs a range of ids, %s gives none to user %u", path,
			      m->uid);
	return err_hint(e, "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s (any free range)",
			m->name[0] ? m->name : "NAME");
}

static int find_mapping(struct mapping *m, struct err *e)
{
	autodone(buf_done) struct buf passwd = BUF_INIT;
	int r;

	m->uid = geteuid();
	m->gid = getegid();
	read_text("/etc/passwd", &passwd);
	if (!subids_user(buf_str(&passwd), m->uid, m->name))
		m->name[0] = '\0';
	r = find_tool("newuidmap", m->uid_tool, e);
	if (r == 0)
		r = find_tool("newgidmap", m->gid_tool, e);
	if (r == 0)
		r = find_range(m, "/etc/subuid", &m->uids, e);
	return r < 0 ? r : find_range(m, "/etc/subgid", &m->gids, e);
}

static int run_tool(const char *tool, pid_t pid, uint32_t own, const struct subids *range, struct err *e)
{
	autodone(buf_done) struct buf log = BUF_INIT;
	char target[16], id[16], first[16], count[16];
	const char *argv[] = {tool, target, "0", id, "1", "1", first, count, NULL};
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(10000)};
	int status = 0, r;

	(void)snprintf(target, sizeof(target), "%d", (int)pid);
	(void)snprintf(id, sizeof(id), "%u", own);
	(void)snprintf(first, sizeof(first), "%u", range->first);
	(void)snprintf(count, sizeof(count), "%u", range->count); /* all of it: lxc.idmap may name any */
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", tool);
	if (status == 0)
		return 0;
	(void)err_set(e, ERR_DENIED, EPERM, "'%s' refuses: %.200s", tool, log.len ? buf_str(&log) : "it does not say why");
	return err_hint(e, "ls -l %s (it is set-id root where this works, and the file system not nosuid)", tool);
}

static int map_ids(void *data, pid_t pid, struct err *e)
{
	const struct mapping *m = data;
	int r = run_tool(m->uid_tool, pid, m->uid, &m->uids, e);

	return r < 0 ? r : run_tool(m->gid_tool, pid, m->gid, &m->gids, e);
}

/* ---- the namespace that is there ---- */

pid_t user_find_process(bool (*match)(void *data, pid_t pid), void *data)
{
	autoclosedir DIR *proc = opendir("/proc");
	pid_t found = 0;

	for (struct dirent *d; proc && !found && (d = readdir(proc));) {
		uint32_t pid;

		if (parse_u32(d->d_name, &pid) == 0 && match(data, (pid_t)pid))
			found = (pid_t)pid;
	}
	return found;
}

/* Is the user namespace of @pid a child of ours? Those of containers are children of that one. */
static bool is_in_child_namespace(pid_t pid)
{
	autoclose int ns = FD_NONE;
	autoclose int parent = FD_NONE;
	struct stat own, st;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	ns = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	parent = ns < 0 ? FD_NONE : ioctl(ns, NS_GET_PARENT);
	return parent >= 0 && fstat(parent, &st) == 0 && fstatat(AT_FDCWD, "/proc/self/ns/user", &own, 0) == 0 && st.st_ino == own.st_ino &&
	       st.st_dev == own.st_dev;
}

/* A monitor of ours: by its arguments, by whom it belongs to and where it lives. What only pretends to be one could at most be a program of
 * the user's own. */
static bool is_own_monitor(void *data, pid_t pid)
{
	char path[48];
	struct stat st;

	(void)data;
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return fstatat(AT_FDCWD, path, &st, 0) == 0 && st.st_uid == geteuid() && engine_is_monitor(pid, NULL) && is_in_child_namespace(pid);
}

/* 0 when we are in; -ESRCH when there is no keeper, or it has just ended. */
static int join_keeper(int rundir)
{
	struct keeper_mark m;
	autoclose int pidfd = FD_NONE;
	int r = keeper_read(rundir, &m);

	if (r < 0)
		return r == -ENOENT || r == -EBADMSG || r == -ESTALE ? -ESRCH : r;
	pidfd = proc_open(&m.id);
	if (pidfd < 0)
		return -ESRCH;
	(void)utimensat(rundir, KEEPER_FILE, NULL, AT_SYMLINK_NOFOLLOW); /* it does not end while somebody comes */
	return ns_enter(pidfd, CLONE_NEWUSER);
}

static int make_keeper(const char *path, int rundir, struct err *e)
{
	struct mapping m = {.uid = 0};
	struct keeper_start s = {.path = path, .rundir = rundir, .joins = FD_NONE, .map_ids = map_ids, .data = &m};
	autoclose int monitor = FD_NONE;
	struct proc_id id;
	pid_t pid = user_find_process(is_own_monitor, NULL);
	int r = 0;

	if (pid && proc_identify(pid, &id) == 0)
		monitor = proc_open(&id);
	s.joins = monitor;
	if (monitor < 0)
		r = find_mapping(&m, e);
	return r < 0 ? r : keeper_spawn(&s, e);
}

static int enter_users(const char *path, struct err *e)
{
	autoclose int rundir = open_rundir(path, e);
	autoclose int lock = FD_NONE;
	int r;

	if (rundir < 0)
		return rundir;
	r = join_keeper(rundir);
	if (r != -ESRCH)
		return r < 0 ? err_sys(e, r, "enter your user namespace") : 0;
	lock = lock_take(rundir, KEEPER_FILE ".lock", true, "enter", clock_deadline(ENTER_MS), NULL);
	if (lock < 0)
		return err_sys(e, lock, "lock '%s/" KEEPER_FILE ".lock'", path);
	for (int i = 0; i < ENTER_TRIES; i++) {
		r = join_keeper(rundir); /* somebody else may have made it meanwhile */
		if (r == -ESRCH) {
			r = make_keeper(path, rundir, e);
			if (r < 0)
				return r;
			r = join_keeper(rundir);
		}
		if (r != -ESRCH)
			break;
	}
	return r < 0 ? err_sys(e, r, "enter your user namespace") : 0;
}

int coppice_user_enter(struct err *e)
{
	autoclose int root = FD_NONE;
	struct user_places mine;
	int r = user_places(&mine, e);

	if (r == 0)
		r = enter_users(mine.rundir, e);
	if (r == 0 && (r = ns_unshare(CLONE_NEWNS)) < 0)
		r = err_sys(e, r, "make a mount namespace");
	if (r < 0)
		return err_what(e, "cannot work without root");
	root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	r = root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_SLAVE, FD_NONE);
	return r < 0 ? err_sys(e, r, "keep our mounts to ourselves") : 0;
}
