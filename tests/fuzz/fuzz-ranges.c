/* fuzz-ranges - ranges, subuid and passwd files of any content: what is marked used is never given out. */
#include "base/buf.h"
#include "store/range.h"
#include "store/store.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct range_map m = {{0}};
	struct buf text = BUF_INIT;
	uint32_t first, slot;

	buf_add(&text, data, size);
	(void)range_scan(&m, buf_str(&text), "/var/lib/lxc/web1", &first);
	range_scan_sub(&m, buf_str(&text));
	range_scan_ids(&m, buf_str(&text));
	if (range_pick(&m, buf_str(&text), &first)) {
		slot = (first - RANGE_FIRST) / STORE_RANGE_SIZE;
		if (first < RANGE_FIRST || slot >= RANGE_SLOTS || (first - RANGE_FIRST) % STORE_RANGE_SIZE || (m.used[slot / 64] >> (slot % 64) & 1))
			abort();
	} else {
		for (size_t i = 0; i < ARRAY_LEN(m.used); i++)
			if (m.used[i] != UINT64_MAX)
				abort();
	}
	buf_done(&text);
	return 0;
}
