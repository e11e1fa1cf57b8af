/* copying.c - copy and rename: the new container is made out of sight and appears whole; the old one is stopped, or frozen, meanwhile. */
#include "engine/storage.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RENAMED "config.renamed"

/* ---- copy ---- */

struct copy_op {
	struct coppice *c, *t;  /* where it is, where it goes: the same handle unless a path was given */
	const char *name;
	const struct coppice_copy *o;
	struct root root;
	char from_dir[400], to_dir[400], delta[400];
	int from;
	bool paused;
};

static const char *hostname_of(const char *name, char out[64])
{
	spec_hostname_of(name, out);
	return out;
}

/* What the copy will stand on. */
static int link_clone(const struct copy_op *p, unsigned stands, int to, struct err *e)
{
	if (!stands)
		return 0;
	return clones_link(p->from, p->c->lxcpath, stands & STANDS_ON_SOURCE ? p->name : NULL, to, p->t->lxcpath, p->o->name, e);
}

static int copy_trees(const struct copy_op *p, int to, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && p->o->trees && p->o->trees[i]; i++) {
		autoclose int from = fd_open(AT_FDCWD, p->o->trees[i], O_RDONLY | O_DIRECTORY, 0);
		autoclose int dir = FD_NONE;
		char name[32];

		(void)snprintf(name, sizeof(name), "mount%zu", i);
		if (from < 0 || mkdirat(to, name, 0700) < 0)
			return err_sys(e, from < 0 ? from : errno, "copy '%s' into '%s/%s'", p->o->trees[i], p->to_dir, name);
		dir = fd_open(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		r = dir < 0 ? err_sys(e, dir, "open '%s/%s'", p->to_dir, name) : store_copy_tree(from, dir, NULL, NULL, e);
	}
	return r;
}

static int fill(struct copy_op *p, int to, struct err *e)
{
	char hostname[64];
	unsigned stands = 0;
	struct storage_copy j = {.from_dir = p->from_dir,
				 .from = p->from,
				 .to_dir = p->to_dir,
				 .to = to,
				 .share = p->o->snapshot,
				 .or_copy = p->o->or_copy,
				 .keep_mac = p->o->keep_mac,
				 .hostname = p->o->keep_name ? NULL : hostname_of(p->o->name, hostname),
				 .backing = p->delta[0] ? "overlay" : p->o->backing,
				 .size = p->o->size,
				 .vg = p->o->vg,
				 .thin_pool = p->o->thin_pool,
				 .delta = p->delta[0] ? p->delta : NULL,
				 .set = p->o->set,
				 .ret_stands = &stands};
	struct stat st;
	int r = storage_copy(p->c, &j, e);

	if (r < 0)
		return r;
	r = copy_trees(p, to, e);
	if (r == 0)
		r = link_clone(p, stands, to, e);
	if (r == 0 && (fstat(p->from, &st) < 0 || fchmod(to, st.st_mode & 0777) < 0))
		r = err_sys(e, errno, "set the mode of '%s'", p->to_dir);
	if (r == 0)
		r = state_create_commit(&p->t->state, p->o->name, e);
	if (r < 0)
		storage_copy_undo(to);
	else
		volume_kept(to);
	return r;
}

/* What a killed copy had put into the run-time directory is in the way of nobody but a copy of the same name. */
static int make_delta(struct copy_op *p, struct err *e)
{
	autoclose int run = FD_NONE;
	int r;

	if (!p->o->in_memory || !p->o->snapshot || p->root.kind == ROOT_NONE || p->root.kind == ROOT_BASE)
		return 0;
	if (p->root.kind == ROOT_LOOP || p->root.kind == ROOT_LVM)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "a root in a volume has no layer that could lie in memory: -t is for a directory");
	(void)snprintf(p->delta, sizeof(p->delta), "%s/%s/overlay", p->t->state.rundir, p->o->name);
	run = state_run_dir(&p->t->state, p->o->name, true);
	r = run < 0 ? run : path_remove_tree(run, "overlay");
	return r < 0 ? err_sys(e, r, "make '%s'", p->delta) : 0;
}

