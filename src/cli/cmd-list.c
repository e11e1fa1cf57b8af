/* cmd-list.c - every container in a table. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/infoview.h"
#include "cli/out.h"
#include "cli/selector.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Keeps what the selector fits, in place. An empty one keeps all. */
static size_t keep(const struct selector *s, struct coppice_info *infos, size_t count)
{
	size_t used = 0;

	if (selector_is_empty(s))
		return count;
	for (size_t i = 0; i < count; i++)
		if (selector_fits(s, &infos[i])) {
			if (used != i)
				infos[used] = infos[i];
			used++;
		}
	return used;
}

struct totals {
	size_t count, running, old;
};

static struct totals count_up(const struct coppice_info *infos, size_t count)
{
	struct totals t = {.count = count};

	for (size_t i = 0; i < count; i++) {
		t.running += infos[i].state == COPPICE_RUNNING || infos[i].state == COPPICE_FROZEN;
		t.old += infos[i].base[0] && infos[i].base_old;
	}
	return t;
}

static bool is_known(const struct coppice_info *infos, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(infos[i].name, name) == 0)
			return true;
	return false;
}

/* Tells every name that does not exist. The exit code: 3, or 7 when something was listed all the same. */
static int tell_missing(struct cli *cli, struct coppice *c, const struct selector *s, size_t count, const bool *known)
{
	int code = CLI_OK;

	for (size_t i = 0; i < s->count; i++) {
		struct err e = {0};

		if (s->terms[i].kind != TERM_NAME || known[i])
			continue;
		(void)err_set(&e, ERR_MISSING, ENOENT, "no such container");
		code = target_fail(cli, c, s->terms[i].text, &e);
	}
	return code && count ? CLI_PARTIAL : code;
}

/* What the engine has to look at: names alone need nothing but what they are sorted by. */
static unsigned needs(const struct cli *cli, const struct selection *sel)
{
	if (!cli->quiet || cli_json(cli))
		return sel->what;
	return sel->sort >= 0 ? infoview.columns[sel->sort].what : 0;
}

static void print(struct cli *cli, const struct selection *sel, const struct coppice_info *infos, size_t count)
{
	struct totals t = count_up(infos, count);
	char footer[160];

	(void)snprintf(footer, sizeof(footer), "%zu container%s, %zu running%s", t.count, t.count == 1 ? "" : "s", t.running,
		       t.old ? " · * = not on the newest version of its base" : "");
	out_rows(cli, &(struct out_job){.view = &infoview, .sel = sel, .rows = infos, .count = count, .size = sizeof(*infos), .footer = footer});
}

static int run(struct cli *cli, struct args *args)
{
	autofree struct coppice_info *infos = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct selector s;
	struct err e = {0};
	size_t count = 0;
	bool *known;

	if (out_select(&infoview, args, &sel, &e) < 0 || selector_parse(&args->arena, args->words, args->count, args_has(args, "all"), &s, &e) < 0)
		return fail_as(cli, FAIL_USAGE, &e);
	if (cli_engine(cli, &c, &e) < 0 || coppice_list(c, needs(cli, &sel) | COPPICE_INFO_BASE, &infos, &count, &e) < 0)
		return fail(cli, &e);
	known = arena_alloc(&args->arena, s.count + 1);
	for (size_t i = 0; known && i < s.count; i++)
		known[i] = is_known(infos, count, s.terms[i].text);
	count = keep(&s, infos, count);
	out_sort(&infoview, &sel, infos, count, sizeof(*infos));
	print(cli, &sel, infos, count);
	return known ? tell_missing(cli, c, &s, count, known) : CLI_FAILED;
}

static const struct opt_def opts[] = {
	{.name = "all", .type = OPT_FLAG, .help = "every container, the default"},
	OUT_OPTS,
};

static const struct cmd_example examples[] = {
	{"coppice list", "all of them"},
	{"coppice list 'web*' status=running", "the running ones whose name begins so"},
	{"coppice list -c +private --sort -mem", "with the size of their private part, the largest memory first"},
	{"coppice list -f json", "for programs: bytes as integers, unknown as null"},
};

const struct cmd cmd_list = {
	.name = "list",
	.alias = "ls",
	.foreign = "ps,status",
	.args = "[SELECTOR...]",
	.help = "list containers",
	.text = "CPU is the share of one processor since the start. PRIVATE is measured only when it is asked for (--long, or by name), because every file is "
		"looked at. No container is no error. Columns for --columns and --sort are the headings, or the members of the JSON form.\n\n"
		"A name that does not exist is told, exit 3; a pattern or filter that fits nothing is not.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.max = 65536,
	.flags = CMD_SELECT,
	.group = GROUP_SEE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
