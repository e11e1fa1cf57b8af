/* sweep.c - what commands that were killed have left of containers that are not there for anybody any more. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "engine/network.h"
#include "engine/storage.h"

#include <errno.h>
#include <stdio.h>

void engine_release_ids(struct coppice *c, const char *name)
{
	char owner[400];
	struct err ignored;

	(void)snprintf(owner, sizeof(owner), "%s/%s", c->lxcpath, name);
	if (engine_store(c, &ignored) == 0)
		(void)!store_range_release(&c->store, owner, &ignored);
	engine_network_release(c, name);
}

/* The command of a throw-away container is dead. While the container or its monitor lives, the monitor will see to it; else it is for us. */
static void sweep_throwaway(struct coppice *c, const char *name)
{
	int hold = state_throwaway_claim(&c->state, name);
	autoclose int lock = FD_NONE;
	autoclose int dir = FD_NONE;
	struct err ignored = {0};
	struct live live;

	if (hold < 0)
		return;
	lock = state_lock(&c->state, name, "sweep", clock_now_ms(), &ignored);
	if (lock >= 0 && engine_live(c, name, &live, &ignored) == 0 && !live.alive && !live.monitor) {
		dir = state_dir(&c->state, name);
		if (engine_repair(c, name, &live, &ignored) == 0 && dir >= 0) {
			engine_trace(c, "remove '%s', whose command was killed", name);
			engine_release_ids(c, name);
			clones_unlink(dir, c->lxcpath, name);
			(void)!state_destroy(&c->state, name, &ignored);
		}
		if (dir < 0)
			state_forget(&c->state, name, &lock); /* its monitor was killed after the removal */
		state_throwaway_drop(&c->state, name, &hold);
	}
	fd_close(&hold);
}

/* A volume lies outside of the directory that it was made for. */
static int take_back(int dir, void *data)
{
	struct coppice *c = data;
	struct err why = {0};
	int r = volume_forget(dir, &why);
	char place[400], text[sizeof(why.why) + sizeof(place) + 160];

	if (r < 0 && c->note && fd_path(dir, place, sizeof(place)) == 0) {
		(void)snprintf(text, sizeof(text), "the volume of a copy that was killed is left: %s; when it is gone without us, remove '%s'", why.why, place);
		c->note(c->note_data, text);
	}
	return r;
}

void engine_sweep(struct coppice *c)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL;
	size_t count = 0;

	state_sweep(&c->state, take_back, c);
	if (state_throwaways(&c->state, &a, &names, &count) == 0)
		for (size_t i = 0; i < count; i++)
			sweep_throwaway(c, names[i]);
	arena_done(&a);
}
