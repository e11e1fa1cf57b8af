/* init.c - coppice-init, the small pid 1 for a container that runs a single program.
 *
 * A program that was not written to be pid 1 neither reaps orphans nor receives signals it has no handler for. So this process is pid 1 and does
 * only that: it starts the program in a session of its own, reaps, forwards signals, and when the program ends it ends the rest and exits with the
 * program's status. All signals are blocked and taken by sigwaitinfo(2): pid 1 of a namespace would never receive the ones left at their default
 * action, but a blocked signal is always queued.
 *
 * It neither allocates nor uses stdio after its start, and keeps no descriptor of the program but outputs 1 and 2 (images log to /proc/1/fd/1).
 *
 * When the last master of the program's terminal is closed the kernel sends SIGHUP to the program, the leader of the terminal's session; nothing
 * in between can prevent that. Holding the master here (-k) does: the terminal then lives as long as the container, whoever else dies. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/slim.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 125
#define GROUPS_MAX 64
#define KEEP_MAX 64
#define STRAGGLE_MS 1000
#define STRAGGLE_STEP_MS 20 /* processes that joined from outside are nobody's SIGCHLD here */

struct options {
	bool subreaper, terminal, have_uid, have_gid;
	uint32_t uid, gid;
	gid_t groups[GROUPS_MAX];
	size_t group_count;
	const char *cwd;
	int report;
	int keep[KEEP_MAX]; /* ascending */
	size_t keep_count;
	char **argv;
};

static void say(const char *what, const char *object, const char *why)
{
	const char *const parts[] = {"coppice-init: ", what, " '", object, "': ", why, "\n"};
	struct iovec iov[ARRAY_LEN(parts)];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		iov[i] = (struct iovec){.iov_base = (void *)(uintptr_t)parts[i], .iov_len = strlen(parts[i])};
	(void)!writev(2, iov, ARRAY_LEN(iov));
}

static bool parse_fd(const char *text, int *ret)
{
	uint32_t fd;

	if (parse_u32(text, &fd) < 0 || fd < 3 || fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0)
		return false;
	*ret = (int)fd;
	return true;
}

static bool parse_groups(struct options *o, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		char one[16];
		uint32_t gid;

		if (len >= sizeof(one) || o->group_count == GROUPS_MAX)
			return false;
		memcpy(one, text, len);
		one[len] = '\0';
		if (parse_u32(one, &gid) < 0)
			return false;
		o->groups[o->group_count++] = gid;
		text += len + (text[len] == ',');
	}
	return true;
}

static bool add_keep(struct options *o, const char *text)
{
	int fd;
	size_t i = o->keep_count;

	if (i == KEEP_MAX || !parse_fd(text, &fd))
		return false;
	for (; i > 0 && o->keep[i - 1] > fd; i--)
		o->keep[i] = o->keep[i - 1];
	o->keep[i] = fd;
	o->keep_count++;
	return true;
}

/* One option with its value. False when the value is no good. */
static bool parse_option(struct options *o, char name, const char *value)
{
	switch (name) {
	case 'r':
		return parse_fd(value, &o->report);
	case 'k':
		return add_keep(o, value);
	case 'u':
		return o->have_uid = parse_u32(value, &o->uid) == 0;
	case 'g':
		return o->have_gid = parse_u32(value, &o->gid) == 0;
	case 'G':
		return parse_groups(o, value);
	default: /* 'w' */
		o->cwd = value;
		return true;
	}
}

static bool parse_options(struct options *o, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++) {
		const char *arg = argv[i];

		if (strcmp(arg, "-s") == 0) {
			o->subreaper = true;
		} else if (strcmp(arg, "-t") == 0) {
			o->terminal = true;
		} else if (strlen(arg) != 2 || !strchr("rkugGw", arg[1]) || i + 1 >= argc) {
			say("bad usage", arg, "want [-s] [-t] [-r FD] [-k FD]... [-u UID -g GID [-G GID,...]] [-w DIR] -- PROGRAM [ARG]...");
			return false;
		} else if (!parse_option(o, arg[1], argv[++i])) {
			say("bad value for", arg, argv[i]);
			return false;
		}
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	if (i >= argc || (o->have_uid && !o->have_gid)) {
		say("bad usage", argv[0], i >= argc ? "no program" : "-u without -g would keep our group");
		return false;
	}
	o->argv = argv + i;
	return true;
}

