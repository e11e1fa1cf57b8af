/* sha.c - libcrypto's sha256 behind four calls; see sha.h. */
#include "image/sha.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

int sha_init(struct sha *h)
{
	if (!h->ctx)
		h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	return 0;
}

int sha_add(struct sha *h, const void *bytes, size_t len)
{
	return EVP_DigestUpdate(h->ctx, bytes, len) == 1 ? 0 : -EIO;
}

int sha_hex(struct sha *h, char ret[65])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len;

	if (EVP_DigestFinal_ex(h->ctx, raw, &len) != 1 || len != 32)
		return -EIO;
	for (unsigned i = 0; i < len; i++) {
		ret[2 * i] = digits[raw[i] >> 4];
		ret[2 * i + 1] = digits[raw[i] & 15];
	}
	ret[64] = '\0';
	return 0;
}

void sha_done(struct sha *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int sha_fd(struct sha *h, int fd, void *buffer, size_t buffer_size, uint64_t *ret_bytes)
{
	uint64_t total = 0;

	for (;;) {
		ssize_t n = read(fd, buffer, buffer_size);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		r = sha_add(h, buffer, (size_t)n);
		if (r < 0)
			return r;
		total += (uint64_t)n;
	}
	*ret_bytes = total;
	return 0;
}
