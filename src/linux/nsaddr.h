/* nsaddr.h - interfaces and addresses of other network namespaces: one look at any number of them, after which the caller is where it was.
 * Threads: only the calling one goes there. */
#pragma once

#include "base/proc.h"

/* Room for the text of one namespace. */
#define NSADDR_TEXT 512

/* For each of @count processes what its network namespace has: "eth0=10.0.0.2,fd00::2 lo=127.0.0.1,::1", sorted by name, an interface without addresses as "eth1=";
 * addresses of scope link are left out. What does not fit ends the text, at a word. "" for a process that is gone or may not be looked at. @ret: @count texts. 0 or -errno. */
int nsaddr_look(const struct proc_id *ids, size_t count, char (*ret)[NSADDR_TEXT]) MUST_USE;

/* The one namespace that netlink socket @sock lives in; for nsaddr_look() and tests. 0 or -errno. */
int nsaddr_of(int sock, char ret[NSADDR_TEXT]) MUST_USE;
