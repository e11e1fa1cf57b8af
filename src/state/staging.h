/* staging.h - the hidden directories beneath the two roots, and getting rid of a tree without ever showing half of it; for this folder
 * only. */
#pragma once

#include "state/state.h"

#define STAGING ".staging"
#define TRASH ".trash"
#define LOCKS ".locks"

/* Renames @name in @dir out of sight into the staging area, then removes it. When only the removal fails, the sweep will finish it. */
int staging_discard(const struct state *st, int dir, const char *name) MUST_USE;
