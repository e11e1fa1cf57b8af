/* build.c - from what is wanted (spec) and what the host can (facts) to the ordered steps.
 *
 * The order is the design: what needs host paths is opened first; cgroups and limits exist before the process; the process exists before its root,
 * because its user namespace shapes the mounts; the root is complete before the child copies the mount namespace, because what is there at
 * that moment is locked for ever. No system call is made here. */
#include "plan/plan.h"

#include "plan/build-impl.h"
#include "plan/limits.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

/* Adds a step with texts and numbers copied into the plan. */
struct step *build_add(struct builder *b, enum step_kind kind, const char *t0, const char *t1, const char *t2, uint64_t n0, uint64_t n1, uint64_t n2)
{
	const char *texts[] = {t0, t1, t2};
	struct step *st = plan_add(b->p, kind);

	if (!st) {
		b->oom = true;
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!texts[i])
			continue;
		char *copy = arena_strdup(&b->p->arena, texts[i]);

		if (!copy)
			b->oom = true;
		st->text[i] = copy;
	}
	st->number[0] = n0;
	st->number[1] = n1;
	st->number[2] = n2;
	st->where = b->where ? arena_strdup(&b->p->arena, b->where) : NULL;
	b->oom = b->oom || (b->where && !st->where);
	return st;
}

void build_add_tail(struct builder *b, struct step *st, const char *t3, uint64_t n3)
{
	if (!st)
		return;
	if (t3) {
		st->text[3] = arena_strdup(&b->p->arena, t3);
		if (!st->text[3])
			b->oom = true;
	}
	st->number[3] = n3;
}

/* What is added next comes from the line that says the member @name of @family. */
static void from_line(struct builder *b, const char *family, const char *name)
{
	char key[160];

	(void)snprintf(key, sizeof(key), "%s%s", family, name);
	b->where = spec_where(b->s, key);
}

static bool has_base(const struct spec *s)
{
	return s->mode == SPEC_BIND || s->mode == SPEC_OVERLAY || s->mode == SPEC_EPHEMERAL;
}

static bool is_overlay(const struct spec *s)
{
	return s->mode == SPEC_OVERLAY || s->mode == SPEC_EPHEMERAL;
}

static void add_who(struct builder *b)
{
	const struct spec *s = b->s;
	const struct plan_choices *c = b->c;
	uint64_t flags = 0;

	if (s->ephemeral)
		flags |= PLAN_EPHEMERAL;
	if (c->foreground)
		flags |= PLAN_FOREGROUND;
	if (c->stdio_pipes)
		flags |= PLAN_STDIO_PIPES;
	build_add_tail(b, build_add(b, STEP_CONTAINER, s->name, c->lxcpath, c->rundir, 0, 0, 0), c->store, 0);
	build_add(b, STEP_BASE, s->base ?: "", c->base_version ?: "", spec_mode_name(s->mode), 0, 0, 0);
	b->where = spec_where(s, "lxc.console.logfile");
	build_add_tail(b, build_add(b, STEP_SUPERVISE, s->log_path, c->pid_file, NULL, s->ring_size, s->log_size, s->restart), NULL, flags);
	b->where = NULL;
	build_add_tail(b, build_add(b, STEP_SIGNALS, NULL, NULL, NULL, (uint64_t)s->signal_halt, (uint64_t)s->signal_reboot, (uint64_t)s->signal_stop), NULL,
		 s->stop_timeout_ms);
	if (c->log_command)
		build_add(b, STEP_LOG, c->log_file, c->log_command, NULL, (uint64_t)c->log_level, (uint64_t)(c->log_facility + 1), 0);
	build_hook_data(b);
	for (size_t i = 0; c->restore && i < c->restore->mount_count; i++)
		build_add(b, STEP_RESTORE_MOUNT, c->restore->mounts[i], NULL, NULL, 0, 0, 0);
	for (size_t i = 0; c->restore && i < c->restore->tty_count; i++)
		build_add(b, STEP_RESTORE_TTY, c->restore->ttys[i].key, NULL, NULL, c->restore->ttys[i].number, 0, 0);
}

/* ---- limits ---- */

static void access_text(uint8_t access, char out[4])
{
	char *p = out;

	if (access & SPEC_DEV_READ)
		*p++ = 'r';
	if (access & SPEC_DEV_WRITE)
		*p++ = 'w';
	if (access & SPEC_DEV_MKNOD)
		*p++ = 'm';
	*p = '\0';
}

static void device_number(int64_t n, char out[24])
{
	if (n < 0)
		memcpy(out, "*", 2);
	else
		(void)snprintf(out, 24, "%lld", (long long)n);
}

static bool covers(const struct spec_device *d, int64_t major, int64_t minor)
{
	return d->type == 'a' || (d->type == 'c' && (d->major < 0 || d->major == major) && (d->minor < 0 || d->minor == minor));
}

