/* inside.c - entering a running container, and asking its init to stop.
 *
 * Order of entry: cgroups, namespaces (one setns by pidfd), ids, then the fork that lands in the pid namespace; nothing of the host is open there
 * but what was meant to be. */
#include "engine/inside.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/parse.h"
#include "linux/caps.h"
#include "linux/cgroup.h"
#include "linux/lsm.h"
#include "linux/mnt.h"
#include "linux/ns.h"
#include "linux/scfilter.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LISTEN_MS 5

/* ---- entering ---- */

struct entry {
	const struct inside_entry *in;
	struct cgroup cgroup;
	int tasks[CG_CONTROLLER_COUNT];
	size_t task_count;
	int pidfd;           /* of the container's init */
	struct buf filter;
	char label[256], label_file[16]; /* what is to be taken at the next exec, "" = nothing */
	int procfs;          /* to take it through: the container's may show the processes of another one */
	int flags;
	int report;          /* our end for the child: messages to the parent */
};

static void entry_done(struct entry *en)
{
	for (size_t i = 0; i < en->task_count; i++)
		fd_close(&en->tasks[i]);
	cgroup_done(&en->cgroup);
	fd_close(&en->pidfd);
	fd_close(&en->procfs);
	buf_done(&en->filter);
}

/* A proxy that is away fails only the calls that it would have answered, as for the container's own processes. */
static void begin_notify(struct entry *en, const struct spec *s)
{
	struct coppice *c = en->in->c;
	const struct buf *filter = en->in->filter;
	struct err e = {0};

	if (!scfilter_notifies(filter->data, filter->len))
		return;
	if (notify_begin(s->seccomp_proxy, s->seccomp_cookie, en->in->live->record.monitor.pid, c->log, en->in->notify, &e) < 0 && c->note)
		c->note(c->note_data, e.why);
}

static int read_filter(struct entry *en, struct err *e)
{
	const struct spec *s = en->in->spec;
	autoclose int fd = FD_NONE;
	char path[512];
	int r;

	if (!s || en->in->elevate & COPPICE_ELEVATE_LSM)
		return 0;
	r = engine_filter(en->in->c, s, false, path, e);
	if (r < 0 || !path[0])
		return r;
	fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0);
	r = fd < 0 ? fd : fd_read_all(fd, en->in->filter ?: &en->filter, (size_t)1 << 20);
	if (r < 0)
		return err_sys(e, r, "read the compiled filter '%s'", path);
	if (en->in->filter && en->in->notify && s->seccomp_proxy)
		begin_notify(en, s);
	return 0;
}

/* The label that init has, of the module that the config speaks of. */
static int read_label(struct entry *en, struct err *e)
{
	const struct spec *s = en->in->spec;
	char path[64], text[200];
	struct lsm lsm;
	ssize_t n;

	if (!s || en->in->elevate & COPPICE_ELEVATE_LSM || (!s->apparmor_profile && !s->selinux_context))
		return 0;
	lsm_probe(FD_NONE, &lsm);
	if (!(lsm.apparmor && s->apparmor_profile) && !(lsm.selinux && s->selinux_context))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/attr/%scurrent", en->in->live->record.init.pid, lsm.apparmor ? "apparmor/" : "");
	n = fd_read_file(AT_FDCWD, path, text, sizeof(text));
	if (n == -ENOENT && lsm.apparmor) { /* a kernel before 5.8 */
		(void)snprintf(path, sizeof(path), "/proc/%d/attr/current", en->in->live->record.init.pid);
		n = fd_read_file(AT_FDCWD, path, text, sizeof(text));
	}
	if (n < 0)
		return err_sys(e, (int)n, "read the label of the container's init");
	text[strcspn(text, lsm.apparmor ? " \n" : "\n")] = '\0'; /* "name (mode)" */
	if (!text[0] || strcmp(text, "unconfined") == 0)
		return 0;
	(void)snprintf(en->label_file, sizeof(en->label_file), lsm.apparmor ? "apparmor/exec" : "exec");
	(void)snprintf(en->label, sizeof(en->label), "%s%s", lsm.apparmor ? "exec " : "", text);
	en->procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	return en->procfs < 0 ? err_sys(e, en->procfs, "open /proc") : 0;
}

