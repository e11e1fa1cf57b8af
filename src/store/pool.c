/* pool.c - private trees made before they are wanted, so that create is one rename.
 *
 * pool/VERSION/N is a whole tree, always: it is filled as pool/.tmp-N, written out to disk (this is idle time, unlike create), and
 * renamed. Taking one is lock-free: several takers may see the same tree, one rename wins. */
#include "base/clock.h"
#include "base/fd.h"
#include "state/diskerr.h"
#include "state/dirs.h"
#include "store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree of the pool costs what a container costs on disk: nobody wants thousands lying ready. */
#define POOL_MAX 64

int pool_take(const struct store *s, const char *version, int dir, const char *name)
{
	autoclose int pool = FD_NONE;
	autoclosedir DIR *trees = NULL;
	const struct dirent *ent;
	char path[96];

	if (!store_is_version(version))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "pool/%s", version);
	pool = fd_open(s->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (pool < 0)
		return pool;
	trees = fd_open_dir(pool, ".", 0);
	if (!trees)
		return -errno;
	while ((ent = dirs_next(trees))) {
		if (renameat2(pool, ent->d_name, dir, name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != ENOENT) /* not: another create was faster */
			return -errno;
	}
	return -ENOENT;
}

static unsigned count_trees(int pool)
{
	autoclosedir DIR *trees = fd_open_dir(pool, ".", 0);
	unsigned n = 0;

	while (trees && dirs_next(trees))
		n++;
	return n;
}

/* Under the pool lock every .tmp- belongs to a dead filler. */
static void drop_leftovers(const struct store *s, int pool)
{
	autoclosedir DIR *dir = fd_open_dir(pool, ".", 0);
	const struct dirent *ent;

	while (dir && (ent = dirs_next(dir)))
		if (strncmp(ent->d_name, ".tmp-", 5) == 0)
			(void)!store_discard(s, pool, ent->d_name, "pool");
}

static int make_tree(const struct store *s, const struct store_base *b, int pool, unsigned n, struct err *e)
{
	autoclose int root = FD_NONE;
	char name[32];
	bool reflinked;

	(void)snprintf(name, sizeof(name), ".tmp-%u", n);
	if (mkdirat(pool, name, 0700) < 0)
		return disk_err(e, errno, s->root, "make '%s/pool/%s'", s->root, name);
	root = fd_open(pool, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (root < 0)
		return err_sys(e, root, "open '%s/pool/%s'", s->root, name);
	return layer_fill(s, b, FD_NONE, root, &reflinked, e);
}

static int publish(const struct store *s, int pool, int trees, unsigned n, struct err *e)
{
	char from[32], to[32];
	int r = -EEXIST;

	(void)snprintf(from, sizeof(from), ".tmp-%u", n);
	for (unsigned i = 0; i < 4 * POOL_MAX && r == -EEXIST; i++) {
		(void)snprintf(to, sizeof(to), "%u", i);
		r = renameat2(pool, from, trees, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	return r < 0 ? disk_err(e, r, s->root, "put a tree into '%s/pool'", s->root) : 0;
}

static int grow(const struct store *s, const struct store_base *b, int pool, int trees, unsigned more, struct err *e)
{
	unsigned made = 0;
	int r = 0;

	while (made < more && r == 0) {
		r = make_tree(s, b, pool, made, e);
		made += r == 0;
	}
	/* One sync for all. Trees are published only after it: what is in the pool survives a power cut whole. */
	if (made && syncfs(trees) < 0 && r == 0)
		r = disk_err(e, errno, s->root, "sync '%s'", s->root);
	for (unsigned i = 0; i < made && r == 0; i++)
		r = publish(s, pool, trees, i, e);
	if (r < 0)
		drop_leftovers(s, pool);
	return r;
}

static void shrink(const struct store *s, int trees, unsigned less)
{
	autoclosedir DIR *dir = fd_open_dir(trees, ".", 0);
	const struct dirent *ent;

	while (dir && less > 0 && (ent = dirs_next(dir))) {
		(void)!store_discard(s, trees, ent->d_name, "pool");
		less--;
	}
}

int store_pool_fill(const struct store *s, const struct store_base *b, unsigned want, struct err *e)
{
	autoclose int lock = store_lock(s, "pool", true, 0, e);
	autoclose int pool = FD_NONE;
	autoclose int trees = FD_NONE;
	unsigned have;

	if (lock == -EBUSY) { /* somebody else is filling: that is as good */
		err_clear(e);
		return 0;
	}
	if (lock < 0)
		return lock;
	if (!store_is_version(b->version))
		return err_set(e, ERR_INTERNAL, EINVAL, "'%s' is not a version", b->version);
	if (want > POOL_MAX)
		want = POOL_MAX;
	pool = store_subdir(s, "pool");
	if (pool < 0)
		return disk_err(e, pool, s->root, "open '%s/pool'", s->root);
	drop_leftovers(s, pool);
	trees = dirs_open(pool, b->version, want > 0);
	if (trees == -ENOENT)
		return 0;
	if (trees < 0)
		return disk_err(e, trees, s->root, "open '%s/pool/%s'", s->root, b->version);
	have = count_trees(trees);
	if (have < want)
		return grow(s, b, pool, trees, want - have, e);
	shrink(s, trees, have - want);
	if (want == 0)
		(void)unlinkat(pool, b->version, AT_REMOVEDIR);
	return 0;
}
