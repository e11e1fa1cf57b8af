/* build.c - the stages in order; see build.h. */
#include "image/build.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/inventory.h"
#include "image/meta.h"
#include "image/fit.h"
#include "image/normalise.h"
#include "image/pkgdb.h"
#include "image/publish.h"
#include "image/scrub.h"
#include "image/seal.h"
#include "image/source.h"
#include "image/split.h"
#include "image/system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct build {
	struct job job;
	struct source source;
	struct split split;
	struct inventory inventory;
	struct meta meta;
	bool existing;
};

static void build_done(struct build *b)
{
	inventory_done(&b->inventory);
	job_close(&b->job);
}

/* What the base is called, holds and comes from; sizes of the image follow when it is sealed. */
static void describe(struct build *b)
{
	struct meta *m = &b->meta;
	const struct inventory *v = &b->inventory;
	size_t used = 0;

	*m = (struct meta){.created = clock_unix(),
			   .common_bytes = v->common_bytes,
			   .common_files = v->common_files,
			   .skel_bytes = v->skel_bytes,
			   .skel_files = v->skel_files,
			   .merged_usr = b->split.merged_usr};
	(void)snprintf(m->name, sizeof(m->name), "%s", b->job.opt->name);
	(void)snprintf(m->version, sizeof(m->version), "%s", v->version);
	(void)snprintf(m->digest, sizeof(m->digest), "%s", v->digest);
	(void)snprintf(m->source, sizeof(m->source), "%s", b->source.label);
	system_os(b->job.tree, m->os, sizeof(m->os));
	system_arch(b->job.tree, m->arch, sizeof(m->arch));
	for (unsigned i = 0; i < b->split.count; i++)
		used += (size_t)snprintf(m->common + used, sizeof(m->common) - used, "%s%s", i ? " " : "", b->split.common[i]);
}

/* What --seal and --compress ask for cannot be had from a version that is there already. */
static void compare_seal(struct build *b)
{
	static const char *const words[] = {[SEAL_AUTO] = "", [SEAL_EROFS] = "erofs", [SEAL_TREE] = "tree"};
	const char *want = words[b->job.opt->seal];

	if (want[0] && strcmp(want, b->meta.seal) != 0)
		job_warn(&b->job, "version %s exists already, sealed as %s and not as %s", b->meta.version, b->meta.seal, want);
}

static int seal_and_publish(struct build *b, struct err *e)
{
	int r = publish_find(&b->job, b->inventory.version, &b->meta, e);

	if (r == 0) {
		describe(b);
		if (b->job.opt->dry_run)
			return 0;
		r = split_make_skel(&b->job, &b->split, e);
		if (r == 0)
			r = seal_make(&b->job, &b->inventory, &b->meta, e);
		if (r == 0)
			r = publish_version(&b->job, &b->inventory, &b->meta, e);
		if (r > 0) /* another build of the same was faster */
			r = publish_find(&b->job, b->inventory.version, &b->meta, e);
	}
	if (r > 0) {
		b->existing = true;
		compare_seal(b);
	}
	if (r < 0 || b->job.opt->dry_run)
		return r;
	return publish_current(&b->job, b->meta.version, e);
}

static int tell_result(struct build *b, uint64_t began, struct err *e)
{
	autodone(buf_done) struct buf line = BUF_INIT;
	struct job *j = &b->job;
	struct json w = {.b = &line};
	int r;

	json_object(&w, NULL);
	json_object(&w, "result");
	meta_json(&b->meta, &w);
	json_bool(&w, "existing", b->existing);
	json_bool(&w, "no_init", b->inventory.no_init);
	json_bool(&w, "dry_run", j->opt->dry_run);
	json_u64(&w, "ms", clock_now_ms() - began);
	json_array(&w, "scrubbed");
	for (size_t i = 0; i < j->scrubbed_count; i++) {
		json_object(&w, NULL);
		json_string(&w, "path", j->scrubbed[i].path);
		json_string(&w, "why", j->scrubbed[i].why);
		json_object_end(&w);
	}
	json_array_end(&w);
	json_array(&w, "warnings");
	for (size_t i = 0; i < j->warning_count; i++)
		json_string(&w, NULL, j->warnings[i]);
	json_array_end(&w);
	json_object_end(&w);
	json_object_end(&w);
	r = report_line(&j->report, &line);
	return r < 0 ? err_sys(e, r, "write the result") : 0;
}

int build_base(const struct build_options *opt, struct err *e)
{
	autodone(build_done) struct build b = {.inventory = INVENTORY_INIT};
	uint64_t began = clock_now_ms();
	int r = job_open(&b.job, opt, e);
	bool host;

	if (r == 0)
		r = source_parse(opt, &b.source, e);
	if (r == 0)
		r = source_stage(&b.job, &b.source, e);
	if (r < 0)
		return r;
	host = b.source.kind == SOURCE_HOST || b.source.kind == SOURCE_PACKAGES;
	r = normalise(&b.job, e);
	if (r == 0)
		r = scrub(&b.job, host, e);
	if (r == 0)
		r = fit(&b.job, e);
	if (r == 0)
		r = pkgdb_move(&b.job, e);
	if (r < 0)
		return r;
	split_detect(b.job.tree, &b.split);
	r = inventory_take(&b.job, &b.split, &b.inventory, e);
	if (r == 0)
		r = seal_and_publish(&b, e);
	return r < 0 ? r : tell_result(&b, began, e);
}
