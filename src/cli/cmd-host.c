/* cmd-host.c - house-keeping of the host: doctor, gc, pool. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/out.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdio.h>
#include <string.h>

/* ---- doctor ---- */

static const char *level_word(int level)
{
	return level <= 0 ? "ok" : level == 1 ? "warn" : "fail";
}

static void col_id(const void *row, struct cell *c)
{
	cell_text(c, ((const struct coppice_check *)row)->id);
}

static void col_level(const void *row, struct cell *c)
{
	cell_text(c, level_word(((const struct coppice_check *)row)->level));
}

static void col_text(const void *row, struct cell *c)
{
	cell_text(c, ((const struct coppice_check *)row)->text);
}

static void col_fix(const void *row, struct cell *c)
{
	cell_text(c, ((const struct coppice_check *)row)->fix);
}

static const struct column check_columns[] = {
	{.key = "level", .title = "LEVEL", .flags = COLUMN_TABLE, .get = col_level},
	{.key = "id", .title = "ID", .flags = COLUMN_TABLE, .get = col_id},
	{.key = "text", .title = "TEXT", .flags = COLUMN_TABLE, .get = col_text},
	{.key = "fix", .title = "FIX", .flags = COLUMN_TABLE, .get = col_fix},
};

static const struct view check_view = {"coppice.doctor/1", "checks", check_columns, ARRAY_LEN(check_columns)};

/* "warn  text" with the fix on a line of its own: both are sentences and would not fit beside each other. */
static void tell_check(struct cli *cli, const struct coppice_check *check)
{
	static const enum colour colours[] = {COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED};
	int level = check->level < 0 ? 0 : check->level > 2 ? 2 : check->level;
	struct buf *b = &cli->out;

	if (level == 0 && cli->quiet)
		return;
	buf_printf(b, "%s%-4s%s  ", cli_colour(cli->out_colour, colours[level]), level == 2 ? "FAIL" : level_word(level),
		   cli_colour(cli->out_colour, COLOUR_OFF));
	out_safe(b, check->text);
	buf_putc(b, '\n');
	/* What is fine needs no mending, whatever the engine would know to do about it. */
	if (level == 0 || !check->fix[0])
		return;
	buf_puts(b, "      fix: ");
	out_safe(b, check->fix);
	buf_putc(b, '\n');
}

static int run_doctor(struct cli *cli, struct args *args)
{
	autofree struct coppice_check *checks = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct err e = {0};
	size_t count = 0, warnings = 0, failures = 0;

	(void)args;
	if (cli_engine(cli, &c, &e) < 0 || coppice_doctor(c, &checks, &count, &e) < 0)
		return fail(cli, &e);
	for (size_t i = 0; i < count; i++) {
		warnings += checks[i].level == 1;
		failures += checks[i].level > 1;
		if (cli_human(cli))
			tell_check(cli, &checks[i]);
	}
	if (cli_human(cli) && !cli->quiet && !cli->no_header)
		cli_print(cli, "%zu check%s: %zu ok, %zu warning%s, %zu failure%s\n", count, count == 1 ? "" : "s", count - warnings - failures, warnings,
			  warnings == 1 ? "" : "s", failures, failures == 1 ? "" : "s");
	if (!cli_human(cli)) {
		out_select_default(&check_view, &sel);
		out_rows(cli, &(struct out_job){.view = &check_view, .sel = &sel, .rows = checks, .count = count, .size = sizeof(*checks)});
	}
	return failures ? CLI_UNSUPPORTED : CLI_OK;
}

/* ---- gc ---- */

static void gc_json(struct cli *cli, const struct coppice_gc *gc)
{
	const struct {
		const char *key;
		uint64_t value;
	} members[] = {
		{"staging", gc->staging}, {"trash", gc->trash}, {"pool", gc->pool}, {"leftovers", gc->leftovers}, {"bytes", gc->bytes},
	};
	struct jout j = JOUT_INIT(&cli->out);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.gc/1");
	jout_key(&j, "dry_run");
	jout_bool(&j, gc->dry_run);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		jout_key(&j, members[i].key);
		jout_u64(&j, members[i].value);
	}
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

