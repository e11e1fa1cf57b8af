/* targets.c - see targets.h. */
#include "cli/targets.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/near.h"
#include "cli/out.h"
#include "cli/selector.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a name that does not exist ---- */

/* The error text for missing @name: how many there are, which is closest, and the command line with that name in it. */
static void suggest(struct cli *cli, const char *noun, const char *list, const char *name, const char *const *names, size_t count, struct err *e)
{
	const char *near = near_word(name, names, count);
	char line[sizeof(e->hint)] = "", word[sizeof(e->hint)], shown[80];
	int at = -1;

	format_safe(name, shown, sizeof(shown));
	if (count == 0)
		(void)err_set(e, ERR_MISSING, ENOENT, "there is no %s at all yet", noun);
	else if (near)
		(void)err_set(e, ERR_MISSING, ENOENT, "%zu %s%s; the closest name is '%s'", count, noun, count == 1 ? " exists" : "s exist", near);
	else
		(void)err_set(e, ERR_MISSING, ENOENT, "%zu %s%s, none with a name like it", count, noun, count == 1 ? " exists" : "s exist");
	(void)err_what(e, "there is no %s '%s'", noun, shown);
	/* The line as typed, with the name that was probably meant. */
	for (int i = 1; near && i < cli->argc && at < 0; i++) {
		size_t len = strlen(name);

		/* "NAME" or, for cp, "NAME:/path". */
		if (strncmp(cli->argv[i], name, len) == 0 && (cli->argv[i][len] == '\0' || cli->argv[i][len] == ':'))
			at = i;
	}
	if (at > 0) {
		(void)snprintf(word, sizeof(word), "%s%s", near, cli->argv[at] + strlen(name));
		args_respell(cli->argc, cli->argv, at, word, line, sizeof(line));
	}
	(void)err_hint(e, "%s", line[0] ? line : list);
}

/* The code of a missing base, with the closest name told. */
static enum fail_code explain_base(struct cli *cli, struct coppice *c, const char *ref, struct err *e)
{
	autofree struct coppice_base *bases = NULL;
	autofree const char **names = NULL;
	struct err ignored = {0};
	size_t count = 0, used = 0;

	if (e->kind != ERR_MISSING || coppice_base_list(c, &bases, &count, &ignored) < 0)
		return fail_code_of(cli, e);
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return fail_code_of(cli, e);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(bases[i].name);

		/* The base exists: it is the version, or something else altogether, that does not. */
		if (strncmp(bases[i].name, ref, len) == 0 && (ref[len] == '@' || ref[len] == '\0'))
			return ref[len] == '@' || cli->cmd->topic == TOPIC_BASE ? fail_code_of(cli, e) : FAIL_MISSING;
		if (used == 0 || strcmp(names[used - 1], bases[i].name) != 0)
			names[used++] = bases[i].name;
	}
	suggest(cli, "base", used ? "coppice base list" : "coppice base build NAME --from host", ref, names, used, e);
	return FAIL_NO_BASE;
}

int target_fail_base(struct cli *cli, struct coppice *c, const char *ref, struct err *e)
{
	cli->subject = ref;
	return fail_as(cli, explain_base(cli, c, ref, e), e);
}

/* The same for what is not in the trash: @id is NAME or NAME.STAMP. */
static enum fail_code explain_trash(struct cli *cli, struct coppice *c, const char *id, struct err *e)
{
	autofree struct coppice_trash *items = NULL;
	autofree const char **names = NULL;
	struct err ignored = {0};
	size_t count = 0;

	if (e->kind != ERR_MISSING || coppice_trash_list(c, &items, &count, &ignored) < 0)
		return fail_code_of(cli, e);
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return fail_code_of(cli, e);
	for (size_t i = 0; i < count; i++)
		names[i] = items[i].name;
	suggest(cli, "deleted container", "coppice undelete --list", id, names, count, e);
	return FAIL_NO_TRASH;
}

