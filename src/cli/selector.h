/* selector.h - which containers a verb is about.
 *
 * Grammar, in words separated by blanks or commas:
 *
 *     web1                  a name
 *     'web*'  'ci-[0-9]?'   a pattern, as the shell knows it
 *     base=NAME[@VERSION]   status=running   mode=overlay   tag=lab     the value may be a pattern
 *     --all                 everything
 *
 * Names and patterns add up: a container is chosen when one of them fits. Filters of one key add up as well, filters of different keys must
 * all fit, and filters narrow what the names chose; filters alone choose among all. A name that does not exist is an error; so is a pattern that
 * fits nothing at all; a filter or --all that leaves nothing is not. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

struct coppice_info;

enum term_kind { TERM_NAME, TERM_PATTERN, TERM_BASE, TERM_STATUS, TERM_MODE, TERM_TAG };

struct term {
	enum term_kind kind;
	const char *text; /* name, pattern or the value of a filter */
};

struct selector {
	struct term *terms;
	size_t count;
	bool all;
};

/* Parses @words into @ret, whose strings live in @a. ERR_INPUT on a bad name, an unknown key or state. */
int selector_parse(struct arena *a, const char *const *words, size_t count, bool all, struct selector *ret, struct err *e) MUST_USE;

/* Only names: no list of containers is needed to know what is meant. */
bool selector_is_names(const struct selector *s);
/* No term and no --all. */
bool selector_is_empty(const struct selector *s);

/* Whether the container fits. An empty selector fits nothing. */
bool selector_fits(const struct selector *s, const struct coppice_info *info);
/* Whether names and patterns alone would choose @name: tells "no such thing" from "filtered away". */
bool term_fits_name(const struct term *t, const char *name);
