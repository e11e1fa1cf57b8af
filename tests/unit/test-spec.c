/* What config text makes of a spec: every default, every conversion, every contradiction. */
#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "spec/conf.h"
#include "spec/keys.h"
#include "spec/spec.h"
#include "unit/spec-fixture.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define M (UINT64_C(1) << 20)

static void defaults(void **state)
{
	static const char want[] =
	    "name = \"web1\"\nhostname = \"web1\"\nmode = bind\nbase = \"deb\"\nbase_version = unset\nrootfs = unset\nrootfs_mount = "
	    "unset\n"
	    "lowers = none\nrootfs_options = unset\nrootfs_keep = no\nephemeral_size = 1073741824\nlinux32 = no\nprivileged = no\nnesting = no\ninit = \"/sbin/init\"\nsmall_init "
	    "= no\n"
	    "execute = none\ninit_uid = 0\ninit_gid = 0\ninit_groups = none\ninit_cwd = unset\nsignal_halt = 0\nsignal_reboot = 0\nsignal_stop = 0\n"
	    "stop_timeout_ms = 30000\ntty_count = 4\npty_max = 256\ntty_dir = unset\ndev_own = no\ndev_size = 0\nconsole = unset\nlog_size = 16777216\nlog_path = unset\nring_size = 32768\n"
	    "caps_keep = chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
	    "net_broadcast "
	    "net_admin net_raw ipc_lock ipc_owner sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_tty_config "
	    "mknod lease "
	    "audit_write setfcap checkpoint_restore\nno_new_privs = no\nseccomp_off = no\nprlimit nofile soft = 65536\nprlimit nofile hard "
	    "= 65536\n"
	    "keyring_shared = no\nsched_core = no\nsignal_pdeath = 0\nns_clone = none\nns_keep = none\nfstab = unset\nauto = proc:unset sys:unset cgroup:unset\nshmounts = unset\n"
	    "net = empty\nmemory_max = unset\nmemory_high = unset\nmemory_low = unset\nswap_max = unset\nmemsw_max = unset\ncpu_quota_us = "
	    "unset\n"
	    "cpu_period_us = unset\ncpu_weight = unset\ncpu_shares = unset\ncpuset_cpus = unset\ncpuset_mems = unset\npids_max = 4096\n"
	    "io_weight = unset\nblkio_weight = unset\ndevice deny = a *:* rwm\ndevice allow = c *:* m\ndevice allow = b *:* m\n"
	    "device allow = c 1:3 rwm\ndevice allow = c 1:5 rwm\ndevice allow = c 1:7 rwm\ndevice allow = c 1:8 rwm\ndevice allow = c 1:9 "
	    "rwm\n"
	    "device allow = c 5:0 rwm\ndevice allow = c 5:1 rwm\ndevice allow = c 5:2 rwm\ndevice allow = c 136:* rwm\ndevice allow = c "
	    "10:229 rwm\n"
	    "device allow = c 10:200 rwm\nrestart = no\nephemeral = no\nautostart = no\nstart_delay_ms = 0\nstart_order = 0\ngroups = "
	    "none\ntags = none\n";
	autodone(buf_done) struct buf out = BUF_INIT;
	struct spec s;

	(void)state;
	good(&s, "");
	spec_dump(&s, &out);
	assert_string_equal(buf_str(&out), want);
	assert_null(s.init[s.init_count]); /* a vector for execve(2) */
	assert_int_equal(spec_freeze(&s, NULL), -EPERM);
	spec_done(&s);
	spec_done(&s); /* harmless twice */
}

static void privileged_adds_nothing(void **state)
{
	struct spec s, p;

	(void)state;
	good(&s, "");
	good(&p, "coppice.privileged = 1\n");
	assert_true(p.privileged);
	assert_true(p.caps_keep == s.caps_keep);
	assert_int_equal(p.limits.device_count, s.limits.device_count);
	assert_int_equal(p.seccomp_off, s.seccomp_off);
	assert_int_equal(p.note_count, 1);
	spec_done(&s);
	spec_done(&p);
}

static void names(void **state)
{
	static const struct {
		const char *name, *host;
	} rows[] = {{"web1", "web1"}, {"web_1", "web-1"}, {"a.b", "a.b"}, {"a..b", "a--b"},  {"a.-b", "a--b"},
		    {"x-", "x"},      {"x_.", "x"},	  {"9", "9"},	  {"A_b.c", "A-b.c"},
		    {"_x", "x"},      {"me@home:2", "me-home-2"}, {"g++", "g"}, {"++", "container"}};
	struct spec s;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		spec_init(&s);
		s.name = rows[i].name;
		s.base = "deb";
		assert_int_equal(spec_freeze(&s, NULL), 0);
		assert_string_equal(s.hostname, rows[i].host);
		spec_done(&s);
	}
	spec_init(&s);
	s.base = "deb";
	assert_int_equal(spec_freeze(&s, &e), -EINVAL);
	s.name = "../x";
	assert_int_equal(spec_freeze(&s, &e), -EINVAL);
	assert_non_null(strstr(e.why, "'../x'"));
	spec_done(&s);
	bad("lxc.uts.name = a b\n", ERR_INPUT, "c:1: lxc.uts.name = 'a b': not a host name (allowed: ");
	bad("lxc.uts.name = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", ERR_INPUT, NULL);
	good(&s, "lxc.uts.name = manual_container\n");
	assert_string_equal(s.hostname, "manual_container");
	assert_string_equal(s.notes[0], "c:1: lxc.uts.name: the host name is no name for the DNS");
	spec_done(&s);
}

static void roots(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.rootfs.path = dir:/srv//tree/./x/\n");
	assert_int_equal(s.mode, SPEC_ROOTFS);
	assert_string_equal(s.rootfs, "/srv/tree/x");
	spec_done(&s);
	good(&s, "coppice.base = deb@00112233\ncoppice.mode = layered\nlxc.rootfs.managed = 0\n");
	assert_int_equal(s.mode, SPEC_OVERLAY);
	assert_string_equal(s.base, "deb");
	assert_string_equal(s.base_version, "00112233");
	assert_true(s.rootfs_keep);
	spec_done(&s);
	good(&s, "coppice.mode = sealed\n");
	assert_int_equal(s.mode, SPEC_BIND);
	spec_done(&s);
	bad("coppice.base = deb\nlxc.rootfs.path = /srv/x\n", ERR_INPUT,
	    "c:2: lxc.rootfs.path = '/srv/x': coppice.base = 'deb' is the root already");
	bad("coppice.mode = copy\nlxc.rootfs.path = /srv/x\n", ERR_INPUT, "c:1: coppice.mode = 'copy': needs coppice.base");
	bad("coppice.mode = rootfs\n", ERR_INPUT, NULL);
	bad("coppice.mode = binds\n", ERR_INPUT, "c:1: coppice.mode = 'binds': unknown mode 'binds', did you mean 'bind'?");
	bad("lxc.rootfs.path = overlay:/a\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.path = overlay:/a:\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.path = overlay::/b\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.path = overlay:/a::/b\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.path = overlay:a:/b\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.path = overlay:/1:/2:/3:/4:/5:/6:/7:/8:/9:/10:/11:/12:/13:/14:/15:/16:/17:/18:/19:/20:/21:/22:/23:/24:/25:/26:/27:/28:/29:/30:/31:/32:/up\n",
	    ERR_INPUT, NULL);
	bad("lxc.rootfs = aufs:/a:/b\n", ERR_UNSUPPORTED, "c:1: lxc.rootfs = 'aufs:/a:/b': a root of kind 'aufs' is not mounted: no kernel has aufs");
	bad("lxc.rootfs.path = zfs:tank/web1\n", ERR_UNSUPPORTED, NULL);
	bad("lxc.rootfs.path = nbd:/x.img:1\n", ERR_UNSUPPORTED, NULL);
	good(&s, "lxc.rootfs = overlayfs:/a/:/b:/c/delta0\nlxc.rootfs.options = ro,nosuid,idmap=/proc/1/ns/user,errors=continue\n");
	assert_int_equal(s.lower_count, 2);
	assert_string_equal(s.lowers[0], "/a");
	assert_string_equal(s.rootfs, "/c/delta0");
	assert_true(s.rootfs_options.read_only && s.rootfs_options.nosuid);
	assert_string_equal(s.rootfs_options.data, "errors=continue");
	spec_done(&s);
	good(&s, "lxc.rootfs.path = overlay:/a:/b\nlxc.rootfs.path = lvm:vg0/web1\nlxc.rootfs.options = ro\nlxc.rootfs.options = rw\n");
	assert_int_equal(s.lower_count, 0);
	assert_string_equal(s.rootfs, "/dev/vg0/web1");
	assert_false(s.rootfs_options.read_only);
	spec_done(&s);
	bad("lxc.rootfs = /dev/vg/../lv\n", ERR_INPUT, "c:1: lxc.rootfs = '/dev/vg/../lv': '..' is not allowed in a path");
	bad("lxc.rootfs.path = //\n", ERR_INPUT, "c:1: lxc.rootfs.path = '//': that is the host's own root");
	bad("lxc.rootfs.path = dri:/x\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.path = dir:\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.options = rw,create=dir\n", ERR_INPUT, NULL);
	bad("lxc.rootfs.options = idmap=x\n", ERR_INPUT, NULL);

	struct err e;

	spec_init(&s);
	s.name = "web1";
	assert_int_equal(spec_freeze(&s, &e), 0); /* neither base nor root: the host's */
	assert_int_equal(s.mode, SPEC_HOST);
	assert_int_equal(s.note_count, 1);
	spec_done(&s);
	spec_init(&s);
	s.name = "web1";
	s.mode = SPEC_COPY;
	assert_int_equal(spec_freeze(&s, &e), -EINVAL);
	assert_non_null(strstr(e.why, "neither coppice.base nor lxc.rootfs.path"));
	spec_done(&s);
}

