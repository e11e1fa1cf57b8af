/* cmd-copy.c - lxc-copy, and lxc-clone and lxc-start-ephemeral as they were called before: copies, clones, renames, and containers for one run. */
#include "lxc/cmds.h"

#include "base/buf.h"
#include "coppice/coppice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define MOUNTS_MAX 64

static const struct lxc_opt opts[] = {
	{'N', "newname", "NAME", "name of the copy", NULL},
	{'p', "newpath", "PATH", "directory of the containers that it goes to", NULL},
	{'R', "rename", NULL, "rename it instead of copying it", NULL},
	{'s', "snapshot", NULL, "a clone that shares the source's root: an overlay over a directory, a snapshot of a volume", NULL},
	{'a', "allowrunning", NULL, "copy a running container: it is frozen meanwhile", NULL},
	{'e', "ephemeral", NULL, "make a clone, start it, destroy it when it stops", NULL},
	{'d', "daemon", NULL, "with -e: in the background (this is the default)", NULL},
	{'F', "foreground", NULL, "with -e: its console on this terminal", NULL},
	{'D', "keepdata", NULL, "with -e: keep it when it stops", NULL},
	{'t', "tmpfs", NULL, "with -e: what it writes lies in memory", NULL},
	{'m', "mount", "MOUNT", "with -e: bind=/SOURCE:/TARGET[:ro], or overlay=/SOURCE:/TARGET for a private copy; commas between several", NULL},
	{'B', "backingstorage", "TYPE", "what the copy's root lies in: dir, btrfs, loop, lvm, or overlay (with -s); without it as the source", NULL},
	{'L', "fssize", "SIZE", "size of the new volume, such as 4G or 512, which are megabytes", NULL},
	{'K', "keepname", NULL, "keep the host name", NULL},
	{'M', "keepmac", NULL, "keep the hardware addresses", NULL},
};

struct data {
	struct coppice_copy copy;
	bool rename, ephemeral, foreground, keep_data, tmpfs, clone;
	const char *mounts[MOUNTS_MAX], *mount_kinds[MOUNTS_MAX]; /* NULL: said in the text */
	size_t mount_count;
	char made[64];          /* name of the ephemeral one when none was given */
	const char *orig, *new; /* lxc-clone's */
	const char *user;       /* lxc-start-ephemeral's */
	bool background, on_disk;
};

static int say_mount(struct data *d, const char *kind, const char *value, struct err *e)
{
	if (d->mount_count == MOUNTS_MAX)
		return lxc_usage(e, "more than %d mounts", MOUNTS_MAX);
	d->mount_kinds[d->mount_count] = kind;
	d->mounts[d->mount_count++] = value;
	return 0;
}

static int option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'N':
		d->copy.name = value;
		return 0;
	case 'p':
		d->copy.lxcpath = value;
		return 0;
	case 'R':
		d->rename = true;
		return 0;
	case 's':
		d->copy.snapshot = true;
		return 0;
	case 'a':
		d->copy.running = true;
		return 0;
	case 'e':
		d->ephemeral = true;
		return 0;
	case 'd':
		d->foreground = false;
		return 0;
	case 'F':
		d->foreground = true;
		return 0;
	case 'D':
		d->keep_data = true;
		return 0;
	case 't':
		d->tmpfs = true;
		return 0;
	case 'm':
		return say_mount(d, NULL, value, e);
	case 'B':
		d->copy.backing = value;
		return 0;
	case 'L':
		return lxc_volume_size("-L", value, &d->copy.size, e);
	case 'K':
		d->copy.keep_name = true;
		return 0;
	default:
		d->copy.keep_mac = true;
		return 0;
	}
}

/* ---- ephemeral ---- */

struct extras {
	struct buf lines[MOUNTS_MAX]; /* "key=value" */
	char trees[MOUNTS_MAX][512];  /* what an overlay lies over: the clone gets a copy of it, which shares blocks where the file system can */
	const char *tree_list[MOUNTS_MAX + 1];
	size_t tree_count;
	const char *set[MOUNTS_MAX + 2];
	size_t count;
};

static void extras_done(struct extras *x)
{
	for (size_t i = 0; i < x->count; i++)
		buf_done(&x->lines[i]);
}

