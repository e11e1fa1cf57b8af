/* Plans: the golden texts of every mode on every kind of host, the step table, the wire form, process limits. The golden files are tests/unit/plans/; after an
 * intended change run the program with UPDATE_PLANS=1 and read the difference. */
#include "base/buf.h"
#include "base/fd.h"
#include "plan/plan.h"
#include "spec/conf.h"
#include "unit/plan-hosts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

static void choose(struct plan_choices *c, const struct facts *f, const struct plan_nic *nics)
{
	c->nics = nics;
	if (f->user_mode) {
		c->id_first = 0;
		c->user_net = "/usr/bin/pasta";
	}
}

/* ---- specs ---- */

static void make(struct spec *s, const char *text)
{
	autodone(conf_free) struct conf *c = NULL;
	struct err e = {0};

	spec_init(s);
	s->name = "web1";
	if (conf_parse(text, strlen(text), "c", &c, &e) < 0 || conf_apply(c, s, &e) < 0)
		fail_msg("%s", e.why);
	if (!s->base && !s->rootfs)
		s->base = "deb";
	if (spec_freeze(s, &e) < 0)
		fail_msg("%s", e.why);
}

static struct plan_choices choices(void)
{
	static const char *const env[] = {"TOKENS=no", "TOKEN=x=y", "SECRET=no", NULL};
	struct plan_choices c = {
		.lxcpath = "/var/lib/lxc", .rundir = "/run/coppice", .store = "/var/lib/coppice", .group = "coppice/web1", .base_version = "0123abcd",
		.base_merged_usr = true, .id_first = 1000000, .init_helper = "/usr/libexec/coppice/coppice-init",
		.net_helper = "/usr/libexec/coppice/coppice-net",
		.seccomp = "/var/lib/coppice/cache/f.bpf", .rootfs_mount = "/run/coppice/rootfs", .rootfs_cover = "/run/coppice", .uptime_from_now = true, .env = env};

	for (size_t i = 0; i < ARRAY_LEN(c.rlimit_hard); i++)
		c.rlimit_hard[i] = 20000;
	return c;
}

static const char rich[] = "lxc.cgroup2.memory.max = 512M\nlxc.cgroup2.memory.swap.max = 64M\nlxc.cgroup2.cpu.max = 50000 100000\nlxc.cgroup2.cpu.weight = 200\n"
			   "lxc.cgroup2.cpuset.cpus = 0-1\nlxc.cgroup2.pids.max = 100\nlxc.cgroup2.io.weight = 50\n"
			   "lxc.mount.entry = /srv/data srv none rbind,ro,create=dir,optional 0 0\nlxc.mount.entry = tmpfs var/tmp tmpfs size=1M,nosuid 0 0\n"
			   "lxc.environment = A=b c\nlxc.environment = TERM=xterm\nlxc.sysctl.net.ipv4.ip_forward = 1\nlxc.prlimit.nofile = 1024:65536\n"
			   "lxc.init.cmd = /bin/app --flag \"two words\"\nlxc.uts.name = web.example\n";

/* Every kind of interface and of setting. */
static const char nets[] = "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.flags = up\nlxc.net.0.ipv4.address = 10.0.3.7/24\nlxc.net.0.ipv4.gateway = 10.9.9.1\n"
			   "lxc.net.0.ipv6.address = fd00:3::7/64\nlxc.net.0.ipv6.gateway = auto\nlxc.net.0.mtu = 1400\nlxc.net.0.veth.vlan.id = none\n"
			   "lxc.net.0.veth.vlan.tagged.id = 10\nlxc.net.0.veth.vlan.tagged.id = 20\nlxc.net.0.veth.n_rxqueues = 2\nlxc.net.0.script.up = /etc/up\n"
			   "lxc.net.1.type = veth\nlxc.net.1.veth.mode = router\nlxc.net.1.flags = up\nlxc.net.1.ipv4.address = 192.0.2.9/32\nlxc.net.1.ipv6.address = 2001:db8::9/128\n"
			   "lxc.net.1.veth.ipv4.route = 198.51.100.0/24\nlxc.net.1.veth.pair = routed0\n"
			   "lxc.net.2.type = macvlan\nlxc.net.2.link = eth9\nlxc.net.2.macvlan.mode = bridge\nlxc.net.2.name = lan\n"
			   "lxc.net.3.type = ipvlan\nlxc.net.3.link = eth9\nlxc.net.3.ipvlan.mode = l3s\nlxc.net.3.ipvlan.isolation = vepa\nlxc.net.3.ipv4.address = 10.7.0.2/32\n"
			   "lxc.net.3.l2proxy = 1\n"
			   "lxc.net.4.type = vlan\nlxc.net.4.link = eth9\nlxc.net.4.vlan.id = 7\nlxc.net.4.hwaddr = 00:16:3e:00:00:04\n"
			   "lxc.net.5.type = phys\nlxc.net.5.link = eth8\n";
