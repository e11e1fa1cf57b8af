/* network.c - a managed network: its settings, their text, what fits together. */
#include "network/network.h"

#include "base/clock.h"
#include "base/parse.h"
#include "network/inner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MTU_MIN 576u
#define MTU_MIN_IPV6 1280u
#define MTU_MAX 65535u

uint64_t network_hash(const char *a, const char *b)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = a; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	h = (h ^ 0xff) * 0x100000001b3u; /* between the two words: "ab" "c" is not "a" "bc" */
	for (const char *p = b; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	h ^= h >> 33; /* neighbours differ in their last letter only: spread it over all bits */
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

bool network_is_name(const char *s)
{
	size_t len = strlen(s);

	/* as an interface name it may not begin with '.' or '-' either: that is a file or an option to other tools; two names are directories of /proc/sys/net */
	return len >= 1 && strcmp(s, "all") != 0 && strcmp(s, "default") != 0 && len <= NETWORK_NAME_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len && s[0] != '.' && s[0] != '-';
}

static int check_name(const char *name, struct err *e)
{
	char safe[48];

	if (network_is_name(name))
		return 0;
	format_safe(name, safe, sizeof(safe));
	return err_set(e, ERR_INPUT, EINVAL,
		       "'%s' is not a name of a network: 1 to 15 letters, digits, '_', '.' or '-', beginning with none of the last two",
		       safe);
}

/* ---- defaults ---- */

static bool is_free(const struct ip *a, const struct ip *taken, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (taken[i].family == a->family && taken[i].prefix && ip_overlap(a, &taken[i])) /* a default route is no neighbour */
			return false;
	return true;
}

static struct ip ipv4_of(unsigned a, unsigned b, unsigned c, unsigned prefix)
{
	return (struct ip){.family = AF_INET, .prefix = (uint8_t)prefix, .bytes = {(uint8_t)a, (uint8_t)b, (uint8_t)c, 1}};
}

/* 10.x/16, then what else is for private use: a /16 of 172.16/12, a /24 of 192.168/16. */
static bool draw_ipv4(uint64_t h, const struct ip *taken, size_t count, struct ip *ret)
{
	for (unsigned i = 0; i < 255; i++) { /* 10.0/16 is what everybody else takes */
		*ret = ipv4_of(10, 1 + (unsigned)((h + i) % 255), 0, 16);
		if (is_free(ret, taken, count))
			return true;
	}
	for (unsigned i = 0; i < 16; i++) {
		*ret = ipv4_of(172, 16 + (unsigned)((h + i) % 16), 0, 16);
		if (is_free(ret, taken, count))
			return true;
	}
	for (unsigned i = 0; i < 256; i++) {
		*ret = ipv4_of(192, 168, (unsigned)((h + i) % 256), 24);
		if (is_free(ret, taken, count))
			return true;
	}
	return false;
}

/* A unique local prefix (RFC 4193): fd, 40 bits drawn from the name, subnet 0. */
static bool draw_ipv6(const char *name, const struct ip *taken, size_t count, struct ip *ret)
{
	char salt[8];

	for (unsigned i = 0; i < 64; i++) {
		uint64_t h;

		(void)snprintf(salt, sizeof(salt), "v6%u", i);
		h = network_hash(name, salt);
		*ret = (struct ip){.family = AF_INET6, .prefix = 64, .bytes = {0xfd}};
		for (int b = 1; b <= 5; b++)
			ret->bytes[b] = (uint8_t)(h >> (8 * b));
		ret->bytes[15] = 1;
		if (is_free(ret, taken, count))
			return true;
	}
	return false;
}

int network_defaults(const char *name, const struct ip *taken, size_t taken_count, struct network *ret, struct err *e)
{
	struct network n = {.nat = true, .guard = true, .names = true};
	int r = check_name(name, e);

	if (r < 0)
		return r;
	(void)snprintf(n.name, sizeof(n.name), "%s", name);
	(void)snprintf(n.bridge, sizeof(n.bridge), "%s", name);
	n.created = (uint64_t)clock_unix();
	if (!draw_ipv4(network_hash(name, "v4"), taken, taken_count, &n.ipv4)) {
		(void)err_set(e, ERR_INPUT, EADDRINUSE, "every private IPv4 range overlaps with a route of this host");
		return err_hint(e, "coppice network create %s --ipv4 ADDRESS/LENGTH", name);
	}
	if (!draw_ipv6(name, taken, taken_count, &n.ipv6))
		n.ipv6 = (struct ip){0};
	*ret = n;
	return 0;
}

/* ---- settings ---- */

static int bad(struct err *e, const char *key, const char *value, const char *allowed)
{
	char safe[80];

	format_safe(value, safe, sizeof(safe));
	return err_set(e, ERR_INPUT, EINVAL, "%s = '%s': must be %s", key, safe, allowed);
}

static int set_gateway(struct ip *ret, int family, const char *key, const char *value, struct err *e)
{
	struct ip a;

	if (strcmp(value, "none") == 0 || !value[0]) {
		*ret = (struct ip){0};
		return 0;
	}
	if (ip_parse(value, &a) < 0 || a.family != family)
		return bad(e, key, value,
			   family == AF_INET ? "the gateway's address with its prefix, like 10.9.0.1/24, or none"
					     : "the gateway's address with its prefix, like fd00:9::1/64, or none");
	if (a.prefix == 8 * ip_length(&a))
		return bad(e, key, value, "followed by the length of its prefix, like /24");
	*ret = a;
	return 0;
}

static bool is_domain(const char *s)
{
	size_t label = 0;

	for (; *s; s++) {
		if (*s == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (*s == '-' && (label == 0 || !s[1] || s[1] == '.')) {
			return false;
		} else if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *s)) {
			label++;
		} else {
			return false;
		}
	}
	return label > 0;
}

