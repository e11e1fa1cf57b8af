/* child.c - see child.h. */
#include "cli/child.h"

#include "base/arena.h"
#include "base/fd.h"
#include "cli/cli.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Splits @command at blanks and appends @last (may be NULL). NULL when it is empty or memory is out. */
static char **split(struct arena *a, const char *command, const char *last)
{
	char **argv = arena_alloc(a, (strlen(command) / 2 + 4) * sizeof(*argv));
	size_t count = 0;

	while (argv && *command) {
		size_t len;

		command += strspn(command, " \t");
		len = strcspn(command, " \t");
		if (len == 0)
			break;
		argv[count] = arena_strndup(a, command, len);
		if (!argv[count++])
			return NULL;
		command += len;
	}
	if (!argv || count == 0)
		return NULL;
	if (last)
		argv[count] = arena_strdup(a, last);
	return !last || argv[count] ? argv : NULL;
}

/* The exit status, or -errno when it could not be started. */
static int run(char **argv, const posix_spawn_file_actions_t *actions)
{
	int status = 0, r;
	pid_t pid;

	r = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *first_set(const char *a, const char *b, const char *otherwise)
{
	const char *value = getenv(a);

	if (value && *value)
		return value;
	value = getenv(b);
	return value && *value ? value : otherwise;
}

int child_editor(const char *file, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	const char *command = first_set("VISUAL", "EDITOR", "vi");
	char **argv = split(&a, command, file);
	int r;

	if (!argv) {
		(void)err_set(e, ERR_SYSTEM, EINVAL, "EDITOR names no program");
		return err_hint(e, "export EDITOR=vi");
	}
	r = run(argv, NULL);
	if (r < 0) {
		(void)err_sys(e, r, "run '%s'", argv[0]);
		/* Not the container is missing. */
		e->kind = ERR_SYSTEM;
		return err_hint(e, "export EDITOR=vi");
	}
	if (r > 0)
		return err_set(e, ERR_SYSTEM, ECANCELED, "the editor '%s' ended with status %d: nothing is changed", argv[0], r);
	return 0;
}

static bool is_long(const struct cli *cli)
{
	struct winsize ws = {0};
	unsigned lines = 0;
	const char *p = buf_str(&cli->out);

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_row == 0)
		return false;
	while ((p = strchr(p, '\n'))) {
		p++;
		lines++;
	}
	return lines >= ws.ws_row;
}

void child_pager(struct cli *cli)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	const char *command = getenv("PAGER");
	posix_spawn_file_actions_t actions;
	autoclose int text = FD_NONE;
	char **argv;
	int r;

	if (!cli->out_tty || !command || !*command || !is_long(cli))
		return;
	argv = split(&a, command, NULL);
	text = fd_sealed("help", buf_str(&cli->out), cli->out.len);
	if (!argv || text < 0 || posix_spawn_file_actions_init(&actions) != 0)
		return;
	r = posix_spawn_file_actions_adddup2(&actions, text, STDIN_FILENO) == 0 ? run(argv, &actions) : -ENOMEM;
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r >= 0)
		buf_clear(&cli->out);
}
