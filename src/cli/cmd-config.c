/* cmd-config.c - a container's configuration text: get, set, unset, show; and the keys there are. */
#include "base/arena.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "cli/making.h"
#include "cli/out.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_MAX (1u << 20)

/* The first word is a container; *ret_c is the engine. 0, or the exit code of a failure that was told. */
static int begin(struct cli *cli, const struct args *args, struct coppice **ret_c)
{
	struct err e = {0};

	if (!parse_is_container(args->words[0]))
		return fail_usage(cli, "this cannot be the name of a container", "config verbs take one name, no selector");
	cli->subject = args->words[0];
	return cli_engine(cli, ret_c, &e) < 0 ? fail(cli, &e) : 0;
}

/* A change made while it runs is seen at the next start. */
static void note_running(struct cli *cli, struct coppice *c, const char *name)
{
	struct coppice_info info;
	struct err ignored = {0};

	if (coppice_info(c, name, 0, &info, &ignored) == 0 && info.state != COPPICE_STOPPED && info.state != COPPICE_BROKEN)
		cli_note(cli, "'%s' is %s: the change counts from its next start", name, coppice_state_name(info.state));
}

/* ---- show ---- */

struct line {
	const char *key, *value;
};

/* "key = value" lines of @text, which is cut up in place; comments and what is no such line are left out. */
static size_t split_lines(char *text, struct line *lines, size_t max)
{
	size_t count = 0;

	for (char *line = text, *next; line && *line && count < max; line = next) {
		char *eq, *end;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line += strspn(line, " \t");
		eq = strchr(line, '=');
		if (*line == '#' || !eq || eq == line)
			continue;
		for (end = eq; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
			;
		*end = '\0';
		eq++;
		eq += strspn(eq, " \t");
		for (end = eq + strlen(eq); end > eq && strchr(" \t\r", end[-1]); end--)
			;
		*end = '\0';
		lines[count++] = (struct line){line, eq};
	}
	return count;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

static void col_key(const void *row, struct cell *c)
{
	cell_text(c, ((const struct line *)row)->key);
}

static void col_value(const void *row, struct cell *c)
{
	c->kind = CELL_TEXT;
	c->text = ((const struct line *)row)->value;
}

static const struct column line_columns[] = {
	{.key = "key", .title = "KEY", .flags = COLUMN_TABLE, .get = col_key},
	{.key = "value", .title = "VALUE", .flags = COLUMN_TABLE, .get = col_value},
};

static const struct view line_view = {"coppice.config/1", "config", line_columns, ARRAY_LEN(line_columns)};

struct extra {
	const char *name, *text;
};

static void json_extra(struct jout *j, const void *data)
{
	const struct extra *x = data;

	jout_key(j, "name");
	jout_text(j, x->name);
	jout_key(j, "text");
	jout_text(j, x->text);
}

static int print_lines(struct cli *cli, const char *name, const char *text)
{
	autofree struct line *lines = calloc(count_lines(text), sizeof(*lines));
	autofree char *copy = strdup(text);
	struct extra extra = {name, text};
	struct selection sel;
	size_t count;

	if (!lines || !copy) {
		cli->out.failed = true;
		return CLI_FAILED;
	}
	count = split_lines(copy, lines, count_lines(text));
	out_select_default(&line_view, &sel);
	out_rows(cli, &(struct out_job){.view = &line_view,
					.sel = &sel,
					.rows = lines,
					.count = count,
					.size = sizeof(*lines),
					.totals = json_extra,
					.totals_data = &extra});
	return CLI_OK;
}

/* ---- show --origin ---- */

struct placed {
	const char *where, *key, *value;
};

struct placed_list {
	struct arena arena;
	struct placed *list;
	size_t count;
	bool failed;
};

static void placed_done(struct placed_list *l)
{
	arena_done(&l->arena);
}

static void take_placed(void *data, const char *where, const char *key, const char *value)
{
	struct placed_list *l = data;
	struct placed *p = arena_push(&l->arena, &l->list, &l->count, sizeof(*p));

	if (p)
		*p = (struct placed){arena_strdup(&l->arena, where), arena_strdup(&l->arena, key), arena_strdup(&l->arena, value)};
	l->failed |= !p || !p->where || !p->key || !p->value;
}

static void placed_key(const void *row, struct cell *c)
{
	cell_text(c, ((const struct placed *)row)->key);
}

static void placed_value(const void *row, struct cell *c)
{
	cell_text(c, ((const struct placed *)row)->value);
}

static void placed_where(const void *row, struct cell *c)
{
	cell_text(c, ((const struct placed *)row)->where);
}

static const struct column placed_columns[] = {
	{.key = "key", .title = "KEY", .flags = COLUMN_TABLE, .get = placed_key, .paint = PAINT_NAME},
	{.key = "value", .title = "VALUE", .flags = COLUMN_TABLE, .get = placed_value},
	{.key = "where", .title = "WHERE", .flags = COLUMN_TABLE, .get = placed_where},
};

static const struct view placed_view = {"coppice.origin/1", "config", placed_columns, ARRAY_LEN(placed_columns)};

static int show_origin(struct cli *cli, struct coppice *c, const char *name)
{
	autodone(placed_done) struct placed_list l = {.arena = ARENA_INIT};
	struct selection sel;
	struct err e = {0};

	if (coppice_config_origin(c, name, take_placed, &l, &e) < 0) {
		(void)err_what(&e, "cannot read the configuration of '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	if (l.failed) {
		cli->out.failed = true;
		return CLI_FAILED;
	}
	out_select_default(&placed_view, &sel);
	out_rows(cli, &(struct out_job){.view = &placed_view, .sel = &sel, .rows = l.list, .count = l.count, .size = sizeof(*l.list)});
	return CLI_OK;
}

static int run_show(struct cli *cli, struct args *args)
{
	autofree char *text = NULL;
	struct coppice *c = NULL;
	struct err e = {0};
	int code = begin(cli, args, &c);

	if (code)
		return code;
	if (args_has(args, "origin"))
		return show_origin(cli, c, args->words[0]);
	if (coppice_config_text(c, args->words[0], &text, &e) < 0) {
		(void)err_what(&e, "cannot read the configuration of '%s'", args->words[0]);
		return target_fail(cli, c, args->words[0], &e);
	}
	if (!cli_human(cli))
		return print_lines(cli, args->words[0], text);
	/* The text itself, byte for byte: it can be fed to another create. */
	buf_puts(&cli->out, text);
	return CLI_OK;
}

/* ---- get ---- */

static void get_human(struct cli *cli, const char *value)
{
	buf_puts(&cli->out, value);
	if (*value && value[strlen(value) - 1] != '\n')
		buf_putc(&cli->out, '\n');
}

static void get_json(struct cli *cli, const char *name, const char *key, const char *value)
{
	struct jout j = JOUT_INIT(&cli->out);
	autofree char *copy = strdup(value);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.value/1");
	jout_key(&j, "name");
	jout_text(&j, name);
	jout_key(&j, "key");
	jout_text(&j, key);
	jout_key(&j, "values");
	jout_open(&j, '[');
	for (char *line = copy, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		jout_text(&j, line);
	}
	jout_close(&j, ']');
	jout_close(&j, '}');
	buf_putc(&cli->out, '\n');
}

static int run_get(struct cli *cli, struct args *args)
{
	struct coppice *c = NULL;
	int code = begin(cli, args, &c);

	for (size_t i = 1; code == 0 && i < args->count; i++) {
		autofree char *value = NULL;
		struct err e = {0};

		if (coppice_config_get(c, args->words[0], args->words[i], &value, &e) < 0) {
			(void)err_what(&e, "cannot read '%s' of '%s'", args->words[i], args->words[0]);
			return target_fail(cli, c, args->words[0], &e);
		}
		if (cli_json(cli))
			get_json(cli, args->words[0], args->words[i], value);
		else
			get_human(cli, value);
	}
	return code;
}

/* ---- set, unset ---- */

static int replace_from_stdin(struct cli *cli, struct coppice *c, const char *name)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct err e = {0};
	int r = fd_read_all(STDIN_FILENO, &text, CONFIG_MAX);

	if (r == -EFBIG)
		return fail_usage(cli, "the configuration text is too long", "at most 1 MiB is read");
	if (r < 0) {
		(void)err_sys(&e, r, "read standard input");
		return fail(cli, &e);
	}
	if (memchr(buf_str(&text), '\0', text.len))
		return fail_usage(cli, "the configuration text is not text", "it has a NUL byte");
	/* An empty pipe is an accident more often than a wish. */
	if (text.len == 0)
		return fail_usage(cli, "standard input is empty", "the whole configuration was to be read from it");
	if (coppice_config_replace(c, name, buf_str(&text), &e) < 0) {
		(void)err_what(&e, "cannot replace the configuration of '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	note_running(cli, c, name);
	return CLI_OK;
}

static int run_set(struct cli *cli, struct args *args)
{
	struct coppice *c = NULL;
	struct err e = {0};
	int code = begin(cli, args, &c);

	if (code)
		return code;
	if (args->count == 2 && strcmp(args->words[1], "-") == 0)
		return replace_from_stdin(cli, c, args->words[0]);
	for (size_t i = 1; i < args->count; i++)
		if (!making_is_pair(args->words[i]))
			return fail_usage(cli, "'config set' needs KEY=VALUE", "KEY+=VALUE adds to a list; a single - replaces everything from stdin");
	if (coppice_config_set(c, args->words[0], args->words + 1, &e) < 0) {
		(void)err_what(&e, "cannot change the configuration of '%s'", args->words[0]);
		return target_fail(cli, c, args->words[0], &e);
	}
	note_running(cli, c, args->words[0]);
	return CLI_OK;
}

static int run_unset(struct cli *cli, struct args *args)
{
	struct coppice *c = NULL;
	int code = begin(cli, args, &c);

	for (size_t i = 1; code == 0 && i < args->count; i++) {
		struct err e = {0};

		if (coppice_config_unset(c, args->words[0], args->words[i], &e) < 0) {
			(void)err_what(&e, "cannot unset '%s' of '%s'", args->words[i], args->words[0]);
			return target_fail(cli, c, args->words[0], &e);
		}
	}
	if (code == 0)
		note_running(cli, c, args->words[0]);
	return code;
}

/* ---- keys ---- */

#define KEY_COL(name, member)                                                      \
	static void key_##name(const void *row, struct cell *c)                    \
	{                                                                          \
		cell_text(c, ((const struct coppice_key *)row)->member);           \
	}

KEY_COL(name, name)
KEY_COL(help, help)
KEY_COL(values, values)
KEY_COL(example, example)
KEY_COL(old, old)
KEY_COL(since, since)
KEY_COL(until, until)
KEY_COL(status, status)
KEY_COL(why, why)

static void key_list(const void *row, struct cell *c)
{
	cell_bool(c, ((const struct coppice_key *)row)->list);
}

static const struct column key_columns[] = {
	{.key = "key", .title = "KEY", .flags = COLUMN_TABLE, .get = key_name, .paint = PAINT_NAME},
	{.key = "help", .title = "MEANING", .flags = COLUMN_TABLE | COLUMN_BLANK, .get = key_help},
	{.key = "list", .title = "LIST", .get = key_list},
	{.key = "example", .title = "EXAMPLE", .flags = COLUMN_LONG | COLUMN_BLANK, .get = key_example},
	{.key = "old", .title = "BEFORE 2.1", .flags = COLUMN_LONG | COLUMN_BLANK, .get = key_old},
	{.key = "since", .title = "SINCE", .flags = COLUMN_LONG | COLUMN_BLANK, .get = key_since},
	{.key = "until", .title = "UNTIL", .flags = COLUMN_LONG | COLUMN_BLANK, .get = key_until},
	{.key = "status", .title = "STATUS", .flags = COLUMN_LONG, .get = key_status},
	{.key = "why", .title = "WHY", .flags = COLUMN_LONG | COLUMN_BLANK, .get = key_why},
	/* Last: it is the one that is cut on a narrow terminal. */
	{.key = "values", .title = "VALUES", .flags = COLUMN_TABLE | COLUMN_BLANK, .get = key_values},
};

static const struct view key_view = {"coppice.keys/1", "keys", key_columns, ARRAY_LEN(key_columns)};

static bool key_fits(const struct coppice_key *key, const struct args *args)
{
	for (size_t i = 0; i < args->count; i++)
		if (fnmatch(args->words[i], key->name, 0) == 0 || strstr(key->name, args->words[i]))
			return true;
	return args->count == 0;
}

static int run_keys(struct cli *cli, struct args *args)
{
	autofree struct coppice_key *keys = NULL;
	size_t count = coppice_config_keys(&keys), used = 0;
	autofree struct coppice_key *chosen = calloc(count + 1, sizeof(*chosen));
	struct selection sel;
	struct err e = {0};

	if (!chosen)
		return CLI_FAILED;
	if (out_select(&key_view, args, &sel, &e) < 0)
		return fail_as(cli, FAIL_USAGE, &e);
	for (size_t i = 0; i < count; i++)
		if (key_fits(&keys[i], args))
			chosen[used++] = keys[i];
	out_sort(&key_view, &sel, chosen, used, sizeof(*chosen));
	out_rows(cli, &(struct out_job){.view = &key_view, .sel = &sel, .rows = chosen, .count = used, .size = sizeof(*chosen)});
	return CLI_OK;
}

/* ---- table ---- */

static const struct opt_def keys_opts[] = {OUT_OPTS};
static const struct opt_def show_opts[] = {
	{.name = "origin", .type = OPT_FLAG, .help = "what counts, of its includes too, and the file and line it is said at"},
};

static const struct cmd_example get_examples[] = {{"coppice config get web1 coppice.memory", "print one value"}};
static const struct cmd_example set_examples[] = {
	{"coppice config set web1 coppice.memory=1G coppice.cpus=2", "all or nothing: every value is checked first"},
	{"coppice config set web1 coppice.tag+=lab", "one more value of a list"},
	{"coppice config set web1 - < web1.conf", "replace everything"},
};
static const struct cmd_example unset_examples[] = {{"coppice config unset web1 coppice.memory", "back to the default"}};
static const struct cmd_example show_examples[] = {
	{"coppice config show web1 > web1.conf", "the text, as it is"},
	{"coppice config show web1 -f json", "key by key"},
	{"coppice config show web1 --origin", "which line of which file each value is from"},
};
static const struct cmd_example keys_examples[] = {
	{"coppice config keys memory", "every key with this word in it"},
	{"coppice config keys 'lxc.cgroup2.*' --long", "with examples"},
};

const struct cmd cmd_config_get = {
	.noun = "config",
	.name = "get",
	.foreign = "read",
	.args = "NAME KEY...",
	.help = "print values of a container's configuration",
	.text = "A list prints one value a line. A key that is not set is an error (exit 3).",
	CMD_EXAMPLES(get_examples),
	.min = 2,
	.max = 65536,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER, COMPLETE_KEY},
	.run = run_get,
};

const struct cmd cmd_config_set = {
	.noun = "config",
	.name = "set",
	.foreign = "add,write",
	.args = "NAME KEY=VALUE... | NAME -",
	.help = "change a container's configuration",
	.text = "Every value is checked before anything is written; comments and order of the text stay. KEY+=VALUE adds to a list. A single - replaces the whole "
		"text by standard input. What runs is not changed: the change counts from the next start.",
	CMD_EXAMPLES(set_examples),
	.min = 2,
	.max = 65536,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER, COMPLETE_KEY},
	.run = run_set,
};

const struct cmd cmd_config_unset = {
	.noun = "config",
	.name = "unset",
	.foreign = "remove,delete,rm",
	.args = "NAME KEY...",
	.help = "take keys out of a container's configuration",
	CMD_EXAMPLES(unset_examples),
	.min = 2,
	.max = 65536,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER, COMPLETE_KEY},
	.run = run_unset,
};

const struct cmd cmd_config_show = {
	.noun = "config",
	.name = "show",
	.foreign = "print,cat,list",
	.args = "NAME",
	.help = "print a container's configuration text",
	.text = "The table form is the text itself, byte for byte; the others have one row a key. With --origin keys have their names of today, "
		"and what a later line took back is left out.",
	CMD_OPTS(show_opts),
	CMD_EXAMPLES(show_examples),
	.min = 1,
	.max = 1,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER},
	.run = run_show,
};

const struct cmd cmd_config_keys = {
	.noun = "config",
	.name = "keys",
	.foreign = "help",
	.args = "[WORD | PATTERN]...",
	.help = "list the configuration keys",
	CMD_OPTS(keys_opts),
	CMD_EXAMPLES(keys_examples),
	.max = 65536,
	.group = GROUP_CONFIG,
	.topic = TOPIC_NONE,
	.complete = {COMPLETE_KEY},
	.run = run_keys,
};
