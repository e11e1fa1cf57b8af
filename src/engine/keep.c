/* keep.c - house-keeping: who uses how much, what can be collected, what this host can do. */
#include "engine/engine.h"
#include "engine/user.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "engine/network.h"
#include "linux/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- df ---- */

int coppice_df(struct coppice *c, struct coppice_df **ret, size_t *ret_count, struct err *e)
{
	autofree struct coppice_base *bases = NULL;
	autofree struct coppice_info *infos = NULL;
	autofree struct coppice_df *list = NULL;
	size_t bases_count = 0, infos_count = 0;
	int r = coppice_base_list(c, &bases, &bases_count, e);

	if (r == 0)
		r = coppice_list(c, COPPICE_INFO_DISK | COPPICE_INFO_BASE, &infos, &infos_count, e);
	if (r == 0) {
		list = calloc(bases_count + 1, sizeof(*list));
		r = list ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < bases_count; i++) {
		(void)snprintf(list[i].base, sizeof(list[i].base), "%s", bases[i].name);
		(void)snprintf(list[i].version, sizeof(list[i].version), "%s", bases[i].version);
		list[i].common = bases[i].common_bytes;
		list[i].on_disk = bases[i].image_bytes + bases[i].skel_bytes;
	}
	/* the last row, without a name, takes containers that share nothing */
	for (size_t i = 0; r == 0 && i < infos_count; i++) {
		size_t at = bases_count;

		for (size_t b = 0; b < bases_count; b++)
			if (strcmp(list[b].base, infos[i].base) == 0 && strcmp(list[b].version, infos[i].version) == 0 && strcmp(infos[i].mode, "copy") != 0)
				at = b;
		if (infos[i].private_bytes != UINT64_MAX) {
			list[at].private_total += infos[i].private_bytes;
			list[at].on_disk += infos[i].private_bytes;
			list[at].full_copies += infos[i].private_bytes + (at < bases_count ? list[at].common : 0);
		}
		list[at].containers++;
	}
	if (r < 0)
		return err_what(e, "cannot measure disk usage");
	*ret_count = bases_count + (list[bases_count].containers ? 1 : 0);
	*ret = take(list);
	return 0;
}

/* ---- gc ---- */

