/* keys-cgroup.c - setters for resource limits and devices.
 *
 * Keys of cgroup v1, of cgroup v2 and our own fill the one model in spec_limits; what it has no field for is kept as a file and its text.
 * When two languages say the same thing, the last line wins. */
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RAW_VALUE_MAX 4000
#define RAW_MAX 64 /* as many as the planner takes */
#define SET_MAX 500
#define PERIOD_US UINT64_C(100000)
/* What v1 reads back for "no limit": the largest number of pages, in bytes. From here on a number means that. */
#define V1_NO_LIMIT UINT64_C(9223372036854771712)

/* ---- memory ---- */

static bool means_max(const char *value)
{
	return strcmp(value, "max") == 0 || strcmp(value, "-1") == 0 || strcmp(value, "unlimited") == 0;
}

static int take_bytes(const char *value, uint64_t min, uint64_t *ret, struct err *e)
{
	uint64_t n = SPEC_MAX;
	int r = means_max(value) ? 0 : value_size(value, min, INT64_MAX, SPEC_UNSET, &n, e);

	if (r < 0)
		return r;
	*ret = n >= V1_NO_LIMIT && n != SPEC_UNSET ? SPEC_MAX : n;
	return 0;
}

SETTER(set_memory_max)
{
	(void)key;
	return take_bytes(value, 1, &s->limits.memory_max, e);
}

SETTER(set_memory_high)
{
	(void)key;
	return take_bytes(value, 1, &s->limits.memory_high, e);
}

SETTER(set_memory_low)
{
	(void)key;
	return take_bytes(value, 0, &s->limits.memory_low, e);
}

SETTER(set_memsw_max)
{
	int r = take_bytes(value, 1, &s->limits.memsw_max, e);

	(void)key;
	if (r == 0)
		s->limits.swap_max = SPEC_UNSET;
	return r;
}

SETTER(set_swap_max)
{
	int r = take_bytes(value, 0, &s->limits.swap_max, e);

	(void)key;
	if (r == 0)
		s->limits.memsw_max = SPEC_UNSET;
	return r;
}

/* ---- processor ---- */

SETTER(set_cpu_shares)
{
	const uint64_t least = 2, most = 262144;
	uint64_t shares;
	int r = value_u64(value, 0, INT64_MAX, SPEC_UNSET, &shares, e);

	if (r < 0)
		return r;
	if (shares != SPEC_UNSET && (shares < least || shares > most)) { /* as the kernel does */
		shares = shares < least ? least : most;
		spec_note(s, key, "%s is taken as %llu", value, (unsigned long long)shares);
	}
	s->limits.cpu_shares = shares;
	s->limits.cpu_weight = shares == SPEC_UNSET ? SPEC_UNSET : 1 + (shares - 2) * 9999 / 262142;
	return 0;
}

SETTER(set_cpu_weight)
{
	int r = value_u64(value, 1, 10000, SPEC_UNSET, &s->limits.cpu_weight, e);

	(void)key;
	if (r == 0)
		s->limits.cpu_shares = SPEC_UNSET;
	return r;
}

static int take_quota(const char *value, uint64_t *ret, struct err *e)
{
	if (means_max(value)) {
		*ret = SPEC_MAX;
		return 0;
	}
	return value_u64(value, 1000, INT64_MAX / 1000, SPEC_UNSET, ret, e); /* the kernel counts in nanoseconds */
}

static int take_period(const char *value, uint64_t *ret, struct err *e)
{
	return value_u64(value, 1000, 1000000, SPEC_UNSET, ret, e);
}

SETTER(set_cfs_quota)
{
	(void)key;
	return take_quota(value, &s->limits.cpu_quota_us, e);
}

SETTER(set_cfs_period)
{
	(void)key;
	return take_period(value, &s->limits.cpu_period_us, e);
}

