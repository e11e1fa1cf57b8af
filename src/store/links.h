/* links.h - which inodes with several names were met already; for this folder only. */
#pragma once

#include "base/buf.h"

#include <sys/types.h>

struct link_slot {
	dev_t dev;
	ino_t ino; /* 0 = free: no file system gives out inode 0 */
	size_t path;
};

struct links {
	struct link_slot *slots;
	size_t count, cap;
	struct buf paths;
};

#define LINKS_INIT {NULL, 0, 0, BUF_INIT}

void links_done(struct links *l);

/* The path under which (@dev, @ino) was noted; NULL when it is new, and then @path is noted for it. Borrowed until the next call.
 * @ret_error is -ENOMEM when it could not be noted. */
const char *links_meet(struct links *l, dev_t dev, ino_t ino, const char *path, int *ret_error);
