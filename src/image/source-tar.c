/* source-tar.c - a tar archive as a source. The archive may be hostile.
 *
 * libarchive only reads: headers, data, decompression (in-process filters, no helper programs). Everything is made by us beneath the tree's
 * descriptor: a parent directory that is a link, or a name with "..", ends the build; devices are left out; a hard link leads to a file
 * extracted before or nowhere; what is named twice is replaced, the last one counting; holes stay holes; sizes are summed before anything
 * is written. Directories get their times when all else is done. */
#include "image/source.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/rules.h"
#include "image/tree.h"
#include "image/xattr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENTRIES_MAX 5000000u
#define PATH_LEN_MAX 4095u
#define DEPTH_MAX 512u
#define READ_BLOCK ((size_t)256 << 10)

struct tar {
	struct job *j;
	struct archive *a;
	uint64_t size; /* of the archive file, 0 = unknown */
	uint64_t entries, bytes;
	unsigned devices, xattrs, skipped_links;
	struct tree_times dirs;
	char path[PATH_LEN_MAX + 1]; /* of the current entry, cleaned */
	char safe[256];              /* the same for messages */
};

static void tar_done(struct tar *t)
{
	if (t->a)
		(void)archive_read_free(t->a);
}

static int fail(const struct tar *t, struct err *e, int code, const char *verb)
{
	return err_sys(e, code, "%s '%s'", verb, t->safe);
}

static int refuse(const struct tar *t, struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, EINVAL, "archive entry '%s' %s", t->safe, what);
}

/* ---- names ---- */

/* Copies @name without leading slashes, empty and "." parts. 0, or the reason to refuse. */
static const char *clean_path(const char *name, char out[PATH_LEN_MAX + 1])
{
	size_t used = 0;
	unsigned depth = 0;

	out[0] = '\0';
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && name[0] == '.' && name[1] == '.')
			return "has '..' in its name";
		if (len > 0 && !(len == 1 && name[0] == '.')) {
			if (len > 255 || used + len + 2 > PATH_LEN_MAX || ++depth > DEPTH_MAX)
				return "has too long a name";
			if (used)
				out[used++] = '/';
			memcpy(out + used, name, len);
			used += len;
			out[used] = '\0';
		}
		name += len;
		name += *name == '/';
	}
	return NULL;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int remember_dir(struct tar *t, const char *path, struct timespec mtime, struct err *e)
{
	return tree_times_add(&t->dirs, path, mtime) < 0 ? err_set(e, ERR_SYSTEM, ENOMEM, "out of memory") : 0;
}

/* Opens the directory the current entry goes into, making what is missing. Never through a link. */
static int open_parent(struct tar *t, struct timespec mtime, struct err *e)
{
	autoclose int at = path_open_beneath(t->j->tree, ".", O_RDONLY | O_DIRECTORY, 0);
	char part[256];

	for (const char *p = t->path, *slash; at >= 0 && (slash = strchr(p, '/')); p = slash + 1) {
		int next;

		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - p), p);
		next = path_open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0);
		if (next == -ENOENT) {
			char sofar[PATH_LEN_MAX + 1];
			int r;

			if (mkdirat(at, part, 0755) < 0)
				return fail(t, e, errno, "make the directory of");
			(void)snprintf(sofar, sizeof(sofar), "%.*s", (int)(slash - t->path), t->path);
			r = remember_dir(t, sofar, mtime, e);
			if (r < 0)
				return r;
			next = path_open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0);
		}
		if (next == -ELOOP || next == -ENOTDIR) {
			struct stat st;
			bool link = fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);

			return refuse(t, e, link ? "goes through a symbolic link" : "goes through something that is not a directory");
		}
		fd_close(&at);
		at = next;
	}
	return at < 0 ? fail(t, e, at, "open the directory of") : take_fd(at);
}

/* ---- attributes ---- */

