/* job.h - one build under way: its staging directory, what it has to say, and whether it was told to stop.
 *
 * Everything a build makes lives in staging/ID/ of the store until the last rename:
 *
 *     staging/ID.lock   locked (flock) by the living builder: a staging directory whose lock can be taken is abandoned
 *     staging/ID/tree/  the system being worked on
 *     staging/ID/out/   what becomes bases/NAME/VERSION
 *     staging/ID/tmp/   scratch of helper programs
 *
 * On any failure and on SIGTERM, SIGINT, SIGHUP everything is removed again; after SIGKILL the collector finds it by the lock. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "image/report.h"

#include <stdbool.h>
#include <sys/types.h>

enum seal_want { SEAL_AUTO, SEAL_EROFS, SEAL_TREE };
enum compress_want { COMPRESS_NONE, COMPRESS_LZ4HC };

struct build_options {
	const char *store, *name;
	const char *from;     /* as given */
	const char *packages; /* "essential", a file, or NULL */
	const char *include;  /* comma separated, or NULL */
	enum seal_want seal;
	enum compress_want compress;
	bool dry_run;
	uint64_t max_size; /* apparent bytes of all files together */
};

/* One thing taken out of, or reset in, the base. Texts live in the job's arena. */
struct scrubbed {
	const char *path; /* escaped as in the manifest */
	const char *why;
};

struct job {
	const struct build_options *opt;
	struct report report;
	struct arena strings;
	int signals; /* signalfd of the signals that mean: stop */
	int store;   /* directories, FD_NONE until made */
	dev_t store_dev;
	ino_t store_ino;
	int staging; /* staging/ID */
	int lock;
	int tree, out;
	bool own_mounts; /* we live in a mount namespace of our own */
	bool in_memory;  /* tree/ is a tmpfs in it */
	char id[40];
	int64_t now; /* when the build began: nothing in the base is younger */
	unsigned ticks;
	struct scrubbed *scrubbed;
	size_t scrubbed_count;
	const char **warnings;
	size_t warning_count;
};

#define JOB_WARNINGS_MAX 100u /* a hostile source could cause one per file */

/* Opens (laying it out when new) the store and makes the staging directory. @opt is borrowed. job_close() also after a failure. */
int job_open(struct job *j, const struct build_options *opt, struct err *e) MUST_USE;

/* Removes what is left of the staging directory and its lock. */
void job_close(struct job *j);

/* To be called once per file or so: looks for a stop signal now and then. -EINTR with @e set when the build shall end. */
int job_tick(struct job *j, struct err *e) MUST_USE;

/* Progress; fails like job_tick when nobody reads any more. */
int job_progress(struct job *j, struct err *e, const char *phase, int percent, const char *fmt, ...) PRINTF(5, 6) MUST_USE;

/* Adds a line to the result. Out of memory is ignored here: the build itself will meet it. */
void job_warn(struct job *j, const char *fmt, ...) PRINTF(2, 3);
void job_scrubbed(struct job *j, const char *path, const char *why);

/* Moves the (still empty) tree into memory when @files and @bytes fit there with ease and the seal will be an image: making and removing
 * thousands of files is what a small build otherwise spends its time on. Changes nothing when it cannot be. */
void job_stage_in_memory(struct job *j, uint64_t files, uint64_t bytes);

/* Empties and leaves the staged tree. */
int job_drop_tree(struct job *j, struct err *e) MUST_USE;

/* Opens the store's root directory, 0700 and owned by us. @create makes it and its bases/ and staging/. */
int job_open_store(const char *root, bool create, int *ret_fd, struct err *e) MUST_USE;
