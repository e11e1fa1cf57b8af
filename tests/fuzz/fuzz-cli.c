/* fuzz-cli.c - the command line's two grammars: options and words against the table of verbs, and selectors.
 *
 * The input is a command line, one word after each NUL or newline. */
#include "base/arena.h"
#include "cli/args.h"
#include "cli/selector.h"
#include "coppice/coppice.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts @text (of @size bytes, a NUL behind them) into words in place. */
static int split(char *text, size_t size, char *argv[WORDS + 1])
{
	int argc = 0;
	char *start = text;

	for (size_t i = 0; i <= size && argc < WORDS; i++)
		if (i == size || text[i] == '\0' || text[i] == '\n') {
			text[i] = '\0';
			argv[argc++] = start;
			start = text + i + 1;
		}
	argv[argc] = NULL;
	return argc;
}

static void try_selector(const struct args *args)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	static const struct coppice_info info = {.name = "web1", .base = "debian12", .version = "1f2e", .mode = "bind", .tags = "lab,ci"};
	struct selector s;
	struct err e = {0};

	if (selector_parse(&a, args->words, args->count, false, &s, &e) == 0)
		(void)selector_fits(&s, &info);
	else if (!e.what[0] || !e.why[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = NULL;
	char *argv[WORDS + 1], line[256];
	struct args args;
	struct err e = {0};
	int argc, r;

	if (size > 65536)
		return 0;
	text = malloc(size + 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	argc = split(text, size, argv);
	r = args_parse(argc, argv, &args, &e);
	/* A refusal is always complete, and nothing is refused silently. */
	if (r < 0 && (!e.what[0] || !e.why[0] || !e.hint[0]))
		abort();
	if (args.words)
		try_selector(&args);
	args_respell(argc, argv, -1, NULL, line, sizeof(line));
	if (strlen(line) >= sizeof(line))
		abort();
	args_done(&args);
	return 0;
}
