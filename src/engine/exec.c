/* exec.c - a program of the container, run in it for the caller: new pty or pipes, its own environment, nothing of ours inside. */
#include "engine/account.h"
#include "engine/inside.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/cgroup.h"
#include "linux/lsm.h"
#include "linux/scfilter.h"
#include "linux/sys.h"
#include "supervise/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Marks an error as the exec's own, told apart from ours on the way here. */
#define EXEC_FAILED UINT32_MAX

#define ENV_MAX 4096

struct job {
	const struct coppice_exec *o;
	const struct spec *spec;
	bool tty, linux32;
	int in, out, err;   /* the container's ends of the pipes; FD_NONE: that one is the terminal */
	const char *term;
	struct winsize size;
	struct notify notify;
	struct buf filter;  /* a policy of the user's own, which may forbid what we still do: loaded last */
	int log;            /* copy of what the terminal prints, FD_NONE = none */
};

/* ---- inside ---- */

static NORETURN void fail(int report, const struct err *e)
{
	msg_send_fail(report, e);
	_exit(125);
}

static int open_terminal(const struct job *j, int report, struct err *e)
{
	autoclose int master = fd_open(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
	int unlock = 0, slave, r;

	if (master < 0)
		return err_sys(e, master, "open a pty in the container");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, errno, "unlock the pty");
	if (j->size.ws_row)
		(void)ioctl(master, TIOCSWINSZ, &j->size);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, errno, "open the pty's terminal");
	r = msg_send(report, MSG_CONSOLE, 0, 0, &master, 1);
	if (r < 0) {
		fd_close(&slave);
		return err_sys(e, r, "hand over the pty");
	}
	return slave;
}

static int take_stdio(const struct job *j, int report, const struct account *ac, struct err *e)
{
	int fds[3] = {j->in, j->out, j->err}, slave = FD_NONE;

	if (setsid() < 0)
		return err_sys(e, errno, "start a session");
	if (j->tty) {
		slave = open_terminal(j, report, e);

		if (slave < 0)
			return slave;
		if (fchown(slave, ac->uid, (gid_t)-1) < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
			return err_sys(e, errno, "take the terminal");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i] >= 0 ? fds[i] : slave, i) < 0)
			return err_sys(e, errno, "set up standard descriptor %d", i);
	return 0;
}

/* Personality and label of what is executed next. */
static int take_kind(const struct job *j, struct err *e)
{
	autoclose int procfs = FD_NONE;
	int r;

	if (personality(j->linux32 ? PER_LINUX32 : PER_LINUX) < 0)
		return err_sys(e, errno, "set the personality");
	if (!j->o->context)
		return 0;
	procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	r = procfs < 0 ? procfs : lsm_label(procfs, "exec", j->o->context);
	return r < 0 ? err_sys(e, r, "take the SELinux context '%s'", j->o->context) : 0;
}

static int load_filter(const struct job *j, struct err *e)
{
	int r = j->filter.len ? notify_load(&j->notify, buf_str(&j->filter), j->filter.len) : 0;

	return r < 0 ? err_sys(e, r, "load the system call filter") : 0;
}

static int become(const struct account *ac, struct err *e)
{
	if (setgroups(ac->group_count, ac->groups) < 0 || setresgid(ac->gid, ac->gid, ac->gid) < 0 || setresuid(ac->uid, ac->uid, ac->uid) < 0)
		return err_sys(e, errno, "become user %u, group %u", ac->uid, ac->gid);
	return 0;
}

static int enter_cwd(const struct job *j, const struct account *ac, struct err *e)
{
	if (j->o->cwd && j->o->cwd_if_there) {
		if (chdir(j->o->cwd) < 0 && chdir("/") < 0)
			return err_sys(e, errno, "enter '/'");
		return 0;
	}
	if (j->o->cwd)
		return chdir(j->o->cwd) < 0 ? err_sys(e, errno, "enter the working directory '%s'", j->o->cwd) : 0;
	if (chdir(ac->home) < 0 && chdir("/") < 0)
		return err_sys(e, errno, "enter '/'");
	return 0;
}

