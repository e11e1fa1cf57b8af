/* A manifest of any content: read to its end or refused; what is read is written again byte for byte. */
#include "image/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Mode and numbers may have leading zeros in a foreign file: only what we write ourselves is compared. */
static void read_again(const struct buf *written)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	struct manifest_reader r;
	struct manifest_entry m;
	struct err e;

	err_clear(&e);
	buf_puts(&text, MANIFEST_HEAD);
	buf_add(&text, written->data, written->len);
	if (manifest_open(&r, text.data, text.len, &e) < 0)
		abort();
	while (manifest_next(&r, &m, &e) > 0)
		manifest_write(&out, &m);
	if (e.code || out.len != written->len || (out.len && memcmp(out.data, written->data, out.len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(buf_done) struct buf text = BUF_INIT, out = BUF_INIT;
	struct manifest_reader r;
	struct manifest_entry m;
	struct err e;

	err_clear(&e);
	buf_add(&text, data, size);
	if (!text.data || manifest_open(&r, text.data, text.len, &e) < 0)
		return 0;
	while (manifest_next(&r, &m, &e) > 0)
		manifest_write(&out, &m);
	if (out.len)
		read_again(&out);
	return 0;
}
