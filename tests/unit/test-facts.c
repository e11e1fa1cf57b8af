/* Mount tables of real and odd hosts, and one probe of this very machine. */
#include "linux/facts.h"

#include "base/clock.h"
#include "base/err.h"
#include "unit/test.h"

#include <stdio.h>
#include <time.h>

static struct facts parse(const char *text)
{
	struct facts f;

	memset(&f, 0x5a, sizeof(f)); /* the parser owns its fields */
	facts_parse_mountinfo(text, &f);
	return f;
}

static void unified(void **state)
{
	struct facts f =
		parse("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
		  "24 22 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
		  "29 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n");

	(void)state;
	assert_int_equal(f.cgroup, CG_V2);
	assert_string_equal(f.v2_mount, "/sys/fs/cgroup");
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		assert_string_equal(f.v1_mount[c], "");
}

static const char hybrid_text[] = "30 23 0:25 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755\n"
				  "31 30 0:26 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
				  "32 30 0:27 / /sys/fs/cgroup/systemd rw shared:10 - cgroup cgroup rw,xattr,name=systemd\n"
				  "35 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n"
				  "36 30 0:31 / /sys/fs/cgroup/cpuset rw shared:16 - cgroup cgroup rw,cpuset\n"
				  "37 30 0:32 / /sys/fs/cgroup/memory rw shared:17 - cgroup cgroup rw,memory\n"
				  "38 30 0:33 / /sys/fs/cgroup/blkio rw shared:18 - cgroup cgroup rw,blkio";

static void hybrid(void **state)
{
	struct facts f = parse(hybrid_text);

	(void)state;
	assert_int_equal(f.cgroup, CG_HYBRID);
	assert_string_equal(f.v2_mount, "/sys/fs/cgroup/unified");
	assert_string_equal(f.v1_mount[CG_SYSTEMD], "/sys/fs/cgroup/systemd");
	assert_string_equal(f.v1_mount[CG_CPU], "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(f.v1_mount[CG_CPUACCT], "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(f.v1_mount[CG_CPUSET], "/sys/fs/cgroup/cpuset");
	assert_string_equal(f.v1_mount[CG_IO], "/sys/fs/cgroup/blkio");
	assert_string_equal(f.v1_mount[CG_PIDS], "");
}

static void legacy_and_nothing(void **state)
{
	struct facts f = parse("37 30 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");

	(void)state;
	assert_int_equal(f.cgroup, CG_V1);
	assert_string_equal(f.v2_mount, "");
	assert_int_equal(parse("").cgroup, CG_NONE);
	/* only a named hierarchy for systemd beside v2 is a unified host */
	f = parse("31 30 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n32 30 0:27 / /run/systemd1 rw - cgroup cgroup rw,name=systemd\n");
	assert_int_equal(f.cgroup, CG_V2);
}

static void the_best_mount_wins(void **state)
{
	struct facts f = parse("31 30 0:26 /docker/abc /guest rw - cgroup2 cgroup2 rw\n"
			       "32 30 0:26 / /srv/ro ro - cgroup2 cgroup2 rw\n"
			       "33 30 0:26 / /srv/full rw - cgroup2 cgroup2 rw\n"
			       "34 30 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
			       "35 30 0:26 / /later rw - cgroup2 cgroup2 rw\n");

	(void)state;
	assert_string_equal(f.v2_mount, "/sys/fs/cgroup");
	f = parse("31 30 0:26 / /ro ro - cgroup2 cgroup2 rw\n32 30 0:26 /a /part rw - cgroup2 cgroup2 rw\n");
	assert_string_equal(f.v2_mount, "/ro"); /* a part is somebody's group */
}

static void hidden_mounts_are_forgotten(void **state)
{
	struct facts f = parse("31 30 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
			       "40 31 0:90 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
			       "41 40 0:91 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");

	(void)state;
	assert_string_equal(f.v2_mount, "");
	assert_int_equal(f.cgroup, CG_V1);
}

static void odd_lines(void **state)
{
	struct facts f;
	char text[512];

	(void)state;
	f = parse("31 30 0:26 / /my\\040cgroups\\011x rw - cgroup2 cgroup2 rw\n");
	assert_string_equal(f.v2_mount, "/my cgroups\tx");
	/* no source, many optional fields */
	f = parse("31 30 0:26 / /c rw shared:1 master:2 propagate_from:3 unbindable - cgroup2  rw\n");
	assert_string_equal(f.v2_mount, "/c");
	f = parse("garbage\n\n31\n31 30 0:26 / /c rw no dash here\n- - - - - - -\n31 30 0:26 / /c rw -\n99999999999999999999 1 0:1 / /c rw "
		  "- cgroup2 c rw\n"
		  "31 30 0:26 / /sys/fs/cgroup rw - cgroup2\n31 30 0:26 / /sys/fs/cgroup rw - cgroup2 c rw");
	assert_string_equal(f.v2_mount, "/sys/fs/cgroup");
	/* words are compared whole */
	f = parse("31 30 0:26 / /m rw - cgroup cgroup rw,xmemory,memoryx,cpusets\n");
	assert_int_equal(f.cgroup, CG_NONE);
	/* a mount point that does not fit is passed over */
	(void)snprintf(text, sizeof(text), "31 30 0:26 / /%0100d rw - cgroup2 c rw\n32 30 0:26 / /ok ro - cgroup2 c rw\n", 7);
	assert_string_equal(parse(text).v2_mount, "/ok");
}

static void this_machine(void **state)
{
	struct err e = {0};
	struct facts f;
	uint64_t best = UINT64_MAX;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct timespec a, b;
		uint64_t ns;

		(void)clock_gettime(CLOCK_MONOTONIC, &a);
		assert_int_equal(facts_probe(&f, &e), 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)(b.tv_nsec - a.tv_nsec);
		best = ns < best ? ns : best;
	}
	print_message("  probe: %u us; kernel %u.%u, cgroup layout %d, v2 '%s' controllers %#x, kill %d clone %d bpf %d memsw "
		      "%d, erofs file %d loop %d, "
		      "overlay fds %d, idmap tmpfs %d, time ns %d, beneath %d, %u cpus, %llu MiB, rlimits %d\n",
		      (unsigned)(best / 1000), f.kernel_major, f.kernel_minor, (int)f.cgroup, f.v2_mount, f.v2_controllers, f.cgroup_kill,
		      f.clone_into_cgroup, f.bpf_devices, f.memsw, f.erofs_file, f.erofs_loop, f.overlay_fds,
		      f.idmap_tmpfs, f.time_ns, f.mount_beneath, f.cpus, (unsigned long long)(f.memory_total >> 20), f.can_raise_rlimits);
	assert_true(f.kernel_major >= 5);
	assert_int_equal(strlen(f.boot_id), 36);
	assert_true(f.cpus >= 1 && f.memory_total > 0);
	assert_true(facts_kernel(&f, 4, 19) && facts_kernel(&f, f.kernel_major, f.kernel_minor) &&
			!facts_kernel(&f, f.kernel_major, f.kernel_minor + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unified),
		cmocka_unit_test(hybrid),
		cmocka_unit_test(legacy_and_nothing),
		cmocka_unit_test(the_best_mount_wins),
		cmocka_unit_test(hidden_mounts_are_forgotten),
		cmocka_unit_test(odd_lines),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