static void add_env(const char **env, size_t *count, size_t max, const char *pair)
{
	size_t len = strcspn(pair, "=");

	for (size_t i = 0; i < *count; i++) {
		if (strncmp(env[i], pair, len + 1) == 0) {
			env[i] = pair;
			return;
		}
	}
	if (*count + 1 < max)
		env[(*count)++] = pair;
	env[*count] = NULL;
}

static const char *pair(struct arena *a, const char *name, const char *value)
{
	return arena_printf(a, "%s=%s", name, value) ?: "";
}

static void add_login(const struct job *j, const struct account *ac, struct arena *a, const char **env, size_t *count, size_t max)
{
	size_t n = *count;

	add_env(env, &n, max, pair(a, "HOME", ac->home));
	add_env(env, &n, max, pair(a, "USER", ac->name[0] ? ac->name : "root"));
	add_env(env, &n, max, pair(a, "LOGNAME", ac->name[0] ? ac->name : "root"));
	add_env(env, &n, max, pair(a, "SHELL", ac->shell));
	if (j->tty && j->term)
		add_env(env, &n, max, pair(a, "TERM", j->term));
	*count = n;
}

static void build_env(const struct job *j, const struct account *ac, struct arena *a, const char **env, size_t max)
{
	const unsigned from = j->o->env_from;
	size_t n = 0;

	add_env(env, &n, max, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; from == COPPICE_ENV_CALLER && environ[i]; i++)
		add_env(env, &n, max, environ[i]);
	add_env(env, &n, max, "container=lxc");
	if (from == COPPICE_ENV_CLEAN || (from == COPPICE_ENV_BARE && !j->o->argv)) /* a shell without a home is of no use */
		add_login(j, ac, a, env, &n, max);
	for (size_t i = 0; i < j->spec->env_count; i++)
		if (j->spec->env[i].value)
			add_env(env, &n, max, pair(a, j->spec->env[i].name, j->spec->env[i].value));
	for (size_t i = 0; i < j->spec->env_runtime_count; i++)
		if (j->spec->env_runtime[i].value)
			add_env(env, &n, max, pair(a, j->spec->env_runtime[i].name, j->spec->env_runtime[i].value));
	for (size_t i = 0; j->o->env && j->o->env[i]; i++)
		add_env(env, &n, max, j->o->env[i]);
}

static void reset_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s <= 64; s++)
		(void)sigaction(s, &dfl, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static NORETURN void run_job(void *data, int report)
{
	const struct job *j = data;
	struct account ac = {0};
	struct arena a = ARENA_INIT;
	struct err e = {0};
	const char *env[ENV_MAX];
	const char *shell[] = {NULL, "-l", NULL};
	const char *const *argv = j->o->argv;
	int r = account_resolve(AT_FDCWD, j->o->user, &ac, &e);
	/* loading one wants CAP_SYS_ADMIN, which goes with the ids, or no_new_privs */
	bool early = ac.uid != 0 && !j->spec->no_new_privs;

	if (r == 0)
		r = take_stdio(j, report, &ac, &e);
	if (r == 0)
		r = take_kind(j, &e);
	if (r == 0 && early)
		r = load_filter(j, &e);
	if (r == 0)
		r = become(&ac, &e);
	if (r == 0)
		r = enter_cwd(j, &ac, &e);
	if (r < 0)
		fail(report, &e);
	if (!argv) {
		shell[0] = ac.shell;
		argv = shell;
	}
	build_env(j, &ac, &a, env, ARRAY_LEN(env));
	if (syscall(SYS_close_range, 3, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0) {
		(void)err_sys(&e, errno, "mark descriptors");
		fail(report, &e);
	}
	(void)umask(022);
	reset_signals();
	if (!early && load_filter(j, &e) < 0)
		fail(report, &e);
	r = proc_exec(argv, env);
	(void)err_sys(&e, r, "run '%s' in the container", argv[0]);
	e.step = EXEC_FAILED;
	fail(report, &e);
}

/* ---- outside ---- */

struct ends {
	int in, out, err;         /* ours */
	int their_in, their_out, their_err;
};

static void ends_done(struct ends *en)
{
	int *const all[] = {&en->in, &en->out, &en->err, &en->their_in, &en->their_out, &en->their_err};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		fd_close(all[i]);
}

/* Pipes for those of the standard descriptors that are not to be the terminal. */
static int make_pipes(struct ends *en, bool in, bool out, bool err, struct err *e)
{
	const struct {
		bool want;
		int *ours, *theirs;
	} all[] = {{in, &en->in, &en->their_in}, {out, &en->out, &en->their_out}, {err, &en->err, &en->their_err}};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int p[2];

		if (!all[i].want)
			continue;
		if (pipe2(p, O_CLOEXEC) < 0)
			return err_sys(e, errno, "make a pipe");
		*all[i].ours = p[i == 0];
		*all[i].theirs = p[i != 0];
	}
	return 0;
}

static void resize(unsigned rows, unsigned cols, void *data)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	(void)ioctl(*(int *)data, TIOCSWINSZ, &ws);
}

