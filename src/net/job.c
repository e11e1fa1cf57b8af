/* job.c - reads a plan's network steps, checks every argument again, and goes through them; takes back what it did when one fails. */
#include "net/job.h"

#include "base/clock.h"
#include "base/fd.h"
#include "net/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#define JOB_MS 60000
#define MTU_MIN 68u
#define MTU_MAX 65535u

/* ---- reading ---- */

static int bad(struct err *e, uint32_t step, const char *what, const char *value)
{
	(void)err_set(e, ERR_INPUT, EINVAL, "%s '%s' is malformed", what, value ?: "");
	if (e)
		e->step = step;
	return -EINVAL;
}

static int too_many(struct err *e, uint32_t step, const char *what, unsigned most)
{
	(void)err_set(e, ERR_INPUT, E2BIG, "more than %u %s for one interface", most, what);
	if (e)
		e->step = step;
	return -E2BIG;
}

static int not_for(struct err *e, uint32_t step, const char *what, const struct nic *n)
{
	(void)err_set(e, ERR_INPUT, EINVAL, "%s needs an interface of type veth, '%s' is none", what, n->name);
	if (e)
		e->step = step;
	return -EINVAL;
}

static int read_mtu(uint64_t n, uint32_t step, uint32_t *ret, struct err *e)
{
	if (n && (n < MTU_MIN || n > MTU_MAX)) {
		(void)err_set(e, ERR_INPUT, EINVAL, "an MTU of %llu is not between %u and %u", (unsigned long long)n, MTU_MIN, MTU_MAX);
		if (e)
			e->step = step;
		return -EINVAL;
	}
	*ret = (uint32_t)n;
	return 0;
}

/* An address of @family (0 = any) or nothing. */
static int read_ip(const char *text, uint8_t family, uint32_t step, struct ip *ret, struct err *e)
{
	struct ip a = {0};

	if (text && *text && (ip_parse(text, &a) < 0 || (family && a.family != family)))
		return bad(e, step, "address", text);
	*ret = a;
	return 0;
}

static int read_bridge(struct job *j, const struct step *st, uint32_t step, struct err *e)
{
	struct bridge *b = arena_push(&j->arena, &j->bridges, &j->bridge_count, sizeof(*b));
	const char *mac = st->text[3];
	int r;

	if (!b)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*b = (struct bridge){.step = step, .name = st->text[0], .flags = (uint32_t)st->number[1]};
	if (!b->name || !ip_is_ifname(b->name))
		return bad(e, step, "bridge name", b->name);
	if (mac && *mac && ip_mac_parse(mac, b->mac) < 0)
		return bad(e, step, "hardware address", mac);
	b->has_mac = mac && *mac;
	r = read_ip(st->text[1], AF_INET, step, &b->ipv4, e);
	if (r == 0)
		r = read_ip(st->text[2], AF_INET6, step, &b->ipv6, e);
	return r < 0 ? r : read_mtu(st->number[0], step, &b->mtu, e);
}

static int read_nic(struct job *j, const struct step *st, uint32_t step, struct err *e)
{
	static const char *const types[SPEC_NIC_TYPE_COUNT] = {
		[SPEC_NIC_VETH] = "veth", [SPEC_NIC_MACVLAN] = "macvlan", [SPEC_NIC_IPVLAN] = "ipvlan", [SPEC_NIC_VLAN] = "vlan", [SPEC_NIC_PHYS] = "phys"};
	struct nic *n = arena_push(&j->arena, &j->nics, &j->nic_count, sizeof(*n));
	size_t type = 0;

	if (!n)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	while (type < ARRAY_LEN(types) && !(st->text[0] && strcmp(types[type], st->text[0]) == 0))
		type++;
	if (type == ARRAY_LEN(types))
		return bad(e, step, "interface type", st->text[0]);
	*n = (struct nic){.step = step, .type = (enum spec_nic_type)type, .name = st->text[1], .link = st->text[2], .peer = st->text[3],
			  .flags = (uint32_t)st->number[2], .mode = st->number[3]};
	if (n->link && !*n->link)
		n->link = NULL;
	if (!n->name || !ip_is_ifname(n->name))
		return bad(e, step, "interface name", n->name);
	if (n->link ? !ip_is_ifname(n->link) : n->type != SPEC_NIC_VETH)
		return bad(e, step, "link", n->link);
	if (n->type != SPEC_NIC_VETH)
		n->peer = NULL;
	else if (!n->peer || !ip_is_ifname(n->peer))
		return bad(e, step, "interface name", n->peer);
	if ((n->type == SPEC_NIC_MACVLAN && n->mode >= SPEC_MACVLAN_COUNT) || (n->type == SPEC_NIC_VLAN && (n->mode < 1 || n->mode > 4094)) ||
	    (n->type == SPEC_NIC_IPVLAN && ((n->mode & 0xff) >= SPEC_IPVLAN_COUNT || n->mode >> 8 >= SPEC_IPVLAN_ISOLATION_COUNT)))
		return bad(e, step, "mode or tag of interface", n->name);
	return read_mtu(st->number[1], step, &n->mtu, e);
}

