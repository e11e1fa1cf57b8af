/* network-up.c - a network is there when it is needed, and nobody has to do anything for it at boot.
 *
 * Whether it is there is asked of the kernel at every start: the bridge by one ioctl, our table by one message. A reboot, `nft flush
 * ruleset` or somebody's `ip link del` only means that the answer is no. RUNDIR/.networks/NAME/up holds the config that the network was
 * brought up with: another text there means that it was edited. */
#include "engine/network.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "linux/netdev.h"
#include "state/dirs.h"
#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELPER_MS 20000u
#define ROUTES_MAX ((size_t)4 << 20)
#define PLAN_MAX ((size_t)8 << 20)

int engine_networks_need_root(struct coppice *c, struct err *e)
{
	int r = engine_facts(c, e);

	if (r < 0 || !c->facts.user_mode)
		return r;
	(void)err_set(e, ERR_DENIED, EPERM, "managed networks and devices of the host are for root; without it a container is on the network 'user', or on none");
	return err_hint(e, "coppice config set NAME coppice.network=user");
}

int engine_networks(struct coppice *c, struct networks *ret, struct err *e)
{
	return networks_open(c->root, c->rundir, ret, e);
}

/* ---- what the host has already ---- */

static int add_taken(struct arena *a, struct ip **list, size_t *count, const struct ip *one)
{
	struct ip *slot = arena_push(a, list, count, sizeof(**list));

	if (!slot)
		return -ENOMEM;
	*slot = ip_network(one);
	return 0;
}

/* "eth0 00000A0A 00000000 0001 0 0 0 00FFFFFF ...": destination and mask as the host's own numbers that hold bytes in network order. */
static bool read_route4(char *line, struct ip *ret, const char **ret_device)
{
	char *save = NULL, *word = strtok_r(line, "\t ", &save);
	uint64_t to = 0, mask = 0;
	uint32_t bytes;

	*ret_device = word;
	for (int i = 0; word && i <= 7; i++, word = strtok_r(NULL, "\t ", &save)) {
		if (i == 1 && parse_u64_base(word, 16, &to) < 0)
			return false;
		if (i == 7 && parse_u64_base(word, 16, &mask) < 0)
			return false;
	}
	*ret = (struct ip){.family = AF_INET, .prefix = (uint8_t)__builtin_popcount((unsigned)mask)};
	bytes = (uint32_t)to;
	memcpy(ret->bytes, &bytes, sizeof(bytes));
	return ret->prefix > 0;
}

/* "fd00... 40 0000... 00 ... eth0" */
static bool read_route6(char *line, struct ip *ret, const char **ret_device)
{
	uint64_t prefix, byte;
	char pair[3] = "";

	if (strlen(line) < 36 || line[32] != ' ')
		return false;
	*ret = (struct ip){.family = AF_INET6};
	for (int i = 0; i < 16; i++) {
		memcpy(pair, line + (ptrdiff_t)2 * i, 2);
		if (parse_u64_base(pair, 16, &byte) < 0)
			return false;
		ret->bytes[i] = (uint8_t)byte;
	}
	memcpy(pair, line + 33, 2);
	if (parse_u64_base(pair, 16, &prefix) < 0 || prefix > 128)
		return false;
	ret->prefix = (uint8_t)prefix;
	*ret_device = strrchr(line, ' ') + 1;
	return prefix > 0 && ret->bytes[0] != 0xff && ret->bytes[0] != 0xfe;
}

struct routes {
	const struct network *nets; /* whose own routes are left out */
	size_t net_count;
	struct arena *a;
	struct ip *list;
	size_t count;
};

static bool is_ours(const struct routes *rs, const char *device)
{
	for (size_t i = 0; i < rs->net_count; i++)
		if (strcmp(rs->nets[i].bridge, device) == 0)
			return true;
	return false;
}

