/* coppice.h - the engine's public operations.
 *
 * Every operation takes the handle, an option structure and a `struct err *` that receives the three lines a person sees. Operations return 0 or
 * a positive result, -errno on failure. Each may be killed at any point and repeated. Not thread-safe per handle; use one handle a thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coppice; /* handle */
struct err;     /* base/err.h */
struct log;     /* base/log.h */

/* Where things are; NULL = the default. */
struct coppice_options {
	const char *root;    /* base store: $COPPICE_ROOT, else /var/lib/coppice */
	const char *lxcpath; /* containers: $COPPICE_LXCPATH, else /var/lib/lxc, or ROOT/containers for a root that is not the default */
	const char *rundir;  /* run-time state: $COPPICE_RUNDIR, else /run/coppice, or ROOT/run */
	bool lenient;        /* config lines whose key begins with neither lxc. nor coppice. are skipped with a note, as LXC skips them; else an error */
	const char *cgroup_pattern; /* control group of containers whose config names none, with %n for the name; NULL or "" = coppice/%n */
	const char *cgroup_use; /* v1 controllers whose hierarchies get a control group, with commas between; NULL, "" or @all = all that are needed */
	bool user;           /* after coppice_user_enter(): defaults are the user's, ~/.local/share/coppice and $XDG_RUNTIME_DIR/coppice */
	/* Called with steps ("mount base", microseconds) when tracing; NULL = off. */
	void (*trace)(void *data, const char *text);
	void *trace_data;
	/* Called with what a person should know although nothing failed: a setting without effect here, a limit that was clamped. NULL = dropped. */
	void (*note)(void *data, const char *text);
	void *note_data;
	/* What is done is told here too (base/log.h), and starts go on with it in the monitor; NULL = only where a container's config says. Borrowed until coppice_close(). */
	const struct log *log;
};

/* For a caller without root, before coppice_open(): moves the calling process (one thread) into the user's own user namespace, which a small process of ours
 * keeps, and into a mount namespace of its own. Files are made as before; what the engine needs root for works there. Fails with what to install or to add when the
 * host has no subordinate ids for the user. */
int coppice_user_enter(struct err *e);

int coppice_open(const struct coppice_options *options, struct coppice **ret, struct err *e);
void coppice_close(struct coppice **c);
/* Where containers are when nobody says: of root, of the store in $COPPICE_ROOT, or of the calling user without root. Opens nothing. */
int coppice_default_lxcpath(char ret[256], struct err *e);
const char *coppice_version(void);

enum coppice_state {
	COPPICE_STOPPED, COPPICE_STARTING, COPPICE_RUNNING, COPPICE_FROZEN, COPPICE_STOPPING, COPPICE_BROKEN, COPPICE_STATE_COUNT,
};
const char *coppice_state_name(enum coppice_state s); /* "stopped", ... */

/* ---- life ---- */

struct coppice_create {
	const char *base;        /* "NAME[@VERSION]", or NULL with rootfs */
	const char *rootfs;      /* absolute directory of the user's own, or NULL */
	const char *name;        /* NULL = generated, written to name_out */
	char *name_out;          /* 64 bytes, or NULL */
	const char *mode;        /* "bind" ...; NULL = bind */
	const char *config;      /* further config text (key = value lines), or NULL */
	const char *const *set;  /* "key=value" overrides, NULL-ended, or NULL */
	const char *const *init; /* argv of a single program to run as the container's init, NULL-ended, or NULL */
	bool if_missing;         /* an existing container is success (returns 1) */
	bool ephemeral;          /* destroyed at stop */
	bool dry_run;
};
int coppice_create(struct coppice *c, const struct coppice_create *o, struct err *e);

struct coppice_start {
	bool strict;             /* running already is an error */
	const char *const *set;  /* "key=value" for this start only */
	const char *const *env;  /* environment (as environ(7)) that lxc.environment lines with a name alone are taken from; NULL = they are left out */
	uint64_t timeout_ms;     /* 0 = 60 s */
	int32_t *ret_pid;        /* pid of init on the host, or NULL */
};
/* 0 started, 1 was running already. The container's monitor is a child of the calling process until that ends: a caller that goes on reaps it. */
int coppice_start(struct coppice *c, const char *name, const struct coppice_start *o, struct err *e);
/* The plan of that start as text, malloc'd; of @o its set and env count. Nothing is changed. */
int coppice_plan_text(struct coppice *c, const char *name, const struct coppice_start *o, char **ret, struct err *e);

