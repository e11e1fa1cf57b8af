/* normalise.c - see normalise.h. */
#include "image/normalise.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/rules.h"
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(struct err *e, int code, const char *verb, const char *path)
{
	char safe[256];

	format_safe(path, safe, sizeof(safe));
	return err_sys(e, code, "%s '%s'", verb, safe);
}

/* ---- the layout with a common/ directory ---- */

static const char *const common_names[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"};

/* True when @name is a link to common/@name, with or without a leading slash. */
static bool leads_to_common(int tree, const char *name)
{
	char target[4096];
	const char *t = target;

	if (tree_readlink(tree, name, target) < 0)
		return false;
	while (*t == '/' || (t[0] == '.' && t[1] == '/'))
		t++;
	return strncmp(t, "common/", 7) == 0 && strcmp(t + 7, name) == 0;
}

static int unfold_common(struct job *j, struct err *e)
{
	char inner[64];
	int r;

	if (!tree_is_dir(j->tree, "common"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(common_names); i++) {
		const char *name = common_names[i];
		struct stat st;

		if (!leads_to_common(j->tree, name))
			continue;
		(void)snprintf(inner, sizeof(inner), "common/%s", name);
		if (tree_stat(j->tree, inner, &st) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "'%s' is a link to 'common/%s', which does not exist", name, name);
		r = tree_remove(j->tree, name);
		if (r >= 0)
			r = tree_rename(j->tree, inner, name);
		if (r < 0)
			return fail(e, r, "unfold", inner);
	}
	/* Whatever else is in it stays. */
	(void)unlinkat(j->tree, "common", AT_REMOVEDIR);
	return 0;
}

/* ---- what must be there ---- */

static int check_tops(struct job *j, struct err *e)
{
	static const char *const real[] = {"usr", "etc", "var"};
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	char safe[128];
	struct stat st;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(real); i++)
		if (tree_stat(j->tree, real[i], &st) == 0 && !S_ISDIR(st.st_mode))
			return err_set(e, ERR_INPUT, ENOTDIR, "'%s' is not a directory in the source", real[i]);
	if (tree_is_dir(j->tree, "usr") || tree_is_dir(j->tree, "bin") || tree_is_dir(j->tree, "lib"))
		return 0;
	r = tree_list(j->tree, &names);
	if (r < 0)
		return fail(e, r, "read", "/");
	format_safe(names.count ? names.names[0] : "", safe, sizeof(safe));
	return err_set(e, ERR_INPUT, EINVAL,
		       names.count == 1 ? "no system in the source: no usr, bin or lib, only '%s'"
		       : names.count	? "no system in the source: no usr, bin or lib beside '%s'"
					: "no system in the source: it is empty%s",
		       safe);
}

static int make_mount_points(struct job *j, struct err *e)
{
	int r = 0;

	for (const struct mount_point *m = rules_mount_points; m->path && r >= 0; m++) {
		r = tree_remove(j->tree, m->path);
		if (r >= 0)
			r = tree_mkdir(j->tree, m->path, m->mode);
		if (r < 0)
			return fail(e, r, "make mount point", m->path);
	}
	/* Whoever made the source may have kept its root directory to himself; a container's is for all its users. */
	if (fchown(j->tree, 0, 0) < 0 || fchmod(j->tree, 0755) < 0)
		return fail(e, errno, "set mode of", "/");
	/* The place a container's own /usr/local is mounted on; a sealed base cannot grow it later. */
	r = tree_mkdir(j->tree, "usr", 0755) ?: tree_mkdir(j->tree, "usr/local", 0755);
	return r < 0 ? fail(e, r, "make", "usr/local") : 0;
}

/* ---- caches and logs ---- */

static int prune_dir(struct job *j, int fd, struct buf *path, unsigned depth, struct err *e) /* NOLINT(misc-no-recursion): bounded */
{
	autodone(tree_names_done) struct tree_names names = {NULL, 0};
	size_t len = path->len;
	int r = depth ? tree_list(fd, &names) : -ELOOP;

	if (r < 0)
		return fail(e, r, "read directory", buf_str(path));
	for (size_t i = 0; i < names.count; i++) {
		struct stat st;

		buf_printf(path, "/%s", names.names[i]);
		if (buf_failed(path))
			return fail(e, ENOMEM, "prune", names.names[i]);
		r = fstatat(fd, names.names[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
		if (r < 0)
			return fail(e, r, "stat", buf_str(path));
		if (rules_any(buf_str(path), &st) == COPY_SKIP) {
			r = tree_remove(fd, names.names[i]);
			if (r < 0)
				return fail(e, r, "remove", buf_str(path));
		} else if (S_ISDIR(st.st_mode)) {
			autoclose int child = path_open_beneath(fd, names.names[i], O_RDONLY | O_DIRECTORY, 0);

			r = child < 0 ? fail(e, child, "open directory", buf_str(path)) : prune_dir(j, child, path, depth - 1, e);
			if (r < 0)
				return r;
		}
		path->len = len;
		path->data[len] = '\0';
	}
	return job_tick(j, e);
}

static int prune(struct job *j, struct err *e)
{
	static const char *const tops[] = {"lost+found", ".dockerenv", ".containerenv"};
	autodone(buf_done) struct buf path = BUF_INIT;
	autoclose int var = FD_NONE;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		r = tree_remove(j->tree, tops[i]);
		if (r < 0)
			return fail(e, r, "remove", tops[i]);
	}
	if (!tree_is_dir(j->tree, "var"))
		return 0;
	var = path_open_beneath(j->tree, "var", O_RDONLY | O_DIRECTORY, 0);
	if (var < 0)
		return fail(e, var, "open", "var");
	buf_puts(&path, "var");
	return prune_dir(j, var, &path, 520, e);
}

int normalise(struct job *j, struct err *e)
{
	int r = job_progress(j, e, "normalise", -1, "one layout, no caches, no logs");

	if (r == 0)
		r = unfold_common(j, e);
	if (r == 0)
		r = check_tops(j, e);
	if (r == 0)
		r = make_mount_points(j, e);
	return r ? r : prune(j, e);
}
