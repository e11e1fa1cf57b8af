/* Killed anywhere: two processes create, delete, restore, purge, fill the pool, allocate ranges, build and delete bases on the same
 * directories, and are killed at random moments. Whatever state that leaves, one sweep and one collection later nothing is half there
 * and nothing is lost. */
#include "base/clock.h"
#include "spec/spec.h"
#include "state/state.h"
#include "store/range.h"
#include "store/store.h"
#include "unit/store-fixture.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>

#define ROUNDS 110 /* two kills each */
#define NAMES 6u
#define V1 "00112233445566aa"
#define V2 "0011223344557700"

static struct scratch tmp;
static char lxc[512], run[512], root[512];

/* What has been promised: the range that a finished take gave. Shared by all processes; changed under the container's lock, 0 while in
 * doubt. */
static uint32_t *promised;

static void owner_of(unsigned n, char out[600])
{
	(void)snprintf(out, 600, "%s/c%u", lxc, n);
}

/* ---- the worker ---- */

struct worker {
	struct state st;
	struct store s;
	struct store_base base;
	unsigned seed;
};

/* A failure that two processes may cause each other, or a bug. */
static void check(const char *what, int r, const struct err *e)
{
	if (r >= 0 || r == -EEXIST || r == -ENOENT || r == -EBUSY)
		return;
	(void)fprintf(stderr, "%s: %d %s\n", what, r, e->why);
	_exit(3);
}

static void do_create(struct worker *w, unsigned n, const char *name)
{
	struct err e = {0};
	const char *how;
	char owner[600];
	int fd, r;

	state_sweep(&w->st, NULL, NULL);
	fd = state_create_begin(&w->st, name, &e);
	check("begin", fd, &e);
	if (fd < 0)
		return;
	r = store_layer_make(&w->s, &w->base, SPEC_BIND, FD_NONE, fd, &how, &e);
	check("layer", r, &e);
	if (r == 0)
		r = state_pin_stage(fd, w->base.name, w->base.version, w->base.digest);
	if (r == 0)
		r = path_swap_file(fd, "config", "whole\n", 6, 0600);
	if (r == 0)
		r = state_create_commit(&w->st, name, &e);
	check("commit", r, &e);
	if (r < 0)
		state_create_abort(&w->st, name);
	fd_close(&fd);
	if (r < 0)
		return;
	owner_of(n, owner);
	promised[n] = 0;
	uint32_t first;
	r = store_range_take(&w->s, owner, &first, &e);
	check("range", r, &e);
	if (r == 0)
		promised[n] = first;
}

static void do_delete(struct worker *w, unsigned n, const char *name)
{
	struct err e = {0};
	char owner[600];
	int r = state_trash_put(&w->st, name, &e);

	check("trash", r, &e);
	if (r < 0)
		return;
	promised[n] = 0;
	owner_of(n, owner);
	check("release", store_range_release(&w->s, owner, &e), &e);
}

static void do_trash(struct worker *w, const char *name, bool restore)
{
	struct arena a = ARENA_INIT;
	struct state_trash *items;
	struct err e = {0};
	size_t count;
	int r = state_trash_list(&w->st, &a, &items, &count, &e);

	check("list", r, &e);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (strcmp(items[i].name, name) != 0)
			continue;
		r = restore ? state_trash_restore(&w->st, items[i].id, NULL, &e) : state_trash_purge(&w->st, items[i].id, &e);
		check(restore ? "restore" : "purge", r, &e);
		break;
	}
	arena_done(&a);
}

/* Another base comes, by one rename like a build, and goes. */
static void do_base(struct worker *w)
{
	struct err e = {0};
	struct store_base b;
	char id[64], lock_name[80];
	int lock, r;

	(void)snprintf(id, sizeof(id), "build-%d-%u", (int)getpid(), w->seed);
	(void)snprintf(lock_name, sizeof(lock_name), "staging/%s.lock", id);
	lock = openat(w->s.dir, lock_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0) {
		fd_close(&lock);
		return;
	}
	char dir[100], text[400], target[100];
	(void)snprintf(dir, sizeof(dir), "staging/%s/skel", id);
	fixture_dirs(w->s.dir, dir);
	(void)snprintf(dir, sizeof(dir), "staging/%s/meta", id);
	(void)snprintf(text, sizeof(text), "format = 1\nname = churn\nversion = " V2 "\ndigest = " V2 "\nseal = tree\n");
	if (scratch_put(w->s.dir, dir, text) < 0)
		_exit(4);
	(void)snprintf(dir, sizeof(dir), "staging/%s", id);
	(void)snprintf(target, sizeof(target), "bases/churn/" V2);
	(void)mkdirat(w->s.dir, "bases/churn", 0700);
	if (renameat2(w->s.dir, dir, w->s.dir, target, RENAME_NOREPLACE) == 0) {
		(void)unlinkat(w->s.dir, "bases/churn/.tmp", 0);
		(void)!symlinkat(V2, w->s.dir, "bases/churn/.tmp");
		(void)renameat(w->s.dir, "bases/churn/.tmp", w->s.dir, "bases/churn/current");
	} else {
		(void)!path_remove_tree(w->s.dir, dir);
	}
	(void)unlinkat(w->s.dir, lock_name, 0);
	fd_close(&lock);
	r = store_base_find(&w->s, "churn", &b, &e);
	check("find", r, &e);
	if (r == 0)
		check("delete base", store_base_delete(&w->s, &b, &e), &e);
}

