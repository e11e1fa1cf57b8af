/* err.h - one failure, told once, carried anywhere.
 *
 * A `struct err` holds no pointers and is never allocated: it works out of memory, after fork, and is copied byte for byte over a
 * socket, so that the first cause found by a half-built container's child reaches the terminal of whoever asked.
 *
 * The place that knows sets it (err_set, err_sys); each layer above wraps once with what it was doing (err_wrap); the public
 * operation at the top says what was asked (err_what). A person sees three lines:
 *
 *     error: cannot start 'web1'                            what
 *     why:   mount base 'deb@1f2e': open_tree: No such ...  why (the chain, outermost context first)
 *     try:   coppice base verify deb                        hint, a command to paste
 */
#pragma once

#include "base/attr.h"

#include <stdarg.h>

/* Faces map a kind to an exit code and a stable name (E_...); the kind is what programs may depend on. */
enum err_kind {
	ERR_NONE,
	ERR_INPUT,       /* the request is malformed: usage, config, names, numbers */
	ERR_MISSING,     /* the thing named does not exist */
	ERR_EXISTS,      /* the thing to make exists already */
	ERR_STATE,       /* exists, but is in the wrong state for this */
	ERR_BUSY,        /* another command works on it, or something uses it */
	ERR_DENIED,      /* permission */
	ERR_UNSUPPORTED, /* this kernel or host cannot */
	ERR_TIMEOUT,     /* a deadline passed */
	ERR_SYSTEM,      /* a system call failed for another reason */
	ERR_DAMAGED,     /* what is on disk does not match what was sealed or recorded */
	ERR_INTERNAL,    /* our own bug */
	ERR_KIND_COUNT,
};

struct err {
	int32_t code;      /* positive errno, 0 = no error */
	uint32_t kind;     /* enum err_kind */
	uint32_t step;     /* 1-based plan step that failed, 0 = none */
	uint32_t reserved;
	char what[256];
	char why[768];
	char hint[256];
};

/* Clears @e to "no error". */
void err_clear(struct err *e);

static inline int err_is(const struct err *e)
{
	return e->code != 0;
}

/* Records a failure of @kind and errno @code (positive; 0 counts as EINVAL) with the text of its cause. Overwrites whatever
 * @e held. Returns -code, so that callers write `return err_set(...)`. @e may be NULL. */
int err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...) PRINTF(4, 5);

/* Records a failed system call: @code is positive or negative errno, kind is derived from it, ": strerror" is appended. */
int err_sys(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* Prefixes the cause with "context: ". Called once per layer on the way up. Returns -e->code. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Sets the first line ("cannot start 'web1'"), once, by the public operation. Keeps one that is set already. Returns -e->code. */
int err_what(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Sets the third line, a command that can be pasted. The innermost wins: keeps one that is set already. Returns -e->code. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* The kind that fits errno @code (sign ignored). */
enum err_kind err_kind_of(int code);

/* Stable word for a kind: "input", "missing", ... never NULL. */
const char *err_kind_name(enum err_kind kind);
