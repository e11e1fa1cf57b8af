/* Limits in two languages: what the control groups of every kind of host are told, and what cannot be told to them. */
#include "base/buf.h"
#include "plan/limits.h"
#include "unit/plan-hosts.h"

struct written {
	const char *file, *value;
	bool v2;
};

static void expect(void (*host)(struct facts *f), bool memsw, const struct spec_limits *l, const struct written *want, size_t n, const char *note)
{
	struct limit_write w[LIMITS_MAX];
	struct buf notes = BUF_INIT;
	struct err e = {0};
	struct facts f;
	uint32_t need = 0, want_need = 0;
	size_t count = 99;

	host(&f);
	f.memsw = memsw;
	if (limits_translate(&f, l, w, &count, &need, &notes, &e) < 0)
		fail_msg("%s", e.why);
	assert_int_equal(count, n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(w[i].file, want[i].file);
		assert_string_equal(w[i].value, want[i].value);
		assert_int_equal(w[i].v2, want[i].v2);
		want_need |= 1u << w[i].controller;
	}
	if ((f.v2_controllers >> CG_MEMORY & 1) || f.v1_mount[CG_MEMORY][0]) /* memory is always accounted for, where that can be */
		want_need |= 1u << CG_MEMORY;
	assert_int_equal(need, want_need);
	if (note)
		assert_non_null(strstr(buf_str(&notes), note));
	else
		assert_string_equal(buf_str(&notes), "");
	buf_done(&notes);
}

static void expect_refused(void (*host)(struct facts *f), const struct spec_limits *l, enum err_kind kind, const char *why)
{
	struct limit_write w[LIMITS_MAX];
	struct buf notes = BUF_INIT;
	struct err e = {0};
	struct facts f;
	uint32_t need = 77;
	size_t count = 77;

	host(&f);
	assert_true(limits_translate(&f, l, w, &count, &need, &notes, &e) < 0);
	assert_int_equal(e.kind, kind);
	if (!strstr(e.why, why))
		fail_msg("says '%s', not '%s'", e.why, why);
	assert_true(count == 77 && need == 77); /* outputs only on success */
	buf_done(&notes);
}

#define EXPECT(host, memsw, note, ...) \
	expect(host, memsw, &l, (const struct written[]){__VA_ARGS__}, ARRAY_LEN(((const struct written[]){__VA_ARGS__})), note)

static void memory_and_swap(void **state)
{
	struct spec_limits l = SPEC_NO_LIMITS;

	(void)state;
	expect(host_bare, false, &l, NULL, 0, NULL); /* nothing said, nothing needed */
	l.memory_max = 512 * M;
	EXPECT(host_v2, false, NULL, {"memory.max", "536870912", true});
	EXPECT(host_v1, true, NULL, {"memory.limit_in_bytes", "536870912", false});
	EXPECT(host_hybrid, true, NULL, {"memory.limit_in_bytes", "536870912", false});
	l.swap_max = 64 * M;
	EXPECT(host_v2, false, NULL, {"memory.max", "536870912", true}, {"memory.swap.max", "67108864", true});
	EXPECT(host_v1, true, NULL, {"memory.limit_in_bytes", "536870912", false}, {"memory.memsw.limit_in_bytes", "603979776", false});
	EXPECT(host_v1, false, "swapaccount=1", {"memory.limit_in_bytes", "536870912", false});
	l.swap_max = 0;
	EXPECT(host_v1, true, NULL, {"memory.limit_in_bytes", "536870912", false}, {"memory.memsw.limit_in_bytes", "536870912", false});
	l.swap_max = SPEC_MAX;
	EXPECT(host_v2, false, NULL, {"memory.max", "536870912", true}, {"memory.swap.max", "max", true});
	EXPECT(host_v1, true, NULL, {"memory.limit_in_bytes", "536870912", false}, {"memory.memsw.limit_in_bytes", "-1", false});
	l.swap_max = INT64_MAX; /* the sum is more than the file takes */
	EXPECT(host_v1, true, NULL, {"memory.limit_in_bytes", "536870912", false}, {"memory.memsw.limit_in_bytes", "-1", false});
	l.memory_max = SPEC_MAX;
	l.swap_max = M;
	EXPECT(host_v2, false, NULL, {"memory.max", "max", true}, {"memory.swap.max", "1048576", true});
	EXPECT(host_v1, true, "needs a memory limit", {"memory.limit_in_bytes", "-1", false});
	l = SPEC_NO_LIMITS;
	l.memory_high = M;
	l.memory_low = 2 * M;
	EXPECT(host_v2, false, NULL, {"memory.high", "1048576", true}, {"memory.low", "2097152", true});
	EXPECT(host_v1, true, "memory high", {"memory.soft_limit_in_bytes", "2097152", false});
}

