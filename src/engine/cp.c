/* cp.c - files in and out of a container.
 *
 * The container's side is reached by a descriptor of its root: the live one of its init, or the private directory of a stopped one. Names are
 * resolved by the kernel beneath it (links stop at the container's root), and files are made and read with the container root's ids, so that nothing in the
 * image can lead us elsewhere and owners come out as seen inside. */
#include "engine/inside.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "linux/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

struct side {
	bool container;
	char name[64];
	const char *path;
	int root;        /* container: its root */
	uint32_t id_first;
};

static void parse_side(const char *text, struct side *ret)
{
	const char *path;

	*ret = (struct side){.root = FD_NONE};
	path = parse_inside(text, ret->name);
	ret->container = path != NULL;
	ret->path = path ?: text;
}

static int open_root(struct coppice *c, struct side *s, struct err *e)
{
	struct live live;
	struct spec spec;
	char path[64];
	int r = engine_find(c, s->name, e);

	if (r == 0)
		r = engine_live(c, s->name, &live, e);
	if (r < 0)
		return r;
	if (live.alive) {
		(void)snprintf(path, sizeof(path), "/proc/%d/root", live.record.init.pid);
		s->root = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
		/* the pid may have been reused between: the record's identity must still hold after the open */
		if (s->root >= 0 && !proc_alive(&live.record.init))
			return err_set(e, ERR_STATE, ESRCH, "the container has just stopped");
		s->id_first = live.record.id_first;
		return s->root < 0 ? err_sys(e, s->root, "open the container's root") : 0;
	}
	r = engine_spec(c, s->name, NULL, &spec, e);
	if (r < 0)
		return r;
	if (spec.mode == SPEC_HOST) {
		spec_done(&spec);
		return err_set(e, ERR_STATE, ESRCH, "it has no files of its own: its root is this host's");
	}
	if (spec.mode == SPEC_OVERLAY || spec.mode == SPEC_EPHEMERAL || spec.lower_count) {
		spec_done(&spec);
		(void)err_set(e, ERR_STATE, ESRCH, "its files can be reached only while it runs, because they are an overlay");
		return err_hint(e, "coppice start %s", s->name);
	}
	if (spec.mode == SPEC_ROOTFS) {
		s->root = fd_open(AT_FDCWD, spec.rootfs, O_PATH | O_DIRECTORY, 0);
		if (s->root == -ENOTDIR) {
			spec_done(&spec);
			(void)err_set(e, ERR_STATE, ESRCH, "its files can be reached only while it runs, because they are on an image");
			return err_hint(e, "coppice start %s", s->name);
		}
	} else {
		autoclose int dir = state_dir(&c->state, s->name);

		s->root = dir < 0 ? dir : path_open_beneath(dir, "private", O_PATH | O_DIRECTORY, 0);
	}
	spec_done(&spec);
	return s->root < 0 ? err_sys(e, s->root, "open the container's files") : 0; /* ids on disk are the container's own */
}

static int act_as(const struct side *s, struct err *e)
{
	int r = s->container && s->id_first ? caps_act_as(s->id_first, s->id_first) : 0;

	return r < 0 ? err_sys(e, r, "act as the container's root") : 0;
}

static void act_as_host(void)
{
	(void)setfsuid(0);
	(void)setfsgid(0);
	(void)!caps_raise_effective();
}

static int open_at(const struct side *s, const char *path, int flags, mode_t mode)
{
	return s->container ? path_open_in(s->root, path, flags, mode) : fd_open(AT_FDCWD, path, flags, mode);
}

static const char *last_name(const char *path, char out[256])
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	if (end == start || end - start >= 256)
		return NULL;
	memcpy(out, path + start, end - start);
	out[end - start] = '\0';
	return strcmp(out, ".") == 0 || strcmp(out, "..") == 0 ? NULL : out;
}

