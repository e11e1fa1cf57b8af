/* ring.c - a circular buffer in its own mapping, so that a tty nobody used costs no page and a closed one gives all of them back. */
#include "supervise/ring.h"

#include <string.h>
#include <sys/mman.h>

void ring_init(struct ring *r, size_t size)
{
	*r = (struct ring){.size = size};
}

void ring_done(struct ring *r)
{
	if (r->data)
		(void)munmap(r->data, r->size);
	*r = (struct ring){.size = r->size};
}

static char *ring_map(struct ring *r)
{
	void *p;

	if (r->data || r->size == 0)
		return r->data;
	p = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED)
		r->data = p;
	return r->data;
}

void ring_add(struct ring *r, const char *bytes, size_t len)
{
	size_t at, head, room;

	if (len == 0 || !ring_map(r))
		return;
	if (len > r->size) {
		bytes += len - r->size;
		len = r->size;
	}
	at = (r->start + r->used) % r->size;
	head = len < r->size - at ? len : r->size - at;
	memcpy(r->data + at, bytes, head);
	memcpy(r->data, bytes + head, len - head);
	room = r->size - r->used;
	if (len > room) {
		r->start = (r->start + (len - room)) % r->size;
		r->used = r->size;
	} else {
		r->used += len;
	}
}

size_t ring_peek(const struct ring *r, size_t offset, char *out, size_t size)
{
	size_t len, at, head;

	if (offset >= r->used)
		return 0;
	len = size < r->used - offset ? size : r->used - offset;
	at = (r->start + offset) % r->size;
	head = len < r->size - at ? len : r->size - at;
	memcpy(out, r->data + at, head);
	memcpy(out + head, r->data, len - head);
	return len;
}
