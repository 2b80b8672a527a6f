// SPDX-License-Identifier: GPL-2.0
/*
 * range.c - chapter 8: the host's door has two halves. The host calls before it begins
 * to change its entries for a range, and when it has ended; in between it may sleep,
 * nest, and have several such sections at once. So instead of a lock there is a count
 * of the sections under way, and a sequence of those that are over.
 *
 * You come here from the host (munmap, mremap, reclaim ...). The other half, the fault,
 * comes from retry.h. Both ask and change all this under mmu_lock.
 */
#include <linux/mmu_notifier.h>
#include <linux/wait.h>

#include "age.h"
#include "audit.h"
#include "notifier.h"
#include "pause.h"
#include "protocol.h"
#include "slot_lookup.h"
#include "tlb.h"
#include "trace.h"

/*
 * The guest frames that sections under way may concern, as one range: of the first
 * section, and while others are under way the smallest that covers them all.
 */
static void add_gfn_range(struct vm *vm, hva_t start, hva_t end)
{
	struct memslot *slot;
	gfn_t first, last;

	if (!vm->mmu_invalidate_in_progress) {
		vm->mmu_invalidate_gfn_start = ~0ULL;
		vm->mmu_invalidate_gfn_end = 0;
	}
	for_each_slot_in_hva(slot, vm, start, end) {
		hva_to_gfn_range(slot, start, end, &first, &last);
		vm->mmu_invalidate_gfn_start = min(vm->mmu_invalidate_gfn_start, first);
		vm->mmu_invalidate_gfn_end = max(vm->mmu_invalidate_gfn_end, last);
	}
}

/*
 * The host is about to change its entries. From here to the end no spte of the range
 * is set; those that are there go now, with one flush for all of them. It may be called
 * where nothing may sleep (the OOM killer's reaper): a lock that is free in a moment is
 * all we wait for, and only for whom may sleep do we let others at mmu_lock meanwhile.
 */
static int invalidate_range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = mmu_notifier_to_vm(mn);
	int n;

	pause_here(PAUSE_INVALIDATE);
	spin_lock(&vm->mmu_lock);
	add_gfn_range(vm, range->start, range->end);
	WRITE_ONCE(vm->mmu_invalidate_in_progress, vm->mmu_invalidate_in_progress + 1);
	audit_check(vm, 0, 0);
	n = unmap_hva(vm, range->start, range->end, mmu_notifier_range_blockable(range));
	audit_check(vm, range->start, range->end);
	if (n || vm->tlbs_dirty)
		flush_remote_tlbs(vm);
	spin_unlock(&vm->mmu_lock);

	stat_inc(vm, invalidations);
	atomic64_add(n, &vm->stats.sptes_unmapped);
	trace_kvmswap_invalidate(vm, range->start, range->end, n);
	pause_here(PAUSE_BETWEEN);
	return 0;
}

/*
 * The host has changed its entries. A fault that asked it before must start again: it
 * sees the sequence moved, or, if it comes to mmu_lock before us, the count not yet down.
 */
static void invalidate_range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vm *vm = mmu_notifier_to_vm(mn);
	long left;

	pause_here(PAUSE_INVALIDATE_ENTRY);
	spin_lock(&vm->mmu_lock);
	/* pairs with range_retry_begin(): who sees it finds the host's new entries */
	smp_store_release(&vm->mmu_invalidate_seq, vm->mmu_invalidate_seq + 1);
	left = vm->mmu_invalidate_in_progress - 1;
	WRITE_ONCE(vm->mmu_invalidate_in_progress, left);
	spin_unlock(&vm->mmu_lock);

	trace_kvmswap_invalidate_end(vm, range->start, range->end);
	if (!left)
		wake_up_all(&vm->mmu_invalidate_done);
}

static unsigned long range_retry_begin(struct vm *vm, struct memslot *slot)
{
	/* pairs with invalidate_range_end(): the page is looked up after this is read */
	return smp_load_acquire(&vm->mmu_invalidate_seq);
}

static bool range_retry_needed(struct vm *vm, struct memslot *slot, gfn_t gfn, unsigned long seq)
{
	lockdep_assert_held(&vm->mmu_lock);

	if (vm->mmu_invalidate_in_progress && gfn >= vm->mmu_invalidate_gfn_start &&
	    gfn < vm->mmu_invalidate_gfn_end)
		return true;
	return vm->mmu_invalidate_seq != seq;
}

/*
 * The gfn range was made from the slots that there were at the start. A slot that came
 * in between would not be in it, and a fault would map what the host is about to change.
 */
static void range_hold_off(struct vm *vm)
	__must_hold(&vm->mmu_lock)
{
	lockdep_assert_held(&vm->mmu_lock);

	while (vm->mmu_invalidate_in_progress) {
		spin_unlock(&vm->mmu_lock);
		wait_event(vm->mmu_invalidate_done,
			   !READ_ONCE(vm->mmu_invalidate_in_progress));
		spin_lock(&vm->mmu_lock);
	}
}

static const struct mmu_notifier_ops range_ops = {
	.clear_flush_young	= notifier_clear_flush_young,
	.clear_young		= notifier_clear_young,
	.test_young		= notifier_test_young,
	.invalidate_range_start	= invalidate_range_start,
	.invalidate_range_end	= invalidate_range_end,
	.release		= notifier_release,
};

const struct protocol range_protocol = {
	.name		= "range",
	.ops		= &range_ops,
	.hold_off	= range_hold_off,
	.retry_begin	= range_retry_begin,
	.retry_needed	= range_retry_needed,
};
