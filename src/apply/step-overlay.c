/* step-overlay.c - overlays: of the base and a private layer, of the user's own directories as the root, or as a mount inside it.
 *
 * Layers are detached mounts, mapped and made read-only before anybody sees them; upper and work directory lie on one, as the kernel wants it. */
#include "apply/ops.h"
#include "apply/shared.h"
#include "apply/stage.h"

#include "base/fd.h"
#include "base/path.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The upper layer of ephemeral containers. */
static int make_memory_layer(struct apply *a, uint64_t bytes, struct err *e)
{
	char size[32];
	const char *const opts[] = {"mode", "0755", "size", size, NULL};

	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	a->private_mnt = mnt_new("tmpfs", opts, 0, NULL);
	if (a->private_mnt < 0)
		return err_sys(e, a->private_mnt, "make the ephemeral file system");
	if (mkdirat(a->private_mnt, "upper", 0755) < 0 || mkdirat(a->private_mnt, "work", 0755) < 0)
		return err_sys(e, errno, "lay out the ephemeral file system");
	/* tmpfs before 6.3 cannot be idmapped; it is gone at stop, so the host's ids may be written to it */
	if (stage_mapped_by(a) >= 0 && !a->facts->idmap_tmpfs &&
	    (fchownat(a->private_mnt, "upper", a->root_uid, a->root_gid, 0) < 0 || fchownat(a->private_mnt, "work", a->root_uid, a->root_gid, 0) < 0))
		return err_sys(e, errno, "own the ephemeral file system");
	return 0;
}

/* The user's own upper and work directory, as LXC makes them. The work directory is the kernel's. */
static int make_own_layer(struct apply *a, const char *upper, const char *work, struct err *e)
{
	if ((mkdirat(a->private_mnt, upper, 0755) < 0 && errno != EEXIST) || (mkdirat(a->private_mnt, work, 0755) < 0 && errno != EEXIST))
		return err_sys(e, errno, "make the upper and the work directory '%s' and '%s'", upper, work);
	return 0;
}

/* upper and work: in the container's directory, or on a tmpfs of their own. 1 when they are mapped. */
static int open_upper(struct apply *a, const struct step *st, int *ret_upper, int *ret_work, struct err *e)
{
	const char *upper = st->text[0] ?: "upper", *work = st->text[1] ?: "work";
	uint64_t tmpfs_size = st->number[0];
	autoclose int opened = FD_NONE;
	autoclose int place = FD_NONE;
	int r, by = stage_mapped_by(a);

	r = tmpfs_size ? make_memory_layer(a, tmpfs_size, e) : st->text[0] ? make_own_layer(a, upper, work, e) : 0;
	if (r < 0)
		return r;
	if (tmpfs_size && !a->facts->idmap_tmpfs)
		by = FD_NONE;
	place = path_open_beneath(a->private_mnt, upper, O_PATH | O_DIRECTORY, 0);
	if (place >= 0 && st->text[2])
		r = stage_tree_mapped_by(a, st->text[2], place, &opened, &by, e);
	if (r < 0)
		return r;
	if (by >= 0) {
		r = mnt_attr(a->private_mnt, false, 0, 0, MNT_PRIVATE, by);
		if (r < 0)
			return err_sys(e, r, "map the private layer");
	}
	*ret_upper = path_open_beneath(a->private_mnt, upper, O_PATH | O_DIRECTORY, 0);
	*ret_work = path_open_beneath(a->private_mnt, work, O_PATH | O_DIRECTORY, 0);
	if (*ret_upper < 0 || *ret_work < 0)
		return err_sys(e, *ret_upper < 0 ? *ret_upper : *ret_work, "open the private layer");
	return by >= 0 ? 1 : 0;
}

/* Layers of an overlay to be: all borrowed. */
struct layers {
	const int *lower;
	size_t count;
	int whole;       /* mount that upper and work lie on */
	int upper, work; /* FD_NONE = a read-only overlay */
	bool mapped;     /* the upper layer is */
	bool is_volatile;
};

/* Before 6.15 overlay takes its layers only from mounts that are attached somewhere in our namespace: clone_private_mount() refuses others with EINVAL. */
static int attach_layers(struct apply *a, const struct layers *l, struct err *e)
{
	char name[16];

	if (mkdirat(a->stage, "upper", 0700) < 0)
		return err_sys(e, errno, "make room for the layers");
	for (size_t i = 0; i < l->count; i++) {
		(void)snprintf(name, sizeof(name), "lower%zu", i);
		if (mkdirat(a->stage, name, 0700) < 0)
			return err_sys(e, errno, "make room for the layers");
		if (stage_attach_on(a, l->lower[i], name, e) < 0)
			return err_wrap(e, "the overlay's layers");
	}
	if (l->whole >= 0 && stage_attach_on(a, l->whole, "upper", e) < 0)
		return err_wrap(e, "the overlay's layers");
	return 0;
}