SETTER(set_cpu_max)
{
	uint64_t quota = SPEC_UNSET, period = SPEC_UNSET;
	const char *word;
	char text[24];
	size_t len;
	int r;

	(void)key;
	word = value_word(&value, &len);
	if (word) {
		if (!value_copy(word, len, text, sizeof(text)))
			return value_bad(e, -EINVAL, "a quota");
		r = take_quota(text, &quota, e);
		if (r < 0)
			return r;
	}
	word = value_word(&value, &len);
	if (word) {
		if (!value_copy(word, len, text, sizeof(text)))
			return value_bad(e, -EINVAL, "a period");
		r = take_period(text, &period, e);
		if (r < 0)
			return r;
	}
	if (value_word(&value, &len))
		return err_set(e, ERR_INPUT, EINVAL, "more than two words");
	s->limits.cpu_quota_us = quota;
	s->limits.cpu_period_us = period;
	return 0;
}

SETTER(set_cpus)
{
	uint64_t milli;
	int r;

	(void)key;
	if (!*value || means_max(value)) {
		s->limits.cpu_quota_us = *value ? SPEC_MAX : SPEC_UNSET;
		s->limits.cpu_period_us = SPEC_UNSET;
		return 0;
	}
	r = parse_milli(value, &milli);
	if (r == 0 && (milli < 10 || milli > 4096000))
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a number of processors");
	s->limits.cpu_quota_us = milli * (PERIOD_US / 1000);
	s->limits.cpu_period_us = PERIOD_US;
	return 0;
}

static int take_set(struct spec *s, const char *value, const char **ret, struct err *e)
{
	uint64_t bits[PARSE_SET_WORDS];
	const char *copy = NULL;
	int r;

	if (*value) {
		r = strlen(value) > SET_MAX ? -ERANGE : parse_id_set(value, bits);
		if (r < 0)
			return value_bad(e, r, "a set of numbers");
		copy = arena_strdup(&s->arena, value);
		if (!copy)
			return value_oom(e);
	}
	*ret = copy;
	return 0;
}

SETTER(set_cpuset_cpus)
{
	(void)key;
	return take_set(s, value, &s->limits.cpuset_cpus, e);
}

SETTER(set_cpuset_mems)
{
	(void)key;
	return take_set(s, value, &s->limits.cpuset_mems, e);
}

/* ---- processes, disks ---- */

SETTER(set_pids_max)
{
	(void)key;
	if (means_max(value)) {
		s->limits.pids_max = SPEC_MAX;
		return 0;
	}
	return value_u64(value, 1, 4194304, SPEC_UNSET, &s->limits.pids_max, e); /* the kernel's PID_MAX_LIMIT */
}

static void drop_raw(struct spec *s, const char *file, bool v2)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->limits.raw_count; i++)
		if (s->limits.raw[i].v2 != v2 || strcmp(s->limits.raw[i].file, file) != 0)
			s->limits.raw[kept++] = s->limits.raw[i];
	s->limits.raw_count = kept;
}

SETTER(set_io_weight)
{
	int r;

	/* one disk's weight, "8:0 200", is a line beside the others */
	if (strchr(value, ':') && strncmp(key, "lxc.", 4) == 0)
		return set_disk_number(s, key, value, e);
	if (!*value)
		drop_raw(s, "io.weight", true);
	r = value_u64(strncmp(value, "default ", 8) == 0 ? value + 8 : value, 1, 10000, SPEC_UNSET, &s->limits.io_weight, e);
	if (r == 0)
		s->limits.blkio_weight = SPEC_UNSET;
	return r;
}

SETTER(set_blkio_weight)
{
	uint64_t weight;
	int r = value_u64(value, 10, 1000, SPEC_UNSET, &weight, e);

	(void)key;
	if (r < 0)
		return r;
	s->limits.blkio_weight = weight;
	s->limits.io_weight = weight == SPEC_UNSET ? SPEC_UNSET : 1 + (weight - 10) * 9999 / 990;
	return 0;
}

/* ---- devices ---- */

static int parse_device_number(const char *text, uint64_t max, int64_t *ret, struct err *e)
{
	uint64_t n = 0;
	int r;

	if (strcmp(text, "*") == 0) {
		*ret = -1;
		return 0;
	}
	r = parse_u64(text, &n);
	if (r == 0 && n > max)
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a device number");
	*ret = (int64_t)n;
	return 0;
}

