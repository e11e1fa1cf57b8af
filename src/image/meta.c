/* meta.c - one table of fields for writing, reading and JSON; see meta.h. */
#include "image/meta.h"

#include "base/fd.h"
#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define META_MAX 16384u

enum field_kind { TEXT, NUMBER, TIME, FLAG };

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset, size;
};

#define FIELD(key, kind)                                                                                                                   \
	{                                                                                                                                  \
#key, kind, offsetof(struct meta, key), sizeof(((struct meta *)NULL)->key)                                                 \
	}

static const struct field fields[] = {
	FIELD(name, TEXT),	       FIELD(version, TEXT),	    FIELD(digest, TEXT),	 FIELD(os, TEXT),
	FIELD(arch, TEXT),	       FIELD(source, TEXT),	    FIELD(created, TIME),	 FIELD(seal, TEXT),
	FIELD(common, TEXT),       FIELD(common_bytes, NUMBER), FIELD(common_files, NUMBER), FIELD(skel_bytes, NUMBER),
	FIELD(skel_files, NUMBER), FIELD(image_bytes, NUMBER),  FIELD(image_sha256, TEXT),	 FIELD(merged_usr, FLAG),
};

void meta_text(char *out, size_t size, const char *text)
{
	format_safe(text, out, size);
}

void meta_write(const struct meta *m, struct buf *out)
{
	buf_puts(out, "format = 1\n");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *at = (const char *)m + fields[i].offset;

		buf_printf(out, "%s = ", fields[i].key);
		switch (fields[i].kind) {
		case TEXT:
			buf_puts(out, at);
			break;
		case NUMBER:
			buf_printf(out, "%" PRIu64, *(const uint64_t *)(const void *)at);
			break;
		case TIME:
			buf_printf(out, "%" PRId64, *(const int64_t *)(const void *)at);
			break;
		case FLAG:
			buf_putc(out, *(const bool *)(const void *)at ? '1' : '0');
			break;
		}
		buf_putc(out, '\n');
	}
}

static int set_field(struct meta *m, const struct field *f, const char *value)
{
	void *at = (char *)m + f->offset;

	switch (f->kind) {
	case NUMBER:
		return parse_u64(value, at);
	case TIME:
		return parse_i64(value, at);
	case FLAG:
		return parse_bool(value, at);
	case TEXT:
		break;
	}
	if (strlen(value) >= f->size)
		return -ERANGE;
	memcpy(at, value, strlen(value) + 1);
	return 0;
}

static int take_line(struct meta *m, char *line, unsigned *format)
{
	char *equals = strstr(line, " = "), *value;

	if (!equals) { /* an empty value leaves "key = " without the last blank in a careless editor */
		size_t len = strlen(line);

		if (len < 2 || strcmp(line + len - 2, " =") != 0)
			return -EINVAL;
		line[len - 2] = '\0';
		value = line + len;
	} else {
		*equals = '\0';
		value = equals + 3;
	}
	if (strcmp(line, "format") == 0)
		return parse_u32(value, format);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcmp(line, fields[i].key) == 0)
			return set_field(m, &fields[i], value);
	return 0;
}

int meta_read(int dir, struct meta *ret, struct err *e)
{
	char text[META_MAX];
	struct meta m = {0};
	unsigned format = 0;
	ssize_t n = fd_read_file(dir, "meta", text, sizeof(text));

	if (n < 0)
		return err_sys(e, (int)n, "read meta");
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line && take_line(&m, line, &format) < 0)
			return err_set(e, ERR_DAMAGED, EUCLEAN, "meta: malformed line '%.60s'", line);
	}
	if (format != 1)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "meta: format %u is not known here", format);
	if (!parse_is_name(m.name) || strlen(m.digest) != 64 || strncmp(m.digest, m.version, 16) != 0 || strlen(m.version) != 16)
		return err_set(e, ERR_DAMAGED, EUCLEAN, "meta: name, version or digest is missing or wrong");
	*ret = m;
	return 0;
}

void meta_json(const struct meta *m, struct json *j)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *at = (const char *)m + fields[i].offset;

		switch (fields[i].kind) {
		case TEXT:
			json_string(j, fields[i].key, at);
			break;
		case NUMBER:
			json_u64(j, fields[i].key, *(const uint64_t *)(const void *)at);
			break;
		case TIME:
			json_i64(j, fields[i].key, *(const int64_t *)(const void *)at);
			break;
		case FLAG:
			json_bool(j, fields[i].key, *(const bool *)(const void *)at);
			break;
		}
	}
}
