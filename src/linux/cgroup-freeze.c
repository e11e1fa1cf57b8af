/* cgroup-freeze.c - cgroup.freeze (Linux 5.2) and the events a node announces. */
#include "linux/cgroup-internal.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define LATE_MS 10 /* a change that a removal overtakes is announced to nobody: look again this often */

int cg_wait_event(int node, const char *key, uint64_t want, uint64_t deadline)
{
	autoclose int fd = fd_open(node, "cgroup.events", O_RDONLY, 0);

	if (fd < 0)
		return fd == -ENOENT || fd == -ENODEV ? 0 : fd;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		char text[128];
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		int left;

		if (n < 0)
			return errno == ENODEV ? 0 : -errno;
		text[n] = '\0';
		if (cg_flat_value(text, key) == want)
			return 0;
		left = clock_left_ms(deadline);
		if (left == 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, left < 0 || left > LATE_MS ? LATE_MS : left) < 0 && errno != EINTR)
			return -errno;
	}
}

int cgroup_freeze(const struct cgroup *cg, bool frozen, uint64_t deadline)
{
	int r;

	if (cg->v2 < 0)
		return -ENOENT;
	r = fd_write_file(cg->v2, "cgroup.freeze", frozen ? "1" : "0");
	if (r == 0)
		r = cg_wait_event(cg->v2, "frozen", frozen, deadline);
	if (r == -ETIMEDOUT && frozen)
		(void)!fd_write_file(cg->v2, "cgroup.freeze", "0");
	return r;
}

int cgroup_is_frozen(const struct cgroup *cg)
{
	char text[128];
	ssize_t n;

	if (cg->v2 < 0)
		return -ENOENT;
	n = fd_read_file(cg->v2, "cgroup.events", text, sizeof(text));
	return n < 0 ? (int)n : cg_flat_value(text, "frozen") == 1;
}

int cgroup_is_freezing(const struct cgroup *cg)
{
	char text[16];
	ssize_t n;
	int r = cgroup_is_frozen(cg);

	if (r != 0)
		return r;
	n = fd_read_file(cg->v2, "cgroup.freeze", text, sizeof(text));
	return n < 0 ? (int)n : text[0] == '1';
}
