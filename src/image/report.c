/* report.c - see report.h. */
#include "image/report.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define PROGRESS_MS 100

int report_line(struct report *r, struct buf *line)
{
	buf_putc(line, '\n');
	if (buf_failed(line))
		return -ENOMEM;
	return fd_write_all(r->fd, line->data, line->len);
}

int report_progress(struct report *r, const char *phase, int percent, const char *fmt, ...)
{
	autodone(buf_done) struct buf line = BUF_INIT;
	struct json j = {.b = &line};
	uint64_t now = clock_now_ms();
	char detail[512];
	va_list args;

	if (r->phase == phase && now - r->last_ms < PROGRESS_MS)
		return 0;
	r->phase = phase;
	r->last_ms = now;
	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	json_object(&j, NULL);
	json_string(&j, "phase", phase);
	if (percent >= 0)
		json_i64(&j, "percent", percent > 100 ? 100 : percent);
	json_string(&j, "detail", detail);
	json_object_end(&j);
	return report_line(r, &line);
}

int report_error(struct report *r, const struct err *e)
{
	autodone(buf_done) struct buf line = BUF_INIT;
	struct json j = {.b = &line};

	json_object(&j, NULL);
	json_object(&j, "error");
	json_string(&j, "kind", err_kind_name((enum err_kind)e->kind));
	json_i64(&j, "code", e->code);
	json_string(&j, "why", e->why);
	json_string(&j, "try", e->hint);
	json_object_end(&j);
	json_object_end(&j);
	return report_line(r, &line);
}
