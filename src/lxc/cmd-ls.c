/* cmd-ls.c - lxc-ls: names, or a table. Everything about all containers comes from one operation of the engine; nothing is asked of them one by one.
 *
 * Containers within running containers (--nesting) are listed by the lxc-ls that is installed there; its rows are taken over. */
#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/figures.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS_MAX 64

enum { OPT_LINE = '1', OPT_FANCY = 'f', OPT_COLUMNS = 'F', OPT_GROUPS = 'g', OPT_ACTIVE = 1100, OPT_RUNNING, OPT_FROZEN, OPT_STOPPED, OPT_DEFINED, OPT_NESTING, OPT_FILTER };

static const struct lxc_opt opts[] = {
	{OPT_LINE, "line", NULL, "one name a line", NULL},
	{OPT_FANCY, "fancy", NULL, "a table", NULL},
	{OPT_COLUMNS, "fancy-format", "LIST", "columns of the table: NAME, STATE, PID, RAM, SWAP, AUTOSTART, GROUPS, INTERFACE, IPV4, IPV6, UNPRIVILEGED", NULL},
	{OPT_ACTIVE, "active", NULL, "only those that run or are frozen", NULL},
	{OPT_RUNNING, "running", NULL, "only those that run or are frozen", NULL},
	{OPT_FROZEN, "frozen", NULL, "only frozen ones", NULL},
	{OPT_STOPPED, "stopped", NULL, "only stopped ones", NULL},
	{OPT_DEFINED, "defined", NULL, "only those with a config", NULL},
	{OPT_NESTING, "nesting", "[NUM]", "containers within running containers too, NUM levels deep (5)", NULL},
	{OPT_FILTER, "filter", "REGEX", "only names that match; words do the same, one of several is enough", NULL},
	{OPT_GROUPS, "groups", "LIST", "only those that are in all of these groups, again for more", NULL},
};

enum column { COL_NAME, COL_STATE, COL_PID, COL_RAM, COL_SWAP, COL_AUTOSTART, COL_GROUPS, COL_INTERFACE, COL_IPV4, COL_IPV6, COL_UNPRIVILEGED, COL_COUNT };

static const char *const titles[COL_COUNT] = {"NAME", "STATE", "PID", "RAM", "SWAP", "AUTOSTART", "GROUPS", "INTERFACE", "IPV4", "IPV6", "UNPRIVILEGED"};

struct data {
	bool line, fancy, active, running, frozen, stopped;
	uint32_t nesting; /* levels below ours */
	const char *columns, *filter;
	const char *groups[GROUPS_MAX]; /* each as it was said: a list */
	size_t group_count;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case OPT_NESTING:
		d->nesting = 5;
		if (value && (parse_u32(value, &d->nesting) < 0 || d->nesting > 50))
			return lxc_usage(e, "--nesting: '%s' is no number of levels", value);
		break;
	case OPT_COLUMNS:
		d->columns = value;
		break;
	case OPT_FILTER:
		d->filter = value;
		break;
	case OPT_GROUPS:
		if (d->group_count == GROUPS_MAX)
			return lxc_usage(e, "more than %d -g", GROUPS_MAX);
		d->groups[d->group_count++] = value;
		break;
	default:
		d->line |= id == OPT_LINE;
		d->fancy |= id == OPT_FANCY;
		d->active |= id == OPT_ACTIVE;
		d->running |= id == OPT_RUNNING;
		d->frozen |= id == OPT_FROZEN;
		d->stopped |= id == OPT_STOPPED;
		break;
	}
	return 0;
}

/* ---- which ---- */

/* Is every word of @must among those of @has? */
static bool has_all(const char *has, const char *must)
{
	for (const char *at = must; *at;) {
		size_t len = strcspn(at, ", ");
		bool found = len == 0;

		for (const char *h = has; *h && !found;) {
			size_t n = strcspn(h, ",");

			found = n == len && strncmp(h, at, len) == 0;
			h += n + (h[n] == ',');
		}
		if (!found)
			return false;
		at += len;
		at += strspn(at, ", ");
	}
	return true;
}

static bool is_wanted(const struct data *d, const struct coppice_info *i)
{
	bool runs = i->state == COPPICE_RUNNING || i->state == COPPICE_FROZEN;

	if ((d->running || d->active) && !runs)
		return false;
	if (d->frozen && !d->active && i->state != COPPICE_FROZEN)
		return false;
	if (d->stopped && i->state != COPPICE_STOPPED)
		return false;
	for (size_t k = 0; k < d->group_count; k++)
		if (!has_all(i->groups, d->groups[k]))
			return false;
	return true;
}

/* Words and --filter: a name is shown when one of them matches. */
struct patterns {
	regex_t *list;
	size_t count;
};