static int read_hw(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	const char *mac = st->text[0];

	n->hw_step = step;
	if (mac && *mac && ip_mac_parse(mac, n->mac) < 0)
		return bad(e, step, "hardware address", mac);
	n->has_mac = mac && *mac;
	if (st->number[0] > 4096 || st->number[1] > 4096)
		return bad(e, step, "number of queues of", n->name);
	n->rx = (uint32_t)st->number[0];
	n->tx = (uint32_t)st->number[1];
	return 0;
}

static int read_vlan(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	uint64_t id = st->number[0];

	n->vlan_step = step;
	if (n->type != SPEC_NIC_VETH || !n->link || (n->flags & PLAN_NIC_ROUTER))
		return not_for(e, step, "a VLAN of a bridge's port", n);
	if (id > 4094 || (st->number[1] && id == 0))
		return bad(e, step, "VLAN of", n->name);
	if (!st->number[1]) {
		n->untagged = true;
		n->pvid = (uint16_t)id;
		return 0;
	}
	if (n->tagged_count == JOB_TAGS)
		return too_many(e, step, "tagged VLANs", JOB_TAGS);
	n->tagged[n->tagged_count++] = (uint16_t)id;
	return 0;
}

static int read_address(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	struct nic_address *a = &n->addresses[n->address_count];

	if (n->address_count == JOB_ADDRESSES)
		return too_many(e, step, "addresses", JOB_ADDRESSES);
	a->step = step;
	if (!st->text[0] || ip_parse(st->text[0], &a->ip) < 0 || !ip_is_host(&a->ip))
		return bad(e, step, "address", st->text[0]);
	n->address_count++;
	if (!st->text[1] || !*st->text[1])
		return 0;
	return a->ip.family == AF_INET ? read_ip(st->text[1], AF_INET, step, &a->broadcast, e) : bad(e, step, "broadcast address", st->text[1]);
}

static int read_route(struct nic *n, struct nic_route *list, size_t *count, const struct step *st, uint32_t step, struct err *e)
{
	struct nic_route *t = &list[*count];
	const char *via = list == n->routes ? st->text[1] : NULL;

	if (*count == JOB_ROUTES)
		return too_many(e, step, "routes", JOB_ROUTES);
	*t = (struct nic_route){.step = step};
	if (!st->text[0] || ip_parse(st->text[0], &t->to) < 0)
		return bad(e, step, "route to", st->text[0]);
	if (via && *via && strcmp(via, "dev") != 0 && (ip_parse(via, &t->via) < 0 || t->via.family != t->to.family))
		return bad(e, step, "gateway", via);
	t->via.prefix = t->via.family ? (uint8_t)(ip_length(&t->via) * 8) : 0;
	++*count;
	return 0;
}

static int read_guard(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	int r;

	if (n->type != SPEC_NIC_VETH)
		return not_for(e, step, "a guard of addresses", n);
	n->guarded = true;
	n->guard_step = step;
	n->guard.device = n->peer;
	if (!st->text[0] || ip_mac_parse(st->text[0], n->guard.mac) < 0)
		return bad(e, step, "hardware address", st->text[0]);
	r = read_ip(st->text[1], AF_INET, step, &n->guard.ipv4, e);
	return r < 0 ? r : read_ip(st->text[2], AF_INET6, step, &n->guard.ipv6, e);
}

static int read_script(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	n->script_step = step;
	n->script_up = st->text[0];
	n->script_down = st->text[1];
	n->script_env = st->number[0] == 1;
	n->container = st->text[2];
	n->script_type = st->text[3];
	return n->container && n->script_type ? 0 : bad(e, step, "script of", n->name);
}

static int read_rate(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	if (n->type != SPEC_NIC_VETH)
		return not_for(e, step, "a rate limit", n);
	n->rate_step = step;
	n->rate_in = st->number[0];
	n->rate_out = st->number[1];
	return 0;
}