/* Two on one managed network and one on another, with ports. */
static const char managed[] = "coppice.network = coppice0 in=10M out=2M\ncoppice.network = coppice0 name=second isolated\ncoppice.network = lan0\n"
			      "coppice.port = 8080:80\ncoppice.port = 192.0.2.1:53:53/udp\ncoppice.port = [2001:db8::1]:9000-9009:90-99\n";

/* One of each kind, and two of one. */
static const char hooks[] = "lxc.rootfs.path = /srv/tree\nlxc.net.0.type = veth\nlxc.hook.post-stop = /h/post-stop\nlxc.hook.stop = /h/stop\nlxc.hook.start = /h/start\n"
			    "lxc.hook.start-host = /h/start-host\nlxc.hook.autodev = /h/autodev\nlxc.hook.mount = /h/mount two words\nlxc.hook.mount = true; false\n"
			    "lxc.environment = A=1\nlxc.environment.hooks = A=2\nlxc.environment.hooks = B=3\n"
			    "lxc.hook.pre-mount = /h/pre-mount\nlxc.hook.pre-start = /h/pre-start\nlxc.hook.clone = /h/clone\nlxc.hook.destroy = /h/destroy\n";

static const struct plan_nic nets_chosen[] = {
	{.peer = "cp00000001", .mac = "00:16:3e:00:00:01", .gateway6 = "fd00:3::1"},
	{.peer = "routed0", .mac = "00:16:3e:00:00:02"},
	{.mac = "00:16:3e:00:00:03"},
	{0},
	{.mac = "00:16:3e:00:00:04"},
	{0},
};
static const struct plan_nic managed_chosen[] = {
	{.bridge = "coppice0", .peer = "cp00000001", .mac = "00:16:3e:00:00:01", .ipv4 = "10.87.3.4/16", .ipv6 = "fd00:87::304/64", .gateway4 = "10.87.0.1",
	 .gateway6 = "fd00:87::1", .mtu = 1450, .forward = true, .guard = true, .hosts = "/run/coppice/.networks/coppice0/hosts", .resolv = "nameserver 10.87.0.1\n"},
	{.bridge = "coppice0", .peer = "cp00000002", .mac = "00:16:3e:00:00:02", .ipv4 = "10.87.3.5/16", .ipv6 = "fd00:87::305/64", .gateway4 = "10.87.0.1",
	 .gateway6 = "fd00:87::1", .mtu = 1450, .forward = true, .guard = true},
	{.bridge = "lan0", .peer = "cp00000003", .mac = "00:16:3e:00:00:03", .ipv4 = "10.1.0.5/24", .isolated = true},
};

