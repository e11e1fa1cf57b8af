/* state.h - the only reader and writer of a container's files: config, pin, record, locks, trash.
 *
 *     LXCPATH/NAME/            0700: config, base (pin), private/ | upper/ work/, console.log
 *     LXCPATH/.staging/NAME/   being made: locked by its maker, visible under its name only when whole
 *     LXCPATH/.trash/NAME.SECONDS.N/   deleted, until purged
 *     RUNDIR/NAME/             0700: record, last, config (of the start), control (socket), monitor.lock, journal
 *     RUNDIR/.run/NAME         held by the command of a throw-away container
 *     RUNDIR/.locks/NAME       held by a command while it changes the container
 *
 * Records are caches of what the kernel knows. They carry a version and the boot id, are replaced by rename, and a reader tolerates
 * unknown fields. A record of another boot means "stopped". docs/formats/state.md describes each file.
 *
 * A changing verb does: state_lock, state_sweep, its work, close the lock. Names are checked against parse_is_container() everywhere: -EINVAL
 * otherwise. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/proc.h"

#include <stdbool.h>

struct state {
	char lxcpath[256], rundir[256];
	int lxc_dir, run_dir; /* O_PATH */
};

/* Opens both directories, making them when missing (0755 and 0700). The run directory must be ours and 0700, the other one not writable by
 * strangers; both are checked by descriptor. Paths are absolute. */
int state_open(const char *lxcpath, const char *rundir, struct state *ret, struct err *e) MUST_USE;
void state_close(struct state *st);

/* What is remembered of a running container. */
struct record {
	struct proc_id init, monitor;
	struct proc_id user_net; /* program of the network of a user without root; pid 0 = none */
	char boot_id[40];
	char group[256];      /* cgroup group */
	char monitor_group[256]; /* the monitor's own; "" = it lives where it was started */
	char base[64], version[72];
	char base_level[16];
	char mode[16];
	char addresses[256];  /* "eth0=10.87.1.2,fd00::2 eth1=..." */
	int64_t started;      /* unix seconds */
	uint32_t id_first;    /* host id of container root, 0 = privileged */
	uint32_t restarts;
	int32_t last_exit;    /* shell style; -1 = none yet */
	bool starting;        /* journal phase: nodes may exist, init not yet exec'd */
	bool frozen;
	char note[128];
};

/* -ENOENT none; -EBADMSG garbage, truncated or of an unknown format: treat the container by what the kernel says of its cgroup. */
int record_read(const struct state *st, const char *name, struct record *ret) MUST_USE;
int record_write(const struct state *st, const char *name, const struct record *r) MUST_USE;
/* What a running container was started with is kept beside its record, for a monitor that has to take over; it goes with the record. */
#define RECORD_PLAN "plan"
/* The config text it was started with, likewise, for whoever asks what it runs with; the only one of a container that was started without being created. */
#define RECORD_CONFIG "config"
/* The control group of a container that is not where all are, for whoever finds no record; it goes with the record. place_write: NULL = where all are. place_read: -ENOENT. */
#define RECORD_PLACE "place"
int place_write(const struct state *st, const char *name, const char *group) MUST_USE;
int place_read(const struct state *st, const char *name, char ret[256]) MUST_USE;
/* After a stop: keeps last_exit (and the time) in file `last` and drops the rest. */
int record_clear(const struct state *st, const char *name, int32_t last_exit) MUST_USE;
/* After a start that never ran: drops the same. How the last run ended stays as it is known; when none has, `last` says -1, written in place, which is no end of a run for whoever
 * watches. */
int record_drop(const struct state *st, const char *name) MUST_USE;
/* How the last run ended: shell-style status and unix seconds. -ENOENT when none ended since boot. */
int record_last(const struct state *st, const char *name, int32_t *ret_exit, int64_t *ret_ended) MUST_USE;
/* False when @r was written in another boot: the container is stopped, whatever it says. */
bool record_is_current(const struct record *r);
/* The text form, for record_write(), tests and fuzzing. */
struct buf;
int record_parse(const char *text, size_t len, struct record *ret) MUST_USE;
void record_format(const struct record *r, struct buf *out);

/* Directories. state_dir: LXCPATH/NAME (O_PATH). state_run_dir: RUNDIR/NAME, made when asked. -ENOENT. */
int state_dir(const struct state *st, const char *name) MUST_USE;
int state_run_dir(const struct state *st, const char *name, bool make) MUST_USE;

/* All container names (a directory with a config), sorted. Hidden names are not containers. */
int state_names(const struct state *st, struct arena *a, const char ***ret, size_t *ret_count, struct err *e) MUST_USE;

/* The command lock of a container: flock with deadline; the holder's verb and pid are written in it for the message "busy: stop (pid
 * 41)". Gives a descriptor. */
