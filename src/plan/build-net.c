/* build-net.c - the part of the plan that the network helper carries out, while the monitor builds the root.
 *
 * Bridges come first, then interface by interface, then published ports: the helper turns what belongs to one interface into as few
 * messages to the kernel as it can. What had to be chosen (names of host sides, hardware addresses, addresses of managed networks) is in
 * plan_choices. */
#include "plan/build-impl.h"

#include "base/ip.h"

#include <errno.h>
#include <string.h>

static const struct plan_nic none_chosen;

static const struct plan_nic *chosen(const struct builder *b, size_t i)
{
	return b->c->nics ? &b->c->nics[i] : &none_chosen;
}

static bool is_six(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* @text ("A" or "A/P") with the prefix of @like, as in the gateway of a network. */
static const char *with_prefix(const char *text, const char *like, char out[IP_TEXT])
{
	struct ip a, b;

	if (!text || !like || ip_parse(text, &a) < 0 || ip_parse(like, &b) < 0)
		return NULL;
	a.prefix = b.prefix;
	return ip_format_prefix(&a, out);
}

/* ---- bridges ---- */

/* 127.0.0.1 and "any" mean that the host's own programs reach a published port by its loopback address too. */
static bool wants_localnet(const struct spec *s)
{
	for (size_t i = 0; i < s->port_count; i++)
		if (!s->ports[i].bind || strncmp(s->ports[i].bind, "127.", 4) == 0)
			return true;
	return false;
}

/* The interface that published ports lead to: the first on a managed network with an address. NULL when there is none. */
static const struct plan_nic *port_target(const struct builder *b)
{
	for (size_t i = 0; i < b->s->nic_count; i++)
		if (b->s->nics[i].network && (chosen(b, i)->ipv4 || chosen(b, i)->ipv6))
			return chosen(b, i);
	return NULL;
}

/* One for each managed network, however many interfaces are on it. */
static void add_bridges(struct builder *b)
{
	const struct spec *s = b->s;
	char four[IP_TEXT], six[IP_TEXT];

	for (size_t i = 0; i < s->nic_count; i++) {
		const struct plan_nic *c = chosen(b, i);
		bool seen = false;
		uint64_t flags =
		    (c->forward ? PLAN_BRIDGE_FORWARD : 0) | (c == port_target(b) && wants_localnet(s) ? PLAN_BRIDGE_LOCALNET : 0);

		for (size_t k = 0; k < i; k++)
			seen |= s->nics[i].network && s->nics[k].network && strcmp(s->nics[k].network, s->nics[i].network) == 0;
		if (!s->nics[i].network || !c->bridge || seen)
			continue;
		build_add_tail(b,
			       build_add(b, STEP_BRIDGE, c->bridge, c->bridge4 ? c->bridge4 : with_prefix(c->gateway4, c->ipv4, four),
					 c->bridge6 ? c->bridge6 : with_prefix(c->gateway6, c->ipv6, six), c->mtu, flags, 0),
			       NULL, 0);
	}
}

/* ---- one interface ---- */

/* Published ports lead to the first interface on a managed network. */
static bool has_ports(const struct builder *b, const struct spec_nic *n)
{
	for (const struct spec_nic *other = b->s->nics; other < n; other++)
		if (other->network)
			return false;
	return n->network && b->s->port_count;
}

static void add_device(struct builder *b, const struct spec_nic *n, const struct plan_nic *c)
{
	uint64_t flags = (n->up ? PLAN_NIC_UP : 0) | (n->isolated || c->isolated ? PLAN_NIC_ISOLATED : 0) |
			 (n->router ? PLAN_NIC_ROUTER : 0) | (n->l2proxy ? PLAN_NIC_L2PROXY : 0) | (n->network ? PLAN_NIC_MANAGED : 0) |
			 (has_ports(b, n) ? PLAN_NIC_HAIRPIN : 0);
	uint64_t mode = 0;

	if (n->type == SPEC_NIC_MACVLAN)
		mode = n->macvlan;
	else if (n->type == SPEC_NIC_IPVLAN)
		mode = (uint64_t)n->ipvlan | (uint64_t)n->ipvlan_isolation << 8;
	else if (n->type == SPEC_NIC_VLAN)
		mode = n->vlan;
	build_add_tail(b,
		       build_add(b, STEP_NIC, spec_nic_type_name(n->type), n->name, c->bridge ? c->bridge : n->link, n->number,
				 n->mtu ? n->mtu : c->mtu, flags),
		       n->type == SPEC_NIC_VETH ? (c->peer ? c->peer : n->pair) : NULL, mode);
	if (c->mac || n->rx_queues || n->tx_queues)
		build_add(b, STEP_NIC_HW, c->mac, NULL, NULL, n->rx_queues, n->tx_queues, 0);
	if (n->port_vlan || n->vlan_none)
		build_add(b, STEP_NIC_VLAN, NULL, NULL, NULL, n->port_vlan, 0, 0);
	for (size_t i = 0; i < n->tagged_count; i++)
		build_add(b, STEP_NIC_VLAN, NULL, NULL, NULL, n->tagged[i], 1, 0);
}

/* "10.0.0.2/24" or "10.0.0.2/24 10.0.0.255"; IPv4 gets its usual broadcast address when none is said. */
static void add_address(struct builder *b, const char *text)
{
	size_t len = strcspn(text, " ");
	const char *broadcast = text[len] ? text + len + 1 : NULL;
	char first[2 * IP_TEXT], usual[IP_TEXT];
	struct ip a, last;

	if (len >= sizeof(first))
		return;
	memcpy(first, text, len);
	first[len] = '\0';
	if (!broadcast && ip_parse(first, &a) == 0 && !is_six(first)) {
		last = ip_broadcast(&a);
		if (last.family)
			broadcast = ip_format(&last, usual);
	}
	build_add(b, STEP_NIC_ADDRESS, first, broadcast, NULL, 0, 0, 0);
}

static void add_addresses(struct builder *b, const struct spec_nic *n, const struct plan_nic *c)
{
	if (n->network) {
		if (c->ipv4)
			add_address(b, c->ipv4);
		if (c->ipv6)
			add_address(b, c->ipv6);
		return;
	}
	for (size_t i = 0; i < n->address_count; i++)
		add_address(b, n->addresses[i]);
}

/* Whether the kernel finds @gateway on the interface's link by itself. */
static bool is_reachable(const struct spec_nic *n, const struct ip *gateway)
{
	if (gateway->family != 2 && gateway->bytes[0] == 0xfe && (gateway->bytes[1] & 0xc0) == 0x80)
		return true;
	for (size_t i = 0; i < n->address_count; i++) {
		char first[IP_TEXT];
		size_t len = strcspn(n->addresses[i], " ");
		struct ip a;

		if (len >= sizeof(first))
			continue;
		memcpy(first, n->addresses[i], len);
		first[len] = '\0';
		if (ip_parse(first, &a) < 0)
			continue;
		a = ip_network(&a);
		if (ip_within(gateway, &a))
			return true;
	}
	return false;
}

static void add_gateway(struct builder *b, const struct spec_nic *n, enum spec_gateway kind, const char *gateway, bool six)
{
	const char *everywhere = six ? "::/0" : "0.0.0.0/0";
	char text[IP_TEXT];
	struct ip a;

	if (kind == SPEC_GATEWAY_DEV)
		build_add(b, STEP_NIC_ROUTE, everywhere, NULL, NULL, 0, 0, 0);
	if (!gateway || kind == SPEC_GATEWAY_DEV || ip_parse(gateway, &a) < 0)
		return;
	if (!n->network && !is_reachable(n, &a))
		build_add(b, STEP_NIC_ROUTE, ip_format_prefix(&a, text), NULL, NULL, 0, 0, 0);
	build_add(b, STEP_NIC_ROUTE, everywhere, gateway, NULL, 0, 0, 0);
}

/* There is one way out: an interface of lxc.net that says its gateway (two never do), else the first managed network's. */
static bool has_default(const struct builder *b, const struct spec_nic *n, bool six)
{
	for (size_t i = 0; i < b->s->nic_count; i++) {
		const struct spec_nic *other = &b->s->nics[i];
		const struct plan_nic *c = chosen(b, i);

		if (other == n || (other > n && other->network))
			continue;
		if (other->network ? n->network && (six ? c->gateway6 : c->gateway4)
				   : n->network && (six ? other->gateway6_kind : other->gateway4_kind) != SPEC_GATEWAY_NONE)
			return true;
	}
	return false;
}

static void add_routes(struct builder *b, const struct spec_nic *n, const struct plan_nic *c)
{
	if (!has_default(b, n, false))
		add_gateway(b, n, n->gateway4_kind, n->gateway4_kind == SPEC_GATEWAY_ADDRESS ? n->gateway4 : c->gateway4, false);
	if (!has_default(b, n, true))
		add_gateway(b, n, n->gateway6_kind, n->gateway6_kind == SPEC_GATEWAY_ADDRESS ? n->gateway6 : c->gateway6, true);
	for (size_t i = 0; i < n->route_count; i++)
		build_add(b, STEP_NIC_HOST_ROUTE, n->routes[i], NULL, NULL, 0, 0, 0);
}

static void add_nic(struct builder *b, size_t i)
{
	const struct spec_nic *n = &b->s->nics[i];
	const struct plan_nic *c = chosen(b, i);

	add_device(b, n, c);
	add_addresses(b, n, c);
	add_routes(b, n, c);
	if (n->rate_in || n->rate_out)
		build_add(b, STEP_NIC_RATE, NULL, NULL, NULL, n->rate_in, n->rate_out, 0);
	if (c->guard)
		build_add(b, STEP_NIC_GUARD, c->mac, c->ipv4, c->ipv6, 0, 0, 0);
	if (n->script_up || n->script_down)
		build_add_tail(b, build_add(b, STEP_NIC_SCRIPT, n->script_up, n->script_down, b->s->name, b->s->hook_version, 0, 0),
			       spec_nic_type_name(n->type), 0);
}

/* ---- ports ---- */

static const char *without_prefix(const char *text, char out[IP_TEXT])
{
	struct ip a;

	return text && ip_parse(text, &a) == 0 ? ip_format(&a, out) : NULL;
}

/* To the first interface on a managed network: by IPv4, IPv6 or both, as the host's address and the network allow. */
static int add_ports(struct builder *b, struct err *e)
{
	const struct spec *s = b->s;
	const struct plan_nic *c = port_target(b);
	char text[IP_TEXT];

	for (size_t i = 0; i < s->port_count; i++) {
		const struct spec_port *p = &s->ports[i];
		const char *four = c && (!p->bind || !is_six(p->bind)) ? without_prefix(c->ipv4, text) : NULL;
		const char *proto = p->udp ? "udp" : "tcp";
		bool any = four != NULL;

		if (four)
			build_add(b, STEP_PORT, p->bind, four, proto, p->host, p->inside, p->count);
		if (c && c->ipv6 && (!p->bind || is_six(p->bind))) {
			build_add(b, STEP_PORT, p->bind, without_prefix(c->ipv6, text), proto, p->host, p->inside, p->count);
			any = true;
		}
		if (!any)
			return err_set(e, ERR_INPUT, EADDRNOTAVAIL,
				       "%s%scoppice.port: port %u of '%s' leads nowhere, the container's managed network has no %s address",
				       p->where ? p->where : "", p->where ? ": " : "", p->host, p->bind ? p->bind : "any address",
				       !p->bind		 ? "IPv4 or IPv6"
				       : is_six(p->bind) ? "IPv6"
							 : "IPv4");
	}
	return 0;
}

/* Asked for names, the user's program asks the host's server: pasta at an address that nobody has, slirp4netns at its own. */
static const char *user_dns(const struct builder *b)
{
	return strstr(b->c->user_net, "slirp4netns") ? "10.0.2.3" : "169.254.1.1";
}

void build_user_ports(struct builder *b)
{
	for (size_t i = 0; b->f->user_mode && b->c->user_net && i < b->s->port_count; i++) {
		const struct spec_port *p = &b->s->ports[i];

		build_add(b, STEP_USER_PORT, p->bind, p->udp ? "udp" : "tcp", NULL, p->host, p->inside, p->count);
	}
}

static void add_user_net(struct builder *b)
{
	const struct spec_nic *n = b->s->nics;

	if (b->s->nic_count == 0)
		return;
	if (!b->c->user_net) {
		buf_puts(b->notes, "no network outside: neither pasta (package passt) nor slirp4netns is installed\n");
		return;
	}
	build_add(b, STEP_USER_NET, b->c->user_net, n->name, user_dns(b), 0, 0, 0);
	if (n->address_count || n->hwaddr || n->isolated || n->rate_in || n->rate_out)
		buf_puts(b->notes, "coppice.network: addresses, isolation and rates have no effect on the network 'user'\n");
}

int build_net_begin(struct builder *b, struct err *e)
{
	if (b->f->user_mode)
		add_user_net(b);
	if (b->f->user_mode || b->s->nic_count == 0)
		return 0;
	build_add(b, STEP_NET_BEGIN, b->c->net_helper, NULL, NULL, 0, 0, 0);
	add_bridges(b);
	for (size_t i = 0; i < b->s->nic_count; i++) {
		b->where = b->s->nics[i].where;
		add_nic(b, i);
	}
	b->where = NULL;
	return add_ports(b, e);
}

/* The child's own steps do not look at the interfaces, except these. */
static bool child_needs_net(const struct spec *s)
{
	if (spec_has_hook(s, SPEC_HOOK_START_HOST) || spec_has_hook(s, SPEC_HOOK_START))
		return true;
	for (size_t i = 0; i < s->sysctl_count; i++)
		if (strncmp(s->sysctls[i].name, "net", 3) == 0)
			return true;
	return false;
}

void build_net_wait(struct builder *b, bool last)
{
	if (b->s->nic_count && !b->f->user_mode && last == !child_needs_net(b->s))
		build_add(b, STEP_NET_WAIT, NULL, NULL, NULL, 0, 0, 0);
}

/* A file that the user mounts there, or wrote into the config, goes before ours. */
static bool is_mounted(const struct spec *s, const char *target)
{
	for (size_t i = 0; i < s->mount_count; i++)
		if (strcmp(s->mounts[i].target, target) == 0 || strcmp(s->mounts[i].target, "etc") == 0)
			return true;
	return false;
}

const char *build_hosts(const struct builder *b)
{
	for (size_t i = 0; i < b->s->nic_count && !is_mounted(b->s, "etc/hosts"); i++)
		if (chosen(b, i)->hosts)
			return chosen(b, i)->hosts;
	return NULL;
}

const char *build_resolv(const struct builder *b)
{
	if (b->f->user_mode)
		return b->c->user_net && b->s->nic_count && !is_mounted(b->s, "etc/resolv.conf")
			       ? arena_printf(&b->p->arena, "nameserver %s\n", user_dns(b))
			       : NULL;
	for (size_t i = 0; i < b->s->nic_count && !is_mounted(b->s, "etc/resolv.conf"); i++)
		if (chosen(b, i)->resolv)
			return chosen(b, i)->resolv;
	return NULL;
}
