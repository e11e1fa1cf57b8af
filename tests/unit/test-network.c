/* test-network.c - managed networks on paper: names, settings, leases, names files, the ruleset. */
#include "network/network.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct ip of(const char *s)
{
	struct ip a;

	assert_int_equal(ip_parse(s, &a), 0);
	return a;
}

static const char *text_of(const struct ip *a)
{
	static char out[4][IP_TEXT];
	static int i;

	i = (i + 1) % 4;
	return ip_format_prefix(a, out[i]);
}

static struct network make(const char *name)
{
	struct network n;
	struct err e = {0};

	assert_int_equal(network_defaults(name, NULL, 0, &n, &e), 0);
	return n;
}

/* ---- settings ---- */

static void defaults(void **state)
{
	struct network a = make("coppice0"), b = make("coppice0"), c = make("lan0"), d;
	struct ip taken[300];
	struct err e = {0};

	(void)state;
	assert_true(ip_equal(&a.ipv4, &b.ipv4) && ip_equal(&a.ipv6, &b.ipv6)); /* drawn from the name */
	assert_false(ip_overlap(&a.ipv4, &c.ipv4) || ip_overlap(&a.ipv6, &c.ipv6));
	assert_int_equal(a.ipv4.bytes[0], 10);
	assert_int_equal(a.ipv4.prefix, 16);
	assert_int_equal(a.ipv6.bytes[0], 0xfd);
	assert_int_equal(a.ipv6.prefix, 64);
	assert_true(a.nat && a.guard && a.names && !a.dhcp && !a.internal && !a.isolated);
	assert_int_equal(network_check(&a, &e), 0);
	/* a route in the way moves it, a default route does not */
	taken[0] = of("0.0.0.0/0");
	taken[1] = ip_network(&a.ipv4);
	taken[2] = ip_network(&a.ipv6);
	assert_int_equal(network_defaults("coppice0", taken, 1, &d, &e), 0);
	assert_true(ip_equal(&d.ipv4, &a.ipv4));
	assert_int_equal(network_defaults("coppice0", taken, 3, &d, &e), 0);
	assert_false(ip_overlap(&d.ipv4, &a.ipv4) || ip_overlap(&d.ipv6, &a.ipv6));
	/* the whole of 10/8 is somebody's: on to the next private range, and the next */
	taken[0] = of("10.0.0.0/8");
	assert_int_equal(network_defaults("coppice0", taken, 1, &d, &e), 0);
	assert_int_equal(d.ipv4.bytes[0], 172);
	taken[1] = of("172.16.0.0/12");
	assert_int_equal(network_defaults("coppice0", taken, 2, &d, &e), 0);
	assert_int_equal(d.ipv4.bytes[0], 192);
	assert_int_equal(d.ipv4.prefix, 24);
	taken[2] = of("192.168.0.0/16");
	assert_int_equal(network_defaults("coppice0", taken, 3, &d, &e), -EADDRINUSE);
	assert_non_null(strstr(e.hint, "--ipv4"));
}

static void names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a b", "-x", ".x", "a/b", "0123456789012345", "a:b", "\xc3\xa4"};
	struct network n;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (network_defaults(bad[i], NULL, 0, &n, &e) != -EINVAL)
			fail_msg("'%s' was taken as a name", bad[i]);
	assert_int_equal(network_defaults("012345678901234", NULL, 0, &n, &e), 0);
}

