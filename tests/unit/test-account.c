/* Users of a container by its own passwd and group, which strangers wrote. */
#include "base/fd.h"
#include "engine/account.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int root = FD_NONE;

static void put(const char *name, const char *text, size_t len)
{
	autoclose int fd = FD_NONE;

	(void)mkdirat(root, "etc", 0755);
	(void)unlinkat(root, name, 0);
	fd = fd_open(root, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, len), 0);
}

static void passwd(const char *text)
{
	put("etc/passwd", text, strlen(text));
}

static void group(const char *text)
{
	put("etc/group", text, strlen(text));
}

static struct account found(const char *user)
{
	struct account ac;
	struct err e = {0};

	memset(&ac, 0xa5, sizeof(ac));
	if (account_resolve(root, user, &ac, &e) < 0)
		fail_msg("%s: %s", user, e.why);
	/* what holds for every answer */
	assert_true(memchr(ac.name, 0, sizeof(ac.name)) && memchr(ac.home, 0, sizeof(ac.home)) && memchr(ac.shell, 0, sizeof(ac.shell)));
	assert_true(ac.home[0] == '/' && ac.shell[0] == '/');
	assert_true(ac.group_count >= 1 && ac.group_count <= ARRAY_LEN(ac.groups));
	assert_int_equal(ac.groups[0], ac.gid);
	return ac;
}

static void refused(const char *user, enum err_kind kind)
{
	struct account ac;
	struct err e = {0};

	memset(&ac, 0xa5, sizeof(ac));
	assert_true(account_resolve(root, user, &ac, &e) < 0);
	assert_int_equal(e.kind, kind);
	assert_int_equal(ac.uid, 0xa5a5a5a5); /* nothing is written on failure */
}

static void ordinary_files(void **state)
{
	struct account ac;

	(void)state;
	passwd("root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:w:/var/www:/usr/sbin/nologin\nbob:x:1000:1001::/home/bob:\n");
	group("root:x:0:\nadm:x:4:www-data,bob\nbob:x:1001:bob\nvideo:x:44:bob\nother:x:50:bobby,bo\n");
	ac = found(NULL);
	assert_true(ac.uid == 0 && ac.gid == 0 && ac.group_count == 1);
	assert_string_equal(ac.shell, "/bin/bash");
	ac = found("www-data");
	assert_true(ac.uid == 33 && ac.gid == 33 && ac.group_count == 2 && ac.groups[1] == 4);
	assert_string_equal(ac.home, "/var/www");
	ac = found("bob");
	assert_true(ac.gid == 1001 && ac.group_count == 3 && ac.groups[1] == 4 && ac.groups[2] == 44);
	assert_string_equal(ac.shell, "/bin/sh"); /* empty field */
	ac = found("1000");
	assert_string_equal(ac.name, "bob");
	ac = found("www-data:4");
	assert_true(ac.uid == 33 && ac.gid == 4);
	ac = found("4242");
	assert_true(ac.uid == 4242 && ac.gid == 0 && ac.group_count == 1);
	assert_string_equal(ac.name, "");
	assert_string_equal(ac.home, "/");
	ac = found("4242:7");
	assert_true(ac.uid == 4242 && ac.gid == 7);
	refused("nosuch", ERR_MISSING);
	refused("", ERR_MISSING);
	refused("bob:", ERR_INPUT);
	refused("bob:adm", ERR_INPUT);
	refused("bob:4294967296", ERR_INPUT);
	refused("-1", ERR_MISSING);
	refused("4294967296", ERR_MISSING);
	refused("4294967295", ERR_INPUT);  /* (uid_t)-1 means "no change" to the kernel: it would stay root */
	refused("bob:4294967295", ERR_INPUT);
	refused("a-name-that-is-longer-than-sixty-three-bytes-and-so-can-never-be-one", ERR_INPUT);
}

static void no_files_at_all(void **state)
{
	struct account ac;

	(void)state;
	(void)unlinkat(root, "etc/passwd", 0);
	(void)unlinkat(root, "etc/group", 0);
	ac = found("root");
	assert_true(ac.uid == 0 && ac.gid == 0);
	assert_string_equal(ac.home, "/root");
	assert_string_equal(ac.shell, "/bin/sh");
	refused("bob", ERR_MISSING);
}

