/* cmd-stop.c - stop: ask, wait, then kill; kill: a signal to init. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int stop_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	struct coppice_stop o = *(const struct coppice_stop *)data;
	int ret;

	o.ret_killed = &r->killed;
	ret = coppice_stop(c, name, &o, e);
	if (ret < 0) {
		(void)err_what(e, "cannot stop '%s'", name);
		return ret;
	}
	r->changed = ret == 0;
	r->state = "stopped";
	if (r->killed && !o.kill)
		cli_note(cli, "'%s' did not stop in time and was killed", name);
	return 0;
}

static int run_stop(struct cli *cli, struct args *args)
{
	struct coppice_stop o = {
		.kill = args_has(args, "kill"),
		.strict = args_has(args, "strict"),
		.timeout_ms = args_number(args, "timeout", UINT64_MAX),
	};
	struct target_op op = {.run = stop_one, .data = &o, .was = "is stopped already", .would = "would be stopped"};

	return targets_run(cli, args, args->count, &op);
}

static int kill_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	int sig = *(const int *)data, ret = coppice_kill(c, name, sig, e);
	const char *abbreviation = sigabbrev_np(sig);

	(void)cli;
	if (ret < 0) {
		(void)err_what(e, "cannot send a signal to '%s'", name);
		return ret;
	}
	r->state = "signalled";
	if (abbreviation)
		(void)snprintf(r->note, sizeof(r->note), "SIG%s", abbreviation);
	else
		(void)snprintf(r->note, sizeof(r->note), "signal %d", sig);
	return 0;
}

static int run_kill(struct cli *cli, struct args *args)
{
	int sig = (int)args_number(args, "signal", SIGKILL);
	struct target_op op = {.run = kill_one, .data = &sig, .would = "would get the signal"};

	return targets_run(cli, args, args->count, &op);
}

static const struct opt_def stop_opts[] = {
	TARGET_ALL,
	{.name = "timeout", .type = OPT_DURATION, .arg = "TIME", .help = "grace before it is killed (default: its configuration)"},
	{.name = "kill", .letter = 'k', .type = OPT_FLAG, .help = "do not ask, kill at once"},
	{.name = "strict", .type = OPT_FLAG, .help = "stopped already is an error"},
};

static const struct opt_def kill_opts[] = {
	TARGET_ALL,
	{.name = "signal", .letter = 's', .type = OPT_SIGNAL, .arg = "SIGNAL", .help = "name or number (default KILL)"},
};

static const struct cmd_example stop_examples[] = {
	{"coppice stop web1", "ask its init to shut down, kill it when the time is up"},
	{"coppice stop --all --timeout 500ms", "everything, half a second of grace each"},
	{"coppice stop 'ci-*' --kill", "no asking"},
};

static const struct cmd_example kill_examples[] = {
	{"coppice kill web1 --signal HUP", "let its init read its configuration again"},
};

const struct cmd cmd_stop = {
	.name = "stop",
	.foreign = "shutdown,halt,poweroff,off",
	.help = "stop containers",
	.text = "The signal is the one this container's init understands. After the grace everything in it is killed. Stopping one that is stopped is no error "
		"unless --strict is given.",
	CMD_OPTS(stop_opts),
	CMD_EXAMPLES(stop_examples),
	TARGET_ROW,
	.run = run_stop,
};

const struct cmd cmd_kill = {
	.name = "kill",
	.foreign = "signal",
	.help = "send a signal to the init of containers",
	.text = "SIGKILL, the default, ends the container; restart policies do not apply to it.",
	CMD_OPTS(kill_opts),
	CMD_EXAMPLES(kill_examples),
	TARGET_ROW,
	.run = run_kill,
};
