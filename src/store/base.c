/* base.c - what bases there are, which one is meant, and taking one away.
 *
 * A version directory appears by one rename and is never changed after it; `current` is the only thing that moves. A version whose meta
 * cannot be read is listed as damaged, so that it can be seen and deleted, but never resolved to. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/diskerr.h"
#include "state/dirs.h"
#include "state/fields.h"
#include "state/state.h"
#include "store/inner.h"
#include "store/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shortest prefix of a version that is taken for one. */
#define PREFIX_MIN 4

static const struct field meta_fields[] = {
	FIELD(store_base, name, FIELD_TEXT, true),
	FIELD(store_base, version, FIELD_TEXT, true),
	FIELD(store_base, digest, FIELD_TEXT, true),
	FIELD(store_base, seal, FIELD_TEXT, true),
	FIELD(store_base, os, FIELD_CLIP, false),
	FIELD(store_base, arch, FIELD_CLIP, false),
	FIELD(store_base, source, FIELD_CLIP, false),
	FIELD(store_base, created, FIELD_I64, false),
	FIELD(store_base, common_bytes, FIELD_U64, false),
	FIELD(store_base, common_files, FIELD_U64, false),
	FIELD(store_base, skel_bytes, FIELD_U64, false),
	FIELD(store_base, skel_files, FIELD_U64, false),
	FIELD(store_base, image_bytes, FIELD_U64, false),
	FIELD(store_base, merged_usr, FIELD_BOOL, false),
	FIELD(store_base, common, FIELD_TEXT, false),
};

/* Holds for every meta that is believed, whoever wrote it. */
static int check_meta(const struct store_base *b)
{
	const bool sealed = strcmp(b->seal, "erofs") == 0 || strcmp(b->seal, "tree") == 0;

	return parse_is_name(b->name) && store_is_version(b->version) && store_is_version(b->digest) && sealed ? 0 : -EBADMSG;
}

int meta_parse(const char *text, size_t len, struct store_base *ret)
{
	struct store_base b;
	int r = fields_parse(meta_fields, ARRAY_LEN(meta_fields), false, text, len, &b, sizeof(b));

	r = r ?: check_meta(&b);
	if (r == 0)
		*ret = b;
	return r;
}

/* Reads bases/NAME/VERSION/meta; it must be about this very version. -ENOENT no such version, -EBADMSG damaged. */
static int load(int base_dir, const char *name, const char *version, struct store_base *ret)
{
	autoclose int dir = path_open_beneath(base_dir, version, O_PATH | O_DIRECTORY, 0);
	struct store_base b;
	int r = dir;

	if (dir < 0)
		return r == -ENOTDIR || r == -ELOOP ? -ENOENT : r;
	r = fields_load(dir, "meta", meta_fields, ARRAY_LEN(meta_fields), false, &b, sizeof(b));
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	if (check_meta(&b) < 0 || strcmp(b.name, name) != 0 || strcmp(b.version, version) != 0)
		return -EBADMSG;
	*ret = b;
	return 0;
}

static int open_bases(const struct store *s, struct err *e)
{
	int fd = store_subdir(s, "bases");

	return fd < 0 ? disk_err(e, fd, s->root, "open '%s/bases'", s->root) : fd;
}

/* Where `current` points, "" when it is missing or nonsense. */
static void read_current(int base_dir, char ret[72])
{
	ssize_t n = readlinkat(base_dir, "current", ret, 71);

	ret[n > 0 ? n : 0] = '\0';
	if (!store_is_version(ret))
		ret[0] = '\0';
}

/* Adds every version of @name to @bases, the damaged ones with seal "damaged". */
static int add_versions(int bases, const char *name, struct arena *a, struct store_base **list, size_t *count)
{
	autoclose int dir = path_open_beneath(bases, name, O_RDONLY | O_DIRECTORY, 0);
	autoclosedir DIR *versions = dir < 0 ? NULL : fd_open_dir(dir, ".", 0);
	const struct dirent *ent;
	char current[72];

	if (!versions)
		return dir < 0 ? dir : -errno;
	read_current(dir, current);
	while ((ent = dirs_next(versions))) {
		struct store_base b = {.seal = "damaged"}, *slot;
		int r;

		if (!store_is_version(ent->d_name))
			continue;
		r = load(dir, name, ent->d_name, &b);
		if (r == -ENOENT)
			continue;
		if (r < 0) {
			(void)snprintf(b.name, sizeof(b.name), "%s", name);
			(void)snprintf(b.version, sizeof(b.version), "%.71s", ent->d_name);
		}
		b.current = strcmp(current, b.version) == 0;
		slot = arena_push(a, list, count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = b;
	}
	return -errno;
}

static int by_name_and_age(const void *a, const void *b)
{
	const struct store_base *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c == 0 && x->created != y->created)
		c = x->created > y->created ? -1 : 1;
	return c ?: strcmp(x->version, y->version);
}

static bool damaged(const struct store_base *b)
{
	return strcmp(b->seal, "damaged") == 0;
}

