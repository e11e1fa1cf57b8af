/* Any text as /proc/self/mountinfo: what comes out is terminated, absolute or empty, and consistent with the layout. */
#include "linux/facts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = malloc(size + 1);
	struct facts f;
	bool v1 = false;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	facts_parse_mountinfo(text, &f);
	for (size_t c = 0; c < CG_CONTROLLER_COUNT; c++) {
		if (memchr(f.v1_mount[c], '\0', sizeof(f.v1_mount[c])) == NULL)
			abort();
		v1 |= c != CG_SYSTEMD && f.v1_mount[c][0];
	}
	if (memchr(f.v2_mount, '\0', sizeof(f.v2_mount)) == NULL || v1 != (f.cgroup == CG_V1 || f.cgroup == CG_HYBRID) ||
	    (f.v2_mount[0] != '\0') != (f.cgroup == CG_V2 || f.cgroup == CG_HYBRID))
		abort();
	return 0;
}
