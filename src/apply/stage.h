/* stage.h - what the steps that assemble the root share (step-stage.c, step-overlay.c). Internal to src/apply. */
#pragma once

#include "apply/apply.h"

/* Attaches @mount to directory @name of the stage. */
int stage_attach_on(struct apply *a, int mount, const char *name, struct err *e) MUST_USE;
/* Attaches a->root as the container's root. */
int stage_attach_root(struct apply *a, struct err *e) MUST_USE;

/* The user namespace that the container's mounts are mapped by (borrowed), FD_NONE when its ids are ours. */
int stage_mapped_by(const struct apply *a) MUST_USE;
/* What the tree behind @fd is mapped by, as @how of ROOT says. *ret is FD_NONE when it stays as it is, else borrowed from @a, or opened into *opened, which the caller
 * closes. */
int stage_tree_mapped_by(struct apply *a, const char *how, int fd, int *opened, int *ret, struct err *e) MUST_USE;

/* Files made between the two belong to the container's root. */
int stage_act_as_root_of(struct apply *a, struct err *e) MUST_USE;
void stage_act_as_host(struct apply *a);