static void settings(void **state)
{
	static const char *const good[][2] = {
	    {"ipv4", "10.9.0.1/24"},
	    {"ipv6", "none"},
	    {"ipv6", "fd00:9::1/64"},
	    {"mtu", "1400"},
	    {"mtu", "0"},
	    {"nat", "no"},
	    {"isolated", "yes"},
	    {"dhcp", "1"},
	    {"guard", "off"},
	    {"names", "false"},
	    {"internal", "true"},
	    {"domain", "lan.example"},
	    {"domain", ""},
	    {"dns", "9.9.9.9, 2620:fe::fe"},
	    {"dns", ""},
	};
	static const char *const bad[][2] = {
	    {"ipv4", "10.9.0.1"},   {"ipv4", "fd00::1/64"}, {"ipv4", "10.9.0/24"}, {"ipv6", "10.0.0.1/8"},
	    {"mtu", "10"},	    {"mtu", "70000"},	    {"nat", "maybe"},	   {"domain", "a..b"},
	    {"domain", "a_b"}, {"domain", "-a"}, {"domain", "a-.b"},	    {"domain", ".lan"},	    {"dns", "9.9.9.9/24"}, {"dns", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4"},
	    {"dns", "dns.example"}, {"nope", "1"},	    {"bridge", "br0"},
	};
	struct network n = make("lan0");
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (network_set(&n, good[i][0], good[i][1], &e) < 0)
			fail_msg("%s = %s: %s", good[i][0], good[i][1], e.why);
	assert_string_equal(text_of(&n.ipv6), "fd00:9::1/64");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (network_set(&n, bad[i][0], bad[i][1], &e) != -EINVAL || e.kind != ERR_INPUT)
			fail_msg("%s = %s was taken", bad[i][0], bad[i][1]);
	assert_int_equal(network_set(&n, "isolate", "yes", &e), -EINVAL);
	assert_non_null(strstr(e.why, "did you mean 'isolated'"));
}

static void together(void **state)
{
	static const char *const bad[][3] = {
	    {"ipv4", "10.9.0.0/24", "host"},	 {"ipv4", "10.9.0.255/24", "host"}, {"ipv4", "10.9.0.1/31", "room"},
	    {"ipv4", "10.9.0.1/7", "too large"}, {"ipv6", "fd00::1/127", "room"},   {"ipv6", "ff02::1/64", "host"},  {"ipv6", "fd00::/64", "host"},
	};
	struct err e = {0};
	struct network n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		n = make("lan0");
		assert_int_equal(network_set(&n, bad[i][0], bad[i][1], &e), 0);
		assert_int_equal(network_check(&n, &e), -EINVAL);
		if (!strstr(e.why, bad[i][2]))
			fail_msg("%s: %s", bad[i][1], e.why);
	}
	n = make("lan0");
	n.ipv4 = (struct ip){0};
	assert_int_equal(network_check(&n, &e), 0);
	n.dhcp = true;
	assert_int_equal(network_check(&n, &e), -EINVAL);
	n = make("lan0");
	n.mtu = 1000;
	assert_int_equal(network_check(&n, &e), -EINVAL);
	n = make("lan0");
	n.ipv4 = n.ipv6 = (struct ip){0};
	assert_int_equal(network_check(&n, &e), -EINVAL);
	n.nat = false;
	assert_int_equal(network_check(&n, &e), 0);
}

