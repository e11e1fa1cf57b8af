/* cgroup-internal.h - what the cgroup-*.c files share; nobody else includes it (facts.c excepted, for cg_v2_root). */
#pragma once

#include "linux/cgroup.h"

#include <dirent.h>
#include <errno.h>

#define CG_PAYLOAD "payload"
/* The longest group, escaped, with room for "/payload". */
#define CG_PATH_MAX 352

/* Where a controller lives on this host: its limits are written, its figures read there. */
enum cg_home { CG_HOME_NONE, CG_HOME_V1, CG_HOME_V2 };
enum cg_home cg_home(const struct facts *f, enum cg_controller c);

/* O_PATH descriptor of the v2 root: the host's mount at @mount_point when that is a cgroup2 file system, else a private detached mount. */
int cg_v2_root(const char *mount_point) MUST_USE;

/* "coppice/memory.max" -> "coppice/_memory.max"; a '/' in front stays. @payload (NULL = not wanted): the word behind "//", or "payload".
 * -EINVAL when @group is not one or more names joined by '/', -ENAMETOOLONG. */
int cg_group_path(const char *group, char out[CG_PATH_MAX], char payload[CG_PAYLOAD_MAX]) MUST_USE;

/* Whether nodes of this path are ours by its first name: "coppice" or "coppice-HASH". Others carry a mark. */
bool cg_is_ours(const char *path);
int cg_mark(int node) MUST_USE;
bool cg_is_marked(int node);

/* Directories in which @p's groups may live, best first: @index 0, 1, ... Gives an O_PATH descriptor; -ENOENT when there are no more. */
int cg_parent_candidate(struct cg_roots *r, const struct cg_parent *p, size_t index) MUST_USE;
/* The same for @path: one that begins with '/' has a single candidate, the root of the hierarchy. @path_from (cg_from) skips that '/'. */
int cg_base(struct cg_roots *r, const struct cg_parent *p, const char *path, size_t index) MUST_USE;
static inline const char *cg_from(const char *path)
{
	return path + (path[0] == '/');
}

/* A new v1 cpuset has no CPUs and no memory nodes, and no task may join it until it has: those of @parent. @ret_file: which was at work. */
int cg_inherit_cpuset(int parent, int node, const char **ret_file) MUST_USE;

/* True for the errors that mean "not allowed here, try the next candidate". */
static inline bool cg_try_next(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

/* Opens (O_PATH) the existing node @path (escaped) of this hierarchy. -ENOENT, also for one of somebody else's. */
int cg_node_find(struct cg_roots *r, const struct cg_parent *p, const char *path) MUST_USE;

/* Removes @path (escaped) and all beneath it in the directory @base, and then the emptied parents of @path, silently. @events: a
 * cgroup.events descriptor to wait on while tasks die, or FD_NONE. -ENOENT, -EBUSY, -EXDEV. */
int cg_node_remove(int base, const char *path, int events, uint64_t deadline) MUST_USE;

/* The parents of a group are shared: an empty one is removed, one in use stays. */
void cg_remove_empty_parents(int base, const char *path);

/* The next directory in a stream over a node: its children. NULL at the end. */
const struct dirent *cg_dir_next(DIR *d);

/* The number behind @key in a flat keyed file ("populated 1\nfrozen 0"); UINT64_MAX when absent. */
uint64_t cg_flat_value(const char *text, const char *key);

/* Waits until @key of cgroup.events in @node is @want. 0, -ETIMEDOUT; a node that is gone counts as reached. */
int cg_wait_event(int node, const char *key, uint64_t want, uint64_t deadline) MUST_USE;

struct buf;
/* Replaces the content of @b by @node's cgroup.procs. 0 or -errno. */
int cg_read_procs(int node, struct buf *b) MUST_USE;

/* Device rules as the v1 controller keeps them: a default and exceptions from it. */
struct cg_device_set {
	bool allow;
	struct cg_device *exceptions; /* room for twice the rules */
	size_t count;
};
/* Pure. 0; -EINVAL for an unknown type; -EOPNOTSUPP when a rule takes back only a part of an earlier one. */
int cg_devices_reduce(const struct cg_device *rules, size_t count, struct cg_device_set *set) MUST_USE;
