/* The key table: every row's example is taken, its bad value refused with where, key, value and what is allowed. */
#include "base/buf.h"
#include "spec/conf.h"
#include "spec/keys.h"
#include "spec/spec.h"
#include "unit/test.h"

#include <stdio.h>

static const char *example_key(const struct key_row *row)
{
	return row->type == KEY_PREFIX ? row->example_key : row->name;
}

static void rows_are_sorted_and_whole(void **state)
{
	size_t count;
	const struct key_row *rows = key_rows(&count);

	(void)state;
	assert_true(count > 90);
	for (size_t i = 0; i < count; i++) {
		const struct key_row *r = &rows[i];
		bool family = r->name[strlen(r->name) - 1] == '.';

		if (i > 0 && strcmp(rows[i - 1].name, r->name) >= 0)
			fail_msg("%s stands before %s", rows[i - 1].name, r->name);
		if (!r->set || !r->help || !r->values || !r->example || !r->bad || r->type >= KEY_TYPE_COUNT)
			fail_msg("%s: a column is empty", r->name);
		if (r->help[strlen(r->help) - 1] == '.' || strlen(r->help) > 90 || strlen(r->values) > 160)
			fail_msg("%s: help or values are not one short line", r->name);
		assert_true(family == (r->type == KEY_PREFIX));
		/* what does not work says why */
		if (r->status >= KEY_STATUS_COUNT || (r->status != KEY_WORKS && !r->why) || (r->why && r->why[strlen(r->why) - 1] == '.'))
			fail_msg("%s: why it is not done is not told", r->name);
		assert_true(family == (r->example_key != NULL));
		assert_true(!family || key_find(r->example_key) == r);
		assert_true(family || key_find(r->name) == r);
		assert_true(r->type != KEY_LIST || r->list);
		for (const char *at = r->also; at && *at;) { /* words, each of which finds the row */
			char word[KEY_NAME_MAX];
			size_t len = strcspn(at, " ");

			(void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
			assert_true(!family && key_find(word) == r);
			at += len + (at[len] == ' ');
		}
		if (r->legacy) {
			assert_true(family == (r->legacy[strlen(r->legacy) - 1] == '.'));
			if (!family)
				assert_true(key_find(r->legacy) == r);
		}
	}
}

static void examples_are_taken(void **state)
{
	size_t count;
	const struct key_row *rows = key_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct spec s;
		struct err e = {0};

		spec_init(&s);
		if (key_apply(&s, "web1:7", example_key(&rows[i]), rows[i].example, &e) < 0)
			fail_msg("%s", e.why);
		/* empty puts back what was, for every key */
		if (key_apply(&s, "web1:8", example_key(&rows[i]), "", &e) < 0)
			fail_msg("%s", e.why);
		spec_done(&s);
	}
}

static void bad_values_are_told(void **state)
{
	size_t count;
	const struct key_row *rows = key_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct key_row *r = &rows[i];
		struct spec s;
		struct err e = {0};
		char head[400];

		spec_init(&s);
		if (key_apply(&s, "web1/config:7", example_key(r), r->bad, &e) >= 0)
			fail_msg("%s takes '%s'", r->name, r->bad);
		(void)snprintf(head, sizeof(head), "web1/config:7: %s = '%s': ", example_key(r), strchr(r->bad, '\001') ? "a?b" : r->bad);
		if (strncmp(e.why, head, strlen(head)) != 0)
			fail_msg("%s: tells '%s'", r->name, e.why);
		if (e.kind == ERR_INPUT)
			assert_non_null(strstr(e.why, r->member ? r->member(example_key(r))->values : r->values));
		else
			assert_int_equal(e.kind, ERR_UNSUPPORTED);
		assert_true(e.code > 0 && strlen(e.why) < sizeof(e.why) - 1);
		spec_done(&s);
	}
}

