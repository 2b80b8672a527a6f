/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spte.h - chapter 2: the leaf spte, where both walks of the book meet: set by a
 * fault, dropped by whoever takes the page back. Under mmu_lock.
 *
 * You come here from fault.c (to set one) and from rmap.c (to drop one).
 * Next: tlb.h.
 */
#ifndef KVMSWAP_SPTE_H
#define KVMSWAP_SPTE_H

#include "kvmswap.h"

/* Bits of an spte: the hardware's, and no other (AMD manual, "Page-Translation Tables"). */
#define SPTE_PRESENT	BIT_ULL(0)
#define SPTE_WRITABLE	BIT_ULL(1)
#define SPTE_USER	BIT_ULL(2)
#define SPTE_ACCESSED	BIT_ULL(5)
#define SPTE_DIRTY	BIT_ULL(6)
#define SPTE_NX		BIT_ULL(63)
#define SPTE_FRAME	GENMASK_ULL(51, 12)

static inline u64 spte_pfn(u64 spte)
{
	return (spte & SPTE_FRAME) >> PAGE_SHIFT;
}

#ifdef CONFIG_KVMSWAP_SHADOW

struct shadow_page *sptep_to_sp(const u64 *sptep);
gfn_t sptep_to_gfn(const u64 *sptep);
void set_spte(struct vcpu *vcpu, struct memslot *slot, const struct guest_walk *walk,
	      u64 *sptep, u64 pfn, bool write);
void drop_spte(struct vm *vm, u64 *sptep);
bool spte_allowed(union role role, u64 spte, u64 gpte);

#endif
#endif
