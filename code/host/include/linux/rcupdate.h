/* SPDX-License-Identifier: GPL-2.0 */
/* Pointers that are replaced while readers follow them: who may is checked. */
#ifndef HOST_LINUX_RCUPDATE_H
#define HOST_LINUX_RCUPDATE_H

#include <linux/atomic.h>
#include <linux/bug.h>

#define rcu_dereference_protected(pointer, ok) ({				\
	host_check(ok, "%s is followed by who is no reader", #pointer);		\
	smp_load_acquire(&(pointer));						\
})

#define rcu_replace_pointer(pointer, new, ok) ({				\
	__typeof__(pointer) rcu_old = (pointer);				\
										\
	host_check(ok, "%s is replaced without its lock", #pointer);		\
	smp_store_release(&(pointer), new);					\
	rcu_old;								\
})

#endif
