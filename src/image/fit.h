/* fit.h - the few settings a system made for a machine needs to feel at home in a container: a login on its console, and nothing that fails at
 * every stop for a reason its user cannot change. */
#pragma once

#include "image/job.h"

int fit(struct job *j, struct err *e) MUST_USE;
