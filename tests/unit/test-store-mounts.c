/* What needs mounts. Leases: one superblock for everybody, whoever dies, whatever the marks say. Private parts from an image; full and
 * read-only disks; things mounted inside what is copied, counted or deleted. Needs root; all mounts are in a namespace of our own. */
#include "base/clock.h"
#include "base/proc.h"
#include "linux/mnt.h"
#include "spec/spec.h"
#include "state/state.h"
#include "store/store.h"
#include "unit/store-fixture.h"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define V1 "00112233445566aa"
#define V2 "0011223344557700"

static struct scratch tmp;
static struct store store;
static struct facts facts;
static struct store_base erofs1, erofs2, tree1;
static char where[64];

struct answer {
	int r;
	bool shared;
	uint64_t dev;
	char level[16], text[16];
	uint32_t ms;
};

/* A process that leases, attaches and stays, like a monitor. */
struct holder {
	pid_t pid;
	int sock;
	struct proc_id id;
};

static void read_tool(int mount, struct answer *a)
{
	int fd = openat(mount, "usr/bin/tool", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, a->text, sizeof(a->text) - 1);

	a->text[n > 0 ? n : 0] = '\0';
	fd_close(&fd);
}

static struct answer lease(const struct store_base *b, const struct proc_id *others, size_t count, bool attach, unsigned delay_ms, int *ret_mount)
{
	struct store_lease l = {.mount = FD_NONE};
	struct answer a = {0};
	struct err e = {0};
	struct stat st;
	uint64_t t = clock_now_ms();

	a.r = store_lease_take(&store, &facts, b, others, count, attach ? where : NULL, &l, &e);
	a.ms = (uint32_t)(clock_now_ms() - t);
	if (a.r < 0) {
		(void)fprintf(stderr, "lease: %s\n", e.why);
		return a;
	}
	if (fstat(l.mount, &st) == 0)
		a.dev = st.st_dev;
	a.shared = l.shared;
	(void)snprintf(a.level, sizeof(a.level), "%s", l.level);
	read_tool(l.mount, &a);
	if (attach) {
		int at = open(where, O_PATH | O_CLOEXEC);

		(void)poll(NULL, 0, (int)delay_ms);
		a.r = mnt_attach(l.mount, at);
		fd_close(&at);
	}
	*ret_mount = l.mount;
	return a;
}

static void holder_main(int sock, const struct store_base *b, unsigned delay_ms)
{
	int base = FD_NONE;
	struct answer a;
	char c;

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
	a = lease(b, NULL, 0, true, delay_ms, &base);
	(void)!write(sock, &a, sizeof(a));
	while (read(sock, &c, 1) == 1) {
		read_tool(base, &a);
		(void)!write(sock, &a, sizeof(a));
	}
	_exit(0);
}

static struct holder spawn(const struct store_base *b, unsigned delay_ms)
{
	struct holder h;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	h.pid = fork();
	if (h.pid == 0) {
		fd_close(&pair[0]);
		holder_main(pair[1], b, delay_ms);
	}
	fd_close(&pair[1]);
	h.sock = pair[0];
	assert_int_equal(proc_identify(h.pid, &h.id), 0);
	return h;
}

static struct answer hear(struct holder *h)
{
	struct pollfd p = {.fd = h->sock, .events = POLLIN};
	struct answer a = {.r = -1};

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(h->sock, &a, sizeof(a)), sizeof(a));
	assert_int_equal(a.r, 0);
	return a;
}

static struct answer ask_again(struct holder *h)
{
	assert_int_equal(write(h->sock, "x", 1), 1);
	return hear(h);
}

static void end(struct holder *h)
{
	int status;

	assert_int_equal(kill(h->pid, SIGKILL), 0);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	fd_close(&h->sock);
}

static void one_superblock_outlives_its_first_holder(void **unused)
{
	struct holder a = spawn(&erofs1, 0), b, c, d;
	struct answer first = hear(&a), next;
	int taken = FD_NONE;

	(void)unused;
	assert_false(first.shared);
	assert_string_equal(first.level, facts.erofs_file ? "erofs-file" : "erofs-loop");
	assert_string_equal(first.text, "one");
	b = spawn(&erofs1, 0);
	next = hear(&b);
	assert_true(next.shared);
	assert_true(next.dev == first.dev);
	print_message("shared clone: %u ms\n", next.ms);
	/* somebody who only looks */
	next = lease(&erofs1, NULL, 0, false, 0, &taken);
	assert_true(next.shared);
	assert_true(next.dev == first.dev);
	fd_close(&taken);

	end(&a);
	next = ask_again(&b);
	assert_string_equal(next.text, "one");
	c = spawn(&erofs1, 0);
	next = hear(&c);
	assert_true(next.shared);
	assert_true(next.dev == first.dev);
	end(&b);
	end(&c);
	/* nobody left: mounted anew */
	d = spawn(&erofs1, 0);
	next = hear(&d);
	assert_false(next.shared);
	end(&d);
}

