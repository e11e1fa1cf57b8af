/* gc.c - what dead commands left, and what nothing refers to any more.
 *
 * Liveness is a lock, never an age: a builder holds staging/ID.lock, a remover locks the directory it removes, a pool filler holds the
 * pool lock. What is locked is left alone; one thing that cannot be removed does not keep the others. Versions are never taken here:
 * whether one is pinned is known above. */
#include "base/fd.h"
#include "state/diskerr.h"
#include "state/dirs.h"
#include "state/lock.h"
#include "store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct sweep {
	const struct store *s;
	bool dry_run;
	struct store_gc *out;
	struct err *e;
	int first; /* the first failure */
};

static void note(struct sweep *w, int r, const char *dir, const char *name)
{
	if (r >= 0 || r == -EBUSY || r == -ENOENT || w->first)
		return;
	w->first = disk_err(w->e, r, w->s->root, "remove '%s/%s/%.200s'", w->s->root, dir, name);
	if (r == -EXDEV)
		(void)err_hint(w->e, "findmnt -R -T %s/%s", w->s->root, dir);
}

static void measure(struct sweep *w, int dir, const char *name)
{
	autoclose int fd = fd_open(dir, name, O_PATH | O_NOFOLLOW, 0);
	uint64_t bytes, files;

	if (fd >= 0 && store_tree_usage(fd, &bytes, &files) == 0)
		w->out->bytes += bytes;
}

/* Removes @name by way of the trash and counts it. */
static void discard(struct sweep *w, int dir, const char *dir_name, const char *name, unsigned *count)
{
	measure(w, dir, name);
	(*count)++;
	if (!w->dry_run)
		note(w, store_discard(w->s, dir, name, dir_name), dir_name, name);
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n > k && strcmp(s + n - k, suffix) == 0;
}

/* The lock of a staging entry: a descriptor when nobody holds it (FD_NONE when it has none), -EWOULDBLOCK when its builder lives. */
static int take_staging_lock(int staging, const char *lock_name)
{
	autoclose int fd = fd_open(staging, lock_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd == -ENOENT)
		return FD_NONE;
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return take_fd(fd);
}

static void sweep_staging_entry(struct sweep *w, int staging, const char *name)
{
	char id[256], lock_name[300];
	autoclose int lock = FD_NONE;

	(void)snprintf(id, sizeof(id), "%s", name);
	if (has_suffix(id, ".lock"))
		id[strlen(id) - strlen(".lock")] = '\0';
	(void)snprintf(lock_name, sizeof(lock_name), "%s.lock", id);
	lock = take_staging_lock(staging, lock_name);
	if (lock < 0 && lock != FD_NONE)
		return;
	if (faccessat(staging, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		discard(w, staging, "staging", id, &w->out->staging);
	if (lock >= 0 && !w->dry_run)
		lock_forget(staging, lock_name, &lock);
}

static void sweep_staging(struct sweep *w)
{
	autoclose int staging = store_subdir(w->s, "staging");
	autoclosedir DIR *dir = staging < 0 ? NULL : fd_open_dir(staging, ".", 0);
	const struct dirent *ent;

	while (dir && (ent = dirs_next(dir))) {
		char partner[300];

		/* A pair is handled once: by its directory when there is one. */
		if (has_suffix(ent->d_name, ".lock")) {
			(void)snprintf(partner, sizeof(partner), "%.*s", (int)(strlen(ent->d_name) - strlen(".lock")), ent->d_name);
			if (faccessat(staging, partner, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
				continue;
		}
		sweep_staging_entry(w, staging, ent->d_name);
	}
}

static void sweep_trash(struct sweep *w)
{
	autoclose int trash = store_subdir(w->s, "trash");
	autoclosedir DIR *dir = trash < 0 ? NULL : fd_open_dir(trash, ".", 0);
	const struct dirent *ent;

	while (dir && (ent = dirs_next(dir))) {
		measure(w, trash, ent->d_name);
		w->out->trash++;
		if (!w->dry_run)
			note(w, lock_reap(trash, ent->d_name), "trash", ent->d_name);
	}
}

static bool version_exists(const struct store_base *bases, size_t count, const char *version)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(bases[i].version, version) == 0)
			return true;
	return false;
}

static void sweep_pool(struct sweep *w, const struct store_base *bases, size_t count)
{
	autoclose int lock = store_lock(w->s, "pool", true, 0, NULL);
	autoclose int pool = store_subdir(w->s, "pool");
	autoclosedir DIR *dir = lock < 0 || pool < 0 ? NULL : fd_open_dir(pool, ".", 0);
	const struct dirent *ent;

	while (dir && (ent = dirs_next(dir)))
		if (!version_exists(bases, count, ent->d_name))
			discard(w, pool, "pool", ent->d_name, &w->out->pool);
}

/* Lock files of versions that are gone: "NAME@VERSION" with whatever stands before it. */
static void sweep_locks(struct sweep *w, const struct store_base *bases, size_t count)
{
	autoclose int locks = store_subdir(w->s, "locks");
	autoclosedir DIR *dir = locks < 0 ? NULL : fd_open_dir(locks, ".", 0);
	const struct dirent *ent;

	while (dir && !w->dry_run && (ent = dirs_next(dir))) {
		const char *at = strrchr(ent->d_name, '@');
		autoclose int lock = FD_NONE;

		if (!at || version_exists(bases, count, at + 1))
			continue;
		lock = lock_take(locks, ent->d_name, true, NULL, 0, NULL);
		if (lock >= 0)
			lock_forget(locks, ent->d_name, &lock);
	}
}

int store_gc(const struct store *s, bool dry_run, struct store_gc *ret, struct err *e)
{
	struct store_gc out = {0};
	struct sweep w = {.s = s, .dry_run = dry_run, .out = &out, .e = e};
	struct arena a = ARENA_INIT;
	struct store_base *bases;
	size_t count;
	int r;

	sweep_staging(&w);
	sweep_trash(&w);
	r = w.first ? 0 : store_bases(s, &a, &bases, &count, e);
	/* What a version owns is judged only by a list of versions that is known to be whole. */
	if (!w.first && r == 0) {
		sweep_pool(&w, bases, count);
		sweep_locks(&w, bases, count);
	}
	arena_done(&a);
	*ret = out;
	return r ?: w.first;
}
