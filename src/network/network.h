/* network.h - managed networks: what they are called, which addresses they have, and who got which.
 *
 *     ROOT/networks/NAME/config    "key = value" lines: what was asked for, and what was chosen for it, once
 *     ROOT/networks/NAME/leases    "OWNER NIC MAC IPV4 IPV6" lines: stable by owner and NIC, kept until the container is deleted
 *     ROOT/networks/NAME/lock      flock of whoever changes either
 *     RUNDIR/.networks/NAME/       hosts (names of running containers), resolv.conf, dnsmasq's files: gone with a reboot
 *
 * Pure bookkeeping: no socket is opened here. The kernel's side is made by the network helper (plan steps of side NET) and by the nftables helper. The
 * address plan: the gateway is the first address; a container's addresses are drawn from its owner's name, the next free ones when taken, so
 * that a container made anew under its old name keeps its addresses. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>

#define NETWORK_DEFAULT "coppice0"
#define NETWORK_NAME_MAX 15 /* the bridge is called like its network */

struct network {
	char name[16];
	char bridge[16];
	struct ip ipv4, ipv6;    /* the gateway's address with the prefix; family 0 = none of that family */
	uint32_t mtu;            /* 0 = 1500 */
	bool nat;                /* masquerade what leaves for elsewhere */
	bool isolated;           /* containers do not see each other */
	bool dhcp;               /* run dnsmasq for guests that ask by DHCP */
	bool guard;              /* drop what a container sends with another's MAC or address */
	bool names;              /* /etc/hosts has the names of all running containers */
	bool internal;           /* no way out and no forwarding at all */
	char domain[64];         /* containers are also NAME.domain; "" = none */
	char dns[3][IP_TEXT];    /* nameservers for resolv.conf; "" = the host's that can be reached */
	uint64_t created;        /* unix seconds */
};

struct network_lease {
	char owner[400];         /* "LXCPATH/NAME" */
	char nic[16];            /* its name inside */
	uint8_t mac[6];
	struct ip ipv4, ipv6;    /* with the network's prefix; family 0 = none */
};

struct networks {
	int dir;                 /* ROOT/networks, FD_NONE while there is none */
	char root[256], rundir[256];
};

/* Opens (does not make) the directories. 0 or -errno with @e. */
int networks_open(const char *root, const char *rundir, struct networks *ret, struct err *e) MUST_USE;
void networks_close(struct networks *n);

/* Defaults for a new network @name (a name of 1 to 15 letters, digits, '_', '.', '-'): 10.x.0.1/16 and fd..::1/64 drawn from the name and avoiding @taken, nat, guard, names. */
int network_defaults(const char *name, const struct ip *taken, size_t taken_count, struct network *ret, struct err *e) MUST_USE;
/* One setting as a person writes it: "ipv4 = 10.9.0.1/24", "nat = no", "ipv6 = none". ERR_INPUT names what is allowed. */
int network_set(struct network *n, const char *key, const char *value, struct err *e) MUST_USE;
/* Everything that only shows together: gateway outside its prefix, a prefix too small, dhcp without ipv4 ... */
int network_check(const struct network *n, struct err *e) MUST_USE;
/* The text of its config file, and back. Unknown keys are kept out, malformed ones an error with their line. */
void network_format(const struct network *n, struct buf *out);
int network_parse(const char *text, size_t len, struct network *ret, struct err *e) MUST_USE;

/* ERR_MISSING when there is none of that name. */
int network_read(const struct networks *n, const char *name, struct network *ret, struct err *e) MUST_USE;
/* Makes or replaces; a new one with @create fails with ERR_EXISTS when it is there. Durable when it returns. */
int network_write(struct networks *n, const struct network *net, bool create, struct err *e) MUST_USE;
/* Removes it with its leases. The caller has checked that nobody uses it. */
int network_remove(struct networks *n, const char *name, struct err *e) MUST_USE;
/* All of them, sorted by name, in @a. */
int network_list(const struct networks *n, struct arena *a, struct network **ret, size_t *ret_count, struct err *e) MUST_USE;

