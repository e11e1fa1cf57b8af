/* verify.c - the walk of scan.c against the lines of the manifest; see verify.h.
 *
 * First the manifest itself: its digest is the version. Then the image as a file, then the mounted image (or tree/), then skel, entry by
 * entry. Both sides come in the same order, so one pass finds what is missing, what is new and what differs. */
#include "image/verify.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/job.h"
#include "image/manifest.h"
#include "image/meta.h"
#include "image/owner.h"
#include "image/scan.h"
#include "image/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST_MAX (1u << 30)
#define SHOWN 8u

struct verify {
	struct report report;
	struct meta meta;
	int dir;             /* bases/NAME/VERSION */
	struct buf manifest; /* as on disk */
	struct buf scratch;  /* a copy the reader may cut up */
	struct manifest_reader reader;
	struct manifest_entry want; /* the next line not yet met */
	bool has_want, skel;
	uint64_t files, bytes, total;
	unsigned differences;
	struct arena strings;
	struct owner_query shown[SHOWN]; /* path, and what is wrong with it */
};

static void verify_done(struct verify *v)
{
	fd_close(&v->dir);
	buf_done(&v->manifest);
	buf_done(&v->scratch);
	arena_done(&v->strings);
}

static void differ(struct verify *v, const char *path, const char *what)
{
	if (v->differences++ >= SHOWN)
		return;
	v->shown[v->differences - 1] =
		(struct owner_query){.path = arena_printf(&v->strings, "%s%s", v->skel ? "skel/" : "", path), .what = what};
}

/* ---- comparing ---- */

/* Moves to the next line that is about the tree being walked. */
static int next_want(struct verify *v, struct err *e)
{
	int r;

	do
		r = manifest_next(&v->reader, &v->want, e);
	while (r > 0 && v->skel && v->want.part != 'b');
	v->has_want = r > 0;
	return r < 0 ? r : 0;
}

static const char *difference(const struct verify *v, const struct manifest_entry *m)
{
	const struct manifest_entry *w = &v->want;
	/* A file with several names may have fewer in skel, so only its kind counts there. */
	char mine = v->skel && m->type == 'h' ? 'f' : m->type, sealed = v->skel && w->type == 'h' ? 'f' : w->type;

	if (mine != sealed)
		return mine == 'h' || sealed == 'h' ? "hard links differ" : "kind differs";
	if (m->size != w->size || strcmp(m->data, w->data) != 0)
		return m->type == 'l' ? "target differs" : "content differs";
	if (m->mode != w->mode)
		return "mode differs";
	if (m->uid != w->uid || m->gid != w->gid)
		return "owner differs";
	if (strcmp(m->xattrs, w->xattrs) != 0)
		return "extended attributes differ";
	return !v->skel && strcmp(m->first, w->first) != 0 ? "hard links differ" : NULL;
}

/* The root sorts before everything. */
static int order(const char *a, const char *b)
{
	bool root_a = strcmp(a, ".") == 0, root_b = strcmp(b, ".") == 0;

	return root_a || root_b ? root_b - root_a : manifest_path_compare(a, b);
}

static int entry(void *data, struct manifest_entry *m, struct err *e)
{
	struct verify *v = data;
	const char *what;
	int r = 0;

	v->files++;
	while (r == 0 && v->has_want && order(v->want.path, m->path) < 0) {
		differ(v, v->want.path, "is missing");
		r = next_want(v, e);
	}
	if (r < 0)
		return r;
	if (!v->has_want || order(v->want.path, m->path) > 0) {
		differ(v, m->path, "was not sealed");
		return 0;
	}
	what = difference(v, m);
	if (what)
		differ(v, m->path, what);
	return next_want(v, e);
}

static int tick(void *data, struct err *e)
{
	struct verify *v = data;
	int r = report_progress(&v->report, v->skel ? "verify skel" : "verify", v->total ? (int)(v->files * 100 / v->total) : -1,
				"%llu files", (unsigned long long)v->files);

	return r < 0 ? err_sys(e, r, "tell progress") : 0;
}

