/* keys-mount.c - setters for mounts: one fstab line each, checked word by word.
 *
 * The grammar is fstab(5)'s with LXC's own options (optional, create=, relative). What says nothing to a bind mount is noted here, because the
 * kernel ignores it without a word; options of a file system are passed on to it. */
#include "base/buf.h"
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define MOUNTS_MAX 1024
#define FIELDS 4

/* fstab(5): blanks inside a field are written \040 \011 and a backslash \134. */
static int unescape(char *text, struct err *e)
{
	char *out = text;

	for (const char *p = text; *p; p++) {
		uint64_t byte = 0;
		char digits[4];

		if (*p != '\\') {
			*out++ = *p;
			continue;
		}
		if (strnlen(p + 1, 3) < 3)
			return err_set(e, ERR_INPUT, EINVAL, "a '\\' without three octal digits");
		memcpy(digits, p + 1, 3);
		digits[3] = '\0';
		if (parse_u64_base(digits, 8, &byte) < 0 || (byte != '\t' && (byte < 0x20 || byte == 0x7f)) || byte > 0xff)
			return err_set(e, ERR_INPUT, EINVAL, "'\\%s' is not a byte in octal that may stand in a name", digits);
		*out++ = (char)byte;
		p += 3;
	}
	*out = '\0';
	return 0;
}

/* Words that getmntent(3), and LXC with it, reads over: a fifth and sixth that are no numbers, and all behind them. */
static void note_idle_words(struct spec *s, const char *word, size_t len)
{
	char text[32], safe[64];

	if (!value_copy(word, len, text, sizeof(text)))
		(void)snprintf(text, sizeof(text), "%.20s...", word);
	format_safe(text, safe, sizeof(safe));
	spec_note(s, "lxc.mount.entry", "'%s' behind the options says nothing; a blank inside a word is written \\040", safe);
}

/* Cuts the line into its three to six fields, in the arena. */
static int split_fields(struct spec *s, const char *value, char *fields[FIELDS], struct err *e)
{
	const char *word;
	size_t len, count = 0;
	int r;

	while ((word = value_word(&value, &len))) {
		if (count == FIELDS && len <= strspn(word, "0123456789"))
			continue; /* when to dump and to check it: not in a container */
		if (count == FIELDS) {
			note_idle_words(s, word, len);
			break;
		}
		fields[count] = arena_strndup(&s->arena, word, len);
		if (!fields[count])
			return value_oom(e);
		r = unescape(fields[count], e);
		if (r < 0)
			return r;
		count++;
	}
	if (count < 3)
		return err_set(e, ERR_INPUT, EINVAL, "fewer than three words");
	if (count == 3)
		fields[3] = arena_strdup(&s->arena, "");
	return fields[3] ? 0 : value_oom(e);
}

/* ---- options ---- */

/* clang-format off */
#define FLAG(word, field, value) {word, offsetof(struct spec_mount, field), value}
static const struct {
	const char *word;
	size_t field;
	bool value;
} flags[] = {
	FLAG("bind", bind, true),
	FLAG("ro", read_only, true),
	FLAG("rw", read_only, false),
	FLAG("nosuid", nosuid, true),
	FLAG("suid", nosuid, false),
	FLAG("nodev", nodev, true),
	FLAG("dev", nodev, false),
	FLAG("noexec", noexec, true),
	FLAG("exec", noexec, false),
	FLAG("noatime", noatime, true),
	FLAG("atime", noatime, false),
	FLAG("relatime", strictatime, false),
	FLAG("strictatime", strictatime, true),
	FLAG("nodiratime", nodiratime, true),
	FLAG("diratime", nodiratime, false),
	FLAG("nosymfollow", nosymfollow, true),
	FLAG("remount", remount, true),
	FLAG("optional", optional, true),
	FLAG("nofail", optional, true),
	FLAG("create=dir", create_dir, true),
	FLAG("create=file", create_file, true),
	FLAG("relative", relative, true),
};
/* clang-format on */
#undef FLAG

/* Words of fstab that say nothing to the kernel, or nothing here: whoever writes a line for a container wants it mounted. Words of other programs, "x-...", too.
 * "0" stands where a line without options goes on. */
static const char *const idle[] = {"defaults", "auto",  "noauto",  "user",   "nouser", "users",      "owner",     "group",  "async",
				   "_netdev",  "norelatime", "nostrictatime", "symfollow", "silent", "loud", "loop", "0"};
