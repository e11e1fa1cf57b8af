/* network-keep.c - house-keeping of networks: what gc takes away, what doctor finds. */
#include "engine/network.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "linux/netdev.h"
#include "state/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- gc ---- */

static bool runs(struct coppice *c, const char *name)
{
	struct err ignored = {0};
	struct live l;

	/* what cannot be looked at is taken to run */
	return engine_live(c, name, &l, &ignored) < 0 || l.alive || l.starting || l.monitor;
}

static int gc_names(struct coppice *c, const struct networks *n, const char *network, bool dry_run, unsigned *count, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	const char **names = NULL;
	size_t name_count = 0;
	int r = network_hosts_names(n, network, &a, &names, &name_count, e);

	for (size_t i = 0; r == 0 && i < name_count; i++) {
		if (i && strcmp(names[i], names[i - 1]) == 0)
			continue;
		if (runs(c, names[i]))
			continue;
		++*count;
		if (!dry_run)
			r = network_hosts_drop(n, network, names[i], e);
	}
	return r;
}

/* Files of a network that is not written down any more, and its bridge, unless somebody else has put something on it. */
static int gc_gone(struct coppice *c, int run, const char *network, bool dry_run, unsigned *count, struct err *e)
{
	int r = 0;

	++*count;
	if (dry_run)
		return 0;
	engine_dhcp_stop(c->rundir, network);
	if (netdev_bridge_ports(network) == 0)
		r = netdev_bridge_delete(network);
	if (r == 0)
		r = path_remove_tree(run, network);
	return r < 0 ? err_sys(e, r, "remove what is left of network '%s'", network) : 0;
}

static int gc_run(struct coppice *c, const struct networks *n, bool dry_run, unsigned *count, struct err *e)
{
	autoclosedir DIR *d = NULL;
	const struct dirent *entry;
	autoclose int fd = FD_NONE;
	char path[320];
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/.networks", c->rundir);
	fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return 0;
	d = fd < 0 ? NULL : fd_open_dir(fd, ".", 0);
	if (!d)
		return err_sys(e, fd < 0 ? fd : -errno, "read '%s'", path);
	while (r == 0 && (entry = dirs_next(d))) {
		struct err missing = {0};
		struct network net;

		if (entry->d_name[0] == '.')
			continue;
		r = network_read(n, entry->d_name, &net, &missing);
		if (r == -ENOENT)
			r = gc_gone(c, dirfd(d), entry->d_name, dry_run, count, e);
		else if (r < 0)
			*e = missing;
		else
			r = gc_names(c, n, net.name, dry_run, count, e);
	}
	return r;
}

