/* tty.h - one terminal of a container: its pty master, ring, log and viewers.
 *
 * The master is always drained, viewer or not, so that a writer inside never blocks because nobody reads. A viewer is one end of a
 * stream socket; a slow viewer loses its place (a mark is printed) instead of slowing anybody. Any viewer may type. */
#pragma once

#include "base/loop.h"
#include "supervise/logfile.h"
#include "supervise/ring.h"

struct tty;

/* @master: taken. @log may be NULL. */
int tty_open(struct loop *l, int master, size_t ring_size, struct logfile *log, struct tty **ret) MUST_USE;
void tty_close(struct tty **t);
/* Adds a viewer: replays the ring, then live output. Gives the client's end of the socket (the monitor keeps the other). At most 16 viewers (-EUSERS). */
int tty_attach(struct tty *t, unsigned rows, unsigned cols) MUST_USE;
void tty_resize(struct tty *t, unsigned rows, unsigned cols);
unsigned tty_viewers(const struct tty *t);
/* Adds the monitor's end @fd (taken) of a viewer's stream. 0 or -errno. */
int tty_add_viewer(struct tty *t, int fd) MUST_USE;
/* Reads what is left in the pty into log, ring and viewers, without waiting; for the end. */
void tty_drain(struct tty *t);
