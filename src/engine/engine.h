/* engine.h - the handle behind the public operations, and what its parts share. Private to this folder. */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "coppice/coppice.h"
#include "linux/cgroup.h"
#include "linux/facts.h"
#include "plan/plan.h"
#include "spec/conf.h"
#include "spec/spec.h"
#include "state/state.h"
#include "store/store.h"

#define ENGINE_START_MS 60000u
#define ENGINE_LOCK_MS 10000u

struct coppice {
	char root[256], lxcpath[256], rundir[256];
	char group[64];          /* parent of all our cgroups: "coppice", or one of its own for a state root that is not the default */
	struct state state;
	struct store store;
	bool state_is_open, store_is_open;
	bool have_facts, have_groups; /* all of @facts; the part of facts_probe_groups() */
	char cgroup_pattern[128]; /* place of containers that say none, with %n for the name; "" = our own */
	char cgroup_use[256];    /* v1 controllers that starts may use, "" = all */
	bool lenient;            /* foreign lines of a config are skipped (coppice_options) */
	bool user;               /* the caller has no root and entered his own user namespace */
	int starting;            /* shared lock while a start of ours may add elements to the ruleset, FD_NONE (engine_network_choose) */
	bool have_roots;
	struct cg_roots roots; /* of all hierarchies, while listing (engine_roots) */
	struct facts facts;
	void (*trace)(void *data, const char *text);
	void *trace_data;
	void (*note)(void *data, const char *text);
	void *note_data;
	const struct log *log;   /* of the command, or NULL */
};

/* Where containers are for root, when nobody says. */
#define ENGINE_LXCPATH "/var/lib/lxc"

/* Where the run-time state of the containers in @lxcpath is: @rundir itself for the directory that belongs to base store @root, a directory beneath RUNDIR/.paths for
 * any other, so that containers of one name in two places share nothing. What is the host's (RUNDIR/.networks) stays in @rundir. */
#define ENGINE_APART ".paths"
int engine_rundir(const char *root, const char *lxcpath, const char *rundir, char ret[256], struct err *e) MUST_USE;

/* Open on first use; each names what it could not do. */
int engine_state(struct coppice *c, struct err *e) MUST_USE;
int engine_store(struct coppice *c, struct err *e) MUST_USE;
int engine_facts(struct coppice *c, struct err *e) MUST_USE;
int engine_facts_groups(struct coppice *c, struct err *e) MUST_USE; /* those of facts_probe_groups() at least */

/* Path of a helper program: beside our own binary, in the build tree, or in the libexec directory. Into @ret (512 bytes). */
int engine_helper(const char *name, char ret[512], struct err *e) MUST_USE;

/* "coppice/web1". */
void engine_group(const struct coppice *c, const char *name, char ret[CG_GROUP_MAX]);
/* place.c: where a start of @s puts the container and its monitor, and what its init makes of that. Text in @a. */
int engine_place(struct coppice *c, const struct spec *s, const struct store_base *base, struct arena *a, struct plan_choices *ret, struct err *e) MUST_USE;

/* Takes the v1 hierarchies out of @io that a start is not to use (coppice_options.cgroup_use). */
int engine_cgroup_use(const struct coppice *c, struct facts *io, struct err *e) MUST_USE;

/* With lxc.cgroup.relative: this process joins the monitor's group, where that helps; true when it did. After a start that failed it goes back to @back. */
bool engine_step_aside(struct coppice *c, const struct plan *plan, char ret_back[CG_GROUP_MAX]) MUST_USE;
void engine_step_back(struct coppice *c, const struct plan *plan, const char *back);

/* Refuse what cannot be the name: of a base or something made here; of a container that is there; of one that is to be made, which the lxc-* commands may call as LXC does. */
int engine_check_name(const char *name, struct err *e) MUST_USE;
int engine_check_container(const char *name, struct err *e) MUST_USE;
int engine_check_new(const struct coppice *c, const char *name, struct err *e) MUST_USE;
/* -ENOENT with the closest name when no such container exists. */
int engine_find(struct coppice *c, const char *name, struct err *e) MUST_USE;

