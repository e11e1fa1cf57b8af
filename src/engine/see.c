/* see.c - what there is: info, list, wait, logs, console. */
#include "engine/inside.h"
#include "engine/nic.h"
#include "engine/user.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "linux/cgroup.h"
#include "linux/nsaddr.h"
#include "supervise/monitor.h"
#include "supervise/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static void open_roots(struct coppice *c, unsigned what)
{
	uint32_t want = 0; /* CPU time is always read on v2 */

	if (c->have_roots)
		return;
	if (what & (COPPICE_INFO_USAGE | COPPICE_INFO_DETAIL))
		want |= 1u << CG_MEMORY | 1u << CG_PIDS;
	if (what & COPPICE_INFO_IO)
		want |= 1u << CG_IO;
	c->have_roots = cg_roots_open(&c->facts, want, &c->roots) == 0;
}

void engine_roots(struct coppice *c)
{
	open_roots(c, 0);
}

void engine_roots_done(struct coppice *c)
{
	if (c->have_roots)
		cg_roots_done(&c->roots);
	c->have_roots = false;
}

static bool read_usage(struct coppice *c, const char *group, bool all, struct cg_usage *u, bool *ret_frozen)
{
	struct cg_state state = {0};
	struct cgroup cg;

	if (c->have_roots && !all) {
		if (cgroup_peek(&c->roots, group, &state) < 0)
			return false;
		memset(u, 0xff, sizeof(*u));
		cgroup_peek_usage(&c->roots, group, 1u << CG_MEMORY | 1u << CG_CPU | 1u << CG_PIDS, u);
		*ret_frozen = state.frozen;
		return true;
	}
	if (cgroup_open(&c->facts, group, &cg) < 0)
		return false;
	cgroup_usage(&cg, u);
	*ret_frozen = cgroup_is_frozen(&cg) == 1;
	cgroup_done(&cg);
	return true;
}

void engine_usage(struct coppice *c, const char *group, bool all, struct coppice_info *ret)
{
	struct cg_usage u;
	bool frozen = false;

	if (!read_usage(c, group, all, &u, &frozen))
		return;
	if (frozen && ret->state == COPPICE_RUNNING)
		ret->state = COPPICE_FROZEN;
	ret->memory = u.memory_current;
	ret->memory_peak = u.memory_peak;
	ret->memory_max = u.memory_max;
	ret->swap = u.swap_current;
	ret->cpu_usec = u.cpu_usec;
	ret->pids = u.pids_current;
	ret->pids_max = u.pids_max;
	ret->oom_kills = u.oom_kills;
}

static bool is_frozen(struct coppice *c, const char *group)
{
	struct cg_state state;

	return c->have_roots && cgroup_peek(&c->roots, group, &state) == 0 && state.frozen;
}

static void add_detail(struct coppice *c, const char *group, unsigned what, struct coppice_info *ret)
{
	unsigned want = (what & COPPICE_INFO_SWAP ? CG_DETAIL_SWAP : 0) | (what & COPPICE_INFO_KERNEL ? CG_DETAIL_KERNEL : 0) |
			(what & COPPICE_INFO_IO ? CG_DETAIL_IO : 0) | (what & COPPICE_INFO_CPU_KINDS ? CG_DETAIL_CPU : 0);
	struct cg_detail d;

	if (!c->have_roots)
		return;
	cgroup_peek_detail(&c->roots, group, want, &d);
	ret->swap = d.swap;
	ret->kernel_memory = d.kernel;
	ret->io_read = d.io_read;
	ret->io_write = d.io_write;
	ret->io_ops = d.io_ops;
	ret->cpu_user_usec = d.cpu_user_usec;
	ret->cpu_system_usec = d.cpu_system_usec;
}

static void note(struct coppice_info *ret, const char *text)
{
	(void)snprintf(ret->note, sizeof(ret->note), "%s", text);
}

