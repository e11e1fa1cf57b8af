/* baseview.c - see baseview.h. */
#include "cli/baseview.h"

#include "base/clock.h"
#include "base/parse.h"
#include "coppice/coppice.h"

#define COL(name, expression)                                     \
	static void col_##name(const void *row, struct cell *c)   \
	{                                                         \
		const struct coppice_base *b = row;               \
                                                                  \
		expression;                                       \
	}

COL(name, cell_text(c, b->name))
COL(version, cell_text(c, b->version))
COL(digest, cell_text(c, b->digest))
COL(current, cell_bool(c, b->current))
COL(os, cell_text(c, b->os))
COL(arch, cell_text(c, b->arch))
COL(source, cell_text(c, b->source))
COL(seal, cell_text(c, b->seal))
COL(created, cell_number(c, CELL_TIME, b->created > 0 ? (uint64_t)b->created : UINT64_MAX))
COL(common, cell_number(c, CELL_BYTES, b->common_bytes))
COL(common_files, cell_number(c, CELL_NUMBER, b->common_files))
COL(skel, cell_number(c, CELL_BYTES, b->skel_bytes))
COL(skel_files, cell_number(c, CELL_NUMBER, b->skel_files))
COL(image, cell_number(c, CELL_BYTES, b->image_bytes))
COL(merged, cell_bool(c, b->merged_usr))
COL(pins, cell_number(c, CELL_NUMBER, b->pins))

static void show_version(const void *row, struct buf *out)
{
	const struct coppice_base *b = row;

	buf_printf(out, "%.8s%s", b->version, b->current ? " *" : "");
}

static void show_age(const void *row, struct buf *out)
{
	const struct coppice_base *b = row;
	int64_t now = clock_unix();
	char text[16];

	if (b->created <= 0)
		return;
	format_age(now > b->created ? (uint64_t)(now - b->created) : 0, text);
	buf_puts(out, text);
}

static const struct column columns[] = {
	{.key = "name", .title = "NAME", .flags = COLUMN_TABLE, .get = col_name, .paint = PAINT_NAME},
	{.key = "version", .title = "VERSION", .flags = COLUMN_TABLE, .get = col_version, .show = show_version},
	{.key = "digest", .title = "DIGEST", .get = col_digest},
	{.key = "current", .title = "CURRENT", .get = col_current},
	{.key = "os", .title = "OS", .flags = COLUMN_TABLE, .get = col_os},
	{.key = "arch", .title = "ARCH", .flags = COLUMN_LONG, .get = col_arch},
	{.key = "source", .title = "SOURCE", .flags = COLUMN_LONG, .get = col_source},
	{.key = "seal", .title = "SEAL", .flags = COLUMN_TABLE, .get = col_seal},
	{.key = "common_bytes", .title = "COMMON", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_common},
	{.key = "common_files", .title = "FILES", .flags = COLUMN_LONG | COLUMN_RIGHT, .get = col_common_files},
	{.key = "skel_bytes", .title = "PRIVATE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_skel},
	{.key = "skel_files", .title = "PRIVATE-FILES", .flags = COLUMN_RIGHT, .get = col_skel_files},
	{.key = "image_bytes", .title = "IMAGE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_image},
	{.key = "merged_usr", .title = "MERGED-USR", .get = col_merged},
	{.key = "pins", .title = "USED BY", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_pins},
	{.key = "created", .title = "AGE", .flags = COLUMN_TABLE | COLUMN_RIGHT, .get = col_created, .show = show_age},
};

const struct view baseview = {"coppice.base/1", "bases", columns, ARRAY_LEN(columns)};
