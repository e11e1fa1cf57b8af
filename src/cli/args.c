/* args.c - the option parser. One pass over argv; every refusal says what was meant and shows a line to paste. */
#include "cli/args.h"

#include "base/buf.h"
#include "base/parse.h"
#include "cli/near.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- telling ---- */

/* Characters no shell gives a meaning to. */
static bool is_plain(const char *s)
{
	return *s && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_^") == strlen(s);
}

static void quote(struct buf *b, const char *s)
{
	if (is_plain(s)) {
		buf_puts(b, s);
		return;
	}
	buf_putc(b, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_puts(b, "'\\''");
		else
			buf_putc(b, *s);
	}
	buf_putc(b, '\'');
}

void args_respell(int argc, char *const *argv, int at, const char *word, char *out, size_t size)
{
	autodone(buf_done) struct buf b = BUF_INIT;

	buf_puts(&b, "coppice");
	for (int i = 1; i < argc && b.len < size; i++) {
		buf_putc(&b, ' ');
		quote(&b, i == at ? word : argv[i]);
	}
	/* Half a command is worse than none: whoever pastes it gets something else. */
	if (buf_failed(&b) || b.len >= size)
		out[0] = '\0';
	else
		memcpy(out, buf_str(&b), b.len + 1);
}

static void hint_respell(const struct args *a, int at, const char *word, struct err *e)
{
	char line[sizeof(e->hint)];

	args_respell(a->argc, a->argv, at, word, line, sizeof(line));
	if (line[0])
		err_hint(e, "%s", line);
}

/* The usage error of a known verb: @e gets what and why from the caller, the try line from here. */
static int refuse(const struct args *a, struct err *e)
{
	char title[64];

	if (a->cmd) {
		cmd_title(a->cmd, title);
		return err_hint(e, "coppice help %s", title);
	}
	return err_hint(e, "coppice help");
}

/* ---- verbs ---- */

static int unknown_verb(struct args *a, int at, struct err *e)
{
	const char *word = a->argv[at];
	bool foreign = false;
	const struct cmd *near = cmd_nearest(a->noun, word, &foreign);
	const char *noun = a->noun ? NULL : cmd_nearest_noun(word);
	char shown[80];

	format_safe(word, shown, sizeof(shown));
	if (near && foreign)
		(void)err_set(e, ERR_INPUT, EINVAL, "coppice calls it '%s'", near->name);
	else if (near)
		(void)err_set(e, ERR_INPUT, EINVAL, "the closest verb is '%s'", near->name);
	else if (noun)
		(void)err_set(e, ERR_INPUT, EINVAL, "the closest noun is '%s'", noun);
	else
		(void)err_set(e, ERR_INPUT, EINVAL, "no verb is spelled like it");
	if (a->noun)
		(void)err_what(e, "there is no verb '%s %s'", a->noun, shown);
	else
		(void)err_what(e, "there is no verb '%s'", shown);
	if (near || noun)
		hint_respell(a, at, near ? near->name : noun, e);
	return refuse(a, e);
}

static int take_verb(struct args *a, int at, struct err *e)
{
	const char *word = a->argv[at];

	if (!a->noun && cmd_is_noun(word)) {
		a->noun = word;
		return 0;
	}
	a->cmd = cmd_find(a->noun, word);
	return a->cmd ? 0 : unknown_verb(a, at, e);
}

/* ---- options ---- */

static const struct opt_def *find_in(const struct opt_def *defs, unsigned count, const char *name, size_t len, char letter)
{
	for (unsigned i = 0; i < count; i++)
		if (name ? strlen(defs[i].name) == len && memcmp(defs[i].name, name, len) == 0 : defs[i].letter == letter)
			return &defs[i];
	return NULL;
}

/* Finds an option by long name (@len bytes of @name) or, with @name NULL, by letter; *ret_value is where its value goes. */
static const struct opt_def *find_opt(struct args *a, const char *name, size_t len, char letter, struct opt_value **ret_value)
{
	const struct opt_def *def = a->cmd ? find_in(a->cmd->opts, a->cmd->opt_count, name, len, letter) : NULL;

	if (def) {
		*ret_value = &a->own[def - a->cmd->opts];
		return def;
	}
	def = find_in(cmd_globals, GLOBAL_COUNT, name, len, letter);
	if (def)
		*ret_value = &a->global[def - cmd_globals];
	return def;
}

