/* fake-engine.c - the operations on containers over canned data; fake.h says how they are steered. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/fake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- steering ---- */

void fake_said(const char *fmt, ...)
{
	const char *on = getenv("COPPICE_FAKE_LOG");
	va_list ap;

	if (!on || strcmp(on, "1") != 0)
		return;
	fprintf(stderr, "engine: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

bool fake_set_is(const char *word)
{
	const char *set = getenv("COPPICE_FAKE_SET");

	return set && strncmp(set, word, strlen(word)) == 0;
}

static enum err_kind kind_of(const char *word, size_t len)
{
	for (enum err_kind k = ERR_NONE; k < ERR_KIND_COUNT; k++)
		if (strlen(err_kind_name(k)) == len && strncmp(err_kind_name(k), word, len) == 0)
			return k;
	return ERR_INTERNAL;
}

static int default_code(enum err_kind kind)
{
	static const int codes[ERR_KIND_COUNT] = {
		[ERR_INPUT] = EINVAL,  [ERR_MISSING] = ENOENT,	       [ERR_EXISTS] = EEXIST,	  [ERR_STATE] = EBADFD, [ERR_BUSY] = EBUSY,
		[ERR_DENIED] = EACCES, [ERR_UNSUPPORTED] = EOPNOTSUPP, [ERR_TIMEOUT] = ETIMEDOUT, [ERR_SYSTEM] = EIO,	[ERR_DAMAGED] = EUCLEAN,
		[ERR_INTERNAL] = EINVAL,
	};

	return codes[kind] ? codes[kind] : EINVAL;
}

int fake_fails(const char *op, const char *name, struct err *e)
{
	const char *p = getenv("COPPICE_FAKE_FAIL");
	char want[160];

	while (p && *p) {
		size_t len = strcspn(p, " "), head = strcspn(p, "=");

		(void)snprintf(want, sizeof(want), "%s:%s", op, name ? name : "");
		if (head < len && ((head == strlen(op) && strncmp(p, op, head) == 0) || (head == strlen(want) && strncmp(p, want, head) == 0))) {
			const char *value = p + head + 1, *colon = memchr(value, ':', len - head - 1);
			enum err_kind kind = kind_of(value, colon ? (size_t)(colon - value) : len - head - 1);
			uint64_t code = (uint64_t)default_code(kind);
			char digits[16];

			if (colon) {
				(void)snprintf(digits, sizeof(digits), "%.*s", (int)(p + len - colon - 1), colon + 1);
				if (parse_u64(digits, &code) < 0)
					code = EINVAL;
			}
			return err_sys(e, (int)code, "step of %s", op), e->kind = kind, -(int)code;
		}
		p += len;
		p += strspn(p, " ");
	}
	return 0;
}

/* ---- canned data ---- */

void fake_set_text(char *field, size_t size, const char *text)
{
	(void)snprintf(field, size, "%s", text);
}

static struct coppice_info blank(const char *name, const char *base, const char *mode)
{
	struct coppice_info i = {.monitor_alive = true, .last_exit = -1, .memory = UINT64_MAX, .memory_peak = UINT64_MAX, .memory_max = UINT64_MAX,
				 .swap = UINT64_MAX, .cpu_usec = UINT64_MAX, .pids = UINT64_MAX, .pids_max = UINT64_MAX, .oom_kills = UINT64_MAX,
				 .private_bytes = UINT64_MAX, .private_files = UINT64_MAX, .rx_bytes = UINT64_MAX, .tx_bytes = UINT64_MAX};

	TEXT(i.name, name);
	TEXT(i.base, base);
	TEXT(i.mode, mode);
	if (*base) {
		TEXT(i.version, "1f2e3a4b5c6d7e8f");
		TEXT(i.base_level, "erofs-file");
	}
	return i;
}

static void make_run(struct coppice_info *i, int32_t pid, int64_t age)
{
	i->state = COPPICE_RUNNING;
	i->init_pid = pid;
	i->monitor_pid = pid - 1;
	/* Half a second from the edge, so that the seconds shown do not depend on when the test runs. */
	i->started = clock_unix() - age;
	i->id_first = 1065536;
	i->memory = 21ull << 20;
	i->memory_peak = 24ull << 20;
	i->memory_max = 512ull << 20;
	i->swap = 0;
	i->cpu_usec = 1200000;
	i->pids = 12;
	i->pids_max = 512;
	i->oom_kills = 0;
}

static void fill_usual(struct coppice_info *infos)
{
	infos[0] = blank("ci-07", "debian12", "ephemeral");
	make_run(&infos[0], 5001, 150);
	infos[0].cpu_usec = 270ull * 1000000;
	infos[0].memory = 612ull << 20;
	infos[0].ephemeral = true;
	TEXT(infos[0].tags, "lab,ci");
	infos[1] = blank("mail", "web", "bind");
	infos[1].last_exit = 0;
	infos[1].autostart = true;
	infos[2] = blank("shop", "web", "overlay");
	make_run(&infos[2], 4100, 41 * 86400 + 3600);
	infos[2].state = COPPICE_FROZEN;
	infos[2].base_old = true;
	infos[2].oom_kills = 3;
	infos[2].monitor_alive = false;
	infos[3] = blank("web1", "debian12", "bind");
	make_run(&infos[3], 41231, 3605);
	TEXT(infos[3].tags, "lab");
	TEXT(infos[3].addresses, "eth0=10.87.0.9,fd00:87::9 lan=10.1.0.5");
	TEXT(infos[0].addresses, "eth0=10.87.3.4");
}

static void fill_odd(struct coppice_info *infos)
{
	infos[0] = blank("utf8", "debian12", "bind");
	TEXT(infos[0].note, "naïve 日本語 text");
	TEXT(infos[0].tags, "a,b c");
	infos[1] = blank("evil", "debian12", "bind");
	infos[1].state = COPPICE_BROKEN;
	TEXT(infos[1].note, "esc \033[31m bell \a new\nline quote \" comma , bad \xff");
	infos[2] = blank("large", "", "");
	make_run(&infos[2], 7, 100000);
	infos[2].privileged = true;
	infos[2].memory_max = UINT64_MAX - 1;
	infos[2].memory = 18446744073709551000ull;
}

static int fill(struct coppice *c)
{
	uint64_t many = 0;
	const char *set = getenv("COPPICE_FAKE_SET");

	c->count = fake_set_is("empty") ? 0 : fake_set_is("odd") ? 3 : 4;
	if (fake_set_is("many:") && parse_u64(set + 5, &many) == 0 && many < 1000000)
		c->count = (size_t)many;
	c->infos = calloc(c->count + 4, sizeof(*c->infos));
	if (!c->infos)
		return -ENOMEM;
	if (fake_set_is("odd"))
		fill_odd(c->infos);
	else if (!fake_set_is("empty") && !fake_set_is("many:"))
		fill_usual(c->infos);
	for (size_t i = 0; fake_set_is("many:") && i < c->count; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "box%05zu", i);
		c->infos[i] = blank(name, "debian12", "bind");
		make_run(&c->infos[i], (int32_t)(1000 + i), 3605);
	}
	return 0;
}

const struct coppice_info *fake_find(const struct coppice *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->infos[i].name, name) == 0)
			return &c->infos[i];
	return NULL;
}

