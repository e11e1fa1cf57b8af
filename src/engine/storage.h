/* storage.h - what a container's root lies in, and the files by which overlay clones are known to what they stand on. Private to this folder. */
#pragma once

#include "base/buf.h"
#include "engine/engine.h"

enum root_kind {
	ROOT_NONE,    /* the config names none */
	ROOT_BASE,    /* on a base of ours: private/, or upper/ and work/, or nothing */
	ROOT_DIR,
	ROOT_OVERLAY,
	ROOT_BTRFS,   /* a directory that is a subvolume */
	ROOT_LOOP,    /* a file */
	ROOT_LVM,     /* a block device */
	ROOT_OTHER,   /* something only LXC could make: zfs, rbd, nbd, aufs */
};

struct root {
	enum root_kind kind;
	char path[512];                /* directory, file or device; of an overlay the upper directory; as said for ROOT_OTHER */
	char lower[1024];              /* of an overlay: the lower directories as written, separated by colons */
	char base[64], mode[16];       /* ROOT_BASE */
	bool managed;                  /* lxc.rootfs.managed */
};

/* What config @text says. */
void root_parse(const char *text, struct root *ret);
/* True when @path is @dir or lies in it. */
bool path_is_below(const char *path, const char *dir);
/* The config file in directory @dir as text. */
int storage_config(int dir, struct buf *ret, struct err *e) MUST_USE;

/* A copy of the container, or of the snapshot, in one directory into another that is still empty. The clone hook is the caller's. */
struct storage_copy {
	const char *from_dir;  /* path of the source's directory */
	int from;
	const char *to_dir;    /* path that the new one will have */
	int to;                /* where it is being made */
	bool share;            /* overlay clone of a directory, snapshot of a volume */
	bool or_copy;          /* with share: what cannot be shared is copied */
	bool keep_mac;
	const char *hostname;  /* NULL = stays */
	const char *backing;   /* NULL = as the source */
	uint64_t size;         /* of a volume, bytes; 0 = as the source, or the usual */
	const char *vg, *thin_pool; /* for a new LVM volume, as in coppice_make */
	const char *delta;     /* with share: path of a directory for an overlay's layers, NULL = in the new one's directory */
	const char *const *set;
	unsigned *ret_stands;  /* STANDS_*: what the copy cannot be without; NULL = not asked */
};
#define STANDS_ON_SOURCE 1u /* its root lies over the source's */
#define STANDS_ON_LOWERS 2u /* it shares what the source's own lies over */
int storage_copy(struct coppice *c, const struct storage_copy *j, struct err *e) MUST_USE;
/* Takes back what a finished copy in directory @to has outside of it, before the directory is removed. */
void storage_copy_undo(int to);

/* Removes a root that lies outside of the container's directory @ct_dir (everything within goes with that): never "/", nothing that holds @ct_dir or is a mount
 * point, nothing that another container uses. */
int storage_remove_root(struct coppice *c, const char *name, const char *ct_dir, const struct root *root, struct err *e) MUST_USE;
/* Directory @name in @parent is not there, or holds nothing but hidden names. */
bool storage_is_empty(int parent, const char *name);
/* -EBUSY with the place when something is mounted at or below @path. */
int storage_mounts_below(const char *path, struct err *e) MUST_USE;

/* ---- volumes: loop files, LVM, btrfs, by their programs (volume.c) ---- */

/* Makes @kind for directory @ct_dir (open as @to): @o says size and names. @ret_path: what lxc.rootfs.path gets, prefix included. */
int volume_make(const char *kind, const char *name, const char *ct_dir, int to, const struct coppice_make *o, char ret_path[600], struct err *e) MUST_USE;
/* Can this host and the file system of @dir have them? */
bool volume_can(const char *kind, int dir, const char *vg);
/* Copy, of the same size, or snapshot of @root into @to. -EXDEV when a btrfs root cannot be had so: another file system, or no subvolume. */
int volume_copy(const struct root *root, const struct storage_copy *j, char ret_path[600], struct err *e) MUST_USE;
/* What a new LVM volume for directory @to_dir is called: as the container; a snapshot's with its container's name before it, because all volumes of a group lie side by side.
 * Never a name that is taken: a container that is being restored still has its own. */
