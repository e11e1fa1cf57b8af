/* step-hook.c - when hooks run, and what they see.
 *
 * Those on the host run in the monitor, in the host's mount namespace. Those that work on the container's tree (mount, autodev) run while the child waits, in a process with a mount
 * namespace of its own: a copy of the host's, in which the tree hangs at $LXC_ROOTFS_MOUNT. The tree there is a peer of the child's, so what a hook mounts arrives inside, while
 * nothing of the host's ever gets into the child's namespace. A mount hook is the container's root, like the files it makes; an autodev hook is the host's, because only that one
 * makes device nodes, and in /dev, which is a file system of our own, there is no name that the container could have laid out. */
#include "apply/ops.h"

#include "apply/hook.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/proc.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENV_MAX 256

/* Of the container, as hooks name them. */
static const struct {
	const char *file, *variable;
} namespaces[APPLY_NAMESPACES] = {{"user", "LXC_USER_NS"}, {"mnt", "LXC_MNT_NS"}, {"pid", "LXC_PID_NS"},	   {"uts", "LXC_UTS_NS"},
				  {"ipc", "LXC_IPC_NS"},   {"net", "LXC_NET_NS"}, {"cgroup", "LXC_CGROUP_NS"}, {"time", "LXC_TIME_NS"}};

static bool has_hook(const struct plan *p, const char *kind)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->steps[i].kind == STEP_HOOK && strcmp(p->steps[i].text[0], kind) == 0)
			return true;
	return false;
}

void apply_keep_namespaces(struct apply *a, int procfs)
{
	for (size_t i = 0; i < ARRAY_LEN(namespaces) && has_hook(a->plan, "stop"); i++) {
		fd_close(&a->namespaces[i]);
		a->namespaces[i] = ns_open(procfs, a->child, namespaces[i].file);
		if (a->namespaces[i] < 0)
			a->namespaces[i] = FD_NONE;
	}
}

/* ---- one kind ---- */

struct told {
	struct arena arena;
	const char *env[ENV_MAX];
	const char *more[APPLY_NAMESPACES + 1];
	size_t env_count, more_count;
};

static void tell(struct told *t, const char *pair)
{
	if (pair && t->env_count + 1 < ARRAY_LEN(t->env))
		t->env[t->env_count++] = pair;
}

/* The paths lead to descriptors of this process: one that runs the hook itself and waits for it. */
static void tell_namespaces(struct apply *a, struct told *t, bool by_environment)
{
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		const char *path = a->namespaces[i] < 0 ? NULL : arena_printf(&t->arena, "/proc/%d/fd/%d", (int)getpid(), a->namespaces[i]);

		if (!path)
			continue;
		tell(t, arena_printf(&t->arena, "%s=%s", namespaces[i].variable, path)); /* LXC tells it here whatever the version */
		if (!by_environment)
			t->more[t->more_count++] = arena_printf(&t->arena, "%s:%s", namespaces[i].file, path);
	}
}

static void tell_all(struct apply *a, const char *kind, bool by_environment, struct told *t)
{
	enum spec_hook_kind k = spec_hook_parse(kind);
	pid_t pid = a->record.init.pid ? a->record.init.pid : a->child;

	for (size_t i = 0; i < a->plan->count; i++)
		if (a->plan->steps[i].kind == STEP_HOOK_ENV)
			tell(t, a->plan->steps[i].text[0]);
	tell(t, arena_printf(&t->arena, "LXC_HOOK_TYPE=%s", kind));
	if (pid > 0 && k != SPEC_HOOK_START)
		tell(t, arena_printf(&t->arena, "LXC_PID=%d", (int)pid));
	if (k == SPEC_HOOK_STOP || k == SPEC_HOOK_POST_STOP)
		tell(t, a->again ? "LXC_TARGET=reboot" : "LXC_TARGET=stop");
	if (k == SPEC_HOOK_STOP)
		tell_namespaces(a, t, by_environment);
}