static int parse_access(const char *text, uint8_t *ret, struct err *e)
{
	uint8_t access = 0;

	for (; *text; text++) {
		uint8_t bit = *text == 'r' ? SPEC_DEV_READ : *text == 'w' ? SPEC_DEV_WRITE : *text == 'm' ? SPEC_DEV_MKNOD : 0;

		if (!bit || (access & bit))
			return err_set(e, ERR_INPUT, EINVAL, "the access is not made of r, w and m");
		access |= bit;
	}
	*ret = access;
	return 0;
}

/* "a", or TYPE MAJOR:MINOR ACCESS, as the v1 devices controller reads it. */
static int parse_device(const char *value, struct spec_device *d, struct err *e)
{
	char words[3][24] = {"", "*:*", "rwm"}, *colon;
	const char *word;
	size_t len, count = 0;
	int r;

	while ((word = value_word(&value, &len))) {
		if (count == 3 && *word == '#') /* neither the kernel nor LXC looks behind the access */
			break;
		if (count == 3)
			return err_set(e, ERR_INPUT, EINVAL, "more than three words");
		if (!value_copy(word, len, words[count], sizeof(words[0])))
			return value_bad(e, -EINVAL, "a device rule");
		count++;
	}
	if (strlen(words[0]) != 1 || !strchr("abc", words[0][0]))
		return err_set(e, ERR_INPUT, EINVAL, "the type is not a, b or c");
	if (words[0][0] != 'a' && count != 3)
		return err_set(e, ERR_INPUT, EINVAL, "the numbers or the access are missing");
	colon = strchr(words[1], ':');
	if (!colon)
		return err_set(e, ERR_INPUT, EINVAL, "no ':' between major and minor number");
	*colon = '\0';
	d->type = words[0][0];
	r = parse_device_number(words[1], 4095, &d->major, e); /* the kernel's dev_t: 12 and 20 bits */
	if (r == 0)
		r = parse_device_number(colon + 1, 1048575, &d->minor, e);
	if (r == 0)
		r = parse_access(words[2], &d->access, e);
	if (r < 0)
		return r;
	if (d->type == 'a' && (d->major >= 0 || d->minor >= 0 || d->access != (SPEC_DEV_READ | SPEC_DEV_WRITE | SPEC_DEV_MKNOD)))
		return err_set(e, ERR_INPUT, EINVAL, "type a means every device and every access");
	return 0;
}

static int set_device(struct spec *s, const char *value, bool allow, struct err *e)
{
	struct spec_limits *l = &s->limits;
	struct spec_device d = {.allow = allow}, *slot;
	int r;

	if (!*value) {
		size_t kept = 0;

		for (size_t i = 0; i < l->device_count; i++)
			if (l->devices[i].allow != allow)
				l->devices[kept++] = l->devices[i];
		l->device_count = kept;
		return 0;
	}
	r = parse_device(value, &d, e);
	if (r < 0)
		return r;
	slot = arena_push(&s->arena, &l->devices, &l->device_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = d;
	return 0;
}

SETTER(set_devices_allow)
{
	(void)key;
	return set_device(s, value, true, e);
}

SETTER(set_devices_deny)
{
	(void)key;
	return set_device(s, value, false, e);
}

/* ---- files without a field ---- */

/* Letters beside the lower case ones only for hugetlb's page sizes ("hugetlb.2MB.max"). */
static bool is_file_name(const char *file)
{
	size_t len = strlen(file);

	for (const char *p = file; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '.'))
			return false;
	return len > 0 && len < 128 && file[0] != '.' && file[len - 1] != '.' && !strstr(file, "..");
}

/* Files that move processes, run programs on the host, or belong to who runs the container. */
static bool is_dangerous(const char *file)
{
	static const char *const names[] = {
	    "tasks",	      "release_agent",	       "notify_on_release", "freezer.state", "memory.force_empty",
	    "memory.reclaim", "memory.pressure_level", "devices.list"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(file, names[i]) == 0)
			return true;
	return strncmp(file, "cgroup.", 7) == 0 && strncmp(file, "cgroup.max.", 11) != 0;
}

