/* Lines seen in the wild: what hand-made configs, templates and other programs write for LXC of every age is read, and means what it meant there. */
#include "base/buf.h"
#include "spec/conf.h"
#include "spec/keys.h"
#include "spec/spec.h"
#include "unit/test.h"

#include <stdio.h>

/* @text is applied to a container named web1 with the root /srv/r; its spec_dump() holds each line of @says, and it has @notes notes. */
struct wild {
	const char *text, *says;
	size_t notes;
};

static void read_all(const struct wild *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		autodone(conf_free) struct conf *c = NULL;
		autodone(buf_done) struct buf dump = BUF_INIT;
		char line[256], word[32];
		struct err e = {0};
		struct spec s;

		spec_init(&s);
		s.name = "web1";
		if (conf_parse(rows[i].text, strlen(rows[i].text), "c", &c, &e) < 0 || conf_apply(c, &s, &e) < 0)
			fail_msg("%s: %s", rows[i].text, e.why);
		if (!s.rootfs && key_apply(&s, NULL, "lxc.rootfs.path", "/srv/r", &e) < 0)
			fail_msg("%s", e.why);
		if (spec_freeze(&s, &e) < 0)
			fail_msg("%s: %s", rows[i].text, e.why);
		spec_dump(&s, &dump);
		for (const char *at = rows[i].says; at && *at;) {
			size_t len = strcspn(at, "\n");

			assert_true(len < sizeof(line));
			memcpy(line, at, len);
			line[len] = '\0';
			(void)snprintf(word, sizeof(word), "\n%.*s", (int)strcspn(line, "= "), line);
			if (!strstr(buf_str(&dump), line))
				fail_msg("%s\ngives no line '%s' but %s", rows[i].text, line, strstr(buf_str(&dump), word) ? strstr(buf_str(&dump), word) : "nothing of the kind");
			at += len + (at[len] == '\n');
		}
		if (s.note_count != rows[i].notes)
			fail_msg("%s: %zu notes, the last '%s'", rows[i].text, s.note_count, s.note_count ? s.notes[s.note_count - 1] : "");
		spec_done(&s);
	}
}

static void names_and_terminals(void **state)
{
	static const struct wild rows[] = {
	    {"lxc.utsname =vps-7", "hostname = \"vps-7\"", 0},
	    {"lxc.utsname = manual_container ", "hostname = \"manual_container\"", 1},
	    {"lxc.uts.name = \"web1\"", "hostname = \"web1\"", 0},
	    {"lxc.tty=99\nlxc.pts = 1024", "tty_count = 99\npty_max = 1024", 0},
	    {"lxc.tty.max = 100000", "tty_count = 199", 1},
	    {"lxc.tty = 1\nlxc.pts = 1\nlxc.devttydir =", "tty_count = 1", 0},
	    {"lxc.devttydir = lxc\nlxc.console = none", "tty_dir = \"lxc\"", 0},
	    {"lxc.kmsg = 0\nlxc.pivotdir = /tmp/lxc_putold\nlxc.rootfs.backend = dir", NULL, 3},
	    {"lxc.arch = i386", "linux32 = yes", 0},
	    {"lxc.arch = linux64", "linux32 = no", 0},
	    {"lxc.haltsignal = SIGTERM\nlxc.signal.stop=SIGRTMIN+14", "signal_halt = 15\nsignal_stop = 48", 0},
	    {"lxc.group = onboot\nlxc.group = web\nlxc.start.auto = 1\nlxc.start.delay = 5", "groups = \"onboot\" \"web\"\nstart_delay_ms = 5000", 0},
	    {"lxc.loglevel = 1\nlxc.logfile = /tmp/x\nlxc.syslog = daemon", NULL, 0},
	    {"lxc.environment = TERM=\"xterm-256color\"", "env \"TERM\" = \"\\\"xterm-256color\\\"\"", 0},
	    {"lxc.execute.cmd = '\"/bin/sh\" \"-c\" \"echo foo\"'", "execute = \"/bin/sh\" \"-c\" \"echo foo\"", 0},
	};

	(void)state;
	read_all(rows, ARRAY_LEN(rows));
}

