/* scratch.h - a temporary directory per test program, removed at its end. */
#pragma once

#include "base/fd.h"
#include "base/path.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
	char path[128];
};

static inline int scratch_open(struct scratch *s)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(s->path, sizeof(s->path), "%.80s/coppice-test.XXXXXX", base && *base ? base : "/tmp");
	return mkdtemp(s->path) ? 0 : -1;
}

static inline void scratch_close(struct scratch *s)
{
	char *slash = strrchr(s->path, '/');
	int parent;

	if (!slash)
		return;
	*slash = '\0';
	parent = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (path_remove_tree(parent, slash + 1) < 0)
		(void)fprintf(stderr, "cannot remove %s/%s\n", s->path, slash + 1);
	fd_close(&parent);
	s->path[0] = '\0';
}

/* PATH/format... in a buffer of the caller. */
__attribute__((format(printf, 3, 4))) static inline const char *scratch_at(const struct scratch *s, char out[512], const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(out, 512, "%s/", s->path);

	va_start(ap, fmt);
	(void)vsnprintf(out + n, 512 - (size_t)n, fmt, ap);
	va_end(ap);
	return out;
}

/* Writes a file below @dirfd, making it. */
static inline int scratch_put(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -1 : fd_write_all(fd, text, strlen(text));

	fd_close(&fd);
	return r;
}
