/* The interfaces of a container, made for real between two network namespaces of this test's own: every type the kernel has, every error, and undo. */
#include "unit/net-fixture.h"
#include "net/police.h"
#include "unit/scratch.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define UP PLAN_NIC_UP

static struct scratch scratch;

static void make_bridge(const char *name)
{
	struct plan saved = world.plan;

	world.plan = (struct plan){0};
	bridge(name, NULL, NULL, "02:00:00:00:00:01", 0, 0);
	applies();
	plan_done(&world.plan);
	world.plan = saved;
}

/* A veth pair in the host, to be the parent of others. */
static void make_pair(const char *a, const char *b)
{
	char words[128];

	(void)snprintf(words, sizeof(words), "link add %s up type veth peer name %s", a, b);
	does(world.host, "ip", words);
	(void)snprintf(words, sizeof(words), "link set %s up", b);
	does(world.host, "ip", words);
}

/* ---- veth ---- */

static void a_veth_on_a_bridge(void **state)
{
	struct link l, b;
	autofree char *before = NULL, *after = NULL, *inside = snapshot(world.inside), *inside_after = NULL;

	(void)state;
	make_bridge("br0");
	before = snapshot(world.host);
	nic("veth", "eth0", "br0", "cp12345678", 1400, UP, 0);
	step(STEP_NIC_HW, "00:16:3e:01:02:03", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "fd00::2/64", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "10.0.0.1", NULL, NULL);
	step(STEP_NIC_ROUTE, "::/0", "fd00::1", NULL, NULL);
	applies();
	assert_true(find_link(world.host, "br0", &b));
	assert_true(find_link(world.host, "cp12345678", &l));
	assert_int_equal(l.master, b.index);
	assert_int_equal(l.mtu, 1400);
	assert_int_equal(l.mac[0], 0xfe);
	assert_true(l.flags & IFF_UP);
	assert_true(find_link(world.inside, "eth0", &l));
	assert_string_equal(l.kind, "veth");
	assert_int_equal(l.mtu, 1400);
	assert_int_equal(l.mac[5], 3);
	assert_true((l.flags & IFF_UP) && (l.flags & IFF_RUNNING));
	assert_true(shows(world.inside, "ip", "-4 addr show dev eth0", "inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0"));
	assert_true(shows(world.inside, "ip", "-6 addr show dev eth0", "inet6 fd00::2/64 scope global"));
	assert_true(shows(world.inside, "ip", "-4 route", "default via 10.0.0.1 dev eth0"));
	assert_true(shows(world.inside, "ip", "-6 route", "default via fd00::1 dev eth0"));
	assert_false(exists(world.host, "eth0"));
	undoes();
	undoes();
	after = snapshot(world.host);
	assert_string_equal(before, after);
	inside_after = snapshot(world.inside);
	assert_string_equal(inside, inside_after);
}

static void the_mtu_of_the_bridge_is_taken(void **state)
{
	struct link l;

	(void)state;
	bridge("br0", NULL, NULL, NULL, 1340, 0);
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	applies();
	assert_true(find_link(world.inside, "eth0", &l) && l.mtu == 1340);
	assert_true(find_link(world.host, "cp1", &l) && l.mtu == 1340);
}

static void a_veth_by_itself(void **state)
{
	struct link l;

	(void)state;
	nic("veth", "lan", NULL, "hostside", 0, 0, 0);
	step(STEP_NIC_HW, NULL, NULL, NULL, NULL)->number[0] = 2;
	world.plan.steps[1].number[1] = 3;
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", "10.0.0.77", NULL, NULL);
	applies();
	assert_true(find_link(world.inside, "lan", &l));
	assert_false(l.flags & IFF_UP);
	assert_true(shows(world.inside, "ip", "addr show dev lan", "inet 10.0.0.2/24 brd 10.0.0.77"));
	assert_true(shows(world.inside, "ip", "-d link show dev lan", "numtxqueues 3"));
	assert_true(shows(world.inside, "ip", "-d link show dev lan", "numrxqueues 2"));
	assert_true(shows(world.host, "ip", "-d link show dev hostside", "numrxqueues 3"));
	undoes();
	assert_false(exists(world.host, "hostside"));
}

