/* cmd-config.c - lxc-config: the items of the system file, with their defaults. */
#include "lxc/cmds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct item {
	const char *key, *value;
} items[] = {
	{"lxc.default_config", "/etc/lxc/default.conf"},
	{"lxc.lxcpath", NULL},
	{"lxc.bdev.lvm.vg", "lxc"},
	{"lxc.bdev.lvm.thin_pool", "lxc"},
	{"lxc.bdev.zfs.root", "lxc"},
	{"lxc.bdev.rbd.rbdpool", "lxc"},
	{"lxc.cgroup.pattern", "coppice/%n"},
	{"lxc.cgroup.use", ""},
};

enum { OPT_LIST = 'l' };

static const struct lxc_opt opts[] = {
	{OPT_LIST, "list", NULL, "list the items there are", NULL},
};

struct data {
	bool list;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	(void)id;
	(void)value;
	(void)e;
	d->list = true;
	return 0;
}

static int run(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	const char *home = getenv("HOME");

	if (!d->list && !l->arg_count) {
		printf("Usage: %s %s\n", l->cmd->program, l->cmd->synopsis);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		char *said;

		if (d->list) {
			printf("%s\n", items[i].key);
			continue;
		}
		if (strcmp(items[i].key, l->args[0]) != 0)
			continue;
		said = lxc_system_item(items[i].key);
		if (!said && geteuid() != 0 && home && strcmp(items[i].key, "lxc.default_config") == 0) {
			printf("%s/.config/lxc/default.conf\n", home);
			return 0;
		}
		if (!said && items[i].value && !items[i].value[0])
			printf("%s is not set.\n", items[i].key);
		else
			printf("%s\n", said ?: items[i].value ?: l->paths[0]);
		free(said);
		return 0;
	}
	if (d->list)
		return 0;
	(void)err_set(e, ERR_INPUT, EINVAL, "there is no item '%s'", l->args[0]);
	return err_hint(e, "lxc-config -l");
}

const struct lxc_cmd lxc_cmd_config = {.program = "lxc-config",
				       .about = "print an item of the system configuration",
				       .synopsis = "-l | ITEM",
				       .name = LXC_NAME_NONE,
				       .opts = opts,
				       .opt_count = ARRAY_LEN(opts),
				       .data_size = sizeof(struct data),
				       .option = option,
				       .run = run};
