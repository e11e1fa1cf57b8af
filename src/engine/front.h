/* front.h - a container in the caller's foreground: its console or its three streams are the caller's, its end is waited for.
 *
 *     struct front f = FRONT(c, name, tty, program);
 *     front_open(&f, e); start it with f.viewer or f.theirs and the report in f.report; front_follow(&f, &status, e); front_done(&f);
 */
#pragma once

#include "engine/engine.h"

struct front {
	struct coppice *c;
	const char *name;
	bool tty;     /* the caller has a terminal */
	bool program; /* one program is run: without a terminal its streams are pipes, and every signal is for it. Else it is a system that
			 boots */
	bool asked;   /* it was told to shut down */
	int in, out, err, stream; /* ours */
	int theirs[3], viewer;	  /* the container's */
	int report;		  /* where the monitor says what became of it */
	int run_dir;
	int unwritten;		  /* -errno: the caller's descriptors did not take what it printed */
};

#define FRONT(c_, name_, tty_, program_)                                                                                                   \
	{                                                                                                                                  \
		.c = (c_), .name = (name_), .tty = (tty_), .program = (program_), .in = FD_NONE, .out = FD_NONE, .err = FD_NONE,           \
		.stream = FD_NONE, .theirs = {FD_NONE, FD_NONE, FD_NONE}, .viewer = FD_NONE, .report = FD_NONE, .run_dir = FD_NONE         \
	}

/* Makes the two ends of what is relayed: a socket for a terminal, pipes for a program, nothing for a system without a terminal. */
int front_open(struct front *f, struct err *e) MUST_USE;

/* Relays until the container has ended for good: over reboots and restarts. Signals that come meanwhile are passed on; SIGTERM and SIGHUP
 * ask a system to shut down. *@ret_status (may be NULL) as its monitor tells it. A program that ended well but whose output could not be written is a failure, with
 * f->unwritten set: half a backup is none. */
int front_follow(struct front *f, int *ret_status, struct err *e) MUST_USE;

/* Closes all descriptors. */
void front_done(struct front *f);