static int gc_trash(struct coppice *c, struct coppice_gc *io, struct err *e)
{
	struct arena a = ARENA_INIT;
	struct state_trash *list = NULL;
	size_t count = 0;
	int64_t now = clock_unix();
	int r = state_trash_list(&c->state, &a, &list, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		char path[160];
		autoclose int dir = FD_NONE;
		uint64_t bytes = 0, files = 0;

		if (now - list[i].deleted < (int64_t)io->trash_age_s)
			continue;
		(void)snprintf(path, sizeof(path), ".trash/%s", list[i].id);
		dir = fd_open(c->state.lxc_dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		if (dir >= 0 && store_tree_usage(dir, &bytes, &files) == 0)
			io->bytes += bytes;
		io->trash++;
		if (io->dry_run)
			continue;
		r = state_trash_purge(&c->state, list[i].id, e);
		if (r == 0) {
			autoclose int alive = state_dir(&c->state, list[i].name);

			if (alive == -ENOENT) /* a new container of that name keeps ids and addresses */
				engine_release_ids(c, list[i].name);
		}
	}
	arena_done(&a);
	return r;
}

/* Id ranges whose container is gone for good; one in the trash keeps its own. */
static int gc_ranges(struct coppice *c, bool dry_run, unsigned *ret_count, struct err *e)
{
	struct arena a = ARENA_INIT;
	struct state_trash *list = NULL;
	const char **live = NULL;
	size_t count = 0, live_count = 0;
	int r = state_trash_list(&c->state, &a, &list, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const char **owner = arena_push(&a, &live, &live_count, sizeof(*live));

		if (owner)
			*owner = arena_printf(&a, "%s/%s", c->lxcpath, list[i].name);
		if (!owner || !*owner)
			r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = store_range_sweep(&c->store, live, live_count, dry_run, ret_count, e);
	arena_done(&a);
	return r;
}

static int gc_leftovers(struct coppice *c, struct coppice_gc *io, struct err *e)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL;
	size_t count = 0;
	int r = state_names(&c->state, &a, &names, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		autoclose int lock = FD_NONE;
		struct err busy;
		struct live l;

		r = engine_live(c, names[i], &l, e);
		if (r == 0 && l.alive && !io->dry_run) /* what nft flush ruleset has taken away */
			r = engine_class(c, names[i], l.record.group, true, e);
		if (r < 0 || l.alive || l.monitor || !l.leftovers)
			continue;
		lock = state_lock(&c->state, names[i], "gc", clock_now_ms(), &busy);
		if (lock < 0)
			continue; /* somebody is at it */
		io->leftovers++;
		if (!io->dry_run)
			r = engine_repair(c, names[i], &l, e);
	}
	arena_done(&a);
	return r;
}

int coppice_gc(struct coppice *c, struct coppice_gc *io, struct err *e)
{
	struct store_gc gc = {0};
	unsigned ranges = 0, networks = 0;
	int r = engine_state(c, e);

	io->staging = io->trash = io->pool = io->leftovers = 0;
	io->bytes = 0;
	if (r == 0)
		r = engine_store(c, e);
	if (r == 0)
		r = engine_facts(c, e);
	if (r == 0) {
		if (!io->dry_run)
			engine_sweep(c);
		r = gc_leftovers(c, io, e);
	}
	if (r == 0)
		r = gc_trash(c, io, e);
	if (r == 0)
		r = store_gc(&c->store, io->dry_run, &gc, e);
	if (r == 0)
		r = gc_ranges(c, io->dry_run, &ranges, e);
	if (r == 0)
		r = engine_network_gc(c, io->dry_run, &networks, e);
	io->leftovers += ranges + networks;
	io->staging += gc.staging;
	io->trash += gc.trash;
	io->pool += gc.pool;
	io->bytes += gc.bytes;
	return r < 0 ? err_what(e, "cannot collect garbage") : 0;
}

/* ---- doctor ---- */

struct checks {
	struct coppice_check *list;
	size_t count, cap;
};

static void check(struct checks *cs, const char *id, int level, const char *fix, const char *fmt, ...) PRINTF(5, 6);

static void check(struct checks *cs, const char *id, int level, const char *fix, const char *fmt, ...)
{
	struct coppice_check *ck;
	va_list ap;

	if (cs->count == cs->cap) {
		size_t cap = cs->cap ? cs->cap * 2 : 16;
		struct coppice_check *bigger = realloc(cs->list, cap * sizeof(*bigger));

		if (!bigger)
			return;
		cs->list = bigger;
		cs->cap = cap;
	}
	ck = &cs->list[cs->count++];
	memset(ck, 0, sizeof(*ck));
	ck->level = level;
	(void)snprintf(ck->id, sizeof(ck->id), "%s", id);
	(void)snprintf(ck->fix, sizeof(ck->fix), "%s", fix ?: "");
	va_start(ap, fmt);
	(void)vsnprintf(ck->text, sizeof(ck->text), fmt, ap);
	va_end(ap);
}

static uint64_t read_number(const char *path, uint64_t fallback)
{
	char text[64];
	uint64_t v;

	return fd_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 && parse_u64(text, &v) == 0 ? v : fallback;
}

static void check_kernel(struct checks *cs, const struct facts *f)
{
	check(cs, "kernel", f->kernel_major > 5 || (f->kernel_major == 5 && f->kernel_minor >= 12) ? 0 : 2, "run Linux 5.12 or newer",
	      "kernel %u.%u%s", f->kernel_major, f->kernel_minor, f->time_ns ? ", time namespaces" : "");
	check(cs, "userns", read_number("/proc/sys/user/max_user_namespaces", 0) ? 0 : 2, "sysctl user.max_user_namespaces=100000",
	      "user namespaces %s", read_number("/proc/sys/user/max_user_namespaces", 0) ? "are available" : "are switched off");
	if (f->erofs_file)
		check(cs, "seal", 0, NULL, "sealed images are mounted straight from their file");
	else if (f->erofs_loop)
		check(cs, "seal", 0, NULL, "sealed images are mounted through loop devices (this kernel is older than 6.12)");
	else
		check(cs, "seal", 1, "modprobe erofs", "no EROFS here: bases are sealed as read-only directories only");
	check(cs, "rebase", f->mount_beneath ? 0 : 1, "run Linux 6.5 or newer", "%s",
	      f->mount_beneath ? "mounts can be swapped beneath running containers" : "no mount-beneath: a new base needs a restart");
}

static void check_cgroups(struct checks *cs, const struct facts *f)
{
	static const char *const layouts[] = {[CG_NONE] = "none", [CG_V1] = "v1", [CG_HYBRID] = "hybrid (v1 controllers, v2 beside them)", [CG_V2] = "v2"};
	static const struct {
		enum cg_controller c;
		const char *name;
	} wanted[] = {{CG_MEMORY, "memory"}, {CG_CPU, "cpu"}, {CG_PIDS, "pids"}, {CG_CPUSET, "cpuset"}};

	check(cs, "cgroup", f->cgroup == CG_NONE ? 2 : 0, "mount a cgroup file system", "cgroup layout: %s", layouts[f->cgroup]);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (!f->v1_mount[wanted[i].c][0] && !(f->v2_controllers & (1u << wanted[i].c)))
			check(cs, "controller", 1, NULL, "the %s controller is not available: its limits cannot be held", wanted[i].name);
	check(cs, "devices", f->bpf_devices || f->v1_mount[CG_DEVICES][0] ? 0 : 1, NULL, "device lists are enforced by %s",
	      f->bpf_devices ? "a BPF program" : f->v1_mount[CG_DEVICES][0] ? "the v1 devices controller" : "nothing on this host");
}

/* What really stops people at the n-th container, as numbers. */
static void check_capacity(struct checks *cs)
{
	static const struct {
		const char *id, *path, *what;
		uint64_t each;
	} limits[] = {
		{"inotify", "/proc/sys/fs/inotify/max_user_instances", "inotify instances", 4},
		{"keys", "/proc/sys/kernel/keys/maxkeys", "kernel keys", 2},
		{"ptys", "/proc/sys/kernel/pty/max", "terminals", 6},
		{"pids", "/proc/sys/kernel/pid_max", "process ids", 32},
	};
	uint64_t lowest = UINT64_MAX;
	const char *first = "";

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		uint64_t have = read_number(limits[i].path, UINT64_MAX), room = have == UINT64_MAX ? have : have / limits[i].each;

		if (room < lowest) {
			lowest = room;
			first = limits[i].what;
		}
	}
	/* user namespaces have their own inotify and key accounts: the figure is a caution, not a wall */
	if (lowest != UINT64_MAX)
		check(cs, "capacity", lowest < 50 ? 1 : 0, lowest < 50 ? "sysctl fs.inotify.max_user_instances=8192" : NULL,
		      "about %llu system containers fit the limits of this host (first: %s)", (unsigned long long)lowest, first);
}