/* One mount, "bind=/s:/d:ro" or "overlay=/s:/d", into a line of the config. */
static int add_mount(struct extras *x, const char *text, const char *ct_dir, struct err *e)
{
	bool overlay = strncmp(text, "overlay=", 8) == 0, bind = strncmp(text, "bind=", 5) == 0;
	char copy[1024], *save = NULL, *from, *to, *how;
	struct buf *line = &x->lines[x->count];
	struct stat st;

	if ((!overlay && !bind) || x->count == MOUNTS_MAX)
		return lxc_usage(e, "-m: '%.200s' is neither bind=/SOURCE:/TARGET[:ro] nor overlay=/SOURCE:/TARGET", text);
	(void)snprintf(copy, sizeof(copy), "%s", strchr(text, '=') + 1);
	from = strtok_r(copy, ":", &save);
	to = strtok_r(NULL, ":", &save);
	how = strtok_r(NULL, ":", &save);
	if (!from)
		from = copy;
	if (!to && !how)
		to = from;
	if (from[0] != '/' || to[0] != '/' || strpbrk(from, " \t\n") || strpbrk(to, " \t\n"))
		return lxc_usage(e, "-m: '%.200s': both sides are absolute paths without blanks", text);
	if (how && (overlay || (strcmp(how, "ro") != 0 && strcmp(how, "rw") != 0)))
		return lxc_usage(e, "-m: '%.200s': '%s' is neither ro nor rw", text, how);
	if (bind) {
		bool file = stat(from, &st) == 0 && !S_ISDIR(st.st_mode);

		buf_printf(line, "lxc.mount.entry=%s %s none bind,%s,create=%s 0 0", from, to + 1, how ?: "rw", file ? "file" : "dir");
	} else {
		buf_printf(line, "lxc.mount.entry=%s/mount%zu %s none bind,create=dir 0 0", ct_dir, x->tree_count, to + 1);
		(void)snprintf(x->trees[x->tree_count], sizeof(x->trees[0]), "%s", from);
		x->tree_list[x->tree_count] = x->trees[x->tree_count];
		x->tree_list[++x->tree_count] = NULL;
	}
	x->set[x->count++] = buf_str(line);
	return 0;
}

static int add_mounts(const struct data *d, struct extras *x, const char *ct_dir, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->mount_count; i++) {
		char copy[2048], *save = NULL;

		(void)snprintf(copy, sizeof(copy), "%s%s", d->mount_kinds[i] ?: "", d->mounts[i]);
		for (char *at = strtok_r(copy, ",", &save); r == 0 && at; at = strtok_r(NULL, ",", &save))
			r = add_mount(x, at, ct_dir, e);
	}
	return r;
}

static int random_name(const char *stem, char out[64], struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	unsigned char random[6];
	int n = snprintf(out, 64, "%.56s_", stem);

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_sys(e, errno, "get random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		out[(size_t)n + i] = letters[random[i] % (sizeof(letters) - 1)];
	out[(size_t)n + sizeof(random)] = '\0';
	return 0;
}

static int start(struct lxc *l, struct coppice *c, const char *name, struct err *e)
{
	const struct data *d = l->data;
	struct coppice_launch how = {.foreground = d->foreground};
	struct coppice_destroy undo = {.force = true};
	struct err ignored = {0};
	int r = coppice_launch(c, name, &how, NULL, e);

	if (r < 0) {
		if (!d->keep_data)
			(void)coppice_destroy(c, name, &undo, &ignored);
		return r;
	}
	return 0;
}

static int ephemeral(struct lxc *l, struct coppice *c, struct err *e)
{
	struct data *d = l->data;
	const char *path = d->copy.lxcpath ?: l->paths[0];
	char *name = d->made, ct_dir[512];
	struct extras x = {.count = 0};
	int r = -EEXIST;

	d->copy.snapshot = d->copy.or_copy = true;
	d->copy.in_memory = d->tmpfs;
	for (int tries = 0; r == -EEXIST && tries < 20; tries++) {
		err_clear(e);
		extras_done(&x);
		x.count = x.tree_count = 0;
		r = d->copy.name ? 0 : random_name(l->name, name, e);
		if (r == 0) {
			(void)snprintf(ct_dir, sizeof(ct_dir), "%s/%s", path, d->copy.name ?: name);
			r = add_mounts(d, &x, ct_dir, e);
		}
		if (r == 0) {
			struct coppice_copy copy = d->copy;

			x.set[x.count] = d->keep_data ? NULL : "lxc.ephemeral=1";
			x.set[x.count + !d->keep_data] = NULL;
			copy.name = d->copy.name ?: name;
			copy.set = x.set;
			copy.trees = x.tree_count ? x.tree_list : NULL;
			r = coppice_copy(c, l->name, &copy, e);
		}
		if (d->copy.name)
			break;
	}
	if (r == 0) {
		printf("Created %s as clone of %s\n", d->copy.name ?: name, l->name);
		(void)fflush(stdout);
		r = lxc_engine(l, path, &c, e);
	}
	if (r == 0)
		r = start(l, c, d->copy.name ?: name, e);
	extras_done(&x);
	return r;
}

/* ---- the rest ---- */

static int check(struct lxc *l, struct err *e)
{
	const struct data *d = l->data;

	if (!d->ephemeral && (d->tmpfs || d->keep_data || d->mount_count || d->foreground))
		return lxc_usage(e, "-t, -D, -m and -F go with -e");
	if (!d->ephemeral && !(d->copy.name && *d->copy.name)) {
		(void)lxc_usage(e, "no name was given for the copy");
		return err_hint(e, "%s -n %s %s", l->cmd->program, l->name, d->clone ? "NEW" : "-N NEW");
	}
	if (d->rename && (d->ephemeral || d->copy.snapshot || d->copy.lxcpath))
		return lxc_usage(e, "-R goes with none of -e, -s and -p");
	if (d->tmpfs && d->keep_data)
		return lxc_usage(e, "-t and -D exclude each other: what lies in memory is not kept");
	if (d->copy.backing && strcmp(d->copy.backing, "overlay") == 0 && !d->copy.snapshot && !d->ephemeral)
		return lxc_usage(e, "-B overlay goes with -s: an overlay lies over its source");
	return 0;
}

static int run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice *c = NULL;
	char *vg = NULL, *pool = NULL;
	int r = check(l, e);

	if (r == 0)
		r = lxc_engine(l, NULL, &c, e);
	if (r < 0)
		return r;
	d->copy.hook_args = (const char *const *)l->args;
	if (d->rename)
		return coppice_rename(c, l->name, d->copy.name, e);
	d->copy.vg = vg = lxc_system_item("lxc.bdev.lvm.vg");
	d->copy.thin_pool = pool = lxc_system_item("lxc.bdev.lvm.thin_pool");
	r = d->ephemeral ? ephemeral(l, c, e) : coppice_copy(c, l->name, &d->copy, e);
	free(vg);
	free(pool);
	return r;
}