/* Of a whole file system, which a bind mount leaves as it is. */
static const char *const superblock[] = {"sync", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "iversion", "noiversion"};

static const struct {
	const char *word;
	enum spec_propagation propagation;
} propagations[] = {
    {"private", SPEC_PROP_PRIVATE}, {"slave", SPEC_PROP_SLAVE}, {"shared", SPEC_PROP_SHARED}, {"unbindable", SPEC_PROP_UNBINDABLE}};

bool key_propagation(const char *word, enum spec_propagation *ret, bool *ret_all)
{
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		bool all = word[0] == 'r' && strcmp(word + 1, propagations[i].word) == 0;

		if (!all && strcmp(word, propagations[i].word) != 0)
			continue;
		*ret = propagations[i].propagation;
		*ret_all = all;
		return true;
	}
	return false;
}

int key_idmap_option(struct spec *s, const char *value, const char **ret, struct err *e)
{
	if (strcmp(value, "container") == 0) {
		*ret = "container";
		return 0;
	}
	if (*value != '/')
		return err_set(e, ERR_INPUT, EINVAL, "idmap= takes 'container', or the path of a user namespace such as /proc/123/ns/user");
	return value_path(&s->arena, value, true, ret, e);
}

/* 1 = taken, 0 = not ours, -errno. */
static int take_option(struct spec *s, struct spec_mount *m, const char *word, struct err *e)
{
	int r;

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strcmp(word, flags[i].word) == 0) {
			*(bool *)((char *)m + flags[i].field) = flags[i].value;
			if (strstr(word, "atime") && flags[i].field != offsetof(struct spec_mount, nodiratime)) /* one of three: the last said counts */
				m->noatime = flags[i].field == offsetof(struct spec_mount, noatime) && flags[i].value;
			return 1;
		}
	}
	if (strcmp(word, "rbind") == 0) {
		m->bind = m->recursive = true;
		return 1;
	}
	if (value_one_of(word, idle, ARRAY_LEN(idle)) || strncmp(word, "x-", 2) == 0 || key_propagation(word, &m->propagation, &m->propagation_all))
		return 1;
	if (strncmp(word, "idmap=", 6) == 0) {
		r = key_idmap_option(s, word + 6, &m->idmap, e);
		return r < 0 ? r : 1;
	}
	if (strcmp(word, "move") == 0)
		return err_set(e, ERR_INPUT, EINVAL, "a mount of the host's is not moved away from it; 'bind' lays it there too");
	return strncmp(word, "loop=", 5) == 0; /* the kernel chooses the device */
}

/* mount(2) ignores the data of a bind mount, and so did LXC: lines with uid=0 or size=1m are out there. A slip of the pen gets its note. */
static void note_idle_option(struct spec *s, const char *word)
{
	const char *known[ARRAY_LEN(flags) + 1], *near;
	char safe[64];

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		known[i] = flags[i].word;
	known[ARRAY_LEN(flags)] = "rbind";
	near = parse_closest(word, known, ARRAY_LEN(known));
	format_safe(word, safe, sizeof(safe));
	spec_note(s, "lxc.mount.entry", "'%s' says nothing to a bind mount%s%s%s", safe, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int take_options(struct spec *s, struct spec_mount *m, char *options, struct err *e)
{
	autodone(buf_done) struct buf data = BUF_INIT;
	const char *first = NULL;
	char *next;

	m->options = arena_strdup(&s->arena, options);
	if (!m->options)
		return value_oom(e);
	for (char *word = options; word; word = next) {
		int r;

		next = strchr(word, ',');
		if (next)
			*next++ = '\0';
		r = *word ? take_option(s, m, word, e) : 1;
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (value_one_of(word, superblock, ARRAY_LEN(superblock)) && strstr(m->options, "bind"))
			continue;
		first = first ? first : word;
		buf_printf(&data, "%s%s", data.len ? "," : "", word);
	}
	if (m->bind && first) {
		note_idle_option(s, first);
		buf_clear(&data);
	}
	if (data.len && !m->remount)
		m->data = arena_strdup(&s->arena, buf_str(&data));
	return buf_failed(&data) || (data.len && !m->remount && !m->data) ? value_oom(e) : 0;
}

/* ---- the entry ---- */

static int check_type(struct spec_mount *m, const char *type, struct err *e)
{
	size_t len = strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (type[len] || len == 0 || len > 63)
		return err_set(e, ERR_INPUT, EINVAL, "the third word is not a file system type");
	if (!m->bind && !m->remount && (strcmp(type, "none") == 0 || strcmp(type, "bind") == 0))
		return err_set(e, ERR_INPUT, EINVAL, "type %s needs the option bind or rbind", type);
	if (!m->bind && strcmp(type, "swap") == 0)
		return err_set(e, ERR_INPUT, EINVAL, "swap space is not mounted");
	m->type = m->bind ? "none" : strcmp(type, "overlayfs") == 0 ? "overlay" : type;
	return 0;
}

/* "UUID=..." and its like, where udev has links to them. */
static const char *device_link(struct spec *s, const char *source)
{
	static const char *const kinds[][2] = {{"UUID=", "uuid"}, {"LABEL=", "label"}, {"PARTUUID=", "partuuid"}, {"PARTLABEL=", "partlabel"}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i][0]);

		if (strncmp(source, kinds[i][0], len) == 0 && source[len] && !strchr(source, '/'))
			return arena_printf(&s->arena, "/dev/disk/by-%s/%s", kinds[i][1], source + len);
	}
	return source;
}

