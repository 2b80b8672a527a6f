/* SPDX-License-Identifier: GPL-2.0 */
/* Atomic bits in an array of longs. */
#ifndef HOST_LINUX_BITOPS_H
#define HOST_LINUX_BITOPS_H

#include <linux/bits.h>
#include <linux/types.h>

static inline void host_set_bit(unsigned long n, unsigned long *map)
{
	__atomic_fetch_or(&map[n / BITS_PER_LONG], BIT(n % BITS_PER_LONG), __ATOMIC_RELAXED);
}

static inline void host_clear_bit(unsigned long n, unsigned long *map)
{
	__atomic_fetch_and(&map[n / BITS_PER_LONG], ~BIT(n % BITS_PER_LONG), __ATOMIC_RELAXED);
}

static inline bool test_bit(unsigned long n, const unsigned long *map)
{
	return map[n / BITS_PER_LONG] & BIT(n % BITS_PER_LONG);
}

static inline bool host_test_and_clear_bit(unsigned long n, unsigned long *map)
{
	unsigned long bit = BIT(n % BITS_PER_LONG);

	return __atomic_fetch_and(&map[n / BITS_PER_LONG], ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* For steps, each of the first eight bits is a thing of its own. */
#define host_bit(n, map)	((const char *)(map) + ((n) & 7))

/* checkpatch(MACRO_ARG_REUSE): numbers and addresses */
#define set_bit(n, map) ({						\
	host_step(__func__, "sets", #n " in " #map, host_bit(n, map), true);		\
	host_set_bit(n, map);						\
})
#define clear_bit(n, map) ({						\
	host_step(__func__, "clears", #n " in " #map, host_bit(n, map), true);	\
	host_clear_bit(n, map);						\
})
#define test_and_clear_bit(n, map) ({					\
	host_step(__func__, "takes", #n " in " #map, host_bit(n, map),	\
		  test_bit(n, map));					\
	host_test_and_clear_bit(n, map);				\
})

#endif