static void clearing_restores(void **state)
{
	size_t count;
	const struct key_row *rows = key_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		autodone(buf_done) struct buf fresh = BUF_INIT, after = BUF_INIT;
		struct spec s;

		spec_init(&s);
		spec_dump(&s, &fresh);
		assert_int_equal(key_apply(&s, NULL, example_key(&rows[i]), rows[i].example, NULL), 0);
		assert_int_equal(key_apply(&s, NULL, example_key(&rows[i]), "", NULL), 0);
		spec_dump(&s, &after);
		if (strcmp(buf_str(&fresh), buf_str(&after)) != 0)
			fail_msg("%s: not as before when cleared", rows[i].name);
		spec_done(&s);
	}
}

/* Every key with every kind of nonsense, as a line of a file: taken or refused, and when refused the message names file, line, key and what is allowed. */
static void try_nonsense(const char *key, const char *value, size_t len, const struct key_row *row)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	autodone(conf_free) struct conf *c = NULL;
	struct err e = {0};
	char head[300];
	struct spec s;
	int r;

	buf_printf(&text, "# one\n%s = ", key);
	buf_add(&text, value, len);
	buf_puts(&text, "\n");
	r = conf_parse(buf_str(&text), text.len, "/c/web1/config", &c, &e);
	if (r < 0) { /* NUL, too long: refused before any key is looked at */
		if (strncmp(e.why, "/c/web1/config:", 15) != 0)
			fail_msg("%s: tells '%s'", key, e.why);
		return;
	}
	spec_init(&s);
	s.nic_open = 1;
	r = conf_apply(c, &s, &e);
	spec_dump(&s, &out); /* whatever was taken can be looked at */
	spec_done(&s);
	if (r >= 0 || strcmp(key, "lxc.include") == 0)
		return;
	(void)snprintf(head, sizeof(head), "/c/web1/config:2: %s = '", key);
	if (strncmp(e.why, head, strlen(head)) != 0) /* what is found out when all is read goes by its modern name */
		(void)snprintf(head, sizeof(head), "/c/web1/config:2: %s = '", row->name);
	if (*value == '/' && e.kind != ERR_INPUT && strncmp(e.why, "/c/web1/config:2: ", 18) == 0)
		return; /* a path may name a file that cannot be read, which shows later */
	if (strncmp(e.why, head, strlen(head)) != 0 || e.code <= 0 || !memchr(e.why, '\0', sizeof(e.why)))
		fail_msg("%s: tells '%s'", key, e.why);
	if (e.kind == ERR_INPUT && !strstr(e.why, row->values))
		fail_msg("%s: '%s' does not tell what is allowed", key, e.why);
	if (e.kind != ERR_INPUT && e.kind != ERR_UNSUPPORTED)
		fail_msg("%s: '%s' is of kind %s", key, e.why, err_kind_name((enum err_kind)e.kind));
}

/* The old names of @row, one after the other from @n = 0: false when there is no more. */
static bool old_name(const struct key_row *row, unsigned n, char out[128])
{
	const char *at = row->also ? row->also : "";

	if (n == 0 && row->legacy) {
		bool family = row->type == KEY_PREFIX;

		(void)snprintf(out, 128, "%s%s", row->legacy, family ? example_key(row) + strlen(row->name) : "");
		return true;
	}
	for (n -= row->legacy ? 1 : 0; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (n-- == 0) {
			(void)snprintf(out, 128, "%.*s", (int)len, at);
			return true;
		}
		at += len;
	}
	return false;
}

