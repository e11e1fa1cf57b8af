/* proc.h - processes by descriptor, identified beyond pid reuse.
 *
 * A pid names a process only together with its start time and the boot it lives in; `struct proc_id` is that triple and is what
 * records on disk hold. A live process is held by pidfd. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

struct proc_id {
	int32_t pid;         /* 0 = none */
	uint32_t reserved;
	uint64_t start_time; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

/* Identity of running process @pid (0 = self). 0 or -errno (-ESRCH when gone). */
int proc_identify(pid_t pid, struct proc_id *ret) MUST_USE;

/* pidfd of the process @id names; -ESRCH when it is gone or the pid was reused. A zombie counts as gone. */
int proc_open(const struct proc_id *id) MUST_USE;

/* True when @id names a live (not zombie) process. One small read, no descriptor kept: for listings. */
bool proc_alive(const struct proc_id *id);

/* When the process of @id was started, in unix seconds. */
int64_t proc_started(const struct proc_id *id);

/* The kernel's boot id (36 characters), which dates every record. 0 or -errno. */
int proc_boot_id(char ret[40]) MUST_USE;

/* pidfd_send_signal(2). 0 or -errno. */
int proc_kill(int pidfd, int sig) MUST_USE;

/* Waits until the process behind @pidfd has ended or @deadline (clock.h) passed: 0 or -ETIMEDOUT. Works for non-children. */
int proc_wait_gone(int pidfd, uint64_t deadline) MUST_USE;

/* Reaps child @pid, waiting until @deadline. Gives its wait status as a shell sees it: exit code, or 128 + signal. */
int proc_reap(pid_t pid, int pidfd, uint64_t deadline, int *ret_status) MUST_USE;

/* One helper program run to its end. argv[0] is the path. stdin is /dev/null unless @in_fd is a descriptor; stdout goes to @out (or
 * to stderr when NULL); stderr is appended to @log when given (last 64 KiB kept), else inherited. The environment is a minimal fixed one plus
 * @env (NULL or "K=V" list). Gives the shell-style status; -errno only when the program could not be run at all (-ENOENT ...).
 * On deadline the whole process group is killed and -ETIMEDOUT returned. */
struct proc_run {
	const char *const *argv;
	const char *const *env;
	int in_fd;         /* FD_NONE = /dev/null */
	int cwd_fd;        /* FD_NONE = inherit */
	struct buf *out;
	size_t out_max;    /* bytes, 0 = 1 MiB; beyond it the helper is killed, -EFBIG */
	struct buf *log;
	const int *keep;   /* descriptors passed on under the same number */
	size_t keep_count;
	uint64_t deadline; /* clock.h */
	bool tied;         /* killed when the calling thread dies */
	bool may_leave;    /* what the program leaves running with its output open does not keep us waiting, and is not killed */
};
int proc_run(const struct proc_run *run, int *ret_status) MUST_USE;

/* execve(2) of argv[0], a name without a '/' looked for in the PATH of @env (a NULL-ended list), not in the caller's. Returns only on failure: the -errno that tells
 * most. */
int proc_exec(const char *const *argv, const char *const *env);
