/* record.c - what is remembered of a running container, and how the last run ended. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/fields.h"
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A record that cannot say who wrote it and when is worth nothing: monitor and boot are required, the rest may come and go with
 * versions. */
static const struct field record_fields[] = {
	FIELD(record, boot_id, FIELD_TEXT, true),
	FIELD(record, monitor, FIELD_PROC, true),
	FIELD(record, init, FIELD_PROC, false),
	FIELD(record, user_net, FIELD_PROC, false),
	FIELD(record, group, FIELD_TEXT, false),
	FIELD(record, monitor_group, FIELD_TEXT, false),
	FIELD(record, base, FIELD_TEXT, false),
	FIELD(record, version, FIELD_TEXT, false),
	FIELD(record, base_level, FIELD_TEXT, false),
	FIELD(record, mode, FIELD_TEXT, false),
	FIELD(record, addresses, FIELD_TEXT, false),
	FIELD(record, started, FIELD_I64, false),
	FIELD(record, id_first, FIELD_U32, false),
	FIELD(record, restarts, FIELD_U32, false),
	FIELD(record, last_exit, FIELD_I32, false),
	FIELD(record, starting, FIELD_BOOL, false),
	FIELD(record, frozen, FIELD_BOOL, false),
	FIELD(record, note, FIELD_TEXT, false),
};

struct last {
	int32_t exit;
	int64_t ended;
};

static const struct field last_fields[] = {
	FIELD(last, exit, FIELD_I32, true),
	FIELD(last, ended, FIELD_I64, true),
};

int record_parse(const char *text, size_t len, struct record *ret)
{
	return fields_parse(record_fields, ARRAY_LEN(record_fields), true, text, len, ret, sizeof(*ret));
}

void record_format(const struct record *r, struct buf *out)
{
	fields_format(record_fields, ARRAY_LEN(record_fields), true, r, out);
}

int record_read(const struct state *st, const char *name, struct record *ret)
{
	char path[96];

	if (!parse_is_container(name))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "%s/record", name);
	return fields_load(st->run_dir, path, record_fields, ARRAY_LEN(record_fields), true, ret, sizeof(*ret));
}

/* Run-time state, void after a reboot: readers must see old or new, but nothing has to survive a power cut. */
static int write_file(const struct state *st, const char *name, const char *file, const struct buf *text)
{
	autoclose int dir = state_run_dir(st, name, true);

	if (dir < 0)
		return dir;
	if (buf_failed(text))
		return -ENOMEM;
	return path_swap_file(dir, file, buf_str(text), text->len, 0600);
}

int record_write(const struct state *st, const char *name, const struct record *r)
{
	autodone(buf_done) struct buf text = BUF_INIT;

	record_format(r, &text);
	return write_file(st, name, "record", &text);
}

static void format_last(int32_t exit, struct buf *out)
{
	const struct last last = {.exit = exit, .ended = clock_unix()};

	fields_format(last_fields, ARRAY_LEN(last_fields), true, &last, out);
}

static int remove_record(const struct state *st, const char *name)
{
	autoclose int dir = state_run_dir(st, name, false);

	if (dir < 0)
		return dir;
	if (unlinkat(dir, "record", 0) < 0 && errno != ENOENT)
		return -errno;
	if (unlinkat(dir, RECORD_CONFIG, 0) < 0 && errno != ENOENT)
		return -errno;
	if (unlinkat(dir, RECORD_PLACE, 0) < 0 && errno != ENOENT)
		return -errno;
	return unlinkat(dir, RECORD_PLAN, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int record_clear(const struct state *st, const char *name, int32_t last_exit)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = FD_NONE;
	int r;

	format_last(last_exit, &text);
	r = write_file(st, name, "last", &text);
	dir = state_run_dir(st, name, false);
	/* on a full disk how it ended is not remembered, but that it ended is: an older end must not pass for this one */
	if (r < 0 && dir >= 0)
		(void)unlinkat(dir, "last", 0);
	return remove_record(st, name);
}

int record_drop(const struct state *st, const char *name)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = state_run_dir(st, name, false);
	autoclose int fd = dir < 0 ? FD_NONE : fd_open(dir, "last", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);

	format_last(-1, &text);
	if (fd >= 0)
		(void)!fd_write_all(fd, buf_str(&text), text.len);
	return remove_record(st, name);
}

int place_write(const struct state *st, const char *name, const char *group)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = FD_NONE;

	if (group) {
		buf_printf(&text, "%s\n", group);
		return write_file(st, name, RECORD_PLACE, &text);
	}
	dir = state_run_dir(st, name, false);
	return dir >= 0 && unlinkat(dir, RECORD_PLACE, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int place_read(const struct state *st, const char *name, char ret[256])
{
	autoclose int dir = state_run_dir(st, name, false);
	char text[258];
	ssize_t n = dir < 0 ? dir : fd_read_file(dir, RECORD_PLACE, text, sizeof(text));

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	if (!text[0])
		return -ENOENT;
	(void)snprintf(ret, 256, "%.255s", text);
	return 0;
}

int record_last(const struct state *st, const char *name, int32_t *ret_exit, int64_t *ret_ended)
{
	autoclose int dir = state_run_dir(st, name, false);
	struct last last;
	int r;

	if (dir < 0)
		return dir;
	r = fields_load(dir, "last", last_fields, ARRAY_LEN(last_fields), true, &last, sizeof(last));
	if (r < 0)
		return r;
	*ret_exit = last.exit;
	*ret_ended = last.ended;
	return 0;
}

bool record_is_current(const struct record *r)
{
	char boot[40];

	return proc_boot_id(boot) == 0 && strcmp(boot, r->boot_id) == 0;
}
