/* SPDX-License-Identifier: GPL-2.0 */
/* Memory and strings are the C library's, and what the kernel has beyond it. */
#ifndef HOST_LINUX_STRING_H
#define HOST_LINUX_STRING_H

#include <string.h>

/* The first byte that is not @byte; NULL if all are. */
static inline void *memchr_inv(const void *data, int byte, size_t n)
{
	const unsigned char *at = data;

	for (; n; n--, at++)
		if (*at != (unsigned char)byte)
			return (void *)at;
	return NULL;
}

#endif
