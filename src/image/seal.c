/* seal.c - mkfs.erofs and the fallback; see seal.h. */
#include "image/seal.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/child.h"
#include "image/copy.h"
#include "image/sha.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)
#define IMAGE "image.erofs"

int seal_hash_file(int fd, char ret[65], struct err *e)
{
	autodone(sha_done) struct sha h = SHA_INIT;
	autofree void *chunk = malloc(CHUNK);
	uint64_t bytes;
	int r = chunk ? sha_init(&h) : -ENOMEM;

	if (r == 0)
		r = sha_fd(&h, fd, chunk, CHUNK, &bytes);
	if (r == 0)
		r = sha_hex(&h, ret);
	return r < 0 ? err_sys(e, r, "hash '%s'", IMAGE) : 0;
}

/* A detached mount that ends with the descriptor of its root directory. */
static int mount_image(int image, struct err *e)
{
	const char *level;
	char why[256] = "";
	autoclose int mount = mnt_erofs(image, true, true, &level, why);
	int r;

	if (mount < 0)
		return err_sys(e, mount, "mount '%s'%s%s", IMAGE, why[0] ? ": " : "", why);
	r = mnt_attr(mount, false, MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, 0, MNT_KEEP, FD_NONE);
	if (r == 0)
		r = fd_open(mount, ".", O_RDONLY | O_DIRECTORY, 0);
	return r < 0 ? err_sys(e, r, "open the root of '%s'", IMAGE) : r;
}

int seal_open(int version_dir, const struct meta *m, struct err *e)
{
	autoclose int image = FD_NONE;
	int fd;

	if (strcmp(m->seal, "tree") == 0) {
		fd = path_open_beneath(version_dir, "tree", O_RDONLY | O_DIRECTORY, 0);
		return fd < 0 ? err_sys(e, fd, "open 'tree'") : fd;
	}
	if (strcmp(m->seal, "erofs") != 0)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "seal '%s' is not known here", m->seal);
	image = path_open_beneath(version_dir, IMAGE, O_RDONLY, 0);
	if (image < 0)
		return err_sys(e, image, "open '%s'", IMAGE);
	return mount_image(image, e);
}

/* An image holds holes as zeros: a sparse file of a terabyte must fail here and not when the disk is full. */
static int check_space(struct job *j, const struct inventory *v, struct err *e)
{
	char need[16], have[16];
	uint64_t want = v->total_bytes + v->total_files * 64;
	struct statvfs fs;

	if (fstatvfs(j->out, &fs) < 0)
		return err_sys(e, errno, "stat file system of the store");
	if (want <= (uint64_t)fs.f_bavail * fs.f_frsize)
		return 0;
	format_size(want, need);
	format_size((uint64_t)fs.f_bavail * fs.f_frsize, have);
	(void)err_set(e, ERR_SYSTEM, ENOSPC, "the image needs %s and the store has %s free", need, have);
	return err_hint(e, "df -h '%s'", j->opt->store);
}

/* The volume id is the digest's beginning, marked as a version 8 (custom) UUID. */
static void volume_id(const char *digest, char out[37])
{
	(void)snprintf(out, 37, "%.8s-%.4s-8%.3s-a%.3s-%.12s", digest, digest + 8, digest + 12, digest + 15, digest + 18);
}

static int run_mkfs(struct job *j, const struct inventory *v, const char *mkfs, struct err *e)
{
	char epoch[64], uuid[37], tail[320];
	const char *const env[] = {epoch, NULL};
	const char *argv[10];
	autodone(child_done) struct child c = CHILD_INIT;
	size_t n = 0;
	int status, r;

	/* With this variable mkfs.erofs takes the build time from it and lowers only later times, of which there are none: files keep
	 * theirs (byte-compiled Python, for one, is stale without) and the image does not depend on the clock. Its -T would set every
	 * file's time. */
	(void)snprintf(epoch, sizeof(epoch), "SOURCE_DATE_EPOCH=%" PRId64, v->newest > 0 ? v->newest : 0);
	volume_id(v->digest, uuid);
	argv[n++] = mkfs;
	argv[n++] = "--quiet";
	argv[n++] = "-U";
	argv[n++] = uuid;
	if (j->opt->compress == COMPRESS_LZ4HC)
		argv[n++] = "-zlz4hc";
	argv[n++] = "out/" IMAGE;
	argv[n++] = "tree";
	argv[n] = NULL;
	c.argv = argv;
	c.env = env;
	c.cwd = j->staging;
	r = child_run(j, &c, &status, e);
	if (r < 0)
		return r;
	if (status)
		return err_set(e, ERR_SYSTEM, EIO, "mkfs.erofs failed with status %d: %s", status, child_tail(&c, tail, sizeof(tail)));
	return 0;
}

