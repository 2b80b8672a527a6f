// SPDX-License-Identifier: GPL-2.0
/*
 * svmdis.c - plays a firmware that has disabled SVM, which QEMU cannot: while this is
 * loaded, a careful read of VM_CR shows SVMDIS set. It is a probe at the return of the
 * kernel's function for such reads; only the test of that one message uses it.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <asm/msr-index.h>
#include <asm/svm.h>

/* Keep only the reads of VM_CR: for the others the return is not probed. */
static int entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return (u32)regs->di != MSR_VM_CR;
}

static int back(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs->ax |= SVM_VM_CR_SVM_DIS_MASK;
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name	= "native_read_msr_safe",
	.entry_handler	= entry,
	.handler	= back,
};

static int __init svmdis_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit svmdis_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(svmdis_init);
module_exit(svmdis_exit);

MODULE_DESCRIPTION("Test: SVM as if disabled by the firmware");
MODULE_LICENSE("GPL");
