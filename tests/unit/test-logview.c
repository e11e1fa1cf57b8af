/* Reading a bounded log from outside while it is written and rotated. */
#include "supervise/logfile.h"
#include "supervise/logview.h"

#include "base/fd.h"
#include "base/path.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char path[32];
	int dir;
};

static int setup_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	memcpy(p->path, "/tmp/coppice-unit-XXXXXX", 25);
	assert_non_null(mkdtemp(p->path));
	p->dir = fd_open(AT_FDCWD, p->path, O_RDONLY | O_DIRECTORY, 0);
	assert_true(p->dir >= 0);
	*state = p;
	return 0;
}

static int teardown_place(void **state)
{
	struct place *p = *state;
	autoclose int tmp = fd_open(AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY, 0);

	assert_int_equal(path_remove_tree(tmp, p->path + strlen("/tmp/")), 0);
	fd_close(&p->dir);
	free(p);
	return 0;
}

static const char *read_now(struct logview *v, struct buf *b)
{
	char chunk[7]; /* small: many reads cross many borders */
	ssize_t n;

	while ((n = logview_read(v, chunk, sizeof(chunk))) > 0)
		buf_add(b, chunk, (size_t)n);
	assert_int_equal(n, 0);
	return buf_str(b);
}

static void put(struct logfile *l, const char *text)
{
	logfile_write(l, text, strlen(text));
}

static void reads_all_then_follows(void **state)
{
	int dir = ((struct place *)*state)->dir;
	struct logfile l;
	struct logview v;
	struct buf got = BUF_INIT;

	/* opened before there is a log */
	assert_int_equal(logview_open(&v, dir, "log", LOGVIEW_ALL), 0);
	assert_string_equal(read_now(&v, &got), "");
	assert_int_equal(logfile_open(&l, dir, "log", 40), 0);
	put(&l, "0123456789");
	assert_string_equal(read_now(&v, &got), "0123456789");
	put(&l, "abcdefghijKLM"); /* rotates in between */
	assert_string_equal(read_now(&v, &got), "0123456789abcdefghijKLM");
	put(&l, "NOPQRSTUVWXYZ0123456789-------");
	assert_string_equal(read_now(&v, &got), "0123456789abcdefghijKLMNOPQRSTUVWXYZ0123456789-------");
	logview_close(&v);
	/* a late one gets what is kept: both files */
	buf_clear(&got);
	assert_int_equal(logview_open(&v, dir, "log", LOGVIEW_ALL), 0);
	assert_string_equal(read_now(&v, &got), "KLMNOPQRSTUVWXYZ0123456789-------");
	/* one that was too slow loses a whole file, not its place */
	buf_clear(&got);
	for (int i = 0; i < 10; i++)
		put(&l, "0123456789");
	put(&l, "end");
	assert_non_null(strstr(read_now(&v, &got), "end"));
	assert_true(got.len <= 60);
	logview_close(&v);
	logfile_close(&l);
	buf_done(&got);
}

/* Every position of a rotation under a reader of every speed: no byte twice, none missing. */
static void follows_every_byte(void **state)
{
	int dir = ((struct place *)*state)->dir;
	struct logfile l;
	struct logview v;
	struct buf got = BUF_INIT, want = BUF_INIT;

	assert_int_equal(logfile_open(&l, dir, "log", 200), 0);
	assert_int_equal(logview_open(&v, dir, "log", LOGVIEW_ALL), 0);
	for (int i = 0; i < 2000; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "%d,", i);
		put(&l, text);
		buf_puts(&want, text);
		if (i % (i / 200 + 1) == 0)
			(void)read_now(&v, &got);
	}
	assert_string_equal(read_now(&v, &got), buf_str(&want));
	logview_close(&v);
	logfile_close(&l);
	buf_done(&got);
	buf_done(&want);
}

static void tail(int dir, uint64_t lines, const char *want)
{
	struct logview v;
	struct buf got = BUF_INIT;

	assert_int_equal(logview_open(&v, dir, "log", lines), 0);
	assert_string_equal(read_now(&v, &got), want);
	logview_close(&v);
	buf_done(&got);
}

static void starts_at_the_last_lines(void **state)
{
	int dir = ((struct place *)*state)->dir;
	struct logfile l;

	tail(dir, 3, "");
	assert_int_equal(logfile_open(&l, dir, "log", 24), 0);
	tail(dir, 3, "");
	put(&l, "one\ntwo\nthree\nfour\nfi"); /* "one\ntwo\nthre" "e\nfour\nfi" */
	tail(dir, 0, "");
	tail(dir, 1, "fi");
	tail(dir, 2, "four\nfi");
	tail(dir, 3, "three\nfour\nfi");
	tail(dir, 4, "two\nthree\nfour\nfi");
	tail(dir, 5, "one\ntwo\nthree\nfour\nfi");
	tail(dir, 500, "one\ntwo\nthree\nfour\nfi");
	put(&l, "ve\n");
	tail(dir, 1, "five\n");
	tail(dir, 2, "four\nfive\n");
	put(&l, "x\n\n"); /* an empty line is one; "x\n\n" alone in the newest file */
	tail(dir, 1, "\n");
	tail(dir, 2, "x\n\n");
	tail(dir, 3, "five\nx\n\n");
	logfile_close(&l);
}

/* Far more than one scanned chunk, and a reader that starts at the end. */
static void large_files(void **state)
{
	int dir = ((struct place *)*state)->dir;
	struct logfile l;
	struct logview v;
	struct buf want = BUF_INIT, got = BUF_INIT;

	assert_int_equal(logfile_open(&l, dir, "log", 1 << 20), 0);
	for (int i = 0; i < 30000; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "this is line number %d\n", i);
		put(&l, text);
		if (i >= 27000)
			buf_puts(&want, text);
	}
	tail(dir, 3000, buf_str(&want));
	assert_int_equal(logview_open(&v, dir, "log", 0), 0);
	put(&l, "new");
	assert_string_equal(read_now(&v, &got), "new");
	/* emptied by hand */
	autoclose int fd = fd_open(dir, "log", O_WRONLY | O_TRUNC, 0);
	assert_true(fd >= 0);
	put(&l, "again");
	assert_string_equal(read_now(&v, &got), "newagain");
	logview_close(&v);
	logfile_close(&l);
	buf_done(&want);
	buf_done(&got);
}

static void refuses_what_is_not_a_log(void **state)
{
	int dir = ((struct place *)*state)->dir;
	struct logview v;

	assert_int_equal(logview_open(&v, dir, "a/b", 1), -EINVAL);
	assert_int_equal(symlinkat("/etc/passwd", dir, "log"), 0);
	assert_int_equal(logview_open(&v, dir, "log", 1), -ELOOP);
	assert_int_equal(logview_open(&v, dir, "log", 0), -ELOOP);
	assert_int_equal(logview_open(&v, dir, "log", LOGVIEW_ALL), -ELOOP);
	assert_int_equal(unlinkat(dir, "log", 0), 0);
	assert_int_equal(mkfifoat(dir, "log", 0600), 0);
	assert_int_equal(logview_open(&v, dir, "log", 1), -EINVAL);
	logview_close(&v);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup_place, teardown_place)
	const struct CMUnitTest tests[] = {
		T(reads_all_then_follows), T(follows_every_byte), T(starts_at_the_last_lines), T(large_files), T(refuses_what_is_not_a_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
