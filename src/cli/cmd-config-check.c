/* cmd-config-check.c - a configuration looked at as a whole: everything that is wrong with it, and the names of today for those of yesterday. Both take a container or a
 * file; a word with a slash in it is a file. */
#include "base/arena.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/out.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdlib.h>
#include <string.h>

struct row {
	const char *where, *level, *text, *hint; /* of a check */
	uint64_t line;
	const char *old, *now; /* of an upgrade */
};

struct rows {
	struct arena arena;
	struct row *list;
	size_t count;
	bool failed;
};

static void rows_done(struct rows *r)
{
	arena_done(&r->arena);
}

static const char *keep(struct rows *r, const char *text)
{
	const char *copy = arena_strdup(&r->arena, text);

	r->failed |= !copy;
	return copy;
}

static struct row *add(struct rows *r)
{
	struct row *row = arena_push(&r->arena, &r->list, &r->count, sizeof(*row));

	r->failed |= !row;
	return row;
}

/* The word is a container, for which the engine is opened, or a file, for which it is not needed: *ret_path is NULL or the file. */
static int begin(struct cli *cli, const struct args *args, struct coppice **ret_c, const char **ret_path)
{
	const char *word = args->words[0];
	struct err e = {0};

	*ret_c = NULL;
	*ret_path = strchr(word, '/') ? word : NULL;
	cli->subject = word;
	if (*ret_path)
		return CLI_OK;
	if (!parse_is_container(word))
		return fail_usage(cli, "this cannot be the name of a container", "a file has a slash in it: ./web1.conf");
	return cli_engine(cli, ret_c, &e) < 0 ? fail(cli, &e) : CLI_OK;
}

#define COL(name, member)                                               \
	static void col_##name(const void *row, struct cell *c)         \
	{                                                               \
		cell_text(c, ((const struct row *)row)->member);        \
	}

COL(where, where)
COL(level, level)
COL(text, text)
COL(hint, hint)
COL(old, old)
COL(now, now)

static void col_line(const void *row, struct cell *c)
{
	cell_number(c, CELL_NUMBER, ((const struct row *)row)->line);
}

static void print(struct cli *cli, const struct view *view, const struct rows *r)
{
	struct selection sel;

	out_select_default(view, &sel);
	out_rows(cli, &(struct out_job){.view = view, .sel = &sel, .rows = r->list, .count = r->count, .size = sizeof(*r->list)});
}

/* ---- check ---- */

static const struct column check_columns[] = {
	{.key = "where", .title = "WHERE", .flags = COLUMN_TABLE, .get = col_where},
	{.key = "level", .title = "LEVEL", .flags = COLUMN_TABLE, .get = col_level},
	{.key = "text", .title = "TEXT", .flags = COLUMN_TABLE, .get = col_text},
	{.key = "hint", .title = "HINT", .flags = COLUMN_TABLE | COLUMN_BLANK, .get = col_hint},
};

static const struct view check_view = {"coppice.check/1", "findings", check_columns, ARRAY_LEN(check_columns)};

static void take_finding(void *data, const struct coppice_finding *f)
{
	struct rows *r = data;
	struct row *row = add(r);

	if (row)
		*row = (struct row){.where = keep(r, f->where), .level = f->problem ? "problem" : "note", .text = keep(r, f->text), .hint = keep(r, f->hint)};
}

/* For people each finding is a paragraph: the texts are too long for a table. */
static void print_findings(struct cli *cli, const struct rows *r, const char *word, size_t problems)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct row *f = &r->list[i];
		bool note = strcmp(f->level, "note") == 0;

		out_safe(&cli->out, *f->where ? f->where : word);
		cli_print(cli, ": %s%s%s: ", cli_colour(cli->out_colour, note ? COLOUR_YELLOW : COLOUR_RED), f->level, cli_colour(cli->out_colour, COLOUR_OFF));
		out_safe(&cli->out, f->text);
		cli_print(cli, "\n");
		if (*f->hint) {
			cli_print(cli, "    try: ");
			out_safe(&cli->out, f->hint);
			cli_print(cli, "\n");
		}
	}
	if (problems == 0)
		cli_print(cli, "%s: no problems\n", word);
	else
		cli_print(cli, "%s: %zu problem%s\n", word, problems, problems == 1 ? "" : "s");
}