static void text(void **state)
{
	static const char *const bad[] = {"",
					  "ipv4 = 10.9.0.1/24\n",
					  "name lan0\n",
					  "name = lan0\nformat = 2\n",
					  "name = lan0\nnat = perhaps\n",
					  "name = a/b\n",
					  "name = lan0\nbridge = a b\n",
					  "name = lan0\ncreated = -1\n",
					  "= x\nname = lan0\n"};
	struct network n = make("lan0"), back;
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct err e = {0};

	(void)state;
	assert_int_equal(network_set(&n, "dns", "9.9.9.9 2620:fe::fe", &e), 0);
	assert_int_equal(network_set(&n, "domain", "lan.example", &e), 0);
	n.mtu = 1400;
	n.isolated = true;
	network_format(&n, &b);
	assert_int_equal(network_parse(buf_str(&b), b.len, &back, &e), 0);
	network_format(&back, &again);
	assert_string_equal(buf_str(&b), buf_str(&again));
	assert_true(back.isolated && back.created == n.created && ip_equal(&back.ipv4, &n.ipv4));
	buf_puts(&b, "# a remark\n\n  colour =  blue \n"); /* of a later version */
	assert_int_equal(network_parse(buf_str(&b), b.len, &back, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (network_parse(bad[i], strlen(bad[i]), &back, &e) >= 0)
			fail_msg("'%s' was read", bad[i]);
	assert_int_equal(network_parse("name = lan0\nnat = x\n", 20, &back, &e), -EINVAL);
	assert_non_null(strstr(e.why, "line 2"));
	buf_done(&b);
	buf_done(&again);
}

/* ---- store ---- */

struct place {
	struct scratch s;
	struct networks n;
};

static int place_open(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char run[256];
	struct err e = {0};

	if (!p || scratch_open(&p->s) < 0)
		return -1;
	(void)snprintf(run, sizeof(run), "%s/run", p->s.path);
	*state = p;
	return networks_open(p->s.path, run, &p->n, &e);
}

static int place_close(void **state)
{
	struct place *p = *state;

	networks_close(&p->n);
	scratch_close(&p->s);
	free(p);
	return 0;
}

static void kept(void **state)
{
	struct place *p = *state;
	struct network a = make("lan0"), b = make("coppice0"), back, *list;
	struct arena arena = ARENA_INIT;
	struct err e = {0};
	size_t count = 9;
	char path[512];
	int dir;

	assert_int_equal(network_list(&p->n, &arena, &list, &count, &e), 0);
	assert_int_equal(count, 0);
	assert_int_equal(network_read(&p->n, "lan0", &back, &e), -ENOENT);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(network_write(&p->n, &a, true, &e), 0);
	assert_int_equal(network_write(&p->n, &a, true, &e), -EEXIST);
	assert_int_equal(network_write(&p->n, &b, true, &e), 0);
	a.mtu = 1300;
	assert_int_equal(network_write(&p->n, &a, false, &e), 0);
	assert_int_equal(network_read(&p->n, "lan0", &back, &e), 0);
	assert_int_equal(back.mtu, 1300);
	assert_int_equal(network_list(&p->n, &arena, &list, &count, &e), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].name, "coppice0");
	/* what a killed delete left is no network, and no obstacle; the leases of then do not come back */
	assert_int_equal(unlink(scratch_at(&p->s, path, "networks/lan0/config")), 0);
	dir = open(scratch_at(&p->s, path, "networks/lan0"), O_PATH | O_CLOEXEC);
	assert_int_equal(scratch_put(dir, "leases", "/x/web1 eth0 00:16:3e:00:00:01 10.1.2.3/16 -\n"), 0);
	fd_close(&dir);
	assert_int_equal(network_read(&p->n, "lan0", &back, &e), -ENOENT);
	assert_int_equal(network_list(&p->n, &arena, &list, &count, &e), 0);
	assert_int_equal(count, 1);
	assert_int_equal(network_write(&p->n, &a, true, &e), 0);
	assert_int_not_equal(access(scratch_at(&p->s, path, "networks/lan0/leases"), F_OK), 0);
	assert_int_equal(network_remove(&p->n, "lan0", &e), 0);
	assert_int_equal(network_remove(&p->n, "lan0", &e), -ENOENT);
	assert_int_not_equal(access(scratch_at(&p->s, path, "networks/lan0"), F_OK), 0);
	/* damage is told, not taken for absence */
	dir = open(scratch_at(&p->s, path, "networks/coppice0"), O_PATH | O_CLOEXEC);
	assert_int_equal(scratch_put(dir, "config", "name = lan9\n"), 0);
	fd_close(&dir);
	assert_int_equal(network_read(&p->n, "coppice0", &back, &e), -EBADMSG);
	assert_int_equal(e.kind, ERR_DAMAGED);
	arena_done(&arena);
}

/* ---- leases ---- */

static struct network_lease lease(struct place *p, const struct network *n, const char *owner, const char *nic)
{
	struct network_lease l;
	struct err e = {0};

	if (network_lease(&p->n, n, owner, nic, NULL, NULL, NULL, &l, &e) < 0)
		fail_msg("lease of %s: %s", owner, e.why);
	return l;
}

static void leases(void **state)
{
	struct place *p = *state;
	struct network n = make("lan0");
	struct network_lease a, b, c, *list;
	struct arena arena = ARENA_INIT;
	struct err e = {0};
	size_t count;

	assert_int_equal(network_write(&p->n, &n, true, &e), 0);
	a = lease(p, &n, "/var/lib/lxc/web1", "eth0");
	b = lease(p, &n, "/var/lib/lxc/web2", "eth0");
	c = lease(p, &n, "/var/lib/lxc/web1", "eth1");
	assert_true(ip_within(&a.ipv4, &n.ipv4) && ip_within(&a.ipv6, &n.ipv6));
	assert_int_equal(a.ipv4.prefix, 16);
	assert_int_equal(a.ipv6.prefix, 64);
	assert_false(ip_equal(&a.ipv4, &b.ipv4) || ip_equal(&a.ipv6, &b.ipv6) || ip_equal(&a.ipv4, &c.ipv4));
	assert_int_not_equal(memcmp(a.mac, b.mac, 6), 0);
	b = lease(p, &n, "/var/lib/lxc/web1", "eth0");
	assert_memory_equal(&a, &b, sizeof(a));
	/* deleted and made anew: the same again, because it is drawn from the name */
	assert_int_equal(network_release(&p->n, "/var/lib/lxc/web1", &e), 0);
	assert_int_equal(network_leases(&p->n, "lan0", &arena, &list, &count, &e), 0);
	assert_int_equal(count, 1);
	b = lease(p, &n, "/var/lib/lxc/web1", "eth0");
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(network_release(&p->n, "/var/lib/lxc/none", &e), 0);
	assert_int_equal(network_release_nic(&p->n, "lan0", "/var/lib/lxc/web1", "eth0", &e), 0);
	assert_int_equal(network_release_nic(&p->n, "gone", "/var/lib/lxc/web1", "eth0", &e), 0);
	/* the network moved to other addresses: so does the lease, its hardware address stays */
	a = lease(p, &n, "/var/lib/lxc/web2", "eth0");
	assert_int_equal(network_set(&n, "ipv4", "192.168.7.1/24", &e), 0);
	b = lease(p, &n, "/var/lib/lxc/web2", "eth0");
	assert_true(ip_within(&b.ipv4, &n.ipv4) && ip_equal(&a.ipv6, &b.ipv6) && memcmp(a.mac, b.mac, 6) == 0);
	n.ipv6 = (struct ip){0};
	b = lease(p, &n, "/var/lib/lxc/web2", "eth0");
	assert_int_equal(b.ipv6.family, 0);
	arena_done(&arena);
}

static int ask(struct place *p, const struct network *n, const char *owner, const char *ipv4, const char *ipv6, const char *mac,
	       struct network_lease *ret, struct err *e)
{
	struct ip a = {0}, b = {0};
	uint8_t m[6];

	if (ipv4)
		a = of(ipv4);
	if (ipv6)
		b = of(ipv6);
	if (mac)
		assert_int_equal(ip_mac_parse(mac, m), 0);
	return network_lease(&p->n, n, owner, "eth0", ipv4 ? &a : NULL, ipv6 ? &b : NULL, mac ? m : NULL, ret, e);
}

static void wishes(void **state)
{
	struct place *p = *state;
	struct network n = make("lan0");
	struct network_lease l;
	struct err e = {0};
	char mac[IP_MAC_TEXT];

	assert_int_equal(network_set(&n, "ipv4", "10.9.0.1/24", &e), 0);
	assert_int_equal(network_set(&n, "ipv6", "fd00:9::1/64", &e), 0);
	assert_int_equal(network_write(&p->n, &n, true, &e), 0);
	assert_int_equal(ask(p, &n, "/c/a", "10.9.0.7", "fd00:9::7", "02:00:00:00:00:07", &l, &e), 0);
	assert_string_equal(text_of(&l.ipv4), "10.9.0.7/24");
	assert_string_equal(text_of(&l.ipv6), "fd00:9::7/64");
	assert_string_equal(ip_mac_format(l.mac, mac), "02:00:00:00:00:07");
	assert_int_equal(ask(p, &n, "/c/a", NULL, NULL, NULL, &l, &e), 0);
	assert_string_equal(text_of(&l.ipv4), "10.9.0.7/24"); /* it stays */
	assert_int_equal(ask(p, &n, "/c/a", "10.9.0.8", NULL, NULL, &l, &e), 0);
	assert_string_equal(text_of(&l.ipv4), "10.9.0.8/24"); /* until another one is asked for */
	assert_int_equal(ask(p, &n, "/c/b", "10.9.0.8", NULL, NULL, &l, &e), -EADDRINUSE);
	assert_int_equal(e.kind, ERR_EXISTS);
	assert_non_null(strstr(e.why, "'a'"));
	assert_int_equal(ask(p, &n, "/c/b", NULL, "fd00:9::7", NULL, &l, &e), -EADDRINUSE);
	assert_int_equal(ask(p, &n, "/c/b", NULL, NULL, "02:00:00:00:00:07", &l, &e), -EADDRINUSE);
	assert_int_equal(ask(p, &n, "/c/b", "10.9.0.1", NULL, NULL, &l, &e), -EADDRINUSE);
	assert_int_equal(ask(p, &n, "/c/b", "10.9.1.1", NULL, NULL, &l, &e), -EADDRNOTAVAIL);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(ask(p, &n, "/c/b", "10.9.0.255", NULL, NULL, &l, &e), -EADDRNOTAVAIL);
	assert_int_equal(ask(p, &n, "/c/b", NULL, "fd00:9::", NULL, &l, &e), -EADDRNOTAVAIL);
	n.ipv6 = (struct ip){0};
	assert_int_equal(ask(p, &n, "/c/b", NULL, "fd00:9::9", NULL, &l, &e), -EADDRNOTAVAIL);
	assert_int_equal(network_lease(&p->n, &n, "no path", "eth0", NULL, NULL, NULL, &l, &e), -EINVAL);
	n = make("gone");
	assert_int_equal(ask(p, &n, "/c/b", NULL, NULL, NULL, &l, &e), -ENOENT);
}

static void full(void **state)
{
	struct place *p = *state;
	struct network n = make("tiny");
	struct network_lease l;
	struct err e = {0};
	bool seen[16] = {false};
	char owner[32];

	assert_int_equal(network_set(&n, "ipv4", "10.9.0.9/28", &e), 0); /* a gateway in the middle: 13 are left */
	assert_int_equal(network_write(&p->n, &n, true, &e), 0);
	for (int i = 0; i < 13; i++) {
		(void)snprintf(owner, sizeof(owner), "/c/web%d", i);
		l = lease(p, &n, owner, "eth0");
		assert_int_not_equal(l.ipv4.bytes[3], 9);
		assert_in_range(l.ipv4.bytes[3], 1, 14);
		assert_false(seen[l.ipv4.bytes[3]]);
		seen[l.ipv4.bytes[3]] = true;
	}
	assert_int_equal(network_lease(&p->n, &n, "/c/more", "eth0", NULL, NULL, NULL, &l, &e), -ENOSPC);
	assert_int_equal(e.kind, ERR_SYSTEM);
	assert_non_null(strstr(e.why, "full"));
	l = lease(p, &n, "/c/web3", "eth0"); /* those who have one keep it */
	assert_int_equal(network_release(&p->n, "/c/web5", &e), 0);
	(void)lease(p, &n, "/c/more", "eth0");
}

/* Everybody at once: nobody shares an address, nobody is lost. */
static void crowd(void **state)
{
	enum { PROCESSES = 6, EACH = 12 };
	struct place *p = *state;
	struct network n = make("lan0");
	struct network_lease *list;
	struct arena arena = ARENA_INIT;
	struct err e = {0};
	pid_t pids[PROCESSES];
	size_t count;

	assert_int_equal(network_set(&n, "ipv4", "10.9.0.1/24", &e), 0);
	assert_int_equal(network_write(&p->n, &n, true, &e), 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (int k = 0; k < EACH; k++) {
				struct network_lease l;
				char owner[32];

				(void)snprintf(owner, sizeof(owner), "/c/w%d-%d", i, k);
				if (network_lease(&p->n, &n, owner, "eth0", NULL, NULL, NULL, &l, &e) < 0)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(network_leases(&p->n, "lan0", &arena, &list, &count, &e), 0);
	assert_int_equal(count, PROCESSES * EACH);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(ip_equal(&list[i].ipv4, &list[k].ipv4) || ip_equal(&list[i].ipv6, &list[k].ipv6) ||
				     memcmp(list[i].mac, list[k].mac, 6) == 0);
	arena_done(&arena);
}

static void lease_lines(void **state)
{
	static const char *const good[] = {
	    "/var/lib/lxc/web1 eth0 00:16:3e:01:02:03 10.1.2.3/16 fd00::3/64",
	    "/srv/my containers/web1 eth0 02:16:3e:01:02:03 - -",
	};
	static const char *const bad[] = {
	    "",
	    "/a",
	    "/a eth0 00:16:3e:01:02:03 10.1.2.3/16",
	    "a eth0 00:16:3e:01:02:03 - -",
	    "/a eth/0 00:16:3e:01:02:03 - -",
	    "/a eth0 00:16:3e:01:02 - -",
	    "/a eth0 00:16:3e:01:02:03 fd00::1/64 -",
	    "/a eth0 00:16:3e:01:02:03 - 10.1.1.1/8",
	    "/a\tb eth0 00:16:3e:01:02:03 - -",
	    "/a eth0 01:16:3e:01:02:03 - -",
	    "/a eth0 00:16:3e:01:02:03 - - ",
	};
	struct network_lease l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(network_lease_parse(good[i], strlen(good[i]), &l), 0);
		network_lease_format(&l, &b);
		assert_memory_equal(buf_str(&b), good[i], strlen(good[i]));
		buf_done(&b);
	}
	assert_string_equal(l.owner, "/srv/my containers/web1");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (network_lease_parse(bad[i], strlen(bad[i]), &l) != -EBADMSG)
			fail_msg("'%s' was read", bad[i]);
}

/* ---- names ---- */

static char *slurp(const char *path)
{
	struct buf b = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, &b, 1 << 20), 0);
	fd_close(&fd);
	return buf_take(&b);
}

