/* restore.c - a container brought back from what criu(8) saved (checkpoint.c): a start in whose last step criu takes the place of the program's exec. */
#include "engine/engine.h"

#include "apply/apply.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE_MAX ((size_t)1 << 20)

static int note_mount(struct arena *a, struct plan_restore *ret, const char *target)
{
	const char **at = target[0] == '/' ? arena_push(a, &ret->mounts, &ret->mount_count, sizeof(*at)) : NULL;

	if (at)
		*at = target;
	return at ? 0 : -EBADMSG;
}

/* "1 tty[8801:2f]" */
static int note_terminal(struct arena *a, struct plan_restore *ret, char *text)
{
	char *blank = strchr(text, ' ');
	struct plan_restore_tty *at = blank ? arena_push(a, &ret->ttys, &ret->tty_count, sizeof(*at)) : NULL;

	if (!at)
		return -EBADMSG;
	*blank = '\0';
	at->key = blank + 1;
	return parse_u32(text, &at->number);
}

static int read_note(int dir, struct arena *a, struct plan_restore *ret)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	autoclose int fd = fd_open(dir, CHECKPOINT_NOTE, O_RDONLY | O_NOFOLLOW, 0);
	int r = fd < 0 ? fd : fd_read_all(fd, &text, NOTE_MAX);
	char *copy = r < 0 ? NULL : arena_strdup(a, buf_str(&text)), *save = NULL, *line;

	if (r < 0)
		return r;
	line = copy ? strtok_r(copy, "\n", &save) : NULL;
	if (!line || strcmp(line, CHECKPOINT_NOTE_HEAD) != 0)
		return -EBADMSG;
	while (r == 0 && (line = strtok_r(NULL, "\n", &save))) {
		if (strncmp(line, "mount ", 6) == 0)
			r = note_mount(a, ret, line + 6);
		else if (strncmp(line, "terminal ", 9) == 0)
			r = note_terminal(a, ret, line + 9);
	}
	return r;
}

/* The monitor is in no directory of the caller's. */
static int absolute(struct arena *a, const char *path, const char **ret, struct err *e)
{
	char cwd[1024] = "";

	*ret = path;
	if (!path || path[0] == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "find the working directory");
	*ret = arena_printf(a, "%s/%s", cwd, path);
	return *ret ? 0 : err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
}

static int open_checkpoint(const struct coppice_checkpoint *o, struct arena *a, struct plan_restore *ret, struct err *e)
{
	autoclose int dir = fd_open(AT_FDCWD, o->dir, O_PATH | O_DIRECTORY, 0);
	int r;

	if (dir < 0 || faccessat(dir, "inventory.img", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, ERR_MISSING, ENOENT, "'%s' holds no checkpoint", o->dir);
	r = read_note(dir, a, ret);
	if (r == -ENOENT)
		return err_set(e, ERR_MISSING, ENOENT, "the checkpoint in '%s' was not made by us: it has no file '" CHECKPOINT_NOTE "', which says what of the container was not saved", o->dir);
	if (r < 0)
		return err_sys(e, r, "read '%s/" CHECKPOINT_NOTE "'", o->dir);
	(void)unlinkat(dir, APPLY_CRIU_LOG, 0); /* what an earlier try said is not the reason of this one */
	ret->verbose = o->verbose;
	r = absolute(a, o->dir, &ret->dir, e);
	return r < 0 ? r : absolute(a, o->action_script, &ret->action_script, e);
}

int coppice_restore(struct coppice *c, const char *name, const struct coppice_checkpoint *o, int *ret_status, struct err *e)
{
	autodone(arena_done) struct arena arena = ARENA_INIT;
	const struct coppice_launch launch = {.foreground = o->foreground};
	struct plan_restore restore = {0};
	char criu[64];
	struct live l;
	int r = engine_find(c, name, e);

	if (r == 0)
		r = engine_live(c, name, &l, e);
	if (r == 0 && l.alive)
		r = err_set(e, ERR_STATE, EALREADY, "it runs");
	if (r == 0)
		r = open_checkpoint(o, &arena, &restore, e);
	if (r == 0)
		r = checkpoint_criu(criu, e);
	if (r == 0) {
		restore.criu = criu;
		r = engine_launch(c, name, &launch, &restore, ret_status, e);
	}
	if (r < 0 && e->code == APPLY_CRIU_FAILED)
		r = checkpoint_failed(o->dir, APPLY_CRIU_LOG, 1, e);
	return r < 0 ? err_what(e, "cannot restore '%s' from '%s'", name, o->dir) : 0;
}
