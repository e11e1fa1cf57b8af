/* nic.h - the interfaces of a container as the engine sees them: what is chosen for them, and what went through them. */
#pragma once

#include "engine/engine.h"

/* What is chosen for each of @s's interfaces, in their order, in @a. ERR_UNSUPPORTED, ERR_MISSING and the like name the setting. */
int engine_nics(struct coppice *c, const struct spec *s, struct arena *a, const struct plan_nic **ret, struct err *e) MUST_USE;

/* The part of it for interface @n of a managed network: bridge, addresses, hardware address, gateways, names. What is left NULL is chosen as for any other. */
int engine_nic_choose(struct coppice *c, const struct spec *s, const struct spec_nic *n, struct arena *a, struct plan_nic *ret, struct err *e) MUST_USE;

/* Bytes that went through all interfaces but loopback of process @pid's network namespace, into @ret; untouched when unknown. */
void engine_traffic(pid_t pid, struct coppice_info *ret);
