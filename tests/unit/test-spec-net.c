/* What config text makes of interfaces: every type and key, old names and new, addresses, managed networks, ports. */
#include "base/buf.h"
#include "unit/spec-fixture.h"

#include <stdio.h>

static void dumps(const char *text, const char *want)
{
	autodone(buf_done) struct buf out = BUF_INIT;
	const char *from, *end;
	struct spec s;

	good(&s, text);
	spec_dump(&s, &out);
	from = strstr(buf_str(&out), "\nnet = ") + 1;
	end = strstr(from, "memory_max");
	if (strlen(want) != (size_t)(end - from) || strncmp(from, want, strlen(want)) != 0)
		fail_msg("dumps\n%.*s, not\n%s", (int)(end - from), from, want);
	spec_done(&s);
}

static void interfaces(void **state)
{
	(void)state;
	dumps("lxc.net.0.type = veth\n", "net = empty\nnic 0 = veth name=\"eth0\"\n");
	dumps("lxc.net.0.type = empty\nlxc.net.0.flags = up\nlxc.net.0.name = eth0\n", "net = empty\n");
	dumps("lxc.net.0.type = none\nlxc.net.1.type = empty\n", "net = none\n");
	/* the order of keys and numbers does not matter, names follow the position */
	dumps("lxc.net.7.link = br0\nlxc.net.7.flags = up\nlxc.net.2.type = macvlan\nlxc.net.2.link = eth9\nlxc.net.7.type = veth\nlxc.net.3.type = empty\n",
	      "net = empty\nnic 2 = macvlan name=\"eth0\" link=\"eth9\" mode=private\nnic 7 = veth name=\"eth1\" link=\"br0\" flags=up\n");
	/* a name that is taken is passed over; a physical device keeps its own */
	dumps("lxc.net.0.type = veth\nlxc.net.1.type = veth\nlxc.net.1.name = eth0\nlxc.net.2.type = phys\nlxc.net.2.link = enp3s0\nlxc.net.3.type = veth\n",
	      "net = empty\nnic 0 = veth name=\"eth1\"\nnic 1 = veth name=\"eth0\"\nnic 2 = phys name=\"enp3s0\" link=\"enp3s0\"\nnic 3 = veth name=\"eth3\"\n");
	dumps("lxc.net.0.type = veth\nlxc.net.0.veth.mode = router\nlxc.net.0.link = eth9\nlxc.net.0.l2proxy = 1\nlxc.net.0.veth.ipv4.route = 192.0.2.77/24\n"
	      "lxc.net.0.veth.ipv6.route = 2001:DB8::1/32\nlxc.net.0.veth.n_txqueues = 4\nlxc.net.0.veth.pair = r0\nlxc.net.0.hwaddr = 00:16:3E:xx:XX:01\n"
	      "lxc.net.0.mtu = 1400\nlxc.net.0.script.up = /etc//up\nlxc.net.0.script.down = /etc/down\n",
	      "net = empty\nnic 0 = veth name=\"eth0\" link=\"eth9\" pair=\"r0\" hwaddr=\"00:16:3E:xx:XX:01\" up=\"/etc/up\" down=\"/etc/down\" mtu=1400 tx-queues=4 "
	      "route=\"192.0.2.0/24\" route=\"2001:db8::/32\" router l2proxy\n");
	dumps("lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.veth.vlan.id = none\nlxc.net.0.veth.vlan.tagged.id = 10\nlxc.net.0.veth.vlan.tagged.id = 10\n"
	      "lxc.net.0.veth.vlan.tagged.id = 11\n",
	      "net = empty\nnic 0 = veth name=\"eth0\" link=\"br0\" tagged=10 tagged=11 untagged=none\n");
	dumps("lxc.net.0.type = ipvlan\nlxc.net.0.link = eth9\nlxc.net.0.ipvlan.mode = l2\nlxc.net.0.ipvlan.isolation = vepa\nlxc.net.1.type = vlan\n"
	      "lxc.net.1.link = eth9\nlxc.net.1.vlan.id = 4094\n",
	      "net = empty\nnic 0 = ipvlan name=\"eth0\" link=\"eth9\" mode=l2 isolation=vepa\nnic 1 = vlan name=\"eth1\" link=\"eth9\" vlan=4094\n");
	bad("lxc.net.0.link = br0\n", ERR_INPUT, "c:1: lxc.net.0: no lxc.net.0.type says what kind of interface it is");
	bad("lxc.net.0.type = none\nlxc.net.1.type = veth\n", ERR_INPUT, "c:1: lxc.net.0.type = 'none': the container shares the host's network");
	bad("lxc.net.0.type = none\nlxc.net.0.ipv4.address = 10.0.0.2/24\n", ERR_INPUT, "c:2: lxc.net.0.ipv4.address: type none makes no interface");
	bad("lxc.net.0.type = empty\nlxc.net.0.ipv6.gateway = dev\n", ERR_INPUT, "c:2: lxc.net.0.ipv6.gateway: type empty makes no interface");
	bad("lxc.net.0.type = empty\nlxc.net.0.script.up = /x\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = none\ncoppice.network = lan0\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = macvlan\n", ERR_INPUT, "c:1: lxc.net.0.type = 'macvlan': needs lxc.net.0.link");
	bad("lxc.net.0.type = ipvlan\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = phys\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = vlan\nlxc.net.0.link = eth9\n", ERR_INPUT, "c:1: lxc.net.0.type = 'vlan': needs lxc.net.0.vlan.id");
	bad("lxc.net.0.type = veth\nlxc.net.0.vlan.id = 7\n", ERR_INPUT, "c:2: lxc.net.0.vlan.id: an interface of type veth has no such setting");
	bad("lxc.net.0.type = macvlan\nlxc.net.0.link = e\nlxc.net.0.veth.pair = x\n", ERR_INPUT, "c:3: lxc.net.0.veth.pair: an interface of type macvlan");
	bad("lxc.net.0.type = phys\nlxc.net.0.link = e\nlxc.net.0.ipvlan.mode = l2\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = ipvlan\nlxc.net.0.link = e\nlxc.net.0.hwaddr = 00:16:3e:00:00:01\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.l2proxy = 1\n", ERR_INPUT, "c:3: lxc.net.0.l2proxy: only veth in mode router and ipvlan");
	bad("lxc.net.0.type = veth\nlxc.net.0.veth.mode = router\nlxc.net.0.l2proxy = 1\n", ERR_INPUT, "c:3: lxc.net.0.l2proxy = '1': needs a link");
	bad("lxc.net.0.type = veth\nlxc.net.0.veth.vlan.id = 7\n", ERR_INPUT, "c:2: lxc.net.0.veth.vlan.id = '...': without a link");
	bad("lxc.net.0.type = veth\nlxc.net.0.name = a\nlxc.net.1.type = veth\nlxc.net.1.name = a\n", ERR_INPUT, "c:4: name 'a' of an interface: another one has it");
	bad("lxc.net.0.type = veth\nlxc.net.0.veth.pair = a\nlxc.net.1.type = veth\nlxc.net.1.veth.pair = a\n", ERR_INPUT, "c:4: lxc.net.1.veth.pair = 'a': another");
	bad("lxc.net.0 = veth\n", ERR_INPUT, NULL);
	bad("lxc.net.0x.type = veth\n", ERR_INPUT, NULL);
	bad("lxc.net.10000.type = veth\n", ERR_INPUT, NULL);
	bad("lxc.net.0.lin = br0\n", ERR_INPUT, "c:1: lxc.net.0.lin = 'br0': unknown setting of an interface 'lin', did you mean 'link'?");
}

