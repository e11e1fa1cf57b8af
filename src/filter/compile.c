/* compile.c - a policy as BPF: one filter an architecture, merged, so that a rule for one says nothing about another.
 *
 * Rules before the first [arch] are for this machine's own calls; [all] is for those of its 32-bit programs too. A call for which the policy has no architecture at all gets the
 * policy's answer for calls without a rule. */
#include "filter/policy.h"

#include "base/buf.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MNT_FORCE
#define MNT_FORCE 1
#endif

/* This machine's, by the policy's name; the native one first. */
static const struct {
	const char *name;
	uint32_t arch;
} machines[] = {
#if defined(__x86_64__)
	{"x86_64", SCMP_ARCH_X86_64}, {"x86", SCMP_ARCH_X86}, {"x32", SCMP_ARCH_X32},
#elif defined(__aarch64__)
	{"arm64", SCMP_ARCH_AARCH64}, {"arm", SCMP_ARCH_ARM},
#else
	{"native", SCMP_ARCH_NATIVE},
#endif
};

static uint32_t action_of(const struct policy_action *a)
{
	switch (a->act) {
	case POLICY_KILL:
		return SCMP_ACT_KILL;
	case POLICY_TRAP:
		return SCMP_ACT_TRAP;
	case POLICY_LOG:
		return SCMP_ACT_LOG;
	case POLICY_ALLOW:
		return SCMP_ACT_ALLOW;
	case POLICY_NOTIFY:
		return SCMP_ACT_NOTIFY;
	case POLICY_ERRNO:
		break;
	}
	return SCMP_ACT_ERRNO(a->error);
}

static struct scmp_arg_cmp compare(const struct policy_arg *a)
{
	static const enum scmp_compare ops[] = {[POLICY_NE] = SCMP_CMP_NE, [POLICY_LT] = SCMP_CMP_LT, [POLICY_LE] = SCMP_CMP_LE, [POLICY_EQ] = SCMP_CMP_EQ,
						[POLICY_GE] = SCMP_CMP_GE, [POLICY_GT] = SCMP_CMP_GT, [POLICY_MASKED_EQ] = SCMP_CMP_MASKED_EQ};

	if (a->op == POLICY_MASKED_EQ)
		return SCMP_CMP(a->index, ops[a->op], a->mask, a->value);
	return SCMP_CMP(a->index, ops[a->op], a->value);
}

static void release(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

static int add(scmp_filter_ctx ctx, uint32_t otherwise, uint32_t action, int nr, const struct scmp_arg_cmp *args, size_t count)
{
	int r;

	if (action == otherwise)
		return 0; /* says what holds anyway, which the library calls an error */
	r = seccomp_rule_add_array(ctx, action, nr, (unsigned)count, args);
	/* the same again; a call that this architecture has not */
	return r == -EEXIST || r == -EDOM || (r == -EOPNOTSUPP && action != SCMP_ACT_NOTIFY) ? 0 : r;
}

static int add_rule(scmp_filter_ctx ctx, const struct policy *p, const struct policy_rule *rule, int nr)
{
	struct scmp_arg_cmp args[POLICY_ARGS];

	for (size_t i = 0; i < rule->arg_count; i++)
		args[i] = compare(&rule->args[i]);
	return add(ctx, action_of(&p->otherwise), action_of(&rule->action), nr, args, rule->arg_count);
}

/* Native number of the call, or a pseudo number for one that only a sibling has; the library translates. */
static int number_of(const struct policy_rule *rule)
{
	return rule->name ? seccomp_syscall_resolve_name(rule->name) : (int)rule->number;
}

static bool is_for(const struct policy_rule *rule, size_t machine)
{
	if (strcmp(rule->arch, POLICY_ALL_ARCHS) == 0 || strcmp(rule->arch, machines[machine].name) == 0)
		return true;
	return machine == 0 && strcmp(rule->arch, "native") == 0;
}

static int add_arch(scmp_filter_ctx ctx, const struct policy *p, size_t machine, struct buf *notes, struct err *e)
{
	const struct scmp_arg_cmp force = SCMP_A1(SCMP_CMP_MASKED_EQ, MNT_FORCE, MNT_FORCE);

	for (size_t i = 0; i < p->rule_count; i++) {
		const struct policy_rule *rule = &p->rules[i];
		int nr, r;

		if (!is_for(rule, machine))
			continue;
		if (rule->name && strcmp(rule->name, "reject_force_umount") == 0) {
			r = add(ctx, action_of(&p->otherwise), SCMP_ACT_ERRNO(EACCES), SCMP_SYS(umount2), &force, 1);
		} else {
			nr = number_of(rule);
			if (nr == __NR_SCMP_ERROR) {
				if (machine == 0 || strcmp(rule->arch, POLICY_ALL_ARCHS) != 0) /* once is enough */
					buf_printf(notes, "%u: no system call is called '%s' here: the rule is skipped\n", rule->line, rule->name);
				continue;
			}
			r = add_rule(ctx, p, rule, nr);
		}
		if (r < 0)
			return err_set(e, ERR_INPUT, -r, "%u: the rule for '%s' cannot be compiled: %s", rule->line, rule->name ? rule->name : "a number", strerror(-r));
	}
	return 0;
}

static scmp_filter_ctx open_arch(const struct policy *p, size_t machine)
{
	uint32_t otherwise = action_of(&p->otherwise);
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int r = 0;

	if (!ctx)
		return NULL;
	if (machine > 0) {
		r = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
		if (r == 0)
			r = seccomp_arch_add(ctx, machines[machine].arch);
	}
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, otherwise);
	if (r == 0)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		release(&ctx);
	return r < 0 ? NULL : ctx;
}

/* As bytes. */
static int export(scmp_filter_ctx ctx, struct buf *out)
{
	autoclose int fd = memfd_create("policy", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : fd_read_all(fd, out, (size_t)1 << 20);
}

int policy_compile(const struct policy *p, struct buf *out, struct buf *notes, struct err *e)
{
	autodone(release) scmp_filter_ctx all = open_arch(p, 0);
	int r = all ? add_arch(all, p, 0, notes, e) : err_set(e, ERR_SYSTEM, ENOMEM, "the library gives no filter");

	for (size_t i = 1; i < ARRAY_LEN(machines) && r == 0; i++) {
		autodone(release) scmp_filter_ctx one = open_arch(p, i);

		r = one ? add_arch(one, p, i, notes, e) : err_set(e, ERR_SYSTEM, ENOMEM, "the library gives no filter");
		if (r < 0)
			break;
		r = seccomp_merge(all, one);
		if (r < 0)
			return err_sys(e, r, "merge the filter of %s", machines[i].name);
		one = NULL;
	}
	if (r < 0)
		return r;
	r = export(all, out);
	return r < 0 ? err_sys(e, r, "export the filter") : 0;
}
