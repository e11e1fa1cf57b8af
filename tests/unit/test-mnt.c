/* Mounts by descriptor and processes in namespaces, for real: in a mount namespace of this test's own. Needs root. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "linux/caps.h"
#include "linux/mnt.h"
#include "linux/ns.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct scratch scratch;
static int top = FD_NONE;

static int tmpfs(void)
{
	const char *const opts[] = {"mode", "0755", "size", "1m", NULL};
	int fd = mnt_new("tmpfs", opts, MNT_NOSUID, NULL);

	assert_true(fd >= 0);
	return fd;
}

static unsigned long flags_of(int fd)
{
	struct statvfs sv;

	assert_int_equal(fstatvfs(fd, &sv), 0);
	return sv.f_flag;
}

static int create(int dir, const char *name)
{
	autoclose int fd = fd_open(dir, name, O_WRONLY | O_CREAT, 0644);

	return fd < 0 ? fd : 0;
}

static void a_new_mount_is_seen_by_nobody(void **state)
{
	autoclose int fs = tmpfs();
	autoclose int text = FD_NONE;
	struct buf table = BUF_INIT;

	(void)state;
	assert_int_equal(scratch_put(fs, "marker", "x"), 0);
	assert_true((flags_of(fs) & ST_NOSUID) != 0);
	text = fd_open(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
	assert_int_equal(fd_read_all(text, &table, 1 << 22), 0);
	assert_null(strstr(buf_str(&table), scratch.path));
	buf_done(&table);
	assert_true(fcntl(fs, F_GETFD) & FD_CLOEXEC);
}

static void the_kernel_says_why(void **state)
{
	const char *const bad[] = {"no_such_option", "1", NULL};
	char why[256];

	(void)state;
	memset(why, 'x', sizeof(why));
	assert_true(mnt_new("tmpfs", bad, 0, why) < 0);
	assert_non_null(memchr(why, 0, sizeof(why)));
	assert_non_null(strstr(why, "no_such_option"));
	assert_true(mnt_new("no_such_fs", NULL, 0, why) == -ENODEV);
	assert_string_equal(why, "");
	assert_true(mnt_new("tmpfs", bad, 0, NULL) < 0); /* nobody asks why */
}

static void read_only_before_anybody_sees_it(void **state)
{
	autoclose int fs = tmpfs();
	autoclose int copy = FD_NONE;
	autoclose int target = FD_NONE;
	autoclose int seen = FD_NONE;

	(void)state;
	assert_int_equal(scratch_put(fs, "f", "x"), 0);
	copy = mnt_clone(fs, "", false);
	assert_true(copy >= 0);
	assert_int_equal(mnt_attr(copy, false, MNT_RDONLY | MNT_NODEV | MNT_NOEXEC | MNT_NOATIME, 0, MNT_PRIVATE, FD_NONE), 0);
	assert_int_equal(create(copy, "g"), -EROFS);
	assert_int_equal(create(fs, "g"), 0); /* the other mount of the same file system is as it was */
	assert_int_equal(flags_of(copy) & (ST_RDONLY | ST_NODEV | ST_NOEXEC | ST_NOATIME), ST_RDONLY | ST_NODEV | ST_NOEXEC | ST_NOATIME);
	assert_int_equal(mkdirat(top, "at", 0755), 0);
	target = fd_open(top, "at", O_PATH | O_DIRECTORY, 0);
	assert_int_equal(mnt_attach(copy, target), 0);
	seen = fd_open(top, "at/f", O_RDONLY, 0);
	assert_true(seen >= 0);
	assert_int_equal(create(top, "at/h"), -EROFS);
	assert_int_equal(mnt_attr(copy, false, 0, MNT_RDONLY, MNT_KEEP, FD_NONE), 0);
	assert_int_equal(create(top, "at/h"), 0);
	fd_close(&seen);
	assert_int_equal(mnt_detach(top, "at"), 0);
	assert_int_equal(mnt_detach(top, "at"), -EINVAL); /* nothing mounted there any more */
	assert_int_equal(mnt_detach(top, "none"), -ENOENT);
	assert_int_equal(unlinkat(top, "at", AT_REMOVEDIR), 0);
}

