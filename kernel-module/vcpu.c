// SPDX-License-Identifier: GPL-2.0
/*
 * vcpu.c - chapter 0: a virtual CPU's life, from KVM_CREATE_VCPU until its VM
 * goes; its ioctls; and the two pages that it shares with user space.
 *
 * You come here from vm.c. Next: run.c (KVM_RUN), regs.c (its registers).
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>

#include "cpuid.h"
#include "event.h"
#include "svm.h"
#include "vcpu.h"
#include "vm.h"

#define PAT_DEFAULT		0x0007040600070406ULL
#define DEFAULT_SIGNATURE	0x600		/* in RDX after RESET, without a CPUID table */

/**
 * vcpu_reset() - put a vCPU into the state it has after RESET or INIT.
 * @vcpu: the vCPU.
 * @init: INIT: the cache bits of CR0, the APIC base and the PAT stay.
 *
 * Context: vcpu->mutex held, or nobody else knows the vCPU yet; may sleep.
 * Source: AMD manual, "Processor State After INIT and RESET"; where it leaves a
 * choice, stock KVM's.
 */
void vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct svm_vcpu *svm = vcpu->svm;
	unsigned long cache_bits = X86_CR0_CD | X86_CR0_NW;
	u32 leaf[4];

	memset(vcpu->regs, 0, sizeof(vcpu->regs));
	cpuid_query(vcpu, 1, 0, leaf);
	vcpu->regs[REG_RDX] = leaf[0] ?: DEFAULT_SIGNATURE;
	vcpu->rip = 0xfff0;
	vcpu->rflags = X86_EFLAGS_FIXED;
	vcpu->cr0 = X86_CR0_ET | (init ? vcpu->cr0 & cache_bits : cache_bits);
	vcpu->cr2 = 0;
	vcpu->cr3 = 0;
	vcpu->cr4 = 0;
	vcpu->efer = 0;
	memset(svm->dr, 0, sizeof(svm->dr));
	svm->dr6 = DR6_RESERVED;
	svm->dr7 = DR7_RESET;
	if (!init) {
		svm->pat = PAT_DEFAULT;
		svm->misc_enable = MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL |
				   MSR_IA32_MISC_ENABLE_BTS_UNAVAIL;
		vcpu->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE;
		if (!vcpu->id)
			vcpu->apic_base |= MSR_IA32_APICBASE_BSP;
	}
	event_reset(vcpu);
	vmcb_reset(vcpu);
	mmu_unload(vcpu);
}

/**
 * vcpu_free() - free a vCPU.
 * @vcpu: the vCPU; its fd is closed, its shadow pages are gone.
 *
 * Context: process, may sleep.
 */
void vcpu_free(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;

	if (svm) {
		vmcb_free(vcpu);
		if (svm->fpu.fpstate)
			fpu_free_guest_fpstate(&svm->fpu);
		kvfree(svm->cpuid);
		kfree(svm);
	}
	free_page((unsigned long)vcpu->mmu.pae_root);
	free_page((unsigned long)vcpu->pio_data);
	free_page((unsigned long)vcpu->run);
	kfree(vcpu);
}

static struct vcpu *vcpu_alloc(struct vm *vm, int id)
{
	struct vcpu *vcpu;

	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return NULL;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu->maxphyaddr = 36;
	mutex_init(&vcpu->mutex);
	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->mmu.pae_root = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | __GFP_DMA32);
	vcpu->svm = kzalloc(sizeof(*vcpu->svm), GFP_KERNEL_ACCOUNT);
	if (!vcpu->run || !vcpu->pio_data || !vcpu->mmu.pae_root || !vcpu->svm)
		goto out_free;
	vcpu->mmu.root_hpa = __pa(vcpu->mmu.pae_root);
	if (vmcb_create(vcpu) || !fpu_alloc_guest_fpstate(&vcpu->svm->fpu))
		goto out_free;
	vcpu_reset(vcpu, false);
	return vcpu;

out_free:
	vcpu_free(vcpu);
	return NULL;
}

/* All vCPUs of a VM read the same time, which began when the first was made. */
static u64 vm_tsc_offset(struct vm *vm)
{
	struct vcpu *vcpu;
	int i;

	for_each_vcpu(i, vcpu, vm)
		return vcpu->svm->vmcb->control.tsc_offset;
	return -rdtsc();
}

static vm_fault_t vcpu_mmap_fault(struct vm_fault *vmf)
{
	struct vcpu *vcpu = vmf->vma->vm_file->private_data;
	void *shared[VCPU_MMAP_PAGES] = {
		[RUN_PAGE_OFFSET] = vcpu->run,
		[PIO_PAGE_OFFSET] = vcpu->pio_data,
	};

	if (vmf->pgoff >= VCPU_MMAP_PAGES)
		return VM_FAULT_SIGBUS;
	vmf->page = virt_to_page(shared[vmf->pgoff]);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_mmap_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	vm_put(vcpu->vm);
	return 0;
}

