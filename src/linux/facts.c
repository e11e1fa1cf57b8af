/* facts.c - the host probe: a handful of cheap system calls, once per command. */
#include "linux/facts.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/bpf-devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* v1 and v2 names of what we speak; v2 has no file for the last three. */
static const struct {
	const char *v1, *v2;
} controllers[CG_CONTROLLER_COUNT] = {
	[CG_MEMORY] = {"memory", "memory"}, [CG_CPU] = {"cpu", "cpu"},	      [CG_CPUACCT] = {"cpuacct", NULL},
	[CG_CPUSET] = {"cpuset", "cpuset"}, [CG_PIDS] = {"pids", "pids"},     [CG_DEVICES] = {"devices", NULL},
	[CG_IO] = {"blkio", "io"},	    [CG_FREEZER] = {"freezer", NULL}, [CG_SYSTEMD] = {"name=systemd", NULL},
};

static bool has_word(const char *list, const char *word, const char *separators)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, separators);

		if (n == len && memcmp(list, word, len) == 0)
			return true;
		list += n;
		list += strspn(list, separators);
	}
	return false;
}

/* One line of mountinfo: "31 23 0:28 / /sys/fs/cgroup rw - cgroup cgroup rw,memory". The first mount of a hierarchy's root wins. */
static void take_mount(char *line, struct facts *f)
{
	char *save = NULL, *root = NULL, *target = NULL, *dash, *type, *options = NULL, *word;
	int n = 0;

	dash = strstr(line, " - ");
	if (!dash)
		return;
	*dash = '\0';
	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save), n++) {
		if (n == 3)
			root = word;
		if (n == 4)
			target = word;
	}
	type = strtok_r(dash + 3, " ", &save);
	if (type && strtok_r(NULL, " ", &save))
		options = strtok_r(NULL, " ", &save);
	if (!root || !target || !type || !options || strlen(target) >= sizeof(f->v2_mount))
		return;
	if (strcmp(type, "cgroup2") == 0 && strcmp(root, "/") == 0 && !f->v2_mount[0])
		memcpy(f->v2_mount, target, strlen(target) + 1);
	if (strcmp(type, "cgroup") != 0 || strcmp(root, "/") != 0)
		return;
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (!f->v1_mount[c][0] && has_word(options, controllers[c].v1, ","))
			memcpy(f->v1_mount[c], target, strlen(target) + 1);
}

void facts_parse_mountinfo(char *text, struct facts *ret)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_mount(line, ret);
}

static int probe_cgroups(struct facts *f, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
	struct buf text = BUF_INIT;
	char path[96], list[256];
	bool v1 = false;
	int r = fd < 0 ? fd : fd_read_all(fd, &text, (size_t)8 << 20);

	if (r < 0) {
		buf_done(&text);
		return err_sys(e, r, "read /proc/self/mountinfo");
	}
	if (text.len)
		facts_parse_mountinfo(text.data, f);
	buf_done(&text);
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++)
		v1 = v1 || (c != CG_SYSTEMD && f->v1_mount[c][0]);
	if (f->v2_mount[0]) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", f->v2_mount);
		if (fd_read_file(AT_FDCWD, path, list, sizeof(list)) > 0)
			for (unsigned c = 0; c < CG_CONTROLLER_COUNT; c++)
				if (controllers[c].v2 && has_word(list, controllers[c].v2, " "))
					f->v2_controllers |= 1u << c;
	}
	if (f->v1_mount[CG_MEMORY][0]) {
		(void)snprintf(path, sizeof(path), "%s/memory.memsw.limit_in_bytes", f->v1_mount[CG_MEMORY]);
		f->memsw = access(path, F_OK) == 0;
	}
	f->cgroup = v1 ? (f->v2_mount[0] ? CG_HYBRID : CG_V1) : f->v2_mount[0] ? CG_V2 : CG_NONE;
	return 0;
}

static bool newer(const struct facts *f, unsigned major, unsigned minor)
{
	return f->kernel_major > major || (f->kernel_major == major && f->kernel_minor >= minor);
}

static void probe_kernel(struct facts *f)
{
	struct utsname u;

	if (uname(&u) == 0) {
		char *minor = strchr(u.release, '.');

		if (minor) {
			*minor++ = '\0';
			minor[strspn(minor, "0123456789")] = '\0'; /* "1.0-21-amd64": the minor number is all that counts */
			if (parse_u32(u.release, &f->kernel_major) < 0 || parse_u32(minor, &f->kernel_minor) < 0)
				f->kernel_major = f->kernel_minor = 0;
		}
	}
	f->cgroup_kill = newer(f, 5, 14);
	f->clone_into_cgroup = newer(f, 5, 7);
	f->overlay_fds = newer(f, 6, 8);
	f->idmap_tmpfs = newer(f, 6, 3);
	f->mount_beneath = newer(f, 6, 5);
	f->time_ns = access("/proc/self/ns/time", F_OK) == 0;
	/* not listed in /proc/filesystems may only mean that the module is not loaded yet: mounting loads it */
	f->erofs_file = newer(f, 6, 12);
	f->erofs_loop = access("/dev/loop-control", F_OK) == 0;
}

static bool has_capability(unsigned cap)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {0};

	return syscall(SYS_capget, &h, d) == 0 && (d[cap / 32].effective >> (cap % 32)) & 1;
}

/* Where the host mounts no v2 hierarchy there is nothing to ask without making one: the kernel's version has to do (4.15, with a query since 4.15 too). */
static bool probe_devices(const struct facts *f)
{
	autoclose int fd = f->v2_mount[0] ? fd_open(AT_FDCWD, f->v2_mount, O_RDONLY | O_DIRECTORY, 0) : FD_NONE;

	return fd >= 0 ? bpf_devices_available(fd) : newer(f, 5, 8);
}

int facts_probe(struct facts *ret, struct err *e)
{
	struct facts f = {0};
	struct sysinfo si;
	int r;

	probe_kernel(&f);
	r = proc_boot_id(f.boot_id);
	if (r < 0)
		return err_sys(e, r, "read the boot id");
	r = probe_cgroups(&f, e);
	if (r < 0)
		return r;
	f.bpf_devices = probe_devices(&f);
	if (sysinfo(&si) == 0)
		f.memory_total = (uint64_t)si.totalram * si.mem_unit;
	f.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	f.can_raise_rlimits = has_capability(CAP_SYS_RESOURCE);
	*ret = f;
	return 0;
}