static int set_dns(struct network *n, const char *value, struct err *e)
{
	char dns[3][IP_TEXT] = {""};
	size_t count = 0;

	for (const char *p = value + strspn(value, " ,"); *p; p += strspn(p, " ,")) {
		size_t len = strcspn(p, " ,");
		char word[IP_TEXT];
		struct ip a;

		if (len >= sizeof(word) || count == ARRAY_LEN(dns))
			return bad(e, "dns", value, "at most three addresses of nameservers");
		memcpy(word, p, len);
		word[len] = '\0';
		if (ip_parse(word, &a) < 0 || strchr(word, '/'))
			return bad(e, "dns", value, "up to three addresses of nameservers");
		(void)ip_format(&a, dns[count++]);
		p += len;
	}
	memcpy(n->dns, dns, sizeof(dns));
	return 0;
}

static bool *flag_of(struct network *n, const char *key)
{
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
	    {"nat", &n->nat},	  {"isolated", &n->isolated}, {"dhcp", &n->dhcp},
	    {"guard", &n->guard}, {"names", &n->names},	      {"internal", &n->internal},
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (strcmp(flags[i].key, key) == 0)
			return flags[i].flag;
	return NULL;
}

int network_set(struct network *n, const char *key, const char *value, struct err *e)
{
	static const char *const keys[] = {"ipv4", "ipv6", "mtu", "nat", "isolated", "dhcp", "guard", "names", "internal", "domain", "dns"};
	bool *flag = flag_of(n, key);
	const char *close;
	char safe[48];

	if (flag)
		return parse_bool(value, flag) < 0 ? bad(e, key, value, "yes or no") : 0;
	if (strcmp(key, "ipv4") == 0)
		return set_gateway(&n->ipv4, AF_INET, key, value, e);
	if (strcmp(key, "ipv6") == 0)
		return set_gateway(&n->ipv6, AF_INET6, key, value, e);
	if (strcmp(key, "dns") == 0)
		return set_dns(n, value, e);
	if (strcmp(key, "mtu") == 0) {
		uint32_t mtu;

		if (parse_u32(value, &mtu) < 0 || (mtu && (mtu < MTU_MIN || mtu > MTU_MAX)))
			return bad(e, key, value, "576 to 65535, or 0 for the kernel's choice");
		n->mtu = mtu;
		return 0;
	}
	if (strcmp(key, "domain") == 0) {
		if (value[0] && (strlen(value) >= sizeof(n->domain) || !is_domain(value)))
			return bad(e, key, value, "a domain name of at most 63 bytes, or empty");
		(void)snprintf(n->domain, sizeof(n->domain), "%s", value);
		return 0;
	}
	close = parse_closest(key, keys, ARRAY_LEN(keys));
	format_safe(key, safe, sizeof(safe));
	if (close)
		return err_set(e, ERR_INPUT, EINVAL, "a network has no setting '%s'; did you mean '%s'?", safe, close);
	return err_set(e, ERR_INPUT, EINVAL,
		       "a network has no setting '%s'; there are ipv4 ipv6 mtu nat isolated dhcp guard names internal domain dns", safe);
}

