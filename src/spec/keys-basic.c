/* keys-basic.c - setters for who the container is and how it runs: names, root, init, terminals, start, log, and keys that change nothing
 * here. */
#include "base/log.h"
#include "base/parse.h"
#include "spec/keys-impl.h"
#include "spec/spec.h"
#include "spec/value.h"

#include <errno.h>
#include <string.h>

#define LOG_SIZE_MAX (UINT64_C(1) << 30)
#define LOG_PATH_MAX 480
#define RING_SIZE_MAX (UINT64_C(16) << 20)
#define PAGE_BYTES UINT64_C(4096)
#define WORDS_MAX 64
#define LOWERS_MAX 31

static int keep_string(struct spec *s, const char *value, const char **ret, struct err *e)
{
	char *copy = NULL;

	if (*value) {
		copy = arena_strdup(&s->arena, value);
		if (!copy)
			return value_oom(e);
	}
	*ret = copy;
	return 0;
}

static int keep_path(struct spec *s, const char *value, const char **ret, struct err *e)
{
	if (*value)
		return value_path(&s->arena, value, true, ret, e);
	*ret = NULL;
	return 0;
}

/* ---- identity and root ---- */

SETTER(set_uts_name)
{
	if (*value && !spec_is_nodename(value))
		return err_set(e, ERR_INPUT, EINVAL, "not a host name");
	if (*value && !spec_is_hostname(value))
		spec_note(s, key, "the host name is no name for the DNS");
	return keep_string(s, value, &s->hostname, e);
}

/* This machine and its 32-bit sibling, by the names LXC and uname use. */
#if defined(__x86_64__)
#define ARCH_64 "x86_64", "amd64"
#define ARCH_32 "x86", "i386", "i486", "i586", "i686", "athlon"
#elif defined(__aarch64__)
#define ARCH_64 "aarch64", "arm64"
#define ARCH_32 "arm", "armel", "armhf", "armv7l", "armv8l"
#elif defined(__riscv)
#define ARCH_64 "riscv64"
#define ARCH_32 "riscv32"
#elif defined(__s390x__)
#define ARCH_64 "s390x"
#define ARCH_32 "s390"
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH_64 "ppc64le", "ppc64el", "powerpc64le"
#define ARCH_32 "ppcle"
#else
#define ARCH_64 "linux64"
#define ARCH_32 "linux32"
#endif

SETTER(set_arch)
{
	static const char *const native[] = {"linux64", ARCH_64};
	static const char *const sibling[] = {"linux32", ARCH_32};
	static const char *const others[] = {
	    /* of 32 bits */ "x86", "i386", "i486", "i586", "i686", "athlon", "arm", "armel", "armhf", "armv7l", "armv8l", "mips", "mipsel", "parisc", "powerpc", "ppc", "ppcle",
	    "riscv32", "s390", "sparc",
	    /* of 64 */ "x86_64", "amd64", "aarch64", "arm64", "loongarch64", "mips64", "mips64el", "parisc64", "powerpc64", "ppc64", "ppc64el", "ppc64le", "riscv64", "s390x", "sparc64",
	};
	enum { NARROW = 20 };

	if (!*value || value_one_of(value, native, ARRAY_LEN(native)))
		s->linux32 = false;
	else if (value_one_of(value, sibling, ARRAY_LEN(sibling)))
		s->linux32 = true;
	else if (value_one_of(value, others, ARRAY_LEN(others))) { /* qemu-user and binfmt_misc may run them */
		s->linux32 = value_one_of(value, others, NARROW);
		spec_note(s, key, "this machine runs %s programs only by an emulator", value);
	} else {
		return value_unknown(e, "architecture", value, others, ARRAY_LEN(others));
	}
	return 0;
}

/* "LOWER[:LOWER...]:UPPER" behind "overlay:". */
static int set_overlay(struct spec *s, const char *text, struct err *e)
{
	const char *upper = strrchr(text, ':');
	int r;

	if (!upper || !upper[1] || upper == text)
		return err_set(e, ERR_INPUT, EINVAL, "an overlay is overlay:LOWER[:LOWER...]:UPPER");
	while (text <= upper) {
		size_t len = strcspn(text, ":");
		char *one = arena_strndup(&s->arena, text, len);
		const char **slot = one && len ? arena_push(&s->arena, &s->lowers, &s->lower_count, sizeof(*slot)) : NULL;

		if (!slot && len)
			return value_oom(e);
		if (!slot || s->lower_count > LOWERS_MAX)
			return err_set(e, ERR_INPUT, EINVAL, len ? "more than %d directories below" : "a directory without a name among them", LOWERS_MAX);
		r = value_path(&s->arena, one, true, slot, e);
		if (r < 0)
			return r;
		text += len + 1;
	}
	return keep_path(s, upper + 1, &s->rootfs, e);
}