static const struct {
	const char *file, *conf;
	void (*host)(struct facts *f);
	const struct plan_nic *nics;
} golden[] = {
	{"bind-v1", "", host_v1},
	{"bind-v2", "", host_v2},
	{"bind-hybrid", "", host_hybrid},
	{"overlay-v2", "coppice.mode = overlay\n", host_v2},
	{"overlay-hybrid", "coppice.mode = overlay\n", host_hybrid},
	{"ephemeral-v2", "coppice.mode = ephemeral\ncoppice.ephemeral.size = 16M\n", host_v2},
	{"copy-v1", "coppice.mode = copy\n", host_v1},
	{"rootfs-v2", "lxc.rootfs.path = dir:/srv/tree\n", host_v2},
	{"roots-v2", "lxc.rootfs.path = overlay:/srv/a:/srv/b:/srv/web1/delta0\nlxc.rootfs.options = ro,noatime,idmap=container\n", host_v2},
	{"guest-v2", "lxc.tty.dir = lxc\nlxc.autodev = 0\nlxc.console.path = /dev/tty8\nlxc.init.groups = 5,27\nlxc.environment = TOKEN\nlxc.environment = ABSENT\n"
		     "lxc.environment.runtime = A=1\nlxc.namespace.share.net = web2\nlxc.namespace.keep = pid uts\nlxc.proc.oom_score_adj = -5\nlxc.sched.core = 1\n"
		     "lxc.monitor.signal.pdeath = KILL\nlxc.sysctl.user.max_user_namespaces = 5\n", host_v2},
	{"mounts-v2", "lxc.rootfs.path = /dev/vg/web1\nlxc.rootfs.options = errors=continue,nosuid\nlxc.mount.auto = proc:rw sys:mixed cgroup:ro shmounts:/run/web1\n"
		      "lxc.mount.entry = tmpfs srv tmpfs size=1M\nlxc.mount.entry = /a srv/a none bind,idmap=/proc/7/ns/user\nlxc.mount.entry = /b run/b none bind,shared\n"
		      "lxc.mount.entry = /c proc/c none bind,rslave\nlxc.mount.entry = opt mnt none bind,relative,ro\nlxc.mount.entry = x mnt none remount,noexec\n"
		      "lxc.mount.entry = UUID=ab d ext4 ro,loop,data=x\nlxc.mount.entry = none e overlay lowerdir=/l,create=dir,optional\n", host_v2},
	{"privileged-v1", "coppice.privileged = 1\n", host_v1},
	{"privileged-v2", "coppice.privileged = 1\n", host_v2},
	{"privileged-hybrid", "coppice.privileged = 1\n", host_hybrid},
	{"rich-v1", rich, host_v1},
	{"rich-v2", rich, host_v2},
	{"rich-hybrid", rich, host_hybrid},
	{"cgroups-hybrid", "lxc.mount.auto = cgroup:mixed\nlxc.cgroup.net_cls.classid = 0x100001\n", host_old},
	{"cgroups-shared", "lxc.mount.auto = cgroup-full:mixed\nlxc.namespace.keep = cgroup\nlxc.mount.entry = /a srv/a none bind\n", host_old},
	{"cgroups-ro", "lxc.mount.auto = cgroup:ro:force\n", host_old},
	{"class-v2", "lxc.cgroup.net_cls.classid = 0x100001\nlxc.net.0.type = veth\nlxc.net.1.type = macvlan\nlxc.net.1.link = eth0\nlxc.net.2.type = veth\nlxc.net.2.veth.pair = p2\n", host_v2, nets_chosen},
	{"class-none", "lxc.cgroup.net_cls.classid = 7\nlxc.net.0.type = none\n", host_v2},
	{"nets-v2", nets, host_v2, nets_chosen},
	{"managed-v2", managed, host_v2, managed_chosen},
	{"hooks-v2", hooks, host_v2, nets_chosen},
	{"policy-v2", "lxc.rootfs.path = /srv/tree\nlxc.seccomp.profile = /etc/policy\nlxc.seccomp.notify.proxy = unix:@p\nlxc.no_new_privs = 1\n"
			  "lxc.cgroup2.devices.deny = a\nlxc.cgroup2.devices.allow = c 1:3 rwm\n", host_v2},
	{"users-v2", "lxc.namespace.share.user = web2\nlxc.idmap = b 0 100000 65536\n", host_v2},
	{"side-v2", "lxc.namespace.share.user = web2\nlxc.namespace.share.mnt = web2\nlxc.namespace.share.pid = web2\nlxc.idmap = u 0 300000 65536\nlxc.idmap = g 1000 5000 1\n"
		    "lxc.idmap = g 0 300000 1000\nlxc.mount.entry = /a srv/a none bind\nlxc.sysctl.net.ipv4.ip_forward = 1\nlxc.net.0.type = veth\nlxc.tty.dir = lxc\n"
		    "lxc.hook.pre-mount = /h/pre-mount\nlxc.hook.mount = /h/mount\nlxc.hook.autodev = /h/autodev\nlxc.hook.start-host = /h/start-host\n", host_v2, nets_chosen},
	{"side-old", "coppice.privileged = 1\nlxc.namespace.share.mnt = /proc/7/ns/mnt\nlxc.mount.auto = cgroup-full:mixed\nlxc.namespace.keep = cgroup\nlxc.rootfs.path = /srv/tree\n"
		     "lxc.console.path = none\n", host_old},
	{"bind-user", "coppice.memory = 64M\n", host_user},
	{"given-user", "coppice.memory = 64M\ncoppice.cpus = 1\n", host_user_given},
	{"overlay-user", "coppice.mode = overlay\n", host_user},
	{"network-user", "coppice.network = user\ncoppice.port = 127.0.0.1:8080:80\ncoppice.port = 5353-5354:53-54/udp\n", host_user},
};

