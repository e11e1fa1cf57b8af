/* complete.c - what may stand where the cursor is. The shells ask the program itself, so that completion always fits the binary that runs.
 *
 * `coppice __complete -- WORD...` gets the words after "coppice", the last one being typed, and prints one candidate a line with its
 * description behind a tab. ":file" means: the names of files as well. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "coppice/coppice.h"

#include <stdlib.h>
#include <string.h>

struct scan {
	struct cli *cli;
	const char *noun;
	const struct cmd *cmd;
	const struct opt_def *pending; /* option that waits for its value */
	unsigned words;                /* positional words before the cursor */
	bool inner;
	const char *typed;             /* the word at the cursor */
};

static void offer(struct scan *s, const char *word, const char *says)
{
	if (strncmp(word, s->typed, strlen(s->typed)) == 0)
		cli_print(s->cli, "%s\t%s\n", word, says);
}

/* ---- where the cursor is ---- */

static const struct opt_def *find_opt(const struct scan *s, const char *name, size_t len, char letter)
{
	for (int pass = 0; pass < 2; pass++) {
		const struct opt_def *defs = pass ? cmd_globals : s->cmd ? s->cmd->opts : NULL;
		unsigned count = pass ? GLOBAL_COUNT : s->cmd ? s->cmd->opt_count : 0;

		for (unsigned i = 0; i < count; i++)
			if (name ? strlen(defs[i].name) == len && memcmp(defs[i].name, name, len) == 0 : defs[i].letter == letter)
				return &defs[i];
	}
	return NULL;
}

/* A store named on the line is the store whose names are wanted. */
static void note_global(struct scan *s, const struct opt_def *def, const char *value)
{
	if (def == &cmd_globals[GLOBAL_ROOT])
		s->cli->root = value;
	else if (def == &cmd_globals[GLOBAL_LXCPATH])
		s->cli->lxcpath = value;
}

static void scan_opt(struct scan *s, const char *word)
{
	const char *eq = strchr(word, '=');
	const struct opt_def *def;

	if (word[1] == '-') {
		def = find_opt(s, word + 2, eq ? (size_t)(eq - word - 2) : strlen(word + 2), 0);
		if (def && eq)
			note_global(s, def, eq + 1);
		s->pending = def && !eq && def->type != OPT_FLAG ? def : NULL;
		return;
	}
	for (const char *p = word + 1; *p; p++) {
		def = find_opt(s, NULL, 0, *p);
		if (def && def->type != OPT_FLAG) {
			s->pending = p[1] ? NULL : def;
			return;
		}
	}
}

static void scan_word(struct scan *s, const char *word)
{
	if (s->inner)
		return;
	if (s->pending) {
		/* bash splits --color=auto in three. */
		if (strcmp(word, "=") == 0)
			return;
		note_global(s, s->pending, word);
		s->pending = NULL;
	} else if (strcmp(word, "--") == 0) {
		s->inner = s->cmd && (s->cmd->flags & CMD_INNER);
	} else if (word[0] == '-' && word[1]) {
		scan_opt(s, word);
	} else if (!s->cmd && !s->noun && cmd_is_noun(word)) {
		s->noun = word;
	} else if (!s->cmd) {
		s->cmd = cmd_find(s->noun, word);
	} else {
		s->words++;
	}
}

/* ---- candidates ---- */

