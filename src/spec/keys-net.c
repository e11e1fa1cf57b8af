/* keys-net.c - setters for the network: interfaces as LXC describes them, interfaces on managed networks, published ports.
 *
 * lxc.net.N.* and lxc.network.* fill the same interface: the old keys have no number of their own, a type opens an interface and what
 * follows belongs to it. What a key means may depend on others that come later, so that only the form of a value is checked here;
 * spec-net.c looks at the whole. */
#include "base/ip.h"
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define NICS_MAX 64
#define ADDRESSES_MAX 64
#define TAGS_MAX 64
#define PORTS_MAX 1024
#define NUMBER_DIGITS 4
#define VLAN_MAX 4094
#define QUEUES_MAX 4096
#define MANAGED UINT32_MAX /* number of an interface of coppice.network until spec_freeze() */

/* ---- finding the interface ---- */

static struct spec_nic *find_nic(struct spec *s, uint32_t number)
{
	for (size_t i = 0; i < s->nic_count; i++)
		if (s->nics[i].number == number && !s->nics[i].network)
			return &s->nics[i];
	return NULL;
}

static struct spec_nic *add_nic(struct spec *s, uint32_t number, struct err *e)
{
	struct spec_nic *n;

	if (s->nic_count >= NICS_MAX) {
		(void)err_set(e, ERR_INPUT, E2BIG, "more than %d interfaces", NICS_MAX);
		return NULL;
	}
	n = arena_push(&s->arena, &s->nics, &s->nic_count, sizeof(*n));
	if (!n) {
		(void)value_oom(e);
		return NULL;
	}
	n->number = number;
	n->type = SPEC_NIC_TYPE_COUNT;
	n->where = s->where;
	return n;
}

static void remove_nic(struct spec *s, struct spec_nic *n)
{
	size_t i = (size_t)(n - s->nics);

	memmove(n, n + 1, (s->nic_count - i - 1) * sizeof(*n));
	s->nic_count--;
}

/* Nothing is said of it any more: as if it had never been named. */
static bool is_blank(const struct spec_nic *n)
{
	struct spec_nic blank;

	memset(&blank, 0, sizeof(blank)); /* padding too: they are compared as bytes */
	blank.number = n->number;
	blank.type = SPEC_NIC_TYPE_COUNT;
	blank.where = n->where;
	/* lists that were emptied keep their place in the arena */
	blank.addresses = n->address_count ? NULL : n->addresses;
	blank.routes = n->route_count ? NULL : n->routes;
	blank.tagged = n->tagged_count ? NULL : n->tagged;
	return memcmp(&blank, n, sizeof(blank)) == 0;
}

/* Removes all of lxc.net, or all of coppice.network. */
static void remove_nics(struct spec *s, bool managed)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nic_count; i++)
		if (!s->nics[i].network == managed)
			s->nics[kept++] = s->nics[i];
	s->nic_count = kept;
	if (!managed)
		s->nic_open = 0;
}

static uint32_t next_number(const struct spec *s)
{
	uint32_t next = 0;

	for (size_t i = 0; i < s->nic_count; i++)
		if (!s->nics[i].network && s->nics[i].number >= next)
			next = s->nics[i].number + 1;
	return next;
}

/* The interface that member key "lxc.net.N.x" is about; set_net() has made it. */
static struct spec_nic *nic_of(struct spec *s, const char *key)
{
	const char *digits = key_suffix(key, "lxc.net.");
	char text[NUMBER_DIGITS + 1];
	uint32_t number = 0;

	if (!value_copy(digits, strspn(digits, "0123456789"), text, sizeof(text)) || parse_u32(text, &number) < 0)
		return NULL;
	return find_nic(s, number);
}

static bool is_six(const char *key)
{
	return strstr(key, ".ipv6.") != NULL;
}

static int keep(struct spec *s, const char *value, const char **ret, struct err *e)
{
	char *copy = *value ? arena_strdup(&s->arena, value) : NULL;

	if (*value && !copy)
		return value_oom(e);
	*ret = copy;
	return 0;
}

