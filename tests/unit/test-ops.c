/* The two tables of steps fit together: every kind has a word, a side, a function where its side does something, and an undo or the reason why there is none. */
#include "apply/ops.h"
#include "base/clock.h"
#include "base/fd.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static bool must_undo(enum step_kind k)
{
	return k == STEP_JOURNAL || k == STEP_CGROUP || k == STEP_CGROUP_MONITOR || k == STEP_CLASS || k == STEP_CHILD || k == STEP_NET_BEGIN || k == STEP_USER_NET || k == STEP_HOOKS;
}

static void every_kind_has_an_undo_or_a_reason(void **state)
{
	(void)state;
	for (int k = 0; k < STEP_KIND_COUNT; k++) {
		const char *why = ops_why_no_undo((enum step_kind)k);

		assert_string_not_equal(step_word((enum step_kind)k), "?");
		assert_in_range(step_side_of((enum step_kind)k), SIDE_DATA, SIDE_CHILD);
		assert_int_equal(why == NULL, must_undo((enum step_kind)k));
		if (why)
			assert_true(strlen(why) > 3);
		/* only what is on the host can be left behind */
		if (!why)
			assert_int_equal(step_side_of((enum step_kind)k), SIDE_HOST);
	}
}

/* What leaves more behind than descriptors does not call itself harmless. */
static void reasons_fit_their_kinds(void **state)
{
	(void)state;
	assert_string_equal(ops_why_no_undo(STEP_LIMIT), ops_why_no_undo(STEP_DEVICES));
	assert_non_null(strstr(ops_why_no_undo(STEP_LIMIT), "cgroup"));
	assert_non_null(strstr(ops_why_no_undo(STEP_STAGE), "monitor"));
	assert_non_null(strstr(ops_why_no_undo(STEP_MOUNT), "child"));
	assert_string_equal(ops_why_no_undo(STEP_RESTORE), ops_why_no_undo(STEP_MOUNT));
	assert_string_equal(ops_why_no_undo(STEP_SIGNALS), "data");
}

/* A data step does nothing and cannot fail. */
static void data_steps_do_nothing(void **state)
{
	struct plan p = {0};
	struct apply a;
	struct err e = {0};

	(void)state;
	apply_init(&a, &p);
	for (int k = 0; k < STEP_KIND_COUNT; k++) {
		struct step st = {.kind = (uint32_t)k};

		if (step_side_of((enum step_kind)k) == SIDE_DATA)
			assert_int_equal(ops_apply(&a, &st, &e), 0);
		/* undoing what was never done is nothing, too: no state, no child, no cgroup */
		if (step_side_of((enum step_kind)k) != SIDE_HOST || !must_undo((enum step_kind)k) || k == STEP_CHILD || k == STEP_JOURNAL || k == STEP_HOOKS)
			ops_undo(&a, &st);
	}
	assert_false(err_is(&e));
	apply_done(&a);
}

/* Everything an apply owns is empty after init, and done leaves it empty: no descriptor 0 is closed by mistake, twice is once. */
static void init_and_done_close_nothing_of_others(void **state)
{
	struct plan p = {0};
	struct apply a;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(before > 0);
	apply_init(&a, &p);
	apply_done(&a);
	apply_done(&a);
	for (int fd = 0; fd <= 2; fd++)
		assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_true(fcntl(before, F_GETFD) >= 0);
	fd_close(&before);
}

/* An apply of an empty plan has no container in it: undo, whatever the order, is harmless. */
static void undo_of_nothing(void **state)
{
	struct plan p = {0};
	struct apply a;

	(void)state;
	apply_init(&a, &p);
	apply_undo(&a);
	apply_undo(&a);
	apply_done(&a);
}

/* ---- targets inside the tree: strangers made it ---- */


