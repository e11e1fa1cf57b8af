/* cgroup.h - one container's nodes in every hierarchy, and one resource model written in two languages.
 *
 * Every container has a node in the v2 hierarchy, always: the kernel has one even where the host mounts only v1, and there live identity,
 * cgroup.kill, cgroup.freeze, PSI and device programs. v1 hierarchies are used only for controllers v2 does not offer here. Layout, the
 * same in each:
 *
 *     <parent>/<group>/            limits live here; the container cannot write it
 *     <parent>/<group>/payload/    processes live here; root of the container's cgroup namespace; on v2 delegated to it
 *
 * except that v1 has no payload node when the container's root is not the host's (owner_uid != 0 below) and was not given one: it could
 * not write the limits anyway, and each node costs the start 0.1 ms. The v1_payload descriptors then are the limits node's.
 *
 * group = "coppice/NAME" (or "coppice-<hash>/NAME" for a state root of its own), or a place of the user's own: "PATH", "/PATH" from the
 * top of each hierarchy, either with "//WORD" behind it when the payload node is to be called WORD. What we make of such a path is marked
 * (extended attribute trusted.coppice, user.coppice without root), and nothing else of it is ever removed or taken over. All access is by
 * descriptor; statfs magic is checked before any mkdir; mount points are never removed. Functions return -errno.
 *
 * <parent> is where pid 1 lives in that hierarchy (its init.scope stripped): the root of a normal host. A caller who may not make nodes
 * there gets the topmost ancestor of its own cgroup where it may: the root of what was delegated to it. A component of the group that
 * would collide with a cgroup interface file ("memory.max" is a legal container name) is stored with '_' in front, which no name can begin
 * with.
 *
 * Where the host does not mount v2, it is reached through a private mount that exists only as our descriptor. */
#pragma once

#include "base/fd.h"
#include "linux/facts.h"

#include <sys/types.h>

/* A guest that was given its payload node may nest this deep and have this many nodes: kernel memory, and the time to clean up after it. */
#define CG_GUEST_DEPTH 64
#define CG_GUEST_NODES 10000

#define CG_GROUP_MAX 256  /* with the end */
#define CG_PAYLOAD_MAX 64

/* Open handle on one container's nodes. */
struct cgroup {
	char group[CG_GROUP_MAX];   /* "coppice/web1" */
	char payload[CG_PAYLOAD_MAX]; /* name of the payload node */
	int v2;                     /* O_PATH|O_DIRECTORY of the limits node; FD_NONE = absent */
	int v2_payload;             /* directory descriptor fit for CLONE_INTO_CGROUP and setns-side joins */
	int v1[CG_CONTROLLER_COUNT];         /* limits nodes; FD_NONE where the controller is not used */
	int v1_payload[CG_CONTROLLER_COUNT]; /* payload nodes */
	bool no_kill_file;          /* before 5.14: processes are killed one by one */
	char why[160];              /* after a failed cgroup_create(): which file or directory refused, for the message; else "" */
};

/* The word of @c's v1 hierarchy in mount options and /proc/PID/cgroup: "memory", "blkio", "name=systemd". */
const char *cg_v1_word(enum cg_controller c);

#define CG_FDS_NONE {[0 ... CG_CONTROLLER_COUNT - 1] = FD_NONE}
#define CGROUP_NONE {.payload = "payload", .v2 = FD_NONE, .v2_payload = FD_NONE, .v1 = CG_FDS_NONE, .v1_payload = CG_FDS_NONE}
void cgroup_init(struct cgroup *cg);
void cgroup_done(struct cgroup *cg); /* closes, removes nothing */
/* Makes the nodes (mkdir; an existing empty one is replaced by a fresh one, so that no old limit, freeze or device program survives; one
 * with live processes is -EBUSY). @need: bit per enum cg_controller that has limits to hold; controllers this host has not are skipped
 * (their writes will be -ENOENT). Controllers are enabled top-down on v2. @owner_uid/gid own the delegated v2 payload files (0 = keep
 * root); v1 is never delegated. 0 as owner also means that the guest's root is the host's: v1 then gets payload nodes too. Undoes itself
 * on failure; then @ret is initialised, empty and only its why is set. */
int cgroup_create(const struct facts *f, const char *group, uint32_t need, uid_t owner_uid, gid_t owner_gid, struct cgroup *ret) MUST_USE;

/* The same for a guest that is to see v1 hierarchies. @seen: bit per enum cg_controller whose v1 hierarchy, where the host has one, gets
 * nodes whoever holds the limits. @writes: the payload nodes there are the owner's (the directory, cgroup.procs and tasks), except where
 * the v1 devices controller keeps the device list. -EEXIST: the place is somebody else's node. */
