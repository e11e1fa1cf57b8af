/* cmd-run.c - run: a throw-away container around one command, in the foreground. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/inner.h"
#include "cli/making.h"
#include "cli/targets.h"

static int run(struct cli *cli, struct args *args)
{
	autodone(making_done) struct making m = MAKING_INIT;
	struct coppice_run o = {.argv = args->inner};
	struct coppice *c = NULL;
	struct err e = {0};
	int status = -1, code = making_read(cli, args, &m);

	if (code)
		return code;
	if (m.names > 1)
		return fail_usage(cli, "'run' makes one container", "its form is: coppice run BASE [NAME] -- COMMAND [ARG...]");
	code = inner_read(cli, args, &o.tty, &o.env, &o.user, &o.cwd);
	if (code)
		return code;
	m.create.name = m.names ? args->words[m.names_at] : NULL;
	o.create = m.create;
	o.keep = args_has(args, "keep");
	cli->subject = m.create.name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_run(c, &o, &status, &e) < 0) {
		(void)err_what(&e, "cannot run '%s'", o.argv[0]);
		if ((status == 126 || status == 127) && o.create.base)
			(void)err_hint(&e, "coppice run %s -t -- /bin/sh", o.create.base);
		if (status < 0 && o.create.base)
			return target_fail_base(cli, c, o.create.base, &e);
		return inner_fail(cli, status, &e);
	}
	return status;
}

static const struct opt_def opts[] = {
	MAKING_OPTS,
	INNER_OPTS,
	{.name = "keep", .type = OPT_FLAG, .help = "keep the container afterwards"},
};

static const struct cmd_example examples[] = {
	{"coppice run debian12 -- dpkg -l", "one command in a fresh container"},
	{"coppice run debian12 -t -- bash", "a shell that leaves nothing behind"},
	{"coppice run debian12 --mode overlay --memory 1G -- make -C /src", "with a writable system and a limit"},
};

const struct cmd cmd_run = {
	.name = "run",
	.foreign = "",
	.args = "BASE [NAME] -- COMMAND [ARG...]",
	.help = "run one command in a throw-away container",
	.text = "The command runs as the only program beneath a small pid 1, with its input and output connected to yours. Afterwards the container is gone, "
		"unless --keep is given.\n\n"
		"The exit status is the command's own; 125 when coppice failed, 126 when the command is not executable, 127 when it was not found, 128 + n "
		"when signal n ended it. 2 (usage) and 3 (no such base) are told before anything runs.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.max = 2,
	.flags = CMD_INNER | CMD_INNER_MUST | CMD_PASS,
	.group = GROUP_LIFE,
	.topic = TOPIC_CREATE,
	.complete = {COMPLETE_BASE, COMPLETE_NONE},
	.run = run,
};
