/* fail.c - kinds to codes, codes to three lines. */
#include "cli/fail.h"

#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/cmd.h"
#include "cli/jout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct fail_row rows[FAIL_COUNT] = {
#define FAIL_ROW(symbol, status, what_it_means, what_to_do, what_to_try) \
	[FAIL_##symbol] = {.code = "E_" #symbol, .exit = (status), .means = (what_it_means), .todo = (what_to_do), .attempt = (what_to_try)},
	FAIL_LIST(FAIL_ROW)
#undef FAIL_ROW
};

const struct fail_row *fail_row(enum fail_code code)
{
	return &rows[code < FAIL_COUNT ? code : FAIL_INTERNAL];
}

const struct fail_row *fail_find(const char *name)
{
	for (size_t i = 0; i < FAIL_COUNT; i++)
		if (strcmp(rows[i].code, name) == 0 || strcmp(rows[i].code + 2, name) == 0)
			return &rows[i];
	return NULL;
}

/* What a kind means for what the verb is about; FAIL_COUNT = see `plain`. */
static enum fail_code by_topic(enum err_kind kind, enum cmd_topic topic)
{
	switch (topic) {
	case TOPIC_BASE:
		return kind == ERR_MISSING ? FAIL_NO_BASE
		       : kind == ERR_EXISTS ? FAIL_BASE_EXISTS
		       : kind == ERR_BUSY || kind == ERR_STATE ? FAIL_BASE_BUSY
		       : kind == ERR_DAMAGED ? FAIL_BASE_DAMAGED
					     : FAIL_COUNT;
	case TOPIC_CREATE:
		return kind == ERR_MISSING ? FAIL_NO_BASE
		       : kind == ERR_EXISTS ? FAIL_CONTAINER_EXISTS
		       : kind == ERR_BUSY ? FAIL_CONTAINER_BUSY
					  : FAIL_COUNT;
	case TOPIC_CONFIG:
		if (kind == ERR_INPUT)
			return FAIL_CONFIG;
		return kind == ERR_MISSING ? FAIL_NO_CONTAINER : kind == ERR_BUSY ? FAIL_CONTAINER_BUSY : FAIL_COUNT;
	case TOPIC_CONTAINER:
		return kind == ERR_MISSING ? FAIL_NO_CONTAINER : kind == ERR_BUSY ? FAIL_CONTAINER_BUSY : FAIL_COUNT;
	case TOPIC_NETWORK:
		return kind == ERR_MISSING ? FAIL_NO_NETWORK
		       : kind == ERR_EXISTS ? FAIL_NETWORK_EXISTS
		       : kind == ERR_BUSY ? FAIL_NETWORK_BUSY
					  : FAIL_COUNT;
	case TOPIC_TRASH:
		return kind == ERR_MISSING ? FAIL_NO_TRASH : kind == ERR_EXISTS ? FAIL_CONTAINER_EXISTS : FAIL_COUNT;
	case TOPIC_NIC:
	case TOPIC_FILE:
	case TOPIC_NONE:
	case TOPIC_COUNT:
		break;
	}
	return FAIL_COUNT;
}

static enum fail_code plain(enum err_kind kind)
{
	static const enum fail_code codes[ERR_KIND_COUNT] = {
		[ERR_NONE] = FAIL_INTERNAL,
		[ERR_INPUT] = FAIL_INPUT,
		[ERR_MISSING] = FAIL_MISSING,
		[ERR_EXISTS] = FAIL_EXISTS,
		[ERR_STATE] = FAIL_STATE,
		[ERR_BUSY] = FAIL_BUSY,
		[ERR_DENIED] = FAIL_DENIED,
		[ERR_UNSUPPORTED] = FAIL_UNSUPPORTED,
		[ERR_TIMEOUT] = FAIL_TIMEOUT,
		[ERR_SYSTEM] = FAIL_SYSTEM,
		[ERR_DAMAGED] = FAIL_DAMAGED,
		[ERR_INTERNAL] = FAIL_INTERNAL,
	};

	return kind < ERR_KIND_COUNT ? codes[kind] : FAIL_INTERNAL;
}

enum fail_code fail_code_of(const struct cli *cli, const struct err *e)
{
	enum fail_code code;

	if (e->code == ENOSPC || e->code == EDQUOT)
		return FAIL_NO_SPACE;
	if (e->code == ENOMEM)
		return FAIL_NO_MEMORY;
	if (e->code == EROFS)
		return FAIL_READ_ONLY;
	code = by_topic((enum err_kind)e->kind, cli->cmd ? cli->cmd->topic : TOPIC_NONE);
	return code < FAIL_COUNT ? code : plain((enum err_kind)e->kind);
}

int fail_exit(const struct cli *cli, enum fail_code code)
{
	int status = fail_row(code)->exit;

	if (!cli->cmd || !(cli->cmd->flags & CMD_PASS) || status == 2 || status >= 126)
		return status;
	return code == FAIL_NO_CONTAINER || code == FAIL_NO_BASE ? status : 125;
}

