/* cgroup-file.c - one file of a running container's control groups, by its v1 or its v2 name, whichever generation this host has.
 *
 * A name that the host has is read and written as it is. Another is put into the language of the other generation: for reading by the table here, for writing by the key table
 * and the planner, as a start with that line in its config would do. */
#include "engine/device.h"
#include "engine/inside.h"
#include "engine/network.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "plan/limits.h"
#include "spec/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V1_NO_LIMIT UINT64_C(9223372036854771712)
#define VALUE_MAX 65536

struct file {
	struct coppice *c;
	struct live live;
	struct cgroup cg;
	const char *name;
	enum cg_controller controller; /* CG_CONTROLLER_COUNT: of no controller, on v2 alone ("cgroup.procs") */
};

static enum cg_controller controller_of(const char *file)
{
	static const struct {
		const char *prefix;
		enum cg_controller c;
	} prefixes[] = {{"memory.", CG_MEMORY},	  {"cpu.", CG_CPU},	  {"cpuacct.", CG_CPUACCT}, {"cpuset.", CG_CPUSET}, {"pids.", CG_PIDS},
			{"devices.", CG_DEVICES}, {"blkio.", CG_IO},	  {"io.", CG_IO},	    {"freezer.", CG_FREEZER}};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncmp(file, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
			return prefixes[i].c;
	return CG_CONTROLLER_COUNT;
}

static int open_file(struct coppice *c, const char *name, const char *file, struct file *f, struct err *e)
{
	int r = engine_running(c, name, &f->live, e);

	if (r < 0)
		return r;
	if (!file[0] || file[0] == '.' || strchr(file, '/') || strlen(file) > 100)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no name of a control group's file, such as memory.max", file);
	f->c = c;
	f->name = file;
	f->controller = controller_of(file);
	r = cgroup_open(&c->facts, f->live.record.group, &f->cg);
	return r < 0 ? err_sys(e, r, "open cgroup '%s'", f->live.record.group) : 0;
}

/* ---- reading ---- */

static int read_at(int dir, const char *file, struct buf *out)
{
	autoclose int fd = dir < 0 ? FD_NONE : fd_open(dir, file, O_RDONLY | O_NOFOLLOW, 0);

	if (dir < 0)
		return -ENOENT;
	return fd < 0 ? fd : fd_read_all(fd, out, VALUE_MAX);
}

/* What holds for it where it has no node of its own in that v1 hierarchy: the node its init is in. Figures of use are not inherited: those there are of more than it. */
static int read_inherited(const struct file *f, struct buf *out)
{
	const char *mount = f->controller < CG_CONTROLLER_COUNT ? f->c->facts.v1_mount[f->controller] : "", *word = strrchr(mount, '/');
	char path[48], text[4096], node[512], *line, *save = NULL;
	bool figure = f->controller == CG_CPUACCT || strstr(f->name, ".io_") || strstr(f->name, "usage") || strstr(f->name, ".stat");

	if (figure || !word || f->cg.v1[f->controller] >= 0)
		return -ENOENT;
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", f->live.record.init.pid);
	if (fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return -ENOENT;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':'), *at = names ? strchr(names + 1, ':') : NULL;
		autoclose int dir = FD_NONE;

		if (!at)
			continue;
		*at++ = '\0';
		if (strcmp(names + 1, word + 1) != 0)
			continue;
		(void)snprintf(node, sizeof(node), "%s%s", mount, at);
		dir = fd_open(AT_FDCWD, node, O_PATH | O_DIRECTORY, 0);
		return dir < 0 ? dir : read_at(dir, f->name, out);
	}
	return -ENOENT;
}

static int read_native(const struct file *f, struct buf *out)
{
	bool known = f->controller < CG_CONTROLLER_COUNT;
	int r = known ? read_at(f->cg.v1[f->controller], f->name, out) : -ENOENT;

	if (r == -ENOENT && strncmp(f->name, "cgroup.", 7) == 0 && strcmp(f->name, "cgroup.freeze") != 0)
		r = read_at(f->cg.v2_payload, f->name, out); /* where its processes are */
	return r == -ENOENT ? read_at(f->cg.v2, f->name, out) : r;
}

