/* nic.h - the interfaces of a container as the engine sees them: what is chosen for them, and what went through them. */
#pragma once

#include "engine/engine.h"

/* What is chosen for each of @s's interfaces, in their order, in @a; @look: only to be shown. ERR_UNSUPPORTED, ERR_MISSING and the like name the setting. */
int engine_nics(struct coppice *c, const struct spec *s, bool look, struct arena *a, const struct plan_nic **ret, struct err *e) MUST_USE;

/* Bytes that interface @nic of process @pid's network namespace has received and sent; NULL: all but loopback together. False, and nothing given, when unknown. */
bool engine_traffic(pid_t pid, const char *nic, uint64_t *ret_rx, uint64_t *ret_tx);
