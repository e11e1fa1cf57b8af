/* cmd-device.c - lxc-device: gives a running container a device node or an interface of the host, or takes it back. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int run(struct lxc *l, struct err *e)
{
	struct coppice *c;
	bool add;
	int r;

	if (geteuid() != 0) {
		(void)err_set(e, ERR_DENIED, EPERM, "only root can make device nodes and give away interfaces");
		return err_what(e, "this needs root");
	}
	if (l->arg_count < 2 || l->arg_count > 3)
		return lxc_usage(e, "add or del, a device such as /dev/fuse or eth1, and perhaps its name in the container");
	add = strcmp(l->args[0], "add") == 0;
	if (!add && strcmp(l->args[0], "del") != 0)
		return lxc_usage(e, "'%s' is neither add nor del", l->args[0]);
	r = lxc_engine(l, NULL, &c, e);
	return r < 0 ? r : coppice_device(c, l->name, l->args[1], l->arg_count == 3 ? l->args[2] : NULL, add, e);
}

const struct lxc_cmd lxc_cmd_device = {.program = "lxc-device",
				       .about = "give a device to a running container, or take it back",
				       .synopsis = "-n NAME add|del DEVICE [NAME-INSIDE]",
				       .name = LXC_NAME_NEEDED,
				       .run = run};
