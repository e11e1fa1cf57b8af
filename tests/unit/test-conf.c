/* Config text: kept byte for byte, edited in place, refused with its line; includes bounded. */
#include "base/buf.h"
#include "base/path.h"
#include "spec/conf.h"
#include "spec/spec.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARSE(text) parse(text, sizeof(text) - 1)

static struct conf *parse(const char *text, size_t len)
{
	struct conf *c = NULL;
	struct err e = {0};

	if (conf_parse(text, len, "web1/config", &c, &e) < 0)
		fail_msg("%s", e.why);
	return c;
}

static void shows(const struct conf *c, const char *text)
{
	autodone(buf_done) struct buf out = BUF_INIT;

	conf_render(c, &out);
	assert_string_equal(buf_str(&out), text);
}

static void wants(const struct conf *c, const char *key, const char *value)
{
	const char *got = conf_get(c, key);

	if (!value)
		assert_null(got);
	else
		assert_string_equal(got ? got : "(none)", value);
}

static void render_gives_the_bytes_back(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} texts[] = {
#define T(s) {s, sizeof(s) - 1}
	    T(""),
	    T("\n"),
	    T("\n\n\n"),
	    T("# only a comment"),
	    T("lxc.tty.max = 4"),
	    T("lxc.tty.max=4\r\nlxc.pty.max\t=\t5\r\n"),
	    T("\xef\xbb\xbflxc.tty.max = 4\n"),
	    T("\xef\xbb\xbf"),
	    T("   \t \n  # indented\n\tlxc.tty.max   =   4   \n\n"),
	    T("# \xff\xfe not UTF-8 \x01\nlxc.tty.max = 4\n"),
	    T("lxc.environment = A=B=C\nlxc.environment =\n"),
	    T("\r\n\r\n"),
	    T("lxc.uts.name = \"a b\"\nlxc.uts.name = ''\n"),
	    T("lxc.tty.max = 1\rlxc.tty.max = 2\n"),
	    T("lxc.uts.name = x # not a comment\n"),
#undef T
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		autodone(conf_free) struct conf *c = parse(texts[i].text, texts[i].len);
		autodone(buf_done) struct buf out = BUF_INIT;

		conf_render(c, &out);
		assert_int_equal(out.len, texts[i].len);
		assert_memory_equal(buf_str(&out), texts[i].text, texts[i].len);
	}
}

static void values(void **state)
{
	autodone(conf_free) struct conf *c = PARSE("\xef\xbb\xbf  lxc.uts.name =  \"a\"  \r\n"
						   "lxc.init.cmd=\"/bin/a b\" \"c\"\n"
						   "lxc.init.cwd = '\"x\"'\n"
						   "lxc.environment = A=\"1\"\n"
						   "lxc.console.path = \"\n"
						   "lxc.execute.cmd = \"'\n"
						   "lxc.group =\n"
						   "lxc.tty = 3\n"
						   "lxc.log.file = a # b");

	(void)state;
	wants(c, "lxc.uts.name", "a");
	wants(c, "lxc.init.cmd", "/bin/a b\" \"c"); /* as LXC: the outermost pair goes, whatever is inside */
	wants(c, "lxc.init.cwd", "\"x\"");
	wants(c, "lxc.environment", "A=\"1\"");
	wants(c, "lxc.console.path", "\"");
	wants(c, "lxc.execute.cmd", "\"'");
	wants(c, "lxc.group", "");
	wants(c, "lxc.tty.max", "3"); /* legacy and modern names are one key */
	wants(c, "lxc.tty", "3");
	wants(c, "lxc.log.file", "a # b");
	wants(c, "lxc.pty.max", NULL);
	wants(c, "lxc.no.such.key", NULL);
}

static void structure_is_checked(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} rows[] = {
#define T(s, why) {s, sizeof(s) - 1, why}
	    T("lxc.tty.max = 4\n\nhello\n", "web1/config:3: not a 'key = value' line: there is no '='"),
	    T("\n = 4\n", "web1/config:2: no key before '='"),
	    T("foo.bar = 1", "web1/config:1: unknown key 'foo.bar': keys begin with 'lxc.' or 'coppice.'"),
	    T("LXC.TTY = 1", "web1/config:1: unknown key 'LXC.TTY': keys begin with 'lxc.' or 'coppice.'"),
	    T("lxc.tty.max = 4\nlxc.uts.name = a\0b\n", "web1/config:2: lxc.uts.name: a NUL byte, which no text can hold"),
	    T("#\0\n", "web1/config:1: a NUL byte, which no text can hold"),
	    T("\n\x1b[2J = 1\n", "web1/config:2: unknown key '?[2J': keys begin with 'lxc.' or 'coppice.'"),
#undef T
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf *c = (struct conf *)&rows;
		struct err e = {0};

		assert_int_equal(conf_parse(rows[i].text, rows[i].len, "web1/config", &c, &e), -EINVAL);
		assert_string_equal(e.why, rows[i].why);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_ptr_equal(c, &rows); /* set only on success */
	}
}

