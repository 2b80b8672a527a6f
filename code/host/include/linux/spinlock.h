/* SPDX-License-Identifier: GPL-2.0 */
/* Spinlocks. One thread only: to wait would be to wait for ever. */
#ifndef HOST_LINUX_SPINLOCK_H
#define HOST_LINUX_SPINLOCK_H

#include <linux/lockdep.h>

typedef struct {
	struct host_lock dep;
} spinlock_t;

#define DEFINE_SPINLOCK(lock)	spinlock_t lock = { .dep = { .name = #lock, .spins = true } }
#define spin_lock_init(lock)	host_lock_init(&(lock)->dep, #lock, true)

#define spin_lock(lock)		host_lock_write(&(lock)->dep, __func__)

static inline void spin_unlock(spinlock_t *lock)
{
	host_unlock(&lock->dep);
}

int cond_resched_lock(spinlock_t *lock);

#endif
