/* watch.c - what happens to containers, as it happens: no daemon, no polling.
 *
 * Every change of state replaces or removes a file in the container's run-time directory (its record, and `last` at the end of a run), and the kernel queues that in order. A
 * reader who comes late finds a later content than the one an event is about, or none; what must have been in between is told then too, so that the life of the shortest
 * container is complete: what ended did run, and a record that goes without an end is of a start that failed. Directories are watched before they are needed: all there are,
 * and each new one; one that was filled before we got there is read. */
#include "engine/engine.h"

#include "base/fd.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define RUN_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define DIR_EVENTS (IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

struct watched {
	int wd;
	char name[64];
	enum coppice_state state;
};

struct coppice_watch {
	struct coppice *c;
	int fd, root_wd;
	struct arena arena;
	struct watched **list; /* one for each container ever seen */
	size_t count;
	struct coppice_event *queue;
	size_t queued, taken, room;
};

/* ---- events out ---- */

static void tell(struct coppice_watch *w, const struct watched *t, enum coppice_event_kind kind, enum coppice_state was, int exit)
{
	struct coppice_event *more;

	if (w->queued == w->room) {
		more = realloc(w->queue, (w->room + 64) * sizeof(*more));
		if (!more)
			return;
		w->queue = more;
		w->room += 64;
	}
	w->queue[w->queued] = (struct coppice_event){.kind = kind, .state = t->state, .was = was, .exit = exit};
	(void)snprintf(w->queue[w->queued++].name, sizeof(t->name), "%s", t->name);
}

static void become(struct coppice_watch *w, struct watched *t, enum coppice_state state)
{
	enum coppice_state was = t->state;

	t->state = state;
	tell(w, t, COPPICE_EVENT_STATE, was, 0);
}

/* The end of a run, that nobody may have seen beginning. @exit -1: not known. */
static void run_ended(struct coppice_watch *w, struct watched *t, int exit)
{
	if (t->state == COPPICE_STARTING)
		become(w, t, COPPICE_RUNNING);
	if (exit >= 0)
		tell(w, t, COPPICE_EVENT_EXIT, t->state, exit);
	become(w, t, COPPICE_STOPPING);
}

/* The end of a start that never got so far. */
static void start_failed(struct coppice_watch *w, struct watched *t)
{
	tell(w, t, COPPICE_EVENT_FAILED, t->state, 0);
	become(w, t, COPPICE_STOPPING);
}

static bool is_up(const struct watched *t)
{
	return t->state == COPPICE_RUNNING || t->state == COPPICE_FROZEN;
}

/* ---- what the files say ---- */

static void saw_record(struct coppice_watch *w, struct watched *t)
{
	struct record r;
	bool gone = record_read(&w->c->state, t->name, &r) < 0;

	if (t->state == COPPICE_STOPPING)
		become(w, t, COPPICE_STOPPED);
	if (!gone && r.starting && is_up(t)) { /* it starts again, without an end in between */
		run_ended(w, t, r.last_exit);
		become(w, t, COPPICE_STOPPED);
	}
	if (t->state == COPPICE_STOPPED) {
		become(w, t, COPPICE_STARTING);
		if (gone || r.starting)
			return;
	}
	/* written anew when init has been executed; of one that is gone `last` tells whether it came to that */
	if (t->state == COPPICE_STARTING && !gone && !r.starting)
		become(w, t, COPPICE_RUNNING);
	if (!gone && !r.starting && r.frozen && t->state == COPPICE_RUNNING)
		become(w, t, COPPICE_FROZEN);
	else if (!gone && !r.frozen && t->state == COPPICE_FROZEN)
		become(w, t, COPPICE_RUNNING);
}

static void saw_end(struct coppice_watch *w, struct watched *t)
{
	int64_t ended;
	int32_t exit = -1;

	if (t->state == COPPICE_STOPPED || t->state == COPPICE_STOPPING)
		return;
	(void)!record_last(&w->c->state, t->name, &exit, &ended);
	run_ended(w, t, exit);
}

static void saw_removal(struct coppice_watch *w, struct watched *t)
{
	if (t->state == COPPICE_STOPPED)
		return;
	if (t->state == COPPICE_STARTING) /* without an end */
		start_failed(w, t);
	else if (t->state != COPPICE_STOPPING)
		run_ended(w, t, -1);
	become(w, t, COPPICE_STOPPED);
}

/* ---- directories ---- */

static struct watched *find(struct coppice_watch *w, const char *name, int wd)
{
	for (size_t i = w->count; i-- > 0;)
		if (name ? strcmp(w->list[i]->name, name) == 0 : w->list[i]->wd == wd)
			return w->list[i];
	return NULL;
}

static struct watched *add(struct coppice_watch *w, const char *name)
{
	struct watched *t = find(w, name, 0), **slot;
	autoclose int dir = state_run_dir(&w->c->state, name, false);
	char path[32];
	int wd;