static void command_lines(void **state)
{
	static const struct {
		const char *text;
		const char *words[6];
	} rows[] = {
	    {"/bin/a", {"/bin/a"}},
	    {"  /bin/a   b\tc ", {"/bin/a", "b", "c"}},
	    {"/bin/sh -c 'echo \"a b\"'", {"/bin/sh", "-c", "echo \"a b\""}},
	    {"/a \"b \\\" \\\\ \\n\" c\\ d", {"/a", "b \" \\ \\n", "c d"}},
	    {"/a '' x", {"/a", "", "x"}},
	    {"/a b'c'\"d\"e", {"/a", "bcde"}},
	    {"/a b\\", {"/a", "b\\"}},
	    {"/a '\\'", {"/a", "\\"}},
	    {"/a $HOME *", {"/a", "$HOME", "*"}},
	};
	struct spec s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = 0;

		spec_init(&s);
		assert_int_equal(key_apply(&s, NULL, "lxc.init.cmd", rows[i].text, NULL), 0);
		for (; rows[i].words[n]; n++) {
			assert_true(n < s.init_count);
			assert_string_equal(s.init[n], rows[i].words[n]);
		}
		assert_int_equal(s.init_count, n);
		assert_null(s.init[n]);
		assert_false(s.small_init);
		spec_done(&s);
	}
	bad("lxc.init.cmd = /bin/a \"b\n", ERR_INPUT, "c:1: lxc.init.cmd = '/bin/a \"b': a quote is not closed");
	bad("lxc.init.cmd = '' x\n", ERR_INPUT, NULL);
	good(&s,
	     "coppice.init = /usr/bin/web 8080\nlxc.execute.cmd = /bin/true\nlxc.init.uid = 33\nlxc.init.gid = 34\nlxc.init.cwd = /srv\n");
	assert_true(s.small_init);
	assert_int_equal(s.init_count, 2);
	assert_string_equal(s.execute[0], "/bin/true");
	assert_int_equal(s.init_uid, 33);
	assert_int_equal(s.init_gid, 34);
	spec_done(&s);
	good(&s, "coppice.init = /usr/bin/web\nlxc.init.cmd = /sbin/init x\n"); /* the last of the two wins */
	assert_false(s.small_init);
	spec_done(&s);
	bad("lxc.init.uid = 65536\n", ERR_INPUT, "c:1: lxc.init.uid = '65536': not in the id map of the container");
}

static void environment(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.environment = A=1\nlxc.environment = B=x=y\nlxc.environment = A=2\nlxc.environment = E=\n");
	assert_int_equal(s.env_count, 3);
	assert_string_equal(s.env[0].name, "A");
	assert_string_equal(s.env[0].value, "2");
	assert_string_equal(s.env[1].value, "x=y");
	assert_string_equal(s.env[2].value, "");
	spec_done(&s);
	good(&s, "lxc.environment = A=1\nlxc.environment =\nlxc.environment = B=1\n");
	assert_int_equal(s.env_count, 1);
	spec_done(&s);
	good(&s, "lxc.environment = A\nlxc.environment = B=1\nlxc.environment = B\nlxc.environment = C\nlxc.environment = C=\n"
		 "lxc.environment.runtime = A=2\nlxc.environment.hooks = H\n");
	assert_int_equal(s.env_count, 3);
	assert_null(s.env[0].value);
	assert_null(s.env[1].value);
	assert_string_equal(s.env[2].value, "");
	assert_int_equal(s.env_runtime_count, 1);
	assert_string_equal(s.env_hooks[0].name, "H");
	spec_done(&s);
	bad("lxc.environment = =x\n", ERR_INPUT, NULL);
	bad("lxc.environment = A B=x\n", ERR_INPUT, NULL);
}

static void terminals_and_logs(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.tty = 0\nlxc.pts = 1024\nlxc.console.size = 1\nlxc.console.buffer.size = auto\nlxc.console.logfile = /var/log/x\n");
	assert_int_equal(s.tty_count, 0);
	assert_int_equal(s.pty_max, 1024);
	assert_int_equal(s.log_size, 4096);
	assert_int_equal(s.ring_size, 32768);
	assert_string_equal(s.log_path, "/var/log/x");
	spec_done(&s);
	good(&s, "lxc.console.size = 2GB\nlxc.console.buffer.size = 64mb\n"); /* LXC has no bounds */
	assert_int_equal(s.log_size, 1 << 30);
	assert_int_equal(s.ring_size, 16 << 20);
	assert_string_equal(s.notes[1], "c:2: lxc.console.buffer.size: 64mb is taken as 16M, the most there is");
	spec_done(&s);
	good(&s, "coppice.log.size = 0\nlxc.console.buffer.size = 64kB\n");
	assert_int_equal(s.log_size, 0);
	assert_int_equal(s.ring_size, 65536);
	spec_done(&s);
	good(&s, "lxc.signal.halt = SIGRTMIN+3\nlxc.signal.reboot = 2\nlxc.stopsignal = KILL\ncoppice.stop.timeout = 0.5\n");
	assert_int_equal(s.signal_halt, SIGRTMIN + 3);
	assert_int_equal(s.signal_reboot, 2);
	assert_int_equal(s.signal_stop, SIGKILL);
	assert_int_equal(s.stop_timeout_ms, 500);
	spec_done(&s);
	bad("coppice.stop.timeout = 99999999999d\n", ERR_INPUT, "c:1: coppice.stop.timeout = '99999999999d': out of range");
}

static void id_maps(void **state)
{
	struct spec s;
	static char many[340 * 40 + 100];
	size_t at = 0;

	(void)state;
	good(&s, "lxc.idmap = u 0 100000 1000\nlxc.id_map = g 0 200000 1000\nlxc.idmap = b 1000 300000 10\nlxc.init.uid = 1009\n");
	assert_int_equal(s.idmap_count, 3);
	assert_true(s.idmaps[0].uid && !s.idmaps[0].gid);
	assert_true(!s.idmaps[1].uid && s.idmaps[1].gid);
	assert_true(s.idmaps[2].uid && s.idmaps[2].gid);
	assert_int_equal(s.idmaps[2].inside, 1000);
	assert_int_equal(s.idmaps[2].host, 300000);
	assert_int_equal(s.idmaps[2].count, 10);
	assert_string_equal(s.idmaps[1].where, "c:2");
	spec_done(&s);
	bad("lxc.idmap = u 0 100000 1000\n", ERR_INPUT, "c:1: lxc.idmap: group id 0 of the container is mapped by no line");
	bad("lxc.idmap = b 1 100000 1000\n", ERR_INPUT, "c:1: lxc.idmap: user id 0 of the container is mapped by no line");
	bad("lxc.idmap = b 0 0 65536\n", ERR_INPUT, "c:1: lxc.idmap = 'b 0 0 65536': root of the host would be in the container");
	good(&s, "lxc.idmap = b 0 0 65536\ncoppice.privileged = 1\nlxc.init.uid = 70000\n");
	assert_int_equal(s.idmap_count, 0);
	assert_string_equal(s.notes[0], "c:1: lxc.idmap: ids of a privileged container are those of the host anyway");
	spec_done(&s);
	bad("coppice.privileged = 1\nlxc.idmap = g 0 100000 65536\n", ERR_INPUT,
	    "c:2: lxc.idmap = 'g 0 100000 65536': coppice.privileged = 1 means that ids inside are those of the host");
	bad("lxc.idmap = b 0 100000 1000\nlxc.idmap = u 999 300000 1\n", ERR_INPUT,
	    "c:2: lxc.idmap = 'u 999 300000 1': the ids inside overlap those of 'b 0 100000 1000'");
	bad("lxc.idmap = b 0 100000 1000\nlxc.idmap = g 5000 100999 1\n", ERR_INPUT,
	    "c:2: lxc.idmap = 'g 5000 100999 1': the ids on the host overlap");
	good(&s, "lxc.idmap = b 0 100000 1000\nlxc.idmap = b 1000 101000 1\n"); /* touching is not overlapping */
	spec_done(&s);
	bad("lxc.idmap = u 0 4294967295 1\n", ERR_INPUT, "c:1: lxc.idmap = 'u 0 4294967295 1': the range goes beyond id 4294967294");
	bad("lxc.idmap = u 4294967294 100000 2\n", ERR_INPUT, NULL);
	bad("lxc.idmap = u 0 100000 4294967296\n", ERR_INPUT, "c:1: lxc.idmap = 'u 0 100000 4294967296': out of range");
	bad("lxc.idmap = u 0 100000\n", ERR_INPUT, NULL);
	bad("lxc.idmap = u 0 100000 1 1\n", ERR_INPUT, NULL);
	bad("lxc.idmap = x 0 100000 1\n", ERR_INPUT, NULL);
	bad("lxc.idmap = u -1 100000 1\n", ERR_INPUT, NULL);
	bad("lxc.init.gid = 70000\nlxc.idmap = b 0 100000 65536\n", ERR_INPUT, "c:1: lxc.init.gid = '70000': not in the id map");
	for (unsigned i = 0; i < 341; i++)
		at += (size_t)snprintf(many + at, sizeof(many) - at, "lxc.idmap = b %u %u 1\n", i, 100000 + 2 * i);
	bad(many, ERR_INPUT, "c:341: lxc.idmap = 'b 340 100680 1': more than 340 ranges");
}

