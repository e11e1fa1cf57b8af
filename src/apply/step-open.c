/* step-open.c - everything named by a host path is opened while such paths can still be named. */
#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "linux/mnt.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

int apply_lock_root(struct apply *a, struct err *e)
{
	const struct step *st = plan_find(a->plan, STEP_OPEN_PRIVATE, 0);

	if (!st || !st->number[0])
		return 0;
	a->root_lock = fd_open(AT_FDCWD, st->text[0], O_RDONLY | O_NONBLOCK, 0);
	if (a->root_lock < 0)
		return err_sys(e, a->root_lock, "open '%s'", st->text[0]);
	if (flock(a->root_lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(e, errno, "lock '%s'", st->text[0]);
	(void)err_set(e, ERR_BUSY, EBUSY, "another container runs on '%s'", st->text[0]);
	return err_hint(e, "coppice list status=running");
}

/* The file system on a block device or an image file: @fstype, or whatever is on it. Gives a detached mount. */
static int open_image(const char *path, const char *fstype, bool block, const char *options, bool read_only, struct err *e)
{
	autodone(arena_done) struct arena arena = ARENA_INIT;
	const char **opts = NULL;
	char why[256] = "";
	int fd = apply_split_options(&arena, options, &opts, e);

	if (fd < 0)
		return fd;
	fd = mnt_image(path, fstype, block, read_only, opts, why);
	if (fd >= 0)
		return fd;
	if (fd == -EINVAL || fd == -ENODEV) {
		(void)err_set(e, ERR_INPUT, EINVAL, "no file system %s was found on '%s'%s%s (%s)", fstype ?: "that this kernel knows", path,
			      options ? ", or it does not take the options " : "", options ?: "", why[0] ? why : "no reason given");
		return err_hint(e, "an image with partitions is no file system: give one partition");
	}
	return err_sys(e, fd, "mount '%s' (%s)", path, why[0] ? why : "no reason given");
}

int step_open_private(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int dir = fd_open(AT_FDCWD, st->text[0], O_PATH, 0);
	struct stat sb;
	int r;

	if (dir == -ELOOP)
		return err_set(e, ERR_INPUT, ELOOP, "'%s' is a loop of symbolic links", st->text[0]);
	if (dir < 0 || fstat(dir, &sb) < 0)
		return err_sys(e, dir < 0 ? dir : errno, "open '%s'", st->text[0]);
	if (!S_ISDIR(sb.st_mode) && !S_ISREG(sb.st_mode) && !S_ISBLK(sb.st_mode))
		return err_set(e, ERR_INPUT, ENOTDIR, "'%s' is not a directory, nor an image file or a block device", st->text[0]);
	if (st->number[0]) {
		r = apply_lock_root(a, e);
		if (r < 0)
			return r;
	}
	if (!S_ISDIR(sb.st_mode)) {
		a->private_mnt = open_image(st->text[0], NULL, S_ISBLK(sb.st_mode), st->text[1], st->number[1] != 0, e);
		return a->private_mnt < 0 ? a->private_mnt : 0;
	}
	/* what its owner has mounted beneath a root of his own belongs to it, as the recipe's common part does */
	a->private_mnt = mnt_clone(dir, "", st->number[0] != 0);
	if (a->private_mnt < 0)
		return err_sys(e, a->private_mnt, "clone the mount of '%s'", st->text[0]);
	/* a copy of a shared mount, as all are on a host with systemd, hands what is mounted upon it to the original */
	r = mnt_attr(a->private_mnt, st->number[0] != 0, 0, 0, MNT_PRIVATE, FD_NONE);
	return r < 0 ? err_sys(e, r, "make the mount of '%s' private", st->text[0]) : 0;
}

/* With all that is mounted below; nothing that happens to the copies comes back. */
int step_open_host_root(struct apply *a, const struct step *st, struct err *e)
{
	int r;

	(void)st;
	a->private_mnt = mnt_clone(AT_FDCWD, "/", true);
	r = a->private_mnt < 0 ? a->private_mnt : mnt_attr(a->private_mnt, true, 0, 0, MNT_SLAVE, FD_NONE);
	return r < 0 ? err_sys(e, r, "clone the host's root") : 0;
}

int step_open_lower(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int dir = fd_open(AT_FDCWD, st->text[0], O_PATH | O_DIRECTORY, 0);
	int fd = dir < 0 ? dir : mnt_clone(dir, "", false);

	if (fd < 0)
		return err_sys(e, fd, "open the lower directory '%s'", st->text[0]);
	if (a->lower_count == ARRAY_LEN(a->lower)) {
		fd_close(&fd);
		return err_set(e, ERR_INPUT, E2BIG, "more than %d lower directories", APPLY_MAX_LOWERS);
	}
	a->lower[a->lower_count++] = fd;
	return 0;
}

int step_lease_base(struct apply *a, const struct step *st, struct err *e)
{
	struct store_lease lease = {.mount = FD_NONE};
	struct store_base base;
	char ref[160];
	int r;

	(void)snprintf(ref, sizeof(ref), "%s@%s", st->text[0], st->text[1]);
	r = store_base_find(a->store, ref, &base, e);
	if (r == 0)
		r = store_lease_take(a->store, a->facts, &base, NULL, 0, "/base", &lease, e);
	if (r < 0)
		return err_wrap(e, "base '%s'", ref);
	a->base_mnt = lease.mount;
	a->base_level = lease.level;
	(void)snprintf(a->record.base_level, sizeof(a->record.base_level), "%s", lease.level);
	return 0;
}

/* Programs that enter a container come through a read-only detached mount: /proc/1/exe cannot be opened for writing, whoever asks. */
int step_open_init(struct apply *a, const struct step *st, struct err *e)
{
	int r;

	a->init_helper = mnt_clone(AT_FDCWD, st->text[0], false);
	if (a->init_helper < 0)
		return err_sys(e, a->init_helper, "open the small init '%s'", st->text[0]);
	r = mnt_attr(a->init_helper, false, MNT_RDONLY | MNT_NOSUID | MNT_NODEV, 0, MNT_KEEP, FD_NONE);
	return r < 0 ? err_sys(e, r, "make the small init read-only") : 0;
}

int step_open_seccomp(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, st->text[0], O_RDONLY | O_NOFOLLOW, 0);
	int r = fd;

	if (fd >= 0)
		r = fd_read_all(fd, &a->seccomp, (size_t)1 << 20);
	return r < 0 ? err_sys(e, r, "read the compiled filter '%s'", st->text[0]) : 0;
}

static int mnt_clone_followed(const char *path, bool recursive)
{
	autoclose int place = fd_open(AT_FDCWD, path, O_PATH, 0);

	return place < 0 ? place : mnt_clone(place, "", recursive);
}

/* Mapped here, while the namespace's path can be named. What is mapped twice the kernel refuses: step_bind() leaves it alone. */
static int map_source(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int userns = fd_open(AT_FDCWD, st->text[1], O_RDONLY, 0);
	int r = userns < 0 ? userns : mnt_attr(a->source[st->number[0]], st->number[1] != 0, 0, 0, MNT_KEEP, userns);

	if (r == 0)
		return 0;
	(void)err_sys(e, r, "map the ids of '%s' as '%s' says", st->text[0], st->text[1]);
	return err_hint(e, "idmap= takes the path of a user namespace, such as /proc/123/ns/user, that is not the host's");
}

int step_open_device(struct apply *a, const struct step *st, struct err *e)
{
	struct stat sb;
	int fd;

	if (st->number[0] >= APPLY_MAX_SOURCES)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d bind mounts", APPLY_MAX_SOURCES);
	if (stat(st->text[0], &sb) < 0) /* rule: plain-paths: the host administrator's own device */
		fd = err_sys(e, errno, "find the device '%s'", st->text[0]);
	else if (!S_ISBLK(sb.st_mode) && !S_ISREG(sb.st_mode))
		fd = err_set(e, ERR_INPUT, ENOTBLK, "'%s' is neither a block device nor an image file", st->text[0]);
	else
		fd = open_image(st->text[0], st->text[1], S_ISBLK(sb.st_mode), st->text[2], st->number[1] != 0, e);
	if (fd < 0 && (st->number[2] & PLAN_SOURCE_OPTIONAL)) {
		err_clear(e);
		return 0;
	}
	a->source[st->number[0]] = fd;
	return fd < 0 ? fd : 0;
}

int step_open_source(struct apply *a, const struct step *st, struct err *e)
{
	int fd;

	if (st->number[0] >= APPLY_MAX_SOURCES)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d bind mounts", APPLY_MAX_SOURCES);
	if (st->number[2] & PLAN_SOURCE_MAKE) {
		int r = path_mkdirs(st->text[0], 0711);

		if (r < 0)
			return err_sys(e, r, "make the directory '%s'", st->text[0]);
	}
	/* the last component may be a link: it is the host administrator's own path */
	fd = mnt_clone_followed(st->text[0], st->number[1] != 0);
	if (fd == -EINVAL && a->facts->user_mode) /* what lies mounted below is locked there for whoever is not root: it comes along */
		fd = mnt_clone_followed(st->text[0], true);
	if (fd < 0 && (st->number[2] & PLAN_SOURCE_OPTIONAL))
		return 0;
	if (fd < 0) {
		(void)err_sys(e, fd, "open the mount source '%s'", st->text[0]);
		return err_hint(e, "make it exist, or add the option 'optional' to the mount entry");
	}
	a->source[st->number[0]] = fd;
	return st->text[1] && st->text[1][0] == '/' ? map_source(a, st, e) : 0;
}
