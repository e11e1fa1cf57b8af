/* apply.c - the loop over a plan's steps, the rendezvous with the child, and the way back. */
#include "apply/apply.h"

#include "apply/ops.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

void apply_init(struct apply *a, const struct plan *plan)
{
	memset(a, 0, sizeof(*a));
	a->plan = plan;
	cgroup_init(&a->cgroup);
	a->notify.sock = FD_NONE;
	for (size_t i = 0; i < 3; i++)
		a->stdio[i] = FD_NONE;
	for (size_t i = 0; i < ARRAY_LEN(a->source); i++)
		a->source[i] = FD_NONE;
	for (size_t i = 0; i < ARRAY_LEN(a->lower); i++)
		a->lower[i] = FD_NONE;
	for (size_t i = 0; i < ARRAY_LEN(a->master); i++)
		a->master[i] = FD_NONE;
	for (size_t i = 0; i < ARRAY_LEN(a->tasks); i++)
		a->tasks[i] = FD_NONE;
	for (size_t i = 0; i < ARRAY_LEN(a->namespaces); i++)
		a->namespaces[i] = FD_NONE;
	a->host_ns = a->mounts_lock = a->root_lock = a->host_time = a->private_mnt = a->base_mnt = a->init_helper = FD_NONE;
	for (size_t i = 0; i < ARRAY_LEN(a->shared); i++)
		a->shared[i] = FD_NONE;
	a->console_peer = a->shared_proc = FD_NONE;
	a->stage = a->procfs = a->root = a->userns = FD_NONE;
	a->child_pidfd = a->sock = a->netns = a->net_sock = a->net_pidfd = a->child_sock = a->report = a->report_write = a->console = FD_NONE;
	a->record.last_exit = -1;
}

void apply_done(struct apply *a)
{
	int *const fds[] = {&a->console_peer, &a->shared_proc, &a->host_ns, &a->mounts_lock, &a->root_lock, &a->host_time, &a->private_mnt, &a->base_mnt, &a->init_helper, &a->stage,        &a->procfs, &a->root,
			    &a->userns,  &a->child_pidfd, &a->sock,     &a->netns, &a->net_sock, &a->net_pidfd, &a->child_sock,  &a->report, &a->report_write, &a->console};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fd_close(fds[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->source); i++)
		fd_close(&a->source[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->lower); i++)
		fd_close(&a->lower[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->master); i++)
		fd_close(&a->master[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->tasks); i++)
		fd_close(&a->tasks[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->namespaces); i++)
		fd_close(&a->namespaces[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->shared); i++)
		fd_close(&a->shared[i]);
	cgroup_done(&a->cgroup);
	buf_done(&a->seccomp);
	notify_done(&a->notify);
	buf_done(&a->hook_notes);
}

/* Any change of the host's mount table this process wants to see again. */
int apply_to_host(struct apply *a)
{
	if (a->host_ns < 0)
		return 0;
	return setns(a->host_ns, CLONE_NEWNS) < 0 ? -errno : 0;
}

static void undo_from(struct apply *a, size_t count)
{
	(void)!apply_to_host(a);
	for (size_t i = count; i > 0; i--)
		if (step_side_of(a->plan->steps[i - 1].kind) == SIDE_HOST)
			ops_undo(a, &a->plan->steps[i - 1]);
}

void apply_undo(struct apply *a)
{
	undo_from(a, a->plan->count);
}

/* The host steps of [first, end). What stands behind the child's first step is for when the child has done them all. */
static int run_host_steps(struct apply *a, size_t first, size_t end, size_t *ret_done, struct err *e)
{
	for (size_t i = first; i < end; i++) {
		const struct step *st = &a->plan->steps[i];
		int r;

		*ret_done = i;
		if (step_side_of(st->kind) == SIDE_NET)
			ops_tell(a, i);
		if (step_side_of(st->kind) == SIDE_CHILD || step_side_of(st->kind) == SIDE_NET)
			continue;
		*ret_done = i + 1; /* its undo is idempotent: run it even when the step itself failed */
		r = ops_run(a, i, e);
		if (r < 0)
			return r;
	}
	*ret_done = end;
	return 0;
}

static size_t first_child_step(const struct plan *p)
{
	size_t i = 0;

	while (i < p->count && step_side_of(p->steps[i].kind) != SIDE_CHILD)
		i++;
	return i;
}

