/* help.h - everything that is written from the table of verbs: overview, help of a verb, JSON, man pages, the page of error codes. */
#pragma once

#include "base/buf.h"
#include "cli/cmd.h"

#include <stdbool.h>

struct cli;
struct fail_row;
struct jout;

/* `coppice help`: every verb in one line. */
void help_overview(struct buf *b, bool colour);
/* `coppice help VERB`. */
void help_verb(struct buf *b, const struct cmd *cmd, bool colour);
/* `coppice help NOUN`: its verbs. */
void help_noun(struct buf *b, const char *noun, bool colour);
/* `coppice help E_BASE_BUSY`. */
void help_code(struct buf *b, const struct fail_row *row, bool colour);

/* Prints what --help means at this point of the line, in the form asked for. Returns the exit code. */
int help_about(struct cli *cli, const char *noun, const struct cmd *cmd);

/* The table as JSON; one verb when @cmd is given. */
void help_json(struct buf *b, const struct cmd *cmd);

/* man(7) source: coppice(1) with @cmd NULL, else coppice-VERB(1). */
void man_page(struct buf *b, const struct cmd *cmd);
/* coppice-config(5). */
void man_config(struct buf *b);
/* docs/errors.md. */
void help_errors_markdown(struct buf *b);

/* Fills paragraphs of @text to @width columns behind @indent blanks; lines that start with a blank stay as they are. */
void help_fill(struct buf *b, const char *text, unsigned indent, unsigned width);
/* "-n, --lines N" for one option. */
void help_opt_term(const struct opt_def *def, struct buf *b);
