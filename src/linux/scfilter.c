/* scfilter.c - names and loads compiled filters. */
#include "linux/scfilter.h"

#include "linux/sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <seccomp.h>

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

int scfilter_load(const char *filter, size_t len)
{
	struct sock_fprog prog = {.len = (unsigned short)(len / sizeof(struct sock_filter)),
				  .filter = (struct sock_filter *)(uintptr_t)filter};

	if (len % sizeof(struct sock_filter) || len / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return -EBADMSG;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return -errno;
	return 0;
}
