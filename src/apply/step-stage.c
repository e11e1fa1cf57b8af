/* step-stage.c - the container's root is assembled in a mount namespace that nobody else sees.
 *
 * The stage is a small tmpfs: /root takes the container's tree, /base holds the sealed image (for our own clones and for the next monitor that needs the same
 * superblock), /proc and /sys are fully visible instances, without which the kernel would refuse fresh ones inside a user namespace. When all
 * is attached the stage becomes our root and the host's mounts are gone from here: nothing of the host is pinned, nothing can leak there. */
#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "linux/caps.h"
#include "linux/mnt.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

static int attach_on(struct apply *a, int mount, const char *name, struct err *e)
{
	autoclose int target = fd_open(a->stage, name, O_PATH | O_DIRECTORY, 0);
	int r = target < 0 ? target : mnt_attach(mount, target);

	return r < 0 ? err_sys(e, r, "attach '/%s' on the stage", name) : 0;
}

/* What the container's mounts are mapped by. In user mode its ids are ours already. */
static int mapped_by(const struct apply *a)
{
	return a->facts->user_mode ? FD_NONE : a->userns;
}

/* User mode: an instance of proc or sysfs belongs to a namespace of the host's and is not ours to make. Clones of the host's, with all that lies upon them,
 * show the kernel as much. */
static int attach_hosts(struct apply *a, int sys, struct err *e)
{
	autoclose int proc = mnt_clone(AT_FDCWD, "/proc", true);
	int r = proc < 0 ? err_sys(e, proc, "clone the mount of /proc") : attach_on(a, proc, "proc", e);

	if (r == 0)
		a->procfs = take_fd(proc);
	return r < 0 ? r : attach_on(a, sys, "sys", e);
}

static int attach_fresh(struct apply *a, const char *fstype, const char *name, int *ret_fd, struct err *e)
{
	autoclose int fd = mnt_new(fstype, NULL, 0, NULL);
	int r;

	if (fd < 0)
		return err_sys(e, fd, "make a %s mount", fstype);
	r = attach_on(a, fd, name, e);
	if (r == 0 && ret_fd)
		*ret_fd = take_fd(fd);
	return r;
}

int step_stage(struct apply *a, const struct step *st, struct err *e)
{
	static const char *const dirs[] = {"root", "base", "proc", "sys", "mask"};
	const char *const opts[] = {"mode", "0755", "size", "64k", "nr_inodes", "32", NULL};
	autoclose int place = FD_NONE;
	autoclose int hosts_sys = FD_NONE;
	int r;

	(void)st;
	(void)umask(0);
	r = apply_own_mounts(a, e);
	if (r < 0)
		return r;
	a->stage = mnt_new("tmpfs", opts, MNT_NOSUID | MNT_NODEV, NULL);
	if (a->stage < 0)
		return err_sys(e, a->stage, "make the stage");
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdirat(a->stage, dirs[i], 0755) < 0)
			return err_sys(e, errno, "make '/%s' on the stage", dirs[i]);
	/* Until seal_stage pivots it hangs over /sys, which nothing needs by path any more. Not over "/": a process whose root is covered counts as chrooted, and the
	 * kernel lets no such process make a user namespace. */
	place = fd_open(AT_FDCWD, "/sys", O_PATH | O_DIRECTORY, 0);
	r = place < 0 ? place : 0;
	if (r == 0 && a->facts->user_mode) {
		hosts_sys = mnt_clone(place, "", true); /* while it can be named */
		r = hosts_sys < 0 ? hosts_sys : 0;
	}
	if (r == 0)
		r = mnt_attach(a->stage, place);
	if (r < 0)
		return err_sys(e, r, "attach the stage");
	r = a->facts->user_mode ? attach_hosts(a, hosts_sys, e) : attach_fresh(a, "proc", "proc", &a->procfs, e);
	if (r == 0 && !a->facts->user_mode)
		r = attach_fresh(a, "sysfs", "sys", NULL, e);
	if (r == 0 && a->base_mnt >= 0)
		r = attach_on(a, a->base_mnt, "base", e);
	return r;
}

