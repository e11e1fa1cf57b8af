/* storage.c - what a container's root is, and copies of it: a directory file by file (shared blocks where the file system can), an overlay by its upper layer, a container
 * on a base by its private part, a volume by its programs. The copy's config is the source's text with the lines that name the old place changed. */
#include "engine/storage.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/lines.h"
#include "linux/subvol.h"
#include "linux/mnt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (1 << 20)

bool path_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0' || len == 1);
}

/* ---- what the config says ---- */

static void parse_overlay(const char *value, struct root *ret)
{
	const char *last = strrchr(value, ':');

	ret->kind = last && last != value ? ROOT_OVERLAY : ROOT_OTHER;
	if (ret->kind != ROOT_OVERLAY)
		return;
	(void)snprintf(ret->lower, sizeof(ret->lower), "%.*s", (int)(last - value), value);
	(void)snprintf(ret->path, sizeof(ret->path), "%s", last + 1);
}

static void parse_path(const char *value, struct root *ret)
{
	static const struct {
		const char *prefix;
		enum root_kind kind;
	} kinds[] = {{"dir:", ROOT_DIR}, {"btrfs:", ROOT_BTRFS}, {"loop:", ROOT_LOOP}, {"lvm:", ROOT_LVM}};

	if (strncmp(value, "overlay:", 8) == 0 || strncmp(value, "overlayfs:", 10) == 0) {
		parse_overlay(strchr(value, ':') + 1, ret);
		return;
	}
	ret->kind = value[0] == '/' ? ROOT_DIR : ROOT_OTHER;
	(void)snprintf(ret->path, sizeof(ret->path), "%s", value);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strncmp(value, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
			ret->kind = kinds[i].kind;
			value += strlen(kinds[i].prefix);
			/* a volume may be GROUP/VOLUME */
			(void)snprintf(ret->path, sizeof(ret->path), "%s%s", ret->kind == ROOT_LVM && value[0] != '/' ? "/dev/" : "", value);
			break;
		}
}

/* Old configs name a volume by its plain path. */
static void look_at_path(struct root *ret)
{
	autoclose int fd = ret->kind == ROOT_DIR ? fd_open(AT_FDCWD, ret->path, O_PATH, 0) : FD_NONE;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (S_ISREG(st.st_mode))
		ret->kind = ROOT_LOOP;
	else if (S_ISBLK(st.st_mode))
		ret->kind = ROOT_LVM;
}

void root_parse(const char *text, struct root *ret)
{
	char value[1600];

	*ret = (struct root){.kind = ROOT_NONE, .managed = true};
	if (lines_get(text, "coppice.base", NULL, ret->base, sizeof(ret->base))) {
		ret->kind = ROOT_BASE;
		if (!lines_get(text, "coppice.mode", NULL, ret->mode, sizeof(ret->mode)))
			(void)snprintf(ret->mode, sizeof(ret->mode), "bind");
	} else if (lines_get(text, "lxc.rootfs.path", "lxc.rootfs", value, sizeof(value))) {
		char backend[32];

		/* before 2.1 the kind could stand in a line of its own */
		if (value[0] == '/' && lines_get(text, "lxc.rootfs.backend", NULL, backend, sizeof(backend)) && strcmp(backend, "dir") != 0 &&
		    strlen(value) + strlen(backend) + 2 < sizeof(value)) {
			memmove(value + strlen(backend) + 1, value, strlen(value) + 1);
			memcpy(value, backend, strlen(backend));
			value[strlen(backend)] = ':';
		}
		parse_path(value, ret);
		look_at_path(ret);
	}
	if (lines_get(text, "lxc.rootfs.managed", NULL, value, sizeof(value)))
		ret->managed = strcmp(value, "0") != 0;
}