/* A start the way LXC's commands do it: of a container that exists, or of a name that has none, whose container is made from @config and is gone when it stops. */
struct coppice_launch {
	const char *config;            /* config text instead of the container's file, or NULL */
	const char *config_name;       /* what messages call that text */
	const char *const *set;        /* "key=value" or "key+=value" for this start only, NULL-ended, or NULL */
	const char *const *argv;       /* program instead of the config's, NULL-ended, or NULL */
	const char *const *env;        /* as in struct coppice_start */
	bool execute;                  /* @argv, or lxc.execute.cmd, runs beneath the small init; one that runs already is an error */
	bool foreground;               /* comes back when the container has ended; the caller's terminal is its console */
	const char *pid_file;          /* absolute; removed when the container ends (not with foreground), or NULL */
	int32_t *ret_pid, *ret_monitor; /* on the host, or NULL */
};
/* 0 started (foreground: ended), 1 was running already. Foreground: SIGTERM and SIGHUP to the caller stop the container as coppice_stop() does, other signals go to its init; with
 * @execute every signal goes there. *ret_status (may be NULL) is then how init ended, shell-style; of a program that cannot be run it is 127 or 126 with an error returned. */
int coppice_launch(struct coppice *c, const char *name, const struct coppice_launch *o, int *ret_status, struct err *e);

struct coppice_run {
	struct coppice_create create; /* base or rootfs, mode, config; name may be NULL */
	const char *const *argv;      /* NULL-ended */
	int tty;                      /* 1 yes, 0 no, -1 when stdin and stdout are terminals */
	const char *const *env;       /* "K=V" */
	const char *cwd, *user;
	bool keep;                    /* keep the container afterwards */
};
/* Foreground throw-away container; stdio of the caller is relayed. *ret_status: as for coppice_exec(). */
int coppice_run(struct coppice *c, const struct coppice_run *o, int *ret_status, struct err *e);

struct coppice_stop {
	bool kill;           /* at once */
	bool strict;
	bool no_wait;        /* only ask: success when init was told */
	bool no_kill;        /* -ETIMEDOUT when the grace is over, and it goes on */
	uint64_t timeout_ms; /* grace; UINT64_MAX = the container's own */
	bool *ret_killed;    /* set when grace was not enough, or NULL */
};
/* 0 stopped, 1 was stopped already. */
int coppice_stop(struct coppice *c, const char *name, const struct coppice_stop *o, struct err *e);
struct coppice_reboot {
	bool no_wait;        /* only ask */
	uint64_t timeout_ms; /* UINT64_MAX = the grace of a stop */
};
/* Asks init to start the system anew (lxc.signal.reboot, else in the way this init understands), and waits until another init runs. -ETIMEDOUT, -ECANCELED when it ended for
 * good instead. */
int coppice_reboot(struct coppice *c, const char *name, const struct coppice_reboot *o, struct err *e);
int coppice_kill(struct coppice *c, const char *name, int signal, struct err *e);
int coppice_pause(struct coppice *c, const char *name, bool paused, bool strict, struct err *e); /* 1 = was so already */

struct coppice_delete {
	bool force;      /* stop it first */
	bool if_exists;
	bool purge;      /* do not keep in the trash */
};
int coppice_delete(struct coppice *c, const char *name, const struct coppice_delete *o, struct err *e);

/* Trash. Arrays are malloc'd in one block: free(). */
struct coppice_trash {
	char id[96];
	char name[64];
	int64_t deleted;
	uint64_t bytes; /* UINT64_MAX: not measured */
};
int coppice_trash_list(struct coppice *c, struct coppice_trash **ret, size_t *ret_count, struct err *e);
/* @id: NAME (the latest of it) or NAME.STAMP; @as: new name or NULL. */
int coppice_undelete(struct coppice *c, const char *id, const char *as, struct err *e);

/* ---- seeing ---- */

