/* fuzz-plan - the wire form of a plan: what decodes prints, and encodes back to the same bytes. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, wire = BUF_INIT;
	struct plan p = {0};
	struct err e = {0};

	if (plan_decode((const char *)data, size, &p, &e) < 0) {
		if (!e.code || p.count)
			abort();
		return 0;
	}
	plan_print(&p, &text);
	if (plan_encode(&p, &wire) < 0 || wire.len != size || (size && memcmp(wire.data, data, size) != 0))
		abort();
	plan_done(&p);
	buf_done(&text);
	buf_done(&wire);
	return 0;
}
