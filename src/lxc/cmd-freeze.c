/* cmd-freeze.c - lxc-freeze and lxc-unfreeze: come back when the state is reached, at once when it was. */
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>

static int change(struct lxc *l, bool frozen, struct err *e)
{
	struct coppice *c;
	int r = lxc_engine(l, NULL, &c, e);

	return r < 0 ? r : coppice_pause(c, l->name, frozen, false, e) < 0 ? -e->code : 0;
}

static int freeze(struct lxc *l, struct err *e)
{
	return change(l, true, e);
}

static int unfreeze(struct lxc *l, struct err *e)
{
	int r = change(l, false, e);

	if (r == 0 || e->kind != ERR_STATE || e->code != ESRCH)
		return r;
	lxc_say(l, "%s is not running", l->name); /* nothing to thaw: no failure for LXC */
	return 0;
}

const struct lxc_cmd lxc_cmd_freeze = {
	.program = "lxc-freeze", .about = "freeze all processes of a container", .synopsis = "-n NAME", .name = LXC_NAME_NEEDED, .no_words = true, .run = freeze};
const struct lxc_cmd lxc_cmd_unfreeze = {
	.program = "lxc-unfreeze", .about = "thaw all processes of a container", .synopsis = "-n NAME", .name = LXC_NAME_NEEDED, .no_words = true,
	.exits = "0 also when it is not frozen, or does not run", .run = unfreeze};