struct coppice_info {
	char name[64];
	enum coppice_state state;
	char mode[16], base[64], version[72], base_level[16];
	bool base_old;           /* a newer version of the base is current; this, @base and @version are filled with COPPICE_INFO_BASE */
	bool monitor_alive;      /* false for a running container: it will be adopted by the next command */
	bool ephemeral, privileged, autostart;
	int32_t init_pid, monitor_pid;
	int32_t last_exit;       /* -1 unknown */
	int64_t started;         /* unix seconds, 0 = not running */
	uint32_t id_first, restarts;
	uint64_t memory, memory_peak, memory_max, swap, cpu_usec, pids, pids_max, oom_kills; /* UINT64_MAX unknown */
	uint64_t private_bytes, private_files; /* filled with COPPICE_INFO_DISK */
	char addresses[256];     /* "eth0=10.87.1.2,fd00::2 eth1=..." while it runs, without prefix */
	uint64_t rx_bytes, tx_bytes; /* through all interfaces but loopback; filled with COPPICE_INFO_TRAFFIC */
	char tags[128];
	char groups[128];        /* lxc.group, with commas */
	char inside[512];        /* "eth0=10.87.1.2,fd00::2 lo=127.0.0.1,::1": what its interfaces have now, by name; filled with COPPICE_INFO_INSIDE */
	uint64_t kernel_memory, io_read, io_write, io_ops, cpu_user_usec, cpu_system_usec; /* bytes, operations; filled with the parts of COPPICE_INFO_DETAIL */
	char note[192];          /* why broken, what was lost */
};
#define COPPICE_INFO_USAGE 1u /* cgroup figures */
#define COPPICE_INFO_DISK 2u  /* walk the private part */
#define COPPICE_INFO_TRAFFIC 4u /* bytes through its interfaces */
#define COPPICE_INFO_INSIDE 8u  /* look at its interfaces, in its network namespace */
#define COPPICE_INFO_SWAP 16u
#define COPPICE_INFO_FROZEN 32u /* tell frozen from running; figures do that too */
#define COPPICE_INFO_KERNEL 64u /* memory that the kernel holds for it */
#define COPPICE_INFO_IO 128u
#define COPPICE_INFO_CPU_KINDS 256u
/* with any of these the other figures are those of a listing */
#define COPPICE_INFO_DETAIL (COPPICE_INFO_SWAP | COPPICE_INFO_KERNEL | COPPICE_INFO_IO | COPPICE_INFO_CPU_KINDS)
#define COPPICE_INFO_BASE 512u /* read its pin, and whether the base has a newer version */
int coppice_info(struct coppice *c, const char *name, unsigned what, struct coppice_info *ret, struct err *e);
/* All containers, sorted by name; malloc'd array. */
int coppice_list(struct coppice *c, unsigned what, struct coppice_info **ret, size_t *ret_count, struct err *e);

/* The interfaces that a running container was given, malloc'd; none when it does not run or uses the host's. */
struct coppice_nic {
	char name[16], type[12];     /* inside; veth, macvlan, ipvlan, vlan, phys */
	char link[16];               /* host's side of a veth, else the parent device; "" unknown */
	uint64_t rx_bytes, tx_bytes; /* as the container sees them; UINT64_MAX unknown */
};
int coppice_nics(struct coppice *c, const char *name, struct coppice_nic **ret, size_t *ret_count, struct err *e);

/* One item of the config in LXC's form, malloc'd: of a running container as it was started, includes followed. A list has a line for each value and ends with a newline,
 * a family ("lxc.cgroup") lines "KEY = VALUE", a number that is not set is its default, anything else that is not set is "". ERR_INPUT: no such key. */
int coppice_config_item(struct coppice *c, const char *name, const char *key, char **ret, struct err *e);

enum coppice_cond { COPPICE_WAIT_RUNNING, COPPICE_WAIT_STOPPED, COPPICE_WAIT_FROZEN };
int coppice_wait(struct coppice *c, const char *name, enum coppice_cond cond, uint64_t timeout_ms, int *ret_exit, struct err *e);

/* The same for any of several states, a bit (1 << COPPICE_RUNNING) each; a name that no container has counts as stopped, and one may be made meanwhile. *ret_state: the one
 * that was reached, or NULL. */
int coppice_wait_states(struct coppice *c, const char *name, unsigned states, uint64_t timeout_ms, enum coppice_state *ret_state, struct err *e);

/* What happens to the containers of @c, from now on and without a daemon. The descriptor becomes readable; then coppice_watch_next() gives one event after the other: 1, or 0
 * when there is none for now. Short lives are complete: STARTING, RUNNING, the exit, STOPPING, STOPPED. @c is borrowed until the close. */
