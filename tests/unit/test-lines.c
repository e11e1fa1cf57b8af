/* Configs edited as text: paths that move, lines that go, addresses that change, and all else byte for byte. */
#include "engine/lines.h"
#include "engine/storage.h"
#include "unit/test.h"

#include <string.h>

static struct buf text_of(const char *text)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, text);
	return b;
}

static void expect(struct buf *b, const char *want)
{
	assert_string_equal(buf_str(b), want);
	buf_done(b);
}

static void test_get(void **state)
{
	const char *text = "# lxc.uts.name = no\n lxc.utsname = \"a b\"\r\nlxc.uts.name=c\nlxc.uts.namex = d\n";
	char out[8];

	(void)state;
	assert_true(lines_get(text, "lxc.uts.name", NULL, out, sizeof(out)));
	assert_string_equal(out, "c");
	assert_true(lines_get(text, "lxc.utsname", NULL, out, sizeof(out)));
	assert_string_equal(out, "a b");
	assert_true(lines_get(text, "lxc.uts.name", "lxc.utsname", out, sizeof(out)));
	assert_string_equal(out, "c");
	assert_false(lines_get(text, "lxc.tty.max", NULL, out, sizeof(out)));
	assert_false(lines_get("lxc.arch =\n", "lxc.arch", NULL, out, sizeof(out)));
	assert_false(lines_get("lxc.arch = 123456789\n", "lxc.arch", NULL, out, sizeof(out)));
}

static void test_add_and_drop(void **state)
{
	struct buf b = text_of("# a\nlxc.rootfs = /x\n\nlxc.rootfs.path = /y\nlxc.rootfs.options = ro");

	(void)state;
	lines_drop(&b, "lxc.rootfs.path", "lxc.rootfs");
	lines_add(&b, "lxc.uts.name", "n");
	expect(&b, "# a\n\nlxc.rootfs.options = ro\nlxc.uts.name = n\n");
	b = text_of("");
	lines_drop(&b, "lxc.rootfs.path", NULL);
	lines_add(&b, "a", "b");
	expect(&b, "a = b\n");
}

static void test_move_paths(void **state)
{
	struct buf b = text_of("# /l/a/rootfs stays in a comment\nlxc.hook.start = /l/a/hook /l/ab /l/a\nlxc.rootfs.path = overlay:/l/a/rootfs:/l/a/delta\n"
			       "lxc.mount.entry = overlay x overlay lowerdir=/s,upperdir=/l/a/u,workdir=/l/a/w 0 0\nlxc.x = /m/l/a \"/l/a\"\nlxc.y = /l/a");

	(void)state;
	lines_move_paths(&b, "/l/a", "/other/b");
	expect(&b, "# /l/a/rootfs stays in a comment\nlxc.hook.start = /other/b/hook /l/ab /other/b\nlxc.rootfs.path = overlay:/other/b/rootfs:/other/b/delta\n"
		   "lxc.mount.entry = overlay x overlay lowerdir=/s,upperdir=/other/b/u,workdir=/other/b/w 0 0\nlxc.x = /m/l/a \"/other/b\"\nlxc.y = /other/b");
}

static void test_macs(void **state)
{
	struct buf b = text_of("lxc.net.0.hwaddr = 00:16:3e:xx:XX:01\nlxc.network.hwaddr=aa:bb:cc:dd:ee:ff\n# lxc.net.1.hwaddr = x\nlxc.net.2.link = x\n");
	char first[32], second[32];

	(void)state;
	assert_int_equal(lines_new_macs(&b, false), 0);
	assert_true(lines_get(buf_str(&b), "lxc.net.0.hwaddr", NULL, first, sizeof(first)));
	assert_int_equal(strlen(first), 17);
	assert_null(strpbrk(first, "xX"));
	assert_memory_equal(first, "00:16:3e:", 9);
	assert_string_equal(first + 14, ":01");
	assert_true(lines_get(buf_str(&b), "lxc.network.hwaddr", NULL, second, sizeof(second)));
	assert_string_equal(second, "aa:bb:cc:dd:ee:ff");
	assert_int_equal(lines_new_macs(&b, true), 0);
	assert_true(lines_get(buf_str(&b), "lxc.network.hwaddr", NULL, second, sizeof(second)));
	assert_memory_equal(second, "00:16:3e:", 9);
	assert_non_null(strstr(buf_str(&b), "# lxc.net.1.hwaddr = x\nlxc.net.2.link = x\n"));
	buf_done(&b);
}

static void test_squeeze(void **state)
{
	struct buf b = text_of("\n# a\n \t\n\nlxc.x = 1\n\nlxc.y = 2");

	(void)state;
	lines_squeeze(&b);
	expect(&b, "# a\nlxc.x = 1\nlxc.y = 2\n");
}

static void test_roots(void **state)
{
	static const struct {
		const char *text;
		enum root_kind kind;
		const char *path, *lower;
	} cases[] = {
		{"", ROOT_NONE, "", ""},
		{"lxc.rootfs = /nonexistent/x\n", ROOT_DIR, "/nonexistent/x", ""},
		{"lxc.rootfs.path = dir:/nonexistent/x\n", ROOT_DIR, "/nonexistent/x", ""},
		{"lxc.rootfs.path = overlay:/l1:/l2:/u\n", ROOT_OVERLAY, "/u", "/l1:/l2"},
		{"lxc.rootfs = overlayfs:/l:/u\n", ROOT_OVERLAY, "/u", "/l"},
		{"lxc.rootfs.path = overlay:/l\n", ROOT_OTHER, "overlay:/l", ""},
		{"lxc.rootfs.path = loop:/a/b\n", ROOT_LOOP, "/a/b", ""},
		{"lxc.rootfs.backend = lvm\nlxc.rootfs = /dev/lxc/a\n", ROOT_LVM, "/dev/lxc/a", ""},
		{"lxc.rootfs.path = zfs:lxc/a\n", ROOT_OTHER, "zfs:lxc/a", ""},
		{"lxc.rootfs.path = dir:/x\ncoppice.base = b\n", ROOT_BASE, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct root root;

		root_parse(cases[i].text, &root);
		assert_int_equal(root.kind, cases[i].kind);
		assert_string_equal(root.lower, cases[i].lower);
		if (cases[i].kind != ROOT_OTHER)
			assert_string_equal(root.path, cases[i].path);
		assert_true(root.managed);
	}
	assert_true(path_is_below("/a/b", "/a") && path_is_below("/a", "/a/") && path_is_below("/x", "/"));
	assert_false(path_is_below("/ab", "/a") || path_is_below("/a", "/a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get), cmocka_unit_test(test_add_and_drop), cmocka_unit_test(test_move_paths),
		cmocka_unit_test(test_macs), cmocka_unit_test(test_squeeze), cmocka_unit_test(test_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
