/* SPDX-License-Identifier: GPL-2.0 */
/* Which kernel the machine behaves like: 6.1, unless the build says 6.12. */
#ifndef HOST_LINUX_VERSION_H
#define HOST_LINUX_VERSION_H

#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))

#ifndef LINUX_VERSION_CODE
#define LINUX_VERSION_CODE KERNEL_VERSION(6, 1, 0)
#endif

/*
 * .invalidate_range is called where 6.1 does, or as arch_invalidate_secondary_tlbs() is.
 * checkpatch(CONSTANT_COMPARISON): both are
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define HOST_OLD_CALLS 1
#else
#define HOST_OLD_CALLS 0
#endif

#endif
