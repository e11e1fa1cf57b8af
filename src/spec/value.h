/* value.h - what setters share: one config value checked and turned into a field. Internal to src/spec.
 *
 * The functions say only why a value is bad ("not a number"); key_apply() adds where, which key, which value and what is allowed. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

/* ERR_INPUT with @r = -EINVAL ("not @what") or -ERANGE ("out of range"). Returns @r. */
int value_bad(struct err *e, int r, const char *what);
/* -ENOMEM, told. */
int value_oom(struct err *e);

/* Each parses @v; "" gives @unset. Bounds are inclusive. */
int value_bool(const char *v, bool unset, bool *ret, struct err *e) MUST_USE;
int value_u64(const char *v, uint64_t min, uint64_t max, uint64_t unset, uint64_t *ret, struct err *e) MUST_USE;
int value_u32(const char *v, uint32_t min, uint32_t max, uint32_t unset, uint32_t *ret, struct err *e) MUST_USE;
int value_size(const char *v, uint64_t min, uint64_t max, uint64_t unset, uint64_t *ret, struct err *e) MUST_USE;
int value_signal(const char *v, int *ret, struct err *e) MUST_USE; /* "" = 0 */
int value_duration_ms(const char *v, uint64_t unset, uint64_t *ret, struct err *e) MUST_USE;

/* The next word of *@at, separated by blanks: its length in @len, *@at behind it. NULL when none is left. */
const char *value_word(const char **at, size_t *len);
/* True when @len bytes at @w spell @word. */
bool value_is(const char *w, size_t len, const char *word);
/* True when @word is one of @words. */
bool value_one_of(const char *word, const char *const *words, size_t count);
/* Copies the word into @out (of @size bytes); false when it does not fit. */
bool value_copy(const char *w, size_t len, char *out, size_t size) MUST_USE;

/* ERR_INPUT "unknown @what 'word'", with the nearest of @known when there is one. */
int value_unknown(struct err *e, const char *what, const char *word, const char *const *known, size_t count);

/* True when @v holds no control byte but tab. */
bool value_printable(const char *v);

/* Splits a command line as a shell does: blanks separate, '...' is literal, "..." knows \" and \\, a backslash outside takes the next byte
 * as it is. No variables, no globs. The vector (NULL-ended) is in @a; "" gives none. At most 1024 words. */
int value_argv(struct arena *a, const char *v, const char ***ret, size_t *ret_count, struct err *e) MUST_USE;

/* A path without "." components, doubled or trailing slashes; ".." is refused. Absolute when @absolute, else both kinds pass. Below
 * PATH_MAX. */
int value_path(struct arena *a, const char *v, bool absolute, const char **ret, struct err *e) MUST_USE;
