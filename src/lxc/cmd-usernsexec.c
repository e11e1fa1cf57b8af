/* cmd-usernsexec.c - lxc-usernsexec: a program as root of a new user namespace, with the ids given or all that the user has. */
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPS_MAX 300

enum { OPT_MAP = 'm', OPT_SELF = 's' };

static const struct lxc_opt opts[] = {
	{OPT_MAP, NULL, "KIND:INSIDE:HOST:COUNT", "map ids, KIND is u(sers), g(roups) or b(oth); again for more", NULL},
	{OPT_SELF, NULL, NULL, "map your own ids too, behind the others", NULL},
};

struct data {
	struct coppice_id_map maps[MAPS_MAX];
	size_t count;
	bool self;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;
	char text[64], *save = NULL, *kind, *inside, *host, *count;
	struct coppice_id_map m;

	if (id == OPT_SELF) {
		d->self = true;
		return 0;
	}
	if (d->count == MAPS_MAX)
		return lxc_usage(e, "more than %d -m", MAPS_MAX);
	(void)snprintf(text, sizeof(text), "%s", value);
	kind = strtok_r(text, ":", &save);
	inside = kind ? strtok_r(NULL, ":", &save) : NULL;
	host = inside ? strtok_r(NULL, ":", &save) : NULL;
	count = host ? strtok_r(NULL, ":", &save) : NULL;
	if (!count || strlen(value) >= sizeof(text) || strtok_r(NULL, ":", &save) || strlen(kind) != 1 || !strchr("ugb", kind[0]) ||
	    parse_u32(inside, &m.inside) < 0 || parse_u32(host, &m.host) < 0 || parse_u32(count, &m.count) < 0 || m.count == 0)
		return lxc_usage(e, "-m: '%s' is not KIND:INSIDE:HOST:COUNT, such as b:0:100000:65536", value);
	m.users = kind[0] != 'g';
	m.groups = kind[0] != 'u';
	d->maps[d->count++] = m;
	return 0;
}

static int run(struct lxc *l, struct err *e)
{
	static const char *const shell[] = {"/bin/sh", NULL};
	const struct data *d = l->data;
	struct coppice_unshare o = {.argv = l->arg_count ? (const char *const *)l->args : shell,
				    .namespaces = COPPICE_NS_USER | COPPICE_NS_MOUNT,
				    .maps = d->maps,
				    .map_count = d->count,
				    .subordinate = d->count == 0,
				    .own_after = d->self};
	int status, r = coppice_unshare(&o, &status, e);

	return lxc_inner_code(l, r, status, e);
}

const struct lxc_cmd lxc_cmd_usernsexec = {.program = "lxc-usernsexec",
					   .about = "run a program as root of a new user namespace",
					   .synopsis = "[-m KIND:INSIDE:HOST:COUNT]... [-s] [-- COMMAND]",
					   .name = LXC_NAME_NONE,
					   .inner = true,
					   .opts = opts,
					   .opt_count = ARRAY_LEN(opts),
					   .data_size = sizeof(struct data),
					   .option = option,
					   .exits = LXC_INNER_EXITS,
					   .run = run};
