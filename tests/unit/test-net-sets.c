/* Bridges of managed networks, guards and published ports in nftables, and the helper program killed at any moment. */
#include "unit/net-fixture.h"

#include "base/msg.h"

#include <sys/wait.h>
#include <time.h>

#define UP PLAN_NIC_UP

/* ---- bridges ---- */

static void a_bridge_is_made_once(void **state)
{
	struct link l;
	unsigned index;

	(void)state;
	bridge("coppice0", "10.87.0.1/16", "fd42:1::1/64", "02:11:22:33:44:55", 1450, PLAN_BRIDGE_FORWARD | PLAN_BRIDGE_LOCALNET);
	applies();
	assert_true(find_link(world.host, "coppice0", &l));
	assert_string_equal(l.kind, "bridge");
	assert_int_equal(l.mtu, 1450);
	assert_int_equal(l.mac[5], 0x55);
	assert_int_equal(l.forward_delay, 0);
	assert_false(l.stp);
	assert_false(l.snooping);
	assert_true(l.flags & IFF_UP);
	assert_true(shows(world.host, "ip", "addr show dev coppice0", "inet 10.87.0.1/16 brd 10.87.255.255 scope global coppice0"));
	assert_true(shows(world.host, "ip", "addr show dev coppice0", "inet6 fd42:1::1/64 scope global nodad"));
	assert_true(link_sysctl_is(FD_NONE, "ipv4/ip_forward", "", "1"));
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/all/forwarding", "", "1"));
	assert_true(link_sysctl_is(FD_NONE, "ipv4/conf/%s/route_localnet", "coppice0", "1"));
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_ra", "coppice0", "0"));
	index = l.index;
	applies();
	assert_true(find_link(world.host, "coppice0", &l) && l.index == index);
	undoes();
	assert_false(exists(world.host, "coppice0"));
	undoes();
}