/* The overlay has clones of its own. What cannot be detached goes with the stage. */
static void detach_layers(struct apply *a, const struct layers *l)
{
	char name[16] = "upper";

	for (size_t i = 0; i <= l->count; i++) {
		(void)!mnt_detach(a->stage, name);
		(void)unlinkat(a->stage, name, AT_REMOVEDIR);
		(void)snprintf(name, sizeof(name), "lower%zu", i);
	}
}

/* Overlay does its own writing with the credentials of whoever mounts it; through an idmapped upper that must be an id inside the map, or the kernel falls
 * back to a read-only overlay. */
static int try_overlay(struct apply *a, const struct layers *l, struct err *e)
{
	char why[256] = "";
	int fd, r = l->mapped ? stage_act_as_root_of(a, e) : 0;

	if (r < 0)
		return r;
	fd = mnt_overlay(l->lower, l->count, l->upper, l->work,
			 (l->is_volatile ? MNT_OVERLAY_VOLATILE : 0) | (a->facts->user_mode ? MNT_OVERLAY_USERXATTR : 0), why);
	stage_act_as_host(a);
	return fd < 0 ? err_sys(e, fd, "mount the overlay (%s)", why[0] ? why : "no reason given") : fd;
}

static int mount_overlay(struct apply *a, const struct layers *l, struct err *e)
{
	int fd = try_overlay(a, l, e);

	if (fd != -EINVAL)
		return fd;
	err_clear(e);
	fd = attach_layers(a, l, e);
	if (fd == 0)
		fd = try_overlay(a, l, e);
	detach_layers(a, l);
	return fd;
}

/* The base, or the user's own directories: read-only whoever looks, and with the container's ids. */
static int map_lowers(struct apply *a, const char *how, struct err *e)
{
	if (a->lower_count == 0) {
		a->lower[0] = mnt_clone(a->base_mnt, "", false);
		if (a->lower[0] < 0)
			return err_sys(e, a->lower[0], "clone the base");
		a->lower_count = 1;
	}
	for (size_t i = 0; i < a->lower_count; i++) {
		autoclose int opened = FD_NONE;
		int by, r = stage_tree_mapped_by(a, how, a->lower[i], &opened, &by, e);

		if (r < 0)
			return r;
		r = mnt_attr(a->lower[i], false, MNT_RDONLY | MNT_NODEV, 0, MNT_PRIVATE, by);
		if (r < 0)
			return err_sys(e, r, "map layer %zu below the overlay", i + 1);
	}
	return 0;
}

int step_root_overlay(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int upper = FD_NONE;
	autoclose int work = FD_NONE;
	struct layers l = {.lower = a->lower, .is_volatile = st->number[1] != 0};
	int mapped, r = l.is_volatile ? 0 : shared_none_left(a, e);

	if (r == 0)
		r = map_lowers(a, st->text[2], e);
	if (r < 0)
		return r;
	mapped = open_upper(a, st, &upper, &work, e);
	if (mapped < 0)
		return mapped;
	l.count = a->lower_count;
	l.whole = a->private_mnt;
	l.upper = upper;
	l.work = work;
	l.mapped = mapped;
	a->root = mount_overlay(a, &l, e);
	if (a->root < 0)
		return a->root;
	r = mnt_attr(a->root, false, a->userns >= 0 ? MNT_NODEV : 0, 0, MNT_SHARED, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "share the overlay");
	fd_close(&a->private_mnt);
	for (size_t i = 0; i < a->lower_count; i++)
		fd_close(&a->lower[i]);
	return stage_attach_root(a, e);
}

/* What an overlay entry says of its layers. */
struct entry_layers {
	int lower[APPLY_MAX_LOWERS];
	size_t count;
	const char *upper, *work;
};

static void close_lowers(struct entry_layers *l)
{
	for (size_t i = 0; i < l->count; i++)
		fd_close(&l->lower[i]);
}

/* "/a:/b", top first, each mapped unless its owner is shifted already. */
static int open_lowers(struct apply *a, char *list, struct entry_layers *l, struct err *e)
{
	char *save = NULL;

	for (char *path = strtok_r(list, ":", &save); path; path = strtok_r(NULL, ":", &save)) {
		autoclose int dir = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
		autoclose int opened = FD_NONE;
		int by, fd = l->count == ARRAY_LEN(l->lower) ? -E2BIG : dir < 0 ? dir : mnt_clone(dir, "", false), r;

		if (fd < 0)
			return err_sys(e, fd, "open the lower directory '%s'", path);
		l->lower[l->count++] = fd;
		r = stage_tree_mapped_by(a, "auto", fd, &opened, &by, e);
		if (r < 0)
			return r;
		r = mnt_attr(fd, false, MNT_RDONLY, 0, MNT_PRIVATE, by);
		if (r < 0)
			return err_sys(e, r, "map the lower directory '%s'", path);
	}
	return l->count ? 0 : err_set(e, ERR_INPUT, EINVAL, "an overlay has one directory below at least (lowerdir=)");
}

