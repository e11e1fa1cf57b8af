/* cmd-autostart.c - lxc-autostart: a series of containers, group by group, started in their order and stopped in the reverse of it. */
#include "lxc/cmds.h"

#include "base/clock.h"
#include "coppice/coppice.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 60000u

static const struct lxc_opt opts[] = {
	{'r', "reboot", NULL, "reboot the containers", NULL},
	{'s', "shutdown", NULL, "shut the containers down", NULL},
	{'k', "kill", NULL, "kill the containers", NULL},
	{'L', "list", NULL, "print which ones, and the pause behind each, and do nothing", NULL},
	{'a', "all", NULL, "of all groups", NULL},
	{'A', "ignore-auto", NULL, "also those without lxc.start.auto = 1", NULL},
	{'g', "groups", "GROUPS", "of these groups, in this order, commas between; nothing stands for those in none", NULL},
	{'t', "timeout", "SECONDS", "how long a shutdown may take before it is a kill, 60 unless said", NULL},
};

enum action { ACT_START, ACT_REBOOT, ACT_SHUTDOWN, ACT_KILL };

struct data {
	enum action action;
	bool list, all, any, timeout_said;
	const char *groups[64]; /* as given: each a comma list */
	size_t group_count;
	uint64_t timeout_ms;
	unsigned done, failed;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'r':
		d->action = ACT_REBOOT;
		return 0;
	case 's':
		d->action = ACT_SHUTDOWN;
		return 0;
	case 'k':
		d->action = ACT_KILL;
		return 0;
	case 'L':
		d->list = true;
		return 0;
	case 'a':
		d->all = true;
		return 0;
	case 'A':
		d->any = true;
		return 0;
	case 'g':
		if (d->group_count == ARRAY_LEN(d->groups))
			return lxc_usage(e, "more than %zu -g", ARRAY_LEN(d->groups));
		d->groups[d->group_count++] = value;
		return 0;
	default:
		d->timeout_said = true;
		return lxc_seconds("-t", value, &d->timeout_ms, e);
	}
}

/* @group "" = those in no group. */
static bool is_in(const struct coppice_auto *a, const char *group, size_t len)
{
	const char *at = a->groups;

	if (!len)
		return !*at;
	while (*at) {
		size_t n = strcspn(at, " ");

		if (n == len && strncmp(at, group, len) == 0)
			return true;
		at += n + (at[n] == ' ');
	}
	return false;
}

static bool wanted(const struct data *d, const struct coppice_auto *a)
{
	return a->name[0] && (d->any || a->autostart);
}

static int act(struct lxc *l, struct coppice *c, const struct coppice_auto *a, struct err *e)
{
	const struct data *d = l->data;
	struct coppice_stop stop = {.kill = d->action == ACT_KILL, .timeout_ms = d->timeout_said ? d->timeout_ms : DEFAULT_TIMEOUT_MS};
	struct coppice_start start = {.strict = false};
	struct coppice_reboot reboot = {.no_wait = !d->timeout_said, .timeout_ms = stop.timeout_ms}; /* LXC's only asks */
	int r;

	if (d->action == ACT_REBOOT) {
		if (coppice_reboot(c, a->name, &reboot, e) == 0)
			return 0;
		err_clear(e); /* one that cannot is stopped and started */
	}
	r = d->action == ACT_START ? 0 : coppice_stop(c, a->name, &stop, e);
	if (r >= 0 && (d->action == ACT_START || d->action == ACT_REBOOT))
		r = coppice_start(c, a->name, &start, e);
	return r < 0 ? r : 0;
}

/* The pause behind a start: to let what was started come up before the next. */
static void pause_for(uint64_t ms)
{
	uint64_t end = clock_deadline(ms), now;

	while ((now = clock_now_ms()) < end)
		(void)poll(NULL, 0, end - now > 60000 ? 60000 : (int)(end - now));
}

static void one(struct lxc *l, struct coppice *c, const struct coppice_auto *a)
{
	struct data *d = l->data;
	bool starts = d->action == ACT_START, pauses = starts || d->action == ACT_REBOOT;
	struct err e = {0};

	if (a->running == starts) /* nothing to do */
		return;
	if (d->list) {
		if (pauses)
			printf("%s %llu\n", a->name, (unsigned long long)(a->delay_ms / 1000));
		else
			printf("%s\n", a->name);
		return;
	}
	d->done++;
	if (act(l, c, a, &e) < 0) {
		d->failed++;
		lxc_tell(l, &e);
	} else if (pauses) {
		pause_for(a->delay_ms);
	}
}

/* Each container once: its name is emptied. */
static void group(struct lxc *l, struct coppice *c, struct coppice_auto *items, size_t count, const char *name, size_t len)
{
	const struct data *d = l->data;
	bool back = d->action == ACT_SHUTDOWN || d->action == ACT_KILL;

	for (size_t i = 0; i < count; i++) {
		struct coppice_auto *a = &items[back ? count - 1 - i : i];

		if (!wanted(d, a) || !(d->all || is_in(a, name, len)))
			continue;
		one(l, c, a);
		a->name[0] = '\0';
	}
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice_auto *items = NULL;
	struct coppice *c = NULL;
	size_t count = 0;
	int r = lxc_engine(l, NULL, &c, e);

	if (r == 0)
		r = coppice_auto_list(c, &items, &count, e);
	if (r < 0)
		return r;
	if (d->all || !d->group_count)
		group(l, c, items, count, "", 0);
	for (size_t i = 0; !d->all && i < d->group_count; i++)
		for (const char *at = d->groups[i];;) {
			size_t len = strcspn(at, ",");

			group(l, c, items, count, at, len);
			if (!at[len])
				break;
			at += len + 1;
		}
	free(items);
	return !d->failed ? 0 : d->failed == d->done ? 1 : 2;
}

const struct lxc_cmd lxc_cmd_autostart = {.program = "lxc-autostart",
					  .about = "start, stop or list the containers that are marked for it",
					  .synopsis = "[-r|-s|-k] [-L] [-a] [-A] [-g GROUPS] [-t SECONDS]",
					  .name = LXC_NAME_NONE,
					  .no_words = true,
					  .opts = opts,
					  .opt_count = ARRAY_LEN(opts),
					  .data_size = sizeof(struct data),
					  .option = option,
					  .exits = "1 when none of the containers could be done, 2 when some could not",
					  .run = run};