enum coppice_event_kind {
	COPPICE_EVENT_STATE,  /* it is @state now */
	COPPICE_EVENT_EXIT,   /* init ended with @exit, shell-style; STOPPING follows */
	COPPICE_EVENT_FAILED, /* a start did not get to RUNNING; STOPPING follows */
};
struct coppice_event {
	char name[64];
	enum coppice_event_kind kind;
	enum coppice_state state, was;
	int exit;
};
struct coppice_watch;
int coppice_watch_open(struct coppice *c, struct coppice_watch **ret, struct err *e);
int coppice_watch_fd(const struct coppice_watch *w);
int coppice_watch_next(struct coppice_watch *w, struct coppice_event *ret, struct err *e);
void coppice_watch_close(struct coppice_watch **w);

/* Console log. Writes to @fd; follow goes on until the container stops or the caller is signalled. @tail_bytes 0 = all. */
int coppice_logs(struct coppice *c, const char *name, int fd, bool follow, uint64_t tail_lines, struct err *e);

/* ---- control groups and devices of a running container; nothing of this is in its config ---- */

/* One file of its control groups, by its v1 or v2 name on any host ("memory.limit_in_bytes", "memory.max", "cpu.shares", "freezer.state"): the text, malloc'd, with its newlines.
 * ERR_MISSING: no such file and nothing like it. */
int coppice_cgroup_get(struct coppice *c, const char *name, const char *file, char **ret, struct err *e);
/* Also "devices.allow" and "devices.deny" with "c 10:229 rwm". */
int coppice_cgroup_set(struct coppice *c, const char *name, const char *file, const char *value, struct err *e);

/* Adds or removes (@add) a device: a node such as /dev/fuse, with the right to use it, or a network interface of the host, which moves in or back. @as: its path or name
 * there (when removed: of an interface, on the host), NULL = the same. */
int coppice_device(struct coppice *c, const char *name, const char *device, const char *as, bool add, struct err *e);

/* A running container saved to files by criu(8), and brought back from them. What stops it is told, criu's own reason included. */
struct coppice_checkpoint {
	const char *dir;           /* made when missing */
	const char *predump_dir;   /* an earlier one that the memory is compared with, relative to @dir; NULL = none */
	const char *action_script; /* NULL = none */
	bool stop;                 /* end it afterwards */
	bool pre_dump;             /* memory alone */
	bool verbose;
	bool foreground;           /* of the way back: comes back when the container has ended; the caller's terminal is its console */
};
int coppice_checkpoint(struct coppice *c, const char *name, const struct coppice_checkpoint *o, struct err *e);
/* The other way, into stopped container @name as its config makes it now: its mounts, control groups, network and terminals are those of a start. *ret_status (may be NULL): foreground, as for
 * coppice_launch(). */
int coppice_restore(struct coppice *c, const char *name, const struct coppice_checkpoint *o, int *ret_status, struct err *e);

/* ---- working inside ---- */

struct coppice_exec {
	const char *const *argv; /* NULL = login shell of the user */
	const char *const *env;  /* "K=V", NULL-ended; the caller's environment never enters */
	const char *user;        /* name or uid[:gid] of the container; NULL = root */
	const char *cwd;         /* NULL = home of the user, else / */
	int tty;                 /* 1 yes, 0 no, -1 auto, 2: those of the caller's standard descriptors that are terminals are one inside, the others pipes */

	/* For LXC's way of doing it; zeros are the above. */
	bool cwd_if_there;       /* @cwd when it exists inside, else / */
	unsigned env_from;       /* COPPICE_ENV_*: what @env comes on top of */
	unsigned elevate;        /* COPPICE_ELEVATE_*: what is not taken over from the container */
	unsigned namespaces;     /* COPPICE_NS_*: only these are entered; 0 = all */
	bool remount;            /* not in its mount namespace: /proc and /sys that show the namespaces which were entered, seen by the program alone */
	const char *arch;        /* as lxc.arch, NULL = the container's */
	const char *context;     /* SELinux context to run in, or NULL */
	const char *pty_log;     /* file that keeps what the terminal printed, or NULL */
};
#define COPPICE_ENV_CLEAN 0u  /* a login's: PATH, HOME, USER ... and lxc.environment */
#define COPPICE_ENV_CALLER 1u /* the caller's, container=lxc and lxc.environment */
#define COPPICE_ENV_BARE 2u   /* PATH, container=lxc and lxc.environment */
#define COPPICE_ELEVATE_CGROUP 1u /* stays in the caller's control groups */
#define COPPICE_ELEVATE_CAP 2u    /* keeps all capabilities */
#define COPPICE_ELEVATE_LSM 4u    /* no label, no system call filter, no no_new_privs */
#define COPPICE_NS_MOUNT 1u
#define COPPICE_NS_PID 2u
#define COPPICE_NS_UTS 4u
#define COPPICE_NS_IPC 8u
#define COPPICE_NS_USER 16u
#define COPPICE_NS_NET 32u
#define COPPICE_NS_CGROUP 64u
#define COPPICE_NS_TIME 128u
/* *ret_status: the program's, shell-style; when the program could not be run: 127 not found, 126 not executable, 125 anything else, with an error returned. */
int coppice_exec(struct coppice *c, const char *name, const struct coppice_exec *o, int *ret_status, struct err *e);

