/* A device of the host's becomes a port of a bridge and back again, with all it has. */
#include "unit/net-fixture.h"

#include "base/msg.h"
#include "net/move.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static int state_file(void)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A host: up0 is its way out. */
static void furnish(void)
{
	does(world.host, "ip", "link set lo up");
	does(world.host, "ip", "link add up0 mtu 1400 up type veth peer name up1");
	does(world.host, "ip", "link set up1 up");
	does(world.host, "ip", "addr add 192.0.2.10/24 brd + dev up0");
	does(world.host, "ip", "addr add 192.0.2.11/24 dev up0");
	does(world.host, "ip", "addr add 198.51.100.1/32 dev up0 valid_lft 7200 preferred_lft 3600");
	does(world.host, "ip", "addr add 2001:db8::10/64 dev up0 nodad");
	does(world.host, "ip", "route add default via 192.0.2.1 dev up0");
	does(world.host, "ip", "route add 203.0.113.0/24 via 192.0.2.2 dev up0 metric 50 mtu 1300 src 192.0.2.11");
	does(world.host, "ip", "route add 10.20.0.0/16 dev up0 scope link");
	does(world.host, "ip", "route add 10.30.0.0/16 via 10.20.0.1 dev up0");
	does(world.host, "ip", "-6 route add default via 2001:db8::1 dev up0");
	does(world.host, "ip", "-6 route add 2001:db8:9::/48 via fe80::99 dev up0 metric 77");
	/* on another device, to the same place as the connected route */
	does(world.host, "ip", "link add o0 up type veth peer name o1");
	does(world.host, "ip", "link set o1 up");
	does(world.host, "ip", "addr add 192.0.2.200/24 dev o0");
}

/* Addresses and routes. The order of routes, remaining lifetimes, and link-local addresses, which come when the kernel is ready, do not count. */
static char *network(void)
{
	autofree char *addresses = said_by(world.host, "ip", "-br addr show scope global dev up0"), *four = said_by(world.host, "ip", "-4 route show"),
		      *six = said_by(world.host, "ip", "-6 route show");
	struct buf all = BUF_INIT;
	autofree char *text = NULL;

	buf_printf(&all, "%s%s%s", addresses, four, six);
	text = buf_take(&all);
	return sorted(text, "fe80::/64");
}

static void there_and_back(void **state)
{
	autofree char *before = NULL, *after = NULL;
	autoclose int fd = state_file();
	struct link device, br;

	(void)state;
	furnish();
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/up0/accept_ra", "2"), 0);
	before = network();
	assert_true(find_link(world.host, "up0", &device));
	if (move_to_bridge("up0", "br0", fd, &world.e) < 0)
		fail_msg("%s", world.e.why);
	assert_true(find_link(world.host, "br0", &br));
	assert_memory_equal(br.mac, device.mac, 6);
	assert_int_equal(br.mtu, 1400);
	assert_true(br.flags & IFF_UP);
	assert_true(link_sysctl_is(FD_NONE, "ipv6/conf/%s/accept_ra", "br0", "2"));
	assert_true(find_link(world.host, "up0", &device) && device.master == br.index);
	assert_true(lacks(world.host, "ip", "addr show dev up0", "192.0.2"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "inet 192.0.2.10/24 brd 192.0.2.255"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "inet 192.0.2.11/24 scope global secondary"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "valid_lft 7"));
	assert_true(shows(world.host, "ip", "addr show dev br0", "inet6 2001:db8::10/64"));
	assert_true(lacks(world.host, "ip", "route show", "dev up0"));
	assert_true(shows(world.host, "ip", "route show", "default via 192.0.2.1 dev br0"));
	assert_true(shows(world.host, "ip", "route show", "203.0.113.0/24 via 192.0.2.2 dev br0 src 192.0.2.11 metric 50 mtu 1300"));
	assert_true(shows(world.host, "ip", "route show", "10.30.0.0/16 via 10.20.0.1 dev br0"));
	assert_true(shows(world.host, "ip", "route show", "192.0.2.0/24 dev o0"));
	assert_true(shows(world.host, "ip", "-6 route show", "default via 2001:db8::1 dev br0"));
	assert_true(shows(world.host, "ip", "-6 route show", "2001:db8:9::/48 via fe80::99 dev br0 metric 77"));
	for (unsigned i = 0; i < 2; i++) {
		autofree char *now = NULL;

		if (move_back_from_bridge("up0", "br0", fd, &world.e) < 0)
			fail_msg("%s", world.e.why);
		assert_false(exists(world.host, "br0"));
		now = network();
		assert_string_equal(before, now);
	}
	after = network();
	assert_string_equal(before, after);
}

/* The device cannot be a port, which only shows when the bridge is there: everything is as it was. */
static void a_failure_changes_nothing(void **state)
{
	autofree char *before = NULL, *after = NULL;
	autoclose int fd = state_file();

	(void)state;
	furnish();
	nic("macvlan", "eth0", "up0", NULL, 0, PLAN_NIC_UP, 0);
	if (run_job(false, world.inside) < 0)
		skip_because("no macvlan here");
	before = network();
	assert_true(move_to_bridge("up0", "br0", fd, &world.e) < 0);
	assert_string_equal(world.e.why, "make a port of 'up0': Device or resource busy");
	assert_false(exists(world.host, "br0"));
	after = network();
	assert_string_equal(before, after);
}

