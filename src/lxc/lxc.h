/* lxc.h - what the lxc-* commands share: one row a flag, one structure with what was said, one way to tell a failure.
 *
 * A command is a `struct lxc_cmd` in a file of its own. lxc_main() finds it by the name of the program, reads the flags every command has (-n -P -o -l -q --rcfile -? --usage
 * --version) and its own, and runs it. A command returns its exit code, or -errno with @e set: that is told in three lines and ends with cmd->failure. */
#pragma once

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The LXC whose flags, formats and exit codes these commands have; scripts choose flags by what --version says. */
#define LXC_LIKE "5.0.2"

struct coppice;
struct lxc;

enum lxc_name {
	LXC_NAME_NONE,     /* takes no container name */
	LXC_NAME_OPTIONAL,
	LXC_NAME_NEEDED,   /* -n, else the first word that is no flag */
};

/* One flag. Rows are also its line in --help, in the man page and in the table of what works. */
struct lxc_opt {
	int id;            /* the letter; a number from 256 on for one that has only a word */
	const char *word;  /* "share-net"; NULL = letter only */
	const char *value; /* what its value is called, "[NAME]" when it may be missing; NULL = it takes none */
	const char *help;  /* one line, no full stop */
	const char *note;  /* NULL: does what LXC's does; else "ignored: why" or "refused: why" */
};

struct lxc_cmd {
	const char *program;  /* "lxc-start" */
	const char *about;    /* one line */
	const char *synopsis; /* behind the program's name: "-n NAME [-d|-F] [-- COMMAND]" */
	enum lxc_name name;
	bool inner;           /* a command of the container's follows: flags end at the first word that is none and not the name */
	bool no_words;        /* nothing is done with words behind the name: they are told to be left out */
	bool many_paths;      /* -P may be given more than once */
	int failure;          /* exit code of a failure, 0 = 1 */
	const char *exits;    /* exit codes beside 0 and that, a sentence; NULL = there are none */
	const struct lxc_opt *opts;
	size_t opt_count;
	size_t data_size;     /* of the structure l->data points to, zeroed */
	/* A flag of its own was met; NULL value when it takes none. 0 or -errno. */
	int (*option)(struct lxc *l, int id, const char *value, struct err *e);
	int (*run)(struct lxc *l, struct err *e);
	int (*more_help)(struct lxc *l, struct err *e); /* what --help says beside the rows, by the flags before it; NULL = nothing */
};

struct lxc {
	const struct lxc_cmd *cmd;
	const char *name;     /* the container, NULL when none was said */
	const char **paths;   /* -P, in the order given; at least one: lxc.lxcpath of the system file, else the default */
	size_t path_count;
	bool path_said;
	const char *rcfile;   /* --rcfile: config file instead of the container's own, NULL = not said */
	const char *log_file; /* -o, NULL = not said */
	struct log log;       /* what -o and -l ask for; open while the command runs */
	bool quiet;
	char **args;          /* words behind flags and name, NULL-ended */
	size_t arg_count;
	void *data;
	struct coppice *engine;
	const char *engine_path;
};

/* Called by main(): @argv[0] says which command. */
int lxc_main(int argc, char **argv);
/* True when the last component of @program is one of ours. */
bool lxc_is_program(const char *program);
/* All commands, sorted by program, for tests and documentation; the flags that every command has. */
const struct lxc_cmd *const *lxc_cmds(size_t *ret_count);
const struct lxc_opt *lxc_common_opts(size_t *ret_count);

/* The engine for @path (NULL = the first): opened on first use, again when the path is another one. */
int lxc_engine(struct lxc *l, const char *path, struct coppice **ret, struct err *e) MUST_USE;

/* One item of the system file /etc/lxc/lxc.conf ($LXC_SYSTEM_CONF names another), without root the user's ~/.config/lxc/lxc.conf: "lxc.lxcpath". malloc'd; NULL
 * when it is not set there. Defaults are the caller's. */
char *lxc_system_item(const char *key);

/* Tells @e on stderr: "lxc-start: error: ...", why, try. Goes to the log file too. Nothing is printed when quiet. */
void lxc_tell(const struct lxc *l, struct err *e);

/* The exit code of a command that ran a program: @status when it was run (@r 0); 126 or 127 of @status, with @e told, when it could not be; else @r for lxc_main(). */
int lxc_inner_code(const struct lxc *l, int r, int status, struct err *e);
#define LXC_INNER_EXITS "The program's own when it was run; 127 when there is no such program, 126 when it cannot be executed"
/* A line for people on stderr, and the same into the log. */
void lxc_say(const struct lxc *l, const char *fmt, ...) PRINTF(2, 3);
/* A usage error: sets @e. Returns -EINVAL. */
int lxc_usage(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Seconds as LXC writes them, fractions too ("0.5"); also "500ms", "2m". Into milliseconds. */
int lxc_seconds(const char *flag, const char *value, uint64_t *ret_ms, struct err *e) MUST_USE;
/* Size of a volume as LXC writes it: a number and one of b, k, m, g, t, large or small; without one it is megabytes. Also "4GiB". Above zero. */
int lxc_volume_size(const char *flag, const char *value, uint64_t *ret, struct err *e) MUST_USE;
