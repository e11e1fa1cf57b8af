/* cmd-attach.c - lxc-attach: a program in a running container, with the caller's environment unless told otherwise, as LXC has it. */
#include "base/arena.h"
#include "base/parse.h"
#include "coppice/coppice.h"
#include "lxc/cmds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { OPT_CLEAR = 300, OPT_KEEP, OPT_KEEP_VAR };

static const struct lxc_opt opts[] = {
	{'e', "elevated-privileges", "[WHAT]", "do not take over CGROUP, CAP or LSM of the container (joined by |; default: all)", NULL},
	{'a', "arch", "ARCH", "architecture the program sees, as in lxc.arch", NULL},
	{'s', "namespaces", "LIST", "enter only MOUNT, PID, UTSNAME, IPC, USER, NETWORK, CGROUP, TIME (joined by |); implies -e", NULL},
	{'R', "remount-sys-proc", NULL, "with -s and without MOUNT: /proc and /sys that show the namespaces", NULL},
	{OPT_CLEAR, "clear-env", NULL, "begin with an environment of PATH and container=lxc", NULL},
	{OPT_KEEP, "keep-env", NULL, "begin with the environment of the caller (default)", NULL},
	{'L', "pty-log", "FILE", "keep what its terminal prints in FILE", NULL},
	{'v', "set-var", "VAR=VALUE", "set a variable", NULL},
	{OPT_KEEP_VAR, "keep-var", "VAR", "with --clear-env: keep this variable of the caller's", NULL},
	{'f', "rcfile", "FILE", "configuration file", "ignored: a running container is entered by what it was started with"},
	{'u', "uid", "UID", "user id inside", NULL},
	{'g', "gid", "GID", "group id inside", NULL},
	{'c', "context", "CONTEXT", "SELinux context to run in", NULL},
};

#define VARS_MAX 512

struct data {
	struct coppice_exec o;
	bool uid_said, gid_said;
	uint32_t uid, gid;
	const char *keep[VARS_MAX], *set[VARS_MAX];
	size_t keep_count, set_count;
};

struct word {
	const char *name;
	unsigned bit;
};

/* "A|B" into bits; a word may be written small. */
static int read_words(const char *flag, const char *list, const struct word *words, size_t count, unsigned *ret, struct err *e)
{
	while (*list) {
		size_t len = strcspn(list, "|"), i = 0;

		while (i < count && (strlen(words[i].name) != len || strncasecmp(words[i].name, list, len) != 0))
			i++;
		if (i == count)
			return lxc_usage(e, "%s: '%.*s' is not known", flag, (int)len, list);
		*ret |= words[i].bit;
		list += len + (list[len] == '|');
	}
	return 0;
}

static int read_elevated(struct data *d, const char *list, struct err *e)
{
	static const struct word words[] = {{"CGROUP", COPPICE_ELEVATE_CGROUP}, {"CAP", COPPICE_ELEVATE_CAP}, {"LSM", COPPICE_ELEVATE_LSM}, {"NOOP", 0}};

	if (list)
		return read_words("-e", list, words, ARRAY_LEN(words), &d->o.elevate, e);
	d->o.elevate = COPPICE_ELEVATE_CGROUP | COPPICE_ELEVATE_CAP | COPPICE_ELEVATE_LSM;
	return 0;
}

static int read_namespaces(struct data *d, const char *list, struct err *e)
{
	static const struct word words[] = {{"MOUNT", COPPICE_NS_MOUNT},     {"PID", COPPICE_NS_PID},       {"UTSNAME", COPPICE_NS_UTS}, {"UTS", COPPICE_NS_UTS},
					    {"IPC", COPPICE_NS_IPC},	     {"USER", COPPICE_NS_USER},     {"NETWORK", COPPICE_NS_NET}, {"NET", COPPICE_NS_NET},
					    {"CGROUP", COPPICE_NS_CGROUP}, {"TIME", COPPICE_NS_TIME}};

	if (!*list)
		return lxc_usage(e, "-s: no namespace was named");
	d->o.elevate = COPPICE_ELEVATE_CGROUP | COPPICE_ELEVATE_CAP | COPPICE_ELEVATE_LSM;
	return read_words("-s", list, words, ARRAY_LEN(words), &d->o.namespaces, e);
}

static int add(const char **list, size_t *count, const char *value, struct err *e)
{
	if (*count == VARS_MAX - 1)
		return lxc_usage(e, "more than %d variables", VARS_MAX - 1);
	list[(*count)++] = value;
	return 0;
}

