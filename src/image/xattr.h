/* xattr.h - extended attributes: which ones a base keeps, how they are copied, hashed and made from ACLs.
 *
 * Kept: user.*, security.capability, system.posix_acl_access and system.posix_acl_default. Dropped: trusted.* and user.overlay.* (an
 * overlay mount over the base would obey them), security.selinux, security.ima, security.evm (they describe another system's inode). */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

bool xattr_is_kept(const char *name);

/* Copies what is kept from one open file or directory to another. Gives how many were left out. -EOPNOTSUPP when the
 * target's file system cannot hold a capability or an ACL. */
int xattr_copy(int from, int to, unsigned *ret_dropped) MUST_USE;

/* sha256 over name, length and value of each kept attribute of @fd, sorted by name; "" when there are none. */
int xattr_digest(int fd, char ret_hex[65]) MUST_USE;

/* Appends an ACL in the kernel's form (system.posix_acl_*): begin, then entries in canonical order (linux/posix_acl_xattr.h). */
void xattr_acl_begin(struct buf *out);
void xattr_acl_add(struct buf *out, uint16_t tag, uint16_t perm, uint32_t id);
