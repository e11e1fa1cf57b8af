/* progress.h - the phases of one long operation on stderr: redrawn in one line on a terminal, one line a phase elsewhere. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

struct cli;

struct progress {
	struct cli *cli;
	char phase[32];   /* the one that runs, "" = none */
	char detail[160]; /* its last words */
	int percent;      /* -1 = unknown */
	uint64_t began;   /* clock_now_ms() of the phase */
	uint64_t drawn;   /* of the last redraw */
	bool live;        /* stderr is a terminal */
};

void progress_begin(struct progress *p, struct cli *cli);
/* The engine's callback: @data is the struct progress. A new phase name ends the one before. */
void progress_step(void *data, const char *phase, int percent, const char *detail);
/* Ends the last phase; on failure it is left unfinished. */
void progress_end(struct progress *p, bool ok);
