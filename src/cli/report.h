/* report.h - the engine's JSON reports (of a build, of a verification) as lines a person reads. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Whether @text is one JSON object, so that it may stand inside our own JSON. */
bool report_is_json(const char *text);

/* Whether member @key of the object is true. */
bool report_flag(const char *text, const char *key);

/* Appends "LABEL  N: first, second, ... and K more" for every list in @text, and the words of "notes" a line each. A text that is no JSON
 * is appended as it is. */
void report_summary(struct buf *b, const char *text);