int store_bases(const struct store *s, struct arena *a, struct store_base **ret, size_t *ret_count, struct err *e)
{
	autoclose int bases = open_bases(s, e);
	autoclosedir DIR *names = NULL;
	const struct dirent *ent;
	struct store_base *list = NULL;
	size_t count = 0;

	if (bases < 0)
		return bases;
	names = fd_open_dir(bases, ".", 0);
	if (!names)
		return err_sys(e, errno, "read '%s/bases'", s->root);
	while ((ent = dirs_next(names))) {
		int r;

		if (!parse_is_name(ent->d_name))
			continue;
		r = add_versions(bases, ent->d_name, a, &list, &count);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
			return err_sys(e, r, "read '%s/bases/%s'", s->root, ent->d_name);
	}
	if (errno)
		return err_sys(e, errno, "read '%s/bases'", s->root);
	if (count)
		qsort(list, count, sizeof(*list), by_name_and_age);
	*ret = list;
	*ret_count = count;
	return 0;
}

void store_bases_count_pins(struct store_base *bases, size_t count, const struct state_pin *pins, size_t pin_count)
{
	for (size_t i = 0; i < count; i++) {
		bases[i].pins = 0;
		for (size_t k = 0; k < pin_count; k++)
			bases[i].pins += strcmp(pins[k].base, bases[i].name) == 0 && strcmp(pins[k].version, bases[i].version) == 0;
	}
}

static int no_such_base(const struct store *s, const char *name, struct err *e)
{
	struct arena a = ARENA_INIT;
	struct store_base *list = NULL;
	const char *names[256], *close;
	size_t count = 0, n = 0;

	(void)!store_bases(s, &a, &list, &count, NULL);
	for (size_t i = 0; i < count && n < ARRAY_LEN(names); i++)
		if (n == 0 || strcmp(names[n - 1], list[i].name) != 0)
			names[n++] = list[i].name;
	close = parse_closest(name, names, n);
	if (close)
		(void)err_set(e, ERR_MISSING, ENOENT, "there is no base '%s'; did you mean '%s'?", name, close);
	else
		(void)err_set(e, ERR_MISSING, ENOENT, "there is no base '%s'", name);
	if (n)
		(void)err_hint(e, "coppice base list");
	else
		(void)err_hint(e, "coppice base build %s --from host", name);
	arena_done(&a);
	return -ENOENT;
}

/* The version that NAME alone means: `current`, or the newest whole one when that leads nowhere (a delete was cut short). */
static const struct store_base *pick_current(const struct store_base *list, size_t count)
{
	const struct store_base *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (damaged(&list[i]))
			continue;
		if (list[i].current)
			return &list[i];
		if (!best || by_name_and_age(&list[i], best) < 0)
			best = &list[i];
	}
	return best;
}

static int pick(const struct store_base *list, size_t count, const char *name, const char *prefix, const struct store_base **ret, struct err *e)
{
	const struct store_base *found = NULL;
	unsigned matches = 0;

	if (!prefix[0]) {
		found = pick_current(list, count);
		matches = found != NULL;
	}
	for (size_t i = 0; prefix[0] && i < count; i++) {
		if (strncmp(list[i].version, prefix, strlen(prefix)) != 0)
			continue;
		found = &list[i];
		matches++;
		if (strcmp(list[i].version, prefix) == 0) {
			matches = 1;
			break;
		}
	}
	if (matches > 1)
		(void)err_set(e, ERR_INPUT, EINVAL, "'%s@%s' fits %u versions", name, prefix, matches);
	else if (!found)
		(void)err_set(e, ERR_MISSING, ENOENT, "base '%s' has no version%s%s", name, prefix[0] ? " " : "", prefix);
	else if (damaged(found))
		(void)err_set(e, ERR_DAMAGED, EBADMSG, "the meta file of base '%s@%s' cannot be read", name, found->version);
	else {
		*ret = found;
		return 0;
	}
	return err_hint(e, "coppice base list");
}

/* The usual case, without looking at any other version: @version whole, or where `current` leads. */
static int find_exact(int bases, const char *name, const char *version, struct store_base *ret)
{
	autoclose int dir = path_open_beneath(bases, name, O_PATH | O_DIRECTORY, 0);
	char current[72];
	int r;

	if (dir < 0)
		return dir;
	read_current(dir, current);
	if (!version[0] && !current[0])
		return -ENOENT;
	r = load(dir, name, version[0] ? version : current, ret);
	if (r == 0)
		ret->current = strcmp(ret->version, current) == 0;
	return r;
}

