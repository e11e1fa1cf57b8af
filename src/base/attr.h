/* attr.h - compiler attributes and ownership helpers every file uses.
 *
 * Ownership words used in header comments: *borrows* (caller keeps it), *takes* (callee owns it from now on, also on
 * failure), *gives* (caller owns the result). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Runs fn(&variable) when the variable leaves its scope. Declare with an initial value, always. */
#define autodone(fn) __attribute__((cleanup(fn)))

void attr_free_ptr(void *pp);

/* Heap pointer freed at the end of its scope. */
#define autofree autodone(attr_free_ptr)

/* Hands a pointer to its next owner: yields the value, leaves NULL behind. */
#define take(p)                     \
	({                              \
		__typeof__(p) take_p_ = (p); \
		(p) = NULL;                 \
		take_p_;                    \
	})
