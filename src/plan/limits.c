/* limits.c - the table of limits and their v1 and v2 files. */
#include "plan/limits-impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum limits_where limits_where(const struct facts *f, enum cg_controller c)
{
	if ((f->v2_controllers >> c) & 1)
		return LIMITS_V2;
	return f->v1_mount[c][0] ? LIMITS_V1 : LIMITS_NOWHERE;
}

int limits_emit(struct limits_job *j, enum cg_controller c, bool v2, const char *file, const char *value)
{
	struct limit_write *w;

	if (j->count >= LIMITS_MAX)
		return err_set(j->e, ERR_INPUT, E2BIG, "more than %d limits", LIMITS_MAX);
	w = &j->writes[j->count++];
	w->controller = c;
	w->v2 = v2;
	w->where = j->where;
	if ((size_t)snprintf(w->file, sizeof(w->file), "%s", file) >= sizeof(w->file))
		return err_set(j->e, ERR_INPUT, E2BIG, "the name of cgroup file '%s' is too long", file); /* cut, it would be another file */
	if ((size_t)snprintf(w->value, sizeof(w->value), "%s", value) >= sizeof(w->value))
		return err_set(j->e, ERR_INPUT, E2BIG, "the value of %s is too long", file);
	j->need |= 1u << c;
	return 0;
}

static void number(uint64_t v, const char *unlimited, char out[32])
{
	if (v == SPEC_MAX)
		(void)snprintf(out, 32, "%s", unlimited);
	else
		(void)snprintf(out, 32, "%llu", (unsigned long long)v);
}

/* Whoever has no root cannot give himself a controller: told, and the container starts. The limit of processes that everybody has was not asked for. */
int limits_nowhere(struct limits_job *j, enum cg_controller c, const char *what)
{
	if (!j->f->user_mode)
		return err_set(j->e, ERR_UNSUPPORTED, EOPNOTSUPP, "the %s limit cannot be held: no cgroup controller for it is available", what);
	if (c != CG_PIDS)
		buf_printf(j->notes, "the %s limit has no effect: its controller has not been given to you\n", what);
	return 0;
}

/* One number that has a file in each language (NULL: that language has none). */
static int put(struct limits_job *j, enum cg_controller c, const char *what, uint64_t value, const char *v1_file, const char *v1_unlimited, const char *v2_file)
{
	enum limits_where w = limits_where(j->f, c);
	const char *file = w == LIMITS_V2 ? v2_file : v1_file;
	char text[32];

	if (value == SPEC_UNSET)
		return 0;
	if (w == LIMITS_NOWHERE)
		return limits_nowhere(j, c, what);
	if (!file) {
		buf_printf(j->notes, "%s: this kind of cgroup has no such limit\n", what);
		return 0;
	}
	number(value, w == LIMITS_V2 ? "max" : v1_unlimited, text);
	return limits_emit(j, c, w == LIMITS_V2, file, text);
}

static int put_swap(struct limits_job *j, const struct spec_limits *l)
{
	uint64_t both;
	char text[32];

	if (l->swap_max == SPEC_UNSET)
		return 0;
	if (limits_where(j->f, CG_MEMORY) != LIMITS_V1)
		return put(j, CG_MEMORY, "swap", l->swap_max, NULL, NULL, "memory.swap.max");
	if (l->memory_max == SPEC_UNSET || l->memory_max == SPEC_MAX) {
		buf_puts(j->notes, "swap: cgroup v1 limits memory and swap together, which needs a memory limit too\n");
		return 0;
	}
	if (!j->f->memsw) {
		buf_puts(j->notes, "swap: this kernel does not account for swap (swapaccount=1)\n");
		return 0;
	}
	if (l->swap_max == SPEC_MAX || __builtin_add_overflow(l->memory_max, l->swap_max, &both) || both > INT64_MAX)
		both = SPEC_MAX;
	number(both, "-1", text);
	return limits_emit(j, CG_MEMORY, false, "memory.memsw.limit_in_bytes", text); /* after the memory limit: never below it */
}

static int put_cpu(struct limits_job *j, const struct spec_limits *l)
{
	uint64_t period = l->cpu_period_us == SPEC_UNSET ? 100000 : l->cpu_period_us;
	enum limits_where w = limits_where(j->f, CG_CPU);
	char text[64];
	int r = 0;

	if (w == LIMITS_V1 && l->cpu_shares != SPEC_UNSET) /* as the user said it, without going through the other scale */
		r = put(j, CG_CPU, "cpu weight", l->cpu_shares, "cpu.shares", NULL, NULL);
	else if (w == LIMITS_V1 && l->cpu_weight != SPEC_UNSET)
		r = put(j, CG_CPU, "cpu weight", 2 + (l->cpu_weight - 1) * 262142 / 9999, "cpu.shares", NULL, NULL);
	else
		r = put(j, CG_CPU, "cpu weight", l->cpu_weight, NULL, NULL, "cpu.weight");
	if (r < 0 || (l->cpu_quota_us == SPEC_UNSET && l->cpu_period_us == SPEC_UNSET))
		return r;
	if (w == LIMITS_V2) {
		if (l->cpu_quota_us >= SPEC_MAX)
			(void)snprintf(text, sizeof(text), "max %llu", (unsigned long long)period);
		else
			(void)snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)l->cpu_quota_us, (unsigned long long)period);
		return limits_emit(j, CG_CPU, true, "cpu.max", text);
	}
	if (w == LIMITS_NOWHERE && j->f->user_mode)
		return limits_nowhere(j, CG_CPU, "cpu");
	r = put(j, CG_CPU, "cpu period", period, "cpu.cfs_period_us", NULL, NULL);
	return r < 0 ? r : put(j, CG_CPU, "cpu", l->cpu_quota_us, "cpu.cfs_quota_us", "-1", NULL);
}

