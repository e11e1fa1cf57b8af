/* store.c - the store's own directories and locks. */
#include "store/store.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/diskerr.h"
#include "state/dirs.h"
#include "state/lock.h"
#include "store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool store_is_version(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n > 0 && n < 72 && s[n] == '\0';
}

static int check_root(int fd, const char *root, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat '%s'", root);
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		(void)err_set(e, ERR_DENIED, EPERM, "the store '%s' %s", root,
			      st.st_uid != geteuid() ? "belongs to another user" : "can be written by other users");
		return err_hint(e, "ls -ld %s", root);
	}
	return 0;
}

/* What lies in the directories is set-id programs and other people's files: nobody else gets through, whatever the root's own mode is. */
static int lay_out(int root, const char *name)
{
	autoclose int fd = FD_NONE;
	struct stat st;

	/* as it always is but for the first time: one call, for every command and every monitor */
	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	fd = dirs_open(root, name, true);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	if ((st.st_mode & 077) && fchmod(fd, 0700) < 0)
		return -errno;
	return 0;
}

int store_open(const char *root, struct store *ret, struct err *e)
{
	static const char *const dirs[] = {"bases", "pool", "staging", "trash", "cache", "locks"};
	autodone(store_close) struct store s = {.dir = FD_NONE};
	int r;

	if (root[0] != '/' || strlen(root) >= sizeof(s.root))
		return err_set(e, ERR_INPUT, EINVAL, "the store must be an absolute path of at most 255 bytes: '%s'", root);
	s.dir = fd_open(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0);
	if (s.dir == -ENOENT) {
		r = path_mkdirs(root, 0700);
		if (r < 0)
			return disk_err(e, r, "/", "make the store '%s'", root);
		s.dir = fd_open(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0);
	}
	if (s.dir < 0)
		return disk_err(e, s.dir, root, "open the store '%s'", root);
	r = check_root(s.dir, root, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		r = lay_out(s.dir, dirs[i]);
		if (r < 0)
			return disk_err(e, r, root, "lay out '%s/%s'", root, dirs[i]);
	}
	memcpy(s.root, root, strlen(root) + 1);
	*ret = s;
	s.dir = FD_NONE;
	return 0;
}

void store_close(struct store *s)
{
	fd_close(&s->dir);
}

int store_subdir(const struct store *s, const char *name)
{
	return fd_open(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int store_discard(const struct store *s, int dir, const char *name, const char *label)
{
	autoclose int trash = store_subdir(s, "trash");
	const int64_t now = clock_unix();
	char id[256];
	int r = -EEXIST;

	if (trash < 0)
		return trash;
	for (unsigned n = 0; n < 10000 && r == -EEXIST; n++) {
		(void)snprintf(id, sizeof(id), "%.200s.%" PRId64 ".%u", label, now, n);
		r = renameat2(dir, name, trash, id, RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	if (r == 0)
		(void)!lock_reap(trash, id);
	return r;
}

/* Lock names are base names, versions and our own words joined by '.', '@' and '-': never a path. */
static bool is_lock_name(const char *s)
{
	return *s && *s != '.' && strlen(s) < 200 && !strchr(s, '/');
}

int store_lock(const struct store *s, const char *what, bool exclusive, uint64_t deadline, struct err *e)
{
	autoclose int dir = store_subdir(s, "locks");
	struct lock_holder holder;
	int r = dir;

	if (!is_lock_name(what))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' cannot be locked", what);
	if (dir >= 0)
		r = lock_take(dir, what, exclusive, exclusive ? "store" : NULL, deadline, &holder);
	if (r == -EBUSY && holder.id.pid) {
		(void)err_set(e, ERR_BUSY, EBUSY, "'%s' is in use by another command (pid %d)", what, (int)holder.id.pid);
		return err_hint(e, "ps -fp %d", (int)holder.id.pid);
	}
	if (r == -EBUSY) {
		(void)err_set(e, ERR_BUSY, EBUSY, "'%s' is in use by another command", what);
		return err_hint(e, "fuser -v %s/locks/%s", s->root, what);
	}
	return r < 0 ? disk_err(e, r, s->root, "lock '%s/locks/%s'", s->root, what) : r;
}
