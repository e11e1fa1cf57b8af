/* One terminal: drained whatever the viewers do, flat in memory, silent when idle, back after every hang-up. */
#include "supervise/tty.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct world {
	struct loop *loop;
	struct tty *tty;
	int slave; /* kept open unless a test closes it */
	char name[64];
	struct logfile *log;
};

static int open_pty(char name[64], int *ret_slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, 64), 0);
	*ret_slave = fd_open(AT_FDCWD, name, O_RDWR | O_NOCTTY, 0);
	assert_true(*ret_slave >= 0);
	assert_int_equal(tcgetattr(*ret_slave, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(*ret_slave, TCSANOW, &t), 0);
	return master;
}

static int setup_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int master;

	assert_non_null(w);
	assert_int_equal(loop_open(&w->loop), 0);
	master = open_pty(w->name, &w->slave);
	assert_int_equal(tty_open(w->loop, master, 64 * 1024, NULL, &w->tty), 0);
	*state = w;
	return 0;
}

static int teardown_world(void **state)
{
	struct world *w = *state;

	tty_close(&w->tty);
	tty_close(&w->tty);
	fd_close(&w->slave);
	loop_close(&w->loop);
	free(w);
	return 0;
}

static void stop_loop(struct loop *l, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	(void)data;
	loop_quit(l);
}

static void run_ms(struct loop *l, uint64_t ms)
{
	struct loop_watch *w = loop_add(l, FD_NONE, 0, stop_loop, NULL);

	assert_non_null(w);
	loop_set_timer(w, clock_deadline(4 * ms)); /* the figures of the tests are for an idle machine */
	assert_int_equal(loop_run(l), 0);
	loop_remove(l, &w);
}

/* Runs the loop until child @pid has ended. False when it did not within @ms: it is killed then. */
static bool run_until_exit(struct loop *l, pid_t pid, uint64_t ms, int *ret_status)
{
	autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct loop_watch *w = loop_add(l, pidfd, EPOLLIN, stop_loop, NULL);
	bool ended;

	assert_non_null(w);
	loop_set_timer(w, clock_deadline(ms));
	assert_int_equal(loop_run(l), 0);
	loop_remove(l, &w);
	ended = poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) == 1;
	if (!ended)
		(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, ret_status, 0), pid);
	return ended;
}

