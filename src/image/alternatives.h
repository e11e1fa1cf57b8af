/* alternatives.h - the notes of update-alternatives(1), reduced to what a smaller system has.
 *
 * On the host awk may be gawk; in a base without gawk it must be mawk, and the notes must say so. A note is text: mode, link of the group,
 * pairs of name and link for each slave, an empty line, then for each candidate its path, priority and one line a slave; an empty line
 * ends. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

struct alternatives_ops {
	/* Is the candidate (or a slave's file) there? */
	bool (*exists)(void *data, const char *path);
	/* @link shall lead to /etc/alternatives/@name, and that to @target. 0 or -errno. */
	int (*link)(void *data, const char *link, const char *name, const char *target);
	void *data;
};

/* @name: of the group; @text: its note, changed in place; @current: what etc/alternatives/@name leads to now, "" = unknown. A choice made
 * by hand stays if it can. Appends the reduced note to @out and makes the links of what is chosen. 1, or 0 when no candidate is left;
 * -EINVAL when @text is malformed, or what `link` returned. */
int alternatives_reduce(const struct alternatives_ops *ops, const char *name, char *text, const char *current, struct buf *out) MUST_USE;
