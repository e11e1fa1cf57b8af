/* State on disk: records that survive garbage, locks that name their holder, containers that appear and vanish whole. */
#include "base/buf.h"
#include "base/clock.h"
#include "state/fields.h"
#include "state/lock.h"
#include "state/state.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <dirent.h>
#include <sys/wait.h>

static struct scratch tmp;

static void open_state(struct state *st)
{
	char lxc[512], run[512];
	struct err e = {0};

	assert_int_equal(state_open(scratch_at(&tmp, lxc, "lxc"), scratch_at(&tmp, run, "run"), st, &e), 0);
}

/* Makes container @name with a config and a pin. */
static void make(const struct state *st, const char *name)
{
	struct err e = {0};
	int fd = state_create_begin(st, name, &e);

	assert_true(fd >= 0);
	assert_int_equal(scratch_put(fd, "config", "# made by a test\n"), 0);
	assert_int_equal(state_pin_stage(fd, "deb", "0123456789abcdef", "ab"), 0);
	assert_int_equal(state_create_commit(st, name, &e), 0);
	fd_close(&fd);
}

static bool listed(const struct state *st, const char *name)
{
	struct arena a = ARENA_INIT;
	struct err e = {0};
	const char **names;
	size_t count;
	bool found = false;

	assert_int_equal(state_names(st, &a, &names, &count, &e), 0);
	for (size_t i = 0; i < count; i++)
		found |= strcmp(names[i], name) == 0;
	arena_done(&a);
	return found;
}

