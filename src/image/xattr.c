/* xattr.c - see xattr.h. */
#include "image/xattr.h"

#include "image/sha.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define LIST_MAX 65536u /* the kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX */
#define VALUE_MAX 65536u
#define COUNT_MAX 1024u

bool xattr_is_kept(const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return strncmp(name, "user.overlay.", 13) != 0;
	return strcmp(name, "security.capability") == 0 || strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

/* Names of @fd's attributes, NUL-separated, in a buffer of our own. Length, 0 also where the file system has no attributes. */
static ssize_t names_of(int fd, char **ret)
{
	ssize_t n = flistxattr(fd, NULL, 0);

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	if (n == 0)
		return 0;
	*ret = malloc(LIST_MAX);
	if (!*ret)
		return -ENOMEM;
	n = flistxattr(fd, *ret, LIST_MAX);
	return n < 0 ? -errno : n;
}

int xattr_copy(int from, int to, unsigned *ret_dropped)
{
	autofree char *names = NULL;
	autofree char *value = NULL;
	ssize_t len = names_of(from, &names);

	*ret_dropped = 0;
	if (len <= 0)
		return (int)len;
	value = malloc(VALUE_MAX);
	if (!value)
		return -ENOMEM;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t n;

		if (!xattr_is_kept(name)) {
			++*ret_dropped;
			continue;
		}
		n = fgetxattr(from, name, value, VALUE_MAX);
		if (n < 0 && errno == ENODATA)
			continue; /* went away meanwhile */
		if (n < 0)
			return -errno;
		if (fsetxattr(to, name, value, (size_t)n, 0) < 0) {
			if (errno != EOPNOTSUPP || strncmp(name, "user.", 5) != 0)
				return -errno;
			++*ret_dropped; /* tmpfs before Linux 6.6 */
		}
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_value(struct sha *h, int fd, const char *name, char *value)
{
	ssize_t n = fgetxattr(fd, name, value, VALUE_MAX);
	uint32_t le;

	if (n < 0)
		return -errno;
	le = htole32((uint32_t)n);
	return sha_add(h, name, strlen(name) + 1) ?: sha_add(h, &le, sizeof(le)) ?: sha_add(h, value, (size_t)n);
}

int xattr_digest(int fd, char ret_hex[65])
{
	autofree char *names = NULL;
	autofree char *value = NULL;
	autofree const char **sorted = NULL;
	autodone(sha_done) struct sha h = SHA_INIT;
	ssize_t len = names_of(fd, &names);
	size_t count = 0;
	int r;

	ret_hex[0] = '\0';
	if (len <= 0)
		return (int)len;
	value = malloc(VALUE_MAX);
	sorted = calloc(COUNT_MAX, sizeof(*sorted));
	if (!value || !sorted)
		return -ENOMEM;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		if (!xattr_is_kept(name))
			continue;
		if (count == COUNT_MAX)
			return -E2BIG;
		sorted[count++] = name;
	}
	if (count == 0)
		return 0;
	qsort(sorted, count, sizeof(*sorted), by_name);
	r = sha_init(&h);
	for (size_t i = 0; i < count && r == 0; i++)
		r = add_value(&h, fd, sorted[i], value);
	return r < 0 ? r : sha_hex(&h, ret_hex);
}

void xattr_acl_begin(struct buf *out)
{
	struct posix_acl_xattr_header head = {.a_version = htole32(POSIX_ACL_XATTR_VERSION)};

	buf_add(out, &head, sizeof(head));
}

void xattr_acl_add(struct buf *out, uint16_t tag, uint16_t perm, uint32_t id)
{
	struct posix_acl_xattr_entry entry = {.e_tag = htole16(tag), .e_perm = htole16(perm), .e_id = htole32(id)};

	buf_add(out, &entry, sizeof(entry));
}
