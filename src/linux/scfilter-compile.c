/* scfilter-compile.c - policy as a list of refusals; libseccomp turns it into BPF. Linked only into the helper that compiles: its tables would cost every monitor
 * memory. */
#include "linux/scfilter.h"

#include "base/fd.h"
#include "base/parse.h"
#include "linux/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define MAX_SYSCALL 1024

/* The 32-bit sibling whose programs run here too. */
#if defined(__x86_64__)
#define OTHER_ARCH SCMP_ARCH_X86
#elif defined(__aarch64__)
#define OTHER_ARCH SCMP_ARCH_ARM
#else
#define OTHER_ARCH seccomp_arch_native()
#endif

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif
#ifndef AF_ALG
#define AF_ALG 38
#endif

/* When a call is refused. */
enum when { ALWAYS, UNLESS_NESTING, IF_PRIVILEGED };

static const struct {
	const char *name;
	enum when when;
	int error;
} refused[] = {
	{"kexec_load", ALWAYS, EPERM},
	{"kexec_file_load", ALWAYS, EPERM},
	{"init_module", ALWAYS, EPERM},
	{"finit_module", ALWAYS, EPERM},
	{"delete_module", ALWAYS, EPERM},
	{"create_module", ALWAYS, ENOSYS},
	{"open_by_handle_at", ALWAYS, EPERM}, /* reaches any inode of a file system by number */
	{"bpf", ALWAYS, EPERM},
	{"perf_event_open", ALWAYS, EPERM},
	{"userfaultfd", ALWAYS, EPERM},
	{"io_uring_setup", ALWAYS, ENOSYS},
	{"io_uring_enter", ALWAYS, ENOSYS},
	{"io_uring_register", ALWAYS, ENOSYS},
	{"keyctl", UNLESS_NESTING, ENOSYS}, /* keyrings are shared with whoever has the same user id */
	{"add_key", UNLESS_NESTING, ENOSYS},
	{"request_key", UNLESS_NESTING, ENOSYS},
	{"clone3", UNLESS_NESTING, ENOSYS}, /* flags are behind a pointer: libc falls back to clone, whose flags we see */
	{"swapon", ALWAYS, EPERM},
	{"swapoff", ALWAYS, EPERM},
	{"acct", ALWAYS, EPERM},
	{"quotactl", ALWAYS, EPERM},
	{"quotactl_fd", ALWAYS, EPERM},
	{"lookup_dcookie", ALWAYS, EPERM},
	{"kcmp", ALWAYS, EPERM},
	{"uselib", ALWAYS, ENOSYS},
	{"vm86", ALWAYS, ENOSYS},
	{"vm86old", ALWAYS, ENOSYS},
	{"modify_ldt", ALWAYS, ENOSYS},
	{"_sysctl", ALWAYS, ENOSYS},
	{"sysfs", ALWAYS, ENOSYS},
	{"ustat", ALWAYS, ENOSYS},
	{"nfsservctl", ALWAYS, ENOSYS},
	{"settimeofday", IF_PRIVILEGED, EPERM},
	{"clock_settime", IF_PRIVILEGED, EPERM},
	{"clock_settime64", IF_PRIVILEGED, EPERM},
	{"clock_adjtime", IF_PRIVILEGED, EPERM},
	{"clock_adjtime64", IF_PRIVILEGED, EPERM},
	{"adjtimex", IF_PRIVILEGED, EPERM},
	{"stime", IF_PRIVILEGED, EPERM},
	{"iopl", ALWAYS, EPERM},
	{"ioperm", ALWAYS, EPERM},
	{"syslog", IF_PRIVILEGED, EPERM},
	{"move_pages", IF_PRIVILEGED, EPERM},
};

static bool applies(enum when when, const struct scfilter_profile *p)
{
	switch (when) {
	case ALWAYS:
		return true;
	case UNLESS_NESTING:
		return !p->nesting;
	case IF_PRIVILEGED:
		return p->privileged;
	}
	return true;
}