static void step(struct worker *w)
{
	unsigned op = (unsigned)rand_r(&w->seed) % 16, n = (unsigned)rand_r(&w->seed) % NAMES;
	struct err e = {0};
	struct store_gc gc;
	char name[8];
	int lock = FD_NONE;

	(void)snprintf(name, sizeof(name), "c%u", n);
	if (op < 12) {
		lock = state_lock(&w->st, name, "test", clock_deadline(5000), &e);
		check("lock", lock, &e);
		if (lock < 0)
			return;
	}
	if (op < 6)
		do_create(w, n, name);
	else if (op < 9)
		do_delete(w, n, name);
	else if (op < 12)
		do_trash(w, name, op == 9);
	else if (op == 12)
		check("pool", store_pool_fill(&w->s, &w->base, (unsigned)rand_r(&w->seed) % 3, &e), &e);
	else if (op == 13)
		check("gc", store_gc(&w->s, false, &gc, &e), &e);
	else
		do_base(w);
	if (op == 10 && n == 0)
		state_forget(&w->st, name, &lock);
	fd_close(&lock);
}

static NORETURN void worker(unsigned seed)
{
	struct worker w = {.seed = seed};
	struct err e = {0};

	if (state_open(lxc, run, &w.st, &e) < 0 || store_open(root, &w.s, &e) < 0 || store_base_find(&w.s, "deb", &w.base, &e) < 0) {
		(void)fprintf(stderr, "open: %s\n", e.why);
		_exit(3);
	}
	for (;;)
		step(&w);
}

/* ---- afterwards ---- */