const struct lxc_cmd lxc_cmd_copy = {.program = "lxc-copy",
				     .about = "copy, clone or rename a container",
				     .synopsis = "-n NAME -N NEW [-p PATH] [-s] [-R] [-a] [-K] [-M] [-B TYPE] [-L SIZE] [-- HOOK-OPTION...] | -n NAME -e [-d|-F] [-D|-t] [-m MOUNT]",
				     .name = LXC_NAME_NEEDED,
				     .opts = opts,
				     .opt_count = ARRAY_LEN(opts),
				     .data_size = sizeof(struct data),
				     .option = option,
				     .run = run};

/* ---- lxc-clone, to LXC 2.0 ---- */

enum { OPT_SIZE = 256 };

static const struct lxc_opt clone_opts[] = {
	{'o', "orig", "NAME", "the container to copy; or the first word", NULL},
	{'n', "new", "NAME", "name of the copy; or the second word", NULL},
	{'s', "snapshot", NULL, "a clone that shares the source's root", NULL},
	{'B', "backingstore", "TYPE", "what the copy's root lies in", NULL},
	{'L', "fssize", "SIZE", "size of the new volume", NULL},
	{OPT_SIZE, "size", "SIZE", "the same, as it was called at first", NULL},
	{'v', "vgname", "VG", "volume group of the new volume", "refused: as LXC did; the copy goes into the group of the source"},
	{'t', "fstype", "TYPE", "file system of the new volume", "refused: as LXC did; the copy has the file system of the source"},
	{'p', "lxcpath", "PATH", "directory of the source", NULL},
	{'P', "newpath", "PATH", "directory that the copy goes to", NULL},
	{'R', "rename", NULL, "rename it instead of copying it", NULL},
	{'M', "keepmac", NULL, "keep the hardware addresses", NULL},
	{'K', "keepname", NULL, "keep the host name", NULL},
	{'H', "copyhooks", NULL, "copy hooks too", "ignored: hooks are lines of the config, which is copied whole"},
};

static int clone_option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	d->clone = true;
	switch (id) {
	case 'o':
		d->orig = value;
		return 0;
	case 'n':
		d->new = value;
		return 0;
	case 'p':
		l->paths[0] = value;
		l->path_count = 1;
		l->path_said = true;
		return 0;
	case 'P':
		return option(l, 'p', value, e);
	case OPT_SIZE:
		return option(l, 'L', value, e);
	case 'v':
	case 't':
		return lxc_usage(e, "-%c cannot be chosen for a clone", id);
	case 'H':
		return 0;
	default:
		return option(l, id, value, e);
	}
}

static int clone_run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	size_t used = 0;

	d->clone = true;
	l->name = d->orig ?: used < l->arg_count ? l->args[used++] : NULL;
	d->copy.name = d->new ?: used < l->arg_count ? l->args[used++] : NULL;
	l->args += used;
	l->arg_count -= used;
	if (!l->name)
		return lxc_usage(e, "no container was named: lxc-clone ORIGINAL NEW");
	return run(l, e);
}

