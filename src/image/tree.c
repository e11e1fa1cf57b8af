/* tree.c - edits beneath the root of a staged system; see tree.h. */
#include "image/tree.h"

#include "base/fd.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Opens the directory that holds the last part of @path, and points *ret_name at that part. */
static int open_parent(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	fd = path_open_in(root, len ? dir : ".", O_RDONLY | O_DIRECTORY, 0);
	return fd == -ENOTDIR || fd == -ELOOP ? -ENOENT : fd;
}

/* Remembers a directory's times and puts them back when the scope ends. */
struct times {
	int fd; /* borrowed; below 0 = nothing to restore */
	struct timespec t[2];
};

static struct times times_of(int dirfd)
{
	struct times keep = {.fd = FD_NONE};
	struct stat st;

	if (fstat(dirfd, &st) == 0) {
		keep.fd = dirfd;
		keep.t[0] = st.st_atim;
		keep.t[1] = st.st_mtim;
	}
	return keep;
}

static void times_restore(struct times *keep)
{
	if (keep->fd >= 0)
		(void)futimens(keep->fd, keep->t);
}

int tree_stat(int root, const char *path, struct stat *ret)
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name);

	if (dir < 0)
		return dir;
	return fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

bool tree_is_dir(int root, const char *path)
{
	struct stat st;

	return tree_stat(root, path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool tree_is_file(int root, const char *path)
{
	struct stat st;

	return tree_stat(root, path, &st) == 0 && S_ISREG(st.st_mode);
}

int tree_read(int root, const char *path, struct buf *out, size_t max)
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name), fd = FD_NONE;
	struct stat st;

	if (dir < 0)
		return dir;
	fd = path_open_beneath(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return fd_read_all(fd, out, max);
}

int tree_readlink(int root, const char *path, char out[4096])
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name);
	ssize_t n;

	if (dir < 0)
		return dir;
	n = readlinkat(dir, name, out, 4096);
	if (n < 0)
		return -errno;
	if (n == 4096)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return 0;
}

int tree_write(int root, const char *path, const void *bytes, size_t len, mode_t mode)
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name), fd = FD_NONE;
	autodone(times_restore) struct times keep = {.fd = FD_NONE};
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	uid_t uid = 0;
	gid_t gid = 0;
	struct stat st;
	int r;

	if (dir < 0)
		return dir;
	keep = times_of(dir);
	t[1] = keep.t[1];
	/* Always a new inode: the old one may have further names elsewhere. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISREG(st.st_mode)) {
			mode = st.st_mode & 07777;
			uid = st.st_uid;
			gid = st.st_gid;
			t[1] = st.st_mtim;
		}
		if (unlinkat(dir, name, 0) < 0)
			return -errno;
	}
	fd = path_open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fd;
	r = fd_write_all(fd, bytes, len);
	if (r < 0)
		return r;
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 || futimens(fd, t) < 0)
		return -errno;
	return 0;
}

int tree_symlink(int root, const char *path, const char *target)
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name);
	autodone(times_restore) struct times keep = {.fd = FD_NONE};

	if (dir < 0)
		return dir;
	keep = times_of(dir);
	if ((unlinkat(dir, name, 0) < 0 && errno != ENOENT) || symlinkat(target, dir, name) < 0)
		return -errno;
	return utimensat(dir, name, keep.t, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int tree_mkdir(int root, const char *path, mode_t mode)
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name), made = FD_NONE;
	autodone(times_restore) struct times keep = {.fd = FD_NONE};
	struct stat st;

	if (dir < 0)
		return dir;
	keep = times_of(dir);
	if (mkdirat(dir, name, 0700) < 0) {
		if (errno != EEXIST)
			return -errno;
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	}
	made = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (made < 0)
		return made;
	return fchmod(made, mode) < 0 || futimens(made, keep.t) < 0 ? -errno : 0;
}

int tree_rename(int root, const char *from, const char *to)
{
	const char *from_name, *to_name;
	autoclose int from_dir = open_parent(root, from, &from_name), to_dir = open_parent(root, to, &to_name);
	autodone(times_restore) struct times keep_from = {.fd = FD_NONE};
	autodone(times_restore) struct times keep_to = {.fd = FD_NONE};

	if (from_dir < 0 || to_dir < 0)
		return from_dir < 0 ? from_dir : to_dir;
	keep_from = times_of(from_dir);
	keep_to = times_of(to_dir);
	return renameat(from_dir, from_name, to_dir, to_name) < 0 ? -errno : 0;
}

int tree_remove(int root, const char *path)
{
	const char *name;
	autoclose int dir = open_parent(root, path, &name);
	autodone(times_restore) struct times keep = {.fd = FD_NONE};
	struct stat st;
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	keep = times_of(dir);
	r = path_remove_tree(dir, name);
	return r < 0 ? r : 1;
}

int tree_open_dir(int root, const char *path)
{
	int fd = path_open_in(root, path, O_RDONLY | O_DIRECTORY, 0);

	return fd == -ENOTDIR || fd == -ELOOP ? -ENOENT : fd;
}

/* ---- times ---- */

int tree_times_add(struct tree_times *t, const char *path, struct timespec mtime)
{
	const char *copy = arena_strdup(t->strings, path);
	struct tree_time *slot = copy ? arena_push(t->strings, &t->dirs, &t->count, sizeof(*slot)) : NULL;

	if (!slot)
		return -ENOMEM;
	*slot = (struct tree_time){copy, mtime};
	return 0;
}

int tree_times_apply(const struct tree_times *t, int root)
{
	for (size_t i = 0; i < t->count; i++) {
		autoclose int fd = path_open_beneath(root, t->dirs[i].path, O_RDONLY | O_DIRECTORY, 0);
		struct timespec times[2] = {t->dirs[i].mtime, t->dirs[i].mtime};

		if (fd >= 0 && futimens(fd, times) < 0)
			return -errno;
	}
	return 0;
}

/* ---- names ---- */

void tree_names_done(struct tree_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		attr_free_ptr(&n->names[i]);
	attr_free_ptr(&n->names);
	n->count = 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int push_name(struct tree_names *n, const char *name)
{
	if ((n->count & (n->count - 1)) == 0) {
		char **bigger = reallocarray(n->names, n->count ? n->count * 2 : 1, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		n->names = bigger;
	}
	n->names[n->count] = strdup(name);
	if (!n->names[n->count])
		return -ENOMEM;
	n->count++;
	return 0;
}

int tree_list(int dirfd, struct tree_names *ret)
{
	autoclosedir DIR *dir = fd_open_dir(dirfd, ".", 0);
	autodone(tree_names_done) struct tree_names n = {NULL, 0};
	const struct dirent *ent;

	if (!dir)
		return -errno;
	while ((errno = 0, ent = readdir(dir))) {
		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		if (push_name(&n, ent->d_name) < 0)
			return -ENOMEM;
	}
	if (errno)
		return -errno;
	if (n.count)
		qsort(n.names, n.count, sizeof(*n.names), by_bytes);
	ret->names = take(n.names);
	ret->count = n.count;
	n.count = 0;
	return 0;
}
