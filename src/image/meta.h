/* meta.h - the `meta` file of a base: key = value lines, written once, read by everybody who lists or mounts bases. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "image/json.h"

#include <stdbool.h>

struct meta {
	char name[64];
	char version[17], digest[65];
	char os[64], arch[16], source[128];
	char seal[16];         /* "erofs" or "tree" */
	char common[64];       /* the shared directories, space-separated, usr first */
	char image_sha256[65]; /* of image.erofs as a file; "" for a tree */
	int64_t created;
	uint64_t common_bytes, common_files, skel_bytes, skel_files, image_bytes;
	bool merged_usr;
};

void meta_write(const struct meta *m, struct buf *out);
/* Reads it from version directory @dir. Unknown keys are skipped; ERR_DAMAGED when it is malformed. */
int meta_read(int dir, struct meta *ret, struct err *e) MUST_USE;

/* All fields as members of the open object. */
void meta_json(const struct meta *m, struct json *j);

/* Copies @text into a field: bytes that could end or confuse a line become '?'. */
void meta_text(char *out, size_t size, const char *text);
