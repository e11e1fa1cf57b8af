/* bridge.c - the bridge of a managed network: made or adopted, brought to what the step says, and only what differs is touched. */
#include "net/job.h"

#include "net/inet.h"
#include "net/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

static int not_a_bridge(const struct link *l, struct err *e)
{
	int r = err_set(e, ERR_STATE, EEXIST, "'%s' is there already and is not a bridge but %s%s", l->name, *l->kind ? "a device of type " : "a real device", l->kind);

	(void)err_hint(e, "ip -d link show %s", l->name);
	return r;
}

/* Nobody makes a loop with containers, so no spanning tree, and no port waits half a minute. */
static void put_setting(struct nl *nl, uint16_t what)
{
	struct nlattr *info = mnl_attr_nest_start(nl->last, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(nl->last, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nl->last, IFLA_INFO_DATA);
	if (what == IFLA_BR_MCAST_SNOOPING)
		mnl_attr_put_u8(nl->last, what, 0);
	else
		mnl_attr_put_u32(nl->last, what, 0);
	mnl_attr_nest_end(nl->last, data);
	mnl_attr_nest_end(nl->last, info);
}

static int make(struct job *j, struct bridge *b, struct err *e)
{
	struct nl *nl = &j->host;
	int r;

	(void)nl_add(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), "make bridge '%s'", b->name);
	mnl_attr_put_strz(nl->last, IFLA_IFNAME, b->name);
	if (b->has_mac)
		mnl_attr_put(nl->last, IFLA_ADDRESS, 6, b->mac);
	put_setting(nl, IFLA_BR_FORWARD_DELAY); /* a new one has no spanning tree */
	r = nl_send(nl, NULL, NULL, e);
	if (r == 0)
		b->made = true;
	if (r == -EOPNOTSUPP) {
		(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "make bridge '%s': this kernel has no bridge", b->name);
		(void)err_hint(e, "modprobe bridge");
	}
	return r;
}

static void setting(struct nl *nl, const struct bridge *b, const struct link *l, uint16_t what)
{
	struct ifinfomsg *i = nl_add(nl, RTM_NEWLINK, 0, sizeof(*i), "set up bridge '%s'", b->name);

	i->ifi_index = (int)l->index;
	put_setting(nl, what);
}

/* Brings an existing bridge to what the step says. */
static int adjust(struct job *j, const struct bridge *b, const struct link *l, struct err *e)
{
	struct nl *nl = &j->host;
	bool mac = b->has_mac && memcmp(l->mac, b->mac, 6) != 0, mtu = b->mtu && l->mtu != b->mtu;

	if (!(l->flags & IFF_UP) || mac || mtu) {
		(void)link_change(nl, l->index, IFF_UP, IFF_UP, "set up bridge", b->name);
		if (mac)
			mnl_attr_put(nl->last, IFLA_ADDRESS, 6, b->mac);
		/* said even for a new one: a bridge whose MTU nobody set follows its ports */
		if (mtu || b->made)
			mnl_attr_put_u32(nl->last, IFLA_MTU, b->mtu ?: 1500);
	}
	/* in this order: with a spanning tree there is a shortest delay */
	if (l->stp)
		setting(nl, b, l, IFLA_BR_STP_STATE);
	if (l->forward_delay)
		setting(nl, b, l, IFLA_BR_FORWARD_DELAY);
	/* the ruleset drops the reports it would learn from; without, a new port does not start timers for all others */
	if (l->snooping)
		setting(nl, b, l, IFLA_BR_MCAST_SNOOPING);
	return nl_send(nl, NULL, NULL, e);
}

/* The gateway's addresses go on it; older ones of ours come off. What a person added stays. */
static int set_addresses(struct job *j, const struct bridge *b, unsigned index, struct err *e)
{
	const struct ip *want[] = {&b->ipv4, &b->ipv6};
	struct inet_address *now = NULL;
	bool there[2] = {false, false};
	size_t count = 0;
	int r = inet_addresses(&j->host, index, &j->arena, &now, &count, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		bool wanted = false;

		for (size_t k = 0; k < 2; k++)
			if (want[k]->family && ip_equal(&now[i].ip, want[k]) && now[i].ip.prefix == want[k]->prefix)
				wanted = there[k] = true;
		/* another start may do the same at this moment */
		j->host.accept = EADDRNOTAVAIL;
		if (!wanted && now[i].protocol == INET_OURS)
			inet_address_drop(&j->host, index, b->name, &now[i].ip);
	}
	j->host.accept = EEXIST;
	for (size_t k = 0; k < 2; k++)
		if (want[k]->family && !there[k])
			inet_address(&j->host, index, b->name, want[k], NULL, INET_NODAD | INET_MARK);
	j->host.accept = 0;
	return nl_send(&j->host, NULL, NULL, e);
}

