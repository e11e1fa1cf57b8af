/* cgroup.c - one container's nodes: making, opening, joining, reading and writing them.
 *
 * A hierarchy is made in three steps: the parents (each v2 level hands its controllers down before the next exists), the limits
 * node, the payload node below it. What the two generations do differently on the way is in struct layer. */
#include "linux/cgroup-internal.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARENT_RACES 16 /* another command may remove the shared, empty parent between our two mkdirs */
#define STALE_MS 50     /* for a leftover node whose last task is still dying */

void cgroup_init(struct cgroup *cg)
{
	*cg = (struct cgroup)CGROUP_NONE;
}

void cgroup_done(struct cgroup *cg)
{
	fd_close(&cg->v2);
	fd_close(&cg->v2_payload);
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
		fd_close(&cg->v1[c]);
		fd_close(&cg->v1_payload[c]);
	}
}

/* ---- making ---- */

/* What to do at each level of one hierarchy. */
struct layer {
	struct cg_roots *roots;
	const struct cg_parent *parent;
	const char *enable; /* v2: "+memory +pids", "" = nothing */
	bool v2, cpuset_v1;
	bool bare; /* no payload node: the limits node stands in for it */
	bool placed; /* in a place of the user's own: what we make is marked, what is not marked is not ours */
	bool given;  /* v1: the payload is the owner's */
	const char *payload;
	uid_t uid;
	gid_t gid;
	char *why; /* 160 bytes */
};

static int fail(const struct layer *l, int code, const char *fmt, ...) PRINTF(3, 4);
static int fail(const struct layer *l, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->why, 160, fmt, ap);
	va_end(ap);
	return code;
}

/* True when every word of "+a +b" stands in the list "a b c". */
static bool all_enabled(const char *list, const char *enable)
{
	for (const char *p = enable; *p;) {
		size_t len = strcspn(p, " ");
		bool found = false;

		for (const char *q = list; *q && !found;) {
			size_t n = strcspn(q, " ");

			found = n == len - 1 && memcmp(q, p + 1, n) == 0;
			q += n + (q[n] == ' ');
		}
		if (!found)
			return false;
		p += len + (p[len] == ' ');
	}
	return true;
}

/* Only the root may have processes and hand down controllers. With processes elsewhere the kernel refuses memory and io, but takes cpu,
 * cpuset and pids and turns the node into a threaded domain, in whose children no process can live. */
static bool is_inner_with_processes(int dir)
{
	char text[64];

	return faccessat(dir, "cgroup.type", F_OK, 0) == 0 && fd_read_file(dir, "cgroup.procs", text, sizeof(text)) != 0;
}

/* Hands controllers to the children of @dir. Asking first is cheap; a write, even one that changes nothing, waits for other nodes that are
 * being freed. */
static int enable_controllers(const struct layer *l, int dir, const char *where)
{
	char now[256];
	int r;

	if (l->enable[0] == '\0')
		return 0;
	if (fd_read_file(dir, "cgroup.subtree_control", now, sizeof(now)) >= 0 && all_enabled(now, l->enable))
		return 0;
	r = is_inner_with_processes(dir) ? -EBUSY : fd_write_file(dir, "cgroup.subtree_control", l->enable);
	if (r == -ENOENT && fd_read_file(dir, "cgroup.controllers", now, sizeof(now)) >= 0 && !all_enabled(now, l->enable))
		return fail(l, -EOPNOTSUPP, "cgroup '/%s' was given only the controllers '%s', not '%s'", where, now, l->enable);
	if (r == -EBUSY)
		return fail(l, r, "'%s' to cgroup.subtree_control of cgroup '/%s': processes live in it", l->enable, where);
	if (r < 0)
		return fail(l, r, "'%s' to cgroup.subtree_control of cgroup '/%s'", l->enable, where);
	return 0;
}

int cg_inherit_cpuset(int parent, int node, const char **ret_file)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char value[4096];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		ssize_t n = fd_read_file(node, files[i], value, sizeof(value));
		int r = 0;

		if (n == 0)
			n = fd_read_file(parent, files[i], value, sizeof(value));
		else if (n > 0)
			continue;
		if (n >= 0)
			r = fd_write_file(node, files[i], value);
		*ret_file = files[i];
		if (n < 0 || r < 0)
			return n < 0 ? (int)n : r;
	}
	return 0;
}

