/* cmd-cgroup.c - lxc-cgroup: reads or writes one file of a running container's control groups, by its name in either generation. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <stdio.h>
#include <stdlib.h>

static int run(struct lxc *l, struct err *e)
{
	struct coppice *c;
	char *value;
	int r;

	if (l->arg_count < 1 || l->arg_count > 2)
		return lxc_usage(e, "one file, such as memory.max, and perhaps a value for it");
	r = lxc_engine(l, NULL, &c, e);
	if (r < 0)
		return r;
	if (l->arg_count == 2)
		return coppice_cgroup_set(c, l->name, l->args[0], l->args[1], e);
	r = coppice_cgroup_get(c, l->name, l->args[0], &value, e);
	if (r < 0)
		return r;
	printf("%s\n", value); /* an empty line follows, as from LXC */
	free(value);
	return 0;
}

const struct lxc_cmd lxc_cmd_cgroup = {.program = "lxc-cgroup",
				       .about = "read or write a file of the control groups of a running container",
				       .synopsis = "-n NAME FILE [VALUE]",
				       .name = LXC_NAME_NEEDED,
				       .run = run};
