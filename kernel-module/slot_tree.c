// SPDX-License-Identifier: GPL-2.0
/*
 * slot_tree.c - chapter 7: find a slot without looking at all of them, and without
 * keeping a change waiting. Each door has what suits it:
 *
 *   the guest's  gfn -> slot  an array in the order of gfns. It is never changed: a
 *                             change makes a new one. Its readers sleep (GUP), so they
 *                             are SRCU's, and a change waits for them only at its end.
 *   the host's   hva -> slot  the kernel's interval tree, under mmu_lock, which the
 *                             host's door holds anyway.
 *
 * You come here from fault.c, notifier.c, and memslot.c, which keeps the table of all
 * slots by their numbers.
 */
#include <linux/slab.h>

#include "slot_lookup.h"

/* struct slot_index - the slots that have memory, in the order of their base_gfn. */
struct slot_index {
	int nr;
	struct memslot *slot[];
};

/**
 * slots_init() - set up the lookup of a new VM, which has no slots.
 * @vm: the VM.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int slots_init(struct vm *vm)
{
	vm->hva_tree = RB_ROOT_CACHED;
	return init_srcu_struct(&vm->slots_srcu);
}

/**
 * slots_destroy() - free what slots_init() and the changes since have set up.
 * @vm: the VM; nobody else knows it.
 *
 * Context: process, may sleep.
 */
void slots_destroy(struct vm *vm)
{
	kvfree(rcu_dereference_protected(vm->slot_index, true));
	cleanup_srcu_struct(&vm->slots_srcu);
}

/**
 * slots_read_lock() - slots that are found from now on stay until slots_read_unlock().
 * @vm: the VM.
 *
 * Stay in memory, that is. A slot may be given up at any moment, which whoever maps
 * something of it asks under mmu_lock: slot_is_leaving().
 *
 * Context: may sleep in between, and be nested.
 * Return: what slots_read_unlock() wants.
 */
int slots_read_lock(struct vm *vm)
	__acquires(&vm->slots_srcu)
{
	return srcu_read_lock(&vm->slots_srcu);
}

/**
 * slots_read_unlock() - done with the slots that were found.
 * @vm: the VM.
 * @index: what slots_read_lock() returned.
 *
 * Context: as slots_read_lock().
 */
void slots_read_unlock(struct vm *vm, int index)
	__releases(&vm->slots_srcu)
{
	srcu_read_unlock(&vm->slots_srcu, index);
}

/**
 * slots_read_lock_held() - for assertions: is the caller such a reader?
 * @vm: the VM.
 *
 * Context: any.
 * Return: true if it is, or if the kernel cannot tell.
 */
bool slots_read_lock_held(const struct vm *vm)
{
	return srcu_read_lock_held(&vm->slots_srcu);
}

static const struct slot_index *slot_index(struct vm *vm)
{
	return srcu_dereference_check(vm->slot_index, &vm->slots_srcu,
				      lockdep_is_held(&vm->mmu_lock) ||
				      lockdep_is_held(&vm->slots_lock));
}

/**
 * gfn_to_memslot() - find the slot that a guest frame is in.
 * @vm: the VM.
 * @gfn: guest frame number, in pages.
 *
 * Context: between slots_read_lock() and slots_read_unlock(), or mmu_lock held; does
 * not sleep.
 * Return: the slot, or NULL if the guest has no memory there.
 */
struct memslot *gfn_to_memslot(struct vm *vm, gfn_t gfn)
{
	const struct slot_index *index = slot_index(vm);
	int low = 0, high = index ? index->nr : 0;

	while (low < high) {
		int middle = low + (high - low) / 2;
		struct memslot *slot = index->slot[middle];

		if (gfn < slot->base_gfn)
			high = middle;
		else if (gfn - slot->base_gfn >= slot->npages)
			low = middle + 1;
		else
			return slot;
	}
	return NULL;
}

/**
 * next_slot_in_hva() - find a slot that has memory in a range of the process.
 * @vm: the VM.
 * @slot: the slot to go on from; NULL for the first.
 * @start: host virtual address, in bytes.
 * @end: host virtual address, in bytes, behind the range.
 *
 * Context: mmu_lock held; does not sleep.
 * Return: a slot, or NULL if there is none, or no more.
 * Source: virt/kvm/kvm_main.c, kvm_for_each_memslot_in_hva_range().
 */
struct memslot *next_slot_in_hva(struct vm *vm, struct memslot *slot, hva_t start, hva_t end)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&vm->mmu_lock);
	if (start >= end)
		return NULL;
	if (slot)
		node = interval_tree_iter_next(&slot->hva_node, start, end - 1);
	else
		node = interval_tree_iter_first(&vm->hva_tree, start, end - 1);
	return node ? container_of(node, struct memslot, hva_node) : NULL;
}

/**
 * slot_index_prepare() - make the index that slot_index_publish() will publish.
 * @vm: the VM.
 * @old: the slot that goes, or NULL.
 * @new: the slot that comes, or NULL.
 *
 * Context: process, slots_lock held to write; may sleep.
 * Return: 0 or -ENOMEM.
 */
int slot_index_prepare(struct vm *vm, struct memslot *old, struct memslot *new)
{
	const struct slot_index *now = slot_index(vm);
	int i, n = now ? now->nr : 0;
	struct memslot *coming = new;
	struct slot_index *next;

	lockdep_assert_held_write(&vm->slots_lock);
	next = kvmalloc(struct_size(next, slot, n + 1), GFP_KERNEL_ACCOUNT);
	if (!next)
		return -ENOMEM;
	next->nr = 0;
	for (i = 0; i < n; i++) {
		if (now->slot[i] == old)
			continue;
		if (coming && coming->base_gfn < now->slot[i]->base_gfn) {
			next->slot[next->nr++] = coming;
			coming = NULL;
		}
		next->slot[next->nr++] = now->slot[i];
	}
	if (coming)
		next->slot[next->nr++] = coming;
	vm->next_slot_index = next;
	return 0;
}

/**
 * slot_index_publish() - from now on both doors find @new, and not @old.
 * @vm: the VM; slot_index_prepare() has been called with the same slots.
 * @old: the slot that goes, nothing of it being mapped; or NULL.
 * @new: the slot that comes, with its address; or NULL.
 *
 * Context: slots_lock held to write, and mmu_lock; does not sleep.
 */
void slot_index_publish(struct vm *vm, struct memslot *old, struct memslot *new)
{
	lockdep_assert_held(&vm->mmu_lock);

	if (old)
		interval_tree_remove(&old->hva_node, &vm->hva_tree);
	if (new) {
		new->hva_node.start = new->userspace_addr;
		new->hva_node.last = new->userspace_addr + new->npages * PAGE_SIZE - 1;
		interval_tree_insert(&new->hva_node, &vm->hva_tree);
	}
	vm->next_slot_index = rcu_replace_pointer(vm->slot_index, vm->next_slot_index,
						  lockdep_is_held(&vm->mmu_lock));
}

/**
 * slots_wait_for_readers() - after a change: nobody has a slot any more that is gone.
 * @vm: the VM.
 *
 * Context: process, slots_lock held to write; sleeps for as long as a fault may, which
 * is as long as the host takes to bring a page in.
 */
void slots_wait_for_readers(struct vm *vm)
{
	synchronize_srcu_expedited(&vm->slots_srcu);
	kvfree(vm->next_slot_index);
	vm->next_slot_index = NULL;
}