static void ipv6_goes_where_it_is_off_by_default(void **state)
{
	autoclose int fd = state_file();

	(void)state;
	furnish();
	assert_int_equal(fd_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"), 0);
	if (move_to_bridge("up0", "br0", fd, &world.e) < 0)
		fail_msg("%s", world.e.why);
	assert_true(shows(world.host, "ip", "addr show dev br0", "inet6 2001:db8::10/64"));
}

static void what_cannot_be(void **state)
{
	autofree char *before = NULL, *after = NULL;
	autoclose int fd = state_file();

	(void)state;
	furnish();
	does(world.host, "ip", "link add have0 type bridge");
	before = network();
	assert_true(move_to_bridge("no0", "br0", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_MISSING);
	assert_string_equal(world.e.why, "there is no interface 'no0'");
	assert_true(move_to_bridge("up0", "have0", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_EXISTS);
	assert_true(move_to_bridge("have0", "br0", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_STATE);
	assert_true(move_to_bridge("lo", "br0", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_STATE);
	assert_true(move_to_bridge("up0", "a/b", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_INPUT);
	does(world.host, "ip", "link set o0 master have0");
	assert_true(move_to_bridge("o0", "br0", fd, &world.e) < 0);
	assert_non_null(strstr(world.e.why, "is one of something else already"));
	does(world.host, "ip", "link set o0 nomaster");
	does(world.host, "ip", "route add 10.77.0.0/16 nexthop via 192.0.2.1 dev up0 nexthop via 192.0.2.9 dev o0");
	assert_true(move_to_bridge("up0", "br0", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_UNSUPPORTED);
	does(world.host, "ip", "route del 10.77.0.0/16");
	after = network();
	assert_string_equal(before, after);
	assert_false(exists(world.host, "br0"));
}

static void a_state_file_that_is_damaged(void **state)
{
	struct buf good = BUF_INIT;
	autoclose int fd = state_file();

	(void)state;
	furnish();
	assert_int_equal(move_to_bridge("up0", "br0", fd, &world.e), 0);
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	assert_int_equal(fd_read_all(fd, &good, 1 << 20), 0);
	for (size_t cut = 0; cut < good.len; cut += 7) {
		autoclose int part = state_file();

		assert_int_equal(fd_write_all(part, good.data, cut), 0);
		assert_true(move_back_from_bridge("up0", "br0", part, &world.e) < 0);
		assert_int_equal(world.e.kind, ERR_DAMAGED);
	}
	assert_true(move_back_from_bridge("up1", "br0", fd, &world.e) < 0);
	assert_int_equal(world.e.kind, ERR_DAMAGED);
	assert_true(exists(world.host, "br0"));
	buf_done(&good);
}

static pid_t start_helper(const char *action, int fd, int *ret_sock)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int sock = fcntl(pair[1], F_DUPFD, 40), file = fcntl(fd, F_DUPFD, 40);

		(void)dup2(sock, 3);
		(void)dup2(file, 4);
		fd_close_range(5, ~0u);
		(void)execl(NET_PATH, "coppice-net", action, "up0", "br0", NULL);
		_exit(127);
	}
	fd_close(&pair[1]);
	*ret_sock = pair[0];
	return pid;
}

/* By the program, as the engine runs it. */
static void helper(const char *action, int fd, struct msg *ret)
{
	int sock, status;
	pid_t pid = start_helper(action, fd, &sock);

	assert_int_equal(msg_recv(sock, clock_deadline(20000), ret, NULL, 0), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), ret->type == MSG_OK ? 0 : 1);
	fd_close(&sock);
}

static void by_the_program(void **state)
{
	autofree char *before = NULL, *after = NULL;
	autoclose int fd = state_file();
	struct msg m;

	(void)state;
	furnish();
	before = network();
	helper("bridge-host", fd, &m);
	assert_int_equal(m.type, MSG_OK);
	assert_true(exists(world.host, "br0"));
	helper("bridge-undo", fd, &m);
	assert_int_equal(m.type, MSG_OK);
	assert_false(exists(world.host, "br0"));
	after = network();
	assert_string_equal(before, after);
}

/* Whenever it is killed, what it wrote down is enough to take back what it did; nothing was done before that. */
static void killed_at_any_moment(void **state)
{
	autofree char *before = NULL;
	unsigned killed = 0;

	(void)state;
	furnish();
	before = network();
	for (unsigned i = 0; i < 40; i++) {
		struct timespec pause = {.tv_nsec = 300000 + 60000 * (long)i};
		autofree char *after = NULL;
		autoclose int fd = state_file();
		int sock, status;
		struct msg m;
		pid_t pid = start_helper("bridge-host", fd, &sock);

		(void)nanosleep(&pause, NULL);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		fd_close(&sock);
		helper("bridge-undo", fd, &m);
		if (m.type != MSG_OK)
			assert_int_equal(m.err.kind, ERR_DAMAGED);
		after = network();
		assert_string_equal(before, after);
		assert_false(exists(world.host, "br0"));
	}
	assert_true(killed > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {T(there_and_back), T(a_failure_changes_nothing), T(ipv6_goes_where_it_is_off_by_default), T(what_cannot_be), T(a_state_file_that_is_damaged), T(by_the_program),
		T(killed_at_any_moment)};

	world_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
