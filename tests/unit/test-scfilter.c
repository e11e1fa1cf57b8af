/* The default system call filter: compiled twice it is the same, and what it refuses and lets pass is tried for real in a child that has loaded it. */
#include "base/buf.h"
#include "linux/scfilter.h"
#include "unit/test.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

static const struct scfilter_profile plain = {0}, nesting = {.nesting = true}, privileged = {.privileged = true};

static void compiled_twice_it_is_the_same(void **state)
{
	static const struct scfilter_profile *const all[] = {&plain, &nesting, &privileged};
	char keys[3][64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct buf one = BUF_INIT, two = BUF_INIT;

		assert_int_equal(scfilter_compile(all[i], &one), 0);
		assert_int_equal(scfilter_compile(all[i], &two), 0);
		assert_true(one.len > 0 && one.len % sizeof(struct sock_filter) == 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.data, two.data, one.len);
		buf_done(&one);
		buf_done(&two);
		scfilter_key(all[i], keys[i]);
		assert_null(strchr(keys[i], '/'));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
	}
}

static void a_filter_of_no_length_is_refused(void **state)
{
	char bytes[sizeof(struct sock_filter) * 3] = {0};

	(void)state;
	assert_int_equal(scfilter_load(bytes, sizeof(bytes) - 1), -EBADMSG);
	assert_int_equal(scfilter_load(bytes, (BPF_MAXINSNS + 1) * sizeof(struct sock_filter)), -EBADMSG);
	assert_true(scfilter_load(bytes, 0) < 0); /* the kernel's own check */
}

/* ---- tries ---- */

/* Every try returns 0 or errno. */
static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int try_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int try_keyctl(void)
{
	return result(syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 0));
}

static int try_io_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_handle(void)
{
	return result(syscall(SYS_open_by_handle_at, -1, NULL, 0));
}

static int try_module(void)
{
	return result(syscall(SYS_finit_module, -1, "", 0));
}

