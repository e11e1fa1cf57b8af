/* The monitor's loop for real: a process of its own beside an init that is only a child of it, asked over its control socket by clients that behave and clients that do not. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/msg.h"
#include "base/proc.h"
#include "linux/cgroup.h"
#include "linux/ns.h"
#include "spec/spec.h"
#include "supervise/machine.h"
#include "supervise/monitor.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct scratch scratch;

/* ---- a monitor and its init ---- */

struct stage {
	int run_dir;
	pid_t monitor, init;
	int monitor_fd, init_fd;
	int slave; /* terminal side of the console */
};

struct told {
	int end, exit, failed;
};

struct want {
	int restart;
	uint64_t grace_ms;
	bool deaf; /* init ignores SIGTERM */
};

static NORETURN void fake_init(pid_t parent)
{
	sigset_t set;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* died before we asked */
		_exit(0);
	(void)sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	for (;;)
		pause();
}

static NORETURN void be_monitor(const struct want *w, int run_dir, int report, int master)
{
	struct cgroup none;
	struct monitor *m = NULL;
	struct err e = {0};
	struct told told = {0};
	enum monitor_end end = MONITOR_STOPPED;
	int pidfd = FD_NONE, pid;
	pid_t me = getpid();

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	cgroup_init(&none);
	(void)signal(SIGTERM, w->deaf ? SIG_IGN : SIG_DFL); /* before there is an init that could miss it */
	pid = ns_clone(0, FD_NONE, false, &pidfd);
	if (pid == 0)
		fake_init(me);
	(void)signal(SIGTERM, SIG_DFL);

	struct monitor_options o = {.name = "web1", .init_pidfd = pidfd, .init_pid = pid, .init_child = true, .run_dir = run_dir, .log_dir = FD_NONE, .ring_size = 4096,
				    .masters = &master, .master_count = 1, .first_viewer = FD_NONE, .console_peer = FD_NONE, .face = FD_NONE, .cgroup = &none, .stop_timeout_ms = w->grace_ms,
				    .restart = w->restart};

	if (monitor_open(&o, &m, &e) < 0)
		_exit(1);
	if (write(report, &pid, sizeof(pid)) != sizeof(pid))
		_exit(2);
	told.failed = monitor_run(m, &end, &told.exit, &e) < 0;
	told.end = (int)end;
	monitor_close(&m);
	monitor_close(&m); /* of nothing */
	_exit(write(report, &told, sizeof(told)) == sizeof(told) ? 0 : 3);
}

static int report_read = FD_NONE;

