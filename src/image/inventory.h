/* inventory.h - the manifest of a staged tree, its digest, and what was counted on the way. */
#pragma once

#include "image/job.h"
#include "image/split.h"

struct inventory {
	struct buf manifest;
	char digest[65];
	char version[17];                                            /* its first 16 digits */
	uint64_t common_bytes, common_files, skel_bytes, skel_files; /* bytes of content, hard links once; all entries */
	uint64_t total_bytes, total_files;
	int64_t newest; /* latest modification time in the tree */
	bool no_init;   /* no /sbin/init: a container on it needs a program that is named */
};

#define INVENTORY_INIT {.manifest = BUF_INIT}

/* Hashes the tree; warns about set-id programs, links from common into the private part and hard links across the split, and a missing /sbin/init. */
int inventory_take(struct job *j, const struct split *s, struct inventory *ret, struct err *e) MUST_USE;
void inventory_done(struct inventory *v);
