/* lock.h - advisory locks that say who holds them and never wait without a deadline.
 *
 * A lock is a flock(2) on a file of its own: it dies with the last descriptor of its holder, however that ends. The holder of an
 * exclusive lock writes who it is into the file, for the message of whoever has to wait. Lock files may be removed by their exclusive
 * holder (lock_forget): a locker always checks that the name still leads to the file it has locked. */
#pragma once

#include "base/err.h"
#include "base/proc.h"

#include <stdbool.h>

/* Who holds a lock, as far as known: id.pid is 0 when it is not (shared locks, a holder just starting). */
struct lock_holder {
	struct proc_id id;
	char verb[32];
};

/* Locks @name in @dir, waiting until @deadline (clock.h; 0 = not at all). The file is made when missing (0600). Exclusive holders leave
 * @verb (may be NULL). Gives the descriptor that is the lock; -EBUSY when it stays taken, with @ret_holder (may be NULL) filled. */
int lock_take(int dir, const char *name, bool exclusive, const char *verb, uint64_t deadline, struct lock_holder *ret_holder) MUST_USE;

/* Removes the lock file, held exclusively as @fd, and releases it. The caller must be done with what the lock protects. */
void lock_forget(int dir, const char *name, int *fd);

/* Removes directory or file @name in @dir with all below it, unless another process is at it: -EBUSY then. For things already renamed
 * out of sight that several commands may find at once. A missing one is success. */
int lock_reap(int dir, const char *name) MUST_USE;
