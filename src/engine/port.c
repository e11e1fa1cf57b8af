/* port.c - published ports: added, removed and listed, in the config and in the running container. */
#include "engine/network.h"

#include "base/fd.h"
#include "base/parse.h"
#include "spec/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "coppice.port"

/* One line as the key table reads it. Texts live in @s. */
static int read_port(const char *line, struct spec *s, struct spec_port *ret, struct err *e)
{
	int r = key_apply(s, NULL, KEY, line, e);

	if (r < 0)
		return r;
	if (s->port_count == 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%.80s' is not a port", line);
	*ret = s->ports[s->port_count - 1];
	return 0;
}

static bool same_bind(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/* Whether both want a port of the host for themselves. */
static bool overlap(const struct spec_port *a, const struct spec_port *b)
{
	return a->udp == b->udp && (!a->bind || !b->bind || same_bind(a->bind, b->bind)) && a->host < b->host + b->count &&
	       b->host < a->host + a->count;
}

static bool same_port(const struct spec_port *a, const struct spec_port *b)
{
	return a->udp == b->udp && same_bind(a->bind, b->bind) && a->host == b->host && a->inside == b->inside && a->count == b->count;
}

/* ---- what runs ---- */

static bool same_text(const char *a, const char *b)
{
	return same_bind(a && a[0] ? a : NULL, b && b[0] ? b : NULL);
}

static bool same_step(const struct step *a, const struct step *b)
{
	return a->kind == b->kind && same_text(a->text[0], b->text[0]) && same_text(a->text[1], b->text[1]) &&
	       same_text(a->text[2], b->text[2]) && a->number[0] == b->number[0] && a->number[1] == b->number[1] &&
	       a->number[2] == b->number[2];
}

static bool has_step(const struct plan *p, const struct step *st)
{
	for (size_t i = 0; i < p->count; i++)
		if (same_step(&p->steps[i], st))
			return true;
	return false;
}

/* The PORT steps of @p that @other has not, after the bridges of @p when @bridges: publishing may need a setting of theirs. */
static struct step **difference(const struct plan *p, const struct plan *other, bool bridges, struct arena *a, size_t *ret_count)
{
	struct step **list = arena_alloc(a, (p->count + 1) * sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; list && i < p->count; i++)
		if ((bridges && p->steps[i].kind == STEP_BRIDGE) || (p->steps[i].kind == STEP_PORT && !has_step(other, &p->steps[i])))
			list[count++] = &p->steps[i];
	*ret_count = count;
	return list;
}

/* The kept plan with the ports of @fresh instead of its own. */
static int keep_ports(struct coppice *c, const char *name, const struct change *ch, const struct plan *fresh, struct err *e)
{
	size_t at = engine_net_end(&ch->kept);
	struct plan p = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i <= ch->kept.count; i++) {
		for (size_t k = 0; r == 0 && i == at && k < fresh->count; k++) {
			struct step *st = fresh->steps[k].kind == STEP_PORT ? plan_add(&p, STEP_PORT) : NULL;

			if (st)
				*st = fresh->steps[k];
			else if (fresh->steps[k].kind == STEP_PORT)
				r = -ENOMEM;
		}
		if (r == 0 && i < ch->kept.count && ch->kept.steps[i].kind != STEP_PORT) {
			struct step *st = plan_add(&p, STEP_PORT);

			if (st)
				*st = ch->kept.steps[i];
			else
				r = -ENOMEM;
		}
	}
	r = r < 0 ? err_sys(e, r, "change the plan of '%s'", name) : engine_keep_plan(c, name, &p, e);
	plan_done(&p);
	return r;
}

/* The running container gets the ports that a start with the changed config would give it, and loses the others. */
static int change_live(struct coppice *c, const char *name, const struct change *ch, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct step **more, **less;
	size_t more_count = 0, less_count = 0;
	struct plan fresh = {0};
	int r;

	if (c->facts.user_mode) { /* the program that listens takes its ports when it starts */
		if (c->note)
			c->note(c->note_data, "the container runs: its ports change at its next start");
		return 0;
	}
	r = engine_change_plan(c, name, ch, &fresh, e);

	if (r < 0)
		return r;
	more = difference(&fresh, &ch->kept, true, &a, &more_count);
	less = difference(&ch->kept, &fresh, false, &a, &less_count);
	if (!more || !less)
		r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (r == 0 && more_count)
		r = engine_change_apply(ch, more, more_count, "apply", e);
	if (r == 0 && less_count)
		r = engine_change_apply(ch, less, less_count, "undo", e);
	if (r == 0)
		r = keep_ports(c, name, ch, &fresh, e);
	plan_done(&fresh);
	return r;
}

/* ---- add and remove ---- */

static int refuse_taken(const struct spec *s, const struct spec_port *p, struct err *e)
{
	for (size_t i = 0; i < s->port_count; i++)
		if (overlap(&s->ports[i], p))
			return err_set(e, ERR_EXISTS, EEXIST, "it publishes port %u already",
				       s->ports[i].host > p->host ? s->ports[i].host : p->host);
	return 0;
}

static int add(struct coppice *c, const char *name, struct change *ch, const char *what, struct err *e)
{
	struct spec scratch;
	struct spec_port p;
	int r;

	spec_init(&scratch);
	r = read_port(what, &scratch, &p, e);
	if (r == 0)
		r = refuse_taken(&ch->old, &p, e);
	spec_done(&scratch);
	if (r == 0)
		r = conf_add(ch->conf, KEY, what, e);
	if (r == 0 && ch->runs)
		r = change_live(c, name, ch, e);
	return r < 0 ? r : engine_config_save(c, name, ch->conf, e);
}

int coppice_port_add(struct coppice *c, const char *name, const char *what, struct err *e)
{
	struct change ch;
	int r = engine_change_begin(c, name, "port add", &ch, e);

	if (r == 0) {
		r = add(c, name, &ch, what, e);
		engine_change_done(&ch);
	}
	fd_close(&c->starting);
	return r < 0 ? err_what(e, "cannot publish a port of '%s'", name) : 0;
}

/* "8080", "8080/udp": by the host's port alone. */
static bool is_short(const char *what, struct spec_port *ret)
{
	size_t len = strcspn(what, "/");
	char digits[8];
	uint32_t port;

	if (len >= sizeof(digits) || (what[len] && strcmp(what + len, "/udp") != 0 && strcmp(what + len, "/tcp") != 0))
		return false;
	memcpy(digits, what, len);
	digits[len] = '\0';
	if (parse_u32(digits, &port) < 0 || port == 0 || port > 65535)
		return false;
	*ret = (struct spec_port){.host = (uint16_t)port, .udp = strcmp(what + len, "/udp") == 0, .count = 1};
	return true;
}

static bool is_meant(const struct spec_port *have, const struct spec_port *want, bool by_host)
{
	return by_host ? have->host == want->host && have->udp == want->udp : same_port(have, want);
}

static int remove_line(struct change *ch, const char *what, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct spec_port want, have;
	const char **lines = NULL;
	struct spec scratch;
	size_t count = 0, kept = 0;
	bool by_host = is_short(what, &want);
	int r = engine_change_values(ch, KEY, &a, &lines, &count, e);

	if (r < 0)
		return r;
	spec_init(&scratch);
	if (!by_host)
		r = read_port(what, &scratch, &want, e);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = read_port(lines[i], &scratch, &have, e);
		if (r == 0 && !is_meant(&have, &want, by_host))
			lines[kept++] = lines[i];
	}
	spec_done(&scratch);
	if (r < 0)
		return r;
	if (kept == count)
		return err_set(e, ERR_MISSING, ENOENT, "it does not publish '%.60s'", what);
	return engine_change_list(ch, KEY, lines, kept, e);
}

