/* netdev.c - see netdev.h. */
#include "linux/netdev.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_bridge.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 2000

static int set_name(struct ifreq *req, const char *name)
{
	if (!name[0] || strlen(name) >= sizeof(req->ifr_name))
		return -ENODEV;
	memset(req, 0, sizeof(*req));
	memcpy(req->ifr_name, name, strlen(name));
	return 0;
}

int netdev_index(const char *name)
{
	autoclose int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req;
	int r = sock < 0 ? -errno : set_name(&req, name);

	if (r < 0)
		return r;
	return ioctl(sock, SIOCGIFINDEX, &req) < 0 ? -errno : req.ifr_ifindex;
}

/* Asked first: what the private requests below do on another kind of device is that driver's business. */
static bool is_bridge(int sock, const char *name)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq req;

	if (set_name(&req, name) < 0)
		return false;
	req.ifr_data = (char *)&info;
	return ioctl(sock, SIOCETHTOOL, &req) == 0 && strncmp(info.driver, "bridge", sizeof(info.driver)) == 0;
}

int netdev_bridge_ports(const char *name)
{
	autoclose int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ports[1024] = {0}, count = 0;
	unsigned long args[] = {BRCTL_GET_PORT_LIST, (unsigned long)ports, ARRAY_LEN(ports), 0};
	struct ifreq req;
	int r = sock < 0 ? -errno : set_name(&req, name);

	if (r < 0)
		return r;
	if (!is_bridge(sock, name))
		return -ENODEV;
	req.ifr_data = (char *)args;
	if (ioctl(sock, SIOCDEVPRIVATE, &req) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		count += ports[i] != 0;
	return count;
}

int netdev_bridge_delete(const char *name)
{
	autoclose int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req;
	int r = sock < 0 ? -errno : set_name(&req, name);

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	if (ioctl(sock, SIOCGIFFLAGS, &req) < 0)
		return errno == ENODEV ? 0 : -errno;
	if (!is_bridge(sock, name)) /* never takes another device down */
		return -EINVAL;
	req.ifr_flags = (short)(req.ifr_flags & ~IFF_UP);
	if (ioctl(sock, SIOCSIFFLAGS, &req) < 0)
		return errno == ENODEV ? 0 : -errno;
	if (ioctl(sock, SIOCBRDELBR, req.ifr_name) < 0 && errno != ENXIO && errno != ENODEV)
		return -errno;
	return 0;
}

static int read_answer(int sock);

int netdev_move(const char *name, int netns)
{
	autoclose int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		struct rtattr attr;
		uint32_t fd;
	} q = {
	    .head = {.nlmsg_len = sizeof(q), .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
	    .attr = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_NET_NS_FD},
	    .fd = (uint32_t)netns,
	};
	int index = netdev_index(name);

	if (sock < 0 || index < 0)
		return index < 0 ? index : -errno;
	q.info.ifi_index = index;
	if (sendto(sock, &q, sizeof(q), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return read_answer(sock);
}

/* One request, one answer: not worth a library. */
struct table_request {
	struct nlmsghdr head;
	struct nfgenmsg gen;
	struct nlattr attr;
	char name[64];
};

static int read_answer(int sock)
{
	char bytes[4096] __attribute__((aligned(8)));
	struct pollfd p = {.fd = sock, .events = POLLIN};
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)bytes;
	ssize_t n;

	if (poll(&p, 1, ANSWER_MS) != 1)
		return -ETIMEDOUT;
	n = recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(*h) + sizeof(int) || h->nlmsg_len > (size_t)n)
		return -EPROTO;
	if (h->nlmsg_type != NLMSG_ERROR)
		return h->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) ? 1 : -EPROTO;
	return ((const struct nlmsgerr *)(const void *)(bytes + sizeof(*h)))->error;
}

/* A loss is told first in its message: what a transaction takes away stands before what it adds. So the kernel passes on only messages that begin with one, and nobody is woken by
 * the elements of each container. */
int netdev_nft_losses(void)
{
	static const uint8_t kinds[] = {NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE, NFT_MSG_DELSET, NFT_MSG_DELOBJ, NFT_MSG_DELFLOWTABLE};
	enum { HEAD = 3, KINDS = ARRAY_LEN(kinds) };
	const unsigned low = offsetof(struct nlmsghdr, nlmsg_type) + (__BYTE_ORDER == __BIG_ENDIAN), high = offsetof(struct nlmsghdr, nlmsg_type) + (__BYTE_ORDER != __BIG_ENDIAN);
	struct sock_filter code[HEAD + KINDS + 2] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, high),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFNL_SUBSYS_NFTABLES, 0, KINDS + 1),
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, low),
	};
	const struct sock_fprog filter = {.len = ARRAY_LEN(code), .filter = code};
	autoclose int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	const struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1u << (NFNLGRP_NFTABLES - 1)};
	const int size = 4096;

	for (size_t i = 0; i < KINDS; i++)
		code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kinds[i], (uint8_t)(KINDS - i), 0);
	code[HEAD + KINDS] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[HEAD + KINDS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffff);
	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 || setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
	    bind(sock, (const struct sockaddr *)&group, sizeof(group)) < 0)
		return -errno;
	return take_fd(sock);
}

int netdev_nft_table(unsigned family, const char *name)
{
	autoclose int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct table_request q = {
	    .head = {.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, .nlmsg_flags = NLM_F_REQUEST},
	    .gen = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0},
	    .attr = {.nla_type = NFTA_TABLE_NAME},
	};
	size_t len = strlen(name) + 1;
	int r;

	if (sock < 0)
		return -errno;
	if (len > sizeof(q.name))
		return 0;
	memcpy(q.name, name, len);
	q.attr.nla_len = (uint16_t)(sizeof(q.attr) + len);
	q.head.nlmsg_len = (uint32_t)(offsetof(struct table_request, name) + ((len + 3) & ~(size_t)3));
	if (sendto(sock, &q, q.head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	r = read_answer(sock);
	return r == -ENOENT ? 0 : r;
}
