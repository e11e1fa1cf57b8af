/* notify.c - the relay between a filter's listener and the proxy that answers, and how the listener gets there.
 *
 * The loader sends a descriptor of itself first. Once it has loaded the filter it says in a shared page which number the listener has, and waits, without a system call, until the
 * relay has taken it from there (pidfd_getfd(2)): whatever calls the filter hands over are answered from then on.
 *
 * A request to the proxy is `struct proxy_message`, the kernel's request, an empty answer and the cookie, with three descriptors: the process's directory in /proc, its memory, the
 * listener. The proxy sends back the same without the cookie, the answer filled in. Without an answer in time, or with one that makes no sense, the call fails with ENOSYS. */
#include "apply/notify.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "linux/scfilter.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MS 30000u
#define HANDOVER_MS 5000u

struct notify_page {
	int listener; /* number in the loader + 1, 0 = not loaded yet */
	int taken;    /* 1 = the relay has it, < 0: -errno */
};

/* As LXC's monitor lays it out. */
struct proxy_message {
	uint64_t reserved;
	int32_t monitor_pid, init_pid;
	uint16_t notif, notif_resp, data; /* sizes, by the kernel that runs */
	uint64_t cookie_len;
};
_Static_assert(sizeof(struct proxy_message) == 32, "what proxies expect");

struct relay {
	struct sockaddr_un address;
	socklen_t address_len;
	const char *cookie;
	const struct log *log;
	struct notify_page *page;
	struct proxy_message head;
	int sock, proxy, listener;
	struct seccomp_notif *request;
	struct seccomp_notif_resp *answer;
};

/* ---- the connection ---- */

static int parse_address(const char *proxy, struct relay *ry, struct err *e)
{
	const char *name = proxy + strlen("unix:");
	size_t len = strlen(name);

	if (strncmp(proxy, "unix:", 5) != 0 || len < 2 || len >= sizeof(ry->address.sun_path))
		return err_set(e, ERR_INPUT, EINVAL, "lxc.seccomp.notify.proxy: '%.120s' is no socket, or its name is longer than %zu bytes", proxy, sizeof(ry->address.sun_path) - 1);
	ry->address.sun_family = AF_UNIX;
	memcpy(ry->address.sun_path, name, len);
	if (*name == '@')
		ry->address.sun_path[0] = '\0';
	ry->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*name != '@'));
	return 0;
}

static int connect_proxy(struct relay *ry)
{
	const struct timeval patience = {.tv_sec = ANSWER_MS / 1000};
	int r;

	fd_close(&ry->proxy);
	ry->proxy = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (ry->proxy < 0) {
		ry->proxy = FD_NONE;
		return -errno;
	}
	(void)setsockopt(ry->proxy, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(ry->proxy, (const struct sockaddr *)&ry->address, ry->address_len) == 0)
		return 0;
	r = -errno;
	fd_close(&ry->proxy);
	return r;
}

static size_t parts(struct relay *ry, struct iovec iov[4])
{
	iov[0] = (struct iovec){&ry->head, sizeof(ry->head)};
	iov[1] = (struct iovec){ry->request, ry->head.notif};
	iov[2] = (struct iovec){ry->answer, ry->head.notif_resp};
	iov[3] = (struct iovec){(void *)(uintptr_t)ry->cookie, ry->head.cookie_len};
	return iov[0].iov_len + iov[1].iov_len + iov[2].iov_len;
}

static int send_request(struct relay *ry, const int fds[3])
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = {0};
	struct iovec iov[4];
	size_t want = parts(ry, iov) + ry->head.cookie_len;
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 4, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 3 * sizeof(int));
	if (ry->proxy < 0)
		return -ENOTCONN;
	n = sendmsg(ry->proxy, &m, MSG_NOSIGNAL);
	return n < 0 ? -errno : (size_t)n == want ? 0 : -EPROTO;
}

/* Descriptors that come along are dropped by the kernel: there is no room for them. */
static int receive_answer(struct relay *ry)
{
	const uint64_t id = ry->request->id;
	struct iovec iov[4];
	size_t want = parts(ry, iov);
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 3};
	struct pollfd p = {.fd = ry->proxy, .events = POLLIN};
	uint64_t deadline = clock_deadline(ANSWER_MS);
	ssize_t n;
	int r;

	while ((r = poll(&p, 1, clock_left_ms(deadline))) < 0 && errno == EINTR)
		;
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	n = recvmsg(ry->proxy, &m, MSG_TRUNC);
	if (n < 0)
		return -errno;
	if ((size_t)n != want || ry->head.reserved != 0 || ry->answer->id != id)
		return n == 0 ? -ECONNRESET : -EPROTO;
	return 0;
}

