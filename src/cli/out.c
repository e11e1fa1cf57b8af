/* out.c - one pass that makes the texts and measures them, one that writes them. */
#include "cli/out.h"

#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/jout.h"
#include "cli/near.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- choosing columns ---- */

/* A column by its key, or by its heading in any case: "private_bytes" and "private" are the same. */
static int find_column(const struct view *view, const char *key, size_t len)
{
	for (size_t i = 0; i < view->count; i++)
		if (strlen(view->columns[i].key) == len && memcmp(view->columns[i].key, key, len) == 0)
			return (int)i;
	for (size_t i = 0; i < view->count; i++)
		if (strlen(view->columns[i].title) == len && strncasecmp(view->columns[i].title, key, len) == 0)
			return (int)i;
	return -1;
}

static int unknown_column(const struct view *view, const char *key, size_t len, struct err *e)
{
	const char *names[OUT_COLUMNS_MAX], *near;
	autodone(buf_done) struct buf all = BUF_INIT;
	char word[64], shown[64];

	for (size_t i = 0; i < view->count && i < OUT_COLUMNS_MAX; i++) {
		names[i] = view->columns[i].key;
		buf_printf(&all, "%s%s", i ? " " : "", names[i]);
	}
	(void)snprintf(word, sizeof(word), "%.*s", (int)(len < 60 ? len : 60), key);
	format_safe(word, shown, sizeof(shown));
	near = near_word(word, names, view->count);
	if (near)
		(void)err_set(e, ERR_INPUT, EINVAL, "the closest column is '%s'; there are: %s", near, buf_str(&all));
	else
		(void)err_set(e, ERR_INPUT, EINVAL, "the columns are: %s", buf_str(&all));
	return err_what(e, "there is no column '%s'", shown);
}

static void add_column(struct selection *sel, size_t i)
{
	for (size_t k = 0; k < sel->count; k++)
		if (sel->column[k] == i)
			return;
	if (sel->count < OUT_COLUMNS_MAX)
		sel->column[sel->count++] = (unsigned)i;
}

static void add_flagged(const struct view *view, struct selection *sel, unsigned flags)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->columns[i].flags & flags)
			add_column(sel, i);
}

/* "name,state" replaces the default; "+private" anywhere keeps it and adds. */
static int add_named(const struct view *view, struct selection *sel, const char *list, unsigned defaults, struct err *e)
{
	if (strchr(list, '+'))
		add_flagged(view, sel, defaults);
	while (*list) {
		size_t len;
		int i;

		if (*list == ',' || *list == '+') {
			list++;
			continue;
		}
		len = strcspn(list, ",+");
		i = find_column(view, list, len);
		if (i < 0)
			return unknown_column(view, list, len, e);
		add_column(sel, (size_t)i);
		list += len;
	}
	return 0;
}

static void gather_needs(const struct view *view, struct selection *sel, bool json)
{
	if (json && !sel->chosen)
		for (size_t i = 0; i < view->count; i++)
			if (!(view->columns[i].flags & COLUMN_ASK))
				sel->what |= view->columns[i].what;
	for (size_t k = 0; k < sel->count; k++)
		sel->what |= view->columns[sel->column[k]].what;
	if (sel->sort >= 0)
		sel->what |= view->columns[sel->sort].what;
}

int out_select(const struct view *view, const struct args *args, struct selection *ret, struct err *e)
{
	struct selection sel = {.sort = -1};
	const char *columns = args_text(args, "columns"), *sort = args_text(args, "sort");
	unsigned defaults = COLUMN_TABLE | (args_has(args, "long") ? COLUMN_LONG : 0);
	int r;

	if (columns && *columns) {
		sel.chosen = true;
		r = add_named(view, &sel, columns, defaults, e);
		if (r < 0)
			return r;
	} else {
		add_flagged(view, &sel, defaults);
	}
	if (sort) {
		sel.descending = *sort == '-';
		sort += sel.descending;
		sel.sort = find_column(view, sort, strlen(sort));
		if (sel.sort < 0)
			return unknown_column(view, sort, strlen(sort), e);
	}
	/* The engine is asked for everything that is cheap; what JSON shows beyond the table is. */
	gather_needs(view, &sel, true);
	*ret = sel;
	return 0;
}

