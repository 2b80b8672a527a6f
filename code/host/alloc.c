// SPDX-License-Identifier: GPL-2.0
/*
 * alloc.c - kernel objects come from malloc(), so that AddressSanitizer watches
 * them; they are counted, and one of them can be made to fail.
 */
#include <stdlib.h>

#include <linux/slab.h>

#include "machine.h"

unsigned int host_fail_allocation;
long host_objects;

/** host_allocation_fails() - is this the allocation that a test wants to fail? */
bool host_allocation_fails(void)
{
	might_sleep();
	return host_fail_allocation && !--host_fail_allocation;
}

void *kvcalloc(size_t n, size_t size, gfp_t flags)
{
	void *object;

	if (host_allocation_fails())
		return NULL;
	/* More than a real machine has is refused, as a real machine does. */
	if (size && n > (1UL << 30) / size) {
		host_check(flags & __GFP_NOWARN, "kvcalloc(%zu, %zu) warns when it fails", n, size);
		return NULL;
	}
	object = calloc(n, size);
	host_check(object, "out of memory");
	host_objects++;
	return object;
}

void *kvmalloc(size_t size, gfp_t flags)
{
	void *object = kvcalloc(1, size, flags);

	if (object)
		memset(object, 0xa5, size);	/* whatever was there */
	return object;
}

void *kmemdup(const void *from, size_t size, gfp_t flags)
{
	void *object = kvcalloc(1, size, flags);

	if (object)
		memcpy(object, from, size);
	return object;
}

void kvfree(const void *object)
{
	if (!object)
		return;
	host_objects--;
	free((void *)object);
}