static int read_layers(struct apply *a, const char **opts, char *text, size_t size, struct entry_layers *l, struct err *e)
{
	for (; *opts; opts += 2) {
		const char *value = opts[1] ?: "";

		if (strcmp(*opts, "upperdir") == 0)
			l->upper = value;
		else if (strcmp(*opts, "workdir") == 0)
			l->work = value;
		else if (strcmp(*opts, "lowerdir") == 0 && (size_t)snprintf(text, size, "%s", value) >= size)
			return err_set(e, ERR_INPUT, ENAMETOOLONG, "the list of lower directories is too long");
	}
	if (l->upper && !l->work)
		return err_set(e, ERR_INPUT, EINVAL, "an overlay with upperdir= needs workdir=, on the same file system");
	return open_lowers(a, text, l, e);
}

/* How much of @x and @y is the path of the same directory; at least 1, the slash of the root. */
static size_t common_directory(const char *x, const char *y)
{
	size_t end = 1;

	for (size_t i = 0; x[i] && x[i] == y[i]; i++)
		if (x[i] == '/' && i > 0)
			end = i;
	return end;
}

/* upper and work by their host paths: on one clone, for overlay wants them on one mount. */
static int open_entry_upper(struct apply *a, const struct entry_layers *el, struct layers *l, int fds[3], struct err *e)
{
	char parent[1024];
	size_t len = common_directory(el->upper, el->work);
	autoclose int opened = FD_NONE;
	autoclose int dir = FD_NONE;
	int by, r;

	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(len < sizeof(parent) ? len : sizeof(parent) - 1), el->upper);
	dir = fd_open(AT_FDCWD, parent, O_PATH | O_DIRECTORY, 0);
	fds[0] = dir < 0 ? dir : mnt_clone(dir, "", false);
	if (fds[0] < 0)
		return err_sys(e, fds[0], "open '%s', which upperdir= and workdir= lie in", parent);
	for (int i = 1; i <= 2; i++) {
		fds[i] = path_open_beneath(fds[0], (i == 1 ? el->upper : el->work) + len, O_PATH | O_DIRECTORY, 0);
		if (fds[i] < 0)
			return err_sys(e, fds[i], "open '%s'", i == 1 ? el->upper : el->work);
	}
	r = stage_tree_mapped_by(a, "auto", fds[1], &opened, &by, e);
	if (r < 0)
		return r;
	r = mnt_attr(fds[0], false, 0, 0, MNT_PRIVATE, by);
	if (r < 0)
		return err_sys(e, r, "map the upper directory '%s'", el->upper);
	l->mapped = by >= 0;
	l->whole = fds[0];
	l->upper = fds[1];
	l->work = fds[2];
	return 0;
}

static int make_entry_overlay(struct apply *a, const char *options, struct err *e)
{
	autodone(arena_done) struct arena arena = ARENA_INIT;
	autodone(close_lowers) struct entry_layers el = {.count = 0};
	char lower[4096] = "";
	const char **opts = NULL;
	int fds[3] = {FD_NONE, FD_NONE, FD_NONE}, r = apply_split_options(&arena, options, &opts, e);
	struct layers l = {.lower = el.lower, .whole = FD_NONE, .upper = FD_NONE, .work = FD_NONE};

	if (r == 0)
		r = read_layers(a, opts, lower, sizeof(lower), &el, e);
	if (r == 0 && el.upper)
		r = open_entry_upper(a, &el, &l, fds, e);
	l.count = el.count;
	if (r == 0)
		r = mount_overlay(a, &l, e);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(&fds[i]);
	return r;
}

int step_overlay(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int fs = make_entry_overlay(a, st->text[1], e);
	int r;

	if (fs < 0 && (st->number[1] & PLAN_OPTIONAL)) {
		err_clear(e);
		return 0;
	}
	if (fs < 0)
		return err_wrap(e, "the overlay for '/%s'", st->text[0]);
	r = mnt_attr(fs, false, (uint32_t)st->number[0] | (a->userns >= 0 ? MNT_NODEV : 0), 0, MNT_PRIVATE, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "set the attributes of the overlay for '/%s'", st->text[0]);
	return apply_attach(a, fs, st->text[0], st->number[1], "", e);
}
