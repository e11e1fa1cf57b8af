/* msg.c - fixed-size records over SOCK_SEQPACKET. */
#include "base/msg.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

int msg_send(int sock, enum msg_type type, int64_t value, uint64_t extra, const int *fds, size_t nfds)
{
	struct msg m = {.version = MSG_VERSION, .type = type, .value = value, .extra = extra};

	return fd_send(sock, &m, sizeof(m), fds, nfds);
}

void msg_send_fail(int sock, const struct err *e)
{
	struct msg m = {.version = MSG_VERSION, .type = MSG_FAIL, .err = *e};

	(void)!fd_send(sock, &m, sizeof(m), NULL, 0);
}

static void terminate(char *s, size_t size)
{
	s[size - 1] = '\0';
}

int msg_recv(int sock, uint64_t deadline, struct msg *ret, int *fds, size_t maxfds)
{
	for (;;) {
		struct pollfd p = {.fd = sock, .events = POLLIN};
		int n = poll(&p, 1, clock_left_ms(deadline));

		if (n > 0)
			break;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
	ssize_t len = fd_recv(sock, ret, sizeof(*ret), fds, maxfds);

	if (len == 0 || len == -ECONNRESET)
		return 0;
	if (len < 0)
		return (int)len;
	if (len != (ssize_t)sizeof(*ret) || ret->version != MSG_VERSION) {
		for (size_t i = 0; i < maxfds; i++)
			fd_close(&fds[i]);
		return -EPROTO;
	}
	terminate(ret->err.what, sizeof(ret->err.what));
	terminate(ret->err.why, sizeof(ret->err.why));
	terminate(ret->err.hint, sizeof(ret->err.hint));
	return 1;
}
