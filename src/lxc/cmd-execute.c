/* cmd-execute.c - lxc-execute: one program in a container, beneath a small init; its exit status is ours. */
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/starting.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CANNOT_RUN 255

static const struct lxc_opt opts[] = {
	{'d', "daemon", NULL, "run in the background", NULL},
	{'f', "rcfile", "FILE", "configuration file instead of the container's own", NULL},
	{'s', "define", "KEY=VALUE", "add a setting to its configuration, for this start", NULL},
	{'u', "uid", "UID", "user id of the program inside", NULL},
	{'g', "gid", "GID", "group id of the program inside", NULL},
	STARTING_SHARE_OPTS,
};

struct data {
	struct starting s;
	bool background;
};

static int set_id(struct data *d, const char *flag, const char *key, const char *value, struct err *e)
{
	uint32_t id;

	if (parse_u32(value, &id) < 0)
		return lxc_usage(e, "%s: '%s' is no id", flag, value);
	return starting_set(&d->s, key, value, e);
}

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'd':
		d->background = true;
		return 0;
	case 'f':
		l->rcfile = value;
		return 0;
	case 's':
		return starting_define(&d->s, value, e);
	case 'u':
		return set_id(d, "-u", "lxc.init.uid", value, e);
	case 'g':
		return set_id(d, "-g", "lxc.init.gid", value, e);
	default:
		return starting_share(&d->s, id, value, e);
	}
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice_launch o = {.config_name = l->rcfile,
				   .set = d->s.set, .env = (const char *const *)environ,
				   .argv = l->arg_count ? (const char *const *)l->args : NULL,
				   .execute = true,
				   .foreground = !d->background};
	struct coppice *c;
	int status = 0, r = starting_config(l, &d->s, &o.config, e);

	if (r == 0)
		r = lxc_engine(l, NULL, &c, e);
	if (r == 0)
		r = coppice_launch(c, l->name, &o, &status, e);
	starting_done(&d->s);
	if (r >= 0)
		return status < 0 ? 1 : status;
	if (status == 0)
		return r;
	lxc_tell(l, e);
	return CANNOT_RUN;
}

const struct lxc_cmd lxc_cmd_execute = {.program = "lxc-execute",
					.about = "run one program in a container; the exit status is the program's, 255 when it cannot be run",
					.synopsis = "-n NAME [OPTION...] [-- COMMAND [ARG...]]",
					.name = LXC_NAME_NEEDED,
					.inner = true,
					.opts = opts,
					.opt_count = ARRAY_LEN(opts),
					.data_size = sizeof(struct data),
					.option = option,
					.exits = "The program's own when it was run; 128 and the signal when a signal ended it, 255 when it cannot be run",
					.run = run};