static void many_at_once_wait_for_the_first(void **unused)
{
	struct holder h[10];
	struct answer a[10];
	unsigned fresh = 0;

	(void)unused;
	/* the first to mount takes its time to attach: the others must find it all the same */
	for (size_t i = 0; i < ARRAY_LEN(h); i++)
		h[i] = spawn(&erofs1, 40);
	for (size_t i = 0; i < ARRAY_LEN(h); i++) {
		a[i] = hear(&h[i]);
		fresh += !a[i].shared;
		assert_true(a[i].dev == a[0].dev);
	}
	assert_int_equal(fresh, 1);
	for (size_t i = 0; i < ARRAY_LEN(h); i++)
		end(&h[i]);
}

/* Writes marks for erofs1 that name @id, the rest as @like says. */
static void forge(const char *like, const struct proc_id *id)
{
	char text[2048], line[96], *at;
	ssize_t n = fd_read_file(store.dir, like, text, sizeof(text));
	int fd;

	assert_true(n > 0);
	at = strstr(text, "holder0");
	assert_non_null(at);
	*at = '\0';
	(void)snprintf(line, sizeof(line), "holder0 = %d %llu\nend = 1\n", id->pid, (unsigned long long)id->start_time);
	fd = openat(store.dir, "locks/lease.deb@" V1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fd_write_all(fd, line, strlen(line)), 0);
	fd_close(&fd);
}

static void wrong_holders_are_not_believed(void **unused)
{
	struct holder a = spawn(&erofs1, 0), other = spawn(&erofs2, 0), h;
	struct answer first = hear(&a), second = hear(&other), got;
	struct proc_id idle = {0};

	(void)unused;
	assert_false(second.shared);
	assert_string_equal(second.text, "two");
	/* a live process without any such mount: given up soon, mounted anew */
	assert_int_equal(proc_identify(getpid(), &idle), 0);
	forge("locks/lease.deb@" V1, &idle);
	h = spawn(&erofs1, 0);
	got = hear(&h);
	assert_false(got.shared);
	assert_true(got.dev != first.dev);
	assert_string_equal(got.text, "one");
	assert_in_range(got.ms, 0, 3000);
	end(&h);
	/* another image at the very place: marks differ */
	forge("locks/lease.deb@" V1, &other.id);
	h = spawn(&erofs1, 0);
	got = hear(&h);
	assert_false(got.shared);
	assert_string_equal(got.text, "one");
	end(&h);
	/* a reused pid: right number, wrong start time */
	idle = other.id;
	idle.start_time++;
	forge("locks/lease.deb@" V2, &idle);
	h = spawn(&erofs1, 0);
	got = hear(&h);
	assert_false(got.shared);
	assert_string_equal(got.text, "one");
	end(&h);
	/* garbage */
	assert_int_equal(scratch_put(store.dir, "locks/lease.deb@" V1, "garbage"), 0);
	h = spawn(&erofs1, 0);
	got = hear(&h);
	assert_false(got.shared);
	/* the caller may know a holder whom nobody remembers; its mount has to fit the marks */
	struct proc_id nobody = {.pid = 999999, .start_time = 1};
	forge("locks/lease.deb@" V1, &nobody);
	struct proc_id known[] = {other.id, h.id};
	int taken = FD_NONE;
	got = lease(&erofs1, known, 2, false, 0, &taken);
	assert_true(got.shared);
	assert_string_equal(got.text, "one");
	fd_close(&taken);
	end(&h);
	end(&a);
	end(&other);
}

static bool loop_in_use(void)
{
	char line[600], path[64];

	for (int i = 0; i < 64; i++) {
		(void)snprintf(path, sizeof(path), "/sys/block/loop%d/loop/backing_file", i);
		if (fd_read_file(AT_FDCWD, path, line, sizeof(line)) > 0 && strstr(line, tmp.path))
			return true;
	}
	return false;
}

