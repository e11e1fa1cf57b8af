/* live.c - the kernel is the truth: what runs, what is left over, repair and adoption. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "linux/cgroup.h"
#include "supervise/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

int engine_live(struct coppice *c, const char *name, struct live *ret, struct err *e)
{
	int r = engine_facts(c, e);
	bool current;

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	r = record_read(&c->state, name, &ret->record);
	if (r == -ENOENT) {
		int64_t ended;

		if (record_last(&c->state, name, &ret->record.last_exit, &ended) < 0)
			ret->record.last_exit = -1;
		return 0;
	}
	if (r < 0) {
		/* unreadable: what can be known without it is whether the cgroup has processes */
		struct cgroup cg;

		memset(&ret->record, 0, sizeof(ret->record));
		engine_group(c, name, ret->record.group);
		(void)snprintf(ret->record.note, sizeof(ret->record.note), "record is damaged");
		ret->leftovers = cgroup_open(&c->facts, ret->record.group, &cg) == 0;
		if (ret->leftovers)
			cgroup_done(&cg);
		return 0;
	}
	current = strcmp(ret->record.boot_id, c->facts.boot_id) == 0;
	ret->has_record = current;
	if (!current)
		return 0; /* of an earlier boot: nothing of it exists */
	ret->monitor = proc_alive(&ret->record.monitor) && state_monitor_alive(&c->state, name);
	ret->alive = !ret->record.starting && proc_alive(&ret->record.init);
	ret->starting = ret->record.starting && ret->monitor;
	/* with a living monitor the end is being cleaned up by it right now */
	ret->leftovers = !ret->alive && !ret->monitor;
	return 0;
}

int engine_wait_monitor(struct coppice *c, const char *name, uint64_t deadline, struct err *e)
{
	while (state_monitor_alive(&c->state, name)) {
		struct record rec;
		autoclose int pidfd = FD_NONE;
		int left = clock_left_ms(deadline);

		if (left == 0)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the monitor of '%s' does not end", name);
		/* its last act is to drop the record; between that and its exit only the lock tells of it */
		if (record_read(&c->state, name, &rec) == 0)
			pidfd = proc_open(&rec.monitor);
		if (pidfd >= 0)
			(void)!proc_wait_gone(pidfd, deadline);
		else
			(void)poll(NULL, 0, left < 2 ? left : 2);
	}
	return 0;
}

int engine_repair(struct coppice *c, const char *name, const struct live *l, struct err *e)
{
	struct cgroup cg;
	char group[160];
	int r;

	if (l->alive || l->monitor)
		return 0;
	if (!l->leftovers && !l->has_record)
		return 0;
	(void)snprintf(group, sizeof(group), "%s", l->record.group[0] ? l->record.group : "");
	if (!group[0])
		engine_group(c, name, group);
	engine_trace(c, "clean up what a dead start or monitor of '%s' left", name);
	r = cgroup_open(&c->facts, group, &cg);
	if (r == 0) {
		r = cgroup_kill(&cg, clock_deadline(10000));
		cgroup_done(&cg);
		if (r < 0)
			return err_sys(e, r, "end the processes left in cgroup '%s'", group);
		r = cgroup_remove(&c->facts, group);
		if (r < 0)
			return err_sys(e, r, "remove cgroup '%s'", group);
	}
	r = record_clear(&c->state, name, l->record.last_exit);
	if (r == -ENOSPC || r == -EDQUOT) /* the exit status does not fit any more: forget it, the container has stopped all the same */
		r = record_clear(&c->state, name, -1);
	return r < 0 ? err_sys(e, r, "clear the record of '%s'", name) : 0;
}

int engine_adopt(struct coppice *c, const char *name, struct live *l, struct err *e)
{
	struct monitor_spawn spawn = {.name = name, .viewer = FD_NONE, .timeout_ms = 10000};
	autoclose int report = FD_NONE;
	autoclose int lock = FD_NONE;
	int r;

	if (!l->alive || l->monitor)
		return 0;
	lock = state_lock(&c->state, name, "adopt", clock_deadline(ENGINE_LOCK_MS), e);
	if (lock < 0)
		return lock;
	r = engine_live(c, name, l, e);
	if (r < 0 || !l->alive || l->monitor)
		return r;
	engine_trace(c, "adopt '%s', whose monitor is gone", name);
	r = engine_spawn_monitor(c, &spawn, &report, e);
	if (r < 0)
		return err_wrap(e, "adopt the running container '%s'", name);
	return engine_live(c, name, l, e);
}
