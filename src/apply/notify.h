/* notify.h - system calls of a container that another program answers: policies with the action notify, and lxc.seccomp.notify.proxy.
 *
 * A relay, one small process beside the monitor, holds the filter's listener and the connection to the proxy, in the messages of LXC's monitor. It is a process of its own so that a
 * proxy that takes its time stops nobody else, and it sees the host's file names, so that it can connect again. It ends with the last process that the filter is for. */
#pragma once

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <sys/types.h>

struct notify_page;

struct notify {
	struct notify_page *page; /* shared with the relay, NULL = there is none */
	int sock;                 /* to the relay, for the process that loads the filter */
};

#define NOTIFY_INIT {.sock = FD_NONE}

/* The relay for a filter that will be loaded by a child of ours: connects to @proxy ("unix:/PATH", "unix:@NAME") and forks. @cookie: told with every request, or NULL. @monitor: the
 * process id that the proxy is told. Fails when nobody listens there. */
int notify_begin(const char *proxy, const char *cookie, pid_t monitor, const struct log *log, struct notify *ret, struct err *e) MUST_USE;
void notify_done(struct notify *n);

/* Loads the filter into the calling thread, with its listener in the relay's hands. From the load on it makes no system call: the filter may hand over any of them. With no
 * relay just loads. 0 or -errno. */
int notify_load(const struct notify *n, const char *filter, size_t len) MUST_USE;
