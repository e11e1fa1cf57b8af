/* user-net.h - what the two programs for the network of a user without root share. Private to this folder. */
#pragma once

#include "apply/apply.h"
#include "base/buf.h"

/* Writes down which process serves the container, at once. */
int user_net_remember(struct apply *a, pid_t pid, struct err *e) MUST_USE;

/* @program failed, and said @log (its last line says why). Returns the error. */
int user_net_told(const char *program, struct buf *log, struct err *e);

/* slirp4netns(1), and its ports. */
int user_net_slirp(struct apply *a, const struct step *st, struct err *e) MUST_USE;
