/* cgroup.c - nodes: made, opened, joined, removed. What is written to them comes from the planner. */
#include "linux/cgroup.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "linux/bpf-devices.h"
#include "linux/mnt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define PAYLOAD "payload"
#define REMOVED_MS 10 /* how late the removal of a node is noticed */

static const char *const v2_names[CG_CONTROLLER_COUNT] = {
	[CG_MEMORY] = "memory", [CG_CPU] = "cpu", [CG_CPUSET] = "cpuset", [CG_PIDS] = "pids", [CG_IO] = "io"};

void cgroup_init(struct cgroup *cg)
{
	cg->group[0] = '\0';
	cg->v2 = cg->v2_payload = FD_NONE;
	for (size_t i = 0; i < CG_CONTROLLER_COUNT; i++)
		cg->v1[i] = cg->v1_payload[i] = FD_NONE;
}

void cgroup_done(struct cgroup *cg)
{
	fd_close(&cg->v2);
	fd_close(&cg->v2_payload);
	for (size_t i = 0; i < CG_CONTROLLER_COUNT; i++) {
		fd_close(&cg->v1[i]);
		fd_close(&cg->v1_payload[i]);
	}
}

/* ---- roots ---- */

/* Where a hierarchy is mounted is checked by magic: below a plain tmpfs a mkdir would leave junk behind. */
static int open_checked(const char *path, long magic)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	struct statfs sfs;

	if (fd < 0)
		return fd;
	if (fstatfs(fd, &sfs) < 0)
		return -errno;
	return sfs.f_type == magic ? take_fd(fd) : -ENODEV;
}