static void old_interfaces(void **state)
{
	(void)state;
	dumps("lxc.network.type = veth\nlxc.network.link = br0\nlxc.network.flags = up\nlxc.network.name = eth5\nlxc.network.mtu = 1500\nlxc.network.ipv4 = 10.1.2.3/24\n"
	      "lxc.network.ipv4.gateway = 10.1.2.1\nlxc.network.ipv6 = fd00::3\nlxc.network.type = macvlan\nlxc.network.macvlan.mode = bridge\nlxc.network.link = eth9\n",
	      "net = empty\nnic 0 = veth name=\"eth5\" link=\"br0\" mtu=1500 address=\"10.1.2.3/24\" address=\"fd00::3/64\" gateway4=10.1.2.1 flags=up\n"
	      "nic 1 = macvlan name=\"eth1\" link=\"eth9\" mode=bridge\n");
	dumps("lxc.network.3.type = veth\nlxc.network.3.link = br3\nlxc.network.type = vlan\nlxc.network.vlan.id = 4\nlxc.network.link = e\n",
	      "net = empty\nnic 3 = veth name=\"eth0\" link=\"br3\"\nnic 4 = vlan name=\"eth1\" link=\"e\" vlan=4\n");
	/* both ways of writing speak of the same interface */
	dumps("lxc.network.type = veth\nlxc.net.0.link = br0\n", "net = empty\nnic 0 = veth name=\"eth0\" link=\"br0\"\n");
	dumps("lxc.network.type = veth\nlxc.network.link = br0\nlxc.network =\n", "net = empty\n");
	dumps("lxc.network.type = none\nlxc.net =\ncoppice.network = lan0\n", "net = empty\nnic 0 = veth name=\"eth0\" network=\"lan0\" flags=up\n");
	dumps("lxc.net.0.type = veth\nlxc.net.1.type = veth\nlxc.net.0 =\n", "net = empty\nnic 1 = veth name=\"eth0\"\n");
	dumps("lxc.network.type = empty\n", "net = empty\n");
	dumps("lxc.network.type = none\n", "net = none\n");
	bad("lxc.network.link = br0\n", ERR_INPUT, "c:1: lxc.network.link = 'br0': no lxc.network.type before it opens an interface");
	bad("lxc.network.type = veth\nlxc.network =\nlxc.network.link = br0\n", ERR_INPUT, "c:3: lxc.network.link = 'br0': no lxc.network.type");
	bad("lxc.network.type = vetg\n", ERR_INPUT, "c:1: lxc.network.type = 'vetg': unknown network type 'vetg', did you mean 'veth'?");
	bad("lxc.network.ipv4 = 10.0.0.1/24\n", ERR_INPUT, NULL);
	bad("lxc.network.hwaddr = 02:00:00:00:00:0g\n", ERR_INPUT, NULL);
}

