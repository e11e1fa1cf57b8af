/* limits-raw.c - cgroup files the model has no field for, on the other kind of host.
 *
 * On a host of its own generation a file is written as it is. On the other it has a counterpart there, in the table, or not: then a knob is
 * skipped with a note (LXC skips such lines on that host too), and what is said to be a limit is refused, because one that does not hold is
 * worse than none. */
#include "plan/limits-impl.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RESETS "it sets a counter back, and those of a new group are at zero"
#define CLASSID "net_cls.classid"

enum how {
	AS_IS,	 /* the same value */
	BYTES,	 /* v1 -1 is v2 max */
	THROTTLE, /* "8:0 N" is "8:0 KEY=N" of io.max; @what is KEY */
	WEIGHTS, /* "8:0 N", in the two scales of a weight */
	BFQ,	 /* v2 has one file for the weight and for that of a disk */
	NICE,	 /* v2 nice level, v1 the shares that belong to it */
	SKIPPED, /* no counterpart; @what is why */
	REFUSED,
};

struct raw_row {
	const char *v1, *v2; /* file; with '*' as a part, any page size; with '*' at the end, everything that begins so; NULL = none */
	enum how how;
	const char *what;
};

static const struct raw_row rows[] = {
	{"blkio.throttle.read_bps_device", "io.max", THROTTLE, "rbps"},
	{"blkio.throttle.write_bps_device", "io.max", THROTTLE, "wbps"},
	{"blkio.throttle.read_iops_device", "io.max", THROTTLE, "riops"},
	{"blkio.throttle.write_iops_device", "io.max", THROTTLE, "wiops"},
	{"blkio.weight_device", "io.weight", WEIGHTS, NULL},
	{"blkio.bfq.weight", "io.bfq.weight", BFQ, NULL},
	{"blkio.bfq.weight_device", "io.bfq.weight", BFQ, NULL},
	{"blkio.prio.class", "io.prio.class", AS_IS, NULL},
	{"cpu.cfs_burst_us", "cpu.max.burst", AS_IS, NULL},
	{"cpu.idle", "cpu.idle", AS_IS, NULL}, /* these three have one name and one meaning in both (kernel/sched/core.c) */
	{"cpu.uclamp.min", "cpu.uclamp.min", AS_IS, NULL},
	{"cpu.uclamp.max", "cpu.uclamp.max", AS_IS, NULL},
	{"hugetlb.*.limit_in_bytes", "hugetlb.*.max", BYTES, NULL},
	{"hugetlb.*.rsvd.limit_in_bytes", "hugetlb.*.rsvd.max", BYTES, NULL},
	{"rdma.max", "rdma.max", AS_IS, NULL},
	{"misc.max", "misc.max", AS_IS, NULL},
	{"cpu.shares", "cpu.weight.nice", NICE, NULL},
	{"memory.kmem.*", NULL, SKIPPED, "kernel memory is part of the memory limit"},
	{"memory.swappiness", NULL, SKIPPED, "v2 has one swappiness for the whole host; coppice.swap limits swap"},
	{"memory.use_hierarchy", NULL, SKIPPED, "v2 always counts what is beneath"},
	{"memory.move_charge_at_immigrate", NULL, SKIPPED, "v2 leaves memory with the group that asked for it"},
	{"memory.oom_control", NULL, SKIPPED, "v2 cannot wait instead of killing"},
	{"memory.failcnt", NULL, SKIPPED, RESETS},
	{"memory.memsw.failcnt", NULL, SKIPPED, RESETS},
	{"memory.max_usage_in_bytes", NULL, SKIPPED, RESETS},
	{"memory.memsw.max_usage_in_bytes", NULL, SKIPPED, RESETS},
	{"memory.*", NULL, REFUSED, "cgroup v2 has no such limit"},
	{"cpu.rt_*", NULL, SKIPPED, "v2 does not share out real-time processor time"},
	{"cpuacct.*", NULL, SKIPPED, "v2 always counts processor time"},
	{"cpuset.*", NULL, SKIPPED, "v2 has no such setting of a processor set"},
	{"blkio.*", NULL, SKIPPED, "v2 has no such setting of disks"},
	{"net_prio.*", NULL, SKIPPED, "v2 has no priorities by group; coppice.network in= and out= limit what an interface may send"},
	{"net_cls.*", NULL, REFUSED, "v2 has no such setting of packets"},
	{NULL, "memory.oom.group", SKIPPED, "v1 kills one process at a time"},
	{NULL, "memory.min", SKIPPED, "v1 cannot guarantee memory; memory.low becomes its soft limit"},
	{NULL, "memory.swap.high", SKIPPED, "v1 cannot slow down swapping; memory.swap.max limits it"},
	{NULL, "memory.zswap.*", SKIPPED, "v1 does not account for compressed swap"},
	{NULL, "memory.*", REFUSED, "cgroup v1 has no such limit"},
	{NULL, "cpuset.*", SKIPPED, "v1 has no partitions of processors"},
	{NULL, "io.latency", REFUSED, "v1 cannot hold a disk's latency"},
	{NULL, "io.*", SKIPPED, "v1 has no such setting of disks; io.max is translated"},
};

