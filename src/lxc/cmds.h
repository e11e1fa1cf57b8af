/* cmds.h - the commands there are, sorted by program: one line each, in one of three lists by what they are about. */
#pragma once

#include "lxc/lxc.h"

#define LXC_CMD_LIST(X) \
	X(autostart)    \
	X(clone)        \
	X(config)       \
	X(copy)         \
	X(create)       \
	X(destroy)      \
	X(freeze)       \
	X(snapshot)     \
	X(unfreeze)

#define X(name) extern const struct lxc_cmd lxc_cmd_##name;
LXC_CMD_LIST(X)
#undef X
