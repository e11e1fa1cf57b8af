/* relay.c - up to three one-way flows and one poll.
 *
 * A flow reads only when it holds nothing and writes only what the other side takes, so that no direction waits for another. A client must stay
 * killable and detachable even when its terminal is stuck, yet O_NONBLOCK on descriptors 0-2 would change them for every process that shares
 * them: terminals and pipes are opened once more through /proc/self/fd, which makes a description of our own. */
#include "supervise/relay.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FLOW_SIZE (32 * 1024)
#define LEAVE_MS 100
#define PTY_REST ((uint64_t)256 * 1024) /* more than a pty and a viewer's socket hold */

/* One end of a flow. */
struct end {
	int fd; /* FD_NONE once it is over */
	bool ours; /* to close */
	bool socket;
	size_t step; /* bytes one write may carry: a blocking pipe that polls writable takes PIPE_BUF without waiting */
};

/* The detach sequence, followed through the typed bytes. */
struct escape {
	int key; /* 0 = none */
	bool armed, detach;
};

struct flow {
	struct end from, to;
	struct escape *escape; /* NULL: bytes pass as they are */
	uint64_t owed;         /* after the process ended: bytes still taken from @from */
	int error;             /* -errno that broke the receiving end */
	int log;               /* gets a copy of what was read; 0 = none */
	size_t at, len;
	char data[FLOW_SIZE];
};

struct signals {
	int fd;
	bool active;
	sigset_t old;
};

struct relay {
	struct flow in, out, err;
	struct flow screen; /* of a terminal beside pipes */
	struct signals signals;
	int pidfd;
	bool ended;
	uint64_t leave; /* when ended: from then on only what is owed */
};

static void end_close(struct end *e)
{
	if (e->ours)
		fd_close(&e->fd);
	e->fd = FD_NONE;
}

static struct end end_of(int fd, bool ours)
{
	struct end e = {.fd = fd, .ours = ours, .step = FLOW_SIZE};
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0)
		e.socket = S_ISSOCK(st.st_mode);
	return e;
}

/* An output of the caller: never waits, and leaves the flags of @fd alone. */
static struct end end_of_caller(int fd)
{
	struct end e = end_of(fd, false);
	struct stat st;
	char path[32];
	int own;

	if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))))
		return e;
	e.step = PIPE_BUF;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = fd_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (own < 0)
		return e;
	if (!fd_same_file(fd, own)) {
		fd_close(&own);
		return e;
	}
	return (struct end){.fd = own, .ours = true, .step = FLOW_SIZE};
}

/* Length written to @out, which may begin one byte before @in: a key held back from the read before can come on top. */
static size_t escape_filter(struct escape *e, char *out, const char *in, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && !e->detach; i++) {
		char c = in[i];
		bool is_key = e->key && (unsigned char)c == e->key;

		if (!e->armed && is_key) {
			e->armed = true;
			continue;
		}
		if (e->armed && c == 'q') {
			e->detach = true;
			break;
		}
		if (e->armed && !is_key)
			out[n++] = (char)e->key;
		e->armed = false;
		out[n++] = c;
	}
	return n;
}

static bool flow_open(const struct flow *f)
{
	return f->to.fd >= 0;
}

/* Nothing more comes: the receiver is closed when it has everything. */
static void flow_end(struct flow *f)
{
	end_close(&f->from);
	if (f->len == 0)
		end_close(&f->to);
}

/* Nobody takes it any more: the sender is told by closing. */
static void flow_break(struct flow *f, int error)
{
	f->error = error;
	f->len = 0;
	end_close(&f->from);
	end_close(&f->to);
}

