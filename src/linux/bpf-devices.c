/* bpf-devices.c - writes, loads and exchanges the device program of one cgroup.
 *
 * Rules run from last to first, so the first one that speaks about a bit is the one that wins. One register holds the requested bits that
 * are not decided yet:
 *
 *     not this device            -> next rule
 *     deny, any undecided bit    -> refuse
 *     allow                      -> those bits are decided; none left: allow
 *
 * What is left undecided at the end is allowed: an empty list allows all, and "deny a" in front is just a rule about everything.
 *
 * The list is written twice, once for block and once for character devices, and a device is one number (12 bits of major, 20 of minor, as
 * in the kernel's dev_t). So a rule needs a single comparison, and the verifier, which follows every path and remembers what each
 * comparison taught it, has one path to follow: loading the usual dozen rules takes 0.2 ms of a start instead of 0.7. */
#include "linux/bpf-devices.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_NAME "coppice_devices" /* BPF_OBJ_NAME_LEN is 16 */

/* One instruction; @src or @imm are 0 where the operation has none. */
static struct bpf_insn insn(uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	return (struct bpf_insn){.code = code, .dst_reg = dst & 0xfu, .src_reg = src & 0xfu, .off = off, .imm = imm};
}

enum { R0, R1, R2, R3, R4, R5, UNDECIDED, MINOR, DEVICE, MAJOR };

#define MINOR_BITS 20
#define MAJOR_MAX 0xfff
#define MINOR_MAX 0xfffff

#define LOAD_CTX(dst, member) insn(BPF_LDX | BPF_MEM | BPF_W, dst, R1, (int16_t)offsetof(struct bpf_cgroup_dev_ctx, member), 0)
#define MOV_REG(dst, src) insn(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0)
#define OR_REG(dst, src) insn(BPF_ALU | BPF_OR | BPF_X, dst, src, 0, 0)
#define MOV_IMM(dst, imm) insn(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define AND_IMM(dst, imm) insn(BPF_ALU | BPF_AND | BPF_K, dst, 0, 0, imm)
#define SHIFT_RIGHT(dst, imm) insn(BPF_ALU | BPF_RSH | BPF_K, dst, 0, 0, imm)
#define SHIFT_LEFT(dst, imm) insn(BPF_ALU | BPF_LSH | BPF_K, dst, 0, 0, imm)
#define JUMP_NOT_EQUAL(dst, imm, off) insn(BPF_JMP32 | BPF_JNE | BPF_K, dst, 0, off, imm)
#define JUMP_EQUAL(dst, imm, off) insn(BPF_JMP32 | BPF_JEQ | BPF_K, dst, 0, off, imm)
#define EXIT() insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static size_t put_verdict(struct bpf_insn *out, bool allow)
{
	out[0] = MOV_IMM(R0, allow);
	out[1] = EXIT();
	return 2;
}

/* cg_device access bits to the kernel's. */
static int32_t access_bits(uint8_t access)
{
	return ((access & 1) ? BPF_DEVCG_ACC_READ : 0) | ((access & 2) ? BPF_DEVCG_ACC_WRITE : 0) |
	       ((access & 4) ? BPF_DEVCG_ACC_MKNOD : 0);
}

#define ALL_BITS (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD)

/* What a rule does to a request for its device. */
static size_t put_effect(bool allow, int32_t bits, struct bpf_insn *out)
{
	size_t n = 0;

	if (bits == ALL_BITS) /* all that is undecided, and something always is */
		return put_verdict(out, allow);
	if (allow) {
		out[n++] = AND_IMM(UNDECIDED, ~bits);
		out[n++] = JUMP_NOT_EQUAL(UNDECIDED, 0, 2);
	} else {
		out[n++] = MOV_REG(R2, UNDECIDED);
		out[n++] = AND_IMM(R2, bits);
		out[n++] = JUMP_EQUAL(R2, 0, 2);
	}
	return n + put_verdict(out + n, allow);
}

static bool is_valid(const struct cg_device *rule)
{
	return (rule->type == 'a' || rule->type == 'b' || rule->type == 'c') && rule->major >= -1 && rule->major <= UINT32_MAX &&
	       rule->minor >= -1 && rule->minor <= UINT32_MAX;
}

static bool is_any(const struct cg_device *rule)
{
	return rule->major < 0 && rule->minor < 0;
}

static size_t put_rule(const struct cg_device *rule, struct bpf_insn *out)
{
	size_t n;

	if (is_any(rule))
		return put_effect(rule->allow, access_bits(rule->access), out);
	n = 1 + put_effect(rule->allow, access_bits(rule->access), out + 1);
	if (rule->minor < 0)
		out[0] = JUMP_NOT_EQUAL(MAJOR, (int32_t)rule->major, (int16_t)(n - 1));
	else if (rule->major < 0)
		out[0] = JUMP_NOT_EQUAL(MINOR, (int32_t)rule->minor, (int16_t)(n - 1));
	else
		out[0] = JUMP_NOT_EQUAL(DEVICE, (int32_t)(uint32_t)(rule->major << MINOR_BITS | rule->minor), (int16_t)(n - 1));
	return n;
}

