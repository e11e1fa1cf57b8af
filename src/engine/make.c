/* make.c - a container made by a template, as lxc-create does it: a directory, a config that begins with the default lines, a root, then any program that fills the root and
 * appends to the config.
 *
 * A template gets paths and writes them into the config, so the directory cannot be made out of sight. It holds the file `partial` instead, locked by its maker for as long as
 * that lives; LXC's tools know it too. A directory whose `partial` nobody has locked belongs to a killed maker: it is no container, and the next create of its name removes it. */
#include "engine/storage.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "config.h"
#include "engine/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARTIAL "partial"
#define LXC_TEMPLATES "/usr/share/lxc/templates"
#define CONFIG_MAX (1 << 20)
#define ARGS_MAX 256

struct making {
	struct coppice *c;
	const struct coppice_make *o;
	const char *name;
	char ct_dir[400], template[512]; /* template "" = none */
	char root[600];                  /* what lxc.rootfs.path gets */
	int dir;
};

/* ---- the template ---- */

static bool usable(const char *path)
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_PATH, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The path without ".." and links, as it goes into the config. */
static void shortest(const char *path, char ret[512])
{
	autoclose int fd = fd_open(AT_FDCWD, path, O_PATH, 0);

	if (fd < 0 || fd_path(fd, ret, 512) < 0)
		(void)snprintf(ret, 512, "%s", path);
}

/* Ours, beside our own program or installed, before LXC's. */
static bool find_template(const char *name, char ret[512])
{
	const char *forced = getenv("COPPICE_TEMPLATES");
	static const char *const beside[] = {"../share/templates", "../../../share/templates", "../share/coppice/templates"};
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (forced && forced[0]) {
		(void)snprintf(ret, 512, "%s/lxc-%s", forced, name);
		if (usable(ret))
			return true;
	}
	self[n > 0 ? n : 0] = '\0';
	*(strrchr(self, '/') ?: self) = '\0';
	for (size_t i = 0; n > 0 && i < ARRAY_LEN(beside); i++) {
		char path[512];

		(void)snprintf(path, sizeof(path), "%s/%s/lxc-%s", self, beside[i], name);
		if (usable(path)) {
			shortest(path, ret);
			return true;
		}
	}
	(void)snprintf(ret, 512, "%s/lxc-%s", COPPICE_TEMPLATEDIR, name);
	if (usable(ret))
		return true;
	(void)snprintf(ret, 512, LXC_TEMPLATES "/lxc-%s", name);
	return usable(ret);
}

static int choose_template(struct making *m, struct err *e)
{
	const char *t = m->o->template;

	if (!t || strcmp(t, "none") == 0)
		return 0;
	if (t[0] == '/') {
		(void)snprintf(m->template, sizeof(m->template), "%s", t);
		return usable(t) ? 0 : err_set(e, ERR_MISSING, ENOENT, "the template '%s' is not a program", t);
	}
	if (!parse_is_name(t))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is neither the name of a template nor an absolute path", t);
	if (find_template(t, m->template))
		return 0;
	(void)err_set(e, ERR_MISSING, ENOENT, "there is no template '%s', neither ours nor in " LXC_TEMPLATES, t);
	return err_hint(e, "busybox, coppice, download, local, oci or none; or the path of a script");
}

