/* aptsources.c - sources.list(5), both styles; see aptsources.h. */
#include "image/aptsources.h"

#include "base/fd.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t"
#define FILE_MAX (1u << 20)

void apt_sources_done(struct apt_sources *s)
{
	buf_done(&s->lines);
	buf_done(&s->deb822);
}

static bool starts_release(const char *suite, size_t len, const char *release)
{
	size_t n = strlen(release);

	return len >= n && strncmp(suite, release, n) == 0 && (len == n || suite[n] == '-' || suite[n] == '/');
}

/* Appends the suites of the blank-separated list that fit, and says whether there was one. */
static bool fit_suites(struct buf *out, const char *list, size_t len, const char *want, const char *instead)
{
	const char *end = list + len;
	bool any = false;

	while (list < end) {
		size_t word;

		list += strspn(list, BLANK "\n");
		if (list >= end)
			break;
		word = strcspn(list, BLANK "\n");
		if (list + word > end)
			word = (size_t)(end - list);
		if (instead ? word == strlen(instead) && strncmp(list, instead, word) == 0 : starts_release(list, word, want)) {
			buf_printf(out, "%s%.*s", any ? " " : "", instead ? (int)strlen(want) : (int)word, instead ? want : list);
			any = true;
		}
		list += word;
	}
	return any;
}

static bool has_word(const char *list, size_t len, const char *word)
{
	const char *end = list + len;
	size_t n = strlen(word);

	for (const char *at = list; at < end; at += strcspn(at, BLANK "\n")) {
		at += strspn(at, BLANK "\n");
		if (at + n <= end && strncmp(at, word, n) == 0 && (at + n == end || strchr(BLANK "\n", at[n])))
			return true;
	}
	return false;
}

/* deb [options] URI SUITE COMPONENT... */
static void add_line(struct apt_sources *s, const char *line, size_t len, const char *want, const char *instead)
{
	autodone(buf_done) struct buf suite = BUF_INIT;
	const char *at = line + 3, *end = line + len, *suite_at, *options = at;
	size_t uri_len, options_len = 0;

	at += strspn(at, BLANK);
	if (*at == '[') {
		options = at;
		options_len = strcspn(at, "]\n") + 1;
		at += options_len;
		if (at >= end)
			return;
		at += strspn(at, BLANK);
	}
	uri_len = strcspn(at, BLANK "\n");
	suite_at = at + uri_len + strspn(at + uri_len, BLANK);
	if (suite_at >= end || !fit_suites(&suite, suite_at, strcspn(suite_at, BLANK "\n"), want, instead))
		return;
	line = suite_at + strcspn(suite_at, BLANK "\n");
	if (line >= end || !has_word(line, (size_t)(end - line), "main"))
		return;
	buf_printf(&s->lines, "deb %.*s%s%.*s %s%.*s\n", (int)options_len, options, options_len ? " " : "", (int)uri_len, at,
		   buf_str(&suite), (int)(end - line), line);
}

void apt_sources_add_list(struct apt_sources *s, const char *text, const char *want, const char *instead)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), used;

		used = strcspn(text, "#\n");
		if (strncmp(text, "deb", 3) == 0 && (text[3] == ' ' || text[3] == '\t'))
			add_line(s, text, used, want, instead);
		text += len + (text[len] == '\n');
	}
}

struct paragraph {
	const char *text, *end;
};

/* Value of field @name in a paragraph, with continuation lines; NULL when absent. */
static const char *field(const struct paragraph *p, const char *name, size_t *ret_len)
{
	size_t n = strlen(name);

	for (const char *line = p->text; line < p->end;) {
		const char *next = line;

		do {
			next = memchr(next, '\n', (size_t)(p->end - next));
			next = next ? next + 1 : p->end;
		} while (next < p->end && (*next == ' ' || *next == '\t' || *next == '#'));
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			*ret_len = (size_t)(next - line) - n - 1;
			return line + n + 1;
		}
		line = next;
	}
	return NULL;
}

