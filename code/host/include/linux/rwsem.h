/* SPDX-License-Identifier: GPL-2.0 */
/* Read-write semaphores. */
#ifndef HOST_LINUX_RWSEM_H
#define HOST_LINUX_RWSEM_H

#include <linux/lockdep.h>

struct rw_semaphore {
	struct host_lock dep;
};

#define init_rwsem(sem) host_lock_init(&(sem)->dep, #sem, false)

static inline void down_read(struct rw_semaphore *sem)
{
	host_lock_read(&sem->dep);
}

static inline void up_read(struct rw_semaphore *sem)
{
	host_unlock(&sem->dep);
}

static inline void down_write(struct rw_semaphore *sem)
{
	host_lock_write(&sem->dep);
}

static inline void up_write(struct rw_semaphore *sem)
{
	host_unlock(&sem->dep);
}

/* Nobody is ever killed while waiting here. */
static inline int down_write_killable(struct rw_semaphore *sem)
{
	down_write(sem);
	return 0;
}

#endif
