/* spec-net.c - the network part of spec_freeze(): what only shows when all is known.
 *
 * A setting that its interface cannot carry out is refused with the line that said it, not left to a start that half works. */
#include "spec/spec-impl.h"

#include "base/ip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line that said lxc.net.N.@what; that which named the interface when no such key was used (lxc.network, coppice.network). */
static const char *where_of(const struct spec *s, const struct spec_nic *n, const char *what)
{
	const char *where = NULL;
	char key[64];

	if (!n->network) {
		(void)snprintf(key, sizeof(key), "lxc.net.%u.%s", n->number, what);
		where = spec_where(s, key);
	}
	return where ? where : n->where;
}

/* Refuses what lxc.net.N.@what says. */
static int refuse(const struct spec *s, const struct spec_nic *n, const char *what, const char *value, const char *why, struct err *e)
{
	return REFUSE(where_of(s, n, what), e, "lxc.net.%u.%s = '%.80s': %s", n->number, what, value, why);
}

static bool is_six(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* The address of a text "A/P" or "A/P B". */
static struct ip address_of(const char *text)
{
	char first[IP_TEXT];
	struct ip a = {0};
	size_t len = strcspn(text, " ");

	if (len < sizeof(first)) {
		memcpy(first, text, len);
		first[len] = '\0';
		if (ip_parse(first, &a) < 0)
			a = (struct ip){0};
	}
	return a;
}

/* ---- the type ---- */

/* What only an interface can have. */
static const char *first_promise(const struct spec_nic *n)
{
	if (n->address_count)
		return is_six(n->addresses[0]) ? "ipv6.address" : "ipv4.address";
	if (n->gateway4_kind)
		return "ipv4.gateway";
	if (n->gateway6_kind)
		return "ipv6.gateway";
	if (n->route_count)
		return is_six(n->routes[0]) ? "veth.ipv6.route" : "veth.ipv4.route";
	if (n->script_up || n->script_down)
		return n->script_up ? "script.up" : "script.down";
	return NULL;
}

/* Types that make no interface decide about the network as a whole and leave the list. */
static int freeze_types(struct spec *s, struct err *e)
{
	const struct spec_nic *none = NULL, *other = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < s->nic_count; i++) {
		const struct spec_nic *n = &s->nics[i];
		const char *promise = first_promise(n);

		if (n->type == SPEC_NIC_TYPE_COUNT)
			return REFUSE(n->where, e, "lxc.net.%u: no lxc.net.%u.type says what kind of interface it is", n->number,
				      n->number);
		if (n->type != SPEC_NIC_NONE && n->type != SPEC_NIC_EMPTY) {
			other = other ? other : n;
			continue;
		}
		none = n->type == SPEC_NIC_NONE && !none ? n : none;
		if (promise)
			return REFUSE(where_of(s, n, promise), e, "lxc.net.%u.%s: type %s makes no interface that could have it", n->number,
				      promise, spec_nic_type_name(n->type));
	}
	if (none && other)
		return REFUSE(where_of(s, none, "type"), e,
			      "lxc.net.%u.type = 'none': the container shares the host's network and can have no interface beside it",
			      none->number);
	s->net = none ? SPEC_NET_NONE : SPEC_NET_EMPTY;
	for (size_t i = 0; i < s->nic_count; i++)
		if (s->nics[i].type < SPEC_NIC_TYPE_COUNT)
			s->nics[kept++] = s->nics[i];
	s->nic_count = kept;
	return 0;
}

/* ---- what belongs to a type ---- */

/* What was said that only other types have: its key and value, false when there is nothing. */
static bool is_foreign(const struct spec_nic *n, const char **ret_what, const char **ret_value)
{
	const bool veth = n->type == SPEC_NIC_VETH, ipvlan = n->type == SPEC_NIC_IPVLAN;
	const struct {
		bool bad;
		const char *what, *value;
	} rows[] = {
	    {!veth && n->pair, "veth.pair", n->pair},
	    {!veth && n->router, "veth.mode", "router"},
	    {!veth && n->route_count, n->route_count && is_six(n->routes[0]) ? "veth.ipv6.route" : "veth.ipv4.route",
	     n->route_count ? n->routes[0] : ""},
	    {!veth && n->rx_queues, "veth.n_rxqueues", "..."},
	    {!veth && n->tx_queues, "veth.n_txqueues", "..."},
	    {!veth && n->port_vlan, "veth.vlan.id", "..."},
	    {!veth && n->vlan_none, "veth.vlan.id", "none"},
	    {!veth && n->tagged_count, "veth.vlan.tagged.id", "..."},
	    {n->type != SPEC_NIC_MACVLAN && n->macvlan, "macvlan.mode", "..."},
	    {!ipvlan && n->ipvlan, "ipvlan.mode", "..."},
	    {!ipvlan && n->ipvlan_isolation, "ipvlan.isolation", "..."},
	    {n->type != SPEC_NIC_VLAN && n->vlan, "vlan.id", "..."},
	    {ipvlan && n->hwaddr, "hwaddr", n->hwaddr},
	    {!ipvlan && !(veth && n->router) && n->l2proxy, "l2proxy", "1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].bad) {
			*ret_what = rows[i].what;
			*ret_value = rows[i].value;
			return true;
		}
	}
	return false;
}

