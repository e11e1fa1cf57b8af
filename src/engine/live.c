/* live.c - the kernel is the truth: what runs, what is left over, repair and adoption.
 *
 * The record is only the hint where to look. Where it is missing, damaged or of another boot, the container's cgroup is searched for a process that is pid 1
 * of a namespace of its own: that is its init, whatever the files say.
 *
 * Whoever holds the command lock sees only settled states: the monitor of a start holds the same lock until its container runs (spawn.c), so a start whose
 * command was killed still counts as a command at work. What remains is a monitor that cleans up after the end, or pauses before a restart: engine_settle(). */
#include "engine/engine.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "engine/monitor-role.h"
#include "engine/network.h"
#include "linux/cgroup.h"
#include "linux/ns.h"
#include "supervise/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETTLE_MS 90000u /* hooks of the end may take their minute */
#define QUICK_MS 100u /* in which most monitors have ended */

/* ---- without a record ---- */

/* "         0     100000      65536": the host's id for the container's root. A map onto itself is the host's own: privileged. */
static uint32_t root_id_of(pid_t pid)
{
	autoclose int procfd = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	struct ns_maps maps;

	if (procfd < 0 || ns_read_maps(procfd, pid, &maps) < 0)
		return 0;
	for (size_t i = 0; i < maps.uid_count; i++)
		if (maps.uid[i].inside == 0)
			return maps.uid[i].host;
	return 0;
}

static pid_t parent_of(pid_t pid)
{
	char path[32], status[4096], *at;
	uint32_t parent;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return 0;
	at = strstr(status, "\nPPid:\t");
	if (!at)
		return 0;
	at += strlen("\nPPid:\t");
	at[strcspn(at, "\n")] = '\0';
	return parse_u32(at, &parent) == 0 ? (pid_t)parent : 0;
}

bool engine_is_monitor(pid_t pid, const char *name)
{
	char path[32], line[256];
	const char *role, *who;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	n = fd_read_file(AT_FDCWD, path, line, sizeof(line));
	if (n <= 0)
		return false;
	role = memchr(line, '\0', (size_t)n);
	if (!role || strncmp(role + 1, MONITOR_ROLE, (size_t)(line + n - role - 1)) != 0)
		return false;
	if (!name)
		return true;
	who = role + 1 + strlen(MONITOR_ROLE) + 1;
	return who < line + n && strncmp(who, name, (size_t)(line + n - who)) == 0;
}

/* A record made from what the kernel knows of the container's init. False when the cgroup holds none. */
static bool reconstruct(struct coppice *c, const char *name, bool has_nodes, struct record *r)
{
	pid_t pid, parent;

	memset(r, 0, sizeof(*r));
	r->last_exit = -1;
	engine_group(c, name, r->group);
	if (!has_nodes || cgroup_find_init(&c->facts, r->group, &pid) < 0 || proc_identify(pid, &r->init) < 0)
		return false;
	parent = parent_of(pid);
	if (parent > 1 && engine_is_monitor(parent, name))
		(void)!proc_identify(parent, &r->monitor);
	r->id_first = root_id_of(pid);
	r->started = proc_started(&r->init);
	(void)snprintf(r->boot_id, sizeof(r->boot_id), "%s", c->facts.boot_id);
	(void)snprintf(r->note, sizeof(r->note), "its record was lost; found by its control group");
	return true;
}

/* The v2 node is made first and removed last: without it nothing is left anywhere. */
static bool group_exists(struct coppice *c, const char *name)
{
	bool mine = !c->have_roots, found;
	struct cg_state state;
	char group[CG_GROUP_MAX];

	engine_group(c, name, group);
	engine_roots(c);
	found = c->have_roots && cgroup_peek(&c->roots, group, &state) != -ENOENT;
	if (mine)
		engine_roots_done(c);
	return found;
}

