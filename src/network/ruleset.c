/* ruleset.c - the nftables ruleset of managed networks as text, for one transaction of the nftables helper.
 *
 * Sets and maps are declared (which keeps their elements: those come and go with containers), chains are emptied and filled again. What
 * depends on a network is in sets of interface names wherever that is possible, so that a packet costs the same with one network and with a
 * hundred. */
#include "network/inner.h"

#include <stdio.h>
#include <string.h>

static const char *const declare =
	"add table inet coppice\n"
	"add map inet coppice publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	"add map inet coppice publish4_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	"add map inet coppice publish6 { type inet_proto . inet_service : ipv6_addr . inet_service; }\n"
	"add map inet coppice publish6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }\n"
	"add set inet coppice bridges { type ifname; }\n"
	"add set inet coppice internal { type ifname; }\n"
	"add set inet coppice within { type ifname . ifname; }\n"
	"add chain inet coppice early { type filter hook prerouting priority -300; policy accept; }\n"
	"add chain inet coppice prerouting { type nat hook prerouting priority -100; policy accept; }\n"
	"add chain inet coppice output { type nat hook output priority -100; policy accept; }\n"
	"add chain inet coppice postrouting { type nat hook postrouting priority 100; policy accept; }\n"
	"add chain inet coppice forward { type filter hook forward priority 0; policy accept; }\n"
	"add chain inet coppice publish\n"
	"add table bridge coppice\n"
	"add set bridge coppice guarded { type ifname; }\n"
	"add set bridge coppice macs { type ifname . ether_addr; }\n"
	"add set bridge coppice ips4 { type ifname . ipv4_addr; }\n"
	/* addresses as numbers: nft 1.0.6 has no name for the target of an advertisement, which is looked up here as well as the source */
	"add set bridge coppice ips6 { typeof iifname . @nh,64,128; }\n"
	"add chain bridge coppice prerouting { type filter hook prerouting priority -300; policy accept; }\n"
	"add chain bridge coppice guard\n"
	"flush set inet coppice bridges\nflush set inet coppice internal\nflush set inet coppice within\n"
	"flush table inet coppice\nflush table bridge coppice\n"; /* rules only: sets, maps and their elements stay */

static const char *const rules =
	/* route_localnet lets 127.0.0.1 be published; nothing on a bridge may use it to reach what listens on the host's loopback */
	"add rule inet coppice early iifname @bridges ip daddr 127.0.0.0/8 drop\n"
	"add rule inet coppice early iifname @bridges ip saddr 127.0.0.0/8 drop\n"
	/* the more specific address first */
	"add rule inet coppice prerouting fib daddr type local jump publish\n"
	"add rule inet coppice output fib daddr type local jump publish\n"
	"add rule inet coppice publish ip6 daddr ::1 return\n" /* has no way out of lo: refused, so that clients go on to 127.0.0.1 */
	"add rule inet coppice publish dnat ip to ip daddr . meta l4proto . th dport map @publish4_at\n"
	"add rule inet coppice publish dnat ip to meta l4proto . th dport map @publish4\n"
	"add rule inet coppice publish dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6_at\n"
	"add rule inet coppice publish dnat ip6 to meta l4proto . th dport map @publish6\n"
	"add rule inet coppice postrouting oifname @bridges ip saddr 127.0.0.0/8 masquerade\n"
	/* frames within one bridge come here when br_netfilter is on */
	"add rule inet coppice forward iifname . oifname @within accept\n"
	"add rule inet coppice forward iifname @internal drop\n"
	"add rule inet coppice forward oifname @internal drop\n"
	"add rule inet coppice forward ct state established,related accept\n"
	"add rule inet coppice forward iifname @bridges ct status dnat accept\n"
	"add rule inet coppice forward oifname @bridges ct status dnat accept\n"
	"add rule inet coppice forward iifname @bridges oifname @bridges drop\n"
	"add rule inet coppice forward oifname @bridges drop\n"
	/* what a container may send: its own addresses, and nothing that would make it a router or a server of addresses for its neighbours */
	"add rule bridge coppice prerouting iifname @guarded jump guard\n"
	"add rule bridge coppice guard iifname . ether saddr != @macs drop\n"
	/* nearly every packet of a busy container: two look-ups and no more */
	"add rule bridge coppice guard ether type ip ip protocol tcp iifname . ip saddr @ips4 accept\n"
	"add rule bridge coppice guard ether type ip6 ip6 nexthdr tcp iifname . @nh,64,128 @ips6 accept\n"
	"add rule bridge coppice guard ether type { 0x8100, 0x88a8 } drop\n"
	"add rule bridge coppice guard ether type arp arp operation { request, reply } iifname . arp saddr ether @macs arp saddr ip 0.0.0.0 "
	"accept\n"
	"add rule bridge coppice guard ether type arp arp operation { request, reply } iifname . arp saddr ether @macs iifname . arp saddr ip "
	"@ips4 accept\n"
	"add rule bridge coppice guard ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept\n"
	"add rule bridge coppice guard ether type ip iifname . ip saddr != @ips4 drop\n"
	"add rule bridge coppice guard ether type ip udp sport 67 udp dport 68 drop\n"
	"add rule bridge coppice guard ether type ip accept\n"
	/* who listens to which group: the bridge gives every group to everybody, and a report would go to all of them, at every start of one */
	"add rule bridge coppice guard ether type ip6 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } drop\n"
	"add rule bridge coppice guard ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop\n"
	"add rule bridge coppice guard ether type ip6 udp sport 547 udp dport 546 drop\n"
	"add rule bridge coppice guard ether type ip6 ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit } accept\n"
	"add rule bridge coppice guard ether type ip6 iifname . @nh,64,128 != @ips6 drop\n"
	"add rule bridge coppice guard ether type ip6 icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @ips6 drop\n"
	"add rule bridge coppice guard ether type ip6 accept\n"
	"add rule bridge coppice guard drop\n";