static int take_label(struct entry *en, struct err *e)
{
	int r = en->label[0] ? lsm_label(en->procfs, en->label_file, en->label) : 0;

	fd_close(&en->procfs);
	return r < 0 ? err_sys(e, r, "take the label '%s'", en->label) : 0;
}

/* Entering the user namespace one is in already is an error; any other is not. */
static int entry_flags(const struct entry *en)
{
	static const struct {
		unsigned ns;
		int flag;
	} kinds[] = {{COPPICE_NS_MOUNT, CLONE_NEWNS}, {COPPICE_NS_PID, CLONE_NEWPID}, {COPPICE_NS_UTS, CLONE_NEWUTS}, {COPPICE_NS_IPC, CLONE_NEWIPC},
		     {COPPICE_NS_NET, CLONE_NEWNET}, {COPPICE_NS_CGROUP, CLONE_NEWCGROUP}};
	const struct coppice *c = en->in->c;
	unsigned want = en->in->namespaces ?: ~0U;
	int flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (want & kinds[i].ns)
			flags |= kinds[i].flag;
	if (want & COPPICE_NS_USER && (en->in->live->record.id_first || c->facts.user_mode))
		flags |= CLONE_NEWUSER;
	if (want & COPPICE_NS_TIME && c->facts.time_ns)
		flags |= CLONE_NEWTIME;
	return flags;
}

static int open_entry(struct entry *en, struct err *e)
{
	const struct live *l = en->in->live;
	struct coppice *c = en->in->c;
	int r;

	en->pidfd = proc_open(&l->record.init);
	if (en->pidfd < 0)
		return err_set(e, ERR_STATE, ESRCH, "the container has just stopped");
	r = c->facts.cgroup == CG_NONE ? -ENOENT : cgroup_open(&c->facts, l->record.group, &en->cgroup);
	if (r == -ENOENT && c->facts.user_mode) /* it may run without */
		r = 0;
	if (r < 0)
		return err_sys(e, r, "open cgroup '%s'", l->record.group);
	en->flags = entry_flags(en);
	r = read_label(en, e);
	if (r < 0)
		return r;
	if (en->in->elevate & COPPICE_ELEVATE_CGROUP)
		return read_filter(en, e);
	r = cgroup_open_tasks(&en->cgroup, en->tasks);
	if (r < 0)
		return err_sys(e, r, "open the task lists of cgroup '%s'", l->record.group);
	en->task_count = (size_t)r;
	return read_filter(en, e);
}

static NORETURN void fail(int report, const struct err *e)
{
	msg_send_fail(report, e);
	_exit(125);
}

/* Limits that init has, taken over while we still may raise them. */
static void take_rlimits(pid_t init)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit64 lim;

		if (prlimit64(init, (__rlimit_resource_t)i, NULL, &lim) == 0)
			(void)prlimit64(0, (__rlimit_resource_t)i, &lim, NULL);
	}
}

/* The namespaces as they are now are what a file system shows that is mounted now; in a mount namespace of this process's own. */
static int show_namespaces(struct err *e)
{
	static const char *const types[] = {"proc", "sysfs"}, *const places[] = {"/proc", "/sys"};
	const char *const none[] = {NULL};
	autoclose int root = FD_NONE;
	int r = ns_unshare(CLONE_NEWNS);

	if (r < 0)
		return err_sys(e, r, "make a mount namespace");
	root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	r = root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_SLAVE, FD_NONE);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(types); i++) {
		autoclose int target = fd_open(root, places[i] + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		autoclose int fs = mnt_new(types[i], none, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);

		r = target < 0 ? target : fs < 0 ? fs : mnt_attach(fs, target);
		if (r < 0)
			return err_sys(e, r, "mount '%s' anew", places[i]);
	}
	return r < 0 ? err_sys(e, r, "take '/' out of the host's sight") : 0;
}

