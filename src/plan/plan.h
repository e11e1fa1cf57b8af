/* plan.h - ordered typed steps from "nothing" to "init runs": pure data.
 *
 * plan_build() turns (spec, facts, choices) into a plan and makes no system call: same inputs, same text. The plan prints itself (--dry-run,
 * golden tests) and travels to the monitor as bytes on a sealed memfd. apply/ owns what each kind does and how it is undone; both
 * tables come from STEP_LIST. Everything that had to be chosen (id range, cgroup group, paths) is an argument of a step. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "linux/facts.h"
#include "spec/spec.h"

enum step_side {
	SIDE_DATA,  /* tells the monitor something; nothing to do */
	SIDE_HOST,  /* the monitor does it */
	SIDE_NET,   /* the network helper does it, between the host's and the container's network namespace */
	SIDE_CHILD, /* the setup child does it, inside the container's namespaces; killing the child is its undo */
};

/* X(KIND, SIDE, word, arguments): an argument is a name; '#' behind it marks a number. At most 4 texts and 4 numbers, in order of appearance. */
#define STEP_LIST(X)                                                                                          \
	/* who and where */                                                                                   \
	X(CONTAINER, DATA, container, "name lxcpath rundir store")                                            \
	X(BASE, DATA, base, "name version mode")                                                              \
	X(SUPERVISE, DATA, supervise, "log pid-file ring# log-size# restart# flags#")                                  \
	X(SIGNALS, DATA, signals, "halt# reboot# stop# timeout-ms#")                                          \
	X(LOG, DATA, log, "file command level# facility#")                                                    \
	X(HOOK, DATA, hook, "kind command where version#")                                                   \
	X(HOOK_ENV, DATA, hook_env, "pair")                                                                  \
	X(RESTORE_MOUNT, DATA, restore_mount, "target")                                                       \
	X(RESTORE_TTY, DATA, restore_tty, "key number#")                                                      \
	/* host: cgroups */                                                                                   \
	X(JOURNAL, HOST, journal, "group monitor id-first# placed#")                                                          \
	X(HOOKS, HOST, hooks, "kind")                                                                         \
	X(CGROUP, HOST, cgroup, "group need# uid# gid# seen#")                                                   \
	X(LIMIT, HOST, limit, "file value controller# v2#")                                                   \
	X(CLASS, HOST, class, "helper ports mark#")                                                           \
	X(DEVICES, HOST, devices, "rules")                                                                    \
	/* host: things opened while host paths can still be named */                                         \
	X(MOUNTS, HOST, mounts, "")                                                                           \
	X(OPEN_PRIVATE, HOST, open_private, "path options exclusive# read-only#")                             \
	X(OPEN_HOST_ROOT, HOST, open_host_root, "")                                                           \
	X(OPEN_LOWER, HOST, open_lower, "path")                                                               \
	X(LEASE_BASE, HOST, lease_base, "name version")                                                       \
	X(OPEN_INIT, HOST, open_init, "path")                                                                 \
	X(OPEN_SECCOMP, HOST, open_seccomp, "path")                                                           \
	X(NOTIFY, HOST, notify, "proxy cookie")                                                               \
	X(OPEN_SOURCE, HOST, open_source, "path idmap slot# recursive# flags#")                                  \
	/* host: the process and its root */                                                                  \
	X(OPEN_DEVICE, HOST, open_device, "path type options slot# read-only# flags#")                        \
	X(OPEN_CONSOLE, HOST, open_console, "path")                                                           \
	X(OPEN_NS, HOST, open_ns, "kind target")                                                              \
	X(STAGE, HOST, stage, "")                                                                             \
	X(CLOCK, HOST, clock, "boot-ns# mono-ns# from-now#")                                                  \
	X(IDMAP, HOST, idmap, "inside# host# count# kinds#")                                                  \
	X(CGROUP_MONITOR, HOST, cgroup_monitor, "group pivot")                                                \
	X(CHILD, HOST, child, "flags#")                                                                       \
	X(PROC, HOST, proc, "file value")                                                                     \
	X(SYSCTL_OUTSIDE, HOST, sysctl_outside, "name value")                                                 \
	X(RLIMIT, HOST, rlimit, "resource# soft# hard#")                                                      \
	X(ROOT, HOST, root, "idmap")                                                                          \
	X(ROOT_OVERLAY, HOST, root_overlay, "upper work idmap tmpfs-size# volatile#")                         \
	X(COMMON, HOST, common, "path keep")                                                                  \
	X(DEV, HOST, dev, "nodes size# own#")                                                                            \
	X(TMPFS, HOST, tmpfs, "target options attrs# create#")                                                \
	X(BIND, HOST, bind, "target slot# attrs# create# propagation#")                                       \
	X(OVERLAY, HOST, overlay, "target options attrs# create#")                                            \
	X(BIND_LATER, HOST, bind_later, "target slot# attrs# propagation#")                                                    \
	X(ROOT_ATTRS, HOST, root_attrs, "attrs#")                                                             \
	X(SEAL_STAGE, HOST, seal_stage, "")                                                                   \
	/* network helper, running while the other steps go on; a NIC and what follows up to the next NIC is one interface */ \
	X(NET_BEGIN, HOST, net_begin, "helper")                                                               \
	X(BRIDGE, NET, bridge, "name ipv4 ipv6 address mtu# flags#")                                          \
	X(NIC, NET, nic, "type name link peer index# mtu# flags# mode#")                                      \
	X(NIC_HW, NET, nic_hw, "address rx-queues# tx-queues#")                                               \
	X(NIC_VLAN, NET, nic_vlan, "id# tagged#")                                                             \
	X(NIC_ADDRESS, NET, nic_address, "address broadcast")                                                 \
	X(NIC_ROUTE, NET, nic_route, "to via")                                                                \
	X(NIC_HOST_ROUTE, NET, nic_host_route, "to")                                                          \
	X(NIC_RATE, NET, nic_rate, "in# out#")                                                                \
	X(NIC_GUARD, NET, nic_guard, "mac ipv4 ipv6")                                                         \
	X(NIC_SCRIPT, NET, nic_script, "up down container type version#")                                            \
	X(PORT, NET, port, "bind target protocol host# to# count#")                                           \
	X(NET_WAIT, HOST, net_wait, "")                                                                       \
	/* host: without root, a program of the user's own instead */                                         \
	X(USER_NET, HOST, user_net, "program nic dns")                                                        \
	X(USER_PORT, DATA, user_port, "bind protocol host# to# count#")                                       \
	/* host: when the child has done all but its exec, a checkpoint instead of that */                    \
	X(RESTORE, HOST, restore, "dir criu script verbose#")                                                 \
	/* child */                                                                                           \
	X(ENTER, CHILD, enter, "unshare#")                                                                    \
	X(MOUNT, CHILD, mount, "type target options attrs# create#")                                          \
	X(LINK, CHILD, link, "target text")                                                                   \
	X(SYSCTL, CHILD, sysctl, "name value")                                                                \
	X(BIND_LATE, CHILD, bind_late, "target slot# create#")                                                \
	X(BIND_INSIDE, CHILD, bind_inside, "source target attrs# create# recursive#")                           \
	X(PROPAGATE, CHILD, propagate, "target propagation# recursive#")                                      \
	X(MASK, CHILD, mask, "path")                                                                          \
	X(READ_ONLY, CHILD, read_only, "path writable")                                                       \
	X(CONSOLE, CHILD, console, "dir ttys# none#")                                                                 \
	X(LOOPBACK, CHILD, loopback, "")                                                                      \
	X(HOOKS_ASK, CHILD, hooks_ask, "kind mount cover")                                                    \
	X(HOSTNAME, CHILD, hostname, "name")                                                                  \
	X(PIVOT, CHILD, pivot, "")                                                                            \
	X(RESOLV, CHILD, resolv, "text")                                                                      \
	X(ENV, CHILD, env, "pair")                                                                            \
	X(CAPS, CHILD, caps, "keep#")                                                                         \
	X(KEYRING, CHILD, keyring, "")                                                                        \
	X(SCHED_CORE, CHILD, sched_core, "")                                                                  \
	X(LABEL, CHILD, label, "attribute text")                                                              \
	X(SECCOMP, CHILD, seccomp, "no-new-privs# filter#")                                                   \
	X(IDENTITY, CHILD, identity, "hostname")                                                              \
	X(HOOKS_INSIDE, CHILD, hooks_inside, "")                                                              \
	X(USER, CHILD, user, "cwd groups uid# gid# flags#")                                                          \
	X(PDEATH, CHILD, pdeath, "signal#")                                                                   \
	X(ARG, CHILD, arg, "word")                                                                            \
	X(EXEC, CHILD, exec, "")

