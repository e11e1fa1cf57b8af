/* clones.c - who stands on whom, in the two files that LXC's own tools read: a clone made here cannot lose its lower layer to them, nor the other way round.
 *
 * Both are lines in pairs, a path of containers and a name. They are replaced by rename. An entry is made before the clone becomes visible: killed in between, what is
 * left names a container that does not exist, and such entries do not count. */
#include "engine/storage.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define DEPENDENTS "lxc_snapshots"
#define DEPENDS_ON "lxc_rdepends"
#define FILE_MAX_BYTES (1 << 20)

struct pair {
	char path[512], name[256];
};

static int load(int dir, const char *file, struct buf *ret)
{
	autoclose int fd = fd_open(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd == -ENOENT)
		return 0;
	return fd < 0 ? fd : fd_read_regular(fd, ret, FILE_MAX_BYTES);
}

static bool line_of(const char **at, char *out, size_t size)
{
	size_t len = strcspn(*at, "\n");
	bool fits = len > 0 && len < size;

	if (!**at)
		return false;
	memcpy(out, *at, fits ? len : 0);
	out[fits ? len : 0] = '\0';
	*at += len + ((*at)[len] == '\n');
	return true;
}

static bool next(const char **at, struct pair *p)
{
	return line_of(at, p->path, sizeof(p->path)) && line_of(at, p->name, sizeof(p->name));
}

static int store(int dir, const char *file, const struct buf *text)
{
	if (buf_failed(text))
		return -ENOMEM;
	if (text->len == 0)
		return unlinkat(dir, file, 0) < 0 && errno != ENOENT ? -errno : 0;
	return path_swap_file(dir, file, buf_str(text), text->len, 0644);
}

/* Neither there nor being made, as a container or as a snapshot. */
static bool is_gone(const struct pair *p)
{
	static const char *const between[] = {"", ".staging/", ".new/"};
	char dir[800];

	for (size_t i = 0; i < ARRAY_LEN(between); i++) {
		(void)snprintf(dir, sizeof(dir), "%s/%s%s", p->path, between[i], i == 2 ? "" : p->name);
		if (access(dir, F_OK) == 0 || errno != ENOENT)
			return false;
	}
	return true;
}

static int edit(int dir, const char *path, const char *name, bool keep)
{
	autodone(buf_done) struct buf old = BUF_INIT;
	autodone(buf_done) struct buf text = BUF_INIT;
	/* a container's lock is held for its own copies only, and this may be the grandparent */
	autoclose int lock = fd_open(dir, ".", O_RDONLY | O_DIRECTORY, 0);
	struct pair p;
	bool had = false;
	int r = lock < 0 ? lock : flock(lock, LOCK_EX) < 0 ? -errno : load(dir, DEPENDENTS, &old);

	if (r < 0)
		return r;
	for (const char *at = buf_str(&old); next(&at, &p);) {
		bool same = strcmp(p.path, path) == 0 && strcmp(p.name, name) == 0;

		had = had || same;
		/* one that is being made is not there yet */
		if (same ? keep : !is_gone(&p))
			buf_printf(&text, "%s\n%s\n", p.path, p.name);
	}
	if (keep && !had)
		buf_printf(&text, "%s\n%s\n", path, name);
	return had == keep ? 0 : store(dir, DEPENDENTS, &text);
}

int clones_add(int dir, const char *path, const char *name, struct err *e)
{
	int r = edit(dir, path, name, true);

	return r < 0 ? err_sys(e, r, "write '" DEPENDENTS "'") : 0;
}

int clones_drop(int dir, const char *path, const char *name, struct err *e)
{
	int r = edit(dir, path, name, false);

	return r < 0 ? err_sys(e, r, "write '" DEPENDENTS "'") : 0;
}

int clones_none(int dir, const char *ct_dir, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct pair p;
	int r = load(dir, DEPENDENTS, &text);

	if (r < 0)
		return err_sys(e, r, "read '%s/" DEPENDENTS "'", ct_dir);
	for (const char *at = buf_str(&text); next(&at, &p);) {
		char config[800];

		(void)snprintf(config, sizeof(config), "%s/%s/config", p.path, p.name);
		/* snapshots of its own go with it */
		if (!p.name[0] || path_is_below(config, ct_dir) || access(config, F_OK) < 0)
			continue;
		(void)err_set(e, ERR_STATE, EBUSY, "it has clones: '%s' in '%s' lies over its root", p.name, p.path);
		return err_hint(e, "lxc-destroy -P %s -n %s", p.path, p.name);
	}
	return 0;
}

static int open_container(const struct pair *p)
{
	char path[800];

	(void)snprintf(path, sizeof(path), "%s/%s", p->path, p->name);
	return fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

int clones_link(int from, const char *parent_path, const char *parent, int to, const char *path, const char *name, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct pair p;
	int r = load(from, DEPENDS_ON, &text);

	if (r < 0)
		return err_sys(e, r, "read '" DEPENDS_ON "'");
	if (parent)
		buf_printf(&text, "%s\n%s\n", parent_path, parent);
	if (text.len == 0)
		return 0;
	for (const char *at = buf_str(&text); next(&at, &p);) {
		autoclose int dir = open_container(&p);

		r = dir == -ENOENT ? 0 : dir < 0 ? err_sys(e, dir, "open '%s/%s'", p.path, p.name) : clones_add(dir, path, name, e);
		if (r < 0)
			return r;
	}
	r = buf_failed(&text) ? -ENOMEM : path_swap_file(to, DEPENDS_ON, buf_str(&text), text.len, 0644);
	return r < 0 ? err_sys(e, r, "write '" DEPENDS_ON "'") : 0;
}

void clones_unlink(int dir, const char *path, const char *name)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct err ignored = {0};
	struct pair p;

	if (load(dir, DEPENDS_ON, &text) < 0)
		return;
	for (const char *at = buf_str(&text); next(&at, &p);) {
		autoclose int parent = open_container(&p);

		if (parent >= 0)
			(void)!clones_drop(parent, path, name, &ignored);
	}
}