static int refuse_backend(const char *kind, struct err *e)
{
	static const struct {
		const char *kind, *instead;
	} backends[] = {
	    {"aufs", "no kernel has aufs any more; overlay:LOWER:UPPER takes the same directories"},
	    {"nbd", "connect it on the host (qemu-nbd -c /dev/nbd0 FILE) and give the device: /dev/nbd0, or its partition /dev/nbd0p1"},
	    {"zfs", "mount the data set on the host and give its directory"},
	    {"rbd", "map it on the host (rbd map POOL/NAME) and give the device, such as /dev/rbd0"},
	    {"best", "say which: dir:, overlay:, btrfs:, loop: or lvm:"},
	};

	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		if (strcmp(kind, backends[i].kind) == 0)
			return key_unsupported(e, "a root of kind '%s' is not mounted: %s", kind, backends[i].instead);
	return 0;
}

/* A directory, an image file and a block device are told apart when the root is mounted, so that their kinds say nothing more. */
SETTER(set_rootfs_path)
{
	static const char *const kinds[] = {"dir", "btrfs", "loop", "lvm", "file", "overlay", "overlayfs"};
	const char *path = value, *colon = strchr(value, ':');
	char kind[16];
	int r;

	(void)key;
	s->rootfs = NULL;
	s->lowers = NULL;
	s->lower_count = 0;
	if (*value != '/' && colon) {
		if (!value_copy(value, (size_t)(colon - value), kind, sizeof(kind)))
			return value_bad(e, -EINVAL, "a path");
		r = refuse_backend(kind, e);
		if (r < 0)
			return r;
		if (!value_one_of(kind, kinds, ARRAY_LEN(kinds)))
			return value_unknown(e, "kind of root", kind, kinds, ARRAY_LEN(kinds));
		if (strncmp(kind, "overlay", 7) == 0)
			return set_overlay(s, colon + 1, e);
		path = colon + 1;
		if (!*path)
			return err_set(e, ERR_INPUT, EINVAL, "no path behind '%s:'", kind);
		if (strcmp(kind, "lvm") == 0 && *path != '/') /* VG/LV */
			path = arena_printf(&s->arena, "/dev/%s", path);
		if (!path)
			return value_oom(e);
	}
	r = keep_path(s, path, &path, e);
	if (r < 0)
		return r;
	if (path && strcmp(path, "/") == 0)
		return err_set(e, ERR_INPUT, EINVAL, "that is the host's own root; a container without lxc.rootfs.path sees it");
	s->rootfs = path;
	return 0;
}

SETTER(set_rootfs_mount)
{
	(void)key;
	return keep_path(s, value, &s->rootfs_mount, e);
}

SETTER(set_rootfs_managed)
{
	bool managed;
	int r = value_bool(value, true, &managed, e);

	(void)key;
	if (r == 0)
		s->rootfs_keep = !managed;
	return r;
}

SETTER(set_base)
{
	char name[64], version[72];

	(void)key;
	if (!*value) {
		s->base = s->base_version = NULL;
		return 0;
	}
	if (parse_base_ref(value, name, version) < 0)
		return value_bad(e, -EINVAL, "a base");
	int r = keep_string(s, name, &s->base, e);

	return r < 0 ? r : keep_string(s, version, &s->base_version, e);
}

SETTER(set_mode)
{
	static const char *const words[] = {"bind", "overlay", "ephemeral", "copy", "sealed", "layered"};
	enum spec_mode mode = SPEC_MODE_COUNT;

	(void)key;
	if (*value && (spec_mode_parse(value, &mode) < 0 || mode == SPEC_ROOTFS))
		return value_unknown(e, "mode", value, words, ARRAY_LEN(words));
	s->mode = mode;
	return 0;
}

/* ---- init ---- */

static int set_init(struct spec *s, const char *value, bool small, struct err *e)
{
	int r = value_argv(&s->arena, value, &s->init, &s->init_count, e);

	if (r == 0)
		s->small_init = small && s->init_count > 0;
	return r;
}