int storage_config(int dir, struct buf *ret, struct err *e)
{
	autoclose int fd = fd_open(dir, "config", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	int r = fd < 0 ? fd : fd_read_regular(fd, ret, CONFIG_MAX);

	return r < 0 ? err_sys(e, r, "read the config") : 0;
}

/* ---- copying ---- */

struct copying {
	struct coppice *c;
	const struct storage_copy *j;
	struct root root;
	char path[1600]; /* what lxc.rootfs.path gets; "" = the line stays */
	struct err *e;
};

static int copy_dir(const struct copying *p, int from, const char *name, struct err *e)
{
	autoclose int to = FD_NONE;
	uint64_t bytes = 0, files = 0;
	int r;

	if (mkdirat(p->j->to, name, 0700) < 0)
		return err_sys(e, errno, "make '%s/%s'", p->j->to_dir, name);
	to = fd_open(p->j->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	r = to < 0 ? err_sys(e, to, "open '%s/%s'", p->j->to_dir, name) : store_copy_tree(from, to, &bytes, &files, e);
	if (r == 0)
		engine_trace(p->c, "%llu files, %llu bytes copied", (unsigned long long)files, (unsigned long long)bytes);
	return r < 0 ? err_wrap(e, "copy the root '%s'", p->root.path) : 0;
}

/* An upper layer into directory @name of the copy. */
static int copy_layer(int from, int to_parent, const char *name, struct err *e)
{
	autoclose int to = FD_NONE;

	if (mkdirat(to_parent, name, 0700) < 0)
		return err_sys(e, errno, "make '%s'", name);
	to = fd_open(to_parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return to < 0 ? err_sys(e, to, "open '%s'", name) : store_copy_layer(from, to, e);
}

static int copy_private(struct copying *p)
{
	static const char *const parts[] = {"private", "upper"};
	const struct storage_copy *j = p->j;
	char base[64], version[72], digest[72];
	int r = state_pin_read(j->from, base, version, digest);

	if (r == 0)
		r = state_pin_stage(j->to, base, version, digest);
	if (r < 0 && r != -ENOENT)
		return err_sys(p->e, r, "copy the base pin");
	r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
		autoclose int from = fd_open(j->from, parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

		if (from == -ENOENT)
			continue;
		r = from < 0 ? err_sys(p->e, from, "open '%s/%s'", j->from_dir, parts[i]) : copy_layer(from, j->to, parts[i], p->e);
		if (r == 0 && i == 1 && mkdirat(j->to, "work", 0700) < 0)
			r = err_sys(p->e, errno, "make '%s/work'", j->to_dir);
	}
	return r;
}

/* LXC's layout: overlay/delta and overlay/work in the clone's directory, and an empty rootfs. */
static int make_overlay(struct copying *p, const char *lower, int from_delta)
{
	const struct storage_copy *j = p->j;
	autoclose int overlay = FD_NONE;
	int r = 0;

	if (j->delta) {
		r = path_mkdirs(j->delta, 0755);
		overlay = r < 0 ? r : fd_open(AT_FDCWD, j->delta, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	} else {
		overlay = path_mkdirs_beneath(j->to, "overlay", 0755);
	}
	if (overlay < 0)
		return err_sys(p->e, overlay, "make the clone's layers");
	if (from_delta >= 0)
		r = copy_layer(from_delta, overlay, "delta", p->e);
	else if (mkdirat(overlay, "delta", 0755) < 0)
		r = err_sys(p->e, errno, "make the clone's upper layer");
	if (r == 0 && (mkdirat(overlay, "work", 0755) < 0 || (mkdirat(j->to, "rootfs", 0755) < 0 && errno != EEXIST)))
		r = err_sys(p->e, errno, "make the clone's layers");
	(void)snprintf(p->path, sizeof(p->path), "overlay:%s:%s%s/delta", lower, j->delta ?: j->to_dir, j->delta ? "" : "/overlay");
	return r;
}

/* The root directory of a clone shows owner and mode of what it lies over. */
static int like(int delta_parent, int lower)
{
	autoclose int delta = fd_open(delta_parent, "delta", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	struct stat st;

	if (delta < 0 || fstat(lower, &st) < 0)
		return delta < 0 ? delta : -errno;
	return fchown(delta, st.st_uid, st.st_gid) < 0 || fchmod(delta, st.st_mode & 07777) < 0 ? -errno : 0;
}

static int copy_directory(struct copying *p, int root)
{
	(void)snprintf(p->path, sizeof(p->path), "dir:%s/rootfs", p->j->to_dir);
	return copy_dir(p, root, "rootfs", p->e);
}

/* A clone that lies over a directory, which may be a subvolume. */
static int share_directory(struct copying *p)
{
	const struct storage_copy *j = p->j;
	autoclose int root = fd_open(AT_FDCWD, p->root.path, O_RDONLY | O_DIRECTORY, 0);
	autoclose int overlay = FD_NONE;
	int r;

	if (root < 0)
		return err_sys(p->e, root, "open the root '%s'", p->root.path);
	if (strpbrk(p->root.path, ":,\\"))
		return err_set(p->e, ERR_INPUT, EINVAL, "the root '%s' has a character in its path that separates layers: it can only be copied", p->root.path);
	r = make_overlay(p, p->root.path, FD_NONE);
	if (r < 0)
		return r;
	overlay = j->delta ? fd_open(AT_FDCWD, j->delta, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0) : fd_open(j->to, "overlay", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	r = overlay < 0 ? overlay : like(overlay, root);
	if (r == 0 && j->ret_stands)
		*j->ret_stands |= STANDS_ON_SOURCE;
	return r < 0 ? err_sys(p->e, r, "give the clone's root the owner of '%s'", p->root.path) : 0;
}

/* Opens the lower directories of an overlay, top first. LXC writes them bottom first only when there is one, so the order is that of the kernel's lowerdir. */
static int open_lowers(const char *list, int *fds, size_t max, size_t *ret_count, struct err *e)
{
	char copy[1024], *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", list);
	for (char *at = strtok_r(copy, ":", &save); at; at = strtok_r(NULL, ":", &save)) {
		if (*ret_count == max)
			return err_set(e, ERR_UNSUPPORTED, E2BIG, "more than %zu layers", max);
		fds[*ret_count] = fd_open(AT_FDCWD, at, O_PATH | O_DIRECTORY, 0);
		if (fds[*ret_count] < 0)
			return err_sys(e, fds[*ret_count], "open the lower layer '%s'", at);
		++*ret_count;
	}
	return 0;
}

/* All layers together, as one read-only tree. */
static int open_merged(const struct root *root, struct err *e)
{
	int fds[16] = {0}, r;
	size_t count = 0;
	char why[256] = "";

	fds[0] = fd_open(AT_FDCWD, root->path, O_PATH | O_DIRECTORY, 0);
	if (fds[0] < 0)
		return err_sys(e, fds[0], "open the upper layer '%s'", root->path);
	count = 1;
	r = open_lowers(root->lower, fds, ARRAY_LEN(fds), &count, e);
	if (r == 0) {
		r = mnt_overlay(fds, count, FD_NONE, FD_NONE, 0, why);
		if (r < 0)
			(void)err_sys(e, r, "lay '%s' over '%s'%s%s", root->path, root->lower, why[0] ? ": " : "", why);
	}
	for (size_t i = 0; i < count; i++)
		fd_close(&fds[i]);
	return r;
}

/* An overlay's own layer; the lower ones stay where they are. */
static int copy_upper(struct copying *p)
{
	autoclose int from = fd_open(AT_FDCWD, p->root.path, O_RDONLY | O_DIRECTORY, 0);

	if (from < 0)
		return err_sys(p->e, from, "open the upper layer '%s'", p->root.path);
	if (p->j->ret_stands)
		*p->j->ret_stands |= STANDS_ON_LOWERS | (p->j->share ? STANDS_ON_SOURCE : 0);
	return make_overlay(p, p->root.lower, from);
}

/* The whole root as one tree to read. */
static int open_tree_of(const struct copying *p)
{
	char path[600];
	int fd;

	switch (p->root.kind) {
	case ROOT_OVERLAY:
		return open_merged(&p->root, p->e);
	case ROOT_LOOP:
	case ROOT_LVM:
		(void)snprintf(path, sizeof(path), "%s:%s", p->root.kind == ROOT_LVM ? "lvm" : "loop", p->root.path);
		return volume_open(path, FD_NONE, false, p->e);
	default:
		fd = fd_open(AT_FDCWD, p->root.path, O_RDONLY | O_DIRECTORY, 0);
		return fd < 0 ? err_sys(p->e, fd, "open the root '%s'", p->root.path) : fd;
	}
}

static void remove_volume(const char *path)
{
	struct root made = {.kind = ROOT_LVM};
	struct err ignored = {0};

	if (strncmp(path, "lvm:", 4) != 0)
		return;
	(void)snprintf(made.path, sizeof(made.path), "%.500s", path + 4);
	(void)!volume_remove(&made, &ignored);
}

/* The tree @from into a new volume: as large as the old one and with the same file system, unless something else was said. */
static int copy_to_volume(struct copying *p, int from, const char *kind)
{
	const struct storage_copy *j = p->j;
	bool block = p->root.kind == ROOT_LOOP || p->root.kind == ROOT_LVM, btrfs = strcmp(kind, "btrfs") == 0;
	struct coppice_make o = {.size = j->size ?: volume_size(&p->root), .vg = j->vg ?: "lxc", .thin_pool = j->thin_pool, .fstype = block ? volume_fstype(from) : NULL};
	autoclose int to = FD_NONE;
	char path[600], vg[200], pool[200], name[200] = "";
	int r = 0;

	if (strcmp(kind, "lvm") == 0 && p->root.kind == ROOT_LVM) { /* beside the source */
		r = volume_group(&p->root, vg, pool, p->e);
		o.vg = vg;
		o.thin_pool = pool;
	}
	if (r == 0 && strcmp(kind, "lvm") == 0)
		volume_name(o.vg, j->to_dir, name);
	if (r == 0)
		r = volume_make(kind, name, j->to_dir, j->to, &o, path, p->e);
	if (r < 0)
		return r;
	(void)snprintf(p->path, sizeof(p->path), "%s", path);
	to = btrfs ? fd_open(j->to, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) : volume_open(path, j->to, true, p->e);
	if (to < 0)
		return btrfs ? err_sys(p->e, to, "open '%s/rootfs'", j->to_dir) : to;
	if (!btrfs) /* the source may have one of its own; a check of the file system makes it again */
		(void)!unlinkat(to, "lost+found", AT_REMOVEDIR);
	r = store_copy_tree(from, to, NULL, NULL, p->e);
	if (r == 0 && !btrfs && mkdirat(j->to, "rootfs", 0755) < 0)
		r = err_sys(p->e, errno, "make '%s/rootfs'", j->to_dir);
	return r;
}

/* File by file into storage of @kind. */
static int copy_across(struct copying *p, const char *kind)
{
	autoclose int from = open_tree_of(p);

	if (from < 0)
		return from;
	return strcmp(kind, "dir") == 0 ? copy_directory(p, from) : copy_to_volume(p, from, kind);
}

static const char *kind_name(enum root_kind kind)
{
	static const char *const names[] = {[ROOT_DIR] = "dir", [ROOT_OVERLAY] = "overlay", [ROOT_BTRFS] = "btrfs", [ROOT_LOOP] = "loop", [ROOT_LVM] = "lvm"};

	return (size_t)kind < ARRAY_LEN(names) ? names[kind] : NULL;
}

/* With the programs or calls of its own kind, at once. */
static int copy_alike(struct copying *p)
{
	char path[600];
	int r = volume_copy(&p->root, p->j, path, p->e);

	if (r == 0)
		(void)snprintf(p->path, sizeof(p->path), "%s", path);
	return r;
}

/* -s: the copy shares what it can. */
static int share_root(struct copying *p)
{
	const char *own = kind_name(p->root.kind), *kind = p->j->backing ?: p->root.kind == ROOT_DIR ? "overlay" : own;
	bool overlay = strncmp(kind, "overlay", 7) == 0;

	if (overlay && (p->root.kind == ROOT_DIR || p->root.kind == ROOT_BTRFS))
		return share_directory(p);
	if (overlay && p->root.kind == ROOT_OVERLAY)
		return copy_upper(p);
	if (strcmp(kind, own) == 0 && (p->root.kind == ROOT_BTRFS || p->root.kind == ROOT_LVM))
		return copy_alike(p);
	if (p->root.kind == ROOT_LOOP)
		return err_set(p->e, ERR_UNSUPPORTED, EOPNOTSUPP, "a loop file cannot be shared; copy it without -s");
	return err_set(p->e, ERR_UNSUPPORTED, EOPNOTSUPP, "a root in '%s' cannot be shared as '%s': %s", own, kind,
		       p->root.kind == ROOT_LVM ? "only as a snapshot of the volume, lvm" : "only by an overlay over it");
}

static int copy_plain(struct copying *p)
{
	const char *own = kind_name(p->root.kind), *kind = p->j->backing ?: own;
	uint64_t bytes = volume_size(&p->root);

	if (p->root.kind == ROOT_OVERLAY && strncmp(kind, "overlay", 7) == 0)
		return copy_upper(p);
	if (strcmp(kind, "dir") != 0 && strcmp(kind, "btrfs") != 0 && strcmp(kind, "loop") != 0 && strcmp(kind, "lvm") != 0)
		return err_set(p->e, ERR_UNSUPPORTED, EOPNOTSUPP, "-B %s: a copy of a root in '%s' can lie in dir, btrfs, loop or lvm", kind, own);
	/* a file system of another size is made anew */
	if (p->root.kind == ROOT_DIR || strcmp(kind, own) != 0 || (bytes && p->j->size && p->j->size != bytes))
		return copy_across(p, kind);
	if (p->root.kind == ROOT_BTRFS) {
		int r = copy_alike(p);

		if (r != -EXDEV)
			return r;
		err_clear(p->e);
		return copy_across(p, p->j->backing || subvol_fs(p->j->to) ? "btrfs" : "dir");
	}
	return copy_alike(p);
}

static int copy_root(struct copying *p)
{
	switch (p->root.kind) {
	case ROOT_NONE:
		return 0;
	case ROOT_BASE:
		if (p->j->backing)
			return err_set(p->e, ERR_UNSUPPORTED, EOPNOTSUPP, "-B %s: a container on a base keeps its private part in a directory", p->j->backing);
		return copy_private(p);
	case ROOT_OTHER:
		return err_set(p->e, ERR_UNSUPPORTED, EOPNOTSUPP, "lxc.rootfs.path = '%.200s': this kind of storage has no copy here; copy it with its own tools", p->root.path);
	default:
		return p->j->share && !(p->j->or_copy && p->root.kind == ROOT_LOOP) ? share_root(p) : copy_plain(p);
	}
}

/* Hook scripts, an fstab: what else lies in the container's directory as a plain file or a directory of such. */
static bool is_other_file(const struct copying *p, const char *name)
{
	static const char *const ours[] = {"config", "base", "private", "upper", "work", "rootfs", "rootdev", "overlay", "snaps", "lxc_snapshots", "lxc_rdepends", "partial", "ts",
					   "comment"};
	size_t len = strlen(name), dir_len = strlen(p->j->from_dir);

	if (name[0] == '.' || strncmp(name, "console.log", 11) == 0 || (len > 4 && strcmp(name + len - 4, ".log") == 0))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return false;
	/* the root under a name of its own */
	return !(path_is_below(p->root.path, p->j->from_dir) && strncmp(p->root.path + dir_len + 1, name, len) == 0 && strchr("/", p->root.path[dir_len + 1 + len]));
}

static int copy_file(int from, int to, const struct stat *st)
{
	ssize_t n = 1;

	while (n > 0)
		n = copy_file_range(from, NULL, to, NULL, 1 << 24, 0);
	if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
		autodone(buf_done) struct buf text = BUF_INIT;
		int r = fd_read_all(from, &text, 1 << 24);

		if (r == 0)
			r = fd_write_all(to, buf_str(&text), text.len);
		if (r < 0)
			return r;
	} else if (n < 0) {
		return -errno;
	}
	return fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ? -errno : 0;
}

static int copy_other(const struct copying *p, const char *name)
{
	autoclose int from = fd_open(p->j->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	autoclose int to = FD_NONE;
	struct stat st;
	int r;

	if (from < 0)
		return from == -ELOOP || from == -ENXIO ? 0 : from;
	if (fstat(from, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		struct err ignored = {0};

		if (mkdirat(p->j->to, name, 0700) < 0)
			return -errno;
		to = fd_open(p->j->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		r = to < 0 ? to : store_copy_tree(from, to, NULL, NULL, &ignored);
		return r;
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	to = fd_open(p->j->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	return to < 0 ? to : copy_file(from, to, &st);
}

static int copy_others(const struct copying *p)
{
	autoclosedir DIR *dir = fd_open_dir(p->j->from, ".", 0);
	struct dirent *ent;
	int r = 0;

	if (!dir)
		return err_sys(p->e, errno, "read '%s'", p->j->from_dir);
	while (r == 0 && (ent = readdir(dir)))
		if (is_other_file(p, ent->d_name)) {
			r = copy_other(p, ent->d_name);
			if (r < 0)
				(void)err_sys(p->e, r, "copy '%s/%s'", p->j->from_dir, ent->d_name);
		}
	return r;
}

static int write_config(const struct copying *p, struct buf *text)
{
	const struct storage_copy *j = p->j;
	int r = 0;

	if (p->path[0]) {
		lines_drop(text, "lxc.rootfs.path", "lxc.rootfs");
		lines_drop(text, "lxc.rootfs.backend", NULL);
	}
	if (j->hostname)
		lines_drop(text, "lxc.uts.name", "lxc.utsname");
	lines_move_paths(text, j->from_dir, j->to_dir);
	if (!j->keep_mac)
		r = lines_new_macs(text, true);
	if (p->path[0])
		lines_add(text, "lxc.rootfs.path", p->path);
	if (j->hostname)
		lines_add(text, "lxc.uts.name", j->hostname);
	for (size_t i = 0; j->set && j->set[i]; i++) {
		const char *eq = strchr(j->set[i], '=');
		char key[128];

		if (!eq || (size_t)(eq - j->set[i]) >= sizeof(key))
			return err_set(p->e, ERR_INPUT, EINVAL, "'%.80s' is not KEY=VALUE", j->set[i]);
		(void)snprintf(key, sizeof(key), "%.*s", (int)(eq - j->set[i]), j->set[i]);
		lines_add(text, key, eq + 1);
	}
	if (r == 0)
		r = buf_failed(text) ? -ENOMEM : path_swap_file(j->to, "config", buf_str(text), text->len, 0640);
	return r < 0 ? err_sys(p->e, r, "write the config") : 0;
}

int storage_copy(struct coppice *c, const struct storage_copy *j, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct copying p = {.c = c, .j = j, .e = e};
	int r = storage_config(j->from, &text, e);

	if (r == 0) {
		root_parse(buf_str(&text), &p.root);
		r = copy_root(&p);
	}
	if (r == 0)
		r = copy_others(&p);
	if (r == 0)
		r = write_config(&p, &text);
	if (r < 0)
		remove_volume(p.path);
	return r;
}

void storage_copy_undo(int to)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct err ignored = {0};
	struct root root;
	char path[600];

	if (storage_config(to, &text, &ignored) < 0)
		return;
	root_parse(buf_str(&text), &root);
	(void)snprintf(path, sizeof(path), "lvm:%s", root.path);
	if (root.kind == ROOT_LVM)
		remove_volume(path);
}

/* ---- removing ---- */

bool storage_is_empty(int parent, const char *name)
{
	autoclosedir DIR *dir = fd_open_dir(parent, name, O_NOFOLLOW);
	struct dirent *ent;
	bool empty = true;

	while (dir && empty && (ent = readdir(dir)))
		empty = ent->d_name[0] == '.';
	return empty;
}

int storage_mounts_below(const char *path, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
	int r = fd < 0 ? fd : fd_read_all(fd, &text, 1 << 24);

	if (r < 0)
		return err_sys(e, r, "read the mount table");
	/* "36 35 98:0 /root /mount/point options ...": blanks in names are \040, which no path of ours has */
	for (const char *line = buf_str(&text); *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line;
		char where[512];
		int field = 0;

		while (field < 5 && lines_word(&at, where, sizeof(where)))
			field++;
		if (field < 5 || !path_is_below(where, path))
			continue;
		(void)err_set(e, ERR_STATE, EBUSY, "something is mounted at '%s'", where);
		return err_hint(e, "umount %s", where);
	}
	return 0;
}

static bool other_uses(struct coppice *c, const char *name, const char *path)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL;
	size_t count = 0;
	struct err ignored = {0};
	bool found = false;

	if (state_names(&c->state, &a, &names, &count, &ignored) < 0)
		count = 0;
	for (size_t i = 0; i < count && !found; i++) {
		autodone(buf_done) struct buf text = BUF_INIT;
		autoclose int dir = state_dir(&c->state, names[i]);
		struct root root;

		if (strcmp(names[i], name) == 0 || dir < 0 || storage_config(dir, &text, &ignored) < 0)
			continue;
		root_parse(buf_str(&text), &root);
		found = root.path[0] && (path_is_below(root.path, path) || path_is_below(path, root.path));
	}
	arena_done(&a);
	return found;
}

static int keep_root(struct coppice *c, const char *path, const char *why)
{
	char text[640];

	(void)snprintf(text, sizeof(text), "the root '%s' is left: %s", path, why);
	if (c->note)
		c->note(c->note_data, text);
	return 0;
}

static int remove_outside(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char parent[512];
	autoclose int dir = FD_NONE;
	int r;

	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	dir = fd_open(AT_FDCWD, parent, O_PATH | O_DIRECTORY, 0);
	r = dir == -ENOENT ? 0 : dir < 0 ? dir : path_remove_tree(dir, slash + 1);
	return r < 0 ? err_sys(e, r, "remove the root '%s'", path) : 0;
}

int storage_remove_root(struct coppice *c, const char *name, const char *ct_dir, const struct root *root, struct err *e)
{
	struct stat st, slash;
	char path[512];
	size_t len;
	int r;

	if (!root->managed || root->kind == ROOT_NONE || root->kind == ROOT_BASE || path_is_below(root->path, ct_dir))
		return 0;
	if (root->kind == ROOT_OTHER)
		return keep_root(c, root->path, "remove it with the tools it was made with");
	if (root->kind == ROOT_LVM) {
		if (!volume_is_lvm(root->path))
			return keep_root(c, root->path, "it is no volume of LVM");
		return other_uses(c, name, root->path) ? keep_root(c, root->path, "other containers use it") : volume_remove(root, e);
	}
	(void)snprintf(path, sizeof(path), "%s", root->path);
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "look at the root '%s'", path);
	if (path[0] != '/' || strstr(path, "/../") || strchr(path + 1, '/') == NULL || S_ISLNK(st.st_mode) || stat("/", &slash) < 0 ||
	    (st.st_ino == slash.st_ino && st.st_dev == slash.st_dev))
		return keep_root(c, path, "it does not look like a directory that was made for a container");
	if (path_is_below(c->lxcpath, path) || path_is_below(c->root, path) || other_uses(c, name, path))
		return keep_root(c, path, "other containers lie in it or use it");
	r = S_ISDIR(st.st_mode) ? storage_mounts_below(path, e) : 0;
	return r < 0 ? r : remove_outside(path, e);
}
