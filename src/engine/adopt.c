/* adopt.c - a tree that shares by hand becomes one that shares by a base.
 *
 * The 2013 recipe moves bin, lib, lib64, sbin and usr of a system into `common`, leaves links in their place, copies the rest for every container and binds `common` into each.
 * Here the tree is put together again in a copy: what `common` holds goes where the links stand. The copy is built into a base; then what is not shared moves out of
 * the copy into the private part of a new container, which at last takes the original's name. The original is only read until then, and renamed. */
#include "engine/storage.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARED ".common"

struct adopting {
	struct coppice *c;
	const struct coppice_adopt *o;
	struct coppice_adopted *ret;
	bool directory;
	char name[64], original[64], making[64], base[64];
	char tree[512], common[512]; /* the tree as it is; its shared part, "" = it has none */
	char ct_dir[400];            /* of the container, "" for a directory */
	struct buf config;
	int work, copy;              /* .staging/NAME, and the tree put together in it */
};

static void step(const struct adopting *a, const char *phase)
{
	if (a->o->progress)
		a->o->progress(a->o->progress_data, phase, -1, "");
}

/* ---- where the shared part is ---- */

struct line_of {
	struct adopting *a;
	struct buf *out;
};

/* An fstab line's target is a path in the tree, absolute on the host or not. */
static bool is_target(const struct adopting *a, const char *target, const char *name)
{
	if (path_is_below(target, a->tree))
		target += strlen(a->tree);
	while (*target == '/')
		target++;
	return strncmp(target, name, strlen(name)) == 0 && strchr("/", target[strlen(name)]);
}

/* Line "SOURCE TARGET ...": that of the shared part is remembered and dropped, one of the tree's own /dev dropped, others are kept. */
static void take_entry(struct adopting *a, const char *line, struct buf *out)
{
	char source[512], target[512];
	const char *at = line;

	if (line[strspn(line, " \t")] == '#' || !lines_word(&at, source, sizeof(source)) || !lines_word(&at, target, sizeof(target)))
		return;
	if (is_target(a, target, "common") && source[0] == '/') {
		if (!a->common[0])
			(void)snprintf(a->common, sizeof(a->common), "%s", source);
		return;
	}
	if (!(is_target(a, target, "dev") && source[0] == '/' && strcmp(source, "/dev") != 0))
		lines_add(out, "lxc.mount.entry", line);
}

static void take_fstab(struct adopting *a, const char *path, struct buf *out)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char *save = NULL;

	if (fd < 0 || fd_read_regular(fd, &text, 1 << 20) < 0 || !text.len)
		return;
	for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_entry(a, line, out);
}

static int take_mount(void *data, const char *key, const char *value)
{
	struct line_of *l = data;

	if (strcmp(key, "lxc.mount.entry") == 0)
		take_entry(l->a, value, l->out);
	else if (strcmp(key, "lxc.mount.fstab") == 0 || strcmp(key, "lxc.mount") == 0)
		take_fstab(l->a, value, l->out);
	return 0;
}

/* The old config without what made the tree, its table of mounts written out. */
static int clean_config(struct adopting *a, struct err *e)
{
	autodone(buf_done) struct buf mounts = BUF_INIT;
	struct line_of l = {.a = a, .out = &mounts};
	static const char *const gone[] = {"lxc.rootfs.path", "lxc.rootfs",	 "lxc.rootfs.backend", "lxc.rootfs.mount", "lxc.rootfs.managed", "lxc.rootfs.options",
					   "lxc.mount.entry", "lxc.mount.fstab", "lxc.mount"};

	(void)lines_each(buf_str(&a->config), take_mount, &l);
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		lines_drop(&a->config, gone[i], NULL);
	if (mounts.len) {
		lines_add(&a->config, "lxc.rootfs.mount", a->tree); /* targets may begin with it */
		buf_add(&a->config, mounts.data, mounts.len);
	}
	return buf_failed(&a->config) ? err_set(e, ERR_SYSTEM, ENOMEM, "out of memory") : 0;
}

