/* cmd-stop.c - lxc-stop: ask, wait, kill; or reboot. 2 when it does not run, whatever the reason. */
#include "base/err.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>

#define NOT_RUNNING 2

enum { OPT_NOLOCK = 300, OPT_NOKILL };

static const struct lxc_opt opts[] = {
	{'r', "reboot", NULL, "reboot it", NULL},
	{'W', "nowait", NULL, "do not wait until it has happened", NULL},
	{'t', "timeout", "SECONDS", "wait this long before it is killed (60); fractions are fine", NULL},
	{'k', "kill", NULL, "kill it, do not ask", NULL},
	{OPT_NOLOCK, "nolock", NULL, "take no lock; only with -k", "ignored: no lock of ours is ever held for long"},
	{OPT_NOKILL, "nokill", NULL, "only ask: fail when the time is up", NULL},
};

struct data {
	bool reboot, nowait, kill, nolock, nokill, timeout_said;
	uint64_t timeout_ms;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'r':
		d->reboot = true;
		return 0;
	case 'W':
		d->nowait = true;
		return 0;
	case 'k':
		d->kill = true;
		return 0;
	case OPT_NOLOCK:
		d->nolock = true;
		return 0;
	case OPT_NOKILL:
		d->nokill = true;
		return 0;
	default:
		d->timeout_said = true;
		if (value[0] == '-') { /* LXC: as long as it takes */
			d->timeout_ms = UINT64_MAX - 1;
			return 0;
		}
		return lxc_seconds("-t", value, &d->timeout_ms, e);
	}
}

static int check(const struct data *d, struct err *e)
{
	if (d->kill && d->reboot)
		return lxc_usage(e, "-k can't be used with -r");
	if (d->kill && d->timeout_said)
		return lxc_usage(e, "-k doesn't allow timeouts");
	if (d->kill && d->nokill)
		return lxc_usage(e, "-k can't be used with --nokill");
	if (d->nolock && !d->kill)
		return lxc_usage(e, "--nolock may only be used with -k");
	return 0;
}

static int stop(struct lxc *l, struct coppice *c, const struct data *d, uint64_t timeout_ms, struct err *e)
{
	const struct coppice_reboot again = {.no_wait = d->nowait, .timeout_ms = timeout_ms};
	const struct coppice_stop o = {.kill = d->kill, .no_wait = d->nowait && !d->kill, .no_kill = d->nokill, .timeout_ms = timeout_ms};

	return d->reboot ? coppice_reboot(c, l->name, &again, e) : coppice_stop(c, l->name, &o, e);
}

static int run(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	struct coppice *c;
	int r = check(d, e);

	if (r == 0)
		r = lxc_engine(l, NULL, &c, e);
	if (r < 0)
		return r;
	r = stop(l, c, d, d->timeout_said ? d->timeout_ms : 60000, e);
	if (r < 0 && d->nowait && e->kind == ERR_STATE && e->code == ENOTSUP) { /* asked, and not waited for: LXC counts it as done */
		lxc_say(l, "%s was asked in vain: %s", l->name, e->why);
		return 0;
	}
	if (r != 1 && !(r < 0 && (e->kind == ERR_MISSING || (e->kind == ERR_STATE && e->code == ESRCH))))
		return r;
	lxc_say(l, "%s is not running", l->name);
	return NOT_RUNNING;
}

const struct lxc_cmd lxc_cmd_stop = {.program = "lxc-stop",
				     .about = "stop a container, or reboot it; 2 when it does not run",
				     .synopsis = "-n NAME [-r|-k] [-t SECONDS] [-W]",
				     .name = LXC_NAME_NEEDED,
				     .no_words = true,
				     .opts = opts,
				     .opt_count = ARRAY_LEN(opts),
				     .data_size = sizeof(struct data),
				     .option = option,
				     .exits = "2 when the container does not run, or there is none of that name. With -W 0 as soon as it was asked",
				     .run = run};
