/* cmd-old.c - names that LXC dropped long ago and scripts still call: thin ways to the operations of today. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lxc-kill, lxc-shutdown, lxc-restart ---- */

static int kill_run(struct lxc *l, struct err *e)
{
	struct coppice *c;
	int sig = SIGKILL, r;

	if (l->arg_count > 1 || (l->arg_count && parse_signal(l->args[0], &sig) < 0))
		return lxc_usage(e, "'%s' is no signal", l->args[0]);
	r = lxc_engine(l, NULL, &c, e);
	return r < 0 ? r : coppice_kill(c, l->name, sig, e);
}

enum { OPT_WAIT = 'w', OPT_REBOOT = 'r', OPT_TIMEOUT = 't' };

static const struct lxc_opt shutdown_opts[] = {
	{OPT_WAIT, "wait", NULL, "wait for the end, else it is only asked for", NULL},
	{OPT_REBOOT, "reboot", NULL, "ask for a reboot instead", NULL},
	{OPT_TIMEOUT, "timeout", "SECONDS", "time for a clean end before it is killed; implies -w", NULL},
};

struct shutdown {
	bool reboot, wait, timed;
	uint64_t timeout_ms;
};

static int shutdown_option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct shutdown *s = l->data;

	s->reboot |= id == OPT_REBOOT;
	s->wait |= id == OPT_WAIT || id == OPT_TIMEOUT;
	s->timed |= id == OPT_TIMEOUT;
	return id == OPT_TIMEOUT ? lxc_seconds("-t", value, &s->timeout_ms, e) : 0;
}

static int shutdown_run(struct lxc *l, struct err *e)
{
	const struct shutdown *s = l->data;
	const uint64_t timeout_ms = s->timed ? s->timeout_ms : UINT64_MAX;
	const struct coppice_reboot again = {.no_wait = !s->wait, .timeout_ms = timeout_ms};
	const struct coppice_stop o = {.no_wait = !s->wait, .timeout_ms = timeout_ms};
	struct coppice *c;
	int r = lxc_engine(l, NULL, &c, e);

	if (r < 0)
		return r;
	r = s->reboot ? coppice_reboot(c, l->name, &again, e) : coppice_stop(c, l->name, &o, e);
	return r < 0 ? r : 0;
}

static int restart_run(struct lxc *l, struct err *e)
{
	struct coppice_stop o = {.timeout_ms = UINT64_MAX};
	struct coppice_start s = {0};
	struct coppice *c;
	int r = lxc_engine(l, NULL, &c, e);

	if (r == 0)
		r = coppice_stop(c, l->name, &o, e);
	if (r >= 0)
		r = coppice_start(c, l->name, &s, e);
	return r < 0 ? r : 0;
}

/* ---- lxc-list ---- */

static void print_group(const struct coppice_info *list, size_t count, const char *title, enum coppice_state state)
{
	printf("%s\n", title);
	for (size_t i = 0; i < count; i++)
		if (list[i].state == state)
			printf("  %s%s\n", list[i].name, list[i].autostart ? " (auto)" : "");
	printf("\n");
}

static int list_run(struct lxc *l, struct err *e)
{
	struct coppice_info *list;
	struct coppice *c;
	size_t count;
	int r = lxc_engine(l, NULL, &c, e);

	if (r == 0)
		r = coppice_list(c, COPPICE_INFO_USAGE, &list, &count, e);
	if (r < 0)
		return r;
	print_group(list, count, "RUNNING", COPPICE_RUNNING);
	print_group(list, count, "FROZEN", COPPICE_FROZEN);
	print_group(list, count, "STOPPED", COPPICE_STOPPED);
	free(list);
	return 0;
}

/* ---- lxc-ps ---- */

enum { OPT_LXC = 1200 };

static const struct lxc_opt ps_opts[] = {
	{OPT_LXC, "lxc", NULL, "only processes of containers", NULL},
};

struct ps {
	bool lxc;
};

static int ps_option(struct lxc *l, int id, const char *value, struct err *e)
{
	(void)id;
	(void)value;
	(void)e;
	((struct ps *)l->data)->lxc = true;
	return 0;
}

struct owner {
	ino_t pid_ns;
	const char *name;
};

static ino_t pid_ns_of(int32_t pid)
{
	char path[48];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return fstatat(AT_FDCWD, path, &st, 0) == 0 ? st.st_ino : 0;
}

