/* account.h - who a user of a container is, by the container's own passwd and group.
 *
 * Read by our bounded parser; no library lookup (NSS) of the host or of the container is involved. */
#pragma once

#include "base/err.h"

#include <sys/types.h>

struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[64];
	size_t group_count;
	char name[64], home[256], shell[256];
};

/* Resolves "root", "33" or "www-data:4" (a user by name or number, a group by number) in etc/passwd and etc/group below @rootfd (AT_FDCWD: our own root). NULL is root. A
 * number without a line is taken as it is. */
int account_resolve(int rootfd, const char *user, struct account *ret, struct err *e) MUST_USE;
