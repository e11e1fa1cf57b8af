/* Real nodes on this machine: limits hold, kill kills, frozen means frozen, nothing stays. Once with what the kernel offers and
 * once with every newer facility denied, so that the fallbacks are tested where they are not needed. Root only. */
#include "linux/cgroup-internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "unit/test.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

struct fixture {
	struct facts facts;
	uid_t owner; /* 0: privileged */
	int group_fd;
	char parent[64], group[128];
	volatile unsigned *shared; /* a page that children write to */
};

static uint64_t soon(void)
{
	return clock_deadline(5000);
}

static int set_up(struct fixture *fx, const char *kind)
{
	struct err e = {0};

	if (facts_probe(&fx->facts, &e) < 0)
		return -1;
	(void)snprintf(fx->parent, sizeof(fx->parent), "coppice-test-%d-%s", (int)getpid(), kind);
	(void)snprintf(fx->group, sizeof(fx->group), "%s/web1", fx->parent);
	fx->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return fx->shared == MAP_FAILED ? -1 : 0;
}

static int set_up_modern(void **state)
{
	static struct fixture fx;

	fx.owner = 100000;
	*state = &fx;
	return set_up(&fx, "new");
}

static int set_up_old(void **state)
{
	static struct fixture fx;
	int r = set_up(&fx, "old");

	fx.facts.cgroup_kill = fx.facts.clone_into_cgroup = fx.facts.bpf_devices = false;
	*state = &fx;
	return r;
}

/* v2 as on a host that does not mount it. In a cgroup namespace of its own, where mount options are not taken. */
static int set_up_private(void **state)
{
	static struct fixture fx;
	int r = set_up(&fx, "private");

	fx.facts.v2_mount[0] = '\0';
	if (fx.facts.cgroup == CG_HYBRID)
		fx.facts.cgroup = CG_V1;
	*state = &fx;
	return r;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = CGROUP_NONE;

	if (cgroup_open(&fx->facts, fx->group, &cg) == 0) {
		(void)!cgroup_kill(&cg, soon());
		cgroup_done(&cg);
		(void)!cgroup_remove(&fx->facts, fx->group);
	}
	(void)munmap((void *)(uintptr_t)fx->shared, 4096);
	return 0;
}

/* Runs @fn in a child inside the group; its return value is the exit status. */
static pid_t spawn(struct fixture *fx, const struct cgroup *cg, int (*fn)(struct fixture *fx))
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	int tasks[CG_CONTROLLER_COUNT], count = cgroup_open_tasks(cg, tasks), gate[2];
	bool by_clone = fx->facts.clone_into_cgroup;
	pid_t pid;

	assert_true(count >= 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	if (by_clone) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cg->v2_payload;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		char go;

		if (cgroup_join_tasks(tasks, (size_t)count) < 0 || (read(gate[0], &go, 1) != 1))
			_exit(99);
		_exit(fn(fx));
	}
	assert_true(pid > 0);
	for (int i = 0; i < count; i++)
		fd_close(&tasks[i]);
	if (!by_clone)
		assert_int_equal(cgroup_move_v2(cg, pid), 0);
	assert_int_equal(write(gate[1], "g", 1), 1);
	fd_close(&gate[0]);
	fd_close(&gate[1]);
	return pid;
}

