/* dirs.c - see dirs.h. */
#include "state/dirs.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int dirs_open(int dirfd, const char *name, bool make)
{
	int fd = fd_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd != -ENOENT || !make)
		return fd;
	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	return fd_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

const struct dirent *dirs_next(DIR *d)
{
	const struct dirent *ent;

	do {
		errno = 0;
		ent = readdir(d);
	} while (ent && (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0));
	return ent;
}

int dirs_sync(int dirfd)
{
	int r = path_sync_dir(dirfd);

	return r == -EINVAL || r == -EROFS ? 0 : r;
}