/* The same for networks. */
static enum fail_code explain_network(struct cli *cli, struct coppice *c, const char *name, struct err *e)
{
	autofree struct coppice_network *networks = NULL;
	autofree const char **names = NULL;
	struct err ignored = {0};
	size_t count = 0;

	if (e->kind != ERR_MISSING || coppice_network_list(c, &networks, &count, &ignored) < 0)
		return fail_code_of(cli, e);
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return fail_code_of(cli, e);
	for (size_t i = 0; i < count; i++) {
		names[i] = networks[i].name;
		if (strcmp(names[i], name) == 0)
			return fail_code_of(cli, e);
	}
	suggest(cli, "network", count ? "coppice network list" : "coppice network create NAME", name, names, count, e);
	return FAIL_NO_NETWORK;
}

enum fail_code target_explain(struct cli *cli, struct coppice *c, const char *name, struct err *e)
{
	autofree struct coppice_info *infos = NULL;
	autofree const char **names = NULL;
	struct err ignored = {0};
	size_t count = 0;

	if (cli->base)
		return explain_base(cli, c, cli->base, e);
	if (cli->cmd->topic == TOPIC_BASE)
		return explain_base(cli, c, name, e);
	if (cli->cmd->topic == TOPIC_NETWORK)
		return explain_network(cli, c, name, e);
	if (cli->cmd->topic == TOPIC_TRASH)
		return explain_trash(cli, c, name, e);
	/* A file, a key or a base may be what is missing; only a container that is not there gets the list. */
	if (cli->cmd->topic == TOPIC_CREATE && e->kind == ERR_MISSING)
		return FAIL_MISSING; /* it is just being made: a root, a file */
	if (e->kind != ERR_MISSING || coppice_list(c, 0, &infos, &count, &ignored) < 0)
		return fail_code_of(cli, e);
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return fail_code_of(cli, e);
	for (size_t i = 0; i < count; i++) {
		names[i] = infos[i].name;
		if (strcmp(infos[i].name, name) == 0)
			return cli->cmd->topic == TOPIC_CONFIG ? FAIL_NO_KEY : FAIL_MISSING;
	}
	suggest(cli, "container", "coppice list", name, names, count, e);
	return FAIL_NO_CONTAINER;
}

int target_fail(struct cli *cli, struct coppice *c, const char *name, struct err *e)
{
	cli->subject = name;
	return fail_as(cli, target_explain(cli, c, name, e), e);
}

/* ---- results ---- */

static void col_verb(const void *row, struct cell *c)
{
	cell_text(c, ((const struct result *)row)->verb);
}

static void col_name(const void *row, struct cell *c)
{
	cell_text(c, ((const struct result *)row)->name);
}

static void col_ok(const void *row, struct cell *c)
{
	cell_bool(c, ((const struct result *)row)->ok);
}

static void col_changed(const void *row, struct cell *c)
{
	const struct result *r = row;

	if (r->ok)
		cell_bool(c, r->changed);
}

static void col_state(const void *row, struct cell *c)
{
	const struct result *r = row;

	cell_text(c, r->dry_run ? NULL : r->state);
}

static void col_dry_run(const void *row, struct cell *c)
{
	cell_bool(c, ((const struct result *)row)->dry_run);
}

static void col_pid(const void *row, struct cell *c)
{
	const struct result *r = row;

	cell_number(c, CELL_NUMBER, r->pid > 0 ? (uint64_t)r->pid : UINT64_MAX);
}

static void col_exit(const void *row, struct cell *c)
{
	const struct result *r = row;

	cell_number(c, CELL_NUMBER, r->exit >= 0 ? (uint64_t)r->exit : UINT64_MAX);
}

static void col_ms(const void *row, struct cell *c)
{
	cell_number(c, CELL_NUMBER, ((const struct result *)row)->ms);
}

static void col_created(const void *row, struct cell *c)
{
	cell_number(c, CELL_NUMBER, ((const struct result *)row)->created_ms);
}

static void col_started(const void *row, struct cell *c)
{
	cell_number(c, CELL_NUMBER, ((const struct result *)row)->started_ms);
}

