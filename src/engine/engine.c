/* engine.c - the handle: where things are, opened when first needed. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "config.h"
#include "engine/storage.h"
#include "engine/user.h"
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_ROOT "/var/lib/coppice"
#define DEFAULT_RUNDIR "/run/coppice"

const char *coppice_version(void)
{
	return COPPICE_VERSION;
}

void engine_trace(struct coppice *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!c->trace && !log_wants(c->log, LOG_LEVEL_DEBUG))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->trace)
		c->trace(c->trace_data, text);
	log_write(c->log, LOG_LEVEL_DEBUG, "engine", "%s", text);
}

void engine_note_spec(struct coppice *c, const struct spec *s)
{
	for (size_t i = 0; c->note && i < s->note_count; i++)
		c->note(c->note_data, s->notes[i]);
}

void engine_note_lines(struct coppice *c, const struct buf *lines)
{
	for (const char *at = buf_str(lines); c->note && *at;) {
		size_t len = strcspn(at, "\n");
		char line[512];

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
		c->note(c->note_data, line);
		at += len + (at[len] == '\n');
	}
}

/* One directory has many spellings. This is the one that the kernel has for it, links followed: as far as it exists, so that it is the same before and after it is made.
 * What cannot be looked at stays as it is spelled. */
static void spelled_once(const char *path, char ret[256])
{
	size_t len = strlen(path);

	(void)snprintf(ret, 256, "%s", path);
	while (len > 1) {
		autoclose int fd = FD_NONE;
		char there[512], head[256];

		(void)snprintf(head, sizeof(head), "%.*s", (int)len, path);
		fd = fd_open(AT_FDCWD, head, O_PATH, 0);
		if (fd >= 0) {
			if (fd_path(fd, there, sizeof(there)) == 0 && strlen(there) + strlen(path + len) < 256)
				(void)snprintf(ret, 256, "%s%s", strcmp(there, "/") == 0 ? "" : there, path + len);
			return;
		}
		if (fd != -ENOENT)
			return;
		while (len > 1 && path[--len] != '/')
			;
	}
}

static bool is_plain(const char *path)
{
	size_t len = strlen(path);

	return !strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../") && !(len > 1 && strcmp(path + len - 2, "/.") == 0) &&
	       !(len > 2 && strcmp(path + len - 3, "/..") == 0);
}

static bool same_place(const char *a, const char *b)
{
	char one[256], other[256];

	if (strcmp(a, b) == 0)
		return true;
	spelled_once(a, one);
	spelled_once(b, other);
	return strcmp(one, other) == 0;
}

/* An absolute, plain path: relative ones are taken from the working directory once, here. Links in it stay: configs name it as it was said. */
static int set_path(char out[256], const char *path, const char *what, struct err *e)
{
	char cwd[256] = "";
	int n;

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the working directory");
	n = snprintf(out, 256, "%s%s%s", cwd, path[0] == '/' ? "" : "/", path);
	if (n < 0 || n >= 256 - 80) /* names and file names follow */
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "the %s path '%.40s...' is longer than %d bytes", what, path, 256 - 80);
	for (size_t len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
		out[len - 1] = '\0';
	if (!is_plain(out)) {
		char odd[256];

		memcpy(odd, out, sizeof(odd));
		spelled_once(odd, out);
	}
	return 0;
}

static const char *choose(const char *option, const char *variable)
{
	const char *env = option ? NULL : getenv(variable);

	return option ? option : env && env[0] ? env : NULL;
}

