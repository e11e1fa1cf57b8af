/* move.c - reads what a device has, writes it down, and queues the same for the bridge. The state file holds the very requests that give everything back, without an interface. */
#include "net/move.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/ip.h"
#include "net/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATE_MAGIC 0x31424e43u /* "CNB1" */
#define STATE_MAX ((size_t)1 << 20)
#define REQUEST_MAX 2048u
#define TICKS 100 /* USER_HZ */

struct state {
	uint32_t magic, count;
	char device[16], bridge[16];
	uint32_t mtu;
	uint8_t mac[6];
	uint16_t up;
	/* @count requests follow, each a nlmsghdr and what belongs to it, 4-aligned: RTM_NEWADDR and RTM_NEWROUTE without an interface */
};

struct move {
	struct nl nl;
	struct state state;
	struct buf requests;
	unsigned device, bridge; /* indexes */
	bool unsupported;        /* a route by several devices */
};

static void move_done(struct move *m)
{
	nl_close(&m->nl);
	buf_done(&m->requests);
}

/* ---- reading ---- */

/* A request of @type in @bytes that has the fixed header of @h and those attributes whose types are in @mask. */
static struct nlmsghdr *copy(char bytes[REQUEST_MAX], const struct nlmsghdr *h, uint16_t type, size_t header, uint64_t mask)
{
	struct nlmsghdr *q = mnl_nlmsg_put_header(bytes);
	const struct nlattr *a;

	q->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(q, header), mnl_nlmsg_get_payload(h), header);
	nl_each(a, h, header) {
		uint16_t t = mnl_attr_get_type(a);

		if (t < 64 && (mask >> t & 1) && q->nlmsg_len + mnl_attr_get_payload_len(a) + 64u < REQUEST_MAX)
			mnl_attr_put(q, (uint16_t)(t | (a->nla_type & NLA_F_NESTED)), mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
	}
	return q;
}

static int store(struct move *m, const struct nlmsghdr *q)
{
	buf_add(&m->requests, q, NLMSG_ALIGN(q->nlmsg_len));
	m->state.count++;
	return buf_failed(&m->requests) ? -ENOMEM : 0;
}

static bool link_local(const void *address)
{
	const uint8_t *b = address;

	return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

static int take_address(const struct nlmsghdr *h, void *user)
{
	static const uint64_t kept = 1u << IFA_ADDRESS | 1u << IFA_LOCAL | 1u << IFA_BROADCAST | 1u << IFA_CACHEINFO | 1u << IFA_RT_PRIORITY | 1u << IFA_PROTO;
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(h);
	char bytes[REQUEST_MAX] __attribute__((aligned(8)));
	struct move *m = user;
	struct nlmsghdr *q;
	struct ifaddrmsg *mine;
	const struct nlattr *a;
	uint32_t flags = i->ifa_flags;
	bool own = false;

	if (h->nlmsg_type != RTM_NEWADDR || i->ifa_index != m->device)
		return 0;
	nl_each(a, h, sizeof(*i)) {
		if (mnl_attr_get_type(a) == IFA_FLAGS)
			flags = mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) == IFA_ADDRESS && i->ifa_family == AF_INET6)
			own = link_local(mnl_attr_get_payload(a));
	}
	/* every interface makes its own link-local and temporary addresses */
	if (own || (i->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY)))
		return 0;
	q = copy(bytes, h, RTM_NEWADDR, sizeof(*i), kept);
	mine = mnl_nlmsg_get_payload(q);
	mine->ifa_index = 0;
	mine->ifa_flags = 0;
	/* no duplicate detection: it is the address this host has all along */
	mnl_attr_put_u32(q, IFA_FLAGS, (flags & (IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR)) | (i->ifa_family == AF_INET6 ? IFA_F_NODAD : 0u));
	return store(m, q);
}

