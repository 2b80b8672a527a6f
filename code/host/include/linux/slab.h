/* SPDX-License-Identifier: GPL-2.0 */
/* The allocator, with failures on demand; see alloc.c. */
#ifndef HOST_LINUX_SLAB_H
#define HOST_LINUX_SLAB_H

#include <linux/gfp.h>

void *kvcalloc(size_t n, size_t size, gfp_t flags);
void *kvmalloc(size_t size, gfp_t flags);
void *kmemdup(const void *from, size_t size, gfp_t flags);
void kvfree(const void *object);

#define kzalloc(size, flags)	kvcalloc(1, size, flags)
#define kvzalloc(size, flags)	kvcalloc(1, size, flags)
#define kfree(object)		kvfree(object)

/* The size of a struct that ends in an array of n. */
#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))

#endif
