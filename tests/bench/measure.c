/* measure.c - times commands fairly: interleaved round-robin in one process, so that a busy moment of the machine hits all of them.
 *
 *     measure -r ROUNDS -p PAUSE_MS CASES
 *
 * CASES is a file of blocks; words of a command are separated by tabs:
 *
 *     case NAME
 *     ns FILE           mount namespace to run this case in, e.g. /proc/PID/ns/mnt
 *     prepare COMMAND   before each round, not timed (status ignored)
 *     run COMMAND       timed from posix_spawn to wait4
 *     status N          what it must exit with (0)
 *     stamp FILE        written by the container's init with the real-time clock: time from spawn to exec of init
 *     cleanup COMMAND   after each round, not timed
 *
 * PAUSE_MS sleeps before each timed command: 80 is cold, as in real use (the kernel's quick path for joining a control group has closed
 * again), 0 is warm. Output, tab separated, one line a case: name, rounds that worked, then medians: wall ms, fastest wall ms, ms to exec of
 * init ("-" without a stamp), CPU ms, peak RSS KiB. CPU is user + system time of everything the command started, daemons included:
 * we are a child subreaper, ended processes report by wait4, living ones by their scheduler statistics.
 *
 * The first round is thrown away. Exit status 1 when a case never worked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define MAX_CASES 64
#define MAX_ROUNDS 1000
#define MAX_WORDS 128

struct command {
	char *words[MAX_WORDS];
};

struct one {
	char *name, *ns, *stamp;
	struct command prepare, run, cleanup;
	int status, done;
	double wall[MAX_ROUNDS], to_exec[MAX_ROUNDS], cpu[MAX_ROUNDS], rss[MAX_ROUNDS];
};

static struct one cases[MAX_CASES];
static size_t case_count;
static FILE *noise; /* what the commands say; shown with -v */

static int64_t clock_ns(clockid_t c)
{
	struct timespec t;

	(void)clock_gettime(c, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void nap_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static double usage_ms(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e3 + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e3;
}

/* ---- CASES ---- */

static void split(char *text, struct command *ret)
{
	size_t n = 0;

	for (char *p = text; p && *p && n < MAX_WORDS - 1;) {
		char *tab = strchr(p, '\t');

		if (tab)
			*tab++ = '\0';
		if (*p)
			ret->words[n++] = p;
		p = tab;
	}
	ret->words[n] = NULL;
}

static int read_cases(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	struct one *c = NULL;

	if (!f)
		return -errno;
	while ((n = getline(&line, &room, f)) > 0) {
		char *word = line, *rest = strchr(line, ' ');

		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!*word || *word == '#' || !rest)
			continue;
		*rest++ = '\0';
		rest = strdup(rest);
		if (strcmp(word, "case") == 0) {
			if (case_count == MAX_CASES)
				return -E2BIG;
			c = &cases[case_count++];
			c->name = rest;
		} else if (!c) {
			return -EINVAL;
		} else if (strcmp(word, "ns") == 0) {
			c->ns = rest;
		} else if (strcmp(word, "stamp") == 0) {
			c->stamp = rest;
		} else if (strcmp(word, "status") == 0) {
			c->status = (int)strtol(rest, NULL, 10);
		} else if (strcmp(word, "prepare") == 0) {
			split(rest, &c->prepare);
		} else if (strcmp(word, "run") == 0) {
			split(rest, &c->run);
		} else if (strcmp(word, "cleanup") == 0) {
			split(rest, &c->cleanup);
		} else {
			return -EINVAL;
		}
	}
	free(line);
	(void)fclose(f);
	return 0;
}

/* ---- processes ---- */

static pid_t spawn(const struct command *c)
{
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int rc;

	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&fa, fileno(noise), 1);
	(void)posix_spawn_file_actions_adddup2(&fa, fileno(noise), 2);
	rc = posix_spawnp(&pid, c->words[0], &fa, NULL, c->words, environ);
	(void)posix_spawn_file_actions_destroy(&fa);
	return rc ? -1 : pid;
}

