/* publish.h - from staging to bases/NAME/VERSION, in one rename. */
#pragma once

#include "image/inventory.h"
#include "image/meta.h"

/* Reads the meta of bases/NAME/VERSION: 1 = it exists, 0 = not. */
int publish_find(struct job *j, const char *version, struct meta *ret, struct err *e) MUST_USE;

/* Writes manifest and meta, makes everything durable, renames out/ to bases/NAME/VERSION. 0, or 1 when another build was first with the
 * same. */
int publish_version(struct job *j, const struct inventory *v, const struct meta *m, struct err *e) MUST_USE;

/* Points bases/NAME/current at @version. */
int publish_current(struct job *j, const char *version, struct err *e) MUST_USE;
