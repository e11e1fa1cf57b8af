/* memory.h - how much memory may be used without anybody noticing. */
#pragma once

#include "base/attr.h"

/* Bytes that are available (MemAvailable), lowered to what the control group we are in has left. 0 when it cannot be told. */
uint64_t memory_available(void);

/* The smaller of @limit and what is left of it after @used; texts as in a control file ("max" = no limit). For tests. */
uint64_t memory_left(const char *limit, const char *used);
