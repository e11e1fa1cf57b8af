/* main.c - coppice-net: makes the interfaces of a container, as the network steps of its plan say.
 *
 * usage: coppice-net apply|undo
 *        coppice-net bridge-host|bridge-undo DEVICE BRIDGE
 *
 * Descriptor 3 is the socket that gets the verdict (base/msg.h). apply and undo: descriptor 0 holds the plan in wire form, 4 the container's network namespace, closed when there is
 * none. bridge-host and bridge-undo (move.h): 4 is the state file. A program of its own because libmnl exists as a shared library only; it starts in about a millisecond, while its
 * caller goes on building the root. */
#include "base/fd.h"
#include "base/msg.h"
#include "net/job.h"
#include "net/move.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REPORT_FD 3
#define NETNS_FD 4
#define STATE_FD 4
#define PLAN_MAX ((size_t)8 << 20)

static int read_plan(struct plan *ret, struct err *e)
{
	struct buf wire = BUF_INIT;
	int r = fd_read_all(0, &wire, PLAN_MAX);

	r = r < 0 ? err_sys(e, r, "read the plan") : plan_decode(buf_str(&wire), wire.len, ret, e);
	buf_done(&wire);
	return r;
}

/* The verdict goes out before anything is tidied up: somebody waits for it. */
static void report(int r, const struct err *e)
{
	if (r < 0)
		msg_send_fail(REPORT_FD, e);
	else
		(void)!msg_send(REPORT_FD, MSG_OK, 0, 0, NULL, 0);
}

static int run(const char *action, int netns)
{
	struct plan plan = {0};
	struct err e = {0};
	struct job job;
	int r = read_plan(&plan, &e);

	if (r == 0)
		r = job_init(&job, &plan, netns, &e);
	if (r < 0) {
		report(r, &e);
		plan_done(&plan);
		return r;
	}
	r = strcmp(action, "undo") == 0 ? job_undo(&job, &e) : job_apply(&job, &e);
	report(r, &e);
	job_done(&job);
	plan_done(&plan);
	return r;
}

static int move(bool back, const char *device, const char *bridge)
{
	struct err e = {0};
	int r = back ? move_back_from_bridge(device, bridge, STATE_FD, &e) : move_to_bridge(device, bridge, STATE_FD, &e);

	report(r, &e);
	return r;
}

static int usage(void)
{
	fprintf(stderr, "usage: coppice-net apply|undo|bridge-host DEVICE BRIDGE|bridge-undo DEVICE BRIDGE   (run by coppice)\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool job = argc == 2 && (strcmp(argv[1], "apply") == 0 || strcmp(argv[1], "undo") == 0);
	bool bridging = argc == 4 && (strcmp(argv[1], "bridge-host") == 0 || strcmp(argv[1], "bridge-undo") == 0);
	int netns = NETNS_FD;

	if ((!job && !bridging) || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0)
		return usage();
	if (fcntl(NETNS_FD, F_SETFD, FD_CLOEXEC) < 0)
		netns = FD_NONE;
	/* a caller that is gone must not stop an undo half way */
	(void)signal(SIGPIPE, SIG_IGN);
	return (job ? run(argv[1], netns) : move(strcmp(argv[1], "bridge-undo") == 0, argv[2], argv[3])) < 0 ? 1 : 0;
}
