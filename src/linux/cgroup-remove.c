/* cgroup-remove.c - takes nodes away, whatever a guest built beneath them.
 *
 * Only directories can and need be removed; the kernel refuses those with processes. The walk is iterative: it goes down to a node without
 * children, comes back by "..", and so needs neither stack nor descriptors however deep a guest nested. No step crosses a mount: rmdir of
 * a mount point in a private mount namespace would detach that mount everywhere. */
#include "linux/cgroup-internal.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define DYING_MS 250 /* how long tasks that were killed may take to leave */
#define TICK_MS 5

const struct dirent *cg_dir_next(DIR *d)
{
	const struct dirent *e;

	while ((e = readdir(d)))
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return e;
	return NULL;
}

static bool has_children(int node)
{
	autoclosedir DIR *d = fd_open_dir(node, ".", 0);

	return d && cg_dir_next(d) != NULL;
}

/* A moment for tasks that are on their way out: until the node's populated state changes, at most a tick. False when @deadline passed. */
static bool wait_for_dying(int events, uint64_t deadline)
{
	struct pollfd p = {.fd = events, .events = POLLPRI};
	char text[64];
	int left = clock_left_ms(deadline);

	if (left == 0)
		return false;
	if (events >= 0)
		(void)!pread(events, text, sizeof(text), 0); /* arms the notification */
	(void)poll(&p, 1, left < TICK_MS ? left : TICK_MS);
	return true;
}

/* rmdir of one node without children. */
static int remove_leaf(int dir, const char *name, int events, uint64_t deadline)
{
	while (unlinkat(dir, name, AT_REMOVEDIR) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		if (!wait_for_dying(events, deadline))
			return -EBUSY;
	}
	return 0;
}

/* Removes the children of @node that have none themselves. 0: none are left; 1: @ret_child must be emptied first. */
static int sweep(int node, int events, uint64_t deadline, int *ret_child)
{
	bool again = true;

	while (again) {
		autoclosedir DIR *d = fd_open_dir(node, ".", 0);
		const struct dirent *e;

		if (!d)
			return -errno;
		again = false;
		while ((e = cg_dir_next(d))) {
			autoclose int child = FD_NONE;
			int r;

			again = true;
			child = path_open_beneath(node, e->d_name, O_PATH | O_DIRECTORY, 0);
			if (child == -ENOENT)
				continue;
			if (child < 0)
				return child;
			if (has_children(child)) {
				*ret_child = take_fd(child);
				return 1;
			}
			r = remove_leaf(node, e->d_name, events, deadline);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int remove_below(int top, int events, uint64_t deadline)
{
	autoclose int at = fd_open(top, ".", O_PATH | O_DIRECTORY, 0);
	size_t depth = 0;

	while (at >= 0) {
		int next = FD_NONE, r = sweep(at, events, deadline, &next);

		if (r < 0)
			return r;
		if (r == 0 && depth == 0)
			return 0;
		if (r == 0)
			next = fd_open(at, "..", O_PATH | O_DIRECTORY, 0);
		depth = r == 1 ? depth + 1 : depth - 1;
		fd_close(&at);
		at = next;
	}
	return at;
}

/* In a place of the user's own. */
static bool is_our_parent(int fd, const char *path)
{
	const char *slash = strrchr(path, '/');

	return cg_is_ours(slash ? slash + 1 : path) || cg_is_marked(fd);
}

void cg_remove_empty_parents(int base, const char *path)
{
	char parent[CG_PATH_MAX];
	bool ours = cg_is_ours(path);
	char *slash;

	if (strlen(path) >= sizeof(parent))
		return;
	memcpy(parent, path, strlen(path) + 1);
	while ((slash = strrchr(parent, '/'))) {
		autoclose int fd = FD_NONE;

		*slash = '\0';
		fd = path_open_beneath(base, parent, O_PATH | O_DIRECTORY, 0); /* refuses a mount point */
		if (fd < 0 || (!ours && !is_our_parent(fd, parent)) || unlinkat(base, parent, AT_REMOVEDIR) < 0)
			return;
	}
}

int cg_node_remove(int base, const char *path, int events, uint64_t deadline)
{
	autoclose int node = path_open_beneath(base, path, O_PATH | O_DIRECTORY, 0);
	int r;

	if (node < 0)
		return node;
	do { /* a guest's last task may still be making nodes */
		r = remove_below(node, events, deadline);
		if (r == 0)
			r = has_children(node) ? -EAGAIN : remove_leaf(base, path, events, deadline);
	} while (r == -EAGAIN && clock_left_ms(deadline) > 0);
	if (r == 0)
		cg_remove_empty_parents(base, path);
	return r;
}

/* The directory under which @path exists; -ENOENT. */
static int find_base(struct cg_roots *r, const struct cg_parent *p, const char *path)
{
	for (size_t i = 0;; i++) {
		autoclose int base = cg_base(r, p, path, i);
		autoclose int node = FD_NONE;

		if (base < 0)
			return base;
		node = path_open_beneath(base, cg_from(path), O_PATH | O_DIRECTORY, 0);
		if (node >= 0)
			return take_fd(base);
		if (node != -ENOENT)
			return node;
	}
}

/* What somebody else has put into the place is left alone. */
static int remove_in(struct cg_roots *roots, const struct cg_parent *p, const char *path, int events, uint64_t deadline)
{
	autoclose int node = cg_is_ours(path) ? FD_NONE : cg_node_find(roots, p, path);
	autoclose int base = cg_is_ours(path) || node >= 0 ? find_base(roots, p, path) : -ENOENT;
	int r = base < 0 ? base : cg_node_remove(base, cg_from(path), events, deadline);

	return r == -ENOENT ? 0 : r;
}

int cgroup_remove(const struct facts *f, const char *group)
{
	uint64_t deadline = clock_deadline(DYING_MS);
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	autoclose int v2 = FD_NONE, events = FD_NONE;
	char path[CG_PATH_MAX];
	int r;

	r = cg_group_path(group, path, NULL);
	if (r == 0)
		r = cg_roots_open(f, ~0u, &roots);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	v2 = cg_node_find(&roots, &roots.v2, path);
	if (v2 >= 0) {
		events = fd_open(v2, "cgroup.events", O_RDONLY, 0);
		if (cg_wait_event(v2, "populated", 0, deadline) < 0)
			return -EBUSY;
	}
	/* v2 goes last: as long as it is there, a later command sees that something is left to clean. */
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
		r = remove_in(&roots, &roots.v1[c], path, events, deadline);
		if (r < 0)
			return r;
	}
	return remove_in(&roots, &roots.v2, path, events, deadline);
}
