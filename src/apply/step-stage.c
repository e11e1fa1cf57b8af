/* step-stage.c - the container's root is assembled in a mount namespace that nobody else sees.
 *
 * The stage is a small tmpfs: /root takes the container's tree, /base holds the sealed image (for our own clones and for the next monitor that needs the same
 * superblock), /proc and /sys are fully visible instances, without which the kernel would refuse fresh ones inside a user namespace. When all
 * is attached the stage becomes our root and the host's mounts are gone from here: nothing of the host is pinned, nothing can leak there. */
#include "apply/ops.h"
#include "apply/stage.h"

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

int stage_attach_on(struct apply *a, int mount, const char *name, struct err *e)
{
	autoclose int target = fd_open(a->stage, name, O_PATH | O_DIRECTORY, 0);
	int r = target < 0 ? target : mnt_attach(mount, target);

	return r < 0 ? err_sys(e, r, "attach '/%s' on the stage", name) : 0;
}

/* What the container's mounts are mapped by. In user mode its ids are ours already. */
int stage_mapped_by(const struct apply *a)
{
	return a->facts->user_mode ? FD_NONE : a->userns;
}

/* User mode: an instance of proc or sysfs belongs to a namespace of the host's and is not ours to make. Clones of the host's, with all that lies upon them,
 * show the kernel as much. */
static int attach_hosts(struct apply *a, int sys, struct err *e)
{
	autoclose int proc = mnt_clone(AT_FDCWD, "/proc", true);
	int r = proc < 0 ? err_sys(e, proc, "clone the mount of /proc") : stage_attach_on(a, proc, "proc", e);

	if (r == 0)
		a->procfs = take_fd(proc);
	return r < 0 ? r : stage_attach_on(a, sys, "sys", e);
}

