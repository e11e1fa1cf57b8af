/* spec.c - the life of a spec: empty, checked, completed, frozen.
 *
 * Setters check each value for itself; spec_freeze() checks what only shows when all is said (memory and memory + swap, id maps and
 * privilege, targets and the root) and fills in the defaults. A message names the key and where it was said, when a file said it. */
#include "spec/spec.h"

#include "base/parse.h"
#include "spec/spec-impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define DEFAULT_TTYS 4u
#define DEFAULT_PTYS 256u
#define DEFAULT_NOFILE UINT64_C(65536)
#define DEFAULT_PIDS UINT64_C(4096)
#define DEFAULT_LOG (UINT64_C(16) << 20)
#define DEFAULT_RING (UINT64_C(32) << 10)
#define DEFAULT_STOP_MS UINT64_C(30000)
#define DEFAULT_PERIOD_US UINT64_C(100000)
#define DEFAULT_EPHEMERAL (UINT64_C(1) << 30)
#define RANGE_SIZE UINT64_C(65536)

void spec_init(struct spec *s)
{
	*s = (struct spec){
	    .arena = ARENA_INIT,
	    .mode = SPEC_MODE_COUNT,
	    .tty_count = SPEC_COUNT_UNSET,
	    .pty_max = SPEC_COUNT_UNSET,
	    .stop_timeout_ms = SPEC_UNSET,
	    .log_size = SPEC_UNSET,
	    .ring_size = SPEC_UNSET,
	    .tool_level = -1,
	    .tool_facility = -1,
	    .ephemeral_size = SPEC_UNSET,
	    .limits = SPEC_NO_LIMITS,
	};
}

void spec_done(struct spec *s)
{
	arena_done(&s->arena);
	spec_init(s);
}

static const char *const mode_names[] = {
    [SPEC_ROOTFS] = "rootfs", [SPEC_BIND] = "bind", [SPEC_OVERLAY] = "overlay", [SPEC_EPHEMERAL] = "ephemeral", [SPEC_COPY] = "copy", [SPEC_HOST] = "host",
};
_Static_assert(ARRAY_LEN(mode_names) == SPEC_MODE_COUNT, "every mode has a name");

const char *spec_mode_name(enum spec_mode m)
{
	return m < SPEC_MODE_COUNT ? mode_names[m] : "unset";
}

int spec_mode_parse(const char *s, enum spec_mode *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
		if (strcmp(s, mode_names[i]) == 0) {
			*ret = (enum spec_mode)i;
			return 0;
		}
	}
	if (strcmp(s, "sealed") == 0)
		*ret = SPEC_BIND;
	else if (strcmp(s, "layered") == 0)
		*ret = SPEC_OVERLAY;
	else
		return -EINVAL;
	return 0;
}

bool spec_is_hostname(const char *s)
{
	size_t len = strlen(s);
	char before = '.';

	if (len == 0 || len > 63)
		return false;
	for (; *s; before = *s++) {
		bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');

		if (alnum)
			continue;
		if ((*s != '-' && *s != '.') || before == '.' || (*s == '.' && before == '-'))
			return false;
	}
	return before != '.' && before != '-';
}

void spec_hostname_of(const char *name, char ret[64])
{
	size_t len = 0;

	for (; *name && len < 63; name++) {
		bool good = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9') || *name == '.';

		if (good || len > 0)
			ret[len++] = good ? *name : '-';
	}
	ret[len] = '\0';
	for (size_t i = 0; i < len && !spec_is_hostname(ret); i++)
		ret[i] = ret[i] == '.' ? '-' : ret[i];
	while (len > 0 && ret[len - 1] == '-')
		ret[--len] = '\0';
	if (len == 0)
		memcpy(ret, "container", sizeof("container"));
}

bool spec_is_nodename(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 64)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

void spec_note(struct spec *s, const char *key, const char *fmt, ...)
{
	char text[256];
	const char **slot, *note;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	note = arena_printf(&s->arena, "%s%s%s: %s", s->where ? s->where : "", s->where ? ": " : "", key, text);
	slot = note ? arena_push(&s->arena, &s->notes, &s->note_count, sizeof(*slot)) : NULL;
	if (slot)
		*slot = note;
}

