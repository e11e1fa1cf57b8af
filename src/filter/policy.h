/* policy.h - a system call policy in LXC's text format, as data: no kernel, no library.
 *
 *     1                      version 1: an allow-list of numbers
 *     allowlist
 *     0
 *
 *     2                      version 2: what is done with calls that no rule names, then rules
 *     denylist [ACTION]
 *     [all]                  or an architecture: the rules that follow are for it
 *     NAME [ACTION] [[INDEX,VALUE,OP[,MASK]]...]
 *
 * ACTION is kill, trap, log, allow, notify or errno N. `whitelist` and `blacklist` are the older words. `reject_force_umount` stands for umount2 with MNT_FORCE. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

enum policy_act { POLICY_KILL, POLICY_TRAP, POLICY_LOG, POLICY_ALLOW, POLICY_NOTIFY, POLICY_ERRNO };
enum policy_op { POLICY_NE, POLICY_LT, POLICY_LE, POLICY_EQ, POLICY_GE, POLICY_GT, POLICY_MASKED_EQ };

#define POLICY_ARGS 6
#define POLICY_RULES_MAX 8192
#define POLICY_ALL_ARCHS "all"

struct policy_action {
	enum policy_act act;
	uint16_t error; /* of POLICY_ERRNO */
};

struct policy_arg {
	uint32_t index;
	enum policy_op op;
	uint64_t value, mask;
};

struct policy_rule {
	uint32_t line;
	const char *arch;    /* "all", or a name of policy_archs */
	const char *name;    /* NULL: by number */
	uint32_t number;
	struct policy_action action;
	struct policy_arg args[POLICY_ARGS];
	size_t arg_count;
};

struct policy {
	struct arena arena;
	bool allowlist;
	struct policy_action otherwise; /* for calls without a rule */
	struct policy_rule *rules;
	size_t rule_count;
};

/* Reads @len bytes at @text. On failure @e says "LINE: what", and @ret is untouched. policy_done() frees. */
int policy_parse(const char *text, size_t len, struct policy *ret, struct err *e) MUST_USE;
void policy_done(struct policy *p);

struct buf;
/* compile.c: as a struct sock_filter array for this machine and its 32-bit siblings. What a newer machine would understand and this one skips (a call the library has no name for) is
 * told in @notes, "LINE: what" a line. */
int policy_compile(const struct policy *p, struct buf *out, struct buf *notes, struct err *e) MUST_USE;
