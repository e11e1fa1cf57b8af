/* json.c - the writer; see json.h. */
#include "image/json.h"

#include <inttypes.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at @s (no surrogates, no overlong forms, at most U+10FFFF), 0 when there is none. */
static size_t utf8_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;

	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void quoted(struct buf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	buf_putc(b, '"');
	while (*s) {
		size_t len = utf8_len(s);

		if (len == 0) {
			buf_puts(b, "\\ufffd");
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\') {
			buf_putc(b, '\\');
			buf_putc(b, (char)*s);
		} else if (*s < 0x20 || *s == 0x7f) {
			buf_printf(b, "\\u%04x", *s);
		} else {
			buf_add(b, s, len);
		}
		s += len;
	}
	buf_putc(b, '"');
}

static void lead(struct json *j, const char *key)
{
	if (j->comma)
		buf_putc(j->b, ',');
	j->comma = true;
	if (key) {
		quoted(j->b, key);
		buf_putc(j->b, ':');
	}
}

void json_object(struct json *j, const char *key)
{
	lead(j, key);
	buf_putc(j->b, '{');
	j->comma = false;
}

void json_object_end(struct json *j)
{
	buf_putc(j->b, '}');
	j->comma = true;
}

void json_array(struct json *j, const char *key)
{
	lead(j, key);
	buf_putc(j->b, '[');
	j->comma = false;
}

void json_array_end(struct json *j)
{
	buf_putc(j->b, ']');
	j->comma = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	lead(j, key);
	quoted(j->b, value);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	lead(j, key);
	buf_printf(j->b, "%" PRIu64, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	lead(j, key);
	buf_printf(j->b, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	lead(j, key);
	buf_puts(j->b, value ? "true" : "false");
}
