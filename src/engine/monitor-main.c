/* monitor-main.c - the monitor's program: decode the plan, apply it, supervise, clean up; or adopt what runs already.
 *
 * It is a re-exec of our own binary from a read-only detached mount, with an empty environment and only the descriptors of monitor-role.h. */
#include "engine/engine.h"
#include "engine/storage.h"

#include "apply/apply.h"
#include "apply/ops.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/slim.h"
#include "config.h"
#include "engine/inside.h"
#include "engine/monitor-role.h"
#include "engine/network.h"
#include "linux/mnt.h"
#include "linux/ns.h"
#include "linux/sys.h"
#include "spec/keys.h"
#include "supervise/logfile.h"
#include "supervise/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAN_MAX ((size_t)8 << 20)
#define LOG_NAME "console.log"

struct role {
	const char *name;
	bool stdio, viewer, adopt, again, logs;
	bool locked;   /* the monitor lock is ours: so are record and plan */
	struct buf wire; /* the plan as it came */
	struct plan plan;
	struct state state;
	struct store store;
	struct facts facts;
	struct apply apply;
	int run_dir, ct_dir;
	int log_dir;
	const char *log_name; /* in the plan */
	struct log log; /* of what we do */
	struct monitor *monitor;
	unsigned restarts;
	int command;   /* the container lock, held until the verdict */
};

/* What the face knew of the host, as it was in its memory, then the plan: written by this very program, on this boot. */
static int load_plan(struct role *ro, struct err *e)
{
	const size_t head = sizeof(ro->facts);
	int r = lseek(MONITOR_FD_PLAN, 0, SEEK_SET) < 0 ? -errno : fd_read_all(MONITOR_FD_PLAN, &ro->wire, PLAN_MAX);

	if (r < 0)
		return err_sys(e, r, "read the plan");
	if (ro->wire.len < head)
		return err_set(e, ERR_INTERNAL, EBADMSG, "the plan is cut off");
	if (ro->adopt || ro->again) /* kept in a file meanwhile, maybe by a program of another version: ask the kernel again */
		r = facts_probe(&ro->facts, e);
	else
		memcpy(&ro->facts, ro->wire.data, head);
	return r < 0 ? r : plan_decode(ro->wire.data + head, ro->wire.len - head, &ro->plan, e);
}

/* For a monitor that adopts the container after this one was killed; useless after a reboot, so not synced. */
static int keep_plan(struct role *ro, struct err *e)
{
	int r = path_swap_file(ro->run_dir, RECORD_PLAN, buf_str(&ro->wire), ro->wire.len, 0600);

	return r < 0 ? err_sys(e, r, "keep the plan in '%s/%s'", ro->state.rundir, ro->name) : 0;
}

static int open_state(struct role *ro, const struct step *who, struct err *e)
{
	char rundir[256];
	int r = engine_rundir(who->text[3], who->text[1], who->text[2], rundir, e);

	return r < 0 ? r : state_open(who->text[1], rundir, &ro->state, e);
}

/* Where the console's log is: @own, the container's directory, or the one of lxc.console.logfile. Its name goes to ro->log_name; gives a descriptor. */
static int open_log_dir(struct role *ro, int own)
{
	const struct step *sup = plan_find(&ro->plan, STEP_SUPERVISE, 0);
	const char *path = sup ? sup->text[0] : NULL, *slash = path ? strrchr(path, '/') : NULL;
	char dir[512];

	ro->log_name = slash ? slash + 1 : LOG_NAME;
	if (!slash)
		return own < 0 ? own : fd_open(own, ".", O_PATH | O_DIRECTORY, 0);
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	return fd_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0);
}

static const char *said_log(const struct role *ro)
{
	const struct step *sup = plan_find(&ro->plan, STEP_SUPERVISE, 0);

	return sup && sup->text[0] ? sup->text[0] : ro->log_name;
}

