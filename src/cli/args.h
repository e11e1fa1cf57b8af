/* args.h - a command line, parsed against the table of verbs.
 *
 * Grammar: coppice [OPTION...] [NOUN] VERB [OPTION | WORD]... [-- INNER...]. Options and words mix freely; --name=value, --name value, -n5, -n 5 and
 * bundled short flags are understood; a single "-" is a word. A verb's own option hides a global one of the same letter. Long names
 * are never abbreviated. After "--" everything is the inner command where the verb takes one, else plain words. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "cli/cmd.h"

#define ARGS_OPT_MAX 24
#define ARGS_WORDS_MAX 65536

struct opt_value {
	unsigned count;     /* times given */
	const char *text;   /* last value as written */
	uint64_t number;    /* of the numeric types, in the unit of the type */
	const char **list;  /* OPT_LIST: all values, NULL-ended; NULL when not given */
};

struct args {
	struct arena arena;
	int argc;
	char **argv;          /* borrowed, for "try:" lines */
	const char *noun;     /* as typed, NULL = none */
	const struct cmd *cmd; /* NULL: no verb was given */
	struct opt_value global[GLOBAL_COUNT];
	struct opt_value own[ARGS_OPT_MAX];
	const char **words;   /* positional, NULL-ended */
	int *word_at;         /* index in argv of each */
	size_t count;
	const char *const *inner; /* after "--", NULL-ended; NULL when there was none */
	size_t inner_count;
};

/* Parses argv[1..]. On failure @e has all three lines (ERR_INPUT) and @ret holds what was understood so far, global options among it, so
 * that the error can be told in the form asked for. args_done() in every case. */
int args_parse(int argc, char **argv, struct args *ret, struct err *e) MUST_USE;
void args_done(struct args *a);

/* The value of the verb's own option @name, which must exist in its table. */
const struct opt_value *args_opt(const struct args *a, const char *name);
/* Shorthands: given at all; text or NULL; number or @otherwise. */
bool args_has(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name);
uint64_t args_number(const struct args *a, const char *name, uint64_t otherwise);

/* The command line as it could be pasted, with argv[at] replaced by @word (@at < 0: unchanged). Quoted for a shell. "" when it does not fit. */
void args_respell(int argc, char *const *argv, int at, const char *word, char *out, size_t size);
