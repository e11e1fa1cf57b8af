/* sha.h - sha256, incrementally. */
#pragma once

#include "base/attr.h"

#include <stddef.h>

struct sha {
	void *ctx; /* EVP_MD_CTX */
};

#define SHA_INIT {NULL}

int sha_init(struct sha *h) MUST_USE; /* begins (again) */
int sha_add(struct sha *h, const void *bytes, size_t len) MUST_USE;
int sha_hex(struct sha *h, char ret[65]) MUST_USE; /* ends: 64 hex digits */
void sha_done(struct sha *h);

/* Everything from the descriptor's offset to the end of file; gives the byte count. */
int sha_fd(struct sha *h, int fd, void *buffer, size_t buffer_size, uint64_t *ret_bytes) MUST_USE;
