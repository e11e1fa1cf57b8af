/* netdev.h - what the main program asks about network devices by itself, before it starts a helper: whether all is there already.
 *
 * In the network namespace of the caller. Everything that changes interfaces is done by coppice-net, but for taking away a bridge, which two ioctls do, and giving
 * away a device to a namespace without a container, which is one request. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

/* Index of device @name, or -ENODEV. */
int netdev_index(const char *name) MUST_USE;

/* Whether @name is a bridge, and how many ports it has: -ENODEV when it is none. */
int netdev_bridge_ports(const char *name) MUST_USE;

/* Takes bridge @name down and away; its ports are set free. 0 also when there is none; -EOPNOTSUPP or -EINVAL when it is something else. */
int netdev_bridge_delete(const char *name) MUST_USE;

/* Moves device @name into network namespace @netns. -ENODEV, or what the kernel says. */
int netdev_move(const char *name, int netns) MUST_USE;

/* A socket that becomes readable when something of nftables is taken away: a table, a chain, a rule, a set, but not when elements come and go. What is read from it tells nothing more.
 * -errno as below, -EPERM without the right to listen. */
int netdev_nft_losses(void) MUST_USE;

/* Whether nftables has table @name of @family (NFPROTO_INET ...): 0 or 1, or -errno (-EOPNOTSUPP, -EPROTONOSUPPORT: no nf_tables in this kernel). */
int netdev_nft_table(unsigned family, const char *name) MUST_USE;