int fake_enter(struct coppice *c, const char *op, const char *name, const struct coppice_info **ret, struct err *e)
{
	int r = fake_fails(op, name, e);

	if (r < 0)
		return r;
	if (c->trace)
		c->trace(c->trace_data, op);
	*ret = fake_find(c, name);
	return *ret ? 0 : err_set(e, ERR_MISSING, ENOENT, "no container '%s'", name);
}

static void nap(void)
{
	const char *slow = getenv("COPPICE_FAKE_SLOW");
	uint64_t ms = 0, until;

	if (!slow || parse_u64(slow, &ms) < 0)
		return;
	/* Like an engine that waits with a deadline: a signal does not cut it short. */
	for (until = clock_deadline(ms); clock_left_ms(until) > 0;)
		(void)poll(NULL, 0, clock_left_ms(until));
}

static bool is_up(const struct coppice_info *i)
{
	return i->state == COPPICE_RUNNING || i->state == COPPICE_FROZEN;
}

size_t fake_words(const char *const *list, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (; list && list[n]; n++)
		(void)snprintf(out + strlen(out), size - strlen(out), "[%s]", list[n]);
	return n;
}

/* ---- open ---- */

int coppice_user_enter(struct err *e)
{
	(void)e;
	return 0;
}

int coppice_open(const struct coppice_options *options, struct coppice **ret, struct err *e)
{
	struct coppice *c;
	int r;

	fake_said("open root=%s lxcpath=%s", options->root ? options->root : "-", options->lxcpath ? options->lxcpath : "-");
	r = fake_fails("open", NULL, e);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c || fill(c) < 0) {
		free(c);
		return err_sys(e, ENOMEM, "open");
	}
	c->trace = options->trace;
	c->trace_data = options->trace_data;
	*ret = c;
	return 0;
}

