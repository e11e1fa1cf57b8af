/* rules.h - what never enters a base, as tables of path patterns.
 *
 * Used while copying (so that it is not even read) and again on every staged tree, whatever made it. */
#pragma once

#include "image/copy.h"

/* @pattern: as in fnmatch(3) where * stops at '/'; a final slash and two stars mean everything below. */
bool rules_match(const char *pattern, const char *path);

/* What is left out of any base: content of mount points, caches, logs. Directories in caches and logs stay, programs expect theirs. */
enum copy_verdict rules_any(const char *path, const struct stat *st);

/* What is left out besides when the running host is the source: its big state, spools, local software. */
enum copy_verdict rules_host(const char *path, const struct stat *st);

/* In the image, but not in a container's private part: it is made again when needed, or serves package management only. */
bool rules_not_in_skel(const char *path);

/* Top-level directories of the host that are looked at; NULL-terminated. */
extern const char *const rules_host_tops[];

/* The five directories a container gets fresh, with the mode of their empty place; ends with a NULL path. */
struct mount_point {
	const char *path;
	mode_t mode;
};
extern const struct mount_point rules_mount_points[];
