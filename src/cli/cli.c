/* cli.c - from argv to a verb and back to an exit code. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/fail.h"
#include "cli/help.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- talking ---- */

bool cli_human(const struct cli *cli)
{
	return cli->format == FORMAT_TABLE;
}

bool cli_json(const struct cli *cli)
{
	return cli->format == FORMAT_JSON || cli->format == FORMAT_JSONL;
}

const char *cli_colour(bool on, enum colour c)
{
	static const char *const escapes[COLOUR_COUNT] = {
		[COLOUR_OFF] = "\033[0m",   [COLOUR_BOLD] = "\033[1m",	[COLOUR_DIM] = "\033[2m",  [COLOUR_RED] = "\033[31m",
		[COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m", [COLOUR_CYAN] = "\033[36m",
	};

	return on && c < COLOUR_COUNT ? escapes[c] : "";
}

unsigned cli_width(const struct cli *cli)
{
	struct winsize ws = {0};
	uint32_t columns = 0;
	const char *env;

	if (!cli->out_tty)
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	env = getenv("COLUMNS");
	return env && parse_u32(env, &columns) == 0 && columns >= 20 ? columns : 80;
}

void cli_print(struct cli *cli, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(&cli->out, text);
}

int cli_flush(struct cli *cli)
{
	struct err e = {0};
	int r;

	if (cli->out_broken)
		return CLI_FAILED;
	r = buf_failed(&cli->out) ? -ENOMEM : fd_write_all(STDOUT_FILENO, buf_str(&cli->out), cli->out.len);
	buf_clear(&cli->out);
	if (r == 0)
		return CLI_OK;
	/* Set first: telling the failure flushes again. */
	cli->out_broken = true;
	if (r == -EPIPE)
		return CLI_FAILED;
	(void)err_sys(&e, r, "write");
	(void)err_what(&e, "cannot write to standard output");
	return fail_as(cli, FAIL_OUTPUT, &e);
}

void cli_talk(struct cli *cli, const char *text)
{
	if (cli->line_open)
		(void)!fd_write_all(STDERR_FILENO, "\r\033[K", 4);
	cli->line_open = false;
	/* There is nobody left to tell when stderr itself is gone. */
	(void)!fd_write_all(STDERR_FILENO, text, strlen(text));
}

static void say(struct cli *cli, enum colour colour, const char *label, const char *fmt, va_list ap)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	char text[1024], safe[1024];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	format_safe(text, safe, sizeof(safe));
	(void)cli_flush(cli);
	buf_printf(&b, "%s%s%s %s\n", cli_colour(cli->err_colour, colour), label, cli_colour(cli->err_colour, COLOUR_OFF), safe);
	cli_talk(cli, buf_str(&b));
}

void cli_note(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	say(cli, COLOUR_CYAN, "note:", fmt, ap);
	va_end(ap);
}

void cli_warn(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, COLOUR_YELLOW, "warning:", fmt, ap);
	va_end(ap);
}

/* ---- the engine ---- */

static void trace(void *data, const char *text)
{
	struct cli *cli = data;
	autodone(buf_done) struct buf b = BUF_INIT;
	char safe[512];

	format_safe(text, safe, sizeof(safe));
	if (cli->verbose > 1)
		buf_printf(&b, "%8.3f  %s\n", (double)(clock_now_ms() % 1000000) / 1000.0, safe);
	else
		buf_printf(&b, "  %s\n", safe);
	cli_talk(cli, buf_str(&b));
}

static void take_note(void *data, const char *text)
{
	char safe[512];

	format_safe(text, safe, sizeof(safe));
	cli_note(data, "%s", safe);
}

int cli_engine(struct cli *cli, struct coppice **ret, struct err *e)
{
	struct coppice_options o = {.root = cli->root, .lxcpath = cli->lxcpath, .note = take_note, .note_data = cli};
	int r;

	if (!cli->engine) {
		if (geteuid() != 0) {
			r = coppice_user_enter(e);
			if (r < 0)
				return r;
			o.user = true;
		}
		if (cli->verbose) {
			o.trace = trace;
			o.trace_data = cli;
		}
		r = coppice_open(&o, &cli->engine, e);
		if (r < 0)
			return r;
	}
	*ret = cli->engine;
	return 0;
}

/* ---- settings: flag, then environment, then default ---- */

