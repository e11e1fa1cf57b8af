/* Security modules: found by the kernel's files, a label written where the kernel of that age wants it. The files are a directory of ours. */
#include "base/fd.h"
#include "linux/lsm.h"
#include "unit/scratch.h"
#include "unit/test.h"

#include <limits.h>

static struct scratch scratch;

static int root(void)
{
	return fd_open(AT_FDCWD, scratch.path, O_PATH | O_DIRECTORY, 0);
}

static void put(const char *name, const char *text)
{
	char path[PATH_MAX], dir[PATH_MAX];
	int fd;

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(dir, sizeof(dir), "%s/%.*s", scratch.path, (int)(slash - name), name);
		(void)mkdir(dir, 0755);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", scratch.path, name);
	fd = fd_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	fd_close(&fd);
}

static void holds(const char *name, const char *want)
{
	char text[128];
	autoclose int at = root();

	assert_true(fd_read_file(at, name, text, sizeof(text)) >= 0);
	assert_string_equal(text, want);
}

static void modules_are_found(void **state)
{
	autoclose int at = root();
	struct lsm l;

	(void)state;
	lsm_probe(at, &l);
	assert_false(l.apparmor || l.apparmor_mounts || l.selinux);
	put("sys/module/apparmor/parameters/enabled", "N\n");
	lsm_probe(at, &l);
	assert_false(l.apparmor);
	put("sys/module/apparmor/parameters/enabled", "Y\n");
	lsm_probe(at, &l);
	assert_true(l.apparmor && !l.apparmor_mounts);
	put("sys/kernel/security/apparmor/features/mount/mask", "mount umount pivot_root\n");
	put("sys/fs/selinux/enforce", "0");
	lsm_probe(at, &l);
	assert_true(l.apparmor && l.apparmor_mounts && l.selinux);
	lsm_probe(FD_NONE, &l); /* the kernel of this machine, whatever it has */
}

static void labels_are_written(void **state)
{
	autoclose int at = root();

	(void)state;
	assert_int_equal(lsm_label(at, "exec", "a_t"), -ENOENT);
	put("self/attr/exec", "");
	assert_int_equal(lsm_label(at, "exec", "u:r:lxc_t:s0"), 0);
	holds("self/attr/exec", "u:r:lxc_t:s0");
	put("self/attr/exec", "");
	assert_int_equal(lsm_label(at, "apparmor/exec", "exec lxc"), 0); /* before 5.8 */
	holds("self/attr/exec", "exec lxc");
	put("self/attr/exec", "");
	put("self/attr/apparmor/exec", "");
	assert_int_equal(lsm_label(at, "apparmor/exec", "exec lxc"), 0);
	holds("self/attr/apparmor/exec", "exec lxc");
	holds("self/attr/exec", "");
	assert_int_equal(lsm_label(at, "keycreate", "k"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_found),
		cmocka_unit_test(labels_are_written),
	};
	int r;

	if (scratch_open(&scratch) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	scratch_close(&scratch);
	return r;
}
