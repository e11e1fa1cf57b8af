/* elements.h - a container's elements in the sets and maps of our nftables tables.
 *
 * The tables are made by coppice-nft; what belongs to one container is added and removed here by raw messages, in a transaction each, without loading libnftables. The layout of
 * keys is nftables': a concatenation's fields are padded to 4 bytes, an interface name to 16. */
#pragma once

#include "base/ip.h"
#include "net/nl.h"

#include <stdbool.h>

/* What interface @device may send with: sets guarded, macs, ips4, ips6 of table bridge coppice. */
struct elements_guard {
	const char *device;
	uint8_t mac[6];
	struct ip ipv4, ipv6; /* family 0 = none */
};

/* Ports @host.. are published to @target, ports @to..: maps publish4, publish4_at, publish6, publish6_at of table inet coppice. */
struct elements_port {
	struct ip bind;   /* family 0 = any address of the host */
	struct ip target;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t host, to, count; /* count at most ELEMENTS_PORTS */
};
#define ELEMENTS_PORTS 1024

/* Adds the elements; what an earlier interface of that name left is removed first. ERR_MISSING with ENOENT: the ruleset is gone. */
int elements_guard(struct nl *nft, const struct elements_guard *g, struct err *e) MUST_USE;
/* Removes these; none is success, no ruleset too. */
int elements_guard_drop(struct nl *nft, const struct elements_guard *g, struct err *e) MUST_USE;

/* Publishes; ports that are published so already stay. ERR_BUSY with EADDRINUSE: one of them leads elsewhere. */
int elements_port(struct nl *nft, const struct elements_port *p, struct err *e) MUST_USE;
/* Takes back exactly these: a port that leads elsewhere by now stays. */
int elements_port_drop(struct nl *nft, const struct elements_port *p, struct err *e) MUST_USE;
/* Takes back whatever leads to @target: left by a container that had this address before. */
int elements_target_drop(struct nl *nft, const struct ip *target, struct err *e) MUST_USE;
