/* spawn.c - from a spec to a running monitor: choices, plan, and the re-exec in the monitor's role. */
#include "engine/engine.h"
#include "engine/user.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "engine/monitor-role.h"
#include "engine/network.h"
#include "engine/nic.h"
#include "linux/ns.h"
#include "linux/sys.h"
#include "plan/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR_OPEN_USUAL 1048576u /* fs.nr_open of a kernel that nobody has told otherwise: up to there it need not be asked */

/* Only what the planner will ask for. */
static void read_rlimits(const struct spec *s, const struct facts *f, struct plan_choices *ch)
{
	for (size_t i = 0; i < ARRAY_LEN(ch->rlimit_hard); i++)
		ch->rlimit_hard[i] = SPEC_MAX;
	for (size_t i = 0; i < s->prlimit_count; i++) {
		int resource = s->prlimits[i].resource;
		struct rlimit64 lim;
		char text[32];

		if (resource == RLIMIT_NOFILE && s->prlimits[i].hard > NR_OPEN_USUAL && fd_read_file(AT_FDCWD, "/proc/sys/fs/nr_open", text, sizeof(text)) > 0 &&
		    parse_u64(text, &ch->nofile_max) < 0)
			ch->nofile_max = 0;
		if (!f->can_raise_rlimits && (size_t)resource < ARRAY_LEN(ch->rlimit_hard) && prlimit64(0, (__rlimit_resource_t)resource, NULL, &lim) == 0 && lim.rlim_max != RLIM64_INFINITY)
			ch->rlimit_hard[resource] = lim.rlim_max;
	}
}

/* Without root a container's ids are those of the user's namespace. */
static int refuse_in_user_mode(const struct spec *s, struct err *e)
{
	if (!s->privileged)
		return 0;
	(void)err_set(e, ERR_DENIED, EPERM, "coppice.privileged is for root: the containers of other users have the ids of their subordinate range");
	return err_hint(e, "coppice config unset %s coppice.privileged", s->name);
}

int engine_map_root(const struct spec_idmap *list, size_t count, uint32_t *ret, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].uid && list[i].inside == 0) {
			*ret = list[i].host;
			return 0;
		}
	return err_set(e, ERR_INPUT, EINVAL, "the id map has no line for id 0, the container's root");
}

static bool has_id(const struct ns_map *map, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (id >= map[i].inside && id - map[i].inside < map[i].count)
			return true;
	return false;
}

/* As the config's own lines: without root of the host, and with the ids that init has. */
static int check_shared_ids(const struct spec *s, const struct ns_maps *m, bool user_mode, struct err *e)
{
	const char *target = s->ns_share[SPEC_NS_USER];
	bool host_root = false;

	for (size_t i = 0; i < m->uid_count || i < m->gid_count; i++)
		host_root = host_root || (i < m->uid_count && m->uid[i].host == 0) || (i < m->gid_count && m->gid[i].host == 0);
	if (host_root && !user_mode) {
		(void)err_set(e, ERR_DENIED, EPERM, "root of this host is mapped in the user namespace of '%s', which shall be shared", target);
		return err_hint(e, "share one whose ids are above those of the host, or say coppice.privileged = 1 instead");
	}
	if (!has_id(m->uid, m->uid_count, 0) || !has_id(m->gid, m->gid_count, 0))
		return err_set(e, ERR_INPUT, EINVAL, "the user namespace of '%s', which shall be shared, has no user or no group 0", target);
	if (!has_id(m->uid, m->uid_count, s->init_uid))
		return err_set(e, ERR_INPUT, EINVAL, "lxc.init.uid = %u: there is no such id in the user namespace of '%s', which shall be shared", s->init_uid, target);
	if (!has_id(m->gid, m->gid_count, s->init_gid))
		return err_set(e, ERR_INPUT, EINVAL, "lxc.init.gid = %u: there is no such id in the user namespace of '%s', which shall be shared", s->init_gid, target);
	return 0;
}

