/* range.c - every container's ids are its own.
 *
 * ROOT/ranges holds "FIRST COUNT OWNER" lines and is replaced by rename under a lock; readers need none. Ids of a range never appear on
 * disk (trees are idmapped) and nobody uses them after a reboot, so what a power cut may take costs nothing: a container without a line
 * is given one at its next start. Hence no fsync. A container that lives with the ids of another has a line "FIRST COUNT OWNER=": they are nobody else's before both are gone. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/diskerr.h"
#include "store/range.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)4 << 20)
#define OWNER_MAX 512
#define SHARES '=' /* behind the owner: the range is another's; no container's name ends with it (parse_is_container) */

void range_mark(struct range_map *m, uint64_t first, uint64_t count)
{
	const uint64_t base = RANGE_FIRST, size = STORE_RANGE_SIZE;
	uint64_t end, slot;

	if (count == 0)
		return;
	if (__builtin_add_overflow(first, count, &end))
		end = UINT64_MAX;
	if (end <= base || first >= base + size * RANGE_SLOTS)
		return;
	slot = first <= base ? 0 : (first - base) / size;
	for (; slot < RANGE_SLOTS && base + slot * size < end; slot++)
		m->used[slot / 64] |= (uint64_t)1 << (slot % 64);
}

/* A number that ends at @stop; false when there is none. @s moves behind the stop. */
static bool read_number(const char **s, char stop, uint64_t *ret)
{
	char digits[24];
	size_t len = 0;

	while ((*s)[len] >= '0' && (*s)[len] <= '9')
		len++;
	if (len == 0 || len >= sizeof(digits) || (*s)[len] != stop)
		return false;
	memcpy(digits, *s, len);
	digits[len] = '\0';
	*s += len + (stop != '\0');
	return parse_u64(digits, ret) == 0;
}

static const char *next_line(const char *s)
{
	s = strchrnul(s, '\n');
	return *s ? s + 1 : s;
}

/* One line of the ranges file: where its owner begins, NULL when it is none. */
static const char *read_range(const char *line, uint64_t *ret_first, uint64_t *ret_count, size_t *ret_owner_len)
{
	if (!read_number(&line, ' ', ret_first) || !read_number(&line, ' ', ret_count) || *ret_first > UINT32_MAX)
		return NULL;
	*ret_owner_len = (size_t)(strchrnul(line, '\n') - line);
	return *ret_owner_len ? line : NULL;
}

bool range_scan(struct range_map *m, const char *text, const char *owner, uint32_t *ret_first)
{
	bool found = false;

	for (; *text; text = next_line(text)) {
		uint64_t first, count;
		size_t len;
		const char *who = read_range(text, &first, &count, &len);

		if (!who)
			continue;
		range_mark(m, first, count);
		if (!found && owner && strlen(owner) == len && memcmp(who, owner, len) == 0) {
			*ret_first = (uint32_t)first;
			found = true;
		}
	}
	return found;
}

void range_scan_sub(struct range_map *m, const char *text)
{
	for (; *text; text = next_line(text)) {
		const char *p = text + strcspn(text, ":\n");
		uint64_t first, count;

		if (*p != ':')
			continue;
		p++;
		if (!read_number(&p, ':', &first))
			continue;
		if (read_number(&p, '\n', &count) || read_number(&p, '\0', &count))
			range_mark(m, first, count);
	}
}

void range_scan_ids(struct range_map *m, const char *text)
{
	for (; *text; text = next_line(text)) {
		const char *p = text;
		uint64_t id;

		for (int field = 0; field < 2 && *p != '\n'; field++) {
			p += strcspn(p, ":\n");
			if (*p != ':')
				break;
			p++;
		}
		if (p > text && p[-1] == ':' && read_number(&p, ':', &id))
			range_mark(m, id, 1);
	}
}

bool range_pick(const struct range_map *m, const char *owner, uint32_t *ret_first)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = owner; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	h ^= h >> 29;
	for (uint32_t i = 0; i < RANGE_SLOTS; i++) {
		uint32_t slot = (uint32_t)(h + i) % RANGE_SLOTS;

		if (m->used[slot / 64] & ((uint64_t)1 << (slot % 64)))
			continue;
		*ret_first = RANGE_FIRST + slot * STORE_RANGE_SIZE;
		return true;
	}
	return false;
}

