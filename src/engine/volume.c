/* volume.c - roots that are not plain directories: a loop file, an LVM volume, a btrfs subvolume. Their programs do the work, by name and argument, never through a shell; what is
 * missing is told with the package that has it. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/storage.h"
#include "linux/subvol.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DEFAULT_SIZE (UINT64_C(1) << 30)
#define LIMIT_MS 600000u
#define MAKING_VOLUME ".volume"

static bool find_program(const char *name, char ret[64])
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(ret, 64, "%s/%s", dirs[i], name);
		if (access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

/* @hold: a descriptor that the program has as its standard input, FD_NONE = none. */
static int run_program(const char *const *argv, const char *package, int hold, struct buf *out, struct err *e)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	autodone(buf_done) struct buf log = BUF_INIT;
	autodone(buf_done) struct buf none = BUF_INIT;
	const char *words[24];
	char path[64];
	struct proc_run run = {.argv = words, .env = env, .in_fd = hold, .cwd_fd = FD_NONE, .out = out ?: &none, .log = &log, .deadline = clock_deadline(LIMIT_MS)};
	int status = 0, r;

	if (!find_program(argv[0], path)) {
		(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "the program '%s' is not installed", argv[0]);
		return err_hint(e, "apt-get install %s", package);
	}
	words[0] = path;
	for (size_t i = 1; i < ARRAY_LEN(words); i++) {
		words[i] = argv[i];
		if (!argv[i])
			break;
	}
	r = proc_run(&run, &status);
	if (r < 0)
		return err_sys(e, r, "run '%s'", argv[0]);
	if (status == 0)
		return 0;
	while (log.len && log.data[log.len - 1] == '\n')
		log.data[--log.len] = '\0';
	for (size_t i = 0; i < log.len; i++) /* its lines are one of ours */
		if (log.data[i] == '\n' || log.data[i] == '\t')
			log.data[i] = ' ';
	return err_set(e, ERR_SYSTEM, EIO, "'%s' ended with status %d: %.400s", argv[0], status, log.len ? buf_str(&log) : "without a word");
}

int volume_program(const char *const *argv, const char *package, struct buf *out, struct err *e)
{
	return run_program(argv, package, FD_NONE, out, e);
}

bool volume_can(const char *kind, int dir, const char *vg)
{
	const char *const vgs[] = {"vgs", vg ?: "lxc", NULL};
	struct err ignored = {0};

	if (strcmp(kind, "btrfs") == 0)
		return subvol_fs(dir);
	return strcmp(kind, "lvm") == 0 && volume_program(vgs, "lvm2", NULL, &ignored) == 0;
}

static int mkfs(const char *fstype, const char *device, struct err *e)
{
	char program[48];
	const char *argv[] = {program, "-q", device, NULL, NULL};

	(void)snprintf(program, sizeof(program), "mkfs.%s", fstype ?: "ext4");
	if (strncmp(fstype ?: "ext4", "ext", 3) == 0) { /* a file is no block device: not asked about */
		argv[2] = "-F";
		argv[3] = device;
	}
	return volume_program(argv, strcmp(fstype ?: "ext4", "xfs") == 0 ? "xfsprogs" : strcmp(fstype ?: "ext4", "btrfs") == 0 ? "btrfs-progs" : "e2fsprogs", NULL, e);
}

static int make_loop(const char *ct_dir, int to, const struct coppice_make *o, char ret_path[600], struct err *e)
{
	autoclose int fd = fd_open(to, "rootdev", O_RDWR | O_CREAT | O_EXCL, 0600);
	char path[64];
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)(o->size ?: DEFAULT_SIZE)) < 0)
		return err_sys(e, fd < 0 ? fd : errno, "make '%s/rootdev'", ct_dir);
	/* the directory may still be out of sight */
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d/rootdev", (int)getpid(), to);
	r = mkfs(o->fstype, path, e);
	(void)snprintf(ret_path, 600, "loop:%s/rootdev", ct_dir);
	return r;
}

