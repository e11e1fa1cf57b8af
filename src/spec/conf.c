/* conf.c - the config document: lines as the user wrote them, with the key and value of each found but nothing thrown away.
 *
 * A line keeps its bytes; where the value lies in them is remembered, so that an edit replaces exactly those bytes. Everything lives in the
 * document's arena; an edit leaves the old bytes there until the document goes. */
#include "spec/conf.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/parse.h"
#include "spec/conf-impl.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UTF8_BOM "\xef\xbb\xbf"
#define BOM_LEN 3

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_quoted(const char *v, size_t len)
{
	return len >= 2 && (v[0] == '"' || v[0] == '\'') && v[len - 1] == v[0];
}

/* Bytes of @text that are not its line end. */
static size_t body_len(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	return len;
}

static bool is_ours(const char *key)
{
	return strncmp(key, "lxc.", 4) == 0 || strncmp(key, "coppice.", 8) == 0;
}

static int check_prefix(const char *key, struct err *e)
{
	char safe[64];

	if (is_ours(key))
		return 0;
	format_safe(key, safe, sizeof(safe));
	return err_set(e, ERR_INPUT, EINVAL, "unknown key '%s': keys begin with 'lxc.' or 'coppice.'", safe);
}

/* Finds key and value in line->text. */
static int split_line(struct arena *a, struct conf_line *line, struct err *e)
{
	size_t end = body_len(line->text, line->len), at = 0, key_end, value_end;
	const char *text = line->text, *equals;
	bool quoted;

	line->key = line->value = NULL;
	while (at < end && is_blank(text[at]))
		at++;
	if (at == end || text[at] == '#')
		return 0;
	line->key_at = at;
	line->foreign = !is_ours(text + at);
	equals = memchr(text + at, '=', end - at);
	if (!equals)
		return err_set(e, ERR_INPUT, EINVAL, "not a 'key = value' line: there is no '='");
	key_end = (size_t)(equals - text);
	while (key_end > at && is_blank(text[key_end - 1]))
		key_end--;
	if (key_end == at)
		return err_set(e, ERR_INPUT, EINVAL, "no key before '='");
	if (key_end - at >= KEY_NAME_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "key longer than %d bytes", KEY_NAME_MAX - 1);
	value_end = end;
	line->value_at = (size_t)(equals - text) + 1;
	while (line->value_at < value_end && is_blank(text[line->value_at]))
		line->value_at++;
	while (value_end > line->value_at && is_blank(text[value_end - 1]))
		value_end--;
	line->value_len = value_end - line->value_at;

	quoted = is_quoted(text + line->value_at, line->value_len);
	line->key = arena_strndup(a, text + at, key_end - at);
	line->value = arena_strndup(a, text + line->value_at + quoted, line->value_len - 2 * (size_t)quoted);
	if (!line->key || !line->value)
		return err_sys(e, ENOMEM, "cannot keep a line");
	return check_prefix(line->key, e);
}

/* The key of a line whose value cannot be looked at, for a message: "" when it has none of ours. */
static const char *key_for_message(const char *text, size_t len, char out[KEY_NAME_MAX])
{
	size_t at = 0, n = 0;

	while (at < len && is_blank(text[at]))
		at++;
	for (; at < len && n + 1 < KEY_NAME_MAX && text[at] > ' ' && text[at] < 0x7f && text[at] != '='; at++)
		out[n++] = text[at];
	out[n] = '\0';
	while (at < len && is_blank(text[at]))
		at++;
	return at < len && text[at] == '=' && is_ours(out) ? out : "";
}

/* A line that cannot be read stays in the document, with why, when its mode allows it. */
static int read_line(struct conf *c, struct conf_line *line, bool too_long, struct err *e)
{
	char key[KEY_NAME_MAX];
	const char *name;
	struct err local;
	int r;

	if (!e)
		e = &local;
	name = key_for_message(line->text, line->len, key);
	if (too_long)
		r = err_set(e, ERR_INPUT, E2BIG, "%s%sline longer than %d bytes", name, *name ? ": " : "", CONF_LINE_MAX);
	else if (memchr(line->text, '\0', line->len))
		r = err_set(e, ERR_INPUT, EINVAL, "%s%sa NUL byte, which no text can hold", name, *name ? ": " : "");
	else
		r = split_line(&c->arena, line, e);
	if (r == 0 || r == -ENOMEM || !(c->mode == CONF_CHECK || (c->mode == CONF_LENIENT && line->foreign)))
		return r;
	line->key = line->value = NULL;
	line->problem = arena_strdup(&c->arena, e->why);
	err_clear(e);
	return line->problem ? 0 : err_sys(e, ENOMEM, "cannot keep a line");
}

