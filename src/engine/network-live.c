/* network-live.c - interfaces that come and go while a container runs.
 *
 * The config is changed in memory first and must be acceptable; then the running container gets what a start with that config would have
 * given it, taken from a plan made for it; then the config is written. The plan that is kept for a monitor that has to take over is changed
 * with it, so that the end of the container takes back what came later too. */
#include "engine/network.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLY_MS 20000u
#define KEY "coppice.network"

/* ---- a change of config and container ---- */

int engine_change_begin(struct coppice *c, const char *name, const char *verb, struct change *ret, struct err *e)
{
	struct change ch = {.lock = FD_NONE};
	int r = engine_find(c, name, e);

	if (r < 0)
		return r;
	spec_init(&ch.old);
	ch.lock = state_lock(&c->state, name, verb, clock_deadline(ENGINE_LOCK_MS), e);
	r = ch.lock < 0 ? ch.lock : engine_config(c, name, &ch.conf, e);
	if (r == 0) {
		spec_done(&ch.old);
		r = engine_spec_of(c, name, ch.conf, &ch.old, e);
		if (r < 0)
			spec_init(&ch.old);
	}
	if (r == 0)
		r = engine_live(c, name, &ch.live, e);
	if (r == 0 && ch.live.alive) {
		ch.runs = true;
		r = engine_kept_plan(c, name, &ch.kept);
		if (r < 0)
			r = err_sys(e, r, "read what '%s' was started with", name);
	}
	if (r < 0) {
		engine_change_done(&ch);
		return r;
	}
	*ret = ch;
	return 0;
}

void engine_change_done(struct change *ch)
{
	plan_done(&ch->kept);
	spec_done(&ch->old);
	conf_free(&ch->conf);
	fd_close(&ch->lock);
}

struct values {
	const char *key;
	struct arena *a;
	const char **list;
	size_t count;
};

static int add_value(const char *key, const char *value, unsigned line, void *data)
{
	struct values *v = data;
	const char **slot;

	(void)line;
	if (strcmp(key, v->key) != 0)
		return 0;
	if (!value[0]) {
		v->count = 0;
		return 0;
	}
	slot = arena_push(v->a, &v->list, &v->count, sizeof(*v->list));
	if (slot)
		*slot = arena_strdup(v->a, value);
	return slot && *slot ? 0 : -ENOMEM;
}

int engine_change_values(const struct change *ch, const char *key, struct arena *a, const char ***ret, size_t *ret_count, struct err *e)
{
	struct values v = {.key = key, .a = a};

	if (conf_each(ch->conf, add_value, &v) < 0)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*ret = v.list;
	*ret_count = v.count;
	return 0;
}

int engine_change_list(struct change *ch, const char *key, const char *const *values, size_t count, struct err *e)
{
	size_t removed;
	int r = count ? conf_set(ch->conf, key, values[0], e) : conf_unset(ch->conf, key, &removed, e);

	for (size_t i = 1; r == 0 && i < count; i++)
		r = conf_add(ch->conf, key, values[i], e);
	return r;
}

int engine_change_plan(struct coppice *c, const char *name, const struct change *ch, struct plan *ret, struct err *e)
{
	autodone(buf_done) struct buf notes = BUF_INIT;
	struct plan_wish wish = {0};
	struct spec s;
	int r = engine_spec_of(c, name, ch->conf, &s, e);

	if (r < 0)
		return r;
	r = engine_plan(c, &s, &wish, ret, &notes, e);
	spec_done(&s);
	return r;
}

int engine_change_apply(const struct change *ch, struct step *const *steps, size_t count, const char *action, struct err *e)
{
	struct plan p = {0};
	char path[48], helper[512];
	autoclose int netns = FD_NONE;
	int r = engine_helper("coppice-net", helper, e);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", ch->live.record.init.pid);
	netns = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	if (netns < 0 || !proc_alive(&ch->live.record.init)) /* the pid may be somebody else's by now */
		return err_set(e, ERR_STATE, ESRCH, "it has just ended");
	for (size_t i = 0; i < count; i++) {
		struct step *st = plan_add(&p, (enum step_kind)steps[i]->kind);

		if (!st) {
			plan_done(&p);
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		}
		*st = *steps[i];
	}
	r = apply_net(helper, &p, 0, p.count, netns, action, clock_deadline(APPLY_MS), e);
	if (r < 0)
		e->step = 0; /* of a plan that nobody has seen */
	plan_done(&p);
	return r;
}