/* ---- LVM ---- */

/* A volume as its group knows it. */
struct lv {
	char vg[200], name[200], pool[200]; /* pool "" = not thin */
	uint64_t bytes;
};

/* @device: any of the names that LVM takes, such as /dev/GROUP/VOLUME and /dev/mapper/GROUP-VOLUME. */
static int lv_look(const char *device, struct lv *ret, struct err *e)
{
	const char *const argv[] = {"lvs", "--noheadings", "--nosuffix", "--units", "b", "--separator", ":", "-o", "vg_name,lv_name,pool_lv,lv_size", device, NULL};
	autodone(buf_done) struct buf said = BUF_INIT;
	char *fields[] = {ret->vg, ret->name, ret->pool}, bytes[32];
	const char *at;
	int r = volume_program(argv, "lvm2", &said, e);

	if (r < 0)
		return err_wrap(e, "look at the volume '%s'", device);
	at = buf_str(&said);
	at += strspn(at, " ");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		size_t len = strcspn(at, ":\n");

		(void)snprintf(fields[i], 200, "%.*s", (int)len, at);
		at += len + (at[len] == ':');
	}
	(void)snprintf(bytes, sizeof(bytes), "%.*s", (int)strcspn(at, "\n"), at);
	if (!ret->name[0] || parse_u64(bytes, &ret->bytes) < 0)
		return err_set(e, ERR_SYSTEM, EPROTO, "'lvs' did not say what '%s' is: %.200s", device, buf_str(&said));
	return 0;
}

/* A thin pool that is not there is passed over, as LXC does: its name comes from a configuration for all groups. */
static bool lv_is_pool(const char *vg, const char *pool)
{
	char path[420];
	const char *const argv[] = {"lvs", "--noheadings", "-o", "lv_attr", path, NULL};
	autodone(buf_done) struct buf said = BUF_INIT;
	struct err ignored = {0};
	const char *at;

	(void)snprintf(path, sizeof(path), "%s/%s", vg, pool);
	if (!*pool || volume_program(argv, "lvm2", &said, &ignored) < 0)
		return false;
	at = buf_str(&said);
	return at[strspn(at, " ")] == 't';
}

/* "TAG GROUP", before the volume is there. By the tag it is found again whatever it is called, and no other is taken for it. */
static int lv_announce(int dir, const char *vg, char ret_tag[32], struct err *e)
{
	unsigned char random[8];
	char text[300];
	size_t len;
	int r;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_sys(e, errno, "get random bytes");
	len = (size_t)snprintf(ret_tag, 32, "coppice_");
	for (size_t i = 0; i < sizeof(random); i++)
		len += (size_t)snprintf(ret_tag + len, 32 - len, "%02x", random[i]);
	(void)snprintf(text, sizeof(text), "%s %s\n", ret_tag, vg);
	r = path_replace_file(dir, MAKING_VOLUME, text, strlen(text), 0600);
	return r < 0 ? err_sys(e, r, "write down the volume that is to be made") : 0;
}

/* lvcreate with @argv, for directory @dir. That stays locked by whoever has it open, should we be killed, until the volume is there: LVM closes all but the standard descriptors. */
static int lv_create(const char *const *argv, int dir, struct err *e)
{
	int r = run_program(argv, "lvm2", dir, NULL, e);

	if (r < 0)
		volume_kept(dir);
	return r;
}

void volume_kept(int dir)
{
	(void)unlinkat(dir, MAKING_VOLUME, 0);
}

