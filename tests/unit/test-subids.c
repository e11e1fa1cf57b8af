/* test-subids.c - who has which subordinate ids. */
#include "linux/subids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const char *text, const char *name, uid_t uid, uint32_t first, uint32_t count)
{
	struct subids got = {7, 7};

	if (!count) {
		assert_false(subids_parse(text, name, uid, &got));
		assert_int_equal(got.first, 7);
		return;
	}
	assert_true(subids_parse(text, name, uid, &got));
	assert_int_equal(got.first, first);
	assert_int_equal(got.count, count);
}

static void finds_by_name_and_number(void **state)
{
	static const char text[] = "ann:100000:65536\nbob:165536:65536\n1002:231072:70000\n";

	(void)state;
	check(text, "ann", 1000, 100000, 65536);
	check(text, "bob", 1001, 165536, 65536);
	check(text, "carl", 1002, 231072, 70000);
	check(text, "", 1002, 231072, 70000);
	check(text, "dora", 1003, 0, 0);
	check(text, "", 1000, 0, 0);
	check(text, "an", 1000, 0, 0);
	check("ann:100000:65536", "ann", 1000, 100000, 65536);
	check("", "ann", 1000, 0, 0);
}

static void takes_the_widest(void **state)
{
	(void)state;
	check("ann:100000:1000\nann:200000:65536\nann:300000:10\n", "ann", 1000, 200000, 65536);
}

static void skips_what_is_no_range(void **state)
{
	static const char *const bad[] = {"ann",
					  "ann:",
					  "ann:100000",
					  "ann:100000:",
					  "ann:x:65536",
					  "ann:100000:65536:1",
					  "ann:-1:65536",
					  "ann:0:65536",
					  "ann:100000:0",
					  "ann:4294967295:2",
					  "ann:4294901760:65536",
					  "ann: 100000:65536",
					  "#ann:100000:65536"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(bad[i], "ann", 1000, 0, 0);
	check("rubbish\n\n:::::\nann:100000:65536\n", "ann", 1000, 100000, 65536);
	check("ann:4294901759:65536", "ann", 1000, 4294901759u, 65536);
}

static void finds_the_name(void **state)
{
	static const char text[] =
	    "root:x:0:0:root:/root:/bin/bash\n\nbad\n:x:5:5::/:\nann:x:1000:1000:Ann:/home/ann:/bin/sh\nbob:x:1001:1001";
	char name[64] = "?";

	(void)state;
	assert_true(subids_user(text, 1000, name));
	assert_string_equal(name, "ann");
	assert_true(subids_user(text, 0, name));
	assert_string_equal(name, "root");
	assert_true(subids_user(text, 1001, name));
	assert_string_equal(name, "bob");
	assert_false(subids_user(text, 5, name));
	assert_false(subids_user(text, 1002, name));
	assert_string_equal(name, "bob");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_by_name_and_number),
	    cmocka_unit_test(takes_the_widest),
	    cmocka_unit_test(skips_what_is_no_range),
	    cmocka_unit_test(finds_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
