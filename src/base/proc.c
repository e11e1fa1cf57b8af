/* proc.c - process identity, pidfds and helper programs. */
#include "base/proc.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_KEEP ((size_t)64 * 1024)

/* Start time and state from /proc/PID/stat. The command name may hold anything: count fields from its last ')'. */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	char path[32], text[1024], *p, *save = NULL;
	uint64_t start;
	ssize_t n;
	int field = 3;

	if (pid == 0)
		(void)snprintf(path, sizeof(path), "/proc/self/stat");
	else
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	n = fd_read_file(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	p = strrchr(text, ')');
	if (!p || p[1] != ' ')
		return -EPROTO;
	*ret_state = p[2];
	for (p = strtok_r(p + 2, " ", &save); p && field < 22; field++)
		p = strtok_r(NULL, " ", &save);
	if (!p || parse_u64(p, &start) < 0)
		return -EPROTO;
	*ret_start = start;
	return 0;
}

int proc_identify(pid_t pid, struct proc_id *ret)
{
	uint64_t start = 0;
	char state;
	int r = read_stat(pid, &state, &start);

	if (r < 0)
		return r;
	*ret = (struct proc_id){.pid = pid ? pid : getpid(), .start_time = start};
	return 0;
}

static bool matches(const struct proc_id *id)
{
	uint64_t start = 0;
	char state = 'X';

	return read_stat(id->pid, &state, &start) == 0 && start == id->start_time && state != 'Z' && state != 'X';
}

bool proc_alive(const struct proc_id *id)
{
	return id->pid > 0 && matches(id);
}

int proc_open(const struct proc_id *id)
{
	autoclose int fd = FD_NONE;

	if (id->pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd < 0)
		return -errno;
	/* Checked after the open: the pidfd pins whoever had the pid at that moment. */
	if (!matches(id))
		return -ESRCH;
	return take_fd(fd);
}

int64_t proc_started(const struct proc_id *id)
{
	struct timespec boot, now;
	long hz = sysconf(_SC_CLK_TCK);

	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec - (int64_t)boot.tv_sec + (int64_t)(id->start_time / (uint64_t)(hz > 0 ? hz : 100));
}

int proc_boot_id(char ret[40])
{
	ssize_t n = fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", ret, 40);

	return n < 0 ? (int)n : 0;
}

