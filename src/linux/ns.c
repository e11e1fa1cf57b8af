/* ns.c - clone3, setns and id maps. */
#include "linux/ns.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

pid_t ns_clone(uint64_t flags, int cgroup_fd, bool as_sibling, int *ret_pidfd)
{
	int pidfd = FD_NONE;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (as_sibling) {
		args.flags |= CLONE_PARENT;
		args.exit_signal = 0; /* a sibling inherits ours */
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		if (ret_pidfd)
			*ret_pidfd = pidfd;
		else
			fd_close(&pidfd);
	}
	return (pid_t)pid;
}

pid_t ns_clone_talking(int cgroup_fd, int *ret_sock, int *ret_pidfd)
{
	autoclose int ours = FD_NONE;
	autoclose int theirs = FD_NONE;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = ns_clone(0, cgroup_fd, false, ret_pidfd);
	if (pid >= 0)
		*ret_sock = pid == 0 ? take_fd(theirs) : take_fd(ours);
	return pid;
}

int ns_enter(int pidfd, int flags)
{
	return setns(pidfd, flags) < 0 ? -errno : 0;
}

int ns_unshare(int flags)
{
	return unshare(flags) < 0 ? -errno : 0;
}

static int write_map(int procfd, pid_t pid, const char *file, const struct ns_map *maps, size_t count)
{
	struct buf text = BUF_INIT;
	char path[48];
	int r;

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%u %u %u\n", maps[i].inside, maps[i].host, maps[i].count);
	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	r = buf_failed(&text) ? -ENOMEM : fd_write_file(procfd, path, buf_str(&text));
	buf_done(&text);
	return r;
}

int ns_write_maps(int procfd, pid_t pid, const struct ns_map *uids, size_t uid_count, const struct ns_map *gids, size_t gid_count)
{
	int r = write_map(procfd, pid, "uid_map", uids, uid_count);

	return r < 0 ? r : write_map(procfd, pid, "gid_map", gids, gid_count);
}

static int read_map(int procfd, const char *path, struct ns_map *ret, size_t max)
{
	char text[16384], *save = NULL;
	ssize_t n = fd_read_file(procfd, path, text, sizeof(text));
	size_t count = 0;

	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *words = NULL, *inside = strtok_r(line, " ", &words), *host = strtok_r(NULL, " ", &words), *ids = strtok_r(NULL, " ", &words);
		struct ns_map m;

		if (!inside || !host || !ids || parse_u32(inside, &m.inside) < 0 || parse_u32(host, &m.host) < 0 || parse_u32(ids, &m.count) < 0)
			continue;
		if (count == max)
			return -E2BIG;
		ret[count++] = m;
	}
	return (int)count;
}

int ns_read_maps(int procfd, pid_t pid, struct ns_maps *ret)
{
	char path[32];
	int uids, gids;

	if (pid == 0)
		pid = getpid();
	(void)snprintf(path, sizeof(path), "%d/uid_map", (int)pid);
	uids = read_map(procfd, path, ret->uid, ARRAY_LEN(ret->uid));
	(void)snprintf(path, sizeof(path), "%d/gid_map", (int)pid);
	gids = read_map(procfd, path, ret->gid, ARRAY_LEN(ret->gid));
	if (uids < 0 || gids < 0)
		return uids < 0 ? uids : gids;
	ret->uid_count = (size_t)uids;
	ret->gid_count = (size_t)gids;
	return 0;
}

/* Says whether it got there, and stays until it is killed or nobody is left to look. */
static NORETURN void be_looked_at(int userns, int sock)
{
	int r = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : ns_enter(userns, CLONE_NEWUSER);

	(void)!write(sock, &r, sizeof(r));
	(void)!read(sock, &r, sizeof(r));
	_exit(0);
}

int ns_maps_of(int userns, struct ns_maps *ret)
{
	autoclose int pidfd = FD_NONE;
	autoclose int sock = FD_NONE;
	autoclose int procfd = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	int status, r = -EIO;
	pid_t pid;

	if (procfd < 0)
		return procfd;
	pid = ns_clone_talking(FD_NONE, &sock, &pidfd);
	if (pid == 0)
		be_looked_at(userns, sock);
	if (pid < 0)
		return pid;
	if (read(sock, &r, sizeof(r)) != (ssize_t)sizeof(r))
		r = -EIO;
	if (r == 0)
		r = ns_read_maps(procfd, pid, ret);
	(void)!proc_kill(pidfd, SIGKILL);
	(void)!proc_reap(pid, pidfd, clock_deadline(5000), &status);
	return r;
}

int ns_kind(int fd)
{
	int kind = ioctl(fd, NS_GET_NSTYPE);

	return kind < 0 ? -errno : kind;
}

int ns_owner(int fd)
{
	int owner = ioctl(fd, NS_GET_USERNS); /* close-on-exec, as all that nsfs gives */

	return owner < 0 ? -errno : owner;
}

bool ns_same(int a, int b)
{
	struct stat first, second;

	return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int ns_open(int procfd, pid_t pid, const char *name)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, name);
	return fd_open(procfd, path, O_RDONLY, 0);
}

int ns_time_offsets(int procfd, int64_t boot_ns, int64_t mono_ns)
{
	const int64_t second = 1000000000;
	char text[128];
	int64_t offsets[2] = {mono_ns, boot_ns}, sec[2], nsec[2];

	for (int i = 0; i < 2; i++) {
		sec[i] = offsets[i] / second;
		nsec[i] = offsets[i] % second;
		if (nsec[i] < 0) {
			nsec[i] += second;
			sec[i]--;
		}
	}
	(void)snprintf(text, sizeof(text), "monotonic %lld %lld\nboottime %lld %lld\n", (long long)sec[0], (long long)nsec[0],
		       (long long)sec[1], (long long)nsec[1]);
	return fd_write_file(procfd, "self/timens_offsets", text);
}

int ns_loopback_up(void)
{
	autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo"};

	if (s < 0)
		return -errno;
	if (ioctl(s, SIOCGIFFLAGS, &ifr) < 0)
		return -errno;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(s, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}
