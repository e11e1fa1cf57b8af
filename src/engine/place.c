/* place.c - where a container's control groups are to be, and what its init can do with them.
 *
 * The place is chosen when the start is planned; from then on it is in the record. What init needs is told by its tree: systemd brings a library that has its version
 * in its name since 231, and knows v2 well since 233. */
#include "engine/engine.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libsystemd-shared-"
#define KNOWS_V2 233
#define MANIFEST_MAX (64u << 20)

/* ---- the place ---- */

static const char *join(struct arena *a, const char *dir, const char *what, const char *name)
{
	return arena_printf(a, "%s/%s.%s", dir, what, name);
}

/* The pattern of the system file, with the name in it. NULL when it is not the path of a group. */
static const char *by_pattern(struct arena *a, const char *pattern, const char *name)
{
	const char *at = strstr(pattern, "%n");

	while (*pattern == '/')
		pattern++;
	if (!at || strstr(at + 2, "%n") || strstr(pattern, "//") || strstr(pattern, ".."))
		return NULL;
	return arena_printf(a, "%.*s%s%s", (int)(at - pattern), pattern, name, at + 2);
}

/* Beneath the caller's own node. */
static const char *beneath_own(struct arena *a, const char *group)
{
	char own[CG_GROUP_MAX];

	cgroup_own(own);
	return strcmp(own, "/") == 0 ? arena_printf(a, "/%s", group) : arena_printf(a, "%s/%s", own, group);
}

static int check_length(const char *group, struct err *e)
{
	return strlen(group) < CG_GROUP_MAX ? 0 : err_set(e, ERR_INPUT, ENAMETOOLONG, "the path of control group '%.80s...' is too long", group);
}

/* systemd ends what a unit has left behind when the unit ends, and a login session is one. A monitor that a service or a session has started goes out of it, as LXC's does,
 * or the container would end with them. Elsewhere nobody asks where a monitor lives, and moving costs milliseconds. */
static const char *out_of_units(const struct coppice *c, const struct spec *s, struct arena *a)
{
	if (c->facts.user_mode || s->cgroup_relative || access("/run/systemd/system", F_OK) < 0) /* sd_booted(3) */
		return NULL;
	return arena_printf(a, "%s-monitor/%s", c->group, s->name);
}

static int place(struct coppice *c, const struct spec *s, struct arena *a, struct plan_choices *ret, struct err *e)
{
	const char *group = NULL, *monitor = NULL;
	bool placed = true;

	if (s->cgroup_container) {
		group = s->cgroup_inner ? arena_printf(a, "%s//%s", s->cgroup_container, s->cgroup_inner) : s->cgroup_container;
		monitor = s->cgroup_monitor;
	} else if (s->cgroup_dir) {
		group = join(a, s->cgroup_dir, "lxc.payload", s->name);
		monitor = join(a, s->cgroup_dir, "lxc.monitor", s->name);
	} else if (c->cgroup_pattern[0]) {
		group = by_pattern(a, c->cgroup_pattern, s->name);
		if (!group)
			return err_set(e, ERR_INPUT, EINVAL, "lxc.cgroup.pattern = '%s': not a path with one %%n in it, for the container's name", c->cgroup_pattern);
	} else {
		group = arena_printf(a, "%s/%s", c->group, s->name);
		placed = s->cgroup_relative;
	}
	if (s->cgroup_relative && group) {
		group = beneath_own(a, group);
		monitor = monitor ? beneath_own(a, monitor) : NULL;
	}
	if (!group || (s->cgroup_dir && !monitor))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	if (!monitor && s->cgroup_relative && c->facts.cgroup == CG_V2)
		monitor = beneath_own(a, arena_printf(a, "%s-monitor/%s", c->group, s->name));
	if (!monitor)
		monitor = out_of_units(c, s, a);
	ret->group = group;
	ret->monitor_group = monitor;
	ret->monitor_pivot = monitor ? s->cgroup_pivot : NULL;
	ret->placed = placed;
	return check_length(group, e) < 0 || (monitor && check_length(monitor, e) < 0) ? -ENAMETOOLONG : 0;
}

/* ---- the controllers ---- */

static bool is_listed(const char *list, const char *word)
{
	for (const char *p = list; *p;) {
		size_t len;

		p += strspn(p, ", \t");
		len = strcspn(p, ", \t");
		if (len && len == strlen(word) && memcmp(p, word, len) == 0)
			return true;
		p += len;
	}
	return false;
}