/* The file as it was opened for us, or again by its path: then it may be another one, after a rotation, or be missing. */
static void open_log(struct role *ro)
{
	const struct step *st = plan_find(&ro->plan, STEP_LOG, 0);

	if (!st || !st->text[1])
		return;
	ro->log.command = st->text[1];
	ro->log.name = ro->name;
	ro->log.level = (int)st->number[0];
	ro->log.facility = (int)st->number[1] - 1;
	if (ro->log.fd < 0 && st->text[0])
		ro->log.fd = log_open_file(st->text[0]);
	if (ro->log.fd < 0)
		ro->log.fd = FD_NONE;
	else if (ro->log.fd < MONITOR_FD_LOG) { /* those below are closed at the end of the start */
		int fd = fcntl(ro->log.fd, F_DUPFD_CLOEXEC, MONITOR_FD_LOG);

		fd_close(&ro->log.fd);
		ro->log.fd = fd < 0 ? FD_NONE : fd;
	}
	ro->log.system = ro->log.facility < 0 || ro->log.facility >= LOG_FACILITIES ? FD_NONE : log_open_system();
	if (ro->log.system < 0)
		ro->log.system = FD_NONE;
}

static int open_places(struct role *ro, struct err *e)
{
	const struct step *who = plan_find(&ro->plan, STEP_CONTAINER, 0);
	int r;

	if (!who || !who->text[0] || !who->text[1] || !who->text[2] || !who->text[3])
		return err_set(e, ERR_INTERNAL, EBADMSG, "the plan names no container");
	open_log(ro);
	r = open_state(ro, who, e);
	if (r == 0)
		r = store_open(who->text[3], &ro->store, e);
	if (r < 0)
		return r;
	ro->run_dir = state_run_dir(&ro->state, ro->name, true);
	if (ro->run_dir < 0)
		return err_sys(e, ro->run_dir, "make the run-time directory of '%s'", ro->name);
	ro->ct_dir = state_dir(&ro->state, ro->name);
	if (ro->ct_dir < 0)
		return err_sys(e, ro->ct_dir, "open the directory of '%s'", ro->name);
	ro->log_dir = open_log_dir(ro, ro->ct_dir); /* while paths of the host can be named */
	if (ro->log_dir >= 0)
		return 0;
	(void)err_sys(e, ro->log_dir, "open the directory of the console's log '%s'", said_log(ro));
	e->step = (uint32_t)(plan_find(&ro->plan, STEP_SUPERVISE, 0) - ro->plan.steps) + 1; /* who made the plan knows the line it comes from */
	return ro->log_dir;
}

/* Held for life; a re-exec keeps it by its number. */
static int hold_lock(struct role *ro, struct err *e)
{
	uint64_t deadline = clock_deadline(2000);
	int fd;

	ro->locked = ro->again;
	if (ro->again)
		return 0;
	/* a child of the last monitor that was just killed shares its lock until it has noticed */
	while ((fd = state_monitor_lock(&ro->state, ro->name)) == -EBUSY && clock_left_ms(deadline) > 0)
		(void)poll(NULL, 0, 2);
	if (fd == -EBUSY)
		return err_set(e, ERR_STATE, EBUSY, "another monitor has container '%s'", ro->name);
	if (fd < 0)
		return err_sys(e, fd, "take the monitor lock of '%s'", ro->name);
	if (fd != MONITOR_FD_LOCK) {
		if (dup3(fd, MONITOR_FD_LOCK, O_CLOEXEC) < 0)
			return err_sys(e, errno, "keep the monitor lock");
		fd_close(&fd);
	}
	ro->locked = true;
	return 0;
}

/* "step:7" fails the 7th step instead of running it, "after:7" when it has run, "kill:7" kills the process that would run it. */
static struct apply_fault fault_wanted(void)
{
	struct apply_fault fault = {0};
#ifdef COPPICE_FAULTS
	static const char *const kinds[] = {[APPLY_FAULT_STEP] = "step:", [APPLY_FAULT_AFTER] = "after:", [APPLY_FAULT_KILL] = "kill:"};
	const char *env = getenv("COPPICE_FAULT");

	for (unsigned k = APPLY_FAULT_STEP; env && k < ARRAY_LEN(kinds); k++)
		if (strncmp(env, kinds[k], strlen(kinds[k])) == 0 && parse_u32(env + strlen(kinds[k]), &fault.step) == 0)
			fault.kind = (enum apply_fault_kind)k;
#endif
	return fault;
}

