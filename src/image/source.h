/* source.h - the ways a system gets into the staging directory: one function a kind, all filling j->tree. */
#pragma once

#include "image/job.h"

enum source_kind { SOURCE_HOST, SOURCE_PACKAGES, SOURCE_DIR, SOURCE_TAR, SOURCE_MMDEBSTRAP };

struct source {
	enum source_kind kind;
	const char *arg; /* path, or suite */
	char label[128]; /* for meta: what was asked, in words that can be given to --from again where possible */
};

/* Finds out what --from means; opens nothing but looks whether the path is a directory or a file. */
int source_parse(const struct build_options *opt, struct source *ret, struct err *e) MUST_USE;

/* Fills the tree. */
int source_stage(struct job *j, const struct source *s, struct err *e) MUST_USE;

int source_host(struct job *j, struct err *e) MUST_USE;
int source_packages(struct job *j, struct err *e) MUST_USE;
int source_dir(struct job *j, const char *path, struct err *e) MUST_USE;
int source_tar(struct job *j, const char *path, struct err *e) MUST_USE;
int source_mmdebstrap(struct job *j, const char *suite, struct err *e) MUST_USE;

/* The root user's home directory of a host: not a copy, but what a fresh installation has. Also the empty top-level directories
 * everybody expects. Shared by both ways of copying the host. */
int source_host_skeleton(struct job *j, struct err *e) MUST_USE;