/* A mount namespace of its own, so that what a template mounts and forgets is gone with it; a volume is mounted in it. */
static int enter(const struct making *m, const struct root *root, const char *target)
{
	struct err e = {0};

	if (unshare(CLONE_NEWNS) < 0 || mount("/", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return 126;
	if (root->kind != ROOT_LOOP && root->kind != ROOT_LVM)
		return 0;
	if (volume_mount(root, target, &e) == 0)
		return 0;
	if (m->c->note)
		m->c->note(m->c->note_data, e.why);
	return 126;
}

static void fill_argv(const struct making *m, const char *target, char opts[5][640], char **argv)
{
	int n = 0, k = 0;

	argv[n++] = (char *)(uintptr_t)m->template;
	(void)snprintf(opts[k], sizeof(opts[k]), "--path=%s", m->ct_dir);
	argv[n++] = opts[k++];
	(void)snprintf(opts[k], sizeof(opts[k]), "--name=%s", m->name);
	argv[n++] = opts[k++];
	(void)snprintf(opts[k], sizeof(opts[k]), "--rootfs=%s", target);
	argv[n++] = opts[k++];
	if (m->c->user) { /* we are root of our user's namespace: files are made as they are seen inside */
		(void)snprintf(opts[k], sizeof(opts[k]), "--mapped-uid=0");
		argv[n++] = opts[k++];
		(void)snprintf(opts[k], sizeof(opts[k]), "--mapped-gid=0");
		argv[n++] = opts[k++];
	}
	for (size_t i = 0; m->o->args && m->o->args[i] && n < ARGS_MAX - 1; i++)
		argv[n++] = (char *)(uintptr_t)m->o->args[i];
	argv[n] = NULL;
}

/* Without @root nothing is made: the template is only asked. */
static int execute(const struct making *m, const struct root *root, const char *target, char **argv, struct err *e)
{
	int status = 0;
	pid_t pid, got, self = getpid();

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != self)
			_exit(126);
		status = root ? enter(m, root, target) : 0;
		if (status == 0)
			(void)execv(argv[0], argv);
		_exit(status ?: 127);
	}
	if (pid < 0)
		return err_sys(e, errno, "run '%s'", m->template);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(e, ERR_SYSTEM, EIO, "the template '%s' was ended by signal %d", m->template, WTERMSIG(status));
	return err_set(e, ERR_SYSTEM, EIO, "the template '%s' ended with status %d", m->template, WEXITSTATUS(status));
}

static int run_template(const struct making *m, const struct root *root, struct err *e)
{
	bool volume = root->kind == ROOT_LOOP || root->kind == ROOT_LVM;
	char opts[5][640], target[600], *argv[ARGS_MAX];

	(void)snprintf(target, sizeof(target), "%s%s", volume ? m->ct_dir : root->path, volume ? "/rootfs" : "");
	fill_argv(m, target, opts, argv);
	return execute(m, root, target, argv, e);
}

int coppice_template_help(const char *template, struct err *e)
{
	const struct coppice_make o = {.template = template};
	struct making m = {.o = &o};
	char flag[] = "-h", *argv[] = {m.template, flag, NULL};
	int r = choose_template(&m, e);

	return r < 0 || !m.template[0] ? r : execute(&m, NULL, NULL, argv, e);
}

/* ---- the root ---- */

static int make_dir(struct making *m, struct err *e)
{
	int r = 0;

	if (m->o->dir)
		r = path_mkdirs(m->o->dir, 0755);
	else if (mkdirat(m->dir, "rootfs", 0755) < 0)
		r = -errno;
	if (m->o->dir)
		(void)snprintf(m->root, sizeof(m->root), "dir:%s", m->o->dir);
	else
		(void)snprintf(m->root, sizeof(m->root), "dir:%s/rootfs", m->ct_dir);
	return r < 0 ? err_sys(e, r, "make the root '%s'", m->root + 4) : 0;
}

static int refuse_kind(const char *kind, struct err *e)
{
	if (strcmp(kind, "zfs") == 0)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "-B zfs: roots in ZFS need its kernel module and tools, which are outside of Linux; make the dataset yourself and say --dir");
	if (strcmp(kind, "rbd") == 0)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "-B rbd: a root in a Ceph cluster is mapped by its own tools; map it yourself and say --dir");
	if (strcmp(kind, "overlay") == 0 || strcmp(kind, "overlayfs") == 0)
		return err_set(e, ERR_UNSUPPORTED, EOPNOTSUPP, "-B overlay: there is nothing yet for it to lie over; make a directory, then clones of it: lxc-copy -s");
	return err_set(e, ERR_INPUT, EINVAL, "-B '%s': storage is one of dir, best, btrfs, loop and lvm", kind);
}

static int make_kind(struct making *m, const char *kind, struct err *e)
{
	if (strcmp(kind, "dir") == 0)
		return make_dir(m, e);
	if (strcmp(kind, "btrfs") == 0 || strcmp(kind, "loop") == 0 || strcmp(kind, "lvm") == 0)
		return volume_make(kind, m->name, m->ct_dir, m->dir, m->o, m->root, e);
	return refuse_kind(kind, e);
}

