/* dirs.h - directories of our own: opening, making, listing, syncing. */
#pragma once

#include "base/attr.h"

#include <dirent.h>
#include <stdbool.h>

/* Opens directory @name in @dirfd for reading (flock, fsync, readdir), making it 0700 when @make. Not through a link. */
int dirs_open(int dirfd, const char *name, bool make) MUST_USE;

/* Next name that is not "." or ".."; NULL at the end (errno 0) or on error (errno). */
const struct dirent *dirs_next(DIR *d);

/* fsync of a directory opened for reading or O_PATH; a file system that cannot is fine. */
int dirs_sync(int dirfd) MUST_USE;