static void up(struct stage *s, const struct want *w)
{
	int report[2], unlock = 0, master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(ioctl(master, TIOCSPTLCK, &unlock), 0);
	s->slave = ioctl(master, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(s->slave >= 0);
	s->run_dir = fd_open(AT_FDCWD, scratch.path, O_RDONLY | O_DIRECTORY, 0);
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	s->monitor = ns_clone(0, FD_NONE, false, &s->monitor_fd);
	assert_true(s->monitor >= 0);
	if (s->monitor == 0) {
		fd_close(&report[0]);
		be_monitor(w, s->run_dir, report[1], master);
	}
	fd_close(&report[1]);
	fd_close(&master);
	report_read = report[0];
	assert_int_equal(read(report_read, &s->init, sizeof(s->init)), sizeof(s->init));
	s->init_fd = FD_NONE;
}

/* Waits for the end and what the monitor made of it. */
static struct told down(struct stage *s)
{
	struct pollfd p = {.fd = report_read, .events = POLLIN};
	struct told t = {0};
	int status = -1;

	assert_int_equal(poll(&p, 1, 15000), 1);
	assert_int_equal(read(report_read, &t, sizeof(t)), sizeof(t));
	assert_int_equal(proc_reap(s->monitor, s->monitor_fd, clock_deadline(10000), &status), 0);
	assert_int_equal(status, 0);
	assert_false(t.failed);
	fd_close(&report_read);
	fd_close(&s->monitor_fd);
	fd_close(&s->slave);
	monitor_forget_socket(s->run_dir);
	fd_close(&s->run_dir);
	return t;
}

static int ask(const struct stage *s, uint32_t type, int64_t value, uint64_t extra, struct msg *m, int *fd)
{
	struct err e = {0};

	return monitor_ask(s->run_dir, type, value, extra, m, fd, &e);
}

static void still_answers(const struct stage *s)
{
	struct msg m = {0};

	assert_int_equal(ask(s, MSG_PING, 0, 0, &m, NULL), 0);
	assert_int_equal(m.type, MSG_OK);
}

static unsigned open_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* End of file on a connection the monitor has dropped. */
static void is_dropped(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_true(recv(fd, &c, 1, 0) <= 0);
}

/* ---- ends ---- */

static void every_end_is_told(void **state)
{
	static const struct {
		struct want want;
		int signal; /* that ends init */
		bool stopping;
		int end, exit;
	} cases[] = {
		{{SPEC_RESTART_NO, 1000, false}, SIGKILL, false, MONITOR_STOPPED, 137},
		{{SPEC_RESTART_NO, 1000, false}, SIGHUP, false, MONITOR_AGAIN, 129},	 /* reboot(2) inside */
		{{SPEC_RESTART_NO, 1000, false}, SIGHUP, true, MONITOR_STOPPED, 129},	 /* but somebody is stopping it */
		{{SPEC_RESTART_NO, 1000, false}, SIGINT, false, MONITOR_STOPPED, 0},	 /* power off is a good end */
		{{SPEC_RESTART_ALWAYS, 1000, false}, SIGINT, false, MONITOR_AGAIN, 0},
		{{SPEC_RESTART_ON_FAILURE, 1000, false}, SIGINT, false, MONITOR_STOPPED, 0},
		{{SPEC_RESTART_ON_FAILURE, 1000, false}, SIGKILL, false, MONITOR_AGAIN, 137},
		{{SPEC_RESTART_ALWAYS, 1000, false}, SIGKILL, true, MONITOR_STOPPED, 137},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct stage s;
		struct told t;
		struct msg m = {0};

		up(&s, &cases[i].want);
		if (cases[i].stopping) {
			/* given up, and asked anew */
			assert_int_equal(ask(&s, MSG_STOPPING, 0, 0, &m, NULL), 0);
			assert_int_equal(ask(&s, MSG_STOPPING, 1, 0, &m, NULL), 0);
			assert_int_equal(ask(&s, MSG_PING, 0, 0, &m, NULL), 0);
			assert_int_equal(m.value, MACHINE_RUNNING);
			assert_int_equal(ask(&s, MSG_STOPPING, 0, 0, &m, NULL), 0);
			assert_int_equal(ask(&s, MSG_PING, 0, 0, &m, NULL), 0);
			assert_int_equal(m.value, MACHINE_STOPPING);
		}
		assert_int_equal(kill(s.init, cases[i].signal), 0);
		t = down(&s);
		if (t.end != cases[i].end || t.exit != cases[i].exit)
			fail_msg("case %zu: end %d exit %d", i, t.end, t.exit);
	}
}

static void told_to_end_it_ends(void **state)
{
	static const struct want polite = {SPEC_RESTART_ALWAYS, 10000, false}, deaf = {SPEC_RESTART_ALWAYS, 100, true}, patient = {SPEC_RESTART_NO, 60000, true};
	struct stage s;
	struct told t;

	(void)state;
	up(&s, &polite);
	assert_int_equal(kill(s.monitor, SIGTERM), 0);
	t = down(&s);
	assert_true(t.end == MONITOR_STOPPED && t.exit == 128 + SIGTERM);
	up(&s, &deaf); /* the time for a clean stop passes */
	assert_int_equal(kill(s.monitor, SIGTERM), 0);
	t = down(&s);
	assert_true(t.end == MONITOR_STOPPED && t.exit == 128 + SIGKILL);
	up(&s, &patient); /* asked twice: at once */
	assert_int_equal(kill(s.monitor, SIGTERM), 0);
	for (int i = 0; i < 200; i++) {
		struct msg m = {0};

		assert_int_equal(ask(&s, MSG_PING, 0, 0, &m, NULL), 0);
		if (m.value == MACHINE_STOPPING)
			break;
		(void)poll(NULL, 0, 10);
	}
	assert_int_equal(kill(s.monitor, SIGTERM), 0);
	t = down(&s);
	assert_true(t.exit == 128 + SIGKILL);
}

/* ---- clients ---- */

static const struct want lives = {SPEC_RESTART_NO, 1000, false};

static void end_it(struct stage *s)
{
	assert_int_equal(kill(s->init, SIGKILL), 0);
	(void)down(s);
}

static void clients_that_behave(void **state)
{
	struct stage s;
	struct msg m = {0};
	struct err e = {0};
	struct winsize ws = {0};
	struct pollfd p = {.events = POLLIN};
	char text[64] = "";
	ssize_t n;
	int fd = FD_NONE;

	(void)state;
	up(&s, &lives);
	assert_int_equal(ask(&s, MSG_PING, 0, 0, &m, NULL), 0);
	assert_int_equal(m.value, MACHINE_RUNNING);
	assert_int_equal(ask(&s, MSG_WINCH, 0, 33 << 16 | 77, &m, NULL), 0);
	assert_int_equal(ioctl(s.slave, TIOCGWINSZ, &ws), 0);
	assert_true(ws.ws_row == 33 && ws.ws_col == 77);
	assert_int_equal(write(s.slave, "before\n", 7), 7);
	(void)poll(NULL, 0, 50);
	assert_int_equal(ask(&s, MSG_ATTACH, 0, 24 << 16 | 80, &m, &fd), 0);
	assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	p.fd = fd;
	assert_int_equal(poll(&p, 1, 5000), 1);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	assert_non_null(strstr(text, "before"));
	fd_close(&fd);
	/* no such terminal; the reason arrives */
	assert_int_equal(monitor_ask(s.run_dir, MSG_ATTACH, 1, 0, &m, &fd, &e), -ENOENT);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_non_null(strstr(e.why, "web1"));
	assert_int_equal(monitor_ask(s.run_dir, MSG_ATTACH, -1, 0, &m, &fd, &e), -ENOENT);
	assert_int_equal(monitor_ask(s.run_dir, MSG_ATTACH, INT64_MAX, 0, &m, &fd, &e), -ENOENT);
	/* a size for a terminal that is not there changes nothing */
	assert_int_equal(ask(&s, MSG_WINCH, 99, 1 << 16 | 1, &m, NULL), 0);
	end_it(&s);
}

static void clients_that_do_not(void **state)
{
	static const uint32_t types[] = {MSG_NONE, MSG_BORN, MSG_GO, MSG_READY, MSG_EXEC, MSG_RUNNING, MSG_OK, MSG_FAIL, 4000, UINT32_MAX};
	struct msg good = {.version = MSG_VERSION, .type = MSG_PING}, bad;
	struct stage s;
	unsigned before;

	(void)state;
	up(&s, &lives);
	still_answers(&s);
	before = open_fds(s.monitor);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) { /* what no client has to say */
		autoclose int fd = monitor_connect(s.run_dir);

		bad = good;
		bad.type = types[i];
		assert_int_equal(fd_send(fd, &bad, sizeof(bad), NULL, 0), 0);
		is_dropped(fd);
	}
	for (int i = 0; i < 4; i++) { /* another version; too short; empty; too long */
		static const size_t lengths[] = {sizeof(struct msg), sizeof(struct msg) - 1, 1, sizeof(struct msg) + 1};
		autoclose int fd = monitor_connect(s.run_dir);
		char room[sizeof(struct msg) + 1] = {0};

		bad = good;
		bad.version += i == 0;
		memcpy(room, &bad, sizeof(bad));
		assert_int_equal(fd_send(fd, room, lengths[i], NULL, 0), 0);
		is_dropped(fd);
	}
	{ /* descriptors nobody asked for are not kept */
		autoclose int fd = monitor_connect(s.run_dir);
		int pass[4] = {0, 1, 2, fd};

		assert_int_equal(fd_send(fd, &good, sizeof(good), pass, ARRAY_LEN(pass)), 0);
		assert_int_equal(msg_recv(fd, clock_deadline(5000), &bad, NULL, 0), 1);
	}
	for (int i = 0; i < 50; i++) { /* gone before the answer, and before the question */
		autoclose int fd = monitor_connect(s.run_dir);

		good.type = i % 2 ? MSG_ATTACH : MSG_PING;
		if (i % 5)
			assert_int_equal(fd_send(fd, &good, sizeof(good), NULL, 0), 0);
	}
	still_answers(&s);
	for (int i = 0; i < 100 && open_fds(s.monitor) != before; i++) {
		(void)poll(NULL, 0, 10);
		still_answers(&s);
	}
	assert_int_equal(open_fds(s.monitor), before);
	end_it(&s);
}