/* What a guest sees on a host with v1 hierarchies: by the config, and by what its init can do with them. */
static void guests_see_what_they_need(void **state)
{
	static const struct {
		const char *conf;
		void (*host)(struct facts *f);
		enum plan_guest guest;
		bool v1;
	} rows[] = {
		{"", host_old, GUEST_ANY, false},
		{"", host_old, GUEST_SYSTEMD, false},
		{"", host_old, GUEST_SYSTEMD_OLD, true},
		{"lxc.mount.auto = cgroup", host_old, GUEST_ANY, true},
		{"lxc.mount.auto = cgroup-full:rw", host_old, GUEST_ANY, true},
		{"lxc.mount.auto = cgroup2:ro:force", host_old, GUEST_ANY, false},
		{"lxc.mount.auto = cgroup2\nlxc.mount.auto = cgroup", host_old, GUEST_ANY, true},
		{"lxc.mount.auto = cgroup:mixed", host_old, GUEST_SYSTEMD, false},
		{"lxc.mount.auto = cgroup:mixed:force", host_old, GUEST_SYSTEMD, true},
		{"lxc.mount.auto = cgroup:mixed", host_v1, GUEST_ANY, true},
		{"lxc.mount.auto = cgroup:mixed:force", host_v2, GUEST_ANY, false},
		{"lxc.mount.auto = cgroup:mixed:force", host_user_given, GUEST_ANY, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT, text = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		struct facts f;
		struct spec s;

		make(&s, rows[i].conf);
		rows[i].host(&f);
		choose(&c, &f, NULL);
		c.guest = rows[i].guest;
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), 0);
		plan_print(&p, &text);
		if ((strstr(buf_str(&text), "type=cgroup target=sys/fs/cgroup/memory") != NULL) != rows[i].v1)
			fail_msg("%zu (%s): %s", i, rows[i].conf, buf_str(&text));
		plan_done(&p);
		buf_done(&notes);
		buf_done(&text);
		spec_done(&s);
	}
}

/* A class id that no packet could be told by. */
static void classes_without_a_port(void **state)
{
	static const char *const refused[] = {"lxc.net.0.type = macvlan\nlxc.net.0.link = eth0\n", "lxc.namespace.share.net = web2\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		struct facts f;
		char text[200];
		struct spec s;

		(void)snprintf(text, sizeof(text), "lxc.cgroup.net_cls.classid = 0x100001\n%s", refused[i]);
		make(&s, text);
		host_v2(&f);
		choose(&c, &f, nets_chosen);
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), -EOPNOTSUPP);
		assert_non_null(strstr(e.why, "net_cls.classid cannot be held"));
		buf_done(&notes);
		spec_done(&s);
	}
}

/* The maps of "web2", users and groups told apart as the kernel does. */
static const struct spec_idmap shared_ids[] = {
	{.uid = true, .inside = 0, .host = 300000, .count = 65536}, {.gid = true, .inside = 0, .host = 300000, .count = 1000}, {.gid = true, .inside = 1000, .host = 5000, .count = 1}};

static void build_text(const char *conf, void (*host)(struct facts *f), const struct plan_nic *nics, struct buf *out)
{
	struct plan_choices c = choices();
	struct buf notes = BUF_INIT;
	struct plan p = {0};
	struct err e = {0};
	struct facts f;
	struct spec s;

	make(&s, conf);
	host(&f);
	choose(&c, &f, nics);
	if (s.privileged)
		c.id_first = 0;
	if (s.ns_share[SPEC_NS_USER]) {
		c.idmaps = shared_ids;
		c.idmap_count = ARRAY_LEN(shared_ids);
		c.id_first = 300000;
	}
	if (plan_build(&s, &f, &c, &p, &notes, &e) < 0)
		fail_msg("%s", e.why);
	plan_print(&p, out);
	if (notes.len)
		buf_printf(out, "notes:\n%s", buf_str(&notes));
	plan_done(&p);
	buf_done(&notes);
	spec_done(&s);
}

static void plans_are_as_written(void **state)
{
	autoclose int dir = fd_open(AT_FDCWD, COPPICE_SOURCE "/tests/unit/plans", O_PATH | O_DIRECTORY, 0);
	bool update = getenv("UPDATE_PLANS") != NULL;

	(void)state;
	assert_true(dir >= 0);
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		struct buf got = BUF_INIT, want = BUF_INIT;
		autoclose int fd = fd_open(dir, golden[i].file, update ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY, 0644);

		assert_true(fd >= 0);
		build_text(golden[i].conf, golden[i].host, golden[i].nics, &got);
		if (update) {
			assert_int_equal(fd_write_all(fd, got.data, got.len), 0);
		} else {
			assert_int_equal(fd_read_all(fd, &want, M), 0);
			if (strcmp(buf_str(&got), buf_str(&want)) != 0)
				fail_msg("%s: the plan is now\n%s", golden[i].file, buf_str(&got));
		}
		buf_done(&got);
		buf_done(&want);
	}
}