/* Checks what mkfs.erofs made by mounting it, and takes its size and digest. */
static int finish_image(struct job *j, struct meta *m, struct err *e)
{
	autoclose int image = path_open_beneath(j->out, IMAGE, O_RDONLY, 0), mount = FD_NONE;
	struct stat st;

	if (image < 0)
		return err_sys(e, image, "open '%s'", IMAGE);
	if (fchmod(image, 0400) < 0 || fstat(image, &st) < 0)
		return err_sys(e, errno, "finish '%s'", IMAGE);
	mount = mount_image(image, e);
	if (mount < 0) {
		e->kind = ERR_UNSUPPORTED; /* here and now: a plain tree may do */
		return mount;
	}
	m->image_bytes = (uint64_t)st.st_size;
	(void)snprintf(m->seal, sizeof(m->seal), "erofs");
	return seal_hash_file(image, m->image_sha256, e);
}

static int seal_erofs(struct job *j, const struct inventory *v, struct meta *m, struct err *e)
{
	char mkfs[64];
	int r;

	if (child_find("mkfs.erofs", mkfs) < 0) {
		(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "mkfs.erofs is not installed on this host");
		return err_hint(e, "apt-get install erofs-utils");
	}
	r = check_space(j, v, e);
	if (r == 0)
		r = run_mkfs(j, v, mkfs, e);
	if (r == 0)
		r = finish_image(j, m, e);
	if (r < 0)
		return r;
	/* Gone before anything is flushed: what was only staged need not reach the disk. */
	return job_drop_tree(j, e);
}

/* A tree staged in memory, because it was to become an image. */
static int copy_out(struct job *j, struct err *e)
{
	autodone(copy_done) struct copy c = COPY_INIT(j, FD_NONE, "seal");
	autoclose int to = FD_NONE;
	int r;

	if (mkdirat(j->out, "tree", 0700) < 0)
		return err_sys(e, errno, "make directory 'tree'");
	to = path_open_beneath(j->out, "tree", O_RDONLY | O_DIRECTORY, 0);
	if (to < 0)
		return err_sys(e, to, "open directory 'tree'");
	c.root = to;
	r = copy_tree(&c, j->tree, to, "", e);
	return r ? r : job_drop_tree(j, e);
}

static int seal_tree(struct job *j, const struct inventory *v, struct meta *m, struct err *e)
{
	int r = 0;

	if (j->in_memory) {
		r = copy_out(j, e);
	} else {
		fd_close(&j->tree);
		if (renameat(j->staging, "tree", j->out, "tree") < 0)
			r = err_sys(e, errno, "move the staged tree");
	}
	if (r < 0)
		return r;
	(void)snprintf(m->seal, sizeof(m->seal), "tree");
	m->image_bytes = v->total_bytes;
	m->image_sha256[0] = '\0';
	return 0;
}

int seal_make(struct job *j, const struct inventory *v, struct meta *m, struct err *e)
{
	int r = job_progress(j, e, "seal", -1, "%s", j->opt->seal == SEAL_TREE ? "plain tree" : "EROFS image");

	if (r < 0)
		return r;
	if (j->opt->seal != SEAL_TREE) {
		r = seal_erofs(j, v, m, e);
		if (r == 0 || r == -EINTR || j->opt->seal == SEAL_EROFS || e->kind != ERR_UNSUPPORTED)
			return r;
		job_warn(j, "sealed as a plain tree, without an image: %s", e->why);
		err_clear(e);
		(void)unlinkat(j->out, IMAGE, 0);
	}
	return seal_tree(j, v, m, e);
}
