/* config-tools.c - what can be asked of a configuration without starting anything: everything that is wrong with it, where each value comes from, and the same text with the
 * names of today. Each works on a container's config or on a file of the user's. */
#include "engine/engine.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "plan/limits.h"
#include "spec/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where a config text is: its directory, its name there, what people call it. A container's is locked when it is to be changed. */
struct place {
	int dir, lock;
	char file[NAME_MAX + 1];
	char origin[PATH_MAX];
};

#define PLACE_NONE {.dir = FD_NONE, .lock = FD_NONE}

static void place_done(struct place *p)
{
	fd_close(&p->dir);
	fd_close(&p->lock);
}

/* Links are followed first: what is replaced later is the file, not the link to it. */
static int find_file(const char *path, struct place *p, struct err *e)
{
	autofree char *whole = realpath(path, NULL); /* rule: plain-paths: the file that the caller named */
	char *slash = whole ? strrchr(whole, '/') : NULL;

	if (!slash)
		return err_sys(e, errno, "cannot read '%s'", path);
	(void)snprintf(p->origin, sizeof(p->origin), "%s", path);
	(void)snprintf(p->file, sizeof(p->file), "%s", slash + 1);
	slash[slash == whole] = '\0';
	p->dir = fd_open(AT_FDCWD, whole, O_RDONLY | O_DIRECTORY, 0);
	return p->dir < 0 ? err_sys(e, p->dir, "cannot open '%s'", whole) : 0;
}

static int find_container(struct coppice *c, const char *name, const char *verb, struct place *p, struct err *e)
{
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	p->lock = verb ? state_lock(&c->state, name, verb, clock_deadline(ENGINE_LOCK_MS), e) : FD_NONE;
	if (verb && p->lock < 0)
		return p->lock;
	(void)snprintf(p->file, sizeof(p->file), "config");
	(void)snprintf(p->origin, sizeof(p->origin), "%s/%s/config", c->lxcpath, name);
	p->dir = state_dir(&c->state, name);
	return p->dir < 0 ? err_sys(e, p->dir, "open '%s/%s'", c->lxcpath, name) : 0;
}

/* ---- check ---- */

struct check {
	void (*found)(void *data, const struct coppice_finding *f);
	void *data;
	size_t problems;
};

static void take_problem(void *data, const char *where, const char *why, const char *hint)
{
	struct check *k = data;

	k->problems++;
	k->found(k->data, &(struct coppice_finding){.where = where, .problem = true, .text = why, .hint = hint});
}

/* "file:12: text" gives its two parts; a text without a place is the whole's. */
static void tell_placed(struct check *k, const char *line, bool problem, const char *hint)
{
	char where[PATH_MAX + 16] = "";
	const char *text = line, *colon = line;

	while ((colon = strchr(colon, ':'))) {
		size_t digits = strspn(colon + 1, "0123456789");

		if (digits && strncmp(colon + 1 + digits, ": ", 2) == 0) {
			text = colon + 1 + digits + 2;
			(void)snprintf(where, sizeof(where), "%.*s", (int)(text - 2 - line), line);
			break;
		}
		colon++;
	}
	k->problems += problem;
	k->found(k->data, &(struct coppice_finding){.where = where, .problem = problem, .text = text, .hint = hint});
}

/* Limits that this host cannot hold, or not as they are said. */
static void check_limits(struct check *k, const struct spec *s)
{
	autodone(buf_done) struct buf notes = BUF_INIT;
	autofree struct limit_write *writes = calloc(LIMITS_MAX, sizeof(*writes));
	struct facts f;
	struct err e = {0};
	size_t count;
	uint32_t need;

	if (writes && facts_probe(&f, &e) == 0 && limits_translate(&f, &s->limits, writes, &count, &need, &notes, &e) < 0)
		tell_placed(k, e.why, true, e.hint);
	for (char *line = notes.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		tell_placed(k, line, false, "");
	}
}

/* What only shows when all lines are together. A file may be a part of a config: it gets a root for the time of the check. */
static void check_whole(struct check *k, const char *name, struct spec *s)
{
	struct err e = {0};

	s->name = name ?: "container";
	if (!name && !s->base && !s->rootfs)
		s->rootfs = "/srv";
	if (k->problems == 0 && spec_freeze(s, &e) < 0)
		tell_placed(k, e.why, true, e.hint);
	if (s->frozen)
		check_limits(k, s);
	for (size_t i = 0; i < s->note_count; i++)
		tell_placed(k, s->notes[i], false, "");
}

int coppice_config_check(struct coppice *c, const char *name, const char *path, void (*found)(void *data, const struct coppice_finding *f), void *data,
			 size_t *ret_problems, struct err *e)
{
	autodone(place_done) struct place p = PLACE_NONE;
	autodone(conf_free) struct conf *conf = NULL;
	struct check k = {.found = found, .data = data};
	const struct conf_watcher w = {.problem = take_problem, .data = &k};
	struct spec s;
	int r = path ? find_file(path, &p, e) : find_container(c, name, NULL, &p, e);

	if (r == 0)
		r = conf_read_as(p.dir, p.file, p.origin, CONF_CHECK, &conf, e);
	if (r < 0)
		return err_what(e, "cannot check '%s'", path ?: name);
	spec_init(&s);
	r = conf_watch(conf, &s, &w, e);
	if (r == 0)
		check_whole(&k, path ? NULL : name, &s);
	spec_done(&s);
	*ret_problems = k.problems;
	return r < 0 ? err_what(e, "cannot check '%s'", path ?: name) : 0;
}

