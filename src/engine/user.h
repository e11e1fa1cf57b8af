/* user.h - how somebody without root gets namespaces of his own. Private to this folder.
 *
 * One user namespace holds all that belongs to a user: his own id is 0 there, his subordinate range what follows. It lives as long as a
 * process in it; a small one of ours, the keeper, sleeps there so that commands find it. "keeper" in the user's run-time directory says
 * which process that is. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/proc.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <sys/types.h>

#define KEEPER_ROLE "--role=keeper"
#define KEEPER_FILE "keeper"
/* Ids of a container: 0 is the user, the rest comes from his range. */
#define USER_IDS 65536u

/* The lines of lxc.idmap in ids of the user's namespace, which must be ours: into @a. *ret_first: that of the container's root. No lines where the usual map is right: the tree
 * belongs to none of their ids. ERR_DENIED: an id is not the user's. */
int user_idmaps(const struct spec *s, struct arena *a, const struct spec_idmap **ret, size_t *ret_count, uint32_t *ret_first, struct err *e) MUST_USE;

/* His default places, from the environment: absolute. */
struct user_places {
	char lxcpath[256]; /* ~/.local/share/lxc when it is there, LXC's place; else "" */
	char root[256];	  /* $XDG_DATA_HOME/coppice, ~/.local/share/coppice */
	char rundir[256]; /* $XDG_RUNTIME_DIR/coppice, /run/user/UID/coppice, /tmp/coppice-UID */
};
int user_places(struct user_places *ret, struct err *e) MUST_USE;

/* The first process that @match accepts; 0 when there is none. */
pid_t user_find_process(bool (*match)(void *data, pid_t pid), void *data);

/* The calling user's id on the host, also from within his namespace. */
uid_t engine_host_uid(void);

struct keeper_mark {
	char boot_id[40];
	struct proc_id id;
};
/* What the file says, of this boot. 0 or -errno. */
int keeper_read(int rundir, struct keeper_mark *ret) MUST_USE;
int keeper_write(int rundir, const struct proc_id *id) MUST_USE;

/* Starts a keeper and writes the file. @joins >= 0: the pidfd of a process whose user namespace it shall keep; else it makes a new one, of
 * which @map_ids writes the maps. */
struct keeper_start {
	const char *path; /* of the run-time directory */
	int rundir;
	int joins;
	int (*map_ids)(void *data, pid_t pid, struct err *e);
	void *data;
};
int keeper_spawn(const struct keeper_start *s, struct err *e) MUST_USE;
