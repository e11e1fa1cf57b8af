/* lease.c - one superblock per base version, whoever mounts it.
 *
 * A block device leads the kernel to its superblock; an image file does not: mounting it twice gives two superblocks, two page caches.
 * So the first user of a version mounts it, and everybody later takes a clone of that mount out of the mount namespace of a process that
 * has it. Nobody keeps it mounted on the host.
 *
 * locks/lease.NAME@VERSION says what to look for (device, root inode, size and id of the mounted file system) and whom to ask (processes
 * by start time). Both are hints that are checked: a clone is taken only from a live process with that start time, and only if what is
 * attached there is an EROFS with all these marks, written in this boot. Whatever is wrong, the image is mounted anew: that costs
 * memory, never correctness. The file is changed in place under its own lock; a reader without the lock that sees it half-written finds
 * it unusable and comes back with the lock. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "linux/mnt.h"
#include "linux/ns.h"
#include "state/diskerr.h"
#include "state/fields.h"
#include "state/lock.h"
#include "store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HOLDERS 16
/* A holder is asked as soon as it is known, which may be a moment before it has attached its mount. */
#define ATTACH_MS 300
/* ... and the child that asks is given up some time after that, and the whole search when several did not answer. */
#define ANSWER_MS 1500
#define SEARCH_MS 3000

struct mark {
	char boot_id[40];
	char where[64];
	uint64_t dev, ino, blocks, fsid;
	struct proc_id holder[HOLDERS];
};

#define HOLDER(i) {"holder" #i, FIELD_PROC, false, offsetof(struct mark, holder) + (i) * sizeof(struct proc_id), sizeof(struct proc_id)}

static const struct field mark_fields[] = {
	FIELD(mark, boot_id, FIELD_TEXT, true), FIELD(mark, where, FIELD_TEXT, true), FIELD(mark, dev, FIELD_U64, true),
	FIELD(mark, ino, FIELD_U64, true), FIELD(mark, blocks, FIELD_U64, true), FIELD(mark, fsid, FIELD_U64, true),
	HOLDER(0), HOLDER(1), HOLDER(2), HOLDER(3), HOLDER(4), HOLDER(5), HOLDER(6), HOLDER(7),
	HOLDER(8), HOLDER(9), HOLDER(10), HOLDER(11), HOLDER(12), HOLDER(13), HOLDER(14), HOLDER(15),
};
_Static_assert(ARRAY_LEN(mark_fields) == 6 + HOLDERS && ARRAY_LEN(mark_fields) <= FIELDS_MAX, "one row a holder");

/* What tells one mounted EROFS from another. */
static int measure(int mount, struct mark *ret)
{
	struct statfs fs;
	struct stat st;

	if (fstat(mount, &st) < 0 || fstatfs(mount, &fs) < 0)
		return -errno;
	if ((uint32_t)fs.f_type != EROFS_SUPER_MAGIC_V1)
		return -EMEDIUMTYPE;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->blocks = (uint64_t)fs.f_blocks;
	memcpy(&ret->fsid, &fs.f_fsid, sizeof(ret->fsid));
	return 0;
}

static bool is_marked(int mount, const struct mark *m)
{
	struct mark seen;

	return measure(mount, &seen) == 0 && seen.dev == m->dev && seen.ino == m->ino && seen.blocks == m->blocks && seen.fsid == m->fsid;
}

static int read_mark(int locks, const char *file, const char *boot_id, struct mark *ret)
{
	int r = fields_load(locks, file, mark_fields, ARRAY_LEN(mark_fields), true, ret, sizeof(*ret));

	return r == 0 && strcmp(ret->boot_id, boot_id) != 0 ? -ESTALE : r;
}