/* ---- origin ---- */

struct said_line {
	const char *where, *key, *value;
};

struct origin {
	struct arena arena;
	struct said_line *lines;
	size_t count;
	bool failed;
};

static void origin_done(struct origin *o)
{
	arena_done(&o->arena);
}

/* True when saying @key anew, or clearing it, takes away what @line said. */
static bool takes_away(const char *key, const struct said_line *line)
{
	size_t len = strlen(key);

	if (strcmp(line->key, key) == 0)
		return true;
	if (strcmp(key, "lxc.net") == 0 || strcmp(key, "lxc.network") == 0)
		return strncmp(line->key, "lxc.net.", 8) == 0 || strncmp(line->key, "lxc.network.", 12) == 0;
	return strncmp(line->key, key, len) == 0 && line->key[len] == '.';
}

static void take_line(void *data, const char *where, const char *key, const char *value)
{
	struct origin *o = data;
	const struct key_row *row = key_find(key);
	struct said_line *slot;
	size_t kept = 0;

	for (size_t i = 0; (!*value || (row && !row->list)) && i < o->count; i++)
		if (!takes_away(key, &o->lines[i]))
			o->lines[kept++] = o->lines[i];
	if (!*value || (row && !row->list))
		o->count = kept;
	if (!*value)
		return;
	slot = arena_push(&o->arena, &o->lines, &o->count, sizeof(*slot));
	if (slot)
		*slot = (struct said_line){arena_strdup(&o->arena, where), arena_strdup(&o->arena, key), arena_strdup(&o->arena, value)};
	o->failed |= !slot || !slot->where || !slot->key || !slot->value;
}

int coppice_config_origin(struct coppice *c, const char *name, void (*line)(void *data, const char *where, const char *key, const char *value), void *data, struct err *e)
{
	autodone(origin_done) struct origin o = {.arena = ARENA_INIT};
	autodone(conf_free) struct conf *conf = NULL;
	const struct conf_watcher w = {.line = take_line, .data = &o};
	struct spec s;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_config(c, name, &conf, e);
	if (r == 0) {
		spec_init(&s);
		r = conf_watch(conf, &s, &w, e);
		spec_done(&s);
	}
	if (r == 0 && o.failed)
		r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (r < 0)
		return err_what(e, "cannot read the config of '%s'", name);
	for (size_t i = 0; i < o.count; i++)
		line(data, o.lines[i].where, o.lines[i].key, o.lines[i].value);
	return 0;
}

/* ---- upgrade ---- */

/* Beside the file, with the same permissions: first what was, then what is. Nothing is lost wherever it is interrupted. */
static int write_both(const struct place *p, const struct buf *old, const struct conf *conf, bool changed, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	char backup[NAME_MAX + 16];
	struct stat st;
	int r;

	if (fstatat(p->dir, p->file, &st, 0) < 0)
		return err_sys(e, errno, "cannot read '%s'", p->origin);
	conf_render(conf, &text);
	if (buf_failed(&text))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	(void)snprintf(backup, sizeof(backup), "%s.backup", p->file);
	r = path_replace_file(p->dir, backup, buf_str(old), old->len, st.st_mode & 07777);
	if (r < 0)
		return err_sys(e, r, "cannot write '%s.backup'", p->origin);
	r = changed ? path_replace_file(p->dir, p->file, buf_str(&text), text.len, st.st_mode & 07777) : 0;
	return r < 0 ? err_sys(e, r, "cannot write '%s'", p->origin) : 0;
}

int coppice_config_upgrade(struct coppice *c, const char *name, const char *path, unsigned flags,
			   void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_changed, struct err *e)
{
	autodone(place_done) struct place p = PLACE_NONE;
	autodone(conf_free) struct conf *conf = NULL;
	autodone(buf_done) struct buf old = BUF_INIT;
	bool as_lxc = flags & COPPICE_UPGRADE_AS_LXC;
	size_t changed = 0;
	int r = path ? find_file(path, &p, e) : find_container(c, name, "config upgrade", &p, e);

	/* lines that are wrong are none of its business: they stay as they are */
	if (r == 0)
		r = conf_read_as(p.dir, p.file, p.origin, CONF_CHECK, &conf, e);
	if (r == 0) {
		conf_render(conf, &old);
		r = conf_upgrade(conf, as_lxc, change, data, &changed, e);
	}
	if (r == 0 && !(flags & COPPICE_UPGRADE_DRY_RUN) && (changed || as_lxc))
		r = buf_failed(&old) ? err_set(e, ERR_SYSTEM, ENOMEM, "out of memory") : write_both(&p, &old, conf, changed, e);
	*ret_changed = changed;
	return r < 0 ? err_what(e, "cannot upgrade the config '%s'", path ?: name) : 0;
}
