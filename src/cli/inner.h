/* inner.h - what exec, shell and run have in common: how the command inside is run. */
#pragma once

#include "cli/cmd.h"

struct args;
struct cli;
struct err;

/* Reads the options below. 0, or the exit code of a failure that was told. */
int inner_read(struct cli *cli, const struct args *args, int *ret_tty, const char *const **ret_env, const char **ret_user, const char **ret_cwd);

/* Tells a failure to run the inner command. @status is what the engine left in its status: 126 and 127 say that the command, not coppice, is the
 * reason. Returns the exit code. */
int inner_fail(struct cli *cli, int status, struct err *e);

#define INNER_OPTS                                                                                                                        \
	{.name = "tty", .letter = 't', .type = OPT_FLAG, .help = "a terminal inside, even when yours is none"},                           \
		{.name = "no-tty", .letter = 'T', .type = OPT_FLAG, .help = "no terminal inside"},                                        \
		{.name = "user", .letter = 'u', .type = OPT_TEXT, .arg = "USER", .help = "name, uid or uid:gid of the container (default root)"}, \
		{.name = "cwd", .letter = 'w', .type = OPT_TEXT, .arg = "DIR", .help = "directory inside (default the user's home)"},     \
	{                                                                                                                                 \
		.name = "env", .letter = 'e', .type = OPT_LIST, .arg = "NAME=VALUE", .help = "environment variable, may be repeated"      \
	}
