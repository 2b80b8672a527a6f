/* SPDX-License-Identifier: GPL-2.0 */
/* Bitmaps of any length. */
#ifndef HOST_LINUX_BITMAP_H
#define HOST_LINUX_BITMAP_H

#include <linux/bitops.h>

#define BITS_TO_LONGS(n) (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline void bitmap_zero(unsigned long *map, unsigned long bits)
{
	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long));
}

#define for_each_set_bit(n, map, bits)			\
	for ((n) = 0; (n) < (bits); (n)++)		\
		if (test_bit(n, map))

#endif
