/* hook.h - one program of the administrator's at a point of a container's life, run as LXC runs it.
 *
 * A line that is a path and plain words is executed; any other is a line for /bin/sh. It is told what it is for by arguments (NAME, "lxc", KIND and more) and by its environment, gets
 * no descriptor of ours, an empty standard input and a deadline. */
#pragma once

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>

struct hook {
	const char *kind;      /* "pre-start" */
	const char *command;
	const char *where;     /* "file:line", NULL = unknown */
	const char *name;      /* container */
	bool by_environment;   /* lxc.hook.version = 1: no arguments */
	const char *const *env;  /* "K=V", NULL-ended */
	const char *const *more; /* further arguments, NULL-ended, or NULL */
	uint64_t deadline;     /* clock.h */
	const struct log *log; /* its command line and what it said go there, NULL = nowhere */
};

/* Runs it to its end. A status that is not 0, a signal, a passed deadline and a program that cannot be run are errors, which name line, hook and status, and quote the last lines
 * of what it said. */
int hook_run(const struct hook *h, struct err *e) MUST_USE;
