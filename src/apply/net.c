/* net.c - the network helper: started when the container's network namespace exists, waited for when nothing else is left to do.
 *
 * The helper is a program of its own because it needs libraries that the static monitor cannot have. It gets the NET steps as a plan, works
 * between the host's network namespace, which is ours, and the container's, and answers with one message. Its undo is idempotent and needs
 * no memory of what was done: it runs after a failed start, after the container's end, and by whoever cleans up after a killed monitor. */
#include "apply/apply.h"

#include "apply/ops.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/path.h"
#include "base/proc.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNDO_MS 10000u

/* The helper's descriptors: job, report, network namespace. */
enum { HELPER_JOB = 0, HELPER_REPORT = 3, HELPER_NETNS = 4, HELPER_FD_END = 5 };

struct helper {
	const char *path, *action;
	const char *device, *bridge; /* of bridge-host and bridge-undo, else NULL */
	int job, report, netns; /* netns: FD_NONE when there is none any more */
	int host_ns;		/* mount namespace in which @path has its meaning, FD_NONE = ours */
};

/* ---- the helper's process ---- */

/* In the forked child: descriptors at their numbers, the host's mounts, nothing else of ours. */
static NORETURN void exec_helper(const struct helper *h)
{
	static const char *const envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
	const char *argv[] = {h->path, h->action, h->device, h->bridge, NULL};
	int from[HELPER_FD_END] = {FD_NONE, FD_NONE, FD_NONE, FD_NONE, FD_NONE}, code, report;
	struct err e = {0};
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	report = from[HELPER_REPORT] =
	    fcntl(h->report, F_DUPFD_CLOEXEC, 100); /* first far away, so that no target number overwrites a source */
	from[HELPER_JOB] = h->job < 0 ? FD_NONE : fcntl(h->job, F_DUPFD_CLOEXEC, 100);
	from[HELPER_NETNS] = h->netns < 0 ? FD_NONE : fcntl(h->netns, F_DUPFD_CLOEXEC, 100);
	if (h->host_ns >= 0 && setns(h->host_ns, CLONE_NEWNS) < 0)
		goto fail;
	from[1] = from[2] = fd_open(AT_FDCWD, "/dev/null", O_WRONLY, 0);
	for (int i = 0; i < HELPER_FD_END; i++) {
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			goto fail;
		if (from[i] < 0)
			fd_close(&(int){i});
	}
	report = HELPER_REPORT;
	fd_close_range(HELPER_FD_END, ~0U);
	(void)execve(h->path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
fail:
	code = errno;
	(void)err_sys(&e, code, "run '%s'", h->path);
	msg_send_fail(report, &e);
	_exit(127);
}

/* Steps [first, end) as a job for the helper. Gives a sealed memfd. */
static int pack_job(const struct plan *plan, size_t first, size_t end, struct err *e)
{
	const struct plan job = {.steps = plan->steps + first, .count = end - first};
	struct buf wire = BUF_INIT;
	int r = plan_encode(&job, &wire);

	if (r == 0)
		r = fd_sealed("coppice-net", buf_str(&wire), wire.len);
	buf_done(&wire);
	return r < 0 ? err_sys(e, r, "pack the steps of the network") : r;
}

/* Starts it; gives its pid, a pidfd and our end of the report. */
static pid_t spawn_helper(struct helper *h, int *ret_sock, int *ret_pidfd, struct err *e)
{
	autoclose int ours = FD_NONE;
	autoclose int theirs = FD_NONE;
	int pair[2], code;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make the report socket of the network helper");
	ours = pair[0];
	theirs = h->report = pair[1];
	pid = fork();
	if (pid == 0)
		exec_helper(h);
	code = errno;
	if (pid < 0)
		return err_sys(e, code, "fork the network helper");
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	*ret_sock = take_fd(ours);
	return pid;
}

/* Kills it when it has not ended by @deadline: nobody of ours stays behind. -1 = killed. */
static int reap_helper(pid_t pid, int *pidfd, uint64_t deadline)
{
	int status = -1;

	if (proc_reap(pid, *pidfd, deadline, &status) < 0) {
		(void)!proc_kill(*pidfd, SIGKILL);
		(void)!proc_reap(pid, *pidfd, clock_deadline(5000), &status);
		status = -1;
	}
	fd_close(pidfd);
	return status;
}

/* The verdict. @first: index of the job's first step in the plan, by which a step that failed is called. After success the helper is still to be reaped: it tidies up
 * while we go on. */
static int collect(int *sock, pid_t pid, int *pidfd, size_t first, uint64_t deadline, struct err *e)
{
	struct msg m;
	int r = msg_recv(*sock, deadline, &m, NULL, 0), status;

	fd_close(sock);
	if (r == 1 && m.type == MSG_OK)
		return 0;
	if (r == -ETIMEDOUT)
		(void)!proc_kill(*pidfd, SIGKILL);
	status = reap_helper(pid, pidfd, r == 1 ? clock_deadline(5000) : deadline);
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		if (!err_is(e))
			return err_set(e, ERR_INTERNAL, EPROTO, "the network helper failed without a reason");
		e->step = e->step ? e->step + (uint32_t)first : 0;
		return -e->code;
	}
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the network helper did not finish in time");
	if (r == 0)
		return err_set(e, ERR_SYSTEM, ECHILD, "the network helper ended too early (status %d)", status);
	return r < 0 ? err_sys(e, r, "receive from the network helper")
		     : err_set(e, ERR_INTERNAL, EPROTO, "the network helper answered out of turn (%u)", m.type);
}

