/* state.c - opening the two roots, a container's directories and its locks. */
#include "state/state.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/dirs.h"
#include "state/diskerr.h"
#include "state/lock.h"
#include "state/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MONITOR_LOCK "monitor.lock"
#define MOUNTS_LOCK "mounts.lock"

/* Opens @path, made with @mode when missing, as an O_PATH descriptor. */
static int open_root(const char *what, const char *path, mode_t mode, char keep[256], int *ret_fd, struct stat *ret_stat, struct err *e)
{
	autoclose int fd = FD_NONE;

	if (path[0] != '/' || strlen(path) >= 256)
		return err_set(e, ERR_INPUT, EINVAL, "the %s must be an absolute path of at most 255 bytes: '%s'", what, path);
	fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT) {
		int r = path_mkdirs(path, mode);

		if (r < 0)
			return disk_err(e, r, "/", "make the %s '%s'", what, path);
		fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return disk_err(e, fd, path, "open the %s '%s'", what, path);
	if (fstat(fd, ret_stat) < 0)
		return err_sys(e, errno, "stat '%s'", path);
	memcpy(keep, path, strlen(path) + 1);
	*ret_fd = take_fd(fd);
	return 0;
}

static int refuse(const char *path, const char *why, const char *command, struct err *e)
{
	(void)err_set(e, ERR_DENIED, EPERM, "'%s' %s", path, why);
	return err_hint(e, "%s %s", command, path);
}

int state_open(const char *lxcpath, const char *rundir, struct state *ret, struct err *e)
{
	autodone(state_close) struct state st = {.lxc_dir = FD_NONE, .run_dir = FD_NONE};
	autoclose int locks = FD_NONE;
	struct stat lxc, run;
	int r;

	r = open_root("container path", lxcpath, 0755, st.lxcpath, &st.lxc_dir, &lxc, e);
	if (r < 0)
		return r;
	if ((lxc.st_uid != 0 && lxc.st_uid != geteuid()) || (lxc.st_mode & S_IWOTH) ||
	    ((lxc.st_mode & S_IWGRP) && lxc.st_gid != 0 && lxc.st_gid != getegid()))
		return refuse(lxcpath, "can be written by other users: they could plant containers there", "chmod go-w", e);
	r = open_root("run directory", rundir, 0700, st.rundir, &st.run_dir, &run, e);
	if (r < 0)
		return r;
	if (run.st_uid != geteuid())
		return refuse(rundir, "belongs to another user", "ls -ld", e);
	if (run.st_mode & 077)
		return refuse(rundir, "can be entered by other users", "chmod 700", e);
	locks = dirs_open(st.run_dir, LOCKS, true);
	if (locks < 0)
		return disk_err(e, locks, rundir, "make '%s/" LOCKS "'", rundir);
	*ret = st;
	st.lxc_dir = st.run_dir = FD_NONE;
	return 0;
}

void state_close(struct state *st)
{
	fd_close(&st->lxc_dir);
	fd_close(&st->run_dir);
}

int state_dir(const struct state *st, const char *name)
{
	return parse_is_container(name) ? fd_open(st->lxc_dir, name, O_PATH | O_DIRECTORY, 0) : -EINVAL;
}

int state_run_dir(const struct state *st, const char *name, bool make)
{
	if (!parse_is_container(name))
		return -EINVAL;
	if (make && mkdirat(st->run_dir, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	return fd_open(st->run_dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int state_names(const struct state *st, struct arena *a, const char ***ret, size_t *ret_count, struct err *e)
{
	autoclosedir DIR *dir = fd_open_dir(st->lxc_dir, ".", 0);
	const struct dirent *ent;
	const char **names = NULL;
	size_t count = 0;

	if (!dir)
		return disk_err(e, errno, st->lxcpath, "read '%s'", st->lxcpath);
	while ((ent = dirs_next(dir))) {
		char config[272];
		const char **slot;

		if (ent->d_type == DT_REG || !parse_is_container(ent->d_name))
			continue;
		(void)snprintf(config, sizeof(config), "%s/config", ent->d_name);
		if (faccessat(st->lxc_dir, config, F_OK, 0) < 0)
			continue;
		/* a template is still at work on it, or was killed: none yet */
		(void)snprintf(config, sizeof(config), "%s/partial", ent->d_name);
		if (faccessat(st->lxc_dir, config, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		slot = arena_push(a, &names, &count, sizeof(*names));
		if (slot)
			*slot = arena_strdup(a, ent->d_name);
		if (!slot || !*slot)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (errno)
		return err_sys(e, errno, "read '%s'", st->lxcpath);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	*ret = names;
	*ret_count = count;
	return 0;
}

int state_lock(const struct state *st, const char *name, const char *verb, uint64_t deadline, struct err *e)
{
	autoclose int locks = fd_open(st->run_dir, LOCKS, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	struct lock_holder holder;
	int r = locks;

	if (!parse_is_container(name))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a valid name", name);
	if (locks >= 0)
		r = lock_take(locks, name, true, verb, deadline, &holder);
	if (r == -EBUSY && holder.id.pid) {
		(void)err_set(e, ERR_BUSY, EBUSY, "another command works on it: %s (pid %d)", holder.verb, (int)holder.id.pid);
		return err_hint(e, "ps -fp %d", (int)holder.id.pid);
	}
	if (r == -EBUSY) {
		(void)err_set(e, ERR_BUSY, EBUSY, "another command works on it");
		return err_hint(e, "fuser -v %s/" LOCKS "/%s", st->rundir, name);
	}
	return r < 0 ? disk_err(e, r, st->rundir, "lock '%s/" LOCKS "/%s'", st->rundir, name) : r;
}

void state_forget(const struct state *st, const char *name, int *lock)
{
	autoclose int locks = fd_open(st->run_dir, LOCKS, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

	if (!parse_is_container(name))
		return;
	(void)!path_remove_tree(st->run_dir, name);
	lock_forget(locks, name, lock);
}

int state_monitor_lock(const struct state *st, const char *name)
{
	autoclose int dir = state_run_dir(st, name, true);
	autoclose int fd = dir < 0 ? dir : fd_open(dir, MONITOR_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : fd_lock(fd);

	return r < 0 ? r : take_fd(fd);
}

int state_mounts_lock(const struct state *st, const char *name, bool all, uint64_t deadline)
{
	autoclose int dir = state_run_dir(st, name, false);

	if (dir < 0)
		return dir;
	if (all && faccessat(dir, MOUNTS_LOCK, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return lock_take(dir, MOUNTS_LOCK, all, NULL, deadline, NULL);
}

bool state_monitor_alive(const struct state *st, const char *name)
{
	autoclose int fd = FD_NONE;
	char path[96];
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (!parse_is_container(name))
		return false;
	(void)snprintf(path, sizeof(path), "%s/" MONITOR_LOCK, name);
	fd = path_open_beneath(st->run_dir, path, O_RDWR, 0);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}