static int parse_repeated(const char *line, size_t times, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autodone(conf_free) struct conf *c = NULL;

	for (size_t i = 0; i < times; i++)
		buf_puts(&text, line);
	return conf_parse(buf_str(&text), text.len, "big", &c, e);
}

static void sizes_are_bounded(void **state)
{
	struct err e = {0};
	struct conf *c = NULL;
	static char line[70000];

	(void)state;
	assert_int_equal(parse_repeated("lxc.tty.max = 4\n", 4096, &e), 0);
	assert_int_equal(parse_repeated("lxc.tty.max = 4\n", 4097, &e), -E2BIG);
	assert_string_equal(e.why, "big:4097: more than 4096 lines");
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "lxc.uts.name = ", 15);
	assert_int_equal(parse_repeated(line, 1, &e), -E2BIG);
	assert_string_equal(e.why, "big:1: lxc.uts.name: line longer than 65536 bytes");
	assert_int_equal(conf_parse_as(line, sizeof(line) - 1, "big", CONF_CHECK, &c, &e), 0); /* told beside what else is wrong */
	conf_free(&c);
	line[65535] = '\n';
	line[65536] = '\0';
	assert_int_equal(parse_repeated(line, 1, &e), 0);
	assert_int_equal(parse_repeated(line, 17, &e), -EFBIG);
	assert_string_equal(e.why, "big: larger than 1048576 bytes");
	line[300] = '\0';
	memset(line, 'k', 300);
	memcpy(line, "lxc.", 4);
	line[299] = '=';
	assert_int_equal(parse_repeated(line, 1, &e), -ENAMETOOLONG);
}

static void set_changes_one_line(void **state)
{
	autodone(conf_free) struct conf *c = PARSE("# mine\r\n  lxc.tty.max\t= 4  \r\nlxc.uts.name=\r\nlxc.tty = 5\r\nlxc.unknown.key = x");
	struct err e = {0};

	(void)state;
	assert_int_equal(conf_set(c, "lxc.tty.max", "6", &e), 0);
	shows(c, "# mine\r\n  lxc.tty.max\t= 4  \r\nlxc.uts.name=\r\nlxc.tty = 6\r\nlxc.unknown.key = x");
	assert_int_equal(conf_set(c, "lxc.uts.name", "web", &e), 0);
	shows(c, "# mine\r\n  lxc.tty.max\t= 4  \r\nlxc.uts.name= web\r\nlxc.tty = 6\r\nlxc.unknown.key = x");
	assert_int_equal(conf_set(c, "lxc.uts.name", "", &e), 0);
	assert_int_equal(conf_set(c, "coppice.memory", "1G", &e), 0);
	shows(c, "# mine\r\n  lxc.tty.max\t= 4  \r\nlxc.uts.name= \r\nlxc.tty = 6\r\nlxc.unknown.key = x\r\ncoppice.memory = 1G\r\n");
	wants(c, "coppice.memory", "1G");
	assert_int_equal(conf_set(c, "coppice.memory", "512M", &e), 0);
	wants(c, "coppice.memory", "512M");
}

