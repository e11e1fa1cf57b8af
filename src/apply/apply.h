/* apply.h - runs a plan: the monitor's half on the host, the child's half inside, undo on failure.
 *
 * Two rendezvous over one socket pair (base/msg.h):
 *
 *     child:   BORN ----------> monitor: id maps, root assembled -----> GO
 *     child:   READY, terminals -> monitor: records the container ----> EXEC
 *     child:   execve closes the socket: the only success. FAIL carries the first cause; an end of file before EXEC is "child died".
 *
 * A step never calls back upwards; everything a later step needs is a field here. Each kind's functions are found in ops.c. */
#pragma once

#include "apply/notify.h"
#include "base/log.h"
#include "linux/cgroup.h"
#include "linux/ns.h"
#include "plan/plan.h"
#include "state/state.h"
#include "store/store.h"

/* err.step of a failed exec of the program itself, told apart from our own failures. */
#define APPLY_PROGRAM_FAILED UINT32_MAX

#define APPLY_MAX_SOURCES 64
#define APPLY_MAX_TTYS SPEC_MAX_TTYS
#define APPLY_MAX_MAPS 64
#define APPLY_NAMESPACES 8
#define APPLY_MAX_LOWERS 32

/* An artificial failure at a 1-based step, only in fault builds. */
enum apply_fault_kind { APPLY_FAULT_NONE, APPLY_FAULT_STEP, APPLY_FAULT_AFTER, APPLY_FAULT_KILL };
struct apply_fault {
	enum apply_fault_kind kind;
	uint32_t step;
};

struct apply {
	/* given by the caller, borrowed */
	const struct plan *plan;
	const struct facts *facts;
	const struct state *state;
	const struct store *store;
	const struct buf *wire; /* what is kept as RECORD_PLAN before something is made that only the plan can tell how to undo; NULL = nothing is kept */
	int stdio[3];        /* descriptors for init's stdio (PLAN_STDIO_PIPES), else FD_NONE */
	uint64_t deadline;   /* of the whole start (clock.h) */
	struct apply_fault fault;
	bool restores;       /* the plan's RESTORE is done: not when the container starts again by itself */
	const struct log *log; /* every step is told there, NULL = nowhere; the child's steps too, by the descriptors it has of us */

	/* filled by the steps */
	struct record record;
	struct cgroup cgroup;
	int tasks[CG_CONTROLLER_COUNT]; /* v1 files the child joins by itself */
	int task_count;
	int host_ns;         /* the mount namespace we came from */
	int host_time;       /* the time namespace we came from, between making the container's and having the child in it */
	int private_mnt, base_mnt, init_helper;
	int lower[APPLY_MAX_LOWERS]; /* of an overlay of the user's own, top first */
	size_t lower_count;
	int mounts_lock;     /* held for another container's mounts, in which this one lives */
	int root_lock;       /* flock on a root directory of the user's own, held while the container runs */
	const char *base_level;
	struct buf seccomp;
	struct notify notify; /* who answers what it hands over */
	int source[APPLY_MAX_SOURCES];
	int console_peer;    /* file or device of the host's that the console is connected to, taken by the monitor */
	int shared[SPEC_NS_COUNT]; /* namespaces to be born into */
	int shared_proc;     /* a procfs of a pid namespace that is not the container's own: it could not make one */
	int stage;           /* tmpfs that is our root: /root /base /proc /sys /mask */
	int procfs;          /* our own procfs, fully visible */
	int root;            /* the container's root mount (monitor's peer; in the child its own copy) */
	int userns;          /* FD_NONE for a privileged container */
	struct ns_map uid_map[APPLY_MAX_MAPS], gid_map[APPLY_MAX_MAPS];
	size_t uid_maps, gid_maps;
	uid_t root_uid;      /* host ids of container root */
	gid_t root_gid;
	pid_t child;
	int child_pidfd;
	bool wire_kept;
	int namespaces[APPLY_NAMESPACES]; /* of the container, for hooks that run when it has ended (step-hook.c) */
	bool again;          /* it will be started again: told to those hooks */
	struct buf hook_notes; /* failures of hooks that cannot fail anything any more, one a line */
	int netns;           /* the container's network namespace, kept for the undo when the plan has a network; else FD_NONE */
	int net_sock;        /* the network helper at work, FD_NONE when none is */
	int net_pidfd;
	pid_t net_pid;       /* 0 = none */
	size_t net_first;    /* index of its first step */
	int sock;            /* our end of the rendezvous socket */
	int report;          /* small init's report of its program's exec, FD_NONE without one */
	int master[1 + APPLY_MAX_TTYS]; /* console, tty1.. */
	size_t master_count;

