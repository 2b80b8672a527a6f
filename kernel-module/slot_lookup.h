/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slot_lookup.h - chapters 1 and 7: how a slot is found, and who may look. Up to
 * chapter 6 finding one is a walk over all (slot_linear.c), and a fault holds slots_lock
 * so that none changes. From chapter 7 on (slot_tree.c) a fault is an SRCU reader of an
 * index that is replaced, never changed, and the host's door has a tree of its own.
 *
 * Called by whoever reads slots, and by memslot.c, which changes them.
 */
#ifndef KVMSWAP_SLOT_LOOKUP_H
#define KVMSWAP_SLOT_LOOKUP_H

#include "kvmswap.h"

struct memslot *gfn_to_memslot(struct vm *vm, gfn_t gfn);
struct memslot *next_slot_in_hva(struct vm *vm, struct memslot *slot, hva_t start, hva_t end);

/*
 * for_each_slot_in_hva() - visit the slots with memory in [start, end); mmu_lock held.
 * checkpatch(MACRO_ARG_REUSE): a loop variable is used again
 */
#define for_each_slot_in_hva(slot, vm, start, end)				\
	for ((slot) = next_slot_in_hva(vm, NULL, start, end); (slot);		\
	     (slot) = next_slot_in_hva(vm, slot, start, end))

#ifdef CONFIG_KVMSWAP_SLOT_TREE

int slots_init(struct vm *vm);
void slots_destroy(struct vm *vm);
int slots_read_lock(struct vm *vm) __acquires(&vm->slots_srcu);
void slots_read_unlock(struct vm *vm, int index) __releases(&vm->slots_srcu);
bool slots_read_lock_held(const struct vm *vm);
int slot_index_prepare(struct vm *vm, struct memslot *old, struct memslot *new);
void slot_index_publish(struct vm *vm, struct memslot *old, struct memslot *new);
void slots_wait_for_readers(struct vm *vm);

/**
 * slot_leaves() - nothing of this slot may be mapped from now on.
 * @slot: the slot, about to be unmapped and taken out.
 *
 * Context: mmu_lock held, and slots_lock to write.
 */
static inline void slot_leaves(struct memslot *slot)
{
	slot->leaving = true;
}

/**
 * slot_is_leaving() - has the slot that a fault found been given up meanwhile?
 * @slot: the slot; an SRCU reader found it, so its struct is still there.
 *
 * Context: mmu_lock held.
 * Return: true if the fault has to look again.
 */
static inline bool slot_is_leaving(const struct memslot *slot)
{
	return slot->leaving;
}

#else

static inline int slots_init(struct vm *vm)
{
	return 0;
}

static inline void slots_destroy(struct vm *vm) { }

static inline int slots_read_lock(struct vm *vm)
{
	down_read(&vm->slots_lock);
	return 0;
}

static inline void slots_read_unlock(struct vm *vm, int index)
{
	up_read(&vm->slots_lock);
}

static inline bool slots_read_lock_held(const struct vm *vm)
{
	return lockdep_is_held(&vm->slots_lock);
}

/* The table of slots is all there is, and a writer of slots_lock has no readers. */
static inline int slot_index_prepare(struct vm *vm, struct memslot *old, struct memslot *new)
{
	return 0;
}

static inline void slot_index_publish(struct vm *vm, struct memslot *old, struct memslot *new) { }
static inline void slots_wait_for_readers(struct vm *vm) { }
static inline void slot_leaves(struct memslot *slot) { }

static inline bool slot_is_leaving(const struct memslot *slot)
{
	return false;
}

#endif
#endif
