// SPDX-License-Identifier: GPL-2.0
/*
 * heap.c - what the machine allocates is part of its state, so it comes from an array. The
 * linker sends malloc(), calloc() and free() here (--wrap). What is freed is given out again
 * only where the size is the same, and zeroed, so that it does not tell of its past.
 */
#include <stddef.h>
#include <string.h>

#include "heap.h"
#include "machine.h"

#define HEAP_SIZE	(256 * 1024)
#define MAX_SIZES	32

struct block {
	size_t size;
	struct block *next;	/* of this size, free */
};

static char memory[HEAP_SIZE] __attribute__((aligned(4096)));
static size_t used;

static struct {
	size_t size;
	struct block *free;
} sizes[MAX_SIZES];

static struct block **free_list(size_t size)
{
	int i;

	for (i = 0; i < MAX_SIZES && sizes[i].size; i++)
		if (sizes[i].size == size)
			return &sizes[i].free;
	host_check(i < MAX_SIZES, "too many sizes of objects");
	sizes[i].size = size;
	return &sizes[i].free;
}

/** heap_reset() - nothing is allocated; the memory is as it was at the start of the program. */
void heap_reset(void)
{
	used = 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	struct block **list, *block;

	size = (n * size + 15) & ~15UL;
	list = free_list(size);
	block = *list;
	if (block) {
		*list = block->next;
	} else {
		host_check(used + sizeof(*block) + size <= HEAP_SIZE, "the heap is full");
		block = (struct block *)(memory + used);
		used += sizeof(*block) + size;
	}
	block->size = size;
	block->next = NULL;
	return block + 1;
}

void *__wrap_malloc(size_t size)
{
	return __wrap_calloc(1, size);
}

void __wrap_free(void *object)
{
	struct block *block = (struct block *)object - 1, **list;

	if (!object)
		return;
	memset(object, 0, block->size);
	list = free_list(block->size);
	block->next = *list;
	*list = block;
}
