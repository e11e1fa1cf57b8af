/* The bounded log: never above its limit, never in the way, honest about what it lost. */
#include "supervise/logfile.h"

#include "base/fd.h"
#include "base/path.h"
#include "unit/test.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[] = "/tmp/coppice-unit-XXXXXX";

static int fresh_dir(void **state)
{
	int *dir = malloc(sizeof(*dir));

	assert_non_null(dir);
	memcpy(scratch, "/tmp/coppice-unit-XXXXXX", sizeof(scratch));
	assert_non_null(mkdtemp(scratch));
	*dir = fd_open(AT_FDCWD, scratch, O_RDONLY | O_DIRECTORY, 0);
	assert_true(*dir >= 0);
	*state = dir;
	return 0;
}

static int remove_dir(void **state)
{
	autoclose int tmp = fd_open(AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY, 0);

	assert_int_equal(path_remove_tree(tmp, scratch + strlen("/tmp/")), 0);
	fd_close(*state);
	free(*state);
	return 0;
}

static off_t size_of(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : st.st_size;
}

static void read_both(int dir, struct buf *b)
{
	static const char *const names[] = {"log.1", "log"};

	buf_clear(b);
	for (size_t i = 0; i < 2; i++) {
		autoclose int fd = fd_open(dir, names[i], O_RDONLY, 0);

		if (fd >= 0)
			assert_int_equal(fd_read_all(fd, b, 1 << 20), 0);
	}
}

