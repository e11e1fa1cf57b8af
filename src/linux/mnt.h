/* mnt.h - mounts by descriptor: fsopen, open_tree, mount_setattr, move_mount (Linux 5.2, 5.12). No path inside a container's tree is ever a string here.
 *
 * A detached mount is a descriptor that nobody can see yet: it is made read-only, idmapped, nodev before it is attached, so there
 * is no moment in which a shared base is writable. Functions return a descriptor, 0 or -errno. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

/* Attributes for mnt_attr(); values of the kernel's MOUNT_ATTR_*. */
#define MNT_RDONLY 0x00000001u
#define MNT_NOSUID 0x00000002u
#define MNT_NODEV 0x00000004u
#define MNT_NOEXEC 0x00000008u
#define MNT_NOATIME 0x00000010u
#define MNT_STRICTATIME 0x00000020u
#define MNT_NODIRATIME 0x00000080u
#define MNT_NOSYMFOLLOW 0x00200000u

/* Propagation for mnt_attr(). */
enum mnt_propagation { MNT_KEEP, MNT_PRIVATE, MNT_SHARED, MNT_SLAVE, MNT_UNBINDABLE };

/* A new file system: @opts is pairs "key", "value" (value NULL = flag), ended by NULL. @attrs MNT_*. Gives a detached mount. On failure @why (if given,
 * 256 bytes) receives the kernel's own explanation from the fs context, or "". */
int mnt_new(const char *fstype, const char *const *opts, uint32_t attrs, char *why) MUST_USE;

/* Detached clone of the tree at (@dirfd, @path); @recursive takes what is mounted below too. AT_EMPTY_PATH when path is "". Follows no final link. */
int mnt_clone(int dirfd, const char *path, bool recursive) MUST_USE;

/* Changes attributes of the mount behind @fd ("" path), recursively when asked. @userns_fd >= 0 idmaps it. */
int mnt_attr(int fd, bool recursive, uint32_t set, uint32_t clear, enum mnt_propagation prop, int userns_fd) MUST_USE;

/* Attaches detached mount @fd onto the file or directory behind O_PATH descriptor @target. */
int mnt_attach(int fd, int target) MUST_USE;
/* Attaches beneath the topmost mount at @target (6.5). */
int mnt_attach_beneath(int fd, int target) MUST_USE;

/* Detaches the mount at (dirfd, name), lazily. */
int mnt_detach(int dirfd, const char *name) MUST_USE;

/* Makes the mount behind @root the root of the calling process's mount namespace and drops the old one. */
int mnt_pivot(int root) MUST_USE;

/* An EROFS image as a detached read-only mount: straight from the file where the kernel can, else through a loop device that the kernel frees at
 * the last unmount. @ret_level: "erofs-file" or "erofs-loop". */
int mnt_erofs(int image_fd, bool allow_file, bool allow_loop, const char **ret_level, char *why) MUST_USE;

/* The file system @fstype on block device or image file @path, as a detached mount; NULL: whichever of the kernel's finds itself there, tried in the order it lists them, then those it may have as
 * modules. A file gets a loop device that the kernel frees at the last unmount. What cannot be written is mounted read-only. @opts and @why as for mnt_new(); -EINVAL when no file
 * system takes it. */
int mnt_image(const char *path, const char *fstype, bool block, bool read_only, const char *const *opts, char *why) MUST_USE;

/* Overlay of @lower (top first) with @upper and @work directories by descriptor (all on detached or attached mounts; @upper FD_NONE = read-only).
 * Uses lowerdir+ descriptors (6.8), else /proc/self/fd paths. */
#define MNT_OVERLAY_VOLATILE 1u  /* no sync: the upper layer is forgotten anyway */
#define MNT_OVERLAY_USERXATTR 2u /* marks in user.*: trusted.* is for the root of the host (5.11) */
int mnt_overlay(const int *lower, size_t lower_count, int upper, int work, unsigned flags, char *why) MUST_USE;
