/* cmd-exec.c - exec: a command in a running container; shell: a login shell in it. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/inner.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include "base/parse.h"

#include <string.h>

static int run(struct cli *cli, struct args *args)
{
	struct coppice_exec o = {.argv = args->inner_count ? args->inner : NULL};
	const char *name = args->words[0];
	struct coppice *c = NULL;
	struct err e = {0};
	int status = -1, code = inner_read(cli, args, &o.tty, &o.env, &o.user, &o.cwd);

	if (code)
		return code;
	if (!parse_is_container(name))
		return fail_usage(cli, "this cannot be the name of a container", "exec and shell take one name, no selector");
	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_exec(c, name, &o, &status, &e) >= 0)
		return status;
	if (o.argv)
		(void)err_what(&e, "cannot run '%s' in '%s'", o.argv[0], name);
	else
		(void)err_what(&e, "cannot open a shell in '%s'", name);
	if (status == 126 || status == 127)
		return inner_fail(cli, status, &e);
	if (e.kind == ERR_STATE && !e.hint[0])
		(void)err_hint(&e, "coppice start %s", name);
	return target_fail(cli, c, name, &e);
}

static const struct opt_def opts[] = {INNER_OPTS};

static const struct cmd_example exec_examples[] = {
	{"coppice exec web1 -- nginx -t", "one command as root of the container"},
	{"coppice exec web1 -u www-data -w /srv -- ls -l", "as another user, elsewhere"},
	{"tar c src | coppice exec web1 -T -- tar x -C /srv", "input and output go through"},
};

static const struct cmd_example shell_examples[] = {
	{"coppice shell web1", "root's login shell"},
	{"coppice shell web1 -u postgres", "another user's"},
};

const struct cmd cmd_exec = {
	.name = "exec",
	.foreign = "attach,enter,cmd",
	.args = "NAME -- COMMAND [ARG...]",
	.help = "run a command in a running container",
	.text = "The command joins all namespaces, limits and the seccomp filter of the container. It gets a terminal when your input and output are terminals. "
		"Nothing of your environment enters except what --env names.\n\n"
		"The exit status is the command's own; 125 when coppice failed, 126 when the command is not executable, 127 when it was not found, 128 + n "
		"when signal n ended it. 2 (usage) and 3 (no such container) are told before anything runs.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(exec_examples),
	.min = 1,
	.max = 1,
	.flags = CMD_INNER | CMD_INNER_MUST | CMD_PASS,
	.group = GROUP_INSIDE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};

const struct cmd cmd_shell = {
	.name = "shell",
	.foreign = "sh,bash,login,ssh",
	.args = "NAME [-- COMMAND [ARG...]]",
	.help = "open a login shell in a running container",
	.text = "The shell is the one the container's own user database names. With a command after -- it is the same as exec.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(shell_examples),
	.min = 1,
	.max = 1,
	.flags = CMD_INNER | CMD_PASS,
	.group = GROUP_INSIDE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