void coppice_close(struct coppice **c)
{
	if (!*c)
		return;
	free((*c)->infos);
	free(*c);
	*c = NULL;
}

const char *coppice_version(void)
{
	return "0.1.0";
}

const char *coppice_state_name(enum coppice_state s)
{
	static const char *const names[COPPICE_STATE_COUNT] = {"stopped", "starting", "running", "frozen", "stopping", "broken"};

	return s < COPPICE_STATE_COUNT ? names[s] : "broken";
}

/* ---- life ---- */

int coppice_create(struct coppice *c, const struct coppice_create *o, struct err *e)
{
	char set[1024], init[512];
	int r = fake_fails("create", o->name, e);

	(void)fake_words(o->set, set, sizeof(set));
	(void)fake_words(o->init, init, sizeof(init));
	fake_said("create base=%s rootfs=%s name=%s mode=%s set=%s init=%s if_missing=%d ephemeral=%d dry_run=%d config=%zu", o->base ? o->base : "-",
	     o->rootfs ? o->rootfs : "-", o->name ? o->name : "-", o->mode ? o->mode : "-", set, init, o->if_missing, o->ephemeral, o->dry_run,
	     o->config ? strlen(o->config) : 0);
	if (r < 0)
		return r;
	r = o->base ? fake_find_base(o->base, e) : 0;
	if (r < 0)
		return r;
	if (o->name && fake_find(c, o->name))
		return o->if_missing ? 1 : err_set(e, ERR_EXISTS, EEXIST, "container '%s' exists already", o->name);
	if (!o->name && o->name_out)
		(void)snprintf(o->name_out, 64, "brave-oak");
	return 0;
}

int coppice_start(struct coppice *c, const char *name, const struct coppice_start *o, struct err *e)
{
	const struct coppice_info *i;
	char set[512];
	int r;

	(void)fake_words(o->set, set, sizeof(set));
	fake_said("start %s strict=%d set=%s timeout_ms=%llu", name, o->strict, set, (unsigned long long)o->timeout_ms);
	r = fake_enter(c, "start", name, &i, e);
	if (r < 0)
		return r == -ENOENT && (getenv("COPPICE_FAKE_FRESH") != NULL) ? (err_clear(e), 0) : r;
	if (o->ret_pid)
		*o->ret_pid = i->init_pid;
	if (!is_up(i))
		return 0;
	return o->strict ? err_set(e, ERR_STATE, EALREADY, "it is %s", coppice_state_name(i->state)) : 1;
}

int coppice_plan_text(struct coppice *c, const char *name, const struct coppice_start *o, char **ret, struct err *e)
{
	const struct coppice_info *i;
	char set[512];
	int r = fake_enter(c, "plan", name, &i, e);

	if (r < 0)
		return r;
	(void)fake_words(o->set, set, sizeof(set));
	fake_said("plan %s set=%s", name, set);
	*ret = strdup("1 HOST  cgroup make coppice/NAME\n2 CHILD mount base\n");
	return *ret ? 0 : -ENOMEM;
}

