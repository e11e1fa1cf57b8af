/* life.c - start, stop, kill, pause. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "engine/inside.h"
#include "linux/cgroup.h"
#include "supervise/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *coppice_state_name(enum coppice_state s)
{
	static const char *const names[COPPICE_STATE_COUNT] = {"stopped", "starting", "running", "frozen", "stopping", "broken"};

	return s < COPPICE_STATE_COUNT ? names[s] : "broken";
}

#define STOP_SIGNAL_MS 5000u
#define ASK_MS 5000u /* for an init to begin to listen, where nobody waits for more */

/* ---- start ---- */

int coppice_plan_text(struct coppice *c, const char *name, const struct coppice_start *o, char **ret, struct err *e)
{
	struct plan_wish wish = {.look = true, .env = o->env};
	struct buf text = BUF_INIT, notes = BUF_INIT;
	struct plan plan = {0};
	struct spec spec;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_spec(c, name, o->set, &spec, e);
	if (r < 0)
		return r;
	r = engine_plan(c, &spec, &wish, &plan, &notes, e);
	if (r == 0) {
		plan_print(&plan, &text);
		*ret = buf_take(&text);
		r = *ret ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	buf_done(&notes);
	plan_done(&plan);
	spec_done(&spec);
	return r;
}

/* One whose monitor is dead may end while a new monitor takes it over: it is believed only when it outlives that. */
int engine_find_settled(struct coppice *c, const char *name, int lock, struct live *l, struct err *e)
{
	for (int tries = 0; tries < 3; tries++) {
		struct err ignored = {0};
		int r = engine_settle(c, name, l, e);

		if (r < 0 || !l->alive)
			return r;
		r = engine_adopt_locked(c, name, lock, l, e);
		if (r == 0 && l->alive)
			return 1;
		if (r < 0 && (engine_live(c, name, l, &ignored) < 0 || l->alive))
			return r;
		err_clear(e);
	}
	return err_set(e, ERR_BUSY, EBUSY, "it comes and goes");
}

int coppice_start(struct coppice *c, const char *name, const struct coppice_start *o, struct err *e)
{
	autoclose int lock = FD_NONE;
	autoclose int report = FD_NONE;
	struct live live;
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	lock = state_lock(&c->state, name, "start", clock_deadline(ENGINE_LOCK_MS), e);
	if (lock < 0) {
		r = lock;
		goto fail;
	}
	r = engine_find_settled(c, name, lock, &live, e);
	if (r == 1) {
		if (o->ret_pid)
			*o->ret_pid = live.record.init.pid;
		if (!o->strict)
			return 1;
		r = err_set(e, ERR_STATE, EALREADY, "it runs already, as process %d", live.record.init.pid);
	}
	if (r < 0)
		goto fail;
	r = engine_start_stopped(c, name, &(struct start_wish){.set = o->set, .env = o->env, .lock = lock, .timeout_ms = o->timeout_ms, .ret_pid = o->ret_pid}, &report, e);
	fd_close(&report);
	if (r == 0)
		return 0;
fail:
	if (e && e->kind == ERR_INPUT) /* as for a launch */
		(void)err_hint(e, "coppice config keys");
	(void)err_hint(e, "coppice show %s", name);
	return err_what(e, "cannot start '%s'", name);
}

/* ---- stop ---- */

static int settle_stopped(struct coppice *c, const char *name, struct err *e)
{
	struct live l;

	return engine_settle(c, name, &l, e);
}

static int kill_all(struct coppice *c, const struct live *l, int pidfd, struct err *e)
{
	struct cgroup cg;
	int r = cgroup_open(&c->facts, l->record.group, &cg);

	if (r == 0) {
		r = cgroup_kill(&cg, clock_deadline(10000));
		cgroup_done(&cg);
	} else {
		r = proc_kill(pidfd, SIGKILL);
	}
	if (r < 0 && r != -ESRCH && r != -ENOENT && r != -ENODEV) /* its monitor was quicker and has removed the node */
		return err_sys(e, r, "kill the processes of cgroup '%s'", l->record.group);
	r = proc_wait_gone(pidfd, clock_deadline(10000));
	return r < 0 ? err_sys(e, r, "wait for init's end") : 0;
}

static void thaw(struct coppice *c, const struct live *l)
{
	struct cgroup cg;

	if (cgroup_open(&c->facts, l->record.group, &cg) < 0)
		return;
	if (cgroup_is_freezing(&cg) == 1)
		(void)!cgroup_freeze(&cg, false, clock_deadline(2000));
	cgroup_done(&cg);
}

/* Without a monitor nobody else keeps the namespace until devices of the host's are moved out of it; one that looks alive may just have been killed. */
static int hold_netns(const struct live *l, int pidfd)
{
	char path[48];
	int fd;

	if (pidfd < 0)
		return FD_NONE;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", l->record.init.pid);
	fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	if (fd >= 0 && proc_kill(pidfd, 0) < 0) /* the pid may have been another's by then */
		fd_close(&fd);
	return fd < 0 ? FD_NONE : fd;
}

static int stopped(struct coppice *c, const char *name, int netns, struct err *e)
{
	struct live now;

	if (netns >= 0 && engine_live(c, name, &now, e) == 0 && !now.monitor)
		engine_undo_network(c, name, netns);
	return settle_stopped(c, name, e);
}

struct stop_ways {
	int halt, reboot, stop; /* 0 = not said */
	bool small;
	uint64_t grace;
};

/* A config that was broken meanwhile must not make a container unstoppable. */
static struct stop_ways stop_ways(struct coppice *c, const char *name, uint64_t grace)
{
	struct stop_ways w = {.grace = grace};
	struct err ignored;
	struct spec spec;

	if (engine_spec_running(c, name, &spec, &ignored) == 0) {
		w.halt = spec.signal_halt;
		w.reboot = spec.signal_reboot;
		w.stop = spec.signal_stop;
		w.small = spec.small_init;
		if (grace == UINT64_MAX)
			w.grace = spec.stop_timeout_ms;
		spec_done(&spec);
	}
	if (w.grace == UINT64_MAX)
		w.grace = 30000;
	return w;
}

void engine_tell_stopping(struct coppice *c, const char *name, const struct live *l, bool stopping)
{
	autoclose int run_dir = state_run_dir(&c->state, name, false);
	struct err ignored;
	struct msg m;

	if (run_dir >= 0 && l->monitor)
		(void)!monitor_ask(run_dir, MSG_STOPPING, !stopping, 0, &m, NULL, &ignored);
}

/* lxc.signal.stop other than KILL: whoever wrote it wants his init to see it; one that does not end by it is killed like any other. */
static void send_stop_signal(int pidfd, int signal)
{
	if (signal && signal != SIGKILL && proc_kill(pidfd, signal) == 0)
		(void)!proc_wait_gone(pidfd, clock_deadline(STOP_SIGNAL_MS));
}

static int stop_live(struct coppice *c, const char *name, const struct live *l, const struct coppice_stop *o, struct err *e)
{
	autoclose int pidfd = proc_open(&l->record.init);
	autoclose int netns = hold_netns(l, pidfd);
	struct stop_ways w;
	int r;

	if (o->ret_killed)
		*o->ret_killed = false;
	engine_tell_stopping(c, name, l, true);
	if (pidfd < 0)
		return settle_stopped(c, name, e);
	w = stop_ways(c, name, o->timeout_ms);
	if (!o->kill && (w.grace || o->no_wait)) {
		uint64_t deadline = clock_deadline(o->no_wait ? ASK_MS : w.grace);

		thaw(c, l);
		r = inside_halt(c, l, pidfd, w.halt, w.small, deadline, e);
		if (r == 0 && o->no_wait)
			return 0;
		if (r == 0)
			r = proc_wait_gone(pidfd, deadline);
		if (r == 0)
			return stopped(c, name, netns, e);
		if (o->no_kill || o->no_wait) {
			engine_tell_stopping(c, name, l, false);
			return r == -ETIMEDOUT ? err_set(e, ERR_TIMEOUT, ETIMEDOUT, "its init has not ended in the time given, and is not to be killed") : r;
		}
	}
	if (o->ret_killed)
		*o->ret_killed = !o->kill;
	send_stop_signal(pidfd, w.stop);
	r = kill_all(c, l, pidfd, e);
	return r < 0 ? r : stopped(c, name, netns, e);
}

int coppice_stop(struct coppice *c, const char *name, const struct coppice_stop *o, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct live live = {0};
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	lock = state_lock(&c->state, name, "stop", clock_deadline(ENGINE_LOCK_MS), e);
	r = lock < 0 ? lock : engine_live(c, name, &live, e);
	if (r == 0 && !live.alive) {
		r = engine_settle(c, name, &live, e);
		if (r == 0 && o->strict)
			r = err_set(e, ERR_STATE, EALREADY, "it does not run");
		if (r == 0)
			return 1;
	} else if (r == 0) {
		r = stop_live(c, name, &live, o, e);
	}
	if (r == 0)
		return 0;
	return err_what(e, "cannot stop '%s'", name);
}

static int say_not_running(const char *name, struct err *e)
{
	(void)err_set(e, ERR_STATE, ESRCH, "it does not run");
	return err_hint(e, "coppice start %s", name);
}

int engine_running(struct coppice *c, const char *name, struct live *l, struct err *e)
{
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_live(c, name, l, e);
	if (r == 0 && !l->alive)
		r = say_not_running(name, e);
	return r;
}

int coppice_reboot(struct coppice *c, const char *name, const struct coppice_reboot *o, struct err *e)
{
	struct stop_ways w = {0};
	struct live live;
	uint64_t deadline = 0;
	int r = engine_running(c, name, &live, e);

	if (r == 0)
		r = engine_adopt(c, name, &live, e); /* its monitor is who starts it again */
	if (r == 0 && !live.alive)
		r = err_set(e, ERR_STATE, ESRCH, "it has just stopped");
	if (r == 0) {
		autoclose int pidfd = proc_open(&live.record.init);

		w = stop_ways(c, name, o->timeout_ms);
		deadline = clock_deadline(o->no_wait ? ASK_MS : w.grace);
		engine_tell_stopping(c, name, &live, false);
		thaw(c, &live);
		r = pidfd < 0 ? err_set(e, ERR_STATE, ESRCH, "it has just stopped") : inside_reboot(c, &live, pidfd, w.reboot, deadline, e);
	}
	if (r == 0 && !o->no_wait)
		r = engine_wait_reborn(c, name, &live.record.init, deadline, e);
	return r < 0 ? err_what(e, "cannot reboot '%s'", name) : 0;
}

int coppice_kill(struct coppice *c, const char *name, int signal, struct err *e)
{
	struct live live;
	int r = engine_running(c, name, &live, e);

	if (r == 0) {
		autoclose int pidfd = proc_open(&live.record.init);

		r = pidfd < 0 ? pidfd : proc_kill(pidfd, signal);
		if (r < 0)
			r = err_sys(e, r, "send signal %d to init", signal);
	}
	return r < 0 ? err_what(e, "cannot send a signal to '%s'", name) : 0;
}

int coppice_pause(struct coppice *c, const char *name, bool paused, bool strict, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct live live;
	struct cgroup cg;
	int r = engine_running(c, name, &live, e), was = 0;

	if (r == 0) {
		lock = state_lock(&c->state, name, paused ? "pause" : "resume", clock_deadline(ENGINE_LOCK_MS), e);
		r = lock < 0 ? lock : engine_running(c, name, &live, e);
	}
	if (r == 0) {
		r = c->facts.cgroup == CG_NONE ? -ENOENT : cgroup_open(&c->facts, live.record.group, &cg);
		if (r == -ENOENT && c->facts.user_mode) {
			(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "it runs without a control group, which alone can hold processes");
			r = err_hint(e, "coppice stop %s", name);
		} else if (r < 0)
			r = err_sys(e, r, "open cgroup '%s'", live.record.group);
	}
	if (r == 0) {
		/* a pause that was killed may still be taking effect */
		was = (paused ? cgroup_is_frozen(&cg) : cgroup_is_freezing(&cg)) == 1;
		r = was == paused ? 0 : cgroup_freeze(&cg, paused, clock_deadline(10000));
		cgroup_done(&cg);
		if (r < 0)
			r = err_sys(e, r, "wait for the kernel to %s it", paused ? "freeze" : "thaw");
	}
	if (r == 0 && was != paused) {
		live.record.frozen = paused;
		r = record_write(&c->state, name, &live.record);
		if (r < 0)
			r = err_sys(e, r, "write the record");
	}
	if (r == 0) {
		struct err ignored = {0};

		(void)!engine_adopt_locked(c, name, lock, &live, &ignored);
	}
	if (r == 0 && was == paused && strict)
		r = err_set(e, ERR_STATE, EALREADY, "it is %s already", paused ? "paused" : "running");
	if (r < 0)
		return err_what(e, "cannot %s '%s'", paused ? "pause" : "resume", name);
	return was == paused;
}