static size_t entries(const struct state *st, const char *name)
{
	int fd = openat(st->lxc_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n < 2 ? 0 : n - 2;
}

static void records_round_trip(void **unused)
{
	struct state st;
	struct record r = {
		.init = {.pid = 41, .start_time = UINT64_MAX},
		.monitor = {.pid = INT32_MAX, .start_time = 7},
		.boot_id = "0b1e5fe4-38f2-4c5a-8f0f-0c5c6dd5a1b2",
		.group = "coppice/web1",
		.base = "deb",
		.version = "0123456789abcdef",
		.base_level = "erofs-file",
		.mode = "bind",
		.started = INT64_MAX,
		.id_first = UINT32_MAX,
		.restarts = 3,
		.last_exit = -1,
		.frozen = true,
		.note = "two words = fine",
	};
	struct record got;
	int32_t last;
	int64_t when;

	(void)unused;
	open_state(&st);
	assert_int_equal(record_read(&st, "web1", &got), -ENOENT);
	assert_int_equal(record_write(&st, "web1", &r), 0);
	assert_int_equal(record_read(&st, "web1", &got), 0);
	assert_memory_equal(&r, &got, sizeof(r));
	assert_false(record_is_current(&got));
	assert_int_equal(proc_boot_id(r.boot_id), 0);
	(void)snprintf(r.note, sizeof(r.note), "evil\nframe = 1");
	assert_int_equal(record_write(&st, "web1", &r), 0);
	assert_int_equal(record_read(&st, "web1", &got), 0);
	assert_true(record_is_current(&got));
	assert_string_equal(got.note, "evil?frame = 1");

	assert_int_equal(record_last(&st, "web1", &last, &when), -ENOENT);
	assert_int_equal(record_clear(&st, "web1", 137), 0);
	assert_int_equal(record_clear(&st, "web1", 137), 0);
	assert_int_equal(record_read(&st, "web1", &got), -ENOENT);
	assert_int_equal(record_last(&st, "web1", &last, &when), 0);
	assert_int_equal(last, 137);
	assert_true(when > 1600000000);

	/* a start that never ran ends no run */
	assert_int_equal(record_write(&st, "web1", &r), 0);
	assert_int_equal(record_drop(&st, "web1"), 0);
	assert_int_equal(record_read(&st, "web1", &got), -ENOENT);
	assert_int_equal(record_last(&st, "web1", &last, &when), 0);
	assert_int_equal(last, 137);
	assert_int_equal(record_write(&st, "web2", &r), 0);
	assert_int_equal(record_drop(&st, "web2"), 0);
	assert_int_equal(record_last(&st, "web2", &last, &when), 0);
	assert_int_equal(last, -1);

	assert_int_equal(record_read(&st, "../web1", &got), -EINVAL);
	assert_int_equal(record_write(&st, ".locks", &r), -EINVAL);
	state_close(&st);
}

static void records_refuse_garbage(void **unused)
{
	struct record r = {.monitor = {.pid = 1, .start_time = 1}, .boot_id = "b"}, got = {.restarts = 99};
	struct buf text = BUF_INIT, odd = BUF_INIT;

	(void)unused;
	record_format(&r, &text);
	assert_int_equal(record_parse(text.data, text.len, &got), 0);
	got.restarts = 99;
	/* cut anywhere, it is garbage and the result is untouched */
	for (size_t cut = 0; cut < text.len; cut++)
		assert_int_equal(record_parse(text.data, cut, &got), -EBADMSG);
	assert_int_equal(got.restarts, 99);

	buf_puts(&odd, "format = 1\nfrom_the_future = 12 monkeys\nboot_id = b\nmonitor = 1 1\n# comment\n\nend = 1\n");
	assert_int_equal(record_parse(odd.data, odd.len, &got), 0);
	static const char *const bad[] = {
		"format = 2\nboot_id = b\nmonitor = 1 1\nend = 1\n",             /* another format */
		"boot_id = b\nmonitor = 1 1\nend = 1\n",                          /* none */
		"format = 1\nboot_id = b\nend = 1\n",                             /* required field missing */
		"format = 1\nboot_id = b\nmonitor = 1 1\nboot_id = c\nend = 1\n", /* twice */
		"format = 1\nboot_id = b\nmonitor = 1\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = -1 1\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = 1 1\nrestarts = 4294967296\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = 1 1\nlast_exit = 2147483648\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = 1 1\nmode = seventeen-letters\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = 1 1\nno equals sign\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = 1 1\n= 1\nend = 1\n",
		"format = 1\nboot_id = b\nmonitor = 1 1\nend = 1\nboot_id = x\n", /* after the end */
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(record_parse(bad[i], strlen(bad[i]), &got), -EBADMSG);
	assert_int_equal(record_parse("format = 1\0\nend = 1\n", 20, &got), -EBADMSG);

	static char big[FIELDS_FILE_MAX + 2];
	memset(big, '\n', sizeof(big));
	assert_int_equal(record_parse(big, sizeof(big), &got), -EBADMSG);
	buf_done(&text);
	buf_done(&odd);
}

static void names_are_directories_with_config(void **unused)
{
	struct state st;

	(void)unused;
	open_state(&st);
	make(&st, "b1");
	make(&st, "a-2.x");
	assert_int_equal(mkdirat(st.lxc_dir, "no-config", 0755), 0);
	assert_int_equal(scratch_put(st.lxc_dir, "file", ""), 0);
	assert_int_equal(mkdirat(st.lxc_dir, ".hidden", 0755), 0);
	assert_int_equal(mkdirat(st.lxc_dir, "bad name", 0755), 0);
	assert_int_equal(scratch_put(st.lxc_dir, ".hidden/config", ""), 0);
	assert_int_equal(scratch_put(st.lxc_dir, "bad name/config", ""), 0);

	struct arena a = ARENA_INIT;
	struct err e = {0};
	const char **names;
	size_t count;

	assert_int_equal(state_names(&st, &a, &names, &count, &e), 0);
	assert_int_equal(count, 2);
	assert_string_equal(names[0], "a-2.x");
	assert_string_equal(names[1], "b1");
	arena_done(&a);
	state_close(&st);
}

static void a_thousand_names_are_quick(void **unused)
{
	struct scratch big;
	char lxc[512], run[512], name[64];
	struct state st;
	struct err e = {0};
	uint64_t best = UINT64_MAX;

	(void)unused;
	assert_int_equal(scratch_open(&big), 0);
	assert_int_equal(state_open(scratch_at(&big, lxc, "lxc"), scratch_at(&big, run, "run"), &st, &e), 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "c%d", i);
		assert_int_equal(mkdirat(st.lxc_dir, name, 0700), 0);
		(void)snprintf(name, sizeof(name), "c%d/config", i);
		assert_int_equal(scratch_put(st.lxc_dir, name, ""), 0);
	}
	for (int round = 0; round < 5; round++) {
		struct arena a = ARENA_INIT;
		const char **names;
		size_t count;
		uint64_t t = clock_now_ms();

		assert_int_equal(state_names(&st, &a, &names, &count, &e), 0);
		t = clock_now_ms() - t;
		best = t < best ? t : best;
		assert_int_equal(count, 1000);
		arena_done(&a);
	}
	print_message("1000 names: %u ms\n", (unsigned)best);
	assert_true(best < 100); /* 5 ms wanted; a loaded test machine and sanitizers get room */
	state_close(&st);
	scratch_close(&big);
}

static void roots_are_checked(void **unused)
{
	char lxc[512], run[512], path[512];
	struct state st;
	struct err e = {0};

	(void)unused;
	scratch_at(&tmp, lxc, "lxc");
	scratch_at(&tmp, run, "run");
	assert_int_equal(state_open("relative", run, &st, &e), -EINVAL);
	assert_int_equal(e.kind, ERR_INPUT);

	assert_int_equal(mkdir(scratch_at(&tmp, path, "open"), 0700), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(state_open(path, run, &st, &e), -EPERM);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(state_open(lxc, path, &st, &e), -EPERM);
	assert_non_null(strstr(e.hint, "chmod 700"));
	assert_int_equal(rmdir(path), 0);

	assert_int_equal(scratch_put(AT_FDCWD, scratch_at(&tmp, path, "plain"), ""), 0);
	assert_int_equal(state_open(path, run, &st, &e), -ENOTDIR);
	assert_int_equal(unlink(path), 0);
	/* a link in the place of the lock directory is not followed */
	assert_int_equal(mkdir(scratch_at(&tmp, path, "run2"), 0700), 0);
	assert_int_equal(symlink("/etc", scratch_at(&tmp, run, "run2/.locks")), 0);
	assert_true(state_open(lxc, path, &st, &e) < 0);
}

static void locks_name_their_holder(void **unused)
{
	struct state st;
	struct err e = {0};
	int ready[2], status;
	char byte;
	pid_t pid;

	(void)unused;
	open_state(&st);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd = state_lock(&st, "locked", "stop", 0, &e);

		(void)!write(ready[1], fd >= 0 ? "k" : "x", 1);
		usleep(150000);
		_exit(0); /* the lock ends with its holder */
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'k');
	assert_int_equal(state_lock(&st, "locked", "start", 0, &e), -EBUSY);
	assert_int_equal(e.kind, ERR_BUSY);
	char want[96];
	(void)snprintf(want, sizeof(want), "another command works on it: stop (pid %d)", (int)pid);
	assert_string_equal(e.why, want);

	uint64_t t = clock_now_ms();
	int fd = state_lock(&st, "locked", "start", clock_deadline(5000), &e);

	assert_true(fd >= 0);
	t = clock_now_ms() - t;
	print_message("lock got after %u ms\n", (unsigned)t);
	assert_in_range(t, 50, 4000);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* a short deadline is kept */
	t = clock_now_ms();
	assert_int_equal(state_lock(&st, "locked", "kill", clock_deadline(60), &e), -EBUSY);
	assert_in_range(clock_now_ms() - t, 55, 2000);
	/* other names are free, bad ones refused */
	int other = state_lock(&st, "other", "kill", 0, &e);
	assert_true(other >= 0);
	assert_int_equal(state_lock(&st, "a/b", "kill", 0, &e), -EINVAL);
	fd_close(&other);
	fd_close(&fd);
	fd_close(&ready[0]);
	fd_close(&ready[1]);
	state_close(&st);
}

static void forgotten_locks_are_not_held_twice(void **unused)
{
	struct state st;
	struct err e = {0};
	enum { WORKERS = 4, ROUNDS = 150 };
	pid_t pids[WORKERS];
	char path[512];

	(void)unused;
	open_state(&st);
	scratch_at(&tmp, path, "inside");
	for (int w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		if (pids[w] != 0)
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			int fd = state_lock(&st, "churn", "delete", clock_deadline(20000), &e);
			int in;

			if (fd < 0)
				_exit(2);
			in = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
			if (in < 0)
				_exit(3); /* somebody else is inside */
			(void)close(in);
			(void)unlink(path);
			if (i % 2)
				state_forget(&st, "churn", &fd);
			fd_close(&fd);
		}
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++) {
		int status;

		assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
		assert_int_equal(status, 0);
	}
	state_close(&st);
}