/* Writes the row's command to try, '@', '#' and '%' filled in. */
static void expand(const struct cli *cli, const char *attempt, char *out, size_t size)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	char line[256], title[64] = "";

	if (cli->cmd)
		cmd_title(cli->cmd, title);
	for (const char *p = attempt; *p; p++) {
		if (*p == '@') {
			args_respell(cli->argc, cli->argv, -1, NULL, line, sizeof(line));
			buf_puts(&b, line[0] ? line : "coppice help");
		} else if (*p == '#') {
			buf_printf(&b, "%s%s", title[0] ? " " : "", title);
		} else if (*p == '%') {
			buf_puts(&b, cli->subject && parse_is_container(cli->subject) ? cli->subject : "NAME");
		} else {
			buf_putc(&b, *p);
		}
	}
	(void)snprintf(out, size, "%s", buf_str(&b));
}

void fail_complete(struct cli *cli, enum fail_code code, struct err *e)
{
	char title[64] = "", attempt[sizeof(e->hint)];
	const struct fail_row *row = fail_row(code);

	if (!e->what[0]) {
		if (cli->cmd)
			cmd_title(cli->cmd, title);
		if (title[0] && cli->subject)
			(void)err_what(e, "cannot %s '%s'", title, cli->subject);
		else if (title[0])
			(void)err_what(e, "'%s' failed", title);
		else
			(void)err_what(e, "%s", row->means);
	}
	if (!e->why[0])
		(void)snprintf(e->why, sizeof(e->why), "%s", row->means);
	if (!e->hint[0]) {
		expand(cli, row->attempt, attempt, sizeof(attempt));
		(void)err_hint(e, "%s", attempt);
	}
}

void fail_json(const struct cli *cli, struct jout *j, enum fail_code code, const struct err *e)
{
	jout_open(j, '{');
	jout_key(j, "code");
	jout_text(j, fail_row(code)->code);
	jout_key(j, "kind");
	jout_text(j, err_kind_name((enum err_kind)e->kind));
	jout_key(j, "what");
	jout_text(j, e->what);
	jout_key(j, "why");
	jout_text(j, e->why);
	jout_key(j, "try");
	jout_open(j, '[');
	jout_text(j, e->hint);
	jout_close(j, ']');
	if (e->step) {
		jout_key(j, "step");
		jout_u64(j, e->step);
	}
	jout_key(j, "exit");
	jout_i64(j, fail_exit(cli, code));
	jout_close(j, '}');
}

static void tell_json(struct cli *cli, enum fail_code code, const struct err *e)
{
	autodone(buf_done) struct buf b = BUF_INIT;
	struct jout j = JOUT_INIT(&b);

	jout_open(&j, '{');
	jout_key(&j, "error");
	fail_json(cli, &j, code, e);
	jout_close(&j, '}');
	buf_putc(&b, '\n');
	cli_talk(cli, buf_str(&b));
}

static void tell_line(struct cli *cli, struct buf *b, enum colour colour, const char *label, const char *text)
{
	char safe[sizeof(((struct err *)NULL)->why)];

	format_safe(text, safe, sizeof(safe));
	buf_printf(b, "%s%s%s %s\n", cli_colour(cli->err_colour, colour), label, cli_colour(cli->err_colour, COLOUR_OFF), safe);
}

static void tell_text(struct cli *cli, enum fail_code code, const struct err *e)
{
	autodone(buf_done) struct buf b = BUF_INIT;

	tell_line(cli, &b, COLOUR_RED, "error:", e->what);
	tell_line(cli, &b, COLOUR_DIM, "why:  ", e->why);
	tell_line(cli, &b, COLOUR_DIM, "try:  ", e->hint);
	if (cli->verbose)
		buf_printf(&b, "code:  %s (%s, errno %d, step %u), exit %d\n", fail_row(code)->code, err_kind_name((enum err_kind)e->kind), e->code,
			   e->step, fail_exit(cli, code));
	cli_talk(cli, buf_str(&b));
}

int fail_as(struct cli *cli, enum fail_code code, struct err *e)
{
	(void)cli_flush(cli);
	fail_complete(cli, code, e);
	if (cli_json(cli))
		tell_json(cli, code, e);
	else
		tell_text(cli, code, e);
	return fail_exit(cli, code);
}

int fail(struct cli *cli, struct err *e)
{
	return fail_as(cli, fail_code_of(cli, e), e);
}

int fail_usage(struct cli *cli, const char *what, const char *why)
{
	struct err e = {0};

	(void)err_set(&e, ERR_INPUT, EINVAL, "%s", why);
	(void)err_what(&e, "%s", what);
	return fail_as(cli, FAIL_USAGE, &e);
}