static int unknown_opt(struct args *a, int at, const char *name, size_t len, struct err *e)
{
	const char *names[ARGS_OPT_MAX + GLOBAL_COUNT], *near;
	char word[64], fixed[320], title[64] = "coppice", shown[80];
	size_t count = 0;

	for (unsigned i = 0; a->cmd && i < a->cmd->opt_count; i++)
		names[count++] = a->cmd->opts[i].name;
	for (unsigned i = 0; i < GLOBAL_COUNT; i++)
		names[count++] = cmd_globals[i].name;
	(void)snprintf(word, sizeof(word), "%.*s", (int)(len < 60 ? len : 60), name);
	near = near_word(word, names, count);
	if (near)
		(void)err_set(e, ERR_INPUT, EINVAL, "the closest option is '--%s'", near);
	else
		(void)err_set(e, ERR_INPUT, EINVAL, "no option is spelled like it");
	if (a->cmd)
		cmd_title(a->cmd, title);
	format_safe(word, shown, sizeof(shown));
	(void)err_what(e, "'%s' has no option '--%s'", title, shown);
	if (near && strlen(name + len) < sizeof(fixed) - 64) {
		(void)snprintf(fixed, sizeof(fixed), "--%s%s", near, name + len);
		hint_respell(a, at, fixed, e);
	}
	return refuse(a, e);
}

static int unknown_letter(struct args *a, char letter, struct err *e)
{
	char title[64] = "coppice", one[2] = {letter, '\0'}, shown[4];

	if (a->cmd)
		cmd_title(a->cmd, title);
	format_safe(one, shown, sizeof(shown));
	(void)err_set(e, ERR_INPUT, EINVAL, "no option has this letter");
	(void)err_what(e, "'%s' has no option '-%s'", title, shown);
	return refuse(a, e);
}

/* An inner command without "--" before it: its options would be taken for ours. */
static int want_dashes(const struct args *a, int at, struct err *e)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	char title[64];

	cmd_title(a->cmd, title);
	(void)err_set(e, ERR_INPUT, EINVAL, "the inner command of '%s' starts after '--'", title);
	(void)err_what(e, "'%s' does not know what is the inner command", title);
	buf_puts(&b, "coppice");
	for (int i = 1; i < a->argc; i++) {
		buf_puts(&b, i == at ? " -- " : " ");
		quote(&b, a->argv[i]);
	}
	if (!buf_failed(&b) && b.len < sizeof(e->hint))
		(void)err_hint(e, "%s", buf_str(&b));
	return refuse(a, e);
}

static const char *const value_examples[] = {
	[OPT_FLAG] = NULL,
	[OPT_TEXT] = "a text",
	[OPT_LIST] = "a text",
	[OPT_NUMBER] = "a number such as 10",
	[OPT_SIZE] = "a size such as 512M",
	[OPT_CPUS] = "a number of cpus such as 1.5",
	[OPT_DURATION] = "a time such as 30s, 500ms or 5m",
	[OPT_SIGNAL] = "a signal such as TERM or 15",
	[OPT_CHOICE] = NULL,
};

static bool is_choice(const char *choices, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = choices; p && len; p = strchr(p, '|')) {
		if (*p == '|')
			p++;
		if (strncmp(p, word, len) == 0 && (p[len] == '|' || p[len] == '\0'))
			return true;
	}
	return false;
}

static int parse_value(const struct opt_def *def, const char *text, uint64_t *ret)
{
	int sig = 0, r;

	switch (def->type) {
	case OPT_NUMBER:
		return parse_u64(text, ret);
	case OPT_SIZE:
		return parse_size(text, ret);
	case OPT_CPUS:
		return parse_milli(text, ret);
	case OPT_DURATION:
		return parse_duration_ms(text, ret);
	case OPT_SIGNAL:
		r = parse_signal(text, &sig);
		if (r == 0)
			*ret = (uint64_t)sig;
		return r;
	case OPT_CHOICE:
		return is_choice(def->choices, text) ? 0 : -EINVAL;
	case OPT_FLAG:
	case OPT_TEXT:
	case OPT_LIST:
		break;
	}
	return 0;
}

