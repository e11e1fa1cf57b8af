/* job.c - staging, notes and the stop signal; see job.h. */
#include "image/job.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/child.h"
#include "image/manifest.h"
#include "image/memory.h"
#include "image/tree.h"
#include "linux/mnt.h"
#include "linux/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICKS_PER_LOOK 16u

static int make_dir(int at, const char *name)
{
	return mkdirat(at, name, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int job_open_store(const char *root, bool create, int *ret_fd, struct err *e)
{
	autoclose int fd = FD_NONE;
	struct stat st;
	int r = 0;

	if (root[0] != '/')
		return err_set(e, ERR_INPUT, EINVAL, "store '%s' is not an absolute path", root);
	if (create)
		r = path_mkdirs(root, 0700);
	if (r < 0)
		return err_sys(e, r, "make store '%s'", root);
	fd = fd_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_sys(e, fd, "open store '%s'", root);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat store '%s'", root);
	/* A base holds set-id programs of any age: nobody but its owner may reach them. */
	if (st.st_uid != geteuid() || (st.st_mode & 0022))
		return err_set(e, ERR_DENIED, EPERM, "store '%s' belongs to uid %u with mode %o: another user could change it", root,
			       st.st_uid, st.st_mode & 07777);
	if (create)
		r = make_dir(fd, "bases") ?: make_dir(fd, "staging");
	if (r < 0)
		return err_sys(e, r, "make directories of store '%s'", root);
	*ret_fd = take_fd(fd);
	return 0;
}

static int catch_signals(struct job *j, struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, errno, "block signals");
	j->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return j->signals < 0 ? err_sys(e, errno, "signalfd") : 0;
}

/* The lock exists before the directory does and outlives it, so that the directory is never seen without. A collector that meets the new
 * lock file before it is locked may unlink it: then the name no longer leads to our inode and we start again. */
static int lock_staging(struct job *j, int staging, struct err *e)
{
	for (unsigned attempt = 0; attempt < 16; attempt++) {
		char name[64];
		uint64_t random;
		struct stat mine, there;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return err_sys(e, errno, "getrandom");
		(void)snprintf(j->id, sizeof(j->id), "build-%016llx", (unsigned long long)random);
		(void)snprintf(name, sizeof(name), "%s.lock", j->id);
		fd_close(&j->lock);
		j->lock = fd_open(staging, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
		if (j->lock == -EEXIST)
			continue;
		if (j->lock < 0)
			return err_sys(e, j->lock, "make staging lock");
		if (flock(j->lock, LOCK_EX | LOCK_NB) < 0)
			continue;
		if (fstat(j->lock, &mine) == 0 && fstatat(staging, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == there.st_ino)
			return 0;
	}
	return err_set(e, ERR_BUSY, EBUSY, "cannot lock a staging directory");
}

/* Length of "build-HEX" when @name is the lock of a build ("build-HEX.lock"), else 0. */
static size_t lock_of(const char *name)
{
	size_t hex = strncmp(name, "build-", 6) == 0 ? strspn(name + 6, "0123456789abcdef") : 0;

	return hex > 0 && strcmp(name + 6 + hex, ".lock") == 0 ? 6 + hex : 0;
}

/* Removes what killed builds left: whose lock can be taken has no builder any more. What cannot be removed is the collector's to report. */
static void sweep(int staging)
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};

	if (tree_list(staging, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		autoclose int lock = FD_NONE;
		char id[64];
		size_t n = lock_of(names.names[i]);

		if (n == 0)
			continue;
		lock = fd_open(staging, names.names[i], O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
		if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
			continue;
		(void)snprintf(id, sizeof(id), "%.*s", (int)n, names.names[i]);
		if (path_remove_tree(staging, id) == 0)
			(void)unlinkat(staging, names.names[i], 0);
	}
}

static int make_open_dir(int at, const char *name, int *ret, struct err *e)
{
	if (mkdirat(at, name, 0700) < 0)
		return err_sys(e, errno, "make staging directory '%s'", name);
	*ret = fd_open(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return *ret < 0 ? err_sys(e, *ret, "open staging directory '%s'", name) : 0;
}

/* ---- the tree in memory ---- */

#define MEMORY_MAX ((uint64_t)1 << 30)
#define MEMORY_SHARE 8u /* at most this part of what is available */
#define MEMORY_SLACK ((uint64_t)16 << 20)
#define MEMORY_PER_FILE 5120u /* inode, names, and half a page of content that is not full */

static void leave_memory(struct job *j)
{
	if (j->in_memory && mnt_detach(j->staging, "tree") == 0)
		j->in_memory = false;
}

/* A mount namespace of our own, before anything is opened: a descriptor from before would lead into the old one. Slave, so that what the
 * host unmounts meanwhile is not kept busy by us. */
static int own_mounts(void)
{
	autoclose int root = FD_NONE;
	int r = ns_unshare(CLONE_NEWNS);

	if (r < 0)
		return r;
	root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	return root < 0 ? root : mnt_attr(root, true, 0, 0, MNT_SLAVE, FD_NONE);
}

/* The mount is seen by us and our helpers alone, and goes with the last of us, however that ends. */
static int mount_tmpfs(const struct job *j, uint64_t size)
{
	char size_text[32];
	const char *const opts[] = {"size", size_text, "mode", "0700", NULL, NULL};
	autoclose int fs = FD_NONE, target = FD_NONE;

	(void)snprintf(size_text, sizeof(size_text), "%llu", (unsigned long long)size);
	fs = mnt_new("tmpfs", opts, MNT_NODEV | MNT_NOSUID, NULL);
	if (fs < 0)
		return fs;
	target = fd_open(j->staging, "tree", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	return target < 0 ? target : mnt_attach(fs, target);
}

void job_stage_in_memory(struct job *j, uint64_t files, uint64_t bytes)
{
	uint64_t need, limit = memory_available() / MEMORY_SHARE;
	char mkfs[64];
	int fd;

	if (limit > MEMORY_MAX)
		limit = MEMORY_MAX;
	if (__builtin_mul_overflow(files, MEMORY_PER_FILE, &need) || __builtin_add_overflow(need, bytes, &need) || need > limit)
		return;
	if (!j->own_mounts || j->in_memory || j->opt->seal == SEAL_TREE || child_find("mkfs.erofs", mkfs) < 0)
		return;
	/* Twice the estimate: a living host can grow under us. */
	if (mount_tmpfs(j, need * 2 + MEMORY_SLACK) < 0)
		return;
	j->in_memory = true;
	fd = fd_open(j->staging, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0) {
		leave_memory(j);
		return;
	}
	fd_close(&j->tree);
	j->tree = fd;
}

int job_drop_tree(struct job *j, struct err *e)
{
	int r;

	fd_close(&j->tree);
	leave_memory(j);
	r = path_remove_tree(j->staging, "tree");
	return r < 0 ? err_sys(e, r, "remove the staged tree") : 0;
}

int job_open(struct job *j, const struct build_options *opt, struct err *e)
{
	autoclose int staging = FD_NONE;
	struct stat st;
	int r;

	*j = (struct job){.opt = opt, .report = {.fd = STDOUT_FILENO}, .strings = ARENA_INIT, .now = clock_unix()};
	j->signals = j->store = j->staging = j->lock = j->tree = j->out = FD_NONE;
	r = catch_signals(j, e);
	if (r < 0)
		return r;
	j->own_mounts = own_mounts() == 0;
	r = job_open_store(opt->store, true, &j->store, e);
	if (r < 0)
		return r;
	if (fstat(j->store, &st) < 0)
		return err_sys(e, errno, "stat store '%s'", opt->store);
	j->store_dev = st.st_dev;
	j->store_ino = st.st_ino;
	staging = fd_open(j->store, "staging", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (staging < 0)
		return err_sys(e, staging, "open staging");
	sweep(staging);
	r = lock_staging(j, staging, e);
	if (r < 0)
		return r;
	r = make_open_dir(staging, j->id, &j->staging, e);
	if (r == 0)
		r = make_open_dir(j->staging, "tree", &j->tree, e);
	if (r == 0)
		r = make_open_dir(j->staging, "out", &j->out, e);
	return r;
}

void job_close(struct job *j)
{
	autoclose int staging = FD_NONE;
	char name[64];

	if (j->store >= 0)
		staging = fd_open(j->store, "staging", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	fd_close(&j->tree);
	fd_close(&j->out);
	leave_memory(j);
	fd_close(&j->staging);
	/* The lock goes last: what a failed removal leaves is then abandoned, and collected. */
	if (staging >= 0 && j->lock >= 0 && path_remove_tree(staging, j->id) == 0) {
		(void)snprintf(name, sizeof(name), "%s.lock", j->id);
		(void)unlinkat(staging, name, 0);
	}
	fd_close(&j->lock);
	fd_close(&j->store);
	fd_close(&j->signals);
	arena_done(&j->strings);
}

int job_tick(struct job *j, struct err *e)
{
	struct signalfd_siginfo info;

	if (j->ticks++ % TICKS_PER_LOOK != 0 || read(j->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	(void)err_set(e, ERR_STATE, EINTR, "stopped by SIG%s", sigabbrev_np((int)info.ssi_signo) ?: "?");
	return err_hint(e, "coppice base build %s --from %s", j->opt->name, j->opt->from);
}

int job_progress(struct job *j, struct err *e, const char *phase, int percent, const char *fmt, ...)
{
	char detail[400];
	va_list args;
	int r;

	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	r = report_progress(&j->report, phase, percent, "%s", detail);
	return r < 0 ? err_sys(e, r, "tell progress") : job_tick(j, e);
}

void job_warn(struct job *j, const char *fmt, ...)
{
	char text[600];
	va_list args;
	const char **slot;

	if (j->warning_count > JOB_WARNINGS_MAX)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (j->warning_count == JOB_WARNINGS_MAX)
		(void)snprintf(text, sizeof(text), "further warnings are left out");
	slot = arena_push(&j->strings, &j->warnings, &j->warning_count, sizeof(*slot));
	if (slot && !(*slot = arena_strdup(&j->strings, text)))
		j->warning_count--;
}

void job_scrubbed(struct job *j, const char *path, const char *why)
{
	autodone(buf_done) struct buf name = BUF_INIT;
	struct scrubbed *slot;

	manifest_escape(&name, path);
	slot = arena_push(&j->strings, &j->scrubbed, &j->scrubbed_count, sizeof(*slot));
	if (!slot)
		return;
	slot->path = arena_strdup(&j->strings, buf_str(&name));
	slot->why = arena_strdup(&j->strings, why);
	if (!slot->path || !slot->why)
		j->scrubbed_count--;
}