static void cpus(void **state)
{
	struct spec_limits l = SPEC_NO_LIMITS;

	(void)state;
	l.cpu_quota_us = 150000;
	EXPECT(host_v2, false, NULL, {"cpu.max", "150000 100000", true});
	EXPECT(host_v1, true, NULL, {"cpu.cfs_period_us", "100000", false}, {"cpu.cfs_quota_us", "150000", false});
	l.cpu_period_us = 50000;
	EXPECT(host_v2, false, NULL, {"cpu.max", "150000 50000", true});
	EXPECT(host_v1, true, NULL, {"cpu.cfs_period_us", "50000", false}, {"cpu.cfs_quota_us", "150000", false});
	l.cpu_quota_us = SPEC_MAX;
	EXPECT(host_v2, false, NULL, {"cpu.max", "max 50000", true});
	EXPECT(host_v1, true, NULL, {"cpu.cfs_period_us", "50000", false}, {"cpu.cfs_quota_us", "-1", false});
	l.cpu_quota_us = SPEC_UNSET; /* a period alone */
	EXPECT(host_v2, false, NULL, {"cpu.max", "max 50000", true});
	EXPECT(host_v1, true, NULL, {"cpu.cfs_period_us", "50000", false});
	l = SPEC_NO_LIMITS;
	/* weight 1 is shares 2, weight 10000 is shares 262144 */
	l.cpu_weight = 1;
	EXPECT(host_v2, false, NULL, {"cpu.weight", "1", true});
	EXPECT(host_v1, true, NULL, {"cpu.shares", "2", false});
	l.cpu_weight = 10000;
	EXPECT(host_v1, true, NULL, {"cpu.shares", "262144", false});
	l.cpu_weight = 100;
	EXPECT(host_v1, true, NULL, {"cpu.shares", "2597", false});
	l.cpu_shares = 1024; /* as said on v1; as converted on v2 */
	l.cpu_weight = 39;
	EXPECT(host_v1, true, NULL, {"cpu.shares", "1024", false});
	EXPECT(host_v2, false, NULL, {"cpu.weight", "39", true});
	l = SPEC_NO_LIMITS;
	l.cpuset_cpus = "0-1";
	l.cpuset_mems = "0";
	EXPECT(host_v2, false, NULL, {"cpuset.cpus", "0-1", true}, {"cpuset.mems", "0", true});
	EXPECT(host_hybrid, true, NULL, {"cpuset.cpus", "0-1", false}, {"cpuset.mems", "0", false});
	expect_refused(host_bare, &l, ERR_UNSUPPORTED, "cpuset.cpus");
	l.cpuset_cpus = l.cpuset_mems = "";
	expect(host_bare, false, &l, NULL, 0, NULL);
}

static void pids_and_io(void **state)
{
	struct spec_limits l = SPEC_NO_LIMITS;

	(void)state;
	l.pids_max = 100;
	EXPECT(host_v1, true, NULL, {"pids.max", "100", false});
	EXPECT(host_hybrid, true, NULL, {"pids.max", "100", true});
	l.pids_max = SPEC_MAX;
	EXPECT(host_v2, false, NULL, {"pids.max", "max", true});
	l = SPEC_NO_LIMITS;
	l.io_weight = 1;
	EXPECT(host_v2, false, NULL, {"io.weight", "1", true});
	EXPECT(host_v1, true, NULL, {"blkio.weight", "10", false});
	l.io_weight = 10000;
	EXPECT(host_v1, true, NULL, {"blkio.weight", "1000", false});
	l.blkio_weight = 500;
	l.io_weight = 4950;
	EXPECT(host_v1, true, NULL, {"blkio.weight", "500", false});
	EXPECT(host_v2, false, NULL, {"io.weight", "4950", true});
}

