/* selector.c - see selector.h for the grammar. */
#include "cli/selector.h"

#include "base/parse.h"
#include "cli/near.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

struct filter {
	const char *key;
	enum term_kind kind;
};

static const struct filter filters[] = {
	{"base", TERM_BASE}, {"status", TERM_STATUS}, {"state", TERM_STATUS}, {"mode", TERM_MODE}, {"tag", TERM_TAG},
};

static bool is_pattern(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

static int bad_key(const char *key, size_t len, struct err *e)
{
	const char *names[ARRAY_LEN(filters)], *near;
	char word[48], shown[48];

	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		names[i] = filters[i].key;
	(void)snprintf(word, sizeof(word), "%.*s", (int)(len < 40 ? len : 40), key);
	near = near_word(word, names, ARRAY_LEN(names));
	format_safe(word, shown, sizeof(shown));
	if (near)
		(void)err_set(e, ERR_INPUT, EINVAL, "the closest is '%s='; there are base=, status=, mode= and tag=", near);
	else
		(void)err_set(e, ERR_INPUT, EINVAL, "there are base=, status=, mode= and tag=");
	return err_what(e, "'%s=' is no filter", shown);
}

/* A state that does not exist would silently choose nothing. */
static int check_status(const char *value, struct err *e)
{
	char shown[64];

	if (is_pattern(value))
		return 0;
	for (int s = 0; s < COPPICE_STATE_COUNT; s++)
		if (strcmp(coppice_state_name((enum coppice_state)s), value) == 0)
			return 0;
	format_safe(value, shown, sizeof(shown));
	(void)err_set(e, ERR_INPUT, EINVAL, "states are stopped, starting, running, frozen, stopping and broken");
	return err_what(e, "there is no state '%s'", shown);
}

static int parse_filter(const char *word, const char *eq, struct term *t, struct err *e)
{
	size_t len = (size_t)(eq - word);

	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		if (strlen(filters[i].key) != len || memcmp(filters[i].key, word, len) != 0)
			continue;
		if (!eq[1]) {
			(void)err_set(e, ERR_INPUT, EINVAL, "a value follows, as in status=running or 'base=deb*'");
			return err_what(e, "the filter '%s' has no value", word);
		}
		*t = (struct term){filters[i].kind, eq + 1};
		/* The verb is pause, the state of the kernel is frozen: both words are in use. */
		if (t->kind == TERM_STATUS && strcmp(t->text, "paused") == 0)
			t->text = "frozen";
		return t->kind == TERM_STATUS ? check_status(t->text, e) : 0;
	}
	return bad_key(word, len, e);
}

static int parse_term(const char *word, struct term *t, struct err *e)
{
	const char *eq = strchr(word, '=');
	char shown[80];

	if (eq)
		return parse_filter(word, eq, t, e);
	*t = (struct term){is_pattern(word) ? TERM_PATTERN : TERM_NAME, word};
	if (t->kind == TERM_PATTERN || parse_is_container(word))
		return 0;
	format_safe(word, shown, sizeof(shown));
	(void)err_set(e, ERR_INPUT, EINVAL, "names have " PARSE_CONTAINER_RULE);
	return err_what(e, "'%s' cannot be the name of a container", shown);
}

static int add_term(struct arena *a, struct selector *s, const char *word, size_t len, struct err *e)
{
	const char *copy = arena_strndup(a, word, len);
	struct term t = {TERM_NAME, NULL}, *slot;
	int r;

	if (!copy)
		return err_sys(e, ENOMEM, "read the selector");
	r = parse_term(copy, &t, e);
	if (r < 0)
		return r;
	/* The same name twice is one target. */
	for (size_t i = 0; i < s->count; i++)
		if (s->terms[i].kind == t.kind && strcmp(s->terms[i].text, t.text) == 0)
			return 0;
	slot = arena_push(a, &s->terms, &s->count, sizeof(*s->terms));
	if (!slot)
		return err_sys(e, ENOMEM, "read the selector");
	*slot = t;
	return 0;
}

int selector_parse(struct arena *a, const char *const *words, size_t count, bool all, struct selector *ret, struct err *e)
{
	struct selector s = {.all = all};
	int r;

	for (size_t i = 0; i < count; i++) {
		const char *p = words[i];

		if (!*p) {
			(void)err_set(e, ERR_INPUT, EINVAL, "an unset shell variable does that");
			return err_what(e, "a selector is empty");
		}
		while (*p) {
			size_t len = strcspn(p, ",");

			r = len ? add_term(a, &s, p, len, e) : 0;
			if (r < 0)
				return r;
			p += len + (p[len] == ',');
		}
	}
	*ret = s;
	return 0;
}

bool selector_is_names(const struct selector *s)
{
	if (s->all || s->count == 0)
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (s->terms[i].kind != TERM_NAME)
			return false;
	return true;
}

bool selector_is_empty(const struct selector *s)
{
	return !s->all && s->count == 0;
}

static bool fits(const char *pattern, const char *text)
{
	return is_pattern(pattern) ? fnmatch(pattern, text, 0) == 0 : strcmp(pattern, text) == 0;
}

bool term_fits_name(const struct term *t, const char *name)
{
	return t->kind == TERM_NAME ? strcmp(t->text, name) == 0 : t->kind == TERM_PATTERN && fits(t->text, name);
}

/* NAME, NAME@VERSION or the beginning of a version. */
static bool fits_base(const char *want, const struct coppice_info *info)
{
	const char *at = strchr(want, '@');
	char name[64];

	if (!at)
		return fits(want, info->base);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(at - want < 63 ? at - want : 63), want);
	if (!fits(name, info->base))
		return false;
	return is_pattern(at + 1) ? fits(at + 1, info->version) : strncmp(at + 1, info->version, strlen(at + 1)) == 0;
}

static bool fits_tag(const char *want, const char *tags)
{
	char tag[128];

	while (*tags) {
		size_t len;

		tags += strspn(tags, ", ");
		len = strcspn(tags, ", ");
		(void)snprintf(tag, sizeof(tag), "%.*s", (int)len, tags);
		if (len && fits(want, tag))
			return true;
		tags += len;
	}
	return false;
}

static bool fits_filter(const struct term *t, const struct coppice_info *info)
{
	switch (t->kind) {
	case TERM_BASE:
		return fits_base(t->text, info);
	case TERM_STATUS:
		return fits(t->text, coppice_state_name(info->state));
	case TERM_MODE:
		return fits(t->text, info->mode);
	case TERM_TAG:
		return fits_tag(t->text, info->tags);
	case TERM_NAME:
	case TERM_PATTERN:
		break;
	}
	return false;
}

bool selector_fits(const struct selector *s, const struct coppice_info *info)
{
	bool named = false, chosen = s->all;

	if (selector_is_empty(s))
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (s->terms[i].kind <= TERM_PATTERN) {
			named = true;
			chosen |= term_fits_name(&s->terms[i], info->name);
		}
	if (named && !chosen)
		return false;
	for (enum term_kind kind = TERM_BASE; kind <= TERM_TAG; kind++) {
		bool asked = false, ok = false;

		for (size_t i = 0; i < s->count; i++)
			if (s->terms[i].kind == kind) {
				asked = true;
				ok |= fits_filter(&s->terms[i], info);
			}
		if (asked && !ok)
			return false;
	}
	return true;
}