static void monitors_are_seen_alive(void **unused)
{
	struct state st;
	int ready[2], status;
	char byte;
	pid_t pid;

	(void)unused;
	open_state(&st);
	assert_false(state_monitor_alive(&st, "mon"));
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd = state_monitor_lock(&st, "mon");

		(void)!write(ready[1], fd >= 0 ? "k" : "x", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'k');
	for (int i = 0; i < 3; i++) {
		assert_true(state_monitor_alive(&st, "mon"));
		assert_int_equal(state_monitor_lock(&st, "mon"), -EBUSY);
	}
	make(&st, "mon");
	struct err e = {0};
	assert_int_equal(state_trash_put(&st, "mon", &e), -EBUSY);
	assert_int_equal(e.kind, ERR_STATE);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(state_monitor_alive(&st, "mon"));
	assert_int_equal(state_trash_put(&st, "mon", &e), 0);
	fd_close(&ready[0]);
	fd_close(&ready[1]);
	state_close(&st);
}

static void mounts_have_guests(void **unused)
{
	autoclose int run_dir = FD_NONE;
	autoclose int one = FD_NONE;
	autoclose int two = FD_NONE;
	struct state st;
	int all;

	(void)unused;
	open_state(&st);
	run_dir = state_run_dir(&st, "host", true);
	assert_true(run_dir >= 0);
	assert_int_equal(state_mounts_lock(&st, "host", true, 0), -ENOENT); /* there never was one */
	assert_int_equal(state_mounts_lock(&st, "nowhere", false, 0), -ENOENT);
	one = state_mounts_lock(&st, "host", false, 0);
	two = state_mounts_lock(&st, "host", false, 0);
	assert_true(one >= 0 && two >= 0);
	fd_close(&one);
	assert_int_equal(state_mounts_lock(&st, "host", true, 0), -EBUSY);
	fd_close(&two);
	all = state_mounts_lock(&st, "host", true, 0);
	assert_true(all >= 0);
	fd_close(&all);
	state_close(&st);
}