/* What the rules say in the end of reading and writing character device @major:@minor (-1: all of them). */
static bool may_use(const struct spec_limits *l, int64_t major, int64_t minor)
{
	const unsigned use = SPEC_DEV_READ | SPEC_DEV_WRITE;
	bool may = true;

	for (size_t i = 0; i < l->device_count; i++) {
		const struct spec_device *d = &l->devices[i];

		if (!covers(d, major, minor))
			continue;
		if (d->allow && (d->access & use) == use)
			may = true;
		else if (!d->allow && (d->access & use))
			may = false;
	}
	return may;
}

/* "-a *:* rwm;+c 1:3 rwm;..." */
static void add_devices(struct builder *b)
{
	const struct spec_limits *l = &b->s->limits;
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < l->device_count; i++) {
		const struct spec_device *d = &l->devices[i];
		char major[24], minor[24], access[4];

		device_number(d->major, major);
		device_number(d->minor, minor);
		access_text(d->access, access);
		buf_printf(&text, "%s%c%c %s:%s %s", i ? ";" : "", d->allow ? '+' : '-', d->type, major, minor, access);
	}
	/* Its terminals are made inside, in a devpts of its own, where these numbers lead to nobody else's. Lists that leave them out are from when LXC opened them on the host. */
	if (!may_use(l, 5, 2))
		buf_puts(&text, ";+c 5:2 rw");
	if (!may_use(l, 136, -1))
		buf_puts(&text, ";+c 136:* rw");
	if (l->device_count && !b->f->user_mode) /* no device nodes but ours can be there */
		build_add(b, STEP_DEVICES, buf_str(&text), NULL, NULL, 0, 0, 0);
	b->oom = b->oom || buf_failed(&text);
	buf_done(&text);
}

static int add_cgroup(struct builder *b, struct err *e)
{
	autofree struct limit_write *writes = calloc(LIMITS_MAX, sizeof(*writes));
	uint32_t need = 0;
	size_t count = 0;
	int r;

	if (!writes)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	r = limits_translate(b->f, &b->s->limits, writes, &count, &need, b->notes, e);
	if (r < 0)
		return r;
	build_add(b, STEP_JOURNAL, b->c->group, b->c->monitor_group, NULL, b->c->id_first, b->c->placed, 0);
	build_hooks(b, SPEC_HOOK_POST_STOP); /* runs at the undo, before the container counts as stopped */
	build_hooks(b, SPEC_HOOK_PRE_START);
	if (b->f->user_mode && b->f->cgroup == CG_NONE) /* limits_translate() has told which settings have no effect */
		return 0;
	build_add_tail(b, build_add(b, STEP_CGROUP, b->c->group, NULL, NULL, need, b->c->id_first, b->c->id_first), NULL, build_seen(b));
	for (size_t i = 0; i < count; i++) {
		b->where = limits_said_at(b->s, &writes[i]);
		build_add(b, STEP_LIMIT, writes[i].file, writes[i].value, NULL, writes[i].controller, writes[i].v2, 0);
	}
	b->where = NULL;
	add_devices(b);
	return build_class(b, e);
}

/* ---- root ---- */

/* A file system that lies on something of the host's: nobody inside may mount it. */
static bool is_device(const struct spec_mount *m)
{
	static const char *const none[] = {"proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay", "bpf", "binfmt_misc", "debugfs",
					   "tracefs", "securityfs", "configfs", "hugetlbfs", "pstore", "efivarfs", "fuse", "9p"};

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (strcmp(m->type, none[i]) == 0)
			return false;
	return !m->bind && !m->remount && m->source[0] == '/';
}

static bool is_layered(const struct spec_mount *m)
{
	return !m->bind && !m->remount && strcmp(m->type, "overlay") == 0 && m->data;
}

/* Of a path of the host's: opened into a slot and attached by the monitor. */
static bool is_bind(const struct spec_mount *m)
{
	return (m->bind && !m->relative && !m->remount) || is_device(m);
}

/* The directory of @path, which is absolute. */
static const char *parent_of(struct builder *b, const char *path)
{
	const char *slash = strrchr(path, '/'), *parent = slash == path ? "/" : arena_strndup(&b->p->arena, path, (size_t)(slash - path));

	if (!parent)
		b->oom = true;
	return parent;
}

static void add_root_opens(struct builder *b)
{
	const struct spec *s = b->s;
	char path[1024];
	bool early = spec_has_hook(s, SPEC_HOOK_PRE_MOUNT);

	/* by descriptors of the store, which belong to the mounts we came from */
	if (has_base(s) && early)
		build_add(b, STEP_LEASE_BASE, s->base, b->c->base_version, NULL, 0, 0, 0);
	build_hooks(b, SPEC_HOOK_PRE_MOUNT);
	b->where = s->rootfs ? spec_where(s, "lxc.rootfs.path") : NULL;
	if (s->mode == SPEC_HOST) {
		build_add(b, STEP_OPEN_HOST_ROOT, NULL, NULL, NULL, 0, 0, 0);
	} else if (s->lower_count) {
		build_add(b, STEP_OPEN_PRIVATE, parent_of(b, s->rootfs), NULL, NULL, 1, 0, 0); /* the work directory is shared by all that have the upper one there */
		for (size_t i = 0; i < s->lower_count; i++)
			build_add(b, STEP_OPEN_LOWER, s->lowers[i], NULL, NULL, 0, 0, 0);
	} else if (s->mode == SPEC_ROOTFS) {
		/* two systems on one tree would ruin it */
		build_add(b, STEP_OPEN_PRIVATE, s->rootfs, s->rootfs_options.data, NULL, 1, s->rootfs_options.read_only, 0);
	} else if (s->mode != SPEC_EPHEMERAL) {
		(void)snprintf(path, sizeof(path), "%s/%s/%s", b->c->lxcpath, s->name, s->mode == SPEC_OVERLAY ? "." : "private");
		build_add(b, STEP_OPEN_PRIVATE, path, NULL, NULL, 0, 0, 0);
	}
	b->where = NULL;
	if (has_base(s) && !early)
		build_add(b, STEP_LEASE_BASE, s->base, b->c->base_version, NULL, 0, 0, 0);
}

