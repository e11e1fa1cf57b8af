/* inner.c - see inner.h. */
#include "cli/inner.h"

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"

#include <string.h>

int inner_read(struct cli *cli, const struct args *args, int *ret_tty, const char *const **ret_env, const char **ret_user, const char **ret_cwd)
{
	const struct opt_value *env = args_opt(args, "env");
	const char *cwd = args_text(args, "cwd");

	if (args_has(args, "tty") && args_has(args, "no-tty"))
		return fail_usage(cli, "'--tty' and '--no-tty' exclude each other", "without either a terminal is made when yours is one");
	for (unsigned i = 0; i < env->count; i++) {
		const char *eq = strchr(env->list[i], '=');

		if (!eq || eq == env->list[i])
			return fail_usage(cli, "'--env' needs NAME=VALUE", "your own environment never enters a container");
	}
	if (cwd && cwd[0] != '/')
		return fail_usage(cli, "'--cwd' needs an absolute directory", "it is a directory of the container");
	*ret_tty = args_has(args, "tty") ? 1 : args_has(args, "no-tty") ? 0 : -1;
	*ret_env = (const char *const *)env->list;
	*ret_user = args_text(args, "user");
	*ret_cwd = cwd;
	return 0;
}

int inner_fail(struct cli *cli, int status, struct err *e)
{
	if (status == 126)
		return fail_as(cli, FAIL_NOT_EXECUTABLE, e);
	if (status == 127)
		return fail_as(cli, FAIL_NO_COMMAND, e);
	return fail(cli, e);
}