/* ---- forwarding ---- */

struct learned {
	unsigned index[32];
	size_t count;
};

static int take_route(const struct nlmsghdr *h, void *user)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct learned *l = user;
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_protocol != RTPROT_RA)
		return 0;
	nl_each(a, h, sizeof(*m))
		if (mnl_attr_get_type(a) == RTA_OIF && l->count < ARRAY_LEN(l->index))
			l->index[l->count++] = mnl_attr_get_u32(a);
	return 0;
}

/* A host that forwards stops listening to router advertisements, and would lose its own way out: interfaces that have routes from them go on listening. */
static int keep_advertised_routes(struct job *j, struct err *e)
{
	struct rtmsg *m = nl_add(&j->host, RTM_GETROUTE, NLM_F_DUMP, sizeof(*m), "list the IPv6 routes");
	struct learned learned = {0};
	char name[16];
	int r;

	m->rtm_family = AF_INET6;
	r = nl_send(&j->host, take_route, &learned, e);
	for (size_t i = 0; i < learned.count && r == 0; i++)
		if (nl_name(&j->host, learned.index[i], name) && link_sysctl_is(j->proc, "ipv6/conf/%s/accept_ra", name, "1"))
			r = link_sysctl(j->proc, "ipv6/conf/%s/accept_ra", name, "2", e);
	return r;
}

static int forward(struct job *j, const struct bridge *b, struct err *e)
{
	int r = 0;

	if (b->ipv4.family && !link_sysctl_is(j->proc, "ipv4/ip_forward", "", "1"))
		r = link_sysctl(j->proc, "ipv4/ip_forward", "", "1", e);
	if (r == 0 && b->ipv6.family && !link_sysctl_is(j->proc, "ipv6/conf/all/forwarding", "", "1")) {
		r = keep_advertised_routes(j, e);
		if (r == 0)
			r = link_sysctl(j->proc, "ipv6/conf/all/forwarding", "", "1", e);
	}
	return r;
}

int bridge_apply(struct job *j, struct bridge *b, struct err *e)
{
	struct link l;
	int r;

	j->host.step = b->step;
	r = link_get(&j->host, b->name, &l, e);
	if (r == -ENODEV) {
		r = make(j, b, e);
		/* another start may have made it in between */
		if (r == 0 || r == -EEXIST)
			r = link_get(&j->host, b->name, &l, e);
		/* what a container advertises is none of the host's business */
		if (r == 0 && b->made)
			r = link_sysctl(j->proc, "ipv6/conf/%s/accept_ra", b->name, "0", e);
	}
	if (r == 0 && strcmp(l.kind, "bridge") != 0)
		r = not_a_bridge(&l, e);
	if (r == 0)
		r = adjust(j, b, &l, e);
	if (r == 0 && b->ipv6.family)
		r = link_enable_ipv6(j->proc, b->name, e);
	if (r == 0)
		r = set_addresses(j, b, l.index, e);
	if (r == 0 && (b->flags & PLAN_BRIDGE_LOCALNET) && !link_sysctl_is(j->proc, "ipv4/conf/%s/route_localnet", b->name, "1"))
		r = link_sysctl(j->proc, "ipv4/conf/%s/route_localnet", b->name, "1", e);
	if (r == 0 && (b->flags & PLAN_BRIDGE_FORWARD))
		r = forward(j, b, e);
	if (r < 0 && e)
		e->step = b->step;
	return r;
}

int bridge_undo(struct job *j, struct bridge *b, struct err *e)
{
	struct link l;
	int r;

	j->host.step = b->step;
	r = link_get(&j->host, b->name, &l, e);
	if (r == 0 && strcmp(l.kind, "bridge") == 0) {
		link_remove(&j->host, l.index, b->name);
		r = nl_send(&j->host, NULL, NULL, e);
	}
	if (r == -ENODEV)
		r = 0;
	if (r == 0)
		err_clear(e);
	return r;
}

struct users {
	unsigned bridge;
	size_t count;
};

static void count_user(const struct link *l, void *user)
{
	struct users *u = user;

	u->count += l->master == u->bridge;
}

int bridge_rollback(struct job *j, struct bridge *b, struct err *e)
{
	struct users users = {.bridge = nl_index(&j->host, b->name)};
	int r;

	if (!b->made || !users.bridge)
		return 0;
	b->made = false;
	r = link_each(&j->host, count_user, &users, e);
	return r < 0 || users.count ? r : bridge_undo(j, b, e);
}
