/* class.c - a container's packets get its class id as their mark: elements in two tables of ours, put there by the nftables helper. */
#include "apply/ops.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "network/network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HELPER_MS 20000
#define TOP "/sys/fs/cgroup/"

static int run_helper(const char *helper, const struct buf *text, struct err *e)
{
	const char *const argv[] = {helper, "apply", NULL};
	autodone(buf_done) struct buf log = BUF_INIT;
	autoclose int in = fd_sealed("coppice-class", buf_str(text), text->len);
	struct proc_run run = {.argv = argv, .in_fd = in, .cwd_fd = FD_NONE, .log = &log, .deadline = clock_deadline(HELPER_MS)};
	int status = 0, r = in < 0 ? in : buf_failed(text) ? -ENOMEM : proc_run(&run, &status);

	if (r < 0)
		return err_sys(e, r, "run '%s'", helper);
	if (status == 0 || status == 3) /* 3: about chains of others, which this is not about */
		return 0;
	return err_set(e, ERR_SYSTEM, EIO, "nftables refused the marks of class ids (%d): %.*s", status, (int)strcspn(buf_str(&log), "\n"), buf_str(&log));
}

/* nft names a control group by its path below the usual directory, and looks the number up itself. */
static int group_path(int node, char ret[300], struct err *e)
{
	char path[320];

	if (node < 0 || fd_path(node, path, sizeof(path)) < 0 || strncmp(path, TOP, strlen(TOP)) != 0)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "packets of the host's network cannot be marked: cgroup v2 is not mounted below " TOP);
	(void)snprintf(ret, 300, "%s", path + strlen(TOP));
	return 0;
}

int apply_class(const struct step *st, int v2_node, bool add, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	char group[300] = "";
	int r = st->text[1] ? 0 : group_path(v2_node, group, e);

	if (r < 0)
		return r;
	if (add)
		network_ruleset_class(&text, st->text[1], group, (uint32_t)st->number[0]);
	else
		network_ruleset_class_drop(&text, st->text[1], group);
	return run_helper(st->text[0], &text, e);
}

int step_class(struct apply *a, const struct step *st, struct err *e)
{
	struct err first = {0}, ignored = {0};
	int r;

	if (!st->text[0])
		return err_set(e, ERR_INTERNAL, EINVAL, "the plan names no nftables helper");
	r = apply_keep_plan(a, e);
	if (r < 0 || apply_class(st, a->cgroup.v2, true, &first) == 0)
		return r;
	/* an interface of that name may have had another class before */
	(void)!apply_class(st, a->cgroup.v2, false, &ignored);
	return apply_class(st, a->cgroup.v2, true, e);
}

void undo_class(struct apply *a, const struct step *st)
{
	struct err ignored = {0};

	if (st->text[0])
		(void)!apply_class(st, a->cgroup.v2, false, &ignored);
}
