/* pin.c - which base version a container stands on: one line "NAME@VERSION digest". */
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "state/dirs.h"
#include "state/diskerr.h"
#include "state/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static bool is_hex(const char *s)
{
	return *s && s[strspn(s, "0123456789abcdef")] == '\0';
}

static int format_pin(const char *name, const char *version, const char *digest, char line[256])
{
	if (!parse_is_name(name) || !is_hex(version) || !is_hex(digest) || strlen(version) >= 72 || strlen(digest) >= 72)
		return -EINVAL;
	return snprintf(line, 256, "%s@%s %s\n", name, version, digest);
}

int state_pin_write(int ct_dir, const char *name, const char *version, const char *digest)
{
	char line[256];
	int n = format_pin(name, version, digest, line);

	return n < 0 ? n : path_replace_file(ct_dir, "base", line, (size_t)n, 0600);
}

int state_pin_stage(int ct_dir, const char *name, const char *version, const char *digest)
{
	char line[256];
	int n = format_pin(name, version, digest, line);
	autoclose int fd = n < 0 ? n : fd_open(ct_dir, "base", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);

	return fd < 0 ? fd : fd_write_all(fd, line, (size_t)n);
}

int state_pin_parse(const char *line, char name[64], char version[72], char digest[72])
{
	const char *space = strchr(line, ' ');
	char ref[160], n[64], v[72];
	size_t len;

	if (!space || (size_t)(space - line) >= sizeof(ref) || !is_hex(space + 1) || strlen(space + 1) >= 72)
		return -EBADMSG;
	len = (size_t)(space - line);
	memcpy(ref, line, len);
	ref[len] = '\0';
	if (parse_base_ref(ref, n, v) < 0 || !is_hex(v))
		return -EBADMSG;
	memcpy(name, n, sizeof(n));
	memcpy(version, v, sizeof(v));
	memcpy(digest, space + 1, strlen(space + 1) + 1);
	return 0;
}

int state_pin_read(int ct_dir, char name[64], char version[72], char digest[72])
{
	char line[256];
	ssize_t n = fd_read_file(ct_dir, "base", line, sizeof(line));

	if (n < 0)
		return n == -EFBIG ? -EBADMSG : (int)n;
	if (strlen(line) != (size_t)n)
		return -EBADMSG;
	return state_pin_parse(line, name, version, digest);
}

/* Adds the pins of the directories in @root. Unreadable ones are skipped: a damaged pin holds nothing that could be named. */
static int collect(int root, bool trashed, struct arena *a, struct state_pin **pins, size_t *count)
{
	autoclosedir DIR *dir = fd_open_dir(root, ".", 0);
	const struct dirent *ent;

	if (!dir)
		return -errno;
	while ((ent = dirs_next(dir))) {
		struct state_pin pin = {.trashed = trashed}, *slot;
		autoclose int ct = FD_NONE;
		char digest[72];

		if (ent->d_name[0] == '.' || strlen(ent->d_name) >= sizeof(pin.container))
			continue;
		ct = fd_open(root, ent->d_name, O_PATH | O_DIRECTORY, 0);
		if (ct < 0 || state_pin_read(ct, pin.base, pin.version, digest) < 0)
			continue;
		memcpy(pin.container, ent->d_name, strlen(ent->d_name) + 1);
		slot = arena_push(a, pins, count, sizeof(**pins));
		if (!slot)
			return -ENOMEM;
		*slot = pin;
	}
	return -errno;
}

int state_pins(const struct state *st, struct arena *a, struct state_pin **ret, size_t *ret_count, struct err *e)
{
	autoclose int trash = dirs_open(st->lxc_dir, TRASH, false);
	autoclose int staging = dirs_open(st->lxc_dir, STAGING, false);
	struct state_pin *pins = NULL;
	size_t count = 0;
	int r = collect(st->lxc_dir, false, a, &pins, &count);

	if (r == 0 && staging >= 0)
		r = collect(staging, false, a, &pins, &count);
	if (r == 0 && trash >= 0)
		r = collect(trash, true, a, &pins, &count);
	if (r < 0)
		return disk_err(e, r, st->lxcpath, "read the pins in '%s'", st->lxcpath);
	*ret = pins;
	*ret_count = count;
	return 0;
}