const char *spec_where(const struct spec *s, const char *key)
{
	for (size_t i = s->said_count; i-- > 0;)
		if (strcmp(s->said[i].name, key) == 0)
			return s->said[i].value;
	return NULL;
}

/* ---- freezing ---- */

static int oom(struct err *e)
{
	return err_sys(e, ENOMEM, "cannot complete the configuration");
}

static int freeze_name(struct spec *s, struct err *e)
{
	char host[64];

	if (!s->name || !parse_is_container(s->name))
		return err_set(e, ERR_INPUT, EINVAL, "not a container's name: '%s' (allowed: " PARSE_CONTAINER_RULE ")", s->name ? s->name : "");
	if (s->hostname) {
		if (!spec_is_nodename(s->hostname))
			return REFUSE(spec_where(s, "lxc.uts.name"), e, "lxc.uts.name = '%.64s': not a host name", s->hostname);
		return 0;
	}
	spec_hostname_of(s->name, host);
	s->hostname = arena_strdup(&s->arena, host);
	return s->hostname ? 0 : oom(e);
}

static int freeze_root(struct spec *s, struct err *e)
{
	const char *at_base = spec_where(s, "coppice.base"), *at_root = spec_where(s, "lxc.rootfs.path"),
		   *at_mode = spec_where(s, "coppice.mode");

	if (s->base && s->rootfs)
		return REFUSE(at_root ? at_root : at_base, e,
			      "lxc.rootfs.path = '%.200s': coppice.base = '%s' is the root already; keep one of the two", s->rootfs,
			      s->base);
	if (!s->base && !s->rootfs && s->mode != SPEC_MODE_COUNT && s->mode != SPEC_HOST) {
		(void)REFUSE(at_mode, e, "coppice.mode = '%s': needs a root, and neither coppice.base nor lxc.rootfs.path is set", spec_mode_name(s->mode));
		return err_hint(e, "coppice base list");
	}
	if (!s->base && !s->rootfs && !s->ns_share[SPEC_NS_MNT])
		spec_note(s, "lxc.rootfs.path", "no root of its own: the container sees this host's");
	if (s->rootfs && s->mode != SPEC_MODE_COUNT && s->mode != SPEC_ROOTFS)
		return REFUSE(at_mode, e, "coppice.mode = '%s': needs coppice.base, but the root is the directory '%.200s'",
			      spec_mode_name(s->mode), s->rootfs);
	if (s->base && (s->mode == SPEC_ROOTFS || s->mode == SPEC_HOST))
		return REFUSE(at_base, e, "coppice.base = '%s': mode %s has no base", s->base, spec_mode_name(s->mode));
	if (s->rootfs && (s->rootfs[0] != '/' || !s->rootfs[1]))
		return REFUSE(at_root, e, "lxc.rootfs.path = '%.200s': not the path of a directory of its own", s->rootfs);
	s->mode = s->rootfs ? SPEC_ROOTFS : !s->base ? SPEC_HOST : s->mode == SPEC_MODE_COUNT ? SPEC_BIND : s->mode;
	if (s->ephemeral_size == SPEC_UNSET)
		s->ephemeral_size = DEFAULT_EPHEMERAL;
	return 0;
}

/* True when id @id of @kind inside is mapped. */
static bool id_is_mapped(const struct spec *s, bool uid, uint32_t id)
{
	if (s->idmap_count == 0)
		return id < RANGE_SIZE;
	for (size_t i = 0; i < s->idmap_count; i++) {
		const struct spec_idmap *m = &s->idmaps[i];

		if ((uid ? m->uid : m->gid) && id >= m->inside && id - m->inside < m->count)
			return true;
	}
	return false;
}

static const char *idmap_kind(const struct spec_idmap *m)
{
	return !m->uid ? "g" : m->gid ? "b" : "u";
}

/* A privileged container has no user namespace. Lines that map ids to themselves say the same and are dropped; any other would promise what
 * is not. */
static int freeze_privileged(struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->idmap_count; i++) {
		const struct spec_idmap *m = &s->idmaps[i];

		if (m->inside != m->host)
			return REFUSE(m->where, e,
				      "lxc.idmap = '%s %u %u %u': coppice.privileged = 1 means that ids inside are those of the host",
				      idmap_kind(m), m->inside, m->host, m->count);
		s->where = m->where;
		spec_note(s, "lxc.idmap", "ids of a privileged container are those of the host anyway");
		s->where = NULL;
	}
	s->idmap_count = 0;
	spec_note(s, "coppice.privileged", "root in this container is root on this host");
	return 0;
}

