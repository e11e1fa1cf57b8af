/* msg.h - the one message that travels on every edge between our processes.
 *
 * Face <-> monitor, monitor <-> setup child, viewer <-> monitor: SOCK_SEQPACKET, one fixed-size record, optional descriptors. A
 * message of another version or size is refused (-EPROTO). End of file without a farewell is never success. */
#pragma once

#include "base/err.h"

enum msg_type {
	MSG_NONE,
	/* setup child <-> monitor */
	MSG_BORN,      /* child: exists in its namespaces, wants id maps */
	MSG_GO,        /* monitor: maps written, tree assembled */
	MSG_CONSOLE,   /* a process inside: pty masters attached (exec, adoption) */
	MSG_READY,     /* child: everything done but exec; console and tty masters attached */
	MSG_EXEC,      /* monitor: recorded, go ahead */
	MSG_FAIL,      /* either: struct err inside */
	/* monitor -> face */
	MSG_RUNNING,   /* container runs; value = init pid on the host; to a waiting face again after each restart */
	MSG_ENDED,     /* foreground: value = exit status, shell style */
	/* face -> monitor (control socket) */
	MSG_PING,
	MSG_OK,
	MSG_ATTACH,    /* value = tty number (0 = console, -1 = the first from 1 on that nobody looks at), extra = rows << 16 | cols; reply OK: its number and a stream descriptor */
	MSG_WINCH,     /* value = tty number, extra = rows << 16 | cols */
	MSG_STOPPING,  /* value 0: a stop was asked: do not restart, do not treat reboot as reboot; 1: it was given up */
	MSG_STATUS,    /* reply OK with monitor facts in err.why as text (for show) */
	/* setup child <-> monitor, behind the others: numbers stay what they are for a monitor of an older program */
	MSG_HOOKS,     /* child: waits for the hooks of kind value; its tree attached, when they look at it */
	MSG_HOOKED,    /* monitor: all have run */
};

struct msg {
	uint32_t version; /* MSG_VERSION */
	uint32_t type;    /* enum msg_type */
	int64_t value;
	uint64_t extra;
	struct err err;   /* meaningful for MSG_FAIL */
};

#define MSG_VERSION 1u

/* Sends @type with optional descriptors. 0 or -errno. */
int msg_send(int sock, enum msg_type type, int64_t value, uint64_t extra, const int *fds, size_t nfds) MUST_USE;

/* Sends MSG_FAIL with @e. Best effort: the sender is about to die and EOF tells the rest. */
void msg_send_fail(int sock, const struct err *e);

/* Receives one message before @deadline. 1 = got one, 0 = peer closed, -errno (-ETIMEDOUT, -EPROTO). */
int msg_recv(int sock, uint64_t deadline, struct msg *ret, int *fds, size_t maxfds) MUST_USE;
