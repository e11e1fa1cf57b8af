/* tty.c - the pump between a pty master, its log and its viewers.
 *
 * Output is one endless stream; the ring holds its last bytes and a viewer is nothing but a position in it. So a viewer that never reads costs
 * no memory: the ring overtakes it, and when it reads again it is told how much it missed. Input needs no buffer either: bytes are peeked from
 * the viewer's socket, written to the master, and only what the master took is removed. While the master takes nothing the socket itself is the queue.
 *
 * When the last opener of the slave is gone the master reports EPOLLHUP and EIO until somebody opens the slave again, which is normal between two
 * gettys. The watch is edge-triggered in that state: the kernel wakes us for each new event of the pty and for nothing else, so that silence costs
 * nothing and the first byte of the next opener arrives at once. Holding a slave open instead (TIOCGPTPEER) would cost a descriptor a tty and
 * would not outlive a vhangup(2). */
#include "supervise/tty.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define WINDOW_MIN ((size_t)16 * 1024)  /* a viewer needs some way to fall behind */
#define DRAIN_EVENT ((size_t)16 * 1024) /* bytes of one tty before the others get their turn */
#define DRAIN_END ((size_t)256 * 1024)  /* more than a pty can hold */
#define SOCKET_BUFFER (64 * 1024)
#define CHUNK 4096 /* a pty gives no more at once */
#define LINE_SEARCH 256

struct viewer {
	struct viewer *next;
	struct tty *tty;
	struct loop_watch *watch;
	int fd;
	uint32_t armed;
	bool full; /* its socket takes no more: waiting for EPOLLOUT */
	bool deaf; /* nobody reads at the other end any more */
	bool mute; /* nobody types at the other end any more */
	unsigned char mark_len, mark_sent;
	char mark[56];
	uint64_t skipped; /* what the unsent mark tells */
	uint64_t pos;     /* stream position of the next byte it gets */
};

struct tty {
	struct loop *loop;
	struct loop_watch *watch;
	int master;
	uint32_t armed;
	bool hung;    /* no opener of the slave */
	bool stuffed; /* the master takes no input now: viewers wait */
	unsigned count;
	struct viewer *viewers;
	struct logfile *log;
	size_t replay;
	uint64_t total; /* stream position behind the newest byte */
	struct ring ring;
	int peer; /* file or device that the terminal is connected to */
	struct loop_watch *peer_watch;
	struct termios peer_was;
	bool peer_raw;
};

static uint64_t oldest(const struct tty *t)
{
	return t->total - t->ring.used;
}

static void arm_master(struct tty *t)
{
	uint32_t want = EPOLLIN | (t->stuffed ? (uint32_t)EPOLLOUT : 0) | (t->hung ? (uint32_t)EPOLLET : 0);

	if (want != t->armed && loop_change(t->loop, t->watch, want) == 0)
		t->armed = want;
}

static void arm_viewer(struct viewer *v)
{
	uint32_t want = (v->mute || v->tty->stuffed ? 0 : (uint32_t)EPOLLIN) | (v->full && !v->deaf ? (uint32_t)EPOLLOUT : 0);

	if (want != v->armed && loop_change(v->tty->loop, v->watch, want) == 0)
		v->armed = want;
}

static void viewer_drop(struct viewer *v)
{
	struct tty *t = v->tty;

	for (struct viewer **p = &t->viewers; *p; p = &(*p)->next)
		if (*p == v) {
			*p = v->next;
			break;
		}
	t->count--;
	loop_remove(t->loop, &v->watch);
	fd_close(&v->fd);
	free(v);
}

/* One send; false when the viewer takes nothing now (full) or ever (deaf). */
static bool viewer_send(struct viewer *v, const char *bytes, size_t len, size_t *ret_sent)
{
	ssize_t n;

	do
		n = send(v->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		/* Out of kernel memory is like full; a peer that left is noticed by its hang-up, after what it typed. */
		v->full = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
		v->deaf = !v->full;
		return false;
	}
	*ret_sent = (size_t)n;
	return true;
}

/* Moves a viewer that the ring has overtaken to the oldest byte left and (re)writes its mark, unless a part of the mark is out already. */
static void viewer_catch_up(struct viewer *v)
{
	uint64_t first = oldest(v->tty);

	if (v->pos >= first || v->mark_sent)
		return;
	v->skipped += first - v->pos;
	v->pos = first;
	v->mark_len = (unsigned char)snprintf(v->mark, sizeof(v->mark), "\r\n[... %llu bytes skipped ...]\r\n", (unsigned long long)v->skipped);
}