const struct lxc_cmd lxc_cmd_clone = {.program = "lxc-clone",
				      .about = "copy a container, as it was called before lxc-copy",
				      .synopsis = "[-s] [-B TYPE] [-L SIZE] [-M] [-H] [-p PATH] [-P NEWPATH] ORIGINAL NEW [-- HOOK-OPTION...]",
				      .name = LXC_NAME_NONE,
				      .opts = clone_opts,
				      .opt_count = ARRAY_LEN(clone_opts),
				      .data_size = sizeof(struct data),
				      .option = clone_option,
				      .run = clone_run};

/* ---- lxc-start-ephemeral, to LXC 1.1 ---- */

static const struct lxc_opt ephemeral_opts[] = {
	{'o', "orig", "NAME", "the container to clone", NULL},
	{'n', "name", "NAME", "name of the clone", NULL},
	{'b', "bdir", "DIR", "directory of the host to see inside", NULL},
	{'c', "cdir", "DIR", "directory of the host to see inside, as a private copy", NULL},
	{'u', "user", "USER", "user of the container that runs the command", NULL},
	{'S', "ssh-key", "FILE", "key to connect with", "ignored: the command is run without ssh"},
	{'d', "daemon", NULL, "leave it running", NULL},
	{'s', "storage-type", "TYPE", "where it writes: tmpfs, or dir (what -k means too)", NULL},
	{'U', "union-type", "TYPE", "file system that joins both", "ignored: it is overlay"},
	{'k', "keep-data", NULL, "keep it when it stops", NULL},
};

static int ephemeral_option(struct lxc *l, int id, const char *value, struct err *e)
{
	struct data *d = l->data;

	switch (id) {
	case 'o':
		d->orig = value;
		return 0;
	case 'n':
		d->copy.name = value;
		return 0;
	case 'b':
		return say_mount(d, "bind=", value, e);
	case 'c':
		return say_mount(d, "overlay=", value, e);
	case 'u':
		d->user = value;
		return 0;
	case 'd':
		d->background = true;
		return 0;
	case 's':
		d->on_disk = strcmp(value, "dir") == 0;
		return d->on_disk || strcmp(value, "tmpfs") == 0 ? 0 : lxc_usage(e, "-s: '%s' is neither tmpfs nor dir", value);
	case 'k':
		d->keep_data = true;
		return 0;
	default: /* 'S', 'U' */
		return 0;
	}
}

/* The command in the clone, and then the clone's end; the status is the command's. */
static int run_command(struct lxc *l, const char *name, struct err *e)
{
	const struct data *d = l->data;
	const struct coppice_exec o = {.argv = (const char *const *)l->args, .user = d->user, .tty = 2};
	const struct coppice_stop end = {.timeout_ms = 5000};
	struct err ignored = {0};
	int status = 0, r;

	r = coppice_exec(l->engine, name, &o, &status, e);
	(void)coppice_stop(l->engine, name, &end, &ignored);
	if (r < 0 && (status == 126 || status == 127)) {
		lxc_tell(l, e);
		return status;
	}
	return r < 0 ? r : status;
}

static int ephemeral_run(struct lxc *l, struct err *e)
{
	struct data *d = l->data;
	struct coppice *c = NULL;
	int r;

	if (!d->orig)
		return lxc_usage(e, "no container was named: -o NAME");
	if (l->arg_count && d->background)
		return lxc_usage(e, "-d: what runs in the background runs its init, not a command");
	l->name = d->orig;
	d->ephemeral = true;
	d->tmpfs = !d->keep_data && !d->on_disk;
	d->foreground = !d->background && !l->arg_count;
	r = lxc_engine(l, NULL, &c, e);
	if (r == 0)
		r = ephemeral(l, c, e);
	return r == 0 && l->arg_count ? run_command(l, d->copy.name ?: d->made, e) : r;
}

const struct lxc_cmd lxc_cmd_start_ephemeral = {.program = "lxc-start-ephemeral",
						.about = "a clone for one run, as it was called before lxc-copy -e",
						.synopsis = "-o NAME [-n NAME] [-d] [-k] [-b DIR] [-c DIR] [-u USER] [-- COMMAND [ARG...]]",
						.name = LXC_NAME_NONE,
						.inner = true,
						.opts = ephemeral_opts,
						.opt_count = ARRAY_LEN(ephemeral_opts),
						.data_size = sizeof(struct data),
						.option = ephemeral_option,
						.exits = "That of the command when one was given",
						.run = ephemeral_run};
