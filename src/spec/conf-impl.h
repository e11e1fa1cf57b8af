/* conf-impl.h - limits of config text, and a document from inside, for conf-apply.c and conf-upgrade.c. Internal to src/spec. */
#pragma once

#include "base/arena.h"
#include "spec/conf.h"

#include <sys/types.h>

#define CONF_LINE_MAX (64 << 10)
#define CONF_FILE_MAX (1 << 20)
#define CONF_LINES_MAX 4096
#define CONF_DEPTH_MAX 8
/* Files one config may pull in, all depths together, so that includes of includes stay bounded. */
#define CONF_INCLUDES_MAX 256

struct conf_line {
	const char *text; /* the whole line with its end */
	size_t len;
	size_t key_at;		    /* the key in @text */
	size_t value_at, value_len; /* the value in @text, quotes included, blanks around it not */
	const char *key;	    /* NULL: a comment, an empty line, or one with a problem */
	const char *value;	    /* without its quotes */
	const char *problem;	    /* why it could not be read, NULL = nothing wrong; only in documents that are not strict */
	bool foreign;		    /* begins with neither lxc. nor coppice. */
};

struct conf {
	struct arena arena;
	const char *origin;
	enum conf_mode mode;
	bool bom; /* the text began with a byte order mark */
	struct conf_line *lines;
	size_t count;
	dev_t dev; /* of the file it was read from, 0 = not a file */
	ino_t ino;
};

/* The line end this document uses. */
const char *conf_line_end(const struct conf *c);
/* Gives line @index another text; on failure the document is as before. */
int conf_replace_line(struct conf *c, size_t index, const char *text, size_t len, struct err *e) MUST_USE;
void conf_drop_line(struct conf *c, size_t index);
