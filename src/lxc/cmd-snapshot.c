/* cmd-snapshot.c - lxc-snapshot: make, list, restore and remove snapshots. */
#include "lxc/cmds.h"

#include "base/fd.h"
#include "coppice/coppice.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define COMMENT_MAX 65536

static const struct lxc_opt opts[] = {
	{'L', "list", NULL, "list the snapshots", NULL},
	{'C', "showcomments", NULL, "with -L: their comments too", NULL},
	{'c', "comment", "FILE", "keep the text of FILE with the new snapshot", NULL},
	{'r', "restore", "SNAPSHOT", "restore it, in place or under the name given by -N", NULL},
	{'N', "newname", "NAME", "with -r: name of the new container", NULL},
	{'d', "destroy", "SNAPSHOT", "remove it; ALL removes all", NULL},
};

struct data {
	bool list, comments;
	const char *comment, *restore, *name, *destroy;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	(void)e;
	switch (id) {
	case 'L':
		d->list = true;
		break;
	case 'C':
		d->comments = true;
		break;
	case 'c':
		d->comment = value;
		break;
	case 'r':
		d->restore = value;
		break;
	case 'N':
		d->name = value;
		break;
	default:
		d->destroy = value;
	}
	return 0;
}

static int list(struct lxc *l, struct coppice *c, struct err *e)
{
	const struct data *d = l->data;
	struct coppice_snapshot *items = NULL;
	size_t count = 0;
	int r = coppice_snapshot_list(c, l->name, &items, &count, e);

	if (r < 0)
		return r;
	if (!count)
		printf("No snapshots\n");
	for (size_t i = 0; i < count; i++) {
		printf("%s (%s) %s\n", items[i].name, items[i].path, items[i].time);
		if (d->comments && items[i].comment)
			printf("%s", items[i].comment);
	}
	coppice_snapshots_free(items, count);
	return 0;
}

static int make(struct lxc *l, struct coppice *c, struct err *e)
{
	const struct data *d = l->data;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = d->comment ? fd_open(AT_FDCWD, d->comment, O_RDONLY | O_NOCTTY, 0) : FD_NONE;
	int r = d->comment ? fd < 0 ? fd : fd_read_all(fd, &text, COMMENT_MAX) : 0;

	if (r < 0) {
		(void)err_sys(e, r, "read the comment '%s'", d->comment);
		return err_what(e, "cannot make a snapshot of '%s'", l->name);
	}
	return coppice_snapshot_make(c, l->name, d->comment ? buf_str(&text) : NULL, NULL, e);
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice *c = NULL;
	int r;

	if (d->restore && !d->name && l->arg_count == 1) /* LXC 1.0 had it there; in place would be another thing altogether */
		d->name = l->args[0];
	else if (l->arg_count)
		return lxc_usage(e, "'%s' is not understood: one container at a time", l->args[0]);
	if (d->list + !!d->restore + !!d->destroy > 1)
		return lxc_usage(e, "-L, -r and -d exclude each other");
	if (d->name && !d->restore)
		return lxc_usage(e, "-N goes with -r");
	r = lxc_engine(l, NULL, &c, e);
	if (r < 0)
		return r;
	if (d->list || d->comments)
		return list(l, c, e);
	if (d->restore)
		return coppice_snapshot_restore(c, l->name, d->restore, d->name, e);
	if (d->destroy)
		return coppice_snapshot_delete(c, l->name, strcmp(d->destroy, "ALL") == 0 ? NULL : d->destroy, e);
	return make(l, c, e);
}

const struct lxc_cmd lxc_cmd_snapshot = {.program = "lxc-snapshot",
					 .about = "make, list, restore and remove snapshots of a stopped container",
					 .synopsis = "-n NAME [-c FILE | -L [-C] | -r SNAPSHOT [[-N] NAME] | -d SNAPSHOT]",
					 .name = LXC_NAME_NEEDED,
					 .opts = opts,
					 .opt_count = ARRAY_LEN(opts),
					 .data_size = sizeof(struct data),
					 .option = option,
					 .run = run};
