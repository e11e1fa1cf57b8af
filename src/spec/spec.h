/* spec.h - the desired container, as data.
 *
 * Faces fill a `struct spec` (from config text through conf.h, from argv, from JSON), spec_freeze() validates it and applies the
 * defaults, and from then on everybody sees `const struct spec *`. It knows no LXC key and no OCI field, holds no descriptor
 * and no progress. Everything it points to lives in its arena. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* "not said" and "no limit" for every uint64_t limit below. */
#define SPEC_UNSET UINT64_MAX
#define SPEC_MAX (UINT64_MAX - 1)

enum spec_mode {
	SPEC_ROOTFS,    /* no base: a directory of the user's own is the root */
	SPEC_BIND,      /* private root directory, sealed base on /usr */
	SPEC_OVERLAY,   /* whole base below, private upper */
	SPEC_EPHEMERAL, /* overlay whose upper is a tmpfs */
	SPEC_COPY,      /* full private copy of the base */
	SPEC_HOST,      /* neither base nor root: the host's own root, seen with the container's ids */
	SPEC_MODE_COUNT,
};

enum spec_net {
	SPEC_NET_EMPTY, /* own network namespace, loopback up */
	SPEC_NET_NONE,  /* the host's network namespace */
};

/* The last three only before spec_freeze(): not said, and the types that make no interface. */
enum spec_nic_type { SPEC_NIC_VETH, SPEC_NIC_MACVLAN, SPEC_NIC_IPVLAN, SPEC_NIC_VLAN, SPEC_NIC_PHYS, SPEC_NIC_TYPE_COUNT, SPEC_NIC_EMPTY, SPEC_NIC_NONE };
enum spec_macvlan { SPEC_MACVLAN_PRIVATE, SPEC_MACVLAN_VEPA, SPEC_MACVLAN_BRIDGE, SPEC_MACVLAN_PASSTHRU, SPEC_MACVLAN_COUNT };
enum spec_ipvlan { SPEC_IPVLAN_L3, SPEC_IPVLAN_L3S, SPEC_IPVLAN_L2, SPEC_IPVLAN_COUNT };
enum spec_ipvlan_isolation { SPEC_IPVLAN_BRIDGE, SPEC_IPVLAN_PRIVATE, SPEC_IPVLAN_VEPA, SPEC_IPVLAN_ISOLATION_COUNT };
enum spec_gateway { SPEC_GATEWAY_NONE, SPEC_GATEWAY_ADDRESS, SPEC_GATEWAY_AUTO, SPEC_GATEWAY_DEV };

/* One network interface: lxc.net.N.*, or a line of coppice.network. Addresses are texts in their canonical form (ip_parse). */
struct spec_nic {
	uint32_t number;         /* N */
	enum spec_nic_type type;
	const char *name;        /* inside, at most 15 bytes; never NULL when frozen: eth and its position, a physical device keeps its own */
	const char *link;        /* bridge or parent device on the host; NULL = none */
	const char *network;     /* managed network it belongs to, NULL = none: the rest that is not said is chosen from it */
	const char *pair;        /* name of the host side of a veth; NULL = chosen */
	bool up;                 /* lxc.net.N.flags = up; always for a managed network */
	uint32_t mtu;            /* 0 = the link's */
	const char *hwaddr;      /* "00:16:3e:xx:xx:xx", x = a digit to be chosen; NULL = chosen */
	const char **addresses;  /* "10.0.0.2/24" or "10.0.0.2/24 10.0.0.255" (broadcast), IPv6 too, in the order given; without prefix those asked of a managed network */
	size_t address_count;
	enum spec_gateway gateway4_kind, gateway6_kind;
	const char *gateway4, *gateway6; /* for SPEC_GATEWAY_ADDRESS */
	bool router;             /* veth without a bridge: host routes and proxy ARP (lxc.net.N.veth.mode = router) */
	bool l2proxy;
	const char **routes;     /* prefixes routed on the host to this interface (veth.ipv4.route, veth.ipv6.route) */
	size_t route_count;
	uint32_t rx_queues, tx_queues; /* 0 = kernel's default */
	enum spec_macvlan macvlan;
	enum spec_ipvlan ipvlan;
	enum spec_ipvlan_isolation ipvlan_isolation;
	uint32_t vlan;           /* tag of type vlan; 0 = not said */
	uint32_t port_vlan;      /* veth: untagged VLAN of the bridge port; 0 = not said */
	bool vlan_none;          /* veth.vlan.id = none: no untagged VLAN */
	uint16_t *tagged;        /* VLANs the bridge port carries with their tags */
	size_t tagged_count;
	const char *script_up, *script_down;
	bool isolated;           /* talks to gateway and world, not to its neighbours on the bridge */
	uint64_t rate_in, rate_out; /* bits a second towards and from the container; 0 = no limit */
	const char *where;       /* "file:line" it was first said at, NULL = not from a file */
};

