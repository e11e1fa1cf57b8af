/* cmd-help.c - help on a verb, a noun or an error code; the man pages and the page of error codes as by-products. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/help.h"
#include "cli/jout.h"
#include "cli/out.h"
#include "cli/child.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- the list of codes ---- */

static void col_code(const void *row, struct cell *c)
{
	cell_text(c, ((const struct fail_row *)row)->code);
}

static void col_exit(const void *row, struct cell *c)
{
	cell_number(c, CELL_NUMBER, (uint64_t)((const struct fail_row *)row)->exit);
}

static void col_means(const void *row, struct cell *c)
{
	cell_text(c, ((const struct fail_row *)row)->means);
}

static const struct column columns[] = {
	{.key = "code", .title = "CODE", .flags = COLUMN_TABLE, .get = col_code, .paint = PAINT_NAME},
	{.key = "exit", .title = "EXIT", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_exit},
	{.key = "means", .title = "MEANS", .flags = COLUMN_TABLE, .get = col_means},
};

static const struct view view = {"coppice.errors/1", "errors", columns, ARRAY_LEN(columns)};

static int list_codes(struct cli *cli, bool markdown)
{
	struct selection sel;

	if (markdown) {
		help_errors_markdown(&cli->out);
		return CLI_OK;
	}
	out_select_default(&view, &sel);
	out_rows(cli, &(struct out_job){.view = &view,
					.sel = &sel,
					.rows = fail_row((enum fail_code)0),
					.count = FAIL_COUNT,
					.size = sizeof(struct fail_row),
					.footer = "explained by: coppice help CODE"});
	return CLI_OK;
}

/* ---- one topic ---- */

static int code_help(struct cli *cli, const struct fail_row *row)
{
	struct selection sel;

	if (!cli_json(cli)) {
		help_code(&cli->out, row, cli->out_colour);
		return CLI_OK;
	}
	out_select_default(&view, &sel);
	out_rows(cli, &(struct out_job){.view = &view, .sel = &sel, .rows = row, .count = 1, .size = sizeof(*row)});
	return CLI_OK;
}

static int unknown(struct cli *cli, const struct args *args)
{
	struct err e = {0};
	bool foreign = false;
	const char *word = args->words[args->count - 1], *noun = args->count > 1 ? args->words[0] : NULL;
	const struct cmd *near = cmd_nearest(noun, word, &foreign);
	char title[64] = "", shown[80];

	format_safe(word, shown, sizeof(shown));
	if (near)
		cmd_title(near, title);
	(void)err_set(&e, ERR_INPUT, EINVAL, near ? "the closest verb is '%s'" : "it is no verb, noun or error code%s", title);
	(void)err_what(&e, "there is no help on '%s'", shown);
	(void)err_hint(&e, "coppice help%s%s", near ? " " : "", title);
	return fail_as(cli, FAIL_USAGE, &e);
}

static int topic(struct cli *cli, const struct args *args, bool man)
{
	const char *word = args->count ? args->words[0] : NULL;
	const struct cmd *cmd = word ? cmd_find(args->count > 1 ? word : NULL, args->words[args->count - 1]) : NULL;

	if (word && !cmd && args->count == 1 && fail_find(word))
		return code_help(cli, fail_find(word));
	if (word && !cmd && !(args->count == 1 && cmd_is_noun(word)))
		return unknown(cli, args);
	if (man && word && !cmd && strcmp(word, "config") == 0) {
		man_config(&cli->out);
		return CLI_OK;
	}
	if (man) {
		man_page(&cli->out, cmd);
		return CLI_OK;
	}
	return help_about(cli, cmd ? NULL : word, cmd);
}

static int run(struct cli *cli, struct args *args)
{
	int status;

	if (args->count == 1 && strcmp(args->words[0], "errors") == 0)
		status = list_codes(cli, args_has(args, "markdown"));
	else
		status = topic(cli, args, args_has(args, "man"));
	if (status == CLI_OK && cli_human(cli) && !args_has(args, "man"))
		child_pager(cli);
	return status;
}

static const struct opt_def opts[] = {
	{.name = "man", .type = OPT_FLAG, .help = "write the man page instead: man(7) source; of config, the page of the file"},
	{.name = "markdown", .type = OPT_FLAG, .help = "with errors: write the page of error codes"},
};

static const struct cmd_example examples[] = {
	{"coppice help base build", "how to build a base"},
	{"coppice help E_BASE_BUSY", "what an error code means and what to do"},
	{"coppice help -f json", "the whole table of verbs and options, for programs"},
};

const struct cmd cmd_help = {
	.name = "help",
	.args = "[[NOUN] VERB | CODE | errors]",
	.help = "explain a verb or an error code",
	.text = "Without words it lists the verbs. When PAGER is set and the text is longer than the screen, it is shown through that program.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.max = 2,
	.group = GROUP_HOST,
	.complete = {COMPLETE_TOPIC},
	.run = run,
};
