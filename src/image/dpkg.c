/* dpkg.c - status paragraphs, relations and their closure; see dpkg.h. */
#include "image/dpkg.h"

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t\r\n"

void dpkg_done(struct dpkg *db)
{
	arena_done(&db->strings);
	*db = (struct dpkg)DPKG_INIT;
}

/* ---- paragraphs ---- */

static bool field_is(const char *line, size_t name_len, const char *name)
{
	return strlen(name) == name_len && strncasecmp(line, name, name_len) == 0;
}

/* Value of a field: leading and trailing blanks off, continuation lines kept inside. */
static const char *field_value(struct dpkg *db, const char *from, const char *end)
{
	while (from < end && strchr(BLANK, *from))
		from++;
	while (end > from && strchr(BLANK, end[-1]))
		end--;
	return arena_strndup(&db->strings, from, (size_t)(end - from));
}

/* "install ok installed": the third word is the state of the files. */
static bool state_is_installed(const char *status)
{
	const char *state = strrchr(status, ' ');

	state = state ? state + 1 : status;
	return strcmp(state, "installed") == 0 || strcmp(state, "triggers-awaited") == 0 || strcmp(state, "triggers-pending") == 0;
}

static int take_field(struct dpkg *db, struct dpkg_pkg *p, const char *line, size_t name_len, const char *value_end)
{
	const char *value = field_value(db, line + name_len + 1, value_end);

	if (!value)
		return -ENOMEM;
	if (field_is(line, name_len, "Package"))
		p->name = value;
	else if (field_is(line, name_len, "Architecture"))
		p->arch = value;
	else if (field_is(line, name_len, "Version"))
		p->version = value;
	else if (field_is(line, name_len, "Depends"))
		p->depends = value;
	else if (field_is(line, name_len, "Pre-Depends"))
		p->pre_depends = value;
	else if (field_is(line, name_len, "Provides"))
		p->provides = value;
	else if (field_is(line, name_len, "Status"))
		p->installed = state_is_installed(value);
	else if (field_is(line, name_len, "Installed-Size"))
		p->kib = parse_u64(value, &p->kib) < 0 ? 0 : p->kib;
	else if (field_is(line, name_len, "Essential"))
		p->essential |= strcmp(value, "yes") == 0;
	else if (field_is(line, name_len, "Priority"))
		p->essential |= strcmp(value, "required") == 0;
	else if (field_is(line, name_len, "Multi-Arch"))
		p->multi_same = strcmp(value, "same") == 0;
	return 0;
}

/* A field with its continuation lines ends before the next line that does not start with a blank. */
static const char *field_end(const char *line, const char *end)
{
	const char *at = line;

	for (;;) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return end;
		at++;
		if (at == end || (*at != ' ' && *at != '\t'))
			return at;
	}
}

static bool only_name_bytes(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("+-._", *s))
			return false;
	return true;
}

static int take_paragraph(struct dpkg *db, const char *text, const char *end, struct err *e)
{
	struct dpkg_pkg p = {.name = "", .arch = "", .version = "", .depends = "", .pre_depends = "", .provides = ""};
	struct dpkg_pkg *slot;
	const char *next;

	for (const char *line = text; line < end; line = next) {
		const char *colon;
		size_t name_len;

		next = field_end(line, end);
		colon = memchr(line, ':', (size_t)(next - line));
		name_len = colon ? (size_t)(colon - line) : 0;
		if (name_len == 0 || memchr(line, '\n', name_len))
			return err_set(e, ERR_INPUT, EINVAL, "package database: no field name in '%.40s'", line);
		if (take_field(db, &p, line, name_len, next) < 0)
			return err_set(e, ERR_SYSTEM, ENOMEM, "package database: out of memory");
	}
	/* The names become file names in info/: nothing that leads elsewhere may pass. */
	if (!only_name_bytes(p.name) || strlen(p.name) > 128 || (p.arch[0] && !only_name_bytes(p.arch)) || strlen(p.arch) > 64)
		return err_set(e, ERR_INPUT, EINVAL, "package database: '%.60s' is no package name", p.name);
	p.text = text;
	p.text_len = (size_t)(end - text);
	slot = arena_push(&db->strings, &db->pkgs, &db->count, sizeof(*slot));
	if (!slot)
		return err_set(e, ERR_SYSTEM, ENOMEM, "package database: out of memory");
	*slot = p;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct dpkg_pkg *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->arch, y->arch);
}

/* ---- relations ---- */