/* Interactive viewer of console (0) or tty N on the caller's terminal; @escape is the detach prefix (1 = Ctrl-a). Returns 0 on detach, 1 when the container stopped. */
int coppice_console(struct coppice *c, const char *name, unsigned tty, int escape, struct err *e);

struct coppice_view {
	int tty;      /* 0 = console, N = /dev/ttyN, -1 = the first from 1 on that nobody looks at */
	int escape;   /* as for coppice_console() */
	/* Called when the terminal is there and before anything of it is shown, with its number; may be NULL. */
	void (*shown)(void *data, unsigned tty);
	void *data;
};
/* coppice_console() with all its choices. Fd 0 is a terminal, or a pipe or socket, whose end is a detach. */
int coppice_view(struct coppice *c, const char *name, const struct coppice_view *o, struct err *e);

/* cp: exactly one of @from, @to is "NAME:/path". */
int coppice_cp(struct coppice *c, const char *from, const char *to, struct err *e);

/* ---- config ---- */

/* Whole text, malloc'd. */
int coppice_config_text(struct coppice *c, const char *name, char **ret, struct err *e);
int coppice_config_replace(struct coppice *c, const char *name, const char *text, struct err *e); /* validated first */
int coppice_config_get(struct coppice *c, const char *name, const char *key, char **ret, struct err *e); /* malloc'd, lines for lists */
int coppice_config_set(struct coppice *c, const char *name, const char *const *pairs, struct err *e); /* "key=value", "key+=value" */
int coppice_config_unset(struct coppice *c, const char *name, const char *key, struct err *e);
struct coppice_key {
	const char *name, *help, *values, *example;
	bool list;
	const char *old;          /* names before LXC 2.1, with blanks between; "" = none */
	const char *since, *until; /* releases of LXC that brought it and took it away; "" = 0.7 or before, and still there */
	const char *status;       /* "works", "ignored" or "refused" */
	const char *why;          /* why so; "" = nothing to say */
};
/* All keys, sorted by name; malloc'd in one block: free(). NULL and 0 when out of memory. */
size_t coppice_config_keys(struct coppice_key **ret);

/* What a check has to say. */
struct coppice_finding {
	const char *where; /* "file:line"; "" = the whole */
	bool problem;      /* false: a note, for what is accepted but does nothing or not what it seems to */
	const char *text;
	const char *hint;  /* "" = none */
};
/* Tells @found everything about the configuration of @name, or of the file @path when that is not NULL (@c may be NULL then), includes too: each problem, not only the
 * first. A file need not say a root. *ret_problems: how many. What @found gets is borrowed for the call. */
int coppice_config_check(struct coppice *c, const char *name, const char *path, void (*found)(void *data, const struct coppice_finding *f), void *data,
			 size_t *ret_problems, struct err *e);
/* Gives @line the lines that count, includes too, in order: where ("file:line"), today's name of the key, value. */
int coppice_config_origin(struct coppice *c, const char *name, void (*line)(void *data, const char *where, const char *key, const char *value), void *data, struct err *e);

#define COPPICE_UPGRADE_AS_LXC 1u  /* as lxc-update-config does: commented lines too, dir: before a root without a kind, the backup is written in any case */
#define COPPICE_UPGRADE_DRY_RUN 2u /* tell, write nothing */
/* Rewrites the names of LXC before 2.1 in the configuration of @name, or in the file @path when that is not NULL (@c may be NULL then), atomically; the text as it was
 * is kept beside it with ".backup" behind the name. @change gets each line's number, what it was and what it is now ("" = gone). *ret_changed: how many lines; with 0 nothing
 * is written. */
int coppice_config_upgrade(struct coppice *c, const char *name, const char *path, unsigned flags,
			   void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_changed, struct err *e);

/* ---- bases ---- */

