/* fuzz-meta - a base's meta file: whatever it holds, only names and versions that are safe in a path come out. */
#include "base/parse.h"
#include "store/meta.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_hex(const char *s)
{
	return *s && s[strspn(s, "0123456789abcdef")] == '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_base b;

	if (meta_parse((const char *)data, size, &b) < 0)
		return 0;
	if (!parse_is_name(b.name) || !is_hex(b.version) || !is_hex(b.digest) || strlen(b.version) >= sizeof(b.version) || !b.seal[0])
		abort();
	if (!memchr(b.os, '\0', sizeof(b.os)) || !memchr(b.source, '\0', sizeof(b.source)) || !memchr(b.arch, '\0', sizeof(b.arch)))
		abort();
	return 0;
}
