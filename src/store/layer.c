/* layer.c - a container's private part.
 *
 * bind: a tree from the pool, one rename; else the base's skel copied. Then the directories that are mounted on, and the links of a
 * merged /usr, are completed: a container must be able to start whatever its base left out. overlay: two empty directories. copy: the
 * whole base. */
#include "base/fd.h"
#include "base/path.h"
#include "spec/spec.h"
#include "state/diskerr.h"
#include "store/copy.h"
#include "store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes directory @name with exactly @mode; one that exists stays as it is. Anything else in its place is a damaged base. */
static int ensure_dir(int root, const char *name, mode_t mode, struct err *e)
{
	struct stat st;

	if (mkdirat(root, name, mode) == 0)
		return fchmodat(root, name, mode, 0) < 0 ? err_sys(e, errno, "set the mode of '%s'", name) : 0;
	if (errno != EEXIST)
		return err_sys(e, errno, "make '%s'", name);
	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "stat '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_DAMAGED, ENOTDIR, "the base has '%s', which is not a directory", name);
	return 0;
}

static int ensure_link(int root, const char *name, const char *target, struct err *e)
{
	if (symlinkat(target, root, name) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make the link '%s'", name);
	return 0;
}

static int mount_points(int root, struct err *e)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {{"dev", 0755}, {"proc", 0555}, {"sys", 0555}, {"run", 0755}, {"tmp", 01777}, {"usr", 0755}};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++)
		r = ensure_dir(root, dirs[i].name, dirs[i].mode, e);
	return r;
}

/* /bin and the like: links into /usr, or in a base without merged /usr the places where its own are mounted. The base's skel normally
 * holds them. */
static int system_dirs(int root, const struct store_base *b, struct err *e)
{
	static const struct {
		const char *name, *target;
	} dirs[] = {{"bin", "usr/bin"}, {"sbin", "usr/sbin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"}};
	const bool has_lib64 = strcmp(b->arch, "amd64") == 0 || strcmp(b->arch, "x86_64") == 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(dirs) - !has_lib64 && r == 0; i++)
		r = b->merged_usr ? ensure_link(root, dirs[i].name, dirs[i].target, e) : ensure_dir(root, dirs[i].name, 0755, e);
	return r;
}

/* What an empty /usr/local looks like where the base's own cannot be seen from here. */
static int plain_local(int local, struct err *e)
{
	static const char *const dirs[] = {"bin", "etc", "games", "include", "lib", "sbin", "share", "share/man", "src"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++)
		r = ensure_dir(local, dirs[i], 0755, e);
	return r ?: ensure_link(local, "man", "share/man", e);
}

/* /usr/local is the container's own: from the skel if that has one, else as it is in the base. */
static int usr_local(const struct store *s, const struct store_base *b, int base_mount, int root, struct err *e)
{
	autoclose int usr = path_open_beneath(root, "usr", O_PATH | O_DIRECTORY, 0);
	autoclose int local = FD_NONE;
	autoclose int from = FD_NONE;
	struct copy_result ignored;

	if (usr < 0)
		return err_sys(e, usr, "open 'usr'");
	if (mkdirat(usr, "local", 0700) < 0)
		return errno == EEXIST ? ensure_dir(usr, "local", 0755, e) : err_sys(e, errno, "make 'usr/local'");
	local = path_open_beneath(usr, "local", O_RDONLY | O_DIRECTORY, 0);
	if (local < 0)
		return err_sys(e, local, "open 'usr/local'");
	if (base_mount >= 0) {
		from = path_open_nolinks(base_mount, "usr/local", O_RDONLY | O_DIRECTORY, 0);
	} else if (strcmp(b->seal, "tree") == 0) {
		autoclose int dir = store_base_open(s, b, e);

		if (dir < 0)
			return dir;
		from = path_open_beneath(dir, "tree/usr/local", O_RDONLY | O_DIRECTORY, 0);
	}
	if (from >= 0)
		return copy_tree(from, local, &ignored, e);
	if (fchmod(local, 0755) < 0)
		return err_sys(e, errno, "set the mode of 'usr/local'");
	return plain_local(local, e);
}

