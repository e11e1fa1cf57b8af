/* manifest.c - lines out, lines in; see manifest.h. */
#include "image/manifest.h"

#include "base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HASH_LEN 64u

static bool must_escape(unsigned char c)
{
	return c <= 0x20 || c >= 0x7f || c == '\\';
}

void manifest_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (must_escape((unsigned char)*text))
			buf_printf(out, "\\x%02x", (unsigned char)*text);
		else
			buf_putc(out, *text);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool manifest_unescape(char *text)
{
	char *to = text;

	while (*text) {
		unsigned char c = (unsigned char)*text++;

		if (c == '\\') {
			int hi, lo;

			if (text[0] != 'x' || (hi = hex_digit(text[1])) < 0 || (lo = hex_digit(text[2])) < 0)
				return false;
			c = (unsigned char)(hi * 16 + lo);
			if (c == 0 || !must_escape(c))
				return false; /* one text, one form */
			text += 3;
		} else if (must_escape(c)) {
			return false;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return true;
}

void manifest_write(struct buf *out, const struct manifest_entry *m)
{
	buf_printf(out, "%c %c %o %" PRIu32 " %" PRIu32 " %" PRIu64 " ", m->part, m->type, (unsigned)m->mode, m->uid, m->gid, m->size);
	if (m->type == 'l')
		manifest_escape(out, m->data);
	else
		buf_puts(out, m->data[0] ? m->data : "-");
	buf_printf(out, " %s ", m->xattrs[0] ? m->xattrs : "-");
	manifest_escape(out, m->path);
	if (m->type == 'h') {
		buf_putc(out, ' ');
		manifest_escape(out, m->first);
	}
	buf_putc(out, '\n');
}

int manifest_path_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (!*a || !*b)
		return *a ? 1 : -1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* ---- reading ---- */

static int refuse(const struct manifest_reader *r, struct err *e, const char *what)
{
	return err_set(e, ERR_DAMAGED, EUCLEAN, "manifest line %u: %s", r->line, what);
}

int manifest_open(struct manifest_reader *r, char *text, size_t len, struct err *e)
{
	size_t head = strlen(MANIFEST_HEAD);

	*r = (struct manifest_reader){.at = text, .end = text + len, .last = NULL, .line = 1};
	if (memchr(text, '\0', len))
		return refuse(r, e, "NUL byte in the file");
	if (len < head || memcmp(text, MANIFEST_HEAD, head) != 0)
		return refuse(r, e, "not a manifest of a known version");
	r->at += head;
	return 0;
}

/* Cuts the next space-separated field off *@at; NULL when there is none or it is empty. */
static char *field(char **at)
{
	char *from = *at, *space;

	if (!from)
		return NULL;
	space = strchr(from, ' ');
	if (space)
		*space = '\0';
	*at = space ? space + 1 : NULL;
	return *from ? from : NULL;
}

static bool is_hash(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n == HASH_LEN && s[n] == '\0';
}

/* A relative path without "", "." and ".." parts; "." alone is the root. */
static bool is_clean_path(const char *p)
{
	if (strcmp(p, ".") == 0)
		return true;
	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (*p == '/' && !*++p)
			return false;
	}
	return true;
}

static bool numbers(char **at, struct manifest_entry *m)
{
	const char *mode = field(at), *uid = field(at), *gid = field(at), *size = field(at);
	uint64_t bits;

	if (!mode || !uid || !gid || !size || parse_u64_base(mode, 8, &bits) < 0 || bits > 07777)
		return false;
	m->mode = (mode_t)bits;
	return parse_u32(uid, &m->uid) == 0 && parse_u32(gid, &m->gid) == 0 && parse_u64(size, &m->size) == 0;
}

static bool data_fits(struct manifest_entry *m, char *data)
{
	if (m->type == 'f' || m->type == 'h') {
		m->data = data;
		return is_hash(data);
	}
	if (m->size)
		return false;
	if (m->type == 'l') {
		m->data = data;
		return manifest_unescape(data);
	}
	m->data = "";
	return strcmp(data, "-") == 0;
}

static int parse_line(struct manifest_reader *r, char *line, struct manifest_entry *m, struct err *e)
{
	char *at = line, *data, *xattrs, *path, *first;
	const char *part = field(&at), *type = field(&at);

	if (!part || !type || part[1] || type[1] || !strchr("ib", part[0]) || !strchr("dfhlp", type[0]))
		return refuse(r, e, "unknown part or type");
	m->part = part[0];
	m->type = type[0];
	if (!numbers(&at, m))
		return refuse(r, e, "malformed mode, owner or size");
	data = field(&at);
	xattrs = field(&at);
	path = field(&at);
	first = field(&at);
	if (!data || !xattrs || !path || at || (m->type == 'h') != (first != NULL))
		return refuse(r, e, "wrong number of fields");
	if (!data_fits(m, data) || (strcmp(xattrs, "-") != 0 && !is_hash(xattrs)))
		return refuse(r, e, "malformed content");
	m->xattrs = xattrs[0] == '-' ? "" : xattrs;
	if (!manifest_unescape(path) || !is_clean_path(path) || (first && (!manifest_unescape(first) || !is_clean_path(first))))
		return refuse(r, e, "malformed path");
	m->path = path;
	m->first = first ? first : "";
	if (first && manifest_path_compare(first, path) >= 0)
		return refuse(r, e, "a further name before the first");
	return 0;
}

int manifest_next(struct manifest_reader *r, struct manifest_entry *ret, struct err *e)
{
	char *line = r->at, *newline;
	int n;

	if (r->at == r->end)
		return 0;
	r->line++;
	newline = memchr(line, '\n', (size_t)(r->end - line));
	if (!newline || newline - line > (ptrdiff_t)MANIFEST_LINE_MAX)
		return refuse(r, e, newline ? "too long" : "cut off");
	*newline = '\0';
	r->at = newline + 1;
	n = parse_line(r, line, ret, e);
	if (n < 0)
		return n;
	/* The root stands first; "." would sort among the names otherwise. */
	if (!r->last ? strcmp(ret->path, ".") != 0 || ret->type != 'd'
		     : strcmp(ret->path, ".") == 0 || (strcmp(r->last, ".") != 0 && manifest_path_compare(r->last, ret->path) >= 0))
		return refuse(r, e, "out of order");
	r->last = ret->path;
	return 1;
}
