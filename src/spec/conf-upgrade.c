/* conf-upgrade.c - old names to new ones, line by line, with everything else of a line left as it is.
 *
 * What a line means depends on the lines before it in one case only: interfaces had no numbers. The reader itself counts them here, on a spec
 * of its own, so that the new text gives the same container. */
#include "spec/conf-impl.h"

#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OLD_NET "lxc.network"

struct upgrade {
	struct conf *conf;
	bool as_lxc;
	const char *backend;  /* of the last lxc.rootfs.backend, NULL = none */
	struct spec reader;   /* gets the keys of interfaces, for their numbers */
	int commented;        /* number of the interface that a commented type would open, -1 = none since the last real one */
};

/* What becomes of one line. */
enum fate { FATE_SAME, FATE_CHANGED, FATE_GONE };

/* ---- interfaces ---- */

/* "ipv4" gives "ipv4.address". */
static const char *modern_member(const char *old)
{
	size_t count;
	const struct key_row *rows = key_net_rows(&count);

	for (size_t i = 0; i < count; i++)
		if (rows[i].legacy && strcmp(key_suffix(rows[i].legacy, OLD_NET "."), old) == 0)
			return rows[i].name + strlen("lxc.net.N.");
	return old;
}

/* Number of the interface that @key without one belongs to; -1 when none is open. The reader has seen @key when it is no comment. */
static int positional(struct upgrade *u, const char *member, uint32_t open_before, bool comment)
{
	uint32_t open = u->reader.nic_open ?: open_before;
	bool type = strcmp(member, "type") == 0;

	if (comment && type)
		u->commented = (int)open;
	else if (type)
		u->commented = -1;
	return comment && u->commented >= 0 ? u->commented : (int)open - 1;
}

/* @out gets the new name of an old key of interfaces. */
static enum fate upgrade_net(struct upgrade *u, const char *key, uint32_t open_before, bool comment, char out[KEY_NAME_MAX])
{
	const char *rest = key + strlen(OLD_NET);
	size_t digits;
	int number, n;

	if (!*rest)
		return value_copy("lxc.net", 7, out, KEY_NAME_MAX) ? FATE_CHANGED : FATE_SAME;
	digits = strspn(++rest, "0123456789");
	if (digits && (rest[digits] == '.' || !rest[digits])) {
		const char *member = rest + digits + (rest[digits] == '.');

		n = snprintf(out, KEY_NAME_MAX, "lxc.net.%.*s%s%s", (int)digits, rest, *member ? "." : "", modern_member(member));
		return n > 0 && n < KEY_NAME_MAX ? FATE_CHANGED : FATE_SAME;
	}
	number = positional(u, rest, open_before, comment);
	if (number < 0)
		return FATE_SAME; /* the reader refuses it too */
	n = snprintf(out, KEY_NAME_MAX, "lxc.net.%d.%s", number, modern_member(rest));
	return n > 0 && n < KEY_NAME_MAX ? FATE_CHANGED : FATE_SAME;
}

/* ---- roots ---- */

static const char *modern_kind(const char *kind)
{
	return strcmp(kind, "overlayfs") == 0 ? "overlay" : kind;
}

/* The root with its kind in front; NULL = as it is. */
static const char *upgrade_root(struct upgrade *u, const char *value)
{
	static const char *const kinds[] = {"dir", "overlay", "overlayfs", "aufs", "loop", "lvm", "btrfs", "zfs", "nbd", "rbd"};
	size_t len = strcspn(value, ":");
	char kind[16];

	if (value[len] && value_copy(value, len, kind, sizeof(kind)) && value_one_of(kind, kinds, ARRAY_LEN(kinds)))
		return modern_kind(kind) == kind ? NULL : arena_printf(&u->conf->arena, "%s%s", modern_kind(kind), value + len);
	if (!*value)
		return NULL;
	/* the parts of an overlay were always written with it; beside a plain path the word says nothing */
	if (u->backend && !(strncmp(u->backend, "overlay", 7) == 0 || strcmp(u->backend, "aufs") == 0) && value_one_of(u->backend, kinds, ARRAY_LEN(kinds)))
		return arena_printf(&u->conf->arena, "%s:%s", modern_kind(u->backend), value);
	return u->as_lxc && value[0] == '/' ? arena_printf(&u->conf->arena, "dir:%s", value) : NULL;
}

/* ---- lines ---- */

/* Keys that LXC 3.0 took away without another in their place. */
static bool is_gone(const struct key_row *row)
{
	return row->type != KEY_PREFIX && row->until && strcmp(row->until, "3.0") == 0;
}