/* Makes (or, for a shared parent, finds) one level and prepares it. Gives an O_PATH descriptor. */
static int make_level(const struct layer *l, int dir, const char *name, bool exclusive, const char *where)
{
	autoclose int node = FD_NONE;
	bool made = mkdirat(dir, name, 0755) == 0;
	const char *file = "";
	int r;

	if (!made && (errno != EEXIST || exclusive))
		return fail(l, -errno, "make cgroup '/%s'", where);
	node = path_open_beneath(dir, name, O_PATH | O_DIRECTORY, 0);
	if (node < 0)
		return fail(l, node, "open cgroup '/%s'", where);
	r = made && l->placed ? cg_mark(node) : 0;
	if (r < 0) {
		(void)unlinkat(dir, name, AT_REMOVEDIR);
		return fail(l, r, "mark cgroup '/%s' as ours", where);
	}
	if (l->cpuset_v1) {
		r = cg_inherit_cpuset(dir, node, &file);
		if (r < 0)
			return fail(l, r, "inherit %s", file);
	}
	return take_fd(node);
}

/* The limits node @path beneath @base; what is there already and has no processes is replaced. */
static int make_limits_node(const struct layer *l, int base, const char *path)
{
	autoclose int at = path_open_beneath(base, ".", O_PATH | O_DIRECTORY, 0);
	char where[CG_PATH_MAX];
	int r;

	for (size_t done = 0; at >= 0;) {
		size_t len = strcspn(path + done, "/");
		bool last = path[done + len] == '\0';
		int next;

		memcpy(where, path, done + len);
		where[done ? done - 1 : 0] = '\0';
		r = enable_controllers(l, at, where);
		if (r < 0)
			return r;
		memcpy(where, path, done + len);
		where[done + len] = '\0';
		next = make_level(l, at, where + done, last, where);
		if (last && next == -EEXIST) {
			autoclose int stale = path_open_beneath(base, path, O_PATH | O_DIRECTORY, 0);
			autoclose int events = stale >= 0 ? fd_open(stale, "cgroup.events", O_RDONLY, 0) : FD_NONE;

			if (stale >= 0 && l->placed && !cg_is_marked(stale))
				return fail(l, -EEXIST, "cgroup '/%s' is there already, and was not made here", where);
			r = cg_node_remove(base, path, events, clock_deadline(STALE_MS));
			if (r < 0 && r != -ENOENT)
				return fail(l, r, r == -EBUSY ? "cgroup '/%s' has processes" : "remove old cgroup '/%s'", where);
			return -ENOENT; /* the parents may be gone with it: from the top */
		}
		if (last || next < 0)
			return next;
		fd_close(&at);
		at = next;
		done += len + 1;
	}
	return at;
}

