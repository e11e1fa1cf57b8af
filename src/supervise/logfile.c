/* logfile.c - append, rotate at half the limit, and survive every way in which a disk can refuse. */
#include "supervise/logfile.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t half_of(const struct logfile *l)
{
	return l->limit > 1 ? l->limit / 2 : 1;
}

/* O_NONBLOCK: a fifo put there by somebody is refused at once instead of waiting for its reader. */
static int logfile_reopen(struct logfile *l)
{
	autoclose int fd = fd_open(l->dir, l->name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0)
		return fd == -ENXIO ? -EEXIST : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	l->size = (uint64_t)st.st_size;
	l->fd = take_fd(fd);
	return 0;
}

int logfile_open(struct logfile *l, int dir, const char *name, uint64_t limit)
{
	*l = (struct logfile){.dir = dir, .fd = FD_NONE, .limit = limit};
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (strlen(name) >= sizeof(l->name))
		return -ENAMETOOLONG;
	memcpy(l->name, name, strlen(name) + 1);
	return limit ? logfile_reopen(l) : 0;
}

void logfile_close(struct logfile *l)
{
	fd_close(&l->fd);
}

/* Makes room for one byte at least. False when there is none and the bytes must be dropped. */
static bool logfile_rotate(struct logfile *l)
{
	char old[sizeof(l->name) + 2];
	struct stat st;

	/* Somebody may have emptied the file: then it is not full at all. */
	if (fstat(l->fd, &st) == 0)
		l->size = (uint64_t)st.st_size;
	if (l->size < half_of(l))
		return true;
	(void)snprintf(old, sizeof(old), "%s.1", l->name);
	/* A name that somebody removed is only opened again. Where the rename is refused the newest output wins over the oldest. */
	if (renameat(l->dir, l->name, l->dir, old) < 0 && errno != ENOENT) {
		if (ftruncate(l->fd, 0) < 0)
			return false;
		l->size = 0;
		return true;
	}
	fd_close(&l->fd);
	return logfile_reopen(l) == 0 && l->size < half_of(l);
}

/* Bytes written: fewer than @len only when the disk refuses. */
static size_t logfile_append(struct logfile *l, const char *bytes, size_t len)
{
	size_t done = 0;

	if (l->fd < 0 && logfile_reopen(l) < 0)
		return 0;
	while (done < len) {
		size_t step = len - done;
		ssize_t n;

		if (l->size >= half_of(l) && !logfile_rotate(l))
			break;
		if (step > half_of(l) - l->size)
			step = (size_t)(half_of(l) - l->size);
		n = write(l->fd, bytes + done, step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
		l->size += (uint64_t)n;
	}
	return done;
}

void logfile_write(struct logfile *l, const char *bytes, size_t len)
{
	if (!l->limit || len == 0)
		return;
	if (l->dropped > l->noted) {
		char mark[80];
		uint64_t gap = l->dropped - l->noted;
		size_t n = (size_t)snprintf(mark, sizeof(mark), "\r\n[... %llu bytes could not be written ...]\r\n", (unsigned long long)gap);

		/* A mark cut short by the next refusal is rare and only ugly; one repeated at every try would fill the disk with marks. */
		if (logfile_append(l, mark, n) > 0)
			l->noted += gap;
	}
	l->dropped += len - logfile_append(l, bytes, len);
}