static void capabilities(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.cap.drop = sys_admin CAP_NET_RAW\nlxc.cap.drop = 27\n");
	assert_true(s.caps_keep == (SPEC_CAPS_DEFAULT & ~(UINT64_C(1) << 21 | UINT64_C(1) << 13 | UINT64_C(1) << 27)));
	spec_done(&s);
	good(&s, "lxc.cap.drop = sys_admin\nlxc.cap.drop =\nlxc.cap.drop = kill none chown\n");
	assert_true(s.caps_keep == (SPEC_CAPS_DEFAULT & ~UINT64_C(1)));
	spec_done(&s);
	good(&s, "lxc.cap.keep = sys_time chown\nlxc.cap.keep = 50\n"); /* said so: kept, though the default would not */
	assert_true(s.caps_keep == (UINT64_C(1) << 25 | 1 | UINT64_C(1) << 50));
	spec_done(&s);
	good(&s, "lxc.cap.keep = chown kill\nlxc.cap.drop = kill\n");
	assert_true(s.caps_keep == 1);
	spec_done(&s);
	good(&s, "lxc.cap.keep = none\n");
	assert_true(s.caps_keep == 0);
	spec_done(&s);
	good(&s, "lxc.cap.keep = chown\nlxc.cap.keep =\n");
	assert_true(s.caps_keep == SPEC_CAPS_DEFAULT);
	spec_done(&s);
	assert_string_equal(spec_cap_name(40), "checkpoint_restore");
	assert_string_equal(spec_cap_name(21), "sys_admin");
	assert_null(spec_cap_name(41));
}

