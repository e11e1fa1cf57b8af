/* nic.c - one interface of a container: made between the two namespaces in one message where the kernel can, then given its addresses and routes in another. */
#include "net/job.h"

#include "base/clock.h"
#include "net/inet.h"
#include "net/link.h"
#include "net/rate.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* How long a name may be held by a pair whose namespace is being taken down. */
#define DYING_MS 3000

static bool is_router(const struct nic *n)
{
	return n->type == SPEC_NIC_VETH && (n->flags & PLAN_NIC_ROUTER);
}

/* The bridge of a veth; a router's link is only where it is proxied. */
static bool has_bridge(const struct nic *n)
{
	return n->type == SPEC_NIC_VETH && n->link && !is_router(n);
}

static const char *kind_of(const struct nic *n)
{
	static const char *const kinds[SPEC_NIC_TYPE_COUNT] = {
		[SPEC_NIC_VETH] = "veth", [SPEC_NIC_MACVLAN] = "macvlan", [SPEC_NIC_IPVLAN] = "ipvlan", [SPEC_NIC_VLAN] = "vlan", [SPEC_NIC_PHYS] = ""};

	return kinds[n->type];
}

static int no_link(const struct nic *n, struct err *e)
{
	(void)err_set(e, ERR_MISSING, ENODEV, "%s '%s' of '%s' does not exist", has_bridge(n) ? "bridge" : "link", n->link, n->name);
	if (has_bridge(n))
		(void)err_hint(e, "ip link add %s type bridge", n->link);
	else
		(void)err_hint(e, "ip link show");
	return -ENODEV;
}

/* ---- making ---- */

/* What an interface in the container has in common; goes into the message's main part, or into the peer part of a veth. */
static void put_inside(struct nl *nl, const struct job *j, const struct nic *n, uint32_t mtu)
{
	mnl_attr_put_strz(nl->last, IFLA_IFNAME, n->name);
	mnl_attr_put_u32(nl->last, IFLA_NET_NS_FD, (uint32_t)j->netns);
	if (mtu)
		mnl_attr_put_u32(nl->last, IFLA_MTU, mtu);
	if (n->has_mac)
		mnl_attr_put(nl->last, IFLA_ADDRESS, 6, n->mac);
	if (n->rx)
		mnl_attr_put_u32(nl->last, IFLA_NUM_RX_QUEUES, n->rx);
	if (n->tx)
		mnl_attr_put_u32(nl->last, IFLA_NUM_TX_QUEUES, n->tx);
}

static void queue_veth(struct job *j, const struct nic *n)
{
	struct nl *nl = &j->host;
	struct ifinfomsg *i = nl_add(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*i), "make '%s' and its host side '%s'", n->name, n->peer);
	uint32_t mtu = n->mtu ?: n->link ? nl_mtu(nl, n->link) : 0;
	struct nlattr *info, *data, *peer;

	if (!has_bridge(n))
		i->ifi_flags = i->ifi_change = IFF_UP;
	mnl_attr_put_strz(nl->last, IFLA_IFNAME, n->peer);
	if (mtu)
		mnl_attr_put_u32(nl->last, IFLA_MTU, mtu);
	if (has_bridge(n))
		mnl_attr_put_u32(nl->last, IFLA_MASTER, n->parent);
	if (n->has_mac) {
		/* a bridge whose address nobody fixed takes its ports' lowest: ours is never that */
		uint8_t mac[6] = {0xfe, n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5]};

		mnl_attr_put(nl->last, IFLA_ADDRESS, 6, mac);
	}
	/* what one side sends in n queues the other receives in n */
	if (n->rx)
		mnl_attr_put_u32(nl->last, IFLA_NUM_TX_QUEUES, n->rx);
	if (n->tx)
		mnl_attr_put_u32(nl->last, IFLA_NUM_RX_QUEUES, n->tx);
	info = mnl_attr_nest_start(nl->last, IFLA_LINKINFO);
	mnl_attr_put_strz(nl->last, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nl->last, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nl->last, VETH_INFO_PEER);
	(void)mnl_nlmsg_put_extra_header(nl->last, sizeof(struct ifinfomsg));
	put_inside(nl, j, n, mtu);
	mnl_attr_nest_end(nl->last, peer);
	mnl_attr_nest_end(nl->last, data);
	mnl_attr_nest_end(nl->last, info);
}

