/* logfile.h - a console log that is bounded on disk.
 *
 * Two files, NAME and NAME.1, each at most half the limit; at the limit NAME is renamed to NAME.1. A full disk drops output, counted, and
 * never blocks or stops the container; when writing works again a mark in the log says how much is missing. */
#pragma once

#include "base/attr.h"

struct logfile {
	int dir;  /* borrowed directory descriptor */
	int fd;   /* FD_NONE while NAME cannot be opened: tried again at each write */
	char name[64];
	uint64_t limit, size, dropped;
	uint64_t noted; /* how much of dropped the marks have told */
};

/* Opens NAME (one component, made with mode 0600, never through a link) for appending in @dir. @limit 0: a log that keeps nothing. A limit
 * lower than before takes hold as the files rotate. 0 or -errno: -EINVAL (name), -ENAMETOOLONG, -ELOOP (a link), -EEXIST (not a regular file). */
int logfile_open(struct logfile *l, int dir, const char *name, uint64_t limit) MUST_USE;
void logfile_close(struct logfile *l);
/* Never fails for the caller: what cannot be written is counted in @dropped. A process under RLIMIT_FSIZE must ignore SIGXFSZ. */
void logfile_write(struct logfile *l, const char *bytes, size_t len);