/* In a grandchild, which nobody has to wait for: the same program in the role that makes them again. Its helpers are where the container's own was. */
static NORETURN void exec_healer(struct role *ro)
{
	const struct step *who = plan_find(&ro->plan, STEP_CONTAINER, 0), *net = plan_find(&ro->plan, STEP_NET_BEGIN, 0);
	const char *helper = net && net->text[0] ? net->text[0] : "", *slash = strrchr(helper, '/');
	char libexec[600];
	const char *argv[] = {"[coppice] rules", HEALER_ROLE, who->text[3], who->text[1], who->text[2], NULL};
	const char *envp[] = {libexec, NULL};
	sigset_t none;

	(void)snprintf(libexec, sizeof(libexec), "COPPICE_LIBEXEC=%.*s", slash ? (int)(slash - helper) : 0, helper);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (apply_to_host(&ro->apply) == 0)
		(void)execve("/proc/self/exe", (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	_exit(127);
}

static void heal(void *data)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (fork() == 0)
			exec_healer(data);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static bool is_on_network(const struct plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->steps[i].kind == STEP_NIC && (p->steps[i].number[2] & PLAN_NIC_MANAGED))
			return true;
	return false;
}

static int open_monitor(struct role *ro, int viewer, struct err *e)
{
	const struct step *sup = plan_find(&ro->plan, STEP_SUPERVISE, 0);
	const struct step *sig = plan_find(&ro->plan, STEP_SIGNALS, 0);
	struct monitor_options o = {
		.name = ro->name,
		.init_pidfd = ro->apply.child_pidfd,
		.init_pid = ro->apply.child,
		.init_child = !ro->adopt,
		.run_dir = ro->run_dir,
		.log_dir = take_fd(ro->log_dir),
		.log_name = ro->log_name,
		.log_size = sup->number[1],
		.ring_size = sup->number[0],
		.masters = ro->apply.master,
		.master_count = ro->apply.master_count,
		.first_viewer = viewer,
		.face = !ro->adopt && (sup->number[3] & PLAN_FOREGROUND) && fd_is_socket(MONITOR_FD_REPORT) ? MONITOR_FD_REPORT : FD_NONE,
		.console_peer = take_fd(ro->apply.console_peer),
		.cgroup = &ro->apply.cgroup,
		.signal_halt = (int)sig->number[0],
		.probe_halt = inside_halt_signal,
		.stop_timeout_ms = sig->number[3],
		.restart = (int)sup->number[2],
		.heal = is_on_network(&ro->plan) ? heal : NULL,
		.heal_data = ro,
	};

	return monitor_open(&o, &ro->monitor, e);
}

static int write_record(struct role *ro, struct err *e)
{
	int r = record_write(&ro->state, ro->name, &ro->apply.record);

	return r < 0 ? err_sys(e, r, "write the record of '%s'", ro->name) : 0;
}

/* Before init is let go: whoever comes after us, should we be killed now, ends it by this. */
static int record_init(struct role *ro, struct err *e)
{
	struct record *r = &ro->apply.record;
	int rc = proc_identify(ro->apply.child, &r->init);

	if (rc == 0)
		rc = proc_identify(0, &r->monitor);
	if (rc < 0)
		return err_sys(e, rc, "identify init");
	rc = ro->apply.wire_kept ? 0 : keep_plan(ro, e);
	r->restarts = ro->restarts;
	return rc < 0 ? rc : write_record(ro, e);
}

/* Its program was executed: only now it runs, for everybody who reads the record or watches it. */
static int record_running(struct role *ro, struct err *e)
{
	ro->apply.record.starting = false;
	ro->apply.record.started = clock_unix();
	return write_record(ro, e);
}

static int start(struct role *ro, struct err *e)
{
	struct apply *a = &ro->apply;
	/* on a number of its own: the fixed ones are closed when the monitor slims down, the viewer stays */
	int r, viewer = ro->viewer ? fcntl(MONITOR_FD_VIEWER, F_DUPFD_CLOEXEC, MONITOR_FD_END) : FD_NONE;

	apply_init(a, &ro->plan);
	a->log = &ro->log;
	a->facts = &ro->facts;
	a->state = &ro->state;
	a->store = &ro->store;
	a->deadline = clock_deadline(ENGINE_START_MS + plan_hook_ms(&ro->plan));
	a->wire = &ro->wire;
	a->fault = fault_wanted();
	a->restores = !ro->again && plan_find(&ro->plan, STEP_RESTORE, 0);
	/* likewise: they are closed once the child has them, and whatever is opened next must not land on their numbers */
	for (int i = 0; ro->stdio && i < 3; i++) {
		a->stdio[i] = fcntl(MONITOR_FD_STDIO + i, F_DUPFD_CLOEXEC, MONITOR_FD_END);
		if (a->stdio[i] < 0 || dup3(0, MONITOR_FD_STDIO + i, O_CLOEXEC) < 0)
			return err_sys(e, errno, "keep standard descriptor %d", i);
	}
	r = apply_prepare(a, e);
	if (r < 0)
		return r;
	r = record_init(ro, e);
	if (r == 0)
		r = open_monitor(ro, viewer, e);
	if (r < 0) {
		apply_undo(a);
		return r;
	}
	r = apply_release(a, e);
	if (r < 0) /* undone */
		return r;
	r = record_running(ro, e);
	if (r < 0) {
		a->record.starting = true;
		apply_undo(a);
	}
	return r;
}

/* ---- adoption ---- */

/* What became of the terminals: nothing lost, new ones, none. */
enum { ADOPTED_KEPT, ADOPTED_FRESH, ADOPTED_NONE };

/* In a child of ours: the masters that the small init kept; else, inside the container, fresh terminals laid over the ones whose masters died with the last monitor. */
static NORETURN void adopt_terminals(int init_pidfd, int sock, const struct step *console, bool mapped, bool kept)
{
	unsigned ttys = (unsigned)console->number[0];
	int masters[1 + APPLY_MAX_TTYS];
	struct err e = {0};
	autoclose int root = FD_NONE;
	size_t count = 0;
	int r;

	if (kept && ttys < ARRAY_LEN(masters) && apply_fetch_ttys(init_pidfd, console->number[1] == PLAN_CONSOLE_BARE, masters, ttys + 1) == 0) {
		(void)!msg_send(sock, MSG_CONSOLE, ADOPTED_KEPT, 0, masters, ttys + 1);
		_exit(0);
	}
	r = ns_enter(init_pidfd, CLONE_NEWNS | (mapped ? CLONE_NEWUSER : 0));

	if (r < 0)
		(void)err_sys(&e, r, "enter the container");
	else if (mapped && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		(void)err_sys(&e, errno, "become the container's root"); /* its root shall own the terminals */
	root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	for (; !e.code && count <= ttys && count < ARRAY_LEN(masters); count++) {
		char name[APPLY_TTY_NAME];

		apply_tty_name(console, count, name);
		if (apply_open_tty(root, name, count > 0 || !console->number[1], &masters[count], NULL, &e) < 0)
			break;
	}
	if (e.code && count == 0)
		msg_send_fail(sock, &e);
	else
		(void)!msg_send(sock, MSG_CONSOLE, ADOPTED_FRESH, 0, masters, count);
	_exit(0);
}

static int take_terminals(struct role *ro, struct err *e)
{
	const struct step *console = plan_find(&ro->plan, STEP_CONSOLE, 0);
	struct apply *a = &ro->apply;
	autoclose int sock = FD_NONE;
	autoclose int pidfd = FD_NONE;
	struct msg m;
	int pair[2], r, status;
	pid_t pid;

	if (!console)
		return ADOPTED_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket");
	pid = ns_clone(0, FD_NONE, false, &pidfd);
	if (pid == 0)
		adopt_terminals(a->child_pidfd, pair[1], console, a->record.id_first != 0 || ro->facts.user_mode,
				apply_has_small_init(&ro->plan));
	sock = pair[0];
	fd_close(&pair[1]);
	if (pid < 0)
		return err_sys(e, pid, "fork");
	r = msg_recv(sock, clock_deadline(5000), &m, a->master, ARRAY_LEN(a->master));
	(void)!proc_kill(pidfd, SIGKILL);
	(void)!proc_reap(pid, pidfd, clock_deadline(5000), &status);
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return -e->code;
	}
	for (a->master_count = 0; r == 1 && a->master_count < ARRAY_LEN(a->master) && a->master[a->master_count] >= 0;)
		a->master_count++;
	return r == 1 && m.type == MSG_CONSOLE && a->master_count ? (int)m.value : ADOPTED_NONE;
}

static void note_adoption(struct record *r, int terminals, const struct err *why)
{
	const char *what = "its terminals are lost";

	if (terminals < 0) {
		(void)snprintf(r->note, sizeof(r->note), "adopted after its monitor was killed: its terminals are lost (%.60s)", why->why);
		return;
	}

	if (terminals == ADOPTED_KEPT)
		what = "nothing was lost";
	else if (terminals == ADOPTED_FRESH)
		what = "its terminals are new ones, what was printed to the old ones meanwhile is lost";
	(void)snprintf(r->note, sizeof(r->note), "adopted after its monitor was killed: %s", what);
}

static bool plan_is_kept(const struct role *ro)
{
	return faccessat(ro->run_dir, RECORD_PLAN, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void keep_namespaces(struct apply *a)
{
	autoclose int procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);

	if (procfs >= 0)
		apply_keep_namespaces(a, procfs);
}

static int adopt(struct role *ro, struct err *e)
{
	struct apply *a = &ro->apply;
	struct err ignored = {0};
	int r;

	apply_init(a, &ro->plan);
	a->log = &ro->log;
	a->facts = &ro->facts;
	a->state = &ro->state;
	a->store = &ro->store;
	r = record_read(&ro->state, ro->name, &a->record);
	if (r < 0)
		return err_sys(e, r, "read the record of '%s'", ro->name);
	a->child_pidfd = proc_open(&a->record.init);
	if (a->child_pidfd < 0)
		return err_set(e, ERR_STATE, ESRCH, "container '%s' does not run", ro->name);
	a->child = a->record.init.pid;
	ro->restarts = a->record.restarts;
	(void)!apply_lock_root(a, &ignored); /* best effort: the container runs, with or without */
	(void)!apply_hold_mounts(a, &ignored);
	keep_namespaces(a);
	(void)!apply_open_console(a, &ignored);
	(void)!apply_open_netns(a, &ignored); /* likewise: without it the kernel gives devices back as it likes */
	r = ro->facts.cgroup == CG_NONE ? -ENOENT : cgroup_open(&ro->facts, a->record.group, &a->cgroup);
	if (r == -ENOENT && ro->facts.user_mode) /* it may run without */
		r = 0;
	if (r < 0)
		return err_sys(e, r, "open cgroup '%s'", a->record.group);
	/* works for a frozen container too: no process of its own is needed. Terminals are a comfort: without them it is still supervised */
	r = take_terminals(ro, &ignored);
	note_adoption(&a->record, r, &ignored);
	r = plan_is_kept(ro) ? 0 : keep_plan(ro, e);
	if (r < 0)
		return r;
	r = proc_identify(0, &a->record.monitor);
	if (r < 0)
		return err_sys(e, r, "identify the monitor");
	r = write_record(ro, e);
	return r < 0 ? r : open_monitor(ro, FD_NONE, e);
}

/* ---- the end ---- */

/* A clone that lies over another container's root is known there; one in a volume of its own, which is called as it, takes that along. */
static void forget_clone(struct role *ro, const char *lxcpath)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int dir = state_dir(&ro->state, ro->name);
	struct root root;
	struct err ignored = {0};
	const char *slash;

	if (dir < 0)
		return;
	clones_unlink(dir, lxcpath, ro->name);
	if (storage_config(dir, &text, &ignored) < 0)
		return;
	root_parse(buf_str(&text), &root);
	slash = strrchr(root.path, '/');
	if (root.kind != ROOT_LVM || !root.managed || !slash || strncmp(slash + 1, ro->name, strlen(ro->name)) != 0 || !volume_is_lvm(root.path))
		return;
	ro->apply.report = FD_NONE; /* somebody may wait there for the status */
	apply_done(&ro->apply); /* nothing of ours may hold its file system, nor the namespaces that are kept for a post-stop hook */
	for (int tries = 0; volume_remove(&root, &ignored) < 0 && tries < 5; tries++)
		(void)poll(NULL, 0, 300);
}

static void destroy_container(struct role *ro)
{
	const struct step *who = plan_find(&ro->plan, STEP_CONTAINER, 0);
	char owner[600];
	autodone(networks_close) struct networks nets = {.dir = FD_NONE};
	struct err e;

	(void)snprintf(owner, sizeof(owner), "%s/%s", who->text[1], ro->name);
	if (networks_open(who->text[3], who->text[2], &nets, &e) == 0)
		(void)!network_release(&nets, owner, &e);
	if (store_open(who->text[3], &ro->store, &e) < 0)
		return;
	(void)!store_range_release(&ro->store, owner, &e); /* first: killed between the two we leave a directory, which somebody will meet, and no range */
	forget_clone(ro, who->text[1]);
	(void)!state_destroy(&ro->state, ro->name, &e);
}

/* The same program again, for a clean slate: the plan from where it is kept, the lock by its number. /proc/self/exe keeps us on the read-only mount. */
static int run_again(struct role *ro, int plan)
{
	char title[96], count[32];
	const char *argv[] = {title, MONITOR_ROLE, ro->name, "r", count, NULL};
	const char *envp[] = {NULL};
	autoclose int time = FD_NONE;

	(void)snprintf(title, sizeof(title), "[coppice] %s", ro->name);
	(void)snprintf(count, sizeof(count), "%u", ro->restarts + 1);
	if (plan < 0)
		return plan;
	/* it may have that number already, and would then close at the exec */
	if (dup2(plan, MONITOR_FD_PLAN) < 0 || fcntl(MONITOR_FD_PLAN, F_SETFD, 0) < 0 || fcntl(MONITOR_FD_LOCK, F_SETFD, 0) < 0)
		return -errno;
	(void)fcntl(MONITOR_FD_REPORT, F_SETFD, 0); /* whoever waits in the foreground hears of the next run, and of its end */
	/* An exec moves us into the time namespace that our children get. Ours is the host's: start times, which identify processes, are read with its clock. */
	time = fd_open(AT_FDCWD, "/proc/self/ns/time", O_RDONLY, 0); /* after the dup2, whose target it might have been */
	if (time >= 0 && setns(time, CLONE_NEWTIME) < 0)
		return -errno;
	(void)execve("/proc/self/exe", (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	return -errno;
}

/* What is needed again at the end, when paths of the host can be named again; everything else the monitor had open for the start is closed. */
static void slim_down(struct role *ro)
{
	size_t keys;
	const struct key_row *rows = key_rows(&keys);
	struct apply *a = &ro->apply;
	int *const unneeded[] = {&a->private_mnt, &a->base_mnt, &a->init_helper, &a->stage, &a->procfs, &a->root, &a->userns, &a->sock, &a->report, &a->shared_proc};

	for (size_t i = 0; i < ARRAY_LEN(unneeded); i++)
		fd_close(unneeded[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->shared); i++)
		fd_close(&a->shared[i]);
	for (size_t i = 0; i < ARRAY_LEN(a->source); i++)
		fd_close(&a->source[i]);
	for (int i = 0; i < a->task_count; i++)
		fd_close(&a->tasks[i]);
	a->task_count = 0;
	fd_close(&a->cgroup.v2_payload);
	for (size_t i = 0; i < CG_CONTROLLER_COUNT; i++) {
		fd_close(&a->cgroup.v1[i]);
		fd_close(&a->cgroup.v1_payload[i]);
	}
	buf_done(&a->seccomp);
	notify_done(&a->notify);
	state_close(&ro->state);
	store_close(&ro->store);
	fd_close(&ro->run_dir);
	fd_close(&ro->ct_dir);
	fd_close(&ro->log_dir);
	for (int fd = 0; fd < MONITOR_FD_END; fd++)
		if (fd != MONITOR_FD_LOCK && fd != MONITOR_FD_REPORT)
			fd_close(&(int){fd}); /* standard ones too: nothing here writes to them */
	slim_process();
	/* a monitor reads no config: a start of its own making, later, is a program of its own again */
	slim_forget(rows, keys * sizeof(*rows));
}

static bool reopen_places(struct role *ro)
{
	const struct step *who = plan_find(&ro->plan, STEP_CONTAINER, 0);
	struct err e;

	if (apply_to_host(&ro->apply) < 0)
		return false;
	if (open_state(ro, who, &e) < 0)
		return false;
	ro->run_dir = state_run_dir(&ro->state, ro->name, false);
	if (ro->run_dir >= 0)
		monitor_forget_socket(ro->run_dir);
	return true;
}

/* What nobody waits for is said where the container's own output is looked for: "coppice: TEXT" in its log. */
static void log_line(struct role *ro, const char *text)
{
	const struct step *sup = plan_find(&ro->plan, STEP_SUPERVISE, 0);
	autoclose int own = state_dir(&ro->state, ro->name);
	autoclose int dir = open_log_dir(ro, own);
	struct buf line = BUF_INIT;
	struct logfile log;

	if (!sup || !sup->number[1] || dir < 0 || logfile_open(&log, dir, ro->log_name, sup->number[1]) < 0)
		return;
	buf_printf(&line, "coppice: %s\r\n", text);
	if (!buf_failed(&line))
		logfile_write(&log, line.data, line.len);
	logfile_close(&log);
	buf_done(&line);
}

static void log_failed_restart(struct role *ro, const struct err *e)
{
	char text[sizeof(e->why) + 64];

	(void)snprintf(text, sizeof(text), "could not start it again: %s", e->why);
	log_line(ro, text);
}

/* Hooks of the end cannot stop it. */
static void log_hook_notes(struct role *ro)
{
	char *save = NULL, *line = ro->apply.hook_notes.len ? strtok_r(ro->apply.hook_notes.data, "\n", &save) : NULL;

	for (; line; line = strtok_r(NULL, "\n", &save))
		log_line(ro, line);
	buf_clear(&ro->apply.hook_notes);
}

/* Between two runs there is a monitor and no container: told in the record, so that whoever wants it stopped finds whom to end. */
static void record_pause(struct role *ro)
{
	struct record *r = &ro->apply.record;

	r->starting = true;
	r->init = (struct proc_id){0};
	(void)snprintf(r->note, sizeof(r->note), "about to start again");
	if (proc_identify(0, &r->monitor) == 0)
		(void)!record_write(&ro->state, ro->name, r);
}

static void supervise(struct role *ro)
{
	const struct step *sup = plan_find(&ro->plan, STEP_SUPERVISE, 0);
	enum monitor_end end = MONITOR_STOPPED;
	autoclose int plan = FD_NONE, hold = FD_NONE;
	struct err e = {0};
	int status = -1;

	slim_down(ro);
	(void)!monitor_run(ro->monitor, &end, &status, &e);
	monitor_close(&ro->monitor);
	log_write(&ro->log, LOG_LEVEL_INFO, "monitor", "ended with status %d%s", status, end == MONITOR_AGAIN ? ", to be started again" : "");
	ro->apply.child = 0; /* reaped */
	ro->apply.record.last_exit = status;
	if (!reopen_places(ro))
		return; /* the next command finds a dead monitor and an ended container, and cleans up */
	if (end == MONITOR_AGAIN)
		plan = fd_open(ro->run_dir, RECORD_PLAN, O_RDONLY | O_NOFOLLOW, 0);
	hold = engine_network_hold(&ro->plan);
	engine_network_ended(&ro->state, ro->name, &ro->plan, end != MONITOR_AGAIN);
	ro->apply.again = end == MONITOR_AGAIN;
	apply_undo(&ro->apply);
	log_hook_notes(ro);
	fd_close(&hold);
	if (end == MONITOR_AGAIN) {
		/* a program that dies at once is not restarted in a busy loop */
		uint64_t lived = (uint64_t)(clock_unix() - ro->apply.record.started);

		record_pause(ro);
		if (lived < 2 && status != 128 + SIGHUP)
			(void)poll(NULL, 0, ro->restarts < 6 ? 100 << ro->restarts : 10000);
		apply_done(&ro->apply);
		(void)run_again(ro, plan);
		(void)!record_clear(&ro->state, ro->name, status);
	}
	if (sup->text[1])
		(void)unlink(sup->text[1]); /* rule: plain-paths: a file on the host that the caller named */
	if (sup->number[3] & PLAN_EPHEMERAL)
		destroy_container(ro);
	/* who hears of the end may start it again, or another on its root, before we are gone */
	fd_close(&ro->apply.root_lock);
	fd_close(&ro->apply.mounts_lock);
	fd_close(&(int){MONITOR_FD_LOCK});
	if (sup->number[3] & PLAN_FOREGROUND)
		(void)!msg_send(MONITOR_FD_REPORT, MSG_ENDED, status, 0, NULL, 0);
}

static void quiet_std(void)
{
	int fd = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0);

	for (int i = 0; fd >= 0 && i < 3; i++)
		(void)dup2(fd, i);
	if (fd > 2)
		fd_close(&fd);
	(void)setsid();
	(void)!chdir("/");
	/* neither the caller's nor, in a restart, our own of the last run: the container's root must get through the directories of its cgroup */
	(void)umask(022);
}

static int take_arguments(struct role *ro, int argc, char **argv)
{
	uint32_t n = 0;

	if (argc < 4 || !parse_is_container(argv[2]))
		return -EINVAL;
	ro->name = argv[2];
	for (const char *f = argv[3]; *f; f++) {
		ro->stdio = ro->stdio || *f == 's';
		ro->viewer = ro->viewer || *f == 'v';
		ro->adopt = ro->adopt || *f == 'a';
		ro->again = ro->again || *f == 'r';
		ro->logs = ro->logs || *f == 'l';
	}
	if (argc > 4 && parse_u32(argv[4], &n) < 0)
		return -EINVAL;
	ro->restarts = n;
	return 0;
}

static int prepare(struct role *ro, struct err *e)
{
	autoclose int hold = FD_NONE;
	int r = load_plan(ro, e);

	if (r == 0)
		r = open_places(ro, e);
	if (r == 0)
		r = hold_lock(ro, e);
	if (r == 0 && ro->again) {
		/* like a command, so that no other is at work on it meanwhile; one that wants it stopped ends us while we wait */
		ro->command = state_lock(&ro->state, ro->name, "start again", clock_deadline(ENGINE_START_MS), e);
		r = ro->command < 0 ? ro->command : 0;
		hold = r == 0 ? engine_network_hold(&ro->plan) : FD_NONE;
	}
	if (r == 0)
		r = ro->adopt ? adopt(ro, e) : start(ro, e);
	buf_done(&ro->wire);
	return r;
}

/* What was kept for a monitor after us, of a start that failed. How the last run ended stays known; when a restart fails, that is how it ended. */
static void forget_start(struct role *ro)
{
	monitor_forget_socket(ro->run_dir);
	(void)!record_drop(&ro->state, ro->name); /* first: it is no end of a run, for whoever watches */
	if (ro->again)
		(void)!record_clear(&ro->state, ro->name, 125);
}

int coppice_monitor_main(int argc, char **argv)
{
	struct role ro = {.run_dir = FD_NONE, .ct_dir = FD_NONE, .log_dir = FD_NONE, .command = MONITOR_FD_COMMAND, .log = LOG_INIT};
	struct err e = {0};
	int r = take_arguments(&ro, argc, argv);
	const struct step *sup;

	if (r < 0)
		return 2;
	quiet_std();
	/* every fixed number is taken from the start, so that nothing opened later lands on one */
	for (int fd = 3; fd < MONITOR_FD_END; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			(void)dup3(0, fd, O_CLOEXEC);
	if (ro.logs && fcntl(MONITOR_FD_LOG, F_SETFD, FD_CLOEXEC) == 0)
		ro.log.fd = MONITOR_FD_LOG;
	(void)prctl(PR_SET_NAME, "coppice", 0, 0, 0);
	r = prepare(&ro, &e);
	if (r < 0) {
		log_err(&ro.log, LOG_LEVEL_ERROR, "monitor", &e);
		log_hook_notes(&ro);
		if (!ro.adopt && ro.run_dir >= 0 && ro.locked)
			forget_start(&ro);
		if (ro.again)
			log_failed_restart(&ro, &e);
		msg_send_fail(MONITOR_FD_REPORT, &e);
		return 1;
	}
	fd_close(&ro.command);
	sup = plan_find(&ro.plan, STEP_SUPERVISE, 0);
	log_write(&ro.log, LOG_LEVEL_INFO, "monitor", ro.adopt ? "adopted, its init is process %d" : "runs, its init is process %d", (int)ro.apply.child);
	(void)!msg_send(MONITOR_FD_REPORT, MSG_RUNNING, ro.apply.child, 0, NULL, 0);
	if (!(sup->number[3] & PLAN_FOREGROUND)) {
		fd_close(&(int){MONITOR_FD_REPORT});
		/* a pipe or a terminal is the command's, and whoever reads it waits for its end */
		if (ro.log.fd >= 0 && !log_is_plain(ro.log.fd))
			fd_close(&ro.log.fd);
	}
	supervise(&ro);
	return 0;
}
