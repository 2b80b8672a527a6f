/* SPDX-License-Identifier: GPL-2.0 */
/* Mutexes. */
#ifndef HOST_LINUX_MUTEX_H
#define HOST_LINUX_MUTEX_H

#include <linux/lockdep.h>

struct mutex {
	struct host_lock dep;
};

#define mutex_init(mutex) host_lock_init(&(mutex)->dep, #mutex, false)

#define mutex_lock(mutex) host_lock_write(&(mutex)->dep, __func__)

static inline void mutex_unlock(struct mutex *mutex)
{
	host_unlock(&mutex->dep);
}

#endif
