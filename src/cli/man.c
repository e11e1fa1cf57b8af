/* man.c - man pages from the table of verbs, in the man(7) macros. */
#include "cli/help.h"

#include "base/troff.h"
#include "cli/fail.h"
#include "coppice/coppice.h"

#include <ctype.h>
#include <string.h>

/* Page name: coppice-base-build. */
static void page_name(struct buf *b, const struct cmd *cmd)
{
	buf_puts(b, "coppice");
	if (cmd && cmd->noun)
		buf_printf(b, "-%s", cmd->noun);
	if (cmd)
		buf_printf(b, "-%s", cmd->name);
}

static void page_head(struct buf *b, const struct cmd *cmd, const char *help)
{
	autodone(buf_done) struct buf name = BUF_INIT;

	page_name(&name, cmd);
	buf_puts(b, ".\\\" Written by 'coppice help --man' from the table of verbs.\n.TH ");
	for (const char *p = buf_str(&name); *p; p++)
		buf_putc(b, (char)toupper((unsigned char)*p));
	buf_printf(b, " 1 \"\" \"coppice %s\" \"Coppice\"\n.SH NAME\n", coppice_version());
	troff_escape(b, buf_str(&name));
	buf_puts(b, " \\- ");
	troff_escape(b, help);
	buf_putc(b, '\n');
}

/* Paragraphs; those that start with a blank are shown as they are. */
static void paragraphs(struct buf *b, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);
		autodone(buf_done) struct buf part = BUF_INIT;

		buf_add(&part, text, len);
		buf_puts(b, text[0] == ' ' ? ".PP\n.nf\n" : ".PP\n");
		troff_escape(b, buf_str(&part));
		buf_puts(b, text[0] == ' ' ? "\n.fi\n" : "\n");
		text += len + (end ? 2 : 0);
	}
}

static void options(struct buf *b, const struct opt_def *defs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		buf_puts(b, ".TP\n");
		if (defs[i].letter)
			buf_printf(b, "\\fB\\-%c\\fR, ", defs[i].letter);
		buf_puts(b, "\\fB\\-\\-");
		troff_escape(b, defs[i].name);
		buf_puts(b, "\\fR");
		if (defs[i].arg)
			buf_printf(b, " \\fI%s\\fR", defs[i].arg);
		buf_putc(b, '\n');
		troff_escape(b, defs[i].help);
		if (defs[i].choices) {
			buf_puts(b, ": ");
			troff_escape(b, defs[i].choices);
		}
		buf_putc(b, '\n');
	}
}

static void exit_codes(struct buf *b)
{
	static const struct {
		const char *code, *means;
	} rows[] = {
		{"0", "done, or nothing was to be done"},
		{"1", "failed"},
		{"2", "the command line, a value or configuration text was not understood"},
		{"3", "not found"},
		{"4", "wrong state, exists already, or busy"},
		{"5", "permission denied"},
		{"6", "this kernel or host cannot do it (see coppice doctor)"},
		{"7", "some of several targets failed"},
		{"124", "a deadline passed"},
		{"125", "exec and run: coppice itself failed; otherwise they end with the inner command's status"},
		{"126, 127", "exec and run: the inner command is not executable, was not found"},
		{"128+n", "ended by signal n; 130 after Ctrl-C"},
	};

	buf_puts(b, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_printf(b, ".TP\n\\fB%s\\fR\n", rows[i].code);
		troff_escape(b, rows[i].means);
		buf_putc(b, '\n');
	}
}

static void man_overview(struct buf *b)
{
	page_head(b, NULL, "containers that share one sealed base");
	buf_puts(b, ".SH SYNOPSIS\n\\fBcoppice\\fR [\\fIOPTION\\fR...] [\\fINOUN\\fR] \\fIVERB\\fR [\\fIOPTION\\fR | \\fIWORD\\fR]... "
		    "[\\fB\\-\\-\\fR \\fICOMMAND\\fR...]\n.SH DESCRIPTION\n");
	paragraphs(b, "Grows many containers from one shared, sealed file base. Containers are the default noun; every other noun is spelled. "
		      "Standard output is data, standard error is talk; a failure is told in three lines: what, why, and a command to try.\n\n"
		      "Where a verb takes selectors, these are names, patterns ('web*'), the filters base=, status=, mode= and tag=, or --all, separated "
		      "by blanks or commas. Names and patterns add up; filters narrow. No selector never means all.");
	for (enum cmd_group g = 0; g < GROUP_COUNT; g++) {
		buf_puts(b, ".SS ");
		troff_escape(b, cmd_group_title(g));
		buf_putc(b, '\n');
		for (size_t i = 0; i < cmd_count(); i++) {
			const struct cmd *cmd = cmd_at(i);
			autodone(buf_done) struct buf name = BUF_INIT;

			if (cmd->group != g || (cmd->flags & CMD_HIDDEN))
				continue;
			page_name(&name, cmd);
			buf_puts(b, ".TP\n\\fB");
			troff_escape(b, buf_str(&name));
			buf_puts(b, "\\fR(1)\n");
			troff_escape(b, cmd->help);
			buf_putc(b, '\n');
		}
	}
	buf_puts(b, ".SH OPTIONS\n");
	options(b, cmd_globals, GLOBAL_COUNT);
	exit_codes(b);
	buf_puts(b, ".SH ENVIRONMENT\n");
	paragraphs(b, "COPPICE_ROOT, COPPICE_LXCPATH and COPPICE_RUNDIR say where bases, containers and run-time state are; COPPICE_FORMAT is the default of "
		      "--format; COPPICE_NETWORK is what new containers are connected to when nothing else says it (a network's name, empty or none); COPPICE_LOG is quiet, normal, verbose or debug; NO_COLOR and CLICOLOR_FORCE switch colour; EDITOR is used by config edit; "
		      "PAGER, when set, shows help. An option wins over the environment. Without root, bases and containers are in $XDG_DATA_HOME/coppice (else ~/.local/share/coppice) and run-time state in $XDG_RUNTIME_DIR/coppice.");
}

void man_page(struct buf *b, const struct cmd *cmd)
{
	char title[64];

	if (!cmd) {
		man_overview(b);
		return;
	}
	cmd_title(cmd, title);
	page_head(b, cmd, cmd->help);
	buf_printf(b, ".SH SYNOPSIS\n\\fBcoppice %s\\fR", title);
	if (cmd->opt_count)
		buf_puts(b, " [\\fIOPTION\\fR...]");
	buf_putc(b, ' ');
	troff_escape(b, cmd->args);
	buf_puts(b, "\n");
	if (cmd->text) {
		buf_puts(b, ".SH DESCRIPTION\n");
		paragraphs(b, cmd->text);
	}
	if (cmd->alias) {
		buf_puts(b, ".PP\nAlias: ");
		troff_escape(b, cmd->alias);
		buf_putc(b, '\n');
	}
	if (cmd->opt_count) {
		buf_puts(b, ".SH OPTIONS\n");
		options(b, cmd->opts, cmd->opt_count);
	}
	if (cmd->example_count)
		buf_puts(b, ".SH EXAMPLES\n");
	for (unsigned i = 0; i < cmd->example_count; i++) {
		buf_puts(b, ".TP\n\\fB");
		troff_escape(b, cmd->examples[i].line);
		buf_puts(b, "\\fR\n");
		troff_escape(b, cmd->examples[i].says);
		buf_putc(b, '\n');
	}
	buf_puts(b, ".SH SEE ALSO\n\\fBcoppice\\fR(1) has the options of every verb, the exit codes and the environment.\n");
}
