/* SPDX-License-Identifier: GPL-2.0 */
/* Read-write semaphores. */
#ifndef HOST_LINUX_RWSEM_H
#define HOST_LINUX_RWSEM_H

#include <linux/lockdep.h>

struct rw_semaphore {
	struct host_lock dep;
};

#define init_rwsem(sem) host_lock_init(&(sem)->dep, #sem, false)

#define down_read(sem)	host_lock_read(&(sem)->dep, __func__)
#define down_write(sem)	host_lock_write(&(sem)->dep, __func__)
/* Nobody is ever killed while waiting here. */
#define down_write_killable(sem) ({ down_write(sem); 0; })

static inline void up_read(struct rw_semaphore *sem)
{
	host_unlock(&sem->dep);
}

static inline void up_write(struct rw_semaphore *sem)
{
	host_unlock(&sem->dep);
}

#endif