#define VETH "lxc.net.0.type = veth\nlxc.net.0.link = br0\n"

static void addresses(void **state)
{
	(void)state;
	/* LXC's: a class when there is no prefix, and a broadcast address behind it */
	dumps(VETH "lxc.net.0.ipv4.address = 10.0.0.2\nlxc.net.0.ipv4.address = 172.16.0.2\nlxc.net.0.ipv4.address = 192.168.1.2 192.168.1.127\n"
		   "lxc.net.0.ipv6.address = FD00:0::2\n",
	      "net = empty\nnic 0 = veth name=\"eth0\" link=\"br0\" address=\"10.0.0.2/8\" address=\"172.16.0.2/16\" address=\"192.168.1.2/24 192.168.1.127\" "
	      "address=\"fd00::2/64\"\n");
	/* clearing one family keeps the other */
	dumps(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24\nlxc.net.0.ipv6.address = fd00::2/64\nlxc.net.0.ipv4.address =\nlxc.net.0.ipv4.address = 10.0.0.3/24\n",
	      "net = empty\nnic 0 = veth name=\"eth0\" link=\"br0\" address=\"fd00::2/64\" address=\"10.0.0.3/24\"\n");
	dumps(VETH "lxc.net.0.ipv4.gateway = auto\nlxc.net.0.ipv6.gateway = dev\n", "net = empty\nnic 0 = veth name=\"eth0\" link=\"br0\" gateway4=auto gateway6=dev\n");
	/* on the link, outside of it, link-local */
	dumps(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24\nlxc.net.0.ipv4.gateway = 10.9.9.9\nlxc.net.0.ipv6.gateway = fe80::1\n",
	      "net = empty\nnic 0 = veth name=\"eth0\" link=\"br0\" address=\"10.0.0.2/24\" gateway4=10.9.9.9 gateway6=fe80::1\n");
	bad(VETH "lxc.net.0.ipv4.gateway = 10.0.0.1\n", ERR_INPUT, "c:3: lxc.net.0.ipv4.gateway = '10.0.0.1': the interface has no IPv4 address");
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24\nlxc.net.0.ipv6.gateway = fd00::1\n", ERR_INPUT, NULL);
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24\nlxc.net.0.ipv4.gateway = 10.0.0.2\n", ERR_INPUT, "c:4: lxc.net.0.ipv4.gateway = '10.0.0.2': that is the interface's own");
	bad("lxc.net.0.type = ipvlan\nlxc.net.0.link = e\nlxc.net.0.ipv4.address = 10.0.0.2/32\nlxc.net.0.ipv4.gateway = 10.0.0.1\n", ERR_INPUT,
	    "c:4: lxc.net.0.ipv4.gateway = '10.0.0.1': outside every prefix");
	bad("lxc.net.0.type = veth\nlxc.net.0.ipv4.gateway = auto\n", ERR_INPUT, "c:2: lxc.net.0.ipv4.gateway = 'auto': there is no bridge");
	bad(VETH "lxc.net.0.ipv4.gateway = dev\nlxc.net.1.type = veth\nlxc.net.1.ipv4.gateway = dev\n", ERR_INPUT,
	    "c:5: lxc.net.1.ipv4.gateway = 'dev': another interface has the default route");
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24\nlxc.net.0.ipv4.address = 10.0.0.2/16\n", ERR_INPUT, "c:4: address 10.0.0.2 of interface 'eth0': 'eth0' has it already");
	bad(VETH "lxc.net.0.ipv6.address = fd00::2/64\nlxc.net.1.type = veth\nlxc.net.1.ipv6.address = fd00:0::2/64\n", ERR_INPUT,
	    "c:5: address fd00::2 of interface 'eth1': 'eth0' has it already");
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.0/24\n", ERR_INPUT, "c:3: lxc.net.0.ipv4.address = '10.0.0.0/24': '10.0.0.0/24' is not the address of a host");
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24 10.0.1.255\n", ERR_INPUT, "c:3: lxc.net.0.ipv4.address = '10.0.0.2/24 10.0.1.255': the broadcast address");
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.2/24 10.0.0.255 x\n", ERR_INPUT, NULL);
	bad(VETH "lxc.net.0.ipv6.address = fd00::2/64 fd00::ff\n", ERR_INPUT, NULL);
	bad(VETH "lxc.net.0.ipv4.address = fd00::2/64\n", ERR_INPUT, NULL);
	bad(VETH "lxc.net.0.ipv4.address = 10.0.0.2/0\n", ERR_INPUT, NULL);
}

