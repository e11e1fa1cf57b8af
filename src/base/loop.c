/* loop.c - epoll with deferred frees. */
#include "base/loop.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct loop_watch {
	struct loop_watch *next;
	int fd;
	bool dead;
	loop_fn *fn;
	void *data;
	uint64_t deadline;
};

struct loop {
	int epoll;
	bool quit;
	struct loop_watch *watches;
};

int loop_open(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		int r = -errno;

		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void sweep(struct loop *l, bool all)
{
	for (struct loop_watch **p = &l->watches; *p;) {
		struct loop_watch *w = *p;

		if (!all && !w->dead) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		free(w);
	}
}

void loop_close(struct loop **lp)
{
	struct loop *l = *lp;

	if (!l)
		return;
	sweep(l, true);
	fd_close(&l->epoll);
	free(l);
	*lp = NULL;
}

struct loop_watch *loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *data)
{
	struct loop_watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = {.events = events};

	if (!w)
		return NULL;
	*w = (struct loop_watch){.next = l->watches, .fd = fd, .fn = fn, .data = data, .deadline = CLOCK_NEVER};
	ev.data.ptr = w;
	if (fd >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(w);
		return NULL;
	}
	l->watches = w;
	return w;
}

int loop_change(struct loop *l, struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev) < 0 ? -errno : 0;
}

void loop_set_timer(struct loop_watch *w, uint64_t deadline)
{
	w->deadline = deadline;
}

void loop_remove(struct loop *l, struct loop_watch **wp)
{
	struct loop_watch *w = *wp;

	if (!w)
		return;
	if (w->fd >= 0)
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->dead = true; /* freed after the current round: its event may be in the batch */
	*wp = NULL;
}

void loop_quit(struct loop *l)
{
	l->quit = true;
}

static uint64_t next_deadline(const struct loop *l)
{
	uint64_t best = CLOCK_NEVER;

	for (const struct loop_watch *w = l->watches; w; w = w->next)
		if (!w->dead && w->deadline < best)
			best = w->deadline;
	return best;
}

static void fire_timers(struct loop *l)
{
	uint64_t now = clock_now_ms();

	for (struct loop_watch *w = l->watches; w && !l->quit; w = w->next) {
		if (w->dead || w->deadline > now)
			continue;
		w->deadline = CLOCK_NEVER;
		w->fn(l, w->fd, 0, w->data);
	}
}

int loop_run(struct loop *l)
{
	l->quit = false;
	while (!l->quit) {
		struct epoll_event ev[16];
		int n = epoll_wait(l->epoll, ev, ARRAY_LEN(ev), clock_left_ms(next_deadline(l)));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !l->quit; i++) {
			struct loop_watch *w = ev[i].data.ptr;

			if (!w->dead)
				w->fn(l, w->fd, ev[i].events, w->data);
		}
		fire_timers(l);
		sweep(l, false);
	}
	return 0;
}