/* @brief: of a container that runs, its lock alone tells of its monitor. That is enough to show, not to rely on: a child of a monitor that was killed can hold it
 * for a moment. */
static int find_live(struct coppice *c, const char *name, bool brief, struct live *ret, struct err *e)
{
	int r = engine_facts_groups(c, e);
	bool held, current;

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	r = record_read(&c->state, name, &ret->record);
	current = r == 0 && strcmp(ret->record.boot_id, c->facts.boot_id) == 0;
	held = state_monitor_alive(&c->state, name);
	if (!current) {
		int64_t ended;
		bool nodes;

		ret->lost = true;
		nodes = group_exists(c, name);
		ret->alive = reconstruct(c, name, nodes, &ret->record);
		(void)!record_last(&c->state, name, &ret->record.last_exit, &ended);
		/* a monitor between taking its lock and its first record, or between two runs, is at work; one that does not hold the lock is not to be relied on */
		ret->monitor = ret->starting = held && !ret->alive;
		/* -EBADMSG: there was one. Nodes without a record are of somebody killed so early or so late that nothing else is left. */
		ret->leftovers = !ret->alive && !held && (r == -EBADMSG || nodes);
		return 0;
	}
	ret->has_record = true;
	ret->alive = !ret->record.starting && proc_alive(&ret->record.init);
	ret->monitor = held && ((brief && ret->alive) || proc_alive(&ret->record.monitor));
	ret->starting = ret->record.starting && ret->monitor;
	/* with a living monitor the end is being cleaned up by it right now */
	ret->leftovers = !ret->alive && !ret->monitor;
	return 0;
}

int engine_live(struct coppice *c, const char *name, struct live *ret, struct err *e)
{
	int r = engine_facts(c, e);

	return r < 0 ? r : find_live(c, name, false, ret, e);
}

int engine_look(struct coppice *c, const char *name, struct live *ret, struct err *e)
{
	return find_live(c, name, true, ret, e);
}

int engine_class(struct coppice *c, const char *name, const char *group, bool add, struct err *e)
{
	struct cgroup cg = CGROUP_NONE;
	struct plan plan = {0};
	const struct step *st;
	int r = 0;

	if (engine_kept_plan(c, name, &plan) < 0)
		return 0;
	st = plan_find(&plan, STEP_CLASS, 0);
	if (st && !st->text[1])
		r = cgroup_open(&c->facts, group, &cg);
	if (st && r == 0)
		r = apply_class(st, cg.v2, add, e);
	else if (r < 0)
		r = err_sys(e, r, "open cgroup '%s'", group);
	cgroup_done(&cg);
	plan_done(&plan);
	return r;
}

void engine_undo_network(struct coppice *c, const char *name, int netns)
{
	struct plan plan = {0};
	struct err why = {0};

	if (engine_kept_plan(c, name, &plan) < 0)
		return;
	engine_network_names(&plan, false);
	if (apply_net_undo(&plan, netns, &why) < 0)
		engine_trace(c, "the network of '%s' is not undone: %s", name, why.why);
	plan_done(&plan);
}

/* Of a start that died while init was let go. Its control group ends it, too, where there is one. */
static void end_init(const struct proc_id *init)
{
	autoclose int pidfd = init->pid ? proc_open(init) : FD_NONE;

	if (pidfd >= 0 && proc_kill(pidfd, SIGKILL) == 0)
		(void)!proc_wait_gone(pidfd, clock_deadline(5000));
}

