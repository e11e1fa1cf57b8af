/* inittab.c - line by line: id:runlevels:action:process; see inittab.h. */
#include "image/inittab.h"

#include <stdio.h>
#include <string.h>

#define TTYS 4 /* /dev/tty1 to tty4 unless the configuration says otherwise */
#define FIELDS 4

struct entry {
	const char *field[FIELDS]; /* id, run levels, action, process: not terminated */
	size_t len[FIELDS];
};

struct survey {
	bool sysv;    /* an initdefault entry: busybox knows none */
	bool console; /* there is a login on it */
	bool short_id; /* "co" is taken */
	char getty[128]; /* the program of the first login, "" = there is none */
};

/* False for a comment, an empty line and what is no entry. */
static bool entry_parse(const char *line, size_t len, struct entry *ret)
{
	const char *at = line, *end = line + len;

	if (len == 0 || line[0] == '#')
		return false;
	for (size_t i = 0; i < FIELDS; i++) {
		const char *colon = i + 1 < FIELDS ? memchr(at, ':', (size_t)(end - at)) : end;

		if (!colon)
			return false;
		ret->field[i] = at;
		ret->len[i] = (size_t)(colon - at);
		at = colon + 1;
	}
	return true;
}

static bool is(const struct entry *en, size_t field, const char *word)
{
	return en->len[field] == strlen(word) && memcmp(en->field[field], word, en->len[field]) == 0;
}

/* Copies the process; false when it is too long to be a login. */
static bool process_of(const struct entry *en, char *out, size_t size)
{
	if (en->len[3] >= size)
		return false;
	memcpy(out, en->field[3], en->len[3]);
	out[en->len[3]] = '\0';
	return true;
}

/* A word of the process: /sbin/getty -L 115200 console vt100. */
static bool has_word(const char *process, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = process; (at = strstr(at, word)); at += len)
		if ((at == process || strchr(" \t/", at[-1])) && (at[len] == '\0' || at[len] == ' ' || at[len] == '\t'))
			return true;
	return false;
}

/* An entry that runs a login: the process is a getty that is started again and again. */
static bool is_login(const struct entry *en, char *process, size_t size)
{
	size_t program;

	if (!(is(en, 2, "respawn") || is(en, 2, "askfirst")) || !process_of(en, process, size))
		return false;
	program = strcspn(process, " \t");
	return program >= 5 && strncmp(process + program - 5, "getty", 5) == 0;
}

static void survey_entry(struct survey *s, const struct entry *en)
{
	char process[256];

	s->sysv = s->sysv || is(en, 2, "initdefault");
	s->short_id = s->short_id || is(en, 0, "co");
	/* busybox: any program on it, a shell too; sysvinit has no terminal but what the process names */
	s->console = s->console || ((is(en, 0, "console") || is(en, 0, "")) && (is(en, 2, "respawn") || is(en, 2, "askfirst")));
	if (!is_login(en, process, sizeof(process)))
		return;
	s->console = s->console || has_word(process, "console");
	if (!s->getty[0])
		(void)snprintf(s->getty, sizeof(s->getty), "%.*s", (int)strcspn(process, " \t"), process);
}

/* A login on a tty the container does not have. */
static bool is_surplus(const struct entry *en)
{
	char process[256], name[24];

	if (!is_login(en, process, sizeof(process)))
		return false;
	for (unsigned n = TTYS + 1; n <= 63; n++) {
		(void)snprintf(name, sizeof(name), "tty%u", n);
		if (has_word(process, name) || is(en, 0, name))
			return true;
	}
	return false;
}

/* Calls for each line, without its newline. */
static const char *next_line(const char **at, size_t *ret_len)
{
	const char *line = *at, *end = strchr(line, '\n');

	*ret_len = end ? (size_t)(end - line) : strlen(line);
	*at = end ? end + 1 : line + *ret_len;
	return line;
}

bool inittab_fit(const char *text, struct buf *out)
{
	struct survey s = {0};
	struct entry en;
	const char *line;
	size_t len;
	bool changed = false;

	for (const char *at = text; *at;) {
		line = next_line(&at, &len);
		if (entry_parse(line, len, &en))
			survey_entry(&s, &en);
	}
	for (const char *at = text; *at;) {
		line = next_line(&at, &len);
		if (entry_parse(line, len, &en) && is_surplus(&en)) {
			buf_putc(out, '#');
			changed = true;
		}
		buf_add(out, line, len);
		buf_putc(out, '\n');
	}
	if (s.console || !s.getty[0])
		return changed;
	if (s.sysv)
		buf_printf(out, "%s:2345:respawn:%s -L 115200 console linux\n", s.short_id ? "cons" : "co", s.getty);
	else
		buf_printf(out, "console::respawn:%s -L 115200 console linux\n", s.getty);
	return true;
}
