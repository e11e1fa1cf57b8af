/* cli.h - one invocation of the native command: where it talks, in which form, and the engine once somebody needs it.
 *
 * stdout is data and is collected in `out`, so that a table is one write(2) and a full disk is noticed; stderr is talk and goes out at once.
 * Nothing of the engine is touched before a verb asks for it: `coppice version` costs no more than its own exec. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct args;
struct cmd;
struct coppice;

enum cli_format { FORMAT_TABLE, FORMAT_PLAIN, FORMAT_CSV, FORMAT_JSON, FORMAT_JSONL, FORMAT_COUNT };

/* Documented exit codes; a failure's own code comes from fail.h. */
#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 2
#define CLI_UNSUPPORTED 6
#define CLI_PARTIAL 7
#define CLI_INTERRUPTED 130

struct cli {
	int argc;
	char **argv;
	const struct cmd *cmd; /* NULL until known */
	const char *subject;   /* the name being worked on, for errors; NULL = none */
	const char *base;      /* the base a container is made from, for errors; NULL = none */
	enum cli_format format;
	bool quiet, no_header, dry_run;
	bool out_tty, err_tty, out_colour, err_colour;
	unsigned verbose; /* 0, 1 = steps, 2 = with times */
	const char *root, *lxcpath;
	struct coppice *engine;
	struct buf out;
	bool out_broken; /* a write to stdout failed and was told */
	bool line_open;  /* a progress line stands unfinished on stderr */
};

/* The whole native command. Returns the exit code. */
int cli_main(int argc, char **argv);

/* Opens the engine on first use. Gives a borrowed handle. */
int cli_engine(struct cli *cli, struct coppice **ret, struct err *e) MUST_USE;

/* stdout. cli_flush writes what was collected: 0, or the exit code of a failure that was told (a reader that went away is not told). */
void cli_print(struct cli *cli, const char *fmt, ...) PRINTF(2, 3);
int cli_flush(struct cli *cli);

/* stderr. cli_note says "note: ..." unless --quiet; cli_warn says "warning: ..." always; cli_talk writes as is. Control bytes are made safe. */
void cli_note(struct cli *cli, const char *fmt, ...) PRINTF(2, 3);
void cli_warn(struct cli *cli, const char *fmt, ...) PRINTF(2, 3);
void cli_talk(struct cli *cli, const char *text);

/* True in the forms a person reads. */
bool cli_human(const struct cli *cli);
/* True in the forms that are JSON. */
bool cli_json(const struct cli *cli);

enum colour { COLOUR_OFF, COLOUR_BOLD, COLOUR_DIM, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_CYAN, COLOUR_COUNT };
/* The escape sequence, "" when @on is false. */
const char *cli_colour(bool on, enum colour c);

/* Columns of the terminal on stdout; 0 = not a terminal, no limit. */
unsigned cli_width(const struct cli *cli);