static void lists_are_set_and_added(void **state)
{
	autodone(conf_free) struct conf *c =
	    PARSE("lxc.cap.drop = mknod\n# why\nlxc.cap.drop = net_raw\nlxc.tty.max = 1\nlxc.cap.drop = kill\n");
	struct err e = {0};
	size_t removed = 99;

	(void)state;
	assert_int_equal(conf_add(c, "lxc.cap.drop", "chown", &e), 0);
	shows(c, "lxc.cap.drop = mknod\n# why\nlxc.cap.drop = net_raw\nlxc.tty.max = 1\nlxc.cap.drop = kill\nlxc.cap.drop = chown\n");
	assert_int_equal(conf_set(c, "lxc.cap.drop", "sys_admin", &e), 0);
	shows(c, "lxc.cap.drop = sys_admin\n# why\nlxc.tty.max = 1\n");
	assert_int_equal(conf_add(c, "lxc.tty.max", "2", &e), 0); /* single-valued: set */
	shows(c, "lxc.cap.drop = sys_admin\n# why\nlxc.tty.max = 2\n");
	assert_int_equal(conf_unset(c, "lxc.tty", &removed, &e), 0);
	assert_int_equal(removed, 1);
	shows(c, "lxc.cap.drop = sys_admin\n# why\n");
	assert_int_equal(conf_unset(c, "lxc.pty.max", &removed, &e), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(conf_unset(c, "lxc.ptymax", NULL, &e), -EINVAL);
	assert_string_equal(e.why, "unknown key 'lxc.ptymax', did you mean 'lxc.pty.max'?");
}

static void unknown_lines_can_go(void **state)
{
	autodone(conf_free) struct conf *c = PARSE("\xef\xbb\xbflxc.bogus = 1\nlxc.tty.max = 1\n");
	size_t removed;
	struct err e = {0};

	(void)state;
	assert_int_equal(conf_unset(c, "lxc.bogus", &removed, &e), 0);
	assert_int_equal(removed, 1);
	shows(c, "\xef\xbb\xbflxc.tty.max = 1\n");
}

static void bad_edits_change_nothing(void **state)
{
	static const char text[] = "lxc.tty.max = 1\nlxc.cap.drop = mknod";
	static const struct {
		const char *key, *value, *why;
	} rows[] = {
	    {"lxc.init.uid", "-1", "lxc.init.uid = '-1': "},
	    {"lxc.ttty.max", "1", "unknown key 'lxc.ttty.max', did you mean 'lxc.tty.max'?"},
	    {"lxc.uts.name", "a\nlxc.idmap = b 0 0 1", "the value of lxc.uts.name must be one line"},
	    {"lxc.uts.name", "a\r", "the value of lxc.uts.name must be one line"},
	    {"tty", "1", "unknown key 'tty'"},
	    {"lxc.prlimit.", "1", "unknown key 'lxc.prlimit.'"},
	};
	autodone(conf_free) struct conf *c = PARSE(text);
	static char huge[70000];
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(conf_set(c, rows[i].key, rows[i].value, &e) < 0);
		assert_memory_equal(e.why, rows[i].why, strlen(rows[i].why));
		assert_true(conf_add(c, rows[i].key, rows[i].value, &e) < 0);
		shows(c, text);
	}
	memset(huge, 'x', sizeof(huge) - 1);
	memcpy(huge, "A=", 2);
	assert_int_equal(conf_add(c, "lxc.environment", huge, &e), -E2BIG);
	assert_int_equal(conf_set(c, huge, "1", &e), -ENAMETOOLONG);
	shows(c, text);
}

static void odd_values_survive(void **state)
{
	static const char *const odd[] = {"A= b ", "A=\tb",	  "A=",	 "A=\"",    "A='x'", "A=\\", "A=#",
					  "A= = ", "A=\"b\" 'c'", "=x=", "\"A=b\"", "'A=b'", " A=b"};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		autodone(conf_free) struct conf *c = PARSE("lxc.environment = X=1\n"), *again = NULL;
		autodone(buf_done) struct buf out = BUF_INIT;

		if (conf_set(c, "lxc.environment", odd[i], &e) < 0)
			continue; /* not a variable; the others must come back */
		wants(c, "lxc.environment", odd[i]);
		conf_render(c, &out);
		again = parse(buf_str(&out), out.len);
		wants(again, "lxc.environment", odd[i]);
	}
}

/* Every word quoted, as a command line from argv is written: the pair around the whole goes, those around the words stay. */
static void quoted_commands_survive(void **state)
{
	static const char command[] = "\"/bin/sh\" \"-c\" \"echo \\\"a  b\\\"\"";
	autodone(conf_free) struct conf *c = PARSE(""), *again = NULL;
	autodone(buf_done) struct buf out = BUF_INIT;
	struct err e = {0};
	struct spec s;

	(void)state;
	assert_int_equal(conf_set(c, "coppice.init", command, &e), 0);
	conf_render(c, &out);
	again = parse(buf_str(&out), out.len);
	wants(again, "coppice.init", command);
	spec_init(&s);
	assert_int_equal(conf_apply(again, &s, &e), 0);
	assert_int_equal(s.init_count, 3);
	assert_string_equal(s.init[0], "/bin/sh");
	assert_string_equal(s.init[2], "echo \"a  b\"");
	assert_true(s.small_init);
	spec_done(&s);
}

struct seen {
	unsigned lines[8];
	size_t count, stop_at;
};

static int see(const char *key, const char *value, unsigned line, void *data)
{
	struct seen *seen = data;

	assert_non_null(key);
	assert_non_null(value);
	seen->lines[seen->count++] = line;
	return seen->count == seen->stop_at ? 42 : 0;
}

