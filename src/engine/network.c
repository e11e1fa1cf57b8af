/* network.c - managed networks: create, edit, list, show, delete. */
#include "engine/network.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/inside.h"
#include "engine/nic.h"
#include "linux/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

static int apply_settings(struct network *n, const char *const *set, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && set && set[i]; i++) {
		const char *eq = strchr(set[i], '=');
		char key[32];

		if (!eq || eq == set[i] || (size_t)(eq - set[i]) >= sizeof(key))
			return err_set(e, ERR_INPUT, EINVAL, "'%.80s' is not KEY=VALUE", set[i]);
		memcpy(key, set[i], (size_t)(eq - set[i]));
		key[eq - set[i]] = '\0';
		r = network_set(n, key, eq + 1, e);
	}
	return r == 0 ? network_check(n, e) : r;
}

static bool sets(const char *const *set, const char *key)
{
	for (size_t i = 0; set && set[i]; i++)
		if (strncmp(set[i], key, strlen(key)) == 0 && set[i][strlen(key)] == '=')
			return true;
	return false;
}

/* Two networks cannot share addresses. A route of the host in the way is told, not refused: it may be meant. */
static int check_overlap(struct coppice *c, const struct networks *n, const struct network *net, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network *nets = NULL;
	struct ip *routes = NULL;
	size_t count = 0, route_count = 0;
	int r = network_list(n, &a, &nets, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (strcmp(nets[i].name, net->name) == 0)
			continue;
		if ((net->ipv4.family && nets[i].ipv4.family && ip_overlap(&net->ipv4, &nets[i].ipv4)) ||
		    (net->ipv6.family && nets[i].ipv6.family && ip_overlap(&net->ipv6, &nets[i].ipv6))) {
			(void)err_set(e, ERR_EXISTS, EADDRINUSE, "its addresses overlap with those of network '%s'", nets[i].name);
			return err_hint(e, "coppice network show %s", nets[i].name);
		}
	}
	if (r == 0)
		r = engine_network_routes(nets, count, &a, &routes, &route_count, e);
	for (size_t i = 0; r == 0 && c->note && i < route_count; i++) {
		const struct ip *own = net->ipv4.family == routes[i].family ? &net->ipv4 : &net->ipv6;
		char line[160], text[IP_TEXT];

		if (own->family != routes[i].family || !ip_overlap(own, &routes[i]))
			continue;
		(void)snprintf(line, sizeof(line), "network '%s' overlaps with a route of this host to %s", net->name,
			       ip_format_prefix(&routes[i], text));
		c->note(c->note_data, line);
	}
	return r;
}

/* ---- what it looks like ---- */

/* Containers that run, by name. */
static int running_names(struct coppice *c, struct arena *a, const char ***ret, size_t *ret_count, struct err *e)
{
	const char **names = NULL;
	size_t count = 0, kept = 0;
	int r = engine_facts(c, e);

	if (r == 0)
		r = state_names(&c->state, a, &names, &count, e);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct err ignored = {0};
		struct live l;

		if (engine_live(c, names[i], &l, &ignored) == 0 && l.alive)
			names[kept++] = names[i];
	}
	*ret = names;
	*ret_count = kept;
	return r;
}

static bool has_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

const char *engine_network_container(const struct coppice *c, const char *owner)
{
	size_t len = strlen(c->lxcpath);

	return strncmp(owner, c->lxcpath, len) == 0 && owner[len] == '/' && parse_is_container(owner + len + 1) ? owner + len + 1 : NULL;
}

static void fill_text(const struct network *n, struct coppice_network *ret)
{
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", n->name);
	(void)snprintf(ret->bridge, sizeof(ret->bridge), "%s", n->bridge);
	if (n->ipv4.family)
		(void)ip_format_prefix(&n->ipv4, ret->ipv4);
	if (n->ipv6.family)
		(void)ip_format_prefix(&n->ipv6, ret->ipv6);
	(void)snprintf(ret->domain, sizeof(ret->domain), "%s", n->domain);
	(void)snprintf(ret->dns, sizeof(ret->dns), "%s%s%s%s%s", n->dns[0], n->dns[1][0] ? " " : "", n->dns[1], n->dns[2][0] ? " " : "",
		       n->dns[2]);
	ret->mtu = n->mtu ? n->mtu : 1500;
	ret->nat = n->nat;
	ret->isolated = n->isolated;
	ret->dhcp = n->dhcp;
	ret->guard = n->guard;
	ret->names = n->names;
	ret->internal = n->internal;
	ret->created = (int64_t)n->created;
	ret->up = engine_network_is_up(n);
}

