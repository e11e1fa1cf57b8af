/* keys-security.c - setters for ids, capabilities, process limits, kernel parameters and clocks. */
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* user_namespaces(7): lines of a map. */
#define IDMAP_MAX 340

SETTER(set_privileged)
{
	(void)key;
	return value_bool(value, false, &s->privileged, e);
}

SETTER(set_nesting)
{
	(void)key;
	return value_bool(value, false, &s->nesting, e);
}

SETTER(set_no_new_privs)
{
	(void)key;
	return value_bool(value, false, &s->no_new_privs, e);
}

/* ---- ids ---- */

static int parse_id(const char **at, uint32_t *ret, struct err *e)
{
	char text[24];
	size_t len;
	const char *word = value_word(at, &len);
	int r;

	if (!word)
		return err_set(e, ERR_INPUT, EINVAL, "a number is missing");
	r = value_copy(word, len, text, sizeof(text)) ? parse_u32(text, ret) : -EINVAL;
	return r < 0 ? value_bad(e, r, "a number") : 0;
}

static bool overlap(uint32_t a, uint32_t b, uint32_t count_a, uint32_t count_b)
{
	return (uint64_t)a < (uint64_t)b + count_b && (uint64_t)b < (uint64_t)a + count_a;
}

static int check_idmap(const struct spec *s, const struct spec_idmap *m, struct err *e)
{
	size_t uids = m->uid, gids = m->gid;

	if (m->count == 0)
		return err_set(e, ERR_INPUT, EINVAL, "a range of no ids");
	/* The last id, 4294967295, means "no id" to the kernel. */
	if ((uint64_t)m->inside + m->count > UINT32_MAX || (uint64_t)m->host + m->count > UINT32_MAX)
		return err_set(e, ERR_INPUT, ERANGE, "the range goes beyond id 4294967294");
	for (size_t i = 0; i < s->idmap_count; i++) {
		const struct spec_idmap *o = &s->idmaps[i];

		uids += o->uid;
		gids += o->gid;
		if (!(o->uid && m->uid) && !(o->gid && m->gid))
			continue;
		if (overlap(m->inside, o->inside, m->count, o->count))
			return err_set(e, ERR_INPUT, EEXIST, "the ids inside overlap those of '%s %u %u %u'",
				       o->uid ? o->gid ? "b" : "u" : "g", o->inside, o->host, o->count);
		if (overlap(m->host, o->host, m->count, o->count))
			return err_set(e, ERR_INPUT, EEXIST, "the ids on the host overlap those of '%s %u %u %u'",
				       o->uid ? o->gid ? "b" : "u" : "g", o->inside, o->host, o->count);
	}
	if (uids > IDMAP_MAX || gids > IDMAP_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d ranges", IDMAP_MAX);
	return 0;
}

SETTER(set_idmap)
{
	struct spec_idmap m = {.where = s->where}, *slot;
	const char *word;
	size_t len;
	int r;

	(void)key;
	if (!*value) {
		s->idmaps = NULL;
		s->idmap_count = 0;
		return 0;
	}
	word = value_word(&value, &len);
	if (!word || len != 1 || !strchr("ugb", *word))
		return err_set(e, ERR_INPUT, EINVAL, "does not begin with u, g or b");
	m.uid = *word != 'g';
	m.gid = *word != 'u';
	r = parse_id(&value, &m.inside, e);
	if (r == 0)
		r = parse_id(&value, &m.host, e);
	if (r == 0)
		r = parse_id(&value, &m.count, e);
	if (r < 0)
		return r;
	if (value_word(&value, &len))
		return err_set(e, ERR_INPUT, EINVAL, "more than four words");
	r = check_idmap(s, &m, e);
	if (r < 0)
		return r;
	slot = arena_push(&s->arena, &s->idmaps, &s->idmap_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = m;
	return 0;
}

/* ---- capabilities ---- */

/* capabilities(7), by number. */
/* clang-format off */
static const char *const cap_names[SPEC_CAP_COUNT] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
	"net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace",
	"sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write",
	"audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
	"checkpoint_restore",
};
/* clang-format on */

const char *spec_cap_name(unsigned cap)
{
	return cap < ARRAY_LEN(cap_names) ? cap_names[cap] : NULL;
}

static int parse_cap(const char *word, unsigned *ret, struct err *e)
{
	const char *name = strncasecmp(word, "cap_", 4) == 0 ? word + 4 : word;
	uint64_t n = 0;
	int r;

	if (*word >= '0' && *word <= '9') {
		r = parse_u64(word, &n);
		if (r < 0 || n > 63)
			return value_bad(e, r < 0 ? r : -ERANGE, "a capability");
		*ret = (unsigned)n;
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_LEN(cap_names); i++) {
		if (strcasecmp(name, cap_names[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return value_unknown(e, "capability", name, cap_names, ARRAY_LEN(cap_names));
}

/* Adds the capabilities of @value to @set; "none" empties it first. */
static int parse_caps(const char *value, uint64_t *set, struct err *e)
{
	uint64_t caps = *set;
	const char *word;
	char name[32];
	size_t len;
	unsigned cap = 0;
	int r;

	while ((word = value_word(&value, &len))) {
		if (value_is(word, len, "none")) {
			caps = 0;
			continue;
		}
		if (!value_copy(word, len, name, sizeof(name)))
			return value_bad(e, -EINVAL, "a list of capabilities");
		r = parse_cap(name, &cap, e);
		if (r < 0)
			return r;
		caps |= UINT64_C(1) << cap;
	}
	*set = caps;
	return 0;
}

SETTER(set_cap_drop)
{
	(void)key;
	if (!*value)
		s->caps_drop = 0;
	return parse_caps(value, &s->caps_drop, e);
}

SETTER(set_cap_keep)
{
	uint64_t caps = s->caps_said ? s->caps_keep : 0;
	int r = parse_caps(value, &caps, e);

	(void)key;
	if (r < 0)
		return r;
	s->caps_said = *value != '\0';
	s->caps_keep = s->caps_said ? caps : 0;
	return 0;
}

/* ---- process limits ---- */

static const struct {
	const char *name;
	int resource;
	bool bytes;
} prlimits[] = {
    {"as", RLIMIT_AS, true},	       {"core", RLIMIT_CORE, true},	    {"cpu", RLIMIT_CPU, false},
    {"data", RLIMIT_DATA, true},       {"fsize", RLIMIT_FSIZE, true},	    {"locks", RLIMIT_LOCKS, false},
    {"memlock", RLIMIT_MEMLOCK, true}, {"msgqueue", RLIMIT_MSGQUEUE, true}, {"nice", RLIMIT_NICE, false},
    {"nofile", RLIMIT_NOFILE, false},  {"nproc", RLIMIT_NPROC, false},	    {"rss", RLIMIT_RSS, true},
    {"rtprio", RLIMIT_RTPRIO, false},  {"rttime", RLIMIT_RTTIME, false},    {"sigpending", RLIMIT_SIGPENDING, false},
    {"stack", RLIMIT_STACK, true},
};

const char *spec_prlimit_name(int resource)
{
	for (size_t i = 0; i < ARRAY_LEN(prlimits); i++)
		if (prlimits[i].resource == resource)
			return prlimits[i].name;
	return NULL;
}

static int parse_limit(const char *text, bool bytes, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	int r;

	if (strcmp(text, "unlimited") == 0 || strcmp(text, "infinity") == 0 || strcmp(text, "-1") == 0) {
		*ret = SPEC_MAX;
		return 0;
	}
	r = bytes ? parse_size(text, &n) : parse_u64(text, &n);
	if (r == 0 && n > INT64_MAX)
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a limit");
	*ret = n;
	return 0;
}

/* Copies the @len bytes at @text without the blanks around them. */
static bool copy_trimmed(const char *text, size_t len, char *out, size_t size)
{
	while (len > 0 && *text == ' ') {
		text++;
		len--;
	}
	while (len > 0 && text[len - 1] == ' ')
		len--;
	return value_copy(text, len, out, size);
}

/* SOFT[:HARD], blanks around the colon allowed. */
static int parse_limits(const char *value, bool bytes, struct spec_prlimit *l, struct err *e)
{
	const char *colon = strchr(value, ':');
	char soft[32], hard[32];
	int r;

	if (!copy_trimmed(value, colon ? (size_t)(colon - value) : strlen(value), soft, sizeof(soft)))
		return value_bad(e, -EINVAL, "a limit");
	if (!copy_trimmed(colon ? colon + 1 : value, strlen(colon ? colon + 1 : value), hard, sizeof(hard)))
		return value_bad(e, -EINVAL, "a limit");
	r = parse_limit(soft, bytes, &l->soft, e);
	if (r == 0)
		r = parse_limit(hard, bytes, &l->hard, e);
	if (r < 0)
		return r;
	if (l->soft > l->hard) /* SPEC_MAX is above all numbers */
		return err_set(e, ERR_INPUT, EINVAL, "the soft limit is above the hard one");
	return 0;
}

static void drop_prlimit(struct spec *s, int resource)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->prlimit_count; i++)
		if (s->prlimits[i].resource != resource)
			s->prlimits[kept++] = s->prlimits[i];
	s->prlimit_count = kept;
}

SETTER(set_prlimit)
{
	const char *names[ARRAY_LEN(prlimits)], *name = key_suffix(key, "lxc.prlimit.");
	struct spec_prlimit limit = {0}, *slot;
	size_t at = ARRAY_LEN(prlimits);

	if (!*name) {
		s->prlimit_count = 0;
		s->prlimits = NULL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(prlimits); i++) {
		names[i] = prlimits[i].name;
		if (strcmp(name, names[i]) == 0)
			at = i;
	}
	if (at == ARRAY_LEN(prlimits))
		return value_unknown(e, "limit", name, names, ARRAY_LEN(names));
	limit.resource = prlimits[at].resource;
	if (*value) {
		int r = parse_limits(value, prlimits[at].bytes, &limit, e);

		if (r < 0)
			return r;
	}
	drop_prlimit(s, limit.resource);
	if (!*value)
		return 0;
	slot = arena_push(&s->arena, &s->prlimits, &s->prlimit_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = limit;
	return 0;
}

/* ---- kernel parameters ---- */

/* Names as sysctl(8) writes them; a '/' keeps a dot inside one part ("net.ipv4.conf.eth0/100.rp_filter" is the VLAN eth0.100). */
static bool is_sysctl_name(const char *name)
{
	size_t part = 0;

	for (const char *p = name; *p; p++) {
		if (*p == '.') {
			if (part == 0)
				return false;
			part = 0;
			continue;
		}
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("_-@", *p) ||
		      (*p == '/' && part > 0)))
			return false;
		if (*p == '/' && (p[1] == '/' || p[1] == '.' || p[1] == '\0'))
			return false;
		part++;
	}
	return part > 0;
}

int key_set_pair(struct spec *s, struct spec_pair **list, size_t *count, const char *name, const char *value, struct err *e)
{
	struct spec_pair pair, *slot;
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if (strcmp((*list)[i].name, name) != 0)
			(*list)[kept++] = (*list)[i];
	*count = kept;
	if (!*value)
		return 0;
	pair.name = arena_strdup(&s->arena, name);
	pair.value = arena_strdup(&s->arena, value);
	slot = pair.name && pair.value ? arena_push(&s->arena, list, count, sizeof(*slot)) : NULL;
	if (!slot)
		return value_oom(e);
	*slot = pair;
	return 0;
}

/* Whose parameter it is shows when all is said (spec_freeze). */
SETTER(set_sysctl)
{
	const char *name = key_suffix(key, "lxc.sysctl.");
	char swapped[KEY_NAME_MAX];

	if (!*name) {
		s->sysctl_count = 0;
		s->sysctls = NULL;
		return 0;
	}
	/* sysctl(8): when a '/' comes first it parts the name, and a dot is one */
	if (name[strcspn(name, "./")] == '/' && value_copy(name, strlen(name), swapped, sizeof(swapped))) {
		for (char *p = swapped; *p; p++)
			*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
		name = swapped;
	}
	if (!is_sysctl_name(name))
		return err_set(e, ERR_INPUT, EINVAL, "not the name of a kernel parameter");
	if (!value_printable(value) || strlen(value) > 4000)
		return err_set(e, ERR_INPUT, EINVAL, "not one line of text");
	return key_set_pair(s, &s->sysctls, &s->sysctl_count, name, value, e);
}

/* ---- clocks ---- */

/* [-]NUMBER[UNIT] in nanoseconds; a bare number is seconds. */
static int parse_offset(const char *value, int64_t *ret, struct err *e)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {{"", 1000000000}, {"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000},
		     {"ms", 1000000},  {"us", 1000},	     {"ns", 1}};
	size_t len = strspn(value, "-0123456789");
	char number[24];
	int64_t n, ns;
	int r;

	if (!value_copy(value, len, number, sizeof(number)))
		return value_bad(e, -ERANGE, "a time");
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(value + len, units[i].unit) != 0)
			continue;
		r = parse_i64(number, &n);
		if (r == 0 && __builtin_mul_overflow(n, units[i].ns, &ns))
			r = -ERANGE;
		if (r < 0)
			return value_bad(e, r, "a time");
		*ret = ns;
		return 0;
	}
	return value_bad(e, -EINVAL, "a time");
}

static int set_offset(struct spec *s, const char *value, int64_t *ret, struct err *e)
{
	int64_t ns = 0;
	int r = *value ? parse_offset(value, &ns, e) : 0;

	if (r < 0)
		return r;
	*ret = ns;
	s->time_offset_set = s->time_boot_ns != 0 || s->time_mono_ns != 0;
	return 0;
}

SETTER(set_time_boot)
{
	(void)key;
	return set_offset(s, value, &s->time_boot_ns, e);
}

SETTER(set_time_monotonic)
{
	(void)key;
	return set_offset(s, value, &s->time_mono_ns, e);
}
