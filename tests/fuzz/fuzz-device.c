/* Device rules, one a line: what is accepted has a type, numbers that fit and some access. */
#include "fuzz/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(spec_done) struct spec s = {0};

	if (fuzz_lines(data, size, "coppice.device", &s) < 0)
		return 0;
	for (size_t i = 0; i < s.limits.device_count; i++) {
		const struct spec_device *d = &s.limits.devices[i];

		if (!strchr("abc", d->type) || d->major > 4095 || d->minor > 1048575 || d->access == 0 || d->access > 7)
			abort();
	}
	(void)fuzz_freeze(&s);
	return 0;
}