static void targets_never_leave_the_tree(void **state)
{
	static const struct {
		const char *target;
		uint64_t create;
		int want;
	} asks[] = {
		{"plain", 0, 0},
		{"plain/sub/deep", PLAN_CREATE_DIR, 0},
		{"plain/sub/file", PLAN_CREATE_FILE, 0},
		{"out", PLAN_CREATE_DIR, -ELOOP},	   /* -> victim */
		{"out/x", PLAN_CREATE_DIR, -ELOOP},
		{"out/x", PLAN_CREATE_FILE, -ELOOP},
		{"up/x", PLAN_CREATE_DIR, -ELOOP},	   /* -> .. */
		{"in/x", PLAN_CREATE_DIR, -ELOOP},	   /* -> plain: even inside, it could be swapped meanwhile */
		{"dangling", PLAN_CREATE_FILE, -ELOOP},   /* would be made outside */
		{"loop/x", PLAN_CREATE_DIR, -ELOOP},
		{"proc", PLAN_CREATE_DIR, -ELOOP},	   /* -> /proc/self/root */
		{"missing", 0, -ENOENT},
		{"missing", PLAN_OPTIONAL, -ENOENT},
		{"../esc", PLAN_CREATE_DIR, -EXDEV},
		{"plain/../../esc", PLAN_CREATE_DIR, -EXDEV},
		{"../esc", PLAN_CREATE_FILE, -EXDEV},
	};
	struct scratch s;
	struct plan p = {0};
	struct apply a;
	char victim[512], text[512];
	autoclose int top = FD_NONE;

	(void)state;
	assert_int_equal(scratch_open(&s), 0);
	top = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(top >= 0);
	assert_int_equal(mkdirat(top, "victim", 0755), 0);
	assert_int_equal(mkdirat(top, "tree", 0755), 0);
	apply_init(&a, &p);
	a.root = openat(top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(a.root >= 0);
	assert_int_equal(mkdirat(a.root, "plain", 0755), 0);
	(void)scratch_at(&s, victim, "victim");
	assert_int_equal(symlinkat(victim, a.root, "out"), 0);
	assert_int_equal(symlinkat("..", a.root, "up"), 0);
	assert_int_equal(symlinkat("plain", a.root, "in"), 0);
	assert_int_equal(symlinkat(scratch_at(&s, text, "victim/made"), a.root, "dangling"), 0);
	assert_int_equal(symlinkat("loop", a.root, "loop"), 0);
	assert_int_equal(symlinkat("/proc/self/root", a.root, "proc"), 0);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		struct err e = {0};
		autoclose int fd = apply_target(&a, asks[i].target, asks[i].create, &e);

		if ((fd >= 0 ? 0 : fd) != asks[i].want)
			fail_msg("'%s' gives %d, not %d (%s)", asks[i].target, fd, asks[i].want, e.why);
		/* an optional target that is missing is no error */
		assert_int_equal(err_is(&e), fd < 0 && !(asks[i].create & PLAN_OPTIONAL));
	}
	assert_int_equal(unlinkat(top, "victim", AT_REMOVEDIR), 0); /* still empty */
	assert_int_equal(unlinkat(top, "esc", AT_REMOVEDIR), -1);
	apply_done(&a);
	scratch_close(&s);
}

/* ---- resolv.conf ---- */

#define RESOLV "nameserver 10.87.0.1\n"

static void file_is(int dir, const char *name, const char *want, bool ours)
{
	struct buf have = BUF_INIT;
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	const char *text;

	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, &have, 65536), 0);
	text = buf_str(&have);
	if (ours) {
		assert_memory_equal(text, "# written by coppice", 20);
		text = strchr(text, '\n') + 1;
	}
	assert_string_equal(text, want);
	buf_done(&have);
}

static void write_file(int dir, const char *name, const char *text)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void resolv_conf_of_others_stays(void **state)
{
	struct scratch s;
	struct err e = {0};
	autoclose int top = FD_NONE;

	(void)state;
	assert_int_equal(scratch_open(&s), 0);
	top = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0); /* no /etc */
	assert_int_equal(faccessat(top, "etc", F_OK, 0), -1);
	assert_int_equal(mkdirat(top, "etc", 0755), 0);
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	file_is(top, "etc/resolv.conf", RESOLV, true);
	assert_int_equal(apply_resolv(top, "nameserver ::1\n", &e), 0); /* ours: anew, also when it becomes shorter */
	file_is(top, "etc/resolv.conf", "nameserver ::1\n", true);
	write_file(top, "etc/resolv.conf", "");
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	file_is(top, "etc/resolv.conf", RESOLV, true);
	write_file(top, "etc/resolv.conf", "nameserver 192.0.2.1\n");
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	file_is(top, "etc/resolv.conf", "nameserver 192.0.2.1\n", false);
	/* links, even to an empty file of the tree's own */
	assert_int_equal(unlinkat(top, "etc/resolv.conf", 0), 0);
	write_file(top, "victim", "");
	assert_int_equal(symlinkat("../victim", top, "etc/resolv.conf"), 0);
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	file_is(top, "victim", "", false);
	assert_int_equal(unlinkat(top, "etc/resolv.conf", 0), 0);
	assert_int_equal(mkfifoat(top, "etc/resolv.conf", 0644), 0);
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	assert_int_equal(unlinkat(top, "etc/resolv.conf", 0), 0);
	assert_int_equal(mkdirat(top, "etc/resolv.conf", 0755), 0);
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	assert_int_equal(unlinkat(top, "etc/resolv.conf", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(top, "etc", top, "real"), 0);
	assert_int_equal(symlinkat("real", top, "etc"), 0);
	assert_int_equal(apply_resolv(top, RESOLV, &e), 0);
	assert_int_equal(faccessat(top, "real/resolv.conf", F_OK, 0), -1);
	assert_false(err_is(&e));
	scratch_close(&s);
}

