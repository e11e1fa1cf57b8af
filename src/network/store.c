/* store.c - where networks are kept: one directory each, changed under its lock, files replaced by rename.
 *
 * A directory without a config is what a killed create or delete has left; it is no network, and the next create takes it over. */
#include "network/inner.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)64 << 10)
#define PAUSE_MAX_MS 20

int networks_open(const char *root, const char *rundir, struct networks *ret, struct err *e)
{
	struct networks n = {.dir = FD_NONE};
	char path[300];

	if (strlen(root) >= sizeof(n.root) || strlen(rundir) >= sizeof(n.rundir))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "the path '%.40s...' is too long", root);
	(void)snprintf(n.root, sizeof(n.root), "%s", root);
	(void)snprintf(n.rundir, sizeof(n.rundir), "%s", rundir);
	(void)snprintf(path, sizeof(path), "%s/networks", root);
	n.dir = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (n.dir == -ENOENT)
		n.dir = FD_NONE;
	else if (n.dir < 0)
		return err_sys(e, n.dir, "open '%s'", path);
	*ret = n;
	return 0;
}

void networks_close(struct networks *n)
{
	fd_close(&n->dir);
}

int network_dir(const struct networks *n, const char *name)
{
	if (!network_is_name(name) || n->dir < 0)
		return -ENOENT;
	return fd_open(n->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int network_read_text(int dir, const char *name, size_t max, struct buf *out)
{
	autoclose int fd = fd_open(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);

	if (fd == -ENOENT)
		return 0;
	return fd < 0 ? fd : fd_read_all(fd, out, max);
}

int network_lock(int dir, const char *name, struct err *e)
{
	autoclose int fd = fd_open(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY, 0600);
	uint64_t deadline = clock_deadline(NETWORK_LOCK_MS);
	struct stat st;

	if (fd == -ENOENT) /* the directory itself was removed */
		return -ESTALE;
	if (fd < 0)
		return err_sys(e, fd, "open the lock of network '%s'", name);
	for (int pause = 1; flock(fd, LOCK_EX | LOCK_NB) < 0;) {
		int left = clock_left_ms(deadline);

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "lock network '%s'", name);
		if (left == 0)
			return err_set(e, ERR_BUSY, EBUSY, "another command is changing network '%s'", name);
		(void)poll(NULL, 0, left < pause ? left : pause);
		pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
	}
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -ESTALE;
	return take_fd(fd);
}

static int read_config(int dir, const char *name, struct network *ret, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r;

	if (faccessat(dir, "config", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return -ENOENT;
	r = network_read_text(dir, "config", CONFIG_MAX, &text);
	if (r < 0)
		return err_sys(e, r, "read the config of network '%s'", name);
	r = network_parse(buf_str(&text), text.len, ret, e);
	if (r == 0 && strcmp(ret->name, name) != 0)
		r = err_set(e, ERR_DAMAGED, EBADMSG, "it says that it is '%s'", ret->name);
	return r < 0 ? err_wrap(e, "config of network '%s'", name) : 0;
}

int network_read(const struct networks *n, const char *name, struct network *ret, struct err *e)
{
	autoclose int dir = network_dir(n, name);
	int r = dir < 0 ? dir : read_config(dir, name, ret, e);

	if (r == -ENOENT) {
		(void)err_set(e, ERR_MISSING, ENOENT, "there is no network '%.40s'", name);
		return err_hint(e, "coppice network list");
	}
	return r < 0 && dir < 0 ? err_sys(e, r, "open network '%s'", name) : r;
}

/* ROOT/networks and the network's own directory. */
static int make_dirs(struct networks *n, const char *name, struct err *e)
{
	char path[300];
	int r, dir;

	if (n->dir < 0) {
		(void)snprintf(path, sizeof(path), "%s/networks", n->root);
		r = path_mkdirs(path, 0700);
		if (r == 0) {
			n->dir = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
			r = n->dir < 0 ? n->dir : 0;
		}
		if (r < 0)
			return err_sys(e, r, "make '%s'", path);
	}
	if (mkdirat(n->dir, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '%s/networks/%s'", n->root, name);
	dir = fd_open(n->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0 && dir != -ENOENT)
		return err_sys(e, dir, "open '%s/networks/%s'", n->root, name);
	return dir;
}

int network_write(struct networks *n, const struct network *net, bool create, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = FD_NONE;
	autoclose int lock = -ESTALE;
	int r;

	if (!network_is_name(net->name))
		return err_set(e, ERR_INPUT, EINVAL, "'%.15s' is not a name of a network", net->name);
	for (int tries = 0; lock == -ESTALE && tries < 100; tries++) { /* a delete may take the directory away between the two */
		fd_close(&dir);
		dir = make_dirs(n, net->name, e);
		if (dir < 0 && dir != -ENOENT)
			return dir;
		lock = dir < 0 ? -ESTALE : network_lock(dir, net->name, e);
	}
	if (lock < 0)
		return lock == -ESTALE ? err_set(e, ERR_BUSY, EBUSY, "network '%s' is being deleted", net->name) : lock;
	if (create && faccessat(dir, "config", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		(void)err_set(e, ERR_EXISTS, EEXIST, "network '%s' exists already", net->name);
		return err_hint(e, "coppice network show %s", net->name);
	}
	if (create && unlinkat(dir, "leases", 0) < 0 && errno != ENOENT) /* of a network whose delete was killed */
		return err_sys(e, errno, "remove old leases of network '%s'", net->name);
	network_format(net, &text);
	r = buf_failed(&text) ? -ENOMEM : path_replace_file(dir, "config", buf_str(&text), text.len, 0600);
	if (r == 0)
		r = path_sync_dir(n->dir);
	return r < 0 ? err_sys(e, r, "write the config of network '%s'", net->name) : 0;
}

int network_remove(struct networks *n, const char *name, struct err *e)
{
	autoclose int dir = network_dir(n, name);
	autoclose int lock = dir < 0 ? -ESTALE : network_lock(dir, name, e);
	int r = 0;

	if (lock == -ESTALE) {
		(void)err_set(e, ERR_MISSING, ENOENT, "there is no network '%.40s'", name);
		return err_hint(e, "coppice network list");
	}
	if (lock < 0)
		return lock;
	/* without its config it is no network any more: whatever happens next, nobody sees half of one */
	if (unlinkat(dir, "config", 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0)
		r = path_sync_dir(dir);
	if (r == 0)
		r = path_remove_tree(n->dir, name);
	if (r == 0)
		r = path_sync_dir(n->dir);
	return r < 0 ? err_sys(e, r, "remove network '%s'", name) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct network *)a)->name, ((const struct network *)b)->name);
}

int network_list(const struct networks *n, struct arena *a, struct network **ret, size_t *ret_count, struct err *e)
{
	autoclosedir DIR *d = NULL;
	struct network *list = NULL;
	size_t count = 0;

	*ret = NULL;
	*ret_count = 0;
	if (n->dir < 0)
		return 0;
	d = fd_open_dir(n->dir, ".", 0);
	if (!d)
		return err_sys(e, errno, "read '%s/networks'", n->root);
	for (struct dirent *entry; (errno = 0, entry = readdir(d));) {
		autoclose int dir = network_dir(n, entry->d_name);
		struct network one, *slot;
		int r = dir < 0 ? -ENOENT : read_config(dir, entry->d_name, &one, e);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		slot = arena_push(a, &list, &count, sizeof(*list));
		if (!slot)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		*slot = one;
	}
	if (errno)
		return err_sys(e, errno, "read '%s/networks'", n->root);
	if (count)
		qsort(list, count, sizeof(*list), by_name);
	*ret = list;
	*ret_count = count;
	return 0;
}