static struct timespec entry_mtime(const struct tar *t, struct archive_entry *en)
{
	struct timespec m = {.tv_sec = 0};

	if (archive_entry_mtime_is_set(en))
		m = (struct timespec){archive_entry_mtime(en), archive_entry_mtime_nsec(en)};
	if (m.tv_nsec < 0 || m.tv_nsec > 999999999)
		m.tv_nsec = 0;
	if (m.tv_sec > t->j->now)
		m = (struct timespec){.tv_sec = (time_t)t->j->now};
	return m;
}

struct acl_kind {
	int type;
	const char *xattr;
};

static uint16_t acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return ACL_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return ACL_OTHER;
	default:
		return 0;
	}
}

struct acl_line {
	uint16_t tag, perm;
	uint32_t id;
};

static int by_tag(const void *a, const void *b)
{
	const struct acl_line *x = a, *y = b;

	return x->tag != y->tag ? (x->tag > y->tag) - (x->tag < y->tag) : (x->id > y->id) - (x->id < y->id);
}

/* Writes the ACL of one type, if the entry has one, in the kernel's order: the tags' values are in it. */
static int apply_acl(struct tar *t, struct archive_entry *en, int fd, const struct acl_kind *kind)
{
	autodone(buf_done) struct buf raw = BUF_INIT;
	struct acl_line lines[256];
	size_t n = 0;
	int type, perm, tag, id;
	const char *name;

	if (archive_entry_acl_reset(en, kind->type) == 0)
		return 0;
	while (archive_entry_acl_next(en, kind->type, &type, &perm, &tag, &id, &name) == ARCHIVE_OK) {
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

		if (n == ARRAY_LEN(lines) || !acl_tag(tag) || (named && id < 0)) {
			t->xattrs++; /* only known by a name of another system */
			return 0;
		}
		lines[n++] = (struct acl_line){acl_tag(tag), (uint16_t)(perm & 7), named ? (uint32_t)id : (uint32_t)ACL_UNDEFINED_ID};
	}
	if (n == 0)
		return 0;
	qsort(lines, n, sizeof(*lines), by_tag);
	xattr_acl_begin(&raw);
	for (size_t i = 0; i < n; i++)
		xattr_acl_add(&raw, lines[i].tag, lines[i].perm, lines[i].id);
	if (buf_failed(&raw))
		return -ENOMEM;
	return fsetxattr(fd, kind->xattr, raw.data, raw.len, 0) < 0 ? -errno : 0;
}

static int apply_xattrs(struct tar *t, struct archive_entry *en, int fd)
{
	static const struct acl_kind kinds[] = {{ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access"},
						{ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"}};
	const char *name;
	const void *value;
	size_t size;
	int r = 0;

	(void)archive_entry_xattr_reset(en);
	while (r == 0 && archive_entry_xattr_next(en, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || !xattr_is_kept(name)) {
			t->xattrs++;
			continue;
		}
		if (fsetxattr(fd, name, value, size, 0) < 0)
			r = -errno;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds) && r == 0; i++)
		if (kinds[i].type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS || archive_entry_filetype(en) == AE_IFDIR)
			r = apply_acl(t, en, fd, &kinds[i]);
	return r;
}

static bool ids_fit(struct archive_entry *en, uid_t *uid, gid_t *gid)
{
	la_int64_t u = archive_entry_uid(en), g = archive_entry_gid(en);

	if (u < 0 || g < 0 || u >= UINT32_MAX || g >= UINT32_MAX)
		return false;
	*uid = (uid_t)u;
	*gid = (gid_t)g;
	return true;
}

/* Owner, mode, attributes, time of an open file or directory. */
static int apply_metadata(struct tar *t, struct archive_entry *en, int fd, struct err *e)
{
	struct timespec m = entry_mtime(t, en), times[2] = {m, m};
	uid_t uid;
	gid_t gid;
	int r;

	if (!ids_fit(en, &uid, &gid))
		return refuse(t, e, "has an owner that is no user id");
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, archive_entry_perm(en) & 07777) < 0)
		return fail(t, e, errno, "set owner and mode of");
	r = apply_xattrs(t, en, fd);
	if (r < 0)
		return fail(t, e, r, "set extended attributes of");
	return futimens(fd, times) < 0 ? fail(t, e, errno, "set times of") : 0;
}

