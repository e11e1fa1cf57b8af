/* machine.h - the life of a supervised container as a table: state x event -> state and action, every cell present.
 *
 * Only machine_step() changes the state. */
#pragma once

#include "base/attr.h"

enum machine_state {
	MACHINE_RUNNING,
	MACHINE_STOPPING, /* somebody asked for the end: no restart, whatever init says */
	MACHINE_DONE,
	MACHINE_STATE_COUNT,
};

enum machine_event {
	EVENT_EXIT_OK,    /* init ended with 0, or halted or powered off */
	EVENT_EXIT_FAIL,  /* init ended otherwise */
	EVENT_EXIT_REBOOT, /* init asked the kernel for a reboot */
	EVENT_STOP_ASKED, /* a command is stopping it */
	EVENT_STOP_DROPPED, /* it has given up: the container goes on as if it had not been asked */
	EVENT_TERM,       /* the monitor itself was told to end (SIGTERM) */
	EVENT_GRACE_OVER, /* the time for a clean stop has passed */
	MACHINE_EVENT_COUNT,
};

enum machine_action {
	ACTION_NONE,
	ACTION_HALT,    /* ask init to shut down, start the grace timer */
	ACTION_KILL,    /* kill everything */
	ACTION_END,     /* clean up, stopped */
	ACTION_REBOOT,  /* clean up, start again */
	ACTION_RESTART, /* start again if the restart policy wants it after success */
	ACTION_RECOVER, /* start again if the restart policy wants it after failure */
};

/* Moves *@state and says what to do. */
enum machine_action machine_step(enum machine_state *state, enum machine_event event);

const char *machine_state_name(enum machine_state s);
const char *machine_event_name(enum machine_event e);