static int read_any(const struct file *f, struct buf *out)
{
	int r = read_native(f, out);

	return r == -ENOENT ? read_inherited(f, out) : r;
}

/* A number of the other generation: UINT64_MAX for none, UINT64_MAX - 1 for no limit. */
#define ABSENT UINT64_MAX
#define UNLIMITED (UINT64_MAX - 1)
static uint64_t number(const struct file *f, const char *name)
{
	struct file other = *f;
	autodone(buf_done) struct buf text = BUF_INIT;
	char word[64];
	uint64_t n;

	other.name = name;
	other.controller = controller_of(name);
	if (read_any(&other, &text) < 0)
		return ABSENT;
	(void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(buf_str(&text), " \n"), buf_str(&text));
	if (strcmp(word, "max") == 0 || strcmp(word, "-1") == 0)
		return UNLIMITED;
	return parse_u64(word, &n) < 0 ? ABSENT : n >= V1_NO_LIMIT ? UNLIMITED : n;
}

static uint64_t keyed(const struct file *f, const char *name, const char *key)
{
	struct file other = *f;
	autodone(buf_done) struct buf text = BUF_INIT;
	const char *at;
	char digits[24];
	uint64_t n;

	other.name = name;
	other.controller = controller_of(name);
	if (read_any(&other, &text) < 0)
		return ABSENT;
	at = strstr(buf_str(&text), key);
	if (!at)
		return ABSENT;
	at += strlen(key);
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)strspn(at, "0123456789"), at);
	return parse_u64(digits, &n) < 0 ? ABSENT : n;
}

static int put(struct buf *out, uint64_t n, const char *unlimited)
{
	if (n == ABSENT)
		return -ENOENT;
	if (n == UNLIMITED)
		buf_printf(out, "%s\n", unlimited);
	else
		buf_printf(out, "%" PRIu64 "\n", n);
	return 0;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a == ABSENT || b == ABSENT ? ABSENT : a == UNLIMITED || b == UNLIMITED ? UNLIMITED : a + b;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a == ABSENT || b == ABSENT ? ABSENT : a == UNLIMITED || b == UNLIMITED ? UNLIMITED : a > b ? a - b : 0;
}

/* Names that are the same number under another name. */
static const struct pair {
	const char *v1, *v2;
} pairs[] = {
	{"memory.limit_in_bytes", "memory.max"},    {"memory.usage_in_bytes", "memory.current"},
	{"memory.soft_limit_in_bytes", "memory.low"}, {"memory.max_usage_in_bytes", "memory.peak"},
};

static int read_pair(const struct file *f, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (strcmp(f->name, pairs[i].v1) == 0)
			return put(out, number(f, pairs[i].v2), "9223372036854771712");
		if (strcmp(f->name, pairs[i].v2) == 0)
			return put(out, number(f, pairs[i].v1), "max");
	}
	return -ENOENT;
}

static int read_memory(const struct file *f, struct buf *out)
{
	if (strcmp(f->name, "memory.memsw.limit_in_bytes") == 0)
		return put(out, sum(number(f, "memory.max"), number(f, "memory.swap.max")), "9223372036854771712");
	if (strcmp(f->name, "memory.memsw.usage_in_bytes") == 0)
		return put(out, sum(number(f, "memory.current"), number(f, "memory.swap.current")), "0");
	if (strcmp(f->name, "memory.kmem.usage_in_bytes") == 0)
		return put(out, keyed(f, "memory.stat", "\nkernel "), "0");
	if (strcmp(f->name, "memory.swap.max") == 0)
		return put(out, difference(number(f, "memory.memsw.limit_in_bytes"), number(f, "memory.limit_in_bytes")), "max");
	if (strcmp(f->name, "memory.swap.current") == 0)
		return put(out, difference(number(f, "memory.memsw.usage_in_bytes"), number(f, "memory.usage_in_bytes")), "0");
	return read_pair(f, out);
}

