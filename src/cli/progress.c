/* progress.c - see progress.h. Finished phases stay on the screen when they took long enough to be read; everywhere else all of them do, because a log
 * is read afterwards. */
#include "cli/progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SLOW_MS 200u  /* a phase shorter than this leaves no line on a terminal */
#define REDRAW_MS 80u
#define DOTS 60u      /* column where the time of a finished phase stands */

static unsigned columns(void)
{
	struct winsize ws = {0};

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20 ? ws.ws_col : 80;
}

/* The line of the phase that runs, cut to the terminal so that the next redraw covers it. */
static void draw(struct progress *p)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	char text[256];

	if (p->percent >= 0)
		(void)snprintf(text, sizeof(text), "%-8s %3d %%  %s", p->phase, p->percent, p->detail);
	else
		(void)snprintf(text, sizeof(text), "%-8s %s", p->phase, p->detail);
	buf_printf(&b, "\r\033[K%.*s", (int)columns() - 1, text);
	/* Written past cli_talk(), which would take it for talk and end the line. */
	(void)!fd_write_all(STDERR_FILENO, buf_str(&b), b.len);
	p->cli->line_open = true;
	p->drawn = clock_now_ms();
}

static void finish(struct progress *p)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	uint64_t took = clock_now_ms() - p->began;
	size_t width;

	if (!p->phase[0])
		return;
	if (!p->cli->quiet && (!p->live || took >= SLOW_MS)) {
		buf_printf(&b, "%-8s %s ", p->phase, p->detail);
		for (width = out_width(buf_str(&b)); width < DOTS; width++)
			buf_putc(&b, '.');
		buf_printf(&b, " %llu.%llu s\n", (unsigned long long)(took / 1000), (unsigned long long)(took / 100 % 10));
		cli_talk(p->cli, buf_str(&b));
	}
	p->phase[0] = '\0';
}

void progress_begin(struct progress *p, struct cli *cli)
{
	*p = (struct progress){.cli = cli, .percent = -1, .live = cli->err_tty};
}

void progress_step(void *data, const char *phase, int percent, const char *detail)
{
	struct progress *p = data;
	bool fresh;
	char safe[sizeof(p->phase)];

	format_safe(phase, safe, sizeof(safe));
	fresh = strcmp(safe, p->phase) != 0;
	if (fresh) {
		finish(p);
		(void)snprintf(p->phase, sizeof(p->phase), "%s", safe);
		p->detail[0] = '\0';
		p->began = clock_now_ms();
	}
	if (detail)
		format_safe(detail, p->detail, sizeof(p->detail));
	p->percent = percent;
	if (p->live && !p->cli->quiet && (fresh || clock_now_ms() - p->drawn >= REDRAW_MS))
		draw(p);
}

void progress_end(struct progress *p, bool ok)
{
	if (ok)
		finish(p);
	/* Wipes a line that stands unfinished. */
	if (p->cli->line_open)
		cli_talk(p->cli, "");
}
