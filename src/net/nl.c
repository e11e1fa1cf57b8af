/* nl.c - the queue of requests, and what the kernel says to it. libmnl lays out the bytes. */
#include "net/nl.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The kernel answers at once; the limit is for a kernel that does not. */
#define ANSWER_SECONDS 20

int nl_open(struct nl *nl, int bus, struct err *e)
{
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	int one = 1;

	*nl = NL_CLOSED;
	nl->bus = bus;
	nl->cap = 2 * NL_ROOM; /* most jobs need no more */
	nl->bytes = malloc(nl->cap);
	if (!nl->bytes)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	nl->sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->sock) {
		int code = errno;

		nl_close(nl);
		return err_sys(e, code, "open a netlink socket");
	}
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0 || setsockopt(nl_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
		int code = errno;

		nl_close(nl);
		return err_sys(e, code, "open a netlink socket");
	}
	/* Texts and short acknowledgements: Linux 4.12. Filtered dumps: 4.20. Without them errors have no text and we look at more. */
	(void)mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
	if (bus == NETLINK_ROUTE)
		(void)mnl_socket_setsockopt(nl->sock, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->sock)
		(void)mnl_socket_close(nl->sock);
	arena_done(&nl->words);
	free(nl->bytes);
	*nl = NL_CLOSED;
}

int nl_fd(const struct nl *nl)
{
	return mnl_socket_get_fd(nl->sock);
}

void nl_drop(struct nl *nl)
{
	arena_done(&nl->words);
	nl->requests = NULL;
	nl->count = 0;
	nl->len = 0;
	nl->last = NULL;
	nl->failed = false;
}

/* Closes the newest request: what comes next stands behind it. */
static void seal(struct nl *nl)
{
	if (nl->last)
		nl->len += NLMSG_ALIGN(nl->last->nlmsg_len);
	nl->last = NULL;
}

static bool make_room(struct nl *nl)
{
	size_t want = nl->len + NL_ROOM;
	char *bigger;

	if (nl->cap >= want)
		return true;
	want += nl->cap; /* double it */
	bigger = realloc(nl->bytes, want);
	if (!bigger)
		return false;
	nl->bytes = bigger;
	nl->cap = want;
	return true;
}

void *nl_add(struct nl *nl, uint16_t type, uint16_t flags, size_t header, const char *fmt, ...)
{
	struct nl_request *r;
	char text[256];
	va_list ap;

	seal(nl);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r = arena_push(&nl->words, &nl->requests, &nl->count, sizeof(*r));
	if (!r || !make_room(nl)) {
		nl->failed = true;
		nl->len = 0;
	} else {
		*r = (struct nl_request){.seq = nl->seq + 1, .step = nl->step, .accept = nl->accept, .what = arena_strdup(&nl->words, text)};
	}
	nl->seq++;
	nl->last = mnl_nlmsg_put_header(nl->bytes + nl->len);
	nl->last->nlmsg_type = type;
	nl->last->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nl->last->nlmsg_seq = nl->seq;
	return header ? mnl_nlmsg_put_extra_header(nl->last, header) : NULL;
}

int nl_error(struct err *e, int code, const char *kernel, const char *what)
{
	enum err_kind kind = code == ENODEV || code == ENXIO ? ERR_MISSING : err_kind_of(code);
	char text[300];
	size_t n;

	if (!kernel || !*kernel)
		return err_set(e, kind, code, "%s: %s", what, strerrordesc_np(code) ?: "unknown error");
	(void)snprintf(text, sizeof(text), "%s", kernel);
	n = strlen(text);
	if (n && text[n - 1] == '.')
		text[n - 1] = '\0';
	return err_set(e, kind, code, "%s: %s: %s", what, strerrordesc_np(code) ?: "unknown error", text);
}

/* The kernel's own words in an acknowledgement, "" without any. */
static const char *words_of(const struct nlmsghdr *h, const struct nlmsgerr *ack)
{
	size_t skip = sizeof(*ack);
	const struct nlattr *a;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += ack->msg.nlmsg_len - sizeof(ack->msg);
	nl_each(a, h, skip)
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(a);
	return "";
}

static const struct nl_request *request_of(const struct nl *nl, uint32_t seq)
{
	uint32_t first = nl->count ? nl->requests[0].seq : 0;

	return nl->count && seq - first < nl->count ? &nl->requests[seq - first] : NULL;
}

struct verdict {
	uint32_t last;     /* request whose answer is the end */
	bool last_answers; /* it is a question: its answer is the end, no acknowledgement comes */
	bool done;
	int r;             /* first failure */
};

