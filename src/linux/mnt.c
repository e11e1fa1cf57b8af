/* mnt.c - the new mount API, one thin wrapper a call; see mnt.h. */
#include "linux/mnt.h"

#include "base/fd.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

_Static_assert(MNT_RDONLY == MOUNT_ATTR_RDONLY && MNT_NOSUID == MOUNT_ATTR_NOSUID && MNT_NODEV == MOUNT_ATTR_NODEV &&
		       MNT_NOEXEC == MOUNT_ATTR_NOEXEC && MNT_NOATIME == MOUNT_ATTR_NOATIME,
	       "MNT_* are the kernel's values");

#define WHY_SIZE 256

static int config(int fs, unsigned cmd, const char *key, const char *value, int aux)
{
	return syscall(SYS_fsconfig, fs, cmd, key, value, aux) < 0 ? -errno : 0;
}

/* The kernel leaves "e some text" lines to read from a file system context; the last one is the reason. */
static void explain(int fs, char *why)
{
	char line[WHY_SIZE];
	ssize_t n;

	if (!why)
		return;
	why[0] = '\0';
	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (n > 2 && line[1] == ' ')
			memmove(line, line + 2, (size_t)n - 1);
		line[strcspn(line, "\n")] = '\0';
		memcpy(why, line, strlen(line) + 1);
	}
}

static int open_fs(const char *fstype)
{
	int fs = (int)syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC);

	return fs < 0 ? -errno : fs;
}

static int create_and_mount(int fs, uint32_t attrs)
{
	int r = config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (r < 0)
		return r;
	r = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
	return r < 0 ? -errno : r;
}

int mnt_new(const char *fstype, const char *const *opts, uint32_t attrs, char *why)
{
	autoclose int fs = open_fs(fstype);
	int r = 0;

	if (why)
		why[0] = '\0';
	if (fs < 0)
		return fs;
	for (size_t i = 0; opts && opts[i] && r == 0; i += 2) {
		if (opts[i + 1])
			r = config(fs, FSCONFIG_SET_STRING, opts[i], opts[i + 1], 0);
		else
			r = config(fs, FSCONFIG_SET_FLAG, opts[i], NULL, 0);
	}
	if (r == 0)
		r = create_and_mount(fs, attrs);
	if (r < 0)
		explain(fs, why);
	return r;
}

int mnt_clone(int dirfd, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	int fd;

	if (recursive)
		flags |= AT_RECURSIVE;
	if (!path[0])
		flags |= AT_EMPTY_PATH;
	fd = (int)syscall(SYS_open_tree, dirfd, path, flags);
	return fd < 0 ? -errno : fd;
}

int mnt_attr(int fd, bool recursive, uint32_t set, uint32_t clear, enum mnt_propagation prop, int userns_fd)
{
	static const uint64_t propagation[] = {
		[MNT_KEEP] = 0, [MNT_PRIVATE] = 1u << 18, [MNT_SHARED] = 1u << 20, [MNT_SLAVE] = 1u << 19, [MNT_UNBINDABLE] = 1u << 17};
	struct mount_attr attr = {.attr_set = set, .attr_clr = clear, .propagation = propagation[prop]};

	if (set & (MNT_NOATIME | MNT_STRICTATIME))
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if (userns_fd >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (unsigned)userns_fd;
	}
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}

static int attach(int fd, int target, unsigned extra)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | extra;

	return syscall(SYS_move_mount, fd, "", target, "", flags) < 0 ? -errno : 0;
}

int mnt_attach(int fd, int target)
{
	return attach(fd, target, 0);
}

int mnt_attach_beneath(int fd, int target)
{
	return attach(fd, target, MOVE_MOUNT_BENEATH);
}

int mnt_detach(int dirfd, const char *name)
{
	char path[64];

	/* umount2(2) knows no descriptors: step to the directory by its descriptor first, so that @name is one component. */
	if (dirfd != AT_FDCWD) {
		autoclose int here = fd_open(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
		int r = 0;

		if (here < 0)
			return here;
		if (fchdir(dirfd) < 0)
			return -errno;
		if ((size_t)snprintf(path, sizeof(path), "%s", name) >= sizeof(path))
			r = -ENAMETOOLONG;
		else if (syscall(SYS_umount2, path, 2 /* MNT_DETACH */ | 8 /* UMOUNT_NOFOLLOW */) < 0)
			r = -errno;
		if (fchdir(here) < 0 && r == 0)
			r = -errno;
		return r;
	}
	return syscall(SYS_umount2, name, 2 | 8) < 0 ? -errno : 0;
}

int mnt_pivot(int root)
{
	if (fchdir(root) < 0)
		return -errno;
	/* Old and new root in one place: the old one ends up stacked over ours and is peeled off; no put_old directory is needed. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	if (syscall(SYS_umount2, ".", 2 /* MNT_DETACH */) < 0)
		return -errno;
	return chdir("/") < 0 ? -errno : 0;
}

