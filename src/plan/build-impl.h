/* build-impl.h - what the parts of plan_build() share. Internal to src/plan. */
#pragma once

#include "plan/plan.h"

/* Kernel's MOUNT_ATTR_* as numbers; linux/mnt.h is not a planner's business. */
#define A_RDONLY 1u
#define A_NOSUID 2u
#define A_NODEV 4u
#define A_NOEXEC 8u
#define A_NOATIME 0x10u
#define A_STRICTATIME 0x20u
#define A_NODIRATIME 0x80u
#define A_NOSYMFOLLOW 0x200000u

struct builder {
	const struct spec *s;
	const struct facts *f;
	const struct plan_choices *c;
	struct plan *p;
	struct buf *notes;
	uint64_t cgroup_slot; /* of the first source of build_cgroup_opens() */
	const char *where;    /* "file:line" that the steps being added come from, NULL = no line of a config */
	bool oom;
};

/* Adds a step with texts and numbers copied into the plan; the second gives it its fourth ones. NULL out of memory, which is remembered. */
struct step *build_add(struct builder *b, enum step_kind kind, const char *t0, const char *t1, const char *t2, uint64_t n0, uint64_t n1, uint64_t n2);
void build_add_tail(struct builder *b, struct step *st, const char *t3, uint64_t n3);

/* Whether the container has a namespace of this kind for itself. */
static inline bool build_is_own(const struct spec *s, enum spec_ns ns)
{
	return !(s->ns_keep >> ns & 1) && !s->ns_share[ns];
}

/* build-cgroup.c: v1 hierarchies the container gets nodes in, and what it sees at /sys/fs/cgroup. */
uint64_t build_seen(const struct builder *b);
void build_cgroup_mounts(struct builder *b);
/* The same without a namespace of its own, where only the monitor can mount: sources, and the mounts prepared. */
void build_cgroup_opens(struct builder *b);
void build_cgroup_binds(struct builder *b);
/* A class id on a host without a controller for it. */
int build_class(struct builder *b, struct err *e) MUST_USE;

/* build-net.c: the network helper's steps, nothing for a container without interfaces. */
int build_net_begin(struct builder *b, struct err *e) MUST_USE;
/* The wait for the interfaces stands where they are needed: before the child's steps, or, when none of those looks at them, @last: the helper works beside the child. */
void build_net_wait(struct builder *b, bool last);
/* User mode: what the user's own program listens on. */
void build_user_ports(struct builder *b);
/* Host path of the file with everybody's names, and text of resolv.conf, from the first managed network that gives one; NULL = none. */
const char *build_hosts(const struct builder *b);
const char *build_resolv(const struct builder *b);

/* build-label.c: labels of security modules: of the program, and before that of the session keyring, where one is made. */
void build_keyring_label(struct builder *b);
int build_labels(struct builder *b, struct err *e) MUST_USE;

/* build.c: what a variable without a value is to whoever starts the container, NULL when it has none. */
const char *build_inherited(const struct builder *b, const char *name);

/* build-hook.c: what hooks there are, as data; and a step that runs those of @kind, nothing when there are none. */
void build_hook_data(struct builder *b);
void build_hooks(struct builder *b, enum spec_hook_kind kind);
