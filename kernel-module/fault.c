// SPDX-License-Identifier: GPL-2.0
/*
 * fault.c - chapter 2: the guest's door, from a #PF exit to an spte. The walk down
 * the left side of the picture: walk.c (gva -> gfn), memslot.c (gfn -> hva), the
 * host's own fault (hva -> pfn), and mmu_lock, under which root.c and spte.c map it.
 *
 * You come here from exit.c. The race of the book is between hva_to_pfn() and
 * mmu_lock: see retry.h.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "audit.h"
#include "fault.h"
#include "notifier.h"
#include "pause.h"
#include "protocol.h"
#include "retry.h"
#include "slot_lookup.h"
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
	unsigned long seq;
};

/*
 * hva -> pfn: the host's own page fault, which may swap the page in. Read-only is
 * enough for a read, once the host tells us when it replaces the page (the zero
 * page, a shared one) by a copy. Until then ask for a page that is ours to keep. A page
 * that the host has marked for NUMA balancing counts as not there.
 */
static int hva_to_pfn(hva_t hva, bool write, struct page **page)
{
	unsigned int flags = FOLL_HONOR_NUMA_FAULT;
	int n;

	if (write || sptes_pin_pages())
		flags |= FOLL_WRITE;
	n = get_user_pages_fast(hva, 1, flags, page);
	if (n == -EFAULT)	/* the slow call can tell broken memory from none */
		n = get_user_pages_unlocked(hva, 1, page, flags | FOLL_HWPOISON);
	if (n == 1)
		return 0;
	return n < 0 ? n : -EFAULT;
}

/* There is no page that we can map; @err says why. */
static int no_page(hva_t hva, int err)
{
	if (err != -EHWPOISON)
		return err;
	/* As if the thread had touched it itself: its handler decides what the guest sees. */
	send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT, current);
	return FAULT_RESUME;
}

/* A page of which the host's callbacks may name a part only: it could not be taken back. */
static bool page_is_refused(struct page *page)
{
	if (!protocol_cuts_hugetlb() || !folio_test_hugetlb(page_folio(page)))
		return false;
	pr_warn_ratelimited("hugetlb memory is not for this protocol on this kernel: load the module with protocol=range\n");
	return true;
}

/* The meeting point: under mmu_lock, is all that was found still so? Then map it. */
static int map_page(struct vcpu *vcpu, gva_t gva, struct found *found)
{
	struct vm *vm = vcpu->vm;
	u64 *sptep;

	lockdep_assert_held(&vm->mmu_lock);

	if (vm->dead)
		return -EIO;
	if (retry_needed(vm, found->slot, found->walk.gfn, found->seq)) {
		stat_inc(vm, faults_retried);
		trace_kvmswap_retry(vcpu, found->walk.gfn, RETRY_INVALIDATED);
		return FAULT_RESUME;
	}
	if (slot_is_leaving(found->slot)) {
		stat_inc(vm, faults_slot_moved);
		trace_kvmswap_retry(vcpu, found->walk.gfn, RETRY_SLOT);
		return FAULT_RESUME;
	}
	if (!walk_unchanged(vcpu, &found->walk)) {
		stat_inc(vm, faults_gpte_moved);
		trace_kvmswap_retry(vcpu, found->walk.gfn, RETRY_GUEST_TABLES);
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
	hva_t hva;
	int ret;

	/* gva -> gfn: the guest's tables */
	ret = walk_guest(vcpu, gva, error_code, &found.walk, &guest_fault);
	if (ret == 1) {
		stat_inc(vm, faults_injected);
		trace_kvmswap_guest_fault(vcpu, gva, guest_fault.error_code);
		inject_page_fault(vcpu, &guest_fault);
		return FAULT_RESUME;
	}
	if (ret == -EAGAIN) {		/* the guest comes back, unless a signal ends KVM_RUN */
		stat_inc(vm, faults_gpte_moved);
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
	found.seq = retry_begin(vm, found.slot);
	hva = memslot_hva(found.slot, found.walk.gfn);
	ret = hva_to_pfn(hva, found.write, &found.page);
	if (ret)
		return no_page(hva, ret);
	trace_kvmswap_gup(vcpu, found.walk.gfn, hva, page_to_pfn(found.page));
	if (page_is_refused(found.page)) {
		put_page(found.page);
		return -EFAULT;
	}

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
	int slots, ret;

	stat_inc(vcpu->vm, faults);
	trace_kvmswap_page_fault(vcpu, gva, error_code);
	ret = mmu_topup(vcpu);
	if (ret)
		return ret;

	error_code &= PFERR_WRITE | PFERR_USER | PFERR_FETCH;
	slots = slots_read_lock(vcpu->vm);
	ret = fault_walk(vcpu, gva, error_code, gpa);
	slots_read_unlock(vcpu->vm, slots);
	return ret;
}