static int check_gateway(const struct ip *a, unsigned longest, struct err *e)
{
	struct ip net = ip_network(a);
	char text[IP_TEXT];

	(void)ip_format_prefix(a, text);
	if (a->prefix > longest)
		return err_set(e, ERR_INPUT, EINVAL, "%s leaves no room for containers: the prefix may be at most /%u", text, longest);
	if (a->prefix < 8)
		return err_set(e, ERR_INPUT, EINVAL, "%s is too large for a network: the prefix must be at least /8", text);
	/* the first address of an IPv6 net is that of all its routers (RFC 4291, 2.6.1) */
	if (!ip_is_host(a) || (a->family == AF_INET6 && ip_equal(a, &net)))
		return err_set(e, ERR_INPUT, EINVAL, "%s is not an address a host can have", text);
	return 0;
}

int network_check(const struct network *n, struct err *e)
{
	int r = 0;

	if (n->ipv4.family)
		r = check_gateway(&n->ipv4, 30, e);
	if (r == 0 && n->ipv6.family)
		r = check_gateway(&n->ipv6, 120, e);
	if (r < 0)
		return r;
	if (n->dhcp && !n->ipv4.family)
		return err_set(e, ERR_INPUT, EINVAL, "dhcp = yes needs an IPv4 address for the network");
	if (n->ipv6.family && n->mtu && n->mtu < MTU_MIN_IPV6)
		return err_set(e, ERR_INPUT, EINVAL, "mtu = %u is too small for IPv6, which needs %u", n->mtu, MTU_MIN_IPV6);
	if (!n->ipv4.family && !n->ipv6.family && n->nat && !n->internal)
		return err_set(e, ERR_INPUT, EINVAL, "a network without addresses cannot have nat = yes");
	return 0;
}

/* ---- text ---- */

static void put_gateway(struct buf *out, const char *key, const struct ip *a)
{
	char text[IP_TEXT];

	buf_printf(out, "%s = %s\n", key, a->family ? ip_format_prefix(a, text) : "none");
}

void network_format(const struct network *n, struct buf *out)
{
	buf_printf(out, "format = 1\nname = %s\nbridge = %s\n", n->name, n->bridge);
	put_gateway(out, "ipv4", &n->ipv4);
	put_gateway(out, "ipv6", &n->ipv6);
	buf_printf(out, "mtu = %u\nnat = %s\nisolated = %s\ndhcp = %s\nguard = %s\nnames = %s\ninternal = %s\n", n->mtu,
		   n->nat ? "yes" : "no", n->isolated ? "yes" : "no", n->dhcp ? "yes" : "no", n->guard ? "yes" : "no",
		   n->names ? "yes" : "no", n->internal ? "yes" : "no");
	if (n->domain[0])
		buf_printf(out, "domain = %s\n", n->domain);
	if (n->dns[0][0])
		buf_printf(out, "dns = %s%s%s%s%s\n", n->dns[0], n->dns[1][0] ? " " : "", n->dns[1], n->dns[2][0] ? " " : "", n->dns[2]);
	buf_printf(out, "created = %llu\n", (unsigned long long)n->created);
}

