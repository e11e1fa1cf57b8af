/* cmds.h - the commands there are, sorted by program: one line each, in one of three lists by what they are about. */
#pragma once

#include "lxc/lxc.h"

#define LXC_CMD_LIST(X) \
	X(attach) \
	X(autostart) \
	X(cgroup) \
	X(checkconfig) \
	X(checkpoint) \
	X(clone) \
	X(config) \
	X(console) \
	X(copy) \
	X(create) \
	X(destroy) \
	X(device) \
	X(execute) \
	X(freeze) \
	X(info) \
	X(kill) \
	X(list) \
	X(ls) \
	X(monitor) \
	X(netstat) \
	X(ps) \
	X(restart) \
	X(setcap) \
	X(setuid) \
	X(shutdown) \
	X(snapshot) \
	X(start) \
	X(start_ephemeral) \
	X(stop) \
	X(top) \
	X(unfreeze) \
	X(unpriv_attach) \
	X(unpriv_start) \
	X(unshare) \
	X(update_config) \
	X(user_nic) \
	X(usernsexec) \
	X(version) \
	X(wait)

#define X(name) extern const struct lxc_cmd lxc_cmd_##name;
LXC_CMD_LIST(X)
#undef X