static void check_places(struct coppice *c, struct checks *cs)
{
	struct statvfs vfs;
	char path[512];
	struct err e = {0};

	if (engine_store(c, &e) < 0)
		check(cs, "store", 2, e.hint, "the store '%s' cannot be used: %s", c->root, e.why);
	else if (statvfs(c->root, &vfs) == 0) {
		uint64_t left = (uint64_t)vfs.f_bavail * vfs.f_frsize;
		bool tight = left < (uint64_t)1 << 30 || (vfs.f_files && vfs.f_favail < 10000);

		check(cs, "space", tight ? 1 : 0, tight ? "coppice gc" : NULL, "%llu MiB and %llu inodes are free for '%s'", (unsigned long long)(left >> 20),
		      (unsigned long long)vfs.f_favail, c->root);
	}
	err_clear(&e);
	if (engine_state(c, &e) < 0)
		check(cs, "containers", 2, e.hint, "'%s' cannot be used: %s", c->lxcpath, e.why);
	err_clear(&e);
	if (engine_helper("coppice-image", path, &e) < 0)
		check(cs, "helper", 2, e.hint, "%s", e.why);
	if (engine_helper("coppice-init", path, &e) < 0)
		check(cs, "helper", 2, e.hint, "%s", e.why);
	if (!c->facts.user_mode && access("/usr/bin/mkfs.erofs", X_OK) < 0)
		check(cs, "mkfs.erofs", 1, "apt-get install erofs-utils", "no mkfs.erofs: new bases are sealed as directories");
	if (access("/usr/bin/mmdebstrap", X_OK) < 0)
		check(cs, "mmdebstrap", 1, "apt-get install mmdebstrap", "no mmdebstrap: bases of other suites cannot be built");
}

/* That there are subordinate ids is known: we are in. */
static void check_user(struct checks *cs, const struct facts *f)
{
	bool pasta = access("/usr/bin/pasta", X_OK) == 0 || access("/usr/local/bin/pasta", X_OK) == 0;
	bool slirp = access("/usr/bin/slirp4netns", X_OK) == 0 || access("/usr/local/bin/slirp4netns", X_OK) == 0;
	bool tun = access("/dev/net/tun", R_OK | W_OK) == 0;

	check(cs, "user", 0, NULL, "without root: user %u and the ids of his range, bases are plain trees", (unsigned)engine_host_uid());
	check(cs, "cgroup", f->cgroup == CG_NONE ? 1 : 0, f->cgroup == CG_NONE ? "systemd-run --user --scope $SHELL" : NULL, "%s",
	      f->cgroup == CG_NONE ? "no control group has been given to you: no limits, no pause, no systemd in containers" : "containers have control groups beneath one that was given to you");
	if (!pasta && !slirp)
		check(cs, "network", 1, "as root: apt-get install passt", "no pasta, no slirp4netns: containers have no network outside");
	else
		check(cs, "network", tun ? 0 : 1, tun ? NULL : "as root: chmod 0666 /dev/net/tun", tun ? "containers are connected by a program of yours" : "/dev/net/tun cannot be opened: containers have no network outside");
}

static void found_network(void *data, const char *id, int level, const char *fix, const char *text)
{
	check(data, id, level, fix, "%s", text);
}

int coppice_doctor(struct coppice *c, struct coppice_check **ret, size_t *ret_count, struct err *e)
{
	struct checks cs = {0};
	int r;

	r = engine_facts(c, e);
	if (r < 0)
		return err_what(e, "cannot look at this host");
	if (c->facts.user_mode) {
		check_user(&cs, &c->facts);
	} else {
		check_kernel(&cs, &c->facts);
		check_cgroups(&cs, &c->facts);
	}
	check_capacity(&cs);
	check_places(c, &cs);
	if (!c->facts.user_mode)
		engine_network_doctor(c, found_network, &cs);
	*ret = cs.list;
	*ret_count = cs.count;
	return 0;
}