/* ---- entries ---- */

/* Data blocks come with their offsets; what lies between them is a hole. */
static int write_data(struct tar *t, int fd, la_int64_t size, struct err *e)
{
	const void *block;
	size_t len;
	la_int64_t offset, end = 0;
	int r;

	for (;;) {
		r = archive_read_data_block(t->a, &block, &len, &offset);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return err_set(e, ERR_INPUT, EINVAL, "archive is damaged in '%s': %s", t->safe,
				       archive_error_string(t->a) ?: "unknown error");
		if (offset < end || offset + (la_int64_t)len > size)
			return refuse(t, e, "has more data than its header says");
		if (lseek(fd, offset, SEEK_SET) < 0)
			return fail(t, e, errno, "write");
		r = fd_write_all(fd, block, len);
		if (r < 0)
			return fail(t, e, r, "write");
		end = offset + (la_int64_t)len;
		r = job_tick(t->j, e);
		if (r < 0)
			return r;
	}
	return ftruncate(fd, size) < 0 ? fail(t, e, errno, "write") : 0;
}

static int extract_file(struct tar *t, struct archive_entry *en, int dir, const char *name, struct err *e)
{
	la_int64_t size = archive_entry_size_is_set(en) ? archive_entry_size(en) : 0;
	autoclose int fd = FD_NONE;
	char limit[16];
	int r;

	if (size < 0)
		return refuse(t, e, "has a negative size");
	if (__builtin_add_overflow(t->bytes, (uint64_t)size, &t->bytes) || t->bytes > t->j->opt->max_size) {
		format_size(t->j->opt->max_size, limit);
		(void)err_set(e, ERR_INPUT, EFBIG, "the archive unpacks to more than the limit of %s, reached at '%s'", limit, t->safe);
		return err_hint(e, "--max-size SIZE raises the limit");
	}
	fd = path_open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fail(t, e, fd, "create");
	r = write_data(t, fd, size, e);
	return r < 0 ? r : apply_metadata(t, en, fd, e);
}

static int extract_dir(struct tar *t, struct archive_entry *en, int dir, const char *name, struct err *e)
{
	autoclose int fd = FD_NONE;
	int r;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return fail(t, e, errno, "make directory");
	fd = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fail(t, e, fd, "open directory");
	r = apply_metadata(t, en, fd, e);
	return r < 0 ? r : remember_dir(t, t->path, entry_mtime(t, en), e);
}