struct cg_wish {
	uint32_t need, seen;
	bool writes;
	uid_t uid;
	gid_t gid;
};
int cgroup_create_as(const struct facts *f, const char *group, const struct cg_wish *w, struct cgroup *ret) MUST_USE;

/* Moves the calling process, which has one thread, to node @group of every hierarchy, made where it is missing; for a monitor that is to
 * live somewhere. And away again: to @pivot (a group likewise, made and left there) or, NULL, to where groups have their parent; then
 * what was made for @group goes. leave: best effort, a node that is still in use stays. */
int cgroup_move_self(const struct facts *f, const char *group) MUST_USE;
void cgroup_leave(const struct facts *f, const char *group, const char *pivot);
/* Removes the empty nodes that cgroup_move_self() made, after a monitor that was killed. */
void cgroup_forget(const struct facts *f, const char *group);
/* The v2 node that the calling process lives in, from the hierarchy's root: "/system.slice/x.service"; "/" when it is the root or cannot
 * be told. */
void cgroup_own(char ret[CG_GROUP_MAX]);

/* Opens existing nodes of @group wherever they exist. -ENOENT when there are none. */
int cgroup_open(const struct facts *f, const char *group, struct cgroup *ret) MUST_USE;

/* Writes one limit. @file is a v2 or v1 file name on controller @c of the limits node. -ENOENT when the controller has no node. Hidden
 * here: v1 cpusets must shrink bottom-up and grow top-down, so the payload node is moved along; block weights go to bfq's file where the
 * generic one is missing. */
int cgroup_write(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, const char *value) MUST_USE;
/* True for the weights of disks. Their files are there only with the disk scheduler that knows them (bfq, or iocost on v2); without it all are served alike, and
 * cgroup_write() is -ENOENT. */
bool cgroup_is_weight(enum cg_controller c, const char *file);
/* Reads one file of the limits node: length or -errno. */
ssize_t cgroup_read(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, char *out, size_t size) MUST_USE;

/* Makes the node of a controller that a running container was started without, and moves its processes there (v1), or has the files appear (v2). 0 also when it is there;
 * -EOPNOTSUPP: this host has no such controller. cgroup_remove() takes it away with the others. */
int cgroup_extend(const struct facts *f, struct cgroup *cg, enum cg_controller c) MUST_USE;

/* Opens the v1 `tasks` files a new process must write "0" to (self-join: a write from outside costs an RCU grace period of 13-16 ms when
 * cold). Fills @fds (CG_CONTROLLER_COUNT entries), returns how many. Shared hierarchies appear once. */
int cgroup_open_tasks(const struct cgroup *cg, int *fds) MUST_USE;
/* In the joining process, single-threaded: writes "0" to each. */
int cgroup_join_tasks(const int *fds, size_t count) MUST_USE;
/* A v2 directory descriptor for one more process of a running container (exec): the payload, or, when the guest's init has made that an
 * inner node (processes are then refused there, EBUSY), the leaf "coppice.exec" beneath it, made on demand and owned like the payload.
 * Gives it. */
int cgroup_open_leaf(const struct cgroup *cg) MUST_USE;
/* Moves process @pid into the v2 payload from outside (used only where CLONE_INTO_CGROUP is missing). */
int cgroup_move_v2(const struct cgroup *cg, pid_t pid) MUST_USE;

/* Kills every process beneath the limits node: thaw, cgroup.kill, else SIGKILL by pidfd until empty; waits until @deadline. */
int cgroup_kill(const struct cgroup *cg, uint64_t deadline) MUST_USE;
/* Freezes or thaws, and waits for the kernel's event. -ETIMEDOUT: a freeze that did not complete is taken back. */
int cgroup_freeze(const struct cgroup *cg, bool frozen, uint64_t deadline) MUST_USE;
/* 1 frozen, 0 not, -errno. */
int cgroup_is_frozen(const struct cgroup *cg) MUST_USE;
/* The same, but 1 also when a freeze was asked for and is still under way: whoever wants it to run has to thaw it. */
int cgroup_is_freezing(const struct cgroup *cg) MUST_USE;
/* 1 when some process lives beneath, 0 when empty. */
int cgroup_populated(const struct cgroup *cg) MUST_USE;

/* Finds the container's init by what the kernel knows alone: the process beneath the v2 limits node that is pid 1 of a pid namespace
 * directly below ours. 0 with its pid; -ESRCH: the node has no such process; -ENOENT: there is no node. */
