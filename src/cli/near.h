/* near.h - "did you mean". */
#pragma once

#include "base/attr.h"

/* The one of @candidates that @word was probably meant to be: the closest by spelling (base/parse.h), else one that differs by two swapped
 * neighbours ("strat"), else the only one that begins with @word. NULL when there is none. */
const char *near_word(const char *word, const char *const *candidates, size_t count);
