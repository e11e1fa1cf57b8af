/* store.h - the base store: sealed bases, leases on them, containers' private parts, and what is thrown away.
 *
 * On disk (docs/formats/store.md), one root, one file system:
 *
 *     bases/NAME/VERSION/  image.erofs | tree/   the whole trimmed system (usr, etc, var, ...), sealed
 *                          skel/      private template: everything but usr, plain files
 *                          manifest   sorted, one line an entry; VERSION = first 16 hex digits of its sha256... full digest in meta
 *                          meta       key = value: digest, os, arch, source, created, sizes, seal level wanted, merged-usr
 *     bases/NAME/current   symlink to VERSION, replaced by rename
 *     pool/ staging/ trash/ cache/ ranges locks/
 *
 * Every change is staging -> fsync -> rename; deletion is rename to trash, then unlink. Building and verifying live in the helper program
 * coppice-image; this library opens, mounts, copies, counts and collects. */
#pragma once

#include "base/err.h"
#include "base/arena.h"
#include "linux/facts.h"

#include <stdbool.h>
#include <sys/types.h>

struct store {
	char root[256]; /* absolute path, for messages */
	int dir;        /* O_PATH|O_DIRECTORY of it */
};

/* Opens (and lays out, 0700, owner checked) the store at @root. */
int store_open(const char *root, struct store *ret, struct err *e) MUST_USE;
void store_close(struct store *s);

/* ---- bases (base.c) ---- */

struct store_base {
	char name[64];
	char version[72];   /* short id, 16 hex digits */
	char digest[72];    /* sha256 of the manifest, hex */
	char os[64], arch[16], source[128], seal[16]; /* seal: "erofs" or "tree" */
	int64_t created;    /* unix seconds */
	uint64_t common_bytes, common_files, skel_bytes, skel_files, image_bytes; /* image_bytes: on disk */
	bool merged_usr, current;
	unsigned pins;      /* containers that name it; filled by store_bases_count_pins() */
	char common[64];    /* the shared directories, space-separated, usr first; "" = not said: usr */
};

/* Resolves "NAME", "NAME@VERSION" or "NAME@PREFIX" (>= 4 digits). -ENOENT with a suggestion. A base found is not held: who builds on it
 * takes store_lock("NAME@VERSION") shared, then store_base_open() tells whether it is still there. */
int store_base_find(const struct store *s, const char *ref, struct store_base *ret, struct err *e) MUST_USE;
/* All bases, sorted by name then age (newest first). Array in @a. One whose meta cannot be read has seal "damaged", name and version
 * only. */
int store_bases(const struct store *s, struct arena *a, struct store_base **ret, size_t *ret_count, struct err *e) MUST_USE;
/* Fills in the pins of each base from state_pins(). */
struct state_pin;
void store_bases_count_pins(struct store_base *bases, size_t count, const struct state_pin *pins, size_t pin_count);
/* Moves `current` to the newest other version (or drops it), renames the version to the trash and removes it. The caller holds
 * store_lock("NAME@VERSION") exclusively and has checked pins under it. Safe to be killed anywhere and to be repeated. */
int store_base_delete(const struct store *s, const struct store_base *b, struct err *e) MUST_USE;
/* Opens the version directory (O_PATH). */
int store_base_open(const struct store *s, const struct store_base *b, struct err *e) MUST_USE;

/* ---- leases (lease.c): the base as a mount ---- */

/* A base mounted once per version and cloned for everybody: page cache and dentries are shared only within one superblock. A
 * file-backed image has no block device to find the superblock by, so a new user takes a clone of the mount from any live
 * monitor that has it (by pidfd + setns), under a lock per version; the first mounts it. */
struct store_lease {
	int mount;         /* detached read-only mount of the whole image; caller owns */
	const char *level; /* "erofs-file", "erofs-loop", "tree" (locked read-only bind) */
	bool shared;       /* taken from another holder */
};
/* @where: path at which the caller will attach the mount in its own mount namespace ("/base"; within a fraction of a second, not
 * idmapped), where later callers find it; NULL for a caller that shares but will not attach. The caller is remembered as a holder.
 * @holders: further processes to ask (may be stale, may be none: those remembered are usually enough). Forks a short-lived child. */