/* ---- one request ---- */

static int ask(struct relay *ry)
{
	const struct proxy_message head = ry->head;
	const uint64_t id = ry->request->id;
	char path[32];
	autoclose int dir = FD_NONE;
	autoclose int memory = FD_NONE;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%u", ry->request->pid);
	dir = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	memory = dir < 0 ? dir : fd_open(dir, "mem", O_RDWR, 0);
	if (memory < 0)
		return memory;
	if (ioctl(ry->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0) /* so the two are that process's */
		return -errno;
	r = send_request(ry, (const int[]){dir, memory, ry->listener});
	if (r < 0) { /* it may have been started again meanwhile */
		r = connect_proxy(ry);
		if (r == 0)
			r = send_request(ry, (const int[]){dir, memory, ry->listener});
	}
	if (r == 0)
		r = receive_answer(ry);
	ry->head = head;
	if (r < 0) /* what is left of this exchange must not be taken for the next one's */
		fd_close(&ry->proxy);
	return r;
}

/* False: the last process of the filter is gone. */
static bool serve(struct relay *ry)
{
	uint64_t id;
	int r;

	memset(ry->request, 0, ry->head.notif);
	memset(ry->answer, 0, ry->head.notif_resp);
	if (ioctl(ry->listener, SECCOMP_IOCTL_NOTIF_RECV, ry->request) < 0)
		return errno == EINTR || errno == ENOENT || errno == EAGAIN;
	id = ry->answer->id = ry->request->id;
	log_write(ry->log, LOG_LEVEL_TRACE, "notify", "process %u asks for system call %d", ry->request->pid, ry->request->data.nr);
	r = ask(ry);
	if (r < 0) {
		log_write(ry->log, LOG_LEVEL_ERROR, "notify", "the proxy gives no answer, the call fails with ENOSYS: %s", strerror(-r));
		memset(ry->answer, 0, ry->head.notif_resp);
		ry->answer->id = id;
		ry->answer->error = -ENOSYS;
	}
	if (ioctl(ry->listener, SECCOMP_IOCTL_NOTIF_SEND, ry->answer) < 0 && errno != ENOENT && r == 0) {
		/* flags that this kernel does not know: nobody may be left waiting */
		memset(ry->answer, 0, ry->head.notif_resp);
		ry->answer->id = id;
		ry->answer->error = -ENOSYS;
		(void)ioctl(ry->listener, SECCOMP_IOCTL_NOTIF_SEND, ry->answer);
	}
	return true;
}

/* ---- the relay's life ---- */

static pid_t pid_of(int pidfd)
{
	char path[48], text[512];
	const char *at;
	uint32_t pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "\nPid:\t");
	if (at) {
		char *end = strchr(text + (at - text) + 6, '\n');

		if (end)
			*end = '\0';
		if (parse_u32(at + 6, &pid) < 0)
			pid = 0;
	}
	return (pid_t)pid;
}

static int take_listener(struct relay *ry)
{
	char byte;
	autoclose int pidfd = FD_NONE;
	int fds[1], number;
	ssize_t n = fd_recv(ry->sock, &byte, 1, fds, 1); /* ends when whoever could send is gone */
	struct pollfd p;

	if (n <= 0 || fds[0] < 0)
		return n < 0 ? (int)n : -ECONNRESET;
	pidfd = fds[0];
	ry->head.init_pid = pid_of(pidfd);
	p = (struct pollfd){.fd = pidfd, .events = POLLIN};
	while ((number = __atomic_load_n(&ry->page->listener, __ATOMIC_ACQUIRE)) == 0)
		if (poll(&p, 1, 1) == 1)
			return -ESRCH;
	ry->listener = (int)syscall(SYS_pidfd_getfd, pidfd, number - 1, 0);
	if (ry->listener >= 0)
		return 0;
	n = -errno;
	ry->listener = FD_NONE;
	return (int)n;
}

