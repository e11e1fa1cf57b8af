/* launch.c - starts the way LXC's commands do them: another config, another program, a container that is there only while it runs, in the foreground.
 *
 * A name without a directory gets one with nothing but the config in it, marked ephemeral: its monitor removes it at the end, and until it has one the throw-away
 * mark (state.h) tells others that the maker is dead. What it was started with is kept beside its record, so that commands that
 * enter or stop it go by that. */
#include "engine/engine.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/front.h"
#include "engine/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the config ---- */

/* Of a start that failed before a monitor was there to do it. */
static void forget_config(struct coppice *c, const char *name)
{
	autoclose int dir = state_run_dir(&c->state, name, false);

	if (dir >= 0)
		(void)unlinkat(dir, RECORD_CONFIG, 0);
}

/* "config:12" before what failed, and how to get there. */
static void say_where(const char *where, struct err *e)
{
	const char *colon = where ? strrchr(where, ':') : NULL;

	if (!colon)
		return;
	(void)err_wrap(e, "%s", where);
	if (where[0] == '/')
		(void)err_hint(e, "${EDITOR:-vi} +%s %.*s", colon + 1, (int)(colon - where), where);
}

int engine_start_stopped(struct coppice *c, const char *name, const struct start_wish *w, int *ret_report, struct err *e)
{
	struct plan_wish wish = {.config_file = w->config_file, .set = w->set, .env = w->env, .foreground = w->foreground, .stdio_pipes = w->stdio_pipes, .pid_file = w->pid_file, .restore = w->restore};
	autodone(buf_done) struct buf notes = BUF_INIT;
	autodone(log_close) struct log log = LOG_INIT;
	struct conf *own = NULL;
	const struct conf *conf = w->conf;
	struct plan plan = {0};
	struct spec spec;
	bool spawned = false, aside = false;
	char back[CG_GROUP_MAX];
	int r = 0;

	if (!conf) {
		r = engine_config(c, name, &own, e);
		if (r == 0)
			r = engine_override(own, w->set, e);
		conf = own;
	}
	if (r == 0)
		r = engine_spec_of(c, name, conf, &spec, e);
	if (r < 0) {
		conf_free(&own);
		return r;
	}
	r = engine_log_choose(c, &spec, &log, e);
	if (r == 0)
		r = engine_log_open(c, &spec, &log, e);
	wish.log = &log;
	if (r == 0)
		r = engine_keep_config(c, name, conf, e);
	conf_free(&own);
	log_write(&log, LOG_LEVEL_INFO, "engine", w->restore ? "restore container '%s'" : "start container '%s'", name);
	if (r == 0)
		r = engine_plan(c, &spec, &wish, &plan, &notes, e);
	if (r == 0) {
		struct monitor_spawn spawn = {
			.plan = &plan, .name = name, .stdio = w->stdio, .viewer = w->foreground ? w->viewer : FD_NONE, .lock = w->lock, .log = &log,
			.timeout_ms = w->timeout_ms ? w->timeout_ms : ENGINE_START_MS, .ret_init = w->ret_pid, .ret_monitor = w->ret_monitor};

		engine_note_lines(c, &notes);
		if (notes.len)
			log_write(&log, LOG_LEVEL_NOTICE, "engine", "%s", buf_str(&notes));
		aside = spec.cgroup_relative && engine_step_aside(c, &plan, back);
		spawned = true;
		r = engine_spawn_monitor(c, &spawn, ret_report, e);
		if (r < 0 && e && e->code == EMFILE && spec_where(&spec, "lxc.prlimit.nofile")) {
			(void)err_wrap(e, "lxc.prlimit.nofile leaves too few for the start");
			say_where(spec_where(&spec, "lxc.prlimit.nofile"), e);
		} else if (r < 0 && e && e->step > 0 && e->step <= plan.count) {
			say_where(plan.steps[e->step - 1].where, e);
		}
	}
	if (r < 0 && aside)
		engine_step_back(c, &plan, back);
	plan_done(&plan);
	if (r < 0 && !spawned) /* a monitor tells its own failure */
		log_err(&log, LOG_LEVEL_ERROR, "engine", e);
	spec_done(&spec);
	if (r < 0)
		forget_config(c, name);
	return r;
}