static int keep_word(const char *what, const char *value, const char *const *words, size_t count, size_t *ret, struct err *e)
{
	*ret = 0;
	for (size_t i = 0; *value && i < count; i++) {
		if (strcmp(value, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return *value ? value_unknown(e, what, value, words, count) : 0;
}

/* ---- members of an interface ---- */

static const char *const type_words[] = {
    [SPEC_NIC_VETH] = "veth", [SPEC_NIC_MACVLAN] = "macvlan",  [SPEC_NIC_IPVLAN] = "ipvlan", [SPEC_NIC_VLAN] = "vlan",
    [SPEC_NIC_PHYS] = "phys", [SPEC_NIC_TYPE_COUNT] = "unset", [SPEC_NIC_EMPTY] = "empty",   [SPEC_NIC_NONE] = "none",
};

const char *spec_nic_type_name(enum spec_nic_type t)
{
	return (size_t)t < ARRAY_LEN(type_words) ? type_words[t] : "unset";
}

static SETTER(nic_type)
{
	struct spec_nic *n = nic_of(s, key);

	n->type = SPEC_NIC_TYPE_COUNT;
	for (size_t i = 0; *value && i < ARRAY_LEN(type_words); i++)
		if (i != SPEC_NIC_TYPE_COUNT && strcmp(value, type_words[i]) == 0)
			n->type = (enum spec_nic_type)i;
	return *value && n->type == SPEC_NIC_TYPE_COUNT ? value_unknown(e, "network type", value, type_words, ARRAY_LEN(type_words)) : 0;
}

static SETTER(nic_link)
{
	if (*value && !ip_is_ifname(value))
		return err_set(e, ERR_INPUT, EINVAL, "not the name of a network device");
	return keep(s, value, &nic_of(s, key)->link, e);
}

static SETTER(nic_flags)
{
	if (!value_printable(value))
		return value_bad(e, -EINVAL, "up");
	if (*value && strcmp(value, "up") != 0)
		spec_note(s, key, "taken as up, as by LXC, which looks only at whether there is a value");
	nic_of(s, key)->up = *value;
	return 0;
}

static SETTER(nic_mtu)
{
	return value_u32(value, 68, 65535, 0, &nic_of(s, key)->mtu, e); /* RFC 791 and ETH_MAX_MTU */
}

static int keep_name(struct spec *s, const char *value, const char **ret, struct err *e)
{
	if (*value && (!ip_is_ifname(value) || strcmp(value, "lo") == 0 || strcmp(value, "all") == 0 || strcmp(value, "default") == 0))
		return err_set(e, ERR_INPUT, EINVAL, "not a name for an interface inside");
	return keep(s, value, ret, e);
}

static SETTER(nic_name)
{
	return keep_name(s, value, &nic_of(s, key)->name, e);
}

static int keep_hwaddr(struct spec *s, const char *value, bool may_be_open, const char **ret, struct err *e)
{
	uint8_t mac[6];
	bool open = false;

	if (*value && (!ip_mac_pattern(value, &open) || (open && !may_be_open)))
		return err_set(e, ERR_INPUT, EINVAL, "not a hardware address");
	if (*value && !open && ip_mac_parse(value, mac) < 0)
		return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "not the hardware address of one interface");
	return keep(s, value, ret, e);
}

static SETTER(nic_hwaddr)
{
	return keep_hwaddr(s, value, true, &nic_of(s, key)->hwaddr, e);
}

static SETTER(nic_l2proxy)
{
	return value_bool(value, false, &nic_of(s, key)->l2proxy, e);
}

/* LXC takes an IPv4 address without a prefix by the class it had in 1981, an IPv6 one as /64. */
static uint8_t usual_prefix(const struct ip *a)
{
	if (a->family == AF_INET6)
		return 64;
	return a->bytes[0] < 128 ? 8 : a->bytes[0] < 192 ? 16 : 24;
}

static int read_ip(const char *word, size_t len, bool six, struct ip *ret, struct err *e)
{
	char text[IP_TEXT];

	if (!value_copy(word, len, text, sizeof(text)) || ip_parse(text, ret) < 0 || (ret->family == AF_INET6) != six)
		return err_set(e, ERR_INPUT, EINVAL, "'%.*s' is not an IPv%c address", len < 64 ? (int)len : 64, word, six ? '6' : '4');
	return 0;
}

static const char **add_text(struct spec *s, const char ***list, size_t *count, const char *what, struct err *e)
{
	const char **slot;

	if (*count >= ADDRESSES_MAX) {
		(void)err_set(e, ERR_INPUT, E2BIG, "more than %d %s", ADDRESSES_MAX, what);
		return NULL;
	}
	slot = arena_push(&s->arena, list, count, sizeof(**list));
	if (!slot)
		(void)value_oom(e);
	return slot;
}

/* Forgets the texts of one family; an IPv6 one has a ':'. */
static void drop_family(const char **list, size_t *count, bool six)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if ((strchr(list[i], ':') != NULL) != six)
			list[kept++] = list[i];
	*count = kept;
}

/* ADDRESS[/PREFIX] and, for IPv4, the broadcast address behind it. */
static SETTER(nic_address)
{
	struct spec_nic *n = nic_of(s, key);
	struct ip address, broadcast, net;
	char text[IP_TEXT], second[IP_TEXT];
	const char *word, **slot;
	size_t len;
	bool six = is_six(key);
	int r;

	word = value_word(&value, &len);
	if (!word) {
		drop_family(n->addresses, &n->address_count, six);
		return 0;
	}
	r = read_ip(word, len, six, &address, e);
	if (r < 0)
		return r;
	if (!memchr(word, '/', len))
		address.prefix = usual_prefix(&address);
	if (address.prefix == 0 || !ip_is_host(&address))
		return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "'%.*s' is not the address of a host", (int)len, word);
	second[0] = '\0';
	word = value_word(&value, &len);
	if (word) {
		if (six)
			return err_set(e, ERR_INPUT, EINVAL, "IPv6 has no broadcast address");
		r = read_ip(word, len, false, &broadcast, e);
		if (r < 0)
			return r;
		net = ip_network(&address);
		if (broadcast.prefix != 32 || !ip_within(&broadcast, &net))
			return err_set(e, ERR_INPUT, EINVAL, "the broadcast address is not within the prefix");
		(void)ip_format(&broadcast, second);
		if (value_word(&value, &len))
			return err_set(e, ERR_INPUT, EINVAL, "more than an address and a broadcast address");
	}
	slot = add_text(s, &n->addresses, &n->address_count, "addresses", e);
	if (!slot)
		return -e->code;
	*slot = arena_printf(&s->arena, "%s%s%s", ip_format_prefix(&address, text), *second ? " " : "", second);
	if (!*slot) {
		n->address_count--;
		return value_oom(e);
	}
	return 0;
}