static int walk(struct verify *v, int root, bool skel, struct err *e)
{
	autodone(scan_done) struct scan s = SCAN_INIT(entry, tick, v);
	int r;

	v->skel = skel;
	buf_clear(&v->scratch);
	buf_add(&v->scratch, v->manifest.data, v->manifest.len);
	if (buf_failed(&v->scratch))
		return err_set(e, ERR_SYSTEM, ENOMEM, "manifest: out of memory");
	r = manifest_open(&v->reader, v->scratch.data, v->scratch.len, e);
	if (r == 0)
		r = next_want(v, e);
	if (r == 0)
		r = scan_tree(&s, root, e);
	while (r == 0 && v->has_want) {
		differ(v, v->want.path, "is missing");
		r = next_want(v, e);
	}
	v->bytes += s.bytes;
	return r;
}

/* ---- the parts ---- */

static int open_version(struct verify *v, const char *store, const char *ref, struct err *e)
{
	autoclose int root = FD_NONE;
	char name[64], version[72], path[160], link[80];
	int r = parse_base_ref(ref, name, version);
	ssize_t n;

	if (r < 0)
		return err_set(e, ERR_INPUT, EINVAL, "'%.100s' is not NAME or NAME@VERSION", ref);
	r = job_open_store(store, false, &root, e);
	if (r < 0)
		return r;
	if (!version[0]) {
		(void)snprintf(path, sizeof(path), "bases/%s/current", name);
		n = readlinkat(root, path, link, sizeof(link) - 1);
		if (n < 0)
			return err_set(e, ERR_MISSING, ENOENT, "there is no base '%s'", name);
		link[n] = '\0';
		(void)snprintf(version, sizeof(version), "%.71s", link);
	}
	(void)snprintf(path, sizeof(path), "bases/%s/%s", name, version);
	v->dir = path_open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0);
	if (v->dir == -ENOENT)
		return err_set(e, ERR_MISSING, ENOENT, "there is no base '%s@%s'", name, version);
	if (v->dir < 0)
		return err_sys(e, v->dir, "open base '%s@%s'", name, version);
	r = meta_read(v->dir, &v->meta, e);
	if (r < 0)
		return r;
	if (strcmp(v->meta.version, version) != 0 || strcmp(v->meta.name, name) != 0)
		return err_set(e, ERR_DAMAGED, EUCLEAN, "meta of '%s@%s' speaks of '%s@%s'", name, version, v->meta.name, v->meta.version);
	return 0;
}

static int check_manifest(struct verify *v, struct err *e)
{
	autodone(sha_done) struct sha h = SHA_INIT;
	autoclose int fd = path_open_beneath(v->dir, "manifest", O_RDONLY, 0);
	char hex[65];
	int r = fd < 0 ? fd : fd_read_all(fd, &v->manifest, MANIFEST_MAX);

	if (r == 0)
		r = sha_init(&h) ?: sha_add(&h, v->manifest.data, v->manifest.len) ?: sha_hex(&h, hex);
	if (r == -ENOENT)
		return err_set(e, ERR_DAMAGED, EUCLEAN, "manifest is missing");
	if (r < 0)
		return err_sys(e, r, "read manifest");
	if (strcmp(hex, v->meta.digest) != 0)
		return err_set(e, ERR_DAMAGED, EUCLEAN, "manifest differs from the sealed one (sha256 %.16s..., not %.16s...)", hex,
			       v->meta.digest);
	for (size_t i = 0; i < v->manifest.len; i++)
		v->total += v->manifest.data[i] == '\n';
	return 0;
}

/* The file as a whole: also what the manifest does not list (times, layout). Damage ends in the list, so that the walk can still name
 * paths. */
