/* lease.c - who has which address.
 *
 * One line each, replaced by rename under the network's lock; readers need none. What is drawn depends on the owner's name only, so that a
 * container made anew under its old name comes back to its old addresses, unless somebody has them now. */
#include "network/inner.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- text ---- */

/* Cuts the last blank-separated word off @line. */
static char *last_word(char *line)
{
	char *blank = strrchr(line, ' ');

	if (!blank || !blank[1])
		return NULL;
	*blank = '\0';
	return blank + 1;
}

static int read_address(const char *word, int family, struct ip *ret)
{
	if (strcmp(word, "-") == 0) {
		*ret = (struct ip){0};
		return 0;
	}
	return ip_parse(word, ret) < 0 || ret->family != family ? -EBADMSG : 0;
}

static bool owner_is_sane(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return s[0] == '/';
}

int network_lease_parse(const char *text, size_t len, struct network_lease *ret)
{
	struct network_lease l = {{0}};
	char line[640], *ipv4, *ipv6, *mac, *nic;

	if (len >= sizeof(line) || memchr(text, '\0', len) || memchr(text, '\n', len))
		return -EBADMSG;
	memcpy(line, text, len);
	line[len] = '\0';
	/* from the end: an owner is a path and may have blanks */
	ipv6 = last_word(line);
	ipv4 = ipv6 ? last_word(line) : NULL;
	mac = ipv4 ? last_word(line) : NULL;
	nic = mac ? last_word(line) : NULL;
	if (!nic || strlen(line) >= sizeof(l.owner) || !owner_is_sane(line) || !ip_is_ifname(nic))
		return -EBADMSG;
	if (ip_mac_parse(mac, l.mac) < 0 || read_address(ipv4, AF_INET, &l.ipv4) < 0 || read_address(ipv6, AF_INET6, &l.ipv6) < 0)
		return -EBADMSG;
	(void)snprintf(l.owner, sizeof(l.owner), "%s", line);
	(void)snprintf(l.nic, sizeof(l.nic), "%s", nic);
	*ret = l;
	return 0;
}

void network_lease_format(const struct network_lease *l, struct buf *out)
{
	char mac[IP_MAC_TEXT], ipv4[IP_TEXT], ipv6[IP_TEXT];

	buf_printf(out, "%s %s %s %s %s\n", l->owner, l->nic, ip_mac_format(l->mac, mac),
		   l->ipv4.family ? ip_format_prefix(&l->ipv4, ipv4) : "-", l->ipv6.family ? ip_format_prefix(&l->ipv6, ipv6) : "-");
}

/* ---- the file ---- */

