/* relay.h - the client's side: a terminal or pipes of the caller, joined to something inside.
 *
 * Nothing of the caller's terminal is ever handed into a container; bytes are copied. The caller's descriptors 0, 1 and 2 keep their flags: other
 * processes share them. Signals that matter are blocked and read from a signalfd meanwhile; mask and terminal are as before on every return. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

/* Joins the caller's terminal (fd 0 and 1, raw mode, restored on every way out) to @stream until the peer closes, @pidfd (or FD_NONE) ends and output is drained, or
 * the user types @escape then 'q' (0 = no escape; 1 = Ctrl-a; escape twice sends it). @on_winch is called with the size at start and at each change.
 * Without a terminal on fd 0 the bytes are relayed all the same; its end of file only ends the typing, unless @leave_at_end.
 * Returns 0 ended, 1 detached, -errno: -EINTR after SIGTERM, SIGHUP, SIGINT or SIGQUIT, -EPIPE when nobody reads fd 1 any more. */
struct relay_tty {
	int stream; /* pty master or socket; borrowed. A master whose slave was opened and closed again counts as closed by the peer */
	int pidfd;
	int escape;
	void (*on_winch)(unsigned rows, unsigned cols, void *data); /* may be NULL */
	void (*on_signal)(int signal, void *data); /* SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPWR: the relay goes on; NULL: the first four end it */
	void *data;
	/* Beside a terminal: pipes to (0) and from (1, 2) the program for those of its standard descriptors that are none, taken; FD_NONE = it is the terminal. NULL: all three
	 * are. What the terminal prints then goes to the first of the caller's 1, 2, 0 that is one, what comes out of a pipe to the caller's own descriptor. */
	int *pipes;
	bool leave_at_end; /* the end of fd 0 counts as detaching */
	int log;    /* what the terminal printed is written here too; FD_NONE or 0 = nowhere */
};
int relay_terminal(const struct relay_tty *r) MUST_USE;

/* Copies caller's fd 0 -> @in (closed at end of file), @out -> fd 1, @err -> fd 2 until both outputs are closed and @pidfd ended. A program inside that leaves a background
 * writer behind does not hold us: 100 ms after @pidfd ended we leave, with everything that was in the pipes when it ended. SIGINT, SIGTERM, SIGHUP, SIGQUIT received
 * meanwhile are sent to @pidfd; when it is FD_NONE or has ended they end the relay (-EINTR). Takes @in, @out and @err (each may be FD_NONE): when the caller's fd 1 breaks, @out is
 * closed so that the writer inside learns it. 0 or -errno (-ENOSPC ... when fd 1 or 2 could not be written; a broken pipe is no error). */
int relay_pipes(int in, int out, int err, int pidfd) MUST_USE;
