/* fake-engine.c - the public operations over canned data, so that every table, JSON and error form of the command is tested without root.
 *
 * Nothing is kept between two calls of the program. What it does is steered by the environment:
 *
 *   COPPICE_FAKE_SET    "" = four containers and two bases; "empty" = nothing; "many:N" = N containers; "odd" = hostile texts
 *   COPPICE_FAKE_FAIL   "OP[:NAME]=KIND[:CODE]" separated by blanks: the operation fails so ("start:web1=busy", "open=denied:13")
 *   COPPICE_FAKE_SLOW   milliseconds that stop takes
 *   COPPICE_FAKE_LOG    "1": every operation tells its arguments on stderr, prefixed with "engine: " */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct coppice {
	void (*trace)(void *data, const char *text);
	void *trace_data;
	struct coppice_info *infos;
	size_t count;
};

/* ---- steering ---- */

static void said(const char *fmt, ...) PRINTF(1, 2);

static void said(const char *fmt, ...)
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

static bool set_is(const char *word)
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

/* Fails when the environment says so for @op (on @name). 0 or -errno. */
static int fails(const char *op, const char *name, struct err *e)
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

static void set_text(char *field, size_t size, const char *text)
{
	(void)snprintf(field, size, "%s", text);
}

#define TEXT(field, text) set_text((field), sizeof(field), (text))

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

	c->count = set_is("empty") ? 0 : set_is("odd") ? 3 : 4;
	if (set_is("many:") && parse_u64(set + 5, &many) == 0 && many < 1000000)
		c->count = (size_t)many;
	c->infos = calloc(c->count + 4, sizeof(*c->infos));
	if (!c->infos)
		return -ENOMEM;
	if (set_is("odd"))
		fill_odd(c->infos);
	else if (!set_is("empty") && !set_is("many:"))
		fill_usual(c->infos);
	for (size_t i = 0; set_is("many:") && i < c->count; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "box%05zu", i);
		c->infos[i] = blank(name, "debian12", "bind");
		make_run(&c->infos[i], (int32_t)(1000 + i), 3605);
	}
	return 0;
}

static const struct coppice_info *find(const struct coppice *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->infos[i].name, name) == 0)
			return &c->infos[i];
	return NULL;
}

/* Common beginning of every operation on a container. */
static int enter(struct coppice *c, const char *op, const char *name, const struct coppice_info **ret, struct err *e)
{
	int r = fails(op, name, e);

	if (r < 0)
		return r;
	if (c->trace)
		c->trace(c->trace_data, op);
	*ret = find(c, name);
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

static size_t words(const char *const *list, char *out, size_t size)
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

	said("open root=%s lxcpath=%s", options->root ? options->root : "-", options->lxcpath ? options->lxcpath : "-");
	r = fails("open", NULL, e);
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

static int find_base(const char *ref, struct err *e);

int coppice_create(struct coppice *c, const struct coppice_create *o, struct err *e)
{
	char set[1024], init[512];
	int r = fails("create", o->name, e);

	(void)words(o->set, set, sizeof(set));
	(void)words(o->init, init, sizeof(init));
	said("create base=%s rootfs=%s name=%s mode=%s set=%s init=%s if_missing=%d ephemeral=%d dry_run=%d config=%zu", o->base ? o->base : "-",
	     o->rootfs ? o->rootfs : "-", o->name ? o->name : "-", o->mode ? o->mode : "-", set, init, o->if_missing, o->ephemeral, o->dry_run,
	     o->config ? strlen(o->config) : 0);
	if (r < 0)
		return r;
	r = o->base ? find_base(o->base, e) : 0;
	if (r < 0)
		return r;
	if (o->name && find(c, o->name))
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

	(void)words(o->set, set, sizeof(set));
	said("start %s strict=%d set=%s timeout_ms=%llu", name, o->strict, set, (unsigned long long)o->timeout_ms);
	r = enter(c, "start", name, &i, e);
	if (r < 0)
		return r == -ENOENT && (getenv("COPPICE_FAKE_FRESH") != NULL) ? (err_clear(e), 0) : r;
	if (o->ret_pid)
		*o->ret_pid = i->init_pid;
	if (!is_up(i))
		return 0;
	return o->strict ? err_set(e, ERR_STATE, EALREADY, "it is %s", coppice_state_name(i->state)) : 1;
}

int coppice_plan_text(struct coppice *c, const char *name, char **ret, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "plan", name, &i, e);

	if (r < 0)
		return r;
	*ret = strdup("1 HOST  cgroup make coppice/NAME\n2 CHILD mount base\n");
	return *ret ? 0 : -ENOMEM;
}