static void containers_appear_whole(void **unused)
{
	struct state st;
	struct err e = {0};
	int fd, again;

	(void)unused;
	open_state(&st);
	fd = state_create_begin(&st, "new", &e);
	assert_true(fd >= 0);
	assert_int_equal(scratch_put(fd, "config", "x"), 0);
	assert_false(listed(&st, "new"));
	/* the maker lives: a sweep leaves it alone, a second maker is told */
	state_sweep(&st, NULL, NULL);
	assert_int_equal(state_create_begin(&st, "new", &e), -EBUSY);
	assert_int_equal(e.kind, ERR_BUSY);
	assert_int_equal(faccessat(fd, "config", F_OK, 0), 0);
	assert_int_equal(state_create_commit(&st, "new", &e), 0);
	assert_true(listed(&st, "new"));
	fd_close(&fd);
	assert_int_equal(state_create_begin(&st, "new", &e), -EEXIST);
	assert_string_equal(e.why, "container 'new' exists already");

	/* somebody else was faster: commit refuses, abort cleans */
	fd = state_create_begin(&st, "race", &e);
	assert_int_equal(mkdirat(st.lxc_dir, "race", 0700), 0);
	assert_int_equal(state_create_commit(&st, "race", &e), -EEXIST);
	state_create_abort(&st, "race");
	fd_close(&fd);
	assert_int_equal(unlinkat(st.lxc_dir, "race", AT_REMOVEDIR), 0);
	assert_int_equal(entries(&st, ".staging"), 0);

	/* the maker died (its descriptor is gone): the next maker takes over, a sweep removes */
	fd = state_create_begin(&st, "dead", &e);
	assert_int_equal(scratch_put(fd, "half", "x"), 0);
	fd_close(&fd);
	again = state_create_begin(&st, "dead", &e);
	assert_true(again >= 0);
	assert_int_equal(faccessat(again, "half", F_OK, 0), -1);
	fd_close(&again);
	state_sweep(&st, NULL, NULL);
	assert_int_equal(entries(&st, ".staging"), 0);
	state_close(&st);
}

