/* scan.c - the hashing walk; see scan.h. */
#include "image/scan.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/tree.h"
#include "image/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 520u /* a little more than a copy makes */
#define PATH_LEN_MAX 4095u
#define CHUNK ((size_t)1 << 20)

/* A file with several names: content and attributes are read once. */
struct scan_link {
	ino_t ino;
	const char *path; /* the first name in manifest order; NULL = free slot */
	char hash[65], xattrs[65];
};

static int fail(struct err *e, int code, const char *verb, const char *path)
{
	char safe[256];

	format_safe(path[0] ? path : ".", safe, sizeof(safe));
	return err_sys(e, code, "%s '%s'", verb, safe);
}

static struct scan_link *slot_of(const struct scan *s, ino_t ino)
{
	size_t i = (size_t)(((uint64_t)ino * 0x9e3779b97f4a7c15u) >> 20) & (s->link_cap - 1);

	while (s->links[i].path && s->links[i].ino != ino)
		i = (i + 1) & (s->link_cap - 1);
	return &s->links[i];
}

/* Slot of @ino; one with a NULL path is free and the caller's to fill. NULL when out of memory. */
static struct scan_link *link_slot(struct scan *s, ino_t ino)
{
	if (s->link_count * 2 >= s->link_cap) {
		struct scan_link *old = s->links;
		size_t old_cap = s->link_cap;

		s->links = calloc(old_cap ? old_cap * 2 : 256, sizeof(*s->links));
		if (!s->links) {
			s->links = old;
			return NULL;
		}
		s->link_cap = old_cap ? old_cap * 2 : 256;
		for (size_t i = 0; i < old_cap; i++)
			if (old[i].path)
				*slot_of(s, old[i].ino) = old[i];
		attr_free_ptr(&old);
	}
	return slot_of(s, ino);
}

static int hash_content(struct scan *s, int fd, char ret[65], struct err *e)
{
	const char *path = buf_str(&s->path);
	int r = sha_init(&s->sha);
	ssize_t n;

	if (r < 0)
		return fail(e, r, "hash", path);
	for (;;) {
		n = read(fd, s->chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		r = sha_add(&s->sha, s->chunk, (size_t)n);
		if (r < 0)
			return fail(e, r, "hash", path);
		s->bytes += (uint64_t)n;
		r = s->tick ? s->tick(s->data, e) : 0;
		if (r < 0)
			return r;
	}
	if (n < 0)
		return fail(e, errno, "read", path);
	r = sha_hex(&s->sha, ret);
	return r < 0 ? fail(e, r, "hash", path) : 0;
}

static int scan_file(struct scan *s, int dir, const char *name, const struct stat *st, struct manifest_entry *m, struct err *e)
{
	autoclose int fd = FD_NONE;
	struct scan_link one = {0}, *link = &one;
	int r;

	m->size = (uint64_t)st->st_size;
	if (st->st_nlink > 1) {
		link = link_slot(s, st->st_ino);
		if (!link)
			return fail(e, ENOMEM, "hash", buf_str(&s->path));
	}
	if (link->path) {
		m->type = 'h';
		m->first = link->path;
	} else {
		fd = path_open_beneath(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd < 0)
			return fail(e, fd, "open", buf_str(&s->path));
		r = xattr_digest(fd, link->xattrs);
		if (r < 0)
			return fail(e, r, "read attributes of", buf_str(&s->path));
		r = hash_content(s, fd, link->hash, e);
		if (r < 0)
			return r;
		if (link != &one) {
			link->ino = st->st_ino;
			link->path = arena_strdup(&s->texts, buf_str(&s->path));
			if (!link->path)
				return fail(e, ENOMEM, "hash", buf_str(&s->path));
			s->link_count++;
		}
	}
	m->data = link->hash;
	m->xattrs = link->xattrs;
	return s->entry(s->data, m, e);
}

static int scan_symlink(struct scan *s, int dir, const char *name, struct manifest_entry *m, struct err *e)
{
	char target[4096];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));

	if (n <= 0 || n == (ssize_t)sizeof(target))
		return fail(e, n < 0 ? errno : EINVAL, "read link", buf_str(&s->path));
	target[n] = '\0';
	m->data = target;
	return s->entry(s->data, m, e);
}

static void fill(struct manifest_entry *m, const struct stat *st, const char *path)
{
	*m = (struct manifest_entry){
		.mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid, .data = "", .xattrs = "", .path = path, .first = ""};
}

static void note_time(struct scan *s, const struct stat *st)
{
	int64_t mtime = st->st_mtim.tv_sec + (st->st_mtim.tv_nsec != 0);

	if (mtime > s->newest)
		s->newest = mtime;
}

static int scan_dir(struct scan *s, int fd, unsigned depth, struct err *e);

static int scan_entry(struct scan *s, int dir, const char *name, unsigned depth, struct err *e)
{
	autoclose int fd = FD_NONE;
	struct manifest_entry m;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "stat", buf_str(&s->path));
	note_time(s, &st);
	s->files++;
	fill(&m, &st, buf_str(&s->path));
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		fd = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
		return fd < 0 ? fail(e, fd, "open directory", m.path) : scan_dir(s, fd, depth + 1, e);
	case S_IFREG:
		m.type = 'f';
		return scan_file(s, dir, name, &st, &m, e);
	case S_IFLNK:
		m.type = 'l';
		return scan_symlink(s, dir, name, &m, e);
	case S_IFIFO:
		m.type = 'p';
		return s->entry(s->data, &m, e);
	default:
		return fail(e, EINVAL, "neither file, directory, link nor fifo:", m.path);
	}
}

static int scan_dir(struct scan *s, int fd, unsigned depth, struct err *e) /* NOLINT(misc-no-recursion): bounded by DEPTH_MAX */
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	size_t len = s->path.len;
	struct manifest_entry m;
	char xattrs[65];
	struct stat st;
	int r = depth > DEPTH_MAX ? -ELOOP : tree_list(fd, &names);

	if (r == 0)
		r = fstat(fd, &st) < 0 ? -errno : xattr_digest(fd, xattrs);
	if (r < 0)
		return fail(e, r, "read directory", buf_str(&s->path));
	note_time(s, &st);
	fill(&m, &st, len ? buf_str(&s->path) : ".");
	m.type = 'd';
	m.xattrs = xattrs;
	r = s->entry(s->data, &m, e);
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		buf_printf(&s->path, "%s%s", len ? "/" : "", names.names[i]);
		if (buf_failed(&s->path) || s->path.len > PATH_LEN_MAX)
			return fail(e, buf_failed(&s->path) ? ENOMEM : ENAMETOOLONG, "walk to", names.names[i]);
		r = scan_entry(s, fd, names.names[i], depth, e);
		s->path.len = len;
		s->path.data[len] = '\0';
		if (r >= 0 && s->tick)
			r = s->tick(s->data, e);
	}
	return r < 0 ? r : 0;
}

int scan_tree(struct scan *s, int root, struct err *e)
{
	s->chunk = malloc(CHUNK);
	if (!s->chunk)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	buf_clear(&s->path);
	return scan_dir(s, root, 0, e);
}

void scan_done(struct scan *s)
{
	attr_free_ptr(&s->chunk);
	attr_free_ptr(&s->links);
	s->link_cap = s->link_count = 0;
	sha_done(&s->sha);
	arena_done(&s->texts);
	buf_done(&s->path);
}