static int wait_status(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int sleeper(struct fixture *fx)
{
	for (fx->shared[0] = 1; fx->shared[0]; pause())
		;
	return 0;
}

static int counter(struct fixture *fx)
{
	char *own = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (own == MAP_FAILED)
		return 1;
	memset(own, 1, 1u << 20); /* memory that is surely charged here */
	while (++fx->shared[0])
		usleep(500);
	return 0;
}

static void wait_for_life(struct fixture *fx)
{
	for (int i = 0; i < 5000 && fx->shared[0] == 0; i++)
		usleep(1000);
	assert_true(fx->shared[0] > 0);
}

static const uint32_t all = 1u << CG_MEMORY | 1u << CG_CPU | 1u << CG_CPUSET | 1u << CG_PIDS | 1u << CG_IO | 1u << CG_DEVICES;

static struct cgroup create(struct fixture *fx, uint32_t need)
{
	struct cgroup cg = CGROUP_NONE;
	int r = cgroup_create(&fx->facts, fx->group, need, fx->owner, fx->owner, &cg);

	fx->shared[0] = 0;
	if (r < 0)
		print_message("cgroup_create: %s (%s)\n", strerror(-r), cg.why);
	assert_int_equal(r, 0);
	return cg;
}

static void assert_gone(struct fixture *fx)
{
	struct cgroup cg = CGROUP_NONE;
	char path[128];

	assert_int_equal(cgroup_open(&fx->facts, fx->group, &cg), -ENOENT);
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
		if (fx->facts.v1_mount[c][0] == '\0')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", fx->facts.v1_mount[c], fx->parent);
		assert_int_equal(access(path, F_OK), -1);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", fx->facts.v2_mount, fx->parent);
	if (fx->facts.v2_mount[0])
		assert_int_equal(access(path, F_OK), -1);
}

static void life(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = create(fx, all), again = CGROUP_NONE;

	assert_true(cg.v2 >= 0 && cg.v2_payload >= 0);
	assert_int_equal(cgroup_populated(&cg), 0);
	assert_int_equal(cgroup_is_frozen(&cg), 0);
	assert_int_equal(cgroup_open(&fx->facts, fx->group, &again), 0);
	assert_true(fd_same_file(cg.v2, again.v2) && fd_same_file(cg.v2_payload, again.v2_payload));
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		assert_true((cg.v1[c] >= 0) == (again.v1[c] >= 0));
	cgroup_done(&again);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0); /* a missing one is fine */
	assert_gone(fx);
}

static void names(void **state)
{
	static const char *const bad[] = {"", "/", "a//b/c", "../x", "a/..", "a/b/", "/../a", "a b/c", "a//", "a//..", "//a"};
	struct fixture *fx = *state;
	struct cgroup cg = CGROUP_NONE;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cgroup_create(&fx->facts, bad[i], 0, 0, 0, &cg), -EINVAL);
	(void)snprintf(fx->group, sizeof(fx->group), "%s/cgroup.procs", fx->parent); /* a legal container name */
	cg = create(fx, all);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
	(void)snprintf(fx->group, sizeof(fx->group), "%s/web1", fx->parent);
}

/* A place of the user's own: what we made goes, what was there stays and is never taken for ours. */
static void places(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = CGROUP_NONE;
	struct cg_roots roots = CG_ROOTS_NONE;
	char dir[64], group[96], path[128];
	autoclose int top = FD_NONE;

	(void)snprintf(dir, sizeof(dir), "cgu.%d", (int)getpid());
	(void)snprintf(group, sizeof(group), "/%s/a/b//inner", dir);
	assert_int_equal(cg_roots_open(&fx->facts, 0, &roots), 0);
	top = path_open_beneath(roots.v2.mount, ".", O_PATH | O_DIRECTORY, 0);
	assert_int_equal(mkdirat(top, dir, 0755), 0);
	assert_int_equal(cgroup_create(&fx->facts, group, 1u << CG_MEMORY, 0, 0, &cg), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b/inner", dir);
	assert_int_equal(faccessat(top, path, F_OK, 0), 0);
	cgroup_done(&cg);
	assert_int_equal(cgroup_open(&fx->facts, group, &cg), 0);
	assert_string_equal(cg.payload, "inner");
	cgroup_done(&cg);
	assert_int_equal(cgroup_create(&fx->facts, group, 0, 0, 0, &cg), 0); /* a leftover of ours is replaced */
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, group), 0);
	(void)snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(faccessat(top, path, F_OK, 0), -1);
	assert_int_equal(mkdirat(top, path, 0755), 0);
	(void)snprintf(group, sizeof(group), "/%s/a", dir);
	assert_int_equal(cgroup_open(&fx->facts, group, &cg), -ENOENT);
	assert_int_equal(cgroup_create(&fx->facts, group, 0, 0, 0, &cg), -EEXIST);
	assert_non_null(strstr(cg.why, "was not made here"));
	assert_int_equal(cgroup_remove(&fx->facts, group), 0);
	assert_int_equal(unlinkat(top, path, AT_REMOVEDIR), 0); /* it was still there */
	assert_int_equal(unlinkat(top, dir, AT_REMOVEDIR), 0);
	cg_roots_done(&roots);
}

