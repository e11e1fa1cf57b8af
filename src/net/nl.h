/* nl.h - requests to the kernel over netlink, queued and sent together.
 *
 * A `struct nl` is one socket; it stays in the network namespace it was opened in. Requests are queued with the words that tell a person what each is for, and go out as one
 * datagram: the kernel works through all of it, and answers what failed and the last one. The first failure becomes the error: "add 10.0.0.2/24 to 'eth0': File exists: ipv4:
 * Address already assigned". */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdbool.h>

/* Room for the attributes of one request. */
#define NL_ROOM ((size_t)20 * 1024)

struct nl_request {
	uint32_t seq, step;
	int accept;
	const char *what;
};

struct nl {
	struct mnl_socket *sock; /* NULL = not open */
	int bus;
	uint32_t seq;
	uint32_t step;           /* step that what is queued from now on belongs to */
	int accept;              /* this errno of what is queued from now on is no failure; NL_ANY: none is */
	struct arena words;
	struct nl_request *requests;
	size_t count;
	char *bytes;             /* the queue; nlmsghdr of the newest request is at @last */
	size_t len, cap;
	struct nlmsghdr *last;
	bool failed;             /* out of memory while queueing: told by nl_send() */
};

#define NL_ANY INT32_MAX

#define NL_CLOSED ((struct nl){0})

/* Opens NETLINK_ROUTE, NETLINK_NETFILTER in the network namespace the process is in. */
int nl_open(struct nl *nl, int bus, struct err *e) MUST_USE;
void nl_close(struct nl *nl);
int nl_fd(const struct nl *nl);

/* Queues a request of @type with @flags (NLM_F_REQUEST is added) and a fixed header of @header bytes, zeroed; returns that header. Attributes are put to nl->last, valid until the
 * next call. Never NULL: out of memory gives scratch room, and nl_send() fails. */
void *nl_add(struct nl *nl, uint16_t type, uint16_t flags, size_t header, const char *fmt, ...) PRINTF(5, 6);

/* Sees each answer that is not an acknowledgement; -errno stops. */
typedef int (*nl_answer)(const struct nlmsghdr *h, void *user);

/* Sends what is queued, waits for the verdict, forgets the queue. 0, or the first failure with its step. @answer may be NULL. */
int nl_send(struct nl *nl, nl_answer answer, void *user, struct err *e) MUST_USE;

/* Forgets what is queued. */
void nl_drop(struct nl *nl);

/* A failed request's words. The kind of an ENODEV is "missing": something vanished. */
int nl_error(struct err *e, int code, const char *kernel, const char *what);

/* Index of interface @name in the socket's namespace, without a netlink round: 0 when there is none. Its MTU, 0 when there is none. Name of an index: false when there is none. */
unsigned nl_index(const struct nl *nl, const char *name);
uint32_t nl_mtu(const struct nl *nl, const char *name);
bool nl_name(const struct nl *nl, unsigned index, char ret[16]);

/* Each attribute of message @h behind a fixed header of @header bytes; each one nested in @outer. */
#define nl_each(a, h, header)                                                                                                       \
	for ((a) = mnl_nlmsg_get_payload_offset((h), (header)); mnl_attr_ok((a), (int)((const char *)mnl_nlmsg_get_payload_tail(h) - (const char *)(a))); \
	     (a) = mnl_attr_next(a))
#define nl_each_in(a, outer)                                                                                                        \
	for ((a) = mnl_attr_get_payload(outer);                                                                                     \
	     mnl_attr_ok((a), (int)((const char *)mnl_attr_get_payload(outer) + mnl_attr_get_payload_len(outer) - (const char *)(a))); (a) = mnl_attr_next(a))
