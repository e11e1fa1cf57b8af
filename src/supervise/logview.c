/* logview.c - follows files by inode: the open one is read to its end, and when its name has moved on, so do we. */
#include "supervise/logview.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN 4096

struct older_name {
	char text[sizeof(((struct logview *)0)->name) + 2];
};

static struct older_name older(const struct logview *v)
{
	struct older_name n;

	(void)snprintf(n.text, sizeof(n.text), "%s.1", v->name);
	return n;
}

/* -ENOENT when there is no such file. */
static int open_log(const struct logview *v, const char *name)
{
	autoclose int fd = fd_open(v->dir, name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? take_fd(fd) : -EINVAL;
}

/* Whether @name is the file that is open now. */
static bool is_current(const struct logview *v, const char *name)
{
	struct stat mine, named;

	return v->fd >= 0 && fstat(v->fd, &mine) == 0 && fstatat(v->dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_dev == named.st_dev &&
	       mine.st_ino == named.st_ino;
}

/* Where the last *@lines lines of @fd begin; what the file has too few of is left in *@lines. @tail: the file's end is the end of the log, where a
 * newline ends the last line instead of beginning an empty one. */
static int find_lines(int fd, bool tail, uint64_t *lines, uint64_t *ret_pos)
{
	off_t end = lseek(fd, 0, SEEK_END);
	bool last = tail;

	if (end < 0)
		return -errno;
	while (end > 0) {
		char chunk[SCAN];
		off_t at = end > SCAN ? end - SCAN : 0;
		ssize_t n = pread(fd, chunk, (size_t)(end - at), at);

		if (n < 0)
			return -errno;
		if (n == 0)
			break; /* emptied meanwhile */
		while (n-- > 0) {
			if (chunk[n] == '\n' && !last && --*lines == 0) {
				*ret_pos = (uint64_t)at + (uint64_t)n + 1;
				return 0;
			}
			last = false;
		}
		end = at;
	}
	*ret_pos = 0;
	return 0;
}

static int open_at_lines(struct logview *v, uint64_t lines)
{
	autoclose int newest = open_log(v, v->name);
	autoclose int oldest = FD_NONE;
	uint64_t pos = 0;
	int r;

	if (newest < 0)
		return newest == -ENOENT ? 0 : newest;
	r = find_lines(newest, true, &lines, &pos);
	if (r < 0)
		return r;
	if (lines > 0) {
		oldest = open_log(v, older(v).text);
		if (oldest < 0 && oldest != -ENOENT)
			return oldest;
	}
	/* A rotation between the two opens makes them one file: it is read once. */
	if (oldest >= 0 && !fd_same_file(oldest, newest)) {
		r = find_lines(oldest, lseek(newest, 0, SEEK_END) == 0, &lines, &pos);
		if (r < 0)
			return r;
		v->fd = take_fd(oldest);
	} else {
		v->fd = take_fd(newest);
	}
	v->pos = pos;
	return 0;
}

int logview_open(struct logview *v, int dir, const char *name, uint64_t lines)
{
	struct stat st;
	int r;

	*v = (struct logview){.dir = dir, .fd = FD_NONE};
	if (!*name || strchr(name, '/'))
		return -EINVAL;
	if (strlen(name) >= sizeof(v->name))
		return -ENAMETOOLONG;
	memcpy(v->name, name, strlen(name) + 1);
	if (lines == LOGVIEW_ALL) {
		r = open_log(v, older(v).text);
		if (r == -ENOENT)
			r = open_log(v, v->name);
		v->fd = r < 0 ? FD_NONE : r;
		return r == -ENOENT || r >= 0 ? 0 : r;
	}
	if (lines > 0)
		return open_at_lines(v, lines);
	r = open_log(v, v->name);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	v->fd = r;
	v->pos = fstat(v->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

void logview_close(struct logview *v)
{
	fd_close(&v->fd);
}

static ssize_t read_on(struct logview *v, char *out, size_t size)
{
	struct stat st;
	ssize_t n;

	if (v->fd < 0)
		return 0;
	if (fstat(v->fd, &st) == 0 && (uint64_t)st.st_size < v->pos)
		v->pos = 0; /* somebody emptied it */
	do
		n = pread(v->fd, out, size, (off_t)v->pos);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	v->pos += (uint64_t)n;
	return n;
}

ssize_t logview_read(struct logview *v, char *out, size_t size)
{
	/* At most: the rest of this file, then NAME.1 when a rotation was missed, then NAME. */
	for (int hops = 0; hops < 3; hops++) {
		ssize_t n = read_on(v, out, size);
		int next;

		if (n != 0 || is_current(v, v->name))
			return n;
		/* Our file has been renamed or removed. Nothing is written to it any more, but something may have been since our read. */
		n = read_on(v, out, size);
		if (n != 0)
			return n;
		next = open_log(v, v->fd < 0 || is_current(v, older(v).text) ? v->name : older(v).text);
		if (next == -ENOENT)
			next = open_log(v, v->name);
		if (next < 0)
			return next == -ENOENT ? 0 : next; /* between two names of a rotation */
		if (fd_same_file(next, v->fd)) {
			fd_close(&next);
			return 0;
		}
		fd_close(&v->fd);
		v->fd = next;
		v->pos = 0;
	}
	return 0;
}
