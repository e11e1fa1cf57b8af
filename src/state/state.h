/* state.h - the only reader and writer of a container's files: config, pin, record, locks, trash.
 *
 *     LXCPATH/NAME/            0700: config, base (pin), private/ | upper/ work/, console.log
 *     LXCPATH/.trash/NAME.STAMP/   deleted, until purged
 *     RUNDIR/NAME/             0700: record, control (socket), monitor.lock, journal
 *     RUNDIR/locks/NAME        held by a command while it changes the container
 *
 * Records are caches of what the kernel knows. They carry a version and the boot id, are replaced by rename, and a reader tolerates unknown
 * fields. A record of another boot means "stopped". */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/proc.h"

#include <stdbool.h>

struct state {
	char lxcpath[256], rundir[256];
	int lxc_dir, run_dir; /* O_PATH */
};

int state_open(const char *lxcpath, const char *rundir, struct state *ret, struct err *e) MUST_USE;
void state_close(struct state *st);

/* What is remembered of a running container. */
struct record {
	struct proc_id init, monitor;
	char boot_id[40];
	char group[160];      /* cgroup group */
	char base[64], version[72];
	char base_level[16];
	char mode[16];
	int64_t started;      /* unix seconds */
	uint32_t id_first;    /* host id of container root, 0 = privileged */
	uint32_t restarts;
	int32_t last_exit;    /* shell style; -1 = none yet */
	bool starting;        /* journal phase: nodes may exist, init not yet exec'd */
	bool frozen;
	char note[128];
};

int record_read(const struct state *st, const char *name, struct record *ret) MUST_USE;   /* -ENOENT none */
int record_write(const struct state *st, const char *name, const struct record *r) MUST_USE;
/* After a stop: keeps last_exit and drops the rest. */
int record_clear(const struct state *st, const char *name, int32_t last_exit) MUST_USE;

/* Directories. state_dir: LXCPATH/NAME (O_PATH). state_run_dir: RUNDIR/NAME, made when asked. -ENOENT. */
int state_dir(const struct state *st, const char *name) MUST_USE;
int state_run_dir(const struct state *st, const char *name, bool make) MUST_USE;

/* All container names (a directory with a config), sorted. Hidden names are not containers. */
int state_names(const struct state *st, struct arena *a, const char ***ret, size_t *ret_count, struct err *e) MUST_USE;

/* The command lock of a container: flock with deadline; the holder's verb and pid are written in it for the message "busy: stop (pid 41)". Gives a descriptor. */
int state_lock(const struct state *st, const char *name, const char *verb, uint64_t deadline, struct err *e) MUST_USE;
/* Monitor liveness: the monitor takes monitor.lock for life (by descriptor, inherited by nobody). true = some monitor lives. */
int state_monitor_lock(const struct state *st, const char *name) MUST_USE; /* -EBUSY when taken */
bool state_monitor_alive(const struct state *st, const char *name);

/* Half-made containers: create works in LXCPATH/.new-NAME and renames; this removes leftovers whose maker is dead. */
int state_create_begin(const struct state *st, const char *name, struct err *e) MUST_USE;  /* directory descriptor of .new-NAME */
int state_create_commit(const struct state *st, const char *name, struct err *e) MUST_USE;
void state_create_abort(const struct state *st, const char *name);

/* Trash: rename there, list, bring back, purge. */
struct state_trash {
	char id[96];    /* NAME.STAMP */
	char name[64];
	int64_t deleted;
};
int state_trash_put(const struct state *st, const char *name, struct err *e) MUST_USE;
int state_trash_list(const struct state *st, struct arena *a, struct state_trash **ret, size_t *ret_count, struct err *e) MUST_USE;
int state_trash_restore(const struct state *st, const char *id, const char *as, struct err *e) MUST_USE;
int state_trash_purge(const struct state *st, const char *id, struct err *e) MUST_USE;
/* Removes leftovers of dead commands (.new-*), used by every mutating verb at its start; cheap when there are none. */
void state_sweep(const struct state *st);

/* Pins: which base version a container uses; one line "NAME@VERSION digest" in file `base`. */
int state_pin_write(int ct_dir, const char *name, const char *version, const char *digest) MUST_USE;
int state_pin_read(int ct_dir, char name[64], char version[72], char digest[72]) MUST_USE;
