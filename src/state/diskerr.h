/* diskerr.h - failures of our own directories, told with the command that shows what is wrong with them. */
#pragma once

#include "base/err.h"

/* err_sys() plus a hint fit for @code about the file system of @path: full, read-only, not permitted. Returns -code. */
int disk_err(struct err *e, int code, const char *path, const char *fmt, ...) PRINTF(4, 5);
