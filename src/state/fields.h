/* fields.h - a struct as lines of "key = value", both ways from one table.
 *
 * What our small files on disk hold (records, last exits, base meta) is described once, as a table of fields; reading and writing follow
 * it. The grammar is bounded and strict where it is ours and tolerant where time passes: unknown keys are skipped (a newer version may
 * have written them), while a malformed line, a repeated key, a value that does not fit, a missing required key, another format number
 * or (in closed files) a missing last line "end = 1" is -EBADMSG, and the struct is not touched. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

enum field_type {
	FIELD_TEXT, /* char[size] */
	FIELD_CLIP, /* the same for people: what does not fit is cut off */
	FIELD_U32,
	FIELD_I32,
	FIELD_U64,
	FIELD_I64,
	FIELD_BOOL,
	FIELD_PROC, /* struct proc_id: "PID STARTTIME" */
};

struct field {
	const char *key;
	enum field_type type;
	bool required;
	size_t offset, size;
};

#define FIELD(strukt, member, type, required) {#member, type, required, offsetof(struct strukt, member), sizeof(((struct strukt *)NULL)->member)}

/* Longest file that fields_load() takes, and most fields in a table. */
#define FIELDS_FILE_MAX 8192
#define FIELDS_MAX 32

/* Parses @len bytes of @text into @ret, which is zeroed first; written only on success. 0 or -EBADMSG. */
int fields_parse(const struct field *table, size_t count, bool closed, const char *text, size_t len, void *ret, size_t ret_size) MUST_USE;

/* Reads file @name in @dirfd and parses it. 0, -ENOENT, -EBADMSG (also when it is too long), or -errno. */
int fields_load(int dirfd, const char *name, const struct field *table, size_t count, bool closed, void *ret, size_t ret_size) MUST_USE;

/* Appends the text of @from. Control bytes in texts become '?': no value can add a line. */
void fields_format(const struct field *table, size_t count, bool closed, const void *from, struct buf *out);