static int take_walls(struct entry *en, const struct spec *s, struct err *e)
{
	const unsigned up = en->in->elevate;
	int r = 0;

	if (!(up & COPPICE_ELEVATE_CAP)) {
		r = caps_bound(s->caps_keep);
		if (r == 0)
			r = caps_clear_inherited();
		if (r < 0)
			return err_sys(e, r, "drop capabilities");
	}
	if (up & COPPICE_ELEVATE_LSM)
		return 0;
	r = take_label(en, e);
	if (r < 0)
		return r;
	if (s->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "set no_new_privs");
	if (en->filter.len)
		r = scfilter_load(buf_str(&en->filter), en->filter.len);
	return r < 0 ? err_sys(e, r, "load the system call filter") : 0;
}

/* The last process of the chain: inside everything. Nothing of it is told before its birth was: @gate ends with the process that tells that. */
static NORETURN void inner(struct entry *en, int gate)
{
	const struct spec *s = en->in->spec;
	struct err e = {0};
	char byte;
	int r = 0;

	(void)!read(gate, &byte, 1);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = err_sys(&e, errno, "hide from ptrace");
	if (r == 0 && en->in->remount)
		r = show_namespaces(&e);
	if (r == 0 && s)
		r = take_walls(en, s, &e);
	if (r < 0)
		fail(en->report, &e);
	en->in->run(en->in->data, en->report);
}

static NORETURN void outer(struct entry *en)
{
	struct err e = {0};
	int pidfd = FD_NONE, gate[2] = {FD_NONE, FD_NONE}, r;
	pid_t pid;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		(void)err_sys(&e, errno, "hide from ptrace");
	if (!e.code && pipe2(gate, O_CLOEXEC) < 0)
		(void)err_sys(&e, errno, "make a pipe");
	r = cgroup_join_tasks(en->tasks, en->task_count);
	if (r == 0 && !en->in->c->facts.clone_into_cgroup && !(en->in->elevate & COPPICE_ELEVATE_CGROUP))
		r = cgroup_move_v2(&en->cgroup, getpid());
	if (r < 0)
		(void)err_sys(&e, r, "join the container's cgroups");
	take_rlimits(en->in->live->record.init.pid);
	if (!e.code && (r = ns_enter(en->pidfd, en->flags)) < 0)
		(void)err_sys(&e, r, "enter the container's namespaces");
	if (!e.code && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		(void)err_sys(&e, errno, "become the container's root");
	if (e.code)
		fail(en->report, &e);
	/* a sibling: the caller itself waits for it, and this process is gone before anything of the container runs */
	pid = ns_clone(0, FD_NONE, true, &pidfd);
	if (pid == 0) {
		fd_close(&gate[1]);
		inner(en, gate[0]);
	}
	if (pid < 0) {
		(void)err_sys(&e, pid, "fork inside the container");
		fail(en->report, &e);
	}
	r = msg_send(en->report, MSG_BORN, pid, 0, &pidfd, 1);
	_exit(r < 0 ? 1 : 0);
}

int inside_fork(const struct inside_entry *in, pid_t *ret_pid, int *ret_pidfd, int *ret_report, struct err *e)
{
	struct entry en = {.in = in, .pidfd = FD_NONE, .procfs = FD_NONE, .report = FD_NONE};
	autoclose int helper_fd = FD_NONE;
	autoclose int leaf = FD_NONE;
	autoclose int sock = FD_NONE;
	struct msg m;
	int status, r;
	pid_t helper;

	cgroup_init(&en.cgroup);
	r = open_entry(&en, e);
	if (r < 0) {
		entry_done(&en);
		return r;
	}
	/* where the guest's init has organised the payload, processes go to a leaf beneath it */
	leaf = in->c->facts.clone_into_cgroup && !(in->elevate & COPPICE_ELEVATE_CGROUP) ? cgroup_open_leaf(&en.cgroup) : FD_NONE;
	helper = ns_clone_talking(leaf, &sock, &helper_fd);
	if (helper == 0) {
		en.report = sock;
		outer(&en);
	}
	entry_done(&en);
	if (helper < 0)
		return err_sys(e, helper, "fork into the container's cgroup");
	r = msg_recv(sock, clock_deadline(10000), &m, ret_pidfd, 1);
	(void)!proc_reap(helper, helper_fd, clock_deadline(10000), &status);
	if (r == 1 && m.type == MSG_BORN) {
		*ret_pid = (pid_t)m.value;
		*ret_report = take_fd(sock);
		return 0;
	}
	if (r == 1 && m.type == MSG_FAIL) {
		*e = m.err;
		return e->code ? -e->code : -EIO;
	}
	return err_set(e, ERR_SYSTEM, ECHILD, "the process that enters the container ended too early");
}

/* ---- init ---- */

static enum init_kind kind_of(pid_t init)
{
	static const struct {
		const char *program;
		enum init_kind kind;
	} known[] = {{"systemd", INIT_SYSTEMD},	      {"busybox", INIT_BUSYBOX},     {"coppice-init", INIT_SMALL},
		     {"runit", INIT_RUNIT},	      {"runit-init", INIT_RUNIT},    {"openrc-init", INIT_OPENRC},
		     {"busybox.static", INIT_BUSYBOX}, {"init", INIT_SYSVINIT}};
	char path[64], exe[512], comm[32] = "";
	ssize_t n;
	const char *base;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)init);
	(void)!fd_read_file(AT_FDCWD, path, comm, sizeof(comm));
	if (strcmp(comm, "coppice-init") == 0)
		return INIT_SMALL;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)init);
	n = readlink(path, exe, sizeof(exe) - 1); /* rule: plain-paths: our own procfs */
	if (n <= 0)
		return INIT_UNKNOWN;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	base = base ? base + 1 : exe;
	comm[strcspn(comm, "\n")] = '\0';
	/* its shell, or whatever else it is called as */
	if (strncmp(base, "busybox", 7) == 0 && strcmp(comm, "init") != 0 && strcmp(comm, "linuxrc") != 0 && strncmp(comm, "busybox", 7) != 0)
		return INIT_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(base, known[i].program) == 0)
			return known[i].kind;
	return INIT_UNKNOWN;
}