static void add_opens(struct builder *b)
{
	const struct spec *s = b->s;
	uint64_t slot = 0;

	if (build_is_own(s, SPEC_NS_MNT))
		add_root_opens(b);
	if (s->small_init)
		build_add(b, STEP_OPEN_INIT, b->c->init_helper, NULL, NULL, 0, 0, 0);
	if (b->c->seccomp)
		build_add(b, STEP_OPEN_SECCOMP, b->c->seccomp, NULL, NULL, 0, 0, 0);
	if (b->c->seccomp && s->seccomp_profile && s->seccomp_proxy)
		build_add(b, STEP_NOTIFY, s->seccomp_proxy, s->seccomp_cookie, NULL, 0, 0, 0);
	for (size_t i = 0; i < s->mount_count; i++) {
		b->where = s->mounts[i].where;
		if (is_device(&s->mounts[i]))
			build_add_tail(b,
				       build_add(b, STEP_OPEN_DEVICE, s->mounts[i].source, strcmp(s->mounts[i].type, "auto") == 0 ? NULL : s->mounts[i].type,
						 s->mounts[i].data, slot++, s->mounts[i].read_only, s->mounts[i].optional ? PLAN_SOURCE_OPTIONAL : 0),
				       NULL, 0);
		else if (is_bind(&s->mounts[i]))
			build_add(b, STEP_OPEN_SOURCE, s->mounts[i].source, s->mounts[i].idmap, NULL, slot++, s->mounts[i].recursive,
				  (s->mounts[i].optional ? PLAN_SOURCE_OPTIONAL : 0) | (s->mounts[i].make_source ? PLAN_SOURCE_MAKE : 0));
	}
	b->where = spec_where(s, "lxc.console.path");
	if (s->console)
		build_add(b, STEP_OPEN_CONSOLE, s->console, NULL, NULL, 0, 0, 0);
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++) {
		from_line(b, "lxc.namespace.share.", spec_ns_name((enum spec_ns)i));
		if (s->ns_share[i])
			build_add(b, STEP_OPEN_NS, spec_ns_name((enum spec_ns)i), b->c->ns_share[i] ?: s->ns_share[i], NULL, 0, 0, 0);
	}
	b->where = NULL;
	if (build_hosts(b) && build_is_own(s, SPEC_NS_MNT))
		build_add(b, STEP_OPEN_SOURCE, build_hosts(b), NULL, NULL, slot, 0, PLAN_SOURCE_OPTIONAL);
	build_cgroup_opens(b);
}

static void add_map_lines(struct builder *b, const struct spec_idmap *m, size_t count)
{
	for (; count--; m++) {
		b->where = m->where;
		build_add_tail(b, build_add(b, STEP_IDMAP, NULL, NULL, NULL, m->inside, m->host, m->count), NULL,
			       (m->uid ? PLAN_MAP_UID : 0) | (m->gid ? PLAN_MAP_GID : 0));
	}
	b->where = NULL;
}

static bool has_line(const struct plan_choices *c, const struct spec_idmap *m, bool uid)
{
	for (size_t i = 0; i < c->idmap_count; i++) {
		const struct spec_idmap *o = &c->idmaps[i];

		if ((uid ? o->uid : o->gid) && o->inside == m->inside && o->host == m->host && o->count == m->count)
			return true;
	}
	return false;
}

/* Do the lines of the config say what the chosen ones do? */
static bool agrees(const struct builder *b)
{
	for (size_t i = 0; i < b->s->idmap_count; i++) {
		const struct spec_idmap *m = &b->s->idmaps[i];

		if ((m->uid && !has_line(b->c, m, true)) || (m->gid && !has_line(b->c, m, false)))
			return false;
	}
	return true;
}