static bool is_used(const char *list, enum cg_controller c)
{
	return is_listed(list, "@all") || (is_listed(list, "@kernel") && c != CG_SYSTEMD) || is_listed(list, cg_v1_word(c)) || (c == CG_SYSTEMD && is_listed(list, "systemd"));
}

/* A word of the list that is left without a hierarchy. LXC refuses it, too: a limit would be missing without a word. */
static int check_word(const struct coppice *c, const char *word, const struct facts *left, struct err *e)
{
	for (size_t i = 0; i < CG_CONTROLLER_COUNT; i++) {
		bool named = strcmp(word, cg_v1_word((enum cg_controller)i)) == 0;

		if ((named && left->v1_mount[i][0]) || ((named || (i == CG_IO && strcmp(word, "io") == 0)) && (left->v2_controllers >> i & 1)) || (i == CG_SYSTEMD && strcmp(word, "systemd") == 0))
			return 0;
		for (size_t o = 0; named && c->facts.v1_mount[i][0] && o < CG_CONTROLLER_COUNT; o++)
			if (strcmp(c->facts.v1_mount[o], c->facts.v1_mount[i]) == 0 && !is_used(c->cgroup_use, (enum cg_controller)o)) {
				(void)err_set(e, ERR_INPUT, EINVAL, "lxc.cgroup.use names '%s' without '%s', which is in the same hierarchy", word, cg_v1_word((enum cg_controller)o));
				return err_hint(e, "name both in lxc.conf, or leave lxc.cgroup.use out");
			}
	}
	if (strcmp(word, "@kernel") == 0)
		return 0;
	(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "lxc.cgroup.use names '%s', and no hierarchy of this host has such a controller", word);
	return err_hint(e, "cat /proc/cgroups");
}

/* As LXC does it: a hierarchy is used when all of its controllers are named; v2 always is. So is that of the device list, which is a wall and no limit. */
int engine_cgroup_use(const struct coppice *c, struct facts *io, struct err *e)
{
	char copy[sizeof(c->cgroup_use)], *save = NULL;
	int r = 0;

	if (!c->cgroup_use[0] || is_listed(c->cgroup_use, "@all"))
		return 0;
	for (size_t i = 0; i < CG_CONTROLLER_COUNT; i++) {
		const char *mount = c->facts.v1_mount[i];

		if (!mount[0] || is_used(c->cgroup_use, (enum cg_controller)i) || strcmp(mount, c->facts.v1_mount[CG_DEVICES]) == 0)
			continue;
		for (size_t o = 0; o < CG_CONTROLLER_COUNT; o++)
			if (strcmp(c->facts.v1_mount[o], mount) == 0)
				io->v1_mount[o][0] = '\0';
	}
	(void)snprintf(copy, sizeof(copy), "%s", c->cgroup_use);
	for (char *word = strtok_r(copy, ", \t", &save); r == 0 && word; word = strtok_r(NULL, ", \t", &save))
		r = check_word(c, word, io, e);
	return r;
}

/* A v2 group that has processes cannot have limited groups below. Ours, where a service runs nothing but this command, is free once we are where the monitor goes. */
bool engine_step_aside(struct coppice *c, const struct plan *plan, char ret_back[CG_GROUP_MAX])
{
	const struct step *st = plan_find(plan, STEP_CGROUP_MONITOR, 0);

	if (!st || c->facts.cgroup != CG_V2)
		return false;
	cgroup_own(ret_back);
	return cgroup_move_self(&c->facts, st->text[0]) == 0;
}

void engine_step_back(struct coppice *c, const struct plan *plan, const char *back)
{
	cgroup_leave(&c->facts, plan_find(plan, STEP_CGROUP_MONITOR, 0)->text[0], back);
}

/* ---- the guest's init ---- */

/* Whatever stands at the end of the links. */
static bool leads_to_systemd(int root, const char *init)
{
	autoclose int fd = path_open_in(root, init, O_PATH, 0);
	char path[512];
	const char *slash;

	if (fd < 0 || fd_path(fd, path, sizeof(path)) < 0)
		return false;
	slash = strrchr(path, '/');
	return slash && slash > path && strcmp(slash, "/systemd") == 0;
}

/* "libsystemd-shared-252.so" -> 252; 0 when it is none. */
static unsigned version_of(const char *name)
{
	unsigned v = 0;

	if (strncmp(name, LIBRARY, strlen(LIBRARY)) != 0)
		return 0;
	for (const char *p = name + strlen(LIBRARY); *p >= '0' && *p <= '9' && v < 100000; p++)
		v = v * 10 + (unsigned)(*p - '0');
	return v;
}