static void loop_devices_are_shared_and_freed(void **unused)
{
	const struct facts saved = facts;
	struct holder a, b;
	struct answer first, next;

	(void)unused;
	if (!facts.erofs_loop || faccessat(AT_FDCWD, "/dev/loop-control", F_OK, 0) < 0)
		skip();
	facts.erofs_file = false;
	a = spawn(&erofs1, 0);
	first = hear(&a);
	assert_string_equal(first.level, "erofs-loop");
	assert_int_equal(major(first.dev), 7);
	b = spawn(&erofs1, 0);
	next = hear(&b);
	assert_true(next.shared);
	assert_string_equal(next.level, "erofs-loop");
	assert_true(next.dev == first.dev);
	assert_true(loop_in_use());
	end(&a);
	assert_string_equal(ask_again(&b).text, "one");
	end(&b);
	for (int i = 0; i < 500 && loop_in_use(); i++)
		(void)poll(NULL, 0, 10);
	assert_false(loop_in_use());
	facts = saved;
}

static void refused_where_nothing_can_mount(void **unused)
{
	struct facts none = facts;
	struct store_lease l = {.mount = FD_NONE};
	struct err e = {0};

	(void)unused;
	none.erofs_file = none.erofs_loop = false;
	assert_int_equal(store_lease_take(&store, &none, &erofs1, NULL, 0, where, &l, &e), -ENODEV);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_int_equal(l.mount, FD_NONE);
}