/* A published port: coppice.port = [ADDR:]HOST[-END]:INSIDE[-END][/udp]. */
struct spec_port {
	const char *bind;        /* host address, NULL = any */
	bool udp;
	uint16_t host, inside, count;
	const char *where;       /* "file:line" it was said at, NULL = not from a file */
};

enum spec_restart {
	SPEC_RESTART_NO,
	SPEC_RESTART_ON_FAILURE,
	SPEC_RESTART_ALWAYS,
};

/* One device rule, in the order given; later rules win, as in the v1 devices controller. */
struct spec_device {
	bool allow;
	char type;      /* 'a', 'b' or 'c' */
	int64_t major;  /* -1 = any */
	int64_t minor;  /* -1 = any */
	uint8_t access; /* SPEC_DEV_* */
};
#define SPEC_DEV_READ 1u
#define SPEC_DEV_WRITE 2u
#define SPEC_DEV_MKNOD 4u

/* A cgroup file the model has no field for, written as it is on a host of that generation. */
struct spec_cgroup_raw {
	const char *file;  /* "memory.kmem.tcp.limit_in_bytes", "io.latency" */
	const char *value;
	bool v2;
	const char *where; /* "file:line" it was said at, NULL = not from a file */
};

/* The one resource model. v1 and v2 keys both land here; linux/cgroup writes it in either language. */
struct spec_limits {
	uint64_t memory_max;   /* bytes */
	uint64_t memory_high;  /* bytes; v2 only, v1 has none */
	uint64_t memory_low;   /* bytes; v1 soft_limit */
	uint64_t swap_max;     /* bytes of swap alone (v2 meaning); v1 memsw = memory_max + swap_max */
	uint64_t memsw_max;    /* bytes of memory + swap as a v1 key said it; freeze folds it into swap_max */
	uint64_t cpu_quota_us; /* per period; SPEC_MAX = none */
	uint64_t cpu_period_us;
	uint64_t cpu_weight;   /* v2 scale 1..10000, 100 = default; v1 shares are scaled */
	uint64_t cpu_shares;   /* v1 scale 2..262144 exactly as a v1 key said it; SPEC_UNSET when cpu_weight was said */
	uint64_t pids_max;
	bool pids_default; /* nobody said one */
	uint64_t io_weight;    /* v2 scale 1..10000 */
	uint64_t blkio_weight; /* v1 scale 10..1000 exactly as a v1 key said it; SPEC_UNSET when io_weight was said */
	const char *cpuset_cpus; /* NULL = not said */
	const char *cpuset_mems;
	struct spec_device *devices;
	size_t device_count;
	struct spec_cgroup_raw *raw;
	size_t raw_count;
};

/* Limits that say nothing. */
#define SPEC_NO_LIMITS                                                                                                     \
	((struct spec_limits){.memory_max = SPEC_UNSET, .memory_high = SPEC_UNSET, .memory_low = SPEC_UNSET, .swap_max = SPEC_UNSET, \
			      .memsw_max = SPEC_UNSET, .cpu_quota_us = SPEC_UNSET, .cpu_period_us = SPEC_UNSET, .cpu_weight = SPEC_UNSET, \
			      .cpu_shares = SPEC_UNSET, .pids_max = SPEC_UNSET, .io_weight = SPEC_UNSET, .blkio_weight = SPEC_UNSET})

struct spec_idmap {
	bool uid, gid;
	uint32_t inside, host, count;
	const char *where; /* "file:line" it was said at, NULL = not from a file */
};

struct spec_prlimit {
	int resource;      /* RLIMIT_* */
	uint64_t soft, hard; /* SPEC_MAX = unlimited */
	bool by_default;     /* ours, not asked for: lowered without a word where the host allows less */
};

/* How mount events pass between a mount and its copies. Not said: what the host mounts later stays away from the container, and the other way round. */
enum spec_propagation { SPEC_PROP_UNSET, SPEC_PROP_PRIVATE, SPEC_PROP_SLAVE, SPEC_PROP_SHARED, SPEC_PROP_UNBINDABLE };