static int freeze_ids(struct spec *s, struct err *e)
{
	const char *last = s->idmap_count ? s->idmaps[s->idmap_count - 1].where : NULL, *shared = s->ns_share[SPEC_NS_USER];

	if (s->privileged && shared)
		return REFUSE(spec_where(s, "lxc.namespace.share.user"), e,
			      "lxc.namespace.share.user = '%.200s': coppice.privileged = 1 means that ids inside are those of the host; keep one of the two", shared);
	if (s->privileged)
		return freeze_privileged(s, e);
	if (shared) /* whose ids they are then is known when it is started */
		return 0;
	for (size_t i = 0; i < s->idmap_count; i++) {
		const struct spec_idmap *m = &s->idmaps[i];

		if (m->host == 0)
			return REFUSE(
			    m->where, e,
			    "lxc.idmap = '%s %u 0 %u': root of the host would be in the container; that needs coppice.privileged = 1",
			    idmap_kind(m), m->inside, m->count);
	}
	if (!id_is_mapped(s, true, 0))
		return REFUSE(last, e,
			      "lxc.idmap: user id 0 of the container is mapped by no line (allowed: a line such as 'b 0 100000 65536')");
	if (!id_is_mapped(s, false, 0))
		return REFUSE(last, e,
			      "lxc.idmap: group id 0 of the container is mapped by no line (allowed: a line such as 'b 0 100000 65536')");
	if (!id_is_mapped(s, true, s->init_uid))
		return REFUSE(spec_where(s, "lxc.init.uid"), e, "lxc.init.uid = '%u': not in the id map of the container", s->init_uid);
	if (!id_is_mapped(s, false, s->init_gid))
		return REFUSE(spec_where(s, "lxc.init.gid"), e, "lxc.init.gid = '%u': not in the id map of the container", s->init_gid);
	return 0;
}

static int freeze_init(struct spec *s, struct err *e)
{
	if (s->init_count == 0) {
		s->init = arena_alloc(&s->arena, 2 * sizeof(*s->init));
		if (!s->init)
			return oom(e);
		s->init[0] = "/sbin/init";
		s->init_count = 1;
		s->small_init = false;
	}
	if (s->stop_timeout_ms == SPEC_UNSET)
		s->stop_timeout_ms = DEFAULT_STOP_MS;
	return 0;
}

static void freeze_terminals(struct spec *s)
{
	if (s->tty_count == SPEC_COUNT_UNSET)
		s->tty_count = s->small_init ? 0 : DEFAULT_TTYS; /* a single program logs in on no terminal */
	if (s->pty_max == SPEC_COUNT_UNSET)
		s->pty_max = DEFAULT_PTYS;
	if (s->log_size == SPEC_UNSET)
		s->log_size = DEFAULT_LOG;
	if (s->ring_size == SPEC_UNSET)
		s->ring_size = DEFAULT_RING;
}

static void freeze_caps(struct spec *s)
{
	if (!s->caps_said)
		s->caps_keep = SPEC_CAPS_DEFAULT;
	s->caps_keep &= ~s->caps_drop;
}

static int freeze_prlimits(struct spec *s, struct err *e)
{
	struct spec_prlimit *slot;

	for (size_t i = 0; i < s->prlimit_count; i++)
		if (s->prlimits[i].resource == RLIMIT_NOFILE)
			return 0;
	slot = arena_push(&s->arena, &s->prlimits, &s->prlimit_count, sizeof(*slot));
	if (!slot)
		return oom(e);
	*slot = (struct spec_prlimit){.resource = RLIMIT_NOFILE, .soft = DEFAULT_NOFILE, .hard = DEFAULT_NOFILE, .by_default = true};
	return 0;
}

/* What belongs to a namespace the container has for itself: network, UTS, IPC, message queues, counts of a user namespace. */
static const struct {
	const char *prefix; /* with its last byte '.', or the whole name, or the beginning of one */
	enum spec_ns ns;
} own_sysctls[] = {
    {"net.", SPEC_NS_NET},	  {"kernel.shm", SPEC_NS_IPC},	     {"kernel.msg", SPEC_NS_IPC},	 {"kernel.sem", SPEC_NS_IPC},
    {"fs.mqueue.", SPEC_NS_IPC}, {"kernel.hostname", SPEC_NS_UTS}, {"kernel.domainname", SPEC_NS_UTS}, {"user.", SPEC_NS_USER},
};

