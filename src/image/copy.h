/* copy.h - copies trees and single entries from one directory to another, exactly.
 *
 * Kept: modes, owners, modification times (none younger than the build), extended attributes and ACLs (image/xattr.h), hard links within
 * one struct copy, holes. Sockets and device nodes are never copied. Nothing is opened by a joined path: the walk holds one descriptor a
 * level, follows no link and enters no mount. Data moves by reflink or copy_file_range where the file system can. */
#pragma once

#include "image/job.h"

#include <sys/stat.h>

enum copy_verdict {
	COPY_TAKE,
	COPY_SKIP,
	COPY_EMPTY, /* a directory without its content */
};

struct copy_link;

struct copy {
	struct job *job; /* its store is never copied, wherever it lies */
	int root; /* borrowed: target directory that all paths are relative to */
	const char *phase;
	/* Asked for every entry with its path relative to the root of the walk; NULL = take all. */
	enum copy_verdict (*choose)(void *data, const char *path, const struct stat *st);
	void *data;
	bool no_clone, no_range;                   /* found out: reflink, copy_file_range do not work between the two */
	void *chunk;                               /* for copying by hand */
	uint64_t total;                            /* files expected, for the percentage; 0 = unknown */
	int percent;                               /* of the whole work when total is unknown; below 0 = unknown too */
	uint64_t files, bytes;                     /* so far */
	unsigned devices, sockets, mounts, xattrs; /* left out */
	struct copy_link *links;                   /* open addressing, by device and inode */
	size_t link_cap, link_count;
	struct buf path;
};

#define COPY_INIT(job_, root_, phase_) {.job = (job_), .root = (root_), .phase = (phase_), .percent = -1, .path = BUF_INIT}

/* Copies everything below directory @from into the existing directory @to, and @from's own metadata with it. @prefix: path of @to beneath
 * the copy's root, "" for the root itself. */
int copy_tree(struct copy *c, int from, int to, const char *prefix, struct err *e) MUST_USE;

/* Counts what copy_tree() would copy, adding to *@files and *@bytes (content, each name counted). Makes nothing; `choose` is asked with
 * NULL data. */
int copy_count(struct copy *c, int from, const char *prefix, uint64_t *files, uint64_t *bytes, struct err *e) MUST_USE;

/* Copies the one entry @name of directory @from to @to_name in @to; a directory without its content, nothing when it exists already. @path:
 * where it goes beneath the copy's root. The times of directory @to stay as they are. 0 also when the entry is of a kind that is left out.
 * -ENOENT is returned without setting @e when there is none. */
int copy_entry(struct copy *c, int from, const char *name, int to, const char *to_name, const char *path, struct err *e) MUST_USE;

/* Warns about what was left out, in a few lines, and frees. */
void copy_done(struct copy *c);

/* Sets @to's owner, mode, attributes and times to those of @from (both open; files or directories). */
int copy_metadata(struct copy *c, int from, int to, const struct stat *st, const char *path, struct err *e) MUST_USE;
