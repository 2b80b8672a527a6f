// SPDX-License-Identifier: GPL-2.0
/*
 * rmap.c - chapter 3: gfn -> its sptes. Most pages are mapped once, so a chain of
 * one is the spte's address itself; a longer one is a list of descriptors.
 *
 * You come here from spte.c (add, remove), or on the host's door from notifier.c
 * with a gfn whose page must go. Next: spte.c (drop_spte), then tlb.c.
 */
#include <linux/slab.h>

#include "rmap.h"
#include "slot_lookup.h"
#include "spte.h"
#include "tlb.h"
#include "trace.h"

#define RMAP_MANY	1UL	/* bit 0 of rmap_head.val: the rest is a struct rmap_desc */
#define RMAP_DESC_SPTES	3	/* with the link, 32 bytes */

/* The used entries come first, in every descriptor; none is empty. */
struct rmap_desc {
	u64 *sptes[RMAP_DESC_SPTES];
	struct rmap_desc *more;
};

static struct rmap_desc *rmap_descs(const struct rmap_head *rmapp)
{
	return (struct rmap_desc *)(rmapp->val & ~RMAP_MANY);
}

/**
 * rmap_desc_alloc() - one descriptor for a vCPU's cache.
 *
 * Context: process, may sleep.
 * Return: the descriptor, to be given to rmap_add() through the cache or to
 * kfree(); NULL if there is no memory.
 */
void *rmap_desc_alloc(void)
{
	return kzalloc(sizeof(struct rmap_desc), GFP_KERNEL_ACCOUNT);
}

static bool rmap_is_long(const struct rmap_head *rmapp)
{
	const struct rmap_desc *desc;
	int n = 0;

	if (!(rmapp->val & RMAP_MANY))
		return false;
	for (desc = rmap_descs(rmapp); desc; desc = desc->more)
		n += RMAP_DESC_SPTES;
	return n > RMAP_MAX;
}

/**
 * rmap_add() - note that an spte maps a page.
 * @vcpu: whose cache gives a descriptor if one is needed.
 * @slot: the page's slot.
 * @gfn: the page, as a guest frame number.
 * @sptep: the spte, about to become present.
 *
 * A chain that has become long (RMAP_MAX) begins anew: its sptes are dropped, and those
 * that are still used come back by faults. Only the guest decides in how many places it
 * maps a page, and who walks along the chain holds mmu_lock all the way.
 *
 * Context: mmu_lock held; does not sleep. The cache was topped up before.
 * Source: rmap_add() of the KVM that the seed patches; the bound is as in
 * rmap_recycle() of arch/x86/kvm/mmu/mmu.c, Linux 6.1.
 */
void rmap_add(struct vcpu *vcpu, struct memslot *slot, gfn_t gfn, u64 *sptep)
{
	struct rmap_head *rmapp = gfn_to_rmap(slot, gfn);
	struct rmap_desc *desc;
	int i = 0;

	lockdep_assert_held(&vcpu->vm->mmu_lock);

	if (rmap_is_long(rmapp))
		unmap_rmapp(vcpu->vm, slot, gfn);
	if (!rmapp->val) {
		rmapp->val = (unsigned long)sptep;
		return;
	}
	if (!(rmapp->val & RMAP_MANY)) {
		desc = mmu_cache_take(&vcpu->mmu.rmap_descs);
		desc->sptes[i++] = (u64 *)rmapp->val;
		rmapp->val = (unsigned long)desc | RMAP_MANY;
	} else {
		desc = rmap_descs(rmapp);
		while (i < RMAP_DESC_SPTES && desc->sptes[i])
			i++;
		if (i == RMAP_DESC_SPTES) {	/* only the first one may have room */
			struct rmap_desc *more = desc;

			desc = mmu_cache_take(&vcpu->mmu.rmap_descs);
			desc->more = more;
			rmapp->val = (unsigned long)desc | RMAP_MANY;
			i = 0;
		}
	}
	desc->sptes[i] = sptep;
}