static void patterns_done(struct patterns *p)
{
	for (size_t i = 0; i < p->count; i++)
		regfree(&p->list[i]);
	free(p->list);
}

static int patterns_add(struct patterns *p, const char *text, struct err *e)
{
	if (regcomp(&p->list[p->count], text, REG_EXTENDED | REG_NOSUB) != 0)
		return lxc_usage(e, "'%s' is no regular expression", text);
	p->count++;
	return 0;
}

static int patterns_read(const struct lxc *l, struct patterns *p, struct err *e)
{
	const struct data *d = l->data;
	int r = 0;

	p->list = calloc(l->arg_count + 1, sizeof(*p->list));
	if (!p->list)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (d->filter)
		return patterns_add(p, d->filter, e);
	for (size_t i = 0; r == 0 && i < l->arg_count; i++)
		r = patterns_add(p, l->args[i], e);
	return r;
}

static bool patterns_match(const struct patterns *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (regexec(&p->list[i], name, 0, NULL, 0) == 0)
			return true;
	return p->count == 0;
}

/* Drops from the list what is not asked for, in place. Configs that cannot be used are left out as LXC does, but told. */
static size_t choose(const struct lxc *l, struct coppice_info *list, size_t count, const struct patterns *names)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (!patterns_match(names, list[i].name))
			continue;
		if (list[i].state == COPPICE_BROKEN) {
			lxc_say(l, "note: '%s' is not shown, its config cannot be used: %s", list[i].name, list[i].note);
			continue;
		}
		if (!is_wanted(l->data, &list[i]))
			continue;
		if (used != i)
			list[used] = list[i];
		used++;
	}
	return used;
}

/* ---- table ---- */

struct addresses {
	struct buf *out;
	enum column column;
};

static void add_nic(void *data, const char *nic, const char *addresses)
{
	const struct addresses *a = data;
	struct buf *out = a->out;

	if (a->column == COL_INTERFACE) {
		buf_printf(out, "%s%s", out->len ? ", " : "", nic);
		return;
	}
	for (const char *at = addresses; *at && strcmp(nic, "lo") != 0;) {
		size_t len = strcspn(at, ",");

		if ((memchr(at, ':', len) != NULL) == (a->column == COL_IPV6))
			buf_printf(out, "%s%.*s", out->len ? ", " : "", (int)len, at);
		at += len + (at[len] == ',');
	}
}

static void put_groups(const char *groups, struct buf *out)
{
	for (const char *at = groups; *at; at++)
		if (*at == ',')
			buf_puts(out, ", ");
		else
			buf_putc(out, *at);
}

/* What one cell says; nothing for what is not known. */
static void put_cell(const struct coppice_info *i, enum column column, struct buf *out)
{
	switch (column) {
	case COL_NAME:
		buf_puts(out, i->name);
		break;
	case COL_STATE:
		buf_puts(out, lxc_state_name(i->state));
		break;
	case COL_PID:
		if (i->init_pid)
			buf_printf(out, "%d", i->init_pid);
		break;
	case COL_RAM:
	case COL_SWAP:
		if (i->init_pid) {
			uint64_t n = column == COL_RAM ? i->memory : i->swap;

			buf_printf(out, "%.2fMB", n == UINT64_MAX ? 0 : (double)n / (1 << 20));
		}
		break;
	case COL_AUTOSTART:
		buf_puts(out, i->autostart ? "1" : "0");
		break;
	case COL_GROUPS:
		put_groups(i->groups, out);
		break;
	case COL_UNPRIVILEGED:
		buf_puts(out, (i->init_pid ? i->id_first != 0 : !i->privileged) ? "true" : "false");
		break;
	default:
		lxc_each_nic(i->inside, add_nic, &(struct addresses){out, column});
		break;
	}
}

/* ---- rows ---- */

struct table {
	const enum column *columns; /* NAME alone for a list of names */
	size_t column_count;
	bool names;
	struct buf *cells;          /* row by row */
	size_t rows, room;
};

/* Cells of one more row; NULL when out of memory. */
static struct buf *add_row(struct table *t)
{
	if (t->rows == t->room) {
		size_t room = t->room * 2 + 16;
		struct buf *more = realloc(t->cells, room * t->column_count * sizeof(*more));

		if (!more)
			return NULL;
		t->cells = more;
		t->room = room;
	}
	memset(&t->cells[t->rows * t->column_count], 0, t->column_count * sizeof(*t->cells));
	return &t->cells[t->rows++ * t->column_count];
}

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->rows * t->column_count; i++)
		buf_done(&t->cells[i]);
	free(t->cells);
}

