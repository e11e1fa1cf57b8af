/* cmds.h - the commands there are, sorted by program: one line each, in one of three lists by what they are about. */
#pragma once

#include "lxc/lxc.h"

#define LXC_CMD_LIST(X) \
	X(attach)       \
	X(config)       \
	X(console)      \
	X(execute)      \
	X(freeze)       \
	X(start)        \
	X(stop)         \
	X(unfreeze)     \
	X(wait)

#define X(name) extern const struct lxc_cmd lxc_cmd_##name;
LXC_CMD_LIST(X)
#undef X
