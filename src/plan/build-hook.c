/* build-hook.c - the programs of the administrator's that run at points of the container's life.
 *
 * What LXC tells them in their environment is known while planning, except process and namespaces. */
#include "plan/build-impl.h"

#include <string.h>

static void add_pair(struct builder *b, const char *name, const char *value)
{
	const char *pair = value ? arena_printf(&b->p->arena, "%s=%s", name, value) : "";

	if (!pair)
		b->oom = true;
	else if (*pair)
		build_add(b, STEP_HOOK_ENV, pair, NULL, NULL, 0, 0, 0);
}

static void add_variable(struct builder *b, const struct spec_pair *p)
{
	add_pair(b, p->name, p->value ? p->value : build_inherited(b, p->name));
}

static bool is_for_hooks(const struct spec *s, const char *name)
{
	for (size_t i = 0; i < s->env_hooks_count; i++)
		if (strcmp(s->env_hooks[i].name, name) == 0)
			return true;
	return false;
}

/* As lxc.rootfs.path said it, without the word for its kind; NULL for the host's own. */
static const char *root_of(struct builder *b)
{
	const struct spec *s = b->s;
	char *path = arena_strdup(&b->p->arena, "");

	if (s->mode == SPEC_HOST)
		return NULL;
	if (!s->rootfs)
		return arena_printf(&b->p->arena, "%s/%s/%s", b->c->lxcpath, s->name, s->mode == SPEC_OVERLAY ? "upper" : "private");
	for (size_t i = 0; i < s->lower_count && path; i++)
		path = arena_printf(&b->p->arena, "%s%s:", path, s->lowers[i]);
	return path ? arena_printf(&b->p->arena, "%s%s", path, s->rootfs) : NULL;
}

static void add_environment(struct builder *b)
{
	const struct spec *s = b->s;
	const char *config = arena_printf(&b->p->arena, "%s/%s/config", b->c->lxcpath, s->name);

	add_pair(b, "LXC_NAME", s->name);
	add_pair(b, "LXC_CONFIG_FILE", b->c->config_file ? b->c->config_file : config);
	add_pair(b, "LXC_ROOTFS_PATH", root_of(b));
	add_pair(b, "LXC_ROOTFS_MOUNT", b->c->rootfs_mount);
	add_pair(b, "LXC_CONSOLE", s->console);
	add_pair(b, "LXC_CONSOLE_LOGPATH", s->log_path);
	add_pair(b, "LXC_CGNS_AWARE", "1"); /* lxcfs: its view of cgroups is not wanted */
	add_pair(b, "LXC_LOG_LEVEL", b->c->log_level_name ? b->c->log_level_name : "ERROR");
	add_pair(b, "LXC_HOOK_VERSION", s->hook_version ? "1" : "0");
	add_pair(b, "LXC_HOOK_SECTION", "lxc");
	for (size_t i = 0; i < s->env_hooks_count; i++)
		add_variable(b, &s->env_hooks[i]);
	for (size_t i = 0; i < s->env_count; i++)
		if (!is_for_hooks(s, s->env[i].name))
			add_variable(b, &s->env[i]);
}

static bool is_for_starts(const struct spec_hook *h)
{
	return h->kind != SPEC_HOOK_CLONE && h->kind != SPEC_HOOK_DESTROY;
}

void build_hook_data(struct builder *b)
{
	const struct spec *s = b->s;
	bool any = false;

	for (size_t i = 0; i < s->hook_count; i++) {
		const struct spec_hook *h = &s->hooks[i];

		if (!is_for_starts(h))
			continue;
		any = true;
		build_add(b, STEP_HOOK, spec_hook_name(h->kind), h->command, h->where, s->hook_version, 0, 0);
	}
	if (any)
		add_environment(b);
}

void build_hooks(struct builder *b, enum spec_hook_kind kind)
{
	const char *name = spec_hook_name(kind);
	bool sees_tree = kind == SPEC_HOOK_MOUNT || kind == SPEC_HOOK_AUTODEV;

	/* no tree is prepared where the mounts are another's */
	if ((sees_tree || kind == SPEC_HOOK_PRE_MOUNT) && !build_is_own(b->s, SPEC_NS_MNT))
		return;
	/* without a /dev of ours there is nothing to lay out, and the container's own is no place for the host's root */
	if (!spec_has_hook(b->s, kind) || (kind == SPEC_HOOK_AUTODEV && b->s->dev_own))
		return;
	if (kind == SPEC_HOOK_PRE_MOUNT)
		build_add(b, STEP_MOUNTS, NULL, NULL, NULL, 0, 0, 0);
	if (kind == SPEC_HOOK_START)
		build_add(b, STEP_HOOKS_INSIDE, NULL, NULL, NULL, 0, 0, 0);
	else if (sees_tree || kind == SPEC_HOOK_START_HOST)
		build_add(b, STEP_HOOKS_ASK, name, sees_tree ? b->c->rootfs_mount : NULL, sees_tree ? b->c->rootfs_cover : NULL, 0, 0, 0);
	else
		build_add(b, STEP_HOOKS, name, NULL, NULL, 0, 0, 0);
}