static int add_shared_ids(const struct ns_map *map, size_t count, bool uid, struct arena *a, struct spec_idmap **list, size_t *list_count)
{
	for (size_t i = 0; i < count; i++) {
		struct spec_idmap *m = arena_push(a, list, list_count, sizeof(*m));

		if (!m)
			return -ENOMEM;
		*m = (struct spec_idmap){.uid = uid, .gid = !uid, .inside = map[i].inside, .host = map[i].host, .count = map[i].count};
	}
	return 0;
}

static const char *range_owner(const struct coppice *c, const struct spec *s, char ret[400])
{
	(void)snprintf(ret, 400, "%s/%s", c->lxcpath, s->name);
	return ret;
}

/* Those of the user namespace of another, which must be there to be asked; a container that runs already, as @init, has it itself. */
static int choose_shared_ids(struct coppice *c, const struct spec *s, pid_t init, bool look, struct arena *a, struct plan_choices *ch, struct err *e)
{
	const char *target = s->ns_share[SPEC_NS_USER];
	autoclose int userns = FD_NONE;
	struct spec_idmap *list = NULL;
	struct ns_maps maps;
	char own[16], owner[400];
	int r;

	(void)snprintf(own, sizeof(own), "%d", (int)init);
	userns = apply_open_shared(&c->state, SPEC_NS_USER, init ? own : ch->ns_share[SPEC_NS_USER] ?: target, e);
	if (userns < 0)
		return userns;
	r = ns_maps_of(userns, &maps);
	if (r < 0)
		return err_sys(e, r, "enter the user namespace of '%s', which shall be shared", target);
	r = check_shared_ids(s, &maps, c->facts.user_mode, e);
	if (r < 0)
		return r;
	if (add_shared_ids(maps.uid, maps.uid_count, true, a, &list, &ch->idmap_count) < 0 || add_shared_ids(maps.gid, maps.gid_count, false, a, &list, &ch->idmap_count) < 0)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	ch->idmaps = list;
	r = engine_map_root(list, ch->idmap_count, &ch->id_first, e);
	return r < 0 || look || c->facts.user_mode ? r : store_range_share(&c->store, range_owner(c, s, owner), ch->id_first, e);
}

static int choose_ids(struct coppice *c, const struct spec *s, pid_t init, bool look, struct arena *a, struct plan_choices *ch, struct err *e)
{
	uint32_t *ret = &ch->id_first;
	char owner[400];
	int r;

	*ret = 0;
	r = c->facts.user_mode ? refuse_in_user_mode(s, e) : 0;
	if (r == 0 && s->ns_share[SPEC_NS_USER])
		return choose_shared_ids(c, s, init, look, a, ch, e);
	if (c->facts.user_mode)
		return r < 0 || !s->idmap_count ? r : user_idmaps(s, a, &ch->idmaps, &ch->idmap_count, ret, e);
	if (s->privileged)
		return 0;
	if (s->idmap_count)
		return engine_map_root(s->idmaps, s->idmap_count, ret, e);
	(void)range_owner(c, s, owner);
	return look ? store_range_look(&c->store, owner, ret, e) : store_range_take(&c->store, owner, ret, e);
}

/* Without root a container has one network, called "user", or none. */
static int choose_user_net(const struct spec *s, const char **ret, struct err *e)
{
	static const char *const programs[] = {"/usr/bin/pasta", "/usr/local/bin/pasta", "/usr/bin/slirp4netns", "/usr/local/bin/slirp4netns"};

	for (size_t i = 0; i < s->nic_count; i++) {
		const char *network = s->nics[i].network;

		if (network && strcmp(network, COPPICE_NETWORK_USER) == 0 && s->nic_count == 1)
			continue;
		if (network && s->nic_count == 1)
			(void)err_set(e, ERR_DENIED, EPERM, "the network '%s' is for root; without it there is the network '" COPPICE_NETWORK_USER "', or none", network);
		else
			(void)err_set(e, ERR_DENIED, EPERM, "interfaces of lxc.net, and more than one, are for root; without it there is the network '" COPPICE_NETWORK_USER "', or none");
		return err_hint(e, "coppice config set %s coppice.network=" COPPICE_NETWORK_USER, s->name);
	}
	if (s->nic_count == 0 && s->net == SPEC_NET_NONE) {
		(void)err_set(e, ERR_DENIED, EPERM, "lxc.net type none is for root: the host's network is not yours to share");
		return err_hint(e, "coppice config set %s coppice.network=" COPPICE_NETWORK_USER, s->name);
	}
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_LEN(programs) && !*ret; i++)
		if (access(programs[i], X_OK) == 0)
			*ret = programs[i];
	if (*ret || !s->port_count)
		return 0;
	(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "without root published ports need pasta or slirp4netns, and neither is installed");
	return err_hint(e, "as root: apt-get install passt");
}