static void nonsense(void **state)
{
	static char megabyte[1 << 20], line[(64 << 10) - 300];
	static const struct {
		const char *value;
		size_t len;
	} values[] = {
#define V(s) {s, sizeof(s) - 1}
		V(""), V("\"\""), V("'"), V("a\0b"), V("\0"), V("-1"), V("-9223372036854775808"), V("18446744073709551615"), V("18446744073709551616"),
		V("99999999999999999999999999999999999999"), V("0x10"), V("1e9"), V("nan"), V("0.0000001"), V("1.5"), V("yes"), V("-"), V("="), V("= ="), V("#"),
		V("\xff\xfe\xfd"), V("\x1b[2J"), V("\x7f"), V("\xc3\xa4\xc3\xb6"), V("/"), V("//"), V("/.."), V(".."), V("../../etc/passwd"), V("."), V("~"), V("*"), V(","),
		V(":"), V("::"), V("1:2:3:4:5:6:7:8:9"), V("0-"), V("-0"), V("4096"), V("0-4095,0-4095"), V("a b c d e f g h"), V("\t"), V("a\tb"), V("%s%n%s%n"),
		V("$(reboot)"), V("`id`"), V("c 1:3 rwm rwm"), V("b -1:-1 r"), V("u 0 0 0"), V("u 4294967295 4294967295 4294967295"), V("max max max"), V("lxc.uts.name"),
		V("8:0"), V("8:0 rbps"), V("8:0 =1"), V("999999999999:0 1"), V("none"), V("SIG"), V("SIGRTMIN+99"), V("1d1d"), V("1KKK"), V("9E9E"), V("16E"), V("18446744073709551615E"),
#undef V
		{megabyte, sizeof(megabyte)}, {line, sizeof(line)},
	};
	char old[128];
	size_t count, net_count;
	const struct key_row *rows = key_rows(&count), *nets = key_net_rows(&net_count);

	(void)state;
	memset(megabyte, '7', sizeof(megabyte));
	memset(line, 'a', sizeof(line));
	for (size_t v = 0; v < ARRAY_LEN(values); v++) {
		for (size_t i = 0; i < count; i++) {
			const char *key = example_key(&rows[i]);

			try_nonsense(key, values[v].value, values[v].len, rows[i].member ? rows[i].member(key) : &rows[i]);
			for (unsigned n = 0; old_name(&rows[i], n, old); n++)
				try_nonsense(old, values[v].value, values[v].len, &rows[i]);
		}
		for (size_t i = 0; i < net_count; i++) {
			char key[64];

			(void)snprintf(key, sizeof(key), "lxc.net.3.%s", nets[i].name + 10);
			try_nonsense(key, values[v].value, values[v].len, &nets[i]);
			for (unsigned n = 0; old_name(&nets[i], n, old); n++)
				try_nonsense(old, values[v].value, values[v].len, &nets[i]);
		}
	}
}

/* The members of lxc.net.N, as rows of their own, by their present and their old names. */
static void members_of_an_interface(void **state)
{
	size_t count;
	const struct key_row *rows = key_net_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct key_row *r = &rows[i];
		char keys[3][64];

		assert_true(i == 0 || strcmp(rows[i - 1].name, r->name) < 0);
		assert_true(strlen(r->help) <= 100 && strlen(r->values) <= 160 && r->type != KEY_PREFIX);
		(void)snprintf(keys[0], sizeof(keys[0]), "lxc.net.3.%s", r->name + 10);
		(void)snprintf(keys[1], sizeof(keys[1]), "lxc.network.3.%s", r->name + 10);
		(void)snprintf(keys[2], sizeof(keys[2]), "%s", r->legacy ? r->legacy : "");
		for (size_t k = 0; k < (r->legacy ? 3 : 2); k++) {
			autodone(buf_done) struct buf fresh = BUF_INIT, set = BUF_INIT, after = BUF_INIT;
			struct spec s;
			struct err e = {0};

			spec_init(&s);
			if (k == 2)
				assert_int_equal(key_apply(&s, NULL, "lxc.network.type", "empty", &e), 0);
			spec_dump(&s, &fresh);
			if (key_apply(&s, "c:1", keys[k], r->example, &e) < 0)
				fail_msg("%s", e.why);
			spec_dump(&s, &set);
			assert_string_not_equal(buf_str(&fresh), buf_str(&set));
			if (key_apply(&s, "c:2", keys[k], "", &e) < 0)
				fail_msg("%s", e.why);
			spec_dump(&s, &after);
			assert_string_equal(buf_str(&fresh), buf_str(&after));
			if (key_apply(&s, "c:3", keys[k], r->bad, &e) >= 0)
				fail_msg("%s takes '%s'", keys[k], r->bad);
			assert_int_equal(e.kind, ERR_INPUT);
			assert_non_null(strstr(e.why, r->values));
			assert_non_null(strstr(e.why, keys[k]));
			spec_done(&s);
		}
	}
	assert_null(key_rows(&count)->member);
}

