/* script.c - lxc.net.N.script.up and .down: a shell command of the user's, told about the interface by arguments and environment. */
#include "net/job.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT_MS 30000

/* The last line that is not empty. */
static const char *last_line(char *text)
{
	size_t n = strlen(text);
	char *line;

	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

int script_run(struct job *j, const struct nic *n, const char *script, const char *way, struct err *e)
{
	/* LXC: NAME net up|down TYPE [LINK] [HOST SIDE], or nothing with lxc.hook.version = 1; the text may have words of its own, so a shell reads it */
	char *command = arena_printf(&j->arena, "exec %s \"$@\"", script);
	const char *argv[12] = {"/bin/sh", "-c", command, "sh"};
	const char *env[] = {arena_printf(&j->arena, "LXC_NAME=%s", n->container), arena_printf(&j->arena, "LXC_HOOK_TYPE=%s", way), "LXC_HOOK_SECTION=net",
			     n->script_env ? "LXC_HOOK_VERSION=1" : "LXC_HOOK_VERSION=0",
			     arena_printf(&j->arena, "LXC_NET_TYPE=%s", n->script_type), arena_printf(&j->arena, "LXC_NET_PARENT=%s", n->link ?: ""),
			     arena_printf(&j->arena, "LXC_NET_PEER=%s", n->peer ?: ""), NULL};
	uint64_t limit = clock_deadline(SCRIPT_MS);
	struct buf log = BUF_INIT;
	char said[400] = "";
	struct proc_run run = {.argv = argv, .env = env, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .log = &log, .deadline = j->deadline < limit ? j->deadline : limit};
	size_t at = 4;
	int r, status = 0;

	if (!command)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	for (size_t i = 0; i + 1 < ARRAY_LEN(env); i++)
		if (!env[i])
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (!n->script_env) {
		argv[at++] = n->container;
		argv[at++] = "net";
		argv[at++] = way;
		argv[at++] = n->script_type;
		if (n->link)
			argv[at++] = n->link;
		if (n->peer)
			argv[at] = n->peer;
	}
	r = job_leave(j, e);
	if (r < 0)
		return r;
	r = proc_run(&run, &status);
	if (log.len)
		format_safe(last_line(log.data), said, sizeof(said));
	buf_done(&log);
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "script '%s' for '%s' did not end in time%s%s", script, n->name, *said ? ": " : "", said);
	if (r < 0)
		return err_sys(e, r, "run script '%s' for '%s'", script, n->name);
	if (status)
		return err_set(e, ERR_SYSTEM, ECANCELED, "script '%s' for '%s' ended with status %d%s%s", script, n->name, status, *said ? ": " : "", said);
	return 0;
}