static void add_idmaps(struct builder *b)
{
	const struct spec *s = b->s;

	if (s->privileged)
		return;
	if (!build_is_own(s, SPEC_NS_USER) && !b->f->user_mode && !agrees(b)) /* there the lines name ids of the host's */
		buf_printf(b->notes, "lxc.idmap has no effect: the ids are those of the user namespace of '%s'\n", s->ns_share[SPEC_NS_USER]);
	if (b->c->idmap_count) {
		add_map_lines(b, b->c->idmaps, b->c->idmap_count);
		return;
	}
	if (b->f->user_mode) { /* the same ids; no line may span two of the namespace around it */
		build_add_tail(b, build_add(b, STEP_IDMAP, NULL, NULL, NULL, 0, 0, 1), NULL, PLAN_MAP_UID | PLAN_MAP_GID);
		build_add_tail(b, build_add(b, STEP_IDMAP, NULL, NULL, NULL, 1, 1, 65535), NULL, PLAN_MAP_UID | PLAN_MAP_GID);
		return;
	}
	if (s->idmap_count == 0)
		build_add_tail(b, build_add(b, STEP_IDMAP, NULL, NULL, NULL, 0, b->c->id_first, 65536), NULL, PLAN_MAP_UID | PLAN_MAP_GID);
	add_map_lines(b, s->idmaps, s->idmap_count);
}

static const char *limit_text(uint64_t limit, char out[24])
{
	(void)(limit == SPEC_MAX ? snprintf(out, 24, "unlimited") : snprintf(out, 24, "%llu", (unsigned long long)limit));
	return out;
}

static void add_rlimits(struct builder *b)
{
	const struct spec *s = b->s;

	for (size_t i = 0; i < s->prlimit_count; i++) {
		const struct spec_prlimit *l = &s->prlimits[i];
		uint64_t soft = l->soft, hard = l->hard, roof = SPEC_MAX;
		char wanted[24], used[24];

		if (!b->f->can_raise_rlimits && (size_t)l->resource < ARRAY_LEN(b->c->rlimit_hard))
			roof = b->c->rlimit_hard[l->resource];
		if (l->resource == RLIMIT_NOFILE && b->c->nofile_max && b->c->nofile_max < roof)
			roof = b->c->nofile_max;
		if (hard > roof) {
			if (!l->by_default)
				buf_printf(b->notes, "lxc.prlimit.%s: this host does not let us raise it to %s, using %s\n", spec_prlimit_name(l->resource),
					   limit_text(hard, wanted), limit_text(roof, used));
			hard = roof;
		}
		if (soft > hard)
			soft = hard;
		build_add(b, STEP_RLIMIT, NULL, NULL, NULL, (uint64_t)l->resource, soft, hard);
	}
}

/* Names and IPC: they are the container's, but the kernel asks for root of the host, whom a mapped child is not. */
static bool is_set_outside(const struct builder *b, const char *sysctl)
{
	enum spec_ns ns = spec_sysctl_ns(sysctl);

	return !b->s->privileged && !b->f->user_mode && (ns == SPEC_NS_UTS || ns == SPEC_NS_IPC);
}

static void add_process(struct builder *b)
{
	const struct spec *s = b->s;
	uint64_t flags = (build_is_own(s, SPEC_NS_PID) ? CLONE_NEWPID : 0) | (build_is_own(s, SPEC_NS_IPC) ? CLONE_NEWIPC : 0) | (build_is_own(s, SPEC_NS_UTS) ? CLONE_NEWUTS : 0);

	if (!s->privileged && build_is_own(s, SPEC_NS_USER))
		flags |= CLONE_NEWUSER;
	if (s->net != SPEC_NET_NONE)
		flags |= CLONE_NEWNET;
	build_add(b, STEP_STAGE, NULL, NULL, NULL, 0, 0, 0);
	if (!build_is_own(s, SPEC_NS_TIME)) {
		if (s->time_offset_set)
			buf_puts(b->notes, "lxc.time.offset has no effect: the clocks are not the container's own\n");
	} else if (b->f->time_ns && (s->time_offset_set || b->c->uptime_from_now))
		build_add(b, STEP_CLOCK, NULL, NULL, NULL, (uint64_t)s->time_boot_ns, (uint64_t)s->time_mono_ns, !s->time_offset_set);
	else if (s->time_offset_set)
		buf_puts(b->notes, "lxc.time.offset has no effect: no time namespace can be made here\n");
	add_idmaps(b);
	if (b->c->monitor_group) /* the container was not to inherit it, and the monitor leaves before the container's nodes go */
		build_add(b, STEP_CGROUP_MONITOR, b->c->monitor_group, b->c->monitor_pivot, NULL, 0, 0, 0);
	build_hooks(b, SPEC_HOOK_STOP); /* runs at the undo, when the process is gone */
	build_add(b, STEP_CHILD, NULL, NULL, NULL, flags, 0, 0);
	for (size_t i = 0; i < s->proc_count; i++) {
		from_line(b, "lxc.proc.", s->procs[i].name);
		build_add(b, STEP_PROC, s->procs[i].name, s->procs[i].value, NULL, 0, 0, 0);
	}
	for (size_t i = 0; i < s->sysctl_count; i++) {
		from_line(b, "lxc.sysctl.", s->sysctls[i].name);
		if (is_set_outside(b, s->sysctls[i].name))
			build_add(b, STEP_SYSCTL_OUTSIDE, s->sysctls[i].name, s->sysctls[i].value, NULL, 0, 0, 0);
	}
	b->where = NULL;
	add_rlimits(b);
}