/* Sends what the viewer has not seen until it has seen everything or its socket is full. */
static void viewer_push(struct viewer *v)
{
	struct tty *t = v->tty;

	while (!v->full && !v->deaf) {
		size_t sent = 0;

		viewer_catch_up(v);
		if (v->mark_len) {
			if (!viewer_send(v, v->mark + v->mark_sent, (size_t)(v->mark_len - v->mark_sent), &sent))
				break;
			v->mark_sent = (unsigned char)(v->mark_sent + sent);
			if (v->mark_sent == v->mark_len) {
				v->mark_len = v->mark_sent = 0;
				v->skipped = 0;
			}
		} else if (v->pos < t->total) {
			char chunk[CHUNK];
			size_t n = ring_peek(&t->ring, (size_t)(v->pos - oldest(t)), chunk, sizeof(chunk));

			if (!viewer_send(v, chunk, n, &sent))
				break;
			v->pos += sent;
		} else {
			break;
		}
	}
	arm_viewer(v);
}

/* Hands at most one chunk of what the viewer typed to the master. False when there was nothing more to hand over. */
static bool viewer_listen(struct viewer *v)
{
	struct tty *t = v->tty;
	char typed[1024];
	ssize_t n, took;

	do
		n = recv(v->fd, typed, sizeof(typed), MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		v->mute = n == 0 || errno != EAGAIN;
		return false;
	}
	do
		took = write(t->master, typed, (size_t)n);
	while (took < 0 && errno == EINTR);
	if (took < 0)
		took = errno == EAGAIN ? 0 : n; /* a master that refuses for another reason has nobody to type to */
	if (took > 0)
		(void)!recv(v->fd, typed, (size_t)took, MSG_DONTWAIT);
	if (took < n) {
		t->stuffed = true;
		for (struct viewer *other = t->viewers; other; other = other->next)
			arm_viewer(other);
		arm_master(t);
	}
	return took == n;
}

static void on_viewer(struct loop *l, int fd, uint32_t events, void *data)
{
	struct viewer *v = data;
	bool more = false;

	(void)l;
	(void)fd;
	if (events & EPOLLOUT) {
		v->full = false;
		viewer_push(v);
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !v->mute && !v->tty->stuffed)
		more = viewer_listen(v);
	/* A viewer that left is heard to its end, chunk by chunk as the loop comes back, but not waited for. */
	if ((events & (EPOLLHUP | EPOLLERR)) && !more)
		viewer_drop(v);
	else
		arm_viewer(v);
}

/* Takes up to @max bytes from the master into log and ring. */
static void tty_drain(struct tty *t, size_t max)
{
	size_t got = 0;

	while (got < max) {
		char chunk[CHUNK];
		ssize_t n = read(t->master, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			t->hung = !(n < 0 && errno == EAGAIN);
			break;
		}
		t->hung = false;
		got += (size_t)n;
		t->total += (uint64_t)n;
		ring_add(&t->ring, chunk, (size_t)n);
		if (t->log)
			logfile_write(t->log, chunk, (size_t)n);
		if (t->peer >= 0)
			(void)!write(t->peer, chunk, (size_t)n); /* what a slow device does not take is lost to it alone */
	}
	if (got == 0)
		return;
	for (struct viewer *v = t->viewers; v; v = v->next)
		viewer_push(v);
}

static void on_master(struct loop *l, int fd, uint32_t events, void *data)
{
	struct tty *t = data;

	(void)l;
	(void)fd;
	if ((events & EPOLLOUT) && t->stuffed) {
		t->stuffed = false;
		for (struct viewer *v = t->viewers; v; v = v->next)
			arm_viewer(v);
	}
	tty_drain(t, DRAIN_EVENT);
	arm_master(t);
}