static int add_line(struct conf *c, const char *text, size_t len, struct err *e)
{
	const bool too_long = len > CONF_LINE_MAX;
	struct conf_line *line;

	if (c->count >= CONF_LINES_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d lines", CONF_LINES_MAX);
	line = arena_push(&c->arena, &c->lines, &c->count, sizeof(*line));
	if (!line)
		return err_sys(e, ENOMEM, "cannot keep a line");
	line->len = too_long ? KEY_NAME_MAX : len; /* enough to say which it was */
	line->text = arena_strndup(&c->arena, text, line->len);
	if (!line->text)
		return err_sys(e, ENOMEM, "cannot keep a line");
	return read_line(c, line, too_long, e);
}

static int parse_lines(struct conf *c, const char *text, size_t len, struct err *e)
{
	size_t start = 0;

	if (len > CONF_FILE_MAX)
		return err_set(e, ERR_INPUT, EFBIG, "%s: larger than %d bytes", c->origin, CONF_FILE_MAX);
	if (len >= BOM_LEN && memcmp(text, UTF8_BOM, BOM_LEN) == 0) {
		c->bom = true;
		start = BOM_LEN;
	}
	for (size_t number = 1; start < len; number++) {
		const char *newline = memchr(text + start, '\n', len - start);
		size_t size = newline ? (size_t)(newline + 1 - text) - start : len - start;
		int r = add_line(c, text + start, size, e);

		if (r < 0)
			return err_wrap(e, "%s:%zu", c->origin, number);
		start += size;
	}
	return 0;
}

static int conf_new(const char *origin, enum conf_mode mode, struct conf **ret, struct err *e)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return err_sys(e, ENOMEM, "cannot read '%s'", origin);
	c->mode = mode;
	c->origin = arena_strdup(&c->arena, origin);
	if (!c->origin) {
		conf_free(&c);
		return err_sys(e, ENOMEM, "cannot read '%s'", origin);
	}
	*ret = c;
	return 0;
}

int conf_parse_as(const char *text, size_t len, const char *origin, enum conf_mode mode, struct conf **ret, struct err *e)
{
	autodone(conf_free) struct conf *c = NULL;
	int r = conf_new(origin, mode, &c, e);

	if (r < 0)
		return r;
	r = len ? parse_lines(c, text, len, e) : 0;
	if (r < 0)
		return r;
	*ret = take(c);
	return 0;
}

int conf_parse(const char *text, size_t len, const char *origin, struct conf **ret, struct err *e)
{
	return conf_parse_as(text, len, origin, CONF_STRICT, ret, e);
}

int conf_read(int dirfd, const char *name, const char *origin, struct conf **ret, struct err *e)
{
	return conf_read_as(dirfd, name, origin, CONF_STRICT, ret, e);
}

int conf_read_as(int dirfd, const char *name, const char *origin, enum conf_mode mode, struct conf **ret, struct err *e)
{
	autodone(conf_free) struct conf *c = NULL;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = FD_NONE;
	struct stat st;
	int r;

	/* Looked at before it is opened: opening a device may do things; a FIFO would wait. */
	if (fstatat(dirfd, name, &st, 0) < 0)
		return err_sys(e, errno, "cannot read '%s'", origin);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a regular file", origin);
	fd = fd_open(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(e, fd, "cannot open '%s'", origin);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot read '%s'", origin);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a regular file", origin);
	r = fd_read_regular(fd, &text, CONF_FILE_MAX);
	if (r == -EFBIG)
		return err_set(e, ERR_INPUT, EFBIG, "%s: larger than %d bytes", origin, CONF_FILE_MAX);
	if (r < 0)
		return err_sys(e, r, "cannot read '%s'", origin);
	r = conf_parse_as(buf_str(&text), text.len, origin, mode, &c, e);
	if (r < 0)
		return r;
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	*ret = take(c);
	return 0;
}

void conf_free(struct conf **c)
{
	if (!c || !*c)
		return;
	arena_done(&(*c)->arena);
	free(*c);
	*c = NULL;
}

