// SPDX-License-Identifier: GPL-2.0
/*
 * tlb.c - chapter 2: the last step of every removal. A CPU in guest mode may use
 * any translation it has ever walked; it forgets them when it leaves the guest
 * and enters again with a new ASID.
 *
 * You come here from spte.c's callers. The other half, what a vCPU does about a
 * request, is in run.c's loop.
 */
#include <linux/smp.h>

#include "tlb.h"
#include "trace.h"

/* The interrupt alone takes the CPU out of the guest; there is nothing left to do. */
static void kick_ack(void *unused)
{
}

/* Out of the guest with every vCPU, and not back in before it has done @req. */
static int request_all_vcpus(struct vm *vm, enum vcpu_request req)
{
	struct vcpu *vcpu;
	int i, kicked = 0;

	lockdep_assert_held(&vm->mmu_lock);

	cpumask_clear(&vm->kick_mask);
	for_each_vcpu(i, vcpu, vm) {
		make_request(vcpu, req);
		/*
		 * Pairs with smp_store_mb() of the run loop: either we see the
		 * vCPU in guest mode, or it sees our request before it enters.
		 */
		smp_mb__after_atomic();
		if (READ_ONCE(vcpu->mode) == IN_GUEST_MODE) {
			cpumask_set_cpu(READ_ONCE(vcpu->cpu), &vm->kick_mask);
			stat_inc(vm, kicks);
			kicked++;
		}
	}
	if (kicked)
		smp_call_function_many(&vm->kick_mask, kick_ack, NULL, true);
	return kicked;
}

/**
 * flush_remote_tlbs() - make every vCPU forget its translations, now.
 * @vm: the VM.
 *
 * When it returns, no CPU uses a translation that was removed before the call:
 * the pages may be freed, and shadow pages too.
 *
 * Context: mmu_lock held, interrupts on; waits for the other CPUs but does not
 * sleep.
 * Source: the seed's kvm_flush_remote_tlbs() calls; AMD manual, "TLB Flush".
 */
void flush_remote_tlbs(struct vm *vm)
{
	int kicked = request_all_vcpus(vm, REQ_TLB_FLUSH);

	vm->tlbs_dirty = false;
	stat_inc(vm, tlb_flushes);
	trace_kvmswap_flush(vm, kicked);
}

/**
 * sync_all_vcpus() - make every vCPU re-read its guest's page tables, now.
 * @vm: the VM; memory that tables may be in has gone or moved.
 *
 * Context: mmu_lock held, interrupts on; does not sleep.
 */
void sync_all_vcpus(struct vm *vm)
{
	request_all_vcpus(vm, REQ_MMU_SYNC);
	flush_remote_tlbs(vm);
}
