/* One hook: how its command line becomes arguments, what it is told, and how its end is told. */
#include "apply/hook.h"
#include "base/clock.h"
#include "base/fd.h"
#include "unit/scratch.h"
#include "unit/test.h"

static struct scratch tmp;
static const char *const env[] = {"LXC_NAME=web1", NULL};

static const char *put(const char *name, const char *text, mode_t mode, char out[512])
{
	autoclose int dir = open(tmp.path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(scratch_put(dir, name, text), 0);
	assert_int_equal(chmod(scratch_at(&tmp, out, "%s", name), mode), 0);
	return out;
}

static int run(const char *command, bool by_environment, const char *const *more, struct err *e)
{
	const struct hook h = {.kind = "mount", .command = command, .where = "config:3", .name = "web1", .by_environment = by_environment, .env = env, .more = more,
			       .deadline = clock_deadline(5000)};

	err_clear(e);
	return hook_run(&h, e);
}

static void said(const char *want)
{
	char path[512], text[2048];

	assert_true(fd_read_file(AT_FDCWD, scratch_at(&tmp, path, "said"), text, sizeof(text)) >= 0);
	assert_string_equal(text, want);
}

static void arguments_and_environment(void **state)
{
	static const char *const more[] = {"net:/proc/1/fd/3", "a b", NULL};
	char script[512], text[1024], command[600];
	struct err e = {0};

	(void)state;
	(void)snprintf(text, sizeof(text), "#!/bin/sh\necho \"$#|$1|$2|$3|$4|$5|$6|$7|$LXC_NAME|$PWD\" >%s/said\n", tmp.path);
	put("hook", text, 0755, script);
	assert_int_equal(run(script, false, NULL, &e), 0);
	said("3|web1|lxc|mount|||||web1|/");
	(void)snprintf(command, sizeof(command), "%s  one\ttwo", script);
	assert_int_equal(run(command, false, more, &e), 0);
	said("7|one|two|web1|lxc|mount|net:/proc/1/fd/3|a b|web1|/");
	assert_int_equal(run(command, true, more, &e), 0);
	said("2|one|two||||||web1|/");
	/* a line for the shell */
	(void)snprintf(command, sizeof(command), "%s 'one two'", script);
	assert_int_equal(run(command, false, NULL, &e), 0);
	said("4|one two|web1|lxc|mount||||web1|/");
	/* no interpreter named */
	(void)snprintf(text, sizeof(text), "echo plain $1 >%s/said\n", tmp.path);
	assert_int_equal(run(put("bare", text, 0755, script), false, NULL, &e), 0);
	said("plain web1");
}

static void failures_are_told(void **state)
{
	char script[512], want[1024];
	struct err e = {0};

	(void)state;
	put("bad", "#!/bin/sh\necho zero\necho one >&2\necho two\necho '  '\necho three >&2\necho four\n echo\nexit 9\n", 0755, script);
	assert_int_equal(run(script, false, NULL, &e), -ECANCELED);
	(void)snprintf(want, sizeof(want), "config:3: lxc.hook.mount: '%s' ended with status 9: two |    | three | four", script);
	assert_string_equal(e.why, want);
	assert_int_equal(run("kill -TERM $$; true", false, NULL, &e), -ECANCELED);
	assert_non_null(strstr(e.why, "ended with status 143 (signal 15)"));
	assert_int_equal(run("/no/such/hook", false, NULL, &e), -ENOENT);
	assert_string_equal(e.why, "config:3: lxc.hook.mount: '/no/such/hook': there is no such program");
	assert_int_equal(e.kind, ERR_MISSING);
	put("plain", "x\n", 0644, script);
	assert_int_equal(run(script, false, NULL, &e), -EACCES);
	assert_int_equal(run("sh -c 'printf \"\\033[31mred\\001\" >&2; exit 2'", false, NULL, &e), -ECANCELED);
	assert_null(strchr(e.why, '\033'));
}

static void time_is_limited_and_children_may_stay(void **state)
{
	struct err e = {0};
	struct hook h = {.kind = "start", .command = "sleep 30", .name = "web1", .by_environment = true, .env = env, .deadline = clock_deadline(100)};
	uint64_t before = clock_now_ms();

	(void)state;
	assert_int_equal(hook_run(&h, &e), -ETIMEDOUT);
	assert_string_equal(e.why, "lxc.hook.start: 'sleep 30' did not end in time");
	h.command = "sh -c 'sleep 3 & echo left >&2' x";
	h.deadline = clock_deadline(2500);
	assert_int_equal(hook_run(&h, &e), 0);
	assert_true(clock_now_ms() - before < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_and_environment),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(time_is_limited_and_children_may_stay),
	};
	int r;

	if (scratch_open(&tmp) < 0 || chmod(tmp.path, 0755) < 0 || chdir("/") < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_close(&tmp);
	return r;
}
