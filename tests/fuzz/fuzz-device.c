/* Device rules, one a line: what is accepted has a type, numbers that fit and some access. */
#include "spec/keys.h"
#include "spec/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(spec_done) struct spec s = {0};
	struct err e;
	char *text = malloc(size + 1), *line, *next;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	spec_init(&s);
	s.name = "fuzz";
	s.rootfs = "/srv/root";
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (key_apply(&s, NULL, "coppice.device", line, &e) < 0 && (e.code <= 0 || !strstr(e.why, " = '")))
			abort();
	}
	for (size_t i = 0; i < s.limits.device_count; i++) {
		const struct spec_device *d = &s.limits.devices[i];

		if (!strchr("abc", d->type) || d->major > 4095 || d->minor > 1048575 || d->access == 0 || d->access > 7)
			abort();
	}
	if (spec_freeze(&s, &e) < 0 && e.code <= 0)
		abort();
	free(text);
	return 0;
}
