// SPDX-License-Identifier: GPL-2.0
/*
 * slot_linear.c - chapter 1: find a slot by looking at each. As the seed does it, and
 * good enough for the handful of slots that a guest has; what it costs with many is
 * measured in chapter 7, where slot_tree.c takes its place.
 *
 * You come here from fault.c (gfn -> slot) and notifier.c (hva -> slot).
 */
#include "slot_lookup.h"

/*
 * The slot that a guest frame is in, or NULL if the guest has no memory there. The
 * contract of both functions is in slot_tree.c: they do the same.
 */
struct memslot *gfn_to_memslot(struct vm *vm, gfn_t gfn)
{
	struct memslot *slot;
	int i;

	lockdep_assert(slots_read_lock_held(vm) || lockdep_is_held(&vm->mmu_lock));
	for_each_slot(i, slot, vm)
		if (gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->npages)
			return slot;
	return NULL;
}

/*
 * The slot after @slot, or the first, that has memory in a range of the process; or NULL.
 * Source: the seed's mmu.c hunk, the loop in kvm_unmap_hva().
 */
struct memslot *next_slot_in_hva(struct vm *vm, struct memslot *slot, hva_t start, hva_t end)
{
	int i = slot ? slot->id + 1 : 0;

	lockdep_assert_held(&vm->mmu_lock);
	for (; (slot = next_slot(&vm->memslots, &i)); i++)
		if (slot->userspace_addr < end &&
		    slot->userspace_addr + slot->npages * PAGE_SIZE > start)
			return slot;
	return NULL;
}
