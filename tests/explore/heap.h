/* SPDX-License-Identifier: GPL-2.0 */
/* heap.h - malloc() in the machine's own memory, the same in each run. */
#ifndef EXPLORE_HEAP_H
#define EXPLORE_HEAP_H

#include <stddef.h>

void heap_reset(void);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *object);

#endif