static void several_interfaces(void **state)
{
	(void)state;
	make_bridge("br0");
	make_bridge("br1");
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	nic("veth", "eth1", "br1", "cp2", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.1.0.2/24", NULL, NULL, NULL);
	applies();
	assert_true(shows(world.inside, "ip", "route", "10.0.0.0/24 dev eth0"));
	assert_true(shows(world.inside, "ip", "route", "10.1.0.0/24 dev eth1"));
	undoes();
	assert_false(exists(world.inside, "eth1"));
}

static void a_managed_one_takes_no_advertisements(void **state)
{
	(void)state;
	make_bridge("br0");
	nic("veth", "eth0", "br0", "cp1", 0, UP | PLAN_NIC_MANAGED | PLAN_NIC_ISOLATED, 0);
	step(STEP_NIC_ADDRESS, "fd00::2/64", NULL, NULL, NULL);
	applies();
	be_in(world.inside);
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_ra", "eth0", "0"));
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_dad", "eth0", "0"));
	be_in(world.host);
	assert_true(lacks(world.host, "ip", "-6 addr show dev cp1", "inet6")); /* the port: up, without an address */
	assert_true(shows(world.host, "ip", "link show dev cp1", ",UP"));
	/* usable at once */
	assert_true(lacks(world.inside, "ip", "-6 addr show dev eth0 tentative", "fd00::2"));
	assert_true(shows(world.inside, "ip", "-6 addr show dev eth0", "nodad"));
	assert_true(shows(world.host, "bridge", "-d link show dev cp1", "isolated on"));
}

static void gateways_outside_the_prefix(void **state)
{
	(void)state;
	make_bridge("br0");
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.2/32", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "fd00::2/128", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "192.168.9.1", NULL, NULL);
	step(STEP_NIC_ROUTE, "172.16.0.0/12", "192.168.9.1", NULL, NULL);
	step(STEP_NIC_ROUTE, "fd01::/64", "fd00:9::1", NULL, NULL);
	step(STEP_NIC_ROUTE, "::/0", "fe80::1", NULL, NULL);
	applies();
	assert_true(shows(world.inside, "ip", "-4 route", "192.168.9.1 dev eth0"));
	assert_true(shows(world.inside, "ip", "-4 route", "default via 192.168.9.1 dev eth0"));
	assert_true(shows(world.inside, "ip", "-4 route", "172.16.0.0/12 via 192.168.9.1 dev eth0"));
	assert_true(shows(world.inside, "ip", "-6 route", "fd01::/64 via fd00:9::1 dev eth0"));
	assert_true(shows(world.inside, "ip", "-6 route", "default via fe80::1 dev eth0"));
}

static void routes_by_the_interface(void **state)
{
	(void)state;
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.2/32", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "dev", NULL, NULL);
	step(STEP_NIC_HOST_ROUTE, "10.7.0.0/16", NULL, NULL, NULL);
	step(STEP_NIC_HOST_ROUTE, "fd07::/64", NULL, NULL, NULL);
	applies();
	assert_true(shows(world.inside, "ip", "-4 route", "default dev eth0"));
	assert_true(shows(world.host, "ip", "-4 route", "10.7.0.0/16 dev cp1"));
	assert_true(shows(world.host, "ip", "-6 route", "fd07::/64 dev cp1"));
}

static void a_router(void **state)
{
	const char *const ping[] = {"/bin/ping", "-c1", "-W2", "10.5.0.9", NULL};
	autofree char *said = NULL;

	(void)state;
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", "1"), 0);
	nic("veth", "eth0", NULL, "cp1", 0, UP | PLAN_NIC_ROUTER, 0);
	step(STEP_NIC_ADDRESS, "10.5.0.9/32", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "fd05::9/128", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "169.254.1.1", NULL, NULL);
	step(STEP_NIC_ROUTE, "::/0", "fe80::1", NULL, NULL);
	applies();
	assert_true(shows(world.host, "ip", "-4 route", "10.5.0.9 dev cp1"));
	assert_true(shows(world.host, "ip", "-6 route", "fd05::9 dev cp1"));
	assert_true(shows(world.host, "ip", "addr show dev cp1", "inet 169.254.1.1/32"));
	assert_true(shows(world.host, "ip", "addr show dev cp1", "inet6 fe80::1/128"));
	assert_true(link_sysctl_is(FD_NONE, "ipv4/conf/%s/proxy_arp", "cp1", "1"));
	assert_true(link_sysctl_is(FD_NONE, "ipv4/conf/%s/forwarding", "cp1", "1"));
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/proxy_ndp", "cp1", "1"));
	assert_true(shows(world.inside, "ip", "-4 route", "default via 169.254.1.1 dev eth0"));
	if (access(ping[0], X_OK) == 0 && getuid() == 0) {
		does(world.host, "ip", "link set lo up");
		does(world.host, "ip", "addr add 10.4.0.1/32 dev lo");
		said = output(world.host, ping);
		assert_non_null(strstr(said, "1 received"));
	}
	undoes();
	assert_false(exists(world.host, "cp1"));
}

static void a_router_with_a_gateway_of_the_users(void **state)
{
	(void)state;
	nic("veth", "eth0", NULL, "cp1", 0, UP | PLAN_NIC_ROUTER, 0);
	step(STEP_NIC_ADDRESS, "10.5.0.9/24", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "10.5.0.1", NULL, NULL);
	applies();
	assert_true(shows(world.host, "ip", "neigh show proxy", "10.5.0.1 dev cp1"));
	fresh();
	nic("veth", "eth1", NULL, "cp2", 0, UP | PLAN_NIC_ROUTER, 0);
	step(STEP_NIC_ADDRESS, "fd05::9/128", NULL, NULL, NULL);
	refuses(ERR_STATE, 1, "does not forward IPv6");
	assert_string_equal(world.e.hint, "sysctl -w net.ipv6.conf.all.forwarding=1");
	assert_false(exists(world.host, "cp2"));
}

static void a_name_is_held_by_a_dying_pair(void **state)
{
	const struct timespec pause = {.tv_nsec = 200000000};
	int pipe_fd[2];
	char words[128];
	char byte = 'x';
	pid_t pid;

	(void)state;
	/* the pair's other end lives in a namespace that goes while the job waits */
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == 0 && write(pipe_fd[1], &byte, 1) == 1)
			(void)nanosleep(&pause, NULL);
		_exit(0);
	}
	assert_int_equal(read(pipe_fd[0], &byte, 1), 1);
	(void)snprintf(words, sizeof(words), "link add cp1 type veth peer name x netns %d", (int)pid);
	does(world.host, "ip", words);
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	applies();
	assert_true(exists(world.inside, "eth0"));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fd_close(&pipe_fd[0]);
	fd_close(&pipe_fd[1]);
}