static int read_id(const char *flag, const char *value, uint32_t *ret, bool *ret_said, struct err *e)
{
	*ret_said = true;
	return parse_u32(value, ret) < 0 ? lxc_usage(e, "%s: '%s' is no id", flag, value) : 0;
}

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'e':
		return read_elevated(d, value, e);
	case 's':
		return read_namespaces(d, value, e);
	case 'a':
		d->o.arch = value;
		return 0;
	case 'R':
		d->o.remount = true;
		return 0;
	case OPT_CLEAR:
		d->o.env_from = COPPICE_ENV_BARE;
		return 0;
	case OPT_KEEP:
		d->o.env_from = COPPICE_ENV_CALLER;
		return 0;
	case OPT_KEEP_VAR:
		return add(d->keep, &d->keep_count, value, e);
	case 'v':
		if (value[0] == '=' || !strchr(value, '='))
			return lxc_usage(e, "-v: '%s' is not VAR=VALUE", value);
		return add(d->set, &d->set_count, value, e);
	case 'L':
		d->o.pty_log = value;
		return 0;
	case 'u':
		return read_id("-u", value, &d->uid, &d->uid_said, e);
	case 'g':
		return read_id("-g", value, &d->gid, &d->gid_said, e);
	case 'c':
		d->o.context = value;
		return 0;
	default: /* 'f' */
		return 0;
	}
}

/* First what is kept of the caller's, then what was set. */
static const char **build_env(const struct data *d, struct arena *a)
{
	const char **env = arena_alloc(a, (d->keep_count + d->set_count + 1) * sizeof(*env));
	size_t n = 0;

	for (size_t i = 0; env && d->o.env_from == COPPICE_ENV_BARE && i < d->keep_count; i++) {
		const char *value = getenv(d->keep[i]);

		if (value && (env[n] = arena_printf(a, "%s=%s", d->keep[i], value)))
			n++;
	}
	for (size_t i = 0; env && i < d->set_count; i++)
		env[n++] = d->set[i];
	if (env)
		env[n] = NULL;
	return env;
}

static int attach(struct lxc *l, struct data *d, struct arena *a, struct err *e)
{
	char user[32], cwd[1024];
	struct coppice *c;
	int status = 0, r;

	d->o.argv = l->arg_count ? (const char *const *)l->args : NULL;
	d->o.env = build_env(d, a);
	d->o.tty = 2;
	if (d->o.remount && !d->o.namespaces)
		d->o.remount = false; /* those of the container are the right ones */
	d->o.cwd = getcwd(cwd, sizeof(cwd)) ? cwd : "/";
	d->o.cwd_if_there = true;
	if (d->gid_said)
		(void)snprintf(user, sizeof(user), "%u:%u", d->uid, d->gid);
	else
		(void)snprintf(user, sizeof(user), "%u", d->uid);
	if (d->uid_said || d->gid_said)
		d->o.user = user;
	if (!d->o.env)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	r = lxc_engine(l, NULL, &c, e);
	if (r == 0)
		r = coppice_exec(c, l->name, &d->o, &status, e);
	if (r >= 0)
		return status;
	if (status != 126 && status != 127)
		return r;
	lxc_tell(l, e);
	return status;
}

static int run(struct lxc *l, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct data *d = l->data;

	if (d->o.env_from == COPPICE_ENV_CLEAN)
		d->o.env_from = COPPICE_ENV_CALLER;
	return attach(l, d, &a, e);
}

#define EXITS "The program's own when it was run; 128 and the signal when a signal ended it, 127 when there is no such program, 126 when it cannot be executed"
/* What both names have. */
#define ROW(program_, about_) \
	{.program = (program_), .about = (about_), .synopsis = "-n NAME [OPTION...] [-- COMMAND [ARG...]]", .name = LXC_NAME_NEEDED, .inner = true, .opts = opts, .opt_count = ARRAY_LEN(opts), \
	 .data_size = sizeof(struct data), .option = option, .run = run, .exits = EXITS}

const struct lxc_cmd lxc_cmd_attach = ROW("lxc-attach", "run a program, or the user's shell, in a running container; the exit status is the program's");
const struct lxc_cmd lxc_cmd_unpriv_attach = ROW("lxc-unpriv-attach", "lxc-attach by Debian's name for users without root; no session of systemd is needed");
