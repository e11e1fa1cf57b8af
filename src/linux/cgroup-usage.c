/* cgroup-usage.c - what a container uses: one openat and one read per figure, by handle or, for listings, by path beneath the roots. */
#include "linux/cgroup-internal.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static uint64_t to_number(const char *text)
{
	uint64_t n;

	/* v1 shows "no limit" as the largest number of whole pages */
	return parse_u64(text, &n) == 0 && n < INT64_MAX - 65536 ? n : UINT64_MAX;
}

/* A file with one number; UINT64_MAX when missing, "max" or no number. */
static uint64_t number(int dir, const char *file)
{
	char text[64];

	return dir >= 0 && fd_read_file(dir, file, text, sizeof(text)) > 0 ? to_number(text) : UINT64_MAX;
}

static uint64_t keyed(int dir, const char *file, const char *key)
{
	char text[4096];

	return dir >= 0 && fd_read_file(dir, file, text, sizeof(text)) > 0 ? cg_flat_value(text, key) : UINT64_MAX;
}

static void memory_v1(int node, int payload, struct cg_usage *u)
{
	uint64_t both = number(node, "memory.memsw.usage_in_bytes"), mine = keyed(node, "memory.oom_control", "oom_kill"),
		 below = fd_same_file(node, payload) ? UINT64_MAX : keyed(payload, "memory.oom_control", "oom_kill");

	u->memory_current = number(node, "memory.usage_in_bytes");
	u->memory_peak = number(node, "memory.max_usage_in_bytes");
	u->memory_max = number(node, "memory.limit_in_bytes");
	if (both != UINT64_MAX && u->memory_current != UINT64_MAX)
		u->swap_current = both > u->memory_current ? both - u->memory_current : 0;
	if (mine != UINT64_MAX || below != UINT64_MAX) /* v1 counts a kill only in the node of its victim */
		u->oom_kills = (mine != UINT64_MAX ? mine : 0) + (below != UINT64_MAX ? below : 0);
}

static void memory_v2(int node, struct cg_usage *u)
{
	u->memory_current = number(node, "memory.current");
	u->memory_peak = number(node, "memory.peak"); /* 5.19 */
	u->memory_max = number(node, "memory.max");
	u->swap_current = number(node, "memory.swap.current");
	u->oom_kills = keyed(node, "memory.events", "oom_kill");
}

void cgroup_usage(const struct cgroup *cg, struct cg_usage *ret)
{
	struct cg_usage u;
	int pids = cg->v1[CG_PIDS] >= 0 ? cg->v1[CG_PIDS] : cg->v2;

	memset(&u, 0xff, sizeof(u)); /* UINT64_MAX everywhere */
	if (cg->v1[CG_MEMORY] >= 0)
		memory_v1(cg->v1[CG_MEMORY], cg->v1_payload[CG_MEMORY], &u);
	else
		memory_v2(cg->v2, &u);
	u.pids_current = number(pids, "pids.current");
	u.pids_max = number(pids, "pids.max");
	u.cpu_usec = keyed(cg->v2, "cpu.stat", "usage_usec");
	if (u.cpu_usec == UINT64_MAX && cg->v1[CG_CPUACCT] >= 0) {
		u.cpu_usec = number(cg->v1[CG_CPUACCT], "cpuacct.usage");
		if (u.cpu_usec != UINT64_MAX)
			u.cpu_usec /= 1000;
	}
	*ret = u;
}

/* ---- without a handle ---- */

/* Reads @group's @file (path beneath the parent) in hierarchy @p; the caller's own delegated place is tried when the parent has no such
 * node. */
static ssize_t peek(struct cg_roots *r, const struct cg_parent *p, const char *path, const char *file, char *out, size_t size)
{
	char name[CG_PATH_MAX + 64];
	size_t len = strlen(cg_from(path)), file_len = strlen(file);
	ssize_t n;

	if (p->dir < 0 || len + file_len + 2 > sizeof(name))
		return -ENOENT;
	memcpy(name, cg_from(path), len);
	name[len] = '/';
	memcpy(name + len + 1, file, file_len + 1);
	n = fd_read_file(path[0] == '/' ? p->mount : p->dir, name, out, size);
	for (size_t i = 1; n == -ENOENT; i++) {
		autoclose int base = cg_base(r, p, path, i);

		if (base < 0)
			return -ENOENT;
		n = fd_read_file(base, name, out, size);
	}
	return n;
}

int cgroup_peek(struct cg_roots *r, const char *group, struct cg_state *ret)
{
	char path[CG_PATH_MAX], text[128];
	ssize_t n;
	int e = cg_group_path(group, path, NULL);

	if (e < 0)
		return e;
	n = peek(r, &r->v2, path, "cgroup.events", text, sizeof(text));
	if (n < 0)
		return n == -ENODEV ? -ENOENT : (int)n;
	*ret = (struct cg_state){.populated = cg_flat_value(text, "populated") == 1, .frozen = cg_flat_value(text, "frozen") == 1};
	return 0;
}

static uint64_t peek_number(struct cg_roots *r, enum cg_controller c, const char *path, const char *v2, const char *v1)
{
	enum cg_home home = cg_home(r->facts, c);
	char text[64];

	if (home == CG_HOME_NONE)
		return UINT64_MAX;
	if (peek(r, home == CG_HOME_V2 ? &r->v2 : &r->v1[r->first[c]], path, home == CG_HOME_V2 ? v2 : v1, text, sizeof(text)) <= 0)
		return UINT64_MAX;
	return to_number(text);
}

