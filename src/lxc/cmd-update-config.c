/* cmd-update-config.c - lxc-update-config: a config file with the names of before LXC 2.1 gets those of today; the text as it was stays in FILE.backup. */
#include "lxc/cmds.h"

#include "base/parse.h"
#include "coppice/coppice.h"

#include <stdio.h>

static const struct lxc_opt opts[] = {
	{'c', "config", "FILE", "the file, instead of the named container's", NULL},
	{'h', NULL, NULL, "print this", NULL},
};

struct data {
	const char *file;
	bool help;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	(void)e;
	if (id == 'c')
		d->file = value;
	else
		d->help = true;
	return 0;
}

/* A container needs no engine here: its config is a file like another, where LXC has it. NULL when nothing was named. */
static const char *choose(struct lxc *l, char *own, size_t size)
{
	const struct data *d = l->data;

	if (d->file)
		return d->file;
	if (!l->name)
		return l->rcfile;
	(void)snprintf(own, size, "%s/%s/config", l->paths[0], l->name);
	return own;
}

static int run(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	char own[4096];
	const char *file;
	size_t changed = 0;
	int r;

	/* as LXC's: nothing named is a question */
	if (d->help || (!d->file && !l->name && !l->rcfile)) {
		printf("Usage: %s %s\n\n%s\n", l->cmd->program, l->cmd->synopsis, l->cmd->about);
		return 0;
	}
	if (l->name && !parse_is_container(l->name))
		return lxc_usage(e, "'%s' cannot be the name of a container", l->name);
	file = choose(l, own, sizeof(own));
	r = coppice_config_upgrade(NULL, NULL, file, COPPICE_UPGRADE_AS_LXC, NULL, NULL, &changed, e);
	return r < 0 ? r : 0;
}

const struct lxc_cmd lxc_cmd_update_config = {.program = "lxc-update-config",
					      .about = "rewrite a configuration file of LXC before 2.1 for later ones; what it was is kept in FILE.backup",
					      .synopsis = "[-c FILE | -n NAME]",
					      .name = LXC_NAME_OPTIONAL,
					      .no_words = true,
					      .opts = opts,
					      .opt_count = ARRAY_LEN(opts),
					      .data_size = sizeof(struct data),
					      .option = option,
					      .run = run};
