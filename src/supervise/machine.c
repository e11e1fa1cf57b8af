/* machine.c - the table. */
#include "supervise/machine.h"

static const struct {
	enum machine_state next;
	enum machine_action action;
} table[MACHINE_STATE_COUNT][MACHINE_EVENT_COUNT] = {
	[MACHINE_RUNNING] = {
		[EVENT_EXIT_OK] = {MACHINE_DONE, ACTION_RESTART},
		[EVENT_EXIT_FAIL] = {MACHINE_DONE, ACTION_RECOVER},
		[EVENT_EXIT_REBOOT] = {MACHINE_DONE, ACTION_REBOOT},
		[EVENT_STOP_ASKED] = {MACHINE_STOPPING, ACTION_NONE},
		[EVENT_STOP_DROPPED] = {MACHINE_RUNNING, ACTION_NONE},
		[EVENT_TERM] = {MACHINE_STOPPING, ACTION_HALT},
		[EVENT_GRACE_OVER] = {MACHINE_RUNNING, ACTION_NONE}, /* a timer of nobody's */
	},
	[MACHINE_STOPPING] = {
		[EVENT_EXIT_OK] = {MACHINE_DONE, ACTION_END},
		[EVENT_EXIT_FAIL] = {MACHINE_DONE, ACTION_END},
		[EVENT_EXIT_REBOOT] = {MACHINE_DONE, ACTION_END},
		[EVENT_STOP_ASKED] = {MACHINE_STOPPING, ACTION_NONE},
		[EVENT_STOP_DROPPED] = {MACHINE_RUNNING, ACTION_NONE},
		[EVENT_TERM] = {MACHINE_STOPPING, ACTION_KILL}, /* asked twice: at once */
		[EVENT_GRACE_OVER] = {MACHINE_STOPPING, ACTION_KILL},
	},
	[MACHINE_DONE] = {
		[EVENT_EXIT_OK] = {MACHINE_DONE, ACTION_NONE},
		[EVENT_EXIT_FAIL] = {MACHINE_DONE, ACTION_NONE},
		[EVENT_EXIT_REBOOT] = {MACHINE_DONE, ACTION_NONE},
		[EVENT_STOP_ASKED] = {MACHINE_DONE, ACTION_NONE},
		[EVENT_STOP_DROPPED] = {MACHINE_DONE, ACTION_NONE},
		[EVENT_TERM] = {MACHINE_DONE, ACTION_NONE},
		[EVENT_GRACE_OVER] = {MACHINE_DONE, ACTION_NONE},
	},
};

enum machine_action machine_step(enum machine_state *state, enum machine_event event)
{
	enum machine_action action = table[*state][event].action;

	*state = table[*state][event].next;
	return action;
}

const char *machine_state_name(enum machine_state s)
{
	static const char *const names[MACHINE_STATE_COUNT] = {"running", "stopping", "done"};

	return names[s];
}

const char *machine_event_name(enum machine_event e)
{
	static const char *const names[MACHINE_EVENT_COUNT] = {"exit-ok", "exit-fail", "exit-reboot", "stop-asked", "stop-dropped", "term", "grace-over"};

	return names[e];
}
