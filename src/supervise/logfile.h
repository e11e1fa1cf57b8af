/* logfile.h - a console log that is bounded on disk.
 *
 * Two files, NAME and NAME.1, each at most half the limit; at the limit NAME is renamed to NAME.1. A full disk drops output, counted, and
 * never blocks or stops the container. */
#pragma once

#include "base/attr.h"

struct logfile {
	int dir;  /* borrowed directory descriptor */
	int fd;
	char name[64];
	uint64_t limit, size, dropped;
};

int logfile_open(struct logfile *l, int dir, const char *name, uint64_t limit) MUST_USE; /* limit 0: a log that keeps nothing */
void logfile_close(struct logfile *l);
void logfile_write(struct logfile *l, const char *bytes, size_t len);
