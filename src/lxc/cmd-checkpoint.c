/* cmd-checkpoint.c - lxc-checkpoint: saves a running container by criu and brings it back, or says what stops it. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>

enum { OPT_RESTORE = 'r', OPT_DIR = 'D', OPT_VERBOSE = 'v', OPT_SCRIPT = 'A', OPT_STOP = 's', OPT_PRE = 'p', OPT_DAEMON = 'd', OPT_FOREGROUND = 'F', OPT_PREDUMP = 1300 };

static const struct lxc_opt opts[] = {
	{OPT_RESTORE, "restore", NULL, "bring it back", NULL},
	{OPT_DIR, "checkpoint-dir", "DIR", "directory of the checkpoint", NULL},
	{OPT_VERBOSE, "verbose", NULL, "criu logs more", NULL},
	{OPT_SCRIPT, "action-script", "PATH", "script that criu calls between its steps", NULL},
	{OPT_STOP, "stop", NULL, "end the container afterwards", NULL},
	{OPT_PRE, "pre-dump", NULL, "save only its memory, for a faster checkpoint later", NULL},
	{OPT_PREDUMP, "predump-dir", "DIR", "the memory saved before, relative to -D", NULL},
	{OPT_DAEMON, "daemon", NULL, "restore in the background (as without)", NULL},
	{OPT_FOREGROUND, "foreground", NULL, "restore in the foreground", NULL},
};

struct data {
	struct coppice_checkpoint o;
	bool restore;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	(void)e;
	switch (id) {
	case OPT_DIR:
		d->o.dir = value;
		break;
	case OPT_SCRIPT:
		d->o.action_script = value;
		break;
	case OPT_PREDUMP:
		d->o.predump_dir = value;
		break;
	default:
		d->restore |= id == OPT_RESTORE;
		d->o.verbose |= id == OPT_VERBOSE;
		d->o.stop |= id == OPT_STOP;
		d->o.pre_dump |= id == OPT_PRE;
		if (id == OPT_DAEMON || id == OPT_FOREGROUND)
			d->o.foreground = id == OPT_FOREGROUND;
		break;
	}
	return 0;
}

static int run(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	struct coppice *c;
	int r;

	if (!d->o.dir)
		return lxc_usage(e, "-D with the directory of the checkpoint is missing");
	if (d->o.stop && d->o.pre_dump)
		return lxc_usage(e, "-s and -p: what is stopped can only be saved whole");
	r = lxc_engine(l, NULL, &c, e);
	if (r < 0)
		return r;
	return d->restore ? coppice_restore(c, l->name, &d->o, NULL, e) : coppice_checkpoint(c, l->name, &d->o, e);
}

const struct lxc_cmd lxc_cmd_checkpoint = {.program = "lxc-checkpoint",
					   .about = "save a running container to files, and bring it back",
					   .synopsis = "-n NAME -D DIR [-s] [-p] [--predump-dir=DIR] [-r [-d|-F]] [-A PATH] [-v]",
					   .name = LXC_NAME_NEEDED,
					   .no_words = true,
					   .opts = opts,
					   .opt_count = ARRAY_LEN(opts),
					   .data_size = sizeof(struct data),
					   .option = option,
					   .run = run};
