/* out.h - what is told: lines of a config, notes. Values come from a stranger's file: a line break in one never begins a line of its own. */
#pragma once

#include "base/buf.h"

struct out {
	struct buf text;
};

/* "C KEY = VALUE"; control bytes in the value become '?'. */
void out_key(struct out *o, const char *key, const char *fmt, ...) PRINTF(3, 4);
/* "C # TEXT". */
void out_comment(struct out *o, const char *fmt, ...) PRINTF(2, 3);
/* "! TEXT". */
void out_note(struct out *o, const char *fmt, ...) PRINTF(2, 3);
/* Any letter. */
void out_line(struct out *o, char letter, const char *fmt, ...) PRINTF(3, 4);
