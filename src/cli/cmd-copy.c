/* cmd-copy.c - copy, and rename. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

struct job {
	struct coppice_copy copy;
	const char *from;
};

static int copy_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const struct job *job = data;
	struct coppice_copy o = job->copy;
	int ret;

	(void)cli;
	o.name = name;
	ret = coppice_copy(c, job->from, &o, e);
	if (ret < 0) {
		if (e->kind == ERR_STATE && !o.running)
			(void)err_hint(e, "coppice copy --running %s %s", job->from, name);
		return ret;
	}
	r->state = "copied";
	r->hint = "start: coppice start";
	return 0;
}

static int run_copy(struct cli *cli, struct args *args)
{
	struct job job = {.from = args->words[0],
			  .copy = {.snapshot = args_has(args, "share"), .running = args_has(args, "running"), .keep_name = args_has(args, "keep-name"), .keep_mac = args_has(args, "keep-mac")}};
	struct target_op op = {.run = copy_one, .data = &job};

	return targets_run_names(cli, args->words + 1, args->count - 1, &op);
}

static int rename_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const char *const *from = data;
	int ret = coppice_rename(c, *from, name, e);

	(void)cli;
	if (ret < 0)
		return ret;
	r->state = "renamed";
	return 0;
}

static int run_rename(struct cli *cli, struct args *args)
{
	struct target_op op = {.run = rename_one, .data = &args->words[0]};

	return targets_run_names(cli, args->words + 1, 1, &op);
}

static const struct opt_def copy_opts[] = {
	{.name = "share", .type = OPT_FLAG, .help = "over the source's root instead of a copy of it: the source stays needed"},
	{.name = "running", .type = OPT_FLAG, .help = "copy a running one too: it is frozen meanwhile"},
	{.name = "keep-name", .type = OPT_FLAG, .help = "keep the host name"},
	{.name = "keep-mac", .type = OPT_FLAG, .help = "keep the hardware addresses"},
};

static const struct cmd_example copy_examples[] = {
	{"coppice copy web1 web2", "one more like it"},
	{"coppice copy --running web1 web1-now", "without stopping it"},
};

static const struct cmd_example rename_examples[] = {
	{"coppice rename web1 shop", "it must be stopped"},
};

const struct cmd cmd_copy = {
	.name = "copy",
	.foreign = "clone,duplicate",
	.args = "NAME NEW...",
	.help = "make copies of a container",
	.text = "Of a container on a base only its private part is copied; of one with a root of its own the whole root, sharing blocks where the file system can. A copy "
		"appears whole or not at all, has a host name and hardware addresses of its own, and keeps everything else of the configuration.",
	CMD_OPTS(copy_opts),
	CMD_EXAMPLES(copy_examples),
	.min = 2,
	.max = 65536,
	.group = GROUP_LIFE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER, COMPLETE_NONE},
	.run = run_copy,
};

const struct cmd cmd_rename = {
	.name = "rename",
	.foreign = "mv,move",
	.args = "NAME NEW",
	.help = "give a stopped container another name",
	.text = "Its directory moves, paths in its configuration follow, and its host name becomes the new name. One with snapshots or clones is refused: they name its directory.",
	CMD_EXAMPLES(rename_examples),
	.min = 2,
	.max = 2,
	.group = GROUP_LIFE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER, COMPLETE_NONE},
	.run = run_rename,
};
