/* buf.h - a growing byte buffer, always NUL-terminated behind its length.
 *
 * Out of memory is sticky: appends after it do nothing and buf_failed() says so, so that a long chain of appends is checked once. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

struct buf {
	char *data; /* NULL until the first append; use buf_str() to read */
	size_t len;
	size_t cap;
	bool failed;
};

#define BUF_INIT {NULL, 0, 0, false}

/* Frees the storage; the buffer is empty and usable again. */
void buf_done(struct buf *b);

/* Forgets the content, keeps the storage. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* The content as a string; "" when empty. Borrowed until the next append. */
const char *buf_str(const struct buf *b);

/* Makes room for @extra more bytes and returns where they go, or NULL; follow with b->len += written. */
char *buf_reserve(struct buf *b, size_t extra);

/* True when an append failed for want of memory. */
static inline bool buf_failed(const struct buf *b)
{
	return b->failed;
}

/* Gives the string away (never NULL unless out of memory); the buffer is empty afterwards. */
char *buf_take(struct buf *b);