static int read_port(struct job *j, const struct step *st, uint32_t step, struct err *e)
{
	struct port *p = arena_push(&j->arena, &j->ports, &j->port_count, sizeof(*p));
	const char *protocol = st->text[2] ?: "";
	int r;

	if (!p)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*p = (struct port){.step = step};
	r = read_ip(st->text[1], 0, step, &p->port.target, e);
	if (r == 0)
		r = read_ip(st->text[0], p->port.target.family, step, &p->port.bind, e);
	if (r < 0)
		return r;
	p->port.protocol = strcmp(protocol, "tcp") == 0 ? IPPROTO_TCP : strcmp(protocol, "udp") == 0 ? IPPROTO_UDP : 0;
	if (!p->port.target.family || !p->port.protocol)
		return bad(e, step, "protocol or target", protocol);
	for (size_t i = 0; i < 2; i++)
		if (st->number[i] < 1 || st->number[2] < 1 || st->number[2] > ELEMENTS_PORTS || st->number[i] + st->number[2] > 65536)
			return bad(e, step, "port range to", st->text[1]);
	p->port.host = (uint16_t)st->number[0];
	p->port.to = (uint16_t)st->number[1];
	p->port.count = (uint16_t)st->number[2];
	return 0;
}

/* A step that belongs to the interface before it. */
static int read_follower(struct nic *n, const struct step *st, uint32_t step, struct err *e)
{
	switch (st->kind) {
	case STEP_NIC_HW:
		return read_hw(n, st, step, e);
	case STEP_NIC_VLAN:
		return read_vlan(n, st, step, e);
	case STEP_NIC_ADDRESS:
		return read_address(n, st, step, e);
	case STEP_NIC_ROUTE:
		return read_route(n, n->routes, &n->route_count, st, step, e);
	case STEP_NIC_HOST_ROUTE:
		return n->type == SPEC_NIC_VETH ? read_route(n, n->host_routes, &n->host_route_count, st, step, e) : not_for(e, step, "a route on the host", n);
	case STEP_NIC_RATE:
		return read_rate(n, st, step, e);
	case STEP_NIC_GUARD:
		return read_guard(n, st, step, e);
	case STEP_NIC_SCRIPT:
		return read_script(n, st, step, e);
	default:
		(void)err_set(e, ERR_INTERNAL, EBADMSG, "step '%s' is none of the network helper's", step_word(st->kind));
		return -EBADMSG;
	}
}

int job_init(struct job *j, const struct plan *plan, int netns, struct err *e)
{
	struct nic *n = NULL;
	int r = 0;

	*j = (struct job){.netns = netns, .home = FD_NONE, .proc = FD_NONE, .deadline = clock_deadline(JOB_MS)};
	for (size_t i = 0; i < plan->count && r == 0; i++) {
		const struct step *st = &plan->steps[i];
		uint32_t step = (uint32_t)i + 1;

		switch (st->kind) {
		case STEP_BRIDGE:
			r = read_bridge(j, st, step, e);
			n = NULL;
			break;
		case STEP_PORT:
			r = read_port(j, st, step, e);
			n = NULL;
			break;
		case STEP_NIC:
			r = read_nic(j, st, step, e);
			n = r == 0 ? &j->nics[j->nic_count - 1] : NULL;
			break;
		default:
			r = n ? read_follower(n, st, step, e) : err_set(e, ERR_INTERNAL, EBADMSG, "step '%s' follows no interface", step_word(st->kind));
			break;
		}
		if (r < 0 && e && !e->step)
			e->step = step;
	}
	if (r < 0)
		job_done(j);
	return r;
}

void job_done(struct job *j)
{
	nl_close(&j->host);
	nl_close(&j->inside);
	nl_close(&j->nft);
	fd_close(&j->home);
	fd_close(&j->proc);
	arena_done(&j->arena);
}

/* ---- namespaces ---- */

