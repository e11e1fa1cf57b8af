/* cmd-logs.c - the console's log. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include "base/parse.h"

#include <errno.h>
#include <unistd.h>

static int run(struct cli *cli, struct args *args)
{
	const char *name = args->words[0];
	struct coppice *c = NULL;
	struct err e = {0};
	int r;

	if (!parse_is_container(name))
		return fail_usage(cli, "this cannot be the name of a container", "logs takes one name, no selector");
	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	/* The text goes straight to standard output: it may be long, and with --follow it does not end. */
	r = coppice_logs(c, name, STDOUT_FILENO, args_has(args, "follow"), args_number(args, "lines", 0), &e);
	if (r == -EPIPE)
		return CLI_FAILED;
	if (r < 0) {
		(void)err_what(&e, "cannot read the log of '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	return CLI_OK;
}

static const struct opt_def opts[] = {
	{.name = "follow", .letter = 'f', .type = OPT_FLAG, .help = "go on until the container stops"},
	{.name = "lines", .letter = 'n', .type = OPT_NUMBER, .arg = "N", .help = "the last N lines (default all)"},
};

static const struct cmd_example examples[] = {
	{"coppice logs web1 -n 50", "the last fifty lines"},
	{"coppice logs -f web1", "and what comes"},
};

const struct cmd cmd_logs = {
	.name = "logs",
	.alias = "log",
	.foreign = "tail,journal",
	.args = "NAME",
	.help = "print what a container wrote to its console",
	.text = "The log is bounded (coppice.log.size): old lines go first. Here -f means --follow; the form of the output is chosen with --format.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.min = 1,
	.max = 1,
	.group = GROUP_SEE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
