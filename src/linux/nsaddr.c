/* nsaddr.c - see nsaddr.h. */
#include "linux/nsaddr.h"

#include "base/fd.h"
#include "base/ip.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_S 2
#define STACK_SIZE ((size_t)256 << 10)
#define NICS_MAX 64
#define SKIP_STATS 8 /* RTEXT_FILTER_SKIP_STATS (Linux 4.5): figures we do not want are most of an answer */

struct nic {
	int index;
	char name[IFNAMSIZ];
	char addresses[NSADDR_TEXT];
};

/* One for all the namespaces of a look: it is large, and memory that is new has to be cleared. */
struct nics {
	struct nic list[NICS_MAX];
	size_t count;
	char answer[32768] __attribute__((aligned(8)));
};

/* ---- one dump ---- */

typedef void take_fn(const struct nlmsghdr *h, struct nics *nics);

static int ask(int sock, uint16_t type)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info; /* as large as the kernel wants it for any dump; an ifaddrmsg is smaller */
		struct rtattr attr;
		uint32_t mask;
	} q = {
	    .head = {.nlmsg_len = sizeof(q), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = type},
	    .attr = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_EXT_MASK},
	    .mask = SKIP_STATS,
	};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (type != RTM_GETLINK)
		q.head.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg));
	return sendto(sock, &q, q.head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? -errno : 0;
}

/* 1 when the dump has ended. */
static int take_all(const char *bytes, size_t len, uint16_t type, take_fn *fn, struct nics *nics)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)bytes;
		size_t step = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return -EPROTO;
		if (h->nlmsg_seq == type && h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_seq == type && h->nlmsg_type == NLMSG_ERROR)
			return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ? -EPROTO : ((const struct nlmsgerr *)NLMSG_DATA(h))->error ?: 1;
		if (h->nlmsg_seq == type)
			fn(h, nics);
		if (step >= len)
			break;
		bytes += step;
		len -= step;
	}
	return 0;
}

static int dump(int sock, uint16_t type, take_fn *fn, struct nics *nics)
{
	int r = ask(sock, type);

	while (r == 0) {
		ssize_t n = recv(sock, nics->answer, sizeof(nics->answer), 0);

		r = n < 0 ? -errno : take_all(nics->answer, (size_t)n, type, fn, nics);
	}
	return r < 0 ? r : 0;
}

/* ---- what it says ---- */

static const struct rtattr *find_attr(const struct nlmsghdr *h, size_t body, unsigned short type)
{
	const char *at = (const char *)NLMSG_DATA(h) + NLMSG_ALIGN(body);
	size_t head = NLMSG_LENGTH(NLMSG_ALIGN(body)), left = h->nlmsg_len > head ? h->nlmsg_len - head : 0;

	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *a = (const struct rtattr *)(const void *)at;
		size_t step;

		if (a->rta_len < sizeof(*a) || a->rta_len > left)
			return NULL;
		if (a->rta_type == type)
			return a;
		step = RTA_ALIGN(a->rta_len);
		if (step >= left)
			return NULL;
		at += step;
		left -= step;
	}
	return NULL;
}

static void take_link(const struct nlmsghdr *h, struct nics *nics)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *name = find_attr(h, sizeof(*info), IFLA_IFNAME);

	if (h->nlmsg_type != RTM_NEWLINK || !name || nics->count == NICS_MAX)
		return;
	nics->list[nics->count].index = info->ifi_index;
	nics->list[nics->count].addresses[0] = '\0';
	(void)snprintf(nics->list[nics->count++].name, IFNAMSIZ, "%.*s", (int)RTA_PAYLOAD(name), (const char *)RTA_DATA(name));
}

