/* monitor-role.h - the private agreement between spawn.c and monitor-main.c: argv and fixed descriptors. */
#pragma once

#define MONITOR_ROLE "--role=monitor"
/* argv: title, HEALER_ROLE, base store, containers, run-time directory. */
#define HEALER_ROLE "--role=healer"

/* argv: title, MONITOR_ROLE, NAME, flags: 's' stdio given, 'v' viewer given, 'a' adopt, 'r' started again after a reboot, 'l' a log is open. */
enum {
	MONITOR_FD_REPORT = 3, /* verdict to the face, SOCK_SEQPACKET */
	MONITOR_FD_PLAN = 4,   /* sealed memfd */
	MONITOR_FD_SELF = 5,   /* our program, read-only detached mount */
	MONITOR_FD_STDIO = 6,  /* 6, 7, 8 */
	MONITOR_FD_VIEWER = 9,
	MONITOR_FD_LOCK = 10,  /* monitor.lock, kept across a re-exec */
	MONITOR_FD_COMMAND = 11, /* the container lock of the command, until the verdict */
	MONITOR_FD_END = 12,
	MONITOR_FD_LOG = MONITOR_FD_END, /* only when one is asked for: nobody pays for it otherwise */
};
