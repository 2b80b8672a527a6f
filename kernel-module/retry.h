/* SPDX-License-Identifier: GPL-2.0 */
/*
 * retry.h - chapter 5: the fault's question, whatever answers it. It asks once before
 * the page is looked up, and once more under mmu_lock, before the spte is set. In
 * chapters 5 to 7 a sequence lock answers (seqlock.h); from chapter 8 on the protocol
 * that was chosen when the module was loaded (protocol.h).
 *
 * Called by fault.c.
 */
#ifndef KVMSWAP_RETRY_H
#define KVMSWAP_RETRY_H

#include "protocol.h"
#include "seqlock.h"

/**
 * retry_begin() - before the page is looked up: remember what was, up to now.
 * @vm: the VM.
 * @slot: the page's slot.
 *
 * Context: between slots_read_lock() and slots_read_unlock(), mmu_lock not held; may
 * wait until an invalidation is over.
 * Return: what retry_needed() wants.
 */
static inline unsigned long retry_begin(struct vm *vm, struct memslot *slot)
{
#if defined(CONFIG_KVMSWAP_RANGE)
	return protocol->retry_begin(vm, slot);
#elif defined(CONFIG_KVMSWAP_SEQLOCK)
	return seqlock_sample(vm);
#else
	return 0;
#endif
}

/**
 * retry_needed() - may the page looked up since retry_begin() be the wrong one by now?
 * @vm: the VM.
 * @slot: the page's slot.
 * @gfn: the page, as a guest frame number.
 * @seq: what retry_begin() returned.
 *
 * Context: mmu_lock held.
 * Return: true if the fault must not set an spte, and has to start again.
 */
static inline bool retry_needed(struct vm *vm, struct memslot *slot, gfn_t gfn,
				unsigned long seq)
{
#if defined(CONFIG_KVMSWAP_RANGE)
	return protocol->retry_needed(vm, slot, gfn, seq);
#elif defined(CONFIG_KVMSWAP_SEQLOCK)
	return seqlock_moved(vm, seq);
#else
	return false;
#endif
}

#endif