/* @fd is the lock. Losing this text costs a superblock, no more: no fsync. */
static void write_mark(int fd, const struct mark *m)
{
	autodone(buf_done) struct buf text = BUF_INIT;

	fields_format(mark_fields, ARRAY_LEN(mark_fields), true, m, &text);
	if (!buf_failed(&text) && pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len)
		(void)!ftruncate(fd, (off_t)text.len);
}

struct query {
	const char *where;             /* NULL: the caller will not attach */
	const struct proc_id *holders; /* the caller's */
	size_t holder_count;
	struct proc_id failed[HOLDERS]; /* remembered ones that were alive and did not have it */
	size_t failed_count;
};

static bool same_process(const struct proc_id *a, const struct proc_id *b)
{
	return a->pid == b->pid && a->start_time == b->start_time;
}

static bool has_failed(const struct query *q, const struct proc_id *id)
{
	for (size_t i = 0; i < q->failed_count; i++)
		if (same_process(&q->failed[i], id))
			return true;
	return false;
}

/* Puts the calling process into the first slot that no useful one has. When all are useful they are left: any of them will do. */
static void remember_self(struct mark *m, const struct query *q)
{
	struct proc_id self;

	if (proc_identify(0, &self) < 0)
		return;
	for (size_t i = 0; i < HOLDERS; i++) {
		struct proc_id *h = &m->holder[i];

		if (same_process(h, &self))
			return;
		if (has_failed(q, h) || !proc_alive(h)) {
			*h = self;
			return;
		}
	}
}

/* In the child. Entering a mount namespace moves root and working directory there, which is why this is a child. */
static int clone_inside(int holder, const char *where, const struct mark *m)
{
	const uint64_t deadline = clock_deadline(ATTACH_MS);

	for (;;) {
		autoclose int root = FD_NONE;
		autoclose int at = FD_NONE;
		int r = ns_enter(holder, CLONE_NEWNS);

		if (r < 0)
			return r;
		root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
		if (root >= 0)
			at = path_open_nolinks(root, where, O_PATH | O_DIRECTORY, 0);
		if (at >= 0 && is_marked(at, m))
			return mnt_clone(at, "", false);
		/* Not attached yet, or never: the holder's end is noticed at once. */
		if (proc_wait_gone(holder, clock_deadline(1)) == 0)
			return -ESRCH;
		if (clock_left_ms(deadline) == 0)
			return -ENOENT;
	}
}

static NORETURN void ask(int sock, int holder, const char *where, const struct mark *m)
{
	int mount, code;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	mount = clone_inside(holder, where, m);
	code = mount < 0 ? mount : 0;
	(void)!fd_send(sock, &code, sizeof(code), &mount, mount >= 0);
	_exit(0);
}

/* The child's answer, waited for until @deadline. */
static int answer(int sock, uint64_t deadline)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	autoclose int mount = FD_NONE;
	int code = 0, n;
	ssize_t got;

	do
		n = poll(&p, 1, clock_left_ms(deadline));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	got = fd_recv(sock, &code, sizeof(code), &mount, 1);
	if (got != (ssize_t)sizeof(code))
		return got < 0 ? (int)got : -EPIPE;
	if (code < 0)
		return code;
	return mount < 0 ? -EPROTO : take_fd(mount);
}

static void close_pair(int (*pair)[2])
{
	fd_close(&(*pair)[0]);
	fd_close(&(*pair)[1]);
}

/* A clone of the mount that @id has at @where; any failure means: ask somebody else. */
static int take_from(const struct proc_id *id, const char *where, const struct mark *m)
{
	autoclose int holder = proc_open(id);
	autodone(close_pair) int pair[2] = {FD_NONE, FD_NONE};
	autoclose int child = FD_NONE;
	autoclose int mount = FD_NONE;
	int status;
	pid_t pid;

	if (holder < 0)
		return holder;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = ns_clone(0, FD_NONE, false, &child);
	if (pid < 0)
		return pid;
	if (pid == 0)
		ask(pair[1], holder, where, m);
	fd_close(&pair[1]);
	mount = answer(pair[0], clock_deadline(ANSWER_MS));
	if (mount < 0)
		(void)!proc_kill(child, SIGKILL);
	(void)!proc_reap(pid, child, CLOCK_NEVER, &status);
	/* The child was ours, but what it saw was another process's namespace: look again from here. */
	if (mount >= 0 && !is_marked(mount, m))
		return -ESTALE;
	return mount < 0 ? mount : take_fd(mount);
}

