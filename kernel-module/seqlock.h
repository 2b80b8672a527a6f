/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seqlock.h - chapter 5: did the host's door open while the guest's walk was
 * between "hva -> pfn" and mmu_lock? The seed's answer is a sequence lock: the
 * host's side writes it around each invalidation, the fault samples it before
 * GUP and asks again under mmu_lock, before the spte is set.
 *
 * Called by retry.h (the reader, which is fault.c) and notifier.c (the writer).
 */
#ifndef KVMSWAP_SEQLOCK_H
#define KVMSWAP_SEQLOCK_H

#include "kvmswap.h"

#ifdef CONFIG_KVMSWAP_SEQLOCK

static inline void seqlock_init_vm(struct vm *vm)
{
	seqlock_init(&vm->mmu_notifier_invalidate_lock);
}

/**
 * seqlock_sample() - sample the sequence, before the page is looked up.
 * @vm: the VM.
 *
 * Context: any, but not under mmu_lock: it spins while an invalidation is
 * under way, and that needs mmu_lock.
 * Return: what seqlock_moved() wants.
 * Source: the seed's paging_tmpl.h hunk, read_seqbegin() before gfn_to_page().
 */
static inline unsigned int seqlock_sample(struct vm *vm)
{
	return read_seqbegin(&vm->mmu_notifier_invalidate_lock);
}

/**
 * seqlock_moved() - has an invalidation begun since seqlock_sample()?
 * @vm: the VM.
 * @seq: what seqlock_sample() returned.
 *
 * Asked under mmu_lock: an invalidation that has not yet moved the sequence has
 * not yet been at mmu_lock either, and will find the spte about to be set.
 *
 * Context: mmu_lock held.
 * Return: true if the page looked up since may be the wrong one by now.
 * Source: the seed's paging_tmpl.h hunk, which asks after the spte is set.
 */
static inline bool seqlock_moved(struct vm *vm, unsigned int seq)
{
	lockdep_assert_held(&vm->mmu_lock);
	return read_seqretry(&vm->mmu_notifier_invalidate_lock, seq);
}

/**
 * invalidate_begin() - the host takes a page back: move the sequence.
 * @vm: the VM.
 *
 * Context: may be under a page-table lock; takes mmu_notifier_invalidate_lock,
 * which invalidate_end() releases.
 * Source: the seed's x86.c hunk, write_seqlock() in invalidate_page().
 */
static inline void invalidate_begin(struct vm *vm)
	__acquires(&vm->mmu_notifier_invalidate_lock.lock)
{
	write_seqlock(&vm->mmu_notifier_invalidate_lock);
}

/**
 * invalidate_end() - the sptes are gone: faults may look pages up again.
 * @vm: the VM.
 *
 * Context: as invalidate_begin().
 * Source: the seed's x86.c hunk, write_sequnlock() in invalidate_page().
 */
static inline void invalidate_end(struct vm *vm)
	__releases(&vm->mmu_notifier_invalidate_lock.lock)
{
	write_sequnlock(&vm->mmu_notifier_invalidate_lock);
}

#else

static inline void seqlock_init_vm(struct vm *vm) { }

static inline void invalidate_begin(struct vm *vm) { }
static inline void invalidate_end(struct vm *vm) { }

#endif
#endif
