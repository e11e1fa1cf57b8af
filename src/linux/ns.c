/* ns.c - clone3, setns and id maps. */
#include "linux/ns.h"

#include "base/buf.h"
#include "base/fd.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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