/* macvlan, ipvlan, vlan: born in the container's namespace, on top of a link in ours. */
static void queue_upper(struct job *j, const struct nic *n)
{
	static const uint32_t macvlan[SPEC_MACVLAN_COUNT] = {[SPEC_MACVLAN_PRIVATE] = MACVLAN_MODE_PRIVATE, [SPEC_MACVLAN_VEPA] = MACVLAN_MODE_VEPA,
							     [SPEC_MACVLAN_BRIDGE] = MACVLAN_MODE_BRIDGE, [SPEC_MACVLAN_PASSTHRU] = MACVLAN_MODE_PASSTHRU};
	static const uint16_t ipvlan[SPEC_IPVLAN_COUNT] = {[SPEC_IPVLAN_L3] = IPVLAN_MODE_L3, [SPEC_IPVLAN_L3S] = IPVLAN_MODE_L3S, [SPEC_IPVLAN_L2] = IPVLAN_MODE_L2};
	static const uint16_t isolation[SPEC_IPVLAN_ISOLATION_COUNT] = {[SPEC_IPVLAN_PRIVATE] = IPVLAN_F_PRIVATE, [SPEC_IPVLAN_VEPA] = IPVLAN_F_VEPA};
	struct nl *nl = &j->host;
	struct nlattr *info, *data;

	(void)nl_add(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), "make '%s' of type %s on '%s'", n->name, kind_of(n), n->link);
	mnl_attr_put_u32(nl->last, IFLA_LINK, n->parent);
	put_inside(nl, j, n, n->mtu);
	info = mnl_attr_nest_start(nl->last, IFLA_LINKINFO);
	mnl_attr_put_strz(nl->last, IFLA_INFO_KIND, kind_of(n));
	data = mnl_attr_nest_start(nl->last, IFLA_INFO_DATA);
	if (n->type == SPEC_NIC_MACVLAN) {
		mnl_attr_put_u32(nl->last, IFLA_MACVLAN_MODE, macvlan[n->mode]);
	} else if (n->type == SPEC_NIC_VLAN) {
		mnl_attr_put_u16(nl->last, IFLA_VLAN_ID, (uint16_t)n->mode);
	} else {
		mnl_attr_put_u16(nl->last, IFLA_IPVLAN_MODE, ipvlan[n->mode & 0xff]);
		if (n->mode >> 8)
			mnl_attr_put_u16(nl->last, IFLA_IPVLAN_FLAGS, isolation[n->mode >> 8]);
	}
	mnl_attr_nest_end(nl->last, data);
	mnl_attr_nest_end(nl->last, info);
}

/* The host side's name is held by a pair with its other end elsewhere: most likely in the namespace of an earlier container that the kernel is still taking down. */
static bool wait_for_name(struct job *j, const struct nic *n)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	uint64_t limit = clock_deadline(DYING_MS);
	struct link l;

	if (link_get(&j->host, n->peer, &l, NULL) < 0)
		return true;
	if (strcmp(l.kind, "veth") != 0 || l.netns == LINK_HERE)
		return false;
	while (nl_index(&j->host, n->peer) && clock_left_ms(limit) > 0 && clock_left_ms(j->deadline) > 0)
		(void)nanosleep(&pause, NULL);
	return nl_index(&j->host, n->peer) == 0;
}

