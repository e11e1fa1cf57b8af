/* bases.c - bases for the faces: build and verify through the helper program, list, show, delete. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)4 << 20)

/* ---- the helper: JSON lines on its standard output ---- */

struct helper {
	const struct coppice_base_build *build; /* for progress; NULL for verify */
	struct json_object *result, *error;
};

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : NULL;
}

static void take_line(struct helper *h, const char *line)
{
	struct json_object *o = json_tokener_parse(line), *v = NULL;

	if (!o)
		return;
	if (json_object_object_get_ex(o, "result", &v) && !h->result)
		h->result = json_object_get(v);
	else if (json_object_object_get_ex(o, "error", &v) && !h->error)
		h->error = json_object_get(v);
	else if (h->build && h->build->progress && json_object_object_get_ex(o, "phase", &v)) {
		struct json_object *percent = NULL;

		h->build->progress(h->build->progress_data, json_object_get_string(v),
				   json_object_object_get_ex(o, "percent", &percent) ? json_object_get_int(percent) : -1, text_of(o, "detail") ?: "");
	}
	json_object_put(o);
}

static int read_lines(struct helper *h, int fd)
{
	struct buf pending = BUF_INIT;
	int r = 0;

	for (;;) {
		char *at = buf_reserve(&pending, 8192), *nl;
		ssize_t n = at ? read(fd, at, 8192) : -1;

		if (n < 0 && at && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? (at ? -errno : -ENOMEM) : 0;
			break;
		}
		pending.len += (size_t)n;
		pending.data[pending.len] = '\0';
		while ((nl = memchr(pending.data, '\n', pending.len))) {
			*nl = '\0';
			take_line(h, pending.data);
			pending.len -= (size_t)(nl + 1 - pending.data);
			memmove(pending.data, nl + 1, pending.len + 1);
		}
		if (pending.len > LINE_MAX_BYTES) {
			r = -EFBIG;
			break;
		}
	}
	buf_done(&pending);
	return r;
}

static int kind_by_name(const char *name)
{
	for (int k = 1; name && k < ERR_KIND_COUNT; k++)
		if (strcmp(err_kind_name((enum err_kind)k), name) == 0)
			return k;
	return ERR_SYSTEM;
}

static int report_error(const struct helper *h, struct err *e)
{
	struct json_object *code = NULL;
	int number = EIO;

	if (json_object_object_get_ex(h->error, "code", &code))
		number = json_object_get_int(code);
	(void)err_set(e, (enum err_kind)kind_by_name(text_of(h->error, "kind")), number > 0 ? number : EIO, "%s", text_of(h->error, "why") ?: "no reason given");
	if (text_of(h->error, "try"))
		(void)err_hint(e, "%s", text_of(h->error, "try"));
	return -e->code;
}

