/* starting.h - what lxc-start and lxc-execute share: settings for one start, a config file in place of the container's, shared namespaces. */
#pragma once

#include "lxc/lxc.h"

#include "base/arena.h"
#include "base/buf.h"

#define STARTING_SET_MAX 128

enum { STARTING_SHARE_NET = 300, STARTING_SHARE_IPC, STARTING_SHARE_UTS, STARTING_SHARE_PID };

#define STARTING_SHARE_OPTS                                                                                      \
	{STARTING_SHARE_NET, "share-net", "NAME", "use the network namespace of container or process NAME", NULL},   \
	{STARTING_SHARE_IPC, "share-ipc", "NAME", "use the IPC namespace of container or process NAME", NULL},       \
	{STARTING_SHARE_UTS, "share-uts", "NAME", "use the UTS namespace of container or process NAME", NULL},       \
	{STARTING_SHARE_PID, "share-pid", "NAME", "use the PID namespace of container or process NAME", NULL}

struct starting {
	struct arena arena;
	const char *set[STARTING_SET_MAX + 1]; /* "key+=value", NULL-ended */
	size_t count;
	struct buf config;                     /* text of -f */
};

void starting_done(struct starting *s);
/* -s KEY=VALUE: LXC adds it to the config like one more line of it. */
int starting_define(struct starting *s, const char *pair, struct err *e) MUST_USE;
/* One more line of the config: @key = @value. */
int starting_set(struct starting *s, const char *key, const char *value, struct err *e) MUST_USE;
/* --share-*: 1 when @id is none of these. */
int starting_share(struct starting *s, int id, const char *value, struct err *e) MUST_USE;
/* Reads the file of -f; *ret NULL when there is none. */
int starting_config(struct lxc *l, struct starting *s, const char **ret, struct err *e) MUST_USE;