enum spec_ns spec_sysctl_ns(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(own_sysctls); i++)
		if (strncmp(name, own_sysctls[i].prefix, strlen(own_sysctls[i].prefix)) == 0)
			return own_sysctls[i].ns;
	return SPEC_NS_COUNT;
}

/* Parameters of a namespace are the host's, or another container's, when the container has no own one. */
static int freeze_sysctls(struct spec *s, struct err *e)
{
	char key[160];

	for (size_t i = 0; i < s->sysctl_count; i++) {
		enum spec_ns ns = spec_sysctl_ns(s->sysctls[i].name);

		(void)snprintf(key, sizeof(key), "lxc.sysctl.%s", s->sysctls[i].name);
		if (ns == SPEC_NS_COUNT && !s->privileged)
			return REFUSE(spec_where(s, key), e, "%s = '%.64s': this parameter belongs to the whole host, not to a container", key,
				      s->sysctls[i].value);
		if (ns == SPEC_NS_COUNT || (ns == SPEC_NS_USER && s->privileged))
			spec_note(s, key, "this changes the whole host");
		if (ns == SPEC_NS_NET && s->net == SPEC_NET_NONE && !s->ns_share[ns])
			return REFUSE(spec_where(s, key), e,
				      "%s = '%.64s': the container shares the host's network (lxc.net type none), so this would change the host", key,
				      s->sysctls[i].value);
		if (ns < SPEC_NS_COUNT && ((s->ns_keep >> ns & 1) || s->ns_share[ns]))
			return REFUSE(spec_where(s, key), e, "%s = '%.64s': the %s namespace is not the container's own", key, s->sysctls[i].value,
				      spec_ns_name(ns));
	}
	return 0;
}

/* What the root would be, and what would be mounted there, does not matter to a container that lives among another's mounts. */
static int freeze_shared_mounts(struct spec *s, struct err *e)
{
	const char *of = s->ns_share[SPEC_NS_MNT];
	const struct {
		bool said;
		const char *key;
	} rows[] = {{s->rootfs, "lxc.rootfs.path"},
		    {s->base, "coppice.base"},
		    {s->mount_count || s->shmount_source, "lxc.mount.entry"},
		    {s->auto_proc != SPEC_AUTO_UNSET || s->auto_sys != SPEC_AUTO_UNSET || s->auto_cgroup != SPEC_AUTO_UNSET, "lxc.mount.auto"},
		    {s->tty_count && s->tty_count != SPEC_COUNT_UNSET, "lxc.tty.max"},
		    {spec_has_hook(s, SPEC_HOOK_PRE_MOUNT), "lxc.hook.pre-mount"},
		    {spec_has_hook(s, SPEC_HOOK_MOUNT), "lxc.hook.mount"},
		    {spec_has_hook(s, SPEC_HOOK_AUTODEV), "lxc.hook.autodev"}};
	char list[200] = "";
	size_t len = 0;

	if (!of)
		return 0;
	if (!s->privileged && !s->ns_share[SPEC_NS_USER]) {
		(void)REFUSE(spec_where(s, "lxc.namespace.share.mnt"), e,
			     "lxc.namespace.share.mnt = '%.200s': mounts belong to a user namespace, and in one of its own the container could not use those of another", of);
		return err_hint(e, "add lxc.namespace.share.user = %.100s, or coppice.privileged = 1 when it has no user namespace either", of);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].said)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", rows[i].key);
	if (len)
		spec_note(s, "lxc.namespace.share.mnt", "the root and all mounts are those of '%.100s', so this has no effect: %s", of, list);
	if (!s->ns_share[SPEC_NS_PID])
		spec_note(s, "lxc.namespace.share.mnt", "/proc shows the processes of '%.100s', not the container's; lxc.namespace.share.pid makes them the same", of);
	s->mount_count = 0;
	s->shmount_source = NULL;
	s->auto_proc = s->auto_sys = s->auto_cgroup = SPEC_AUTO_UNSET;
	s->tty_count = 0;
	return 0;
}

