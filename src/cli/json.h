/* json.h - a JSON writer over a buffer.
 *
 * Streaming, so that a list of a thousand containers costs a millisecond; 64-bit unsigned integers stay integers; bytes that are no UTF-8
 * (names inside a container may be anything) become U+FFFD, so that what is written is always valid JSON. Reading JSON is json-c's work. */
#pragma once

#include "base/buf.h"

struct json {
	struct buf *out;
	unsigned depth;
	unsigned rows; /* depth of the array whose elements stand on lines of their own, 0 = none */
	bool comma;    /* the next value is preceded by one */
};

#define JSON_INIT(buffer) {(buffer), 0, 0, false}

void json_open(struct json *j, char bracket);  /* '{' or '[' */
void json_open_rows(struct json *j);           /* '[', one element a line */
void json_close(struct json *j, char bracket); /* '}' or ']' */
void json_key(struct json *j, const char *key);
void json_text(struct json *j, const char *s); /* NULL writes null */
void json_u64(struct json *j, uint64_t n);
void json_i64(struct json *j, int64_t n);
void json_bool(struct json *j, bool b);
void json_null(struct json *j);
/* A value that is JSON already; the caller vouches for it. */
void json_raw(struct json *j, const char *s);
/* RFC 3339; 0 writes null. */
void json_time(struct json *j, int64_t unix_seconds);
/* Comma separated words as an array of strings. */
void json_words(struct json *j, const char *list, const char *separators);