int engine_repair(struct coppice *c, const char *name, const struct live *l, struct err *e)
{
	autoclose int run_dir = FD_NONE;
	struct err ignored = {0};
	struct cgroup cg;
	char group[CG_GROUP_MAX];
	int r;

	if (l->alive || l->monitor)
		return 0;
	if (!l->leftovers && !l->has_record)
		return 0;
	(void)snprintf(group, sizeof(group), "%s", l->record.group[0] ? l->record.group : "");
	if (!group[0])
		engine_group(c, name, group);
	engine_trace(c, "clean up what a dead start or monitor of '%s' left", name);
	if (l->has_record && l->record.starting)
		end_init(&l->record.init);
	if (engine_class(c, name, group, false, &ignored) < 0)
		engine_trace(c, "the mark of '%s' is not taken away: %s", name, ignored.why);
	r = cgroup_open(&c->facts, group, &cg);
	if (r == 0) {
		r = cgroup_kill(&cg, clock_deadline(10000));
		cgroup_done(&cg);
		if (r < 0 && r != -ENOENT) /* nodes of v1 alone hold no processes: those join v2 first */
			return err_sys(e, r, "end the processes left in cgroup '%s'", group);
		r = cgroup_remove(&c->facts, group);
		if (r < 0)
			return err_sys(e, r, "remove cgroup '%s'", group);
	}
	if (l->record.monitor_group[0])
		cgroup_forget(&c->facts, l->record.monitor_group);
	run_dir = state_run_dir(&c->state, name, false);
	if (l->has_record) {
		struct record ended = l->record;

		apply_end_user_net(&ended);
	}
	engine_undo_network(c, name, FD_NONE);
	engine_undo_hooks(c, name);
	if (run_dir >= 0)
		monitor_forget_socket(run_dir);
	/* nobody was there to see how an orphan ended */
	r = l->has_record && !l->record.starting ? record_clear(&c->state, name, -1) : record_drop(&c->state, name);
	return r < 0 ? err_sys(e, r, "clear the record of '%s'", name) : 0;
}

void engine_tidy(struct coppice *c, const char *name, struct live *l)
{
	autoclose int lock = FD_NONE;
	struct err ignored = {0};

	if (!l->leftovers)
		return;
	lock = state_lock(&c->state, name, "repair", clock_now_ms(), &ignored);
	if (lock < 0 || engine_live(c, name, l, &ignored) < 0)
		return; /* somebody is at it, or it is not for us to change */
	if (l->leftovers && engine_repair(c, name, l, &ignored) == 0)
		(void)!engine_live(c, name, l, &ignored);
}

static int end_pausing_monitor(const struct live *l, uint64_t deadline)
{
	autoclose int pidfd = proc_open(&l->record.monitor);

	if (pidfd < 0)
		return 0;
	(void)!proc_kill(pidfd, SIGKILL);
	return proc_wait_gone(pidfd, deadline);
}

/* Until the monitor has ended, or has written down something: one that cleans up may be about to start again, and that one waits for the lock that we hold. The
 * watch is for those that take long, and may call for another look when nothing has changed. */
static int await_monitor(struct coppice *c, const char *name, int pidfd, int *watch, uint64_t deadline)
{
	char events[4096] __attribute__((aligned(8)));
	struct pollfd p[2] = {{.fd = pidfd, .events = POLLIN}, {.events = POLLIN}};
	struct err ignored = {0};
	int r;

	if (*watch < 0) {
		autoclose int run_dir = FD_NONE;

		r = proc_wait_gone(pidfd, clock_deadline(QUICK_MS));
		if (r != -ETIMEDOUT)
			return r;
		run_dir = state_run_dir(&c->state, name, false);
		*watch = run_dir < 0 ? run_dir : engine_watch_dir(run_dir, &ignored);
		return *watch < 0 ? proc_wait_gone(pidfd, deadline) : 0;
	}
	p[1].fd = *watch;
	r = poll(p, ARRAY_LEN(p), clock_left_ms(deadline));
	if (r < 0 && errno != EINTR)
		return -errno;
	if (p[1].revents)
		(void)!read(*watch, events, sizeof(events));
	return 0;
}

