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

#include "audit.h"
#include "notifier.h"
#include "pause.h"
#include "retry.h"
#include "rmap.h"
#include "tlb.h"
#include "trace.h"

/*
 * Drop all sptes that map [start, end) of the process, part of a page being all of
 * it. A slot with no address yet is skipped: it is not mapped.
 */
static int unmap_hva(struct vm *vm, hva_t start, hva_t end)
{
	int i, n = 0;

	lockdep_assert_held(&vm->mmu_lock);

	for (i = 0; i < vm->memslots.used; i++) {
		struct memslot *slot = &vm->memslots.slot[i];
		hva_t slot_end = slot->userspace_addr + slot->npages * PAGE_SIZE;
		hva_t from = max(ALIGN_DOWN(start, PAGE_SIZE), slot->userspace_addr);
		hva_t to = min(end, slot_end);
		gfn_t gfn;

		if (!slot->userspace_addr || from >= to)
			continue;
		gfn = slot->base_gfn + ((from - slot->userspace_addr) >> PAGE_SHIFT);
		for (; from < to; from += PAGE_SIZE)
			n += unmap_rmapp(vm, slot, gfn++);
	}
	return n;
}

static struct vm *mmu_notifier_to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct vm, mmu_notifier);
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

	invalidate_begin(vm);
	pause_here(PAUSE_INVALIDATE);
	spin_lock(&vm->mmu_lock);
	audit_check(vm, 0, 0);
	n = unmap_hva(vm, start, end);
	audit_check(vm, start, end);
	if (n || vm->tlbs_dirty)
		flush_remote_tlbs(vm);
	spin_unlock(&vm->mmu_lock);
	invalidate_end(vm);

	stat_inc(vm, invalidations);
	atomic64_add(n, &vm->stats.sptes_unmapped);
	trace_kvmswap_invalidate(vm, start, end, n);
}

/*
 * The mm goes (exit, exec), or we unregister. No callback comes after this one,
 * so nothing may stay mapped and nothing may be mapped again.
 */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vm *vm = mmu_notifier_to_vm(mn);

	spin_lock(&vm->mmu_lock);
	WRITE_ONCE(vm->dead, true);
	zap_all_shadow_pages(vm);
	spin_unlock(&vm->mmu_lock);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range	= invalidate_range,
	.release		= release,
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
	vm->mmu_notifier.ops = &notifier_ops;
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
	mmu_notifier_unregister(&vm->mmu_notifier, vm->mm);
}
