/* facts.c - the host probe: a dozen small reads and harmless system calls, once per command.
 *
 * What can be asked cheaply is asked; what could only be learned by mounting something is derived from the kernel's version. Nothing here
 * forks, loads a module or leaves a trace. */
#include "linux/facts.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/bpf-devices.h"
#include "linux/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- mountinfo ---- */

struct span {
	const char *p;
	size_t len;
};

static bool span_is(struct span s, const char *word)
{
	return strlen(word) == s.len && memcmp(s.p, word, s.len) == 0;
}

/* Cuts the next field off @line; empty at the end. */
static struct span span_next(struct span *line, char separator)
{
	struct span out = {line->p, 0};

	while (out.len < line->len && line->p[out.len] != separator)
		out.len++;
	line->p += out.len;
	line->len -= out.len;
	if (line->len > 0) {
		line->p++;
		line->len--;
	}
	return out;
}

static bool span_number(struct span s, uint64_t *ret)
{
	char text[24];

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return parse_u64(text, ret) == 0;
}

/* Undoes the kernel's \ooo escapes (space, tab, newline, backslash, #). False when it does not fit. */
static bool span_unescape(struct span s, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\\' && s.len - i > 3 && s.p[i + 1] >= '0' && s.p[i + 1] <= '3' && s.p[i + 2] >= '0' && s.p[i + 2] <= '7' &&
			s.p[i + 3] >= '0' && s.p[i + 3] <= '7') {
			c = (char)((s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + (s.p[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= size || c == '\0')
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return n > 0;
}

struct mount_line {
	uint64_t id, parent;
	struct span root, point, options, fstype, super;
};

static bool mount_line_read(struct span line, struct mount_line *ret)
{
	struct span field;

	if (!span_number(span_next(&line, ' '), &ret->id) || !span_number(span_next(&line, ' '), &ret->parent))
		return false;
	(void)span_next(&line, ' '); /* major:minor */
	ret->root = span_next(&line, ' ');
	ret->point = span_next(&line, ' ');
	ret->options = span_next(&line, ' ');
	do { /* optional fields, ended by a lone dash */
		if (line.len == 0)
			return false;
		field = span_next(&line, ' ');
	} while (!span_is(field, "-"));
	ret->fstype = span_next(&line, ' ');
	(void)span_next(&line, ' '); /* source: may be empty */
	ret->super = line;
	return ret->point.len > 0 && ret->fstype.len > 0 && ret->super.len > 0;
}

static bool has_word(struct span list, const char *word)
{
	while (list.len > 0)
		if (span_is(span_next(&list, ','), word))
			return true;
	return false;
}

/* The best mount found so far for one hierarchy. */
struct mount_choice {
	uint64_t id;
	int score; /* 0 = none yet */
	char *path;
};

/* A writable mount in the usual place beats the others (read-only views for guests). A part of a hierarchy is none: it is somebody's
 * group. A root that is shown as "/.." is above our cgroup namespace: the mount came from outside and shows more than enough. */
static int mount_score(const struct mount_line *m)
{
	static const char usual[] = "/sys/fs/cgroup";
	bool at_usual = m->point.len >= sizeof(usual) - 1 && memcmp(m->point.p, usual, sizeof(usual) - 1) == 0;

	bool whole = span_is(m->root, "/") || (m->root.len >= 3 && memcmp(m->root.p, "/..", 3) == 0);

	return !whole ? 0 : 1 + (has_word(m->options, "rw") ? 2 : 0) + (at_usual ? 1 : 0);
}

static void consider(struct mount_choice *c, const struct mount_line *m)
{
	int score = mount_score(m);
	char path[64];

	if (score <= c->score || !span_unescape(m->point, path, sizeof(path)))
		return;
	c->id = m->id;
	c->score = score;
	memcpy(c->path, path, sizeof(path));
}

/* A mount on top of a chosen one, at the same place, hides it. */
static void forget_hidden(struct mount_choice *c, const struct mount_line *m)
{
	char path[64];

	if (c->score == 0 || c->id != m->parent || !span_unescape(m->point, path, sizeof(path)) || strcmp(path, c->path) != 0)
		return;
	c->score = 0;
	c->path[0] = '\0';
}

void facts_parse_mountinfo(const char *text, struct facts *ret)
{
	struct mount_choice v1[CG_CONTROLLER_COUNT], v2 = {.path = ret->v2_mount};
	struct span rest = {text, strlen(text)};
	bool has_v1 = false;

	_Static_assert(sizeof(ret->v2_mount) == 64 && sizeof(ret->v1_mount[0]) == 64, "mount points fit their choice");
	memset(ret->v1_mount, 0, sizeof(ret->v1_mount));
	memset(ret->v2_mount, 0, sizeof(ret->v2_mount));
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		v1[c] = (struct mount_choice){.path = ret->v1_mount[c]};
	while (rest.len > 0) {
		struct mount_line m;

		if (!mount_line_read(span_next(&rest, '\n'), &m))
			continue;
		forget_hidden(&v2, &m);
		if (span_is(m.fstype, "cgroup2"))
			consider(&v2, &m);
		for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
			forget_hidden(&v1[c], &m);
			if (span_is(m.fstype, "cgroup") && has_word(m.super, cg_v1_word((enum cg_controller)c)))
				consider(&v1[c], &m);
		}
	}
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		has_v1 |= c != CG_SYSTEMD && v1[c].score > 0;
	ret->cgroup = has_v1 ? (v2.score ? CG_HYBRID : CG_V1) : v2.score ? CG_V2 : CG_NONE;
}

/* ---- the rest of the probe ---- */

static void probe_kernel(struct facts *f)
{
	struct utsname u;
	struct span rest, part;
	uint64_t major = 0, minor = 0;

	if (uname(&u) < 0)
		return;
	rest = (struct span){u.release, strlen(u.release)};
	(void)span_number(span_next(&rest, '.'), &major);
	part = rest;
	part.len = strspn(part.p, "0123456789");
	(void)span_number(part, &minor);
	f->kernel_major = (unsigned)major;
	f->kernel_minor = (unsigned)minor;
}

static int probe_mounts(struct facts *f)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
	int r;

	if (fd < 0)
		return fd;
	r = fd_read_all(fd, &text, 64u << 20);
	if (r < 0)
		return r;
	facts_parse_mountinfo(buf_str(&text), f);
	return 0;
}

static uint32_t read_v2_controllers(int dir)
{
	static const char *const words[CG_CONTROLLER_COUNT] = {
		[CG_MEMORY] = "memory", [CG_CPU] = "cpu", [CG_CPUSET] = "cpuset", [CG_PIDS] = "pids", [CG_IO] = "io",
		[CG_HUGETLB] = "hugetlb", [CG_RDMA] = "rdma", [CG_MISC] = "misc",
	};
	char text[512];
	uint32_t found = 0;
	ssize_t n = fd_read_file(dir, "cgroup.controllers", text, sizeof(text));

	for (size_t c = 0; n >= 0 && c < CG_CONTROLLER_COUNT; c++) {
		struct span list = {text, (size_t)n};

		while (words[c] && list.len > 0)
			if (span_is(span_next(&list, ' '), words[c]))
				found |= 1u << c;
	}
	return found;
}

/* Controllers of the v2 root, seen through the host's mount or through one of our own where the host has none. */
static void probe_v2(struct facts *f, bool whole)
{
	autoclose int root = cg_v2_root(f->v2_mount);

	if (root < 0) {
		f->v2_mount[0] = '\0';
		if (f->cgroup == CG_HYBRID)
			f->cgroup = CG_V1;
		else if (f->cgroup == CG_V2)
			f->cgroup = CG_NONE;
		return;
	}
	if (f->cgroup == CG_NONE)
		f->cgroup = CG_V2; /* nothing mounted at all: every controller is still on the default hierarchy */
	f->bpf_devices = whole && bpf_devices_available(root);
	f->v2_controllers |= read_v2_controllers(root);
}

static void probe_memsw(struct facts *f)
{
	autoclose int dir = FD_NONE;

	if (f->v1_mount[CG_MEMORY][0] == '\0' || (f->v2_controllers & (1u << CG_MEMORY)))
		return;
	dir = fd_open(AT_FDCWD, f->v1_mount[CG_MEMORY], O_PATH | O_DIRECTORY, 0);
	f->memsw = dir >= 0 && faccessat(dir, "memory.memsw.limit_in_bytes", F_OK, 0) == 0;
}

/* Whether a file system exists is not asked: one that is not registered may be a module that the first mount loads. */
static void probe_filesystems(struct facts *f)
{
	f->erofs_file = facts_kernel(f, 6, 12);
	f->erofs_loop = faccessat(AT_FDCWD, "/dev/loop-control", F_OK, 0) == 0;
	f->overlay_fds = facts_kernel(f, 6, 13);
	f->idmap_tmpfs = facts_kernel(f, 6, 3);
	f->mount_beneath = facts_kernel(f, 6, 5);
}

static unsigned count_cpus(void)
{
	uint64_t bits[PARSE_SET_WORDS];
	char text[256];
	unsigned n = 0;

	if (fd_read_file(AT_FDCWD, "/sys/devices/system/cpu/online", text, sizeof(text)) >= 0 && parse_id_set(text, bits) == 0)
		for (size_t i = 0; i < PARSE_SET_WORDS; i++)
			n += (unsigned)__builtin_popcountll(bits[i]);
	if (n == 0) {
		cpu_set_t set;

		if (sched_getaffinity(0, sizeof(set), &set) == 0)
			n = (unsigned)CPU_COUNT(&set);
	}
	return n ? n : 1;
}

static void probe_machine(struct facts *f)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {0};
	struct sysinfo si;
	uint64_t cookie = 0;

	if (sysinfo(&si) == 0)
		f->memory_total = (uint64_t)si.totalram * si.mem_unit;
	f->cpus = count_cpus();
	f->core_sched = prctl(PR_SCHED_CORE, 0 /* PR_SCHED_CORE_GET */, 0, 0 /* this thread */, (unsigned long)(uintptr_t)&cookie) == 0;
	f->time_ns = faccessat(AT_FDCWD, "/proc/self/ns/time", F_OK, 0) == 0;
	if (syscall(SYS_capget, &header, data) == 0)
		f->can_raise_rlimits = data[0].effective & (1u << CAP_SYS_RESOURCE);
}

