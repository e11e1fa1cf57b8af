/* config.c - the container's config file: shown, read, changed; comments and order stay. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "spec/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_config(struct coppice *c, const char *name, const char *verb, int *ret_lock, struct conf **ret, struct err *e)
{
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	*ret_lock = state_lock(&c->state, name, verb, clock_deadline(ENGINE_LOCK_MS), e);
	return *ret_lock < 0 ? *ret_lock : engine_config(c, name, ret, e);
}

/* Whole config must be acceptable before a byte is written. */
int engine_config_save(struct coppice *c, const char *name, const struct conf *conf, struct err *e)
{
	autoclose int dir = FD_NONE;
	struct buf text = BUF_INIT;
	struct spec s;
	int r;

	spec_init(&s);
	r = conf_apply(conf, &s, e);
	if (r == 0) {
		s.name = arena_strdup(&s.arena, name);
		r = s.name ? spec_freeze(&s, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (r == 0)
		engine_note_spec(c, &s);
	spec_done(&s);
	if (r < 0)
		return r;
	conf_render(conf, &text);
	dir = state_dir(&c->state, name);
	r = dir < 0 ? dir : path_replace_file(dir, "config", buf_str(&text), text.len, 0640);
	buf_done(&text);
	return r < 0 ? err_sys(e, r, "write the config") : 0;
}

int coppice_config_text(struct coppice *c, const char *name, char **ret, struct err *e)
{
	struct conf *conf = NULL;
	struct buf text = BUF_INIT;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_config(c, name, &conf, e);
	if (r < 0)
		return err_what(e, "cannot read the config of '%s'", name);
	conf_render(conf, &text);
	conf_free(&conf);
	*ret = buf_take(&text);
	return *ret ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

int coppice_config_replace(struct coppice *c, const char *name, const char *text, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct conf *old = NULL, *conf = NULL;
	int r = open_config(c, name, "config", &lock, &old, e);

	if (r == 0)
		r = conf_parse(text, strlen(text), "the new config", &conf, e);
	if (r == 0)
		r = engine_config_save(c, name, conf, e);
	conf_free(&old);
	conf_free(&conf);
	return r < 0 ? err_what(e, "cannot change the config of '%s'", name) : 0;
}

struct collect {
	const char *key;
	struct buf text;
	size_t found;
};

static int add_value(const char *key, const char *value, unsigned line, void *data)
{
	const struct key_row *row = key_find(key);
	struct collect *c = data;
	char name[KEY_NAME_MAX];

	(void)line;
	if (!row || !key_canonical(row, key, name) || strcmp(name, c->key) != 0)
		return 0;
	if (!value[0]) { /* an empty value clears what came before */
		buf_clear(&c->text);
		c->found = 0;
		return 0;
	}
	buf_printf(&c->text, "%s%s", c->found++ ? "\n" : "", value);
	return 0;
}

int coppice_config_get(struct coppice *c, const char *name, const char *key, char **ret, struct err *e)
{
	const struct key_row *row = key_find(key);
	char canonical[KEY_NAME_MAX];
	struct collect col = {.key = row && key_canonical(row, key, canonical) ? canonical : key};
	struct conf *conf = NULL;
	int r = engine_find(c, name, e);

	if (r == 0 && !row) {
		const char *close = key_suggest(key);

		r = err_set(e, ERR_INPUT, EINVAL, close ? "unknown key '%s'; did you mean '%s'?" : "unknown key '%s'", key, close);
	}
	if (r == 0)
		r = engine_config(c, name, &conf, e);
	if (r == 0)
		r = conf_each(conf, add_value, &col);
	conf_free(&conf);
	if (r == 0 && !col.found) {
		(void)err_set(e, ERR_MISSING, ENOENT, "key '%s' is not set", key);
		r = err_hint(e, "coppice config show %s", name);
	}
	if (r == 0 && !row->list) { /* of a single-valued key the last line counts */
		const char *last = strrchr(buf_str(&col.text), '\n');

		*ret = strdup(last ? last + 1 : buf_str(&col.text));
	} else if (r == 0) {
		*ret = strdup(buf_str(&col.text));
	}
	buf_done(&col.text);
	return r < 0 ? err_what(e, "cannot get '%s' of '%s'", key, name) : 0;
}

static int change(struct conf *conf, const char *pair, struct err *e)
{
	const char *eq = strchr(pair, '=');
	char key[128];
	size_t len = eq ? (size_t)(eq - pair) : 0;
	bool append;

	if (len == 0 || len >= sizeof(key))
		return err_set(e, ERR_INPUT, EINVAL, "'%.80s' is not KEY=VALUE", pair);
	append = eq[-1] == '+';
	memcpy(key, pair, len - append);
	key[len - append] = '\0';
	return append ? conf_add(conf, key, eq + 1, e) : conf_set(conf, key, eq + 1, e);
}

int coppice_config_set(struct coppice *c, const char *name, const char *const *pairs, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct conf *conf = NULL;
	int r = open_config(c, name, "config set", &lock, &conf, e);

	for (size_t i = 0; r == 0 && pairs[i]; i++)
		r = change(conf, pairs[i], e);
	if (r == 0)
		r = engine_config_save(c, name, conf, e);
	conf_free(&conf);
	return r < 0 ? err_what(e, "cannot change the config of '%s'", name) : 0;
}

int coppice_config_unset(struct coppice *c, const char *name, const char *key, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct conf *conf = NULL;
	size_t removed = 0;
	int r = open_config(c, name, "config unset", &lock, &conf, e);

	if (r == 0)
		r = conf_unset(conf, key, &removed, e);
	if (r == 0 && removed)
		r = engine_config_save(c, name, conf, e);
	conf_free(&conf);
	return r < 0 ? err_what(e, "cannot change the config of '%s'", name) : removed == 0;
}

/* Room for the old names of a row that has several. */
static size_t old_room(const struct key_row *row)
{
	return row->legacy && row->also ? strlen(row->legacy) + strlen(row->also) + 2 : 0;
}

static struct coppice_key key_of(const struct key_row *row, char **room)
{
	static const char *const words[] = {"works", "ignored", "refused"};
	const char *old = row->legacy ?: row->also ?: "";

	if (row->legacy && row->also) {
		old = *room;
		*room += snprintf(*room, old_room(row), "%s %s", row->legacy, row->also) + 1;
	}
	return (struct coppice_key){.name = row->name, .help = row->help, .values = row->values, .example = row->example, .list = row->list,
				    .old = old, .since = row->since ?: "", .until = row->until ?: "",
				    .status = words[row->status], .why = row->why ?: ""};
}

size_t coppice_config_keys(struct coppice_key **ret)
{
	size_t count = 0, net_count = 0, used = 0, room = 0;
	const struct key_row *rows = key_rows(&count), *nets = key_net_rows(&net_count);
	struct coppice_key *list;
	char *text;

	for (size_t i = 0; i < count; i++)
		room += old_room(&rows[i]);
	list = calloc(1, (count + net_count) * sizeof(*list) + room);
	text = (char *)(list + count + net_count);
	/* the members of a family stand behind it */
	for (size_t i = 0; list && i < count; i++) {
		list[used++] = key_of(&rows[i], &text);
		for (size_t k = 0; strcmp(rows[i].name, "lxc.net.") == 0 && k < net_count; k++)
			list[used++] = key_of(&nets[k], &text);
	}
	*ret = list;
	return used;
}
