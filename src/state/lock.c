/* lock.c - flock(2) with deadline and name tag; see lock.h.
 *
 * Waiting: the kernel has no flock with a timeout short of signals, which a library must not play with. We try, then sleep on the
 * holder's pidfd for a growing pause of 1 to 50 ms. Nearly every holder is a command that ends right after it lets go, and its end wakes
 * us at once; the pause only bounds the delay behind holders that live on. */
#include "state/lock.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_MAX_MS 50

static void read_holder(int fd, struct lock_holder *ret)
{
	char text[96], *start, *verb;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	uint32_t pid;

	*ret = (struct lock_holder){0};
	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	start = strchr(text, ' ');
	verb = start ? strchr(start + 1, ' ') : NULL;
	if (!verb)
		return;
	*start++ = '\0';
	*verb++ = '\0';
	if (parse_u32(text, &pid) < 0 || pid > INT32_MAX || parse_u64(start, &ret->id.start_time) < 0)
		return;
	ret->id.pid = (int32_t)pid;
	format_safe(verb, ret->verb, sizeof(ret->verb));
	/* The text outlives its writer: a dead one is not the holder. */
	if (!proc_alive(&ret->id))
		*ret = (struct lock_holder){0};
}

/* Best effort: a lock without a name tag is a lock. */
static void write_holder(int fd, const char *verb)
{
	struct proc_id self;
	char text[96];
	int n;

	if (proc_identify(0, &self) < 0)
		return;
	n = snprintf(text, sizeof(text), "%" PRId32 " %" PRIu64 " %.31s\n", self.pid, self.start_time, verb);
	if (n > 0 && pwrite(fd, text, (size_t)n, 0) == n)
		(void)!ftruncate(fd, n);
}

static void pause_for(const struct lock_holder *holder, int ms)
{
	autoclose int pidfd = proc_open(&holder->id);
	struct pollfd p = {.fd = pidfd, .events = POLLIN}; /* a negative descriptor is only a sleep */

	(void)poll(&p, 1, ms);
}

static bool leads_to(int dir, const char *name, int fd)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino;
}

/* One try: the lock, or -EWOULDBLOCK with the holder. -ESTALE: the file was removed under us. */
static int try_lock(int dir, const char *name, bool exclusive, const char *verb, struct lock_holder *holder)
{
	autoclose int fd = fd_open(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd < 0)
		return fd;
	if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		int r = -errno;

		if (r == -EWOULDBLOCK)
			read_holder(fd, holder);
		return r;
	}
	if (!leads_to(dir, name, fd))
		return -ESTALE;
	if (exclusive && verb)
		write_holder(fd, verb);
	return take_fd(fd);
}

int lock_take(int dir, const char *name, bool exclusive, const char *verb, uint64_t deadline, struct lock_holder *ret_holder)
{
	for (int pause = 1;;) {
		struct lock_holder holder = {0};
		int left, r = try_lock(dir, name, exclusive, verb, &holder);

		if (r == -ESTALE || r == -EINTR)
			continue;
		if (r != -EWOULDBLOCK)
			return r;
		left = clock_left_ms(deadline);
		if (left == 0) {
			if (ret_holder)
				*ret_holder = holder;
			return -EBUSY;
		}
		pause_for(&holder, left > 0 && left < pause ? left : pause);
		pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
	}
}

void lock_forget(int dir, const char *name, int *fd)
{
	if (*fd >= 0 && leads_to(dir, name, *fd))
		(void)unlinkat(dir, name, 0);
	fd_close(fd);
}

int lock_reap(int dir, const char *name)
{
	autoclose int fd = fd_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return path_remove_tree(dir, name);
}