void out_select_default(const struct view *view, struct selection *ret)
{
	*ret = (struct selection){.sort = -1};
	add_flagged(view, ret, COLUMN_TABLE);
	gather_needs(view, ret, true);
}

/* ---- sorting ---- */

struct sorting {
	const struct column *column;
	bool descending;
};

static int compare_cells(const struct cell *a, const struct cell *b)
{
	if (a->kind == CELL_NONE || b->kind == CELL_NONE)
		return (a->kind != CELL_NONE) - (b->kind != CELL_NONE);
	if (a->kind == CELL_TEXT || a->kind == CELL_WORDS)
		return strcmp(a->text, b->text);
	if (a->kind == CELL_SIGNED)
		return (a->integer > b->integer) - (a->integer < b->integer);
	return (a->number > b->number) - (a->number < b->number);
}

static int compare_rows(const void *a, const void *b, void *data)
{
	const struct sorting *s = data;
	struct cell ca = {.kind = CELL_NONE}, cb = {.kind = CELL_NONE};
	int r;

	s->column->get(a, &ca);
	s->column->get(b, &cb);
	r = compare_cells(&ca, &cb);
	return s->descending ? -r : r;
}

void out_sort(const struct view *view, const struct selection *sel, void *rows, size_t count, size_t size)
{
	struct sorting s;

	if (sel->sort < 0 || count < 2)
		return;
	s = (struct sorting){&view->columns[sel->sort], sel->descending};
	qsort_r(rows, count, size, compare_rows, &s);
}

/* ---- width ---- */

struct span {
	uint32_t first, last;
};

static bool in_spans(uint32_t c, const struct span *spans, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= spans[i].first && c <= spans[i].last)
			return true;
	return false;
}

/* Terminal cells of a code point: the ranges every terminal agrees on. */
static size_t point_width(uint32_t c)
{
	static const struct span none[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
	static const struct span wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
					   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff},
					   {0x20000, 0x3fffd}};

	if (c < 0x300)
		return 1;
	if (in_spans(c, none, ARRAY_LEN(none)))
		return 0;
	return in_spans(c, wide, ARRAY_LEN(wide)) ? 2 : 1;
}

/* Decodes one code point of text that format_safe() has been over; *len gets its bytes. */
static uint32_t decode(const char *s, size_t *len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			*len = i;
			return '?';
		}
		c = c << 6 | (p[i] & 0x3fu);
	}
	*len = n;
	return c;
}

size_t out_width(const char *s)
{
	size_t width = 0, n;

	while (*s) {
		if ((unsigned char)*s < 0x80) {
			width++;
			s++;
			continue;
		}
		width += point_width(decode(s, &n));
		s += n;
	}
	return width;
}

/* Bytes of @s that fit into @room cells. */
static size_t cut(const char *s, size_t room)
{
	size_t at = 0, used = 0, n;

	while (s[at]) {
		used += point_width(decode(s + at, &n));
		if (used > room)
			break;
		at += n;
	}
	return at;
}

/* ---- one value ---- */

static struct cell get(const struct column *column, const void *row)
{
	struct cell c = {.kind = CELL_NONE};

	column->get(row, &c);
	return c;
}

/* The exact value, as plain and CSV have it; @none stands for unknown. */
static void put_raw(struct buf *b, const struct cell *c, const char *none)
{
	char text[32];

	switch (c->kind) {
	case CELL_TEXT:
	case CELL_WORDS:
		buf_puts(b, c->text);
		return;
	case CELL_NUMBER:
	case CELL_BYTES:
		buf_printf(b, "%llu", (unsigned long long)c->number);
		return;
	case CELL_SIGNED:
		buf_printf(b, "%lld", (long long)c->integer);
		return;
	case CELL_TIME:
		format_time((int64_t)c->number, text);
		buf_puts(b, text);
		return;
	case CELL_BOOL:
		buf_puts(b, c->number ? "true" : "false");
		return;
	case CELL_NONE:
		break;
	}
	buf_puts(b, none);
}

