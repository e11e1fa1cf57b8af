/* cmd-version.c - the version, without opening anything. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "coppice/coppice.h"

static int run(struct cli *cli, struct args *args)
{
	struct json j = JSON_INIT(&cli->out);

	(void)args;
	if (!cli_json(cli)) {
		cli_print(cli, cli_human(cli) ? "coppice %s\n" : "%s\n", coppice_version());
		return CLI_OK;
	}
	json_open(&j, '{');
	json_key(&j, "schema");
	json_text(&j, "coppice.version/1");
	json_key(&j, "version");
	json_text(&j, coppice_version());
	json_close(&j, '}');
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