/* lxc.execute.cmd, when no command was given. */
static int set_default_command(struct conf *conf, struct err *e)
{
	autofree const char **words = NULL;
	struct spec s;
	int r;

	spec_init(&s);
	r = conf_apply(conf, &s, e);
	if (r == 0 && !s.execute_count) {
		(void)err_set(e, ERR_INPUT, EINVAL, "no command was given, and lxc.execute.cmd names none");
		r = err_hint(e, "lxc-execute -n NAME -- COMMAND");
	}
	if (r == 0) {
		words = calloc(s.execute_count + 1, sizeof(*words));
		for (size_t i = 0; words && i < s.execute_count; i++)
			words[i] = s.execute[i];
		r = words ? engine_set_words(conf, "coppice.init", words, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	spec_done(&s);
	return r;
}

/* The document to start with; NULL in *@ret when it is the container's own as it is. */
static int build_config(struct coppice *c, const char *name, const struct coppice_launch *o, struct conf **ret, struct err *e)
{
	struct conf *conf = NULL;
	int r;

	*ret = NULL;
	if (!o->config && !o->argv && !o->execute && !(o->set && o->set[0]))
		return 0;
	r = o->config ? conf_parse_as(o->config, strlen(o->config), o->config_name ?: "the config given", c->lenient ? CONF_LENIENT : CONF_STRICT, &conf, e) : engine_config(c, name, &conf, e);
	if (r == 0)
		r = engine_override(conf, o->set, e);
	if (r == 0 && o->argv)
		r = engine_set_words(conf, o->execute ? "coppice.init" : "lxc.init.cmd", o->argv, e);
	else if (r == 0 && o->execute)
		r = set_default_command(conf, e);
	if (r < 0) {
		conf_free(&conf);
		return r;
	}
	*ret = conf;
	return 0;
}

/* ---- a container that is there only while it runs ---- */

static int make_passing(struct coppice *c, const char *name, struct conf *conf, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = FD_NONE;
	int r = conf_set(conf, "lxc.ephemeral", "1", e);

	if (r < 0)
		return r;
	dir = state_create_begin(&c->state, name, e);
	if (dir < 0)
		return dir;
	conf_render(conf, &text);
	r = buf_failed(&text) ? -ENOMEM : path_swap_file(dir, "config", buf_str(&text), text.len, 0640);
	r = r < 0 ? err_sys(e, r, "write the config") : state_create_commit(&c->state, name, e);
	if (r < 0)
		state_create_abort(&c->state, name);
	return r;
}

/* The container lock is held as *@lock, and released. */
static void unmake_passing(struct coppice *c, const char *name, int *lock)
{
	struct err ignored = {0};

	engine_release_ids(c, name);
	(void)!state_destroy(&c->state, name, &ignored);
	state_forget(&c->state, name, lock);
}

static int is_defined(struct coppice *c, const char *name, bool *ret_dir, bool *ret_config, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);

	*ret_dir = dir >= 0;
	*ret_config = dir >= 0 && faccessat(dir, "config", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return dir < 0 && dir != -ENOENT ? err_sys(e, dir, "open '%s/%s'", c->lxcpath, name) : 0;
}

/* ---- the operation ---- */

struct launch {
	const struct coppice_launch *o;
	const struct plan_restore *restore;
	struct conf *conf;
	struct front front;
	int32_t init;
	int lock, hold;
	bool passing; /* the container is ours, and there only while it runs */
};

static void launch_done(struct launch *l)
{
	conf_free(&l->conf);
	front_done(&l->front);
	fd_close(&l->lock);
	fd_close(&l->hold);
}

/* 0 to go on with a container that is there and stopped, 1 when it runs. */
static int prepare(struct coppice *c, const char *name, struct launch *l, struct err *e)
{
	const struct coppice_launch *o = l->o;
	bool has_dir = false, has_config = false;
	struct live live = {0};
	int r = is_defined(c, name, &has_dir, &has_config, e);

	if (r < 0)
		return r;
	if (!has_config && !o->config) {
		r = engine_find(c, name, e); /* a running one may do without */
		if (r < 0)
			return r;
	}
	r = engine_find_settled(c, name, l->lock, &live, e);
	if (r == 1) {
		if (o->ret_pid)
			*o->ret_pid = live.record.init.pid;
		if (o->ret_monitor)
			*o->ret_monitor = live.record.monitor.pid;
		return o->execute || l->restore ? err_set(e, ERR_STATE, EALREADY, "it runs already, as process %d", live.record.init.pid) : 1;
	}
	if (r == 0)
		r = build_config(c, name, o, &l->conf, e);
	if (r < 0 || has_dir)
		return r;
	l->hold = state_throwaway_hold(&c->state, name, e);
	r = l->hold < 0 ? l->hold : make_passing(c, name, l->conf, e);
	l->passing = r == 0;
	if (r < 0 && l->hold >= 0)
		state_throwaway_drop(&c->state, name, &l->hold);
	return r;
}

static int start(struct coppice *c, const char *name, struct launch *l, struct err *e)
{
	struct front *f = &l->front;
	struct start_wish w = {.config_file = l->o->config ? l->o->config_name : NULL, .conf = l->passing ? NULL : l->conf, .env = l->o->env, .foreground = l->o->foreground, .pid_file = l->o->foreground ? NULL : l->o->pid_file, .lock = l->lock,
			       .viewer = FD_NONE, .restore = l->restore, .ret_pid = &l->init, .ret_monitor = l->o->ret_monitor};
	int r = l->o->foreground ? front_open(f, e) : 0;

	if (r == 0) {
		w.viewer = f->viewer;
		w.stdio_pipes = f->theirs[0] >= 0 && f->out >= 0;
		w.stdio = w.stdio_pipes ? f->theirs : NULL;
		r = engine_start_stopped(c, name, &w, &f->report, e);
	}
	if (r == 0 && l->o->ret_pid)
		*l->o->ret_pid = l->init;
	if (r < 0 && l->passing)
		unmake_passing(c, name, &l->lock);
	fd_close(&l->lock);
	return r;
}

int engine_launch(struct coppice *c, const char *name, const struct coppice_launch *o, const struct plan_restore *restore, int *ret_status, struct err *e)
{
	autodone(launch_done) struct launch l = {.o = o, .restore = restore, .front = FRONT(c, name, isatty(0) && isatty(1), o->execute), .lock = FD_NONE, .hold = FD_NONE};
	int r = engine_check_container(name, e);
	bool lost = false;

	if (r == 0)
		r = engine_state(c, e);
	if (r == 0) {
		engine_sweep(c);
		l.lock = state_lock(&c->state, name, restore ? "restore" : o->execute ? "execute" : "start", clock_deadline(ENGINE_LOCK_MS), e);
		r = l.lock < 0 ? l.lock : prepare(c, name, &l, e);
	}
	if (r == 0) {
		r = start(c, name, &l, e);
		if (r < 0 && ret_status && e->step == APPLY_PROGRAM_FAILED)
			*ret_status = e->code == ENOENT ? 127 : 126;
		if (r == 0 && o->foreground) {
			r = front_follow(&l.front, ret_status, e);
			lost = r < 0;
		}
	}
	if (l.hold >= 0)
		state_throwaway_drop(&c->state, name, &l.hold);
	if (r >= 0)
		return r;
	if (l.front.unwritten)
		return err_what(e, "'%s' has ended, but not all of its output arrived", name);
	if (e && e->kind == ERR_INPUT) /* a word of the command line: of a file, the hint leads to it already */
		(void)err_hint(e, "coppice config keys");
	(void)err_hint(e, "coppice show %s", name);
	return err_what(e, lost ? "lost sight of '%s', which may still run" : restore ? "cannot restore '%s'" : "cannot start '%s'", name);
}

int coppice_launch(struct coppice *c, const char *name, const struct coppice_launch *o, int *ret_status, struct err *e)
{
	return engine_launch(c, name, o, NULL, ret_status, e);
}
