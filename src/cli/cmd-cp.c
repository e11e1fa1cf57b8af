/* cmd-cp.c - files in and out. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>

static int run(struct cli *cli, struct args *args)
{
	const char *from = args->words[0], *to = args->words[1];
	char name[64] = "", other[64];
	struct coppice *c = NULL;
	struct err e = {0};
	bool out = parse_inside(from, name), in = parse_inside(to, out ? other : name);

	if (out == in)
		return fail_usage(cli, out ? "both sides are in a container" : "neither side is in a container",
				  "one of them is NAME:/path, the other a path of this host; write ./NAME:x for a file with a colon");
	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_cp(c, from, to, &e) < 0) {
		(void)err_what(&e, "cannot copy '%s' to '%s'", from, to);
		return target_fail(cli, c, name, &e);
	}
	return CLI_OK;
}

static const struct cmd_example examples[] = {
	{"coppice cp site.conf web1:/etc/nginx/", "into it"},
	{"coppice cp web1:/var/log/nginx .", "out of it, a whole directory"},
};

const struct cmd cmd_cp = {
	.name = "cp",
	.foreign = "copy-to,copy-from,push,pull",
	.args = "FROM TO",
	.help = "copy files into or out of a container",
	.text = "One side is NAME:/path. Directories are copied whole, with modes, owners as the container sees them, times and links. Links inside a container "
		"never lead out of it. The container may run or not.",
	CMD_EXAMPLES(examples),
	.min = 2,
	.max = 2,
	.group = GROUP_INSIDE,
	.topic = TOPIC_FILE,
	.complete = {COMPLETE_COPY},
	.run = run,
};