static void add_info(struct table *t, const struct coppice_info *i)
{
	struct buf *cells = add_row(t);

	for (size_t k = 0; cells && k < t->column_count; k++) {
		put_cell(i, t->columns[k], &cells[k]);
		if (!cells[k].len)
			buf_putc(&cells[k], '-');
	}
}

/* What the lxc-ls inside prints: into @out, empty when there is none. */
static void ask_inside(struct coppice *c, const char *name, const char *const *argv, struct buf *out)
{
	struct coppice_exec o = {.argv = argv, .tty = 0};
	int ends[2], status = 0;
	struct err ignored = {0};
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);

		if (dup2(null, 0) < 0 || dup2(ends[1], 1) < 0 || dup2(null, 2) < 0)
			_exit(1);
		fd_close(&ends[1]);
		(void)!coppice_exec(c, name, &o, &status, &ignored);
		_exit(status);
	}
	fd_close(&ends[1]);
	if (pid > 0) {
		(void)!fd_read_all(ends[0], out, (size_t)4 << 20);
		(void)waitpid(pid, &status, 0);
		if (status != 0)
			buf_clear(out);
	}
	fd_close(&ends[0]);
}

/* A line of its table: every cell begins where its title does. */
static void add_line(struct table *t, const char *head, const char *line, size_t len)
{
	struct buf *cells = add_row(t);

	for (size_t k = 0; cells && k < t->column_count; k++) {
		const char *title = strstr(head, titles[t->columns[k]]);
		size_t at = title ? (size_t)(title - head) : len, size = at < len ? strcspn(line + at, "\n") : 0;
		const char *next = k + 1 < t->column_count ? strstr(head, titles[t->columns[k + 1]]) : NULL;

		if (next && (size_t)(next - head) - at < size)
			size = (size_t)(next - head) - at;
		while (size && line[at + size - 1] == ' ')
			size--;
		/* a level more: LXC draws a backslash before the name, and moves it to the right */
		if (t->columns[k] == COL_NAME)
			buf_putc(&cells[k], size && (line[at] == ' ' || line[at] == '\\') ? ' ' : '\\');
		buf_add(&cells[k], line + at, size);
	}
}

static void add_nested(struct table *t, struct coppice *c, const char *name, unsigned levels)
{
	char nesting[32], columns[128] = "";
	const char *const by_name[] = {"lxc-ls", "-1", levels > 1 ? nesting : NULL, NULL};
	const char *const by_table[] = {"lxc-ls", "-f", "-F", columns, levels > 1 ? nesting : NULL, NULL};
	autodone(buf_done) struct buf text = BUF_INIT;
	const char *head;

	(void)snprintf(nesting, sizeof(nesting), "--nesting=%u", levels - 1);
	for (size_t k = 0; k < t->column_count; k++)
		(void)snprintf(columns + strlen(columns), sizeof(columns) - strlen(columns), "%s%s", k ? "," : "", titles[t->columns[k]]);
	ask_inside(c, name, t->names ? by_name : by_table, &text);
	head = buf_str(&text);
	for (const char *line = head; *line;) {
		size_t len = strcspn(line, "\n");
		struct buf *cells = t->names ? add_row(t) : NULL;

		if (cells)
			buf_printf(&cells[0], "%s/%.*s", name, (int)len, line);
		else if (!t->names && line != head)
			add_line(t, head, line, len);
		line += len + (line[len] == '\n');
	}
}

/* ---- out ---- */

static unsigned terminal_width(void)
{
	struct winsize ws;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}

static void print_names(const struct table *t, unsigned width)
{
	int longest = 4; /* of the title that the table would have */
	unsigned at = 0;

	for (size_t i = 0; i < t->rows; i++)
		longest = (int)t->cells[i].len > longest ? (int)t->cells[i].len : longest;
	for (size_t i = 0; i < t->rows; i++) {
		if (!width) {
			printf("%s\n", buf_str(&t->cells[i]));
			continue;
		}
		printf("%-*s", longest, buf_str(&t->cells[i]));
		at += (unsigned)longest + 1;
		if (at + (unsigned)longest > width)
			at = 0;
		printf("%c", at ? ' ' : '\n');
	}
	if (at)
		printf("\n");
}

