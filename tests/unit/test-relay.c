/* The client's side: every byte arrives, both ways at once; the caller's terminal and descriptors are left as they were. */
#include "supervise/relay.h"

#include "base/clock.h"
#include "base/fd.h"
#include "unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* What the child that plays the caller does; its return value becomes the exit code by code_of(). */
typedef int caller_fn(void *data);

static int code_of(int r)
{
	return r < 0 ? 128 - r : r;
}

/* In a forked child: an end of a pipe kept by accident would hide the end of file from somebody. */
static void close_others(int keep_a, int keep_b)
{
	for (int fd = 3; fd < 64; fd++) {
		int other = fd;

		if (fd != keep_a && fd != keep_b)
			fd_close(&other);
	}
}

/* Forks a child whose 0, 1, 2 are @in, @out, @err (borrowed) and that has no other descriptors but the two of @keep (NULL: none). With @session
 * the child gets @in as its controlling terminal. */
static pid_t start_caller(int in, int out, int err, bool session, const int keep[2], caller_fn *fn, void *data)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(30);
		if (session && (setsid() < 0 || ioctl(in, TIOCSCTTY, 0) < 0))
			_exit(100);
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
			_exit(101);
		close_others(keep ? keep[0] : FD_NONE, keep ? keep[1] : FD_NONE);
		_exit(code_of(fn(data)));
	}
	assert_true(pid > 0);
	return pid;
}

static int exit_code(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

struct program {
	const char *const *argv;
	int in, out, err, pidfd;
	pid_t pid;
};

/* Starts a program on three pipes, with default signals; the relay gets the other ends. */
static void start_program(struct program *p)
{
	int a[2], b[2], c[2];

	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	assert_int_equal(pipe2(c, O_CLOEXEC), 0);
	p->pid = fork();
	if (p->pid == 0) {
		(void)alarm(30);
		(void)setsid();
		if (dup2(a[0], 0) < 0 || dup2(b[1], 1) < 0 || dup2(c[1], 2) < 0)
			_exit(100);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)signal(SIGHUP, SIG_DFL);
		(void)execv(p->argv[0], (char *const *)(uintptr_t)p->argv);
		_exit(127);
	}
	assert_true(p->pid > 0);
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	assert_true(p->pidfd >= 0);
	p->in = a[1];
	p->out = b[0];
	p->err = c[0];
	fd_close(&a[0]);
	fd_close(&b[1]);
	fd_close(&c[1]);
}

/* Runs in the caller: the program, relayed. Exit code = the relay's result, or the program's code + 40 when the relay went well. */
static int run_program(void *data)
{
	struct program p = {.argv = data};
	int r, status;

	start_program(&p);
	r = relay_pipes(p.in, p.out, p.err, p.pidfd);
	if (r < 0)
		return r;
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	return 40 + (WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) + 20);
}

/* A byte stream that can be checked at any position. */
static char pattern(uint64_t pos)
{
	return (char)((pos * 2654435761u) >> 13);
}