static void put_human(struct buf *b, const struct column *column, const void *row)
{
	struct cell c;
	size_t before = b->len;
	char text[16];

	if (column->show) {
		column->show(row, b);
		if (b->len == before && !(column->flags & COLUMN_BLANK))
			buf_putc(b, '-');
		return;
	}
	c = get(column, row);
	if (c.kind == CELL_BYTES) {
		format_size(c.number, text);
		buf_puts(b, text);
	} else if (c.kind == CELL_BOOL) {
		buf_puts(b, c.number ? "yes" : "no");
	} else {
		put_raw(b, &c, "-");
	}
}

/* Makes what was appended to @b since @from safe for a terminal, in place: every replacement is shorter or equal. */
static void make_safe(struct buf *b, size_t from)
{
	char *text;
	autofree char *copy = NULL;
	size_t len = b->len - from;
	bool plain = true;

	if (buf_failed(b) || len == 0)
		return;
	text = b->data + from;
	for (size_t i = 0; i < len && plain; i++)
		plain = text[i] >= 0x20 && text[i] < 0x7f;
	if (plain)
		return;
	copy = strdup(text);
	if (!copy) {
		b->failed = true;
		return;
	}
	format_safe(copy, text, len + 1);
	b->len = from + strlen(text);
}

void out_safe(struct buf *b, const char *s)
{
	size_t from = b->len;

	buf_puts(b, s);
	make_safe(b, from);
}

/* ---- table ---- */

struct grid {
	struct buf text;   /* NUL-separated cells */
	size_t *at;        /* count * columns offsets into text */
	size_t width[OUT_COLUMNS_MAX];
};

static void grid_done(struct grid *g)
{
	attr_free_ptr(&g->at);
	buf_done(&g->text);
}

static int grid_fill(struct grid *g, const struct out_job *job, bool header)
{
	const struct selection *sel = job->sel;
	const char *row = job->rows;

	g->at = calloc(job->count * sel->count + 1, sizeof(*g->at));
	if (!g->at)
		return -ENOMEM;
	for (size_t k = 0; k < sel->count; k++)
		g->width[k] = header ? out_width(job->view->columns[sel->column[k]].title) : 1;
	for (size_t r = 0; r < job->count; r++, row += job->size)
		for (size_t k = 0; k < sel->count; k++) {
			size_t from = g->text.len, width;

			g->at[r * sel->count + k] = from;
			put_human(&g->text, &job->view->columns[sel->column[k]], row);
			make_safe(&g->text, from);
			buf_add(&g->text, "", 1);
			if (buf_failed(&g->text))
				return -ENOMEM;
			width = out_width(g->text.data + from);
			if (width > g->width[k])
				g->width[k] = width;
		}
	return buf_failed(&g->text) ? -ENOMEM : 0;
}

/* Narrows the last column when the table is wider than the terminal. */
static void grid_fit(struct grid *g, const struct out_job *job, unsigned terminal)
{
	size_t total = 0, last = job->sel->count - 1, floor;

	for (size_t k = 0; k <= last; k++)
		total += g->width[k] + (k ? 2 : 0);
	if (!terminal || total <= terminal || (job->view->columns[job->sel->column[last]].flags & COLUMN_RIGHT))
		return;
	floor = out_width(job->view->columns[job->sel->column[last]].title);
	g->width[last] = g->width[last] > total - terminal + floor ? g->width[last] - (total - terminal) : floor;
}