static NORETURN void run_relay(struct relay *ry)
{
	struct pollfd p = {.events = POLLIN};
	int r = take_listener(ry);

	__atomic_store_n(&ry->page->taken, r < 0 ? r : 1, __ATOMIC_RELEASE);
	fd_close(&ry->sock);
	if (r < 0)
		_exit(1);
	p.fd = ry->listener;
	for (;;) {
		if (poll(&p, 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (!(p.revents & POLLIN) || !serve(ry))
			break;
	}
	log_write(ry->log, LOG_LEVEL_TRACE, "notify", "the last process of the filter is gone");
	_exit(0);
}

/* Nothing of the monitor's stays open: its locks would outlive it. */
static void keep_only(const int *const fds[], size_t count)
{
	for (int next, from = 0;; from = next + 1) {
		next = INT_MAX;
		for (size_t i = 0; i < count; i++)
			if (*fds[i] >= from && *fds[i] < next)
				next = *fds[i];
		if (next > from)
			fd_close_range((unsigned)from, next == INT_MAX ? ~0U : (unsigned)next - 1);
		if (next == INT_MAX)
			break;
	}
}

/* A child of a child that ended: nobody has to reap it. */
static NORETURN void start_relay(struct relay *ry)
{
	struct log log = *ry->log;
	const int *const fds[] = {&ry->sock, &ry->proxy, &log.fd, &log.system};
	struct sigaction act = {.sa_handler = SIG_DFL};
	sigset_t none;
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0);
	ry->log = &log;
	keep_only(fds, ARRAY_LEN(fds));
	(void)sigemptyset(&none);
	(void)sigaction(SIGTERM, &act, NULL);
	(void)sigaction(SIGPIPE, &act, NULL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "coppice-notify", 0, 0, 0);
	run_relay(ry);
}

static int prepare(struct relay *ry, const char *proxy, struct err *e)
{
	struct seccomp_notif_sizes sizes;
	int r = parse_address(proxy, ry, e);

	if (r < 0)
		return r;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return err_sys(e, errno, "lxc.seccomp.notify.proxy: this kernel hands over no system calls");
	ry->head.notif = sizes.seccomp_notif;
	ry->head.notif_resp = sizes.seccomp_notif_resp;
	ry->head.data = sizes.seccomp_data;
	ry->request = calloc(1, sizes.seccomp_notif > sizeof(*ry->request) ? sizes.seccomp_notif : sizeof(*ry->request));
	ry->answer = calloc(1, sizes.seccomp_notif_resp > sizeof(*ry->answer) ? sizes.seccomp_notif_resp : sizeof(*ry->answer));
	if (!ry->request || !ry->answer)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	r = connect_proxy(ry);
	if (r < 0) {
		(void)err_sys(e, r, "lxc.seccomp.notify.proxy: connect to '%s'", proxy);
		return err_hint(e, "start the proxy first: it listens on a socket of kind SOCK_SEQPACKET");
	}
	return 0;
}

static void relay_done(struct relay *ry)
{
	free(ry->request);
	free(ry->answer);
	fd_close(&ry->sock);
	fd_close(&ry->proxy);
}

int notify_begin(const char *proxy, const char *cookie, pid_t monitor, const struct log *log, struct notify *ret, struct err *e)
{
	static const struct log silent = LOG_INIT;
	autodone(relay_done) struct relay ry = {.cookie = cookie, .log = log ? log : &silent, .sock = FD_NONE, .proxy = FD_NONE, .listener = FD_NONE,
						.head = {.monitor_pid = monitor, .cookie_len = cookie ? strlen(cookie) : 0}};
	autoclose int ours = FD_NONE;
	int pair[2], status, r = prepare(&ry, proxy, e);
	pid_t pid;

	if (r < 0)
		return r;
	ry.page = mmap(NULL, sizeof(*ry.page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ry.page == MAP_FAILED)
		return err_sys(e, errno, "share memory with the relay");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = err_sys(e, errno, "make a socket");
	} else {
		ours = pair[0];
		ry.sock = pair[1];
		pid = fork();
		if (pid == 0)
			start_relay(&ry);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			r = err_set(e, ERR_SYSTEM, EAGAIN, "fork the relay of lxc.seccomp.notify.proxy");
	}
	if (r < 0) {
		(void)munmap(ry.page, sizeof(*ry.page));
		return r;
	}
	ret->page = ry.page;
	ret->sock = take_fd(ours);
	return 0;
}

void notify_done(struct notify *n)
{
	if (n->page)
		(void)munmap(n->page, sizeof(*n->page));
	n->page = NULL;
	fd_close(&n->sock);
}

int notify_load(const struct notify *n, const char *filter, size_t len)
{
	autoclose int self = FD_NONE;
	uint64_t deadline;
	int r, taken;

	if (!n->page)
		return scfilter_load(filter, len);
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0)
		return -errno;
	r = fd_send(n->sock, "l", 1, &self, 1);
	if (r < 0)
		return r;
	fd_close(&self);
	deadline = clock_deadline(HANDOVER_MS);
	r = scfilter_load_listener(filter, len);
	if (r < 0)
		return r;
	__atomic_store_n(&n->page->listener, r + 1, __ATOMIC_RELEASE);
	/* the clock is read without a system call; the listener itself closes at the exec */
	while ((taken = __atomic_load_n(&n->page->taken, __ATOMIC_ACQUIRE)) == 0)
		if (clock_now_ms() > deadline)
			return -ETIMEDOUT;
	return taken < 0 ? taken : 0;
}
