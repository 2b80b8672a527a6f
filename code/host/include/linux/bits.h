/* SPDX-License-Identifier: GPL-2.0 */
/* Single bits and runs of them. */
#ifndef HOST_LINUX_BITS_H
#define HOST_LINUX_BITS_H

#define BITS_PER_LONG		64
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(high, low)	((~0ULL >> (63 - (high))) & (~0ULL << (low)))
#define GENMASK(high, low)	((unsigned long)GENMASK_ULL(high, low))

#endif