/* v1 counts 10..1000, v2 1..10000. */
static int put_io(struct limits_job *j, const struct spec_limits *l)
{
	uint64_t v1 = l->blkio_weight;

	if (v1 == SPEC_UNSET && l->io_weight != SPEC_UNSET)
		v1 = 10 + (l->io_weight - 1) * 990 / 9999;
	if (limits_where(j->f, CG_IO) == LIMITS_V1)
		return put(j, CG_IO, "io weight", v1, "blkio.weight", NULL, NULL);
	return put(j, CG_IO, "io weight", l->io_weight, NULL, NULL, "io.weight");
}

static int put_cpuset(struct limits_job *j, const char *file, const char *value)
{
	enum limits_where w = limits_where(j->f, CG_CPUSET);

	if (!value || !value[0])
		return 0;
	if (w == LIMITS_NOWHERE && j->f->user_mode)
		return limits_nowhere(j, CG_CPUSET, file);
	if (w == LIMITS_NOWHERE)
		return err_set(j->e, ERR_UNSUPPORTED, EOPNOTSUPP, "%s cannot be held: no cpuset controller is available", file);
	return limits_emit(j, CG_CPUSET, w == LIMITS_V2, file, value);
}

const char *limits_said_at(const struct spec *s, const struct limit_write *w)
{
	static const struct {
		const char *v1, *v2, *ours;
	} fields[] = {
	    {"memory.limit_in_bytes", "memory.max", "memory"}, {"memory.memsw.limit_in_bytes", "memory.swap.max", "swap"}, {NULL, "memory.high", "memory.high"},
	    {"memory.soft_limit_in_bytes", "memory.low", NULL}, {"cpu.shares", "cpu.weight", "cpu.weight"},		   {"cpu.cfs_quota_us", "cpu.max", "cpus"},
	    {"cpu.cfs_period_us", "cpu.max", "cpus"},	       {"cpuset.cpus", "cpuset.cpus", "cpuset"},		   {"cpuset.mems", "cpuset.mems", NULL},
	    {"pids.max", "pids.max", "pids"},		       {"blkio.weight", "io.weight", "io.weight"},
	};
	static const char *const families[] = {"lxc.cgroup", "lxc.cgroup2", "coppice"};
	char key[128];

	if (w->where)
		return w->where;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *names[] = {fields[i].v1, fields[i].v2, fields[i].ours}, *file = names[w->v2];

		for (size_t k = 0; file && strcmp(file, w->file) == 0 && k < ARRAY_LEN(names); k++) {
			const char *where;

			(void)snprintf(key, sizeof(key), "%s.%s", families[k], names[k] ?: "");
			where = names[k] ? spec_where(s, key) : NULL;
			if (where)
				return where;
		}
	}
	return NULL;
}

/* The limit of processes that every container has is not missed: it was not asked for. */
static bool says_limits(const struct spec_limits *l)
{
	const uint64_t said[] = {l->memory_max, l->memory_high, l->memory_low, l->swap_max,	 l->cpu_quota_us,
				 l->cpu_weight, l->cpu_shares,	l->io_weight,  l->blkio_weight};

	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		if (said[i] != SPEC_UNSET)
			return true;
	return l->cpuset_cpus || l->cpuset_mems || l->raw_count;
}

int limits_translate(const struct facts *f, const struct spec_limits *l, struct limit_write *writes, size_t *ret_count, uint32_t *ret_need, struct buf *notes,
		     struct err *e)
{
	struct limits_job j = {.f = f, .writes = writes, .notes = notes, .e = e};
	int r;

	if (f->user_mode && f->cgroup == CG_NONE) {
		if (says_limits(l))
			buf_puts(notes, "limits have no effect: no control group has been given to you (they are on a host whose systemd runs for you, in: systemd-run --user --scope)\n");
		*ret_count = 0;
		*ret_need = 0;
		return 0;
	}
	r = put(&j, CG_MEMORY, "memory", l->memory_max, "memory.limit_in_bytes", "-1", "memory.max");

	if (r == 0)
		r = put_swap(&j, l);
	if (r == 0)
		r = put(&j, CG_MEMORY, "memory high", l->memory_high, NULL, NULL, "memory.high");
	if (r == 0)
		r = put(&j, CG_MEMORY, "memory low", l->memory_low, "memory.soft_limit_in_bytes", "-1", "memory.low");
	if (r == 0)
		r = put_cpu(&j, l);
	if (r == 0)
		r = put_cpuset(&j, "cpuset.cpus", l->cpuset_cpus);
	if (r == 0)
		r = put_cpuset(&j, "cpuset.mems", l->cpuset_mems);
	if (r == 0 && !f->user_mode && l->pids_default && limits_where(f, CG_PIDS) == LIMITS_NOWHERE)
		buf_puts(notes, "the number of processes is not limited: there is no pids controller to hold it\n");
	else if (r == 0)
		r = put(&j, CG_PIDS, "pids", l->pids_max, "pids.max", "max", "pids.max");
	if (r == 0)
		r = put_io(&j, l);
	for (size_t i = 0; r == 0 && i < l->raw_count; i++) {
		j.where = l->raw[i].where;
		r = limits_raw(&j, &l->raw[i]);
		if (r < 0 && j.where)
			(void)err_wrap(e, "%s", j.where);
	}
	if (r < 0)
		return r;
	*ret_count = j.count;
	/* memory is accounted for even without a limit: it is the figure people look for */
	*ret_need = j.need | (limits_where(f, CG_MEMORY) == LIMITS_NOWHERE ? 0 : 1u << CG_MEMORY);
	return 0;
}
