/* hostdb.c - see hostdb.h. */
#include "image/hostdb.h"

#include "base/fd.h"
#include "base/path.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define STATUS_MAX (256u << 20)
#define FILE_MAX (16u << 20)
#define DB "var/lib/dpkg"

void hostdb_done(struct hostdb *h)
{
	arena_done(&h->strings);
	fd_close(&h->dir);
	fd_close(&h->etc_alternatives);
}

/* ---- reading ---- */

static int read_diversions(struct hostdb *h, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = tree_read(h->dir, "diversions", &text, FILE_MAX);
	char *lines[3], *at;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(e, r, "read diversions");
	at = arena_strdup(&h->strings, buf_str(&text));
	while (at && *at) {
		struct hostdb_diversion *d;

		for (size_t i = 0; i < 3; i++) {
			lines[i] = at;
			at += strcspn(at, "\n");
			if (!*at)
				return err_set(e, ERR_DAMAGED, EUCLEAN, "package database: diversions are cut off");
			*at++ = '\0';
		}
		if (lines[0][0] != '/' || lines[1][0] != '/')
			return err_set(e, ERR_DAMAGED, EUCLEAN, "package database: diversions are malformed");
		d = arena_push(&h->strings, &h->diversions, &h->diversion_count, sizeof(*d));
		if (!d)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		*d = (struct hostdb_diversion){lines[0] + 1, lines[1] + 1, lines[2]};
	}
	return at ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

int hostdb_open(struct hostdb *h, int host, struct dpkg *db, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r;

	h->dir = tree_open_dir(host, DB);
	r = h->dir < 0 ? h->dir : tree_read(h->dir, "status", &text, STATUS_MAX);
	if (r == -ENOENT)
		return err_set(e, ERR_UNSUPPORTED, ENOENT, "this host has no dpkg database");
	if (r < 0)
		return err_sys(e, r, "read '/" DB "/status'");
	h->etc_alternatives = tree_open_dir(host, "etc/alternatives");
	r = dpkg_parse(db, buf_str(&text), text.len, e);
	return r ? r : read_diversions(h, e);
}

int hostdb_read_list(const struct hostdb *h, const char *info_name, struct buf *out, struct err *e)
{
	char path[300];
	int r;

	(void)snprintf(path, sizeof(path), "info/%s.list", info_name);
	r = tree_read(h->dir, path, out, FILE_MAX);
	return r < 0 ? err_sys(e, r, "read '/" DB "/%s'", path) : 0;
}

const struct hostdb_diversion *hostdb_diverted(const struct hostdb *h, const char *path, const char *package)
{
	for (size_t i = 0; i < h->diversion_count; i++)
		if (strcmp(h->diversions[i].from, path) == 0 && strcmp(h->diversions[i].by, package) != 0)
			return &h->diversions[i];
	return NULL;
}

static bool wanted(const struct dpkg *db, const char *name)
{
	const struct dpkg_pkg *p = dpkg_find(db, name);

	return p && p->wanted;
}

bool hostdb_diverter_wanted(const struct hostdb_diversion *d, const struct dpkg *db)
{
	return strcmp(d->by, ":") == 0 || wanted(db, d->by);
}

/* ---- writing ---- */

struct writer {
	const struct hostdb *h;
	const struct dpkg *db;
	const struct alternatives_ops *ops;
	int to; /* var/lib/dpkg of the tree */
};

static int put(const struct writer *w, const char *name, const struct buf *text, struct err *e)
{
	int r = buf_failed(text) ? -ENOMEM : tree_write(w->to, name, buf_str(text), text->len, 0644);

	return r < 0 ? err_sys(e, r, "write '" DB "/%s'", name) : 0;
}

/* Copies one file of info/ with its mode: maintainer scripts are programs. */
static int copy_info(const struct writer *w, const char *name, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	char path[300];
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "info/%s", name);
	r = tree_stat(w->h->dir, path, &st);
	if (r == 0)
		r = tree_read(w->h->dir, path, &text, FILE_MAX);
	if (r == 0)
		r = tree_write(w->to, path, buf_str(&text), text.len, st.st_mode & 07777);
	return r < 0 ? err_sys(e, r, "copy '/" DB "/%s'", path) : 0;
}

/* "bash.list", "libc6:amd64.md5sums": the part before the last dot names the package. */
static bool info_wanted(const struct dpkg *db, const char *name)
{
	const char *dot = strrchr(name, '.');
	char stem[256], own[256];
	const struct dpkg_pkg *p;

	if (!dot || (size_t)(dot - name) >= sizeof(stem))
		return strcmp(name, "format") == 0;
	(void)snprintf(stem, sizeof(stem), "%.*s", (int)(dot - name), name);
	p = dpkg_find(db, stem);
	return p && p->wanted && strcmp(dpkg_info_name(p, own), stem) == 0;
}