static int check_image_file(struct verify *v, struct err *e)
{
	autoclose int fd = FD_NONE;
	char hex[65];
	int r;

	if (strcmp(v->meta.seal, "erofs") != 0)
		return 0;
	fd = path_open_beneath(v->dir, "image.erofs", O_RDONLY, 0);
	if (fd == -ENOENT)
		return err_set(e, ERR_DAMAGED, EUCLEAN, "image.erofs is missing");
	if (fd < 0)
		return err_sys(e, fd, "open 'image.erofs'");
	r = seal_hash_file(fd, hex, e);
	if (r == 0 && v->meta.image_sha256[0] && strcmp(hex, v->meta.image_sha256) != 0)
		differ(v, "image.erofs", "differs as a file");
	return r;
}

static int tell_damage(struct verify *v, int image, struct err *e)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	unsigned shown = v->differences < SHOWN ? v->differences : SHOWN;
	char safe[200];

	owner_find(image, &v->strings, v->shown, shown);
	for (unsigned i = 0; i < shown; i++) {
		format_safe(v->shown[i].path ? v->shown[i].path : "?", safe, sizeof(safe));
		buf_printf(&text, "%s'%s' %s", i ? ", " : "", safe, v->shown[i].what);
		if (v->shown[i].owner)
			buf_printf(&text, " (package %s)", v->shown[i].owner);
	}
	if (v->differences > shown)
		buf_printf(&text, ", and %u more", v->differences - shown);
	(void)err_set(e, ERR_DAMAGED, EUCLEAN, "%s", buf_str(&text));
	return err_hint(e, "coppice base build %s --from '%s'", v->meta.name, v->meta.source);
}

/* A walk that cannot go on (unreadable blocks, broken structure) is damage too. */
static int damage_of(struct verify *v, int r, struct err *e)
{
	if (r < 0 && (r == -EIO || r == -EUCLEAN || r == -EBADMSG || r == -EINVAL || r == -ENOENT)) {
		e->kind = ERR_DAMAGED;
		(void)err_hint(e, "coppice base build %s --from '%s'", v->meta.name, v->meta.source);
	}
	return r;
}

static int check_content(struct verify *v, struct err *e)
{
	autoclose int image = FD_NONE, skel = FD_NONE;
	int r = check_image_file(v, e);

	if (r < 0)
		return r;
	image = seal_open(v->dir, &v->meta, e);
	if (image < 0)
		return v->differences ? damage_of(v, -EUCLEAN, e) : damage_of(v, image, e);
	r = walk(v, image, false, e);
	if (r == 0) {
		skel = path_open_beneath(v->dir, "skel", O_RDONLY | O_DIRECTORY, 0);
		r = skel < 0 ? err_sys(e, skel, "open 'skel'") : walk(v, skel, true, e);
	}
	if (r < 0)
		return damage_of(v, r, e);
	return v->differences ? tell_damage(v, image, e) : 0;
}

static int tell_result(struct verify *v, uint64_t began, struct err *e)
{
	autodone(buf_done) struct buf line = BUF_INIT;
	struct json j = {.b = &line};
	int r;

	json_object(&j, NULL);
	json_object(&j, "result");
	json_bool(&j, "ok", true);
	json_string(&j, "name", v->meta.name);
	json_string(&j, "version", v->meta.version);
	json_u64(&j, "files", v->files);
	json_u64(&j, "bytes", v->bytes);
	json_u64(&j, "ms", clock_now_ms() - began);
	json_object_end(&j);
	json_object_end(&j);
	r = report_line(&v->report, &line);
	return r < 0 ? err_sys(e, r, "write the result") : 0;
}

int verify_base(const char *store, const char *ref, struct err *e)
{
	autodone(verify_done) struct verify v = {
		.report = {.fd = STDOUT_FILENO}, .dir = FD_NONE, .manifest = BUF_INIT, .scratch = BUF_INIT, .strings = ARENA_INIT};
	uint64_t began = clock_now_ms();
	int r = open_version(&v, store, ref, e);

	if (r == 0)
		r = check_manifest(&v, e);
	if (r == 0)
		r = check_content(&v, e);
	return r < 0 ? r : tell_result(&v, began, e);
}