static void trash_gives_back(void **unused)
{
	struct state st;
	struct err e = {0};
	struct arena a = ARENA_INIT;
	struct state_trash *items, t;
	size_t count;

	(void)unused;
	open_state(&st);
	make(&st, "web.1");
	assert_int_equal(state_trash_put(&st, "web.1", &e), 0);
	assert_false(listed(&st, "web.1"));
	make(&st, "web.1");
	assert_int_equal(state_trash_put(&st, "web.1", &e), 0);
	assert_int_equal(state_trash_put(&st, "web.1", &e), -ENOENT);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(state_trash_list(&st, &a, &items, &count, &e), 0);
	size_t mine = 0;
	struct state_trash *first = NULL, *second = NULL;
	for (size_t i = 0; i < count; i++)
		if (strcmp(items[i].name, "web.1") == 0) {
			*(mine++ ? &second : &first) = &items[i];
			assert_true(items[i].deleted > 1600000000);
		}
	assert_int_equal(mine, 2);
	assert_int_equal(state_trash_restore(&st, first->id, NULL, &e), 0);
	assert_true(listed(&st, "web.1"));
	assert_int_equal(state_trash_restore(&st, second->id, NULL, &e), -EEXIST);
	assert_int_equal(state_trash_restore(&st, second->id, "web.2", &e), 0);
	assert_true(listed(&st, "web.2"));
	assert_int_equal(state_trash_restore(&st, second->id, "web.3", &e), -ENOENT);
	assert_int_equal(state_trash_restore(&st, "../web.1.1.1", NULL, &e), -ENOENT);
	assert_int_equal(state_trash_put(&st, "web.1", &e), 0);
	arena_done(&a);
	assert_int_equal(state_trash_list(&st, &a, &items, &count, &e), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(state_trash_purge(&st, items[i].id, &e), 0);
	arena_done(&a);
	assert_int_equal(entries(&st, ".trash"), 0);
	assert_int_equal(entries(&st, ".staging"), 0);
	assert_int_equal(state_trash_purge(&st, "web.1.5.0", &e), -ENOENT);

	assert_true(state_trash_parse("a.b.c.1700000000.12", &t));
	assert_string_equal(t.name, "a.b.c");
	assert_int_equal(t.deleted, 1700000000);
	static const char *const bad[] = {"", "a", "a.1", "a.1.x", "a.x.1", ".1.1", "a.-1.1", "a.1.1.", "a/b.1.1",
					  "a.99999999999999999999.1"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(state_trash_parse(bad[i], &t));
	state_close(&st);
}

static void pins(void **unused)
{
	struct state st;
	char name[64], version[72], digest[72];
	struct arena a = ARENA_INIT;
	struct err e = {0};
	struct state_pin *list;
	size_t count, seen = 0;
	int fd;

	(void)unused;
	open_state(&st);
	make(&st, "pinned");
	fd = state_dir(&st, "pinned");
	assert_int_equal(state_pin_read(fd, name, version, digest), 0);
	assert_string_equal(name, "deb");
	assert_string_equal(version, "0123456789abcdef");
	assert_int_equal(state_pin_write(fd, "deb", "ffff", "cd"), 0);
	assert_int_equal(state_pin_write(fd, "deb", "not hex", "cd"), -EINVAL);
	assert_int_equal(state_pin_write(fd, "../x", "ffff", "cd"), -EINVAL);
	assert_int_equal(state_pin_read(fd, name, version, digest), 0);
	assert_string_equal(version, "ffff");
	assert_int_equal(state_pins(&st, &a, &list, &count, &e), 0);
	for (size_t i = 0; i < count; i++)
		seen += strcmp(list[i].container, "pinned") == 0 && strcmp(list[i].version, "ffff") == 0 && !list[i].trashed;
	assert_int_equal(seen, 1);
	arena_done(&a);
	static const char *const bad[] = {"", "deb@ffff", "deb ffff", "deb@ ff", "@ffff ff", "deb@ffff g", "deb@ffff ff ff", "deb@FF ff"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(state_pin_parse(bad[i], name, version, digest), -EBADMSG);
	assert_int_equal(scratch_put(fd, "base", "garbage"), 0);
	assert_int_equal(state_pin_read(fd, name, version, digest), -EBADMSG);
	assert_int_equal(unlinkat(fd, "base", 0), 0);
	assert_int_equal(state_pin_read(fd, name, version, digest), -ENOENT);
	fd_close(&fd);
	state_close(&st);
}

static int setup(void **unused)
{
	(void)unused;
	return scratch_open(&tmp);
}

static int teardown(void **unused)
{
	(void)unused;
	scratch_close(&tmp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_directories_with_config),
		cmocka_unit_test(a_thousand_names_are_quick),
		cmocka_unit_test(records_round_trip),
		cmocka_unit_test(records_refuse_garbage),
		cmocka_unit_test(roots_are_checked),
		cmocka_unit_test(locks_name_their_holder),
		cmocka_unit_test(forgotten_locks_are_not_held_twice),
		cmocka_unit_test(monitors_are_seen_alive),
		cmocka_unit_test(mounts_have_guests),
		cmocka_unit_test(containers_appear_whole),
		cmocka_unit_test(trash_gives_back),
		cmocka_unit_test(pins),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