int coppice_run(struct coppice *c, const struct coppice_run *o, int *ret_status, struct err *e)
{
	char argv[512], env[512];
	int r;

	(void)c;
	(void)fake_words(o->argv, argv, sizeof(argv));
	(void)fake_words(o->env, env, sizeof(env));
	fake_said("run base=%s name=%s argv=%s tty=%d env=%s cwd=%s user=%s keep=%d", o->create.base ? o->create.base : "-",
	     o->create.name ? o->create.name : "-", argv, o->tty, env, o->cwd ? o->cwd : "-", o->user ? o->user : "-", o->keep);
	r = fake_fails("run", NULL, e);
	if (r == 0 && o->create.base)
		r = fake_find_base(o->create.base, e);
	if (r < 0)
		return r;
	if (strcmp(o->argv[0], "nosuch") == 0) {
		*ret_status = 127;
		return err_set(e, ERR_MISSING, ENOENT, "no such program in the container");
	}
	if (strcmp(o->argv[0], "nofile") == 0)
		return err_set(e, ERR_MISSING, ENOENT, "something else is missing");
	*ret_status = strcmp(o->argv[0], "false") == 0 ? 1 : 0;
	return 0;
}

int coppice_stop(struct coppice *c, const char *name, const struct coppice_stop *o, struct err *e)
{
	const struct coppice_info *i;
	int r;

	fake_said("stop %s kill=%d strict=%d timeout_ms=%llu", name, o->kill, o->strict, (unsigned long long)o->timeout_ms);
	nap();
	r = fake_enter(c, "stop", name, &i, e);
	if (r < 0)
		return r;
	if (o->ret_killed)
		*o->ret_killed = o->kill || strcmp(name, "ci-07") == 0;
	if (is_up(i))
		return 0;
	return o->strict ? err_set(e, ERR_STATE, EALREADY, "it is stopped") : 1;
}

int coppice_kill(struct coppice *c, const char *name, int signal, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "kill", name, &i, e);

	fake_said("kill %s signal=%d", name, signal);
	if (r < 0)
		return r;
	return is_up(i) ? 0 : err_set(e, ERR_STATE, ESRCH, "it is stopped");
}

int coppice_pause(struct coppice *c, const char *name, bool paused, bool strict, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, paused ? "pause" : "resume", name, &i, e);

	if (r < 0)
		return r;
	if (!is_up(i))
		return err_set(e, ERR_STATE, ESRCH, "it is stopped");
	if ((i->state == COPPICE_FROZEN) != paused)
		return 0;
	return strict ? err_set(e, ERR_STATE, EALREADY, "it is %s", coppice_state_name(i->state)) : 1;
}

int coppice_delete(struct coppice *c, const char *name, const struct coppice_delete *o, struct err *e)
{
	const struct coppice_info *i;
	int r;

	fake_said("delete %s force=%d if_exists=%d purge=%d", name, o->force, o->if_exists, o->purge);
	r = fake_enter(c, "delete", name, &i, e);
	if (r == -ENOENT && o->if_exists) {
		err_clear(e);
		return 1;
	}
	if (r < 0)
		return r;
	return is_up(i) && !o->force ? err_set(e, ERR_STATE, EBUSY, "it is %s", coppice_state_name(i->state)) : 0;
}

int coppice_copy(struct coppice *c, const char *name, const struct coppice_copy *o, struct err *e)
{
	(void)c;
	fake_said("copy %s to %s%s%s%s%s", name, o->name, o->snapshot ? " snapshot" : "", o->running ? " running" : "", o->keep_name ? " keep_name" : "", o->keep_mac ? " keep_mac" : "");
	return fake_fails("copy", o->name, e);
}

int coppice_rename(struct coppice *c, const char *name, const char *to, struct err *e)
{
	(void)c;
	fake_said("rename %s to %s", name, to);
	return fake_fails("rename", name, e);
}

int coppice_adopt(struct coppice *c, const struct coppice_adopt *o, struct coppice_adopted *ret, struct err *e)
{
	int r = fake_fails("adopt", o->what, e);

	(void)c;
	fake_said("adopt %s base=%s as=%s common=%s%s", o->what, o->base ? o->base : "-", o->as ? o->as : "-", o->common ? o->common : "-", o->purge ? " purge" : "");
	if (r < 0)
		return r;
	*ret = (struct coppice_adopted){.before = 400u << 20, .common = 390u << 20, .private = 10u << 20};
	TEXT(ret->base, o->base ? o->base : "web1");
	TEXT(ret->version, "1f2e3a4b5c6d7e8f");
	TEXT(ret->container, o->as ? o->as : "web1");
	if (!o->purge)
		TEXT(ret->original, o->what[0] == '/' ? o->what : "web1-original");
	return 0;
}

