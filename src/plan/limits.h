/* limits.h - one resource model, two languages: what to write to which cgroup file on this kind of host. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "linux/facts.h"
#include "spec/spec.h"

#define LIMITS_MAX 96

struct limit_write {
	enum cg_controller controller;
	bool v2;
	char file[64];
	char value[512];
	const char *where; /* "file:line" of a file that was said by its name, borrowed from the limits; NULL = of a field, or not from a file */
};

/* "file:line" of the key that led to @w, NULL when it was not said in a file. Borrowed from @s. */
const char *limits_said_at(const struct spec *s, const struct limit_write *w);

/* The class id among the files, for a host without a controller for it: true, and @ret_mark. */
bool limits_class(const struct facts *f, const struct spec_limits *l, uint32_t *ret_mark);

/* Translates @l for the host @f into at most LIMITS_MAX writes in the order they must happen, and says in @ret_need (bit per enum cg_controller) which controllers must
 * have a node. What a host of that kind has no file for becomes a line in @notes; a limit whose controller does not exist at all is an error: a limit that does not hold is
 * worse than none. Conversions: memsw = memory + swap; shares = 2 + (weight - 1) * 262142 / 9999, both ways. */
int limits_translate(const struct facts *f, const struct spec_limits *l, struct limit_write *writes, size_t *ret_count, uint32_t *ret_need, struct buf *notes,
		     struct err *e) MUST_USE;