static uint64_t mount_attrs(const struct spec_mount *m)
{
	return (m->read_only ? A_RDONLY : 0) | (m->nosuid ? A_NOSUID : 0) | (m->nodev ? A_NODEV : 0) | (m->noexec ? A_NOEXEC : 0) |
	       (m->noatime ? A_NOATIME : 0) | (m->strictatime ? A_STRICTATIME : 0) | (m->nodiratime ? A_NODIRATIME : 0) | (m->nosymfollow ? A_NOSYMFOLLOW : 0);
}

static uint64_t mount_create(const struct spec_mount *m)
{
	return (m->create_dir ? PLAN_CREATE_DIR : 0) | (m->create_file ? PLAN_CREATE_FILE : 0) | (m->optional ? PLAN_OPTIONAL : 0);
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Whether the target of a bind lies in what the child mounts, so that only the child can attach it. */
static bool is_late(const struct spec *s, const struct spec_mount *m)
{
	static const char *const kernel[] = {"proc", "sys", "dev/pts", "dev/shm", "dev/mqueue"};

	for (size_t i = 0; i < ARRAY_LEN(kernel); i++)
		if (is_below(m->target, kernel[i]) || strcmp(m->target, kernel[i]) == 0)
			return true;
	for (const struct spec_mount *o = s->mounts; o < m; o++)
		if (!is_bind(o) && !is_layered(o) && !o->remount && (o->bind || strcmp(o->type, "tmpfs") != 0) && is_below(m->target, o->target))
			return true;
	return false;
}

/* Whether the monitor makes tmpfs @m, because binds lie below. */
static bool is_early(const struct spec *s, const struct spec_mount *m)
{
	if (m->bind || m->remount || strcmp(m->type, "tmpfs") != 0 || is_late(s, m))
		return false;
	for (const struct spec_mount *o = m + 1; o < s->mounts + s->mount_count; o++)
		if ((is_bind(o) || is_layered(o)) && is_below(o->target, m->target))
			return true;
	return false;
}

#define RUN_OPTIONS "mode=0755"
#define RUN_ATTRS (A_NOSUID | A_NODEV)

static bool has_bind_in_run(const struct spec *s)
{
	for (size_t i = 0; i < s->mount_count; i++)
		if ((is_bind(&s->mounts[i]) || is_layered(&s->mounts[i])) && is_below(s->mounts[i].target, "run"))
			return true;
	return false;
}

/* In the user's order. */
static void add_binds(struct builder *b)
{
	const struct spec *s = b->s;
	uint64_t slot = 0;

	if (has_bind_in_run(s) && s->mode != SPEC_HOST)
		build_add(b, STEP_TMPFS, "run", RUN_OPTIONS, NULL, RUN_ATTRS, PLAN_CREATE_DIR, 0);
	for (size_t i = 0; i < s->mount_count; i++) {
		const struct spec_mount *m = &s->mounts[i];

		b->where = m->where;
		if (is_early(s, m))
			build_add(b, STEP_TMPFS, m->target, m->data, NULL, mount_attrs(m), mount_create(m), 0);
		else if (is_layered(m))
			build_add(b, STEP_OVERLAY, m->target, m->data, NULL, mount_attrs(m), mount_create(m), 0);
		else if (is_bind(m) && is_late(s, m))
			build_add(b, STEP_BIND_LATER, m->target, NULL, NULL, slot++, mount_attrs(m), m->propagation);
		else if (is_bind(m))
			build_add_tail(b, build_add(b, STEP_BIND, m->target, NULL, NULL, slot++, mount_attrs(m), mount_create(m)), NULL, m->propagation);
	}
	b->where = NULL;
	if (build_hosts(b))
		build_add_tail(b,
			       build_add(b, STEP_BIND, "etc/hosts", NULL, NULL, slot, A_RDONLY | A_NOSUID | A_NODEV | A_NOEXEC, PLAN_CREATE_FILE | PLAN_OPTIONAL), NULL,
			       0);
}

/* A tree of the user's own may have been prepared for the ids the user gave. */
static const char *root_idmap(const struct spec *s)
{
	if (s->mode == SPEC_HOST)
		return "none"; /* its files belong to strangers: root inside must not be root of the host's */
	if (s->rootfs_options.idmap)
		return s->rootfs_options.idmap;
	return s->mode == SPEC_ROOTFS ? "auto" : NULL;
}

/* The work directory, where LXC has it. */
static const char *work_name(const struct spec *s)
{
	return strcmp(strrchr(s->rootfs, '/'), "/work") == 0 ? "olwork" : "work";
}

static void add_root(struct builder *b)
{
	static const char *const split[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"};
	const struct spec *s = b->s;

	if (!build_is_own(s, SPEC_NS_MNT)) {
		build_add(b, STEP_SEAL_STAGE, NULL, NULL, NULL, 0, 0, 0);
		return;
	}
	if (s->lower_count)
		build_add(b, STEP_ROOT_OVERLAY, strrchr(s->rootfs, '/') + 1, work_name(s), root_idmap(s), 0, 0, 0);
	else if (is_overlay(s))
		build_add(b, STEP_ROOT_OVERLAY, NULL, NULL, NULL, s->mode == SPEC_EPHEMERAL ? s->ephemeral_size : 0, s->mode == SPEC_EPHEMERAL, 0);
	else
		build_add(b, STEP_ROOT, root_idmap(s), NULL, NULL, 0, 0, 0);
	if (s->mode == SPEC_BIND) {
		build_add(b, STEP_COMMON, "usr", "usr/local", NULL, 0, 0, 0);
		for (size_t i = 0; !b->c->base_merged_usr && i < ARRAY_LEN(split); i++)
			build_add(b, STEP_COMMON, split[i], NULL, NULL, 0, 0, 0);
	}
	build_add(b, STEP_DEV, s->dev_own && s->privileged ? NULL : "null zero full random urandom tty", NULL, NULL, s->dev_size, s->dev_own, 0);
	add_binds(b);
	build_cgroup_binds(b);
	if (mount_attrs(&s->rootfs_options)) /* last: what is made above must be written */
		build_add(b, STEP_ROOT_ATTRS, NULL, NULL, NULL, mount_attrs(&s->rootfs_options), 0, 0);
	build_add(b, STEP_SEAL_STAGE, NULL, NULL, NULL, 0, 0, 0);
}

/* ---- inside ---- */

static void add_fs(struct builder *b, const char *type, const char *target, const char *options, uint64_t attrs)
{
	build_add(b, STEP_MOUNT, type, target, options, attrs, 0, 0);
}

/* The user's mounts that are made inside, and how events pass at all of them: a copy of a mount namespace starts anew with that. */
static void add_mounts_inside(struct builder *b)
{
	const struct spec *s = b->s;
	uint64_t slot = 0;

	for (size_t i = 0; i < s->mount_count; i++) {
		const struct spec_mount *m = &s->mounts[i];

		b->where = m->where;
		if (is_bind(m)) {
			if (is_late(s, m))
				build_add(b, STEP_BIND_LATE, m->target, NULL, NULL, slot, mount_create(m), 0);
			slot++;
		} else if (m->bind || m->remount) {
			build_add(b, STEP_BIND_INSIDE, m->remount ? NULL : m->source, m->target, NULL, mount_attrs(m), mount_create(m), m->recursive);
		} else if (!is_early(s, m) && !is_layered(m)) {
			build_add(b, STEP_MOUNT, m->type, m->target, m->data, mount_attrs(m), mount_create(m), 0);
		}
		if (m->propagation && !(m->propagation == SPEC_PROP_SLAVE && is_bind(m)))
			build_add(b, STEP_PROPAGATE, m->target, NULL, NULL, m->propagation, m->propagation_all, 0);
	}
	b->where = NULL;
}

static bool has_mount_at(const struct spec *s, const char *target)
{
	for (size_t i = 0; i < s->mount_count; i++)
		if (strcmp(s->mounts[i].target, target) == 0)
			return true;
	return false;
}

static void add_sysctls(struct builder *b)
{
	const struct spec *s = b->s;

	for (size_t i = 0; i < s->sysctl_count; i++) {
		from_line(b, "lxc.sysctl.", s->sysctls[i].name);
		if (!is_set_outside(b, s->sysctls[i].name))
			build_add(b, STEP_SYSCTL, s->sysctls[i].name, s->sysctls[i].value, NULL, 0, 0, 0);
	}
	b->where = NULL;
}

static void add_kernel_mounts(struct builder *b)
{
	/* What the kernel would show of the host or of other containers; most need more than namespace root anyway: a second wall. */
	static const char *const masked[] = {"kcore",     "keys",       "key-users", "timer_list", "kmsg",       "kallsyms", "slabinfo",
					     "vmallocinfo", "interrupts", "config.gz", "latency_stats", "sched_debug", "acpi",   "scsi",
					     "asound",    "kpagecount", "kpageflags", "kpagecgroup", "sysrq-trigger", "iomem", "ioports"};
	const struct spec *s = b->s;
	const uint64_t strict = A_NOSUID | A_NODEV | A_NOEXEC;
	char options[96], path[64];

	/* LXC's busybox template says 1, from when that was only a switch: our own terminals come on top of what would not even hold them */
	(void)snprintf(options, sizeof(options), "newinstance,ptmxmode=0666,mode=0620,gid=5,max=%u",
		       s->pty_max > s->tty_count + 1 ? s->pty_max : s->pty_max + s->tty_count + 1);
	add_fs(b, "devpts", "dev/pts", options, A_NOSUID | A_NOEXEC);
	add_fs(b, "tmpfs", "dev/shm", "mode=1777", A_NOSUID | A_NODEV);
	/* nothing is made in a /dev that is the host's */
	build_add(b, STEP_MOUNT, "mqueue", "dev/mqueue", NULL, strict, has_mount_at(s, "dev") ? PLAN_OPTIONAL : 0, 0);
	add_fs(b, "proc", "proc", NULL, strict);
	add_fs(b, "sysfs", "sys", NULL, strict | (s->auto_sys == SPEC_AUTO_UNSET || s->auto_sys == SPEC_AUTO_RO ? A_RDONLY : 0));
	build_cgroup_mounts(b);
	if (!has_bind_in_run(s) && s->mode != SPEC_HOST)
		add_fs(b, "tmpfs", "run", RUN_OPTIONS, RUN_ATTRS);
	add_sysctls(b); /* while proc/sys can be written */
	for (size_t i = 0; i < ARRAY_LEN(masked); i++) {
		(void)snprintf(path, sizeof(path), "proc/%s", masked[i]);
		build_add(b, STEP_MASK, path, NULL, NULL, 0, 0, 0);
	}
	build_add(b, STEP_MASK, "sys/firmware", NULL, NULL, 0, 0, 0);
	build_add(b, STEP_MASK, "sys/kernel/debug", NULL, NULL, 0, 0, 0);
	if (s->auto_proc != SPEC_AUTO_RW) {
		/* /proc/sys stays writable where the kernel itself gives each namespace its own values */
		build_add(b, STEP_READ_ONLY, "proc/sys", "net", NULL, 0, 0, 0);
		build_add(b, STEP_READ_ONLY, "proc/bus", NULL, NULL, 0, 0, 0);
		build_add(b, STEP_READ_ONLY, "proc/fs", NULL, NULL, 0, 0, 0);
		build_add(b, STEP_READ_ONLY, "proc/irq", NULL, NULL, 0, 0, 0);
	}
	if (s->auto_sys == SPEC_AUTO_MIXED) /* interfaces' settings are the container's own */
		build_add(b, STEP_READ_ONLY, "sys", "devices/virtual/net", NULL, 0, 0, 0);
	add_mounts_inside(b);
}

static void add_pair(struct builder *b, const char *name, const char *value)
{
	char *text = arena_printf(&b->p->arena, "%s=%s", name, value);

	if (!text)
		b->oom = true;
	else
		build_add(b, STEP_ENV, text, NULL, NULL, 0, 0, 0);
}

static bool is_named(const struct spec_pair *pairs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].name, name) == 0)
			return true;
	return false;
}

