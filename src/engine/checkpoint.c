/* checkpoint.c - a running container saved to files, by criu(8). criu says in its log what it could not do; that is what a person is told.
 *
 * What a start makes is not saved but made again when the container is brought back (restore.c): mounts, the network namespace, terminals. For criu these are "external", each known by a
 * name. Its own are what it knows to make anew and what holds something of the container's: proc and message queues, file systems in memory, what was mounted from its own tree. */
#include "engine/engine.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/checkpoint.h"
#include "engine/inside.h"
#include "engine/storage.h"
#include "linux/mnt.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DUMP_MS 600000u
#define LOG_MAX ((size_t)16 << 20)

static int find_criu(char ret[64], struct err *e)
{
	static const char *const paths[] = {"/usr/sbin/criu", "/usr/bin/criu", "/usr/local/sbin/criu", "/usr/local/bin/criu"};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (access(paths[i], X_OK) == 0) {
			(void)snprintf(ret, 64, "%s", paths[i]);
			return 0;
		}
	(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "criu, which does it, is not installed");
	return err_hint(e, "apt-get install criu");
}

/* What says nothing: a trial of criu's own that failed, a program's status, the last line. */
static bool is_noise(const char *line, size_t len)
{
	static const char *const noise[] = {"exited, status=", "criu/tun.c", "iptables has nft", " FAILED."};

	for (size_t i = 0; i < ARRAY_LEN(noise); i++)
		if (memmem(line, len, noise[i], strlen(noise[i])))
			return true;
	return false;
}

/* The first "Error (file:line): text" that says something is the cause, what follows are its consequences; but the last of them may be plainer: both. */
static void errors_of(const char *log, char ret[400])
{
	const char *first = NULL, *last = NULL;
	size_t first_len = 0, last_len = 0;

	for (const char *line = log; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		const char *at = memmem(line, len, "Error (", 7), *text = at ? memmem(at, len - (size_t)(at - line), "): ", 3) : NULL;

		if (!text || is_noise(line, len))
			continue;
		last = text + 3;
		last_len = len - (size_t)(last - line);
		if (first)
			continue;
		first = last;
		first_len = last_len;
	}
	ret[0] = '\0';
	if (first && last != first)
		(void)snprintf(ret, 400, "%.*s ... %.*s", (int)(first_len < 190 ? first_len : 190), first, (int)(last_len < 190 ? last_len : 190), last);
	else if (first)
		(void)snprintf(ret, 400, "%.*s", (int)first_len, first);
}

static int run_criu(const char *const *argv, struct buf *said, int *ret_status, struct err *e)
{
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .log = said, .deadline = clock_deadline(DUMP_MS)};
	int r = proc_run(&run, ret_status);

	return r < 0 ? err_sys(e, r, "run '%s'", argv[0]) : 0;
}

/* Whether criu can do anything on this kernel: told before it is let near the container. */
static int check_criu(const char *criu, struct err *e)
{
	const char *const argv[] = {criu, "check", NULL};
	autodone(buf_done) struct buf said = BUF_INIT;
	char why[400];
	int status = 0, r = run_criu(argv, &said, &status, e);

	if (r < 0 || status == 0)
		return r;
	errors_of(buf_str(&said), why);
	(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "criu does not work on this kernel: %s", why[0] ? why : "it does not say why");
	return err_hint(e, "criu check");
}

int checkpoint_criu(char ret[64], struct err *e)
{
	int r = find_criu(ret, e);

	return r < 0 ? r : check_criu(ret, e);
}

/* ---- what is not the container's own ---- */

struct mount {
	const char *dev, *root, *target, *type;
	bool peers; /* shares events with mounts elsewhere */
};

struct mounts {
	struct arena arena;
	struct mount *list;
	size_t count;
};

static void mounts_done(struct mounts *m)
{
	arena_done(&m->arena);
}

/* "36 35 98:0 /root /target options [peers] - type source options", cut in place. */
static bool parse_mount(char *line, struct mount *m)
{
	char *save = NULL, *field[5] = {NULL};
	size_t n = 0;

	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save), n++) {
		if (n < ARRAY_LEN(field))
			field[n] = word;
		else if (n > 5 && strcmp(word, "-") == 0)
			break;
		m->peers |= n > 5;
	}
	m->dev = field[2];
	m->root = field[3];
	m->target = field[4];
	m->type = strtok_r(NULL, " ", &save);
	return m->type != NULL;
}

