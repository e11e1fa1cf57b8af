/* cmd-console.c - the container's console on the caller's terminal. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include "base/parse.h"

#include <string.h>
#include <unistd.h>

#define CTRL_A 1

/* "a", "^a" or "none": the control character, 0 = no way to detach. Negative when it is none of them. */
static int parse_escape(const char *s)
{
	if (strcmp(s, "none") == 0)
		return 0;
	if (*s == '^')
		s++;
	if (!s[0] || s[1])
		return -1;
	if (*s >= 'a' && *s <= 'z')
		return *s - 'a' + 1;
	return *s >= 'A' && *s <= 'Z' ? *s - 'A' + 1 : -1;
}

static int run(struct cli *cli, struct args *args)
{
	const char *name = args->words[0], *key = args_text(args, "escape");
	uint64_t tty = args_number(args, "tty", 0);
	int escape = key ? parse_escape(key) : CTRL_A, r;
	struct coppice *c = NULL;
	struct err e = {0};

	if (!parse_is_container(name))
		return fail_usage(cli, "this cannot be the name of a container", "console takes one name, no selector");
	if (escape < 0)
		return fail_usage(cli, "'--escape' needs a letter", "it is a, ^a (both Ctrl-a) or none");
	if (tty > 255)
		return fail_usage(cli, "'--tty' is too large", "0 is the console, 1 and up are its terminals");
	if (isatty(STDIN_FILENO) != 1)
		return fail_usage(cli, "a console needs a terminal", "standard input is none; 'coppice logs' prints what was written");
	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (escape > 0)
		cli_note(cli, "connected to '%s'; Ctrl-%c q leaves", name, 'a' + escape - 1);
	r = coppice_console(c, name, (unsigned)tty, escape, &e);
	if (r < 0) {
		(void)err_what(&e, "cannot open the console of '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	if (r == 1)
		cli_note(cli, "'%s' stopped", name);
	return CLI_OK;
}

static const struct opt_def opts[] = {
	{.name = "tty", .letter = 't', .type = OPT_NUMBER, .arg = "N", .help = "0 = console (default), 1.. = /dev/ttyN"},
	{.name = "escape", .letter = 'e', .type = OPT_TEXT, .arg = "KEY", .help = "Ctrl-KEY q leaves (default a); none = nothing does"},
};

static const struct cmd_example examples[] = {
	{"coppice console web1", "recent output is shown again; several may look on"},
	{"coppice console web1 -t 1", "its first terminal"},
};

const struct cmd cmd_console = {
	.name = "console",
	.foreign = "tty",
	.args = "NAME",
	.help = "connect the terminal to a container's console",
	.text = "Ctrl-a q leaves and the container runs on; Ctrl-a Ctrl-a sends one Ctrl-a. Nothing in the container ever waits for somebody to look.",
	CMD_OPTS(opts),
	CMD_EXAMPLES(examples),
	.min = 1,
	.max = 1,
	.group = GROUP_INSIDE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
