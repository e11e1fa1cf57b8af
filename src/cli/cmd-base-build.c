/* cmd-base-build.c - a sealed base from a system. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/baseview.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "coppice/coppice.h"

#include <string.h>

static void tell_json(struct cli *cli, const struct coppice_base *base, const char *report)
{
	struct jout j = JOUT_INIT(&cli->out);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.base.build/1");
	jout_key(&j, "base");
	out_json_row(&j, &baseview, NULL, base, NULL);
	jout_key(&j, "report");
	if (report && report_is_json(report))
		jout_raw(&j, report);
	else
		jout_text(&j, report);
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

static void tell_human(struct cli *cli, const struct coppice_base *base, const char *report)
{
	struct buf *b = &cli->out;
	char common[16], skel[16];

	if (cli->quiet) {
		buf_printf(b, "%s@%s\n", base->name, base->version);
		return;
	}
	format_size(base->common_bytes, common);
	format_size(base->skel_bytes, skel);
	if (report)
		report_summary(b, report);
	buf_printf(b, "split    common %s (%llu files) · private %s (%llu files)\n", common, (unsigned long long)base->common_files, skel,
		   (unsigned long long)base->skel_files);
	buf_printf(b, "seal     %s, version %s%s\n", base->seal, base->version,
		   report && report_flag(report, "existing") ? ", the same as before: it was there already" : "");
	buf_printf(b, "base %s@%.8s ready: one more container costs about %s.   next: coppice %s %s %s\n", base->name, base->version, skel,
		   report && report_flag(report, "no_init") ? "run" : "launch", base->name, report && report_flag(report, "no_init") ? "-- COMMAND" : "web1");
}

static void tell_plan(struct cli *cli, const struct coppice_base_build *o, const char *report)
{
	if (cli_json(cli)) {
		struct jout j = JOUT_INIT(&cli->out);

		jout_open(&j, '{');
		jout_key(&j, "schema");
		jout_text(&j, "coppice.base.plan/1");
		jout_key(&j, "name");
		jout_text(&j, o->name);
		jout_key(&j, "from");
		jout_text(&j, o->from);
		jout_key(&j, "report");
		if (report && report_is_json(report))
			jout_raw(&j, report);
		else
			jout_text(&j, report);
		jout_close(&j, '}');
		buf_putc(&cli->out, '\n');
		return;
	}
	if (report)
		report_summary(&cli->out, report);
	cli_print(cli, "base %s would be built from %s\n", o->name, o->from);
}

/* Refuses what can be seen to make no sense before anything is read. */
static int check(struct cli *cli, const struct coppice_base_build *o)
{
	bool host = strcmp(o->from, "host") == 0, debian = strncmp(o->from, "mmdebstrap:", 11) == 0;

	if (!parse_is_name(o->name))
		return fail_usage(cli, "this cannot be the name of a base",
				  "a name starts with a letter or digit and goes on with letters, digits, '_', '.' or '-', at most 63 in all");
	if (o->packages && !host)
		return fail_usage(cli, "'--packages' needs '--from host'", "it chooses among the packages that are installed here");
	if (o->include && !debian)
		return fail_usage(cli, "'--include' needs '--from mmdebstrap:SUITE'", "it names packages to install beside the minimal ones");
	if (debian && !o->from[11])
		return fail_usage(cli, "'--from mmdebstrap:' lacks a suite", "as in mmdebstrap:bookworm");
	return 0;
}

static int run(struct cli *cli, struct args *args)
{
	autofree char *report = NULL;
	struct progress progress;
	struct coppice_base base = {0};
	struct coppice *c = NULL;
	struct err e = {0};
	const char *from = args_text(args, "from");
	struct coppice_base_build o = {
		.name = args->words[0],
		.from = from ? from : "host",
		.packages = args_text(args, "packages"),
		.include = args_text(args, "include"),
		.seal = args_has(args, "seal") ? args_text(args, "seal") : "auto",
		.max_size = args_text(args, "max-size"),
		.dry_run = cli->dry_run,
		.progress = progress_step,
		.progress_data = &progress,
		.ret_report = &report,
	};
	int code = check(cli, &o), r;

	if (code)
		return code;
	cli->subject = o.name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	progress_begin(&progress, cli);
	r = coppice_base_build(c, &o, &base, &e);
	progress_end(&progress, r >= 0);
	if (r < 0) {
		(void)err_what(&e, "cannot build base '%s' from '%s'", o.name, o.from);
		/* What is missing here is the source, not a base. */
		return e.kind == ERR_MISSING ? fail_as(cli, FAIL_MISSING, &e) : fail(cli, &e);
	}
	if (cli->dry_run)
		tell_plan(cli, &o, report);
	else if (cli_json(cli))
		tell_json(cli, &base, report);
	else
		tell_human(cli, &base, report);
	return CLI_OK;
}

static const struct opt_def opts[] = {
	{.name = "from", .type = OPT_TEXT, .arg = "SOURCE", .help = "host (default), a directory, a tar file, or mmdebstrap:SUITE", .complete = COMPLETE_FILE},
	{.name = "packages", .type = OPT_TEXT, .arg = "WHICH", .help = "from host: essential, or a file with package names", .complete = COMPLETE_FILE},
	{.name = "include", .type = OPT_TEXT, .arg = "LIST", .help = "from mmdebstrap: further packages, comma separated"},
	{.name = "max-size", .type = OPT_TEXT, .arg = "SIZE", .help = "refuse a source larger than this (default 64G)"},
	{.name = "seal", .type = OPT_CHOICE, .arg = "HOW", .help = "kind of seal (default auto)", .choices = "auto|erofs|tree"},
};

static const struct cmd_example examples[] = {
	{"coppice base build here --from host --packages essential", "a small one from this very system, in seconds, offline"},
	{"coppice base build debian12 --from mmdebstrap:bookworm --include systemd-sysv,nginx-light", "a fresh Debian that boots"},
	{"coppice base build web --from /srv/rootfs", "from a tree"},
	{"coppice base build app --from app.tar.zst", "from an archive"},
};

const struct cmd cmd_base_build = {
	.noun = "base",
	.name = "build",
	.foreign = "create,make,import,pull,bootstrap,add",
	.args = "NAME",
	.help = "build a sealed base from a system",
	.text = "The tree is copied, trimmed, freed of identity and secrets (host keys, machine-id and the like; the report says of what), split into the common "
		"part and a private template, and sealed. Its version is the digest of its manifest: the same input gives the same version.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.min = 1,
	.max = 1,
	.flags = CMD_DRY_RUN,
	.group = GROUP_BASE,
	.topic = TOPIC_BASE,
	.run = run,
};
