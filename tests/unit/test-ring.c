/* The ring: always the last bytes, whatever the sizes of the pieces, and no memory before the first of them. */
#include "supervise/ring.h"
#include "unit/test.h"

static void holds_nothing_before_use(void **state)
{
	struct ring r;
	char out[4];

	(void)state;
	ring_init(&r, 1024);
	assert_null(r.data);
	assert_int_equal(ring_peek(&r, 0, out, sizeof(out)), 0);
	ring_add(&r, "", 0);
	assert_null(r.data);
	ring_done(&r);
	ring_done(&r);
	ring_init(&r, 0);
	ring_add(&r, "x", 1);
	assert_int_equal(ring_peek(&r, 0, out, sizeof(out)), 0);
	ring_done(&r);
}

/* Compared with a model that keeps everything, over pieces of every size from 1 to beyond the ring. */
static void keeps_the_last_bytes(void **state)
{
	static const size_t sizes[] = {1, 2, 7, 64, 100, 4096};
	enum { STREAM = 20000 };
	char *all = malloc(STREAM), *out = malloc(STREAM);

	(void)state;
	assert_non_null(all);
	assert_non_null(out);
	for (size_t i = 0; i < STREAM; i++)
		all[i] = (char)(i * 31 + i / 251);
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		struct ring r;
		size_t total = 0;

		ring_init(&r, sizes[s]);
		for (size_t piece = 1; total + piece <= STREAM; piece = piece % (sizes[s] * 2 + 1) + 1) {
			size_t want;

			ring_add(&r, all + total, piece);
			total += piece;
			want = total < sizes[s] ? total : sizes[s];
			assert_int_equal(r.used, want);
			assert_int_equal(ring_peek(&r, 0, out, STREAM), want);
			assert_memory_equal(out, all + total - want, want);
			assert_int_equal(ring_peek(&r, want / 2, out, 3), want - want / 2 < 3 ? want - want / 2 : 3);
			assert_memory_equal(out, all + total - want + want / 2, want - want / 2 < 3 ? want - want / 2 : 3);
			assert_int_equal(ring_peek(&r, want, out, 3), 0);
			assert_int_equal(ring_peek(&r, SIZE_MAX, out, 3), 0);
		}
		ring_done(&r);
	}
	free(all);
	free(out);
}

/* A size no kernel can map: bytes are dropped, nothing breaks. */
static void lives_without_memory(void **state)
{
	struct ring r;
	char out[4];

	(void)state;
	ring_init(&r, (size_t)1 << 62);
	ring_add(&r, "abc", 3);
	assert_int_equal(r.used, 0);
	assert_int_equal(ring_peek(&r, 0, out, sizeof(out)), 0);
	ring_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_nothing_before_use), cmocka_unit_test(keeps_the_last_bytes), cmocka_unit_test(lives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