/* ---- names ---- */

/* True when @file is what @pattern says; the part that stood for '*' goes to @part (32 bytes). */
static bool matches(const char *pattern, const char *file, char part[32])
{
	const char *star = pattern ? strchr(pattern, '*') : NULL;
	size_t head = star ? (size_t)(star - pattern) : 0, len = strlen(file), tail;

	part[0] = '\0';
	if (!pattern)
		return false;
	if (!star)
		return strcmp(pattern, file) == 0;
	tail = strlen(star + 1);
	if (strncmp(pattern, file, head) != 0 || len < head + tail)
		return false;
	if (tail == 0)
		return true;
	if (strcmp(file + len - tail, star + 1) != 0 || len - head - tail >= 32 || memchr(file + head, '.', len - head - tail))
		return false;
	(void)snprintf(part, 32, "%.*s", (int)(len - head - tail), file + head);
	return true;
}

/* @pattern with @part for its '*'. */
static void fill(const char *pattern, const char *part, char *out, size_t size)
{
	size_t head = strcspn(pattern, "*");

	(void)snprintf(out, size, "%.*s%s%s", (int)head, pattern, part, pattern[head] ? pattern + head + 1 : "");
}

static const struct raw_row *find(const struct spec_cgroup_raw *raw, char part[32])
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (matches(raw->v2 ? rows[i].v2 : rows[i].v1, raw->file, part))
			return &rows[i];
	return NULL;
}

/* ---- values ---- */

static int malformed(struct limits_job *j, const struct spec_cgroup_raw *raw, const char *wanted)
{
	return err_set(j->e, ERR_INPUT, EINVAL, "%s = '%.80s': not %s", raw->file, raw->value, wanted);
}

/* "8:0 500" in place: the device stays in @text, the number behind it is given. */
static char *split_device(char *text)
{
	char *blank = strchr(text, ' ');

	if (!blank || !memchr(text, ':', (size_t)(blank - text)))
		return NULL;
	*blank++ = '\0';
	return blank + strspn(blank, " ");
}

/* io.max says several things of a device at once; v1 has a file for each. */
static int unthrottle(struct limits_job *j, const struct spec_cgroup_raw *raw)
{
	char text[256], value[300], *rest, *save = NULL;
	int r = 0;

	if ((size_t)snprintf(text, sizeof(text), "%s", raw->value) >= sizeof(text) || !(rest = split_device(text)))
		return malformed(j, raw, "MAJOR:MINOR and rbps=, wbps=, riops= or wiops=");
	for (char *word = strtok_r(rest, " ", &save); word && r == 0; word = strtok_r(NULL, " ", &save)) {
		const struct raw_row *row = NULL;
		char *eq = strchr(word, '=');

		for (size_t i = 0; eq && i < ARRAY_LEN(rows); i++)
			if (rows[i].how == THROTTLE && strlen(rows[i].what) == (size_t)(eq - word) && strncmp(rows[i].what, word, (size_t)(eq - word)) == 0)
				row = &rows[i];
		if (!row)
			return malformed(j, raw, "MAJOR:MINOR and rbps=, wbps=, riops= or wiops=");
		(void)snprintf(value, sizeof(value), "%s %s", text, strcmp(eq + 1, "max") == 0 ? "0" : eq + 1);
		r = limits_emit(j, CG_IO, false, row->v1, value);
	}
	return r;
}

