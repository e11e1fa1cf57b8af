/* Network devices and nftables tables as the main program asks for them: in a network namespace of this test's own. Needs root. */
#include "linux/netdev.h"
#include "unit/test.h"

#include <linux/netfilter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void bridges(void **state)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {0};

	(void)state;
	assert_int_equal(netdev_index("cpbr0"), -ENODEV);
	assert_int_equal(netdev_index(""), -ENODEV);
	assert_int_equal(netdev_index("a-name-that-is-too-long"), -ENODEV);
	assert_int_equal(netdev_bridge_ports("cpbr0"), -ENODEV);
	assert_int_equal(netdev_bridge_delete("cpbr0"), 0);
	assert_int_equal(netdev_bridge_ports("lo"), -ENODEV);
	assert_int_equal(netdev_bridge_delete("lo"), -EINVAL);
	if (ioctl(sock, SIOCBRADDBR, "cpbr0") < 0)
		skip();
	(void)snprintf(req.ifr_name, sizeof(req.ifr_name), "cpbr0");
	req.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(sock, SIOCSIFFLAGS, &req), 0);
	assert_true(netdev_index("cpbr0") > 0);
	assert_int_equal(netdev_bridge_ports("cpbr0"), 0);
	assert_int_equal(netdev_bridge_delete("cpbr0"), 0); /* although it is up */
	assert_int_equal(netdev_index("cpbr0"), -ENODEV);
	(void)close(sock);
}

static void tables(void **state)
{
	int r = netdev_nft_table(NFPROTO_INET, "coppice");

	(void)state;
	if (r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -EINVAL)
		skip();
	assert_int_equal(r, 0);
	if (access("/usr/sbin/nft", X_OK) < 0)
		skip();
	assert_int_equal(system("/usr/sbin/nft add table inet coppice"), 0); /* the test looks with another program's eyes */
	assert_int_equal(netdev_nft_table(NFPROTO_INET, "coppice"), 1);
	assert_int_equal(netdev_nft_table(NFPROTO_BRIDGE, "coppice"), 0);
	assert_int_equal(netdev_nft_table(NFPROTO_INET, "a-name-so-long-that-no-request-of-ours-has-room-for-it-and-nobody-would-have-it"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bridges), cmocka_unit_test(tables)};

	if (unshare(CLONE_NEWNET) < 0) {
		printf("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
