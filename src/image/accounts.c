/* accounts.c - see accounts.h. */
#include "image/accounts.h"

#include "base/fd.h"
#include "base/parse.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX (1u << 20)
#define PEOPLE_FIRST 1000u
#define NOBODY 65534u
#define SERVICES_FIRST 100u

static bool in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool accounts_mentions(const char *text, const char *word, size_t len)
{
	if (len == 0)
		return false;
	for (const char *at = text; (at = strchr(at, word[0])); at++)
		if (strncmp(at, word, len) == 0 && (at == text || !in_name(at[-1])) && !in_name(at[len]))
			return true;
	return false;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* All the text that can create accounts, in one buffer. */
static int collect(int tree, const char *path, const char *suffix, struct buf *out, struct err *e)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	autoclose int dir = tree_open_dir(tree, path);
	int r = dir == -ENOENT ? 0 : dir < 0 ? dir : tree_list(dir, &names);

	for (size_t i = 0; i < names.count && r == 0; i++) {
		if (!ends_with(names.names[i], suffix))
			continue;
		r = tree_read(dir, names.names[i], out, FILE_MAX);
		if (r == -EFBIG || r == -EINVAL || r == -ELOOP)
			r = 0;
		buf_putc(out, '\n');
	}
	return r < 0 ? err_sys(e, r, "read '%s'", path) : 0;
}

/* NAME:x:ID:...: is there a reason for this account to be in the base? */
static bool stays(const char *line, size_t len, const char *creators)
{
	const char *end = line + len, *id = memchr(line, ':', len), *stop;
	char number[16];
	uint32_t n;

	id = id ? memchr(id + 1, ':', (size_t)(end - id - 1)) : NULL;
	if (!id)
		return true;
	stop = memchr(id + 1, ':', (size_t)(end - id - 1));
	(void)snprintf(number, sizeof(number), "%.*s", (int)((stop ? stop : end) - id - 1), id + 1);
	if (parse_u32(number, &n) < 0 || n < SERVICES_FIRST || n >= NOBODY)
		return true;
	return n < PEOPLE_FIRST && accounts_mentions(creators, line, strcspn(line, ":"));
}

static bool is_listed(const char *names, const char *line)
{
	size_t len = strcspn(line, ":\n");

	for (const char *n = names; *n; n += strcspn(n, "\n") + 1)
		if (strcspn(n, "\n") == len && strncmp(n, line, len) == 0)
			return true;
	return false;
}

/* Rewrites one file. With @gone_in NULL accounts are judged, and those that go are added to @gone_out, a name a line; else those in
 * @gone_in go. */
static int trim(int tree, const char *path, const char *creators, const struct buf *gone_in, struct buf *gone_out, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	int r = tree_read(tree, path, &text, FILE_MAX);

	if (r < 0)
		return r == -ENOENT ? 0 : err_sys(e, r, "read '%s'", path);
	for (const char *line = buf_str(&text), *next; *line; line = next) {
		size_t len = strcspn(line, "\n");

		next = line + len + (line[len] == '\n');
		if (gone_in ? !is_listed(buf_str(gone_in), line) : stays(line, len, creators))
			buf_add(&out, line, (size_t)(next - line));
		else if (gone_out)
			buf_printf(gone_out, "%.*s\n", (int)strcspn(line, ":\n"), line);
	}
	if (buf_failed(&out) || (gone_out && buf_failed(gone_out)))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	r = out.len == text.len ? 0 : tree_write(tree, path, buf_str(&out), out.len, 0644);
	return r < 0 ? err_sys(e, r, "write '%s'", path) : 0;
}

int accounts_trim(int tree, const char *info, struct err *e)
{
	autodone(buf_done) struct buf creators = BUF_INIT, users = BUF_INIT, groups = BUF_INIT;
	int r = collect(tree, info, ".postinst", &creators, e) ?: collect(tree, info, ".preinst", &creators, e) ?:
		collect(tree, "usr/lib/sysusers.d", ".conf", &creators, e);

	if (r == 0 && buf_failed(&creators))
		r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (r == 0)
		r = trim(tree, "etc/passwd", buf_str(&creators), NULL, &users, e);
	if (r == 0)
		r = trim(tree, "etc/group", buf_str(&creators), NULL, &groups, e);
	if (r == 0)
		r = trim(tree, "etc/shadow", NULL, &users, NULL, e);
	return r ? r : trim(tree, "etc/gshadow", NULL, &groups, NULL, e);
}
