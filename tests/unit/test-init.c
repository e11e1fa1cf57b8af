/* coppice-init: status, signals, orphans, stragglers, user and terminal, as a subreaper and as pid 1 of a namespace. */
#include "base/clock.h"
#include "base/fd.h"
#include "unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifndef INIT_PATH
#error "the build must say where coppice-init is"
#endif

#define ARGS_MAX 16

/* One run of coppice-init. */
struct run {
	const char *args[ARGS_MAX]; /* options, "--", program, arguments */
	const char *script;         /* instead: "-- /bin/sh -c SCRIPT" */
	bool as_pid1;
	bool session; /* init leads a session on terminal in_fd before it starts */
	bool ignore;  /* inherited: SIGCHLD and SIGTERM ignored, SIGINT blocked */
	bool report;
	int in_fd;
	pid_t pid;
	int out, report_fd;
	char report_text[16];
};

static void exec_init(struct run *r, int out, int report)
{
	const char *argv[ARGS_MAX + 8] = {"coppice-init"};
	size_t n = 1;
	sigset_t set;

	(void)alarm(20);
	if (!r->as_pid1)
		argv[n++] = "-s";
	if (r->report) {
		argv[n++] = "-r";
		(void)snprintf(r->report_text, sizeof(r->report_text), "%d", report);
		argv[n++] = r->report_text;
		(void)fcntl(report, F_SETFD, 0);
	}
	for (size_t i = 0; i < ARGS_MAX && r->args[i]; i++)
		argv[n++] = r->args[i];
	if (r->script) {
		argv[n++] = "--";
		argv[n++] = "/bin/sh";
		argv[n++] = "-c";
		argv[n++] = r->script;
	}
	argv[n] = NULL;
	if (r->session && (setsid() < 0 || ioctl(r->in_fd, TIOCSCTTY, 0) < 0))
		_exit(101);
	if (dup2(r->in_fd, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(102);
	if (r->ignore) {
		(void)signal(SIGCHLD, SIG_IGN);
		(void)signal(SIGTERM, SIG_IGN);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, SIGINT);
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
	}
	(void)execv(INIT_PATH, (char *const *)(uintptr_t)argv);
	_exit(103);
}

/* True when this host lets us make a pid namespace; then the next fork is its pid 1. */
static bool enter_pid_namespace(void)
{
	return unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
}

static void start(struct run *r)
{
	int out[2], report[2];

	if (r->in_fd <= 0)
		r->in_fd = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	r->pid = fork();
	if (r->pid == 0) {
		pid_t init;
		int status;

		if (!r->as_pid1)
			exec_init(r, out[1], report[1]);
		if (!enter_pid_namespace())
			_exit(77);
		init = fork();
		if (init == 0)
			exec_init(r, out[1], report[1]);
		fd_close(&out[1]);
		fd_close(&report[1]);
		if (waitpid(init, &status, 0) != init)
			_exit(104);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 105);
	}
	assert_true(r->pid > 0);
	fd_close(&out[1]);
	fd_close(&report[1]);
	r->out = out[0];
	r->report_fd = report[0];
}