/* v1 and v2 texts that mean the same make the same spec. */
static void one_model(void **state)
{
	static const struct {
		const char *v1, *v2;
	} rows[] = {
	    {"lxc.cgroup.memory.limit_in_bytes = 128M\nlxc.cgroup.memory.memsw.limit_in_bytes = 256M\n",
	     "lxc.cgroup2.memory.max = 134217728\nlxc.cgroup2.memory.swap.max = 128M\n"},
	    {"lxc.cgroup.memory.memsw.limit_in_bytes = 256M\nlxc.cgroup.memory.limit_in_bytes = 128M\n",
	     "coppice.memory = 128M\ncoppice.swap = 128M\n"},
	    {"lxc.cgroup.memory.limit_in_bytes = -1\n", "lxc.cgroup2.memory.max = max\n"},
	    {"lxc.cgroup.memory.limit_in_bytes = 9223372036854771712\n", "coppice.memory = max\n"},
	    {"lxc.cgroup.memory.limit_in_bytes = 1M\nlxc.cgroup.memory.memsw.limit_in_bytes = 1M\n",
	     "coppice.memory = 1M\ncoppice.swap = 0\n"},
	    {"lxc.cgroup.memory.memsw.limit_in_bytes = -1\n", "lxc.cgroup2.memory.swap.max = max\n"},
	    {"lxc.cgroup.memory.soft_limit_in_bytes = 64M\n", "lxc.cgroup2.memory.low = 64M\n"},
	    {"lxc.cgroup.cpu.cfs_quota_us = 50000\nlxc.cgroup.cpu.cfs_period_us = 100000\n", "lxc.cgroup2.cpu.max = 50000 100000\n"},
	    {"lxc.cgroup.cpu.cfs_quota_us = 150000\n", "coppice.cpus = 1.5\n"},
	    {"lxc.cgroup.cpu.cfs_quota_us = -1\n", "lxc.cgroup2.cpu.max = max\n"},
	    {"lxc.cgroup.cpuset.cpus = 0-1\nlxc.cgroup.cpuset.mems = 0\n", "coppice.cpuset = 0-1\nlxc.cgroup2.cpuset.mems = 0\n"},
	    {"lxc.cgroup.cpuset.cpus = \n", ""},
	    {"lxc.cgroup.pids.max = 10\n", "coppice.pids = 10\n"},
	    {"lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\n",
	     "lxc.cgroup2.devices.deny = a *:* rwm\ncoppice.device = c 1:3 rwm\n"},
	    {"lxc.cgroup2.io.weight = default 300\n", "coppice.io.weight = 300\n"},
	    {"lxc.cgroup.memory.limit_in_bytes = 1M\nlxc.cgroup.cpu.shares = 4\nlxc.cgroup =\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		autodone(buf_done) struct buf a = BUF_INIT, b = BUF_INIT;
		struct spec s, t;

		good(&s, rows[i].v1);
		good(&t, rows[i].v2);
		spec_dump(&s, &a);
		spec_dump(&t, &b);
		assert_string_equal(buf_str(&a), buf_str(&b));
		spec_done(&s);
		spec_done(&t);
	}
}

static void scales(void **state)
{
	static const struct {
		unsigned said, weight;
	} shares[] = {{2, 1}, {1024, 39}, {512, 20}, {262144, 10000}}, blkio[] = {{10, 1}, {500, 4950}, {1000, 10000}};
	struct spec s;
	char text[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		(void)snprintf(text, sizeof(text), "lxc.cgroup.cpu.shares = %u\n", shares[i].said);
		good(&s, text);
		assert_int_equal(s.limits.cpu_weight, shares[i].weight);
		assert_int_equal(s.limits.cpu_shares, shares[i].said); /* a v1 host gets the very number */
		spec_done(&s);
	}
	for (size_t i = 0; i < ARRAY_LEN(blkio); i++) {
		(void)snprintf(text, sizeof(text), "lxc.cgroup.blkio.weight = %u\n", blkio[i].said);
		good(&s, text);
		assert_int_equal(s.limits.io_weight, blkio[i].weight);
		assert_int_equal(s.limits.blkio_weight, blkio[i].said);
		spec_done(&s);
	}
	{
		char many[700];

		for (size_t i = 0; i < sizeof(many); i++)
			many[i] = i & 1 ? '1' : ',';
		memcpy(many, "lxc.cgroup.cpuset.cpus = ", 25);
		many[sizeof(many) - 1] = '\0';
		bad(many, ERR_INPUT, "c:1: lxc.cgroup.cpuset.cpus = "); /* as much as goes into a file at once */
	}
	good(&s, "lxc.cgroup.cpu.shares = 0\n"); /* the kernel takes the nearest, and says nothing */
	assert_int_equal(s.limits.cpu_shares, 2);
	assert_int_equal(s.note_count, 1);
	spec_done(&s);
	good(&s, "lxc.cgroup.cpu.shares = 999999\n");
	assert_int_equal(s.limits.cpu_shares, 262144);
	spec_done(&s);
	good(&s, "lxc.cgroup.cpu.shares = 512\ncoppice.cpu.weight = 7\n");
	assert_int_equal(s.limits.cpu_weight, 7);
	assert_true(s.limits.cpu_shares == SPEC_UNSET);
	spec_done(&s);
}

static void limits_are_checked(void **state)
{
	struct spec s;

	(void)state;
	bad("lxc.cgroup.memory.limit_in_bytes = 256M\nlxc.cgroup.memory.memsw.limit_in_bytes = 128M\n", ERR_INPUT,
	    "c:2: lxc.cgroup.memory.memsw.limit_in_bytes = '134217728': below the memory limit of 268435456 bytes");
	bad("lxc.cgroup.memory.memsw.limit_in_bytes = 128M\n", ERR_INPUT,
	    "c:1: lxc.cgroup.memory.memsw.limit_in_bytes = '134217728': needs a memory limit");
	bad("coppice.memory = max\nlxc.cgroup.memory.memsw.limit_in_bytes = 128M\n", ERR_INPUT, "c:2: ");
	good(&s, "coppice.memory = 64M\nlxc.cgroup.memory.memsw.limit_in_bytes = 32M\nlxc.cgroup2.memory.swap.max = 5M\n"); /* the last of
															       the two */
	assert_int_equal(s.limits.swap_max, 5 * M);
	assert_true(s.limits.memsw_max == SPEC_UNSET);
	spec_done(&s);
	bad("coppice.memory = 18446744073709551615\n", ERR_INPUT, "c:1: coppice.memory = '18446744073709551615': out of range");
	bad("coppice.memory = 18446744073709551614\n", ERR_INPUT, NULL);
	bad("coppice.memory = 99999999999999999999\n", ERR_INPUT, "c:1: coppice.memory = '99999999999999999999': out of range");
	bad("coppice.memory = 0\n", ERR_INPUT, NULL);
	bad("coppice.cpus = 0\n", ERR_INPUT, NULL);
	bad("coppice.cpus = 5000\n", ERR_INPUT, NULL);
	bad("lxc.cgroup2.cpu.max = 1000 999\n", ERR_INPUT, NULL);
	bad("coppice.cpuset = 0-5000\n", ERR_INPUT, "c:1: coppice.cpuset = '0-5000': out of range");
	good(&s, "lxc.cgroup2.cpu.max = 20000 10000\ncoppice.pids = max\nlxc.cgroup2.memory.high = 1M\n");
	assert_int_equal(s.limits.cpu_quota_us, 20000);
	assert_int_equal(s.limits.cpu_period_us, 10000);
	assert_true(s.limits.pids_max == SPEC_MAX);
	assert_int_equal(s.limits.memory_high, M);
	spec_done(&s);
}

static void devices(void **state)
{
	struct spec s, plain;

	(void)state;
	good(&plain, "");
	good(&s, "coppice.device = c 10:232 rw\nlxc.cgroup2.devices.deny = c 10:200 rwm\n");
	assert_int_equal(s.limits.device_count, plain.limits.device_count + 2);
	assert_int_equal(s.limits.devices[s.limits.device_count - 2].minor, 232);
	assert_int_equal(s.limits.devices[s.limits.device_count - 2].access, SPEC_DEV_READ | SPEC_DEV_WRITE);
	assert_false(s.limits.devices[s.limits.device_count - 1].allow);
	spec_done(&s);
	/* what stands before the last rule for everything is dead */
	good(&s, "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\nlxc.cgroup2.devices.deny = "
		 "a\nlxc.cgroup2.devices.allow = c 1:5 rwm\n");
	assert_int_equal(s.limits.device_count, 2);
	assert_int_equal(s.limits.devices[1].minor, 5);
	spec_done(&s);
	good(&s, "lxc.cgroup.devices.allow = a\n");
	assert_int_equal(s.limits.device_count, 1);
	assert_true(s.limits.devices[0].allow);
	spec_done(&s);
	good(&s,
	     "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = b 8:* r\nlxc.cgroup.devices.deny =\nlxc.cgroup.devices.allow =\n");
	assert_int_equal(s.limits.device_count, plain.limits.device_count);
	spec_done(&s);
	spec_done(&plain);
	bad("coppice.device = c 1:1048576 r\n", ERR_INPUT, "c:1: coppice.device = 'c 1:1048576 r': out of range");
	bad("coppice.device = a 1:3 rwm\n", ERR_INPUT, NULL);
	bad("coppice.device = c 1:3\n", ERR_INPUT, NULL);
	bad("coppice.device = cc 1:3 r\n", ERR_INPUT, NULL);
	bad("coppice.device = c 1:3:4 r\n", ERR_INPUT, NULL);
	bad("coppice.device = c 1:3 r w\n", ERR_INPUT, NULL);
}

static void raw_cgroup_files(void **state)
{
	static const char *const refused[] = {"cgroup.procs",  "cgroup.threads",       "cgroup.subtree_control", "cgroup.kill",
					      "cgroup.freeze", "cgroup.event_control", "cgroup.clone_children"};
	struct spec s;
	char text[100];

	(void)state;
	good(&s, "lxc.cgroup2.io.max = 8:0 rbps=1\nlxc.cgroup2.io.max = 8:16 rbps=2\nlxc.cgroup.hugetlb.2MB.limit_in_bytes = "
		 "4M\nlxc.cgroup2.cgroup.max.depth = 3\n");
	assert_int_equal(s.limits.raw_count, 4);
	assert_string_equal(s.limits.raw[1].file, "io.max");
	assert_string_equal(s.limits.raw[1].value, "8:16 rbps=2");
	assert_true(s.limits.raw[1].v2);
	assert_false(s.limits.raw[2].v2);
	spec_done(&s);
	good(&s, "lxc.cgroup2.io.max = 8:0 rbps=1\nlxc.cgroup2.io.low = x\nlxc.cgroup2.io.max =\n");
	assert_int_equal(s.limits.raw_count, 1);
	spec_done(&s);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		(void)snprintf(text, sizeof(text), "lxc.cgroup2.%s = 1\n", refused[i]);
		bad(text, ERR_INPUT, NULL);
		(void)snprintf(text, sizeof(text), "lxc.cgroup.%s = 1\n", refused[i]);
		bad(text, ERR_INPUT, NULL);
	}
	bad("lxc.cgroup.release_agent = /bin/x\n", ERR_INPUT, "c:1: lxc.cgroup.release_agent = '/bin/x': 'release_agent' is not a limit");
	bad("lxc.cgroup.tasks = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup.notify_on_release = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup2.memory/../x.y = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup2..x = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup2.memory. = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup2.memory..max = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup2.memroy.min = 1\n", ERR_INPUT,
	    "c:1: lxc.cgroup2.memroy.min = '1': unknown cgroup v2 controller 'memroy', did you mean 'memory'?");
	bad("lxc.cgroup2.blkio.throttle.x = 1\n", ERR_INPUT, NULL);
	bad("lxc.cgroup.memory.max = 1M\n", ERR_INPUT,
	    "c:1: lxc.cgroup.memory.max = '1M': 'memory.max' is a file of cgroup v2, write lxc.cgroup2.memory.max");
	bad("lxc.cgroup2.cpu.shares = 1024\n", ERR_INPUT,
	    "c:1: lxc.cgroup2.cpu.shares = '1024': 'cpu.shares' is a file of cgroup v1, write lxc.cgroup.cpu.shares");
	bad("lxc.cgroup.dir = ../lxc\n", ERR_INPUT, NULL);
	bad("lxc.cgroup.dir.monitr = lxc\n", ERR_INPUT, "c:1: lxc.cgroup.dir.monitr = 'lxc': unknown directory 'monitr', did you mean 'monitor'?");
	good(&s, "lxc.cgroup.freezer.state = THAWED\n"); /* what is so anyway */
	spec_done(&s);
	bad("lxc.cgroup.freezer.state = FROZEN\n", ERR_UNSUPPORTED, NULL);
}

static void places(void **state)
{
	static const char *const wrong[] = {"/lxc", "..", "lxc/../x", "lxc/.", "a//b", "a b", "/"};
	struct spec s;
	char text[100];

	(void)state;
	good(&s, "lxc.cgroup.dir = my.slice/web@1/\nlxc.cgroup.dir.monitor.pivot = lxc\nlxc.cgroup.relative = 1\n");
	assert_string_equal(s.cgroup_dir, "my.slice/web@1");
	assert_string_equal(s.cgroup_pivot, "lxc");
	assert_true(s.cgroup_relative);
	spec_done(&s);
	good(&s, "lxc.cgroup.dir.container = a/b\nlxc.cgroup.dir.monitor = a/m\nlxc.cgroup.dir.container.inner = ns\n");
	assert_string_equal(s.cgroup_container, "a/b");
	assert_string_equal(s.cgroup_inner, "ns");
	assert_null(s.cgroup_dir);
	spec_done(&s);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		(void)snprintf(text, sizeof(text), "lxc.cgroup.dir = %s\n", wrong[i]);
		bad(text, ERR_INPUT, NULL);
		(void)snprintf(text, sizeof(text), "lxc.cgroup.dir.container = %s\n", wrong[i]);
		bad(text, ERR_INPUT, NULL);
	}
	bad("lxc.cgroup.dir.container.inner = a/b\n", ERR_INPUT, NULL);
	bad("lxc.cgroup.dir = a\nlxc.cgroup.dir.container = b\nlxc.cgroup.dir.monitor = c\n", ERR_INPUT, NULL); /* "lxc.cgroup.dir = 'a' says where already" */
	bad("lxc.cgroup.dir.container = b\n", ERR_INPUT, NULL); /* "lxc.cgroup.dir.monitor go together" */
	bad("lxc.cgroup.dir.monitor = b\n", ERR_INPUT, NULL); /* "lxc.cgroup.dir.monitor go together" */
	bad("lxc.cgroup.dir.container.inner = b\n", ERR_INPUT, NULL); /* "lxc.cgroup.dir.monitor go together" */
	bad("lxc.cgroup.dir.container = b\nlxc.cgroup.dir.monitor = b\n", ERR_INPUT, NULL); /* "the container's own already" */
}