static void flow_fill(struct flow *f)
{
	ssize_t n = read(f->from.fd, f->data + 1, sizeof(f->data) - 1);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		flow_end(f); /* an error of a source is its end: EIO of a pty without openers, a reset peer, a terminal that was hung up */
		return;
	}
	f->owed -= f->owed < (uint64_t)n ? f->owed : (uint64_t)n;
	f->at = 1;
	f->len = (size_t)n;
	if (f->log > 0)
		(void)!fd_write_all(f->log, f->data + 1, f->len); /* a full disk stops the log, not the terminal */
	if (f->escape) {
		f->at = 0;
		f->len = escape_filter(f->escape, f->data, f->data + 1, (size_t)n);
	}
}

static void flow_spill(struct flow *f)
{
	size_t step = f->len < f->to.step ? f->len : f->to.step;
	ssize_t n = f->to.socket ? send(f->to.fd, f->data + f->at, step, MSG_DONTWAIT | MSG_NOSIGNAL) : write(f->to.fd, f->data + f->at, step);

	if (n < 0) {
		if (errno != EINTR && errno != EAGAIN)
			flow_break(f, -errno);
		return;
	}
	f->at += (size_t)n;
	f->len -= (size_t)n;
	if (f->len == 0 && f->from.fd < 0)
		flow_end(f);
}

/* Fills @p[0] and @p[1]. A receiver is watched even when there is nothing for it, to hear that it left. */
static void flow_poll(const struct flow *f, struct pollfd p[2])
{
	p[0] = (struct pollfd){.fd = f->len ? FD_NONE : f->from.fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = f->to.fd, .events = f->len ? POLLOUT : 0};
}

static void flow_step(struct flow *f, const struct pollfd p[2])
{
	if (p[1].fd >= 0 && p[1].revents & POLLOUT)
		flow_spill(f);
	else if (p[1].fd >= 0 && p[1].revents)
		flow_break(f, -EPIPE);
	else if (p[0].fd >= 0 && p[0].revents)
		flow_fill(f);
}

/* The process has ended: what it left in the pipe (all of it, by FIONREAD; a pty cannot tell) is still ours to take. */
static void flow_owe(struct flow *f)
{
	int pending = 0;

	if (f->from.fd < 0)
		return;
	if (isatty(f->from.fd) || f->from.socket)
		f->owed = PTY_REST;
	else if (ioctl(f->from.fd, FIONREAD, &pending) == 0 && pending > 0)
		f->owed = (uint64_t)pending;
}