static void hosts(void **state)
{
	struct place *p = *state;
	struct network n = make("lan0");
	struct network_lease l = {"/c/web1", "eth0", {2, 0, 0, 0, 0, 1}, of("10.9.0.7/24"), of("fd00:9::7/64")};
	struct arena arena = ARENA_INIT;
	struct err e = {0};
	struct stat before, after;
	const char **list;
	size_t count;
	char path[400];
	char *text;

	assert_int_equal(network_set(&n, "ipv4", "10.9.0.1/24", &e), 0);
	assert_int_equal(network_set(&n, "domain", "lan.example", &e), 0);
	assert_int_equal(network_hosts_drop(&p->n, "lan0", "web1", &e), 0); /* there is no file yet */
	assert_int_equal(network_hosts_path(&p->n, &n, true, path, &e), 0);
	assert_int_equal(stat(path, &before), 0);
	text = slurp(path);
	assert_non_null(strstr(text, "127.0.0.1 localhost\n"));
	assert_non_null(strstr(text, "10.9.0.1 _gateway\n"));
	free(text);
	assert_int_equal(network_hosts_set(&p->n, &n, "web1", &l, &e), 0);
	assert_int_equal(network_hosts_set(&p->n, &n, "web1", &l, &e), 0); /* again: no second line */
	text = slurp(path);
	assert_non_null(strstr(text, "\n10.9.0.7 web1 web1.lan.example\nfd00:9::7 web1 web1.lan.example\n"));
	assert_null(strstr(strstr(text, "10.9.0.7") + 1, "10.9.0.7"));
	free(text);
	l.ipv4 = of("10.9.0.70/24");
	l.ipv6 = (struct ip){0};
	assert_int_equal(network_hosts_set(&p->n, &n, "web10", &l, &e), 0);
	assert_int_equal(network_hosts_names(&p->n, "lan0", &arena, &list, &count, &e), 0);
	assert_int_equal(count, 3);
	assert_string_equal(list[2], "web10");
	assert_int_equal(network_hosts_drop(&p->n, "lan0", "web1", &e), 0);
	text = slurp(path);
	assert_null(strstr(text, "web1 "));
	assert_null(strstr(text, "\n\n"));
	assert_non_null(strstr(text, "10.9.0.70 web10 web10.lan.example\n"));
	assert_non_null(strstr(text, "10.9.0.1 _gateway\n"));
	free(text);
	/* an address that has a new owner */
	assert_int_equal(network_hosts_set(&p->n, &n, "web11", &l, &e), 0);
	text = slurp(path);
	assert_null(strstr(text, "web10"));
	free(text);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_ino == after.st_ino && (after.st_mode & 0777) == 0644); /* it is mounted: never another file */
	arena_done(&arena);
}