/* With how many containers have addresses, and how many of those run. */
static int fill(struct coppice *c, const struct networks *nets, const struct network *n, const char *const *running, size_t running_count,
		struct coppice_network *ret, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network_lease *leases = NULL;
	size_t count = 0;
	int r = network_leases(nets, n->name, &a, &leases, &count, e);

	if (r < 0)
		return r;
	fill_text(n, ret);
	for (size_t i = 0; i < count; i++) {
		const char *name = engine_network_container(c, leases[i].owner);
		bool seen = false;

		for (size_t k = 0; k < i && !seen; k++)
			seen = strcmp(leases[k].owner, leases[i].owner) == 0;
		if (seen)
			continue;
		ret->leases++;
		ret->running += name && has_name(running, running_count, name);
	}
	return 0;
}

static int fill_one(struct coppice *c, const struct networks *nets, const struct network *n, struct coppice_network *ret, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	const char **running = NULL;
	size_t count = 0;
	int r = running_names(c, &a, &running, &count, e);

	return r < 0 ? r : fill(c, nets, n, running, count, ret, e);
}

/* ---- create and edit ---- */

int coppice_network_create(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e)
{
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct ip *taken = NULL;
	struct network n;
	size_t count = 0;
	int r = engine_networks_need_root(c, e);

	if (r == 0)
		r = engine_state(c, e);
	if (r == 0)
		r = engine_networks(c, &nets, e);
	if (r == 0)
		r = engine_network_taken(&nets, &a, &taken, &count, e);
	if (r == 0)
		r = network_defaults(name, taken, sets(set, "ipv4") ? 0 : count, &n, e);
	if (r == 0)
		r = apply_settings(&n, set, e);
	if (r == 0 && netdev_index(name) > 0 && network_read(&nets, name, &n, &(struct err){0}) < 0) {
		(void)err_set(e, ERR_EXISTS, EEXIST, "the host has a network device '%s' already", name);
		r = err_hint(e, "ip link show %s", name);
	}
	if (r == 0)
		r = check_overlap(c, &nets, &n, e);
	if (r == 0)
		r = network_write(&nets, &n, true, e);
	if (r == 0)
		fill_text(&n, ret); /* nobody can be on it yet */
	return r < 0 ? err_what(e, "cannot create network '%.40s'", name) : 0;
}

static bool same_address(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && (!a->family || (ip_equal(a, b) && a->prefix == b->prefix));
}

int coppice_network_edit(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e)
{
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	struct network n, old;
	int r = engine_networks_need_root(c, e);

	if (r == 0)
		r = engine_state(c, e);
	if (r == 0)
		r = engine_networks(c, &nets, e);
	if (r == 0)
		r = engine_network_get(c, &nets, name, &old, e);
	if (r == 0) {
		n = old;
		r = apply_settings(&n, set, e);
	}
	if (r == 0 && (!same_address(&n.ipv4, &old.ipv4) || !same_address(&n.ipv6, &old.ipv6)))
		r = check_overlap(c, &nets, &n, e);
	if (r == 0)
		r = network_write(&nets, &n, false, e);
	if (r == 0 && engine_network_is_up(&n))
		r = engine_network_renew(c, &nets, &n, e);
	if (r == 0)
		r = fill_one(c, &nets, &n, ret, e);
	return r < 0 ? err_what(e, "cannot edit network '%.40s'", name) : 0;
}

/* ---- list and show ---- */

int coppice_network_list(struct coppice *c, struct coppice_network **ret, size_t *ret_count, struct err *e)
{
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	autodone(arena_done) struct arena a = ARENA_INIT;
	autofree struct coppice_network *list = NULL;
	const char **running = NULL;
	struct network *all = NULL;
	size_t count = 0, running_count = 0;
	int r = engine_state(c, e);

	if (r == 0)
		r = engine_networks(c, &nets, e);
	if (r == 0)
		r = network_list(&nets, &a, &all, &count, e);
	if (r == 0)
		r = running_names(c, &a, &running, &running_count, e);
	list = calloc(count ? count : 1, sizeof(*list));
	if (r == 0 && !list)
		r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < count; i++)
		r = fill(c, &nets, &all[i], running, running_count, &list[i], e);
	if (r < 0)
		return err_what(e, "cannot list networks");
	*ret = take(list);
	*ret_count = count;
	return 0;
}

static void fill_live(struct coppice *c, struct coppice_network_user *u)
{
	struct err ignored = {0};
	struct plan p = {0};
	struct live l;

	if (engine_live(c, u->container, &l, &ignored) < 0 || !l.alive || engine_kept_plan(c, u->container, &p) < 0)
		return;
	/* it has a lease for as long as it exists; it is here while it runs with that interface */
	for (size_t i = 0; i < p.count; i++) {
		const struct step *st = &p.steps[i];

		if (st->kind != STEP_NIC || !st->text[1] || strcmp(st->text[1], u->nic) != 0)
			continue;
		u->running = true;
		(void)snprintf(u->peer, sizeof(u->peer), "%s", st->text[3] ?: "");
		(void)engine_traffic(l.record.init.pid, u->nic, &u->rx_bytes, &u->tx_bytes);
	}
	plan_done(&p);
}