const char *conf_origin(const struct conf *c)
{
	return c->origin;
}

void conf_render(const struct conf *c, struct buf *out)
{
	if (c->bom)
		buf_puts(out, UTF8_BOM);
	for (size_t i = 0; i < c->count; i++)
		buf_add(out, c->lines[i].text, c->lines[i].len);
}

/* The name under which lines of one key compare equal; an unknown key is itself. */
static const char *common_name(const char *key, char out[KEY_NAME_MAX])
{
	const struct key_row *row = key_find(key);

	return row && key_canonical(row, key, out) ? out : key;
}

static bool same_key(const struct conf_line *line, const char *name)
{
	char out[KEY_NAME_MAX];

	return line->key && strcmp(common_name(line->key, out), name) == 0;
}

const char *conf_get(const struct conf *c, const char *key)
{
	char out[KEY_NAME_MAX];
	const char *name = common_name(key, out);

	for (size_t i = c->count; i-- > 0;)
		if (same_key(&c->lines[i], name))
			return c->lines[i].value;
	return NULL;
}

int conf_each(const struct conf *c, int (*fn)(const char *key, const char *value, unsigned line, void *data), void *data)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct conf_line *line = &c->lines[i];
		int r = line->key ? fn(line->key, line->value, (unsigned)i + 1, data) : 0;

		if (r)
			return r;
	}
	return 0;
}

/* ---- editing ---- */

/* Tries the value on a spec of its own; gives the row. */
static int check_value(const char *key, const char *value, const struct key_row **ret, struct err *e)
{
	autodone(spec_done) struct spec scratch = {0};
	int r;

	spec_init(&scratch);
	scratch.nic_open = 1; /* an interface is open that the old keys without a number may belong to */
	if (strlen(key) >= KEY_NAME_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "key longer than %d bytes", KEY_NAME_MAX - 1);
	if (strchr(value, '\n') || strchr(value, '\r'))
		return err_set(e, ERR_INPUT, EINVAL, "the value of %s must be one line", key);
	if (strlen(value) > CONF_LINE_MAX - KEY_NAME_MAX - 8)
		return err_set(e, ERR_INPUT, E2BIG, "the value of %s is longer than a line may be", key);
	r = key_apply(&scratch, NULL, key, value, e);
	if (r < 0)
		return r;
	*ret = key_find(key);
	return 0;
}

/* Writes @value so that reading gives it back: quoted when its ends would be trimmed or taken for quotes. */
static void write_value(struct buf *b, const char *value)
{
	size_t len = strlen(value);
	bool quote = len > 0 && (is_blank(value[0]) || is_blank(value[len - 1]) || is_quoted(value, len));

	buf_printf(b, quote ? "\"%s\"" : "%s", value);
}

static size_t total_len(const struct conf *c)
{
	size_t total = c->bom ? BOM_LEN : 0;

	for (size_t i = 0; i < c->count; i++)
		total += c->lines[i].len;
	return total;
}

/* Makes @line from @text, leaving the document alone when that fails. */
static int make_line(struct conf *c, const struct buf *text, size_t replaced, struct conf_line *ret, struct err *e)
{
	struct conf_line line = {.len = text->len};
	int r;

	if (buf_failed(text))
		return err_sys(e, ENOMEM, "cannot change '%s'", c->origin);
	if (text->len > CONF_LINE_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "line longer than %d bytes", CONF_LINE_MAX);
	if (total_len(c) - replaced + text->len > CONF_FILE_MAX)
		return err_set(e, ERR_INPUT, EFBIG, "'%s' would be larger than %d bytes", c->origin, CONF_FILE_MAX);
	line.text = arena_strndup(&c->arena, buf_str(text), text->len);
	if (!line.text)
		return err_sys(e, ENOMEM, "cannot change '%s'", c->origin);
	r = split_line(&c->arena, &line, e);
	if (r == 0)
		*ret = line;
	return r;
}

static int replace_value(struct conf *c, size_t index, const char *value, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct conf_line *line = &c->lines[index];

	buf_add(&text, line->text, line->value_at);
	if (line->value_len == 0 && *value && line->value_at > 0 && line->text[line->value_at - 1] == '=')
		buf_putc(&text, ' ');
	write_value(&text, value);
	buf_add(&text, line->text + line->value_at + line->value_len, line->len - line->value_at - line->value_len);
	return make_line(c, &text, line->len, line, e);
}