static int check_type(const struct spec *s, const struct spec_nic *n, struct err *e)
{
	const char *what, *value, *type = spec_nic_type_name(n->type);
	char why[160];

	if (is_foreign(n, &what, &value)) {
		(void)snprintf(why, sizeof(why),
			       strcmp(what, "l2proxy") == 0 ? "only veth in mode router and ipvlan have it"
							    : "an interface of type %s has no such setting",
			       type);
		return REFUSE(where_of(s, n, what), e, "lxc.net.%u.%s: %s", n->number, what, why);
	}
	if (n->type != SPEC_NIC_VETH && !n->link)
		return REFUSE(where_of(s, n, "type"), e, "lxc.net.%u.type = '%s': needs lxc.net.%u.link, the device on the host", n->number,
			      type, n->number);
	if (n->type == SPEC_NIC_VLAN && !n->vlan)
		return REFUSE(where_of(s, n, "type"), e, "lxc.net.%u.type = 'vlan': needs lxc.net.%u.vlan.id, the tag", n->number,
			      n->number);
	if (n->l2proxy && !n->link)
		return refuse(s, n, "l2proxy", "1", "needs a link on which the host answers", e);
	if (n->router && (n->port_vlan || n->vlan_none || n->tagged_count))
		return refuse(s, n, n->tagged_count ? "veth.vlan.tagged.id" : "veth.vlan.id", "...", "mode router has no bridge port", e);
	if (!n->router && !n->link && !n->network && (n->port_vlan || n->vlan_none || n->tagged_count))
		return refuse(s, n, n->tagged_count ? "veth.vlan.tagged.id" : "veth.vlan.id", "...",
			      "without a link there is no bridge port", e);
	return 0;
}

/* ---- addresses and gateways ---- */

static int check_gateway(const struct spec *s, const struct spec_nic *n, bool six, struct err *e)
{
	const enum spec_gateway kind = six ? n->gateway6_kind : n->gateway4_kind;
	const char *text = six ? n->gateway6 : n->gateway4, *what = six ? "ipv6.gateway" : "ipv4.gateway";
	bool has_address = false, within = false;
	struct ip gateway;

	if (kind == SPEC_GATEWAY_AUTO && !n->router && (!n->link || n->type == SPEC_NIC_PHYS))
		return refuse(s, n, what, "auto", "there is no bridge or parent device whose address could be taken", e);
	for (size_t i = 0; kind != SPEC_GATEWAY_NONE && &s->nics[i] < n; i++)
		if ((six ? s->nics[i].gateway6_kind : s->nics[i].gateway4_kind) != SPEC_GATEWAY_NONE)
			return refuse(s, n, what,
				      kind == SPEC_GATEWAY_ADDRESS ? text
				      : kind == SPEC_GATEWAY_AUTO  ? "auto"
								   : "dev",
				      "another interface has the default route", e);
	if (kind != SPEC_GATEWAY_ADDRESS)
		return 0;
	gateway = address_of(text);
	for (size_t i = 0; i < n->address_count; i++) {
		struct ip a = address_of(n->addresses[i]), net = ip_network(&a);

		has_address |= is_six(n->addresses[i]) == six;
		within |= ip_within(&gateway, &net);
		if (ip_equal(&a, &gateway))
			return refuse(s, n, what, text, "that is the interface's own address", e);
	}
	within |= six && gateway.bytes[0] == 0xfe && (gateway.bytes[1] & 0xc0) == 0x80; /* link-local: on every link */
	if (!within && !has_address)
		return refuse(
		    s, n, what, text,
		    six ? "the interface has no IPv6 address to reach it from" : "the interface has no IPv4 address to reach it from", e);
	/* elsewhere the gateway gets a route of its own on the link; these two ask nobody on the link */
	if (!within && n->type == SPEC_NIC_IPVLAN && n->ipvlan != SPEC_IPVLAN_L2)
		return refuse(s, n, what, text,
			      "outside every prefix of the interface, and ipvlan finds no neighbour in mode l3 or l3s; say dev", e);
	return 0;
}

