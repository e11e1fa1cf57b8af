/* attr.c - the one place that frees what `autofree` marks. */
#include "base/attr.h"

#include <stdlib.h>

void attr_free_ptr(void *pp)
{
	void **p = pp;

	free(*p);
	*p = NULL;
}