int volume_forget(int dir, struct err *e)
{
	char text[300], select[64], *vg;
	const char *argv[] = {"lvremove", "-f", "-y", "-S", select, NULL, NULL};
	ssize_t n = fd_read_file(dir, MAKING_VOLUME, text, sizeof(text));
	int r = 0;

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_sys(e, (int)n, "read what volume was to be made");
	text[strcspn(text, "\n")] = '\0';
	vg = strchr(text, ' ');
	if (vg && strncmp(text, "coppice_", 8) == 0) { /* else it was cut off, and nothing made yet */
		*vg++ = '\0';
		(void)snprintf(select, sizeof(select), "lv_tags={%.40s}", text);
		argv[5] = vg;
		r = volume_program(argv, "lvm2", NULL, e);
	}
	if (r == 0)
		volume_kept(dir);
	return r;
}

static void lv_undo(const char *device)
{
	const char *const argv[] = {"lvremove", "-f", device, NULL};
	struct err ignored = {0};

	(void)!volume_program(argv, "lvm2", NULL, &ignored);
}

static int make_lvm(const char *name, int to, const struct coppice_make *o, char ret_path[600], struct err *e)
{
	char size[32], device[512], pool[420], tag[32];
	const char *vg = o->vg ?: "lxc", *lv = o->lv ?: name;
	const char *thick[] = {"lvcreate", "-Wy", "--yes", "--addtag", tag, "-L", size, vg, "-n", lv, NULL};
	const char *thin[] = {"lvcreate", "--yes", "--addtag", tag, "--thin", "-V", size, pool, "-n", lv, NULL};
	int r = lv_announce(to, vg, tag, e);

	if (r < 0)
		return r;

	(void)snprintf(size, sizeof(size), "%llub", (unsigned long long)(o->size ?: DEFAULT_SIZE));
	(void)snprintf(pool, sizeof(pool), "%s/%s", vg, o->thin_pool ?: "lxc");
	(void)snprintf(device, sizeof(device), "/dev/%s/%s", vg, lv);
	r = lv_create(lv_is_pool(vg, o->thin_pool ?: "lxc") ? thin : thick, to, e);
	if (r == 0) {
		r = mkfs(o->fstype, device, e);
		if (r < 0) {
			lv_undo(device);
			volume_kept(to);
		}
	}
	(void)snprintf(ret_path, 600, "lvm:%s", device);
	return r;
}

/* ---- btrfs ---- */

static int make_subvolume(const char *ct_dir, int to, char ret_path[600], struct err *e)
{
	int r = subvol_fs(to) ? subvol_create(to, "rootfs") : -ENOTTY;

	(void)snprintf(ret_path, 600, "btrfs:%s/rootfs", ct_dir);
	if (r == -ENOTTY)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "'%s' is not on btrfs", ct_dir);
	return r < 0 ? err_sys(e, r, "make the subvolume '%s/rootfs'", ct_dir) : 0;
}

int volume_make(const char *kind, const char *name, const char *ct_dir, int to, const struct coppice_make *o, char ret_path[600], struct err *e)
{
	if (strcmp(kind, "loop") == 0)
		return make_loop(ct_dir, to, o, ret_path, e);
	if (strcmp(kind, "lvm") == 0)
		return make_lvm(name, to, o, ret_path, e);
	return make_subvolume(ct_dir, to, ret_path, e);
}

/* ---- copies ---- */

static int copy_bytes(int from, int to, uint64_t size)
{
	char block[1 << 16];
	uint64_t at = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while (at < size) {
		ssize_t n = pread(from, block, sizeof(block), (off_t)at), done = 0;
		bool empty = n > 0;

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t i = 0; empty && i < n; i++)
			empty = block[i] == '\0';
		while (!empty && done < n) {
			ssize_t w = pwrite(to, block + done, (size_t)(n - done), (off_t)at + done);

			if (w < 0)
				return -errno;
			done += w;
		}
		at += (uint64_t)n;
	}
	return 0;
}