/* A final link is not followed: neither cloned nor unmounted through. */
static void links_are_not_followed(void **state)
{
	autoclose int fs = tmpfs();
	autoclose int target = FD_NONE;
	autoclose int copy = FD_NONE;

	(void)state;
	assert_int_equal(mkdirat(top, "real", 0755), 0);
	assert_int_equal(symlinkat("real", top, "link"), 0);
	target = fd_open(top, "real", O_PATH | O_DIRECTORY, 0);
	assert_int_equal(mnt_attach(fs, target), 0);
	assert_true(mnt_detach(top, "link") < 0);
	copy = mnt_clone(top, "link", false); /* of the link itself, which is no directory */
	if (copy >= 0) {
		struct stat st;

		assert_int_equal(fstat(copy, &st), 0);
		assert_true(S_ISLNK(st.st_mode));
	}
	assert_int_equal(mnt_detach(top, "real"), 0);
	assert_int_equal(unlinkat(top, "link", 0), 0);
	assert_int_equal(unlinkat(top, "real", AT_REMOVEDIR), 0);
}

static void recursive_clones_take_what_is_below(void **state)
{
	autoclose int outer = tmpfs();
	autoclose int inner = tmpfs();
	autoclose int target = FD_NONE;
	autoclose int below = FD_NONE;
	autoclose int shallow = FD_NONE;
	autoclose int deep = FD_NONE;

	(void)state;
	assert_int_equal(mkdirat(top, "o", 0755), 0);
	target = fd_open(top, "o", O_PATH | O_DIRECTORY, 0);
	assert_int_equal(mnt_attach(outer, target), 0);
	assert_int_equal(mkdirat(outer, "i", 0755), 0);
	below = fd_open(outer, "i", O_PATH | O_DIRECTORY, 0);
	assert_int_equal(mnt_attach(inner, below), 0);
	assert_int_equal(scratch_put(inner, "deep", "x"), 0);
	shallow = mnt_clone(top, "o", false);
	deep = mnt_clone(top, "o", true);
	assert_true(shallow >= 0 && deep >= 0);
	assert_int_equal(faccessat(shallow, "i/deep", F_OK, 0), -1);
	assert_int_equal(faccessat(deep, "i/deep", F_OK, 0), 0);
	assert_int_equal(mnt_attr(deep, true, MNT_RDONLY, 0, MNT_PRIVATE, FD_NONE), 0);
	assert_int_equal(create(deep, "i/new"), -EROFS);
	assert_int_equal(mnt_detach(top, "o"), 0);
	assert_int_equal(unlinkat(top, "o", AT_REMOVEDIR), 0);
}

static void beneath_swaps_without_a_gap(void **state)
{
	autoclose int one = tmpfs();
	autoclose int two = tmpfs();
	autoclose int place = FD_NONE;
	autoclose int target = FD_NONE;
	int r;

	(void)state;
	assert_int_equal(scratch_put(one, "which", "one"), 0);
	assert_int_equal(scratch_put(two, "which", "two"), 0);
	assert_int_equal(mkdirat(top, "swap", 0755), 0);
	place = fd_open(top, "swap", O_PATH | O_DIRECTORY, 0);
	assert_int_equal(mnt_attach(one, place), 0);
	target = fd_open(top, "swap", O_PATH | O_DIRECTORY, 0);
	r = mnt_attach_beneath(two, target);
	if (r == 0) {
		char text[8];

		assert_true(fd_read_file(top, "swap/which", text, sizeof(text)) > 0);
		assert_string_equal(text, "one");
		assert_int_equal(mnt_detach(top, "swap"), 0);
		assert_true(fd_read_file(top, "swap/which", text, sizeof(text)) > 0);
		assert_string_equal(text, "two");
	} else {
		assert_int_equal(r, -EINVAL); /* before 6.5 */
	}
	assert_int_equal(mnt_detach(top, "swap"), 0);
	assert_int_equal(unlinkat(top, "swap", AT_REMOVEDIR), 0);
}

