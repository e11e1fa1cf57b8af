/* tree.h - editing a staged system by path, without ever leaving it and without leaving traces.
 *
 * The tree may have been written by a stranger. A path's directory part is resolved by the kernel inside the tree (links in it are followed
 * as the container would see them, never outside); the last part is never followed. Every edit restores the times of the directory it
 * changes, so that the same input gives the same image. New files take the time of what they replace, or of their directory.
 *
 * Functions return 0 or a count, or -errno; a missing directory part, a file in its place or a loop of links is -ENOENT: nothing is there.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The entry itself (links not followed). */
int tree_stat(int root, const char *path, struct stat *ret) MUST_USE;
bool tree_is_dir(int root, const char *path);
bool tree_is_file(int root, const char *path); /* a regular file */

/* Content of a regular file, at most @max bytes (-EFBIG), appended to @out. */
int tree_read(int root, const char *path, struct buf *out, size_t max) MUST_USE;
/* Target of a symbolic link, at most 4095 bytes. */
int tree_readlink(int root, const char *path, char out[4096]) MUST_USE;

/* Puts a regular file there, replacing a file or link (not a directory). Mode and owner stay those of a file replaced; a new one is root's
 * with @mode. */
int tree_write(int root, const char *path, const void *bytes, size_t len, mode_t mode) MUST_USE;
int tree_symlink(int root, const char *path, const char *target) MUST_USE; /* replaces a file or link */
int tree_mkdir(int root, const char *path, mode_t mode) MUST_USE;          /* an existing directory is fine */
int tree_rename(int root, const char *from, const char *to) MUST_USE;

/* Removes the entry with all below it. 1 when there was one, 0 when not. */
int tree_remove(int root, const char *path) MUST_USE;

/* Opens a directory for reading, following links inside the tree. */
int tree_open_dir(int root, const char *path) MUST_USE;

/* Directories whose times are set when all that goes into them is there. */
struct tree_time {
	const char *path;
	struct timespec mtime;
};
struct tree_times {
	struct arena *strings; /* borrowed */
	struct tree_time *dirs;
	size_t count;
};
int tree_times_add(struct tree_times *t, const char *path, struct timespec mtime) MUST_USE; /* "" = the root */
/* Sets them in the order they were added; directories that are no longer there are passed over. */
int tree_times_apply(const struct tree_times *t, int root) MUST_USE;

/* Names in a directory, sorted by their bytes. -ENOMEM, or the error of reading. */
struct tree_names {
	char **names;
	size_t count;
};
int tree_list(int dirfd, struct tree_names *ret) MUST_USE;
void tree_names_done(struct tree_names *n);
