/* ns.h - processes in namespaces: clone3(2), setns(2), id maps.
 *
 * Functions return -errno on failure. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

/* clone3 without CLONE_VM: like fork() into namespaces @flags (CLONE_NEW*). @cgroup_fd >= 0: born in that v2 cgroup. The child is a plain fork: returns 0
 * there. In the parent returns its pid and gives a pidfd. @parent: the new process becomes a sibling (CLONE_PARENT). */
pid_t ns_clone(uint64_t flags, int cgroup_fd, bool as_sibling, int *ret_pidfd) MUST_USE;

/* A child of ours in the same namespaces, and a pair of sockets (SOCK_SEQPACKET) between us: *@ret_sock is this side's own, here and there. Else as ns_clone(). */
pid_t ns_clone_talking(int cgroup_fd, int *ret_sock, int *ret_pidfd) MUST_USE;

/* Enters the namespaces @flags of the process behind @pidfd (Linux 5.8). */
int ns_enter(int pidfd, int flags) MUST_USE;

/* unshare(2). */
int ns_unshare(int flags) MUST_USE;

struct ns_map {
	uint32_t inside, host, count;
};

/* Writes uid_map and gid_map of process @pid through @procfd (a procfs directory of ours). At most 340 entries each. The caller is privileged over the parent namespace. */
int ns_write_maps(int procfd, pid_t pid, const struct ns_map *uids, size_t uid_count, const struct ns_map *gids, size_t gid_count) MUST_USE;

#define NS_MAPS_MAX 340 /* of the kernel */
struct ns_maps {
	struct ns_map uid[NS_MAPS_MAX], gid[NS_MAPS_MAX];
	size_t uid_count, gid_count;
};

/* The maps of process @pid, 0 for this one, through @procfd. "host" are the ids that our own user namespace has; for a process in that very namespace those of the one around it. */
int ns_read_maps(int procfd, pid_t pid, struct ns_maps *ret) MUST_USE;

/* Those of the user namespace behind @userns, which need have no process: one of ours enters it to be looked at. -EINVAL when it is our own. */
int ns_maps_of(int userns, struct ns_maps *ret) MUST_USE;

/* Namespace descriptor "user", "mnt", "net" ... of @pid through @procfd. */
int ns_open(int procfd, pid_t pid, const char *name) MUST_USE;

/* What kind of namespace is behind @fd, as its CLONE_NEW* flag; -ENOTTY when it is none. */
int ns_kind(int fd) MUST_USE;

/* The user namespace that the one behind @fd belongs to. Gives a descriptor; -EPERM when it is not below ours. */
int ns_owner(int fd) MUST_USE;

/* Are the two the same namespace? */
bool ns_same(int a, int b);

/* Offsets of the time namespace the next child will live in (nanoseconds, added to boot and monotonic clocks); after ns_unshare(CLONE_NEWTIME). */
int ns_time_offsets(int procfd, int64_t boot_ns, int64_t mono_ns) MUST_USE;

/* Brings up the loopback interface of the calling process's network namespace. */
int ns_loopback_up(void) MUST_USE;
