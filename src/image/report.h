/* report.h - what the caller of this program reads: JSON lines on stdout.
 *
 *     {"phase":"copy","percent":40,"detail":"12,345 files"}     progress, at most ten a second; no percent when it is not known
 *     {"result":{...}}                                          the last line of a success
 *     {"error":{"kind":"input","code":22,"why":"...","try":"..."}}   the last line of a failure, exit status 1
 *
 * The process that reads them owns wording and layout for people. */
#pragma once

#include "base/err.h"
#include "image/json.h"

struct report {
	int fd;
	uint64_t last_ms;  /* when the last progress line went out */
	const char *phase; /* of that line: a new phase is always told */
};

/* Tells progress; @percent below 0 = not known. 0, or -errno when the reader has gone (the caller then gives up: nobody waits for the
 * result). */
int report_progress(struct report *r, const char *phase, int percent, const char *fmt, ...) PRINTF(4, 5) MUST_USE;

/* Writes one finished line. 0 or -errno. */
int report_line(struct report *r, struct buf *line) MUST_USE;

/* The last line of a failure. */
int report_error(struct report *r, const struct err *e) MUST_USE;