static SETTER(nic_gateway)
{
	struct spec_nic *n = nic_of(s, key);
	bool six = is_six(key);
	enum spec_gateway *kind = six ? &n->gateway6_kind : &n->gateway4_kind;
	const char **gateway = six ? &n->gateway6 : &n->gateway4;
	enum spec_gateway said = SPEC_GATEWAY_NONE;
	char text[IP_TEXT] = "";
	struct ip a;
	int r;

	if (strcmp(value, "auto") == 0) {
		said = SPEC_GATEWAY_AUTO;
	} else if (strcmp(value, "dev") == 0) {
		said = SPEC_GATEWAY_DEV;
	} else if (*value) {
		r = read_ip(value, strlen(value), six, &a, e);
		if (r < 0)
			return r;
		if (strchr(value, '/') || !ip_is_host(&a))
			return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "not the address of a host");
		said = SPEC_GATEWAY_ADDRESS;
		(void)ip_format(&a, text);
	}
	r = keep(s, text, gateway, e);
	if (r == 0)
		*kind = said;
	return r;
}

static SETTER(nic_pair)
{
	if (*value && !ip_is_ifname(value))
		return err_set(e, ERR_INPUT, EINVAL, "not the name of a network device");
	return keep(s, value, &nic_of(s, key)->pair, e);
}

static SETTER(nic_veth_mode)
{
	static const char *const words[] = {"bridge", "router"};
	size_t i;
	int r = keep_word("mode", value, words, ARRAY_LEN(words), &i, e);

	if (r == 0)
		nic_of(s, key)->router = i == 1;
	return r;
}

static SETTER(nic_route)
{
	struct spec_nic *n = nic_of(s, key);
	char text[IP_TEXT];
	const char **slot;
	bool six = is_six(key);
	struct ip a;
	int r;

	if (!*value) {
		drop_family(n->routes, &n->route_count, six);
		return 0;
	}
	r = read_ip(value, strlen(value), six, &a, e);
	if (r < 0)
		return r;
	if (!strchr(value, '/'))
		return err_set(e, ERR_INPUT, EINVAL, "no length of the prefix");
	a = ip_network(&a);
	slot = add_text(s, &n->routes, &n->route_count, "routes", e);
	if (!slot)
		return -e->code;
	*slot = arena_strdup(&s->arena, ip_format_prefix(&a, text));
	if (!*slot) {
		n->route_count--;
		return value_oom(e);
	}
	return 0;
}

static SETTER(nic_rx_queues)
{
	return value_u32(value, 1, QUEUES_MAX, 0, &nic_of(s, key)->rx_queues, e);
}

static SETTER(nic_tx_queues)
{
	return value_u32(value, 1, QUEUES_MAX, 0, &nic_of(s, key)->tx_queues, e);
}

