/* SPDX-License-Identifier: GPL-2.0 */
/*
 * notifier.h - chapter 4: the host's door. The VM asks its mm to say when a page
 * is taken back, and from then on need not hold the pages it maps.
 */
#ifndef KVMSWAP_NOTIFIER_H
#define KVMSWAP_NOTIFIER_H

#include "kvmswap.h"

#ifdef CONFIG_KVMSWAP_NOTIFIER

extern const struct mmu_notifier_ops notifier_ops;

int notifier_register(struct vm *vm);
void notifier_unregister(struct vm *vm);
void notifier_release(struct mmu_notifier *mn, struct mm_struct *mm);
int unmap_slot_hva(struct vm *vm, struct memslot *slot, hva_t start, hva_t end, bool may_yield);
int unmap_hva(struct vm *vm, hva_t start, hva_t end, bool may_yield);

static inline struct vm *mmu_notifier_to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct vm, mmu_notifier);
}

/* The host tells when a page goes: no spte needs to hold it. */
static inline bool sptes_pin_pages(void)
{
	return false;
}

#else

static inline int notifier_register(struct vm *vm)
{
	return 0;
}

static inline void notifier_unregister(struct vm *vm) { }

/* Nobody tells when a page goes: each spte holds a reference to its page. */
static inline bool sptes_pin_pages(void)
{
	return true;
}

#endif
#endif
