/* frames.c - raw frames as no decent program sends them, and a listener that tells which arrived. Static, runs in containers.
 *
 *     frames send DEV KIND MARK [KEY=VALUE]...    one frame; KEY: smac dmac (of the frame), src dst (IPv4 or IPv6), amac (the MAC that ARP or NDP claims), type
 *     frames listen DEV SECONDS                   prints "ready", then the mark of each frame that comes, once, until the mark "end" or the time is over
 *
 * KIND: ip4, ip6 (UDP to port 9), arp, arp-reply (src claims amac, to dst), na (advertises src as amac's, to dst), ra (router advertisement), dhcp (an answer of a
 * server), vlan and qinq (ip4 with a tag), type (ethertype type=, nothing else). The mark is in or behind the frame's own content. A sender stays on one processor: what it
 * sends arrives in order. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK "<frame "

static void die(const char *what)
{
	fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- building ---- */

struct frame {
	uint8_t data[1500];
	size_t len;
};

static void put(struct frame *f, const void *p, size_t n)
{
	memcpy(f->data + f->len, p, n);
	f->len += n;
}

static void put8(struct frame *f, unsigned v)
{
	f->data[f->len++] = (uint8_t)v;
}

static void put16(struct frame *f, unsigned v)
{
	put8(f, v >> 8 & 0xff);
	put8(f, v & 0xff);
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t)(p[i] << 8 | p[i + 1]);
	return n % 2 ? s + (uint32_t)(p[n - 1] << 8) : s;
}

static unsigned folded(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static void set16(struct frame *f, size_t at, unsigned v)
{
	f->data[at] = (uint8_t)(v >> 8);
	f->data[at + 1] = (uint8_t)v;
}

/* What one frame is about. */
struct what {
	uint8_t smac[6], dmac[6], amac[6];
	uint8_t src[16], dst[16]; /* the first four bytes of an IPv4 address */
	unsigned type;
	const char *mark;
};

static void put_mark(struct frame *f, const char *mark)
{
	put(f, MARK, strlen(MARK));
	put(f, mark, strlen(mark));
	put8(f, '>');
}

static void put_udp4(struct frame *f, const struct what *w, unsigned sport, unsigned dport, const struct frame *body)
{
	size_t ip = f->len, udp = 8 + body->len;

	put16(f, 0x4500);
	put16(f, (unsigned)(20 + udp));
	put(f, "\0\0\x40\0\x40\x11\0\0", 8);
	put(f, w->src, 4);
	put(f, w->dst, 4);
	set16(f, ip + 10, folded(sum(0, f->data + ip, 20)));
	put16(f, sport);
	put16(f, dport);
	put16(f, (unsigned)udp);
	put16(f, 0); /* no checksum: IPv4 allows it */
	put(f, body->data, body->len);
}

/* IPv6 header and payload; the checksum lies @check bytes into the payload. */
static void put_ip6(struct frame *f, const struct what *w, unsigned next, size_t check, const struct frame *body)
{
	size_t ip = f->len;
	uint32_t s;

	put(f, "\x60\0\0\0", 4);
	put16(f, (unsigned)body->len);
	put8(f, next);
	put8(f, 255);
	put(f, w->src, 16);
	put(f, w->dst, 16);
	put(f, body->data, body->len);
	s = sum((uint32_t)(body->len + next), f->data + ip + 8, 32);
	set16(f, ip + 40 + check, folded(sum(s, f->data + ip + 40, body->len)));
}

static void put_arp(struct frame *f, const struct what *w, unsigned op)
{
	put(f, "\0\1\x08\0\6\4", 6);
	put16(f, op);
	put(f, w->amac, 6);
	put(f, w->src, 4);
	put(f, w->dmac, 6);
	put(f, w->dst, 4);
}

/* The mark as an option of neighbour discovery that nobody knows: what stands behind a packet is cut off by a bridge that looks into packets. */
static void put_option(struct frame *f, const char *mark)
{
	size_t start = f->len;

	put16(f, 253 << 8);
	put_mark(f, mark);
	while ((f->len - start) % 8)
		put8(f, 0);
	f->data[start + 1] = (uint8_t)((f->len - start) / 8);
}

/* The sender becomes the link-local address of its MAC, which it may always use. */
static void link_local(struct what *w)
{
	const uint8_t *m = w->smac;
	const uint8_t address[16] = { 0xfe, 0x80, [8] = m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };

	memcpy(w->src, address, sizeof(address));
}

static void put_kind(struct frame *f, const struct what *w, const char *kind)
{
	struct frame body = { .len = 0 };
	struct what from = *w;
	bool vlan = strcmp(kind, "vlan") == 0, qinq = strcmp(kind, "qinq") == 0;

	if (vlan || qinq) {
		put16(f, qinq ? 0x88a8 : 0x8100);
		put16(f, 7);
	}
	if (vlan || qinq || strcmp(kind, "ip4") == 0) {
		put16(f, ETHERTYPE_IP);
		put_mark(&body, w->mark);
		put_udp4(f, w, 9, 9, &body);
	} else if (strcmp(kind, "dhcp") == 0) {
		put16(f, ETHERTYPE_IP);
		put(&body, "\2\1\6\0", 4);
		put_mark(&body, w->mark);
		put_udp4(f, w, 67, 68, &body);
	} else if (strcmp(kind, "ip6") == 0) {
		put16(f, ETHERTYPE_IPV6);
		put(&body, "\0\x09\0\x09\0\0\0\0", 8);
		put_mark(&body, w->mark);
		set16(&body, 4, (unsigned)body.len);
		put_ip6(f, w, 17, 6, &body);
	} else if (strcmp(kind, "na") == 0) {
		/* override flag, the target claimed, its link-layer address as an option */
		put16(f, ETHERTYPE_IPV6);
		put(&body, "\x88\0\0\0\x20\0\0\0", 8);
		put(&body, w->src, 16);
		put(&body, "\2\1", 2);
		put(&body, w->amac, 6);
		put_option(&body, w->mark);
		link_local(&from);
		put_ip6(f, &from, 58, 2, &body);
	} else if (strcmp(kind, "ra") == 0) {
		put16(f, ETHERTYPE_IPV6);
		put(&body, "\x86\0\0\0\x40\0\x07\x08\0\0\0\0\0\0\0\0", 16);
		put_option(&body, w->mark);
		link_local(&from);
		put_ip6(f, &from, 58, 2, &body);
	} else if (strcmp(kind, "arp") == 0 || strcmp(kind, "arp-reply") == 0) {
		put16(f, ETHERTYPE_ARP);
		put_arp(f, w, kind[3] ? 2 : 1);
		put_mark(f, w->mark);
	} else if (strcmp(kind, "type") == 0) {
		put16(f, w->type);
		put_mark(f, w->mark);
	} else {
		errno = EINVAL;
		die(kind);
	}
}

/* ---- sending and hearing ---- */

static void mac_of(const char *text, uint8_t out[6])
{
	unsigned b[6];

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6) {
		errno = EINVAL;
		die(text);
	}
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
}

