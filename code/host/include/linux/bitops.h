/* SPDX-License-Identifier: GPL-2.0 */
/* Atomic bits in an array of longs. */
#ifndef HOST_LINUX_BITOPS_H
#define HOST_LINUX_BITOPS_H

#include <linux/bits.h>
#include <linux/types.h>

static inline void set_bit(unsigned long n, unsigned long *map)
{
	__atomic_fetch_or(&map[n / BITS_PER_LONG], BIT(n % BITS_PER_LONG), __ATOMIC_RELAXED);
}

static inline void clear_bit(unsigned long n, unsigned long *map)
{
	__atomic_fetch_and(&map[n / BITS_PER_LONG], ~BIT(n % BITS_PER_LONG), __ATOMIC_RELAXED);
}

static inline bool test_bit(unsigned long n, const unsigned long *map)
{
	return map[n / BITS_PER_LONG] & BIT(n % BITS_PER_LONG);
}

static inline bool test_and_clear_bit(unsigned long n, unsigned long *map)
{
	unsigned long bit = BIT(n % BITS_PER_LONG);

	return __atomic_fetch_and(&map[n / BITS_PER_LONG], ~bit, __ATOMIC_SEQ_CST) & bit;
}

#endif
