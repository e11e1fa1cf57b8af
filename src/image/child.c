/* child.c - see child.h. */
#include "image/child.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/proc.h"
#include "linux/mnt.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_KEEP 8192u
#define ENV_MAX 16u

int child_find(const char *name, char out[64])
{
	static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if ((size_t)snprintf(out, 64, "%s/%s", dirs[i], name) < 64 && access(out, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* A new /proc for a new pid namespace, in a mount namespace whose events stay in it. */
static int enter_own_mounts(void)
{
	autoclose int proc = FD_NONE, target = FD_NONE, root = FD_NONE;
	int r;

	root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	r = root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_PRIVATE, FD_NONE);
	if (r < 0)
		return r;
	proc = mnt_new("proc", NULL, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
	target = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	if (proc < 0 || target < 0)
		return proc < 0 ? proc : target;
	return mnt_attach(proc, target);
}

static void fill_env(const struct child *c, const char *env[ENV_MAX])
{
	size_t n = 0;

	env[n++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	env[n++] = "LC_ALL=C.UTF-8";
	env[n++] = "HOME=/root";
	for (size_t i = 0; c->env && c->env[i] && n < ENV_MAX - 1; i++)
		env[n++] = c->env[i];
	env[n] = NULL;
}

/* In the child: never returns. What goes wrong is told on the output pipe, which is its log. */
static NORETURN void start(const struct child *c, pid_t parent, int output)
{
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0);
	const char *env[ENV_MAX];
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGPIPE, &dfl, NULL);
	(void)setpgid(0, 0);
	r = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
	/* Seen from a new pid namespace the parent is 0; else its going is noticed by the number. */
	if (r == 0 && !c->own_namespaces && getppid() != parent)
		_exit(127);
	if (r == 0 && c->own_namespaces)
		r = enter_own_mounts();
	if (r == 0 && (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || (c->cwd >= 0 && fchdir(c->cwd) < 0)))
		r = -errno;
	if (r == 0) {
		fill_env(c, env);
		(void)umask(022);
		(void)execve(c->argv[0], (char *const *)(uintptr_t)c->argv, (char *const *)(uintptr_t)env);
		r = -errno;
	}
	(void)dprintf(output, "cannot start %s: %s\n", c->argv[0], strerrordesc_np(-r) ?: "?");
	_exit(127);
}

static void keep_log(struct buf *log, const char *bytes, size_t len)
{
	buf_add(log, bytes, len);
	if (log->len <= 2 * LOG_KEEP)
		return;
	memmove(log->data, log->data + (log->len - LOG_KEEP), LOG_KEEP + 1);
	log->len = LOG_KEEP;
}

/* Hands complete lines on; the rest stays in @rest. */
static int take_lines(struct child *c, struct buf *rest, struct err *e)
{
	char *at = rest->data, *newline;
	int r = 0;

	while (r == 0 && (newline = strpbrk(at, "\n\r"))) {
		*newline = '\0';
		if (*at && c->line)
			r = c->line(c->data, at, e);
		at = newline + 1;
	}
	rest->len -= (size_t)(at - rest->data);
	memmove(rest->data, at, rest->len + 1);
	if (rest->len > 4096)
		buf_clear(rest);
	return r;
}

/* Until the output ends (the program and all it started have closed it). */
static int watch(struct job *j, struct child *c, int output, struct err *e)
{
	autodone(buf_done) struct buf rest = BUF_INIT;

	for (;;) {
		struct pollfd p[2] = {{.fd = output, .events = POLLIN}, {.fd = j->signals, .events = POLLIN}};
		char bytes[4096];
		ssize_t n;
		int r;

		if (poll(p, 2, 500) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for %s", c->argv[0]);
		if (p[1].revents)
			j->ticks = 0; /* look now */
		r = job_tick(j, e);
		if (r < 0)
			return r;
		if (!p[0].revents)
			continue;
		n = read(output, bytes, sizeof(bytes));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return 0;
		for (ssize_t i = 0; i < n; i++)
			if (!bytes[i])
				bytes[i] = '?';
		keep_log(&c->log, bytes, (size_t)n);
		buf_add(&rest, bytes, (size_t)n);
		if (buf_failed(&rest) || buf_failed(&c->log))
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		r = take_lines(c, &rest, e);
		if (r < 0)
			return r;
	}
}

int child_run(struct job *j, struct child *c, int *ret_status, struct err *e)
{
	autoclose int pidfd = FD_NONE, in = FD_NONE, out = FD_NONE;
	int ends[2], r, ignored;
	pid_t self = getpid(), pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	in = ends[0];
	out = ends[1];
	pid = ns_clone(c->own_namespaces ? CLONE_NEWNS | CLONE_NEWPID : 0, FD_NONE, false, &pidfd);
	if (pid < 0)
		return err_sys(e, (int)pid, "start %s", c->argv[0]);
	if (pid == 0)
		start(c, self, out);
	(void)setpgid(pid, pid); /* whoever is first */
	fd_close(&out);
	r = watch(j, c, in, e);
	if (r == 0) {
		r = proc_reap(pid, pidfd, CLOCK_NEVER, ret_status);
		return r < 0 ? err_sys(e, r, "wait for %s", c->argv[0]) : 0;
	}
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	if (proc_reap(pid, pidfd, CLOCK_NEVER, &ignored) < 0)
		job_warn(j, "%s did not end", c->argv[0]);
	return r;
}

void child_done(struct child *c)
{
	buf_done(&c->log);
}

const char *child_tail(const struct child *c, char *out, size_t size)
{
	const char *text = buf_str(&c->log);
	size_t len = strlen(text), keep = size - 1 < 300 ? size - 1 : 300;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > keep) {
		text += len - keep;
		len = keep;
	}
	(void)snprintf(out, size, "%.*s", (int)len, text);
	for (char *p = out; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ';';
	return out;
}
