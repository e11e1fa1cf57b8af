/* storage-hook.c - the hooks of copying and destroying. A config without such a line is not even understood: containers whose config is broken can still be copied and removed. */
#include "engine/lines.h"
#include "engine/storage.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

struct hooked {
	struct buf text;
	struct root root;
	struct spec spec;
	char tree[900]; /* where the root can be reached on the host, "" = nowhere */
};

/* 1 when there is a hook of @key; @h is filled then, and its spec to be ended. */
static int find_hook(struct coppice *c, const char *name, const char *key, struct hooked *h, struct err *e)
{
	autoclose int dir = state_dir(&c->state, name);
	char value[4096];
	int r = dir < 0 ? err_sys(e, dir, "open '%s/%s'", c->lxcpath, name) : storage_config(dir, &h->text, e);

	if (r < 0)
		return r;
	/* an include may have one */
	if (!strstr(buf_str(&h->text), key) && !lines_get(buf_str(&h->text), "lxc.include", NULL, value, sizeof(value)))
		return 0;
	r = engine_spec(c, name, NULL, &h->spec, e);
	if (r < 0)
		return r;
	root_parse(buf_str(&h->text), &h->root);
	if (h->root.kind == ROOT_DIR || h->root.kind == ROOT_BTRFS)
		(void)snprintf(h->tree, sizeof(h->tree), "%s", h->root.path);
	else if (h->root.kind == ROOT_BASE)
		(void)snprintf(h->tree, sizeof(h->tree), "%s/%s/private", c->lxcpath, name);
	return 1;
}

int storage_hook_clone(struct coppice *c, const char *source, const struct coppice_copy *o, struct err *e)
{
	struct hooked h = {.text = BUF_INIT};
	struct hook_more more = {.src_name = source, .args = o->hook_args, .rootfs_mount = h.tree};
	struct coppice_destroy undo = {.snapshots = true};
	struct err ignored = {0};
	int r = find_hook(c, o->name, "lxc.hook.clone", &h, e);

	if (r == 1) {
		if (!h.tree[0])
			more.rootfs_mount = NULL;
		r = engine_hook_run(c, &h.spec, "clone", &more, e);
		spec_done(&h.spec);
	}
	buf_done(&h.text);
	if (r < 0)
		(void)!engine_destroy_locked(c, o->name, &undo, false, &ignored);
	return r;
}

int storage_hook_destroy(struct coppice *c, const char *name, struct err *e)
{
	struct hooked h = {.text = BUF_INIT};
	struct hook_more more = {.rootfs_mount = h.tree};
	struct err ignored = {0};
	int r = find_hook(c, name, "lxc.hook.destroy", &h, &ignored);

	if (r == 1) {
		if (!h.tree[0])
			more.rootfs_mount = NULL;
		r = engine_hook_run(c, &h.spec, "destroy", &more, e);
		spec_done(&h.spec);
	} else if (r < 0 && strstr(buf_str(&h.text), "lxc.hook.destroy")) {
		*e = ignored; /* its hook is not known to have run */
	} else {
		r = 0;
	}
	buf_done(&h.text);
	return r < 0 ? r : 0;
}
