/* source-host.c - the running system as a source: an allow-list of top-level directories, one file system each. */
#include "image/source.h"

#include "base/fd.h"
#include "base/path.h"
#include "image/copy.h"
#include "image/rules.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum copy_verdict choose(void *data, const char *path, const struct stat *st)
{
	enum copy_verdict v = rules_host(path, st);

	if (data && v == COPY_EMPTY && strncmp(path, "usr/local/", 10) != 0)
		job_scrubbed(data, path, "state of this host's services");
	return v;
}

/* A top-level directory may be a file system of its own (/usr, /var); what is mounted inside it is left out. */
static int copy_top(struct copy *c, int host, const char *name, struct err *e)
{
	autoclose int from = FD_NONE, to = FD_NONE;
	struct stat st;
	int r;

	if (fstatat(host, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "stat '/%s'", name);
	r = copy_entry(c, host, name, c->root, name, name, e);
	if (r < 0 || !S_ISDIR(st.st_mode))
		return r;
	from = fd_open(host, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	to = path_open_beneath(c->root, name, O_RDONLY | O_DIRECTORY, 0);
	if (from < 0 || to < 0)
		return err_sys(e, from < 0 ? from : to, "open '/%s'", name);
	return copy_tree(c, from, to, name, e);
}

static int count_top(struct copy *c, int host, const char *name, uint64_t *bytes, struct err *e)
{
	autoclose int from = fd_open(host, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	return from < 0 ? 0 : copy_count(c, from, name, &c->total, bytes, e);
}

/* Puts one file of the tree to a second place: the skeleton of a home directory. */
static int copy_within(struct job *j, const char *from, const char *to, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = tree_read(j->tree, from, &text, 1u << 20);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = tree_write(j->tree, to, buf_str(&text), text.len, 0644);
	return r < 0 ? err_sys(e, r, "make '%s'", to) : 0;
}

int source_host_skeleton(struct job *j, struct err *e)
{
	static const char *const empty[] = {"home", "media", "mnt", "opt", "srv", "boot"};
	static const char *const dots[][2] = {{"usr/share/base-files/dot.bashrc", "root/.bashrc"},
					      {"usr/share/base-files/dot.profile", "root/.profile"},
					      {"etc/skel/.bashrc", "root/.bashrc"},
					      {"etc/skel/.profile", "root/.profile"}};
	int r = tree_mkdir(j->tree, "root", 0700);

	for (size_t i = 0; i < ARRAY_LEN(empty) && r == 0; i++)
		r = tree_mkdir(j->tree, empty[i], 0755);
	if (r < 0)
		return err_sys(e, r, "make top-level directories");
	for (size_t i = 0; i < ARRAY_LEN(dots); i++) {
		if (tree_is_file(j->tree, dots[i][1]))
			continue;
		r = copy_within(j, dots[i][0], dots[i][1], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Local programs are the host's own, as /opt and /srv are; and each container would copy them. */
static void tell_local(struct job *j, int host)
{
	static const char *const dirs[] = {"usr/local/bin", "usr/local/sbin", "usr/local/lib", "opt", "srv"};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		autodone(tree_names_done) struct tree_names names = {NULL, 0};
		autoclose int dir = tree_open_dir(host, dirs[i]);

		if (dir >= 0 && tree_list(dir, &names) == 0 && names.count)
			job_warn(j, "left out: what this host has in /%s (%zu entries)", dirs[i], names.count);
	}
}

int source_host(struct job *j, struct err *e)
{
	autodone(copy_done) struct copy c = COPY_INIT(j, j->tree, "copy");
	autoclose int host = fd_open(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);
	uint64_t bytes = 0;
	struct stat st;

	if (host < 0 || fstat(host, &st) < 0)
		return err_sys(e, host < 0 ? host : errno, "open '/'");
	c.choose = choose;
	for (const char *const *top = rules_host_tops; *top; top++) {
		int r = count_top(&c, host, *top, &bytes, e);

		if (r < 0)
			return r;
	}
	job_stage_in_memory(j, c.total, bytes);
	c.root = j->tree;
	c.data = j;
	for (const char *const *top = rules_host_tops; *top; top++) {
		int r = copy_top(&c, host, *top, e);

		if (r < 0)
			return r;
	}
	if (futimens(j->tree, (const struct timespec[2]){st.st_mtim, st.st_mtim}) < 0)
		return err_sys(e, errno, "set times of the tree");
	tell_local(j, host);
	return source_host_skeleton(j, e);
}
