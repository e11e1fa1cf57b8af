/* create.c - a container is made out of sight and appears whole.
 *
 * LXCPATH/.staging/NAME is locked (flock on the directory itself) for as long as its maker lives, so that leftovers of a killed one are
 * told from work in progress without any timeout. Leftovers are first renamed to .gone-*, which frees the name at once, then removed; a
 * .gone-* whose remover was killed too is met by the next sweep. */
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/diskerr.h"
#include "state/dirs.h"
#include "state/lock.h"
#include "state/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define GONE ".gone-"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static int open_staging(const struct state *st, bool make)
{
	return dirs_open(st->lxc_dir, STAGING, make);
}

static bool leads_to(int dir, const char *name, int fd)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino;
}

/* Renames @name out of sight; @ret_gone is its name in @staging then. */
static int hide(int dir, const char *name, int staging, char ret_gone[160])
{
	int r = -EEXIST;

	for (unsigned n = 0; n < 10000 && r == -EEXIST; n++) {
		if ((size_t)snprintf(ret_gone, 160, GONE "%s.%u", name, n) >= 160)
			return -ENAMETOOLONG;
		r = renameat2(dir, name, staging, ret_gone, RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	return r;
}

int staging_discard(const struct state *st, int dir, const char *name)
{
	autoclose int staging = open_staging(st, true);
	char gone[160];
	int r = staging < 0 ? staging : hide(dir, name, staging, gone);

	return r < 0 ? r : lock_reap(staging, gone);
}

/* Snapshots that were on their way into a restored container, whose maker died before it took its place. */
static void give_back(int staging, const char *name)
{
	char from[128], to[128];

	if (!parse_is_container(name))
		return;
	(void)snprintf(from, sizeof(from), "%s/snaps", name);
	(void)snprintf(to, sizeof(to), "../%s/snaps", name);
	(void)!renameat2(staging, from, staging, to, RENAME_NOREPLACE);
}

/* The directory of a dead maker goes; -EBUSY when its maker lives (or another sweep is just at it). */
static int clear_dead(int staging, const char *name, state_outside_fn *outside, void *data)
{
	autoclose int fd = fd_open(staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	char gone[160];
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (!leads_to(staging, name, fd))
		return 0;
	if (outside && outside(fd, data) < 0)
		return -EBUSY;
	give_back(staging, name);
	/* Renamed under the lock, so that it is this directory and not one that somebody has made in its place meanwhile. */
	r = hide(staging, name, staging, gone);
	fd_close(&fd);
	return r < 0 ? r : lock_reap(staging, gone);
}

/* Makes and locks staging/NAME. Between mkdir and flock a sweep may take the directory for a dead one: then we start again. A sweep
 * holds a dead one's lock for the time of a rename: busy is believed after a few milliseconds only. */
static int make_locked(int staging, const char *name)
{
	unsigned busy = 0;

	for (unsigned tries = 0; tries < 100; tries++) {
		autoclose int fd = FD_NONE;
		int r = mkdirat(staging, name, 0700) < 0 ? -errno : 0;

		if (r == -EEXIST) {
			r = clear_dead(staging, name, NULL, NULL);
			if (r == -EBUSY && busy++ < 5)
				(void)poll(NULL, 0, 1);
			else if (r < 0)
				return r;
			continue;
		}
		if (r < 0)
			return r;
		fd = fd_open(staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && leads_to(staging, name, fd))
			return take_fd(fd);
	}
	return -EBUSY;
}

static int exists(const char *name, struct err *e)
{
	(void)err_set(e, ERR_EXISTS, EEXIST, "container '%s' exists already", name);
	return err_hint(e, "coppice show %s", name);
}

int state_create_begin(const struct state *st, const char *name, struct err *e)
{
	struct stat there;

	if (parse_is_container(name) && fstatat(st->lxc_dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return exists(name, e);
	return state_create_again(st, name, e);
}

int state_create_again(const struct state *st, const char *name, struct err *e)
{
	autoclose int staging = FD_NONE;
	int r;

	if (!parse_is_container(name))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a valid name", name);
	staging = open_staging(st, true);
	if (staging < 0)
		return disk_err(e, staging, st->lxcpath, "make '%s/" STAGING "'", st->lxcpath);
	r = make_locked(staging, name);
	if (r == -EBUSY)
		return err_set(e, ERR_BUSY, EBUSY, "another command is making container '%s'", name);
	return r < 0 ? disk_err(e, r, st->lxcpath, "make '%s/" STAGING "/%s'", st->lxcpath, name) : r;
}

/* On a journal that writes data before the commit that refers to it, content that is on its way to the disk needs no commit of its own:
 * the one that carries the rename covers it, and create pays for one instead of three. */
static bool commits_in_order(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && ((uint32_t)fs.f_type == EXT4_SUPER_MAGIC || (uint32_t)fs.f_type == XFS_SUPER_MAGIC);
}

static int write_out(int fd)
{
	const unsigned whole = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	if (commits_in_order(fd) && sync_file_range(fd, 0, 0, whole) == 0)
		return 0;
	return fsync(fd) < 0 ? -errno : 0;
}

/* The two small files that say what the container is have to survive a power cut; the private tree is as durable as any copy. */
static int sync_content(int staging, const char *name)
{
	static const char *const files[] = {"config", "base"};
	autoclose int dir = fd_open(staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (dir < 0)
		return dir;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autoclose int fd = fd_open(dir, files[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
		int r;

		if (fd == -ENOENT)
			continue;
		r = fd < 0 ? fd : write_out(fd);
		if (r < 0)
			return r;
	}
	return 0;
}

int state_create_commit(const struct state *st, const char *name, struct err *e)
{
	autoclose int staging = open_staging(st, false);
	int r = staging;

	if (r >= 0)
		r = sync_content(staging, name);
	if (r >= 0 && renameat2(staging, name, st->lxc_dir, name, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r == -EEXIST)
		return exists(name, e);
	/* On such a journal the container is there whole or not at all after a power cut, within the seconds the file system itself
	 * promises, as for mkdir(1). */
	if (r >= 0 && !commits_in_order(staging))
		r = dirs_sync(st->lxc_dir);
	return r < 0 ? disk_err(e, r, st->lxcpath, "put container '%s' in place", name) : 0;
}

int state_create_swap(const struct state *st, const char *name, struct err *e)
{
	autoclose int staging = open_staging(st, false);
	int r = staging;

	if (r >= 0)
		r = sync_content(staging, name);
	if (r >= 0 && renameat2(staging, name, st->lxc_dir, name, RENAME_EXCHANGE) < 0)
		r = -errno;
	if (r >= 0)
		r = dirs_sync(st->lxc_dir);
	if (r < 0) {
		give_back(staging, name);
		state_create_abort(st, name);
		return disk_err(e, r, st->lxcpath, "put container '%s' in place", name);
	}
	/* what was there before; a sweep ends it when we are killed */
	(void)!staging_discard(st, staging, name);
	return 0;
}

void state_create_abort(const struct state *st, const char *name)
{
	autoclose int staging = open_staging(st, false);

	/* In place: the caller still holds the lock, so no sweep is at it at the same time. */
	if (staging >= 0 && parse_is_container(name))
		(void)!path_remove_tree(staging, name);
}

void state_sweep(const struct state *st, state_outside_fn *outside, void *data)
{
	autoclose int staging = open_staging(st, false);
	autoclosedir DIR *dir = staging < 0 ? NULL : fd_open_dir(staging, ".", 0);
	const struct dirent *ent;

	while (dir && (ent = dirs_next(dir))) {
		if (strncmp(ent->d_name, GONE, strlen(GONE)) == 0)
			(void)!lock_reap(staging, ent->d_name);
		else
			(void)!clear_dead(staging, ent->d_name, outside, data);
	}
}
