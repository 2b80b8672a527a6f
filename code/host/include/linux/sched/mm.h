/* SPDX-License-Identifier: GPL-2.0 */
/* Is the process still there? */
#ifndef HOST_LINUX_SCHED_MM_H
#define HOST_LINUX_SCHED_MM_H

#include <linux/mm_types.h>

bool mmget_not_zero(struct mm_struct *mm);
void mmput(struct mm_struct *mm);

#endif
