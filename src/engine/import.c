/* import.c - another tool's description of a container, read by a helper program: lines "N name", "C key = value", "! what was not understood", "E why it cannot be". */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES (4u << 20)
#define LIMIT_MS 30000u

struct taken {
	char name[64];
	struct buf config, notes;
	char failure[512];
};

static void take_lines(const char *text, struct taken *t)
{
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, "\n");

		if (len > 2 && at[0] == 'N')
			(void)snprintf(t->name, sizeof(t->name), "%.*s", (int)(len - 2), at + 2);
		else if (len > 2 && at[0] == 'C')
			buf_add(&t->config, at + 2, len - 2 + (at[len] == '\n'));
		else if (len > 2 && at[0] == '!')
			buf_add(&t->notes, at + 2, len - 2 + (at[len] == '\n'));
		else if (len > 2 && at[0] == 'E')
			(void)snprintf(t->failure, sizeof(t->failure), "%.*s", (int)(len - 2), at + 2);
		at += len + (at[len] == '\n');
	}
}

static int run_helper(int in, struct taken *t, struct err *e)
{
	char path[512];
	const char *const argv[] = {path, NULL};
	autodone(buf_done) struct buf out = BUF_INIT;
	autodone(buf_done) struct buf log = BUF_INIT;
	struct proc_run run = {.argv = argv, .in_fd = in, .cwd_fd = FD_NONE, .out = &out, .out_max = FILE_MAX_BYTES, .log = &log, .deadline = clock_deadline(LIMIT_MS)};
	int status = 0, r = engine_helper("coppice-import", path, e);

	if (r < 0)
		return r;
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", path);
	take_lines(buf_str(&out), t);
	if (t->failure[0])
		return err_set(e, ERR_INPUT, EINVAL, "%s", t->failure);
	if (status != 0)
		return err_set(e, ERR_SYSTEM, EIO, "'%s' ended with status %d: %.300s", path, status, buf_str(&log));
	return 0;
}

int coppice_import_libvirt(struct coppice *c, const char *file, char *ret_name, char **ret_config, char **ret_notes, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, file, O_RDONLY | O_NOCTTY, 0);
	struct taken t = {.config = BUF_INIT, .notes = BUF_INIT};
	struct conf *conf = NULL;
	int r;

	(void)c;
	r = fd < 0 ? err_sys(e, fd, "open '%s'", file) : run_helper(fd, &t, e);
	if (r == 0 && !parse_is_name(t.name))
		r = err_set(e, ERR_INPUT, EINVAL, "the domain's name '%s' is no name here; give one", t.name);
	if (r == 0)
		r = conf_parse(buf_str(&t.config), t.config.len, file, &conf, e);
	conf_free(&conf);
	if (r == 0) {
		(void)snprintf(ret_name, 64, "%s", t.name);
		*ret_config = strdup(buf_str(&t.config));
		*ret_notes = strdup(buf_str(&t.notes));
		r = *ret_config && *ret_notes ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	buf_done(&t.config);
	buf_done(&t.notes);
	return r < 0 ? err_what(e, "cannot import '%s'", file) : 0;
}