/* A missing file is empty. */
static int read_text(int dir, const char *name, struct buf *out)
{
	autoclose int fd = fd_open(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd == -ENOENT)
		return 0;
	return fd < 0 ? fd : fd_read_all(fd, out, FILE_MAX);
}

static int read_ranges(const struct store *s, struct buf *out, struct err *e)
{
	int r = read_text(s->dir, "ranges", out);

	return r < 0 ? disk_err(e, r, s->root, "read '%s/ranges'", s->root) : 0;
}

static bool owner_is_sane(const char *owner)
{
	return *owner && strlen(owner) < OWNER_MAX && !strpbrk(owner, "\n\r");
}

int store_range_find(const struct store *s, const char *owner, uint32_t *ret_first)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	struct range_map ignored = {{0}};
	int r = read_text(s->dir, "ranges", &text);

	if (r < 0)
		return r;
	return range_scan(&ignored, buf_str(&text), owner, ret_first) ? 0 : -ENOENT;
}

/* Marks what the host itself has given out. A file that cannot be read must not make its ids look free. */
static int mark_host(struct range_map *m, struct err *e)
{
	static const struct {
		const char *path;
		void (*scan)(struct range_map *m, const char *text);
	} files[] = {
		{"/etc/subuid", range_scan_sub},
		{"/etc/subgid", range_scan_sub},
		{"/etc/passwd", range_scan_ids},
		{"/etc/group", range_scan_ids},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autodone(buf_done) struct buf text = BUF_INIT;
		int r = read_text(AT_FDCWD, files[i].path, &text);

		if (r < 0)
			return err_sys(e, r, "read '%s'", files[i].path);
		files[i].scan(m, buf_str(&text));
	}
	return 0;
}

static int write_ranges(const struct store *s, const struct buf *text, struct err *e)
{
	int r = buf_failed(text) ? -ENOMEM : path_swap_file(s->dir, "ranges", buf_str(text), text->len, 0600);

	return r < 0 ? disk_err(e, r, s->root, "write '%s/ranges'", s->root) : 0;
}

/* 1: the range of @owner stands in the file, whose content is in @text; 0: one that is free. */
static int find_or_pick(const struct store *s, const char *owner, struct buf *text, uint32_t *ret_first, struct err *e)
{
	struct range_map used = {{0}};
	int r = read_ranges(s, text, e);

	if (r < 0)
		return r;
	if (range_scan(&used, buf_str(text), owner, ret_first))
		return 1;
	r = mark_host(&used, e);
	if (r < 0)
		return r;
	if (range_pick(&used, owner, ret_first))
		return 0;
	(void)err_set(e, ERR_SYSTEM, ENOSPC, "all %u id ranges are taken", RANGE_SLOTS);
	return err_hint(e, "coppice gc");
}

int store_range_look(const struct store *s, const char *owner, uint32_t *ret_first, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = find_or_pick(s, owner, &text, ret_first, e);

	return r < 0 ? r : 0;
}

int store_range_take(const struct store *s, const char *owner, uint32_t *ret_first, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int lock = FD_NONE;
	uint32_t first;
	int r;

	if (!owner_is_sane(owner))
		return err_set(e, ERR_INTERNAL, EINVAL, "'%s' cannot own an id range", owner);
	if (store_range_find(s, owner, ret_first) == 0)
		return 0;
	lock = store_lock(s, "ranges", true, clock_deadline(10000), e);
	if (lock < 0)
		return lock;
	r = find_or_pick(s, owner, &text, &first, e);
	if (r < 0)
		return r;
	if (r == 1) { /* another command of the same container was faster */
		*ret_first = first;
		return 0;
	}
	if (text.len && text.data[text.len - 1] != '\n')
		buf_putc(&text, '\n');
	buf_printf(&text, "%u %u %s\n", first, STORE_RANGE_SIZE, owner);
	r = write_ranges(s, &text, e);
	if (r == 0)
		*ret_first = first;
	return r;
}

/* Copies all lines but those whose owner @drop says yes to; returns how many went. */
static unsigned filter(const char *text, bool (*drop)(const char *owner, size_t len, void *data), void *data, struct buf *out)
{
	unsigned dropped = 0;

	for (; *text; text = next_line(text)) {
		uint64_t first, count;
		size_t len;
		const char *who = read_range(text, &first, &count, &len);

		if (who && drop(who, len, data)) {
			dropped++;
			continue;
		}
		buf_add(out, text, (size_t)(strchrnul(text, '\n') - text));
		buf_putc(out, '\n');
	}
	return dropped;
}

