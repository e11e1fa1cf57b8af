/* log.h - lines for whoever looks afterwards: what -o, -l and lxc.log.* ask for.
 *
 * One line is `COMMAND NAME TIME LEVEL PART - TEXT`, as LXC's tools write theirs without the place in the source: "lxc-start web1 20261126215806.540 INFO     monitor - ...". TIME is
 * that of UTC, with milliseconds. A line is one write(2) at the end of the file, so several processes may share it. Lines that cannot be written are lost: nothing fails for a log. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Most talkative first, with LXC's numbers. LOG_LEVEL_OFF: nothing is written. */
enum log_level {
	LOG_LEVEL_TRACE, LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_NOTICE, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_CRIT, LOG_LEVEL_ALERT, LOG_LEVEL_FATAL, LOG_LEVEL_OFF,
};

struct log {
	int level;            /* the least that is written */
	int fd;               /* of the file; FD_NONE = none */
	int system;           /* of the system log; FD_NONE = none */
	int facility;         /* of the system log: index into log_facilities, -1 = none is wanted */
	bool file_said, level_said; /* by the command line, which goes before a container's config */
	const char *command;  /* borrowed: the first word of a line */
	const char *name;     /* borrowed: the container, or NULL */
	char path[512];       /* absolute, "" = no file, or one that only the descriptor leads to */
};

#define LOG_INIT {.level = LOG_LEVEL_OFF, .fd = FD_NONE, .system = FD_NONE, .facility = -1}

/* "daemon", "local0" .. "local7". */
#define LOG_FACILITIES 9
extern const char *const log_facilities[LOG_FACILITIES];

/* "ERROR"; never NULL. */
const char *log_level_name(int level);
/* A level's name in any case ("debug"), or -EINVAL. */
int log_level_parse(const char *text) MUST_USE;

/* Is a line of @level written? False for NULL. */
static inline bool log_wants(const struct log *l, int level)
{
	return l && level >= l->level && l->level < LOG_LEVEL_OFF;
}

/* Opens @path for appending; it and missing directories on the way are made (0640, 0755). A link in its place is followed only in /dev and /proc, where
 * /dev/stderr is one: elsewhere the directory may be a container's. A file must be a regular one, a terminal or a pipe. Descriptor or -errno (-ELOOP: a link). */
int log_open_file(const char *path) MUST_USE;
/* Whether what is behind @fd can be opened again by its path: a regular file. */
bool log_is_plain(int fd);
/* A socket to the system log of whose root directory is ours. Descriptor or -errno (-ENOENT, -ECONNREFUSED: there is none). */
int log_open_system(void) MUST_USE;
/* Closes what is open. */
void log_close(struct log *l);

/* Text of several lines becomes as many; control characters are escaped. */
void log_write(const struct log *l, int level, const char *part, const char *fmt, ...) PRINTF(4, 5);
/* The whole of @e, one line each for what was asked, why it failed and what to try. */
void log_err(const struct log *l, int level, const char *part, const struct err *e);
