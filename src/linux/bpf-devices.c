/* bpf-devices.c - generates and loads the device program by bpf(2) alone.
 *
 * The context has three words: access << 16 | type, major, minor. Rules are tested from the last to the first, so that the first match decides. */
#include "linux/bpf-devices.h"

#include "base/fd.h"
#include "linux/sys.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#define PER_RULE 8
#define OVERHEAD 10

struct emit {
	struct bpf_insn *out;
	size_t count, max;
	bool full;
};

static void put(struct emit *e, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	if (e->count >= e->max) {
		e->full = true;
		return;
	}
	struct bpf_insn *i = &e->out[e->count++];

	*i = (struct bpf_insn){.code = code, .off = off, .imm = imm};
	i->dst_reg = dst & 0xfu;
	i->src_reg = src & 0xfu;
}

static void put_return(struct emit *e, bool allow)
{
	put(e, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	put(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* r2 = type, r3 = access asked, r4 = major, r5 = minor. */
static void put_prologue(struct emit *e)
{
	put(e, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_2, BPF_REG_1, 0, 0);
	put(e, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	put(e, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	put(e, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	put(e, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_4, BPF_REG_1, 4, 0);
	put(e, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_5, BPF_REG_1, 8, 0);
}

static uint8_t kernel_access(uint8_t access)
{
	return (uint8_t)((access & 1 ? BPF_DEVCG_ACC_READ : 0) | (access & 2 ? BPF_DEVCG_ACC_WRITE : 0) | (access & 4 ? BPF_DEVCG_ACC_MKNOD : 0));
}

/* Allow: every access asked must be among the rule's. Deny: any of them is enough. */
static void put_rule(struct emit *e, const struct cg_device *d)
{
	uint8_t access = kernel_access(d->access);
	size_t fixups[4], n = 0, end;

	if (d->type != 'a') {
		fixups[n++] = e->count;
		put(e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (d->major >= 0) {
		fixups[n++] = e->count;
		put(e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)d->major);
	}
	if (d->minor >= 0) {
		fixups[n++] = e->count;
		put(e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)d->minor);
	}
	if (access != (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD)) {
		put(e, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0);
		put(e, BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, d->allow ? (int32_t)(uint8_t)(~access & 7) : access);
		fixups[n++] = e->count;
		put(e, BPF_JMP | (d->allow ? BPF_JNE : BPF_JEQ) | BPF_K, BPF_REG_0, 0, 0, 0);
	}
	put_return(e, d->allow);
	end = e->count;
	for (size_t i = 0; i < n && !e->full; i++)
		e->out[fixups[i]].off = (int16_t)(end - fixups[i] - 1);
}

int bpf_devices_compile(const struct cg_device *rules, size_t count, struct bpf_insn *out, size_t max)
{
	struct emit e = {.out = out, .max = max};
	bool deny_all_first = count && !rules[0].allow && rules[0].type == 'a';

	put_prologue(&e);
	for (size_t i = count; i > 0; i--) {
		put_rule(&e, &rules[i - 1]);
		/* a rule for everything with every access ends the list: the verifier refuses instructions nothing reaches */
		if (rules[i - 1].type == 'a' && rules[i - 1].major < 0 && rules[i - 1].minor < 0 && rules[i - 1].access == 7)
			return e.full ? -E2BIG : (int)e.count;
	}
	put_return(&e, !deny_all_first);
	return e.full ? -E2BIG : (int)e.count;
}

static int load(const struct bpf_insn *insns, size_t count)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uintptr_t)"GPL";
	memcpy(attr.prog_name, "coppice_dev", 12);
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

bool bpf_devices_available(int cgroup_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	return syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) == 0;
}

int bpf_devices_attach(int cgroup_fd, const struct cg_device *rules, size_t count)
{
	size_t max = count * PER_RULE + OVERHEAD;
	autofree struct bpf_insn *insns = calloc(max, sizeof(*insns));
	autoclose int fd = FD_NONE;
	union bpf_attr attr;
	int n;

	if (!insns)
		return -ENOMEM;
	n = bpf_devices_compile(rules, count, insns, max);
	if (n < 0)
		return n;
	fd = load(insns, (size_t)n);
	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}
