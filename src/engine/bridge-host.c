/* bridge-host.c - the host's own interface moves to a bridge, and back by itself when nobody confirms.
 *
 * Whoever does this over the network may cut himself off, so the command is not trusted to be there afterwards: a process of its own makes
 * the move, waits, and takes it back unless the state file was removed meanwhile, which is what confirming is. Confirming and taking back
 * hold the same lock, so that exactly one of them happens. RUNDIR/.networks/.bridges/BRIDGE.state is what the network helper needs to give
 * everything back. */
#include "engine/network.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "base/path.h"
#include "linux/netdev.h"
#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOVE_MS 20000u
#define LOOK_MS 500 /* how soon the waiting process notices that it is not needed any more */
#define FILE_MAX 40

struct move {
	const char *device, *bridge;
	char helper[512];
	int dir; /* RUNDIR/.networks/.bridges */
	char state[FILE_MAX], lock[FILE_MAX];
	unsigned confirm_s;
};

static int open_dir(struct coppice *c, struct err *e)
{
	char path[320];
	int r = engine_state(c, e), fd;

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/.networks/.bridges", c->rundir);
	r = path_mkdirs(path, 0700);
	fd = r < 0 ? r : fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd < 0 ? err_sys(e, fd, "open '%s'", path) : fd;
}

static int take_lock(const struct move *m, struct err *e)
{
	int fd = lock_take(m->dir, m->lock, true, "bridge-host", clock_deadline(ENGINE_LOCK_MS + MOVE_MS), NULL);

	return fd < 0 ? err_sys(e, fd, "lock bridge '%s'", m->bridge) : fd;
}

static int make_move(const struct move *m, struct err *e)
{
	autoclose int lock = take_lock(m, e);
	autoclose int state = FD_NONE;
	int r;

	if (lock < 0)
		return lock;
	if (unlinkat(m->dir, m->state, 0) < 0 &&
	    errno != ENOENT) /* of a process that was killed; the bridge would be there if it counted */
		return err_sys(e, errno, "remove an old state file");
	state = fd_open(m->dir, m->state, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (state < 0)
		return err_sys(e, state, "make a state file");
	r = apply_net_bridge(m->helper, "bridge-host", m->device, m->bridge, state, clock_deadline(MOVE_MS), e);
	if (r < 0 || m->confirm_s == 0)
		(void)unlinkat(m->dir, m->state, 0);
	return r;
}

/* Nobody confirmed. */
static void take_back(const struct move *m)
{
	struct err ignored = {0};
	autoclose int lock = take_lock(m, &ignored);
	autoclose int state = FD_NONE;

	if (lock < 0)
		return;
	state = fd_open(m->dir, m->state, O_RDWR | O_NOFOLLOW, 0);
	if (state < 0) /* in the last moment somebody did */
		return;
	(void)!apply_net_bridge(m->helper, "bridge-undo", m->device, m->bridge, state, clock_deadline(MOVE_MS), &ignored);
	(void)unlinkat(m->dir, m->state, 0);
}

static NORETURN void wait_for_confirmation(const struct move *m, int report)
{
	uint64_t deadline;
	struct err e = {0};
	int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);

	/* the connection that started this may go away at any time */
	(void)setsid();
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)!chdir("/");
	for (int i = 0; null >= 0 && i < 3; i++)
		(void)dup2(null, i);
	if (make_move(m, &e) < 0) {
		msg_send_fail(report, &e);
		_exit(1);
	}
	deadline = clock_deadline((uint64_t)m->confirm_s * 1000);
	(void)!msg_send(report, MSG_OK, 0, 0, NULL, 0);
	fd_close(&report);
	while (faccessat(m->dir, m->state, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		int left = clock_left_ms(deadline);

		if (left == 0) {
			take_back(m);
			break;
		}
		(void)poll(NULL, 0, left < LOOK_MS ? left : LOOK_MS);
	}
	_exit(0);
}

