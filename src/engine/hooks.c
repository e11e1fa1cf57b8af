/* hooks.c - hooks of the commands that make and delete containers, and where hooks of a start find the container's tree. */
#include "engine/engine.h"

#include "apply/apply.h"
#include "apply/hook.h"
#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PLAN_MAX ((size_t)8 << 20)

/* How many bytes of @path name the first directory on the way that not everybody may enter; all of them and one more when there is none such, 0 when the way does not lead to a
 * directory. */
static size_t closed_at(const char *path)
{
	char part[1024];
	size_t len = strlen(path);
	struct stat st;

	if (*path != '/' || len >= sizeof(part))
		return 0;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (stat(part, &st) < 0 || !S_ISDIR(st.st_mode)) /* rule: plain-paths: the host administrator's own directories */
			return 0;
		if (!(st.st_mode & S_IXOTH))
			return i;
	}
	return len + 1;
}

int engine_hook_mount(struct coppice *c, const struct spec *s, struct arena *a, const char **ret_mount, const char **ret_cover, struct err *e)
{
	const char *mount, *cover = c->rundir;
	size_t closed;

	if (s->hook_count == 0)
		return 0;
	if (s->rootfs_mount && closed_at(s->rootfs_mount) > strlen(s->rootfs_mount)) {
		*ret_mount = s->rootfs_mount;
		return 0;
	}
	/* a run-time directory behind a closed one: that one then, what lies beneath is out of the container root's reach anyway */
	closed = closed_at(c->rundir);
	if (closed && closed < strlen(c->rundir) && !c->facts.user_mode)
		cover = arena_strndup(a, c->rundir, closed);
	mount = cover ? arena_printf(a, "%s/rootfs", cover) : NULL;
	if (!mount)
		return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	*ret_mount = mount;
	*ret_cover = cover;
	return 0;
}

void engine_undo_hooks(struct coppice *c, const char *name)
{
	autoclose int dir = state_run_dir(&c->state, name, false);
	autoclose int fd = dir < 0 ? FD_NONE : fd_open(dir, RECORD_PLAN, O_RDONLY | O_NOFOLLOW, 0);
	autodone(buf_done) struct buf wire = BUF_INIT, notes = BUF_INIT;
	const size_t head = sizeof(struct facts); /* as engine_spawn_monitor packs them */
	struct plan plan = {0};
	struct err ignored = {0};

	if (fd < 0 || fd_read_all(fd, &wire, PLAN_MAX) < 0 || wire.len < head || plan_decode(wire.data + head, wire.len - head, &plan, &ignored) < 0)
		return;
	apply_post_stop(&plan, &notes);
	engine_note_lines(c, &notes);
	plan_done(&plan);
}

static const char *pair(struct arena *a, const char *name, const char *value)
{
	return value ? arena_printf(a, "%s=%s", name, value) : "LXC_HOOK_SECTION=lxc"; /* not told: what is said anyway */
}

static int run_all(struct coppice *c, const struct spec *s, const char *kind, const struct hook_more *m, struct arena *a, struct err *e)
{
	enum spec_hook_kind k = spec_hook_parse(kind);
	const char *root = m->rootfs_path ? m->rootfs_path : s->rootfs ? s->rootfs : arena_printf(a, "%s/%s/private", c->lxcpath, s->name);
	const char *env[] = {pair(a, "LXC_NAME", s->name),
			     arena_printf(a, "LXC_CONFIG_FILE=%s/%s/config", c->lxcpath, s->name),
			     pair(a, "LXC_ROOTFS_PATH", root ? root : ""),
			     pair(a, "LXC_ROOTFS_MOUNT", m->rootfs_mount ? m->rootfs_mount : root ? root : ""),
			     pair(a, "LXC_SRC_NAME", m->src_name),
			     pair(a, "LXC_HOOK_TYPE", kind),
			     arena_printf(a, "LXC_HOOK_VERSION=%u", s->hook_version),
			     "LXC_HOOK_SECTION=lxc",
			     arena_printf(a, "LXC_LOG_LEVEL=%s", log_level_name(c->log && c->log->level < LOG_LEVEL_OFF ? c->log->level : LOG_LEVEL_ERROR)),
			     "LXC_CGNS_AWARE=1",
			     NULL};
	int r = 0;

	for (size_t i = 0; i + 1 < ARRAY_LEN(env); i++)
		if (!env[i])
			return err_set(e, ERR_SYSTEM, ENOMEM, "out of memory");
	for (size_t i = 0; i < s->hook_count && r == 0; i++) {
		const struct hook h = {.kind = kind, .command = s->hooks[i].command, .where = s->hooks[i].where, .name = s->name,
				       .by_environment = s->hook_version == 1, .env = env, .more = m->args, .deadline = clock_deadline(PLAN_HOOK_MS), .log = c->log};

		if (s->hooks[i].kind != k)
			continue;
		engine_trace(c, "run the %s hook '%s'", kind, h.command);
		r = hook_run(&h, e);
	}
	return r;
}

int engine_hook_run(struct coppice *c, const struct spec *s, const char *kind, const struct hook_more *more, struct err *e)
{
	static const struct hook_more nothing;
	autodone(arena_done) struct arena arena = ARENA_INIT;

	if (!spec_has_hook(s, spec_hook_parse(kind)))
		return 0;
	return run_all(c, s, kind, more ? more : &nothing, &arena, e);
}