static SETTER(nic_port_vlan)
{
	struct spec_nic *n = nic_of(s, key);
	bool none = strcmp(value, "none") == 0;
	int r = value_u32(none ? "" : value, 1, VLAN_MAX, 0, &n->port_vlan, e);

	if (r == 0)
		n->vlan_none = none;
	return r;
}

static SETTER(nic_tagged)
{
	struct spec_nic *n = nic_of(s, key);
	uint16_t *slot;
	uint32_t id;
	int r = value_u32(value, 1, VLAN_MAX, 0, &id, e);

	if (r < 0)
		return r;
	if (!*value) {
		n->tagged_count = 0;
		return 0;
	}
	for (size_t i = 0; i < n->tagged_count; i++)
		if (n->tagged[i] == id)
			return 0;
	if (n->tagged_count >= TAGS_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d tagged VLANs", TAGS_MAX);
	slot = arena_push(&s->arena, &n->tagged, &n->tagged_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = (uint16_t)id;
	return 0;
}

static SETTER(nic_macvlan_mode)
{
	static const char *const words[] = {[SPEC_MACVLAN_PRIVATE] = "private",
					    [SPEC_MACVLAN_VEPA] = "vepa",
					    [SPEC_MACVLAN_BRIDGE] = "bridge",
					    [SPEC_MACVLAN_PASSTHRU] = "passthru"};
	size_t i;
	int r = keep_word("mode", value, words, ARRAY_LEN(words), &i, e);

	if (r == 0)
		nic_of(s, key)->macvlan = (enum spec_macvlan)i;
	return r;
}

static SETTER(nic_ipvlan_mode)
{
	static const char *const words[] = {[SPEC_IPVLAN_L3] = "l3", [SPEC_IPVLAN_L3S] = "l3s", [SPEC_IPVLAN_L2] = "l2"};
	size_t i;
	int r = keep_word("mode", value, words, ARRAY_LEN(words), &i, e);

	if (r == 0)
		nic_of(s, key)->ipvlan = (enum spec_ipvlan)i;
	return r;
}

static SETTER(nic_ipvlan_isolation)
{
	static const char *const words[] = {
	    [SPEC_IPVLAN_BRIDGE] = "bridge", [SPEC_IPVLAN_PRIVATE] = "private", [SPEC_IPVLAN_VEPA] = "vepa"};
	size_t i;
	int r = keep_word("isolation", value, words, ARRAY_LEN(words), &i, e);

	if (r == 0)
		nic_of(s, key)->ipvlan_isolation = (enum spec_ipvlan_isolation)i;
	return r;
}

static SETTER(nic_vlan_id)
{
	return value_u32(value, 1, VLAN_MAX, 0, &nic_of(s, key)->vlan, e);
}

static int keep_script(struct spec *s, const char *value, const char **ret, struct err *e)
{
	if (*value)
		return value_path(&s->arena, value, true, ret, e);
	*ret = NULL;
	return 0;
}

static SETTER(nic_script_up)
{
	return keep_script(s, value, &nic_of(s, key)->script_up, e);
}

static SETTER(nic_script_down)
{
	return keep_script(s, value, &nic_of(s, key)->script_down, e);
}

#define DEVICE_NAME "the name of a network device, 1 to 15 bytes"
#define A_GATEWAY "an address, auto (that of the bridge; the host's side in mode router) or dev (the interface itself)"
#define A_SCRIPT "an absolute path without '..'"
#define A_TAG "1 to 4094"

/* clang-format off */
static const struct key_row members[] = {
	{.name = "lxc.net.N.flags", .type = KEY_STRING, .set = nic_flags,
	 .since = "2.1",
	 .help = "brings the interface up", .values = "up; any other word says the same", .example = "up", .bad = "a\001b"},
	{.name = "lxc.net.N.hwaddr", .type = KEY_STRING, .set = nic_hwaddr,
	 .since = "2.1",
	 .help = "hardware address", .values = "six pairs of hexadecimal digits such as 00:16:3e:12:34:56, x for a digit to be chosen",
	 .example = "00:16:3e:xx:xx:xx", .bad = "00:16:3e:12:34"},
	{.name = "lxc.net.N.ipv4.address", .type = KEY_LIST, .list = true, .set = nic_address,
	 .since = "2.1",
	 .help = "address", .values = "ADDRESS[/PREFIX] [BROADCAST]", .example = "10.0.3.7/24 10.0.3.255", .bad = "10.0.3.256/24",
	 .legacy = "lxc.network.ipv4"},
	{.name = "lxc.net.N.ipv4.gateway", .type = KEY_STRING, .set = nic_gateway,
	 .since = "2.1",
	 .help = "where the default route leads", .values = A_GATEWAY, .example = "10.0.3.1", .bad = "10.0.3.1/24"},
	{.name = "lxc.net.N.ipv6.address", .type = KEY_LIST, .list = true, .set = nic_address,
	 .since = "2.1",
	 .help = "address", .values = "ADDRESS[/PREFIX]", .example = "fd00:3::7/64", .bad = "10.0.3.7/24",
	 .legacy = "lxc.network.ipv6"},
	{.name = "lxc.net.N.ipv6.gateway", .type = KEY_STRING, .set = nic_gateway,
	 .since = "2.1",
	 .help = "where the default route leads", .values = A_GATEWAY, .example = "dev", .bad = "ff02::1"},
	{.name = "lxc.net.N.ipvlan.isolation", .type = KEY_STRING, .set = nic_ipvlan_isolation,
	 .since = "3.2",
	 .help = "ipvlan: what its siblings see", .values = "bridge, private or vepa", .example = "private", .bad = "none"},
	{.name = "lxc.net.N.ipvlan.mode", .type = KEY_STRING, .set = nic_ipvlan_mode,
	 .since = "3.2",
	 .help = "ipvlan: layer", .values = "l3, l3s or l2", .example = "l2", .bad = "l4"},
	{.name = "lxc.net.N.l2proxy", .type = KEY_BOOL, .set = nic_l2proxy,
	 .since = "3.2",
	 .help = "the host answers on the link for the container's addresses (veth in mode router, ipvlan)",
	 .values = "0 or 1 (also no, yes, false, true, off, on)", .example = "1", .bad = "maybe"},
	{.name = "lxc.net.N.link", .type = KEY_STRING, .set = nic_link,
	 .since = "2.1",
	 .help = "bridge (veth) or parent device on the host", .values = DEVICE_NAME, .example = "br0", .bad = "a/b"},
	{.name = "lxc.net.N.macvlan.mode", .type = KEY_STRING, .set = nic_macvlan_mode,
	 .since = "2.1",
	 .help = "macvlan: what its siblings see", .values = "private, vepa, bridge or passthru", .example = "bridge", .bad = "public"},
	{.name = "lxc.net.N.mtu", .type = KEY_U64, .set = nic_mtu,
	 .since = "2.1",
	 .help = "largest packet", .values = "68 to 65535", .example = "1400", .bad = "67"},
	{.name = "lxc.net.N.name", .type = KEY_STRING, .set = nic_name,
	 .since = "2.1",
	 .help = "name inside", .values = DEVICE_NAME, .example = "eth0", .bad = "an-interface-name"},
	{.name = "lxc.net.N.script.down", .type = KEY_STRING, .set = nic_script_down,
	 .since = "2.1",
	 .help = "program run on the host when the interface is taken down", .values = A_SCRIPT, .example = "/etc/lxc/down", .bad = "down"},
	{.name = "lxc.net.N.script.up", .type = KEY_STRING, .set = nic_script_up,
	 .since = "2.1",
	 .help = "program run on the host when the interface is there", .values = A_SCRIPT, .example = "/etc/lxc/up", .bad = "../up"},
	{.name = "lxc.net.N.type", .type = KEY_STRING, .set = nic_type,
	 .since = "2.1",
	 .help = "kind; none is the host's network, empty adds nothing to the loopback interface",
	 .values = "none, empty, veth, macvlan, ipvlan, vlan or phys", .example = "veth", .bad = "token-ring"},
	{.name = "lxc.net.N.veth.ipv4.route", .type = KEY_LIST, .list = true, .set = nic_route,
	 .since = "3.2",
	 .help = "veth: prefix the host routes to the container", .values = "ADDRESS/PREFIX", .example = "192.0.2.0/24", .bad = "192.0.2.0"},
	{.name = "lxc.net.N.veth.ipv6.route", .type = KEY_LIST, .list = true, .set = nic_route,
	 .since = "3.2",
	 .help = "veth: prefix the host routes to the container", .values = "ADDRESS/PREFIX", .example = "2001:db8::/64", .bad = "192.0.2.0/24"},
	{.name = "lxc.net.N.veth.mode", .type = KEY_STRING, .set = nic_veth_mode,
	 .since = "4.0",
	 .help = "veth: a port of the bridge, or routed by the host without one", .values = "bridge or router", .example = "router",
	 .bad = "switch"},
	{.name = "lxc.net.N.veth.n_rxqueues", .type = KEY_U64, .set = nic_rx_queues,
	 .since = "5.0",
	 .help = "veth: receive queues", .values = "1 to 4096", .example = "4", .bad = "0"},
	{.name = "lxc.net.N.veth.n_txqueues", .type = KEY_U64, .set = nic_tx_queues,
	 .since = "5.0",
	 .help = "veth: transmit queues", .values = "1 to 4096", .example = "4", .bad = "4097"},
	{.name = "lxc.net.N.veth.pair", .type = KEY_STRING, .set = nic_pair,
	 .since = "2.1",
	 .help = "veth: name of the host's side", .values = DEVICE_NAME, .example = "web1.eth0", .bad = "web1:eth0"},
	{.name = "lxc.net.N.veth.vlan.id", .type = KEY_STRING, .set = nic_port_vlan,
	 .since = "5.0",
	 .help = "veth: untagged VLAN of the bridge port", .values = "1 to 4094, or none", .example = "none", .bad = "4095"},
	{.name = "lxc.net.N.veth.vlan.tagged.id", .type = KEY_LIST, .list = true, .set = nic_tagged,
	 .since = "5.0",
	 .help = "veth: tagged VLAN of the bridge port", .values = A_TAG, .example = "100", .bad = "0"},
	{.name = "lxc.net.N.vlan.id", .type = KEY_U64, .set = nic_vlan_id,
	 .since = "2.1",
	 .help = "vlan: its tag", .values = A_TAG, .example = "7", .bad = "4095"},
};
/* clang-format on */
#undef DEVICE_NAME
#undef A_GATEWAY
#undef A_SCRIPT
#undef A_TAG

const struct key_row *key_net_rows(size_t *ret_count)
{
	*ret_count = ARRAY_LEN(members);
	return members;
}

/* ---- lxc.net and lxc.network ---- */

/* Splits "lxc.net.3.ipv4.address", "lxc.network.ipv4" or "lxc.network.3.type". *ret_number stays -1 without a number. The part behind it is
 * "" when there is none; NULL when the number is malformed. */
static const char *split_key(const char *key, bool *ret_old, int *ret_number)
{
	bool old = strncmp(key, "lxc.network", 11) == 0;
	const char *what = key_suffix(key, old ? "lxc.network." : "lxc.net.");
	size_t digits = strspn(what, "0123456789");
	char text[NUMBER_DIGITS + 1];
	uint32_t number = 0;

	*ret_old = old;
	*ret_number = -1;
	if (digits == 0)
		return what;
	if (!value_copy(what, digits, text, sizeof(text)) || parse_u32(text, &number) < 0 || (what[digits] && what[digits] != '.'))
		return NULL;
	*ret_number = (int)number;
	return what + digits + (what[digits] == '.');
}

static const struct key_row *member_of(const char *what, bool old)
{
	const size_t head = strlen("lxc.net.N.");

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].name + head, what) == 0 ||
		    (old && members[i].legacy && strcmp(key_suffix(members[i].legacy, "lxc.network."), what) == 0))
			return &members[i];
	return NULL;
}

