/* cgroup-roots.c - where groups live: the hierarchies' roots, the parents beneath them, names on the way.
 *
 * A hierarchy is used only after statfs said that the directory really is one: behind a stale or covered mount point lies an
 * ordinary directory in which mkdir would work and mean nothing. */
#include "linux/cgroup-internal.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum cg_home cg_home(const struct facts *f, enum cg_controller c)
{
	bool v2;

	if (f->cgroup == CG_NONE || (unsigned)c >= CG_CONTROLLER_COUNT)
		return CG_HOME_NONE;
	switch (c) {
	case CG_CPUACCT: /* cpu.stat is in every v2 node */
		v2 = true;
		break;
	case CG_FREEZER: /* not a controller in v2, but a file of every node since 5.2 */
		v2 = true;
		break;
	case CG_DEVICES:
		v2 = f->bpf_devices;
		break;
	default:
		v2 = f->v2_controllers & (1u << c);
	}
	if (v2)
		return CG_HOME_V2;
	return c != CG_SYSTEMD && f->v1_mount[c][0] ? CG_HOME_V1 : CG_HOME_NONE;
}

static int open_hierarchy(const char *mount_point, long magic)
{
	autoclose int fd = fd_open(AT_FDCWD, mount_point, O_PATH | O_DIRECTORY, 0);
	struct statfs fs;

	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	return (long)fs.f_type == magic ? take_fd(fd) : -ENOENT;
}

/* An unreadable file is an empty one: what is in it are hints. */
static void read_hints(const char *file, struct buf *b)
{
	autoclose int fd = fd_open(AT_FDCWD, file, O_RDONLY, 0);

	if (fd < 0 || fd_read_all(fd, b, 64u << 20) < 0)
		buf_clear(b);
}

/* Options of cgroup2 belong to the hierarchy, not to a mount: a new mount without them switches them off for everybody. So ours
 * repeats those of pid 1's mount (hidden from us, or we would use it), or sets what systemd does where nobody has mounted it. */
static void repeat_options(int fs)
{
	static const char *const known[] = {"nsdelegate",   "memory_recursiveprot",	 "memory_localevents",
						"favordynmods", "memory_hugetlb_accounting", "pids_localevents"};
	autodone(buf_done) struct buf mounts = BUF_INIT;
	const char *line, *list = "nsdelegate,memory_recursiveprot";

	read_hints("/proc/1/mountinfo", &mounts);
	line = strstr(buf_str(&mounts), " - cgroup2 ");
	if (line) {
		line += strlen(" - cgroup2 ");
		line += strcspn(line, " \n");
		list = line + (*line == ' ');
	}
	for (size_t len; *list && *list != '\n'; list += len + (list[len] == ',')) {
		len = strcspn(list, ",\n");
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (strlen(known[i]) == len && memcmp(known[i], list, len) == 0)
				(void)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, known[i], NULL, 0);
	}
}

/* A mount of our own, attached nowhere; it lives as long as a descriptor beneath it. */
static int mount_v2(void)
{
	autoclose int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return -errno;
	repeat_options(fs);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

int cg_v2_root(const char *mount_point)
{
	int fd = mount_point[0] ? open_hierarchy(mount_point, CGROUP2_SUPER_MAGIC) : -ENOENT;

	return fd >= 0 ? fd : mount_v2();
}

/* ---- names ---- */

static bool collides(const char *name, size_t len)
{
	static const char *const words[] = {"tasks", "notify_on_release", "release_agent"};
	static const char *const prefixes[] = {"cgroup.",  "cpu.",	"cpuacct.",    "cpuset.",  "memory.", "io.",   "blkio.",
					       "pids.",	   "devices.",	"freezer.",    "hugetlb.", "rdma.",   "misc.", "dmem.",
					       "net_cls.", "net_prio.", "perf_event.", "debug.",   "irq."};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], name, len) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* What systemd and others call their nodes: any printable text but "." and "..". */
static bool is_node_name(const char *name, size_t len)
{
	if (len == 0 || len > 255 || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 127)
			return false;
	return true;
}

int cg_group_path(const char *group, char out[CG_PATH_MAX], char payload[CG_PAYLOAD_MAX])
{
	const char *inner = strstr(group, "//"), *end = inner ?: group + strlen(group), *p = cg_from(group);
	const char *word = inner ? inner + 2 : CG_PAYLOAD;
	size_t n = 0;

	if (!is_node_name(word, strlen(word)) || strchr(word, '/') || strlen(word) >= CG_PAYLOAD_MAX - 1)
		return -EINVAL;
	if (p != group)
		out[n++] = '/';
	for (size_t first = n;; p++) {
		size_t len = strcspn(p, "/");

		if (!is_node_name(p, len))
			return -EINVAL;
		if (n + len + 3 + CG_PAYLOAD_MAX > CG_PATH_MAX)
			return -ENAMETOOLONG;
		if (n > first)
			out[n++] = '/';
		if (collides(p, len))
			out[n++] = '_';
		memcpy(out + n, p, len);
		n += len;
		out[n] = '\0';
		p += len;
		if (p == end)
			break;
	}
	if (payload)
		(void)snprintf(payload, CG_PAYLOAD_MAX, "%s%s", collides(word, strlen(word)) ? "_" : "", word);
	return 0;
}

