/* test-ns.c - namespaces by descriptor: of what kind they are, whose, and the id maps of one of users. */
#include "linux/ns.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "unit/test.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

static void kinds_and_owners(void **state)
{
	autoclose int user = fd_open(AT_FDCWD, "/proc/self/ns/user", O_RDONLY, 0);
	autoclose int again = fd_open(AT_FDCWD, "/proc/self/ns/user", O_RDONLY, 0);
	autoclose int mnt = fd_open(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0);
	autoclose int file = fd_open(AT_FDCWD, "/proc/self/status", O_RDONLY, 0);
	autoclose int owner = FD_NONE;

	(void)state;
	assert_int_equal(ns_kind(user), CLONE_NEWUSER);
	assert_int_equal(ns_kind(mnt), CLONE_NEWNS);
	assert_int_equal(ns_kind(file), -ENOTTY);
	assert_true(ns_same(user, again));
	assert_false(ns_same(user, mnt));
	assert_false(ns_same(user, FD_NONE));
	owner = ns_owner(mnt);
	/* one that is not below ours may not be asked for */
	assert_true(owner == -EPERM || (owner >= 0 && ns_kind(owner) == CLONE_NEWUSER && fcntl(owner, F_GETFD) == FD_CLOEXEC));
}

/* A process in a user namespace of its own, where groups have the first line alone. */
static pid_t mapped(const struct ns_map *map, size_t count, int *ret_pidfd)
{
	autoclose int procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	pid_t pid = ns_clone(CLONE_NEWUSER | CLONE_NEWNS, FD_NONE, false, ret_pidfd);

	if (pid == 0)
		for (;;)
			(void)pause();
	if (pid > 0)
		assert_int_equal(ns_write_maps(procfs, pid, map, count, map, 1), 0);
	return pid;
}

static void maps_of_another(void **state)
{
	static const struct ns_map map[] = {{0, 100000, 65536}, {65536, 300000, 10}};
	autoclose int procfs = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
	autoclose int own = fd_open(AT_FDCWD, "/proc/self/ns/user", O_RDONLY, 0);
	autoclose int pidfd = FD_NONE;
	autoclose int user = FD_NONE;
	autoclose int mnt = FD_NONE;
	autoclose int owner = FD_NONE;
	struct ns_maps maps, again;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(ns_maps_of(own, &maps), -EINVAL);
	assert_int_equal(ns_read_maps(procfs, 0, &maps), 0);
	assert_true(maps.uid_count > 0 && maps.gid_count > 0);
	if (geteuid() != 0)
		skip();
	pid = mapped(map, ARRAY_LEN(map), &pidfd);
	if (pid == -EPERM || pid == -ENOSPC)
		skip();
	assert_true(pid > 0);
	user = ns_open(procfs, pid, "user");
	mnt = ns_open(procfs, pid, "mnt");
	owner = ns_owner(mnt);
	assert_true(ns_same(owner, user));
	assert_false(ns_same(owner, own));
	assert_int_equal(ns_read_maps(procfs, pid, &maps), 0);
	assert_int_equal(maps.uid_count, 2);
	assert_int_equal(maps.gid_count, 1);
	assert_memory_equal(maps.uid, map, sizeof(map));
	/* a namespace without any process of its own has the same */
	assert_int_equal(proc_kill(pidfd, SIGKILL), 0);
	assert_int_equal(proc_reap(pid, pidfd, clock_deadline(5000), &status), 0);
	assert_int_equal(ns_maps_of(user, &again), 0);
	assert_int_equal(again.uid_count, 2);
	assert_int_equal(again.gid_count, 1);
	assert_memory_equal(again.uid, map, sizeof(map));
	assert_memory_equal(again.gid, map, sizeof(map[0]));
	assert_int_equal(ns_maps_of(mnt, &again), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_and_owners),
		cmocka_unit_test(maps_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