int coppice_run(struct coppice *c, const struct coppice_run *o, int *ret_status, struct err *e)
{
	char argv[512], env[512];
	int r;

	(void)c;
	(void)words(o->argv, argv, sizeof(argv));
	(void)words(o->env, env, sizeof(env));
	said("run base=%s name=%s argv=%s tty=%d env=%s cwd=%s user=%s keep=%d", o->create.base ? o->create.base : "-",
	     o->create.name ? o->create.name : "-", argv, o->tty, env, o->cwd ? o->cwd : "-", o->user ? o->user : "-", o->keep);
	r = fails("run", NULL, e);
	if (r == 0 && o->create.base)
		r = find_base(o->create.base, e);
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

	said("stop %s kill=%d strict=%d timeout_ms=%llu", name, o->kill, o->strict, (unsigned long long)o->timeout_ms);
	nap();
	r = enter(c, "stop", name, &i, e);
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
	int r = enter(c, "kill", name, &i, e);

	said("kill %s signal=%d", name, signal);
	if (r < 0)
		return r;
	return is_up(i) ? 0 : err_set(e, ERR_STATE, ESRCH, "it is stopped");
}

int coppice_pause(struct coppice *c, const char *name, bool paused, bool strict, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, paused ? "pause" : "resume", name, &i, e);

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

	said("delete %s force=%d if_exists=%d purge=%d", name, o->force, o->if_exists, o->purge);
	r = enter(c, "delete", name, &i, e);
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
	said("copy %s to %s%s%s%s%s", name, o->name, o->snapshot ? " snapshot" : "", o->running ? " running" : "", o->keep_name ? " keep_name" : "", o->keep_mac ? " keep_mac" : "");
	return fails("copy", o->name, e);
}

int coppice_rename(struct coppice *c, const char *name, const char *to, struct err *e)
{
	(void)c;
	said("rename %s to %s", name, to);
	return fails("rename", name, e);
}

int coppice_adopt(struct coppice *c, const struct coppice_adopt *o, struct coppice_adopted *ret, struct err *e)
{
	int r = fails("adopt", o->what, e);

	(void)c;
	said("adopt %s base=%s as=%s common=%s%s", o->what, o->base ? o->base : "-", o->as ? o->as : "-", o->common ? o->common : "-", o->purge ? " purge" : "");
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
	int r = fails("import", NULL, e);

	(void)c;
	said("import %s", file);
	if (r < 0)
		return r;
	set_text(ret_name, 64, "guest1");
	*ret_config = strdup("coppice.memory = 268435456\nlxc.rootfs.path = dir:/srv/guest1\n");
	*ret_notes = strdup("<video> in <devices> was not understood and is left out\n");
	return 0;
}

int coppice_trash_list(struct coppice *c, struct coppice_trash **ret, size_t *ret_count, struct err *e)
{
	struct coppice_trash *t;
	int r = fails("trash", NULL, e);

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
	*ret_count = set_is("empty") ? 0 : 2;
	return 0;
}

int coppice_undelete(struct coppice *c, const char *id, const char *as, struct err *e)
{
	int r = fails("undelete", id, e);

	said("undelete %s as=%s", id, as ? as : "-");
	if (r < 0)
		return r;
	if (strncmp(id, "old1", 4) != 0)
		return err_set(e, ERR_MISSING, ENOENT, "nothing of this name in the trash");
	return as && find(c, as) ? err_set(e, ERR_EXISTS, EEXIST, "container '%s' exists already", as) : 0;
}

/* ---- seeing ---- */

