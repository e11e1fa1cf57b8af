/* verify.h - does a sealed base still hold what was sealed? */
#pragma once

#include "base/err.h"

/* Hashes everything in base @ref (NAME, NAME@VERSION) of the store and compares it with the manifest, and the manifest with digest and
 * version. Writes the result line. ERR_DAMAGED names the first differences and the packages they belong to. */
int verify_base(const char *store, const char *ref, struct err *e) MUST_USE;