/* What the whole config must not say. */
static void auto_cgroups(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.mount.auto = cgroup-full:ro:force\n");
	assert_int_equal(s.auto_cgroup, SPEC_AUTO_RO);
	assert_true(s.auto_cgroup_full && s.auto_cgroup_force);
	spec_done(&s);
	good(&s, "lxc.mount.auto = cgroup:rw:force cgroup\n");
	assert_int_equal(s.auto_cgroup, SPEC_AUTO_MIXED);
	assert_false(s.auto_cgroup_full || s.auto_cgroup_force);
	spec_done(&s);
}

static void process_limits(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.prlimit.nofile = 1024:4096\nlxc.limit.core = unlimited\nlxc.prlimit.memlock = 64K : unlimited\nlxc.prlimit.nproc = "
		 "0\nlxc.prlimit.core = 0\n");
	assert_int_equal(s.prlimit_count, 4);
	assert_int_equal(s.prlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(s.prlimits[0].soft, 1024);
	assert_int_equal(s.prlimits[0].hard, 4096);
	assert_int_equal(s.prlimits[1].soft, 65536);
	assert_true(s.prlimits[1].hard == SPEC_MAX);
	assert_int_equal(s.prlimits[3].resource, RLIMIT_CORE);
	assert_int_equal(s.prlimits[3].hard, 0);
	spec_done(&s);
	good(&s, "lxc.prlimit.core = 1\nlxc.prlimit.cpu = 1\nlxc.prlimit =\n");
	assert_int_equal(s.prlimit_count, 1); /* the default one */
	spec_done(&s);
	bad("lxc.prlimit.nofiles = 5\n", ERR_INPUT, "c:1: lxc.prlimit.nofiles = '5': unknown limit 'nofiles', did you mean 'nofile'?");
	bad("lxc.prlimit.nofile = unlimited:5\n", ERR_INPUT,
	    "c:1: lxc.prlimit.nofile = 'unlimited:5': the soft limit is above the hard one");
	bad("lxc.prlimit.nofile = 1:2:3\n", ERR_INPUT, NULL);
	bad("lxc.prlimit.nofile = :\n", ERR_INPUT, NULL);
	bad("lxc.prlimit.nofile = 1K\n", ERR_INPUT, NULL);
}

static void kernel_parameters(void **state)
{
	static const char *const fine[] = {"net.ipv4.ip_forward", "net.ipv4.conf.eth0/100.rp_filter",
					   "kernel.domainname",	  "kernel.shmmax",
					   "kernel.sem",	  "fs.mqueue.msg_max", "user.max_user_namespaces"};
	static const char *const refused[] = {"kernel.core_pattern",
					      "vm.swappiness",
					      "kernel.panic",
					      "fs.file-max",
					      "kernel.modprobe",
					      "netx.y",
					      "net./../vm",
					      "net..x",
					      "net.",
					      "net.a b",
					      "fs.mqueue",
					      "dev.cdrom.info",
					      "net.ipv4/../../vm.x"};
	struct spec s;
	char text[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		(void)snprintf(text, sizeof(text), "lxc.sysctl.%s = 7\n", fine[i]);
		good(&s, text);
		assert_int_equal(s.sysctl_count, 1);
		assert_string_equal(s.sysctls[0].name, fine[i]);
		spec_done(&s);
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		(void)snprintf(text, sizeof(text), "lxc.sysctl.%s = 7\n", refused[i]);
		bad(text, ERR_INPUT, NULL);
	}
	bad("lxc.sysctl.kernel.core_pattern = |/bin/x\n", ERR_INPUT,
	    "c:1: lxc.sysctl.kernel.core_pattern = '|/bin/x': this parameter belongs to the whole host");
	bad("lxc.sysctl.net.ipv4.ip_forward = 1\nlxc.net.0.type = none\n", ERR_INPUT,
	    "c:1: lxc.sysctl.net.ipv4.ip_forward = '1': the container shares the host's network");
	bad("lxc.sysctl.net.a = 1\nlxc.namespace.share.net = web2\n", ERR_INPUT, "c:1: lxc.sysctl.net.a = '1': the net namespace is not the container's own");
	bad("lxc.sysctl.kernel.shmmax = 1\nlxc.namespace.keep = ipc\n", ERR_INPUT, "c:1: lxc.sysctl.kernel.shmmax = '1': the ipc namespace");
	good(&s, "coppice.privileged = 1\nlxc.sysctl.vm.swappiness = 1\nlxc.sysctl.net.a = 1\n");
	assert_int_equal(s.sysctl_count, 2);
	assert_int_equal(s.note_count, 2); /* one for the parameter */
	spec_done(&s);
	good(&s, "lxc.sysctl.net/ipv4/conf/eth0.100/rp_filter = 1\n");
	assert_string_equal(s.sysctls[0].name, "net.ipv4.conf.eth0/100.rp_filter");
	spec_done(&s);
	good(&s, "lxc.sysctl.net.a = 1\nlxc.sysctl.net.b = 1\nlxc.sysctl.net.a = 2\nlxc.sysctl.net.b =\n");
	assert_int_equal(s.sysctl_count, 1);
	assert_string_equal(s.sysctls[0].value, "2");
	spec_done(&s);
}

static void namespaces(void **state)
{
	const uint32_t net = 1u << SPEC_NS_NET, ipc = 1u << SPEC_NS_IPC;
	struct spec s;

	(void)state;
	good(&s, "lxc.namespace.keep = net ipc\n");
	assert_int_equal(s.ns_keep, net | ipc);
	assert_int_equal(s.net, SPEC_NET_NONE);
	assert_int_equal(s.note_count, 0);
	spec_done(&s);
	good(&s, "lxc.namespace.clone = pid uts cgroup time\nlxc.net.0.type = veth\n");
	assert_int_equal(s.ns_keep, net | ipc); /* mounts and ids are the container's own in any case */
	assert_int_equal(s.nic_count, 0);
	assert_int_equal(s.note_count, 1);
	spec_done(&s);
	good(&s, "lxc.namespace.keep = user mnt uts\n");
	assert_int_equal(s.ns_keep, 1u << SPEC_NS_UTS);
	assert_int_equal(s.note_count, 2);
	spec_done(&s);
	good(&s, "lxc.namespace.share.net = web2\nlxc.namespace.share.ipc = 7\nlxc.namespace.share.uts = /proc/7/ns//uts\n"
		 "lxc.namespace.share.pid = x\nlxc.namespace.share.pid =\nlxc.namespace.keep = net\n");
	assert_string_equal(s.ns_share[SPEC_NS_NET], "web2");
	assert_string_equal(s.ns_share[SPEC_NS_UTS], "/proc/7/ns/uts");
	assert_null(s.ns_share[SPEC_NS_PID]);
	assert_int_equal(s.ns_keep, 0);
	assert_int_equal(s.net, SPEC_NET_NONE);
	spec_done(&s);
	bad("lxc.namespace.keep = net\nlxc.namespace.clone = pid\n", ERR_INPUT, "c:1: lxc.namespace.keep: lxc.namespace.clone says");
	bad("lxc.namespace.share.nett = x\n", ERR_INPUT, "c:1: lxc.namespace.share.nett = 'x': unknown namespace 'nett', did you mean 'net'?");
	bad("lxc.namespace.share.net = 0\n", ERR_INPUT, NULL);
	bad("lxc.namespace.share.net = web1\n", ERR_INPUT, "c:1: lxc.namespace.share.net = 'web1': that is this container itself");
	bad("lxc.namespace.share.net = 4294967295\n", ERR_INPUT, NULL);
	bad("lxc.namespace.share.net = ../x\n", ERR_INPUT, NULL);
}