enum step_kind {
#define X(kind, side, word, args) STEP_##kind,
	STEP_LIST(X)
#undef X
	STEP_KIND_COUNT,
};

#define STEP_TEXTS 4
#define STEP_NUMBERS 4

struct step {
	uint32_t kind; /* enum step_kind */
	const char *text[STEP_TEXTS];
	uint64_t number[STEP_NUMBERS];
	const char *where; /* "file:line" of the config that asked for it, NULL = nobody did; no argument: stays with who made the plan */
};

struct plan {
	struct arena arena;
	struct step *steps;
	size_t count;
};

/* Flags of SUPERVISE. */
#define PLAN_EPHEMERAL 1u  /* destroy the container when it has stopped */
#define PLAN_FOREGROUND 2u /* a face waits for the end (run) */
#define PLAN_STDIO_PIPES 4u /* init's stdio is the face's pipes, not the console */

/* Flags of USER. */
#define PLAN_SMALL_INIT 1u /* exec the small init, which runs the arguments as its child */
#define PLAN_STDIO 2u      /* stdio descriptors come from the face */
#define PLAN_CTTY 4u       /* the console is the program's controlling terminal: somebody sits in front of it */
#define PLAN_SESSION (PLAN_SMALL_INIT | PLAN_STDIO | PLAN_CTTY) /* with any of them the program leads a session from the start */