static pid_t start_feeder(int fd, uint64_t total)
{
	pid_t pid = fork();

	if (pid == 0) {
		char block[65536];

		close_others(fd, fd);
		for (uint64_t pos = 0; pos < total; pos += sizeof(block)) {
			for (size_t i = 0; i < sizeof(block); i++)
				block[i] = pattern(pos + i);
			if (fd_write_all(fd, block, sizeof(block)) < 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

/* Reads @fd to its end; false on a byte that is wrong. */
static bool check_pattern(int fd, uint64_t *ret_total)
{
	char block[65536];
	uint64_t pos = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (block[i] != pattern(pos + (uint64_t)i))
				return false;
		pos += (uint64_t)n;
	}
	*ret_total = pos;
	return true;
}

static size_t read_text(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && (n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return len;
}

static void make_pipe(int p[2])
{
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
}

static void a_hundred_megabytes_both_ways(void **state)
{
	static const char *const cat[] = {"/bin/cat", NULL};
	const uint64_t total = (uint64_t)100 << 20;
	int to[2], from[2], flags;
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	uint64_t got = 0, start = clock_now_ms();
	pid_t caller, feeder;

	(void)state;
	make_pipe(to);
	make_pipe(from);
	flags = fcntl(from[1], F_GETFL);
	caller = start_caller(to[0], from[1], null, false, NULL, run_program, (void *)(uintptr_t)cat);
	feeder = start_feeder(to[1], total);
	fd_close(&to[1]);
	autoclose int keep = fcntl(from[1], F_DUPFD_CLOEXEC, 3);
	fd_close(&from[1]);
	assert_int_equal(fcntl(keep, F_GETFL), flags);
	fd_close(&keep);
	assert_true(check_pattern(from[0], &got));
	assert_true(got == total);
	assert_int_equal(exit_code(feeder), 0);
	assert_int_equal(exit_code(caller), 40);
	print_message("100 MB through cat and back: %llu ms\n", (unsigned long long)(clock_now_ms() - start));
	fd_close(&to[0]);
	fd_close(&from[0]);
}

/* Reads to the end of file, keeps what fits. */
static void read_whole(int fd, char *out, size_t size)
{
	char rest[65536];

	if (read_text(fd, out, size) + 1 == size)
		while (read(fd, rest, sizeof(rest)) > 0)
			;
}

/* Runs @script in a relayed shell with /dev/null as input; its outputs come back as text. Gives the caller's exit code. */
static int run_script(const char *script, char *out, size_t out_size, char *err, size_t err_size)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	int o[2], e[2];
	pid_t caller;

	make_pipe(o);
	make_pipe(e);
	caller = start_caller(null, o[1], e[1], false, NULL, run_program, (void *)(uintptr_t)argv);
	fd_close(&o[1]);
	fd_close(&e[1]);
	read_whole(o[0], out, out_size);
	read_whole(e[0], err, err_size);
	fd_close(&o[0]);
	fd_close(&e[0]);
	return exit_code(caller);
}

static void outputs_stay_apart(void **state)
{
	char out[64], err[64];

	(void)state;
	assert_int_equal(run_script("echo out; echo err >&2; cat; exit 3", out, sizeof(out), err, sizeof(err)), 43);
	assert_string_equal(out, "out\n");
	assert_string_equal(err, "err\n");
	/* outputs closed long before the end: we wait for the program */
	assert_int_equal(run_script("exec >&- 2>&-; sleep 0.2; exit 4", out, sizeof(out), err, sizeof(err)), 44);
}

static void background_writers_do_not_hold_us(void **state)
{
	char out[4096], err[64];
	uint64_t start = clock_now_ms();

	(void)state;
	assert_int_equal(run_script("sleep 3 & echo hi; exit 5", out, sizeof(out), err, sizeof(err)), 45);
	assert_string_equal(out, "hi\n");
	assert_true(clock_now_ms() - start < 1500);
	/* one that talks a little later is still heard */
	for (int tries = 0; tries < 20; tries++) { /* on a busy machine it may come too late for once */
		assert_int_equal(run_script("(sleep 0.01; echo late) & exit 0", out, sizeof(out), err, sizeof(err)), 40);
		if (out[0])
			break;
	}
	assert_string_equal(out, "late\n");
	/* one that never stops talking is left */
	start = clock_now_ms();
	assert_int_equal(run_script("yes & exit 6", out, sizeof(out), err, sizeof(err)), 46);
	assert_true(clock_now_ms() - start < 3000);
}

/* The reader of the caller is slow, and the program is long gone: nothing of what it wrote is lost. */
static void the_rest_reaches_a_slow_reader(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "head -c 60000 /dev/zero; sleep 5 & exit 0", NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	char *out = malloc(100000);
	int o[2];
	pid_t caller;

	(void)state;
	assert_non_null(out);
	make_pipe(o);
	assert_true(fcntl(o[1], F_SETPIPE_SZ, 4096) >= 0);
	caller = start_caller(null, o[1], null, false, NULL, run_program, (void *)(uintptr_t)argv);
	fd_close(&o[1]);
	(void)usleep(400000);
	assert_int_equal(read_text(o[0], out, 100000), 60000);
	assert_int_equal(exit_code(caller), 40);
	fd_close(&o[0]);
	free(out);
}

static void a_closed_output_reaches_the_writer(void **state)
{
	static const char *const argv[] = {"/usr/bin/yes", NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	char some[100];
	int o[2];
	pid_t caller;

	(void)state;
	make_pipe(o);
	caller = start_caller(null, o[1], null, false, NULL, run_program, (void *)(uintptr_t)argv);
	fd_close(&o[1]);
	assert_true(read(o[0], some, sizeof(some)) > 0);
	fd_close(&o[0]);
	assert_int_equal(exit_code(caller), 40 + 20 + SIGPIPE);
}

static void a_full_output_is_an_error(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "yes | head -c 1000000; exit 0", NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	autoclose int full = fd_open(AT_FDCWD, "/dev/full", O_WRONLY, 0);

	(void)state;
	assert_int_equal(exit_code(start_caller(null, full, null, false, NULL, run_program, (void *)(uintptr_t)argv)), 128 + ENOSPC);
}

/* Waits until @fd has a whole line. */
static void expect(int fd, const char *text)
{
	char got[4096];
	size_t len = 0;
	uint64_t deadline = clock_deadline(10000);

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		got[len] = '\0';
		if (memmem(got, len, text, strlen(text)))
			return;
		if (poll(&p, 1, clock_left_ms(deadline)) <= 0)
			fail_msg("expected \"%s\", got \"%s\"", text, got);
		n = read(fd, got + len, sizeof(got) - 1 - len);
		if (n <= 0)
			fail_msg("expected \"%s\", got \"%s\" and the end", text, got);
		len += (size_t)n;
	}
}

static void signals_are_forwarded(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "trap 'echo term' TERM; trap 'echo int' INT; trap 'echo hup' HUP; trap 'echo quit; exit 7' QUIT;"
		"echo ready; while :; do sleep 0.05; done", NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	int o[2];
	pid_t caller;

	(void)state;
	make_pipe(o);
	caller = start_caller(null, o[1], null, false, NULL, run_program, (void *)(uintptr_t)argv);
	fd_close(&o[1]);
	expect(o[0], "ready\n");
	assert_int_equal(kill(caller, SIGTERM), 0);
	expect(o[0], "term\n");
	assert_int_equal(kill(caller, SIGINT), 0);
	expect(o[0], "int\n");
	assert_int_equal(kill(caller, SIGHUP), 0);
	expect(o[0], "hup\n");
	assert_int_equal(kill(caller, SIGQUIT), 0);
	expect(o[0], "quit\n");
	assert_int_equal(exit_code(caller), 47);
	fd_close(&o[0]);
}

static int run_nohup(void *data)
{
	(void)signal(SIGHUP, SIG_IGN);
	return run_program(data);
}

static void an_ignored_signal_stays_ignored(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "trap 'echo hup' HUP; trap 'echo term; exit 8' TERM; echo ready; while :; do sleep 0.05; done", NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	char out[64];
	int o[2];
	pid_t caller;

	(void)state;
	make_pipe(o);
	caller = start_caller(null, o[1], null, false, NULL, run_nohup, (void *)(uintptr_t)argv);
	fd_close(&o[1]);
	expect(o[0], "ready\n");
	assert_int_equal(kill(caller, SIGHUP), 0);
	(void)usleep(100000);
	assert_int_equal(kill(caller, SIGTERM), 0);
	(void)read_text(o[0], out, sizeof(out));
	assert_string_equal(out, "term\n");
	assert_int_equal(exit_code(caller), 48);
	fd_close(&o[0]);
}

/* A program that does not read its input: the caller's input stays where it is, and the end is not delayed. */
static void unread_input_does_not_hold_us(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "exec <&-; sleep 0.2; exit 9", NULL};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	int to[2];
	pid_t caller, feeder;

	(void)state;
	make_pipe(to);
	caller = start_caller(to[0], null, null, false, NULL, run_program, (void *)(uintptr_t)argv);
	feeder = start_feeder(to[1], 1 << 20);
	assert_int_equal(exit_code(caller), 49);
	fd_close(&to[0]);
	fd_close(&to[1]);
	assert_int_equal(exit_code(feeder), 1000 + SIGPIPE);
}

/* ---- terminals ---- */

struct seat {
	int outer;     /* the user's side of the caller's terminal */
	int slave;     /* the caller's terminal */
	int server;    /* what is inside */
	int sizes[2];  /* pipe: on_winch writes text into it */
	struct relay_tty relay;
};

static void note_size(unsigned rows, unsigned cols, void *data)
{
	struct seat *s = data;
	char text[32];

	(void)snprintf(text, sizeof(text), "%u,%u\n", rows, cols);
	assert_int_equal(fd_write_all(s->sizes[1], text, strlen(text)), 0);
}

static int run_terminal(void *data)
{
	struct seat *s = data;

	return relay_terminal(&s->relay);
}

static int setup_seat(void **state)
{
	struct seat *s = calloc(1, sizeof(*s));
	struct winsize ws = {.ws_row = 24, .ws_col = 80};
	char name[64];
	int pair[2];

	assert_non_null(s);
	s->outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(s->outer >= 0);
	assert_int_equal(unlockpt(s->outer), 0);
	assert_int_equal(ptsname_r(s->outer, name, sizeof(name)), 0);
	s->slave = fd_open(AT_FDCWD, name, O_RDWR | O_NOCTTY, 0);
	assert_true(s->slave >= 0);
	assert_int_equal(ioctl(s->outer, TIOCSWINSZ, &ws), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	make_pipe(s->sizes);
	s->server = pair[0];
	s->relay = (struct relay_tty){.stream = pair[1], .pidfd = FD_NONE, .escape = 1, .on_winch = note_size, .data = s};
	*state = s;
	return 0;
}

static int teardown_seat(void **state)
{
	struct seat *s = *state;

	fd_close(&s->outer);
	fd_close(&s->slave);
	fd_close(&s->server);
	fd_close(&s->relay.stream);
	fd_close(&s->sizes[0]);
	fd_close(&s->sizes[1]);
	free(s);
	return 0;
}

static bool is_raw(const struct seat *s)
{
	struct termios t;

	assert_int_equal(tcgetattr(s->slave, &t), 0);
	return !(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST);
}

/* Starts the relay on the seat's terminal and waits until it has it. */
static pid_t sit_down(struct seat *s)
{
	pid_t pid = start_caller(s->slave, s->slave, s->slave, true, (int[2]){s->relay.stream, s->sizes[1]}, run_terminal, s);

	fd_close(&s->relay.stream);
	expect(s->sizes[0], "24,80\n");
	assert_true(is_raw(s));
	return pid;
}

static void type(const struct seat *s, const char *keys)
{
	assert_int_equal(fd_write_all(s->outer, keys, strlen(keys)), 0);
}

static void detaches_by_the_escape(void **state)
{
	struct seat *s = *state;
	char got[64];
	pid_t pid = sit_down(s);

	type(s, "ls\r\003\032");
	expect(s->server, "ls\r\003\032"); /* ^C and ^Z go inside */
	assert_int_equal(fd_write_all(s->server, "a\nb", 3), 0);
	expect(s->outer, "a\nb"); /* raw: no \r added */
	type(s, "\001");
	(void)usleep(30000);
	assert_int_equal(recv(s->server, got, sizeof(got), MSG_DONTWAIT), -1); /* held back */
	type(s, "x\001\001y");
	expect(s->server, "\001x\001y");
	type(s, "last\001qmore");
	assert_int_equal(exit_code(pid), 1);
	assert_int_equal(read_text(s->server, got, sizeof(got)), 4);
	assert_string_equal(got, "last");
	assert_false(is_raw(s));
}

static void the_peer_ends_it(void **state)
{
	struct seat *s = *state;
	pid_t pid = sit_down(s);

	assert_int_equal(fd_write_all(s->server, "goodbye", 7), 0);
	fd_close(&s->server);
	expect(s->outer, "goodbye");
	assert_int_equal(exit_code(pid), 0);
	assert_false(is_raw(s));
}

static void note_signal(int sig, void *data)
{
	(void)data;
	(void)dprintf(1, "signal %d", sig);
}

/* Input and the terminal's output are the terminal, standard output is a pipe: both are seen, and a signal is for whoever asked for it. */
static void a_pipe_stands_beside_a_terminal(void **state)
{
	struct seat *s = *state;
	int p[2], pipes[3];
	pid_t pid;

	make_pipe(p);
	pipes[0] = pipes[2] = FD_NONE;
	pipes[1] = p[0];
	s->relay.pipes = pipes;
	s->relay.on_winch = NULL;
	s->relay.on_signal = note_signal;
	pid = start_caller(s->slave, s->slave, s->slave, true, (int[2]){s->relay.stream, p[0]}, run_terminal, s);
	fd_close(&s->relay.stream);
	fd_close(&p[0]);
	assert_int_equal(fd_write_all(s->server, "screen", 6), 0);
	expect(s->outer, "screen");
	assert_int_equal(fd_write_all(p[1], "piped", 5), 0);
	expect(s->outer, "piped");
	type(s, "typed");
	expect(s->server, "typed");
	assert_int_equal(kill(pid, SIGTERM), 0);
	expect(s->outer, "signal 15");
	assert_int_equal(kill(pid, SIGUSR1), 0);
	expect(s->outer, "signal 10");
	fd_close(&s->server);
	assert_int_equal(fd_write_all(p[1], "rest", 4), 0); /* one may be over before the other */
	expect(s->outer, "rest");
	fd_close(&p[1]);
	assert_int_equal(exit_code(pid), 0);
	assert_false(is_raw(s));
}

static void signals_restore_the_terminal(void **state)
{
	static const int sigs[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		struct seat *s = *state;
		pid_t pid = sit_down(s);

		assert_int_equal(kill(pid, sigs[i]), 0);
		assert_int_equal(exit_code(pid), 128 + EINTR);
		assert_false(is_raw(s));
		(void)teardown_seat(state);
		(void)setup_seat(state);
	}
}

static void sizes_are_told(void **state)
{
	struct seat *s = *state;
	struct winsize ws = {.ws_row = 50, .ws_col = 132};
	pid_t pid = sit_down(s);

	assert_int_equal(ioctl(s->outer, TIOCSWINSZ, &ws), 0);
	expect(s->sizes[0], "50,132\n");
	type(s, "\001q");
	assert_int_equal(exit_code(pid), 1);
}

/* Stopped by hand, the terminal is handed back; continued, it is raw again. */
static void stops_and_goes_on(void **state)
{
	struct seat *s = *state;
	int status;
	pid_t pid = sit_down(s);

	assert_int_equal(kill(pid, SIGTSTP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_false(is_raw(s));
	assert_int_equal(kill(pid, SIGCONT), 0);
	expect(s->sizes[0], "24,80\n");
	assert_true(is_raw(s));
	/* stopped the hard way and continued: what is restored in the end is still the first state */
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(kill(pid, SIGCONT), 0);
	expect(s->sizes[0], "24,80\n");
	type(s, "\001q");
	assert_int_equal(exit_code(pid), 1);
	assert_false(is_raw(s));
}

/* The user's terminal is stuck: output waits, yet detaching and signals work. */
static void a_stuck_terminal_can_be_left(void **state)
{
	struct seat *s = *state;
	char block[4096];
	pid_t pid = sit_down(s);

	memset(block, 'z', sizeof(block));
	for (int i = 0, idle = 0; i < 1000 && idle < 5; i++) {
		idle = send(s->server, block, sizeof(block), MSG_DONTWAIT) > 0 ? 0 : idle + 1;
		if (idle)
			(void)usleep(10000);
	}
	type(s, "still\001q");
	assert_int_equal(exit_code(pid), 1);
	assert_false(is_raw(s));
}

static void works_without_a_terminal(void **state)
{
	struct seat *s = *state;
	int in[2], out[2];
	pid_t pid;

	make_pipe(in);
	make_pipe(out);
	pid = start_caller(in[0], out[1], out[1], false, (int[2]){s->relay.stream, s->sizes[1]}, run_terminal, s);
	fd_close(&s->relay.stream);
	fd_close(&out[1]);
	assert_int_equal(fd_write_all(in[1], "typed", 5), 0);
	fd_close(&in[1]);
	expect(s->server, "typed");
	(void)usleep(50000); /* the end of typing is not the end of watching */
	assert_int_equal(fd_write_all(s->server, "shown", 5), 0);
	expect(out[0], "shown");
	/* nobody watches any more */
	fd_close(&out[0]);
	assert_int_equal(exit_code(pid), 128 + EPIPE);
	fd_close(&in[0]);
}

/* A pty with a program as exec makes it: relay_terminal on its master. */
struct inner {
	const char *const *argv;
	bool raw;
};

static int run_on_pty(void *data)
{
	const struct inner *in = data;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status, flags, r;
	struct relay_tty relay = {.stream = master};
	char name[64];
	pid_t pid;

	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	autoclose int slave = fd_open(AT_FDCWD, name, O_RDWR | O_NOCTTY, 0);
	if (in->raw) {
		struct termios t;

		assert_int_equal(tcgetattr(slave, &t), 0);
		cfmakeraw(&t);
		assert_int_equal(tcsetattr(slave, TCSANOW, &t), 0);
	}
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		if (ioctl(slave, TIOCSCTTY, 0) < 0 || dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0)
			_exit(100);
		(void)execv(in->argv[0], (char *const *)(uintptr_t)in->argv);
		_exit(127);
	}
	fd_close(&slave);
	relay.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	flags = fcntl(master, F_GETFL);
	r = relay_terminal(&relay);
	assert_int_equal(fcntl(master, F_GETFL), flags);
	if (r < 0)
		return r;
	fd_close(&master); /* a program that is still there gets its hang-up */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return 40 + (WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) + 20);
}

static void a_program_on_a_pty(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "printf one; (trap '' HUP; sleep 2) & printf two; exit 11", NULL};
	struct inner in = {.argv = argv};
	autoclose int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	uint64_t start = clock_now_ms();
	char text[64];
	int out[2];
	pid_t pid;

	(void)state;
	make_pipe(out);
	pid = start_caller(null, out[1], out[1], false, NULL, run_on_pty, &in);
	fd_close(&out[1]);
	(void)read_text(out[0], text, sizeof(text));
	assert_string_equal(text, "onetwo");
	assert_int_equal(exit_code(pid), 51);
	assert_true(clock_now_ms() - start < 1500);
	fd_close(&out[0]);
}

/* Much more than a pty holds goes in while as much comes out. */
static void megabytes_through_a_pty(void **state)
{
	static const char *const argv[] = {"/usr/bin/head", "-c", "8388608", NULL};
	struct inner in = {.argv = argv, .raw = true};
	int to[2], out[2];
	uint64_t got = 0;
	pid_t pid, feeder;

	(void)state;
	make_pipe(to);
	make_pipe(out);
	pid = start_caller(to[0], out[1], out[1], false, NULL, run_on_pty, &in);
	feeder = start_feeder(to[1], 8388608);
	fd_close(&to[1]);
	fd_close(&out[1]);
	assert_true(check_pattern(out[0], &got));
	assert_int_equal(got, 8388608);
	assert_int_equal(exit_code(pid), 40);
	assert_int_equal(exit_code(feeder), 0);
	fd_close(&to[0]);
	fd_close(&out[0]);
}

int main(int argc, char **argv)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup_seat, teardown_seat)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_megabytes_both_ways), cmocka_unit_test(outputs_stay_apart),
		cmocka_unit_test(background_writers_do_not_hold_us), cmocka_unit_test(the_rest_reaches_a_slow_reader),
		cmocka_unit_test(a_closed_output_reaches_the_writer), cmocka_unit_test(a_full_output_is_an_error),
		cmocka_unit_test(signals_are_forwarded), cmocka_unit_test(an_ignored_signal_stays_ignored),
		cmocka_unit_test(unread_input_does_not_hold_us), T(detaches_by_the_escape), T(the_peer_ends_it), T(a_pipe_stands_beside_a_terminal),
		T(signals_restore_the_terminal), T(sizes_are_told), T(stops_and_goes_on), T(a_stuck_terminal_can_be_left),
		T(works_without_a_terminal), cmocka_unit_test(a_program_on_a_pty), cmocka_unit_test(megabytes_through_a_pty),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