/* The first of the list that can be had here. */
static int make_root(struct making *m, struct err *e)
{
	const char *list = m->o->backing ?: "dir";
	char kinds[128], *save = NULL, *next = NULL;

	(void)snprintf(kinds, sizeof(kinds), "%s", strcmp(list, "best") == 0 ? "btrfs,lvm,dir" : list);
	for (char *kind = strtok_r(kinds, ",", &save); kind; kind = next) {
		int r;

		next = strtok_r(NULL, ",", &save);
		if (next && strcmp(kind, "dir") != 0 && strcmp(kind, "loop") != 0 && !volume_can(kind, m->dir, m->o->vg))
			continue;
		r = make_kind(m, kind, e);
		if (r == 0 || !next)
			return r;
		/* a full group, a file system that takes no such file: the next of the list */
		engine_trace(m->c, "not %s: %s", kind, e->why);
		err_clear(e);
		(void)!path_remove_tree(m->dir, "rootdev");
	}
	return refuse_kind(list, e);
}

/* Before anything is made. */
static int check_kinds(const char *list, struct err *e)
{
	static const char *const known[] = {"best", "btrfs", "dir", "loop", "lvm"};
	char kinds[128], *save = NULL;

	(void)snprintf(kinds, sizeof(kinds), "%s", list ?: "dir");
	for (char *kind = strtok_r(kinds, ",", &save); kind; kind = strtok_r(NULL, ",", &save)) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			found = found || strcmp(kind, known[i]) == 0;
		if (!found)
			return refuse_kind(kind, e);
	}
	return 0;
}

/* ---- the config ---- */

static int first_config(struct making *m, struct buf *text, struct err *e)
{
	autoclose int fd = m->o->config ? fd_open(AT_FDCWD, m->o->config, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0) : FD_NONE;
	struct conf *conf = NULL;
	int r = 0;

	if (m->o->config)
		r = fd < 0 ? fd : fd_read_regular(fd, text, CONFIG_MAX);
	if (r < 0)
		return err_sys(e, r, "read '%s'", m->o->config);
	r = conf_parse_as(buf_str(text), text->len, m->o->config ?: "", m->c->lenient ? CONF_LENIENT : CONF_STRICT, &conf, e);
	conf_free(&conf);
	if (r < 0)
		return r;
	if (text->len)
		lines_squeeze(text);
	r = lines_new_macs(text, false);
	return r < 0 ? err_sys(e, r, "choose hardware addresses") : 0;
}

static int write_config(const struct making *m, const struct buf *text, struct err *e)
{
	int r = buf_failed(text) ? -ENOMEM : path_replace_file(m->dir, "config", buf_str(text), text->len, 0640);

	return r < 0 ? err_sys(e, r, "write '%s/config'", m->ct_dir) : 0;
}

static void add_header(const struct making *m, struct buf *out)
{
	buf_printf(out, "# Template used to create this container: %s\n# Parameters passed to the template:", m->template);
	for (size_t i = 0; m->o->args && m->o->args[i]; i++) {
		buf_putc(out, ' ');
		for (const char *p = m->o->args[i]; *p; p++)
			buf_putc(out, *p == '\n' || *p == '\r' ? ' ' : *p);
	}
	buf_puts(out, "\n# For additional config options, please look at lxc.container.conf(5)\n\n"
		      "# Uncomment the following line to support nesting containers:\n"
		      "#lxc.include = /usr/share/lxc/config/nesting.conf\n# (Be aware this has security implications)\n\n");
}

/* What the template has left is read again: the header goes before it, and a template that has chosen a base gets its private part. */
static int last_config(const struct making *m, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autodone(buf_done) struct buf whole = BUF_INIT;
	struct root root;
	int r = storage_config(m->dir, &text, e);

	if (r < 0)
		return r;
	root_parse(buf_str(&text), &root);
	if (root.kind == ROOT_BASE) {
		r = engine_layer_new(m->c, root.base, root.mode, m->dir, e);
		if (r < 0)
			return r;
	}
	add_header(m, &whole);
	buf_add(&whole, buf_str(&text), text.len);
	return write_config(m, &whole, e);
}