/* What a viewer has in its socket now, as a string. */
static size_t take_output(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && (n = recv(fd, out + len, size - len - 1, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return len;
}

static void say(int fd, const char *text)
{
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void replays_then_follows(void **state)
{
	struct world *w = *state;
	char out[256];

	say(w->slave, "early ");
	run_ms(w->loop, 20);
	autoclose int a = tty_attach(w->tty, 0, 0);
	autoclose int b = tty_attach(w->tty, 0, 0);
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(tty_viewers(w->tty), 2);
	say(w->slave, "late");
	run_ms(w->loop, 20);
	(void)take_output(a, out, sizeof(out));
	assert_string_equal(out, "early late");
	(void)take_output(b, out, sizeof(out));
	assert_string_equal(out, "early late");
	/* one that leaves is forgotten, the other goes on */
	fd_close(&a);
	run_ms(w->loop, 20);
	assert_int_equal(tty_viewers(w->tty), 1);
	say(w->slave, "!");
	run_ms(w->loop, 20);
	(void)take_output(b, out, sizeof(out));
	assert_string_equal(out, "!");
}

static void replay_starts_at_a_line(void **state)
{
	struct world *w = *state;
	size_t size = (size_t)1 << 20, len;
	char *out = malloc(size);

	assert_non_null(out);
	for (int i = 0; i < 8000; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "line number %d\n", i);
		say(w->slave, line);
		if (i % 200 == 0)
			run_ms(w->loop, 1);
	}
	run_ms(w->loop, 50);
	autoclose int a = tty_attach(w->tty, 0, 0);
	run_ms(w->loop, 1);
	len = take_output(a, out, size);
	run_ms(w->loop, 10);
	len += take_output(a, out + len, size - len);
	assert_true(len > 60000 && len <= 64 * 1024);
	assert_memory_equal(out, "line number ", 12);
	assert_string_equal(out + len - 17, "line number 7999\n");
	free(out);
}

static void everybody_may_type(void **state)
{
	struct world *w = *state;
	autoclose int a = tty_attach(w->tty, 0, 0);
	autoclose int b = tty_attach(w->tty, 0, 0);
	char got[64];

	say(a, "one ");
	run_ms(w->loop, 10);
	say(b, "two");
	fd_close(&b); /* types and leaves at once: still heard */
	run_ms(w->loop, 10);
	assert_int_equal(read(w->slave, got, sizeof(got)), 7);
	assert_memory_equal(got, "one two", 7);
	assert_int_equal(tty_viewers(w->tty), 1);
	/* half closed: goes on watching */
	assert_int_equal(shutdown(a, SHUT_WR), 0);
	run_ms(w->loop, 10);
	assert_int_equal(tty_viewers(w->tty), 1);
	say(w->slave, "still here");
	run_ms(w->loop, 10);
	(void)take_output(a, got, sizeof(got));
	assert_string_equal(got, "still here");
}

static void resizes(void **state)
{
	struct world *w = *state;
	struct winsize ws;
	autoclose int a = tty_attach(w->tty, 33, 111);

	assert_true(a >= 0);
	assert_int_equal(ioctl(w->slave, TIOCGWINSZ, &ws), 0);
	assert_int_equal(ws.ws_row, 33);
	assert_int_equal(ws.ws_col, 111);
	tty_resize(w->tty, 0, 7);
	tty_resize(w->tty, 1000000, 50);
	assert_int_equal(ioctl(w->slave, TIOCGWINSZ, &ws), 0);
	assert_int_equal(ws.ws_row, 65535);
	assert_int_equal(ws.ws_col, 50);
}

static void sixteen_viewers(void **state)
{
	struct world *w = *state;
	int v[16];

	for (int i = 0; i < 16; i++) {
		v[i] = tty_attach(w->tty, 0, 0);
		assert_true(v[i] >= 0);
		assert_true(fcntl(v[i], F_GETFD) & FD_CLOEXEC);
	}
	assert_int_equal(tty_attach(w->tty, 0, 0), -EUSERS);
	fd_close(&v[7]);
	run_ms(w->loop, 10);
	v[7] = tty_attach(w->tty, 0, 0);
	assert_true(v[7] >= 0);
	for (int i = 0; i < 16; i++)
		fd_close(&v[i]);
}

/* A program that reads nothing: what was typed waits in the viewer's socket, the loop sleeps, and every byte arrives in the end. */
static void typing_has_back_pressure(void **state)
{
	struct world *w = *state;
	autoclose int a = tty_attach(w->tty, 0, 0);
	size_t want = 0, got = 0;
	struct rusage before, after;
	char block[4096];
	int idle = 0;

	/* more than pty and socket hold: until the client cannot send any more */
	while (idle < 3) {
		ssize_t n;

		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (char)('a' + (want + i) % 23);
		n = send(a, block, sizeof(block), MSG_DONTWAIT);
		idle = n > 0 ? 0 : idle + 1;
		want += n > 0 ? (size_t)n : 0;
		assert_true(want < (size_t)8 << 20);
		run_ms(w->loop, 1);
	}
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	run_ms(w->loop, 300);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_nvcsw - before.ru_nvcsw < 10);
	/* output is not held up by input that waits */
	say(w->slave, "busy");
	run_ms(w->loop, 10);
	assert_int_equal(take_output(a, block, sizeof(block)), 4);
	assert_int_equal(fcntl(w->slave, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	for (int tries = 0; got < want && tries < 2000; tries++) {
		ssize_t n = read(w->slave, block, sizeof(block));

		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(block[i], 'a' + (int)((got + (size_t)i) % 23));
		got += n > 0 ? (size_t)n : 0;
		run_ms(w->loop, n > 0 ? 0 : 2);
	}
	assert_int_equal(got, want);
}

/* One that leaves while nobody takes what it typed is not waited for. */
static void a_stuffed_viewer_may_leave(void **state)
{
	struct world *w = *state;
	autoclose int a = tty_attach(w->tty, 0, 0);
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 200; i++) {
		(void)!send(a, block, sizeof(block), MSG_DONTWAIT);
		run_ms(w->loop, 0);
	}
	fd_close(&a);
	run_ms(w->loop, 20);
	assert_int_equal(tty_viewers(w->tty), 0);
}

static size_t resident_kb(void)
{
	char text[128], *second;
	unsigned long pages;

	assert_true(fd_read_file(AT_FDCWD, "/proc/self/statm", text, sizeof(text)) > 0);
	second = strchr(text, ' ');
	assert_non_null(second);
	pages = strtoul(second + 1, NULL, 10);
	return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Child: @bytes through the slave; tells its longest write in microseconds. */
static pid_t start_flood(const struct world *w, size_t bytes, uint64_t *longest)
{
	pid_t pid = fork();

	if (pid == 0) {
		char block[4096];

		(void)alarm(30);
		memset(block, 'f', sizeof(block));
		for (size_t done = 0; done < bytes; done += sizeof(block)) {
			uint64_t from = now_us(), took;

			if (fd_write_all(w->slave, block, sizeof(block)) < 0)
				_exit(1);
			took = now_us() - from;
			if (took > *longest)
				*longest = took;
		}
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

#define FLOOD ((size_t)64 << 20) /* the one that is counted byte by byte */

/* What the process may grow by during a flood, in kB: a sanitizer's allocator keeps what was freed for a while. */
#if defined(__SANITIZE_ADDRESS__)
#define FLOOD_GROWTH 8192
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLOOD_GROWTH 8192
#endif
#endif
#ifndef FLOOD_GROWTH
#define FLOOD_GROWTH 256
#endif

static void flood(struct world *w, size_t bytes, const char *what)
{
	uint64_t *longest = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), from;
	size_t before, after;
	int status;

	assert_true(longest != MAP_FAILED);
	assert_true(run_until_exit(w->loop, start_flood(w, 1 << 20, longest), 10000, &status));
	run_ms(w->loop, 10);
	*longest = 0;
	before = resident_kb();
	from = now_us();
	assert_true(run_until_exit(w->loop, start_flood(w, bytes, longest), 30000, &status));
	after = resident_kb();
	assert_int_equal(status, 0);
	print_message("flood %s: %zu MB in %llu ms, longest write %llu us, memory %zu kB -> %zu kB\n", what, bytes >> 20,
		(unsigned long long)(now_us() - from) / 1000, (unsigned long long)*longest, before, after);
	assert_true(after < before + FLOOD_GROWTH);
	assert_true(*longest < 1000000); /* scheduling on a loaded machine, not a wait for a reader */
	(void)munmap(longest, 4096);
}

static void a_flood_without_viewer_is_nothing(void **state)
{
	flood(*state, (size_t)200 << 20, "without viewer");
}

static void a_viewer_that_never_reads_is_nothing(void **state)
{
	struct world *w = *state;
	autoclose int idle = tty_attach(w->tty, 0, 0);
	char out[4096], *mark;
	size_t len, total = 0;
	unsigned long long skipped = 0;
	bool end = false;

	flood(w, FLOOD, "with a viewer that never reads");
	say(w->slave, "the end");
	run_ms(w->loop, 20);
	/* now it reads: old bytes, one mark, the newest bytes */
	for (int i = 0; i < 100 && !end; i++) {
		while ((len = take_output(idle, out, sizeof(out))) > 0) {
			mark = strstr(out, "[... ");
			if (mark)
				skipped += strtoull(mark + 5, NULL, 10);
			end = end || strstr(out, "the end");
			total += len;
			run_ms(w->loop, 0);
		}
		run_ms(w->loop, 2);
	}
	assert_true(end);
	assert_true(skipped > FLOOD - (1 << 20));
	/* nothing is lost beyond what the mark says: 1 MB of warm-up, the flood, "the end", and the mark itself */
	assert_in_range(total + skipped, FLOOD + (1 << 20) + 7 + 20, FLOOD + (1 << 20) + 7 + 60);
}

/* A flood on one terminal leaves another one its turn. */
static void a_flood_starves_nobody(void **state)
{
	struct world *w = *state;
	uint64_t longest = 0, worst = 0;
	char name[64], out[64];
	int slave = FD_NONE, status;
	int master = open_pty(name, &slave);
	struct tty *other = NULL;
	pid_t pid;

	assert_int_equal(tty_open(w->loop, master, 4096, NULL, &other), 0);
	autoclose int v = tty_attach(other, 0, 0);
	pid = start_flood(w, (size_t)10 << 30, &longest);
	for (int i = 0; i < 50; i++) {
		uint64_t from = now_us();

		say(slave, "x");
		while (take_output(v, out, sizeof(out)) == 0) {
			run_ms(w->loop, 0);
			assert_true(now_us() - from < 2000000);
		}
		worst = now_us() - from > worst ? now_us() - from : worst;
	}
	print_message("other terminal during a flood: worst answer %llu us\n", (unsigned long long)worst);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(worst < 500000);
	tty_close(&other);
	fd_close(&slave);
}

/* How often the loop woke up during @ms: voluntary context switches are one per sleep. */
static long wakeups(struct loop *l, uint64_t ms)
{
	struct rusage a, b;

	assert_int_equal(getrusage(RUSAGE_SELF, &a), 0);
	run_ms(l, ms);
	assert_int_equal(getrusage(RUSAGE_SELF, &b), 0);
	return (b.ru_nvcsw - a.ru_nvcsw) + (b.ru_utime.tv_usec - a.ru_utime.tv_usec) / 10000;
}

/* Nobody has the slave open: no wakeups; the first byte of the next opener arrives at once, again and again. */
static void nobody_home_is_silent(void **state)
{
	struct world *w = *state;
	autoclose int v = tty_attach(w->tty, 0, 0);
	char out[64];

	assert_true(wakeups(w->loop, 200) <= 5);
	fd_close(&w->slave);
	run_ms(w->loop, 20);
	for (int i = 0; i < 20; i++) {
		uint64_t from;

		w->slave = fd_open(AT_FDCWD, w->name, O_RDWR | O_NOCTTY, 0);
		assert_true(w->slave >= 0);
		say(w->slave, "login: ");
		from = now_us();
		while (take_output(v, out, sizeof(out)) == 0) {
			run_ms(w->loop, 1);
			assert_true(now_us() - from < 100000);
		}
		assert_string_equal(out, "login: ");
		/* last words before the close arrive as well */
		say(w->slave, "bye");
		fd_close(&w->slave);
		run_ms(w->loop, 5);
		(void)take_output(v, out, sizeof(out));
		assert_string_equal(out, "bye");
	}
	assert_true(wakeups(w->loop, 500) <= 5);
	/* typing to nobody is harmless, too */
	say(v, "hello?\n");
	assert_true(wakeups(w->loop, 200) <= 10);
	assert_int_equal(tty_viewers(w->tty), 1);
}

static void a_terminal_nobody_ever_opened_is_silent(void **state)
{
	struct world *w = *state;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct tty *fresh = NULL;
	char out[64], name[64];

	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	assert_int_equal(tty_open(w->loop, master, 0, NULL, &fresh), 0); /* unlocks it */
	autoclose int v = tty_attach(fresh, 24, 80);
	assert_true(wakeups(w->loop, 300) <= 5);
	autoclose int slave = fd_open(AT_FDCWD, name, O_RDWR | O_NOCTTY, 0);
	assert_true(slave >= 0);
	say(slave, "hi");
	run_ms(w->loop, 20);
	(void)take_output(v, out, sizeof(out));
	assert_string_equal(out, "hi");
	/* ring size 0: nothing is replayed */
	autoclose int late = tty_attach(fresh, 0, 0);
	run_ms(w->loop, 5);
	assert_int_equal(take_output(late, out, sizeof(out)), 0);
	tty_close(&fresh);
}

/* What a getty does: own session, take the terminal, hang up everybody, open again, prompt, read a name. */
static pid_t start_getty(const char *name, int round)
{
	pid_t pid = fork();

	if (pid == 0) {
		char line[64] = "", prompt[64];
		int fd, n;

		(void)alarm(10);
		(void)signal(SIGHUP, SIG_IGN);
		(void)setsid();
		fd = open(name, O_RDWR);
		if (fd < 0 || ioctl(fd, TIOCSCTTY, 1) < 0)
			_exit(10);
		if (vhangup() < 0)
			_exit(77);
		(void)close(fd);
		fd = open(name, O_RDWR);
		if (fd < 0)
			_exit(11);
		n = snprintf(prompt, sizeof(prompt), "login %d: ", round);
		if (fd_write_all(fd, prompt, (size_t)n) < 0)
			_exit(12);
		if (read(fd, line, sizeof(line) - 1) <= 0)
			_exit(13);
		_exit(strcmp(line, "root\n") == 0 ? 0 : 14);
	}
	assert_true(pid > 0);
	return pid;
}

static void survives_gettys(void **state)
{
	struct world *w = *state;
	autoclose int v = tty_attach(w->tty, 0, 0);

	for (int round = 0; round < 5; round++) {
		char out[128] = "", want[32];
		int status = 0;
		pid_t pid = start_getty(w->name, round);

		(void)snprintf(want, sizeof(want), "login %d: ", round);
		for (int i = 0; i < 100 && !strstr(out, want); i++) {
			size_t len = strlen(out);

			(void)take_output(v, out + len, sizeof(out) - len);
			run_ms(w->loop, 5);
		}
		if (strstr(out, want))
			say(v, "root\n");
		assert_true(run_until_exit(w->loop, pid, 5000, &status));
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(status, 0);
		assert_non_null(strstr(out, want));
		/* round 0 hung up the slave that the test holds; later rounds have no other opener */
		if (round == 1)
			fd_close(&w->slave);
		assert_true(wakeups(w->loop, 100) <= 8);
	}
}

static void writes_the_log(void **state)
{
	struct world *w = *state;
	char dirname[] = "/tmp/coppice-unit-XXXXXX", name[64], text[64];
	struct logfile log;
	struct tty *t = NULL;
	int slave = FD_NONE, master = open_pty(name, &slave);

	assert_non_null(mkdtemp(dirname));
	autoclose int dir = fd_open(AT_FDCWD, dirname, O_RDONLY | O_DIRECTORY, 0);
	autoclose int tmp = fd_open(AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY, 0);
	assert_int_equal(logfile_open(&log, dir, "console.log", 1 << 20), 0);
	assert_int_equal(tty_open(w->loop, master, 4096, &log, &t), 0);
	say(slave, "first");
	run_ms(w->loop, 10);
	say(slave, " last"); /* never seen by the loop: closing takes it along */
	tty_close(&t);
	logfile_close(&log);
	fd_close(&slave);
	assert_true(fd_read_file(dir, "console.log", text, sizeof(text)) > 0);
	assert_string_equal(text, "first last");
	assert_int_equal(path_remove_tree(tmp, dirname + strlen("/tmp/")), 0);
}

/* The last words reach a viewer that was slow, but not one that never reads, and that one costs the deadline only. */
static void finishes_slow_viewers(void **state)
{
	struct world *w = *state;
	size_t size = (size_t)1 << 20, len = 0;
	char *out = malloc(size), block[1024];
	uint64_t from;
	pid_t reader;
	int status;

	assert_non_null(out);
	tty_finish(w->tty, clock_deadline(5000));
	autoclose int slow = tty_attach(w->tty, 0, 0);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 400; i++) {
		assert_int_equal(fd_write_all(w->slave, block, sizeof(block)), 0);
		run_ms(w->loop, i % 8 == 0); /* the kernel hands bytes over in a worker: give it a moment before the pty is full */
	}
	say(w->slave, "last words");
	from = now_us();
	tty_finish(w->tty, clock_deadline(100));
	assert_in_range(now_us() - from, 90000, 2000000);
	reader = fork();
	if (reader == 0) {
		ssize_t n;

		(void)alarm(10);
		(void)usleep(50000);
		while ((n = read(slow, out + len, size - len)) > 0) {
			len += (size_t)n;
			if (memmem(out, len, "last words", 10))
				_exit(0);
		}
		_exit(1);
	}
	from = now_us();
	tty_finish(w->tty, clock_deadline(5000));
	assert_true(now_us() - from < 4000000);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	free(out);
}

static void takes_only_pty_masters(void **state)
{
	struct world *w = *state;
	struct tty *t = NULL;

	assert_int_equal(tty_open(w->loop, fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0), 1, NULL, &t), -ENOTTY);
	assert_int_equal(tty_open(w->loop, FD_NONE, 1, NULL, &t), -EBADF);
	assert_null(t);
}

int main(int argc, char **argv)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup_world, teardown_world)
	const struct CMUnitTest tests[] = {
		T(replays_then_follows), T(replay_starts_at_a_line), T(everybody_may_type), T(resizes), T(sixteen_viewers),
		T(typing_has_back_pressure), T(a_stuffed_viewer_may_leave), T(a_flood_without_viewer_is_nothing),
		T(a_viewer_that_never_reads_is_nothing), T(a_flood_starves_nobody), T(nobody_home_is_silent),
		T(a_terminal_nobody_ever_opened_is_silent), T(survives_gettys), T(writes_the_log), T(finishes_slow_viewers),
		T(takes_only_pty_masters),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