static int erofs_new(const char *source, char *why)
{
	const char *const opts[] = {"source", source, "ro", NULL, NULL};

	return mnt_new("erofs", opts, MNT_RDONLY | MNT_NODEV, why);
}

/* A loop device in autoclear mode: the kernel frees it with the last user. Gives the open device and its path. */
static int loop_attach(int image, bool writable, char path[32])
{
	int mode = writable ? O_RDWR : O_RDONLY;
	autoclose int control = fd_open(AT_FDCWD, "/dev/loop-control", O_RDWR, 0);
	struct loop_config lc = {
		.fd = (uint32_t)image,
		.info = {.lo_flags = (writable ? 0u : LO_FLAGS_READ_ONLY) | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO},
	};

	if (control < 0)
		return control;
	for (int tries = 0; tries < 64; tries++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE), r;
		autoclose int dev = FD_NONE;

		if (n < 0)
			return -errno;
		(void)snprintf(path, 32, "/dev/loop%d", n);
		dev = fd_open(AT_FDCWD, path, mode, 0);
		if (dev == -ENOENT && mknod(path, S_IFBLK | 0600, makedev(7, (unsigned)n)) == 0)
			dev = fd_open(AT_FDCWD, path, mode, 0);
		if (dev < 0)
			return dev;
		r = ioctl(dev, LOOP_CONFIGURE, &lc) < 0 ? -errno : 0;
		if (r == -EINVAL && (lc.info.lo_flags & LO_FLAGS_DIRECT_IO)) {
			lc.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO; /* backing file system without direct I/O */
			r = ioctl(dev, LOOP_CONFIGURE, &lc) < 0 ? -errno : 0;
		}
		if (r == 0)
			return take_fd(dev);
		if (r != -EBUSY) /* somebody else took it meanwhile: ask for another */
			return r;
	}
	return -EBUSY;
}

int mnt_erofs(int image_fd, bool allow_file, bool allow_loop, const char **ret_level, char *why)
{
	char path[32];
	int r = -EOPNOTSUPP;

	if (allow_file) {
		/* The image is named through its own descriptor: no path can be swapped under us. */
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", image_fd);
		r = erofs_new(path, why);
		if (r >= 0) {
			*ret_level = "erofs-file";
			return r;
		}
	}
	if (allow_loop) {
		autoclose int dev = loop_attach(image_fd, false, path);

		if (dev < 0)
			return dev;
		r = erofs_new(path, why);
		if (r >= 0)
			*ret_level = "erofs-loop";
	}
	return r;
}