const struct key_row *key_net_member(const char *key)
{
	int number;
	bool old;
	const char *what = split_key(key, &old, &number);

	return what ? member_of(what, old) : NULL;
}

static int unknown_member(const char *what, struct err *e)
{
	const size_t head = strlen("lxc.net.N.");
	const char *names[ARRAY_LEN(members)];

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		names[i] = members[i].name + head;
	return value_unknown(e, "setting of an interface", what, names, ARRAY_LEN(names));
}

/* The number that an old key without one means: a type opens an interface, the others belong to the last one opened. -1 when none is open.
 */
static int64_t old_number(struct spec *s, const struct key_row *member, const char *value)
{
	if (member->set == nic_type && *value)
		s->nic_open = next_number(s) + 1;
	return (int64_t)s->nic_open - 1;
}

/* Makes the interface when needed and lets the member's row set it; forgets it when nothing is left. */
static int set_member(struct spec *s, uint32_t number, const struct key_row *member, const char *value, struct err *e)
{
	char key[KEY_NAME_MAX];
	struct spec_nic *n = find_nic(s, number);
	int r;

	if (!n && !add_nic(s, number, e))
		return -e->code;
	(void)snprintf(key, sizeof(key), "lxc.net.%u.%s", number, member->name + strlen("lxc.net.N."));
	r = member->set(s, key, value, e);
	n = find_nic(s, number);
	if (r == 0 && n && is_blank(n)) {
		remove_nic(s, n);
		s->nic_open = s->nic_open == number + 1 ? 0 : s->nic_open;
	}
	return r;
}

