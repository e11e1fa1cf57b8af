/* logview.h - reads a bounded log (logfile.h) from outside: oldest byte first, or its last lines, then what comes, through every rotation.
 *
 * Reader and writer share nothing but the names; a reader that is slower than two rotations misses what was deleted meanwhile. Bytes are raw: they
 * were written by a container and may hold anything. */
#pragma once

#include "base/attr.h"

#include <sys/types.h>

struct logview {
	int dir; /* borrowed */
	int fd;  /* the file being read; FD_NONE before there is one */
	uint64_t pos;
	char name[64];
};

#define LOGVIEW_ALL UINT64_MAX

/* Opens the log @name in @dir at the last @lines lines (0: at its end; LOGVIEW_ALL: at the oldest byte kept). A log that does not exist yet is
 * empty and may appear later. 0 or -errno. */
int logview_open(struct logview *v, int dir, const char *name, uint64_t lines) MUST_USE;
void logview_close(struct logview *v);
/* The next bytes: how many, 0 = nothing more for now (ask again later to follow), -errno. */
ssize_t logview_read(struct logview *v, char *out, size_t size) MUST_USE;
