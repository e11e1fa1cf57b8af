/* fields.c - table-driven "key = value" files; see fields.h. */
#include "state/fields.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define FORMAT 1u

static int parse_proc(char *value, struct proc_id *ret)
{
	char *space = strchr(value, ' ');
	struct proc_id id = {0};
	uint32_t pid;

	if (!space)
		return -EINVAL;
	*space = '\0';
	if (parse_u32(value, &pid) < 0 || pid > INT32_MAX || parse_u64(space + 1, &id.start_time) < 0)
		return -EINVAL;
	id.pid = (int32_t)pid;
	*ret = id;
	return 0;
}

static int parse_value(const struct field *f, char *value, char *at)
{
	int64_t i;
	uint64_t u;
	uint32_t v;
	int r;

	switch (f->type) {
	case FIELD_TEXT:
		if (strlen(value) >= f->size)
			return -ERANGE;
		memcpy(at, value, strlen(value) + 1);
		return 0;
	case FIELD_CLIP:
		format_safe(value, at, f->size);
		return 0;
	case FIELD_U32:
		r = parse_u32(value, &v);
		if (r == 0)
			memcpy(at, &v, sizeof(v));
		return r;
	case FIELD_I32:
		r = parse_i64(value, &i);
		if (r == 0 && (i < INT32_MIN || i > INT32_MAX))
			r = -ERANGE;
		if (r == 0)
			memcpy(at, &(int32_t){(int32_t)i}, sizeof(int32_t));
		return r;
	case FIELD_U64:
		r = parse_u64(value, &u);
		if (r == 0)
			memcpy(at, &u, sizeof(u));
		return r;
	case FIELD_I64:
		r = parse_i64(value, &i);
		if (r == 0)
			memcpy(at, &i, sizeof(i));
		return r;
	case FIELD_BOOL:
		return parse_bool(value, (bool *)(void *)at);
	case FIELD_PROC:
		return parse_proc(value, (struct proc_id *)(void *)at);
	}
	return -EINVAL;
}

/* Cuts blanks off both ends of [s, end). */
static char *trim(char *s, char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return s;
}

struct reader {
	const struct field *table;
	size_t count;
	char *out;
	uint32_t seen; /* bit per field */
	bool format, ended;
};

static int read_line(struct reader *rd, char *line, char *end)
{
	char *eq, *key, *value;
	uint32_t n;

	key = trim(line, end);
	if (!*key || *key == '#')
		return 0;
	eq = strchr(key, '=');
	if (!eq || eq == key || rd->ended) /* nothing may follow the last line */
		return -EBADMSG;
	value = trim(eq + 1, eq + 1 + strlen(eq + 1));
	key = trim(key, eq);
	if (strcmp(key, "format") == 0) {
		if (rd->format || parse_u32(value, &n) < 0 || n != FORMAT)
			return -EBADMSG;
		rd->format = true;
		return 0;
	}
	if (strcmp(key, "end") == 0) {
		rd->ended = strcmp(value, "1") == 0;
		return rd->ended ? 0 : -EBADMSG;
	}
	for (size_t i = 0; i < rd->count; i++) {
		const struct field *f = &rd->table[i];

		if (strcmp(f->key, key) != 0)
			continue;
		if (rd->seen & (1u << i) || parse_value(f, value, rd->out + f->offset) < 0)
			return -EBADMSG;
		rd->seen |= 1u << i;
	}
	return 0;
}

static bool complete(const struct reader *rd, bool closed)
{
	if (!rd->format || (closed && !rd->ended))
		return false;
	for (size_t i = 0; i < rd->count; i++)
		if (rd->table[i].required && !(rd->seen & (1u << i)))
			return false;
	return true;
}

int fields_parse(const struct field *table, size_t count, bool closed, const char *text, size_t len, void *ret, size_t ret_size)
{
	_Alignas(max_align_t) char out[2048] = {0};
	char copy[FIELDS_FILE_MAX + 1];
	struct reader rd = {.table = table, .count = count, .out = out};

	if (count > FIELDS_MAX || ret_size > sizeof(out))
		return -EINVAL;
	if (len > FIELDS_FILE_MAX || memchr(text, '\0', len))
		return -EBADMSG;
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (char *line = copy; line < copy + len;) {
		char *end = strchr(line, '\n');
		int r;

		if (!end) {
			if (closed) /* cut inside its last line */
				return -EBADMSG;
			end = copy + len;
		}
		r = read_line(&rd, line, end);
		if (r < 0)
			return r;
		line = end + 1;
	}
	if (!complete(&rd, closed))
		return -EBADMSG;
	memcpy(ret, out, ret_size);
	return 0;
}

int fields_load(int dirfd, const char *name, const struct field *table, size_t count, bool closed, void *ret, size_t ret_size)
{
	autoclose int fd = path_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	autodone(buf_done) struct buf text = BUF_INIT;
	int r;

	if (fd < 0)
		return fd;
	r = fd_read_regular(fd, &text, FIELDS_FILE_MAX);
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	return fields_parse(table, count, closed, buf_str(&text), text.len, ret, ret_size);
}

static void format_text(struct buf *out, const char *s, size_t size)
{
	for (size_t i = 0; i < size && s[i]; i++)
		buf_putc(out, (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i]);
}

static void format_value(const struct field *f, const char *at, struct buf *out)
{
	union {
		uint32_t u32;
		int32_t i32;
		uint64_t u64;
		int64_t i64;
		bool flag;
		struct proc_id id;
	} v;

	if (f->type == FIELD_TEXT || f->type == FIELD_CLIP) {
		format_text(out, at, f->size);
		return;
	}
	memcpy(&v, at, f->size < sizeof(v) ? f->size : sizeof(v));
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_CLIP:
		break;
	case FIELD_U32:
		buf_printf(out, "%" PRIu32, v.u32);
		break;
	case FIELD_I32:
		buf_printf(out, "%" PRId32, v.i32);
		break;
	case FIELD_U64:
		buf_printf(out, "%" PRIu64, v.u64);
		break;
	case FIELD_I64:
		buf_printf(out, "%" PRId64, v.i64);
		break;
	case FIELD_BOOL:
		buf_puts(out, v.flag ? "1" : "0");
		break;
	case FIELD_PROC:
		buf_printf(out, "%" PRId32 " %" PRIu64, v.id.pid, v.id.start_time);
		break;
	}
}

void fields_format(const struct field *table, size_t count, bool closed, const void *from, struct buf *out)
{
	buf_printf(out, "format = %u\n", FORMAT);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%s = ", table[i].key);
		format_value(&table[i], (const char *)from + table[i].offset, out);
		buf_putc(out, '\n');
	}
	if (closed)
		buf_puts(out, "end = 1\n");
}
