// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - chapter 0: the module comes and goes, and /dev/kvmswap answers the
 * system ioctls of the KVM API.
 *
 * Next: vm.c (a virtual machine), svm.c (the hardware that is switched on here).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "cpuid.h"
#include "debugfs.h"
#include "protocol.h"
#include "svm.h"
#include "vcpu.h"
#include "vm.h"

static long kvmswap_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return arg ? -EINVAL : vm_create();
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : VCPU_MMAP_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return cpuid_get_supported((struct kvm_cpuid2 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations kvmswap_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= kvmswap_dev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice kvmswap_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kvmswap",
	.fops	= &kvmswap_fops,
	.mode	= 0666,
};

static int __init kvmswap_init(void)
{
	int err;

	err = protocol_choose();
	if (err)
		return err;
	err = svm_hardware_setup();
	if (err)
		return err;
	kvmswap_debugfs_init();
	err = misc_register(&kvmswap_dev);
	if (err)
		goto out_debugfs;
	pr_info("chapter %d, /dev/kvmswap is there\n", KVMSWAP_CHAPTER);
	return 0;

out_debugfs:
	kvmswap_debugfs_exit();
	svm_hardware_unsetup();
	return err;
}

static void __exit kvmswap_exit(void)
{
	misc_deregister(&kvmswap_dev);
	kvmswap_debugfs_exit();
	svm_hardware_unsetup();
}

module_init(kvmswap_init);
module_exit(kvmswap_exit);

MODULE_DESCRIPTION("A small hypervisor whose guests the host can swap");
MODULE_LICENSE("GPL");
