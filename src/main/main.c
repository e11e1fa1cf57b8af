/* main.c - the one binary. What it is depends on how it was called: a role the engine re-executes it in, or a face by the name of the program. */
#include "base/fd.h"
#include "cli/cli.h"
#include "coppice/coppice.h"
#include "lxc/lxc.h"

#include <string.h>

struct face {
	const char *program; /* last component of argv[0] */
	int (*main)(int argc, char **argv);
};

/* One row a face. Whatever name is not here (a link, a versioned copy, memfd) is the native command. */
static const struct face faces[] = {
	{"coppice", cli_main},
};

struct role {
	const char *word; /* argv[1] */
	int (*main)(int argc, char **argv);
};

static const struct role roles[] = {
	{"--role=monitor", coppice_monitor_main},
	{"--role=keeper", coppice_keeper_main},
	{"--role=healer", coppice_healer_main},
};

int main(int argc, char **argv)
{
	const char *program = argc > 0 ? argv[0] : "coppice", *slash = strrchr(program, '/');

	if (fd_sanitize_std() < 0)
		return CLI_FAILED;
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(roles); i++)
		if (strcmp(argv[1], roles[i].word) == 0)
			return roles[i].main(argc, argv);
	for (size_t i = 0; i < ARRAY_LEN(faces); i++)
		if (strcmp(slash ? slash + 1 : program, faces[i].program) == 0)
			return faces[i].main(argc, argv);
	if (lxc_is_program(program))
		return lxc_main(argc, argv);
	return cli_main(argc, argv);
}
