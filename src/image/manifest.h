/* manifest.h - the list of everything a sealed base holds; its digest is the base's version.
 *
 * Text, one line an entry, in path order (a directory comes right before what is in it, names by their bytes). The first line is
 * MANIFEST_HEAD. Fields are separated by one space:
 *
 *     PART TYPE MODE UID GID SIZE DATA XATTRS PATH [FIRST]
 *
 * PART    i = in the image only, b = in the image and in skel
 * TYPE    d directory, f file, h further name of file FIRST (everything else as in FIRST's line), l symbolic link, p fifo
 * MODE    permission bits, octal; UID GID SIZE decimal (SIZE is 0 but for f and h)
 * DATA    sha256 of the content for f and h, the target for l (escaped), else -
 * XATTRS  sha256 over the extended attributes, - when there are none
 * PATH    relative to the root of the tree, escaped; "." is the root itself
 *
 * Escaped: bytes up to 0x20, from 0x7f on, and the backslash are written \xHH. There are no times in it: the same content is the same
 * base whenever it was unpacked. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define MANIFEST_HEAD "coppice-manifest 1\n"
#define MANIFEST_LINE_MAX 65536u /* a path and a target of 4 KiB each, every byte escaped, fit */

struct manifest_entry {
	char part; /* 'i', 'b' */
	char type; /* 'd', 'f', 'h', 'l', 'p' */
	mode_t mode;
	uint32_t uid, gid;
	uint64_t size;
	const char *data;   /* 64 hex digits; link target, not escaped; "" = none */
	const char *xattrs; /* 64 hex digits, "" = none */
	const char *path;   /* not escaped */
	const char *first;  /* not escaped; "" but for 'h' */
};

/* Appends the line of @m. */
void manifest_write(struct buf *out, const struct manifest_entry *m);

/* Reads entries one by one from a manifest in memory, which it changes in place (so that an entry's texts point into it). Everything is
 * checked: field syntax, escapes in their one right form, paths without empty, "." or ".." parts, order. */
struct manifest_reader {
	char *at, *end;
	const char *last; /* path of the entry before, for the order */
	unsigned line;
};

int manifest_open(struct manifest_reader *r, char *text, size_t len, struct err *e) MUST_USE;
/* 1 = an entry, 0 = the end. */
int manifest_next(struct manifest_reader *r, struct manifest_entry *ret, struct err *e) MUST_USE;

/* The order of paths: byte order with '/' before every other byte. */
int manifest_path_compare(const char *a, const char *b);

/* Appends @text escaped. */
void manifest_escape(struct buf *out, const char *text);
/* Undoes it in place. False when @text is not exactly what manifest_escape() writes. */
bool manifest_unescape(char *text);