static int attach_fresh(struct apply *a, const char *fstype, const char *name, int *ret_fd, struct err *e)
{
	autoclose int fd = mnt_new(fstype, NULL, 0, NULL);
	int r;

	if (fd < 0)
		return err_sys(e, fd, "make a %s mount", fstype);
	r = stage_attach_on(a, fd, name, e);
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
		r = stage_attach_on(a, a->base_mnt, "base", e);
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

int stage_act_as_root_of(struct apply *a, struct err *e)
{
	int r = a->root_uid ? caps_act_as(a->root_uid, a->root_gid) : 0;

	return r < 0 ? err_sys(e, r, "act as the container's root") : 0;
}

void stage_act_as_host(struct apply *a)
{
	if (!a->root_uid)
		return;
	(void)setfsuid(0);
	(void)setfsgid(0);
	(void)!caps_raise_effective();
}

int stage_attach_root(struct apply *a, struct err *e)
{
	int r = stage_attach_on(a, a->root, "root", e);

	return r < 0 ? err_wrap(e, "the container's root") : 0;
}

/* Whoever prepared this tree for such a container wrote the host's side of its ids to it: mapping it again would show them as nobody. */
static bool has_shifted_owner(const struct apply *a, int fd)
{
	struct stat sb;

	if (fstat(fd, &sb) < 0)
		return false;
	for (size_t i = 0; i < a->uid_maps; i++)
		if (sb.st_uid && a->uid_map[i].inside != a->uid_map[i].host && sb.st_uid >= a->uid_map[i].host &&
		    sb.st_uid - a->uid_map[i].host < a->uid_map[i].count && a->uid_map[i].host > 65535)
			return true;
	return false;
}

/* What the tree behind @fd is mapped by, as @how of ROOT says. @ret is FD_NONE when it stays as it is, else borrowed from the apply or opened into @opened. */
int stage_tree_mapped_by(struct apply *a, const char *how, int fd, int *opened, int *ret, struct err *e)
{
	*ret = stage_mapped_by(a);
	if (*ret < 0 || !how || strcmp(how, "container") == 0)
		return 0;
	if (strcmp(how, "none") == 0 || (strcmp(how, "auto") == 0 && has_shifted_owner(a, fd))) {
		*ret = FD_NONE;
	} else if (how[0] == '/') {
		*opened = fd_open(AT_FDCWD, how, O_RDONLY, 0); /* the stage hides /sys alone */
		if (*opened < 0)
			return err_sys(e, *opened, "open the user namespace '%s'", how);
		*ret = *opened;
	}
	return 0;
}

int step_root(struct apply *a, const struct step *st, struct err *e)
{
	/* without a user namespace a device node in the tree would be live: nodev belongs to the mapped case, where none can be made */
	uint32_t set = a->userns >= 0 ? MNT_NODEV : 0;
	const struct step *open = plan_find(a->plan, STEP_OPEN_PRIVATE, 0);
	bool owners = open && open->number[0]; /* with what is mounted beneath it */
	autoclose int opened = FD_NONE;
	int r, by;

	a->root = take_fd(a->private_mnt);
	r = stage_tree_mapped_by(a, st->text[0], a->root, &opened, &by, e);
	if (r < 0)
		return r;
	r = mnt_attr(a->root, owners, set, 0, MNT_SHARED, by);
	if (r == -EINVAL && by >= 0) {
		(void)err_set(e, ERR_UNSUPPORTED, EINVAL, "the file system of the container's directory%s has no idmapped mounts",
			      owners ? ", or one mounted beneath it," : "");
		return err_hint(e, "keep containers on ext4, xfs, btrfs or tmpfs");
	}
	if (r < 0)
		return err_sys(e, r, "map the container's directory");
	return stage_attach_root(a, e);
}

/* Attributes that would have been in the way until now. Read-only, it must have the directories that the child mounts on. */
int step_root_attrs(struct apply *a, const struct step *st, struct err *e)
{
	static const char *const dirs[] = {"proc", "sys", "run"};
	int r;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && (st->number[0] & MNT_RDONLY); i++) {
		struct err ignored = {0};
		autoclose int made = apply_target(a, dirs[i], PLAN_CREATE_DIR, &ignored);

		(void)made; /* what is missing the child tells */
	}
	r = mnt_attr(a->root, false, (uint32_t)st->number[0], 0, MNT_KEEP, FD_NONE);
	return r < 0 ? err_sys(e, r, "set the options of the container's root") : 0;
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
	r = mnt_attr(tree, false, MNT_RDONLY | MNT_NODEV, 0, MNT_SHARED, stage_mapped_by(a));
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

/* The tree's own /dev, where no node can be used in a user namespace: the host's are laid over them. What the child mounts on is made. */
static int keep_dev(struct apply *a, const char *nodes, struct err *e)
{
	static const char *const dirs[] = {"dev/pts", "dev/shm", "dev/mqueue"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++) {
		autoclose int made = apply_target(a, dirs[i], PLAN_CREATE_DIR, e);

		r = made < 0 ? made : 0;
	}
	for (size_t i = 0; nodes && i < ARRAY_LEN(dev_nodes) && r == 0; i++) {
		char path[32];
		autoclose int target = FD_NONE;
		autoclose int node = FD_NONE;

		(void)snprintf(path, sizeof(path), "dev/%s", dev_nodes[i].name);
		target = apply_target(a, path, PLAN_CREATE_FILE, e);
		if (target < 0)
			return target;
		(void)snprintf(path, sizeof(path), "/dev/%s", dev_nodes[i].name);
		node = mnt_clone(AT_FDCWD, path, false);
		r = node < 0 ? node : mnt_attach(node, target);
		if (r < 0)
			r = err_sys(e, r, "lay out %s", path);
	}
	return r;
}

/* A fresh tmpfs: what the image has in /dev is not used. Nodes are made here, as real root, or are the host's; the guest cannot make any. */
int step_dev(struct apply *a, const struct step *st, struct err *e)
{
	char uid[16], gid[16];
	char size[32] = "512k";
	const char *const opts[] = {"mode", "0755", "size", size, "uid", uid, "gid", gid, NULL};
	autoclose int dev = FD_NONE;
	autoclose int target = FD_NONE;
	int r;

	if (st->number[1])
		return keep_dev(a, st->text[0], e);
	if (st->number[0])
		(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)st->number[0]);
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

/* What the user said of the ids of a source, NULL when nothing. */
static const char *idmap_said(const struct apply *a, size_t slot)
{
	const struct step *open = NULL;

	for (size_t i = 0; (open = plan_find(a->plan, STEP_OPEN_SOURCE, i)) && open->number[0] != slot;)
		i = (size_t)(open - a->plan->steps) + 1;
	return open ? open->text[1] : NULL;
}

/* The ids a source is mapped by: FD_NONE when it shall stay as it is. */
static int source_mapped_by(const struct apply *a, size_t slot)
{
	const char *said = idmap_said(a, slot);

	if (said)
		return said[0] == '/' ? FD_NONE : stage_mapped_by(a); /* mapped as asked when it was opened */
	return has_shifted_owner(a, a->source[slot]) ? FD_NONE : stage_mapped_by(a);
}

/* A file system without idmapped mounts, or one mapped already, shows ids as nobody's, but the files are there. In a tree of several the top may still be mapped. */
static int prepare_source(int fd, uint32_t attrs, uint64_t propagation, int by)
{
	enum mnt_propagation events = propagation == SPEC_PROP_SLAVE ? MNT_SLAVE : MNT_PRIVATE;
	int r = mnt_attr(fd, true, attrs, 0, events, by);

	if ((r != -EINVAL && r != -EPERM) || by < 0)
		return r;
	(void)!mnt_attr(fd, false, 0, 0, MNT_KEEP, by);
	return mnt_attr(fd, true, attrs, 0, events, FD_NONE);
}

int step_bind_later(struct apply *a, const struct step *st, struct err *e)
{
	size_t slot = st->number[0] % APPLY_MAX_SOURCES;
	int fd = a->source[slot], by = idmap_said(a, slot) ? source_mapped_by(a, slot) : FD_NONE;
	int r = fd < 0 ? 0 : prepare_source(fd, (uint32_t)st->number[1], st->number[2], by);

	return r < 0 ? err_sys(e, r, "set the attributes of the mount for '/%s'", st->text[0]) : 0;
}

/* The container's root owns it, unless the options say more. */
int step_tmpfs(struct apply *a, const struct step *st, struct err *e)
{
	autodone(arena_done) struct arena arena = ARENA_INIT;
	char own[64], why[256] = "", *all;
	const char **opts = NULL;
	autoclose int fs = FD_NONE;
	int r;

	(void)snprintf(own, sizeof(own), "uid=%u,gid=%u", a->root_uid, a->root_gid);
	all = arena_printf(&arena, "%s%s%s", own, st->text[1] ? "," : "", st->text[1] ?: "");
	r = apply_split_options(&arena, all, &opts, e);
	if (r < 0)
		return r;
	fs = mnt_new("tmpfs", opts, (uint32_t)st->number[0], why);
	if (fs < 0)
		return err_sys(e, fs, "make a tmpfs mount for '/%s' (%s)", st->text[0], why[0] ? why : "no reason given");
	return apply_attach(a, fs, st->text[0], st->number[1], "", e);
}

int step_bind(struct apply *a, const struct step *st, struct err *e)
{
	size_t slot = st->number[0] % APPLY_MAX_SOURCES;
	int *source = &a->source[slot];
	int r;

	if (*source < 0)
		return 0; /* optional and absent */
	r = prepare_source(*source, (uint32_t)st->number[1], st->number[3], source_mapped_by(a, slot));
	if (r < 0)
		return err_sys(e, r, "set the attributes of the mount for '/%s'", st->text[0]);
	r = apply_attach(a, *source, st->text[0], st->number[2], "the mount for ", e);
	if (r == 0)
		fd_close(source);
	return r;
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
		int r = stage_act_as_root_of(a, e);

		if (r < 0)
			return r;
		fd = create_target(a, target, create);
		stage_act_as_host(a);
	}
	if (fd == -ENOENT && (create & PLAN_OPTIONAL))
		return fd;
	if (fd == -ELOOP) {
		(void)err_set(e, ERR_INPUT, ELOOP, "'/%s' in the container's tree leads through a symbolic link", target);
		return err_hint(e, "replace the link by a directory, or name the real path");
	}
	return fd < 0 ? err_sys(e, fd, "open '/%s' in the container's tree", target) : fd;
}

int apply_attach(struct apply *a, int mount, const char *target, uint64_t create, const char *what, struct err *e)
{
	autoclose int place = apply_target(a, target, create, e);
	int r;

	if (place == -ENOENT && (create & PLAN_OPTIONAL))
		return 0;
	if (place < 0)
		return place;
	r = mnt_attach(mount, place);
	return r < 0 ? err_sys(e, r, "attach %s'/%s'", what, target) : 0;
}
