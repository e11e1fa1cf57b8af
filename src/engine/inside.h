/* inside.h - processes that enter a running container. Private to the engine. */
#pragma once

#include "apply/notify.h"
#include "engine/engine.h"

/* Running container @name, or -ESRCH with the hint to start it. */
int engine_running(struct coppice *c, const char *name, struct live *l, struct err *e) MUST_USE;

/* Asks init to shut the system down, in the way this init understands: @signal when not 0, else by what init is. One that has just been started and does not listen yet
 * is waited for until @deadline, and asked all the same then. */
int inside_halt(struct coppice *c, const struct live *l, int pidfd, int signal, bool small_init, uint64_t deadline, struct err *e) MUST_USE;

/* The signal of the two that asks the init with this pid for the end; nothing is looked up in the container. */
int inside_halt_signal(pid_t init);
/* Asks init to start the system anew, as inside_halt(). */
int inside_reboot(struct coppice *c, const struct live *l, int pidfd, int signal, uint64_t deadline, struct err *e) MUST_USE;

/* What kind of init runs as pid 1. */
enum init_kind { INIT_UNKNOWN, INIT_SYSTEMD, INIT_SYSVINIT, INIT_BUSYBOX, INIT_SMALL, INIT_RUNIT, INIT_OPENRC };
enum init_kind inside_init_kind(const struct live *l);

/* Forks a process into the running container: its cgroups, all namespaces, root of its user namespace, capabilities of the container. The child calls @run, which
 * never returns. Gives pid and pidfd of a child of ours. @filter: load the container's system call filter and capability bounds. */
struct inside_entry {
	const struct live *live;
	struct coppice *c;
	const struct spec *spec;  /* for capability bounds, filter and limits; NULL = none of them (our own code runs, no program of the container) */
	NORETURN void (*run)(void *data, int report);
	void *data;
	unsigned elevate, namespaces; /* as in struct coppice_exec */
	bool remount;
	struct notify *notify;    /* with @filter: gets the relay that @run loads it with, when its policy hands calls over; may be NULL */
	struct buf *filter;       /* gets the filter instead of its being loaded: @run loads it when nothing but the program follows; NULL = loaded before @run */
};
int inside_fork(const struct inside_entry *in, pid_t *ret_pid, int *ret_pidfd, int *ret_report, struct err *e) MUST_USE;