/* Like execvp(3), but never hands a file that the kernel does not know to a shell. Returns the errno that tells most. */
static int exec_program(char **argv)
{
	const char *dir = getenv("PATH");
	int seen = ENOENT;

	if (strchr(argv[0], '/')) {
		(void)execve(argv[0], argv, environ);
		return errno;
	}
	if (!*argv[0])
		return ENOENT;
	dir = dir ? dir : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (;;) {
		size_t len = strcspn(dir, ":"), name = strlen(argv[0]);
		char path[PATH_MAX];

		if (len + name + 2 <= sizeof(path)) {
			memcpy(path, dir, len);
			if (len > 0)
				path[len] = '/';
			memcpy(path + len + (len > 0), argv[0], name + 1);
			(void)execve(path, argv, environ);
			if (errno == EACCES)
				seen = EACCES;
			else if (errno != ENOENT && errno != ENOTDIR && errno != ENODEV && errno != ESTALE && errno != ETIMEDOUT)
				return errno;
		}
		if (!dir[len])
			return seen;
		dir += len + 1;
	}
}

static int become_user(const struct options *o)
{
	/* Without a group list of our own nothing is to be dropped where setgroups(2) is denied (a user namespace made without privilege). */
	if (o->have_gid && setgroups(o->group_count, o->groups) < 0 && (errno != EPERM || o->group_count || getgroups(0, NULL) != 0))
		return errno;
	if (o->have_gid && setresgid(o->gid, o->gid, o->gid) < 0)
		return errno;
	if (o->have_uid && setresuid(o->uid, o->uid, o->uid) < 0)
		return errno;
	return o->cwd && chdir(o->cwd) < 0 ? errno : 0;
}

/* Default actions for us (an inherited SIG_IGN of SIGCHLD would take our children's statuses away) and for the program; everything blocked. */
static void take_signals(sigset_t *ret_all)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};

	(void)sigfillset(ret_all);
	(void)sigprocmask(SIG_SETMASK, ret_all, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &standard, NULL);
}

/* Tells why the program does not run. Gives the exit code that says so. */
static int fail_start(const struct options *o, int code)
{
	if (o->report >= 0)
		(void)!write(o->report, &code, sizeof(code));
	else
		say("cannot run", o->argv[0], strerrordesc_np(code));
	return code == ENOENT || code == ENOTDIR ? 127 : 126;
}

static NORETURN void run_program(const struct options *o)
{
	sigset_t none;
	int code = 0;

	if (setsid() < 0) /* the terminal's foreground group becomes this session's leader by TIOCSCTTY itself */
		code = errno;
	if (code == 0 && o->terminal && isatty(0) && ioctl(0, TIOCSCTTY, 0) < 0)
		code = errno;
	if (code == 0)
		code = become_user(o);
	for (size_t i = 0; i < o->keep_count; i++)
		(void)fcntl(o->keep[i], F_SETFD, FD_CLOEXEC);
	if (o->report >= 0)
		(void)fcntl(o->report, F_SETFD, FD_CLOEXEC);
	if (code == 0) {
		(void)sigemptyset(&none); /* what arrived meanwhile is the program's own from here on */
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		code = exec_program(o->argv);
	}
	_exit(fail_start(o, code));
}

/* A terminal has one session: give it up if it is ours, so that the program can have it. */
static void release_terminal(void)
{
	const struct timespec now = {0};
	sigset_t set;

	if (tcgetsid(0) != getpid() || ioctl(0, TIOCNOTTY) < 0)
		return;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCONT);
	while (sigtimedwait(&set, NULL, &now) > 0) /* the kernel's farewell to us is nothing to forward */
		;
}

/* Keeps 1, 2 and the -k ones. */
static void close_descriptors(const struct options *o)
{
	int stdin_fd = 0;
	unsigned next = 3;

	fd_close(&stdin_fd);
	for (size_t i = 0; i < o->keep_count; i++) {
		unsigned fd = (unsigned)o->keep[i];

		if (fd > next)
			fd_close_range(next, fd - 1);
		next = fd + 1;
	}
	fd_close_range(next, UINT_MAX);
}

