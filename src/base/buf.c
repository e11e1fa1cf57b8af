/* buf.c - growing byte buffer with sticky out-of-memory. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t extra)
{
	size_t want, cap;
	char *data;

	if (b->failed)
		return NULL;
	if (__builtin_add_overflow(b->len, extra, &want) || __builtin_add_overflow(want, 1, &want)) {
		b->failed = true;
		return NULL;
	}
	if (want > b->cap) {
		cap = b->cap ? b->cap : 64;
		while (cap < want && cap <= SIZE_MAX / 2)
			cap *= 2;
		data = cap < want ? NULL : realloc(b->data, cap);
		if (!data) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	char *at = buf_reserve(b, len);

	if (!at)
		return;
	if (len)
		memcpy(at, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	char *at;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	at = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (at) {
		(void)vsnprintf(at, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *s = b->data;

	if (b->failed) {
		buf_done(b);
		return NULL;
	}
	if (!s)
		s = calloc(1, 1);
	*b = (struct buf)BUF_INIT;
	return s;
}
