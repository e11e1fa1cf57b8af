/* cgroup.h - one container's nodes in every hierarchy, and one resource model written in two languages.
 *
 * Every container has a node in the v2 hierarchy, always: the kernel has one even where the host mounts only v1, and there
 * live identity, cgroup.kill, cgroup.freeze, PSI and device programs. v1 hierarchies are used only for controllers v2 does not
 * offer here. Layout, the same in each:
 *
 *     <parent>/<group>/            limits live here; the container cannot write it
 *     <parent>/<group>/payload/    processes live here; root of the container's cgroup namespace; on v2 delegated to it
 *
 * group = "coppice/NAME" (or "coppice-<hash>/NAME" for a state root of its own). All access is by descriptor; statfs magic is checked before any
 * mkdir; mount points are never removed. Functions return -errno. */
#pragma once

#include "linux/facts.h"

#include <sys/types.h>


/* Open handle on one container's nodes. */
struct cgroup {
	char group[160];            /* "coppice/web1" */
	int v2;                     /* O_PATH|O_DIRECTORY of the limits node; FD_NONE = absent */
	int v2_payload;             /* directory descriptor fit for CLONE_INTO_CGROUP and setns-side joins */
	int v1[CG_CONTROLLER_COUNT];         /* limits nodes; FD_NONE where the controller is not used */
	int v1_payload[CG_CONTROLLER_COUNT]; /* payload nodes */
};

void cgroup_init(struct cgroup *cg);
void cgroup_done(struct cgroup *cg); /* closes, removes nothing */

/* Makes the nodes (mkdir; an existing empty one is adopted, one with live processes is -EBUSY). @need: bit per enum cg_controller that has limits
 * to hold. Controllers are enabled top-down on v2. @owner_uid/gid own the delegated v2 payload files (0 = keep root). Undoes itself on failure. */
int cgroup_create(const struct facts *f, const char *group, uint32_t need, uid_t owner_uid, gid_t owner_gid, struct cgroup *ret) MUST_USE;

/* Opens existing nodes of @group wherever they exist. -ENOENT when there are none. */
int cgroup_open(const struct facts *f, const char *group, struct cgroup *ret) MUST_USE;

/* Writes one limit. @file is a v2 or v1 file name on controller @c of the limits node. -ENOENT when the controller has no node. */
int cgroup_write(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, const char *value) MUST_USE;
/* Reads one file of the limits node: length or -errno. */
ssize_t cgroup_read(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, char *out, size_t size) MUST_USE;

/* Opens the v1 `tasks` files a new process must write "0" to (self-join: a write from outside costs an RCU grace period of 13-16 ms when
 * cold). Fills @fds (CG_CONTROLLER_COUNT entries), returns how many. Shared hierarchies appear once. */
int cgroup_open_tasks(struct cgroup *cg, int *fds) MUST_USE;
/* In the joining process, single-threaded: writes "0" to each. */
int cgroup_join_tasks(const int *fds, size_t count) MUST_USE;
/* Moves process @pid into the v2 payload from outside (used only where CLONE_INTO_CGROUP is missing). */
int cgroup_move_v2(const struct cgroup *cg, pid_t pid) MUST_USE;

/* Kills every process beneath the limits node: thaw, cgroup.kill, else SIGKILL by pidfd until empty; waits until @deadline. */
int cgroup_kill(const struct cgroup *cg, uint64_t deadline) MUST_USE;
/* Freezes or thaws, and waits for the kernel's event (no sleep). -ETIMEDOUT. */
int cgroup_freeze(const struct cgroup *cg, bool frozen, uint64_t deadline) MUST_USE;
/* 1 frozen, 0 not, -errno. */
int cgroup_is_frozen(const struct cgroup *cg) MUST_USE;
/* 1 when some process lives beneath, 0 when empty. */
int cgroup_populated(const struct cgroup *cg) MUST_USE;

/* Finds the container's init by what the kernel knows alone: the process beneath the v2 limits node that is pid 1 of a pid namespace directly below ours. 0 with its
 * pid; -ESRCH: the node has no such process; -ENOENT: there is no node. */
int cgroup_find_init(const struct facts *f, const char *group, pid_t *ret_pid) MUST_USE;

/* Removes all nodes beneath and including the limits nodes (a guest may have made sub-cgroups), never a mount point. A missing one is fine. -EBUSY when
 * processes live there. */
int cgroup_remove(const struct facts *f, const char *group) MUST_USE;

/* Installs the device rules: a BPF program on the v2 limits node, or the v1 controller. Rules in order, later wins; @count 0 = allow all. */
struct cg_device {
	bool allow;
	char type; /* a b c */
	int64_t major, minor; /* -1 any */
	uint8_t access; /* 1 read 2 write 4 mknod */
};
/* Before cgroup_open_tasks(): the v1 controller takes "everything" only on a node without children. */
int cgroup_set_devices(const struct facts *f, const struct cgroup *cg, const struct cg_device *rules, size_t count) MUST_USE;

/* Usage for list and show; fields are UINT64_MAX when unknown. */
struct cg_usage {
	uint64_t memory_current, memory_peak, memory_max, swap_current, cpu_usec, pids_current, pids_max, oom_kills;
};
void cgroup_usage(const struct cgroup *cg, struct cg_usage *ret);

/* For listings: the directory that holds all our containers' nodes, opened once, and of each container only what its figures need. */
struct cgroup_parents {
	int v2, memory, pids; /* FD_NONE: not there */
};
void cgroup_parents_open(const struct facts *f, const char *parent, struct cgroup_parents *ret);
void cgroup_parents_done(struct cgroup_parents *p);
/* True when container @name has nodes: the v2 one is made first and removed last. */
bool cgroup_parents_has(const struct cgroup_parents *p, const char *name);
/* Fit for cgroup_usage() and cgroup_is_frozen() only. -ENOENT. */
int cgroup_open_for_usage(const struct cgroup_parents *p, const char *name, struct cgroup *ret) MUST_USE;
