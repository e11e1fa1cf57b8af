/* plan.c - the step table, printing and the wire form. What goes into a plan is build.c's. */
#include "plan/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WIRE_MAGIC 0x31504343u /* "CCP1" */
#define WIRE_MAX_STEPS 20000u
#define WIRE_MAX_TEXT 65536u

static const struct {
	const char *word;
	enum step_side side;
	const char *args;
} kinds[STEP_KIND_COUNT] = {
#define X(kind, side_, word_, args_) [STEP_##kind] = {.word = #word_, .side = SIDE_##side_, .args = args_},
	STEP_LIST(X)
#undef X
};

void plan_done(struct plan *p)
{
	arena_done(&p->arena);
	p->steps = NULL;
	p->count = 0;
}

struct step *plan_add(struct plan *p, enum step_kind kind)
{
	struct step *st = arena_push(&p->arena, &p->steps, &p->count, sizeof(*st));

	if (st)
		st->kind = kind;
	return st;
}

const char *step_word(enum step_kind kind)
{
	return kind < STEP_KIND_COUNT ? kinds[kind].word : "?";
}

enum step_side step_side_of(enum step_kind kind)
{
	return kinds[kind].side;
}

void step_describe(const struct step *st, struct buf *out)
{
	const char *arg = kinds[st->kind].args;
	size_t text = 0, number = 0;

	buf_puts(out, kinds[st->kind].word);
	while (*arg) {
		size_t len = strcspn(arg, " ");
		bool is_number = arg[len - 1] == '#';

		if (is_number)
			buf_printf(out, " %.*s=%llu", (int)len - 1, arg, (unsigned long long)st->number[number++]);
		else if (st->text[text++])
			buf_printf(out, " %.*s=%s", (int)len, arg, st->text[text - 1]);
		arg += len;
		arg += strspn(arg, " ");
	}
}

void plan_print(const struct plan *p, struct buf *out)
{
	static const char *const sides[] = {[SIDE_DATA] = "-", [SIDE_HOST] = "host", [SIDE_NET] = "net", [SIDE_CHILD] = "child"};

	for (size_t i = 0; i < p->count; i++) {
		buf_printf(out, "%3zu %-5s ", i + 1, sides[kinds[p->steps[i].kind].side]);
		step_describe(&p->steps[i], out);
		buf_putc(out, '\n');
	}
}

uint64_t plan_hook_ms(const struct plan *p)
{
	uint64_t ms = 0;

	plan_each(st, p, STEP_HOOK)
		ms += PLAN_HOOK_MS;
	ms = ms < 10 * PLAN_HOOK_MS ? ms : 10 * PLAN_HOOK_MS;
	return plan_find(p, STEP_RESTORE, 0) ? ms + PLAN_RESTORE_MS : ms;
}

const struct step *plan_find(const struct plan *p, enum step_kind kind, size_t from)
{
	for (size_t i = from; i < p->count; i++)
		if (p->steps[i].kind == kind)
			return &p->steps[i];
	return NULL;
}

static void put_u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

int plan_encode(const struct plan *p, struct buf *out)
{
	put_u32(out, WIRE_MAGIC);
	put_u32(out, (uint32_t)p->count);
	for (size_t i = 0; i < p->count; i++) {
		const struct step *st = &p->steps[i];

		put_u32(out, st->kind);
		buf_add(out, st->number, sizeof(st->number));
		for (size_t t = 0; t < STEP_TEXTS; t++) {
			size_t len = st->text[t] ? strlen(st->text[t]) : 0;

			if (len > WIRE_MAX_TEXT)
				return -E2BIG;
			put_u32(out, st->text[t] ? (uint32_t)len : UINT32_MAX);
			buf_add(out, st->text[t] ?: "", len);
		}
	}
	return buf_failed(out) ? -ENOMEM : 0;
}

struct reader {
	const char *at, *end;
};

static int get(struct reader *r, void *out, size_t size)
{
	if ((size_t)(r->end - r->at) < size)
		return -EBADMSG;
	memcpy(out, r->at, size);
	r->at += size;
	return 0;
}

static int get_step(struct reader *r, struct plan *p)
{
	uint32_t kind, len;
	struct step *st;

	if (get(r, &kind, sizeof(kind)) < 0 || kind >= STEP_KIND_COUNT)
		return -EBADMSG;
	st = plan_add(p, kind);
	if (!st)
		return -ENOMEM;
	if (get(r, st->number, sizeof(st->number)) < 0)
		return -EBADMSG;
	for (size_t t = 0; t < STEP_TEXTS; t++) {
		if (get(r, &len, sizeof(len)) < 0)
			return -EBADMSG;
		if (len == UINT32_MAX)
			continue;
		if (len > WIRE_MAX_TEXT || (size_t)(r->end - r->at) < len || memchr(r->at, 0, len))
			return -EBADMSG;
		st->text[t] = arena_strndup(&p->arena, r->at, len);
		if (!st->text[t])
			return -ENOMEM;
		r->at += len;
	}
	return 0;
}

int plan_decode(const char *bytes, size_t len, struct plan *ret, struct err *e)
{
	struct reader r = {bytes, bytes + len};
	uint32_t magic = 0, count = 0;
	struct plan p = {0};
	int rc = 0;

	if (get(&r, &magic, sizeof(magic)) < 0 || get(&r, &count, sizeof(count)) < 0 || magic != WIRE_MAGIC || count > WIRE_MAX_STEPS)
		rc = -EBADMSG;
	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = get_step(&r, &p);
	if (rc == 0 && r.at != r.end)
		rc = -EBADMSG;
	if (rc < 0) {
		plan_done(&p);
		return err_set(e, ERR_INTERNAL, -rc, "malformed plan");
	}
	*ret = p;
	return 0;
}
