/* front.c - see front.h. */
#include "engine/front.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "supervise/monitor.h"
#include "supervise/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

void front_done(struct front *f)
{
	int *const all[] = {&f->in,	   &f->out,	  &f->err,    &f->stream, &f->theirs[0],
			    &f->theirs[1], &f->theirs[2], &f->viewer, &f->report, &f->run_dir};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		fd_close(all[i]);
}

int front_open(struct front *f, struct err *e)
{
	int *const ours[] = {&f->in, &f->out, &f->err};
	int p[2];

	if (f->tty) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
			return err_sys(e, errno, "make a socket");
		f->stream = p[0];
		f->viewer = p[1];
	}
	for (int i = 0; !f->tty && f->program && i < 3; i++) {
		if (pipe2(p, O_CLOEXEC) < 0)
			return err_sys(e, errno, "make a pipe");
		*ours[i] = p[i == 0];
		f->theirs[i] = p[i != 0];
	}
	return 0;
}

static void on_winch(unsigned rows, unsigned cols, void *data)
{
	const struct front *f = data;

	monitor_resize(f->run_dir, 0, rows, cols);
}

static void signal_init(const struct front *f, int sig)
{
	struct live live;
	struct err ignored;
	autoclose int pidfd = engine_live(f->c, f->name, &live, &ignored) == 0 && live.alive ? proc_open(&live.record.init) : FD_NONE;

	if (pidfd >= 0)
		(void)!proc_kill(pidfd, sig);
}

/* The monitor takes the end of our sending side for our end: it asks init to shut down, and kills it when its time is up. */
static void on_signal(int sig, void *data)
{
	struct front *f = data;

	if (f->program || (sig != SIGTERM && sig != SIGHUP))
		signal_init(f, sig);
	else if (!f->asked)
		f->asked = shutdown(f->report, SHUT_WR) == 0;
}

static void relay(struct front *f)
{
	struct live live;
	struct err ignored;
	autoclose int pidfd = engine_live(f->c, f->name, &live, &ignored) == 0 && live.alive ? proc_open(&live.record.init) : FD_NONE;

	if (f->stream >= 0) {
		struct relay_tty rt = {.stream = f->stream, .pidfd = pidfd, .on_winch = on_winch, .on_signal = on_signal, .data = f};

		(void)!relay_terminal(&rt);
		fd_close(&f->stream);
	} else if (f->out >= 0) {
		f->unwritten = relay_pipes(take_fd(f->in), take_fd(f->out), take_fd(f->err), pidfd);
	}
}

/* What the monitor says next. Signals are for the container meanwhile. */
static int next_word(struct front *f, struct msg *ret, struct err *e)
{
	static const int watched[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPWR};
	autoclose int signals = FD_NONE;
	sigset_t set, old;
	int r = 0;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		(void)sigaddset(&set, watched[i]);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0 || sigprocmask(SIG_BLOCK, &set, &old) < 0)
		return err_sys(e, errno, "watch signals");
	for (;;) {
		struct pollfd p[2] = {{.fd = f->report, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
		struct signalfd_siginfo si;

		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR) {
			r = err_sys(e, errno, "wait for the container's end");
			break;
		}
		if (p[1].revents && read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
			on_signal((int)si.ssi_signo, f);
		if (p[0].revents) {
			r = msg_recv(f->report, clock_deadline(5000), ret, NULL, 0);
			break;
		}
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (r == 1 && ret->type == MSG_FAIL) {
		*e = ret->err;
		return e->code ? -e->code : -EIO;
	}
	return r == 1 ? 0 : err_is(e) ? r : err_set(e, ERR_SYSTEM, ECHILD, "the container's monitor ended without telling the status");
}

/* After a reboot the console is another one. */
static void look_again(struct front *f)
{
	struct winsize ws = {0};
	struct err ignored;
	struct msg m;

	if (!f->tty)
		return;
	(void)ioctl(0, TIOCGWINSZ, &ws);
	(void)!monitor_ask(f->run_dir, MSG_ATTACH, 0, ((uint64_t)ws.ws_row << 16) | ws.ws_col, &m, &f->stream, &ignored);
}

int front_follow(struct front *f, int *ret_status, struct err *e)
{
	fd_close(&f->viewer);
	for (int i = 0; i < 3; i++)
		fd_close(&f->theirs[i]);
	f->run_dir = state_run_dir(&f->c->state, f->name, false);
	for (;;) {
		struct msg m;
		int r;

		relay(f);
		r = next_word(f, &m, e);
		if (r < 0)
			return r;
		if (m.type == MSG_ENDED) {
			if (ret_status)
				*ret_status = (int)m.value;
			if (f->unwritten == -EINTR || m.value != 0)
				f->unwritten = 0;
			if (f->unwritten == 0)
				return 0;
			(void)err_sys(e, f->unwritten, "write what the program printed");
			return err_hint(e, "df -h");
		}
		look_again(f);
	}
}