static int rewrite(const struct store *s, bool (*drop)(const char *owner, size_t len, void *data), void *data, bool dry_run,
		   unsigned *ret_dropped, struct err *e)
{
	autoclose int lock = store_lock(s, "ranges", true, clock_deadline(10000), e);
	autodone(buf_done) struct buf old = BUF_INIT;
	autodone(buf_done) struct buf kept = BUF_INIT;
	int r;

	if (lock < 0)
		return lock;
	r = read_ranges(s, &old, e);
	if (r < 0)
		return r;
	*ret_dropped = filter(buf_str(&old), drop, data, &kept);
	return *ret_dropped && !dry_run ? write_ranges(s, &kept, e) : 0;
}

/* Of the container itself, without the sign of a range that is another's. */
static size_t bare(const char *owner, size_t len)
{
	return len && owner[len - 1] == SHARES ? len - 1 : len;
}

static bool is_owner(const char *owner, size_t len, void *data)
{
	return strlen(data) == bare(owner, len) && memcmp(owner, data, bare(owner, len)) == 0;
}

static bool is_line_of(const char *owner, size_t len, void *data)
{
	return strlen(data) == len && memcmp(owner, data, len) == 0;
}

int store_range_release(const struct store *s, const char *owner, struct err *e)
{
	char shared[OWNER_MAX + 2];
	unsigned dropped;
	uint32_t first;

	(void)snprintf(shared, sizeof(shared), "%.*s%c", OWNER_MAX, owner, SHARES);
	if (store_range_find(s, owner, &first) == -ENOENT && store_range_find(s, shared, &first) == -ENOENT)
		return 0;
	return rewrite(s, is_owner, (void *)(uintptr_t)owner, false, &dropped, e);
}

int store_range_share(const struct store *s, const char *owner, uint32_t first, struct err *e)
{
	autodone(buf_done) struct buf old = BUF_INIT;
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int lock = FD_NONE;
	char shared[OWNER_MAX + 2];
	uint32_t have;
	int r;

	if (!owner_is_sane(owner))
		return err_set(e, ERR_INTERNAL, EINVAL, "'%s' cannot share an id range", owner);
	(void)snprintf(shared, sizeof(shared), "%s%c", owner, SHARES);
	if (first < RANGE_FIRST || (first - RANGE_FIRST) / STORE_RANGE_SIZE >= RANGE_SLOTS || (store_range_find(s, shared, &have) == 0 && have == first))
		return 0;
	lock = store_lock(s, "ranges", true, clock_deadline(10000), e);
	if (lock < 0)
		return lock;
	r = read_ranges(s, &old, e);
	if (r < 0)
		return r;
	(void)filter(buf_str(&old), is_line_of, shared, &text);
	buf_printf(&text, "%u %u %s\n", first, STORE_RANGE_SIZE, shared);
	return write_ranges(s, &text, e);
}

struct orphans {
	const char *const *live;
	size_t live_count;
};

/* True when the container behind "LXCPATH/NAME" is nowhere any more: not running, not there, not being made. What cannot be looked at is
 * taken to exist. */
static bool is_orphan(const char *owner, size_t len, void *data)
{
	const struct orphans *o = data;
	char path[OWNER_MAX + 16], *name;

	len = bare(owner, len);
	for (size_t i = 0; i < o->live_count; i++)
		if (strlen(o->live[i]) == len && memcmp(o->live[i], owner, len) == 0)
			return false;
	if (len >= OWNER_MAX || owner[0] != '/')
		return false;
	memcpy(path, owner, len);
	path[len] = '\0';
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return false;
	name = strrchr(path, '/') + 1;
	memmove(name + strlen(".staging/"), name, strlen(name) + 1);
	memcpy(name, ".staging/", strlen(".staging/"));
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

int store_range_sweep(const struct store *s, const char *const *live, size_t live_count, bool dry_run, unsigned *ret_count, struct err *e)
{
	struct orphans o = {.live = live, .live_count = live_count};

	return rewrite(s, is_orphan, &o, dry_run, ret_count, e);
}
