/* keys.h - the one table of config keys: parser, editor, help, man page and completion come from it.
 *
 * A key is one row: name, type, what it sets, a help line, a test vector. Adding one touches keys.c only. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct spec;

enum key_type {
	KEY_STRING, KEY_BOOL, KEY_U64, KEY_SIZE, KEY_SIGNAL, KEY_DURATION, KEY_LIST, KEY_PREFIX /* name ends in '.': a family */
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
};

/* The row for @key, exact or by family; NULL when unknown. */
const struct key_row *key_find(const char *key);
/* All rows, for help and tests. */
const struct key_row *key_rows(size_t *ret_count);
/* Nearest known name for "did you mean", NULL when none. */
const char *key_suggest(const char *key);
