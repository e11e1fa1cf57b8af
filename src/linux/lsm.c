/* lsm.c - securityfs and sysfs tell what is in force; a label is one write to the process's own attribute. */
#include "linux/lsm.h"

#include "base/fd.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A host that does not mount securityfs has it all the same: @root is asked first, then, for the running kernel, a mount of our own. */
static bool mediates_mounts(int at, bool running_kernel)
{
	autoclose int fs = FD_NONE;
	char text[256];

	if (fd_read_file(at, "sys/kernel/security/apparmor/features/mount/mask", text, sizeof(text)) > 0)
		return true;
	if (!running_kernel || faccessat(at, "sys/kernel/security/apparmor", F_OK, 0) == 0)
		return false;
	fs = mnt_new("securityfs", (const char *const[]){NULL}, MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
	return fs >= 0 && fd_read_file(fs, "apparmor/features/mount/mask", text, sizeof(text)) > 0;
}

void lsm_probe(int root, struct lsm *ret)
{
	autoclose int own = root < 0 ? fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0) : FD_NONE;
	int at = root < 0 ? own : root;
	char text[256];

	*ret = (struct lsm){0};
	if (at < 0)
		return;
	ret->apparmor = fd_read_file(at, "sys/module/apparmor/parameters/enabled", text, sizeof(text)) > 0 && text[0] == 'Y';
	ret->apparmor_mounts = ret->apparmor && mediates_mounts(at, root < 0);
	ret->selinux = fd_read_file(at, "sys/fs/selinux/enforce", text, sizeof(text)) > 0;
}

int lsm_label(int procfs, const char *file, const char *text)
{
	char path[64];
	autoclose int fd = FD_NONE;
	const char *shared = strncmp(file, "apparmor/", 9) == 0 ? file + 9 : NULL;

	(void)snprintf(path, sizeof(path), "self/attr/%s", file);
	fd = fd_open(procfs, path, O_WRONLY | O_NOCTTY, 0);
	if (fd == -ENOENT && shared) {
		(void)snprintf(path, sizeof(path), "self/attr/%s", shared);
		fd = fd_open(procfs, path, O_WRONLY | O_NOCTTY, 0);
	}
	return fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
}
