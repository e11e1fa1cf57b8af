/* lines.c - see lines.h. Every edit reads the old text line by line and writes a new one. */
#include "engine/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct line {
	const char *text; /* with its end */
	size_t len;
	char key[256];    /* "" = a comment, an empty line, or nothing we know */
	size_t at, end;   /* the value's place in @text, quotes not included */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The line at @*at, which moves behind it. False at the end. */
static bool next(const char **at, struct line *l)
{
	const char *text = *at, *nl = strchr(text, '\n'), *eq;
	size_t i = 0, key_end;

	if (!*text)
		return false;
	*l = (struct line){.text = text, .len = nl ? (size_t)(nl + 1 - text) : strlen(text)};
	*at = text + l->len;
	while (i < l->len && blank(text[i]))
		i++;
	eq = memchr(text, '=', l->len);
	if (i == l->len || text[i] == '#' || !eq)
		return true;
	key_end = (size_t)(eq - text);
	while (key_end > i && blank(text[key_end - 1]))
		key_end--;
	if (key_end == i || key_end - i >= sizeof(l->key))
		return true;
	memcpy(l->key, text + i, key_end - i);
	l->at = (size_t)(eq - text) + 1;
	l->end = l->len;
	while (l->at < l->end && blank(text[l->at]))
		l->at++;
	while (l->end > l->at && blank(text[l->end - 1]))
		l->end--;
	if (l->end - l->at >= 2 && (text[l->at] == '"' || text[l->at] == '\'') && text[l->end - 1] == text[l->at]) {
		l->at++;
		l->end--;
	}
	return true;
}

static bool is_key(const struct line *l, const char *key, const char *legacy)
{
	return l->key[0] && (strcmp(l->key, key) == 0 || (legacy && strcmp(l->key, legacy) == 0));
}

bool lines_get(const char *text, const char *key, const char *legacy, char *out, size_t size)
{
	struct line l;
	bool found = false;

	while (next(&text, &l)) {
		size_t len = l.end - l.at;

		if (!is_key(&l, key, legacy))
			continue;
		found = len > 0 && len < size;
		if (!found)
			continue;
		memcpy(out, l.text + l.at, len);
		out[len] = '\0';
	}
	return found;
}

int lines_each(const char *text, int (*fn)(void *data, const char *key, const char *value), void *data)
{
	struct buf value = BUF_INIT;
	struct line l;
	int r = 0;

	while (r == 0 && next(&text, &l)) {
		if (!l.key[0])
			continue;
		buf_clear(&value);
		buf_add(&value, l.text + l.at, l.end - l.at);
		r = buf_failed(&value) ? -ENOMEM : fn(data, l.key, buf_str(&value));
	}
	buf_done(&value);
	return r;
}

bool lines_word(const char **at, char *out, size_t size)
{
	const char *word = *at + strspn(*at, " \t");
	size_t len = strcspn(word, " \t\n");

	*at = word + len;
	if (!len || len >= size)
		return false;
	memcpy(out, word, len);
	out[len] = '\0';
	return true;
}

/* The new text takes the old one's place. */
static void replace(struct buf *text, struct buf *by)
{
	buf_done(text);
	*text = *by;
}

static void end_line(struct buf *text)
{
	if (text->len && text->data[text->len - 1] != '\n')
		buf_putc(text, '\n');
}

void lines_add(struct buf *text, const char *key, const char *value)
{
	end_line(text);
	buf_printf(text, "%s = %s\n", key, value);
}

void lines_drop(struct buf *text, const char *key, const char *legacy)
{
	const char *at = buf_str(text);
	struct buf out = BUF_INIT;
	struct line l;

	while (next(&at, &l))
		if (!is_key(&l, key, legacy))
			buf_add(&out, l.text, l.len);
	replace(text, &out);
}

void lines_squeeze(struct buf *text)
{
	const char *at = buf_str(text);
	struct buf out = BUF_INIT;
	struct line l;

	while (next(&at, &l)) {
		bool empty = true;

		for (size_t i = 0; empty && i < l.len; i++)
			empty = blank(l.text[i]);
		if (!empty)
			buf_add(&out, l.text, l.len);
	}
	end_line(&out);
	replace(text, &out);
}

/* A path ends at the value's end or at what separates it from the next; it begins at the start or behind such. */
static bool bounds(const char *value, size_t at, size_t len, size_t old_len)
{
	static const char separators[] = " \t,:=\"'";
	char before = at ? value[at - 1] : ' ', after = at + old_len < len ? value[at + old_len] : ' ';

	return strchr(separators, before) && (after == '/' || strchr(separators, after));
}

void lines_move_paths(struct buf *text, const char *old, const char *new)
{
	size_t old_len = strlen(old);
	const char *at = buf_str(text);
	struct buf out = BUF_INIT;
	struct line l;

	while (next(&at, &l)) {
		size_t i = l.key[0] ? l.at : l.len;

		buf_add(&out, l.text, i);
		while (i < l.len) {
			bool here = i + old_len <= l.end && memcmp(l.text + i, old, old_len) == 0 && bounds(l.text + l.at, i - l.at, l.end - l.at, old_len);

			if (here)
				buf_puts(&out, new);
			else
				buf_putc(&out, l.text[i]);
			i += here ? old_len : 1;
		}
	}
	replace(text, &out);
}

static bool is_mac(const struct line *l)
{
	size_t len = strlen(l->key);

	return (strncmp(l->key, "lxc.net.", 8) == 0 || strncmp(l->key, "lxc.network.", 12) == 0) && len > 7 && strcmp(l->key + len - 7, ".hwaddr") == 0 && l->end > l->at;
}

int lines_new_macs(struct buf *text, bool all)
{
	static const char hex[] = "0123456789abcdef";
	const char *at = buf_str(text);
	struct buf out = BUF_INIT;
	struct line l;

	while (next(&at, &l)) {
		unsigned char random[20];

		if (!is_mac(&l)) {
			buf_add(&out, l.text, l.len);
			continue;
		}
		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
			buf_done(&out);
			return -EIO;
		}
		buf_add(&out, l.text, l.at);
		if (all)
			buf_printf(&out, "00:16:3e:%02x:%02x:%02x", random[0], random[1], random[2]);
		for (size_t i = l.at; !all && i < l.end; i++)
			buf_putc(&out, l.text[i] == 'x' || l.text[i] == 'X' ? hex[random[(i - l.at) % sizeof(random)] & 15] : l.text[i]);
		buf_add(&out, l.text + l.end, l.len - l.end);
	}
	replace(text, &out);
	return buf_failed(text) ? -ENOMEM : 0;
}