/* What a config asks of security modules, on kernels that have them and that have not: the labels, or the reason why there are none. */
static void labels_are_decided(void **state)
{
	static const struct lsm none = {0}, armor = {.apparmor = true, .apparmor_mounts = true}, weak = {.apparmor = true}, linux_ = {.selinux = true};
	static const struct {
		const char *conf;
		const struct lsm *lsm;
		const char *generated;
		const char *label;  /* attribute and text, NULL = none */
		const char *said;   /* note, or error of a failure */
		bool fails;
	} cases[] = {
		{"", &armor, NULL, NULL, NULL, false},
		{"lxc.apparmor.profile = lxc-default\n", &none, NULL, NULL, "without profile 'lxc-default'", false},
		{"lxc.apparmor.profile = lxc-default\n", &armor, NULL, "apparmor/exec exec lxc-default", NULL, false},
		{"lxc.apparmor.profile = lxc-default\n", &weak, NULL, NULL, "does not confine mounts", true},
		{"lxc.apparmor.profile = lxc-default\nlxc.apparmor.allow_incomplete = 1\n", &weak, NULL, "apparmor/exec exec lxc-default", NULL, false},
		{"lxc.apparmor.profile = unconfined\n", &none, NULL, NULL, NULL, false},
		{"lxc.apparmor.profile = unconfined\n", &weak, NULL, "apparmor/exec exec unconfined", NULL, false},
		{"lxc.apparmor.profile = unchanged\n", &weak, NULL, NULL, NULL, false},
		{"lxc.apparmor.profile = generated\n", &none, NULL, NULL, "no profile is generated", false},
		{"lxc.apparmor.profile = generated\n", &armor, NULL, NULL, "apparmor_parser is not installed", false},
		{"lxc.apparmor.profile = generated\n", &armor, "coppice-web1", "apparmor/exec exec coppice-web1", NULL, false},
		{"lxc.selinux.context = u:r:t:s0\n", &armor, NULL, NULL, "no SELinux", false},
		{"lxc.selinux.context = unconfined_t\n", &linux_, NULL, NULL, NULL, false},
		{"lxc.selinux.context.keyring = k\n", &linux_, NULL, "keycreate k", NULL, false},
		{"lxc.selinux.context = unconfined_t\nlxc.selinux.context.keyring = k\n", &linux_, NULL, "keycreate k", NULL, false},
		{"lxc.selinux.context = u:r:t:s0\n", &linux_, NULL, "keycreate u:r:t:s0", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		struct facts f;
		struct spec s;
		const struct step *st;
		char label[128] = "";
		int r;

		make(&s, cases[i].conf);
		host_v2(&f);
		c.lsm = *cases[i].lsm;
		c.apparmor_generated = cases[i].generated;
		r = plan_build(&s, &f, &c, &p, &notes, &e);
		assert_int_equal(r < 0, cases[i].fails);
		st = plan_find(&p, STEP_LABEL, 0);
		if (st)
			(void)snprintf(label, sizeof(label), "%s %s", st->text[0], st->text[1]);
		assert_string_equal(label, cases[i].label ? cases[i].label : "");
		if (cases[i].said)
			assert_non_null(strstr(r < 0 ? e.why : buf_str(&notes), cases[i].said));
		else
			assert_int_equal(notes.len, 0);
		if (st) /* before anything that a label would be asked for */
			assert_true(st < plan_find(&p, STEP_SECCOMP, 0));
		plan_done(&p);
		buf_done(&notes);
		spec_done(&s);
	}
}

static void same_inputs_same_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		struct buf one = BUF_INIT, two = BUF_INIT;

		build_text(golden[i].conf, golden[i].host, golden[i].nics, &one);
		/* neither environment nor locale nor time has a say */
		assert_int_equal(setenv("COPPICE_ROOT", "/elsewhere", 1), 0);
		assert_int_equal(setenv("LC_ALL", "tr_TR.UTF-8", 1), 0);
		build_text(golden[i].conf, golden[i].host, golden[i].nics, &two);
		assert_int_equal(unsetenv("COPPICE_ROOT"), 0);
		assert_int_equal(unsetenv("LC_ALL"), 0);
		assert_string_equal(buf_str(&one), buf_str(&two));
		buf_done(&one);
		buf_done(&two);
	}
}

static size_t index_of(const struct plan *p, enum step_kind kind)
{
	const struct step *st = plan_find(p, kind, 0);

	return st ? (size_t)(st - p->steps) : SIZE_MAX;
}