int apply_net(const char *helper, const struct plan *plan, size_t first, size_t end, int netns, const char *action, uint64_t deadline,
	      struct err *e)
{
	struct helper h = {.path = helper, .action = action, .job = FD_NONE, .netns = netns, .host_ns = FD_NONE};
	autoclose int job = pack_job(plan, first, end, e);
	int sock = FD_NONE, pidfd = FD_NONE, r;
	pid_t pid;

	if (job < 0)
		return job;
	h.job = job;
	pid = spawn_helper(&h, &sock, &pidfd, e);
	if (pid < 0)
		return pid;
	r = collect(&sock, pid, &pidfd, first, deadline, e);
	if (r == 0)
		(void)reap_helper(pid, &pidfd, clock_deadline(5000));
	return r;
}

int apply_net_bridge(const char *helper, const char *action, const char *device, const char *bridge, int state, uint64_t deadline, struct err *e)
{
	struct helper h = {.path = helper, .action = action, .device = device, .bridge = bridge, .job = FD_NONE, .netns = state, .host_ns = FD_NONE};
	int sock = FD_NONE, pidfd = FD_NONE;
	pid_t pid = spawn_helper(&h, &sock, &pidfd, e);

	return pid < 0 ? pid : collect(&sock, pid, &pidfd, 0, deadline, e);
}

/* ---- the steps ---- */

/* The NET steps that belong to NET_BEGIN step @begin: [first, end). */
static size_t net_end(const struct plan *p, size_t first)
{
	while (first < p->count && step_side_of(p->steps[first].kind) == SIDE_NET)
		first++;
	return first;
}

/* "eth0=10.0.0.2,fd00::2 eth1=...", as far as there is room. */
static void record_addresses(struct apply *a, size_t first, size_t end)
{
	struct buf text = BUF_INIT;
	const char *name = NULL;
	bool some = false;

	for (size_t i = first; i < end; i++) {
		const struct step *st = &a->plan->steps[i];

		if (st->kind == STEP_NIC) {
			name = st->text[1];
			some = false;
		} else if (st->kind == STEP_NIC_ADDRESS && name && st->text[0]) {
			buf_printf(&text, "%s%s%s%.*s",
				   some	      ? ","
				   : text.len ? " "
					      : "",
				   some ? "" : name, some ? "" : "=", (int)strcspn(st->text[0], "/"), st->text[0]);
			some = true;
		}
		if (text.len < sizeof(a->record.addresses))
			(void)snprintf(a->record.addresses, sizeof(a->record.addresses), "%s", buf_str(&text));
	}
	buf_done(&text);
}

/* An artificial failure among the helper's steps: it does those before it (and it, when the failure is to come after). */
static size_t cut_by_fault(const struct apply *a, size_t first, size_t end)
{
	size_t at = a->fault.step;

	if (a->fault.kind == APPLY_FAULT_NONE || at <= first || at > end)
		return end;
	return a->fault.kind == APPLY_FAULT_STEP ? at - 1 : at;
}

static int meet_fault(const struct apply *a, size_t first, size_t end, struct err *e)
{
	if (a->fault.kind == APPLY_FAULT_NONE || a->fault.step <= first || a->fault.step > end)
		return 0;
	if (a->fault.kind == APPLY_FAULT_KILL)
		ops_die();
	(void)err_set(e, ERR_SYSTEM, EIO, "injected fault");
	e->step = a->fault.step;
	return -EIO;
}

/* Whoever cleans up after a killed monitor finds in it what the helper was to make. */
int apply_keep_plan(struct apply *a, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	autoclose int dir = FD_NONE;
	int r;

	if (!a->wire || !who || a->wire_kept)
		return 0;
	dir = state_run_dir(a->state, who->text[0], true);
	r = dir < 0 ? dir : path_swap_file(dir, RECORD_PLAN, buf_str(a->wire), a->wire->len, 0600);
	a->wire_kept = r == 0;
	return r < 0 ? err_sys(e, r, "keep the plan") : 0;
}

