/* Id maps, one a line: whatever is accepted, no id is mapped twice and no range leaves the 32 bits. */
#include "fuzz/lines.h"

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

	if (fuzz_lines(data, size, "lxc.idmap", &s) < 0)
		return 0;
	for (size_t i = 0; i < s.idmap_count; i++)
		check(&s, i);
	(void)fuzz_freeze(&s);
	return 0;
}