static void without_flags_nothing_is_forwarded(void **state)
{
	char text[16];

	(void)state;
	assert_true(fd_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", text, sizeof(text)) > 0);
	bridge("br0", "10.87.0.1/16", "fd42:1::1/64", NULL, 0, 0);
	applies();
	assert_true(link_sysctl_is(FD_NONE, "ipv4/ip_forward", "", text));
	assert_true(link_sysctl_is(FD_NONE, "ipv4/conf/%s/route_localnet", "br0", "0"));
}

static void an_edited_network_moves_its_bridge(void **state)
{
	struct link l;

	(void)state;
	bridge("br0", "10.87.0.1/16", "fd42:1::1/64", "02:11:22:33:44:55", 1500, 0);
	applies();
	/* a person's own stays */
	does(world.host, "ip", "addr add 192.168.5.1/24 dev br0");
	does(world.host, "ip", "link set br0 down");
	fresh();
	bridge("br0", "10.87.0.1/24", "fd42:2::1/64", "02:11:22:33:44:66", 1400, 0);
	applies();
	assert_true(shows(world.host, "ip", "addr show dev br0", "10.87.0.1/24"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "fd42:2::1/64"));
	assert_true(lacks(world.host, "ip", "addr show dev br0", "10.87.0.1/16"));
	assert_true(lacks(world.host, "ip", "addr show dev br0", "fd42:1::1/64"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "192.168.5.1/24"));
	assert_true(find_link(world.host, "br0", &l));
	assert_int_equal(l.mtu, 1400);
	assert_int_equal(l.mac[5], 0x66);
	assert_true(l.flags & IFF_UP);
	fresh();
	bridge("br0", NULL, NULL, NULL, 1400, 0);
	applies();
	assert_true(lacks(world.host, "ip", "addr show dev br0", "10.87.0.1"));
}

static void an_existing_bridge_is_adopted(void **state)
{
	(void)state;
	does(world.host, "ip", "link add br0 type bridge stp_state 1 forward_delay 300");
	bridge("br0", "10.87.0.1/16", NULL, NULL, 0, 0);
	applies();
	assert_true(shows(world.host, "ip", "-d link show dev br0", "forward_delay 0 "));
	assert_true(shows(world.host, "ip", "-d link show dev br0", "stp_state 0"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "10.87.0.1/16"));
}

static void another_thing_of_that_name(void **state)
{
	autofree char *before = NULL, *after = NULL;

	(void)state;
	does(world.host, "ip", "link add br0 type veth peer name br1");
	before = snapshot(world.host);
	bridge("br0", "10.87.0.1/16", NULL, NULL, 0, 0);
	refuses(ERR_STATE, 1, "'br0' is there already and is not a bridge but a device of type veth");
	assert_string_equal(world.e.hint, "ip -d link show br0");
	undoes();
	after = snapshot(world.host);
	assert_string_equal(before, after);
	fresh();
	bridge("br2", "10.87.0.1/16", NULL, "01:00:00:00:00:01", 0, 0);
	refuses(ERR_INPUT, 1, "hardware address");
	fresh();
	bridge("br2", "fd00::1/64", NULL, NULL, 0, 0);
	refuses(ERR_INPUT, 1, "address 'fd00::1/64' is malformed");
	fresh();
	bridge("br2", "10.87.0.1/16", NULL, NULL, 70000, 0);
	refuses(ERR_INPUT, 1, "an MTU of 70000");
}

/* A host whose IPv6 comes from router advertisements keeps its way out when we turn on forwarding. */
static void advertised_routes_are_kept(void **state)
{
	(void)state;
	does(world.host, "ip", "link add up0 up type veth peer name up1");
	does(world.host, "ip", "link set up1 up");
	does(world.host, "ip", "-6 addr add fd09::2/64 dev up0 nodad");
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", "0"), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/up0/accept_ra", "1"), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/up1/accept_ra", "1"), 0);
	does(world.host, "ip", "-6 route add default via fd09::1 dev up0 proto ra");
	bridge("br0", NULL, "fd42:1::1/64", NULL, 0, PLAN_BRIDGE_FORWARD);
	applies();
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_ra", "up0", "2"));
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_ra", "up1", "1"));
	assert_true(shows(world.host, "ip", "-6 route", "default via fd09::1 dev up0"));
}

/* New interfaces have no IPv6 here unless one asks: being given such an address is asking. */
static void where_ipv6_is_off_by_default(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		be_in(i ? world.host : world.inside);
		assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"), 0);
		assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"), 0);
	}
	bridge("br0", NULL, "fd42:1::1/64", NULL, 0, 0);
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "fd42:1::2/64", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "::/0", "fd42:1::1", NULL, NULL);
	applies();
	assert_true(shows(world.host, "ip", "addr show dev br0", "fd42:1::1/64"));
	assert_true(shows(world.inside, "ip", "addr show dev eth0", "fd42:1::2/64"));
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/disable_ipv6", "cp1", "1"));
}

static void a_failed_job_takes_its_bridge_with_it(void **state)
{
	(void)state;
	bridge("br0", "10.87.0.1/16", NULL, NULL, 0, 0);
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.87.0.2/16", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "10.87.0.2/16", NULL, NULL, NULL);
	refuses(ERR_EXISTS, 4, "add 10.87.0.2/16 to 'eth0'");
	assert_false(exists(world.host, "br0"));
	/* one that others found useful stays, and so it does when a container goes */
	world.plan.count = 3;
	applies();
	undoes();
	assert_true(exists(world.host, "br0"));
	assert_false(exists(world.host, "cp1"));
}

/* ---- elements ---- */

static const char ruleset[] =
	"table inet coppice {\n"
	" map publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	" map publish4_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	" map publish6 { type inet_proto . inet_service : ipv6_addr . inet_service; }\n"
	" map publish6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }\n"
	" chain pre { type nat hook prerouting priority dstnat; dnat ip to meta l4proto . th dport map @publish4; }\n"
	"}\n"
	"table bridge coppice {\n"
	" set guarded { type ifname; }\n"
	" set macs { type ifname . ether_addr; }\n"
	" set ips4 { type ifname . ipv4_addr; }\n"
	" set ips6 { type ifname . ipv6_addr; }\n"
	"}\n";