int layer_fill(const struct store *s, const struct store_base *b, int base_mount, int root, bool *ret_reflinked, struct err *e)
{
	autoclose int dir = store_base_open(s, b, e);
	autoclose int skel = FD_NONE;
	struct copy_result copied = {0};
	int r;

	if (dir < 0)
		return dir;
	skel = path_open_beneath(dir, "skel", O_RDONLY | O_DIRECTORY, 0);
	if (skel < 0) {
		(void)err_set(e, ERR_DAMAGED, skel, "base '%s@%s' has no skel", b->name, b->version);
		return err_hint(e, "coppice base verify %s", b->name);
	}
	r = copy_tree(skel, root, &copied, e);
	r = r ?: mount_points(root, e);
	r = r ?: system_dirs(root, b, e);
	r = r ?: usr_local(s, b, base_mount, root, e);
	if (r == 0)
		*ret_reflinked = copied.reflinked;
	return r;
}

static int open_new_dir(int dir, const char *name, struct err *e)
{
	int fd;

	if (mkdirat(dir, name, 0700) < 0)
		return err_sys(e, errno, "make '%s'", name);
	fd = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? err_sys(e, fd, "open '%s'", name) : fd;
}

static int make_bind(const struct store *s, const struct store_base *b, int base_mount, int ct_dir, const char **ret_how, struct err *e)
{
	autoclose int root = FD_NONE;
	bool reflinked = false;
	int r;

	/* The pool is a cache: whatever is wrong with it, the skel is there. */
	if (pool_take(s, b->version, ct_dir, "private") == 0) {
		*ret_how = "pool";
		return 0;
	}
	root = open_new_dir(ct_dir, "private", e);
	if (root < 0)
		return root;
	r = layer_fill(s, b, base_mount, root, &reflinked, e);
	if (r < 0)
		(void)!path_remove_tree(ct_dir, "private");
	else
		*ret_how = reflinked ? "reflink" : "copy";
	return r;
}

static int make_copy(int base_mount, int ct_dir, const char **ret_how, struct err *e)
{
	autoclose int root = open_new_dir(ct_dir, "private", e);
	struct copy_result copied = {0};
	int r;

	if (root < 0)
		return root;
	r = copy_tree(base_mount, root, &copied, e);
	r = r ?: mount_points(root, e);
	if (r < 0)
		(void)!path_remove_tree(ct_dir, "private");
	else
		*ret_how = copied.reflinked ? "reflink" : "copy";
	return r;
}

static int make_overlay(int ct_dir, const char **ret_how, struct err *e)
{
	int r = ensure_dir(ct_dir, "upper", 0755, e);

	r = r ?: ensure_dir(ct_dir, "work", 0700, e);
	*ret_how = "empty";
	return r;
}

int store_layer_make(const struct store *s, const struct store_base *b, int mode, int base_mount, int ct_dir,
		     const char **ret_how, struct err *e)
{
	const char *how = "empty";
	int r = 0;

	if (mode == SPEC_BIND)
		r = make_bind(s, b, base_mount, ct_dir, &how, e);
	else if (mode == SPEC_COPY && base_mount >= 0)
		r = make_copy(base_mount, ct_dir, &how, e);
	else if (mode == SPEC_OVERLAY)
		r = make_overlay(ct_dir, &how, e);
	else if (mode != SPEC_EPHEMERAL)
		return err_set(e, ERR_INTERNAL, EINVAL, "mode %d has no private part", mode);
	if (r == -ENOSPC || r == -EDQUOT || r == -EROFS)
		(void)err_hint(e, "df -h --output=avail,iavail,target %s", s->root);
	if (r < 0)
		return err_wrap(e, "make the private part");
	*ret_how = how;
	return 0;
}
