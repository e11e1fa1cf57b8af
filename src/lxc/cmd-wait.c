/* cmd-wait.c - lxc-wait: until a container is in one of several states; nothing is polled. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct lxc_opt opts[] = {
	{'s', "state", "STATE[|STATE]...", "STOPPED, STARTING, RUNNING, STOPPING, ABORTING, FREEZING, FROZEN or THAWED", NULL},
	{'t', "timeout", "SECONDS", "give up after this time; 0 only looks, fractions are fine (default: never)", NULL},
};

struct data {
	unsigned states;
	uint64_t timeout_ms;
	bool timeout_said;
};

/* LXC's names for states; those it only passes through are the ones they lead to. */
static const struct {
	const char *name;
	unsigned states;
} words[] = {
	{"STOPPED", 1u << COPPICE_STOPPED | 1u << COPPICE_BROKEN},
	{"STARTING", 1u << COPPICE_STARTING},
	{"RUNNING", 1u << COPPICE_RUNNING},
	{"STOPPING", 1u << COPPICE_STOPPING},
	{"ABORTING", 1u << COPPICE_STOPPING},
	{"FREEZING", 1u << COPPICE_FROZEN},
	{"FROZEN", 1u << COPPICE_FROZEN},
	{"THAWED", 1u << COPPICE_RUNNING},
};

static int add_state(struct data *d, const char *word, size_t len, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strlen(words[i].name) == len && strncmp(words[i].name, word, len) == 0) {
			d->states |= words[i].states;
			return 0;
		}
	}
	return lxc_usage(e, "invalid state '%.*s'", (int)len, word);
}

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;
	int r = 0;

	if (id == 't') {
		d->timeout_said = true;
		d->timeout_ms = UINT64_MAX;
		return value[0] == '-' ? 0 : lxc_seconds("-t", value, &d->timeout_ms, e);
	}
	while (r == 0 && *value) {
		size_t len = strcspn(value, "|");

		r = add_state(d, value, len, e);
		value += len + (value[len] == '|');
	}
	return r;
}

static int run(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;
	struct coppice *c;
	int r = 0;

	if (!d->states)
		return lxc_usage(e, "no state was given: -s STATE");
	r = lxc_engine(l, NULL, &c, e);
	if (r == 0)
		r = coppice_wait_states(c, l->name, d->states, d->timeout_said ? d->timeout_ms : UINT64_MAX, NULL, e);
	return r == -ETIMEDOUT ? 1 : r; /* LXC says nothing when the time is up */
}

const struct lxc_cmd lxc_cmd_wait = {.program = "lxc-wait",
				     .about = "wait until a container is in a state; 1 when the time was up first",
				     .synopsis = "-n NAME -s STATE[|STATE...] [-t SECONDS]",
				     .name = LXC_NAME_NEEDED,
				     .no_words = true,
				     .opts = opts,
				     .opt_count = ARRAY_LEN(opts),
				     .data_size = sizeof(struct data),
				     .option = option,
				     .exits = "1 also when the time was up first, without a word. A container that does not exist is STOPPED",
				     .run = run};
