/* conf.h - config text: LXC's `key = value`, ours under `coppice.*`, comments and order kept.
 *
 * A `struct conf` is the document, line by line, as the user wrote it; editing it and writing it back changes only the lines
 * concerned. conf_apply() turns it into a spec through the one key table (keys.h). Limits: a line 64 KiB, a file 1 MiB, 4096 lines,
 * include depth 8. NUL bytes are refused; CRLF and a BOM are accepted. */
#pragma once

#include "base/err.h"
#include "base/buf.h"

#include <stdbool.h>

struct spec;
struct conf;

/* Parses @text (@len bytes). @origin names it in errors ("/var/lib/lxc/web1/config"). Gives a document. */
int conf_parse(const char *text, size_t len, const char *origin, struct conf **ret, struct err *e) MUST_USE;
/* Reads file @name beneath @dirfd and parses it; a missing file is -ENOENT. */
int conf_read(int dirfd, const char *name, const char *origin, struct conf **ret, struct err *e) MUST_USE;
void conf_free(struct conf **c);

/* How lines are taken that are no 'key = value' of ours. */
enum conf_mode {
	CONF_STRICT,  /* the first one is an error */
	CONF_LENIENT, /* one that begins with neither lxc. nor coppice. is skipped with a note, as LXC skips it without one */
	CONF_CHECK,   /* all are kept, to be told one by one by conf_watch() */
};
int conf_parse_as(const char *text, size_t len, const char *origin, enum conf_mode mode, struct conf **ret, struct err *e) MUST_USE;
int conf_read_as(int dirfd, const char *name, const char *origin, enum conf_mode mode, struct conf **ret, struct err *e) MUST_USE;

/* The name given at parsing. */
const char *conf_origin(const struct conf *c);

/* The document as text: byte for byte what was parsed, but for the edits. */
void conf_render(const struct conf *c, struct buf *out);

/* Last value of @key, NULL when absent. conf_each: all (key, value) lines in order; stop when the callback returns nonzero. */
const char *conf_get(const struct conf *c, const char *key);
int conf_each(const struct conf *c, int (*fn)(const char *key, const char *value, unsigned line, void *data), void *data);

/* conf_set gives @key this value: the last line of a single-valued key is changed in place; of a list key the first is changed and the others
 * are removed; without one a line is appended. conf_add appends a line of a list key (a single-valued one is set). conf_unset removes all
 * lines of @key. Legacy and modern names of a key count as the same. The value is checked against the key table before anything changes; an
 * unknown key is an error with a suggestion. On failure the document is as before. */
int conf_set(struct conf *c, const char *key, const char *value, struct err *e) MUST_USE;
int conf_add(struct conf *c, const char *key, const char *value, struct err *e) MUST_USE;
int conf_unset(struct conf *c, const char *key, size_t *ret_removed, struct err *e) MUST_USE;

/* Fills @s from the document, following lxc.include; every problem names origin, line, key and what is allowed. Does not freeze. */
int conf_apply(const struct conf *c, struct spec *s, struct err *e) MUST_USE;

/* The same, watched: @line gets every line that was applied, those of includes too (canonical key, value, "file:line"); @problem every one that was not, and the
 * rest goes on. Either may be NULL; without @problem the first one ends it. */
struct conf_watcher {
	void (*line)(void *data, const char *where, const char *key, const char *value);
	void (*problem)(void *data, const char *where, const char *why, const char *hint);
	void *data;
};
int conf_watch(const struct conf *c, struct spec *s, const struct conf_watcher *w, struct err *e) MUST_USE;

/* Rewrites the names LXC had before 2.1 to those it has had since, in place: order, comments and spacing stay. Interfaces get their numbers, a root of a said kind gets that in front,
 * keys that LXC took away without another (lxc.kmsg, lxc.pivotdir, lxc.rootfs.backend) go. @as_lxc: as lxc-update-config does, lines that are commented out too, and dir: before
 * a root whose kind was not said. @change is told each line: its number, what it was and what it is, "" when it went. Gives how many; 0 = nothing was old. On failure the
 * document is only good for conf_free(). */
int conf_upgrade(struct conf *c, bool as_lxc, void (*change)(void *data, unsigned line, const char *old, const char *now), void *data, size_t *ret_count,
		 struct err *e) MUST_USE;
