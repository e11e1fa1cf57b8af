/* snapshot.c - snapshots as LXC keeps them: copies beneath LXCPATH/NAME/snaps, named snap0, snap1 ..., each a container's directory with the files `ts` and, if something was said,
 * `comment`. A snapshot is made under a hidden name and appears by one rename; a restored container is whole before the present one goes. */
#include "engine/storage.h"

#include "base/clock.h"
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
#include <time.h>
#include <unistd.h>

#define SNAPS "snaps"
#define MAKING ".new"
#define COMMENT_MAX 65536

/* One container's snapshots. */
struct place {
	char ct_dir[400], path[420];
	int ct, snaps; /* snaps: FD_NONE when there are none */
};

static void place_done(struct place *p)
{
	fd_close(&p->snaps);
	fd_close(&p->ct);
}

static int place_open(struct coppice *c, const char *name, bool make, struct place *ret, struct err *e)
{
	*ret = (struct place){.ct = state_dir(&c->state, name), .snaps = FD_NONE};
	(void)snprintf(ret->ct_dir, sizeof(ret->ct_dir), "%s/%s", c->lxcpath, name);
	(void)snprintf(ret->path, sizeof(ret->path), "%s/" SNAPS, ret->ct_dir);
	if (ret->ct < 0)
		return err_sys(e, ret->ct, "open '%s'", ret->ct_dir);
	if (make && mkdirat(ret->ct, SNAPS, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '%s'", ret->path);
	ret->snaps = fd_open(ret->ct, SNAPS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (ret->snaps == -ENOENT)
		ret->snaps = FD_NONE;
	return ret->snaps < 0 && ret->snaps != FD_NONE ? err_sys(e, ret->snaps, "open '%s'", ret->path) : 0;
}

/* Any directory that is called as a container may be. */
static int open_snapshot(const struct place *p, const char *snapshot, struct err *e)
{
	int fd = p->snaps < 0 || !parse_is_name(snapshot) ? -ENOENT : fd_open(p->snaps, snapshot, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd == -ENOENT)
		return err_set(e, ERR_MISSING, ENOENT, "there is no snapshot '%s' in '%s'", snapshot, p->path);
	return fd < 0 ? err_sys(e, fd, "open '%s/%s'", p->path, snapshot) : fd;
}

/* ---- make ---- */

static void stamp(char out[32])
{
	time_t now = time(NULL);
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&now, &tm))
		(void)strftime(out, 32, "%Y:%m:%d %T", &tm);
}

/* What it stands on learns of the snapshot; a snapshot does not depend on its container: that is a copy. */
static int fill(struct coppice *c, const struct place *p, int to, const char *snapshot, const char *comment, struct err *e)
{
	char to_dir[500], ts[32];
	struct storage_copy j = {.from_dir = p->ct_dir, .from = p->ct, .to_dir = to_dir, .to = to, .keep_mac = true};
	int r;

	(void)snprintf(to_dir, sizeof(to_dir), "%s/%s", p->path, snapshot);
	stamp(ts);
	r = storage_copy(c, &j, e);
	if (r == 0)
		r = clones_link(p->ct, NULL, NULL, to, p->path, snapshot, e);
	if (r < 0)
		return r;
	r = path_swap_file(to, "ts", ts, strlen(ts), 0644);
	if (r == 0 && comment)
		r = path_swap_file(to, "comment", comment, strlen(comment), 0644);
	if (r == 0 && fchmod(to, 0770) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "write '%s'", to_dir) : 0;
}

int snapshot_clear(int snaps, struct err *e)
{
	autoclose int dir = fd_open(snaps, MAKING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int r = dir < 0 ? 0 : volume_forget(dir, e);

	if (r < 0)
		return r;
	r = path_remove_tree(snaps, MAKING);
	return r < 0 ? err_sys(e, r, "remove what a snapshot that was killed left") : 0;
}

static int make(struct coppice *c, const struct place *p, const char *comment, char ret_name[64], struct err *e)
{
	autoclose int to = FD_NONE;
	struct stat st;
	unsigned n = 0;
	int r = snapshot_clear(p->snaps, e);

	if (r < 0)
		return r;
	while (n < UINT32_MAX) {
		(void)snprintf(ret_name, 64, "snap%u", n);
		if (fstatat(p->snaps, ret_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		n++;
	}
	r = mkdirat(p->snaps, MAKING, 0700) < 0 ? -errno : 0;
	to = r < 0 ? r : fd_open(p->snaps, MAKING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (to < 0)
		return err_sys(e, to, "make '%s/" MAKING "'", p->path);
	r = fill(c, p, to, ret_name, comment, e);
	if (r == 0 && syncfs(to) < 0)
		r = err_sys(e, errno, "write '%s' out", p->path);
	if (r == 0 && renameat2(p->snaps, MAKING, p->snaps, ret_name, RENAME_NOREPLACE) < 0)
		r = err_sys(e, errno, "put '%s/%s' in place", p->path, ret_name);
	if (r < 0) {
		clones_unlink(to, p->path, ret_name);
		storage_copy_undo(to);
		(void)!path_remove_tree(p->snaps, MAKING);
	} else {
		volume_kept(to);
	}
	return r;
}

int coppice_snapshot_make(struct coppice *c, const char *name, const char *comment, char *ret_name, struct err *e)
{
	autodone(place_done) struct place p = {.ct = FD_NONE, .snaps = FD_NONE};
	autoclose int lock = FD_NONE;
	char made[64];
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	lock = engine_lock_stopped(c, name, "snapshot", false, "coppice stop", e);
	r = lock < 0 ? lock : place_open(c, name, true, &p, e);
	if (r == 0)
		r = make(c, &p, comment, made, e);
	if (r == 0 && ret_name)
		(void)snprintf(ret_name, 64, "%s", made);
	return r < 0 ? err_what(e, "cannot make a snapshot of '%s'", name) : 0;
}

/* ---- list ---- */

static uint64_t number_of(const char *name)
{
	uint64_t n = 0;

	return strncmp(name, "snap", 4) == 0 && parse_u64(name + 4, &n) == 0 ? n : UINT64_MAX;
}

static int by_number(const void *a, const void *b)
{
	const struct coppice_snapshot *x = a, *y = b;
	uint64_t i = number_of(x->name), k = number_of(y->name);

	if (i != k)
		return i < k ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void read_one(const struct place *p, int dir, const char *name, struct coppice_snapshot *s)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(dir, "comment", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	(void)snprintf(s->path, sizeof(s->path), "%s", p->path);
	if (fd_read_file(dir, "ts", s->time, sizeof(s->time)) < 0)
		s->time[0] = '\0';
	if (fd >= 0 && fd_read_regular(fd, &text, COMMENT_MAX) == 0)
		s->comment = buf_take(&text);
}

static int list(const struct place *p, struct coppice_snapshot **ret, size_t *ret_count, struct err *e)
{
	autoclosedir DIR *dir = fd_open_dir(p->snaps, ".", 0);
	struct coppice_snapshot *items = NULL;
	struct dirent *ent;
	size_t count = 0;

	if (!dir)
		return err_sys(e, errno, "read '%s'", p->path);
	while ((ent = readdir(dir))) {
		autoclose int snap = parse_is_name(ent->d_name) ? fd_open(p->snaps, ent->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) : FD_NONE;
		struct coppice_snapshot *bigger;

		if (snap < 0 || faccessat(snap, "config", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bigger = realloc(items, (count + 1) * sizeof(*items));
		if (!bigger)
			break;
		items = bigger;
		items[count] = (struct coppice_snapshot){.comment = NULL};
		read_one(p, snap, ent->d_name, &items[count++]);
	}
	if (count)
		qsort(items, count, sizeof(*items), by_number);
	*ret = items;
	*ret_count = count;
	return 0;
}

int coppice_snapshot_list(struct coppice *c, const char *name, struct coppice_snapshot **ret, size_t *ret_count, struct err *e)
{
	autodone(place_done) struct place p = {.ct = FD_NONE, .snaps = FD_NONE};
	int r = engine_find(c, name, e);

	if (r == 0)
		r = place_open(c, name, false, &p, e);
	if (r == 0 && p.snaps < 0) {
		*ret = NULL;
		*ret_count = 0;
		return 0;
	}
	if (r == 0)
		r = list(&p, ret, ret_count, e);
	return r < 0 ? err_what(e, "cannot list the snapshots of '%s'", name) : 0;
}

void coppice_snapshots_free(struct coppice_snapshot *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i].comment);
	free(items);
}

/* ---- delete ---- */

/* Hidden first: a half-removed snapshot is none. */
static int remove_one(struct place *p, const char *name, struct err *e)
{
	autoclose int dir = open_snapshot(p, name, e);
	autodone(buf_done) struct buf text = BUF_INIT;
	struct root root = {.kind = ROOT_NONE};
	struct err ignored = {0};
	int r = dir < 0 ? dir : clones_none(dir, p->path, e);

	if (r == 0 && storage_config(dir, &text, &ignored) == 0)
		root_parse(buf_str(&text), &root);
	if (r == 0 && root.kind == ROOT_LVM)
		r = volume_remove(&root, e);
	if (r < 0)
		return r;
	clones_unlink(dir, p->path, name);
	r = path_remove_tree(p->snaps, MAKING);
	if (r == 0 && renameat2(p->snaps, name, p->snaps, MAKING, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r == 0)
		r = path_remove_tree(p->snaps, MAKING);
	return r < 0 ? err_sys(e, r, "remove '%s/%s'", p->path, name) : 0;
}

static int remove_all(struct place *p, struct err *e)
{
	struct coppice_snapshot *items = NULL;
	size_t count = 0;
	int r = p->snaps < 0 ? 0 : list(p, &items, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = remove_one(p, items[i].name, e);
	coppice_snapshots_free(items, count);
	return r;
}

int coppice_snapshot_delete(struct coppice *c, const char *name, const char *snapshot, struct err *e)
{
	autodone(place_done) struct place p = {.ct = FD_NONE, .snaps = FD_NONE};
	autoclose int lock = FD_NONE;
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	/* it may run: what is removed is no part of it */
	lock = state_lock(&c->state, name, "snapshot", clock_deadline(ENGINE_LOCK_MS), e);
	r = lock < 0 ? lock : place_open(c, name, false, &p, e);
	if (r == 0)
		r = snapshot ? remove_one(&p, snapshot, e) : remove_all(&p, e);
	if (r == 0 && unlinkat(p.ct, SNAPS, AT_REMOVEDIR) == 0)
		engine_trace(c, "the last snapshot is gone");
	return r < 0 ? err_what(e, "cannot remove snapshots of '%s'", name) : 0;
}

/* ---- restore ---- */

static int restore_new(struct coppice *c, const struct place *p, const char *snapshot, const char *to, struct err *e)
{
	autoclose int from = open_snapshot(p, snapshot, e);
	autoclose int dir = FD_NONE;
	char from_dir[500], to_dir[400];
	struct storage_copy j = {.from_dir = from_dir, .from = from, .to_dir = to_dir, .hostname = to};
	int r;

	if (from < 0)
		return from;
	(void)snprintf(from_dir, sizeof(from_dir), "%s/%s", p->path, snapshot);
	(void)snprintf(to_dir, sizeof(to_dir), "%s/%s", c->lxcpath, to);
	dir = state_create_begin(&c->state, to, e);
	if (dir < 0)
		return dir;
	j.to = dir;
	r = storage_copy(c, &j, e);
	if (r == 0)
		r = clones_link(from, NULL, NULL, dir, c->lxcpath, to, e);
	if (r == 0 && fchmod(dir, 0770) < 0)
		r = err_sys(e, errno, "set the mode of '%s'", to_dir);
	if (r == 0)
		r = state_create_commit(&c->state, to, e);
	if (r < 0) {
		clones_unlink(dir, c->lxcpath, to);
		storage_copy_undo(dir);
		state_create_abort(&c->state, to);
	} else {
		volume_kept(dir);
	}
	return r;
}

/* The snapshots move into the restored container before it takes its place; a sweep that finds them in a directory of a dead maker moves them back. */
static int swap(struct coppice *c, const struct place *p, const char *name, int dir, struct err *e)
{
	if (syncfs(dir) == 0 && renameat2(p->ct, SNAPS, dir, SNAPS, RENAME_NOREPLACE) == 0)
		return state_create_swap(&c->state, name, e);
	(void)err_sys(e, errno, "put the restored container in place");
	storage_copy_undo(dir);
	state_create_abort(&c->state, name);
	return -e->code;
}

/* A root of the user's own is not ours to remove here. */
static void note_left(struct coppice *c, const char *path)
{
	char text[700];

	(void)snprintf(text, sizeof(text), "the root as it was before is left in '%s'", path);
	if (c->note)
		c->note(c->note_data, text);
}

static int restore_here(struct coppice *c, const struct place *p, const char *name, const char *snapshot, struct err *e)
{
	autoclose int from = open_snapshot(p, snapshot, e);
	autoclose int dir = FD_NONE;
	char from_dir[500];
	struct storage_copy j = {.from_dir = from_dir, .from = from, .to_dir = p->ct_dir, .keep_mac = true};
	autodone(buf_done) struct buf text = BUF_INIT;
	struct err ignored = {0};
	struct root root;
	struct stat st;
	int r = from < 0 ? from : clones_none(p->ct, p->ct_dir, e);

	if (r == 0)
		r = storage_config(p->ct, &text, e);
	if (r < 0)
		return r;
	root_parse(buf_str(&text), &root);
	(void)snprintf(from_dir, sizeof(from_dir), "%s/%s", p->path, snapshot);
	dir = state_create_again(&c->state, name, e);
	if (dir < 0)
		return dir;
	j.to = dir;
	r = storage_copy(c, &j, e);
	if (r == 0)
		r = clones_link(from, NULL, NULL, dir, c->lxcpath, name, e);
	if (r == 0 && (fstat(p->ct, &st) < 0 || fchmod(dir, st.st_mode & 0777) < 0))
		r = err_sys(e, errno, "set the mode of '%s'", p->ct_dir);
	if (r == 0) {
		r = swap(c, p, name, dir, e);
		if (r == 0)
			volume_kept(dir);
	} else {
		storage_copy_undo(dir);
		state_create_abort(&c->state, name);
	}
	/* a volume has been replaced by another; its name cannot be had back before it is gone */
	if (r == 0 && root.kind == ROOT_LVM && root.managed && volume_is_lvm(root.path) && volume_remove(&root, &ignored) == 0)
		return 0;
	if (r == 0 && root.path[0] && !path_is_below(root.path, p->ct_dir))
		note_left(c, root.path);
	return r;
}

int coppice_snapshot_restore(struct coppice *c, const char *name, const char *snapshot, const char *to, struct err *e)
{
	autodone(place_done) struct place p = {.ct = FD_NONE, .snaps = FD_NONE};
	autoclose int lock = FD_NONE;
	autoclose int target = FD_NONE;
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	if (to && strcmp(to, name) == 0)
		to = NULL;
	engine_sweep(c);
	if (to) {
		r = engine_check_new(c, to, e);
		target = r < 0 ? r : state_lock(&c->state, to, "restore", clock_deadline(ENGINE_LOCK_MS), e);
		r = target < 0 ? target : 0;
		if (r == 0)
			lock = state_lock(&c->state, name, "restore", clock_deadline(ENGINE_LOCK_MS), e);
	} else {
		lock = engine_lock_stopped(c, name, "restore", false, "coppice stop", e);
	}
	if (r == 0)
		r = lock < 0 ? lock : place_open(c, name, false, &p, e);
	if (r == 0)
		r = to ? restore_new(c, &p, snapshot, to, e) : restore_here(c, &p, name, snapshot, e);
	return r < 0 ? err_what(e, "cannot restore '%s' of '%s'", snapshot, name) : 0;
}