/* ---- other types ---- */

static void macvlan_in_all_modes(void **state)
{
	static const char *const names[SPEC_MACVLAN_COUNT] = {"private", "vepa", "bridge", "passthru"};
	char want[64];

	(void)state;
	make_pair("up0", "up1");
	for (unsigned mode = 0; mode < SPEC_MACVLAN_COUNT; mode++) {
		autofree char *before = snapshot(world.host), *after = NULL;

		fresh();
		nic("macvlan", "eth0", "up0", NULL, 1450, UP, mode);
		if (mode != SPEC_MACVLAN_PASSTHRU)
			step(STEP_NIC_HW, "00:16:3e:01:02:03", NULL, NULL, NULL);
		step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
		step(STEP_NIC_ROUTE, "0.0.0.0/0", "10.0.0.1", NULL, NULL);
		if (run_job(false, world.inside) < 0 && world.e.kind == ERR_UNSUPPORTED)
			skip_because("no macvlan here");
		assert_int_equal(world.e.code, 0);
		(void)snprintf(want, sizeof(want), "macvlan mode %s", names[mode]);
		assert_true(shows(world.inside, "ip", "-d link show dev eth0", want));
		assert_true(shows(world.inside, "ip", "-d link show dev eth0", "mtu 1450"));
		assert_true(shows(world.inside, "ip", "route", "default via 10.0.0.1"));
		undoes();
		undoes();
		assert_false(exists(world.inside, "eth0"));
		after = snapshot(world.host);
		assert_string_equal(before, after);
	}
}