static void offer_containers(struct scan *s, struct coppice *c, const char *suffix)
{
	autofree struct coppice_info *infos = NULL;
	struct err e = {0};
	size_t count = 0;

	if (coppice_list(c, 0, &infos, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (strncmp(infos[i].name, s->typed, strlen(s->typed)) == 0)
			cli_print(s->cli, "%s%s\t%s\n", infos[i].name, suffix, coppice_state_name(infos[i].state));
}

static void offer_bases(struct scan *s, struct coppice *c)
{
	autofree struct coppice_base *bases = NULL;
	struct err e = {0};
	size_t count = 0;

	if (coppice_base_list(c, &bases, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (bases[i].current)
			offer(s, bases[i].name, bases[i].os);
}

static void offer_trash(struct scan *s, struct coppice *c)
{
	autofree struct coppice_trash *items = NULL;
	struct err e = {0};
	size_t count = 0;

	if (coppice_trash_list(c, &items, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		offer(s, items[i].id, "deleted");
}

static void offer_networks(struct scan *s, struct coppice *c)
{
	autofree struct coppice_network *networks = NULL;
	struct err e = {0};
	size_t count = 0;

	if (coppice_network_list(c, &networks, &count, &e) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		offer(s, networks[i].name, networks[i].ipv4[0] ? networks[i].ipv4 : networks[i].ipv6);
}

static void offer_keys(struct scan *s)
{
	autofree struct coppice_key *keys = NULL;
	size_t count = coppice_config_keys(&keys);

	for (size_t i = 0; i < count; i++)
		offer(s, keys[i].name, keys[i].help);
}

static void offer_verbs(struct scan *s, const char *noun)
{
	for (size_t i = 0; i < cmd_count(); i++) {
		const struct cmd *cmd = cmd_at(i);

		if ((cmd->flags & CMD_HIDDEN) || (noun ? !cmd->noun || strcmp(cmd->noun, noun) != 0 : cmd->noun != NULL))
			continue;
		offer(s, cmd->name, cmd->help);
	}
	for (size_t i = 0; !noun && i < cmd_count(); i++) {
		const struct cmd *cmd = cmd_at(i), *before = i ? cmd_at(i - 1) : NULL;

		if (cmd->noun && !(before && before->noun && strcmp(before->noun, cmd->noun) == 0))
			offer(s, cmd->noun, cmd_group_title(cmd->group));
	}
}

static void offer_topics(struct scan *s)
{
	offer_verbs(s, NULL);
	for (int i = 0; i < FAIL_COUNT; i++)
		offer(s, fail_row((enum fail_code)i)->code, fail_row((enum fail_code)i)->means);
	offer(s, "errors", "every error code");
}

static void offer_choices(struct scan *s, const char *choices)
{
	while (*choices) {
		size_t len = strcspn(choices, "|");

		if (strncmp(choices, s->typed, strlen(s->typed)) == 0)
			cli_print(s->cli, "%.*s\t\n", (int)len, choices);
		choices += len + (choices[len] == '|');
	}
}

static void offer_kind(struct scan *s, enum complete_kind kind)
{
	struct coppice *c = NULL;
	struct err e = {0};
	bool engine = kind == COMPLETE_CONTAINER || kind == COMPLETE_BASE || kind == COMPLETE_TRASH || kind == COMPLETE_COPY ||
		      kind == COMPLETE_NETWORK;

	/* Silence is the answer when the store cannot be read: nobody asked for an error in the middle of typing. */
	if (engine && cli_engine(s->cli, &c, &e) < 0)
		return;
	switch (kind) {
	case COMPLETE_CONTAINER:
		offer_containers(s, c, "");
		return;
	case COMPLETE_COPY:
		offer_containers(s, c, ":");
		cli_print(s->cli, ":file\n");
		return;
	case COMPLETE_BASE:
		offer_bases(s, c);
		return;
	case COMPLETE_TRASH:
		offer_trash(s, c);
		return;
	case COMPLETE_NETWORK:
		offer_networks(s, c);
		return;
	case COMPLETE_KEY:
		offer_keys(s);
		return;
	case COMPLETE_TOPIC:
		offer_topics(s);
		return;
	case COMPLETE_SHELL:
		offer_choices(s, "bash|zsh|fish");
		return;
	case COMPLETE_CONDITION:
		offer_choices(s, "running|stopped|frozen");
		return;
	case COMPLETE_FILE:
		cli_print(s->cli, ":file\n");
		return;
	case COMPLETE_NONE:
		return;
	}
}

static void offer_opts(struct scan *s)
{
	for (int pass = 0; pass < 2; pass++) {
		const struct opt_def *defs = pass ? cmd_globals : s->cmd ? s->cmd->opts : NULL;
		unsigned count = pass ? GLOBAL_COUNT : s->cmd ? s->cmd->opt_count : 0;

		for (unsigned i = 0; i < count; i++) {
			char word[64] = "--";

			if (strlen(defs[i].name) + 3 > sizeof(word))
				continue;
			memcpy(word + 2, defs[i].name, strlen(defs[i].name) + 1);
			offer(s, word, defs[i].help);
		}
	}
}

static enum complete_kind kind_of_word(const struct scan *s)
{
	unsigned i = s->words < ARRAY_LEN(s->cmd->complete) ? s->words : ARRAY_LEN(s->cmd->complete) - 1;

	if (s->words >= s->cmd->max)
		return COMPLETE_NONE;
	while (i > 0 && s->cmd->complete[i] == COMPLETE_NONE)
		i--;
	return s->cmd->complete[i];
}

static void offer_all(struct scan *s)
{
	if (s->inner) {
		cli_print(s->cli, ":file\n");
	} else if (s->pending) {
		if (strcmp(s->typed, "=") == 0)
			s->typed = "";
		if (s->pending->choices)
			offer_choices(s, s->pending->choices);
		else
			offer_kind(s, s->pending->complete);
	} else if (s->typed[0] == '-') {
		offer_opts(s);
	} else if (!s->cmd) {
		offer_verbs(s, s->noun);
	} else {
		offer_kind(s, kind_of_word(s));
	}
}

static int run(struct cli *cli, struct args *args)
{
	struct scan s = {.cli = cli, .typed = args->count ? args->words[args->count - 1] : ""};

	for (size_t i = 0; i + 1 < args->count; i++)
		scan_word(&s, args->words[i]);
	offer_all(&s);
	return CLI_OK;
}

const struct cmd cmd_complete = {
	.name = "__complete",
	.args = "-- WORD...",
	.help = "back end of shell completion",
	.max = ARGS_WORDS_MAX,
	.flags = CMD_HIDDEN,
	.group = GROUP_HOST,
	.run = run,
};
