/* alternatives.c - see alternatives.h. */
#include "image/alternatives.h"

#include "base/parse.h"

#include <errno.h>
#include <string.h>

#define SLAVES_MAX 256u

struct slave {
	const char *name, *link;
};

struct note {
	const char *mode, *link;
	struct slave slaves[SLAVES_MAX];
	size_t slave_count;
};

struct candidate {
	const char *path;
	int64_t priority;
	const char *priority_text;
	const char *files[SLAVES_MAX];
};

/* Cuts the next line off; NULL at the end. */
static char *next_line(char **at)
{
	char *line = *at, *newline;

	if (!*line)
		return NULL;
	newline = strchr(line, '\n');
	if (newline)
		*newline = '\0';
	*at = newline ? newline + 1 : line + strlen(line);
	return line;
}

static int read_head(struct note *n, char **at)
{
	const char *line;

	n->mode = next_line(at);
	n->link = next_line(at);
	if (!n->link || n->link[0] != '/')
		return -EINVAL;
	while ((line = next_line(at)) && *line) {
		if (n->slave_count == SLAVES_MAX)
			return -EINVAL;
		n->slaves[n->slave_count].name = line;
		n->slaves[n->slave_count].link = next_line(at);
		if (strchr(line, '/') || !n->slaves[n->slave_count].link || n->slaves[n->slave_count].link[0] != '/')
			return -EINVAL;
		n->slave_count++;
	}
	return 0;
}

/* 1 = one candidate, 0 = the end. */
static int read_candidate(const struct note *n, char **at, struct candidate *c)
{
	c->path = next_line(at);
	if (!c->path || !*c->path)
		return 0;
	c->priority_text = next_line(at);
	if (!c->priority_text || parse_i64(c->priority_text, &c->priority) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n->slave_count; i++) {
		c->files[i] = next_line(at);
		if (!c->files[i])
			return -EINVAL;
	}
	return 1;
}

static void write_head(const struct note *n, bool manual, struct buf *out)
{
	buf_printf(out, "%s\n%s\n", manual ? "manual" : "auto", n->link);
	for (size_t i = 0; i < n->slave_count; i++)
		buf_printf(out, "%s\n%s\n", n->slaves[i].name, n->slaves[i].link);
	buf_putc(out, '\n');
}

static void write_candidate(const struct note *n, const struct candidate *c, struct buf *out)
{
	buf_printf(out, "%s\n%s\n", c->path, c->priority_text);
	for (size_t i = 0; i < n->slave_count; i++)
		buf_printf(out, "%s\n", c->files[i]);
}

static int make_links(const struct alternatives_ops *ops, const struct note *n, const char *name, const struct candidate *c)
{
	int r = ops->link(ops->data, n->link, name, c->path);

	for (size_t i = 0; i < n->slave_count && r == 0; i++)
		if (c->files[i][0] && ops->exists(ops->data, c->files[i]))
			r = ops->link(ops->data, n->slaves[i].link, n->slaves[i].name, c->files[i]);
	return r;
}

int alternatives_reduce(const struct alternatives_ops *ops, const char *name, char *text, const char *current, struct buf *out)
{
	autodone(buf_done) struct buf kept = BUF_INIT;
	struct note n = {0};
	struct candidate c, best = {0};
	bool manual = false;
	char *at = text;
	int r = read_head(&n, &at);

	if (r < 0)
		return r;
	while ((r = read_candidate(&n, &at, &c)) > 0) {
		if (!ops->exists(ops->data, c.path))
			continue;
		write_candidate(&n, &c, &kept);
		if (manual)
			continue;
		manual = strcmp(n.mode, "manual") == 0 && strcmp(c.path, current) == 0;
		if (manual || !best.path || c.priority > best.priority)
			best = c;
	}
	if (r < 0 || !best.path)
		return r;
	write_head(&n, manual, out);
	buf_add(out, kept.data, kept.len);
	buf_putc(out, '\n');
	if (buf_failed(out) || buf_failed(&kept))
		return -ENOMEM;
	r = make_links(ops, &n, name, &best);
	return r < 0 ? r : 1;
}
