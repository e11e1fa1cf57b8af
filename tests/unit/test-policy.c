/* System call policies in LXC's format: what is read, what is refused and where, and what a compiled one does to a child that has loaded it. */
#include "base/buf.h"
#include "base/fd.h"
#include "filter/policy.h"
#include "linux/scfilter.h"
#include "unit/test.h"

#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void good(struct policy *p, const char *text)
{
	struct err e = {0};

	if (policy_parse(text, strlen(text), p, &e) < 0)
		fail_msg("%s", e.why);
}

static void bad(const char *text, const char *want)
{
	struct policy p = {0};
	struct err e = {0};

	if (policy_parse(text, strlen(text), &p, &e) >= 0)
		fail_msg("takes: %s", text);
	assert_string_equal(e.why, want);
}

static void both_versions_are_read(void **state)
{
	struct policy p;

	(void)state;
	good(&p, "1\nallowlist\n0\n231\n");
	assert_true(p.allowlist);
	assert_int_equal(p.rule_count, 2);
	assert_null(p.rules[1].name);
	assert_int_equal(p.rules[1].number, 231);
	assert_int_equal(p.otherwise.act, POLICY_KILL);
	policy_done(&p);

	good(&p, "# ours\n2\nblacklist\nreject_force_umount  # a comment\n\n[all]\r\nkexec_load errno 1\n[x86]\nvm86\n[X86_64]\n"
		 "ioctl errno 1 [1,0x9000,SCMP_CMP_EQ] [2,010,&=,-1]\n");
	assert_false(p.allowlist);
	assert_int_equal(p.otherwise.act, POLICY_ALLOW);
	assert_int_equal(p.rule_count, 4);
	assert_string_equal(p.rules[0].arch, "native");
	assert_string_equal(p.rules[1].arch, "all");
	assert_int_equal(p.rules[1].line, 7);
	assert_int_equal(p.rules[1].action.act, POLICY_ERRNO);
	assert_int_equal(p.rules[1].action.error, 1);
	assert_string_equal(p.rules[2].arch, "x86");
	assert_int_equal(p.rules[2].action.act, POLICY_KILL);
	assert_string_equal(p.rules[3].arch, "x86_64");
	assert_int_equal(p.rules[3].arg_count, 2);
	assert_int_equal(p.rules[3].args[0].value, 0x9000);
	assert_int_equal(p.rules[3].args[1].value, 8);
	assert_int_equal(p.rules[3].args[1].op, POLICY_MASKED_EQ);
	assert_true(p.rules[3].args[1].mask == UINT64_MAX);
	policy_done(&p);

	good(&p, "2\nwhitelist errno 38\nread\nexecve trap\n");
	assert_int_equal(p.otherwise.act, POLICY_ERRNO);
	assert_int_equal(p.otherwise.error, 38);
	assert_int_equal(p.rules[0].action.act, POLICY_ALLOW);
	assert_int_equal(p.rules[1].action.act, POLICY_TRAP);
	policy_done(&p);
}

static void bad_lines_are_named(void **state)
{
	(void)state;
	bad("", "1: nothing: the first line says the version, 1 or 2");
	bad("3\n", "1: not a version of the format (1 or 2): '3'");
	bad("2\n", "1: ends before it says allowlist or denylist");
	bad("1\ndenylist\n", "2: version 1 has allowlists only, not 'denylist'");
	bad("2\ngreylist\n", "2: neither allowlist nor denylist: 'greylist'");
	bad("1\nallowlist\nread\n", "3: not the number of a system call: 'read'");
	bad("2\ndenylist\n[pdp11]\n", "3: unknown architecture 'pdp11'");
	bad("2\ndenylist\nread erno 1\n", "3: unknown action 'erno'");
	bad("2\ndenylist\nread errno x\n", "3: not an error number (0 to 4095): 'x'");
	bad("2\ndenylist\nread errno 1 [0,1]\n", "3: not INDEX,VALUE,OP[,MASK]: '0'");
	bad("2\ndenylist\nread errno 1 [6,1,==]\n", "3: not the number of an argument (0 to 5): '6'");
	bad("2\ndenylist\nread errno 1 [0,1,=]\n", "3: unknown comparison '='");
	bad("2\ndenylist\nread errno 1 [0,1,==\n", "3: no ']' behind '[0,1,=='");
	bad("2\ndenylist\nread errno 1 more\n", "3: what is 'more'");
	bad("2\ndenylist\nre-ad\n", "3: not the name of a system call: 're-ad'");
	bad("2\ndenylist\nioctl notifies\n", "3: unknown action 'notifies'");
}