static void ipvlan_in_all_modes(void **state)
{
	static const char *const modes[SPEC_IPVLAN_COUNT] = {"mode l3 ", "mode l3s", "mode l2"};
	static const char *const kinds[SPEC_IPVLAN_ISOLATION_COUNT] = {"bridge", "private", "vepa"};

	(void)state;
	make_pair("up0", "up1");
	for (unsigned mode = 0; mode < SPEC_IPVLAN_COUNT; mode++)
		for (unsigned kind = 0; kind < SPEC_IPVLAN_ISOLATION_COUNT; kind++) {
			fresh();
			nic("ipvlan", "eth0", "up0", NULL, 0, UP, mode | kind << 8);
			step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
			if (run_job(false, world.inside) < 0 && world.e.kind == ERR_UNSUPPORTED) {
				assert_string_equal(world.e.hint, "modprobe ipvlan");
				assert_non_null(strstr(world.e.why, "this kernel has no interfaces of type ipvlan"));
				skip_because("no ipvlan here");
			}
			if (world.e.code)
				fail_msg("%s", world.e.why);
			assert_true(shows(world.inside, "ip", "-d link show dev eth0", modes[mode]));
			assert_true(shows(world.inside, "ip", "-d link show dev eth0", kinds[kind]));
			undoes();
			assert_false(exists(world.inside, "eth0"));
		}
}

static void a_vlan(void **state)
{
	(void)state;
	make_pair("up0", "up1");
	nic("vlan", "eth0", "up0", NULL, 0, UP, 77);
	if (run_job(false, world.inside) < 0 && world.e.kind == ERR_UNSUPPORTED) {
		assert_string_equal(world.e.hint, "modprobe 8021q");
		skip_because("no vlan here");
	}
	assert_int_equal(world.e.code, 0);
	assert_true(shows(world.inside, "ip", "-d link show dev eth0", "vlan protocol 802.1Q id 77"));
	undoes();
	assert_false(exists(world.inside, "eth0"));
}

