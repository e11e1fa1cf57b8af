/* conf-impl.h - limits of config text, and what conf-apply.c needs to know of a document. Internal to src/spec. */
#pragma once

#include "spec/conf.h"

#include <sys/types.h>

#define CONF_LINE_MAX (64 << 10)
#define CONF_FILE_MAX (1 << 20)
#define CONF_LINES_MAX 4096
#define CONF_DEPTH_MAX 8
/* Files one config may pull in, all depths together, so that includes of includes stay bounded. */
#define CONF_INCLUDES_MAX 256

/* Device and inode of the file it was read from; false when it was text. */
bool conf_identity(const struct conf *c, dev_t *dev, ino_t *ino);