int coppice_import_libvirt(struct coppice *c, const char *file, char *ret_name, char **ret_config, char **ret_notes, struct err *e)
{
	int r = fake_fails("import", NULL, e);

	(void)c;
	fake_said("import %s", file);
	if (r < 0)
		return r;
	fake_set_text(ret_name, 64, "guest1");
	*ret_config = strdup("coppice.memory = 268435456\nlxc.rootfs.path = dir:/srv/guest1\n");
	*ret_notes = strdup("<video> in <devices> was not understood and is left out\n");
	return 0;
}

int coppice_trash_list(struct coppice *c, struct coppice_trash **ret, size_t *ret_count, struct err *e)
{
	struct coppice_trash *t;
	int r = fake_fails("trash", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	t = calloc(2, sizeof(*t));
	if (!t)
		return err_sys(e, ENOMEM, "list the trash");
	TEXT(t[0].id, "old1.1790000000");
	TEXT(t[0].name, "old1");
	t[0].deleted = 1790000000;
	t[0].bytes = 3040870;
	t[1] = t[0];
	TEXT(t[1].id, "old1.1790000500");
	t[1].bytes = UINT64_MAX;
	*ret = t;
	*ret_count = fake_set_is("empty") ? 0 : 2;
	return 0;
}

int coppice_undelete(struct coppice *c, const char *id, const char *as, struct err *e)
{
	int r = fake_fails("undelete", id, e);

	fake_said("undelete %s as=%s", id, as ? as : "-");
	if (r < 0)
		return r;
	if (strncmp(id, "old1", 4) != 0)
		return err_set(e, ERR_MISSING, ENOENT, "nothing of this name in the trash");
	return as && fake_find(c, as) ? err_set(e, ERR_EXISTS, EEXIST, "container '%s' exists already", as) : 0;
}

/* ---- seeing ---- */

int coppice_info(struct coppice *c, const char *name, unsigned what, struct coppice_info *ret, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "info", name, &i, e);

	if (r < 0)
		return r;
	*ret = *i;
	if (what & COPPICE_INFO_DISK) {
		ret->private_bytes = 3040870;
		ret->private_files = 671;
	}
	if ((what & COPPICE_INFO_TRAFFIC) && ret->addresses[0]) {
		ret->rx_bytes = 1468006;
		ret->tx_bytes = 34000;
	}
	return 0;
}

int coppice_list(struct coppice *c, unsigned what, struct coppice_info **ret, size_t *ret_count, struct err *e)
{
	struct coppice_info *copy;
	int r = fake_fails("list", NULL, e);

	fake_said("list what=%u", what);
	if (r < 0)
		return r;
	copy = calloc(c->count + 1, sizeof(*copy));
	if (!copy)
		return err_sys(e, ENOMEM, "list");
	for (size_t i = 0; i < c->count; i++) {
		copy[i] = c->infos[i];
		if (what & COPPICE_INFO_DISK)
			copy[i].private_bytes = 3040870;
	}
	*ret = copy;
	*ret_count = c->count;
	return 0;
}

int coppice_wait(struct coppice *c, const char *name, enum coppice_cond cond, uint64_t timeout_ms, int *ret_exit, struct err *e)
{
	const struct coppice_info *i;
	int r = fake_enter(c, "wait", name, &i, e);
	bool now;

	fake_said("wait %s cond=%d %s", name, cond, timeout_ms == UINT64_MAX ? "forever" : "bounded");
	if (r < 0)
		return r;
	now = (cond == COPPICE_WAIT_RUNNING && i->state == COPPICE_RUNNING) || (cond == COPPICE_WAIT_FROZEN && i->state == COPPICE_FROZEN) ||
	      (cond == COPPICE_WAIT_STOPPED && i->state == COPPICE_STOPPED);
	if (!now)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "it is %s", coppice_state_name(i->state));
	*ret_exit = i->last_exit;
	return 0;
}