/* Asks everybody known; -ENOENT when nobody has it. */
static int share(const struct mark *m, struct query *q)
{
	const uint64_t deadline = clock_deadline(SEARCH_MS);
	struct proc_id self;

	if (proc_identify(0, &self) < 0)
		return -ENOENT;
	for (size_t i = 0; i < HOLDERS + q->holder_count && clock_left_ms(deadline) > 0; i++) {
		const struct proc_id *id = i < HOLDERS ? &m->holder[i] : &q->holders[i - HOLDERS];
		int r;

		if (id->pid == 0 || same_process(id, &self) || has_failed(q, id))
			continue;
		r = take_from(id, q->where ?: m->where, m);
		if (r >= 0)
			return r;
		if (r != -ESRCH && q->failed_count < HOLDERS)
			q->failed[q->failed_count++] = *id;
	}
	return -ENOENT;
}

static int open_image(const struct store *s, const struct store_base *b, struct err *e)
{
	autoclose int dir = store_base_open(s, b, e);
	autoclose int image = FD_NONE;
	struct stat st;

	if (dir < 0)
		return dir;
	image = path_open_beneath(dir, "image.erofs", O_RDONLY | O_NONBLOCK, 0);
	if (image >= 0 && (fstat(image, &st) < 0 || !S_ISREG(st.st_mode)))
		fd_close(&image);
	if (image < 0) {
		(void)err_set(e, ERR_DAMAGED, ENOENT, "base '%s@%s' has no image", b->name, b->version);
		return err_hint(e, "coppice base verify %s", b->name);
	}
	return take_fd(image);
}

static int mount_image(const struct store *s, const struct facts *f, const struct store_base *b, const char **ret_level, struct err *e)
{
	autoclose int image = open_image(s, b, e);
	char why[256] = "";
	int r;

	if (image < 0)
		return image;
	if (!f->erofs_file && !f->erofs_loop) {
		(void)err_set(e, ERR_UNSUPPORTED, ENODEV, "this kernel cannot mount EROFS images");
		return err_hint(e, "modprobe erofs");
	}
	r = mnt_erofs(image, f->erofs_file, f->erofs_loop, ret_level, why);
	if (r < 0 && why[0])
		return err_sys(e, r, "mount the image of base '%s@%s': %s", b->name, b->version, why);
	return r < 0 ? err_sys(e, r, "mount the image of base '%s@%s'", b->name, b->version) : r;
}

/* The level of a mount that somebody else made: a loop device is a block device with its own major number. */
static const char *level_of(const struct mark *m)
{
	return major(m->dev) == 0 ? "erofs-file" : "erofs-loop";
}

/* Under the lock: share if somebody was faster, else mount, and leave the new marks. */
static int share_or_mount(const struct store *s, const struct facts *f, const struct store_base *b, struct mark *m, bool known,
			  struct query *q, struct store_lease *ret, struct err *e)
{
	int r = known ? share(m, q) : -ENOENT;

	if (r >= 0) {
		*ret = (struct store_lease){.mount = r, .level = level_of(m), .shared = true};
		return 0;
	}
	r = mount_image(s, f, b, &ret->level, e);
	if (r < 0)
		return r;
	ret->mount = r;
	*m = (struct mark){.dev = 0};
	r = measure(ret->mount, m);
	return r < 0 ? err_sys(e, r, "look at the mounted base '%s@%s'", b->name, b->version) : 0;
}