static int bad_value(const struct args *a, const struct opt_def *def, const char *text, int code, struct err *e)
{
	char shown[80];

	format_safe(text, shown, sizeof(shown));
	if (def->type == OPT_CHOICE)
		(void)err_set(e, ERR_INPUT, EINVAL, "it is one of %s", def->choices);
	else if (code == -ERANGE)
		(void)err_set(e, ERR_INPUT, ERANGE, "the value is too large");
	else
		(void)err_set(e, ERR_INPUT, EINVAL, "it needs %s", value_examples[def->type]);
	(void)err_what(e, "'--%s' does not take '%s'", def->name, shown);
	return refuse(a, e);
}

static int set_opt(struct args *a, const struct opt_def *def, struct opt_value *v, const char *text, struct err *e)
{
	int r = text ? parse_value(def, text, &v->number) : 0;

	if (r < 0)
		return bad_value(a, def, text, r, e);
	if (def->type == OPT_LIST) {
		if (!v->list)
			v->list = arena_alloc(&a->arena, ((size_t)a->argc + 1) * sizeof(*v->list));
		if (!v->list)
			return err_sys(e, ENOMEM, "read the command line");
		v->list[v->count] = text;
	}
	v->count++;
	v->text = text;
	return 0;
}

static int no_value(const struct args *a, const struct opt_def *def, struct err *e)
{
	(void)err_set(e, ERR_INPUT, EINVAL, "'--%s' is followed by %s", def->name, def->arg);
	(void)err_what(e, "'--%s' lacks its value", def->name);
	return refuse(a, e);
}

/* "--name", "--name=value", "--name value". *at moves over a value taken from the next word. */
static int take_long(struct args *a, int *at, struct err *e)
{
	const char *name = a->argv[*at] + 2, *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	struct opt_value *v = NULL;
	const struct opt_def *def = find_opt(a, name, len, 0, &v);

	if (!def)
		return unknown_opt(a, *at, name, len, e);
	if (def->type == OPT_FLAG && eq) {
		(void)err_set(e, ERR_INPUT, EINVAL, "it is either given or not");
		(void)err_what(e, "'--%s' takes no value", def->name);
		return refuse(a, e);
	}
	if (def->type == OPT_FLAG || eq)
		return set_opt(a, def, v, eq ? eq + 1 : NULL, e);
	if (*at + 1 >= a->argc)
		return no_value(a, def, e);
	*at += 1;
	return set_opt(a, def, v, a->argv[*at], e);
}

/* "-n5", "-n 5", "-qv". */
static int take_short(struct args *a, int *at, struct err *e)
{
	for (const char *p = a->argv[*at] + 1; *p; p++) {
		struct opt_value *v = NULL;
		const struct opt_def *def = find_opt(a, NULL, 0, *p, &v);
		int r;

		if (!def)
			return unknown_letter(a, *p, e);
		if (def->type == OPT_FLAG) {
			r = set_opt(a, def, v, NULL, e);
			if (r < 0)
				return r;
			continue;
		}
		if (p[1])
			return set_opt(a, def, v, p + 1, e);
		if (*at + 1 >= a->argc)
			return no_value(a, def, e);
		*at += 1;
		return set_opt(a, def, v, a->argv[*at], e);
	}
	return 0;
}

static bool has_dashes(const struct args *a, int from)
{
	for (int i = from; i < a->argc; i++)
		if (strcmp(a->argv[i], "--") == 0)
			return true;
	return false;
}

static int take_opt(struct args *a, int *at, struct err *e)
{
	const char *word = a->argv[*at];
	int first = *at, r = word[1] == '-' ? take_long(a, at, e) : take_short(a, at, e);

	/* "exec web1 ls -la": the stranger is the inner command's. */
	if (r < 0 && a->cmd && (a->cmd->flags & CMD_INNER) && a->count >= a->cmd->max && a->count > 0 && !has_dashes(a, first)) {
		bool extra = a->count > a->cmd->max;

		err_clear(e);
		return want_dashes(a, extra ? a->word_at[a->cmd->max] : first, e);
	}
	return r;
}

/* ---- the whole line ---- */

static void take_word(struct args *a, int at)
{
	a->words[a->count] = a->argv[at];
	a->word_at[a->count++] = at;
}