static int fill(struct making *m, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct root root;
	int r = first_config(m, &text, e);

	if (r < 0)
		return r;
	if (!m->template[0])
		return write_config(m, &text, e);
	r = make_root(m, e);
	if (r < 0)
		return r;
	lines_drop(&text, "lxc.rootfs.path", "lxc.rootfs");
	lines_add(&text, "lxc.rootfs.path", m->root);
	r = write_config(m, &text, e);
	root_parse(buf_str(&text), &root);
	if (r == 0 && (root.kind == ROOT_LOOP || root.kind == ROOT_LVM) && mkdirat(m->dir, "rootfs", 0755) < 0)
		r = err_sys(e, errno, "make '%s/rootfs'", m->ct_dir);
	if (r == 0)
		r = run_template(m, &root, e);
	return r == 0 ? last_config(m, e) : r;
}

/* ---- partial ---- */

bool making_is_partial(int dir)
{
	return faccessat(dir, PARTIAL, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int lock_partial(int dir, int flags)
{
	autoclose int fd = fd_open(dir, PARTIAL, O_RDWR | O_NOFOLLOW | flags, 0);
	int r = fd < 0 ? fd : fd_lock(fd);

	return r < 0 ? r : take_fd(fd);
}

/* What is there in the way of a new container of that name: 0 nothing (any more). */
static int clear_way(const struct making *m, struct err *e)
{
	autoclose int dir = state_dir(&m->c->state, m->name);
	autoclose int partial = FD_NONE;
	struct coppice_destroy o = {.snapshots = true};

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return err_sys(e, dir, "open '%s'", m->ct_dir);
	if (!making_is_partial(dir))
		return err_set(e, ERR_EXISTS, EEXIST, "a container '%s' exists already", m->name);
	partial = lock_partial(dir, 0);
	if (partial == -EBUSY)
		return err_set(e, ERR_BUSY, EBUSY, "another command is making it");
	engine_trace(m->c, "remove '%s', whose maker was killed", m->name);
	return engine_destroy_locked(m->c, m->name, &o, false, e);
}

static int make_locked(struct making *m, struct err *e)
{
	autoclose int partial = FD_NONE;
	autoclose int dir = FD_NONE;
	struct coppice_destroy undo = {.snapshots = true};
	struct err ignored = {0};
	int r;

	if (mkdirat(m->c->state.lxc_dir, m->name, 0770) < 0)
		return err_sys(e, errno, "make '%s'", m->ct_dir);
	dir = fd_open(m->c->state.lxc_dir, m->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0 || fchmod(dir, 0770) < 0)
		return err_sys(e, dir < 0 ? dir : errno, "open '%s'", m->ct_dir);
	m->dir = dir;
	partial = lock_partial(dir, O_CREAT | O_EXCL);
	r = partial < 0 ? err_sys(e, partial, "make '%s/" PARTIAL "'", m->ct_dir) : fill(m, e);
	if (r == 0)
		volume_kept(dir);
	if (r == 0 && (unlinkat(dir, PARTIAL, 0) < 0 || fsync(dir) < 0))
		r = err_sys(e, errno, "end the making of '%s'", m->ct_dir);
	if (r < 0)
		(void)!engine_destroy_locked(m->c, m->name, &undo, false, &ignored);
	return r;
}

int coppice_make(struct coppice *c, const char *name, const struct coppice_make *o, struct err *e)
{
	struct making m = {.c = c, .o = o, .name = name, .dir = FD_NONE};
	autoclose int lock = FD_NONE;
	int r = engine_check_new(c, name, e);

	if (r == 0)
		r = engine_state(c, e);
	if (r == 0 && o->dir && (o->dir[0] != '/' || strstr(o->dir, "/../")))
		r = err_set(e, ERR_INPUT, EINVAL, "--dir: '%s' is not a plain absolute path", o->dir);
	if (r == 0)
		r = check_kinds(o->backing, e);
	if (r == 0)
		r = choose_template(&m, e);
	if (r < 0)
		return err_what(e, "cannot create '%s'", name);
	(void)snprintf(m.ct_dir, sizeof(m.ct_dir), "%s/%s", c->lxcpath, name);
	engine_sweep(c);
	lock = state_lock(&c->state, name, "create", clock_deadline(ENGINE_LOCK_MS), e);
	r = lock < 0 ? lock : clear_way(&m, e);
	if (r == 0)
		r = make_locked(&m, e);
	return r < 0 ? err_what(e, "cannot create '%s'", name) : 0;
}