int coppice_info(struct coppice *c, const char *name, unsigned what, struct coppice_info *ret, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "info", name, &i, e);

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
	int r = fails("list", NULL, e);

	said("list what=%u", what);
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
	int r = enter(c, "wait", name, &i, e);
	bool now;

	said("wait %s cond=%d %s", name, cond, timeout_ms == UINT64_MAX ? "forever" : "bounded");
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
	said("watch");
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
	int r = enter(c, "logs", name, &i, e);

	said("logs %s follow=%d lines=%llu", name, follow, (unsigned long long)tail_lines);
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

	(void)words(o->argv, argv, sizeof(argv));
	(void)words(o->env, env, sizeof(env));
	said("exec %s argv=%s tty=%d env=%s cwd=%s user=%s", name, argv, o->tty, env, o->cwd ? o->cwd : "-", o->user ? o->user : "-");
	r = enter(c, "exec", name, &i, e);
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

	said("console %s tty=%u escape=%d", name, tty, escape);
	return enter(c, "console", name, &i, e);
}

int coppice_cp(struct coppice *c, const char *from, const char *to, struct err *e)
{
	const struct coppice_info *i;
	const char *in = strchr(from, ':') ? from : to;
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(in, ":"), in);
	said("cp %s %s", from, to);
	return enter(c, "cp", name, &i, e);
}

/* ---- config ---- */

static const char config_text[] = "# web1\ncoppice.base = debian12\ncoppice.memory = 512M\ncoppice.tag = lab\ncoppice.tag = \"two words\"\n";

int coppice_config_text(struct coppice *c, const char *name, char **ret, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "config-text", name, &i, e);

	if (r < 0)
		return r;
	*ret = strdup(config_text);
	return *ret ? 0 : -ENOMEM;
}

int coppice_config_replace(struct coppice *c, const char *name, const char *text, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "config-replace", name, &i, e);

	said("config-replace %s %zu bytes", name, strlen(text));
	if (r < 0)
		return r;
	return strstr(text, "bogus") ? err_set(e, ERR_INPUT, EINVAL, "line 1: unknown key 'bogus'") : 0;
}

int coppice_config_get(struct coppice *c, const char *name, const char *key, char **ret, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "config-get", name, &i, e);

	if (r < 0)
		return r;
	if (strcmp(key, "coppice.memory") == 0)
		*ret = strdup("512M");
	else if (strcmp(key, "coppice.tag") == 0)
		*ret = strdup("lab\ntwo words");
	else
		return err_set(e, ERR_MISSING, ENOENT, "'%s' is not set", key);
	return *ret ? 0 : -ENOMEM;
}

int coppice_config_set(struct coppice *c, const char *name, const char *const *pairs, struct err *e)
{
	const struct coppice_info *i;
	char text[1024];
	int r;

	(void)words(pairs, text, sizeof(text));
	said("config-set %s %s", name, text);
	r = enter(c, "config-set", name, &i, e);
	if (r < 0)
		return r;
	if (strncmp(pairs[0], "coppice.memry", 13) == 0) {
		(void)err_set(e, ERR_INPUT, EINVAL, "unknown key 'coppice.memry', the closest is 'coppice.memory'");
		return err_hint(e, "coppice config keys coppice.memory");
	}
	return 0;
}

int coppice_config_unset(struct coppice *c, const char *name, const char *key, struct err *e)
{
	const struct coppice_info *i;

	said("config-unset %s %s", name, key);
	return enter(c, "config-unset", name, &i, e);
}

size_t coppice_config_keys(struct coppice_key **ret)
{
	static const struct coppice_key keys[] = {
		{"coppice.memory", "memory limit", "a size such as 512M, or max", "512M", false, "", "", "", "works", ""},
		{"coppice.tag", "words to select containers by", "a word", "lab", true, "", "", "", "works", ""},
		{"lxc.cgroup2.memory.max", "memory limit", "bytes", "536870912", false, "", "3.0", "", "works", ""},
		{"lxc.pivotdir", "directory of the old root", "a path", "old", false, "", "", "3.0", "ignored", "the old root needs none"},
	};

	*ret = malloc(sizeof(keys));
	if (!*ret)
		return 0;
	memcpy(*ret, keys, sizeof(keys));
	return ARRAY_LEN(keys);
}

