/* ops.h - what each step kind does: one function a kind, declared from the one list in plan.h. */
#pragma once

#include "apply/apply.h"

typedef int step_fn(struct apply *a, const struct step *st, struct err *e);
typedef void step_undo_fn(struct apply *a, const struct step *st);

#define DECLARE_DATA(word)
#define DECLARE_NET(word)
#define DECLARE_HOST(word) int step_##word(struct apply *a, const struct step *st, struct err *e);
#define DECLARE_CHILD(word) int step_##word(struct apply *a, const struct step *st, struct err *e);
#define X(kind, side, word, args) DECLARE_##side(word)
STEP_LIST(X)
#undef X

/* Does step @st; undoes it. */
/* Runs step @index (from 0) of the plan, with the artificial failure that was asked for. */
void ops_tell(const struct apply *a, size_t index); /* only into the log: for steps that a helper does */
int ops_run(struct apply *a, size_t index, struct err *e) MUST_USE;
int ops_apply(struct apply *a, const struct step *st, struct err *e) MUST_USE;
void ops_undo(struct apply *a, const struct step *st);

/* The end of a process that an artificial failure kills. */
NORETURN void ops_die(void);

/* net.c: ends a helper that is still at work, then lets another one undo. */
void undo_net_begin(struct apply *a, const struct step *st);
/* class.c: takes the mark away. */
void undo_class(struct apply *a, const struct step *st);
/* user-net.c: ends the program. */
void undo_user_net(struct apply *a, const struct step *st);
/* step-hook.c: runs the hooks of the end. */
void undo_hooks(struct apply *a, const struct step *st);
/* step-hook.c: a mount namespace of our own, which nobody else sees; once. */
int apply_own_mounts(struct apply *a, struct err *e) MUST_USE;
/* step-hook.c: the same for a process of ours that works in a copy of the mounts as they are. */
int apply_private_mounts(struct err *e) MUST_USE;
/* step-hook.c: runs hooks of @kind (enum spec_hook_kind) for the child that waits for them; @tree is the child's, or FD_NONE. */
int apply_serve_hooks(struct apply *a, uint64_t kind, int tree, struct err *e) MUST_USE;
/* net.c: keeps the plan for whoever cleans up after us, before something is made that only the plan can tell how to undo. */
int apply_keep_plan(struct apply *a, struct err *e) MUST_USE;
/* net.c: waits for the end of a helper whose verdict is known. */
void apply_net_reap(struct apply *a);

/* net.c: gives the tree at @root an /etc/resolv.conf of ours when it has none, an empty one, or ours of an earlier start; anything else stays. No link is followed. */
int apply_resolv(int root, const char *text, struct err *e) MUST_USE;

/* Why a kind needs no undo; NULL when it has one. For the table test. */
const char *ops_why_no_undo(enum step_kind kind);

/* Opens a pty of the devpts below @rootfd and, with @lay, lays its terminal over /dev/@name. Gives the master, and the terminal side when asked and laid out. Also used by a monitor that
 * adopts a container. */
int apply_open_tty(int rootfd, const char *name, bool lay, int *ret_master, int *ret_slave, struct err *e) MUST_USE;

/* "console", "tty3", or below the directory that the plan's CONSOLE says: "lxc/tty3". */
#define APPLY_TTY_NAME 80
void apply_tty_name(const struct step *console, size_t number, char ret[APPLY_TTY_NAME]);

/* Whether the plan's program runs under the small init, which then holds the masters of all terminals. */
bool apply_has_small_init(const struct plan *p);

/* Fetches those masters from the small init behind @init_pidfd: console, tty1.., @count in all; the console is of @any number when the devpts is another's. 0, or -ENOENT when not all are there. What the container can do to
 * its pid 1 it can do to this: call it where a deadline ends it. */
#define APPLY_KEPT_END 320 /* descriptors of the small init that are looked at */
int apply_fetch_ttys(int init_pidfd, bool any, int *ret_masters, size_t count) MUST_USE;

/* The setup child's program: runs its steps, then execs. Never returns. */
NORETURN void child_main(struct apply *a);

/* "sys/net/ipv4/ip_forward" of "net.ipv4.ip_forward"; false when it is too long. */
bool apply_sysctl_path(const char *name, char *ret, size_t size) MUST_USE;

/* "mode=0755,size=4k,newinstance" as key, value pairs in @arena, ended by NULL. */
int apply_split_options(struct arena *arena, const char *text, const char ***ret, struct err *e) MUST_USE;

/* Directory or file @target inside the root we assemble, as an O_PATH descriptor, made when @create asks for it (as the container's root, so that ids come out
 * right). A symbolic link on the way is an error that says so. -ENOENT is returned without @e set when the target is missing and @create has PLAN_OPTIONAL. */
int apply_target(struct apply *a, const char *target, uint64_t create, struct err *e) MUST_USE;
/* Attaches @mount there; nothing is done when @create has PLAN_OPTIONAL and the target is missing. @what is said before it in an error: "" or "the mount for ". */
int apply_attach(struct apply *a, int mount, const char *target, uint64_t create, const char *what, struct err *e) MUST_USE;
