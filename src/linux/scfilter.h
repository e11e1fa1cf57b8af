/* scfilter.h - the default system call filter, compiled once and loaded as bytes.
 *
 * Policy: every call the library knows by name is allowed, minus a list that no service needs and kernel bugs love; anything newer than the library is refused with
 * ENOSYS, so that programs fall back. Compiling takes tens of milliseconds, so the result is kept on disk by the digest of everything it
 * depends on, and a start only reads and loads it. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"

#include <stdbool.h>

struct scfilter_profile {
	bool nesting;    /* user namespaces, keyrings and mounts of a container inside */
	bool privileged; /* no user namespace: calls that only real root may do are refused too */
};

/* A name for the compiled filter of @p on this machine: policy version, flags, architecture, library version. 64 bytes. */
void scfilter_key(const struct scfilter_profile *p, char ret[64]);

/* Compiles into @out (struct sock_filter array as bytes). */
int scfilter_compile(const struct scfilter_profile *p, struct buf *out) MUST_USE;

/* Loads a compiled filter of @len bytes into the calling thread. Needs CAP_SYS_ADMIN over its user namespace, or no_new_privs. */
int scfilter_load(const char *filter, size_t len) MUST_USE;
/* The same for one that hands over calls: gives the descriptor (close-on-exec) that they arrive at. -EBUSY: a filter above it has one. */
int scfilter_load_listener(const char *filter, size_t len) MUST_USE;
/* Does the compiled filter hand over calls (SECCOMP_RET_USER_NOTIF)? Without a listener they fail with ENOSYS. */
bool scfilter_notifies(const char *filter, size_t len);