int cgroup_find_init(const struct facts *f, const char *group, pid_t *ret_pid) MUST_USE;

/* Removes all nodes beneath and including the limits nodes (a guest may have made sub-cgroups), never a mount point. A missing one is
 * fine. -EBUSY when processes live there. */
int cgroup_remove(const struct facts *f, const char *group) MUST_USE;

/* Installs the device rules: a BPF program on the v2 limits node, or the v1 controller. Each
 * requested bit (read, write, mknod) is decided by the last rule that names the device and the bit, and allowed when no rule does; access
 * is refused when any requested bit is. @count 0 = allow all. May be called again on a live container: the BPF program is exchanged
 * atomically, v1 has a moment in which the union of old and new rules holds. -EOPNOTSUPP: no device control here, or (v1) a rule cuts a
 * hole into an earlier wildcard, which that controller cannot express. */
struct cg_device {
	bool allow;
	char type; /* b, c; a = both */
	int64_t major, minor; /* -1 any */
	uint8_t access; /* 1 read 2 write 4 mknod */
};
int cgroup_set_devices(const struct facts *f, const struct cgroup *cg, const struct cg_device *rules, size_t count) MUST_USE;

/* One more rule for a container that runs: the last of @rules, which are the whole list as it is to be from now on. The v1 controller gets the one, the program is made anew. */
int cgroup_add_device(const struct facts *f, const struct cgroup *cg, const struct cg_device *rules, size_t count) MUST_USE;

/* Usage for list and show; fields are UINT64_MAX when unknown, limits also when there is none. */
struct cg_usage {
	uint64_t memory_current, memory_peak, memory_max, swap_current, cpu_usec, pids_current, pids_max, oom_kills;
};
void cgroup_usage(const struct cgroup *cg, struct cg_usage *ret);

/* The parents of all groups, opened once: for listings of many containers. Borrowed facts must outlive it. */
struct cg_parent {
	int dir;       /* O_PATH of <parent>; FD_NONE = no such hierarchy */
	int mount;     /* O_PATH of the hierarchy's root */
	char own[256]; /* the caller's own cgroup beneath it, relative; "" = the root. Read when first needed */
};
struct cg_roots {
	const struct facts *facts;
	bool own_known;
	struct cg_parent v2;
	struct cg_parent v1[CG_CONTROLLER_COUNT]; /* only the first controller of a shared hierarchy is filled */
	enum cg_controller first[CG_CONTROLLER_COUNT];
};
#define CG_PARENT_NONE {.dir = FD_NONE, .mount = FD_NONE}
#define CG_ROOTS_NONE {.v2 = CG_PARENT_NONE, .v1 = {[0 ... CG_CONTROLLER_COUNT - 1] = CG_PARENT_NONE}}
/* @controllers: bit per controller whose v1 hierarchy is wanted; ones without a v1 hierarchy are skipped. -ENOENT when the host has no
 * cgroups at all. */
int cg_roots_open(const struct facts *f, uint32_t controllers, struct cg_roots *ret) MUST_USE;
void cg_roots_done(struct cg_roots *r);

/* One small read: does @group have processes, is it frozen. -ENOENT when it has no v2 node. */
struct cg_state {
	bool populated, frozen;
};
int cgroup_peek(struct cg_roots *r, const char *group, struct cg_state *ret) MUST_USE;

/* Usage without a handle: openat and read per file. @want: bit per CG_MEMORY (current, max), CG_CPU (cpu_usec), CG_PIDS (current); other
 * fields stay UINT64_MAX. @r must have been opened with these controllers. */
void cgroup_peek_usage(struct cg_roots *r, const char *group, uint32_t want, struct cg_usage *ret);

/* What those ask who look closer: UINT64_MAX when unknown or not in @want, bits of enum cg_detail_bit. @r must have been opened with CG_MEMORY, and for
 * CG_DETAIL_IO with CG_IO. */
enum cg_detail_bit { CG_DETAIL_SWAP = 1, CG_DETAIL_KERNEL = 2, CG_DETAIL_IO = 4, CG_DETAIL_CPU = 8 };
struct cg_detail {
	uint64_t swap, kernel;                    /* bytes; kernel: part of the memory the kernel holds for it */
	uint64_t io_read, io_write, io_ops;       /* bytes, bytes, operations, all devices together */
	uint64_t cpu_user_usec, cpu_system_usec;
};
void cgroup_peek_detail(struct cg_roots *r, const char *group, unsigned want, struct cg_detail *ret);
