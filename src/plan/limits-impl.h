/* limits-impl.h - a translation under way. Internal to limits.c and limits-raw.c. */
#pragma once

#include "plan/limits.h"

struct limits_job {
	const struct facts *f;
	struct limit_write *writes;
	size_t count;
	uint32_t need;
	struct buf *notes;
	struct err *e;
	const char *where; /* of what is being translated, NULL = not known here */
};

enum limits_where { LIMITS_NOWHERE, LIMITS_V1, LIMITS_V2 };

/* v2 first: where both offer a controller, v2 has it (the kernel gives it to one of them only). */
enum limits_where limits_where(const struct facts *f, enum cg_controller c);
/* One more file to write. */
int limits_emit(struct limits_job *j, enum cg_controller c, bool v2, const char *file, const char *value) MUST_USE;
/* No controller for @what: an error, but without root a note. */
int limits_nowhere(struct limits_job *j, enum cg_controller c, const char *what) MUST_USE;

/* limits-raw.c: a file the model has no field for. */
int limits_raw(struct limits_job *j, const struct spec_cgroup_raw *raw) MUST_USE;
