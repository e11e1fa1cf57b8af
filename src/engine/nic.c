/* nic.c - what is chosen for each interface before the plan: names of host sides, hardware addresses, gateways, addresses of managed
 * networks. */
#include "engine/nic.h"

#include "base/fd.h"
#include "base/ip.h"
#include "base/parse.h"
#include "engine/network.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define MAC_PATTERN "00:16:3e:xx:xx:xx" /* the range that LXC and Xen draw from */

static void free_ifaddrs(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

static int oom(struct err *e)
{
	return err_sys(e, ENOMEM, "choose the interfaces");
}

static int random_bits(uint64_t *ret, struct err *e)
{
	return getrandom(ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret) ? 0 : err_sys(e, errno, "get random bytes");
}

/* "cp" and 8 digits: not taken with all likelihood, and the kernel says so when it is. */
static int choose_peer(const struct spec_nic *n, struct arena *a, struct plan_nic *ret, struct err *e)
{
	uint64_t bits;
	int r;

	if (n->type != SPEC_NIC_VETH || n->pair) {
		ret->peer = n->pair;
		return 0;
	}
	r = random_bits(&bits, e);
	if (r < 0)
		return r;
	ret->peer = arena_printf(a, "cp%08x", (uint32_t)bits);
	return ret->peer ? 0 : oom(e);
}

/* Interfaces that are made get an address of ours; a vlan has its parent's and a physical device its own, unless one is said. */
static int choose_mac(const struct spec_nic *n, struct arena *a, struct plan_nic *ret, struct err *e)
{
	const char *pattern = n->hwaddr;
	char text[IP_MAC_TEXT];
	uint8_t mac[6];
	uint64_t bits;
	int r;

	if (!pattern && (n->type == SPEC_NIC_VETH || n->type == SPEC_NIC_MACVLAN))
		pattern = MAC_PATTERN;
	if (!pattern)
		return 0;
	r = random_bits(&bits, e);
	if (r < 0)
		return r;
	r = ip_mac_fill(pattern, bits, mac);
	if (r < 0)
		return err_set(e, ERR_INPUT, -r, "lxc.net.%u.hwaddr = '%s': not a hardware address", n->number, pattern);
	ret->mac = arena_strdup(a, ip_mac_format(mac, text));
	return ret->mac ? 0 : oom(e);
}

/* The address of @ifa when it is of the family and fit for a gateway; a link-local one only with @local. */
static bool take_address(const struct ifaddrs *ifa, bool six, bool local, struct ip *ret)
{
	struct ip a = {.family = six ? AF_INET6 : AF_INET, .prefix = six ? 128 : 32};

	if (!ifa->ifa_addr || ifa->ifa_addr->sa_family != a.family)
		return false;
	if (six)
		memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)ifa->ifa_addr)->sin6_addr, 16);
	else
		memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)ifa->ifa_addr)->sin_addr, 4);
	if (six && !local && a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80)
		return false;
	*ret = a;
	return true;
}

/* The first address of @link. */
static int find_gateway(const struct spec_nic *n, const struct ifaddrs *list, bool six, struct arena *a, const char **ret, struct err *e)
{
	char text[IP_TEXT];
	struct ip found;

	for (int local = 0; local <= (int)six; local++) {
		for (const struct ifaddrs *ifa = list; ifa; ifa = ifa->ifa_next) {
			if (strcmp(ifa->ifa_name, n->link) != 0 || !take_address(ifa, six, local, &found))
				continue;
			*ret = arena_strdup(a, ip_format(&found, text));
			return *ret ? 0 : oom(e);
		}
	}
	if (if_nametoindex(n->link) == 0)
		(void)err_set(e, ERR_MISSING, ENODEV, "lxc.net.%u.ipv%d.gateway = 'auto': there is no network device '%s'", n->number,
			      six ? 6 : 4, n->link);
	else
		(void)err_set(e, ERR_STATE, EADDRNOTAVAIL, "lxc.net.%u.ipv%d.gateway = 'auto': '%s' has no IPv%d address", n->number,
			      six ? 6 : 4, n->link, six ? 6 : 4);
	return err_hint(e, "ip address show");
}

