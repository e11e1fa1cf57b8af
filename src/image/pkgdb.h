/* pkgdb.h - the package database moves under /usr, with a link where the tools look for it.
 *
 * A database describes the files of /usr: when a container is given another version of the base it must change with them, and it is most
 * of what a container would otherwise copy. var/lib/dpkg goes to usr/lib/sysimage/dpkg, var/lib/rpm to usr/lib/sysimage/rpm. */
#pragma once

#include "image/job.h"

#define PKGDB_DPKG "usr/lib/sysimage/dpkg"

int pkgdb_move(struct job *j, struct err *e) MUST_USE;