static int copy_loop(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	autoclose int from = fd_open(AT_FDCWD, root->path, O_RDONLY, 0);
	autoclose int to = FD_NONE;
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(e, from < 0 ? from : errno, "open '%s'", root->path);
	to = fd_open(j->to, "rootdev", O_RDWR | O_CREAT | O_EXCL, 0600);
	r = to < 0 ? to : ftruncate(to, st.st_size) < 0 ? -errno : copy_bytes(from, to, (uint64_t)st.st_size);
	(void)snprintf(ret_path, 600, "loop:%s/rootdev", j->to_dir);
	return r < 0 ? err_sys(e, r, "copy '%s'", root->path) : 0;
}

void volume_name(const char *vg, const char *to_dir, char ret[200])
{
	const char *slash = strrchr(to_dir, '/'), *name = slash ? slash + 1 : to_dir;
	char device[512], stem[190];
	size_t len = slash ? (size_t)(slash - to_dir) : 0, begin;

	(void)snprintf(stem, sizeof(stem), "%s", name);
	if (len > 6 && strncmp(slash - 6, "/snaps", 6) == 0) {
		for (begin = len - 6; begin > 0 && to_dir[begin - 1] != '/'; begin--)
			;
		(void)snprintf(stem, sizeof(stem), "%.*s_%s", (int)(len - 6 - begin), to_dir + begin, name);
	}
	(void)snprintf(ret, 200, "%s", stem);
	for (unsigned n = 1; n < 1000; n++) {
		(void)snprintf(device, sizeof(device), "/dev/%s/%s", vg, ret);
		if (access(device, F_OK) < 0)
			break;
		(void)snprintf(ret, 200, "%s_%u", stem, n);
	}
}

/* A snapshot of a thin volume depends on nothing, so that it is the copy, too. That of another one needs its origin, and space for what changes in either. */
static int copy_lvm(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	char device[512], size[32], name[200], origin[420], tag[32];
	const char *thin[] = {"lvcreate", "--yes", "--addtag", tag, "-kn", "-s", "-n", name, origin, NULL};
	const char *share[] = {"lvcreate", "--yes", "--addtag", tag, "-s", "-L", size, "-n", name, origin, NULL};
	struct lv lv = {.bytes = 0};
	const char *plain[] = {"lvcreate", "--yes", "--addtag", tag, "-Wn", "-L", size, "-n", name, lv.vg, NULL};
	autoclose int from = FD_NONE;
	autoclose int to = FD_NONE;
	int r = lv_look(root->path, &lv, e);

	if (r < 0)
		return r;
	volume_name(lv.vg, j->to_dir, name);
	(void)snprintf(origin, sizeof(origin), "%s/%s", lv.vg, lv.name);
	(void)snprintf(size, sizeof(size), "%llub", (unsigned long long)(j->share && j->size ? j->size : lv.bytes));
	(void)snprintf(device, sizeof(device), "/dev/%s/%s", lv.vg, name);
	(void)snprintf(ret_path, 600, "lvm:%s", device);
	r = lv_announce(j->to, lv.vg, tag, e);
	if (r == 0)
		r = lv_create(lv.pool[0] ? thin : j->share ? share : plain, j->to, e);
	if (r < 0)
		return r;
	if (j->share && !lv.pool[0] && j->ret_stands)
		*j->ret_stands |= STANDS_ON_SOURCE;
	if (lv.pool[0] || j->share)
		return 0;
	from = fd_open(AT_FDCWD, root->path, O_RDONLY, 0);
	to = from < 0 ? from : fd_open(AT_FDCWD, device, O_RDWR, 0);
	r = to < 0 ? to : copy_bytes(from, to, lv.bytes);
	if (r == 0 && fsync(to) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)err_sys(e, r, "copy '%s' to '%s'", root->path, device);
	fd_close(&to);
	lv_undo(device);
	volume_kept(j->to);
	return r;
}