/* The container's config as a document, and as a frozen spec with its base pin filled in. @set: "key=value" for this time only, NULL-ended, or NULL. */
int engine_config(struct coppice *c, const char *name, struct conf **ret, struct err *e) MUST_USE;
int engine_spec(struct coppice *c, const char *name, const char *const *set, struct spec *ret, struct err *e) MUST_USE;
/* The same for a look: the pin is read only when asked for. */
int engine_spec_look(struct coppice *c, const char *name, bool pin, struct spec *ret, struct err *e) MUST_USE;
/* What a running container was started with: its config file, or the document that was used instead (RECORD_CONFIG). */
int engine_spec_running(struct coppice *c, const char *name, struct spec *ret, struct err *e) MUST_USE;
/* "key=value" over the document, "key+=value" adds a line. */
int engine_override(struct conf *conf, const char *const *set, struct err *e) MUST_USE;
/* The words of a command as the one value of @key, quoted for its word splitting. */
int engine_set_words(struct conf *conf, const char *key, const char *const *words, struct err *e) MUST_USE;
/* The same of a document in memory; and writing it, once it is known to be acceptable. The container lock is held. */
int engine_spec_of(struct coppice *c, const char *name, const struct conf *conf, struct spec *ret, struct err *e) MUST_USE;
int engine_config_save(struct coppice *c, const char *name, const struct conf *conf, struct err *e) MUST_USE;

/* The config a container is started with, @set included, kept beside its record for whoever asks what it was (item.c). */
int engine_keep_config(struct coppice *c, const char *name, const struct conf *conf, struct err *e) MUST_USE;

/* The host's id of the container's root by an id map. */
int engine_map_root(const struct spec_idmap *list, size_t count, uint32_t *ret, struct err *e) MUST_USE;

/* What the kernel says about a container; the record is only the hint where to look. */
struct live {
	struct record record;
	bool has_record;
	bool alive;         /* init runs */
	bool monitor;       /* its monitor runs */
	bool starting;      /* a monitor is setting it up */
	bool leftovers;     /* nodes of a dead start or a dead container */
	bool lost;          /* no record of this boot: what is in @record was found out from the kernel */
};
int engine_live(struct coppice *c, const char *name, struct live *ret, struct err *e) MUST_USE;
/* The same for whoever changes nothing: less is asked of the host before. */
int engine_look(struct coppice *c, const char *name, struct live *ret, struct err *e) MUST_USE;

struct start_wish {
	const char *config_file; /* what hooks are told the config is, NULL = the container's own */
	const char *const *set;
	const struct conf *conf;      /* instead of the config file, or NULL; borrowed */
	const char *const *env;       /* as in struct coppice_start */
	bool foreground, stdio_pipes;
	const char *pid_file;
	const int *stdio;             /* as for engine_spawn_monitor() */
	int viewer;                   /* read when foreground */
	int lock;
	uint64_t timeout_ms;          /* 0 = ENGINE_START_MS */
	const struct plan_restore *restore; /* bring this back instead; or NULL */
	int32_t *ret_pid, *ret_monitor;
};
/* Starts a container that is known to be stopped and clean. */
int engine_start_stopped(struct coppice *c, const char *name, const struct start_wish *w, int *ret_report, struct err *e) MUST_USE;
/* coppice_launch(), or, with @restore, the same for a checkpoint, for which a container that runs already is an error. */
int engine_launch(struct coppice *c, const char *name, const struct coppice_launch *o, const struct plan_restore *restore, int *ret_status, struct err *e) MUST_USE;
/* Tells the container's monitor that it is about to be stopped, and is then not to be started again; or that nothing comes of it. Best effort. */
void engine_tell_stopping(struct coppice *c, const char *name, const struct live *l, bool stopping);
/* Waits until another init than @old runs. */
int engine_wait_reborn(struct coppice *c, const char *name, const struct proc_id *old, uint64_t deadline, struct err *e) MUST_USE;
/* 1: it runs, with a monitor; 0: it is stopped and clean. The container lock is held as @lock. */
int engine_find_settled(struct coppice *c, const char *name, int lock, struct live *l, struct err *e) MUST_USE;
/* Is @pid a monitor, of @name unless NULL? By its arguments, which anybody can have: ask it only of a process that is known otherwise. */
bool engine_is_monitor(pid_t pid, const char *name);