static void missing_controllers_are_refused(void **state)
{
	uint64_t *fields[6];
	struct spec_limits l = SPEC_NO_LIMITS;

	(void)state;
	fields[0] = &l.memory_max;
	fields[1] = &l.memory_low;
	fields[2] = &l.cpu_weight;
	fields[3] = &l.cpu_quota_us;
	fields[4] = &l.pids_max;
	fields[5] = &l.io_weight;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		l = SPEC_NO_LIMITS;
		*fields[i] = 100;
		expect_refused(host_bare, &l, ERR_UNSUPPORTED, "cannot be held");
	}
	/* one that nobody asked for is no reason to refuse */
	l = SPEC_NO_LIMITS;
	l.pids_max = 4096;
	l.pids_default = true;
	expect(host_bare, false, &l, NULL, 0, "the number of processes is not limited");
	EXPECT(host_v2, false, NULL, {"pids.max", "4096", true});
}

static void raw_files(void **state)
{
	struct spec_cgroup_raw raw = {"memory.kmem.tcp.limit_in_bytes", "1M", false};
	struct spec_limits l = SPEC_NO_LIMITS;

	(void)state;
	l.raw = &raw;
	l.raw_count = 1;
	EXPECT(host_v1, true, NULL, {"memory.kmem.tcp.limit_in_bytes", "1M", false});
	expect(host_v2, false, &l, NULL, 0, "lxc.cgroup.memory.kmem.tcp.limit_in_bytes is skipped: kernel memory is part of the memory limit");
	raw = (struct spec_cgroup_raw){"memory.failcnt", "0", false};
	expect(host_v2, false, &l, NULL, 0, "lxc.cgroup.memory.failcnt is skipped: it sets a counter back");
	raw = (struct spec_cgroup_raw){"blkio.bfq.weight_device", "8:0 200", false};
	EXPECT(host_v2, false, NULL, {"io.bfq.weight", "8:0 200", true});
	raw = (struct spec_cgroup_raw){"memory.tcp_limit", "0", false};
	expect_refused(host_v2, &l, ERR_UNSUPPORTED, "lxc.cgroup.memory.tcp_limit cannot be held on this host");
	expect_refused(host_bare, &l, ERR_UNSUPPORTED, "no cgroup controller for it");
	raw = (struct spec_cgroup_raw){"memory.zswap.max", "0", true};
	EXPECT(host_v2, false, NULL, {"memory.zswap.max", "0", true});
	expect(host_hybrid, false, &l, NULL, 0, "lxc.cgroup2.memory.zswap.max is skipped");
	raw = (struct spec_cgroup_raw){"hugetlb.2MB.max", "0", true};
	expect_refused(host_v2, &l, ERR_UNSUPPORTED, "no cgroup controller for it");
	raw = (struct spec_cgroup_raw){"cgroup.max.depth", "3", true};
	EXPECT(host_v1, false, NULL, {"cgroup.max.depth", "3", true});
	raw = (struct spec_cgroup_raw){"net_cls.classid", "0x100001", false};
	expect(host_v2, false, &l, NULL, 0, NULL); /* a mark, not a file */
	raw = (struct spec_cgroup_raw){"net_cls.other", "1", false};
	expect_refused(host_v2, &l, ERR_UNSUPPORTED, "v2 has no such setting of packets");
	raw = (struct spec_cgroup_raw){"memorymax", "0", true};
	expect_refused(host_v2, &l, ERR_UNSUPPORTED, "no cgroup controller that is known");
}