static int choose_log(struct coppice *c, const struct spec *s, const struct log *wish, struct log *ret, struct plan_choices *ch, struct err *e)
{
	int r = 0;

	if (wish)
		*ret = *wish;
	else
		r = engine_log_choose(c, s, ret, e);
	if (r < 0 || ret->level == LOG_LEVEL_OFF)
		return r;
	ch->log_file = ret->path[0] ? ret->path : NULL;
	ch->log_command = ret->command;
	ch->log_level = ret->level;
	ch->log_level_name = log_level_name(ret->level);
	ch->log_facility = ret->facility;
	return 0;
}

/* "/opt/c3", LXC's way to name a container of another directory: its init's process id. Anything else stays as it is. */
static int shared_init(struct coppice *c, const char *path, const char *kind, struct arena *a, const char **ret, struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct state other;
	struct record record;
	struct stat st;
	char lxcpath[256], rundir[256];
	int r;

	if (slash == path || stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) /* rule: plain-paths: the host administrator's own directory */
		return 0;
	if ((size_t)snprintf(lxcpath, sizeof(lxcpath), "%.*s", (int)(slash - path), path) >= sizeof(lxcpath))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "the path '%s' of the container whose %s namespace shall be shared is too long", path, kind);
	r = engine_rundir(c->root, lxcpath, c->rundir, rundir, e);
	if (r == 0)
		r = state_open(lxcpath, rundir, &other, e);
	if (r < 0)
		return r;
	r = record_read(&other, slash + 1, &record);
	state_close(&other);
	if (r < 0 || !proc_alive(&record.init)) {
		(void)err_set(e, ERR_STATE, ESRCH, "container '%s', whose %s namespace shall be shared, does not run", path, kind);
		return err_hint(e, "coppice --lxcpath %s start %s", lxcpath, slash + 1);
	}
	*ret = arena_printf(a, "%d", record.init.pid);
	return *ret ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

static int choose_shared(struct coppice *c, const struct spec *s, struct arena *a, struct plan_choices *ch, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < SPEC_NS_COUNT && r == 0; i++)
		if (s->ns_share[i] && s->ns_share[i][0] == '/')
			r = shared_init(c, s->ns_share[i], spec_ns_name((enum spec_ns)i), a, &ch->ns_share[i], e);
	return r;
}