/* Until exec: the pty's master, a failure, or the end of file that means "it runs". */
static int wait_exec(int report, bool tty, int *ret_master, struct err *e)
{
	for (;;) {
		struct msg m;
		int fd = FD_NONE, r = msg_recv(report, clock_deadline(30000), &m, &fd, 1);

		if (r == 0)
			return 0;
		if (r == 1 && m.type == MSG_CONSOLE && tty && fd >= 0) {
			fd_close(ret_master);
			*ret_master = fd;
			continue;
		}
		fd_close(&fd);
		if (r == 1 && m.type == MSG_FAIL) {
			*e = m.err;
			if (e->kind == ERR_MISSING) /* something inside; "missing" is said of containers and bases */
				e->kind = ERR_SYSTEM;
			return e->code ? -e->code : -EIO;
		}
		return err_sys(e, r < 0 ? r : -EPROTO, "wait for the program to start");
	}
}

static int relay(struct ends *en, int master, const struct job *j, int pidfd)
{
	fd_close(&en->their_in);
	fd_close(&en->their_out);
	fd_close(&en->their_err);
	if (j->tty) {
		int pipes[] = {take_fd(en->in), take_fd(en->out), take_fd(en->err)};
		struct relay_tty rt = {.stream = master, .pidfd = pidfd, .on_winch = resize, .data = &master, .pipes = pipes, .log = j->log};
		int r = relay_terminal(&rt);

		return r < 0 ? r : 0;
	}
	return relay_pipes(take_fd(en->in), take_fd(en->out), take_fd(en->err), pidfd);
}

static int run_and_wait(const struct inside_entry *in, struct job *j, struct ends *en, int *ret_status, struct err *e)
{
	autoclose int pidfd = FD_NONE;
	autoclose int report = FD_NONE;
	autoclose int master = FD_NONE;
	pid_t pid = 0;
	int r = inside_fork(in, &pid, &pidfd, &report, e);

	if (r < 0)
		return r;
	r = wait_exec(report, j->tty, &master, e);
	if (r == 0) {
		int io = relay(en, master, j, pidfd);

		/* a caller whose terminal went away takes its program along, as a closed window does */
		if (proc_wait_gone(pidfd, clock_now_ms()) == -ETIMEDOUT && j->tty)
			fd_close(&master);
		r = proc_reap(pid, pidfd, CLOCK_NEVER, ret_status);
		if (r < 0)
			return err_sys(e, r, "wait for the program");
		/* it ended well, but half a backup is none; a terminal that went away has nobody who would miss it */
		if (io == 0 || io == -EINTR || j->tty || *ret_status != 0)
			return 0;
		(void)err_sys(e, io, "write what the program printed");
		return err_hint(e, "df -h");
	}
	(void)!proc_kill(pidfd, SIGKILL);
	(void)!proc_reap(pid, pidfd, clock_deadline(5000), ret_status);
	/* as a shell would say it; 125 when the failure is ours */
	*ret_status = e->step != EXEC_FAILED ? 125 : e->code == ENOENT ? 127 : 126;
	return r;
}

