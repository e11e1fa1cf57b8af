/* elements.c - set elements as the kernel's nf_tables takes them. */
#include "net/elements.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "coppice"
#define PER_MESSAGE 128 /* elements; a nested attribute's length has 16 bits */
#define VALUE_MAX 40

/* A key or a value: at most address . protocol . port, or name . address. */
struct value {
	uint8_t bytes[VALUE_MAX];
	size_t len;
};

static void put(struct value *v, const void *bytes, size_t len)
{
	memcpy(v->bytes + v->len, bytes, len);
	v->len += (len + 3) & ~(size_t)3;
}

static void put_port(struct value *v, uint16_t port)
{
	port = htons(port);
	put(v, &port, sizeof(port));
}

static void put_device(struct value *v, const char *device)
{
	memcpy(v->bytes + v->len, device, strnlen(device, 15));
	v->len += 16;
}

static void begin(struct nl *nft)
{
	struct nfgenmsg *g = nl_add(nft, NFNL_MSG_BATCH_BEGIN, 0, sizeof(*g), "change the ruleset");

	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

static void end(struct nl *nft)
{
	struct nfgenmsg *g = nl_add(nft, NFNL_MSG_BATCH_END, 0, sizeof(*g), "change the ruleset");

	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

/* Opens a message about elements of @set; returns the list to put them into. */
static struct nlattr *list(struct nl *nft, uint16_t verb, uint16_t flags, uint8_t family, const char *set, const char *what)
{
	struct nfgenmsg *g = nl_add(nft, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | verb), flags, sizeof(*g), "%s", what);

	g->nfgen_family = family;
	mnl_attr_put_strz(nft->last, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(nft->last, NFTA_SET_ELEM_LIST_SET, set);
	return verb == NFT_MSG_GETSETELEM && (flags & NLM_F_DUMP) == NLM_F_DUMP ? NULL : mnl_attr_nest_start(nft->last, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void put_value(struct nl *nft, uint16_t type, const struct value *v)
{
	struct nlattr *outer = mnl_attr_nest_start(nft->last, type);

	mnl_attr_put(nft->last, NFTA_DATA_VALUE, v->len, v->bytes);
	mnl_attr_nest_end(nft->last, outer);
}

static void element(struct nl *nft, const struct value *key, const struct value *data)
{
	struct nlattr *one = mnl_attr_nest_start(nft->last, NFTA_LIST_ELEM);

	put_value(nft, NFTA_SET_ELEM_KEY, key);
	if (data)
		put_value(nft, NFTA_SET_ELEM_DATA, data);
	mnl_attr_nest_end(nft->last, one);
}

/* A missing table or set has one meaning and one cure. */
static int gone(int r, struct err *e)
{
	uint32_t step = e ? e->step : 0;

	if (r != -ENOENT)
		return r;
	(void)err_set(e, ERR_MISSING, ENOENT, "the ruleset of the managed networks is gone from nftables (tables inet and bridge '" TABLE "')");
	if (e)
		e->step = step;
	return -ENOENT;
}

/* ---- what is there already ---- */

/* Elements of a set that meet a condition. */
struct found {
	struct buf keys; /* struct value each */
	const struct value *want; /* the key begins with it (guard), or the data does (target) */
	bool by_data;
	bool keep_data; /* @keys gets the data instead */
};

static void read_value(const struct nlattr *outer, struct value *out)
{
	const struct nlattr *a;

	nl_each_in(a, outer) {
		size_t n = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) != NFTA_DATA_VALUE || n > VALUE_MAX)
			continue;
		memcpy(out->bytes, mnl_attr_get_payload(a), n);
		out->len = n;
	}
}

static void look_at(const struct nlattr *one, struct found *f)
{
	struct value key = {0}, data = {0};
	const struct value *seen = f->by_data ? &data : &key;
	const struct nlattr *a;

	nl_each_in(a, one) {
		if (mnl_attr_get_type(a) == NFTA_SET_ELEM_KEY)
			read_value(a, &key);
		else if (mnl_attr_get_type(a) == NFTA_SET_ELEM_DATA)
			read_value(a, &data);
	}
	if (key.len && seen->len >= f->want->len && memcmp(seen->bytes, f->want->bytes, f->want->len) == 0)
		buf_add(&f->keys, f->keep_data ? &data : &key, sizeof(key));
}

static int take_elements(const struct nlmsghdr *h, void *user)
{
	struct found *f = user;
	const struct nlattr *a, *one;

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return 0;
	nl_each(a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		nl_each_in(one, a)
			look_at(one, f);
	}
	return buf_failed(&f->keys) ? -ENOMEM : 0;
}

/* Removes what meets the condition. Somebody else may remove the same at the same time: then it is gone as well. */
static int purge(struct nl *nft, uint8_t family, const char *set, const struct value *want, bool by_data, struct err *e)
{
	struct found f = {.keys = BUF_INIT, .want = want, .by_data = by_data};
	size_t count;
	int r;

	(void)list(nft, NFT_MSG_GETSETELEM, NLM_F_DUMP, family, set, "look at the ruleset");
	r = nl_send(nft, take_elements, &f, e);
	count = f.keys.len / sizeof(struct value);
	for (size_t at = 0; r == 0 && at < count; at += PER_MESSAGE) {
		struct nlattr *elements;

		begin(nft);
		elements = list(nft, NFT_MSG_DELSETELEM, 0, family, set, "remove old elements from the ruleset");
		for (size_t i = at; i < count && i < at + PER_MESSAGE; i++)
			element(nft, &((const struct value *)f.keys.data)[i], NULL);
		mnl_attr_nest_end(nft->last, elements);
		end(nft);
		r = nl_send(nft, NULL, NULL, e);
		if (r == -ENOENT)
			r = 0;
	}
	buf_done(&f.keys);
	return r;
}

/* ---- guards ---- */

static const char *const guard_sets[] = {"guarded", "macs", "ips4", "ips6", "ips6"}; /* the last: its link-local address */

/* The element of @g in each of guard_sets; length 0 = none. */
static void guard_keys(const struct elements_guard *g, struct value keys[ARRAY_LEN(guard_sets)])
{
	for (size_t i = 0; i < ARRAY_LEN(guard_sets); i++) {
		keys[i] = (struct value){0};
		put_device(&keys[i], g->device);
	}
	put(&keys[1], g->mac, sizeof(g->mac));
	if (g->ipv4.family)
		put(&keys[2], g->ipv4.bytes, 4);
	else
		keys[2].len = 0;
	if (g->ipv6.family)
		put(&keys[3], g->ipv6.bytes, 16);
	else
		keys[3].len = 0;
	put(&keys[4], ip_link_local(g->mac).bytes, 16);
}

static void put_guard(struct nl *nft, const struct elements_guard *g, uint16_t verb, uint16_t first_flags, uint16_t flags)
{
	struct value keys[ARRAY_LEN(guard_sets)];

	guard_keys(g, keys);
	for (size_t i = 0; i < ARRAY_LEN(guard_sets); i++) {
		struct nlattr *elements;

		if (!keys[i].len)
			continue;
		elements = list(nft, verb, i == 0 ? first_flags : flags, NFPROTO_BRIDGE, guard_sets[i], "guard the addresses");
		element(nft, &keys[i], NULL);
		mnl_attr_nest_end(nft->last, elements);
	}
}

static int guard_add(struct nl *nft, const struct elements_guard *g, struct err *e)
{
	begin(nft);
	/* the first tells whether somebody was here: everything else of this name is as old */
	put_guard(nft, g, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE);
	end(nft);
	return nl_send(nft, NULL, NULL, e);
}

/* Adding what is there does nothing: so "add, remove" in one transaction succeeds whether it was there or not. */
int elements_guard_drop(struct nl *nft, const struct elements_guard *g, struct err *e)
{
	int r;

	begin(nft);
	put_guard(nft, g, NFT_MSG_NEWSETELEM, NLM_F_CREATE, NLM_F_CREATE);
	put_guard(nft, g, NFT_MSG_DELSETELEM, 0, 0);
	end(nft);
	r = nl_send(nft, NULL, NULL, e);
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		err_clear(e);
	return r;
}

/* Removes everything about @device. */
static int forget_device(struct nl *nft, const char *device, struct err *e)
{
	struct value want = {0};
	int r = 0;

	put_device(&want, device);
	for (size_t i = ARRAY_LEN(guard_sets); i-- > 0 && r == 0;)
		r = purge(nft, NFPROTO_BRIDGE, guard_sets[i], &want, false, e);
	return r;
}

int elements_guard(struct nl *nft, const struct elements_guard *g, struct err *e)
{
	int r = guard_add(nft, g, e);

	if (r == -EEXIST) {
		r = forget_device(nft, g->device, e);
		if (r == 0)
			r = guard_add(nft, g, e);
	}
	return gone(r, e);
}

/* ---- published ports ---- */

static const char *map_of(const struct elements_port *p)
{
	if (p->target.family == AF_INET)
		return p->bind.family ? "publish4_at" : "publish4";
	return p->bind.family ? "publish6_at" : "publish6";
}

static void port_element(const struct elements_port *p, unsigned i, struct value *key, struct value *data)
{
	*key = *data = (struct value){0};
	if (p->bind.family)
		put(key, p->bind.bytes, ip_length(&p->bind));
	put(key, &p->protocol, 1);
	put_port(key, (uint16_t)(p->host + i));
	put(data, p->target.bytes, ip_length(&p->target));
	put_port(data, (uint16_t)(p->to + i));
}

/* "127.0.0.1:8080-8090/tcp" */
static const char *describe(const struct elements_port *p, unsigned from, unsigned count, char out[128])
{
	char text[IP_TEXT], last[8] = "";
	bool six = p->bind.family == AF_INET6;

	if (count > 1)
		(void)snprintf(last, sizeof(last), "-%u", p->host + from + count - 1);
	(void)snprintf(out, 128, "%s%s%s%u%s/%s", six ? "[" : "", ip_format(&p->bind, text), six ? "]:" : p->bind.family ? ":" : "", p->host + from, last,
		       p->protocol == IPPROTO_UDP ? "udp" : "tcp");
	return out;
}

/* Queues elements [from, to) of @p in messages of @verb. */
static void put_ports(struct nl *nft, const struct elements_port *p, uint16_t verb, unsigned from, unsigned to, const char *what)
{
	for (unsigned at = from; at < to; at += PER_MESSAGE) {
		struct nlattr *elements = list(nft, verb, verb == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, NFPROTO_INET, map_of(p), what);

		for (unsigned i = at; i < to && i < at + PER_MESSAGE; i++) {
			struct value key, data;

			port_element(p, i, &key, &data);
			element(nft, &key, verb == NFT_MSG_NEWSETELEM ? &data : NULL);
		}
		mnl_attr_nest_end(nft->last, elements);
	}
}

/* Where the first port leads that does not lead where @p wants it. */
static int told_busy(struct nl *nft, const struct elements_port *p, struct err *e)
{
	uint32_t step = e ? e->step : 0;
	char text[128], to[IP_TEXT];
	int r = 0;

	for (unsigned i = 0; i < p->count && r == 0; i++) {
		struct value key, data, none = {0};
		struct found f = {.keys = BUF_INIT, .want = &none};
		struct nlattr *elements;
		struct ip there = {.family = p->target.family};

		port_element(p, i, &key, &data);
		elements = list(nft, NFT_MSG_GETSETELEM, 0, NFPROTO_INET, map_of(p), "look at the ruleset");
		element(nft, &key, NULL);
		mnl_attr_nest_end(nft->last, elements);
		f.keep_data = true;
		if (nl_send(nft, take_elements, &f, NULL) == 0 && f.keys.len == sizeof(key) && memcmp(f.keys.data, &data, sizeof(data)) != 0) {
			const struct value *got = (const struct value *)f.keys.data;
			uint16_t port;

			memcpy(there.bytes, got->bytes, ip_length(&there));
			memcpy(&port, got->bytes + ip_length(&there), sizeof(port));
			r = err_set(e, ERR_BUSY, EADDRINUSE, "port %s is published already, to %s port %u", describe(p, i, 1, text), ip_format(&there, to), ntohs(port));
		}
		buf_done(&f.keys);
	}
	if (r == 0)
		r = err_set(e, ERR_BUSY, EADDRINUSE, "port %s is published already", describe(p, 0, p->count, text));
	(void)err_hint(e, "coppice port list");
	if (e)
		e->step = step;
	return r;
}

int elements_port(struct nl *nft, const struct elements_port *p, struct err *e)
{
	char text[128], what[160];
	int r;

	(void)snprintf(what, sizeof(what), "publish port %s", describe(p, 0, p->count, text));
	begin(nft);
	put_ports(nft, p, NFT_MSG_NEWSETELEM, 0, p->count, what);
	end(nft);
	r = nl_send(nft, NULL, NULL, e);
	/* another value for the same key: EBUSY before Linux 5.7 */
	return r == -EBUSY || r == -EEXIST ? told_busy(nft, p, e) : gone(r, e);
}

/* Adding an element that is there with this very value does nothing, with another value it fails: so "add, remove" in one transaction removes ours and nobody else's, and one that
 * is gone already is no failure. */
static int port_drop(struct nl *nft, const struct elements_port *p, unsigned from, unsigned to, struct err *e)
{
	begin(nft);
	put_ports(nft, p, NFT_MSG_NEWSETELEM, from, to, "withdraw a published port");
	put_ports(nft, p, NFT_MSG_DELSETELEM, from, to, "withdraw a published port");
	end(nft);
	return nl_send(nft, NULL, NULL, e);
}

int elements_port_drop(struct nl *nft, const struct elements_port *p, struct err *e)
{
	int r = port_drop(nft, p, 0, p->count, e);

	if (r == -EBUSY || r == -EEXIST) {
		r = 0;
		for (unsigned i = 0; i < p->count && r == 0; i++) {
			r = port_drop(nft, p, i, i + 1, e);
			if (r == -EBUSY || r == -EEXIST)
				r = 0;
		}
	}
	if (r == -ENOENT)
		r = 0;
	if (r == 0)
		err_clear(e);
	return r;
}

int elements_target_drop(struct nl *nft, const struct ip *target, struct err *e)
{
	static const char *const maps[2][2] = {{"publish4", "publish4_at"}, {"publish6", "publish6_at"}};
	struct value want = {0};
	int r = 0;

	put(&want, target->bytes, ip_length(target));
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = purge(nft, NFPROTO_INET, maps[target->family == AF_INET6][i], &want, true, e);
	return gone(r, e);
}