static void mounts(void **state)
{
	static const struct wild rows[] = {
	    {"lxc.mount.entry = /dev/dri dev/dri none bind,optional,create=dir", "mount \"dev/dri\" = \"/dev/dri\" none bind optional create=dir", 0},
	    {"lxc.mount.entry=/a srv none defaults,bind,create=dir,uid=0 0 0", "mount \"srv\" = \"/a\" none bind create=dir\n", 1},
	    {"lxc.mount.entry = tmpfs mnt tmpfs mode=0755,uid=0,gid=1000", "data \"mode=0755,uid=0,gid=1000\"", 0},
	    {"lxc.mount.entry = tmpfs tmp tmpfs defaults", "mount \"tmp\" = \"tmpfs\" tmpfs\n", 0},
	    {"lxc.mount.entry = /opt opt none bind,ro 0 0 # shared", "mount \"opt\" = \"/opt\" none bind ro\n", 2},
	    {"lxc.mount.entry = /opt /srv/r/opt none bind,ro 0 0", "mount \"opt\" = \"/opt\" none bind ro\n", 0},
	    {"lxc.mount.entry = /host/dir /path/in none bind,optional 0 0", NULL, 1},
	    {"lxc.mount.entry = /a\\040b /srv/r/c\\040d none bind,rw 0 0", "mount \"c d\" = \"/a b\" none bind\n", 0},
	    {"lxc.mount.entry = /dev dev/ none bind,optional,create=dir", "mount \"dev\" = \"/dev\" none bind optional create=dir", 0},
	    {"lxc.mount.entry = proc   /srv/r/proc    proc   defaults  0 0\nlxc.mount.entry = devpts /srv/r/dev/pts devpts gid=5,mode=620 0 0", NULL, 2},
	    {"lxc.autodev = 0\nlxc.mount.entry = tmpfs dev tmpfs nosuid 0 0", "dev_own = no", 1},
	    {"lxc.autodev = 0", "dev_own = yes", 0},
	    {"lxc.mount.auto = proc sys:rw cgroup-full", "auto = proc:mixed sys:rw cgroup-full:mixed", 0},
	    {"lxc.mount.auto = proc:mixed sys:mixed cgroup:rw:force", "auto = proc:mixed sys:mixed cgroup:rw", 0},
	    {"lxc.rootfs = overlayfs:/low:/up\nlxc.rootfs.backend = overlayfs", NULL, 1},
	};

	(void)state;
	read_all(rows, ARRAY_LEN(rows));
}

