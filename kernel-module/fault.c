// SPDX-License-Identifier: GPL-2.0
/*
 * fault.c - chapter 2: the guest's door, from a #PF exit to an spte. The walk down
 * the left side of the picture: walk.c (gva -> gfn), memslot.c (gfn -> hva), the
 * host's own fault (hva -> pfn), and mmu_lock, under which root.c and spte.c map it.
 *
 * You come here from svm.c. The race of the book is between hva_to_pfn() and
 * mmu_lock: see retry.h.
 */
#include <linux/mm.h>

#include "audit.h"
#include "fault.h"
#include "notifier.h"
#include "pause.h"
#include "retry.h"
#include "spte.h"
#include "trace.h"
#include "vcpu.h"
#include "walk.h"

/* What a fault has found out by the time it comes to mmu_lock. */
struct found {
	struct guest_walk walk;
	struct memslot *slot;
	struct page *page;	/* referenced */
	bool write;
	unsigned int seq;
};

/*
 * hva -> pfn: the host's own page fault, which may swap the page in. Read-only is
 * enough for a read, once the host tells us when it replaces the page (the zero
 * page, a shared one) by a copy. Until then ask for a page that is ours to keep.
 */
static int hva_to_pfn(hva_t hva, bool write, struct page **page)
{
	unsigned int flags = write || sptes_pin_pages() ? FOLL_WRITE : 0;
	int n = get_user_pages_fast(hva, 1, flags, page);

	if (n == 1)
		return 0;
	return n < 0 ? n : -EFAULT;
}

/* The meeting point: under mmu_lock, is all that was found still so? Then map it. */
static int map_page(struct vcpu *vcpu, gva_t gva, struct found *found)
{
	struct vm *vm = vcpu->vm;
	u64 *sptep;

	lockdep_assert_held(&vm->mmu_lock);

	if (vm->dead)
		return -EIO;
	if (retry_needed(vm, found->seq)) {
		stat_inc(vm, faults_retried);
		trace_kvmswap_retry(vcpu, found->walk.gfn, true);
		return FAULT_RESUME;
	}
	if (!walk_unchanged(vcpu, &found->walk)) {
		stat_inc(vm, faults_gpte_moved);
		trace_kvmswap_retry(vcpu, found->walk.gfn, false);
		return FAULT_RESUME;
	}
	make_shadow_pages_available(vm);
	sptep = shadow_walk(vcpu, &found->walk, gva);
	set_spte(vcpu, found->slot, &found->walk, sptep, page_to_pfn(found->page), found->write);
	if (sptes_pin_pages())
		found->page = NULL;	/* the spte has it now */
	stat_inc(vm, faults_fixed);
	return FAULT_RESUME;
}

static int fault_walk(struct vcpu *vcpu, gva_t gva, u32 error_code, gpa_t *gpa)
{
	struct found found = { .write = error_code & PFERR_WRITE };
	struct guest_fault guest_fault;
	struct vm *vm = vcpu->vm;
	int ret;

	/* gva -> gfn: the guest's tables */
	ret = walk_guest(vcpu, gva, error_code, &found.walk, &guest_fault);
	if (ret == 1) {
		stat_inc(vm, faults_injected);
		trace_kvmswap_guest_fault(vcpu, gva, guest_fault.error_code);
		inject_page_fault(vcpu, &guest_fault);
		return FAULT_RESUME;
	}
	if (ret)
		return ret;

	/* gfn -> hva: the memslots */
	*gpa = (found.walk.gfn << PAGE_SHIFT) | offset_in_page(gva);
	found.slot = gfn_to_memslot(vm, found.walk.gfn);
	if (!found.slot) {
		stat_inc(vm, faults_mmio);
		return FAULT_MMIO;
	}

	/* hva -> pfn: the host */
	found.seq = retry_begin(vm);
	ret = hva_to_pfn(memslot_hva(found.slot, found.walk.gfn), found.write, &found.page);
	if (ret)
		return ret;
	trace_kvmswap_gup(vcpu, found.walk.gfn, memslot_hva(found.slot, found.walk.gfn),
			  page_to_pfn(found.page));

	/* The window: until mmu_lock is held, the host may take the page back. */
	pause_here(PAUSE_FAULT_WINDOW);

	spin_lock(&vm->mmu_lock);
	audit_check(vm, 0, 0);
	ret = map_page(vcpu, gva, &found);
	audit_check(vm, 0, 0);
	spin_unlock(&vm->mmu_lock);

	if (found.page)
		put_page(found.page);
	return ret;
}

/**
 * page_fault() - the guest's door: a #PF exit.
 * @vcpu: the vCPU.
 * @gva: the guest virtual address that faulted, in bytes.
 * @error_code: the hardware's. Its P and RSVD bits speak of our tables, not of the
 * guest's: only what kind of access it was counts.
 * @gpa: set to the guest physical address for FAULT_MMIO, in bytes.
 *
 * Context: vcpu->mutex held, in the VM's process; takes slots_lock, mmap_lock,
 * mmu_lock; may sleep.
 * Return: an enum fault_result; -EFAULT if the slot's memory is not there or is
 * read-only; -ENOMEM; -EIO after the mm's release; what GUP says otherwise.
 * Source: the seed's paging_tmpl.h hunk, FNAME(page_fault).
 */
int page_fault(struct vcpu *vcpu, gva_t gva, u32 error_code, gpa_t *gpa)
{
	int ret;

	stat_inc(vcpu->vm, faults);
	trace_kvmswap_page_fault(vcpu, gva, error_code);
	ret = mmu_topup(vcpu);
	if (ret)
		return ret;

	error_code &= PFERR_WRITE | PFERR_USER | PFERR_FETCH;
	down_read(&vcpu->vm->slots_lock);
	ret = fault_walk(vcpu, gva, error_code, gpa);
	up_read(&vcpu->vm->slots_lock);
	return ret;
}
