/* path.c - openat2-based resolution and tree surgery beneath descriptors. */
#include "base/path.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int open_how(int rootfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN)); /* EAGAIN: a rename raced with the walk */
	return fd < 0 ? -errno : (int)fd;
}

int path_open_in(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_how(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

int path_open_beneath(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_how(rootfd, relative(path), flags, mode,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int path_open_nolinks(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_how(rootfd, relative(path), flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int path_mkdirs_beneath(int rootfd, const char *path, mode_t mode)
{
	autoclose int at = path_open_nolinks(rootfd, ".", O_PATH | O_DIRECTORY, 0);
	char name[256];

	if (at < 0)
		return at;
	for (path = relative(path); *path;) {
		size_t len = strcspn(path, "/");
		int next;

		if (len == 0) {
			path++;
			continue;
		}
		if (len >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len;
		if (strcmp(name, ".") == 0)
			continue;
		next = path_open_nolinks(at, name, O_PATH | O_DIRECTORY, 0);
		if (next == -ENOENT) {
			if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
				return -errno;
			next = path_open_nolinks(at, name, O_PATH | O_DIRECTORY, 0);
		}
		if (next < 0)
			return next;
		fd_close(&at);
		at = next;
	}
	return take_fd(at);
}

int path_mkdirs(const char *path, mode_t mode)
{
	char copy[4096];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(copy))
		return len ? -ENAMETOOLONG : -ENOENT;
	memcpy(copy, path, len + 1);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(copy, mode) < 0) {
		struct stat st;

		if (errno != EEXIST)
			return -errno;
		if (stat(copy, &st) < 0)
			return -errno;
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
	}
	return 0;
}

/* One removal under way. A stranger may nest directories deeper than we may hold descriptors open: what lies deeper than DEPTH_MAX is moved to
 * the top of the doomed tree and met there again. */
#define DEPTH_MAX 64

struct removal {
	int top;
	unsigned moved; /* directories moved up so far: their names and, per round, the progress */
};

/* A subvolume goes whole where the kernel lets us: it may be read-only, and it is quicker than file by file. One that has others within, or is not ours to drop so, is emptied;
 * its directory then goes as any other does (Linux 4.18). */
static bool drop_subvolume(int dirfd, const char *name, int child)
{
	struct btrfs_ioctl_vol_args args = {.fd = 0};
	struct statfs fs;
	struct stat st;

	if (fstat(child, &st) < 0 || st.st_ino != BTRFS_FIRST_FREE_OBJECTID || fstatfs(child, &fs) < 0 || (uint32_t)fs.f_type != BTRFS_SUPER_MAGIC)
		return false;
	(void)snprintf(args.name, sizeof(args.name), "%s", name);
	return ioctl(dirfd, BTRFS_IOC_SNAP_DESTROY, &args) == 0;
}

static int move_up(struct removal *rm, int dirfd, const char *name)
{
	char fresh[48];
	int r;

	do
		(void)snprintf(fresh, sizeof(fresh), ".deep.%d.%u", (int)getpid(), rm->moved++);
	while ((r = renameat2(dirfd, name, rm->top, fresh, RENAME_NOREPLACE) < 0 ? -errno : 0) == -EEXIST);
	return r == -EBUSY ? -EXDEV : r;
}

static int remove_children(struct removal *rm, int dirfd, unsigned depth) /* NOLINT(misc-no-recursion) */
{
	autoclosedir DIR *dir = fd_open_dir(dirfd, ".", 0);
	const struct dirent *ent;

	if (!dir)
		return -errno;
	while ((errno = 0, ent = readdir(dir))) {
		autoclose int child = FD_NONE;
		int r;

		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd, ent->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM && errno != EBUSY)
			return -errno;
		if (errno == EBUSY)
			return -EXDEV; /* a mount point */
		child = path_open_beneath(dirfd, ent->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (child == -ENOTDIR)
			return -EPERM; /* not a directory, and unlink said EPERM: immutable */
		if (child < 0)
			return child;
		if (drop_subvolume(dirfd, ent->d_name, child))
			continue;
		r = depth == DEPTH_MAX ? move_up(rm, dirfd, ent->d_name) : remove_children(rm, child, depth + 1);
		if (r < 0)
			return r;
		if (depth < DEPTH_MAX && unlinkat(dirfd, ent->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return errno == EBUSY ? -EXDEV : -errno;
	}
	return -errno;
}

int path_remove_tree(int dirfd, const char *name)
{
	autoclose int fd = FD_NONE;
	struct removal rm = {0};
	unsigned moved;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return errno == EBUSY ? -EXDEV : -errno;
	fd = path_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	if (drop_subvolume(dirfd, name, fd))
		return 0;
	rm.top = fd;
	/* Every round that moved something up needs another one; each takes DEPTH_MAX levels off. */
	do {
		moved = rm.moved;
		r = remove_children(&rm, fd, 0);
	} while (r == 0 && rm.moved != moved);
	if (r < 0)
		return r;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return errno == EBUSY ? -EXDEV : -errno;
	return 0;
}

int path_sync_dir(int dirfd)
{
	autoclose int fd = fd_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	return fsync(fd) < 0 ? -errno : 0;
}

static int replace(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode, bool durable)
{
	char tmp[300];
	autoclose int fd = FD_NONE;
	int r;

	/* One writer at a time is the caller's lock; the pid only keeps a crashed writer's leftover from blocking us. */
	if ((size_t)snprintf(tmp, sizeof(tmp), ".%s.%d.new", name, (int)getpid()) >= sizeof(tmp))
		return -ENAMETOOLONG;
	(void)unlinkat(dirfd, tmp, 0);
	fd = fd_open(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return fd;
	r = fd_write_all(fd, bytes, len);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return r;
	}
	return durable ? path_sync_dir(dirfd) : 0;
}

int path_replace_file(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode)
{
	return replace(dirfd, name, bytes, len, mode, true);
}

int path_swap_file(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode)
{
	return replace(dirfd, name, bytes, len, mode, false);
}
