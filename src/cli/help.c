/* help.c - the table of verbs as text and as JSON. */
#include "cli/help.h"

#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "coppice/coppice.h"

#include <string.h>

#define WIDTH 80u

static void blanks(struct buf *b, unsigned n)
{
	while (n-- > 0)
		buf_putc(b, ' ');
}

/* One paragraph line by line: words are put until the next would pass the edge. */
static void fill_words(struct buf *b, const char *p, size_t len, unsigned indent, unsigned width)
{
	unsigned column = 0;
	size_t at = 0;

	while (at < len) {
		size_t n = 0;

		while (at < len && (p[at] == ' ' || p[at] == '\n'))
			at++;
		while (at + n < len && p[at + n] != ' ' && p[at + n] != '\n')
			n++;
		if (n == 0)
			break;
		if (column && column + 1 + n > width) {
			buf_putc(b, '\n');
			column = 0;
		}
		if (column == 0) {
			blanks(b, indent);
			column = indent;
		} else {
			buf_putc(b, ' ');
			column++;
		}
		buf_add(b, p + at, n);
		column += (unsigned)n;
		at += n;
	}
	buf_putc(b, '\n');
}

void help_fill(struct buf *b, const char *text, unsigned indent, unsigned width)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);

		if (text[0] == ' ') {
			for (size_t at = 0; at < len;) {
				size_t n = strcspn(text + at, "\n");

				if (n > len - at)
					n = len - at;
				blanks(b, indent);
				buf_add(b, text + at, n);
				buf_putc(b, '\n');
				at += n + 1;
			}
		} else {
			fill_words(b, text, len, indent, width);
		}
		if (!end)
			return;
		buf_putc(b, '\n');
		text = end + 2;
	}
}

void help_opt_term(const struct opt_def *def, struct buf *b)
{
	if (def->letter)
		buf_printf(b, "-%c, ", def->letter);
	else
		buf_puts(b, "    ");
	buf_printf(b, "--%s", def->name);
	if (def->arg)
		buf_printf(b, " %s", def->arg);
}

static void heading(struct buf *b, const char *text, bool colour)
{
	buf_printf(b, "%s%s%s\n", cli_colour(colour, COLOUR_BOLD), text, cli_colour(colour, COLOUR_OFF));
}

static void opt_lines(struct buf *b, const struct opt_def *defs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		size_t from;

		buf_puts(b, "  ");
		from = b->len;
		help_opt_term(&defs[i], b);
		if (b->len - from > 24)
			buf_puts(b, "\n                            ");
		else
			blanks(b, 26 - (unsigned)(b->len - from));
		buf_puts(b, defs[i].help);
		if (defs[i].choices)
			buf_printf(b, ": %s", defs[i].choices);
		buf_putc(b, '\n');
	}
}

void help_overview(struct buf *b, bool colour)
{
	buf_puts(b, "coppice: containers that share one sealed base\n\n");
	heading(b, "usage: coppice [OPTION...] [NOUN] VERB [OPTION | WORD]...", colour);
	for (enum cmd_group g = 0; g < GROUP_COUNT; g++) {
		buf_putc(b, '\n');
		heading(b, cmd_group_title(g), colour);
		for (size_t i = 0; i < cmd_count(); i++) {
			const struct cmd *cmd = cmd_at(i);
			char title[64];

			if (cmd->group != g || (cmd->flags & CMD_HIDDEN))
				continue;
			cmd_title(cmd, title);
			buf_printf(b, "  %-21s%s\n", title, cmd->help);
		}
	}
	buf_putc(b, '\n');
	heading(b, "Options of every verb", colour);
	opt_lines(b, cmd_globals, GLOBAL_COUNT);
	buf_puts(b, "\nStart with:  coppice doctor        coppice help VERB        coppice help E_CODE\n");
}