/* ---- the network helper ---- */

#define BEGIN 1u /* index of NET_BEGIN in the plan below */

/* container, net_begin, nic, nic_hw, nic_address, net_wait, seal_stage */
struct net_test {
	struct scratch s;
	struct step steps[7];
	struct plan plan;
	struct apply a;
	char log[512];
};

static void net_open(struct net_test *t, const char *helper, const char *how)
{
	static const enum step_kind kinds[] = {STEP_CONTAINER, STEP_NET_BEGIN, STEP_NIC, STEP_NIC_HW, STEP_NIC_ADDRESS, STEP_NET_WAIT, STEP_SEAL_STAGE};

	*t = (struct net_test){0};
	assert_int_equal(scratch_open(&t->s), 0);
	(void)scratch_at(&t->s, t->log, "log");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		t->steps[i].kind = kinds[i];
	t->steps[BEGIN].text[0] = helper;
	t->steps[BEGIN + 1].text[0] = "veth";
	t->steps[BEGIN + 1].text[1] = how;
	t->steps[BEGIN + 1].text[2] = t->log;
	t->steps[BEGIN + 3].text[0] = "10.0.0.2/24";
	t->plan = (struct plan){.steps = t->steps, .count = ARRAY_LEN(kinds)};
	apply_init(&t->a, &t->plan);
	t->a.deadline = clock_deadline(20000);
	t->a.netns = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the helper only looks whether there is one */
}

static void net_close(struct net_test *t)
{
	apply_done(&t->a);
	scratch_close(&t->s);
}

static int net_run(struct net_test *t, struct err *e)
{
	int r = ops_run(&t->a, BEGIN, e);

	return r < 0 ? r : ops_run(&t->a, BEGIN + 4, e);
}