static bool env_said(const struct spec *s, const char *name)
{
	return is_named(s->env, s->env_count, name) || is_named(s->env_runtime, s->env_runtime_count, name);
}

/* systemd runs a login on each pty of this list. The console is the first of the container's own devpts, tty1 and the rest follow. */
static void add_ttys(struct builder *b)
{
	char list[SPEC_MAX_TTYS * 8 + 16] = "";
	size_t len = 0;

	if (b->s->small_init || env_said(b->s, "container_ttys"))
		return;
	for (uint32_t i = 1; i <= b->s->tty_count && len + 16 < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%spts/%u", len ? " " : "", i);
	if (len)
		add_pair(b, "container_ttys", list);
}

/* The caller's value of @name, NULL when there is none. */
const char *build_inherited(const struct builder *b, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; b->c->env && b->c->env[i]; i++)
		if (strncmp(b->c->env[i], name, len) == 0 && b->c->env[i][len] == '=')
			return b->c->env[i] + len + 1;
	return NULL;
}

static void add_variable(struct builder *b, const struct spec_pair *p)
{
	const char *value = p->value ? p->value : build_inherited(b, p->name);

	if (value)
		add_pair(b, p->name, value);
	else
		buf_printf(b->notes, "lxc.environment = %s: whoever starts the container has no such variable\n", p->name);
}