/* With the facts it began with: they are not read again from there, but they have their place. */
int engine_keep_plan(struct coppice *c, const char *name, const struct plan *p, struct err *e)
{
	autoclose int dir = state_run_dir(&c->state, name, false);
	autodone(buf_done) struct buf wire = BUF_INIT;
	int r;

	buf_add(&wire, &c->facts, sizeof(c->facts));
	r = plan_encode(p, &wire);
	if (r == 0)
		r = dir < 0 ? dir : path_swap_file(dir, RECORD_PLAN, buf_str(&wire), wire.len, 0600);
	return r < 0 ? err_sys(e, r, "keep the plan of '%s'", name) : 0;
}

size_t engine_net_end(const struct plan *p)
{
	for (size_t i = p->count; i-- > 0;)
		if (step_side_of((enum step_kind)p->steps[i].kind) == SIDE_NET)
			return i + 1;
	/* it had no interface so far */
	for (size_t i = 0; i < p->count; i++)
		if (step_side_of((enum step_kind)p->steps[i].kind) == SIDE_CHILD)
			return i;
	return p->count;
}

/* ---- one interface ---- */

static bool belongs_to_nic(uint32_t kind)
{
	return kind >= STEP_NIC_HW && kind <= STEP_NIC_SCRIPT;
}

/* Steps [first, end) of interface @nic. */
static bool find_nic(const struct plan *p, const char *nic, size_t *first, size_t *end)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->steps[i].kind != STEP_NIC || !p->steps[i].text[1] || strcmp(p->steps[i].text[1], nic) != 0)
			continue;
		*first = i;
		for (*end = i + 1; *end < p->count && belongs_to_nic(p->steps[*end].kind);)
			(*end)++;
		return true;
	}
	return false;
}

/* Pointers to the steps of @nic and, before them, to those of the bridges. */
static struct step **pick_nic(const struct plan *p, const char *nic, bool bridges, struct arena *a, size_t *ret_count)
{
	struct step **list = arena_alloc(a, (p->count + 1) * sizeof(*list));
	size_t first, end, count = 0;

	if (!list || !find_nic(p, nic, &first, &end))
		return NULL;
	for (size_t i = 0; bridges && i < p->count; i++)
		if (p->steps[i].kind == STEP_BRIDGE)
			list[count++] = &p->steps[i];
	for (size_t i = first; i < end; i++)
		list[count++] = &p->steps[i];
	*ret_count = count;
	return list;
}

static int copy(struct plan *to, const struct step *st)
{
	struct step *slot = plan_add(to, (enum step_kind)st->kind);

	if (!slot)
		return -ENOMEM;
	*slot = *st; /* texts are shared */
	return 0;
}

/* Steps of @add that make interface @nic; with all that frames them when the plan has had no network so far. */
static int copy_nic(struct plan *to, const struct plan *add, const char *nic, bool framed)
{
	const struct step *begin = plan_find(add, STEP_NET_BEGIN, 0), *wait = plan_find(add, STEP_NET_WAIT, 0);
	size_t first, end;
	int r = 0;

	if (!begin || !wait || !find_nic(add, nic, &first, &end))
		return -EINVAL;
	if (framed)
		r = copy(to, begin);
	for (size_t i = 0; r == 0 && framed && i < add->count; i++)
		if (add->steps[i].kind == STEP_BRIDGE)
			r = copy(to, &add->steps[i]);
	for (size_t i = first; r == 0 && i < end; i++)
		r = copy(to, &add->steps[i]);
	return r == 0 && framed ? copy(to, wait) : r;
}

/* Where a further interface belongs: behind the others, before the ports; without any, where the child and its limits are there. */
static size_t nic_place(const struct plan *p, bool framed)
{
	size_t at = engine_net_end(p);

	if (!framed) {
		while (at > 0 && p->steps[at - 1].kind == STEP_PORT)
			at--;
		return at;
	}
	for (size_t i = p->count; i-- > 0;)
		if (p->steps[i].kind == STEP_RLIMIT || p->steps[i].kind == STEP_CHILD)
			return i + 1;
	return p->count;
}

/* A copy of @p without interface @drop (NULL: all of it), with interface @nic of @add (NULL: nothing). */
static int join_plans(const struct plan *p, const char *drop, const struct plan *add, const char *nic, struct plan *ret)
{
	bool framed = !plan_find(p, STEP_NET_BEGIN, 0);
	size_t first = 0, end = 0, at = nic_place(p, framed);
	int r = 0;

	if (drop && !find_nic(p, drop, &first, &end))
		first = end = 0;
	for (size_t i = 0; r == 0 && i <= p->count; i++) {
		if (i == at && add)
			r = copy_nic(ret, add, nic, framed);
		if (r == 0 && i < p->count && !(i >= first && i < end))
			r = copy(ret, &p->steps[i]);
	}
	return r;
}