static int parse_format(const char *word, enum cli_format *ret)
{
	static const char *const names[FORMAT_COUNT] = {
		[FORMAT_TABLE] = "table", [FORMAT_PLAIN] = "plain", [FORMAT_CSV] = "csv", [FORMAT_JSON] = "json", [FORMAT_JSONL] = "jsonl",
	};

	for (enum cli_format f = 0; f < FORMAT_COUNT; f++)
		if (strcmp(names[f], word) == 0) {
			*ret = f;
			return 0;
		}
	return -EINVAL;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static void set_colours(struct cli *cli, const struct args *args)
{
	const char *when = args->global[GLOBAL_COLOR].text, *term = getenv("TERM"), *force = getenv("CLICOLOR_FORCE");
	bool dumb = !term || !*term || strcmp(term, "dumb") == 0;

	if (!when && is_set("NO_COLOR"))
		when = "never";
	if (!when && force && *force && strcmp(force, "0") != 0)
		when = "always";
	if (when && strcmp(when, "auto") != 0) {
		cli->out_colour = cli->err_colour = strcmp(when, "always") == 0;
		return;
	}
	cli->out_colour = cli->out_tty && !dumb;
	cli->err_colour = cli->err_tty && !dumb;
}

static int bad_env(const char *name, const char *value, const char *allowed, struct err *e)
{
	char shown[80];

	format_safe(value, shown, sizeof(shown));
	(void)err_set(e, ERR_INPUT, EINVAL, "it is one of %s", allowed);
	(void)err_what(e, "the environment variable %s does not take '%s'", name, shown);
	return err_hint(e, "unset %s", name);
}

static int set_levels(struct cli *cli, const struct args *args, struct err *e)
{
	const char *log = getenv("COPPICE_LOG");

	if (log && *log) {
		if (strcmp(log, "quiet") == 0)
			cli->quiet = true;
		else if (strcmp(log, "verbose") == 0)
			cli->verbose = 1;
		else if (strcmp(log, "debug") == 0)
			cli->verbose = 2;
		else if (strcmp(log, "normal") != 0)
			return bad_env("COPPICE_LOG", log, "quiet|normal|verbose|debug", e);
	}
	if (args->global[GLOBAL_QUIET].count) {
		cli->quiet = true;
		cli->verbose = 0;
	}
	if (args->global[GLOBAL_VERBOSE].count)
		cli->verbose = args->global[GLOBAL_VERBOSE].count > 1 ? 2 : 1;
	if (args->global[GLOBAL_DEBUG].count)
		cli->verbose = 2;
	return 0;
}

/* Applies what the parser understood; works on a half-parsed line too, so that an error is told in the form that was asked for. */
static int set_up(struct cli *cli, const struct args *args, struct err *e)
{
	const char *format = args->global[GLOBAL_FORMAT].text;

	cli->cmd = args->cmd;
	cli->out_tty = isatty(STDOUT_FILENO) == 1;
	cli->err_tty = isatty(STDERR_FILENO) == 1;
	cli->root = args->global[GLOBAL_ROOT].text;
	cli->lxcpath = args->global[GLOBAL_LXCPATH].text;
	cli->no_header = args->global[GLOBAL_NO_HEADER].count > 0;
	cli->dry_run = args->global[GLOBAL_DRY_RUN].count > 0;
	set_colours(cli, args);
	if (!format && is_set("COPPICE_FORMAT"))
		format = getenv("COPPICE_FORMAT");
	if (format && parse_format(format, &cli->format) < 0)
		return bad_env("COPPICE_FORMAT", format, cmd_globals[GLOBAL_FORMAT].choices, e);
	return set_levels(cli, args, e);
}

static int dispatch(struct cli *cli, struct args *args)
{
	if (args->global[GLOBAL_VERSION].count) {
		cli->cmd = &cmd_version;
		return cmd_version.run(cli, args);
	}
	if (args->global[GLOBAL_HELP].count)
		return help_about(cli, args->noun, args->cmd);
	if (args->cmd)
		return args->cmd->run(cli, args);
	if (args->noun)
		return fail_usage(cli, "a noun needs a verb", "it stands before one of its verbs, as in: coppice base list");
	help_overview(&cli->out, cli->out_colour);
	cli_talk(cli, buf_str(&cli->out));
	buf_clear(&cli->out);
	return CLI_USAGE;
}

/* A reader that went away shows as EPIPE; unlike SIG_IGN, a handler is gone after exec and no container inherits it. */
static void on_sigpipe(int sig)
{
	(void)sig;
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {.argc = argc, .argv = argv, .out = BUF_INIT};
	struct sigaction pipe_action = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART};
	autodone(args_done) struct args args = {.cmd = NULL};
	struct err e = {0}, setup = {0};
	int parsed, status, flushed;

	(void)sigaction(SIGPIPE, &pipe_action, NULL);
	parsed = args_parse(argc, argv, &args, &e);
	if (set_up(&cli, &args, &setup) < 0)
		status = fail_as(&cli, FAIL_USAGE, &setup);
	else if (parsed < 0)
		status = fail_as(&cli, FAIL_USAGE, &e);
	else
		status = dispatch(&cli, &args);
	flushed = cli_flush(&cli);
	if (cli.engine)
		coppice_close(&cli.engine);
	buf_done(&cli.out);
	return status ? status : flushed;
}
