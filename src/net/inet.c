/* inet.c - the requests about addresses, routes and neighbours. */
#include "net/inet.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static void put_ip(struct nl *nl, uint16_t type, const struct ip *a)
{
	mnl_attr_put(nl->last, type, ip_length(a), a->bytes);
}

void inet_address(struct nl *nl, unsigned index, const char *name, const struct ip *a, const struct ip *broadcast, unsigned flags)
{
	struct ip computed = a->family == AF_INET ? ip_broadcast(a) : (struct ip){0};
	struct ifaddrmsg *m;
	char text[IP_TEXT];

	m = nl_add(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*m), "add %s to '%s'", ip_format_prefix(a, text), name);
	m->ifa_family = a->family;
	m->ifa_prefixlen = a->prefix;
	m->ifa_index = index;
	/* not a source for what goes elsewhere */
	if (a->family == AF_INET && a->bytes[0] == 169 && a->bytes[1] == 254)
		m->ifa_scope = RT_SCOPE_LINK;
	put_ip(nl, IFA_LOCAL, a);
	put_ip(nl, IFA_ADDRESS, a);
	if (!broadcast && computed.family)
		broadcast = &computed;
	if (broadcast)
		put_ip(nl, IFA_BROADCAST, broadcast);
	if (a->family == AF_INET6 && (flags & INET_NODAD))
		mnl_attr_put_u32(nl->last, IFA_FLAGS, IFA_F_NODAD);
	if (flags & INET_MARK)
		mnl_attr_put_u8(nl->last, IFA_PROTO, INET_OURS);
}

void inet_address_drop(struct nl *nl, unsigned index, const char *name, const struct ip *a)
{
	struct ifaddrmsg *m;
	char text[IP_TEXT];

	m = nl_add(nl, RTM_DELADDR, 0, sizeof(*m), "take %s from '%s'", ip_format_prefix(a, text), name);
	m->ifa_family = a->family;
	m->ifa_prefixlen = a->prefix;
	m->ifa_index = index;
	put_ip(nl, IFA_LOCAL, a);
}

static void route(struct nl *nl, uint16_t type, uint16_t flags, unsigned index, const char *name, const struct ip *to, const struct ip *via, const char *verb)
{
	struct ip net = ip_network(to);
	char text[IP_TEXT], through[IP_TEXT];
	struct rtmsg *m;

	m = nl_add(nl, type, flags, sizeof(*m), "%s the route to %s %s%s%s'%s'", verb, to->prefix ? ip_format_prefix(&net, text) : "everywhere", via ? "via " : "",
		   via ? ip_format(via, through) : "", via ? " on " : "on ", name);
	m->rtm_family = to->family;
	m->rtm_dst_len = to->prefix;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_scope = via || to->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	m->rtm_type = RTN_UNICAST;
	if (to->prefix)
		put_ip(nl, RTA_DST, &net);
	if (via)
		put_ip(nl, RTA_GATEWAY, via);
	mnl_attr_put_u32(nl->last, RTA_OIF, index);
}

void inet_route(struct nl *nl, unsigned index, const char *name, const struct ip *to, const struct ip *via)
{
	route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, index, name, to, via, "add");
}

void inet_route_drop(struct nl *nl, unsigned index, const char *name, const struct ip *to)
{
	route(nl, RTM_DELROUTE, 0, index, name, to, NULL, "remove");
}

static void proxy(struct nl *nl, uint16_t type, uint16_t flags, unsigned index, const char *name, const struct ip *a, const char *verb)
{
	struct ndmsg *m;
	char text[IP_TEXT];

	m = nl_add(nl, type, flags, sizeof(*m), "%s %s on '%s'", verb, ip_format(a, text), name);
	m->ndm_family = a->family;
	m->ndm_ifindex = (int)index;
	m->ndm_flags = NTF_PROXY;
	m->ndm_state = NUD_PERMANENT;
	m->ndm_type = RTN_UNICAST;
	put_ip(nl, NDA_DST, a);
}

void inet_proxy(struct nl *nl, unsigned index, const char *name, const struct ip *a)
{
	proxy(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, index, name, a, "answer for");
}

void inet_proxy_drop(struct nl *nl, unsigned index, const char *name, const struct ip *a)
{
	proxy(nl, RTM_DELNEIGH, 0, index, name, a, "stop answering for");
}

struct addresses {
	struct arena *arena;
	unsigned index;
	struct inet_address *items;
	size_t count;
};

static void copy_ip(struct ip *out, uint8_t family, uint8_t prefix, const struct nlattr *a)
{
	*out = (struct ip){.family = family, .prefix = prefix};
	if (mnl_attr_get_payload_len(a) == ip_length(out))
		memcpy(out->bytes, mnl_attr_get_payload(a), ip_length(out));
}

static int take_address(const struct nlmsghdr *h, void *user)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	struct addresses *all = user;
	struct inet_address *x;
	bool local = false;
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWADDR || m->ifa_index != all->index)
		return 0;
	x = arena_push(all->arena, &all->items, &all->count, sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = (struct inet_address){.index = m->ifa_index, .flags = m->ifa_flags, .scope = m->ifa_scope, .valid = UINT32_MAX, .preferred = UINT32_MAX};
	nl_each(a, h, sizeof(*m)) {
		switch (mnl_attr_get_type(a)) {
		case IFA_LOCAL:
			copy_ip(&x->ip, m->ifa_family, m->ifa_prefixlen, a);
			local = true;
			break;
		case IFA_ADDRESS: /* the other end of a point-to-point link when there is a local one too */
			if (!local)
				copy_ip(&x->ip, m->ifa_family, m->ifa_prefixlen, a);
			break;
		case IFA_BROADCAST:
			copy_ip(&x->broadcast, m->ifa_family, 32, a);
			break;
		case IFA_FLAGS:
			x->flags = mnl_attr_get_u32(a);
			break;
		case IFA_PROTO:
			x->protocol = mnl_attr_get_u8(a);
			break;
		case IFA_CACHEINFO: {
			const struct ifa_cacheinfo *c = mnl_attr_get_payload(a);

			x->valid = c->ifa_valid;
			x->preferred = c->ifa_prefered;
			break;
		}
		default:
			break;
		}
	}
	return 0;
}

int inet_addresses(struct nl *nl, unsigned index, struct arena *a, struct inet_address **ret, size_t *ret_count, struct err *e)
{
	struct addresses all = {.arena = a, .index = index};
	struct ifaddrmsg *m = nl_add(nl, RTM_GETADDR, NLM_F_DUMP, sizeof(*m), "list the addresses");
	int r;

	m->ifa_index = index; /* filters where the kernel can; we look again */
	r = nl_send(nl, take_address, &all, e);
	if (r < 0)
		return r;
	*ret = all.items;
	*ret_count = all.count;
	return 0;
}
