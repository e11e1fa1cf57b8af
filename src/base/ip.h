/* ip.h - IPv4 and IPv6 addresses, prefixes, hardware addresses and ports: the one place where they are parsed and printed. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip {
	uint8_t family;    /* AF_INET or AF_INET6; 0 = none */
	uint8_t prefix;    /* length; 32 or 128 for a single address */
	uint8_t bytes[16]; /* network order; the first 4 for IPv4 */
};

/* Room for any ip_format(). */
#define IP_TEXT 56
#define IP_MAC_TEXT 18

/* "10.0.0.2", "10.0.0.2/24", "fd00::1/64": the whole string, no blanks, no zone. A missing prefix is the full length; leading zeros in IPv4 are refused. 0 or -EINVAL. */
int ip_parse(const char *s, struct ip *ret) MUST_USE;
/* Without "/prefix" / with it, even for a single address. Canonical text (RFC 5952 for IPv6). Returns @out. */
const char *ip_format(const struct ip *a, char out[IP_TEXT]);
const char *ip_format_prefix(const struct ip *a, char out[IP_TEXT]);

static inline unsigned ip_length(const struct ip *a)
{
	return a->family == 2 ? 4 : 16; /* AF_INET is 2 on every architecture of Linux */
}

/* Same family and bytes; the prefix does not matter. */
bool ip_equal(const struct ip *a, const struct ip *b);
/* Whether @a lies in prefix @net. Families must agree. */
bool ip_within(const struct ip *a, const struct ip *net);
/* Whether two prefixes have an address in common. */
bool ip_overlap(const struct ip *a, const struct ip *b);
/* The prefix without its host bits: 10.1.2.3/8 -> 10.0.0.0/8. */
struct ip ip_network(const struct ip *a);
/* Last address of an IPv4 prefix. For /31 and /32 there is none: family 0. */
struct ip ip_broadcast(const struct ip *a);
/* The @n-th address of prefix @net counted from its first (n must fit in the host bits; at most 64 of them are used). Keeps the prefix. */
struct ip ip_nth(const struct ip *net, uint64_t n);
/* Which one @a is of @net: the reverse. UINT64_MAX when it is not within. */
uint64_t ip_index(const struct ip *a, const struct ip *net);
/* An address a host can have: not unspecified, multicast, loopback, limited broadcast, nor (IPv4, prefix < 31) the network's or broadcast's own. */
bool ip_is_host(const struct ip *a);

/* "00:16:3e:aa:bb:cc", either case, 6 pairs. The all-zero and group addresses are refused (-EADDRNOTAVAIL). 0 or -EINVAL. */
int ip_mac_parse(const char *s, uint8_t ret[6]) MUST_USE;
const char *ip_mac_format(const uint8_t mac[6], char out[IP_MAC_TEXT]);
/* Whether @s is a hardware address in which x stands for a digit to be chosen; *ret_open when it has one. */
bool ip_mac_pattern(const char *s, bool *ret_open);
/* Fills the x digits from @digits (12 hex values of entropy are used, low bits), keeping the result a unicast address. */
int ip_mac_fill(const char *pattern, uint64_t digits, uint8_t ret[6]) MUST_USE;
/* The link-local address that a MAC makes by itself (EUI-64): fe80::/64. */
struct ip ip_link_local(const uint8_t mac[6]);

/* A network interface name as the kernel takes it: 1 to 15 bytes, no '/', ':', '%', blank or control byte, not "." or "..". */
bool ip_is_ifname(const char *s);