struct relation {
	char name[256]; /* without architecture */
	char arch[64];  /* "" or "any", "amd64" ... */
	char op[3];     /* "" = any version */
	char version[256];
};

static size_t copy_word(char *out, size_t size, const char *from, const char *end, const char *stop)
{
	size_t n = 0;

	while (from + n < end && !strchr(stop, from[n]))
		n++;
	(void)snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), from);
	return n;
}

/* One alternative: name[:arch] [(op version)] and whatever restrictions follow, which a status file does not have. */
static bool relation_parse(const char *from, const char *end, struct relation *r)
{
	memset(r, 0, sizeof(*r));
	while (from < end && strchr(BLANK, *from))
		from++;
	from += copy_word(r->name, sizeof(r->name), from, end, BLANK ":([<");
	if (from < end && *from == ':') {
		from++;
		from += copy_word(r->arch, sizeof(r->arch), from, end, BLANK "([<");
	}
	while (from < end && strchr(BLANK, *from))
		from++;
	if (from < end && *from == '(') {
		from++;
		while (from < end && strchr(BLANK, *from))
			from++;
		for (size_t n = 0; from < end && n < 2 && strchr("<>=", *from); n++)
			r->op[n] = *from++;
		while (from < end && strchr(BLANK, *from))
			from++;
		(void)copy_word(r->version, sizeof(r->version), from, end, BLANK ")");
	}
	return r->name[0] != '\0';
}

/* The part of @at up to @sep or the end; moves *@at behind it. */
static const char *next_part(const char **at, const char *end, char sep)
{
	const char *from = *at, *stop;

	if (from >= end)
		return NULL;
	stop = memchr(from, sep, (size_t)(end - from));
	*at = stop ? stop + 1 : end;
	return stop ? stop : end;
}

static bool version_fits(const struct relation *r, const char *have)
{
	int c;

	if (!r->op[0])
		return true;
	c = dpkg_version_compare(have, r->version);
	if (strcmp(r->op, "=") == 0)
		return c == 0;
	if (strcmp(r->op, ">>") == 0)
		return c > 0;
	if (strcmp(r->op, "<<") == 0)
		return c < 0;
	/* A lone < or > is the old spelling of <= and >=. */
	return r->op[0] == '<' ? c <= 0 : c >= 0;
}

static int take_provides(struct dpkg *db, size_t pkg, struct err *e)
{
	const char *at = db->pkgs[pkg].provides, *end = at + strlen(at), *from, *stop;

	while (from = at, (stop = next_part(&at, end, ','))) {
		struct dpkg_provide *slot;
		struct relation r;

		if (!relation_parse(from, stop, &r))
			continue;
		slot = arena_push(&db->strings, &db->provides, &db->provide_count, sizeof(*slot));
		if (slot) {
			slot->name = arena_strdup(&db->strings, r.name);
			slot->version = arena_strdup(&db->strings, r.version);
			slot->pkg = pkg;
		}
		if (!slot || !slot->name || !slot->version)
			return err_set(e, ERR_SYSTEM, ENOMEM, "package database: out of memory");
	}
	return 0;
}

static int by_provided_name(const void *a, const void *b)
{
	const struct dpkg_provide *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->pkg > y->pkg) - (x->pkg < y->pkg);
}

int dpkg_parse(struct dpkg *db, const char *text, size_t len, struct err *e)
{
	const char *end, *copy;
	int r;

	if (memchr(text, '\0', len))
		return err_set(e, ERR_INPUT, EINVAL, "package database: not a text file");
	copy = arena_strndup(&db->strings, text, len);
	if (!copy)
		return err_set(e, ERR_SYSTEM, ENOMEM, "package database: out of memory");
	for (text = copy, end = copy + len; text < end;) {
		const char *stop;

		if (*text == '\n') {
			text++;
			continue;
		}
		stop = strstr(text, "\n\n");
		stop = stop ? stop + 1 : end;
		r = take_paragraph(db, text, stop, e);
		if (r < 0)
			return r;
		text = stop;
	}
	if (db->count)
		qsort(db->pkgs, db->count, sizeof(*db->pkgs), by_name);
	db->native = "";
	for (size_t i = 0; i < db->count; i++) {
		if (db->pkgs[i].installed && strcmp(db->pkgs[i].name, "dpkg") == 0)
			db->native = db->pkgs[i].arch;
		r = db->pkgs[i].installed ? take_provides(db, i, e) : 0;
		if (r < 0)
			return r;
	}
	if (db->provide_count)
		qsort(db->provides, db->provide_count, sizeof(*db->provides), by_provided_name);
	return 0;
}

