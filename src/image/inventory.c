/* inventory.c - see inventory.h. */
#include "image/inventory.h"

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Something worth one warning: how often, and the first places. */
struct finding {
	unsigned count;
	struct buf examples;
};

struct taker {
	struct job *j;
	const struct split *split;
	struct inventory *v;
	struct scan *scan;
	uint64_t expected;
	struct finding setid, links, across;
};

static void found(struct finding *f, const char *path)
{
	char safe[120];

	if (f->count++ >= 5)
		return;
	format_safe(path, safe, sizeof(safe));
	buf_printf(&f->examples, "%s%s", f->examples.len ? ", " : "", safe);
}

/* A link out of common to an absolute name in the private part works, but means something else in each container. */
static bool leads_into_private(const struct split *s, const char *target)
{
	static const char *const private_tops[] = {"etc", "var", "opt", "srv", "home", "root", "usr/local"};

	if (target[0] != '/')
		return false;
	target++;
	if (split_is_common(s, target))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(private_tops); i++) {
		size_t len = strlen(private_tops[i]);

		if (strncmp(target, private_tops[i], len) == 0 && (target[len] == '/' || !target[len]))
			return true;
	}
	return false;
}

static void look(struct taker *t, const struct manifest_entry *m, bool common)
{
	/* Once a file, however many names it has in common. */
	if (common && (m->type == 'f' || (m->type == 'h' && !split_is_common(t->split, m->first))) && (m->mode & 06000))
		found(&t->setid, m->path);
	if (common && m->type == 'l' && leads_into_private(t->split, m->data))
		found(&t->links, m->path);
	if (m->type == 'h' && split_part(t->split, m->first) != m->part)
		found(&t->across, m->path);
}

static int entry(void *data, struct manifest_entry *m, struct err *e)
{
	struct taker *t = data;
	struct inventory *v = t->v;
	bool common = split_is_common(t->split, m->path);
	uint64_t bytes = m->type == 'f' ? m->size : 0;

	m->part = split_part(t->split, m->path);
	manifest_write(&v->manifest, m);
	if (buf_failed(&v->manifest))
		return err_set(e, ERR_SYSTEM, ENOMEM, "manifest: out of memory");
	v->total_files++;
	v->total_bytes += bytes;
	if (common) {
		v->common_files++;
		v->common_bytes += bytes;
	}
	if (m->part == 'b') {
		v->skel_files++;
		v->skel_bytes += m->type == 'h' && split_part(t->split, m->first) == 'b' ? 0 : m->size;
	}
	look(t, m, common);
	return 0;
}

static int tick(void *data, struct err *e)
{
	struct taker *t = data;
	char size[16];

	format_size(t->scan->bytes, size);
	return job_progress(t->j, e, "hash", -1, "%llu files, %s", (unsigned long long)t->scan->files, size);
}

static bool has_init(int tree)
{
	autoclose int fd = path_open_in(tree, "sbin/init", O_PATH, 0);

	return fd >= 0;
}

static void warn(struct taker *t)
{
	struct inventory *v = t->v;
	char size[16];

	if (t->setid.count)
		job_warn(t->j, "%u set-id programs in the shared part: %s%s", t->setid.count, buf_str(&t->setid.examples),
			 t->setid.count > 5 ? ", ..." : "");
	if (t->links.count)
		job_warn(t->j,
			 "%u absolute links lead from the shared into the private part, where each container has its own target: %s%s",
			 t->links.count, buf_str(&t->links.examples), t->links.count > 5 ? ", ..." : "");
	if (t->across.count)
		job_warn(t->j, "%u hard links between the shared and the private part become separate files: %s%s", t->across.count,
			 buf_str(&t->across.examples), t->across.count > 5 ? ", ..." : "");
	if (v->no_init)
		job_warn(t->j, "no /sbin/init: a container on it runs the program that is named behind --; a package such as systemd-sysv makes it a system that boots");
	if (v->skel_files > 3000 || v->skel_bytes > (64u << 20)) {
		format_size(v->skel_bytes, size);
		job_warn(t->j, "the private part is large, and each container in bind mode gets a copy: %llu entries, %s",
			 (unsigned long long)v->skel_files, size);
	}
}

int inventory_take(struct job *j, const struct split *s, struct inventory *ret, struct err *e)
{
	struct taker t = {.j = j, .split = s, .v = ret};
	autodone(scan_done) struct scan scan = SCAN_INIT(entry, tick, &t);
	int r;

	t.scan = &scan;
	buf_puts(&ret->manifest, MANIFEST_HEAD);
	r = scan_tree(&scan, j->tree, e);
	if (r == 0) {
		ret->newest = scan.newest;
		r = sha_init(&scan.sha) ?: sha_add(&scan.sha, ret->manifest.data, ret->manifest.len) ?: sha_hex(&scan.sha, ret->digest);
		if (r < 0)
			r = err_sys(e, r, "hash the manifest");
	}
	if (r == 0) {
		(void)snprintf(ret->version, sizeof(ret->version), "%.16s", ret->digest);
		ret->no_init = !has_init(j->tree);
		warn(&t);
	}
	buf_done(&t.setid.examples);
	buf_done(&t.links.examples);
	buf_done(&t.across.examples);
	return r;
}

void inventory_done(struct inventory *v)
{
	buf_done(&v->manifest);
}
