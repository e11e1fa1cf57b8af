/* destroy.c - a container goes for good, with its root wherever that lies: refusals first, then the hook, then what lies outside, and last the directory, by one rename. */
#include "engine/storage.h"

#include "base/fd.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(struct coppice *c, const char *name, int dir, const char *ct_dir, const struct coppice_destroy *o, struct err *e)
{
	int r = clones_none(dir, ct_dir, e);

	if (r == 0 && !o->snapshots && !storage_is_empty(dir, "snaps")) {
		(void)err_set(e, ERR_STATE, EBUSY, "it has snapshots");
		r = err_hint(e, "lxc-destroy -P %s -n %s -s", c->lxcpath, name);
	}
	return r == 0 ? storage_mounts_below(ct_dir, e) : r;
}

/* A snapshot's entries in the files of what it stands on, and its volume: that lies outside of the directory. */
static int drop_snapshot(int snaps, const char *path, const char *name, struct err *e)
{
	autoclose int snap = fd_open(snaps, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	autodone(buf_done) struct buf text = BUF_INIT;
	struct root root = {.kind = ROOT_NONE};
	struct err ignored = {0};

	if (snap < 0)
		return 0;
	clones_unlink(snap, path, name);
	if (storage_config(snap, &text, &ignored) == 0)
		root_parse(buf_str(&text), &root);
	return root.kind == ROOT_LVM && root.managed && volume_is_lvm(root.path) ? volume_remove(&root, e) : 0;
}

static int drop_snapshots(int dir, const char *ct_dir, struct err *e)
{
	autoclosedir DIR *d = fd_open_dir(dir, "snaps", O_NOFOLLOW);
	struct dirent *ent;
	char path[420];
	int r = 0;

	if (!d && errno != ENOENT)
		return err_sys(e, errno, "read '%s/snaps'", ct_dir);
	(void)snprintf(path, sizeof(path), "%s/snaps", ct_dir);
	if (d)
		r = snapshot_clear(dirfd(d), e);
	while (d && r == 0 && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			r = drop_snapshot(dirfd(d), path, ent->d_name, e);
	return r;
}

/* An unmanaged root within the directory stays where it is, alone. */
static int leave_root(struct coppice *c, const char *name, int dir, const char *root, struct err *e)
{
	autoclosedir DIR *d = fd_open_dir(dir, ".", 0);
	size_t len = strcspn(root, "/");
	struct dirent *ent;
	int r = 0;

	if (!d)
		return err_sys(e, errno, "read '%s/%s'", c->lxcpath, name);
	(void)!unlinkat(dir, "config", 0); /* from here on it is no container */
	while (r == 0 && (ent = readdir(d))) {
		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0 || (strncmp(ent->d_name, root, len) == 0 && ent->d_name[len] == '\0'))
			continue;
		r = path_remove_tree(dir, ent->d_name);
		if (r < 0)
			(void)err_sys(e, r, "remove '%s/%s/%s'", c->lxcpath, name, ent->d_name);
	}
	return r;
}

static int remove_all(struct coppice *c, const char *name, int dir, const char *ct_dir, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct root root = {.managed = true};
	struct err ignored = {0};
	bool within;
	int r = 0;

	/* one that was never finished may have no config yet */
	if (storage_config(dir, &text, &ignored) == 0)
		root_parse(buf_str(&text), &root);
	if (making_is_partial(dir)) /* its volume may be there without being in the config */
		r = volume_forget(dir, e);
	if (r == 0)
		r = drop_snapshots(dir, ct_dir, e);
	if (r < 0)
		return r;
	clones_unlink(dir, c->lxcpath, name);
	r = storage_remove_root(c, name, ct_dir, &root, e);
	if (r < 0)
		return r;
	within = !root.managed && path_is_below(root.path, ct_dir) && strlen(root.path) > strlen(ct_dir) + 1;
	engine_release_ids(c, name);
	return within ? leave_root(c, name, dir, root.path + strlen(ct_dir) + 1, e) : state_destroy(&c->state, name, e);
}

int engine_destroy_locked(struct coppice *c, const char *name, const struct coppice_destroy *o, bool hook, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);
	char ct_dir[400];
	int r;

	(void)snprintf(ct_dir, sizeof(ct_dir), "%s/%s", c->lxcpath, name);
	if (dir < 0)
		return err_sys(e, dir, "open '%s'", ct_dir);
	r = refuse(c, name, dir, ct_dir, o, e);
	if (r == 0 && hook)
		r = storage_hook_destroy(c, name, e);
	return r == 0 ? remove_all(c, name, dir, ct_dir, e) : r;
}

int coppice_destroy(struct coppice *c, const char *name, const struct coppice_destroy *o, struct err *e)
{
	autoclose int lock = FD_NONE;
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	lock = engine_lock_stopped(c, name, "destroy", o->force, "lxc-destroy -f -n", e);
	r = lock < 0 ? lock : engine_destroy_locked(c, name, o, true, e);
	if (r == 0)
		state_forget(&c->state, name, &lock);
	return r < 0 ? err_what(e, "cannot destroy '%s'", name) : 0;
}