struct coppice_base {
	char name[64], version[72], digest[72], os[64], arch[16], source[128], seal[16];
	int64_t created;
	uint64_t common_bytes, common_files, skel_bytes, skel_files, image_bytes;
	bool current, merged_usr;
	uint32_t pins;
};
struct coppice_base_build {
	const char *name;
	const char *from;      /* "host", a directory, a tar file, "mmdebstrap:SUITE" */
	const char *packages;  /* with host: "essential" or a file with names, or NULL */
	const char *include;   /* with mmdebstrap: comma list, or NULL */
	const char *seal;      /* "auto", "erofs", "tree" */
	const char *max_size;  /* refuse sources larger than this ("64G"), or NULL for the default */
	bool dry_run;
	/* Progress: phase name and percent (-1 unknown). May be NULL. */
	void (*progress)(void *data, const char *phase, int percent, const char *detail);
	void *progress_data;
	char **ret_report;     /* malloc'd JSON report of the build, or NULL */
};
int coppice_base_build(struct coppice *c, const struct coppice_base_build *o, struct coppice_base *ret, struct err *e);
int coppice_base_list(struct coppice *c, struct coppice_base **ret, size_t *ret_count, struct err *e);
int coppice_base_show(struct coppice *c, const char *ref, struct coppice_base *ret, char **ret_users, struct err *e); /* users: newline list, malloc'd */
int coppice_base_verify(struct coppice *c, const char *ref, char **ret_report, struct err *e);
int coppice_base_delete(struct coppice *c, const char *ref, bool if_exists, struct err *e);

/* ---- storage: containers made by templates, copied, kept as snapshots ----
 *
 * Directories, configs and dependence files are as LXC leaves them; docs/formats/state.md describes them. A killed operation is finished or undone by the next. */

struct coppice_make {
	const char *config;       /* file whose lines the new config begins with, or NULL */
	const char *template;     /* lxc-NAME in our directory of templates, else LXC's; a path; NULL or "none" = only a directory and a config */
	const char *const *args;  /* further arguments of the template, NULL-ended, or NULL */
	const char *backing;      /* comma list, the first that can be is taken: "dir" (NULL), "btrfs", "loop", "lvm", "best" */
	const char *dir;          /* dir: an absolute directory for the root; NULL = LXCPATH/NAME/rootfs */
	const char *vg, *lv, *thin_pool; /* lvm: NULL = "lxc", NAME, "lxc"; a group without that pool gets a plain volume */
	const char *fstype;       /* loop, lvm: NULL = "ext4" */
	uint64_t size;            /* loop, lvm: bytes, 0 = 1 GiB */
};
/* Runs the template on the caller's stdio. A directory being made holds the file `partial`, which its maker has locked. */
int coppice_make(struct coppice *c, const char *name, const struct coppice_make *o, struct err *e);
/* The template (as in struct coppice_make) prints on fd 1 which words it takes. */
int coppice_template_help(const char *template, struct err *e);

struct coppice_destroy {
	bool force;       /* stop it first */
	bool snapshots;   /* and remove its snapshots; without it one that has some is refused */
};
/* For good, root and all; lxc.rootfs.managed = 0 leaves the root. Refused while overlay clones of it exist. */
int coppice_destroy(struct coppice *c, const char *name, const struct coppice_destroy *o, struct err *e);

struct coppice_copy {
	const char *name;         /* of the copy */
	const char *lxcpath;      /* where it goes, NULL = beside the source */
	bool snapshot;            /* share: an overlay clone of a directory, a snapshot of a volume; on a base only the private part is copied anyway */
	bool keep_name, keep_mac; /* host name and hardware addresses stay */
	bool or_copy;             /* with snapshot: a loop file, which cannot be shared, is copied */
	bool running;             /* a running source is frozen while it is copied; else it is refused */
	const char *backing;      /* as in coppice_make: what the copy's root lies in; NULL = as the source */
	uint64_t size;            /* of a volume, bytes; 0 = as the source */
	const char *vg, *thin_pool; /* of a new LVM volume, as in coppice_make */
	const char *const *set;   /* "key=value" lines appended to the copy's config, NULL-ended, or NULL */
	const char *const *trees; /* host directories that are copied along, NULL-ended, or NULL: the N-th into directory mountN (from 0) of the copy's own */
	bool in_memory;           /* with snapshot: what the clone writes lies in the run-time directory, gone with its end */
	const char *const *hook_args; /* for the clone hook, or NULL */
};
int coppice_copy(struct coppice *c, const char *name, const struct coppice_copy *o, struct err *e);
/* A stopped one without snapshots and clones; paths in its config follow. */
int coppice_rename(struct coppice *c, const char *name, const char *to, struct err *e);