struct spec_mount {
	const char *source;  /* host path, or a word for a pseudo file system */
	const char *target;  /* inside, without leading '/', '.' or '..'; before spec_freeze() it may be a host path in the rootfs */
	const char *type;    /* "none" for a bind */
	const char *options; /* fstab style, already checked */
	bool bind, recursive, read_only, optional, create_dir, create_file;
	bool nosuid, nodev, noexec, noatime, nodiratime, strictatime, nosymfollow;
	bool relative;       /* @source is a path inside the container, without leading '/' */
	bool remount;        /* nothing new: what is mounted at @target gets these attributes */
	bool make_source;    /* the directory @source is made on the host when it is missing */
	enum spec_propagation propagation;
	bool propagation_all; /* of what is mounted below, too */
	const char *idmap;   /* NULL = the container's, unless the source has shifted owners already; "container" = that; or the path of a user namespace */
	const char *data;    /* options for the file system itself, comma-separated, NULL = none */
	const char *where;   /* "file:line" it was said at, NULL = not from a file */
};

/* How much of a kernel file system may be written (lxc.mount.auto). */
enum spec_auto { SPEC_AUTO_UNSET, SPEC_AUTO_MIXED, SPEC_AUTO_RO, SPEC_AUTO_RW };

/* Points of a container's life at which programs of the administrator's run: lxc.hook.*. In their order; the last two belong to the storage commands. */
enum spec_hook_kind {
	SPEC_HOOK_PRE_START,  /* on the host, before anything */
	SPEC_HOOK_PRE_MOUNT,  /* in the mount namespace that the root is assembled in, before it is */
	SPEC_HOOK_MOUNT,      /* the tree is mounted, nothing of the container runs yet */
	SPEC_HOOK_AUTODEV,    /* after those, for /dev */
	SPEC_HOOK_START_HOST, /* on the host, all is set up */
	SPEC_HOOK_START,      /* inside, before init */
	SPEC_HOOK_STOP,       /* on the host, init has ended */
	SPEC_HOOK_POST_STOP,  /* on the host, nothing is left */
	SPEC_HOOK_CLONE,
	SPEC_HOOK_DESTROY,
	SPEC_HOOK_COUNT,
};

struct spec_hook {
	enum spec_hook_kind kind;
	const char *command; /* a program, or a line for the shell */
	const char *where;   /* "file:line" it was said at, NULL = not from a file */
};

/* name = value, for environment, sysctl and the like. */
/* The kinds of namespaces, and their names in /proc/PID/ns and in lxc.namespace.*. */
enum spec_ns { SPEC_NS_CGROUP, SPEC_NS_IPC, SPEC_NS_MNT, SPEC_NS_NET, SPEC_NS_PID, SPEC_NS_TIME, SPEC_NS_USER, SPEC_NS_UTS, SPEC_NS_COUNT };

/* name = value, for environment, sysctl and the like. A variable whose value is NULL is taken from whoever starts the container. */
struct spec_pair {
	const char *name, *value;
};

struct spec {
	struct arena arena;
	bool frozen;

	const char *name;     /* container */
	const char *hostname; /* default: name */
	enum spec_mode mode;
	const char *base;         /* base name, NULL for SPEC_ROOTFS */
	const char *base_version; /* digest, NULL = not pinned yet */
	const char *rootfs;       /* SPEC_ROOTFS: absolute host path of a directory, a block device or an image file; of an overlay the upper directory */
	const char **lowers;      /* of an overlay of the user's own: the directories below, top first */
	size_t lower_count;
	struct spec_mount rootfs_options; /* attributes, data for a file system that is mounted, idmap, propagation */
	const char *rootfs_mount; /* lxc.rootfs.mount: only a prefix that mount targets may begin with; nothing is mounted there */
	bool rootfs_keep;         /* lxc.rootfs.managed = 0: deleting the container leaves the root directory alone */
	bool linux32;             /* lxc.arch names the 32-bit sibling of this machine: personality(PER_LINUX32) */

	bool privileged;      /* no user namespace; explicit only */
	bool nesting;         /* nested user namespaces and keyrings allowed */
	struct spec_idmap *idmaps;
	size_t idmap_count;   /* 0 and not privileged: a range is allocated; always 0 when privileged and frozen */

	const char **init;    /* argv of the init program */
	size_t init_count;
	const char **execute; /* argv of lxc.execute.cmd: what `execute` without a command runs; NULL = not said */
	size_t execute_count;
	bool small_init;      /* pid 1 is our reaper, init runs as its child */
	uint32_t init_uid, init_gid;
	uint32_t *init_groups; /* supplementary groups of init */
	size_t init_group_count;
	const char *init_cwd;
	struct spec_pair *env; /* of init and of hooks */
	size_t env_count;
	struct spec_pair *env_runtime, *env_hooks; /* of init alone, of hooks alone; they go before env */
	size_t env_runtime_count, env_hooks_count;
	int signal_halt;      /* 0 = probe what init understands */
	int signal_reboot;
	int signal_stop;
	int signal_pdeath;    /* what init gets when its monitor dies; 0 = nothing, and another monitor takes over */
	uint64_t stop_timeout_ms;

