/* create.c - containers come into being and go: create, delete, trash. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

/* "debian12-k3x9": the base and four characters, until one is free. */
static int generate_name(struct coppice *c, const char *stem, char out[64], struct err *e)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz23456789";
	unsigned char random[4];

	for (int tries = 0; tries < 100; tries++) {
		autoclose int dir = FD_NONE;
		size_t len;

		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return err_sys(e, errno, "get random bytes");
		(void)snprintf(out, 59, "%.50s-", stem);
		len = strlen(out);
		for (size_t i = 0; i < sizeof(random); i++)
			out[len + i] = letters[random[i] % (sizeof(letters) - 1)];
		out[len + sizeof(random)] = '\0';
		dir = state_dir(&c->state, out);
		if (dir == -ENOENT)
			return 0;
	}
	return err_set(e, ERR_BUSY, EAGAIN, "no free name was found");
}

/* ---- the config document ---- */

int engine_set_words(struct conf *conf, const char *key, const char *const *words, struct err *e)
{
	struct buf text = BUF_INIT;
	int r;

	for (size_t i = 0; words[i]; i++) {
		buf_puts(&text, i ? " \"" : "\"");
		for (const char *p = words[i]; *p; p++) {
			if (*p == '"' || *p == '\\')
				buf_putc(&text, '\\');
			buf_putc(&text, *p);
		}
		buf_putc(&text, '"');
	}
	r = buf_failed(&text) ? err_set(e, ERR_SYSTEM, ENOMEM, "out of memory") : conf_set(conf, key, buf_str(&text), e);
	buf_done(&text);
	return r;
}

static int build_config(const struct coppice_create *o, const struct store_base *base, const char *mode, struct conf **ret, struct err *e)
{
	struct conf *conf = NULL;
	int r = conf_parse(o->config ?: "", o->config ? strlen(o->config) : 0, "the config given", &conf, e);

	if (r == 0 && base)
		r = conf_set(conf, "coppice.base", base->name, e);
	if (r == 0 && base)
		r = conf_set(conf, "coppice.mode", mode, e);
	if (r == 0 && o->rootfs)
		r = conf_set(conf, "lxc.rootfs.path", o->rootfs, e);
	if (r == 0 && o->init)
		r = engine_set_words(conf, "coppice.init", o->init, e);
	if (r == 0 && o->ephemeral)
		r = conf_set(conf, "lxc.ephemeral", "1", e);
	if (r == 0)
		r = engine_override(conf, o->set, e);
	if (r < 0) {
		conf_free(&conf);
		return r;
	}
	*ret = conf;
	return 0;
}

static int check_rootfs(const char *path, struct err *e)
{
	autoclose int fd = FD_NONE;
	struct stat st;

	if (path[0] != '/')
		return err_set(e, ERR_INPUT, EINVAL, "the root file system '%s' is not an absolute path", path);
	fd = fd_open(AT_FDCWD, path, O_PATH, 0);
	if (fd == -ELOOP)
		return err_set(e, ERR_INPUT, ELOOP, "'%s' is a loop of symbolic links", path);
	if (fd < 0)
		return err_sys(e, fd, "open the root file system '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at '%s'", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, ERR_INPUT, ENOTDIR, "the root file system '%s' is not a directory, nor an image file or a block device", path);
	return 0;
}

