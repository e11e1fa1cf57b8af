/* link.c - asks about interfaces and changes them. */
#include "net/link.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SKIP_STATISTICS (1u << 3) /* RTEXT_FILTER_SKIP_STATS */

static void copy_name(char out[16], const struct nlattr *a)
{
	size_t n = mnl_attr_get_payload_len(a);

	if (n > 15)
		n = 15;
	memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = '\0';
}

static void copy_mac(uint8_t out[6], bool *has, const struct nlattr *a)
{
	if (mnl_attr_get_payload_len(a) != 6)
		return;
	memcpy(out, mnl_attr_get_payload(a), 6);
	*has = true;
}

static void read_bridge(const struct nlattr *data, struct link *l)
{
	const struct nlattr *a;

	nl_each_in(a, data) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_BR_FORWARD_DELAY:
			l->forward_delay = mnl_attr_get_u32(a);
			break;
		case IFLA_BR_STP_STATE:
			l->stp = mnl_attr_get_u32(a) != 0;
			break;
		case IFLA_BR_MCAST_SNOOPING:
			l->snooping = mnl_attr_get_u8(a) != 0;
			break;
		case IFLA_BR_VLAN_FILTERING:
			l->vlan_filtering = mnl_attr_get_u8(a) != 0;
			break;
		case IFLA_BR_VLAN_DEFAULT_PVID:
			l->has_vlans = true;
			l->default_pvid = mnl_attr_get_u16(a);
			break;
		default:
			break;
		}
	}
}

static void read_info(const struct nlattr *info, struct link *l)
{
	const struct nlattr *a, *data = NULL;

	nl_each_in(a, info) {
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			copy_name(l->kind, a);
		else if (mnl_attr_get_type(a) == IFLA_INFO_DATA)
			data = a;
	}
	if (data && strcmp(l->kind, "bridge") == 0)
		read_bridge(data, l);
}

void link_read(const struct nlmsghdr *h, struct link *ret)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	*ret = (struct link){.index = (unsigned)i->ifi_index, .flags = i->ifi_flags, .netns = LINK_HERE};
	nl_each(a, h, sizeof(*i)) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			copy_name(ret->name, a);
			break;
		case IFLA_MTU:
			ret->mtu = mnl_attr_get_u32(a);
			break;
		case IFLA_MASTER:
			ret->master = mnl_attr_get_u32(a);
			break;
		case IFLA_LINK:
			ret->parent = mnl_attr_get_u32(a);
			break;
		case IFLA_LINK_NETNSID:
			ret->netns = (int32_t)mnl_attr_get_u32(a);
			break;
		case IFLA_ADDRESS:
			copy_mac(ret->mac, &ret->has_mac, a);
			break;
		case IFLA_PERM_ADDRESS:
			copy_mac(ret->permanent, &ret->has_permanent, a);
			break;
		case IFLA_LINKINFO:
			read_info(a, ret);
			break;
		default:
			break;
		}
	}
}

static int take_link(const struct nlmsghdr *h, void *user)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		link_read(h, user);
	return 0;
}

int link_get(struct nl *nl, const char *name, struct link *ret, struct err *e)
{
	struct link l = {0};
	int r;

	(void)nl_add(nl, RTM_GETLINK, 0, sizeof(struct ifinfomsg), "look at '%s'", name);
	mnl_attr_put_strz(nl->last, IFLA_IFNAME, name);
	mnl_attr_put_u32(nl->last, IFLA_EXT_MASK, SKIP_STATISTICS);
	r = nl_send(nl, take_link, &l, e);
	if (r < 0)
		return r;
	*ret = l;
	return 0;
}

struct each {
	void (*see)(const struct link *l, void *user);
	void *user;
};

static int take_each(const struct nlmsghdr *h, void *user)
{
	struct each *each = user;
	struct link l;

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	link_read(h, &l);
	each->see(&l, each->user);
	return 0;
}

int link_each(struct nl *nl, void (*see)(const struct link *l, void *user), void *user, struct err *e)
{
	struct each each = {see, user};

	(void)nl_add(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg), "list the interfaces");
	mnl_attr_put_u32(nl->last, IFLA_EXT_MASK, SKIP_STATISTICS);
	return nl_send(nl, take_each, &each, e);
}

struct ifinfomsg *link_change(struct nl *nl, unsigned index, unsigned flags, unsigned mask, const char *what, const char *name)
{
	struct ifinfomsg *i = nl_add(nl, RTM_SETLINK, 0, sizeof(*i), "%s '%s'", what, name);

	i->ifi_index = (int)index;
	i->ifi_flags = flags;
	i->ifi_change = mask;
	return i;
}

void link_remove(struct nl *nl, unsigned index, const char *name)
{
	struct ifinfomsg *i = nl_add(nl, RTM_DELLINK, 0, sizeof(*i), "remove '%s'", name);

	i->ifi_index = (int)index;
}

/* @path has one %s at most; names were checked to hold no slash. */
static void sysctl_path(int proc, const char *path, const char *name, char out[160])
{
	const char *mark = strstr(path, "%s"), *root = proc < 0 ? "/proc/" : "";

	if (mark)
		(void)snprintf(out, 160, "%ssys/net/%.*s%s%s", root, (int)(mark - path), path, name, mark + 2);
	else
		(void)snprintf(out, 160, "%ssys/net/%s", root, path);
}

int link_proc(void)
{
	autoclose int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return FD_NONE;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

bool link_sysctl_is(int proc, const char *path, const char *name, const char *value)
{
	char file[160], now[32];

	sysctl_path(proc, path, name, file);
	return fd_read_file(proc < 0 ? AT_FDCWD : proc, file, now, sizeof(now)) >= 0 && strcmp(now, value) == 0;
}

int link_sysctl(int proc, const char *path, const char *name, const char *value, struct err *e)
{
	char file[160];
	int r;

	sysctl_path(proc, path, name, file);
	r = fd_write_file(proc < 0 ? AT_FDCWD : proc, file, value);
	if (r == 0 || link_sysctl_is(proc, path, name, value))
		return 0;
	/* IPv6 may be switched off: nothing of it to set then. */
	if (r == -ENOENT && strncmp(path, "ipv6/", 5) == 0)
		return 0;
	return err_sys(e, r, "set %s to %s", strstr(file, "net/"), value);
}

int link_enable_ipv6(int proc, const char *name, struct err *e)
{
	return link_sysctl_is(proc, "ipv6/conf/%s/disable_ipv6", name, "1") ? link_sysctl(proc, "ipv6/conf/%s/disable_ipv6", name, "0", e) : 0;
}
