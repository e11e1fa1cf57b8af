/* step-mount.c - inside: the copied mount namespace, kernel file systems, masks, and the last pivot. */
#include "apply/ops.h"

#include "base/fd.h"
#include "base/path.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define EMPTY_FILE "f"
#define EMPTY_DIR "d"

/* Something harmless to lay over what must not be read: an empty file and an empty directory of our own, never the container's. */
static int make_masks(struct err *e)
{
	const char *const opts[] = {"mode", "0755", "size", "4k", "nr_inodes", "8", NULL};
	autoclose int fs = mnt_new("tmpfs", opts, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
	autoclose int file = FD_NONE;
	autoclose int target = FD_NONE;
	int r;

	if (fs < 0)
		return err_sys(e, fs, "make the masks");
	file = fd_open(fs, EMPTY_FILE, O_WRONLY | O_CREAT | O_EXCL, 0444);
	if (file < 0 || mkdirat(fs, EMPTY_DIR, 0555) < 0)
		return err_sys(e, file < 0 ? file : errno, "make the masks");
	fd_close(&file); /* an open writer keeps the mount writable */
	r = mnt_attr(fs, false, MNT_RDONLY, 0, MNT_PRIVATE, FD_NONE);
	target = fd_open(AT_FDCWD, "/mask", O_PATH | O_DIRECTORY, 0);
	if (r == 0)
		r = target < 0 ? target : mnt_attach(fs, target);
	return r < 0 ? err_sys(e, r, "attach the masks") : 0;
}

/* The root is there: we were born below it. */
static int keep_root(struct apply *a, struct err *e)
{
	fd_close(&a->root);
	a->root = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	return a->root < 0 ? err_sys(e, a->root, "open the root that is shared") : 0;
}

int step_enter(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int below = FD_NONE;
	autoclose int slash = FD_NONE;
	int r;

	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(e, errno, "become the container's root");
	/* changing ids made us dumpable by nobody but root of the namespace; keep even that out */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, errno, "hide from ptrace");
	r = ns_unshare((int)st->number[0]);
	if (r < 0)
		return err_sys(e, r, "make the container's namespaces of mounts and control groups");
	if (!(st->number[0] & CLONE_NEWNS))
		return keep_root(a, e);
	/* What the monitor changes later (a new base) arrives here; nothing of ours goes back. With a user namespace the kernel has done this. */
	slash = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	r = slash < 0 ? slash : mnt_attr(slash, true, 0, 0, MNT_SLAVE, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "become a slave of the monitor's mounts");
	below = fd_open(AT_FDCWD, "/root", O_PATH | O_DIRECTORY, 0);
	if (below < 0)
		return err_sys(e, below, "open the container's root");
	/* The copied root is locked in place and cannot be pivoted to; a recursive clone keeps the locks inside and is free itself. */
	fd_close(&a->root);
	a->root = mnt_clone(below, "", true);
	if (a->root < 0)
		return err_sys(e, a->root, "clone the container's root");
	r = mnt_attach(a->root, below);
	if (r < 0)
		return err_sys(e, r, "attach the container's root");
	return make_masks(e);
}

int apply_split_options(struct arena *arena, const char *text, const char ***ret, struct err *e)
{
	const char **opts = NULL;
	size_t count = 0;
	char *copy = arena_strdup(arena, text ?: ""), *save = NULL;

	for (char *word = copy ? strtok_r(copy, ",", &save) : NULL; word; word = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(word, '=');
		const char **key = arena_push(arena, &opts, &count, sizeof(*opts));
		const char **value;

		if (!key)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		*key = word;
		value = arena_push(arena, &opts, &count, sizeof(*opts));
		if (!value)
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
		if (eq) {
			*eq = '\0';
			*value = eq + 1;
		}
	}
	if (!copy || !arena_push(arena, &opts, &count, sizeof(*opts)))
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*ret = opts;
	return 0;
}

/* Where a fresh instance is not ours to make: the host's network shows through its own sysfs, its pid namespace through its own proc, when the container was given
 * those; a kernel may lack message queues. */
