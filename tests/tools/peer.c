/* peer.c - both ends of the conversations the network tests have, static, numeric addresses only: runs in containers and beside them.
 *
 *     peer serve NAME PORT[-END]...        answers TCP and UDP, IPv4 and IPv6, on these ports; prints "ready"; until it is killed
 *     peer ask tcp|udp ADDR PORT [MS]      asks once, waits at most MS (default 3000); prints the answer "NAME PORT PEER-ADDRESS"; status 1 and
 *                                          "refused", "unreachable" or "silence" when there is none
 *     peer hold ADDR PORT                  a TCP connection that is kept: a byte a line of stdin, prints the byte that comes back; ends with stdin
 *     peer hear PORT                       UDP: prints "ready", then "PEER-ADDRESS TEXT" a datagram, until one whose text has "end"
 *
 * The TCP answer is HTTP, so that any client can ask. A first byte '=' makes it an echo for hold. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_SOCKETS 4096

static unsigned number(const char *s)
{
	return (unsigned)strtoul(s, NULL, 10);
}

/* The sender's address as a person writes it: an IPv4 one without its IPv6 dress. */
static void peer_text(const struct sockaddr_in6 *sa, char out[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(&sa->sin6_addr))
		(void)inet_ntop(AF_INET, &sa->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET6, &sa->sin6_addr, out, INET6_ADDRSTRLEN);
}

static int listener(int type, unsigned port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_ANY_INIT };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1, off = 0;

	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* an answer leaves from the address that was asked: UDP has to be told */
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0)) {
		fprintf(stderr, "peer: port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

static void answer_udp(int fd, const char *name, unsigned port)
{
	char in[2048], out[256], control[256], who[INET6_ADDRSTRLEN];
	struct sockaddr_in6 from;
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };

	if (recvmsg(fd, &msg, 0) < 0)
		return;
	peer_text(&from, who);
	iov.iov_base = out;
	iov.iov_len = (size_t)snprintf(out, sizeof(out), "%s %u %s\n", name, port, who);
	/* the packet information goes back as it came: the same source address; the kernel picks the device */
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
	(void)sendmsg(fd, &msg, 0);
}

static void answer_tcp(int fd, const char *name, unsigned port)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	int conn = accept(fd, (struct sockaddr *)&from, &len);
	char in[4096], who[INET6_ADDRSTRLEN];
	ssize_t n;

	if (conn < 0)
		return;
	if (fork() != 0) {
		(void)close(conn);
		return;
	}
	peer_text(&from, who);
	n = read(conn, in, sizeof(in));
	if (n > 0 && in[0] == '=') {
		while (n > 0 && write(conn, in, (size_t)n) == n)
			n = read(conn, in, sizeof(in));
	} else {
		(void)dprintf(conn, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n%s %u %s\n", name, port, who);
		(void)shutdown(conn, SHUT_WR);
		while (read(conn, in, sizeof(in)) > 0)
			;
	}
	_exit(0);
}

static int do_serve(char **argv)
{
	static struct pollfd fds[MAX_SOCKETS];
	static unsigned ports[MAX_SOCKETS];
	nfds_t count = 0;

	(void)signal(SIGCHLD, SIG_IGN);
	for (char **arg = argv + 1; *arg; arg++) {
		const char *dash = strchr(*arg, '-');

		for (unsigned p = number(*arg), end = dash ? number(dash + 1) : p; p <= end && count + 2 <= MAX_SOCKETS; p++)
			for (int udp = 0; udp < 2; udp++) {
				ports[count] = p;
				fds[count++] = (struct pollfd){ .fd = listener(udp ? SOCK_DGRAM : SOCK_STREAM, p), .events = POLLIN };
			}
	}
	printf("ready\n");
	for (;;) {
		if (poll(fds, count, -1) < 0 && errno != EINTR)
			return 1;
		for (nfds_t i = 0; i < count; i++)
			if (fds[i].revents)
				(i % 2 ? answer_udp : answer_tcp)(fds[i].fd, argv[0], ports[i]);
	}
}

static int failed(void)
{
	printf("%s\n", errno == ECONNREFUSED || errno == ECONNRESET ? "refused" :
		       errno == EAGAIN || errno == EINPROGRESS || errno == ETIMEDOUT ? "silence" : "unreachable");
	return 1;
}

/* A socket that is connected to an address, or -1. Neither connecting nor reading takes longer than @ms. */
static int connected(int type, const char *addr, const char *port, unsigned ms)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(port)) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number(port)) };
	struct timeval limit = { ms / 1000, ms % 1000 * 1000 };
	bool four = inet_pton(AF_INET, addr, &in4.sin_addr) == 1;
	int fd;

	if (!four && inet_pton(AF_INET6, addr, &in6.sin6_addr) != 1) {
		fprintf(stderr, "peer: no address: %s\n", addr);
		exit(2);
	}
	fd = socket(four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, four ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6, four ? sizeof(in4) : sizeof(in6)) < 0)
		return -1;
	return fd;
}

static int do_ask(char **argv)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char in[4096];
	size_t have = 0;
	ssize_t n;
	bool udp = strcmp(argv[0], "udp") == 0;
	int fd = connected(udp ? SOCK_DGRAM : SOCK_STREAM, argv[1], argv[2], argv[3] ? number(argv[3]) : 3000);
	char *text;

	if (fd < 0 || write(fd, request, sizeof(request) - 1) < 0)
		return failed();
	while (have < sizeof(in) - 1 && (n = read(fd, in + have, sizeof(in) - 1 - have)) != 0) {
		if (n < 0)
			return failed();
		have += (size_t)n;
		if (udp)
			break;
	}
	in[have] = '\0';
	text = strstr(in, "\r\n\r\n");
	printf("%s", text ? text + 4 : in);
	return 0;
}

static int do_hold(char **argv)
{
	int fd = connected(SOCK_STREAM, argv[0], argv[1], 3000);
	char line[256], back;

	if (fd < 0)
		return failed();
	for (bool first = true; fgets(line, sizeof(line), stdin); first = false) {
		if (first)
			line[0] = '=';
		if (write(fd, line, 1) != 1 || read(fd, &back, 1) != 1)
			return failed();
		printf("%c\n", back);
	}
	return 0;
}

static int do_hear(char **argv)
{
	int fd = listener(SOCK_DGRAM, number(argv[0]));
	char in[2048], who[INET6_ADDRSTRLEN];
	struct sockaddr_in6 from;
	ssize_t n;

	printf("ready\n");
	do {
		socklen_t len = sizeof(from);

		n = recvfrom(fd, in, sizeof(in) - 1, 0, (struct sockaddr *)&from, &len);
		if (n < 0)
			return 1;
		in[n] = '\0';
		peer_text(&from, who);
		printf("%s %s\n", who, in);
	} while (!strstr(in, "end"));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **argv);
	} verbs[] = { { "serve", 2, do_serve }, { "ask", 3, do_ask }, { "hold", 2, do_hold }, { "hear", 1, do_hear } };

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].args)
			return verbs[i].run(argv + 2);
	fprintf(stderr, "peer: see the head of peer.c\n");
	return 2;
}