	/* in the child */
	int child_sock;
	int report_write;
	const char **env, **argv;
	size_t env_count, argv_count;
	int console;         /* slave side */
	int kept[1 + APPLY_MAX_TTYS]; /* masters that the small init holds too (step-console.c) */
	size_t kept_count;
	uint64_t user_flags;
};

void apply_init(struct apply *a, const struct plan *plan);

/* What criu's log is called beside the checkpoint, and what it knows the container's network namespace as, when it brings it back. */
#define APPLY_CRIU_LOG "restore.log"
#define APPLY_CRIU_NET "coppice-net"
/* err.code when criu itself has failed: the reason is in that log. */
#define APPLY_CRIU_FAILED EREMOTEIO

/* Runs everything up to READY. On failure all is undone and @e has the first cause with the number of the step. */
int apply_prepare(struct apply *a, struct err *e) MUST_USE;

/* Lets the child exec and waits for its end of file. On failure all is undone. The caller has recorded the container between the two. */
int apply_release(struct apply *a, struct err *e) MUST_USE;

/* Undoes host steps (kills the child, removes cgroups, clears the record): also used after the container has ended. Idempotent. */
void apply_undo(struct apply *a);

/* Closes descriptors and frees memory; undoes nothing. */
void apply_done(struct apply *a);

/* Takes the lock on a root directory that only one container may run on, when the plan has one. Also by a monitor that adopts its container. */
int apply_lock_root(struct apply *a, struct err *e) MUST_USE;

/* Tells the container among whose mounts this one lives that somebody does, as long as we live. Also by a monitor that adopts. */
int apply_hold_mounts(struct apply *a, struct err *e) MUST_USE;

/* A namespace of another's: of a container by its name, of a process by its id, or behind a path of the host's. Gives a descriptor. The error says what to try. */
int apply_open_shared(const struct state *state, enum spec_ns ns, const char *target, struct err *e) MUST_USE;

/* Opens the namespaces of the container that hooks of its end are told of, when the plan has hooks. @procfs: a procfs directory. */
void apply_keep_namespaces(struct apply *a, int procfs);
/* Opens what the console is connected to, when the plan says so. Also by a monitor that adopts. */
int apply_open_console(struct apply *a, struct err *e) MUST_USE;

/* Runs the post-stop hooks of @plan, whose monitor was killed. Failures are appended to @notes, one a line. */
void apply_post_stop(const struct plan *plan, struct buf *notes);
/* The rules of a DEVICES step, "-a *:* rwm;+c 1:3 rwm", for cgroup_set_devices(). In @a. */
int apply_device_rules(const char *text, struct arena *a, struct cg_device **ret, size_t *ret_count) MUST_USE;

/* Gives, or takes away, the mark that a CLASS step says. @v2_node: the container's limits node, for one on the host's network. */
int apply_class(const struct step *st, int v2_node, bool add, struct err *e) MUST_USE;

/* Goes back to the mount namespace we came from, where host paths can be named again. */
int apply_to_host(struct apply *a) MUST_USE;

/* ---- the network helper (net.c) ----
 *
 * Runs the SIDE_NET steps of @plan in [first, end) as one job of coppice-net, in the host's network namespace and the one behind @netns: "apply" or "undo". Waits for its
 * verdict; @e has the first cause with the step's number. Undo is idempotent. Also for changes of a running container. */
int apply_net(const char *helper, const struct plan *plan, size_t first, size_t end, int netns, const char *action, uint64_t deadline, struct err *e) MUST_USE;

/* The helper's "bridge-host" and "bridge-undo": device @device becomes a port of new bridge @bridge, or is what it was, as the file behind @state says. */
int apply_net_bridge(const char *helper, const char *action, const char *device, const char *bridge, int state, uint64_t deadline, struct err *e) MUST_USE;

/* Ends the program that connects the container of a user without root, if the record knows one. */
void apply_end_user_net(struct record *r);

/* Undoes the NET steps of @plan, without an apply: after a monitor that was killed. @netns may be FD_NONE. 0 when there is nothing to undo. */
int apply_net_undo(const struct plan *plan, int netns, struct err *e) MUST_USE;

/* For a monitor that adopts its container (child, child_pidfd and record are set): opens the network namespace that the undo will want; addresses that the record lost are
 * taken from the plan. */
int apply_open_netns(struct apply *a, struct err *e) MUST_USE;
