/* dpkg.h - the package database of a Debian system, read as text: which packages are installed, and which of them a set needs.
 *
 *     struct dpkg db = DPKG_INIT;
 *     dpkg_parse(&db, text, len, e);          reads a status file (takes a copy)
 *     dpkg_want(&db, "bash", e);              marks a package
 *     dpkg_want_essential(&db);
 *     dpkg_close(&db, e);                     marks what the marked ones need
 *     for each db.pkgs[i] with wanted ...
 *     dpkg_done(&db);
 *
 * Format: deb822(5) paragraphs as in /var/lib/dpkg/status; dependencies as in Debian policy 7.1 (comma = and, bar = or, Provides
 * resolved, versions compared as in deb-version(7)). No database program is run and nothing of the system is executed. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct dpkg_pkg {
	const char *name, *arch, *version;
	const char *depends, *pre_depends, *provides; /* "" when absent */
	const char *text;                             /* its paragraph as it stands in the file */
	size_t text_len;
	uint64_t kib;    /* Installed-Size: what it takes, roughly */
	bool installed;  /* files are there: installed, or waiting for triggers only */
	bool essential;  /* Essential: yes, or Priority: required */
	bool multi_same; /* Multi-Arch: same: its info files are called name:arch */
	bool wanted;
};

/* A virtual name and who provides it; @version "" when unversioned. */
struct dpkg_provide {
	const char *name, *version;
	size_t pkg;
};

/* A dependency nothing installed satisfies: the system the database describes is broken there. */
struct dpkg_gap {
	const char *pkg, *relation;
};

struct dpkg {
	struct arena strings;
	struct dpkg_pkg *pkgs; /* sorted by name, then architecture */
	size_t count;
	const char *native;            /* architecture of the package manager itself; "" when it is not in the database */
	struct dpkg_provide *provides; /* sorted by name */
	size_t provide_count;
	struct dpkg_gap *gaps; /* filled by dpkg_close */
	size_t gap_count;
};

#define DPKG_INIT {.strings = ARENA_INIT}

/* Reads the text of a status file. Unknown fields are skipped; a paragraph without a package name, or text with NUL bytes, is refused. */
int dpkg_parse(struct dpkg *db, const char *text, size_t len, struct err *e) MUST_USE;
void dpkg_done(struct dpkg *db);

/* The installed package @name ("bash", "libc6:i386"), or NULL. */
struct dpkg_pkg *dpkg_find(const struct dpkg *db, const char *name);

/* Marks an installed package; ERR_MISSING with a command to install it when it is not there. */
int dpkg_want(struct dpkg *db, const char *name, struct err *e) MUST_USE;

/* Marks every essential and required package; gives how many. */
size_t dpkg_want_essential(struct dpkg *db);

/* Marks what marked packages depend on, until nothing is missing. Unsatisfied relations end in db->gaps. */
int dpkg_close(struct dpkg *db, struct err *e) MUST_USE;

/* Appends the paragraphs of marked packages: a status file that tells the truth about them alone. */
void dpkg_write_status(const struct dpkg *db, struct buf *out);

/* Below, at or above 0 as version @a is earlier than, equal to or later than @b. */
int dpkg_version_compare(const char *a, const char *b);

/* The name its files in info/ carry: "bash" or "libc6:amd64". */
const char *dpkg_info_name(const struct dpkg_pkg *p, char out[256]);
