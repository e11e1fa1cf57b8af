/* cmd-base.c - bases: list, show, verify, delete. Building has a file of its own. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/baseview.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/report.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- list ---- */

static bool is_wanted(const struct coppice_base *b, const struct args *args)
{
	for (size_t i = 0; i < args->count; i++)
		if (fnmatch(args->words[i], b->name, 0) == 0)
			return true;
	return args->count == 0;
}

static int run_list(struct cli *cli, struct args *args)
{
	autofree struct coppice_base *bases = NULL;
	struct coppice *c = NULL;
	struct selection sel;
	struct err e = {0};
	size_t count = 0, used = 0;
	char footer[96];

	if (out_select(&baseview, args, &sel, &e) < 0)
		return fail_as(cli, FAIL_USAGE, &e);
	if (cli_engine(cli, &c, &e) < 0 || coppice_base_list(c, &bases, &count, &e) < 0)
		return fail(cli, &e);
	for (size_t i = 0; i < count; i++)
		if (is_wanted(&bases[i], args)) {
			if (used != i)
				bases[used] = bases[i];
			used++;
		}
	out_sort(&baseview, &sel, bases, used, sizeof(*bases));
	(void)snprintf(footer, sizeof(footer), "%zu version%s · * = what a new container gets", used, used == 1 ? "" : "s");
	if (cli->quiet && !cli_json(cli)) {
		/* A name alone would not tell versions apart. */
		for (size_t i = 0; i < used; i++)
			cli_print(cli, "%s@%s\n", bases[i].name, bases[i].version);
		return CLI_OK;
	}
	out_rows(cli, &(struct out_job){.view = &baseview, .sel = &sel, .rows = bases, .count = used, .size = sizeof(*bases), .footer = footer});
	return CLI_OK;
}

/* ---- show ---- */

static void put_sizes(struct buf *b, const char *label, uint64_t bytes, uint64_t files)
{
	char size[16];

	format_size(bytes, size);
	buf_printf(b, "  %-9s %s (%llu files)\n", label, size, (unsigned long long)files);
}

static void put_users(struct buf *b, const char *users)
{
	size_t count = 0;

	buf_puts(b, "  used by   ");
	while (users && *users) {
		size_t len = strcspn(users, "\n");

		buf_puts(b, count++ ? ", " : "");
		buf_add(b, users, len);
		users += len + (users[len] == '\n');
	}
	buf_puts(b, count ? "\n" : "nobody\n");
}

static void show_human(struct cli *cli, const struct coppice_base *base, const char *users)
{
	struct buf *b = &cli->out;
	char when[32], image[16];

	format_time(base->created, when);
	format_size(base->image_bytes, image);
	buf_printf(b, "%s%s@%s%s%s\n", cli_colour(cli->out_colour, COLOUR_BOLD), base->name, base->version, cli_colour(cli->out_colour, COLOUR_OFF),
		   base->current ? "  current" : "");
	buf_puts(b, "  system    ");
	out_safe(b, base->os);
	buf_puts(b, base->arch[0] ? ", " : "");
	out_safe(b, base->arch);
	buf_puts(b, base->merged_usr ? "\n" : ", without merged /usr\n");
	buf_puts(b, "  built     ");
	buf_printf(b, "%s from ", when);
	out_safe(b, base->source);
	buf_printf(b, "\n  sealed    %s, %s on disk\n", base->seal, image);
	put_sizes(b, "common", base->common_bytes, base->common_files);
	put_sizes(b, "private", base->skel_bytes, base->skel_files);
	buf_printf(b, "  digest    %s\n", base->digest);
	put_users(b, users);
}

static void show_json(struct cli *cli, const struct coppice_base *base, const char *users)
{
	struct jout j = JOUT_INIT(&cli->out);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.base.show/1");
	jout_key(&j, "base");
	out_json_row(&j, &baseview, NULL, base, NULL);
	jout_key(&j, "users");
	jout_words(&j, users ? users : "", "\n");
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

static int run_show(struct cli *cli, struct args *args)
{
	autofree char *users = NULL;
	struct coppice_base base;
	struct coppice *c = NULL;
	struct selection sel;
	struct err e = {0};

	cli->subject = args->words[0];
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_base_show(c, args->words[0], &base, &users, &e) < 0) {
		(void)err_what(&e, "cannot show base '%s'", args->words[0]);
		return target_fail_base(cli, c, args->words[0], &e);
	}
	if (cli_json(cli)) {
		show_json(cli, &base, users);
	} else if (cli_human(cli)) {
		show_human(cli, &base, users);
	} else {
		out_select_default(&baseview, &sel);
		out_rows(cli, &(struct out_job){.view = &baseview, .sel = &sel, .rows = &base, .count = 1, .size = sizeof(base)});
	}
	return CLI_OK;
}