/* ---- whose nodes ---- */

static const char *const marks[] = {"trusted.coppice", "user.coppice"};

bool cg_is_ours(const char *path)
{
	return strncmp(path, "coppice", 7) == 0 && (path[7] == '/' || path[7] == '-' || path[7] == '\0');
}

static void node_path(int node, char out[40])
{
	(void)snprintf(out, 40, "/proc/self/fd/%d", node); /* extended attributes are not for O_PATH descriptors */
}

int cg_mark(int node)
{
	char path[40];
	int r = 0;

	node_path(node, path);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		r = setxattr(path, marks[i], "1", 1, 0) == 0 ? 0 : -errno;
		if (r == 0)
			break;
	}
	return r;
}

bool cg_is_marked(int node)
{
	char path[40], value[2];

	node_path(node, path);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (getxattr(path, marks[i], value, sizeof(value)) == 1)
			return true;
	return false;
}

/* ---- /proc/PID/cgroup ---- */

/* The path of @controllers' line ("ID:controllers:path"; "" = v2) in @text: relative, cut to @size; "" when there is none or it is
 * outside of our cgroup namespace. */
static void find_path(const char *text, const char *controller, char *out, size_t size)
{
	size_t word = strlen(controller);

	out[0] = '\0';
	for (const char *line = text; *line;) {
		size_t line_len = strcspn(line, "\n");
		const char *list = memchr(line, ':', line_len),
			   *path = list ? memchr(list + 1, ':', line_len - (size_t)(list + 1 - line)) : NULL;
		bool hit = false;

		for (const char *p = list; path && p < path && !hit; p += 1 + strcspn(p + 1, ",:"))
			hit = strncmp(p + 1, controller, word) == 0 && (p[1 + word] == ',' || p[1 + word] == ':') &&
			      (word > 0 || p + 1 == path);
		if (hit) {
			size_t len = line_len - (size_t)(path + 1 - line);

			while (len > 0 && path[1] == '/') {
				path++;
				len--;
			}
			if (len < size && strncmp(path + 1, "..", 2) != 0) {
				memcpy(out, path + 1, len);
				out[len] = '\0';
			}
			return;
		}
		line += line_len + (line[line_len] == '\n');
	}
}

static void strip_suffix(char *path, const char *suffix)
{
	size_t len = strlen(path), n = strlen(suffix);

	if (len >= n && strcmp(path + len - n, suffix) == 0)
		path[len - n] = '\0';
	else if (strcmp(path, suffix + 1) == 0)
		path[0] = '\0';
}

const char *cg_v1_word(enum cg_controller c)
{
	static const char *const words[CG_CONTROLLER_COUNT] = {
		[CG_MEMORY] = "memory",   [CG_CPU] = "cpu",	 [CG_CPUACCT] = "cpuacct", [CG_CPUSET] = "cpuset",	  [CG_PIDS] = "pids",
		[CG_DEVICES] = "devices", [CG_IO] = "blkio", [CG_FREEZER] = "freezer", [CG_SYSTEMD] = "name=systemd",
		[CG_HUGETLB] = "hugetlb", [CG_RDMA] = "rdma", [CG_MISC] = "misc", [CG_NET_CLS] = "net_cls", [CG_NET_PRIO] = "net_prio",
		[CG_PERF_EVENT] = "perf_event",
	};

	return words[c];
}

static void strip_last(char *path)
{
	*(strrchr(path, '/') ?: path) = '\0';
}

/* Beside pid 1: in systemd's /init.scope, or in whatever leaf somebody put it into. On v2 its own node would not do: a node with processes hands down no
 * controllers. Where the path does not exist beneath the mount, the mount's root is as high as we can see. */
static int open_parent(struct cg_parent *p, const char *controller, const char *init)
{
	char path[256];

	find_path(init, controller, path, sizeof(path));
	if (controller[0] == '\0')
		strip_last(path);
	else
		strip_suffix(path, "/init.scope");
	p->dir = path_open_beneath(p->mount, path, O_PATH | O_DIRECTORY, 0);
	if (p->dir < 0)
		p->dir = path_open_beneath(p->mount, ".", O_PATH | O_DIRECTORY, 0);
	return p->dir < 0 ? p->dir : 0;
}

