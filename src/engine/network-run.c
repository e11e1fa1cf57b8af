/* network-run.c - a container's part in its managed networks: what is chosen before it starts, its name while it runs, what is taken back
 * afterwards. */
#include "engine/network.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "linux/netdev.h"
#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RESOLV_MAX ((size_t)64 << 10)
#define HOLD_MS 5000u /* somebody collects stale elements: tens of milliseconds */

/* ---- before the start ---- */

static const char *text_of(struct arena *a, const struct ip *ip, bool prefix)
{
	char text[IP_TEXT];

	return arena_strdup(a, prefix ? ip_format_prefix(ip, text) : ip_format(ip, text));
}

/* Addresses asked for: at most one of each family. */
static int read_wish(const struct spec_nic *nic, struct ip *want4, struct ip *want6, uint8_t mac[6], bool *ret_mac, struct err *e)
{
	*want4 = *want6 = (struct ip){0};
	*ret_mac = false;
	for (size_t i = 0; i < nic->address_count; i++) {
		struct ip a, *want;

		if (ip_parse(nic->addresses[i], &a) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "'%s' is not an address", nic->addresses[i]);
		want = a.family == AF_INET ? want4 : want6;
		if (want->family)
			return err_set(e, ERR_INPUT, EINVAL, "two addresses of one family for '%s'", nic->name);
		*want = a;
	}
	if (nic->hwaddr) {
		if (ip_mac_parse(nic->hwaddr, mac) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a hardware address", nic->hwaddr);
		*ret_mac = true;
	}
	return 0;
}

/* What the host itself asks. A resolver on loopback (systemd-resolved) writes down whom it asks. */
static void host_resolv(const struct network *net, struct buf *out)
{
	static const char *const files[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autodone(buf_done) struct buf text = BUF_INIT;
		autoclose int fd = fd_open(AT_FDCWD, files[i], O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

		if (fd >= 0)
			(void)!fd_read_all(fd, &text, RESOLV_MAX);
		buf_clear(out);
		network_resolv(net, buf_str(&text), out);
		if (strstr(buf_str(out), "nameserver "))
			return;
	}
}

/* The first interface that leads out has the default route; another one would fight with it. */
static bool leads_out(struct coppice *c, const struct networks *n, const struct spec *s, const struct spec_nic *nic)
{
	for (const struct spec_nic *other = s->nics; other < nic; other++) {
		struct network net;
		struct err ignored = {0};

		if (!other->network && (other->gateway4_kind != SPEC_GATEWAY_NONE || other->gateway6_kind != SPEC_GATEWAY_NONE))
			return false;
		if (other->network && network_read(n, other->network, &net, &ignored) == 0 && !net.internal)
			return false;
	}
	(void)c;
	return true;
}

static int fill_texts(struct coppice *c, const struct networks *n, const struct spec *s, const struct spec_nic *nic, bool look,
		      const struct network *net, const struct network_lease *l, struct plan_nic *ret, struct arena *a, struct err *e)
{
	autodone(buf_done) struct buf resolv = BUF_INIT;
	char mac[IP_MAC_TEXT], hosts[400];
	bool out = !net->internal && leads_out(c, n, s, nic);

	*ret = (struct plan_nic){.mtu = net->mtu, .isolated = net->isolated, .forward = !net->internal, .guard = net->guard};
	ret->bridge = arena_strdup(a, net->bridge);
	ret->mac = arena_strdup(a, ip_mac_format(l->mac, mac));
	ret->ipv4 = l->ipv4.family ? text_of(a, &l->ipv4, true) : NULL;
	ret->ipv6 = l->ipv6.family ? text_of(a, &l->ipv6, true) : NULL;
	ret->bridge4 = net->ipv4.family ? text_of(a, &net->ipv4, true) : NULL;
	ret->bridge6 = net->ipv6.family ? text_of(a, &net->ipv6, true) : NULL;
	ret->gateway4 = out && l->ipv4.family ? text_of(a, &net->ipv4, false) : NULL;
	ret->gateway6 = out && l->ipv6.family ? text_of(a, &net->ipv6, false) : NULL;
	if (net->names) {
		if (network_hosts_path(n, net, !look, hosts, e) < 0)
			return -e->code;
		ret->hosts = arena_strdup(a, hosts);
	}
	host_resolv(net, &resolv);
	if (resolv.len)
		ret->resolv = arena_strdup(a, buf_str(&resolv));
	if (buf_failed(&resolv) || !ret->bridge || !ret->mac || (l->ipv4.family && !ret->ipv4) || (l->ipv6.family && !ret->ipv6) ||
	    (net->names && !ret->hosts) || (resolv.len && !ret->resolv))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	return 0;
}

/* What @nic asks for. */
struct asked {
	struct ip ipv4, ipv6;
	uint8_t mac[6];
	bool has_mac;
	char owner[400];
};

static int look_lease(struct coppice *c, const char *network, const char *nic, const struct asked *w, struct networks *n, struct network *net, struct network_lease *ret, struct err *e)
{
	int r = engine_networks(c, n, e);

	if (r == 0)
		r = engine_network_look(n, network, net, e);
	return r < 0 ? r : network_lease_look(n, net, w->owner, nic, w->ipv4.family ? &w->ipv4 : NULL, w->ipv6.family ? &w->ipv6 : NULL, w->has_mac ? w->mac : NULL, ret, e);
}

static int take_lease(struct coppice *c, const char *network, const char *nic, const struct asked *w, struct networks *n, struct network *net, struct network_lease *ret, struct err *e)
{
	int r;

	/* kept until the command ends, which is when the container runs: whoever collects stale elements waits for that */
	if (c->starting < 0) {
		c->starting = engine_network_lock(c, ".starting", false, clock_deadline(ENGINE_LOCK_MS), e);
		if (c->starting < 0) {
			c->starting = FD_NONE;
			return -e->code;
		}
	}
	r = engine_network_up(c, network, net, e);
	if (r == 0)
		r = engine_networks(c, n, e);
	if (r == 0)
		r = network_lease(n, net, w->owner, nic, w->ipv4.family ? &w->ipv4 : NULL, w->ipv6.family ? &w->ipv6 : NULL, w->has_mac ? w->mac : NULL, ret, e);
	if (r == 0 && net->dhcp) {
		autoclose int lock = engine_network_lock(c, ".lock", true, clock_deadline(ENGINE_LOCK_MS), e);

		r = lock < 0 ? lock : engine_dhcp_sync(c, n, net, e);
	}
	return r;
}

int engine_network_choose(struct coppice *c, const struct spec *s, const struct spec_nic *nic, bool look, struct plan_nic *ret, struct arena *a, struct err *e)
{
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	struct network_lease lease;
	struct network net;
	struct asked w;
	int r = read_wish(nic, &w.ipv4, &w.ipv6, w.mac, &w.has_mac, e);

	if (r < 0)
		return r;
	(void)snprintf(w.owner, sizeof(w.owner), "%s/%s", c->lxcpath, s->name);
	r = look ? look_lease(c, nic->network, nic->name, &w, &n, &net, &lease, e) : take_lease(c, nic->network, nic->name, &w, &n, &net, &lease, e);
	return r < 0 ? r : fill_texts(c, &n, s, nic, look, &net, &lease, ret, a, e);
}

/* ---- names ---- */

/* Interface by interface of a plan: its network (called like the bridge it is linked to) and its addresses. */
static const struct step *next_managed(const struct plan *p, size_t *at, struct network_lease *ret)
{
	for (; *at < p->count; (*at)++) {
		const struct step *nic = &p->steps[*at];

		if (nic->kind != STEP_NIC || !(nic->number[2] & PLAN_NIC_MANAGED) || !nic->text[2])
			continue;
		*ret = (struct network_lease){0};
		for ((*at)++;
		     *at < p->count && step_side_of((enum step_kind)p->steps[*at].kind) == SIDE_NET && p->steps[*at].kind != STEP_NIC;
		     (*at)++) {
			const struct step *st = &p->steps[*at];
			struct ip a;

			if (st->kind == STEP_NIC_ADDRESS && st->text[0] && ip_parse(st->text[0], &a) == 0)
				*(a.family == AF_INET ? &ret->ipv4 : &ret->ipv6) = a;
		}
		return nic;
	}
	return NULL;
}

void engine_network_names(const struct plan *plan, bool there)
{
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	const struct step *who = plan_find(plan, STEP_CONTAINER, 0), *nic;
	struct network_lease lease;
	struct err ignored = {0};
	size_t at = 0;

	if (!who || !who->text[0] || !who->text[2] || !who->text[3] || !plan_find(plan, STEP_NIC, 0))
		return;
	if (networks_open(who->text[3], who->text[2], &n, &ignored) < 0)
		return;
	while ((nic = next_managed(plan, &at, &lease))) {
		struct network net;

		if (!parse_is_name(who->text[0])) /* no name that programs could ask for; "_gateway" is the host's */
			continue;
		if (!there)
			(void)!network_hosts_drop(&n, nic->text[2], who->text[0], &ignored);
		else if (network_read(&n, nic->text[2], &net, &ignored) == 0 && net.names)
			(void)!network_hosts_set(&n, &net, who->text[0], &lease, &ignored);
	}
}

/* ---- afterwards ---- */

static bool same_plan(const struct plan *a, const struct plan *b)
{
	autodone(buf_done) struct buf x = BUF_INIT;
	autodone(buf_done) struct buf y = BUF_INIT;

	return plan_encode(a, &x) == 0 && plan_encode(b, &y) == 0 && x.len == y.len && memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
}

int engine_network_hold(const struct plan *plan)
{
	const struct step *who = plan_find(plan, STEP_CONTAINER, 0);
	autoclose int dir = FD_NONE;
	char path[320];
	int fd;

	if (!who || !who->text[2])
		return FD_NONE;
	(void)snprintf(path, sizeof(path), "%s/.networks", who->text[2]);
	dir = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	fd = dir < 0 ? dir : lock_take(dir, ".starting", false, "network", clock_deadline(HOLD_MS), NULL);
	return fd < 0 ? FD_NONE : fd;
}

void engine_network_ended(const struct state *st, const char *name, const struct plan *plan, bool for_good)
{
	struct coppice c = {.state = *st}; /* engine_kept_plan() needs no more */
	struct plan kept = {0};
	struct err ignored = {0};

	if (!plan_find(plan, STEP_NIC, 0) && engine_kept_plan(&c, name, &kept) < 0)
		return;
	if (for_good)
		engine_network_names(plan, false);
	if (kept.count == 0 && engine_kept_plan(&c, name, &kept) < 0)
		return;
	if (for_good)
		engine_network_names(&kept, false);
	if (!same_plan(&kept, plan)) /* what came later the monitor does not know of */
		(void)!apply_net_undo(&kept, FD_NONE, &ignored);
	plan_done(&kept);
}

void engine_network_release(struct coppice *c, const char *name)
{
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	struct err ignored = {0};
	char owner[400];

	(void)snprintf(owner, sizeof(owner), "%s/%s", c->lxcpath, name);
	if (engine_networks(c, &n, &ignored) == 0)
		(void)!network_release(&n, owner, &ignored);
}