static int take_route(const struct nlmsghdr *h, void *user)
{
	static const uint64_t kept = 1u << RTA_DST | 1u << RTA_SRC | 1u << RTA_GATEWAY | 1u << RTA_PRIORITY | 1u << RTA_PREFSRC | 1u << RTA_METRICS |
				     1u << RTA_VIA | 1u << RTA_PREF;
	const struct rtmsg *i = mnl_nlmsg_get_payload(h);
	char bytes[REQUEST_MAX] __attribute__((aligned(8)));
	const struct nlattr *a;
	struct move *m = user;
	struct nlmsghdr *q;
	uint32_t expires = 0;
	bool ours = false;

	if (h->nlmsg_type != RTM_NEWROUTE || i->rtm_table != RT_TABLE_MAIN || i->rtm_type != RTN_UNICAST || (i->rtm_flags & RTM_F_CLONED))
		return 0;
	nl_each(a, h, sizeof(*i)) {
		uint16_t t = mnl_attr_get_type(a);

		if (t == RTA_OIF && mnl_attr_get_u32(a) == m->device)
			ours = true;
		if (t == RTA_DST && i->rtm_family == AF_INET6 && i->rtm_protocol == RTPROT_KERNEL && link_local(mnl_attr_get_payload(a)))
			return 0;
		if (t == RTA_CACHEINFO && mnl_attr_get_payload_len(a) >= sizeof(struct rta_cacheinfo)) {
			int32_t left = ((const struct rta_cacheinfo *)mnl_attr_get_payload(a))->rta_expires;

			expires = left > 0 ? (uint32_t)left / TICKS + 1 : 0;
		}
		if (t == RTA_MULTIPATH) {
			const struct rtnexthop *n = mnl_attr_get_payload(a);

			for (int left = mnl_attr_get_payload_len(a); RTNH_OK(n, left); left -= (int)NLMSG_ALIGN(n->rtnh_len), n = RTNH_NEXT(n))
				m->unsupported = m->unsupported || (unsigned)n->rtnh_ifindex == m->device;
		}
	}
	if (!ours)
		return 0;
	q = copy(bytes, h, RTM_NEWROUTE, sizeof(*i), kept);
	((struct rtmsg *)mnl_nlmsg_get_payload(q))->rtm_flags &= RTNH_F_ONLINK;
	if (expires)
		mnl_attr_put_u32(q, RTA_EXPIRES, expires);
	return store(m, q);
}

static int read_routes(struct move *m, uint8_t family, struct err *e)
{
	struct rtmsg *i = nl_add(&m->nl, RTM_GETROUTE, NLM_F_DUMP, sizeof(*i), "list the routes");

	i->rtm_family = family;
	return nl_send(&m->nl, take_route, m, e);
}

static int read_device(struct move *m, const char *device, const char *bridge, struct err *e)
{
	struct ifaddrmsg *i;
	struct link l, taken;
	int r = link_get(&m->nl, device, &l, e);

	if (r == -ENODEV)
		return err_set(e, ERR_MISSING, ENODEV, "there is no interface '%s'", device);
	if (r < 0)
		return r;
	if (link_get(&m->nl, bridge, &taken, NULL) == 0)
		return err_set(e, ERR_EXISTS, EEXIST, "there is an interface '%s' already", bridge);
	if (l.master || (l.flags & IFF_LOOPBACK) || strcmp(l.kind, "bridge") == 0 || !l.has_mac) {
		(void)err_set(e, ERR_STATE, EINVAL, "'%s' cannot be a port of a bridge: it %s", device,
			      l.master ? "is one of something else already" : strcmp(l.kind, "bridge") == 0 ? "is a bridge itself" : "is no Ethernet device");
		return err_hint(e, "ip -details link show %s", device);
	}
	m->device = l.index;
	m->state = (struct state){.magic = STATE_MAGIC, .mtu = l.mtu, .up = (l.flags & IFF_UP) != 0};
	memcpy(m->state.mac, l.mac, sizeof(m->state.mac));
	(void)snprintf(m->state.device, sizeof(m->state.device), "%s", device);
	(void)snprintf(m->state.bridge, sizeof(m->state.bridge), "%s", bridge);
	i = nl_add(&m->nl, RTM_GETADDR, NLM_F_DUMP, sizeof(*i), "list the addresses of '%s'", device);
	i->ifa_index = m->device;
	r = nl_send(&m->nl, take_address, m, e);
	if (r == 0)
		r = read_routes(m, AF_INET, e);
	if (r == 0)
		r = read_routes(m, AF_INET6, e);
	if (r == 0 && m->unsupported)
		r = err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "'%s' is part of a route over several devices; such a route is not moved", device);
	return r;
}

/* ---- the state file ---- */

static int write_state(const struct move *m, int fd, struct err *e)
{
	int r = fd_write_all(fd, &m->state, sizeof(m->state));

	if (r == 0)
		r = fd_write_all(fd, m->requests.data, m->requests.len);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		r = -errno;
	return r < 0 ? err_sys(e, r, "write down how '%s' was", m->state.device) : 0;
}