int store_base_find(const struct store *s, const char *ref, struct store_base *ret, struct err *e)
{
	autoclose int bases = open_bases(s, e);
	const struct store_base *found = NULL;
	struct store_base *list = NULL;
	struct arena a = ARENA_INIT;
	char name[64], version[72];
	size_t count = 0;
	int r;

	if (bases < 0)
		return bases;
	if (parse_base_ref(ref, name, version) < 0 || (version[0] && !store_is_version(version)))
		return err_set(e, ERR_INPUT, EINVAL, "'%s' is not a base: NAME or NAME@VERSION is expected", ref);
	if (version[0] && strlen(version) < PREFIX_MIN)
		return err_set(e, ERR_INPUT, EINVAL, "'%s': a version needs at least %d digits", ref, PREFIX_MIN);
	if (find_exact(bases, name, version, ret) == 0)
		return 0;
	r = add_versions(bases, name, &a, &list, &count);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
		r = err_sys(e, r, "read '%s/bases/%s'", s->root, name);
	else if (count == 0)
		r = no_such_base(s, name, e);
	else
		r = pick(list, count, name, version, &found, e);
	if (r == 0)
		*ret = *found;
	arena_done(&a);
	return r;
}

static int gone(const struct store_base *b, struct err *e)
{
	(void)err_set(e, ERR_MISSING, ENOENT, "base '%s@%s' is no longer there", b->name, b->version);
	return err_hint(e, "coppice base list");
}

int store_base_open(const struct store *s, const struct store_base *b, struct err *e)
{
	char path[160];
	int fd;

	if (!parse_is_name(b->name) || !store_is_version(b->version))
		return err_set(e, ERR_INTERNAL, EINVAL, "a base without name or version");
	(void)snprintf(path, sizeof(path), "bases/%s/%s", b->name, b->version);
	fd = path_open_beneath(s->dir, path, O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return gone(b, e);
	return fd < 0 ? disk_err(e, fd, s->root, "open '%s/%s'", s->root, path) : fd;
}

/* Points `current` of @dir to @version, by rename: readers see the old or the new. */
static int set_current(int dir, const char *version)
{
	(void)unlinkat(dir, ".current.new", 0);
	if (symlinkat(version, dir, ".current.new") < 0 || renameat(dir, ".current.new", dir, "current") < 0)
		return -errno;
	return 0;
}

/* `current` leaves @version before the version goes, so that no moment shows it dangling. */
static int move_current(int bases, int dir, const struct store_base *b)
{
	struct arena a = ARENA_INIT;
	struct store_base *list = NULL;
	const struct store_base *next = NULL;
	size_t count = 0;
	char current[72];
	int r = add_versions(bases, b->name, &a, &list, &count);

	read_current(dir, current);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (strcmp(list[i].version, b->version) == 0 || damaged(&list[i]))
			continue;
		if (!next || by_name_and_age(&list[i], next) < 0)
			next = &list[i];
		if (strcmp(list[i].version, current) == 0) { /* points elsewhere: stays */
			arena_done(&a);
			return 0;
		}
	}
	if (r == 0 && next)
		r = set_current(dir, next->version);
	else if (r == 0 && unlinkat(dir, "current", 0) < 0 && errno != ENOENT)
		r = -errno;
	arena_done(&a);
	return r;
}

/* Removes bases/NAME when its last version is gone, with what killed commands may have left of `current`. */
static void drop_empty(int bases, int dir, const char *name)
{
	autoclosedir DIR *entries = fd_open_dir(dir, ".", 0);
	const struct dirent *ent;

	while (entries && (ent = dirs_next(entries)))
		if (strncmp(ent->d_name, ".current.", 9) != 0)
			return;
	if (entries)
		rewinddir(entries);
	while (entries && (ent = dirs_next(entries)))
		(void)unlinkat(dir, ent->d_name, 0);
	(void)unlinkat(bases, name, AT_REMOVEDIR);
}

static void drop_pool(const struct store *s, const struct store_base *b)
{
	autoclose int pool = store_subdir(s, "pool");

	if (pool >= 0)
		(void)!store_discard(s, pool, b->version, "pool");
}

int store_base_delete(const struct store *s, const struct store_base *b, struct err *e)
{
	autoclose int bases = open_bases(s, e);
	autoclose int lock = FD_NONE;
	autoclose int dir = FD_NONE;
	char label[160];
	int r;

	if (bases < 0)
		return bases;
	if (!parse_is_name(b->name) || !store_is_version(b->version))
		return err_set(e, ERR_INTERNAL, EINVAL, "a base without name or version");
	/* By name: what `current` becomes depends on all versions. */
	lock = store_lock(s, b->name, true, clock_deadline(10000), e);
	if (lock < 0)
		return lock;
	dir = path_open_beneath(bases, b->name, O_RDONLY | O_DIRECTORY, 0);
	if (dir == -ENOENT)
		return gone(b, e);
	if (dir < 0)
		return disk_err(e, dir, s->root, "open '%s/bases/%s'", s->root, b->name);
	r = move_current(bases, dir, b);
	if (r < 0)
		return disk_err(e, r, s->root, "move '%s/bases/%s/current'", s->root, b->name);
	drop_pool(s, b);
	(void)snprintf(label, sizeof(label), "%s@%s", b->name, b->version);
	r = store_discard(s, dir, b->version, label);
	if (r == -ENOENT)
		return gone(b, e);
	if (r < 0)
		return disk_err(e, r, s->root, "move base '%s' to the trash", label);
	drop_empty(bases, dir, b->name);
	return 0;
}