static void put_family(const struct network *n, const struct ip *gateway, const char *word, struct buf *out)
{
	struct ip net = ip_network(gateway);
	char text[IP_TEXT];

	if (!gateway->family)
		return;
	(void)ip_format_prefix(&net, text);
	/* a neighbour's published port through the host's address: the answer must come back through the host */
	buf_printf(out, "add rule inet coppice postrouting oifname \"%s\" %s saddr %s ct status dnat masquerade\n", n->bridge, word, text);
	if (n->nat && !n->internal)
		buf_printf(out, "add rule inet coppice postrouting oifname != @bridges %s saddr %s %s daddr != %s masquerade\n", word, text,
			   word, text);
}

void network_ruleset(const struct network *nets, size_t count, struct buf *out)
{
	buf_puts(out, declare);
	for (size_t i = 0; i < count; i++) {
		const char *name = nets[i].bridge;

		buf_printf(out, "add element inet coppice bridges { \"%s\" }\n", name);
		if (nets[i].internal)
			buf_printf(out, "add element inet coppice internal { \"%s\" }\n", name);
		if (!nets[i].isolated)
			buf_printf(out, "add element inet coppice within { \"%s\" . \"%s\" }\n", name, name);
	}
	buf_puts(out, rules);
	for (size_t i = 0; i < count; i++) {
		put_family(&nets[i], &nets[i].ipv4, "ip", out);
		put_family(&nets[i], &nets[i].ipv6, "ip6", out);
	}
}

void network_ruleset_port(struct buf *out, const char *bind, const char *target, bool udp, uint16_t host, uint16_t to, uint16_t count)
{
	struct ip a, at = {0};
	char text[IP_TEXT], bound[IP_TEXT];

	if (ip_parse(target, &a) < 0 || (bind && bind[0] && (ip_parse(bind, &at) < 0 || at.family != a.family)))
		return;
	(void)ip_format(&a, text);
	buf_printf(out, "add element inet coppice publish%s%s {", ip_length(&a) == 4 ? "4" : "6", at.family ? "_at" : "");
	for (unsigned i = 0; i < count; i++)
		buf_printf(out, "%s%s%s%s . %u : %s . %u", i ? ", " : " ", at.family ? ip_format(&at, bound) : "", at.family ? " . " : "",
			   udp ? "udp" : "tcp", host + i, text, to + i);
	buf_puts(out, " }\n");
}

static void put_ipv6(struct buf *out, const char *peer, const struct ip *a)
{
	buf_printf(out, "add element bridge coppice ips6 { \"%s\" . 0x", peer);
	for (size_t i = 0; i < sizeof(a->bytes); i++)
		buf_printf(out, "%02x", a->bytes[i]);
	buf_puts(out, " }\n");
}

