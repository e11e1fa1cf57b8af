/* monitor.h - the process beside one container: waits for its init, drains its terminals, answers its control socket.
 *
 * It holds nothing the container needs to live: killed, the container goes on, and another monitor adopts it. */
#pragma once

#include "base/err.h"
#include "base/proc.h"

#include <stdbool.h>
#include <sys/types.h>

#define MONITOR_MAX_TTYS 200

struct cgroup;

struct monitor_options {
	const char *name;
	int init_pidfd;            /* borrowed */
	pid_t init_pid;
	bool init_child;           /* ours to reap; an adopted one is not */
	int run_dir;               /* borrowed during monitor_open: where the control socket is made */
	int log_dir;               /* taken; FD_NONE = no log */
	const char *log_name;
	uint64_t log_size, ring_size;
	int *masters;              /* taken, one by one: console, tty1.. */
	size_t master_count;
	int first_viewer;          /* socket of a face that watches the console from the start (taken), or FD_NONE */
	int console_peer;          /* file or device that the console is connected to as long as the container runs (taken), or FD_NONE */
	int face;                  /* borrowed: socket of a face that waits for the end; its death ends the container. FD_NONE = nobody waits */
	const struct cgroup *cgroup;
	int signal_halt;           /* what EVENT_TERM sends; 0 = what @probe_halt says, else SIGTERM */
	int (*probe_halt)(pid_t init); /* signal that shuts this init down, asked when it is needed; may be NULL */
	uint64_t stop_timeout_ms;
	int restart;               /* enum spec_restart */
	void (*heal)(void *data);  /* the tables of managed networks are gone: whoever has them made again; NULL = the container is on none */
	void *heal_data;
};

enum monitor_end {
	MONITOR_STOPPED,
	MONITOR_AGAIN, /* reboot, or the restart policy: start the same plan again */
};

struct monitor;

/* Prepares everything that can fail (socket, terminals) before init is let go. */
int monitor_open(const struct monitor_options *o, struct monitor **ret, struct err *e) MUST_USE;
/* Runs until init has ended. @ret_exit: shell-style status, -1 unknown. */
int monitor_run(struct monitor *m, enum monitor_end *ret_end, int *ret_exit, struct err *e) MUST_USE;
void monitor_close(struct monitor **m);
/* Removes the control socket from @run_dir; by the monitor that has ended, while it still holds its lock. */
void monitor_forget_socket(int run_dir);

/* The client's side: connects to the control socket in @run_dir. Descriptor or -errno (-ECONNREFUSED, -ENOENT: no monitor). */
int monitor_connect(int run_dir) MUST_USE;
/* One request and its answer; a descriptor that comes with the answer is given in *ret_fd (may be NULL). 0 or -errno, @e set from a FAIL. */
struct msg;
int monitor_ask(int run_dir, uint32_t type, int64_t value, uint64_t extra, struct msg *ret, int *ret_fd, struct err *e) MUST_USE;
/* Tells the size of the terminal that somebody looks at @tty (0 = console) with. Best effort. */
void monitor_resize(int run_dir, unsigned tty, unsigned rows, unsigned cols);