static void a_device_of_the_hosts_goes_and_comes_back(void **state)
{
	autofree char *before = NULL, *after = NULL;
	struct link l;

	(void)state;
	make_pair("phys0", "other");
	does(world.host, "ip", "link set phys0 down");
	before = snapshot(world.host);
	nic("phys", "eth0", "phys0", NULL, 1300, UP, 0);
	step(STEP_NIC_HW, "00:16:3e:01:02:03", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	applies();
	assert_false(exists(world.host, "phys0"));
	assert_true(find_link(world.inside, "eth0", &l));
	assert_int_equal(l.mtu, 1300);
	assert_int_equal(l.mac[0], 0);
	assert_int_equal(l.mac[5], 3);
	undoes();
	assert_true(exists(world.host, "phys0"));
	assert_false(exists(world.inside, "eth0"));
	undoes();
	/* a job that fails later gives it back as it was */
	does(world.host, "ip", "link set phys0 mtu 1500 address 02:00:00:00:00:09");
	free(before);
	before = snapshot(world.host);
	step(STEP_NIC_ROUTE, "10.9.0.0/16", "10.99.0.1", NULL, NULL);
	step(STEP_NIC_ROUTE, "10.9.0.0/16", "10.99.0.1", NULL, NULL);
	refuses(ERR_EXISTS, 5, "add the route to 10.9.0.0/16 via 10.99.0.1 on 'eth0': File exists");
	after = snapshot(world.host);
	assert_string_equal(before, after);
}

static void a_device_whose_new_name_is_taken(void **state)
{
	(void)state;
	make_pair("phys0", "other");
	does(world.inside, "ip", "link add eth0 type veth peer name x");
	nic("phys", "eth0", "phys0", NULL, 0, UP, 0);
	refuses(ERR_EXISTS, 1, "there is an interface 'eth0' in the container already");
	assert_true(exists(world.host, "phys0"));
	assert_true(exists(world.inside, "eth0"));
	/* nor does an undo take what is not ours */
	undoes();
	assert_true(exists(world.inside, "eth0"));
}

static void proxied_on_the_link(void **state)
{
	(void)state;
	make_pair("up0", "up1");
	nic("macvlan", "eth0", "up0", NULL, 0, UP | PLAN_NIC_L2PROXY, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.2/32", NULL, NULL, NULL);
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv4/conf/up0/forwarding", "0"), 0);
	refuses(ERR_STATE, 1, "cannot be answered for on 'up0': net.ipv4.conf.up0.forwarding is off");
	assert_string_equal(world.e.hint, "sysctl -w net.ipv4.conf.up0.forwarding=1");
	assert_false(exists(world.inside, "eth0"));
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv4/conf/up0/forwarding", "1"), 0);
	applies();
	assert_true(shows(world.host, "ip", "neigh show proxy", "10.0.0.2 dev up0"));
	undoes();
	assert_true(lacks(world.host, "ip", "neigh show proxy", "10.0.0.2"));
}

static void proxied_for_an_ipvlan(void **state)
{
	(void)state;
	make_pair("up0", "up1");
	nic("ipvlan", "eth0", "up0", NULL, 0, UP | PLAN_NIC_L2PROXY, SPEC_IPVLAN_L2);
	step(STEP_NIC_ADDRESS, "10.0.0.2/32", NULL, NULL, NULL);
	if (run_job(false, world.inside) < 0 && world.e.kind == ERR_UNSUPPORTED)
		skip_because("no ipvlan here");
	assert_int_equal(world.e.kind, ERR_INPUT);
	assert_string_equal(world.e.why, "l2proxy of 'eth0' needs ipvlan mode l3s");
	world.plan.steps[0].number[3] = SPEC_IPVLAN_L3S;
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv4/conf/up0/forwarding", "1"), 0);
	does(world.host, "ip", "link set lo up");
	applies();
	assert_true(shows(world.host, "ip", "neigh show proxy", "10.0.0.2 dev up0"));
	assert_true(shows(world.host, "ip", "route show", "10.0.0.2 dev lo"));
	undoes();
	assert_true(lacks(world.host, "ip", "neigh show proxy", "10.0.0.2"));
	assert_true(lacks(world.host, "ip", "route show", "10.0.0.2"));
}

/* ---- ports ---- */

static void vlans_of_a_port(void **state)
{
	(void)state;
	make_bridge("br0");
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_VLAN, NULL, NULL, NULL, NULL)->number[0] = 20;
	step(STEP_NIC_VLAN, NULL, NULL, NULL, NULL)->number[0] = 30;
	world.plan.steps[2].number[1] = 1;
	assert_true(run_job(false, world.inside) < 0);
	assert_int_equal(world.e.step, 3);
	assert_false(exists(world.host, "cp1"));
	if (world.e.kind == ERR_UNSUPPORTED)
		skip_because("bridges of this kernel know no VLANs");
	assert_int_equal(world.e.kind, ERR_STATE);
	assert_string_equal(world.e.hint, "ip link set br0 type bridge vlan_filtering 1");
	does(world.host, "ip", "link set br0 type bridge vlan_filtering 1");
	applies();
	assert_true(shows(world.host, "bridge", "vlan show dev cp1", "20 PVID Egress Untagged"));
	assert_true(shows(world.host, "bridge", "vlan show dev cp1", "30"));
	undoes();
	world.plan.steps[1].number[0] = 0;
	applies();
	assert_true(lacks(world.host, "bridge", "vlan show dev cp1", "PVID"));
}

static void rates(void **state)
{
	struct step *st;

	(void)state;
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	st = step(STEP_NIC_RATE, NULL, NULL, NULL, NULL);
	st->number[0] = 10000000;
	if (run_job(false, world.inside) < 0 && world.e.kind == ERR_UNSUPPORTED) {
		assert_string_equal(world.e.hint, "modprobe sch_tbf");
		skip_because("no tbf here");
	}
	assert_int_equal(world.e.code, 0);
	assert_true(shows(world.host, "tc", "qdisc show dev cp1", "tbf 1: root"));
	assert_true(shows(world.host, "tc", "qdisc show dev cp1", "rate 10Mbit"));
	undoes();
	st->number[0] = 40000000000u;
	applies();
	assert_true(shows(world.host, "tc", "qdisc show dev cp1", "rate 40Gbit"));
}

static void rates_from_the_container(void **state)
{
	struct step *st;

	(void)state;
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	st = step(STEP_NIC_RATE, NULL, NULL, NULL, NULL);
	st->number[1] = 20000000;
	if (run_job(false, world.inside) < 0) {
		assert_int_equal(world.e.kind, ERR_UNSUPPORTED);
		assert_int_equal(world.e.step, 2);
		assert_non_null(strstr(world.e.why, "act_police"));
		assert_string_equal(world.e.hint, "modprobe act_police");
		assert_false(exists(world.host, "cp1"));
		skip_because("no policer here");
	}
	{
		autofree char *filter = said_by(world.host, "tc", "filter show dev cp1 ingress");

		assert_true(strstr(filter ?: "", "rate 20Mbit") || strstr(filter ?: "", "coppice_rate direct-action"));
	}
	undoes();
	assert_false(exists(world.host, "cp1"));
}

/* What passes in a second of as much as can be sent, through the program that stands in for a policer the kernel does not have. */
static void the_program_that_polices(void **state)
{
	static const uint64_t rates[] = {60000, 1000000, 20000000, 10000000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		autoclose int program = police_program(rates[i], 256 * 1024);
		char packet[1500] = {0};
		union bpf_attr run = {.test = {.data_in = (uint64_t)(uintptr_t)packet, .data_size_in = sizeof(packet), .repeat = 1}};
		uint64_t passed = 0, begin = 0, took;
		struct timespec t;

		if (program == -EPERM || program == -ENOSYS)
			skip_because("may not load BPF programs");
		if (program < 0)
			fail_msg("%s", strerror(-program));
		run.test.prog_fd = (uint32_t)program;
		for (unsigned n = 0; n < 20000; n++) {
			(void)clock_gettime(CLOCK_MONOTONIC, &t);
			if (n == 0)
				begin = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
			if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof(run)) < 0)
				skip_because("this kernel does not run programs on trial");
			assert_true(run.test.retval == (uint32_t)-1 || run.test.retval == 2);
			passed += run.test.retval == 2 ? 0 : sizeof(packet);
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		took = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - begin;
		/* a burst, and what the rate allows in the time it took; never more than a packet too much */
		if (20000 * sizeof(packet) > 2 * (256 * 1024 + rates[i] * took / 1000000000u))
			assert_in_range(passed, 256 * 1024 - sizeof(packet), 256 * 1024 + rates[i] * took / 1000000000u + 2 * sizeof(packet));
	}
}

