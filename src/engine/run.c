/* run.c - a throw-away container around one program, in the caller's foreground. */
#include "engine/account.h"
#include "engine/front.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SET 64

/* The user of the program, by the base's own passwd. */
static int find_user(struct coppice *c, const struct coppice_run *o, struct account *ac, struct err *e)
{
	autoclose int dir = FD_NONE;
	autoclose int root = FD_NONE;
	struct store_base base;
	int r;

	if (!o->create.base) {
		root = fd_open(AT_FDCWD, o->create.rootfs, O_PATH | O_DIRECTORY, 0);
	} else {
		r = engine_store(c, e);
		if (r == 0)
			r = store_base_find(&c->store, o->create.base, &base, e);
		if (r < 0)
			return r;
		dir = store_base_open(&c->store, &base, e);
		if (dir < 0)
			return dir;
		root = fd_open(dir, "skel", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	}
	return root < 0 ? err_sys(e, root, "open the user list") : account_resolve(root, o->user, ac, e);
}

struct pairs {
	const char *list[MAX_SET + 1];
	size_t count;
	struct arena arena;
};

static void add_pair(struct pairs *p, const char *key, const char *value)
{
	char *text = arena_printf(&p->arena, "%s=%s", key, value);

	if (text && p->count < MAX_SET)
		p->list[p->count++] = text;
}

static int collect_pairs(struct coppice *c, const struct coppice_run *o, struct pairs *p, struct err *e)
{
	struct account ac = {0};
	char number[16];
	int r;

	for (size_t i = 0; o->create.set && o->create.set[i] && p->count < MAX_SET; i++)
		p->list[p->count++] = o->create.set[i];
	for (size_t i = 0; o->env && o->env[i]; i++)
		add_pair(p, "lxc.environment+", o->env[i]);
	if (o->cwd)
		add_pair(p, "lxc.init.cwd", o->cwd);
	if (o->user) {
		r = find_user(c, o, &ac, e);
		if (r < 0)
			return r;
		(void)snprintf(number, sizeof(number), "%u", ac.uid);
		add_pair(p, "lxc.init.uid", number);
		(void)snprintf(number, sizeof(number), "%u", ac.gid);
		add_pair(p, "lxc.init.gid", number);
	}
	if (p->count >= MAX_SET)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d settings", MAX_SET);
	p->list[p->count] = NULL;
	return 0;
}

static int start(struct coppice *c, const char *name, struct front *f, struct err *e)
{
	autoclose int lock = state_lock(&c->state, name, "run", clock_deadline(ENGINE_LOCK_MS), e);
	const struct start_wish w = {
	    .foreground = true, .stdio_pipes = !f->tty, .stdio = f->tty ? NULL : f->theirs, .viewer = f->viewer, .lock = lock};
	struct live live;
	int r = lock < 0 ? lock : engine_settle(c, name, &live, e);

	if (r == 0 && live.alive)
		r = err_set(e, ERR_STATE, EALREADY, "somebody else has started it already");
	return r < 0 ? r : engine_start_stopped(c, name, &w, &f->report, e);
}

static int run_created(struct coppice *c, const char *name, const struct coppice_run *o, int *ret_status, struct err *e)
{
	autodone(front_done) struct front f = FRONT(c, name, o->tty < 0 ? isatty(0) && isatty(1) : o->tty > 0, true);
	int r = front_open(&f, e);

	if (r == 0)
		r = start(c, name, &f, e);
	return r < 0 ? r : front_follow(&f, ret_status, e);
}

int coppice_run(struct coppice *c, const struct coppice_run *o, int *ret_status, struct err *e)
{
	struct coppice_create create = o->create;
	struct coppice_delete purge = {.force = true, .if_exists = true, .purge = true};
	struct pairs pairs = {.arena = ARENA_INIT};
	char name[64] = "";
	struct err ignored;
	int hold = FD_NONE;
	int r = collect_pairs(c, o, &pairs, e);

	create.name_out = name;
	create.set = pairs.list;
	create.init = o->argv;
	create.ephemeral = !o->keep;
	if (r == 0)
		r = engine_create(c, &create, o->keep ? NULL : &hold, e);
	if (r == 0) {
		*ret_status = 125;
		r = run_created(c, name, o, ret_status, e);
		/* the small init told us which: the status a shell would give */
		if (r < 0 && e->step == APPLY_PROGRAM_FAILED)
			*ret_status = e->code == ENOENT ? 127 : 126;
		if (r < 0 && !o->keep)
			(void)!coppice_delete(c, name, &purge, &ignored);
		if (hold >= 0)
			state_throwaway_drop(&c->state, name, &hold);
	}
	arena_done(&pairs.arena);
	return r < 0 ? err_what(e, "cannot run '%s'", o->argv && o->argv[0] ? o->argv[0] : "?") : 0;
}
