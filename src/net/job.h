/* job.h - one job of coppice-net: the steps of a plan between the host's network namespace and a container's.
 *
 * A NIC step and what follows it up to the next NIC, BRIDGE or PORT is one interface. The whole plan is read and checked before anything is done; when a step fails, what this job
 * did is taken back. An undo needs nothing but the plan: it takes back what is there of it, and what is not there is no failure. */
#pragma once

#include "base/ip.h"
#include "net/elements.h"
#include "net/nl.h"
#include "plan/plan.h"

#include <stdbool.h>

#define JOB_TAGS 64
#define JOB_ADDRESSES 64
#define JOB_ROUTES 64

/* What was done for an interface, for taking it back. */
#define NIC_MADE 1u       /* it exists because of us */
#define NIC_MOVED 2u      /* phys: it is in the container's namespace */
#define NIC_GUARDED 4u
#define NIC_PROXIED 8u
#define NIC_SCRIPTED 16u

struct nic_address {
	struct ip ip, broadcast; /* broadcast: family 0 = the usual */
	uint32_t step;
};

struct nic_route {
	struct ip to, via; /* via: family 0 = by the interface */
	uint32_t step;
};

struct nic {
	uint32_t step;           /* 1-based, of its NIC */
	enum spec_nic_type type;
	const char *name, *link, *peer;
	uint32_t mtu, flags;
	uint64_t mode;
	bool has_mac, untagged, guarded;
	uint8_t mac[6];
	uint32_t rx, tx, hw_step;
	uint16_t pvid;           /* untagged VLAN of the bridge port when @untagged; 0 = none at all */
	uint16_t tagged[JOB_TAGS];
	size_t tagged_count;
	uint32_t vlan_step;
	struct nic_address addresses[JOB_ADDRESSES];
	size_t address_count;
	struct nic_route routes[JOB_ROUTES], host_routes[JOB_ROUTES];
	size_t route_count, host_route_count;
	uint64_t rate_in, rate_out;
	uint32_t rate_step;
	struct elements_guard guard;
	uint32_t guard_step;
	const char *script_up, *script_down, *container, *script_type;
	bool script_env; /* told by its environment alone */
	uint32_t script_step;
	/* as it goes on */
	unsigned host, parent, inside; /* indexes: host side of a veth, link, the interface in the container */
	uint32_t old_mtu;
	uint8_t old_mac[6];
	bool had_mac;
	bool misnamed;           /* phys: inside, but under its old name */
	uint32_t done;           /* NIC_* */
};

struct bridge {
	uint32_t step;
	const char *name;
	struct ip ipv4, ipv6;    /* gateway addresses; family 0 = none */
	bool has_mac;
	uint8_t mac[6];
	uint32_t mtu, flags;
	bool made;
};

struct port {
	uint32_t step;
	struct elements_port port;
	bool done;
};

struct job {
	struct arena arena;
	struct nic *nics;
	size_t nic_count;
	struct bridge *bridges;
	size_t bridge_count;
	struct port *ports;
	size_t port_count;
	uint64_t deadline;       /* of scripts and waits (clock.h) */
	int netns;               /* the container's, borrowed; FD_NONE = none */
	int home;                /* ours */
	int proc;                /* a procfs of our own, or FD_NONE */
	bool away;               /* the process is in the container's */
	struct nl host, inside, nft;
};

/* Reads and checks @plan, which the job borrows. Opens nothing. */
int job_init(struct job *j, const struct plan *plan, int netns, struct err *e) MUST_USE;
void job_done(struct job *j);

int job_apply(struct job *j, struct err *e) MUST_USE;
/* Goes on after a failure; @e has the first. */
int job_undo(struct job *j, struct err *e) MUST_USE;

/* ---- for the parts of a job ---- */

/* The process enters the container's network namespace, or ours; the sockets are opened on first use. */
int job_enter(struct job *j, struct err *e) MUST_USE;
int job_leave(struct job *j, struct err *e) MUST_USE;
int job_open_nft(struct job *j, struct err *e) MUST_USE;

/* nic.c */
int nic_apply(struct job *j, struct nic *n, struct err *e) MUST_USE;
/* Takes back what @n->done says. */
int nic_rollback(struct job *j, struct nic *n, struct err *e);
/* Takes back what is there of it. */
int nic_undo(struct job *j, struct nic *n, struct err *e);

/* bridge.c */
int bridge_apply(struct job *j, struct bridge *b, struct err *e) MUST_USE;
/* Removes a bridge that this job made, unless somebody uses it by now. */
int bridge_rollback(struct job *j, struct bridge *b, struct err *e);
int bridge_undo(struct job *j, struct bridge *b, struct err *e);

/* script.c: runs a script of the user's on the host as LXC does, with @way "up" or "down". */
int script_run(struct job *j, const struct nic *n, const char *script, const char *way, struct err *e) MUST_USE;