	if (dir < 0)
		return NULL;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(w->fd, path, DIR_EVENTS);
	if (wd < 0)
		return NULL;
	if (!t) {
		t = arena_alloc(&w->arena, sizeof(*t));
		slot = t ? arena_push(&w->arena, &w->list, &w->count, sizeof(t)) : NULL;
		if (!slot)
			return NULL;
		*slot = t;
		(void)snprintf(t->name, sizeof(t->name), "%s", name);
		t->state = COPPICE_STOPPED;
	}
	t->wd = wd;
	return t;
}

/* A directory that was made a moment ago: what it holds already happened before our watch. */
static void appeared(struct coppice_watch *w, const char *name)
{
	struct watched *t = add(w, name);
	struct record r;
	int32_t exit;
	int64_t ended;

	if (!t)
		return;
	if (record_read(&w->c->state, name, &r) == 0) {
		saw_record(w, t);
	} else if (t->state == COPPICE_STOPPED && record_last(&w->c->state, name, &exit, &ended) == 0) {
		become(w, t, COPPICE_STARTING);
		if (exit >= 0)
			run_ended(w, t, exit);
		else
			start_failed(w, t);
		become(w, t, COPPICE_STOPPED);
	}
}

static void handle(struct coppice_watch *w, const struct inotify_event *ev)
{
	const char *file = ev->len ? ev->name : "";
	struct watched *t;

	if (ev->wd == w->root_wd) {
		if ((ev->mask & IN_ISDIR) && parse_is_container(file))
			appeared(w, file);
		return;
	}
	t = find(w, NULL, ev->wd);
	if (!t)
		return;
	if (ev->mask & IN_IGNORED) { /* the directory is gone, and with it the container */
		saw_removal(w, t);
		t->wd = -1;
	} else if (strcmp(file, "record") == 0) {
		if (ev->mask & IN_MOVED_TO)
			saw_record(w, t);
		else
			saw_removal(w, t);
	} else if (strcmp(file, "last") == 0 && (ev->mask & IN_MOVED_TO)) {
		saw_end(w, t);
	}
}

/* All at once: at the beginning, silently, and after the kernel has dropped events. */
static int scan(struct coppice_watch *w, bool loud, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	const char **names = NULL;
	size_t count = 0;
	int r = state_names(&w->c->state, &a, &names, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		autoclose int dir = state_run_dir(&w->c->state, names[i], true); /* there before its first start */
		struct watched *t = dir < 0 ? NULL : add(w, names[i]);
		enum coppice_state state;
		struct live l;

		if (!t)
			continue;
		r = engine_live(w->c, names[i], &l, e);
		state = l.starting ? COPPICE_STARTING : !l.alive ? COPPICE_STOPPED : l.record.frozen ? COPPICE_FROZEN : COPPICE_RUNNING;
		if (r == 0 && loud && state != t->state)
			become(w, t, state);
		t->state = state;
	}
	return r;
}

/* ---- the operations ---- */

int coppice_watch_open(struct coppice *c, struct coppice_watch **ret, struct err *e)
{
	struct coppice_watch *w = calloc(1, sizeof(*w));
	char path[32];
	int r = w ? engine_state(c, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");

	if (r == 0)
		r = engine_facts(c, e);
	if (w)
		w->fd = FD_NONE;
	if (r == 0) {
		w->c = c;
		w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->state.run_dir);
		w->root_wd = w->fd < 0 ? -1 : inotify_add_watch(w->fd, path, RUN_EVENTS);
		r = w->root_wd < 0 ? err_sys(e, errno, "watch '%s'", c->rundir) : scan(w, false, e);
	}
	if (r < 0) {
		coppice_watch_close(&w);
		return err_what(e, "cannot watch the containers in '%s'", c->lxcpath);
	}
	*ret = w;
	return 0;
}

int coppice_watch_fd(const struct coppice_watch *w)
{
	return w->fd;
}

int coppice_watch_next(struct coppice_watch *w, struct coppice_event *ret, struct err *e)
{
	char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)] __attribute__((aligned(8)));

	while (w->taken == w->queued) {
		ssize_t n = read(w->fd, bytes, sizeof(bytes));

		w->taken = w->queued = 0;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "read what happened");
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const struct inotify_event *)(const void *)(bytes + at);

			if (ev->mask & IN_Q_OVERFLOW) {
				int r = scan(w, true, e);

				if (r < 0)
					return r;
			} else {
				handle(w, ev);
			}
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
	*ret = w->queue[w->taken++];
	return 1;
}

void coppice_watch_close(struct coppice_watch **wp)
{
	struct coppice_watch *w = *wp;

	if (!w)
		return;
	fd_close(&w->fd);
	arena_done(&w->arena);
	free(w->queue);
	free(w);
	*wp = NULL;
}
