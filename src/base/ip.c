/* ip.c - addresses as bytes and as text. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static unsigned full(const struct ip *a)
{
	return ip_length(a) * 8;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0" to "128", without leading zeros. */
static int parse_prefix(const char *s, unsigned max, uint8_t *ret)
{
	unsigned v = 0;

	if (!*s || (*s == '0' && s[1]) || strlen(s) > 3)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(*s - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

int ip_parse(const char *s, struct ip *ret)
{
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	struct ip a = {0};
	char host[IP_TEXT];

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, len);
	host[len] = '\0';
	a.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, host, a.bytes) != 1)
		return -EINVAL;
	a.prefix = (uint8_t)full(&a);
	if (slash && parse_prefix(slash + 1, full(&a), &a.prefix) < 0)
		return -EINVAL;
	*ret = a;
	return 0;
}

const char *ip_format(const struct ip *a, char out[IP_TEXT])
{
	out[0] = '\0';
	if (a->family)
		(void)inet_ntop(a->family, a->bytes, out, IP_TEXT);
	return out;
}

const char *ip_format_prefix(const struct ip *a, char out[IP_TEXT])
{
	size_t len = strlen(ip_format(a, out));

	if (len)
		(void)snprintf(out + len, IP_TEXT - len, "/%u", a->prefix);
	return out;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, ip_length(a)) == 0;
}

static bool same_bits(const struct ip *a, const struct ip *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));

	if (a->family != b->family || memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0;
}

bool ip_within(const struct ip *a, const struct ip *net)
{
	return same_bits(a, net, net->prefix);
}

bool ip_overlap(const struct ip *a, const struct ip *b)
{
	return same_bits(a, b, a->prefix < b->prefix ? a->prefix : b->prefix);
}

struct ip ip_network(const struct ip *a)
{
	struct ip n = *a;

	for (unsigned bit = a->prefix; bit < full(a); bit++)
		n.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	return n;
}

struct ip ip_broadcast(const struct ip *a)
{
	struct ip b = *a;

	if (a->family != AF_INET || a->prefix > 30)
		return (struct ip){0};
	for (unsigned bit = a->prefix; bit < 32; bit++)
		b.bytes[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
	return b;
}

struct ip ip_nth(const struct ip *net, uint64_t n)
{
	struct ip a = ip_network(net);

	for (unsigned at = ip_length(&a); at > 0 && n; at--) {
		n += a.bytes[at - 1];
		a.bytes[at - 1] = (uint8_t)n;
		n >>= 8;
	}
	return a;
}

uint64_t ip_index(const struct ip *a, const struct ip *net)
{
	struct ip first = ip_network(net);
	unsigned len = ip_length(a);
	uint64_t n = 0;

	if (!ip_within(a, net))
		return UINT64_MAX;
	for (unsigned i = len > 8 ? len - 8 : 0; i < len; i++)
		n = n << 8 | (uint8_t)(a->bytes[i] ^ first.bytes[i]);
	return n;
}

bool ip_is_host(const struct ip *a)
{
	static const uint8_t zero[16], one[16] = {[15] = 1};
	struct ip network, broadcast;

	if (a->family == AF_INET6)
		return a->bytes[0] != 0xff && memcmp(a->bytes, zero, 16) != 0 && memcmp(a->bytes, one, 16) != 0;
	if (a->family != AF_INET || a->bytes[0] == 0 || a->bytes[0] == 127 || a->bytes[0] >= 224)
		return false;
	if (a->prefix > 30)
		return true;
	network = ip_network(a);
	broadcast = ip_broadcast(a);
	return !ip_equal(a, &network) && !ip_equal(a, &broadcast);
}

/* ---- hardware addresses ---- */

/* Six pairs with colons; an 'x' gives -1 in @digits when @open allows it. */
static bool mac_digits(const char *s, bool open, int digits[12])
{
	for (int i = 0; i < 12; i++, s++) {
		digits[i] = open && (*s == 'x' || *s == 'X') ? -1 : hex_value(*s);
		if (digits[i] < 0 && !(open && (*s == 'x' || *s == 'X')))
			return false;
		if (i % 2 && i < 11 && *++s != ':')
			return false;
	}
	return *s == '\0';
}

static int mac_from(const int digits[12], uint8_t ret[6])
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(digits[2 * i] << 4 | digits[2 * i + 1]);
	if ((mac[0] & 1) || memcmp(mac, zero, sizeof(mac)) == 0)
		return -EADDRNOTAVAIL;
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

int ip_mac_parse(const char *s, uint8_t ret[6])
{
	int digits[12];

	return mac_digits(s, false, digits) ? mac_from(digits, ret) : -EINVAL;
}

const char *ip_mac_format(const uint8_t mac[6], char out[IP_MAC_TEXT])
{
	(void)snprintf(out, IP_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return out;
}

bool ip_mac_pattern(const char *s, bool *ret_open)
{
	int digits[12];

	*ret_open = false;
	if (!mac_digits(s, true, digits))
		return false;
	for (int i = 0; i < 12; i++)
		*ret_open = *ret_open || digits[i] < 0;
	return true;
}

int ip_mac_fill(const char *pattern, uint64_t entropy, uint8_t ret[6])
{
	int digits[12];

	if (!mac_digits(pattern, true, digits))
		return -EINVAL;
	for (int i = 0; i < 12; i++, entropy >>= 4) {
		if (digits[i] >= 0)
			continue;
		/* the second digit has the group bit (never) and the bit of locally made addresses (as good) */
		digits[i] = (int)(i == 1 ? (entropy & 0xe) | 2 : entropy & 0xf);
	}
	return mac_from(digits, ret);
}

struct ip ip_link_local(const uint8_t mac[6])
{
	struct ip a = {.family = AF_INET6, .prefix = 64, .bytes = {0xfe, 0x80}};

	a.bytes[8] = mac[0] ^ 2;
	a.bytes[9] = mac[1];
	a.bytes[10] = mac[2];
	a.bytes[11] = 0xff;
	a.bytes[12] = 0xfe;
	memcpy(a.bytes + 13, mac + 3, 3);
	return a;
}

bool ip_is_ifname(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 15 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s == 0x7f || *s == '/' || *s == ':' || *s == '%')
			return false;
	return true;
}
