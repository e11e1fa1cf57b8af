/* move.h - a device of the host's becomes a port of a new bridge, and the host goes on as before: over the bridge.
 *
 * Addresses, routes of the main table and the hardware address move in one go. What was there is written to a state file before anything is changed, so that it can be taken back
 * by another process later: when nobody confirms that the host can still be reached. */
#pragma once

#include "base/err.h"

/* Makes @bridge of @device. All or nothing. @state is an empty file open for reading and writing, borrowed. */
int move_to_bridge(const char *device, const char *bridge, int state, struct err *e) MUST_USE;
/* Takes it back as @state says. Idempotent. */
int move_back_from_bridge(const char *device, const char *bridge, int state, struct err *e) MUST_USE;