/* Each file of one generation on a host of the other. */
static void raw_files_across(void **state)
{
	static const struct {
		struct spec_cgroup_raw raw;
		struct written want[3];
		size_t count;
	} rows[] = {
		{{"blkio.throttle.read_bps_device", "8:0 1048576", false}, {{"io.max", "8:0 rbps=1048576", true}}, 1},
		{{"blkio.throttle.write_bps_device", "8:16 0", false}, {{"io.max", "8:16 wbps=max", true}}, 1},
		{{"blkio.throttle.read_iops_device", "8:0 5", false}, {{"io.max", "8:0 riops=5", true}}, 1},
		{{"blkio.throttle.write_iops_device", "8:0 5", false}, {{"io.max", "8:0 wiops=5", true}}, 1},
		{{"io.max", "8:0 rbps=7 wiops=max", true}, {{"blkio.throttle.read_bps_device", "8:0 7", false}, {"blkio.throttle.write_iops_device", "8:0 0", false}}, 2},
		{{"blkio.weight_device", "8:0 1000", false}, {{"io.weight", "8:0 10000", true}}, 1},
		{{"io.weight", "8:0 1", true}, {{"blkio.weight_device", "8:0 10", false}}, 1},
		{{"blkio.bfq.weight", "300", false}, {{"io.bfq.weight", "300", true}}, 1},
		{{"blkio.bfq.weight_device", "8:0 300", false}, {{"io.bfq.weight", "8:0 300", true}}, 1},
		{{"io.bfq.weight", "default 300", true}, {{"blkio.bfq.weight", "300", false}}, 1},
		{{"io.bfq.weight", "8:0 300", true}, {{"blkio.bfq.weight_device", "8:0 300", false}}, 1},
		{{"io.prio.class", "idle", true}, {{"blkio.prio.class", "idle", false}}, 1},
		{{"cpu.idle", "1", true}, {{"cpu.idle", "1", false}}, 1},
		{{"cpu.uclamp.max", "50.00", false}, {{"cpu.uclamp.max", "50.00", true}}, 1},
		{{"cpu.uclamp.min", "5.00", true}, {{"cpu.uclamp.min", "5.00", false}}, 1},
		{{"cpu.max.burst", "1000", true}, {{"cpu.cfs_burst_us", "1000", false}}, 1},
		{{"cpu.weight.nice", "0", true}, {{"cpu.shares", "1024", false}}, 1},
		{{"cpu.weight.nice", "-20", true}, {{"cpu.shares", "88761", false}}, 1},
		{{"hugetlb.2MB.limit_in_bytes", "4194304", false}, {{"hugetlb.2MB.max", "4194304", true}}, 1},
		{{"hugetlb.1GB.rsvd.max", "max", true}, {{"hugetlb.1GB.rsvd.limit_in_bytes", "-1", false}}, 1},
		{{"rdma.max", "mlx4_0 hca_handle=2", false}, {{"rdma.max", "mlx4_0 hca_handle=2", true}}, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spec_cgroup_raw raw = rows[i].raw;
		struct spec_limits l = SPEC_NO_LIMITS;

		l.raw = &raw;
		l.raw_count = 1;
		expect(raw.v2 ? host_v1_all : host_v2_all, true, &l, rows[i].want, rows[i].count, NULL);
		raw.value = "8:0 nonsense"; /* told, or the kernel's to judge */
		if (strncmp(raw.file, "io.max", 6) == 0 || strstr(raw.file, "weight"))
			if (!strstr(raw.file, "bfq"))
				expect_refused(raw.v2 ? host_v1_all : host_v2_all, &l, ERR_INPUT, raw.file);
	}
}

static void too_many_or_too_long(void **state)
{
	struct spec_cgroup_raw raw[LIMITS_MAX + 1];
	struct spec_limits l = SPEC_NO_LIMITS;
	char value[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(raw); i++)
		raw[i] = (struct spec_cgroup_raw){"memory.low", "0", true};
	l.raw = raw;
	l.raw_count = ARRAY_LEN(raw);
	expect_refused(host_v2, &l, ERR_INPUT, "more than 96");
	memset(value, '1', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	raw[0].value = value;
	l.raw_count = 1;
	expect_refused(host_v2, &l, ERR_INPUT, "too long");
	value[70] = '\0'; /* the value is fine, the name is cut: must not be written elsewhere */
	raw[0] = (struct spec_cgroup_raw){"memory.a-name-that-is-longer-than-any-file-of-a-cgroup-has-ever-been-and-will-be", "0", true};
	expect_refused(host_v2, &l, ERR_INPUT, "too long");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_and_swap),
		cmocka_unit_test(cpus),
		cmocka_unit_test(pids_and_io),
		cmocka_unit_test(missing_controllers_are_refused),
		cmocka_unit_test(raw_files),
		cmocka_unit_test(raw_files_across),
		cmocka_unit_test(too_many_or_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
