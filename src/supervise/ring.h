/* ring.h - the last bytes a terminal printed, replayed to whoever looks.
 *
 * Memory is mapped on the first byte and never grows: a flood costs the monitor nothing but copying. */
#pragma once

#include "base/attr.h"

struct ring {
	char *data; /* NULL until first use */
	size_t size, start, used;
};

void ring_init(struct ring *r, size_t size);
void ring_done(struct ring *r);
/* Appends, dropping the oldest bytes. Out of memory drops the new ones: a monitor must live on. */
void ring_add(struct ring *r, const char *bytes, size_t len);
/* Copies up to @size bytes starting @offset bytes after the oldest; returns how many. */
size_t ring_peek(const struct ring *r, size_t offset, char *out, size_t size);