int engine_settle(struct coppice *c, const char *name, struct live *l, struct err *e)
{
	autoclose int watch = FD_NONE;
	uint64_t deadline = clock_deadline(SETTLE_MS);
	int r = engine_live(c, name, l, e);

	while (r == 0 && !l->alive && l->monitor) {
		autoclose int pidfd = proc_open(&l->record.monitor);

		if (l->starting && pidfd >= 0) /* it is about to start again, and waits for the lock that we hold */
			r = end_pausing_monitor(l, deadline);
		else if (pidfd >= 0)
			r = await_monitor(c, name, pidfd, &watch, deadline);
		else if (poll(NULL, 0, 2) < 0 && errno != EINTR)
			r = -errno;
		if (r == 0 && clock_left_ms(deadline) == 0)
			r = -ETIMEDOUT;
		if (r < 0)
			return err_set(e, ERR_TIMEOUT, -r, "its monitor (process %d) does not end", l->record.monitor.pid);
		r = engine_live(c, name, l, e);
	}
	return r < 0 ? r : engine_repair(c, name, l, e);
}

/* Without its record a container is adopted in two steps: what was found becomes the record, and a monitor whose lock file is gone gives way to one that
 * can be found. A monitor may be killed at any time; that is what it is made for. */
static int write_lost_record(struct coppice *c, const char *name, struct live *l, struct err *e)
{
	int r = end_pausing_monitor(l, clock_deadline(5000));

	if (r < 0)
		return err_sys(e, r, "end the monitor (process %d) that has lost its files", l->record.monitor.pid);
	r = record_write(&c->state, name, &l->record);
	return r < 0 ? err_sys(e, r, "write the record of '%s'", name) : 0;
}

static int spawn_adopter(struct coppice *c, const char *name, pid_t init, int lock, struct err *e)
{
	struct monitor_spawn spawn = {.name = name, .viewer = FD_NONE, .lock = lock, .adopt = true, .timeout_ms = 10000};
	struct plan_wish wish = {.init = init};
	struct buf notes = BUF_INIT;
	struct plan plan = {0};
	struct spec spec;
	int report = FD_NONE, r = engine_spawn_monitor(c, &spawn, &report, e);

	fd_close(&report);
	if (r != -ENOENT)
		return r;
	/* the plan it was started with is gone with the run-time directory: the config's is the next best */
	err_clear(e);
	r = engine_spec(c, name, NULL, &spec, e);
	if (r < 0)
		return r;
	r = engine_plan(c, &spec, &wish, &plan, &notes, e);
	if (r == 0) {
		spawn.plan = &plan;
		r = engine_spawn_monitor(c, &spawn, &report, e);
	}
	fd_close(&report);
	buf_done(&notes);
	plan_done(&plan);
	spec_done(&spec);
	return r;
}

int engine_adopt_locked(struct coppice *c, const char *name, int lock, struct live *l, struct err *e)
{
	int r = engine_live(c, name, l, e);

	if (r < 0 || !l->alive || l->monitor)
		return r;
	engine_trace(c, "adopt '%s', whose monitor is gone", name);
	r = l->lost ? write_lost_record(c, name, l, e) : 0;
	if (r == 0)
		r = spawn_adopter(c, name, l->record.init.pid, lock, e);
	if (r < 0)
		return err_wrap(e, "adopt the running container '%s'", name);
	return engine_live(c, name, l, e);
}

int engine_adopt(struct coppice *c, const char *name, struct live *l, struct err *e)
{
	autoclose int lock = FD_NONE;

	if (!l->alive || l->monitor)
		return 0;
	lock = state_lock(&c->state, name, "adopt", clock_deadline(ENGINE_LOCK_MS), e);
	return lock < 0 ? lock : engine_adopt_locked(c, name, lock, l, e);
}

void engine_adopt_try(struct coppice *c, const char *name, struct live *l)
{
	struct live now = *l;
	struct err why = {0};

	if (engine_adopt(c, name, &now, &why) < 0)
		engine_trace(c, "'%s' could not be adopted: %s", name, why.why);
	else
		*l = now;
}
