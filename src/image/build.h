/* build.h - the pipeline: stage, normalise, scrub, package database, split, manifest, seal, publish. */
#pragma once

#include "image/job.h"

/* Builds and writes the result line. On failure nothing of it is left in the store. */
int build_base(const struct build_options *opt, struct err *e) MUST_USE;