static int set_signal_mask(struct vcpu *vcpu, const struct kvm_signal_mask __user *arg)
{
	struct svm_vcpu *svm = vcpu->svm;
	sigset_t mask;
	u32 len;

	if (!arg) {
		svm->has_sigmask = false;
		return 0;
	}
	if (get_user(len, &arg->len))
		return -EFAULT;
	if (len != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, arg->sigset, sizeof(mask)))
		return -EFAULT;
	sigdelsetmask(&mask, sigmask(SIGKILL) | sigmask(SIGSTOP));
	svm->sigmask = mask;
	svm->has_sigmask = true;
	return 0;
}

/* The ioctls that move a structure: one buffer for all, each as large as it is. */
union vcpu_arg {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_translation translation;
	struct kvm_interrupt interrupt;
};

static long vcpu_struct_ioctl(struct vcpu *vcpu, unsigned int cmd, void __user *argp,
			      union vcpu_arg *arg)
{
	long r = 0;

	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(arg, argp, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case KVM_GET_REGS:
		get_regs(vcpu, &arg->regs);
		break;
	case KVM_SET_REGS:
		set_regs(vcpu, &arg->regs);
		break;
	case KVM_GET_SREGS:
		get_sregs(vcpu, &arg->sregs);
		break;
	case KVM_SET_SREGS:
		r = set_sregs(vcpu, &arg->sregs);
		break;
	case KVM_GET_FPU:
		get_fpu(vcpu, &arg->fpu);
		break;
	case KVM_SET_FPU:
		set_fpu(vcpu, &arg->fpu);
		break;
	case KVM_TRANSLATE:
		r = translate(vcpu, &arg->translation);
		break;
	case KVM_INTERRUPT:
		if (arg->interrupt.irq >= KVM_NR_INTERRUPTS)
			return -EINVAL;
		queue_interrupt(vcpu, arg->interrupt.irq);
		break;
	}
	if (!r && (_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(argp, arg, _IOC_SIZE(cmd)))
		r = -EFAULT;
	return r;
}

static long vcpu_locked_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	union vcpu_arg *buffer;
	long r;

	switch (cmd) {
	case KVM_RUN:
		return arg ? -EINVAL : vcpu_run(vcpu);
	case KVM_SET_CPUID2:
		return cpuid_set(vcpu, argp);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, argp);
	case KVM_GET_REGS:
	case KVM_SET_REGS:
	case KVM_GET_SREGS:
	case KVM_SET_SREGS:
	case KVM_GET_FPU:
	case KVM_SET_FPU:
	case KVM_TRANSLATE:
	case KVM_INTERRUPT:
		break;
	default:
		return -ENOTTY;
	}

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return -ENOMEM;
	r = vcpu_struct_ioctl(vcpu, cmd, argp, buffer);
	kfree(buffer);
	return r;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;
	long r;

	if (!vm_usable(vcpu->vm))
		return -EIO;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	r = vcpu_locked_ioctl(vcpu, cmd, arg);
	mutex_unlock(&vcpu->mutex);
	return r;
}

static const struct file_operations vcpu_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= vcpu_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= vcpu_mmap,
	.release	= vcpu_release,
	.llseek		= noop_llseek,
};

/**
 * vcpu_create() - KVM_CREATE_VCPU.
 * @vm: its VM, which the new fd holds as well.
 * @id: its number, below KVMSWAP_MAX_VCPUS.
 *
 * The fd comes first and is made known last: before that user space cannot get at
 * the vCPU, and after it nothing can fail. Once in vm->vcpus it stays until the VM
 * goes, so that others may look it up without a lock.
 *
 * Context: process, vm->lock not held; may sleep.
 * Return: a new file descriptor; -EINVAL no such number; -EEXIST taken; -ENOMEM; -EMFILE.
 */
int vcpu_create(struct vm *vm, unsigned long id)
{
	struct vcpu *vcpu;
	struct file *file;
	int fd;

	if (id >= KVMSWAP_MAX_VCPUS)
		return -EINVAL;
	id = array_index_nospec(id, KVMSWAP_MAX_VCPUS);
	vcpu = vcpu_alloc(vm, id);
	if (!vcpu)
		return -ENOMEM;

	mutex_lock(&vm->lock);
	fd = -EEXIST;
	if (vm->vcpus[id])
		goto out_unlock;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto out_unlock;
	file = anon_inode_getfile("kvmswap-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto out_unlock;
	}
	vcpu->svm->vmcb->control.tsc_offset = vm_tsc_offset(vm);
	vm_get(vm);
	smp_store_release(&vm->vcpus[id], vcpu);	/* pairs with for_each_vcpu() */
	fd_install(fd, file);
	mutex_unlock(&vm->lock);
	return fd;

out_unlock:
	mutex_unlock(&vm->lock);
	vcpu_free(vcpu);
	return fd;
}