/* Take the entry at @i of @desc out: the last entry of the first descriptor fills the hole. */
static void rmap_remove_entry(struct rmap_head *rmapp, struct rmap_desc *desc, int i)
{
	struct rmap_desc *first = rmap_descs(rmapp);
	int last = RMAP_DESC_SPTES - 1;

	while (!first->sptes[last])
		last--;
	desc->sptes[i] = first->sptes[last];
	first->sptes[last] = NULL;
	if (last == 0) {
		rmapp->val = first->more ? (unsigned long)first->more | RMAP_MANY : 0;
		kfree(first);
	} else if (last == 1 && !first->more) {
		rmapp->val = (unsigned long)first->sptes[0];
		kfree(first);
	}
}

/**
 * rmap_remove() - note that an spte no longer maps a page.
 * @vm: the VM.
 * @gfn: the page, as a guest frame number.
 * @sptep: the spte, on the page's chain.
 *
 * Context: mmu_lock held; does not sleep.
 * Source: rmap_remove() of the KVM that the seed patches.
 */
void rmap_remove(struct vm *vm, gfn_t gfn, u64 *sptep)
{
	struct rmap_head *rmapp = gfn_to_rmap(gfn_to_memslot(vm, gfn), gfn);
	struct rmap_desc *desc;
	int i;

	lockdep_assert_held(&vm->mmu_lock);

	if (!(rmapp->val & RMAP_MANY)) {
		if (!WARN_ON_ONCE(rmapp->val != (unsigned long)sptep))
			rmapp->val = 0;
		return;
	}
	for (desc = rmap_descs(rmapp); desc; desc = desc->more) {
		for (i = 0; i < RMAP_DESC_SPTES && desc->sptes[i]; i++) {
			if (desc->sptes[i] == sptep) {
				rmap_remove_entry(rmapp, desc, i);
				return;
			}
		}
	}
	WARN_ON_ONCE(1);
}

/**
 * rmap_next() - step along a chain.
 * @rmapp: the page's chain.
 * @sptep: the entry to step from; NULL for the first.
 *
 * A removal may move the last entry into the hole it leaves. So who removes as
 * it goes starts again from NULL each time: fetch-next-then-remove, as in the
 * seed, steps over the entry that was moved (see unmap_rmapp()).
 *
 * Context: mmu_lock held; does not sleep.
 * Return: the next spte, or NULL at the end.
 * Source: rmap_next() of the KVM that the seed patches.
 */
u64 *rmap_next(const struct rmap_head *rmapp, const u64 *sptep)
{
	struct rmap_desc *desc;
	bool found = !sptep;
	int i;

	if (!(rmapp->val & RMAP_MANY))
		return found ? (u64 *)rmapp->val : NULL;
	for (desc = rmap_descs(rmapp); desc; desc = desc->more) {
		for (i = 0; i < RMAP_DESC_SPTES && desc->sptes[i]; i++) {
			if (found)
				return desc->sptes[i];
			found = desc->sptes[i] == sptep;
		}
	}
	return NULL;
}

/**
 * rmap_times() - how often is an spte on a chain?
 * @rmapp: the page's chain.
 * @sptep: the entry.
 *
 * Context: mmu_lock held; does not sleep.
 * Return: once, if all is well.
 */
unsigned int rmap_times(const struct rmap_head *rmapp, const u64 *sptep)
{
	const struct rmap_desc *desc;
	unsigned int n = 0;
	int i;

	if (!(rmapp->val & RMAP_MANY))
		return (u64 *)rmapp->val == sptep;
	for (desc = rmap_descs(rmapp); desc; desc = desc->more)
		for (i = 0; i < RMAP_DESC_SPTES; i++)
			n += desc->sptes[i] == sptep;
	return n;
}

/**
 * unmap_rmapp() - drop every spte that maps a page.
 * @vm: the VM.
 * @slot: the page's slot.
 * @gfn: the page, as a guest frame number.
 *
 * Context: mmu_lock held; does not sleep. The caller flushes the TLBs before it
 * lets go of mmu_lock.
 * Return: how many there were.
 * Source: the seed's mmu.c hunk, kvm_unmap_rmapp().
 */
