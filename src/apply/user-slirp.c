/* user-slirp.c - slirp4netns: started as a child that says when it is ready, told the ports over a socket in the container's run-time
 * directory. */
#include "apply/user-net.h"

#include "apply/ops.h"
#include "base/clock.h"
#include "base/fd.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READY_MS 10000u
#define SOCKET_NAME "network.sock"
#define READY_FD 3
#define DIR_FD 4

/* In the child: the namespace as standard input, what it says into @log. */
static NORETURN void exec_slirp(const struct apply *a, const struct step *st, int netns, int log, int ready, int dir)
{
	const char *argv[] = {st->text[0],
			      "--configure",
			      "--mtu=65520",
			      "--disable-host-loopback",
			      "--netns-type=path",
			      "--ready-fd=3",
			      "--api-socket=/proc/self/fd/4/" SOCKET_NAME,
			      "/proc/self/fd/0",
			      st->text[1],
			      NULL};
	const char *envp[] = {NULL};
	int far[2] = {fcntl(ready, F_DUPFD_CLOEXEC, 100), fcntl(dir, F_DUPFD_CLOEXEC, 100)};

	_Static_assert(READY_FD == 3 && DIR_FD == 4, "as the words above say");
	(void)setsid();
	/* it reads the host's resolv.conf again and again, which will not be seen from the stage */
	if (ns_enter(a->host_ns, CLONE_NEWNS) == 0 && far[0] >= 0 && far[1] >= 0 && dup2(netns, 0) >= 0 && dup2(log, 1) >= 0 &&
	    dup2(log, 2) >= 0 && dup2(far[0], READY_FD) >= 0 && dup2(far[1], DIR_FD) >= 0) {
		fd_close_range(DIR_FD + 1, ~0U);
		(void)execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	}
	_exit(127);
}

/* One byte; an end of file is its end. */
static int wait_ready(int ready, uint64_t deadline)
{
	struct pollfd p = {.fd = ready, .events = POLLIN};
	char byte;
	int n;

	do
		n = poll(&p, 1, clock_left_ms(deadline));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	return read(ready, &byte, 1) == 1 ? 0 : -EPIPE;
}

static int ask(int dir, const char *request, char answer[512])
{
	autoclose int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = 5};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = 0;
	ssize_t n = 1;

	if (sock < 0)
		return -errno;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/" SOCKET_NAME, dir);
	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(sock, (const struct sockaddr *)(const void *)&to, sizeof(to)) < 0)
		return -errno;
	if (send(sock, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request) || shutdown(sock, SHUT_WR) < 0)
		return errno ? -errno : -EPIPE;
	while (len < 511 && (n = read(sock, answer + len, 511 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	return n < 0 ? -errno : 0;
}

static int publish(int dir, const struct step *st, struct err *e)
{
	const char *address = st->text[0] ? st->text[0] : "0.0.0.0";
	char request[256], answer[512];
	int r = 0;

	if (strchr(address, ':'))
		return err_set(e, ERR_UNSUPPORTED, EAFNOSUPPORT,
			       "slirp4netns publishes no port of an IPv6 address; pasta (package passt) does");
	for (uint64_t i = 0; i < st->number[2] && r == 0; i++) {
		(void)snprintf(request, sizeof(request),
			       "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"%s\",\"host_addr\":\"%s\",\"host_port\":%u,\"guest_"
			       "port\":%u}}",
			       st->text[1], address, (unsigned)(st->number[0] + i), (unsigned)(st->number[1] + i));
		r = ask(dir, request, answer);
		if (r < 0)
			return err_sys(e, r, "ask slirp4netns for port %u", (unsigned)(st->number[0] + i));
		if (strstr(answer, "\"error\""))
			r = err_set(e, ERR_SYSTEM, EADDRINUSE, "slirp4netns cannot publish port %u of '%s'", (unsigned)(st->number[0] + i),
				    address);
	}
	return r;
}

static int publish_all(struct apply *a, int dir, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < a->plan->count && r == 0; i++)
		if (a->plan->steps[i].kind == STEP_USER_PORT)
			r = publish(dir, &a->plan->steps[i], e);
	return r;
}

static int start(struct apply *a, const struct step *st, int dir, pid_t *ret_pid, struct err *e)
{
	autoclose int netns = ns_open(a->procfs, a->child, "net");
	autoclose int log = memfd_create("slirp4netns", MFD_CLOEXEC);
	autoclose int ready = FD_NONE;
	autodone(buf_done) struct buf text = BUF_INIT;
	int pair[2], r;
	pid_t pid;

	if (netns < 0 || log < 0)
		return err_sys(e, netns < 0 ? netns : errno, "open the network namespace");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	ready = pair[0];
	pid = ns_clone(0, FD_NONE, false, NULL);
	if (pid == 0)
		exec_slirp(a, st, netns, log, pair[1], dir);
	fd_close(&pair[1]);
	if (pid < 0)
		return err_sys(e, pid, "fork");
	*ret_pid = pid;
	r = user_net_remember(a, pid, e);
	if (r < 0)
		return r;
	r = wait_ready(ready, clock_deadline(READY_MS));
	if (r < 0 && (lseek(log, 0, SEEK_SET) < 0 || fd_read_all(log, &text, 65536) < 0))
		buf_clear(&text);
	return r < 0 ? user_net_told(st->text[0], &text, e) : 0;
}

int user_net_slirp(struct apply *a, const struct step *st, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	autoclose int dir = state_run_dir(a->state, who->text[0], true);
	pid_t pid = 0;
	int r;

	if (dir < 0)
		return err_sys(e, dir, "open the run-time directory of '%s'", who->text[0]);
	r = start(a, st, dir, &pid, e);
	if (r == 0)
		r = publish_all(a, dir, e);
	(void)unlinkat(dir, SOCKET_NAME, 0);
	if (r < 0)
		apply_end_user_net(&a->record);
	return r;
}
