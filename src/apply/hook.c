/* hook.c - words of a hook's command line, its status, and what it said. */
#include "apply/hook.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SAID_LINES 4
#define SAID_BYTES 320
#define SAID_LINE 1500u /* of a line in a log */

/* No byte that a shell would read as anything but itself. */
static bool is_plain(const char *command)
{
	for (const char *p = command; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("_./:,@%+- \t", *p)))
			return false;
	return *command == '/';
}

static bool push(struct arena *a, const char ***argv, size_t *count, const char *word)
{
	const char **slot = word ? arena_push(a, argv, count, sizeof(*slot)) : NULL;

	if (slot)
		*slot = word;
	return slot != NULL;
}

/* "/usr/share/lxcfs/lxc.mount.hook --skip-cgroup-mounts", word by word. */
static bool push_words(struct arena *a, const char *command, const char ***argv, size_t *count)
{
	char *copy = arena_strdup(a, command), *save = NULL;
	bool good = copy != NULL;

	for (char *word = good ? strtok_r(copy, " \t", &save) : NULL; word && good; word = strtok_r(NULL, " \t", &save))
		good = push(a, argv, count, word);
	return good;
}

/* NULL-ended vector for @h: directly, or through a shell. NULL out of memory. */
static const char *const *words(struct arena *a, const struct hook *h, bool shell)
{
	const char **argv = NULL;
	size_t count = 0;
	bool good = true;

	if (shell)
		good = push(a, &argv, &count, "/bin/sh") && push(a, &argv, &count, "-c") && push(a, &argv, &count, arena_printf(a, "exec %s \"$@\"", h->command)) &&
		       push(a, &argv, &count, "sh");
	else
		good = push_words(a, h->command, &argv, &count);
	if (good && !h->by_environment)
		good = push(a, &argv, &count, h->name) && push(a, &argv, &count, "lxc") && push(a, &argv, &count, h->kind);
	for (size_t i = 0; good && !h->by_environment && h->more && h->more[i]; i++)
		good = push(a, &argv, &count, h->more[i]);
	return good && arena_push(a, &argv, &count, sizeof(*argv)) ? argv : NULL;
}

/* The last lines that are not empty, in one: the cause of a failure is one line. */
static void last_lines(struct buf *log, char *out, size_t size)
{
	char *text = log->data, *from;
	size_t lines = 0, len = log->len, used;

	*out = '\0';
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = '\0';
	if (!len)
		return;
	for (from = text + len; from > text && (size_t)(text + len - from) + 3 * SAID_LINES < size; from--)
		if (from[-1] == '\n' && ++lines == SAID_LINES)
			break;
	used = (size_t)snprintf(out, size, ":");
	for (char *save = NULL, *line = strtok_r(from, "\n", &save); line && used + 4 < size; line = strtok_r(NULL, "\n", &save)) {
		used += (size_t)snprintf(out + used, size - used, "%s", used > 1 ? " | " : " ");
		format_safe(line, out + used, size - used);
		used += strlen(out + used);
	}
}

/* "config:12: lxc.hook.mount: '/x/y'". */
static void name_it(const struct hook *h, char *out, size_t size)
{
	char command[160];

	format_safe(h->command, command, sizeof(command));
	(void)snprintf(out, size, "%s%slxc.hook.%s: '%s'", h->where ? h->where : "", h->where ? ": " : "", h->kind, command);
}

static int verdict(const struct hook *h, int r, int status, struct buf *log, struct err *e)
{
	char name[400], said[SAID_BYTES] = "", signal[32] = "";

	if (r == 0 && status == 0)
		return 0;
	name_it(h, name, sizeof(name));
	if (log->len)
		last_lines(log, said, sizeof(said));
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "%s did not end in time%s", name, said);
	if (r == -ENOENT)
		return err_set(e, ERR_MISSING, ENOENT, "%s: there is no such program%s", name, strcmp(h->kind, "start") == 0 ? " inside" : "");
	if (r < 0)
		return err_sys(e, r, "%s could not be run", name);
	if (status > 128 && status <= 128 + 64)
		(void)snprintf(signal, sizeof(signal), " (signal %d)", status - 128);
	return err_set(e, ERR_SYSTEM, ECANCELED, "%s ended with status %d%s%s", name, status, signal, said);
}

/* At the level that LXC logs it at. */
static void tell_output(const struct hook *h, const struct buf *said)
{
	for (const char *at = said->len && log_wants(h->log, LOG_LEVEL_DEBUG) ? said->data : NULL; at && *at;) {
		size_t len = strcspn(at, "\n");

		log_write(h->log, LOG_LEVEL_DEBUG, "hook", "lxc.hook.%s said: %.*s", h->kind, (int)(len < SAID_LINE ? len : SAID_LINE), at);
		at += len + (at[len] == '\n');
	}
}

int hook_run(const struct hook *h, struct err *e)
{
	autodone(arena_done) struct arena arena = ARENA_INIT;
	autodone(buf_done) struct buf log = BUF_INIT;
	struct proc_run run = {.in_fd = FD_NONE, .cwd_fd = FD_NONE, .env = h->env, .log = &log, .deadline = h->deadline, .tied = true, .may_leave = true};
	bool shell = !is_plain(h->command);
	int r, status = 0;

	run.argv = words(&arena, h, shell);
	if (!run.argv)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	log_write(h->log, LOG_LEVEL_INFO, "hook", "run lxc.hook.%s: '%s'", h->kind, h->command);
	r = proc_run(&run, &status);
	if (r == -ENOEXEC && !shell) { /* a script without a first line that names its interpreter */
		run.argv = words(&arena, h, true);
		r = run.argv ? proc_run(&run, &status) : -ENOMEM;
	}
	tell_output(h, &log);
	return verdict(h, r, status, &log, e);
}
