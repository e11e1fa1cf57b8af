/* inner.h - what the files of this folder share beyond store.h. */
#pragma once

#include "store/store.h"

/* Opens (for reading) the store's own directory "bases", "pool", "trash" ... */
int store_subdir(const struct store *s, const char *name) MUST_USE;

/* Renames @name in @dir into the store's trash under a unique name that begins with @label, then removes it. -ENOENT when there is no such
 * name. A failed or interrupted removal is left to the collector and is no error. */
int store_discard(const struct store *s, int dir, const char *name, const char *label) MUST_USE;

/* A version id as it may appear in a path: lower-case hex, at most 71 digits. */
bool store_is_version(const char *s);

/* Fills empty directory @root (0700, ours) as the private tree of a bind container: skel and mount points. @base_mount may be FD_NONE. */
int layer_fill(const struct store *s, const struct store_base *b, int base_mount, int root, bool *ret_reflinked, struct err *e) MUST_USE;

/* Takes a ready tree for @version: renames it to @name in @dir. -ENOENT when there is none, -EXDEV when the container lives on another
 * file system. */
int pool_take(const struct store *s, const char *version, int dir, const char *name) MUST_USE;
