/* cmd-destroy.c - lxc-destroy: for good, unlike `coppice delete`. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"

static const struct lxc_opt opts[] = {
	{'f', "force", NULL, "stop it first when it runs", NULL},
	{'s', "snapshots", NULL, "remove its snapshots with it", NULL},
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct coppice_destroy *o = l->data;

	(void)value;
	(void)e;
	if (id == 'f')
		o->force = true;
	else
		o->snapshots = true;
	return 0;
}

static int run(struct lxc *l, struct err *e)
{
	struct coppice *c = NULL;
	int r = lxc_engine(l, NULL, &c, e);

	return r < 0 ? r : coppice_destroy(c, l->name, l->data, e);
}

const struct lxc_cmd lxc_cmd_destroy = {.program = "lxc-destroy",
					.about = "destroy a container and its root",
					.synopsis = "-n NAME [-f] [-s]",
					.name = LXC_NAME_NEEDED,
					.no_words = true,
					.opts = opts,
					.opt_count = ARRAY_LEN(opts),
					.data_size = sizeof(struct coppice_destroy),
					.option = option,
					.run = run};
