/* monitor.c - one epoll loop: init's pidfd, signals, terminals, control socket. */
#include "supervise/monitor.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/msg.h"
#include "base/parse.h"
#include "linux/cgroup.h"
#include "linux/netdev.h"
#include "spec/spec.h"
#include "supervise/logfile.h"
#include "supervise/machine.h"
#include "supervise/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET_NAME "control"
#define MAX_CLIENTS 32

struct client {
	struct monitor *m;
	int fd;
	struct loop_watch *watch;
};

struct monitor {
	struct monitor_options o;
	struct loop *loop;
	enum machine_state state;
	enum monitor_end end;
	int exit;
	int listen, signals;
	int losses; /* of nftables, or FD_NONE */
	uint64_t healed; /* not again before */
	struct loop_watch *losses_watch, *heal_timer;
	struct loop_watch *init_watch, *listen_watch, *signal_watch, *grace, *face_watch;
	struct logfile log;
	bool has_log;
	struct tty *ttys[MONITOR_MAX_TTYS];
	size_t tty_count;
	struct client clients[MAX_CLIENTS];
};

/* ---- init's end ---- */

/* Exit information by pidfd, for a process that is not our child (Linux 6.15). Layout: include/uapi/linux/pidfd.h. */
static int status_by_pidfd(int pidfd, int *ret_status)
{
	struct {
		uint64_t mask, cgroup;
		uint32_t ids[11];
		int32_t exit_code;
	} info = {.mask = 1u << 3 /* PIDFD_INFO_EXIT */};

	_Static_assert(sizeof(info) == 64, "first published size of struct pidfd_info");
	if (ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, sizeof(info)), &info) < 0)
		return -errno;
	if (!(info.mask & (1u << 3)))
		return -ENODATA;
	*ret_status = info.exit_code;
	return 0;
}

/* The status of a process that somebody else reaps: from the zombie's stat file while it waits for that (field 52; shown to whoever may trace it), from its pidfd when
 * it is gone. The pidfd says which, so that a pid used anew is never asked. */
static int status_of_stranger(const struct monitor *m, int *ret_status)
{
	uint64_t deadline = clock_deadline(2000);
	char path[32], text[1024], *field;
	uint32_t status;
	int r;

	do {
		r = status_by_pidfd(m->o.init_pidfd, ret_status);
		if (r != -ENODATA)
			break;
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)m->o.init_pid);
		if (fd_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 && (field = strrchr(text, ' ')) && strstr(text, ") Z ")) {
			field[1 + strcspn(field + 1, "\n")] = '\0';
			/* signal 0 reaches a zombie, and nothing once it was reaped: what we have read was of it */
			if (parse_u32(field + 1, &status) == 0 && proc_kill(m->o.init_pidfd, 0) == 0) {
				*ret_status = (int)status;
				return 0;
			}
		}
		(void)poll(NULL, 0, 5);
	} while (clock_left_ms(deadline) > 0);
	return r;
}

static int wait_status(struct monitor *m, int *ret_status)
{
	pid_t got;

	if (!m->o.init_child)
		return status_of_stranger(m, ret_status);
	do
		got = waitpid(m->o.init_pid, ret_status, __WALL);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : 0;
}

/* reboot(2) inside a pid namespace ends its init by a signal: SIGHUP = restart, SIGINT = halt or power off. */
static enum machine_event classify(struct monitor *m, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP)
		return EVENT_EXIT_REBOOT;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) {
		m->exit = 0;
		return EVENT_EXIT_OK;
	}
	return m->exit == 0 ? EVENT_EXIT_OK : EVENT_EXIT_FAIL;
}

static void step(struct monitor *m, enum machine_event event);

static void on_init(struct loop *l, int fd, uint32_t events, void *data)
{
	struct monitor *m = data;
	enum machine_event event = EVENT_EXIT_OK;
	int status = 0;

	(void)l;
	(void)fd;
	(void)events;
	loop_remove(m->loop, &m->init_watch);
	if (wait_status(m, &status) == 0) {
		m->exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		event = classify(m, status);
	} else {
		m->exit = -1; /* an adopted init on an older kernel: how it ended is not known */
	}
	step(m, event);
}

static void finish(struct monitor *m, bool again)
{
	m->end = again ? MONITOR_AGAIN : MONITOR_STOPPED;
	loop_quit(m->loop);
}

static int halt_signal(const struct monitor *m)
{
	if (m->o.signal_halt)
		return m->o.signal_halt;
	return m->o.probe_halt ? m->o.probe_halt(m->o.init_pid) : SIGTERM;
}