int tty_open(struct loop *l, int master, size_t ring_size, struct logfile *log, struct tty **ret)
{
	autoclose int fd = master;
	autofree struct tty *t = calloc(1, sizeof(*t));
	int flags = fcntl(fd, F_GETFL), unlocked = 0;

	if (!t)
		return -ENOMEM;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || ioctl(fd, TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	*t = (struct tty){.loop = l, .master = FD_NONE, .peer = FD_NONE, .log = log, .replay = ring_size, .armed = EPOLLIN};
	ring_init(&t->ring, ring_size < WINDOW_MIN ? WINDOW_MIN : ring_size);
	t->watch = loop_add(l, fd, EPOLLIN, on_master, t);
	if (!t->watch)
		return -ENOMEM;
	t->master = take_fd(fd);
	*ret = take(t);
	return 0;
}

void tty_close(struct tty **tp)
{
	struct tty *t = *tp;

	if (!t)
		return;
	*tp = NULL;
	tty_drain(t, DRAIN_END);
	while (t->viewers)
		viewer_drop(t->viewers);
	if (t->peer_raw)
		(void)tcsetattr(t->peer, TCSANOW, &t->peer_was);
	if (t->peer_watch)
		loop_remove(t->loop, &t->peer_watch);
	fd_close(&t->peer);
	loop_remove(t->loop, &t->watch);
	fd_close(&t->master);
	ring_done(&t->ring);
	free(t);
}

void tty_finish(struct tty *t, uint64_t deadline)
{
	tty_drain(t, DRAIN_END);
	for (;;) {
		struct pollfd p[TTY_VIEWERS_MAX];
		nfds_t waiting = 0;

		for (struct viewer *v = t->viewers; v; v = v->next)
			if (v->full && !v->deaf)
				p[waiting++] = (struct pollfd){.fd = v->fd, .events = POLLOUT};
		if (!waiting || poll(p, waiting, clock_left_ms(deadline)) == 0)
			return;
		for (struct viewer *v = t->viewers; v; v = v->next) {
			v->full = false;
			viewer_push(v);
		}
	}
}

/* Where a new viewer starts: the replay, from the beginning of a line when older bytes are lost, so that no half escape sequence comes first. */
static uint64_t replay_start(const struct tty *t)
{
	size_t skip = t->ring.used > t->replay ? t->ring.used - t->replay : 0, n;
	char head[LINE_SEARCH], *eol;
	uint64_t start = oldest(t) + skip;

	if (start == 0)
		return 0;
	n = ring_peek(&t->ring, skip, head, sizeof(head));
	eol = n ? memchr(head, '\n', n) : NULL;
	return eol ? start + (uint64_t)(eol - head) + 1 : start;
}

int tty_add_viewer(struct tty *t, int fd)
{
	int size = SOCKET_BUFFER;
	struct viewer *v = t->count >= TTY_VIEWERS_MAX ? NULL : calloc(1, sizeof(*v));

	if (!v) {
		fd_close(&fd);
		return t->count >= TTY_VIEWERS_MAX ? -EUSERS : -ENOMEM;
	}
	/* Bounds how stale a slow viewer's picture gets. Best effort: the default would do. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*v = (struct viewer){.next = t->viewers, .tty = t, .fd = fd, .pos = replay_start(t), .armed = 0};
	v->watch = loop_add(t->loop, v->fd, 0, on_viewer, v);
	if (!v->watch) {
		fd_close(&v->fd);
		free(v); /* rule: raw-free: not linked yet, so no destructor knows it */
		return -ENOMEM;
	}
	t->viewers = v;
	t->count++;
	viewer_push(v);
	return 0;
}

int tty_attach(struct tty *t, unsigned rows, unsigned cols)
{
	autoclose int client = FD_NONE;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	client = pair[1];
	tty_resize(t, rows, cols);
	r = tty_add_viewer(t, pair[0]);
	return r < 0 ? r : take_fd(client);
}

static void on_peer(struct loop *l, int fd, uint32_t events, void *data)
{
	struct tty *t = data;
	char typed[256];
	ssize_t n = read(fd, typed, sizeof(typed));

	(void)l;
	(void)events;
	if (n > 0)
		(void)!write(t->master, typed, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* hung up: output may still go there */
		loop_remove(t->loop, &t->peer_watch);
}

int tty_set_peer(struct tty *t, int fd)
{
	t->peer = fd;
	if (tcgetattr(fd, &t->peer_was) == 0) {
		struct termios raw = t->peer_was;

		cfmakeraw(&raw);
		t->peer_raw = tcsetattr(fd, TCSANOW, &raw) == 0;
		t->peer_watch = loop_add(t->loop, fd, EPOLLIN, on_peer, t);
		return t->peer_watch ? 0 : -ENOMEM;
	}
	return 0;
}

void tty_resize(struct tty *t, unsigned rows, unsigned cols)
{
	struct winsize ws = {
		.ws_row = rows > USHRT_MAX ? USHRT_MAX : (unsigned short)rows,
		.ws_col = cols > USHRT_MAX ? USHRT_MAX : (unsigned short)cols,
	};

	if (rows && cols)
		(void)ioctl(t->master, TIOCSWINSZ, &ws);
}

unsigned tty_viewers(const struct tty *t)
{
	return t->count;
}