static void each_line_in_order(void **state)
{
	autodone(conf_free) struct conf *c = PARSE("# a\nlxc.tty.max = 1\n\nlxc.tty.max = 2\nlxc.group = x\n");
	struct seen seen = {0};

	(void)state;
	assert_int_equal(conf_each(c, see, &seen), 0);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.lines[0], 2);
	assert_int_equal(seen.lines[1], 4);
	assert_int_equal(seen.lines[2], 5);
	seen = (struct seen){.stop_at = 2};
	assert_int_equal(conf_each(c, see, &seen), 42);
	assert_int_equal(seen.count, 2);
	assert_string_equal(conf_origin(c), "web1/config");
}

/* ---- applying, includes ---- */

struct dir {
	char path[64];
	int fd;
};

static int make_dir(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	(void)snprintf(d->path, sizeof(d->path), "/tmp/coppice-conf-XXXXXX");
	if (!mkdtemp(d->path))
		return -1;
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = d;
	return d->fd < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
	struct dir *d = *state;
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = path_remove_tree(tmp, d->path + strlen("/tmp/"));

	(void)close(tmp);
	(void)close(d->fd);
	free(d);
	return r;
}

static void put_file(const struct dir *d, const char *name, const char *fmt, ...) PRINTF(3, 4);
static void put_file(const struct dir *d, const char *name, const char *fmt, ...)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	va_list ap;

	assert_true(fd >= 0);
	va_start(ap, fmt);
	assert_true(vdprintf(fd, fmt, ap) >= 0);
	va_end(ap);
	(void)close(fd);
}

static int apply_file(const struct dir *d, const char *name, struct spec *s, struct err *e)
{
	autodone(conf_free) struct conf *c = NULL;
	int r = conf_read(d->fd, name, name, &c, e);

	return r < 0 ? r : conf_apply(c, s, e);
}

static void fails(const struct dir *d, const char *name, int code, const char *part)
{
	struct err e = {0};
	struct spec s;

	spec_init(&s);
	assert_int_equal(apply_file(d, name, &s, &e), -code);
	if (!strstr(e.why, part))
		fail_msg("'%s' does not tell '%s'", e.why, part);
	spec_done(&s);
}

static void apply_tells_the_line(void **state)
{
	const struct dir *d = *state;
	struct spec s;
	struct err e = {0};

	put_file(d, "c", "# x\nlxc.tty.max = 2\nlxc.tty.max = 3\nlxc.pivotdir = x\n");
	spec_init(&s);
	assert_int_equal(apply_file(d, "c", &s, &e), 0);
	assert_int_equal(s.tty_count, 3);
	assert_string_equal(spec_where(&s, "lxc.tty.max"), "c:3");
	assert_null(spec_where(&s, "lxc.pty.max"));
	assert_int_equal(s.note_count, 1);
	assert_string_equal(s.notes[0], "c:4: lxc.pivotdir: ignored: the old root is unmounted without a directory for it");
	spec_done(&s);
	put_file(d, "c", "\nlxc.cap.drop = sys_modul\n");
	fails(d, "c", EINVAL, "c:2: lxc.cap.drop = 'sys_modul': unknown capability 'sys_modul', did you mean 'sys_module'? (allowed: ");
	put_file(d, "c", "\n\nlxc.prlimit.nofile = 99999999999999999999\n");
	fails(d, "c", ERANGE, "c:3: lxc.prlimit.nofile = '99999999999999999999': out of range (allowed: ");
	put_file(d, "c", "lxc.utsnam = x\n");
	fails(d, "c", EINVAL, "c:1: unknown key 'lxc.utsnam', did you mean 'lxc.uts.name'?");
	fails(d, "missing", ENOENT, "cannot read 'missing'");
}

static void includes_are_followed(void **state)
{
	const struct dir *d = *state;
	struct spec s;
	struct err e = {0};

	assert_int_equal(mkdirat(d->fd, "parts", 0700), 0);
	put_file(d, "parts/20.conf", "lxc.tty.max = 20\n");
	put_file(d, "parts/10.conf", "lxc.tty.max = 10\nlxc.pty.max = 10\n");
	put_file(d, "parts/.30.conf", "lxc.tty.max = 30\n");
	put_file(d, "parts/README", "not config\n");
	put_file(d, "top", "lxc.tty.max = 1\nlxc.include = %s/parts\nlxc.include = %s/parts/10.conf\nlxc.include =\n", d->path, d->path);
	spec_init(&s);
	assert_int_equal(apply_file(d, "top", &s, &e), 0);
	assert_int_equal(s.tty_count, 10); /* the file named last */
	assert_int_equal(s.pty_max, 10);
	spec_done(&s);

	put_file(d, "parts/20.conf", "\nlxc.tty.max = many\n");
	put_file(d, "top", "\nlxc.include = %s/parts\n", d->path);
	fails(d, "top", EINVAL, "top:2: /tmp/coppice-conf-");
	fails(d, "top", EINVAL, "/parts/20.conf:2: lxc.tty.max = 'many': not a whole number (allowed: a number; more than 199 are 199)");
	put_file(d, "top", "lxc.include = %s/nothing\n", d->path);
	fails(d, "top", ENOENT, "top:1: cannot include '/tmp/coppice-conf-");
	put_file(d, "top", "lxc.include = relative\n");
	fails(d, "top", EINVAL, "top:1: lxc.include = 'relative': not an absolute path");
}