static void act(struct monitor *m, enum machine_action action)
{
	switch (action) {
	case ACTION_NONE:
		break;
	case ACTION_HALT:
		(void)!cgroup_freeze(m->o.cgroup, false, clock_deadline(1000));
		(void)!proc_kill(m->o.init_pidfd, halt_signal(m));
		loop_set_timer(m->grace, clock_deadline(m->o.stop_timeout_ms));
		break;
	case ACTION_KILL:
		(void)!cgroup_kill(m->o.cgroup, clock_deadline(5000));
		(void)!proc_kill(m->o.init_pidfd, SIGKILL);
		break;
	case ACTION_END:
		finish(m, false);
		break;
	case ACTION_REBOOT:
		finish(m, true);
		break;
	case ACTION_RESTART:
		finish(m, m->o.restart == SPEC_RESTART_ALWAYS);
		break;
	case ACTION_RECOVER:
		finish(m, m->o.restart != SPEC_RESTART_NO);
		break;
	}
}

static void step(struct monitor *m, enum machine_event event)
{
	act(m, machine_step(&m->state, event));
}

static void on_signal(struct loop *l, int fd, uint32_t events, void *data)
{
	struct signalfd_siginfo si;

	(void)l;
	(void)events;
	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo == SIGTERM)
			step(data, EVENT_TERM);
}

/* A foreground container belongs to whoever ran it: nobody is left to see its end. */
static void on_face(struct loop *l, int fd, uint32_t events, void *data)
{
	struct monitor *m = data;

	(void)fd;
	(void)events;
	loop_remove(l, &m->face_watch);
	step(m, EVENT_TERM);
}

static void on_grace(struct loop *l, int fd, uint32_t events, void *data)
{
	(void)l;
	(void)fd;
	(void)events;
	step(data, EVENT_GRACE_OVER);
}

/* ---- the rules of managed networks ---- */

#define CALM_MS 300u     /* whoever reloads a firewall takes away first and puts back then */
#define SPREAD_MS 700u   /* one monitor heals for all: most of the others find that it has */
#define HEAL_PAUSE_MS 5000u

static void on_losses(struct loop *l, int fd, uint32_t events, void *data)
{
	struct monitor *m = data;
	char byte;
	uint64_t at = clock_deadline(CALM_MS + (uint64_t)getpid() * 131 % SPREAD_MS);

	(void)l;
	(void)events;
	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
	loop_set_timer(m->heal_timer, at > m->healed ? at : m->healed);
}

static void on_heal_timer(struct loop *l, int fd, uint32_t events, void *data)
{
	struct monitor *m = data;

	(void)l;
	(void)fd;
	(void)events;
	if (netdev_nft_table(NFPROTO_INET, "coppice") == 1 && netdev_nft_table(NFPROTO_BRIDGE, "coppice") == 1)
		return;
	m->healed = clock_deadline(HEAL_PAUSE_MS);
	m->o.heal(m->o.heal_data);
}

/* ---- control socket ---- */

static void drop_client(struct client *c)
{
	loop_remove(c->m->loop, &c->watch);
	fd_close(&c->fd);
}

static int answer(int fd, enum msg_type type, int64_t value, int pass)
{
	return msg_send(fd, type, value, 0, &pass, pass >= 0 ? 1 : 0);
}