static void names_and_families(void **state)
{
	char name[KEY_NAME_MAX];
	static const struct {
		const char *key, *modern;
	} known[] = {
	    {"lxc.utsname", "lxc.uts.name"},
	    {"lxc.id_map", "lxc.idmap"},
	    {"lxc.limit.core", "lxc.prlimit.core"},
	    {"lxc.limit", "lxc.prlimit"},
	    {"lxc.prlimit", "lxc.prlimit"},
	    {"lxc.prlimit.core", "lxc.prlimit.core"},
	    {"lxc.net", "lxc.net"},
	    {"lxc.hook", "lxc.hook"},
	    {"lxc.cgroup.memory.kmem.limit_in_bytes", "lxc.cgroup.memory.kmem.limit_in_bytes"},
	    {"lxc.console", "lxc.console.path"},
	    {"lxc.cgroup.dir.monitor", "lxc.cgroup.dir.monitor"},
	    {"lxc.cgroup", "lxc.cgroup"},
	    {"lxc.tty", "lxc.tty.max"},
	};
	static const char *const unknown[] = {"",	  "lxc",      "lxc.",	      "lxc.tty.maxx",	 "lxc.prlimits.core",
					      "lxc.limi", "coppice.", "LXC.UTS.NAME", "lxc.hooks.start", "lxc.hook."};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct key_row *row = key_find(known[i].key);

		assert_non_null(row);
		assert_true(key_canonical(row, known[i].key, name));
		assert_string_equal(name, known[i].modern);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_null(key_find(unknown[i]));
	assert_string_equal(key_suggest("lxc.tty.mx"), "lxc.tty.max");
	assert_string_equal(key_suggest("lxc.utsnam"), "lxc.uts.name");
	assert_null(key_suggest("lxc.completely.different.thing"));
}

static void unknown_keys(void **state)
{
	struct spec s;
	struct err e;
	char longest[400];

	(void)state;
	spec_init(&s);
	assert_int_equal(key_apply(&s, "c:3", "lxc.utsname.name", "x", &e), -EINVAL);
	assert_string_equal(e.why, "c:3: unknown key 'lxc.utsname.name', did you mean 'lxc.uts.name'?");
	assert_null(key_suggest("lxc.nonsense")); /* as near to lxc.console as to anything */
	assert_string_equal(key_suggest("lxc.mount.entri"), "lxc.mount.entry");
	assert_string_equal(key_suggest("copice.pids"), "coppice.pids");
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(key_apply(&s, NULL, "lxc.prlimit", "5", &e), -EINVAL);
	assert_non_null(strstr(e.why, "can only be cleared"));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "lxc.prlimit.", 12);
	assert_int_equal(key_apply(&s, NULL, longest, "5", &e), -EINVAL);
	memcpy(longest, "lxc.limit.", 10);
	longest[KEY_NAME_MAX - 1] = '\0'; /* fits, but its modern name does not */
	assert_int_equal(key_apply(&s, NULL, longest, "5", &e), -EINVAL);
	spec_done(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_sorted_and_whole), cmocka_unit_test(examples_are_taken), cmocka_unit_test(bad_values_are_told),
	    cmocka_unit_test(clearing_restores), cmocka_unit_test(nonsense), cmocka_unit_test(members_of_an_interface),	 cmocka_unit_test(names_and_families), cmocka_unit_test(unknown_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
