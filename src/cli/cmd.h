/* cmd.h - the one table of verbs. The parser, help, man pages, completion, the JSON description and the usage errors are all made
 * from it, so that they cannot drift.
 *
 * A verb is one const entry in a file of its own (cmd-NAME.c): what it is called, what it takes, what it says, and the function that runs
 * it. A new verb is a new file and one line in CMD_LIST. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

struct args;
struct cli;

enum opt_type {
	OPT_FLAG,     /* no value */
	OPT_TEXT,     /* any string, last one wins */
	OPT_LIST,     /* any string, all are kept in order */
	OPT_NUMBER,   /* decimal */
	OPT_SIZE,     /* bytes: 512M */
	OPT_CPUS,     /* thousandths: 1.5 */
	OPT_DURATION, /* milliseconds: 30s */
	OPT_SIGNAL,   /* TERM, 15 */
	OPT_CHOICE,   /* one word of `choices` */
};

/* What a word may be completed with. */
enum complete_kind {
	COMPLETE_NONE,
	COMPLETE_CONTAINER,
	COMPLETE_BASE,
	COMPLETE_TRASH,
	COMPLETE_KEY,
	COMPLETE_FILE,
	COMPLETE_COPY,  /* a file or NAME: */
	COMPLETE_TOPIC, /* what help explains: verbs and error codes */
	COMPLETE_SHELL,
	COMPLETE_CONDITION,
	COMPLETE_NETWORK,
};

struct opt_def {
	const char *name; /* long name without dashes; NULL ends nothing: arrays carry a count */
	char letter;      /* 0 = none */
	enum opt_type type;
	const char *arg;  /* what the value is called in help; NULL for flags */
	const char *help; /* one line, no full stop */
	const char *choices; /* OPT_CHOICE: "a|b|c" */
	enum complete_kind complete;
};

struct cmd_example {
	const char *line; /* a whole command line */
	const char *says; /* what it does */
};

enum cmd_group { GROUP_LIFE, GROUP_SEE, GROUP_INSIDE, GROUP_CONFIG, GROUP_NETWORK, GROUP_BASE, GROUP_HOST, GROUP_COUNT };

#define CMD_INNER 1u    /* words after -- are an inner command */
#define CMD_INNER_MUST 2u
#define CMD_SELECT 4u   /* positional words are selectors; --all is understood */
#define CMD_DRY_RUN 8u
#define CMD_HIDDEN 16u
#define CMD_PASS 32u    /* inner command's status is ours; own failures are 125 */

/* What a failure of this verb is about when the engine does not say: picks between E_NO_CONTAINER and E_NO_BASE. */
enum cmd_topic {
	TOPIC_NONE,
	TOPIC_CONTAINER, /* the words are containers */
	TOPIC_CREATE,    /* what is missing is the base, what exists is the container */
	TOPIC_BASE,
	TOPIC_TRASH,
	TOPIC_CONFIG,    /* containers too, and what is malformed is their configuration */
	TOPIC_NETWORK,   /* the words are networks */
	TOPIC_NIC,       /* containers, and what else is missing or exists is a network or an interface */
	TOPIC_FILE,      /* missing may be a file as well as the container */
	TOPIC_COUNT,
};

struct cmd {
	const char *noun; /* NULL: containers, the default noun */
	const char *name;
	const char *alias;   /* another accepted name, or NULL */
	const char *foreign; /* what other tools call it, comma separated: only for "did you mean" */
	const char *args;    /* synopsis of positional words */
	const char *help;    /* one line */
	const char *text;    /* paragraphs, separated by blank lines; lines are filled by whoever prints them */
	const struct opt_def *opts;
	const struct cmd_example *examples;
	unsigned opt_count, example_count;
	unsigned min, max; /* positional words */
	unsigned flags;
	enum cmd_group group;
	enum cmd_topic topic;
	enum complete_kind complete[3]; /* per positional word; the last one that is set repeats */
	int (*run)(struct cli *cli, struct args *args); /* returns the exit code */
};

/* One line a verb: symbol cmd_NAME, with "__" for a hyphen. Order is the order in help. man/meson.build reads this list too: keep one entry a line. */
#define CMD_LIST(X)  \
	X(create)        \
	X(launch)        \
	X(run)           \
	X(start)         \
	X(stop)          \
	X(restart)       \
	X(kill)          \
	X(pause)         \
	X(resume)        \
	X(copy)          \
	X(rename)        \
	X(delete)        \
	X(undelete)      \
	X(adopt)         \
	X(import)        \
	X(list)          \
	X(show)          \
	X(logs)          \
	X(df)            \
	X(wait)          \
	X(events)        \
	X(exec)          \
	X(shell)         \
	X(console)       \
	X(cp)            \
	X(config_get)    \
	X(config_set)    \
	X(config_unset)  \
	X(config_show)   \
	X(config_edit)   \
	X(config_check)  \
	X(config_upgrade) \
	X(config_keys)   \
	X(network_create) \
	X(network_list)  \
	X(network_show)  \
	X(network_edit)  \
	X(network_delete) \
	X(network_attach) \
	X(network_detach) \
	X(network_bridge__host) \
	X(network_confirm) \
	X(port_add)      \
	X(port_remove)   \
	X(port_list)     \
	X(base_build)    \
	X(base_list)     \
	X(base_show)     \
	X(base_verify)   \
	X(base_delete)   \
	X(pool_set)      \
	X(doctor)        \
	X(gc)            \
	X(version)       \
	X(help)          \
	X(completion)

#define CMD_DECLARE(symbol) extern const struct cmd cmd_##symbol;
CMD_LIST(CMD_DECLARE)
#undef CMD_DECLARE
/* Hidden: the back end of shell completion. */
extern const struct cmd cmd_complete;

/* Every verb of the table, in order, hidden ones last. */
size_t cmd_count(void);
const struct cmd *cmd_at(size_t i);

/* The verb called @name (or its alias) of @noun (NULL = containers); NULL when absent. */
const struct cmd *cmd_find(const char *noun, const char *name);
bool cmd_is_noun(const char *word);
/* "base build", "list": how a person types it. @out has room for 64 bytes. */
void cmd_title(const struct cmd *cmd, char out[64]);
/* The nearest verb of @noun to @word: one other tools use, or one mistyped. NULL when none. Nouns count too: *ret_noun is set instead. */
const struct cmd *cmd_nearest(const char *noun, const char *word, bool *ret_foreign);
/* The nearest noun, NULL when none. */
const char *cmd_nearest_noun(const char *word);
const char *cmd_group_title(enum cmd_group g);

/* Options every verb understands. */
enum global_opt {
	GLOBAL_ROOT,
	GLOBAL_LXCPATH,
	GLOBAL_FORMAT,
	GLOBAL_QUIET,
	GLOBAL_VERBOSE,
	GLOBAL_DEBUG,
	GLOBAL_COLOR,
	GLOBAL_NO_HEADER,
	GLOBAL_DRY_RUN,
	GLOBAL_HELP,
	GLOBAL_VERSION,
	GLOBAL_COUNT,
};
extern const struct opt_def cmd_globals[GLOBAL_COUNT];

#define CMD_OPTS(array) .opts = (array), .opt_count = ARRAY_LEN(array)
#define CMD_EXAMPLES(array) .examples = (array), .example_count = ARRAY_LEN(array)
