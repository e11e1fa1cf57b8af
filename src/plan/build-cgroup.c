/* build-cgroup.c - which control groups the guest sees.
 *
 * On a host with v2 alone that is v2. Where the host has v1 hierarchies, LXC's configs and old inits count on them: a tmpfs with one mount for each, below the
 * names that the host uses. Each is mounted through the container's cgroup namespace, so that its root is the container's own node (decision 0017). */
#include "plan/build-impl.h"
#include "plan/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOP "sys/fs/cgroup"
#define STRICT (A_NOSUID | A_NODEV | A_NOEXEC)

/* Words of the mount options; the order does not matter to the kernel. */
static const char *const words[CG_CONTROLLER_COUNT] = {
	[CG_MEMORY] = "memory",	  [CG_CPU] = "cpu",	    [CG_CPUACCT] = "cpuacct", [CG_CPUSET] = "cpuset",	[CG_PIDS] = "pids",
	[CG_DEVICES] = "devices", [CG_IO] = "blkio",	    [CG_FREEZER] = "freezer", [CG_SYSTEMD] = "systemd", [CG_HUGETLB] = "hugetlb",
	[CG_RDMA] = "rdma",	  [CG_MISC] = "misc",	    [CG_NET_CLS] = "net_cls", [CG_NET_PRIO] = "net_prio", [CG_PERF_EVENT] = "perf_event",
};

static uint64_t mounted(const struct facts *f)
{
	uint64_t mask = 0;

	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (f->v1_mount[c][0])
			mask |= UINT64_C(1) << c;
	return mask;
}

/* An old systemd wants v1, a newer one is better off with v2 (from 256 on it refuses v1); others get what the config says. */
static bool sees_v1(const struct builder *b)
{
	const struct spec *s = b->s;

	if (b->f->user_mode || b->f->cgroup == CG_V2 || !mounted(b->f) || !build_is_own(s, SPEC_NS_CGROUP) || !build_is_own(s, SPEC_NS_MNT))
		return false;
	if (b->c->guest == GUEST_SYSTEMD_OLD)
		return true;
	return s->auto_cgroup != SPEC_AUTO_UNSET && !s->auto_cgroup_v2 && (s->auto_cgroup_force || b->c->guest != GUEST_SYSTEMD);
}

/* Without a namespace its own node is one of the host's tree, and only who mounted that can show it. */
static bool is_bound(const struct builder *b)
{
	const struct spec *s = b->s;

	return s->auto_cgroup != SPEC_AUTO_UNSET && (s->ns_keep >> SPEC_NS_CGROUP & 1) && !b->f->user_mode && b->f->cgroup != CG_NONE;
}

uint64_t build_seen(const struct builder *b)
{
	if (is_bound(b))
		return mounted(b->f) | PLAN_SEEN_WRITES;
	if (sees_v1(b))
		return mounted(b->f) | (b->s->auto_cgroup == SPEC_AUTO_RO ? 0 : PLAN_SEEN_WRITES);
	/* a directory of the user's own may carry limits in any hierarchy */
	return b->s->cgroup_dir || b->s->cgroup_container ? mounted(b->f) : 0;
}

/* Nothing of the container's is in hierarchies whose controllers we have no name for. */
static void add_hierarchy(struct builder *b, enum cg_controller first, uint64_t attrs)
{
	const char *mount = b->f->v1_mount[first], *name = strrchr(mount, '/') ? strrchr(mount, '/') + 1 : mount;
	char target[128], options[256] = "", link[96];
	size_t len = 0;

	for (size_t c = first; c < CG_CONTROLLER_COUNT; c++)
		if (strcmp(b->f->v1_mount[c], mount) == 0)
			len += (size_t)snprintf(options + len, sizeof(options) - len, "%s%s", len ? "," : "", c == CG_SYSTEMD ? "none,name=systemd" : words[c]);
	(void)snprintf(target, sizeof(target), TOP "/%s", name);
	build_add(b, STEP_MOUNT, "cgroup", target, options, attrs, PLAN_CREATE_DIR | PLAN_OPTIONAL, 0);
	for (size_t c = first; c < CG_CONTROLLER_COUNT; c++)
		if (strcmp(b->f->v1_mount[c], mount) == 0 && strcmp(words[c], name) != 0) {
			(void)snprintf(link, sizeof(link), TOP "/%s", words[c]);
			build_add(b, STEP_LINK, link, name, NULL, 0, 0, 0);
		}
}

static bool is_first(const struct facts *f, size_t c)
{
	for (size_t before = 0; before < c; before++)
		if (strcmp(f->v1_mount[before], f->v1_mount[c]) == 0)
			return false;
	return f->v1_mount[c][0] != '\0';
}

/* ---- without a namespace ---- */

/* A hierarchy as the host mounts it, and below which name it is shown. False at the end. */
static bool hierarchy(const struct builder *b, size_t index, const char **ret_mount, const char **ret_name)
{
	const char *mount = index < CG_CONTROLLER_COUNT ? b->f->v1_mount[index] : b->f->v2_mount;

	*ret_mount = NULL;
	if (index > CG_CONTROLLER_COUNT)
		return false;
	if (mount[0] && (index == CG_CONTROLLER_COUNT || is_first(b->f, index))) {
		*ret_mount = mount;
		*ret_name = index == CG_CONTROLLER_COUNT ? "unified" : strrchr(mount, '/') + 1;
	}
	return true;
}

/* The node its processes are in, below a hierarchy's root. */
static const char *own_node(struct builder *b)
{
	const char *group = b->c->group + (b->c->group[0] == '/'), *inner = strstr(group, "//");
	const char *node = arena_printf(&b->p->arena, "%.*s/%s", inner ? (int)(inner - group) : (int)strlen(group), group, inner ? inner + 2 : "payload");

	b->oom = b->oom || !node;
	return node ?: "";
}