/* Without root: the topmost group above ours that was given to the user, if any, is all there is of v2, and v1 is never given away. */
static void probe_delegated(struct facts *f)
{
	autodone(cg_roots_done) struct cg_roots roots = CG_ROOTS_NONE;
	bool given = false;

	memset(f->v1_mount, 0, sizeof(f->v1_mount));
	f->cgroup = CG_V2;
	if (f->v2_mount[0] && cg_roots_open(f, 0, &roots) == 0) {
		for (size_t i = 1; !given; i++) {
			autoclose int dir = cg_parent_candidate(&roots, &roots.v2, i);

			if (dir < 0)
				break;
			given = faccessat(dir, "cgroup.procs", W_OK, 0) == 0 && faccessat(dir, ".", W_OK, 0) == 0;
			f->v2_controllers = given ? read_v2_controllers(dir) : 0;
		}
	}
	if (given)
		return;
	f->v2_mount[0] = '\0';
	f->cgroup = CG_NONE;
}

/* What the kernel keeps for the root of the host, whatever capabilities we have in a user namespace of our own. */
static void leave_out_privileged(struct facts *f)
{
	f->erofs_file = f->erofs_loop = false;
	f->can_raise_rlimits = false;
	f->time_ns = false; /* a monitor that has made one could not return to the host's clocks */
}