/* Every hook of @kind, in the order of the config; the first failure ends it, unless @notes takes it. */
static int run_kind(struct apply *a, const char *kind, uint64_t deadline, struct buf *notes, struct err *e)
{
	const struct step *who = plan_find(a->plan, STEP_CONTAINER, 0);
	const struct step *first = plan_find(a->plan, STEP_HOOK, 0);
	struct told told = {.arena = ARENA_INIT};
	mode_t mask;
	int r = 0;

	if (!who || !first)
		return 0;
	mask = umask(022); /* ours makes nodes */
	tell_all(a, kind, first->number[0] == 1, &told);
	for (size_t i = 0; i < a->plan->count && r == 0; i++) {
		const struct step *st = &a->plan->steps[i];
		uint64_t limit = clock_deadline(PLAN_HOOK_MS);
		struct hook h = {.kind = kind, .command = st->text[1], .where = st->text[2], .name = who->text[0], .by_environment = st->number[0] == 1,
				 .env = told.env, .more = told.more, .deadline = deadline < limit ? deadline : limit, .log = a->log};

		if (st->kind != STEP_HOOK || strcmp(st->text[0], kind) != 0)
			continue;
		r = hook_run(&h, e);
		if (r < 0)
			log_err(a->log, LOG_LEVEL_ERROR, "hook", e);
		if (r < 0 && notes) {
			buf_printf(notes, "%s\n", e->why);
			err_clear(e);
			r = 0;
		}
	}
	arena_done(&told.arena);
	(void)umask(mask);
	return r;
}

/* ---- on the host ---- */

static bool runs_at_undo(const struct step *st)
{
	return st->text[0] && (strcmp(st->text[0], "stop") == 0 || strcmp(st->text[0], "post-stop") == 0);
}

int step_hooks(struct apply *a, const struct step *st, struct err *e)
{
	if (runs_at_undo(st)) /* whoever cleans up after us has to know of them */
		return apply_keep_plan(a, e);
	return run_kind(a, st->text[0], a->deadline, NULL, e);
}

void apply_post_stop(const struct plan *plan, struct buf *notes)
{
	struct apply a;
	struct err e = {0};

	apply_init(&a, plan);
	(void)!run_kind(&a, "post-stop", CLOCK_NEVER, notes, &e);
	apply_done(&a);
}

/* What a post-stop hook may want to unmount or switch off is not held by us any more. */
static void let_go(struct apply *a)
{
	int *const held[] = {&a->private_mnt, &a->base_mnt, &a->init_helper, &a->stage, &a->procfs, &a->root, &a->root_lock, &a->mounts_lock};

	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		fd_close(held[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->source); i++)
		fd_close(&a->source[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->lower); i++)
		fd_close(&a->lower[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->namespaces); i++)
		fd_close(&a->namespaces[i]);
}

void undo_hooks(struct apply *a, const struct step *st)
{
	struct err e = {0};
	bool stop, ran = a->namespaces[1] >= 0; /* what never was set up has not stopped */

	if (!runs_at_undo(st))
		return;
	stop = strcmp(st->text[0], "stop") == 0;
	if (stop && !ran)
		return;
	if (!stop)
		let_go(a);
	(void)!run_kind(a, st->text[0], CLOCK_NEVER, &a->hook_notes, &e);
}

/* Also by STAGE, when no hook wanted it earlier. */
int apply_own_mounts(struct apply *a, struct err *e)
{
	autoclose int root = FD_NONE;
	int r;

	if (a->host_ns >= 0)
		return 0;
	a->host_ns = fd_open(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0);
	if (a->host_ns < 0)
		return err_sys(e, a->host_ns, "open our mount namespace");
	r = ns_unshare(CLONE_NEWNS);
	if (r < 0)
		return err_sys(e, r, "make a mount namespace");
	root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0); /* the new namespace's, not the one we left */
	r = root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_PRIVATE, FD_NONE);
	return r < 0 ? err_sys(e, r, "make our mounts private") : 0;
}

int step_mounts(struct apply *a, const struct step *st, struct err *e)
{
	(void)st;
	return apply_own_mounts(a, e);
}

/* ---- while the child waits: the monitor's half ---- */

int apply_private_mounts(struct err *e)
{
	autoclose int root = FD_NONE;
	int r = ns_unshare(CLONE_NEWNS);

	if (r == 0) {
		root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
		r = root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_PRIVATE, FD_NONE);
	}
	return r < 0 ? err_sys(e, r, "make a mount namespace") : 0;
}

