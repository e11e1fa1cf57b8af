/* volume.c - roots that are not plain directories: a loop file, an LVM volume, a btrfs subvolume. Their programs do the work, by name and argument, never through a shell; what is
 * missing is told with the package that has it. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "engine/storage.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DEFAULT_SIZE (UINT64_C(1) << 30)
#define LIMIT_MS 600000u

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

int volume_program(const char *const *argv, const char *package, struct buf *out, struct err *e)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	autodone(buf_done) struct buf log = BUF_INIT;
	autodone(buf_done) struct buf none = BUF_INIT;
	const char *words[24];
	char path[64];
	struct proc_run run = {.argv = words, .env = env, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .out = out ?: &none, .log = &log, .deadline = clock_deadline(LIMIT_MS)};
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
	return err_set(e, ERR_SYSTEM, EIO, "'%s' ended with status %d: %.400s", argv[0], status, log.len ? buf_str(&log) : "without a word");
}

static bool is_btrfs(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && (uint32_t)fs.f_type == BTRFS_SUPER_MAGIC;
}

bool volume_can(const char *kind, int dir)
{
	const char *const vgs[] = {"vgs", "lxc", NULL};
	struct err ignored = {0};

	if (strcmp(kind, "btrfs") == 0)
		return is_btrfs(dir);
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

static int make_lvm(const char *name, const struct coppice_make *o, char ret_path[600], struct err *e)
{
	char size[32], device[256], pool[200];
	const char *vg = o->vg ?: "lxc", *lv = o->lv ?: name;
	const char *thick[] = {"lvcreate", "-Wy", "--yes", "-L", size, vg, "-n", lv, NULL}, *thin[] = {"lvcreate", "--thin", "-V", size, pool, "-n", lv, NULL};
	int r;

	(void)snprintf(size, sizeof(size), "%llub", (unsigned long long)(o->size ?: DEFAULT_SIZE));
	(void)snprintf(pool, sizeof(pool), "%s/%s", vg, o->thin_pool ?: "");
	(void)snprintf(device, sizeof(device), "/dev/%s/%s", vg, lv);
	r = volume_program(o->thin_pool ? thin : thick, "lvm2", NULL, e);
	if (r == 0) {
		r = mkfs(o->fstype, device, e);
		if (r < 0) {
			const char *const back[] = {"lvremove", "-f", device, NULL};
			struct err ignored = {0};

			(void)!volume_program(back, "lvm2", NULL, &ignored);
		}
	}
	(void)snprintf(ret_path, 600, "lvm:%s", device);
	return r;
}

static int make_subvolume(const char *ct_dir, int to, char ret_path[600], struct err *e)
{
	char path[64];
	const char *argv[] = {"btrfs", "subvolume", "create", path, NULL};

	if (!is_btrfs(to))
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "'%s' is not on btrfs", ct_dir);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d/rootfs", (int)getpid(), to);
	(void)snprintf(ret_path, 600, "btrfs:%s/rootfs", ct_dir);
	return volume_program(argv, "btrfs-progs", NULL, e);
}

int volume_make(const char *kind, const char *name, const char *ct_dir, int to, const struct coppice_make *o, char ret_path[600], struct err *e)
{
	if (strcmp(kind, "loop") == 0)
		return make_loop(ct_dir, to, o, ret_path, e);
	if (strcmp(kind, "lvm") == 0)
		return make_lvm(name, o, ret_path, e);
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

	if (j->share)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "a loop file cannot be shared; copy it without -s");
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(e, from < 0 ? from : errno, "open '%s'", root->path);
	to = fd_open(j->to, "rootdev", O_RDWR | O_CREAT | O_EXCL, 0600);
	r = to < 0 ? to : ftruncate(to, st.st_size) < 0 ? -errno : copy_bytes(from, to, (uint64_t)st.st_size);
	(void)snprintf(ret_path, 600, "loop:%s/rootdev", j->to_dir);
	return r < 0 ? err_sys(e, r, "copy '%s'", root->path) : 0;
}

/* "/dev/VG/LV" or "/dev/mapper/VG-LV" into volume group and the new volume's name. */
static int copy_lvm(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	const char *slash = strrchr(j->to_dir, '/'), *lv = slash ? slash + 1 : j->to_dir, *lv_of = strrchr(root->path, '/');
	char device[600], vg[200], size[32];
	const char *share[] = {"lvcreate", "--yes", "-s", "-L", size, "-n", lv, root->path, NULL}, *plain[] = {"lvcreate", "--yes", "-Wn", "-L", size, "-n", lv, vg, NULL};
	autoclose int from = fd_open(AT_FDCWD, root->path, O_RDONLY, 0);
	autoclose int to = FD_NONE;
	uint64_t bytes = 0;
	int r;

	if (from < 0 || ioctl(from, BLKGETSIZE64, &bytes) < 0)
		return err_sys(e, from < 0 ? from : errno, "open the volume '%s'", root->path);
	if (strncmp(root->path, "/dev/", 5) != 0 || !lv_of || lv_of - root->path - 5 <= 0 || lv_of - root->path - 5 >= (long)sizeof(vg))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not the path of a volume: /dev/GROUP/VOLUME", root->path);
	(void)snprintf(vg, sizeof(vg), "%.*s", (int)(lv_of - root->path - 5), root->path + 5);
	(void)snprintf(size, sizeof(size), "%llub", (unsigned long long)(j->size > bytes || (j->size && j->share) ? j->size : bytes));
	(void)snprintf(device, sizeof(device), "/dev/%s/%s", vg, lv);
	r = volume_program(j->share ? share : plain, "lvm2", NULL, e);
	if (r == 0 && !j->share) {
		to = fd_open(AT_FDCWD, device, O_RDWR, 0);
		r = to < 0 ? to : copy_bytes(from, to, bytes);
		if (r < 0)
			(void)err_sys(e, r, "copy '%s' to '%s'", root->path, device);
	}
	(void)snprintf(ret_path, 600, "lvm:%s", device);
	return r;
}

static int copy_subvolume(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	char target[64];
	const char *argv[] = {"btrfs", "subvolume", "snapshot", root->path, target, NULL};

	if (!is_btrfs(j->to))
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "'%s' is not on btrfs", j->to_dir);
	(void)snprintf(target, sizeof(target), "/proc/%d/fd/%d/rootfs", (int)getpid(), j->to);
	(void)snprintf(ret_path, 600, "btrfs:%s/rootfs", j->to_dir);
	/* a snapshot is the copy, too: it depends on nothing */
	return volume_program(argv, "btrfs-progs", NULL, e);
}

int volume_copy(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e)
{
	if (root->kind == ROOT_LOOP)
		return copy_loop(root, j, ret_path, e);
	return root->kind == ROOT_LVM ? copy_lvm(root, j, ret_path, e) : copy_subvolume(root, j, ret_path, e);
}

int volume_remove(const struct root *root, struct err *e)
{
	const char *const argv[] = {"lvremove", "-f", root->path, NULL};

	return access(root->path, F_OK) < 0 && errno == ENOENT ? 0 : volume_program(argv, "lvm2", NULL, e);
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