/* Splits the target: an existing directory takes the source's name, else the parent must exist and the last part is the new name. */
static int open_target(const struct side *to, const char *source_path, char name[256], struct err *e)
{
	char parent[4096];
	const char *slash;
	int dir = open_at(to, to->path[0] ? to->path : "/", O_PATH | O_DIRECTORY, 0);

	if (dir >= 0) {
		if (last_name(source_path, name))
			return dir;
		fd_close(&dir);
		return err_set(e, ERR_INPUT, EINVAL, "'%s' has no file name", source_path);
	}
	if (dir != -ENOENT && dir != -ENOTDIR)
		return err_sys(e, dir, "open '%s'", to->path);
	if (!last_name(to->path, name) || strlen(to->path) >= sizeof(parent))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' has no file name", to->path);
	(void)snprintf(parent, sizeof(parent), "%s", to->path);
	slash = strstr(parent + (strlen(parent) - strlen(name)), name);
	if (!slash)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' ends in a slash but is no directory", to->path);
	parent[slash - parent] = '\0';
	dir = open_at(to, parent[0] ? parent : ".", O_PATH | O_DIRECTORY, 0);
	return dir < 0 ? err_sys(e, dir, "open the directory '%s'", parent[0] ? parent : ".") : dir;
}

static int copy_range(int from, int to, off_t end)
{
	off_t at = lseek(from, 0, SEEK_CUR);

	while (at < end) {
		ssize_t n = sendfile(to, from, NULL, (size_t)(end - at > 1 << 24 ? 1 << 24 : end - at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break; /* shrunk meanwhile */
		at += n;
	}
	return 0;
}

/* Data only: holes stay holes. */
static int copy_bytes(int from, int to, off_t size)
{
	off_t data = 0, hole;

	while (data < size) {
		int r;

		data = lseek(from, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* a hole up to the end */
		hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
		if (data < 0)
			data = 0; /* a file system that knows no holes */
		if (hole < 0 || lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0)
			return -errno;
		r = copy_range(from, to, hole);
		if (r < 0)
			return r;
		data = hole;
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

static int copy_file(int from, const struct stat *st, int dir, const char *name, struct err *e)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	autoclose int to = path_open_beneath(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat now;
	int r;

	if (to < 0)
		return err_sys(e, to, "make '%s'", name);
	if (fstat(to, &now) < 0 || !S_ISREG(now.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "the target '%s' is not a regular file", name);
	r = copy_bytes(from, to, st->st_size);
	if (r == 0 && fchmod(to, st->st_mode & 07777) < 0)
		r = -errno;
	if (r == 0 && futimens(to, times) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "copy into '%s'", name) : 0;
}

static int copy_dir(int from, const struct stat *st, int dir, const char *name, struct err *e)
{
	uint64_t bytes, files;
	autoclose int to = FD_NONE;

	if (mkdirat(dir, name, st->st_mode & 07777) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make directory '%s'", name);
	to = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (to < 0)
		return err_sys(e, to, "open directory '%s'", name);
	return store_copy_tree(from, to, &bytes, &files, e);
}

static int copy(struct side *from, struct side *to, struct err *e)
{
	autoclose int source = FD_NONE;
	autoclose int dir = FD_NONE;
	struct stat st;
	char name[256];
	int r = act_as(from->container ? from : to, e);

	if (r < 0)
		return r;
	/* the host's side is opened with the caller's own rights */
	if (!from->container)
		act_as_host();
	source = open_at(from, from->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (source < 0)
		return err_sys(e, source, "open '%s'", from->path);
	if (fstat(source, &st) < 0)
		return err_sys(e, errno, "look at '%s'", from->path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is neither a file nor a directory", from->path);
	act_as_host();
	r = act_as(to, e);
	if (r < 0)
		return r;
	dir = open_target(to, from->path, name, e);
	r = dir < 0 ? dir : S_ISDIR(st.st_mode) ? copy_dir(source, &st, dir, name, e) : copy_file(source, &st, dir, name, e);
	act_as_host();
	return r;
}

int coppice_cp(struct coppice *c, const char *from_text, const char *to_text, struct err *e)
{
	struct side from, to;
	int r;

	parse_side(from_text, &from);
	parse_side(to_text, &to);
	if (from.container == to.container) {
		(void)err_set(e, ERR_INPUT, EINVAL, "exactly one of source and target must be NAME:/PATH");
		(void)err_hint(e, "coppice cp FILE NAME:/etc/");
		return err_what(e, "cannot copy");
	}
	r = open_root(c, from.container ? &from : &to, e);
	if (r == 0)
		r = copy(&from, &to, e);
	fd_close(&from.root);
	fd_close(&to.root);
	return r < 0 ? err_what(e, "cannot copy '%s' to '%s'", from_text, to_text) : 0;
}
