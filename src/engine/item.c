/* item.c - one item of a container's config in LXC's form, as the running container was started with it.
 *
 * A start keeps the text it read, overrides included, beside the record; for a container that does not run the file itself is asked. Includes are
 * followed when asked. */
#include "engine/engine.h"

#include "base/fd.h"
#include "base/path.h"
#include "spec/keys.h"
#include "state/dirs.h"
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 8

int engine_keep_config(struct coppice *c, const char *name, const struct conf *conf, struct err *e)
{
	autoclose int dir = state_run_dir(&c->state, name, true);
	autodone(buf_done) struct buf text = BUF_INIT;
	int r;

	conf_render(conf, &text);
	r = dir < 0 ? dir : path_swap_file(dir, RECORD_CONFIG, buf_str(&text), text.len, 0600);
	return r < 0 ? err_sys(e, r, "keep the config of '%s'", name) : 0;
}

struct item {
	const struct key_row *row;
	char key[KEY_NAME_MAX]; /* in its modern spelling; of a family its beginning, with the dot */
	bool family;
	unsigned depth;
	bool set;
	struct buf text;
};

static int take_line(const char *key, const char *value, unsigned line, void *data);

static void take_file(struct item *it, int dir, const char *name)
{
	autodone(conf_free) struct conf *conf = NULL;
	struct err ignored = {0};

	/* what cannot be read was told when the container was started */
	if (conf_read(dir, name, name, &conf, &ignored) == 0)
		(void)conf_each(conf, take_line, it);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void take_dir(struct item *it, const char *path)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	autodone(arena_done) struct arena a = ARENA_INIT;
	autoclosedir DIR *dir = fd < 0 ? NULL : fd_open_dir(fd, ".", 0);
	const char **names = NULL;
	const struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = dirs_next(dir))) {
		size_t len = strlen(entry->d_name);
		const char **slot = len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0 ? arena_push(&a, &names, &count, sizeof(*names)) : NULL;

		if (slot)
			*slot = arena_strdup(&a, entry->d_name);
	}
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++)
		if (names[i])
			take_file(it, fd, names[i]);
}

static void include(struct item *it, const char *path)
{
	struct stat st;

	if (it->depth == DEPTH_MAX || fstatat(AT_FDCWD, path, &st, 0) < 0)
		return;
	it->depth++;
	if (S_ISDIR(st.st_mode))
		take_dir(it, path);
	else if (S_ISREG(st.st_mode))
		take_file(it, AT_FDCWD, path);
	it->depth--;
}

/* Capabilities and groups are named in one line and shown in many. */
static void add_words(struct buf *out, const char *value)
{
	for (const char *at = value; *at;) {
		size_t len = strcspn(at, " \t,");

		if (len)
			buf_printf(out, "%.*s\n", (int)len, at);
		at += len;
		at += strspn(at, " \t,");
	}
}

/* A file of the control groups, which LXC tells like a list. */
static bool is_group_file(const char *key)
{
	return strncmp(key, "lxc.cgroup2.", 12) == 0 ||
	       (strncmp(key, "lxc.cgroup.", 11) == 0 && strncmp(key, "lxc.cgroup.dir", 14) != 0 && strcmp(key, "lxc.cgroup.relative") != 0);
}

static void add_value(struct item *it, const char *key, const char *value)
{
	it->set = value[0] != '\0';
	if (it->family && strcmp(it->key, "lxc.net.") == 0) {
		const char *last = strrchr(key, '.');

		if (last && strcmp(last, ".type") == 0)
			buf_printf(&it->text, "%s\n", value);
	} else if (it->family) {
		buf_printf(&it->text, "%s = %s\n", key, value);
	} else if (!value[0]) {
		buf_clear(&it->text);
	} else if (strcmp(key, "lxc.mount.auto") == 0) { /* all in one line, as LXC tells them */
		buf_printf(&it->text, "%s%s", it->text.len ? " " : "", value);
	} else if (is_group_file(key)) {
		buf_printf(&it->text, "%s\n", value);
	} else if (!it->row->list) {
		buf_clear(&it->text);
		buf_puts(&it->text, strcmp(key, "lxc.rootfs.path") == 0 && strncmp(value, "dir:", 4) == 0 ? value + 4 : value);
	} else if (strncmp(key, "lxc.cap.", 8) == 0 || strcmp(key, "lxc.group") == 0) {
		add_words(&it->text, value);
	} else {
		buf_printf(&it->text, "%s\n", value);
	}
}

static int take_line(const char *key, const char *value, unsigned line, void *data)
{
	struct item *it = data;
	const struct key_row *row = key_find(key);
	char name[KEY_NAME_MAX];

	(void)line;
	if (strcmp(key, "lxc.include") == 0)
		include(it, value);
	if (!row || !key_canonical(row, key, name))
		return 0;
	if (it->family ? strncmp(name, it->key, strlen(it->key)) == 0 : strcmp(name, it->key) == 0)
		add_value(it, name, value);
	return 0;
}

static int find_item(const char *key, struct item *it, struct err *e)
{
	const char *close;
	size_t len;

	it->row = key_find(key);
	if (!it->row || !key_canonical(it->row, key, it->key)) {
		close = key_suggest(key);
		return err_set(e, ERR_INPUT, EINVAL, close ? "unknown key '%s'; did you mean '%s'?" : "unknown key '%s'", key, close);
	}
	len = strlen(it->row->name);
	it->family = it->row->name[len - 1] == '.' && strncmp(it->key, it->row->name, len - 1) == 0 && strlen(it->key) <= len;
	if (it->family)
		(void)snprintf(it->key, sizeof(it->key), "%s", it->row->name);
	else if (it->row->member)
		it->row = it->row->member(it->key) ?: it->row;
	return 0;
}

/* The numbers that are something when they are not said. */
static void add_default(struct item *it)
{
	static const char *const ones[] = {"lxc.autodev", "lxc.rootfs.managed"};

	if (it->text.len || it->set || it->family || (it->row->type != KEY_BOOL && it->row->type != KEY_U64))
		return;
	for (size_t i = 0; i < ARRAY_LEN(ones); i++)
		if (strcmp(ones[i], it->key) == 0) {
			buf_putc(&it->text, '1');
			return;
		}
	buf_putc(&it->text, '0');
}

int coppice_config_item(struct coppice *c, const char *name, const char *key, char **ret, struct err *e)
{
	autodone(conf_free) struct conf *conf = NULL;
	autoclose int dir = FD_NONE;
	struct item it = {.text = BUF_INIT};
	struct live live;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = find_item(key, &it, e);
	if (r == 0)
		r = engine_live(c, name, &live, e);
	if (r == 0) {
		dir = live.alive ? state_run_dir(&c->state, name, false) : FD_NONE;
		if (dir < 0 || conf_read(dir, RECORD_CONFIG, name, &conf, e) < 0)
			r = engine_config(c, name, &conf, e);
	}
	if (r == 0) {
		(void)conf_each(conf, take_line, &it);
		add_default(&it);
		/* lists of an interface (addresses, routes) end without a line feed, unlike LXC's other ones */
		if (!it.family && strncmp(it.key, "lxc.net.", 8) == 0 && it.text.len && buf_str(&it.text)[it.text.len - 1] == '\n')
			it.text.data[--it.text.len] = '\0';
		*ret = buf_take(&it.text);
		r = *ret ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	buf_done(&it.text);
	return r < 0 ? err_what(e, "cannot get '%s' of '%s'", key, name) : 0;
}
