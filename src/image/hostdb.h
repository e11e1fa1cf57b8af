/* hostdb.h - the files of a host's dpkg database beside the status: lists, diversions, triggers, overrides, alternatives. Read from the
 * host, and written for a subset of its packages. */
#pragma once

#include "base/fd.h"
#include "image/alternatives.h"
#include "image/dpkg.h"

/* Paths without their leading slash. */
struct hostdb_diversion {
	const char *from, *to;
	const char *by; /* package, ":" = the administrator */
};

struct hostdb {
	struct arena strings;
	int dir;              /* /var/lib/dpkg */
	int etc_alternatives; /* of the host; FD_NONE when there is none */
	struct hostdb_diversion *diversions;
	size_t diversion_count;
};

#define HOSTDB_INIT {.strings = ARENA_INIT, .dir = FD_NONE, .etc_alternatives = FD_NONE}

/* Opens the database of the system at @host and parses its status file into @db. ERR_UNSUPPORTED where there is none. */
int hostdb_open(struct hostdb *h, int host, struct dpkg *db, struct err *e) MUST_USE;
void hostdb_done(struct hostdb *h);

/* The list of files of a package (by its name in info/). */
int hostdb_read_list(const struct hostdb *h, const char *info_name, struct buf *out, struct err *e) MUST_USE;

/* The diversion that moves @path away for @package (another package made it), or NULL. */
const struct hostdb_diversion *hostdb_diverted(const struct hostdb *h, const char *path, const char *package);
bool hostdb_diverter_wanted(const struct hostdb_diversion *d, const struct dpkg *db);

/* Writes var/lib/dpkg of @tree (its directory exists) for the marked packages, and reduces the alternatives. */
int hostdb_write(const struct hostdb *h, const struct dpkg *db, int tree, const struct alternatives_ops *ops, struct err *e) MUST_USE;
