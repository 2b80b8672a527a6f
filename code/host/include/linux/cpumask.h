/* SPDX-License-Identifier: GPL-2.0 */
/* A set of at most 64 CPUs. */
#ifndef HOST_LINUX_CPUMASK_H
#define HOST_LINUX_CPUMASK_H

#include <linux/bitops.h>

typedef struct cpumask {
	unsigned long bits[1];
} cpumask_t;

static inline void cpumask_clear(cpumask_t *mask)
{
	mask->bits[0] = 0;
}

static inline void cpumask_set_cpu(unsigned int cpu, cpumask_t *mask)
{
	set_bit(cpu, mask->bits);
}

#endif
