/* device.h - device rules of a running container. Private to the engine. */
#pragma once

#include "engine/engine.h"

/* Adds @rule ("+c 10:229 rwm", '-' denies) behind the rules of running container @name, at once and in the plan that is kept of it. The container lock is held. */
int engine_device_rule(struct coppice *c, const char *name, const struct live *l, const char *rule, struct err *e) MUST_USE;
