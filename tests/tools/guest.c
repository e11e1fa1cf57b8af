/* guest.c - the small static program the scenario tests run inside a container when a shell would be too vague.
 *
 *     guest fds                 open descriptors, "NUMBER TARGET" a line
 *     guest hog MIB             touches MIB megabytes one by one; prints "touched N" at the end
 *     guest forks N             starts up to N processes that wait; prints "forked K errno E", ends them
 *     guest burn MS             spins two threads' worth of children for MS; prints "cpu USED_MS wall WALL_MS"
 *     guest signals             as init: prints "ready", then the name of each signal; ends with 0 on SIGTERM, SIGPWR or SIGRTMIN+3
 *     guest stubborn            as init: ignores every signal that can be ignored
 *     guest orphans N           leaves N orphans that end at once, waits, prints "zombies K" as found in /proc
 *     guest tiocsti             tries to type into the terminal on stdin; prints "typed" or "refused ERRNO"
 *     guest device PATH FLAGS   open(PATH): FLAGS r, w or rw; prints "opened" or "refused ERRNO"
 *     guest mknod PATH TYPE MAJOR MINOR
 *     guest rlimits             "NAME SOFT HARD" a line
 *     guest stamp FILE [stay]   writes the real-time clock in nanoseconds to FILE; with "stay" waits for SIGTERM
 *     guest sysinfo             total memory and uptime as sysinfo(2) tells them
 *     guest stat PATH           "UID GID MODE" of PATH itself
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long number(const char *s)
{
	return strtol(s, NULL, 10);
}

static long long now_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int do_fds(char **argv)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *ent;

	(void)argv;
	if (!dir)
		return 1;
	while ((ent = readdir(dir))) {
		char target[512];
		ssize_t n;

		if (ent->d_name[0] == '.' || number(ent->d_name) == dirfd(dir))
			continue;
		n = readlinkat(dirfd(dir), ent->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		printf("%s %s\n", ent->d_name, target);
	}
	(void)closedir(dir);
	return 0;
}

static int do_hog(char **argv)
{
	long want = number(argv[0]);

	for (long i = 0; i < want; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			printf("refused after %ld\n", i);
			return 1;
		}
		memset(p, (int)(i | 1), 1 << 20);
	}
	printf("touched %ld\n", want);
	return 0;
}

static int do_forks(char **argv)
{
	long want = number(argv[0]), got = 0;
	int why = 0;
	pid_t *pids = calloc((size_t)want, sizeof(*pids));

	if (!pids)
		return 1;
	for (; got < want; got++) {
		pids[got] = fork();
		if (pids[got] < 0) {
			why = errno;
			break;
		}
		if (pids[got] == 0) {
			(void)pause();
			_exit(0);
		}
	}
	printf("forked %ld errno %d\n", got, why);
	for (long i = 0; i < got; i++)
		(void)kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	free(pids);
	return 0;
}

static int do_burn(char **argv)
{
	long long start = now_ns(CLOCK_MONOTONIC), end = start + number(argv[0]) * 1000000LL;
	struct rusage use;

	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			while (now_ns(CLOCK_MONOTONIC) < end)
				;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	(void)getrusage(RUSAGE_CHILDREN, &use);
	printf("cpu %ld wall %lld\n",
	       (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000,
	       (now_ns(CLOCK_MONOTONIC) - start) / 1000000);
	return 0;
}

static int do_signals(char **argv)
{
	sigset_t all;

	(void)argv;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	printf("ready\n");
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig < 0)
			continue;
		if (sig == SIGCHLD) {
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
			continue;
		}
		printf("signal %d %s\n", sig, sigabbrev_np(sig) ? sigabbrev_np(sig) : "?");
		if (sig == SIGTERM || sig == SIGPWR || sig == SIGRTMIN + 3)
			return 0;
	}
}

static int do_stubborn(char **argv)
{
	sigset_t all;

	(void)argv;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	printf("ready\n");
	while (pause() < 0)
		;
	return 0;
}

static int do_orphans(char **argv)
{
	long zombies = 0;
	DIR *proc;
	const struct dirent *ent;

	for (long i = number(argv[0]); i > 0; i--) {
		pid_t pid = fork();

		if (pid == 0) {
			if (fork() == 0)
				_exit(0); /* an orphan as soon as its parent is gone */
			_exit(0);
		}
		(void)waitpid(pid, NULL, 0);
	}
	(void)usleep(500000);
	proc = opendir("/proc");
	while (proc && (ent = readdir(proc))) {
		char path[280], state = 0;
		FILE *f;

		if (number(ent->d_name) <= 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/stat", ent->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'Z')
			zombies++;
		(void)fclose(f);
	}
	if (proc)
		(void)closedir(proc);
	printf("zombies %ld\n", zombies);
	return 0;
}

