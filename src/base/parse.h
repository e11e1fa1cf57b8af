/* parse.h - the only place where text becomes numbers, sizes, ids and names.
 *
 * All parsers take a whole string (no trailing garbage, no leading space, no sign where none makes sense), check for overflow and
 * write their result only on success. They return 0, -EINVAL (malformed) or -ERANGE (well formed, does not fit). */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

int parse_u64(const char *s, uint64_t *ret) MUST_USE;            /* decimal */
int parse_u64_base(const char *s, int base, uint64_t *ret) MUST_USE; /* 8, 10, 16; no prefix */
int parse_i64(const char *s, int64_t *ret) MUST_USE;             /* decimal, optional '-' */
int parse_u32(const char *s, uint32_t *ret) MUST_USE;
int parse_bool(const char *s, bool *ret) MUST_USE;               /* 1 0 yes no true false on off */

/* "128M": bytes, units K M G T P E (also KiB, KB: all 1024; small letters say the same, as for the kernel and LXC). Fractions are allowed before a unit ("1.5G"). */
int parse_size(const char *s, uint64_t *ret) MUST_USE;

/* "0.5", "2": thousandths, so that 1.5 cpus = 1500. At most three decimals. */
int parse_milli(const char *s, uint64_t *ret) MUST_USE;

/* "30", "0.25", "500ms", "2s", "5m", "1h", "7d": milliseconds; a bare number is seconds. */
int parse_duration_ms(const char *s, uint64_t *ret) MUST_USE;

/* A signal by name with or without SIG, by number, or SIGRTMIN+3 / RTMAX-1. Gives the kernel's number. */
int parse_signal(const char *s, int *ret) MUST_USE;

/* "0-3,7": a set of ids below 4096, blanks around the commas or not; @bits has 64 words. Empty is -EINVAL. */
#define PARSE_SET_WORDS 64
int parse_id_set(const char *s, uint64_t bits[PARSE_SET_WORDS]) MUST_USE;

/* [A-Za-z0-9][A-Za-z0-9_.-]{0,62}: what bases, networks, and containers made here may be called. */
bool parse_is_name(const char *s);

/* [A-Za-z0-9_+@:][A-Za-z0-9_.+@:-]{0,62}: what a container that is there may be called, whoever made it. Such a name is one word to a shell and in a list, a file that is not hidden,
 * and no option. */
bool parse_is_container(const char *s);
#define PARSE_CONTAINER_RULE "1 to 63 letters, digits, '_', '.', '-', '+', '@' or ':', the first of them neither '.' nor '-'"

/* Splits "NAME:/path" or "NAME:path", a place in a container: gives the path, and the name in @name. NULL: a path of the host, as is "./a:b". A name has no slash, so the colon right before
 * the first slash ends it, whatever others it has. */
const char *parse_inside(const char *s, char name[64]);

/* NAME or NAME@VERSION; splits in place into the caller's buffers (64 bytes each). @version is "" when absent. */
int parse_base_ref(const char *s, char name[64], char version[72]) MUST_USE;

/* Human sizes and times for tables: "2.9M", "41d". @out has room for 16 bytes. */
void format_size(uint64_t bytes, char out[16]);
void format_age(uint64_t seconds, char out[16]);
/* RFC 3339 in UTC; 32 bytes. */
void format_time(int64_t unix_seconds, char out[32]);

/* Copies @in to @out with control bytes and invalid UTF-8 replaced by '?', for terminals and logs. Always terminated. */
void format_safe(const char *in, char *out, size_t size);

/* The candidate closest to @word by edit distance, at most max(1, strlen/3) edits away; NULL when none. */
const char *parse_closest(const char *word, const char *const *candidates, size_t count);