/* Finds better words for why an interface could not be made. */
static int told_why(struct job *j, const struct nic *n, int r, struct err *e)
{
	struct link l = {0};

	if (n->link && link_get(&j->host, n->link, &l, NULL) == -ENODEV)
		return no_link(n, e);
	if (has_bridge(n) && r != -EEXIST && strcmp(l.kind, "bridge") != 0) {
		r = err_set(e, ERR_STATE, EINVAL, "'%s', the link of '%s', is not a bridge", n->link, n->name);
		(void)err_hint(e, "ip -d link show %s", n->link);
		return r;
	}
	if (r == -EEXIST) {
		if (n->peer && nl_index(&j->host, n->peer)) {
			r = err_set(e, ERR_EXISTS, EEXIST, "there is an interface '%s' on this host already", n->peer);
			(void)err_hint(e, "ip link show %s", n->peer);
			return r;
		}
		if (job_enter(j, NULL) == 0 && nl_index(&j->inside, n->name))
			return err_set(e, ERR_EXISTS, EEXIST, "there is an interface '%s' in the container already", n->name);
		return r; /* of another reason, with the kernel's words for it */
	}
	if (r == -EOPNOTSUPP && *kind_of(n)) {
		r = err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "make '%s': this kernel has no interfaces of type %s", n->name, kind_of(n));
		(void)err_hint(e, "modprobe %s", n->type == SPEC_NIC_VLAN ? "8021q" : kind_of(n));
	}
	return r;
}

static int make(struct job *j, struct nic *n, struct err *e)
{
	for (unsigned attempt = 0;; attempt++) {
		int r;

		if (n->type == SPEC_NIC_VETH)
			queue_veth(j, n);
		else
			queue_upper(j, n);
		r = nl_send(&j->host, NULL, NULL, e);
		if (r == 0) {
			n->done |= NIC_MADE;
			return 0;
		}
		if (r != -EEXIST || !n->peer || attempt || !wait_for_name(j, n))
			return told_why(j, n, r, e);
	}
}

/* ---- a device of the host's ---- */

static int move_in(struct job *j, struct nic *n, struct err *e)
{
	struct nl *nl = &j->host;
	struct link l;
	int r = link_get(nl, n->link, &l, e);

	if (r < 0)
		return r == -ENODEV ? no_link(n, e) : r;
	n->old_mtu = l.mtu;
	n->had_mac = l.has_mac;
	memcpy(n->old_mac, l.mac, sizeof(n->old_mac));
	(void)link_change(nl, l.index, 0, 0, "move into the container", n->link);
	mnl_attr_put_u32(nl->last, IFLA_NET_NS_FD, (uint32_t)j->netns);
	mnl_attr_put_strz(nl->last, IFLA_IFNAME, n->name);
	r = nl_send(nl, NULL, NULL, e);
	/* moving comes first, then the name: a name that is taken is found out when it is inside */
	if (r == 0 || !nl_index(nl, n->link))
		n->done |= NIC_MOVED;
	n->misnamed = r < 0;
	return r == -EEXIST ? err_set(e, ERR_EXISTS, EEXIST, "there is an interface '%s' in the container already", n->name) : r;
}

struct moved {
	const struct nic *nic;
	unsigned named, old, any; /* by the name it got, by its old one, some real device */
	size_t real;
};

static void look_for(const struct link *l, void *user)
{
	struct moved *m = user;

	if (*l->kind || (l->flags & IFF_LOOPBACK))
		return;
	m->real++;
	m->any = l->index;
	if (strcmp(l->name, m->nic->name) == 0)
		m->named = l->index;
	if (strcmp(l->name, m->nic->link) == 0)
		m->old = l->index;
}

/* The device in the container, which may have named it anew. A real device comes first: the container can make others of any name. */
static unsigned find_moved(struct job *j, const struct nic *n)
{
	struct moved m = {.nic = n};

	if (n->misnamed)
		return nl_index(&j->inside, n->link);
	if (link_each(&j->inside, look_for, &m, NULL) == 0 && m.real) {
		if (m.named || m.old)
			return m.named ?: m.old;
		return m.real == 1 ? m.any : 0;
	}
	return nl_index(&j->inside, n->name) ?: nl_index(&j->inside, n->link);
}