/* The console is nobody's login: it is never the free one. */
static int free_tty(const struct monitor *m, size_t *ret, struct err *e)
{
	for (size_t i = 1; i < m->tty_count; i++) {
		if (tty_viewers(m->ttys[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (m->tty_count <= 1)
		return err_set(e, ERR_MISSING, ENOENT, "container '%s' has no terminals but its console, which is number 0", m->o.name);
	return err_set(e, ERR_BUSY, EBUSY, "somebody looks at each of the terminals 1 to %zu; one that is named can be shared", m->tty_count - 1);
}

static int handle_attach(struct monitor *m, int fd, const struct msg *in)
{
	struct err e = {0};
	autoclose int stream = FD_NONE;
	size_t tty = (size_t)in->value;

	if (in->value == -1) {
		if (free_tty(m, &tty, &e) < 0) {
			msg_send_fail(fd, &e);
			return 0;
		}
	} else if (in->value < 0 || (uint64_t)in->value >= m->tty_count) {
		(void)err_set(&e, ERR_MISSING, ENOENT, "container '%s' has terminals 0 to %zu", m->o.name, m->tty_count ? m->tty_count - 1 : 0);
		msg_send_fail(fd, &e);
		return 0;
	}
	stream = tty_attach(m->ttys[tty], (unsigned)(in->extra >> 16) & 0xffff, (unsigned)in->extra & 0xffff);
	if (stream < 0) {
		(void)err_sys(&e, stream, "add a viewer of terminal %zu", tty);
		msg_send_fail(fd, &e);
		return 0;
	}
	return answer(fd, MSG_OK, (int64_t)tty, stream);
}

static int handle(struct monitor *m, int fd, const struct msg *in)
{
	switch (in->type) {
	case MSG_PING:
		return answer(fd, MSG_OK, m->state, FD_NONE);
	case MSG_ATTACH:
		return handle_attach(m, fd, in);
	case MSG_WINCH:
		if (in->value >= 0 && (uint64_t)in->value < m->tty_count)
			tty_resize(m->ttys[in->value], (unsigned)(in->extra >> 16) & 0xffff, (unsigned)in->extra & 0xffff);
		return answer(fd, MSG_OK, 0, FD_NONE);
	case MSG_STOPPING:
		step(m, in->value ? EVENT_STOP_DROPPED : EVENT_STOP_ASKED);
		return answer(fd, MSG_OK, 0, FD_NONE);
	default:
		return -EPROTO;
	}
}

static void on_client(struct loop *l, int fd, uint32_t events, void *data)
{
	struct client *c = data;
	struct msg m;
	int r = msg_recv(fd, clock_now_ms(), &m, NULL, 0);

	(void)l;
	(void)events;
	if (r == -ETIMEDOUT)
		return;
	if (r != 1 || handle(c->m, fd, &m) < 0)
		drop_client(c);
}

/* The directory is 0700; the credentials check holds even if somebody opened it up. */
static bool is_root_peer(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && (cred.uid == 0 || cred.uid == geteuid());
}

static void on_listen(struct loop *l, int fd, uint32_t events, void *data)
{
	struct monitor *m = data;
	autoclose int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *free_slot = NULL;

	(void)l;
	(void)events;
	if (conn < 0 || !is_root_peer(conn))
		return;
	for (size_t i = 0; i < MAX_CLIENTS && !free_slot; i++)
		if (!m->clients[i].watch)
			free_slot = &m->clients[i];
	if (!free_slot)
		return; /* closing tells the client */
	*free_slot = (struct client){.m = m, .fd = FD_NONE};
	free_slot->watch = loop_add(m->loop, conn, EPOLLIN, on_client, free_slot);
	if (free_slot->watch)
		free_slot->fd = take_fd(conn);
}

static void socket_address(int run_dir, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" SOCKET_NAME, run_dir);
}

static int listen_on(int run_dir)
{
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return -errno;
	(void)unlinkat(run_dir, SOCKET_NAME, 0); /* of a monitor that was killed; the monitor lock says it is dead */
	socket_address(run_dir, &addr);
	(void)umask(077);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0)
		return -errno;
	return take_fd(fd);
}

int monitor_connect(int run_dir)
{
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return -errno;
	socket_address(run_dir, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return take_fd(fd);
}

int monitor_ask(int run_dir, uint32_t type, int64_t value, uint64_t extra, struct msg *ret, int *ret_fd, struct err *e)
{
	autoclose int fd = monitor_connect(run_dir);
	int got = FD_NONE, r;

	if (fd < 0)
		return err_sys(e, fd, "connect to the container's monitor");
	r = msg_send(fd, type, value, extra, NULL, 0);
	if (r == 0)
		r = msg_recv(fd, clock_deadline(5000), ret, &got, 1);
	if (r == 1 && ret->type == MSG_FAIL) {
		fd_close(&got);
		*e = ret->err;
		return e->code ? -e->code : -EIO;
	}
	if (r != 1) {
		fd_close(&got);
		return err_sys(e, r < 0 ? r : -ECONNRESET, "ask the container's monitor");
	}
	if (ret_fd)
		*ret_fd = got;
	else
		fd_close(&got);
	return 0;
}

void monitor_resize(int run_dir, unsigned tty, unsigned rows, unsigned cols)
{
	struct err ignored;
	struct msg m;

	(void)!monitor_ask(run_dir, MSG_WINCH, tty, ((uint64_t)rows << 16) | cols, &m, NULL, &ignored);
}

/* ---- life ---- */

static int open_signals(struct monitor *m)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a log at a file size limit is a full disk, not our end */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals < 0 ? -errno : 0;
}

static int open_ttys(struct monitor *m, struct err *e)
{
	struct logfile *log = NULL;
	int r;

	if (m->o.log_dir >= 0 && m->o.log_size) {
		r = logfile_open(&m->log, m->o.log_dir, m->o.log_name, m->o.log_size);
		if (r == -EEXIST)
			return err_set(e, ERR_INPUT, EEXIST, "the console's log '%s' (lxc.console.logfile) is there, and no regular file", m->o.log_name);
		if (r < 0)
			return err_sys(e, r, "open the console's log '%s' (lxc.console.logfile)", m->o.log_name);
		m->has_log = true;
		log = &m->log;
	}
	for (size_t i = 0; i < m->o.master_count && i < MONITOR_MAX_TTYS; i++) {
		r = tty_open(m->loop, take_fd(m->o.masters[i]), m->o.ring_size, i == 0 ? log : NULL, &m->ttys[i]);
		if (r < 0)
			return err_sys(e, r, "watch terminal %zu", i);
		m->tty_count = i + 1;
	}
	return 0;
}

static int add_watches(struct monitor *m)
{
	m->init_watch = loop_add(m->loop, m->o.init_pidfd, EPOLLIN, on_init, m);
	m->listen_watch = loop_add(m->loop, m->listen, EPOLLIN, on_listen, m);
	m->signal_watch = loop_add(m->loop, m->signals, EPOLLIN, on_signal, m);
	m->grace = loop_add(m->loop, FD_NONE, 0, on_grace, m);
	/* without it they come back with the next start */
	m->losses = m->o.heal ? netdev_nft_losses() : FD_NONE;
	if (m->losses >= 0) {
		m->heal_timer = loop_add(m->loop, FD_NONE, 0, on_heal_timer, m);
		m->losses_watch = m->heal_timer ? loop_add(m->loop, m->losses, EPOLLIN, on_losses, m) : NULL;
	}
	if (m->o.face >= 0) {
		m->face_watch = loop_add(m->loop, m->o.face, EPOLLRDHUP, on_face, m);
		if (!m->face_watch)
			return -ENOMEM;
	}
	return m->init_watch && m->listen_watch && m->signal_watch && m->grace ? 0 : -ENOMEM;
}

int monitor_open(const struct monitor_options *o, struct monitor **ret, struct err *e)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	m->o = *o;
	m->listen = m->signals = m->losses = FD_NONE;
	r = loop_open(&m->loop);
	if (r == 0)
		r = open_signals(m);
	if (r == 0) {
		m->listen = listen_on(o->run_dir);
		r = m->listen < 0 ? m->listen : 0;
	}
	if (r == 0)
		r = add_watches(m);
	r = r < 0 ? err_sys(e, r, "set up the monitor") : open_ttys(m, e);
	if (r == 0 && o->first_viewer >= 0 && m->tty_count)
		r = tty_add_viewer(m->ttys[0], take_fd(m->o.first_viewer));
	if (r == 0 && o->console_peer >= 0 && m->tty_count)
		r = tty_set_peer(m->ttys[0], take_fd(m->o.console_peer));
	if (r < 0) {
		monitor_close(&m);
		return r;
	}
	*ret = m;
	return 0;
}

int monitor_run(struct monitor *m, enum monitor_end *ret_end, int *ret_exit, struct err *e)
{
	int r = loop_run(m->loop);
	uint64_t patience = clock_deadline(250); /* for all viewers together */

	if (r < 0)
		return err_sys(e, r, "wait for events");
	/* what init printed last is still in the ptys */
	for (size_t i = 0; i < m->tty_count; i++)
		tty_finish(m->ttys[i], patience);
	*ret_end = m->end;
	*ret_exit = m->exit;
	return 0;
}

void monitor_forget_socket(int run_dir)
{
	(void)unlinkat(run_dir, SOCKET_NAME, 0);
}

void monitor_close(struct monitor **mp)
{
	struct monitor *m = *mp;

	if (!m)
		return;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (m->clients[i].watch)
			drop_client(&m->clients[i]);
	for (size_t i = 0; i < m->tty_count; i++)
		tty_close(&m->ttys[i]);
	if (m->has_log)
		logfile_close(&m->log);
	loop_close(&m->loop);
	fd_close(&m->listen);
	fd_close(&m->signals);
	fd_close(&m->losses);
	fd_close(&m->o.log_dir);
	free(m);
	*mp = NULL;
}