static void col_killed(const void *row, struct cell *c)
{
	cell_bool(c, ((const struct result *)row)->killed);
}

static const struct column result_columns[] = {
	{.key = "verb", .title = "VERB", .flags = COLUMN_TABLE, .get = col_verb},
	{.key = "name", .title = "NAME", .flags = COLUMN_TABLE, .get = col_name},
	{.key = "ok", .title = "OK", .flags = COLUMN_TABLE, .get = col_ok},
	{.key = "changed", .title = "CHANGED", .flags = COLUMN_TABLE, .get = col_changed},
	{.key = "state", .title = "STATE", .flags = COLUMN_TABLE, .get = col_state},
	{.key = "pid", .title = "PID", .flags = COLUMN_TABLE, .get = col_pid},
	{.key = "exit", .title = "EXIT", .get = col_exit},
	{.key = "dry_run", .title = "DRY-RUN", .get = col_dry_run},
	{.key = "killed", .title = "KILLED", .get = col_killed},
	{.key = "created_ms", .title = "CREATED", .get = col_created},
	{.key = "started_ms", .title = "STARTED", .get = col_started},
	{.key = "ms", .title = "MS", .flags = COLUMN_TABLE, .get = col_ms},
};

static const struct view result_view = {"coppice.result/1", "results", result_columns, ARRAY_LEN(result_columns)};

static void tell_human(struct cli *cli, const struct result *r)
{
	struct buf *b = &cli->out;
	bool on = cli->out_colour;

	buf_printf(b, "%s%s%s  %s", cli_colour(on, COLOUR_BOLD), r->name, cli_colour(on, COLOUR_OFF), r->state ? r->state : "done");
	if (r->note[0])
		buf_printf(b, "  %s", r->note);
	if (r->pid > 0)
		buf_printf(b, "  pid %d", r->pid);
	if (r->created_ms != UINT64_MAX)
		buf_printf(b, "  created %llu ms", (unsigned long long)r->created_ms);
	if (r->started_ms != UINT64_MAX)
		buf_printf(b, "%sstarted %llu ms", r->created_ms != UINT64_MAX ? " · " : "  ", (unsigned long long)r->started_ms);
	if (r->created_ms == UINT64_MAX && r->started_ms == UINT64_MAX && r->ms != UINT64_MAX)
		buf_printf(b, "  %llu ms", (unsigned long long)r->ms);
	if (r->hint)
		buf_printf(b, "     %s%s %s%s", cli_colour(on, COLOUR_DIM), r->hint, r->name, cli_colour(on, COLOUR_OFF));
	buf_putc(b, '\n');
}

/* @e: the failure, or NULL. */
static void tell(struct cli *cli, const struct result *r, size_t index, enum fail_code code, const struct err *e)
{
	struct jout j = JOUT_INIT(&cli->out);
	struct selection sel;

	if (cli_json(cli)) {
		/* The row's object is reopened for its error. */
		out_json_row(&j, &result_view, NULL, r, result_view.schema);
		if (e && cli->out.len && !buf_failed(&cli->out)) {
			cli->out.len--;
			buf_puts(&cli->out, ",\"error\":");
			j = (struct jout)JOUT_INIT(&cli->out);
			fail_json(cli, &j, code, e);
			buf_putc(&cli->out, '}');
		}
		buf_putc(&cli->out, '\n');
		return;
	}
	if (cli_human(cli)) {
		if (!e && !cli->quiet)
			tell_human(cli, r);
		else if (!e && r->name_is_news)
			buf_printf(&cli->out, "%s\n", r->name);
		return;
	}
	out_select_default(&result_view, &sel);
	cli->no_header |= index > 0;
	out_rows(cli, &(struct out_job){.view = &result_view, .sel = &sel, .rows = r, .count = 1, .size = sizeof(*r)});
}

/* ---- the loop ---- */