static int write_info(const struct writer *w, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int info = tree_open_dir(w->h->dir, "info");
	int r = info < 0 ? info : tree_list(info, &names);

	if (r < 0)
		return err_sys(e, r, "read '/" DB "/info'");
	for (size_t i = 0; i < names.count && r == 0; i++)
		if (info_wanted(w->db, names.names[i]))
			r = copy_info(w, names.names[i], e);
	return r;
}

static int write_status(const struct writer *w, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;

	dpkg_write_status(w->db, &text);
	return put(w, "status", &text, e);
}

static int write_diversions(const struct writer *w, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;

	for (size_t i = 0; i < w->h->diversion_count; i++) {
		const struct hostdb_diversion *d = &w->h->diversions[i];

		if (hostdb_diverter_wanted(d, w->db))
			buf_printf(&text, "/%s\n/%s\n%s\n", d->from, d->to, d->by);
	}
	return put(w, "diversions", &text, e);
}

/* user group mode path: overrides of files that are there. */
static int write_overrides(const struct writer *w, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	int r = tree_read(w->h->dir, "statoverride", &text, FILE_MAX);

	if (r < 0 && r != -ENOENT)
		return err_sys(e, r, "read '/" DB "/statoverride'");
	for (char *line = text.data, *next; line && *line; line = next) {
		const char *path = strchr(line, '/');

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (path && w->ops->exists(w->ops->data, path))
			buf_printf(&out, "%s\n", line);
	}
	return put(w, "statoverride", &out, e);
}

/* Lines "interest package[/noawait]"; the interest is absent in the file of a named trigger. */
static int write_trigger_file(const struct writer *w, const char *name, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	char path[300], package[256];
	int r;

	(void)snprintf(path, sizeof(path), "triggers/%s", name);
	r = tree_read(w->h->dir, path, &text, FILE_MAX);
	if (r < 0)
		return err_sys(e, r, "read '/" DB "/%s'", path);
	for (char *line = text.data, *next; line && *line; line = next) {
		const char *last;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		last = strrchr(line, ' ');
		last = last ? last + 1 : line;
		(void)snprintf(package, sizeof(package), "%.*s", (int)strcspn(last, "/"), last);
		if (wanted(w->db, package))
			buf_printf(&out, "%s\n", line);
	}
	return out.len || strcmp(name, "File") == 0 ? put(w, path, &out, e) : 0;
}

static int write_triggers(const struct writer *w, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int triggers = tree_open_dir(w->h->dir, "triggers");
	int r = triggers == -ENOENT ? 0 : triggers < 0 ? triggers : tree_list(triggers, &names);

	if (r < 0)
		return err_sys(e, r, "read '/" DB "/triggers'");
	for (size_t i = 0; i < names.count && r == 0; i++)
		if (strcmp(names.names[i], "Lock") != 0 && strcmp(names.names[i], "Unincorp") != 0 &&
			tree_is_file(triggers, names.names[i]))
			r = write_trigger_file(w, names.names[i], e);
	return r;
}

static int write_alternative(const struct writer *w, int notes, const char *name, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	char current[4096] = "", path[300];
	int r = tree_read(notes, name, &text, FILE_MAX);

	if (r < 0)
		return err_sys(e, r, "read alternative '%s'", name);
	if (w->h->etc_alternatives >= 0 && tree_readlink(w->h->etc_alternatives, name, current) < 0)
		current[0] = '\0';
	if (!text.data)
		return 0;
	r = alternatives_reduce(w->ops, name, text.data, current, &out);
	if (r < 0)
		return err_sys(e, r, "reduce alternative '%s'", name);
	(void)snprintf(path, sizeof(path), "alternatives/%s", name);
	return r == 0 ? 0 : put(w, path, &out, e);
}

static int write_alternatives(const struct writer *w, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int notes = tree_open_dir(w->h->dir, "alternatives");
	int r = notes == -ENOENT ? 0 : notes < 0 ? notes : tree_list(notes, &names);

	if (r < 0)
		return err_sys(e, r, "read '/" DB "/alternatives'");
	for (size_t i = 0; i < names.count && r == 0; i++)
		if (tree_is_file(notes, names.names[i]) && !strstr(names.names[i], ".dpkg-"))
			r = write_alternative(w, notes, names.names[i], e);
	return r;
}

int hostdb_write(const struct hostdb *h, const struct dpkg *db, int tree, const struct alternatives_ops *ops, struct err *e)
{
	static const char *const dirs[] = {"info", "alternatives", "triggers", "updates", "parts"};
	autoclose int to = path_open_beneath(tree, DB, O_RDONLY | O_DIRECTORY, 0);
	const struct writer w = {.h = h, .db = db, .ops = ops, .to = to};
	const struct buf nothing = BUF_INIT;
	int r = to < 0 ? to : 0;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++)
		r = tree_mkdir(to, dirs[i], 0755);
	if (r < 0)
		return err_sys(e, r, "make '" DB "'");
	r = write_status(&w, e) ?: write_info(&w, e) ?: write_diversions(&w, e) ?: write_overrides(&w, e) ?: write_triggers(&w, e) ?:
		put(&w, "available", &nothing, e);
	return r ? r : write_alternatives(&w, e);
}
