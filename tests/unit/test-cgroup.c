/* cgroups: the mount table is read right on every layout; nodes are made, joined, frozen, killed and removed. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/proc.h"
#include "linux/cgroup.h"
#include "linux/ns.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void parse(const char *text, struct facts *f)
{
	char *copy = strdup(text);

	memset(f, 0, sizeof(*f));
	facts_parse_mountinfo(copy, f);
	free(copy);
}

static void mount_tables_are_read(void **state)
{
	struct facts f;

	(void)state;
	parse("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
	      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
	      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	      "36 31 0:33 /docker/x /mnt/elsewhere rw - cgroup cgroup rw,pids\n"
	      "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
	      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
	      &f);
	assert_string_equal(f.v1_mount[CG_CPU], "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(f.v1_mount[CG_CPUACCT], "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(f.v1_mount[CG_MEMORY], "/sys/fs/cgroup/memory");
	assert_string_equal(f.v1_mount[CG_PIDS], ""); /* not the hierarchy's root */
	assert_string_equal(f.v1_mount[CG_SYSTEMD], "/sys/fs/cgroup/systemd");
	assert_string_equal(f.v2_mount, "/sys/fs/cgroup/unified");
	parse("24 1 0:21 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\ngarbage\n- - -\n", &f);
	assert_string_equal(f.v2_mount, "/sys/fs/cgroup");
	assert_string_equal(f.v1_mount[CG_MEMORY], "");
}

