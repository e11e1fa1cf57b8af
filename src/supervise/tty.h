/* tty.h - one terminal of a container: its pty master, ring, log and viewers.
 *
 * The master is always drained, viewer or not, so that a writer inside never blocks because nobody reads. A viewer is one end of a
 * stream socket; a slow viewer loses its place (a mark is printed) instead of slowing anybody. Any viewer may type. */
#pragma once

#include "base/loop.h"
#include "supervise/logfile.h"
#include "supervise/ring.h"

struct tty;

#define TTY_VIEWERS_MAX 16u

/* Watches @master (taken, also on failure; becomes non-blocking and unlocked). @ring_size bytes of output are replayed to a new viewer (0: none; a
 * working window of 16 KiB is kept anyway, mapped at the first output). @log may be NULL; it is borrowed and must outlive the tty. Nobody needs to hold the slave
 * open: a tty without openers costs no wakeup, and the next opener is noticed at its first byte. 0 or -errno (-ENOTTY: not a pty master). */
int tty_open(struct loop *l, int master, size_t ring_size, struct logfile *log, struct tty **ret) MUST_USE;
/* Takes what the pty still holds, gives viewers what their sockets take at once, and forgets everything. Accepts NULL. */
void tty_close(struct tty **t);
/* Before tty_close, when everybody inside has ended: drains the pty and waits for slow viewers to receive the rest, until @deadline
 * (clock.h) at most. Returns at once without viewers or when all of them keep up. Never runs the loop. */
void tty_finish(struct tty *t, uint64_t deadline);
/* Adds a viewer: replays the ring, then live output. Gives the client's end of the socket (the monitor keeps the other). At most 16 viewers (-EUSERS).
 * @rows and @cols above 0 resize the terminal. */
int tty_attach(struct tty *t, unsigned rows, unsigned cols) MUST_USE;
/* The size everybody sees; programs inside get SIGWINCH when it changes. 0 rows or columns are ignored. */
void tty_resize(struct tty *t, unsigned rows, unsigned cols);
/* Connects the terminal to file or device @fd (taken) for as long as it lives: output is copied to it, as far as it takes it at once; what is typed at a device is
 * input. A terminal device is raw meanwhile. 0 or -errno. */
int tty_set_peer(struct tty *t, int fd) MUST_USE;
unsigned tty_viewers(const struct tty *t);
/* Adds the monitor's end @fd (taken) of a viewer's stream. 0 or -errno. */
int tty_add_viewer(struct tty *t, int fd) MUST_USE;
