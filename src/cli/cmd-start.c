/* cmd-start.c - start; restart, which is stop and start. */
#include "base/clock.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/making.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <stdlib.h>
#include <unistd.h>

struct job {
	struct coppice_start start;
	struct coppice_stop stop;
	bool restart;
};

static int start_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	struct job *job = data;
	struct coppice_stop stop = job->stop;
	struct coppice_start start = job->start;
	uint64_t begin;
	int ret;

	stop.ret_killed = &r->killed;
	start.ret_pid = &r->pid;
	if (job->restart) {
		ret = coppice_stop(c, name, &stop, e);
		if (ret < 0) {
			(void)err_what(e, "cannot restart '%s'", name);
			return ret;
		}
		if (r->killed && !stop.kill)
			cli_note(cli, "'%s' did not stop in time and was killed", name);
	}
	begin = clock_now_ms();
	ret = coppice_start(c, name, &start, e);
	if (ret < 0) {
		(void)err_what(e, "cannot %s '%s'", job->restart ? "restart" : "start", name);
		return ret;
	}
	r->changed = ret == 0;
	r->state = "running";
	if (ret == 0)
		r->started_ms = clock_now_ms() - begin;
	return 0;
}

static int show_plan(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const struct job *job = data;
	struct jout j = JOUT_INIT(&cli->out);
	autofree char *plan = NULL;
	int ret = coppice_plan_text(c, name, &job->start, &plan, e);

	if (ret < 0) {
		(void)err_what(e, "cannot plan the start of '%s'", name);
		return ret;
	}
	r->told = true;
	if (!cli_json(cli)) {
		buf_puts(&cli->out, plan);
		return 0;
	}
	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.plan/1");
	jout_key(&j, "name");
	jout_text(&j, name);
	jout_key(&j, "plan");
	jout_words(&j, plan, "\n");
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
	return 0;
}

static int check_pairs(struct cli *cli, const struct opt_value *set)
{
	for (unsigned i = 0; i < set->count; i++)
		if (!making_is_pair(set->list[i]))
			return fail_usage(cli, "'--set' needs KEY=VALUE", "'coppice config keys' lists the keys");
	return 0;
}

static int run(struct cli *cli, struct args *args)
{
	struct job job = {.restart = args->cmd == &cmd_restart};
	struct target_op op = {.run = start_one, .data = &job, .would = "would be restarted"};
	int code = check_pairs(cli, args_opt(args, "set"));

	if (code)
		return code;
	job.start.env = (const char *const *)environ;
	job.start.set = (const char *const *)args_opt(args, "set")->list;
	if (job.restart) {
		job.stop.kill = args_has(args, "kill");
		job.stop.timeout_ms = args_number(args, "timeout", UINT64_MAX);
	} else {
		job.start.strict = args_has(args, "strict");
		job.start.timeout_ms = args_number(args, "timeout", 0);
		op.dry_run = show_plan;
		op.was = "is running already";
	}
	return targets_run(cli, args, args->count, &op);
}

static const struct opt_def start_opts[] = {
	TARGET_ALL,
	{.name = "set", .letter = 's', .type = OPT_LIST, .arg = "KEY=VALUE", .help = "a configuration key for this start only", .complete = COMPLETE_KEY},
	{.name = "timeout", .type = OPT_DURATION, .arg = "TIME", .help = "how long it may take (default 60s)"},
	{.name = "strict", .type = OPT_FLAG, .help = "running already is an error"},
};

static const struct opt_def restart_opts[] = {
	TARGET_ALL,
	{.name = "set", .letter = 's', .type = OPT_LIST, .arg = "KEY=VALUE", .help = "a configuration key for this start only", .complete = COMPLETE_KEY},
	{.name = "timeout", .type = OPT_DURATION, .arg = "TIME", .help = "how long it may take to stop before it is killed"},
	{.name = "kill", .letter = 'k', .type = OPT_FLAG, .help = "do not ask it to stop, kill it"},
};

static const struct cmd_example start_examples[] = {
	{"coppice start web1 web2", "two by name"},
	{"coppice start tag=lab status=stopped", "every stopped one with the tag"},
	{"coppice start web1 --dry-run", "print the plan"},
};

static const struct cmd_example restart_examples[] = {
	{"coppice restart 'web*'", "every one whose name begins so"},
};

const struct cmd cmd_start = {
	.name = "start",
	.foreign = "boot,on",
	.help = "start containers",
	.text = "Starting one that runs is no error unless --strict is given. All are tried; when some fail the exit code is 7. --dry-run prints the plan, with the "
		"addresses and ids that would be chosen now: every step in its order.",
	CMD_OPTS(start_opts),
	CMD_EXAMPLES(start_examples),
	TARGET_ROW,
	.run = run,
};

const struct cmd cmd_restart = {
	.name = "restart",
	.foreign = "reboot,reload",
	.help = "stop containers and start them again",
	.text = "One that is stopped is just started.",
	CMD_OPTS(restart_opts),
	CMD_EXAMPLES(restart_examples),
	TARGET_ROW,
	.run = run,
};