/* v1 says 0 for "no limit". */
static int throttle(struct limits_job *j, const struct spec_cgroup_raw *raw, const struct raw_row *row)
{
	char text[256], value[300], *number;

	if (raw->v2)
		return unthrottle(j, raw);
	if ((size_t)snprintf(text, sizeof(text), "%s", raw->value) >= sizeof(text) || !(number = split_device(text)))
		return malformed(j, raw, "MAJOR:MINOR NUMBER");
	(void)snprintf(value, sizeof(value), "%s %s=%s", text, row->what, strcmp(number, "0") == 0 ? "max" : number);
	return limits_emit(j, CG_IO, true, row->v2, value);
}

static int weights(struct limits_job *j, const struct spec_cgroup_raw *raw, const struct raw_row *row)
{
	char text[256], value[300], *number;
	uint64_t n = 0;

	if ((size_t)snprintf(text, sizeof(text), "%s", raw->value) >= sizeof(text) || !(number = split_device(text)) || parse_u64(number, &n) < 0 ||
	    n < (raw->v2 ? 1 : 10) || n > (raw->v2 ? 10000 : 1000))
		return malformed(j, raw, raw->v2 ? "MAJOR:MINOR and a weight of 1 to 10000" : "MAJOR:MINOR and a weight of 10 to 1000");
	n = raw->v2 ? 10 + (n - 1) * 990 / 9999 : 1 + (n - 10) * 9999 / 990;
	(void)snprintf(value, sizeof(value), "%s %llu", text, (unsigned long long)n);
	return limits_emit(j, CG_IO, !raw->v2, raw->v2 ? row->v1 : row->v2, value);
}

/* "300", "default 300" or "8:0 300". */
static int bfq_weight(struct limits_job *j, const struct spec_cgroup_raw *raw)
{
	const char *value = raw->value;

	if (!raw->v2)
		return limits_emit(j, CG_IO, true, "io.bfq.weight", value);
	if (strncmp(value, "default ", 8) == 0)
		value += 8;
	return limits_emit(j, CG_IO, false, strchr(value, ':') ? "blkio.bfq.weight_device" : "blkio.bfq.weight", value);
}

/* The scheduler's own table: a nice level is a quarter of the processor to its neighbour. */
static int nice_level(struct limits_job *j, const struct spec_cgroup_raw *raw, const struct raw_row *row)
{
	static const unsigned shares[40] = {88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
					    3906,  3121,  2501,	 1991,	1586,  1277,  1024,  820,   655,   526,	  423,	335,  272,  215,
					    172,   137,	  110,	 87,	70,    56,    45,    36,    29,	   23,	  18,	15};
	char value[16];
	int64_t n = 0;

	if (parse_i64(raw->value, &n) < 0 || n < -20 || n > 19)
		return malformed(j, raw, "a nice level, -20 to 19");
	(void)snprintf(value, sizeof(value), "%u", shares[n + 20]);
	return limits_emit(j, CG_CPU, false, row->v1, value);
}

static int across(struct limits_job *j, const struct spec_cgroup_raw *raw, enum cg_controller c, const struct raw_row *row, const char *part)
{
	const char *value = raw->value;
	char file[128];

	switch (row->how) {
	case AS_IS:
	case BYTES:
		if (row->how == BYTES && strcmp(value, raw->v2 ? "max" : "-1") == 0)
			value = raw->v2 ? "-1" : "max";
		fill(raw->v2 ? row->v1 : row->v2, part, file, sizeof(file));
		return limits_emit(j, c, !raw->v2, file, value);
	case THROTTLE:
		return throttle(j, raw, row);
	case WEIGHTS:
		return weights(j, raw, row);
	case BFQ:
		return bfq_weight(j, raw);
	case NICE:
		return nice_level(j, raw, row);
	case SKIPPED:
		buf_printf(j->notes, "%s%slxc.cgroup%s.%s is skipped: %s\n", raw->where ? raw->where : "", raw->where ? ": " : "", raw->v2 ? "2" : "", raw->file, row->what);
		return 0;
	default:
		return err_set(j->e, ERR_UNSUPPORTED, EOPNOTSUPP, "lxc.cgroup%s.%s cannot be held on this host, whose controller for it is on %s: %s", raw->v2 ? "2" : "", raw->file,
			       raw->v2 ? "v1" : "v2", row->what);
	}
}

