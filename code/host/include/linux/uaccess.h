/* SPDX-License-Identifier: GPL-2.0 */
/* The process' memory as the kernel reaches it: it may fault, and so sleep; see mm.c. */
#ifndef HOST_LINUX_UACCESS_H
#define HOST_LINUX_UACCESS_H

#include <linux/sched.h>

#define TASK_SIZE_MAX 0x7ffffffff000UL

static inline bool access_ok(const void __user *user, unsigned long size)
{
	return size <= TASK_SIZE_MAX && (unsigned long)user <= TASK_SIZE_MAX - size;
}

/* While disabled, a page that is not there is an error, and is not waited for. */
void pagefault_disable(void);
void pagefault_enable(void);

unsigned long copy_from_user(void *to, const void __user *from, unsigned long n);
unsigned long copy_to_user(void __user *to, const void *from, unsigned long n);

#define get_user(value, user) ({					\
	__typeof__(*(user)) get_user_value = 0;				\
	unsigned long get_user_left;					\
									\
	get_user_left = copy_from_user(&get_user_value, user,		\
				       sizeof(get_user_value));		\
	(value) = get_user_value;					\
	get_user_left ? -EFAULT : 0;					\
})

/* 0: done; 1: it was something else, which *old now is; -EFAULT, by way of the label. */
int host_cmpxchg_user(void __user *user, void *old, u64 value, unsigned int size);

#define __try_cmpxchg_user(user, old, value, label) ({				\
	int cmpxchg_ret = host_cmpxchg_user(user, old, value, sizeof(*(user)));	\
										\
	if (cmpxchg_ret < 0)							\
		goto label;							\
label:										\
	cmpxchg_ret;								\
})

#endif
