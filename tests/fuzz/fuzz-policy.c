/* A system call policy: whatever is accepted has sane rules, and what is refused names a line. */
#include "filter/policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct policy_rule *r)
{
	if (!r->arch || r->arg_count > POLICY_ARGS || r->line == 0 || r->action.error > 4095)
		abort();
	if (r->name && (*r->name == '\0' || strlen(r->name) > 1024))
		abort();
	for (size_t i = 0; i < r->arg_count; i++)
		if (r->args[i].index >= POLICY_ARGS || r->args[i].op > POLICY_MASKED_EQ)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy p = {0};
	struct err e = {0};

	if (policy_parse((const char *)data, size, &p, &e) < 0) {
		if (!err_is(&e) || (e.kind != ERR_SYSTEM && !strchr("0123456789", e.why[0])))
			abort();
		return 0;
	}
	if (p.rule_count > POLICY_RULES_MAX)
		abort();
	for (size_t i = 0; i < p.rule_count; i++)
		check(&p.rules[i]);
	policy_done(&p);
	return 0;
}
