/* test-ip.c - addresses: what is read, what is refused, and arithmetic on prefixes. */
#include "base/ip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct ip of(const char *s)
{
	struct ip a;

	assert_int_equal(ip_parse(s, &a), 0);
	return a;
}

static void texts(void **state)
{
	static const char *const good[][2] = {
		{"10.0.0.2", "10.0.0.2/32"}, {"10.0.0.2/24", "10.0.0.2/24"}, {"0.0.0.0/0", "0.0.0.0/0"}, {"FD00:0::1/64", "fd00::1/64"},
		{"::1", "::1/128"}, {"::ffff:1.2.3.4/96", "::ffff:1.2.3.4/96"},
	};
	static const char *const bad[] = {"", "/", "10.0.0", "10.0.0.300/24", "10.0.0.2/33", "10.0.0.2/", "10.0.0.2/024", "10.0.0.2/+1", "010.0.0.1", " 10.0.0.1",
					  "10.0.0.1 ", "fe80::1%eth0", "::/129", "1::2::3", "10.0.0.2/24/8", "a.b.c.d",
					  "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd"};
	struct ip a;
	char text[IP_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		a = of(good[i][0]);
		assert_string_equal(ip_format_prefix(&a, text), good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ip_parse(bad[i], &a) != -EINVAL)
			fail_msg("'%s' was read", bad[i]);
	assert_string_equal(ip_format(&(struct ip){0}, text), "");
}

static void prefixes(void **state)
{
	struct ip net = of("10.87.0.0/16"), six = of("fd42:1::/64"), a;
	char text[IP_TEXT];

	(void)state;
	a = of("10.87.3.4");
	assert_true(ip_within(&a, &net));
	assert_int_equal(ip_index(&a, &net), 3 * 256 + 4);
	a = of("10.88.0.1");
	assert_false(ip_within(&a, &net));
	assert_true(ip_index(&a, &net) == UINT64_MAX);
	a = of("fd42:1::1");
	assert_false(ip_within(&a, &net));
	assert_true(ip_within(&a, &six));
	a = ip_nth(&net, 0x1ff);
	assert_string_equal(ip_format_prefix(&a, text), "10.87.1.255/16");
	a = ip_nth(&six, 0x123456789abcULL);
	assert_string_equal(ip_format_prefix(&a, text), "fd42:1::1234:5678:9abc/64");
	assert_true(ip_index(&a, &six) == 0x123456789abcULL);
	a = of("10.1.2.3/9");
	a = ip_network(&a);
	assert_string_equal(ip_format_prefix(&a, text), "10.0.0.0/9");
	a = of("10.1.2.3/9");
	a = ip_broadcast(&a);
	assert_string_equal(ip_format(&a, text), "10.127.255.255");
	a = of("10.1.2.3/31");
	assert_int_equal(ip_broadcast(&a).family, 0);
	a = of("10.0.0.0/8");
	assert_true(ip_overlap(&a, &net));
	assert_true(ip_overlap(&net, &a));
	a = of("10.86.0.0/16");
	assert_false(ip_overlap(&a, &net));
	a = of("0.0.0.0/0");
	assert_true(ip_overlap(&a, &net));
}

static void hosts(void **state)
{
	static const char *const no[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1/4", "255.255.255.255", "10.0.0.0/24", "10.0.0.255/24", "::", "::1", "ff02::1"};
	static const char *const yes[] = {"10.0.0.1/24", "10.0.0.0/31", "10.0.0.255", "fe80::1/64", "fd00::/64"};
	struct ip a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		a = of(no[i]);
		if (ip_is_host(&a))
			fail_msg("%s passes for a host", no[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		a = of(yes[i]);
		if (!ip_is_host(&a))
			fail_msg("%s does not pass for a host", yes[i]);
	}
}

static void macs(void **state)
{
	static const char *const bad[] = {"", "00:16:3e:aa:bb", "00:16:3e:aa:bb:cc:dd", "00-16-3e-aa-bb-cc", "00:16:3e:aa:bb:cx", "0:16:3e:aa:bb:cc", "00:16:3e:aa:bb:c"};
	uint8_t mac[6];
	char text[IP_MAC_TEXT];
	bool open;

	(void)state;
	assert_int_equal(ip_mac_parse("00:16:3E:aa:Bb:cc", mac), 0);
	assert_string_equal(ip_mac_format(mac, text), "00:16:3e:aa:bb:cc");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ip_mac_parse(bad[i], mac), -EINVAL);
	assert_int_equal(ip_mac_parse("01:00:5e:00:00:01", mac), -EADDRNOTAVAIL);
	assert_int_equal(ip_mac_parse("00:00:00:00:00:00", mac), -EADDRNOTAVAIL);
	assert_true(ip_mac_pattern("00:16:3e:xx:xX:0x", &open));
	assert_true(open);
	assert_true(ip_mac_pattern("00:16:3e:01:02:03", &open));
	assert_false(open);
	assert_false(ip_mac_pattern("00:16:3e:yy:02:03", &open));
	assert_int_equal(ip_mac_fill("00:16:3e:xx:xx:xx", 0xabcdef000000ULL, mac), 0);
	assert_int_equal(mac[0], 0);
	assert_int_equal(mac[2], 0x3e);
	assert_int_equal(ip_mac_fill("xx:xx:xx:xx:xx:xx", UINT64_MAX, mac), 0);
	assert_int_equal(mac[0] & 1, 0);
	assert_int_equal(mac[0] & 2, 2);
	assert_int_equal(ip_mac_parse("02:16:3e:aa:bb:cc", mac), 0);
	struct ip ll = ip_link_local(mac);
	char six[IP_TEXT];
	assert_string_equal(ip_format(&ll, six), "fe80::16:3eff:feaa:bbcc");
}

static void names(void **state)
{
	(void)state;
	assert_true(ip_is_ifname("eth0"));
	assert_true(ip_is_ifname("0123456789abcde"));
	assert_false(ip_is_ifname("0123456789abcdef"));
	assert_false(ip_is_ifname(""));
	assert_false(ip_is_ifname("a/b"));
	assert_false(ip_is_ifname("a b"));
	assert_false(ip_is_ifname(".."));
	assert_false(ip_is_ifname("eth%d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts), cmocka_unit_test(prefixes), cmocka_unit_test(hosts), cmocka_unit_test(macs), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