	uint32_t tty_count;   /* /dev/tty1..N */
	const char *tty_dir;  /* below /dev: the terminals are there, with links to them; NULL = in /dev itself */
	bool dev_own;         /* lxc.autodev = 0: the /dev of the root is used as it is */
	uint64_t dev_size;    /* bytes of the file system of /dev, 0 = the usual */
	const char *console;  /* host path of a file or a device that the console is connected to, NULL = none */
	bool console_none;    /* there is no /dev/console, and init's standard descriptors are /dev/null */
	uint32_t pty_max;     /* devpts max= */
	uint64_t log_size;    /* bytes kept on disk of the console log, 0 = no log */
	const char *log_path; /* NULL = console.log in the container's directory */
	uint64_t ring_size;   /* bytes replayed to a new viewer */
	const char *tool_log; /* file that messages about its starts go to, NULL = not said */
	int tool_level;       /* the least that goes there, an enum log_level; -1 = not said */
	int tool_facility;    /* of the system log, an index into log_facilities; -1 = not there */

	uint64_t caps_keep;   /* bit per capability; what the bounding set keeps. Final after spec_freeze() */
	bool caps_said;       /* caps_keep was given; otherwise spec_freeze() takes SPEC_CAPS_DEFAULT */
	uint64_t caps_drop;   /* taken away from caps_keep by spec_freeze() */
	bool no_new_privs;
	bool seccomp_off;
	const char *seccomp_profile;  /* host path of a policy of the user's own, NULL = ours */
	bool seccomp_nesting;         /* lxc.seccomp.allow_nesting */
	const char *seccomp_proxy;    /* "unix:/PATH" or "unix:@NAME": answers calls that the policy hands over; NULL = nobody does */
	const char *seccomp_cookie;   /* told to it, NULL = nothing */
	const char *apparmor_profile; /* a name, "generated", "unchanged" or "unconfined"; NULL = not said */
	bool apparmor_incomplete, apparmor_nesting;
	const char **apparmor_raw;    /* lines for a generated profile */
	size_t apparmor_raw_count;
	const char *selinux_context;  /* NULL = not said */
	const char *selinux_keyring;
	struct spec_prlimit *prlimits;
	size_t prlimit_count;
	struct spec_pair *sysctls;
	size_t sysctl_count;
	struct spec_pair *procs; /* files of init in /proc/PID */
	size_t proc_count;
	bool keyring_shared;  /* init keeps the session keyring of whoever starts it */
	bool sched_core;      /* shares no processor core with strangers */
	uint32_t ns_clone, ns_keep; /* bit per namespace: the only ones to make, the ones not to make; after spec_freeze() ns_keep alone counts */
	const char *ns_share[SPEC_NS_COUNT]; /* container, pid or path of the one to share; NULL = none */
	struct spec_mount *mounts;
	size_t mount_count;
	const char *fstab;           /* lxc.mount.fstab: conf_apply() has put its lines before the other mounts */
	enum spec_auto auto_proc, auto_sys, auto_cgroup;
	bool auto_cgroup_full, auto_cgroup_force; /* cgroup-full: without a namespace of its own the whole tree; force: as said whatever init would like better */
	bool auto_cgroup_v2;                      /* cgroup2: v2 alone, on a host that has v1 hierarchies too */
	const char *cgroup_dir;      /* directory for the nodes of container and monitor, NULL = ours */
	const char *cgroup_container, *cgroup_inner, *cgroup_monitor, *cgroup_pivot; /* exact ones */
	bool cgroup_relative;        /* beneath the caller's own node */
	const char *shmount_source, *shmount_target; /* lxc.mount.auto = shmounts: NULL = none; a mount when frozen */
	uint64_t ephemeral_size; /* bytes of the tmpfs upper */
	struct spec_hook *hooks; /* in the order said; each kind keeps its own */
	size_t hook_count;
	uint32_t hook_version;   /* 0: arguments say name, section, kind; 1: the environment alone does */

	enum spec_net net;
	struct spec_nic *nics; /* with SPEC_NET_EMPTY: beside loopback; sorted by number when frozen */
	size_t nic_count;
	uint32_t nic_open;     /* 1 + number of the interface that unnumbered lxc.network keys belong to, 0 = none */
	struct spec_port *ports;
	size_t port_count;
	bool time_offset_set;
	int64_t time_boot_ns, time_mono_ns;