static int check_source(struct spec *s, struct spec_mount *m, const char *source, struct err *e)
{
	if (!value_printable(source))
		return err_set(e, ERR_INPUT, EINVAL, "the source holds control characters");
	m->source = source;
	if (m->remount)
		return 0;
	if (!m->bind) {
		if (m->idmap)
			return err_set(e, ERR_INPUT, EINVAL, "the option idmap= belongs to a bind mount: a file system made for the container has its ids");
		if (m->relative)
			return err_set(e, ERR_INPUT, EINVAL, "the option relative belongs to a bind mount");
		m->source = device_link(s, source);
		return m->source ? 0 : value_oom(e);
	}
	if (m->relative && m->idmap)
		return err_set(e, ERR_INPUT, EINVAL, "what lies inside the container has its ids already: relative and idmap= at once");
	if (!m->relative && *source != '/')
		return err_set(e, ERR_INPUT, EINVAL, "the source is not an absolute path");
	return value_path(&s->arena, m->relative ? source + strspn(source, "/") : source, !m->relative, &m->source, e);
}

static int check_target(struct spec *s, struct spec_mount *m, const char *target, struct err *e)
{
	int r = value_path(&s->arena, target, false, &m->target, e);

	if (r < 0)
		return r;
	if (!*m->target || strcmp(m->target, "/") == 0)
		return err_set(e, ERR_INPUT, EINVAL, "the target is the container's root itself");
	return 0;
}

int key_mount_line(struct spec *s, const char *value, struct err *e)
{
	struct spec_mount m = {.where = s->where}, *slot;
	char *fields[FIELDS] = {NULL};
	int r;

	if (s->mount_count >= MOUNTS_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "more than %d mounts", MOUNTS_MAX);
	r = split_fields(s, value, fields, e);
	if (r == 0)
		r = take_options(s, &m, fields[3], e);
	if (r == 0)
		r = check_type(&m, fields[2], e);
	if (r == 0)
		r = check_source(s, &m, fields[0], e);
	if (r == 0)
		r = check_target(s, &m, fields[1], e);
	if (r < 0)
		return r;
	if (m.create_dir && m.create_file)
		return err_set(e, ERR_INPUT, EINVAL, "create=dir and create=file at once");
	slot = arena_push(&s->arena, &s->mounts, &s->mount_count, sizeof(*slot));
	if (!slot)
		return value_oom(e);
	*slot = m;
	return 0;
}

SETTER(set_mount_entry)
{
	(void)key;
	if (!*value) {
		s->mounts = NULL;
		s->mount_count = 0;
		return 0;
	}
	return key_mount_line(s, value, e);
}

/* Of the root: the words of an entry that mean something there. */
SETTER(set_rootfs_options)
{
	struct spec_mount m = {.where = s->where};
	char *copy = arena_strdup(&s->arena, value);
	int r = copy ? take_options(s, &m, copy, e) : value_oom(e);

	(void)key;
	if (r < 0)
		return r;
	if (m.relative || m.create_dir || m.create_file || m.remount)
		return err_set(e, ERR_INPUT, EINVAL, "relative, create= and remount are for lxc.mount.entry");
	s->rootfs_options = *value ? m : (struct spec_mount){0};
	return 0;
}