/* What a child that vanished without a word leaves us: its status. */
static int child_died(struct apply *a, struct err *e)
{
	int status = -1;

	if (proc_reap(a->child, a->child_pidfd, clock_deadline(1000), &status) == 0)
		a->child = 0;
	return err_set(e, ERR_SYSTEM, ECHILD, "the setup process ended too early (status %d)", status);
}

/* Waits for one message of @want, or for one that asks for hooks (1); FAIL and end of file become errors. */
static int expect(struct apply *a, enum msg_type want, struct msg *m, int *fds, size_t nfds, struct err *e)
{
	int r = msg_recv(a->sock, a->deadline, m, fds, nfds);

	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the setup process did not answer in time");
	if (r < 0)
		return err_sys(e, r, "receive from the setup process");
	if (r == 0)
		return child_died(a, e);
	if (m->type == MSG_FAIL) {
		*e = m->err;
		return e->code ? -e->code : -EIO;
	}
	if (m->type == MSG_HOOKS && want == MSG_READY)
		return 1;
	if (m->type != (uint32_t)want)
		return err_set(e, ERR_INTERNAL, EPROTO, "the setup process answered out of turn (%u)", m->type);
	return 0;
}

/* The child asks for hooks as often as its steps say so, and is told when they have run. */
static int serve_child(struct apply *a, struct err *e)
{
	struct msg m;
	int r = expect(a, MSG_READY, &m, a->master, ARRAY_LEN(a->master), e);

	while (r == 1) {
		autoclose int tree = take_fd(a->master[0]);

		r = apply_serve_hooks(a, (uint64_t)m.value, tree, e);
		if (r < 0)
			return r;
		r = msg_send(a->sock, MSG_HOOKED, 0, 0, NULL, 0);
		if (r < 0)
			return err_sys(e, r, "send to the setup process");
		r = expect(a, MSG_READY, &m, a->master, ARRAY_LEN(a->master), e);
	}
	return r;
}

static int talk(struct apply *a, struct err *e)
{
	int r;

	r = msg_send(a->sock, MSG_GO, 0, 0, NULL, 0);
	if (r < 0)
		return err_sys(e, r, "send to the setup process");
	r = serve_child(a, e);
	if (r < 0)
		return r;
	apply_keep_namespaces(a, a->procfs);
	for (a->master_count = 0; a->master_count < ARRAY_LEN(a->master) && a->master[a->master_count] >= 0;)
		a->master_count++;
	return 0;
}

int apply_prepare(struct apply *a, struct err *e)
{
	size_t done = 0, inside = first_child_step(a->plan);
	int r = run_host_steps(a, 0, inside, &done, e);

	if (r == 0)
		r = talk(a, e);
	if (r == 0)
		r = run_host_steps(a, inside, a->plan->count, &done, e);
	if (r < 0)
		undo_from(a, done);
	else
		apply_net_reap(a);
	return r;
}

/* The small init tells the errno of its program's exec, or nothing when it ran. */
static int wait_report(struct apply *a, struct err *e)
{
	int code = 0;
	ssize_t n;
	const struct step *arg = plan_find(a->plan, STEP_ARG, 0);

	if (a->report < 0)
		return 0;
	do
		n = read(a->report, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	fd_close(&a->report);
	if (n != (ssize_t)sizeof(code))
		return 0;
	(void)err_sys(e, code, "run '%s'", arg ? arg->text[0] : "?");
	e->step = APPLY_PROGRAM_FAILED;
	return -e->code;
}

int apply_release(struct apply *a, struct err *e)
{
	struct msg m;
	int r;

	if (a->restores) /* what was to exec has given way to what runs already */
		return 0;
	r = msg_send(a->sock, MSG_EXEC, 0, 0, NULL, 0);
	if (r < 0)
		r = err_sys(e, r, "send to the setup process");
	else
		r = msg_recv(a->sock, a->deadline, &m, NULL, 0);
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		r = e->code ? -e->code : -EIO;
	} else if (r == 1) {
		r = err_set(e, ERR_INTERNAL, EPROTO, "the setup process spoke after it was told to exec");
	} else if (r == -ETIMEDOUT) {
		r = err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the init program was not started in time");
	} else if (r == 0) {
		r = wait_report(a, e);
	}
	if (r < 0)
		undo_from(a, a->plan->count);
	else
		fd_close(&a->sock);
	return r;
}