static void interfaces(void **state)
{
	static const struct wild rows[] = {
	    {"lxc.network.type=veth\nlxc.network.flags=up\nlxc.network.ipv4=10.100.0.10", "nic 0 = veth name=\"eth0\" address=\"10.100.0.10/8\" flags=up", 0},
	    {"lxc.network.type = phys\nlxc.network.flags = down\nlxc.network.link  = eth1", "nic 0 = phys name=\"eth1\" link=\"eth1\" flags=up", 1},
	    {"lxc.network.type = veth\nlxc.network.link =\nlxc.network.ipv4 = 172.17.2.1/31", "address=\"172.17.2.1/31\"", 0},
	    {"lxc.network.type = veth\nlxc.network.ipv4 = 10.0.3.12/24 10.0.3.255\nlxc.network.ipv4.gateway = auto\nlxc.network.link = br0", "gateway4=auto", 0},
	    {"lxc.network.type = veth\nlxc.network.ipv6=2001:db8:0:1:0:1010:1:1", "address=\"2001:db8:0:1:0:1010:1:1/64\"", 0},
	    {"lxc.network.type = veth\nlxc.network.link = nosuch\nlxc.network =\nlxc.network.type = empty", "net = empty\n", 0},
	    {"lxc.network.type = empty\nlxc.network.flags = up\nlxc.network.mtu = 1500", "net = empty\n", 0},
	    {"lxc.network.type = veth\nlxc.network.link = a\nlxc.network.type = macvlan\nlxc.network.macvlan.mode = bridge\nlxc.network.link = b",
	     "nic 0 = veth name=\"eth0\" link=\"a\"\nnic 1 = macvlan name=\"eth1\" link=\"b\" mode=bridge", 0},
	    {"lxc.network.1.type = veth\nlxc.network.1.link = a\nlxc.network.0.type = veth", "nic 0 = veth name=\"eth0\"\nnic 1 = veth name=\"eth1\" link=\"a\"", 0},
	    {"lxc.net.0.type = macvlan\nlxc.net.0.link = a\nlxc.net.0.type = macvlan\nlxc.net.0.link = b", "nic 0 = macvlan name=\"eth0\" link=\"b\"", 0},
	    {"lxc.network.type = none", "net = none", 0},
	    {"lxc.network.type = veth\nlxc.network.hwaddr = 00:FF:AA:xx:xx:xx", "hwaddr=\"00:", 0},
	};

	(void)state;
	read_all(rows, ARRAY_LEN(rows));
}

static void limits_and_rights(void **state)
{
	static const struct wild rows[] = {
	    {"lxc.cgroup.devices.deny = a \nlxc.cgroup.devices.allow = c 1:3 rwm ", "device allow = c 1:3 rwm", 0},
	    {"lxc.cgroup.devices.allow = c 226:0 rwm #/dev/dri/card0", "device allow = c 226:0 rwm", 1},
	    {"lxc.cgroup.devices.allow = \" c 226:* rwm\"", "device allow = c 226:* rwm", 0},
	    {"lxc.cgroup.devices.allow =\nlxc.cgroup.devices.deny =", NULL, 0},
	    {"lxc.cgroup.cpuset.cpus =\nlxc.cgroup.freezer.state = THAWED", NULL, 0},
	    {"lxc.cgroup.memory.limit_in_bytes=268435456\nlxc.cgroup.cpu.shares=1024\nlxc.limit.nproc=1024", "memory_max = 268435456\nprlimit nproc soft = 1024", 0},
	    {"lxc.cap.drop = sys_module\tmac_admin   mac_override\nlxc.cap.drop =", "caps_keep = ", 0},
	    {"lxc.cap.keep = none\nlxc.cap.keep = sys_admin chown", "caps_keep = chown sys_admin", 0},
	    {"lxc.cap.keep = 0\nlxc.cap.keep = 21", "caps_keep = chown sys_admin", 0},
	    {"lxc.namespace.clone = ipc uts net mount", "ns_keep = cgroup pid time", 0},
	    {"lxc.namespace.clone = MNT PID NET", "ns_keep = cgroup ipc time uts", 0},
	    {"lxc.id_map = u 0 100000 65536\nlxc.id_map = g 0 100000 65536", "idmap = u 0 100000 65536\nidmap = g 0 100000 65536", 0},
	    {"lxc.aa_profile=unconfined\nlxc.aa_allow_incomplete = 1\nlxc.seccomp =", "apparmor_profile = \"unconfined\"", 0},
	    {"lxc.prlimit.core = 0:unlimited", "prlimit core soft = 0", 0},
	    {"lxc.hook.post-stop = /dev/null\nlxc.hook.pre-start = bash -c \"echo 'x'; true;\"", "hook post-stop = \"/dev/null\"", 0},
	};

	(void)state;
	read_all(rows, ARRAY_LEN(rows));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_and_terminals), cmocka_unit_test(mounts), cmocka_unit_test(interfaces), cmocka_unit_test(limits_and_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
