/* publish.c - see publish.h. */
#include "image/publish.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* bases/NAME, made when missing. */
static int open_name(struct job *j, struct err *e)
{
	autoclose int bases = path_open_beneath(j->store, "bases", O_RDONLY | O_DIRECTORY, 0);
	int fd;

	if (bases < 0)
		return err_sys(e, bases, "open 'bases'");
	if (mkdirat(bases, j->opt->name, 0700) < 0) {
		if (errno != EEXIST)
			return err_sys(e, errno, "make directory of base '%s'", j->opt->name);
	} else {
		int r = path_sync_dir(bases);

		if (r < 0)
			return err_sys(e, r, "fsync 'bases'");
	}
	fd = path_open_beneath(bases, j->opt->name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? err_sys(e, fd, "open directory of base '%s'", j->opt->name) : fd;
}

int publish_find(struct job *j, const char *version, struct meta *ret, struct err *e)
{
	autoclose int dir = FD_NONE;
	char path[160];
	int r;

	(void)snprintf(path, sizeof(path), "bases/%s/%s", j->opt->name, version);
	dir = path_open_beneath(j->store, path, O_RDONLY | O_DIRECTORY, 0);
	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return err_sys(e, dir, "open '%s'", path);
	r = meta_read(dir, ret, e);
	if (r < 0) {
		(void)err_wrap(e, "version '%s' exists already, but", version);
		return err_hint(e, "coppice base verify %s@%s", j->opt->name, version);
	}
	return 1;
}

static int write_file(int dir, const char *name, const struct buf *text, struct err *e)
{
	int r = buf_failed(text) ? -ENOMEM : path_replace_file(dir, name, buf_str(text), text->len, 0400);

	return r < 0 ? err_sys(e, r, "write '%s'", name) : 0;
}

int publish_version(struct job *j, const struct inventory *v, const struct meta *m, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int name = FD_NONE;
	int r = job_progress(j, e, "sync", -1, "to disk");

	meta_write(m, &text);
	if (r == 0)
		r = write_file(j->out, "manifest", &v->manifest, e);
	if (r == 0)
		r = write_file(j->out, "meta", &text, e);
	if (r < 0)
		return r;
	/* One flush of the file system instead of one a file: skel has hundreds. */
	if (syncfs(j->out) < 0)
		return err_sys(e, errno, "sync the store");
	name = open_name(j, e);
	if (name < 0)
		return name;
	if (renameat2(j->staging, "out", name, v->version, RENAME_NOREPLACE) < 0)
		return errno == EEXIST ? 1 : err_sys(e, errno, "publish version '%s'", v->version);
	r = path_sync_dir(name);
	return r < 0 ? err_sys(e, r, "fsync base '%s'", j->opt->name) : 0;
}

int publish_current(struct job *j, const char *version, struct err *e)
{
	autoclose int name = open_name(j, e);
	char old[80], tmp[80];
	struct stat st;
	ssize_t n;
	int r;

	if (name < 0)
		return name;
	n = readlinkat(name, "current", old, sizeof(old) - 1);
	if (n > 0) {
		old[n] = '\0';
		if (strcmp(old, version) == 0)
			return 0;
	}
	(void)snprintf(tmp, sizeof(tmp), ".current.%s", j->id);
	r = symlinkat(version, name, tmp) < 0 || renameat(name, tmp, name, "current") < 0 ? -errno : path_sync_dir(name);
	if (r < 0) {
		(void)unlinkat(name, tmp, 0);
		return err_sys(e, r, "make '%s' the current version", version);
	}
	/* Deleted by another command between two looks: then the link must not stay. */
	if (fstatat(name, version, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, ERR_BUSY, EBUSY, "version '%s' was deleted meanwhile", version);
	return 0;
}
