/* cmd-adopt.c - adopt: a hand-made tree, or a directory container, becomes a base and a container on it; import: a description in another tool's language becomes a container. */
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/progress.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdio.h>
#include <string.h>

/* ---- adopt ---- */

static void adopt_json(struct cli *cli, const struct coppice_adopted *a)
{
	struct jout j = JOUT_INIT(&cli->out);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.adopt/1");
	jout_key(&j, "container");
	jout_text(&j, a->container);
	jout_key(&j, "base");
	jout_text(&j, a->base);
	jout_key(&j, "version");
	jout_text(&j, a->version);
	jout_key(&j, "original");
	jout_text(&j, a->original);
	jout_key(&j, "before_bytes");
	jout_u64(&j, a->before);
	jout_key(&j, "common_bytes");
	jout_u64(&j, a->common);
	jout_key(&j, "private_bytes");
	jout_u64(&j, a->private);
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

static void adopt_human(struct cli *cli, const struct coppice_adopt *o, const struct coppice_adopted *a)
{
	char before[16], common[16], private[16];

	if (!a->container[0]) {
		cli_print(cli, "%s removed\n", a->original);
		return;
	}
	if (cli->quiet) {
		cli_print(cli, "%s\n", a->container);
		return;
	}
	format_size(a->before, before);
	format_size(a->common, common);
	format_size(a->private, private);
	cli_print(cli, "before   %s in one tree\n", before);
	cli_print(cli, "now      common %s, once for all containers on it; private %s\n", common, private);
	cli_print(cli, "saved    every further container costs about %s instead of %s: %llu%% less\n", private, before,
		  a->before > a->private ? (unsigned long long)((a->before - a->private) * 100 / a->before) : 0ULL);
	if (a->original[0])
		cli_print(cli, "kept     the original is still there: %s\n", a->original);
	cli_print(cli, "container %s on base %s@%.8s ready.   next: coppice start %s\n", a->container, a->base, a->version, a->container);
	if (a->original[0] && a->original[0] != '/')
		cli_print(cli, "         when all is well: coppice adopt --purge %s\n", o->what);
}

static int run_adopt(struct cli *cli, struct args *args)
{
	struct coppice_adopted done = {.version = ""};
	struct coppice *c = NULL;
	struct progress progress;
	struct err e = {0};
	struct coppice_adopt o = {.what = args->words[0],
				  .base = args_text(args, "base"),
				  .as = args_text(args, "name"),
				  .common = args_text(args, "common"),
				  .purge = args_has(args, "purge"),
				  .progress = progress_step,
				  .progress_data = &progress};
	int r;

	cli->subject = o.what;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	progress_begin(&progress, cli);
	r = coppice_adopt(c, &o, &done, &e);
	progress_end(&progress, r >= 0);
	if (r < 0) {
		(void)err_what(&e, "cannot adopt '%s'", o.what);
		return o.what[0] == '/' ? fail(cli, &e) : target_fail(cli, c, o.what, &e);
	}
	if (cli_json(cli))
		adopt_json(cli, &done);
	else
		adopt_human(cli, &o, &done);
	return CLI_OK;
}

/* ---- import ---- */

static int create(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	struct coppice_create o = {.name = name, .config = data};
	int ret = coppice_create(c, &o, e);

	(void)cli;
	if (ret < 0)
		return ret;
	r->state = "imported";
	r->hint = "start: coppice start";
	return 0;
}

static void tell_notes(struct cli *cli, char *notes)
{
	char *save = NULL;

	for (char *line = strtok_r(notes, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		cli_note(cli, "%s", line);
}

static int run_import(struct cli *cli, struct args *args)
{
	autofree char *config = NULL;
	autofree char *notes = NULL;
	const char *file = args_text(args, "libvirt");
	struct target_op op = {.run = create};
	const char *names[2] = {NULL};
	struct coppice *c = NULL;
	struct err e = {0};
	char name[64];

	if (!file)
		return fail_usage(cli, "nothing to import was named", "give a domain's description: coppice import --libvirt FILE.xml [NAME]");
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_import_libvirt(c, file, name, &config, &notes, &e) < 0) {
		(void)err_what(&e, "cannot import '%s'", file);
		return e.kind == ERR_MISSING ? fail_as(cli, FAIL_MISSING, &e) : fail(cli, &e);
	}
	tell_notes(cli, notes);
	names[0] = args->count ? args->words[0] : name;
	if (cli->dry_run) {
		buf_puts(&cli->out, config);
		return CLI_OK;
	}
	op.data = config;
	return targets_run_names(cli, names, 1, &op);
}

static const struct opt_def adopt_opts[] = {
	{.name = "base", .type = OPT_TEXT, .arg = "NAME", .help = "name of the base (default: as the container)"},
	{.name = "name", .type = OPT_TEXT, .arg = "NAME", .help = "name of the container made from a directory (default: as the directory)"},
	{.name = "common", .type = OPT_TEXT, .arg = "DIR", .help = "where the shared part is, when neither config nor tree tell", .complete = COMPLETE_FILE},
	{.name = "purge", .type = OPT_FLAG, .help = "remove the original, also one that an earlier adopt has kept"},
};

static const struct cmd_example adopt_examples[] = {
	{"coppice adopt web1", "a container with a root of its own"},
	{"coppice adopt /lxc/lxc-container --common /lxc/base/common --name web1", "a tree made by hand"},
	{"coppice adopt --purge web1", "the original is no longer needed"},
};

static const struct opt_def import_opts[] = {
	{.name = "libvirt", .type = OPT_TEXT, .arg = "FILE", .help = "description of a libvirt LXC domain (virsh dumpxml)", .complete = COMPLETE_FILE},
};

static const struct cmd_example import_examples[] = {
	{"coppice import --libvirt guest.xml", "under the name it has there"},
	{"coppice import --libvirt guest.xml --dry-run", "print the configuration that it would get"},
};

const struct cmd cmd_adopt = {
	.name = "adopt",
	.args = "NAME|DIRECTORY",
	.help = "turn a hand-made tree into a base and a container on it",
	.text = "The tree of a container with a root of its own, or a directory, is built into a sealed base; a shared part that was bound into it, with links that lead there, is "
		"put back where it belongs. A container in bind mode then takes its place, with its configuration and its own files. The original is kept, as "
		"NAME-original or where the directory is, until --purge.",
	CMD_OPTS(adopt_opts),
	CMD_EXAMPLES(adopt_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_LIFE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run_adopt,
};

const struct cmd cmd_import = {
	.name = "import",
	.args = "[NAME]",
	.help = "make a container from another tool's description of one",
	.text = "Name, limits, init, file systems, interfaces, consoles, id maps and capabilities of a libvirt LXC domain become a configuration; what has no counterpart is told.",
	CMD_OPTS(import_opts),
	CMD_EXAMPLES(import_examples),
	.max = 1,
	.flags = CMD_DRY_RUN,
	.group = GROUP_LIFE,
	.topic = TOPIC_CREATE,
	.run = run_import,
};
