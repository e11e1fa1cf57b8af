/* scrub.h - takes identity and secrets out of a staged tree, and reports each thing taken.
 *
 * From every source: what makes one machine this machine (ssh host keys, machine id, random seeds, host name, resolver, mount table) and
 * private keys. From the running host besides: passwords, credentials, network set-up. A container gets an identity of its own at its
 * first start. */
#pragma once

#include "image/job.h"

/* @host: the tree was copied from the system we run on. */
int scrub(struct job *j, bool host, struct err *e) MUST_USE;