/* /usr/share/lxc/config/userns.conf includes one that Debian does not ship. */
static void missing_directories_are_noted(void **state)
{
	static const char dir[] = "lxc.include = /nonexistent/conf.d/\n", file[] = "lxc.include = /nonexistent/conf.d\n";
	autodone(conf_free) struct conf *c = PARSE(dir), *d = PARSE(file);
	struct err e = {0};
	struct spec s;

	(void)state;
	spec_init(&s);
	assert_int_equal(conf_apply(c, &s, &e), 0);
	assert_int_equal(s.note_count, 1);
	assert_string_equal(s.notes[0], "web1/config:1: lxc.include: there is no such directory, nothing is included");
	assert_int_equal(conf_apply(d, &s, &e), -ENOENT);
	spec_done(&s);
}

static void include_loops_end(void **state)
{
	const struct dir *d = *state;
	struct spec s;
	struct err e = {0};

	put_file(d, "self", "lxc.include = %s/self\n", d->path);
	fails(d, "self", ELOOP, "includes itself");
	put_file(d, "a", "lxc.include = %s/b\n", d->path);
	put_file(d, "b", "lxc.include = %s/a\n", d->path);
	fails(d, "a", ELOOP, "includes itself");
	assert_int_equal(mkdirat(d->fd, "loop", 0700), 0);
	put_file(d, "loop/x.conf", "lxc.include = %s/loop\n", d->path);
	put_file(d, "c", "lxc.include = %s/loop\n", d->path);
	fails(d, "c", ELOOP, "includes itself");
	assert_int_equal(linkat(d->fd, "a", d->fd, "hard", 0), 0); /* the same file by another name */
	put_file(d, "a", "lxc.include = %s/hard\n", d->path);
	fails(d, "a", ELOOP, "includes itself");

	for (int i = 0; i < 10; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "d%d", i);
		put_file(d, name, i < 9 ? "lxc.include = %s/d%d\n" : "lxc.tty.max = 1\n# %s %d\n", d->path, i + 1);
	}
	fails(d, "d0", ELOOP, "nested deeper than 8");
	spec_init(&s);
	assert_int_equal(apply_file(d, "d1", &s, &e), 0);
	assert_int_equal(s.tty_count, 1);
	spec_done(&s);
}

static void includes_do_not_multiply(void **state)
{
	const struct dir *d = *state;

	put_file(d, "leaf", "lxc.tty.max = 1\n");
	put_file(d, "mid", "lxc.include = %1$s/leaf\nlxc.include = %1$s/leaf\nlxc.include = %1$s/leaf\nlxc.include = %1$s/leaf\n", d->path);
	for (int i = 0; i < 5; i++) {
		char name[8], below[8];

		(void)snprintf(name, sizeof(name), "m%d", i);
		(void)snprintf(below, sizeof(below), "m%d", i - 1);
		put_file(d, name, "lxc.include = %1$s/%2$s\nlxc.include = %1$s/%2$s\nlxc.include = %1$s/%2$s\nlxc.include = %1$s/%2$s\n",
			 d->path, i ? below : "mid");
	}
	fails(d, "m4", E2BIG, "more than 256 files are included");
}

