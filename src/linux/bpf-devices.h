/* bpf-devices.h - a device list as a BPF program on a v2 cgroup (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15). */
#pragma once

#include "linux/cgroup.h"

struct bpf_insn;

/* True when such programs can be attached to cgroups of the v2 directory @cgroup_fd. One cheap query: nothing is compiled or loaded. */
bool bpf_devices_available(int cgroup_fd);

/* Compiles rules into @out (room for @max instructions); returns how many, or -E2BIG. Semantics of the v1 controller: rules are read in order and the last one that
 * matches type, numbers and all requested accesses decides; without a match access is refused when the list starts by denying everything, else allowed. */
int bpf_devices_compile(const struct cg_device *rules, size_t count, struct bpf_insn *out, size_t max) MUST_USE;

/* Loads and attaches the program to the v2 directory @cgroup_fd, in addition to what ancestors have. It lives as long as the cgroup. */
int bpf_devices_attach(int cgroup_fd, const struct cg_device *rules, size_t count) MUST_USE;
