/* child.h - a helper program of the build: mkfs.erofs, mmdebstrap, ldconfig.
 *
 * Unlike proc_run() it stays under the build's eye: a stop signal ends it at once, it dies with us even by SIGKILL, and it can be given
 * mount and pid namespaces of its own, so that whatever it mounts or starts is gone when it is. Nothing of the source's is ever run as a
 * helper. */
#pragma once

#include "image/job.h"

struct child {
	const char *const *argv; /* argv[0] is a path */
	const char *const *env;  /* added to PATH, LC_ALL, HOME; NULL-terminated or NULL */
	int cwd;                 /* borrowed descriptor */
	bool own_namespaces;     /* mount + pid, with a fresh /proc */
	/* Called for each line of its output (stdout and stderr); NULL = only kept in the log. */
	int (*line)(void *data, const char *line, struct err *e);
	void *data;
	struct buf log; /* the last 8 KiB of output */
};

#define CHILD_INIT {.cwd = FD_NONE, .log = BUF_INIT}

/* Runs it to its end; gives the exit status as a shell sees it. */
int child_run(struct job *j, struct child *c, int *ret_status, struct err *e) MUST_USE;
void child_done(struct child *c);

/* First of the usual program directories of the host that has @name, as a path in @out; -ENOENT. */
int child_find(const char *name, char out[64]) MUST_USE;

/* The last lines of the log on one line, for an error. */
const char *child_tail(const struct child *c, char *out, size_t size);