int state_lock(const struct state *st, const char *name, const char *verb, uint64_t deadline, struct err *e) MUST_USE;
/* The last act on a name that is gone: removes RUNDIR/NAME and the lock file, releases the lock. */
void state_forget(const struct state *st, const char *name, int *lock);
/* Monitor liveness: the monitor takes monitor.lock for life. It is an open-file-description lock, so that asking never disturbs it; a
 * forked child shares it until it execs. true = some monitor lives. */
int state_monitor_lock(const struct state *st, const char *name) MUST_USE; /* -EBUSY when taken */
bool state_monitor_alive(const struct state *st, const char *name);
/* Held by the monitor of every container that lives among the mounts of @name. @all: the opposite, that there is none, waiting until @deadline. Gives a descriptor; -EBUSY, or -ENOENT
 * when there never was one. */
int state_mounts_lock(const struct state *st, const char *name, bool all, uint64_t deadline) MUST_USE;

/* Half-made containers: create works in LXCPATH/.staging/NAME, locked by the descriptor that begin gives (0700, open for reading; keep
 * it until commit), and commit renames. Whoever finds an unlocked one knows that its maker is dead. */
int state_create_begin(const struct state *st, const char *name, struct err *e) MUST_USE;
int state_create_commit(const struct state *st, const char *name, struct err *e) MUST_USE;
void state_create_abort(const struct state *st, const char *name);
/* The same for what takes the place of a container that exists: begin, then an exchange by one rename, after which the old one is removed. The new one may have been given
 * the old one's directory `snaps`: until the exchange it goes back when this fails or is killed. */
int state_create_again(const struct state *st, const char *name, struct err *e) MUST_USE;
int state_create_swap(const struct state *st, const char *name, struct err *e) MUST_USE;

/* Containers that exist only for the command that made them (throwaway.c). hold: before it is made, kept until it is gone; drop ends that. The others are
 * for who comes after a killed command: all names that were not dropped, and the hold of one whose command is dead (-EBUSY: it lives; -ENOENT). */
int state_throwaway_hold(const struct state *st, const char *name, struct err *e) MUST_USE;
void state_throwaway_drop(const struct state *st, const char *name, int *lock);
int state_throwaways(const struct state *st, struct arena *a, const char ***ret, size_t *ret_count) MUST_USE;
int state_throwaway_claim(const struct state *st, const char *name) MUST_USE;

/* Trash: rename there, list (oldest first), bring back, purge. `put` refuses while a monitor lives. */
struct state_trash {
	char id[96];    /* NAME.SECONDS.N */
	char name[64];
	int64_t deleted;
};
int state_trash_put(const struct state *st, const char *name, struct err *e) MUST_USE;
/* Removes container @name for good, by way of the trash. For its own monitor, which still holds its lock, when an ephemeral container has ended. */
int state_destroy(const struct state *st, const char *name, struct err *e) MUST_USE;
int state_trash_list(const struct state *st, struct arena *a, struct state_trash **ret, size_t *ret_count, struct err *e) MUST_USE;
/* @as: another name, NULL = its own. */
int state_trash_restore(const struct state *st, const char *id, const char *as, struct err *e) MUST_USE;
int state_trash_purge(const struct state *st, const char *id, struct err *e) MUST_USE;
/* Splits an id; false when it is none. */
bool state_trash_parse(const char *id, struct state_trash *ret);
/* Removes leftovers of dead commands, used by every mutating verb at its start; one directory read when there are none. */
/* @outside (NULL = nothing) takes back what the maker of the half-made container in directory @dir had made outside of it; when it fails, the directory stays for the next sweep. */
typedef int state_outside_fn(int dir, void *data);
void state_sweep(const struct state *st, state_outside_fn *outside, void *data);

/* Pins: which base version a container uses; one line "NAME@VERSION digest" in file `base`. -ENOENT none, -EBADMSG malformed. */
int state_pin_write(int ct_dir, const char *name, const char *version, const char *digest) MUST_USE;
/* The same for a directory from state_create_begin(): not on disk before state_create_commit() puts it there. */
int state_pin_stage(int ct_dir, const char *name, const char *version, const char *digest) MUST_USE;
int state_pin_read(int ct_dir, char name[64], char version[72], char digest[72]) MUST_USE;
int state_pin_parse(const char *line, char name[64], char version[72], char digest[72]) MUST_USE;

/* Everybody's pins, the trash and containers under way included: what no collector may take away. */
struct state_pin {
	char container[96]; /* name, or id in the trash */
	char base[64], version[72];
	bool trashed;
};
int state_pins(const struct state *st, struct arena *a, struct state_pin **ret, size_t *ret_count, struct err *e) MUST_USE;
