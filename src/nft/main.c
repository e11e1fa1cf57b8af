/* main.c - coppice-nft: runs a ruleset as one transaction.
 *
 *     coppice-nft apply [BRIDGE...]    the text on standard input; then accept rules for these bridges in foreign chains that drop what is
 * forwarded, and none for others coppice-nft list                 which of our tables are there, and the foreign chains, as JSON
 *
 * Exit codes: 0; 1 refused, with nftables' own words on standard error; 2 usage; 3 the ruleset stands, but not the rules in foreign chains.
 */
#include "base/fd.h"
#include "nft/foreign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)32 << 20)

static void free_ctx(struct nft_ctx **ctx)
{
	if (*ctx)
		nft_ctx_free(*ctx);
}

static int told(const char *what, int r)
{
	(void)fprintf(stderr, "coppice-nft: %s: %s\n", what, strerror(-r));
	return 1;
}

static int apply(struct nft_ctx *ctx, const char *const *bridges)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = fd_read_all(0, &text, TEXT_MAX);

	if (r < 0)
		return told("read the ruleset", r);
	if (text.len && nft_run_cmd_from_buffer(ctx, buf_str(&text)) != 0)
		return 1;
	/* another program may change its chain between our look at it and the change: then once more */
	for (int tries = 0; tries < 3; tries++) {
		r = foreign_open(ctx, bridges);
		if (r == 0)
			return 0;
	}
	return 3;
}

static int list(struct nft_ctx *ctx)
{
	autodone(buf_done) struct buf text = BUF_INIT;
	int r = foreign_list(ctx, &text);

	if (r == 0)
		r = buf_failed(&text) ? -ENOMEM : fd_write_all(1, text.data, text.len);
	return r < 0 ? told("list the ruleset", r) : 0;
}

int main(int argc, char **argv)
{
	autodone(free_ctx) struct nft_ctx *ctx = NULL;

	if (argc < 2 || (strcmp(argv[1], "apply") != 0 && (strcmp(argv[1], "list") != 0 || argc != 2))) {
		(void)fprintf(stderr, "usage: coppice-nft apply [BRIDGE...] <RULESET\n       coppice-nft list\n");
		return 2;
	}
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return told("open nftables", -ENOMEM);
	return strcmp(argv[1], "list") == 0 ? list(ctx) : apply(ctx, (const char *const *)argv + 2);
}
