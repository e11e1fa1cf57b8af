/* fd.c - descriptor helpers; the only file that calls close(2). */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(EBADF_ == EBADF, "FD_NONE must be -EBADF");

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = FD_NONE;
	errno = saved;
}

DIR *fd_open_dir(int dirfd, const char *name, int flags)
{
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)take_fd(fd); /* the stream owns it now */
	return dir;
}

void fd_close_dir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		(void)closedir(*dir);
	*dir = NULL;
	errno = saved;
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

#define PIECE 4096 /* of seq_file: a page */

static int read_rest(int fd, struct buf *b, size_t max, bool short_is_end)
{
	size_t total = 0;

	for (;;) {
		char *at = buf_reserve(b, 4096);
		ssize_t n;

		if (!at)
			return -ENOMEM;
		n = read(fd, at, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > max)
			return -EFBIG;
		b->len += (size_t)n;
		if (short_is_end && n < 4096)
			break;
	}
	b->data[b->len] = '\0';
	return 0;
}

int fd_read_all(int fd, struct buf *b, size_t max)
{
	return read_rest(fd, b, max, false);
}

int fd_read_regular(int fd, struct buf *b, size_t max)
{
	return read_rest(fd, b, max, true);
}

int fd_open(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

ssize_t fd_read_file(int dirfd, const char *name, char *out, size_t size)
{
	autoclose int fd = fd_open(dirfd, name, O_RDONLY | O_NOCTTY, 0);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	/* The kernel gives a file of many records (routes, addresses) a page at a time, rounded down to whole ones. What came with half a page to spare was all:
	 * asking again would only say so. */
	do {
		n = read(fd, out + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (len >= size)
			return -EFBIG;
	} while (n < 0 || n >= PIECE / 2);
	if (len > 0 && out[len - 1] == '\n')
		len--;
	out[len] = '\0';
	return (ssize_t)len;
}

int fd_write_file(int dirfd, const char *name, const char *text)
{
	autoclose int fd = fd_open(dirfd, name, O_WRONLY | O_NOCTTY, 0);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int fd_sanitize_std(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int got;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		got = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY); /* lowest free number is fd itself */
		if (got < 0)
			return -errno;
	}
	return 0;
}

void fd_close_range(unsigned first, unsigned last)
{
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
	if (last > 65535)
		last = 65535;
	for (unsigned fd = first; fd <= last; fd++)
		(void)close((int)fd);
}

int fd_sealed(const char *name, const void *bytes, size_t len)
{
	autoclose int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, bytes, len);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(fd);
}

bool fd_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int fd_lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &whole) < 0)
		return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	return 0;
}

int fd_path(int fd, char *ret, size_t size)
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, size - 1); /* rule: plain-paths: our own procfs */
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

bool fd_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (nfds > FD_PASS_MAX)
		return -E2BIG;
	if (nfds) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static void collect_fds(struct msghdr *msg, int *fds, size_t maxfds)
{
	size_t used = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (used < maxfds)
				fds[used++] = fd;
			else
				fd_close(&fd);
		}
	}
}

ssize_t fd_recv(int sock, void *bytes, size_t size, int *fds, size_t maxfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
	ssize_t n;

	for (size_t i = 0; i < maxfds; i++)
		fds[i] = FD_NONE;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	collect_fds(&msg, fds, maxfds);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < maxfds; i++)
			fd_close(&fds[i]);
		return -EPROTO;
	}
	return n;
}