/* The file itself is read by conf_apply(), when all keys are known. */
SETTER(set_mount_fstab)
{
	(void)key;
	if (*value)
		return value_path(&s->arena, value, true, &s->fstab, e);
	s->fstab = NULL;
	return 0;
}

/* ---- lxc.mount.auto ---- */

#define SHMOUNTS_TARGET "dev/.lxc-mounts" /* LXC's own */

/* "shmounts:HOSTDIR[:GUESTDIR]": what the host mounts below HOSTDIR appears in the container. */
static int take_shmounts(struct spec *s, const char *word, struct err *e)
{
	const char *source = word + strlen("shmounts"), *target;
	char *copy;
	int r;

	if (*source != ':' || source[1] != '/')
		return err_set(e, ERR_INPUT, EINVAL, "'shmounts' needs the host's directory behind it: shmounts:/run/web1-mounts");
	copy = arena_strdup(&s->arena, source + 1);
	if (!copy)
		return value_oom(e);
	target = SHMOUNTS_TARGET;
	if (strchr(copy, ':')) {
		char *colon = strchr(copy, ':');

		*colon = '\0';
		target = colon + 1 + strspn(colon + 1, "/");
	}
	r = value_path(&s->arena, copy, true, &s->shmount_source, e);
	if (r == 0)
		r = value_path(&s->arena, target, false, &s->shmount_target, e);
	if (r < 0)
		return r;
	if (!s->shmount_source[1] || !*s->shmount_target)
		return err_set(e, ERR_INPUT, EINVAL, "'shmounts' cannot take a root directory as a whole");
	return 0;
}

/* "NAME[:mixed|ro|rw][:force]". That the container has a cgroup namespace does not keep us from mounting what it will see. */
static int take_auto(struct spec *s, const char *word, struct err *e)
{
	static const char *const names[] = {"proc", "sys", "cgroup", "cgroup-full", "cgroup2", "shmounts"};
	static const char *const hows[] = {[SPEC_AUTO_MIXED] = "mixed", [SPEC_AUTO_RO] = "ro", [SPEC_AUTO_RW] = "rw"};
	enum spec_auto *const fields[] = {&s->auto_proc, &s->auto_sys, &s->auto_cgroup, &s->auto_cgroup, &s->auto_cgroup};
	enum spec_auto how = SPEC_AUTO_MIXED;
	char name[16];
	size_t len = strcspn(word, ":"), at = 0;
	const char *rest = word + len;

	if (!value_copy(word, len, name, sizeof(name)) || !value_one_of(name, names, ARRAY_LEN(names)))
		return value_unknown(e, "file system", word, names, ARRAY_LEN(names));
	if (strcmp(name, "shmounts") == 0)
		return take_shmounts(s, word, e);
	while (strcmp(name, names[at]) != 0)
		at++;
	if (*rest == ':' && strcmp(rest, ":force") != 0) {
		rest++;
		len = strcspn(rest, ":");
		for (how = SPEC_AUTO_MIXED; how <= SPEC_AUTO_RW; how++)
			if (value_is(rest, len, hows[how]))
				break;
		if (how > SPEC_AUTO_RW)
			return err_set(e, ERR_INPUT, EINVAL, "'%.40s' is not mixed, ro or rw", rest);
		rest += len;
	}
	if (*rest && strcmp(rest, ":force") != 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%.40s' is too much behind '%s'", rest, name);
	if (*rest && at < 2)
		return err_set(e, ERR_INPUT, EINVAL, "'force' belongs to cgroup");
	*fields[at] = how;
	if (at >= 2) {
		s->auto_cgroup_full = at == 3;
		s->auto_cgroup_v2 = at == 4;
		s->auto_cgroup_force = *rest != '\0';
	}
	return 0;
}

SETTER(set_mount_auto)
{
	const char *at = value, *word;
	char name[2 * 256];
	size_t len;

	(void)key;
	if (!*value) {
		s->auto_proc = s->auto_sys = s->auto_cgroup = SPEC_AUTO_UNSET;
		s->auto_cgroup_full = s->auto_cgroup_v2 = s->auto_cgroup_force = false;
		s->shmount_source = s->shmount_target = NULL;
	}
	while ((word = value_word(&at, &len))) {
		int r;

		if (!value_copy(word, len, name, sizeof(name)))
			return err_set(e, ERR_INPUT, EINVAL, "'%.40s...' is not such a word", word);
		r = take_auto(s, name, e);
		if (r < 0)
			return r;
	}
	return 0;
}
