/* run.c - a throw-away container around one program, in the caller's foreground. */
#include "engine/account.h"
#include "engine/engine.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "supervise/monitor.h"
#include "supervise/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define MAX_SET 64

struct foreground {
	int pipe_in, pipe_out, pipe_err; /* ours */
	int theirs[3];
	int viewer, stream;              /* the monitor's end, ours */
	bool tty;
};

static void foreground_done(struct foreground *f)
{
	int *const all[] = {&f->pipe_in, &f->pipe_out, &f->pipe_err, &f->theirs[0], &f->theirs[1], &f->theirs[2], &f->viewer, &f->stream};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		fd_close(all[i]);
}

static int foreground_open(struct foreground *f, bool tty, struct err *e)
{
	int p[2];

	*f = (struct foreground){FD_NONE, FD_NONE, FD_NONE, {FD_NONE, FD_NONE, FD_NONE}, FD_NONE, FD_NONE, tty};
	if (tty) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
			return err_sys(e, errno, "make a socket");
		f->stream = p[0];
		f->viewer = p[1];
		return 0;
	}
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	f->theirs[0] = p[0];
	f->pipe_in = p[1];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	f->pipe_out = p[0];
	f->theirs[1] = p[1];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	f->pipe_err = p[0];
	f->theirs[2] = p[1];
	return 0;
}

struct viewer {
	int run_dir;
};

static void on_winch(unsigned rows, unsigned cols, void *data)
{
	const struct viewer *v = data;

	monitor_resize(v->run_dir, 0, rows, cols);
}

static int relay(struct coppice *c, const char *name, struct foreground *f, int pidfd)
{
	int r;

	if (f->tty) {
		autoclose int run_dir = state_run_dir(&c->state, name, false);
		struct viewer v = {run_dir};
		struct relay_tty rt = {.stream = f->stream, .pidfd = pidfd, .on_winch = on_winch, .data = &v};

		r = relay_terminal(&rt);
		return r < 0 ? r : 0;
	}
	for (int i = 0; i < 3; i++)
		fd_close(&f->theirs[i]);
	return relay_pipes(take_fd(f->pipe_in), take_fd(f->pipe_out), take_fd(f->pipe_err), pidfd);
}

/* After the program: the monitor cleans up and tells the status. */
static int wait_end(int report, int *ret_status, struct err *e)
{
	struct msg m;
	int r;

	do
		r = msg_recv(report, CLOCK_NEVER, &m, NULL, 0);
	while (r == 1 && m.type == MSG_RUNNING); /* its restart policy began it anew */
	if (r == 1 && m.type == MSG_ENDED) {
		*ret_status = (int)m.value;
		return 0;
	}
	return err_set(e, ERR_SYSTEM, ECHILD, "the container's monitor ended without telling the status");
}

