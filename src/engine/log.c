/* log.c - where messages about a container's starts go: what the command line says, then its config, then the usual place when only a level is said. */
#include "engine/engine.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_LOGS "/var/log/lxc"
#define DEFAULT_COMMAND "coppice"

static int set_path(struct log *l, const char *path, struct err *e)
{
	char cwd[256] = "";

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the working directory");
	if (snprintf(l->path, sizeof(l->path), "%s%s%s", cwd, path[0] == '/' ? "" : "/", path) >= (int)sizeof(l->path))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "the path of the log '%.60s...' is too long", path);
	return 0;
}

/* LXC's: for root and the usual directory of containers the host's place for logs, else beside the config. */
static void usual_path(struct log *l, const char *lxcpath, const char *name)
{
	int n;

	if (geteuid() == 0 && strcmp(lxcpath, ENGINE_LXCPATH) == 0)
		n = snprintf(l->path, sizeof(l->path), SYSTEM_LOGS "/%s.log", name);
	else
		n = snprintf(l->path, sizeof(l->path), "%s/%s/%s.log", lxcpath, name, name);
	if (n < 0 || n >= (int)sizeof(l->path))
		l->path[0] = '\0';
}

int engine_log_choose(const struct coppice *c, const struct spec *s, struct log *ret, struct err *e)
{
	const struct log none = LOG_INIT;
	bool said;
	int r = 0;

	*ret = c->log ? *c->log : none;
	ret->fd = ret->system = FD_NONE;
	ret->name = s->name;
	ret->facility = s->tool_facility;
	if (!ret->command)
		ret->command = DEFAULT_COMMAND;
	if (!ret->level_said && s->tool_level >= 0)
		ret->level = s->tool_level;
	said = ret->level_said || s->tool_level >= 0;
	if (!ret->file_said)
		ret->path[0] = '\0';
	if (!ret->file_said && s->tool_log)
		r = set_path(ret, s->tool_log, e);
	else if (!ret->file_said && said)
		usual_path(ret, c->lxcpath, s->name);
	if (r == 0 && !said)
		ret->level = ret->file_said || s->tool_log || ret->facility >= 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_OFF;
	return r;
}

int engine_log_open(const struct coppice *c, const struct spec *s, struct log *l, struct err *e)
{
	if (l->level == LOG_LEVEL_OFF)
		return 0;
	if (l->file_said)
		l->fd = c->log->fd < 0 ? FD_NONE : fcntl(c->log->fd, F_DUPFD_CLOEXEC, 3);
	else if (l->path[0])
		l->fd = log_open_file(l->path);
	if (l->fd < 0) {
		if (s->tool_log && !l->file_said) {
			const char *at = spec_where(s, "lxc.log.file");

			return err_sys(e, l->fd, "%s%slxc.log.file: open the log '%s'", at ? at : "", at ? ": " : "", l->path);
		}
		l->fd = FD_NONE; /* nobody asked for this very file */
	}
	if (l->facility >= 0)
		l->system = log_open_system();
	if (l->facility >= 0 && l->system < 0) {
		l->system = FD_NONE;
		log_write(l, LOG_LEVEL_WARN, "engine", "there is no system log at /dev/log");
	}
	return 0;
}