static bool is_family(const char *key, const char *family)
{
	size_t len = strlen(family);

	return strncmp(key, family, len) == 0 && (key[len] == '.' || !key[len]);
}

/* @value is replaced when the new key writes it in another way; NULL: the line is a comment. */
static enum fate upgrade_pair(struct upgrade *u, const char *key, const char **value, char out[KEY_NAME_MAX])
{
	const struct key_row *row = key_find(key);
	uint32_t open = u->reader.nic_open;
	struct err ignored;

	if (*value && (is_family(key, OLD_NET) || is_family(key, "lxc.net")) && key_apply(&u->reader, NULL, key, *value, &ignored) == -ENOMEM)
		return FATE_SAME;
	if (is_family(key, OLD_NET))
		return upgrade_net(u, key, open, !*value, out);
	if (!row)
		return FATE_SAME;
	if (is_gone(row))
		return FATE_GONE;
	if (!key_canonical(row, key, out) || strcmp(key, out) == 0)
		return FATE_SAME;
	if (*value && strcmp(key, "lxc.rootfs") == 0)
		*value = upgrade_root(u, *value) ?: *value;
	return FATE_CHANGED;
}

/* A line that would be a key but for the '#' before it, as a line of its own: @at is where the key begins in it. */
static bool split_comment(const struct conf_line *line, const char **ret_key, size_t *ret_at, size_t *ret_len)
{
	size_t at = strspn(line->text, " \t#");
	size_t len = strcspn(line->text + at, " \t=\r\n");

	if (at == 0 || strncmp(line->text + at, "lxc.", 4) != 0 || len >= KEY_NAME_MAX)
		return false;
	if (line->text[at + len + strspn(line->text + at + len, " \t")] != '=')
		return false;
	*ret_key = line->text + at;
	*ret_at = at;
	*ret_len = len;
	return true;
}

static void rebuild(const struct conf_line *line, size_t at, size_t key_len, const char *key, const char *value, struct buf *out)
{
	size_t rest = at + key_len;

	buf_add(out, line->text, at);
	buf_puts(out, key);
	if (value && value != line->value) {
		buf_add(out, line->text + rest, line->value_at - rest);
		buf_puts(out, value);
		rest = line->value_at + line->value_len;
	}
	buf_add(out, line->text + rest, line->len - rest);
}

static enum fate upgrade_line(struct upgrade *u, const struct conf_line *line, struct buf *out)
{
	char name[KEY_NAME_MAX], key[KEY_NAME_MAX];
	const char *value = line->value, *start;
	size_t at, len;
	enum fate fate;

	if (line->key) {
		fate = upgrade_pair(u, line->key, &value, name);
		if (fate == FATE_CHANGED)
			rebuild(line, line->key_at, strlen(line->key), name, value, out);
		return fate;
	}
	if (!u->as_lxc || line->problem || !split_comment(line, &start, &at, &len) || !value_copy(start, len, key, sizeof(key)))
		return FATE_SAME;
	fate = upgrade_pair(u, key, &value, name);
	if (fate == FATE_CHANGED)
		rebuild(line, at, len, name, NULL, out);
	return fate;
}

/* The text of a line without its end. */
static const char *body(struct conf *c, const char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	return arena_strndup(&c->arena, text, len) ?: "";
}

static int upgrade_all(struct upgrade *u, void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_count, struct err *e)
{
	struct conf *c = u->conf;
	unsigned number = 0;

	for (size_t i = 0; i < c->count;) {
		autodone(buf_done) struct buf text = BUF_INIT;
		const char *old = body(c, c->lines[i].text, c->lines[i].len);
		enum fate fate = upgrade_line(u, &c->lines[i], &text);
		int r = fate == FATE_CHANGED ? conf_replace_line(c, i, buf_str(&text), text.len, e) : 0;

		if (r < 0)
			return r;
		number++;
		if (fate != FATE_SAME && change)
			change(data, number, old, fate == FATE_GONE ? "" : body(c, buf_str(&text), text.len));
		*ret_count += fate != FATE_SAME;
		if (fate == FATE_GONE)
			conf_drop_line(c, i);
		else
			i++;
	}
	return 0;
}

int conf_upgrade(struct conf *c, bool as_lxc, void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_count,
		 struct err *e)
{
	struct upgrade u = {.conf = c, .as_lxc = as_lxc, .backend = conf_get(c, "lxc.rootfs.backend"), .commented = -1};
	int r;

	*ret_count = 0;
	spec_init(&u.reader);
	r = upgrade_all(&u, change, data, ret_count, e);
	spec_done(&u.reader);
	return r;
}
