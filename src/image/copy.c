/* copy.c - the tree walk that copies; see copy.h. */
#include "image/copy.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/tree.h"
#include "image/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEPTH_MAX 512u /* directories in directories; a level costs descriptors and stack */
#define PATH_LEN_MAX 4095u
#define CHUNK ((size_t)1 << 20)

/* Where the first name of a file with several went: by device and number of the source, to a path beneath the copy's root. */
struct copy_link {
	dev_t dev;
	ino_t ino;
	const char *path; /* in the job's arena; NULL = free slot */
};

static int fail(struct err *e, int code, const char *verb, const char *path)
{
	char safe[256];

	format_safe(path, safe, sizeof(safe));
	(void)err_sys(e, code, "%s '%s'", verb, safe);
	if (code == -ENOSPC || code == ENOSPC)
		(void)err_hint(e, "df -h");
	return code < 0 ? code : -code;
}

/* ---- hard links ---- */

static size_t slot_of(const struct copy *c, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 32)) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 20) & (c->link_cap - 1);

	while (c->links[i].path && (c->links[i].dev != dev || c->links[i].ino != ino))
		i = (i + 1) & (c->link_cap - 1);
	return i;
}

static int grow_links(struct copy *c)
{
	struct copy old = *c;

	c->link_cap = old.link_cap ? old.link_cap * 2 : 256;
	c->links = calloc(c->link_cap, sizeof(*c->links));
	if (!c->links) {
		c->links = old.links;
		c->link_cap = old.link_cap;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.link_cap; i++)
		if (old.links[i].path)
			c->links[slot_of(c, old.links[i].dev, old.links[i].ino)] = old.links[i];
	attr_free_ptr(&old.links);
	return 0;
}

static const struct copy_link *find_link(const struct copy *c, const struct stat *st)
{
	const struct copy_link *l;

	if (!c->link_cap)
		return NULL;
	l = &c->links[slot_of(c, st->st_dev, st->st_ino)];
	return l->path ? l : NULL;
}

static int remember_link(struct copy *c, const struct stat *st, const char *path)
{
	struct copy_link link = {.dev = st->st_dev, .ino = st->st_ino, .path = arena_strdup(&c->job->strings, path)};

	if (!link.path)
		return -ENOMEM;
	if (c->link_count * 2 >= c->link_cap && grow_links(c) < 0)
		return -ENOMEM;
	c->links[slot_of(c, st->st_dev, st->st_ino)] = link;
	c->link_count++;
	return 0;
}

/* ---- content ---- */

static int copy_by_hand(struct copy *c, int in, int out, uint64_t len, bool *ret_end)
{
	if (!c->chunk)
		c->chunk = malloc(CHUNK);
	if (!c->chunk)
		return -ENOMEM;
	while (len > 0) {
		ssize_t n = read(in, c->chunk, len < CHUNK ? (size_t)len : CHUNK);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			*ret_end = true;
			return 0;
		}
		r = fd_write_all(out, c->chunk, (size_t)n);
		if (r < 0)
			return r;
		len -= (uint64_t)n;
	}
	return 0;
}