int step_clock(struct apply *a, const struct step *st, struct err *e)
{
	int64_t boot = (int64_t)st->number[0], mono = (int64_t)st->number[1];
	int r;

	a->host_time = fd_open(a->procfs, "self/ns/time", O_RDONLY, 0);
	if (a->host_time < 0)
		return err_sys(e, a->host_time, "open our time namespace");
	r = ns_unshare(CLONE_NEWTIME);
	if (r < 0)
		return err_sys(e, r, "make a time namespace");
	if (st->number[2]) {
		struct timespec b, m;

		(void)clock_gettime(CLOCK_BOOTTIME, &b);
		(void)clock_gettime(CLOCK_MONOTONIC, &m);
		boot = -((int64_t)b.tv_sec * 1000000000 + b.tv_nsec);
		mono = -((int64_t)m.tv_sec * 1000000000 + m.tv_nsec);
	}
	r = ns_time_offsets(a->procfs, boot, mono);
	return r < 0 ? err_sys(e, r, "set the clock offsets") : 0;
}

static int act_as_root_of(struct apply *a, struct err *e)
{
	int r = a->root_uid ? caps_act_as(a->root_uid, a->root_gid) : 0;

	return r < 0 ? err_sys(e, r, "act as the container's root") : 0;
}

static void act_as_host(struct apply *a)
{
	if (!a->root_uid)
		return;
	(void)setfsuid(0);
	(void)setfsgid(0);
	(void)!caps_raise_effective();
}

static int attach_root(struct apply *a, struct err *e)
{
	int r = attach_on(a, a->root, "root", e);

	return r < 0 ? err_wrap(e, "the container's root") : 0;
}

int step_root(struct apply *a, const struct step *st, struct err *e)
{
	/* without a user namespace a device node in the tree would be live: nodev belongs to the mapped case, where none can be made */
	uint32_t set = a->userns >= 0 ? MNT_NODEV : 0;
	int r;

	(void)st;
	a->root = take_fd(a->private_mnt);
	r = mnt_attr(a->root, false, set, 0, MNT_SHARED, mapped_by(a));
	if (r == -EINVAL && mapped_by(a) >= 0) {
		(void)err_set(e, ERR_UNSUPPORTED, EINVAL, "the file system of the container's directory has no idmapped mounts");
		return err_hint(e, "keep containers on ext4, xfs, btrfs or tmpfs");
	}
	if (r < 0)
		return err_sys(e, r, "map the container's directory");
	return attach_root(a, e);
}

/* upper and work: in the container's directory, or on a tmpfs of their own. */
static int open_upper(struct apply *a, uint64_t tmpfs_size, int *ret_upper, int *ret_work, struct err *e)
{
	bool mapped = mapped_by(a) >= 0, idmap = mapped;
	int r;

	if (tmpfs_size) {
		char size[32];
		const char *const opts[] = {"mode", "0755", "size", size, NULL};

		(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)tmpfs_size);
		a->private_mnt = mnt_new("tmpfs", opts, 0, NULL);
		if (a->private_mnt < 0)
			return err_sys(e, a->private_mnt, "make the ephemeral file system");
		if (mkdirat(a->private_mnt, "upper", 0755) < 0 || mkdirat(a->private_mnt, "work", 0755) < 0)
			return err_sys(e, errno, "lay out the ephemeral file system");
		idmap = mapped && a->facts->idmap_tmpfs;
		/* tmpfs before 6.3 cannot be idmapped; it is gone at stop, so the host's ids may be written to it */
		if (mapped && !idmap &&
		    (fchownat(a->private_mnt, "upper", a->root_uid, a->root_gid, 0) < 0 || fchownat(a->private_mnt, "work", a->root_uid, a->root_gid, 0) < 0))
			return err_sys(e, errno, "own the ephemeral file system");
	}
	if (idmap) {
		r = mnt_attr(a->private_mnt, false, 0, 0, MNT_PRIVATE, mapped_by(a));
		if (r < 0)
			return err_sys(e, r, "map the private layer");
	}
	*ret_upper = path_open_beneath(a->private_mnt, "upper", O_PATH | O_DIRECTORY, 0);
	*ret_work = path_open_beneath(a->private_mnt, "work", O_PATH | O_DIRECTORY, 0);
	if (*ret_upper < 0 || *ret_work < 0)
		return err_sys(e, *ret_upper < 0 ? *ret_upper : *ret_work, "open the private layer");
	return idmap ? 1 : 0;
}

