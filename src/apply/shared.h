/* shared.h - namespaces of another container or process that a container is born into. Internal to src/apply, but for apply_open_shared() in apply.h. */
#pragma once

#include "apply/ops.h"

/* Is there any? */
bool shared_any(const struct apply *a);

/* What must hold before it is born into them: whoever lives among another's mounts belongs to the user namespace that owns them. */
int shared_check(const struct apply *a, struct err *e) MUST_USE;

/* Like ns_clone() into new namespaces @flags, beside the shared ones: returns 0 in the child, which is ours; in the monitor its pid, with a->child_pidfd set, or -errno with @e set. */
pid_t shared_clone(struct apply *a, uint64_t flags, int cgroup_fd, struct err *e) MUST_USE;

/* That nobody lives among the mounts of this container's last run: they would be a second overlay on the same directories, which ruins both. */
int shared_none_left(struct apply *a, struct err *e) MUST_USE;

/* Takes over the user namespace of the child, whose ids must be those that were planned with. */
int shared_take_ids(struct apply *a, struct err *e) MUST_USE;
