/* fd.h - file descriptors with an owner.
 *
 * Every descriptor is close-on-exec from birth; an empty one is FD_NONE (never -1: 0 - 1 mistakes stay visible as EBADF).
 * All functions here return -errno on failure and never touch errno's caller-visible meaning. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"

#include <dirent.h>
#include <stdbool.h>
#include <sys/types.h>

#define FD_NONE (-EBADF_)
#define EBADF_ 9

void fd_close(int *fd);

/* Descriptor closed at the end of its scope. */
#define autoclose autodone(fd_close)

void fd_close_dir(DIR **dir);

/* A stream over directory @name in @dirfd (borrowed); "." gives @dirfd itself, from its start. O_NOFOLLOW in @flags: not through a link. NULL with errno. */
DIR *fd_open_dir(int dirfd, const char *name, int flags) MUST_USE;

/* Directory stream closed at the end of its scope. */
#define autoclosedir autodone(fd_close_dir)

/* Hands a descriptor to its next owner: yields it, leaves FD_NONE behind. */
#define take_fd(fd)             \
	({                          \
		int take_fd_ = (fd);    \
		(fd) = FD_NONE;         \
		take_fd_;               \
	})

/* Writes all @len bytes, retrying on EINTR and short writes. 0 or -errno. */
int fd_write_all(int fd, const void *bytes, size_t len) MUST_USE;

/* Appends everything readable from @fd to @b, at most @max bytes (-EFBIG beyond). 0 or -errno. */
int fd_read_all(int fd, struct buf *b, size_t max) MUST_USE;
/* The same for a regular file, where a short read is the end of it. */
int fd_read_regular(int fd, struct buf *b, size_t max) MUST_USE;

/* openat(2) with O_CLOEXEC added: descriptor or -errno. */
int fd_open(int dirfd, const char *name, int flags, mode_t mode) MUST_USE;

/* Reads a small file (proc, sysfs, cgroup, records) into @out as a NUL-terminated string, trailing newline removed. Records of proc files are at most
 * 2 KiB long. Length or -errno; -EFBIG when it does not fit. */
ssize_t fd_read_file(int dirfd, const char *name, char *out, size_t size) MUST_USE;

/* Opens @name for writing and writes @text in one write(2) (what proc, sysfs and cgroup files want). 0 or -errno. */
int fd_write_file(int dirfd, const char *name, const char *text) MUST_USE;

/* Moves @fd above 2 when it is a standard descriptor, and makes 0, 1, 2 valid (/dev/null) at program start. */
int fd_sanitize_std(void) MUST_USE;

/* close_range(2) with a /proc/self/fd-free fallback loop: closes first..last. */
void fd_close_range(unsigned first, unsigned last);

/* A sealed memfd holding @len bytes, offset 0, not writable by anybody any more. Descriptor or -errno. */
int fd_sealed(const char *name, const void *bytes, size_t len) MUST_USE;

/* Takes the write lock of the open file description on all of @fd's file (F_OFD_SETLK), without waiting. 0 or -errno, -EBUSY when another has it. */
int fd_lock(int fd) MUST_USE;

/* The path that the kernel knows @fd by (/proc/self/fd, proc(5)), as our root sees it, cut at @size; for showing and comparing, not for opening. 0 or -errno. */
int fd_path(int fd, char *ret, size_t size) MUST_USE;

/* True when both descriptors refer to the same inode. */
bool fd_same_file(int a, int b);
bool fd_is_socket(int fd);

/* Sends @len bytes and up to FD_PASS_MAX descriptors over a unix SOCK_SEQPACKET/STREAM socket; receives the same. Received descriptors are
 * close-on-exec; the unused entries of @fds are FD_NONE. fd_recv returns the length (0 = peer closed) or -errno (-EPROTO when
 * the message or its descriptors were truncated). */
#define FD_PASS_MAX 240u /* the kernel takes 253 (unix(7)) */
int fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t nfds) MUST_USE;
ssize_t fd_recv(int sock, void *bytes, size_t size, int *fds, size_t maxfds) MUST_USE;