int step_net_begin(struct apply *a, const struct step *st, struct err *e)
{
	struct helper h = {.path = st->text[0], .action = "apply", .job = FD_NONE, .host_ns = a->host_ns};
	autoclose int job = FD_NONE;
	size_t end;
	pid_t pid;
	int r;

	a->net_first = (size_t)(st - a->plan->steps) + 1;
	end = net_end(a->plan, a->net_first);
	if (!st->text[0])
		return err_set(e, ERR_INTERNAL, EINVAL, "the plan names no network helper");
	r = apply_keep_plan(a, e);
	if (r < 0)
		return r;
	record_addresses(a, a->net_first, end);
	if (a->netns < 0)
		a->netns = ns_open(a->procfs, a->child, "net");
	if (a->netns < 0)
		return err_sys(e, a->netns, "open the network namespace");
	job = pack_job(a->plan, a->net_first, cut_by_fault(a, a->net_first, end), e);
	if (job < 0)
		return job;
	h.job = job;
	h.netns = a->netns;
	pid = spawn_helper(&h, &a->net_sock, &a->net_pidfd, e);
	if (pid < 0)
		return pid;
	a->net_pid = pid;
	return 0;
}

int step_net_wait(struct apply *a, const struct step *st, struct err *e)
{
	int r;

	(void)st;
	if (a->net_pid <= 0)
		return err_set(e, ERR_INTERNAL, ECHILD, "no network helper is at work");
	r = collect(&a->net_sock, a->net_pid, &a->net_pidfd, a->net_first, a->deadline, e);
	if (r < 0)
		a->net_pid = 0;
	return r < 0 ? r : meet_fault(a, a->net_first, net_end(a->plan, a->net_first), e);
}

void apply_net_reap(struct apply *a)
{
	if (a->net_pid > 0)
		(void)reap_helper(a->net_pid, &a->net_pidfd, clock_deadline(5000));
	a->net_pid = 0;
}

void undo_net_begin(struct apply *a, const struct step *st)
{
	size_t first = (size_t)(st - a->plan->steps) + 1;
	struct err ignored = {0};

	if (a->net_pid > 0) { /* still at work: what it has done by now is undone like the rest */
		fd_close(&a->net_sock);
		(void)!proc_kill(a->net_pidfd, SIGKILL);
		apply_net_reap(a);
	}
	if (st->text[0])
		(void)!apply_net(st->text[0], a->plan, first, net_end(a->plan, first), a->netns, "undo", clock_deadline(UNDO_MS), &ignored);
	fd_close(&a->netns);
}

int apply_net_undo(const struct plan *plan, int netns, struct err *e)
{
	const struct step *begin = plan_find(plan, STEP_NET_BEGIN, 0);
	size_t first;

	if (!begin || !begin->text[0])
		return 0;
	first = (size_t)(begin - plan->steps) + 1;
	return apply_net(begin->text[0], plan, first, net_end(plan, first), netns, "undo", clock_deadline(UNDO_MS), e);
}

int apply_open_netns(struct apply *a, struct err *e)
{
	const struct step *begin = plan_find(a->plan, STEP_NET_BEGIN, 0);
	size_t first = begin ? (size_t)(begin - a->plan->steps) + 1 : 0;
	char path[48];
	int fd;

	if (!begin)
		return 0;
	if (!a->record.addresses[0]) /* the record was lost */
		record_addresses(a, first, net_end(a->plan, first));
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)a->child);
	fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	/* the pid may have become another's between the two: then the process behind the descriptor is gone */
	if (fd >= 0 && proc_kill(a->child_pidfd, 0) < 0)
		fd_close(&fd);
	if (fd < 0)
		return err_sys(e, fd, "open the network namespace");
	fd_close(&a->netns);
	a->netns = fd;
	return 0;
}

/* ---- resolv.conf ---- */

#define OURS "# written by coppice at every start; remove this line to keep your own\n"

/* Whether the file may be (over)written: empty, or ours from an earlier start. */
static bool is_ours(int fd)
{
	char head[sizeof(OURS)] = "";
	ssize_t n = pread(fd, head, sizeof(OURS) - 1, 0);

	return n == 0 || (n == (ssize_t)sizeof(OURS) - 1 && memcmp(head, OURS, sizeof(OURS) - 1) == 0);
}

int apply_resolv(int root, const char *text, struct err *e)
{
	autoclose int fd = path_open_nolinks(root, "etc/resolv.conf", O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
	struct stat info;
	int r;

	/* a link, no /etc, read-only, something that is no file: names are resolved as that one says */
	if (fd == -ELOOP || fd == -ENOENT || fd == -EROFS || fd == -EISDIR || fd == -ENOTDIR || fd == -ENXIO)
		return 0;
	if (fd < 0)
		return err_sys(e, fd, "open /etc/resolv.conf");
	if (fstat(fd, &info) < 0)
		return err_sys(e, errno, "look at /etc/resolv.conf");
	if (!S_ISREG(info.st_mode) || !is_ours(fd))
		return 0;
	if (ftruncate(fd, 0) < 0)
		return err_sys(e, errno, "empty /etc/resolv.conf");
	r = fd_write_all(fd, OURS, sizeof(OURS) - 1);
	if (r == 0)
		r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_sys(e, r, "write /etc/resolv.conf") : 0;
}

int step_resolv(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);

	(void)a;
	return root < 0 ? err_sys(e, root, "open the root") : apply_resolv(root, st->text[0], e);
}
