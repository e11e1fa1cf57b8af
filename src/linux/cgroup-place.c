/* cgroup-place.c - a process of ours that is to live in a node of its own: a monitor that was told where.
 *
 * It goes to the same path in every hierarchy, joins what is there and makes what is missing; only what it made is ever removed. */
#include "linux/cgroup-internal.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens @path beneath @base and makes the levels that are missing. */
static int make_path(int base, const char *path, bool cpuset)
{
	autoclose int at = path_open_beneath(base, ".", O_PATH | O_DIRECTORY, 0);
	char name[256];

	while (at >= 0 && *path) {
		size_t len = strcspn(path, "/");
		const char *file;
		bool made;
		int next, r;

		if (len == 0 || len >= sizeof(name))
			return -EINVAL;
		memcpy(name, path, len);
		name[len] = '\0';
		made = mkdirat(at, name, 0755) == 0;
		next = made || errno == EEXIST ? path_open_beneath(at, name, O_PATH | O_DIRECTORY, 0) : -errno;
		if (next < 0)
			return next;
		r = made ? cg_mark(next) : 0;
		if (r == 0 && made && cpuset)
			r = cg_inherit_cpuset(at, next, &file);
		fd_close(&at);
		at = next;
		if (r < 0)
			return r;
		path += len + (path[len] == '/');
	}
	return take_fd(at);
}

/* In one hierarchy. @path NULL: to the parent of groups. */
static int move_in(struct cg_roots *roots, const struct cg_parent *p, const char *path, bool cpuset)
{
	int r = -ENOENT;

	for (size_t i = 0;; i++) {
		autoclose int base = path ? cg_base(roots, p, path, i) : cg_parent_candidate(roots, p, i);
		autoclose int node = FD_NONE;

		if (base < 0)
			return i == 0 ? base : r;
		node = path ? make_path(base, cg_from(path), cpuset) : path_open_beneath(base, ".", O_PATH | O_DIRECTORY, 0);
		r = node < 0 ? node : fd_write_file(node, p == &roots->v2 ? "cgroup.procs" : "tasks", "0");
		if (!cg_try_next(r) || !path)
			return r;
	}
}

static int move_to(struct cg_roots *roots, const char *path)
{
	int r = move_in(roots, &roots->v2, path, false);

	for (size_t c = 0; c < CG_CONTROLLER_COUNT && r == 0; c++)
		if (roots->first[c] == (enum cg_controller)c && roots->v1[c].dir >= 0)
			r = move_in(roots, &roots->v1[c], path, roots->facts->v1_mount[CG_CPUSET][0] && roots->first[CG_CPUSET] == (enum cg_controller)c);
	return r;
}

int cgroup_move_self(const struct facts *f, const char *group)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	char path[CG_PATH_MAX];
	int r = cg_group_path(group, path, NULL);

	if (r == 0)
		r = cg_roots_open(f, ~0u, &roots);
	return r < 0 ? r : move_to(&roots, path);
}

static void remove_in(struct cg_roots *roots, const struct cg_parent *p, const char *path)
{
	for (size_t i = 0;; i++) {
		autoclose int base = cg_base(roots, p, path, i);
		autoclose int node = FD_NONE;

		if (base < 0)
			return;
		node = path_open_beneath(base, cg_from(path), O_PATH | O_DIRECTORY, 0);
		if (node < 0)
			continue;
		if (cg_is_marked(node) && unlinkat(base, cg_from(path), AT_REMOVEDIR) == 0)
			cg_remove_empty_parents(base, cg_from(path));
		return;
	}
}

static void remove_all(struct cg_roots *roots, const char *path)
{
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (roots->v1[c].dir >= 0)
			remove_in(roots, &roots->v1[c], path);
	remove_in(roots, &roots->v2, path);
}

void cgroup_leave(const struct facts *f, const char *group, const char *pivot)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	char path[CG_PATH_MAX], to[CG_PATH_MAX];

	if (cg_group_path(group, path, NULL) < 0 || (pivot && cg_group_path(pivot, to, NULL) < 0) || cg_roots_open(f, ~0u, &roots) < 0)
		return;
	if (!pivot || move_to(&roots, to) < 0)
		(void)!move_to(&roots, NULL);
	remove_all(&roots, path);
}

void cgroup_forget(const struct facts *f, const char *group)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	char path[CG_PATH_MAX];

	if (cg_group_path(group, path, NULL) == 0 && cg_roots_open(f, ~0u, &roots) == 0)
		remove_all(&roots, path);
}