/* Gives the v2 payload to its owner: the directory and the files that the kernel says are meant for that (cgroups(7), delegation). */
static int delegate(const struct layer *l, int node)
{
	static const char fallback[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control", v1[] = "cgroup.procs\ntasks";
	char list[1024];

	if (l->uid == 0 && l->gid == 0)
		return 0;
	if (fchownat(node, "", l->uid, l->gid, AT_EMPTY_PATH) < 0)
		return fail(l, -errno, "give cgroup '%s' to its owner", l->payload);
	if (!l->v2)
		memcpy(list, v1, sizeof(v1));
	else if (fd_read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", list, sizeof(list)) <= 0)
		memcpy(list, fallback, sizeof(fallback));
	for (char *p = list; *p;) {
		size_t len = strcspn(p, "\n");
		bool last = p[len] == '\0';

		p[len] = '\0';
		if (fchownat(node, p, l->uid, l->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return fail(l, -errno, "give '%s' of cgroup '%s' to its owner", p, l->payload);
		p += len + !last;
	}
	return 0;
}

/* Bounds on what the guest may build in its payload. */
static int bound_guest(const struct layer *l, int node)
{
	char nodes[24];
	int r;

	(void)snprintf(nodes, sizeof(nodes), "%d", CG_GUEST_NODES);
	r = fd_write_file(node, "cgroup.max.descendants", nodes);
	(void)snprintf(nodes, sizeof(nodes), "%d", CG_GUEST_DEPTH);
	if (r == 0)
		r = fd_write_file(node, "cgroup.max.depth", nodes);
	return r < 0 && r != -ENOENT ? fail(l, r, "bound the number of cgroups") : 0;
}

static int make_payload(const struct layer *l, int node)
{
	autoclose int payload = FD_NONE;
	int r = enable_controllers(l, node, "...");

	if (r < 0)
		return r;
	if (l->v2) {
		r = bound_guest(l, node);
		if (r < 0)
			return r;
	}
	payload = make_level(l, node, l->payload, true, l->payload);
	if (payload >= 0 && l->cpuset_v1) /* what the guest makes below is usable at once, as it is with LXC */
		(void)!fd_write_file(payload, "cgroup.clone_children", "1");
	if (payload >= 0 && (l->v2 || l->given)) {
		r = delegate(l, payload);
		if (r < 0)
			return r;
	}
	return take_fd(payload);
}

/* Both nodes of one hierarchy in the first place where we may make them. */
static int make_nodes(const struct layer *l, const char *path, int *ret_node, int *ret_payload)
{
	int r = -ENOENT;

	for (size_t i = 0;; i++) {
		autoclose int base = cg_base(l->roots, l->parent, path, i);
		autoclose int node = FD_NONE;
		autoclose int payload = FD_NONE;

		if (base < 0)
			return i == 0 ? base : r; /* the last refusal says more than "no more candidates" */
		node = make_limits_node(l, base, cg_from(path));
		for (size_t race = 0; (node == -ENOENT || node == -ENODEV) && race < PARENT_RACES; race++)
			node = make_limits_node(l, base, cg_from(path));
		r = node;
		if (r < 0)
			cg_remove_empty_parents(base, cg_from(path));
		if (cg_try_next(r))
			continue;
		if (r < 0)
			return r;
		payload = l->bare ? path_open_beneath(node, ".", O_PATH | O_DIRECTORY, 0) : make_payload(l, node);
		if (payload < 0) {
			(void)!cg_node_remove(base, cg_from(path), FD_NONE, 0);
			return payload;
		}
		*ret_node = take_fd(node);
		*ret_payload = take_fd(payload);
		return 0;
	}
}

/* "+memory +pids": what is needed and v2 holds here. */
static void enable_words(const struct facts *f, uint32_t need, char out[128])
{
	static const char *const v2_words[CG_CONTROLLER_COUNT] = {
		[CG_MEMORY] = "memory", [CG_CPU] = "cpu", [CG_CPUSET] = "cpuset", [CG_PIDS] = "pids", [CG_IO] = "io",
		[CG_HUGETLB] = "hugetlb", [CG_RDMA] = "rdma", [CG_MISC] = "misc",
	};
	size_t n = 0;

	out[0] = '\0';
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (v2_words[c] && (need & f->v2_controllers & (1u << c)) && cg_home(f, (enum cg_controller)c) == CG_HOME_V2)
			n += (size_t)snprintf(out + n, 128 - n, "%s+%s", n ? " " : "", v2_words[c]);
}

/* Controllers that share the hierarchy of @c share its nodes. */
static int share_v1(struct cgroup *cg, enum cg_controller c, enum cg_controller with)
{
	cg->v1[c] = fcntl(cg->v1[with], F_DUPFD_CLOEXEC, 3);
	cg->v1_payload[c] = fcntl(cg->v1_payload[with], F_DUPFD_CLOEXEC, 3);
	return cg->v1[c] < 0 || cg->v1_payload[c] < 0 ? -EMFILE : 0;
}

/* A controller of @first's hierarchy that has its nodes already; CG_CONTROLLER_COUNT = none. */
static enum cg_controller v1_sibling(const struct cg_roots *roots, const struct cgroup *cg, enum cg_controller c)
{
	for (size_t o = 0; o < CG_CONTROLLER_COUNT; o++)
		if (o != c && roots->first[o] == roots->first[c] && cg->v1[o] >= 0)
			return (enum cg_controller)o;
	return CG_CONTROLLER_COUNT;
}

/* A guest whose root is not the host's cannot write v1 files, wherever it mounts them: the second node, a sixth of the cost of a start,
 * would protect nothing. */
static int create_v1(struct cg_roots *roots, enum cg_controller c, const char *path, const struct cg_wish *w, struct cgroup *cg)
{
	enum cg_controller sibling = v1_sibling(roots, cg, c), first = roots->first[c];
	bool given = w->writes && (w->seen & (1u << c));
	struct layer l = {.roots = roots, .parent = &roots->v1[first], .enable = "", .bare = w->uid != 0 && !given, .placed = !cg_is_ours(path), .given = given,
			  .payload = cg->payload, .uid = w->uid, .gid = w->gid, .why = cg->why};

	if (sibling != CG_CONTROLLER_COUNT)
		return share_v1(cg, c, sibling);
	if (roots->v1[first].dir < 0)
		return fail(&l, -ENOENT, "no cgroup v1 hierarchy of '%s' at '%s'", cg_v1_word(c), roots->facts->v1_mount[c]);
	l.cpuset_v1 = roots->first[CG_CPUSET] == first && roots->facts->v1_mount[CG_CPUSET][0];
	if (roots->first[CG_DEVICES] == first && cg_home(roots->facts, CG_DEVICES) == CG_HOME_V1)
		l.bare = true; /* cgroup_set_devices() makes the payload: it must inherit the rules */
	return make_nodes(&l, path, &cg->v1[c], &cg->v1_payload[c]);
}

static uint32_t v1_controllers(const struct facts *f, uint32_t of)
{
	uint32_t mask = 0;

	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if ((of & (1u << c)) && cg_home(f, (enum cg_controller)c) == CG_HOME_V1)
			mask |= 1u << c;
	return mask;
}

/* v1 hierarchies the host has, of controllers that may well live on v2: what a guest may be shown. */
static uint32_t v1_mounted(const struct facts *f, uint32_t of)
{
	uint32_t mask = 0;

	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if ((of & (1u << c)) && f->v1_mount[c][0])
			mask |= 1u << c;
	return mask;
}

int cgroup_create(const struct facts *f, const char *group, uint32_t need, uid_t owner_uid, gid_t owner_gid, struct cgroup *ret)
{
	const struct cg_wish w = {.need = need, .uid = owner_uid, .gid = owner_gid};

	return cgroup_create_as(f, group, &w, ret);
}

int cgroup_create_as(const struct facts *f, const char *group, const struct cg_wish *w, struct cgroup *ret)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	autodone(cgroup_done) struct cgroup cg = CGROUP_NONE;
	char path[CG_PATH_MAX], enable[128];
	struct layer l = {.enable = enable, .v2 = true, .payload = cg.payload, .uid = w->uid, .gid = w->gid, .why = cg.why};
	uint32_t v1;
	int r;

	cgroup_init(ret);
	v1 = v1_controllers(f, w->need | (1u << CG_DEVICES)) | v1_mounted(f, w->seen); /* a device list is no limit that somebody asks for: it is always there */
	r = cg_group_path(group, path, cg.payload);
	if (r == 0)
		r = cg_roots_open(f, v1, &roots);
	if (r == 0) {
		enable_words(f, w->need, enable);
		l.roots = &roots;
		l.parent = &roots.v2;
		l.placed = !cg_is_ours(path);
		r = make_nodes(&l, path, &cg.v2, &cg.v2_payload);
	}
	for (size_t c = 0; c < CG_CONTROLLER_COUNT && r == 0; c++)
		if (v1 & (1u << c))
			r = create_v1(&roots, (enum cg_controller)c, path, w, &cg);
	if (r < 0) {
		memcpy(ret->why, cg.why, sizeof(ret->why));
		if (cg.v2 >= 0) /* ours since a moment ago, and empty */
			(void)!cgroup_remove(f, group);
		return r;
	}
	(void)snprintf(cg.group, sizeof(cg.group), "%s", group);
	cg.no_kill_file = !f->cgroup_kill;
	cg.why[0] = '\0';
	*ret = cg;
	cgroup_init(&cg); /* the caller's now */
	return 0;
}

/* The limits node itself where a payload was never made. */
static int open_payload(int node, const char *name)
{
	int fd = node >= 0 ? path_open_beneath(node, name, O_PATH | O_DIRECTORY, 0) : FD_NONE;

	return fd == -ENOENT ? path_open_beneath(node, ".", O_PATH | O_DIRECTORY, 0) : fd;
}

int cgroup_open(const struct facts *f, const char *group, struct cgroup *ret)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	autodone(cgroup_done) struct cgroup cg = CGROUP_NONE;
	uint32_t v1 = v1_mounted(f, ~0u);
	char path[CG_PATH_MAX];
	bool any;
	int r;

	r = cg_group_path(group, path, cg.payload);
	if (r == 0)
		r = cg_roots_open(f, v1, &roots);
	if (r < 0)
		return r;
	cg.v2 = cg_node_find(&roots, &roots.v2, path);
	if (cg.v2 < 0 && cg.v2 != -ENOENT)
		return cg.v2;
	cg.v2_payload = open_payload(cg.v2, cg.payload);
	any = cg.v2 >= 0;
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
		if (!(v1 & (1u << c)))
			continue;
		cg.v1[c] = cg_node_find(&roots, &roots.v1[roots.first[c]], path);
		cg.v1_payload[c] = open_payload(cg.v1[c], cg.payload);
		any |= cg.v1[c] >= 0;
	}
	if (!any)
		return -ENOENT;
	(void)snprintf(cg.group, sizeof(cg.group), "%s", group);
	cg.no_kill_file = !f->cgroup_kill;
	*ret = cg;
	cgroup_init(&cg);
	return 0;
}

/* ---- reading and writing ---- */

/* ---- a further controller, while the container runs ---- */

#define MOVE_PASSES 3 /* a process that is born while its parent is being moved is found by the next */

/* Every process in @node and beneath it joins the node that @procs is the cgroup.procs of. One that is ending cannot, and need not. */
static int move_all(int node, int procs, unsigned depth)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclosedir DIR *d = NULL;
	const struct dirent *entry;
	int r = cg_read_procs(node, &text);

	if (r < 0)
		return r == -EOPNOTSUPP ? 0 : r; /* of threads, which go with their process */
	for (char *line = text.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		next = next ? next + 1 : line + strlen(line);
		r = fd_write_all(procs, line, (size_t)(next - line));
		if (r < 0 && r != -ESRCH && r != -EINVAL)
			return r;
	}
	d = depth < CG_GUEST_DEPTH ? fd_open_dir(node, ".", 0) : NULL;
	while (d && (entry = cg_dir_next(d))) {
		autoclose int child = path_open_beneath(node, entry->d_name, O_PATH | O_DIRECTORY, 0);

		r = child < 0 ? 0 : move_all(child, procs, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* On v2 the node is there, and only its parents hold back the files. */
static int extend_v2(struct cg_roots *roots, const char *path, const char *enable, struct cgroup *cg)
{
	struct layer l = {.roots = roots, .parent = &roots->v2, .enable = enable, .v2 = true, .why = cg->why};

	for (size_t i = 0;; i++) {
		autoclose int base = cg_base(roots, &roots->v2, path, i);
		autoclose int node = FD_NONE;
		char part[CG_PATH_MAX];
		const char *from;
		int r;

		if (base < 0)
			return base;
		from = cg_from(path);
		node = path_open_beneath(base, from, O_PATH | O_DIRECTORY, 0);
		if (node < 0)
			continue;
		r = enable_controllers(&l, base, "");
		for (const char *slash = strchr(from, '/'); slash && r == 0; slash = strchr(slash + 1, '/')) {
			autoclose int dir = FD_NONE;

			(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - from), from);
			dir = path_open_beneath(base, part, O_PATH | O_DIRECTORY, 0);
			r = dir < 0 ? dir : enable_controllers(&l, dir, part);
		}
		return r;
	}
}

int cgroup_extend(const struct facts *f, struct cgroup *cg, enum cg_controller c)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	autoclose int procs = FD_NONE;
	const struct cg_wish stranger = {.uid = 1}; /* no payload node */
	char path[CG_PATH_MAX], enable[128];
	int r = cg_group_path(cg->group, path, NULL);

	if (r == 0 && (unsigned)c < CG_CONTROLLER_COUNT && cg->v1[c] >= 0)
		return 0;
	if (r == 0 && cg_home(f, c) == CG_HOME_NONE)
		r = -EOPNOTSUPP;
	if (r == 0)
		r = cg_roots_open(f, 1u << c, &roots);
	if (r < 0)
		return r;
	if (cg_home(f, c) == CG_HOME_V2) {
		enable_words(f, 1u << c, enable);
		return enable[0] ? extend_v2(&roots, path, enable, cg) : -EOPNOTSUPP;
	}
	r = create_v1(&roots, c, path, &stranger, cg);
	if (r == 0)
		procs = fd_open(cg->v1[c], "cgroup.procs", O_WRONLY, 0);
	if (r == 0 && procs < 0)
		r = procs;
	for (unsigned pass = 0; r == 0 && pass < MOVE_PASSES; pass++)
		r = move_all(cg->v2, procs, 0);
	return r;
}

/* ---- limits ---- */

static int limits_dir(const struct cgroup *cg, enum cg_controller c, bool v2)
{
	int fd = v2 ? cg->v2 : (unsigned)c < CG_CONTROLLER_COUNT ? cg->v1[c] : FD_NONE;

	return fd >= 0 ? fd : -ENOENT;
}

/* v1 cpusets: a parent must contain its children at every moment. So the parent first holds old and new, then the child moves, then the
 * parent lets go of the old. Lists are united by a comma. */
static int write_cpuset_v1(const struct cgroup *cg, const char *file, const char *value)
{
	int node = cg->v1[CG_CPUSET], payload = cg->v1_payload[CG_CPUSET], r;
	char old[2048], both[4096];

	if (fd_read_file(node, file, old, sizeof(old)) < 0 || payload < 0)
		return fd_write_file(node, file, value);
	(void)snprintf(both, sizeof(both), "%s%s%s", old, old[0] ? "," : "", value);
	r = fd_write_file(node, file, both);
	if (r < 0)
		return r;
	r = fd_write_file(payload, file, value);
	if (r == 0)
		r = fd_write_file(node, file, value);
	if (r < 0)
		(void)!fd_write_file(node, file, old);
	return r;
}

/* 1..10000 as 1..1000, and the default stays 100. */
static uint64_t bfq_weight(uint64_t weight)
{
	return weight <= 100 ? weight : 100 + (weight - 100) * 900 / 9900;
}

/* Weights live in one of two files, depending on the disk scheduler; bfq's scale ends at 1000. "200", "default 200", or "8:0 200" for one disk. */
static int write_io_weight(int dir, bool v2, const char *file, const char *value)
{
	const char *number = strrchr(value, ' ');
	int r = fd_write_file(dir, file, value);
	uint64_t weight;
	char text[64];

	if (r != -ENOENT)
		return r;
	if (!v2)
		return fd_write_file(dir, strcmp(file, "blkio.weight") == 0 ? "blkio.bfq.weight" : "blkio.bfq.weight_device", value);
	number = number ? number + 1 : value;
	r = parse_u64(number, &weight);
	if (r < 0)
		return -ENOENT;
	(void)snprintf(text, sizeof(text), "%.*s%u", (int)(number - value), value, (unsigned)bfq_weight(weight));
	return fd_write_file(dir, "io.bfq.weight", text);
}

bool cgroup_is_weight(enum cg_controller c, const char *file)
{
	return c == CG_IO && strstr(file, "weight");
}

int cgroup_write(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, const char *value)
{
	int dir = limits_dir(cg, c, v2);

	if (file[0] == '\0' || file[0] == '.' || strchr(file, '/'))
		return -EINVAL;
	if (dir < 0)
		return dir;
	if (c == CG_CPUSET && !v2 && (strcmp(file, "cpuset.cpus") == 0 || strcmp(file, "cpuset.mems") == 0))
		return write_cpuset_v1(cg, file, value);
	if (c == CG_IO && (strcmp(file, v2 ? "io.weight" : "blkio.weight") == 0 || strcmp(file, "blkio.weight_device") == 0))
		return write_io_weight(dir, v2, file, value);
	return fd_write_file(dir, file, value);
}

ssize_t cgroup_read(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, char *out, size_t size)
{
	int dir = limits_dir(cg, c, v2);

	if (file[0] == '\0' || file[0] == '.' || strchr(file, '/'))
		return -EINVAL;
	return dir < 0 ? dir : fd_read_file(dir, file, out, size);
}

/* ---- joining ---- */

int cgroup_open_tasks(const struct cgroup *cg, int *fds)
{
	dev_t seen[CG_CONTROLLER_COUNT];
	int count = 0, r = 0;

	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		fds[c] = FD_NONE;
	for (size_t c = 0; c < CG_CONTROLLER_COUNT && r == 0; c++) {
		bool known = false;
		struct stat st;

		if (cg->v1_payload[c] < 0)
			continue;
		if (fstat(cg->v1_payload[c], &st) < 0) {
			r = -errno;
			break;
		}
		for (int i = 0; i < count; i++)
			known |= seen[i] == st.st_dev; /* one superblock per hierarchy */
		if (known)
			continue;
		fds[count] = fd_open(cg->v1_payload[c], "tasks", O_WRONLY, 0);
		if (fds[count] < 0)
			r = fds[count];
		else
			seen[count++] = st.st_dev;
	}
	for (size_t c = 0; c < CG_CONTROLLER_COUNT && r < 0; c++)
		fd_close(&fds[c]);
	return r < 0 ? r : count;
}

int cgroup_join_tasks(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ssize_t n;

		do
			n = write(fds[i], "0", 1);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
	}
	return 0;
}

