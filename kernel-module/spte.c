// SPDX-License-Identifier: GPL-2.0
/*
 * spte.c - chapter 2: one leaf spte comes or goes. The guest's walk ends here by
 * setting it, the host's by dropping it, both under mmu_lock.
 *
 * You come here from fault.c or from rmap.c. Next: tlb.c, to make it true.
 */
#include <linux/mm.h>

#include "gpte.h"
#include "notifier.h"
#include "rmap.h"
#include "spte.h"
#include "tlb.h"
#include "trace.h"
#include "walk.h"

/**
 * sptep_to_sp() - the shadow page that an entry is in.
 * @sptep: the entry.
 *
 * Context: mmu_lock held, so that the shadow page stays.
 * Return: the shadow page.
 */
struct shadow_page *sptep_to_sp(const u64 *sptep)
{
	return (struct shadow_page *)page_private(virt_to_page(sptep));
}

/**
 * sptep_to_gfn() - the guest frame that a leaf spte maps.
 * @sptep: a present leaf spte.
 *
 * Context: mmu_lock held.
 * Return: guest frame number, in pages.
 */
gfn_t sptep_to_gfn(const u64 *sptep)
{
	struct shadow_page *sp = sptep_to_sp(sptep);

	return sp->gfns[sptep - sp->spt];
}

static u64 make_spte(union role role, unsigned int access, u64 pfn, bool write)
{
	u64 spte = (pfn << PAGE_SHIFT) | SPTE_PRESENT | SPTE_ACCESSED;

	if (access & ACC_USER)
		spte |= SPTE_USER;
	if (!(access & ACC_EXEC))
		spte |= SPTE_NX;
	if (write) {
		spte |= SPTE_WRITABLE | SPTE_DIRTY;
		/*
		 * The guest's kernel writes a read-only page, as CR0.WP = 0 lets
		 * it. The hardware runs with WP = 1: map it writable, but hide it
		 * from user mode, whose next access makes a read-only spte again.
		 */
		if (!(access & ACC_WRITE))
			spte &= ~SPTE_USER;
	}
	return spte;
}

/**
 * spte_allowed() - would the guest's entry, as it is now, allow this spte?
 * @role: of the level 1 shadow page that the spte is in.
 * @spte: the spte.
 * @gpte: the guest's entry.
 *
 * Context: any.
 * Return: true if whatever the spte lets the guest do is allowed by its entry, and
 * the entry's A and D bits say that it was done.
 */
bool spte_allowed(union role role, u64 spte, u64 gpte)
{
	unsigned int access = role.access & gpte_access(role, gpte);

	if (!(gpte & SPTE_PRESENT) || !(gpte & SPTE_ACCESSED))
		return false;
	if ((spte & SPTE_USER) && !(access & ACC_USER))
		return false;
	if (!(spte & SPTE_NX) && !(access & ACC_EXEC))
		return false;
	if (!(spte & SPTE_WRITABLE))
		return true;
	if (!(gpte & SPTE_DIRTY))
		return false;
	return (access & ACC_WRITE) || (!role.wp && !(spte & SPTE_USER));
}

/**
 * set_spte() - map a page: make a leaf spte present.
 * @vcpu: whose caches to use.
 * @slot: the page's slot.
 * @walk: what the guest's tables allow, and which frame they name.
 * @sptep: the leaf spte, from shadow_walk(); what it mapped before goes.
 * @pfn: the host's frame, in pages. From chapter 4 on its reference stays the
 * caller's; before, the spte takes it over.
 * @write: the access is a write, so the page is writable and is dirty from now on.
 *
 * Context: mmu_lock held; does not sleep.
 * Source: set_pte_common() of the KVM that the seed patches; invariants 2 to 4 of
 * the design.
 */
void set_spte(struct vcpu *vcpu, struct memslot *slot, const struct guest_walk *walk,
	      u64 *sptep, u64 pfn, bool write)
{
	struct shadow_page *sp = sptep_to_sp(sptep);
	struct vm *vm = vcpu->vm;
	u64 spte;

	lockdep_assert_held(&vm->mmu_lock);

	if (*sptep & SPTE_PRESENT)
		drop_spte(vm, sptep);

	spte = make_spte(sp->role, walk->access, pfn, write);
	sp->gfns[sptep - sp->spt] = walk->gfn;
	rmap_add(vcpu, slot, walk->gfn, sptep);
	if (write) {
		/* Now, not when it is dropped: the host may look before it asks. */
		set_page_dirty(pfn_to_page(pfn));
		mark_page_dirty(slot, walk->gfn);
	}
	WRITE_ONCE(*sptep, spte);

	stat_inc(vm, sptes_set);
	if (sptes_pin_pages())
		stat_inc(vm, pages_pinned);
	trace_kvmswap_set_spte(vm, walk->gfn, sptep, spte);
}

/**
 * drop_spte() - unmap a page: make a leaf spte not present.
 * @vm: the VM.
 * @sptep: a present leaf spte.
 *
 * The seed's kvm_unmap_spte() flushed the TLBs for each spte, and held the page
 * until then. Where sptes hold pages we must do the same. Once the host's notifier
 * guards the page, one flush before mmu_lock is let go serves many; tlbs_dirty
 * keeps in mind that it is owed.
 *
 * Context: mmu_lock held; does not sleep.
 * Source: the seed's mmu.c hunk, kvm_unmap_spte().
 */
void drop_spte(struct vm *vm, u64 *sptep)
{
	gfn_t gfn = sptep_to_gfn(sptep);
	u64 spte;

	lockdep_assert_held(&vm->mmu_lock);

	rmap_remove(vm, gfn, sptep);
	/* The hardware may set A or D in it at this moment: take it out in one step. */
	spte = xchg(sptep, 0);
	vm->tlbs_dirty = true;
	stat_inc(vm, sptes_cleared);
	trace_kvmswap_drop_spte(vm, gfn, sptep, spte);

	if (sptes_pin_pages()) {
		flush_remote_tlbs(vm);
		/* Since set_spte() the host may have written it to its file and called it clean. */
		if (spte & SPTE_WRITABLE)
			SetPageDirty(pfn_to_page(spte_pfn(spte)));
		put_page(pfn_to_page(spte_pfn(spte)));
		stat_dec(vm, pages_pinned);
	}
}
