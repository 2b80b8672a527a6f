// SPDX-License-Identifier: GPL-2.0
/*
 * notifier.c - chapter 4: the host's door. The host takes a page back (reclaim,
 * munmap, fork, KSM ...), and calls here after it has cleared its own page-table
 * entry and before the page may be used for anything else. The walk up the right
 * side of the picture: hva -> gfn (here), gfn -> its sptes (rmap.c), clear each
 * (spte.c), make every vCPU forget (tlb.c).
 *
 * Next: rmap.c. What it races with is in fault.c, and how that ends in retry.h.
 */
#include <linux/mm.h>

#include "age.h"
#include "audit.h"
#include "compat.h"
#include "notifier.h"
#include "pause.h"
#include "protocol.h"
#include "rmap.h"
#include "seqlock.h"
#include "slot_lookup.h"
#include "tlb.h"
#include "trace.h"

/**
 * unmap_slot_hva() - drop all sptes that map a range of the process through one slot.
 * @vm: the VM.
 * @slot: a slot that has memory there.
 * @start: host virtual address, in bytes; part of a page is all of it.
 * @end: host virtual address, in bytes, behind the range.
 * @may_yield: mmu_lock may be let go now and then; the slot stays meanwhile, and no
 * fault maps a page of the range.
 *
 * Context: mmu_lock held; sleeps only if it may. The caller flushes.
 * Return: how many there were.
 */
int unmap_slot_hva(struct vm *vm, struct memslot *slot, hva_t start, hva_t end, bool may_yield)
{
	gfn_t gfn, last;
	int n = 0;

	lockdep_assert_held(&vm->mmu_lock);

	hva_to_gfn_range(slot, start, end, &gfn, &last);
	for (; gfn < last; gfn++) {
		n += unmap_rmapp(vm, slot, gfn);
		if (may_yield && gfn % 512 == 511)
			cond_resched_lock(&vm->mmu_lock);
	}
	return n;
}

/**
 * unmap_hva() - drop all sptes that map a range of the process.
 * @vm: the VM.
 * @start: as in unmap_slot_hva().
 * @end: as in unmap_slot_hva().
 * @may_yield: as in unmap_slot_hva(), of all slots.
 *
 * Context: mmu_lock held; sleeps only if it may. The caller flushes.
 * Return: how many there were.
 * Source: the seed's mmu.c hunk, kvm_unmap_hva().
 */
int unmap_hva(struct vm *vm, hva_t start, hva_t end, bool may_yield)
{
	struct memslot *slot;
	int n = 0;

	for_each_slot_in_hva(slot, vm, start, end)
		n += unmap_slot_hva(vm, slot, start, end, may_yield);
	return n;
}

/*
 * The kernel has cleared its entries for [start, end); it flushes the CPUs' own TLBs
 * before or after this call (reclaim does it for many pages at once). It may hold a
 * page-table lock, so we must not sleep; our flush is over before mmu_lock is let go,
 * and the page may be free after we return.
 */
static void invalidate_range(struct mmu_notifier *mn, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	struct vm *vm = mmu_notifier_to_vm(mn);
	int n;

	pause_here(PAUSE_INVALIDATE_ENTRY);
	invalidate_begin(vm);
	pause_here(PAUSE_INVALIDATE);
	spin_lock(&vm->mmu_lock);
	audit_check(vm, 0, 0);
	n = unmap_hva(vm, start, end, false);
	audit_check(vm, start, end);
	if (n || vm->tlbs_dirty)
		flush_remote_tlbs(vm);
	spin_unlock(&vm->mmu_lock);
	invalidate_end(vm);

	stat_inc(vm, invalidations);
	atomic64_add(n, &vm->stats.sptes_unmapped);
	trace_kvmswap_invalidate(vm, start, end, n);
}

/**
 * notifier_release() - the mm goes (exit, exec), or we unregister.
 * @mn: the VM's.
 * @mm: the VM's.
 *
 * No callback comes after this one, so nothing may stay mapped and nothing may be
 * mapped again.
 *
 * Context: may sleep; takes mmu_lock.
 */
void notifier_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vm *vm = mmu_notifier_to_vm(mn);

	spin_lock(&vm->mmu_lock);
	WRITE_ONCE(vm->dead, true);
	zap_all_shadow_pages(vm);
	spin_unlock(&vm->mmu_lock);
}

const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_op	= invalidate_range,
	.clear_flush_young	= notifier_clear_flush_young,
	.clear_young		= notifier_clear_young,
	.test_young		= notifier_test_young,
	.release		= notifier_release,
};

/**
 * notifier_register() - ask the VM's mm to call us.
 * @vm: the VM; all that the callbacks use is set up.
 *
 * Context: process, no locks held; may sleep.
 * Return: 0; -ENOMEM; -EINTR if a signal came.
 * Source: the seed's x86.c hunk in kvm_arch_create_vm().
 */
int notifier_register(struct vm *vm)
{
	vm->mmu_notifier.ops = protocol_ops();
	return mmu_notifier_register(&vm->mmu_notifier, vm->mm);
}

/**
 * notifier_unregister() - no callback after this, and none still running.
 * @vm: the VM.
 *
 * Right in every order: if the mm is already gone, its release has been called and
 * only the list entry's own reference to the mm's struct is dropped.
 *
 * Context: process, no locks held; may sleep.
 */
void notifier_unregister(struct vm *vm)
{
	struct memslot *slot;
	int i;

	mmu_notifier_unregister(&vm->mmu_notifier, vm->mm);
	for_each_slot(i, slot, vm)
		if (slot_has_memory(slot))
			protocol_slot_gone(slot);
}