static int move_and_watch(const struct move *m, struct err *e)
{
	autoclose int report = FD_NONE;
	int pair[2], code, r;
	struct msg msg;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket");
	report = pair[0];
	pid = fork();
	if (pid == 0) {
		fd_close(&report);
		wait_for_confirmation(m, pair[1]);
	}
	code = errno;
	fd_close(&pair[1]);
	if (pid < 0)
		return err_sys(e, code, "fork");
	r = msg_recv(report, clock_deadline(MOVE_MS + 2 * ENGINE_LOCK_MS), &msg, NULL, 0);
	if (r == 1 && msg.type == MSG_OK)
		return 0;
	if (r == 1 && msg.type == MSG_FAIL) {
		*e = msg.err;
		return e->code ? -e->code : -EIO;
	}
	return r < 0 ? err_sys(e, r, "wait for the move") : err_set(e, ERR_SYSTEM, ECHILD, "the process that makes the move has ended");
}

/* ---- the lines that make it last ---- */

struct found {
	char mac[IP_MAC_TEXT], gateway4[IP_TEXT];
	struct ip addresses[16];
	size_t count;
};

static void free_ifaddrs(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

static uint8_t bits_of(const struct sockaddr_in *mask)
{
	return mask ? (uint8_t)__builtin_popcount(mask->sin_addr.s_addr) : 32;
}

static void find_ipv4(const char *bridge, struct found *f)
{
	autodone(free_ifaddrs) struct ifaddrs *list = NULL;

	if (getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *a = list; a && f->count < ARRAY_LEN(f->addresses); a = a->ifa_next) {
		struct ip *to = &f->addresses[f->count];

		if (strcmp(a->ifa_name, bridge) != 0 || !a->ifa_addr || a->ifa_addr->sa_family != AF_INET)
			continue;
		*to = (struct ip){.family = AF_INET, .prefix = bits_of((const struct sockaddr_in *)(const void *)a->ifa_netmask)};
		memcpy(to->bytes, &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr, 4);
		f->count++;
	}
}

/* "20010db8000000000000000000000001 02 40 00 80 br0": address, index, prefix, scope (00 = global), flags (80 = permanent). What a router
 * advertised comes back by itself. */
static void find_ipv6(const char *bridge, struct found *f)
{
	char text[16384], *save = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/net/if_inet6", text, sizeof(text)) <= 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line && f->count < ARRAY_LEN(f->addresses); line = strtok_r(NULL, "\n", &save)) {
		const char *name = strrchr(line, ' ');
		struct ip a = {.family = AF_INET6};
		uint64_t byte, prefix, flags;
		char pair[3] = "";
		bool good = strlen(line) > 44 && name && strcmp(name + 1, bridge) == 0 && strncmp(line + 39, "00", 2) == 0;

		for (int i = 0; good && i < 16; i++) {
			memcpy(pair, line + (ptrdiff_t)2 * i, 2);
			good = parse_u64_base(pair, 16, &byte) == 0;
			a.bytes[i] = (uint8_t)byte;
		}
		memcpy(pair, good ? line + 36 : "", good ? 2 : 1);
		good = good && parse_u64_base(pair, 16, &prefix) == 0;
		memcpy(pair, good ? line + 42 : "", good ? 2 : 1);
		if (!good || parse_u64_base(pair, 16, &flags) < 0 || !(flags & 0x80))
			continue;
		a.prefix = (uint8_t)prefix;
		f->addresses[f->count++] = a;
	}
}