static void load(const char *text)
{
	const char *const argv[] = {tool("nft"), "-f", "-", NULL};
	struct buf log = BUF_INIT;
	autoclose int in = fd_sealed("ruleset", text, strlen(text));
	struct proc_run run = {.argv = argv, .in_fd = in, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(20000)};
	int status = -1;

	assert_int_equal(proc_run(&run, &status), 0);
	if (status) {
		(void)printf("# SKIP nftables cannot load the tables here: %s", buf_str(&log));
		buf_done(&log);
		skip();
	}
	buf_done(&log);
}

static char *elements(void)
{
	return said_by(world.host, "nft", "list ruleset");
}

static void guarded(const char *peer, const char *mac, const char *ipv4, const char *ipv6)
{
	nic("veth", "eth0", "br0", peer, 0, UP, 0);
	step(STEP_NIC_HW, mac, NULL, NULL, NULL);
	step(STEP_NIC_GUARD, mac, ipv4, ipv6, NULL);
}

static void a_guard(void **state)
{
	autofree char *empty = NULL, *after = NULL;

	(void)state;
	load(ruleset);
	empty = elements();
	bridge("br0", NULL, NULL, NULL, 0, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", "fd42:1::2/64");
	applies();
	assert_true(shows(world.host, "nft", "list set bridge coppice guarded", "elements = { \"cp1\" }"));
	assert_true(shows(world.host, "nft", "list set bridge coppice macs", "elements = { \"cp1\" . 00:16:3e:01:02:03 }"));
	assert_true(shows(world.host, "nft", "list set bridge coppice ips4", "elements = { \"cp1\" . 10.87.0.2 }"));
	assert_true(shows(world.host, "nft", "list set bridge coppice ips6", "\"cp1\" . fd42:1::2"));
	assert_true(shows(world.host, "nft", "list set bridge coppice ips6", "\"cp1\" . fe80::216:3eff:fe01:203"));
	undoes();
	undoes();
	after = elements();
	assert_string_equal(empty, after);
}

static void a_guard_without_one_family(void **state)
{
	(void)state;
	load(ruleset);
	bridge("br0", NULL, NULL, NULL, 0, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", NULL);
	applies();
	assert_true(shows(world.host, "nft", "list set bridge coppice ips4", "10.87.0.2"));
	assert_true(shows(world.host, "nft", "list set bridge coppice ips6", "elements = { \"cp1\" . fe80::216:3eff:fe01:203 }"));
}

static void what_an_older_guard_left_goes(void **state)
{
	(void)state;
	load(ruleset);
	load("add element bridge coppice guarded { \"cp1\", \"cp11\" }\nadd element bridge coppice macs { \"cp1\" . 02:02:02:02:02:02, \"cp11\" . 02:02:02:02:02:02 }\n"
	     "add element bridge coppice ips4 { \"cp1\" . 1.2.3.4, \"cp11\" . 1.2.3.4 }\n");
	bridge("br0", NULL, NULL, NULL, 0, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", NULL);
	applies();
	assert_true(lacks(world.host, "nft", "list set bridge coppice ips4", "\"cp1\" . 1.2.3.4"));
	assert_true(shows(world.host, "nft", "list set bridge coppice ips4", "\"cp1\" . 10.87.0.2"));
	assert_true(lacks(world.host, "nft", "list set bridge coppice macs", "\"cp1\" . 02:02:02:02:02:02"));
	/* another interface's are none of ours */
	assert_true(shows(world.host, "nft", "list set bridge coppice ips4", "\"cp11\" . 1.2.3.4"));
}

static void ports(void **state)
{
	autofree char *empty = NULL, *after = NULL;

	(void)state;
	load(ruleset);
	empty = elements();
	port(NULL, "10.87.0.2", "tcp", 8080, 80, 1);
	port(NULL, "10.87.0.2", "udp", 5000, 6000, 3);
	port("127.0.0.1", "10.87.0.2", "tcp", 8080, 81, 1);
	port(NULL, "fd42:1::2", "tcp", 8080, 80, 1);
	port("::1", "fd42:1::2", "tcp", 8080, 82, 1);
	applies();
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 8080 : 10.87.0.2 . 80"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "17 . 5002 : 10.87.0.2 . 6002"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4_at", "127.0.0.1 . 6 . 8080 : 10.87.0.2 . 81"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish6", "6 . 8080 : fd42:1::2 . 80"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish6_at", "::1 . 6 . 8080 : fd42:1::2 . 82"));
	/* the same again is no change */
	applies();
	undoes();
	undoes();
	/* the bridge is not the ports' to take along */
	bridge("br0", "10.87.0.1/16", NULL, NULL, 0, PLAN_BRIDGE_LOCALNET);
	applies();
	undoes();
	assert_true(exists(world.host, "br0"));
	after = elements();
	assert_string_equal(empty, after);
}

static void a_thousand_ports(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	autofree char *empty = NULL, *after = NULL;
	bool all = false;

	(void)state;
	load(ruleset);
	empty = elements();
	port(NULL, "10.87.0.2", "tcp", 20000, 30000, 1024);
	port("10.1.1.1", "10.87.0.2", "udp", 20000, 30000, 1024);
	applies();
	/* a listing skips elements while the kernel's table grows */
	for (unsigned i = 0; i < 100 && !all; i++) {
		autofree char *full = said_by(world.host, "nft", "-n list ruleset");

		all = strstr(full ?: "", "6 . 21023 : 10.87.0.2 . 31023") && strstr(full ?: "", "10.1.1.1 . 17 . 21023 : 10.87.0.2 . 31023");
		if (!all)
			(void)nanosleep(&pause, NULL);
	}
	assert_true(all);
	undoes();
	after = elements();
	assert_string_equal(empty, after);
}

static void a_port_that_is_taken(void **state)
{
	(void)state;
	load(ruleset);
	port(NULL, "10.87.0.9", "tcp", 8085, 80, 1);
	applies();
	fresh();
	port(NULL, "10.87.0.2", "udp", 1, 1, 1);
	port(NULL, "10.87.0.2", "tcp", 8080, 8080, 10);
	refuses(ERR_BUSY, 2, "port 8085/tcp is published already, to 10.87.0.9 port 80");
	assert_int_equal(world.e.code, EADDRINUSE);
	assert_string_equal(world.e.hint, "coppice port list");
	/* nothing of the job is left, and the other's is as it was */
	assert_true(lacks(world.host, "nft", "list ruleset", "10.87.0.2"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 8085 : 10.87.0.9 . 80"));
	undoes();
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 8085 : 10.87.0.9 . 80"));
}

static void an_address_begins_without_old_ports(void **state)
{
	(void)state;
	load(ruleset);
	load("add element inet coppice publish4 { tcp . 1000 : 10.87.0.2 . 10, tcp . 2000 : 10.87.0.22 . 20 }\n"
	     "add element inet coppice publish4_at { 127.0.0.1 . tcp . 1000 : 10.87.0.2 . 10 }\n");
	bridge("br0", NULL, NULL, NULL, 0, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", NULL);
	port(NULL, "10.87.0.2", "tcp", 1000, 77, 1);
	port(NULL, "10.87.0.2", "tcp", 1001, 78, 1);
	applies();
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 1000 : 10.87.0.2 . 77"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 1001 : 10.87.0.2 . 78"));
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 2000 : 10.87.0.22 . 20"));
	assert_true(lacks(world.host, "nft", "-n list map inet coppice publish4_at", "elements"));
	/* ports that are added to a running container leave the others alone */
	fresh();
	port(NULL, "10.87.0.2", "tcp", 1002, 79, 1);
	applies();
	assert_true(shows(world.host, "nft", "-n list map inet coppice publish4", "6 . 1000 : 10.87.0.2 . 77"));
}

static void a_ruleset_that_is_gone(void **state)
{
	autofree char *before = NULL, *after = NULL;

	(void)state;
	before = snapshot(world.host);
	bridge("br0", NULL, NULL, NULL, 0, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", NULL);
	refuses(ERR_MISSING, 4, "the ruleset of the managed networks is gone");
	assert_int_equal(world.e.code, ENOENT);
	after = snapshot(world.host);
	assert_string_equal(before, after);
	undoes();
	fresh();
	port(NULL, "10.87.0.2", "tcp", 1000, 77, 1);
	refuses(ERR_MISSING, 1, "the ruleset of the managed networks is gone");
	assert_int_equal(world.e.code, ENOENT);
	undoes();
	load("table bridge coppice { set guarded { type ifname; }\n }\n");
	fresh();
	bridge("br0", NULL, NULL, NULL, 0, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", NULL);
	refuses(ERR_MISSING, 4, "gone");
	assert_true(lacks(world.host, "nft", "list ruleset", "cp1"));
}

/* ---- the program ---- */

/* Starts coppice-net with the plan; the socket gets its verdict. */
static pid_t start_helper(const char *action, int netns, int *ret_sock)
{
	struct buf wire = BUF_INIT;
	int pair[2], plan;
	pid_t pid;

	assert_int_equal(plan_encode(&world.plan, &wire), 0);
	plan = fd_sealed("plan", wire.data, wire.len);
	buf_done(&wire);
	assert_true(plan >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* out of the way of 3 and 4 first */
		int sock = fcntl(pair[1], F_DUPFD, 40), ns = netns >= 0 ? fcntl(netns, F_DUPFD, 40) : FD_NONE;

		(void)dup2(plan, 0);
		(void)dup2(sock, 3);
		if (ns >= 0)
			(void)dup2(ns, 4);
		fd_close_range(ns >= 0 ? 5 : 4, ~0u);
		(void)execl(NET_PATH, "coppice-net", action, NULL);
		_exit(127);
	}
	fd_close(&plan);
	fd_close(&pair[1]);
	*ret_sock = pair[0];
	return pid;
}

static void helper(const char *action, enum msg_type want)
{
	struct msg m = {0};
	int sock, status;
	pid_t pid = start_helper(action, world.inside, &sock);

	assert_int_equal(msg_recv(sock, clock_deadline(20000), &m, NULL, 0), 1);
	if (m.type != (uint32_t)want)
		fail_msg("%s: %s", action, m.err.why);
	world.e = m.err;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), want == MSG_OK ? 0 : 1);
	fd_close(&sock);
}

static void full_plan(void)
{
	fresh();
	bridge("br0", "10.87.0.1/16", "fd42:1::1/64", "02:11:22:33:44:55", 1500, 0);
	guarded("cp1", "00:16:3e:01:02:03", "10.87.0.2/16", "fd42:1::2/64");
	step(STEP_NIC_ADDRESS, "10.87.0.2/16", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "fd42:1::2/64", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "10.87.0.1", NULL, NULL);
	nic("phys", "eth1", "phys0", NULL, 0, UP, 0);
	port(NULL, "10.87.0.2", "tcp", 8080, 80, 10);
}

static void the_program_reports(void **state)
{
	int sock, status;
	struct msg m;
	pid_t pid;

	(void)state;
	load(ruleset);
	does(world.host, "ip", "link add phys0 type veth peer name other");
	full_plan();
	helper("apply", MSG_OK);
	assert_true(shows(world.inside, "ip", "route", "default via 10.87.0.1 dev eth0"));
	assert_true(exists(world.inside, "eth1"));
	helper("undo", MSG_OK);
	assert_true(exists(world.host, "phys0"));
	world.plan.steps[1].text[2] = "br9";
	helper("apply", MSG_FAIL);
	assert_int_equal(world.e.step, 2);
	assert_int_equal(world.e.kind, ERR_MISSING);
	assert_string_equal(world.e.why, "bridge 'br9' of 'eth0' does not exist");
	pid = start_helper("dance", world.inside, &sock);
	assert_int_equal(msg_recv(sock, clock_deadline(20000), &m, NULL, 0), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 2);
	fd_close(&sock);
}

/* Containers that start at the same moment all find the bridge of their network, whoever makes it. */
static void many_at_once(void **state)
{
	enum { MANY = 12 };
	int ns[MANY], sock[MANY], status;
	char names[MANY][16], addresses[MANY][IP_TEXT];
	pid_t pid[MANY];

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			ns[i] = new_ns();
			be_in(world.host);
			(void)snprintf(names[i], sizeof(names[i]), "cp%u", i);
			(void)snprintf(addresses[i], sizeof(addresses[i]), "10.87.0.%u/16", i + 2);
			fresh();
			bridge("br0", "10.87.0.1/16", "fd42:1::1/64", "02:11:22:33:44:55", 1400, PLAN_BRIDGE_FORWARD);
			nic("veth", "eth0", "br0", names[i], 0, UP | PLAN_NIC_MANAGED, 0);
			step(STEP_NIC_ADDRESS, addresses[i], NULL, NULL, NULL);
			pid[i] = start_helper("apply", ns[i], &sock[i]);
		}
		for (unsigned i = 0; i < MANY; i++) {
			struct msg m = {0};

			assert_int_equal(msg_recv(sock[i], clock_deadline(20000), &m, NULL, 0), 1);
			if (m.type != MSG_OK)
				fail_msg("%s", m.err.why);
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			fd_close(&sock[i]);
			assert_true(exists(ns[i], "eth0"));
			fd_close(&ns[i]);
		}
		assert_true(shows(world.host, "ip", "addr show dev br0", "10.87.0.1/16"));
		assert_true(shows(world.host, "ip", "addr show dev br0", "mtu 1400"));
		fresh();
		bridge("br0", NULL, NULL, NULL, 0, 0);
		undoes();
	}
}