/* More clients than there is room for: those beyond are dropped at once, and room that becomes free is used again. */
static void forty_clients(void **state)
{
	struct msg ping = {.version = MSG_VERSION, .type = MSG_PING};
	struct stage s;
	int fd[40];
	unsigned served = 0;

	(void)state;
	up(&s, &lives);
	for (int round = 0; round < 2; round++) {
		served = 0;
		for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
			struct msg m = {0};

			fd[i] = monitor_connect(s.run_dir);
			assert_true(fd[i] >= 0);
			/* whoever is dropped may learn it at the send already */
			if (fd_send(fd[i], &ping, sizeof(ping), NULL, 0) == 0 && msg_recv(fd[i], clock_deadline(5000), &m, NULL, 0) == 1)
				served++;
		}
		assert_int_equal(served, 32);
		for (size_t i = 0; i < ARRAY_LEN(fd); i++)
			fd_close(&fd[i]);
		for (int i = 0; i < 100; i++) { /* the hang-ups are seen one by one */
			autoclose int one = monitor_connect(s.run_dir);
			struct msg m = {0};

			if (one >= 0 && fd_send(one, &ping, sizeof(ping), NULL, 0) == 0 && msg_recv(one, clock_deadline(5000), &m, NULL, 0) == 1)
				break;
			(void)poll(NULL, 0, 10);
		}
	}
	still_answers(&s);
	end_it(&s);
}

