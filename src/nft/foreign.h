/* foreign.h - base chains of others on hook forward.
 *
 * A packet has to pass every base chain of its hook. Docker sets the policy of iptables' FORWARD chain to drop, firewalld rejects at the end of its own: either would
 * cut off containers whatever our table says. So accept rules for our bridges go first in such a chain, marked by their comment, in DOCKER-USER where there
 * is one: that is the place Docker keeps for others. The rules compare interface names only, which iptables can still print. */
#pragma once

#include "base/buf.h"

#include <nftables/libnftables.h>

/* In all foreign chains: removes our rules and puts in those for @bridges (NULL-ended; none = only removes). 0 or -errno; libnftables has told why. */
int foreign_open(struct nft_ctx *ctx, const char *const *bridges) MUST_USE;

/* {"tables": ["inet", ...], "forward": [{"family", "table", "chain", "policy", "rules"}, ...]}: which of our tables are there, which foreign chains there are and how many
 * rules of ours each has. */
int foreign_list(struct nft_ctx *ctx, struct buf *out) MUST_USE;
