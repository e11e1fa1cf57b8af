/* bpf-devices.h - device rules as a program of the kernel's cgroup device hook (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15).
 *
 * The program is written directly in BPF instructions and loaded by bpf(2). Building is pure, so that tests can interpret the result. */
#pragma once

#include "linux/cgroup.h"

struct bpf_insn;

/* Rules a program may have (its jumps are 16 bits wide), and instructions that @count of them need at most. */
#define BPF_DEVICES_MAX 2048
#define BPF_DEVICES_INSNS(count) (16 + 10 * (count))

/* True when such programs can be attached to cgroups of the v2 directory @cgroup_fd. One cheap query: nothing is compiled or loaded. */
bool bpf_devices_available(int cgroup_fd);

/* Compiles rules (cgroup_set_devices() has their meaning) into @out, whose room for @max instructions must be BPF_DEVICES_INSNS(count).
 * How many were written, -E2BIG, or -EINVAL for a rule with an unknown type or a number that does not fit. */
int bpf_devices_compile(const struct cg_device *rules, size_t count, struct bpf_insn *out, size_t max) MUST_USE;

/* Loads a program. Gives its descriptor or -errno: -EPERM without CAP_BPF or CAP_SYS_ADMIN, -EINVAL where the kernel has none. */
int bpf_devices_load(const struct bpf_insn *insns, size_t count) MUST_USE;

/* Makes a program of @rules (none for @count 0) the only one of ours on the v2 directory @cgroup_fd. One that is there already is exchanged in
 * one step, so that no moment is without rules. The kernel drops it with the cgroup. Programs on ancestors go on to apply: all must allow. */
int bpf_devices_attach(int cgroup_fd, const struct cg_device *rules, size_t count) MUST_USE;
