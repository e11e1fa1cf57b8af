/* trash.c - deleting is a rename; what was deleted can come back until it is purged. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/dirs.h"
#include "state/diskerr.h"
#include "state/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names may hold dots: the two numbers are taken from the right. */
bool state_trash_parse(const char *id, struct state_trash *ret)
{
	struct state_trash t = {0};
	char *dot, *stamp;
	uint64_t n;

	if (strlen(id) >= sizeof(t.id))
		return false;
	memcpy(t.id, id, strlen(id) + 1);
	dot = strrchr(t.id, '.');
	if (!dot || parse_u64(dot + 1, &n) < 0)
		return false;
	*dot = '\0';
	stamp = strrchr(t.id, '.');
	if (!stamp || parse_i64(stamp + 1, &t.deleted) < 0 || t.deleted < 0)
		return false;
	*stamp = '\0';
	if (!parse_is_container(t.id))
		return false;
	memcpy(t.name, t.id, strlen(t.id) + 1);
	memcpy(t.id, id, strlen(id) + 1);
	*ret = t;
	return true;
}

static int missing(const char *what, const char *name, struct err *e)
{
	(void)err_set(e, ERR_MISSING, ENOENT, "there is no %s '%s'", what, name);
	return err_hint(e, "coppice list --all");
}

static int put(const struct state *st, const char *name, bool lock_held, char id[128], struct err *e)
{
	autoclose int trash = FD_NONE;
	const int64_t now = clock_unix();
	int r = -EEXIST;

	if (!parse_is_container(name))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a valid name", name);
	trash = dirs_open(st->lxc_dir, TRASH, true);
	if (trash < 0)
		return disk_err(e, trash, st->lxcpath, "make '%s/" TRASH "'", st->lxcpath);
	/* Another container of that name must not inherit how this one ended. First, so that nothing of it is left when we are killed in between; a monitor that
	 * removes its own container must not let go of its lock file before the name is free. */
	if (!lock_held)
		(void)!path_remove_tree(st->run_dir, name);
	for (unsigned n = 0; n < 10000 && r == -EEXIST; n++) {
		(void)snprintf(id, 128, "%s.%" PRId64 ".%u", name, now, n);
		r = renameat2(st->lxc_dir, name, trash, id, RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	if (r == -ENOENT)
		return missing("container", name, e);
	if (r < 0)
		return disk_err(e, r, st->lxcpath, "move container '%s' to the trash", name);
	if (lock_held)
		(void)!path_remove_tree(st->run_dir, name);
	return 0;
}

int state_trash_put(const struct state *st, const char *name, struct err *e)
{
	char id[128];

	if (parse_is_container(name) && state_monitor_alive(st, name)) {
		(void)err_set(e, ERR_STATE, EBUSY, "container '%s' has a living monitor", name);
		return err_hint(e, "coppice stop %s", name);
	}
	return put(st, name, false, id, e);
}

int state_destroy(const struct state *st, const char *name, struct err *e)
{
	char id[128];
	int r = put(st, name, true, id, e);

	return r < 0 ? r : state_trash_purge(st, id, e);
}

static int by_time(const void *a, const void *b)
{
	const struct state_trash *x = a, *y = b;

	if (x->deleted != y->deleted)
		return x->deleted < y->deleted ? -1 : 1;
	return strcmp(x->id, y->id);
}

int state_trash_list(const struct state *st, struct arena *a, struct state_trash **ret, size_t *ret_count, struct err *e)
{
	autoclose int trash = dirs_open(st->lxc_dir, TRASH, false);
	autoclosedir DIR *dir = NULL;
	struct state_trash *items = NULL, found, *slot;
	const struct dirent *ent = NULL;
	size_t count = 0;

	if (trash >= 0)
		dir = fd_open_dir(trash, ".", 0);
	if (!dir && trash != -ENOENT)
		return disk_err(e, trash < 0 ? trash : errno, st->lxcpath, "read '%s/" TRASH "'", st->lxcpath);
	while (dir && (ent = dirs_next(dir))) {
		if (!state_trash_parse(ent->d_name, &found))
			continue;
		slot = arena_push(a, &items, &count, sizeof(*items));
		if (!slot)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		*slot = found;
	}
	if (dir && errno)
		return err_sys(e, errno, "read '%s/" TRASH "'", st->lxcpath);
	if (count)
		qsort(items, count, sizeof(*items), by_time);
	*ret = items;
	*ret_count = count;
	return 0;
}

int state_trash_restore(const struct state *st, const char *id, const char *as, struct err *e)
{
	autoclose int trash = dirs_open(st->lxc_dir, TRASH, false);
	struct state_trash t;
	int r = trash;

	if (!state_trash_parse(id, &t))
		return missing("deleted container", id, e);
	if (!as)
		as = t.name;
	if (!parse_is_container(as))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a valid name", as);
	if (trash >= 0)
		r = renameat2(trash, id, st->lxc_dir, as, RENAME_NOREPLACE) < 0 ? -errno : 0;
	if (r == -ENOENT)
		return missing("deleted container", id, e);
	if (r == -EEXIST) {
		(void)err_set(e, ERR_EXISTS, EEXIST, "container '%s' exists already", as);
		return err_hint(e, "coppice show %s", as);
	}
	return r < 0 ? disk_err(e, r, st->lxcpath, "bring back '%s'", id) : 0;
}

int state_trash_purge(const struct state *st, const char *id, struct err *e)
{
	autoclose int trash = dirs_open(st->lxc_dir, TRASH, false);
	struct state_trash t;
	int r = trash;

	if (!state_trash_parse(id, &t) || trash == -ENOENT)
		return missing("deleted container", id, e);
	if (r >= 0)
		r = staging_discard(st, trash, id);
	if (r == -ENOENT)
		return missing("deleted container", id, e);
	if (r == -EBUSY) /* a sweep of another command is at it already */
		return 0;
	if (r == -EXDEV) {
		(void)err_set(e, ERR_BUSY, EXDEV, "something is mounted inside '%s': what was not removed waits in '%s/" STAGING "'", id,
			      st->lxcpath);
		return err_hint(e, "findmnt -R -T %s/" STAGING, st->lxcpath);
	}
	return r < 0 ? disk_err(e, r, st->lxcpath, "remove '%s'", id) : 0;
}