static DIR *open_dir(int root, const char *path)
{
	autoclose int fd = path_open_in(root, path, O_PATH | O_DIRECTORY, 0);

	return fd < 0 ? NULL : fd_open_dir(fd, ".", 0);
}

static unsigned version_in(int root, const char *path)
{
	autoclosedir DIR *d = open_dir(root, path);
	const struct dirent *ent;
	unsigned best = 0;

	while (d && (ent = readdir(d)))
		if (version_of(ent->d_name) > best)
			best = version_of(ent->d_name);
	return best;
}

/* Debian 12 has it with the libraries of the architecture, everybody else beside systemd. */
static unsigned tree_version(int root)
{
	static const char *const usual[] = {"usr/lib/systemd", "lib/systemd", "usr/lib64/systemd"};
	autoclosedir DIR *d = NULL;
	const struct dirent *ent;
	unsigned best = 0;
	char path[300];

	for (size_t i = 0; i < ARRAY_LEN(usual) && !best; i++)
		best = version_in(root, usual[i]);
	if (best)
		return best;
	d = open_dir(root, "usr/lib");
	while (d && (ent = readdir(d)) && !best) {
		if (!strstr(ent->d_name, "-linux-"))
			continue;
		(void)snprintf(path, sizeof(path), "usr/lib/%s/systemd", ent->d_name);
		best = version_in(root, path);
	}
	return best;
}

static enum plan_guest guest_in(const char *const *trees, size_t count, const char *init)
{
	unsigned best = 0;
	bool systemd = false;

	for (size_t i = 0; i < count && !systemd; i++) {
		autoclose int root = fd_open(AT_FDCWD, trees[i], O_PATH | O_DIRECTORY, 0);

		systemd = root >= 0 && leads_to_systemd(root, init);
	}
	for (size_t i = 0; systemd && i < count && !best; i++) {
		autoclose int root = fd_open(AT_FDCWD, trees[i], O_PATH | O_DIRECTORY, 0);

		best = root >= 0 ? tree_version(root) : 0;
	}
	return !systemd ? GUEST_ANY : best < KNOWS_V2 ? GUEST_SYSTEMD_OLD : GUEST_SYSTEMD;
}

/* A base is not mounted yet; what is in it stands in its list of files. */
static enum plan_guest guest_of_base(struct coppice *c, const struct store_base *base)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct err ignored = {0};
	autoclose int dir = store_base_open(&c->store, base, &ignored);
	autoclose int fd = dir < 0 ? FD_NONE : fd_open(dir, "manifest", O_RDONLY, 0);
	unsigned best = 0;

	if (fd < 0 || fd_read_all(fd, &text, MANIFEST_MAX) < 0 || !strstr(buf_str(&text), "lib/systemd/systemd"))
		return GUEST_ANY;
	for (const char *p = strstr(buf_str(&text), LIBRARY); p; p = strstr(p + 1, LIBRARY))
		if (version_of(p) > best)
			best = version_of(p);
	return best < KNOWS_V2 ? GUEST_SYSTEMD_OLD : GUEST_SYSTEMD;
}

/* Asked only where the answer makes a difference. A base is ours, and new enough unless the config was written for something else. */
static enum plan_guest guest(struct coppice *c, const struct spec *s, const struct store_base *base)
{
	const char *trees[16];
	size_t count = 0;

	if ((c->facts.cgroup != CG_V1 && c->facts.cgroup != CG_HYBRID) || c->facts.user_mode || s->small_init || !s->init_count)
		return GUEST_ANY;
	if (base && base->name[0])
		return s->auto_cgroup != SPEC_AUTO_UNSET && !s->auto_cgroup_force ? guest_of_base(c, base) : GUEST_ANY;
	if (s->rootfs)
		trees[count++] = s->rootfs;
	for (size_t i = 0; i < s->lower_count && count < ARRAY_LEN(trees); i++)
		trees[count++] = s->lowers[i];
	return guest_in(trees, count, s->init[0]);
}

int engine_place(struct coppice *c, const struct spec *s, const struct store_base *base, struct arena *a, struct plan_choices *ret, struct err *e)
{
	int r = place(c, s, a, ret, e);

	if (r == 0)
		ret->guest = guest(c, s, base);
	return r;
}