static int read_mounts(const char *path, struct mounts *ret, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, path, O_RDONLY, 0);
	int r = fd < 0 ? fd : fd_read_all(fd, &text, LOG_MAX);
	char *copy = r < 0 ? NULL : arena_strdup(&ret->arena, buf_str(&text)), *save = NULL;

	if (r == 0 && !copy)
		r = -ENOMEM;
	for (char *line = r < 0 ? NULL : strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct mount m = {0}, *at;

		if (!parse_mount(line, &m))
			continue;
		at = arena_push(&ret->arena, &ret->list, &ret->count, sizeof(*at));
		if (!at)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		*at = m;
	}
	return r < 0 ? err_sys(e, r, "read '%s'", path) : 0;
}

/* A mount of the same file system in @all, of all of it unless @any. */
static bool has_whole(const struct mounts *all, const char *dev, bool any)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->list[i].dev, dev) == 0 && (any || strcmp(all->list[i].root, "/") == 0))
			return true;
	return false;
}

/* Of the file system that the container's root is on, something in its own tree. */
static bool is_from_root(const struct mounts *all, const struct mount *m)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->list[i].target, "/") == 0)
			return strcmp(all->list[i].dev, m->dev) == 0 && path_is_below(m->root, all->list[i].root);
	return false;
}

static bool is_made_by_criu(const struct mounts *all, const struct mounts *host, const struct mount *m)
{
	static const char *const types[] = {"proc", "mqueue", "tmpfs"};

	if (is_from_root(all, m))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(m->type, types[i]) == 0)
			return has_whole(all, m->dev, false) && !has_whole(host, m->dev, true);
	return false;
}

/* What criu is told beside the usual, and what the way back has to know of it. */
struct outside {
	struct arena arena;
	const char **args;
	size_t count;
	struct buf note;
	bool oom;
};

static void outside_done(struct outside *o)
{
	arena_done(&o->arena);
	buf_done(&o->note);
}

static void say(struct outside *o, const char *arg)
{
	const char **at = arg ? arena_push(&o->arena, &o->args, &o->count, sizeof(*at)) : NULL;

	if (at)
		*at = arg;
	o->oom |= !at;
}

static void external(struct outside *o, const char *what)
{
	say(o, "--external");
	say(o, what);
}

/* A process in the container's mount namespace: file systems that criu makes anew have no business with what is outside, and it refuses those that have. */
static NORETURN void make_private(int pidfd, const struct mounts *all, const struct mounts *host)
{
	int r = ns_enter(pidfd, CLONE_NEWNS);
	autoclose int root = r < 0 ? FD_NONE : fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);

	for (size_t i = 0; r == 0 && i < all->count; i++) {
		const struct mount *m = &all->list[i];
		autoclose int at = FD_NONE;

		if (!m->peers || strcmp(m->target, "/") == 0 || !is_made_by_criu(all, host, m))
			continue;
		at = path_open_nolinks(root, m->target + 1, O_PATH, 0);
		r = at < 0 ? at : mnt_attr(at, false, 0, 0, MNT_PRIVATE, FD_NONE);
	}
	_exit(r < 0 ? -r : 0);
}

static int part_mounts(const struct live *l, const struct mounts *all, const struct mounts *host, struct err *e)
{
	autoclose int init = proc_open(&l->record.init);
	autoclose int pidfd = FD_NONE;
	int status = 0, r;
	pid_t pid = init < 0 ? init : ns_clone(0, FD_NONE, false, &pidfd);

	if (pid == 0)
		make_private(init, all, host);
	r = pid < 0 ? (int)pid : proc_reap(pid, pidfd, clock_deadline(10000), &status);
	if (r == 0 && status)
		r = status < 128 ? -status : -EIO;
	return r < 0 ? err_sys(e, r, "part the container's mounts from those outside") : 0;
}

static int outside_mounts(const struct live *l, struct outside *o, struct err *e)
{
	autodone(mounts_done) struct mounts all = {.arena = ARENA_INIT}, host = {.arena = ARENA_INIT};
	char path[40];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", l->record.init.pid);
	r = read_mounts(path, &all, e);
	if (r == 0)
		r = read_mounts("/proc/self/mountinfo", &host, e);
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const struct mount *m = &all.list[i];

		if (strcmp(m->target, "/") == 0 || is_made_by_criu(&all, &host, m))
			continue;
		if (strpbrk(m->target, "\\]:"))
			return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "criu cannot be told of the mount at '%s', whose name has blanks or one of \\ ] :", m->target);
		external(o, arena_printf(&o->arena, "mnt[%s]:%s", m->target, m->target));
		buf_printf(&o->note, "mount %s\n", m->target);
	}
	return r < 0 ? r : part_mounts(l, &all, &host, e);
}

