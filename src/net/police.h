/* police.h - a policer for kernels without one: a small BPF program that counts time instead of tokens. */
#pragma once

#include "base/attr.h"

/* A classifier that lets @bytes a second pass and drops what is more, after a burst of @burst bytes. Gives its descriptor, for a direct-action filter; -errno (-EPERM: not
 * allowed to load programs). */
int police_program(uint64_t bytes, uint32_t burst) MUST_USE;