struct coppice_snapshot {
	char name[64];
	char path[280];   /* directory of the snapshots */
	char time[32];    /* local time, as LXC writes it */
	char *comment;    /* malloc'd, NULL = none */
};
/* @comment: text kept with it, or NULL. @ret_name: 64 bytes, or NULL. Of a stopped container only. */
int coppice_snapshot_make(struct coppice *c, const char *name, const char *comment, char *ret_name, struct err *e);
/* By number. malloc'd; coppice_snapshots_free(). */
int coppice_snapshot_list(struct coppice *c, const char *name, struct coppice_snapshot **ret, size_t *ret_count, struct err *e);
void coppice_snapshots_free(struct coppice_snapshot *list, size_t count);
/* @to NULL: the container itself becomes what it was, complete before the present one goes. */
int coppice_snapshot_restore(struct coppice *c, const char *name, const char *snapshot, const char *to, struct err *e);
/* @snapshot NULL: all. */
int coppice_snapshot_delete(struct coppice *c, const char *name, const char *snapshot, struct err *e);

/* What starting and stopping a series of containers goes by. */
struct coppice_auto {
	char name[64];
	bool autostart, running;
	int32_t order;
	uint64_t delay_ms;
	char groups[512]; /* blank-separated, "" = none */
};
/* Sorted by order, then name; containers whose config cannot be read are left out. malloc'd. */
int coppice_auto_list(struct coppice *c, struct coppice_auto **ret, size_t *ret_count, struct err *e);

/* A hand-made tree with a shared part bound into it, or a directory container, becomes a base and a container on it. */
struct coppice_adopt {
	const char *what;        /* a container, or an absolute directory */
	const char *base;        /* name of the base, NULL = that of the container */
	const char *as;          /* name of the container, NULL = its own or the directory's */
	const char *common;      /* directory of the shared part; NULL = found in the config or in the tree */
	bool purge;              /* the original goes at once, or now if it was kept before */
	void (*progress)(void *data, const char *phase, int percent, const char *detail);
	void *progress_data;
};
struct coppice_adopted {
	char base[64], version[72], container[64], original[280]; /* original: container or directory that was kept, "" = none */
	uint64_t before, common, private; /* bytes: the tree as it was, what is shared now, what is the container's own */
};
int coppice_adopt(struct coppice *c, const struct coppice_adopt *o, struct coppice_adopted *ret, struct err *e);

/* Reads a libvirt LXC domain. *ret_config (malloc'd): key = value lines; *ret_notes (malloc'd): what was not understood, a line each. @ret_name: 64 bytes. */
int coppice_import_libvirt(struct coppice *c, const char *file, char *ret_name, char **ret_config, char **ret_notes, struct err *e);

/* ---- networks ---- */

#define COPPICE_NETWORK "coppice0" /* made when first needed */
#define COPPICE_NETWORK_USER "user" /* what a user without root has instead: a program of his own connects the container */

struct coppice_network {
	char name[16], bridge[16];
	char ipv4[56], ipv6[56];  /* gateway with prefix, "" = none */
	char domain[64], dns[176];
	uint32_t mtu;
	bool nat, isolated, dhcp, guard, names, internal;
	bool up;                  /* its bridge exists */
	uint32_t leases, running; /* containers that have addresses, and those that run */
	int64_t created;
};
/* One interface of a container on a network. */
struct coppice_network_user {
	char container[64], nic[16], mac[18], ipv4[56], ipv6[56], peer[16];
	bool running;
	uint64_t rx_bytes, tx_bytes; /* as the container sees them; UINT64_MAX unknown */
};
/* @set: "key=value" settings, NULL-ended, or NULL. */
int coppice_network_create(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e);
/* The same settings; what is up is changed at once, containers get it at their next start. */
int coppice_network_edit(struct coppice *c, const char *name, const char *const *set, struct coppice_network *ret, struct err *e);
int coppice_network_list(struct coppice *c, struct coppice_network **ret, size_t *ret_count, struct err *e); /* malloc'd */
int coppice_network_show(struct coppice *c, const char *name, struct coppice_network *ret, struct coppice_network_user **ret_users, size_t *ret_count, struct err *e);
/* Refused while a container's config names it. */
int coppice_network_delete(struct coppice *c, const char *name, bool if_exists, struct err *e);
/* Adds or removes an interface, in the config and in the running container. @what: a line of coppice.network ("lan0 ip=10.1.0.5 name=eth1"). */
int coppice_network_attach(struct coppice *c, const char *name, const char *what, struct err *e);
int coppice_network_detach(struct coppice *c, const char *name, const char *nic, struct err *e);
/* Moves the addresses, routes and hardware address of @device to a new bridge, all or nothing, and back by itself after @confirm_s seconds unless coppice_network_confirm()
 * came (0 = at once and for good). *ret_lines (malloc'd): what makes it last, for ifupdown, netplan and systemd-networkd. */