static int extract_symlink(struct tar *t, struct archive_entry *en, int dir, const char *name, struct err *e)
{
	struct timespec m = entry_mtime(t, en), times[2] = {m, m};
	const char *target = archive_entry_symlink(en);
	uid_t uid;
	gid_t gid;

	if (!target || !*target || strlen(target) > PATH_LEN_MAX)
		return refuse(t, e, "is a link without a usable target");
	if (!ids_fit(en, &uid, &gid))
		return refuse(t, e, "has an owner that is no user id");
	if (symlinkat(target, dir, name) < 0 || fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(t, e, errno, "make link");
	return 0;
}

static int extract_fifo(struct tar *t, struct archive_entry *en, int dir, const char *name, struct err *e)
{
	struct timespec m = entry_mtime(t, en), times[2] = {m, m};
	uid_t uid;
	gid_t gid;

	if (!ids_fit(en, &uid, &gid))
		return refuse(t, e, "has an owner that is no user id");
	if (mkfifoat(dir, name, 0600) < 0 || fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(dir, name, archive_entry_perm(en) & 07777, 0) < 0 || utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(t, e, errno, "make fifo");
	return 0;
}

static bool is_left_out(const char *path)
{
	struct stat plain = {.st_mode = S_IFREG};

	return rules_any(path, &plain) == COPY_SKIP;
}

/* Where a hard link's target is: its parent directory in *ret_dir. Only files and links of this archive qualify. 1 = left out on purpose.
 */
static int find_link_target(struct tar *t, const char *target, char clean[PATH_LEN_MAX + 1], int *ret_dir, struct err *e)
{
	const char *why = clean_path(target, clean), *slash;
	char parent[PATH_LEN_MAX + 1];
	struct stat st;

	if (why)
		return refuse(t, e, "is a hard link to a name with '..' or too long a name");
	slash = strrchr(clean, '/');
	(void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - clean) : 1, slash ? clean : ".");
	*ret_dir = path_open_beneath(t->j->tree, parent, O_PATH | O_DIRECTORY, 0);
	if (*ret_dir == -ELOOP)
		return refuse(t, e, "is a hard link through a symbolic link");
	if (*ret_dir < 0 || fstatat(*ret_dir, last_part(clean), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return is_left_out(clean) ? 1 : refuse(t, e, "is a hard link to a file that was not in the archive before it");
	/* A further name of a symbolic link is one more such link: linkat(2) does not follow it. */
	return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? 0 : refuse(t, e, "is a hard link to something that is not a file");
}

static int make_way(struct tar *t, int dir, const char *name, bool for_dir, struct err *e)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(t, e, errno, "stat");
	if (for_dir && S_ISDIR(st.st_mode))
		return 0;
	r = path_remove_tree(dir, name);
	return r < 0 ? fail(t, e, r, "replace") : 0;
}

static int extract_hardlink(struct tar *t, const char *target, int dir, const char *name, struct err *e)
{
	autoclose int from = FD_NONE;
	char clean[PATH_LEN_MAX + 1];
	int r = find_link_target(t, target, clean, &from, e);

	if (r < 0)
		return r;
	if (r > 0) {
		t->skipped_links++;
		return 0;
	}
	if (strcmp(clean, t->path) == 0)
		return 0; /* to itself: there it is */
	r = make_way(t, dir, name, false, e);
	if (r < 0)
		return r;
	if (linkat(from, last_part(clean), dir, name, 0) < 0) /* it may have lain in what it replaces */
		return errno == ENOENT ? refuse(t, e, "is a hard link to what it replaces") : fail(t, e, errno, "make hard link");
	return 0;
}

static int extract_root(struct tar *t, struct archive_entry *en, struct err *e)
{
	if (archive_entry_filetype(en) != AE_IFDIR)
		return refuse(t, e, "would replace the root directory");
	return remember_dir(t, "", entry_mtime(t, en), e);
}

static int extract(struct tar *t, struct archive_entry *en, struct err *e)
{
	const char *hardlink = archive_entry_hardlink(en), *name = last_part(t->path);
	autoclose int dir = FD_NONE;
	mode_t type = archive_entry_filetype(en);
	int r;

	if (!t->path[0])
		return extract_root(t, en, e);
	/* Nothing in dev, proc, run, sys, tmp is looked at further. */
	for (const struct mount_point *m = rules_mount_points; m->path; m++)
		if (strncmp(t->path, m->path, strlen(m->path)) == 0 && t->path[strlen(m->path)] == '/')
			return 0;
	if (!hardlink && (type == AE_IFBLK || type == AE_IFCHR)) {
		t->devices++;
		return 0;
	}
	if (!hardlink && type == AE_IFSOCK)
		return 0;
	dir = open_parent(t, entry_mtime(t, en), e);
	if (dir < 0)
		return dir;
	if (hardlink)
		return extract_hardlink(t, hardlink, dir, name, e);
	r = make_way(t, dir, name, type == AE_IFDIR, e);
	if (r < 0)
		return r;
	switch (type) {
	case AE_IFREG:
		return extract_file(t, en, dir, name, e);
	case AE_IFDIR:
		return extract_dir(t, en, dir, name, e);
	case AE_IFLNK:
		return extract_symlink(t, en, dir, name, e);
	case AE_IFIFO:
		return extract_fifo(t, en, dir, name, e);
	default:
		return refuse(t, e, "is of an unknown kind");
	}
}

/* ---- the archive ---- */

static int open_archive(struct tar *t, int fd, struct err *e)
{
	int r = 0;

	t->a = archive_read_new();
	if (!t->a)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	/* Each filter by name: the "all" of the library would start external programs for rare ones. */
	r |= archive_read_support_filter_none(t->a);
	r |= archive_read_support_filter_gzip(t->a);
	r |= archive_read_support_filter_bzip2(t->a);
	r |= archive_read_support_filter_xz(t->a);
	r |= archive_read_support_filter_zstd(t->a);
	r |= archive_read_support_filter_lz4(t->a);
	r |= archive_read_support_format_tar(t->a);
	if (r != ARCHIVE_OK)
		return err_set(e, ERR_UNSUPPORTED, ENOSYS, "this build of libarchive lacks a compression: %s",
			       archive_error_string(t->a) ?: "?");
	if (archive_read_open_fd(t->a, fd, READ_BLOCK) != ARCHIVE_OK)
		return err_set(e, ERR_INPUT, EINVAL, "not a tar archive: %s", archive_error_string(t->a) ?: "unknown format");
	return 0;
}

static int next_entry(struct tar *t, struct archive_entry *en, struct err *e)
{
	const char *name = archive_entry_pathname(en), *why;
	uint64_t read = (uint64_t)archive_filter_bytes(t->a, -1);
	int r;

	if (!name)
		return err_set(e, ERR_INPUT, EILSEQ, "archive entry %llu has a name that cannot be read", (unsigned long long)t->entries);
	format_safe(name, t->safe, sizeof(t->safe));
	why = clean_path(name, t->path);
	if (why)
		return refuse(t, e, why);
	if (++t->entries > ENTRIES_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "the archive has more than %u entries", ENTRIES_MAX);
	r = job_progress(t->j, e, "copy", t->size ? (int)(read * 100 / t->size) : -1, "%llu entries", (unsigned long long)t->entries);
	return r < 0 ? r : extract(t, en, e);
}

static int read_all(struct tar *t, struct err *e)
{
	struct archive_entry *en;
	int r;

	while ((r = archive_read_next_header(t->a, &en)) != ARCHIVE_EOF) {
		if (r == ARCHIVE_RETRY)
			continue;
		if (r < ARCHIVE_WARN)
			return err_set(e, ERR_INPUT, EINVAL, "%s after entry %llu: %s",
				       t->entries ? "archive is damaged" : "not a tar archive", (unsigned long long)t->entries,
				       archive_error_string(t->a) ?: "unknown error");
		r = next_entry(t, en, e);
		if (r < 0)
			return r;
	}
	return t->entries ? 0 : err_set(e, ERR_INPUT, EINVAL, "the archive is empty");
}

int source_tar(struct job *j, const char *path, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
	autodone(tar_done) struct tar t = {.j = j, .dirs = {.strings = &j->strings}};
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, fd < 0 ? fd : errno, "open '%s'", path);
	t.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	r = open_archive(&t, fd, e);
	if (r == 0)
		r = read_all(&t, e);
	if (r < 0)
		return r;
	r = tree_times_apply(&t.dirs, j->tree);
	if (r < 0)
		return err_sys(e, r, "set times of directories");
	if (t.devices)
		job_warn(j, "%u device nodes were left out: a container gets its own /dev", t.devices);
	if (t.xattrs)
		job_warn(j, "%u extended attributes of kinds that describe another system were left out", t.xattrs);
	if (t.skipped_links)
		job_warn(j, "%u hard links to files that never enter a base were left out", t.skipped_links);
	return 0;
}