/* Which word of @line is the process: of the title line the place of "PID", else the number there; 0 when there is none. */
static uint32_t word(const char *line, size_t len, size_t *place, bool title)
{
	size_t at = 0, n = 0;
	uint32_t pid = 0;

	while (at < len) {
		size_t size = strcspn(line + at, " \t\n");

		if (title && size == 3 && strncmp(line + at, "PID", 3) == 0) {
			*place = n;
			return 1;
		}
		if (!title && size && n == *place) {
			char digits[16];

			(void)snprintf(digits, sizeof(digits), "%.*s", (int)size, line + at);
			return parse_u32(digits, &pid) == 0 ? pid : 0;
		}
		n += size != 0;
		at += size + 1;
	}
	return 0;
}

static void print_ps(const struct lxc *l, const char *text, const struct owner *owners, size_t count)
{
	bool only = ((const struct ps *)l->data)->lxc || l->name;
	size_t place = 0;

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		bool title = line == text;
		uint32_t pid = word(line, len, &place, title);
		ino_t ns = title || !pid ? 0 : pid_ns_of((int32_t)pid);
		const char *name = title ? "CONTAINER" : "";

		for (size_t i = 0; ns && i < count; i++)
			if (owners[i].pid_ns == ns)
				name = owners[i].name;
		if (title || !only || (name[0] && (!l->name || strcmp(name, l->name) == 0)))
			printf("%-10s %.*s\n", name, (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static int run_ps(const struct lxc *l, struct buf *out, struct err *e)
{
	autofree const char **argv = calloc(l->arg_count + 3, sizeof(*argv));
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = out, .out_max = (size_t)64 << 20, .deadline = clock_deadline(60000)};
	int status = 0, r;

	if (!argv)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	argv[0] = "/bin/ps";
	argv[1] = l->arg_count || !l->name ? NULL : "-e"; /* of a container all of it, unless something else was said */
	for (size_t i = 0; i < l->arg_count; i++)
		argv[1 + i] = l->args[i];
	r = proc_run(&run, &status);
	return r < 0 ? err_sys(e, r, "run '%s'", argv[0]) : status;
}

static int ps_run(struct lxc *l, struct err *e)
{
	autodone(buf_done) struct buf out = BUF_INIT;
	struct coppice_info *list;
	struct owner *owners;
	struct coppice *c;
	size_t count;
	int status, r = lxc_engine(l, NULL, &c, e);

	if (r == 0)
		r = coppice_list(c, 0, &list, &count, e);
	if (r < 0)
		return r;
	owners = calloc(count + 1, sizeof(*owners));
	for (size_t i = 0; owners && i < count; i++)
		owners[i] = (struct owner){list[i].init_pid ? pid_ns_of(list[i].init_pid) : 0, list[i].name};
	status = owners ? run_ps(l, &out, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (status >= 0)
		print_ps(l, buf_str(&out), owners, count);
	free(owners);
	free(list);
	return status;
}

/* ---- lxc-netstat ---- */

static int netstat_run(struct lxc *l, struct err *e)
{
	static const char *const programs[] = {"netstat", "ss"};
	autofree const char **argv = calloc(l->arg_count + 6, sizeof(*argv));
	struct coppice_info info;
	struct coppice *c;
	char path[48];
	int r = argv ? lxc_engine(l, NULL, &c, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");

	if (r == 0)
		r = coppice_info(c, l->name, 0, &info, e);
	if (r < 0)
		return r;
	if (!info.init_pid)
		return err_set(e, ERR_STATE, ESRCH, "'%s' does not run", l->name);
	(void)snprintf(path, sizeof(path), "--net=/proc/%d/ns/net", info.init_pid);
	argv[0] = "nsenter";
	argv[1] = path;
	argv[2] = "--";
	argv[3] = access("/bin/netstat", X_OK) == 0 || access("/usr/bin/netstat", X_OK) == 0 ? programs[0] : programs[1];
	for (size_t i = 0; i < l->arg_count; i++)
		argv[4 + i] = l->args[i];
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	return err_sys(e, errno, "run '%s'", argv[0]);
}

/* ---- lxc-user-nic ---- */

/* LXC's is set-id root, for it gives an unprivileged user's container a port of a bridge of the host's. There is no such way here, and no set-id program. */
static int user_nic_run(struct lxc *l, struct err *e)
{
	(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "the interfaces of a user's container lead through a program of the user's own (pasta), which needs no right over the host's bridges");
	(void)err_hint(e, "lxc-start -n %s", l->arg_count > 2 && strcmp(l->args[0], "create") == 0 ? l->args[2] : "NAME");
	return err_what(e, "no interface is given away by this command");
}

/* ---- lxc-version, lxc-setcap, lxc-setuid ---- */

static int version_run(struct lxc *l, struct err *e)
{
	(void)l;
	(void)e;
	printf("lxc version: %s\n", LXC_LIKE);
	return 0;
}

static int set_run(struct lxc *l, struct err *e)
{
	(void)e;
	lxc_say(l, "nothing to do: users start containers without it, see man coppice");
	return 0;
}

const struct lxc_cmd lxc_cmd_kill = {
	.program = "lxc-kill", .about = "send a signal to the init of a container", .synopsis = "-n NAME [SIGNAL]", .name = LXC_NAME_NEEDED, .run = kill_run};
const struct lxc_cmd lxc_cmd_list = {.program = "lxc-list", .about = "list containers by their states", .synopsis = "", .name = LXC_NAME_NONE, .run = list_run};
const struct lxc_cmd lxc_cmd_netstat = {.program = "lxc-netstat",
					.about = "run netstat, or ss, in the network of a container",
					.synopsis = "-n NAME [-- ARGUMENT...]",
					.name = LXC_NAME_NEEDED,
					.inner = true,
					.exits = "That of the program that was run",
					.run = netstat_run};
const struct lxc_cmd lxc_cmd_ps = {.program = "lxc-ps",
				   .about = "run ps and tell which container a process is of",
				   .synopsis = "[-n NAME | --lxc] [-- ARGUMENT...]",
				   .name = LXC_NAME_NONE,
				   .inner = true,
				   .opts = ps_opts,
				   .opt_count = ARRAY_LEN(ps_opts),
				   .data_size = sizeof(struct ps),
				   .option = ps_option,
				   .exits = "That of ps",
				   .run = ps_run};
const struct lxc_cmd lxc_cmd_restart = {.program = "lxc-restart", .about = "stop a container and start it again", .synopsis = "-n NAME", .name = LXC_NAME_NEEDED, .no_words = true, .run = restart_run};
static const struct lxc_opt set_opts[] = {
	{'d', NULL, NULL, "once took them away again", "ignored: there is nothing to take away"},
};

static int set_option(struct lxc *l, int id, const char *value, struct err *e)
{
	(void)l;
	(void)id;
	(void)value;
	(void)e;
	return 0;
}

#define SET_OPTS .opts = set_opts, .opt_count = ARRAY_LEN(set_opts), .option = set_option
const struct lxc_cmd lxc_cmd_setcap = {.program = "lxc-setcap", .about = "once set file capabilities on the lxc programs", .synopsis = "[-d]", .name = LXC_NAME_OPTIONAL, SET_OPTS, .run = set_run};
const struct lxc_cmd lxc_cmd_setuid = {.program = "lxc-setuid", .about = "once made the lxc programs set-id", .synopsis = "[-d]", .name = LXC_NAME_OPTIONAL, SET_OPTS, .run = set_run};
const struct lxc_cmd lxc_cmd_shutdown = {.program = "lxc-shutdown",
					 .about = "ask a container to shut down",
					 .synopsis = "-n NAME [-w] [-r] [-t SECONDS]",
					 .name = LXC_NAME_NEEDED,
					 .no_words = true,
					 .opts = shutdown_opts,
					 .opt_count = ARRAY_LEN(shutdown_opts),
					 .data_size = sizeof(struct shutdown),
					 .option = shutdown_option,
					 .run = shutdown_run};
const struct lxc_cmd lxc_cmd_user_nic = {.program = "lxc-user-nic",
					 .about = "tell why no set-id program gives interfaces to users: their containers have a network without it",
					 .synopsis = "create|delete PATH NAME PID veth BRIDGE [NIC]",
					 .name = LXC_NAME_NONE,
					 .run = user_nic_run};
const struct lxc_cmd lxc_cmd_version = {.program = "lxc-version", .about = "print the version", .synopsis = "", .name = LXC_NAME_NONE, .run = version_run};
