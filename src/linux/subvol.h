/* subvol.h - subvolumes of btrfs, by the kernel's own calls (linux/btrfs.h of the kernel): no program of btrfs-progs is needed. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

/* @fd lies on btrfs. */
bool subvol_fs(int fd);
/* @fd is the top directory of a subvolume. */
bool subvol_is(int fd);
/* An empty subvolume @name in directory @dir. -ENOTTY when that is not on btrfs. */
int subvol_create(int dir, const char *name) MUST_USE;
/* A writable snapshot @name, in directory @dir, of the subvolume behind @from. It depends on nothing; subvolumes within are empty directories in it. -EXDEV when
 * they are two file systems, -EINVAL when @from is no subvolume. */
int subvol_snapshot(int from, int dir, const char *name) MUST_USE;