static void stays_within_its_limit(void **state)
{
	int dir = *(int *)*state;
	struct logfile l;
	struct buf b = BUF_INIT, all = BUF_INIT;
	struct stat st;

	assert_int_equal(logfile_open(&l, dir, "log", 1000), 0);
	for (int i = 0; i < 500; i++) {
		char line[32];
		int n = snprintf(line, sizeof(line), "line %d\n", i);

		logfile_write(&l, line, (size_t)n);
		buf_add(&all, line, (size_t)n);
		assert_true(size_of(dir, "log") <= 500);
		assert_true(size_of(dir, "log.1") <= 500);
	}
	logfile_close(&l);
	/* what is kept is the unbroken tail */
	read_both(dir, &b);
	assert_true(b.len >= 500 && b.len <= 1000);
	assert_memory_equal(b.data, all.data + all.len - b.len, b.len);
	assert_int_equal(l.dropped, 0);
	assert_int_equal(fstatat(dir, "log", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* one write larger than everything, after opening again */
	buf_clear(&all);
	for (int i = 0; i < 1000; i++)
		buf_printf(&all, "%d,", i);
	assert_int_equal(logfile_open(&l, dir, "log", 1000), 0);
	logfile_write(&l, all.data, all.len);
	logfile_close(&l);
	read_both(dir, &b);
	assert_true(b.len >= 500 && b.len <= 1000);
	assert_memory_equal(b.data, all.data + all.len - b.len, b.len);
	buf_done(&b);
	buf_done(&all);
}

static void refuses_what_is_not_a_log(void **state)
{
	int dir = *(int *)*state;
	char longname[80];
	struct logfile l;

	assert_int_equal(logfile_open(&l, dir, "", 10), -EINVAL);
	assert_int_equal(logfile_open(&l, dir, "a/b", 10), -EINVAL);
	assert_int_equal(logfile_open(&l, dir, "..", 10), -EINVAL);
	memset(longname, 'a', sizeof(longname));
	longname[79] = '\0';
	assert_int_equal(logfile_open(&l, dir, longname, 10), -ENAMETOOLONG);
	assert_int_equal(symlinkat("victim", dir, "link"), 0);
	assert_int_equal(logfile_open(&l, dir, "link", 10), -ELOOP);
	assert_int_equal(size_of(dir, "victim"), -1);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(logfile_open(&l, dir, "fifo", 10), -EEXIST);
	assert_int_equal(mkdirat(dir, "dir", 0700), 0);
	assert_int_equal(logfile_open(&l, dir, "dir", 10), -EISDIR);
	assert_int_equal(logfile_open(&l, dir, "none", 0), 0);
	logfile_write(&l, "x", 1);
	logfile_close(&l);
	assert_int_equal(size_of(dir, "none"), -1);
	assert_int_equal(l.dropped, 0);
}

static void survives_meddling(void **state)
{
	int dir = *(int *)*state;
	struct logfile l;
	struct buf b = BUF_INIT;

	/* removed: a new one appears at the next rotation */
	assert_int_equal(logfile_open(&l, dir, "log", 20), 0);
	logfile_write(&l, "0123456", 7);
	assert_int_equal(unlinkat(dir, "log", 0), 0);
	logfile_write(&l, "789abcd", 7);
	read_both(dir, &b);
	assert_string_equal(buf_str(&b), "abcd");
	/* emptied by somebody: not rotated before it is full again */
	logfile_write(&l, "efghij", 6);
	autoclose int fd = fd_open(dir, "log", O_WRONLY | O_TRUNC, 0);
	assert_true(fd >= 0);
	logfile_write(&l, "KLMNO", 5);
	assert_int_equal(size_of(dir, "log"), 5);
	/* the old name cannot be replaced: the newest bytes win */
	assert_int_equal(mkdirat(dir, "log.1", 0700), 0);
	logfile_write(&l, "PQRSTUV", 7);
	assert_int_equal(size_of(dir, "log"), 2);
	assert_int_equal(l.dropped, 0);
	logfile_close(&l);
	buf_done(&b);
}

/* Runs in a child: a file size limit is how a disk without room looks to write(2). */
static void small_disk(int dir)
{
	struct rlimit limit = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
	char bytes[300];
	struct logfile l;
	struct buf b = BUF_INIT;

	(void)signal(SIGXFSZ, SIG_IGN);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(logfile_open(&l, dir, "log", 10000), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	logfile_write(&l, bytes, 60);
	logfile_write(&l, bytes, 60);
	assert_int_equal(l.dropped, 20);
	logfile_write(&l, bytes, 60);
	assert_int_equal(l.dropped, 80);
	limit.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	logfile_write(&l, "back", 4);
	logfile_write(&l, "!", 1);
	read_both(dir, &b);
	assert_non_null(strstr(buf_str(&b), "\r\n[... 80 bytes could not be written ...]\r\nback!"));
	assert_int_equal(l.dropped, 80);
	logfile_close(&l);
	buf_done(&b);
}

static void a_full_disk_drops_and_counts(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		small_disk(*(int *)*state);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In a child with its own mounts: a real file system of 64 KiB; a flood far beyond it ends, and the log works again when room is made. */
static int tiny_tmpfs(void)
{
	char bytes[4096];
	struct logfile l;
	autoclose int dir = FD_NONE;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("coppice-test", scratch, "tmpfs", 0, "size=64k,mode=0700") < 0)
		return 77;
	dir = fd_open(AT_FDCWD, scratch, O_RDONLY | O_DIRECTORY, 0);
	memset(bytes, 'y', sizeof(bytes));
	if (logfile_open(&l, dir, "log", 1 << 20) < 0)
		return 1;
	for (int i = 0; i < 1000; i++)
		logfile_write(&l, bytes, sizeof(bytes));
	if (l.dropped != 1000 * sizeof(bytes) - 64 * 1024 || size_of(dir, "log") != 64 * 1024)
		return 2;
	autoclose int emptied = fd_open(dir, "log", O_WRONLY | O_TRUNC, 0);
	if (emptied < 0)
		return 4;
	logfile_write(&l, "z", 1);
	if (size_of(dir, "log") < 40 || size_of(dir, "log") > 80)
		return 3;
	logfile_close(&l);
	return 0;
}

static void a_real_disk_runs_full(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(tiny_tmpfs());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stays_within_its_limit, fresh_dir, remove_dir),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_a_log, fresh_dir, remove_dir),
		cmocka_unit_test_setup_teardown(survives_meddling, fresh_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_full_disk_drops_and_counts, fresh_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_real_disk_runs_full, fresh_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