/* "eth0=10.0.0.2,fd00::2 eth1=...", as far as there is room. */
static void put_addresses(const struct plan *p, struct record *ret)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	bool some = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct step *st = &p->steps[i];

		if (st->kind == STEP_NIC) {
			buf_printf(&text, "%s%s=", text.len ? " " : "", st->text[1] ?: "");
			some = false;
		} else if (st->kind == STEP_NIC_ADDRESS && st->text[0]) {
			buf_printf(&text, "%s%.*s", some ? "," : "", (int)strcspn(st->text[0], "/"), st->text[0]);
			some = true;
		}
	}
	(void)snprintf(ret->addresses, sizeof(ret->addresses), "%s", buf_str(&text));
}

static int keep_spliced(struct coppice *c, const char *name, const struct change *ch, const char *drop, const struct plan *add,
			const char *nic, struct err *e)
{
	struct plan p = {0};
	int r = join_plans(&ch->kept, drop, add, nic, &p);

	if (r < 0)
		r = err_sys(e, r, "change the plan of '%s'", name);
	else
		r = engine_keep_plan(c, name, &p, e);
	if (r == 0) {
		struct record record = ch->live.record;

		engine_network_names(&ch->kept, false);
		engine_network_names(&p, true);
		put_addresses(&p, &record);
		r = record_write(&c->state, name, &record);
		if (r < 0)
			r = err_sys(e, r, "write the record of '%s'", name);
	}
	plan_done(&p);
	return r;
}

/* ---- attach ---- */

static bool has_nic(const struct spec *s, const char *name)
{
	for (size_t i = 0; i < s->nic_count; i++)
		if (s->nics[i].name && strcmp(s->nics[i].name, name) == 0)
			return true;
	return false;
}

/* The line with a name in it, so that a later detach renames nobody. */
static const char *name_line(const struct spec *s, const char *what, const char **ret_nic, struct arena *a)
{
	const char *said = strstr(what, " name=");

	if (said) {
		said += strlen(" name=");
		*ret_nic = arena_strndup(a, said, strcspn(said, " \t"));
		return *ret_nic ? arena_strdup(a, what) : NULL;
	}
	for (unsigned i = 0;; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "eth%u", i);
		if (has_nic(s, name))
			continue;
		*ret_nic = arena_strdup(a, name);
		return *ret_nic ? arena_printf(a, "%s name=%s", what, name) : NULL;
	}
}

static int check_network(struct coppice *c, const char *what, struct err *e)
{
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	size_t len = strcspn(what, " \t");
	struct network n;
	char name[64];
	int r = engine_networks(c, &nets, e);

	if (r < 0)
		return r;
	if (len == 0 || len >= sizeof(name))
		return err_set(e, ERR_INPUT, EINVAL, "the name of a network comes first");
	memcpy(name, what, len);
	name[len] = '\0';
	return engine_network_get(c, &nets, name, &n, e);
}

static int attach_live(struct coppice *c, const char *name, struct change *ch, const char *nic, struct plan *fresh, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct step **steps;
	size_t count;
	int r = engine_change_plan(c, name, ch, fresh, e);

	if (r < 0)
		return r;
	steps = pick_nic(fresh, nic, true, &a, &count);
	if (!steps)
		return err_set(e, ERR_INTERNAL, ENOENT, "the plan has no interface '%s'", nic);
	return engine_change_apply(ch, steps, count, "apply", e);
}

static void detach_live(const struct change *ch, const struct plan *p, const char *nic)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct err ignored = {0};
	size_t count;
	struct step **steps = pick_nic(p, nic, false, &a, &count);

	if (steps)
		(void)!engine_change_apply(ch, steps, count, "undo", &ignored);
}

static int attach(struct coppice *c, const char *name, struct change *ch, const char *what, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct plan fresh = {0};
	const char *nic, *line = name_line(&ch->old, what, &nic, &a);
	int r = line ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");

	if (r == 0 && ch->old.net == SPEC_NET_NONE)
		r = err_set(e, ERR_STATE, EINVAL, "it uses the network of the host");
	if (r == 0 && has_nic(&ch->old, nic))
		r = err_set(e, ERR_EXISTS, EEXIST, "it has an interface '%s' already", nic);
	if (r == 0)
		r = conf_add(ch->conf, KEY, line, e);
	if (r == 0 && ch->runs)
		r = attach_live(c, name, ch, nic, &fresh, e);
	if (r == 0) {
		r = engine_config_save(c, name, ch->conf, e);
		if (r == 0 && ch->runs)
			r = keep_spliced(c, name, ch, NULL, &fresh, nic, e);
		if (r < 0 && ch->runs)
			detach_live(ch, &fresh, nic);
	}
	plan_done(&fresh);
	return r;
}

