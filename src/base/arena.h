/* arena.h - memory that lives and dies together.
 *
 * A spec, a plan, a decoded message: many small strings, one owner, freed at once. Pointers stay valid until arena_done().
 * Out of memory returns NULL, which every caller passes on as -ENOMEM. */
#pragma once

#include "base/attr.h"

struct arena_block;

struct arena {
	struct arena_block *head;
};

#define ARENA_INIT {NULL}

/* Frees everything allocated from @a. */
void arena_done(struct arena *a);

/* Zeroed memory of @size bytes, aligned for any type; NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t size) MUST_USE;

/* Copies of a string, of its first @len bytes, and of a formatted text. */
char *arena_strdup(struct arena *a, const char *s) MUST_USE;
char *arena_strndup(struct arena *a, const char *s, size_t len) MUST_USE;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUST_USE;

/* Grows @*items (of @size bytes each, @*count used) by one zeroed element and returns it, or NULL. The old array stays in the
 * arena; growth doubles, so the waste is bounded by the final size. */
void *arena_push(struct arena *a, void *items, size_t *count, size_t size) MUST_USE;
