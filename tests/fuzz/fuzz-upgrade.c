/* Old config text to new: whatever the text is, what comes out reads as the same container, and there is nothing left to upgrade. */
#include "base/buf.h"
#include "spec/conf.h"
#include "spec/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		abort();
}

static int is_special(const char *key, const char *value, unsigned line, void *data)
{
	(void)line;
	(void)data;
	/* a kind that was said beside the root counts from now on; the rest: files of the machine are no part of the input, a type that is cleared makes the reader use its
	 * number again, which the new names do not */
	if (strcmp(key, "lxc.rootfs.backend") == 0)
		return 1;
	return ((strcmp(key, "lxc.include") == 0 || strcmp(key, "lxc.mount") == 0 || strcmp(key, "lxc.mount.fstab") == 0) && *value) || (strncmp(key, "lxc.net", 7) == 0 && !*value);
}

/* The spec as text; false when the config is refused. */
static int dump(const struct conf *c, struct buf *out)
{
	struct err e;
	struct spec s;
	int taken;

	spec_init(&s);
	taken = conf_apply(c, &s, &e) == 0;
	if (taken)
		spec_dump(&s, out);
	spec_done(&s);
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodone(buf_done) struct buf before = BUF_INIT, after = BUF_INIT, text = BUF_INIT;
	autodone(conf_free) struct conf *c = NULL, *again = NULL;
	int as_lxc = size && data[0] & 1, taken, special;
	size_t changed = 0;
	struct err e;

	if (conf_parse_as((const char *)data, size, "fuzz", CONF_CHECK, &c, &e) < 0)
		return 0;
	special = conf_each(c, is_special, NULL);
	taken = !special && dump(c, &before);
	if (conf_upgrade(c, as_lxc, NULL, NULL, &changed, &e) < 0) {
		must(e.code == 7 || e.code == 27); /* E2BIG, EFBIG: grown beyond the limits */
		return 0;
	}
	conf_render(c, &text);
	must(changed || text.len == size);
	if (conf_parse_as(buf_str(&text), text.len, "again", CONF_CHECK, &again, &e) < 0)
		return 0;
	if (taken)
		must(dump(again, &after) && strcmp(buf_str(&before), buf_str(&after)) == 0);
	if (!special && conf_upgrade(again, as_lxc, NULL, NULL, &changed, &e) == 0)
		must(changed == 0 || !taken);
	return 0;
}