static const char *caller_term(void)
{
	const char *term = getenv("TERM");

	if (!term || !term[0] || strlen(term) > 64 || strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._") != strlen(term))
		return "xterm";
	return term;
}

/* Frozen processes cannot answer: say so instead of hanging. */
static int check_thawed(struct coppice *c, const char *name, const struct live *l, struct err *e)
{
	struct cgroup cg;
	int frozen;

	if (cgroup_open(&c->facts, l->record.group, &cg) < 0)
		return 0;
	frozen = cgroup_is_frozen(&cg);
	cgroup_done(&cg);
	if (frozen != 1)
		return 0;
	(void)err_set(e, ERR_STATE, EBUSY, "it is paused");
	return err_hint(e, "coppice resume %s", name);
}

/* By the key's own words for it. */
static int is_linux32(const char *arch, bool *ret, struct err *e)
{
	struct conf *conf = NULL;
	struct spec s;
	int r = conf_parse("", 0, "the command line", &conf, e);

	spec_init(&s);
	if (r == 0)
		r = conf_set(conf, "lxc.arch", arch, e);
	if (r == 0)
		r = conf_apply(conf, &s, e);
	*ret = s.linux32;
	spec_done(&s);
	conf_free(&conf);
	return r;
}

/* Where the program's standard descriptors lead. */
static int choose_stdio(struct job *j, struct ends *en, struct err *e)
{
	const int tty = j->o->tty;
	bool is[3] = {true, true, true};
	int r;

	if (tty == 2) {
		for (int i = 0; i < 3; i++)
			is[i] = isatty(i);
		j->tty = is[0] || is[1] || is[2];
	} else {
		j->tty = tty < 0 ? isatty(0) && isatty(1) : tty > 0;
		is[0] = is[1] = is[2] = j->tty;
	}
	for (int i = 0; j->tty && i < 3 && ioctl(i, TIOCGWINSZ, &j->size) < 0;)
		i++;
	r = make_pipes(en, !is[0], !is[1], !is[2], e);
	j->in = en->their_in;
	j->out = en->their_out;
	j->err = en->their_err;
	if (r == 0 && j->o->pty_log && j->tty) {
		j->log = fd_open(AT_FDCWD, j->o->pty_log, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600);
		if (j->log < 0)
			return err_sys(e, j->log, "open the log '%s'", j->o->pty_log);
	}
	return r;
}

int coppice_exec(struct coppice *c, const char *name, const struct coppice_exec *o, int *ret_status, struct err *e)
{
	struct job job = {.o = o, .in = FD_NONE, .out = FD_NONE, .err = FD_NONE, .log = FD_NONE, .notify = NOTIFY_INIT, .term = caller_term()};
	autodone(ends_done) struct ends ends = {FD_NONE, FD_NONE, FD_NONE, FD_NONE, FD_NONE, FD_NONE};
	struct inside_entry in = {.c = c, .run = run_job, .data = &job, .elevate = o->elevate, .namespaces = o->namespaces, .remount = o->remount};
	struct live live;
	struct spec spec;
	int r = engine_running(c, name, &live, e);

	if (r == 0)
		r = check_thawed(c, name, &live, e);
	if (r == 0) {
		engine_adopt_try(c, name, &live); /* a program can be run without a monitor */
		r = engine_spec_running(c, name, &spec, e);
	}
	if (r < 0)
		return err_what(e, "cannot run a program in '%s'", name);
	job.linux32 = spec.linux32;
	if (o->arch)
		r = is_linux32(o->arch, &job.linux32, e);
	if (r == 0)
		r = choose_stdio(&job, &ends, e);
	job.spec = in.spec = &spec;
	in.live = &live;
	in.filter = spec.seccomp_profile ? &job.filter : NULL;
	in.notify = &job.notify;
	if (r == 0)
		r = run_and_wait(&in, &job, &ends, ret_status, e);
	fd_close(&job.log);
	buf_done(&job.filter);
	notify_done(&job.notify);
	spec_done(&spec);
	return r < 0 ? err_what(e, "cannot run a program in '%s'", name) : 0;
}