void cgroup_own(char ret[CG_GROUP_MAX])
{
	autodone(buf_done) struct buf self = BUF_INIT;

	read_hints("/proc/self/cgroup", &self);
	ret[0] = '/';
	find_path(buf_str(&self), "", ret + 1, CG_GROUP_MAX - 1);
}

/* Only who may not use the common parent, or finds nothing there, needs to know. */
static void read_own(struct cg_roots *r)
{
	autodone(buf_done) struct buf self = BUF_INIT;

	if (r->own_known)
		return;
	r->own_known = true;
	read_hints("/proc/self/cgroup", &self);
	find_path(buf_str(&self), "", r->v2.own, sizeof(r->v2.own));
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (r->v1[c].dir >= 0)
			find_path(buf_str(&self), cg_v1_word((enum cg_controller)c), r->v1[c].own, sizeof(r->v1[c].own));
}

static void parent_done(struct cg_parent *p)
{
	fd_close(&p->dir);
	fd_close(&p->mount);
}

void cg_roots_done(struct cg_roots *r)
{
	parent_done(&r->v2);
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		parent_done(&r->v1[c]);
}

static int open_v1(struct cg_roots *r, enum cg_controller c, const char *init)
{
	enum cg_controller first = r->first[c];

	if (r->v1[first].dir >= 0)
		return 0;
	r->v1[first].mount = open_hierarchy(r->facts->v1_mount[c], CGROUP_SUPER_MAGIC);
	if (r->v1[first].mount < 0)
		return r->v1[first].mount == -ENOENT ? 0 : r->v1[first].mount;
	return open_parent(&r->v1[first], cg_v1_word(c), init);
}

int cg_roots_open(const struct facts *f, uint32_t controllers, struct cg_roots *ret)
{
	autodone(cg_roots_done) struct cg_roots r = CG_ROOTS_NONE;
	autodone(buf_done) struct buf init = BUF_INIT;
	int e;

	r.facts = f;
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
		r.first[c] = (enum cg_controller)c;
		for (size_t before = 0; before < c && f->v1_mount[c][0]; before++)
			if (r.first[c] == (enum cg_controller)c && strcmp(f->v1_mount[before], f->v1_mount[c]) == 0)
				r.first[c] = (enum cg_controller)before;
	}
	if (f->cgroup == CG_NONE)
		return -ENOENT;
	read_hints("/proc/1/cgroup", &init);
	r.v2.mount = cg_v2_root(f->v2_mount);
	if (r.v2.mount < 0)
		return r.v2.mount;
	e = open_parent(&r.v2, "", buf_str(&init));
	for (size_t c = 0; c < CG_CONTROLLER_COUNT && e == 0; c++)
		if ((controllers & (1u << c)) && f->v1_mount[c][0])
			e = open_v1(&r, (enum cg_controller)c, buf_str(&init));
	if (e < 0)
		return e;
	*ret = r;
	r = (struct cg_roots)CG_ROOTS_NONE; /* the caller's now */
	return 0;
}

int cg_parent_candidate(struct cg_roots *r, const struct cg_parent *p, size_t index)
{
	char path[sizeof(p->own)];
	size_t len = 0;

	if (p->dir < 0)
		return -ENOENT;
	if (index == 0)
		return path_open_beneath(p->dir, ".", O_PATH | O_DIRECTORY, 0);
	read_own(r);
	memcpy(path, p->own, sizeof(path));
	for (size_t i = 0; i < index; i++) { /* the first @index components */
		if (path[len] == '\0')
			return -ENOENT;
		len += path[len] == '/';
		len += strcspn(path + len, "/");
	}
	path[len] = '\0';
	return path_open_beneath(p->mount, path, O_PATH | O_DIRECTORY, 0);
}

int cg_base(struct cg_roots *r, const struct cg_parent *p, const char *path, size_t index)
{
	if (path[0] != '/')
		return cg_parent_candidate(r, p, index);
	return index || p->mount < 0 ? -ENOENT : path_open_beneath(p->mount, ".", O_PATH | O_DIRECTORY, 0);
}

int cg_node_find(struct cg_roots *r, const struct cg_parent *p, const char *path)
{
	int fd;

	if (p->dir < 0)
		return -ENOENT;
	fd = path_open_beneath(path[0] == '/' ? p->mount : p->dir, cg_from(path), O_PATH | O_DIRECTORY, 0);
	for (size_t i = 1; fd == -ENOENT; i++) {
		autoclose int base = cg_base(r, p, path, i);

		if (base < 0)
			return -ENOENT;
		fd = path_open_beneath(base, path, O_PATH | O_DIRECTORY, 0);
	}
	if (fd >= 0 && !cg_is_ours(path) && !cg_is_marked(fd)) {
		fd_close(&fd);
		return -ENOENT;
	}
	return fd;
}