void network_ruleset_guard(struct buf *out, const char *peer, const char *mac, const char *ipv4, const char *ipv6)
{
	struct ip a;
	uint8_t bytes[6];
	char text[IP_TEXT];

	if (!ip_is_ifname(peer) || strpbrk(peer, "\"\\*") || ip_mac_parse(mac, bytes) < 0)
		return;
	/* what is allowed comes before what is guarded */
	buf_printf(out, "add element bridge coppice macs { \"%s\" . %s }\n", peer, mac);
	if (ipv4 && ip_parse(ipv4, &a) == 0)
		buf_printf(out, "add element bridge coppice ips4 { \"%s\" . %s }\n", peer, ip_format(&a, text));
	if (ipv6 && ip_parse(ipv6, &a) == 0)
		put_ipv6(out, peer, &a);
	a = ip_link_local(bytes);
	put_ipv6(out, peer, &a);
	buf_printf(out, "add element bridge coppice guarded { \"%s\" }\n", peer);
}

void network_ruleset_empty(struct buf *out)
{
	static const char *const all[] = {"inet coppice publish4", "inet coppice publish4_at", "inet coppice publish6",
					  "inet coppice publish6_at"};
	static const char *const guards[] = {"guarded", "macs", "ips4", "ips6"};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_printf(out, "flush map %s\n", all[i]);
	for (size_t i = 0; i < ARRAY_LEN(guards); i++)
		buf_printf(out, "flush set bridge coppice %s\n", guards[i]);
}

void network_ruleset_remove(struct buf *out)
{
	/* adding first: deleting what is not there is an error */
	buf_puts(out, "add table inet coppice\ndelete table inet coppice\nadd table bridge coppice\ndelete table bridge coppice\n");
}

/* ---- class ids ---- */

#define CLASS_LEVELS 6 /* how deep a container's control group may lie for its sockets to be matched */

static const char *const class_declare =
	"add table inet coppice_class\n"
	"add map inet coppice_class ports { type ifname : mark; }\n"
	"add map inet coppice_class groups { type cgroupsv2 : mark; }\n"
	"add chain inet coppice_class prerouting { type filter hook prerouting priority -300; policy accept; }\n"
	"add chain inet coppice_class output { type route hook output priority -150; policy accept; }\n"
	"add table bridge coppice_class\n"
	"add map bridge coppice_class ports { type ifname : mark; }\n"
	"add chain bridge coppice_class prerouting { type filter hook prerouting priority -300; policy accept; }\n"
	"flush table inet coppice_class\nflush table bridge coppice_class\n" /* rules only */
	"add rule inet coppice_class prerouting meta mark set iifname map @ports\n"
	/* as frames, before a bridge sends them on or up */
	"add rule bridge coppice_class prerouting meta mark set iifname map @ports\n";

static void class_elements(struct buf *out, const char *verb, const char *ports, const char *group, const char *value)
{
	static const char *const families[] = {"inet", "bridge"};

	if (!ports) {
		if (!strpbrk(group, "\"\\\n*"))
			buf_printf(out, "%s element inet coppice_class groups { \"%s\"%s }\n", verb, group, value);
		return;
	}
	for (const char *p = ports; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		char name[32];

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, p);
		for (size_t i = 0; i < ARRAY_LEN(families) && ip_is_ifname(name) && !strpbrk(name, "\"\\*"); i++)
			buf_printf(out, "%s element %s coppice_class ports { \"%s\"%s }\n", verb, families[i], name, value);
		p += len;
	}
}

void network_ruleset_class(struct buf *out, const char *ports, const char *group, uint32_t mark)
{
	char value[24];

	buf_puts(out, class_declare);
	for (unsigned level = 1; level <= CLASS_LEVELS; level++)
		buf_printf(out, "add rule inet coppice_class output meta mark set socket cgroupv2 level %u map @groups\n", level);
	(void)snprintf(value, sizeof(value), " : 0x%08x", mark);
	class_elements(out, "add", ports, group, value);
}

void network_ruleset_class_drop(struct buf *out, const char *ports, const char *group)
{
	class_elements(out, "delete", ports, group, "");
}