/* The order that safety rests on, whatever the mode. */
static void order_is_kept(void **state)
{
	static const enum step_kind chain[] = {STEP_JOURNAL, STEP_CGROUP, STEP_STAGE, STEP_CHILD, STEP_DEV, STEP_SEAL_STAGE, STEP_ENTER, STEP_MOUNT, STEP_MASK,
					       STEP_READ_ONLY, STEP_CONSOLE, STEP_PIVOT, STEP_CAPS, STEP_SECCOMP, STEP_USER, STEP_EXEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		struct facts f;
		struct spec s;
		enum step_side side = SIDE_DATA;

		make(&s, golden[i].conf);
		golden[i].host(&f);
		choose(&c, &f, golden[i].nics);
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), 0);
		for (size_t k = 1, before = 0; k < ARRAY_LEN(chain); k++) {
			if (chain[k] == STEP_CGROUP && f.cgroup == CG_NONE) {
				assert_null(plan_find(&p, STEP_CGROUP, 0));
				continue;
			}
			/* in another's root nothing is laid out, nor left */
			if (s.ns_share[SPEC_NS_MNT] && (chain[k] == STEP_DEV || chain[k] == STEP_MOUNT || chain[k] == STEP_MASK || chain[k] == STEP_READ_ONLY || chain[k] == STEP_PIVOT)) {
				assert_null(plan_find(&p, chain[k], 0));
				continue;
			}
			assert_true(index_of(&p, chain[before]) < index_of(&p, chain[k]));
			before = k;
		}
		for (size_t k = 0; k < p.count; k++) { /* data, host, child: never back; the helper's steps stand among the host's */
			enum step_side here = step_side_of(p.steps[k].kind) == SIDE_NET ? SIDE_HOST : step_side_of(p.steps[k].kind);

			if (p.steps[k].kind == STEP_NET_WAIT)
				continue; /* the host's again, when the child has done all but the exec */
			assert_true(here >= side);
			side = here;
		}
		/* every limit and device rule is in force before there is a process */
		for (size_t k = 0; k < p.count; k++)
			if (p.steps[k].kind == STEP_LIMIT || p.steps[k].kind == STEP_DEVICES)
				assert_true(k < index_of(&p, STEP_CHILD));
		assert_true((plan_find(&p, STEP_IDMAP, 0) == NULL) == s.privileged);
		plan_done(&p);
		buf_done(&notes);
		spec_done(&s);
	}
}

/* The helper runs beside the monitor's own steps: started when there is a process, waited for before the child goes on. */
static void the_network_is_made_beside_the_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		struct facts f;
		struct spec s;
		size_t begin, wait;

		make(&s, golden[i].conf);
		golden[i].host(&f);
		choose(&c, &f, golden[i].nics);
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), 0);
		begin = index_of(&p, STEP_NET_BEGIN);
		wait = index_of(&p, STEP_NET_WAIT);
		assert_int_equal(begin == SIZE_MAX, s.nic_count == 0 || f.user_mode);
		assert_int_equal(wait == SIZE_MAX, s.nic_count == 0 || f.user_mode);
		for (size_t k = 0; k < p.count; k++)
			if (step_side_of(p.steps[k].kind) == SIDE_NET)
				assert_true(k == begin + 1 || step_side_of(p.steps[k - 1].kind) == SIDE_NET);
		if (s.nic_count && f.user_mode) /* the namespace is there, and programs of the host can still be named */
			assert_true(index_of(&p, STEP_CHILD) < index_of(&p, STEP_USER_NET) && index_of(&p, STEP_USER_NET) < index_of(&p, STEP_SEAL_STAGE));
		else if (s.nic_count) {
			assert_true(index_of(&p, STEP_CHILD) < begin && begin < index_of(&p, STEP_DEV));
			assert_true(index_of(&p, STEP_SEAL_STAGE) < wait && wait < index_of(&p, STEP_EXEC));
			/* the child works meanwhile, unless a step of its own looks at the interfaces */
			if ((s.sysctl_count && strncmp(s.sysctls[0].name, "net", 3) == 0) || spec_has_hook(&s, SPEC_HOOK_START) || spec_has_hook(&s, SPEC_HOOK_START_HOST))
				assert_true(wait < index_of(&p, STEP_ENTER));
			else
				assert_int_equal(wait + 1, index_of(&p, STEP_EXEC));
		}
		plan_done(&p);
		buf_done(&notes);
		spec_done(&s);
	}
}

static void a_port_wants_an_address(void **state)
{
	static const struct plan_nic none = {.bridge = "b0", .peer = "p0"}, four = {.bridge = "b0", .peer = "p0", .ipv4 = "10.0.0.2/24"};
	const struct {
		const char *conf;
		const struct plan_nic *nic;
		const char *why;
	} rows[] = {
		{"coppice.network = b0\ncoppice.port = 80:80\n", &none, "c:2: coppice.port: port 80 of 'any address' leads nowhere"},
		{"coppice.network = b0\ncoppice.port = [::1]:80:80\n", &four, "c:2: coppice.port: port 80 of '::1' leads nowhere, the container's managed network has no IPv6"},
		{"coppice.network = b0\ncoppice.port = 80:80\n", &four, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		struct facts f;
		struct spec s;

		make(&s, rows[i].conf);
		host_v2(&f);
		c.nics = rows[i].nic;
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), rows[i].why ? -EADDRNOTAVAIL : 0);
		if (rows[i].why && strncmp(e.why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("tells '%s'", e.why);
		plan_done(&p);
		buf_done(&notes);
		spec_done(&s);
	}
}

static void without_cgroups_a_limit_is_refused(void **state)
{
	struct plan_choices c = choices();
	struct buf notes = BUF_INIT;
	struct plan p = {0};
	struct err e = {0};
	struct facts f;
	struct spec s;

	(void)state;
	make(&s, "lxc.cgroup2.memory.max = 1M\n");
	host_bare(&f);
	assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), -EOPNOTSUPP);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_true(p.count == 0 && p.steps == NULL);
	buf_done(&notes);
	spec_done(&s);
}