static void take_address(const struct nlmsghdr *h, struct nics *nics)
{
	const struct ifaddrmsg *info = NLMSG_DATA(h);
	const struct rtattr *a = find_attr(h, sizeof(*info), IFA_LOCAL) ?: find_attr(h, sizeof(*info), IFA_ADDRESS);
	struct ip ip = {.family = info->ifa_family, .prefix = info->ifa_family == AF_INET ? 32 : 128};
	char text[IP_TEXT];

	if (h->nlmsg_type != RTM_NEWADDR || !a || info->ifa_scope == RT_SCOPE_LINK || (ip.family != AF_INET && ip.family != AF_INET6) ||
	    RTA_PAYLOAD(a) < ip_length(&ip))
		return;
	memcpy(ip.bytes, RTA_DATA(a), ip_length(&ip));
	for (size_t i = 0; i < nics->count; i++) {
		struct nic *n = &nics->list[i];
		size_t len = strlen(n->addresses);

		ip_format(&ip, text);
		if (n->index == (int)info->ifa_index && len + strlen(text) + 2 <= sizeof(n->addresses))
			(void)snprintf(n->addresses + len, sizeof(n->addresses) - len, "%s%s", len ? "," : "", text);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct nic *)a)->name, ((const struct nic *)b)->name);
}

static int addresses_of(int sock, struct nics *nics, char ret[NSADDR_TEXT])
{
	static const struct timeval patience = {.tv_sec = ANSWER_S};
	size_t used = 0;
	int r = setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ? -errno : 0;

	nics->count = 0;
	if (r == 0)
		r = dump(sock, RTM_GETLINK, take_link, nics);
	if (r == 0)
		r = dump(sock, RTM_GETADDR, take_address, nics);
	if (r < 0)
		return r;
	qsort(nics->list, nics->count, sizeof(nics->list[0]), by_name);
	ret[0] = '\0';
	for (size_t i = 0; i < nics->count; i++) {
		const struct nic *n = &nics->list[i];
		size_t len = strlen(n->name) + strlen(n->addresses) + 2;

		if (used + len + 1 > NSADDR_TEXT)
			break;
		(void)snprintf(ret + used, NSADDR_TEXT - used, "%s%s=%s", used ? " " : "", n->name, n->addresses);
		used = strlen(ret);
	}
	return 0;
}

int nsaddr_of(int sock, char ret[NSADDR_TEXT])
{
	autofree struct nics *nics = malloc(sizeof(*nics));

	return nics ? addresses_of(sock, nics, ret) : -ENOMEM;
}

/* ---- elsewhere ---- */

static void look_at(const struct proc_id *id, struct nics *nics, char ret[NSADDR_TEXT])
{
	autoclose int netns = FD_NONE;
	autoclose int sock = FD_NONE;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", id->pid);
	netns = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	if (netns < 0 || !proc_alive(id) || setns(netns, CLONE_NEWNET) < 0) /* the pid may be another's by now */
		return;
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (sock < 0 || addresses_of(sock, nics, ret) < 0)
		ret[0] = '\0';
}

struct look {
	const struct proc_id *ids;
	size_t count;
	struct nics *nics;
	char (*ret)[NSADDR_TEXT];
};

static void look_at_all(const struct look *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->ids[i].pid > 0)
			look_at(&l->ids[i], l->nics, l->ret[i]);
}

static int child_main(void *data)
{
	look_at_all(data);
	_exit(0);
}

/* The child has our memory and we sleep until it has ended (as with vfork(2)): it costs no copy and writes its answers where they are wanted. Its network
 * namespace is its own. */
static int look_by_child(struct look *l)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t child;
	int r = 0;

	if (stack == MAP_FAILED)
		return -errno;
	child = clone(child_main, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, l);
	if (child < 0 || (waitpid(child, NULL, 0) < 0 && errno != ECHILD))
		r = -errno;
	(void)munmap(stack, STACK_SIZE);
	return r;
}

/* A process that could join the namespace it is in can come back to it (setns(2) asks the same of both): then this thread goes itself, which costs a tenth of
 * the child. Who runs in a user namespace below the one that owns its network cannot. */
int nsaddr_look(const struct proc_id *ids, size_t count, char (*ret)[NSADDR_TEXT])
{
	autofree struct nics *nics = malloc(sizeof(*nics));
	autoclose int home = FD_NONE;
	struct look l = {ids, count, nics, ret};

	for (size_t i = 0; i < count; i++)
		ret[i][0] = '\0';
	if (!count || !nics)
		return count ? -ENOMEM : 0;
	home = fd_open(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0);
	if (home < 0 || setns(home, CLONE_NEWNET) < 0)
		return look_by_child(&l);
	look_at_all(&l);
	return setns(home, CLONE_NEWNET) < 0 ? -errno : 0;
}
