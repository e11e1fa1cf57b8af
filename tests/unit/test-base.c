/* Errors, buffers, arenas, descriptors, paths, processes: the promises of src/base. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/msg.h"
#include "base/path.h"
#include "base/proc.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void errors_carry_the_first_cause(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_sys(&e, EACCES, "open_tree"), -EACCES);
	(void)err_wrap(&e, "mount base '%s'", "ab12");
	(void)err_hint(&e, "inner");
	(void)err_hint(&e, "outer");
	(void)err_what(&e, "cannot start '%s'", "web1");
	assert_string_equal(e.why, "mount base 'ab12': open_tree: Permission denied");
	assert_string_equal(e.what, "cannot start 'web1'");
	assert_string_equal(e.hint, "inner");
	assert_int_equal(e.kind, ERR_DENIED);
	/* context that does not fit is dropped, the cause stays */
	for (int i = 0; i < 100; i++)
		(void)err_wrap(&e, "%s", "a long piece of context that is repeated");
	assert_non_null(strstr(e.why, "open_tree: Permission denied"));
}

static void buffers_grow(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	assert_int_equal(strlen(buf_str(&b)), b.len);
	assert_int_equal(b.len, 3890);
	buf_done(&b);
}

static void arenas_push(void **state)
{
	struct arena a = ARENA_INIT;
	int *items = NULL;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int *p = arena_push(&a, &items, &n, sizeof(*items));

		assert_non_null(p);
		*p = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
	assert_non_null(arena_alloc(&a, 100000));
	arena_done(&a);
}

static int scratch_dir(char path[64])
{
	strcpy(path, "/tmp/coppice-unit-XXXXXX");
	assert_non_null(mkdtemp(path));
	return fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
}

static void remove_scratch(const char *path)
{
	autoclose int tmp = fd_open(AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY, 0);

	assert_int_equal(path_remove_tree(tmp, path + strlen("/tmp/")), 0);
}

static void hostile_links_do_not_lead_out(void **state)
{
	char path[64];
	autoclose int dir = scratch_dir(path);
	autoclose int fd = FD_NONE;

	(void)state;
	assert_true(dir >= 0);
	assert_int_equal(mkdirat(dir, "root", 0755), 0);
	assert_int_equal(mkdirat(dir, "victim", 0755), 0);
	autoclose int root = fd_open(dir, "root", O_RDONLY | O_DIRECTORY, 0);
	assert_int_equal(symlinkat("../victim", root, "dev"), 0);
	assert_int_equal(symlinkat("/etc", root, "abs"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(path_open_beneath(root, "dev/x", O_CREAT | O_WRONLY, 0600), -ELOOP);
	fd = path_mkdirs_beneath(root, "dev/pts", 0755);
	assert_int_equal(fd, -ELOOP);
	assert_int_equal(path_open_in(root, "loop", O_RDONLY, 0), -ELOOP);
	assert_int_equal(path_open_in(root, "abs/passwd", O_RDONLY, 0), -ENOENT); /* /etc of the root, not ours */
	assert_int_equal(path_open_beneath(root, "../victim", O_RDONLY, 0), -EXDEV);
	fd = path_mkdirs_beneath(root, "/a/b/c", 0755);
	assert_true(fd >= 0);
	assert_int_equal(faccessat(dir, "victim/pts", F_OK, 0), -1);
	assert_int_equal(path_remove_tree(dir, "root"), 0);
	assert_int_equal(faccessat(dir, "victim", F_OK, 0), 0);
	remove_scratch(path);
}

static void files_are_replaced_whole(void **state)
{
	char path[64], text[32];
	autoclose int dir = scratch_dir(path);

	(void)state;
	assert_int_equal(path_replace_file(dir, "f", "one", 3, 0600), 0);
	assert_int_equal(path_replace_file(dir, "f", "two\n", 4, 0600), 0);
	assert_int_equal(fd_read_file(dir, "f", text, sizeof(text)), 3);
	assert_string_equal(text, "two");
	assert_int_equal(fd_read_file(dir, "f", text, 3), -EFBIG);
	remove_scratch(path);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

/* A file of many records comes in pieces, each less than what was asked for. */
static void long_proc_files_are_read_to_their_end(void **state)
{
	autodone(buf_done) struct buf all = BUF_INIT;
	autofree char *text = calloc(1, 1 << 20);
	autoclose int fd = fd_open(AT_FDCWD, "/proc/self/smaps", O_RDONLY, 0);

	(void)state;
	assert_non_null(text);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, &all, 1 << 20), 0);
	assert_true(all.len > 3 * 4096);
	assert_true(fd_read_file(AT_FDCWD, "/proc/self/smaps", text, 1 << 20) > 0);
	assert_int_equal(count(text, "VmFlags:"), count(buf_str(&all), "VmFlags:"));
}

static void descriptors_have_a_path(void **state)
{
	char path[64], little[4];
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_path(fd, path, sizeof(path)), 0);
	assert_string_equal(path, "/proc");
	assert_int_equal(fd_path(fd, little, sizeof(little)), 0);
	assert_string_equal(little, "/pr");
	close(fd);
	assert_int_equal(fd_path(fd, path, sizeof(path)), -ENOENT);
}