/* Removes what a dead start or a dead container left (cgroups, record). The container lock is held. */
int engine_repair(struct coppice *c, const char *name, const struct live *l, struct err *e) MUST_USE;

/* Takes back what the network helper made for @name on the host, by the plan that its dead monitor kept. Best effort; what belongs to the namespace ends with it,
 * physical devices are given back when it can still be named by @netns (or FD_NONE). */
void engine_undo_network(struct coppice *c, const char *name, int netns);
/* Gives, or takes away, the mark of class id that @name was started with, if any. */
int engine_class(struct coppice *c, const char *name, const char *group, bool add, struct err *e) MUST_USE;

/* Runs the post-stop hooks of the plan that its dead monitor kept. Failures are notes. */
void engine_undo_hooks(struct coppice *c, const char *name);

/* The same for whoever only looks: when there are leftovers and nobody is at work on the container. Best effort; @l is what is true afterwards. */
void engine_tidy(struct coppice *c, const char *name, struct live *l);

/* An inotify descriptor (nonblocking) that tells what comes into directory @dir (O_PATH) or goes: records and other files are replaced whole. Closing it takes the kernel
 * some milliseconds. */
int engine_watch_dir(int dir, struct err *e) MUST_USE;

/* Afterwards the container runs, or is stopped and clean: waits for a monitor that cleans up after the end, ends one that pauses before a restart, repairs. The
 * container lock is held. */
int engine_settle(struct coppice *c, const char *name, struct live *l, struct err *e) MUST_USE;

/* Starts a monitor for a running container that has none. 0 when one is there afterwards, or nothing runs any more (@l tells). The second with the container
 * lock held as @lock; the third for commands that do well without a monitor too. */
int engine_adopt(struct coppice *c, const char *name, struct live *l, struct err *e) MUST_USE;
int engine_adopt_locked(struct coppice *c, const char *name, int lock, struct live *l, struct err *e) MUST_USE;
void engine_adopt_try(struct coppice *c, const char *name, struct live *l);

/* Builds the plan for @name. */
struct plan_wish {
	const char *config_file; /* as in struct start_wish */
	const char *const *set;
	bool foreground, stdio_pipes;
	const char *pid_file; /* removed by the monitor at the end, NULL = none */
	const char *const *env; /* the caller's, for variables whose name alone is in the config; NULL = none */
	const struct log *log; /* for the plan's LOG; NULL = as engine_log_choose() says */
	bool look;            /* the plan is to be shown: what would be chosen now stands in it, and nothing is taken, made or brought up */
	const struct plan_restore *restore; /* as in struct start_wish */
	pid_t init; /* of a container that runs already, to be asked what a start would ask others; 0 = none */
};
int engine_plan(struct coppice *c, const struct spec *s, const struct plan_wish *w, struct plan *ret, struct buf *notes, struct err *e) MUST_USE;

/* Launches a monitor with @plan. @stdio: three descriptors for init, or NULL; @viewer: console socket of the caller, or FD_NONE. Waits for the verdict. With a foreground plan the
 * report socket is given for the end of the container (MSG_ENDED), else *ret_report is FD_NONE. */