static void leftovers_are_replaced_but_not_the_living(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = create(fx, all), second = CGROUP_NONE;
	char text[64];
	pid_t pid;

	if (cg_home(&fx->facts, CG_PIDS) != CG_HOME_NONE)
		assert_int_equal(cgroup_write(&cg, CG_PIDS, cg_home(&fx->facts, CG_PIDS) == CG_HOME_V2, "pids.max", "7"), 0);
	cgroup_done(&cg);
	cg = create(fx, all);
	assert_true(cgroup_read(&cg, CG_PIDS, cg_home(&fx->facts, CG_PIDS) == CG_HOME_V2, "pids.max", text, sizeof(text)) > 0);
	assert_string_equal(text, "max");
	pid = spawn(fx, &cg, sleeper);
	wait_for_life(fx);
	assert_int_equal(cgroup_create(&fx->facts, fx->group, all, 0, 0, &second), -EBUSY);
	assert_non_null(strstr(second.why, "has processes"));
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), -EBUSY);
	assert_int_equal(cgroup_populated(&cg), 1);
	assert_int_equal(cgroup_kill(&cg, soon()), 0);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

/* Forks for ever, as far as it may. */
static int fork_bomb(struct fixture *fx)
{
	for (fx->shared[0] = 1; fx->shared[0];)
		if (fork() < 0)
			usleep(1000);
	return 0;
}

