/* Numbers, sizes, names: accepted exactly as documented, refused without touching the result. */
#include "base/parse.h"
#include "unit/test.h"

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t want;
	} rows[] = {
		{"0", 0, 0}, {"128M", 0, 128ull << 20}, {"1.5G", 0, 3ull << 29}, {"4k", 0, 4096}, {"4KiB", 0, 4096}, {"7B", 0, 7}, {"128m", 0, 128ull << 20},
		{"1gb", 0, 1ull << 30}, {"64Kb", 0, 65536}, {"64kib", 0, 65536}, {"3e", 0, 3ull << 60}, {"7b", 0, 7},
		{"18446744073709551615", 0, UINT64_MAX}, {"18446744073709551616", -ERANGE, 0}, {"16E", -ERANGE, 0},
		{"", -EINVAL, 0}, {"-1", -EINVAL, 0}, {"1.5", -EINVAL, 0}, {"M", -EINVAL, 0}, {"1 M", -EINVAL, 0}, {"1MM", -EINVAL, 0}, {"0x10", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t got = 4711;

		assert_int_equal(parse_size(rows[i].text, &got), rows[i].r);
		assert_true(got == (rows[i].r ? 4711 : rows[i].want));
	}
}

static void durations_and_cpus(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(parse_duration_ms("30", &v), 0);
	assert_int_equal(v, 30000);
	assert_int_equal(parse_duration_ms("0.25", &v), 0);
	assert_int_equal(v, 250);
	assert_int_equal(parse_duration_ms("500ms", &v), 0);
	assert_int_equal(v, 500);
	assert_int_equal(parse_duration_ms("7d", &v), 0);
	assert_int_equal(v, 604800000);
	assert_int_equal(parse_duration_ms("1y", &v), -EINVAL);
	assert_int_equal(parse_milli("1.5", &v), 0);
	assert_int_equal(v, 1500);
	assert_int_equal(parse_milli("0.0005", &v), -EINVAL);
}

static void signals(void **state)
{
	int s = 0;

	(void)state;
	assert_int_equal(parse_signal("SIGTERM", &s), 0);
	assert_int_equal(s, SIGTERM);
	assert_int_equal(parse_signal("pwr", &s), 0);
	assert_int_equal(s, SIGPWR);
	assert_int_equal(parse_signal("SIGRTMIN+3", &s), 0);
	assert_int_equal(s, SIGRTMIN + 3);
	assert_int_equal(parse_signal("sigio", &s), 0);
	assert_int_equal(s, SIGIO);
	assert_int_equal(parse_signal("SIGCLD", &s), 0);
	assert_int_equal(s, SIGCHLD);
	assert_int_equal(parse_signal("SIGSTKFLT", &s), 0);
	assert_int_equal(s, SIGSTKFLT);
	assert_int_equal(parse_signal("65", &s), -ERANGE);
	assert_int_equal(parse_signal("SIGNOPE", &s), -EINVAL);
}

static void id_sets(void **state)
{
	uint64_t bits[PARSE_SET_WORDS];

	(void)state;
	assert_int_equal(parse_id_set("0-3,65", bits), 0);
	assert_true(bits[0] == 0xf && bits[1] == 2);
	assert_int_equal(parse_id_set("0, 1 ,\t3-4", bits), 0);
	assert_true(bits[0] == 0x1b);
	assert_int_equal(parse_id_set("0 1", bits), -EINVAL);
	assert_int_equal(parse_id_set("0,  ,1", bits), -EINVAL);
	assert_int_equal(parse_id_set("3-1", bits), -EINVAL);
	assert_int_equal(parse_id_set("", bits), -EINVAL);
	assert_int_equal(parse_id_set("4096", bits), -ERANGE);
}

static void names(void **state)
{
	static const char *const unsafe[] = {"", ".", "..", ".x", "-x", "a/b", "a b", "a,b", "a=b", "a*b", "a\nb", "a\x1b", "a\"b", "a'b", "a\\b", "a;b", "a$b", "\xc3\xa9"};
	char n[64], v[72];

	(void)state;
	assert_true(parse_is_name("web1"));
	assert_true(parse_is_name("A.b_c-9"));
	assert_false(parse_is_name(""));
	assert_false(parse_is_name(".."));
	assert_false(parse_is_name("-rf"));
	assert_false(parse_is_name("a/b"));
	assert_false(parse_is_name("a\nb"));
	assert_true(parse_is_name("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_false(parse_is_name("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_false(parse_is_name("_x"));
	assert_true(parse_is_container("_x"));
	assert_true(parse_is_container("g++"));
	assert_true(parse_is_container("me@home:2"));
	assert_true(parse_is_container("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_false(parse_is_container("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
		assert_false(parse_is_container(unsafe[i]));
	assert_string_equal(parse_inside("web1:/etc", n), "/etc");
	assert_string_equal(n, "web1");
	assert_string_equal(parse_inside("a:b:/etc:x/y:/z", n), "/etc:x/y:/z");
	assert_string_equal(n, "a:b");
	assert_string_equal(parse_inside("web1:etc", n), "etc");
	assert_null(parse_inside("./a:b", n));
	assert_null(parse_inside("/a:/b", n));
	assert_null(parse_inside(":/b", n));
	assert_null(parse_inside("web1", n));
	assert_int_equal(parse_base_ref("deb@12ab", n, v), 0);
	assert_string_equal(n, "deb");
	assert_string_equal(v, "12ab");
	assert_int_equal(parse_base_ref("deb@../x", n, v), -EINVAL);
}

static void safe_text(void **state)
{
	char out[32];

	(void)state;
	format_safe("a\033[31mb\xff\n", out, sizeof(out));
	assert_string_equal(out, "a?[31mb??");
	format_safe("\xc3\xa9", out, sizeof(out));
	assert_string_equal(out, "\xc3\xa9");
	format_safe("\xc2\x9b", out, sizeof(out)); /* C1 control */
	assert_string_equal(out, "??");
}

static void closest(void **state)
{
	static const char *const words[] = {"start", "stop", "restart"};

	(void)state;
	assert_string_equal(parse_closest("strat", words, 3) ?: "", "");
	assert_string_equal(parse_closest("stat", words, 3), "start");
	assert_null(parse_closest("zebra", words, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes), cmocka_unit_test(durations_and_cpus), cmocka_unit_test(signals), cmocka_unit_test(id_sets),
		cmocka_unit_test(names), cmocka_unit_test(safe_text), cmocka_unit_test(closest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