/* The one thing a signal handler can do. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* First Ctrl-C sets the flag and gives the signal back its default; the second ends the program. */
static void watch_interrupt(struct sigaction *old)
{
	struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART};

	interrupted = 0;
	(void)sigaction(SIGINT, &sa, old);
}

struct tally {
	size_t done, failed;
	int code;   /* of the first failure */
	bool mixed; /* failures with different codes */
};

static void count_failure(struct tally *t, int code)
{
	if (t->failed++ == 0)
		t->code = code;
	else if (t->code != code)
		t->mixed = true;
}

static int run_one(struct cli *cli, struct coppice *c, const char *name, const struct target_op *op, size_t index)
{
	struct result r = {.verb = cli->cmd->name, .changed = true, .exit = -1, .ms = UINT64_MAX, .created_ms = UINT64_MAX, .started_ms = UINT64_MAX};
	uint64_t begin = clock_now_ms();
	struct err e = {0};
	enum fail_code code;
	int ret, status;

	cli->subject = name;
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	r.dry_run = cli->dry_run;
	if (r.dry_run) {
		r.state = op->would;
		r.changed = false;
	}
	ret = !r.dry_run ? op->run(cli, c, name, op->data, &r, &e) : op->dry_run ? op->dry_run(cli, c, name, op->data, &r, &e) : 0;
	if (!r.dry_run)
		r.ms = clock_now_ms() - begin;
	if (ret < 0) {
		code = target_explain(cli, c, name, &e);
		status = fail_as(cli, code, &e);
		r.changed = false;
		tell(cli, &r, index, code, &e);
		return status;
	}
	r.ok = true;
	if (!r.told)
		tell(cli, &r, index, FAIL_INTERNAL, NULL);
	if (!r.changed && !r.dry_run && op->was)
		cli_note(cli, "'%s' %s", r.name, op->was);
	return 0;
}

static int sum_up(struct cli *cli, const struct tally *t, size_t count)
{
	if (interrupted) {
		cli_note(cli, "interrupted: %zu of %zu done, %zu failed, the rest is untouched", t->done, count, t->failed);
		return CLI_INTERRUPTED;
	}
	if (t->failed == 0)
		return CLI_OK;
	if (count > 1)
		cli_note(cli, "%zu of %zu done, %zu failed", t->done, count, t->failed);
	return t->done == 0 && !t->mixed ? t->code : CLI_PARTIAL;
}

int targets_run_names(struct cli *cli, const char *const *names, size_t count, const struct target_op *op)
{
	struct coppice *c = NULL;
	struct sigaction old;
	struct tally t = {0};
	struct err e = {0};

	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	/* A single target is interrupted by the signal itself: every verb may be killed at any point. */
	interrupted = 0;
	if (count > 1)
		watch_interrupt(&old);
	for (size_t i = 0; i < count && !interrupted; i++) {
		int code = run_one(cli, c, names[i], op, i);

		if (code == 0)
			t.done++;
		else
			count_failure(&t, code);
		/* One by one: whoever waits for the first name does not wait for the last. A reader that went away does not stop the work;
		 * cli_main() accounts for it. */
		(void)cli_flush(cli);
	}
	if (count > 1)
		(void)sigaction(SIGINT, &old, NULL);
	return sum_up(cli, &t, count);
}

/* ---- selectors to names ---- */

static int no_match(const struct term *t, size_t count, struct err *e)
{
	char shown[80];

	format_safe(t->text, shown, sizeof(shown));
	(void)err_set(e, ERR_MISSING, ENOENT, "%zu container%s, and the pattern fits none", count, count == 1 ? " exists" : "s exist");
	(void)err_what(e, "no container matches '%s'", shown);
	return err_hint(e, "coppice list");
}

/* Every name and pattern must fit something; a name that does not is kept as a target, so that its failure is told like any other. */
static int check_terms(const struct selector *s, const struct coppice_info *infos, size_t count, struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		bool hit = false;

		for (size_t k = 0; k < count && !hit; k++)
			hit = term_fits_name(&s->terms[i], infos[k].name);
		if (!hit && s->terms[i].kind == TERM_PATTERN)
			return no_match(&s->terms[i], count, e);
	}
	return 0;
}