/* JOURNAL: what is about to be made; @placed: not where all are. CGROUP: @seen has a bit for each controller whose v1 hierarchy the container gets, PLAN_SEEN_WRITES when
 * its nodes there are its own. CGROUP_MONITOR: the monitor goes to a group of its own, and to @pivot (NULL: beside all groups) at the end. LINK: a symbolic link inside. CLASS:
 * what comes from @ports of the host's (NULL: from the control group's sockets) is marked, by the program @helper. */
#define PLAN_SEEN_WRITES (UINT64_C(1) << 32)

/* Hooks: what there is to run are the HOOK steps, in their order, with the environment of the HOOK_ENV steps; the other steps say when those of one kind run. HOOKS runs them on
 * the host, those of stop and post-stop when it is undone. MOUNTS: from here on what is mounted is seen by the container alone. HOOKS_ASK: the child waits until the monitor has
 * run them; @mount: the host path at which they find the container's tree, below @cover when that is a directory to be hidden by an empty one. HOOKS_INSIDE: as the child. */

/* LOG: the steps are told in it as they are done (base/log.h); facility 0 = not to the system log, else 1 more than its index. */

/* RESTORE: program @criu brings back the checkpoint in @dir. What it does not make itself is taken from the child: its network namespace, the mounts at the targets of RESTORE_MOUNT, and the
 * terminals of RESTORE_TTY, which the checkpoint knows as @key. A plan with it is a whole plan: when the container starts again by itself, it is left out. */

/* NOTIFY: who answers the calls that the filter of OPEN_SECCOMP hands over; nothing is done when it hands over none. */

/* SECCOMP: filter 1 is loaded there, 2 as the last thing before the exec. */

/* The order of the NET steps: every BRIDGE, then interface by interface (NIC, then in the order of the list what belongs to it), then every PORT. Texts that are not
 * said are NULL, numbers 0. BRIDGE: made when missing, with a random address when none is given; it then belongs to nobody and stays. NIC_HW: queues of a veth.
 * NIC_VLAN: a VLAN of the bridge port; id 0 takes away the untagged one. NIC_ADDRESS: "10.0.0.2/24", its broadcast address without prefix. NIC_ROUTE: inside, to a
 * prefix ("0.0.0.0/0") by gateway @via; without one it is on the link, and so a gateway outside every prefix gets a route of its own first. NIC_HOST_ROUTE: on the
 * host, to a prefix through the host's side. NIC_RATE: bits a second towards and from the container. NIC_GUARD: what the container may send as. PORT: @count
 * ports from @host on, of @bind or any address, to @target's from @to on. */
/* Flags of NIC. Its mode is spec_macvlan, spec_ipvlan | spec_ipvlan_isolation << 8, or the tag of a vlan. Its index is N of lxc.net.N. */
#define PLAN_NIC_UP 1u
#define PLAN_NIC_ISOLATED 2u
#define PLAN_NIC_ROUTER 4u   /* veth without a bridge: routes to its addresses, proxy ARP and NDP on the host side */
#define PLAN_NIC_L2PROXY 8u
#define PLAN_NIC_MANAGED 16u /* no router advertisements, no duplicate address detection: the address plan is ours */
#define PLAN_NIC_HAIRPIN 32u /* its bridge may send back to it what came from it: its own published ports, where br_netfilter is on */
/* Flags of BRIDGE. */
#define PLAN_BRIDGE_FORWARD 1u   /* turn on forwarding between interfaces (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding) */
#define PLAN_BRIDGE_LOCALNET 2u  /* published ports answer on 127.0.0.1 too (route_localnet) */

