/* The supervised life as a table: every cell as meant, and what holds for every sequence of events. */
#include "supervise/machine.h"
#include "unit/test.h"

#define N MACHINE_EVENT_COUNT

/* Every cell, written down a second time: a change of the table must be meant. */
static void every_cell(void **state)
{
	static const struct {
		enum machine_state from;
		enum machine_event event;
		enum machine_state to;
		enum machine_action action;
	} cells[] = {
		{MACHINE_RUNNING, EVENT_EXIT_OK, MACHINE_DONE, ACTION_RESTART},
		{MACHINE_RUNNING, EVENT_EXIT_FAIL, MACHINE_DONE, ACTION_RECOVER},
		{MACHINE_RUNNING, EVENT_EXIT_REBOOT, MACHINE_DONE, ACTION_REBOOT},
		{MACHINE_RUNNING, EVENT_STOP_ASKED, MACHINE_STOPPING, ACTION_NONE},
		{MACHINE_RUNNING, EVENT_STOP_DROPPED, MACHINE_RUNNING, ACTION_NONE},
		{MACHINE_RUNNING, EVENT_TERM, MACHINE_STOPPING, ACTION_HALT},
		{MACHINE_RUNNING, EVENT_GRACE_OVER, MACHINE_RUNNING, ACTION_NONE},
		{MACHINE_STOPPING, EVENT_EXIT_OK, MACHINE_DONE, ACTION_END},
		{MACHINE_STOPPING, EVENT_EXIT_FAIL, MACHINE_DONE, ACTION_END},
		{MACHINE_STOPPING, EVENT_EXIT_REBOOT, MACHINE_DONE, ACTION_END},
		{MACHINE_STOPPING, EVENT_STOP_ASKED, MACHINE_STOPPING, ACTION_NONE},
		{MACHINE_STOPPING, EVENT_STOP_DROPPED, MACHINE_RUNNING, ACTION_NONE},
		{MACHINE_STOPPING, EVENT_TERM, MACHINE_STOPPING, ACTION_KILL},
		{MACHINE_STOPPING, EVENT_GRACE_OVER, MACHINE_STOPPING, ACTION_KILL},
		{MACHINE_DONE, EVENT_EXIT_OK, MACHINE_DONE, ACTION_NONE},
		{MACHINE_DONE, EVENT_EXIT_FAIL, MACHINE_DONE, ACTION_NONE},
		{MACHINE_DONE, EVENT_EXIT_REBOOT, MACHINE_DONE, ACTION_NONE},
		{MACHINE_DONE, EVENT_STOP_ASKED, MACHINE_DONE, ACTION_NONE},
		{MACHINE_DONE, EVENT_STOP_DROPPED, MACHINE_DONE, ACTION_NONE},
		{MACHINE_DONE, EVENT_TERM, MACHINE_DONE, ACTION_NONE},
		{MACHINE_DONE, EVENT_GRACE_OVER, MACHINE_DONE, ACTION_NONE},
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(cells), MACHINE_STATE_COUNT * MACHINE_EVENT_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
		enum machine_state s = cells[i].from;

		assert_int_equal(machine_step(&s, cells[i].event), cells[i].action);
		assert_int_equal(s, cells[i].to);
	}
}

static bool is_exit(enum machine_event e)
{
	return e == EVENT_EXIT_OK || e == EVENT_EXIT_FAIL || e == EVENT_EXIT_REBOOT;
}

static bool is_final(enum machine_action a)
{
	return a == ACTION_END || a == ACTION_REBOOT || a == ACTION_RESTART || a == ACTION_RECOVER;
}

/* What a sequence has seen so far. */
struct history {
	bool asked, exited;
	unsigned terms, finals;
};

static void check_step(struct history *h, enum machine_state *s, enum machine_event e)
{
	enum machine_state before = *s;
	enum machine_action a = machine_step(s, e);

	if (!h->exited) {
		h->asked = h->asked || e == EVENT_STOP_ASKED || e == EVENT_TERM;
		h->terms += e == EVENT_TERM;
		if (e == EVENT_STOP_DROPPED)
			*h = (struct history){0};
	}
	/* the end is final, and comes with an exit only */
	if (before == MACHINE_DONE) {
		assert_int_equal(*s, MACHINE_DONE);
		assert_int_equal(a, ACTION_NONE);
	}
	assert_true((*s == MACHINE_DONE) == (before == MACHINE_DONE || is_exit(e)));
	h->exited = h->exited || is_exit(e);
	/* something final is done exactly once, at the first exit; never a restart after a stop was asked */
	h->finals += is_final(a);
	assert_int_equal(h->finals, h->exited);
	if (is_final(a))
		assert_true(h->asked == (a == ACTION_END));
	/* the second TERM kills; nothing is killed that nobody asked to end */
	if (a == ACTION_KILL)
		assert_true(h->asked && !h->exited);
	if (e == EVENT_TERM && before == MACHINE_STOPPING && !h->exited)
		assert_int_equal(a, ACTION_KILL);
	/* nobody is left in a state from which TERM, TERM, exit does not end */
	enum machine_state t = *s;

	(void)machine_step(&t, EVENT_TERM);
	(void)machine_step(&t, EVENT_TERM);
	assert_true(t == MACHINE_STOPPING || t == MACHINE_DONE);
	(void)machine_step(&t, EVENT_EXIT_FAIL);
	assert_int_equal(t, MACHINE_DONE);
}

static void every_sequence_of_six(void **state)
{
	size_t total = 1;

	(void)state;
	for (int i = 0; i < 6; i++)
		total *= N;
	for (size_t n = 0; n < total; n++) {
		enum machine_state s = MACHINE_RUNNING;
		struct history h = {0};
		size_t code = n;

		for (int i = 0; i < 6; i++, code /= N)
			check_step(&h, &s, (enum machine_event)(code % N));
	}
}

static void names_are_distinct(void **state)
{
	(void)state;
	for (int i = 0; i < MACHINE_STATE_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(machine_state_name((enum machine_state)i), machine_state_name((enum machine_state)j));
	for (int i = 0; i < N; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(machine_event_name((enum machine_event)i), machine_event_name((enum machine_event)j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(every_sequence_of_six),
		cmocka_unit_test(names_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