int cgroup_move_v2(const struct cgroup *cg, pid_t pid)
{
	char text[16];

	if (cg->v2_payload < 0)
		return -ENOENT;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return fd_write_file(cg->v2_payload, "cgroup.procs", text);
}

int cgroup_open_leaf(const struct cgroup *cg)
{
	static const char name[] = "coppice.exec";
	struct layer l = {.enable = "", .v2 = true};
	autoclose int leaf = FD_NONE;
	char text[256], why[160];
	struct stat st;
	ssize_t n;
	int r;

	if (cg->v2_payload < 0)
		return -ENOENT;
	n = fd_read_file(cg->v2_payload, "cgroup.subtree_control", text, sizeof(text));
	if (n <= 0)
		return n < 0 ? (int)n : path_open_beneath(cg->v2_payload, ".", O_PATH | O_DIRECTORY, 0);
	l.why = why;
	if (fstat(cg->v2_payload, &st) < 0)
		return -errno;
	l.uid = st.st_uid;
	l.gid = st.st_gid;
	leaf = make_level(&l, cg->v2_payload, name, false, name);
	if (leaf < 0)
		return leaf;
	r = delegate(&l, leaf);
	return r < 0 ? r : take_fd(leaf);
}

/* ---- looking ---- */

uint64_t cg_flat_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		char number[24];
		uint64_t value;

		if (n > len + 1 && n - len - 1 < sizeof(number) && strncmp(line, key, len) == 0 && line[len] == ' ') {
			memcpy(number, line + len + 1, n - len - 1);
			number[n - len - 1] = '\0';
			return parse_u64(number, &value) == 0 ? value : UINT64_MAX;
		}
		line += n + (line[n] == '\n');
	}
	return UINT64_MAX;
}

int cgroup_populated(const struct cgroup *cg)
{
	char text[128];
	ssize_t n;

	if (cg->v2 < 0)
		return -ENOENT;
	n = fd_read_file(cg->v2, "cgroup.events", text, sizeof(text));
	if (n < 0)
		return (int)n;
	return cg_flat_value(text, "populated") == 1;
}
