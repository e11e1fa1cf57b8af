/* cmd-config-edit.c - a container's configuration in the user's editor. The text is checked before it replaces the old one; what does not pass is
 * offered for another round on a terminal, and kept in its file otherwise, so that no typing is ever lost. */
#include "base/fd.h"
#include "base/parse.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"
#include "cli/child.h"
#include "cli/targets.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_MAX (1u << 20)

struct draft {
	char path[128];
	bool keep; /* leave the file behind */
};

static void draft_done(struct draft *d)
{
	if (d->path[0] && !d->keep)
		(void)unlink(d->path);
}

static int draft_make(struct draft *d, const char *name, const char *text, struct err *e)
{
	autoclose int fd = FD_NONE;
	const char *dir = getenv("TMPDIR");
	int r;

	if (!dir || dir[0] != '/' || strlen(dir) > 40)
		dir = "/tmp";
	(void)snprintf(d->path, sizeof(d->path), "%s/coppice-%.40s.XXXXXX.conf", dir, name);
	fd = mkostemps(d->path, (int)strlen(".conf"), O_CLOEXEC);
	if (fd < 0) {
		r = err_sys(e, errno, "make a file in '%s'", dir);
		d->path[0] = '\0';
		return r;
	}
	r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_sys(e, r, "write '%s'", d->path) : 0;
}

/* Editors may replace the file, so it is opened by name again. */
static int draft_read(const struct draft *d, struct buf *out, struct err *e)
{
	autoclose int fd = fd_open(AT_FDCWD, d->path, O_RDONLY | O_NOFOLLOW, 0);
	int r = fd < 0 ? fd : fd_read_all(fd, out, CONFIG_MAX);

	if (r < 0)
		return err_sys(e, r, "read '%s'", d->path);
	if (memchr(buf_str(out), '\0', out->len))
		return err_set(e, ERR_INPUT, EINVAL, "the text has a NUL byte");
	return 0;
}

/* Whether the user wants another round. */
static bool again(struct cli *cli)
{
	char answer[16];
	ssize_t n;

	cli_talk(cli, "press Enter to edit it again, or q and Enter to give up: ");
	n = read(STDIN_FILENO, answer, sizeof(answer));
	return n > 0 && answer[0] == '\n';
}

/* One round: edit, read, store. 1 = stored, 0 = unchanged. */
static int edit_once(struct coppice *c, const char *name, const struct draft *d, const char *old, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = child_editor(d->path, e);

	if (r == 0)
		r = draft_read(d, &text, e);
	if (r < 0)
		return r;
	if (strcmp(buf_str(&text), old) == 0)
		return 0;
	r = coppice_config_replace(c, name, buf_str(&text), e);
	return r < 0 ? r : 1;
}

static int edit(struct cli *cli, struct coppice *c, const char *name, const char *old)
{
	autodone(draft_done) struct draft d = {.keep = false};
	struct err e = {0};
	bool terminal = isatty(STDIN_FILENO) == 1 && cli->err_tty;
	int r = draft_make(&d, name, old, &e), code;

	if (r < 0)
		return fail(cli, &e);
	for (;;) {
		err_clear(&e);
		r = edit_once(c, name, &d, old, &e);
		if (r == 1)
			return CLI_OK;
		if (r == 0) {
			cli_note(cli, "nothing is changed");
			return CLI_OK;
		}
		(void)err_what(&e, "cannot store the configuration of '%s'", name);
		if (e.kind != ERR_INPUT || !terminal)
			break;
		(void)fail(cli, &e);
		if (!again(cli)) {
			cli_note(cli, "given up, nothing is changed; the text is kept in %s", d.path);
			d.keep = true;
			return CLI_USAGE;
		}
	}
	/* A refused text is kept when nobody could mend it. */
	d.keep = e.kind == ERR_INPUT;
	code = target_fail(cli, c, name, &e);
	if (d.keep)
		cli_note(cli, "the text is kept in %s", d.path);
	return code;
}

static int run(struct cli *cli, struct args *args)
{
	const char *name = args->words[0];
	autofree char *old = NULL;
	struct coppice *c = NULL;
	struct err e = {0};

	if (!parse_is_container(name))
		return fail_usage(cli, "this cannot be the name of a container", "config verbs take one name, no selector");
	cli->subject = name;
	if (cli_engine(cli, &c, &e) < 0)
		return fail(cli, &e);
	if (coppice_config_text(c, name, &old, &e) < 0) {
		(void)err_what(&e, "cannot read the configuration of '%s'", name);
		return target_fail(cli, c, name, &e);
	}
	return edit(cli, c, name, old);
}

static const struct cmd_example examples[] = {{"EDITOR=nano coppice config edit web1", "with the editor of your choice"}};

const struct cmd cmd_config_edit = {
	.noun = "config",
	.name = "edit",
	.foreign = "change",
	.args = "NAME",
	.help = "edit a container's configuration text",
	.text = "The editor is VISUAL, EDITOR or vi. The text is checked before it replaces the old one. What does not pass can be edited again; without a "
		"terminal it is kept in a file that is named.",
	CMD_EXAMPLES(examples),
	.min = 1,
	.max = 1,
	.group = GROUP_CONFIG,
	.topic = TOPIC_CONFIG,
	.complete = {COMPLETE_CONTAINER},
	.run = run,
};