static int move_back(struct job *j, struct nic *n, struct err *e)
{
	struct link l = {0};
	char name[16];
	unsigned index;
	int r = nl_index(&j->host, n->link) ? 0 : job_enter(j, e);

	if (r < 0 || !j->inside.sock || nl_index(&j->host, n->link))
		return r; /* it is here, or a device that took its name */
	index = find_moved(j, n);
	if (!index || !nl_name(&j->inside, index, name) || link_get(&j->inside, name, &l, NULL) < 0)
		return 0;
	j->inside.step = n->step;
	(void)link_change(&j->inside, index, 0, IFF_UP, "take down", name);
	if (n->had_mac)
		mnl_attr_put(j->inside.last, IFLA_ADDRESS, 6, n->old_mac);
	else if (n->has_mac && l.has_permanent)
		mnl_attr_put(j->inside.last, IFLA_ADDRESS, 6, l.permanent);
	if (n->old_mtu && n->old_mtu != l.mtu)
		mnl_attr_put_u32(j->inside.last, IFLA_MTU, n->old_mtu);
	(void)link_change(&j->inside, index, 0, 0, "move back to the host", name);
	mnl_attr_put_u32(j->inside.last, IFLA_NET_NS_FD, (uint32_t)j->home);
	mnl_attr_put_strz(j->inside.last, IFLA_IFNAME, n->link);
	r = nl_send(&j->inside, NULL, NULL, e);
	n->done &= ~NIC_MOVED;
	return r;
}

/* ---- the port on a bridge ---- */