/* The rules that concern devices of @type, last first. */
static size_t put_section(const struct cg_device *rules, size_t count, char type, struct bpf_insn *out)
{
	size_t n = 0;

	for (size_t i = count; i-- > 0;) {
		const struct cg_device *rule = &rules[i];
		int32_t bits = access_bits(rule->access);

		if (bits == 0 || (rule->type != type && rule->type != 'a'))
			continue;
		if (!is_any(rule) && (rule->major > MAJOR_MAX || rule->minor > MINOR_MAX))
			continue; /* no such device can exist */
		n += put_rule(rule, out + n);
		if (is_any(rule) && bits == ALL_BITS)
			return n; /* decides everything; the kernel refuses programs with instructions that are never reached */
	}
	return n + put_verdict(out + n, true);
}

int bpf_devices_compile(const struct cg_device *rules, size_t count, struct bpf_insn *out, size_t max)
{
	size_t n = 0, is_char;

	if (count > BPF_DEVICES_MAX || max < BPF_DEVICES_INSNS(count))
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		if (!is_valid(&rules[i]))
			return -EINVAL;
	out[n++] = LOAD_CTX(UNDECIDED, access_type);
	out[n++] = LOAD_CTX(MAJOR, major);
	out[n++] = LOAD_CTX(MINOR, minor);
	out[n++] = MOV_REG(R2, UNDECIDED);
	out[n++] = AND_IMM(R2, 0xffff);
	out[n++] = SHIFT_RIGHT(UNDECIDED, 16);
	out[n++] = MOV_REG(DEVICE, MAJOR);
	out[n++] = SHIFT_LEFT(DEVICE, MINOR_BITS);
	out[n++] = OR_REG(DEVICE, MINOR);
	is_char = n++;
	n += put_section(rules, count, 'b', out + n);
	out[is_char] = JUMP_NOT_EQUAL(R2, BPF_DEVCG_DEV_BLOCK, (int16_t)(n - is_char - 1));
	n += put_section(rules, count, 'c', out + n);
	return (int)n;
}

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr, size_t size)
{
	long r = syscall(SYS_bpf, cmd, attr, size);

	return r < 0 ? -errno : (int)r;
}

static uint64_t pointer(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int bpf_devices_load(const struct bpf_insn *insns, size_t count)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = pointer(insns);
	attr.insn_cnt = (uint32_t)count;
	attr.license = pointer("LGPL-2.1-or-later"); /* no helper is called, so none needs to be compatible */
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr)); /* close-on-exec since ever */
}

/* Is program @id one that this file loaded? Gives its descriptor, FD_NONE otherwise. */
static int open_if_ours(uint32_t id)
{
	struct bpf_prog_info info;
	union bpf_attr attr;
	autoclose int fd = FD_NONE;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (fd < 0)
		return FD_NONE;
	memset(&attr, 0, sizeof(attr));
	memset(&info, 0, sizeof(info));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = pointer(&info);
	if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 || strcmp(info.name, PROGRAM_NAME) != 0)
		return FD_NONE;
	return take_fd(fd);
}

/* The first program of ours on @cgroup itself (not inherited): its descriptor, or FD_NONE. */
static int find_ours(int cgroup)
{
	uint32_t ids[64] = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = pointer(ids);
	attr.query.prog_cnt = ARRAY_LEN(ids);
	if (sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) < 0)
		return FD_NONE;
	for (size_t i = 0; i < attr.query.prog_cnt && i < ARRAY_LEN(ids); i++) {
		int fd = open_if_ours(ids[i]);

		if (fd >= 0)
			return fd;
	}
	return FD_NONE;
}

static int replace(int cgroup, int old, int prog)
{
	union bpf_attr attr;

	if (prog < 0 && old < 0)
		return 0;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_type = BPF_CGROUP_DEVICE;
	if (prog < 0) {
		attr.attach_bpf_fd = (uint32_t)old;
		return sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
	}
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) { /* Linux 5.6 */
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

int bpf_devices_attach(int cgroup_fd, const struct cg_device *rules, size_t count)
{
	size_t max = BPF_DEVICES_INSNS(count);
	autofree struct bpf_insn *insns = count <= BPF_DEVICES_MAX ? calloc(max, sizeof(*insns)) : NULL;
	autoclose int prog = FD_NONE;
	autoclose int old = FD_NONE;
	int n;

	if (!insns)
		return count > BPF_DEVICES_MAX ? -E2BIG : -ENOMEM;
	if (count > 0) {
		n = bpf_devices_compile(rules, count, insns, max);
		prog = n < 0 ? n : bpf_devices_load(insns, (size_t)n);
		if (prog < 0)
			return prog;
	}
	old = find_ours(cgroup_fd);
	return replace(cgroup_fd, old, prog);
}

bool bpf_devices_available(int cgroup_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr)) == 0;
}
