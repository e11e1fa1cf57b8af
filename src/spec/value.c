/* value.c - one config value checked; see value.h. */
#include "spec/value.h"

#include "base/parse.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define ARGV_MAX 1024

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int value_bad(struct err *e, int r, const char *what)
{
	if (r == -ERANGE)
		return err_set(e, ERR_INPUT, ERANGE, "out of range");
	return err_set(e, ERR_INPUT, -r, "not %s", what);
}

int value_oom(struct err *e)
{
	return err_sys(e, ENOMEM, "cannot keep the value");
}

int value_bool(const char *v, bool unset, bool *ret, struct err *e)
{
	int r;

	if (!*v) {
		*ret = unset;
		return 0;
	}
	r = parse_bool(v, ret);
	return r < 0 ? value_bad(e, r, "a yes or no") : 0;
}

int value_u64(const char *v, uint64_t min, uint64_t max, uint64_t unset, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	int r;

	if (!*v) {
		*ret = unset;
		return 0;
	}
	r = parse_u64(v, &n);
	if (r == 0 && (n < min || n > max))
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a whole number");
	*ret = n;
	return 0;
}

int value_u32(const char *v, uint32_t min, uint32_t max, uint32_t unset, uint32_t *ret, struct err *e)
{
	uint64_t n = 0;
	int r = value_u64(v, min, max, unset, &n, e);

	if (r == 0)
		*ret = (uint32_t)n;
	return r;
}

int value_size(const char *v, uint64_t min, uint64_t max, uint64_t unset, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	int r;

	if (!*v) {
		*ret = unset;
		return 0;
	}
	r = parse_size(v, &n);
	if (r == 0 && (n < min || n > max))
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a size");
	*ret = n;
	return 0;
}

int value_signal(const char *v, int *ret, struct err *e)
{
	int r;

	if (!*v) {
		*ret = 0;
		return 0;
	}
	r = parse_signal(v, ret);
	return r < 0 ? value_bad(e, r, "a signal") : 0;
}

int value_duration_ms(const char *v, uint64_t unset, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	int r;

	if (!*v) {
		*ret = unset;
		return 0;
	}
	r = parse_duration_ms(v, &n);
	/* A hundred years: everything beyond is a slip, and sums with a clock stay far from overflow. */
	if (r == 0 && n > UINT64_C(3155760000000))
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a time");
	*ret = n;
	return 0;
}

const char *value_word(const char **at, size_t *len)
{
	const char *p = *at, *start;

	while (is_blank(*p))
		p++;
	start = p;
	while (*p && !is_blank(*p))
		p++;
	*at = p;
	*len = (size_t)(p - start);
	return p == start ? NULL : start;
}

bool value_is(const char *w, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(w, word, len) == 0;
}

bool value_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

bool value_copy(const char *w, size_t len, char *out, size_t size)
{
	if (len >= size)
		return false;
	memcpy(out, w, len);
	out[len] = '\0';
	return true;
}

int value_unknown(struct err *e, const char *what, const char *word, const char *const *known, size_t count)
{
	const char *near = parse_closest(word, known, count);
	char safe[64];

	format_safe(word, safe, sizeof(safe));
	if (near)
		return err_set(e, ERR_INPUT, EINVAL, "unknown %s '%s', did you mean '%s'?", what, safe, near);
	return err_set(e, ERR_INPUT, EINVAL, "unknown %s '%s'", what, safe);
}

bool value_printable(const char *v)
{
	for (; *v; v++)
		if (((unsigned char)*v < 0x20 && *v != '\t') || *v == 0x7f)
			return false;
	return true;
}

/* Reads one shell word at *@at to @out and ends it; gives where the next may go, NULL when a quote is not closed. Never writes more than it
 * reads and one byte, and words are apart by a blank, so a buffer as long as the line holds all of them. */
static char *shell_word(const char **at, char *out)
{
	const char *p = *at;
	char quote = '\0';

	for (; *p && (quote || !is_blank(*p)); p++) {
		if (quote == '\0' && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (quote && *p == quote) {
			quote = '\0';
		} else if (*p == '\\' && p[1] && (quote == '\0' || (quote == '"' && (p[1] == '"' || p[1] == '\\')))) {
			*out++ = *++p;
		} else {
			*out++ = *p;
		}
	}
	*out++ = '\0';
	*at = p;
	return quote ? NULL : out;
}

int value_argv(struct arena *a, const char *v, const char ***ret, size_t *ret_count, struct err *e)
{
	const char **argv = NULL;
	size_t count = 0;
	char *room = arena_alloc(a, strlen(v) + 1);

	if (!room)
		return value_oom(e);
	for (;;) {
		const char **slot;

		while (is_blank(*v))
			v++;
		if (!*v)
			break;
		if (count >= ARGV_MAX)
			return err_set(e, ERR_INPUT, E2BIG, "more than %d words", ARGV_MAX);
		slot = arena_push(a, &argv, &count, sizeof(*argv));
		if (!slot)
			return value_oom(e);
		*slot = room;
		room = shell_word(&v, room);
		if (!room)
			return err_set(e, ERR_INPUT, EINVAL, "a quote is not closed");
	}
	if (count > 0 && !argv[0][0])
		return err_set(e, ERR_INPUT, EINVAL, "the program has no name");
	if (count > 0) {
		size_t with_end = count;

		if (!arena_push(a, &argv, &with_end, sizeof(*argv))) /* the zeroed element ends the vector */
			return value_oom(e);
	}
	*ret = argv;
	*ret_count = count;
	return 0;
}

int value_path(struct arena *a, const char *v, bool absolute, const char **ret, struct err *e)
{
	char *out, *p;

	if (absolute && *v != '/')
		return err_set(e, ERR_INPUT, EINVAL, "not an absolute path");
	if (strlen(v) >= PATH_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "longer than %d bytes", PATH_MAX - 1);
	if (!value_printable(v))
		return err_set(e, ERR_INPUT, EINVAL, "holds control characters");
	out = p = arena_alloc(a, strlen(v) + 2);
	if (!out)
		return value_oom(e);
	if (*v == '/')
		*p++ = '/';
	for (;;) {
		size_t len;

		v += strspn(v, "/");
		len = strcspn(v, "/");
		if (len == 0)
			break;
		if (len == 2 && memcmp(v, "..", 2) == 0)
			return err_set(e, ERR_INPUT, EINVAL, "'..' is not allowed in a path");
		if (!(len == 1 && *v == '.')) {
			if (p > out && p[-1] != '/')
				*p++ = '/';
			memcpy(p, v, len);
			p += len;
		}
		v += len;
	}
	*p = '\0';
	*ret = out;
	return 0;
}