void volume_name(const char *vg, const char *to_dir, char ret[200]);
/* A new LVM volume is written down in the directory that it is made for, before it is made, and has a tag that nothing else has. kept: the directory is in place, whole. forget: its maker
 * is dead or has failed: removes the volume, if it came to that. */
void volume_kept(int dir);
int volume_forget(int dir, struct err *e) MUST_USE;
/* Group and thin pool ("" = none) of an LVM volume. */
int volume_group(const struct root *root, char ret_vg[200], char ret_pool[200], struct err *e) MUST_USE;
/* Bytes of a loop file or a block device; 0 = not known, or something else. */
uint64_t volume_size(const struct root *root);
/* What mkfs calls the file system that is mounted at @mount; NULL = none that we would make. */
const char *volume_fstype(int mount);
/* False for a block device that is none of LVM's. */
bool volume_is_lvm(const char *device);
int volume_remove(const struct root *root, struct err *e) MUST_USE;
/* The file system of "loop:FILE" or "lvm:DEVICE" as a detached mount; with @dir >= 0 the loop file is rootdev in that directory. */
int volume_open(const char *path, int dir, bool writable, struct err *e) MUST_USE;
/* Mounts a loop file or device on the directory @target, in the caller's mount namespace. */
int volume_mount(const struct root *root, const char *target, struct err *e) MUST_USE;
/* Runs a program found in the usual places. -ENOENT with the package to install. */
int volume_program(const char *const *argv, const char *package, struct buf *out, struct err *e) MUST_USE;

/* ---- clones (clones.c): LXC's files lxc_snapshots (who stands on me) and lxc_rdepends (what I stand on), two lines an entry ---- */

/* The entry (@path, @name) in file lxc_snapshots of the container in @dir is added; or taken away. */
int clones_add(int dir, const char *path, const char *name, struct err *e) MUST_USE;
int clones_drop(int dir, const char *path, const char *name, struct err *e) MUST_USE;
/* Refuses when a clone of the container in @dir (whose directory has the path @ct_dir) exists. Entries of what is gone do not count. */
int clones_none(int dir, const char *ct_dir, struct err *e) MUST_USE;
/* The copy in @to, which will be @path/@name, stands on what the container in @from stands on, and, unless @parent is NULL, on that one, @parent_path/@parent: writes its
 * lxc_rdepends and enters it in theirs. */
int clones_link(int from, const char *parent_path, const char *parent, int to, const char *path, const char *name, struct err *e) MUST_USE;
/* Takes the container (or snapshot) in @dir, @path/@name, out of the files of what it stood on. */
void clones_unlink(int dir, const char *path, const char *name);

/* ---- locks ---- */

/* The lock of container @name, stopped and clean. @force stops it, else a running one is refused with @hint. */
int engine_lock_stopped(struct coppice *c, const char *name, const char *verb, bool force, const char *hint, struct err *e) MUST_USE;
/* Private part and pin of a container on @ref in directory @dir. */
int engine_layer_new(struct coppice *c, const char *ref, const char *mode, int dir, struct err *e) MUST_USE;

/* Removes a stopped container, or one that was never finished; its lock is held. @hook: after its destroy hooks. */
int engine_destroy_locked(struct coppice *c, const char *name, const struct coppice_destroy *o, bool hook, struct err *e) MUST_USE;
/* Removes what a snapshot that was killed left in directory @snaps, and its volume. */
int snapshot_clear(int snaps, struct err *e) MUST_USE;
/* The container in @dir is being made by a template, or its maker was killed: it is none yet. */
bool making_is_partial(int dir);

/* coppice_rename(), with the host name as it is when @keep_hostname. */
int engine_rename(struct coppice *c, const char *name, const char *to, bool keep_hostname, struct err *e) MUST_USE;

/* ---- hooks ---- */

/* The clone hook of a copy that is in place; its failure takes the copy away. Its lock is held. */
int storage_hook_clone(struct coppice *c, const char *source, const struct coppice_copy *o, struct err *e) MUST_USE;
/* The destroy hook, before anything is removed. */
int storage_hook_destroy(struct coppice *c, const char *name, struct err *e) MUST_USE;
