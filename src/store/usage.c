/* usage.c - what a tree takes on disk, in one statx an entry. */
#include "base/fd.h"
#include "base/path.h"
#include "state/dirs.h"
#include "store/links.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEPTH_MAX 800

struct usage {
	DIR **levels;
	size_t depth;
	struct links links;
	uint64_t mount; /* id of the mount that is counted; what is mounted inside is not */
	uint64_t bytes, files;
};

static void usage_done(struct usage *u)
{
	while (u->depth > 0)
		fd_close_dir(&u->levels[--u->depth]);
	attr_free_ptr(&u->levels);
	links_done(&u->links);
}

static int look(int dir, const char *name, struct statx *ret)
{
	const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC | (name[0] ? 0 : AT_EMPTY_PATH);

	return statx(dir, name, flags, STATX_TYPE | STATX_INO | STATX_NLINK | STATX_BLOCKS | STATX_MNT_ID, ret) < 0 ? -errno : 0;
}

/* Adds one inode, unless another of its names was counted. */
static int add(struct usage *u, const struct statx *x)
{
	int r = 0;

	if (x->stx_nlink > 1 && !S_ISDIR(x->stx_mode) &&
	    links_meet(&u->links, makedev(x->stx_dev_major, x->stx_dev_minor), x->stx_ino, "", &r))
		return 0;
	u->bytes += x->stx_blocks * 512;
	u->files++;
	return r;
}

/* Takes @fd. */
static int push(struct usage *u, int fd)
{
	autoclose int dir = fd;

	if (dir < 0)
		return dir;
	if (u->depth >= DEPTH_MAX)
		return -ELOOP;
	u->levels[u->depth] = fdopendir(dir);
	if (!u->levels[u->depth])
		return -errno;
	(void)take_fd(dir);
	u->depth++;
	return 0;
}

/* The tree may be alive: what vanishes while we look is not there. */
static int visit(struct usage *u, int dir, const char *name)
{
	struct statx x;
	int r = look(dir, name, &x);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (x.stx_mnt_id != u->mount)
		return 0;
	r = add(u, &x);
	if (r < 0 || !S_ISDIR(x.stx_mode))
		return r;
	r = push(u, path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0));
	return r == -ENOENT || r == -ENOTDIR || r == -EXDEV ? 0 : r;
}

int store_tree_usage(int dirfd_, uint64_t *ret_bytes, uint64_t *ret_files)
{
	autodone(usage_done) struct usage u = {.links = LINKS_INIT, .levels = calloc(DEPTH_MAX, sizeof(DIR *))};
	struct statx x;
	int r = u.levels ? look(dirfd_, "", &x) : -ENOMEM;

	if (r < 0)
		return r;
	u.mount = x.stx_mnt_id;
	r = add(&u, &x);
	if (r == 0 && S_ISDIR(x.stx_mode))
		r = push(&u, fd_open(dirfd_, ".", O_RDONLY | O_DIRECTORY, 0));
	while (r == 0 && u.depth > 0) {
		DIR *dir = u.levels[u.depth - 1];
		const struct dirent *ent = dirs_next(dir);

		if (ent) {
			r = visit(&u, dirfd(dir), ent->d_name);
			continue;
		}
		r = -errno;
		fd_close_dir(&u.levels[--u.depth]);
	}
	if (r < 0)
		return r;
	*ret_bytes = u.bytes;
	*ret_files = u.files;
	return 0;
}