int unmap_rmapp(struct vm *vm, struct memslot *slot, gfn_t gfn)
{
	struct rmap_head *rmapp = gfn_to_rmap(slot, gfn);
	u64 *sptep;
	int n = 0;

	lockdep_assert_held(&vm->mmu_lock);

	while ((sptep = rmap_next(rmapp, NULL))) {
		drop_spte(vm, sptep);
		n++;
	}
	if (n)
		trace_kvmswap_unmap_rmapp(vm, gfn);
	return n;
}

/**
 * rmap_write_protect() - make the next write to a page fault.
 * @vm: the VM.
 * @slot: the page's slot.
 * @gfn: the page, as a guest frame number.
 *
 * Context: mmu_lock held; does not sleep. The caller flushes the TLBs before it
 * lets go of mmu_lock.
 * Return: true if a writable spte was there.
 * Source: rmap_write_protect() of the KVM that the seed patches.
 */
bool rmap_write_protect(struct vm *vm, struct memslot *slot, gfn_t gfn)
{
	struct rmap_head *rmapp = gfn_to_rmap(slot, gfn);
	bool was_writable = false;
	u64 *sptep;

	lockdep_assert_held(&vm->mmu_lock);

	for (sptep = rmap_next(rmapp, NULL); sptep; sptep = rmap_next(rmapp, sptep)) {
		if (!(*sptep & SPTE_WRITABLE))
			continue;
		/* The hardware may set A or D in it at this moment: clear one bit alone. */
		clear_bit(__builtin_ctzll(SPTE_WRITABLE), (unsigned long *)sptep);
		was_writable = true;
	}
	return was_writable;
}

/**
 * rmap_alloc_slot() - make the chains of a new slot, all empty.
 * @slot: the slot; its npages says how many.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int rmap_alloc_slot(struct memslot *slot)
{
	slot->rmap = kvcalloc(slot->npages, sizeof(*slot->rmap),
			      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	return slot->rmap ? 0 : -ENOMEM;
}

/**
 * rmap_free_slot() - free the chains of a slot.
 * @slot: the slot; no spte maps any of its pages.
 *
 * Context: process, may sleep.
 */
void rmap_free_slot(struct memslot *slot)
{
	kvfree(slot->rmap);
	slot->rmap = NULL;
}

/*
 * A slot may have millions of pages: let others at mmu_lock now and then. No fault
 * maps a page of the slot meanwhile, or, if it is its writes that are to be logged, none
 * that it does not log; a callback that comes in between flushes for what was dropped so
 * far, since tlbs_dirty says so.
 */
static void breathe(struct vm *vm, unsigned long i)
{
	if (i % 64 == 63)
		cond_resched_lock(&vm->mmu_lock);
}

/**
 * unmap_slot() - drop every spte that maps a page of the slot.
 * @vm: the VM.
 * @slot: the slot.
 *
 * Context: slots_lock held to write, mmu_lock held, and let go of now and then; may
 * sleep there. Flushes the TLBs.
 */
void unmap_slot(struct vm *vm, struct memslot *slot)
{
	unsigned long i;

	lockdep_assert_held_write(&vm->slots_lock);
	for (i = 0; i < slot->npages; i++) {
		unmap_rmapp(vm, slot, slot->base_gfn + i);
		breathe(vm, i);
	}
	flush_remote_tlbs(vm);
}

/**
 * write_protect_slot() - make the next write to pages of the slot fault.
 * @vm: the VM.
 * @slot: the slot.
 * @which: a bit for each page: to these; NULL: to all.
 *
 * Context: as unmap_slot().
 */
void write_protect_slot(struct vm *vm, struct memslot *slot, const unsigned long *which)
{
	unsigned long i;

	lockdep_assert_held_write(&vm->slots_lock);
	for (i = 0; i < slot->npages; i++) {
		if ((!which || test_bit(i, which)) &&
		    rmap_write_protect(vm, slot, slot->base_gfn + i))
			vm->tlbs_dirty = true;
		breathe(vm, i);
	}
	flush_remote_tlbs(vm);
}
