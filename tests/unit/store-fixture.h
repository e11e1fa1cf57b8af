/* store-fixture.h - small bases for the store's tests. */
#pragma once

#include "base/err.h"
#include "store/store.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <dirent.h>

/* Makes directory @path beneath @dirfd, parents too, and keeps nothing open. */
static inline void fixture_dirs(int dirfd, const char *path)
{
	int fd = path_mkdirs_beneath(dirfd, path, 0755);

	assert_true(fd >= 0);
	fd_close(&fd);
}

/* bases/NAME/VERSION with a meta file, a skel of a few kinds of files and (seal "tree") a tree. The digest is the version. */
static inline void fixture_base(const struct store *s, const char *name, const char *version, const char *seal, long created)
{
	char path[256], text[512];
	int dir;

	(void)snprintf(path, sizeof(path), "bases/%s/%s", name, version);
	fixture_dirs(s->dir, path);
	dir = openat(s->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	(void)snprintf(text, sizeof(text),
		       "format = 1\nname = %s\nversion = %s\ndigest = %s\nos = Debian GNU/Linux 12\narch = amd64\nsource = test\ncreated = %ld\n"
		       "seal = %s\ncommon_bytes = 1000\nmerged_usr = 1\n",
		       name, version, version, created, seal);
	assert_int_equal(scratch_put(dir, "meta", text), 0);
	fixture_dirs(dir, "skel/etc/init.d");
	fixture_dirs(dir, "skel/var/lib");
	assert_int_equal(scratch_put(dir, "skel/etc/passwd", "root:x:0:0::/root:/bin/sh\n"), 0);
	assert_int_equal(fchmodat(dir, "skel/etc/init.d", 02755, 0), 0);
	assert_int_equal(symlinkat("usr/bin", dir, "skel/bin"), 0);
	if (strcmp(seal, "tree") == 0) {
		fixture_dirs(dir, "tree/usr/bin");
		fixture_dirs(dir, "tree/usr/local/bin");
		fixture_dirs(dir, "tree/etc");
		assert_int_equal(scratch_put(dir, "tree/usr/bin/tool", name), 0);
		assert_int_equal(scratch_put(dir, "tree/usr/local/bin/own", "local"), 0);
	}
	fd_close(&dir);
}

static inline void fixture_current(const struct store *s, const char *name, const char *version)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "bases/%s/current", name);
	(void)unlinkat(s->dir, path, 0);
	assert_int_equal(symlinkat(version, s->dir, path), 0);
}

static inline bool fixture_exists(const struct store *s, const char *path)
{
	return faccessat(s->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Entries of a directory of the store; 0 when it is missing. */
static inline size_t fixture_entries(const struct store *s, const char *path)
{
	int fd = openat(s->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n < 2 ? 0 : n - 2;
}
