/* cmd-pause.c - pause and resume: the freezer. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

struct job {
	bool pause, strict;
};

static int pause_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const struct job *job = data;
	int ret = coppice_pause(c, name, job->pause, job->strict, e);

	(void)cli;
	if (ret < 0) {
		(void)err_what(e, "cannot %s '%s'", job->pause ? "pause" : "resume", name);
		return ret;
	}
	r->changed = ret == 0;
	r->state = job->pause ? "frozen" : "running";
	return 0;
}

static int run(struct cli *cli, struct args *args)
{
	struct job job = {.pause = args->cmd == &cmd_pause, .strict = args_has(args, "strict")};
	struct target_op op = {
		.run = pause_one,
		.data = &job,
		.was = job.pause ? "is frozen already" : "is running already",
		.would = job.pause ? "would be frozen" : "would run on",
	};

	return targets_run(cli, args, args->count, &op);
}

static const struct opt_def opts[] = {
	TARGET_ALL,
	{.name = "strict", .type = OPT_FLAG, .help = "being so already is an error"},
};

static const struct cmd_example pause_examples[] = {{"coppice pause 'ci-*'", "no process of them runs until resume"}};
static const struct cmd_example resume_examples[] = {{"coppice resume status=frozen", "let everything that is frozen run on"}};

const struct cmd cmd_pause = {
	.name = "pause",
	.foreign = "freeze,suspend",
	.help = "freeze containers",
	.text = "All processes stand still where they are; memory, connections and files stay as they are.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(pause_examples),
	TARGET_ROW,
	.run = run,
};

const struct cmd cmd_resume = {
	.name = "resume",
	.foreign = "unfreeze,unpause,thaw,continue",
	.help = "let frozen containers run on",
	CMD_OPTS(opts),
	CMD_EXAMPLES(resume_examples),
	TARGET_ROW,
	.run = run,
};
