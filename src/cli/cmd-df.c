/* cmd-df.c - what the bases and containers take on disk, and what full copies would have taken. Exact, because a base is one immutable tree. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/out.h"
#include "coppice/coppice.h"

#include <stdio.h>

#define BAR 28u

#define COL(name, expression)                                   \
	static void col_##name(const void *row, struct cell *c) \
	{                                                       \
		const struct coppice_df *d = row;               \
                                                                \
		expression;                                     \
	}

COL(base, cell_text(c, d->base))
COL(version, cell_text(c, d->version))
COL(common, cell_number(c, CELL_BYTES, d->common))
COL(containers, cell_number(c, CELL_NUMBER, d->containers))
COL(private, cell_number(c, CELL_BYTES, d->private_total))
COL(on_disk, cell_number(c, CELL_BYTES, d->on_disk))
COL(copies, cell_number(c, CELL_BYTES, d->full_copies))

/* Bytes that need not be stored. */
static uint64_t saved(const struct coppice_df *d)
{
	return d->full_copies > d->on_disk && d->full_copies != UINT64_MAX ? d->full_copies - d->on_disk : 0;
}

COL(saved, cell_number(c, CELL_BYTES, saved(d)))

static void show_base(const void *row, struct buf *b)
{
	const struct coppice_df *d = row;

	buf_puts(b, d->base[0] ? d->base : "(no base)");
	if (d->version[0])
		buf_printf(b, "@%.8s", d->version);
}

/* Dark: on disk; light: shared, what copies would have cost more. */
static void show_bar(const void *row, struct buf *b)
{
	const struct coppice_df *d = row;
	uint64_t whole = d->full_copies, used;

	if (whole == 0 || whole == UINT64_MAX || saved(d) == 0)
		return;
	used = (uint64_t)((double)d->on_disk / (double)whole * BAR + 0.5);
	for (unsigned i = 0; i < BAR; i++)
		buf_puts(b, i < used ? "█" : "▒");
}

static const struct column columns[] = {
	{.key = "base", .title = "BASE", .flags = COLUMN_TABLE, .get = col_base, .show = show_base, .paint = PAINT_NAME},
	{.key = "version", .title = "VERSION", .get = col_version},
	{.key = "common", .title = "COMMON", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_common},
	{.key = "containers", .title = "CONTAINERS", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_containers},
	{.key = "private", .title = "PRIVATE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_private},
	{.key = "on_disk", .title = "ON DISK", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_on_disk},
	{.key = "full_copies", .title = "AS FULL COPIES", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_copies},
	{.key = "saved", .title = "", .flags = COLUMN_TABLE | COLUMN_BLANK, .get = col_saved, .show = show_bar},
};

static const struct view view = {"coppice.df/1", "bases", columns, ARRAY_LEN(columns)};

struct totals {
	uint64_t on_disk, copies, saved;
	uint64_t containers;
};

/* Unknown figures (UINT64_MAX) count as nothing. */
static uint64_t known(uint64_t n)
{
	return n == UINT64_MAX ? 0 : n;
}

static struct totals sum(const struct coppice_df *rows, size_t count)
{
	struct totals t = {0};

	for (size_t i = 0; i < count; i++) {
		t.on_disk += known(rows[i].on_disk);
		t.copies += known(rows[i].full_copies);
		t.saved += saved(&rows[i]);
		t.containers += rows[i].containers;
	}
	return t;
}

static void json_totals(struct jout *j, const void *data)
{
	const struct totals *t = data;

	jout_key(j, "total");
	jout_open(j, '{');
	jout_key(j, "containers");
	jout_u64(j, t->containers);
	jout_key(j, "on_disk");
	jout_u64(j, t->on_disk);
	jout_key(j, "full_copies");
	jout_u64(j, t->copies);
	jout_key(j, "saved");
	jout_u64(j, t->saved);
	jout_close(j, '}');
}

static void make_footer(const struct totals *t, char *out, size_t size)
{
	char disk[16], share[16];

	format_size(t->on_disk, disk);
	format_size(t->saved, share);
	(void)snprintf(out, size, "total %s on disk for %llu container%s · %s (%u %%) shared", disk, (unsigned long long)t->containers,
		       t->containers == 1 ? "" : "s", share, t->copies ? (unsigned)((double)t->saved / (double)t->copies * 100 + 0.5) : 0);
}

static int run(struct cli *cli, struct args *args)
{
	autofree struct coppice_df *rows = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct totals t;
	struct err e = {0};
	size_t count = 0;
	char footer[160];

	(void)args;
	if (cli_engine(cli, &c, &e) < 0 || coppice_df(c, &rows, &count, &e) < 0)
		return fail(cli, &e);
	t = sum(rows, count);
	make_footer(&t, footer, sizeof(footer));
	out_select_default(&view, &sel);
	out_rows(cli, &(struct out_job){.view = &view,
					.sel = &sel,
					.rows = rows,
					.count = count,
					.size = sizeof(*rows),
					.footer = footer,
					.totals = json_totals,
					.totals_data = &t});
	return CLI_OK;
}

static const struct cmd_example examples[] = {
	{"coppice df", "one line a version of a base that is used"},
	{"coppice df -f json | jq .total.saved", "bytes that sharing saves"},
};

const struct cmd cmd_df = {
	.name = "df",
	.foreign = "du,disk,usage",
	.args = "",
	.help = "show what is shared and what is private on disk",
	.text = "COMMON is the sealed part of a base, stored once. PRIVATE is what its containers hold beside it. AS FULL COPIES is what the same containers would "
		"take if each had a copy of everything.",
	CMD_EXAMPLES(examples),
	.group = GROUP_SEE,
	.topic = TOPIC_NONE,
	.run = run,
};