static int copy_locked(struct copy_op *p, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int from = state_dir(&p->c->state, p->name);
	autoclose int to = FD_NONE;
	int r = from < 0 ? err_sys(e, from, "open '%s'", p->from_dir) : storage_config(from, &text, e);

	if (r < 0)
		return r;
	p->from = from;
	root_parse(buf_str(&text), &p->root);
	r = make_delta(p, e);
	if (r < 0)
		return r;
	to = state_create_begin(&p->t->state, p->o->name, e);
	if (to < 0)
		return to;
	r = fill(p, to, e);
	if (r < 0) {
		clones_unlink(to, p->t->lxcpath, p->o->name);
		state_create_abort(&p->t->state, p->o->name);
	}
	return r;
}

/* What lies in a volume is read behind the file system's back. */
static int write_out(const struct coppice *c, struct err *e)
{
	autoclose int dir = fd_open(c->state.lxc_dir, ".", O_RDONLY | O_DIRECTORY, 0);

	if (dir < 0 || syncfs(dir) < 0)
		return err_sys(e, dir < 0 ? dir : errno, "write '%s' out", c->lxcpath);
	return 0;
}

/* The source's lock, or a frozen source. *ret_lock may stay empty then: freezing and thawing take it themselves. */
static int hold_source(struct copy_op *p, int *ret_lock, struct err *e)
{
	struct live live;
	int r = 0;

	if (p->o->running) {
		r = engine_live(p->c, p->name, &live, e);
		if (r == 0 && live.alive) {
			r = coppice_pause(p->c, p->name, true, false, e);
			p->paused = r == 0; /* one that was frozen stays so */
			return r < 0 ? r : write_out(p->c, e);
		}
	}
	*ret_lock = r < 0 ? r : engine_lock_stopped(p->c, p->name, "copy", false, "coppice stop", e);
	return *ret_lock < 0 ? *ret_lock : 0;
}

static int same_place(const struct coppice *a, const struct coppice *b)
{
	return strcmp(a->lxcpath, b->lxcpath) == 0;
}

/* The config must not name what is not there; the new one's monitor would find it, but later. */
static int check_target(struct copy_op *p, struct err *e)
{
	autoclose int dir = FD_NONE;
	int r = engine_check_new(p->c, p->o->name, e);

	if (r == 0)
		r = engine_state(p->t, e);
	if (r < 0)
		return r;
	engine_sweep(p->t);
	dir = state_dir(&p->t->state, p->o->name);
	if (dir >= 0)
		return err_set(e, ERR_EXISTS, EEXIST, "a container '%s' exists already", p->o->name);
	return 0;
}

static int copy_with(struct copy_op *p, struct err *e)
{
	autoclose int target = FD_NONE;
	autoclose int source = FD_NONE;
	struct err ignored = {0};
	int r = check_target(p, e);

	if (r < 0)
		return r;
	(void)snprintf(p->from_dir, sizeof(p->from_dir), "%s/%s", p->c->lxcpath, p->name);
	(void)snprintf(p->to_dir, sizeof(p->to_dir), "%s/%s", p->t->lxcpath, p->o->name);
	target = state_lock(&p->t->state, p->o->name, "copy", clock_deadline(ENGINE_LOCK_MS), e);
	r = target < 0 ? target : hold_source(p, &source, e);
	if (r == 0)
		r = copy_locked(p, e);
	if (p->paused && coppice_pause(p->c, p->name, false, false, r < 0 ? &ignored : e) < 0 && r == 0)
		r = -e->code;
	fd_close(&source);
	return r < 0 ? r : storage_hook_clone(p->t, p->name, p->o, e);
}

int coppice_copy(struct coppice *c, const char *name, const struct coppice_copy *o, struct err *e)
{
	struct copy_op p = {.c = c, .t = c, .name = name, .o = o, .from = FD_NONE};
	struct coppice_options options = {.root = c->root, .lxcpath = o->lxcpath, .user = c->user, .note = c->note, .note_data = c->note_data};
	struct coppice *other = NULL;
	int r = engine_find(c, name, e);

	if (r == 0 && o->lxcpath) {
		r = coppice_open(&options, &other, e);
		if (r == 0 && !same_place(c, other))
			p.t = other;
	}
	if (r == 0)
		r = copy_with(&p, e);
	coppice_close(&other);
	return r < 0 ? err_what(e, "cannot copy '%s' to '%s'", name, o->name) : 0;
}