int coppice_port_remove(struct coppice *c, const char *name, const char *what, struct err *e)
{
	struct change ch;
	int r = engine_change_begin(c, name, "port remove", &ch, e);

	if (r == 0) {
		r = remove_line(&ch, what, e);
		if (r < 0)
			(void)err_hint(e, "coppice port list %s", name);
		if (r == 0 && ch.runs)
			r = change_live(c, name, &ch, e);
		if (r == 0)
			r = engine_config_save(c, name, ch.conf, e);
		engine_change_done(&ch);
	}
	fd_close(&c->starting);
	return r < 0 ? err_what(e, "cannot take back a port of '%s'", name) : 0;
}

/* ---- list ---- */

struct ports {
	struct coppice_port *list;
	size_t count, cap;
};

static int push(struct ports *ps, const struct coppice_port *p)
{
	if (ps->count == ps->cap) {
		size_t cap = ps->cap ? ps->cap * 2 : 16;
		struct coppice_port *bigger = realloc(ps->list, cap * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		ps->list = bigger;
		ps->cap = cap;
	}
	ps->list[ps->count++] = *p;
	return 0;
}

static int list_one(struct coppice *c, const char *name, struct ports *ps, struct err *e)
{
	struct live l = {0};
	struct spec s;
	int r = engine_spec(c, name, NULL, &s, e);

	if (r < 0)
		return r;
	if (s.port_count)
		r = engine_live(c, name, &l, e);
	for (size_t i = 0; r == 0 && i < s.port_count; i++) {
		struct coppice_port p = {
		    .host = s.ports[i].host, .inside = s.ports[i].inside, .count = s.ports[i].count, .active = l.alive};

		(void)snprintf(p.container, sizeof(p.container), "%s", name);
		(void)snprintf(p.bind, sizeof(p.bind), "%s", s.ports[i].bind ?: "");
		(void)snprintf(p.protocol, sizeof(p.protocol), "%s", s.ports[i].udp ? "udp" : "tcp");
		if (push(ps, &p) < 0)
			r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	spec_done(&s);
	return r;
}

int coppice_port_list(struct coppice *c, const char *name, struct coppice_port **ret, size_t *ret_count, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	autofree struct coppice_port *owned = NULL;
	struct ports ps = {0};
	const char **names = NULL;
	size_t count = 0;
	int r = name ? engine_find(c, name, e) : engine_state(c, e);

	if (r == 0)
		r = engine_facts(c, e);
	if (r == 0 && name)
		r = list_one(c, name, &ps, e);
	if (r == 0 && !name)
		r = state_names(&c->state, &a, &names, &count, e);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct err broken = {0};

		if (list_one(c, names[i], &ps, &broken) == -ENOMEM) /* a broken config hides only its own */
			r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	owned = ps.list;
	if (r < 0)
		return name ? err_what(e, "cannot list the ports of '%s'", name) : err_what(e, "cannot list ports");
	*ret = take(owned);
	*ret_count = ps.count;
	return 0;
}
