/* scan.h - walks a sealed tree, or one about to be sealed, in manifest order and tells each entry with its digest.
 *
 * Building writes what it is told; verifying compares it with what was written: one walk serves both. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/manifest.h"
#include "image/sha.h"

struct scan_link;

struct scan {
	/* Called for every entry; its texts are borrowed. part is not set. A negative result ends the walk and is returned. */
	int (*entry)(void *data, struct manifest_entry *m, struct err *e);
	/* Called at least once a file and once a MiB of content; may be NULL. */
	int (*tick)(void *data, struct err *e);
	void *data;
	uint64_t files, bytes; /* so far */
	int64_t newest;        /* latest modification time met, seconds rounded up */
	struct sha sha;
	void *chunk;
	struct scan_link *links;
	size_t link_cap, link_count;
	struct arena texts;
	struct buf path;
};

#define SCAN_INIT(entry_, tick_, data_) {.entry = (entry_), .tick = (tick_), .data = (data_), .sha = SHA_INIT,                           \
	.texts = ARENA_INIT, .path = BUF_INIT}

int scan_tree(struct scan *s, int root, struct err *e) MUST_USE;
void scan_done(struct scan *s);