SETTER(set_init_cmd)
{
	(void)key;
	return set_init(s, value, false, e);
}

SETTER(set_small_init)
{
	(void)key;
	return set_init(s, value, true, e);
}

SETTER(set_execute_cmd)
{
	(void)key;
	return value_argv(&s->arena, value, &s->execute, &s->execute_count, e);
}

SETTER(set_init_uid)
{
	(void)key;
	return value_u32(value, 0, UINT32_MAX - 1, 0, &s->init_uid, e);
}

SETTER(set_init_gid)
{
	(void)key;
	return value_u32(value, 0, UINT32_MAX - 1, 0, &s->init_gid, e);
}

SETTER(set_init_cwd)
{
	(void)key;
	return keep_path(s, value, &s->init_cwd, e);
}

/* A variable's name: printable, no blanks, as every shell can at least carry it along. */
static bool is_env_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f)
			return false;
	return len > 0;
}

static int add_variable(struct spec *s, const char *value, struct spec_pair **list, size_t *count, struct err *e)
{
	const char *equals = strchr(value, '=');
	size_t len = equals ? (size_t)(equals - value) : strlen(value);
	struct spec_pair *pair = NULL;
	const char *copy = NULL;

	if (!*value) {
		*list = NULL;
		*count = 0;
		return 0;
	}
	if (!is_env_name(value, len))
		return err_set(e, ERR_INPUT, EINVAL, equals ? "not a variable's name before '='" : "not a variable's name");
	for (size_t i = 0; i < *count; i++)
		if (value_is(value, len, (*list)[i].name))
			pair = &(*list)[i];
	if (equals) {
		copy = arena_strdup(&s->arena, equals + 1);
		if (!copy)
			return value_oom(e);
	}
	if (!pair) {
		const char *name = arena_strndup(&s->arena, value, len);

		pair = name ? arena_push(&s->arena, list, count, sizeof(*pair)) : NULL;
		if (!pair)
			return value_oom(e);
		pair->name = name;
	}
	pair->value = copy;
	return 0;
}

SETTER(set_environment)
{
	(void)key;
	return add_variable(s, value, &s->env, &s->env_count, e);
}

SETTER(set_environment_runtime)
{
	(void)key;
	return add_variable(s, value, &s->env_runtime, &s->env_runtime_count, e);
}

SETTER(set_environment_hooks)
{
	(void)key;
	return add_variable(s, value, &s->env_hooks, &s->env_hooks_count, e);
}

/* Ids with commas or blanks between. */
SETTER(set_init_groups)
{
	uint32_t *slot;

	(void)key;
	s->init_groups = NULL;
	s->init_group_count = 0;
	while (*(value += strspn(value, ", \t"))) {
		size_t len = strcspn(value, ", \t");
		char one[16];
		uint32_t gid;
		int r = value_copy(value, len, one, sizeof(one)) ? parse_u32(one, &gid) : -EINVAL;

		if (r == 0 && gid == UINT32_MAX)
			r = -ERANGE;
		if (r < 0)
			return value_bad(e, r, "a list of group ids");
		if (s->init_group_count == WORDS_MAX)
			return err_set(e, ERR_INPUT, E2BIG, "more than %d groups", WORDS_MAX);
		slot = arena_push(&s->arena, &s->init_groups, &s->init_group_count, sizeof(*slot));
		if (!slot)
			return value_oom(e);
		*slot = gid;
		value += len;
	}
	return 0;
}

SETTER(set_signal_halt)
{
	(void)key;
	return value_signal(value, &s->signal_halt, e);
}

SETTER(set_signal_reboot)
{
	(void)key;
	return value_signal(value, &s->signal_reboot, e);
}

SETTER(set_signal_stop)
{
	(void)key;
	return value_signal(value, &s->signal_stop, e);
}

SETTER(set_stop_timeout)
{
	(void)key;
	return value_duration_ms(value, SPEC_UNSET, &s->stop_timeout_ms, e);
}

SETTER(set_restart)
{
	static const char *const words[] = {"no", "on-failure", "always"};

	(void)key;
	_Static_assert(SPEC_RESTART_NO == 0 && SPEC_RESTART_ON_FAILURE == 1 && SPEC_RESTART_ALWAYS == 2, "words are in the enum's order");
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(*value ? value : "no", words[i]) == 0) {
			s->restart = (enum spec_restart)i;
			return 0;
		}
	}
	return value_unknown(e, "policy", value, words, ARRAY_LEN(words));
}

