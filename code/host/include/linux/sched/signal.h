/* SPDX-License-Identifier: GPL-2.0 */
/* Has the task been killed? */
#ifndef HOST_LINUX_SCHED_SIGNAL_H
#define HOST_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

static inline bool fatal_signal_pending(const struct task_struct *task)
{
	return task->killed;
}

#endif