static void check_tree(int dir, const char *path)
{
	char full[200];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s/etc/passwd", path);
	assert_int_equal(fstatat(dir, full, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(st.st_size > 0);
	(void)snprintf(full, sizeof(full), "%s/usr/local/man", path);
	assert_int_equal(fstatat(dir, full, &st, AT_SYMLINK_NOFOLLOW), 0); /* the last thing made */
}

static unsigned check_containers(struct state *st)
{
	struct arena a = ARENA_INIT;
	struct err e = {0};
	const char **names;
	size_t count;

	assert_int_equal(state_names(st, &a, &names, &count, &e), 0);
	for (size_t i = 0; i < count; i++) {
		char path[128], text[64], name[64], version[72], digest[72];
		int ct = state_dir(st, names[i]);

		assert_true(fd_read_file(ct, "config", text, sizeof(text)) == 5);
		assert_int_equal(state_pin_read(ct, name, version, digest), 0);
		fd_close(&ct);
		(void)snprintf(path, sizeof(path), "%s/private", names[i]);
		check_tree(st->lxc_dir, path);
	}
	/* and every directory with a container's name is a container */
	size_t dirs = 0;
	DIR *d = opendir(lxc);
	const struct dirent *ent;
	while ((ent = readdir(d)))
		dirs += ent->d_name[0] != '.';
	(void)closedir(d);
	assert_int_equal(dirs, count);
	arena_done(&a);
	return (unsigned)count;
}

static size_t entries_at(const char *format, const char *base)
{
	char path[600];
	DIR *d;
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", base, format);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n < 2 ? 0 : n - 2;
}

static void check_trash(struct state *st)
{
	struct arena a = ARENA_INIT;
	struct err e = {0};
	struct state_trash *items;
	size_t count;

	assert_int_equal(state_trash_list(st, &a, &items, &count, &e), 0);
	assert_int_equal(count, entries_at(".trash", lxc));
	for (size_t i = 0; i < count; i++) {
		char path[200];

		(void)snprintf(path, sizeof(path), ".trash/%s/private", items[i].id);
		check_tree(st->lxc_dir, path);
	}
	arena_done(&a);
}

static void check_ranges(const struct store *s)
{
	char text[8192], owner[600], *save = NULL;
	uint32_t first, seen[64];
	size_t lines = 0;
	ssize_t n = fd_read_file(s->dir, "ranges", text, sizeof(text));

	assert_true(n >= 0 || n == -ENOENT);
	for (unsigned i = 0; i < NAMES; i++) {
		owner_of(i, owner);
		if (promised[i]) {
			assert_int_equal(store_range_find(s, owner, &first), 0);
			assert_int_equal(first, promised[i]);
		}
	}
	for (char *line = n > 0 ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		uint32_t got = (uint32_t)strtoul(line, NULL, 10);

		assert_true(got >= RANGE_FIRST);
		for (size_t k = 0; k < lines; k++)
			assert_int_not_equal(seen[k], got);
		assert_true(lines < ARRAY_LEN(seen));
		seen[lines++] = got;
	}
	assert_true(lines <= NAMES);
}

static void check_store(const struct store *s)
{
	struct arena a = ARENA_INIT;
	struct err e = {0};
	struct store_base *list, b;
	size_t count;
	char path[128];

	assert_int_equal(fixture_entries(s, "staging"), 0);
	assert_int_equal(fixture_entries(s, "trash"), 0);
	assert_int_equal(store_bases(s, &a, &list, &count, &e), 0);
	for (size_t i = 0; i < count; i++) {
		assert_string_not_equal(list[i].seal, "damaged");
		assert_int_equal(store_base_find(s, list[i].name, &b, &e), 0);
	}
	arena_done(&a);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(path, sizeof(path), "pool/" V1 "/%d", i);
		if (fixture_exists(s, path))
			check_tree(s->dir, path);
	}
}

static void kill_after(pid_t pid, unsigned us)
{
	int status;

	(void)usleep(us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("a worker ended by itself with %d", WEXITSTATUS(status));
}

static void nothing_half_there_nothing_lost(void **unused)
{
	unsigned seed = 1, most = 0;
	uint64_t end = clock_deadline(40000);
	int round;

	(void)unused;
	(void)!getrandom(&seed, sizeof(seed), 0);
	if (getenv("TEST_SEED"))
		seed = (unsigned)strtoul(getenv("TEST_SEED"), NULL, 10);
	print_message("seed %u\n", seed);
	for (round = 0; round < ROUNDS && clock_left_ms(end) > 0; round++) {
		unsigned first = (unsigned)rand_r(&seed) % 40000, second = (unsigned)rand_r(&seed) % 20000, seeds[2];
		struct state st;
		struct store s;
		struct store_gc gc;
		struct err e = {0};
		pid_t a, b;

		seeds[0] = (unsigned)rand_r(&seed);
		seeds[1] = (unsigned)rand_r(&seed);
		a = fork();
		if (a == 0)
			worker(seeds[0]);
		b = fork();
		if (b == 0)
			worker(seeds[1]);
		kill_after(a, first);
		kill_after(b, second);

		assert_int_equal(state_open(lxc, run, &st, &e), 0);
		assert_int_equal(store_open(root, &s, &e), 0);
		/* what is visible is whole at once; what is hidden is gone after one sweep */
		unsigned n = check_containers(&st);
		most = n > most ? n : most;
		state_sweep(&st, NULL, NULL);
		assert_int_equal(entries_at(".staging", lxc), 0);
		assert_int_equal(store_gc(&s, false, &gc, &e), 0);
		assert_int_equal(check_containers(&st), n);
		check_trash(&st);
		check_store(&s);
		check_ranges(&s);
		for (unsigned i = 0; i < NAMES; i++) {
			char name[8];
			int lock;

			(void)snprintf(name, sizeof(name), "c%u", i);
			lock = state_lock(&st, name, "check", 0, &e);
			assert_true(lock >= 0); /* no lock outlives its holder */
			fd_close(&lock);
		}
		state_close(&st);
		store_close(&s);
	}
	print_message("%d rounds, up to %u containers at once\n", round, most);
	assert_true(most > 0);
}

static int setup(void **unused)
{
	struct err e = {0};
	struct store s;

	(void)unused;
	/* in memory where that exists: many more moments to be killed at */
	if (access("/dev/shm", W_OK) == 0 && !getenv("TMPDIR"))
		(void)setenv("TMPDIR", "/dev/shm", 1);
	if (scratch_open(&tmp) < 0)
		return -1;
	scratch_at(&tmp, lxc, "lxc");
	scratch_at(&tmp, run, "run");
	scratch_at(&tmp, root, "store");
	promised = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (promised == MAP_FAILED || store_open(root, &s, &e) < 0)
		return -1;
	fixture_base(&s, "deb", V1, "erofs", 1); /* no tree: layers come from skel alone */
	fixture_current(&s, "deb", V1);
	store_close(&s);
	return 0;
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
		cmocka_unit_test(nothing_half_there_nothing_lost),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