/* The mount namespace is the container's own unless it shares one, and so are its ids unless it is privileged. */
static int freeze_namespaces(struct spec *s, struct err *e)
{
	const uint32_t all = (1u << SPEC_NS_COUNT) - 1;
	char key[64];

	if (s->ns_clone && s->ns_keep)
		return REFUSE(spec_where(s, "lxc.namespace.keep"), e, "lxc.namespace.keep: lxc.namespace.clone says which to make already; keep one of the two");
	if (s->ns_clone)
		s->ns_keep = all & ~s->ns_clone;
	if (s->ns_keep & 1u << SPEC_NS_MNT && !s->ns_clone && !s->ns_share[SPEC_NS_MNT])
		spec_note(s, "lxc.namespace.keep", "the container's mounts are always its own");
	if (s->ns_keep & 1u << SPEC_NS_USER && !s->ns_clone && !s->privileged && !s->ns_share[SPEC_NS_USER])
		spec_note(s, "lxc.namespace.keep", "the container keeps a user namespace; coppice.privileged = 1 does without");
	s->ns_clone = 0;
	s->ns_keep &= ~(1u << SPEC_NS_MNT | 1u << SPEC_NS_USER);
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++) {
		if (!s->ns_share[i])
			continue;
		s->ns_keep &= ~(1u << i);
		(void)snprintf(key, sizeof(key), "lxc.namespace.share.%s", spec_ns_name((enum spec_ns)i));
		if (strcmp(s->ns_share[i], s->name) == 0)
			return REFUSE(spec_where(s, key), e, "%s = '%s': that is this container itself (allowed: another container, a process, a path)", key, s->name);
	}
	if (!(s->ns_keep & 1u << SPEC_NS_NET) && !s->ns_share[SPEC_NS_NET])
		return 0;
	if (s->nic_count || s->port_count)
		spec_note(s, s->ns_share[SPEC_NS_NET] ? "lxc.namespace.share.net" : "lxc.namespace.keep",
			  "the network is not the container's own: its interfaces and ports are not made");
	s->nic_count = s->port_count = 0;
	s->net = SPEC_NET_NONE;
	return 0;
}

/* v1 limits memory and swap together, v2 swap alone: swap = memsw - memory. */
static int freeze_swap(struct spec *s, struct err *e)
{
	static const char memsw_key[] = "lxc.cgroup.memory.memsw.limit_in_bytes";
	struct spec_limits *l = &s->limits;
	const char *where = spec_where(s, memsw_key);

	if (l->memsw_max == SPEC_UNSET)
		return 0;
	if (l->memsw_max == SPEC_MAX) {
		l->swap_max = SPEC_MAX;
	} else {
		if (l->memory_max == SPEC_UNSET || l->memory_max == SPEC_MAX)
			return REFUSE(where, e, "%s = '%ju': needs a memory limit (lxc.cgroup.memory.limit_in_bytes) that is not above it",
				      memsw_key, (uintmax_t)l->memsw_max);
		if (l->memsw_max < l->memory_max)
			return REFUSE(where, e,
				      "%s = '%ju': below the memory limit of %ju bytes (allowed: at least the memory limit, for it counts "
				      "memory and swap)",
				      memsw_key, (uintmax_t)l->memsw_max, (uintmax_t)l->memory_max);
		l->swap_max = l->memsw_max - l->memory_max;
	}
	l->memsw_max = SPEC_UNSET;
	return 0;
}

#define RWM (SPEC_DEV_READ | SPEC_DEV_WRITE | SPEC_DEV_MKNOD)
/* Every node may be made (package managers and udev do), few may be opened. */
/* clang-format off */
static const struct spec_device default_devices[] = {
	{false, 'a', -1, -1, RWM},
	{true, 'c', -1, -1, SPEC_DEV_MKNOD},
	{true, 'b', -1, -1, SPEC_DEV_MKNOD},
	{true, 'c', 1, 3, RWM},     /* null */
	{true, 'c', 1, 5, RWM},     /* zero */
	{true, 'c', 1, 7, RWM},     /* full */
	{true, 'c', 1, 8, RWM},     /* random */
	{true, 'c', 1, 9, RWM},     /* urandom */
	{true, 'c', 5, 0, RWM},     /* tty */
	{true, 'c', 5, 1, RWM},     /* console */
	{true, 'c', 5, 2, RWM},     /* ptmx */
	{true, 'c', 136, -1, RWM},  /* pts */
	{true, 'c', 10, 229, RWM},  /* fuse */
	{true, 'c', 10, 200, RWM},  /* net/tun */
};
/* clang-format on */