static int parse_all(const struct buf *text, struct arena *a, struct network_lease **ret, size_t *ret_count)
{
	struct network_lease *list = NULL, one;
	size_t count = 0;

	for (const char *p = buf_str(text); *p;) {
		size_t len = strcspn(p, "\n");

		/* a line that cannot be read is nobody's: it is kept out, and gone with the next change */
		if (len && network_lease_parse(p, len, &one) == 0) {
			struct network_lease *slot = arena_push(a, &list, &count, sizeof(*list));

			if (!slot)
				return -ENOMEM;
			*slot = one;
		}
		p += len + (p[len] == '\n');
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

static int read_leases(int dir, const char *name, struct arena *a, struct network_lease **ret, size_t *ret_count, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = network_read_text(dir, "leases", NETWORK_LEASES_MAX, &text);

	if (r == 0)
		r = parse_all(&text, a, ret, ret_count);
	return r < 0 ? err_sys(e, r, "read the leases of network '%s'", name) : 0;
}

static int write_leases(int dir, const char *name, const struct network_lease *list, size_t count, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r;

	for (size_t i = 0; i < count; i++)
		if (list[i].owner[0]) /* else: dropped */
			network_lease_format(&list[i], &text);
	r = buf_failed(&text) ? -ENOMEM : path_replace_file(dir, "leases", buf_str(&text), text.len, 0600);
	return r < 0 ? err_sys(e, r, "write the leases of network '%s'", name) : 0;
}

int network_leases(const struct networks *n, const char *name, struct arena *a, struct network_lease **ret, size_t *ret_count,
		   struct err *e)
{
	autoclose int dir = network_dir(n, name);

	if (dir < 0)
		return dir == -ENOENT ? err_set(e, ERR_MISSING, ENOENT, "there is no network '%.40s'", name)
				      : err_sys(e, dir, "open network '%s'", name);
	return read_leases(dir, name, a, ret, ret_count, e);
}

/* ---- drawing ---- */

struct book {
	struct network_lease *list;
	size_t count;
	size_t self; /* index of the lease that is being made; its own values are no obstacle */
};

static const struct network_lease *who_has(const struct book *b, const struct ip *a)
{
	for (size_t i = 0; i < b->count; i++)
		if (i != b->self && (ip_equal(&b->list[i].ipv4, a) || ip_equal(&b->list[i].ipv6, a)))
			return &b->list[i];
	return NULL;
}

static const struct network_lease *who_has_mac(const struct book *b, const uint8_t mac[6])
{
	for (size_t i = 0; i < b->count; i++)
		if (i != b->self && memcmp(b->list[i].mac, mac, 6) == 0)
			return &b->list[i];
	return NULL;
}

static int taken_by(struct err *e, const char *what, const struct network_lease *l)
{
	const char *name = strrchr(l->owner, '/') + 1;

	return err_set(e, ERR_EXISTS, EADDRINUSE, "%s belongs to '%s' (%s)", what, name, l->nic);
}

static int fixed(const struct book *b, const struct ip *gateway, const char *network, const struct ip *want, struct ip *ret, struct err *e)
{
	struct ip a = *want;
	const struct network_lease *other;
	char text[IP_TEXT], net[IP_TEXT];
	struct ip prefix;

	(void)ip_format(&a, text);
	if (!gateway->family)
		return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "%s: network '%s' has no addresses of this family", text, network);
	prefix = ip_network(gateway);
	if (!ip_within(&a, gateway))
		return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "%s is outside of network '%s', which is %s", text, network,
			       ip_format_prefix(&prefix, net));
	a.prefix = gateway->prefix;
	if (!ip_is_host(&a) || (a.family == AF_INET6 && ip_equal(&a, &prefix)))
		return err_set(e, ERR_INPUT, EADDRNOTAVAIL, "%s is not an address a host can have in network '%s'", text, network);
	if (ip_equal(&a, gateway))
		return err_set(e, ERR_EXISTS, EADDRINUSE, "%s is the gateway of network '%s'", text, network);
	other = who_has(b, &a);
	if (other)
		return taken_by(e, text, other);
	*ret = a;
	return 0;
}

/* Indexes of one family that are taken, sorted: one look at each lease instead of one at each address. */
static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int drawn(const struct book *b, const struct ip *gateway, const char *network, uint64_t h, struct ip *ret, struct err *e)
{
	autofree uint64_t *taken = calloc(b->count + 2, sizeof(*taken));
	unsigned bits = 8 * ip_length(gateway) - gateway->prefix;
	/* 32 bits of an IPv6 network are plenty, and such an address can be read out */
	uint64_t hosts = bits >= 32 ? (uint64_t)1 << 32 : (uint64_t)1 << bits, first = 1, room, at;
	size_t count = 0;
	struct ip net = ip_network(gateway);
	char text[IP_TEXT];

	if (!taken)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	room = hosts - first - (gateway->family == AF_INET); /* neither the network's own nor broadcast */
	taken[count++] = ip_index(gateway, &net);
	for (size_t i = 0; i < b->count; i++) {
		const struct ip *a = gateway->family == AF_INET ? &b->list[i].ipv4 : &b->list[i].ipv6;

		if (i != b->self && a->family && ip_within(a, gateway))
			taken[count++] = ip_index(a, &net);
	}
	qsort(taken, count, sizeof(*taken), by_number);
	at = first + h % room;
	for (uint64_t tries = 0; tries < room && tries <= count; tries++) {
		if (!bsearch(&at, taken, count, sizeof(*taken), by_number)) {
			*ret = ip_nth(&net, at);
			ret->prefix = gateway->prefix;
			return 0;
		}
		at = at + 1 < first + room ? at + 1 : first;
	}
	return err_set(e, ERR_SYSTEM, ENOSPC, "network '%s' is full: no address is left in %s", network, ip_format_prefix(&net, text));
}