static int make_fs(const struct apply *a, const struct step *st, const char *const *opts, char *why)
{
	const struct step *child = plan_find(a->plan, STEP_CHILD, 0);
	bool hosts_pids = child && !(child->number[0] & CLONE_NEWPID);
	const char *stage = strcmp(st->text[0], "sysfs") == 0 ? "/sys" : strcmp(st->text[0], "proc") == 0 && hosts_pids ? "/proc" : NULL;
	int fd = mnt_new(st->text[0], opts, (uint32_t)st->number[0], why);

	if (fd == -EPERM && stage) {
		int r;

		fd = mnt_clone(AT_FDCWD, stage, false);
		r = fd < 0 ? fd : mnt_attr(fd, false, (uint32_t)st->number[0], 0, MNT_KEEP, FD_NONE);
		if (r < 0) {
			fd_close(&fd);
			fd = r;
		}
	}
	return fd;
}

static bool may_be_missing(const struct step *st)
{
	return strcmp(st->text[0], "mqueue") == 0;
}

int step_mount(struct apply *a, const struct step *st, struct err *e)
{
	struct arena arena = ARENA_INIT;
	const char **opts = NULL;
	char why[256] = "";
	autoclose int fs = FD_NONE;
	int r = apply_split_options(&arena, st->text[2], &opts, e);

	if (r < 0) {
		arena_done(&arena);
		return r;
	}
	if (a->shared_proc >= 0 && strcmp(st->text[0], "proc") == 0)
		fs = take_fd(a->shared_proc);
	else
		fs = make_fs(a, st, opts, why);
	arena_done(&arena);
	if (fs < 0 && ((st->number[1] & PLAN_OPTIONAL) || ((fs == -ENODEV || fs == -EPERM) && may_be_missing(st))))
		return 0;
	if (fs < 0)
		return err_sys(e, fs, "make a %s mount for '/%s' (%s)", st->text[0], st->text[1], why[0] ? why : "no reason given");
	/* our own kernel mounts make their mount point; a user's entry says so */
	return apply_attach(a, fs, st->text[1], st->number[1] ? st->number[1] : PLAN_CREATE_DIR, "", e);
}

/* In a tmpfs of ours: nothing of the container's can be in the way. */
int step_link(struct apply *a, const struct step *st, struct err *e)
{
	const char *slash = strrchr(st->text[0], '/');
	char dir[128];
	autoclose int at = FD_NONE;

	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - st->text[0]) : 1, slash ? st->text[0] : ".");
	at = path_open_nolinks(a->root, dir, O_PATH | O_DIRECTORY, 0);
	if (at < 0 || (symlinkat(st->text[1], at, slash ? slash + 1 : st->text[0]) < 0 && errno != EEXIST))
		return err_sys(e, at < 0 ? at : errno, "make the link '/%s'", st->text[0]);
	return 0;
}

/* Prepared by the monitor, attached to what only we could make. */
int step_bind_late(struct apply *a, const struct step *st, struct err *e)
{
	int *source = &a->source[st->number[0] % APPLY_MAX_SOURCES];
	int r;

	if (*source < 0)
		return 0; /* optional and absent */
	r = apply_attach(a, *source, st->text[0], st->number[1], "the mount for ", e);
	fd_close(source);
	return r;
}

int step_bind_inside(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int source = FD_NONE;
	autoclose int target = FD_NONE;
	autoclose int tree = FD_NONE;
	int r;

	if (!st->text[0]) {
		target = path_open_nolinks(a->root, st->text[1], O_PATH, 0);
		r = target < 0 ? target : mnt_attr(target, false, (uint32_t)st->number[0], 0, MNT_KEEP, FD_NONE);
		if (r < 0 && (st->number[1] & PLAN_OPTIONAL))
			return 0;
		if (r == -EINVAL)
			return err_set(e, ERR_INPUT, EINVAL, "nothing is mounted at '/%s' that could be mounted anew with other options", st->text[1]);
		return r < 0 ? err_sys(e, r, "change the mount at '/%s'", st->text[1]) : 0;
	}
	source = path_open_in(a->root, st->text[0], O_PATH, 0);
	if (source == -ENOENT && (st->number[1] & PLAN_OPTIONAL))
		return 0;
	if (source < 0)
		return err_sys(e, source, "open the mount source '/%s' inside the container", st->text[0]);
	tree = mnt_clone(source, "", st->number[2] != 0);
	r = tree < 0 ? tree : mnt_attr(tree, st->number[2] != 0, (uint32_t)st->number[0], 0, MNT_PRIVATE, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "clone '/%s' inside the container", st->text[0]);
	target = apply_target(a, st->text[1], st->number[1], e);
	if (target == -ENOENT && (st->number[1] & PLAN_OPTIONAL))
		return 0;
	if (target < 0)
		return target;
	r = mnt_attach(tree, target);
	return r < 0 ? err_sys(e, r, "attach '/%s' to '/%s'", st->text[0], st->text[1]) : 0;
}