static int choose_gateways(const struct spec_nic *n, struct arena *a, struct plan_nic *ret, struct err *e)
{
	autodone(free_ifaddrs) struct ifaddrs *list = NULL;
	int r = 0;

	if (n->gateway4_kind != SPEC_GATEWAY_AUTO && n->gateway6_kind != SPEC_GATEWAY_AUTO)
		return 0;
	if (n->router) { /* LXC's: addresses that nobody routes, given to the host's side */
		ret->gateway4 = n->gateway4_kind == SPEC_GATEWAY_AUTO ? "169.254.1.1" : NULL;
		ret->gateway6 = n->gateway6_kind == SPEC_GATEWAY_AUTO ? "fe80::1" : NULL;
		return 0;
	}
	if (getifaddrs(&list) < 0)
		return err_sys(e, errno, "list the addresses of this host");
	if (n->gateway4_kind == SPEC_GATEWAY_AUTO)
		r = find_gateway(n, list, false, a, &ret->gateway4, e);
	if (r == 0 && n->gateway6_kind == SPEC_GATEWAY_AUTO)
		r = find_gateway(n, list, true, a, &ret->gateway6, e);
	return r;
}

int engine_nics(struct coppice *c, const struct spec *s, bool look, struct arena *a, const struct plan_nic **ret, struct err *e)
{
	struct plan_nic *nics = arena_alloc(a, (s->nic_count + 1) * sizeof(*nics));
	int r = nics ? 0 : oom(e);

	for (size_t i = 0; r == 0 && i < s->nic_count; i++) {
		const struct spec_nic *n = &s->nics[i];

		if (n->network)
			r = engine_network_choose(c, s, n, look, &nics[i], a, e);
		if (r == 0)
			r = choose_peer(n, a, &nics[i], e);
		if (r == 0 && !nics[i].mac)
			r = choose_mac(n, a, &nics[i], e);
		if (r == 0 && !n->network)
			r = choose_gateways(n, a, &nics[i], e);
	}
	if (r == 0)
		*ret = nics;
	return r;
}

/* ---- counters ---- */

/* Is the line of a file like /proc/net/dev about interface @nic? NULL: about any but loopback. */
static bool is_about(const char *line, const char *colon, const char *nic)
{
	size_t len;

	line += strspn(line, " ");
	len = (size_t)(colon - line);
	if (!nic)
		return len != 2 || strncmp(line, "lo", 2) != 0;
	return strlen(nic) == len && strncmp(line, nic, len) == 0;
}

/* The two sums of a line "  eth0: RXBYTES packets errs drop fifo frame compressed multicast TXBYTES ...". False when it is about another. */
static bool add_line(const char *line, const char *nic, uint64_t *rx, uint64_t *tx)
{
	const char *colon = strchr(line, ':');
	uint64_t fields[9] = {0};
	size_t count = 0;

	if (!colon || !is_about(line, colon, nic))
		return false;
	for (const char *p = colon + 1; count < ARRAY_LEN(fields); count++) {
		char digits[24];
		size_t len;

		p += strspn(p, " ");
		len = strspn(p, "0123456789");
		if (len == 0 || len >= sizeof(digits))
			return false;
		memcpy(digits, p, len);
		digits[len] = '\0';
		if (parse_u64(digits, &fields[count]) < 0)
			return false;
		p += len;
	}
	*rx += fields[0];
	*tx += fields[8];
	return true;
}

bool engine_traffic(pid_t pid, const char *nic, uint64_t *ret_rx, uint64_t *ret_tx)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = FD_NONE;
	uint64_t rx = 0, tx = 0;
	bool found = !nic;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0 || fd_read_all(fd, &text, 65536) < 0)
		return false;
	for (char *line = text.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		found |= add_line(line, nic, &rx, &tx);
	}
	if (found) {
		*ret_rx = rx;
		*ret_tx = tx;
	}
	return found;
}
