/* SPDX-License-Identifier: GPL-2.0 */
/* PROT_ and MAP_ are the C library's. */
#ifndef HOST_LINUX_MMAN_H
#define HOST_LINUX_MMAN_H

#include <asm/mman.h>
#include <asm-generic/mman-common.h>

#ifndef MAP_SHARED
#define MAP_SHARED 1
#endif

#endif