/* ---- terminals and log ---- */

SETTER(set_tty_max)
{
	int r = value_u32(value, 0, 1 << 20, SPEC_COUNT_UNSET, &s->tty_count, e);

	if (r == 0 && s->tty_count != SPEC_COUNT_UNSET && s->tty_count > SPEC_MAX_TTYS) {
		s->tty_count = SPEC_MAX_TTYS;
		spec_note(s, key, "%d are made, there are no more of them", SPEC_MAX_TTYS);
	}
	return r;
}

/* devpts(5): at most 1048576. 0 was LXC's word for "no devpts of its own", which every container has here. */
SETTER(set_pty_max)
{
	int r = value_u32(value, 0, 1 << 20, SPEC_COUNT_UNSET, &s->pty_max, e);

	if (r == 0 && s->pty_max == 0) {
		s->pty_max = SPEC_COUNT_UNSET;
		spec_note(s, key, "the container has pseudo terminals of its own, the usual number of them");
	}
	return r;
}

/* A directory below /dev, one name or several. */
SETTER(set_tty_dir)
{
	const char *dir = NULL;
	int r = *value ? value_path(&s->arena, value[strspn(value, "/")] ? value + strspn(value, "/") : "dev", false, &dir, e) : 0;

	(void)key;
	if (r < 0)
		return r;
	if (dir && strcmp(dir, "dev") == 0)
		dir += 3;
	if (dir && strncmp(dir, "dev/", 4) == 0)
		dir += 4;
	if (dir && (!*dir || strlen(dir) > 60 || strcmp(dir, "pts") == 0 || strncmp(dir, "pts/", 4) == 0 || strcmp(dir, "console") == 0))
		return err_set(e, ERR_INPUT, EINVAL, "not a directory of /dev that the terminals can have");
	s->tty_dir = dir;
	return 0;
}

SETTER(set_console_path)
{
	int r = 0;

	(void)key;
	s->console_none = strcmp(value, "none") == 0;
	if (s->console_none)
		s->console = NULL;
	else
		r = keep_path(s, value, &s->console, e);
	return r;
}

SETTER(set_console_logfile)
{
	const char *path;
	int r = keep_path(s, value, &path, e);

	(void)key;
	if (r == 0 && path && !path[1])
		r = err_set(e, ERR_INPUT, EISDIR, "no file");
	if (r == 0)
		s->log_path = path;
	return r;
}

/* LXC rounds a buffer below one page up to a page; "auto" is our default. */
static int set_buffer(struct spec *s, const char *key, const char *value, uint64_t max, uint64_t *ret, struct err *e)
{
	uint64_t size;
	int r = value_size(strcmp(value, "auto") == 0 ? "" : value, 0, INT64_MAX, SPEC_UNSET, &size, e);

	if (r < 0)
		return r;
	if (size > max && size != SPEC_UNSET) { /* LXC takes what memory and disk hold */
		spec_note(s, key, "%.40s is taken as %lluM, the most there is", value, (unsigned long long)(max >> 20));
		size = max;
	}
	*ret = size < PAGE_BYTES ? PAGE_BYTES : size;
	return 0;
}

SETTER(set_console_size)
{
	return set_buffer(s, key, value, LOG_SIZE_MAX, &s->log_size, e);
}

SETTER(set_console_buffer)
{
	return set_buffer(s, key, value, RING_SIZE_MAX, &s->ring_size, e);
}

SETTER(set_console_rotate)
{
	bool rotate;
	int r = value_bool(value, true, &rotate, e);

	if (r == 0 && !rotate)
		spec_note(s, key, "the log is always bounded by keeping one older file");
	return r;
}

SETTER(set_log_size)
{
	uint64_t size;
	int r = value_size(value, 0, LOG_SIZE_MAX, SPEC_UNSET, &size, e);

	(void)key;
	if (r == 0)
		s->log_size = size > 0 && size < PAGE_BYTES ? PAGE_BYTES : size;
	return r;
}

/* ---- start, groups, tags ---- */

SETTER(set_start_auto)
{
	(void)key;
	return value_bool(value, false, &s->autostart, e);
}

SETTER(set_start_delay)
{
	(void)key;
	return value_duration_ms(value, 0, &s->start_delay_ms, e);
}