static void managed_networks(void **state)
{
	(void)state;
	dumps("coppice.network = coppice0\n", "net = empty\nnic 0 = veth name=\"eth0\" network=\"coppice0\" flags=up\n");
	dumps("coppice.network = lan0 ip=10.1.0.5 ip6=FD00::5 mac=00:16:3e:01:02:03 name=lan isolated in=10M out=1500K\nlxc.net.4.type = veth\ncoppice.network = lan1 in=1g\n",
	      "net = empty\nnic 4 = veth name=\"eth0\"\nnic 5 = veth name=\"lan\" network=\"lan0\" hwaddr=\"00:16:3e:01:02:03\" in=10000000 out=1500000 "
	      "address=\"10.1.0.5\" address=\"fd00::5\" flags=up isolated\nnic 6 = veth name=\"eth2\" network=\"lan1\" in=1000000000 flags=up\n");
	dumps("coppice.network = a\ncoppice.network = b\ncoppice.network =\ncoppice.network = c\n", "net = empty\nnic 0 = veth name=\"eth0\" network=\"c\" flags=up\n");
	dumps("coppice.network = a\nlxc.net.0.type = veth\nlxc.net =\n", "net = empty\nnic 0 = veth name=\"eth0\" network=\"a\" flags=up\n");
	bad("coppice.network = none\n", ERR_INPUT, "c:1: coppice.network = 'none': 'none' is no network but a type");
	bad("coppice.network = a-name-of-16-byt\n", ERR_INPUT, NULL);
	bad("coppice.network = a/b\n", ERR_INPUT, NULL);
	bad("coppice.network = a ip=10.0.0.1/24\n", ERR_INPUT, NULL);
	bad("coppice.network = a ip=fd00::1\n", ERR_INPUT, NULL);
	bad("coppice.network = a ip6=10.0.0.1\n", ERR_INPUT, NULL);
	bad("coppice.network = a ip=10.0.0.1 ip=10.0.0.2\n", ERR_INPUT, "c:1: coppice.network = 'a ip=10.0.0.1 ip=10.0.0.2': a second ip=");
	bad("coppice.network = a mac=00:16:3e:xx:xx:xx\n", ERR_INPUT, NULL);
	bad("coppice.network = a mac=01:00:00:00:00:00\n", ERR_INPUT, NULL);
	bad("coppice.network = a name=lo\n", ERR_INPUT, NULL);
	bad("coppice.network = a in=5\n", ERR_INPUT, NULL);
	bad("coppice.network = a in=10MB\n", ERR_INPUT, NULL);
	bad("coppice.network = a in=99999999999G\n", ERR_INPUT, NULL);
	bad("coppice.network = a isolatd\n", ERR_INPUT, "c:1: coppice.network = 'a isolatd': unknown word 'isolatd', did you mean 'isolated'?");
	bad("coppice.network = a ip=\n", ERR_INPUT, NULL);
	bad("coppice.network = a name=x\ncoppice.network = b name=x\n", ERR_INPUT, "c:2: name 'x' of an interface: another one has it already");
	bad("coppice.network = a ip=10.0.0.1\ncoppice.network = b ip=10.0.0.1\n", ERR_INPUT, "c:2: address 10.0.0.1 of interface 'eth1': 'eth0' has it already");
}