/* ---- looking up ---- */

/* First index whose name is not below @name. */
static size_t lower_bound(const void *items, size_t count, size_t size, const char *name)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		/* Both kinds of element begin with their name. */
		const char *const *key = (const void *)((const char *)items + mid * size);

		if (strcmp(*key, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

_Static_assert(offsetof(struct dpkg_pkg, name) == 0 && offsetof(struct dpkg_provide, name) == 0, "lower_bound reads the first member");

static bool arch_fits(const struct dpkg_pkg *p, const char *arch)
{
	return !arch[0] || strcmp(arch, "any") == 0 || strcmp(p->arch, arch) == 0 || strcmp(p->arch, "all") == 0;
}

/* The installed package that satisfies @r by its own name or by what it provides; one already marked is preferred. */
static struct dpkg_pkg *satisfier(const struct dpkg *db, const struct relation *r, const char *prefer_arch)
{
	struct dpkg_pkg *best = NULL;

	for (size_t i = lower_bound(db->pkgs, db->count, sizeof(*db->pkgs), r->name);
	     i < db->count && strcmp(db->pkgs[i].name, r->name) == 0; i++) {
		struct dpkg_pkg *p = &db->pkgs[i];

		if (!p->installed || !arch_fits(p, r->arch) || !version_fits(r, p->version))
			continue;
		/* libc6 of one's own architecture, not of a foreign one that happens to sort first. */
		if (!best || (strcmp(best->arch, prefer_arch) != 0 && strcmp(p->arch, prefer_arch) == 0))
			best = p;
	}
	if (best)
		return best;
	for (size_t i = lower_bound(db->provides, db->provide_count, sizeof(*db->provides), r->name);
	     i < db->provide_count && strcmp(db->provides[i].name, r->name) == 0; i++) {
		struct dpkg_pkg *p = &db->pkgs[db->provides[i].pkg];

		if (r->op[0] && (!db->provides[i].version[0] || !version_fits(r, db->provides[i].version)))
			continue;
		if (!best || (!best->wanted && p->wanted))
			best = p;
	}
	return best;
}

struct dpkg_pkg *dpkg_find(const struct dpkg *db, const char *name)
{
	struct relation r;

	if (!relation_parse(name, name + strlen(name), &r) || r.op[0])
		return NULL;
	for (size_t i = lower_bound(db->pkgs, db->count, sizeof(*db->pkgs), r.name); i < db->count && strcmp(db->pkgs[i].name, r.name) == 0;
	     i++)
		if (db->pkgs[i].installed && arch_fits(&db->pkgs[i], r.arch))
			return &db->pkgs[i];
	return NULL;
}

int dpkg_want(struct dpkg *db, const char *name, struct err *e)
{
	struct dpkg_pkg *p = dpkg_find(db, name);

	if (!p) {
		(void)err_set(e, ERR_MISSING, ENOENT, "package '%s' is not installed on this host", name);
		return err_hint(e, "apt-get install %s", name);
	}
	p->wanted = true;
	return 0;
}

size_t dpkg_want_essential(struct dpkg *db)
{
	size_t n = 0;

	for (size_t i = 0; i < db->count; i++) {
		if (!db->pkgs[i].installed || !db->pkgs[i].essential)
			continue;
		db->pkgs[i].wanted = true;
		n++;
	}
	return n;
}

/* ---- closure ---- */

/* Marks one alternative of "a | b | c": a marked one if there is, else the first that is installed. False when none is. */
static bool want_one_of(struct dpkg *db, const char *from, const char *end, const char *arch, bool *changed)
{
	struct dpkg_pkg *first = NULL;
	const char *at = from, *stop;

	while (from = at, (stop = next_part(&at, end, '|'))) {
		struct relation r;
		struct dpkg_pkg *p = relation_parse(from, stop, &r) ? satisfier(db, &r, arch) : NULL;

		if (p && p->wanted)
			return true;
		if (!first)
			first = p;
	}
	if (!first)
		return false;
	first->wanted = true;
	*changed = true;
	return true;
}

static int want_all_of(struct dpkg *db, const struct dpkg_pkg *p, const char *relations, bool *changed)
{
	const char *arch = strcmp(p->arch, "all") == 0 ? db->native : p->arch;
	const char *at = relations, *end = at + strlen(at), *from, *stop;

	while (from = at, (stop = next_part(&at, end, ','))) {
		struct dpkg_gap *gap;

		while (from < stop && strchr(BLANK, *from))
			from++;
		if (from == stop || want_one_of(db, from, stop, arch, changed))
			continue;
		gap = arena_push(&db->strings, &db->gaps, &db->gap_count, sizeof(*gap));
		if (!gap)
			return -ENOMEM;
		gap->pkg = p->name;
		gap->relation = arena_strndup(&db->strings, from, (size_t)(stop - from));
		if (!gap->relation)
			return -ENOMEM;
	}
	return 0;
}

int dpkg_close(struct dpkg *db, struct err *e)
{
	autofree bool *seen = calloc(db->count ? db->count : 1, sizeof(*seen));
	bool changed = true;

	if (!seen)
		return err_set(e, ERR_SYSTEM, ENOMEM, "package database: out of memory");
	/* Each package is expanded once; the passes end because every further one expands at least one more. */
	while (changed) {
		changed = false;
		for (size_t i = 0; i < db->count; i++) {
			const struct dpkg_pkg *p = &db->pkgs[i];

			if (!p->wanted || seen[i])
				continue;
			seen[i] = true;
			if (want_all_of(db, p, p->pre_depends, &changed) < 0 || want_all_of(db, p, p->depends, &changed) < 0)
				return err_set(e, ERR_SYSTEM, ENOMEM, "package database: out of memory");
		}
	}
	return 0;
}

void dpkg_write_status(const struct dpkg *db, struct buf *out)
{
	for (size_t i = 0; i < db->count; i++) {
		if (!db->pkgs[i].wanted)
			continue;
		buf_add(out, db->pkgs[i].text, db->pkgs[i].text_len);
		if (out->len && out->data[out->len - 1] != '\n')
			buf_putc(out, '\n');
		buf_putc(out, '\n');
	}
}

const char *dpkg_info_name(const struct dpkg_pkg *p, char out[256])
{
	(void)snprintf(out, 256, "%s%s%s", p->name, p->multi_same ? ":" : "", p->multi_same ? p->arch : "");
	return out;
}

/* ---- versions ---- */

/* Order of a byte in the non-digit parts: tilde before the end before letters before the rest. */
static int order(char c)
{
	if (c == '~')
		return -1;
	if (!c || isdigit((unsigned char)c))
		return 0;
	return isalpha((unsigned char)c) ? (unsigned char)c : (unsigned char)c + 256;
}

static int compare_part(const char *a, const char *a_end, const char *b, const char *b_end)
{
	while (a < a_end || b < b_end) {
		int first = 0;

		while ((a < a_end && !isdigit((unsigned char)*a)) || (b < b_end && !isdigit((unsigned char)*b))) {
			int x = order(a < a_end ? *a : '\0'), y = order(b < b_end ? *b : '\0');

			if (x != y)
				return x - y;
			a += a < a_end;
			b += b < b_end;
		}
		while (a < a_end && *a == '0')
			a++;
		while (b < b_end && *b == '0')
			b++;
		while (a < a_end && b < b_end && isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			if (!first)
				first = *a - *b;
			a++;
			b++;
		}
		if (a < a_end && isdigit((unsigned char)*a))
			return 1;
		if (b < b_end && isdigit((unsigned char)*b))
			return -1;
		if (first)
			return first;
	}
	return 0;
}

/* Where the epoch ends (0 when there is none): everything before the first colon. */
static size_t epoch_len(const char *v)
{
	const char *colon = strchr(v, ':');

	return colon ? (size_t)(colon - v) : 0;
}

int dpkg_version_compare(const char *a, const char *b)
{
	size_t ea = epoch_len(a), eb = epoch_len(b);
	const char *ua = ea ? a + ea + 1 : a, *ub = eb ? b + eb + 1 : b;
	const char *ra = strrchr(ua, '-'), *rb = strrchr(ub, '-');
	const char *ua_end = ra ? ra : ua + strlen(ua), *ub_end = rb ? rb : ub + strlen(ub);
	const char *rev_a = ra ? ra + 1 : ua_end, *rev_b = rb ? rb + 1 : ub_end; /* no revision: the empty text at the end */
	int r = compare_part(a, a + ea, b, b + eb);

	if (r == 0)
		r = compare_part(ua, ua_end, ub, ub_end);
	return r ? r : compare_part(rev_a, rev_a + strlen(rev_a), rev_b, rev_b + strlen(rev_b));
}