static int check_controller(const char *file, bool v2, struct err *e)
{
	static const char *const v1_names[] = {"blkio",	 "cpu",	 "cpuacct", "cpuset",	"devices",    "freezer", "hugetlb",
					       "memory", "misc", "net_cls", "net_prio", "perf_event", "pids",	 "rdma"};
	static const char *const v2_names[] = {"cgroup", "cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "pids", "rdma"};
	const char *const *names = v2 ? v2_names : v1_names;
	size_t count = v2 ? ARRAY_LEN(v2_names) : ARRAY_LEN(v1_names), len = strcspn(file, ".");
	char name[32];

	if (!file[len])
		return err_set(e, ERR_INPUT, EINVAL, "no file of a controller, as in memory.max");
	if (!value_copy(file, len, name, sizeof(name)))
		return err_set(e, ERR_INPUT, EINVAL, "not a controller's name");
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return 0;
	return value_unknown(e, v2 ? "cgroup v2 controller" : "cgroup v1 controller", name, names, count);
}

/* A name that the other generation has a row for is a slip: "lxc.cgroup.memory.max" would never be written anywhere. */
static int check_generation(const char *file, bool v2, struct err *e)
{
	char other[KEY_NAME_MAX];
	const struct key_row *row;

	(void)snprintf(other, sizeof(other), "lxc.cgroup%s.%s", v2 ? "" : "2", file);
	row = key_find(other);
	if (row && row->type != KEY_PREFIX)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is a file of cgroup v%d, write %s", file, v2 ? 1 : 2, other);
	return 0;
}

SETTER(set_cgroup_raw)
{
	bool v2 = strncmp(key, "lxc.cgroup2", 11) == 0;
	const char *file = key_suffix(key, v2 ? "lxc.cgroup2." : "lxc.cgroup.");
	struct spec_cgroup_raw raw = {.v2 = v2, .where = s->where}, *slot;
	int r;

	if (!*file) {
		s->limits = SPEC_NO_LIMITS;
		return 0;
	}
	if (!is_file_name(file))
		return err_set(e, ERR_INPUT, EINVAL, "not the name of a cgroup file: letters, digits, '_' and '.'");
	if (is_dangerous(file))
		return err_set(e, ERR_INPUT, EPERM, "'%s' is not a limit, and is never written for a container", file);
	r = check_controller(file, v2, e);
	if (r == 0)
		r = check_generation(file, v2, e);
	if (r < 0)
		return r;
	if (!*value) {
		drop_raw(s, file, v2);
		return 0;
	}
	if (s->limits.raw_count >= RAW_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d files without a key of their own", RAW_MAX);
	if (!value_printable(value) || strlen(value) > RAW_VALUE_MAX)
		return err_set(e, ERR_INPUT, EINVAL, "not one line of text");
	raw.file = arena_strdup(&s->arena, file);
	raw.value = arena_strdup(&s->arena, value);
	slot = raw.file && raw.value ? arena_push(&s->arena, &s->limits.raw, &s->limits.raw_count, sizeof(*slot)) : NULL;
	if (!slot)
		return value_oom(e);
	*slot = raw;
	return 0;
}

/* ---- disks by their number ---- */

/* "8:0 ", of which the rest is given; NULL when it is none. */
static const char *disk_number(const char *value)
{
	size_t major = strspn(value, "0123456789"), minor;

	if (major == 0 || major > 4 || value[major] != ':')
		return NULL;
	value += major + 1;
	minor = strspn(value, "0123456789");
	if (minor == 0 || minor > 7 || value[minor] != ' ')
		return NULL;
	return value + minor + strspn(value + minor, " ");
}

SETTER(set_disk_number)
{
	const char *number = disk_number(value);
	bool weight = strstr(key, "weight");
	uint64_t n = 0;
	int r;

	if (!*value)
		return set_cgroup_raw(s, key, value, e);
	if (!number)
		return err_set(e, ERR_INPUT, EINVAL, "does not begin with a disk, MAJOR:MINOR");
	r = parse_u64(number, &n);
	if (r == 0 && weight && (n < (strncmp(key, "lxc.cgroup2", 11) == 0 ? 1u : 10u) || n > (strncmp(key, "lxc.cgroup2", 11) == 0 ? 10000u : 1000u)))
		r = -ERANGE;
	return r < 0 ? value_bad(e, r, "a number behind the disk") : set_cgroup_raw(s, key, value, e);
}

SETTER(set_io_max)
{
	static const char *const names[] = {"rbps", "wbps", "riops", "wiops"};
	const char *rest = disk_number(value), *word;
	size_t len, count = 0;

	if (!*value)
		return set_cgroup_raw(s, key, value, e);
	if (!rest)
		return err_set(e, ERR_INPUT, EINVAL, "does not begin with a disk, MAJOR:MINOR");
	for (; (word = value_word(&rest, &len)); count++) {
		char text[40], *eq;
		uint64_t n;

		if (!value_copy(word, len, text, sizeof(text)) || !(eq = strchr(text, '=')))
			return err_set(e, ERR_INPUT, EINVAL, "not a list of NAME=NUMBER behind the disk");
		*eq++ = '\0';
		if (!value_one_of(text, names, ARRAY_LEN(names)))
			return value_unknown(e, "limit of a disk", text, names, ARRAY_LEN(names));
		if (strcmp(eq, "max") != 0 && parse_u64(eq, &n) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a number or max", eq);
	}
	return count ? set_cgroup_raw(s, key, value, e) : err_set(e, ERR_INPUT, EINVAL, "no limit behind the disk");
}

/* ---- packets ---- */

/* The kernel reads it in any notation; a mark has as many bits as a class id. */
SETTER(set_classid)
{
	bool hex = value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
	uint64_t n = 0;
	int r = *value ? parse_u64_base(hex ? value + 2 : value, hex ? 16 : 10, &n) : 0;

	if (r == 0 && n > UINT32_MAX)
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a class id, 0xAAAABBBB for tc's AAAA:BBBB");
	return set_cgroup_raw(s, key, value, e);
}

/* ---- where the nodes are ---- */

static int check_place(const char *value, struct err *e)
{
	if (value[0] == '/')
		return err_set(e, ERR_INPUT, EINVAL, "a control group is named from where the host's are, without a '/' in front");
	if (strlen(value) > 150)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "longer than 150 characters");
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, "/");

		if (len == 0 || p[0] == '.')
			return err_set(e, ERR_INPUT, EINVAL, "a part of the path is empty or begins with '.'");
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)p[i] <= ' ' || p[i] == 127)
				return err_set(e, ERR_INPUT, EINVAL, "blanks and control characters are in no control group's name");
		p += len;
		if (*p == '\0')
			return 0;
	}
}