/* The user's rules follow the default ones; what stands before the last rule for all devices is dead and dropped. */
static int freeze_devices(struct spec *s, struct err *e)
{
	struct spec_limits *l = &s->limits;
	size_t first = 0, defaults = ARRAY_LEN(default_devices);
	struct spec_device *all;

	for (size_t i = 0; i < l->device_count; i++) {
		if (l->devices[i].type == 'a') {
			first = i;
			defaults = 0;
		}
	}
	all = arena_alloc(&s->arena, (defaults + l->device_count - first) * sizeof(*all));
	if (!all)
		return oom(e);
	if (defaults)
		memcpy(all, default_devices, sizeof(default_devices));
	if (l->device_count > first)
		memcpy(all + defaults, l->devices + first, (l->device_count - first) * sizeof(*all));
	l->device_count = defaults + l->device_count - first;
	l->devices = all;
	return 0;
}

static int freeze_limits(struct spec *s, struct err *e)
{
	struct spec_limits *l = &s->limits;
	int r = freeze_swap(s, e);

	if (r < 0)
		return r;
	if (l->cpu_quota_us != SPEC_UNSET && l->cpu_period_us == SPEC_UNSET)
		l->cpu_period_us = DEFAULT_PERIOD_US;
	l->pids_default = l->pids_max == SPEC_UNSET;
	if (l->pids_default)
		l->pids_max = DEFAULT_PIDS;
	return freeze_devices(s, e);
}

/* @path behind directory @prefix, NULL when it is not below it; "" when it is @prefix itself. */
static const char *below(const char *path, const char *prefix)
{
	size_t len = prefix ? strlen(prefix) : 0;

	if (len == 0 || strncmp(path, prefix, len) != 0 || (path[len] != '/' && path[len]))
		return NULL;
	return path[len] ? path + len + 1 : path + len;
}

/* Where LXC mounts the root of a container that says nothing else: compiled in, one place for each distribution; and a container's own directory,
 * which stands for the root when that is a block device. */
static const char *below_usual_places(const struct spec *s, const char *path)
{
	static const char place[] = "/lxc/rootfs";
	const char *at = strstr(path, place);
	char own[80];

	if (at && strncmp(path, "/usr/lib", 8) == 0 && (at[sizeof(place) - 1] == '/' || !at[sizeof(place) - 1]))
		return at + sizeof(place) - 1 + (at[sizeof(place) - 1] == '/');
	(void)snprintf(own, sizeof(own), "/%s/rootfs/", s->name);
	at = strstr(path, own);
	return at ? at + strlen(own) : NULL;
}

/* Kernel file systems that are there anyway, and the nodes of /dev that are. */
static bool is_standard(const struct spec_mount *m)
{
	static const struct {
		const char *type, *target;
	} standard[] = {{"proc", "proc"},	     {"sysfs", "sys"},		  {"devpts", "dev/pts"},    {"tmpfs", "dev"},
			{"devtmpfs", "dev"},	     {"mqueue", "dev/mqueue"},	  {"cgroup", "sys/fs/cgroup"}, {"cgroup2", "sys/fs/cgroup"},
			{"none", "dev/console"},     {"none", "dev/null"},	  {"none", "dev/zero"},	    {"none", "dev/full"},
			{"none", "dev/random"},	     {"none", "dev/urandom"},	  {"none", "dev/tty"},	    {"none", "dev/ptmx"},
			{"none", "dev/pts"}};

	for (size_t i = 0; i < ARRAY_LEN(standard) && !m->remount; i++)
		if (strcmp(m->type, standard[i].type) == 0 && strcmp(m->target, standard[i].target) == 0)
			return !m->bind || (m->source[0] == '/' && strcmp(m->source + 1, m->target) == 0);
	return false;
}

