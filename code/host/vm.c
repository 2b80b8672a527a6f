// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - a VM and its vCPUs as the module's vm.c and vcpu.c make them, but for files and
 * SVM, which the machine has not.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "machine.h"
#include "notifier.h"
#include "protocol.h"
#include "seqlock.h"
#include "slot_lookup.h"
#include "vcpu.h"

struct vm *host_new_vm(void)
{
	struct vm *vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	mutex_init(&vm->lock);
	init_rwsem(&vm->slots_lock);
	spin_lock_init(&vm->mmu_lock);
	seqlock_init_vm(vm);
	protocol_init_vm(vm);
	mmu_init_vm(vm);
	vm->mm = &host_mm;
	host_check(!slots_init(vm) && !notifier_register(vm), "the VM is not made");
	return vm;
}

struct vcpu *host_new_vcpu(struct vm *vm, int id)
{
	struct vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->maxphyaddr = 40;
	vcpu->has_gbpages = true;
	vcpu->cr0 = X86_CR0_PE;
	mutex_init(&vcpu->mutex);
	vcpu->mmu.pae_root = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	/* Pairs with for_each_vcpu(), as in vcpu_create(). */
	smp_store_release(&vm->vcpus[id], vcpu);
	cpu_attach(vcpu);
	return vcpu;
}