/* The user of the program, by the base's own passwd. */
static int find_user(struct coppice *c, const struct coppice_run *o, struct account *ac, struct err *e)
{
	autoclose int dir = FD_NONE;
	autoclose int root = FD_NONE;
	struct store_base base;
	int r;

	if (!o->create.base) {
		root = fd_open(AT_FDCWD, o->create.rootfs, O_PATH | O_DIRECTORY, 0);
	} else {
		r = engine_store(c, e);
		if (r == 0)
			r = store_base_find(&c->store, o->create.base, &base, e);
		if (r < 0)
			return r;
		dir = store_base_open(&c->store, &base, e);
		if (dir < 0)
			return dir;
		root = fd_open(dir, "skel", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	}
	return root < 0 ? err_sys(e, root, "open the user list") : account_resolve(root, o->user, ac, e);
}

struct pairs {
	const char *list[MAX_SET + 1];
	size_t count;
	struct arena arena;
};

static void add_pair(struct pairs *p, const char *key, const char *value)
{
	char *text = arena_printf(&p->arena, "%s=%s", key, value);

	if (text && p->count < MAX_SET)
		p->list[p->count++] = text;
}

static int collect_pairs(struct coppice *c, const struct coppice_run *o, struct pairs *p, struct err *e)
{
	struct account ac = {0};
	char number[16];
	int r;

	for (size_t i = 0; o->create.set && o->create.set[i] && p->count < MAX_SET; i++)
		p->list[p->count++] = o->create.set[i];
	for (size_t i = 0; o->env && o->env[i]; i++)
		add_pair(p, "lxc.environment+", o->env[i]);
	if (o->cwd)
		add_pair(p, "lxc.init.cwd", o->cwd);
	if (o->user) {
		r = find_user(c, o, &ac, e);
		if (r < 0)
			return r;
		(void)snprintf(number, sizeof(number), "%u", ac.uid);
		add_pair(p, "lxc.init.uid", number);
		(void)snprintf(number, sizeof(number), "%u", ac.gid);
		add_pair(p, "lxc.init.gid", number);
	}
	if (p->count >= MAX_SET)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d settings", MAX_SET);
	p->list[p->count] = NULL;
	return 0;
}

static int start_foreground(struct coppice *c, const char *name, struct foreground *f, int *ret_report, struct err *e)
{
	struct plan_wish wish = {.foreground = true, .stdio_pipes = !f->tty};
	struct buf notes = BUF_INIT;
	struct plan plan = {0};
	struct spec spec;
	autoclose int lock = state_lock(&c->state, name, "run", clock_deadline(ENGINE_LOCK_MS), e);
	struct live live;
	int r = lock < 0 ? lock : engine_settle(c, name, &live, e);

	if (r == 0 && live.alive)
		r = err_set(e, ERR_STATE, EALREADY, "somebody else has started it already");
	if (r == 0)
		r = engine_spec(c, name, NULL, &spec, e);

	if (r < 0)
		return r;
	r = engine_plan(c, &spec, &wish, &plan, &notes, e);
	if (r == 0) {
		struct monitor_spawn spawn = {
			.plan = &plan, .name = name, .stdio = f->tty ? NULL : f->theirs, .viewer = f->viewer, .lock = lock, .timeout_ms = ENGINE_START_MS};

		engine_note_lines(c, &notes);
		r = engine_spawn_monitor(c, &spawn, ret_report, e);
	}
	buf_done(&notes);
	plan_done(&plan);
	spec_done(&spec);
	return r;
}

static int run_created(struct coppice *c, const char *name, const struct coppice_run *o, int *ret_status, struct err *e)
{
	struct foreground f;
	autoclose int report = FD_NONE;
	autoclose int pidfd = FD_NONE;
	struct live live;
	int r = foreground_open(&f, o->tty < 0 ? isatty(0) && isatty(1) : o->tty > 0, e);

	if (r == 0)
		r = start_foreground(c, name, &f, &report, e);
	fd_close(&f.viewer);
	if (r == 0) {
		/* a program quicker than this look is simply over; its output waits in the pipes */
		if (engine_live(c, name, &live, e) == 0 && live.alive)
			pidfd = proc_open(&live.record.init);
		(void)!relay(c, name, &f, pidfd);
		r = wait_end(report, ret_status, e);
	}
	foreground_done(&f);
	return r;
}

int coppice_run(struct coppice *c, const struct coppice_run *o, int *ret_status, struct err *e)
{
	struct coppice_create create = o->create;
	struct coppice_delete purge = {.force = true, .if_exists = true, .purge = true};
	struct pairs pairs = {.arena = ARENA_INIT};
	char name[64] = "";
	struct err ignored;
	int hold = FD_NONE;
	int r = collect_pairs(c, o, &pairs, e);

	create.name_out = name;
	create.set = pairs.list;
	create.init = o->argv;
	create.ephemeral = !o->keep;
	if (r == 0)
		r = engine_create(c, &create, o->keep ? NULL : &hold, e);
	if (r == 0) {
		*ret_status = 125;
		r = run_created(c, name, o, ret_status, e);
		/* the small init told us which: the status a shell would give */
		if (r < 0 && e->step == APPLY_PROGRAM_FAILED)
			*ret_status = e->code == ENOENT ? 127 : 126;
		if (r < 0 && !o->keep)
			(void)!coppice_delete(c, name, &purge, &ignored);
		if (hold >= 0)
			state_throwaway_drop(&c->state, name, &hold);
	}
	arena_done(&pairs.arena);
	return r < 0 ? err_what(e, "cannot run '%s'", o->argv && o->argv[0] ? o->argv[0] : "?") : 0;
}
