/* step-cgroup.c - intent on disk, then nodes, limits and the device list. */
#include "apply/ops.h"

#include "base/fd.h"
#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Written before anything exists on the host, so that whoever comes after a crash knows which cgroup to look for. */
int step_journal(struct apply *a, const struct step *st, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	const struct step *base = plan_find(a->plan, STEP_BASE, 0);
	struct record *r = &a->record;
	int64_t ended;
	int rc;

	(void)snprintf(r->group, sizeof(r->group), "%s", st->text[0]);
	(void)snprintf(r->monitor_group, sizeof(r->monitor_group), "%s", st->text[1] ?: "");
	(void)snprintf(r->base, sizeof(r->base), "%s", base->text[0]);
	(void)snprintf(r->version, sizeof(r->version), "%s", base->text[1]);
	(void)snprintf(r->mode, sizeof(r->mode), "%s", base->text[2]);
	(void)snprintf(r->boot_id, sizeof(r->boot_id), "%s", a->facts->boot_id);
	r->id_first = (uint32_t)st->number[0];
	r->starting = true;
	/* a start that fails has not ended anything: what is known of the last run stays */
	if (record_last(a->state, who->text[0], &r->last_exit, &ended) < 0)
		r->last_exit = -1;
	rc = proc_identify(0, &r->monitor);
	if (rc < 0)
		return err_sys(e, rc, "identify this process");
	rc = place_write(a->state, who->text[0], st->number[1] ? st->text[0] : NULL);
	if (rc == 0)
		rc = record_write(a->state, who->text[0], r);
	return rc < 0 ? err_sys(e, rc, "write the record in '%s'", a->state->rundir) : 0;
}

/* Without root: what was given to the user may have processes of its own, and then hands down no controllers, or be somewhere else than where we are. */
static int do_without(struct apply *a, const struct step *st)
{
	int r = cgroup_create(a->facts, st->text[0], 0, 0, 0, &a->cgroup);

	(void)snprintf(a->record.note, sizeof(a->record.note), "%s", r < 0 ? "no control group could be made: no limits, no pause" : "no limits: processes live in the control group given to you");
	return 0;
}

int step_cgroup(struct apply *a, const struct step *st, struct err *e)
{
	const struct cg_wish w = {.need = (uint32_t)st->number[0], .uid = (uid_t)st->number[1], .gid = (gid_t)st->number[2], .seen = (uint32_t)st->number[3],
				  .writes = st->number[3] & PLAN_SEEN_WRITES};
	int r = cgroup_create_as(a->facts, st->text[0], &w, &a->cgroup);

	if (r < 0 && a->facts->user_mode)
		return do_without(a, st);
	if (r == -EEXIST && a->cgroup.why[0]) {
		(void)err_set(e, ERR_INPUT, EEXIST, "%s", a->cgroup.why);
		return err_hint(e, "choose another place with lxc.cgroup.dir, or remove the group with rmdir");
	}
	if (r == -EBUSY && !a->cgroup.why[0])
		(void)err_set(e, ERR_BUSY, EBUSY, "processes live in cgroup '%s' already", st->text[0]);
	else if (r == -EBUSY)
		(void)err_set(e, ERR_BUSY, EBUSY, "make cgroup '%s': %s", st->text[0], a->cgroup.why);
	else if (r < 0)
		(void)err_sys(e, r, "make cgroup '%s'%s%s", st->text[0], a->cgroup.why[0] ? ": " : "", a->cgroup.why);
	if (r == -EBUSY && st->text[0][0] == '/')
		return err_hint(e, "start it from a group with no other process in it (systemd-run -p Delegate=yes), or say lxc.cgroup.dir instead of lxc.cgroup.relative");
	return r < 0 ? err_hint(e, "coppice doctor") : 0;
}

int step_cgroup_monitor(struct apply *a, const struct step *st, struct err *e)
{
	int r = cgroup_move_self(a->facts, st->text[0]);

	return r < 0 ? err_sys(e, r, "move the monitor to cgroup '%s'", st->text[0]) : 0;
}

int step_limit(struct apply *a, const struct step *st, struct err *e)
{
	int r = cgroup_write(&a->cgroup, (enum cg_controller)st->number[0], st->number[1] != 0, st->text[0], st->text[1]);

	if (r < 0 && a->facts->user_mode && a->record.note[0]) /* told already */
		return 0;
	if (r == -ENOENT && cgroup_is_weight((enum cg_controller)st->number[0], st->text[0])) { /* a share, not a limit: nothing is held less tightly than was said */
		(void)snprintf(a->record.note, sizeof(a->record.note), "no weights of disks: this kernel has no disk scheduler that knows them");
		return 0;
	}
	if (r < 0) {
		bool beyond = strncmp(st->text[0], "cpuset.", 7) == 0 && (r == -ERANGE || r == -EINVAL);

		(void)err_sys(e, r, "write '%s' to %s", st->text[1], st->text[0]);
		return beyond ? err_hint(e, "cat /sys/devices/system/%s/online", strcmp(st->text[0], "cpuset.mems") == 0 ? "node" : "cpu") : r;
	}
	return 0;
}

static int parse_number(const char *s, int64_t *ret)
{
	if (strcmp(s, "*") == 0) {
		*ret = -1;
		return 0;
	}
	return parse_i64(s, ret);
}

/* "+c 1:3 rwm" in place. */
static int parse_rule(char *text, struct cg_device *d)
{
	char *numbers, *colon, *access;

	if (strlen(text) < 6 || text[2] != ' ')
		return -EBADMSG;
	d->allow = text[0] == '+';
	d->type = text[1];
	numbers = text + 3;
	colon = strchr(numbers, ':');
	access = strchr(numbers, ' ');
	if (!colon || !access || colon > access)
		return -EBADMSG;
	*colon = *access = '\0';
	d->access = 0;
	for (const char *p = access + 1; *p; p++)
		d->access |= *p == 'r' ? SPEC_DEV_READ : *p == 'w' ? SPEC_DEV_WRITE : SPEC_DEV_MKNOD;
	if (parse_number(numbers, &d->major) < 0 || parse_number(colon + 1, &d->minor) < 0)
		return -EBADMSG;
	return 0;
}

int apply_device_rules(const char *text, struct arena *a, struct cg_device **ret, size_t *ret_count)
{
	char *copy = arena_strdup(a, text), *save = NULL;
	struct cg_device *rules = NULL;
	size_t count = 0;
	int r = copy ? 0 : -ENOMEM;

	for (char *rule = copy ? strtok_r(copy, ";", &save) : NULL; rule && r == 0; rule = strtok_r(NULL, ";", &save)) {
		struct cg_device *d = arena_push(a, &rules, &count, sizeof(*d));

		r = d ? parse_rule(rule, d) : -ENOMEM;
	}
	if (r == 0) {
		*ret = rules;
		*ret_count = count;
	}
	return r;
}

int step_devices(struct apply *a, const struct step *st, struct err *e)
{
	struct arena arena = ARENA_INIT;
	struct cg_device *rules = NULL;
	size_t count = 0;
	int r = apply_device_rules(st->text[0], &arena, &rules, &count);

	if (r == 0)
		r = cgroup_set_devices(a->facts, &a->cgroup, rules, count);
	arena_done(&arena);
	return r < 0 ? err_sys(e, r, "install the device list") : 0;
}