static void hostile_lines(void **state)
{
	static const char nul[] = "bob:x:7:7::/h:/bin/sh\n\0evil:x:0:0::/:/bin/sh\n";
	struct account ac;

	(void)state;
	group("");
	/* short, overlong, signed, spaced and overflowing lines are no accounts */
	passwd(":::\n\n:\nbob\nbob:x\nbob:x:0\nbob:x::0::/:/x\nbob:x:-1:0::/:/x\nbob:x: 0:0::/:/x\nbob:x:0x0:0::/:/x\n"
	       "bob:x:4294967296:0::/:/x\nbob:x:4294967295:5::/:/x\nbob:x:9:4294967295::/:/x\n+bob:x:0:0::/:/x\n BOB:x:0:0::/:/x\nbob:x:9:8::/h:/bin/sh");
	ac = found("bob");
	assert_true(ac.uid == 9 && ac.gid == 8);
	passwd("bob:x:9:8::relative:also-relative\n");
	ac = found("bob"); /* which checks that home and shell begin with a slash */
	assert_int_equal(ac.uid, 9);
	passwd("bob:x:9:8\nann:x:10:10");
	ac = found("ann");
	assert_string_equal(ac.home, "/");
	/* the first line of a name counts, as for everybody else */
	passwd("bob:x:1:1::/:/bin/sh\nbob:x:0:0::/:/bin/sh\n");
	assert_int_equal(found("bob").uid, 1);
	put("etc/passwd", nul, sizeof(nul) - 1);
	refused("evil", ERR_MISSING); /* text ends at the first NUL */
	assert_int_equal(found("bob").uid, 7);
	/* an empty name is nobody's */
	passwd(":x:0:0::/:/bin/sh\n");
	refused("", ERR_MISSING);
}

static void long_fields_and_many_groups(void **state)
{
	struct buf text = BUF_INIT;
	struct account ac;

	(void)state;
	buf_puts(&text, "bob:x:9:8::/");
	for (int i = 0; i < 5000; i++)
		buf_putc(&text, 'h');
	buf_puts(&text, ":/bin/sh\n");
	put("etc/passwd", text.data, text.len);
	buf_clear(&text);
	for (int i = 0; i < 500; i++)
		buf_printf(&text, "g%d:x:%d:a,bob,c\n", i, 3000 + i);
	put("etc/group", text.data, text.len);
	ac = found("bob");
	assert_int_equal(ac.group_count, ARRAY_LEN(ac.groups));
	assert_string_equal(ac.home, "/"); /* a home that does not fit is none, rather than another directory */
	/* 3 MiB: more than anybody has to read */
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "u:x:5:5::/h:/bin/sh-and-so-on\n");
	buf_puts(&text, "late:x:5:5::/h:/bin/sh\n");
	put("etc/passwd", text.data, text.len);
	buf_done(&text);
	refused("late", ERR_MISSING);
}

/* Links stay inside, what is no regular file is not waited for. */
static void not_a_plain_file(void **state)
{
	struct account ac;

	(void)state;
	passwd("x");
	group("");
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("/../../../../../../etc/passwd", root, "etc/passwd"), 0); /* itself, as seen from inside */
	refused("daemon", ERR_MISSING);
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("../usr/passwd", root, "etc/passwd"), 0);
	assert_int_equal(mkdirat(root, "usr", 0755), 0);
	put("usr/passwd", "in:x:3:3::/:/bin/sh\n", 20);
	ac = found("in");
	assert_int_equal(ac.uid, 3);
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
	alarm(5); /* a fifo without a writer */
	refused("daemon", ERR_MISSING);
	alarm(0);
	assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
	assert_int_equal(mkdirat(root, "etc/passwd", 0755), 0);
	refused("daemon", ERR_MISSING);
	assert_int_equal(found("root").uid, 0);
	assert_int_equal(unlinkat(root, "etc/passwd", AT_REMOVEDIR), 0);
}

static int setup(void **state)
{
	static struct scratch s;

	*state = &s;
	if (scratch_open(&s) < 0)
		return -1;
	root = fd_open(AT_FDCWD, s.path, O_RDONLY | O_DIRECTORY, 0);
	return root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	fd_close(&root);
	scratch_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_files),
		cmocka_unit_test(no_files_at_all),
		cmocka_unit_test(hostile_lines),
		cmocka_unit_test(long_fields_and_many_groups),
		cmocka_unit_test(not_a_plain_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
