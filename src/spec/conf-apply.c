/* conf-apply.c - config text into a spec, following lxc.include.
 *
 * An include is a regular file, or a directory whose *.conf files are read in the order of their names. Nesting is bounded, a file that is
 * being read is never entered again, and the number of files is bounded too, because includes of directories multiply. */
#include "spec/conf-impl.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"

#include "base/fd.h"
#include "base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct file_id {
	dev_t dev;
	ino_t ino;
};

struct apply {
	struct spec *spec;
	struct err *e;
	const struct conf_watcher *watch; /* NULL = nobody */
	const struct conf *conf; /* the document being applied */
	struct file_id *open;	 /* CONF_DEPTH_MAX + 1 files being read, outermost first */
	size_t depth;
	unsigned files; /* included so far */
};

static int apply_document(struct apply *a, const struct conf *c);

static int include_file(struct apply *a, const char *path)
{
	autodone(conf_free) struct conf *c = NULL;
	struct file_id id;
	int r;

	if (a->depth >= CONF_DEPTH_MAX)
		return err_set(a->e, ERR_INPUT, ELOOP, "'%s': includes are nested deeper than %d", path, CONF_DEPTH_MAX);
	if (++a->files > CONF_INCLUDES_MAX)
		return err_set(a->e, ERR_INPUT, E2BIG, "'%s': more than %d files are included", path, CONF_INCLUDES_MAX);
	r = conf_read_as(AT_FDCWD, path, path, a->conf->mode, &c, a->e);
	if (r < 0)
		return r;
	id = (struct file_id){c->dev, c->ino};
	if (id.ino)
		for (size_t i = 0; i <= a->depth; i++)
			if (a->open[i].ino == id.ino && a->open[i].dev == id.dev)
				return err_set(a->e, ERR_INPUT, ELOOP, "'%s' includes itself", path);
	a->open[++a->depth] = id;
	r = apply_document(a, c);
	a->depth--;
	return r;
}