static void run_quietly(const struct command *c)
{
	int st;
	pid_t pid = c->words[0] ? spawn(c) : -1;

	while (pid > 0 && waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
}

static bool read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (fd >= 0)
		(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* CPU time of every living descendant of @pid, with that of the children it has reaped. */
static double living_ms(pid_t pid, int depth)
{
	char path[96], text[4096];
	double sum = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (depth > 16 || !read_text(path, text, sizeof(text)))
		return 0;
	for (char *p = text, *end; *p; p = end) {
		long child = strtol(p, &end, 10);
		char stat[1024], sched[128];
		const char *after;
		unsigned long long run_ns = 0;
		unsigned long cu = 0, cs = 0;

		if (end == p)
			break;
		(void)snprintf(path, sizeof(path), "/proc/%ld/schedstat", child);
		if (read_text(path, sched, sizeof(sched)))
			(void)sscanf(sched, "%llu", &run_ns);
		(void)snprintf(path, sizeof(path), "/proc/%ld/stat", child);
		if (read_text(path, stat, sizeof(stat)) && (after = strrchr(stat, ')')))
			(void)sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &cu, &cs);
		sum += (double)run_ns / 1e6 + (double)(cu + cs) * 1e3 / (double)sysconf(_SC_CLK_TCK);
		sum += living_ms((pid_t)child, depth + 1);
	}
	return sum;
}

/* Reaps orphans that have ended; gives their CPU time. */
static double reap_ms(void)
{
	struct rusage u;
	double sum = 0;
	int st;

	while (wait4(-1, &st, WNOHANG, &u) > 0)
		sum += usage_ms(&u);
	return sum;
}

/* Waits for what the round left to end; what does not is killed. */
static void drain(void)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	for (int i = 0; i < 500; i++) {
		(void)reap_ms();
		if (!read_text(path, text, sizeof(text)))
			return;
		if (i > 400)
			for (char *p = text, *end; *p; p = end) {
				long pid = strtol(p, &end, 10);

				if (end == p)
					break;
				(void)kill((pid_t)pid, SIGKILL);
			}
		nap_ms(10);
	}
}

/* ---- a round ---- */

static void once(struct one *c, long pause_ms, int home, bool keep)
{
	char text[64];
	struct rusage u;
	int64_t start, start_real, end;
	double cpu;
	int st = 0, ns = c->ns ? open(c->ns, O_RDONLY | O_CLOEXEC) : -1;
	pid_t pid;

	if (c->ns && (ns < 0 || setns(ns, CLONE_NEWNS) < 0)) {
		fprintf(stderr, "measure: %s: %s: %s\n", c->name, c->ns, strerror(errno));
		return;
	}
	if (c->stamp)
		(void)unlink(c->stamp);
	run_quietly(&c->prepare);
	drain();
	nap_ms(pause_ms);
	start_real = clock_ns(CLOCK_REALTIME);
	start = clock_ns(CLOCK_MONOTONIC);
	pid = spawn(&c->run);
	while (pid > 0 && wait4(pid, &st, 0, &u) < 0 && errno == EINTR)
		;
	end = clock_ns(CLOCK_MONOTONIC);
	if (pid > 0 && WIFEXITED(st) && WEXITSTATUS(st) == c->status && keep && c->done < MAX_ROUNDS) {
		bool good = true;
		double to_exec = -1;

		/* a detached start may return before init has written its stamp */
		if (c->stamp) {
			for (int i = 0; i < 200 && !(good = read_text(c->stamp, text, sizeof(text))); i++)
				nap_ms(5);
			to_exec = (double)(strtoll(text, NULL, 10) - start_real) / 1e6;
		}
		cpu = usage_ms(&u) + reap_ms() + living_ms(getpid(), 0);
		if (good) {
			c->wall[c->done] = (double)(end - start) / 1e6;
			c->to_exec[c->done] = to_exec;
			c->cpu[c->done] = cpu;
			c->rss[c->done++] = (double)u.ru_maxrss;
		}
	} else if (keep) {
		fprintf(stderr, "measure: %s: ended with status %d\n", c->name, pid < 0 ? 127 : WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
	}
	run_quietly(&c->cleanup);
	drain();
	if (ns >= 0) {
		(void)setns(home, CLONE_NEWNS);
		(void)close(ns);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	long rounds = 20, pause_ms = 80;
	int opt, rc, home, bad = 0;
	bool loud = false;

	while ((opt = getopt(argc, argv, "r:p:v")) != -1) {
		if (opt == 'r')
			rounds = strtol(optarg, NULL, 10);
		else if (opt == 'p')
			pause_ms = strtol(optarg, NULL, 10);
		else if (opt == 'v')
			loud = true;
		else
			return 2;
	}
	if (optind + 1 != argc)
		return 2;
	rc = read_cases(argv[optind]);
	if (rc < 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[optind], strerror(-rc));
		return 2;
	}
	noise = loud ? stderr : fopen("/dev/null", "we");
	home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (!noise || home < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return 2;
	for (long r = 0; r <= rounds; r++)
		for (size_t i = 0; i < case_count; i++)
			once(&cases[i], pause_ms, home, r > 0);
	for (size_t i = 0; i < case_count; i++) {
		struct one *c = &cases[i];

		if (!c->done) {
			printf("%s\t0\t-\t-\t-\t-\t-\n", c->name);
			bad = 1;
			continue;
		}
		/* sorted by median(): the first wall is the fastest */
		printf("%s\t%d\t%.2f\t", c->name, c->done, median(c->wall, c->done));
		printf("%.2f\t", c->wall[0]);
		if (c->stamp)
			printf("%.2f\t", median(c->to_exec, c->done));
		else
			printf("-\t");
		printf("%.2f\t%.0f\n", median(c->cpu, c->done), median(c->rss, c->done));
	}
	return bad;
}
