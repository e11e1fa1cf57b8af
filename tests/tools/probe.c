/* probe.c - tries 27 things a container must not be able to do to its host, and counts those that work.
 *
 *     probe [NAME]...          all probes, or those named; prints "open NAME" or "shut NAME WHY", then "N of 27 open"
 *     probe --plant            on the host: puts a key "coppice-probe" into root's user keyring (for host_key)
 *     probe --unplant
 *
 * Environment: PROBE_DISK=MAJOR:MINOR, the host's root disk. PROBE_BASE=DIR (default /usr), where the shared base is mounted.
 * Probes open or create and never use what they got. Those that change mounts run in a child with a mount namespace of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY_USER_KEYRING (-4)
#define KEY_SESSION_KEYRING (-3)
#define KEYCTL_SEARCH_OP 10
#define KEYCTL_UNLINK_OP 9

/* Every probe: 0 = it worked (bad), else a positive errno. */

static int fd_result(long fd)
{
	if (fd < 0)
		return errno;
	(void)close((int)fd);
	return 0;
}

static int opens_for_write(const char *path)
{
	return fd_result(open(path, O_WRONLY | O_CLOEXEC));
}

static int reads_something(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, &c, 1);
	(void)close(fd);
	return n > 0 ? 0 : ENODATA;
}

/* Runs @fn in a child that may wreck its mount namespace. */
static int apart(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0) {
		(void)unshare(CLONE_NEWNS);
		(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		_exit(fn() & 0x7f);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int core_pattern(void)
{
	return opens_for_write("/proc/sys/kernel/core_pattern");
}

static int core_pattern_anew_inner(void)
{
	static const char *const covers[] = { "/proc/sys/kernel/core_pattern", "/proc/sys/kernel", "/proc/sys", "/proc" };

	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++)
		(void)mount(NULL, covers[i], NULL, MS_REMOUNT | MS_BIND, NULL);
	if (core_pattern() == 0)
		return 0;
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]) - 1; i++)
		(void)umount2(covers[i], MNT_DETACH);
	if (core_pattern() == 0)
		return 0;
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return errno;
	return core_pattern();
}

static int core_pattern_anew(void)
{
	return apart(core_pattern_anew_inner);
}

static int vm_sysctl(void)
{
	return opens_for_write("/proc/sys/vm/overcommit_memory");
}

static int irq_affinity(void)
{
	return opens_for_write("/proc/irq/default_smp_affinity");
}

static int sysfs_thp(void)
{
	return opens_for_write("/sys/kernel/mm/transparent_hugepage/enabled");
}

static int kernel_log(void)
{
	char buf[64];

	if (syscall(SYS_syslog, 3, buf, (int)sizeof(buf)) > 0 || reads_something("/dev/kmsg") == 0 || reads_something("/proc/kmsg") == 0)
		return 0;
	return EPERM;
}

static int proc_keys(void)
{
	return reads_something("/proc/keys");
}

static int timer_list(void)
{
	return reads_something("/proc/timer_list");
}

static int slabinfo(void)
{
	return reads_something("/proc/slabinfo");
}

static int host_key(void)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH_OP, KEY_USER_KEYRING, "user", "coppice-probe", 0) >= 0 ? 0 : errno;
}

static const char *base_dir(void)
{
	const char *dir = getenv("PROBE_BASE");

	return dir ? dir : "/usr";
}

/* Creates and removes a file beneath the shared base. */
static int base_touch(void)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.coppice-probe", base_dir());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	(void)close(fd);
	(void)unlink(path);
	return 0;
}

static int base_write_inner(void)
{
	if (base_touch() == 0)
		return 0;
	(void)mount(NULL, base_dir(), NULL, MS_REMOUNT | MS_BIND, NULL);
	if (base_touch() == 0)
		return 0;
	(void)mount(NULL, base_dir(), NULL, MS_REMOUNT, NULL);
	if (base_touch() == 0)
		return 0;
	/* a fresh bind of it elsewhere, made writable there */
	if (mount(base_dir(), "/tmp", NULL, MS_BIND, NULL) == 0 && mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND, NULL) == 0 &&
	    (setenv("PROBE_BASE", "/tmp", 1), base_touch() == 0))
		return 0;
	return EROFS;
}

static int base_write(void)
{
	return apart(base_write_inner);
}

static int base_unmount_inner(void)
{
	if (umount2(base_dir(), MNT_DETACH) == 0 || umount2(base_dir(), 0) == 0)
		return 0;
	return errno;
}

static int base_unmount(void)
{
	return apart(base_unmount_inner);
}

static int disk_node(void)
{
	const char *disk = getenv("PROBE_DISK"), *path = "/.coppice-disk";
	unsigned major = 254, minor = 0;
	int rc;

	if (disk)
		(void)sscanf(disk, "%u:%u", &major, &minor);
	if (mknod(path, S_IFBLK | 0600, makedev(major, minor)) < 0)
		return errno;
	rc = fd_result(open(path, O_RDONLY | O_CLOEXEC));
	(void)unlink(path);
	return rc;
}

/* Looks for @name in the cgroup tree @dir and opens it for writing. */
static int cgroup_file(const char *dir, const char *name, int depth)
{
	char path[PATH_MAX];
	DIR *d;
	const struct dirent *ent;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (opens_for_write(path) == 0)
		return 0;
	d = depth > 0 ? opendir(dir) : NULL;
	while (d && (ent = readdir(d))) {
		if (ent->d_name[0] == '.' || ent->d_type != DT_DIR)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name);
		if (cgroup_file(path, name, depth - 1) == 0) {
			(void)closedir(d);
			return 0;
		}
	}
	if (d)
		(void)closedir(d);
	return EACCES;
}