/* "max 100000" */
static int read_cpu_max(const struct file *f, struct buf *out)
{
	uint64_t quota = number(f, "cpu.cfs_quota_us"), period = number(f, "cpu.cfs_period_us");

	if (quota == ABSENT || period == ABSENT)
		return -ENOENT;
	if (quota == UNLIMITED)
		buf_printf(out, "max %" PRIu64 "\n", period);
	else
		buf_printf(out, "%" PRIu64 " %" PRIu64 "\n", quota, period);
	return 0;
}

static int read_cpu(const struct file *f, struct buf *out)
{
	uint64_t n;

	if (strcmp(f->name, "cpu.shares") == 0) {
		n = number(f, "cpu.weight");
		return put(out, n == ABSENT ? n : 2 + (n - 1) * 262142 / 9999, "");
	}
	if (strcmp(f->name, "cpu.weight") == 0) {
		n = number(f, "cpu.shares");
		return put(out, n == ABSENT ? n : n < 2 ? 1 : 1 + (n - 2) * 9999 / 262142, "");
	}
	if (strcmp(f->name, "cpu.cfs_quota_us") == 0)
		return put(out, number(f, "cpu.max"), "-1");
	if (strcmp(f->name, "cpu.cfs_period_us") == 0)
		return put(out, keyed(f, "cpu.max", " "), "");
	if (strcmp(f->name, "cpu.max") == 0)
		return read_cpu_max(f, out);
	n = strcmp(f->name, "cpuacct.usage") == 0 ? keyed(f, "cpu.stat", "usage_usec ") : ABSENT;
	return put(out, n == ABSENT ? n : n * 1000, "");
}

static int read_io(const struct file *f, struct buf *out)
{
	uint64_t n;

	if (strcmp(f->name, "blkio.weight") == 0) {
		n = keyed(f, "io.weight", "default ");
		return put(out, n == ABSENT ? n : 10 + (n - 1) * 990 / 9999, "");
	}
	if (strcmp(f->name, "io.weight") != 0)
		return -ENOENT;
	n = number(f, "blkio.weight");
	if (n == ABSENT)
		return -ENOENT;
	buf_printf(out, "default %" PRIu64 "\n", n < 10 ? 1 : 1 + (n - 10) * 9999 / 990);
	return 0;
}

static int read_other(const struct file *f, struct buf *out)
{
	if (strcmp(f->name, "freezer.state") == 0) {
		buf_puts(out, cgroup_is_frozen(&f->cg) == 1 ? "FROZEN\n" : "THAWED\n");
		return 0;
	}
	switch (f->controller) {
	case CG_MEMORY:
		return read_memory(f, out);
	case CG_CPU:
	case CG_CPUACCT:
		return read_cpu(f, out);
	case CG_IO:
		return read_io(f, out);
	default:
		return -ENOENT;
	}
}