static void resolv(void **state)
{
	static const char *const host =
	    "# made by hand\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver fe80::2\n"
	    "nameserver\t2620:fe::fe \nsearch example.org corp\noptions edns0 trust-ad\n";
	struct network n = make("lan0");
	struct buf b = BUF_INIT;
	struct err e = {0};

	(void)state;
	network_resolv(&n, host, &b);
	assert_string_equal(buf_str(&b), "nameserver 9.9.9.9\nnameserver 2620:fe::fe\nsearch example.org corp\noptions edns0 trust-ad\n");
	buf_clear(&b);
	assert_int_equal(network_set(&n, "dns", "10.0.0.53", &e), 0);
	assert_int_equal(network_set(&n, "domain", "lan", &e), 0);
	network_resolv(&n, host, &b);
	assert_string_equal(buf_str(&b), "nameserver 10.0.0.53\nsearch lan\n");
	buf_clear(&b);
	n = make("lan0");
	network_resolv(&n, "nameserver 127.0.0.1\nnameserver", &b);
	assert_string_equal(buf_str(&b), "");
	buf_done(&b);
}

/* ---- ruleset ---- */

static void class_ids(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	network_ruleset_class(&b, "veth1 p\"x veth2", "", 0x100001);
	assert_non_null(strstr(buf_str(&b), "add element inet coppice_class ports { \"veth1\" : 0x00100001 }\nadd element bridge coppice_class ports { \"veth1\" : 0x00100001 }\n"));
	assert_non_null(strstr(buf_str(&b), "ports { \"veth2\" : 0x00100001 }"));
	assert_null(strstr(buf_str(&b), "p\"x"));
	buf_clear(&b);
	network_ruleset_class(&b, NULL, "unified/coppice/web1", 7);
	assert_non_null(strstr(buf_str(&b), "add element inet coppice_class groups { \"unified/coppice/web1\" : 0x00000007 }\n"));
	buf_clear(&b);
	network_ruleset_class_drop(&b, NULL, "coppice/web1");
	assert_string_equal(buf_str(&b), "delete element inet coppice_class groups { \"coppice/web1\" }\n");
	buf_done(&b);
}

