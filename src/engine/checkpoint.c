/* checkpoint.c - a running container saved to files, by criu(8). criu says in its log what it could not do; that is what a person is told. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/inside.h"
#include "engine/network.h"

#include <errno.h>
#include <fcntl.h>
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

/* The console's other side is the monitor's: a terminal outside, which criu knows by the numbers that its file has. */
static void console_tty(const struct live *l, char ret[48])
{
	char path[40];
	autoclose int root = FD_NONE;
	autoclose int fd = FD_NONE;
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", l->record.init.pid);
	root = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
	fd = root < 0 ? root : path_open_in(root, "dev/console", O_PATH, 0);
	ret[0] = '\0';
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode))
		(void)snprintf(ret, 48, "tty[%llx:%llx]", (unsigned long long)st.st_rdev, (unsigned long long)st.st_dev);
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

static int tell_failure(const char *dir, const char *log_name, int status, struct err *e)
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

static int dump(const char *criu, const struct live *l, const struct coppice_checkpoint *o, struct err *e)
{
	char pid[16], tty[48];
	const char *argv[48] = {criu, o->pre_dump ? "pre-dump" : "dump", "-t", pid, "-D", o->dir, "-o", "dump.log", "--tcp-established", "--file-locks", "--link-remap",
				"--manage-cgroups=full", "--ext-mount-map", "auto", "--enable-external-sharing", "--enable-external-masters", "--track-mem", "--enable-fs", "hugetlbfs", "--enable-fs", "tracefs"};
	size_t n = 0;
	int status = 0, r;

	while (argv[n])
		n++;
	console_tty(l, tty);
	if (tty[0]) {
		argv[n++] = "--ext-mount-map";
		argv[n++] = "/dev/console:console";
		argv[n++] = "--external";
		argv[n++] = tty;
	}
	(void)snprintf(pid, sizeof(pid), "%d", l->record.init.pid);
	if (o->predump_dir) {
		argv[n++] = "--prev-images-dir";
		argv[n++] = o->predump_dir;
	}
	if (o->action_script) {
		argv[n++] = "--action-script";
		argv[n++] = o->action_script;
	}
	if (o->verbose)
		argv[n++] = "-v4";
	if (!o->stop && !o->pre_dump)
		argv[n++] = "--leave-running";
	r = run_criu(argv, NULL, &status, e);
	if (r == 0 && status != 0)
		r = tell_failure(o->dir, "dump.log", status, e);
	return r;
}

int coppice_checkpoint(struct coppice *c, const char *name, const struct coppice_checkpoint *o, struct err *e)
{
	autoclose int lock = FD_NONE;
	char criu[64];
	struct live l;
	int r = engine_running(c, name, &l, e);

	if (r == 0) {
		lock = state_lock(&c->state, name, "checkpoint", clock_deadline(ENGINE_LOCK_MS), e);
		r = lock < 0 ? lock : find_criu(criu, e);
	}
	if (r == 0)
		r = check_criu(criu, e);
	if (r == 0 && l.record.user_net.pid)
		r = err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its network is made by a program outside (process %d)", l.record.user_net.pid);
	if (r == 0)
		r = make_dir(o->dir, e);
	if (r == 0)
		r = dump(criu, &l, o, e);
	return r < 0 ? err_what(e, "cannot save '%s' to '%s'", name, o->dir) : 0;
}

int coppice_restore(struct coppice *c, const char *name, const struct coppice_checkpoint *o, struct err *e)
{
	autoclose int dir = FD_NONE;
	char criu[64];
	struct live l;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_live(c, name, &l, e);
	if (r == 0 && l.alive)
		r = err_set(e, ERR_STATE, EALREADY, "it runs");
	if (r == 0) {
		dir = fd_open(AT_FDCWD, o->dir, O_PATH | O_DIRECTORY, 0);
		if (dir < 0 || faccessat(dir, "inventory.img", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			r = err_set(e, ERR_MISSING, ENOENT, "'%s' holds no checkpoint", o->dir);
	}
	if (r == 0)
		r = find_criu(criu, e);
	if (r == 0)
		r = check_criu(criu, e);
	if (r == 0) {
		(void)err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "its root is put together from mounts that only its own start can make, and criu cannot take over");
		r = err_hint(e, "coppice start %s", name);
	}
	return r < 0 ? err_what(e, "cannot restore '%s' from '%s'", name, o->dir) : 0;
}