/* The first user namespace has a fixed inode (PROC_USER_INIT_INO of the kernel's include/linux/proc_ns.h). */
static bool in_own_userns(void)
{
	struct stat st;

	return fstatat(AT_FDCWD, "/proc/self/ns/user", &st, 0) == 0 && st.st_ino != 0xEFFFFFFDu;
}

/* What a look at containers needs; with @whole what a device list needs besides, while the hierarchy is open. */
static int probe_groups(struct facts *f, bool whole, struct err *e)
{
	int r = proc_boot_id(f->boot_id);

	if (r < 0)
		return err_sys(e, r, "read the boot id in /proc");
	r = probe_mounts(f);
	if (r < 0)
		return err_sys(e, r, "read /proc/self/mountinfo");
	probe_kernel(f);
	f->clone_into_cgroup = facts_kernel(f, 5, 7);
	f->cgroup_kill = facts_kernel(f, 5, 14);
	f->user_mode = in_own_userns();
	if (f->user_mode)
		probe_delegated(f);
	else
		probe_v2(f, whole);
	return 0;
}

int facts_probe_groups(struct facts *ret, struct err *e)
{
	struct facts f = {0};
	int r = probe_groups(&f, false, e);

	if (r == 0)
		*ret = f;
	return r;
}

int facts_probe(struct facts *ret, struct err *e)
{
	struct facts f = {0};
	int r = probe_groups(&f, true, e);

	if (r < 0)
		return r;
	if (!f.user_mode)
		probe_memsw(&f);
	probe_filesystems(&f);
	probe_machine(&f);
	if (f.user_mode)
		leave_out_privileged(&f);
	*ret = f;
	return 0;
}