/* FNV-1a: what tells the containers of one directory from those of another. */
static uint64_t hash_path(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	char once[256];

	spelled_once(s, once);
	for (s = once; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h;
}

static int set_places(struct coppice *c, const struct coppice_options *o, struct err *e)
{
	const char *root = choose(o ? o->root : NULL, "COPPICE_ROOT");
	const char *lxcpath = choose(o ? o->lxcpath : NULL, "COPPICE_LXCPATH");
	const char *rundir = choose(o ? o->rundir : NULL, "COPPICE_RUNDIR");
	struct user_places mine = {.root = DEFAULT_ROOT, .rundir = DEFAULT_RUNDIR};
	char derived[300];
	bool usual;
	int r = o && o->user ? user_places(&mine, e) : 0;

	if (r == 0)
		r = set_path(c->root, root ? root : mine.root, "root", e);
	if (r < 0)
		return r;
	usual = strcmp(c->root, mine.root) == 0;
	(void)snprintf(derived, sizeof(derived), "%s/containers", c->root);
	if (usual && !(o && o->user))
		(void)snprintf(derived, sizeof(derived), "%s", ENGINE_LXCPATH);
	else if (usual && mine.lxcpath[0] && access(derived, F_OK) < 0) /* of a user who has containers of LXC's, and none of ours */
		(void)snprintf(derived, sizeof(derived), "%s", mine.lxcpath);
	r = set_path(c->lxcpath, lxcpath ? lxcpath : derived, "container", e);
	if (r < 0)
		return r;
	(void)snprintf(derived, sizeof(derived), "%s/run", c->root);
	r = set_path(c->rundir, rundir ? rundir : usual ? mine.rundir : derived, "run-time", e);
	if (r < 0)
		return r;
	/* containers of the same name in two places must not share a cgroup */
	if (same_place(c->lxcpath, ENGINE_LXCPATH))
		(void)snprintf(c->group, sizeof(c->group), "coppice");
	else
		(void)snprintf(c->group, sizeof(c->group), "coppice-%08x", (unsigned)hash_path(c->lxcpath));
	return 0;
}

int coppice_default_lxcpath(char ret[256], struct err *e)
{
	const struct coppice_options o = {.user = geteuid() != 0};
	struct coppice c = {0};
	int r = set_places(&c, &o, e);

	if (r == 0)
		memcpy(ret, c.lxcpath, sizeof(c.lxcpath));
	return r;
}

int coppice_open(const struct coppice_options *o, struct coppice **ret, struct err *e)
{
	autofree struct coppice *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	c->starting = FD_NONE;
	r = set_places(c, o, e);
	if (r < 0)
		return r;
	if (o) {
		c->user = o->user;
		c->lenient = o->lenient;
		(void)snprintf(c->cgroup_pattern, sizeof(c->cgroup_pattern), "%s", o->cgroup_pattern ?: "");
		(void)snprintf(c->cgroup_use, sizeof(c->cgroup_use), "%s", o->cgroup_use ?: "");
		c->trace = o->trace;
		c->trace_data = o->trace_data;
		c->log = o->log;
		c->note = o->note;
		c->note_data = o->note_data;
	}
	*ret = take(c);
	return 0;
}

void coppice_close(struct coppice **cp)
{
	struct coppice *c = *cp;

	if (!c)
		return;
	fd_close(&c->starting);
	if (c->state_is_open)
		state_close(&c->state);
	if (c->store_is_open)
		store_close(&c->store);
	free(c);
	*cp = NULL;
}

int engine_rundir(const char *root, const char *lxcpath, const char *rundir, char ret[256], struct err *e)
{
	char home[300];
	int n;

	(void)snprintf(home, sizeof(home), "%s/containers", root);
	if (same_place(lxcpath, strcmp(root, DEFAULT_ROOT) == 0 ? ENGINE_LXCPATH : home))
		n = snprintf(ret, 256, "%s", rundir);
	else
		n = snprintf(ret, 256, "%s/" ENGINE_APART "/%016llx", rundir, (unsigned long long)hash_path(lxcpath));
	return n < 0 || n >= 256 ? err_set(e, ERR_INPUT, ENAMETOOLONG, "the run-time path '%s' is too long", rundir) : 0;
}

int engine_state(struct coppice *c, struct err *e)
{
	char rundir[256];
	int r;

	if (c->state_is_open)
		return 0;
	r = engine_rundir(c->root, c->lxcpath, c->rundir, rundir, e);
	if (r == 0 && strcmp(rundir, c->rundir) != 0) {
		r = state_open(c->lxcpath, c->rundir, &c->state, e); /* the directory around it is made and looked at like any */
		if (r == 0)
			state_close(&c->state);
	}
	if (r == 0)
		r = state_open(c->lxcpath, rundir, &c->state, e);
	c->state_is_open = r == 0;
	return r;
}

int engine_store(struct coppice *c, struct err *e)
{
	int r;

	if (c->store_is_open)
		return 0;
	r = store_open(c->root, &c->store, e);
	c->store_is_open = r == 0;
	return r;
}

int engine_facts(struct coppice *c, struct err *e)
{
	int r;

	if (c->have_facts)
		return 0;
	r = facts_probe(&c->facts, e);
	c->have_facts = r == 0;
	return r;
}

int engine_facts_groups(struct coppice *c, struct err *e)
{
	int r;

	if (c->have_facts || c->have_groups)
		return 0;
	r = facts_probe_groups(&c->facts, e);
	c->have_groups = r == 0;
	return r;
}

int engine_helper(const char *name, char ret[512], struct err *e)
{
	static const char *const build_dirs[] = {"", "../init/", "../image/", "../filter/", "../net/", "../nft/", "../import/"};
	const char *forced = getenv("COPPICE_LIBEXEC");
	char self[256];
	ssize_t n;

	if (forced && forced[0]) {
		(void)snprintf(ret, 512, "%s/%s", forced, name);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		*(strrchr(self, '/') ?: self) = '\0';
		for (size_t i = 0; i < ARRAY_LEN(build_dirs); i++) {
			(void)snprintf(ret, 512, "%s/%s%s", self, build_dirs[i], name);
			if (access(ret, X_OK) == 0)
				return 0;
		}
	}
	(void)snprintf(ret, 512, "%s/%s", COPPICE_LIBEXECDIR, name);
	if (access(ret, X_OK) == 0)
		return 0;
	(void)err_set(e, ERR_UNSUPPORTED, ENOENT, "the helper program '%s' is not installed", name);
	return err_hint(e, "install coppice completely, or set COPPICE_LIBEXEC to the directory that has %s", name);
}

void engine_group(const struct coppice *c, const char *name, char ret[CG_GROUP_MAX])
{
	if (c->state_is_open && place_read(&c->state, name, ret) == 0)
		return;
	(void)snprintf(ret, CG_GROUP_MAX, "%s/%s", c->group, name);
}

static int no_name(const char *name, const char *rule, struct err *e)
{
	char safe[96];

	format_safe(name, safe, sizeof(safe));
	(void)err_set(e, ERR_INPUT, EINVAL, "names have %s", rule);
	return err_what(e, "'%s' is not a name", safe);
}

int engine_check_name(const char *name, struct err *e)
{
	return parse_is_name(name) ? 0 : no_name(name, "1 to 63 letters, digits, '_', '.' or '-', and begin with a letter or digit", e);
}

int engine_check_container(const char *name, struct err *e)
{
	return parse_is_container(name) ? 0 : no_name(name, PARSE_CONTAINER_RULE, e);
}

int engine_check_new(const struct coppice *c, const char *name, struct err *e)
{
	return c->lenient ? engine_check_container(name, e) : engine_check_name(name, e);
}

static void say_missing(struct coppice *c, const char *name, struct err *e)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL, *close;
	size_t count = 0;
	struct err ignored;

	(void)err_set(e, ERR_MISSING, ENOENT, "no containers exist in '%s'", c->lxcpath);
	(void)err_what(e, "there is no container '%s'", name);
	if (state_names(&c->state, &a, &names, &count, &ignored) == 0 && count) {
		close = parse_closest(name, names, count);
		if (close)
			(void)snprintf(e->why, sizeof(e->why), "%zu container%s exist%s; the closest name is '%s'", count, count == 1 ? "" : "s",
				       count == 1 ? "s" : "", close);
		else
			(void)snprintf(e->why, sizeof(e->why), "%zu container%s exist%s, none with a name like it", count, count == 1 ? "" : "s",
				       count == 1 ? "s" : "");
	}
	(void)err_hint(e, "coppice list");
	arena_done(&a);
}

