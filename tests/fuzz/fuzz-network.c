/* fuzz-network - a network's config and its leases of any content: what is read, is written as it was read. */
#include "base/buf.h"
#include "network/network.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void config(const char *text, size_t size)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct network n, back;
	struct err e = {0};

	if (network_parse(text, size, &n, &e) == 0) {
		network_format(&n, &once);
		if (network_parse(buf_str(&once), once.len, &back, &e) < 0)
			abort();
		network_format(&back, &twice);
		if (strcmp(buf_str(&once), buf_str(&twice)) != 0)
			abort();
		if (network_check(&n, &e) == 0)
			network_ruleset(&n, 1, &twice);
		network_resolv(&n, text, &twice);
	}
	buf_done(&once);
	buf_done(&twice);
}

static void lines(const char *text)
{
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		struct network_lease l, back;

		if (network_lease_parse(p, len, &l) == 0) {
			struct buf b = BUF_INIT;

			network_lease_format(&l, &b);
			if (network_lease_parse(buf_str(&b), b.len - 1, &back) < 0 || strcmp(l.owner, back.owner) != 0 ||
			    memcmp(l.mac, back.mac, 6) != 0)
				abort();
			buf_done(&b);
		}
		p += len + (p[len] == '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;

	buf_add(&text, data, size);
	config(buf_str(&text), text.len);
	lines(buf_str(&text));
	buf_done(&text);
	return 0;
}
