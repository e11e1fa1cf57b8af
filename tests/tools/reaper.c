/* reaper.c - runs a command and tells what it left running.
 *
 *     reaper [-g GRACE_MS] [-r REPORT] COMMAND [ARG]...
 *
 * A child subreaper inherits every orphan beneath it, daemons included, so that "nothing left" can be checked by parentage instead of by name.
 * After the command has ended, descendants get GRACE_MS (default 2000) to end by themselves; those that do not are written to REPORT (one
 * "PID PPID COMMAND LINE" a line), then killed. Exit status: the command's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PIDS 65536

static pid_t parent_of[MAX_PIDS];

static long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t read_small(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd >= 0) {
		n = read(fd, out, size - 1);
		(void)close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Fills parent_of for every process that lives (zombies have ended). */
static void scan(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *ent;

	memset(parent_of, 0, sizeof(parent_of));
	while (proc && (ent = readdir(proc))) {
		char path[64], text[512], state = 0;
		const char *after;
		int parent = 0;
		long pid = strtol(ent->d_name, NULL, 10);

		if (pid <= 0 || pid >= MAX_PIDS)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
		if (!read_small(path, text, sizeof(text)) || !(after = strrchr(text, ')')))
			continue;
		if (sscanf(after, ") %c %d", &state, &parent) == 2 && state != 'Z' && state != 'X')
			parent_of[pid] = parent;
	}
	if (proc)
		(void)closedir(proc);
}

static bool is_ours(pid_t pid)
{
	pid_t self = getpid();

	for (int depth = 0; depth < 64 && pid > 1 && pid < MAX_PIDS; depth++) {
		pid = parent_of[pid];
		if (pid == self)
			return true;
	}
	return false;
}

/* Calls @fn for each living descendant; returns how many. */
static size_t each(void (*fn)(pid_t pid, FILE *to), FILE *to)
{
	size_t count = 0;

	scan();
	for (pid_t pid = 2; pid < MAX_PIDS; pid++) {
		if (!parent_of[pid] || !is_ours(pid))
			continue;
		count++;
		if (fn)
			fn(pid, to);
	}
	return count;
}

static void report_one(pid_t pid, FILE *to)
{
	char path[64], text[512];
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	n = read_small(path, text, sizeof(text));
	for (size_t i = 0; i + 1 < n; i++)
		if (text[i] == '\0' || text[i] == '\n')
			text[i] = ' ';
	if (!n) {
		(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		n = read_small(path, text, sizeof(text));
		if (n)
			text[n - 1] = '\0';
	}
	fprintf(to, "%d %d %s\n", pid, parent_of[pid], text);
}

static void kill_one(pid_t pid, FILE *to)
{
	(void)to;
	(void)kill(pid, SIGKILL);
}

/* Collects everything that has ended; gives the command's status when that was among it. */
static void collect(pid_t command, int *status, bool *ended)
{
	int st;
	pid_t pid;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		*ended = true;
		*status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	}
}

static void nap(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

int main(int argc, char **argv)
{
	long grace = 2000, until;
	const char *report = NULL;
	bool ended = false;
	int opt, status = 125;
	pid_t command;

	while ((opt = getopt(argc, argv, "+g:r:")) != -1) {
		if (opt == 'g')
			grace = strtol(optarg, NULL, 10);
		else if (opt == 'r')
			report = optarg;
		else
			return 2;
	}
	if (optind >= argc || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return 2;
	command = fork();
	if (command < 0)
		return 125;
	if (command == 0) {
		(void)execvp(argv[optind], argv + optind);
		fprintf(stderr, "reaper: %s: %s\n", argv[optind], strerror(errno));
		_exit(127);
	}
	for (;;) {
		siginfo_t info;

		collect(command, &status, &ended);
		if (ended)
			break;
		(void)waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	}
	for (until = now_ms() + grace;;) {
		collect(command, &status, &ended);
		if (!each(NULL, NULL) || now_ms() > until)
			break;
		nap(20);
	}
	FILE *to = report ? fopen(report, "we") : stderr;

	if (to)
		(void)each(report_one, to);
	if (to && report)
		(void)fclose(to);
	for (until = now_ms() + 5000; each(kill_one, NULL) && now_ms() < until; nap(20))
		collect(command, &status, &ended);
	collect(command, &status, &ended);
	return status;
}