/* Kinds of IDMAP. */
#define PLAN_MAP_UID 1u
#define PLAN_MAP_GID 2u

/* Values of @none of CONSOLE: init gets /dev/null instead of the console; it gets the console's pty, but /dev is not the container's. In both nothing is laid over /dev/console. */
#define PLAN_CONSOLE_NONE 1u
#define PLAN_CONSOLE_BARE 2u

/* OPEN_NS: a namespace to be born into instead of a new one: a container's name, a process id or a path. With one of users IDMAP tells the map that it has, not one to
 * write; with one of mounts the root is there, ENTER copies nothing and nothing is mounted. DEV with "own": the tree's /dev is used. CONSOLE's
 * @dir is below /dev. PROC writes a file of init's in /proc/PID. SYSCTL_OUTSIDE sets a parameter
 * of the container's that the kernel lets only the host's root write. PDEATH: what init gets when the monitor dies. */
/* OPEN_PRIVATE: a directory; or a block device or image file, whose file system is mounted with @options. @idmap of ROOT and ROOT_OVERLAY: NULL = as the container,
 * which with ids chosen by the user ("auto") means: unless the tree's owner has been shifted already; "container"; or the path of a user namespace. ROOT_OVERLAY has
 * the lowers of OPEN_LOWER, or the base; @upper and @work lie in the private directory and are made when missing. */
/* Flags of OPEN_SOURCE. */
#define PLAN_SOURCE_OPTIONAL 1u /* missing is fine */
#define PLAN_SOURCE_MAKE 2u     /* a directory, made when missing */

/* @idmap of OPEN_SOURCE: NULL = by the container's ids, unless the source's owner shows that they have been written to it; "container" = by them in any case; or
 * the path of a user namespace. @propagation is an enum spec_propagation. OPEN_DEVICE: the file system on a block device or an image file, attached as
 * a bind is. OVERLAY: its layers are named by host paths. TMPFS is one that binds lie below; made outside it is there before them. BIND_LATER prepares a bind
 * whose target is in a file system that only the child can make (proc, sys); BIND_LATE attaches it there. The container could undo its "ro", so it is not mapped by
 * the container's ids unless OPEN_SOURCE says so: to the owner of the source its root stays a stranger. BIND_INSIDE takes its source from inside, too; without one, what is mounted at the target
 * gets the attributes. */
/* Flags for "create" of BIND and FS. */
#define PLAN_CREATE_DIR 1u
#define PLAN_CREATE_FILE 2u
#define PLAN_OPTIONAL 4u

/* What was chosen for one interface: from its managed network's address plan, or at random. */
struct plan_nic {
	const char *bridge;        /* link to use: the managed network's bridge, else the spec's own link */
	const char *peer;          /* veth: name of the host side */
	const char *mac;           /* complete address */
	const char *ipv4, *ipv6;   /* managed: "10.87.3.4/16", NULL = none */
	const char *gateway4, *gateway6; /* managed, or found for "auto"; NULL = none */
	const char *bridge4, *bridge6;   /* managed: addresses of the bridge with their prefix; NULL = as the gateways say */
	uint32_t mtu;              /* managed; 0 = not said */
	bool isolated;             /* managed: all its containers are */
	bool forward;              /* managed: the host forwards for it */
	bool guard;                /* managed: only its own addresses may leave the container */
	const char *hosts;         /* managed: host path of the file with everybody's names, NULL = none */
	const char *resolv;        /* managed: text of resolv.conf, NULL = leave the container's alone */
};

/* What the guest's init makes of control groups, as far as its tree tells. */
enum plan_guest {
	GUEST_ANY,         /* no systemd, or not known */
	GUEST_SYSTEMD_OLD, /* before 233: knows v1 alone */
	GUEST_SYSTEMD,
};