SETTER(set_net)
{
	const struct key_row *member;
	struct spec_nic *n;
	int64_t number;
	int given;
	bool old;
	const char *what = split_key(key, &old, &given);

	if (!what || (!*what && given < 0 && *value))
		return err_set(e, ERR_INPUT, EINVAL, "no number of an interface, as in lxc.net.0.type");
	if (!*what && given < 0) {
		remove_nics(s, false);
		return 0;
	}
	if (!*what && *value)
		return err_set(e, ERR_INPUT, EINVAL, "this names a whole interface, which can only be cleared");
	if (!*what) {
		n = find_nic(s, (uint32_t)given);
		if (n)
			remove_nic(s, n);
		return 0;
	}
	if (given < 0 && !old)
		return err_set(e, ERR_INPUT, EINVAL, "no number of an interface, as in lxc.net.0.type");
	member = member_of(what, old);
	if (!member)
		return unknown_member(what, e);
	number = given >= 0 ? given : old_number(s, member, value);
	if (number < 0 && !*value)
		return 0;
	if (number < 0)
		return err_set(e, ERR_INPUT, EINVAL, "no lxc.network.type before it opens an interface");
	return set_member(s, (uint32_t)number, member, value, e);
}

/* ---- coppice.network ---- */

/* "10M": bits a second, K M G are thousands as everywhere in networking; at least 8000, a thousand bytes. */
static int read_rate(const char *text, uint64_t *ret, struct err *e)
{
	static const char units[] = "kKmMgG";
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	uint64_t n = 0, scale = 1;
	char digits[24];

	for (long i = unit ? (unit - units) / 2 : -1; i >= 0; i--)
		scale *= 1000;
	if (!value_copy(text, len - (unit != NULL), digits, sizeof(digits)) || parse_u64(digits, &n) < 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%.40s' is not a rate such as 10M, in bits a second", text);
	if (n > UINT64_C(1000000000000) / scale || n * scale < 8000)
		return err_set(e, ERR_INPUT, ERANGE, "the rate '%.40s' is not between 8K and 1000G bits a second", text);
	*ret = n * scale;
	return 0;
}

static int want_address(struct spec *s, struct spec_nic *n, const char *text, bool six, struct err *e)
{
	char canonical[IP_TEXT];
	const char **slot;
	struct ip a;
	int r = read_ip(text, strlen(text), six, &a, e);

	if (r < 0)
		return r;
	if (strchr(text, '/') || !ip_is_host(&a))
		return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "'%.60s' is not the address of a host; the prefix is the network's", text);
	for (size_t i = 0; i < n->address_count; i++)
		if ((strchr(n->addresses[i], ':') != NULL) == six)
			return err_set(e, ERR_INPUT, EINVAL, "a second %s=", six ? "ip6" : "ip");
	slot = add_text(s, &n->addresses, &n->address_count, "addresses", e);
	if (!slot)
		return -e->code;
	*slot = arena_strdup(&s->arena, ip_format(&a, canonical));
	return *slot ? 0 : value_oom(e);
}