static int run_check(struct cli *cli, struct args *args)
{
	autodone(rows_done) struct rows rows = {.arena = ARENA_INIT};
	struct coppice *c = NULL;
	const char *path = NULL;
	struct err e = {0};
	size_t problems = 0;
	int code = begin(cli, args, &c, &path);

	if (code)
		return code;
	if (coppice_config_check(c, args->words[0], path, take_finding, &rows, &problems, &e) < 0)
		return path ? fail(cli, &e) : target_fail(cli, c, args->words[0], &e);
	if (rows.failed)
		cli->out.failed = true;
	else if (cli->format == FORMAT_TABLE)
		print_findings(cli, &rows, args->words[0], problems);
	else
		print(cli, &check_view, &rows);
	return problems ? CLI_USAGE : CLI_OK;
}

/* ---- upgrade ---- */

static const struct column upgrade_columns[] = {
	{.key = "line", .title = "LINE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_line},
	{.key = "old", .title = "WAS", .flags = COLUMN_TABLE, .get = col_old},
	{.key = "now", .title = "IS", .flags = COLUMN_TABLE | COLUMN_BLANK, .get = col_now},
};

static const struct view upgrade_view = {"coppice.upgrade/1", "changes", upgrade_columns, ARRAY_LEN(upgrade_columns)};

static void take_change(void *data, unsigned line, const char *old, const char *now)
{
	struct rows *r = data;
	struct row *row = add(r);

	if (row)
		*row = (struct row){.line = line, .old = keep(r, old), .now = keep(r, now)};
}

static int run_upgrade(struct cli *cli, struct args *args)
{
	autodone(rows_done) struct rows rows = {.arena = ARENA_INIT};
	struct coppice *c = NULL;
	const char *path = NULL;
	struct err e = {0};
	size_t changed = 0;
	int code = begin(cli, args, &c, &path);

	if (code)
		return code;
	if (coppice_config_upgrade(c, args->words[0], path, cli->dry_run ? COPPICE_UPGRADE_DRY_RUN : 0, take_change, &rows, &changed, &e) < 0)
		return path ? fail(cli, &e) : target_fail(cli, c, args->words[0], &e);
	if (rows.failed)
		cli->out.failed = true;
	else
		print(cli, &upgrade_view, &rows);
	if (changed == 0)
		cli_note(cli, "no line of it is old, nothing is changed");
	else if (cli->dry_run)
		cli_note(cli, "nothing is changed yet");
	else if (path)
		cli_note(cli, "the text as it was is in %s.backup", path);
	else
		cli_note(cli, "the text as it was is in config.backup of the container's directory");
	return CLI_OK;
}

/* ---- table ---- */

static const struct cmd_example check_examples[] = {
	{"coppice config check web1", "everything that is wrong, not only the first of it"},
	{"coppice config check /etc/lxc/default.conf -f json", "a file, for a program"},
};
static const struct cmd_example upgrade_examples[] = {
	{"coppice config upgrade ./old.conf --dry-run", "what would be changed"},
	{"coppice config upgrade web1", "a container's own configuration"},
};

const struct cmd cmd_config_check = {
	.noun = "config",
	.name = "check",
	.foreign = "validate,lint,verify,test",
	.args = "NAME | FILE",
	.help = "tell everything that is wrong with a configuration",
	.text = "Each problem is told with file, line and what is allowed; files it includes are checked too. Notes say what is accepted but changes nothing. A word with a "
		"slash in it is a file, which need not say a root. Exit code 2 when there are problems.",
	CMD_EXAMPLES(check_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER},
	.run = run_check,
};

const struct cmd cmd_config_upgrade = {
	.noun = "config",
	.name = "upgrade",
	.foreign = "update,migrate,convert,modernise",
	.args = "NAME | FILE",
	.help = "give keys the names LXC has had since 2.1",
	.text = "Old names are read for ever; this is for people and for other programs. Comments, order and spacing stay, interfaces get their numbers, keys that LXC has taken "
		"away go. The text as it was is kept beside the new one with .backup behind its name. What is new already is left alone. A word with a slash in it is a file.",
	CMD_EXAMPLES(upgrade_examples),
	.min = 1,
	.max = 1,
	.flags = CMD_DRY_RUN,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER},
	.run = run_upgrade,
};