/* Runs coppice-image with @argv (argv[0] is filled in). Its messages for people go to our stderr only when it dies without a word. */
static int run_helper(const char **argv, struct helper *h, struct err *e)
{
	char path[512];
	int out[2], r = engine_helper("coppice-image", path, e), status = 0;
	pid_t pid, got;

	if (r < 0)
		return r;
	argv[0] = path;
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	pid = fork();
	if (pid == 0) {
		(void)dup2(out[1], 1);
		(void)execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	fd_close(&out[1]);
	r = pid < 0 ? -errno : read_lines(h, out[0]);
	fd_close(&out[0]);
	if (pid < 0)
		return err_sys(e, r, "run '%s'", path);
	if (r < 0)
		(void)kill(pid, SIGTERM);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (h->error)
		return report_error(h, e);
	if (r < 0)
		return err_sys(e, r, "read from '%s'", path);
	if (!h->result)
		return err_set(e, ERR_SYSTEM, EIO, "'%s' ended with status %d and no result", path, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

static void helper_done(struct helper *h)
{
	json_object_put(h->result);
	json_object_put(h->error);
}

/* ---- bases ---- */

static void convert(const struct store_base *b, struct coppice_base *ret)
{
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", b->name);
	(void)snprintf(ret->version, sizeof(ret->version), "%s", b->version);
	(void)snprintf(ret->digest, sizeof(ret->digest), "%s", b->digest);
	(void)snprintf(ret->os, sizeof(ret->os), "%s", b->os);
	(void)snprintf(ret->arch, sizeof(ret->arch), "%s", b->arch);
	(void)snprintf(ret->source, sizeof(ret->source), "%s", b->source);
	(void)snprintf(ret->seal, sizeof(ret->seal), "%s", b->seal);
	ret->created = b->created;
	ret->common_bytes = b->common_bytes;
	ret->common_files = b->common_files;
	ret->skel_bytes = b->skel_bytes;
	ret->skel_files = b->skel_files;
	ret->image_bytes = b->image_bytes;
	ret->current = b->current;
	ret->merged_usr = b->merged_usr;
	ret->pins = b->pins;
}

/* The same of a container's snapshots. */
static void each_snapshot_pin(int dir, const char *path, void (*fn)(const char *ct, const char *name, const char *version, void *data), void *data)
{
	autoclosedir DIR *d = fd_open_dir(dir, "snaps", O_NOFOLLOW);
	char base[64], version[72], digest[72], whole[420];
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		autoclose int snap = ent->d_name[0] == '.' ? FD_NONE : fd_open(dirfd(d), ent->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

		(void)snprintf(whole, sizeof(whole), "%s/snaps/%s", path, ent->d_name);
		if (snap >= 0 && state_pin_read(snap, base, version, digest) == 0)
			fn(whole, base, version, data);
	}
}

/* Calls @fn for every container's pin, those in the trash included: undelete must find its base. */
static int each_pin(struct coppice *c, void (*fn)(const char *ct, const char *name, const char *version, void *data), void *data, struct err *e)
{
	struct arena a = ARENA_INIT;
	const char **names = NULL;
	struct state_trash *trash = NULL;
	size_t count = 0, trashed = 0;
	char base[64], version[72], digest[72], path[128];
	int r = engine_state(c, e);

	if (r == 0)
		r = state_names(&c->state, &a, &names, &count, e);
	if (r == 0)
		r = state_trash_list(&c->state, &a, &trash, &trashed, e);
	for (size_t i = 0; r == 0 && i < count + trashed; i++) {
		autoclose int dir = FD_NONE;

		(void)snprintf(path, sizeof(path), i < count ? "%s" : ".trash/%s", i < count ? names[i] : trash[i - count].id);
		dir = fd_open(c->state.lxc_dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		if (dir >= 0 && state_pin_read(dir, base, version, digest) == 0)
			fn(path, base, version, data);
		if (dir >= 0)
			each_snapshot_pin(dir, path, fn, data);
	}
	arena_done(&a);
	return r;
}

struct pin_count {
	struct coppice_base *list;
	size_t count;
};

static void count_pin(const char *ct, const char *name, const char *version, void *data)
{
	struct pin_count *p = data;

	(void)ct;
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i].name, name) == 0 && strcmp(p->list[i].version, version) == 0)
			p->list[i].pins++;
}

int coppice_base_list(struct coppice *c, struct coppice_base **ret, size_t *ret_count, struct err *e)
{
	struct arena a = ARENA_INIT;
	struct store_base *bases = NULL;
	autofree struct coppice_base *list = NULL;
	struct pin_count pins = {0};
	size_t count = 0;
	int r = engine_store(c, e);

	if (r == 0)
		r = store_bases(&c->store, &a, &bases, &count, e);
	if (r == 0) {
		pins.list = list = calloc(count ? count : 1, sizeof(*list));
		r = list ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		convert(&bases[i], &pins.list[i]);
	pins.count = count;
	if (r == 0)
		r = each_pin(c, count_pin, &pins, e);
	arena_done(&a);
	if (r < 0)
		return err_what(e, "cannot list bases");
	*ret = take(list);
	*ret_count = count;
	return 0;
}

struct users {
	const struct store_base *base;
	struct buf names;
	size_t count;
};

static void note_user(const char *ct, const char *name, const char *version, void *data)
{
	struct users *u = data;

	if (strcmp(u->base->name, name) != 0 || strcmp(u->base->version, version) != 0)
		return;
	buf_printf(&u->names, "%s\n", ct);
	u->count++;
}

int coppice_base_show(struct coppice *c, const char *ref, struct coppice_base *ret, char **ret_users, struct err *e)
{
	struct users users = {.names = BUF_INIT};
	struct store_base base;
	int r = engine_store(c, e);

	if (r == 0)
		r = store_base_find(&c->store, ref, &base, e);
	users.base = &base;
	if (r == 0)
		r = each_pin(c, note_user, &users, e);
	if (r < 0) {
		buf_done(&users.names);
		return err_what(e, "cannot show base '%s'", ref);
	}
	convert(&base, ret);
	ret->pins = (uint32_t)users.count;
	if (ret_users)
		*ret_users = buf_take(&users.names);
	buf_done(&users.names);
	return 0;
}

/* Only the root of the host mounts an image; whoever else seals a plain tree. */
static int choose_seal(struct coppice *c, const char *wanted, const char **ret, struct err *e)
{
	int r = engine_facts(c, e);

	if (r < 0)
		return r;
	*ret = wanted;
	if (!c->facts.user_mode)
		return 0;
	if (wanted && strcmp(wanted, "erofs") == 0) {
		(void)err_set(e, ERR_DENIED, EPERM, "only root can mount an EROFS image");
		return err_hint(e, "leave --seal away: your bases are sealed as plain trees");
	}
	*ret = "tree";
	return 0;
}

int coppice_base_build(struct coppice *c, const struct coppice_base_build *o, struct coppice_base *ret, struct err *e)
{
	const char *argv[24];
	struct helper h = {.build = o};
	struct store_base base;
	const char *seal = NULL;
	char ref[160];
	size_t n = 1;
	int r = engine_check_name(o->name, e);

	if (r == 0)
		r = engine_store(c, e);
	argv[n++] = "build";
	argv[n++] = "--store";
	argv[n++] = c->root;
	argv[n++] = "--name";
	argv[n++] = o->name;
	argv[n++] = "--from";
	argv[n++] = o->from;
	if (o->packages) {
		argv[n++] = "--packages";
		argv[n++] = o->packages;
	}
	if (o->include) {
		argv[n++] = "--include";
		argv[n++] = o->include;
	}
	if (r == 0)
		r = choose_seal(c, o->seal, &seal, e);
	if (r == 0 && c->facts.user_mode && strcmp(o->from, "host") == 0) {
		(void)err_set(e, ERR_DENIED, EPERM, "the files of the running host belong to ids that are not yours");
		r = err_hint(e, "coppice base build %s --from mmdebstrap:bookworm", o->name);
	}
	if (seal) {
		argv[n++] = "--seal";
		argv[n++] = seal;
	}
	if (o->max_size) {
		argv[n++] = "--max-size";
		argv[n++] = o->max_size;
	}
	if (o->dry_run)
		argv[n++] = "--dry-run";
	argv[n] = NULL;
	if (r == 0)
		r = run_helper(argv, &h, e);
	if (r == 0 && !o->dry_run) {
		(void)snprintf(ref, sizeof(ref), "%s@%s", o->name, text_of(h.result, "version") ?: "");
		r = store_base_find(&c->store, ref, &base, e);
		if (r == 0)
			convert(&base, ret);
	} else if (r == 0) {
		memset(ret, 0, sizeof(*ret));
		(void)snprintf(ret->name, sizeof(ret->name), "%s", o->name);
	}
	if (r == 0 && o->ret_report) /* last: an output only of a success */
		*o->ret_report = strdup(json_object_to_json_string_ext(h.result, JSON_C_TO_STRING_PLAIN));
	helper_done(&h);
	return r < 0 ? err_what(e, "cannot build base '%s'", o->name) : 0;
}

int coppice_base_verify(struct coppice *c, const char *ref, char **ret_report, struct err *e)
{
	const char *argv[8] = {NULL, "verify", "--store", c->root, "--ref", NULL, NULL};
	struct helper h = {0};
	struct store_base base;
	char full[160];
	int r = engine_store(c, e);

	if (r == 0)
		r = store_base_find(&c->store, ref, &base, e);
	if (r == 0) {
		(void)snprintf(full, sizeof(full), "%s@%s", base.name, base.version);
		argv[5] = full;
		r = run_helper(argv, &h, e);
	}
	if (r == 0 && ret_report)
		*ret_report = strdup(json_object_to_json_string_ext(h.result, JSON_C_TO_STRING_PLAIN));
	helper_done(&h);
	return r < 0 ? err_what(e, "base '%s' could not be verified", ref) : 0;
}

int coppice_base_delete(struct coppice *c, const char *ref, bool if_exists, struct err *e)
{
	autoclose int lock = FD_NONE;
	struct users users = {.names = BUF_INIT};
	struct store_base base;
	char what[160];
	int r = engine_store(c, e);

	if (r == 0)
		r = store_base_find(&c->store, ref, &base, e);
	if (r == -ENOENT && if_exists) {
		err_clear(e);
		return 1;
	}
	if (r == 0) {
		(void)snprintf(what, sizeof(what), "%s@%s", base.name, base.version);
		lock = store_lock(&c->store, what, true, clock_deadline(ENGINE_LOCK_MS), e);
		r = lock < 0 ? lock : 0;
	}
	users.base = &base;
	if (r == 0)
		r = each_pin(c, note_user, &users, e);
	if (r == 0 && users.count) {
		char *first = users.names.data;

		first[strcspn(first, "\n")] = '\0';
		(void)err_set(e, ERR_BUSY, EBUSY, "%zu container%s use%s it (%s%s)", users.count, users.count == 1 ? "" : "s", users.count == 1 ? "s" : "",
			      first, users.count > 1 ? ", ..." : "");
		r = err_hint(e, "coppice base show %s", what);
	}
	if (r == 0)
		r = store_base_delete(&c->store, &base, e);
	buf_done(&users.names);
	return r < 0 ? err_what(e, "cannot delete base '%s'", ref) : 0;
}

int coppice_pool_set(struct coppice *c, const char *ref, unsigned want, struct err *e)
{
	struct store_base base;
	int r = engine_store(c, e);

	if (r == 0 && want > 1000)
		r = err_set(e, ERR_INPUT, ERANGE, "a pool holds at most 1000 ready trees");
	if (r == 0)
		r = store_base_find(&c->store, ref, &base, e);
	if (r == 0)
		r = store_pool_fill(&c->store, &base, want, e);
	return r < 0 ? err_what(e, "cannot fill the pool of base '%s'", ref) : 0;
}