/* A directory that everybody can get at, where nothing of ours has to be left. */
static int make_place(const char *cover, const char *mount, struct err *e)
{
	const char *const opts[] = {"mode", "0755", "size", "16k", NULL};
	autoclose int fs = mnt_new("tmpfs", opts, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
	autoclose int target = fd_open(AT_FDCWD, cover, O_PATH | O_DIRECTORY, 0);
	int r = fs < 0 ? fs : target < 0 ? target : mnt_attach(fs, target);

	if (r == 0 && mkdir(mount, 0755) < 0) /* rule: plain-paths: on the empty file system that was just mounted */
		r = -errno;
	return r < 0 ? err_sys(e, r, "make '%s'", mount) : 0;
}

static int become_container_root(struct apply *a, struct err *e)
{
	if (setns(a->userns, CLONE_NEWUSER) < 0)
		return err_sys(e, errno, "enter the container's user namespace");
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(e, errno, "become the container's root");
	return apply_private_mounts(e); /* one that this root may mount in */
}

/* Lays out what mount and autodev hooks see. */
static int enter_view(struct apply *a, const struct step *st, int tree, struct err *e)
{
	bool inside = a->userns >= 0 && strcmp(st->text[0], "mount") == 0;
	autoclose int target = FD_NONE;
	int r = apply_private_mounts(e);

	if (r == 0 && st->text[2])
		r = make_place(st->text[2], st->text[1], e);
	if (r == 0 && inside)
		r = become_container_root(a, e);
	if (r < 0)
		return r;
	target = fd_open(AT_FDCWD, st->text[1], O_PATH | O_DIRECTORY, 0);
	r = target < 0 ? target : mnt_attach(tree, target);
	if (r == 0)
		return 0;
	(void)err_sys(e, r, "show the container's tree to hooks at '%s'", st->text[1]);
	return err_hint(e, "set lxc.rootfs.mount to a directory that everybody may enter");
}

static NORETURN void hooks_process(struct apply *a, const struct step *st, int tree, int sock)
{
	struct err e = {0};
	int r = apply_to_host(a);

	if (r < 0)
		r = err_sys(&e, r, "return to the host's mounts");
	if (r == 0 && st->text[1])
		r = enter_view(a, st, tree, &e);
	if (r == 0)
		r = run_kind(a, st->text[0], a->deadline, NULL, &e);
	if (r < 0)
		msg_send_fail(sock, &e);
	else
		(void)!msg_send(sock, MSG_OK, 0, 0, NULL, 0);
	_exit(0);
}

static int wait_hooks(struct apply *a, int sock, pid_t pid, int pidfd, struct err *e)
{
	struct msg m;
	int r = msg_recv(sock, a->deadline, &m, NULL, 0), status;

	if (r != 1)
		(void)!proc_kill(pidfd, SIGKILL);
	(void)!proc_reap(pid, pidfd, clock_deadline(5000), &status);
	if (r == 1 && m.type == MSG_OK)
		return 0;
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "the hooks did not end in time");
	return err_set(e, ERR_SYSTEM, ECHILD, "the process that runs the hooks ended too early");
}

int apply_serve_hooks(struct apply *a, uint64_t kind, int tree, struct err *e)
{
	const struct step *st = NULL;
	autoclose int sock = FD_NONE;
	autoclose int pidfd = FD_NONE;
	pid_t pid;
	int r;

	for (size_t i = 0; i < a->plan->count && !st; i++)
		if (a->plan->steps[i].kind == STEP_HOOKS_ASK && strcmp(a->plan->steps[i].text[0], spec_hook_name((enum spec_hook_kind)kind)) == 0)
			st = &a->plan->steps[i];
	if (!st || (st->text[1] && tree < 0))
		return err_set(e, ERR_INTERNAL, EPROTO, "the setup process asked for hooks out of turn");
	pid = ns_clone_talking(FD_NONE, &sock, &pidfd);
	if (pid == 0)
		hooks_process(a, st, tree, sock);
	r = pid < 0 ? err_sys(e, (int)pid, "fork") : wait_hooks(a, sock, pid, pidfd, e);
	if (r == 0)
		return 0;
	(void)err_wrap(e, "%s", step_word(st->kind));
	e->step = (uint32_t)(st - a->plan->steps) + 1;
	return r;
}

/* ---- the child's half ---- */

int step_hooks_ask(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int tree = FD_NONE;
	struct msg m;
	int r = 0;

	if (st->text[1]) {
		r = mnt_attr(a->root, true, 0, 0, MNT_SHARED, FD_NONE);
		tree = r < 0 ? r : mnt_clone(a->root, "", true);
		if (tree < 0)
			return err_sys(e, tree, "show the container's tree to hooks");
	}
	r = msg_send(a->child_sock, MSG_HOOKS, (int64_t)spec_hook_parse(st->text[0]), 0, &tree, tree >= 0);
	if (r == 0)
		r = msg_recv(a->child_sock, a->deadline, &m, NULL, 0);
	if (r != 1 || m.type != MSG_HOOKED)
		_exit(125); /* the monitor gave up: it knows why */
	if (tree < 0)
		return 0;
	/* as before: what the monitor changes arrives, nothing goes out */
	r = mnt_attr(a->root, true, 0, 0, MNT_SLAVE, FD_NONE);
	return r < 0 ? err_sys(e, r, "keep the container's mounts to itself") : 0;
}

/* A program of the container's: behind the same walls as init. */
int step_hooks_inside(struct apply *a, const struct step *st, struct err *e)
{
	(void)st;
	return run_kind(a, spec_hook_name(SPEC_HOOK_START), a->deadline, NULL, e);
}
