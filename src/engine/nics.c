/* nics.c - the interfaces of a running container as they were made: what each is called inside, what it is on the host, what went through it. */
#include "engine/network.h"
#include "engine/nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(const struct step *st, pid_t init, struct coppice_nic *ret)
{
	const char *type = st->text[0] ?: "", *link = strcmp(type, "veth") == 0 ? st->text[3] : st->text[2];

	(void)snprintf(ret->type, sizeof(ret->type), "%s", type);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", st->text[1] ?: "");
	(void)snprintf(ret->link, sizeof(ret->link), "%s", link ?: "");
	ret->rx_bytes = ret->tx_bytes = UINT64_MAX;
	(void)!engine_traffic(init, ret->name, &ret->rx_bytes, &ret->tx_bytes);
}

int coppice_nics(struct coppice *c, const char *name, struct coppice_nic **ret, size_t *ret_count, struct err *e)
{
	autofree struct coppice_nic *list = NULL;
	struct plan plan = {0};
	struct live live;
	size_t count = 0;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_look(c, name, &live, e);
	if (r < 0)
		return err_what(e, "cannot look at '%s'", name);
	if (live.alive && engine_kept_plan(c, name, &plan) < 0) /* it is only a look */
		plan = (struct plan){0};
	list = calloc(plan.count + 1, sizeof(*list));
	for (size_t i = 0; list && i < plan.count; i++)
		if (plan.steps[i].kind == STEP_NIC)
			fill(&plan.steps[i], live.record.init.pid, &list[count++]);
	plan_done(&plan);
	if (!list)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*ret = take(list);
	*ret_count = count;
	return 0;
}