static int lease_erofs(const struct store *s, const struct facts *f, const struct store_base *b, struct query *q, struct store_lease *ret,
		       struct err *e)
{
	autoclose int locks = store_subdir(s, "locks");
	autoclose int lock = FD_NONE;
	struct mark m;
	char file[160];
	int r;

	if (locks < 0)
		return disk_err(e, locks, s->root, "open '%s/locks'", s->root);
	(void)snprintf(file, sizeof(file), "lease.%s@%s", b->name, b->version);
	/* The usual case needs the lock only to be remembered, so that a thousand starts at once do not queue for their clones. */
	if (read_mark(locks, file, f->boot_id, &m) == 0) {
		r = share(&m, q);
		if (r >= 0)
			*ret = (struct store_lease){.mount = r, .level = level_of(&m), .shared = true};
	}
	/* without a name tag: the text of this lock file is the marks */
	lock = lock_take(locks, file, true, NULL, clock_deadline(10000), NULL);
	if (lock < 0 && ret->mount >= 0)
		return 0;
	/* Where nothing can be written nothing can be remembered: the image is mounted for this caller alone. */
	if (lock < 0 && lock != -EROFS && lock != -ENOSPC)
		return disk_err(e, lock, s->root, "lock '%s/locks/%s'", s->root, file);
	r = read_mark(locks, file, f->boot_id, &m);
	if (ret->mount >= 0) {
		/* Others may have mounted anew meanwhile: their marks stay then. */
		if (r < 0 || !q->where || !is_marked(ret->mount, &m))
			return 0;
	} else {
		r = share_or_mount(s, f, b, &m, r == 0, q, ret, e);
		if (r < 0 || !q->where)
			return r;
		memcpy(m.boot_id, f->boot_id, sizeof(m.boot_id));
		memcpy(m.where, q->where, strlen(q->where) + 1);
	}
	remember_self(&m, q);
	write_mark(lock, &m);
	return 0;
}

static int lease_tree(const struct store *s, const struct store_base *b, struct store_lease *ret, struct err *e)
{
	autoclose int dir = store_base_open(s, b, e);
	autoclose int tree = FD_NONE;

	if (dir < 0)
		return dir;
	tree = path_open_beneath(dir, "tree", O_PATH | O_DIRECTORY, 0);
	if (tree < 0) {
		(void)err_set(e, ERR_DAMAGED, tree, "base '%s@%s' has no tree", b->name, b->version);
		return err_hint(e, "coppice base verify %s", b->name);
	}
	ret->mount = mnt_clone(tree, "", false);
	ret->level = "tree";
	return ret->mount < 0 ? err_sys(e, ret->mount, "clone the tree of base '%s@%s'", b->name, b->version) : 0;
}

int store_lease_take(const struct store *s, const struct facts *f, const struct store_base *b, const struct proc_id *holders,
		     size_t holder_count, const char *where, struct store_lease *ret, struct err *e)
{
	struct query q = {.where = where, .holders = holders, .holder_count = holder_count};
	struct store_lease lease = {.mount = FD_NONE};
	int r;

	if (where && strlen(where) >= sizeof(((struct mark *)NULL)->where))
		return err_set(e, ERR_INTERNAL, ENAMETOOLONG, "'%s' is too long a place for a base", where);
	if (strcmp(b->seal, "erofs") == 0)
		r = lease_erofs(s, f, b, &q, &lease, e);
	else
		r = lease_tree(s, b, &lease, e);
	/* Set-id programs work in containers; devices never come from a base. */
	if (r == 0) {
		r = mnt_attr(lease.mount, false, MNT_RDONLY | MNT_NODEV, 0, MNT_PRIVATE, FD_NONE);
		if (r < 0)
			r = err_sys(e, r, "make the mount of base '%s@%s' read-only", b->name, b->version);
	}
	if (r < 0) {
		fd_close(&lease.mount);
		return r;
	}
	*ret = lease;
	return 0;
}