/* A snapshot is the copy, too: it depends on nothing. -EXDEV when it cannot be one: another file system, or a directory that is no subvolume. */
static int copy_subvolume(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	autoclose int from = fd_open(AT_FDCWD, root->path, O_RDONLY | O_DIRECTORY, 0);
	int r;

	if (from < 0)
		return err_sys(e, from, "open the root '%s'", root->path);
	r = subvol_is(from) && subvol_fs(j->to) ? subvol_snapshot(from, j->to, "rootfs") : -EXDEV;
	(void)snprintf(ret_path, 600, "btrfs:%s/rootfs", j->to_dir);
	return r < 0 ? err_sys(e, r, "make a snapshot of '%s'", root->path) : 0;
}

int volume_copy(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	if (root->kind == ROOT_LOOP)
		return copy_loop(root, j, ret_path, e);
	return root->kind == ROOT_LVM ? copy_lvm(root, j, ret_path, e) : copy_subvolume(root, j, ret_path, e);
}

int volume_group(const struct root *root, char ret_vg[200], char ret_pool[200], struct err *e)
{
	struct lv lv;
	int r = lv_look(root->path, &lv, e);

	if (r < 0)
		return r;
	(void)snprintf(ret_vg, 200, "%s", lv.vg);
	(void)snprintf(ret_pool, 200, "%s", lv.pool);
	return 0;
}

uint64_t volume_size(const struct root *root)
{
	autoclose int fd = root->kind == ROOT_LOOP || root->kind == ROOT_LVM ? fd_open(AT_FDCWD, root->path, O_RDONLY | O_NONBLOCK, 0) : FD_NONE;
	uint64_t bytes = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return (uint64_t)st.st_size;
	return ioctl(fd, BLKGETSIZE64, &bytes) < 0 ? 0 : bytes;
}

const char *volume_fstype(int mount)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} known[] = {{EXT4_SUPER_MAGIC, "ext4"}, {XFS_SUPER_MAGIC, "xfs"}, {BTRFS_SUPER_MAGIC, "btrfs"}, {F2FS_SUPER_MAGIC, "f2fs"}};
	struct statfs fs;

	for (size_t i = 0; fstatfs(mount, &fs) == 0 && i < ARRAY_LEN(known); i++)
		if ((uint32_t)fs.f_type == known[i].magic)
			return known[i].name;
	return NULL;
}

bool volume_is_lvm(const char *device)
{
	struct stat st;
	char path[96], uuid[200];

	if (stat(device, &st) < 0) /* rule: plain-paths: the host administrator's own device */
		return true; /* not active, or gone: LVM knows */
	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/uuid", major(st.st_rdev), minor(st.st_rdev));
	return S_ISBLK(st.st_mode) && fd_read_file(AT_FDCWD, path, uuid, sizeof(uuid)) >= 4 && strncmp(uuid, "LVM-", 4) == 0;
}

int volume_remove(const struct root *root, struct err *e)
{
	const char *const argv[] = {"lvremove", "-f", root->path, NULL};
	struct err ignored = {0};
	struct lv lv;

	/* one that is not active has no device */
	if (access(root->path, F_OK) < 0 && lv_look(root->path, &lv, &ignored) < 0)
		return 0;
	return volume_program(argv, "lvm2", NULL, e);
}

int volume_open(const char *path, int dir, bool writable, struct err *e)
{
	bool block = strncmp(path, "lvm:", 4) == 0;
	char place[64], why[256] = "";
	int fd;

	if (dir >= 0)
		(void)snprintf(place, sizeof(place), "/proc/self/fd/%d/rootdev", dir);
	fd = mnt_image(dir >= 0 && !block ? place : strchr(path, ':') + 1, NULL, block, !writable, NULL, why);
	return fd < 0 ? err_sys(e, fd, "mount '%s'%s%s", path, why[0] ? ": " : "", why) : fd;
}

int volume_mount(const struct root *root, const char *target, struct err *e)
{
	const char *const loop[] = {"mount", "-o", "loop", root->path, target, NULL}, *const device[] = {"mount", root->path, target, NULL};

	return volume_program(root->kind == ROOT_LOOP ? loop : device, "mount", NULL, e);
}