/* Waits for the end: exit code, everything printed, and, as the outputs reach their end, proof that nobody is left who could write. */
static int finish(struct run *r, char *out, size_t size)
{
	uint64_t deadline = clock_deadline(10000);
	size_t len = 0;
	int status;

	for (;;) {
		struct pollfd p = {.fd = r->out, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, clock_left_ms(deadline)) <= 0)
			fail_msg("somebody still holds the output");
		n = read(r->out, out + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	fd_close(&r->out);
	fd_close(&r->report_fd);
	fd_close(&r->in_fd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int run_to_end(struct run *r, char *out, size_t size)
{
	start(r);
	return finish(r, out, size);
}

static int run_script(bool as_pid1, const char *script, char *out, size_t size)
{
	struct run r = {.script = script, .as_pid1 = as_pid1};

	return run_to_end(&r, out, size);
}

static void wait_for(struct run *r, const char *text)
{
	char got[256];
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = r->out, .events = POLLIN};
		ssize_t n;

		got[len] = '\0';
		if (strstr(got, text))
			return;
		if (poll(&p, 1, 10000) <= 0)
			fail_msg("expected \"%s\", got \"%s\"", text, got);
		n = read(r->out, got + len, sizeof(got) - 1 - len);
		if (n <= 0)
			fail_msg("expected \"%s\", got \"%s\" and the end", text, got);
		len += (size_t)n;
	}
}

static void passes_the_status(void **state)
{
	char out[256];

	(void)state;
	for (int pid1 = 0; pid1 < 2; pid1++) {
		assert_int_equal(run_script(pid1, "echo hi; exit 3", out, sizeof(out)), 3);
		assert_string_equal(out, "hi\n");
		assert_int_equal(run_script(pid1, "exit 0", out, sizeof(out)), 0);
		assert_int_equal(run_script(pid1, "kill -KILL $$", out, sizeof(out)), 128 + SIGKILL);
		assert_int_equal(run_script(pid1, "kill -SEGV $$", out, sizeof(out)), 128 + SIGSEGV);
	}
}

static int reported(struct run *r)
{
	int code = 0;
	ssize_t n;

	start(r);
	n = read(r->report_fd, &code, sizeof(code));
	if (n == 0)
		return 0;
	assert_int_equal(n, sizeof(code));
	return code;
}

static void reports_why_it_does_not_run(void **state)
{
	char path[] = "/tmp/coppice-unit-XXXXXX", out[256];
	autoclose int fd = mkostemp(path, O_CLOEXEC);
	struct {
		const char *args[4];
		int code, status;
	} rows[] = {
		{{"--", "/nonexistent/program"}, ENOENT, 127},
		{{"--", "nonexistent-program"}, ENOENT, 127},
		{{"--", ""}, ENOENT, 127},
		{{"--", "/etc/passwd/x"}, ENOTDIR, 127},
		{{"--", "/etc/passwd"}, EACCES, 126},
		{{"--", "/"}, EACCES, 126},
		{{"--", path}, ENOEXEC, 126},
		{{"-w", "/nonexistent", "--", "true"}, ENOENT, 127},
		{{"--", "true"}, 0, 0},
		{{"true"}, 0, 0},
	};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "no program\n", 11), 0);
	assert_int_equal(fchmod(fd, 0755), 0);
	fd_close(&fd); /* or it would be ETXTBSY */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r = {.report = true};

		memcpy(r.args, rows[i].args, sizeof(rows[i].args));
		assert_int_equal(reported(&r), rows[i].code);
		assert_int_equal(finish(&r, out, sizeof(out)), rows[i].status);
		assert_string_equal(out, "");
		/* without a report descriptor a person is told */
		r.report = false;
		assert_int_equal(run_to_end(&r, out, sizeof(out)), rows[i].status);
		assert_true(rows[i].code ? strncmp(out, "coppice-init: cannot run '", 26) == 0 : !*out);
	}
	assert_int_equal(unlink(path), 0);
}

static void refuses_bad_usage(void **state)
{
	static const char *const rows[][6] = {
		{"-x"}, {"--"}, {NULL}, {"-r", "2", "true"}, {"-r", "99", "true"}, {"-r", "x", "true"}, {"-u", "1", "true"}, {"-u", "-1", "-g", "1", "true"},
		{"-g", "99999999999", "true"}, {"-G", "1,x", "true"}, {"-G", "1,,2", "true"}, {"-w"}, {"-tt", "true"}, {"-k", "77", "true"},
	};
	char out[512];
	int status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r = {0};

		memcpy(r.args, rows[i], sizeof(rows[i]));
		assert_int_equal(run_to_end(&r, out, sizeof(out)), 125);
		assert_int_equal(strncmp(out, "coppice-init: bad ", 18), 0);
	}
	/* not pid 1 and not told so: it would end the whole machine */
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, 2);
		(void)execl(INIT_PATH, "coppice-init", "--", "/bin/true", NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 125 << 8);
}

static void reaps_orphans(void **state)
{
	char out[4096], want[32];

	(void)state;
	assert_int_equal(run_script(false,
						 "for i in 1 2 3 4 5 6 7 8; do (sleep 0.05 & sleep 0.01 &) ; done; sleep 0.3; echo $$; cat /proc/$PPID/task/$PPID/children",
						 out, sizeof(out)), 0);
	/* its only child is the program */
	assert_int_equal(sscanf(out, "%15s", want), 1);
	assert_string_equal(strchr(out, '\n') + 1, strcat(want, " "));
}