static bool exists(struct coppice *c, const struct state_trash *trash, size_t trash_count, const char *name)
{
	autoclose int dir = state_dir(&c->state, name);
	char staging[96];

	(void)snprintf(staging, sizeof(staging), ".staging/%s", name);
	if (dir != -ENOENT || faccessat(c->state.lxc_dir, staging, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	for (size_t i = 0; i < trash_count; i++)
		if (strcmp(trash[i].name, name) == 0)
			return true;
	return false;
}

/* Leases of containers of ours that are nowhere any more; what belongs to another container directory is its own affair. */
static int gc_leases(struct coppice *c, const struct networks *n, const char *network, bool dry_run, unsigned *count, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network_lease *leases = NULL;
	struct state_trash *trash = NULL;
	size_t lease_count = 0, trash_count = 0;
	int r = network_leases(n, network, &a, &leases, &lease_count, e);

	if (r == 0)
		r = state_trash_list(&c->state, &a, &trash, &trash_count, e);
	for (size_t i = 0; r == 0 && i < lease_count; i++) {
		const char *owner = leases[i].owner, *name = engine_network_container(c, owner);

		if (!name || exists(c, trash, trash_count, name))
			continue;
		++*count;
		if (!dry_run)
			r = network_release_nic(n, network, owner, leases[i].nic, e);
	}
	return r;
}

/* Sets and maps get exactly the elements of who runs. Not while a start is under way: it may have added some already and be in no record
 * yet. */
static int gc_elements(struct coppice *c, const struct networks *n, struct err *e)
{
	struct err busy = {0};
	autoclose int lock = engine_network_lock(c, ".lock", true, clock_now_ms(), &busy);
	autoclose int starting = lock < 0 ? FD_NONE : engine_network_lock(c, ".starting", true, clock_now_ms(), &busy);

	if (starting < 0 || netdev_nft_table(NFPROTO_INET, "coppice") != 1)
		return 0;
	return engine_network_ruleset(c, n, true, e);
}

int engine_network_gc(struct coppice *c, bool dry_run, unsigned *count, struct err *e)
{
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network *nets = NULL;
	size_t net_count = 0;
	char path[320];
	int r = engine_networks(c, &n, e);

	if (r == 0)
		r = gc_run(c, &n, dry_run, count, e);
	if (r == 0)
		r = network_list(&n, &a, &nets, &net_count, e);
	for (size_t i = 0; r == 0 && i < net_count; i++)
		r = gc_leases(c, &n, nets[i].name, dry_run, count, e);
	/* a host that never had a network of ours has no table of ours to look at */
	(void)snprintf(path, sizeof(path), "%s/.networks", c->rundir);
	if (r == 0 && !dry_run && access(path, F_OK) == 0)
		r = gc_elements(c, &n, e);
	return r;
}

/* ---- what other programs do to forwarded packets ---- */

static void put_json(struct json_object **o)
{
	json_object_put(*o);
}

static const char *word(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static int read_chains(const char *text, struct arena *a, struct foreign_chain **ret, size_t *ret_count)
{
	autodone(put_json) struct json_object *all = json_tokener_parse(text);
	struct json_object *list = NULL, *v = NULL;

	if (!json_object_is_type(all, json_type_object) || !json_object_object_get_ex(all, "forward", &list) ||
	    !json_object_is_type(list, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct foreign_chain *f;

		if (!json_object_is_type(o, json_type_object))
			return -EBADMSG;
		f = arena_push(a, ret, ret_count, sizeof(**ret));
		if (!f)
			return -ENOMEM;
		(void)snprintf(f->name, sizeof(f->name), "%s %s %s", word(o, "family"), word(o, "table"), word(o, "chain"));
		f->closed = json_object_object_get_ex(o, "closed", &v) && json_object_get_boolean(v);
		f->rules = json_object_object_get_ex(o, "rules", &v) ? (unsigned)json_object_get_int(v) : 0;
	}
	return 0;
}

int engine_network_foreign(struct coppice *c, struct arena *a, struct foreign_chain **ret, size_t *ret_count, struct err *e)
{
	autodone(buf_done) struct buf out = BUF_INIT;
	autodone(buf_done) struct buf log = BUF_INIT;
	char path[512];
	const char *argv[] = {path, "list", NULL};
	struct proc_run run = {
	    .argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = &out, .log = &log, .deadline = clock_deadline(10000)};
	int status = 0, r = engine_helper("coppice-nft", path, e);

	(void)c;
	*ret = NULL;
	*ret_count = 0;
	if (r < 0)
		return r;
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", path);
	if (status != 0)
		return err_set(e, ERR_SYSTEM, EIO, "'%s' ended with status %d: %.*s", path, status, (int)strcspn(buf_str(&log), "\n"),
			       buf_str(&log));
	r = read_chains(buf_str(&out), a, ret, ret_count);
	return r < 0 ? err_sys(e, r, "read what '%s' says", path) : 0;
}

/* ---- doctor ---- */

struct report {
	struct coppice *c;
	void (*found)(void *data, const char *id, int level, const char *fix, const char *text);
	void *data;
};

static void tell(const struct report *rp, const char *id, int level, const char *fix, const char *fmt, ...) PRINTF(5, 6);

static void tell(const struct report *rp, const char *id, int level, const char *fix, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rp->found(rp->data, id, level, fix, text);
}

static uint64_t read_number(const char *path, uint64_t fallback)
{
	char text[64];
	uint64_t v;

	return fd_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 && parse_u64(text, &v) == 0 ? v : fallback;
}

static void check_programs(const struct report *rp)
{
	static const char *const helpers[] = {"coppice-net", "coppice-nft"};
	int r = netdev_nft_table(NFPROTO_INET, "coppice");
	char path[512];

	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		struct err e = {0};

		if (engine_helper(helpers[i], path, &e) < 0)
			tell(rp, "helper", 2, e.hint, "%s", e.why);
	}
	if (r < 0 && r != -EPERM)
		tell(rp, "nftables", 1, "modprobe nf_tables; until then: --network empty",
		     "no nf_tables in this kernel: containers cannot be on managed networks");
}

static void check_conflicts(const struct report *rp, const struct network *nets, size_t count)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct err ignored = {0};
	struct ip *routes = NULL;
	size_t route_count = 0;

	if (engine_network_routes(nets, count, &a, &routes, &route_count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < route_count; k++) {
			const struct ip *own = routes[k].family == nets[i].ipv4.family ? &nets[i].ipv4 : &nets[i].ipv6;
			char text[IP_TEXT], ours[IP_TEXT], fix[256];
			struct ip net = ip_network(own);

			if (own->family != routes[k].family || !ip_overlap(own, &routes[k]))
				continue;
			(void)snprintf(fix, sizeof(fix), "coppice network edit %s %s=ADDRESS/LENGTH", nets[i].name,
				       own == &nets[i].ipv4 ? "ipv4" : "ipv6");
			tell(rp, "network-route", 1, fix, "network '%s' (%s) overlaps with a route of this host to %s", nets[i].name,
			     ip_format_prefix(&net, ours), ip_format_prefix(&routes[k], text));
		}
}

static void check_forwarding(const struct report *rp, const struct network *nets, size_t count)
{
	bool four = false, six = false;

	for (size_t i = 0; i < count; i++) {
		if (nets[i].internal || !engine_network_is_up(&nets[i]))
			continue;
		four = four || nets[i].ipv4.family;
		six = six || nets[i].ipv6.family;
	}
	if (four && read_number("/proc/sys/net/ipv4/ip_forward", 1) == 0)
		tell(rp, "forwarding", 1, "sysctl net.ipv4.ip_forward=1",
		     "somebody has switched IPv4 forwarding off: containers do not get out");
	if (six && read_number("/proc/sys/net/ipv6/conf/all/forwarding", 1) == 0)
		tell(rp, "forwarding", 1, "sysctl net.ipv6.conf.all.forwarding=1",
		     "somebody has switched IPv6 forwarding off: containers do not get out by IPv6");
}

static void check_foreign(const struct report *rp)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct foreign_chain *chains = NULL;
	struct err e = {0};
	size_t count = 0;
	char names[128];

	if (engine_network_foreign(rp->c, &a, &chains, &count, &e) < 0) {
		if (e.kind != ERR_UNSUPPORTED) /* a missing helper was told already */
			tell(rp, "nftables", 1, NULL, "the ruleset cannot be looked at: %s", e.why);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (chains[i].closed && !chains[i].rules)
			tell(rp, "forward", 1, "coppice gc",
			     "chain '%s' of another program drops what is forwarded, and has no exception for our bridges", chains[i].name);
		else if (chains[i].closed)
			tell(rp, "forward", 0, NULL, "chain '%s' of another program drops what is forwarded, but for our bridges",
			     chains[i].name);
	}
	if (fd_read_file(AT_FDCWD, "/proc/net/ip_tables_names", names, sizeof(names)) > 0 && strstr(names, "filter"))
		tell(rp, "forward", 1, "iptables-legacy -S FORWARD",
		     "iptables-legacy has a filter table, which nftables cannot see: its FORWARD chain may drop");
}

static void check_size(const struct report *rp, const struct networks *n, const struct network *nets, size_t count)
{
	uint64_t limit = read_number("/proc/sys/net/ipv4/neigh/default/gc_thresh3", UINT64_MAX), leases = 0;
	char fix[128];

	for (size_t i = 0; i < count; i++) {
		autodone(arena_done) struct arena a = ARENA_INIT;
		struct network_lease *list = NULL;
		struct err ignored = {0};
		size_t some = 0;

		if (network_leases(n, nets[i].name, &a, &list, &some, &ignored) == 0)
			leases += some;
	}
	(void)snprintf(fix, sizeof(fix), "sysctl net.ipv4.neigh.default.gc_thresh3=%llu net.ipv6.neigh.default.gc_thresh3=%llu",
		       (unsigned long long)leases * 4, (unsigned long long)leases * 4);
	if (leases > 1000 && limit < leases + leases / 4)
		tell(rp, "neighbours", 1, fix,
		     "%llu addresses are leased and the kernel remembers %llu neighbours: the host will lose some of them",
		     (unsigned long long)leases, (unsigned long long)limit);
}

void engine_network_doctor(struct coppice *c, void (*found)(void *data, const char *id, int level, const char *fix, const char *text),
			   void *data)
{
	const struct report rp = {c, found, data};
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct network *nets = NULL;
	struct err e = {0};
	size_t count = 0, up = 0;

	check_programs(&rp);
	if (engine_networks(c, &n, &e) < 0 || network_list(&n, &a, &nets, &count, &e) < 0) {
		tell(&rp, "networks", 2, NULL, "the networks cannot be read: %s", e.why);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		up += engine_network_is_up(&nets[i]);
		if (nets[i].dhcp && access("/usr/sbin/dnsmasq", X_OK) < 0)
			tell(&rp, "dnsmasq", 2, "apt-get install dnsmasq-base", "network '%s' has dhcp = yes, and dnsmasq is not installed",
			     nets[i].name);
	}
	if (count)
		tell(&rp, "networks", 0, NULL, "%zu managed network%s, %zu up", count, count == 1 ? "" : "s", up);
	check_conflicts(&rp, nets, count);
	check_forwarding(&rp, nets, count);
	if (up)
		check_foreign(&rp);
	check_size(&rp, &n, nets, count);
}
