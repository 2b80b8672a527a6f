/* SPDX-License-Identifier: GPL-2.0 */
/* The one task there is. */
#ifndef HOST_LINUX_SCHED_H
#define HOST_LINUX_SCHED_H

#include <linux/lockdep.h>
#include <linux/mm_types.h>

struct task_struct {
	struct mm_struct *mm;
	int sigbus_code;	/* of the last SIGBUS: 0 for none */
	unsigned long sigbus_address;
	short sigbus_shift;
};

extern struct task_struct host_task;
#define current (&host_task)

#define cond_resched() might_sleep()

#endif
