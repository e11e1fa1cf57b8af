/* json.h - a JSON writer: everything this program says on stdout.
 *
 * Writes into a buf; commas are its own business. Keys and the text the program makes are ASCII; a byte of a string that is not
 * part of valid UTF-8 becomes U+FFFD, so that the output is valid whatever a file was called. Out of memory shows in buf_failed(). */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

struct json {
	struct buf *b;
	bool comma; /* a value was written at this level: the next one needs a comma */
};

/* @key is NULL inside an array and at the top. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_string(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
