/* scfilter.c - names and loads compiled filters. */
#include "linux/scfilter.h"

#include "linux/sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <seccomp.h>
#include <string.h>

/* Raise it with every change of the policy in scfilter-compile.c. */
#define POLICY_VERSION 3

#if defined(__x86_64__)
#define MACHINE "x86_64"
#elif defined(__aarch64__)
#define MACHINE "aarch64"
#else
#define MACHINE "native"
#endif

void scfilter_key(const struct scfilter_profile *p, char ret[64])
{
	(void)snprintf(ret, 64, "default-%d-%s-lib%d.%d.%d-n%dp%d.bpf", POLICY_VERSION, MACHINE, SCMP_VER_MAJOR, SCMP_VER_MINOR, SCMP_VER_MICRO,
		       p->nesting, p->privileged);
}

static int load(const char *filter, size_t len, unsigned flags)
{
	struct sock_fprog prog = {.len = (unsigned short)(len / sizeof(struct sock_filter)),
				  .filter = (struct sock_filter *)(uintptr_t)filter};
	long r;

	if (len % sizeof(struct sock_filter) || len / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return -EBADMSG;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	return r < 0 ? -errno : (int)r;
}

int scfilter_load(const char *filter, size_t len)
{
	return load(filter, len, 0);
}

int scfilter_load_listener(const char *filter, size_t len)
{
	return load(filter, len, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

bool scfilter_notifies(const char *filter, size_t len)
{
	struct sock_filter ins;

	for (size_t at = 0; at + sizeof(ins) <= len; at += sizeof(ins)) {
		memcpy(&ins, filter + at, sizeof(ins));
		if (ins.code == (BPF_RET | BPF_K) && (ins.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			return true;
	}
	return false;
}
