// SPDX-License-Identifier: GPL-2.0
/*
 * vm.c - chapter 0: a virtual machine. It is bound to the mm that made it, its
 * ioctls configure it, and it goes with the last of its file descriptors, in
 * whatever order they are closed.
 *
 * You come here from main.c. Next: vcpu.c (its CPUs), memslot.c (its memory).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "debugfs.h"
#include "notifier.h"
#include "protocol.h"
#include "seqlock.h"
#include "slot_lookup.h"
#include "vcpu.h"
#include "vm.h"

static void vm_free(struct kref *users)
{
	struct vm *vm = container_of(users, struct vm, users);
	struct vcpu *vcpu;
	int i;

	/*
	 * First shut both doors: no reader in debugfs, no callback from the mm.
	 * Nobody runs a vCPU, or its fd would still hold the VM.
	 */
	vm_debugfs_exit(vm);
	notifier_unregister(vm);
	for_each_vcpu(i, vcpu, vm)
		mmu_destroy(vcpu);
	mmu_destroy_vm(vm);
	for_each_vcpu(i, vcpu, vm)
		vcpu_free(vcpu);
	free_memslots(vm);
	slots_destroy(vm);
	mmdrop(vm->mm);
	kvfree(vm);
}

/**
 * vm_get() - hold a VM.
 * @vm: the VM, already held by the caller.
 *
 * Context: any.
 */
void vm_get(struct vm *vm)
{
	kref_get(&vm->users);
}

/**
 * vm_put() - let go of a VM; the last one frees it.
 * @vm: the VM.
 *
 * Context: process, no locks held; may sleep.
 */
void vm_put(struct vm *vm)
{
	kref_put(&vm->users, vm_free);
}

/**
 * vm_usable() - may the current task use this VM?
 * @vm: the VM.
 *
 * A VM's memory is that of the process that made it. Another process that got
 * hold of the fd has another mm, and after exit or exec the mm is gone.
 *
 * Context: any.
 * Return: true if it may; otherwise the ioctl answers -EIO.
 */
bool vm_usable(struct vm *vm)
{
	return current->mm == vm->mm && !READ_ONCE(vm->dead);
}

/**
 * vm_check_extension() - KVM_CHECK_EXTENSION.
 * @cap: a KVM_CAP_* number.
 *
 * Context: any.
 * Return: 0 if not supported, else 1 or the number that the capability has.
 * Source: Documentation/virt/kvm/api.rst, KVM_CHECK_EXTENSION.
 */
int vm_check_extension(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_INTERNAL_ERROR_DATA:
		return 1;
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
		return IS_ENABLED(CONFIG_KVMSWAP_MEMSLOT);
	case KVM_CAP_NR_MEMSLOTS:
		return IS_ENABLED(CONFIG_KVMSWAP_MEMSLOT) ? KVMSWAP_MAX_SLOTS : 0;
	case KVM_CAP_SYNC_MMU:
		return IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER);
	case KVM_CAP_NR_VCPUS:
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MAX_VCPU_ID:
		return KVMSWAP_MAX_VCPUS;
	default:
		return 0;
	}
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vm *vm = file->private_data;
	void __user *argp = (void __user *)arg;

	if (!vm_usable(vm))
		return -EIO;

	switch (cmd) {
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(arg);
	case KVM_CREATE_VCPU:
		return vcpu_create(vm, arg);
	case KVM_SET_USER_MEMORY_REGION: {
		struct kvm_userspace_memory_region mem;

		if (!IS_ENABLED(CONFIG_KVMSWAP_MEMSLOT))
			return -ENOTTY;
		if (copy_from_user(&mem, argp, sizeof(mem)))
			return -EFAULT;
		return set_memory_region(vm, &mem, false);
	}
	case KVM_SET_MEMORY_REGION: {
		struct kvm_userspace_memory_region mem = { };

		/* The same fields in the same places, but for the address behind them. */
		BUILD_BUG_ON(offsetof(typeof(mem), userspace_addr) !=
			     sizeof(struct kvm_memory_region));
		if (!IS_ENABLED(CONFIG_KVMSWAP_SLOT_TREE))
			return -ENOTTY;
		if (copy_from_user(&mem, argp, sizeof(struct kvm_memory_region)))
			return -EFAULT;
		return set_memory_region(vm, &mem, true);
	}
	case KVM_GET_DIRTY_LOG: {
		struct kvm_dirty_log log;

		if (!IS_ENABLED(CONFIG_KVMSWAP_RMAP))
			return -ENOTTY;
		if (copy_from_user(&log, argp, sizeof(log)))
			return -EFAULT;
		return get_dirty_log(vm, &log);
	}
	default:
		return -ENOTTY;
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= vm_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= vm_release,
	.llseek		= noop_llseek,
};

/**
 * vm_create() - KVM_CREATE_VM: a VM without vCPUs or memory.
 *
 * The notifier is registered once every field that its callbacks use is set up:
 * they may come the moment the registration is done.
 *
 * Context: process, may sleep.
 * Return: a new file descriptor; -ENOMEM; -EMFILE; -EINTR if a signal came while
 * waiting for the mm's locks.
 * Source: the seed's x86.c hunk in kvm_arch_create_vm(), which registers first.
 */
int vm_create(void)
{
	struct file *file;
	struct vm *vm;
	int fd, err;

	vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return -ENOMEM;

	kref_init(&vm->users);
	mutex_init(&vm->lock);
	init_rwsem(&vm->slots_lock);
	spin_lock_init(&vm->mmu_lock);
	seqlock_init_vm(vm);
	protocol_init_vm(vm);
	mmu_init_vm(vm);
	vm->mm = current->mm;
	mmgrab(vm->mm);

	err = slots_init(vm);
	if (err)
		goto out_free;
	err = notifier_register(vm);
	if (err)
		goto out_slots;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		err = fd;
		goto out_put;
	}
	vm_debugfs_init(vm, fd);
	file = anon_inode_getfile("kvmswap-vm", &vm_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto out_fd;
	}
	fd_install(fd, file);
	return fd;

out_fd:
	put_unused_fd(fd);
out_put:
	vm_put(vm);
	return err;
out_slots:
	slots_destroy(vm);
out_free:
	mmdrop(vm->mm);
	kvfree(vm);
	return err;
}
