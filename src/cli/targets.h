/* targets.h - one verb on many containers: each is told as it is done, a failure does not stop the others, the exit code sums them up.
 *
 * All failed alike: their code. Some failed: 7. Interrupted (Ctrl-C once): the target at hand is finished, the rest is left alone and said so,
 * exit 130; a second Ctrl-C ends at once. */
#pragma once

#include "base/err.h"
#include "cli/fail.h"

#include <stdbool.h>

struct args;
struct buf;
struct cli;
struct coppice;
struct selection;
struct view;

/* What happened to one target. The operation fills it; "" / 0 / UINT64_MAX / NULL mean "nothing to tell". */
struct result {
	char name[144]; /* of a container, or NAME@VERSION of a base */
	const char *verb;
	bool ok;
	bool changed;       /* false: was so already */
	bool killed;        /* stop: grace was not enough */
	bool name_is_news;  /* generated here: --quiet prints it alone */
	bool dry_run;       /* nothing was done; a person reads `state` as what would be */
	bool told;          /* the operation printed for itself */
	const char *state;  /* afterwards */
	int32_t pid;        /* init, 0 = none */
	int64_t exit;       /* of the container's init, -1 = unknown */
	uint64_t ms, created_ms, started_ms;
	const char *hint;   /* table form only: "shell: coppice shell web1" goes at the end */
	char note[128];     /* table form only: further words */
};

/* Runs the verb on one container. The name is in @r already; r->changed is true and everything else is empty at the beginning. */
typedef int target_fn(struct cli *cli, struct coppice *c, const char *name, void *data, struct result *r, struct err *e);

struct target_op {
	const char *would; /* for --dry-run: "would be stopped" */
	const char *was;   /* note when nothing was to be done: "is stopped already" */
	target_fn *run;
	target_fn *dry_run; /* NULL: `would` is told */
	void *data;
};

/* Resolves the selectors args->words[0..count) and runs @op on each. Returns the exit code. */
int targets_run(struct cli *cli, struct args *args, size_t count, const struct target_op *op);
/* The same for names that are known, existing or not. */
int targets_run_names(struct cli *cli, const char *const *names, size_t count, const struct target_op *op);

/* Deletes the things of @noun that args->words name, which are not containers: @delete returns 0, or 1 when one was not there and may be missing. Understands
 * TARGET_IF_EXISTS. */
typedef int delete_fn(struct coppice *c, const char *name, bool if_exists, struct err *e);
int targets_delete(struct cli *cli, struct args *args, const char *noun, delete_fn *delete);

/* Resolves selectors to existing containers without running anything, for verbs that read: names in @args' arena. 0, or -errno with @e. */
int targets_resolve(struct cli *cli, struct args *args, size_t count, const char *const **ret, size_t *ret_count, struct err *e) MUST_USE;

/* Completes the failure of a verb on container @name and says which code it is. */
enum fail_code target_explain(struct cli *cli, struct coppice *c, const char *name, struct err *e);
/* Tells the failure of a verb on container @name; when there is no such container, says which name is closest. Returns the exit code. */
int target_fail(struct cli *cli, struct coppice *c, const char *name, struct err *e);
/* As target_fail() for a base. */
int target_fail_base(struct cli *cli, struct coppice *c, const char *ref, struct err *e);

#define TARGET_ALL {.name = "all", .type = OPT_FLAG, .help = "every container"}
#define TARGET_IF_EXISTS {.name = "if-exists", .type = OPT_FLAG, .help = "one that does not exist is fine"}

/* What the rows of verbs that change containers have in common: they take selectors, any number of them, and can tell what they would do. */
#define TARGET_ROW                                                                                                                  \
	.args = "SELECTOR...", .min = 1, .max = 65536, .flags = CMD_SELECT | CMD_DRY_RUN, .group = GROUP_LIFE, .topic = TOPIC_CONTAINER, \
	.complete = {COMPLETE_CONTAINER}
