/* SPDX-License-Identifier: GPL-2.0 */
/* The signal that broken memory gives. */
#ifndef HOST_LINUX_SCHED_SIGNAL_H
#define HOST_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

#define BUS_MCEERR_AR 4

/* The task keeps the last one. */
static inline int send_sig_mceerr(int code, void __user *address, short shift,
				  struct task_struct *task)
{
	task->sigbus_code = code;
	task->sigbus_address = (unsigned long)address;
	task->sigbus_shift = shift;
	return 0;
}

#endif