struct proc_id;
int store_lease_take(const struct store *s, const struct facts *f, const struct store_base *b, const struct proc_id *holders,
		     size_t holder_count, const char *where, struct store_lease *ret, struct err *e) MUST_USE;

/* ---- private parts (layer.c) ---- */

/* Makes a container's private part for @mode inside directory @ct_dir (open, 0700): private/ for bind and copy, upper/ + work/ for
 * overlay, nothing for ephemeral. @mode: enum spec_mode. bind: from a ready pool tree by rename, else skel by copy_file_range/reflink.
 * copy: full tree from the mounted @base_mount (FD_NONE unless mode is copy; in bind mode it may be given, for the base's own
 * /usr/local). Mount points dev proc sys run tmp and usr, usr/local exist afterwards. @ret_how: "pool", "reflink", "copy", "empty"
 * (overlay, ephemeral). Nothing is synced but pool trees: as durable as any copy. On failure nothing is left. */
int store_layer_make(const struct store *s, const struct store_base *b, int mode, int base_mount, int ct_dir, const char **ret_how,
		     struct err *e) MUST_USE;

/* Copies a tree by descriptor: modes, owners, times, xattrs, hard links, devices, sparse files; reflink or copy_file_range. */
int store_copy_tree(int from, int to, uint64_t *ret_bytes, uint64_t *ret_files, struct err *e) MUST_USE;

/* The same for an overlay's upper layer: what it hides and moves stays hidden and moved. */
int store_copy_layer(int from, int to, struct err *e) MUST_USE;

/* Fills the pool to @want (at most 64) ready trees for @b (0 empties it). Called at idle times: it syncs; takes the pool lock, never
 * blocks create; does nothing when another process is filling. */
int store_pool_fill(const struct store *s, const struct store_base *b, unsigned want, struct err *e) MUST_USE;

/* Bytes and files on disk of a tree (st_blocks, hard links once), not crossing mounts. */
int store_tree_usage(int dirfd, uint64_t *ret_bytes, uint64_t *ret_files) MUST_USE;

/* ---- id ranges (range.c) ---- */

#define STORE_RANGE_SIZE 65536u
/* Finds the range of @owner ("lxcpath/name") or allocates a free one under the lock. Never overlaps another range, /etc/subuid or
 * /etc/subgid lines of others, or the ids of login users. */
int store_range_take(const struct store *s, const char *owner, uint32_t *ret_first, struct err *e) MUST_USE;
/* What that would give now. Nothing is taken. */
int store_range_look(const struct store *s, const char *owner, uint32_t *ret_first, struct err *e) MUST_USE;
int store_range_release(const struct store *s, const char *owner, struct err *e) MUST_USE; /* and what it shares */
/* @owner lives with the ids of another's, which begin with @first: nobody else is given them while it exists, or until it shares others. Nothing to do when they are none of ours. */
int store_range_share(const struct store *s, const char *owner, uint32_t first, struct err *e) MUST_USE;
int store_range_find(const struct store *s, const char *owner, uint32_t *ret_first) MUST_USE; /* -ENOENT */
/* Releases ranges whose container "LXCPATH/NAME" exists no more and is not among the @live owners (running containers); counts them. */
int store_range_sweep(const struct store *s, const char *const *live, size_t live_count, bool dry_run, unsigned *ret_count,
		      struct err *e) MUST_USE;

/* ---- collection (gc.c) ---- */

struct store_gc {
	unsigned staging, trash, pool, versions; /* things removed (or that would be) */
	uint64_t bytes;
};
/* Removes abandoned staging, trash, pool trees of versions that are gone, and lock files of such. Never a version (versions stays 0):
 * the caller knows the pins and uses store_base_delete(). What cannot be removed is skipped and reported as the first error; @ret is
 * always filled. */
int store_gc(const struct store *s, bool dry_run, struct store_gc *ret, struct err *e) MUST_USE;

/* Lock file @what ("NAME@VERSION": shared while used or built from, exclusive to delete; "NAME": exclusive while `current` changes).
 * Gives a descriptor that is the lock. -EBUSY at @deadline (clock.h; 0 = do not wait). */
int store_lock(const struct store *s, const char *what, bool exclusive, uint64_t deadline, struct err *e) MUST_USE;