int coppice_config_check(struct coppice *c, const char *name, const char *path, void (*found)(void *data, const struct coppice_finding *f), void *data,
			 size_t *ret_problems, struct err *e)
{
	const struct coppice_info *i;
	int r = path ? 0 : enter(c, "config", name, &i, e);

	*ret_problems = 0;
	if (r < 0 || path)
		return r;
	found(data, &(struct coppice_finding){"/c/web1/config:3", true, "unknown key 'lxc.tty.mx', did you mean 'lxc.tty.max'?", "coppice config keys lxc.tty"});
	found(data, &(struct coppice_finding){"/c/web1/config:4", true, "lxc.tty.max = '4 # four': not a number (allowed: 0 to 63); '# four' is part of the value: a comment needs a line of its own", ""});
	found(data, &(struct coppice_finding){"/c/web1/config:7", false, "lxc.pivotdir: ignored: the old root needs none", ""});
	*ret_problems = 2;
	return 0;
}

int coppice_config_origin(struct coppice *c, const char *name, void (*line)(void *data, const char *where, const char *key, const char *value), void *data, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "config", name, &i, e);

	if (r < 0)
		return r;
	line(data, "/etc/lxc/common.conf:3", "lxc.tty.max", "4");
	line(data, "/c/web1/config:2", "coppice.memory", "512M");
	return 0;
}

int coppice_config_upgrade(struct coppice *c, const char *name, const char *path, unsigned flags,
			   void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_changed, struct err *e)
{
	const struct coppice_info *i;
	int r = path ? 0 : enter(c, "config", name, &i, e);

	(void)flags;
	*ret_changed = 0;
	if (r < 0 || path)
		return r;
	change(data, 3, "lxc.utsname = web1", "lxc.uts.name = web1");
	change(data, 9, "lxc.pivotdir = x", "");
	*ret_changed = 2;
	return 0;
}

/* ---- bases ---- */

static struct coppice_base base_of(const char *name, const char *version, bool current)
{
	struct coppice_base b = {
		.created = clock_unix() - 3 * 86400 - 600,
		.common_bytes = 229ull << 20,
		.common_files = 10214,
		.skel_bytes = 3040870,
		.skel_files = 671,
		.image_bytes = 97ull << 20,
		.current = current,
		.merged_usr = true,
		.pins = 2,
	};

	TEXT(b.name, name);
	TEXT(b.version, version);
	TEXT(b.digest, "1f2e3a4b5c6d7e8f0000000000000000000000000000000000000000000000ff");
	TEXT(b.os, "Debian GNU/Linux 12");
	TEXT(b.arch, "x86_64");
	TEXT(b.source, "mmdebstrap:bookworm");
	TEXT(b.seal, "erofs");
	return b;
}