/* The default route of IPv4 through @bridge: "br0 00000000 0101A8C0 0003 ...". */
static void find_gateway(const char *bridge, struct found *f)
{
	char text[32768], *save = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/net/route", text, sizeof(text)) <= 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *part = NULL, *name = strtok_r(line, "\t ", &part), *to = strtok_r(NULL, "\t ", &part),
		     *via = strtok_r(NULL, "\t ", &part);
		struct ip a = {.family = AF_INET, .prefix = 32};
		uint64_t number;
		uint32_t bytes;

		if (!via || strcmp(name, bridge) != 0 || strcmp(to, "00000000") != 0 || parse_u64_base(via, 16, &number) < 0 || number == 0)
			continue;
		bytes = (uint32_t)number;
		memcpy(a.bytes, &bytes, sizeof(bytes));
		(void)ip_format(&a, f->gateway4);
		return;
	}
}

static void find_mac(const char *bridge, struct found *f)
{
	autoclose int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	(void)snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", bridge);
	if (sock >= 0 && ioctl(sock, SIOCGIFHWADDR, &req) == 0)
		(void)ip_mac_format((const uint8_t *)req.ifr_hwaddr.sa_data, f->mac);
}

static void put_ifupdown(const char *device, const char *bridge, const struct found *f, struct buf *b)
{
	char text[IP_TEXT];

	buf_printf(b, "# ifupdown (package bridge-utils): /etc/network/interfaces, instead of what it says of %s\nauto %s\n", device,
		   bridge);
	buf_printf(b, "iface %s inet %s\n    bridge_ports %s\n    bridge_stp off\n    bridge_fd 0\n    hwaddress ether %s\n", bridge,
		   f->count && f->addresses[0].family == AF_INET ? "static" : "manual", device, f->mac);
	for (size_t i = 0; i < f->count; i++) {
		if (f->addresses[i].family == AF_INET)
			buf_printf(b, "    address %s\n", ip_format_prefix(&f->addresses[i], text));
	}
	if (f->gateway4[0])
		buf_printf(b, "    gateway %s\n", f->gateway4);
	for (size_t i = 0; i < f->count; i++)
		if (f->addresses[i].family == AF_INET6)
			buf_printf(b, "iface %s inet6 static\n    address %s\n", bridge, ip_format_prefix(&f->addresses[i], text));
}

static void put_list(const struct found *f, const char *before, const char *between, struct buf *b)
{
	char text[IP_TEXT];

	for (size_t i = 0; i < f->count; i++)
		buf_printf(b, "%s%s", i ? between : before, ip_format_prefix(&f->addresses[i], text));
}

static void put_netplan(const char *device, const char *bridge, const struct found *f, struct buf *b)
{
	buf_printf(b,
		   "\n# netplan: /etc/netplan/60-%s.yaml\nnetwork:\n  version: 2\n  ethernets:\n    %s: {dhcp4: false, dhcp6: false}\n  "
		   "bridges:\n    %s:\n",
		   bridge, device, bridge);
	buf_printf(b, "      interfaces: [%s]\n      macaddress: %s\n      parameters: {stp: false, forward-delay: 0}\n      addresses: [",
		   device, f->mac);
	put_list(f, "\"", "\", \"", b);
	buf_puts(b, f->count ? "\"]\n" : "]\n");
	if (f->gateway4[0])
		buf_printf(b, "      routes: [{to: default, via: %s}]\n", f->gateway4);
}

static void put_networkd(const char *device, const char *bridge, const struct found *f, struct buf *b)
{
	buf_printf(b, "\n# systemd-networkd: /etc/systemd/network/60-%s.netdev\n[NetDev]\nName=%s\nKind=bridge\nMACAddress=%s\n", bridge,
		   bridge, f->mac);
	buf_printf(b, "# /etc/systemd/network/50-%s.network\n[Match]\nName=%s\n[Network]\nBridge=%s\n", device, device, bridge);
	buf_printf(b, "# /etc/systemd/network/60-%s.network\n[Match]\nName=%s\n[Network]\n", bridge, bridge);
	if (f->count) {
		put_list(f, "Address=", "\nAddress=", b);
		buf_putc(b, '\n');
	}
	if (f->gateway4[0])
		buf_printf(b, "Gateway=%s\n", f->gateway4);
}