/* Why a line is left out, NULL when it stays; makes its target relative to the root. */
static const char *left_out(struct spec *s, struct spec_mount *m)
{
	if (m->target[0] == '/') {
		const char *in = below(m->target, s->rootfs);

		if (!in)
			in = below(m->target, s->rootfs_mount);
		if (!in)
			in = below_usual_places(s, m->target);
		if (!in && !s->base && !s->rootfs) /* the host's root: its paths are the container's */
			in = m->target + 1;
		if (!in)
			return "left out, as by LXC: the target is an absolute path that is not below the container's root; without its '/' it is taken inside";
		if (!*in)
			return "left out: the container's root is mounted already";
		m->target = in;
	}
	return is_standard(m) ? "always there, the line adds nothing" : NULL;
}

static int add_shmounts(struct spec *s, struct err *e)
{
	struct spec_mount *m;

	if (!s->shmount_source)
		return 0;
	m = arena_push(&s->arena, &s->mounts, &s->mount_count, sizeof(*m));
	if (!m)
		return oom(e);
	*m = (struct spec_mount){.source = s->shmount_source, .target = s->shmount_target, .type = "none", .options = "", .bind = true, .recursive = true,
				 .create_dir = true, .make_source = true, .propagation = SPEC_PROP_SLAVE, .propagation_all = true};
	return 0;
}

static int freeze_mounts(struct spec *s, struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->mount_count; i++) {
		struct spec_mount m = s->mounts[i];
		const char *why = left_out(s, &m);

		if (!why) {
			s->mounts[kept++] = m;
			continue;
		}
		if (s->dev_own && strcmp(m.target, "dev") == 0) { /* the line makes the /dev that lxc.autodev = 0 left to it */
			s->dev_own = false;
			why = "a fresh one then, with the usual nodes";
		}
		s->where = m.where;
		spec_note(s, "lxc.mount.entry", "%s is %s", m.target, why);
		s->where = NULL;
	}
	s->mount_count = kept;
	if (s->privileged && (s->auto_proc == SPEC_AUTO_RW || s->auto_sys == SPEC_AUTO_RW))
		spec_note(s, "lxc.mount.auto", "a privileged container whose proc or sys is rw can change this host's kernel parameters");
	return add_shmounts(s, e);
}

/* As LXC: the one directory, or both exact ones. */
static int freeze_place(struct spec *s, struct err *e)
{
	const char *exact = s->cgroup_container ? "container" : s->cgroup_monitor ? "monitor" : s->cgroup_inner ? "container.inner" : NULL;
	char key[64];

	if (!exact)
		return 0;
	(void)snprintf(key, sizeof(key), "lxc.cgroup.dir.%s", exact);
	if (s->cgroup_dir)
		return REFUSE(spec_where(s, key), e, "%s: lxc.cgroup.dir = '%.100s' says where already; keep one of the two", key, s->cgroup_dir);
	if (!s->cgroup_container || !s->cgroup_monitor)
		return REFUSE(spec_where(s, key), e, "%s: lxc.cgroup.dir.container and lxc.cgroup.dir.monitor go together, and one of them is missing", key);
	if (strcmp(s->cgroup_container, s->cgroup_monitor) == 0)
		return REFUSE(spec_where(s, "lxc.cgroup.dir.monitor"), e, "lxc.cgroup.dir.monitor = '%.100s': is the container's own already", s->cgroup_monitor);
	return 0;
}

int spec_freeze(struct spec *s, struct err *e)
{
	struct err local;
	int r;

	if (!e)
		e = &local;
	if (s->frozen)
		return err_set(e, ERR_INTERNAL, EPERM, "spec frozen twice");
	r = freeze_name(s, e);
	if (r == 0)
		r = freeze_root(s, e);
	if (r == 0)
		r = freeze_ids(s, e);
	if (r == 0)
		r = freeze_init(s, e);
	if (r == 0)
		r = freeze_prlimits(s, e);
	if (r == 0)
		r = spec_freeze_net(s, e);
	if (r == 0)
		r = freeze_namespaces(s, e);
	if (r == 0)
		r = freeze_shared_mounts(s, e);
	if (r == 0)
		r = freeze_sysctls(s, e);
	if (r == 0)
		r = freeze_limits(s, e);
	if (r == 0)
		r = freeze_place(s, e);
	if (r == 0)
		r = freeze_mounts(s, e);
	if (r < 0)
		return r;
	freeze_terminals(s);
	freeze_caps(s);
	s->frozen = true;
	return 0;
}