static void overlays_by_descriptor(void **state)
{
	autoclose int lower = tmpfs();
	autoclose int layer = tmpfs();
	autoclose int upper = FD_NONE;
	autoclose int work = FD_NONE;
	autoclose int both = FD_NONE;
	char why[256] = "";

	(void)state;
	assert_int_equal(scratch_put(lower, "f", "below"), 0);
	assert_int_equal(mkdirat(layer, "u", 0755), 0);
	assert_int_equal(mkdirat(layer, "w", 0755), 0);
	upper = path_open_beneath(layer, "u", O_PATH | O_DIRECTORY, 0);
	work = path_open_beneath(layer, "w", O_PATH | O_DIRECTORY, 0);
	for (int is_volatile = 0; is_volatile < 2; is_volatile++) {
		both = mnt_overlay(&lower, 1, upper, work, is_volatile ? MNT_OVERLAY_VOLATILE : 0, why);
		if (both == -ENODEV || both == -EPERM)
			skip();
		if (both < 0)
			fail_msg("%s: %s", strerror(-both), why);
		assert_int_equal(scratch_put(both, "f", "above"), 0);
		assert_int_equal(faccessat(layer, "u/f", F_OK, 0), 0);
		fd_close(&both);
		if (is_volatile)
			break;
		assert_int_equal(unlinkat(layer, "u/f", 0), 0);
	}
	/* garbage for layers is an error with the context closed, not a mount */
	assert_true(mnt_overlay(&lower, 1, lower, FD_NONE, 0, why) < 0);
}

/* ---- processes ---- */

static int wait_for(pid_t pid, int pidfd)
{
	int status = -1;

	assert_int_equal(proc_reap(pid, pidfd, clock_deadline(10000), &status), 0);
	return status;
}

static void pivot_leaves_the_old_root(void **state)
{
	autoclose int pidfd = FD_NONE;
	pid_t pid = ns_clone(CLONE_NEWNS, FD_NONE, false, &pidfd);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		autoclose int here = fd_open(AT_FDCWD, scratch.path, O_RDONLY | O_DIRECTORY, 0); /* in the new namespace; top is of the old one */
		autoclose int root = tmpfs();
		autoclose int place = FD_NONE;
		char cwd[64];

		(void)scratch_put(root, "inside", "x");
		(void)mkdirat(here, "newroot", 0755);
		place = fd_open(here, "newroot", O_PATH | O_DIRECTORY, 0);
		if (mnt_attach(root, place) < 0 || mnt_pivot(root) < 0)
			_exit(1);
		if (access("/inside", F_OK) != 0 || access("/proc", F_OK) == 0 || access("/etc", F_OK) == 0)
			_exit(2);
		if (!getcwd(cwd, sizeof(cwd)) || strcmp(cwd, "/") != 0)
			_exit(3);
		if (access("/../../etc", F_OK) == 0)
			_exit(4);
		_exit(0);
	}
	assert_int_equal(wait_for(pid, pidfd), 0);
	assert_int_equal(unlinkat(top, "newroot", AT_REMOVEDIR), 0); /* not mounted in our namespace */
}

/* Two processes step by step over a pair of pipes. */
static void step_over(int fd)
{
	char c = 'x';

	assert_int_equal(write(fd, &c, 1), 1);
}

static bool step_wait(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, 10000) == 1 && read(fd, &c, 1) == 1;
}

static void maps_make_root_inside(void **state)
{
	static const struct ns_map uids[] = {{0, 500000, 1000}, {1000, 600000, 1}}, gids[] = {{0, 500000, 1000}};
	autoclose int procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	autoclose int pidfd = FD_NONE;
	autoclose int userns = FD_NONE;
	autoclose int mapped = FD_NONE;
	autoclose int fs = tmpfs();
	char text[256], path[64];
	int go[2];
	struct stat st;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = ns_clone(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS, FD_NONE, false, &pidfd);
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!step_wait(go[0]))
			_exit(1);
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 || geteuid() != 0)
			_exit(2);
		if (sethostname("own", 3) < 0)
			_exit(3);
		if (ns_loopback_up() < 0)
			_exit(4);
		if (!step_wait(go[0]))
			_exit(5);
		_exit(setresuid(1001, 1001, 1001) < 0 ? 0 : 6); /* not in the map */
	}
	assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ns_write_maps(procfs, pid, uids, ARRAY_LEN(uids), gids, ARRAY_LEN(gids)), 0);
	assert_int_equal(ns_write_maps(procfs, pid, uids, ARRAY_LEN(uids), gids, ARRAY_LEN(gids)), -EPERM); /* once only */
	step_over(go[1]);
	userns = ns_open(procfs, pid, "user");
	assert_true(userns >= 0);
	(void)snprintf(path, sizeof(path), "%d/uid_map", (int)pid);
	assert_true(fd_read_file(procfs, path, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "500000"));
	/* the namespace shapes a mount: what is owned by 0 on disk is owned by 500000 through it */
	assert_int_equal(scratch_put(fs, "f", "x"), 0);
	mapped = mnt_clone(fs, "", false);
	if (mnt_attr(mapped, false, MNT_RDONLY, 0, MNT_PRIVATE, userns) == 0) {
		assert_int_equal(fstatat(mapped, "f", &st, 0), 0);
		assert_int_equal(st.st_uid, 500000);
		assert_int_equal(fstatat(fs, "f", &st, 0), 0);
		assert_int_equal(st.st_uid, 0);
	}
	assert_int_equal(ns_open(procfs, pid, "nosuch"), -ENOENT);
	step_over(go[1]);
	assert_int_equal(wait_for(pid, pidfd), 0);
	fd_close(&go[0]);
	fd_close(&go[1]);
	assert_int_equal(ns_enter(pidfd, CLONE_NEWUTS), -ESRCH); /* gone */
}