/* Reaps all that ended; @ret_left: whether children remain. True when the program was among them, with its exit code as a shell tells it. */
static bool reap(pid_t main_pid, int *ret_status, bool *ret_left)
{
	bool ended = false;
	int wait_status;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		if (pid == main_pid) {
			ended = true;
			*ret_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
		}
	*ret_left = pid == 0;
	return ended;
}

static void forward(pid_t main_pid, int sig)
{
	if (sig == SIGTTIN || sig == SIGTTOU)
		return;
	if (sig == SIGPWR) /* what a host sends to an init that is to shut down */
		sig = SIGTERM;
	if (kill(-main_pid, sig) < 0) /* not yet in its own group */
		(void)kill(main_pid, sig);
}

/* Outside a pid namespace there is no "everybody": the orphans we adopted, by the kernel's list (CONFIG_PROC_CHILDREN). */
static bool signal_children(int sig)
{
	char text[32768];
	ssize_t n = fd_read_file(AT_FDCWD, "/proc/thread-self/children", text, sizeof(text));
	bool any = false;

	for (char *p = text; n > 0 && *p;) {
		size_t len = strcspn(p, " ");
		uint32_t pid;
		char end = p[len];

		p[len] = '\0';
		if (parse_u32(p, &pid) == 0 && pid > 1 && kill((pid_t)pid, sig) == 0)
			any = true;
		p += len + (end != '\0');
	}
	return any;
}

/* False when nobody is left. */
static bool signal_rest(int sig)
{
	/* kill(-1) as anything but pid 1 of a namespace would hit the whole machine. */
	return getpid() == 1 ? kill(-1, sig) == 0 : signal_children(sig);
}

static void end_stragglers(const sigset_t *all, pid_t main_pid)
{
	const struct timespec step = {.tv_nsec = STRAGGLE_STEP_MS * 1000000L};
	uint64_t deadline = clock_deadline(STRAGGLE_MS);
	int status;
	bool left;

	if (getpid() != 1 && kill(-main_pid, SIGTERM) == 0) /* below its children we would see only who lost all parents */
		(void)kill(-main_pid, SIGCONT);
	if (signal_rest(SIGTERM))
		(void)signal_rest(SIGCONT); /* a stopped process cannot act on SIGTERM */
	for (;;) {
		(void)reap(0, &status, &left);
		if (!left && !signal_rest(0))
			return;
		if (clock_left_ms(deadline) == 0)
			break;
		if (sigtimedwait(all, NULL, &step) == SIGCHLD && getpid() != 1)
			(void)signal_rest(SIGTERM); /* children of the one that ended are ours only now */
	}
	/* As pid 1 our own end does the same; as a subreaper the dead hand over their children, until none is left. */
	for (int i = 0; signal_rest(SIGKILL) && i < STRAGGLE_MS / STRAGGLE_STEP_MS; i++) {
		(void)sigtimedwait(all, NULL, &step);
		(void)reap(0, &status, &left);
	}
}

int main(int argc, char **argv)
{
	struct options o = {.report = FD_NONE};
	int status = 0;
	bool left;
	sigset_t all;
	pid_t pid;

	if (!parse_options(&o, argc, argv))
		return EXIT_USAGE;
	if (getpid() != 1 && (!o.subreaper || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)) {
		say("bad usage", argv[0], "not pid 1 of a namespace (-s allows it)");
		return EXIT_USAGE;
	}
	(void)prctl(PR_SET_NAME, "coppice-init"); /* started by descriptor the name would be a number */
	take_signals(&all);
	if (o.terminal && isatty(0))
		release_terminal();
	pid = fork();
	if (pid < 0)
		return fail_start(&o, errno);
	if (pid == 0)
		run_program(&o);
	close_descriptors(&o);
	slim_process();
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig == SIGCHLD && reap(pid, &status, &left))
			break;
		if (sig > 0 && sig != SIGCHLD)
			forward(pid, sig);
	}
	end_stragglers(&all, pid);
	_exit(status);
}
