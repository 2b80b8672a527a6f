/* SPDX-License-Identifier: GPL-2.0 */
/* A number to fewer bits. */
#ifndef HOST_LINUX_HASH_H
#define HOST_LINUX_HASH_H

#include <linux/types.h>

static inline unsigned int hash_64(u64 value, unsigned int bits)
{
	return (value * 0x9e3779b97f4a7c15ULL) >> (64 - bits);
}

#endif