static void ruleset(void **state)
{
	struct network nets[2] = {make("coppice0"), make("lan0")};
	struct buf b = BUF_INIT;
	struct err e = {0};

	(void)state;
	assert_int_equal(network_set(&nets[0], "ipv4", "10.9.0.1/24", &e), 0);
	nets[1].internal = nets[1].isolated = true;
	network_ruleset(nets, 2, &b);
	assert_non_null(strstr(buf_str(&b), "oifname != @bridges ip saddr 10.9.0.0/24 ip daddr != 10.9.0.0/24 masquerade\n"));
	assert_non_null(strstr(buf_str(&b), "internal { \"lan0\" }\n"));
	assert_null(strstr(buf_str(&b), "internal { \"coppice0\" }\n"));
	assert_non_null(strstr(buf_str(&b), "within { \"coppice0\" . \"coppice0\" }\n"));
	assert_null(strstr(buf_str(&b), "within { \"lan0\""));
	assert_null(strstr(buf_str(&b), "flush map")); /* elements stay */
	assert_null(strstr(buf_str(&b), "delete"));
	buf_clear(&b);
	network_ruleset_port(&b, NULL, "10.9.0.7/24", false, 8080, 80, 2);
	assert_string_equal(buf_str(&b), "add element inet coppice publish4 { tcp . 8080 : 10.9.0.7 . 80, tcp . 8081 : 10.9.0.7 . 81 }\n");
	buf_clear(&b);
	network_ruleset_port(&b, "fd00::9", "fd00:9::7/64", true, 53, 53, 1);
	assert_string_equal(buf_str(&b), "add element inet coppice publish6_at { fd00::9 . udp . 53 : fd00:9::7 . 53 }\n");
	buf_clear(&b);
	network_ruleset_port(&b, "fd00::9", "10.9.0.7", true, 53, 53, 1); /* families that do not meet */
	network_ruleset_guard(&b, "a\"b", "02:00:00:00:00:07", NULL, NULL);
	assert_string_equal(buf_str(&b), "");
	network_ruleset_guard(&b, "cp1", "02:00:00:00:00:07", "10.9.0.7/24", NULL);
	assert_string_equal(
	    buf_str(&b),
	    "add element bridge coppice macs { \"cp1\" . 02:00:00:00:00:07 }\nadd element bridge coppice ips4 { \"cp1\" . 10.9.0.7 }\n"
	    "add element bridge coppice ips6 { \"cp1\" . 0xfe80000000000000000000fffe000007 }\nadd element bridge coppice guarded { \"cp1\" }\n");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(names),
	    cmocka_unit_test(settings),
	    cmocka_unit_test(together),
	    cmocka_unit_test(text),
	    cmocka_unit_test_setup_teardown(kept, place_open, place_close),
	    cmocka_unit_test_setup_teardown(leases, place_open, place_close),
	    cmocka_unit_test_setup_teardown(wishes, place_open, place_close),
	    cmocka_unit_test_setup_teardown(full, place_open, place_close),
	    cmocka_unit_test_setup_teardown(crowd, place_open, place_close),
	    cmocka_unit_test(lease_lines),
	    cmocka_unit_test_setup_teardown(hosts, place_open, place_close),
	    cmocka_unit_test(resolv),
	    cmocka_unit_test(ruleset),
	    cmocka_unit_test(class_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