/* A checkpoint that is brought back instead of starting the program. */
struct plan_restore {
	const char *dir, *criu, *action_script; /* absolute; no script: NULL */
	bool verbose;
	const char **mounts; /* targets, absolute in the container */
	size_t mount_count;
	struct plan_restore_tty {
		const char *key;
		uint32_t number; /* 0 = console */
	} *ttys;
	size_t tty_count;
};

/* What the caller has chosen. */
struct plan_choices {
	const char *lxcpath, *rundir, *store; /* absolute */
	const char *group;         /* cgroup group */
	const char *monitor_group, *monitor_pivot; /* NULL = the monitor stays where it is */
	bool placed;               /* the group is a place of the user's own */
	enum plan_guest guest;
	const char *base_version;  /* pinned version */
	bool base_merged_usr;
	uint32_t id_first;         /* 0 with a privileged spec */
	const struct spec_idmap *idmaps; /* user mode: the map in ids of the user's namespace; none = the same ids */
	size_t idmap_count;
	const char *init_helper;   /* path of the small init */
	const char *nft_helper;    /* path of coppice-nft; NULL when the spec has no class id */
	const char *net_helper;    /* path of coppice-net; NULL when no step needs it */
	const char *user_net;      /* user mode: path of the program that connects its network, NULL = none there */
	struct lsm lsm;            /* asked for when the spec names a label */
	const char *apparmor_generated; /* name of the profile made for this container and loaded, NULL = none could be */
	const char *config_file;   /* what hooks are told the config is, NULL = the container's own */
	const char *rootfs_mount;  /* host path at which hooks find the container's tree; with rootfs_cover beneath that directory, whose content they then do not see */
	const char *rootfs_cover;
	const char *seccomp;       /* path of the compiled filter, NULL = none */
	bool foreground, stdio_pipes;
	const char *log_file;      /* told to LOG; NULL = none that can be opened again */
	const char *log_command;   /* NULL = no log is wanted */
	const char *log_level_name; /* told to hooks, NULL = the usual */
	int log_level, log_facility;
	const char *pid_file;      /* the monitor removes it at the end; NULL = none */
	const struct plan_nic *nics; /* one for each of the spec's nics, in its order */
	const char *const *env;    /* environment of whoever starts it, for variables whose name alone was said; NULL = none */
	const char *ns_share[SPEC_NS_COUNT]; /* process whose namespace is shared, where the spec says it in a way that only the engine can follow; NULL = as in the spec */
	const struct plan_restore *restore; /* NULL = the program is started */
	bool uptime_from_now;      /* clocks start at zero, unless the spec sets offsets */
	uint64_t nofile_max;       /* fs.nr_open, which no limit of descriptors may pass whoever sets it; 0 = not asked for */
	uint64_t rlimit_hard[16];  /* the caller's hard limits (SPEC_MAX = none): where they cannot be raised, requests are clamped with a note */
};

/* Builds the plan. Notes ("swap limit: no swap accounting here") are appended to @notes, one a line. On failure the plan is empty. */
int plan_build(const struct spec *s, const struct facts *f, const struct plan_choices *c, struct plan *ret, struct buf *notes, struct err *e) MUST_USE;
void plan_done(struct plan *p);

/* Appends a step with no arguments and returns it, or NULL out of memory. */
struct step *plan_add(struct plan *p, enum step_kind kind);

const char *step_word(enum step_kind kind);
enum step_side step_side_of(enum step_kind kind);
/* "limit file=memory.max value=1048576 controller=0 v2=1" */
void step_describe(const struct step *st, struct buf *out);
/* Numbered, one step a line. */
void plan_print(const struct plan *p, struct buf *out);

/* How long all hooks of the plan, and a checkpoint that is brought back, may take, beside the start itself (milliseconds). */
#define PLAN_HOOK_MS 60000u
#define PLAN_RESTORE_MS 600000u
uint64_t plan_hook_ms(const struct plan *p);

/* First step of @kind at or after index @from; NULL when none. */
const struct step *plan_find(const struct plan *p, enum step_kind kind, size_t from);
/* Every step of @kind, in order, as @st. */
#define plan_each(st, p, kind) for (const struct step *st = plan_find(p, kind, 0); st; st = plan_find(p, kind, (size_t)(st - (p)->steps) + 1))

/* Wire form. Decoding refuses every malformed input (-EBADMSG) and copies all text into the plan's arena. */
int plan_encode(const struct plan *p, struct buf *out) MUST_USE;
int plan_decode(const char *bytes, size_t len, struct plan *ret, struct err *e) MUST_USE;