int proc_kill(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int proc_wait_gone(int pidfd, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		int n = poll(&p, 1, clock_left_ms(deadline));

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int proc_reap(pid_t pid, int pidfd, uint64_t deadline, int *ret_status)
{
	int status, r;
	pid_t got;

	r = proc_wait_gone(pidfd, deadline);
	if (r < 0)
		return r;
	do
		got = waitpid(pid, &status, __WALL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* In the child: never returns. Reports a failure of its own as errno through @report (close-on-exec). */
static NORETURN void run_child(const struct proc_run *run, pid_t run_parent, int out_fd, int log_fd, int report)
{
	static const char *const base_env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/", NULL};
	static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGXFSZ};
	const char *env[512];
	size_t n = 0;
	sigset_t none;
	int in_fd = run->in_fd, code;

	for (size_t i = 0; base_env[i]; i++)
		env[n++] = base_env[i];
	for (size_t i = 0; run->env && run->env[i] && n + 1 < ARRAY_LEN(env); i++)
		env[n++] = run->env[i];
	env[n] = NULL;

	if (run->tied && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != run_parent))
		_exit(127);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) /* what we ignore is not for others to ignore */
		(void)signal(usual[i], SIG_DFL);
	(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (in_fd < 0)
		in_fd = fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0);
	if (dup2(in_fd, 0) < 0 || dup2(log_fd >= 0 ? log_fd : 2, 2) < 0 || dup2(out_fd >= 0 ? out_fd : 2, 1) < 0)
		goto fail;
	if (run->cwd_fd >= 0 && fchdir(run->cwd_fd) < 0)
		goto fail;
	for (size_t i = 0; i < run->keep_count; i++)
		if (fcntl(run->keep[i], F_SETFD, 0) < 0)
			goto fail;
	(void)execve(run->argv[0], (char *const *)(uintptr_t)run->argv, (char *const *)(uintptr_t)env);
fail:
	code = errno;
	(void)!write(report, &code, sizeof(code));
	_exit(127);
}

/* Moves what is readable from *@fd into @b; closes *@fd at its end. */
static int drain(int *fd, struct buf *b, size_t max, bool keep_tail)
{
	char *at = buf_reserve(b, 4096);
	ssize_t n;

	if (!at)
		return -ENOMEM;
	n = read(*fd, at, 4096);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (n == 0) {
		fd_close(fd);
		return 0;
	}
	b->len += (size_t)n;
	b->data[b->len] = '\0';
	if (b->len > max) {
		if (!keep_tail)
			return -EFBIG;
		memmove(b->data, b->data + (b->len - max), max + 1);
		b->len = max;
	}
	return 0;
}

static int collect(const struct proc_run *run, int pidfd, int *out, int *log)
{
	bool ended = false;

	while (*out >= 0 || *log >= 0) {
		struct pollfd p[3] = {{.fd = *out, .events = POLLIN}, {.fd = *log, .events = POLLIN}, {.fd = run->may_leave ? pidfd : FD_NONE, .events = POLLIN}};
		int n = poll(p, 3, ended ? 0 : clock_left_ms(run->deadline)), r;

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (ended && !p[0].revents && !p[1].revents)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		ended = p[2].revents != 0;
		if (p[0].revents) {
			r = drain(out, run->out, run->out_max ? run->out_max : (size_t)1 << 20, false);
			if (r < 0)
				return r;
		}
		if (p[1].revents) {
			r = drain(log, run->log, LOG_KEEP, true);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void close_pair(int (*pair)[2])
{
	fd_close(&(*pair)[0]);
	fd_close(&(*pair)[1]);
}

int proc_run(const struct proc_run *run, int *ret_status)
{
	autodone(close_pair) int out[2] = {FD_NONE, FD_NONE};
	autodone(close_pair) int log[2] = {FD_NONE, FD_NONE};
	autodone(close_pair) int report[2] = {FD_NONE, FD_NONE};
	autoclose int pidfd = FD_NONE;
	int code = 0, r, status;
	pid_t pid, parent;
	ssize_t n;

	if ((run->out && pipe2(out, O_CLOEXEC) < 0) || (run->log && pipe2(log, O_CLOEXEC) < 0) || pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	parent = getpid();
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(run, parent, out[1], log[1], report[1]);
	(void)setpgid(pid, pid);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd_close(&out[1]);
	fd_close(&log[1]);
	fd_close(&report[1]);
	do
		n = read(report[0], &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	r = n == (ssize_t)sizeof(code) ? -code : collect(run, pidfd, &out[0], &log[0]);
	if (r == 0)
		r = proc_reap(pid, pidfd, run->deadline, &status);
	if (r < 0) {
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return r;
	}
	*ret_status = status;
	return 0;
}

int proc_exec(const char *const *argv, const char *const *env)
{
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	int best = ENOENT;

	for (size_t i = 0; env && env[i]; i++)
		if (strncmp(env[i], "PATH=", 5) == 0)
			path = env[i] + 5;
	if (strchr(argv[0], '/')) {
		(void)execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
		return -errno;
	}
	while (*path) {
		size_t len = strcspn(path, ":");
		char full[1024];

		if (len && snprintf(full, sizeof(full), "%.*s/%s", (int)len, path, argv[0]) < (int)sizeof(full)) {
			(void)execve(full, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
			if (errno != ENOENT && errno != ENOTDIR)
				best = errno;
		}
		path += len;
		path += *path == ':';
	}
	return -best;
}
