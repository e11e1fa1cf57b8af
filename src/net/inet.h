/* inet.h - addresses, routes and proxied neighbours of an interface. All of these queue one request; nl_send() makes it happen. */
#pragma once

#include "base/ip.h"
#include "net/nl.h"

/* Who made an address (IFA_PROTO, Linux 5.18): ours are told apart from a person's by this. */
#define INET_OURS 0x63

#define INET_NODAD 1u /* no duplicate address detection */
#define INET_MARK 2u  /* marked as ours */

/* Gives @a to interface @index. @broadcast may be NULL: IPv4 gets its prefix's. */
void inet_address(struct nl *nl, unsigned index, const char *name, const struct ip *a, const struct ip *broadcast, unsigned flags);
void inet_address_drop(struct nl *nl, unsigned index, const char *name, const struct ip *a);

/* A route to prefix @to by interface @index, through @via unless NULL. */
void inet_route(struct nl *nl, unsigned index, const char *name, const struct ip *to, const struct ip *via);
void inet_route_drop(struct nl *nl, unsigned index, const char *name, const struct ip *to);

/* Answer for @a on interface @index. */
void inet_proxy(struct nl *nl, unsigned index, const char *name, const struct ip *a);
void inet_proxy_drop(struct nl *nl, unsigned index, const char *name, const struct ip *a);

struct inet_address {
	unsigned index;
	struct ip ip, broadcast; /* family 0 = none */
	uint32_t flags;          /* IFA_F_* */
	uint8_t scope, protocol; /* RT_SCOPE_*, INET_OURS */
	uint32_t valid, preferred; /* seconds, UINT32_MAX = for ever */
};

/* The addresses of interface @index, both families, in the kernel's order; in @a. */
int inet_addresses(struct nl *nl, unsigned index, struct arena *a, struct inet_address **ret, size_t *ret_count, struct err *e) MUST_USE;
