/* step-console.c - /dev/console and tty1..N are ptys of the container's own devpts; the monitor gets the masters.
 *
 * When the last master of a terminal is closed the kernel sends SIGHUP to the session that has it: for a real init a nuisance, for a single program the end. So the
 * small init holds the masters too, and a monitor that comes after one that was killed fetches them from there: nothing is lost, not even output on its way. They
 * are told by what they are, a ptmx of number 0 (console) or N (ttyN) of the container's own devpts, which is where they came from; of another's devpts there is the console alone. */
#include "apply/ops.h"

#include "base/fd.h"
#include "base/msg.h"
#include "base/path.h"
#include "linux/mnt.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int apply_open_console(struct apply *a, struct err *e)
{
	const struct step *st = plan_find(a->plan, STEP_OPEN_CONSOLE, 0);

	if (!st)
		return 0;
	/* a device is opened for both directions and must not become our controlling terminal; a file is made and grows */
	a->console_peer = fd_open(AT_FDCWD, st->text[0], O_RDWR | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK, 0600);
	return a->console_peer < 0 ? err_sys(e, a->console_peer, "open '%s' for the console", st->text[0]) : 0;
}

int step_open_console(struct apply *a, const struct step *st, struct err *e)
{
	(void)st;
	return apply_open_console(a, e);
}

void apply_tty_name(const struct step *console, size_t number, char ret[APPLY_TTY_NAME])
{
	const char *dir = console->text[0];
	char name[16] = "console";

	if (number)
		(void)snprintf(name, sizeof(name), "tty%zu", number);
	(void)snprintf(ret, APPLY_TTY_NAME, "%s%s%s", dir ?: "", dir ? "/" : "", name);
}

/* /dev/lxc/tty1 and a link to it where it is looked for. What lies there of the tree's own gives way. */
static int link_tty(int rootfd, const char *dir, const char *name, struct err *e)
{
	autoclose int dev = path_open_nolinks(rootfd, "dev", O_PATH | O_DIRECTORY, 0);
	const char *base = strrchr(name, '/') + 1;
	autoclose int made = FD_NONE;
	char path[APPLY_TTY_NAME + 8];
	int r = dev;

	(void)snprintf(path, sizeof(path), "dev/%s", dir);
	if (r >= 0)
		made = path_mkdirs_beneath(rootfd, path, 0755);
	if (r >= 0 && made < 0)
		r = made;
	if (r >= 0 && unlinkat(dev, base, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r >= 0 && symlinkat(name, dev, base) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "make /dev/%s a link to /dev/%s", base, name) : 0;
}

int apply_open_tty(int rootfd, const char *name, bool lay, int *ret_master, int *ret_slave, struct err *e)
{
	autoclose int master = path_open_nolinks(rootfd, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	autoclose int slave = FD_NONE;
	autoclose int target = FD_NONE;
	autoclose int mount = FD_NONE;
	unsigned number = 0;
	int unlock = 0, r;
	char path[APPLY_TTY_NAME + 8];

	if (master < 0)
		return err_sys(e, master, "open a pty for /dev/%s", name);
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return err_sys(e, errno, "unlock the pty of /dev/%s", name);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, errno, "open the terminal side of /dev/%s", name);
	(void)fchmod(slave, 0620);
	if (!lay) {
		*ret_master = take_fd(master);
		if (ret_slave)
			*ret_slave = take_fd(slave);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "dev/%s", name);
	target = path_open_nolinks(rootfd, path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0620);
	if (target == -EACCES) /* a node of the tree's own, which nobody may open: it is only a place */
		target = path_open_nolinks(rootfd, path, O_PATH, 0);
	if (target == -ENXIO || target == -EIO) {
		/* A terminal whose master is gone lies there. The kernel has removed its node from the devpts, and nothing can be mounted on what is removed: take it
		 * away first. Whoever has it open keeps it. */
		autoclose int dev = path_open_nolinks(rootfd, "dev", O_PATH | O_DIRECTORY, 0);

		r = dev < 0 ? dev : mnt_detach(dev, name);
		if (r < 0)
			return err_sys(e, r, "take the dead terminal off /dev/%s", name);
		target = path_open_nolinks(rootfd, path, O_PATH, 0);
	}
	if (target < 0)
		return err_sys(e, target, "make /dev/%s", name);
	(void)snprintf(path, sizeof(path), "dev/pts/%u", number);
	mount = mnt_clone(rootfd, path, false);
	if (mount < 0)
		return err_sys(e, mount, "clone the terminal of /dev/%s", name);
	r = mnt_attach(mount, target);
	if (r < 0)
		return err_sys(e, r, "attach /dev/%s", name);
	*ret_master = take_fd(master);
	if (ret_slave)
		*ret_slave = take_fd(slave);
	return 0;
}

int step_console(struct apply *a, const struct step *st, struct err *e)
{
	size_t want = (size_t)st->number[0] + 1;
	char name[APPLY_TTY_NAME];

	if (want > ARRAY_LEN(a->master))
		return err_set(e, ERR_INPUT, EINVAL, "more than %d terminals", APPLY_MAX_TTYS);
	while (a->master_count < want) {
		size_t n = a->master_count;
		int r = 0;

		bool lay = n > 0 || !st->number[1];

		apply_tty_name(st, n, name);
		if (st->text[0] && lay)
			r = link_tty(a->root, st->text[0], name, e);
		if (r == 0)
			r = apply_open_tty(a->root, name, lay, &a->master[n], n == 0 ? &a->console : NULL, e);
		if (r == 0 && n == 0 && st->number[1] == PLAN_CONSOLE_NONE) {
			fd_close(&a->console);
			a->console = path_open_nolinks(a->root, "dev/null", O_RDWR | O_NOCTTY, 0);
			r = a->console < 0 ? err_sys(e, a->console, "open /dev/null") : 0;
		}
		if (r < 0)
			return r;
		a->master_count++;
	}
	return 0; /* the masters travel with READY */
}

bool apply_has_small_init(const struct plan *p)
{
	const struct step *user = plan_find(p, STEP_USER, 0);

	return user && (user->number[2] & PLAN_SMALL_INIT);
}

/* The number of the terminal behind @fd when that is a pty master, 0 for @any; -ENOTTY otherwise. */
static int master_number(int fd, bool any)
{
	unsigned number;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return -ENOTTY;
	if (ioctl(fd, TIOCGPTN, &number) < 0 || (number > APPLY_MAX_TTYS && !any))
		return -ENOTTY;
	return any ? 0 : (int)number;
}

int apply_fetch_ttys(int init_pidfd, bool any, int *ret_masters, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		ret_masters[i] = FD_NONE;
	for (int fd = 3; fd < APPLY_KEPT_END && found < count; fd++) {
		autoclose int got = (int)syscall(SYS_pidfd_getfd, init_pidfd, fd, 0);
		int number = got < 0 ? -EBADF : master_number(got, any);

		if (number < 0 || (size_t)number >= count || ret_masters[number] >= 0)
			continue;
		ret_masters[number] = take_fd(got);
		found++;
	}
	if (found == count)
		return 0;
	for (size_t i = 0; i < count; i++)
		fd_close(&ret_masters[i]);
	return -ENOENT;
}