static void add_env(struct builder *b)
{
	static const struct spec_pair defaults[] = {
		{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"TERM", "linux"}, {"container", "lxc"}};
	const struct spec *s = b->s;

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (!env_said(s, defaults[i].name))
			add_pair(b, defaults[i].name, defaults[i].value);
	add_ttys(b);
	for (size_t i = 0; i < s->env_count; i++)
		if (!is_named(s->env_runtime, s->env_runtime_count, s->env[i].name))
			add_variable(b, &s->env[i]);
	for (size_t i = 0; i < s->env_runtime_count; i++)
		add_variable(b, &s->env_runtime[i]);
}

/* By its name: "init", "runit-init", "systemd". */
static bool is_init_system(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	return (len >= 4 && strcmp(name + len - 4, "init") == 0) || strcmp(name, "systemd") == 0;
}

/* "27,1000"; NULL when none was said. */
static const char *group_list(struct builder *b)
{
	const char *list = NULL;

	for (size_t i = 0; i < b->s->init_group_count; i++) {
		list = arena_printf(&b->p->arena, "%s%s%u", list ?: "", list ? "," : "", b->s->init_groups[i]);
		if (!list)
			b->oom = true;
	}
	return list;
}

/* A policy of the user's own knows the calls of his programs, maybe not those of the last steps of ours: it is loaded when nothing is left to do but the exec. That wants root, and that
 * nothing of the container's runs before. */
static bool loads_late(const struct spec *s)
{
	return s->seccomp_profile && (s->mode == SPEC_ROOTFS || s->mode == SPEC_HOST) && s->init_uid == 0 && s->init_gid == 0 && !spec_has_hook(s, SPEC_HOOK_START);
}