static int try_perf(void)
{
	return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int try_unshare_user(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int try_unshare_fs(void)
{
	return result(unshare(CLONE_FS));
}

static int clone_with(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

static int try_clone_user(void)
{
	return clone_with(CLONE_NEWUSER);
}

static int try_clone_user_high(void)
{
	return clone_with(CLONE_NEWUSER | 0xff00000000UL);
}

static int try_clone_plain(void)
{
	return clone_with(0);
}

static int try_clone3(void)
{
	return result(syscall(SYS_clone3, NULL, 0));
}

static int try_family(unsigned long family)
{
	long fd = syscall(SYS_socket, family, (long)SOCK_STREAM, 0L);

	if (fd >= 0)
		(void)close((int)fd);
	return result(fd);
}

static int try_inet(void)
{
	return try_family(AF_INET);
}

static int try_unix(void)
{
	return try_family(AF_UNIX);
}

static int try_vsock(void)
{
	return try_family(AF_VSOCK);
}

static int try_alg(void)
{
	return try_family(AF_ALG);
}

/* The kernel sees the lower half only. */
static int try_vsock_high(void)
{
	return try_family(AF_VSOCK | 0x100000000UL);
}

static int try_alg_high(void)
{
	return try_family(AF_ALG | 0xffffffff00000000UL);
}

static int try_inet_high(void)
{
	return try_family(AF_INET | 0x100000000UL);
}

static int try_unknown(void)
{
	return result(syscall(999)); /* newer than anybody */
}

static int try_settime(void)
{
	return result(syscall(SYS_clock_settime, 99, NULL)); /* no such clock: changes nothing where it passes */
}

static int try_getpid(void)
{
	return getpid() > 0 ? 0 : EINVAL;
}

#ifdef __x86_64__
/* A call of the 32-bit table, from this 64-bit program. */
static int int80(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return r < 0 ? (int)-r : 0;
}

static int try_x32(void)
{
	return result(syscall(0x40000000 | SYS_getpid));
}

static int try_i386_getpid(void)
{
	return int80(20, 0, 0, 0);
}

static int try_i386_bpf(void)
{
	return int80(357, 0, 0, 0);
}

static int try_i386_keyctl(void)
{
	return int80(288, 0, -3, 0);
}

static int try_i386_unshare_user(void)
{
	return int80(310, CLONE_NEWUSER, 0, 0);
}

static int try_i386_clone_user(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(120L), "b"((long)(CLONE_NEWUSER | SIGCHLD)), "c"(0L), "d"(0L), "S"(0L), "D"(0L) : "memory", "r8", "r9", "r10", "r11");
	if (r == 0)
		_exit(0);
	return r < 0 ? (int)-r : 0;
}

static int try_i386_vsock(void)
{
	return int80(359, AF_VSOCK, SOCK_STREAM, 0);
}

static int try_i386_socketcall(void)
{
	return int80(102, 1, 0, 0);
}

static int try_i386_unix(void)
{
	return int80(359, AF_UNIX, SOCK_STREAM, 0);
}

/* The 32-bit table may be missing from this kernel. */
static bool has_i386(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try_i386_getpid() == 0 ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
#endif

/* The errno @fn meets in a child under the filter of @p. */
static int under(const struct scfilter_profile *p, int (*fn)(void))
{
	struct buf filter = BUF_INIT;
	int status;
	pid_t pid;

	assert_int_equal(scfilter_compile(p, &filter), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || scfilter_load(filter.data, filter.len) < 0)
			_exit(255);
		_exit(fn() & 0x7f);
	}
	buf_done(&filter);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

#define ANY (-1) /* whatever the kernel says, as long as it is not the filter's answer EPERM or ENOSYS */

struct try {
	const char *name;
	int (*fn)(void);
	int plain, nesting, privileged;
};

static void run(const struct try *t, size_t n)
{
	const struct scfilter_profile *const profiles[] = {&plain, &nesting, &privileged};

	for (size_t i = 0; i < n; i++) {
		const int want[] = {t[i].plain, t[i].nesting, t[i].privileged};

		for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
			int got = under(profiles[p], t[i].fn);

			if (want[p] == ANY ? got == ENOSYS || got == EPERM : got != want[p])
				fail_msg("%s, profile %zu: %s", t[i].name, p, strerror(got));
		}
	}
}

static void native_calls(void **state)
{
	static const struct try tries[] = {
		{"getpid", try_getpid, 0, 0, 0},
		{"bpf", try_bpf, EPERM, EPERM, EPERM},
		{"keyctl", try_keyctl, ENOSYS, ANY, ENOSYS},
		{"io_uring_setup", try_io_uring, ENOSYS, ENOSYS, ENOSYS},
		{"open_by_handle_at", try_handle, EPERM, EPERM, EPERM},
		{"finit_module", try_module, EPERM, EPERM, EPERM},
		{"perf_event_open", try_perf, EPERM, EPERM, EPERM},
		{"unshare user", try_unshare_user, EPERM, ANY, EPERM},
		{"unshare fs", try_unshare_fs, 0, 0, 0},
		{"clone user", try_clone_user, EPERM, ANY, EPERM},
		{"clone user, upper bits", try_clone_user_high, EPERM, ANY, EPERM},
		{"clone", try_clone_plain, 0, 0, 0},
		{"clone3", try_clone3, ENOSYS, EINVAL, ENOSYS},
		{"socket unix", try_unix, 0, 0, 0},
		{"socket inet", try_inet, 0, 0, 0},
		{"socket inet, upper bits", try_inet_high, 0, 0, 0},
		{"socket vsock", try_vsock, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
		{"socket alg", try_alg, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
		{"socket vsock, upper bits", try_vsock_high, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
		{"socket alg, upper bits", try_alg_high, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
		{"call 999", try_unknown, ENOSYS, ENOSYS, ENOSYS},
		{"clock_settime", try_settime, EINVAL, EINVAL, EPERM},
	};

	(void)state;
	run(tries, ARRAY_LEN(tries));
}

static void foreign_calls(void **state)
{
	(void)state;
#ifdef __x86_64__
	static const struct try x32[] = {{"x32 getpid", try_x32, ENOSYS, ENOSYS, ENOSYS}};
	static const struct try i386[] = {
		{"i386 getpid", try_i386_getpid, 0, 0, 0},
		{"i386 bpf", try_i386_bpf, EPERM, EPERM, EPERM},
		{"i386 keyctl", try_i386_keyctl, ENOSYS, ANY, ENOSYS},
		{"i386 unshare user", try_i386_unshare_user, EPERM, ANY, EPERM},
		{"i386 clone user", try_i386_clone_user, EPERM, ANY, EPERM},
		{"i386 socket unix", try_i386_unix, 0, 0, 0},
		{"i386 socket vsock", try_i386_vsock, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT},
		{"i386 socketcall", try_i386_socketcall, ENOSYS, ENOSYS, ENOSYS},
	};

	run(x32, ARRAY_LEN(x32));
	if (!has_i386())
		skip();
	run(i386, ARRAY_LEN(i386));
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiled_twice_it_is_the_same),
		cmocka_unit_test(a_filter_of_no_length_is_refused),
		cmocka_unit_test(native_calls),
		cmocka_unit_test(foreign_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
