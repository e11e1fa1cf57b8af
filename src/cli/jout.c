/* jout.c - see jout.h. */
#include "cli/jout.h"

#include "base/parse.h"

#include <string.h>

static void before_value(struct jout *j)
{
	if (j->comma)
		buf_putc(j->out, ',');
	if (j->rows && j->depth == j->rows)
		buf_putc(j->out, '\n');
	j->comma = true;
}

void jout_open(struct jout *j, char bracket)
{
	before_value(j);
	buf_putc(j->out, bracket);
	j->depth++;
	j->comma = false;
}

void jout_open_rows(struct jout *j)
{
	jout_open(j, '[');
	j->rows = j->depth;
}

void jout_close(struct jout *j, char bracket)
{
	if (j->rows && j->depth == j->rows) {
		if (j->comma)
			buf_putc(j->out, '\n');
		j->rows = 0;
	}
	buf_putc(j->out, bracket);
	j->depth--;
	j->comma = true;
}

/* Length of the valid UTF-8 sequence at @p, 0 when there is none. Overlong forms and surrogates are invalid. */
static size_t utf8_len(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0)
		return (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((p[0] & 0xf0) == 0xe0) {
		if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0))
			return 0;
		return 3;
	}
	if (p[0] >= 0xf0 && p[0] < 0xf5) {
		if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

/* @s is NUL-terminated, though possibly behind @len: a sequence is never read past the NUL. */
static void escape(struct buf *b, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	buf_putc(b, '"');
	while (p < end) {
		const unsigned char *run = p;
		size_t n;

		while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
			p++;
		buf_add(b, run, (size_t)(p - run));
		if (p == end)
			break;
		if (*p == '"' || *p == '\\') {
			buf_putc(b, '\\');
			buf_putc(b, (char)*p++);
		} else if (*p == '\n' || *p == '\t') {
			buf_puts(b, *p++ == '\n' ? "\\n" : "\\t");
		} else if (*p < 0x20 || *p == 0x7f) {
			buf_puts(b, "\\u00");
			buf_putc(b, hex[*p >> 4]);
			buf_putc(b, hex[*p++ & 15]);
		} else if ((n = utf8_len(p)) > 0 && n <= (size_t)(end - p)) {
			buf_add(b, p, n);
			p += n;
		} else {
			buf_puts(b, "\\ufffd");
			p++;
		}
	}
	buf_putc(b, '"');
}

void jout_key(struct jout *j, const char *key)
{
	before_value(j);
	escape(j->out, key, strlen(key));
	buf_putc(j->out, ':');
	j->comma = false;
}

void jout_text(struct jout *j, const char *s)
{
	if (!s) {
		jout_null(j);
		return;
	}
	before_value(j);
	escape(j->out, s, strlen(s));
}

static void digits_of(struct buf *b, uint64_t n)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void jout_u64(struct jout *j, uint64_t n)
{
	before_value(j);
	digits_of(j->out, n);
}

void jout_i64(struct jout *j, int64_t n)
{
	before_value(j);
	if (n < 0)
		buf_putc(j->out, '-');
	digits_of(j->out, n < 0 ? (uint64_t)0 - (uint64_t)n : (uint64_t)n);
}

void jout_bool(struct jout *j, bool b)
{
	before_value(j);
	buf_puts(j->out, b ? "true" : "false");
}

void jout_null(struct jout *j)
{
	before_value(j);
	buf_puts(j->out, "null");
}

void jout_raw(struct jout *j, const char *s)
{
	before_value(j);
	buf_puts(j->out, s);
}

void jout_time(struct jout *j, int64_t unix_seconds)
{
	char text[32];

	if (unix_seconds == 0) {
		jout_null(j);
		return;
	}
	format_time(unix_seconds, text);
	jout_text(j, text);
}

void jout_words(struct jout *j, const char *list, const char *separators)
{
	jout_open(j, '[');
	while (*list) {
		size_t n;

		list += strspn(list, separators);
		n = strcspn(list, separators);
		if (n == 0)
			break;
		before_value(j);
		escape(j->out, list, n);
		list += n;
	}
	jout_close(j, ']');
}