int job_enter(struct job *j, struct err *e)
{
	if (j->netns < 0)
		return err_set(e, ERR_INTERNAL, EBADF, "no network namespace was given");
	if (j->home < 0)
		j->home = fd_open(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
	if (j->home < 0)
		return err_sys(e, j->home, "open our own network namespace");
	if (!j->away && setns(j->netns, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "enter the container's network namespace");
	j->away = true;
	return j->inside.sock ? 0 : nl_open(&j->inside, NETLINK_ROUTE, e);
}

int job_leave(struct job *j, struct err *e)
{
	if (j->away && setns(j->home, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "return to our own network namespace");
	j->away = false;
	return 0;
}

int job_open_nft(struct job *j, struct err *e)
{
	int r = j->nft.sock ? 0 : job_leave(j, e);

	if (r == 0 && !j->nft.sock)
		r = nl_open(&j->nft, NETLINK_NETFILTER, e);
	if (r == -EPROTONOSUPPORT) {
		r = err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "this kernel has no nf_tables");
		(void)err_hint(e, "modprobe nf_tables");
	}
	return r;
}

/* ---- doing ---- */

static int port_apply(struct job *j, struct port *p, struct err *e)
{
	int r = job_open_nft(j, e);

	if (r < 0)
		return r;
	j->nft.step = p->step;
	p->done = true;
	return elements_port(&j->nft, &p->port, e);
}

static int port_undo(struct job *j, struct port *p, struct err *e)
{
	int r = job_open_nft(j, e);

	if (r < 0)
		return r == -EOPNOTSUPP ? 0 : r;
	j->nft.step = p->step;
	p->done = false;
	return elements_port_drop(&j->nft, &p->port, e);
}

/* An address that starts a new life has no ports from an older one. */
static int forget_ports(struct job *j, size_t at, struct err *e)
{
	const struct ip *target = &j->ports[at].port.target;
	int r;

	for (size_t i = 0; i < at; i++)
		if (ip_equal(&j->ports[i].port.target, target))
			return 0;
	r = job_open_nft(j, e);
	j->nft.step = j->ports[at].step;
	return r < 0 ? r : elements_target_drop(&j->nft, target, e);
}

static void rollback(struct job *j)
{
	struct err lost = {0}; /* the first error is what counts */

	for (size_t i = j->port_count; i-- > 0;)
		if (j->ports[i].done)
			(void)port_undo(j, &j->ports[i], &lost);
	for (size_t i = j->nic_count; i-- > 0;)
		(void)nic_rollback(j, &j->nics[i], &lost);
	for (size_t i = j->bridge_count; i-- > 0;)
		(void)bridge_rollback(j, &j->bridges[i], &lost);
}

static int go_through(struct job *j, struct err *e)
{
	uint32_t step = 0;
	int r = nl_open(&j->host, NETLINK_ROUTE, e);

	j->proc = link_proc();
	for (size_t i = 0; i < j->bridge_count && r == 0; i++) {
		step = j->bridges[i].step;
		r = bridge_apply(j, &j->bridges[i], e);
	}
	for (size_t i = 0; i < j->nic_count && r == 0; i++) {
		step = j->nics[i].step;
		r = nic_apply(j, &j->nics[i], e);
	}
	for (size_t i = 0; i < j->port_count && r == 0; i++) {
		step = j->ports[i].step;
		if (j->nic_count)
			r = forget_ports(j, i, e);
		if (r == 0)
			r = port_apply(j, &j->ports[i], e);
	}
	if (r < 0 && e && !e->step)
		e->step = step;
	return r;
}

int job_apply(struct job *j, struct err *e)
{
	int r = go_through(j, e);

	if (r == 0)
		err_clear(e); /* of what was looked for and not found */
	else if (j->host.sock)
		rollback(j);
	return r;
}

/* Keeps the first failure of several. */
static void keep(int *r, int one, struct err *e, const struct err *new)
{
	if (one < 0 && *r == 0) {
		*r = one;
		if (e)
			*e = *new;
	}
}

int job_undo(struct job *j, struct err *e)
{
	struct err one = {0};
	int r = nl_open(&j->host, NETLINK_ROUTE, e);

	if (r < 0)
		return r;
	for (size_t i = j->port_count; i-- > 0;) {
		err_clear(&one);
		keep(&r, port_undo(j, &j->ports[i], &one), e, &one);
	}
	for (size_t i = j->nic_count; i-- > 0;) {
		err_clear(&one);
		keep(&r, nic_undo(j, &j->nics[i], &one), e, &one);
	}
	/* a container's bridge stays: others may be on it. A job of bridges alone is about them. */
	for (size_t i = j->nic_count || j->port_count ? 0 : j->bridge_count; i-- > 0;) {
		err_clear(&one);
		keep(&r, bridge_undo(j, &j->bridges[i], &one), e, &one);
	}
	if (r == 0)
		err_clear(e);
	return r;
}