#define NET "coppice.network = a\n"
#define HEAD "net = empty\nnic 0 = veth name=\"eth0\" network=\"a\" flags=up\n"

static void ports(void **state)
{
	(void)state;
	dumps(NET "coppice.port = 8080:80\n", HEAD "port tcp = any 8080 inside 80 count 1\n");
	dumps(NET "coppice.port = 127.0.0.1:8080-8089:80-89/udp\ncoppice.port = [FE80::1]:53:53/tcp\ncoppice.port = 0.0.0.0:1:1\n",
	      HEAD "port udp = 127.0.0.1 8080 inside 80 count 10\nport tcp = fe80::1 53 inside 53 count 1\nport tcp = 0.0.0.0 1 inside 1 count 1\n");
	dumps(NET "coppice.port = 1:1\ncoppice.port =\n", HEAD);
	/* the same port of two protocols or two addresses */
	dumps(NET "coppice.port = 53:53\ncoppice.port = 53:53/udp\ncoppice.port = 10.0.0.1:80:80\ncoppice.port = 10.0.0.2:80:80\n",
	      HEAD "port tcp = any 53 inside 53 count 1\nport udp = any 53 inside 53 count 1\nport tcp = 10.0.0.1 80 inside 80 count 1\n"
		   "port tcp = 10.0.0.2 80 inside 80 count 1\n");
	bad("coppice.port = 8080:80\n", ERR_INPUT, "c:1: coppice.port: port 8080 of the host leads nowhere");
	bad("lxc.net.0.type = veth\ncoppice.port = 8080:80\n", ERR_INPUT, "c:2: coppice.port: port 8080 of the host leads nowhere");
	bad(NET "coppice.port = 80:80\ncoppice.port = 70-90:170-190\n", ERR_INPUT, "c:3: coppice.port: port 80 of the host is published by another line already");
	bad(NET "coppice.port = 80:80\ncoppice.port = 10.0.0.1:80:81\n", ERR_INPUT, NULL);
	bad(NET "coppice.port = 10.0.0.1:80:80\ncoppice.port = 10.0.0.1:80:81\n", ERR_INPUT, NULL);
	for (size_t i = 0; i < 16; i++) {
		static const char *const words[16] = {"80", ":80", "80:", "0:80", "80:0", "65536:80", "80-79:80-79", "80-81:80", "1-2000:1-2000", "80:80/sctp",
						      "80:80/udp/tcp", "::1:80:80", "[::1:80:80", "10.0.0.1/24:80:80", "[10.0.0.1]:80:80", "a:80:80"};
		char text[80];

		(void)snprintf(text, sizeof(text), NET "coppice.port = %s\n", words[i]);
		bad(text, ERR_INPUT, NULL);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(interfaces),
		cmocka_unit_test(old_interfaces),
		cmocka_unit_test(addresses),
		cmocka_unit_test(managed_networks),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
