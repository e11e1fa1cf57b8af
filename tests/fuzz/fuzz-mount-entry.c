/* Mount entries, one a line: an accepted target is relative and cannot climb out. */
#include "spec/keys.h"
#include "spec/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
		if (key_apply(&s, NULL, "lxc.mount.entry", line, &e) < 0 && (e.code <= 0 || !strstr(e.why, " = '")))
			abort();
	}
	if (spec_freeze(&s, &e) == 0)
		for (size_t i = 0; i < s.mount_count; i++)
			check(&s.mounts[i]);
	free(text);
	return 0;
}