static void trees_are_read_only(void **unused)
{
	struct store_lease l = {.mount = FD_NONE};
	struct statvfs vfs;
	struct err e = {0};

	(void)unused;
	assert_int_equal(store_lease_take(&store, &facts, &tree1, NULL, 0, where, &l, &e), 0);
	assert_string_equal(l.level, "tree");
	assert_int_equal(fstatvfs(l.mount, &vfs), 0);
	assert_true(vfs.f_flag & ST_RDONLY);
	assert_true(vfs.f_flag & ST_NODEV);
	assert_false(vfs.f_flag & ST_NOSUID);
	assert_int_equal(openat(l.mount, "usr/bin/tool", O_WRONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
	fd_close(&l.mount);
	assert_int_equal(path_remove_tree(store.dir, "bases/plain/" V1 "/tree"), 0);
	assert_int_equal(store_lease_take(&store, &facts, &tree1, NULL, 0, where, &l, &e), -ENOENT);
	assert_int_equal(e.kind, ERR_DAMAGED);
}

/* ---- private parts from an image ---- */

static void layers_come_from_the_image(void **unused)
{
	struct store_lease l = {.mount = FD_NONE};
	struct err e = {0};
	const char *how;
	char path[512], a[16], b[16];
	struct stat st;
	int ct, from, to;

	(void)unused;
	assert_int_equal(mkdir(scratch_at(&tmp, path, "ct"), 0700), 0);
	ct = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(store_lease_take(&store, &facts, &erofs1, NULL, 0, NULL, &l, &e), 0);
	if (store_layer_make(&store, &erofs1, SPEC_COPY, l.mount, ct, &how, &e) < 0)
		fail_msg("%s", e.why);
	assert_string_equal(how, "copy");
	assert_int_equal(fstatat(ct, "private/usr/bin/big", &st, 0), 0);
	assert_int_equal(st.st_size, 3 << 20);
	from = openat(l.mount, "usr/bin/big", O_RDONLY | O_CLOEXEC);
	to = openat(ct, "private/usr/bin/big", O_RDONLY | O_CLOEXEC);
	for (off_t at = 0; at < 3 << 20; at += 65521) {
		assert_int_equal(pread(from, a, sizeof(a), at), pread(to, b, sizeof(b), at));
		assert_memory_equal(a, b, sizeof(a));
	}
	fd_close(&from);
	fd_close(&to);
	assert_int_equal(fstatat(ct, "private/tmp", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(path_remove_tree(ct, "private"), 0);
	/* bind: skel, and /usr/local as the image has it */
	assert_int_equal(store_layer_make(&store, &erofs1, SPEC_BIND, l.mount, ct, &how, &e), 0);
	assert_int_equal(faccessat(ct, "private/usr/local/share/note", F_OK, 0), 0);
	assert_int_equal(faccessat(ct, "private/usr/local/games", F_OK, 0), -1);
	assert_int_equal(faccessat(ct, "private/usr/bin", F_OK, 0), -1);
	fd_close(&l.mount);
	fd_close(&ct);
}

/* ---- mounts in the way ---- */

static void mounts_inside_are_left_alone(void **unused)
{
	char lxc[512], run[512], path[512], target[600];
	struct state st;
	struct err e = {0};
	uint64_t bytes, files;
	int fd, to;

	(void)unused;
	assert_int_equal(state_open(scratch_at(&tmp, lxc, "lxc"), scratch_at(&tmp, run, "run"), &st, &e), 0);
	fd = state_create_begin(&st, "web", &e);
	assert_int_equal(scratch_put(fd, "config", "x"), 0);
	fixture_dirs(fd, "private/inner");
	assert_int_equal(scratch_put(fd, "private/plain", "x"), 0);
	assert_int_equal(scratch_put(fd, "private/file", "x"), 0);
	assert_int_equal(state_create_commit(&st, "web", &e), 0);
	fd_close(&fd);

	/* a live bind of something precious, a directory and a file */
	assert_int_equal(mkdir(scratch_at(&tmp, path, "precious"), 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(scratch_put(fd, "keep", "me"), 0);
	(void)snprintf(target, sizeof(target), "%s/web/private/inner", lxc);
	assert_int_equal(mount(path, target, NULL, MS_BIND, NULL), 0);
	(void)snprintf(path, sizeof(path), "%.400s/precious/keep", tmp.path);
	(void)snprintf(target, sizeof(target), "%s/web/private/file", lxc);
	assert_int_equal(mount(path, target, NULL, MS_BIND, NULL), 0);

	int priv = openat(st.lxc_dir, "web/private", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(store_tree_usage(priv, &bytes, &files), 0);
	assert_int_equal(files, 2); /* itself and plain */
	assert_int_equal(mkdir(scratch_at(&tmp, path, "copied"), 0700), 0);
	to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(store_copy_tree(priv, to, NULL, NULL, &e), 0);
	assert_int_equal(faccessat(to, "inner", F_OK, 0), 0);
	assert_int_equal(faccessat(to, "inner/keep", F_OK, 0), -1);
	assert_int_equal(faccessat(to, "file", F_OK, 0), -1);
	fd_close(&to);
	fd_close(&priv);

	struct arena a = ARENA_INIT;
	struct state_trash *items;
	size_t count;
	assert_int_equal(state_trash_put(&st, "web", &e), 0);
	assert_int_equal(state_trash_list(&st, &a, &items, &count, &e), 0);
	assert_int_equal(count, 1);
	assert_int_equal(state_trash_purge(&st, items[0].id, &e), -EXDEV);
	assert_int_equal(e.kind, ERR_BUSY);
	assert_int_equal(faccessat(fd, "keep", F_OK, 0), 0);
	/* once unmounted, the next command finishes */
	(void)snprintf(target, sizeof(target), "%s/.staging/.gone-%s.0/private/inner", lxc, items[0].id);
	assert_int_equal(umount2(target, MNT_DETACH), 0);
	(void)snprintf(target, sizeof(target), "%s/.staging/.gone-%s.0/private/file", lxc, items[0].id);
	if (umount2(target, MNT_DETACH) < 0)
		print_message("umount %s: %s\n", target, strerror(errno));
	state_sweep(&st, NULL, NULL);
	assert_int_equal(faccessat(st.lxc_dir, ".staging/x", F_OK, 0), -1);
	(void)snprintf(target, sizeof(target), ".staging/.gone-%s.0", items[0].id);
	assert_int_equal(faccessat(st.lxc_dir, target, F_OK, 0), -1);
	assert_int_equal(faccessat(fd, "keep", F_OK, 0), 0);
	arena_done(&a);
	fd_close(&fd);
	state_close(&st);
}

static void full_and_read_only_disks_are_told(void **unused)
{
	char disk[512], root[600], lxc[600], run[600];
	struct store s;
	struct state st;
	struct store_base b;
	struct err e = {0};
	const char *how;
	uint32_t first;
	int fd;

	(void)unused;
	assert_int_equal(mkdir(scratch_at(&tmp, disk, "disk"), 0700), 0);
	assert_int_equal(mount("tmpfs", disk, "tmpfs", 0, "size=512k,mode=0700"), 0);
	(void)snprintf(root, sizeof(root), "%s/store", disk);
	(void)snprintf(lxc, sizeof(lxc), "%s/lxc", disk);
	(void)snprintf(run, sizeof(run), "%s/run", disk);
	assert_int_equal(store_open(root, &s, &e), 0);
	assert_int_equal(state_open(lxc, run, &st, &e), 0);
	fixture_base(&s, "deb", V1, "erofs", 1);
	assert_int_equal(store_base_find(&s, "deb@" V1, &b, &e), 0);
	static char big[400 * 1024 + 1];
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(scratch_put(s.dir, "bases/deb/" V1 "/skel/big", big), 0);

	fd = state_create_begin(&st, "web", &e);
	assert_true(fd >= 0);
	assert_int_equal(store_layer_make(&s, &b, SPEC_BIND, FD_NONE, fd, &how, &e), -ENOSPC);
	assert_non_null(strstr(e.why, "copy 'big'"));
	assert_non_null(strstr(e.hint, "df -h"));
	assert_int_equal(faccessat(fd, "private", F_OK, 0), -1);
	state_create_abort(&st, "web");
	fd_close(&fd);

	assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	err_clear(&e);
	assert_int_equal(state_create_begin(&st, "web", &e), -EROFS);
	assert_non_null(strstr(e.hint, "findmnt -T"));
	assert_int_equal(store_range_take(&s, "/l/x", &first, &e), -EROFS);
	assert_int_equal(state_lock(&st, "web", "start", 0, &e), -EROFS);
	/* reading still works */
	store_close(&s);
	state_close(&st);
	assert_int_equal(store_open(root, &s, &e), 0);
	assert_int_equal(state_open(lxc, run, &st, &e), 0);
	assert_int_equal(store_base_find(&s, "deb", &b, &e), 0);
	store_close(&s);
	state_close(&st);
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

static int make_image(const struct store_base *b, const char *content)
{
	char dir[400], image[400];
	const char *argv[] = {"/usr/bin/mkfs.erofs", "--quiet", image, dir, NULL};
	struct proc_run run = {.argv = argv, .in_fd = FD_NONE, .cwd_fd = FD_NONE, .deadline = clock_deadline(30000)};
	int status = -1, r;

	(void)snprintf(dir, sizeof(dir), "%.80s/src-%.20s", tmp.path, b->version);
	(void)snprintf(image, sizeof(image), "%.80s/store/bases/%.63s/%.71s/image.erofs", tmp.path, b->name, b->version);
	if (path_mkdirs(dir, 0755) < 0)
		return -1;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fixture_dirs(fd, "usr/bin");
	fixture_dirs(fd, "usr/local/share");
	static char big[(3 << 20) + 1];
	for (size_t i = 0; i + 1 < sizeof(big); i++)
		big[i] = (char)('a' + i * 2654435761u % 26);
	if (scratch_put(fd, "usr/bin/tool", content) < 0 || scratch_put(fd, "usr/local/share/note", "x") < 0 ||
	    scratch_put(fd, "usr/bin/big", big) < 0)
		return -1;
	fd_close(&fd);
	r = proc_run(&run, &status);
	if (r < 0 || status != 0)
		print_message("mkfs.erofs: %d %d\n", r, status);
	return r < 0 ? r : status;
}

static int setup(void **unused)
{
	struct err e = {0};
	char path[512];

	(void)unused;
	if (scratch_open(&tmp) < 0 || store_open(scratch_at(&tmp, path, "store"), &store, &e) < 0)
		return -1;
	(void)snprintf(where, sizeof(where), "%.50s/base", tmp.path);
	if (mkdir(where, 0700) < 0 || proc_boot_id(facts.boot_id) < 0)
		return -1;
	facts.erofs_file = facts.erofs_loop = true;
	fixture_base(&store, "deb", V1, "erofs", 1);
	fixture_base(&store, "deb", V2, "erofs", 2);
	fixture_base(&store, "plain", V1, "tree", 3);
	if (store_base_find(&store, "deb@" V1, &erofs1, &e) < 0 || store_base_find(&store, "deb@" V2, &erofs2, &e) < 0 ||
	    store_base_find(&store, "plain", &tree1, &e) < 0)
		return -1;
	if (make_image(&erofs1, "one") != 0 || make_image(&erofs2, "two") != 0)
		return -1;
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	store_close(&store);
	scratch_close(&tmp);
	return 0;
}

static bool erofs_works(void)
{
	char text[4096];

	return fd_read_file(AT_FDCWD, "/proc/filesystems", text, sizeof(text)) > 0 && strstr(text, "\terofs\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_superblock_outlives_its_first_holder),
		cmocka_unit_test(many_at_once_wait_for_the_first),
		cmocka_unit_test(wrong_holders_are_not_believed),
		cmocka_unit_test(loop_devices_are_shared_and_freed),
		cmocka_unit_test(refused_where_nothing_can_mount),
		cmocka_unit_test(trees_are_read_only),
		cmocka_unit_test(layers_come_from_the_image),
		cmocka_unit_test(mounts_inside_are_left_alone),
		cmocka_unit_test(full_and_read_only_disks_are_told),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("skipped: needs root and a mount namespace\n");
		return 77;
	}
	if (!erofs_works() || access("/usr/bin/mkfs.erofs", X_OK) < 0) {
		print_message("skipped: needs EROFS in the kernel and mkfs.erofs\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