static void put_rule(struct buf *out, const struct cg_device *d)
{
	char major[16] = "*", minor[16] = "*";

	if (d->major >= 0)
		(void)snprintf(major, sizeof(major), "%u", (unsigned)d->major);
	if (d->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%u", (unsigned)d->minor);
	buf_printf(out, "%c %s:%s %s%s%s\n", d->type, major, minor, d->access & 1 ? "r" : "", d->access & 2 ? "w" : "", d->access & 4 ? "m" : "");
}

/* Where a program holds the rules there is no such file: what they come to, as the v1 controller would show it. */
static int list_devices(const struct file *f, const char *name, struct buf *out)
{
	static const struct cg_device all = {.allow = true, .type = 'a', .major = -1, .minor = -1, .access = 7};
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct cg_device *rules = NULL;
	const struct step *st;
	struct plan plan = {0};
	size_t count = 0, first = 0;
	int r = engine_kept_plan(f->c, name, &plan);

	if (r < 0)
		return r;
	st = plan_find(&plan, STEP_DEVICES, 0);
	r = st ? apply_device_rules(st->text[0], &a, &rules, &count) : 0;
	plan_done(&plan);
	for (size_t i = 0; i < count; i++) /* everything before a rule for all is void */
		if (rules[i].type == 'a' && rules[i].major < 0 && rules[i].minor < 0 && rules[i].access == 7)
			first = i;
	if (r == 0 && (count == 0 || rules[first].allow))
		put_rule(out, &all);
	for (size_t i = first; r == 0 && i < count; i++) {
		bool taken_back = false;

		for (size_t k = i + 1; k < count; k++)
			taken_back |= rules[k].type == rules[i].type && rules[k].major == rules[i].major && rules[k].minor == rules[i].minor;
		if (rules[i].allow && rules[i].type != 'a' && !taken_back)
			put_rule(out, &rules[i]);
	}
	return r;
}

int coppice_cgroup_get(struct coppice *c, const char *name, const char *file, char **ret, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct file f = {.cg = CGROUP_NONE};
	int r = open_file(c, name, file, &f, e);

	if (r == 0) {
		r = strcmp(file, "devices.list") == 0 && f.cg.v1[CG_DEVICES] < 0 ? list_devices(&f, name, &text) : read_native(&f, &text);
		if (r == -ENOENT)
			r = read_other(&f, &text);
		if (r == -ENOENT)
			r = read_inherited(&f, &text);
		if (r == -ENOENT)
			r = err_set(e, ERR_MISSING, ENOENT, "its control groups have no file '%s', under this or another name", file);
		else if (r < 0)
			r = err_sys(e, r, "read '%s'", file);
	}
	cgroup_done(&f.cg);
	if (r == 0) {
		*ret = buf_take(&text);
		r = *ret ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	return r < 0 ? err_what(e, "cannot get '%s' of '%s'", file, name) : 0;
}

/* ---- writing ---- */

/* -ENOENT: no such file here. */
static int write_native(const struct file *f, const char *value)
{
	bool known = f->controller < CG_CONTROLLER_COUNT;
	int r = known ? cgroup_write(&f->cg, f->controller, false, f->name, value) : -ENOENT;

	if (r == -ENOENT)
		r = cgroup_write(&f->cg, known ? f->controller : CG_MEMORY, true, f->name, value);
	return r;
}

/* What a value is an amendment of: half of a pair that is one file in the other generation, or a number the other is counted from. */
static void fill_present(const struct file *f, struct spec_limits *l)
{
	uint64_t n;

	if (strncmp(f->name, "cpu.cfs_", 8) == 0) {
		n = number(f, "cpu.max");
		l->cpu_quota_us = n == ABSENT ? SPEC_UNSET : n == UNLIMITED ? SPEC_MAX : n;
		n = keyed(f, "cpu.max", " ");
		l->cpu_period_us = n == ABSENT ? SPEC_UNSET : n;
	}
	if (strcmp(f->name, "memory.swap.max") == 0) {
		n = number(f, "memory.limit_in_bytes");
		l->memory_max = n == ABSENT ? SPEC_UNSET : n == UNLIMITED ? SPEC_MAX : n;
	}
}

/* On v2 swap is limited alone: what is left of both when memory has its part. */
static int translate_memsw(const struct file *f, struct spec_limits *l, struct err *e)
{
	uint64_t memory = number(f, "memory.max");

	if (l->memsw_max == SPEC_UNSET)
		return 0;
	if (memory == ABSENT || (memory != UNLIMITED && l->memsw_max < memory))
		return err_set(e, ERR_INPUT, EINVAL, "memory and swap together cannot have less than memory alone");
	l->swap_max = l->memsw_max == SPEC_MAX || memory == UNLIMITED ? SPEC_MAX : l->memsw_max - memory;
	l->memsw_max = SPEC_UNSET;
	return 0;
}

static int write_limits(const struct file *f, const struct spec_limits *l, struct err *e)
{
	autofree struct limit_write *writes = calloc(LIMITS_MAX, sizeof(*writes));
	autodone(buf_done) struct buf notes = BUF_INIT;
	uint32_t need = 0;
	size_t count = 0;
	int r = writes ? limits_translate(&f->c->facts, l, writes, &count, &need, &notes, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");

	if (r == 0 && count == 0)
		return err_set(e, ERR_MISSING, ENOENT, "%.*s", notes.len ? (int)strcspn(buf_str(&notes), "\n") : INT_MAX,
			       notes.len ? buf_str(&notes) : "this host's control groups have nothing like it");
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = cgroup_write(&f->cg, writes[i].controller, writes[i].v2, writes[i].file, writes[i].value);
		if (r < 0)
			r = err_sys(e, r, "write '%s' to %s", writes[i].value, writes[i].file);
	}
	return r;
}

static int write_translated(const struct file *f, const char *value, struct err *e)
{
	bool on_v2 = f->controller < CG_CONTROLLER_COUNT && ((f->c->facts.v2_controllers >> f->controller) & 1);
	char key[160];
	struct spec s;
	int r;

	/* a name that is not this host's is the other generation's */
	(void)snprintf(key, sizeof(key), "lxc.%s.%s", on_v2 ? "cgroup" : "cgroup2", f->name);
	spec_init(&s);
	fill_present(f, &s.limits);
	r = key_apply(&s, NULL, key, value, e);
	if (r == 0 && s.limits.raw_count)
		r = err_set(e, ERR_MISSING, ENOENT, "its control groups have no file '%s', under this or another name", f->name);
	if (r == 0)
		r = translate_memsw(f, &s.limits, e);
	if (r == 0)
		r = write_limits(f, &s.limits, e);
	spec_done(&s);
	return r;
}

/* "c 10:229 rwm", or "a" for all. */
static int write_device(struct file *f, const char *name, const char *value, struct err *e)
{
	autoclose int lock = state_lock(&f->c->state, name, "device", clock_deadline(ENGINE_LOCK_MS), e);
	char rule[128];
	int r;

	if (lock < 0)
		return lock;
	(void)snprintf(rule, sizeof(rule), "%c%s", strcmp(f->name, "devices.allow") == 0 ? '+' : '-', strcmp(value, "a") == 0 ? "a *:* rwm" : value);
	r = engine_device_rule(f->c, name, &f->live, rule, e);
	return r < 0 ? r : 0;
}

static int set_freezer(struct coppice *c, const char *name, const char *value, struct err *e)
{
	bool frozen = strcmp(value, "FROZEN") == 0;
	int r;

	if (!frozen && strcmp(value, "THAWED") != 0)
		return err_set(e, ERR_INPUT, EINVAL, "freezer.state is FROZEN or THAWED");
	r = coppice_pause(c, name, frozen, false, e);
	return r < 0 ? r : 0;
}

static int set(struct file *f, const char *name, const char *value, struct err *e)
{
	int r;

	if (!*value) /* the kernel takes nothing for nothing to do */
		return err_set(e, ERR_INPUT, EINVAL, "the value is empty");
	if (strcmp(f->name, "freezer.state") == 0)
		return set_freezer(f->c, name, value, e);
	if (strcmp(f->name, "devices.allow") == 0 || strcmp(f->name, "devices.deny") == 0)
		return write_device(f, name, value, e);
	r = write_native(f, value);
	if (r == -ENOENT && f->controller < CG_CONTROLLER_COUNT && cgroup_extend(&f->c->facts, &f->cg, f->controller) == 0)
		r = write_native(f, value);
	if (r == -ENOENT)
		return write_translated(f, value, e);
	return r < 0 ? err_sys(e, r, "write '%s' to %s", value, f->name) : 0;
}

int coppice_cgroup_set(struct coppice *c, const char *name, const char *file, const char *value, struct err *e)
{
	struct file f = {.cg = CGROUP_NONE};
	int r = open_file(c, name, file, &f, e);

	if (r == 0)
		r = set(&f, name, value, e);
	cgroup_done(&f.cg);
	return r < 0 ? err_what(e, "cannot set '%s' of '%s'", file, name) : 0;
}