/* Every request must be one of ours, whole. */
static bool state_is_sound(const struct move *m)
{
	const char *at = m->requests.data, *end = at + m->requests.len;

	for (uint32_t i = 0; i < m->state.count; i++) {
		const struct nlmsghdr *q = (const struct nlmsghdr *)at;
		size_t header;

		if ((size_t)(end - at) < sizeof(*q))
			return false;
		header = q->nlmsg_type == RTM_NEWADDR ? sizeof(struct ifaddrmsg) : sizeof(struct rtmsg);
		if ((q->nlmsg_type != RTM_NEWADDR && q->nlmsg_type != RTM_NEWROUTE) || q->nlmsg_len > REQUEST_MAX || q->nlmsg_len < sizeof(*q) + header ||
		    NLMSG_ALIGN(q->nlmsg_len) > (size_t)(end - at))
			return false;
		at += NLMSG_ALIGN(q->nlmsg_len);
	}
	return at == end;
}

static int read_state(struct move *m, int fd, const char *device, const char *bridge, struct err *e)
{
	struct buf all = BUF_INIT;
	int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_read_all(fd, &all, STATE_MAX);

	if (r == 0 && all.len < sizeof(m->state))
		r = -EBADMSG;
	if (r == 0) {
		memcpy(&m->state, all.data, sizeof(m->state));
		buf_add(&m->requests, all.data + sizeof(m->state), all.len - sizeof(m->state));
		m->state.device[15] = m->state.bridge[15] = '\0';
		if (m->state.magic != STATE_MAGIC || strcmp(m->state.device, device) != 0 || strcmp(m->state.bridge, bridge) != 0 || !state_is_sound(m))
			r = -EBADMSG;
	}
	buf_done(&all);
	if (r == -EBADMSG)
		return err_set(e, ERR_DAMAGED, EBADMSG, "what was written down about '%s' and '%s' is damaged", device, bridge);
	return r < 0 ? err_sys(e, r, "read how '%s' was", device) : 0;
}

/* ---- changing ---- */