/* Before 6.15 overlay takes its layers only from mounts that are attached somewhere in our namespace: clone_private_mount() refuses others with EINVAL. */
static int attach_layers(struct apply *a, int lower, struct err *e)
{
	if (mkdirat(a->stage, "lower", 0700) < 0 || mkdirat(a->stage, "upper", 0700) < 0)
		return err_sys(e, errno, "make room for the layers");
	if (attach_on(a, lower, "lower", e) < 0 || attach_on(a, a->private_mnt, "upper", e) < 0)
		return err_wrap(e, "the overlay's layers");
	return 0;
}

/* The overlay has clones of its own. What cannot be detached goes with the stage. */
static void detach_layers(struct apply *a)
{
	(void)!mnt_detach(a->stage, "upper");
	(void)!mnt_detach(a->stage, "lower");
	(void)unlinkat(a->stage, "upper", AT_REMOVEDIR);
	(void)unlinkat(a->stage, "lower", AT_REMOVEDIR);
}

/* Overlay does its own writing with the credentials of whoever mounts it; through an idmapped upper that must be an id inside the map, or the kernel falls
 * back to a read-only overlay. */
static int mount_overlay(struct apply *a, int lower, int upper, int work, bool mapped, bool is_volatile, struct err *e)
{
	char why[256] = "";
	int r = mapped ? act_as_root_of(a, e) : 0;

	if (r < 0)
		return r;
	a->root = mnt_overlay(&lower, 1, upper, work, (is_volatile ? MNT_OVERLAY_VOLATILE : 0) | (a->facts->user_mode ? MNT_OVERLAY_USERXATTR : 0), why);
	act_as_host(a);
	return a->root < 0 ? err_sys(e, a->root, "mount the overlay (%s)", why[0] ? why : "no reason given") : 0;
}

int step_root_overlay(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int lower = mnt_clone(a->base_mnt, "", false);
	autoclose int upper = FD_NONE;
	autoclose int work = FD_NONE;
	int r, mapped;

	if (lower < 0)
		return err_sys(e, lower, "clone the base");
	r = mnt_attr(lower, false, MNT_RDONLY | MNT_NODEV, 0, MNT_PRIVATE, mapped_by(a));
	if (r < 0)
		return err_sys(e, r, "map the base");
	mapped = open_upper(a, st->number[0], &upper, &work, e);
	if (mapped < 0)
		return mapped;
	r = mount_overlay(a, lower, upper, work, mapped, st->number[1] != 0, e);
	if (r == -EINVAL) {
		err_clear(e);
		r = attach_layers(a, lower, e);
		if (r == 0)
			r = mount_overlay(a, lower, upper, work, mapped, st->number[1] != 0, e);
		detach_layers(a);
	}
	if (r < 0)
		return r;
	r = mnt_attr(a->root, false, a->userns >= 0 ? MNT_NODEV : 0, 0, MNT_SHARED, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "share the overlay");
	fd_close(&a->private_mnt);
	return attach_root(a, e);
}