/* "common/bin", "/common/bin": into the name behind. */
static bool leads_to_common(int dir, const char *name, char ret[256])
{
	char target[512];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
	const char *at = target;

	if (n <= 0)
		return false;
	target[n] = '\0';
	while (*at == '/' || strncmp(at, "./", 2) == 0)
		at += *at == '/' ? 1 : 2;
	if (strncmp(at, "common/", 7) != 0 || !at[7] || strchr(at + 7, '/') || strlen(at + 7) >= 256)
		return false;
	(void)snprintf(ret, 256, "%s", at + 7);
	return true;
}

static size_t count_links(int dir)
{
	autoclosedir DIR *d = fd_open_dir(dir, ".", 0);
	struct dirent *ent;
	size_t count = 0;
	char name[256];

	while (d && (ent = readdir(d)))
		count += leads_to_common(dir, ent->d_name, name);
	return count;
}

static bool holds_something(const char *path)
{
	autoclosedir DIR *d = fd_open_dir(AT_FDCWD, path, 0);
	struct dirent *ent;
	bool found = false;

	while (d && !found && (ent = readdir(d)))
		found = ent->d_name[0] != '.';
	return found;
}

/* What was said, what the config binds there, what is there: mounted or plain. */
static int find_common(struct adopting *a, int tree, struct err *e)
{
	char there[600];

	(void)snprintf(there, sizeof(there), "%s/common", a->tree);
	if (a->o->common)
		(void)snprintf(a->common, sizeof(a->common), "%s", a->o->common);
	else if (holds_something(there))
		(void)snprintf(a->common, sizeof(a->common), "%s", there);
	if (!count_links(tree)) {
		a->common[0] = '\0';
		return 0;
	}
	if (a->common[0] && holds_something(a->common))
		return 0;
	(void)err_set(e, ERR_MISSING, ENOENT, "the links in '%s' lead to 'common', and there is nothing%s%s", a->tree, a->common[0] ? " in " : "", a->common);
	return err_hint(e, "coppice adopt %s --common DIRECTORY", a->o->what);
}

/* ---- the tree put together ---- */

static int copy_into(int from, int parent, const char *name, const char *what, struct err *e)
{
	autoclose int to = FD_NONE;
	int r;

	if (mkdirat(parent, name, 0700) < 0)
		return err_sys(e, errno, "make '%s'", name);
	to = fd_open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = to < 0 ? err_sys(e, to, "open '%s'", name) : store_copy_tree(from, to, NULL, NULL, e);
	return r < 0 ? err_wrap(e, "copy '%s'", what) : 0;
}

