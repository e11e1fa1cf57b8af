/* loop.h - the epoll loop of one small process: descriptors with a callback, and one timer each.
 *
 * Single-threaded, no allocation after loop_add() beyond the watch itself. A callback may add or remove any watch, its own
 * included; a removed watch gets no further event, not even one of the same wakeup. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

struct loop;
struct loop_watch;

/* @events: EPOLLIN... that happened, 0 when the timer fired. */
typedef void loop_fn(struct loop *l, int fd, uint32_t events, void *data);

int loop_open(struct loop **ret) MUST_USE;
void loop_close(struct loop **l); /* frees remaining watches; closes none of their descriptors */

/* Watches @fd (borrowed; FD_NONE for a pure timer). Gives a handle valid until loop_remove(). NULL when out of memory or the fd cannot be watched. */
struct loop_watch *loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *data) MUST_USE;
int loop_change(struct loop *l, struct loop_watch *w, uint32_t events) MUST_USE;
/* One-shot timer at @deadline (clock.h); CLOCK_NEVER cancels. */
void loop_set_timer(struct loop_watch *w, uint64_t deadline);
void loop_remove(struct loop *l, struct loop_watch **w);

/* Runs until loop_quit(). 0 or -errno of epoll itself. */
int loop_run(struct loop *l) MUST_USE;
void loop_quit(struct loop *l);