int coppice_network_attach(struct coppice *c, const char *name, const char *what, struct err *e)
{
	struct change ch;
	int r = engine_networks_need_root(c, e);

	if (r == 0)
		r = engine_change_begin(c, name, "network attach", &ch, e);

	if (r == 0) {
		r = check_network(c, what, e);
		if (r == 0)
			r = attach(c, name, &ch, what, e);
		engine_change_done(&ch);
	}
	fd_close(&c->starting);
	return r < 0 ? err_what(e, "cannot attach '%s' to a network", name) : 0;
}

/* ---- detach ---- */

/* The lines that stay, each with the name that its interface has now. */
static int lines_without(const struct change *ch, const char *nic, struct arena *a, const char ***ret, size_t *ret_count,
			 const struct spec_nic **ret_gone, struct err *e)
{
	const char **lines = NULL, **kept;
	size_t count = 0, at = 0, used = 0;
	int r = engine_change_values(ch, KEY, a, &lines, &count, e);

	if (r < 0)
		return r;
	kept = arena_alloc(a, (count + 1) * sizeof(*kept));
	if (!kept)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*ret_gone = NULL;
	for (size_t i = 0; i < ch->old.nic_count; i++) {
		const struct spec_nic *n = &ch->old.nics[i];

		if (!n->network) {
			if (strcmp(n->name, nic) == 0)
				return err_set(e, ERR_STATE, EINVAL, "'%s' is not on a managed network: it comes from lxc.net.%u", nic,
					       n->number);
			continue;
		}
		if (at >= count)
			return err_set(e, ERR_STATE, EINVAL, "its networks are named in a file that the config includes");
		if (strcmp(n->name, nic) == 0)
			*ret_gone = n;
		else
			kept[used++] = strstr(lines[at], " name=") ? lines[at] : arena_printf(a, "%s name=%s", lines[at], n->name);
		if (used && !kept[used - 1])
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		at++;
	}
	if (!*ret_gone)
		return err_set(e, ERR_MISSING, ENOENT, "it has no interface '%s'", nic);
	*ret = kept;
	*ret_count = used;
	return 0;
}

/* Published ports lead to the first interface on a managed network. */
static bool has_the_ports(const struct spec *s, const struct spec_nic *nic)
{
	for (const struct spec_nic *n = s->nics; n < nic; n++)
		if (n->network)
			return false;
	return s->port_count > 0;
}

static int detach(struct coppice *c, const char *name, struct change *ch, const char *nic, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	const struct spec_nic *gone = NULL;
	const char **lines = NULL;
	struct spec after;
	size_t count = 0, steps_count = 0;
	struct step **steps;
	char owner[400];
	int r = lines_without(ch, nic, &a, &lines, &count, &gone, e);

	if (r == 0 && has_the_ports(&ch->old, gone)) {
		(void)err_set(e, ERR_BUSY, EBUSY, "its published ports lead to '%s'", nic);
		return err_hint(e, "coppice port list %s", name);
	}
	if (r == 0)
		r = engine_change_list(ch, KEY, lines, count, e);
	if (r == 0) { /* what is left must be a config, before anything is taken away */
		r = engine_spec_of(c, name, ch->conf, &after, e);
		if (r == 0)
			spec_done(&after);
	}
	if (r == 0 && ch->runs) {
		steps = pick_nic(&ch->kept, nic, false, &a, &steps_count);
		r = steps ? engine_change_apply(ch, steps, steps_count, "undo", e) : 0; /* the config is newer than its start */
	}
	if (r == 0)
		r = engine_config_save(c, name, ch->conf, e);
	if (r == 0 && ch->runs)
		r = keep_spliced(c, name, ch, nic, NULL, NULL, e);
	(void)snprintf(owner, sizeof(owner), "%s/%s", c->lxcpath, name);
	if (r == 0)
		r = engine_networks(c, &nets, e);
	return r < 0 ? r : network_release_nic(&nets, gone->network, owner, nic, e);
}

int coppice_network_detach(struct coppice *c, const char *name, const char *nic, struct err *e)
{
	struct change ch;
	int r = engine_networks_need_root(c, e);

	if (r == 0)
		r = engine_change_begin(c, name, "network detach", &ch, e);

	if (r == 0) {
		r = detach(c, name, &ch, nic, e);
		engine_change_done(&ch);
	}
	return r < 0 ? err_what(e, "cannot detach '%s' of '%s'", nic, name) : 0;
}