static bool is_conf_name(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The *.conf names of directory @path, sorted. */
static int list_dir(struct arena *arena, const char *path, const char ***ret, size_t *ret_count, struct err *e)
{
	autoclosedir DIR *dir = opendir(path); /* rule: plain-paths: the host administrator's own file */
	const char **names = NULL;
	const struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return err_sys(e, errno, "cannot read directory '%s'", path);
	while ((errno = 0, entry = readdir(dir))) {
		const char **slot;

		if (!is_conf_name(entry->d_name))
			continue;
		if (count >= CONF_INCLUDES_MAX)
			return err_set(e, ERR_INPUT, E2BIG, "'%s': more than %d *.conf files", path, CONF_INCLUDES_MAX);
		slot = arena_push(arena, &names, &count, sizeof(*names));
		if (!slot)
			return err_sys(e, ENOMEM, "cannot read directory '%s'", path);
		*slot = arena_strdup(arena, entry->d_name);
		if (!*slot)
			return err_sys(e, ENOMEM, "cannot read directory '%s'", path);
	}
	if (errno)
		return err_sys(e, errno, "cannot read directory '%s'", path);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	*ret = names;
	*ret_count = count;
	return 0;
}

static int include_dir(struct apply *a, const char *path)
{
	autodone(arena_done) struct arena arena = ARENA_INIT;
	const char **names;
	size_t count;
	int r = list_dir(&arena, path, &names, &count, a->e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *file = arena_printf(&arena, "%s/%s", path, names[i]);

		r = file ? include_file(a, file) : err_sys(a->e, ENOMEM, "cannot include '%s'", path);
	}
	return r;
}

static void note(struct apply *a, const char *where, const char *key, const char *text)
{
	a->spec->where = where;
	spec_note(a->spec, key, "%s", text);
	a->spec->where = NULL;
}

static int include(struct apply *a, const char *where, const char *path)
{
	struct stat st;

	if (!*path)
		return 0;
	/* LXC's own files name directories that are there only when something was put into them */
	if (stat(path, &st) < 0 && errno == ENOENT && path[strlen(path) - 1] == '/') { /* rule: plain-paths: the host administrator's own file */
		note(a, where, "lxc.include", "there is no such directory, nothing is included");
		return 0;
	}
	if (stat(path, &st) < 0) /* rule: plain-paths: the host administrator's own file */
		return err_sys(a->e, errno, "cannot include '%s'", path);
	return S_ISDIR(st.st_mode) ? include_dir(a, path) : include_file(a, path);
}

/* A blank and a '#' outside of quotes: where somebody thought that a comment begins. NULL when there is none. */
static const char *inline_comment(const char *value)
{
	char quote = '\0';

	for (const char *p = value; *p; p++) {
		if (quote)
			quote = *p == quote ? '\0' : quote;
		else if (*p == '"' || *p == '\'')
			quote = *p;
		else if (*p == '#' && p > value && (p[-1] == ' ' || p[-1] == '\t'))
			return p;
	}
	return NULL;
}

static int apply_key(struct apply *a, const struct conf_line *line, const char *where)
{
	const char *comment = inline_comment(line->value);
	const struct key_row *row = key_find(line->key);
	char safe[48], name[KEY_NAME_MAX];
	int r = key_apply(a->spec, where, line->key, line->value, a->e);

	if (comment) {
		format_safe(comment, safe, sizeof(safe));
		if (r < 0) {
			char why[600];

			(void)snprintf(why, sizeof(why), "%s", a->e->why);
			return err_set(a->e, (enum err_kind)a->e->kind, a->e->code, "%s; '%s' is part of the value: a comment needs a line of its own", why, safe);
		}
		a->spec->where = where;
		spec_note(a->spec, line->key, "'%s' is part of the value, as for LXC: a comment needs a line of its own", safe);
		a->spec->where = NULL;
	}
	if (r == 0 && a->watch && a->watch->line && row && key_canonical(row, line->key, name))
		a->watch->line(a->watch->data, where, name, line->value);
	if (r < 0 || strcmp(line->key, "lxc.include") != 0)
		return r;
	r = include(a, where, line->value);
	return r < 0 ? err_wrap(a->e, "%s", where) : 0;
}

/* A watcher is told why a line failed, without the place before it, and the rest goes on. */
static int tell(struct apply *a, const char *where)
{
	size_t len = strlen(where);
	const char *why = a->e->why;

	if (!a->watch || !a->watch->problem || a->e->code == ENOMEM)
		return -a->e->code;
	if (strncmp(why, where, len) == 0 && strncmp(why + len, ": ", 2) == 0)
		why += len + 2;
	a->watch->problem(a->watch->data, where, why, a->e->hint);
	err_clear(a->e);
	return 0;
}

static int apply_line(struct apply *a, const struct conf_line *line, size_t number)
{
	const char *where;
	int r = 0;

	if (!line->key && !line->problem)
		return 0;
	where = arena_printf(&a->spec->arena, "%s:%zu", a->conf->origin, number);
	if (!where)
		return err_sys(a->e, ENOMEM, "cannot read '%s'", a->conf->origin);
	if (line->key)
		r = apply_key(a, line, where);
	else if (a->conf->mode == CONF_LENIENT)
		note(a, where, "skipped", line->problem);
	else
		r = err_set(a->e, ERR_INPUT, EINVAL, "%s: %s", where, line->problem);
	return r < 0 ? tell(a, where) : 0;
}

/* What an editor of another system left in the file. */
static int note_form(struct apply *a, const struct conf *c)
{
	bool crlf = strcmp(conf_line_end(c), "\r\n") == 0;
	const char *where = crlf || c->bom ? arena_printf(&a->spec->arena, "%s:1", c->origin) : c->origin;

	if (!where)
		return err_sys(a->e, ENOMEM, "cannot read '%s'", c->origin);
	if (c->bom)
		note(a, where, "form", "the byte order mark at the beginning is skipped");
	if (crlf)
		note(a, where, "form", "lines end in CR LF, the CR is skipped");
	return 0;
}

static int apply_document(struct apply *a, const struct conf *c)
{
	const struct conf *outer = a->conf;
	int r = note_form(a, c);

	a->conf = c;
	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = apply_line(a, &c->lines[i], i + 1);
	a->conf = outer;
	return r;
}

/* ---- lxc.mount.fstab ---- */

#define FSTAB_MAX ((size_t)1 << 20)

static int fstab_line(struct apply *a, const char *line, unsigned number)
{
	struct spec *s = a->spec;
	const char *where = arena_printf(&s->arena, "%s:%u", s->fstab, number);
	char shown[72];
	int r;

	if (!where)
		return err_sys(a->e, ENOMEM, "cannot read '%s'", s->fstab);
	s->where = where;
	r = key_mount_line(s, line, a->e);
	s->where = NULL;
	if (r == 0)
		return 0;
	format_safe(line, shown, sizeof(shown));
	(void)err_wrap(a->e, "%s: '%s%s'", where, shown, strlen(line) >= sizeof(shown) ? "..." : "");
	return tell(a, where);
}

static int fstab_lines(struct apply *a, char *text)
{
	unsigned number = 0;
	char *next;

	for (char *line = text; line; line = next) {
		size_t len;
		int r;

		number++;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line += strspn(line, " \t");
		len = strlen(line);
		while (len > 0 && strchr(" \t\r", line[len - 1]))
			line[--len] = '\0';
		if (len == 0 || *line == '#')
			continue;
		r = fstab_line(a, line, number);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Its mounts come before the others, as LXC does them: what an entry mounts may lie upon one of the file's. */
static int read_fstab(struct apply *a)
{
	struct spec *s = a->spec;
	struct err *e = a->e;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, s->fstab, O_RDONLY | O_NONBLOCK, 0); /* rule: plain-paths: the host administrator's own file */
	const char *where = spec_where(s, "lxc.mount.fstab");
	struct spec_mount *entries = s->mounts, *slot;
	size_t count = s->mount_count;
	int r = fd < 0 ? fd : fd_read_all(fd, &text, FSTAB_MAX);

	if (r == 0 && memchr(buf_str(&text), '\0', text.len))
		r = -EINVAL;
	if (r < 0) {
		if (r == -EISDIR)
			(void)err_set(e, ERR_INPUT, EISDIR, "lxc.mount.fstab = '%s': it is a directory, not a file (allowed: an absolute path)", s->fstab);
		else
			(void)err_sys(e, r, "lxc.mount.fstab = '%s': cannot read the file", s->fstab);
		if (where)
			(void)err_wrap(e, "%s", where);
		return where ? tell(a, where) : r;
	}
	s->mounts = NULL;
	s->mount_count = 0;
	r = text.len ? fstab_lines(a, text.data) : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		slot = arena_push(&s->arena, &s->mounts, &s->mount_count, sizeof(*slot));
		if (!slot)
			return err_sys(e, ENOMEM, "cannot read '%s'", s->fstab);
		*slot = entries[i];
	}
	return r;
}

int conf_watch(const struct conf *c, struct spec *s, const struct conf_watcher *w, struct err *e)
{
	struct file_id open[CONF_DEPTH_MAX + 1] = {{c->dev, c->ino}};
	struct err local;
	struct apply a = {.spec = s, .e = e ? e : &local, .open = open, .watch = w};
	int r;

	if (s->frozen)
		return err_set(e, ERR_INTERNAL, EPERM, "config applied to a frozen spec");
	r = apply_document(&a, c);
	return r == 0 && s->fstab ? read_fstab(&a) : r;
}

int conf_apply(const struct conf *c, struct spec *s, struct err *e)
{
	return conf_watch(c, s, NULL, e);
}