/* One without a config of its own that was started with another. */
static bool has_run_config(struct coppice *c, const char *name)
{
	autoclose int dir = state_run_dir(&c->state, name, false);

	return dir >= 0 && faccessat(dir, RECORD_CONFIG, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int engine_find(struct coppice *c, const char *name, struct err *e)
{
	autoclose int dir = FD_NONE;
	int r = engine_check_container(name, e);

	if (r == 0)
		r = engine_state(c, e);
	if (r < 0)
		return r;
	dir = state_dir(&c->state, name);
	if (dir < 0 && dir != -ENOENT)
		return err_sys(e, dir, "open '%s/%s'", c->lxcpath, name);
	if (dir < 0 || (faccessat(dir, "config", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && !has_run_config(c, name))) {
		say_missing(c, name, e);
		return -ENOENT;
	}
	if (making_is_partial(dir)) {
		(void)err_set(e, ERR_STATE, EBUSY, "it is being made by a template, or that was broken off");
		(void)err_hint(e, "lxc-create -n %s makes it anew when nobody is at it", name);
		return err_what(e, "there is no whole container '%s'", name);
	}
	return 0;
}

static int read_run_config(struct coppice *c, const char *name, struct conf **ret, struct err *e)
{
	autoclose int dir = state_run_dir(&c->state, name, false);
	char origin[400];

	if (dir < 0)
		return dir;
	(void)snprintf(origin, sizeof(origin), "%s/%s/" RECORD_CONFIG, c->state.rundir, name);
	return conf_read_as(dir, RECORD_CONFIG, origin, c->lenient ? CONF_LENIENT : CONF_STRICT, ret, e);
}

/* What is wrong with a config is told with its line; all that is wrong with it, by the command that tells everything at once. */
static int hint_check(const char *origin, int r, struct err *e)
{
	return e && (e->kind == ERR_INPUT || e->kind == ERR_UNSUPPORTED) && *origin == '/' ? err_hint(e, "coppice config check %s", origin) : r;
}

/* The config of @name, whose directory is @dir. */
static int config_at(struct coppice *c, int dir, const char *name, struct conf **ret, struct err *e)
{
	char origin[400];
	int r;

	if (dir < 0)
		return err_sys(e, dir, "open '%s/%s'", c->lxcpath, name);
	(void)snprintf(origin, sizeof(origin), "%s/%s/config", c->lxcpath, name);
	if (faccessat(dir, "config", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && has_run_config(c, name))
		return read_run_config(c, name, ret, e);
	r = conf_read_as(dir, "config", origin, c->lenient ? CONF_LENIENT : CONF_STRICT, ret, e);
	return r < 0 ? hint_check(origin, r, e) : 0;
}

int engine_config(struct coppice *c, const char *name, struct conf **ret, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);

	return config_at(c, dir, name, ret, e);
}

int engine_override(struct conf *conf, const char *const *set, struct err *e)
{
	for (size_t i = 0; set && set[i]; i++) {
		const char *eq = strchr(set[i], '=');
		char key[128];

		if (!eq || eq == set[i] || (size_t)(eq - set[i]) >= sizeof(key))
			return err_set(e, ERR_INPUT, EINVAL, "'%.80s' is not KEY=VALUE", set[i]);
		memcpy(key, set[i], (size_t)(eq - set[i]));
		key[eq - set[i]] = '\0';
		if (key[strlen(key) - 1] == '+')
			key[strlen(key) - 1] = '\0';
		int r = eq[-1] == '+' ? conf_add(conf, key, eq + 1, e) : conf_set(conf, key, eq + 1, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_pin(int dir, struct spec *s, struct err *e)
{
	char base[64], version[72], digest[72];

	if (!s->base || state_pin_read(dir, base, version, digest) < 0)
		return 0;
	/* the pin, not the config, says which version: the config may name the base without one */
	s->base = arena_strdup(&s->arena, base);
	s->base_version = arena_strdup(&s->arena, version);
	return s->base && s->base_version ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

/* @dir holds the pin; FD_NONE leaves the base as the config names it. */
static int spec_at(int dir, const char *name, const struct conf *conf, struct spec *ret, struct err *e)
{
	struct spec s;
	int r;

	spec_init(&s);
	r = conf_apply(conf, &s, e);
	if (r == 0) {
		s.name = arena_strdup(&s.arena, name);
		r = !s.name ? err_set(e, ERR_SYSTEM, ENOMEM, "out of memory") : dir >= 0 ? fill_pin(dir, &s, e) : 0;
	}
	if (r == 0)
		r = spec_freeze(&s, e);
	if (r < 0) {
		spec_done(&s);
		return hint_check(conf_origin(conf), r, e);
	}
	*ret = s;
	return 0;
}

int engine_spec_of(struct coppice *c, const char *name, const struct conf *conf, struct spec *ret, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);

	return dir < 0 ? err_sys(e, dir, "open '%s/%s'", c->lxcpath, name) : spec_at(dir, name, conf, ret, e);
}

int engine_spec_look(struct coppice *c, const char *name, bool pin, struct spec *ret, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);
	struct conf *conf = NULL;
	int r = config_at(c, dir, name, &conf, e);

	if (r == 0)
		r = spec_at(pin ? dir : FD_NONE, name, conf, ret, e);
	conf_free(&conf);
	return r;
}

int engine_spec(struct coppice *c, const char *name, const char *const *set, struct spec *ret, struct err *e)
{
	struct conf *conf = NULL;
	int r = engine_config(c, name, &conf, e);

	if (r == 0)
		r = engine_override(conf, set, e);
	if (r == 0)
		r = engine_spec_of(c, name, conf, ret, e);
	conf_free(&conf);
	return r;
}

int engine_spec_running(struct coppice *c, const char *name, struct spec *ret, struct err *e)
{
	struct conf *conf = NULL;
	int r;

	if (!has_run_config(c, name))
		return engine_spec(c, name, NULL, ret, e);
	r = read_run_config(c, name, &conf, e);
	if (r == 0)
		r = engine_spec_of(c, name, conf, ret, e);
	conf_free(&conf);
	return r;
}

/* Once in a mount namespace of its own (user.c) a process runs from a mount that is not of it, and which cannot be cloned: the same file by its name. */
static int clone_self_by_name(int exe)
{
	struct stat ours, named;
	autoclose int again = FD_NONE;
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return -errno;
	path[n] = '\0';
	again = fd_open(AT_FDCWD, path, O_PATH, 0);
	if (again < 0)
		return again;
	if (fstat(exe, &ours) < 0 || fstat(again, &named) < 0)
		return -errno;
	return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino ? mnt_clone(again, "", false) : -ESTALE;
}

int engine_self(struct err *e)
{
	autoclose int exe = fd_open(AT_FDCWD, "/proc/self/exe", O_PATH, 0);
	autoclose int fd = FD_NONE;
	int r;

	if (exe < 0)
		return err_sys(e, exe, "open our own program");
	fd = mnt_clone(exe, "", false);
	if (fd == -EINVAL)
		fd = clone_self_by_name(exe);
	if (fd < 0)
		return err_sys(e, fd, "clone the mount of our own program");
	r = mnt_attr(fd, false, MNT_RDONLY | MNT_NOSUID | MNT_NODEV, 0, MNT_KEEP, FD_NONE);
	if (r < 0)
		return err_sys(e, r, "make our own program read-only");
	return take_fd(fd);
}
