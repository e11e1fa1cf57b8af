/* auto.c - what a series of containers is started and stopped by: flag, order, pause and groups of each. */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_order(const void *a, const void *b)
{
	const struct coppice_auto *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void read_groups(const struct spec *s, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < s->group_count && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? " " : "", s->groups[i]);
}

static bool read_one(struct coppice *c, const char *name, struct coppice_auto *ret)
{
	struct err ignored = {0};
	struct live live = {0};
	struct conf *conf = NULL;
	struct spec s;
	int r = engine_config(c, name, &conf, &ignored);

	spec_init(&s);
	if (r == 0)
		r = conf_apply(conf, &s, &ignored);
	if (r == 0) {
		*ret = (struct coppice_auto){.autostart = s.autostart, .order = s.start_order, .delay_ms = s.start_delay_ms == SPEC_UNSET ? 0 : s.start_delay_ms};
		(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
		read_groups(&s, ret->groups, sizeof(ret->groups));
		ret->running = engine_live(c, name, &live, &ignored) == 0 && live.alive;
	}
	spec_done(&s);
	conf_free(&conf);
	return r == 0;
}

int coppice_auto_list(struct coppice *c, struct coppice_auto **ret, size_t *ret_count, struct err *e)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL;
	struct coppice_auto *list = NULL;
	size_t count = 0, used = 0;
	int r = engine_state(c, e);

	if (r == 0)
		r = engine_facts(c, e);
	if (r == 0)
		r = state_names(&c->state, &a, &names, &count, e);
	if (r == 0) {
		list = calloc(count ? count : 1, sizeof(*list));
		r = list ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		used += read_one(c, names[i], &list[used]);
	arena_done(&a);
	if (r < 0)
		return err_what(e, "cannot list the containers");
	if (used)
		qsort(list, used, sizeof(*list), by_order);
	*ret = list;
	*ret_count = used;
	return 0;
}