static int refusal(const char *name, const struct scfilter_profile *p)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strcmp(refused[i].name, name) == 0 && applies(refused[i].when, p))
			return refused[i].error;
	return 0;
}

static void release(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

static int add_syscall(scmp_filter_ctx ctx, const struct scfilter_profile *p, int nr, const char *name)
{
	int error = refusal(name, p);

	if (error)
		return seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)error), nr, 0);
	if (!p->nesting && (strcmp(name, "clone") == 0 || strcmp(name, "unshare") == 0)) /* anything but a user namespace */
		return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
	return 0;
}

/* Rules for @arch's calls, one by one; gives the highest number the library knows. A call that exists on a secondary architecture only is added through its pseudo
 * number. */
static int add_arch(scmp_filter_ctx ctx, const struct scfilter_profile *p, uint32_t arch, bool native, uint32_t *ret_highest)
{
	for (int n = 0; n < MAX_SYSCALL; n++) {
		autofree char *name = seccomp_syscall_resolve_num_arch(arch, n);
		int nr, r;

		if (!name)
			continue;
		*ret_highest = (uint32_t)n;
		nr = seccomp_syscall_resolve_name(name); /* native number, or a pseudo number */
		if (nr == __NR_SCMP_ERROR || (!native && nr >= 0))
			continue; /* done with the native architecture */
		r = add_syscall(ctx, p, nr, name);
		if (r < 0 && r != -EDOM && r != -EEXIST)
			return r;
	}
	return 0;
}

/* In front of the library's program: whatever is newer than the library does not exist. (This also catches the x32 calls of x86-64, whose numbers have a high bit.) An
 * allow-list by name would say the same in a thousand instructions, which the kernel would translate anew at every start. */
static void add_newer(struct buf *out, uint32_t arch, uint32_t highest)
{
	const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, highest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	buf_add(out, program, sizeof(program));
}

/* ---- sockets ---- */

/* What the library cannot say is said by instructions in front of its program:
 *  - a family is an int, so only the lower half of the register may be compared; the library compares all of it, and 0x100000028 would pass for a family that is not AF_VSOCK;
 *  - socketcall(2), the 32-bit multiplexer, hides the family behind a pointer; the library allows it along with any rule for socket(2). Current C libraries do not need it.
 * AF_VSOCK and AF_ALG are refused because no network namespace confines them. The kernel still finds out beforehand which calls are always allowed and runs no filter for them. */
static void add_sockets(struct buf *out, uint32_t arch, uint32_t socket_nr, uint32_t mux_nr)
{
	const uint32_t low = offsetof(struct seccomp_data, args) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	const struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 8),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mux_nr, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, socket_nr, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_ALG, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_VSOCK, 0, 2),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	buf_add(out, program, sizeof(program));
}

#define NO_CALL UINT32_MAX

static void add_socket_rules(struct buf *out)
{
	add_sockets(out, seccomp_arch_native(), SYS_socket, NO_CALL);
#ifdef __x86_64__
	add_sockets(out, SCMP_ARCH_X86, 359, 102);
#elif defined(__aarch64__)
	add_sockets(out, SCMP_ARCH_ARM, 281, NO_CALL);
#endif
}

int scfilter_compile(const struct scfilter_profile *p, struct buf *out)
{
	autodone(release) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	uint32_t highest = 0, highest_other = 0;
	autoclose int fd = FD_NONE;
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* binary tree: a dozen comparisons a call instead of hundreds */
	r = seccomp_arch_add(ctx, OTHER_ARCH);
	if (r < 0 && r != -EEXIST)
		return r;
	r = add_arch(ctx, p, seccomp_arch_native(), true, &highest);
	if (r == 0)
		r = add_arch(ctx, p, OTHER_ARCH, false, &highest_other);
	if (r < 0)
		return r;
	fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	add_newer(out, seccomp_arch_native(), highest);
	if (OTHER_ARCH != seccomp_arch_native())
		add_newer(out, OTHER_ARCH, highest_other);
	add_socket_rules(out);
	return fd_read_all(fd, out, (size_t)1 << 20);
}
