/* The two tables of steps fit together: every kind has a word, a side, a function where its side does something, and an undo or the reason why there is none. */
#include "apply/ops.h"
#include "base/fd.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <fcntl.h>

static bool must_undo(enum step_kind k)
{
	return k == STEP_JOURNAL || k == STEP_CGROUP || k == STEP_CHILD;
}

static void every_kind_has_an_undo_or_a_reason(void **state)
{
	(void)state;
	for (int k = 0; k < STEP_KIND_COUNT; k++) {
		const char *why = ops_why_no_undo((enum step_kind)k);

		assert_string_not_equal(step_word((enum step_kind)k), "?");
		assert_in_range(step_side_of((enum step_kind)k), SIDE_DATA, SIDE_CHILD);
		assert_int_equal(why == NULL, must_undo((enum step_kind)k));
		if (why)
			assert_true(strlen(why) > 3);
		/* only what is on the host can be left behind */
		if (!why)
			assert_int_equal(step_side_of((enum step_kind)k), SIDE_HOST);
	}
}

/* What leaves more behind than descriptors does not call itself harmless. */
static void reasons_fit_their_kinds(void **state)
{
	(void)state;
	assert_string_equal(ops_why_no_undo(STEP_LIMIT), ops_why_no_undo(STEP_DEVICES));
	assert_non_null(strstr(ops_why_no_undo(STEP_LIMIT), "cgroup"));
	assert_non_null(strstr(ops_why_no_undo(STEP_STAGE), "monitor"));
	assert_non_null(strstr(ops_why_no_undo(STEP_MOUNT), "child"));
	assert_string_equal(ops_why_no_undo(STEP_SIGNALS), "data");
}

/* A data step does nothing and cannot fail. */
static void data_steps_do_nothing(void **state)
{
	struct plan p = {0};
	struct apply a;
	struct err e = {0};

	(void)state;
	apply_init(&a, &p);
	for (int k = 0; k < STEP_KIND_COUNT; k++) {
		struct step st = {.kind = (uint32_t)k};

		if (step_side_of((enum step_kind)k) == SIDE_DATA)
			assert_int_equal(ops_apply(&a, &st, &e), 0);
		/* undoing what was never done is nothing, too: no state, no child, no cgroup */
		if (step_side_of((enum step_kind)k) != SIDE_HOST || !must_undo((enum step_kind)k) || k == STEP_CHILD || k == STEP_JOURNAL)
			ops_undo(&a, &st);
	}
	assert_false(err_is(&e));
	apply_done(&a);
}

/* Everything an apply owns is empty after init, and done leaves it empty: no descriptor 0 is closed by mistake, twice is once. */
static void init_and_done_close_nothing_of_others(void **state)
{
	struct plan p = {0};
	struct apply a;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(before > 0);
	apply_init(&a, &p);
	apply_done(&a);
	apply_done(&a);
	for (int fd = 0; fd <= 2; fd++)
		assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_true(fcntl(before, F_GETFD) >= 0);
	fd_close(&before);
}

/* An apply of an empty plan has no container in it: undo, whatever the order, is harmless. */
static void undo_of_nothing(void **state)
{
	struct plan p = {0};
	struct apply a;

	(void)state;
	apply_init(&a, &p);
	apply_undo(&a);
	apply_undo(&a);
	apply_done(&a);
}

/* ---- targets inside the tree: strangers made it ---- */


static void targets_never_leave_the_tree(void **state)
{
	static const struct {
		const char *target;
		uint64_t create;
		int want;
	} asks[] = {
		{"plain", 0, 0},
		{"plain/sub/deep", PLAN_CREATE_DIR, 0},
		{"plain/sub/file", PLAN_CREATE_FILE, 0},
		{"out", PLAN_CREATE_DIR, -ELOOP},	   /* -> victim */
		{"out/x", PLAN_CREATE_DIR, -ELOOP},
		{"out/x", PLAN_CREATE_FILE, -ELOOP},
		{"up/x", PLAN_CREATE_DIR, -ELOOP},	   /* -> .. */
		{"in/x", PLAN_CREATE_DIR, -ELOOP},	   /* -> plain: even inside, it could be swapped meanwhile */
		{"dangling", PLAN_CREATE_FILE, -ELOOP},   /* would be made outside */
		{"loop/x", PLAN_CREATE_DIR, -ELOOP},
		{"proc", PLAN_CREATE_DIR, -ELOOP},	   /* -> /proc/self/root */
		{"missing", 0, -ENOENT},
		{"missing", PLAN_OPTIONAL, -ENOENT},
		{"../esc", PLAN_CREATE_DIR, -EXDEV},
		{"plain/../../esc", PLAN_CREATE_DIR, -EXDEV},
		{"../esc", PLAN_CREATE_FILE, -EXDEV},
	};
	struct scratch s;
	struct plan p = {0};
	struct apply a;
	char victim[512], text[512];
	autoclose int top = FD_NONE;

	(void)state;
	assert_int_equal(scratch_open(&s), 0);
	top = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(top >= 0);
	assert_int_equal(mkdirat(top, "victim", 0755), 0);
	assert_int_equal(mkdirat(top, "tree", 0755), 0);
	apply_init(&a, &p);
	a.root = openat(top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(a.root >= 0);
	assert_int_equal(mkdirat(a.root, "plain", 0755), 0);
	(void)scratch_at(&s, victim, "victim");
	assert_int_equal(symlinkat(victim, a.root, "out"), 0);
	assert_int_equal(symlinkat("..", a.root, "up"), 0);
	assert_int_equal(symlinkat("plain", a.root, "in"), 0);
	assert_int_equal(symlinkat(scratch_at(&s, text, "victim/made"), a.root, "dangling"), 0);
	assert_int_equal(symlinkat("loop", a.root, "loop"), 0);
	assert_int_equal(symlinkat("/proc/self/root", a.root, "proc"), 0);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		struct err e = {0};
		autoclose int fd = apply_target(&a, asks[i].target, asks[i].create, &e);

		if ((fd >= 0 ? 0 : fd) != asks[i].want)
			fail_msg("'%s' gives %d, not %d (%s)", asks[i].target, fd, asks[i].want, e.why);
		/* an optional target that is missing is no error */
		assert_int_equal(err_is(&e), fd < 0 && !(asks[i].create & PLAN_OPTIONAL));
	}
	assert_int_equal(unlinkat(top, "victim", AT_REMOVEDIR), 0); /* still empty */
	assert_int_equal(unlinkat(top, "esc", AT_REMOVEDIR), -1);
	apply_done(&a);
	scratch_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_an_undo_or_a_reason),
		cmocka_unit_test(reasons_fit_their_kinds),
		cmocka_unit_test(data_steps_do_nothing),
		cmocka_unit_test(init_and_done_close_nothing_of_others),
		cmocka_unit_test(undo_of_nothing),
		cmocka_unit_test(targets_never_leave_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