/* Terminals whose other side is the monitor's: criu knows them by the numbers that their files have. */
static void outside_terminals(const struct live *l, uint32_t count, struct outside *o)
{
	char path[40];
	autoclose int root = FD_NONE;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", l->record.init.pid);
	root = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	for (uint32_t i = 0; root >= 0 && i <= count; i++) {
		autoclose int fd = FD_NONE;
		struct stat st;
		char key[48];

		(void)snprintf(path, sizeof(path), "dev/pts/%u", i);
		fd = path_open_nolinks(root, path, O_PATH, 0);
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
			continue;
		(void)snprintf(key, sizeof(key), "tty[%llx:%llx]", (unsigned long long)st.st_rdev, (unsigned long long)st.st_dev);
		external(o, arena_strdup(&o->arena, key));
		buf_printf(&o->note, "terminal %u %s\n", i, key);
	}
}

static int outside_network(const struct live *l, struct outside *o, struct err *e)
{
	char path[40];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", l->record.init.pid);
	if (fstatat(AT_FDCWD, path, &st, 0) < 0)
		return err_sys(e, errno, "look at '%s'", path);
	external(o, arena_printf(&o->arena, "net[%llu]:" APPLY_CRIU_NET, (unsigned long long)st.st_ino));
	return 0;
}

static int make_dir(const char *path, struct err *e)
{
	struct stat st;

	if (mkdirat(AT_FDCWD, path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '%s'", path);
	if (fstatat(AT_FDCWD, path, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_INPUT, ENOTDIR, "'%s' is no directory", path);
	return 0;
}

int checkpoint_failed(const char *dir, const char *log_name, int status, struct err *e)
{
	autodone(buf_done) struct buf log = BUF_INIT;
	autoclose int at = fd_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0);
	autoclose int fd = at < 0 ? FD_NONE : fd_open(at, log_name, O_RDONLY | O_NOFOLLOW, 0);
	char why[400] = "";

	if (fd >= 0 && fd_read_all(fd, &log, LOG_MAX) == 0)
		errors_of(buf_str(&log), why);
	if (status > 128) /* as a shell says it */
		(void)err_set(e, ERR_SYSTEM, EIO, "criu was ended by signal %d; before that: %s", status - 128, why[0] ? why : "nothing");
	else
		(void)err_set(e, ERR_SYSTEM, EIO, "criu ended with status %d: %s", status, why[0] ? why : "its log does not say why");
	return err_hint(e, "less %s/%s", dir, log_name);
}

/* Known before criu is let near it. */
static int refuse(struct coppice *c, const struct live *l, const struct spec *s, struct err *e)
{
	char theirs[48];
	struct stat own, its;
	struct cgroup cg;
	int frozen = 0;

	if (l->record.user_net.pid)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its network is made by a program outside (process %d)", l->record.user_net.pid);
	(void)snprintf(theirs, sizeof(theirs), "/proc/%d/ns/user", l->record.init.pid);
	if (fstatat(AT_FDCWD, "/proc/self/ns/user", &own, 0) < 0 || fstatat(AT_FDCWD, theirs, &its, 0) < 0)
		return err_sys(e, errno, "look at '%s'", theirs);
	if (own.st_ino != its.st_ino)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "it has a user namespace of its own, and criu takes clocks, network and mounts only that belong to the one which it makes itself");
	if (s->small_init)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its program runs beneath our small init, whose file is not in the container, where criu looks for it");
	if (getsid(l->record.init.pid) != l->record.init.pid)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its init leads no session of its own (setsid), and criu saves no process whose session is outside");
	for (unsigned i = 0; i < SPEC_NS_COUNT; i++)
		if (s->ns_share[i])
			return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "it shares the %s namespace of another container or process", spec_ns_name((enum spec_ns)i));
	if (s->seccomp_proxy)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its system call filter hands calls to a proxy (lxc.seccomp.notify.proxy)");
	if (c->facts.cgroup != CG_NONE && cgroup_open(&c->facts, l->record.group, &cg) == 0) {
		frozen = cgroup_is_freezing(&cg);
		cgroup_done(&cg);
	}
	if (frozen == 1) {
		(void)err_set(e, ERR_STATE, EBUSY, "it is paused, and criu needs its processes to run for a moment");
		return err_hint(e, "coppice resume %s", s->name);
	}
	return 0;
}