int engine_plan(struct coppice *c, const struct spec *s, const struct plan_wish *w, struct plan *ret, struct buf *notes, struct err *e)
{
	struct plan_choices ch = {
		.lxcpath = c->lxcpath,
		.rundir = c->rundir,
		.store = c->root,
		.base_version = s->base_version,
		.foreground = w->foreground,
		.stdio_pipes = w->stdio_pipes,
		.config_file = w->config_file,
		.pid_file = w->pid_file,
		.env = w->env,
		.restore = w->restore,
		.uptime_from_now = true,
	};
	autodone(arena_done) struct arena arena = ARENA_INIT;
	struct store_base base = {0};
	char helper[512] = "", net_helper[512] = "", nft_helper[512] = "", filter[512] = "", ref[160];
	uint32_t mark;
	struct facts facts;
	struct log log;
	int r = engine_facts(c, e);

	facts = c->facts;
	if (r == 0)
		r = engine_cgroup_use(c, &facts, e);
	if (r == 0)
		r = engine_store(c, e);
	if (r == 0 && !w->init)
		r = choose_shared(c, s, &arena, &ch, e);
	if (r == 0)
		r = choose_ids(c, s, w->init, w->look, &arena, &ch, e);
	if (r == 0 && s->base && s->mode != SPEC_COPY) {
		(void)snprintf(ref, sizeof(ref), s->base_version ? "%s@%s" : "%s", s->base, s->base_version ?: "");
		r = store_base_find(&c->store, ref, &base, e);
		ch.base_merged_usr = base.merged_usr;
	}
	if (r == 0 && s->small_init)
		r = engine_helper("coppice-init", helper, e);
	if (r == 0 && c->facts.user_mode)
		r = choose_user_net(s, &ch.user_net, e);
	if (r == 0 && s->nic_count && !c->facts.user_mode)
		r = engine_helper("coppice-net", net_helper, e);
	if (r == 0 && limits_class(&facts, &s->limits, &mark))
		r = engine_helper("coppice-nft", nft_helper, e);
	if (r == 0 && s->nic_count && !c->facts.user_mode)
		r = engine_nics(c, s, w->look, &arena, &ch.nics, e);
	if (r == 0)
		r = engine_filter(c, s, w->look, filter, e);
	if (r == 0)
		r = choose_log(c, s, w->log, &log, &ch, e);
	if (r < 0)
		return r;
	read_rlimits(s, &c->facts, &ch);
	ch.init_helper = helper;
	ch.nft_helper = nft_helper[0] ? nft_helper : NULL;
	ch.net_helper = net_helper[0] ? net_helper : NULL;
	ch.seccomp = filter[0] ? filter : NULL;
	r = engine_place(c, s, s->base ? &base : NULL, &arena, &ch, e);
	if (r == 0)
		r = engine_hook_mount(c, s, &arena, &ch.rootfs_mount, &ch.rootfs_cover, e);
	if (r == 0)
		r = engine_label(c, s, w->look, &arena, &ch, e);
	if (r < 0)
		return r;
	return plan_build(s, &facts, &ch, ret, notes, e);
}

/* In the forked child: descriptors at their fixed numbers, then the same program in the monitor's role. */
static NORETURN void exec_monitor(const struct monitor_spawn *s, int self, int plan_fd, int report)
{
	char title[96], flags[8] = "";
	char fault[64] = "";
	const char *envp[] = {fault, NULL};
	const char *argv[] = {title, MONITOR_ROLE, s->name, flags, NULL};
	const char *fault_env = getenv("COPPICE_FAULT");
	int from[MONITOR_FD_LOG + 1], end = MONITOR_FD_END, code;
	size_t n = 0;

	(void)snprintf(title, sizeof(title), "[coppice] %s", s->name);
	if (fault_env)
		(void)snprintf(fault, sizeof(fault), "COPPICE_FAULT=%.40s", fault_env);
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		from[i] = FD_NONE;
	from[MONITOR_FD_REPORT] = report;
	from[MONITOR_FD_PLAN] = plan_fd;
	from[MONITOR_FD_SELF] = self;
	if (s->stdio) {
		flags[n++] = 's';
		for (int i = 0; i < 3; i++)
			from[MONITOR_FD_STDIO + i] = s->stdio[i];
	}
	if (s->viewer >= 0) {
		flags[n++] = 'v';
		from[MONITOR_FD_VIEWER] = s->viewer;
	}
	if (s->lock >= 0)
		from[MONITOR_FD_COMMAND] = s->lock;
	if (s->adopt)
		flags[n++] = 'a';
	if (s->log && s->log->fd >= 0) {
		flags[n++] = 'l';
		from[MONITOR_FD_LOG] = s->log->fd;
		end = MONITOR_FD_LOG + 1;
	}
	flags[n] = '\0';
	/* first far away, so that no target number overwrites a source */
	for (int i = 3; i < end; i++)
		if (from[i] >= 0 && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 100)) < 0)
			goto fail;
	for (int i = 3; i < end; i++) {
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			goto fail;
		if (from[i] < 0)
			fd_close(&(int){i});
	}
	fd_close_range((unsigned)end, ~0U);
	(void)syscall(SYS_execveat, MONITOR_FD_SELF, "", argv, envp, AT_EMPTY_PATH);
