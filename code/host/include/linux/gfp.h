/* SPDX-License-Identifier: GPL-2.0 */
/* Physical pages for the kernel; see page.c. */
#ifndef HOST_LINUX_GFP_H
#define HOST_LINUX_GFP_H

#include <linux/types.h>

#define GFP_KERNEL		0x1
#define GFP_KERNEL_ACCOUNT	0x3
#define __GFP_NOWARN		0x4

unsigned long get_zeroed_page(gfp_t flags);
void free_page(unsigned long address);

#endif