/* With commas, as many as fit. */
static void join(const char *const *words, size_t count, char *out, size_t size)
{
	for (size_t i = 0, used = 0; i < count; i++) {
		int n = snprintf(out + used, size - used, "%s%s", i ? "," : "", words[i]);

		if (n < 0 || (size_t)n >= size - used) {
			out[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
}

/* What the config says; a broken one is told, not hidden. */
static void from_config(struct coppice *c, const char *name, bool pin, struct coppice_info *ret)
{
	struct spec s;
	struct err e = {0};

	if (engine_spec_look(c, name, pin, &s, &e) < 0) {
		ret->state = ret->state == COPPICE_STOPPED ? COPPICE_BROKEN : ret->state;
		note(ret, e.why);
		return;
	}
	(void)snprintf(ret->mode, sizeof(ret->mode), "%s", spec_mode_name(s.mode));
	if (pin) {
		(void)snprintf(ret->base, sizeof(ret->base), "%s", s.base ?: "");
		(void)snprintf(ret->version, sizeof(ret->version), "%s", s.base_version ?: "");
	}
	ret->ephemeral = s.ephemeral;
	ret->privileged = s.privileged;
	ret->autostart = s.autostart;
	join(s.tags, s.tag_count, ret->tags, sizeof(ret->tags));
	join(s.groups, s.group_count, ret->groups, sizeof(ret->groups));
	spec_done(&s);
}

static void from_live(const struct coppice *c, const struct live *l, struct coppice_info *ret)
{
	ret->last_exit = l->record.last_exit;
	if (l->starting)
		ret->state = COPPICE_STARTING;
	else if (l->alive)
		ret->state = COPPICE_RUNNING;
	else if (l->has_record && l->monitor)
		ret->state = COPPICE_STOPPING;
	ret->monitor_alive = l->monitor;
	if (!l->alive)
		return;
	ret->init_pid = l->record.init.pid;
	ret->monitor_pid = l->monitor ? l->record.monitor.pid : 0;
	ret->started = l->record.started;
	ret->id_first = c->user ? engine_host_uid() : l->record.id_first;
	ret->restarts = l->record.restarts;
	(void)snprintf(ret->base_level, sizeof(ret->base_level), "%s", l->record.base_level);
	(void)snprintf(ret->addresses, sizeof(ret->addresses), "%s", l->record.addresses);
	if (l->record.note[0])
		note(ret, l->record.note);
}

static bool is_old(struct coppice *c, const struct coppice_info *i)
{
	char path[160], link[80];
	ssize_t n;

	if (!i->base[0] || !i->version[0] || !c->store_is_open)
		return false;
	(void)snprintf(path, sizeof(path), "bases/%s/current", i->base);
	n = readlinkat(c->store.dir, path, link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = '\0';
	return strcmp(link, i->version) != 0;
}

static void measure_disk(struct coppice *c, const char *name, struct coppice_info *ret)
{
	autoclose int dir = state_dir(&c->state, name);

	if (dir < 0 || store_tree_usage(dir, &ret->private_bytes, &ret->private_files) < 0)
		ret->private_bytes = ret->private_files = UINT64_MAX;
}

static int fill_open(struct coppice *c, const char *name, unsigned what, bool all, struct coppice_info *ret, struct proc_id *ret_init, struct err *e)
{
	struct live live;
	int r = engine_look(c, name, &live, e);

	if (r < 0)
		return r;
	engine_tidy(c, name, &live);
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->state = COPPICE_STOPPED;
	ret->last_exit = -1;
	ret->memory = ret->memory_peak = ret->memory_max = ret->swap = ret->cpu_usec = UINT64_MAX;
	ret->pids = ret->pids_max = ret->oom_kills = UINT64_MAX;
	ret->private_bytes = ret->private_files = ret->rx_bytes = ret->tx_bytes = UINT64_MAX;
	ret->kernel_memory = ret->io_read = ret->io_write = ret->io_ops = ret->cpu_user_usec = ret->cpu_system_usec = UINT64_MAX;
	from_live(c, &live, ret);
	if (ret_init && live.alive)
		*ret_init = live.record.init;
	from_config(c, name, what & COPPICE_INFO_BASE, ret);
	ret->base_old = is_old(c, ret);
	if (live.alive && (what & COPPICE_INFO_USAGE))
		engine_usage(c, live.record.group, all, ret);
	else if (live.alive && (what & COPPICE_INFO_FROZEN) && is_frozen(c, live.record.group) && ret->state == COPPICE_RUNNING)
		ret->state = COPPICE_FROZEN;
	if (live.alive && (what & COPPICE_INFO_DETAIL))
		add_detail(c, live.record.group, what, ret);
	if (live.alive && (what & COPPICE_INFO_TRAFFIC))
		(void)engine_traffic(live.record.init.pid, NULL, &ret->rx_bytes, &ret->tx_bytes);
	if (what & COPPICE_INFO_DISK)
		measure_disk(c, name, ret);
	return 0;
}

/* What their interfaces have: known without it only what was given to them at their start. Best effort, a look must not fail for it. */
static void look_inside(const struct proc_id *inits, size_t count, struct coppice_info *list)
{
	autofree char(*texts)[NSADDR_TEXT] = calloc(count ? count : 1, sizeof(*texts));

	if (!texts || nsaddr_look(inits, count, texts) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		(void)snprintf(list[i].inside, sizeof(list[i].inside), "%s", texts[i]);
}

static int fill(struct coppice *c, const char *name, unsigned what, struct coppice_info *ret, struct proc_id *ret_init, struct err *e)
{
	bool mine = !c->have_roots;
	bool all = mine && !(what & COPPICE_INFO_DETAIL); /* one container alone: every figure; in a listing, and beside the details: those that are cheap */
	int r = engine_facts_groups(c, e);

	if (r < 0)
		return r;
	open_roots(c, what);
	r = fill_open(c, name, what, all, ret, ret_init, e);
	if (mine)
		engine_roots_done(c);
	return r;
}

int coppice_info(struct coppice *c, const char *name, unsigned what, struct coppice_info *ret, struct err *e)
{
	struct proc_id init = {0};
	struct err ignored;
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	if (what & COPPICE_INFO_BASE)
		(void)!engine_store(c, &ignored);
	r = fill(c, name, what, ret, &init, e);
	if (r == 0 && init.pid && (what & COPPICE_INFO_INSIDE))
		look_inside(&init, 1, ret);
	return r < 0 ? err_what(e, "cannot look at '%s'", name) : 0;
}

/* Removed since its name was read: it is no broken one. */
static bool has_gone(struct coppice *c, const struct coppice_info *i)
{
	autoclose int dir = i->state == COPPICE_BROKEN ? state_dir(&c->state, i->name) : FD_NONE;

	return dir == -ENOENT;
}

int coppice_list(struct coppice *c, unsigned what, struct coppice_info **ret, size_t *ret_count, struct err *e)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL;
	size_t count = 0, used = 0;
	autofree struct coppice_info *list = NULL;
	autofree struct proc_id *inits = NULL;
	struct err ignored;
	int r = engine_state(c, e);

	if (what & COPPICE_INFO_BASE)
		(void)!engine_store(c, &ignored);
	if (r == 0) {
		engine_sweep(c);
		r = state_names(&c->state, &a, &names, &count, e);
	}
	if (r == 0) {
		list = calloc(count ? count : 1, sizeof(*list));
		inits = calloc(count ? count : 1, sizeof(*inits));
		if (!list || !inits)
			r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = engine_facts_groups(c, e);
	if (r == 0)
		open_roots(c, what);
	for (size_t i = 0; r == 0 && i < count; i++) {
		inits[used] = (struct proc_id){0};
		r = fill(c, names[i], what, &list[used], &inits[used], e);
		used += r == 0 && !has_gone(c, &list[used]);
	}
	engine_roots_done(c);
	if (r == 0 && (what & COPPICE_INFO_INSIDE))
		look_inside(inits, used, list);
	arena_done(&a);
	if (r < 0)
		return err_what(e, "cannot list containers");
	*ret = take(list);
	*ret_count = used;
	return 0;
}

/* ---- wait ---- */

/* Sleeps until something about the container may have changed since it was @seen: init's end, or a new record (every state change rewrites it). */
static int wait_change(struct coppice *c, const char *name, enum coppice_state seen, int watch, uint64_t deadline, struct err *e)
{
	struct live l;
	struct pollfd p[3] = {{.fd = watch, .events = POLLIN}, {.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	autoclose int init = FD_NONE;
	autoclose int monitor = FD_NONE;
	char events[4096];
	bool unnamed = false;
	int n, left;

	if (engine_live(c, name, &l, e) == 0) {
		/* its monitor let go between the two looks, which wakes nobody */
		if (!l.alive && !l.monitor && seen != COPPICE_STOPPED && seen != COPPICE_BROKEN)
			return 0;
		init = l.alive ? proc_open(&l.record.init) : FD_NONE;
		monitor = !l.alive && l.monitor ? proc_open(&l.record.monitor) : FD_NONE;
		unnamed = !l.alive && l.monitor && monitor < 0;
	}
	p[1].fd = init >= 0 ? init : -1;
	p[2].fd = monitor >= 0 ? monitor : -1;
	left = clock_left_ms(deadline);
	/* a monitor without a record lets go of its lock any moment now: an end that wakes nobody */
	n = poll(p, 3, unnamed && (left < 0 || left > 10) ? 10 : left);
	if (n < 0 && errno != EINTR)
		return err_sys(e, errno, "wait");
	if (n == 0 && clock_left_ms(deadline) == 0)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "it did not happen in the time given");
	if (p[0].revents)
		(void)!read(watch, events, sizeof(events));
	if (p[1].revents && monitor < 0) {
		/* its monitor cleans up now; the record's change wakes us */
		(void)poll(p, 1, 50);
	}
	return 0;
}

/* A watch of directory @dir, O_PATH. */
static int watch_also(int watch, int dir, struct err *e)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return inotify_add_watch(watch, path, IN_MOVED_TO | IN_DELETE | IN_CREATE) < 0 ? err_sys(e, errno, "watch a directory") : 0;
}

int engine_watch_dir(int dir, struct err *e)
{
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r = watch < 0 ? err_sys(e, errno, "watch a directory") : watch_also(watch, dir, e);

	return r < 0 ? r : take_fd(watch);
}

static int wait_mask(struct coppice *c, const char *name, unsigned states, uint64_t deadline, struct coppice_info *ret, struct err *e)
{
	const unsigned what = states & (1u << COPPICE_RUNNING | 1u << COPPICE_FROZEN) ? COPPICE_INFO_USAGE : 0;
	autoclose int run_dir = FD_NONE;
	autoclose int watch = FD_NONE;
	int r = fill(c, name, what, ret, NULL, e);

	/* a watch costs its end some milliseconds in the kernel: not for a mere look */
	if (r < 0 || states & 1u << ret->state)
		return r;
	if (clock_left_ms(deadline) == 0)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "it did not happen in the time given");
	run_dir = state_run_dir(&c->state, name, true);
	if (run_dir < 0)
		return err_sys(e, run_dir, "watch '%s'", name);
	watch = engine_watch_dir(run_dir, e);
	if (watch < 0)
		return watch;
	for (;;) {
		r = fill(c, name, what, ret, NULL, e);

		if (r == 0 && states & 1u << ret->state)
			return 0;
		if (r == 0)
			r = wait_change(c, name, ret->state, watch, deadline, e);
		if (r < 0)
			return r;
	}
}

int coppice_wait(struct coppice *c, const char *name, enum coppice_cond cond, uint64_t timeout_ms, int *ret_exit, struct err *e)
{
	static const unsigned states[] = {[COPPICE_WAIT_RUNNING] = 1u << COPPICE_RUNNING,
					  [COPPICE_WAIT_STOPPED] = 1u << COPPICE_STOPPED | 1u << COPPICE_BROKEN,
					  [COPPICE_WAIT_FROZEN] = 1u << COPPICE_FROZEN};
	struct coppice_info info;
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	r = wait_mask(c, name, states[cond], timeout_ms == UINT64_MAX ? CLOCK_NEVER : clock_deadline(timeout_ms), &info, e);
	if (r < 0)
		return err_what(e, "gave up waiting for '%s'", name);
	if (ret_exit)
		*ret_exit = info.last_exit;
	return 0;
}

/* engine_find(), for which one that is still being made is none yet. */
static int find_whole(struct coppice *c, const char *name, struct err *e)
{
	int r = engine_find(c, name, e);

	return r == -EBUSY ? -ENOENT : r;
}

/* Until somebody makes a container @name. */
static int wait_made(struct coppice *c, const char *name, uint64_t deadline, struct err *e)
{
	autoclose int watch = engine_watch_dir(c->state.lxc_dir, e);
	char events[4096];

	if (watch < 0)
		return watch;
	for (;;) {
		struct pollfd p = {.fd = watch, .events = POLLIN};
		autoclose int made = fd_open(c->state.lxc_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		int r;

		/* it is a container when its maker is done in it: a template takes its time */
		if (made >= 0 && watch_also(watch, made, e) < 0)
			return -e->code;
		r = find_whole(c, name, e);
		if (r != -ENOENT)
			return r;
		err_clear(e);
		if (poll(&p, 1, clock_left_ms(deadline)) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait");
		if (clock_left_ms(deadline) == 0)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "it did not happen in the time given");
		(void)!read(watch, events, sizeof(events));
	}
}

int coppice_wait_states(struct coppice *c, const char *name, unsigned states, uint64_t timeout_ms, enum coppice_state *ret_state, struct err *e)
{
	uint64_t deadline = timeout_ms == UINT64_MAX ? CLOCK_NEVER : clock_deadline(timeout_ms);
	struct coppice_info info = {.state = COPPICE_STOPPED};
	int r = find_whole(c, name, e);

	if (r == -ENOENT) {
		err_clear(e);
		r = states & 1u << COPPICE_STOPPED ? 1 : wait_made(c, name, deadline, e);
	}
	if (r == 0)
		r = wait_mask(c, name, states, deadline, &info, e);
	if (r < 0)
		return err_what(e, "gave up waiting for '%s'", name);
	if (ret_state)
		*ret_state = info.state;
	return 0;
}

int engine_wait_reborn(struct coppice *c, const char *name, const struct proc_id *old, uint64_t deadline, struct err *e)
{
	autoclose int run_dir = state_run_dir(&c->state, name, true);
	autoclose int watch = run_dir < 0 ? run_dir : engine_watch_dir(run_dir, e);

	if (run_dir < 0)
		return err_sys(e, run_dir, "watch '%s'", name);
	for (;;) {
		struct live l;
		int r = watch < 0 ? watch : engine_live(c, name, &l, e);

		if (r < 0)
			return r;
		if (l.alive && (l.record.init.pid != old->pid || l.record.init.start_time != old->start_time))
			return 0;
		if (!l.alive && !l.monitor)
			return err_set(e, ERR_STATE, ECANCELED, "it stopped instead, with status %d", l.record.last_exit);
		r = wait_change(c, name, l.alive ? COPPICE_RUNNING : COPPICE_STARTING, watch, deadline, e);
		if (r < 0)
			return r;
	}
}

/* ---- logs ---- */

static int copy_out(int from, int to)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0) {
		int r = fd_write_all(to, bytes, (size_t)n);

		if (r < 0)
			return r;
	}
	return n < 0 ? -errno : 0;
}

/* Positions @fd so that @lines whole lines follow. */
static int seek_lines(int fd, uint64_t lines)
{
	char bytes[4096];
	off_t end = lseek(fd, 0, SEEK_END), at = end;

	while (at > 0) {
		off_t from = at > (off_t)sizeof(bytes) ? at - (off_t)sizeof(bytes) : 0;
		ssize_t n = pread(fd, bytes, (size_t)(at - from), from);

		if (n < 0)
			return -errno;
		for (ssize_t i = n - 1; i >= 0; i--) {
			if (bytes[i] != '\n' || from + i == end - 1)
				continue;
			if (--lines == 0)
				return lseek(fd, from + i + 1, SEEK_SET) < 0 ? -errno : 0;
		}
		at = from;
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int follow(struct coppice *c, const char *name, int dir, const char *log, int *file, int out, struct err *e)
{
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[32];

	if (watch < 0)
		return err_sys(e, errno, "watch the log");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	if (inotify_add_watch(watch, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return err_sys(e, errno, "watch the log");
	for (;;) {
		struct live l;
		autoclose int init = FD_NONE;
		char events[4096];
		int r = engine_live(c, name, &l, e);

		if (r < 0)
			return r;
		init = l.alive ? proc_open(&l.record.init) : FD_NONE;
		r = copy_out(*file, out);
		if (r == 0 && *file >= 0) {
			autoclose int now = fd_open(dir, log, O_RDONLY | O_NOFOLLOW, 0);

			if (now >= 0 && !fd_same_file(now, *file)) { /* rotated: the rest of the old one is out */
				fd_close(file);
				*file = take_fd(now);
				r = copy_out(*file, out);
			}
		}
		if (r < 0)
			return r == -EPIPE ? 0 : err_sys(e, r, "write the log");
		if (init < 0)
			return 0;
		struct pollfd p[2] = {{.fd = watch, .events = POLLIN}, {.fd = init, .events = POLLIN}};

		(void)poll(p, 2, -1);
		(void)!read(watch, events, sizeof(events));
	}
}

/* The directory of the log and its name there: the container's own, or where lxc.console.logfile says. */
static int open_log_dir(struct coppice *c, const char *name, char ret_log[256])
{
	autoclose int own = FD_NONE;
	const char *slash = NULL;
	struct err ignored = {0};
	char path[512];
	struct spec s;

	(void)snprintf(ret_log, 256, "console.log");
	if (engine_spec_running(c, name, &s, &ignored) == 0) {
		slash = s.log_path ? strrchr(s.log_path, '/') : NULL;
		if (slash) {
			(void)snprintf(path, sizeof(path), "%.*s", (int)(slash == s.log_path ? 1 : slash - s.log_path), s.log_path);
			(void)snprintf(ret_log, 256, "%s", slash + 1);
		}
		spec_done(&s);
	}
	if (slash)
		return fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	own = state_dir(&c->state, name);
	return own < 0 ? own : fd_open(own, ".", O_RDONLY | O_DIRECTORY, 0);
}

int coppice_logs(struct coppice *c, const char *name, int fd, bool go_on, uint64_t tail_lines, struct err *e)
{
	autoclose int dir = FD_NONE;
	autoclose int file = FD_NONE;
	char log[256], older_log[260];
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	dir = open_log_dir(c, name, log);
	if (dir < 0)
		return err_sys(e, dir, "open the directory of the log of '%s'", name);
	(void)snprintf(older_log, sizeof(older_log), "%s.1", log);
	file = fd_open(dir, log, O_RDONLY | O_NOFOLLOW, 0);
	if (file == -ENOENT) {
		if (go_on)
			file = fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0);
		else
			return 0; /* nothing was printed yet */
	}
	if (file < 0)
		return err_sys(e, file, "open the log of '%s'", name);
	if (tail_lines) {
		r = seek_lines(file, tail_lines);
	} else {
		autoclose int older = fd_open(dir, older_log, O_RDONLY | O_NOFOLLOW, 0);

		r = older >= 0 ? copy_out(older, fd) : 0;
	}
	if (r == 0)
		r = copy_out(file, fd);
	if (r < 0)
		return r == -EPIPE ? 0 : err_sys(e, r, "read the log of '%s'", name);
	return go_on ? follow(c, name, dir, log, &file, fd, e) : 0;
}

/* ---- console ---- */

struct viewer {
	int run_dir;
	unsigned tty;
};

static void on_winch(unsigned rows, unsigned cols, void *data)
{
	const struct viewer *v = data;

	monitor_resize(v->run_dir, v->tty, rows, cols);
}

/* What a program has to type comes by a pipe, and its end is the end. A file or /dev/null would be over before anything is seen. */
static int check_input(const char *name, bool *ret_terminal, struct err *e)
{
	struct stat st;

	*ret_terminal = isatty(0) == 1;
	if (*ret_terminal || (fstat(0, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))))
		return 0;
	(void)err_set(e, ERR_INPUT, ENOTTY, "standard input is no terminal, nor a pipe");
	return err_hint(e, "coppice logs %s", name);
}

int coppice_view(struct coppice *c, const char *name, const struct coppice_view *o, struct err *e)
{
	autoclose int stream = FD_NONE;
	autoclose int run_dir = FD_NONE;
	autoclose int pidfd = FD_NONE;
	struct winsize ws = {0};
	struct live live;
	struct msg m;
	bool terminal;
	int r = engine_running(c, name, &live, e);

	if (r == 0)
		r = check_input(name, &terminal, e);
	if (r == 0)
		r = engine_adopt(c, name, &live, e);
	if (r == 0 && !live.alive)
		r = err_set(e, ERR_STATE, ESRCH, "it has just stopped");
	if (r == 0) {
		run_dir = state_run_dir(&c->state, name, false);
		(void)ioctl(0, TIOCGWINSZ, &ws);
		r = monitor_ask(run_dir, MSG_ATTACH, o->tty, ((uint64_t)ws.ws_row << 16) | ws.ws_col, &m, &stream, e);
	}
	if (r < 0)
		return err_what(e, "cannot show a terminal of '%s'", name);
	pidfd = proc_open(&live.record.init);
	struct viewer v = {run_dir, (unsigned)m.value};
	struct relay_tty rt = {.stream = stream, .pidfd = pidfd, .escape = o->escape, .on_winch = on_winch, .data = &v, .leave_at_end = !terminal};

	if (o->shown)
		o->shown(o->data, v.tty);
	r = relay_terminal(&rt);
	if (r < 0)
		return err_sys(e, r, "relay the terminal");
	return r == 1 ? 0 : 1;
}

int coppice_console(struct coppice *c, const char *name, unsigned tty, int escape, struct err *e)
{
	const struct coppice_view o = {.tty = (int)tty, .escape = escape};

	return coppice_view(c, name, &o, e);
}
