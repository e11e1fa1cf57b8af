/* cgroup-devices.c - one list of device rules, by BPF program or by the v1 controller.
 *
 * The program says exactly what the list says. The v1 controller knows one default and a set of exceptions from it, so the list is
 * first reduced to that form; a list that has no such form is refused rather than approximated. */
#include "linux/cgroup-internal.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "linux/bpf-devices.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCESS_ALL 7u
#define OFFLINE_MS 500
#define OFFLINE_TICK_MS 2

static int set_by_program(const struct cgroup *cg, const struct cg_device *rules, size_t count)
{
	return cg->v2 < 0 ? -ENOENT : bpf_devices_attach(cg->v2, rules, count);
}

/* ---- v1 ---- */

static bool covers_number(int64_t a, int64_t b)
{
	return a < 0 || a == b;
}

static bool covers(const struct cg_device *a, const struct cg_device *b)
{
	return a->type == b->type && covers_number(a->major, b->major) && covers_number(a->minor, b->minor);
}

static bool meets(const struct cg_device *a, const struct cg_device *b)
{
	return a->type == b->type && (covers_number(a->major, b->major) || covers_number(b->major, a->major)) &&
	       (covers_number(a->minor, b->minor) || covers_number(b->minor, a->minor));
}

/* Applies one rule for type b or c to the default and its exceptions. */
static int reduce_rule(const struct cg_device *rule, struct cg_device_set *set)
{
	if (rule->allow != set->allow) {
		for (size_t i = 0; i < set->count; i++) {
			struct cg_device *e = &set->exceptions[i];

			if (covers(e, rule) && covers(rule, e)) {
				e->access |= rule->access;
				return 0;
			}
		}
		set->exceptions[set->count++] = *rule;
		return 0;
	}
	for (size_t i = 0; i < set->count; i++) {
		struct cg_device *e = &set->exceptions[i];

		if (!(e->access & rule->access) || !meets(rule, e))
			continue;
		if (!covers(rule, e))
			return -EOPNOTSUPP;
		e->access &= (uint8_t)~rule->access;
	}
	return 0;
}

int cg_devices_reduce(const struct cg_device *rules, size_t count, struct cg_device_set *set)
{
	size_t kept = 0;

	set->allow = true;
	set->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct cg_device rule = rules[i];
		int r = 0;

		rule.access &= ACCESS_ALL;
		if (rule.type == 'a' && rule.access == ACCESS_ALL && rule.major < 0 && rule.minor < 0) {
			set->allow = rule.allow;
			set->count = 0;
			continue;
		}
		for (const char *type = rule.type == 'a' ? "bc" : "x"; *type && rule.access && r == 0; type++) {
			struct cg_device one = rule;

			if (rule.type == 'a')
				one.type = *type;
			r = one.type == 'b' || one.type == 'c' ? reduce_rule(&one, set) : -EINVAL;
		}
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < set->count; i++)
		if (set->exceptions[i].access)
			set->exceptions[kept++] = set->exceptions[i];
	set->count = kept;
	return 0;
}

static void put_number(int64_t n, char out[16])
{
	if (n < 0)
		(void)snprintf(out, 16, "*");
	else
		(void)snprintf(out, 16, "%u", (unsigned)n);
}

static int write_exception(int node, bool allow, const struct cg_device *d)
{
	char major[16], minor[16], text[64];

	put_number(d->major, major);
	put_number(d->minor, minor);
	(void)snprintf(text, sizeof(text), "%c %s:%s %s%s%s", d->type, major, minor, d->access & 1 ? "r" : "", d->access & 2 ? "w" : "",
		       d->access & 4 ? "m" : "");
	return fd_write_file(node, allow ? "devices.allow" : "devices.deny", text);
}

static bool same_hierarchy(int a, int b)
{
	struct stat sa, sb;

	return a >= 0 && b >= 0 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev;
}

/* Makes the payload and puts its descriptor in place of what the handle has for this hierarchy, under the same numbers. */
static int make_payload(const struct cgroup *cg)
{
	int node = cg->v1[CG_DEVICES];
	autoclose int payload = FD_NONE;

	if (mkdirat(node, cg->payload, 0755) < 0 && errno != EEXIST)
		return -errno;
	payload = path_open_beneath(node, cg->payload, O_PATH | O_DIRECTORY, 0);
	if (payload < 0)
		return payload;
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (same_hierarchy(cg->v1_payload[c], payload) && dup3(payload, cg->v1_payload[c], O_CLOEXEC) < 0)
			return -errno;
	return 0;
}

/* The default can be set only while the node has no children, and a removed child counts until the kernel has taken it offline. So the
 * payload is made after the rules, and inherits them; only who changes his mind before the start has to wait. */
