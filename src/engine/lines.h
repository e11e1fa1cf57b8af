/* lines.h - a config as text, edited line by line without being understood: containers are copied and renamed whatever their config says, and what cannot be read
 * stays as it is. Private to this folder. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Value of the last line with @key or @legacy (may be NULL), quotes removed, into @out. False when there is none, or it is empty or too long. */
bool lines_get(const char *text, const char *key, const char *legacy, char *out, size_t size) MUST_USE;

/* Calls @fn for every "key = value" line in order; nonzero stops and is returned. */
int lines_each(const char *text, int (*fn)(void *data, const char *key, const char *value), void *data);

/* The next word of @*at, which moves behind it; false at the end of the line, or when it does not fit. */
bool lines_word(const char **at, char *out, size_t size) MUST_USE;

void lines_add(struct buf *text, const char *key, const char *value);
/* Takes all lines with @key or @legacy (may be NULL) out. */
void lines_drop(struct buf *text, const char *key, const char *legacy);
/* In values: directory @old, wherever a path begins with it, becomes @new. */
void lines_move_paths(struct buf *text, const char *old, const char *new);
/* Hardware addresses: those with 'x' get digits there; with @all every one becomes a new one of LXC's block. 0 or -errno. */
int lines_new_macs(struct buf *text, bool all) MUST_USE;
/* Empty lines go, as when LXC writes a config. */
void lines_squeeze(struct buf *text);