static void gc_human(struct cli *cli, const struct coppice_gc *gc)
{
	char size[16];

	if (cli->quiet)
		return;
	if (!gc->staging && !gc->trash && !gc->pool && !gc->leftovers) {
		cli_print(cli, "nothing to collect\n");
		return;
	}
	format_size(gc->bytes, size);
	cli_print(cli, "%s %s: %u abandoned builds, %u from the trash, %u stale pool trees, %u leftovers of containers\n",
		  gc->dry_run ? "would free" : "freed", size, gc->staging, gc->trash, gc->pool, gc->leftovers);
}

static int run_gc(struct cli *cli, struct args *args)
{
	struct coppice_gc gc = {
		.dry_run = cli->dry_run,
		.trash_age_s = args_number(args, "trash-age", 7ull * 24 * 3600 * 1000) / 1000,
	};
	struct coppice *c = NULL;
	struct err e = {0};

	if (cli_engine(cli, &c, &e) < 0 || coppice_gc(c, &gc, &e) < 0)
		return fail(cli, &e);
	if (cli_json(cli))
		gc_json(cli, &gc);
	else
		gc_human(cli, &gc);
	return CLI_OK;
}

/* ---- pool ---- */

#define POOL_MAX 10000u

static int run_pool_set(struct cli *cli, struct args *args)
{
	const char *base = args->words[0];
	struct coppice *c = NULL;
	struct err e = {0};
	uint32_t want = 0;

	if (parse_u32(args->words[1], &want) < 0 || want > POOL_MAX)
		return fail_usage(cli, "the size of a pool is a number", "0 empties it, 10000 is the most");
	cli->subject = base;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_pool_set(c, base, want, &e) < 0) {
		(void)err_what(&e, "cannot set the pool of base '%s'", base);
		return target_fail_base(cli, c, base, &e);
	}
	if (cli_human(cli) && !cli->quiet)
		cli_print(cli, "%s  %u ready\n", base, want);
	return CLI_OK;
}

/* ---- table ---- */

static const struct opt_def gc_opts[] = {
	{.name = "trash-age", .type = OPT_DURATION, .arg = "TIME", .help = "purge what was deleted longer ago (default 7d)"},
};

static const struct cmd_example doctor_examples[] = {{"coppice doctor", "what works here, what does not, and what to do"}};
static const struct cmd_example gc_examples[] = {
	{"coppice gc --dry-run", "what it would remove"},
	{"coppice gc --trash-age 0", "empty the trash"},
};
static const struct cmd_example pool_examples[] = {
	{"coppice pool set debian12 20", "keep twenty private trees ready: create takes one by rename"},
	{"coppice pool set debian12 0", "no pool"},
};

const struct cmd cmd_doctor = {
	.name = "doctor",
	.foreign = "check,checkconfig,setup",
	.args = "",
	.help = "check what this host can do",
	.text = "Every finding comes with what to do about it. Exit 6 when something fails that containers need.",
	CMD_EXAMPLES(doctor_examples),
	.group = GROUP_HOST,
	.run = run_doctor,
};

const struct cmd cmd_gc = {
	.name = "gc",
	.foreign = "prune,clean,cleanup",
	.args = "",
	.help = "remove what nobody needs any more",
	.text = "Old trash, abandoned builds, stale pool trees, leftovers of containers that were killed. Nothing that is used, pinned or young is touched; the "
		"versions of a base are never removed by it.",
	CMD_OPTS(gc_opts),
	CMD_EXAMPLES(gc_examples),
	.flags = CMD_DRY_RUN,
	.group = GROUP_HOST,
	.run = run_gc,
};

const struct cmd cmd_pool_set = {
	.noun = "pool",
	.name = "set",
	.args = "BASE N",
	.help = "keep private trees of a base ready",
	.text = "A container that is created in mode bind takes a ready tree instead of copying one.",
	CMD_EXAMPLES(pool_examples),
	.min = 2,
	.max = 2,
	.group = GROUP_BASE,
	.topic = TOPIC_BASE,
	.complete = {COMPLETE_BASE, COMPLETE_NONE},
	.run = run_pool_set,
};