/* 0 = the call succeeded, else its errno; 128 + signal when it killed the process. */
static int under(const char *text, long (*call)(void), struct buf *notes)
{
	struct buf filter = BUF_INIT;
	struct policy p;
	struct err e = {0};
	int status;
	pid_t pid;

	good(&p, text);
	if (policy_compile(&p, &filter, notes, &e) < 0)
		fail_msg("%s", e.why);
	policy_done(&p);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || scfilter_load(filter.data, filter.len) < 0)
			_exit(127);
		/* not _exit(): a sanitizer would look for leaks first, with calls of its own */
		(void)syscall(SYS_exit_group, call() < 0 ? errno : 0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	buf_done(&filter);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static long call_getppid(void)
{
	return syscall(SYS_getppid);
}

static long call_umount(void)
{
	return umount2("/no/such/place", MNT_FORCE);
}

static long call_umount_softly(void)
{
	return umount2("/no/such/place", 0);
}

static long call_access(void)
{
	return syscall(SYS_faccessat, -1, "/", 4, 0);
}

static void compiled_ones_do_what_they_say(void **state)
{
	struct buf notes = BUF_INIT;

	(void)state;
	assert_int_equal(under("2\ndenylist\n[all]\ngetppid errno 95\n", call_getppid, &notes), 95);
	assert_int_equal(under("2\ndenylist\ngetppid\n", call_getppid, &notes), 128 + SIGSYS);
	assert_int_equal(under("2\ndenylist\nreject_force_umount\n", call_umount, &notes), EACCES);
	assert_int_equal(under("2\ndenylist\nreject_force_umount\n", call_umount_softly, &notes), ENOENT);
	assert_int_equal(under("2\ndenylist\nfaccessat errno 33 [2,4,==]\n", call_access, &notes), 33);
	assert_int_equal(under("2\ndenylist\nfaccessat errno 33 [2,4,!=]\n", call_access, &notes), 0);
	assert_int_equal(under("2\ndenylist\nfaccessat errno 33 [2,4,&=,6]\n", call_access, &notes), 33);
	assert_int_equal(under("2\nallowlist errno 77\n[all]\nexit_group\n", call_getppid, &notes), 77);
	assert_int_equal(notes.len, 0);
	assert_int_equal(under("2\ndenylist\n[all]\nsys_of_next_year errno 1\ngetppid errno 3\n", call_getppid, &notes), 3);
	assert_string_equal(buf_str(&notes), "4: no system call is called 'sys_of_next_year' here: the rule is skipped\n");
	buf_done(&notes);
}

/* A listener that answers as a relay would; without one the kernel says ENOSYS. */
static void calls_are_handed_over(void **state)
{
	struct buf notes = BUF_INIT, filter = BUF_INIT;
	struct policy p;
	struct err e = {0};
	int pair[2], fds[1], status;
	struct seccomp_notif_resp answer = {.error = -EXDEV};
	struct seccomp_notif request = {0};
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(under("2\ndenylist\n[all]\ngetppid notify\n", call_getppid, &notes), ENOSYS);
	good(&p, "2\ndenylist\ngetppid errno 1\n");
	assert_int_equal(policy_compile(&p, &filter, &notes, &e), 0);
	assert_false(scfilter_notifies(filter.data, filter.len));
	policy_done(&p);
	buf_clear(&filter);
	good(&p, "2\ndenylist\ngetppid notify\n");
	assert_int_equal(policy_compile(&p, &filter, &notes, &e), 0);
	assert_true(scfilter_notifies(filter.data, filter.len));
	policy_done(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		int listener = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : scfilter_load_listener(filter.data, filter.len);

		if (listener < 0 || fd_send(pair[1], &byte, 1, &listener, 1) < 0)
			_exit(127);
		(void)syscall(SYS_exit_group, call_getppid() < 0 ? errno : 0);
	}
	assert_int_equal(fd_recv(pair[0], &byte, 1, fds, 1), 1);
	assert_int_equal(ioctl(fds[0], SECCOMP_IOCTL_NOTIF_RECV, &request), 0);
	assert_int_equal(request.data.nr, SYS_getppid);
	answer.id = request.id;
	assert_int_equal(ioctl(fds[0], SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), EXDEV);
	fd_close(&fds[0]);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	buf_done(&filter);
	buf_done(&notes);
}

#if defined(__x86_64__)
static void numbers_are_an_allowlist(void **state)
{
	struct buf notes = BUF_INIT;

	(void)state;
	assert_int_equal(under("1\nwhitelist\n231\n110\n", call_getppid, &notes), 0);
	assert_int_equal(under("1\nwhitelist\n231\n", call_getppid, &notes), 128 + SIGSYS);
	buf_done(&notes);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_are_read),
		cmocka_unit_test(bad_lines_are_named),
		cmocka_unit_test(compiled_ones_do_what_they_say),
		cmocka_unit_test(calls_are_handed_over),
#if defined(__x86_64__)
		cmocka_unit_test(numbers_are_an_allowlist),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
