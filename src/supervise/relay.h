/* relay.h - the client's side: a terminal or pipes of the caller, joined to something inside.
 *
 * Nothing of the caller's terminal is ever handed into a container; bytes are copied. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

/* Joins the caller's terminal (fd 0 and 1, raw mode, restored on every way out) to @stream until the peer closes, @pidfd (or FD_NONE) ends and output is drained, or
 * the user types @escape then 'q' (0 = no escape; 1 = Ctrl-a; escape twice sends it). @on_winch is called with the size at start and at each change.
 * Returns 0 ended, 1 detached, -errno. */
struct relay_tty {
	int stream; /* pty master or socket; borrowed */
	int pidfd;
	int escape;
	void (*on_winch)(unsigned rows, unsigned cols, void *data);
	void *data;
};
int relay_terminal(const struct relay_tty *r) MUST_USE;

/* Copies caller's fd 0 -> @in (closed at end of file), @out -> fd 1, @err -> fd 2 until both outputs are closed and @pidfd ended. A program inside that leaves a background
 * writer behind does not hold us: 100 ms after @pidfd ended we leave. SIGINT, SIGTERM, SIGHUP, SIGQUIT received meanwhile are sent to @pidfd. 0 or -errno. */
int relay_pipes(int in, int out, int err, int pidfd) MUST_USE;