static int network_option(struct spec *s, struct spec_nic *n, const char *word, struct err *e)
{
	static const char *const known[] = {"ip=", "ip6=", "mac=", "name=", "isolated", "in=", "out="};
	const char *value = strchr(word, '=');

	value = value ? value + 1 : "";
	if (strcmp(word, "isolated") == 0) {
		n->isolated = true;
		return 0;
	}
	if (!*value)
		return value_unknown(e, "word", word, known, ARRAY_LEN(known));
	if (strncmp(word, "ip=", 3) == 0 || strncmp(word, "ip6=", 4) == 0)
		return want_address(s, n, value, word[2] == '6', e);
	if (strncmp(word, "mac=", 4) == 0)
		return keep_hwaddr(s, value, false, &n->hwaddr, e);
	if (strncmp(word, "name=", 5) == 0)
		return keep_name(s, value, &n->name, e);
	if (strncmp(word, "in=", 3) == 0)
		return read_rate(value, &n->rate_in, e);
	if (strncmp(word, "out=", 4) == 0)
		return read_rate(value, &n->rate_out, e);
	return value_unknown(e, "word", word, known, ARRAY_LEN(known));
}

SETTER(set_network)
{
	struct spec_nic *n, fresh = {.number = MANAGED, .type = SPEC_NIC_VETH, .up = true, .where = s->where};
	char text[128];
	const char *word;
	size_t len;
	int r = 0;

	(void)key;
	word = value_word(&value, &len);
	if (!word) {
		remove_nics(s, true);
		return 0;
	}
	if (!value_copy(word, len, text, 16) || !parse_is_name(text))
		return err_set(e, ERR_INPUT, EINVAL, "'%.*s' is not the name of a network", len < 64 ? (int)len : 64, word);
	if (strcmp(text, "none") == 0 || strcmp(text, "empty") == 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no network but a type, as in lxc.net.0.type = %s", text, text);
	r = keep(s, text, &fresh.network, e);
	while (r == 0 && (word = value_word(&value, &len))) {
		if (!value_copy(word, len, text, sizeof(text)))
			r = err_set(e, ERR_INPUT, EINVAL, "'%.40s...' is too long", word);
		else
			r = network_option(s, &fresh, text, e);
	}
	if (r < 0)
		return r;
	n = add_nic(s, MANAGED, e);
	if (!n)
		return -e->code;
	*n = fresh;
	return 0;
}

/* ---- coppice.port ---- */

/* "80" or "80-89". */
static int read_range(const char *text, size_t len, uint16_t *ret_first, uint16_t *ret_count, struct err *e)
{
	const char *dash = memchr(text, '-', len);
	size_t head = dash ? (size_t)(dash - text) : len;
	char digits[8];
	uint32_t first = 0, last = 0;
	bool ok = value_copy(text, head, digits, sizeof(digits)) && parse_u32(digits, &first) == 0;

	if (ok && dash)
		ok = value_copy(dash + 1, len - head - 1, digits, sizeof(digits)) && parse_u32(digits, &last) == 0;
	else
		last = first;
	if (!ok || first < 1 || last > 65535 || first > last)
		return err_set(e, ERR_INPUT, EINVAL, "'%.*s' is not a port or a range of ports", len < 64 ? (int)len : 64, text);
	if (last - first >= PORTS_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d ports in one line", PORTS_MAX);
	*ret_first = (uint16_t)first;
	*ret_count = (uint16_t)(last - first + 1);
	return 0;
}

/* The address before the host's port: "127.0.0.1:" or "[::1]:". *at ends behind it. */
static int read_bind(struct spec *s, const char **at, size_t len, const char **ret, struct err *e)
{
	bool six = **at == '[';
	char text[IP_TEXT];
	struct ip a;
	int r;

	if (six && (len < 3 || (*at)[len - 1] != ']'))
		return err_set(e, ERR_INPUT, EINVAL, "a '[' is not closed before the port");
	r = read_ip(*at + six, len - 2 * (size_t)six, six, &a, e);
	if (r < 0)
		return r;
	if (a.prefix != ip_length(&a) * 8 || memchr(*at, '/', len))
		return err_set(e, ERR_INPUT, EINVAL, "an address of this host has no prefix here");
	*at += len + 1;
	return keep(s, ip_format(&a, text), ret, e);
}

SETTER(set_port)
{
	struct spec_port p = {.where = s->where}, *slot;
	const char *slash = strrchr(value, '/'), *end = slash ? slash : value + strlen(value), *last, *before;
	uint16_t inside_count = 0;
	int r = 0;

	(void)key;
	if (!*value) {
		s->ports = NULL;
		s->port_count = 0;
		return 0;
	}
	if (slash && strcmp(slash, "/udp") != 0 && strcmp(slash, "/tcp") != 0)
		return err_set(e, ERR_INPUT, EPROTONOSUPPORT, "'%.16s' is neither /tcp nor /udp", slash);
	p.udp = slash && slash[1] == 'u';
	last = memrchr(value, ':', (size_t)(end - value));
	if (!last)
		return err_set(e, ERR_INPUT, EINVAL, "no port inside, as in 8080:80");
	before = memrchr(value, ':', (size_t)(last - value));
	if (before)
		r = read_bind(s, &value, (size_t)(before - value), &p.bind, e);
	if (r == 0)
		r = read_range(value, (size_t)(last - value), &p.host, &p.count, e);
	if (r == 0)
		r = read_range(last + 1, (size_t)(end - last - 1), &p.inside, &inside_count, e);
	if (r < 0)
		return r;
	if (inside_count != p.count)
		return err_set(e, ERR_INPUT, EINVAL, "%u ports of the host for %u inside", p.count, inside_count);
	if (s->port_count >= PORTS_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d lines of ports", PORTS_MAX);
	slot = arena_push(&s->arena, &s->ports, &s->port_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = p;
	return 0;
}