static int apply_line(struct network *n, const char *key, const char *value, struct err *e)
{
	static const char *const settings[] = {"ipv4",	"ipv6",	 "mtu",	     "nat",    "isolated", "dhcp",
					       "guard", "names", "internal", "domain", "dns"};
	uint64_t number;

	if (strcmp(key, "format") == 0)
		return strcmp(value, "1") == 0
			   ? 0
			   : err_set(e, ERR_UNSUPPORTED, EPROTO, "format '%.20s' was written by a newer version", value);
	if (strcmp(key, "name") == 0) {
		int r = check_name(value, e);

		if (r == 0)
			(void)snprintf(n->name, sizeof(n->name), "%s", value);
		return r;
	}
	if (strcmp(key, "bridge") == 0) {
		if (!ip_is_ifname(value))
			return bad(e, key, value, "a name of an interface");
		(void)snprintf(n->bridge, sizeof(n->bridge), "%s", value);
		return 0;
	}
	if (strcmp(key, "created") == 0) {
		if (parse_u64(value, &number) < 0 || number > INT64_MAX)
			return bad(e, key, value, "a number of seconds");
		n->created = number;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (strcmp(settings[i], key) == 0)
			return network_set(n, key, value, e);
	return 0; /* of a later version */
}

/* Cuts "key = value" in place. */
static int split(char *line, char **ret_key, char **ret_value)
{
	char *eq = strchr(line, '='), *end;

	if (!eq)
		return -EINVAL;
	*ret_value = eq + 1 + strspn(eq + 1, " \t");
	for (end = *ret_value + strlen(*ret_value); end > *ret_value && strchr(" \t\r", end[-1]); end--)
		;
	*end = '\0';
	for (end = eq; end > line && strchr(" \t", end[-1]); end--)
		;
	*end = '\0';
	*ret_key = line;
	return **ret_key ? 0 : -EINVAL;
}

int network_parse(const char *text, size_t len, struct network *ret, struct err *e)
{
	struct network n = {0};
	unsigned number = 0;

	for (size_t at = 0; at < len;) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t size = nl ? (size_t)(nl - text) - at : len - at;
		char line[512], *key, *value, *start;
		int r;

		number++;
		if (size >= sizeof(line) || memchr(text + at, '\0', size))
			return err_set(e, ERR_DAMAGED, EBADMSG, "line %u is too long or not text", number);
		memcpy(line, text + at, size);
		line[size] = '\0';
		at += size + 1;
		start = line + strspn(line, " \t");
		if (!*start || *start == '#')
			continue;
		if (split(start, &key, &value) < 0)
			return err_set(e, ERR_DAMAGED, EBADMSG, "line %u is not 'key = value'", number);
		r = apply_line(&n, key, value, e);
		if (r < 0)
			return err_wrap(e, "line %u", number);
	}
	if (!n.name[0])
		return err_set(e, ERR_DAMAGED, EBADMSG, "the line with the network's name is missing");
	if (!n.bridge[0])
		memcpy(n.bridge, n.name, sizeof(n.bridge));
	*ret = n;
	return 0;
}

void network_mac(const struct network *n, uint8_t ret[6])
{
	uint64_t h = network_hash(n->name, "bridge");

	ret[0] = 0x02; /* locally administered; no container of ours draws from there */
	for (int i = 1; i < 6; i++)
		ret[i] = (uint8_t)(h >> (8 * i));
}