static bool is_known(const struct coppice_info *infos, size_t count, const char *name)
{
	for (size_t k = 0; k < count; k++)
		if (strcmp(infos[k].name, name) == 0)
			return true;
	return false;
}

static int expand(struct args *args, const struct selector *s, const struct coppice_info *infos, size_t count, const char ***ret,
		  size_t *ret_count)
{
	const char **names = arena_alloc(&args->arena, (count + s->count + 1) * sizeof(*names));
	size_t used = 0;

	if (!names)
		return -ENOMEM;
	for (size_t k = 0; k < count; k++)
		if (selector_fits(s, &infos[k])) {
			names[used] = arena_strdup(&args->arena, infos[k].name);
			if (!names[used++])
				return -ENOMEM;
		}
	for (size_t i = 0; i < s->count; i++)
		if (s->terms[i].kind == TERM_NAME && !is_known(infos, count, s->terms[i].text))
			names[used++] = s->terms[i].text;
	*ret = names;
	*ret_count = used;
	return 0;
}

int targets_resolve(struct cli *cli, struct args *args, size_t count, const char *const **ret, size_t *ret_count, struct err *e)
{
	autofree struct coppice_info *infos = NULL;
	struct coppice *c = NULL;
	struct selector s;
	const char **names;
	size_t known = 0;
	int r = selector_parse(&args->arena, args->words, count, args_has(args, "all"), &s, e);

	if (r < 0)
		return r;
	if (selector_is_names(&s)) {
		names = arena_alloc(&args->arena, (s.count + 1) * sizeof(*names));
		if (!names)
			return err_sys(e, ENOMEM, "read the selector");
		for (size_t i = 0; i < s.count; i++)
			names[i] = s.terms[i].text;
		*ret = names;
		*ret_count = s.count;
		return 0;
	}
	r = cli_engine(cli, &c, e);
	if (r < 0)
		return r;
	r = coppice_list(c, COPPICE_INFO_BASE, &infos, &known, e);
	if (r < 0)
		return r;
	r = check_terms(&s, infos, known, e);
	if (r < 0)
		return r;
	r = expand(args, &s, infos, known, &names, ret_count);
	if (r < 0)
		return err_sys(e, r, "read the selector");
	*ret = names;
	return 0;
}

int targets_run(struct cli *cli, struct args *args, size_t count, const struct target_op *op)
{
	const char *const *names = NULL;
	struct err e = {0};
	size_t found = 0;

	if (targets_resolve(cli, args, count, &names, &found, &e) < 0)
		return fail_as(cli, e.kind == ERR_MISSING ? FAIL_NO_MATCH : e.kind == ERR_INPUT ? FAIL_USAGE : fail_code_of(cli, &e), &e);
	if (found == 0) {
		cli_note(cli, "no container fits: nothing to %s", cli->cmd->name);
		return CLI_OK;
	}
	return targets_run_names(cli, names, found, op);
}

/* ---- things that are not containers ---- */

struct deletion {
	const char *noun;
	delete_fn *delete;
	bool if_exists;
};

static int delete_one(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e)
{
	const struct deletion *d = data;
	int ret = d->delete(c, name, d->if_exists, e);

	(void)cli;
	if (ret < 0) {
		(void)err_what(e, "cannot delete %s '%s'", d->noun, name);
		return ret;
	}
	r->changed = ret == 0;
	r->state = ret == 0 ? "deleted" : "absent";
	return 0;
}

int targets_delete(struct cli *cli, struct args *args, const char *noun, delete_fn *delete)
{
	struct deletion d = {.noun = noun, .delete = delete, .if_exists = args_has(args, "if-exists")};
	struct target_op op = {.run = delete_one, .data = &d, .was = "does not exist", .would = "would be deleted"};

	return targets_run_names(cli, args->words, args->count, &op);
}