static int set_fresh_v1(const struct cgroup *cg, const struct cg_device_set *set)
{
	uint64_t deadline = clock_deadline(OFFLINE_MS);
	int node = cg->v1[CG_DEVICES], r;

	if (unlinkat(node, cg->payload, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	while ((r = fd_write_file(node, set->allow ? "devices.allow" : "devices.deny", "a")) == -EINVAL && clock_left_ms(deadline) > 0)
		(void)poll(NULL, 0, OFFLINE_TICK_MS);
	for (size_t i = 0; i < set->count && r == 0; i++)
		r = write_exception(node, !set->allow, &set->exceptions[i]);
	return r < 0 ? r : make_payload(cg);
}

/* One line of devices.list: "c 1:3 rwm", "b *:* m". */
static bool parse_list_line(const char *line, size_t len, struct cg_device *ret)
{
	char text[64], *colon, *space;
	uint32_t n;

	if (len < 5 || len >= sizeof(text) || line[1] != ' ' || (line[0] != 'b' && line[0] != 'c'))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	colon = strchr(text, ':');
	space = strchr(text + 2, ' ');
	if (!colon || !space || space < colon)
		return false;
	*colon = *space = '\0';
	*ret = (struct cg_device){.type = line[0], .major = -1, .minor = -1};
	if (strcmp(text + 2, "*") != 0) {
		if (parse_u32(text + 2, &n) < 0)
			return false;
		ret->major = n;
	}
	if (strcmp(colon + 1, "*") != 0) {
		if (parse_u32(colon + 1, &n) < 0)
			return false;
		ret->minor = n;
	}
	for (const char *p = space + 1; *p; p++)
		ret->access |= *p == 'r' ? 1 : *p == 'w' ? 2 : *p == 'm' ? 4 : 0;
	return true;
}

/* What the set allows of exactly @d's device pattern. */
static uint8_t allowed_by(const struct cg_device_set *set, const struct cg_device *d)
{
	for (size_t i = 0; i < set->count; i++)
		if (covers(&set->exceptions[i], d) && covers(d, &set->exceptions[i]))
			return set->exceptions[i].access;
	return 0;
}

/* With the payload in place the default stays "deny", and exceptions are exchanged one by one, new ones first. A child never holds
 * more than its parent: allow goes top-down, and deny at the top, which the kernel passes on. -EBUSY: the default would change. */
static int set_live_v1(const struct cgroup *cg, const struct cg_device_set *set)
{
	int node = cg->v1[CG_DEVICES], payload = cg->v1_payload[CG_DEVICES], r = 0;
	autodone(buf_done) struct buf list = BUF_INIT;
	autoclose int fd = fd_open(node, "devices.list", O_RDONLY, 0);

	if (fd < 0)
		return fd;
	r = fd_read_all(fd, &list, 1u << 20);
	if (r < 0)
		return r;
	if (set->allow || strncmp(buf_str(&list), "a ", 2) == 0)
		return -EBUSY;
	for (size_t i = 0; i < set->count && r == 0; i++) {
		r = write_exception(node, true, &set->exceptions[i]);
		if (r == 0 && payload >= 0)
			r = write_exception(payload, true, &set->exceptions[i]);
	}
	for (const char *line = buf_str(&list); *line && r == 0;) {
		size_t len = strcspn(line, "\n");
		struct cg_device old;

		if (parse_list_line(line, len, &old)) {
			old.access &= (uint8_t)~allowed_by(set, &old);
			if (old.access)
				r = write_exception(node, false, &old);
		}
		line += len + (line[len] == '\n');
	}
	return r;
}

static int set_by_v1(const struct cgroup *cg, const struct cg_device *rules, size_t count)
{
	autofree struct cg_device *exceptions = NULL;
	struct cg_device_set set;
	int r;

	if (cg->v1[CG_DEVICES] < 0)
		return -ENOENT;
	exceptions = calloc(2 * count + 1, sizeof(*exceptions)); /* one of type a may become two */
	if (!exceptions)
		return -ENOMEM;
	set.exceptions = exceptions;
	r = cg_devices_reduce(rules, count, &set);
	if (r < 0)
		return r;
	r = faccessat(cg->v1[CG_DEVICES], cg->payload, F_OK, 0) == 0 ? set_live_v1(cg, &set) : -EBUSY;
	return r == -EBUSY ? set_fresh_v1(cg, &set) : r;
}

static int set_never(const struct cgroup *cg, const struct cg_device *rules, size_t count)
{
	(void)cg;
	(void)rules;
	return count ? -EOPNOTSUPP : 0;
}

int cgroup_set_devices(const struct facts *f, const struct cgroup *cg, const struct cg_device *rules, size_t count)
{
	static int (*const by_home[])(const struct cgroup *, const struct cg_device *, size_t) = {
		[CG_HOME_NONE] = set_never,
		[CG_HOME_V1] = set_by_v1,
		[CG_HOME_V2] = set_by_program,
	};

	if (count > BPF_DEVICES_MAX)
		return -E2BIG;
	return by_home[cg_home(f, CG_DEVICES)](cg, rules, count);
}

/* A child never holds more than its parent: allow goes top-down, deny is passed on by the kernel. */
static int add_v1(const struct cgroup *cg, const struct cg_device *rule)
{
	int node = cg->v1[CG_DEVICES], payload = cg->v1_payload[CG_DEVICES], r = 0;

	if (node < 0)
		return -ENOENT;
	for (const char *type = rule->type == 'a' ? "bc" : "x"; *type && r == 0; type++) {
		struct cg_device one = *rule;

		if (rule->type == 'a')
			one.type = *type;
		r = write_exception(node, rule->allow, &one);
		if (r == 0 && rule->allow && payload >= 0)
			r = write_exception(payload, true, &one);
	}
	return r;
}

int cgroup_add_device(const struct facts *f, const struct cgroup *cg, const struct cg_device *rules, size_t count)
{
	if (count == 0)
		return -EINVAL;
	return cg_home(f, CG_DEVICES) == CG_HOME_V1 ? add_v1(cg, &rules[count - 1]) : cgroup_set_devices(f, cg, rules, count);
}