static int add_routes(struct routes *rs, const char *path, bool (*read)(char *line, struct ip *ret, const char **ret_device))
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	char *save = NULL;
	int r = fd < 0 ? fd : fd_read_all(fd, &text, ROUTES_MAX);

	if (r == -ENOENT) /* this kernel has no such family */
		return 0;
	if (r < 0 || !text.len)
		return r;
	for (char *line = strtok_r(text.data, "\n", &save); r == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		const char *device = "";
		struct ip one;

		if (read(line, &one, &device) && !is_ours(rs, device))
			r = add_taken(rs->a, &rs->list, &rs->count, &one);
	}
	return r;
}

int engine_network_routes(const struct network *nets, size_t net_count, struct arena *a, struct ip **ret, size_t *ret_count, struct err *e)
{
	struct routes rs = {.nets = nets, .net_count = net_count, .a = a};
	int r = add_routes(&rs, "/proc/net/route", read_route4);

	if (r == 0)
		r = add_routes(&rs, "/proc/net/ipv6_route", read_route6);
	*ret = rs.list;
	*ret_count = rs.count;
	return r < 0 ? err_sys(e, r, "read the routes of the host") : 0;
}

int engine_network_taken(const struct networks *n, struct arena *a, struct ip **ret, size_t *ret_count, struct err *e)
{
	struct network *nets = NULL;
	size_t nets_count = 0;
	int r = network_list(n, a, &nets, &nets_count, e);

	if (r == 0)
		r = engine_network_routes(nets, nets_count, a, ret, ret_count, e);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < nets_count; i++) {
		if (nets[i].ipv4.family)
			r = add_taken(a, ret, ret_count, &nets[i].ipv4);
		if (r == 0 && nets[i].ipv6.family)
			r = add_taken(a, ret, ret_count, &nets[i].ipv6);
	}
	return r < 0 ? err_set(e, ERR_SYSTEM, ENOMEM, "out of memory") : 0;
}

static int choose_default(const struct networks *n, struct network *ret, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct ip *taken = NULL;
	size_t count = 0;
	int r = engine_network_taken(n, &a, &taken, &count, e);

	return r < 0 ? r : network_defaults(NETWORK_DEFAULT, taken, count, ret, e);
}

int engine_network_look(const struct networks *n, const char *name, struct network *ret, struct err *e)
{
	int r = network_read(n, name, ret, e);

	if (r != -ENOENT || strcmp(name, NETWORK_DEFAULT) != 0)
		return r;
	err_clear(e);
	return choose_default(n, ret, e);
}

static int make_default(struct networks *n, struct err *e)
{
	struct network net;
	int r = choose_default(n, &net, e);

	if (r == 0)
		r = network_write(n, &net, true, e);
	if (r == -EEXIST) { /* another command was faster */
		err_clear(e);
		r = 0;
	}
	return r;
}

int engine_network_get(struct coppice *c, struct networks *n, const char *name, struct network *ret, struct err *e)
{
	int r = network_read(n, name, ret, e);

	if (r != -ENOENT || strcmp(name, NETWORK_DEFAULT) != 0)
		return r;
	err_clear(e);
	engine_trace(c, "make network '%s'", name);
	r = make_default(n, e);
	return r < 0 ? r : network_read(n, name, ret, e);
}

/* ---- run-time files ---- */

static int run_dir(struct coppice *c, const char *name, struct err *e)
{
	char path[320];
	int r, fd;

	(void)snprintf(path, sizeof(path), "%s/.networks%s%s", c->rundir, name ? "/" : "", name ?: "");
	r = path_mkdirs(path, 0700);
	fd = r < 0 ? r : fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd < 0 ? err_sys(e, fd, "open '%s'", path) : fd;
}

int engine_network_lock(struct coppice *c, const char *name, bool exclusive, uint64_t deadline, struct err *e)
{
	autoclose int dir = FD_NONE;
	struct lock_holder holder = {0};
	int fd = engine_state(c, e);

	if (fd < 0)
		return fd;
	dir = run_dir(c, NULL, e);
	if (dir < 0)
		return dir;
	fd = lock_take(dir, name, exclusive, "network", deadline, &holder);
	if (fd == -EBUSY)
		return err_set(e, ERR_BUSY, EBUSY, "another command is changing the networks (pid %d)", holder.id.pid);
	return fd < 0 ? err_sys(e, fd, "lock '%s/.networks/%s'", c->rundir, name) : fd;
}

