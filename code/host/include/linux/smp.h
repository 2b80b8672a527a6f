/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupts to other CPUs; see cpu.c. */
#ifndef HOST_LINUX_SMP_H
#define HOST_LINUX_SMP_H

#include <linux/cpumask.h>

void smp_call_function_many(const struct cpumask *mask, void (*function)(void *info), void *info,
			    bool wait);

#endif