static enum colour paint(enum colour_of how, const char *text)
{
	static const struct {
		enum colour_of how;
		const char *word;
		enum colour colour;
	} paints[] = {
		{PAINT_STATE, "running", COLOUR_GREEN}, {PAINT_STATE, "frozen", COLOUR_CYAN},	{PAINT_STATE, "broken", COLOUR_RED},
		{PAINT_STATE, "stopped", COLOUR_DIM},	{PAINT_STATE, "starting", COLOUR_YELLOW}, {PAINT_STATE, "stopping", COLOUR_YELLOW},
		{PAINT_LEVEL, "ok", COLOUR_GREEN},	{PAINT_LEVEL, "warn", COLOUR_YELLOW},	{PAINT_LEVEL, "FAIL", COLOUR_RED},
	};

	if (how == PAINT_NAME)
		return COLOUR_BOLD;
	for (size_t i = 0; i < ARRAY_LEN(paints); i++)
		if (paints[i].how == how && strcmp(paints[i].word, text) == 0)
			return paints[i].colour;
	return COLOUR_OFF;
}

static void pad(struct buf *b, size_t n)
{
	static const char blanks[] = "                                ";

	for (; n > sizeof(blanks) - 1; n -= sizeof(blanks) - 1)
		buf_add(b, blanks, sizeof(blanks) - 1);
	buf_add(b, blanks, n);
}

/* One cell. The last of a line gets no blanks behind it. */
static void put_cell(struct buf *b, const char *text, size_t width, bool right, bool last, const char *on, const char *off)
{
	size_t have = out_width(text);

	if (right && have < width)
		pad(b, width - have);
	buf_puts(b, on);
	if (have > width) {
		buf_add(b, text, cut(text, width - 1));
		buf_puts(b, "…");
		have = width;
	} else {
		buf_puts(b, text);
	}
	buf_puts(b, off);
	if (!last)
		pad(b, (right || have >= width ? 0 : width - have) + 2);
}

/* A line whose last cells are empty ends where the text ends. */
static void end_line(struct buf *b)
{
	while (!buf_failed(b) && b->len && b->data[b->len - 1] == ' ')
		b->len--;
	buf_putc(b, '\n');
}

static void put_table(struct cli *cli, const struct out_job *job)
{
	autodone(grid_done) struct grid g = {.text = BUF_INIT};
	const struct selection *sel = job->sel;
	const struct column *columns = job->view->columns;
	bool header = !cli->no_header, colour = cli->out_colour;

	if (grid_fill(&g, job, header) < 0) {
		cli->out.failed = true;
		return;
	}
	grid_fit(&g, job, cli_width(cli));
	for (size_t k = 0; header && k < sel->count; k++)
		put_cell(&cli->out, columns[sel->column[k]].title, g.width[k], (columns[sel->column[k]].flags & COLUMN_RIGHT) != 0,
			 k + 1 == sel->count, cli_colour(colour, COLOUR_DIM), cli_colour(colour, COLOUR_OFF));
	if (header)
		end_line(&cli->out);
	for (size_t r = 0; r < job->count; r++) {
		for (size_t k = 0; k < sel->count; k++) {
			const struct column *column = &columns[sel->column[k]];
			const char *text = g.text.data + g.at[r * sel->count + k];
			enum colour c = colour ? paint(column->paint, text) : COLOUR_OFF;

			put_cell(&cli->out, text, g.width[k], (column->flags & COLUMN_RIGHT) != 0, k + 1 == sel->count,
				 cli_colour(c != COLOUR_OFF, c), cli_colour(c != COLOUR_OFF, COLOUR_OFF));
		}
		end_line(&cli->out);
	}
	if (job->footer && header)
		buf_printf(&cli->out, "%s%s%s\n", cli_colour(colour, COLOUR_DIM), job->footer, cli_colour(colour, COLOUR_OFF));
}

/* ---- plain, csv, json ---- */

static void put_plain(struct cli *cli, const struct out_job *job, size_t columns)
{
	const char *row = job->rows;

	for (size_t r = 0; r < job->count; r++, row += job->size) {
		for (size_t k = 0; k < columns; k++) {
			struct cell c = get(&job->view->columns[job->sel->column[k]], row);
			size_t from;

			if (k)
				buf_putc(&cli->out, '\t');
			from = cli->out.len;
			put_raw(&cli->out, &c, "-");
			make_safe(&cli->out, from);
		}
		buf_putc(&cli->out, '\n');
	}
}