struct monitor_spawn {
	const struct plan *plan; /* NULL: the plan that the running container was started with */
	bool adopt;              /* supervise what runs already, instead of starting it */
	int lock;                /* the container lock: the monitor holds it too until its verdict, so that killing the command lets nobody in between */
	const char *name;
	const int *stdio;
	int viewer;
	const struct log *log;   /* handed to the monitor when open, or NULL */
	uint64_t timeout_ms;
	int32_t *ret_init;       /* init's pid on the host, or NULL */
	int32_t *ret_monitor;    /* the monitor's, or NULL */
};
int engine_spawn_monitor(struct coppice *c, const struct monitor_spawn *s, int *ret_report, struct err *e) MUST_USE;

/* log.c: what a start of @s logs, and where; nothing is opened. Then opens it: a file that the config names and that cannot be opened is an error. */
int engine_log_choose(const struct coppice *c, const struct spec *s, struct log *ret, struct err *e) MUST_USE;
int engine_log_open(const struct coppice *c, const struct spec *s, struct log *l, struct err *e) MUST_USE;

/* Descriptor of our own program as a read-only detached mount, to exec from. */
int engine_self(struct err *e) MUST_USE;

/* The compiled filter for @s, made when missing and, unless this is a look, kept; its path in @ret (512), "" when the spec wants none. */
int engine_filter(struct coppice *c, const struct spec *s, bool look, char ret[512], struct err *e) MUST_USE;

/* What a plan must know of security modules: asks the kernel, and, unless this is a look, loads the profile that a config wants generated. Nothing for a spec that names no label. */
int engine_label(struct coppice *c, const struct spec *s, bool look, struct arena *a, struct plan_choices *ret, struct err *e) MUST_USE;
/* The text of a generated AppArmor profile. */
void engine_apparmor_text(const struct spec *s, const char *profile, struct buf *out);

/* Where mount hooks find the container's tree: lxc.rootfs.mount when it is a directory that the container's root can get at, else one below the run-time directory, which is then
 * covered. Both NULL when no hook asks. */
int engine_hook_mount(struct coppice *c, const struct spec *s, struct arena *a, const char **ret_mount, const char **ret_cover, struct err *e) MUST_USE;

/* What a hook of a storage command is told beside what the spec says. */
struct hook_more {
	const char *rootfs_path;  /* LXC_ROOTFS_PATH; NULL = as the spec says */
	const char *rootfs_mount; /* LXC_ROOTFS_MOUNT: where its tree can be reached on the host; NULL = rootfs_path */
	const char *src_name;     /* LXC_SRC_NAME: what it was copied from; NULL = not told */
	const char *const *args;  /* further arguments, NULL-ended, or NULL */
};
/* Runs every hook of @kind ("clone", "destroy") of @s on the host, in the order of the config. The first that fails ends it: status, signal or deadline (60 s); @e names its line and
 * what it said last. Costs nothing when there are none. @more may be NULL. */
int engine_hook_run(struct coppice *c, const struct spec *s, const char *kind, const struct hook_more *more, struct err *e) MUST_USE;

/* cgroup figures into @ret: @all of them, or those of a listing. */
void engine_usage(struct coppice *c, const char *group, bool all, struct coppice_info *ret);
/* The directories of our cgroups, opened for the time of one operation that looks at many containers; engine_roots_done() ends it. */
void engine_roots(struct coppice *c);
void engine_roots_done(struct coppice *c);

/* Tells what a person should know although nothing failed: one line of a spec's or plan's notes each. */
void engine_note_spec(struct coppice *c, const struct spec *s);
void engine_note_lines(struct coppice *c, const struct buf *lines);
/* Removes what killed commands left: half-made directories, throw-away containers. By verbs that make or list containers; costs two opens when there is nothing. */
void engine_sweep(struct coppice *c);
/* Ids and addresses of a container that is gone for good. */
void engine_release_ids(struct coppice *c, const char *name);

/* coppice_create(); with @ret_hold for a throw-away container, which is removed once that descriptor (state_throwaway_hold) is closed by its owner's death. */
int engine_create(struct coppice *c, const struct coppice_create *o, int *ret_hold, struct err *e) MUST_USE;

void engine_trace(struct coppice *c, const char *fmt, ...) PRINTF(2, 3);
