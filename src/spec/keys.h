/* keys.h - the one table of config keys: parser, editor, help, man page and completion come from it.
 *
 * A key is one row: name, legacy name, type, what it sets, a help line, a test vector. Adding one touches the table in keys.c and, when no
 * setter fits yet, the keys-GROUP.c of its group. Rows are sorted by name. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct spec;

enum key_type {
	KEY_STRING, KEY_BOOL, KEY_U64, KEY_SIZE, KEY_SIGNAL, KEY_DURATION, KEY_LIST, KEY_PREFIX, /* name ends in '.': a family */
	KEY_TYPE_COUNT,
};

/* What becomes of a key here. */
enum key_status {
	KEY_WORKS,
	KEY_IGNORED, /* accepted, with a note that says why it changes nothing */
	KEY_REFUSED, /* known, and an error that says why; only the empty value is taken */
	KEY_STATUS_COUNT,
};

struct key_row {
	const char *name;     /* "lxc.uts.name", or a family "lxc.prlimit." */
	enum key_type type;
	bool list;            /* may appear many times; empty value clears */
	/* Parses @value (never NULL, may be empty) of @key into @s. err_set with ERR_INPUT says what is allowed. */
	int (*set)(struct spec *s, const char *key, const char *value, struct err *e);
	const char *help;     /* one line, no full stop */
	const char *values;   /* what is allowed: "a size such as 512M" */
	const char *example;  /* a value that must be accepted */
	const char *bad;      /* a value that must be refused, NULL if every string is good */
	const char *example_key; /* of a family: the key that @example and @bad belong to */
	const char *legacy;   /* the name (or family) before LXC 2.1, accepted for ever; NULL = none */
	const char *also;     /* further old names, with blanks between; NULL = none */
	const char *since;    /* release of LXC that brought this name: "2.1"; NULL = 0.7 or before, and for coppice.* */
	const char *until;    /* release of LXC that took it away: "3.0"; NULL = it is still there */
	enum key_status status;
	const char *why;      /* why it is ignored or refused, or a limit of what works; NULL = nothing to say. No full stop */
	/* Of a family whose members differ: the row of @key's member, NULL when there is none. */
	const struct key_row *(*member)(const char *key);
};

/* The members of lxc.net.N., for help and tests: rows named "lxc.net.N.link". */
const struct key_row *key_net_rows(size_t *ret_count);

/* Longest key, and room for one. */
#define KEY_NAME_MAX 256

/* The row for @key: by name, by legacy name, else by the longest family. A family without its dot ("lxc.prlimit") is found too; it may only
 * be cleared. NULL when unknown. */
const struct key_row *key_find(const char *key);
/* All rows, for help and tests. */
const struct key_row *key_rows(size_t *ret_count);
/* Nearest known name for "did you mean", NULL when none. */
const char *key_suggest(const char *key);

/* The modern spelling of @key, whose row is @row: "lxc.id_map" gives "lxc.idmap", "lxc.limit.core" gives "lxc.prlimit.core". False when it
 * does not fit. */
bool key_canonical(const struct key_row *row, const char *key, char out[KEY_NAME_MAX]) MUST_USE;

/* Applies one "key = value" to @s: finds the row, runs its setter, remembers where it was said. @where is "file:line" or NULL, borrowed for
 * the life of @s. Failure is told as "WHERE: KEY = 'VALUE': reason (allowed: ...)", an unknown key with a suggestion; @s may then hold part of
 * the value and is only good for spec_done(). lxc.include is checked but not followed: conf_apply() does that. */
int key_apply(struct spec *s, const char *where, const char *key, const char *value, struct err *e) MUST_USE;
