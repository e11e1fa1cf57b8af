/* rate.h - limits on how fast a container's interface sends and receives, held on the host side of its veth pair. */
#pragma once

#include "net/nl.h"

/* Bits a second that may go out by interface @index (towards the container: a token bucket) and come in (from it: a policer that drops). 0 = no limit. ERR_UNSUPPORTED names the
 * kernel module that is missing. */
int rate_limit(struct nl *nl, unsigned index, const char *name, uint64_t to_container, uint64_t from_container, struct err *e) MUST_USE;