static int keep_note(const char *dir, const struct buf *note, struct err *e)
{
	autoclose int at = fd_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0);
	int r = at < 0 ? at : path_swap_file(at, CHECKPOINT_NOTE, buf_str(note), note->len, 0600);

	return r < 0 ? err_sys(e, r, "write '%s/" CHECKPOINT_NOTE "'", dir) : 0;
}

static void usual_words(const struct live *l, const struct coppice_checkpoint *o, struct outside *w)
{
	static const char *const fixed[] = {"-o", "dump.log", "--tcp-established", "--file-locks", "--link-remap", "--manage-cgroups=full", "--enable-external-sharing", "--enable-external-masters",
					    "--track-mem", "--enable-fs", "hugetlbfs", "--enable-fs", "tracefs"};

	say(w, o->pre_dump ? "pre-dump" : "dump");
	say(w, "-t");
	say(w, arena_printf(&w->arena, "%d", l->record.init.pid));
	say(w, "-D");
	say(w, o->dir);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		say(w, fixed[i]);
	if (o->predump_dir) {
		say(w, "--prev-images-dir");
		say(w, o->predump_dir);
	}
	if (o->action_script) {
		say(w, "--action-script");
		say(w, o->action_script);
	}
	if (o->verbose)
		say(w, "-v4");
	if (!o->stop && !o->pre_dump)
		say(w, "--leave-running");
}

/* How it keeps connections still: by nftables, as everything here, where it can; else by iptables, which need not be installed. */
static void lock_by_nftables(const char *criu, struct outside *w)
{
	const char *const argv[] = {criu, "check", "--feature", "network_lock_nftables", NULL};
	autodone(buf_done) struct buf said = BUF_INIT;
	struct err ignored = {0};
	int status = 0;

	if (run_criu(argv, &said, &status, &ignored) < 0 || status)
		return;
	say(w, "--network-lock");
	say(w, "nftables");
}

static int dump(const char *criu, const struct live *l, const struct spec *s, const struct coppice_checkpoint *o, struct err *e)
{
	autodone(outside_done) struct outside w = {.arena = ARENA_INIT, .note = BUF_INIT};
	autodone(buf_done) struct buf said = BUF_INIT; /* by libraries of its own, beside its log */
	int status = 0, r;

	say(&w, criu);
	usual_words(l, o, &w);
	buf_puts(&w.note, CHECKPOINT_NOTE_HEAD "\n");
	r = outside_mounts(l, &w, e);
	if (r == 0 && s->net != SPEC_NET_NONE)
		r = outside_network(l, &w, e);
	if (r < 0)
		return r;
	if (s->net != SPEC_NET_NONE)
		lock_by_nftables(criu, &w);
	outside_terminals(l, s->tty_count, &w);
	if (w.oom || buf_failed(&w.note) || !arena_push(&w.arena, &w.args, &w.count, sizeof(*w.args)))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	r = keep_note(o->dir, &w.note, e);
	if (r == 0)
		r = run_criu(w.args, &said, &status, e);
	return r == 0 && status ? checkpoint_failed(o->dir, "dump.log", status, e) : r;
}

/* Its monitor must not take the end for one after which it starts again. */
static int dump_and_stop(struct coppice *c, const char *criu, struct live *l, const struct spec *s, const struct coppice_checkpoint *o, struct err *e)
{
	int r;

	engine_tell_stopping(c, s->name, l, true);
	r = dump(criu, l, s, o, e);
	if (r < 0)
		engine_tell_stopping(c, s->name, l, false);
	return r < 0 ? r : engine_settle(c, s->name, l, e);
}

int coppice_checkpoint(struct coppice *c, const char *name, const struct coppice_checkpoint *o, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct spec spec;
	char criu[64];
	struct live l;
	int r = engine_running(c, name, &l, e);

	if (r == 0) {
		lock = state_lock(&c->state, name, "checkpoint", clock_deadline(ENGINE_LOCK_MS), e);
		r = lock < 0 ? lock : checkpoint_criu(criu, e);
	}
	if (r == 0)
		r = engine_spec_running(c, name, &spec, e);
	if (r == 0) {
		r = refuse(c, &l, &spec, e);
		if (r == 0)
			r = make_dir(o->dir, e);
		if (r == 0)
			r = o->stop ? dump_and_stop(c, criu, &l, &spec, o, e) : dump(criu, &l, &spec, o, e);
		spec_done(&spec);
	}
	return r < 0 ? err_what(e, "cannot save '%s' to '%s'", name, o->dir) : 0;
}
