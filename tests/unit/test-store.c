/* The store without mounts: layout, finding and deleting bases, private parts, the pool, id ranges, collection, counting. */
#include "base/buf.h"
#include "base/clock.h"
#include "spec/spec.h"
#include "state/state.h"
#include "store/meta.h"
#include "store/range.h"
#include "store/store.h"
#include "unit/store-fixture.h"

#include <sys/file.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define V1 "00112233445566aa"
#define V2 "0011223344557700"
#define V3 "ffee000000000000"

static struct scratch tmp;
static struct store store;

static void layout_is_ours_alone(void **unused)
{
	char path[512];
	struct stat st;
	struct store s;
	struct err e = {0};
	static const char *const dirs[] = {"bases", "pool", "staging", "trash", "cache", "locks"};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		assert_int_equal(fstatat(store.dir, dirs[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	assert_int_equal(store_open("relative", &s, &e), -EINVAL);
	assert_int_equal(mkdir(scratch_at(&tmp, path, "wide"), 0755), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(store_open(path, &s, &e), -EPERM);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(store_open(path, &s, &e), 0);
	store_close(&s);
	assert_int_equal(symlink("/tmp", scratch_at(&tmp, path, "wide2")), 0);
	assert_int_equal(unlink(path), 0);
}

static void metas_are_read_strictly(void **unused)
{
	static const char good[] = "format = 1\nname = deb\nversion = " V1 "\ndigest = " V1 "ff\nseal = erofs\nfuture = 1\n";
	struct store_base b = {.pins = 7};

	(void)unused;
	assert_int_equal(meta_parse(good, strlen(good), &b), 0);
	assert_string_equal(b.digest, V1 "ff");
	assert_int_equal(b.pins, 0);
	static const char *const bad[] = {
		"",
		"format = 1\nname = deb\nversion = " V1 "\ndigest = ab\n",
		"format = 1\nname = ../deb\nversion = " V1 "\ndigest = ab\nseal = erofs\n",
		"format = 1\nname = deb\nversion = ../x\ndigest = ab\nseal = erofs\n",
		"format = 1\nname = deb\nversion = " V1 "\ndigest = ab\nseal = zip\n",
		"format = 1\nname = deb\nversion = " V1 "\ndigest = AB\nseal = tree\n",
		"format = 1\nname = deb\nversion = " V1 "\ndigest = ab\nseal = tree\ncommon_bytes = -1\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(meta_parse(bad[i], strlen(bad[i]), &b), -EBADMSG);
}

static void bases_are_found(void **unused)
{
	struct store_base b;
	struct err e = {0};
	struct arena a = ARENA_INIT;
	struct store_base *list;
	size_t count;

	(void)unused;
	fixture_base(&store, "debian", V1, "tree", 100);
	fixture_base(&store, "debian", V2, "tree", 200);
	fixture_current(&store, "debian", V1);
	assert_int_equal(store_base_find(&store, "debian", &b, &e), 0);
	assert_string_equal(b.version, V1);
	assert_true(b.current);
	assert_true(b.merged_usr);
	assert_int_equal(b.created, 100);
	assert_int_equal(store_base_find(&store, "debian@" V2, &b, &e), 0);
	assert_false(b.current);
	assert_int_equal(store_base_find(&store, "debian@00112233445577", &b, &e), 0);
	assert_string_equal(b.version, V2);
	assert_int_equal(store_base_find(&store, "debian@0011", &b, &e), -EINVAL);
	assert_string_equal(e.why, "'debian@0011' fits 2 versions");
	assert_int_equal(store_base_find(&store, "debian@001", &b, &e), -EINVAL);
	assert_int_equal(store_base_find(&store, "debian@ffff", &b, &e), -ENOENT);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(store_base_find(&store, "debain", &b, &e), -ENOENT);
	assert_string_equal(e.why, "there is no base 'debain'; did you mean 'debian'?");
	assert_string_equal(e.hint, "coppice base list");
	assert_int_equal(store_base_find(&store, "../debian", &b, &e), -EINVAL);
	assert_int_equal(store_base_find(&store, "debian@", &b, &e), -EINVAL);
	assert_int_equal(store_base_find(&store, "debian@../..", &b, &e), -EINVAL);

	/* current that leads nowhere: the newest whole version */
	fixture_current(&store, "debian", V3);
	assert_int_equal(store_base_find(&store, "debian", &b, &e), 0);
	assert_string_equal(b.version, V2);
	fixture_current(&store, "debian", "../../../etc");
	assert_int_equal(store_base_find(&store, "debian", &b, &e), 0);
	fixture_current(&store, "debian", V2);

	/* a damaged one is listed, never resolved to */
	fixture_base(&store, "alpha", V3, "tree", 1);
	assert_int_equal(scratch_put(store.dir, "bases/alpha/" V3 "/meta", "format = 1\n"), 0);
	assert_int_equal(store_base_find(&store, "alpha@" V3, &b, &e), -EBADMSG);
	assert_int_equal(e.kind, ERR_DAMAGED);
	assert_int_equal(store_base_find(&store, "alpha", &b, &e), -ENOENT);
	assert_int_equal(store_bases(&store, &a, &list, &count, &e), 0);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].name, "alpha");
	assert_string_equal(list[0].seal, "damaged");
	assert_string_equal(list[1].version, V2);
	assert_string_equal(list[2].version, V1);
	struct state_pin pins[] = {
		{.container = "a", .base = "debian", .version = V2}, {.container = "b", .base = "debian", .version = V2},
		{.container = "c", .base = "other", .version = V2}};
	store_bases_count_pins(list, count, pins, ARRAY_LEN(pins));
	assert_int_equal(list[1].pins, 2);
	assert_int_equal(list[2].pins, 0);
	assert_int_equal(store_base_delete(&store, &list[0], &e), 0);
	assert_false(fixture_exists(&store, "bases/alpha"));
	arena_done(&a);
}

static void deleting_moves_current(void **unused)
{
	struct store_base b, old;
	struct err e = {0};
	char link[80] = "";

	(void)unused;
	fixture_base(&store, "del", V1, "tree", 100);
	fixture_base(&store, "del", V2, "tree", 200);
	fixture_base(&store, "del", V3, "tree", 300);
	fixture_current(&store, "del", V3);
	assert_int_equal(store_base_find(&store, "del@" V1, &old, &e), 0);
	assert_int_equal(store_base_find(&store, "del", &b, &e), 0);
	assert_int_equal(store_pool_fill(&store, &b, 1, &e), 0);
	assert_int_equal(store_base_delete(&store, &b, &e), 0);
	assert_false(fixture_exists(&store, "pool/" V3));
	assert_int_equal(readlinkat(store.dir, "bases/del/current", link, sizeof(link)), (ssize_t)strlen(V2));
	assert_memory_equal(link, V2, strlen(V2));
	assert_int_equal(store_base_open(&store, &b, &e), -ENOENT);
	assert_int_equal(store_base_delete(&store, &b, &e), -ENOENT);
	/* not the current one: current stays */
	assert_int_equal(store_base_delete(&store, &old, &e), 0);
	assert_int_equal(store_base_find(&store, "del", &b, &e), 0);
	assert_string_equal(b.version, V2);
	assert_int_equal(symlinkat(V1, store.dir, "bases/del/.current.build-1"), 0);
	assert_int_equal(store_base_delete(&store, &b, &e), 0);
	assert_false(fixture_exists(&store, "bases/del"));
	assert_int_equal(fixture_entries(&store, "trash"), 0);
}

/* ---- copies and layers ---- */

static int open_at(const char *name)
{
	char path[512];

	assert_true(mkdir(scratch_at(&tmp, path, "%s", name), 0700) == 0 || errno == EEXIST);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void copies_are_true(void **unused)
{
	int from = open_at("from"), to = open_at("to"), fd;
	const bool root = geteuid() == 0;
	struct timespec times[2] = {{1000, 5}, {2000, 6}};
	struct stat a, b;
	uint64_t bytes, files;
	struct err e = {0};
	char text[256];

	(void)unused;
	fixture_dirs(from, "d/sub");
	assert_int_equal(scratch_put(from, "d/file", "content"), 0);
	assert_int_equal(linkat(from, "d/file", from, "d/sub/hard", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", from, "link"), 0);
	assert_int_equal(linkat(from, "link", from, "link2", 0), 0);
	assert_int_equal(mkfifoat(from, "fifo", 0620), 0);
	assert_int_equal(scratch_put(from, "new\nline \xff", "x"), 0);
	fd = openat(from, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, "begin", 5, 0), 5);
	assert_int_equal(pwrite(fd, "end", 3, (off_t)8 << 30), 3);
	assert_int_equal(ftruncate(fd, (off_t)9 << 30), 0);
	fd_close(&fd);
	fd = openat(from, "big", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 300; i++) {
		memset(text, i, sizeof(text));
		for (int k = 0; k < 4; k++)
			assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	}
	if (fsetxattr(fd, "user.note", "value", 5, 0) < 0)
		print_message("no user xattrs here\n");
	fd_close(&fd);
	if (root) {
		assert_int_equal(mknodat(from, "dev", S_IFCHR | 0666, makedev(1, 3)), 0);
		assert_int_equal(fchownat(from, "d/file", 12, 34, 0), 0);
		assert_int_equal(fchmodat(from, "d/file", 04755, 0), 0);
		assert_int_equal(fchownat(from, "link", 5, 6, AT_SYMLINK_NOFOLLOW), 0);
	}
	assert_int_equal(fchmodat(from, "d", 01777, 0), 0);
	assert_int_equal(utimensat(from, "d/file", times, 0), 0);
	assert_int_equal(utimensat(from, "link", times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(from, "d", times, 0), 0);

	assert_int_equal(store_copy_tree(from, to, &bytes, &files, &e), 0);
	static const char *const all[] = {"d", "d/file", "d/sub", "d/sub/hard", "link", "link2", "fifo", "sparse", "big", "new\nline \xff", "dev"};
	for (size_t i = 0; i < ARRAY_LEN(all) - !root; i++) {
		assert_int_equal(fstatat(from, all[i], &a, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(fstatat(to, all[i], &b, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(a.st_mode, b.st_mode);
		assert_int_equal(a.st_uid, b.st_uid);
		assert_int_equal(a.st_gid, b.st_gid);
		assert_int_equal(a.st_nlink, b.st_nlink);
		assert_int_equal(a.st_rdev, b.st_rdev);
		assert_true(S_ISDIR(a.st_mode) || a.st_size == b.st_size);
		assert_memory_equal(&a.st_mtim, &b.st_mtim, sizeof(a.st_mtim));
	}
	assert_int_equal(files, 9 + root - 1);
	assert_int_equal(readlinkat(to, "link2", text, sizeof(text)), 11);
	assert_int_equal(fstatat(to, "sparse", &b, 0), 0);
	assert_true(b.st_blocks * 512 < 1 << 20);
	fd = openat(to, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, text, 3, (off_t)8 << 30), 3);
	assert_memory_equal(text, "end", 3);
	fd_close(&fd);
	fd = openat(to, "big", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, text, sizeof(text), 200 * 1024), sizeof(text));
	assert_int_equal((unsigned char)text[0], 200);
	char value[8];
	int ffd = openat(from, "big", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), fgetxattr(ffd, "user.note", value, sizeof(value)));
	fd_close(&ffd);
	fd_close(&fd);

	/* the same count by another way: the target's own root is one more */
	uint64_t disk, counted;
	assert_int_equal(store_tree_usage(to, &disk, &counted), 0);
	assert_int_equal(counted, files + 1);
	assert_in_range(disk, 300 * 1024, 2 << 20);

	/* a target that is not empty */
	assert_true(store_copy_tree(from, to, NULL, NULL, &e) < 0);
	assert_int_equal(e.kind, ERR_EXISTS);
	fd_close(&from);
	fd_close(&to);
}

static void deep_trees_end_cleanly(void **unused)
{
	int from = open_at("deep"), to = open_at("deep2"), at = dup(from);
	struct err e = {0};

	(void)unused;
	for (int i = 0; i < 600; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&at);
		at = next;
	}
	assert_int_equal(store_copy_tree(from, to, NULL, NULL, &e), -ELOOP);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	uint64_t bytes, files;
	assert_int_equal(store_tree_usage(from, &bytes, &files), 0);
	assert_int_equal(files, 601);
	fd_close(&at);
	fd_close(&from);
	fd_close(&to);
}

static bool is_dir(int dir, const char *name, mode_t mode)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == mode;
}

static void layers_are_complete(void **unused)
{
	struct store_base b;
	struct err e = {0};
	const char *how;
	char link[64];
	int ct = open_at("ct"), priv;

	(void)unused;
	fixture_base(&store, "layer", V1, "tree", 100);
	assert_int_equal(store_base_find(&store, "layer", &b, &e), 0);
	mode_t old = umask(077);
	assert_int_equal(store_layer_make(&store, &b, SPEC_BIND, FD_NONE, ct, &how, &e), 0);
	(void)umask(old);
	assert_true(strcmp(how, "copy") == 0 || strcmp(how, "reflink") == 0);
	priv = openat(ct, "private", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(is_dir(ct, "private", 0755));
	assert_true(is_dir(priv, "dev", 0755));
	assert_true(is_dir(priv, "proc", 0555));
	assert_true(is_dir(priv, "sys", 0555));
	assert_true(is_dir(priv, "run", 0755));
	assert_true(is_dir(priv, "tmp", 01777));
	assert_true(is_dir(priv, "usr", 0755));
	assert_true(is_dir(priv, "usr/local", 0755));
	assert_true(is_dir(priv, "etc/init.d", 02755));
	assert_int_equal(faccessat(priv, "usr/local/bin/own", F_OK, 0), 0);
	assert_int_equal(faccessat(priv, "etc/passwd", R_OK, 0), 0);
	assert_int_equal(readlinkat(priv, "bin", link, sizeof(link)), 7);
	assert_int_equal(readlinkat(priv, "lib64", link, sizeof(link)), 9);
	fd_close(&priv);
	/* twice: refused, and what is there stays */
	assert_int_equal(store_layer_make(&store, &b, SPEC_BIND, FD_NONE, ct, &how, &e), -EEXIST);
	assert_int_equal(faccessat(ct, "private/etc/passwd", F_OK, 0), 0);
	assert_int_equal(path_remove_tree(ct, "private"), 0);

	assert_int_equal(store_layer_make(&store, &b, SPEC_OVERLAY, FD_NONE, ct, &how, &e), 0);
	assert_string_equal(how, "empty");
	assert_true(is_dir(ct, "upper", 0755));
	assert_true(is_dir(ct, "work", 0700));
	int mount = openat(store.dir, "bases/layer/" V1 "/tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(store_layer_make(&store, &b, SPEC_COPY, mount, ct, &how, &e), 0);
	assert_int_equal(faccessat(ct, "private/usr/bin/tool", F_OK, 0), 0);
	assert_true(is_dir(ct, "private/tmp", 01777));
	assert_int_equal(path_remove_tree(ct, "private"), 0);
	assert_int_equal(store_layer_make(&store, &b, SPEC_COPY, FD_NONE, ct, &how, &e), -EINVAL);
	fd_close(&mount);

	/* a link where a mount point must be is a damaged base, and nothing is left or touched */
	assert_int_equal(symlinkat("/tmp", store.dir, "bases/layer/" V1 "/skel/dev"), 0);
	assert_int_equal(store_layer_make(&store, &b, SPEC_BIND, FD_NONE, ct, &how, &e), -ENOTDIR);
	assert_int_equal(e.kind, ERR_DAMAGED);
	assert_int_equal(faccessat(ct, "private", F_OK, 0), -1);
	assert_int_equal(unlinkat(store.dir, "bases/layer/" V1 "/skel/dev", 0), 0);
	fd_close(&ct);
}

static void the_pool_is_taken_by_rename(void **unused)
{
	struct store_base b;
	struct err e = {0};
	const char *how;
	int ct = open_at("ct-pool");

	(void)unused;
	fixture_base(&store, "pooled", V2, "tree", 100);
	assert_int_equal(store_base_find(&store, "pooled", &b, &e), 0);
	/* a dead filler's leftover goes first */
	fixture_dirs(store.dir, "pool/.tmp-0/etc");
	assert_int_equal(store_pool_fill(&store, &b, 3, &e), 0);
	assert_int_equal(fixture_entries(&store, "pool/" V2), 3);
	assert_false(fixture_exists(&store, "pool/.tmp-0"));
	assert_int_equal(store_layer_make(&store, &b, SPEC_BIND, FD_NONE, ct, &how, &e), 0);
	assert_string_equal(how, "pool");
	assert_true(is_dir(ct, "private/tmp", 01777));
	assert_int_equal(fixture_entries(&store, "pool/" V2), 2);
	assert_int_equal(store_pool_fill(&store, &b, 3, &e), 0);
	assert_int_equal(fixture_entries(&store, "pool/" V2), 3);
	assert_int_equal(store_pool_fill(&store, &b, 1, &e), 0);
	assert_int_equal(fixture_entries(&store, "pool/" V2), 1);
	/* another filler at work: nothing happens, no error */
	int lock = store_lock(&store, "pool", true, 0, &e);
	assert_true(lock >= 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(store_pool_fill(&store, &b, 5, &e) == 0 && !err_is(&e) && fixture_entries(&store, "pool/" V2) == 1 ? 0 : 1);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(&lock);
	assert_int_equal(store_pool_fill(&store, &b, 0, &e), 0);
	assert_false(fixture_exists(&store, "pool/" V2));
	assert_int_equal(fixture_entries(&store, "trash"), 0);
	fd_close(&ct);
}

/* ---- ranges ---- */

static bool is_used(const struct range_map *m, unsigned slot)
{
	return m->used[slot / 64] >> (slot % 64) & 1;
}

static void ranges_avoid_everybody(void **unused)
{
	struct range_map m = {{0}};
	uint32_t first = 0;

	(void)unused;
	/* slot 0 by its last id, slots 2-3, the last slot by a range that reaches beyond, nothing by ids outside */
	range_scan_sub(&m, "a:1879113727:1\nb:1879179264:65537\nroot:100000:65536\nbad\nx:y:z\nc:2147483647:4294967295\nd:5:");
	assert_true(is_used(&m, 0));
	assert_false(is_used(&m, 1));
	assert_true(is_used(&m, 2));
	assert_true(is_used(&m, 3));
	assert_false(is_used(&m, 4));
	assert_true(is_used(&m, RANGE_SLOTS - 1));
	range_scan_ids(&m, "root:x:0:0::/:/bin/sh\nfar:x:1879375872:1::/:\nno:colon\n:x:1879441408:0\ng:x:1879506944");
	assert_true(is_used(&m, 5));
	assert_true(is_used(&m, 6));
	assert_false(is_used(&m, 7)); /* the last line is cut short */
	assert_true(range_scan(&m, "1879572480 65536 /l/a\n1879638016 65536 /l/b\ngarbage\n1 2\n99999999999 1 /l/c\n", "/l/b", &first));
	assert_int_equal(first, 1879638016u);
	assert_true(is_used(&m, 8));
	assert_true(is_used(&m, 9));
	assert_false(range_scan(&m, "1879572480 65536 /l/a\n", "/l/", &first));
	memset(m.used, 0xff, sizeof(m.used));
	assert_false(range_pick(&m, "x", &first));
	m.used[9] &= ~(1ull << 5);
	assert_true(range_pick(&m, "x", &first));
	assert_int_equal(first, RANGE_FIRST + (9u * 64 + 5) * STORE_RANGE_SIZE);
}

static void ranges_are_private_and_kept(void **unused)
{
	static uint32_t got[1000];
	struct err e = {0};
	char owner[64], path[512];
	struct store s;
	uint32_t again;
	uint64_t t = clock_now_ms();

	(void)unused;
	assert_int_equal(store_open(scratch_at(&tmp, path, "ranges-store"), &s, &e), 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(owner, sizeof(owner), "/var/lib/lxc/c%d", i);
		assert_int_equal(store_range_take(&s, owner, &got[i], &e), 0);
		assert_true(got[i] >= RANGE_FIRST && (got[i] - RANGE_FIRST) % STORE_RANGE_SIZE == 0);
	}
	print_message("1000 ranges: %u ms\n", (unsigned)(clock_now_ms() - t));
	for (int i = 0; i < 1000; i++)
		for (int k = 0; k < i; k++)
			if (got[i] == got[k])
				fail_msg("%d and %d share %u", i, k, got[i]);
	for (int i = 0; i < 1000; i += 97) {
		(void)snprintf(owner, sizeof(owner), "/var/lib/lxc/c%d", i);
		assert_int_equal(store_range_take(&s, owner, &again, &e), 0);
		assert_int_equal(again, got[i]);
		assert_int_equal(store_range_find(&s, owner, &again), 0);
		assert_int_equal(store_range_release(&s, owner, &e), 0);
		assert_int_equal(store_range_release(&s, owner, &e), 0);
		assert_int_equal(store_range_find(&s, owner, &again), -ENOENT);
	}
	/* who lives with another's keeps them from third ones, as long as it is there */
	assert_int_equal(store_range_share(&s, "/var/lib/lxc/side", got[2], &e), 0);
	assert_int_equal(store_range_share(&s, "/var/lib/lxc/side", got[1], &e), 0); /* another's now */
	assert_int_equal(store_range_find(&s, "/var/lib/lxc/side", &again), -ENOENT);
	assert_int_equal(store_range_release(&s, "/var/lib/lxc/c1", &e), 0);
	assert_int_equal(store_range_release(&s, "/var/lib/lxc/c2", &e), 0);
	assert_int_equal(store_range_take(&s, "/var/lib/lxc/c1", &again, &e), 0);
	assert_int_not_equal(again, got[1]);
	assert_int_equal(store_range_take(&s, "/var/lib/lxc/c2", &again, &e), 0);
	assert_int_equal(again, got[2]);
	assert_int_equal(store_range_release(&s, "/var/lib/lxc/side", &e), 0);
	assert_int_equal(store_range_find(&s, "/var/lib/lxc/side=", &again), -ENOENT);
	assert_int_equal(store_range_share(&s, "/var/lib/lxc/side", 100000, &e), 0); /* an id map of the user's */
	assert_int_equal(store_range_find(&s, "/var/lib/lxc/side=", &again), -ENOENT);
	/* the end of a name that LXC allowed is no sign of that */
	assert_int_equal(store_range_take(&s, "/var/lib/lxc/side", &again, &e), 0);
	assert_int_equal(store_range_take(&s, "/var/lib/lxc/side+", &again, &e), 0);
	assert_int_equal(store_range_release(&s, "/var/lib/lxc/side", &e), 0);
	assert_int_equal(store_range_find(&s, "/var/lib/lxc/side+", &again), 0);
	assert_int_equal(store_range_release(&s, "/var/lib/lxc/side+", &e), 0);
	assert_int_equal(store_range_share(&s, "two\nlines", got[1], &e), -EINVAL);
	assert_int_equal(store_range_take(&s, "two\nlines", &again, &e), -EINVAL);
	assert_int_equal(store_range_take(&s, "", &again, &e), -EINVAL);

	/* all taken: said clearly */
	struct buf full = BUF_INIT;
	buf_printf(&full, "%u %u /everything\n", RANGE_FIRST, RANGE_SLOTS * STORE_RANGE_SIZE);
	assert_int_equal(scratch_put(s.dir, "ranges", buf_str(&full)), 0);
	buf_done(&full);
	assert_int_equal(store_range_take(&s, "/l/x", &again, &e), -ENOSPC);
	assert_non_null(strstr(e.why, "id ranges are taken"));

	/* orphans go, the living and the existing stay */
	char text[1024], lxc[400];
	struct store keep;
	(void)snprintf(lxc, sizeof(lxc), "%.200s/lxc", tmp.path);
	assert_int_equal(path_mkdirs(scratch_at(&tmp, path, "lxc/there"), 0755), 0);
	assert_int_equal(path_mkdirs(scratch_at(&tmp, path, "lxc/.staging/coming"), 0755), 0);
	(void)snprintf(text, sizeof(text),
		       "1879048192 65536 %s/there\n1879113728 65536 %s/gone\n1879179264 65536 %s/coming\n"
		       "1879244800 65536 %s/running\n1879244800 65536 %s/there=\n1879244800 65536 %s/gone=\nodd line\n",
		       lxc, lxc, lxc, lxc, lxc, lxc);
	assert_int_equal(scratch_put(s.dir, "ranges", text), 0);
	char live_name[512];
	(void)snprintf(live_name, sizeof(live_name), "%s/running", lxc);
	const char *live[] = {live_name};
	unsigned n;
	assert_int_equal(store_range_sweep(&s, live, 1, true, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(store_range_sweep(&s, live, 1, false, &n, &e), 0);
	(void)snprintf(owner, sizeof(owner), "%.40s/gone", lxc);
	keep = s;
	assert_int_equal(store_range_find(&keep, live_name, &again), 0);
	(void)snprintf(text, sizeof(text), "%s/gone", lxc);
	assert_int_equal(store_range_find(&s, text, &again), -ENOENT);
	(void)snprintf(text, sizeof(text), "%s/there=", lxc);
	assert_int_equal(store_range_find(&s, text, &again), 0);
	store_close(&s);
}

/* ---- collection ---- */

static void only_the_dead_are_collected(void **unused)
{
	struct store_gc gc;
	struct err e = {0};
	char path[512];
	struct store s;
	int live;

	(void)unused;
	assert_int_equal(store_open(scratch_at(&tmp, path, "gc-store"), &s, &e), 0);
	fixture_base(&s, "deb", V1, "tree", 1);
	fixture_dirs(s.dir, "staging/alive/tree");
	live = openat(s.dir, "staging/alive.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(live, LOCK_EX), 0);
	fixture_dirs(s.dir, "staging/dead/tree");
	assert_int_equal(scratch_put(s.dir, "staging/dead.lock", ""), 0);
	assert_int_equal(scratch_put(s.dir, "staging/dead/tree/file", "12345"), 0);
	fixture_dirs(s.dir, "staging/lockless");
	assert_int_equal(scratch_put(s.dir, "staging/orphan.lock", ""), 0);
	fixture_dirs(s.dir, "trash/deb@00.1.0/x");
	fixture_dirs(s.dir, "pool/.tmp-3/etc");
	fixture_dirs(s.dir, "pool/" V1 "/0");
	fixture_dirs(s.dir, "pool/" V2 "/0");
	assert_int_equal(scratch_put(s.dir, "locks/deb@" V1, ""), 0);
	assert_int_equal(scratch_put(s.dir, "locks/lease.deb@" V2, ""), 0);

	assert_int_equal(store_gc(&s, true, &gc, &e), 0);
	assert_int_equal(gc.staging, 2);
	assert_int_equal(gc.trash, 1);
	assert_int_equal(gc.pool, 2);
	assert_int_equal(gc.versions, 0);
	assert_true(gc.bytes > 0);
	assert_true(fixture_exists(&s, "staging/dead/tree/file"));
	assert_int_equal(store_gc(&s, false, &gc, &e), 0);
	assert_int_equal(gc.staging, 2);
	assert_int_equal(fixture_entries(&s, "staging"), 2);
	assert_true(fixture_exists(&s, "staging/alive/tree"));
	assert_int_equal(fixture_entries(&s, "trash"), 0);
	assert_int_equal(fixture_entries(&s, "pool"), 1);
	assert_true(fixture_exists(&s, "pool/" V1 "/0"));
	assert_true(fixture_exists(&s, "locks/deb@" V1));
	assert_false(fixture_exists(&s, "locks/lease.deb@" V2));
	assert_int_equal(store_gc(&s, false, &gc, &e), 0);
	assert_int_equal(gc.staging + gc.trash + gc.pool, 0);
	fd_close(&live);
	assert_int_equal(store_gc(&s, false, &gc, &e), 0);
	assert_int_equal(gc.staging, 1);
	assert_int_equal(fixture_entries(&s, "staging"), 0);
	store_close(&s);
}

static void locks_share_and_exclude(void **unused)
{
	struct err e = {0};
	int a = store_lock(&store, "deb@" V1, false, 0, &e), b = store_lock(&store, "deb@" V1, false, 0, &e), c;

	(void)unused;
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(store_lock(&store, "deb@" V1, true, 0, &e), -EBUSY);
	assert_int_equal(e.kind, ERR_BUSY);
	fd_close(&a);
	fd_close(&b);
	c = store_lock(&store, "deb@" V1, true, 0, &e);
	assert_true(c >= 0);
	assert_int_equal(store_lock(&store, "deb@" V1, false, clock_deadline(20), &e), -EBUSY);
	fd_close(&c);
	assert_int_equal(store_lock(&store, "../x", true, 0, &e), -EINVAL);
}

static int setup(void **unused)
{
	struct err e = {0};
	char path[512];

	(void)unused;
	if (scratch_open(&tmp) < 0)
		return -1;
	return store_open(scratch_at(&tmp, path, "store"), &store, &e);
}

static int teardown(void **unused)
{
	(void)unused;
	store_close(&store);
	scratch_close(&tmp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_is_ours_alone),
		cmocka_unit_test(metas_are_read_strictly),
		cmocka_unit_test(bases_are_found),
		cmocka_unit_test(deleting_moves_current),
		cmocka_unit_test(copies_are_true),
		cmocka_unit_test(deep_trees_end_cleanly),
		cmocka_unit_test(layers_are_complete),
		cmocka_unit_test(the_pool_is_taken_by_rename),
		cmocka_unit_test(ranges_avoid_everybody),
		cmocka_unit_test(ranges_are_private_and_kept),
		cmocka_unit_test(only_the_dead_are_collected),
		cmocka_unit_test(locks_share_and_exclude),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