static void usage_line(struct buf *b, const struct cmd *cmd)
{
	char title[64];

	cmd_title(cmd, title);
	buf_printf(b, "coppice %s%s%s%s", title, cmd->opt_count ? " [OPTION...]" : "", cmd->args[0] ? " " : "", cmd->args);
}

void help_verb(struct buf *b, const struct cmd *cmd, bool colour)
{
	char title[64];

	cmd_title(cmd, title);
	buf_printf(b, "%s%s%s: %s\n\n", cli_colour(colour, COLOUR_BOLD), title, cli_colour(colour, COLOUR_OFF), cmd->help);
	buf_puts(b, "usage: ");
	usage_line(b, cmd);
	buf_putc(b, '\n');
	if (cmd->alias)
		buf_printf(b, "alias: %s\n", cmd->alias);
	if (cmd->text) {
		buf_putc(b, '\n');
		help_fill(b, cmd->text, 0, WIDTH);
	}
	if (cmd->opt_count) {
		buf_putc(b, '\n');
		heading(b, "Options", colour);
		opt_lines(b, cmd->opts, cmd->opt_count);
	}
	if (cmd->example_count) {
		buf_putc(b, '\n');
		heading(b, "Examples", colour);
		for (unsigned i = 0; i < cmd->example_count; i++)
			buf_printf(b, "  %s\n      %s\n", cmd->examples[i].line, cmd->examples[i].says);
	}
	buf_puts(b, "\nOptions of every verb: coppice help\n");
}

void help_noun(struct buf *b, const char *noun, bool colour)
{
	buf_printf(b, "%s%s%s has these verbs:\n\n", cli_colour(colour, COLOUR_BOLD), noun, cli_colour(colour, COLOUR_OFF));
	for (size_t i = 0; i < cmd_count(); i++) {
		const struct cmd *cmd = cmd_at(i);
		char title[64];

		if (!cmd->noun || strcmp(cmd->noun, noun) != 0)
			continue;
		cmd_title(cmd, title);
		buf_printf(b, "  %-21s%s\n", title, cmd->help);
	}
	buf_printf(b, "\nMore: coppice help %s VERB\n", noun);
}

void help_code(struct buf *b, const struct fail_row *row, bool colour)
{
	buf_printf(b, "%s%s%s: %s (exit %d)\n\n", cli_colour(colour, COLOUR_BOLD), row->code, cli_colour(colour, COLOUR_OFF), row->means, row->exit);
	help_fill(b, row->todo, 0, WIDTH);
}

void help_errors_markdown(struct buf *b)
{
	buf_puts(b, "# Error codes\n\n");
	help_fill(b,
		  "Every failure of `coppice` has a code that stays the same from release to release. It is in the JSON form of an error "
		  "(`-f json`), in the text form with `-v`, and explained by `coppice help CODE`. This page is written by "
		  "`coppice help errors --markdown`.\n\n"
		  "`exec` and `run` end with the inner command's status; failures of their own are 125, except 2 and 3, "
		  "and what the inner command says: 126, 127 and 128 + signal.",
		  0, 100);
	buf_puts(b, "\n| code | exit | meaning | what to do |\n|---|---|---|---|\n");
	for (int i = 0; i < FAIL_COUNT; i++) {
		const struct fail_row *row = fail_row((enum fail_code)i);

		buf_printf(b, "| `%s` | %d | %s | %s |\n", row->code, row->exit, row->means, row->todo);
	}
}

/* ---- JSON ---- */

static const char *type_name(enum opt_type type)
{
	static const char *const names[] = {
		[OPT_FLAG] = "flag",	 [OPT_TEXT] = "text",	      [OPT_LIST] = "list",     [OPT_NUMBER] = "number", [OPT_SIZE] = "size",
		[OPT_CPUS] = "cpus",	 [OPT_DURATION] = "duration", [OPT_SIGNAL] = "signal", [OPT_CHOICE] = "choice",
	};

	return names[type];
}