static void kill_catches_a_fork_bomb(void **state)
{
	struct fixture *fx = *state;
	struct cg_usage usage;
	struct cgroup cg = create(fx, all);
	uint64_t start;
	pid_t pid;

	assert_int_equal(cgroup_write(&cg, CG_PIDS, cg_home(&fx->facts, CG_PIDS) == CG_HOME_V2, "pids.max", "30"), 0);
	pid = spawn(fx, &cg, fork_bomb);
	wait_for_life(fx);
	usleep(50000);
	cgroup_usage(&cg, &usage);
	assert_int_equal(usage.pids_max, 30);
	assert_true(usage.pids_current <= 30 && usage.pids_current >= 2);
	start = clock_now_ms();
	assert_int_equal(cgroup_kill(&cg, soon()), 0);
	print_message("  killed 30 forking processes in %u ms\n", (unsigned)(clock_now_ms() - start));
	assert_int_equal(cgroup_populated(&cg), 0);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

static void frozen_stands_still_and_dies(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = create(fx, all);
	pid_t pid = spawn(fx, &cg, counter);
	unsigned before;

	wait_for_life(fx);
	assert_int_equal(cgroup_freeze(&cg, true, soon()), 0);
	assert_int_equal(cgroup_is_frozen(&cg), 1);
	before = fx->shared[0];
	usleep(20000);
	assert_int_equal(fx->shared[0], before);
	assert_int_equal(cgroup_freeze(&cg, false, soon()), 0);
	assert_int_equal(cgroup_is_frozen(&cg), 0);
	usleep(20000);
	assert_true(fx->shared[0] > before);
	assert_int_equal(cgroup_freeze(&cg, true, soon()), 0);
	assert_int_equal(cgroup_kill(&cg, soon()), 0);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

static int memory_hog(struct fixture *fx)
{
	char *p = mmap(NULL, 64u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fx;
	if (p == MAP_FAILED)
		return 3;
	for (size_t i = 0; i < 64u << 20; i += 4096)
		p[i] = 1;
	return 0;
}

static void memory_limit_holds_below_the_node(void **state)
{
	struct fixture *fx = *state;
	enum cg_home home = cg_home(&fx->facts, CG_MEMORY);
	struct cg_usage usage;
	struct cgroup cg;
	pid_t pid;

	if (home == CG_HOME_NONE)
		skip();
	cg = create(fx, 1u << CG_MEMORY);
	assert_int_equal(cgroup_write(&cg, CG_MEMORY, home == CG_HOME_V2, home == CG_HOME_V2 ? "memory.max" : "memory.limit_in_bytes", "16M"), 0);
	if (home == CG_HOME_V2)
		(void)!cgroup_write(&cg, CG_MEMORY, true, "memory.swap.max", "0");
	else
		(void)!cgroup_write(&cg, CG_MEMORY, false, "memory.memsw.limit_in_bytes", "16M");
	pid = spawn(fx, &cg, memory_hog);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	cgroup_usage(&cg, &usage);
	assert_int_equal(usage.memory_max, 16u << 20);
	assert_true(usage.oom_kills >= 1 && usage.oom_kills != UINT64_MAX);
	assert_true(usage.memory_current <= 16u << 20);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

static int can_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	fd_close(&fd);
	return 0;
}

/* null = allowed, zero = refused; waits and looks again when told. */
static int device_user(struct fixture *fx)
{
	if (can_open("/dev/null") != 0 || can_open("/dev/zero") != EPERM)
		return 1;
	fx->shared[0] = 1;
	for (int i = 0; i < 5000 && fx->shared[1] == 0; i++)
		usleep(1000);
	return can_open("/dev/null") == EPERM && can_open("/dev/zero") == 0 ? 0 : 2;
}

static int opens_both(struct fixture *fx)
{
	(void)fx;
	return can_open("/dev/null") == 0 && can_open("/dev/zero") == 0 ? 0 : 1;
}

static void devices_are_denied_and_exchanged(void **state)
{
	static const struct cg_device first[] = {{false, 'a', -1, -1, 7}, {true, 'c', 1, 3, 7}},
				      second[] = {{false, 'a', -1, -1, 7}, {true, 'c', 1, 5, 3}, {true, 'c', 5, -1, 7}},
				      hole[] = {{false, 'a', -1, -1, 7}, {true, 'c', 1, -1, 7}, {false, 'c', 1, 5, 7}};
	struct fixture *fx = *state;
	struct cgroup cg;
	pid_t pid;

	if (cg_home(&fx->facts, CG_DEVICES) == CG_HOME_NONE)
		skip();
	cg = create(fx, 1u << CG_DEVICES);
	fx->shared[1] = 0;
	assert_int_equal(cgroup_set_devices(&fx->facts, &cg, NULL, 0), 0);
	pid = spawn(fx, &cg, opens_both);
	assert_int_equal(wait_status(pid), 0);
	assert_int_equal(cgroup_set_devices(&fx->facts, &cg, hole, ARRAY_LEN(hole)),
			 cg_home(&fx->facts, CG_DEVICES) == CG_HOME_V2 ? 0 : -EOPNOTSUPP);
	assert_int_equal(cgroup_set_devices(&fx->facts, &cg, first, ARRAY_LEN(first)), 0);
	pid = spawn(fx, &cg, device_user);
	wait_for_life(fx);
	assert_int_equal(cgroup_set_devices(&fx->facts, &cg, second, ARRAY_LEN(second)), 0); /* live */
	fx->shared[1] = 1;
	assert_int_equal(wait_status(pid), 0);
	assert_int_equal(cgroup_set_devices(&fx->facts, &cg, NULL, 0), 0);
	pid = spawn(fx, &cg, opens_both);
	assert_int_equal(wait_status(pid), 0);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

static int count_cpus(struct fixture *fx)
{
	cpu_set_t set;

	(void)fx;
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 99;
}

static void cpuset_shrinks_and_grows(void **state)
{
	struct fixture *fx = *state;
	enum cg_home home = cg_home(&fx->facts, CG_CPUSET);
	struct cgroup cg;
	pid_t pid;

	if (home == CG_HOME_NONE || fx->facts.cpus < 2)
		skip();
	cg = create(fx, 1u << CG_CPUSET);
	pid = spawn(fx, &cg, count_cpus);
	assert_true(wait_status(pid) >= 2);
	assert_int_equal(cgroup_write(&cg, CG_CPUSET, home == CG_HOME_V2, "cpuset.cpus", "1"), 0);
	pid = spawn(fx, &cg, count_cpus);
	assert_int_equal(wait_status(pid), 1);
	assert_int_equal(cgroup_write(&cg, CG_CPUSET, home == CG_HOME_V2, "cpuset.cpus", "0"), 0); /* disjoint from before */
	assert_int_equal(cgroup_write(&cg, CG_CPUSET, home == CG_HOME_V2, "cpuset.cpus", "0-1"), 0);
	pid = spawn(fx, &cg, count_cpus);
	assert_int_equal(wait_status(pid), 2);
	if (home == CG_HOME_V1) { /* v2 takes CPUs that do not exist yet */
		char text[64];

		assert_true(cgroup_write(&cg, CG_CPUSET, false, "cpuset.cpus", "0-4000") < 0);
		assert_true(cgroup_read(&cg, CG_CPUSET, false, "cpuset.cpus", text, sizeof(text)) > 0);
		assert_string_equal(text, "0-1");
	}
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

static void guest_trees_are_bounded_and_removed(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = create(fx, all);
	int at = fd_open(cg.v2_payload, ".", O_PATH | O_DIRECTORY, 0), depth = 0;
	struct stat st;

	while (mkdirat(at, "deeper", 0755) == 0) {
		int next = fd_open(at, "deeper", O_PATH | O_DIRECTORY, 0);

		assert_int_equal(mkdirat(at, "side", 0755), 0);
		fd_close(&at);
		at = next;
		depth++;
		assert_true(depth < 1000);
	}
	fd_close(&at);
	assert_int_equal(depth, CG_GUEST_DEPTH - 1); /* the payload is a level itself */
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);

	assert_int_equal(cgroup_create(&fx->facts, fx->group, all, 100000, 100001, &cg), 0);
	assert_int_equal(fstat(cg.v2, &st), 0);
	assert_true(st.st_uid == 0);
	assert_int_equal(fstat(cg.v2_payload, &st), 0);
	assert_true(st.st_uid == 100000 && st.st_gid == 100001);
	assert_int_equal(fstatat(cg.v2_payload, "cgroup.procs", &st, 0), 0);
	assert_true(st.st_uid == 100000);
	assert_int_equal(fstatat(cg.v2_payload, "cgroup.freeze", &st, 0), 0);
	assert_true(st.st_uid == 0);
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++)
		if (cg.v1_payload[c] >= 0) {
			assert_int_equal(fstat(cg.v1_payload[c], &st), 0);
			assert_true(st.st_uid == 0);
		}
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

static void listing(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg = create(fx, all);
	struct cg_roots roots = CG_ROOTS_NONE;
	struct cg_state st;
	struct cg_usage usage;
	pid_t pid = spawn(fx, &cg, counter);
	int leaf;

	wait_for_life(fx);
	assert_int_equal(cg_roots_open(&fx->facts, all | 1u << CG_FREEZER, &roots), 0);
	assert_int_equal(cgroup_peek(&roots, fx->group, &st), 0);
	assert_true(st.populated && !st.frozen);
	assert_int_equal(cgroup_freeze(&cg, true, soon()), 0);
	assert_int_equal(cgroup_peek(&roots, fx->group, &st), 0);
	assert_true(st.populated && st.frozen);
	cgroup_peek_usage(&roots, fx->group, all, &usage);
	assert_int_equal(usage.pids_current, 1);
	assert_true(usage.memory_current > 0 && usage.memory_current < 64u << 20);
	assert_true(usage.cpu_usec != UINT64_MAX);
	assert_true(usage.memory_max == UINT64_MAX);
	cgroup_usage(&cg, &usage);
	assert_true(usage.pids_current == 1 && usage.memory_current < 64u << 20 && usage.cpu_usec != UINT64_MAX);
	leaf = cgroup_open_leaf(&cg);
	assert_true(leaf >= 0 && fd_same_file(leaf, cg.v2_payload));
	fd_close(&leaf);
	assert_int_equal(cgroup_kill(&cg, soon()), 0);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_int_equal(cgroup_peek(&roots, fx->group, &st), -ENOENT);
	cg_roots_done(&roots);
	assert_gone(fx);
}

/* A guest's init has made the payload an inner node: more processes need a leaf. */
static void exec_finds_a_leaf(void **state)
{
	struct fixture *fx = *state;
	struct cgroup cg, exec = CGROUP_NONE;
	struct stat st;
	pid_t pid;

	if (cg_home(&fx->facts, CG_PIDS) != CG_HOME_V2)
		skip();
	cg = create(fx, all);
	assert_int_equal(fd_write_file(cg.v2_payload, "cgroup.subtree_control", "+pids"), 0);
	exec.v2_payload = cgroup_open_leaf(&cg);
	assert_true(exec.v2_payload >= 0 && !fd_same_file(exec.v2_payload, cg.v2_payload));
	assert_int_equal(fstat(exec.v2_payload, &st), 0);
	assert_true(st.st_uid == fx->owner);
	pid = spawn(fx, &exec, sleeper);
	wait_for_life(fx);
	assert_int_equal(cgroup_populated(&cg), 1);
	assert_int_equal(cgroup_kill(&cg, soon()), 0);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	cgroup_done(&exec);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

/* A mount point that is no hierarchy (any more) is an ordinary directory: nothing may be made in it, and what was made elsewhere goes. */
static void failure_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	struct facts f = fx->facts;
	struct cgroup cg = CGROUP_NONE;
	char dir[] = "/tmp/coppice-test-XXXXXX", inside[160];

	assert_non_null(mkdtemp(dir));
	(void)snprintf(f.v1_mount[CG_PIDS], sizeof(f.v1_mount[CG_PIDS]), "%s", dir);
	f.v2_controllers &= ~(1u << CG_PIDS);
	assert_int_equal(cgroup_create(&f, fx->group, all, fx->owner, fx->owner, &cg), -ENOENT);
	assert_non_null(strstr(cg.why, "'pids'"));
	assert_true(cg.v2 < 0);
	(void)snprintf(inside, sizeof(inside), "%s/%s", dir, fx->parent);
	assert_int_equal(access(inside, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
	assert_gone(fx);
}

static int make_and_remove(struct fixture *fx, const char *name)
{
	char group[128];

	(void)snprintf(group, sizeof(group), "%s/%s", fx->parent, name);
	for (int i = 0; i < 30; i++) {
		struct cgroup cg = CGROUP_NONE;
		int r = cgroup_create(&fx->facts, group, all, fx->owner, fx->owner, &cg);

		if (r < 0) {
			print_message("  create %s: %s (%s)\n", name, strerror(-r), cg.why);
			return 1;
		}
		cgroup_done(&cg);
		r = cgroup_remove(&fx->facts, group);
		if (r < 0) {
			print_message("  remove %s: %s\n", name, strerror(-r));
			return 2;
		}
	}
	return 0;
}

/* Each removes the shared parent under the other's feet. */
static void neighbours_do_not_disturb(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = fork();

	if (pid == 0)
		_exit(make_and_remove(fx, "left"));
	assert_true(pid > 0);
	assert_int_equal(make_and_remove(fx, "right"), 0);
	assert_int_equal(wait_status(pid), 0);
	assert_gone(fx);
}

/* In a child, as somebody to whom the node above its own was delegated. */
static int somebody(struct fixture *fx)
{
	struct cgroup cg = CGROUP_NONE, again = CGROUP_NONE;
	int r;

	if (setresgid(12345, 12345, 12345) < 0 || setresuid(12345, 12345, 12345) < 0)
		return 1;
	r = cgroup_create(&fx->facts, "coppice-test-inner/web1", 0, 12345, 12345, &cg);
	if (r < 0) {
		print_message("  %s (%s)\n", strerror(-r), cg.why);
		return 2;
	}
	if (cgroup_open(&fx->facts, "coppice-test-inner/web1", &again) < 0 || !fd_same_file(cg.v2, again.v2))
		return 3;
	if (faccessat(fx->group_fd, "coppice-test-inner/web1/payload", F_OK, 0) < 0)
		return 4;
	cgroup_done(&cg);
	cgroup_done(&again);
	if (cgroup_remove(&fx->facts, "coppice-test-inner/web1") < 0)
		return 5;
	return faccessat(fx->group_fd, "coppice-test-inner", F_OK, 0) == 0 ? 6 : 0;
}

static void a_delegated_place_is_found(void **state)
{
	static const char *const files[] = {"", "cgroup.procs", "cgroup.subtree_control"};
	struct fixture *fx = *state;
	struct cgroup cg, session = CGROUP_NONE;
	pid_t pid;

	if (fx->facts.v2_mount[0] == '\0')
		skip(); /* our own mount needs root */
	cg = create(fx, 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		assert_int_equal(fchownat(cg.v2_payload, files[i], 12345, 12345, AT_EMPTY_PATH), 0);
	assert_int_equal(mkdirat(cg.v2_payload, "session", 0755), 0);
	session.v2_payload = fd_open(cg.v2_payload, "session", O_PATH | O_DIRECTORY, 0);
	fx->group_fd = cg.v2_payload;
	pid = spawn(fx, &session, somebody);
	assert_int_equal(wait_status(pid), 0);
	cgroup_done(&session);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&fx->facts, fx->group), 0);
	assert_gone(fx);
}

#define LIFE_TESTS(setup)                                                                                                                  \
	cmocka_unit_test_setup_teardown(life, setup, tear_down), cmocka_unit_test_setup_teardown(names, setup, tear_down), cmocka_unit_test_setup_teardown(places, setup, tear_down),                 \
		cmocka_unit_test_setup_teardown(leftovers_are_replaced_but_not_the_living, setup, tear_down),                                  \
		cmocka_unit_test_setup_teardown(kill_catches_a_fork_bomb, setup, tear_down),                                                   \
		cmocka_unit_test_setup_teardown(frozen_stands_still_and_dies, setup, tear_down),                                               \
		cmocka_unit_test_setup_teardown(memory_limit_holds_below_the_node, setup, tear_down),                                          \
		cmocka_unit_test_setup_teardown(devices_are_denied_and_exchanged, setup, tear_down),                                           \
		cmocka_unit_test_setup_teardown(cpuset_shrinks_and_grows, setup, tear_down),                                                   \
		cmocka_unit_test_setup_teardown(guest_trees_are_bounded_and_removed, setup, tear_down),                                        \
		cmocka_unit_test_setup_teardown(listing, setup, tear_down),                                                                    \
		cmocka_unit_test_setup_teardown(exec_finds_a_leaf, setup, tear_down),                                                          \
		cmocka_unit_test_setup_teardown(failure_leaves_nothing, setup, tear_down),                                                     \
		cmocka_unit_test_setup_teardown(neighbours_do_not_disturb, setup, tear_down)

int main(void)
{
	(void)setvbuf(stdout, NULL, _IONBF, 0); /* what a forked child inherits of a buffer would be said twice */
	const struct CMUnitTest modern[] = {LIFE_TESTS(set_up_modern),
						cmocka_unit_test_setup_teardown(a_delegated_place_is_found, set_up_modern, tear_down)},
				old[] = {LIFE_TESTS(set_up_old)}, private_v2[] = {LIFE_TESTS(set_up_private)};
	struct facts f;
	struct err e = {0};
	int failed;

	if (geteuid() != 0 || facts_probe(&f, &e) < 0 || f.cgroup == CG_NONE) {
		(void)puts("skipped: needs root and a cgroup file system");
		return 77;
	}
	failed = cmocka_run_group_tests_name("what the kernel offers", modern, NULL, NULL);
	failed += cmocka_run_group_tests_name("without the newer facilities", old, NULL, NULL);
	if (f.cgroup == CG_V2)
		(void)puts("skipped: v2 through a mount of our own is for hosts with v1 controllers");
	else if (unshare(CLONE_NEWCGROUP) == 0)
		failed += cmocka_run_group_tests_name("v2 through a mount of our own", private_v2, NULL, NULL);
	return failed;
}