enum init_kind inside_init_kind(const struct live *l)
{
	return kind_of(l->record.init.pid);
}

static bool mask_has(const char *status, const char *name, int signal)
{
	const char *at = strstr(status, name);
	char digits[17] = "";
	uint64_t mask;

	if (!at)
		return true;
	(void)snprintf(digits, sizeof(digits), "%.16s", at + strlen(name));
	return parse_u64_base(digits, 16, &mask) < 0 || (mask >> (signal - 1)) & 1;
}

/* "128 0x7ffe... ": the number before the first space. */
static bool is_number(char *text, uint64_t want)
{
	uint64_t v;

	text[strcspn(text, " ")] = '\0';
	return parse_u64(text, &v) == 0 && v == want;
}

/* A signal that pid 1 neither catches nor has blocked (to read it by signalfd) is dropped by the kernel: no point in waiting for its effect. */
static bool catches(pid_t init, int signal)
{
	char path[64], status[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)init);
	if (fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return true;
	if (mask_has(status, "\nSigCgt:\t", signal) || mask_has(status, "\nSigBlk:\t", signal))
		return true;
	/* one that sleeps in sigwait(3) shows neither: the mask is lifted while it waits */
	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)init);
	return fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0 || is_number(status, SYS_rt_sigtimedwait);
}

/* What telinit(8) of sysvinit writes into init's fifo: initreq.h's struct init_request. */
struct init_request {
	int32_t magic, cmd, runlevel, sleeptime;
	char data[368];
};

static NORETURN void write_initctl(void *data, int report)
{
	static const char *const fifos[] = {"/run/initctl", "/dev/initctl"};
	const int32_t *runlevel = data;
	struct init_request rq = {.magic = 0x03091969, .cmd = 1, .runlevel = *runlevel};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(fifos); i++) {
		autoclose int fd = fd_open(AT_FDCWD, fifos[i], O_WRONLY | O_NONBLOCK | O_NOFOLLOW, 0);

		if (fd >= 0 && fd_write_all(fd, &rq, sizeof(rq)) == 0)
			_exit(0);
	}
	(void)err_set(&e, ERR_SYSTEM, ENXIO, "init does not listen on /run/initctl");
	fail(report, &e);
}