/* Whose the ids are, and whose the mounts. */
static void users_and_mounts_of_another(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.namespace.share.user = web2\nlxc.idmap = u 5 100000 7\nlxc.init.uid = 70000\nlxc.namespace.keep = user\n"); /* what the map is shows at the start */
	assert_string_equal(s.ns_share[SPEC_NS_USER], "web2");
	assert_int_equal(s.idmap_count, 1);
	assert_int_equal(s.note_count, 0);
	spec_done(&s);
	bad("lxc.namespace.share.user = web2\ncoppice.privileged = 1\n", ERR_INPUT, "c:1: lxc.namespace.share.user = 'web2': coppice.privileged = 1 means");
	bad("lxc.namespace.share.user = web2\nlxc.sysctl.user.max_user_namespaces = 5\n", ERR_INPUT, "c:2: lxc.sysctl.user.max_user_namespaces = '5': the user namespace is not");
	bad("lxc.namespace.share.mnt = web2\n", ERR_INPUT, "c:1: lxc.namespace.share.mnt = 'web2': mounts belong to a user namespace");
	good(&s, "lxc.namespace.share.mnt = web2\ncoppice.privileged = 1\nlxc.namespace.share.pid = web2\nlxc.namespace.keep = mnt\n");
	assert_int_equal(s.tty_count, 0);
	assert_int_equal(s.note_count, 2); /* root is root, and its base is not used */
	spec_done(&s);
	good(&s, "lxc.namespace.share.user = web2\nlxc.namespace.share.mnt = web2\nlxc.rootfs.path = /srv/x\nlxc.mount.entry = /a a none bind\nlxc.mount.auto = proc:rw shmounts:/s\n"
		 "lxc.tty.max = 2\nlxc.hook.mount = /h\nlxc.hook.start = /h\n");
	assert_int_equal(s.mount_count, 0);
	assert_int_equal(s.tty_count, 0);
	assert_int_equal(s.note_count, 2);
	assert_string_equal(s.notes[0], "lxc.namespace.share.mnt: the root and all mounts are those of 'web2', so this has no effect: lxc.rootfs.path, lxc.mount.entry, lxc.mount.auto, "
					"lxc.tty.max, lxc.hook.mount");
	assert_non_null(strstr(s.notes[1], "/proc shows the processes of 'web2'"));
	spec_done(&s);
}

static void files_of_init(void **state)
{
	static const char *const refused[] = {"mem", "uid_map", "attr/current", "/oom_score_adj", "a//b", "a/", "../1/mem", "Oom", "task/1/mem", "setgroups"};
	struct spec s;

	(void)state;
	good(&s, "lxc.proc.oom_score_adj = 1\nlxc.proc.oom_score_adj = -7\nlxc.proc.coredump_filter = 0x33\n"
		 "lxc.monitor.signal.pdeath = KILL\nlxc.sched.core = 1\nlxc.keyring.session = 0\n");
	assert_int_equal(s.proc_count, 2);
	assert_string_equal(s.procs[0].value, "-7");
	assert_int_equal(s.signal_pdeath, SIGKILL);
	assert_true(s.sched_core && s.keyring_shared);
	spec_done(&s);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char text[100];

		(void)snprintf(text, sizeof(text), "lxc.proc.%s = 1\n", refused[i]);
		bad(text, ERR_INPUT, NULL);
	}
}

static void guest_devices(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.devttydir = /dev/lxc/\nlxc.autodev.tmpfs.size = 500000\nlxc.console = /dev/tty8\nlxc.init.groups = 5, 27 1000\nlxc.pts = 0\n");
	assert_string_equal(s.console, "/dev/tty8");
	assert_int_equal(s.dev_size, 500000);
	assert_int_equal(s.init_group_count, 3);
	assert_int_equal(s.init_groups[2], 1000);
	assert_int_equal(s.pty_max, 256);
	spec_done(&s);
	good(&s, "lxc.tty.dir = lxc/in\nlxc.console.path = none\n");
	assert_string_equal(s.tty_dir, "lxc/in");
	assert_null(s.console);
	spec_done(&s);
	bad("lxc.tty.dir = ../x\n", ERR_INPUT, NULL);
	bad("lxc.tty.dir = pts\n", ERR_INPUT, NULL);
	bad("lxc.tty.dir = /\n", ERR_INPUT, NULL);
	bad("lxc.init.groups = 5,x\n", ERR_INPUT, NULL);
	bad("lxc.init.groups = 4294967295\n", ERR_INPUT, NULL);
}

static void mounts(void **state)
{
	struct spec s;
	const struct spec_mount *m;

	(void)state;
	good(&s, "lxc.rootfs.path = /srv/root\nlxc.rootfs.mount = /mnt/x\n"
		 "lxc.mount.entry = /srv/www//x/ ./srv//www/ none rbind,ro,nosuid,create=dir,optional 0 0\n"
		 "lxc.mount.entry = tmpfs /srv/root/tmp tmpfs nodev,noexec,size=10M,mode=1777\n"
		 "lxc.mount.entry = /a\\040b /mnt/x/c\\134d none bind,create=file\n"
		 "lxc.mount.entry = dev/null proc/kcore none bind,relative 0 0\n"
		 "lxc.mount.entry = /sys/fs/fuse/connections sys/fs/fuse/connections none bind,optional 0 0\n"
		 "lxc.mount.entry = proc /srv/root/proc proc defaults 0 0\n"
		 "lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0\n");
	assert_int_equal(s.mount_count, 6);
	m = &s.mounts[0];
	assert_string_equal(m->source, "/srv/www/x");
	assert_string_equal(m->target, "srv/www");
	assert_string_equal(m->type, "none");
	assert_true(m->bind && m->recursive && m->read_only && m->nosuid && m->create_dir && m->optional);
	assert_false(m->nodev || m->noexec || m->create_file || m->relative);
	assert_null(m->data);
	assert_string_equal(m->where, "c:3");
	m = &s.mounts[1];
	assert_string_equal(m->target, "tmp");
	assert_string_equal(m->type, "tmpfs");
	assert_string_equal(m->data, "size=10M,mode=1777");
	assert_true(m->nodev && m->noexec && !m->bind);
	m = &s.mounts[2];
	assert_string_equal(m->source, "/a b");
	assert_string_equal(m->target, "c\\d");
	m = &s.mounts[3];
	assert_true(m->relative);
	assert_string_equal(m->source, "dev/null");
	assert_string_equal(s.mounts[5].target, "dev/.lxc/proc");
	assert_int_equal(s.note_count, 1); /* proc on /proc is there anyway */
	assert_non_null(strstr(s.notes[0], "c:8: lxc.mount.entry: proc is always there"));
	spec_done(&s);
	bad("lxc.mount.entry = /a b/../../c none bind 0 0\n", ERR_INPUT,
	    "c:1: lxc.mount.entry = '/a b/../../c none bind 0 0': '..' is not allowed");
	bad("lxc.mount.entry = /a/../b c none bind 0 0\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a / none bind 0 0\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a ./. none bind 0 0\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = a b none bind 0 0\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a b none ro 0 0\n", ERR_INPUT,
	    "c:1: lxc.mount.entry = '/a b none ro 0 0': type none needs the option bind or rbind");
	good(&s, "lxc.mount.entry = none b tmpfs 0 0\nlxc.mount.entry = /dev/pts dev/pts none bind 0 0\n"); /* a line without options; LXC's own devpts covered it */
	assert_int_equal(s.mount_count, 1);
	assert_null(s.mounts[0].data);
	assert_string_equal(s.notes[0], "c:2: lxc.mount.entry: dev/pts is always there, the line adds nothing");
	spec_done(&s);
	good(&s, "lxc.mount.entry = /a b none bind,optinal\nlxc.mount.entry = /a b none bind,uid=0\n");
	assert_int_equal(s.note_count, 2);
	assert_string_equal(s.notes[0], "c:1: lxc.mount.entry: 'optinal' says nothing to a bind mount, did you mean 'optional'?");
	assert_string_equal(s.notes[1], "c:2: lxc.mount.entry: 'uid=0' says nothing to a bind mount");
	assert_null(s.mounts[1].data);
	spec_done(&s);
	bad("lxc.mount.entry = /a b none bind,move\n", ERR_INPUT, NULL);
	good(&s, "lxc.mount.entry = UUID=ab-cd b ext4 loop,noatime\nlxc.mount.entry = none c overlayfs lowerdir=/a\n");
	assert_string_equal(s.mounts[0].source, "/dev/disk/by-uuid/ab-cd");
	assert_string_equal(s.mounts[1].type, "overlay");
	assert_string_equal(s.mounts[1].data, "lowerdir=/a");
	spec_done(&s);
	bad("lxc.mount.entry = /a b none bind,idmap=\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a b none bind,idmap=me\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = a b none bind,relative,idmap=container\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = x b tmpfs idmap=container\n", ERR_INPUT, NULL);
	good(&s, "lxc.mount.entry = /a b none bind 0 0 # mine\nlxc.mount.entry = /a b none bind 0.0\nlxc.mount.entry = tmpfs c tmpfs\n");
	assert_int_equal(s.mount_count, 3);
	assert_int_equal(s.note_count, 3);
	assert_non_null(strstr(s.notes[2], "c:2: lxc.mount.entry: '0.0' behind the options says nothing"));
	spec_done(&s);
	bad("lxc.mount.entry = tmpfs c\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a b none\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a\\012 b none bind\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a\\0 b none bind\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a\\000 b none bind\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = /a b none bind,create=dir,create=file\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = x b tmpfs relative\n", ERR_INPUT, NULL);
	bad("lxc.mount.entry = x b tm/pfs ro\n", ERR_INPUT, NULL);
	good(&s, "lxc.mount.entry = /a b none bind\nlxc.mount.entry =\n");
	assert_int_equal(s.mount_count, 0);
	spec_done(&s);
}