/* v2 alone has no directory of hierarchies: there the whole tree is shown. */
static bool is_whole(const struct builder *b)
{
	return b->s->auto_cgroup_full || b->f->cgroup == CG_V2;
}

static bool is_own_bound(const struct builder *b)
{
	return !is_whole(b) || b->s->auto_cgroup == SPEC_AUTO_MIXED || (b->s->auto_cgroup == SPEC_AUTO_RW && !b->s->auto_cgroup_full);
}

void build_cgroup_opens(struct builder *b)
{
	const char *mount, *name, *node = is_bound(b) ? own_node(b) : NULL;
	uint64_t slot = 0;
	char path[512];

	for (size_t i = 0; i < b->p->count; i++)
		slot += b->p->steps[i].kind == STEP_OPEN_SOURCE || b->p->steps[i].kind == STEP_OPEN_DEVICE;
	b->cgroup_slot = slot;
	for (size_t i = 0; node && hierarchy(b, i, &mount, &name); i++) {
		if (!mount)
			continue;
		if (is_whole(b))
			build_add(b, STEP_OPEN_SOURCE, mount, NULL, NULL, slot++, 0, PLAN_SOURCE_OPTIONAL);
		(void)snprintf(path, sizeof(path), "%s/%s", mount, node);
		if (is_own_bound(b))
			build_add(b, STEP_OPEN_SOURCE, path, NULL, NULL, slot++, 0, PLAN_SOURCE_OPTIONAL);
	}
}

/* @prepare: by the monitor; else by the child, to whom the place belongs. */
static void add_bound(struct builder *b, bool prepare)
{
	const bool whole = is_whole(b), own = is_own_bound(b), ro = b->s->auto_cgroup == SPEC_AUTO_RO;
	const char *mount, *name, *node = own_node(b);
	uint64_t slot = b->cgroup_slot;
	char top[128], target[512];

	for (size_t i = 0; hierarchy(b, i, &mount, &name); i++) {
		if (!mount)
			continue;
		(void)snprintf(top, sizeof(top), b->f->cgroup == CG_V2 ? TOP "%.0s" : TOP "/%s", name);
		(void)snprintf(target, sizeof(target), "%s/%s", top, node);
		for (int which = 0; which < 2; which++) {
			const char *at = which ? target : top;
			bool rw = which ? !ro : b->s->auto_cgroup_full && b->s->auto_cgroup == SPEC_AUTO_RW;

			if (!(which ? own : whole))
				continue;
			if (prepare)
				build_add(b, STEP_BIND_LATER, at, NULL, NULL, slot, STRICT | (rw ? 0 : A_RDONLY), 0);
			else
				build_add(b, STEP_BIND_LATE, at, NULL, NULL, slot, PLAN_CREATE_DIR, 0);
			slot++;
		}
	}
}

void build_cgroup_binds(struct builder *b)
{
	if (is_bound(b))
		add_bound(b, true);
}

/* The tmpfs itself stays writable, as LXC's: inits make mount points of their own there. */
static void add_v1(struct builder *b, uint64_t attrs)
{
	build_add(b, STEP_MOUNT, "tmpfs", TOP, "mode=0755,size=10m", STRICT, 0, 0);
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (is_first(b->f, c))
			add_hierarchy(b, (enum cg_controller)c, attrs);
	if (b->f->cgroup == CG_HYBRID)
		build_add(b, STEP_MOUNT, "cgroup2", TOP "/unified", NULL, attrs, PLAN_CREATE_DIR, 0);
}

void build_cgroup_mounts(struct builder *b)
{
	uint64_t attrs = STRICT | (b->s->auto_cgroup == SPEC_AUTO_RO ? A_RDONLY : 0);

	if (is_bound(b)) {
		if (b->f->cgroup != CG_V2)
			build_add(b, STEP_MOUNT, "tmpfs", TOP, "mode=0755,size=10m", STRICT, 0, 0);
		add_bound(b, false);
		return;
	}
	if (!build_is_own(b->s, SPEC_NS_CGROUP)) /* another's tree is not ours to mount */
		return;
	if (sees_v1(b))
		add_v1(b, attrs);
	else
		build_add(b, STEP_MOUNT, "cgroup2", TOP, NULL, attrs, 0, 0);
}

static int no_port(const char *why, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "lxc.cgroup.net_cls.classid cannot be held on this host, which has no net_cls controller: %s", why);
}

int build_class(struct builder *b, struct err *e)
{
	const struct spec *s = b->s;
	const char *ports = NULL;
	uint32_t mark = 0;

	if (!limits_class(b->f, &s->limits, &mark))
		return 0;
	if (s->ns_share[SPEC_NS_NET])
		return no_port("the packets leave by another container's interfaces; say it there", e);
	if (s->net != SPEC_NET_NONE && !s->nic_count) /* nothing ever leaves */
		return 0;
	for (size_t i = 0; i < s->nic_count; i++) {
		const char *peer = b->c->nics && b->c->nics[i].peer ? b->c->nics[i].peer : s->nics[i].pair;

		if (s->nics[i].type != SPEC_NIC_VETH || !peer)
			continue;
		ports = arena_printf(&b->p->arena, "%s%s%s", ports ?: "", ports ? " " : "", peer);
		b->oom = b->oom || !ports;
	}
	if (s->net != SPEC_NET_NONE && !ports && !b->oom)
		return no_port("only a veth has a side on the host where packets can be marked", e);
	build_add(b, STEP_CLASS, b->c->nft_helper, s->net == SPEC_NET_NONE ? NULL : ports, NULL, mark, 0, 0);
	return 0;
}
