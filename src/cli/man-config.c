/* man-config.c - coppice-config(5): the language of a container's configuration, and every key, from the engine's table. */
#include "cli/help.h"

#include "base/troff.h"
#include "coppice/coppice.h"

#include <string.h>

static void term(struct buf *b, const struct coppice_key *key)
{
	buf_puts(b, ".TP\n\\fB");
	troff_escape(b, key->name);
	buf_puts(b, key->name[strlen(key->name) - 1] == '.' ? "*\\fR = \\fI" : "\\fR = \\fI");
	troff_escape(b, key->values);
	buf_puts(b, "\\fR\n");
	troff_escape(b, key->help);
	buf_puts(b, ".\n");
	if (key->list)
		buf_puts(b, "May be repeated.\n");
	if (key->example[0]) {
		buf_puts(b, "Example: \\fB");
		troff_escape(b, key->example);
		buf_puts(b, "\\fR.\n");
	}
	if (key->old[0]) {
		buf_puts(b, "Before LXC 2.1: \\fB");
		troff_escape(b, key->old);
		buf_puts(b, "\\fR.\n");
	}
	if (key->since[0])
		buf_printf(b, "In LXC since %s.\n", key->since);
	if (key->until[0])
		buf_printf(b, "In LXC until %s.\n", key->until);
	if (strcmp(key->status, "works") != 0)
		buf_printf(b, "%s", strcmp(key->status, "ignored") == 0 ? "Accepted and ignored: " : "Refused: ");
	if (key->why[0]) {
		troff_escape(b, key->why);
		buf_puts(b, ".\n");
	}
}

static void keys(struct buf *b, const char *prefix, const char *title)
{
	autofree struct coppice_key *list = NULL;
	size_t count = coppice_config_keys(&list);

	buf_printf(b, ".SH %s\n", title);
	for (size_t i = 0; list && i < count; i++)
		if (strncmp(list[i].name, prefix, strlen(prefix)) == 0)
			term(b, &list[i]);
}

void man_config(struct buf *b)
{
	buf_puts(b, ".\\\" Written by 'coppice help config --man' from the table of keys.\n.TH COPPICE-CONFIG 5 \"\" ");
	buf_printf(b, "\"coppice %s\" \"Coppice\"\n.SH NAME\ncoppice\\-config \\- configuration of a container, in the language of LXC\n", coppice_version());
	buf_puts(b, ".SH DESCRIPTION\nThe file \\fBconfig\\fR in a container's directory has one \\fIkey\\fR = \\fIvalue\\fR a line. Files written for LXC 0.7 to 7 are read; keys of\n"
		    "Coppice begin with \\fBcoppice.\\fR\n.PP\nA \\fB#\\fR begins a comment only as the first thing of a line. A value that begins and ends with the same quote loses that\n"
		    "pair. An empty value puts a key back to its default; for a key that may be repeated it forgets what was said before, and the name of a family without its last part\n"
		    "(\\fBlxc.net =\\fR) forgets all of it. A key that is said twice has its last value. Sizes take K M G T P E, always 1024; times are seconds, or ms s m h d.\n"
		    ".PP\nNames from before LXC 2.1 are read for ever; \\fBcoppice config upgrade\\fR rewrites them. \\fBcoppice config check\\fR tells everything that is wrong with a text,\n"
		    "\\fBcoppice config show \\-\\-origin\\fR where each value comes from.\n");
	keys(b, "lxc.", "KEYS OF LXC");
	keys(b, "coppice.", "KEYS OF COPPICE");
	buf_puts(b, ".SH SEE ALSO\n\\fBcoppice\\fR(1), \\fBcoppice\\-config\\-set\\fR(1), \\fBcoppice\\-config\\-check\\fR(1), \\fBcoppice\\-config\\-upgrade\\fR(1)\n");
}