static void nobody_there(void **state)
{
	autoclose int dir = fd_open(AT_FDCWD, scratch.path, O_RDONLY | O_DIRECTORY, 0);
	struct msg m;
	struct err e = {0};

	(void)state;
	assert_int_equal(monitor_connect(dir), -ENOENT);
	assert_true(monitor_ask(dir, MSG_PING, 0, 0, &m, NULL, &e) < 0);
	assert_true(err_is(&e));
	monitor_forget_socket(dir); /* of none */
}

/* A monitor that died leaves its socket behind; the next one takes the name over. */
static void a_dead_monitors_socket(void **state)
{
	struct stage s;
	int status;

	(void)state;
	up(&s, &lives);
	still_answers(&s);
	assert_int_equal(kill(s.monitor, SIGKILL), 0);
	assert_int_equal(proc_reap(s.monitor, s.monitor_fd, clock_deadline(5000), &status), 0);
	assert_int_equal(monitor_connect(s.run_dir), -ECONNREFUSED);
	fd_close(&s.monitor_fd);
	fd_close(&s.run_dir);
	fd_close(&s.slave);
	fd_close(&report_read);
	up(&s, &lives);
	still_answers(&s);
	end_it(&s);
}

static int setup(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	return scratch_open(&scratch);
}

static int teardown(void **state)
{
	(void)state;
	scratch_close(&scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(every_end_is_told),
		cmocka_unit_test(told_to_end_it_ends),
		cmocka_unit_test(clients_that_behave),
		cmocka_unit_test(clients_that_do_not),
		cmocka_unit_test(forty_clients),
		cmocka_unit_test(a_dead_monitors_socket),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
