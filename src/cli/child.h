/* child.h - the user's own programs on the user's own terminal: editor and pager. Nothing else is ever started from here. */
#pragma once

#include "base/err.h"

struct cli;

/* Edits @file with $VISUAL, $EDITOR or vi and waits for the end. The value is a program and its arguments, split at blanks; no shell sees it.
 * 0, or -errno with ERR_SYSTEM: no such program, or it ended with a failure. */
int child_editor(const char *file, struct err *e) MUST_USE;

/* Shows what is collected in cli->out through $PAGER when that is set, stdout is a terminal and the text is longer than it. Falls back to
 * leaving it collected. */
void child_pager(struct cli *cli);
