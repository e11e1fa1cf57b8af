/* subvol.c - the subvolume calls by directory and name, as a clone or a removal has them. */
#include "linux/subvol.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

bool subvol_fs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == BTRFS_SUPER_MAGIC;
}

bool subvol_is(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_ino == BTRFS_FIRST_FREE_OBJECTID && subvol_fs(fd);
}

int subvol_create(int dir, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = {.fd = 0};

	if ((size_t)snprintf(args.name, sizeof(args.name), "%s", name) >= sizeof(args.name))
		return -ENAMETOOLONG;
	return ioctl(dir, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno : 0;
}

int subvol_snapshot(int from, int dir, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = {.fd = from};

	if ((size_t)snprintf(args.name, sizeof(args.name), "%s", name) >= sizeof(args.name))
		return -ENAMETOOLONG;
	return ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}