static int by_container(const void *a, const void *b)
{
	const struct coppice_network_user *x = a, *y = b;
	int r = strcmp(x->container, y->container);

	return r ? r : strcmp(x->nic, y->nic);
}

static int list_users(struct coppice *c, const struct networks *nets, const char *name, struct coppice_network_user **ret,
		      size_t *ret_count, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	autofree struct coppice_network_user *users = NULL;
	struct network_lease *leases = NULL;
	size_t count = 0;
	int r = network_leases(nets, name, &a, &leases, &count, e);

	if (r < 0)
		return r;
	users = calloc(count ? count : 1, sizeof(*users));
	if (!users)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const char *mine = engine_network_container(c, leases[i].owner);
		struct coppice_network_user *u = &users[i];

		(void)snprintf(u->container, sizeof(u->container), "%s", mine ?: strrchr(leases[i].owner, '/') + 1);
		(void)snprintf(u->nic, sizeof(u->nic), "%s", leases[i].nic);
		(void)ip_mac_format(leases[i].mac, u->mac);
		(void)ip_format(&leases[i].ipv4, u->ipv4);
		(void)ip_format(&leases[i].ipv6, u->ipv6);
		u->rx_bytes = u->tx_bytes = UINT64_MAX;
		if (mine)
			fill_live(c, u);
	}
	qsort(users, count, sizeof(*users), by_container);
	*ret = take(users);
	*ret_count = count;
	return 0;
}

int coppice_network_show(struct coppice *c, const char *name, struct coppice_network *ret, struct coppice_network_user **ret_users,
			 size_t *ret_count, struct err *e)
{
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	struct network n;
	int r = engine_state(c, e);

	if (r == 0)
		r = engine_facts(c, e);
	if (r == 0)
		r = engine_networks(c, &nets, e);
	if (r == 0)
		r = network_read(&nets, name, &n, e);
	if (r == 0)
		r = fill_one(c, &nets, &n, ret, e);
	if (r == 0)
		r = list_users(c, &nets, name, ret_users, ret_count, e);
	return r < 0 ? err_what(e, "cannot show network '%.40s'", name) : 0;
}

/* ---- delete ---- */

struct search {
	const char *network;
	bool found;
};

static int find_network(const char *key, const char *value, unsigned line, void *data)
{
	struct search *s = data;
	size_t len = strcspn(value, " \t");

	(void)line;
	if (strcmp(key, "coppice.network") == 0)
		s->found = !value[0] ? false : s->found || (strlen(s->network) == len && memcmp(value, s->network, len) == 0);
	return 0;
}

/* By its config, and by what it was started with: that may have changed since. */
static bool uses(struct coppice *c, const char *container, const char *network)
{
	struct search s = {.network = network};
	struct err ignored = {0};
	struct conf *conf = NULL;
	struct plan p = {0};

	if (engine_config(c, container, &conf, &ignored) == 0)
		(void)!conf_each(conf, find_network, &s);
	conf_free(&conf);
	if (!s.found && engine_kept_plan(c, container, &p) == 0) {
		for (size_t i = 0; i < p.count; i++)
			s.found =
			    s.found || (p.steps[i].kind == STEP_NIC && p.steps[i].text[2] && strcmp(p.steps[i].text[2], network) == 0);
		plan_done(&p);
	}
	return s.found;
}

static int refuse_used(struct coppice *c, const char *network, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	autodone(buf_done) struct buf who = BUF_INIT;
	const char **names = NULL, *first = NULL;
	size_t count = 0, users = 0;
	int r = state_names(&c->state, &a, &names, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!uses(c, names[i], network))
			continue;
		first = first ?: names[i];
		if (users++ < 8)
			buf_printf(&who, "%s'%s'", users > 1 ? ", " : "", names[i]);
	}
	if (r < 0 || users == 0)
		return r;
	(void)err_set(e, ERR_BUSY, EBUSY, "%zu container%s use%s it: %s%s", users, users == 1 ? "" : "s", users == 1 ? "s" : "",
		      buf_str(&who), users > 8 ? " ..." : "");
	return err_hint(e, "coppice network show %s", network);
}

int coppice_network_delete(struct coppice *c, const char *name, bool if_exists, struct err *e)
{
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	struct network n;
	int r = engine_networks_need_root(c, e);

	if (r == 0)
		r = engine_state(c, e);
	if (r == 0)
		r = engine_networks(c, &nets, e);
	if (r == 0)
		r = network_read(&nets, name, &n, e);
	if (r == -ENOENT && if_exists) {
		err_clear(e);
		return 1;
	}
	if (r == -EBADMSG) { /* a config that cannot be read must not keep it for ever */
		err_clear(e);
		r = 0;
	}
	if (r == 0)
		r = refuse_used(c, name, e);
	if (r == 0)
		r = network_remove(&nets, name, e);
	if (r == 0)
		r = engine_network_down(c, &nets, name, e);
	return r < 0 ? err_what(e, "cannot delete network '%.40s'", name) : 0;
}
