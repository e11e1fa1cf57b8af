/* rate.c - traffic control by rtnetlink: tbf on the way out; on the way in police in a filter that matches everything, or a BPF program of ours that does the same. */
#include "net/rate.h"

#include "base/fd.h"
#include "net/police.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <arpa/inet.h>
#include <string.h>

#define LINKLAYER_ETHERNET 1u
#define BIG_PACKET ((uint32_t)1 << 20) /* segments are cut after the limits: a packet here may be 512 KiB (BIG TCP) */
#define PSCHED_SHIFT 6                 /* the kernel's clock tick for buckets is 64 ns */

/* A kind of qdisc, filter or action that the kernel does not have is "no such file". */
static int lacking(int r, const char *name, const char *module, struct err *e)
{
	uint32_t step = e ? e->step : 0;

	if (r != -ENOENT && r != -EOPNOTSUPP)
		return r;
	r = err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "limit the rate of '%s': this kernel has no %s", name, module);
	(void)err_hint(e, "modprobe %s", module);
	if (e)
		e->step = step;
	return r;
}

static struct tcmsg *add(struct nl *nl, uint16_t type, unsigned index, uint32_t parent, uint32_t handle, const char *kind, const char *name)
{
	struct tcmsg *t = nl_add(nl, type, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*t), "limit the rate of '%s'", name);

	t->tcm_ifindex = (int)index;
	t->tcm_parent = parent;
	t->tcm_handle = handle;
	mnl_attr_put_strz(nl->last, TCA_KIND, kind);
	return t;
}

static uint32_t at_least(uint64_t n, uint32_t low)
{
	return n < low ? low : n > INT32_MAX ? INT32_MAX : (uint32_t)n;
}

static int limit_out(struct nl *nl, unsigned index, const char *name, uint64_t bytes, struct err *e)
{
	/* 10 ms of traffic, but at least one large segment; 50 ms may wait */
	uint32_t burst = at_least(bytes / 100, 128 * 1024);
	struct tc_tbf_qopt q = {.limit = at_least(bytes / 20 + burst, burst),
				.rate = {.linklayer = LINKLAYER_ETHERNET, .rate = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes}};
	struct nlattr *options;

	(void)add(nl, RTM_NEWQDISC, index, TC_H_ROOT, 1u << 16, "tbf", name);
	options = mnl_attr_nest_start(nl->last, TCA_OPTIONS);
	mnl_attr_put(nl->last, TCA_TBF_PARMS, sizeof(q), &q);
	mnl_attr_put_u32(nl->last, TCA_TBF_BURST, burst);
	if (bytes > UINT32_MAX)
		mnl_attr_put_u64(nl->last, TCA_TBF_RATE64, bytes);
	mnl_attr_nest_end(nl->last, options);
	return lacking(nl_send(nl, NULL, NULL, e), name, "sch_tbf", e);
}

/* What may come in at once: 250 ms of traffic. A policer drops instead of holding back, and TCP with large segments takes far less than it may have when that is short. */
static uint32_t burst_in(uint64_t bytes)
{
	return at_least(bytes / 4, 256 * 1024);
}

static void put_police(struct nl *nl, uint64_t bytes)
{
	uint32_t burst = burst_in(bytes);
	uint64_t ticks = ((uint64_t)burst * 1000000000u / bytes) >> PSCHED_SHIFT;
	struct tc_police p = {.action = TC_ACT_SHOT, .mtu = BIG_PACKET, .burst = ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks,
			      .rate = {.linklayer = LINKLAYER_ETHERNET, .cell_log = 3, .rate = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes}};
	uint32_t table[256] = {0}; /* the kernel wants to see it and computes for itself */
	struct nlattr *one = mnl_attr_nest_start(nl->last, 1), *options;

	mnl_attr_put_strz(nl->last, TCA_ACT_KIND, "police");
	options = mnl_attr_nest_start(nl->last, TCA_ACT_OPTIONS);
	mnl_attr_put(nl->last, TCA_POLICE_TBF, sizeof(p), &p);
	mnl_attr_put(nl->last, TCA_POLICE_RATE, sizeof(table), table);
	if (bytes > UINT32_MAX)
		mnl_attr_put_u64(nl->last, TCA_POLICE_RATE64, bytes);
	mnl_attr_nest_end(nl->last, options);
	mnl_attr_nest_end(nl->last, one);
}

/* A filter of @kind that matches every packet, with the policer as its action. */
static int police(struct nl *nl, unsigned index, const char *name, const char *kind, uint64_t bytes, struct err *e)
{
	/* u32: one key whose mask is empty matches all; the key stands behind the selector */
	char all[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] __attribute__((aligned(8))) = {0};
	struct tc_u32_sel *selector = (struct tc_u32_sel *)all;
	bool u32 = strcmp(kind, "u32") == 0;
	struct nlattr *options, *actions;
	struct tcmsg *t = add(nl, RTM_NEWTFILTER, index, 0xffff0000u, 0, kind, name);

	t->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
	nl->last->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
	selector->flags = TC_U32_TERMINAL;
	selector->nkeys = 1;
	options = mnl_attr_nest_start(nl->last, TCA_OPTIONS);
	if (u32)
		mnl_attr_put(nl->last, TCA_U32_SEL, sizeof(all), all);
	actions = mnl_attr_nest_start(nl->last, u32 ? TCA_U32_ACT : TCA_MATCHALL_ACT);
	put_police(nl, bytes);
	mnl_attr_nest_end(nl->last, actions);
	mnl_attr_nest_end(nl->last, options);
	return nl_send(nl, NULL, NULL, e);
}

static int police_by_program(struct nl *nl, unsigned index, const char *name, uint64_t bytes, struct err *e)
{
	autoclose int program = police_program(bytes, burst_in(bytes));
	struct nlattr *options;
	struct tcmsg *t;

	if (program < 0)
		return err_sys(e, program, "limit the rate of '%s': load a program", name);
	t = add(nl, RTM_NEWTFILTER, index, 0xffff0000u, 0, "bpf", name);
	t->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
	nl->last->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
	options = mnl_attr_nest_start(nl->last, TCA_OPTIONS);
	mnl_attr_put_u32(nl->last, TCA_BPF_FD, (uint32_t)program);
	mnl_attr_put_strz(nl->last, TCA_BPF_NAME, "coppice_rate");
	mnl_attr_put_u32(nl->last, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(nl->last, options);
	return nl_send(nl, NULL, NULL, e);
}

static int limit_in(struct nl *nl, unsigned index, const char *name, uint64_t bytes, struct err *e)
{
	int r;

	(void)add(nl, RTM_NEWQDISC, index, TC_H_INGRESS, 0xffff0000u, "ingress", name);
	r = lacking(nl_send(nl, NULL, NULL, e), name, "sch_ingress", e);
	if (r < 0)
		return r;
	r = police(nl, index, name, "matchall", bytes, e);
	if (r == -ENOENT || r == -EOPNOTSUPP)
		r = police(nl, index, name, "u32", bytes, e);
	if ((r == -ENOENT || r == -EOPNOTSUPP) && police_by_program(nl, index, name, bytes, NULL) == 0)
		return 0;
	return lacking(r, name, "act_police", e);
}

int rate_limit(struct nl *nl, unsigned index, const char *name, uint64_t to_container, uint64_t from_container, struct err *e)
{
	int r = 0;

	if (to_container)
		r = limit_out(nl, index, name, to_container >= 8 ? to_container / 8 : 1, e);
	if (r == 0 && from_container)
		r = limit_in(nl, index, name, from_container >= 8 ? from_container / 8 : 1, e);
	return r;
}