static void take_ack(struct nl *nl, const struct nlmsghdr *h, struct verdict *v, struct err *e)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(h);
	const struct nl_request *q = request_of(nl, h->nlmsg_seq);

	if (!q || h->nlmsg_len < NLMSG_HDRLEN + sizeof(*ack))
		return;
	if (ack->error < 0 && v->r == 0 && q->accept != NL_ANY && q->accept != -ack->error) {
		v->r = nl_error(e, -ack->error, words_of(h, ack), q->what ?: "change the network");
		if (e)
			e->step = q->step;
	}
	/* A failure that is told for the opening of a batch is one of the whole batch. */
	if (h->nlmsg_seq == v->last || (nl->bus == NETLINK_NETFILTER && ack->error < 0 && ack->msg.nlmsg_type == NFNL_MSG_BATCH_BEGIN))
		v->done = true;
}

static void take_one(struct nl *nl, const struct nlmsghdr *h, nl_answer answer, void *user, struct verdict *v, struct err *e)
{
	const struct nl_request *q = request_of(nl, h->nlmsg_seq);

	if (h->nlmsg_type == NLMSG_ERROR) {
		take_ack(nl, h, v, e);
		return;
	}
	if (!q || h->nlmsg_type == NLMSG_NOOP)
		return;
	if (h->nlmsg_type == NLMSG_DONE) {
		if (v->r == 0 && h->nlmsg_len >= NLMSG_HDRLEN + sizeof(int)) {
			int code = *(const int *)mnl_nlmsg_get_payload(h);

			if (code < 0)
				v->r = nl_error(e, -code, "", q->what ?: "ask the kernel");
		}
		v->done = v->done || h->nlmsg_seq == v->last;
		return;
	}
	if (answer && v->r == 0) {
		v->r = answer(h, user);
		if (v->r < 0)
			(void)nl_error(e, -v->r, "", q->what ?: "ask the kernel");
	}
	if (v->last_answers && h->nlmsg_seq == v->last && !(h->nlmsg_flags & NLM_F_MULTI))
		v->done = true;
}

static int collect(struct nl *nl, nl_answer answer, void *user, struct verdict *v, struct err *e)
{
	char in[32 * 1024] __attribute__((aligned(8)));

	while (!v->done) {
		ssize_t n = recv(nl_fd(nl), in, sizeof(in), MSG_TRUNC);
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno == EAGAIN ? ETIMEDOUT : errno, "hear from the kernel about %s", nl->requests[nl->count - 1].what ?: "the network");
		if ((size_t)n > sizeof(in))
			return err_set(e, ERR_SYSTEM, EMSGSIZE, "an answer of the kernel is too long");
		for (const struct nlmsghdr *h = (const struct nlmsghdr *)in; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			take_one(nl, h, answer, user, v, e);
	}
	return v->r;
}

int nl_send(struct nl *nl, nl_answer answer, void *user, struct err *e)
{
	struct verdict v = {0};
	struct nlmsghdr *last = nl->last;
	int r;

	if (nl->failed) {
		nl_drop(nl);
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (!last)
		return 0;
	seal(nl);
	/* The end of a batch is not answered: the request before it is. */
	if (nl->bus == NETLINK_NETFILTER && last->nlmsg_type == NFNL_MSG_BATCH_END) {
		size_t at = 0;
		struct nlmsghdr *h = NULL;

		while ((struct nlmsghdr *)(nl->bytes + at) != last) {
			h = (struct nlmsghdr *)(nl->bytes + at);
			at += NLMSG_ALIGN(h->nlmsg_len);
		}
		last = h;
	}
	v.last = last->nlmsg_seq;
	v.last_answers = answer && !(last->nlmsg_flags & NLM_F_ACK) && (last->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP;
	if (!answer)
		last->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->sock, nl->bytes, nl->len) < 0)
		r = err_sys(e, errno, "%s", nl->requests[0].what ?: "change the network");
	else
		r = collect(nl, answer, user, &v, e);
	nl_drop(nl);
	return r;
}

static struct ifreq request_for(const char *name)
{
	struct ifreq q = {0};

	(void)snprintf(q.ifr_name, sizeof(q.ifr_name), "%s", name);
	return q;
}

unsigned nl_index(const struct nl *nl, const char *name)
{
	struct ifreq q = request_for(name);

	return ioctl(nl_fd(nl), SIOCGIFINDEX, &q) < 0 ? 0 : (unsigned)q.ifr_ifindex;
}

uint32_t nl_mtu(const struct nl *nl, const char *name)
{
	struct ifreq q = request_for(name);

	return ioctl(nl_fd(nl), SIOCGIFMTU, &q) < 0 ? 0 : (uint32_t)q.ifr_mtu;
}

bool nl_name(const struct nl *nl, unsigned index, char ret[16])
{
	struct ifreq q = {.ifr_ifindex = (int)index};

	if (ioctl(nl_fd(nl), SIOCGIFNAME, &q) < 0)
		return false;
	memcpy(ret, q.ifr_name, 16);
	ret[15] = '\0';
	return true;
}