/* Killed at any moment, an undo leaves nothing behind. */
static void killed_at_any_moment(void **state)
{
	autofree char *before = NULL, *inside = NULL, *rules = NULL;
	unsigned killed = 0;

	(void)state;
	load(ruleset);
	does(world.host, "ip", "link add phys0 type veth peer name other");
	bridge("br0", "10.87.0.1/16", "fd42:1::1/64", "02:11:22:33:44:55", 1500, 0);
	applies();
	before = snapshot(world.host);
	inside = snapshot(world.inside);
	rules = elements();
	full_plan();
	for (unsigned i = 0; i < 60; i++) {
		struct timespec pause = {.tv_nsec = 200000 + 70000 * (long)i};
		autofree char *after = NULL, *inside_after = NULL, *rules_after = NULL;
		int sock, status;
		pid_t pid = start_helper("apply", world.inside, &sock);

		(void)nanosleep(&pause, NULL);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		fd_close(&sock);
		helper("undo", MSG_OK);
		after = snapshot(world.host);
		assert_string_equal(before, after);
		inside_after = snapshot(world.inside);
		assert_string_equal(inside, inside_after);
		rules_after = elements();
		assert_string_equal(rules, rules_after);
	}
	assert_true(killed > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_bridge_is_made_once), T(without_flags_nothing_is_forwarded), T(an_edited_network_moves_its_bridge), T(an_existing_bridge_is_adopted),
		T(another_thing_of_that_name), T(advertised_routes_are_kept), T(where_ipv6_is_off_by_default), T(a_failed_job_takes_its_bridge_with_it), T(a_guard), T(a_guard_without_one_family),
		T(what_an_older_guard_left_goes), T(ports), T(a_thousand_ports), T(a_port_that_is_taken), T(an_address_begins_without_old_ports),
		T(a_ruleset_that_is_gone), T(the_program_reports), T(many_at_once), T(killed_at_any_moment),
	};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
