/* keys-mount.c - setters for mounts: one fstab line each, checked word by word.
 *
 * The grammar is fstab(5)'s with LXC's own options (optional, create=, relative). What a bind mount cannot carry out is refused here, not
 * ignored by the kernel later; options of a file system are passed on to it. */
#include "base/buf.h"
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define MOUNTS_MAX 1024
#define FIELDS 6

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

/* Cuts the line into its four to six fields, in the arena. */
static int split_fields(struct spec *s, const char *value, char *fields[FIELDS], struct err *e)
{
	const char *word;
	size_t len, count = 0;
	uint64_t n = 0;
	int r;

	while ((word = value_word(&value, &len))) {
		if (count == FIELDS)
			return err_set(e, ERR_INPUT, EINVAL, "more than six words; write a blank inside a word as \\040");
		fields[count] = arena_strndup(&s->arena, word, len);
		if (!fields[count])
			return value_oom(e);
		r = unescape(fields[count], e);
		if (r < 0)
			return r;
		count++;
	}
	if (count < 4)
		return err_set(e, ERR_INPUT, EINVAL, "fewer than four words");
	for (size_t i = 4; i < count; i++)
		if (parse_u64(fields[i], &n) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "the fifth and sixth word of an fstab line are numbers");
	return 0;
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
	FLAG("relatime", noatime, false),
	FLAG("optional", optional, true),
	FLAG("nofail", optional, true),
	FLAG("create=dir", create_dir, true),
	FLAG("create=file", create_file, true),
	FLAG("relative", relative, true),
};
/* clang-format on */
#undef FLAG

/* Words of fstab that say nothing to the kernel; so do those of other programs, "x-...". */
static const char *const idle[] = {"defaults", "auto", "nouser", "async", "_netdev", "private", "rprivate", "slave", "rslave"};
static const char *const refused[] = {"remount", "move",  "shared", "rshared", "unbindable", "runbindable", "noauto",
				      "user",	 "users", "owner",  "group",   "loop",	     "nodiratime",  "strictatime"};

/* 1 = taken, 0 = not ours, -errno. */
static int take_option(struct spec_mount *m, const char *word, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strcmp(word, flags[i].word) == 0) {
			*(bool *)((char *)m + flags[i].field) = flags[i].value;
			return 1;
		}
	}
	if (strcmp(word, "rbind") == 0) {
		m->bind = m->recursive = true;
		return 1;
	}
	if (value_one_of(word, idle, ARRAY_LEN(idle)) || strncmp(word, "x-", 2) == 0)
		return 1;
	if (value_one_of(word, refused, ARRAY_LEN(refused)) || strncmp(word, "idmap=", 6) == 0)
		return key_unsupported(e, "mount option '%s' is not available in this version", word);
	return 0;
}

static int unknown_bind_option(const char *word, struct err *e)
{
	const char *known[ARRAY_LEN(flags) + 1];

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		known[i] = flags[i].word;
	known[ARRAY_LEN(flags)] = "rbind";
	return value_unknown(e, "option of a bind mount", word, known, ARRAY_LEN(known));
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
		r = *word ? take_option(m, word, e) : 1;
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		first = first ? first : word;
		buf_printf(&data, "%s%s", data.len ? "," : "", word);
	}
	if (m->bind && first)
		return unknown_bind_option(first, e);
	if (data.len)
		m->data = arena_strdup(&s->arena, buf_str(&data));
	return buf_failed(&data) || (data.len && !m->data) ? value_oom(e) : 0;
}

/* ---- the entry ---- */

static int check_type(struct spec_mount *m, const char *type, struct err *e)
{
	size_t len = strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (type[len] || len == 0 || len > 63)
		return err_set(e, ERR_INPUT, EINVAL, "the third word is not a file system type");
	if (!m->bind && (strcmp(type, "none") == 0 || strcmp(type, "bind") == 0))
		return err_set(e, ERR_INPUT, EINVAL, "type %s needs the option bind or rbind", type);
	if (!m->bind && strcmp(type, "swap") == 0)
		return err_set(e, ERR_INPUT, EINVAL, "swap space is not mounted");
	m->type = m->bind ? "none" : type;
	return 0;
}

static int check_source(struct spec *s, struct spec_mount *m, const char *source, struct err *e)
{
	if (!value_printable(source))
		return err_set(e, ERR_INPUT, EINVAL, "the source holds control characters");
	m->source = source;
	if (!m->bind) {
		if (m->relative)
			return err_set(e, ERR_INPUT, EINVAL, "the option relative belongs to a bind mount");
		return 0;
	}
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

SETTER(set_mount_entry)
{
	struct spec_mount m = {.where = s->where}, *slot;
	char *fields[FIELDS] = {NULL};
	int r;

	(void)key;
	if (!*value) {
		s->mounts = NULL;
		s->mount_count = 0;
		return 0;
	}
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

/* ---- lxc.mount.auto ---- */

/* What the words ask for and what is always done: proc with its dangerous parts masked, sysfs read-only, the container's own cgroups. A
 * word that asks for as much or less is met; one that asks for more gets a note. */
static int check_auto(struct spec *s, const char *key, const char *word, struct err *e)
{
	static const char *const names[] = {"proc", "sys", "cgroup", "cgroup-full"};
	static const char *const hows[] = {"mixed", "ro", "rw"};
	char name[16], how[16] = "";
	size_t len = strcspn(word, ":");
	const char *rest = word + len;

	if (strcmp(word, "shmounts") == 0 || strncmp(word, "shmounts:", 9) == 0)
		return key_unsupported(e, "'shmounts' is not available in this version");
	if (!value_copy(word, len, name, sizeof(name)) || !value_one_of(name, names, ARRAY_LEN(names)))
		return value_unknown(e, "file system", word, names, ARRAY_LEN(names));
	if (*rest == ':') {
		rest++;
		len = strcspn(rest, ":");
		if (!value_copy(rest, len, how, sizeof(how)) || (strcmp(how, "force") != 0 && !value_one_of(how, hows, ARRAY_LEN(hows))))
			return err_set(e, ERR_INPUT, EINVAL, "'%.40s' is not mixed, ro or rw", rest);
		rest += len;
		if (*rest && (strcmp(rest, ":force") != 0 || strcmp(how, "force") == 0))
			return err_set(e, ERR_INPUT, EINVAL, "'%.40s' is too much behind '%s'", rest, name);
		if ((strcmp(how, "force") == 0 || *rest) && strncmp(name, "cgroup", 6) != 0)
			return err_set(e, ERR_INPUT, EINVAL, "'force' belongs to cgroup");
	}
	if (strcmp(how, "rw") == 0 && strncmp(name, "cgroup", 6) != 0)
		spec_note(s, key, "%s stays as it always is: its parts that reach the host are masked or read-only", name);
	if (strcmp(name, "cgroup-full") == 0)
		spec_note(s, key, "the container sees its own cgroups only");
	return 0;
}

SETTER(set_mount_auto)
{
	const char *at = value, *word;
	char name[40];
	size_t len;

	while ((word = value_word(&at, &len))) {
		int r;

		if (!value_copy(word, len, name, sizeof(name)))
			return err_set(e, ERR_INPUT, EINVAL, "'%.40s...' is not such a word", word);
		r = check_auto(s, key, name, e);
		if (r < 0)
			return r;
	}
	return 0;
}
