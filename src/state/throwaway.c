/* throwaway.c - containers that exist only for the command that made them.
 *
 * RUNDIR/.run/NAME is locked by such a command from before the container can be seen until after it is gone. One that nobody locks was left by a command that was
 * killed. It says nothing about whether the container still runs: its monitor lives on, and removes it at its end. */
#include "base/fd.h"
#include "base/parse.h"
#include "state/diskerr.h"
#include "state/dirs.h"
#include "state/lock.h"
#include "state/staging.h"

#include <errno.h>

#define RUNS ".run"

int state_throwaway_hold(const struct state *st, const char *name, struct err *e)
{
	autoclose int dir = dirs_open(st->run_dir, RUNS, true);
	int r = dir;

	if (!parse_is_container(name))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a valid name", name);
	if (dir >= 0)
		r = lock_take(dir, name, true, "run", 0, NULL);
	if (r == -EBUSY)
		return err_set(e, ERR_BUSY, EBUSY, "another command runs a program in a container '%s'", name);
	return r < 0 ? disk_err(e, r, st->rundir, "make '%s/" RUNS "/%s'", st->rundir, name) : r;
}

int state_throwaway_claim(const struct state *st, const char *name)
{
	autoclose int dir = dirs_open(st->run_dir, RUNS, false);

	return dir < 0 ? dir : lock_take(dir, name, true, "sweep", 0, NULL);
}

void state_throwaway_drop(const struct state *st, const char *name, int *lock)
{
	autoclose int dir = dirs_open(st->run_dir, RUNS, false);

	if (dir >= 0)
		lock_forget(dir, name, lock);
	else
		fd_close(lock);
}

int state_throwaways(const struct state *st, struct arena *a, const char ***ret, size_t *ret_count)
{
	autoclose int at = dirs_open(st->run_dir, RUNS, false);
	autoclosedir DIR *dir = at < 0 ? NULL : fd_open_dir(at, ".", 0);
	const struct dirent *ent;
	const char **names = NULL;
	size_t count = 0;

	while (dir && (ent = dirs_next(dir))) {
		const char **slot;

		if (!parse_is_container(ent->d_name))
			continue;
		slot = arena_push(a, &names, &count, sizeof(*names));
		if (slot)
			*slot = arena_strdup(a, ent->d_name);
		if (!slot || !*slot)
			return -ENOMEM;
	}
	*ret = names;
	*ret_count = count;
	return 0;
}