/* One start and one end, then the watch breaks: a session has to end. */
struct coppice_watch {
	int next, pipe[2];
};
int coppice_watch_open(struct coppice *c, struct coppice_watch **ret, struct err *e)
{
	static struct coppice_watch w; /* rule: no-globals: a fake */

	(void)c;
	fake_said("watch");
	if (pipe(w.pipe) < 0 || write(w.pipe[1], "x", 1) != 1)
		return err_sys(e, errno, "watch");
	*ret = &w;
	return 0;
}
int coppice_watch_fd(const struct coppice_watch *w)
{
	return w->pipe[0];
}
int coppice_watch_next(struct coppice_watch *w, struct coppice_event *ret, struct err *e)
{
	static const struct coppice_event events[] = {
		{"web1", COPPICE_EVENT_STATE, COPPICE_STARTING, COPPICE_STOPPED, 0}, {"web1", COPPICE_EVENT_STATE, COPPICE_RUNNING, COPPICE_STARTING, 0},
		{"job7", COPPICE_EVENT_EXIT, COPPICE_RUNNING, COPPICE_RUNNING, 3},   {"job7", COPPICE_EVENT_STATE, COPPICE_STOPPED, COPPICE_STOPPING, 0},
	};

	if ((size_t)w->next == ARRAY_LEN(events))
		return err_set(e, ERR_SYSTEM, EIO, "the session ends here");
	*ret = events[w->next++];
	return 1;
}
void coppice_watch_close(struct coppice_watch **w)
{
	*w = NULL;
}

int coppice_logs(struct coppice *c, const char *name, int fd, bool follow, uint64_t tail_lines, struct err *e)
{
	static const char text[] = "booting\nweb1 login: \n";
	const struct coppice_info *i;
	int r = fake_enter(c, "logs", name, &i, e);

	fake_said("logs %s follow=%d lines=%llu", name, follow, (unsigned long long)tail_lines);
	if (r == 0)
		r = fd_write_all(fd, text, strlen(text));
	return r < 0 && !err_is(e) ? err_sys(e, r, "write the log") : r;
}

/* ---- working inside ---- */

int coppice_exec(struct coppice *c, const char *name, const struct coppice_exec *o, int *ret_status, struct err *e)
{
	const struct coppice_info *i;
	char argv[512], env[512];
	int r;

	(void)fake_words(o->argv, argv, sizeof(argv));
	(void)fake_words(o->env, env, sizeof(env));
	fake_said("exec %s argv=%s tty=%d env=%s cwd=%s user=%s", name, argv, o->tty, env, o->cwd ? o->cwd : "-", o->user ? o->user : "-");
	r = fake_enter(c, "exec", name, &i, e);
	if (r < 0)
		return r;
	if (!is_up(i))
		return err_set(e, ERR_STATE, ESRCH, "it is stopped");
	if (o->argv && strcmp(o->argv[0], "nosuch") == 0) {
		*ret_status = 127;
		return err_set(e, ERR_MISSING, ENOENT, "no such program in the container");
	}
	if (o->argv && strcmp(o->argv[0], "noexec") == 0) {
		*ret_status = 126;
		return err_set(e, ERR_DENIED, EACCES, "it is not executable");
	}
	*ret_status = o->argv && strcmp(o->argv[0], "false") == 0 ? 1 : 0;
	return 0;
}

int coppice_console(struct coppice *c, const char *name, unsigned tty, int escape, struct err *e)
{
	const struct coppice_info *i;

	fake_said("console %s tty=%u escape=%d", name, tty, escape);
	return fake_enter(c, "console", name, &i, e);
}

int coppice_cp(struct coppice *c, const char *from, const char *to, struct err *e)
{
	const struct coppice_info *i;
	const char *in = strchr(from, ':') ? from : to;
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(in, ":"), in);
	fake_said("cp %s %s", from, to);
	return fake_enter(c, "cp", name, &i, e);
}