static int draw_mac(const struct book *b, const char *owner, const char *nic, uint8_t ret[6])
{
	for (unsigned i = 0; i < 1000; i++) {
		char salt[32];
		uint64_t h;
		uint8_t mac[6] = {0x00, 0x16, 0x3e};

		(void)snprintf(salt, sizeof(salt), "%s mac%u", nic, i);
		h = network_hash(owner, salt);
		for (int k = 3; k < 6; k++)
			mac[k] = (uint8_t)(h >> (8 * k));
		if (!who_has_mac(b, mac)) {
			memcpy(ret, mac, 6);
			return 0;
		}
	}
	return -ENOSPC;
}

struct wish {
	const struct ip *ipv4, *ipv6;
	const uint8_t *mac;
};

static int fill_address(const struct book *b, const struct network *net, const struct ip *gateway, const struct ip *want, uint64_t h,
			struct ip *io, struct err *e)
{
	if (want && want->family)
		return fixed(b, gateway, net->name, want, io, e);
	if (!gateway->family) {
		*io = (struct ip){0};
		return 0;
	}
	/* what it has stays, as long as it lies in the network as it is now */
	if (io->family && ip_within(io, gateway) && !ip_equal(io, gateway) && !who_has(b, io)) {
		io->prefix = gateway->prefix;
		return 0;
	}
	return drawn(b, gateway, net->name, h, io, e);
}

static int fill(const struct book *b, const struct network *net, const struct wish *w, struct network_lease *l, struct err *e)
{
	static const uint8_t none[6];
	char mac[IP_MAC_TEXT];
	int r = fill_address(b, net, &net->ipv4, w->ipv4, network_hash(l->owner, l->nic), &l->ipv4, e);

	if (r == 0)
		r = fill_address(b, net, &net->ipv6, w->ipv6, network_hash(l->owner, l->nic), &l->ipv6, e);
	if (r < 0)
		return r;
	if (w->mac) {
		const struct network_lease *other = who_has_mac(b, w->mac);

		if (other)
			return taken_by(e, ip_mac_format(w->mac, mac), other);
		memcpy(l->mac, w->mac, 6);
	} else if (memcmp(l->mac, none, 6) == 0 && draw_mac(b, l->owner, l->nic, l->mac) < 0) {
		return err_set(e, ERR_SYSTEM, ENOSPC, "network '%s' is full: no hardware address is left", net->name);
	}
	return 0;
}

static bool same(const struct network_lease *a, const struct network_lease *b)
{
	return memcmp(a->mac, b->mac, 6) == 0 && a->ipv4.family == b->ipv4.family && a->ipv6.family == b->ipv6.family &&
	       (!a->ipv4.family || (ip_equal(&a->ipv4, &b->ipv4) && a->ipv4.prefix == b->ipv4.prefix)) &&
	       (!a->ipv6.family || (ip_equal(&a->ipv6, &b->ipv6) && a->ipv6.prefix == b->ipv6.prefix));
}

/* Finds or makes the line of @owner and @nic and fills it. 1: nothing had to change. */
static int find_or_draw(struct book *b, struct arena *a, const struct network *net, const char *owner, const char *nic,
			const struct wish *w, struct err *e)
{
	struct network_lease l = {{0}};
	int r;

	for (b->self = 0; b->self < b->count; b->self++)
		if (strcmp(b->list[b->self].owner, owner) == 0 && strcmp(b->list[b->self].nic, nic) == 0)
			break;
	if (b->self < b->count) {
		l = b->list[b->self];
	} else {
		(void)snprintf(l.owner, sizeof(l.owner), "%s", owner);
		(void)snprintf(l.nic, sizeof(l.nic), "%s", nic);
	}
	r = fill(b, net, w, &l, e);
	if (r < 0)
		return r;
	if (b->self < b->count && same(&b->list[b->self], &l))
		return 1;
	if (b->self == b->count && !arena_push(a, &b->list, &b->count, sizeof(*b->list)))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	b->list[b->self] = l;
	return 0;
}

