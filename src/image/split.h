/* split.h - which part of a base an entry belongs to, and the making of skel.
 *
 * The image holds the whole trimmed system. Shared by bind mounts ("common") are usr and, where they are real directories and not links
 * into usr, bin, sbin, lib*. Private is all the rest, and usr/local; skel is its template: a copy of the private part without what
 * rules_not_in_skel() names, with the shared directories and mount points as empty places to mount on. */
#pragma once

#include "image/job.h"

#define SPLIT_DIRS_MAX 8u

struct split {
	const char *common[SPLIT_DIRS_MAX]; /* "usr" first */
	unsigned count;
	bool merged_usr; /* common is usr alone */
};

void split_detect(int tree, struct split *ret);

/* True for shared directories and what is in them, but not for usr/local. */
bool split_is_common(const struct split *s, const char *path);

/* 'i' = in the image only, 'b' = in skel as well. */
char split_part(const struct split *s, const char *path);

/* Makes out/skel from the tree. */
int split_make_skel(struct job *j, const struct split *s, struct err *e) MUST_USE;