/* One directory of the base over the same directory of the private root; "keep" stays private on top of it. */
int step_common(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int tree = FD_NONE;
	autoclose int kept = FD_NONE;
	autoclose int target = FD_NONE;
	autoclose int over = FD_NONE;
	int r;

	tree = mnt_clone(a->base_mnt, st->text[0], false);
	if (tree == -ENOENT)
		return 0; /* lib32 and friends: this base has none */
	if (tree < 0)
		return err_sys(e, tree, "clone '/%s' of the base", st->text[0]);
	r = mnt_attr(tree, false, MNT_RDONLY | MNT_NODEV, 0, MNT_SHARED, mapped_by(a));
	if (r < 0)
		return err_sys(e, r, "map '/%s' of the base", st->text[0]);
	if (st->text[1]) {
		kept = mnt_clone(a->root, st->text[1], false);
		if (kept < 0 && kept != -ENOENT)
			return err_sys(e, kept, "clone the private '/%s'", st->text[1]);
	}
	target = apply_target(a, st->text[0], PLAN_CREATE_DIR, e);
	if (target < 0)
		return target;
	r = mnt_attach(tree, target);
	if (r < 0)
		return err_sys(e, r, "attach '/%s' of the base", st->text[0]);
	if (kept < 0)
		return 0;
	over = path_open_nolinks(a->root, st->text[1], O_PATH | O_DIRECTORY, 0);
	if (over == -ENOENT)
		return 0; /* the base has no such directory to lay it on */
	r = over < 0 ? over : mnt_attach(kept, over);
	return r < 0 ? err_sys(e, r, "attach the private '/%s'", st->text[1]) : 0;
}

/* The host's node laid over an empty file. */
static int borrow_node(int dev, const char *name, struct err *e)
{
	char path[32];
	autoclose int node = FD_NONE;
	autoclose int place = fd_open(dev, name, O_WRONLY | O_CREAT | O_EXCL, 0666);
	autoclose int target = place < 0 ? FD_NONE : fd_open(dev, name, O_PATH, 0);
	int r = target < 0 ? place < 0 ? place : target : 0;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	if (r == 0) {
		node = mnt_clone(AT_FDCWD, path, false);
		r = node < 0 ? node : mnt_attach(node, target);
	}
	return r < 0 ? err_sys(e, r, "lay out /dev/%s", name) : 0;
}

static int make_node(struct apply *a, int dev, const char *name, unsigned major, unsigned minor, struct err *e)
{
	if (mknodat(dev, name, S_IFCHR | 0666, makedev(major, minor)) < 0 || fchownat(dev, name, a->root_uid, a->root_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "make /dev/%s", name);
	return 0;
}

static const struct {
	const char *name;
	unsigned major, minor;
} dev_nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

/* Once /dev is attached: a detached mount takes no other upon it (before 6.15). */
static int borrow_nodes(int dev, const char *nodes, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(dev_nodes) && r == 0; i++)
		if (strstr(nodes, dev_nodes[i].name))
			r = borrow_node(dev, dev_nodes[i].name, e);
	return r;
}

static int fill_dev(struct apply *a, int dev, const char *nodes, struct err *e)
{
	static const char *const links[][2] = {
		{"ptmx", "pts/ptmx"}, {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};
	static const char *const dirs[] = {"pts", "shm", "mqueue"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(dev_nodes) && r == 0 && !a->facts->user_mode; i++)
		if (strstr(nodes, dev_nodes[i].name))
			r = make_node(a, dev, dev_nodes[i].name, dev_nodes[i].major, dev_nodes[i].minor, e);
	for (size_t i = 0; i < ARRAY_LEN(links) && r == 0; i++)
		if (symlinkat(links[i][1], dev, links[i][0]) < 0 || fchownat(dev, links[i][0], a->root_uid, a->root_gid, AT_SYMLINK_NOFOLLOW) < 0)
			r = err_sys(e, errno, "make /dev/%s", links[i][0]);
	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++)
		if (mkdirat(dev, dirs[i], 0755) < 0 || fchownat(dev, dirs[i], a->root_uid, a->root_gid, 0) < 0)
			r = err_sys(e, errno, "make /dev/%s", dirs[i]);
	return r;
}