int conf_replace_line(struct conf *c, size_t index, const char *text, size_t len, struct err *e)
{
	autodone(buf_done) struct buf whole = BUF_INIT;

	buf_add(&whole, text, len);
	return make_line(c, &whole, c->lines[index].len, &c->lines[index], e);
}

void conf_drop_line(struct conf *c, size_t index)
{
	memmove(c->lines + index, c->lines + index + 1, (c->count - index - 1) * sizeof(*c->lines));
	c->count--;
}

const char *conf_line_end(const struct conf *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->lines[i].len >= 2 && memcmp(c->lines[i].text + c->lines[i].len - 2, "\r\n", 2) == 0)
			return "\r\n";
	return "\n";
}

/* Ends the last line, so that another may follow. */
static int end_last_line(struct conf *c, struct err *e)
{
	struct conf_line *last = c->count ? &c->lines[c->count - 1] : NULL;
	char *text;

	if (!last || last->len == 0 || last->text[last->len - 1] == '\n')
		return 0;
	text = arena_printf(&c->arena, "%s%s", last->text, conf_line_end(c));
	if (!text)
		return err_sys(e, ENOMEM, "cannot change '%s'", c->origin);
	last->text = text;
	last->len = strlen(text);
	return 0;
}

static int append_line(struct conf *c, const char *key, const char *value, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct conf_line made, *line;
	int r;

	if (c->count >= CONF_LINES_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "'%s' would have more than %d lines", c->origin, CONF_LINES_MAX);
	buf_printf(&text, "%s =%s", key, *value ? " " : "");
	write_value(&text, value);
	buf_puts(&text, conf_line_end(c));
	r = make_line(c, &text, 0, &made, e);
	if (r == 0)
		r = end_last_line(c, e);
	if (r < 0)
		return r;
	line = arena_push(&c->arena, &c->lines, &c->count, sizeof(*line));
	if (!line)
		return err_sys(e, ENOMEM, "cannot change '%s'", c->origin);
	*line = made;
	return 0;
}

/* Removes the lines of @name from @from on; gives how many. */
static size_t remove_lines(struct conf *c, const char *name, size_t from)
{
	size_t kept = from, removed;

	for (size_t i = from; i < c->count; i++)
		if (!same_key(&c->lines[i], name))
			c->lines[kept++] = c->lines[i];
	removed = c->count - kept;
	c->count = kept;
	return removed;
}

/* Old keys of interfaces have no number: what the same key means depends on the lines before it. */
static bool is_positional(const char *name)
{
	return strncmp(name, "lxc.network.", 12) == 0 && (name[12] < '0' || name[12] > '9');
}

int conf_set(struct conf *c, const char *key, const char *value, struct err *e)
{
	char out[KEY_NAME_MAX];
	const struct key_row *row;
	const char *name;
	size_t found = SIZE_MAX, count = 0;
	int r = check_value(key, value, &row, e);

	if (r < 0)
		return r;
	name = common_name(key, out);
	for (size_t i = 0; i < c->count; i++) {
		if (!same_key(&c->lines[i], name))
			continue;
		found = row->list && count ? found : i;
		count++;
	}
	if (count > 1 && is_positional(name))
		return err_set(e, ERR_INPUT, EINVAL, "%s: %zu interfaces say it; name one by its number, as in lxc.network.0.%s", key, count, key + 12);
	if (found == SIZE_MAX)
		return append_line(c, key, value, e);
	r = replace_value(c, found, value, e);
	if (r == 0 && row->list)
		(void)remove_lines(c, name, found + 1);
	return r;
}

int conf_add(struct conf *c, const char *key, const char *value, struct err *e)
{
	const struct key_row *row;
	int r = check_value(key, value, &row, e);

	if (r < 0)
		return r;
	return row->list ? append_line(c, key, value, e) : conf_set(c, key, value, e);
}

int conf_unset(struct conf *c, const char *key, size_t *ret_removed, struct err *e)
{
	char out[KEY_NAME_MAX];
	const char *name = common_name(key, out);
	size_t removed;

	/* A line with a key nobody knows may still be taken out. */
	if (!key_find(key) && !conf_get(c, key))
		return key_unknown(key, e);
	removed = remove_lines(c, name, 0);
	if (ret_removed)
		*ret_removed = removed;
	return 0;
}