int coppice_network_bridge_host(struct coppice *c, const char *device, const char *bridge, unsigned confirm_s, char **ret_lines, struct err *e);
int coppice_network_confirm(struct coppice *c, const char *bridge, struct err *e);

/* One published port: a line of coppice.port. */
struct coppice_port {
	char container[64], bind[48], protocol[4];
	uint16_t host, inside, count;
	bool active; /* the container runs */
};
int coppice_port_add(struct coppice *c, const char *name, const char *what, struct err *e);    /* config, and at once when it runs */
int coppice_port_remove(struct coppice *c, const char *name, const char *what, struct err *e);
int coppice_port_list(struct coppice *c, const char *name, struct coppice_port **ret, size_t *ret_count, struct err *e); /* NULL = all */

/* ---- namespaces without a container ---- */

#define COPPICE_NS_MOUNT 1u
#define COPPICE_NS_PID 2u
#define COPPICE_NS_UTS 4u
#define COPPICE_NS_IPC 8u
#define COPPICE_NS_USER 16u
#define COPPICE_NS_NET 32u
#define COPPICE_NS_CGROUP 64u
#define COPPICE_NS_TIME 128u

struct coppice_id_map {
	bool users, groups;
	uint32_t inside, host, count;
};
struct coppice_unshare {
	const char *const *argv;     /* NULL-ended; found in PATH */
	unsigned namespaces;         /* COPPICE_NS_* */
	const struct coppice_id_map *maps; /* of a user namespace; by newuidmap and newgidmap without root */
	size_t map_count;
	bool subordinate;            /* instead: 0 and so on from the caller's range in /etc/subuid and /etc/subgid */
	bool own_id;                 /* instead: the caller's ids as @uid and 0 */
	bool own_after;              /* besides: the caller's ids, the first ones behind the others */
	int64_t uid;                 /* user id to run with; -1 = as it is; 0 takes the group along */
	const char *hostname;
	const char *const *interfaces; /* of the host, moved in; NULL-ended, or NULL */
	bool remount;                /* /proc, /dev/shm and /dev/mqueue of its own */
	bool leave;                  /* do not wait for it */
};
/* Runs a program in new namespaces. *ret_status: the program's, shell-style; 127, 126 or 125 with an error returned when it could not be run. */
int coppice_unshare(const struct coppice_unshare *o, int *ret_status, struct err *e);

/* ---- house-keeping ---- */

struct coppice_df {
	char base[64], version[72];
	uint64_t common, private_total, on_disk, full_copies;
	uint32_t containers;
};
int coppice_df(struct coppice *c, struct coppice_df **ret, size_t *ret_count, struct err *e);

struct coppice_gc {
	bool dry_run;
	uint64_t trash_age_s; /* purge trash older than this */
	uint32_t staging, trash, pool, leftovers; /* out: things removed or to be removed */
	uint64_t bytes;
};
int coppice_gc(struct coppice *c, struct coppice_gc *io, struct err *e);

/* Warm pool of ready private trees for a base. */
int coppice_pool_set(struct coppice *c, const char *base, unsigned want, struct err *e);

/* One finding of doctor. */
struct coppice_check {
	char id[32];
	int level; /* 0 ok, 1 warn, 2 fail */
	char text[256], fix[256];
};
int coppice_doctor(struct coppice *c, struct coppice_check **ret, size_t *ret_count, struct err *e);

/* The monitor role; called by main() when argv says so. Never returns to a caller that is not it. */
int coppice_monitor_main(int argc, char **argv);
/* The same for the process that keeps a user's namespace. */
int coppice_keeper_main(int argc, char **argv);
/* Makes the rules of managed networks again, with what belongs to all who run, when they are gone. */
int coppice_healer_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
