/* ops.c - the table of step kinds: apply, undo, or the reason why none is needed. */
#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static const char dies_with_child[] = "dies with the child and its namespaces";
static const char dies_with_monitor[] = "a descriptor or mount of the monitor alone: gone when it ends";
static const char dies_with_cgroup[] = "goes away with the cgroup";
static const char only_data[] = "data";
static const char done_by_helper[] = "the helper undoes it, with net_begin";

static step_undo_fn undo_journal, undo_cgroup, undo_cgroup_monitor, undo_child; /* undo_net_begin is in net.c, undo_user_net in user-net.c */

#define APPLY_DATA(word) NULL
#define APPLY_NET(word) NULL /* done by the helper that NET_BEGIN starts */
#define APPLY_HOST(word) step_##word
#define APPLY_CHILD(word) step_##word
#define NONE_DATA only_data
#define NONE_NET done_by_helper
#define NONE_HOST dies_with_monitor
#define NONE_CHILD dies_with_child

static const struct {
	step_fn *apply;
	const char *why_no_undo; /* default by side; kinds with an undo are in undo_of() */
} ops[STEP_KIND_COUNT] = {
#define X(kind, side, word, args) [STEP_##kind] = {APPLY_##side(word), NONE_##side},
	STEP_LIST(X)
#undef X
};

static step_undo_fn *undo_of(enum step_kind kind)
{
	switch (kind) {
	case STEP_JOURNAL:
		return undo_journal;
	case STEP_HOOKS:
		return undo_hooks;
	case STEP_CGROUP:
		return undo_cgroup;
	case STEP_CLASS:
		return undo_class;
	case STEP_CGROUP_MONITOR:
		return undo_cgroup_monitor;
	case STEP_CHILD:
		return undo_child;
	case STEP_NET_BEGIN:
		return undo_net_begin;
	case STEP_USER_NET:
		return undo_user_net;
	default:
		return NULL;
	}
}

const char *ops_why_no_undo(enum step_kind kind)
{
	if (undo_of(kind))
		return NULL;
	if (kind == STEP_RESTORE) /* what it brings to life is the child from then on */
		return dies_with_child;
	return kind == STEP_LIMIT || kind == STEP_DEVICES ? dies_with_cgroup : ops[kind].why_no_undo;
}

int ops_apply(struct apply *a, const struct step *st, struct err *e)
{
	return ops[st->kind].apply ? ops[st->kind].apply(a, st, e) : 0;
}

void ops_die(void)
{
	(void)kill(getpid(), SIGKILL);
	_exit(128 + SIGKILL); /* pid 1 of a namespace is not killed from within */
}

/* Before it is done: a step that hangs is the last one told. */
void ops_tell(const struct apply *a, size_t index)
{
	static const char *const parts[] = {[SIDE_DATA] = "plan", [SIDE_HOST] = "monitor", [SIDE_NET] = "network", [SIDE_CHILD] = "setup"};
	const struct step *st = &a->plan->steps[index];
	autodone(buf_done) struct buf text = BUF_INIT;

	if (!log_wants(a->log, LOG_LEVEL_DEBUG))
		return;
	step_describe(st, &text);
	log_write(a->log, LOG_LEVEL_DEBUG, parts[step_side_of(st->kind)], "step %zu: %s", index + 1, buf_str(&text));
}

int ops_run(struct apply *a, size_t index, struct err *e)
{
	const struct step *st = &a->plan->steps[index];
	enum apply_fault_kind fault = a->fault.step == index + 1 ? a->fault.kind : APPLY_FAULT_NONE;
	int r;

	ops_tell(a, index);
	if (fault == APPLY_FAULT_KILL)
		ops_die();
	r = fault == APPLY_FAULT_STEP ? err_set(e, ERR_SYSTEM, EIO, "injected fault") : ops_apply(a, st, e);
	if (r == 0 && fault == APPLY_FAULT_AFTER)
		r = err_set(e, ERR_SYSTEM, EIO, "injected fault");
	if (r < 0 && e->step != APPLY_PROGRAM_FAILED) {
		/* the network helper names the step of its own that failed */
		if (st->kind == STEP_NET_WAIT && e->step > 0 && e->step <= a->plan->count)
			index = e->step - 1;
		(void)err_wrap(e, "%s", step_word(a->plan->steps[index].kind));
		e->step = (uint32_t)index + 1;
	}
	if (r == 0 && step_side_of(st->kind) != SIDE_DATA)
		log_write(a->log, LOG_LEVEL_TRACE, step_side_of(st->kind) == SIDE_CHILD ? "setup" : "monitor", "step %zu: done", index + 1);
	return r;
}

void ops_undo(struct apply *a, const struct step *st)
{
	step_undo_fn *undo = undo_of(st->kind);

	if (!undo)
		return;
	log_write(a->log, LOG_LEVEL_DEBUG, "monitor", "undo %s", step_word(st->kind));
	undo(a, st);
}

/* ---- the undos ---- */

static void undo_journal(struct apply *a, const struct step *st)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);

	(void)st;
	if (who && a->record.starting)
		(void)!record_drop(a->state, who->text[0]);
	else if (who)
		(void)!record_clear(a->state, who->text[0], a->record.last_exit);
}

static void undo_cgroup(struct apply *a, const struct step *st)
{
	(void)!cgroup_kill(&a->cgroup, clock_deadline(10000));
	cgroup_done(&a->cgroup);
	(void)!cgroup_remove(a->facts, st->text[0]);
}

static void undo_cgroup_monitor(struct apply *a, const struct step *st)
{
	cgroup_leave(a->facts, st->text[0], st->text[1]);
}

static void undo_child(struct apply *a, const struct step *st)
{
	int status;

	(void)st;
	if (a->child <= 0)
		return;
	(void)!proc_kill(a->child_pidfd, SIGKILL);
	(void)!proc_reap(a->child, a->child_pidfd, clock_deadline(10000), &status);
	fd_close(&a->child_pidfd);
	a->child = 0;
}