static int find_base(const char *ref, struct err *e)
{
	char name[64], version[72];

	if (parse_base_ref(ref, name, version) < 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no name of a base", ref);
	if (!set_is("empty") && (strcmp(name, "debian12") == 0 || strcmp(name, "web") == 0))
		return 0;
	return err_set(e, ERR_MISSING, ENOENT, "no base '%s'", name);
}

static const char report_text[] = "{\"scrubbed\":[\"etc/machine-id\",\"etc/ssh/ssh_host_rsa_key\",\"var/lib/systemd/random-seed\",\"etc/hostname\","
				  "\"etc/resolv.conf\",\"etc/fstab\"],\"notes\":[\"no fs-verity on this file system\"],\"bytes\":240123904}";

int coppice_base_build(struct coppice *c, const struct coppice_base_build *o, struct coppice_base *ret, struct err *e)
{
	int r;

	(void)c;
	said("base-build %s from=%s packages=%s include=%s seal=%s dry_run=%d", o->name, o->from, o->packages ? o->packages : "-",
	     o->include ? o->include : "-", o->seal ? o->seal : "-", o->dry_run);
	o->progress(o->progress_data, "stage", 10, "usr/bin");
	o->progress(o->progress_data, "stage", 100, "10885 files");
	r = fails("base-build", o->name, e);
	if (r < 0)
		return r;
	o->progress(o->progress_data, "scrub", -1, "6 things");
	o->progress(o->progress_data, "seal", -1, "erofs, sha256 manifest");
	*ret = base_of(o->name, "1f2e3a4b5c6d7e8f", true);
	*o->ret_report = strdup(report_text);
	return 0;
}

int coppice_base_list(struct coppice *c, struct coppice_base **ret, size_t *ret_count, struct err *e)
{
	struct coppice_base *b;
	int r = fails("base-list", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	b = calloc(3, sizeof(*b));
	if (!b)
		return err_sys(e, ENOMEM, "list bases");
	b[0] = base_of("debian12", "1f2e3a4b5c6d7e8f", true);
	b[1] = base_of("web", "aa2e3a4b5c6d7e8f", true);
	b[2] = base_of("web", "bb2e3a4b5c6d7e8f", false);
	b[2].pins = 0;
	*ret = b;
	*ret_count = set_is("empty") ? 0 : 3;
	return 0;
}

int coppice_base_show(struct coppice *c, const char *ref, struct coppice_base *ret, char **ret_users, struct err *e)
{
	int r = fails("base-show", ref, e);

	(void)c;
	if (r == 0)
		r = find_base(ref, e);
	if (r < 0)
		return r;
	*ret = base_of("debian12", "1f2e3a4b5c6d7e8f", true);
	*ret_users = strdup("ci-07\nweb1\n");
	return 0;
}

int coppice_base_verify(struct coppice *c, const char *ref, char **ret_report, struct err *e)
{
	int r = fails("base-verify", ref, e);

	(void)c;
	if (r < 0) {
		*ret_report = strdup("{\"differ\":[\"usr/bin/true\",\"usr/lib/libc.so.6\"]}");
		return r;
	}
	return find_base(ref, e);
}

int coppice_base_delete(struct coppice *c, const char *ref, bool if_exists, struct err *e)
{
	int r = fails("base-delete", ref, e);

	(void)c;
	said("base-delete %s if_exists=%d", ref, if_exists);
	if (r == 0)
		r = find_base(ref, e);
	if (r == -ENOENT && if_exists) {
		err_clear(e);
		return 1;
	}
	return r;
}

/* ---- house-keeping ---- */

int coppice_df(struct coppice *c, struct coppice_df **ret, size_t *ret_count, struct err *e)
{
	struct coppice_df *d;
	int r = fails("df", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	d = calloc(3, sizeof(*d));
	if (!d)
		return err_sys(e, ENOMEM, "df");
	d[0] = (struct coppice_df){.common = 219ull << 20, .private_total = 214ull << 20, .on_disk = 433ull << 20, .full_copies = 5470ull << 20,
				   .containers = 24};
	TEXT(d[0].base, "debian12");
	TEXT(d[0].version, "1f2e3a4b5c6d7e8f");
	d[1] = (struct coppice_df){.common = 396ull << 20, .private_total = 88ull << 20, .on_disk = 484ull << 20, .full_copies = 484ull << 20,
				   .containers = 1};
	TEXT(d[1].base, "web");
	TEXT(d[1].version, "bb2e3a4b5c6d7e8f");
	*ret = d;
	*ret_count = set_is("empty") ? 0 : 2;
	return 0;
}

int coppice_gc(struct coppice *c, struct coppice_gc *io, struct err *e)
{
	int r = fails("gc", NULL, e);

	(void)c;
	said("gc dry_run=%d trash_age_s=%llu", io->dry_run, (unsigned long long)io->trash_age_s);
	if (r < 0)
		return r;
	if (!set_is("empty")) {
		io->trash = 2;
		io->staging = 1;
		io->bytes = 6ull << 20;
	}
	return 0;
}

int coppice_pool_set(struct coppice *c, const char *base, unsigned want, struct err *e)
{
	(void)c;
	said("pool-set %s %u", base, want);
	return find_base(base, e);
}

int coppice_doctor(struct coppice *c, struct coppice_check **ret, size_t *ret_count, struct err *e)
{
	struct coppice_check *k;
	int r = fails("doctor", NULL, e);

	(void)c;
	if (r < 0)
		return r;
	k = calloc(3, sizeof(*k));
	if (!k)
		return err_sys(e, ENOMEM, "doctor");
	TEXT(k[0].id, "kernel");
	TEXT(k[0].text, "kernel 6.18: namespaces, idmapped mounts, overlay");
	k[1].level = 1;
	TEXT(k[1].id, "inotify");
	TEXT(k[1].text, "/proc/sys/fs/inotify/max_user_instances = 128: about 60 systemd containers can start");
	TEXT(k[1].fix, "sysctl -w fs.inotify.max_user_instances=8192");
	k[2].level = 2;
	TEXT(k[2].id, "memory");
	TEXT(k[2].text, "the memory controller is not enabled: limits cannot work");
	TEXT(k[2].fix, "boot with cgroup_enable=memory");
	*ret = k;
	*ret_count = set_is("empty") ? 1 : 3;
	return 0;
}

int coppice_monitor_main(int argc, char **argv)
{
	(void)argv;
	said("monitor argc=%d", argc);
	return 0;
}

int coppice_keeper_main(int argc, char **argv)
{
	(void)argv;
	said("keeper argc=%d", argc);
	return 0;
}

/* ---- networks ---- */

static const struct {
	const char *name, *ipv4, *ipv6;
	uint32_t leases, running;
	bool up, isolated, internal;
} nets[] = {
	{"coppice0", "10.150.0.1/16", "fd8c:a2a6:9950::1/64", 3, 2, true, false, false},
	{"lab", "192.168.77.1/24", "", 0, 0, false, true, true},
};

static void fill_network(size_t i, struct coppice_network *ret)
{
	memset(ret, 0, sizeof(*ret));
	TEXT(ret->name, nets[i].name);
	TEXT(ret->bridge, nets[i].name);
	TEXT(ret->ipv4, nets[i].ipv4);
	TEXT(ret->ipv6, nets[i].ipv6);
	ret->mtu = 1500;
	ret->nat = ret->guard = ret->names = true;
	ret->up = nets[i].up;
	ret->isolated = nets[i].isolated;
	ret->internal = nets[i].internal;
	ret->leases = nets[i].leases;
	ret->running = nets[i].running;
	ret->created = clock_unix() - 3 * 86400;
}

static int find_network(const char *name, struct coppice_network *ret, struct err *e)
{
	for (size_t i = 0; !set_is("empty") && i < ARRAY_LEN(nets); i++)
		if (strcmp(nets[i].name, name) == 0) {
			fill_network(i, ret);
			return 0;
		}
	return err_set(e, ERR_MISSING, ENOENT, "there is no network '%s'", name);
}

static void said_settings(const char *op, const char *name, const char *const *set)
{
	struct buf b = BUF_INIT;

	for (; set && *set; set++)
		buf_printf(&b, " %s", *set);
	said("%s %s%s", op, name, buf_str(&b));
	buf_done(&b);
}

int coppice_network_create(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e)
{
	int r = fails("network-create", name, e);

	(void)c;
	said_settings("network-create", name, set);
	if (r < 0)
		return r;
	if (find_network(name, ret, e) == 0)
		return err_set(e, ERR_EXISTS, EEXIST, "network '%s' exists already", name);
	err_clear(e);
	fill_network(1, ret);
	TEXT(ret->name, name);
	TEXT(ret->bridge, name);
	return 0;
}

int coppice_network_edit(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e)
{
	int r = fails("network-edit", name, e);

	(void)c;
	said_settings("network-edit", name, set);
	return r < 0 ? r : find_network(name, ret, e);
}

int coppice_network_list(struct coppice *c, struct coppice_network **ret, size_t *ret_count, struct err *e)
{
	struct coppice_network *list = calloc(ARRAY_LEN(nets), sizeof(*list));
	int r = fails("network-list", NULL, e);

	(void)c;
	if (!list || r < 0) {
		free(list);
		return r < 0 ? r : err_sys(e, ENOMEM, "list");
	}
	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		fill_network(i, &list[i]);
	*ret = list;
	*ret_count = set_is("empty") ? 0 : ARRAY_LEN(nets);
	return 0;
}

int coppice_network_show(struct coppice *c, const char *name, struct coppice_network *ret, struct coppice_network_user **ret_users, size_t *ret_count, struct err *e)
{
	static const struct coppice_network_user on_it[] = {
		{"ci-07", "eth0", "00:16:3e:11:22:33", "10.150.3.4", "fd8c:a2a6:9950::1:2", "cp00112233", true, 1234567, 7654321},
		{"old", "eth0", "00:16:3e:44:55:66", "10.150.200.17", "fd8c:a2a6:9950::dece:aeaa", "", false, UINT64_MAX, UINT64_MAX},
		{"web1", "eth1", "00:16:3e:77:88:99", "10.150.9.8", "", "cp44556677", true, 0, 42},
	};
	int r = fails("network-show", name, e);

	(void)c;
	if (r == 0)
		r = find_network(name, ret, e);
	if (r < 0)
		return r;
	*ret_count = ret->leases;
	*ret_users = calloc(ARRAY_LEN(on_it), sizeof(on_it[0]));
	if (!*ret_users)
		return err_sys(e, ENOMEM, "show");
	memcpy(*ret_users, on_it, sizeof(on_it));
	return 0;
}

int coppice_network_delete(struct coppice *c, const char *name, bool if_exists, struct err *e)
{
	struct coppice_network n;
	int r = fails("network-delete", name, e);

	(void)c;
	said("network-delete %s if_exists=%d", name, if_exists);
	if (r == 0)
		r = find_network(name, &n, e);
	if (r == -ENOENT && if_exists) {
		err_clear(e);
		return 1;
	}
	if (r == 0 && n.leases) {
		(void)err_set(e, ERR_BUSY, EBUSY, "3 containers use it: 'ci-07', 'old', 'web1'");
		return err_hint(e, "coppice network show %s", name);
	}
	return r;
}

int coppice_network_attach(struct coppice *c, const char *name, const char *what, struct err *e)
{
	struct coppice_network n;
	char network[16] = "";
	const struct coppice_info *i;
	int r = enter(c, "network-attach", name, &i, e);

	said("network-attach %s %s", name, what);
	(void)snprintf(network, sizeof(network), "%.*s", (int)strcspn(what, " "), what);
	return r < 0 ? r : find_network(network, &n, e);
}

int coppice_network_detach(struct coppice *c, const char *name, const char *nic, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "network-detach", name, &i, e);

	said("network-detach %s %s", name, nic);
	return r == 0 && strcmp(nic, "eth9") == 0 ? err_set(e, ERR_MISSING, ENOENT, "it has no interface '%s'", nic) : r;
}

int coppice_network_bridge_host(struct coppice *c, const char *device, const char *bridge, unsigned confirm_s, char **ret_lines, struct err *e)
{
	int r = fails("bridge-host", device, e);

	(void)c;
	said("bridge-host %s %s confirm=%u", device, bridge, confirm_s);
	if (r < 0)
		return r;
	*ret_lines = strdup("# /etc/network/interfaces\nauto br0\n");
	return *ret_lines ? 0 : err_sys(e, ENOMEM, "bridge-host");
}

int coppice_network_confirm(struct coppice *c, const char *bridge, struct err *e)
{
	(void)c;
	said("confirm %s", bridge);
	return fails("confirm", bridge, e);
}

int coppice_port_add(struct coppice *c, const char *name, const char *what, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "port-add", name, &i, e);

	said("port-add %s %s", name, what);
	return r;
}

int coppice_port_remove(struct coppice *c, const char *name, const char *what, struct err *e)
{
	const struct coppice_info *i;
	int r = enter(c, "port-remove", name, &i, e);

	said("port-remove %s %s", name, what);
	return r;
}

int coppice_port_list(struct coppice *c, const char *name, struct coppice_port **ret, size_t *ret_count, struct err *e)
{
	static const struct coppice_port all[] = {
		{"web1", "", "tcp", 8080, 80, 1, true},
		{"web1", "127.0.0.1", "udp", 5300, 53, 10, true},
		{"old", "fd00::1", "tcp", 22, 22, 1, false},
	};
	const struct coppice_info *i;
	size_t count = 0;
	int r = fails("port-list", name, e);

	if (r == 0 && name)
		r = enter(c, "port-list", name, &i, e);
	if (r < 0)
		return r;
	*ret = calloc(ARRAY_LEN(all), sizeof(all[0]));
	if (!*ret)
		return err_sys(e, ENOMEM, "list");
	for (size_t k = 0; !set_is("empty") && k < ARRAY_LEN(all); k++)
		if (!name || strcmp(name, all[k].container) == 0)
			(*ret)[count++] = all[k];
	*ret_count = count;
	return 0;
}