static bool has_marker(struct coppice *c, const struct network *net)
{
	autodone(buf_done) struct buf want = BUF_INIT;
	char path[340], have[2048];

	network_format(net, &want);
	(void)snprintf(path, sizeof(path), "%s/.networks/%s/up", c->rundir, net->name);
	return fd_read_file(AT_FDCWD, path, have, sizeof(have)) > 0 && strncmp(have, buf_str(&want), strlen(have)) == 0 &&
	       want.len == strlen(have) + 1;
}

static int write_marker(struct coppice *c, const struct network *net, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = run_dir(c, net->name, e);
	int r;

	if (dir < 0)
		return dir;
	network_format(net, &text);
	r = buf_failed(&text) ? -ENOMEM : path_swap_file(dir, "up", buf_str(&text), text.len, 0600);
	return r < 0 ? err_sys(e, r, "remember that network '%s' is up", net->name) : 0;
}

/* ---- the ruleset ---- */

/* @dir: run-time directory of a container (taken), or -errno. */
static int read_kept_plan(int taken, struct plan *ret)
{
	autoclose int dir = taken;
	autoclose int fd = dir < 0 ? dir : fd_open(dir, RECORD_PLAN, O_RDONLY | O_NOFOLLOW, 0);
	autodone(buf_done) struct buf wire = BUF_INIT;
	const size_t head = sizeof(struct facts);
	struct err ignored = {0};
	int r = fd < 0 ? fd : fd_read_all(fd, &wire, PLAN_MAX);

	if (r < 0)
		return r;
	return wire.len < head ? -EBADMSG : plan_decode(wire.data + head, wire.len - head, ret, &ignored);
}

int engine_kept_plan(struct coppice *c, const char *name, struct plan *ret)
{
	return read_kept_plan(state_run_dir(&c->state, name, false), ret);
}

/* What the network helper has added to the sets and maps for the container of @p. */
static void put_elements(const struct plan *p, struct buf *out)
{
	const char *peer = NULL;

	for (size_t i = 0; i < p->count; i++) {
		const struct step *st = &p->steps[i];

		if (st->kind == STEP_NIC)
			peer = st->text[3];
		else if (st->kind == STEP_NIC_GUARD && peer && st->text[0])
			network_ruleset_guard(out, peer, st->text[0], st->text[1], st->text[2]);
		else if (st->kind == STEP_PORT && st->text[1])
			network_ruleset_port(out, st->text[0], st->text[1], st->text[2] && strcmp(st->text[2], "udp") == 0,
					     (uint16_t)st->number[0], (uint16_t)st->number[1], (uint16_t)st->number[2]);
	}
}

/* Of everybody who runs with their state in @at. */
static int put_running_in(int at, struct buf *out)
{
	autoclosedir DIR *dir = fd_open_dir(at, ".", 0);
	const struct dirent *ent;

	while (dir && (ent = dirs_next(dir))) {
		struct plan p = {0};

		if (!parse_is_container(ent->d_name) || read_kept_plan(fd_open(at, ent->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0), &p) < 0)
			continue;
		put_elements(&p, out);
		plan_done(&p);
	}
	return dir ? 0 : -errno;
}