static pid_t spawn_in(struct cgroup *cg, int *pidfd)
{
	int tasks[CG_CONTROLLER_COUNT];
	int n = cgroup_open_tasks(cg, tasks);
	pid_t pid;

	assert_true(n >= 0);
	pid = ns_clone(0, cg->v2_payload, false, pidfd);
	if (pid == 0) {
		if (cgroup_join_tasks(tasks, (size_t)n) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	for (int i = 0; i < n; i++)
		fd_close(&tasks[i]);
	assert_true(pid > 0);
	return pid;
}

static void one_life(const struct facts *f, const char *group)
{
	struct cgroup cg, again;
	char text[64];
	autoclose int pidfd = FD_NONE;
	pid_t pid;

	assert_int_equal(cgroup_create(f, group, 1u << CG_PIDS, 0, 0, &again), 0);
	assert_int_equal(cgroup_create(f, group, 1u << CG_PIDS | 1u << CG_MEMORY | 1u << CG_CPUSET, 1000, 1000, &cg), 0); /* a leftover is replaced */
	cgroup_done(&again);
	pid = spawn_in(&cg, &pidfd);
	(void)pid;
	usleep(20000);
	assert_int_equal(cgroup_populated(&cg), 1);
	assert_int_equal(cgroup_create(f, group, 1u << CG_PIDS, 0, 0, &again), -EBUSY);
	assert_int_equal(cgroup_remove(f, group), -EBUSY);
	bool v2 = f->v2_controllers >> CG_PIDS & 1;

	assert_int_equal(cgroup_write(&cg, CG_PIDS, v2, "pids.max", "7"), 0);
	assert_true(cgroup_read(&cg, CG_PIDS, v2, "pids.max", text, sizeof(text)) > 0);
	assert_string_equal(text, "7");
	assert_int_equal(cgroup_freeze(&cg, true, clock_deadline(2000)), 0);
	assert_int_equal(cgroup_is_frozen(&cg), 1);
	assert_int_equal(cgroup_kill(&cg, clock_deadline(5000)), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(cgroup_populated(&cg), 0);
	assert_int_equal(mkdirat(cg.v2_payload, "made-by-guest", 0755), 0);
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(f, group), 0);
	assert_int_equal(cgroup_open(f, group, &cg), -ENOENT);
	assert_int_equal(cgroup_remove(f, group), 0);
}

static void nodes_live_and_go(void **state)
{
	struct facts f;
	struct err e = {0};
	char group[64];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(facts_probe(&f, &e), 0);
	(void)snprintf(group, sizeof(group), "coppice-unit-%d/a", (int)getpid());
	one_life(&f, group);
	/* a host that does not mount v2 itself */
	f.v2_mount[0] = '\0';
	if (f.cgroup != CG_V2)
		one_life(&f, group);
}

static void denied_devices_stay_closed(void **state)
{
	static const struct cg_device rules[] = {{false, 'a', -1, -1, 7}, {true, 'c', 1, 3, 7}};
	struct facts f;
	struct err e = {0};
	struct cgroup cg;
	char group[64];
	int status = -1;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(facts_probe(&f, &e), 0);
	for (int v1 = 0; v1 < 2; v1++) {
		int tasks[CG_CONTROLLER_COUNT], n;

		if (v1)
			f.bpf_devices = false;
		if (v1 ? !f.v1_mount[CG_DEVICES][0] : !f.bpf_devices)
			continue;
		(void)snprintf(group, sizeof(group), "coppice-unit-%d/d%d", (int)getpid(), v1);
		assert_int_equal(cgroup_create(&f, group, 0, 0, 0, &cg), 0);
		assert_int_equal(cgroup_set_devices(&f, &cg, rules, ARRAY_LEN(rules)), 0);
		n = cgroup_open_tasks(&cg, tasks);
		pid = ns_clone(0, cg.v2_payload, false, NULL);
		if (pid == 0) {
			if (cgroup_join_tasks(tasks, (size_t)n) < 0)
				_exit(1);
			_exit(open("/dev/null", O_RDWR) < 0 ? 2 : open("/dev/zero", O_RDONLY) >= 0 ? 3 : errno == EPERM ? 0 : 4);
		}
		for (int i = 0; i < n; i++)
			fd_close(&tasks[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		cgroup_done(&cg);
		assert_int_equal(cgroup_remove(&f, group), 0);
		assert_int_equal(status, 0);
	}
}

/* ---- older kernels ---- */

static pid_t sleeper(int *pidfd)
{
	pid_t pid = ns_clone(0, FD_NONE, false, pidfd);

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a check that fails leaves nobody behind */
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

/* Without cgroup.kill: a plain directory stands in for the node, with what such a kernel has in it. Those listed there and below are killed, and nobody else. */
static void killing_by_list(void **state)
{
	struct scratch s;
	struct cgroup cg;
	autoclose int top = FD_NONE;
	autoclose int one_fd = FD_NONE;
	autoclose int two_fd = FD_NONE;
	autoclose int other_fd = FD_NONE;
	char text[64];
	pid_t one, two, other;
	int status;

	(void)state;
	assert_int_equal(scratch_open(&s), 0);
	top = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	one = sleeper(&one_fd);
	two = sleeper(&two_fd);
	other = sleeper(&other_fd);
	assert_int_equal(mkdirat(top, "payload", 0755), 0);
	assert_int_equal(mkdirat(top, "payload/made-by-guest", 0755), 0);
	assert_int_equal(symlinkat("/proc", top, "link"), 0); /* never followed */
	(void)snprintf(text, sizeof(text), "%d\nnonsense\n0\n99999999999\n", (int)one);
	assert_int_equal(scratch_put(top, "cgroup.procs", text), 0);
	assert_int_equal(scratch_put(top, "payload/cgroup.procs", ""), 0);
	(void)snprintf(text, sizeof(text), "%d\n", (int)two);
	assert_int_equal(scratch_put(top, "payload/made-by-guest/cgroup.procs", text), 0);
	assert_int_equal(scratch_put(top, "cgroup.events", "populated 0\nfrozen 0\n"), 0);
	cgroup_init(&cg);
	cg.v2 = dup(top);
	assert_int_equal(cgroup_kill(&cg, clock_deadline(5000)), 0);
	assert_int_equal(proc_reap(one, one_fd, clock_deadline(5000), &status), 0);
	assert_int_equal(status, 128 + SIGKILL);
	assert_int_equal(proc_reap(two, two_fd, clock_deadline(5000), &status), 0);
	assert_int_equal(status, 128 + SIGKILL);
	/* a node that never empties ends the wait, not us */
	assert_int_equal(scratch_put(top, "cgroup.events", "populated 1\nfrozen 0\n"), 0);
	assert_int_equal(cgroup_kill(&cg, clock_deadline(150)), -ETIMEDOUT);
	assert_int_equal(proc_kill(other_fd, 0), 0);
	assert_int_equal(proc_kill(other_fd, SIGKILL), 0);
	assert_int_equal(proc_reap(other, other_fd, clock_deadline(5000), &status), 0);
	cgroup_done(&cg);
	scratch_close(&s);
}

/* Without CLONE_INTO_CGROUP the monitor moves the child. */
static void moving_from_outside(void **state)
{
	struct facts f;
	struct cgroup cg;
	struct err e = {0};
	autoclose int pidfd = FD_NONE;
	char group[64], path[64], text[512];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(facts_probe(&f, &e), 0);
	(void)snprintf(group, sizeof(group), "coppice-unit-%d/m", (int)getpid());
	assert_int_equal(cgroup_create(&f, group, 0, 0, 0, &cg), 0);
	pid = sleeper(&pidfd);
	assert_int_equal(cgroup_move_v2(&cg, pid), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, group));
	assert_int_equal(cgroup_populated(&cg), 1);
	assert_int_equal(cgroup_kill(&cg, clock_deadline(5000)), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(cgroup_move_v2(&cg, pid) < 0); /* gone */
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&f, group), 0);
}

/* Names that would lead out of the hierarchy, or nowhere. */
static void groups_stay_beneath(void **state)
{
	static const char *const bad[] = {"../escape/x", "coppice-unit-x/../../y", "/../x/y"};
	struct facts f;
	struct cgroup cg;
	struct err e = {0};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(facts_probe(&f, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(cgroup_create(&f, bad[i], 0, 0, 0, &cg) < 0);
		assert_true(cgroup_open(&f, bad[i], &cg) < 0);
	}
	assert_int_equal(cgroup_open(&f, "coppice-unit-x", &cg), -ENOENT); /* nothing was made on the way */
}

static void hostile_mount_tables(void **state)
{
	struct facts f;
	char *text;

	(void)state;
	parse("", &f);
	assert_true(!f.v2_mount[0]);
	/* truncated lines, no options, a separator in the path, an octal escape: no crash, nothing believed that is not there */
	parse("1 2 3\n1 2 0:1 / - cgroup2\n1 2 0:1 / /x rw - cgroup2 cgroup2\n\n - \n- cgroup2 a b\n1 2 0:1 /sub /y rw - cgroup2 cgroup2 rw\n", &f);
	assert_string_equal(f.v2_mount, "");
	/* a mount point that does not fit is not cut to another one */
	assert_true(asprintf(&text, "1 2 0:1 / /%0200d rw - cgroup2 cgroup2 rw\n1 2 0:1 / /%0200d rw - cgroup cgroup rw,memory\n", 7, 7) > 0);
	parse(text, &f);
	free(text);
	assert_string_equal(f.v2_mount, "");
	assert_string_equal(f.v1_mount[CG_MEMORY], "");
	/* the first of a kind wins, prefixes of names are not names */
	parse("1 2 0:1 / /a rw - cgroup cgroup rw,cpuset\n1 2 0:1 / /b rw - cgroup cgroup rw,cpu,cpuacct\n1 2 0:1 / /c rw - cgroup cgroup rw,cpu\n", &f);
	assert_string_equal(f.v1_mount[CG_CPU], "/b");
	assert_string_equal(f.v1_mount[CG_CPUSET], "/a");
	assert_string_equal(f.v2_mount, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_mount_tables),
		cmocka_unit_test(killing_by_list),
		cmocka_unit_test(moving_from_outside),
		cmocka_unit_test(groups_stay_beneath),
		cmocka_unit_test(mount_tables_are_read),
		cmocka_unit_test(nodes_live_and_go),
		cmocka_unit_test(denied_devices_stay_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
