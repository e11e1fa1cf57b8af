/* man.h - the manual page of an lxc-* command. */
#pragma once

#include "lxc/lxc.h"

struct buf;

/* The page of @cmd in the man(7) macros, added to @out. */
void lxc_man(const struct lxc_cmd *cmd, struct buf *out);