/* The file as it is mounted, then through a mount of the hierarchy of our own. */
static int cgroup_anyhow(const char *file, const char *controller)
{
	if (cgroup_file("/sys/fs/cgroup", file, 3) == 0)
		return 0;
	if (mount("cgroup", "/tmp", "cgroup", 0, controller) == 0 && cgroup_file("/tmp", file, 3) == 0)
		return 0;
	(void)unshare(CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWNS);
	if (mount("cgroup", "/tmp", "cgroup", 0, controller) == 0 && cgroup_file("/tmp", file, 3) == 0)
		return 0;
	return EPERM;
}

static int devices_allow_inner(void)
{
	return cgroup_anyhow("devices.allow", "devices");
}

static int devices_allow(void)
{
	return apart(devices_allow_inner);
}

static int own_limit_inner(void)
{
	/* v2: the root of our own view; children we may make ourselves do not count */
	if (opens_for_write("/sys/fs/cgroup/memory.max") == 0 || opens_for_write("/sys/fs/cgroup/unified/memory.max") == 0)
		return 0;
	return cgroup_anyhow("memory.limit_in_bytes", "memory");
}

static int own_limit(void)
{
	return apart(own_limit_inner);
}

static int bpf_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return fd_result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int perf_event(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_TASK_CLOCK };

	attr.exclude_kernel = 1;
	return fd_result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int user_fault(void)
{
	return fd_result(syscall(SYS_userfaultfd, 0));
}

static int io_uring(void)
{
	struct io_uring_params p = { 0 };

	return fd_result(syscall(SYS_io_uring_setup, 1, &p));
}

static int add_a_key(void)
{
	return syscall(SYS_add_key, "user", "coppice-probe-own", "x", 1, KEY_SESSION_KEYRING) >= 0 ? 0 : errno;
}

static int by_handle(void)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h = { .handle_bytes = MAX_HANDLE_SZ } };
	int id, rc, fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	rc = name_to_handle_at(AT_FDCWD, "/", &u.h, &id, 0) < 0 ? errno : fd_result(open_by_handle_at(fd, &u.h, O_RDONLY | O_CLOEXEC));
	(void)close(fd);
	return rc;
}

static int new_fs(void)
{
	return fd_result(syscall(SYS_fsopen, "tmpfs", 0));
}

static int new_proc_inner(void)
{
	return mount("proc", "/tmp", "proc", 0, NULL) == 0 ? 0 : errno;
}

static int new_proc(void)
{
	return apart(new_proc_inner);
}

static int nested_user_inner(void)
{
	return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

static int nested_user(void)
{
	return apart(nested_user_inner);
}

static int vsock(void)
{
	return fd_result(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int packet(void)
{
	return fd_result(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static bool foreign_fds; /* seen at start, before any probe opened one */

static void look_for_fds(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			foreign_fds = true;
}

static int caller_fds(void)
{
	return foreign_fds ? 0 : EBADF;
}

static const struct probe {
	const char *name;
	int (*run)(void);
} probes[] = {
	{ "core_pattern", core_pattern }, { "core_pattern_anew", core_pattern_anew }, { "vm_sysctl", vm_sysctl }, { "irq_affinity", irq_affinity },
	{ "sysfs_thp", sysfs_thp }, { "kernel_log", kernel_log }, { "proc_keys", proc_keys }, { "timer_list", timer_list }, { "slabinfo", slabinfo },
	{ "host_key", host_key }, { "base_write", base_write }, { "base_unmount", base_unmount }, { "disk_node", disk_node },
	{ "devices_allow", devices_allow }, { "own_limit", own_limit }, { "bpf", bpf_map }, { "perf", perf_event }, { "userfaultfd", user_fault },
	{ "io_uring", io_uring }, { "add_key", add_a_key }, { "open_by_handle", by_handle }, { "fsopen", new_fs }, { "new_procfs", new_proc },
	{ "nested_userns", nested_user }, { "vsock", vsock }, { "packet", packet }, { "caller_fds", caller_fds },
};
_Static_assert(sizeof(probes) / sizeof(probes[0]) == 27, "the score is out of 27");

static int plant(bool in)
{
	long key;

	if (in)
		return syscall(SYS_add_key, "user", "coppice-probe", "x", 1, KEY_USER_KEYRING) < 0;
	key = syscall(SYS_keyctl, KEYCTL_SEARCH_OP, KEY_USER_KEYRING, "user", "coppice-probe", 0);
	return key < 0 || syscall(SYS_keyctl, KEYCTL_UNLINK_OP, key, KEY_USER_KEYRING) < 0;
}

int main(int argc, char **argv)
{
	int open_count = 0;

	if (argc == 2 && strcmp(argv[1], "--plant") == 0)
		return plant(true);
	if (argc == 2 && strcmp(argv[1], "--unplant") == 0)
		return plant(false);
	look_for_fds();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		bool wanted = argc < 2;
		int rc;

		for (int a = 1; a < argc; a++)
			wanted = wanted || strcmp(argv[a], probes[i].name) == 0;
		if (!wanted)
			continue;
		(void)fflush(stdout); /* children must not print it again */
		rc = probes[i].run();
		open_count += rc == 0;
		if (rc == 0)
			printf("open %s\n", probes[i].name);
		else
			printf("shut %s %s\n", probes[i].name, strerrorname_np(rc) ? strerrorname_np(rc) : "?");
	}
	printf("%d of 27 open\n", open_count);
	return 0;
}
