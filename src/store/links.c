/* links.c - open addressing over (device, inode); see links.h. */
#include "store/links.h"

#include <errno.h>
#include <stdlib.h>

void links_done(struct links *l)
{
	attr_free_ptr(&l->slots);
	buf_done(&l->paths);
	*l = (struct links)LINKS_INIT;
}

static struct link_slot *find(struct link_slot *slots, size_t cap, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15u;

	for (size_t i = (size_t)(h >> 20) & (cap - 1);; i = (i + 1) & (cap - 1))
		if (!slots[i].ino || (slots[i].ino == ino && slots[i].dev == dev))
			return &slots[i];
}

static int grow(struct links *l)
{
	size_t cap = l->cap ? l->cap * 2 : 64;
	struct link_slot *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < l->cap; i++)
		if (l->slots[i].ino)
			*find(slots, cap, l->slots[i].dev, l->slots[i].ino) = l->slots[i];
	attr_free_ptr(&l->slots);
	l->slots = slots;
	l->cap = cap;
	return 0;
}

const char *links_meet(struct links *l, dev_t dev, ino_t ino, const char *path, int *ret_error)
{
	struct link_slot *slot;

	*ret_error = 0;
	if (l->count * 4 >= l->cap * 3 && grow(l) < 0) {
		*ret_error = -ENOMEM;
		return NULL;
	}
	slot = find(l->slots, l->cap, dev, ino);
	if (slot->ino)
		return buf_str(&l->paths) + slot->path;
	*slot = (struct link_slot){.dev = dev, .ino = ino, .path = l->paths.len};
	l->count++;
	buf_puts(&l->paths, path);
	buf_putc(&l->paths, '\0');
	if (buf_failed(&l->paths))
		*ret_error = -ENOMEM;
	return NULL;
}