/* Blocks and watches the signals of @list that the caller does not ignore (nohup), and SIGPIPE, which is told by EPIPE. */
static int signals_open(struct signals *s, const int *list, size_t count)
{
	struct sigaction sa;
	sigset_t watch, block;

	(void)sigemptyset(&watch);
	for (size_t i = 0; i < count; i++)
		if (sigaction(list[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
			(void)sigaddset(&watch, list[i]);
	block = watch;
	(void)sigaddset(&block, SIGPIPE);
	s->fd = signalfd(-1, &watch, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return -errno;
	if (sigprocmask(SIG_BLOCK, &block, &s->old) < 0)
		return -errno;
	s->active = true;
	return 0;
}

static void signals_close(struct signals *s)
{
	const struct timespec now = {0};
	sigset_t pipe_only;

	fd_close(&s->fd);
	if (!s->active)
		return;
	/* A SIGPIPE of our own writes must not hit the caller when the mask is lifted. */
	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	if (!sigismember(&s->old, SIGPIPE))
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	(void)sigprocmask(SIG_SETMASK, &s->old, NULL);
	s->active = false;
}

static int signals_take(struct signals *s)
{
	struct signalfd_siginfo info;

	return read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

static void relay_done(struct relay *r)
{
	struct flow *flows[] = {&r->in, &r->out, &r->err, &r->screen};

	for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
		end_close(&flows[i]->from);
		end_close(&flows[i]->to);
	}
	signals_close(&r->signals);
}

static int relay_timeout(const struct relay *r)
{
	const struct flow *flows[] = {&r->out, &r->err, &r->screen};

	if (!r->ended)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(flows); i++)
		if (flows[i]->from.fd >= 0 && flows[i]->len == 0)
			return clock_left_ms(r->leave);
	return -1; /* the caller's output is slow and everything left is for it */
}

static void relay_ended(struct relay *r)
{
	r->ended = true;
	r->leave = clock_deadline(LEAVE_MS);
	flow_break(&r->in, 0);
	flow_owe(&r->out);
	flow_owe(&r->err);
	flow_owe(&r->screen);
}

/* One wait and what came of it. Gives the signal that arrived, 0 = none. */
static int relay_turn(struct relay *r, int *ret_signal)
{
	struct flow *flows[] = {&r->in, &r->out, &r->err, &r->screen};
	struct pollfd p[10], *ended = &p[8], *signalled = &p[9];

	for (size_t i = 0; i < ARRAY_LEN(flows); i++)
		flow_poll(flows[i], p + 2 * i);
	*ended = (struct pollfd){.fd = r->ended ? FD_NONE : r->pidfd, .events = POLLIN};
	*signalled = (struct pollfd){.fd = r->signals.fd, .events = POLLIN};
	if (poll(p, ARRAY_LEN(p), relay_timeout(r)) < 0)
		return errno == EINTR ? 0 : -errno;
	if (ended->revents)
		relay_ended(r);
	for (size_t i = 0; i < ARRAY_LEN(flows); i++)
		if (flow_open(flows[i]))
			flow_step(flows[i], p + 2 * i);
	/* Past the grace a source is over when it is silent or has given all it owed: whoever writes now is not the program we ran. */
	for (size_t i = 1; r->ended && i < ARRAY_LEN(flows) && clock_left_ms(r->leave) == 0; i++)
		if (flows[i]->from.fd >= 0 && ((p[2 * i].fd >= 0 && !p[2 * i].revents) || flows[i]->owed == 0))
			flow_end(flows[i]);
	if (signalled->revents)
		*ret_signal = signals_take(&r->signals);
	return 0;
}

static int first_error(const struct flow *f)
{
	return f->error == -EPIPE ? 0 : f->error;
}

int relay_pipes(int in, int out, int err, int pidfd)
{
	static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	autodone(relay_done) struct relay r = {
		.in = {.from = end_of(in >= 0 ? 0 : FD_NONE, false), .to = end_of(in, true)},
		.out = {.from = end_of(out, true), .to = end_of_caller(1)},
		.err = {.from = end_of(err, true), .to = end_of_caller(2)},
		.screen = {.from = {.fd = FD_NONE}, .to = {.fd = FD_NONE}},
		.signals = {.fd = FD_NONE},
		.pidfd = pidfd,
	};
	int res = signals_open(&r.signals, forwarded, ARRAY_LEN(forwarded));

	if (res < 0)
		return res;
	if (in >= 0 && fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	if (out < 0)
		flow_end(&r.out);
	if (err < 0)
		flow_end(&r.err);
	while (flow_open(&r.out) || flow_open(&r.err) || (pidfd >= 0 && !r.ended)) {
		int sig = 0;

		res = relay_turn(&r, &sig);
		if (res < 0)
			return res;
		if (sig && (pidfd < 0 || r.ended))
			return -EINTR;
		if (sig)
			(void)!proc_kill(pidfd, sig); /* it may have ended this very moment */
	}
	return first_error(&r.out) ?: first_error(&r.err);
}

/* The caller's terminal in raw mode. */
struct raw {
	bool on;
	struct termios saved; /* from before, valid while on */
};

static void raw_enter(struct raw *raw)
{
	struct termios t;

	if (!raw->on && tcgetattr(0, &raw->saved) < 0)
		return;
	t = raw->saved;
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	raw->on = tcsetattr(0, TCSANOW, &t) == 0 || raw->on;
}

static void raw_leave(struct raw *raw)
{
	sigset_t ttou, old;

	if (!raw->on)
		return;
	/* From the background this would stop us with the terminal still raw. */
	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)tcsetattr(0, TCSANOW, &raw->saved);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	raw->on = false;
}

/* A borrowed stream made non-blocking for a while. */
struct mode {
	int fd;
	int flags; /* -1: nothing to put back */
};

static void mode_restore(struct mode *m)
{
	if (m->flags >= 0)
		(void)fcntl(m->fd, F_SETFL, m->flags);
}

static void tell_size(const struct relay_tty *r)
{
	struct winsize ws;

	if (r->on_winch && (ioctl(0, TIOCGWINSZ, &ws) == 0 || ioctl(1, TIOCGWINSZ, &ws) == 0))
		r->on_winch(ws.ws_row, ws.ws_col, r->data);
}

static int terminal_signal(const struct relay_tty *r, struct raw *raw, int sig)
{
	switch (sig) {
	case SIGWINCH:
		tell_size(r);
		return 0;
	case SIGTSTP: /* sent by hand, for in raw mode Ctrl-z goes inside: hand the terminal back before we stop */
		raw_leave(raw);
		(void)raise(SIGSTOP);
		return 0;
	case SIGCONT: /* whoever had the terminal meanwhile has changed its modes */
		raw_enter(raw);
		tell_size(r);
		return 0;
	default:
		if (!r->on_signal)
			return -EINTR;
		r->on_signal(sig, r->data);
		return 0;
	}
}

static struct flow pipe_end(const struct relay_tty *t, int i)
{
	bool is = t->pipes && t->pipes[i] >= 0;

	return (struct flow){.from = end_of(is ? take_fd(t->pipes[i]) : FD_NONE, is), .to = is ? end_of_caller(i) : end_of(FD_NONE, false)};
}

/* Where the caller sees his terminal. */
static int screen_of(const struct relay_tty *t)
{
	static const int order[] = {1, 2, 0};

	for (size_t i = 0; t->pipes && i < ARRAY_LEN(order); i++)
		if (isatty(order[i]))
			return order[i];
	return 1;
}

int relay_terminal(const struct relay_tty *t)
{
	const bool pipe_in = t->pipes && t->pipes[0] >= 0;
	static const int watched[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGUSR1, SIGUSR2, SIGPWR};
	const size_t count = ARRAY_LEN(watched) - (t->on_signal ? 0 : 3);
	struct escape escape = {.key = t->escape};
	autodone(mode_restore) struct mode mode = {.fd = t->stream, .flags = -1};
	autodone(relay_done) struct relay r = {
		.in = {.from = end_of(0, false), .to = pipe_in ? end_of(take_fd(t->pipes[0]), true) : end_of(t->stream, false), .escape = &escape},
		.out = pipe_end(t, 1),
		.err = pipe_end(t, 2),
		.screen = {.from = end_of(t->stream, false), .to = end_of_caller(screen_of(t)), .log = t->log},
		.signals = {.fd = FD_NONE},
		.pidfd = t->pidfd,
	};
	autodone(raw_leave) struct raw raw = {.on = false};
	int res = signals_open(&r.signals, watched, count);

	if (res < 0)
		return res;
	if (pipe_in && fcntl(r.in.to.fd, F_SETFL, fcntl(r.in.to.fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	if (!r.screen.from.socket) {
		mode.flags = fcntl(t->stream, F_GETFL);
		if (mode.flags < 0 || fcntl(t->stream, F_SETFL, mode.flags | O_NONBLOCK) < 0)
			return -errno;
	}
	raw_enter(&raw);
	tell_size(t);
	while ((flow_open(&r.screen) || flow_open(&r.out) || flow_open(&r.err)) && !escape.detach) {
		int sig = 0;

		if (t->leave_at_end && !flow_open(&r.in) && !r.ended)
			return 1;

		res = relay_turn(&r, &sig);
		if (res == 0 && sig)
			res = terminal_signal(t, &raw, sig);
		if (res < 0)
			return res;
	}
	if (!escape.detach)
		return r.screen.error;
	if (r.in.len) /* typed before the escape */
		flow_spill(&r.in);
	return 1;
}
