/* inner.h - what the files of this folder share. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "network/network.h"

#include <stdbool.h>

#define NETWORK_LOCK_MS 10000u
#define NETWORK_LEASES_MAX ((size_t)16 << 20)

/* 64 bits drawn from two words. */
uint64_t network_hash(const char *a, const char *b);
bool network_is_name(const char *s);

/* ROOT/networks/NAME, open for reading. -ENOENT. */
int network_dir(const struct networks *n, const char *name) MUST_USE;
/* The lock of a network whose directory is @dir: flock with a deadline. -ESTALE when the network was removed meanwhile. Gives a descriptor.
 */
int network_lock(int dir, const char *name, struct err *e) MUST_USE;
/* A missing file is empty. 0 or -errno. */
int network_read_text(int dir, const char *name, size_t max, struct buf *out) MUST_USE;