/* Each link gives way to the directory it led to. */
static int resolve_links(int copy, int shared, struct err *e)
{
	autoclosedir DIR *d = fd_open_dir(copy, ".", 0);
	struct dirent *ent;
	char name[256];
	int r = 0;

	if (!d)
		return err_sys(e, errno, "read the copy of the tree");
	while (r == 0 && (ent = readdir(d))) {
		struct stat st;

		if (!leads_to_common(copy, ent->d_name, name) || fstatat(shared, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (unlinkat(copy, ent->d_name, 0) < 0 || renameat(shared, name, copy, ent->d_name) < 0)
			r = err_sys(e, errno, "put '%s' in the place of its link", ent->d_name);
	}
	return r;
}

static int put_together(struct adopting *a, struct err *e)
{
	autoclose int tree = fd_open(AT_FDCWD, a->tree, O_RDONLY | O_DIRECTORY, 0);
	autoclose int from = FD_NONE;
	autoclose int shared = FD_NONE;
	int r = tree < 0 ? err_sys(e, tree, "open '%s'", a->tree) : find_common(a, tree, e);

	if (r < 0)
		return r;
	step(a, "copy");
	r = copy_into(tree, a->work, "tree", a->tree, e);
	if (r < 0)
		return r;
	a->copy = fd_open(a->work, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (a->copy < 0)
		return err_sys(e, a->copy, "open the copy of '%s'", a->tree);
	if (!a->common[0])
		return 0;
	from = fd_open(AT_FDCWD, a->common, O_RDONLY | O_DIRECTORY, 0);
	if (from < 0)
		return err_sys(e, from, "open the shared part '%s'", a->common);
	r = copy_into(from, a->copy, SHARED, a->common, e);
	if (r < 0)
		return r;
	shared = fd_open(a->copy, SHARED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = shared < 0 ? err_sys(e, shared, "open the copy of '%s'", a->common) : resolve_links(a->copy, shared, e);
	if (r < 0)
		return r;
	r = path_remove_tree(a->copy, "common");
	/* what no link led to stays reachable under its old name */
	if (r == 0 && unlinkat(a->copy, SHARED, AT_REMOVEDIR) < 0 && renameat(a->copy, SHARED, a->copy, "common") < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "put the tree together") : 0;
}

/* ---- base and container ---- */

static int build_base(struct adopting *a, struct coppice_base *ret, struct err *e)
{
	char from[600];
	struct coppice_base_build o = {.name = a->base, .from = from, .seal = "auto", .progress = a->o->progress, .progress_data = a->o->progress_data};
	uint64_t files;
	int r = store_tree_usage(a->copy, &a->ret->before, &files);

	(void)snprintf(from, sizeof(from), "%s/.staging/%s/tree", a->c->lxcpath, a->making);
	return r < 0 ? err_sys(e, r, "measure the tree") : coppice_base_build(a->c, &o, ret, e);
}

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at; at += strcspn(at, " "), at += *at == ' ')
		if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static int move_entry(int from, int to, const char *name)
{
	int r = path_remove_tree(to, name);

	return r < 0 ? r : renameat(from, name, to, name) < 0 ? -errno : 0;
}

/* Of usr only what is the machine's own. */
static int move_local(int from, int to)
{
	autoclose int usr = fd_open(from, "usr", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	autoclose int own = fd_open(to, "usr", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	struct stat st;

	if (usr < 0 || own < 0 || fstatat(usr, "local", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return move_entry(usr, own, "local");
}

/* What is not shared moves from the copy into the private part. */
static int move_private(const struct adopting *a, int private, const char *common, struct err *e)
{
	autoclosedir DIR *d = fd_open_dir(a->copy, ".", 0);
	struct dirent *ent;
	int r = 0;

	if (!d)
		return err_sys(e, errno, "read the copy of '%s'", a->tree);
	while (r == 0 && (ent = readdir(d))) {
		struct stat st;

		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0 || in_list(common, ent->d_name) || in_list("dev proc sys run tmp usr", ent->d_name))
			continue;
		/* links into the shared part are the base's: it may have merged bin into usr */
		if (fstatat(a->copy, ent->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && in_list("bin lib lib32 lib64 libx32 sbin", ent->d_name))
			continue;
		r = move_entry(a->copy, private, ent->d_name);
		if (r < 0)
			(void)err_sys(e, r, "move '%s' into the private part", ent->d_name);
	}
	if (r == 0) {
		r = move_local(a->copy, private);
		if (r < 0)
			(void)err_sys(e, r, "move 'usr/local' into the private part");
	}
	return r;
}

static int fill_private(struct adopting *a, const char *name, struct err *e)
{
	autoclose int dir = state_dir(&a->c->state, name);
	autoclose int private = dir < 0 ? dir : fd_open(dir, "private", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	struct store_base base;
	char ref[160];
	uint64_t files;
	int r;

	if (private < 0)
		return err_sys(e, private, "open the private part of '%s'", name);
	(void)snprintf(ref, sizeof(ref), "%s@%s", a->ret->base, a->ret->version);
	r = store_base_find(&a->c->store, ref, &base, e);
	if (r == 0)
		r = move_private(a, private, base.common[0] ? base.common : "usr", e);
	if (r == 0) {
		r = store_tree_usage(private, &a->ret->private, &files);
		if (r == 0 && syncfs(private) < 0)
			r = -errno;
		if (r < 0)
			(void)err_sys(e, r, "write the private part out");
	}
	return r;
}

static int make_container(struct adopting *a, const char *name, struct err *e)
{
	char ref[160];
	struct coppice_create o = {.base = ref, .name = name, .mode = "bind", .config = buf_str(&a->config)};
	int r;

	(void)snprintf(ref, sizeof(ref), "%s@%s", a->ret->base, a->ret->version);
	step(a, "container");
	r = coppice_create(a->c, &o, e);
	if (r == 0) {
		struct coppice_destroy undo = {.force = true};
		struct err ignored = {0};

		r = fill_private(a, name, e);
		if (r < 0)
			(void)coppice_destroy(a->c, name, &undo, &ignored);
	}
	return r < 0 ? r : 0;
}

/* ---- names ---- */

static bool exists(struct coppice *c, const char *name)
{
	autoclose int dir = state_dir(&c->state, name);

	return dir >= 0;
}

/* The new one takes the name. An earlier adopt that was killed between the two is ended by the first lines of coppice_adopt(). */
static int take_name(struct adopting *a, const char *made, struct err *e)
{
	int r = engine_rename(a->c, a->name, a->original, true, e);

	if (r == 0)
		r = engine_rename(a->c, made, a->name, true, e);
	return r;
}

static int work_on(struct adopting *a, struct err *e)
{
	struct coppice_base base = {.name = ""};
	char made[64];
	int r;

	(void)snprintf(made, sizeof(made), "%s%s", a->name, a->directory ? "" : "-adopted");
	if (exists(a->c, made)) {
		struct coppice_destroy old = {.snapshots = true};

		if (a->directory)
			return err_set(e, ERR_EXISTS, EEXIST, "a container '%s' exists already; --name says another", made);
		r = coppice_destroy(a->c, made, &old, e); /* of an adopt that was killed */
		if (r < 0)
			return r;
	}
	a->work = state_create_begin(&a->c->state, a->making, e);
	if (a->work < 0)
		return a->work;
	r = put_together(a, e);
	if (r == 0)
		r = build_base(a, &base, e);
	if (r >= 0) {
		(void)snprintf(a->ret->base, sizeof(a->ret->base), "%s", base.name);
		(void)snprintf(a->ret->version, sizeof(a->ret->version), "%s", base.version);
		a->ret->common = base.common_bytes;
		r = make_container(a, made, e);
	}
	state_create_abort(&a->c->state, a->making);
	if (r == 0 && !a->directory)
		r = take_name(a, made, e);
	return r;
}

/* ---- what is adopted ---- */

static int read_container(struct adopting *a, struct err *e)
{
	autoclose int lock = FD_NONE;
	autoclose int dir = FD_NONE;
	struct root root;
	int r = engine_find(a->c, a->name, e);

	if (r < 0)
		return r;
	(void)snprintf(a->ct_dir, sizeof(a->ct_dir), "%s/%s", a->c->lxcpath, a->name);
	lock = engine_lock_stopped(a->c, a->name, "adopt", false, "coppice stop", e);
	if (lock < 0)
		return lock;
	dir = state_dir(&a->c->state, a->name);
	r = dir < 0 ? err_sys(e, dir, "open '%s'", a->ct_dir) : clones_none(dir, a->ct_dir, e);
	if (r == 0)
		r = storage_config(dir, &a->config, e);
	if (r < 0)
		return r;
	root_parse(buf_str(&a->config), &root);
	if (root.kind == ROOT_BASE)
		return err_set(e, ERR_STATE, EALREADY, "it is on base '%s' already", root.base);
	if (root.kind != ROOT_DIR && root.kind != ROOT_BTRFS) {
		(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its root is no directory, and has to be copied into one first");
		return err_hint(e, "lxc-copy -P %s -n %s -N %.40s-dir -B dir", a->c->lxcpath, a->name, a->name);
	}
	if (!storage_is_empty(dir, "snaps"))
		return err_set(e, ERR_STATE, EBUSY, "it has snapshots, which belong to its present root");
	if (exists(a->c, a->original))
		return err_set(e, ERR_EXISTS, EEXIST, "'%s' is still there from an earlier adopt; coppice adopt --purge %s removes it", a->original, a->name);
	(void)snprintf(a->tree, sizeof(a->tree), "%s", root.path);
	return 0;
}

static int read_directory(struct adopting *a, struct err *e)
{
	const char *slash;
	size_t len;

	(void)snprintf(a->tree, sizeof(a->tree), "%s", a->o->what);
	for (len = strlen(a->tree); len > 1 && a->tree[len - 1] == '/'; len--)
		a->tree[len - 1] = '\0';
	slash = strrchr(a->tree, '/');
	if (!a->o->as && (!parse_is_name(slash + 1) || strlen(slash + 1) > 48))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no name for a container; --name says one", slash + 1);
	(void)snprintf(a->name, sizeof(a->name), "%s", a->o->as ?: slash + 1);
	return engine_check_name(a->name, e);
}

/* The original of an earlier adopt. 1 when that was all that was asked. */
static int purge_kept(struct adopting *a, struct err *e)
{
	struct coppice_destroy o = {.snapshots = true};
	int r;

	if (!a->o->purge || a->directory || !exists(a->c, a->original) || !exists(a->c, a->name))
		return 0;
	r = coppice_destroy(a->c, a->original, &o, e);
	(void)snprintf(a->ret->original, sizeof(a->ret->original), "%s", a->original);
	return r < 0 ? r : 1;
}

static int purge_new(struct adopting *a, struct err *e)
{
	struct root root = {.kind = ROOT_DIR, .managed = true};
	struct coppice_destroy o = {.snapshots = true};

	if (!a->directory)
		return coppice_destroy(a->c, a->original, &o, e);
	(void)snprintf(root.path, sizeof(root.path), "%s", a->tree);
	return storage_remove_root(a->c, a->name, a->c->lxcpath, &root, e);
}

static int prepare(struct adopting *a, struct err *e)
{
	const struct coppice_adopt *o = a->o;
	int r = engine_state(a->c, e);

	a->directory = o->what[0] == '/';
	if (r == 0)
		r = engine_store(a->c, e);
	if (r == 0 && o->base)
		r = engine_check_name(o->base, e);
	if (r == 0 && a->directory)
		r = read_directory(a, e);
	else if (r == 0 && (o->as || strlen(o->what) > 48))
		r = err_set(e, ERR_INPUT, EINVAL, o->as ? "--name goes with a directory: a container keeps its name" : "the name is too long to keep the original beside it");
	else if (r == 0)
		(void)snprintf(a->name, sizeof(a->name), "%s", o->what);
	if (r < 0)
		return r;
	(void)snprintf(a->original, sizeof(a->original), "%.50s-original", a->name);
	(void)snprintf(a->making, sizeof(a->making), "%.50s-adopting", a->name);
	(void)snprintf(a->base, sizeof(a->base), "%s", o->base ?: a->name);
	return 0;
}

static int adopt(struct adopting *a, struct err *e)
{
	char made[64];
	int r = prepare(a, e);

	if (r < 0)
		return r;
	engine_sweep(a->c);
	(void)snprintf(made, sizeof(made), "%.50s-adopted", a->name);
	if (!a->directory && !exists(a->c, a->name) && exists(a->c, a->original) && exists(a->c, made))
		return engine_rename(a->c, made, a->name, true, e);
	if (!a->directory && !exists(a->c, a->name) && exists(a->c, a->original)) { /* perhaps all that is left of it: nothing to guess about */
		(void)err_set(e, ERR_STATE, ENOENT, "it is gone; its original from before an adopt is still there, as '%s'", a->original);
		return err_hint(e, "coppice rename %s %s", a->original, a->name);
	}
	r = purge_kept(a, e);
	if (r != 0)
		return r;
	if (!a->directory)
		r = read_container(a, e);
	if (r == 0)
		r = clean_config(a, e);
	if (r == 0)
		r = work_on(a, e);
	if (r < 0)
		return r;
	(void)snprintf(a->ret->container, sizeof(a->ret->container), "%s", a->name);
	if (a->o->purge)
		return purge_new(a, e);
	(void)snprintf(a->ret->original, sizeof(a->ret->original), "%s", a->directory ? a->tree : a->original);
	return 0;
}

int coppice_adopt(struct coppice *c, const struct coppice_adopt *o, struct coppice_adopted *ret, struct err *e)
{
	struct adopting a = {.c = c, .o = o, .ret = ret, .config = BUF_INIT, .work = FD_NONE, .copy = FD_NONE};
	int r;

	*ret = (struct coppice_adopted){.version = ""};
	r = adopt(&a, e);
	buf_done(&a.config);
	fd_close(&a.copy);
	fd_close(&a.work);
	return r < 0 ? err_what(e, "cannot adopt '%s'", o->what) : 0;
}