	struct spec_limits limits;

	enum spec_restart restart;
	bool ephemeral;       /* container is destroyed when it stops */
	bool autostart;
	uint64_t start_delay_ms; /* pause after this one when a series is started */
	int32_t start_order;     /* lower starts earlier */
	const char **groups;     /* lxc.group: autostart groups */
	size_t group_count;
	const char **tags;
	size_t tag_count;

	struct spec_pair *said;  /* every key applied: canonical key, "file:line"; the last of a key is the one that counts */
	size_t said_count;
	const char **notes;      /* what was accepted but changes nothing here, as "file:line: key: text"; faces show them as warnings */
	size_t note_count;
	const char *where;       /* "file:line" of the key being applied, NULL outside key_apply() */
};

/* What the bounding set keeps when no key says otherwise: the 41 capabilities known up to Linux 5.9 without sys_module sys_rawio sys_time
 * mac_override mac_admin syslog wake_alarm block_suspend audit_control audit_read bpf perfmon. Later ones are not kept. */
#define SPEC_CAP_COUNT 41
#define SPEC_CAPS_DEFAULT (((UINT64_C(1) << SPEC_CAP_COUNT) - 1) & ~SPEC_CAPS_DROPPED)
#define SPEC_CAPS_DROPPED                                                                                                  \
	(UINT64_C(1) << 16 | UINT64_C(1) << 17 | UINT64_C(1) << 25 | UINT64_C(1) << 30 | UINT64_C(1) << 32 | UINT64_C(1) << 33 | \
	 UINT64_C(1) << 34 | UINT64_C(1) << 35 | UINT64_C(1) << 36 | UINT64_C(1) << 37 | UINT64_C(1) << 38 | UINT64_C(1) << 39)

/* "Not said" in the small fields: mode = SPEC_MODE_COUNT, tty_count and pty_max = UINT32_MAX, sizes and times = SPEC_UNSET, pointers = NULL.
 * After spec_freeze() only these may still be unset: limits (SPEC_UNSET, but pids_max never), base_version, log_path, tool_log, tool_level, tool_facility, init_cwd. */
#define SPEC_COUNT_UNSET UINT32_MAX
#define SPEC_MAX_TTYS 199 /* their masters and that of the console travel in one message (FD_PASS_MAX) */

/* An empty spec with "not said" in every field. */
void spec_init(struct spec *s);
void spec_done(struct spec *s);

/* Validates, applies defaults, freezes. On failure the spec stays unfrozen and unusable. @e names field and value. */
int spec_freeze(struct spec *s, struct err *e) MUST_USE;

/* Prints a frozen spec one "field = value" a line, stable order; for --dry-run and golden tests. */
struct buf;
void spec_dump(const struct spec *s, struct buf *out);

/* Remembers that what @key says has no effect here, with the place being applied. Out of memory loses the note only. */
void spec_note(struct spec *s, const char *key, const char *fmt, ...) PRINTF(3, 4);
/* "file:line" at which @key (canonical name) was last said, NULL when it was not or not from a file. */
const char *spec_where(const struct spec *s, const char *key);

/* RFC 1123: labels of letters, digits and '-' with dots between, at most 63 bytes in all. */
bool spec_is_hostname(const char *s);
/* A host name for the container @name: bytes that one may not have become '-', which it neither begins nor ends with. */
void spec_hostname_of(const char *name, char ret[64]);
/* Whether the kernel takes it as one (uts_namespaces(7): any 64 bytes) and it stays one word in /etc/hosts. LXC asks for no more. */
bool spec_is_nodename(const char *s);
/* Names without prefix, for dumps and messages: "sys_admin", "nofile". NULL when there is none. */
const char *spec_cap_name(unsigned cap);
const char *spec_prlimit_name(int resource);
const char *spec_ns_name(enum spec_ns ns);
/* Whose kernel parameter @name is; SPEC_NS_COUNT = the whole host's. */
enum spec_ns spec_sysctl_ns(const char *name);

const char *spec_nic_type_name(enum spec_nic_type t); /* "veth", ... */
const char *spec_mode_name(enum spec_mode m); /* "bind", ... */
int spec_mode_parse(const char *s, enum spec_mode *ret) MUST_USE;
const char *spec_hook_name(enum spec_hook_kind k); /* "pre-start", ... */
/* SPEC_HOOK_COUNT when there is none of that name. */
enum spec_hook_kind spec_hook_parse(const char *name);
bool spec_has_hook(const struct spec *s, enum spec_hook_kind k);
