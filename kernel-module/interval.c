// SPDX-License-Identifier: GPL-2.0
/*
 * interval.c - chapter 8, beside range.c: the same idea, kept by the kernel. Each slot
 * registers its own addresses, and is called only for those. The count and the sequence
 * are the kernel's (mm/mmu_notifier.c); a fault that comes in the middle of a section
 * sleeps until it is over, where range.c lets it try again. The reader's two calls are
 * those of the seed's sequence lock once more.
 *
 * You come here from the host, or from retry.h. Ageing and release still come by the
 * other kind of notifier.
 */
#include <linux/mmu_notifier.h>

#include "age.h"
#include "audit.h"
#include "notifier.h"
#include "pause.h"
#include "protocol.h"
#include "tlb.h"
#include "trace.h"

static bool interval_invalidate(struct mmu_interval_notifier *mni,
				const struct mmu_notifier_range *range, unsigned long seq)
{
	struct memslot *slot = container_of(mni, struct memslot, interval);
	struct vm *vm = slot->vm;
	int n;

	pause_here(PAUSE_INVALIDATE);
	spin_lock(&vm->mmu_lock);
	mmu_interval_set_seq(mni, seq);
	audit_check(vm, 0, 0);
	n = unmap_slot_hva(vm, slot, range->start, range->end,
			   mmu_notifier_range_blockable(range));
	if (n || vm->tlbs_dirty)
		flush_remote_tlbs(vm);
	spin_unlock(&vm->mmu_lock);

	stat_inc(vm, invalidations);
	atomic64_add(n, &vm->stats.sptes_unmapped);
	trace_kvmswap_invalidate(vm, range->start, range->end, n);
	pause_here(PAUSE_BETWEEN);
	return true;
}

static const struct mmu_interval_notifier_ops slot_ops = {
	.invalidate	= interval_invalidate,
};

static int interval_slot_comes(struct vm *vm, struct memslot *slot)
{
	int err;

	slot->vm = vm;
	err = mmu_interval_notifier_insert(&slot->interval, vm->mm, slot->userspace_addr,
					   slot->npages * PAGE_SIZE, &slot_ops);
	/* A process' first one is given up at any signal: after it the ioctl is to begin again. */
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

/* Waits until no call for the slot is under way. */
static void interval_slot_gone(struct memslot *slot)
{
	mmu_interval_notifier_remove(&slot->interval);
}

static unsigned long interval_retry_begin(struct vm *vm, struct memslot *slot)
{
	return mmu_interval_read_begin(&slot->interval);
}

static bool interval_retry_needed(struct vm *vm, struct memslot *slot, gfn_t gfn,
				  unsigned long seq)
{
	lockdep_assert_held(&vm->mmu_lock);
	return mmu_interval_read_retry(&slot->interval, seq);
}

static const struct mmu_notifier_ops interval_ops = {
	.clear_flush_young	= notifier_clear_flush_young,
	.clear_young		= notifier_clear_young,
	.test_young		= notifier_test_young,
	.release		= notifier_release,
};

const struct protocol interval_protocol = {
	.name		= "interval",
	.ops		= &interval_ops,
	.slot_comes	= interval_slot_comes,
	.slot_gone	= interval_slot_gone,
	.retry_begin	= interval_retry_begin,
	.retry_needed	= interval_retry_needed,
};