/* A stream has a descriptor of its own: the one it was made of stays, a link is followed only when that is allowed. */
static void directories_are_read(void **state)
{
	autoclose int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclosedir DIR *first = fd_open_dir(fd, "task", O_NOFOLLOW), *again = fd_open_dir(fd, ".", 0);

	(void)state;
	assert_non_null(first);
	assert_non_null(again);
	assert_int_not_equal(dirfd(again), fd);
	assert_non_null(readdir(first));
	assert_null(fd_open_dir(fd, "cwd", O_NOFOLLOW));
	assert_true(errno == ENOTDIR || errno == ELOOP);
	assert_null(fd_open_dir(fd, "status", 0));
	assert_int_equal(errno, ENOTDIR);
	fd_close_dir(&first);
	assert_null(first);
	assert_true(fcntl(fd, F_GETFD) >= 0);
}

static void messages_travel_with_descriptors(void **state)
{
	int pair[2], got[2], fds[1];
	struct msg m;
	struct err e = {0};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fds[0] = pair[0];
	assert_int_equal(msg_send(pair[0], MSG_BORN, 42, 7, fds, 1), 0);
	assert_int_equal(msg_recv(pair[1], clock_deadline(1000), &m, got, 2), 1);
	assert_int_equal(m.type, MSG_BORN);
	assert_int_equal(m.value, 42);
	assert_true(got[0] >= 0);
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	fd_close(&got[0]);
	(void)err_set(&e, ERR_SYSTEM, EIO, "the first cause");
	msg_send_fail(pair[0], &e);
	assert_int_equal(msg_recv(pair[1], clock_deadline(1000), &m, NULL, 0), 1);
	assert_string_equal(m.err.why, "the first cause");
	assert_int_equal(msg_recv(pair[1], clock_deadline(20), &m, NULL, 0), -ETIMEDOUT);
	fd_close(&pair[0]);
	assert_int_equal(msg_recv(pair[1], clock_deadline(1000), &m, NULL, 0), 0);
	fd_close(&pair[1]);
}

static void processes_are_known_beyond_their_pid(void **state)
{
	struct proc_id id = {0};
	int status = -1;
	struct buf out = BUF_INIT;
	const char *const argv[] = {"/bin/sh", "-c", "echo hi; echo oops >&2; exit 3", NULL};
	const char *const slow[] = {"/bin/sleep", "30", NULL};
	const char *const missing[] = {"/nonexistent/program", NULL};
	struct buf log = BUF_INIT;
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = &out, .log = &log, .deadline = clock_deadline(10000)};

	(void)state;
	assert_int_equal(proc_identify(0, &id), 0);
	assert_true(proc_alive(&id));
	id.start_time++;
	assert_false(proc_alive(&id));
	assert_int_equal(proc_open(&id), -ESRCH);
	assert_int_equal(proc_run(&run, &status), 0);
	assert_int_equal(status, 3);
	assert_string_equal(buf_str(&out), "hi\n");
	assert_string_equal(buf_str(&log), "oops\n");
	buf_done(&out);
	buf_done(&log);
	run.argv = missing;
	assert_int_equal(proc_run(&run, &status), -ENOENT);
	run.argv = slow;
	run.deadline = clock_deadline(50);
	assert_int_equal(proc_run(&run, &status), -ETIMEDOUT);
	buf_done(&out);
	buf_done(&log);
}

static const char *written(const char *path, char *text, size_t size)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void logs_are_lines(void **state)
{
	char dir[] = "/tmp/cplog.XXXXXX", path[64], link[64], text[4096];
	struct log l = LOG_INIT;
	struct err e = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/new/n.log", dir);
	(void)snprintf(link, sizeof(link), "%s/link", dir);
	assert_false(log_wants(NULL, LOG_LEVEL_FATAL));
	assert_false(log_wants(&l, LOG_LEVEL_FATAL));
	for (int i = 0; i < LOG_LEVEL_OFF; i++)
		assert_int_equal(log_level_parse(log_level_name(i)), i);
	assert_int_equal(log_level_parse("warn"), LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("loud"), -EINVAL);
	assert_string_equal(log_level_name(99), "NOTSET");

	l.fd = log_open_file(path);
	assert_true(l.fd >= 0 && log_is_plain(l.fd));
	l.level = LOG_LEVEL_INFO;
	l.command = "lxc-start";
	log_write(&l, LOG_LEVEL_DEBUG, "part", "not this");
	log_write(&l, LOG_LEVEL_WARN, "part", "one\ntwo \033[31m");
	l.name = "web1";
	(void)err_set(&e, ERR_INPUT, EINVAL, "the cause");
	(void)err_what(&e, "cannot do it");
	log_err(&l, LOG_LEVEL_ERROR, "part", &e);
	written(path, text, sizeof(text));
	assert_null(strstr(text, "not this"));
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, " WARN     part - one\nlxc-start 20"));
	assert_non_null(strstr(text, " WARN     part - two "));
	assert_non_null(strstr(text, "lxc-start web1 20"));
	assert_non_null(strstr(text, " ERROR    part - cannot do it\n"));
	assert_non_null(strstr(text, " ERROR    part - why: the cause\n"));

	/* a long one is cut, and still one line */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(ftruncate(l.fd, 0), 0);
	log_write(&l, LOG_LEVEL_FATAL, "part", "%s", text);
	written(path, text, sizeof(text));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);

	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(log_open_file(link), -ELOOP);
	assert_int_equal(log_open_file(dir), -EISDIR);
	log_close(&l);
	(void)unlink(link);
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_carry_the_first_cause), cmocka_unit_test(buffers_grow), cmocka_unit_test(arenas_push),
		cmocka_unit_test(hostile_links_do_not_lead_out), cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(long_proc_files_are_read_to_their_end),
		cmocka_unit_test(descriptors_have_a_path), cmocka_unit_test(directories_are_read), cmocka_unit_test(messages_travel_with_descriptors), cmocka_unit_test(processes_are_known_beyond_their_pid), cmocka_unit_test(logs_are_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