/* What LXC leaves out, and the host paths that lead inside. */
static void mount_targets(void **state)
{
	static const struct {
		const char *target, *inside; /* NULL = left out */
	} rows[] = {
	    {"/etc/x", NULL},		      {"/srv/rootx/y", NULL},	     {"/srv/root", NULL},	 {"/srv/root/", NULL},
	    {"/srv/root/a/b/", "a/b"},	      {"/mnt/x/c", "c"},	     {"/usr/lib/lxc/rootfs/d", "d"}, {"/usr/lib/x86_64-linux-gnu/lxc/rootfs/e", "e"},
	    {"/usr/lib/lxc/rootfs", NULL},    {"/var/lib/lxc/web1/rootfs/f", "f"}, {"/var/lib/lxc/web2/rootfs/f", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		struct spec s;

		(void)snprintf(text, sizeof(text), "lxc.rootfs.path = /srv/root\nlxc.rootfs.mount = /mnt/x\nlxc.mount.entry = /a %s none bind 0 0\n", rows[i].target);
		good(&s, text);
		if (s.mount_count != (rows[i].inside != NULL) || s.note_count != (rows[i].inside == NULL))
			fail_msg("%s: %zu mounts, %zu notes", rows[i].target, s.mount_count, s.note_count);
		if (rows[i].inside)
			assert_string_equal(s.mounts[0].target, rows[i].inside);
		spec_done(&s);
	}
}

static void mount_options(void **state)
{
	const struct spec_mount *m;
	struct spec s;

	(void)state;
	good(&s, "lxc.mount.entry = /a b none rbind,rslave,nodiratime,strictatime,nosymfollow,sync,noauto,idmap=/proc/7/ns/user\n"
		 "lxc.mount.entry = none b none remount,bind,ro\n"
		 "lxc.mount.entry = x c tmpfs shared,sync,strictatime,relatime\n"
		 "lxc.mount.entry = /dev/null dev/null none bind,create=file\n"
		 "lxc.mount.entry = /dev/zero dev/null none bind\n"
		 "lxc.mount.entry = cgroup sys/fs/cgroup cgroup defaults\n");
	assert_int_equal(s.mount_count, 4);
	m = &s.mounts[0];
	assert_true(m->recursive && m->propagation_all && m->nodiratime && m->strictatime && m->nosymfollow);
	assert_int_equal(m->propagation, SPEC_PROP_SLAVE);
	assert_string_equal(m->idmap, "/proc/7/ns/user");
	m = &s.mounts[1];
	assert_true(m->remount && m->read_only);
	m = &s.mounts[2];
	assert_int_equal(m->propagation, SPEC_PROP_SHARED);
	assert_false(m->propagation_all || m->strictatime);
	assert_string_equal(m->data, "sync");
	assert_string_equal(s.mounts[3].source, "/dev/zero");
	spec_done(&s);
}

static void mount_fstab(void **state)
{
	char path[] = "/tmp/coppice-fstab-XXXXXX", text[200];
	static const char lines[] = "# one\n\n  /a\tsrv/a none bind 0 0  \r\nproc proc proc defaults 0 0\n/b srv/b none bind"; /* the last without its end */
	autoclose int fd = mkstemp(path);
	struct spec s;
	struct err e = {0};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, lines, sizeof(lines) - 1), sizeof(lines) - 1);
	(void)snprintf(text, sizeof(text), "lxc.mount.entry = /c srv/c none bind\nlxc.mount = /nowhere\nlxc.mount.fstab = %s\n", path);
	good(&s, text);
	assert_int_equal(s.mount_count, 3);
	assert_string_equal(s.mounts[0].target, "srv/a");
	assert_string_equal(s.mounts[1].target, "srv/b");
	assert_string_equal(s.mounts[2].target, "srv/c");
	(void)snprintf(text, sizeof(text), "%s:5", path);
	assert_string_equal(s.mounts[1].where, text);
	spec_done(&s);
	assert_int_equal(pwrite(fd, "x y", 3, 0), 3);
	(void)snprintf(text, sizeof(text), "lxc.mount.fstab = %s\n", path);
	assert_true(load(&s, text, &e) < 0);
	(void)snprintf(text, sizeof(text), "%s:1: 'x yne': fewer than three words", path);
	assert_string_equal(e.why, text);
	spec_done(&s);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, "\0", 1), 1);
	(void)snprintf(text, sizeof(text), "lxc.mount.fstab = %s\n", path);
	assert_true(load(&s, text, &e) < 0);
	spec_done(&s);
	(void)unlink(path);
	bad("lxc.mount.fstab = /nowhere/fstab\n", ERR_MISSING, "c:1: lxc.mount.fstab = '/nowhere/fstab': cannot read the file");
	good(&s, "lxc.mount.fstab = /nowhere/fstab\nlxc.mount.fstab =\n");
	assert_null(s.fstab);
	spec_done(&s);
}

static void mount_auto(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.mount.auto = cgroup:mixed proc:mixed sys:mixed\nlxc.mount.auto = cgroup:ro:force cgroup:force\n");
	assert_int_equal(s.note_count, 0);
	spec_done(&s);
	good(&s, "lxc.mount.auto = proc sys:rw cgroup-full:rw:force shmounts:/run/x:/mnt/y\n");
	assert_int_equal(s.note_count, 0);
	assert_int_equal(s.auto_proc, SPEC_AUTO_MIXED);
	assert_int_equal(s.auto_sys, SPEC_AUTO_RW);
	assert_int_equal(s.auto_cgroup, SPEC_AUTO_RW);
	assert_int_equal(s.mount_count, 1);
	assert_string_equal(s.mounts[0].source, "/run/x");
	assert_string_equal(s.mounts[0].target, "mnt/y");
	spec_done(&s);
	good(&s, "lxc.mount.auto = shmounts:/run/x\ncoppice.privileged = 1\nlxc.mount.auto = proc:rw\n");
	assert_string_equal(s.mounts[0].target, "dev/.lxc-mounts");
	assert_int_equal(s.note_count, 2);
	spec_done(&s);
	bad("lxc.mount.auto = proc:wr\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = proc:rw:force\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = cgroup:rw:forced\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = cgroup:force:rw\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = shmounts\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = shmounts:x\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = shmounts:/:/x\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = shmounts:/x:/\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = shmounts:/x/../y\n", ERR_INPUT, NULL);
	bad("lxc.mount.auto = pros\n", ERR_INPUT, "c:1: lxc.mount.auto = 'pros': unknown file system 'pros', did you mean 'proc'?");
}

static void hooks_are_kept_in_order(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.hook.mount = /a\nlxc.hook.pre-start = /b c\nlxc.hook.mount = /d; true\nlxc.hook.version = 1\n");
	assert_int_equal(s.hook_count, 3);
	assert_int_equal(s.hook_version, 1);
	assert_int_equal(s.hooks[0].kind, SPEC_HOOK_MOUNT);
	assert_string_equal(s.hooks[0].command, "/a");
	assert_string_equal(s.hooks[0].where, "c:1");
	assert_string_equal(s.hooks[1].command, "/b c");
	assert_string_equal(s.hooks[2].command, "/d; true");
	assert_true(spec_has_hook(&s, SPEC_HOOK_PRE_START) && !spec_has_hook(&s, SPEC_HOOK_STOP));
	spec_done(&s);
	good(&s, "lxc.hook.mount = /a\nlxc.hook.stop = /b\nlxc.hook.mount =\nlxc.hook.mount = /c\n");
	assert_int_equal(s.hook_count, 2);
	assert_string_equal(s.hooks[1].command, "/c");
	spec_done(&s);
	good(&s, "lxc.hook.mount = /a\nlxc.hook.stop = /b\nlxc.hook =\n");
	assert_int_equal(s.hook_count, 0);
	spec_done(&s);
	for (int k = 0; k < SPEC_HOOK_COUNT; k++)
		assert_int_equal(spec_hook_parse(spec_hook_name((enum spec_hook_kind)k)), k);
	assert_int_equal(spec_hook_parse("prestart"), SPEC_HOOK_COUNT);
}

