/* facts.h - what this host can do, as data.
 *
 * Filled once per command by facts_probe() (facts.c, cheap system calls only, no fork); planning reads it and makes no system call
 * of its own. Tests build a `struct facts` by hand to plan for any kind of host. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>

enum cg_layout {
	CG_NONE,   /* no usable cgroup file system */
	CG_V1,     /* controllers on v1 hierarchies, v2 not mounted by the host (we mount it for ourselves) */
	CG_HYBRID, /* controllers on v1, a v2 mount beside them */
	CG_V2,     /* unified */
};

/* v1 controllers and v2 controllers we speak. */
enum cg_controller { CG_MEMORY, CG_CPU, CG_CPUACCT, CG_CPUSET, CG_PIDS, CG_DEVICES, CG_IO, CG_FREEZER, CG_SYSTEMD, CG_HUGETLB, CG_RDMA, CG_MISC, CG_NET_CLS, CG_NET_PRIO, CG_PERF_EVENT, CG_CONTROLLER_COUNT };

/* Security modules in force; lsm_probe() asks for them, when a config names a label. */
struct lsm {
	bool apparmor;
	bool apparmor_mounts; /* it mediates mounts */
	bool selinux;
};

struct facts {
	unsigned kernel_major, kernel_minor;
	char boot_id[40];
	enum cg_layout cgroup;
	/* Where each v1 hierarchy is mounted ("" = no v1 hierarchy holds it); v2_mount is "" when only our private mount exists. */
	char v1_mount[CG_CONTROLLER_COUNT][64];
	char v2_mount[64];
	uint32_t v2_controllers; /* bit per enum cg_controller available at the v2 root */
	bool cgroup_kill;        /* 5.14 */
	bool clone_into_cgroup;  /* 5.7 */
	bool bpf_devices;        /* cgroup device programs */
	bool memsw;              /* memory is a v1 hierarchy and has memory.memsw.* (swapaccount) */
	bool erofs_file;         /* 6.12: EROFS straight from a file */
	bool erofs_loop;
	bool overlay_fds;        /* 6.13: layers by descriptor (lowerdir+ with FSCONFIG_SET_FD) */
	bool idmap_tmpfs;        /* 6.3 */
	bool core_sched;
	bool time_ns;
	bool mount_beneath;      /* 6.5 */
	uint64_t memory_total;   /* bytes */
	unsigned cpus;           /* online */
	bool can_raise_rlimits;  /* CAP_SYS_RESOURCE */
	bool user_mode;          /* our user namespace is not the host's: no device nodes, idmapped mounts, images or control groups of the host's */
};

struct err;
/* Asks the kernel. About a tenth of a millisecond; no fork, nothing is loaded or attached. Fails only where /proc is missing. */
int facts_probe(struct facts *ret, struct err *e) MUST_USE;
/* A third of that, for whoever only looks at containers: boot id, kernel version and what follows from it (clone_into_cgroup, cgroup_kill), user_mode, and where
 * control groups are. The rest is 0. */
int facts_probe_groups(struct facts *ret, struct err *e) MUST_USE;

/* The cgroup part of the probe, pure: reads the text of /proc/self/mountinfo (proc_pid_mountinfo(5)) and fills v1_mount, v2_mount and
 * cgroup of @ret. Lines it cannot read and mount points that do not fit are skipped. */
void facts_parse_mountinfo(const char *text, struct facts *ret);

/* True when the kernel is at least @major.@minor. */
static inline bool facts_kernel(const struct facts *f, unsigned major, unsigned minor)
{
	return f->kernel_major > major || (f->kernel_major == major && f->kernel_minor >= minor);
}