static char *last_lines(const char *device, const char *bridge)
{
	struct found f = {.mac = "", .gateway4 = ""};
	struct buf b = BUF_INIT;

	find_mac(bridge, &f);
	find_ipv4(bridge, &f);
	find_ipv6(bridge, &f);
	find_gateway(bridge, &f);
	put_ifupdown(device, bridge, &f, &b);
	put_netplan(device, bridge, &f, &b);
	put_networkd(device, bridge, &f, &b);
	buf_puts(&b,
		 "\n# with DHCP leave out addresses and gateway: \"inet dhcp\", \"dhcp4: true\", \"DHCP=yes\" for the bridge instead\n");
	return buf_take(&b);
}

/* ---- the operations ---- */

static int check_names(const char *device, const char *bridge, struct err *e)
{
	char safe[40];

	if (!ip_is_ifname(bridge) || bridge[0] == '.' || strchr(bridge, '/')) {
		format_safe(bridge, safe, sizeof(safe));
		return err_set(e, ERR_INPUT, EINVAL, "'%s' cannot be the name of a bridge", safe);
	}
	if (!ip_is_ifname(device) || netdev_index(device) < 0) {
		format_safe(device, safe, sizeof(safe));
		(void)err_set(e, ERR_MISSING, ENODEV, "there is no network device '%s'", safe);
		return err_hint(e, "ip link show");
	}
	if (netdev_index(bridge) > 0)
		return err_set(e, ERR_EXISTS, EEXIST, "there is a network device '%s' already", bridge);
	return 0;
}

static void name_files(struct move *m)
{
	(void)snprintf(m->state, sizeof(m->state), "%s.state", m->bridge);
	(void)snprintf(m->lock, sizeof(m->lock), "%s.lock", m->bridge);
}

int coppice_network_bridge_host(struct coppice *c, const char *device, const char *bridge, unsigned confirm_s, char **ret_lines,
				struct err *e)
{
	struct move m = {.device = device, .bridge = bridge, .dir = FD_NONE, .confirm_s = confirm_s};
	autoclose int dir = FD_NONE;
	int r = engine_networks_need_root(c, e);

	if (r == 0)
		r = check_names(device, bridge, e);
	if (r == 0)
		r = engine_helper("coppice-net", m.helper, e);
	if (r == 0) {
		dir = m.dir = open_dir(c, e);
		r = dir < 0 ? dir : 0;
	}
	if (r == 0) {
		name_files(&m);
		r = confirm_s ? move_and_watch(&m, e) : make_move(&m, e);
	}
	if (r < 0)
		return err_what(e, "cannot move '%.20s' to a bridge", device);
	*ret_lines = last_lines(device, bridge);
	return *ret_lines ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

int coppice_network_confirm(struct coppice *c, const char *bridge, struct err *e)
{
	struct move m = {.bridge = bridge, .dir = FD_NONE};
	autoclose int dir = FD_NONE;
	autoclose int lock = FD_NONE;
	int r = ip_is_ifname(bridge) && bridge[0] != '.' ? 0 : err_set(e, ERR_INPUT, EINVAL, "this is no name of a bridge");

	if (r == 0) {
		dir = m.dir = open_dir(c, e);
		r = dir < 0 ? dir : 0;
	}
	if (r == 0) {
		name_files(&m);
		lock = take_lock(&m, e);
		r = lock < 0 ? lock : 0;
	}
	if (r == 0 && unlinkat(m.dir, m.state, 0) < 0) {
		r = errno == ENOENT ? err_set(e, ERR_MISSING, ENOENT,
					      "bridge '%s' does not wait for a confirmation: it was confirmed, or is gone already", bridge)
				    : err_sys(e, errno, "remove the state file of bridge '%s'", bridge);
		(void)err_hint(e, "ip address show");
	}
	return r < 0 ? err_what(e, "cannot confirm bridge '%.20s'", bridge) : 0;
}