/* To runlevel @level: '0' is halt, '6' is reboot. */
static int tell_sysvinit(struct coppice *c, const struct live *l, int32_t level, struct err *e)
{
	struct inside_entry in = {.live = l, .c = c, .run = write_initctl, .data = &level};
	autoclose int pidfd = FD_NONE;
	autoclose int report = FD_NONE;
	struct err ignored;
	int status = -1, r;
	pid_t pid;

	r = inside_fork(&in, &pid, &pidfd, &report, &ignored);
	if (r == 0)
		r = proc_reap(pid, pidfd, clock_deadline(5000), &status);
	if (r == 0 && status == 0)
		return 0;
	return err_set(e, ERR_SYSTEM, ENXIO, "init does not listen on /run/initctl");
}

/* What these inits take for "power off" and "start again". */
static int signal_of(enum init_kind kind, bool reboot)
{
	switch (kind) {
	case INIT_SYSTEMD:
		return reboot ? SIGRTMIN + 5 : SIGRTMIN + 3;
	case INIT_BUSYBOX:
		return reboot ? SIGTERM : SIGUSR2;
	case INIT_SYSVINIT:
		return reboot ? SIGINT : SIGPWR; /* as inittab(5) says: Ctrl-Alt-Del, a power failure */
	case INIT_RUNIT:
		return reboot ? SIGINT : SIGCONT;
	case INIT_OPENRC:
	case INIT_SMALL:
	case INIT_UNKNOWN:
		break;
	}
	return reboot ? SIGINT : SIGTERM;
}

int inside_halt_signal(pid_t init)
{
	enum init_kind kind = kind_of(init);

	return kind == INIT_UNKNOWN && catches(init, SIGPWR) ? SIGPWR : signal_of(kind, false);
}

/* A system that is told to stop in its first moments would never hear it, and be killed when the time is up. The kernel tells nobody when a process begins to listen, so this
 * looks again and again, for as long as it takes an init to set itself up. */
static void wait_for_listener(pid_t init, int pidfd, int signal, uint64_t deadline)
{
	while (!catches(init, signal) && clock_left_ms(deadline) != 0)
		if (proc_wait_gone(pidfd, clock_deadline(LISTEN_MS)) == 0)
			return;
}

static int ask_init(struct coppice *c, const struct live *l, int pidfd, int signal, enum init_kind kind, bool reboot, uint64_t deadline, struct err *e)
{
	int sig = signal ?: signal_of(kind, reboot), r;

	/* one that was written for LXC listens for what LXC sends */
	if (!signal && !reboot && kind == INIT_UNKNOWN && catches(l->record.init.pid, SIGPWR))
		sig = SIGPWR;
	if (!signal && kind == INIT_SYSVINIT && tell_sysvinit(c, l, reboot ? '6' : '0', e) == 0)
		return 0;
	if (kind == INIT_UNKNOWN && !catches(l->record.init.pid, sig))
		return err_set(e, ERR_STATE, ENOTSUP, "init does not handle signal %d", sig);
	if (kind != INIT_UNKNOWN && kind != INIT_SMALL)
		wait_for_listener(l->record.init.pid, pidfd, sig, deadline);
	r = proc_kill(pidfd, sig);
	return r < 0 ? err_sys(e, r, "send signal %d to init", sig) : 0;
}

int inside_halt(struct coppice *c, const struct live *l, int pidfd, int signal, bool small_init, uint64_t deadline, struct err *e)
{
	return ask_init(c, l, pidfd, signal, small_init ? INIT_SMALL : inside_init_kind(l), false, deadline, e);
}

int inside_reboot(struct coppice *c, const struct live *l, int pidfd, int signal, uint64_t deadline, struct err *e)
{
	return ask_init(c, l, pidfd, signal, inside_init_kind(l), true, deadline, e);
}