/* Of everybody who runs beneath this run-time directory: the rules are the host's, so containers of other container directories count too. */
static int put_running(struct coppice *c, struct buf *out, struct err *e)
{
	autoclose int top = fd_open(AT_FDCWD, c->rundir, O_PATH | O_DIRECTORY, 0);
	autoclose int apart = top < 0 ? FD_NONE : fd_open(top, ENGINE_APART, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	autoclosedir DIR *others = apart < 0 ? NULL : fd_open_dir(apart, ".", 0);
	const struct dirent *ent;
	int r = top < 0 ? top : put_running_in(top, out);

	while (r == 0 && others && (ent = dirs_next(others))) {
		autoclose int at = ent->d_name[0] == '.' ? FD_NONE : fd_open(apart, ent->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

		if (at >= 0)
			r = put_running_in(at, out);
	}
	return r < 0 ? err_sys(e, r, "read '%s'", c->rundir) : 0;
}

/* Trouble with the helper, in its own words. */
static int told(struct err *e, int status, const struct buf *log)
{
	char text[512];
	const char *line = buf_str(log);

	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
	return err_set(e, ERR_SYSTEM, EIO, "nftables refused the ruleset (%d): %s", status, text[0] ? text : "without a word");
}

static int run_nft(struct coppice *c, const struct buf *text, const struct network *nets, size_t count, struct err *e)
{
	autodone(buf_done) struct buf log = BUF_INIT;
	autodone(arena_done) struct arena a = ARENA_INIT;
	autoclose int in = FD_NONE;
	char path[512];
	const char **argv = arena_alloc(&a, (count + 3) * sizeof(*argv));
	struct proc_run run = {.cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(HELPER_MS)};
	int status = 0, r = engine_helper("coppice-nft", path, e);

	if (r < 0)
		return r;
	if (!argv || buf_failed(text))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	argv[0] = path;
	argv[1] = "apply";
	for (size_t i = 0; i < count; i++)
		argv[i + 2] = nets[i].bridge;
	in = fd_sealed("coppice-ruleset", buf_str(text), text->len);
	if (in < 0)
		return err_sys(e, in, "pack the ruleset");
	run.argv = argv;
	run.in_fd = in;
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", path);
	if (status == 3 && c->note)
		c->note(c->note_data,
			"networks: a chain of another program drops what is forwarded, and no exception could be put into it");
	return status == 0 || status == 3 ? 0 : told(e, status, &log);
}

/* One transaction: the rules of all networks as they are written down. @fresh: with the elements of everybody who runs, and no others. */
int engine_network_ruleset(struct coppice *c, const struct networks *n, bool fresh, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	autodone(buf_done) struct buf text = BUF_INIT;
	struct network *nets = NULL;
	size_t count = 0;
	int r = network_list(n, &a, &nets, &count, e);

	if (r < 0)
		return r;
	engine_trace(c, "apply the ruleset of %zu networks", count);
	if (count == 0) {
		network_ruleset_remove(&text);
	} else {
		network_ruleset(nets, count, &text);
		if (fresh) {
			network_ruleset_empty(&text);
			r = put_running(c, &text, e);
		}
	}
	return r < 0 ? r : run_nft(c, &text, nets, count, e);
}

/* ---- up ---- */

bool engine_network_is_up(const struct network *net)
{
	return netdev_index(net->bridge) > 0;
}

static int have_tables(void)
{
	int r = netdev_nft_table(NFPROTO_INET, "coppice");

	return r == 1 ? netdev_nft_table(NFPROTO_BRIDGE, "coppice") : r;
}

static int make_bridge(struct coppice *c, const struct network *net, struct err *e)
{
	struct plan p = {0};
	struct step *st = plan_add(&p, STEP_BRIDGE);
	char helper[512], ipv4[IP_TEXT], ipv6[IP_TEXT], text[IP_MAC_TEXT];
	uint8_t mac[6];
	int r = engine_helper("coppice-net", helper, e);

	if (r == 0 && !st)
		r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (r == 0) {
		engine_trace(c, "bring up bridge '%s'", net->bridge);
		network_mac(net, mac);
		st->text[0] = net->bridge;
		st->text[1] = net->ipv4.family ? ip_format_prefix(&net->ipv4, ipv4) : NULL;
		st->text[2] = net->ipv6.family ? ip_format_prefix(&net->ipv6, ipv6) : NULL;
		st->text[3] = ip_mac_format(mac, text);
		st->number[0] = net->mtu ? net->mtu : 1500; /* said, or it would follow its ports */
		st->number[1] = net->internal ? 0 : PLAN_BRIDGE_FORWARD;
		r = apply_net(helper, &p, 0, p.count, FD_NONE, "apply", clock_deadline(HELPER_MS), e);
		if (r < 0 && e)
			e->step = 0; /* of a plan that nobody has seen */
	}
	plan_done(&p);
	return r;
}

/* A host that cannot do it is told what can be done without. */
static int cannot(struct err *e, const char *name)
{
	(void)err_wrap(e, "bring up network '%s'", name);
	if (e && (e->kind == ERR_UNSUPPORTED || e->kind == ERR_SYSTEM || e->kind == ERR_DENIED))
		return err_hint(e, "coppice doctor; --network empty makes a container without a network");
	return e ? -e->code : -EIO;
}

static int bring_up(struct coppice *c, const struct networks *n, const struct network *net, struct err *e)
{
	int tables = have_tables(), r;

	if (tables < 0)
		return err_set(e, ERR_UNSUPPORTED, -tables, "this kernel has no nf_tables");
	r = make_bridge(c, net, e);
	if (r == 0)
		r = engine_network_ruleset(c, n, tables == 0, e);
	if (r == 0)
		r = engine_dhcp_sync(c, n, net, e);
	return r < 0 ? r : write_marker(c, net, e);
}

static bool is_ready(struct coppice *c, const struct network *net)
{
	return engine_network_is_up(net) && have_tables() == 1 && has_marker(c, net);
}

int engine_network_renew(struct coppice *c, struct networks *n, const struct network *net, struct err *e)
{
	autoclose int lock = engine_network_lock(c, ".lock", true, clock_deadline(ENGINE_LOCK_MS), e);
	int r = lock < 0 ? lock : bring_up(c, n, net, e);

	return r < 0 ? cannot(e, net->name) : 0;
}

int engine_network_up(struct coppice *c, const char *name, struct network *ret, struct err *e)
{
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	autoclose int lock = FD_NONE;
	int r = engine_state(c, e);

	if (r == 0)
		r = engine_networks(c, &n, e);
	if (r == 0)
		r = engine_network_get(c, &n, name, ret, e);
	if (r < 0 || is_ready(c, ret))
		return r;
	lock = engine_network_lock(c, ".lock", true, clock_deadline(ENGINE_LOCK_MS), e);
	if (lock < 0)
		return lock;
	r = network_read(&n, name, ret, e); /* it may have been edited while we waited */
	if (r < 0 || is_ready(c, ret))
		return r;
	r = bring_up(c, &n, ret, e);
	return r < 0 ? cannot(e, name) : 0;
}

/* For a monitor that has found them gone. Whoever is first does it for all. */
int coppice_healer_main(int argc, char **argv)
{
	autodone(networks_close) struct networks n = {.dir = FD_NONE};
	const struct coppice_options o = {.root = argc > 2 ? argv[2] : NULL, .lxcpath = argc > 3 ? argv[3] : NULL, .rundir = argc > 4 ? argv[4] : NULL};
	autoclose int lock = FD_NONE;
	struct coppice *c = NULL;
	struct err e = {0};
	int r = argc == 5 ? coppice_open(&o, &c, &e) : -EINVAL;

	if (r == 0)
		r = engine_networks(c, &n, &e);
	if (r == 0) {
		lock = engine_network_lock(c, ".lock", true, clock_deadline(ENGINE_LOCK_MS), &e);
		r = lock < 0 ? lock : have_tables();
	}
	if (r == 0)
		r = engine_network_ruleset(c, &n, true, &e);
	coppice_close(&c);
	return r < 0;
}

int engine_network_down(struct coppice *c, struct networks *n, const char *name, struct err *e)
{
	autoclose int lock = engine_network_lock(c, ".lock", true, clock_deadline(ENGINE_LOCK_MS), e);
	autoclose int dir = FD_NONE;
	int r;

	if (lock < 0)
		return lock;
	engine_dhcp_stop(c->rundir, name);
	r = netdev_bridge_delete(name);
	if (r < 0)
		return err_sys(e, r, "remove bridge '%s'", name);
	if (have_tables() == 1) {
		r = engine_network_ruleset(c, n, false, e);
		if (r < 0)
			return r;
	}
	dir = run_dir(c, NULL, e);
	r = dir < 0 ? dir : path_remove_tree(dir, name);
	return r < 0 ? err_sys(e, r, "remove '%s/.networks/%s'", c->rundir, name) : 0;
}
