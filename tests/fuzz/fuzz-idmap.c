/* Id maps, one a line: whatever is accepted, no id is mapped twice and no range leaves the 32 bits. */
#include "spec/keys.h"
#include "spec/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int apart(uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
	return (uint64_t)a + na <= b || (uint64_t)b + nb <= a;
}

static void check(const struct spec *s, size_t i)
{
	const struct spec_idmap *m = &s->idmaps[i];

	if (m->count == 0 || (uint64_t)m->inside + m->count > UINT32_MAX || (uint64_t)m->host + m->count > UINT32_MAX)
		abort();
	for (size_t k = 0; k < i; k++) {
		const struct spec_idmap *o = &s->idmaps[k];

		if (!(m->uid && o->uid) && !(m->gid && o->gid))
			continue;
		if (!apart(m->inside, m->count, o->inside, o->count) || !apart(m->host, m->count, o->host, o->count))
			abort();
	}
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
		if (key_apply(&s, NULL, "lxc.idmap", line, &e) < 0 && (e.code <= 0 || !strstr(e.why, " = '")))
			abort();
	}
	for (size_t i = 0; i < s.idmap_count; i++)
		check(&s, i);
	if (spec_freeze(&s, &e) < 0 && e.code <= 0)
		abort();
	free(text);
	return 0;
}