static void add_field(struct buf *out, const struct paragraph *p, const char *name)
{
	size_t len;
	const char *value = field(p, name, &len);

	if (!value)
		return;
	buf_printf(out, "%s:", name);
	/* Comment lines may stand between continuation lines. */
	while (len > 0) {
		size_t line = strcspn(value, "\n") + 1;

		if (line > len)
			line = len;
		if (*value != '#')
			buf_add(out, value, line);
		value += line;
		len -= line;
	}
	if (out->len && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
}

static void add_paragraph(struct apt_sources *s, const struct paragraph *p, const char *want, const char *instead)
{
	static const char *const kept[] = {"URIs", "Components", "Architectures", "Signed-By"};
	autodone(buf_done) struct buf suites = BUF_INIT;
	size_t len;
	const char *value = field(p, "Types", &len);

	if (!value || !has_word(value, len, "deb"))
		return;
	value = field(p, "Enabled", &len);
	if (value && has_word(value, len, "no"))
		return;
	value = field(p, "Components", &len);
	if (!value || !has_word(value, len, "main"))
		return;
	value = field(p, "Suites", &len);
	if (!value || !fit_suites(&suites, value, len, want, instead))
		return;
	buf_printf(&s->deb822, "%sTypes: deb\nSuites: %s\n", s->deb822.len ? "\n" : "", buf_str(&suites));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		add_field(&s->deb822, p, kept[i]);
}

void apt_sources_add_deb822(struct apt_sources *s, const char *text, const char *want, const char *instead)
{
	while (*text) {
		const char *stop = strstr(text, "\n\n");
		struct paragraph p = {.text = text, .end = stop ? stop + 1 : text + strlen(text)};

		while (p.text < p.end && (*p.text == '#' || *p.text == '\n')) {
			const char *newline = memchr(p.text, '\n', (size_t)(p.end - p.text));

			p.text = newline ? newline + 1 : p.end;
		}
		if (p.text < p.end)
			add_paragraph(s, &p, want, instead);
		text = stop ? stop + 2 : p.end;
	}
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static int add_file(struct apt_sources *s, int dir, const char *name, const char *want, const char *instead, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(dir, name, O_RDONLY | O_NOCTTY, 0);
	int r = fd < 0 ? fd : fd_read_all(fd, &text, FILE_MAX);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(e, r, "read package source '%s'", name);
	if (ends_with(name, ".sources"))
		apt_sources_add_deb822(s, buf_str(&text), want, instead);
	else
		apt_sources_add_list(s, buf_str(&text), want, instead);
	return 0;
}

static int add_all(struct apt_sources *s, const char *want, const char *instead, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int parts = fd_open(AT_FDCWD, "/etc/apt/sources.list.d", O_RDONLY | O_DIRECTORY, 0);
	int r = add_file(s, AT_FDCWD, "/etc/apt/sources.list", want, instead, e);

	if (r < 0 || parts == -ENOENT)
		return r;
	r = parts < 0 ? parts : tree_list(parts, &names);
	if (r < 0)
		return err_sys(e, r, "read '/etc/apt/sources.list.d'");
	for (size_t i = 0; i < names.count && r == 0; i++)
		if (ends_with(names.names[i], ".list") || ends_with(names.names[i], ".sources"))
			r = add_file(s, parts, names.names[i], want, instead, e);
	return r;
}

/* VERSION_CODENAME of os-release(5). */
static bool host_release(char out[64])
{
	char text[4096];
	const char *at;
	size_t len;

	if (fd_read_file(AT_FDCWD, "/etc/os-release", text, sizeof(text)) < 0)
		return false;
	at = strstr(text, "\nVERSION_CODENAME=");
	if (!at)
		return false;
	at += strlen("\nVERSION_CODENAME=");
	at += *at == '"';
	len = strcspn(at, "\"\n");
	if (len == 0 || len >= 64)
		return false;
	memcpy(out, at, len);
	out[len] = '\0';
	return true;
}

int apt_sources_read(struct apt_sources *s, const char *want, struct err *e)
{
	char own[64];
	int r = add_all(s, want, NULL, e);

	if (r == 0 && s->lines.len == 0 && s->deb822.len == 0 && host_release(own))
		r = add_all(s, want, own, e);
	if (r == 0 && (buf_failed(&s->lines) || buf_failed(&s->deb822)))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	return r;
}
