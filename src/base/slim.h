/* slim.h - for a process that will mostly sleep: gives back memory that only start-up needed.
 *
 * A thousand monitors wait for their containers; what each keeps resident counts a thousand times. */
#pragma once

#include "base/attr.h"

#include <stddef.h>

/* Drops the clean pages of the program (read again when needed), the unused part of the stack below the caller, and free heap. Static programs only lose and regain
 * their own text; nothing the program can observe changes. */
void slim_process(void);

/* Drops the pages that lie wholly within @table, a constant with addresses in it: the loader has adjusted them, which made the pages this process's own. Whoever looks at it afterwards
 * finds it unadjusted: only for what this process will never use again. */
void slim_forget(const void *table, size_t size);
