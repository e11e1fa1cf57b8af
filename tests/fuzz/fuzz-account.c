/* fuzz-account - passwd and group of strangers: the input is passwd up to the first NUL byte, group behind it. Whatever it holds, ids are ids, paths are absolute and groups are
 * bounded. */
#include "base/fd.h"
#include "engine/account.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(int root, const char *name, const uint8_t *bytes, size_t len)
{
	autoclose int fd = fd_open(root, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || fd_write_all(fd, bytes, len) < 0)
		abort();
}

static void check(int root, const char *user)
{
	struct account ac;
	struct err e = {0};

	if (account_resolve(root, user, &ac, &e) < 0) {
		if (!e.code)
			abort();
		return;
	}
	if (ac.uid == (uid_t)-1 || ac.gid == (gid_t)-1 || ac.home[0] != '/' || ac.shell[0] != '/' || ac.group_count < 1 ||
	    ac.group_count > ARRAY_LEN(ac.groups) || ac.groups[0] != ac.gid)
		abort();
	for (size_t i = 0; i < ac.group_count; i++)
		if (ac.groups[i] == (gid_t)-1)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const users[] = {NULL, "root", "bob", "0", "1000", "bob:4", "4294967295", ""};
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t first = nul ? (size_t)(nul - data) : size;
	char path[] = "/tmp/coppice-fuzz.XXXXXX";
	autoclose int root = FD_NONE;

	if (!mkdtemp(path))
		abort();
	root = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (root < 0 || mkdirat(root, "etc", 0700) < 0)
		abort();
	put(root, "etc/passwd", data, first);
	put(root, "etc/group", nul ? nul + 1 : data, nul ? size - first - 1 : 0);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		check(root, users[i]);
	(void)unlinkat(root, "etc/passwd", 0);
	(void)unlinkat(root, "etc/group", 0);
	(void)unlinkat(root, "etc", AT_REMOVEDIR);
	(void)rmdir(path);
	return 0;
}
