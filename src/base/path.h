/* path.h - names that may be hostile, resolved beneath a directory descriptor.
 *
 * A container's tree is written by strangers. Every name inside one is resolved by the kernel relative to a descriptor
 * (openat2(2), Linux 5.6), never by a joined string:
 *   path_open_in       follows links, but `/` and `..` stop at the root, as the container itself would see it;
 *   path_open_beneath  follows no link at all and crosses no mount: for creating, changing and deleting. */
#pragma once

#include "base/attr.h"

#include <sys/types.h>

/* RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS. Descriptor or -errno (-ELOOP on magic links and link loops). */
int path_open_in(int rootfd, const char *path, int flags, mode_t mode) MUST_USE;

/* RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV. A leading '/' is ignored. Descriptor or
 * -errno (-ELOOP when a component is a symbolic link, -EXDEV on a mount point or an escape). */
int path_open_beneath(int rootfd, const char *path, int flags, mode_t mode) MUST_USE;

/* As path_open_beneath, but mounts may be crossed: for targets inside a tree that we have assembled ourselves. */
int path_open_nolinks(int rootfd, const char *path, int flags, mode_t mode) MUST_USE;

/* Makes directory @path and its parents beneath @rootfd with @mode, following no link. An existing directory is fine. Returns an
 * O_PATH descriptor of it, or -errno. */
int path_mkdirs_beneath(int rootfd, const char *path, mode_t mode) MUST_USE;

/* Makes a host directory and its parents (like mkdir -p), @mode for the last one, 0755 for parents. 0 or -errno. */
int path_mkdirs(const char *path, mode_t mode) MUST_USE;

/* Removes @name (one component) in @dirfd recursively, never following a link and never crossing a mount (-EXDEV when one is found; what
 * was already removed stays removed). A missing name is success. A btrfs subvolume goes whole; nothing is looked for within it. */
int path_remove_tree(int dirfd, const char *name) MUST_USE;

/* fsync of the directory itself. */
int path_sync_dir(int dirfd) MUST_USE;

/* Writes @len bytes to a temporary name beside @name, fsyncs, renames over it, fsyncs the directory. 0 or -errno; on failure the old
 * file is untouched and no temporary is left. */
int path_replace_file(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode) MUST_USE;

/* The same without any fsync: whole or old for every reader, but nothing is promised after a power cut. For run-time state that a reboot voids anyway. */
int path_swap_file(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode) MUST_USE;
