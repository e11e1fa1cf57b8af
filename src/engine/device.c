/* device.c - devices that come and go while a container runs: nodes, with the rule that lets them be used, and interfaces.
 *
 * A node is made by us as the host's root, owned by the container's, in the container's own tree: on its /dev, a tmpfs made for that. Where the tree takes no live nodes (nodev,
 * as everywhere else in a mapped container), the node is made on /dev under a name of its own and laid over the wanted one. Nothing of it is in the config. */
#include "engine/device.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/ip.h"
#include "base/path.h"
#include "engine/inside.h"
#include "engine/network.h"
#include "engine/nic.h"
#include "linux/cgroup.h"
#include "linux/mnt.h"
#include "linux/netdev.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- rules ---- */

static struct step *devices_step(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->steps[i].kind == STEP_DEVICES)
			return &p->steps[i];
	return NULL;
}

/* The list as it is to be. A rule that takes back the one added last replaces it, so that a device that comes and goes leaves nothing. */
static char *with_rule(const char *old, const char *rule, struct arena *a)
{
	size_t len = old ? strlen(old) : 0, n = strlen(rule);

	if (len > n && old[len - n - 1] == ';' && strcmp(old + len - n + 1, rule + 1) == 0)
		len -= n + 1;
	return arena_printf(a, "%.*s%s%s", (int)len, old ? old : "", len ? ";" : "", rule);
}

int engine_device_rule(struct coppice *c, const char *name, const struct live *l, const char *rule, struct err *e)
{
	autodone(arena_done) struct arena a = ARENA_INIT;
	struct cg_device *rules = NULL;
	struct plan plan = {0};
	struct step *st;
	struct cgroup cg;
	size_t count = 0;
	char *text;
	int r = engine_kept_plan(c, name, &plan);

	if (r < 0)
		return err_sys(e, r, "read what '%s' was started with", name);
	st = devices_step(&plan);
	if (!st && rule[0] == '+') { /* nothing is denied */
		plan_done(&plan);
		return 0;
	}
	text = with_rule(st ? st->text[0] : NULL, rule, &a);
	r = text ? apply_device_rules(text, &a, &rules, &count) : -ENOMEM;
	if (r == 0)
		r = cgroup_open(&c->facts, l->record.group, &cg);
	if (r == 0) {
		r = cgroup_add_device(&c->facts, &cg, rules, count);
		cgroup_done(&cg);
	}
	if (r == 0 && !st)
		st = plan_add(&plan, STEP_DEVICES);
	if (r == 0 && !st)
		r = -ENOMEM;
	if (r == 0) {
		st->text[0] = text;
		r = engine_keep_plan(c, name, &plan, e);
	} else {
		r = err_sys(e, r, "change the device rules of '%s'", name);
	}
	plan_done(&plan);
	return r;
}

/* ---- nodes ---- */

struct node {
	struct coppice *c;
	const char *name;
	const char *path;      /* in the container, without the first '/' */
	struct live live;
	int root;              /* of the container, as it sees it */
	struct stat st;        /* of the host's node */
};

/* As the container's root: through an idmapped mount the host's has no id on disk, and can make nothing. */
static void act_as(uid_t id)
{
	(void)setfsgid(id);
	(void)setfsuid(id);
}

/* The directory that @path is in, made when missing; the last component in *ret_base. */
static int open_parent(const struct node *n, const char *path, bool make, const char **ret_base)
{
	autoclose int dir = fcntl(n->root, F_DUPFD_CLOEXEC, 3);
	const char *at = path;

	for (size_t len; dir >= 0 && at[len = strcspn(at, "/")];) {
		char part[256];
		int next;

		if (len >= sizeof(part))
			return -ENAMETOOLONG;
		memcpy(part, at, len);
		part[len] = '\0';
		at += len + 1;
		if (!len)
			continue;
		if (make) {
			act_as(n->live.record.id_first);
			(void)!mkdirat(dir, part, 0755); /* it exists, or opening it says why not */
			act_as(0);
		}
		next = path_open_nolinks(dir, part, O_PATH | O_DIRECTORY, 0);
		fd_close(&dir);
		dir = next;
	}
	*ret_base = at;
	if (dir >= 0 && (!at[0] || strcmp(at, ".") == 0 || strcmp(at, "..") == 0))
		return -EINVAL;
	return take_fd(dir);
}

