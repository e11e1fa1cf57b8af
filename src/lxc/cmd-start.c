/* cmd-start.c - lxc-start: in the background, or with the caller's terminal as the console; the first cause of a failure is told either way. */
#include "base/fd.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"
#include "lxc/starting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct lxc_opt opts[] = {
	{'d', "daemon", NULL, "run in the background (default)", NULL},
	{'F', "foreground", NULL, "stay until it has ended, with this terminal as its console", NULL},
	{'p', "pidfile", "FILE", "write the process id of its monitor to FILE", NULL},
	{'f', "rcfile", "FILE", "configuration file instead of the container's own", NULL},
	{'c', "console", "FILE", "terminal or file to use as its console", NULL},
	{'L', "console-log", "FILE", "file to keep what is printed on its console", NULL},
	{'C', "close-all-fds", NULL, "close inherited descriptors", "ignored: it is always done"},
	{'s', "define", "KEY=VALUE", "add a setting to its configuration, for this start", NULL},
	STARTING_SHARE_OPTS,
};

struct data {
	struct starting s;
	bool foreground;
	const char *pid_file;
};

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'd':
	case 'F':
		d->foreground = id == 'F';
		return 0;
	case 'p':
		d->pid_file = value;
		return 0;
	case 'f':
		l->rcfile = value;
		return 0;
	case 'c':
		return starting_set(&d->s, "lxc.console.path", value, e);
	case 'L':
		return starting_set(&d->s, "lxc.console.logfile", value, e);
	case 's':
		return starting_define(&d->s, value, e);
	case 'C':
		return 0;
	default:
		return starting_share(&d->s, id, value, e);
	}
}

static int write_pid(int fd, pid_t pid)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);

	return ftruncate(fd, 0) < 0 ? -errno : fd_write_all(fd, text, (size_t)n);
}

/* Before anything is started: a file that cannot be written is found out while nothing runs. */
static int open_pid_file(const struct data *d, const char **ret_path, struct arena *a, struct err *e)
{
	char cwd[1024] = "";
	int fd;

	*ret_path = NULL;
	if (!d->pid_file)
		return FD_NONE;
	if (d->pid_file[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the working directory");
	*ret_path = arena_printf(a, "%s%s%s", cwd, d->pid_file[0] == '/' ? "" : "/", d->pid_file);
	fd = fd_open(AT_FDCWD, d->pid_file, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0644);
	if (fd < 0)
		return err_sys(e, fd, "write the process id to '%s'", d->pid_file);
	return fd;
}

static int start(struct lxc *l, struct data *d, struct err *e)
{
	struct coppice_launch o = {.config_name = l->rcfile, .set = d->s.set, .env = (const char *const *)environ, .argv = l->arg_count ? (const char *const *)l->args : NULL, .foreground = d->foreground};
	int32_t monitor = 0;
	autoclose int pid = FD_NONE;
	struct coppice *c;
	int r = starting_config(l, &d->s, &o.config, e);

	if (r == 0)
		r = lxc_engine(l, NULL, &c, e);
	if (r == 0) {
		pid = open_pid_file(d, &o.pid_file, &d->s.arena, e);
		r = err_is(e) ? -e->code : 0;
	}
	if (r == 0 && pid >= 0 && d->foreground)
		r = write_pid(pid, getpid());
	o.ret_monitor = &monitor;
	if (r == 0)
		r = coppice_launch(c, l->name, &o, NULL, e);
	if (r == 1)
		lxc_say(l, "Container is already running");
	if (r == 0 && pid >= 0 && !d->foreground && write_pid(pid, monitor) < 0)
		lxc_say(l, "the process id could not be written to '%s'", d->pid_file);
	if (pid >= 0 && (d->foreground || r < 0))
		(void)unlink(o.pid_file);
	return r < 0 ? r : 0;
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	int r = start(l, d, e);

	starting_done(&d->s);
	return r;
}

#define EXITS "0 also when it runs already. With -F it says whether the container was started, not how its init ended"
/* What both names have. */
#define ROW(program_, about_) \
	{.program = (program_), .about = (about_), .synopsis = "-n NAME [-d|-F] [OPTION...] [-- COMMAND [ARG...]]", .name = LXC_NAME_NEEDED, .inner = true, .opts = opts, .opt_count = ARRAY_LEN(opts), \
	 .data_size = sizeof(struct data), .option = option, .run = run, .exits = EXITS}

const struct lxc_cmd lxc_cmd_start = ROW("lxc-start", "start a container");
const struct lxc_cmd lxc_cmd_unpriv_start = ROW("lxc-unpriv-start", "lxc-start by Debian's name for users without root; no session of systemd is needed");
