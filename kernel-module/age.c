// SPDX-License-Identifier: GPL-2.0
/*
 * age.c - chapter 6: the host asks which pages are young. The guest's accesses set the
 * accessed bit of the spte, not that of the host's own entry; so the host cannot see
 * them, and would take the guest's hottest pages first. The same walk up the right side
 * of the picture as in notifier.c: hva -> gfn, gfn -> its sptes, one bit of each.
 *
 * You come here from the host's reclaim, which holds a page-table lock.
 */
#include <linux/module.h>

#include "age.h"
#include "notifier.h"
#include "rmap.h"
#include "slot_lookup.h"
#include "spte.h"
#include "tlb.h"
#include "trace.h"

/* A switch for the demo, which compares with and without. */
static bool ageing = true;
module_param(ageing, bool, 0644);
MODULE_PARM_DESC(ageing, "answer when the host asks which pages are young (default: Y)");

enum age_how { AGE_TEST, AGE_CLEAR };

/*
 * Is a page young, that is, has any of its sptes the accessed bit set? The hardware may
 * set a dirty bit beside it at this very moment, so the bit is cleared where it is: to
 * read the entry, change it and write it back would lose what came in between.
 */
static bool age_rmapp(struct vm *vm, struct memslot *slot, gfn_t gfn, enum age_how how)
{
	struct rmap_head *rmapp = gfn_to_rmap(slot, gfn);
	const int accessed = __builtin_ctzll(SPTE_ACCESSED);
	bool young = false;
	u64 *sptep;

	lockdep_assert_held(&vm->mmu_lock);

	for (sptep = rmap_next(rmapp, NULL); sptep; sptep = rmap_next(rmapp, sptep)) {
		if (how == AGE_CLEAR)
			young |= test_and_clear_bit(accessed, (unsigned long *)sptep);
		else
			young |= test_bit(accessed, (unsigned long *)sptep);
	}
	if (young && how == AGE_CLEAR)
		stat_inc(vm, pages_aged);
	trace_kvmswap_age(vm, gfn, young, how == AGE_CLEAR);
	return young;
}

static bool age_hva(struct vm *vm, hva_t start, hva_t end, enum age_how how)
{
	struct memslot *slot;
	bool young = false;
	gfn_t gfn, last;

	lockdep_assert_held(&vm->mmu_lock);

	for_each_slot_in_hva(slot, vm, start, end) {
		hva_to_gfn_range(slot, start, end, &gfn, &last);
		for (; gfn < last; gfn++)
			young |= age_rmapp(vm, slot, gfn, how);
	}
	return young;
}

/**
 * notifier_clear_flush_young() - was the page used since last asked? Ask from now on.
 * @mn: the VM's.
 * @mm: the VM's.
 * @start: host virtual address, in bytes.
 * @end: host virtual address, in bytes, behind the page.
 *
 * Until the TLBs are flushed, a CPU in the guest uses the page without setting the bit
 * again. So they are, if the bit was set, as in the seed.
 *
 * Context: a page-table lock held; takes mmu_lock; does not sleep.
 * Return: 1 if it was used, else 0.
 * Source: the seed's mmu.c hunk, kvm_age_hva(), and its x86.c hunk.
 */
int notifier_clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			       unsigned long end)
{
	struct vm *vm = mmu_notifier_to_vm(mn);
	bool young;

	stat_inc(vm, asked_clear_flush_young);
	if (!READ_ONCE(ageing))
		return 0;
	spin_lock(&vm->mmu_lock);
	young = age_hva(vm, start, end, AGE_CLEAR);
	if (young)
		flush_remote_tlbs(vm);
	spin_unlock(&vm->mmu_lock);
	return young;
}

/**
 * notifier_clear_young() - the same in a hurry: a use of the page soon after may go unseen.
 * @mn: the VM's.
 * @mm: the VM's.
 * @start: host virtual address, in bytes.
 * @end: host virtual address, in bytes, behind the range.
 *
 * MGLRU asks for many pages in a row; a flush for each would cost more than a wrong
 * guess about one of them.
 *
 * Context: as notifier_clear_flush_young().
 * Return: 1 if it was used, else 0.
 * Source: include/linux/mmu_notifier.h, clear_young.
 */
int notifier_clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			 unsigned long end)
{
	struct vm *vm = mmu_notifier_to_vm(mn);
	bool young;

	stat_inc(vm, asked_clear_young);
	if (!READ_ONCE(ageing))
		return 0;
	spin_lock(&vm->mmu_lock);
	young = age_hva(vm, start, end, AGE_CLEAR);
	spin_unlock(&vm->mmu_lock);
	return young;
}

/**
 * notifier_test_young() - was the page used since the bit was last cleared?
 * @mn: the VM's.
 * @mm: the VM's.
 * @address: host virtual address, in bytes.
 *
 * Context: as notifier_clear_flush_young().
 * Return: 1 if it was used, else 0.
 * Source: include/linux/mmu_notifier.h, test_young.
 */
int notifier_test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	struct vm *vm = mmu_notifier_to_vm(mn);
	bool young;

	stat_inc(vm, asked_test_young);
	if (!READ_ONCE(ageing))
		return 0;
	spin_lock(&vm->mmu_lock);
	young = age_hva(vm, address, address + 1, AGE_TEST);
	spin_unlock(&vm->mmu_lock);
	return young;
}
