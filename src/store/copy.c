/* copy.c - a tree is copied inode by inode, everything named relative to a directory descriptor, no link followed, no mount crossed.
 *
 * The cost of a private tree is its inodes, not its bytes, so each regular file takes one pass of calls on two descriptors, without
 * looking at the name again, and what is already right (owner, mode, absent xattrs) is not set. Content of small files goes through one
 * buffer: for them that beats both reflink and in-kernel copying. Larger ones are reflinked where the file system can, else copied in
 * the kernel, holes kept.
 *
 * A directory's own attributes are set when it is left: its times are still changing before. The root of the copy stays as the caller
 * made it (0700) until all below it is done, so that nobody gets at a file between two of its attributes. */
#include "store/copy.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/dirs.h"
#include "store/links.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A file up to this size is read and written whole; it is also the unit of the slow path. */
#define BLOCK ((size_t)64 * 1024)
/* Two descriptors a level: deeper than any real tree, below the usual limit of 1024 open files. */
#define DEPTH_MAX 400
#define XATTR_NAMES 4096
#define XATTR_VALUE 65536

struct level {
	DIR *dir; /* of the source */
	int to;
	bool mode_set;
	struct stat st;
	size_t path_len; /* of this directory's path in copier.path */
};

struct copier {
	struct level *levels;
	size_t depth;
	struct links links;
	struct buf path; /* of what is being copied, relative to the root of the copy */
	char *block;     /* BLOCK bytes, then room for xattr names */
	bool try_clone, try_range, try_noatime;
	bool always_chown; /* the target directory hands its group down */
	bool keep_marks;   /* an overlay's upper layer, for another overlay of the same lower ones */
	bool labelled;     /* the source has security labels: only then links are asked for theirs */
	mode_t masked;     /* bits that a created inode may lack */
	uid_t uid;
	gid_t gid;
	struct copy_result result;
};

static void copier_done(struct copier *c)
{
	while (c->depth > 0) {
		struct level *l = &c->levels[--c->depth];

		fd_close_dir(&l->dir);
		fd_close(&l->to);
	}
	attr_free_ptr(&c->block);
	attr_free_ptr(&c->levels);
	links_done(&c->links);
	buf_done(&c->path);
}

static bool skip_xattr(const struct copier *c, const char *name)
{
	/* An overlay's own marks mean something else in a plain directory, and danger in another overlay. What hides and moves names holds for every overlay of the
	 * same lower layers; where an inode came from does not. */
	if (c->keep_marks && (strstr(name, ".overlay.opaque") || strstr(name, ".overlay.redirect") || strstr(name, ".overlay.whiteout")))
		return false;
	return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0;
}

/* On descriptors of regular files and directories. */
static int copy_xattrs(struct copier *c, int from, int to)
{
	char *names = c->block + BLOCK;
	ssize_t len = flistxattr(from, names, XATTR_NAMES);

	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, c->block, XATTR_VALUE);

		if (skip_xattr(c, name))
			continue;
		if (n < 0)
			return -errno;
		if (fsetxattr(to, name, c->block, (size_t)n, 0) < 0)
			return -errno;
	}
	return 0;
}

static bool wants_chown(const struct copier *c, const struct stat *st)
{
	return c->always_chown || st->st_uid != c->uid || st->st_gid != c->gid;
}

/* True when creating with @st's mode gives exactly that mode, and nothing that follows will change it. */
static bool mode_at_birth(const struct copier *c, const struct stat *st)
{
	return (st->st_mode & (07000 | c->masked)) == 0 && (st->st_mode & 0700) != 0;
}

/* Owner first (it clears set-id bits), then mode, then xattrs (an ACL refines the mode), times last. */
static int copy_attributes(struct copier *c, int from, int to, const struct stat *st, bool mode_set)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int r;

	if (wants_chown(c, st) && fchown(to, st->st_uid, st->st_gid) < 0)
		return -errno;
	if (!mode_set && fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	r = copy_xattrs(c, from, to);
	if (r < 0)
		return r;
	return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_buffered(struct copier *c, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		size_t want = end - at < (off_t)BLOCK ? (size_t)(end - at) : BLOCK;
		ssize_t n = pread(from, c->block, want, at), done = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0; /* shorter than it was */
		while (done < n) {
			ssize_t w = pwrite(to, c->block + done, (size_t)(n - done), at + done);

			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return -errno;
			done += w;
		}
		at += n;
	}
	return 0;
}