/* @len bytes at the current offset of both; less when the file ends before. */
static int copy_range(struct copy *c, int in, int out, uint64_t len, struct err *e)
{
	bool end = false;

	while (len > 0 && !end) {
		size_t part = len < 64 * CHUNK ? (size_t)len : 64 * CHUNK;
		ssize_t n = c->no_range ? 0 : copy_file_range(in, NULL, out, NULL, part, 0);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
				return -errno;
			c->no_range = true;
		}
		if (n <= 0) { /* not between these two, or a special file system that says 0 too early */
			r = copy_by_hand(c, in, out, part, &end);
			if (r < 0)
				return r;
			n = (ssize_t)part;
		}
		len -= (uint64_t)n;
		r = job_tick(c->job, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Only the ranges that hold data; the rest stays a hole. */
static int copy_sparse(struct copy *c, int in, int out, off_t size, struct err *e)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(in, at, SEEK_DATA), hole;
		int r;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(in, data, SEEK_HOLE);
		if (hole < 0 || lseek(in, data, SEEK_SET) < 0 || lseek(out, data, SEEK_SET) < 0)
			return -errno;
		r = copy_range(c, in, out, (uint64_t)(hole - data), e);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

static int copy_content(struct copy *c, int in, int out, const struct stat *st, struct err *e)
{
	int r;

	if (st->st_size == 0)
		return 0;
	if (!c->no_clone) {
		if (ioctl(out, FICLONE, in) == 0)
			return 0;
		c->no_clone = true;
	}
	if ((uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size) {
		r = copy_sparse(c, in, out, st->st_size, e);
		if (r == 0 && ftruncate(out, st->st_size) < 0)
			r = -errno;
		return r;
	}
	return copy_range(c, in, out, (uint64_t)st->st_size, e);
}

/* ---- entries ---- */

static struct timespec clamped(const struct copy *c, struct timespec t)
{
	if (t.tv_sec > c->job->now)
		t = (struct timespec){.tv_sec = (time_t)c->job->now};
	return t;
}

int copy_metadata(struct copy *c, int from, int to, const struct stat *st, const char *path, struct err *e)
{
	struct timespec t[2] = {clamped(c, st->st_mtim), clamped(c, st->st_mtim)};
	unsigned dropped;
	int r;

	/* chown clears set-id bits and capabilities, so it comes first. */
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return fail(e, errno, "set owner and mode of", path);
	r = xattr_copy(from, to, &dropped);
	if (r < 0)
		return fail(e, r, "copy extended attributes of", path);
	c->xattrs += dropped;
	return futimens(to, t) < 0 ? fail(e, errno, "set times of", path) : 0;
}

static int count_bytes(struct copy *c, uint64_t size, const char *path, struct err *e)
{
	char limit[16], safe[200];

	if (!__builtin_add_overflow(c->bytes, size, &c->bytes) && c->bytes <= c->job->opt->max_size)
		return 0;
	format_size(c->job->opt->max_size, limit);
	format_safe(path, safe, sizeof(safe));
	(void)err_set(e, ERR_INPUT, EFBIG, "the files together are larger than the limit of %s, reached at '%s'", limit, safe);
	return err_hint(e, "--max-size SIZE raises the limit");
}

static int copy_file(struct copy *c, int from, const char *name, int to, const char *to_name, const char *path, struct err *e)
{
	autoclose int in = FD_NONE, out = FD_NONE;
	struct stat st;
	int r;

	in = path_open_beneath(from, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME, 0);
	if (in == -ENOENT)
		return 0; /* a living system changes under us */
	if (in == -EXDEV) { /* a single file can be a mount point: /etc/resolv.conf in most containers */
		c->mounts++;
		return 0;
	}
	if (in < 0)
		return fail(e, in, "open", path);
	if (fstat(in, &st) < 0)
		return fail(e, errno, "stat", path);
	if (!S_ISREG(st.st_mode))
		return fail(e, EAGAIN, "read", path); /* replaced by something else between two looks */
	r = count_bytes(c, (uint64_t)st.st_size, path, e);
	if (r < 0)
		return r;
	out = path_open_beneath(to, to_name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (out < 0)
		return fail(e, out, "create", path);
	r = copy_content(c, in, out, &st, e);
	if (r < 0)
		return e && e->code ? r : fail(e, r, "copy", path);
	return copy_metadata(c, in, out, &st, path, e);
}

static int make_link(int root, const struct copy_link *l, int to, const char *name)
{
	const char *slash = strrchr(l->path, '/');
	autofree char *dir = slash ? strndup(l->path, (size_t)(slash - l->path)) : strdup(".");
	autoclose int at = FD_NONE;

	if (!dir)
		return -ENOMEM;
	at = path_open_beneath(root, dir, O_PATH | O_DIRECTORY, 0);
	if (at < 0)
		return at;
	return linkat(at, slash ? slash + 1 : l->path, to, name, 0) < 0 ? -errno : 0;
}

static int copy_symlink(struct copy *c, int from, const char *name, int to, const char *to_name, const struct stat *st, const char *path,
			struct err *e)
{
	struct timespec t[2] = {clamped(c, st->st_mtim), clamped(c, st->st_mtim)};
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target));

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 || n == (ssize_t)sizeof(target))
		return fail(e, n < 0 ? errno : ENAMETOOLONG, "read link", path);
	target[n] = '\0';
	if (symlinkat(target, to, to_name) < 0 || fchownat(to, to_name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		utimensat(to, to_name, t, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "make link", path);
	return 0;
}

static int copy_fifo(struct copy *c, int to, const char *name, const struct stat *st, const char *path, struct err *e)
{
	struct timespec t[2] = {clamped(c, st->st_mtim), clamped(c, st->st_mtim)};

	if (mkfifoat(to, name, 0600) < 0 || fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(to, name, st->st_mode & 07777, 0) < 0 || utimensat(to, name, t, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "make fifo", path);
	return 0;
}

static int tick(struct copy *c, struct err *e)
{
	int percent = c->total ? (int)(c->files * 100 / c->total) : c->percent;
	char size[16];

	c->files++;
	if (c->files % 64)
		return job_tick(c->job, e);
	format_size(c->bytes, size);
	return job_progress(c->job, e, c->phase, percent, "%llu files, %s", (unsigned long long)c->files, size);
}

/* Anything but a directory. @path beneath the copy's root is where it goes. */
static int copy_leaf(struct copy *c, int from, const char *name, int to, const char *to_name, const struct stat *st, const char *path,
		     struct err *e)
{
	const struct copy_link *l = NULL;
	int r = tick(c, e);

	if (r < 0)
		return r;
	if (S_ISLNK(st->st_mode))
		return copy_symlink(c, from, name, to, to_name, st, path, e);
	if (S_ISFIFO(st->st_mode))
		return copy_fifo(c, to, to_name, st, path, e);
	if (S_ISSOCK(st->st_mode)) {
		c->sockets++;
		return 0;
	}
	if (!S_ISREG(st->st_mode)) {
		c->devices++;
		return 0;
	}
	if (st->st_nlink > 1 && (l = find_link(c, st))) {
		r = make_link(c->root, l, to, to_name);
		return r < 0 ? fail(e, r, "make hard link", path) : 0;
	}
	r = copy_file(c, from, name, to, to_name, path, e);
	if (r == 0 && st->st_nlink > 1 && remember_link(c, st, path) < 0)
		return fail(e, ENOMEM, "remember hard link", path);
	return r;
}

static int copy_empty_dir(struct copy *c, int from, const char *name, int to, const char *to_name, const char *path, struct err *e)
{
	autoclose int in = FD_NONE, out = FD_NONE;
	struct stat st;

	if (mkdirat(to, to_name, 0700) < 0)
		return fail(e, errno, "make directory", path);
	in = fd_open(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	out = path_open_beneath(to, to_name, O_RDONLY | O_DIRECTORY, 0);
	if (in < 0 || out < 0)
		return fail(e, in < 0 ? in : out, "open directory", path);
	if (fstat(in, &st) < 0)
		return fail(e, errno, "stat", path);
	return copy_metadata(c, in, out, &st, path, e);
}

int copy_entry(struct copy *c, int from, const char *name, int to, const char *to_name, const char *path, struct err *e)
{
	struct stat st, there, dir;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT : fail(e, errno, "stat", path);
	if (fstatat(to, to_name, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (fstat(to, &dir) < 0)
		return fail(e, errno, "stat the directory of", path);
	if (S_ISDIR(st.st_mode))
		r = copy_empty_dir(c, from, name, to, to_name, path, e);
	else
		r = copy_leaf(c, from, name, to, to_name, &st, path, e);
	if (r == 0 && futimens(to, (const struct timespec[2]){dir.st_atim, dir.st_mtim}) < 0)
		r = fail(e, errno, "set times of the directory of", path);
	return r;
}

/* ---- the walk ---- */

struct level {
	struct copy *c;
	unsigned depth;
};

static int walk(const struct level *l, int from, int to, struct err *e);

static int copy_dir(const struct level *l, int from, int to, const char *name, enum copy_verdict verdict, struct err *e)
{
	struct level below = {.c = l->c, .depth = l->depth + 1};
	autoclose int in = FD_NONE, out = FD_NONE;
	const char *path = buf_str(&l->c->path);
	struct stat st;
	int r;

	if (below.depth > DEPTH_MAX)
		return fail(e, ELOOP, "directories too deep at", path);
	in = path_open_beneath(from, name, O_RDONLY | O_DIRECTORY | O_NOATIME, 0);
	if (in == -ENOENT)
		return 0;
	if (in == -EXDEV) {
		l->c->mounts++;
		return 0;
	}
	if (in < 0 || fstat(in, &st) < 0)
		return fail(e, in < 0 ? in : errno, "open directory", path);
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return fail(e, errno, "make directory", path);
	out = path_open_beneath(to, name, O_RDONLY | O_DIRECTORY, 0);
	if (out < 0)
		return fail(e, out, "open directory", path);
	if (verdict == COPY_TAKE) {
		r = walk(&below, in, out, e);
		if (r < 0)
			return r;
	}
	return copy_metadata(l->c, in, out, &st, buf_str(&l->c->path), e);
}

/* The store inside the source: it would be copied into itself. */
static bool is_store(const struct copy *c, const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_ino == c->job->store_ino && st->st_dev == c->job->store_dev;
}

static int visit(const struct level *l, int from, int to, const char *name, struct err *e)
{
	struct copy *c = l->c;
	enum copy_verdict verdict;
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "stat", buf_str(&c->path));
	verdict = c->choose ? c->choose(c->data, buf_str(&c->path), &st) : COPY_TAKE;
	if (verdict == COPY_SKIP || is_store(c, &st))
		return 0;
	if (S_ISDIR(st.st_mode))
		return copy_dir(l, from, to, name, verdict, e);
	return copy_leaf(c, from, name, to, name, &st, buf_str(&c->path), e);
}

static int walk(const struct level *l, int from, int to, struct err *e) /* NOLINT(misc-no-recursion): bounded by DEPTH_MAX */
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	struct buf *path = &l->c->path;
	size_t len = path->len;
	int r = tree_list(from, &names);

	if (r < 0)
		return fail(e, r, "read directory", buf_str(path));
	for (size_t i = 0; i < names.count; i++) {
		buf_printf(path, "%s%s", len ? "/" : "", names.names[i]);
		if (buf_failed(path))
			return fail(e, ENOMEM, "walk", names.names[i]);
		if (path->len > PATH_LEN_MAX)
			return fail(e, ENAMETOOLONG, "walk to", buf_str(path));
		r = visit(l, from, to, names.names[i], e);
		if (r < 0)
			return r;
		path->len = len;
		path->data[len] = '\0';
	}
	return 0;
}

int copy_tree(struct copy *c, int from, int to, const char *prefix, struct err *e)
{
	struct level top = {.c = c};
	struct stat st;
	int r;

	buf_clear(&c->path);
	buf_puts(&c->path, prefix);
	r = walk(&top, from, to, e);
	if (r < 0)
		return r;
	if (fstat(from, &st) < 0)
		return fail(e, errno, "stat", prefix);
	return copy_metadata(c, from, to, &st, prefix, e);
}

/* ---- counting ---- */

struct count {
	struct copy *c;
	uint64_t files, bytes;
};

static int count_dir(struct count *n, int fd, unsigned depth, struct err *e) /* NOLINT(misc-no-recursion): bounded by DEPTH_MAX */
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	struct buf *path = &n->c->path;
	size_t len = path->len;
	int r = depth ? tree_list(fd, &names) : -ELOOP;

	if (r < 0)
		return fail(e, r, "read directory", buf_str(path));
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		enum copy_verdict v = COPY_TAKE;
		struct stat st;

		if (fstatat(fd, names.names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		buf_printf(path, "%s%s", len ? "/" : "", names.names[i]);
		if (buf_failed(path))
			return fail(e, ENOMEM, "walk", names.names[i]);
		if (n->c->choose)
			v = n->c->choose(NULL, buf_str(path), &st);
		if (is_store(n->c, &st))
			v = COPY_SKIP;
		n->files += v != COPY_SKIP;
		if (v == COPY_TAKE && S_ISREG(st.st_mode))
			n->bytes += (uint64_t)st.st_size;
		if (v == COPY_TAKE && S_ISDIR(st.st_mode)) {
			autoclose int child = path_open_beneath(fd, names.names[i], O_RDONLY | O_DIRECTORY, 0);

			/* What cannot be entered is the copy's to judge. */
			r = child < 0 ? 0 : count_dir(n, child, depth - 1, e);
		}
		path->len = len;
		path->data[len] = '\0';
		if (r == 0)
			r = job_progress(n->c->job, e, "count", -1, "%llu files", (unsigned long long)n->files);
	}
	return r;
}

int copy_count(struct copy *c, int from, const char *prefix, uint64_t *files, uint64_t *bytes, struct err *e)
{
	struct count n = {.c = c};
	int r;

	buf_clear(&c->path);
	buf_puts(&c->path, prefix);
	r = count_dir(&n, from, DEPTH_MAX, e);
	*files += n.files;
	*bytes += n.bytes;
	return r;
}

void copy_done(struct copy *c)
{
	if (c->devices)
		job_warn(c->job, "%u device nodes were left out: a container gets its own /dev", c->devices);
	if (c->mounts)
		job_warn(c->job, "%u directories and files that are mount points in the source were left out", c->mounts);
	if (c->xattrs)
		job_warn(c->job, "%u extended attributes of kinds that describe another system were left out", c->xattrs);
	buf_done(&c->path);
	attr_free_ptr(&c->chunk);
	attr_free_ptr(&c->links);
	c->link_cap = c->link_count = 0;
}