static int check_same_address(const struct spec *s, size_t nic, size_t index, struct err *e)
{
	const struct spec_nic *n = &s->nics[nic];
	const struct ip a = address_of(n->addresses[index]);
	char text[IP_TEXT];

	for (size_t i = 0; i <= nic; i++) {
		for (size_t k = 0; k < (i == nic ? index : s->nics[i].address_count); k++) {
			struct ip b = address_of(s->nics[i].addresses[k]);

			if (ip_equal(&a, &b))
				return REFUSE(where_of(s, n, is_six(n->addresses[index]) ? "ipv6.address" : "ipv4.address"), e,
					      "address %s of interface '%s': '%s' has it already", ip_format(&a, text), n->name,
					      s->nics[i].name);
		}
	}
	return 0;
}

static int check_nics(const struct spec *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nic_count; i++) {
		r = check_type(s, &s->nics[i], e);
		if (r == 0)
			r = check_gateway(s, &s->nics[i], false, e);
		if (r == 0)
			r = check_gateway(s, &s->nics[i], true, e);
		for (size_t k = 0; r == 0 && k < s->nics[i].address_count; k++)
			r = check_same_address(s, i, k, e);
	}
	return r;
}

/* ---- order and names ---- */

static int by_number(const void *x, const void *y)
{
	const struct spec_nic *a = x, *b = y;

	return (a->number > b->number) - (a->number < b->number);
}

/* By number; those of managed networks, which have none, behind the others in the order they were said. */
static void sort_nics(struct spec *s)
{
	uint32_t next = 0;

	for (size_t i = 0; i < s->nic_count; i++)
		if (!s->nics[i].network && s->nics[i].number >= next)
			next = s->nics[i].number + 1;
	for (size_t i = 0; i < s->nic_count; i++)
		if (s->nics[i].network)
			s->nics[i].number = next++;
	if (s->nic_count > 1)
		qsort(s->nics, s->nic_count, sizeof(*s->nics), by_number);
}

static const struct spec_nic *find_name(const struct spec *s, const char *name, const struct spec_nic *but)
{
	for (size_t i = 0; i < s->nic_count; i++)
		if (&s->nics[i] != but && s->nics[i].name && strcmp(s->nics[i].name, name) == 0)
			return &s->nics[i];
	return NULL;
}

static int name_nics(struct spec *s, struct err *e)
{
	char name[24];

	for (size_t i = 0; i < s->nic_count; i++)
		if (!s->nics[i].name && s->nics[i].type == SPEC_NIC_PHYS)
			s->nics[i].name = s->nics[i].link;
	for (size_t i = 0; i < s->nic_count; i++) {
		struct spec_nic *n = &s->nics[i];

		for (size_t k = i; !n->name; k++) {
			(void)snprintf(name, sizeof(name), "eth%zu", k);
			if (find_name(s, name, n))
				continue;
			n->name = arena_strdup(&s->arena, name);
			if (!n->name)
				return err_sys(e, ENOMEM, "cannot complete the configuration");
		}
	}
	for (size_t i = 0; i < s->nic_count; i++) {
		const struct spec_nic *n = &s->nics[i];

		if (n->name && find_name(s, n->name, n) && find_name(s, n->name, n) < n)
			return REFUSE(where_of(s, n, "name"), e, "name '%s' of an interface: another one has it already", n->name);
		for (size_t k = 0; n->pair && k < i; k++)
			if (s->nics[k].pair && strcmp(s->nics[k].pair, n->pair) == 0)
				return refuse(s, n, "veth.pair", n->pair, "another interface has it already", e);
	}
	return 0;
}

/* ---- ports ---- */

static bool ports_clash(const struct spec_port *a, const struct spec_port *b)
{
	struct ip x, y;

	if (a->udp != b->udp || a->host >= (uint32_t)b->host + b->count || b->host >= (uint32_t)a->host + a->count)
		return false;
	if (!a->bind || !b->bind)
		return true;
	x = address_of(a->bind);
	y = address_of(b->bind);
	return ip_equal(&x, &y);
}

static int check_ports(const struct spec *s, struct err *e)
{
	bool managed = false;

	for (size_t i = 0; i < s->nic_count; i++)
		managed |= s->nics[i].network != NULL;
	for (size_t i = 0; i < s->port_count; i++) {
		const struct spec_port *p = &s->ports[i];

		if (!managed)
			return REFUSE(p->where, e,
				      "coppice.port: port %u of the host leads nowhere, the container has no interface on a managed "
				      "network (coppice.network)",
				      p->host);
		for (size_t k = 0; k < i; k++)
			if (ports_clash(p, &s->ports[k]))
				return REFUSE(p->where, e, "coppice.port: port %u of the host is published by another line already",
					      p->host > s->ports[k].host ? p->host : s->ports[k].host);
	}
	return 0;
}

int spec_freeze_net(struct spec *s, struct err *e)
{
	int r = freeze_types(s, e);

	if (r < 0)
		return r;
	sort_nics(s);
	r = name_nics(s, e);
	if (r == 0)
		r = check_nics(s, e);
	return r < 0 ? r : check_ports(s, e);
}