void out_csv_field(struct buf *b, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		buf_puts(b, s);
		return;
	}
	buf_putc(b, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_putc(b, '"');
		buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

static void put_csv(struct cli *cli, const struct out_job *job)
{
	autodone(buf_done) struct buf field = BUF_INIT;
	const char *row = job->rows;

	for (size_t k = 0; !cli->no_header && k < job->sel->count; k++)
		buf_printf(&cli->out, "%s%s", job->view->columns[job->sel->column[k]].key, k + 1 == job->sel->count ? "\r\n" : ",");
	for (size_t r = 0; r < job->count; r++, row += job->size)
		for (size_t k = 0; k < job->sel->count; k++) {
			struct cell c = get(&job->view->columns[job->sel->column[k]], row);

			buf_clear(&field);
			put_raw(&field, &c, "");
			out_csv_field(&cli->out, buf_str(&field));
			buf_puts(&cli->out, k + 1 == job->sel->count ? "\r\n" : ",");
		}
}

static void json_cell(struct jout *j, const struct cell *c)
{
	switch (c->kind) {
	case CELL_TEXT:
		jout_text(j, c->text);
		return;
	case CELL_NUMBER:
	case CELL_BYTES:
		jout_u64(j, c->number);
		return;
	case CELL_SIGNED:
		jout_i64(j, c->integer);
		return;
	case CELL_TIME:
		jout_time(j, (int64_t)c->number);
		return;
	case CELL_BOOL:
		jout_bool(j, c->number != 0);
		return;
	case CELL_WORDS:
		jout_words(j, c->text, ", ");
		return;
	case CELL_NONE:
		break;
	}
	jout_null(j);
}

static void json_member(struct jout *j, const struct column *column, const void *row)
{
	struct cell c = get(column, row);

	jout_key(j, column->key);
	json_cell(j, &c);
}

void out_json_row(struct jout *j, const struct view *view, const struct selection *sel, const void *row, const char *schema)
{
	jout_open(j, '{');
	if (schema) {
		jout_key(j, "schema");
		jout_text(j, schema);
	}
	if (sel && sel->chosen) {
		for (size_t k = 0; k < sel->count; k++)
			json_member(j, &view->columns[sel->column[k]], row);
	} else {
		for (size_t i = 0; i < view->count; i++)
			json_member(j, &view->columns[i], row);
	}
	jout_close(j, '}');
}

static void put_json(struct cli *cli, const struct out_job *job)
{
	struct jout j = JOUT_INIT(&cli->out);
	const char *row = job->rows;
	bool lines = cli->format == FORMAT_JSONL;

	if (!lines) {
		jout_open(&j, '{');
		jout_key(&j, "schema");
		jout_text(&j, job->view->schema);
		jout_key(&j, job->view->array);
		jout_open_rows(&j);
	}
	for (size_t r = 0; r < job->count; r++, row += job->size) {
		out_json_row(&j, job->view, job->sel, row, lines ? job->view->schema : NULL);
		if (lines) {
			buf_putc(&cli->out, '\n');
			j.comma = false;
		}
	}
	if (lines)
		return;
	jout_close(&j, ']');
	if (job->totals)
		job->totals(&j, job->totals_data);
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

void out_rows(struct cli *cli, const struct out_job *job)
{
	switch (cli->format) {
	case FORMAT_JSON:
	case FORMAT_JSONL:
		put_json(cli, job);
		return;
	case FORMAT_CSV:
		put_csv(cli, job);
		return;
	case FORMAT_PLAIN:
		put_plain(cli, job, cli->quiet ? 1 : job->sel->count);
		return;
	case FORMAT_TABLE:
	case FORMAT_COUNT:
		break;
	}
	if (cli->quiet)
		put_plain(cli, job, 1);
	else if (job->count > 0 && job->sel->count > 0)
		put_table(cli, job);
}
