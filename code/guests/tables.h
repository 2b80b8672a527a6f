/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tables.h - the guest's page tables, as the guest itself sees and changes them. LEVELS
 * says which format: 2 is 32-bit paging, 3 PAE, 4 long mode. All tables lie in
 * memory that is identity-mapped. vCPU 0 alone makes and changes them, without a lock;
 * others use them, and that includes an entry that is not there for a moment. The code is
 * in tables.c.
 */
#ifndef TABLES_H
#define TABLES_H

#include "cpu.h"

#if LEVELS == 2
typedef uint32_t pte_t;
#define INDEX_BITS 10
#else
typedef uint64_t pte_t;
#define INDEX_BITS 9
#endif

#define PAGE	4096ul
#define P	((pte_t)1 << 0)
#define W	((pte_t)1 << 1)
#define U	((pte_t)1 << 2)
#define A	((pte_t)1 << 5)
#define D	((pte_t)1 << 6)
#define PS	((pte_t)1 << 7)
#define G	((pte_t)1 << 8)
#define AVL	((pte_t)1 << 9)
#define NX	((pte_t)1 << (8 * sizeof(pte_t) - 1))	/* not with LEVELS 2 */
#define FRAME	((pte_t)0x000ffffffffff000ull)
#define ALL	(P | W | U)

/** new_frame() - a zeroed page of the scratch area; its address is virtual and physical. */
word new_frame(void);

/** mapped_bytes() - how much one entry of @level maps: 4 KiB at level 1. */
static inline word mapped_bytes(int level)
{
	return PAGE << (level - 1) * INDEX_BITS;
}

/**
 * entry() - where the entry of @level for @va is; tables above it are made as needed.
 *
 * A new entry in the top table of PAE counts only after the next flush_all(). For vCPU 0
 * only: the guest ends if another one calls it.
 */
volatile pte_t *entry(word va, int level);

/** map() - point @va's page at @frame. No flush. Return: the entry. */
volatile pte_t *map(word va, word frame, pte_t flags);

#endif