static void labels_and_policies(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.aa_profile = lxc-container-default-cgns\nlxc.aa_allow_incomplete = 1\nlxc.apparmor.allow_nesting = 1\nlxc.apparmor.raw = mount,\nlxc.apparmor.raw = deny "
		 "/x w,\nlxc.se_context = system_u:system_r:lxc_t:s0:c22\nlxc.selinux.context.keyring = k\nlxc.seccomp = /usr/share/lxc/config/common.seccomp\n"
		 "lxc.seccomp.allow_nesting = 1\nlxc.seccomp.notify.proxy = unix:/run/x\nlxc.seccomp.notify.cookie = me\n");
	assert_string_equal(s.seccomp_proxy, "unix:/run/x");
	assert_string_equal(s.seccomp_cookie, "me");
	assert_string_equal(s.apparmor_profile, "lxc-container-default-cgns");
	assert_true(s.apparmor_incomplete && s.apparmor_nesting && s.seccomp_nesting && !s.seccomp_off);
	assert_int_equal(s.apparmor_raw_count, 2);
	assert_string_equal(s.selinux_context, "system_u:system_r:lxc_t:s0:c22");
	assert_string_equal(s.selinux_keyring, "k");
	assert_string_equal(s.seccomp_profile, "/usr/share/lxc/config/common.seccomp");
	assert_int_equal(s.note_count, 0);
	spec_done(&s);
	good(&s, "lxc.loglevel = 2\nlxc.logfile = /a\nlxc.syslog = local7\n");
	assert_int_equal(s.tool_level, LOG_LEVEL_INFO);
	assert_string_equal(s.tool_log, "/a");
	assert_string_equal(log_facilities[s.tool_facility], "local7");
	spec_done(&s);
	good(&s, "lxc.log.level = FATAL\nlxc.log.level =\nlxc.log.file = /a\nlxc.log.file =\nlxc.log.syslog = daemon\nlxc.log.syslog =\n");
	assert_int_equal(s.tool_level, -1);
	assert_null(s.tool_log);
	assert_int_equal(s.tool_facility, -1);
	spec_done(&s);
	good(&s, "lxc.seccomp.profile = /a\nlxc.seccomp.profile = none\n");
	assert_true(s.seccomp_off && !s.seccomp_profile);
	spec_done(&s);
}

static void the_rest(void **state)
{
	struct spec s;

	(void)state;
	good(&s, "lxc.net.0.type = none\nlxc.net.0.flags = up\nlxc.ephemeral = 1\nlxc.start.auto = 1\nlxc.start.delay = "
		 "1.5\nlxc.start.order = -3\n"
		 "lxc.group = onboot,web\nlxc.group = web\ncoppice.tag = a b\ncoppice.restart = always\nlxc.no_new_privs = "
		 "1\nlxc.seccomp.profile = none\n"
		 "lxc.time.offset.boot = -2h\nlxc.time.offset.monotonic = 5ns\nlxc.arch = linux32\nlxc.apparmor.profile = "
		 "generated\nlxc.autodev = 0\n"
		 "coppice.nesting = yes\ncoppice.ephemeral.size = 2M\n");
	assert_int_equal(s.net, SPEC_NET_NONE);
	assert_true(s.ephemeral && s.autostart && s.no_new_privs && s.seccomp_off && s.linux32 && s.nesting && s.time_offset_set);
	assert_int_equal(s.start_delay_ms, 1500);
	assert_int_equal(s.start_order, -3);
	assert_int_equal(s.group_count, 2);
	assert_int_equal(s.tag_count, 2);
	assert_int_equal(s.restart, SPEC_RESTART_ALWAYS);
	assert_true(s.time_boot_ns == -7200 * INT64_C(1000000000));
	assert_int_equal(s.time_mono_ns, 5);
	assert_int_equal(s.ephemeral_size, 2 * M);
	assert_true(s.dev_own);
	assert_int_equal(s.note_count, 0);
	spec_done(&s);
	bad("lxc.net.type = empty\n", ERR_INPUT, NULL);
	bad("lxc.net.0.colour = red\n", ERR_INPUT, NULL);
	bad("lxc.net.0.type = vet\n", ERR_INPUT, "c:1: lxc.net.0.type = 'vet': unknown network type 'vet', did you mean 'veth'?");
	bad("lxc.hook = /bin/true\n", ERR_INPUT, NULL);
	bad("lxc.hook.prestart = /bin/true\n", ERR_INPUT, NULL);
	bad("lxc.hook.version = 2\n", ERR_INPUT, NULL);
	bad("lxc.seccomp.profile = etc/x\n", ERR_INPUT, NULL);
	bad("lxc.apparmor.profile = no profile\n", ERR_INPUT, NULL);
	bad("lxc.selinux.context = no context\n", ERR_INPUT, NULL);
	bad("lxc.time.offset.boot = 9223372036854775807s\n", ERR_INPUT, "c:1: lxc.time.offset.boot = '9223372036854775807s': out of range");
	bad("lxc.time.offset.boot = --5s\n", ERR_INPUT, NULL);
#if defined(__x86_64__)
	good(&s, "lxc.arch = aarch64\nlxc.arch = s390\n"); /* with qemu-user it does */
	assert_true(s.linux32);
	assert_string_equal(s.notes[0], "c:1: lxc.arch: this machine runs aarch64 programs only by an emulator");
	spec_done(&s);
	good(&s, "lxc.arch = s390x\n");
	assert_false(s.linux32);
	spec_done(&s);
#endif
}

/* The config that started this project, as far as this version goes. */
static void the_recipe(void **state)
{
	struct spec s;

	(void)state;
	good(&s,
	     "# hostname\nlxc.utsname = lxc-name0\n\nlxc.tty = 2\nlxc.rootfs = /lxc/lxc-container\nlxc.rootfs.mount = /lxc/lxc-container\n"
	     "lxc.mount.entry = devpts /lxc/lxc-container/dev/pts devpts defaults 0 0\n"
	     "lxc.cgroup.memory.limit_in_bytes = 128M\nlxc.cgroup.memory.memsw.limit_in_bytes = 256M\nlxc.cgroup.cpuset.cpus = \n"
	     "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\nlxc.cgroup.devices.allow = c 136:* rwm\n");
	assert_string_equal(s.hostname, "lxc-name0");
	assert_int_equal(s.tty_count, 2);
	assert_string_equal(s.rootfs, "/lxc/lxc-container");
	assert_int_equal(s.limits.memory_max, 128 * M);
	assert_int_equal(s.limits.swap_max, 128 * M);
	assert_null(s.limits.cpuset_cpus);
	assert_int_equal(s.limits.device_count, 3);
	assert_int_equal(s.mount_count, 0);
	assert_int_equal(s.note_count, 1);
	spec_done(&s);
}

/* No message loses its place: values and paths as long as they come. */
static void long_things_keep_their_place(void **state)
{
	struct spec s;
	struct err e;
	char value[3000], where[600];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	memset(where, '/', sizeof(where) - 1);
	memcpy(where + sizeof(where) - 12, "config:4711", 12);
	spec_init(&s);
	assert_true(key_apply(&s, where, "lxc.cgroup2.cpu.max", value, &e) < 0);
	assert_non_null(strstr(e.why, "config:4711: lxc.cgroup2.cpu.max = 'xxxxx"));
	assert_non_null(strstr(e.why, "...': not a quota (allowed: QUOTA [PERIOD] in microseconds, or max)"));
	assert_true(key_apply(&s, where, "lxc.mount.entry", value, &e) < 0);
	assert_non_null(strstr(e.why, "(allowed: an fstab line"));
	spec_done(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(privileged_adds_nothing),
		cmocka_unit_test(names),
		cmocka_unit_test(roots),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(environment),
		cmocka_unit_test(terminals_and_logs),
		cmocka_unit_test(id_maps),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(one_model),
		cmocka_unit_test(scales),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(devices),
		cmocka_unit_test(raw_cgroup_files),
		cmocka_unit_test(places),
		cmocka_unit_test(auto_cgroups),
		cmocka_unit_test(process_limits),
		cmocka_unit_test(kernel_parameters),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(users_and_mounts_of_another),
		cmocka_unit_test(files_of_init),
		cmocka_unit_test(guest_devices),
		cmocka_unit_test(mounts),
		cmocka_unit_test(mount_targets),
		cmocka_unit_test(mount_options),
		cmocka_unit_test(mount_fstab),
		cmocka_unit_test(mount_auto),
		cmocka_unit_test(hooks_are_kept_in_order),
		cmocka_unit_test(labels_and_policies),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(the_recipe),
		cmocka_unit_test(long_things_keep_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