static void logged(const struct net_test *t, const char *want)
{
	struct buf have = BUF_INIT;
	autoclose int fd = open(t->log, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		assert_int_equal(fd_read_all(fd, &have, 65536), 0);
	assert_string_equal(buf_str(&have), want);
	buf_done(&have);
}

static void the_helper_does_its_steps(void **state)
{
	struct net_test t;
	struct err e = {0};

	(void)state;
	net_open(&t, NET_HELPER, "ok");
	if (net_run(&t, &e) < 0)
		fail_msg("%s", e.why);
	logged(&t, "apply nic nic_hw nic_address\n");
	assert_string_equal(t.a.record.addresses, "ok=10.0.0.2");
	apply_net_reap(&t.a);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(t.a.net_pid, 0);
	assert_true(t.a.netns >= 0); /* for the undo */
	ops_undo(&t.a, &t.steps[BEGIN]);
	ops_undo(&t.a, &t.steps[BEGIN]);
	logged(&t, "apply nic nic_hw nic_address\nundo nic nic_hw nic_address\nundo no-netns nic nic_hw nic_address\n");
	assert_int_equal(t.a.netns, FD_NONE);
	assert_int_equal(apply_net_undo(&t.plan, FD_NONE, &e), 0);
	net_close(&t);
}

/* Whatever becomes of it: the first cause with the number of its step in the whole plan, in bounded time, and the undo still runs. */
static void a_helper_that_fails(void **state)
{
	static const struct {
		const char *helper, *how, *why;
		enum err_kind kind;
		uint32_t step;
	} rows[] = {
		{NET_HELPER, "fail", "nic_hw: no such bridge 'br9'", ERR_MISSING, 4},
		{NET_HELPER, "die", "net_wait: the network helper ended too early (status 3)", ERR_SYSTEM, 6},
		{NET_HELPER, "mute", "net_wait: the network helper ended too early (status 0)", ERR_SYSTEM, 6},
		{NET_HELPER, "babble", "net_wait: the network helper answered out of turn", ERR_INTERNAL, 6},
		{NET_HELPER, "hang", "net_wait: the network helper did not finish in time", ERR_TIMEOUT, 6},
		{"/nowhere/coppice-net", "ok", "net_wait: run '/nowhere/coppice-net': No such file or directory", ERR_MISSING, 6},
		{NULL, "ok", "net_begin: the plan names no network helper", ERR_INTERNAL, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_test t;
		struct err e = {0};

		net_open(&t, rows[i].helper, rows[i].how);
		if (strcmp(rows[i].how, "hang") == 0)
			t.a.deadline = clock_deadline(200);
		assert_true(net_run(&t, &e) < 0);
		if (strncmp(e.why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("tells '%s', not '%s'", e.why, rows[i].why);
		assert_int_equal(e.kind, rows[i].kind);
		assert_int_equal(e.step, rows[i].step);
		assert_int_equal(t.a.net_pid, 0);
		ops_undo(&t.a, &t.steps[BEGIN]);
		if (rows[i].helper && strcmp(rows[i].helper, NET_HELPER) == 0)
			logged(&t, "apply nic nic_hw nic_address\nundo nic nic_hw nic_address\n");
		net_close(&t);
	}
}

/* Undone while it is still at work: it is ended first, and nobody of ours stays behind. */
static void a_helper_at_work_is_ended(void **state)
{
	struct net_test t;
	struct err e = {0};
	pid_t pid;

	(void)state;
	net_open(&t, NET_HELPER, "hang");
	assert_int_equal(ops_run(&t.a, BEGIN, &e), 0);
	pid = t.a.net_pid;
	assert_true(pid > 0);
	ops_undo(&t.a, &t.steps[BEGIN]);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(t.a.net_pid, 0);
	net_close(&t);
}

/* An artificial failure at a step of the helper's: it does those before it, and it too when the failure comes after. */
static void faults_among_its_steps(void **state)
{
	static const char *const words[] = {"nic", "nic_hw", "nic_address"};

	(void)state;
	for (uint32_t k = 0; k < ARRAY_LEN(words); k++) {
		for (int kind = APPLY_FAULT_STEP; kind <= APPLY_FAULT_KILL; kind++) {
			uint32_t done = k + (kind != APPLY_FAULT_STEP);
			char want[128] = "apply", why[64];
			struct net_test t;
			struct err e = {0};
			int status;

			net_open(&t, NET_HELPER, "ok");
			t.a.fault = (struct apply_fault){(enum apply_fault_kind)kind, BEGIN + 2 + k};
			for (uint32_t i = 0; i < done; i++)
				(void)snprintf(want + strlen(want), sizeof(want) - strlen(want), " %s", words[i]);
			(void)snprintf(want + strlen(want), sizeof(want) - strlen(want), "\n");
			if (kind == APPLY_FAULT_KILL) {
				pid_t pid = fork();

				if (pid == 0)
					_exit(net_run(&t, &e) == 0);
				assert_int_equal(waitpid(pid, &status, 0), pid);
				assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
			} else {
				assert_int_equal(net_run(&t, &e), -EIO);
				(void)snprintf(why, sizeof(why), "%s: injected fault", words[k]);
				assert_string_equal(e.why, why);
				assert_int_equal(e.step, t.a.fault.step);
			}
			logged(&t, done ? want : ""); /* without a NIC it does not know where to write */
			net_close(&t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_an_undo_or_a_reason),
		cmocka_unit_test(reasons_fit_their_kinds),
		cmocka_unit_test(data_steps_do_nothing),
		cmocka_unit_test(init_and_done_close_nothing_of_others),
		cmocka_unit_test(undo_of_nothing),
		cmocka_unit_test(targets_never_leave_the_tree),
		cmocka_unit_test(resolv_conf_of_others_stays),
		cmocka_unit_test(the_helper_does_its_steps),
		cmocka_unit_test(a_helper_that_fails),
		cmocka_unit_test(a_helper_at_work_is_ended),
		cmocka_unit_test(faults_among_its_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
