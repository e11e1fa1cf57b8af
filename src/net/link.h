/* link.h - one network interface: what the kernel says of it, and the small changes every type needs. */
#pragma once

#include "net/nl.h"

#include <linux/rtnetlink.h>

/* Where the other end of a link lives, when that is not a known namespace. */
#define LINK_HERE (-2)  /* in this namespace, or there is no other end */
#define LINK_NOWHERE (-1) /* in a namespace without a number here: one that is being taken down */

struct link {
	unsigned index, master, parent; /* parent: lower device, or the index of a veth's other end */
	char name[16], kind[16];        /* kind "" = a real device, or loopback */
	uint32_t flags, mtu;
	uint8_t mac[6], permanent[6];
	bool has_mac, has_permanent;
	int32_t netns;                  /* LINK_*, or the number of the namespace of the other end */
	/* of a bridge */
	bool has_vlans, vlan_filtering, stp, snooping;
	uint16_t default_pvid;
	uint32_t forward_delay;
};

/* The interface @name. -ENODEV (ERR_MISSING) when there is none. */
int link_get(struct nl *nl, const char *name, struct link *ret, struct err *e) MUST_USE;
/* Fills @ret from a RTM_NEWLINK. */
void link_read(const struct nlmsghdr *h, struct link *ret);
/* All of them, one call of @see each. */
int link_each(struct nl *nl, void (*see)(const struct link *l, void *user), void *user, struct err *e) MUST_USE;

/* Queues a change of interface @index: attributes follow in nl->last. @flags are set where @mask has a bit. */
struct ifinfomsg *link_change(struct nl *nl, unsigned index, unsigned flags, unsigned mask, const char *what, const char *name);
/* Queues its removal. */
void link_remove(struct nl *nl, unsigned index, const char *name);

/*
 * A procfs of our own for the calls below, gives a descriptor; FD_NONE where we may not have one. The kernel finds a name beneath net/ among the entries of
 * all network namespaces that were looked at through the same procfs: in the host's that is a walk past every container (1.3 ms a start at 500 of them).
 */
int link_proc(void);
/* Writes @value to a file beneath /proc/sys/net of the namespace the process is in; %s in @path is @name. @proc: a procfs, or < 0 for the one at /proc. */
int link_sysctl(int proc, const char *path, const char *name, const char *value, struct err *e) MUST_USE;
/* Lets @name have IPv6 addresses, where the default for new interfaces is that they have none. For one that is given such addresses. */
int link_enable_ipv6(int proc, const char *name, struct err *e) MUST_USE;
/* It holds @value. */
bool link_sysctl_is(int proc, const char *path, const char *name, const char *value);