/* ---- table ---- */

static void the_table_is_whole(void **state)
{
	for (int k = 0; k < STEP_KIND_COUNT; k++) {
		const char *word = step_word((enum step_kind)k);
		struct buf text = BUF_INIT;
		struct step st = {.kind = (uint32_t)k, .text = {"t0", "t1", "t2", "t3"}, .number = {11, 12, 13, 14}};

		assert_non_null(word);
		assert_true(strlen(word) > 0 && strspn(word, "abcdefghijklmnopqrstuvwxyz_") == strlen(word));
		for (int j = 0; j < k; j++)
			assert_string_not_equal(word, step_word((enum step_kind)j));
		step_describe(&st, &text);
		assert_memory_equal(buf_str(&text), word, strlen(word));
		/* no more than there is room for */
		assert_null(strstr(buf_str(&text), "(null)"));
		buf_done(&text);
	}
	assert_string_equal(step_word(STEP_KIND_COUNT), "?");
	(void)state;
}

/* docs/formats/plan.md shows one row a kind, in order, with the arguments as the table has them. */
static void the_page_matches_the_table(void **state)
{
#define X(kind, side, word, args) {#word, #side, args},
	static const struct {
		const char *word, *side, *args;
	} rows[] = {STEP_LIST(X)};
#undef X
	autoclose int fd = fd_open(AT_FDCWD, COPPICE_SOURCE "/docs/formats/plan.md", O_RDONLY, 0);
	struct buf page = BUF_INIT;
	const char *at;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, &page, M), 0);
	at = buf_str(&page);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char row[256], side[8];

		(void)snprintf(side, sizeof(side), "%s", rows[i].side);
		for (char *p = side; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		(void)snprintf(row, sizeof(row), "| %zu | `%s` | %s | %s |", i, rows[i].word, side, rows[i].args[0] ? rows[i].args : "-");
		at = strstr(at, row);
		if (!at)
			fail_msg("docs/formats/plan.md lacks, or has in another order: %s", row);
	}
	buf_done(&page);
}

/* ---- wire ---- */

static void the_wire_brings_back_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		struct plan_choices c = choices();
		struct buf notes = BUF_INIT, wire = BUF_INIT, again = BUF_INIT, one = BUF_INIT, two = BUF_INIT;
		struct plan p = {0}, q = {0};
		struct err e = {0};
		struct facts f;
		struct spec s;

		make(&s, golden[i].conf);
		golden[i].host(&f);
		choose(&c, &f, golden[i].nics);
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), 0);
		assert_int_equal(plan_encode(&p, &wire), 0);
		assert_int_equal(plan_decode(wire.data, wire.len, &q, &e), 0);
		plan_print(&p, &one);
		spec_done(&s);
		plan_done(&p); /* the copy stands alone */
		plan_print(&q, &two);
		assert_string_equal(buf_str(&one), buf_str(&two));
		assert_int_equal(plan_encode(&q, &again), 0);
		assert_int_equal(wire.len, again.len);
		assert_memory_equal(wire.data, again.data, wire.len);
		/* cut anywhere, it is refused */
		for (size_t cut = 0; cut < wire.len; cut += cut < 200 ? 1 : 97)
			assert_int_equal(plan_decode(wire.data, cut, &p, &e), -EBADMSG);
		buf_putc(&wire, 'x');
		assert_int_equal(plan_decode(wire.data, wire.len, &p, &e), -EBADMSG);
		plan_done(&q);
		buf_done(&notes);
		buf_done(&wire);
		buf_done(&again);
		buf_done(&one);
		buf_done(&two);
	}
}

