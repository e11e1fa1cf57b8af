/* subids.h - the subordinate ids of a user: subuid(5), subgid(5), and passwd(5) for his name. Pure: texts in, numbers out. */
#pragma once

#include "base/attr.h"

#include <stdbool.h>
#include <sys/types.h>

struct subids {
	uint32_t first, count;
};

/* The widest range that @text (the file's content) gives to the user called @name ("" = has none) or numbered @uid. Lines that cannot be
 * read are skipped, as newuidmap(1) does. False when there is none. */
bool subids_parse(const char *text, const char *name, uid_t uid, struct subids *ret);

/* The name of @uid by the text of /etc/passwd; false when it has no line or a name longer than 63 bytes. */
bool subids_user(const char *text, uid_t uid, char ret[64]);