/* ---- scripts ---- */

static void scripts(void **state)
{
	char path[512], text[1024], said[512];
	autofree char *command = NULL;

	(void)state;
	make_bridge("br0");
	(void)snprintf(text, sizeof(text), "#!/bin/sh\necho \"$* $LXC_NET_TYPE $LXC_NET_PEER $LXC_HOOK_TYPE $LXC_NAME\" >>%s/said\nip link show \"$7\" >/dev/null || exit 3\n", scratch.path);
	{
		autoclose int dir = open(scratch.path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		assert_int_equal(scratch_put(dir, "hook", text), 0);
		assert_int_equal(chmod(scratch_at(&scratch, path, "hook"), 0755), 0);
	}
	assert_true(asprintf(&command, "%s one", path) > 0);
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_SCRIPT, command, command, "web1", "veth");
	applies();
	assert_true(fd_read_file(AT_FDCWD, scratch_at(&scratch, path, "said"), said, sizeof(said)) > 0);
	assert_string_equal(said, "one web1 net up veth br0 cp1 veth cp1 up web1");
	undoes();
	assert_true(fd_read_file(AT_FDCWD, path, said, sizeof(said)) > 0);
	assert_non_null(strstr(said, "one web1 net down veth br0 cp1"));
	fresh();
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_SCRIPT, "/bin/sh -c 'echo no luck >&2; exit 7'", NULL, "web1", "veth");
	refuses(ERR_SYSTEM, 2, "for 'eth0' ended with status 7: no luck");
	assert_false(exists(world.host, "cp1"));
	fresh();
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_SCRIPT, "/no/such/script", NULL, "web1", "veth");
	refuses(ERR_SYSTEM, 2, "/no/such/script");
}