static void add_pivot(struct builder *b)
{
	const struct spec *s = b->s;

	build_add(b, STEP_PIVOT, NULL, NULL, NULL, 0, 0, 0);
	if (s->rootfs_options.propagation) /* nothing pivots to a root whose mounts are shared */
		build_add(b, STEP_PROPAGATE, ".", NULL, NULL, s->rootfs_options.propagation, s->rootfs_options.propagation_all, 0);
	if (build_resolv(b))
		build_add(b, STEP_RESOLV, build_resolv(b), NULL, NULL, 0, 0, 0);
}

static int add_child(struct builder *b, struct err *e)
{
	const struct spec *s = b->s;
	bool own_mounts = build_is_own(s, SPEC_NS_MNT);
	int r;
	/* A real init wants a console that its getty can take, as the kernel gives it one. A program in the background must not get SIGHUP when the monitor, which
	 * holds the other side, is killed. */
	bool in_front = b->c->foreground && !b->c->stdio_pipes && !s->console_none && !is_init_system(s->init[0]);
	uint64_t user_flags = (s->small_init ? PLAN_SMALL_INIT : 0) | (b->c->stdio_pipes ? PLAN_STDIO : 0) | (in_front ? PLAN_CTTY : 0);

	build_add(b, STEP_ENTER, NULL, NULL, NULL, (own_mounts ? CLONE_NEWNS : 0) | (build_is_own(s, SPEC_NS_CGROUP) ? CLONE_NEWCGROUP : 0), 0, 0);
	if (own_mounts)
		add_kernel_mounts(b);
	else
		add_sysctls(b);
	build_add(b, STEP_CONSOLE, s->tty_dir, NULL, NULL, s->tty_count, s->console_none ? PLAN_CONSOLE_NONE : own_mounts ? 0 : PLAN_CONSOLE_BARE, 0);
	if (s->net != SPEC_NET_NONE)
		build_add(b, STEP_LOOPBACK, NULL, NULL, NULL, 0, 0, 0);
	build_hooks(b, SPEC_HOOK_MOUNT);
	build_hooks(b, SPEC_HOOK_AUTODEV);
	if (build_is_own(s, SPEC_NS_UTS))
		build_add(b, STEP_HOSTNAME, s->hostname, NULL, NULL, 0, 0, 0);
	if (own_mounts)
		add_pivot(b);
	add_env(b);
	build_add(b, STEP_CAPS, NULL, NULL, NULL, s->caps_keep, 0, 0);
	build_keyring_label(b);
	if (!s->keyring_shared)
		build_add(b, STEP_KEYRING, NULL, NULL, NULL, 0, 0, 0);
	if (s->sched_core && !b->f->core_sched)
		buf_puts(b->notes, "lxc.sched.core has no effect: this kernel, or this processor, has no core scheduling\n");
	else if (s->sched_core)
		build_add(b, STEP_SCHED_CORE, NULL, NULL, NULL, 0, 0, 0);
	build_hooks(b, SPEC_HOOK_START_HOST);
	r = build_labels(b, e);
	if (r < 0)
		return r;
	/* loading a filter wants CAP_SYS_ADMIN over the namespace: before the ids change */
	build_add(b, STEP_SECCOMP, NULL, NULL, NULL, s->no_new_privs, b->c->seccomp ? 1 + loads_late(s) : 0, 0);
	/* may run a program of the container (ssh host keys): only behind the same walls as init */
	if (s->mode != SPEC_ROOTFS && s->mode != SPEC_HOST && own_mounts)
		build_add(b, STEP_IDENTITY, s->hostname, NULL, NULL, 0, 0, 0);
	build_hooks(b, SPEC_HOOK_START);
	b->where = s->init_cwd ? spec_where(s, "lxc.init.cwd") : NULL;
	build_add(b, STEP_USER, s->init_cwd, group_list(b), NULL, s->init_uid, s->init_gid, user_flags);
	b->where = NULL;
	if (s->signal_pdeath) /* behind the change of ids, which takes it away */
		build_add(b, STEP_PDEATH, NULL, NULL, NULL, (uint64_t)s->signal_pdeath, 0, 0);
	for (size_t i = 0; i < s->init_count; i++)
		build_add(b, STEP_ARG, s->init[i], NULL, NULL, 0, 0, 0);
	build_net_wait(b, true);
	if (b->c->restore)
		build_add(b, STEP_RESTORE, b->c->restore->dir, b->c->restore->criu, b->c->restore->action_script, b->c->restore->verbose, 0, 0);
	build_add(b, STEP_EXEC, NULL, NULL, NULL, 0, 0, 0);
	return 0;
}

int plan_build(const struct spec *s, const struct facts *f, const struct plan_choices *c, struct plan *ret, struct buf *notes, struct err *e)
{
	struct plan p = {0};
	struct builder b = {.s = s, .f = f, .c = c, .p = &p, .notes = notes};
	int r;

	add_who(&b);
	build_user_ports(&b);
	r = add_cgroup(&b, e);
	if (r == 0) {
		add_opens(&b);
		add_process(&b);
		r = build_net_begin(&b, e);
	}
	if (r == 0) {
		add_root(&b);
		build_net_wait(&b, false);
		r = add_child(&b, e);
		if (r == 0 && b.oom)
			r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory while planning");
	}
	if (r < 0) {
		plan_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}