/* ---- rename ---- */

/* The new config waits beside the old one, then the directory changes its name, then the config takes its place. Killed in between, the same command again ends it. */
static int finish_rename(int dir)
{
	return renameat(dir, RENAMED, dir, "config") < 0 ? -errno : 0;
}

static int rename_locked(struct coppice *c, const char *name, const char *to, bool keep_hostname, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = state_dir(&c->state, name);
	char from_dir[400], to_dir[400], hostname[64];
	int r = dir < 0 ? err_sys(e, dir, "open '%s/%s'", c->lxcpath, name) : 0;

	(void)snprintf(from_dir, sizeof(from_dir), "%s/%s", c->lxcpath, name);
	(void)snprintf(to_dir, sizeof(to_dir), "%s/%s", c->lxcpath, to);
	if (r == 0)
		r = clones_none(dir, from_dir, e);
	if (r == 0 && !storage_is_empty(dir, "snaps")) {
		(void)err_set(e, ERR_STATE, EBUSY, "it has snapshots, whose paths would no longer lead to them");
		r = err_hint(e, "lxc-snapshot -P %s -n %s -L", c->lxcpath, name);
	}
	if (r == 0)
		r = storage_config(dir, &text, e);
	if (r < 0)
		return r;
	lines_move_paths(&text, from_dir, to_dir);
	if (!keep_hostname) {
		lines_drop(&text, "lxc.uts.name", "lxc.utsname");
		lines_add(&text, "lxc.uts.name", hostname_of(to, hostname));
	}
	r = buf_failed(&text) ? -ENOMEM : path_replace_file(dir, RENAMED, buf_str(&text), text.len, 0640);
	if (r == 0 && renameat2(c->state.lxc_dir, name, c->state.lxc_dir, to, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r == 0)
		r = finish_rename(dir);
	if (r < 0)
		return err_sys(e, r, "rename '%s' to '%s'", from_dir, to_dir);
	/* what it stands on hears the new name before the old one is taken back */
	r = clones_link(dir, NULL, NULL, dir, c->lxcpath, to, e);
	if (r == 0)
		clones_unlink(dir, c->lxcpath, name);
	return r;
}

/* 1 when a killed rename was ended. */
static int resume_rename(struct coppice *c, const char *name, const char *to)
{
	autoclose int old = state_dir(&c->state, name);
	autoclose int dir = state_dir(&c->state, to);

	return old == -ENOENT && dir >= 0 && faccessat(dir, RENAMED, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && finish_rename(dir) == 0;
}

int engine_rename(struct coppice *c, const char *name, const char *to, bool keep_hostname, struct err *e)
{
	autoclose int lock = FD_NONE;
	autoclose int target = FD_NONE;
	autoclose int there = FD_NONE;
	int r = engine_check_new(c, to, e);

	if (r == 0)
		r = engine_state(c, e);
	if (r == 0 && resume_rename(c, name, to)) {
		lock = state_lock(&c->state, name, "rename", clock_deadline(ENGINE_LOCK_MS), e);
		engine_release_ids(c, name);
		if (lock >= 0)
			state_forget(&c->state, name, &lock);
		return 0;
	}
	if (r == 0)
		r = engine_find(c, name, e);
	if (r == 0) {
		there = state_dir(&c->state, to);
		if (there >= 0)
			r = err_set(e, ERR_EXISTS, EEXIST, "a container '%s' exists already", to);
	}
	if (r == 0) {
		target = state_lock(&c->state, to, "rename", clock_deadline(ENGINE_LOCK_MS), e);
		r = target < 0 ? target : 0;
	}
	if (r == 0) {
		lock = engine_lock_stopped(c, name, "rename", false, "coppice stop", e);
		r = lock < 0 ? lock : rename_locked(c, name, to, keep_hostname, e);
	}
	if (r == 0) {
		engine_release_ids(c, name);
		state_forget(&c->state, name, &lock);
	}
	return r < 0 ? err_what(e, "cannot rename '%s' to '%s'", name, to) : 0;
}

int coppice_rename(struct coppice *c, const char *name, const char *to, struct err *e)
{
	return engine_rename(c, name, to, false, e);
}