static void json_opts(struct jout *j, const char *key, const struct opt_def *defs, unsigned count)
{
	jout_key(j, key);
	jout_open(j, '[');
	for (unsigned i = 0; i < count; i++) {
		char letter[2] = {defs[i].letter, '\0'};

		jout_open(j, '{');
		jout_key(j, "name");
		jout_text(j, defs[i].name);
		jout_key(j, "letter");
		jout_text(j, letter[0] ? letter : NULL);
		jout_key(j, "type");
		jout_text(j, type_name(defs[i].type));
		jout_key(j, "argument");
		jout_text(j, defs[i].arg);
		jout_key(j, "help");
		jout_text(j, defs[i].help);
		if (defs[i].choices) {
			jout_key(j, "choices");
			jout_words(j, defs[i].choices, "|");
		}
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

static void json_verb(struct jout *j, const struct cmd *cmd)
{
	jout_open(j, '{');
	jout_key(j, "noun");
	jout_text(j, cmd->noun);
	jout_key(j, "verb");
	jout_text(j, cmd->name);
	jout_key(j, "alias");
	jout_text(j, cmd->alias);
	jout_key(j, "arguments");
	jout_text(j, cmd->args);
	jout_key(j, "help");
	jout_text(j, cmd->help);
	jout_key(j, "text");
	jout_text(j, cmd->text);
	jout_key(j, "selectors");
	jout_bool(j, (cmd->flags & CMD_SELECT) != 0);
	jout_key(j, "inner_command");
	jout_bool(j, (cmd->flags & CMD_INNER) != 0);
	jout_key(j, "dry_run");
	jout_bool(j, (cmd->flags & CMD_DRY_RUN) != 0);
	json_opts(j, "options", cmd->opts, cmd->opt_count);
	jout_key(j, "examples");
	jout_open(j, '[');
	for (unsigned i = 0; i < cmd->example_count; i++) {
		jout_open(j, '{');
		jout_key(j, "line");
		jout_text(j, cmd->examples[i].line);
		jout_key(j, "says");
		jout_text(j, cmd->examples[i].says);
		jout_close(j, '}');
	}
	jout_close(j, ']');
	jout_close(j, '}');
}

static void json_errors(struct jout *j)
{
	jout_key(j, "errors");
	jout_open(j, '[');
	for (int i = 0; i < FAIL_COUNT; i++) {
		const struct fail_row *row = fail_row((enum fail_code)i);

		jout_open(j, '{');
		jout_key(j, "code");
		jout_text(j, row->code);
		jout_key(j, "exit");
		jout_i64(j, row->exit);
		jout_key(j, "means");
		jout_text(j, row->means);
		jout_key(j, "todo");
		jout_text(j, row->todo);
		jout_close(j, '}');
	}
	jout_close(j, ']');
}

void help_json(struct buf *b, const struct cmd *cmd)
{
	struct jout j = JOUT_INIT(b);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.help/1");
	jout_key(&j, "version");
	jout_text(&j, coppice_version());
	jout_key(&j, "verbs");
	jout_open_rows(&j);
	for (size_t i = 0; i < cmd_count(); i++)
		if (cmd ? cmd_at(i) == cmd : !(cmd_at(i)->flags & CMD_HIDDEN))
			json_verb(&j, cmd_at(i));
	jout_close(&j, ']');
	if (!cmd) {
		json_opts(&j, "options", cmd_globals, GLOBAL_COUNT);
		json_errors(&j);
	}
	jout_close(&j, '}');
	buf_putc(b, '\n');
}

int help_about(struct cli *cli, const char *noun, const struct cmd *cmd)
{
	if (cli_json(cli))
		help_json(&cli->out, cmd);
	else if (cmd)
		help_verb(&cli->out, cmd, cli->out_colour);
	else if (noun)
		help_noun(&cli->out, noun, cli->out_colour);
	else
		help_overview(&cli->out, cli->out_colour);
	return CLI_OK;
}