static void only_files_are_read(void **state)
{
	const struct dir *d = *state;

	assert_int_equal(mkfifoat(d->fd, "fifo", 0600), 0);
	fails(d, "fifo", EINVAL, "'fifo' is not a regular file");
	put_file(d, "top", "lxc.include = %s/fifo\n", d->path);
	fails(d, "top", EINVAL, "/fifo' is not a regular file");
	put_file(d, "top", "lxc.include = /dev/zero\n");
	fails(d, "top", EINVAL, "'/dev/zero' is not a regular file");
	fails(d, ".", EINVAL, "'.' is not a regular file");
	assert_int_equal(symlinkat("top2", d->fd, "top2"), 0);
	fails(d, "top2", ELOOP, "cannot read 'top2'");
	put_file(d, "huge", " ");
	int fd = openat(d->fd, "huge", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	(void)close(fd);
	fails(d, "huge", EFBIG, "larger than 1048576 bytes");
}

/* Interfaces of before LXC 2.1 are told apart by where a line stands: what would take a line from another one is refused. */
static void old_interfaces_are_edited_by_position(void **state)
{
	static const char one[] = "lxc.network.type = veth\nlxc.network.link = br0\n";
	static const char two[] = "lxc.network.type = veth\nlxc.network.link = br0\nlxc.network.type = veth\nlxc.network.link = br1\n";
	autodone(conf_free) struct conf *c = NULL;
	autodone(conf_free) struct conf *d = NULL;
	autodone(buf_done) struct buf out = BUF_INIT;
	struct err e = {0};

	(void)state;
	assert_int_equal(conf_parse(one, strlen(one), "c", &c, &e), 0);
	assert_int_equal(conf_set(c, "lxc.network.link", "br7", &e), 0);
	assert_int_equal(conf_set(c, "lxc.network.mtu", "1400", &e), 0);
	conf_render(c, &out);
	assert_string_equal(buf_str(&out), "lxc.network.type = veth\nlxc.network.link = br7\nlxc.network.mtu = 1400\n");
	assert_int_equal(conf_parse(two, strlen(two), "c", &d, &e), 0);
	assert_int_equal(conf_set(d, "lxc.network.link", "br7", &e), -EINVAL);
	assert_string_equal(e.why, "lxc.network.link: 2 interfaces say it; name one by its number, as in lxc.network.0.link");
	assert_int_equal(conf_set(d, "lxc.network.1.link", "br7", &e), 0);
	assert_int_equal(conf_add(d, "coppice.network", "lan0", &e), 0);
	assert_int_equal(conf_add(d, "coppice.network", "lan1 ip=10.0.0.1", &e), 0);
	assert_int_equal(conf_set(d, "coppice.network", "lan2", &e), 0);
	buf_clear(&out);
	conf_render(d, &out);
	assert_memory_equal(buf_str(&out), two, strlen(two));
	assert_string_equal(buf_str(&out) + strlen(two), "lxc.network.1.link = br7\ncoppice.network = lan2\n");
}

/* ---- lenient, checked, watched ---- */

struct told {
	struct buf problems, lines;
};

static void take_problem(void *data, const char *where, const char *why, const char *hint)
{
	struct told *seen = data;

	(void)hint;
	buf_printf(&seen->problems, "%s|%s\n", where, why);
}

static void take_line(void *data, const char *where, const char *key, const char *value)
{
	struct told *seen = data;

	buf_printf(&seen->lines, "%s|%s=%s\n", where, key, value);
}

static void every_problem_is_told(void **state)
{
	static const char text[] = "lxc.tty = 4\nfoo = 1\nhello\nlxc.tty.max = -9\nlxc.qwertzuiopas = 1\nlxc.uts.name = a\0b\n = 3\nlxc.init.uid = 7 # seven\nlxc.uts.name = fine\n";
	struct told seen = {BUF_INIT, BUF_INIT};
	const struct conf_watcher w = {take_line, take_problem, &seen};
	struct conf *c = NULL;
	struct err e = {0};
	struct spec s;

	(void)state;
	assert_int_equal(conf_parse_as(text, sizeof(text) - 1, "f", CONF_CHECK, &c, &e), 0);
	spec_init(&s);
	assert_int_equal(conf_watch(c, &s, &w, &e), 0);
	assert_string_equal(buf_str(&seen.problems),
			    "f:2|unknown key 'foo': keys begin with 'lxc.' or 'coppice.'\n"
			    "f:3|not a 'key = value' line: there is no '='\n"
			    "f:4|lxc.tty.max = '-9': not a whole number (allowed: a number; more than 199 are 199)\n"
			    "f:5|unknown key 'lxc.qwertzuiopas'\n"
			    "f:6|lxc.uts.name: a NUL byte, which no text can hold\n"
			    "f:7|no key before '='\n"
			    "f:8|lxc.init.uid = '7 # seven': not a whole number (allowed: an id inside the container); '# seven' is part of the value: a comment needs a line "
			    "of its own\n");
	assert_string_equal(buf_str(&seen.lines), "f:1|lxc.tty.max=4\nf:9|lxc.uts.name=fine\n");
	spec_done(&s);
	conf_free(&c);
	buf_done(&seen.problems);
	buf_done(&seen.lines);
}

static void foreign_lines_may_be_skipped(void **state)
{
	static const char text[] = "\xef\xbb\xbfhello\r\nfoo.bar = 1\r\nlxc.uts.name = a\r\n";
	struct conf *c = NULL;
	struct err e = {0};
	struct spec s;

	(void)state;
	assert_int_equal(conf_parse_as(text, sizeof(text) - 1, "f", CONF_LENIENT, &c, &e), 0);
	shows(c, text);
	spec_init(&s);
	assert_int_equal(conf_apply(c, &s, &e), 0);
	assert_string_equal(s.hostname, "a");
	assert_int_equal(s.note_count, 4);
	assert_string_equal(s.notes[0], "f:1: form: the byte order mark at the beginning is skipped");
	assert_string_equal(s.notes[1], "f:1: form: lines end in CR LF, the CR is skipped");
	assert_string_equal(s.notes[2], "f:1: skipped: not a 'key = value' line: there is no '='");
	assert_string_equal(s.notes[3], "f:2: skipped: unknown key 'foo.bar': keys begin with 'lxc.' or 'coppice.'");
	spec_done(&s);
	conf_free(&c);
	/* what begins as a key of LXC is never skipped: LXC refuses it too */
	assert_int_equal(conf_parse_as("lxc.uts.name\n", 13, "f", CONF_LENIENT, &c, &e), -EINVAL);
	assert_int_equal(conf_parse_as("lxc.nosuch = 1\n", 15, "f", CONF_LENIENT, &c, &e), 0);
	spec_init(&s);
	assert_int_equal(conf_apply(c, &s, &e), -EINVAL);
	assert_string_equal(e.why, "f:1: unknown key 'lxc.nosuch'");
	spec_done(&s);
	conf_free(&c);
}

static void inline_comments_are_noted(void **state)
{
	static const struct {
		const char *text;
		bool noted;
	} rows[] = {
		{"lxc.log.file = /a # b\n", true},	{"lxc.environment = A=b\t#c\n", true}, {"lxc.environment = A=b#c\n", false},
		{"lxc.init.cmd = /bin/x '# y'\n", false}, {"lxc.environment = A=# b\n", false}, {"lxc.init.cmd = \"/bin/x # y\"\n", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		autodone(conf_free) struct conf *c = parse(rows[i].text, strlen(rows[i].text));
		bool noted = false;
		struct err e = {0};
		struct spec s;

		spec_init(&s);
		if (conf_apply(c, &s, &e) < 0)
			fail_msg("%s", e.why);
		for (size_t n = 0; n < s.note_count; n++)
			noted |= strstr(s.notes[n], "is part of the value, as for LXC") != NULL;
		if (noted != rows[i].noted)
			fail_msg("%s is%s noted", rows[i].text, noted ? "" : " not");
		spec_done(&s);
	}
}

/* ---- upgrade ---- */

static void tell(void *data, unsigned line, const char *old, const char *now)
{
	buf_printf(data, "%u|%s|%s\n", line, old, now);
}

static void dump(const struct conf *c, struct buf *out)
{
	struct err e = {0};
	struct spec s;

	spec_init(&s);
	if (conf_apply(c, &s, &e) < 0)
		buf_printf(out, "%s", strchr(e.why, ' '));
	else
		spec_dump(&s, out);
	spec_done(&s);
}

static void old_names_become_new(void **state)
{
	static const struct {
		const char *old, *now;
		bool as_lxc;
	} rows[] = {
		{"lxc.utsname=a\n", "lxc.uts.name=a\n", false},
		{"  lxc.utsname\t =  'a'  \r\n# c\r\n", "  lxc.uts.name\t =  'a'  \r\n# c\r\n", false},
		{"lxc.id_map = b 0 100000 65536", "lxc.idmap = b 0 100000 65536", false},
		{"lxc.limit.nofile = 1\nlxc.limit =\n", "lxc.prlimit.nofile = 1\nlxc.prlimit =\n", false},
		{"lxc.pivotdir = x\nlxc.kmsg = 0\nlxc.tty = 1\n", "lxc.tty.max = 1\n", false},
		{"lxc.rootfs = /a\n", "lxc.rootfs.path = /a\n", false},
		{"lxc.rootfs = /a\n", "lxc.rootfs.path = dir:/a\n", true},
		{"lxc.rootfs.backend = dir\nlxc.rootfs = \"/a\" \n", "lxc.rootfs.path = dir:/a \n", false},
		{"lxc.rootfs = overlayfs:/a:/b\n", "lxc.rootfs.path = overlay:/a:/b\n", false},
		{"#lxc.utsname = a\n # lxc.tty = 3\n", "#lxc.utsname = a\n # lxc.tty = 3\n", false},
		{"#lxc.utsname = a\n ## lxc.tty=3\n# about lxc.tty = 3\n", "#lxc.uts.name = a\n ## lxc.tty.max=3\n# about lxc.tty = 3\n", true},
		{"lxc.network.type = veth\nlxc.network.ipv4 = 10.0.0.2/24\nlxc.network.type = empty\n#lxc.network.mtu = 3\n",
		 "lxc.net.0.type = veth\nlxc.net.0.ipv4.address = 10.0.0.2/24\nlxc.net.1.type = empty\n#lxc.net.1.mtu = 3\n", true},
		{"#lxc.network.type = veth\n#lxc.network.name = a\nlxc.network.type = veth\n", "#lxc.net.0.type = veth\n#lxc.net.0.name = a\nlxc.net.0.type = veth\n", true},
		{"lxc.network.3.type = veth\nlxc.network.3.ipv6 = fe80::1/64\nlxc.network.type = veth\nlxc.network =\nlxc.network.type = veth\n",
		 "lxc.net.3.type = veth\nlxc.net.3.ipv6.address = fe80::1/64\nlxc.net.4.type = veth\nlxc.net =\nlxc.net.0.type = veth\n", false},
		{"lxc.net.7.type = veth\nlxc.network.type = veth\n", "lxc.net.7.type = veth\nlxc.net.8.type = veth\n", false},
		{"lxc.network.name = a\nnonsense\nlxc.nosuch = 1\n", "lxc.network.name = a\nnonsense\nlxc.nosuch = 1\n", false},
		{"lxc.cgroup.memory.limit_in_bytes = 1M\nlxc.uts.name = a\n", "lxc.cgroup.memory.limit_in_bytes = 1M\nlxc.uts.name = a\n", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		autodone(buf_done) struct buf before = BUF_INIT, after = BUF_INIT;
		struct conf *c = NULL;
		struct err e = {0};
		size_t changed = 99;

		assert_int_equal(conf_parse_as(rows[i].old, strlen(rows[i].old), "c", CONF_CHECK, &c, &e), 0);
		dump(c, &before);
		assert_int_equal(conf_upgrade(c, rows[i].as_lxc, NULL, NULL, &changed, &e), 0);
		assert_true((changed == 0) == (strcmp(rows[i].old, rows[i].now) == 0));
		shows(c, rows[i].now);
		dump(c, &after);
		/* the same container, but for roots of kinds that only the new key names */
		if (!strstr(rows[i].old, "overlay"))
			assert_string_equal(buf_str(&before), buf_str(&after));
		/* and nothing is left to do */
		assert_int_equal(conf_upgrade(c, rows[i].as_lxc, NULL, NULL, &changed, &e), 0);
		assert_int_equal(changed, 0);
		shows(c, rows[i].now);
		conf_free(&c);
	}
}

static void changes_are_told(void **state)
{
	autodone(buf_done) struct buf told = BUF_INIT;
	autodone(conf_free) struct conf *c = PARSE("# x\nlxc.utsname = a\r\nlxc.kmsg = 1\nlxc.tty = 2");
	struct err e = {0};
	size_t changed = 0;

	(void)state;
	assert_int_equal(conf_upgrade(c, false, tell, &told, &changed, &e), 0);
	assert_int_equal(changed, 3);
	assert_string_equal(buf_str(&told), "2|lxc.utsname = a|lxc.uts.name = a\n3|lxc.kmsg = 1|\n4|lxc.tty = 2|lxc.tty.max = 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(render_gives_the_bytes_back), cmocka_unit_test(old_interfaces_are_edited_by_position), cmocka_unit_test(every_problem_is_told),
	    cmocka_unit_test(foreign_lines_may_be_skipped), cmocka_unit_test(inline_comments_are_noted), cmocka_unit_test(old_names_become_new), cmocka_unit_test(changes_are_told),
	    cmocka_unit_test(values),
	    cmocka_unit_test(structure_is_checked),
	    cmocka_unit_test(sizes_are_bounded),
	    cmocka_unit_test(set_changes_one_line),
	    cmocka_unit_test(lists_are_set_and_added),
	    cmocka_unit_test(unknown_lines_can_go),
	    cmocka_unit_test(bad_edits_change_nothing),
	    cmocka_unit_test(odd_values_survive),
	    cmocka_unit_test(quoted_commands_survive),
	    cmocka_unit_test(each_line_in_order),
	    cmocka_unit_test_setup_teardown(apply_tells_the_line, make_dir, drop_dir),
	    cmocka_unit_test_setup_teardown(includes_are_followed, make_dir, drop_dir),
	    cmocka_unit_test_setup_teardown(include_loops_end, make_dir, drop_dir), cmocka_unit_test(missing_directories_are_noted),
	    cmocka_unit_test_setup_teardown(includes_do_not_multiply, make_dir, drop_dir),
	    cmocka_unit_test_setup_teardown(only_files_are_read, make_dir, drop_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