/* Queues the kept requests of type @which, RTM_NEWADDR or RTM_NEWROUTE, for interface @index; with @remove their opposites. */
static void queue_kept(struct move *m, uint16_t which, unsigned index, bool remove, const char *name)
{
	const char *at = m->requests.data;

	for (uint32_t i = 0; i < m->state.count; i++) {
		const struct nlmsghdr *q = (const struct nlmsghdr *)at;
		size_t header = q->nlmsg_type == RTM_NEWADDR ? sizeof(struct ifaddrmsg) : sizeof(struct rtmsg);
		/* routes go beside what others have to the same place */
		uint16_t flags = remove ? 0 : which == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : NLM_F_CREATE | NLM_F_APPEND;
		const struct nlattr *a;
		void *head;

		at += NLMSG_ALIGN(q->nlmsg_len);
		if (q->nlmsg_type != which)
			continue;
		head = nl_add(&m->nl, (uint16_t)(which + (remove ? 1 : 0)), flags, header, "%s %s '%s'", remove ? "take" : "give",
			      which == RTM_NEWADDR ? (remove ? "an address from" : "an address to") : (remove ? "a route from" : "a route to"), name);
		memcpy(head, mnl_nlmsg_get_payload(q), header);
		nl_each(a, q, header)
			mnl_attr_put(m->nl.last, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
		if (which == RTM_NEWADDR)
			((struct ifaddrmsg *)head)->ifa_index = index;
		else
			mnl_attr_put_u32(m->nl.last, RTA_OIF, index);
	}
}

/* Routes with a gateway need the ones without: those that are refused are tried once more, and have to work then. */
static int give(struct move *m, unsigned index, const char *name, struct err *e)
{
	int r;

	queue_kept(m, RTM_NEWADDR, index, false, name);
	m->nl.accept = NL_ANY;
	queue_kept(m, RTM_NEWROUTE, index, false, name);
	m->nl.accept = 0;
	r = nl_send(&m->nl, NULL, NULL, e);
	if (r < 0)
		return r;
	m->nl.accept = EEXIST;
	queue_kept(m, RTM_NEWROUTE, index, false, name);
	m->nl.accept = 0;
	return nl_send(&m->nl, NULL, NULL, e);
}

static bool has_ipv6(const struct move *m)
{
	const char *at = m->requests.data;

	for (uint32_t i = 0; i < m->state.count; i++) {
		const struct nlmsghdr *q = (const struct nlmsghdr *)at;

		/* both kinds begin with their family */
		if (*(const uint8_t *)mnl_nlmsg_get_payload(q) == AF_INET6)
			return true;
		at += NLMSG_ALIGN(q->nlmsg_len);
	}
	return false;
}

static int make_bridge(struct move *m, struct err *e)
{
	struct nl *nl = &m->nl;
	struct ifinfomsg *i = nl_add(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*i), "make bridge '%s'", m->state.bridge);
	struct nlattr *info, *data;
	int r;

	i->ifi_flags = i->ifi_change = m->state.up ? IFF_UP : 0;
	mnl_attr_put_strz(nl->last, IFLA_IFNAME, m->state.bridge);
	mnl_attr_put(nl->last, IFLA_ADDRESS, 6, m->state.mac);
	info = mnl_attr_nest_start(nl->last, IFLA_LINKINFO);
	mnl_attr_put_strz(nl->last, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nl->last, IFLA_INFO_DATA);
	mnl_attr_put_u32(nl->last, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_nest_end(nl->last, data);
	mnl_attr_nest_end(nl->last, info);
	r = nl_send(nl, NULL, NULL, e);
	if (r < 0)
		return r;
	m->bridge = nl_index(nl, m->state.bridge);
	if (!m->bridge)
		return err_set(e, ERR_MISSING, ENODEV, "bridge '%s' vanished", m->state.bridge);
	/* it listens to router advertisements as the device did, from its first moment */
	for (const char *const *value = (const char *const[]){"0", "1", "2", NULL}; *value && r == 0; value++)
		if (link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_ra", m->state.device, *value))
			r = link_sysctl(FD_NONE, "ipv6/conf/%s/accept_ra", m->state.bridge, *value, e);
	return r == 0 && has_ipv6(m) ? link_enable_ipv6(FD_NONE, m->state.bridge, e) : r;
}

static int change(struct move *m, struct err *e)
{
	struct nl *nl = &m->nl;
	int r = make_bridge(m, e);

	if (r < 0)
		return r;
	(void)link_change(nl, m->device, 0, 0, "make a port of", m->state.device);
	mnl_attr_put_u32(nl->last, IFLA_MASTER, m->bridge);
	(void)link_change(nl, m->bridge, 0, 0, "set up bridge", m->state.bridge);
	mnl_attr_put_u32(nl->last, IFLA_MTU, m->state.mtu);
	r = nl_send(nl, NULL, NULL, e);
	if (r < 0)
		return r;
	/* what goes with an address is gone when its turn comes */
	nl->accept = NL_ANY;
	queue_kept(m, RTM_NEWROUTE, m->device, true, m->state.device);
	nl->accept = EADDRNOTAVAIL;
	queue_kept(m, RTM_NEWADDR, m->device, true, m->state.device);
	nl->accept = 0;
	r = nl_send(nl, NULL, NULL, e);
	return r < 0 ? r : give(m, m->bridge, m->state.bridge, e);
}

/* The bridge goes, and with it all that was given to it; then the device gets everything back. */
static int restore(struct move *m, struct err *e)
{
	struct link bridge, device;
	struct err first = {0};
	int r;

	r = link_get(&m->nl, m->state.device, &device, e);
	if (r == -ENODEV)
		return err_set(e, ERR_MISSING, ENODEV, "there is no interface '%s'", m->state.device);
	if (r < 0)
		return r;
	if (link_get(&m->nl, m->state.bridge, &bridge, NULL) == 0 && strcmp(bridge.kind, "bridge") == 0) {
		link_remove(&m->nl, bridge.index, m->state.bridge);
		r = nl_send(&m->nl, NULL, NULL, &first);
	}
	if (m->state.up) {
		(void)link_change(&m->nl, device.index, IFF_UP, IFF_UP, "bring up", m->state.device);
		r = nl_send(&m->nl, NULL, NULL, e) ?: r;
	}
	if (give(m, device.index, m->state.device, e) < 0)
		return -e->code;
	if (first.code)
		*e = first;
	return r;
}

int move_to_bridge(const char *device, const char *bridge, int state, struct err *e)
{
	autodone(move_done) struct move m = {.requests = BUF_INIT};
	struct err lost;
	int r;

	if (!ip_is_ifname(device) || !ip_is_ifname(bridge))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' or '%s' is no name of an interface", device, bridge);
	r = nl_open(&m.nl, NETLINK_ROUTE, e);
	if (r == 0)
		r = read_device(&m, device, bridge, e);
	if (r == 0)
		r = write_state(&m, state, e);
	if (r < 0)
		return r;
	r = change(&m, e);
	if (r < 0)
		(void)restore(&m, &lost);
	return r;
}

int move_back_from_bridge(const char *device, const char *bridge, int state, struct err *e)
{
	autodone(move_done) struct move m = {.requests = BUF_INIT};
	int r = nl_open(&m.nl, NETLINK_ROUTE, e);

	if (r == 0)
		r = read_state(&m, state, device, bridge, e);
	return r < 0 ? r : restore(&m, e);
}
