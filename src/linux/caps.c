/* caps.c - capability sets, by libcap. */
#include "linux/caps.h"

#include <errno.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

unsigned caps_last(void)
{
	return (unsigned)cap_max_bits() - 1;
}

int caps_bound(uint64_t keep)
{
	for (unsigned c = 0; c <= caps_last(); c++) {
		if (c < 64 && (keep >> c) & 1)
			continue;
		/* libcap's cap_drop_bound, without loading names; EINVAL: the kernel knows fewer */
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}

static void free_caps(cap_t *c)
{
	if (*c)
		(void)cap_free(*c);
}

int caps_clear_inherited(void)
{
	autodone(free_caps) cap_t c = cap_get_proc();

	if (!c)
		return -errno;
	if (cap_clear_flag(c, CAP_INHERITABLE) < 0 || cap_set_proc(c) < 0)
		return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int caps_raise_effective(void)
{
	autodone(free_caps) cap_t c = cap_get_proc();

	if (!c || cap_fill(c, CAP_EFFECTIVE, CAP_PERMITTED) < 0 || cap_set_proc(c) < 0)
		return -errno;
	return 0;
}

int caps_act_as(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	if ((uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid)
		return -EPERM;
	return caps_raise_effective();
}