/* A source that was optional and is absent leaves nothing to change. */
int step_propagate(struct apply *a, const struct step *st, struct err *e)
{
	static const enum mnt_propagation kinds[] = {
		[SPEC_PROP_PRIVATE] = MNT_PRIVATE, [SPEC_PROP_SLAVE] = MNT_SLAVE, [SPEC_PROP_SHARED] = MNT_SHARED, [SPEC_PROP_UNBINDABLE] = MNT_UNBINDABLE};
	autoclose int target = path_open_nolinks(a->root, st->text[0], O_PATH, 0);
	int r = target;

	if (target >= 0)
		r = mnt_attr(target, st->number[1] != 0, 0, 0, kinds[st->number[0] % ARRAY_LEN(kinds)], FD_NONE);
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	return r < 0 ? err_sys(e, r, "set how mount events pass at '/%s'", st->text[0]) : 0;
}

int step_mask(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int target = path_open_nolinks(a->root, st->text[0], O_PATH, 0);
	autoclose int mask = FD_NONE;
	struct stat sb;
	int r;

	if (target == -ENOENT || target == -EACCES)
		return 0;
	if (target < 0 || fstat(target, &sb) < 0)
		return err_sys(e, target < 0 ? target : errno, "open '/%s'", st->text[0]);
	mask = mnt_clone(AT_FDCWD, S_ISDIR(sb.st_mode) ? "/mask/" EMPTY_DIR : "/mask/" EMPTY_FILE, false);
	r = mask < 0 ? mask : mnt_attach(mask, target);
	return r < 0 ? err_sys(e, r, "mask '/%s'", st->text[0]) : 0;
}

int step_read_only(struct apply *a, const struct step *st, struct err *e)
{
	autoclose int tree = FD_NONE;
	autoclose int writable = FD_NONE;
	autoclose int target = path_open_nolinks(a->root, st->text[0], O_PATH | O_DIRECTORY, 0);
	int r;

	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return err_sys(e, target, "open '/%s'", st->text[0]);
	tree = mnt_clone(target, "", true); /* what lies upon it stays there */
	if (tree < 0)
		return err_sys(e, tree, "clone '/%s'", st->text[0]);
	if (st->text[1]) {
		writable = mnt_clone(target, st->text[1], false);
		if (writable < 0 && writable != -ENOENT)
			return err_sys(e, writable, "clone '/%s/%s'", st->text[0], st->text[1]);
	}
	r = mnt_attr(tree, false, MNT_RDONLY, 0, MNT_KEEP, FD_NONE);
	if (r == 0)
		r = mnt_attach(tree, target);
	if (r == 0 && writable >= 0) {
		autoclose int over = path_open_nolinks(tree, st->text[1], O_PATH | O_DIRECTORY, 0);

		r = over < 0 ? over : mnt_attach(writable, over);
	}
	return r < 0 ? err_sys(e, r, "make '/%s' read-only", st->text[0]) : 0;
}

int step_pivot(struct apply *a, const struct step *st, struct err *e)
{
	char cwd[16];
	int r = mnt_pivot(a->root);

	(void)st;
	if (r < 0)
		return err_sys(e, r, "make the container's tree our root");
	if (!getcwd(cwd, sizeof(cwd)) || strcmp(cwd, "/") != 0)
		return err_set(e, ERR_INTERNAL, EXDEV, "the working directory is not inside the container");
	return 0;
}