static void forwards_signals(void **state)
{
	static const struct {
		int sent;
		const char *seen;
	} rows[] = {{SIGTERM, "TERM"}, {SIGINT, "INT"}, {SIGHUP, "HUP"}, {SIGQUIT, "QUIT"}, {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"},
		{SIGWINCH, "WINCH"}, {SIGPWR, "TERM"}, {SIGCONT, "CONT"}, {SIGALRM, "ALRM"}};
	struct run r = {.script = "for s in TERM INT HUP QUIT USR1 USR2 WINCH CONT ALRM; do trap \"echo got $s\" $s; done; trap 'exit 9' PIPE;"
		"echo ready; while :; do sleep 0.02; done", .ignore = true};
	char out[256], want[32];

	(void)state;
	start(&r);
	wait_for(&r, "ready\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(kill(r.pid, rows[i].sent), 0);
		(void)snprintf(want, sizeof(want), "got %s\n", rows[i].seen);
		wait_for(&r, want);
	}
	assert_int_equal(kill(r.pid, SIGPIPE), 0);
	assert_int_equal(finish(&r, out, sizeof(out)), 9);
}

/* From the parent namespace, as a monitor does it, and to a program that has no handler. */
static void a_signal_without_handler_ends_the_program(void **state)
{
	struct run r = {.script = "echo ready; exec sleep 30"};
	char out[64];

	(void)state;
	start(&r);
	wait_for(&r, "ready\n");
	assert_int_equal(kill(r.pid, SIGTERM), 0);
	assert_int_equal(finish(&r, out, sizeof(out)), 128 + SIGTERM);
}

/* From inside a namespace a signal at its default action would never reach pid 1. */
static void pid1_hears_the_inside(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(run_script(true, "trap 'echo usr1; exit 5' USR1; kill -USR1 1; while :; do sleep 0.02; done", out, sizeof(out)), 5);
	assert_non_null(strstr(out, "usr1\n")); /* the shell may tell of its sleep, which got the signal too */
}

static void ends_the_rest(void **state)
{
	char out[256];

	(void)state;
	for (int pid1 = 0; pid1 < 2; pid1++) {
		uint64_t from = clock_now_ms();

		/* a child, a daemon in its own session, a stopped one: all act on SIGTERM, so it is quick */
		assert_int_equal(run_script(pid1, "sleep 30 & setsid sleep 30 & setsid sh -c 'kill -STOP $$; sleep 30' & sleep 0.1; exit 6",
							 out, sizeof(out)), 6);
		assert_true(clock_now_ms() - from < 20000); /* not after a second of waiting each */
		/* one that refuses is given its second; it may use it */
		from = clock_now_ms();
		assert_int_equal(run_script(pid1, "setsid sh -c 'trap \"echo no\" TERM; while :; do sleep 0.05; done' & sleep 0.8; exit 7",
							 out, sizeof(out)), 7);
		assert_true(clock_now_ms() - from >= 1000);
		assert_non_null(strstr(out, "no\n"));
	}
}

static void the_program_starts_clean(void **state)
{
	struct run r = {.script = "grep -E '^Sig(Blk|Ign)' /proc/self/status; t=$(mktemp); (exec ls /proc/$$/fd >$t); tr '\\n' ' ' <$t; rm $t; ps -o sid= -p $$ | tr -d ' ' > /dev/null", .ignore = true,
		.report = true};
	char out[256];

	(void)state;
	assert_int_equal(run_to_end(&r, out, sizeof(out)), 0);
	assert_string_equal(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0 1 2 ");
}

static void holds_what_it_is_given(void **state)
{
	autoclose int low = fcntl(0, F_DUPFD, 40);
	autoclose int high = fcntl(0, F_DUPFD, 50);
	autoclose int program = fcntl(0, F_DUPFD, 45);
	struct run r = {.args = {"-k", "50", "-k", "40"}, /* pid 1 closes the rest after it has started us: wait for that */
			.script = "cd /proc; for i in 1 2 3 4 5 6 7 8 9; do x=$(ls $PPID/fd | tr '\\n' ' '); [ \"$x\" = '1 2 40 50 ' ] && break; sleep 0.2; done; "
				  "printf %s \"$x\"; t=$(mktemp); (exec ls $$/fd >$t); tr '\\n' ' ' <$t; rm $t"};
	char out[256];

	(void)state;
	assert_true(low == 40 && high == 50 && program == 45);
	assert_int_equal(run_to_end(&r, out, sizeof(out)), 0);
	assert_string_equal(out, "1 2 40 50 0 1 2 45 ");
}

static void becomes_the_user(void **state)
{
	struct run r = {.args = {"-u", "12345", "-g", "23456", "-G", "7,34567", "-w", "/usr"}, .script = "pwd; grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status"};
	struct run plain = {.args = {"-g", "23456"}, .script = "grep -E '^(Uid|Gid|Groups)' /proc/self/status"};
	char out[512];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run_to_end(&r, out, sizeof(out)), 0);
	assert_string_equal(out, "/usr\nUid:\t12345\t12345\t12345\t12345\nGid:\t23456\t23456\t23456\t23456\nGroups:\t7 34567 \nCapEff:\t0000000000000000\n");
	assert_int_equal(run_to_end(&plain, out, sizeof(out)), 0);
	assert_string_equal(out, "Uid:\t0\t0\t0\t0\nGid:\t23456\t23456\t23456\t23456\nGroups:\t \n");
}

static void gives_the_terminal(void **state)
{
	(void)state;
	/* a terminal nobody has; one that init itself leads when it starts */
	for (int leads = 0; leads < 2; leads++) {
		struct run r = {.args = {"-t"}, .script = "echo $$; read line < /dev/tty; echo \"got $line\"; trap 'echo int; exit 8' INT; while :; do sleep 0.02; done",
			.session = leads};
		char name[64], out[256], first[64] = "";
		autoclose int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		ssize_t n;

		assert_true(master >= 0);
		assert_int_equal(unlockpt(master), 0);
		assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
		r.in_fd = fd_open(AT_FDCWD, name, O_RDWR | O_NOCTTY, 0);
		start(&r);
		n = read(r.out, first, sizeof(first) - 1);
		assert_true(n > 1);
		first[n - 1] = '\0';
		(void)snprintf(out, sizeof(out), "%d", (int)tcgetpgrp(master));
		assert_string_equal(first, out);
		(void)snprintf(out, sizeof(out), "%d", (int)tcgetsid(master));
		assert_string_equal(first, out);
		assert_int_equal(fd_write_all(master, "hello\n", 6), 0);
		wait_for(&r, "got hello\n");
		(void)usleep(50000);
		assert_int_equal(fd_write_all(master, "\003", 1), 0); /* Ctrl-c */
		assert_int_equal(finish(&r, out, sizeof(out)), 8);
		assert_string_equal(out, "int\n");
	}
}

/* -t without a terminal is no error: `run` decides late. */
static void a_terminal_is_optional(void **state)
{
	struct run r = {.args = {"-t"}, .script = "exit 4"};
	char out[64];

	(void)state;
	assert_int_equal(run_to_end(&r, out, sizeof(out)), 4);
}

static void is_small(void **state)
{
	struct run r = {.script = "cat /proc/$PPID/smaps_rollup; cat /proc/$PPID/comm"};
	char out[4096], *pss;

	(void)state;
	assert_int_equal(run_to_end(&r, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "\ncoppice-init\n"));
	pss = strstr(out, "\nPss:");
	assert_non_null(pss);
	print_message("memory of coppice-init:%.*s\n", (int)strcspn(pss + 5, "\n"), pss + 5);
#if !defined(__SANITIZE_ADDRESS__) && !defined(NO_SIZE_CHECK)
	assert_true(strtoul(pss + 5, NULL, 10) < 300);
#endif
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_the_status), cmocka_unit_test(reports_why_it_does_not_run), cmocka_unit_test(refuses_bad_usage),
		cmocka_unit_test(reaps_orphans), cmocka_unit_test(forwards_signals), cmocka_unit_test(a_signal_without_handler_ends_the_program),
		cmocka_unit_test(pid1_hears_the_inside), cmocka_unit_test(ends_the_rest), cmocka_unit_test(the_program_starts_clean),
		cmocka_unit_test(holds_what_it_is_given), cmocka_unit_test(becomes_the_user), cmocka_unit_test(gives_the_terminal),
		cmocka_unit_test(a_terminal_is_optional), cmocka_unit_test(is_small),
	};

	fd_close_range(3, ~0u); /* whoever started us may have left some open: they would show up inside */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