static void put_vlan(struct nl *nl, uint16_t type, unsigned index, const char *name, uint16_t id, uint16_t flags)
{
	struct bridge_vlan_info info = {.flags = flags, .vid = id};
	struct ifinfomsg *i = nl_add(nl, type, 0, sizeof(*i), "set VLAN %u of port '%s'", id, name);
	struct nlattr *spec;

	i->ifi_family = AF_BRIDGE;
	i->ifi_index = (int)index;
	spec = mnl_attr_nest_start(nl->last, IFLA_AF_SPEC);
	mnl_attr_put(nl->last, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(nl->last, spec);
}

static int set_vlans(struct job *j, const struct nic *n, struct err *e)
{
	struct link bridge;
	int r = link_get(&j->host, n->link, &bridge, e);

	if (r < 0)
		return r;
	if (!bridge.has_vlans)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "VLANs of port '%s': this kernel's bridges know none (CONFIG_BRIDGE_VLAN_FILTERING)", n->name);
	if (!bridge.vlan_filtering) {
		r = err_set(e, ERR_STATE, EINVAL, "VLANs of port '%s': bridge '%s' does not filter VLANs", n->name, n->link);
		(void)err_hint(e, "ip link set %s type bridge vlan_filtering 1", n->link);
		return r;
	}
	if (n->untagged && bridge.default_pvid && n->pvid != bridge.default_pvid)
		put_vlan(&j->host, RTM_DELLINK, n->host, n->peer, bridge.default_pvid, 0);
	if (n->untagged && n->pvid)
		put_vlan(&j->host, RTM_SETLINK, n->host, n->peer, n->pvid, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	for (size_t i = 0; i < n->tagged_count; i++)
		put_vlan(&j->host, RTM_SETLINK, n->host, n->peer, n->tagged[i], 0);
	return nl_send(&j->host, NULL, NULL, e);
}

/* A port needs no address of its own, and a link-local one is not free: the kernel's tables of the host's routes would grow with every container, and each start walk them. */
static void queue_port_up(struct job *j, const struct nic *n)
{
	struct nl *nl = &j->host;
	struct nlattr *spec, *inet6;

	nl->accept = EAFNOSUPPORT; /* IPv6 is off altogether */
	(void)link_change(nl, n->host, 0, 0, "set up port", n->peer);
	spec = mnl_attr_nest_start(nl->last, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nl->last, AF_INET6);
	mnl_attr_put_u8(nl->last, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nl->last, inet6);
	mnl_attr_nest_end(nl->last, spec);
	nl->accept = 0;
	(void)link_change(nl, n->host, IFF_UP, IFF_UP, "bring up", n->peer);
}

static int set_port(struct job *j, const struct nic *n, struct err *e)
{
	if (has_bridge(n))
		queue_port_up(j, n);
	if (has_bridge(n) && (n->flags & (PLAN_NIC_ISOLATED | PLAN_NIC_HAIRPIN))) {
		struct ifinfomsg *i = nl_add(&j->host, RTM_SETLINK, 0, sizeof(*i), "set up port '%s'", n->peer);
		struct nlattr *port;

		i->ifi_family = AF_BRIDGE;
		i->ifi_index = (int)n->host;
		port = mnl_attr_nest_start(j->host.last, IFLA_PROTINFO);
		if (n->flags & PLAN_NIC_ISOLATED)
			mnl_attr_put_u8(j->host.last, IFLA_BRPORT_ISOLATED, 1);
		if (n->flags & PLAN_NIC_HAIRPIN)
			mnl_attr_put_u8(j->host.last, IFLA_BRPORT_MODE, 1);
		mnl_attr_nest_end(j->host.last, port);
	}
	if (n->untagged || n->tagged_count) {
		int r = nl_send(&j->host, NULL, NULL, e);

		if (r == 0) {
			j->host.step = n->vlan_step;
			r = set_vlans(j, n, e);
			j->host.step = n->step;
		}
		if (r < 0 && e && !e->step)
			e->step = n->vlan_step;
		return r;
	}
	return 0;
}

/* ---- the host side of a router ---- */

static bool is_link_local(const struct ip *a)
{
	return a->family == AF_INET ? a->bytes[0] == 169 && a->bytes[1] == 254 : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static bool has_family(const struct nic *n, uint8_t family)
{
	for (size_t i = 0; i < n->address_count; i++)
		if (n->addresses[i].ip.family == family)
			return true;
	return false;
}

/* The gateway that the container sees: an address nobody routes is the host side's own, any other is answered for. */
static void queue_gateway(struct job *j, const struct nic *n, const struct ip *via)
{
	for (const struct nic_route *t = n->routes; &t->via != via; t++)
		if (t->via.family && ip_equal(&t->via, via))
			return; /* did that one already */
	if (is_link_local(via))
		inet_address(&j->host, n->host, n->peer, via, NULL, INET_NODAD);
	else
		inet_proxy(&j->host, n->host, n->peer, via);
}

static int set_router(struct job *j, const struct nic *n, struct err *e)
{
	int r = job_leave(j, e);

	if (r == 0 && has_family(n, AF_INET))
		r = link_sysctl(j->proc, "ipv4/conf/%s/forwarding", n->peer, "1", e);
	if (r == 0 && has_family(n, AF_INET))
		r = link_sysctl(j->proc, "ipv4/conf/%s/proxy_arp", n->peer, "1", e);
	if (r == 0 && has_family(n, AF_INET6) && !link_sysctl_is(j->proc, "ipv6/conf/all/forwarding", "", "1")) {
		r = err_set(e, ERR_STATE, EINVAL, "'%s' is routed, and this host does not forward IPv6", n->name);
		(void)err_hint(e, "sysctl -w net.ipv6.conf.all.forwarding=1");
	}
	if (r == 0 && has_family(n, AF_INET6))
		r = link_enable_ipv6(j->proc, n->peer, e);
	if (r == 0 && has_family(n, AF_INET6))
		r = link_sysctl(j->proc, "ipv6/conf/%s/forwarding", n->peer, "1", e);
	if (r == 0 && has_family(n, AF_INET6))
		r = link_sysctl(j->proc, "ipv6/conf/%s/proxy_ndp", n->peer, "1", e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n->route_count; i++) {
		j->host.step = n->routes[i].step;
		if (n->routes[i].via.family)
			queue_gateway(j, n, &n->routes[i].via);
	}
	for (size_t i = 0; i < n->address_count; i++) {
		struct ip one = n->addresses[i].ip;

		j->host.step = n->addresses[i].step;
		one.prefix = (uint8_t)(ip_length(&one) * 8);
		inet_route(&j->host, n->host, n->peer, &one, NULL);
	}
	return 0;
}

/* The host side of a veth: its port, routes, limits. */
static int set_host_side(struct job *j, struct nic *n, struct err *e)
{
	int r;

	n->host = nl_index(&j->host, n->peer);
	if (!n->host)
		return err_set(e, ERR_MISSING, ENODEV, "'%s', the host side of '%s', vanished", n->peer, n->name);
	r = set_port(j, n, e);
	if (r == 0 && is_router(n))
		r = set_router(j, n, e);
	for (size_t i = 0; i < n->host_route_count && r == 0; i++) {
		j->host.step = n->host_routes[i].step;
		inet_route(&j->host, n->host, n->peer, &n->host_routes[i].to, NULL);
	}
	if (r == 0)
		r = nl_send(&j->host, NULL, NULL, e);
	if (r == 0 && (n->rate_in || n->rate_out)) {
		j->host.step = n->rate_step;
		r = rate_limit(&j->host, n->host, n->peer, n->rate_in, n->rate_out, e);
		if (r < 0 && e && !e->step)
			e->step = n->rate_step;
	}
	j->host.step = n->step;
	return r;
}

/* ---- proxied on the link ---- */

static int need(const struct job *j, const char *path, const char *key, const struct nic *n, struct err *e)
{
	int r;

	if (link_sysctl_is(j->proc, path, n->link, "1"))
		return 0;
	r = err_set(e, ERR_STATE, EINVAL, "addresses of '%s' cannot be answered for on '%s': net.%s.conf.%s.%s is off", n->name, n->link, path[3] == '4' ? "ipv4" : "ipv6", n->link, key);
	(void)err_hint(e, "sysctl -w net.%s.conf.%s.%s=1", path[3] == '4' ? "ipv4" : "ipv6", n->link, key);
	return r;
}

static int set_proxies(struct job *j, struct nic *n, struct err *e)
{
	unsigned lo = nl_index(&j->host, "lo");
	int r = job_leave(j, e);

	if (r == 0 && n->type == SPEC_NIC_IPVLAN && (n->mode & 0xff) != SPEC_IPVLAN_L3S)
		r = err_set(e, ERR_INPUT, EINVAL, "l2proxy of '%s' needs ipvlan mode l3s", n->name);
	if (r == 0 && has_family(n, AF_INET))
		r = need(j, "ipv4/conf/%s/forwarding", "forwarding", n, e);
	if (r == 0 && has_family(n, AF_INET6))
		r = need(j, "ipv6/conf/%s/forwarding", "forwarding", n, e);
	if (r == 0 && has_family(n, AF_INET6))
		r = need(j, "ipv6/conf/%s/proxy_ndp", "proxy_ndp", n, e);
	if (r < 0)
		return r;
	n->done |= NIC_PROXIED;
	for (size_t i = 0; i < n->address_count; i++) {
		struct ip one = n->addresses[i].ip;

		j->host.step = n->addresses[i].step;
		one.prefix = (uint8_t)(ip_length(&one) * 8);
		inet_proxy(&j->host, n->parent, n->link, &one);
		/* ipvlan: the answer is given only for what is routed to another device */
		if (n->type == SPEC_NIC_IPVLAN)
			inet_route(&j->host, lo, "lo", &one, NULL);
	}
	return nl_send(&j->host, NULL, NULL, e);
}

static void drop_proxies(struct job *j, struct nic *n)
{
	unsigned link = nl_index(&j->host, n->link), lo = nl_index(&j->host, "lo");

	j->host.accept = NL_ANY; /* what is not there needs no removal */
	for (size_t i = 0; i < n->address_count; i++) {
		struct ip one = n->addresses[i].ip;

		one.prefix = (uint8_t)(ip_length(&one) * 8);
		if (link)
			inet_proxy_drop(&j->host, link, n->link, &one);
		if (n->type == SPEC_NIC_IPVLAN)
			inet_route_drop(&j->host, lo, "lo", &one);
	}
	j->host.accept = 0;
	(void)!nl_send(&j->host, NULL, NULL, NULL);
	n->done &= ~NIC_PROXIED;
}

/* ---- inside ---- */

/* Whether a packet to gateway @via finds its way without a route of its own. */
static bool on_link(const struct nic *n, const struct ip *via)
{
	if (via->family == AF_INET6 && is_link_local(via))
		return true;
	for (size_t i = 0; i < n->address_count; i++) {
		struct ip net = ip_network(&n->addresses[i].ip);

		if (net.family == via->family && ip_within(via, &net))
			return true;
	}
	for (const struct nic_route *t = n->routes; &t->via != via; t++)
		if ((t->via.family && ip_equal(&t->via, via)) || (!t->via.family && t->to.family == via->family && ip_within(via, &t->to)))
			return true;
	return false;
}

static void queue_inside(struct job *j, const struct nic *n)
{
	struct nl *nl = &j->inside;
	bool up = n->flags & PLAN_NIC_UP;

	nl->step = n->step;
	if (n->type == SPEC_NIC_PHYS && (n->has_mac || n->mtu)) {
		nl->step = n->has_mac ? n->hw_step : n->step;
		(void)link_change(nl, n->inside, 0, 0, "set up", n->name);
		if (n->has_mac)
			mnl_attr_put(nl->last, IFLA_ADDRESS, 6, n->mac);
		if (n->mtu)
			mnl_attr_put_u32(nl->last, IFLA_MTU, n->mtu);
	}
	if (up)
		(void)link_change(nl, n->inside, IFF_UP, IFF_UP, "bring up", n->name);
	for (size_t i = 0; i < n->address_count; i++) {
		const struct nic_address *a = &n->addresses[i];

		nl->step = a->step;
		inet_address(nl, n->inside, n->name, &a->ip, a->broadcast.family ? &a->broadcast : NULL, n->flags & PLAN_NIC_MANAGED ? INET_NODAD : 0);
	}
	for (size_t i = 0; i < n->route_count; i++) {
		const struct nic_route *t = &n->routes[i];

		nl->step = t->step;
		if (t->via.family && !on_link(n, &t->via))
			inet_route(nl, n->inside, n->name, &t->via, NULL);
		inet_route(nl, n->inside, n->name, &t->to, t->via.family ? &t->via : NULL);
	}
}

static int set_inside(struct job *j, struct nic *n, struct err *e)
{
	int r = job_enter(j, e);

	if (r < 0)
		return r;
	n->inside = nl_index(&j->inside, n->name);
	if (!n->inside)
		return err_set(e, ERR_MISSING, ENODEV, "'%s' vanished from the container", n->name);
	if (has_family(n, AF_INET6))
		r = link_enable_ipv6(j->proc, n->name, e);
	if (r == 0 && (n->flags & PLAN_NIC_MANAGED)) {
		/* its addresses are given by us alone, once */
		r = link_sysctl(j->proc, "ipv6/conf/%s/accept_ra", n->name, "0", e);
		if (r == 0)
			r = link_sysctl(j->proc, "ipv6/conf/%s/accept_dad", n->name, "0", e);
	}
	if (r < 0)
		return r;
	queue_inside(j, n);
	return nl_send(&j->inside, NULL, NULL, e);
}

int nic_apply(struct job *j, struct nic *n, struct err *e)
{
	int r = 0;

	if (j->netns < 0)
		return err_set(e, ERR_INTERNAL, EBADF, "no network namespace for '%s'", n->name);
	j->host.step = n->step;
	if (n->link) {
		n->parent = nl_index(&j->host, n->link);
		if (!n->parent)
			return no_link(n, e);
	}
	if (n->guarded) {
		/* first: there is no moment in which it can send anything else */
		r = job_open_nft(j, e);
		j->nft.step = n->guard_step;
		n->done |= NIC_GUARDED;
		if (r == 0)
			r = elements_guard(&j->nft, &n->guard, e);
		if (r < 0 && e && !e->step)
			e->step = n->guard_step;
	}
	if (r == 0)
		r = n->type == SPEC_NIC_PHYS ? move_in(j, n, e) : make(j, n, e);
	if (r == 0 && n->type == SPEC_NIC_VETH)
		r = set_host_side(j, n, e);
	if (r == 0 && (n->flags & PLAN_NIC_L2PROXY) && n->link)
		r = set_proxies(j, n, e);
	if (r == 0)
		r = set_inside(j, n, e);
	if (r == 0 && n->script_up && *n->script_up) {
		n->done |= NIC_SCRIPTED;
		r = script_run(j, n, n->script_up, "up", e);
		if (r < 0 && e)
			e->step = n->script_step;
	}
	return r;
}

/* ---- taking back ---- */

/* Number of the container's namespace in ours; negative when it has none, which no link can point to then. */
static int take_number(const struct nlmsghdr *h, void *user)
{
	const struct nlattr *a;

	if (h->nlmsg_type == RTM_NEWNSID)
		nl_each(a, h, sizeof(struct rtgenmsg))
			if (mnl_attr_get_type(a) == NETNSA_NSID)
				*(int32_t *)user = (int32_t)mnl_attr_get_u32(a);
	return 0;
}

static int32_t number_of(struct job *j)
{
	int32_t number = -1;

	if (j->netns < 0)
		return -1;
	(void)nl_add(&j->host, RTM_GETNSID, 0, sizeof(struct rtgenmsg), "number the namespace");
	mnl_attr_put_u32(j->host.last, NETNSA_FD, (uint32_t)j->netns);
	(void)!nl_send(&j->host, take_number, &number, NULL);
	return number;
}

/* Removes the host side if it is the one of this container's pair: somebody else's interface may have its name. */
static int remove_pair(struct job *j, struct nic *n, struct err *e)
{
	struct link l;
	int32_t number;
	int r = link_get(&j->host, n->peer, &l, e);

	if (r < 0 || strcmp(l.kind, "veth") != 0)
		return r;
	number = number_of(j);
	if (!(n->done & NIC_MADE) && (number < 0 || l.netns != number))
		return 0; /* without its namespace it dies by itself */
	link_remove(&j->host, l.index, n->peer);
	return nl_send(&j->host, NULL, NULL, e);
}

static int remove_upper(struct job *j, struct nic *n, struct err *e)
{
	struct link l;
	int r = j->netns < 0 ? -ENODEV : job_enter(j, e);

	if (r == 0)
		r = link_get(&j->inside, n->name, &l, e);
	if (r < 0 || strcmp(l.kind, kind_of(n)) != 0)
		return r;
	link_remove(&j->inside, l.index, n->name);
	return nl_send(&j->inside, NULL, NULL, e);
}

static int remove_nic(struct job *j, struct nic *n, struct err *e)
{
	int r = n->type == SPEC_NIC_VETH ? remove_pair(j, n, e) : remove_upper(j, n, e);

	if (r == -ENODEV)
		r = 0;
	if (r == 0)
		err_clear(e);
	n->done &= ~NIC_MADE;
	return r;
}

static int drop_guard(struct job *j, struct nic *n, struct err *e)
{
	int r = job_open_nft(j, e);

	n->done &= ~NIC_GUARDED;
	if (r < 0)
		return r == -EOPNOTSUPP ? 0 : r;
	j->nft.step = n->guard_step;
	return elements_guard_drop(&j->nft, &n->guard, e);
}

static void keep(int *r, int one)
{
	if (*r == 0 && one < 0)
		*r = one;
}

int nic_rollback(struct job *j, struct nic *n, struct err *e)
{
	int r = 0;

	if ((n->done & NIC_SCRIPTED) && n->script_down && *n->script_down)
		keep(&r, script_run(j, n, n->script_down, "down", e));
	n->done &= ~NIC_SCRIPTED;
	if (n->done & NIC_PROXIED)
		drop_proxies(j, n);
	if (n->done & NIC_MOVED)
		keep(&r, move_back(j, n, r == 0 ? e : NULL));
	if (n->done & NIC_MADE)
		keep(&r, remove_nic(j, n, r == 0 ? e : NULL));
	if (n->done & NIC_GUARDED)
		keep(&r, drop_guard(j, n, r == 0 ? e : NULL));
	return r;
}

int nic_undo(struct job *j, struct nic *n, struct err *e)
{
	int r = 0;

	j->host.step = n->step;
	if (n->script_down && *n->script_down)
		keep(&r, script_run(j, n, n->script_down, "down", e));
	if ((n->flags & PLAN_NIC_L2PROXY) && n->link)
		drop_proxies(j, n);
	if (n->type == SPEC_NIC_PHYS && j->netns >= 0)
		keep(&r, move_back(j, n, r == 0 ? e : NULL));
	if (n->type != SPEC_NIC_PHYS)
		keep(&r, remove_nic(j, n, r == 0 ? e : NULL));
	if (n->guarded)
		keep(&r, drop_guard(j, n, r == 0 ? e : NULL));
	return r;
}