/* ---- what is refused ---- */

static void names_and_links(void **state)
{
	autofree char *before = NULL, *after = NULL;

	(void)state;
	make_bridge("br0");
	make_pair("up0", "up1");
	does(world.inside, "ip", "link add taken type veth peer name other");
	before = snapshot(world.host);

	nic("veth", "eth0", "br7", "cp1", 0, UP, 0);
	refuses(ERR_MISSING, 1, "bridge 'br7' of 'eth0' does not exist");
	assert_string_equal(world.e.hint, "ip link add br7 type bridge");
	fresh();
	nic("veth", "eth0", "up0", "cp1", 0, UP, 0);
	refuses(ERR_STATE, 1, "'up0', the link of 'eth0', is not a bridge");
	assert_string_equal(world.e.hint, "ip -d link show up0");
	fresh();
	nic("veth", "eth0", "br0", "up1", 0, UP, 0);
	refuses(ERR_EXISTS, 1, "there is an interface 'up1' on this host already");
	undoes();
	assert_true(exists(world.host, "up1"));
	fresh();
	nic("veth", "taken", "br0", "cp1", 0, UP, 0);
	refuses(ERR_EXISTS, 1, "there is an interface 'taken' in the container already");
	undoes();
	assert_true(exists(world.inside, "taken"));
	fresh();
	nic("macvlan", "eth0", "up7", NULL, 0, UP, 0);
	refuses(ERR_MISSING, 1, "link 'up7' of 'eth0' does not exist");
	fresh();
	nic("phys", "eth0", "up7", NULL, 0, UP, 0);
	refuses(ERR_MISSING, 1, "link 'up7' of 'eth0' does not exist");
	fresh();
	nic("phys", "eth0", "lo", NULL, 0, UP, 0);
	assert_true(run_job(false, world.inside) < 0);
	after = snapshot(world.host);
	assert_string_equal(before, after);
}

