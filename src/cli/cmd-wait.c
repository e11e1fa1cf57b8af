/* cmd-wait.c - until containers are in a state. */
#include "base/clock.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <string.h>

struct job {
	enum coppice_cond cond;
	const char *word;
	uint64_t deadline; /* one for all targets */
};

static int wait_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const struct job *job = data;
	uint64_t now = clock_now_ms(), left = job->deadline == CLOCK_NEVER ? UINT64_MAX : job->deadline > now ? job->deadline - now : 1;
	int exit_status = -1, ret = coppice_wait(c, name, job->cond, left, &exit_status, e);

	(void)cli;
	if (ret < 0) {
		(void)err_what(e, "'%s' did not become %s", name, job->word);
		return ret;
	}
	r->changed = false;
	r->state = job->word;
	r->exit = job->cond == COPPICE_WAIT_STOPPED ? exit_status : -1;
	return 0;
}

static int run(struct cli *cli, struct args *args)
{
	static const struct {
		const char *word, *state;
		enum coppice_cond cond;
	} conditions[] = {
		{"running", "running", COPPICE_WAIT_RUNNING},
		{"stopped", "stopped", COPPICE_WAIT_STOPPED},
		{"frozen", "frozen", COPPICE_WAIT_FROZEN},
		{"paused", "frozen", COPPICE_WAIT_FROZEN},
	};
	const char *word = args->words[args->count - 1];
	uint64_t timeout = args_number(args, "timeout", UINT64_MAX);
	struct job job = {.deadline = timeout == UINT64_MAX ? CLOCK_NEVER : clock_deadline(timeout)};
	struct target_op op = {.run = wait_one, .data = &job};

	for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
		if (strcmp(conditions[i].word, word) == 0) {
			job.cond = conditions[i].cond;
			job.word = conditions[i].state;
			return targets_run(cli, args, args->count - 1, &op);
		}
	return fail_usage(cli, "the last word must be a condition", "it is running, stopped or frozen");
}

static const struct opt_def opts[] = {
	TARGET_ALL,
	{.name = "timeout", .type = OPT_DURATION, .arg = "TIME", .help = "give up after this time, exit 124 (default: never)"},
};

static const struct cmd_example examples[] = {
	{"coppice wait job7 stopped", "until it has ended"},
	{"coppice wait 'web*' running --timeout 10s", "until all run, ten seconds at most in all"},
};

const struct cmd cmd_wait = {
	.name = "wait",
	.args = "SELECTOR... running|stopped|frozen",
	.help = "wait until containers are in a state",
	.text = "The time is one for all of them. In JSON the exit status of a container that stopped is told as exit.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.min = 2,
	.max = 65536,
	.flags = CMD_SELECT,
	.group = GROUP_SEE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER, COMPLETE_CONDITION},
	.run = run,
};