fail:
	code = errno;
	{
		struct err e = {0};

		(void)err_sys(&e, code, "start the monitor process");
		msg_send_fail(MONITOR_FD_REPORT, &e);
	}
	_exit(125);
}

/* The verdict: RUNNING, or the first cause. */
static int wait_verdict(int report, uint64_t timeout_ms, int32_t *ret_init, struct err *e)
{
	struct msg m;
	/* the monitor has a deadline of its own and speaks first; the margin is for a machine under load */
	int r = msg_recv(report, clock_deadline(timeout_ms + 5000), &m, NULL, 0);

	if (r == 1 && m.type == MSG_RUNNING) {
		if (ret_init)
			*ret_init = (int32_t)m.value;
		return 0;
	}
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the monitor did not report within %llu ms", (unsigned long long)timeout_ms + 5000);
	return err_set(e, ERR_SYSTEM, ECHILD, "the monitor ended without a word");
}

/* The facts first: the monitor is this very program and need not probe again. */
static int seal_plan(struct coppice *c, const struct plan *p, struct err *e)
{
	struct buf wire = BUF_INIT;
	int r;

	buf_add(&wire, &c->facts, sizeof(c->facts));
	r = plan_encode(p, &wire);

	if (r == 0)
		r = fd_sealed("coppice-plan", buf_str(&wire), wire.len);
	buf_done(&wire);
	return r < 0 ? err_sys(e, r, "pack the plan") : r;
}

/* What the container was started with, left in its run-time directory by the monitor that did it. */
static int open_kept_plan(struct coppice *c, const char *name, struct err *e)
{
	autoclose int dir = state_run_dir(&c->state, name, false);
	int fd = dir < 0 ? dir : fd_open(dir, RECORD_PLAN, O_RDONLY | O_NOFOLLOW, 0);

	return fd < 0 ? err_sys(e, fd, "open the plan of '%s' in '%s'", name, c->rundir) : fd;
}

int engine_spawn_monitor(struct coppice *c, const struct monitor_spawn *s, int *ret_report, struct err *e)
{
	autoclose int plan_fd = FD_NONE;
	autoclose int self = FD_NONE;
	autoclose int report = FD_NONE;
	int pair[2], code, r;
	pid_t pid;

	*ret_report = FD_NONE;
	plan_fd = s->plan ? seal_plan(c, s->plan, e) : open_kept_plan(c, s->name, e);
	if (plan_fd < 0)
		return plan_fd;
	self = engine_self(e);
	if (self < 0)
		return self;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make the report socket");
	if (s->plan)
		engine_network_names(s->plan, true); /* before its program starts, which may ask for its own */
	report = pair[0];
	/* A child of ours until we end: a command ends at once and leaves it to init; a longer-lived caller reaps it like any child. It only moves descriptors
	 * before it executes: no copy of our memory is made for that. */
	pid = vfork();
	if (pid == 0)
		exec_monitor(s, self, plan_fd, pair[1]);
	code = errno;
	fd_close(&pair[1]);
	if (pid < 0)
		return err_sys(e, code, "fork the monitor");
	if (s->ret_monitor)
		*s->ret_monitor = pid;
	r = wait_verdict(report, s->timeout_ms + (s->plan ? plan_hook_ms(s->plan) : 0), s->ret_init, e);
	fd_close(&c->starting);
	if (r < 0 && s->plan)
		engine_network_names(s->plan, false);
	if (r < 0) { /* it is cleaning up: what is said of the container next must not still show it */
		autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		int status;

		if (pidfd >= 0)
			(void)!proc_reap(pid, pidfd, clock_deadline(5000), &status);
	}
	if (r == 0)
		*ret_report = take_fd(report);
	return r;
}