static int check_count(const struct args *a, struct err *e)
{
	const struct cmd *cmd = a->cmd;
	unsigned min = cmd->min;
	char title[64];

	cmd_title(cmd, title);
	if ((cmd->flags & CMD_SELECT) && args_has(a, "all") && min > 0)
		min--;
	if (a->count > cmd->max && (cmd->flags & CMD_INNER) && !a->inner)
		return want_dashes(a, a->word_at[cmd->max], e);
	if (a->count > cmd->max) {
		char shown[80];

		format_safe(a->words[cmd->max], shown, sizeof(shown));
		(void)err_set(e, ERR_INPUT, EINVAL, "its form is: coppice %s%s%s", title, cmd->args[0] ? " " : "", cmd->args);
		(void)err_what(e, "'%s' does not know what to do with '%s'", title, shown);
		return refuse(a, e);
	}
	if (a->count < min) {
		if ((cmd->flags & CMD_SELECT) && a->count == 0)
			(void)err_set(e, ERR_INPUT, EINVAL, "no selector never means all; its form is: coppice %s %s", title, cmd->args);
		else
			(void)err_set(e, ERR_INPUT, EINVAL, "its form is: coppice %s %s", title, cmd->args);
		(void)err_what(e, (cmd->flags & CMD_SELECT) && a->count == 0 ? "'%s' needs a selector" : "'%s' needs more words", title);
		return refuse(a, e);
	}
	/* "run BASE true": the last word was meant to be the command. */
	if ((cmd->flags & CMD_INNER_MUST) && !a->inner && a->count > 1)
		return want_dashes(a, a->word_at[a->count - 1], e);
	if ((cmd->flags & CMD_INNER_MUST) && a->inner_count == 0) {
		(void)err_set(e, ERR_INPUT, EINVAL, "its form is: coppice %s %s", title, cmd->args);
		(void)err_what(e, "'%s' needs a command after '--'", title);
		return refuse(a, e);
	}
	return 0;
}

static int check(const struct args *a, struct err *e)
{
	char title[64];

	if (!a->cmd || a->global[GLOBAL_HELP].count || a->global[GLOBAL_VERSION].count)
		return 0;
	if (a->global[GLOBAL_DRY_RUN].count && !(a->cmd->flags & CMD_DRY_RUN)) {
		cmd_title(a->cmd, title);
		(void)err_set(e, ERR_INPUT, EINVAL, "only verbs that change containers, bases or the store can foretell");
		(void)err_what(e, "'%s' has no dry run", title);
		return refuse(a, e);
	}
	return check_count(a, e);
}

int args_parse(int argc, char **argv, struct args *ret, struct err *e)
{
	int r;

	*ret = (struct args){.arena = ARENA_INIT, .argc = argc, .argv = argv};
	if (argc > ARGS_WORDS_MAX) {
		(void)err_set(e, ERR_INPUT, E2BIG, "at most %d words are read", ARGS_WORDS_MAX);
		return err_what(e, "the command line is too long");
	}
	ret->words = arena_alloc(&ret->arena, ((size_t)argc + 1) * sizeof(*ret->words));
	ret->word_at = arena_alloc(&ret->arena, ((size_t)argc + 1) * sizeof(*ret->word_at));
	if (!ret->words || !ret->word_at)
		return err_sys(e, ENOMEM, "read the command line");
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		r = 0;
		if (strcmp(word, "--") == 0 && ret->cmd) {
			i++;
			if (ret->cmd->flags & CMD_INNER) {
				ret->inner = (const char *const *)argv + i;
				ret->inner_count = (size_t)(argc - i);
				break;
			}
			for (; i < argc; i++)
				take_word(ret, i);
		} else if (word[0] == '-' && word[1]) {
			r = take_opt(ret, &i, e);
		} else if (!ret->cmd) {
			r = take_verb(ret, i, e);
		} else {
			take_word(ret, i);
		}
		if (r < 0)
			return r;
	}
	return check(ret, e);
}

void args_done(struct args *a)
{
	arena_done(&a->arena);
}

const struct opt_value *args_opt(const struct args *a, const char *name)
{
	const struct opt_def *def = find_in(a->cmd->opts, a->cmd->opt_count, name, strlen(name), 0);

	assert(def);
	return &a->own[def - a->cmd->opts];
}

bool args_has(const struct args *a, const char *name)
{
	return args_opt(a, name)->count > 0;
}

const char *args_text(const struct args *a, const char *name)
{
	return args_opt(a, name)->text;
}

uint64_t args_number(const struct args *a, const char *name, uint64_t otherwise)
{
	const struct opt_value *v = args_opt(a, name);

	return v->count ? v->number : otherwise;
}