/* Copies [at, end) in the kernel, or through the buffer where it refuses these two file systems. */
static int copy_range(struct copier *c, int from, int to, off_t at, off_t end)
{
	while (c->try_range && at < end) {
		off_t in = at, out = at;
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - at), 0);

		if (n > 0) {
			at += n;
			continue;
		}
		if (n == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
			return -errno;
		c->try_range = false;
	}
	return copy_buffered(c, from, to, at, end);
}

static int copy_sparse(struct copier *c, int from, int to, off_t size)
{
	off_t data = 0, hole;

	while (data < size) {
		int r;

		data = lseek(from, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* only a hole is left */
		if (data < 0)
			return -errno;
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		r = copy_range(c, from, to, data, hole < size ? hole : size);
		if (r < 0)
			return r;
		data = hole;
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

static int copy_content(struct copier *c, int from, int to, const struct stat *st)
{
	if (st->st_size == 0)
		return 0;
	if (st->st_size <= (off_t)BLOCK)
		return copy_buffered(c, from, to, 0, st->st_size);
	if (c->try_clone) {
		if (ioctl(to, FICLONE, from) == 0) {
			c->result.reflinked = true;
			return 0;
		}
		if (errno != EOPNOTSUPP && errno != EXDEV && errno != EINVAL && errno != ENOTTY)
			return -errno;
		c->try_clone = false;
	}
	if (st->st_blocks * 512 < st->st_size)
		return copy_sparse(c, from, to, st->st_size);
	return copy_range(c, from, to, 0, st->st_size);
}

/* Opened for reading; without touching its access time where we may. -EXDEV: something is mounted there. */
static int open_source(struct copier *c, int dir, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = -EPERM;

	if (c->try_noatime)
		fd = path_open_beneath(dir, name, flags | O_NOATIME, 0);
	if (fd == -EPERM) {
		fd = path_open_beneath(dir, name, flags, 0);
		if (fd >= 0)
			c->try_noatime = false;
	}
	return fd;
}

/* 1 when the inode had been copied under another name and now has this one too, 0 when it is new. */
static int link_again(struct copier *c, const struct stat *st, int to, const char *name)
{
	char proc[32];
	int r;
	const char *first = links_meet(&c->links, st->st_dev, st->st_ino, buf_str(&c->path), &r);
	autoclose int fd = FD_NONE;

	if (!first)
		return r;
	fd = path_open_beneath(c->levels[0].to, first, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, proc, to, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 1;
}

static int copy_file(struct copier *c, const struct level *l, const char *name)
{
	autoclose int from = open_source(c, dirfd(l->dir), name);
	autoclose int to = FD_NONE;
	struct stat st;
	bool mode_set;
	int r;

	if (from == -EXDEV)
		return 0;
	if (from < 0)
		return from;
	if (fstat(from, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ESTALE; /* replaced while we looked */
	if (st.st_nlink > 1) {
		r = link_again(c, &st, l->to, name);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	mode_set = mode_at_birth(c, &st);
	to = fd_open(l->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode_set ? st.st_mode & 0777 : 0600);
	if (to < 0)
		return to;
	r = copy_content(c, from, to, &st);
	if (r == 0)
		r = copy_attributes(c, from, to, &st, mode_set);
	c->result.bytes += (uint64_t)st.st_size;
	c->result.files++;
	return r;
}

/* Xattrs of what cannot be opened: through the directory's descriptor in our own /proc, the last part not followed. */
static int copy_special_xattrs(struct copier *c, int from, int to, const char *name)
{
	char *names = c->block + BLOCK, source[320], target[320];
	ssize_t len;

	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d/%.255s", from, name);
	len = llistxattr(source, names, XATTR_NAMES);
	if (len <= 0)
		return len == 0 || errno == EOPNOTSUPP ? 0 : -errno;
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d/%.255s", to, name);
	for (const char *x = names; x < names + len; x += strlen(x) + 1) {
		ssize_t n = lgetxattr(source, x, c->block, XATTR_VALUE);

		if (skip_xattr(c, x))
			continue;
		if (n < 0)
			return -errno;
		if (lsetxattr(target, x, c->block, (size_t)n, 0) < 0)
			return -errno;
	}
	return 0;
}

static int make_special(struct copier *c, const struct level *l, const char *name, const struct stat *st)
{
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dirfd(l->dir), name, c->block, BLOCK - 1);

		if (n < 0)
			return -errno;
		c->block[n] = '\0';
		return symlinkat(c->block, l->to, name) < 0 ? -errno : 0;
	}
	if (mknodat(l->to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
		return -errno;
	return 0;
}

/* Links, devices, fifos, sockets. */
static int copy_special(struct copier *c, const struct level *l, const char *name, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int r;

	if (st->st_nlink > 1) {
		r = link_again(c, st, l->to, name);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	r = make_special(c, l, name, st);
	if (r < 0)
		return r;
	if (wants_chown(c, st) && fchownat(l->to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode) && fchmodat(l->to, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	/* On links there can be nothing else: user xattrs are refused there, and an overlay's marks are not copied. */
	if (c->labelled || !S_ISLNK(st->st_mode)) {
		r = copy_special_xattrs(c, dirfd(l->dir), l->to, name);
		if (r < 0)
			return r;
	}
	c->result.files++;
	return utimensat(l->to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Takes both descriptors. */
static int push(struct copier *c, int from, int to, const struct stat *st, bool mode_set)
{
	struct level *l = &c->levels[c->depth];
	autoclose int in = from;
	autoclose int out = to;

	if (c->depth >= DEPTH_MAX)
		return -ELOOP;
	l->dir = fdopendir(in);
	if (!l->dir)
		return -errno;
	(void)take_fd(in);
	l->to = take_fd(out);
	l->st = *st;
	l->mode_set = mode_set;
	l->path_len = c->path.len;
	c->depth++;
	return 0;
}

static int pop(struct copier *c)
{
	struct level *l = &c->levels[--c->depth];
	int r = copy_attributes(c, dirfd(l->dir), l->to, &l->st, l->mode_set);

	fd_close_dir(&l->dir);
	fd_close(&l->to);
	return r;
}

static int enter(struct copier *c, const struct level *l, const char *name)
{
	autoclose int from = path_open_beneath(dirfd(l->dir), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	autoclose int to = FD_NONE;
	struct stat st = {.st_mode = 0755};
	bool mode_set;

	if (from < 0 && from != -EXDEV)
		return from;
	if (from >= 0 && fstat(from, &st) < 0)
		return -errno;
	/* we must be able to fill it, even without privilege */
	mode_set = mode_at_birth(c, &st) && (st.st_mode & 0700) == 0700;
	if (mkdirat(l->to, name, mode_set ? st.st_mode & 0777 : 0700) < 0)
		return -errno;
	c->result.files++;
	if (from == -EXDEV) /* a mount point: what is mounted does not belong to the tree */
		return mode_set || fchmodat(l->to, name, 0755, 0) == 0 ? 0 : -errno;
	to = fd_open(l->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (to < 0)
		return to;
	return push(c, take_fd(from), take_fd(to), &st, mode_set);
}

static int copy_entry(struct copier *c, const struct level *l, const struct dirent *ent)
{
	unsigned char type = ent->d_type;
	struct stat st;

	if (type == DT_DIR)
		return enter(c, l, ent->d_name);
	if (type == DT_REG)
		return copy_file(c, l, ent->d_name);
	if (fstatat(dirfd(l->dir), ent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return enter(c, l, ent->d_name);
	if (S_ISREG(st.st_mode))
		return copy_file(c, l, ent->d_name);
	return copy_special(c, l, ent->d_name, &st);
}

static int walk(struct copier *c)
{
	while (c->depth > 0) {
		/* by value: entering a directory moves on to the next level */
		const struct level l = c->levels[c->depth - 1];
		const struct dirent *ent = dirs_next(l.dir);
		int r;

		c->path.len = l.path_len;
		if (!ent) {
			r = errno ? -errno : pop(c);
			if (r < 0)
				return r;
			continue;
		}
		if (l.path_len)
			buf_putc(&c->path, '/');
		buf_puts(&c->path, ent->d_name);
		if (buf_failed(&c->path))
			return -ENOMEM;
		r = copy_entry(c, &l, ent);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Bits of a mode that creating an inode in @to may take away: the umask, which cannot be asked for without changing it but by reading. */
static mode_t masked_bits(int to)
{
	char status[4096], *at;
	uint64_t mask;

	if (fgetxattr(to, "system.posix_acl_default", NULL, 0) >= 0) /* applies instead of the umask */
		return 07777;
	if (fd_read_file(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
		return 07777;
	at = strstr(status, "\nUmask:\t");
	if (!at)
		return 07777;
	at += strlen("\nUmask:\t");
	at[strcspn(at, "\n")] = '\0';
	return parse_u64_base(at, 8, &mask) < 0 || mask > 0777 ? 07777 : (mode_t)mask;
}

static bool has_labels(struct copier *c, int from)
{
	char *names = c->block + BLOCK;
	ssize_t len = flistxattr(from, names, XATTR_NAMES);

	for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1)
		if (strncmp(name, "security.", 9) == 0)
			return true;
	return len < 0 && errno != EOPNOTSUPP;
}

static int start(struct copier *c, int from, int to)
{
	autoclose int in = fd_open(from, ".", O_RDONLY | O_DIRECTORY, 0);
	autoclose int out = fd_open(to, ".", O_RDONLY | O_DIRECTORY, 0);
	struct stat st;

	if (in < 0 || out < 0)
		return in < 0 ? in : out;
	c->block = malloc(BLOCK + XATTR_NAMES);
	c->levels = calloc(DEPTH_MAX, sizeof(*c->levels));
	if (!c->block || !c->levels)
		return -ENOMEM;
	if (fstat(out, &st) < 0)
		return -errno;
	c->always_chown = (st.st_mode & S_ISGID) != 0;
	c->masked = masked_bits(out);
	c->labelled = has_labels(c, in);
	if (fstat(in, &st) < 0)
		return -errno;
	return push(c, take_fd(in), take_fd(out), &st, false);
}

static int copy_all(int from, int to, bool keep_marks, struct copy_result *ret, struct err *e)
{
	autodone(copier_done) struct copier c = {.keep_marks = keep_marks,
		.links = LINKS_INIT, .try_clone = true, .try_range = true, .try_noatime = true, .uid = geteuid(), .gid = getegid()};
	int r = start(&c, from, to);

	if (r == 0)
		r = walk(&c);
	if (r == -ELOOP)
		return err_set(e, ERR_UNSUPPORTED, ELOOP, "copy '%.200s': directories are nested deeper than %d", buf_str(&c.path), DEPTH_MAX);
	if (r < 0)
		return err_sys(e, r, "copy '%.200s'", c.path.len ? buf_str(&c.path) : ".");
	*ret = c.result;
	return 0;
}

int copy_tree(int from, int to, struct copy_result *ret, struct err *e)
{
	return copy_all(from, to, false, ret, e);
}

int store_copy_layer(int from, int to, struct err *e)
{
	struct copy_result result = {0};

	return copy_all(from, to, true, &result, e);
}

int store_copy_tree(int from, int to, uint64_t *ret_bytes, uint64_t *ret_files, struct err *e)
{
	struct copy_result result = {0};
	int r = copy_tree(from, to, &result, e);

	if (r == 0 && ret_bytes)
		*ret_bytes = result.bytes;
	if (r == 0 && ret_files)
		*ret_files = result.files;
	return r;
}