static int do_tiocsti(char **argv)
{
	(void)argv;
	if (ioctl(0, TIOCSTI, "#") == 0)
		printf("typed\n");
	else
		printf("refused %s\n", strerrorname_np(errno));
	return 0;
}

static int do_device(char **argv)
{
	int flags = strcmp(argv[1], "r") == 0 ? O_RDONLY : strcmp(argv[1], "w") == 0 ? O_WRONLY : O_RDWR;
	int fd = open(argv[0], flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		printf("opened\n");
	else
		printf("refused %s\n", strerrorname_np(errno));
	return 0;
}

static int do_mknod(char **argv)
{
	mode_t type = argv[1][0] == 'b' ? S_IFBLK : S_IFCHR;

	if (mknod(argv[0], type | 0600, makedev((unsigned)number(argv[2]), (unsigned)number(argv[3]))) == 0)
		printf("made\n");
	else
		printf("refused %s\n", strerrorname_np(errno));
	return 0;
}

static int do_rlimits(char **argv)
{
	static const struct {
		const char *name;
		int resource;
	} rows[] = { { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC }, { "core", RLIMIT_CORE }, { "memlock", RLIMIT_MEMLOCK }, { "stack", RLIMIT_STACK } };

	(void)argv;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rlimit r;

		(void)getrlimit((__rlimit_resource_t)rows[i].resource, &r);
		printf("%s %lld %lld\n", rows[i].name, (long long)r.rlim_cur, (long long)r.rlim_max);
	}
	return 0;
}

static int do_stamp(char **argv)
{
	int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	sigset_t all;

	if (fd < 0 || dprintf(fd, "%lld\n", now_ns(CLOCK_REALTIME)) < 0)
		return 1;
	(void)close(fd);
	if (!argv[1])
		return 0;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig == SIGTERM || sig == SIGPWR || sig == SIGINT || sig == SIGRTMIN + 3)
			return 0;
	}
}

static int do_sysinfo(char **argv)
{
	struct sysinfo si;

	(void)argv;
	if (sysinfo(&si) < 0)
		return 1;
	printf("memory %llu uptime %ld\n", (unsigned long long)si.totalram * si.mem_unit, si.uptime);
	return 0;
}

static int do_stat(char **argv)
{
	struct stat st;

	if (lstat(argv[0], &st) < 0) {
		printf("missing\n");
		return 1;
	}
	printf("%u %u %o\n", st.st_uid, st.st_gid, st.st_mode & 07777);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **argv);
	} verbs[] = {
		{ "fds", 0, do_fds },         { "hog", 1, do_hog },         { "forks", 1, do_forks },     { "burn", 1, do_burn },
		{ "signals", 0, do_signals }, { "stubborn", 0, do_stubborn }, { "orphans", 1, do_orphans }, { "tiocsti", 0, do_tiocsti },
		{ "device", 2, do_device },   { "mknod", 4, do_mknod },     { "rlimits", 0, do_rlimits }, { "stamp", 1, do_stamp },
		{ "sysinfo", 0, do_sysinfo }, { "stat", 1, do_stat },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].args)
			return verbs[i].run(argv + 2);
	fprintf(stderr, "guest: see the head of guest.c\n");
	return 2;
}
