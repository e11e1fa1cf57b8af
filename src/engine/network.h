/* network.h - managed networks as the engine's parts share them. Private to this folder.
 *
 * network-up.c has a network there when it is needed, network.c has the public operations, port.c those of published ports, network-run.c what becomes of a running
 * container's interfaces, dhcp.c dnsmasq, bridge-host.c the host's own bridge. */
#pragma once

#include "engine/engine.h"
#include "network/network.h"

/* The networks of @c, opened; network_done closes. */
int engine_networks(struct coppice *c, struct networks *ret, struct err *e) MUST_USE;
/* Refuses, in user mode, what is about managed networks or the host's devices. */
int engine_networks_need_root(struct coppice *c, struct err *e) MUST_USE;
/* Network @name as it is written down; the default one is made when it is missing. */
int engine_network_get(struct coppice *c, struct networks *n, const char *name, struct network *ret, struct err *e) MUST_USE;
/* The same for a look: as it would be made. */
int engine_network_look(const struct networks *n, const char *name, struct network *ret, struct err *e) MUST_USE;
/* Routes of the host, without default routes, link-local ones and those through the bridges of @nets. In @a. */
int engine_network_routes(const struct network *nets, size_t net_count, struct arena *a, struct ip **ret, size_t *ret_count, struct err *e) MUST_USE;
/* Prefixes that a new network must stay away from: routes of the host and other networks. In @a. */
int engine_network_taken(const struct networks *n, struct arena *a, struct ip **ret, size_t *ret_count, struct err *e) MUST_USE;

/* Network @name exists in the kernel afterwards: bridge, addresses, ruleset, dnsmasq. Costs two system calls when it does already. */
int engine_network_up(struct coppice *c, const char *name, struct network *ret, struct err *e) MUST_USE;
/* The same, looked at in any case: after a change. */
int engine_network_renew(struct coppice *c, struct networks *n, const struct network *net, struct err *e) MUST_USE;
/* Takes it away from the kernel, with the rules that only it needed. Its config is gone already. */
int engine_network_down(struct coppice *c, struct networks *n, const char *name, struct err *e) MUST_USE;
bool engine_network_is_up(const struct network *net);
/* The rules of all networks in one transaction. @fresh: with the elements of everybody who runs, and no others. ".lock" is held. */
int engine_network_ruleset(struct coppice *c, const struct networks *n, bool fresh, struct err *e) MUST_USE;

/* Locks RUNDIR/.networks/@name, which begins with a dot because no network does: ".lock" whoever changes what the kernel has, ".starting" (shared) whoever may add
 * elements; gives a descriptor. */
int engine_network_lock(struct coppice *c, const char *name, bool exclusive, uint64_t deadline, struct err *e) MUST_USE;

/* Everything that is chosen for @nic of @s, which is on a managed network: the network is up afterwards and has a lease for it. The name of the host's side is
 * left to the caller. Texts are in @a. @look: what would be chosen now, and nothing changes. */
int engine_network_choose(struct coppice *c, const struct spec *s, const struct spec_nic *nic, bool look, struct plan_nic *ret, struct arena *a, struct err *e) MUST_USE;

/* The plan that running container @name was started with, kept up to date with what was attached and published since. plan_done() it. -ENOENT: does not run. */
int engine_kept_plan(struct coppice *c, const char *name, struct plan *ret) MUST_USE;
int engine_keep_plan(struct coppice *c, const char *name, const struct plan *p, struct err *e) MUST_USE;
/* A change of the config of container @name: locked, opened, with its state. change_done() ends it. */
struct change {
	int lock;
	struct conf *conf;
	struct spec old;     /* as it is written down now */
	struct live live;
	struct plan kept;    /* of a running container */
	bool runs;
};
int engine_change_begin(struct coppice *c, const char *name, const char *verb, struct change *ret, struct err *e) MUST_USE;
void engine_change_done(struct change *ch);
/* Values of list key @key in the order they count, in @a. */
int engine_change_values(const struct change *ch, const char *key, struct arena *a, const char ***ret, size_t *ret_count, struct err *e) MUST_USE;
/* The list becomes @values. */
int engine_change_list(struct change *ch, const char *key, const char *const *values, size_t count, struct err *e) MUST_USE;
/* The plan that a start with the changed config would have now. */
int engine_change_plan(struct coppice *c, const char *name, const struct change *ch, struct plan *ret, struct err *e) MUST_USE;
/* Has the network helper do or undo @count steps of the running container. */
int engine_change_apply(const struct change *ch, struct step *const *steps, size_t count, const char *action, struct err *e) MUST_USE;
/* Where further steps of side NET belong in a plan. */
size_t engine_net_end(const struct plan *p);

/* For the monitor of a container, or whoever finds that it has none: its names in the files of its networks, when it has started (@there) and when it has ended. Best
 * effort: a container without its name is better than none. */
void engine_network_names(const struct plan *plan, bool there);
/* For a monitor whose container ends or starts again: while it holds this lock nobody writes down the elements of all who run, which would bring back those that are just
 * being removed. Waits; gives a descriptor, FD_NONE without networks. */
int engine_network_hold(const struct plan *plan);
/* When it has ended, before the undo of @plan: takes back what was attached and published later; its names too, unless it starts again at once. */
void engine_network_ended(const struct state *st, const char *name, const struct plan *plan, bool for_good);
/* The container of ours that the owner of a lease is; NULL when it is of another container directory. Within @owner. */
const char *engine_network_container(const struct coppice *c, const char *owner);
/* Addresses of @name (of the container directory of @c) are free for others. */
void engine_network_release(struct coppice *c, const char *name);

/* Leftovers: names and elements of containers that do not run, bridges and files of networks that are gone, leases of containers that are gone for good. Counted in *count. */
int engine_network_gc(struct coppice *c, bool dry_run, unsigned *count, struct err *e) MUST_USE;

/* dnsmasq of @net is running with its present leases, or is not running when the network has none. */
int engine_dhcp_sync(struct coppice *c, const struct networks *n, const struct network *net, struct err *e) MUST_USE;
void engine_dhcp_stop(const char *rundir, const char *network);

/* What the text of coppice-nft's list says: foreign chains on hook forward. */
struct foreign_chain {
	char name[128];      /* "ip filter FORWARD" */
	bool closed;         /* it needs rules of ours */
	unsigned rules;      /* and has so many */
};
int engine_network_foreign(struct coppice *c, struct arena *a, struct foreign_chain **ret, size_t *ret_count, struct err *e) MUST_USE;

/* Findings of doctor about networks: each is handed to @found. */

void engine_network_doctor(struct coppice *c, void (*found)(void *data, const char *id, int level, const char *fix, const char *text), void *data);
