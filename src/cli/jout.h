/* jout.h - a JSON writer over a buffer.
 *
 * Streaming, so that a list of a thousand containers costs a millisecond; 64-bit unsigned integers stay integers; bytes that are no UTF-8
 * (names inside a container may be anything) become U+FFFD, so that what is written is always valid JSON. Reading JSON is json-c's work. */
#pragma once

#include "base/buf.h"

struct jout {
	struct buf *out;
	unsigned depth;
	unsigned rows; /* depth of the array whose elements stand on lines of their own, 0 = none */
	bool comma;    /* the next value is preceded by one */
};

#define JOUT_INIT(buffer) {(buffer), 0, 0, false}

void jout_open(struct jout *j, char bracket);  /* '{' or '[' */
void jout_open_rows(struct jout *j);           /* '[', one element a line */
void jout_close(struct jout *j, char bracket); /* '}' or ']' */
void jout_key(struct jout *j, const char *key);
void jout_text(struct jout *j, const char *s); /* NULL writes null */
void jout_u64(struct jout *j, uint64_t n);
void jout_i64(struct jout *j, int64_t n);
void jout_bool(struct jout *j, bool b);
void jout_null(struct jout *j);
/* A value that is JSON already; the caller vouches for it. */
void jout_raw(struct jout *j, const char *s);
/* RFC 3339; 0 writes null. */
void jout_time(struct jout *j, int64_t unix_seconds);
/* Comma separated words as an array of strings. */
void jout_words(struct jout *j, const char *list, const char *separators);