static void print_table(const struct table *t)
{
	size_t n = t->column_count;
	int width[4 * COL_COUNT];

	for (size_t k = 0; k < n; k++) {
		bool amount = t->columns[k] == COL_RAM || t->columns[k] == COL_SWAP;

		width[k] = amount ? (int)strlen("0.00MB") : (int)strlen(titles[t->columns[k]]); /* LXC's room for an amount, also where there is none */
		for (size_t i = k; i < t->rows * n; i += n)
			width[k] = (int)t->cells[i].len > width[k] ? (int)t->cells[i].len : width[k];
		printf("%-*s ", width[k], titles[t->columns[k]]);
	}
	printf("\n");
	for (size_t i = 0; i < t->rows * n; i++) {
		bool amount = (t->columns[i % n] == COL_RAM || t->columns[i % n] == COL_SWAP) && buf_str(&t->cells[i])[0] != '-';

		printf(amount ? "%*s " : "%-*s ", width[i % n], buf_str(&t->cells[i]));
		if (i % n == n - 1)
			printf("\n");
	}
}

/* ---- the command ---- */

static int parse_columns(const char *text, enum column *columns, size_t *ret_count, struct err *e)
{
	size_t count = 0;

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, ", "), k = 0;

		while (len && k < COL_COUNT && !(strlen(titles[k]) == len && strncasecmp(titles[k], at, len) == 0))
			k++;
		if (len && k == COL_COUNT) {
			(void)lxc_usage(e, "-F: there is no column '%.*s'", (int)len, at);
			return err_hint(e, "lxc-ls -f -F NAME,STATE,PID,RAM,SWAP,AUTOSTART,GROUPS,INTERFACE,IPV4,IPV6,UNPRIVILEGED");
		}
		if (len && count < 4 * COL_COUNT)
			columns[count++] = (enum column)k;
		at += len;
		at += strspn(at, ", ");
	}
	*ret_count = count;
	return 0;
}

static unsigned what_for(const enum column *columns, size_t count)
{
	unsigned what = COPPICE_INFO_FROZEN;

	for (size_t i = 0; i < count; i++) {
		if (columns[i] == COL_RAM)
			what |= COPPICE_INFO_USAGE;
		if (columns[i] == COL_SWAP)
			what |= COPPICE_INFO_SWAP;
		if (columns[i] == COL_INTERFACE || columns[i] == COL_IPV4 || columns[i] == COL_IPV6)
			what |= COPPICE_INFO_INSIDE;
	}
	return what;
}

/* Everything under a path that does not exist is nothing: not an error, and no directory is made for it. */
static bool nothing_there(const struct lxc *l)
{
	return access(l->paths[0], F_OK) < 0 && errno == ENOENT;
}

static void print(struct coppice *c, const struct data *d, const enum column *columns, size_t column_count, const struct coppice_info *list, size_t count)
{
	static const enum column name[] = {COL_NAME};
	struct table t = {.columns = column_count ? columns : name, .column_count = column_count ?: 1, .names = column_count == 0};

	for (size_t i = 0; i < count; i++) {
		add_info(&t, &list[i]);
		if (d->nesting && list[i].state == COPPICE_RUNNING)
			add_nested(&t, c, list[i].name, d->nesting);
	}
	if (t.names)
		print_names(&t, d->line ? 0 : terminal_width());
	else if (t.rows)
		print_table(&t);
	table_done(&t);
}

static int run(struct lxc *l, struct err *e)
{
	static const enum column usual[] = {COL_NAME, COL_STATE, COL_AUTOSTART, COL_GROUPS, COL_IPV4, COL_IPV6, COL_UNPRIVILEGED};
	const struct data *d = l->data;
	autodone(patterns_done) struct patterns names = {.list = NULL};
	enum column columns[4 * COL_COUNT];
	struct coppice_info *list = NULL;
	size_t column_count = 0, count = 0;
	struct coppice *c;
	int r = d->columns ? parse_columns(d->columns, columns, &column_count, e) : 0;

	if (r < 0)
		return r;
	if (d->fancy && !d->columns) {
		memcpy(columns, usual, sizeof(usual));
		column_count = ARRAY_LEN(usual);
	}
	if (nothing_there(l))
		return 0;
	r = patterns_read(l, &names, e);
	if (r == 0)
		r = lxc_engine(l, NULL, &c, e);
	if (r == 0)
		r = coppice_list(c, d->fancy ? what_for(columns, column_count) : COPPICE_INFO_FROZEN, &list, &count, e);
	if (r == 0) {
		count = choose(l, list, count, &names);
		print(c, d, columns, d->fancy ? column_count : 0, list, count);
		free(list);
	}
	return r;
}

const struct lxc_cmd lxc_cmd_ls = {.program = "lxc-ls",
				   .about = "list containers",
				   .synopsis = "[-1|-f] [-F LIST] [--active|--running|--frozen|--stopped] [-g LIST] [--filter=REGEX | REGEX...]",
				   .name = LXC_NAME_NONE,
				   .opts = opts,
				   .opt_count = ARRAY_LEN(opts),
				   .data_size = sizeof(struct data),
				   .option = option,
				   .exits = "0 also when nothing is found",
				   .run = run};