static int make_node(const struct node *n, int dir, const char *name)
{
	uid_t root = n->live.record.id_first;

	if (mknodat(dir, name, n->st.st_mode & (S_IFMT | 0777), n->st.st_rdev) < 0)
		return -errno;
	/* a mode of its own: mknod(2) heeds the umask */
	if (fchownat(dir, name, root, root, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(dir, name, n->st.st_mode & 0777, 0) < 0) {
		int r = -errno;

		(void)unlinkat(dir, name, 0);
		return r;
	}
	return 0;
}

static bool takes_nodes(int dir)
{
	struct statvfs v;

	return fstatvfs(dir, &v) == 0 && !(v.f_flag & ST_NODEV);
}

/* "dev/.device-10:229": where the node is that is laid over another name. */
static void hidden_name(const struct node *n, char out[48])
{
	(void)snprintf(out, 48, "dev/.device-%c-%u-%u", S_ISBLK(n->st.st_mode) ? 'b' : 'c', major(n->st.st_rdev), minor(n->st.st_rdev));
}

/* In a child of ours, as the host's root in the container's mount namespace: only there can its mounts be cloned and attached. */
static int lay_over(int pidfd, const char *node, const char *target, bool there)
{
	autoclose int root = FD_NONE;
	autoclose int place = FD_NONE;
	autoclose int tree = FD_NONE;
	int r = ns_enter(pidfd, CLONE_NEWNS);

	root = r < 0 ? r : fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (root < 0)
		return root;
	if (!there) {
		autoclose int dir = path_open_nolinks(root, target, O_PATH, 0);

		return dir < 0 ? dir : mnt_detach(root, target);
	}
	place = path_open_nolinks(root, target, O_PATH, 0);
	tree = place < 0 ? place : mnt_clone(root, node, false);
	return tree < 0 ? tree : mnt_attach(tree, place);
}

static int in_child(const struct node *n, const char *hidden, bool there)
{
	autoclose int init = proc_open(&n->live.record.init);
	autoclose int pidfd = FD_NONE;
	int status = 0, r;
	pid_t pid = init < 0 ? init : ns_clone(0, FD_NONE, false, &pidfd);

	if (pid == 0)
		_exit(-lay_over(init, hidden, n->path, there));
	if (pid < 0)
		return pid;
	r = proc_reap(pid, pidfd, clock_deadline(10000), &status);
	return r < 0 ? r : -status;
}

static int add_over(const struct node *n, int dir, const char *base)
{
	char hidden[48];
	const char *name;
	autoclose int dev = FD_NONE;
	autoclose int place = FD_NONE;
	int r;

	hidden_name(n, hidden);
	dev = open_parent(n, hidden, false, &name);
	r = dev < 0 ? dev : make_node(n, dev, name);
	if (r < 0 && r != -EEXIST)
		return r;
	act_as(n->live.record.id_first);
	place = fd_open(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	act_as(0);
	r = place < 0 ? place : in_child(n, hidden, true);
	if (r < 0 && place >= 0)
		(void)unlinkat(dir, base, 0);
	return r;
}

static int add_node(const struct node *n)
{
	const char *base;
	autoclose int dir = open_parent(n, n->path, true, &base);

	if (dir < 0)
		return dir;
	return takes_nodes(dir) ? make_node(n, dir, base) : add_over(n, dir, base);
}

static int remove_node(const struct node *n)
{
	const char *base;
	autoclose int dir = open_parent(n, n->path, false, &base);
	char hidden[48];
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENODEV;
	if (!takes_nodes(dir)) {
		int r = in_child(n, "", false);

		if (r < 0)
			return r;
		hidden_name(n, hidden);
		(void)unlinkat(n->root, hidden, 0);
	}
	return unlinkat(dir, base, 0) < 0 ? -errno : 0;
}

static void rule_of(const struct node *n, char sign, char out[64])
{
	(void)snprintf(out, 64, "%c%c %u:%u rwm", sign, S_ISBLK(n->st.st_mode) ? 'b' : 'c', major(n->st.st_rdev), minor(n->st.st_rdev));
}

static int change_node(struct node *n, const char *device, bool add, struct err *e)
{
	char path[48], rule[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", n->live.record.init.pid);
	n->root = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	if (n->root < 0 || !proc_alive(&n->live.record.init))
		return err_set(e, ERR_STATE, ESRCH, "it has just ended");
	/* a node that the host no longer has can still be taken away */
	if (fstatat(AT_FDCWD, device, &n->st, 0) < 0 && add)
		return err_sys(e, errno, "look at '%s'", device);
	if (!add && !S_ISCHR(n->st.st_mode) && !S_ISBLK(n->st.st_mode) && fstatat(n->root, n->path, &n->st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "look at '/%s' in the container", n->path);
	if (!S_ISCHR(n->st.st_mode) && !S_ISBLK(n->st.st_mode))
		return err_set(e, ERR_INPUT, ENODEV, "'%s' is no device", device);
	rule_of(n, add ? '+' : '-', rule);
	if (add) {
		r = engine_device_rule(n->c, n->name, &n->live, rule, e);
		if (r < 0)
			return r;
	}
	r = add ? add_node(n) : remove_node(n);
	if (r < 0 && add) {
		struct err ignored = {0};

		rule_of(n, '-', rule);
		(void)!engine_device_rule(n->c, n->name, &n->live, rule, &ignored);
	}
	if (r < 0)
		return err_sys(e, r, "%s '/%s' in the container", add ? "make" : "remove", n->path);
	return add ? 0 : engine_device_rule(n->c, n->name, &n->live, rule, e);
}

/* ---- interfaces ---- */

static int change_nic(struct coppice *c, const struct live *l, const char *device, const char *as, bool add, struct err *e)
{
	/* the step of a physical device: inside it is text 1, on the host text 2 */
	struct step st = {.kind = STEP_NIC, .text = {"phys", add ? as : device, add ? device : as}};
	struct step *const steps[] = {&st};
	struct change ch = {.lock = FD_NONE, .live = *l};

	(void)c;
	if (!ip_is_ifname(as))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is no name of an interface", as);
	return engine_change_apply(&ch, steps, 1, add ? "apply" : "undo", e);
}

static bool has_nic_inside(const struct live *l, const char *name)
{
	uint64_t rx, tx;

	return ip_is_ifname(name) && engine_traffic(l->record.init.pid, name, &rx, &tx);
}

/* ---- the operation ---- */

static int change(struct coppice *c, const char *name, const char *device, const char *as, bool add, struct err *e)
{
	struct node n = {.c = c, .name = name, .path = as + strspn(as, "/"), .root = FD_NONE};
	autoclose int lock = state_lock(&c->state, name, "device", clock_deadline(ENGINE_LOCK_MS), e);
	int r = lock < 0 ? lock : engine_running(c, name, &n.live, e);

	if (r < 0)
		return r;
	if (device[0] != '/' && (add ? ip_is_ifname(device) && netdev_index(device) >= 0 : has_nic_inside(&n.live, device)))
		return change_nic(c, &n.live, device, as, add, e);
	r = change_node(&n, device, add, e);
	fd_close(&n.root);
	return r;
}

int coppice_device(struct coppice *c, const char *name, const char *device, const char *as, bool add, struct err *e)
{
	struct live l;
	int r = engine_running(c, name, &l, e);

	if (r == 0 && c->user) {
		(void)err_set(e, ERR_DENIED, EPERM, "only root can make device nodes and give away interfaces");
		r = err_hint(e, "sudo lxc-device ...");
	}
	if (r == 0)
		r = change(c, name, device, as && as[0] ? as : device, add, e);
	return r < 0 ? err_what(e, "cannot %s '%s' %s '%s'", add ? "add" : "remove", device, add ? "to" : "from", name) : 0;
}