SETTER(set_cgroup_dir)
{
	static const char *const members[] = {"", "container", "container.inner", "monitor", "monitor.pivot"};
	const char **const fields[] = {&s->cgroup_dir, &s->cgroup_container, &s->cgroup_inner, &s->cgroup_monitor, &s->cgroup_pivot};
	const char *member = key[strlen("lxc.cgroup.dir")] ? key_suffix(key, "lxc.cgroup.dir.") : "";
	char text[192];
	size_t len = strlen(value), at = 0;
	int r;

	while (at < ARRAY_LEN(members) && strcmp(members[at], member) != 0)
		at++;
	if (at == ARRAY_LEN(members))
		return value_unknown(e, "directory", member, members + 1, ARRAY_LEN(members) - 1);
	if (!*value) {
		*fields[at] = NULL;
		return 0;
	}
	while (len > 1 && value[len - 1] == '/')
		len--;
	r = value_copy(value, len, text, sizeof(text)) ? check_place(text, e) : err_set(e, ERR_INPUT, ENAMETOOLONG, "longer than 150 characters");
	if (r == 0 && fields[at] == &s->cgroup_inner && (strchr(text, '/') || len > 60))
		r = err_set(e, ERR_INPUT, EINVAL, "the inner node is one directory of the container's, a name of at most 60 characters");
	if (r < 0)
		return r;
	*fields[at] = arena_strdup(&s->arena, text);
	return *fields[at] ? 0 : value_oom(e);
}

SETTER(set_cgroup_relative)
{
	(void)key;
	return value_bool(value, false, &s->cgroup_relative, e);
}

/* Neither stops a container from running: who copies a config of the freezer's ("THAWED") means what is so anyway. */
SETTER(set_freezer_state)
{
	return strcmp(value, "THAWED") == 0 || !*value ? 0 : set_refused(s, key, value, e);
}
