/* normalise.h - one shape for every staged tree, whatever it came from.
 *
 * Afterwards: usr, etc and var are real directories (etc and var may be missing), a tree in the layout common/{bin,lib,lib64,sbin,usr} with
 * links to it is an ordinary tree, the five mount points and usr/local exist, caches, logs and what mount points held are gone. */
#pragma once

#include "image/job.h"

int normalise(struct job *j, struct err *e) MUST_USE;