/* The v2 hierarchy exists in every kernel: where the host does not mount it, a detached mount of our own serves. */
static int open_v2_root(const struct facts *f)
{
	if (f->v2_mount[0])
		return open_checked(f->v2_mount, CGROUP2_SUPER_MAGIC);
	return mnt_new("cgroup2", NULL, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
}

static int open_v1_root(const struct facts *f, int c)
{
	return f->v1_mount[c][0] ? open_checked(f->v1_mount[c], CGROUP_SUPER_MAGIC) : -ENOENT;
}

/* Which v1 hierarchies a container needs: only for what v2 does not do here. */
static bool uses_v1(const struct facts *f, uint32_t need, int c)
{
	if (!f->v1_mount[c][0])
		return false;
	if (c == CG_DEVICES)
		return !f->bpf_devices;
	if (c == CG_FREEZER || c == CG_SYSTEMD || c == CG_CPUACCT)
		return false; /* freezing and accounting of cpu time are v2's, controller or not */
	return (need >> c) & 1 && !(f->v2_controllers & (1u << c));
}

/* The hierarchy of @c was opened already through a controller mounted with it. */
static bool is_shared(const struct facts *f, int c)
{
	for (int i = 0; i < c; i++)
		if (f->v1_mount[i][0] && strcmp(f->v1_mount[i], f->v1_mount[c]) == 0)
			return true;
	return false;
}

/* ---- making ---- */

static int enable(int dir, const struct facts *f, uint32_t need)
{
	for (unsigned c = 0; c < CG_CONTROLLER_COUNT; c++) {
		char text[16];
		int r;

		if (!v2_names[c] || !((need & f->v2_controllers) >> c & 1))
			continue;
		(void)snprintf(text, sizeof(text), "+%s", v2_names[c]);
		r = fd_write_file(dir, "cgroup.subtree_control", text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A new cpuset node is empty and takes no task until it has its parent's cpus and nodes (v1). */
static int inherit_cpuset(int parent, int dir)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char text[1024];
		ssize_t n = fd_read_file(dir, files[i], text, sizeof(text));
		int r;

		if (n > 0)
			continue;
		n = fd_read_file(parent, files[i], text, sizeof(text));
		if (n <= 0)
			continue;
		r = fd_write_file(dir, files[i], text);
		if (r < 0)
			return r;
	}
	return 0;
}

/* mkdir -p one name at a time below @root; @step is called for each level with its parent. Gives the last directory. */
static int descend(int root, const char *group, bool make, int (*each)(int parent, int dir, void *data), void *data)
{
	autoclose int at = fd_open(root, ".", O_RDONLY | O_DIRECTORY, 0);
	char name[128];

	while (at >= 0 && *group) {
		size_t len = strcspn(group, "/");
		int next, r;

		if (len == 0) {
			group++;
			continue;
		}
		if (len >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, group, len);
		name[len] = '\0';
		group += len;
		if (make && mkdirat(at, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		next = path_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0)
			return next;
		r = each ? each(at, next, data) : 0;
		fd_close(&at);
		at = next;
		if (r < 0)
			return r;
	}
	return take_fd(at);
}

struct making {
	const struct facts *f;
	uint32_t need;
	bool cpuset;
};

static int on_v2_level(int parent, int dir, void *data)
{
	const struct making *m = data;

	(void)dir;
	return enable(parent, m->f, m->need);
}

static int on_v1_level(int parent, int dir, void *data)
{
	const struct making *m = data;

	return m->cpuset ? inherit_cpuset(parent, dir) : 0;
}

static int is_populated(int dir)
{
	char text[256];
	ssize_t n = fd_read_file(dir, "cgroup.events", text, sizeof(text));

	return n < 0 ? (int)n : strstr(text, "populated 1") != NULL;
}

/* The container may organise itself below the payload node, and nowhere else. */
static int delegate(int payload, uid_t uid, gid_t gid)
{
	static const char *const files[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "memory.oom.group", "memory.reclaim"};

	if (uid == 0 && gid == 0)
		return 0;
	if (fchown(payload, uid, gid) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (fchownat(payload, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

static int create_v2(const struct facts *f, const char *group, uint32_t need, uid_t uid, gid_t gid, struct cgroup *cg)
{
	autoclose int root = open_v2_root(f);
	struct making m = {.f = f, .need = need};
	int r;

	if (root < 0)
		return root;
	cg->v2 = descend(root, group, true, on_v2_level, &m);
	if (cg->v2 < 0)
		return cg->v2;
	r = is_populated(cg->v2);
	if (r != 0)
		return r < 0 ? r : -EBUSY;
	cg->v2_payload = descend(cg->v2, PAYLOAD, true, on_v2_level, &m);
	return cg->v2_payload < 0 ? cg->v2_payload : delegate(cg->v2_payload, uid, gid);
}

static int create_v1(const struct facts *f, const char *group, int c, struct cgroup *cg)
{
	autoclose int root = open_v1_root(f, c);
	/* hierarchies shared with cpuset need its initialisation too */
	struct making m = {.f = f, .cpuset = f->v1_mount[CG_CPUSET][0] && strcmp(f->v1_mount[c], f->v1_mount[CG_CPUSET]) == 0};

	if (root < 0)
		return root;
	cg->v1[c] = descend(root, group, true, on_v1_level, &m);
	if (cg->v1[c] < 0)
		return cg->v1[c];
	if (c == CG_DEVICES)
		return 0; /* takes "everything" only while it has no child: see cgroup_open_tasks */
	cg->v1_payload[c] = descend(cg->v1[c], PAYLOAD, true, on_v1_level, &m);
	return cg->v1_payload[c] < 0 ? cg->v1_payload[c] : 0;
}

/* "a/../b": nothing may be made on the way to an escape that is refused later. */
static bool has_dots(const char *group)
{
	while (*group) {
		size_t len = strcspn(group, "/");

		if ((len == 1 && group[0] == '.') || (len == 2 && memcmp(group, "..", 2) == 0))
			return true;
		group += len;
		group += *group == '/';
	}
	return false;
}

static int create_once(const struct facts *f, const char *group, uint32_t need, uid_t owner_uid, gid_t owner_gid, struct cgroup *ret)
{
	struct cgroup cg;
	int r;

	cgroup_init(&cg);
	if (has_dots(group))
		return -EINVAL;
	if ((size_t)snprintf(cg.group, sizeof(cg.group), "%s", group) >= sizeof(cg.group))
		return -ENAMETOOLONG;
	r = create_v2(f, group, need, owner_uid, owner_gid, &cg);
	for (int c = 0; c < CG_CONTROLLER_COUNT && r == 0; c++)
		if (uses_v1(f, need, c))
			r = create_v1(f, group, c, &cg);
	if (r < 0) {
		cgroup_done(&cg);
		if (r != -EBUSY)
			(void)!cgroup_remove(f, group);
		return r;
	}
	*ret = cg;
	return 0;
}

int cgroup_create(const struct facts *f, const char *group, uint32_t need, uid_t owner_uid, gid_t owner_gid, struct cgroup *ret)
{
	int r = -ENOENT;

	/* whoever removes the last container beside ours takes the shared parent away, maybe between our mkdir there and our open */
	for (int tries = 0; tries < 20 && (r == -ENOENT || r == -ENODEV); tries++)
		r = create_once(f, group, need, owner_uid, owner_gid, ret);
	return r;
}

int cgroup_open(const struct facts *f, const char *group, struct cgroup *ret)
{
	autoclose int root = open_v2_root(f);
	struct cgroup cg;
	bool found = false;

	cgroup_init(&cg);
	(void)snprintf(cg.group, sizeof(cg.group), "%s", group);
	if (root >= 0) {
		cg.v2 = descend(root, group, false, NULL, NULL);
		if (cg.v2 >= 0)
			cg.v2_payload = fd_open(cg.v2, PAYLOAD, O_RDONLY | O_DIRECTORY, 0);
		found = cg.v2 >= 0;
	}
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++) {
		autoclose int v1 = open_v1_root(f, c);

		if (v1 < 0 || is_shared(f, c))
			continue;
		cg.v1[c] = descend(v1, group, false, NULL, NULL);
		if (cg.v1[c] >= 0) {
			cg.v1_payload[c] = fd_open(cg.v1[c], PAYLOAD, O_RDONLY | O_DIRECTORY, 0);
			found = true;
		}
	}
	if (!found) {
		cgroup_done(&cg);
		return -ENOENT;
	}
	*ret = cg;
	return 0;
}

/* ---- files ---- */

static int node_of(const struct cgroup *cg, enum cg_controller c, bool v2)
{
	return v2 ? cg->v2 : cg->v1[c];
}

int cgroup_write(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, const char *value)
{
	int dir = node_of(cg, c, v2), r;

	if (dir < 0)
		return -ENOENT;
	r = fd_write_file(dir, file, value);
	/* a v1 cpuset child may not have more than its parent, and payload was made before the limit: narrow it first */
	if (r == -EBUSY && !v2 && c == CG_CPUSET && fd_write_file(cg->v1_payload[c], file, value) == 0)
		r = fd_write_file(dir, file, value);
	return r;
}

ssize_t cgroup_read(const struct cgroup *cg, enum cg_controller c, bool v2, const char *file, char *out, size_t size)
{
	int dir = node_of(cg, c, v2);

	return dir < 0 ? -ENOENT : fd_read_file(dir, file, out, size);
}

/* ---- joining ---- */

int cgroup_open_tasks(struct cgroup *cg, int *fds)
{
	int count = 0;

	if (cg->v1[CG_DEVICES] >= 0 && cg->v1_payload[CG_DEVICES] < 0) {
		cg->v1_payload[CG_DEVICES] = descend(cg->v1[CG_DEVICES], PAYLOAD, true, NULL, NULL);
		if (cg->v1_payload[CG_DEVICES] < 0)
			return cg->v1_payload[CG_DEVICES];
	}
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++) {
		int fd;

		if (cg->v1_payload[c] < 0)
			continue;
		fd = fd_open(cg->v1_payload[c], "tasks", O_WRONLY, 0);
		if (fd < 0) {
			while (count > 0)
				fd_close(&fds[--count]);
			return fd;
		}
		fds[count++] = fd;
	}
	return count;
}

int cgroup_join_tasks(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (write(fds[i], "0", 1) != 1)
			return errno ? -errno : -EIO;
	return 0;
}

int cgroup_move_v2(const struct cgroup *cg, pid_t pid)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return fd_write_file(cg->v2_payload, "cgroup.procs", text);
}

/* ---- events ---- */

/* Waits until cgroup.events says @want; the kernel wakes us with POLLPRI at each change. */
static int wait_event(int dir, const char *want, uint64_t deadline)
{
	autoclose int fd = fd_open(dir, "cgroup.events", O_RDONLY, 0);

	if (fd == -ENOENT || fd == -ENODEV)
		return 0; /* removed meanwhile, by somebody who cleans up as we do: nothing lives in it */
	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		char text[256];
		int left;
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return errno == ENODEV ? 0 : -errno; /* removed meanwhile */
		text[n] = '\0';
		if (strstr(text, want))
			return 0;
		/* a node removed while we sleep wakes nobody: look again now and then */
		left = clock_left_ms(deadline);
		n = poll(&p, 1, left < 0 || left > REMOVED_MS ? REMOVED_MS : left);
		if (n == 0 && left >= 0 && left <= REMOVED_MS)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

int cgroup_populated(const struct cgroup *cg)
{
	return cg->v2 < 0 ? -ENOENT : is_populated(cg->v2);
}

int cgroup_is_frozen(const struct cgroup *cg)
{
	char text[256];
	ssize_t n = cg->v2 < 0 ? -ENOENT : fd_read_file(cg->v2, "cgroup.events", text, sizeof(text));

	return n < 0 ? (int)n : strstr(text, "frozen 1") != NULL;
}

int cgroup_freeze(const struct cgroup *cg, bool frozen, uint64_t deadline)
{
	int r;

	if (cg->v2 < 0)
		return -ENOENT;
	r = fd_write_file(cg->v2, "cgroup.freeze", frozen ? "1" : "0");
	if (r == 0)
		r = wait_event(cg->v2, frozen ? "frozen 1" : "frozen 0", deadline);
	if (r < 0 && frozen) /* half frozen is worse than running */
		(void)!fd_write_file(cg->v2, "cgroup.freeze", "0");
	return r;
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* SIGKILL to everything listed in cgroup.procs of @dir and below; for kernels without cgroup.kill. */
static int kill_listed(int dir, unsigned depth) /* NOLINT(misc-no-recursion) */
{
	autodone(close_dir) DIR *d = NULL;
	struct buf text = BUF_INIT;
	autoclose int procs = fd_open(dir, "cgroup.procs", O_RDONLY, 0);
	int copy, r = procs < 0 ? procs : fd_read_all(procs, &text, (size_t)1 << 20);
	const struct dirent *ent;
	char *save = NULL;

	for (char *line = r == 0 && text.len ? strtok_r(text.data, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		struct proc_id id = {0};
		uint32_t pid;
		autoclose int fd = FD_NONE;

		/* 0 stands for a process of a pid namespace that we do not see; to proc_identify() it would be ourselves */
		if (parse_u32(line, &pid) < 0 || pid == 0 || pid > INT32_MAX || proc_identify((pid_t)pid, &id) < 0)
			continue;
		fd = proc_open(&id);
		if (fd >= 0)
			(void)!proc_kill(fd, SIGKILL);
	}
	buf_done(&text);
	copy = fd_open(dir, ".", O_RDONLY | O_DIRECTORY, 0);
	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		fd_close(&copy);
	while (d && depth && (ent = readdir(d))) {
		autoclose int child = FD_NONE;

		if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
			continue;
		child = path_open_beneath(dir, ent->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (child >= 0)
			(void)!kill_listed(child, depth - 1);
	}
	return r;
}

int cgroup_kill(const struct cgroup *cg, uint64_t deadline)
{
	int r;

	if (cg->v2 < 0)
		return -ENOENT;
	/* a frozen process takes no signal on v1's freezer; on v2 it does, but thawing first is right for both */
	(void)!fd_write_file(cg->v2, "cgroup.freeze", "0");
	r = fd_write_file(cg->v2, "cgroup.kill", "1");
	if (r == 0)
		return wait_event(cg->v2, "populated 0", deadline);
	if (r == -ENODEV)
		return 0; /* removed meanwhile */
	if (r != -ENOENT)
		return r;
	for (;;) { /* before 5.14: list and kill until nothing is left; forks race with us only for a while */
		uint64_t soon = clock_deadline(20);

		(void)!kill_listed(cg->v2, 64);
		r = wait_event(cg->v2, "populated 0", soon < deadline ? soon : deadline);
		if (r != -ETIMEDOUT || clock_left_ms(deadline) == 0)
			return r;
	}
}

/* ---- finding ---- */

/* "NSpid:\t4711\t1": one namespace below the reader's, and pid 1 there. Processes that entered later, and inits of nested containers, look different. */
static bool is_init(uint32_t pid)
{
	char path[32], status[4096], *at, *inner;
	uint32_t outer_pid, inner_pid;

	(void)snprintf(path, sizeof(path), "/proc/%u/status", pid);
	if (fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return false;
	at = strstr(status, "\nNSpid:\t");
	if (!at || strstr(status, "\nState:\tZ"))
		return false;
	at += strlen("\nNSpid:\t");
	at[strcspn(at, "\n")] = '\0';
	inner = strchr(at, '\t');
	if (!inner)
		return false;
	*inner++ = '\0';
	return parse_u32(at, &outer_pid) == 0 && outer_pid == pid && parse_u32(inner, &inner_pid) == 0 && inner_pid == 1;
}

static int find_init(int dir, unsigned depth, pid_t *ret_pid) /* NOLINT(misc-no-recursion) */
{
	autodone(close_dir) DIR *d = NULL;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int procs = fd_open(dir, "cgroup.procs", O_RDONLY, 0);
	int copy, r = procs < 0 ? procs : fd_read_all(procs, &text, (size_t)1 << 20);
	const struct dirent *ent;
	char *save = NULL;
	uint32_t pid;

	/* a threaded node lists no processes (EOPNOTSUPP), those below may */
	for (char *line = r >= 0 && text.len ? strtok_r(text.data, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		if (parse_u32(line, &pid) == 0 && pid > 1 && is_init(pid)) {
			*ret_pid = (pid_t)pid;
			return 0;
		}
	}
	copy = fd_open(dir, ".", O_RDONLY | O_DIRECTORY, 0);
	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		fd_close(&copy);
	while (d && depth && (ent = readdir(d))) {
		autoclose int child = FD_NONE;

		if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
			continue;
		child = path_open_beneath(dir, ent->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (child >= 0 && find_init(child, depth - 1, ret_pid) == 0)
			return 0;
	}
	return -ESRCH;
}

int cgroup_find_init(const struct facts *f, const char *group, pid_t *ret_pid)
{
	autoclose int root = open_v2_root(f);
	autoclose int node = FD_NONE;

	if (root < 0)
		return root;
	node = descend(root, group, false, NULL, NULL);
	return node < 0 ? node : find_init(node, 64, ret_pid);
}

/* ---- removing ---- */

static int remove_below(int dir, unsigned depth) /* NOLINT(misc-no-recursion) */
{
	autodone(close_dir) DIR *d = NULL;
	int copy = fd_open(dir, ".", O_RDONLY | O_DIRECTORY, 0), r = 0;
	const struct dirent *ent;

	if (copy < 0)
		return copy;
	d = fdopendir(copy);
	if (!d) {
		fd_close(&copy);
		return -ENOMEM;
	}
	while (r == 0 && depth && (ent = readdir(d))) {
		autoclose int child = FD_NONE;

		if (ent->d_type != DT_DIR || strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		child = path_open_beneath(dir, ent->d_name, O_RDONLY | O_DIRECTORY, 0); /* refuses mount points */
		if (child < 0)
			return child;
		r = remove_below(child, depth - 1);
		if (r == 0 && unlinkat(dir, ent->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
	}
	return r;
}

/* rmdir of @group below @root; its shared parent goes too when it was the last. */
static int remove_group(int root, const char *group)
{
	char parent[160];
	const char *slash = strrchr(group, '/');
	autoclose int up = FD_NONE;
	autoclose int node = FD_NONE;
	int r;

	if (!slash || (size_t)(slash - group) >= sizeof(parent))
		return -EINVAL;
	memcpy(parent, group, (size_t)(slash - group));
	parent[slash - group] = '\0';
	up = path_open_beneath(root, parent, O_RDONLY | O_DIRECTORY, 0);
	if (up == -ENOENT)
		return 0;
	if (up < 0)
		return up;
	node = path_open_beneath(up, slash + 1, O_RDONLY | O_DIRECTORY, 0);
	if (node == -ENOENT)
		return 0;
	if (node < 0)
		return node;
	/* processes that are dying still count for a moment, on v1 without any event: retry within bounds */
	for (int tries = 0;; tries++) {
		r = remove_below(node, 64);
		if (r == 0 && unlinkat(up, slash + 1, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
		if (r != -EBUSY || tries >= 100)
			break;
		(void)poll(NULL, 0, tries < 10 ? 1 : 10);
	}
	if (r == 0)
		(void)unlinkat(root, parent, AT_REMOVEDIR);
	return r;
}

int cgroup_remove(const struct facts *f, const char *group)
{
	autoclose int v2 = FD_NONE;
	int first = 0, r;

	for (int c = 0; c < CG_CONTROLLER_COUNT; c++) {
		autoclose int v1 = open_v1_root(f, c);

		if (v1 < 0 || is_shared(f, c))
			continue;
		r = remove_group(v1, group);
		if (r < 0 && first == 0)
			first = r;
	}
	/* the v2 node was made first and goes last: while it is there, there may be others */
	v2 = open_v2_root(f);
	r = v2 >= 0 ? remove_group(v2, group) : 0;
	return first < 0 ? first : r;
}

/* ---- many at once ---- */

void cgroup_parents_done(struct cgroup_parents *p)
{
	fd_close(&p->v2);
	fd_close(&p->memory);
	fd_close(&p->pids);
}

void cgroup_parents_open(const struct facts *f, const char *parent, struct cgroup_parents *ret)
{
	autoclose int v2 = open_v2_root(f);
	autoclose int memory = open_v1_root(f, CG_MEMORY);
	autoclose int pids = open_v1_root(f, CG_PIDS);

	ret->v2 = v2 < 0 ? FD_NONE : descend(v2, parent, false, NULL, NULL);
	ret->memory = memory < 0 ? FD_NONE : descend(memory, parent, false, NULL, NULL);
	ret->pids = pids < 0 ? FD_NONE : descend(pids, parent, false, NULL, NULL);
}

bool cgroup_parents_has(const struct cgroup_parents *p, const char *name)
{
	return p->v2 >= 0 && faccessat(p->v2, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_child(int parent, const char *name)
{
	return parent < 0 ? FD_NONE : path_open_beneath(parent, name, O_PATH | O_DIRECTORY, 0);
}

int cgroup_open_for_usage(const struct cgroup_parents *p, const char *name, struct cgroup *ret)
{
	cgroup_init(ret);
	ret->v2 = open_child(p->v2, name);
	if (ret->v2 < 0)
		return -ENOENT;
	ret->v1[CG_MEMORY] = open_child(p->memory, name);
	ret->v1_payload[CG_MEMORY] = open_child(ret->v1[CG_MEMORY], PAYLOAD);
	ret->v1[CG_PIDS] = open_child(p->pids, name);
	return 0;
}

/* ---- devices ---- */

static int write_v1_devices(int dir, const struct cg_device *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct cg_device *d = &rules[i];
		char major[24] = "*", minor[24] = "*", text[80];
		int r;

		if (d->major >= 0)
			(void)snprintf(major, sizeof(major), "%lld", (long long)d->major);
		if (d->minor >= 0)
			(void)snprintf(minor, sizeof(minor), "%lld", (long long)d->minor);
		if (d->type == 'a')
			(void)snprintf(text, sizeof(text), "a");
		else
			(void)snprintf(text, sizeof(text), "%c %s:%s %s%s%s", d->type, major, minor, d->access & 1 ? "r" : "", d->access & 2 ? "w" : "",
				       d->access & 4 ? "m" : "");
		r = fd_write_file(dir, d->allow ? "devices.allow" : "devices.deny", text);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_set_devices(const struct facts *f, const struct cgroup *cg, const struct cg_device *rules, size_t count)
{
	if (f->bpf_devices && cg->v2 >= 0)
		return bpf_devices_attach(cg->v2, rules, count);
	if (cg->v1[CG_DEVICES] < 0)
		return -EOPNOTSUPP;
	return write_v1_devices(cg->v1[CG_DEVICES], rules, count);
}

/* ---- usage ---- */

static uint64_t number_at(int dir, const char *file)
{
	char text[64];
	uint64_t v;

	if (dir < 0 || fd_read_file(dir, file, text, sizeof(text)) <= 0 || parse_u64(text, &v) < 0)
		return UINT64_MAX;
	return v;
}

/* "key value" lines. */
static uint64_t field_at(int dir, const char *file, const char *key)
{
	char text[2048], *at;
	size_t len = strlen(key);
	uint64_t v;

	if (dir < 0 || fd_read_file(dir, file, text, sizeof(text)) <= 0)
		return UINT64_MAX;
	for (at = text; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, len) != 0 || at[len] != ' ')
			continue;
		at += len + 1;
		at[strcspn(at, "\n")] = '\0';
		return parse_u64(at, &v) == 0 ? v : UINT64_MAX;
	}
	return UINT64_MAX;
}

void cgroup_usage(const struct cgroup *cg, struct cg_usage *ret)
{
	int memory = cg->v1[CG_MEMORY], pids = cg->v1[CG_PIDS] >= 0 ? cg->v1[CG_PIDS] : cg->v2;

	memset(ret, 0xff, sizeof(*ret));
	ret->cpu_usec = field_at(cg->v2, "cpu.stat", "usage_usec");
	ret->pids_current = number_at(pids, "pids.current");
	ret->pids_max = number_at(pids, "pids.max");
	if (memory >= 0) {
		ret->memory_current = number_at(memory, "memory.usage_in_bytes");
		ret->memory_peak = number_at(memory, "memory.max_usage_in_bytes");
		ret->memory_max = number_at(memory, "memory.limit_in_bytes");
		if (ret->memory_max != UINT64_MAX && ret->memory_max > (uint64_t)1 << 60)
			ret->memory_max = UINT64_MAX; /* v1's "no limit" */
		/* on v1 not counted upwards: the victims are in the payload node */
		ret->oom_kills = field_at(cg->v1_payload[CG_MEMORY], "memory.oom_control", "oom_kill");
	} else {
		ret->memory_current = number_at(cg->v2, "memory.current");
		ret->memory_peak = number_at(cg->v2, "memory.peak");
		ret->memory_max = number_at(cg->v2, "memory.max");
		ret->swap_current = number_at(cg->v2, "memory.swap.current");
		ret->oom_kills = field_at(cg->v2, "memory.events", "oom_kill");
	}
}
