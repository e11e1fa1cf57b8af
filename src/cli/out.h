/* out.h - rows of anything as a table, plain text, CSV or JSON, from one description of the columns.
 *
 * A view names its columns once; each column knows how to take its value out of a row. The value is typed, and the form decides how it is
 * written: a person sees 2.9M, a program 3040870; unknown is "-" or null, never a zero. Plain and CSV carry the same exact values as JSON.
 * Texts are made safe for a terminal in the table and plain forms. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct args;
struct cli;
struct jout;

enum cell_kind {
	CELL_NONE,   /* unknown */
	CELL_TEXT,
	CELL_NUMBER,
	CELL_SIGNED,
	CELL_BYTES,
	CELL_TIME,   /* unix seconds in number */
	CELL_BOOL,
	CELL_WORDS,  /* comma or blank separated list in text */
};

struct cell {
	enum cell_kind kind;
	const char *text; /* borrowed from the row */
	uint64_t number;
	int64_t integer;
};

#define COLUMN_TABLE 1u /* shown in a table by default */
#define COLUMN_LONG 2u  /* shown with --long */
#define COLUMN_RIGHT 4u /* aligned to the right */
#define COLUMN_ASK 8u   /* costly: filled only when asked for, in JSON too */
#define COLUMN_BLANK 16u /* nothing to show is shown as nothing, not as "-" */

struct column {
	const char *key;   /* JSON member, CSV heading, name for --columns */
	const char *title; /* table heading */
	unsigned flags;
	unsigned what;     /* COPPICE_INFO_* bits the engine must fill */
	void (*get)(const void *row, struct cell *ret);
	/* What a person sees instead, or NULL: appends to @b. */
	void (*show)(const void *row, struct buf *b);
	enum colour_of { PAINT_NONE, PAINT_STATE, PAINT_LEVEL, PAINT_NAME } paint;
};

struct view {
	const char *schema; /* "coppice.list/1" */
	const char *array;  /* member holding the rows */
	const struct column *columns;
	size_t count;
};

#define OUT_COLUMNS_MAX 40

/* Which columns, in which order, and how the rows are sorted. */
struct selection {
	unsigned column[OUT_COLUMNS_MAX];
	size_t count;
	unsigned what;   /* union of the columns' needs, the sort column's too */
	int sort;        /* column, -1 = as given */
	bool descending;
	bool chosen;     /* the user named columns: JSON has these only */
};

/* Reads --columns ("name,state", "+private" adds to the default), --long and --sort ("memory", "-memory") from the verb's options. An
 * unknown column is a usage error with the nearest name. */
int out_select(const struct view *view, const struct args *args, struct selection *ret, struct err *e) MUST_USE;
/* All default columns, no sorting: for views without these options. */
void out_select_default(const struct view *view, struct selection *ret);

/* Sorts @rows (of @size bytes each) in place as @sel wants it. */
void out_sort(const struct view *view, const struct selection *sel, void *rows, size_t count, size_t size);

struct out_job {
	const struct view *view;
	const struct selection *sel;
	const void *rows;
	size_t count, size; /* of a row */
	const char *footer; /* a line under the table, or NULL */
	/* Further members of the JSON envelope, or NULL. */
	void (*totals)(struct jout *j, const void *data);
	const void *totals_data;
};

/* Writes the rows to cli->out in the form asked for. No rows: no table at all, an empty JSON array. */
void out_rows(struct cli *cli, const struct out_job *job);

/* Columns a terminal needs for @s. */
size_t out_width(const char *s);
/* Appends @s with control bytes and invalid UTF-8 made safe for a terminal. */
void out_safe(struct buf *b, const char *s);
/* Appends @s as one CSV field (RFC 4180). */
void out_csv_field(struct buf *b, const char *s);
/* One row as a JSON object with @schema as its first member (NULL = none). */
void out_json_row(struct jout *j, const struct view *view, const struct selection *sel, const void *row, const char *schema);

/* The options out_select reads, for a verb's table. */
#define OUT_OPTS                                                                                                                          \
	{.name = "columns", .letter = 'c', .type = OPT_TEXT, .arg = "LIST", .help = "columns, comma separated; +NAME adds to the default"}, \
		{.name = "long", .letter = 'l', .type = OPT_FLAG, .help = "more columns"},                                                \
	{                                                                                                                                 \
		.name = "sort", .type = OPT_TEXT, .arg = "COLUMN", .help = "sort by a column; -COLUMN the other way"                      \
	}

static inline void cell_text(struct cell *c, const char *s)
{
	if (s && *s) {
		c->kind = CELL_TEXT;
		c->text = s;
	}
}

/* UINT64_MAX is unknown. */
static inline void cell_number(struct cell *c, enum cell_kind kind, uint64_t n)
{
	if (n != UINT64_MAX) {
		c->kind = kind;
		c->number = n;
	}
}

static inline void cell_bool(struct cell *c, bool b)
{
	c->kind = CELL_BOOL;
	c->number = b;
}
