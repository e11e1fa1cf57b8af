/* caps.h - capability sets of the calling process. Functions return -errno. */
#pragma once

#include "base/attr.h"

#include <sys/types.h>

/* Highest capability the running kernel knows (40 on 5.9+). */
unsigned caps_last(void);

/* Drops from the bounding set every capability whose bit is not in @keep. */
int caps_bound(uint64_t keep) MUST_USE;

/* Empties the inheritable and ambient sets, so that nothing leaks through an exec by a non-root user. */
int caps_clear_inherited(void) MUST_USE;

/* Makes every permitted capability effective again (after setfsuid(2) lowered the file ones). */
int caps_raise_effective(void) MUST_USE;

/* File-system identity for work on behalf of an id range, with all capabilities kept: files made are owned by @uid/@gid, seen through an idmapped mount as
 * the container's root. */
int caps_act_as(uid_t uid, gid_t gid) MUST_USE;