static int check_owner(const char *owner, const char *nic, struct err *e)
{
	if (strlen(owner) < sizeof(((struct network_lease *)0)->owner) && owner_is_sane(owner) && ip_is_ifname(nic))
		return 0;
	return err_set(e, ERR_INTERNAL, EINVAL, "'%.80s' %s cannot have an address", owner, nic);
}

int network_lease_look(const struct networks *n, const struct network *net, const char *owner, const char *nic, const struct ip *want4, const struct ip *want6, const uint8_t *mac,
		       struct network_lease *ret, struct err *e)
{
	const struct wish w = {want4, want6, mac};
	autodone(arena_done) struct arena a = ARENA_INIT;
	autoclose int dir = network_dir(n, net->name);
	struct book b = {0};
	int r = check_owner(owner, nic, e);

	if (r == 0 && dir >= 0)
		r = read_leases(dir, net->name, &a, &b.list, &b.count, e);
	if (r == 0)
		r = find_or_draw(&b, &a, net, owner, nic, &w, e);
	if (r < 0)
		return r;
	*ret = b.list[b.self];
	return 0;
}

int network_lease(const struct networks *n, const struct network *net, const char *owner, const char *nic, const struct ip *want4,
		  const struct ip *want6, const uint8_t *mac, struct network_lease *ret, struct err *e)
{
	struct wish w = {want4, want6, mac};
	autodone(arena_done) struct arena a = ARENA_INIT;
	autoclose int dir = network_dir(n, net->name);
	autoclose int lock = FD_NONE;
	struct book b = {0};
	int r;

	r = check_owner(owner, nic, e);
	if (r < 0)
		return r;
	if (dir < 0)
		return err_set(e, ERR_MISSING, ENOENT, "there is no network '%s'", net->name);
	r = read_leases(dir, net->name, &a, &b.list, &b.count, e);
	if (r == 0)
		r = find_or_draw(&b, &a, net, owner, nic, &w, e);
	if (r == 0) { /* something has to be written: once more, with nobody else at it */
		b = (struct book){0};
		lock = network_lock(dir, net->name, e);
		if (lock < 0)
			return lock == -ESTALE ? err_set(e, ERR_MISSING, ENOENT, "there is no network '%s'", net->name) : lock;
		r = read_leases(dir, net->name, &a, &b.list, &b.count, e);
		if (r == 0)
			r = find_or_draw(&b, &a, net, owner, nic, &w, e);
		if (r == 0)
			r = write_leases(dir, net->name, b.list, b.count, e);
	}
	if (r < 0)
		return r;
	*ret = b.list[b.self];
	return 0;
}

/* ---- giving back ---- */

static size_t drop(struct network_lease *list, size_t count, const char *owner, const char *nic)
{
	size_t dropped = 0;

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].owner, owner) == 0 && (!nic || strcmp(list[i].nic, nic) == 0)) {
			list[i].owner[0] = '\0';
			dropped++;
		}
	return dropped;
}

int network_release_nic(const struct networks *n, const char *name, const char *owner, const char *nic, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	autoclose int dir = network_dir(n, name);
	autoclose int lock = FD_NONE;
	struct network_lease *list = NULL;
	size_t count = 0;
	int r;

	if (dir < 0)
		return 0; /* with its network */
	r = read_leases(dir, name, &a, &list, &count, e);
	if (r < 0 || !drop(list, count, owner, nic))
		return r;
	lock = network_lock(dir, name, e);
	if (lock < 0)
		return lock == -ESTALE ? 0 : lock;
	r = read_leases(dir, name, &a, &list, &count, e);
	return r < 0 || !drop(list, count, owner, nic) ? r : write_leases(dir, name, list, count, e);
}

int network_release(const struct networks *n, const char *owner, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network *list = NULL;
	size_t count = 0;
	int r = network_list(n, &a, &list, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = network_release_nic(n, list[i].name, owner, NULL, e);
	return r;
}
