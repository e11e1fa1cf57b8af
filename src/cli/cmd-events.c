/* cmd-events.c - what happens to containers, a line each as it happens. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/jout.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_meant(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->count; i++)
		if (fnmatch(args->words[i], name, 0) == 0)
			return true;
	return args->count == 0;
}

static const char *event_word(const struct coppice_event *ev)
{
	return ev->kind == COPPICE_EVENT_EXIT ? "exit" : ev->kind == COPPICE_EVENT_FAILED ? "failed" : coppice_state_name(ev->state);
}

static void put_json(const struct coppice_event *ev, struct buf *line)
{
	struct jout j = JOUT_INIT(line);

	jout_open(&j, '{');
	jout_key(&j, "schema");
	jout_text(&j, "coppice.event/1");
	jout_key(&j, "time");
	jout_time(&j, clock_unix());
	jout_key(&j, "name");
	jout_text(&j, ev->name);
	jout_key(&j, "event");
	jout_text(&j, event_word(ev));
	if (ev->kind == COPPICE_EVENT_EXIT) {
		jout_key(&j, "exit");
		jout_i64(&j, ev->exit);
	}
	jout_close(&j, '}');
	buf_putc(line, '\n');
}

static void put_line(const struct coppice_event *ev, struct buf *line)
{
	char time[32];

	format_time(clock_unix(), time);
	buf_printf(line, "%s  %s  %s", time, ev->name, event_word(ev));
	if (ev->kind == COPPICE_EVENT_EXIT)
		buf_printf(line, " %d", ev->exit);
	buf_putc(line, '\n');
}

/* Everything there is for now: 0, 1 when nobody reads it any more, -errno. */
static int drain(const struct cli *cli, const struct args *args, struct coppice_watch *w, struct err *e)
{
	autodone(buf_done) struct buf line = BUF_INIT;
	struct coppice_event ev;
	int r;

	while ((r = coppice_watch_next(w, &ev, e)) == 1) {
		if (!is_meant(args, ev.name))
			continue;
		buf_clear(&line);
		if (cli->format == FORMAT_JSON || cli->format == FORMAT_JSONL)
			put_json(&ev, &line);
		else
			put_line(&ev, &line);
		if (fd_write_all(STDOUT_FILENO, buf_str(&line), line.len) < 0)
			return 1;
	}
	return r;
}

static int run(struct cli *cli, struct args *args)
{
	struct coppice_watch *w = NULL;
	struct coppice *c = NULL;
	struct err e = {0};
	int r = cli_engine(cli, &c, &e);

	if (r == 0)
		r = coppice_watch_open(c, &w, &e);
	while (r == 0) {
		struct pollfd p = {.fd = coppice_watch_fd(w), .events = POLLIN};

		r = poll(&p, 1, -1) < 0 && errno != EINTR ? err_sys(&e, errno, "wait") : drain(cli, args, w, &e);
	}
	coppice_watch_close(&w);
	return r < 0 ? fail(cli, &e) : CLI_FAILED;
}

static const struct cmd_example examples[] = {
	{"coppice events", "every start, stop and pause, until Ctrl-C"},
	{"coppice events 'web*' -f json", "of some containers, an object a line for a program"},
};

const struct cmd cmd_events = {
	.name = "events",
	.foreign = "monitor",
	.args = "[NAME...]",
	.help = "tell what happens to containers, as it happens",
	.text = "Goes on until it is interrupted. A name may be a pattern, and need not exist yet. The words are starting, running, frozen, stopping, stopped, exit with the\n"
		"status of the container's init, and failed for a start that did not get so far.",
	CMD_EXAMPLES(examples),
	.min = 0,
	.max = 65536,
	.group = GROUP_SEE,
	.topic = TOPIC_CONTAINER,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