/* The kernel says no half way: its words, the step, and nothing left. */
static void the_kernels_own_words(void **state)
{
	autofree char *before = NULL, *after = NULL;

	(void)state;
	make_bridge("br0");
	before = snapshot(world.host);
	nic("veth", "eth0", "br0", "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "10.0.0.3/24", NULL, NULL, NULL);
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	refuses(ERR_EXISTS, 4, "add 10.0.0.2/24 to 'eth0': File exists");
	fresh();
	nic("veth", "eth1", "br0", "cp2", 0, UP, 0);
	nic("veth", "eth0", "br0", "cp1", 0, 0, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "10.0.0.1", NULL, NULL);
	refuses(ERR_SYSTEM, 4, "add the route to everywhere via 10.0.0.1 on 'eth0': ");
	assert_true(strlen(strstr(world.e.why, "'eth0': ") + 8) > 10);
	after = snapshot(world.host);
	assert_string_equal(before, after);
	assert_false(exists(world.inside, "eth1"));
}

static void arguments_are_checked_again(void **state)
{
	autofree char *before = snapshot(world.host), *after = NULL;

	(void)state;
	nic("token", "eth0", NULL, "cp1", 0, UP, 0);
	refuses(ERR_INPUT, 1, "interface type 'token' is malformed");
	fresh();
	nic("veth", "a/b", NULL, "cp1", 0, UP, 0);
	refuses(ERR_INPUT, 1, "interface name 'a/b' is malformed");
	fresh();
	nic("veth", "eth0", NULL, NULL, 0, UP, 0);
	refuses(ERR_INPUT, 1, "interface name '' is malformed");
	fresh();
	nic("veth", "eth0", "../x", "cp1", 0, UP, 0);
	refuses(ERR_INPUT, 1, "link '../x' is malformed");
	fresh();
	nic("macvlan", "eth0", NULL, NULL, 0, UP, 0);
	refuses(ERR_INPUT, 1, "link '' is malformed");
	fresh();
	nic("veth", "eth0", NULL, "cp1", 20, UP, 0);
	refuses(ERR_INPUT, 1, "an MTU of 20");
	fresh();
	nic("macvlan", "eth0", "up0", NULL, 0, UP, 9);
	refuses(ERR_INPUT, 1, "mode or tag");
	fresh();
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	step(STEP_NIC_ADDRESS, "10.0.0.300/24", NULL, NULL, NULL);
	refuses(ERR_INPUT, 2, "address '10.0.0.300/24' is malformed");
	world.plan.steps[1].text[0] = "10.0.0.255/24";
	refuses(ERR_INPUT, 2, "address '10.0.0.255/24' is malformed");
	world.plan.steps[1].text[0] = "10.0.0.2/24";
	step(STEP_NIC_ROUTE, "0.0.0.0/0", "fe80::1", NULL, NULL);
	refuses(ERR_INPUT, 3, "gateway 'fe80::1' is malformed");
	fresh();
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	step(STEP_NIC_HW, "01:00:00:00:00:00", NULL, NULL, NULL);
	refuses(ERR_INPUT, 2, "hardware address '01:00:00:00:00:00' is malformed");
	fresh();
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	step(STEP_NIC_VLAN, NULL, NULL, NULL, NULL)->number[0] = 5;
	refuses(ERR_INPUT, 2, "needs an interface of type veth");
	fresh();
	nic("macvlan", "eth0", "up0", NULL, 0, UP, 0);
	step(STEP_NIC_RATE, NULL, NULL, NULL, NULL)->number[0] = 5;
	refuses(ERR_INPUT, 2, "a rate limit needs an interface of type veth");
	fresh();
	step(STEP_NIC_ADDRESS, "10.0.0.2/24", NULL, NULL, NULL);
	refuses(ERR_INTERNAL, 1, "step 'nic_address' follows no interface");
	fresh();
	port(NULL, "10.0.0.2", "tcp", 65535, 80, 2);
	refuses(ERR_INPUT, 1, "port range");
	fresh();
	port("127.0.0.1", "fd00::2", "tcp", 80, 80, 1);
	refuses(ERR_INPUT, 1, "address '127.0.0.1' is malformed");
	fresh();
	port(NULL, "10.0.0.2", "sctp", 80, 80, 1);
	refuses(ERR_INPUT, 1, "'sctp' is malformed");
	after = snapshot(world.host);
	assert_string_equal(before, after);
}

static void without_a_namespace(void **state)
{
	(void)state;
	nic("veth", "eth0", NULL, "cp1", 0, UP, 0);
	assert_true(run_job(false, FD_NONE) < 0);
	assert_int_equal(world.e.kind, ERR_INTERNAL);
	applies();
	/* undo without it leaves to the kernel what dies with the namespace */
	assert_int_equal(run_job(true, FD_NONE), 0);
	assert_true(exists(world.host, "cp1"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_veth_on_a_bridge), T(the_mtu_of_the_bridge_is_taken), T(a_veth_by_itself), T(several_interfaces), T(a_managed_one_takes_no_advertisements),
		T(gateways_outside_the_prefix), T(routes_by_the_interface), T(a_router), T(a_router_with_a_gateway_of_the_users), T(a_name_is_held_by_a_dying_pair),
		T(macvlan_in_all_modes), T(ipvlan_in_all_modes), T(a_vlan), T(a_device_of_the_hosts_goes_and_comes_back), T(a_device_whose_new_name_is_taken),
		T(proxied_on_the_link), T(proxied_for_an_ipvlan), T(vlans_of_a_port), T(rates), T(rates_from_the_container), T(the_program_that_polices), T(scripts), T(names_and_links), T(the_kernels_own_words), T(arguments_are_checked_again),
		T(without_a_namespace),
	};
	int failed;

	world_enter();
	if (scratch_open(&scratch) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_close(&scratch);
	return failed;
}