void cgroup_peek_usage(struct cg_roots *r, const char *group, uint32_t want, struct cg_usage *ret)
{
	char path[CG_PATH_MAX], text[4096];

	memset(ret, 0xff, sizeof(*ret));
	if (cg_group_path(group, path, NULL) < 0)
		return;
	if (want & (1u << CG_MEMORY)) {
		ret->memory_current = peek_number(r, CG_MEMORY, path, "memory.current", "memory.usage_in_bytes");
		ret->memory_max = peek_number(r, CG_MEMORY, path, "memory.max", "memory.limit_in_bytes");
	}
	if (want & (1u << CG_PIDS))
		ret->pids_current = peek_number(r, CG_PIDS, path, "pids.current", "pids.current");
	if ((want & (1u << CG_CPU)) && peek(r, &r->v2, path, "cpu.stat", text, sizeof(text)) > 0)
		ret->cpu_usec = cg_flat_value(text, "usage_usec");
}

/* ---- a closer look ---- */

/* Adds up @key=N of all lines of io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0". */
static uint64_t io_v2(const char *text, const char *key)
{
	size_t len = strlen(key);
	uint64_t sum = 0, n;

	for (const char *at = strstr(text, key); at; at = strstr(at + len, key)) {
		char digits[24];
		size_t count = strspn(at + len, "0123456789");

		if (at == text || at[-1] != ' ' || count == 0 || count >= sizeof(digits))
			continue;
		memcpy(digits, at + len, count);
		digits[count] = '\0';
		if (parse_u64(digits, &n) == 0)
			sum += n;
	}
	return sum;
}

/* Adds up the lines "8:0 WORD N" of a blkio file; "Total" has a line of its own at the end, without a device. */
static uint64_t io_v1(const char *text, const char *word)
{
	size_t len = strlen(word);
	uint64_t sum = 0, n;

	for (const char *at = strstr(text, word); at; at = strstr(at + len, word)) {
		char digits[24];
		size_t count = at[len] == ' ' ? strspn(at + len + 1, "0123456789") : 0;

		if (count == 0 || count >= sizeof(digits) || (strcmp(word, "Total") == 0 && at != text && at[-1] != '\n'))
			continue;
		memcpy(digits, at + len + 1, count);
		digits[count] = '\0';
		if (parse_u64(digits, &n) == 0)
			sum += n;
	}
	return sum;
}

static bool peek_v1_io(struct cg_roots *r, const char *path, const char *file, char *out, size_t size)
{
	const struct cg_parent *p = &r->v1[r->first[CG_IO]];
	char recursive[64];

	(void)snprintf(recursive, sizeof(recursive), "%s_recursive", file);
	return peek(r, p, path, recursive, out, size) > 0 || peek(r, p, path, file, out, size) > 0;
}

static void io_detail(struct cg_roots *r, const char *path, struct cg_detail *ret)
{
	enum cg_home home = cg_home(r->facts, CG_IO);
	char text[8192];

	if (home == CG_HOME_V2 && peek(r, &r->v2, path, "io.stat", text, sizeof(text)) >= 0) {
		ret->io_read = io_v2(text, "rbytes=");
		ret->io_write = io_v2(text, "wbytes=");
		ret->io_ops = io_v2(text, "rios=") + io_v2(text, "wios=");
	}
	if (home != CG_HOME_V1)
		return;
	if (peek_v1_io(r, path, "blkio.throttle.io_service_bytes", text, sizeof(text))) {
		ret->io_read = io_v1(text, "Read");
		ret->io_write = io_v1(text, "Write");
	}
	if (peek_v1_io(r, path, "blkio.throttle.io_serviced", text, sizeof(text)))
		ret->io_ops = io_v1(text, "Total");
}

/* Swap and kernel memory: a number of its own on one kind of host, a line of memory.stat on the other. */
static void memory_detail(struct cg_roots *r, const char *path, unsigned want, struct cg_detail *ret)
{
	bool v1 = cg_home(r->facts, CG_MEMORY) == CG_HOME_V1;
	uint64_t *number = v1 ? &ret->kernel : &ret->swap, *line = v1 ? &ret->swap : &ret->kernel;
	char text[8192];

	if (want & (v1 ? CG_DETAIL_KERNEL : CG_DETAIL_SWAP))
		*number = peek_number(r, CG_MEMORY, path, "memory.swap.current", "memory.kmem.usage_in_bytes");
	if (want & (v1 ? CG_DETAIL_SWAP : CG_DETAIL_KERNEL) &&
	    peek(r, v1 ? &r->v1[r->first[CG_MEMORY]] : &r->v2, path, "memory.stat", text, sizeof(text)) > 0)
		*line = cg_flat_value(text, v1 ? "total_swap" : "kernel"); /* "kernel": Linux 5.18 */
}

void cgroup_peek_detail(struct cg_roots *r, const char *group, unsigned want, struct cg_detail *ret)
{
	char path[CG_PATH_MAX], text[8192];

	memset(ret, 0xff, sizeof(*ret));
	if (cg_group_path(group, path, NULL) < 0)
		return;
	if (want & (CG_DETAIL_SWAP | CG_DETAIL_KERNEL))
		memory_detail(r, path, want, ret);
	if (want & CG_DETAIL_CPU && peek(r, &r->v2, path, "cpu.stat", text, sizeof(text)) > 0) {
		ret->cpu_user_usec = cg_flat_value(text, "user_usec");
		ret->cpu_system_usec = cg_flat_value(text, "system_usec");
	}
	if (want & CG_DETAIL_IO)
		io_detail(r, path, ret);
}