static void address_of(const char *text, uint8_t out[16])
{
	if (inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, out) != 1) {
		errno = EINVAL;
		die(text);
	}
}

static int raw(const char *dev)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll sa = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(dev) };

	if (fd < 0)
		die("packet socket");
	if (sa.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die(dev);
	return fd;
}

static int do_send(char **argv)
{
	struct what w = { .dmac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, .mark = argv[2] };
	struct frame f = { .len = 0 };
	struct ifreq req = { 0 };
	cpu_set_t cpu;
	int fd = raw(argv[0]);

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	(void)sched_setaffinity(0, sizeof(cpu), &cpu);
	(void)snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", argv[0]);
	if (ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		die(argv[0]);
	memcpy(w.smac, req.ifr_hwaddr.sa_data, 6);
	memcpy(w.amac, req.ifr_hwaddr.sa_data, 6);
	for (char **arg = argv + 3; *arg; arg++) {
		char *value = strchr(*arg, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(*arg, "smac") == 0)
			mac_of(value, w.smac);
		else if (strcmp(*arg, "dmac") == 0)
			mac_of(value, w.dmac);
		else if (strcmp(*arg, "amac") == 0)
			mac_of(value, w.amac);
		else if (strcmp(*arg, "src") == 0)
			address_of(value, w.src);
		else if (strcmp(*arg, "dst") == 0)
			address_of(value, w.dst);
		else if (strcmp(*arg, "type") == 0)
			w.type = (unsigned)strtoul(value, NULL, 16);
	}
	put(&f, w.dmac, 6);
	put(&f, w.smac, 6);
	put_kind(&f, &w, argv[1]);
	while (f.len < 60)
		put8(&f, 0);
	if (send(fd, f.data, f.len, 0) != (ssize_t)f.len)
		die("send");
	return 0;
}

static int do_listen(char **argv)
{
	int fd = raw(argv[0]);
	time_t end = time(NULL) + (time_t)strtoul(argv[1], NULL, 10);
	static char data[65536];

	printf("ready\n");
	while (time(NULL) < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct sockaddr_ll from;
		socklen_t len = sizeof(from);
		ssize_t n;
		const char *mark, *stop;

		if (poll(&p, 1, 200) <= 0)
			continue;
		n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		mark = memmem(data, (size_t)n, MARK, strlen(MARK));
		stop = mark ? memchr(mark, '>', (size_t)(data + n - mark)) : NULL;
		if (!stop)
			continue;
		mark += strlen(MARK);
		printf("%.*s\n", (int)(stop - mark), mark);
		if (stop - mark == 3 && memcmp(mark, "end", 3) == 0)
			return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 5 && strcmp(argv[1], "send") == 0)
		return do_send(argv + 2);
	if (argc >= 4 && strcmp(argv[1], "listen") == 0)
		return do_listen(argv + 2);
	fprintf(stderr, "frames: see the head of frames.c\n");
	return 2;
}