/* ---- verify ---- */

static void verify_json(struct cli *cli, const char *ref, bool ok, const char *report)
{
	struct jout j = JOUT_INIT(&cli->out);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.base.verify/1");
	jout_key(&j, "base");
	jout_text(&j, ref);
	jout_key(&j, "ok");
	jout_bool(&j, ok);
	jout_key(&j, "report");
	if (report && report_is_json(report))
		jout_raw(&j, report);
	else
		jout_text(&j, report);
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

static int run_verify(struct cli *cli, struct args *args)
{
	struct coppice *c = NULL;
	struct err e = {0};
	int first = CLI_OK;

	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	for (size_t i = 0; i < args->count; i++) {
		autofree char *report = NULL;
		const char *ref = args->words[i];
		int r, code = CLI_OK;

		err_clear(&e);
		cli->subject = ref;
		r = coppice_base_verify(c, ref, &report, &e);
		if (cli_json(cli) && (r >= 0 || report))
			verify_json(cli, ref, r >= 0, report);
		else if (report && !cli->quiet)
			report_summary(&cli->out, report);
		if (r < 0) {
			(void)err_what(&e, "base '%s' cannot be trusted", ref);
			if (e.kind == ERR_DAMAGED)
				(void)err_hint(&e, "coppice base show %s", ref);
			code = target_fail_base(cli, c, ref, &e);
		} else if (cli_human(cli) && !cli->quiet) {
			cli_print(cli, "%s  intact\n", ref);
		}
		first = i == 0 || first == code ? code : CLI_PARTIAL;
		(void)cli_flush(cli);
	}
	return first;
}

/* ---- delete ---- */

static int run_delete(struct cli *cli, struct args *args)
{
	return targets_delete(cli, args, "base", coppice_base_delete);
}

/* ---- table ---- */

static const struct opt_def list_opts[] = {OUT_OPTS};
static const struct opt_def delete_opts[] = {TARGET_IF_EXISTS};

static const struct cmd_example list_examples[] = {{"coppice base list", "every version of every base"}};
static const struct cmd_example show_examples[] = {{"coppice base show debian12", "the current version and who uses it"}};
static const struct cmd_example verify_examples[] = {{"coppice base verify debian12", "compare every file with the manifest"}};
static const struct cmd_example delete_examples[] = {
	{"coppice base delete debian12@1f2e3a4b", "one version"},
	{"coppice base delete debian11 --if-exists", "no error when it is gone already"},
};

const struct cmd cmd_base_list = {
	.noun = "base",
	.name = "list",
	.alias = "ls",
	.foreign = "images,ps",
	.args = "[PATTERN...]",
	.help = "list bases and their versions",
	CMD_OPTS(list_opts),
	CMD_EXAMPLES(list_examples),
	.max = 65536,
	.group = GROUP_BASE,
	.topic = TOPIC_BASE,
	.complete = {COMPLETE_BASE},
	.run = run_list,
};

const struct cmd cmd_base_show = {
	.noun = "base",
	.name = "show",
	.foreign = "info,inspect,history",
	.args = "NAME[@VERSION]",
	.help = "show a base and who uses it",
	CMD_EXAMPLES(show_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_BASE,
	.topic = TOPIC_BASE,
	.complete = {COMPLETE_BASE},
	.run = run_show,
};

const struct cmd cmd_base_verify = {
	.noun = "base",
	.name = "verify",
	.foreign = "check,fsck",
	.args = "NAME[@VERSION]...",
	.help = "compare bases with their manifests",
	.text = "Every file is read. A difference is told by name and ends with exit 1 (E_BASE_DAMAGED).",
	CMD_EXAMPLES(verify_examples),
	.min = 1,
	.max = 65536,
	.group = GROUP_BASE,
	.topic = TOPIC_BASE,
	.complete = {COMPLETE_BASE},
	.run = run_verify,
};

const struct cmd cmd_base_delete = {
	.noun = "base",
	.name = "delete",
	.foreign = "rm,remove,destroy,rmi",
	.args = "NAME[@VERSION]...",
	.help = "delete bases nobody uses",
	.text = "Refused while a container is pinned to it (E_BASE_BUSY); base show names them.",
	CMD_OPTS(delete_opts),
	CMD_EXAMPLES(delete_examples),
	.min = 1,
	.max = 65536,
	.flags = CMD_DRY_RUN,
	.group = GROUP_BASE,
	.topic = TOPIC_BASE,
	.complete = {COMPLETE_BASE},
	.run = run_delete,
};