static bool find_controller(const char *file, enum cg_controller *ret)
{
	static const struct {
		const char *prefix;
		enum cg_controller c;
	} prefixes[] = {{"memory.", CG_MEMORY},	  {"cpu.", CG_CPU},	    {"cpuacct.", CG_CPUACCT}, {"cpuset.", CG_CPUSET},
			{"pids.", CG_PIDS},	  {"devices.", CG_DEVICES}, {"blkio.", CG_IO},	      {"io.", CG_IO},
			{"freezer.", CG_FREEZER}, {"hugetlb.", CG_HUGETLB}, {"rdma.", CG_RDMA},	      {"misc.", CG_MISC},
			{"net_cls.", CG_NET_CLS}, {"net_prio.", CG_NET_PRIO}};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncmp(file, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0) {
			*ret = prefixes[i].c;
			return true;
		}
	return false;
}

/* v1 only, and gone from kernels since 6.0 even there. */
static bool is_dead(const struct spec_cgroup_raw *raw)
{
	return !raw->v2 && (strcmp(raw->file, "memory.kmem.limit_in_bytes") == 0 || strcmp(raw->file, "memory.move_charge_at_immigrate") == 0);
}

bool limits_class(const struct facts *f, const struct spec_limits *l, uint32_t *ret_mark)
{
	bool found = false;
	uint64_t n;

	for (size_t i = 0; i < l->raw_count && !f->user_mode && !f->v1_mount[CG_NET_CLS][0]; i++) {
		const char *v = l->raw[i].value;
		bool hex = v[0] == '0' && (v[1] == 'x' || v[1] == 'X');

		if (strcmp(l->raw[i].file, CLASSID) != 0 || parse_u64_base(hex ? v + 2 : v, hex ? 16 : 10, &n) < 0 || n > UINT32_MAX)
			continue;
		*ret_mark = (uint32_t)n;
		found = n != 0;
	}
	return found;
}

int limits_raw(struct limits_job *j, const struct spec_cgroup_raw *raw)
{
	enum cg_controller c = CG_MEMORY;
	const struct raw_row *row;
	enum limits_where w;
	char part[32];

	/* files of the node itself: the v2 node is there on every host */
	if (raw->v2 && strncmp(raw->file, "cgroup.", 7) == 0)
		return limits_emit(j, CG_FREEZER, true, raw->file, raw->value);
	if (!find_controller(raw->file, &c))
		return err_set(j->e, ERR_UNSUPPORTED, EOPNOTSUPP, "'%s' belongs to no cgroup controller that is known here", raw->file);
	w = limits_where(j->f, c);
	if (w == LIMITS_NOWHERE && !raw->v2 && strcmp(raw->file, CLASSID) == 0) /* a mark instead, which is not written to a file: build_class() */
		return j->f->user_mode ? limits_nowhere(j, c, raw->file) : 0;
	row = find(raw, part);
	if (is_dead(raw) && row)
		return across(j, raw, c, row, part);
	if (w == (raw->v2 ? LIMITS_V2 : LIMITS_V1))
		return limits_emit(j, c, raw->v2, raw->file, raw->value);
	if (row && (w != LIMITS_NOWHERE || row->how == SKIPPED || c == CG_NET_CLS))
		return across(j, raw, c, row, part);
	if (w == LIMITS_NOWHERE)
		return limits_nowhere(j, c, raw->file);
	return err_set(j->e, ERR_UNSUPPORTED, EOPNOTSUPP, "'%s' is a cgroup %s file with no equivalent, and this host has that controller on %s", raw->file,
		       raw->v2 ? "v2" : "v1", raw->v2 ? "v1" : "v2");
}