/* Applies and freezes once, so that a bad value is found before anything exists. */
static int validate(const struct conf *conf, const char *name, struct spec *ret, struct err *e)
{
	int r;

	spec_init(ret);
	r = conf_apply(conf, ret, e);
	if (r == 0) {
		ret->name = arena_strdup(&ret->arena, name);
		r = ret->name ? spec_freeze(ret, e) : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	if (r == 0 && ret->mode == SPEC_ROOTFS && ret->rootfs && !ret->lower_count) /* an overlay's upper directory is made at the first start */
		r = check_rootfs(ret->rootfs, e);
	if (r < 0)
		spec_done(ret);
	return r;
}

/* ---- files ---- */

static int make_layer(struct coppice *c, const struct store_base *base, enum spec_mode mode, int dir, struct err *e)
{
	struct store_lease lease = {.mount = FD_NONE};
	const char *how = "";
	int r = 0;

	if (mode == SPEC_COPY) {
		r = engine_facts(c, e);
		if (r == 0)
			r = store_lease_take(&c->store, &c->facts, base, NULL, 0, NULL, &lease, e);
	}
	if (r == 0)
		r = store_layer_make(&c->store, base, (int)mode, lease.mount, dir, &how, e);
	fd_close(&lease.mount);
	if (r == 0)
		engine_trace(c, "private part made by %s", how);
	return r;
}

static int write_files(const struct conf *conf, const struct store_base *base, int dir, struct err *e)
{
	struct buf text = BUF_INIT;
	int r = 0;

	conf_render(conf, &text);
	if (base)
		r = state_pin_stage(dir, base->name, base->version, base->digest);
	if (r < 0)
		r = err_sys(e, r, "write the base pin");
	else
		r = buf_failed(&text) ? -ENOMEM : path_swap_file(dir, "config", buf_str(&text), text.len, 0640);
	buf_done(&text);
	return r < 0 && !err_is(e) ? err_sys(e, r, "write the config") : r;
}

static int make(struct coppice *c, const char *name, const struct conf *conf, const struct store_base *base, const struct spec *s, struct err *e)
{
	autoclose int dir = state_create_begin(&c->state, name, e);
	int r;

	if (dir < 0)
		return dir;
	r = base ? make_layer(c, base, s->mode, dir, e) : 0;
	if (r == 0)
		r = write_files(conf, base, dir, e);
	if (r == 0)
		r = state_create_commit(&c->state, name, e);
	if (r < 0)
		state_create_abort(&c->state, name);
	return r;
}

int engine_layer_new(struct coppice *c, const char *ref, const char *mode_name, int dir, struct err *e)
{
	autoclose int lease_lock = FD_NONE;
	enum spec_mode mode = SPEC_BIND;
	struct store_base base;
	char what[160];
	int r = spec_mode_parse(mode_name, &mode);

	if (r < 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a mode; there are bind, overlay, ephemeral and copy", mode_name);
	r = engine_store(c, e);
	if (r == 0)
		r = store_base_find(&c->store, ref, &base, e);
	if (r < 0)
		return r;
	/* keeps the version from being deleted between here and the pin */
	(void)snprintf(what, sizeof(what), "%s@%s", base.name, base.version);
	lease_lock = store_lock(&c->store, what, false, clock_deadline(ENGINE_LOCK_MS), e);
	r = lease_lock < 0 ? lease_lock : store_base_find(&c->store, what, &base, e);
	if (r == 0)
		r = make_layer(c, &base, mode, dir, e);
	if (r == 0) {
		r = state_pin_stage(dir, base.name, base.version, base.digest);
		if (r < 0)
			r = err_sys(e, r, "write the base pin");
	}
	return r;
}

/* What a new container is connected to when nothing says it: a managed network's name, or "empty" or "none". */
#define DEFAULT_NETWORK COPPICE_NETWORK

static bool says_network(const struct spec *s)
{
	for (size_t i = 0; i < s->said_count; i++)
		if (strncmp(s->said[i].name, "lxc.net", 7) == 0 || strcmp(s->said[i].name, "coppice.network") == 0)
			return true;
	return false;
}

/* Writes the default network into a config that says nothing of networks, files it includes counted. Before anything is checked as a whole: published ports
 * need it. */
static int add_network(struct coppice *c, struct conf *conf, struct err *e)
{
	const char *env = getenv("COPPICE_NETWORK"), *network = env && *env ? env : c->user ? COPPICE_NETWORK_USER : DEFAULT_NETWORK;
	struct err told_later = {0};
	struct spec s;
	bool said;
	int r;

	spec_init(&s);
	said = conf_apply(conf, &s, &told_later) < 0 || says_network(&s);
	spec_done(&s);
	if (said || strcmp(network, "empty") == 0)
		return 0;
	r = strcmp(network, "none") == 0 ? conf_set(conf, "lxc.net.0.type", "none", e) : conf_add(conf, "coppice.network", network, e);
	return r < 0 ? err_wrap(e, env && *env ? "COPPICE_NETWORK" : "default network") : 0;
}

static int create_locked(struct coppice *c, const struct coppice_create *o, const char *name, struct err *e)
{
	autoclose int lease_lock = FD_NONE;
	struct conf *conf = NULL;
	struct store_base base;
	enum spec_mode mode = SPEC_BIND;
	struct spec spec;
	char what[160];
	int r = 0;

	if (o->mode)
		r = spec_mode_parse(o->mode, &mode);
	if (r < 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a mode; there are bind, overlay, ephemeral and copy", o->mode);
	if (o->base) {
		r = engine_store(c, e);
		if (r == 0)
			r = store_base_find(&c->store, o->base, &base, e);
		if (r < 0)
			return r;
		/* keeps the version from being deleted between here and the pin */
		(void)snprintf(what, sizeof(what), "%s@%s", base.name, base.version);
		lease_lock = store_lock(&c->store, what, false, clock_deadline(ENGINE_LOCK_MS), e);
		if (lease_lock < 0)
			return lease_lock;
		r = store_base_find(&c->store, what, &base, e);
		if (r < 0)
			return r;
	}
	r = build_config(o, o->base ? &base : NULL, spec_mode_name(mode), &conf, e);
	if (r < 0)
		return r;
	r = add_network(c, conf, e);
	if (r == 0)
		r = validate(conf, name, &spec, e);
	if (r == 0) {
		engine_note_spec(c, &spec);
		r = o->dry_run ? 0 : make(c, name, conf, o->base ? &base : NULL, &spec, e);
		spec_done(&spec);
	}
	conf_free(&conf);
	return r;
}

int engine_create(struct coppice *c, const struct coppice_create *o, int *ret_hold, struct err *e)
{
	char generated[64] = "", stem[64], version[72];
	const char *name = o->name;
	autoclose int lock = FD_NONE;
	autoclose int dir = FD_NONE;
	int r = engine_state(c, e);

	if (r == 0 && !o->base == !o->rootfs && !o->config)
		r = err_set(e, ERR_INPUT, EINVAL, "give a base, or a root file system of your own, but not both");
	if (r == 0)
		engine_sweep(c);
	if (r == 0 && !name) {
		if (!o->base || parse_base_ref(o->base, stem, version) < 0)
			(void)snprintf(stem, sizeof(stem), "ct");
		stem[50] = '\0';
		r = generate_name(c, stem, generated, e);
		name = generated;
	}
	if (r == 0)
		r = engine_check_new(c, name, e);
	if (r < 0)
		return err_what(e, "cannot create a container");
	if (o->name_out)
		(void)snprintf(o->name_out, 64, "%s", name);
	lock = state_lock(&c->state, name, "create", clock_deadline(ENGINE_LOCK_MS), e);
	if (lock < 0)
		return err_what(e, "cannot create '%s'", name);
	dir = state_dir(&c->state, name);
	if (dir >= 0) {
		if (o->if_missing)
			return 1;
		(void)err_set(e, ERR_EXISTS, EEXIST, "a container '%s' exists already", name);
		(void)err_hint(e, "coppice show %s", name);
		return err_what(e, "cannot create '%s'", name);
	}
	if (ret_hold) {
		*ret_hold = state_throwaway_hold(&c->state, name, e);
		if (*ret_hold < 0)
			return err_what(e, "cannot create '%s'", name);
	}
	r = create_locked(c, o, name, e);
	if (r < 0 && ret_hold)
		state_throwaway_drop(&c->state, name, ret_hold);
	return r < 0 ? err_what(e, "cannot create '%s'", name) : 0;
}

int coppice_create(struct coppice *c, const struct coppice_create *o, struct err *e)
{
	return engine_create(c, o, NULL, e);
}

/* ---- delete ---- */

int engine_lock_stopped(struct coppice *c, const char *name, const char *verb, bool force, const char *hint, struct err *e)
{
	struct coppice_stop stop = {.kill = true, .timeout_ms = 0};

	for (int tries = 0; tries < 10; tries++) {
		autoclose int lock = state_lock(&c->state, name, verb, clock_deadline(ENGINE_LOCK_MS), e);
		struct live live;
		int r = lock < 0 ? lock : engine_find(c, name, e);

		if (r == 0)
			r = engine_settle(c, name, &live, e);
		if (r < 0)
			return r;
		if (!live.alive)
			return take_fd(lock);
		if (!force) {
			(void)err_set(e, ERR_STATE, EBUSY, "it runs, as process %d", live.record.init.pid);
			return err_hint(e, "%s %s", hint, name);
		}
		fd_close(&lock);
		r = coppice_stop(c, name, &stop, e);
		if (r < 0)
			return r;
	}
	return err_set(e, ERR_BUSY, EBUSY, "others start it again as fast as it is stopped");
}

/* The latest trash entry of @name, or the entry with that id. */
static int find_trash(struct coppice *c, const char *id, struct state_trash *ret, struct err *e)
{
	struct arena a = ARENA_INIT;
	struct state_trash *list = NULL;
	size_t count = 0;
	bool found = false;
	int r = state_trash_list(&c->state, &a, &list, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (strcmp(list[i].id, id) != 0 && strcmp(list[i].name, id) != 0)
			continue;
		if (!found || list[i].deleted >= ret->deleted)
			*ret = list[i];
		found = true;
	}
	arena_done(&a);
	if (r == 0 && !found) {
		(void)err_set(e, ERR_MISSING, ENOENT, "the trash holds no '%s'", id);
		return err_hint(e, "coppice undelete --list");
	}
	return r;
}

/* The lower layer of a clone must not go. */
static int refuse_cloned(struct coppice *c, const char *name, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/%s", c->lxcpath, name);
	return dir < 0 ? err_sys(e, dir, "open '%s'", path) : clones_none(dir, path, e);
}

/* One in the trash may come back, and needs what it lies over; one that is purged does not. */
static void forget_clone(struct coppice *c, const char *name)
{
	autoclose int dir = state_dir(&c->state, name);

	if (dir >= 0)
		clones_unlink(dir, c->lxcpath, name);
}

int coppice_delete(struct coppice *c, const char *name, const struct coppice_delete *o, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct state_trash entry;
	int r = engine_find(c, name, e);

	if (r == -ENOENT && o->if_exists) {
		err_clear(e);
		return 1;
	}
	if (r < 0)
		return r;
	lock = engine_lock_stopped(c, name, "delete", o->force, "coppice delete --force", e);
	r = lock < 0 ? lock : refuse_cloned(c, name, e);
	if (r == 0 && o->purge)
		forget_clone(c, name);
	if (r == 0)
		r = state_trash_put(&c->state, name, e);
	if (r >= 0 && o->purge) {
		r = find_trash(c, name, &entry, e);
		/* The ids first: killed between the two, what waits in the trash takes another range should it ever come back, and nothing leaks. */
		if (r == 0)
			engine_release_ids(c, name);
		if (r == 0)
			r = state_trash_purge(&c->state, entry.id, e);
		if (r == 0)
			state_forget(&c->state, name, &lock);
	}
	return r < 0 ? err_what(e, "cannot delete '%s'", name) : 0;
}

int coppice_trash_list(struct coppice *c, struct coppice_trash **ret, size_t *ret_count, struct err *e)
{
	struct arena a = ARENA_INIT;
	struct state_trash *list = NULL;
	size_t count = 0;
	int r = engine_state(c, e);

	if (r == 0)
		r = state_trash_list(&c->state, &a, &list, &count, e);
	if (r == 0) {
		*ret = calloc(count ? count : 1, sizeof(**ret));
		if (!*ret)
			r = err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < count; i++) {
		(void)snprintf((*ret)[i].id, sizeof((*ret)[i].id), "%s", list[i].id);
		(void)snprintf((*ret)[i].name, sizeof((*ret)[i].name), "%s", list[i].name);
		(*ret)[i].deleted = list[i].deleted;
		(*ret)[i].bytes = UINT64_MAX;
	}
	if (r == 0)
		*ret_count = count;
	arena_done(&a);
	return r < 0 ? err_what(e, "cannot list the trash") : 0;
}

int coppice_undelete(struct coppice *c, const char *id, const char *as, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct state_trash entry;
	int r = engine_state(c, e);

	if (r == 0)
		r = find_trash(c, id, &entry, e);
	if (r == 0 && as)
		r = engine_check_new(c, as, e);
	if (r == 0) {
		lock = state_lock(&c->state, as ?: entry.name, "undelete", clock_deadline(ENGINE_LOCK_MS), e);
		r = lock < 0 ? lock : state_trash_restore(&c->state, entry.id, as, e);
	}
	return r < 0 ? err_what(e, "cannot bring back '%s'", id) : 0;
}