/* @fstype on device @source. */
static int try_fs(const char *fstype, const char *source, bool read_only, const char *const *opts, char *why)
{
	autoclose int fs = open_fs(fstype);
	int r = fs < 0 ? fs : config(fs, FSCONFIG_SET_STRING, "source", source, 0);

	if (r == 0 && read_only)
		r = config(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	for (size_t i = 0; r == 0 && opts && opts[i]; i += 2)
		r = opts[i + 1] ? config(fs, FSCONFIG_SET_STRING, opts[i], opts[i + 1], 0) : config(fs, FSCONFIG_SET_FLAG, opts[i], NULL, 0);
	/* a snapshot has the mark of its origin, which may be mounted too */
	if (r == 0 && strcmp(fstype, "xfs") == 0)
		r = config(fs, FSCONFIG_SET_FLAG, "nouuid", NULL, 0);
	if (r == 0)
		r = create_and_mount(fs, read_only ? MNT_RDONLY : 0);
	if (r < 0 && fs >= 0)
		explain(fs, why);
	return r;
}

/* "ext4" of "\text4", NULL of "nodev\tproc". */
static const char *on_devices(const char *line)
{
	return *line == '\t' ? line + 1 : NULL;
}

/* Not registered may mean that its module has only not been needed yet: the kernel loads it when asked by name. */
static const char *const loadable[] = {"ext4", "xfs", "btrfs", "squashfs", "erofs", "f2fs", "iso9660"};

static unsigned loadable_bit(const char *fstype)
{
	for (unsigned i = 0; i < ARRAY_LEN(loadable); i++)
		if (strcmp(fstype, loadable[i]) == 0)
			return 1u << i;
	return 0;
}

/* The one that says why has found itself; the others say that it is none of theirs, or nothing. */
static int try_one(const char *fstype, const char *source, bool read_only, const char *const *opts, int last, char *why)
{
	char said[256] = "";
	int r = try_fs(fstype, source, read_only, opts, said);

	if (r >= 0 || (r == -EINVAL && why[0]) || r == -ENODEV)
		return r >= 0 ? r : last;
	(void)snprintf(why, 256, "%s: %.200s", fstype, said[0] ? said : "not on it");
	return r;
}

static int try_all(const char *source, bool read_only, const char *const *opts, char *why)
{
	autodone(buf_done) struct buf known = BUF_INIT;
	autoclose int list = fd_open(AT_FDCWD, "/proc/filesystems", O_RDONLY, 0);
	int r = list < 0 ? list : fd_read_all(list, &known, 65536);
	unsigned tried = 0;
	char *save = NULL;

	if (r < 0 || !known.data)
		return r < 0 ? r : -EINVAL;
	r = -EINVAL;
	for (char *line = strtok_r(known.data, "\n", &save); line && r < 0; line = strtok_r(NULL, "\n", &save)) {
		const char *fstype = on_devices(line);

		if (!fstype)
			continue;
		tried |= loadable_bit(fstype);
		r = try_one(fstype, source, read_only, opts, r, why);
	}
	for (unsigned i = 0; i < ARRAY_LEN(loadable) && r < 0; i++)
		if (!(tried & (1u << i)))
			r = try_one(loadable[i], source, read_only, opts, r, why);
	return r;
}

/* No file system is smaller than the page its superblock is in. */
#define IMAGE_MIN 4096

int mnt_image(const char *path, const char *fstype, bool block, bool read_only, const char *const *opts, char *why)
{
	autoclose int image = FD_NONE;
	autoclose int dev = FD_NONE;
	struct stat st;
	char loop[32];
	int r;

	why[0] = '\0';
	image = fd_open(AT_FDCWD, path, read_only ? O_RDONLY : O_RDWR, 0);
	if ((image == -EACCES || image == -EROFS || image == -EPERM) && !read_only) {
		read_only = true;
		image = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	}
	if (image < 0)
		return image;
	if (block) {
		fd_close(&image); /* whoever mounts it wants it alone */
		return fstype ? try_fs(fstype, path, read_only, opts, why) : try_all(path, read_only, opts, why);
	}
	if (fstat(image, &st) == 0 && st.st_size < IMAGE_MIN) { /* file systems that are asked fail in ways that tell nothing */
		(void)snprintf(why, 256, "it has only %lld bytes", (long long)st.st_size);
		return -EINVAL;
	}
	dev = loop_attach(image, !read_only, loop);
	if (dev < 0)
		return dev;
	r = fstype ? try_fs(fstype, loop, read_only, opts, why) : try_all(loop, read_only, opts, why);
	if ((r == -EACCES || r == -EROFS) && !read_only)
		r = fstype ? try_fs(fstype, loop, true, opts, why) : try_all(loop, true, opts, why);
	return r;
}

/* Layer options by descriptor (Linux 6.8); -EINVAL where the kernel does not know them. */
static int overlay_by_fd(int fs, const int *lower, size_t lower_count, int upper, int work)
{
	int r = 0;

	for (size_t i = 0; i < lower_count && r == 0; i++)
		r = config(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, lower[i]);
	if (r == 0 && upper >= 0)
		r = config(fs, FSCONFIG_SET_FD, "upperdir", NULL, upper);
	if (r == 0 && upper >= 0)
		r = config(fs, FSCONFIG_SET_FD, "workdir", NULL, work);
	return r;
}

static int overlay_by_path(int fs, const int *lower, size_t lower_count, int upper, int work)
{
	char text[512] = "";
	size_t used = 0;
	int r;

	for (size_t i = 0; i < lower_count; i++) {
		int n = snprintf(text + used, sizeof(text) - used, "%s/proc/self/fd/%d", i ? ":" : "", lower[i]);

		if (n < 0 || (size_t)n >= sizeof(text) - used)
			return -E2BIG;
		used += (size_t)n;
	}
	r = config(fs, FSCONFIG_SET_STRING, "lowerdir", text, 0);
	if (r < 0 || upper < 0)
		return r;
	(void)snprintf(text, sizeof(text), "/proc/self/fd/%d", upper);
	r = config(fs, FSCONFIG_SET_STRING, "upperdir", text, 0);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "/proc/self/fd/%d", work);
	return config(fs, FSCONFIG_SET_STRING, "workdir", text, 0);
}

int mnt_overlay(const int *lower, size_t lower_count, int upper, int work, unsigned flags, char *why)
{
	for (int by_path = 0; by_path < 2; by_path++) {
		autoclose int fs = open_fs("overlay");
		int r;

		if (fs < 0)
			return fs;
		r = by_path ? overlay_by_path(fs, lower, lower_count, upper, work)
			    : overlay_by_fd(fs, lower, lower_count, upper, work);
		if (r < 0 && !by_path)
			continue; /* older kernel: a fresh context, the other way */
		if (r == 0 && (flags & MNT_OVERLAY_VOLATILE))
			r = config(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
		if (r == 0 && (flags & MNT_OVERLAY_USERXATTR))
			r = config(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
		if (r == 0)
			(void)!config(fs, FSCONFIG_SET_STRING, "source", "coppice", 0);
		if (r == 0)
			r = create_and_mount(fs, 0);
		if (r < 0)
			explain(fs, why);
		return r;
	}
	return -EOPNOTSUPP;
}
