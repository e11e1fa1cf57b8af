/* source.c - what --from means; see source.h. */
#include "image/source.h"

#include "base/fd.h"
#include "base/parse.h"
#include "image/copy.h"
#include "image/meta.h"
#include "image/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MMDEBSTRAP "mmdebstrap:"

static int from_path(const struct build_options *opt, struct source *s, struct err *e)
{
	autofree char *absolute = realpath(opt->from, NULL);
	char safe[256];
	struct stat st;

	s->arg = opt->from;
	meta_text(s->label, sizeof(s->label), absolute ? absolute : opt->from);
	format_safe(opt->from, safe, sizeof(safe));
	if (stat(opt->from, &st) < 0) {
		int code = errno;

		(void)err_sys(e, code, "source '%s'", safe);
		if (code == ENOENT && !strchr(opt->from, '/'))
			return err_hint(e, "coppice base build %s --from mmdebstrap:%s", opt->name, safe);
		return -code;
	}
	if (S_ISDIR(st.st_mode))
		s->kind = SOURCE_DIR;
	else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode))
		s->kind = SOURCE_TAR;
	else
		return err_set(e, ERR_INPUT, EINVAL, "source '%s' is neither a directory nor a tar file", safe);
	return 0;
}

int source_parse(const struct build_options *opt, struct source *ret, struct err *e)
{
	struct source s = {.kind = SOURCE_HOST};
	int r = 0;

	if (strcmp(opt->from, "host") == 0) {
		s.kind = opt->packages ? SOURCE_PACKAGES : SOURCE_HOST;
		(void)snprintf(s.label, sizeof(s.label), "host%s%.100s", opt->packages ? ":" : "", opt->packages ? opt->packages : "");
	} else if (strncmp(opt->from, MMDEBSTRAP, strlen(MMDEBSTRAP)) == 0) {
		s.kind = SOURCE_MMDEBSTRAP;
		s.arg = opt->from + strlen(MMDEBSTRAP);
		meta_text(s.label, sizeof(s.label), opt->from);
		if (!parse_is_name(s.arg))
			return err_set(e, ERR_INPUT, EINVAL, "suite '%s' is no name of a release", s.label + strlen(MMDEBSTRAP));
	} else {
		r = from_path(opt, &s, e);
	}
	if (r < 0)
		return r;
	if (opt->packages && s.kind != SOURCE_PACKAGES)
		return err_set(e, ERR_INPUT, EINVAL, "--packages goes with --from host only");
	if (opt->include && s.kind != SOURCE_PACKAGES && s.kind != SOURCE_MMDEBSTRAP)
		return err_set(e, ERR_INPUT, EINVAL, "--include goes with --from mmdebstrap:SUITE or --from host --packages only");
	*ret = s;
	return 0;
}

static enum copy_verdict choose_any(void *data, const char *path, const struct stat *st)
{
	(void)data;
	return rules_any(path, st);
}

int source_dir(struct job *j, const char *path, struct err *e)
{
	autodone(copy_done) struct copy c = COPY_INIT(j, j->tree, "copy");
	autoclose int from = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	struct stat root, self;
	uint64_t bytes = 0;
	int r;

	if (from < 0)
		return err_sys(e, from, "open '%s'", path);
	if (fstat(from, &root) < 0 || stat("/", &self) < 0)
		return err_sys(e, errno, "stat '%s'", path);
	if (root.st_dev == self.st_dev && root.st_ino == self.st_ino) {
		(void)err_set(e, ERR_INPUT, EINVAL, "'%s' is the running system", path);
		return err_hint(e, "coppice base build %s --from host", j->opt->name);
	}
	c.choose = choose_any;
	r = copy_count(&c, from, "", &c.total, &bytes, e);
	if (r < 0)
		return r;
	job_stage_in_memory(j, c.total, bytes);
	c.root = j->tree;
	return copy_tree(&c, from, j->tree, "", e);
}

int source_stage(struct job *j, const struct source *s, struct err *e)
{
	switch (s->kind) {
	case SOURCE_HOST:
		return source_host(j, e);
	case SOURCE_PACKAGES:
		return source_packages(j, e);
	case SOURCE_DIR:
		return source_dir(j, s->arg, e);
	case SOURCE_TAR:
		return source_tar(j, s->arg, e);
	case SOURCE_MMDEBSTRAP:
		return source_mmdebstrap(j, s->arg, e);
	}
	return err_set(e, ERR_INTERNAL, EINVAL, "unknown kind of source");
}
