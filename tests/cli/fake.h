/* fake.h - what the files of the fake engine share: the public operations over canned data, so that every table, JSON and error form of the command is
 * tested without root.
 *
 * Nothing is kept between two calls of the program. What it does is steered by the environment:
 *
 *   COPPICE_FAKE_SET    "" = four containers and two bases; "empty" = nothing; "many:N" = N containers; "odd" = hostile texts
 *   COPPICE_FAKE_FAIL   "OP[:NAME]=KIND[:CODE]" separated by blanks: the operation fails so ("start:web1=busy", "open=denied:13")
 *   COPPICE_FAKE_SLOW   milliseconds that stop takes
 *   COPPICE_FAKE_LOG    "1": every operation tells its arguments on stderr, prefixed with "engine: " */
#pragma once

#include "base/err.h"
#include "coppice/coppice.h"

#include <stdbool.h>
#include <stddef.h>

struct coppice {
	void (*trace)(void *data, const char *text);
	void *trace_data;
	struct coppice_info *infos;
	size_t count;
};

#define TEXT(field, text) fake_set_text((field), sizeof(field), (text))

void fake_set_text(char *field, size_t size, const char *text);

/* Tells an operation's arguments when the environment wants to hear them. */
void fake_said(const char *fmt, ...) PRINTF(1, 2);

/* Does COPPICE_FAKE_SET begin with @word? */
bool fake_set_is(const char *word);

/* Fails when the environment says so for @op (on @name). 0 or -errno. */
int fake_fails(const char *op, const char *name, struct err *e);

/* The container @name, NULL when there is none. */
const struct coppice_info *fake_find(const struct coppice *c, const char *name);

/* Common beginning of every operation on a container. */
int fake_enter(struct coppice *c, const char *op, const char *name, const struct coppice_info **ret, struct err *e);

/* Writes @list (ended by NULL) as "[one][two]" and returns how many there were. */
size_t fake_words(const char *const *list, char *out, size_t size);

/* 0 when @ref names a canned base, else -errno and @e. */
int fake_find_base(const char *ref, struct err *e);
