/* What hosts of every kind tell of themselves, for tests of plans and of limits. */
#pragma once

#include "plan/plan.h"
#include "unit/test.h"

#include <stdio.h>

#define M (UINT64_C(1) << 20)

static inline void host_v1(struct facts *f)
{
	static const char *const mounts[CG_CONTROLLER_COUNT] = {
		[CG_MEMORY] = "/sys/fs/cgroup/memory", [CG_CPU] = "/sys/fs/cgroup/cpu,cpuacct", [CG_CPUACCT] = "/sys/fs/cgroup/cpu,cpuacct",
		[CG_CPUSET] = "/sys/fs/cgroup/cpuset", [CG_PIDS] = "/sys/fs/cgroup/pids",	[CG_DEVICES] = "/sys/fs/cgroup/devices",
		[CG_IO] = "/sys/fs/cgroup/blkio",      [CG_FREEZER] = "/sys/fs/cgroup/freezer"};

	*f = (struct facts){.kernel_major = 5, .kernel_minor = 10, .cgroup = CG_V1, .memsw = true, .clone_into_cgroup = true, .cpus = 2,
			    .memory_total = 4096 * M, .erofs_loop = true};
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
		(void)snprintf(f->v1_mount[i], sizeof(f->v1_mount[i]), "%s", mounts[i] ?: "");
}

static inline void host_v2(struct facts *f)
{
	*f = (struct facts){.kernel_major = 6, .kernel_minor = 18, .cgroup = CG_V2, .v2_mount = "/sys/fs/cgroup",
			    .v2_controllers = 1u << CG_MEMORY | 1u << CG_CPU | 1u << CG_CPUSET | 1u << CG_PIDS | 1u << CG_IO, .cgroup_kill = true,
			    .clone_into_cgroup = true, .bpf_devices = true, .erofs_file = true, .erofs_loop = true, .overlay_fds = true, .idmap_tmpfs = true,
			    .time_ns = true, .mount_beneath = true, .cpus = 8, .memory_total = 16384 * M, .can_raise_rlimits = true};
}

/* v1 has everything but pids; v2 beside it has pids. */
static inline void host_hybrid(struct facts *f)
{
	host_v1(f);
	f->cgroup = CG_HYBRID;
	f->kernel_major = 6;
	f->kernel_minor = 1;
	(void)snprintf(f->v2_mount, sizeof(f->v2_mount), "/sys/fs/cgroup/unified");
	f->v1_mount[CG_PIDS][0] = '\0';
	f->v2_controllers = 1u << CG_PIDS;
	f->bpf_devices = f->cgroup_kill = f->time_ns = true;
}

/* As distributions of 2015 mount it: two controllers in one hierarchy, below both their names. */
static inline void host_old(struct facts *f)
{
	host_hybrid(f);
	(void)snprintf(f->v1_mount[CG_CPU], sizeof(f->v1_mount[0]), "/sys/fs/cgroup/cpu,cpuacct");
	(void)snprintf(f->v1_mount[CG_CPUACCT], sizeof(f->v1_mount[0]), "/sys/fs/cgroup/cpu,cpuacct");
	(void)snprintf(f->v1_mount[CG_NET_CLS], sizeof(f->v1_mount[0]), "/sys/fs/cgroup/net_cls");
	(void)snprintf(f->v1_mount[CG_SYSTEMD], sizeof(f->v1_mount[0]), "/sys/fs/cgroup/systemd");
}

static inline void host_v1_all(struct facts *f)
{
	host_v1(f);
	for (size_t c = CG_HUGETLB; c < CG_CONTROLLER_COUNT; c++)
		(void)snprintf(f->v1_mount[c], sizeof(f->v1_mount[c]), "/sys/fs/cgroup/other%zu", c);
}

static inline void host_v2_all(struct facts *f)
{
	host_v2(f);
	f->v2_controllers |= 1u << CG_HUGETLB | 1u << CG_RDMA | 1u << CG_MISC;
}

static inline void host_bare(struct facts *f)
{
	*f = (struct facts){.kernel_major = 5, .kernel_minor = 10, .cgroup = CG_NONE};
}

/* In a user namespace of one's own. */
static inline void host_user(struct facts *f)
{
	*f = (struct facts){.kernel_major = 6, .kernel_minor = 1, .cgroup = CG_NONE, .cgroup_kill = true, .clone_into_cgroup = true, .cpus = 8,
			    .memory_total = 16384 * M, .user_mode = true};
}

/* The same with a control group that was given to the user, which has memory and pids. */
static inline void host_user_given(struct facts *f)
{
	host_user(f);
	f->cgroup = CG_V2;
	(void)snprintf(f->v2_mount, sizeof(f->v2_mount), "/sys/fs/cgroup");
	f->v2_controllers = 1u << CG_MEMORY | 1u << CG_PIDS;
}
