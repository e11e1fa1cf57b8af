/* cmd-version.c - the version, without opening anything. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/jout.h"
#include "coppice/coppice.h"

static int run(struct cli *cli, struct args *args)
{
	struct jout j = JOUT_INIT(&cli->out);

	(void)args;
	if (!cli_json(cli)) {
		cli_print(cli, cli_human(cli) ? "coppice %s\n" : "%s\n", coppice_version());
		return CLI_OK;
	}
	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.version/1");
	jout_key(&j, "version");
	jout_text(&j, coppice_version());
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
	return CLI_OK;
}

const struct cmd cmd_version = {
	.name = "version",
	.args = "",
	.help = "print the version",
	.group = GROUP_HOST,
	.run = run,
};
