/* cmd-console.c - lxc-console: a terminal of a container on this one. */
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <stdio.h>
#include <string.h>

static const struct lxc_opt opts[] = {
	{'t', "tty", "NUMBER", "terminal to show; 0 is the console (default: the first that nobody looks at)", NULL},
	{'e', "escape", "PREFIX", "key that leaves when q follows: a letter, with Ctrl or as ^a (default ^a)", NULL},
};

struct data {
	bool tty_said;
	uint32_t tty;
	int escape;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;
	const char *letter = value[0] == '^' ? value + 1 : value;

	if (id == 't') {
		d->tty_said = true;
		if (parse_u32(value, &d->tty) < 0 || d->tty > INT32_MAX)
			return lxc_usage(e, "invalid tty number '%s'", value);
		return 0;
	}
	if (strlen(letter) != 1 || !((letter[0] >= 'a' && letter[0] <= 'z') || (letter[0] >= 'A' && letter[0] <= 'Z')))
		return lxc_usage(e, "invalid escape character specification '%s'", value);
	d->escape = letter[0] & 0x1f;
	return 0;
}

static void shown(void *data, unsigned tty)
{
	const struct data *d = data;
	char key = (char)('a' + d->escape - 1);

	fprintf(stderr,
		"\nConnected to tty %u\n"
		"Type <Ctrl+%c q> to exit the console, <Ctrl+%c Ctrl+%c> to enter Ctrl+%c itself\n",
		tty, key, key, key, key);
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice_view o = {.tty = d->tty_said ? (int)d->tty : -1, .shown = shown, .data = d};
	struct coppice *c;
	int r = lxc_engine(l, NULL, &c, e);

	if (!d->escape)
		d->escape = 1;
	o.escape = d->escape;
	if (r == 0)
		r = coppice_view(c, l->name, &o, e);
	return r < 0 ? r : 0;
}

const struct lxc_cmd lxc_cmd_console = {.program = "lxc-console",
					.about = "show a terminal of a container on this one; what a pipe brings is typed there",
					.synopsis = "-n NAME [-t NUMBER] [-e PREFIX]",
					.name = LXC_NAME_NEEDED,
					.no_words = true,
					.opts = opts,
					.opt_count = ARRAY_LEN(opts),
					.data_size = sizeof(struct data),
					.option = option,
					.run = run};
