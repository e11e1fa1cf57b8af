/* Mount entries, one a line: an accepted target is relative and cannot climb out. */
#include "fuzz/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct spec_mount *m)
{
	const char *part = m->target;

	if (!*part || !m->source || !m->type || !m->options)
		abort();
	while (part) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && *part == '.') || (len == 2 && memcmp(part, "..", 2) == 0))
			abort();
		part = part[len] ? part + len + 1 : NULL;
	}
	if (m->bind && m->data)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(spec_done) struct spec s = {0};

	if (fuzz_lines(data, size, "lxc.mount.entry", &s) < 0)
		return 0;
	if (fuzz_freeze(&s))
		for (size_t i = 0; i < s.mount_count; i++)
			check(&s.mounts[i]);
	return 0;
}