static void clocks_are_offset(void **state)
{
	autoclose int pidfd = FD_NONE;
	pid_t pid;

	(void)state;
	if (access("/proc/self/ns/time", F_OK) != 0)
		skip();
	pid = ns_clone(0, FD_NONE, false, &pidfd);
	assert_true(pid >= 0);
	if (pid == 0) {
		autoclose int procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
		struct timespec before, after;
		pid_t child;
		int status;

		(void)clock_gettime(CLOCK_BOOTTIME, &before);
		/* a second and a half into the past: the nanoseconds stay positive */
		if (ns_unshare(0x80 /* CLONE_NEWTIME */) < 0 || ns_time_offsets(procfs, -1500000000, 3600000000000) < 0)
			_exit(1);
		child = fork();
		if (child == 0) {
			(void)clock_gettime(CLOCK_BOOTTIME, &after);
			_exit(after.tv_sec < before.tv_sec ? 0 : 2);
		}
		_exit(waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 3);
	}
	assert_int_equal(wait_for(pid, pidfd), 0);
}

static void siblings_belong_to_our_parent(void **state)
{
	autoclose int pidfd = FD_NONE;
	pid_t pid = ns_clone(0, FD_NONE, false, &pidfd);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		autoclose int other = FD_NONE;
		pid_t parent = getppid(), sibling = ns_clone(0, FD_NONE, true, &other);

		if (sibling == 0)
			_exit(getppid() == parent ? 7 : 8);
		/* not ours to wait for */
		_exit(sibling > 0 && waitpid(sibling, NULL, 0) < 0 && errno == ECHILD ? 0 : 1);
	}
	assert_int_equal(wait_for(pid, pidfd), 0);
	int status;

	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* ---- capabilities ---- */

static void bounding_set_keeps_what_is_said(void **state)
{
	autoclose int pidfd = FD_NONE;
	pid_t pid = ns_clone(0, FD_NONE, false, &pidfd);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (caps_bound(UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_SETPCAP) < 0)
			_exit(1);
		for (int c = 0; c <= (int)caps_last(); c++)
			if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 && c != CAP_CHOWN && c != CAP_SETPCAP)
				_exit(2);
		if (caps_clear_inherited() < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) != 0)
			_exit(3);
		if (caps_act_as(12345, 12345) < 0 || setfsuid((uid_t)-1) != 12345)
			_exit(4);
		_exit(0);
	}
	assert_int_equal(wait_for(pid, pidfd), 0);
}

static int setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || scratch_open(&scratch) < 0)
		return -1;
	top = fd_open(AT_FDCWD, scratch.path, O_RDONLY | O_DIRECTORY, 0);
	return top < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	fd_close(&top);
	scratch_close(&scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_mount_is_seen_by_nobody),
		cmocka_unit_test(the_kernel_says_why),
		cmocka_unit_test(read_only_before_anybody_sees_it),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(recursive_clones_take_what_is_below),
		cmocka_unit_test(beneath_swaps_without_a_gap),
		cmocka_unit_test(overlays_by_descriptor),
		cmocka_unit_test(pivot_leaves_the_old_root),
		cmocka_unit_test(maps_make_root_inside),
		cmocka_unit_test(clocks_are_offset),
		cmocka_unit_test(siblings_belong_to_our_parent),
		cmocka_unit_test(bounding_set_keeps_what_is_said),
	};

	if (geteuid() != 0) {
		(void)fprintf(stderr, "needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
