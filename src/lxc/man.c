/* man.c - the manual page of an lxc-* command, from its rows, in the man(7) macros. */
#include "lxc/man.h"

#include "base/buf.h"
#include "base/troff.h"
#include "coppice/coppice.h"

#include <ctype.h>

static void option(struct buf *b, const struct lxc_opt *o)
{
	buf_puts(b, ".TP\n.B ");
	if (o->id < 256)
		buf_printf(b, "\\-%c", o->id);
	if (o->word) {
		buf_puts(b, o->id < 256 ? ", \\-\\-" : "\\-\\-");
		troff_escape(b, o->word);
	}
	if (o->value) {
		buf_putc(b, o->word ? '=' : ' ');
		troff_escape(b, o->value);
	}
	buf_putc(b, '\n');
	troff_escape(b, o->help);
	if (o->note) {
		buf_puts(b, " (");
		troff_escape(b, o->note);
		buf_putc(b, ')');
	}
	buf_puts(b, ".\n");
}

void lxc_man(const struct lxc_cmd *cmd, struct buf *out)
{
	size_t count;
	const struct lxc_opt *common = lxc_common_opts(&count);

	buf_puts(out, ".\\\" Written from the command's table of options.\n.TH ");
	for (const char *p = cmd->program; *p; p++)
		buf_putc(out, (char)toupper((unsigned char)*p));
	buf_printf(out, " 1 \"\" \"coppice %s\" \"Coppice\"\n.SH NAME\n", coppice_version());
	troff_escape(out, cmd->program);
	buf_puts(out, " \\- ");
	troff_escape(out, cmd->about);
	buf_puts(out, "\n.SH SYNOPSIS\n.B ");
	troff_escape(out, cmd->program);
	buf_putc(out, '\n');
	troff_escape(out, cmd->synopsis);
	buf_puts(out, "\n.SH OPTIONS\n");
	for (size_t i = 0; i < cmd->opt_count; i++)
		option(out, &cmd->opts[i]);
	buf_puts(out, ".SS Common options\n");
	for (size_t i = 0; i < count; i++)
		option(out, &common[i]);
	buf_printf(out, ".SH EXIT STATUS\n0 when it was done, %d when not, and the reason in three lines on standard error.\n", cmd->failure ?: 1);
	if (cmd->exits) {
		troff_escape(out, cmd->exits);
		buf_puts(out, ".\n");
	}
	buf_puts(out, ".SH SEE ALSO\n.BR coppice (1)\n.PP\nThis command is coppice under another name: it and the native verbs act on the same containers.\n");
}