SETTER(set_start_order)
{
	int64_t order = 0;
	int r = *value ? parse_i64(value, &order) : 0;

	(void)key;
	if (r == 0 && (order < INT32_MIN || order > INT32_MAX))
		r = -ERANGE;
	if (r < 0)
		return value_bad(e, r, "a whole number");
	s->start_order = (int32_t)order;
	return 0;
}

SETTER(set_ephemeral)
{
	(void)key;
	return value_bool(value, false, &s->ephemeral, e);
}

SETTER(set_ephemeral_size)
{
	(void)key;
	return value_size(value, 1 << 20, INT64_MAX, SPEC_UNSET, &s->ephemeral_size, e);
}

/* Adds the words of @value that are not in the list yet. */
static int add_words(struct spec *s, const char *value, const char ***list, size_t *count, struct err *e)
{
	const char *word;
	size_t len;

	if (!*value) {
		*list = NULL;
		*count = 0;
	}
	while ((word = value_word(&value, &len))) {
		char name[64];
		const char **slot;

		if (!value_copy(word, len, name, sizeof(name)) || !parse_is_name(name))
			return err_set(e, ERR_INPUT, EINVAL, "'%.*s' is not such a word", len < 64 ? (int)len : 64, word);
		if (value_one_of(name, *list, *count))
			continue;
		if (*count >= WORDS_MAX)
			return err_set(e, ERR_INPUT, E2BIG, "more than %d words", WORDS_MAX);
		slot = arena_push(&s->arena, list, count, sizeof(**list));
		if (!slot)
			return value_oom(e);
		*slot = arena_strdup(&s->arena, name);
		if (!*slot) {
			(*count)--;
			return value_oom(e);
		}
	}
	return 0;
}

SETTER(set_group)
{
	char *words = arena_strdup(&s->arena, value);

	(void)key;
	if (!words)
		return value_oom(e);
	for (char *at = words; *at; at++)
		if (*at == ',')
			*at = ' ';
	return add_words(s, words, &s->groups, &s->group_count, e);
}

SETTER(set_tag)
{
	(void)key;
	return add_words(s, value, &s->tags, &s->tag_count, e);
}

/* ---- what is read elsewhere, and where messages go ---- */

SETTER(set_include)
{
	const char *path;

	(void)key;
	return keep_path(s, value, &path, e); /* conf_apply() reads it */
}

SETTER(set_log_level)
{
	static const char *const words[] = {"trace", "debug", "info", "notice", "warn", "error", "crit", "alert", "fatal"};
	uint64_t n = 0;
	int r;

	(void)key;
	if (!*value) {
		s->tool_level = -1;
		return 0;
	}
	if (*value >= '0' && *value <= '9') {
		r = parse_u64(value, &n);
		if (r < 0 || n >= ARRAY_LEN(words))
			return value_bad(e, r < 0 ? r : -ERANGE, "a level");
		s->tool_level = (int)n;
		return 0;
	}
	r = log_level_parse(value);
	if (r < 0)
		return value_unknown(e, "level", value, words, ARRAY_LEN(words));
	s->tool_level = r;
	return 0;
}

SETTER(set_log_file)
{
	(void)key;
	if (!value_printable(value))
		return err_set(e, ERR_INPUT, EINVAL, "holds control characters");
	if (strlen(value) > LOG_PATH_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "longer than %d bytes", LOG_PATH_MAX);
	return keep_string(s, strcmp(value, "none") == 0 ? "" : value, &s->tool_log, e);
}

SETTER(set_log_syslog)
{
	(void)key;
	if (*value && !value_one_of(value, log_facilities, LOG_FACILITIES))
		return value_unknown(e, "facility", value, log_facilities, LOG_FACILITIES);
	s->tool_facility = -1;
	for (int i = 0; i < LOG_FACILITIES; i++)
		if (strcmp(value, log_facilities[i]) == 0)
			s->tool_facility = i;
	return 0;
}

SETTER(set_autodev)
{
	bool autodev;
	int r = value_bool(value, true, &autodev, e);

	(void)key;
	if (r == 0)
		s->dev_own = !autodev;
	return r;
}

SETTER(set_autodev_size)
{
	(void)key;
	return value_size(value, 0, INT64_MAX, 0, &s->dev_size, e);
}

SETTER(set_monitor_unshare)
{
	bool unshare;

	(void)s;
	(void)key;
	return value_bool(value, true, &unshare, e); /* the monitor always does; nothing to tell */
}