/* What @owner's interface @nic has in @net, drawn and recorded when it has nothing yet. @want4 and @want6 (NULL = any) ask for fixed addresses: ERR_EXISTS when another
 * has one, ERR_INPUT outside the network. @mac (6 bytes or NULL) likewise. ERR_SYSTEM ENOSPC when the network is full. */
int network_lease(const struct networks *n, const struct network *net, const char *owner, const char *nic, const struct ip *want4, const struct ip *want6, const uint8_t *mac,
		  struct network_lease *ret, struct err *e) MUST_USE;
/* What that would give now, of a network that need not have been written down yet. Nothing is recorded. */
int network_lease_look(const struct networks *n, const struct network *net, const char *owner, const char *nic, const struct ip *want4, const struct ip *want6, const uint8_t *mac,
		       struct network_lease *ret, struct err *e) MUST_USE;
/* Gives back what @owner's interface @nic has in network @name; NULL = all its interfaces. A network that is gone is success. */
int network_release_nic(const struct networks *n, const char *name, const char *owner, const char *nic, struct err *e) MUST_USE;
/* Gives back all of @owner in all networks. */
int network_release(const struct networks *n, const char *owner, struct err *e) MUST_USE;
int network_leases(const struct networks *n, const char *name, struct arena *a, struct network_lease **ret, size_t *ret_count, struct err *e) MUST_USE;
/* One line of a leases file, and back: for tests and fuzzing. */
int network_lease_parse(const char *line, size_t len, struct network_lease *ret) MUST_USE;
void network_lease_format(const struct network_lease *l, struct buf *out);

/* The names file: @name with its addresses goes in when it starts and out when it has stopped. Rewritten in place, because it is bind-mounted: one write, so that a
 * reader sees the old or the new text. network_hosts_path gives the host path, with @make made with the gateway's entry when missing. */
int network_hosts_path(const struct networks *n, const struct network *net, bool make, char ret[400], struct err *e) MUST_USE;
int network_hosts_set(const struct networks *n, const struct network *net, const char *name, const struct network_lease *l, struct err *e) MUST_USE;
int network_hosts_drop(const struct networks *n, const char *network, const char *name, struct err *e) MUST_USE;
/* Who is in it, once for each address. */
int network_hosts_names(const struct networks *n, const char *network, struct arena *a, const char ***ret, size_t *ret_count, struct err *e) MUST_USE;
/* Text of resolv.conf: the network's own nameservers, else those of the host's @host_text that are not on loopback. */
void network_resolv(const struct network *net, const char *host_text, struct buf *out);

/* The ruleset for the nftables helper: tables `inet coppice` and `bridge coppice` with sets and maps whose elements come with the containers, and what @nets need. The same
 * text twice changes nothing, elements stay. See docs/formats/nftables.md. */
void network_ruleset(const struct network *nets, size_t count, struct buf *out);

/* Elements of the sets and maps, as further lines of such a text: what the network helper adds at a container's start, for containers that run while the ruleset had
 * to be made anew. @count ports from @host on lead to @to and following of @target; @bind NULL or "" = any address of the host. */
void network_ruleset_port(struct buf *out, const char *bind, const char *target, bool udp, uint16_t host, uint16_t to, uint16_t count);
void network_ruleset_guard(struct buf *out, const char *peer, const char *mac, const char *ipv4, const char *ipv6);
/* Empties all sets and maps of elements: only for whoever adds those of all running containers in the same text. */
void network_ruleset_empty(struct buf *out);
/* Removes both tables. */
void network_ruleset_remove(struct buf *out);

/* Class ids as packet marks, where the host has no net_cls controller: tables `inet coppice_class` and `bridge coppice_class`, which need no managed network. What comes
 * from the host's interfaces @ports (names with a blank between), or, when that is NULL, what sockets of the v2 control group at @group (its path below /sys/fs/cgroup)
 * send, gets @mark. The same text twice changes nothing. drop: takes the elements back, an error when they are not there. */
void network_ruleset_class(struct buf *out, const char *ports, const char *group, uint32_t mark);
void network_ruleset_class_drop(struct buf *out, const char *ports, const char *group);

/* The hardware address of its bridge: stable, so that neighbours need not learn it again after a reboot. */
void network_mac(const struct network *n, uint8_t ret[6]);