/* A fresh tmpfs, always: what the image has in /dev is never used. Nodes are made here, as real root, or are the host's; the guest cannot make any. */
int step_dev(struct apply *a, const struct step *st, struct err *e)
{
	char uid[16], gid[16];
	const char *const opts[] = {"mode", "0755", "size", "512k", "uid", uid, "gid", gid, NULL};
	autoclose int dev = FD_NONE;
	autoclose int target = FD_NONE;
	int r;

	(void)snprintf(uid, sizeof(uid), "%u", a->root_uid);
	(void)snprintf(gid, sizeof(gid), "%u", a->root_gid);
	dev = mnt_new("tmpfs", opts, MNT_NOSUID | MNT_NOEXEC, NULL);
	if (dev < 0)
		return err_sys(e, dev, "make the tmpfs of /dev");
	r = mnt_attr(dev, false, 0, 0, MNT_SHARED, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "share /dev");
	r = fill_dev(a, dev, st->text[0], e);
	if (r < 0)
		return r;
	target = apply_target(a, "dev", PLAN_CREATE_DIR, e);
	if (target < 0)
		return target;
	r = mnt_attach(dev, target);
	if (r < 0)
		return err_sys(e, r, "attach /dev");
	return a->facts->user_mode ? borrow_nodes(dev, st->text[0], e) : 0;
}

int step_bind(struct apply *a, const struct step *st, struct err *e)
{
	int *source = &a->source[st->number[0] % APPLY_MAX_SOURCES];
	autoclose int target = FD_NONE;
	int r;

	if (*source < 0)
		return 0; /* optional and absent */
	r = mnt_attr(*source, true, (uint32_t)st->number[1], 0, MNT_PRIVATE, mapped_by(a));
	if (r == -EINVAL && mapped_by(a) >= 0) /* a file system without idmapped mounts: ids show up as nobody, but the files are there */
		r = mnt_attr(*source, true, (uint32_t)st->number[1], 0, MNT_PRIVATE, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "set the attributes of the mount for '/%s'", st->text[0]);
	target = apply_target(a, st->text[0], st->number[2], e);
	if (target == -ENOENT && (st->number[2] & PLAN_OPTIONAL))
		return 0;
	if (target < 0)
		return target;
	r = mnt_attach(*source, target);
	if (r < 0)
		return err_sys(e, r, "attach the mount for '/%s'", st->text[0]);
	fd_close(source);
	return 0;
}

int step_seal_stage(struct apply *a, const struct step *st, struct err *e)
{
	int r = mnt_pivot(a->stage);

	(void)st;
	return r < 0 ? err_sys(e, r, "make the stage our root") : 0;
}

/* ---- targets inside the tree ---- */

static int create_target(struct apply *a, const char *target, uint64_t create)
{
	char parent[1024];
	const char *slash = strrchr(target, '/');
	autoclose int dir = FD_NONE;
	autoclose int file = FD_NONE;

	if (create & PLAN_CREATE_DIR)
		return path_mkdirs_beneath(a->root, target, 0755);
	if (slash) {
		if ((size_t)(slash - target) >= sizeof(parent))
			return -ENAMETOOLONG;
		memcpy(parent, target, (size_t)(slash - target));
		parent[slash - target] = '\0';
		dir = path_mkdirs_beneath(a->root, parent, 0755);
	} else {
		dir = path_open_nolinks(a->root, ".", O_PATH | O_DIRECTORY, 0);
	}
	if (dir < 0)
		return dir;
	file = path_open_nolinks(dir, slash ? slash + 1 : target, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
	if (file < 0)
		return file;
	return path_open_nolinks(a->root, target, O_PATH, 0);
}

int apply_target(struct apply *a, const char *target, uint64_t create, struct err *e)
{
	int fd = path_open_nolinks(a->root, target, O_PATH, 0);

	if (fd == -ENOENT && (create & (PLAN_CREATE_DIR | PLAN_CREATE_FILE))) {
		int r = act_as_root_of(a, e);

		if (r < 0)
			return r;
		fd = create_target(a, target, create);
		act_as_host(a);
	}
	if (fd == -ENOENT && (create & PLAN_OPTIONAL))
		return fd;
	if (fd == -ELOOP) {
		(void)err_set(e, ERR_INPUT, ELOOP, "'/%s' in the container's tree leads through a symbolic link", target);
		return err_hint(e, "replace the link by a directory, or name the real path");
	}
	return fd < 0 ? err_sys(e, fd, "open '/%s' in the container's tree", target) : fd;
}