static void put(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void refused(struct buf *wire)
{
	struct plan p = {0};
	struct err e = {0};

	assert_int_equal(plan_decode(wire->data, wire->len, &p, &e), -EBADMSG);
	assert_int_equal(e.kind, ERR_INTERNAL);
	assert_true(p.count == 0 && p.steps == NULL && p.arena.head == NULL);
	buf_done(wire);
}

static void malformed_wires_are_refused(void **state)
{
	const uint64_t numbers[STEP_NUMBERS] = {0};
	const uint32_t magic = 0x31504343;
	struct buf b = BUF_INIT;
	struct plan p = {0};
	struct err e = {0};

	(void)state;
	put(&b, magic ^ 1);
	put(&b, 0);
	refused(&b);
	put(&b, magic);
	put(&b, 20001); /* more steps than anybody plans */
	refused(&b);
	put(&b, magic);
	put(&b, UINT32_MAX);
	refused(&b);
	put(&b, magic);
	put(&b, 1);
	put(&b, STEP_KIND_COUNT);
	refused(&b);
	for (int bad = 0; bad < 3; bad++) { /* a text of 4 GiB, one longer than the rest, one with a NUL */
		put(&b, magic);
		put(&b, 1);
		put(&b, STEP_ENV);
		buf_add(&b, numbers, sizeof(numbers));
		put(&b, bad == 0 ? UINT32_MAX - 1 : bad == 1 ? 60 : 3);
		buf_add(&b, "a\0b", 3);
		for (int t = 1; t < STEP_TEXTS; t++)
			put(&b, UINT32_MAX);
		refused(&b);
	}
	put(&b, magic);
	put(&b, 0);
	assert_int_equal(plan_decode(b.data, b.len, &p, &e), 0);
	assert_int_equal(p.count, 0);
	plan_done(&p);
	buf_done(&b);
}

static void a_text_that_is_too_long_is_not_sent(void **state)
{
	struct buf text = BUF_INIT, wire = BUF_INIT;
	struct plan p = {0};
	struct step *st = plan_add(&p, STEP_ENV);

	(void)state;
	for (int i = 0; i < 65537; i++)
		buf_putc(&text, 'x');
	assert_non_null(st);
	st->text[0] = buf_str(&text);
	assert_int_equal(plan_encode(&p, &wire), -E2BIG);
	plan_done(&p);
	buf_done(&text);
	buf_done(&wire);
}

/* ---- rlimits ---- */

static void rlimits_are_clamped_with_a_note(void **state)
{
	struct plan_choices c = choices();
	struct facts f;
	struct spec s;

	(void)state;
	for (int may = 0; may < 2; may++) {
		struct buf notes = BUF_INIT;
		struct plan p = {0};
		struct err e = {0};
		const struct step *st;

		make(&s, "lxc.prlimit.nofile = 30000:unlimited\n");
		host_v2(&f);
		f.can_raise_rlimits = may;
		assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), 0);
		st = plan_find(&p, STEP_RLIMIT, 0);
		assert_non_null(st);
		assert_int_equal(st->number[0], RLIMIT_NOFILE);
		assert_int_equal(st->number[1], may ? 30000 : 20000);
		assert_true(st->number[2] == (may ? SPEC_MAX : 20000));
		assert_true((notes.len > 0) == !may);
		plan_done(&p);
		buf_done(&notes);
		spec_done(&s);
	}
}

/* Not even CAP_SYS_RESOURCE gets a process more descriptors than fs.nr_open. */
static void descriptors_stay_below_the_kernels_own_limit(void **state)
{
	struct plan_choices c = choices();
	struct buf notes = BUF_INIT;
	struct plan p = {0};
	struct err e = {0};
	const struct step *st;
	struct facts f;
	struct spec s;

	(void)state;
	make(&s, "lxc.prlimit.nofile = unlimited\n");
	host_v2(&f);
	c.nofile_max = 1048576;
	assert_int_equal(plan_build(&s, &f, &c, &p, &notes, &e), 0);
	st = plan_find(&p, STEP_RLIMIT, 0);
	assert_non_null(st);
	assert_int_equal(st->number[1], 1048576);
	assert_int_equal(st->number[2], 1048576);
	assert_non_null(strstr(buf_str(&notes), "nofile"));
	plan_done(&p);
	buf_done(&notes);
	spec_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_are_as_written),
		cmocka_unit_test(guests_see_what_they_need),
		cmocka_unit_test(classes_without_a_port),
		cmocka_unit_test(labels_are_decided),
		cmocka_unit_test(same_inputs_same_text),
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(the_network_is_made_beside_the_root),
		cmocka_unit_test(a_port_wants_an_address),
		cmocka_unit_test(without_cgroups_a_limit_is_refused),
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(the_page_matches_the_table),
		cmocka_unit_test(the_wire_brings_back_the_same),
		cmocka_unit_test(malformed_wires_are_refused),
		cmocka_unit_test(a_text_that_is_too_long_is_not_sent),
		cmocka_unit_test(rlimits_are_clamped_with_a_note),
		cmocka_unit_test(descriptors_stay_below_the_kernels_own_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
